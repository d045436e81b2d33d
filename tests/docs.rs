//! The project's own pages: generated ones are fresh, links lead somewhere, nothing names a machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use platctl::report::reference;

/// Every page that a person wrote.
const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/json.md"];

#[test]
fn the_page_of_kinds_is_fresh() {
    is_fresh("docs/kinds.md", &reference::kinds());
}

#[test]
fn the_page_of_the_blueprint_is_fresh() {
    is_fresh("docs/blueprint.md", &reference::blueprint());
}

#[test]
fn relative_links_lead_to_files_and_headings() {
    for page in PAGES {
        let text = read(page);
        for link in links(&text).filter(|link| !link.contains("://")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(page).parent().unwrap();
            let target = if path.is_empty() { PathBuf::from(page) } else { folder.join(path) };
            assert!(root().join(&target).exists(), "{page} links to {link}");
            if !heading.is_empty() {
                let headings = headings(&read(target.to_str().unwrap()));
                assert!(headings.contains(heading), "{page} links to {link}: {headings:?}");
            }
        }
    }
}

#[test]
fn tests_that_pages_name_exist() {
    let sources: Vec<String> = tracked()
        .iter()
        .filter(|path| path.extension().is_some_and(|it| it == "rs"))
        .map(|path| fs::read_to_string(root().join(path)).unwrap())
        .collect();
    for page in PAGES {
        // A test is named by its function, in code quotes, behind the word `test`.
        let text = read(page);
        let named = text.split("test `").skip(1).filter_map(|rest| rest.split('`').next());
        for name in named {
            let function = format!("fn {name}(");
            assert!(sources.iter().any(|text| text.contains(&function)), "{page} names {name}");
        }
    }
}

#[test]
fn the_architecture_fits_on_three_hundred_lines() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= 300, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn no_file_names_a_machine() {
    // In pieces, so that this file does not name them itself.
    let forbidden = [
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/home/", "runner"].concat(),
        ["art", "ifactory"].concat(),
        ["ind", "ex-url"].concat(),
        ["CARGO_REG", "ISTRIES_"].concat(),
    ];
    for path in tracked() {
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for word in &forbidden {
                assert!(!line.contains(word), "{}:{}: {line}", path.display(), number + 1);
            }
        }
    }
    let registries: BTreeSet<String> = read("Cargo.lock")
        .lines()
        .filter_map(|line| line.strip_prefix("source = ").map(str::to_owned))
        .collect();
    let crates_io = "\"registry+https://github.com/rust-lang/crates.io-index\"".to_owned();
    assert_eq!(registries, BTreeSet::from([crates_io]));
}

fn is_fresh(page: &str, fresh: &str) {
    let path = root().join(page);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, fresh).unwrap();
    }
    let stale = fs::read_to_string(&path).unwrap_or_default() != fresh;
    assert!(!stale, "{page} is stale: run `UPDATE_DOCS=1 cargo test docs` and commit it");
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The targets of Markdown's inline links, outside code blocks.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let blocks = text.split("```").step_by(2);
    blocks.flat_map(|prose| prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()))
}

/// The anchors of a page's headings.
fn headings(text: &str) -> BTreeSet<String> {
    let titles = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |title: &str| -> String {
        let kept = title.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    titles.map(anchor).collect()
}

/// The files of the project, relative to its root.
fn tracked() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.expect("git lists the files of the project");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).unwrap();
    names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root().join(path).exists())
        .collect()
}
