//! The project's own pages: generated ones are fresh, links lead somewhere, nothing names a machine.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use platctl::report::{reference, schema};

/// Every page that a person wrote.
const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/charts.md",
    "docs/destroy.md",
    "docs/json.md",
];

#[test]
fn the_page_of_kinds_is_fresh() {
    is_fresh("docs/kinds.md", &reference::kinds());
}

#[test]
fn the_page_of_the_blueprint_is_fresh() {
    is_fresh("docs/blueprint.md", &reference::blueprint());
}

#[test]
fn the_schema_is_fresh() {
    is_fresh("blueprints/blueprint.schema.json", &schema::blueprint());
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
fn the_architecture_fits_on_three_hundred_lines() {
    let lines = read("ARCHITECTURE.md").lines().count();
    assert!(lines <= 300, "ARCHITECTURE.md has {lines} lines");
}

#[test]
fn every_module_is_on_the_map() {
    let map = read("ARCHITECTURE.md");
    let library = read("src/lib.rs");
    for module in library.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let name = format!("`{}`", module.trim_end_matches(';'));
        let is_row = |line: &str| line.starts_with('|') && line.contains(&name);
        assert!(map.lines().any(is_row), "{name} is not on the map");
    }
}

#[test]
fn no_file_names_a_machine() {
    // In two parts, so that this file does not hold them itself.
    let folders =
        [["/wo", "rk/"], ["/ro", "ot/"], ["/home/", "runner"]].map(|parts| parts.concat());
    for path in tracked() {
        // What is no text names nothing.
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (line, number) in text.lines().zip(1..) {
            let at = format!("{}:{number}", path.display());
            assert!(!folders.iter().any(|folder| line.contains(folder)), "{at}: {line}");
            let hosts = line.split("://").skip(1).filter_map(host);
            for host in hosts {
                let is_public =
                    |public: &str| host == public || host.ends_with(&format!(".{public}"));
                assert!(PUBLIC.iter().any(|public| is_public(public)), "{at}: {host}");
            }
        }
    }
}

/// Hosts that may be named, with all below them: everything else could be somebody's own registry.
const PUBLIC: &[&str] = &[
    "127.0.0.1",
    "amazon.com",
    "amazonaws.com",
    "apache.org",
    "argo-cd.readthedocs.io",
    "charts.external-secrets.io",
    "charts.jetstack.io",
    "ecr.aws",
    "eks.aws",
    "endoflife.date",
    "example.com",
    "github.com",
    "github.io",
    "githubusercontent.com",
    "insta.rs",
    "istio-release.storage.googleapis.com",
    "json-schema.org",
    "karpenter.sh",
    "letsencrypt.org",
    "pkg.go.dev",
    // The services of a cluster, as pods call them.
    "default.svc",
    "svc.cluster.local",
];

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

/// The host with which the rest of a URL begins, if it is a whole name.
fn host(rest: &str) -> Option<&str> {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !".-".contains(c));
    let (host, path) = rest.split_at(end.unwrap_or(rest.len()));
    let host = host.trim_end_matches('.');
    let is_pattern = path.starts_with(['{', '<', '*', '$']);
    (host.contains('.') && !is_pattern).then_some(host)
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
