//! The crash sweep over the blueprints of this repository, in full: every effect of their applies, updates, replacements
//! and destructions, before and after the cloud has acted, and every line of their journals.
//!
//! Here each sweep takes every so-manieth crash; `cargo test -- --ignored every_crash` takes them all.

use std::path::Path;

use platctl::blueprint::{self, Selection};
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};

use super::cloud::Climate;
use super::crash::cut_off_everywhere;
use crate::charts;

/// A blueprint of this repository in an environment, after some replacements in its text.
pub(crate) fn graph(file: &str, environment: Option<&str>, edits: &[(&str, &str)]) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{file} does not hold `{from}`");
        text = text.replace(from, to);
    }
    of_text(file, &text, environment)
}

pub(crate) fn of_text(name: &str, text: &str, environment: Option<&str>) -> Graph {
    let selection = Selection { environment, sets: &[] };
    let loaded = blueprint::load_bytes(name, text.as_bytes(), selection);
    let blueprint = loaded.blueprint.unwrap_or_else(|| panic!("{:#?}\n{text}", loaded.diagnostics));
    let account = Account { id: "123456789012".into(), ..Account::placeholder(&blueprint) };
    compile(&blueprint, &account, &charts::rendered(&blueprint))
        .unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

fn nothing(graph: &Graph) -> Graph {
    Graph { nodes: [].into(), existing: [].into(), moved: [].into(), ..graph.clone() }
}

/// What is changed, and how.
#[derive(Clone, Copy, Debug)]
enum Change {
    Apply,
    /// Every tag, and what can be changed in place.
    Update,
    /// A database with its replica, the old ones first; a queue with its dead letters, the new ones first.
    Replace,
    Destroy,
}

const BIRTHDAYS: &str = "blueprints/birthday-api.yaml";
const ECOMMERCE: &str = "blueprints/ecommerce.yaml";

#[expect(clippy::print_stderr, reason = "the number of crashes, with `--nocapture`")]
async fn sweep(file: &str, change: Change, step: usize) {
    let edited = |edits: &[(&str, &str)]| graph(file, Some("dev"), edits);
    let plain = edited(&[]);
    let (before, after) = match change {
        Change::Apply => (nothing(&plain), plain),
        Change::Update => (plain, edited(&[("tags: {", "tags: {edited: \"1\", ")])),
        Change::Replace if file == BIRTHDAYS => {
            (plain, edited(&[("databaseName: birthdays", "databaseName: cakes")]))
        }
        Change::Replace => (plain, edited(&[("{fifo: true, ", "{")])),
        Change::Destroy => (plain.clone(), nothing(&plain)),
    };
    let crashes = cut_off_everywhere(&before, &after, &Climate::usual(1), step).await;
    // Even the smallest of these changes has two halves of several resources.
    assert!(crashes * step >= 20, "{file}: {change:?}: only {crashes} crashes");
    eprintln!("{file}: {change:?}: {crashes} crashes");
}

macro_rules! sweeps {
    ($($name:ident, $every:ident: $file:ident $change:ident, 1 in $step:literal;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            sweep($file, Change::$change, $step).await;
        }

        #[tokio::test(start_paused = true)]
        #[ignore = "takes minutes"]
        async fn $every() {
            sweep($file, Change::$change, 1).await;
        }
    )*};
}

sweeps! {
    birthdays_apply, every_crash_of_birthdays_apply: BIRTHDAYS Apply, 1 in 5;
    birthdays_update, every_crash_of_birthdays_update: BIRTHDAYS Update, 1 in 5;
    birthdays_replace, every_crash_of_birthdays_replace: BIRTHDAYS Replace, 1 in 7;
    birthdays_destroy, every_crash_of_birthdays_destroy: BIRTHDAYS Destroy, 1 in 5;
    ecommerce_apply, every_crash_of_ecommerce_apply: ECOMMERCE Apply, 1 in 23;
    ecommerce_update, every_crash_of_ecommerce_update: ECOMMERCE Update, 1 in 23;
    ecommerce_replace, every_crash_of_ecommerce_replace: ECOMMERCE Replace, 1 in 31;
    ecommerce_destroy, every_crash_of_ecommerce_destroy: ECOMMERCE Destroy, 1 in 23;
}
