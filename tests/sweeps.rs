//! Sweeps over the registry and over the files: what must hold for each of them, also for those of tomorrow.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use platctl::kind::{Compare, OnChange, Sent, Tagging, Typical, reference};
use platctl::kinds::{self, KINDS};
use serde_json::Value;

/// No file is longer, unless its first comment says why.
const LINES_MAX: usize = 600;

#[test]
fn kinds_are_sorted_and_found_by_their_names() {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    assert!(names.is_sorted_by(|one, next| one < next), "{names:?}");
    for name in names {
        assert_eq!(kinds::find(name).unwrap().name(), name);
    }
    assert!(kinds::find("AWS::EC2::Nothing").is_none());
}

#[test]
fn names_look_like_cloudformation_types() {
    for name in KINDS.iter().map(|kind| kind.name()) {
        let parts: Vec<&str> = name.split("::").collect();
        let capital = |part: &&str| {
            part.starts_with(|c: char| c.is_ascii_uppercase())
                && part.chars().all(|c| c.is_ascii_alphanumeric())
        };
        assert!(parts.len() == 3 && parts[0] == "AWS" && parts.iter().all(capital), "{name}");
    }
}

#[test]
fn the_field_table_covers_exactly_the_properties() {
    for kind in KINDS {
        let properties: BTreeSet<&str> = kind.properties().iter().copied().collect();
        let rows = kind.fields().iter().map(|field| field.path.split('.').next().unwrap());
        assert_eq!(rows.collect::<BTreeSet<_>>(), properties, "{}", kind.name());
        assert!(!properties.is_empty() || kind.fields().is_empty());
        let paths: Vec<&str> = kind.fields().iter().map(|field| field.path).collect();
        let unique: BTreeSet<&str> = paths.iter().copied().collect();
        assert_eq!(unique.len(), paths.len(), "{}: a path has two rows", kind.name());
    }
}

#[test]
fn what_cannot_be_read_back_is_sent_with_the_creation() {
    // A crash before a late field was sent is noticed by reading.
    for kind in KINDS {
        for field in kind.fields().iter().filter(|field| field.sent == Sent::Late) {
            let at = format!("{}: {}", kind.name(), field.path);
            assert_ne!(field.compare, Compare::WriteOnly, "{at}");
            assert_eq!(field.on_change, OnChange::Update, "{at} is sent as an update");
        }
    }
}

#[test]
fn docs_say_what_it_is_and_what_it_waits_for() {
    let waits = ["wait", "ready", "works", "once", "soon", "pending", "seconds", "minute", "needs"];
    for kind in KINDS {
        let (name, doc) = (kind.name(), kind.doc());
        let (first, rest) = doc.split_once(". ").unwrap_or_else(|| panic!("{name}: one sentence"));
        assert!(
            first.starts_with(|c: char| c.is_uppercase()) && first.len() < 160,
            "{name}: {first}"
        );
        let rest = rest.to_lowercase();
        assert!(
            waits.iter().any(|word| rest.contains(word)),
            "{name} says not what it waits for: {doc}"
        );
        let deletion = ["delet", "remov"].iter().any(|word| rest.contains(word));
        assert!(deletion, "{name} says not what blocks its deletion");
    }
}

#[test]
fn every_row_has_a_sentence() {
    for kind in KINDS {
        let rows = kind.fields().iter().map(|field| (field.path, field.doc));
        for (path, doc) in rows.chain(kind.outputs().iter().map(|output| (output.name, output.doc)))
        {
            assert!(doc.ends_with('.') && doc.len() > 4, "{}: {path}: `{doc}`", kind.name());
            let start = doc.starts_with(|c: char| c.is_uppercase() || c.is_numeric() || c == '`');
            assert!(start, "{}: {path}: `{doc}`", kind.name());
        }
    }
}

#[test]
fn outputs_are_named_once() {
    for kind in KINDS {
        let names: BTreeSet<&str> = kind.outputs().iter().map(|output| output.name).collect();
        assert_eq!(names.len(), kind.outputs().len(), "{}", kind.name());
        assert!(!names.is_empty(), "{}: nothing can refer to it", kind.name());
    }
}

#[test]
fn what_moves_an_output_is_a_row_that_updates() {
    for kind in KINDS {
        for (output, row) in
            kind.outputs().iter().flat_map(|it| it.moved_by.iter().map(move |row| (it, row)))
        {
            let field = kind.fields().iter().find(|field| field.path == *row);
            let updates = field.is_some_and(|field| field.on_change == OnChange::Update);
            assert!(updates, "{}: {} is moved by `{row}`", kind.name(), output.name);
        }
    }
}

#[test]
fn everything_can_be_found_again() {
    for (file, fixture) in fixtures() {
        let kind = kinds::find(fixture["kind"].as_str().unwrap()).unwrap();
        let spec =
            kind.normalize(&fixture["spec"]).unwrap_or_else(|error| panic!("{file}: {error}"));
        let known = |reference: &platctl::kind::Ref| Some(reference.to_string());
        let natural = kind.natural_id(&reference::resolve(&spec, &known));
        let tags = kind.fields().iter().find(|field| field.path == "Tags");
        if kind.tagging() == Tagging::None {
            assert!(natural.is_some(), "{}: neither tags nor a natural id", kind.name());
            assert!(tags.is_none(), "{}: tags that are not managed", kind.name());
        } else {
            let tags = tags.unwrap_or_else(|| panic!("{}: no row for its tags", kind.name()));
            assert_eq!(tags.compare, Compare::OwnedKeys, "{}", kind.name());
            assert_eq!(tags.on_change, OnChange::Update, "{}", kind.name());
        }
    }
}

#[test]
fn what_is_referred_to_is_an_output() {
    for (file, fixture) in fixtures() {
        let given = &fixture["given"];
        for (path, reference) in reference::all(&fixture["spec"]) {
            let kind = given[reference.address.as_str()]["kind"].as_str();
            let kind = kinds::find(kind.unwrap_or_else(|| panic!("{file}: {reference}"))).unwrap();
            let gives = kind.outputs().iter().any(|output| output.gives(&reference.output));
            assert!(gives, "{file}: {path} refers to {reference}");
        }
    }
}

#[test]
fn typical_durations_are_given() {
    for kind in KINDS {
        let Typical { create, update, delete } = kind.typical(&Value::Null);
        let day = Duration::from_hours(24);
        for typical in [create, delete] {
            assert!(Duration::ZERO < typical && typical < day, "{}: {typical:?}", kind.name());
        }
        let updates = kind.fields().iter().any(|field| field.on_change == OnChange::Update);
        assert!(update > Duration::ZERO || !updates, "{}: an update takes no time", kind.name());
    }
}

#[test]
fn files_are_named_like_their_kinds() {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for path in files_in("src/kinds", "rs") {
        let text = fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let mut names = text.split("const NAME: &'static str = \"").skip(1);
        if let Some(name) = names.next() {
            assert_eq!(names.next(), None, "{path:?} holds two kinds");
            files.insert(name.split('"').next().unwrap().to_owned(), stem);
        }
    }
    for kind in KINDS {
        let parts: Vec<&str> = kind.name().split("::").collect();
        let service = match parts[1] {
            "CertificateManager" => "acm".into(),
            "ElasticLoadBalancingV2" => "elbv2".into(),
            other => other.to_lowercase(),
        };
        let file = &files[kind.name()];
        let expected = format!("{service}_{}", parts[2].to_lowercase());
        let (prefix, noun) = file.split_once('_').unwrap();
        assert_eq!(format!("{prefix}_{}", noun.replace('_', "")), expected, "{file}.rs");
    }
    assert_eq!(files.len(), KINDS.len(), "a kind is not registered");
}

#[test]
fn long_files_say_why() {
    let mut paths = Vec::new();
    walk(&root().join("src"), &mut paths);
    walk(&root().join("tests"), &mut paths);
    for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
        let text = fs::read_to_string(path).unwrap();
        let first = text.lines().take_while(|line| line.starts_with("//!"));
        // Not `longest` or `along`.
        let is_word = |word: &str| matches!(word, "long" | "longer");
        let words = |line: &String| line.split(|c: char| !c.is_alphabetic()).any(is_word);
        let says = first.map(str::to_lowercase).any(|line| words(&line));
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX || says, "{path:?} has {lines} lines and says not why");
    }
}

#[test]
fn every_test_file_is_hung_in() {
    let mut paths = Vec::new();
    walk(&root().join("tests"), &mut paths);
    let main = root().join("tests/main.rs");
    for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "rs")) {
        if *path == main {
            continue;
        }
        let folder = path.parent().unwrap();
        let is_mod = path.file_stem().unwrap() == "mod";
        let owner = if is_mod { folder.parent().unwrap() } else { folder };
        let name = if is_mod { folder.file_name() } else { path.file_stem() };
        let name = name.unwrap().to_str().unwrap();
        let parents = if owner == root().join("tests") {
            vec![main.clone()]
        } else {
            vec![owner.join("mod.rs"), owner.with_extension("rs")]
        };
        let hung =
            parents.iter().filter_map(|parent| fs::read_to_string(parent).ok()).any(|text| {
                let lines = [format!("mod {name};"), format!("include!(\"{name}.rs\");")];
                text.lines()
                    .any(|line| lines.iter().any(|it| line.trim_start_matches("pub(crate) ") == it))
            });
        assert!(hung, "{path:?} is in no module: its tests do not run");
    }
}

/// The fixtures of `tests/kinds`, by the names of their files.
fn fixtures() -> BTreeMap<String, Value> {
    let read = |path: PathBuf| {
        let fixture = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), fixture)
    };
    let fixtures: BTreeMap<String, Value> =
        files_in("tests/kinds", "yaml").into_iter().map(read).collect();
    assert!(fixtures.len() >= KINDS.len());
    fixtures
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_in(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    paths
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            walk(&path, paths);
        } else {
            paths.push(path);
        }
    }
}
