//! What a person is told about a blueprint: each `bad/*.yaml` with the diagnostics beside it.
//!
//! A first line `#! env=dev set=network.nat=single` selects; without `env`, every environment is
//! checked as by `platctl validate`.

mod schema;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use platctl::blueprint::value::DomainName;
use platctl::blueprint::{self, Selection, Validated};
use platctl::chart::Rendered;
use platctl::diagnostic::{Colour, PROBLEMS_MAX};
use platctl::graph::compile;
use proptest::prelude::*;

/// What the case `name` is called in messages.
const FILE: &str = "platctl.yaml";

#[test]
fn bad_blueprints_are_explained() {
    let cases = files("tests/blueprint/bad", "yaml");
    assert!(cases.len() >= 40, "only {} cases", cases.len());
    for case in cases {
        let bytes = fs::read(&case).unwrap();
        let loaded = load(&bytes);
        assert!(!loaded.diagnostics.is_empty(), "{case:?} has no problem");
        insta::with_settings!({
            snapshot_path => "bad",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            let name = case.file_stem().unwrap().to_str().unwrap();
            insta::assert_snapshot!(name, rendered(&loaded));
        });
    }
}

#[test]
fn every_case_has_a_snapshot_and_every_snapshot_a_case() {
    let stems = |extension| -> Vec<_> {
        files("tests/blueprint/bad", extension)
            .iter()
            .map(|path| path.file_stem().unwrap().to_owned())
            .collect()
    };
    assert_eq!(stems("yaml"), stems("snap"));
}

#[test]
fn shipped_blueprints_are_valid_in_every_environment() {
    let mut texts: Vec<(PathBuf, String)> = Vec::new();
    for path in files("blueprints", "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        texts.push((path, text));
    }
    let template = PathBuf::from("templates/platctl.yaml");
    let text = fs::read_to_string(&template).unwrap();
    texts.push((template, text.replace("{{name}}", "shop").replace("{{region}}", "eu-west-1")));
    for (path, text) in texts {
        let loaded = blueprint::validate_bytes(FILE, text.as_bytes(), &[]);
        assert_eq!(rendered(&loaded), "", "{path:?}");
        assert_eq!(problems(&loaded), [], "{path:?}");
        for environment in ["dev", "prod"] {
            let selection = Selection { environment: Some(environment), sets: &[] };
            let loaded = blueprint::load_bytes(FILE, text.as_bytes(), selection);
            let stack = loaded.blueprint.expect("a valid blueprint loads").stack;
            assert!(stack.ends_with(environment), "{stack}");
        }
    }
}

#[test]
fn files_that_cannot_be_read_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let explain = |path: &Path| {
        let loaded = blueprint::load(path, Selection::default()).into();
        let path = folder.path().display().to_string();
        (rendered(&loaded).replace(&path, "/home/ada"), blueprint::validate(path.as_ref(), &[]))
    };
    insta::assert_snapshot!("missing_file", explain(&folder.path().join("platctl.yaml")).0);
    let (directory, validated) = explain(folder.path());
    insta::assert_snapshot!("directory", directory);
    assert_eq!(validated.diagnostics.len(), 1);
}

#[test]
fn overlays_change_what_they_say_and_nothing_else() {
    let text = fs::read("blueprints/birthday-api.yaml").unwrap();
    let load = |environment, sets: &[(String, String)]| {
        let selection = Selection { environment: Some(environment), sets };
        let loaded = blueprint::load_bytes(FILE, &text, selection);
        loaded.blueprint.expect("a valid blueprint loads")
    };
    let (dev, prod) = (load("dev", &[]), load("prod", &[]));
    let database = |it: &blueprint::Blueprint| it.databases.values().next().unwrap().value.clone();
    assert_eq!(database(&dev).replicas.get(), 0);
    assert_eq!(database(&prod).replicas.get(), 1);
    assert_eq!(database(&dev).version, database(&prod).version);
    assert_eq!(
        dev.dns.keys().map(DomainName::as_str).collect::<Vec<_>>(),
        ["dev.birthdays.example.com"]
    );
    assert_ne!(dev.hash, prod.hash);
    assert_eq!(prod.defaults["databases.birthdays.insights"], "true");

    let set = [("databases.birthdays.replicas".to_owned(), "2".to_owned())];
    let more = load("prod", &set);
    assert_eq!(database(&more).replicas.get(), 2);
    assert_ne!(more.hash, prod.hash);
    let same = [("databases.birthdays.replicas".to_owned(), "1".to_owned())];
    assert_eq!(load("prod", &same).hash, prod.hash);
}

#[test]
fn a_text_with_thousands_of_problems_is_explained_in_a_moment() {
    let head = "apiVersion: platctl.dev/v1\nkind: Blueprint\nname: a\nregion: eu-west-1\n";
    let lines = |line: &dyn Fn(usize) -> String| (0..3_000).map(line).collect::<String>();
    let keys = lines(&|at| format!("  k{at}: {{}}\n"));
    for rest in [
        format!("network:\n{keys}environments: {{dev: {{}}, prod: {{}}}}\n"),
        format!("keys:\n{keys}logs:\n{}", lines(&|at| format!("  l{at}: {{key: x{at}}}\n"))),
        format!("keys:\n{}", "  a: {}\n".repeat(3_000)),
        format!(
            "keys:\n{keys}environments:\n  dev:\n    keys:\n{}",
            lines(&|at| format!("      x{at}: null\n"))
        ),
    ] {
        let begun = Instant::now();
        let loaded = blueprint::validate_bytes(FILE, format!("{head}{rest}").as_bytes(), &[]);
        assert!(loaded.has_errors() && loaded.diagnostics.len() <= PROBLEMS_MAX + 1);
        let last = loaded.diagnostics.last().unwrap();
        assert_eq!(last.summary, "there are more problems than these 100");
        // It takes milliseconds; minutes were the alternative.
        assert!(begun.elapsed() < Duration::from_secs(20), "{rest:.20}: {:?}", begun.elapsed());
    }
}

/// Loads a case as its first line says, and compiles it.
fn load(bytes: &[u8]) -> Validated {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = String::from_utf8_lossy(first);
    let mut environment = None;
    let mut sets = Vec::new();
    for word in first.strip_prefix("#!").unwrap_or_default().split_whitespace() {
        match word.split_once('=').unwrap() {
            ("env", name) => environment = Some(name),
            ("set", set) => {
                let (path, value) = set.split_once('=').unwrap();
                sets.push((path.to_owned(), value.to_owned()));
            }
            other => panic!("unknown option {other:?}"),
        }
    }
    let mut loaded: Validated = match environment {
        Some("") => {
            let selection = Selection { environment: None, sets: &sets };
            blueprint::load_bytes(FILE, bytes, selection).into()
        }
        Some(_) => {
            let selection = Selection { environment, sets: &sets };
            blueprint::load_bytes(FILE, bytes, selection).into()
        }
        None => blueprint::validate_bytes(FILE, bytes, &sets),
    };
    let problems = problems(&loaded);
    loaded.diagnostics.extend(problems);
    loaded
}

/// What is wrong with the graphs, charts left out.
fn problems(loaded: &Validated) -> Vec<platctl::diagnostic::Diagnostic> {
    let nothing = Rendered::default();
    compile::problems(loaded.blueprints.iter().map(|it| (it, &nothing)))
}

fn rendered(loaded: &Validated) -> String {
    let render = |it: &platctl::diagnostic::Diagnostic| {
        it.render(&loaded.sources, Colour::Never).to_string()
    };
    loaded.diagnostics.iter().map(render).collect::<Vec<_>>().join("\n\n")
}

fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == extension)).collect();
    files.sort();
    files
}

/// A change to a text: cut a part out and put something else there.
fn mutated(text: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    const WORDS: [&str; 24] = [
        "", ":", "- ", "\n", "\t", "{", "}", "[", "]", "\"", "'", "null", "&a ", "*a", "!x ",
        "\u{0}", "é🦀", "|\n", ">-\n ", "#", "---\n", "<<: ", "? ", "\u{feff}",
    ];
    let bytes = text.as_bytes().to_vec();
    let lines = text.lines().count();
    let edit = prop_oneof![
        (0..bytes.len(), 0usize..40, proptest::sample::select(WORDS.to_vec()))
            .prop_map(|(at, length, word)| Edit::Splice(at, length, word)),
        (0..bytes.len(), 0u32..8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (0..lines).prop_map(Edit::DropLine),
        (0..lines).prop_map(Edit::RepeatLine),
        (0..lines, 0..lines).prop_map(|(one, other)| Edit::SwapLines(one, other)),
    ];
    proptest::collection::vec(edit, 1..4)
        .prop_map(move |edits| edits.into_iter().fold(bytes.clone(), |bytes, edit| edit.of(bytes)))
}

/// A change to a text. Places beyond its end are at its end.
#[derive(Debug, Clone, Copy)]
enum Edit {
    /// Cuts bytes out and puts a word there.
    Splice(usize, usize, &'static str),
    /// Changes one bit of a byte.
    Flip(usize, u32),
    DropLine(usize),
    RepeatLine(usize),
    SwapLines(usize, usize),
}

impl Edit {
    fn of(self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
        let last = lines.len().saturating_sub(1);
        match self {
            Self::Splice(at, length, word) => {
                let at = at.min(bytes.len());
                let end = (at + length).min(bytes.len());
                bytes.splice(at..end, word.bytes());
                return bytes;
            }
            Self::Flip(at, bit) => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                return bytes;
            }
            _ if lines.is_empty() => {}
            Self::DropLine(at) => {
                lines.remove(at.min(last));
            }
            Self::RepeatLine(at) => lines.insert(at.min(last), lines[at.min(last)]),
            Self::SwapLines(one, other) => lines.swap(one.min(last), other.min(last)),
        }
        lines.concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_give_a_blueprint_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        explained(&bytes)?;
    }

    #[test]
    fn any_yaml_gives_a_blueprint_or_a_reason(text in "([a-c]: |- |\\{|\\}|\\[|\\]|,|\n|  |\t|&a |\\*a|\"|'|[0-9]|#|---|\\||>|!|%|\u{e9}|\u{1f980}){0,40}") {
        explained(text.as_bytes())?;
    }

    #[test]
    fn a_broken_blueprint_gives_a_reason(bytes in mutated(include_str!("../../blueprints/birthday-api.yaml"))) {
        explained(&bytes)?;
    }
}

/// There is either a blueprint or an error, and every diagnostic can be shown.
fn explained(bytes: &[u8]) -> Result<(), TestCaseError> {
    let selection = Selection { environment: Some("dev"), sets: &[] };
    let selected = blueprint::load_bytes(FILE, bytes, selection);
    prop_assert_eq!(selected.blueprint.is_none(), selected.has_errors());
    for loaded in [selected.into(), blueprint::validate_bytes(FILE, bytes, &[])] {
        rendered(&loaded);
        for diagnostic in &loaded.diagnostics {
            for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
                let text = loaded.sources.file(label.span.file).text();
                let inside = text.get(label.span.range()).is_some();
                prop_assert!(inside, "{:?} lies outside: {}", label, diagnostic.summary);
            }
            let json = diagnostic.to_json(&loaded.sources);
            prop_assert!(json.line.is_none_or(|line| line >= 1));
            prop_assert!(json.end_line >= json.line);
        }
    }
    Ok(())
}
