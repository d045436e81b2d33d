//! `platctl.lock`: which archive a chart is, wherever and whenever it is rendered.

use std::fs;

use super::repository::Repository;
use super::{Ended, Place, copy, folder};

/// A place whose blueprint has one chart of a repository, at a version or a range.
fn place(repository: &str, version: &str) -> Place {
    Place::new(&format!(
        "charts:\n  all: {{repository: '{repository}', chart: everything, version: '{version}'}}\n"
    ))
}

fn offered(versions: &[&str]) -> Repository {
    let repository = Repository::start();
    repository.offer(&folder().join("everything"), versions);
    repository
}

/// Without what differs from run to run.
fn filtered(repository: &Repository, text: &str) -> String {
    let port = repository.http().rsplit(':').next().unwrap().to_owned();
    let text = text.replace(&port, "PORT");
    let mut plain = String::new();
    for (at, part) in text.split("sha256:").enumerate() {
        let rest =
            if at == 0 { part } else { part.trim_start_matches(|c: char| c.is_ascii_hexdigit()) };
        plain.push_str(if at == 0 { "" } else { "sha256:…" });
        plain.push_str(rest);
    }
    plain
}

fn ok(ended: &Ended) {
    assert_eq!(ended.exit, 0, "{ended:?}");
}

#[test]
fn a_range_becomes_a_version_and_stays_it() {
    for over_oci in [false, true] {
        let repository = offered(&["1.0.0", "1.0.1", "2.0.0"]);
        let url = if over_oci { repository.oci() } else { repository.http() };
        let place = place(&url, "~1.0");
        let locked = place.run("lock");
        ok(&locked);
        assert_eq!(locked.stdout, "+ everything 1.0.1\n");
        let lock = place.read("platctl.lock");
        if !over_oci {
            insta::assert_snapshot!("lock_file", filtered(&repository, &lock));
        }
        // A newer one is there now; what is locked stays.
        repository.offer(&folder().join("everything"), &["1.0.0", "1.0.1", "1.0.2"]);
        ok(&place.run("lock --locked"));
        assert_eq!(place.run("lock").stdout, "  everything 1.0.1\n");
        assert_eq!(place.read("platctl.lock"), lock);
        let updated = place.run("lock --update all");
        assert_eq!(updated.stdout, "~ everything 1.0.1 → 1.0.2\n", "{updated:?}");
        assert!(place.read("platctl.lock").contains("version: 1.0.2"));
    }
}

#[test]
fn what_is_here_is_not_fetched_again() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "1.0.0");
    ok(&place.run("lock"));
    let asked = repository.asked();
    ok(&place.run("lock"));
    ok(&place.run("validate --locked"));
    assert_eq!(repository.asked(), asked);
    assert!(place.render().is_ok(), "the cache is there, and no lock is needed to fetch again");
}

#[test]
fn another_archive_of_the_same_version_is_refused() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "1.0.0");
    ok(&place.run("lock"));
    let changed = tempfile::tempdir().unwrap();
    let chart = changed.path().join("everything");
    copy(&folder().join("everything"), &chart);
    fs::write(chart.join("templates/more.yaml"), "# somebody was here\n").unwrap();
    repository.offer(&chart, &["1.0.0"]);
    // What is kept here is still the right one.
    ok(&place.run("validate"));
    fs::remove_dir_all(place.cache.path().join("charts")).unwrap();
    for command in ["validate", "validate --locked", "plan", "apply --yes", "lock"] {
        let ended = place.run(command);
        assert_eq!(ended.exit, 3, "{command}: {ended:?}");
        assert!(ended.stderr.contains("is not the one that `platctl.lock` names"), "{ended:?}");
    }
    let told = place.run("validate").stderr;
    insta::assert_snapshot!("another_archive", filtered(&repository, &told));
    ok(&place.run("lock --update all"));
    ok(&place.run("validate --locked"));
}

#[test]
fn an_archive_that_was_damaged_here_is_fetched_again() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "1.0.0");
    ok(&place.run("lock"));
    for entry in fs::read_dir(place.cache.path().join("charts")).unwrap() {
        fs::write(entry.unwrap().path(), "damaged").unwrap();
    }
    ok(&place.run("validate --locked"));
}

#[test]
fn in_ci_the_lock_must_have_it() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "1.0.0");
    let ended = place.run("validate --locked");
    assert_eq!(ended.exit, 3, "{ended:?}");
    insta::assert_snapshot!("not_locked", filtered(&repository, &ended.stderr));
    assert!(!place.path().join("platctl.lock").exists());
    ok(&place.run("lock"));
    ok(&place.run("validate --locked"));
    // Another version than the locked one is not locked.
    let text = place.read("platctl.yaml").replace("'1.0.0'", "'~1'");
    place.write("platctl.yaml", &text);
    assert_eq!(place.run("validate --locked").exit, 3);
}

#[test]
fn without_a_lock_one_is_written_and_that_is_said() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "1.0.0");
    // It ends for want of a cloud; charts come first.
    let ended = place.run("plan");
    assert!(ended.stderr.contains("chart everything 1.0.0 is locked in"), "{ended:?}");
    assert!(place.read("platctl.lock").contains("version: 1.0.0"));
}

#[test]
fn charts_can_be_taken_from_a_folder() {
    let repository = offered(&["1.0.0", "1.1.0"]);
    let place = place(&repository.http(), "1.0.0");
    ok(&place.run("lock --vendor vendored"));
    assert!(place.path().join("vendored/everything-1.0.0.tgz").is_file());
    repository.offer(&folder().join("broken"), &[]);
    fs::remove_dir_all(place.cache.path().join("charts")).unwrap();
    let asked = repository.asked();
    ok(&place.run("validate --locked --charts-from vendored"));
    assert_eq!(repository.asked(), asked);
    // What is in the folder is held against the lock.
    fs::write(place.path().join("vendored/everything-1.0.0.tgz"), "another").unwrap();
    let ended = place.run("validate --charts-from vendored");
    assert_eq!(ended.exit, 3, "{ended:?}");
    assert!(ended.stderr.contains("the folder has another one"), "{ended:?}");
    // Folders of charts stand for any version, but not where the lock counts.
    let folder = folder().display().to_string();
    ok(&place.run(&format!("validate --charts-from {folder}")));
    assert_eq!(place.run(&format!("validate --locked --charts-from {folder}")).exit, 3);
    let ended = place.run("validate --charts-from charts");
    assert!(ended.stderr.contains("charts has no chart `everything`"), "{ended:?}");
}

#[test]
fn what_cannot_be_fetched_is_told_at_its_line() {
    let repository = offered(&["1.0.0"]);
    let place = place(&repository.http(), "3.0.0");
    let ended = place.run("validate");
    assert_eq!(ended.exit, 3, "{ended:?}");
    insta::assert_snapshot!("not_fetched", filtered(&repository, &ended.stderr));
    let ended = place.run("lock --update alll");
    assert!(ended.stderr.contains("Did you mean `all`?"), "{ended:?}");
}
