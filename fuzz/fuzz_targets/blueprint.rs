//! Any bytes give a blueprint or a reason why they are none, and every reason has its place in the text.
//!
//! With the nightly toolchain and `cargo install cargo-fuzz`, from the root of the project:
//!
//! ```sh
//! mkdir -p fuzz/corpus/blueprint
//! cargo +nightly fuzz run blueprint fuzz/corpus/blueprint tests/blueprint/bad blueprints
//! ```
//!
//! New inputs go to the first folder; the others are the seeds. What it finds becomes a case of `tests/blueprint/bad`.
//! `cargo test any_` tries the same on mutations of real blueprints, within seconds.

#![no_main]

use libfuzzer_sys::fuzz_target;
use platctl::blueprint::{self, Selection};
use platctl::diagnostic::{Colour, Diagnostic};
use platctl::source::SourceMap;

fuzz_target!(|bytes: &[u8]| {
    let valid = blueprint::validate_bytes("fuzz.yaml", bytes, &[]);
    explained(&valid.diagnostics, &valid.sources);
    let selection = Selection { environment: Some("dev"), sets: &[] };
    let loaded = blueprint::load_bytes("fuzz.yaml", bytes, selection);
    explained(&loaded.diagnostics, &loaded.sources);
    assert_eq!(loaded.blueprint.is_none(), loaded.has_errors());
    // The text after the first line as the value of an option.
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some((path, value)) = text.split_once('\n')
    {
        let sets = [(path.to_owned(), value.to_owned())];
        let base = include_bytes!("../../templates/platctl.yaml");
        let valid = blueprint::validate_bytes("fuzz.yaml", base, &sets);
        explained(&valid.diagnostics, &valid.sources);
    }
});

/// Every diagnostic can be shown, and its labels are ranges of the texts.
fn explained(diagnostics: &[Diagnostic], sources: &SourceMap) {
    for diagnostic in diagnostics {
        for label in diagnostic.primary.iter().chain(&diagnostic.secondary) {
            let text = sources.file(label.span.file).text();
            assert!(text.get(label.span.range()).is_some(), "{label:?}: {}", diagnostic.summary);
        }
        diagnostic.to_json(sources);
        diagnostic.render(sources, Colour::Never).to_string();
    }
}
