//! The nine laws of `ARCHITECTURE.md`: each is guarded here, or names the tests that guard it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each law, with the tests that guard it: `file::function` below `tests`.
const LAWS: [(&str, &[&str]); 9] = [
    (
        "plan is a pure function",
        &[
            "engine/random.rs::a_plan_is_a_pure_function_of_its_three_sides",
            "laws.rs::the_plan_has_no_clock_no_randomness_and_no_io",
        ],
    ),
    (
        "only cloud, kinds and sandbox name an AWS or Kubernetes crate; the engine never matches on a kind",
        &[
            "laws.rs::only_cloud_kinds_and_sandbox_name_an_aws_crate",
            "laws.rs::the_engine_names_no_kind",
            "laws.rs::a_module_imports_only_what_stands_above_it",
        ],
    ),
    ("apply never reads the blueprint", &["laws.rs::apply_does_not_know_the_blueprint"]),
    (
        "every effect has a durable journal line before it and one after it",
        &[
            "engine/durable.rs::every_effect_has_a_durable_line_before_it_and_one_after_it",
            "engine/crash.rs::a_first_apply_can_be_cut_off_anywhere",
            "engine/crash.rs::a_change_can_be_cut_off_anywhere",
        ],
    ),
    (
        "an id is journaled before any second call about that resource",
        &["engine/durable.rs::an_id_is_durable_before_any_second_call_about_it"],
    ),
    (
        "apply, then plan: empty; destroy, then observe: empty",
        &[
            "engine/random.rs::apply_converges_and_destroy_leaves_nothing",
            "engine/life.rs::what_is_applied_is_there_and_what_is_destroyed_is_gone",
        ],
    ),
    ("iteration that reaches output is ordered", &["laws.rs::iteration_is_ordered"]),
    (
        "only cli and report write text; only cli knows exit codes",
        &["laws.rs::only_cli_and_report_write_text", "laws.rs::only_cli_knows_exit_codes"],
    ),
    (
        "no secret value reaches state, journal, plan, event, log or error",
        &[
            "laws.rs::no_spec_has_a_place_for_a_secret",
            "state/canary.rs::credentials_and_the_values_of_secrets_are_heard_nowhere",
            "state/canary.rs::passphrases_are_heard_nowhere",
        ],
    ),
];

/// Properties whose names sound like secrets and hold none.
const HARMLESS: &[(&str, &str)] = &[
    ("AuthToken", "a reference to the secret: a value in clear does not decode"),
    ("GenerateSecretString", "a recipe: the service draws the secret and keeps it"),
    ("HttpTokens", "whether instances need a token to read their metadata"),
    ("ManageMasterUserPassword", "whether the service draws and keeps it"),
    ("SecretStringTemplate", "what surrounds the drawn secret"),
    ("TokenDomains", "names of domains"),
    ("TokenEndpoint", "the URL of an identity provider"),
];

#[test]
fn every_law_names_tests_that_are_there() {
    for (law, guards) in LAWS {
        assert!(!guards.is_empty(), "{law}");
        for guard in guards {
            let (file, name) = guard.split_once("::").unwrap();
            let text = fs::read_to_string(root().join("tests").join(file)).unwrap();
            assert!(text.contains(&format!("fn {name}(")), "{law}: there is no {guard}");
        }
    }
}

#[test]
fn a_module_imports_only_what_stands_above_it() {
    let order = modules();
    let place = |name: &str| order.iter().position(|module| module == name);
    for Source { path, module, code } in sources() {
        let Some(own) = place(&module) else { continue };
        for named in names_after(&code, "crate::") {
            let at = place(&named).unwrap_or_else(|| panic!("{path}: crate::{named} is no module"));
            assert!(at <= own, "{path}: `{module}` imports `{named}`, which stands below it");
        }
    }
}

#[test]
fn every_module_has_its_place_in_the_list() {
    let order = modules();
    for Source { path, module, .. } in sources() {
        let listed = order.contains(&module) || ["lib", "main"].contains(&module.as_str());
        assert!(listed, "{path}: lib.rs does not list `{module}`");
    }
}

#[test]
fn only_cloud_kinds_and_sandbox_name_an_aws_crate() {
    let allowed = ["cloud", "kinds", "sandbox"];
    forbid(
        "an AWS crate",
        &allowed,
        &["aws_sdk_", "aws_config", "aws_smithy", "aws_types", "aws_credential"],
    );
    forbid("a Kubernetes crate", &allowed, &["kube::", "k8s_openapi"]);
}

#[test]
fn the_engine_names_no_kind() {
    let free = ["cloud", "kinds", "sandbox", "blueprint", "graph", "report", "cli"];
    forbid("a kind", &free, &["\"AWS::", "kinds::ec2", "kinds::iam", "kinds::rds", "kinds::eks"]);
    for Source { path, code, .. } in sources().into_iter().filter(|it| it.module == "graph") {
        let compiler = path.contains("graph/compile");
        assert!(compiler || !code.contains("\"AWS::"), "{path}: only the compiler names kinds");
    }
}

#[test]
fn apply_does_not_know_the_blueprint() {
    for Source { path, code, .. } in sources().into_iter().filter(|it| it.module == "apply") {
        for named in names_after(&code, "crate::") {
            assert!(!["blueprint", "graph", "source"].contains(&named.as_str()), "{path}: {named}");
        }
    }
}

#[test]
fn the_plan_has_no_clock_no_randomness_and_no_io() {
    for Source { path, code, .. } in sources().into_iter().filter(|it| it.module == "plan") {
        let io = [
            "tokio",
            "async ",
            "Instant",
            "SystemTime",
            "rand::",
            "std::fs",
            "std::io",
            "std::env",
            "std::net",
        ];
        for word in io {
            assert!(!code.contains(word), "{path}: `{word}`");
        }
    }
}

#[test]
fn iteration_is_ordered() {
    // The SDK has hash maps in its requests and replies; `iter_over_hash_type` keeps kinds from iterating them, and what
    // is serialized of them is sorted by `serde_json`, as long as nobody asks it to preserve their order.
    forbid("an unordered map", &["kinds"], &["HashMap", "HashSet"]);
    let map: serde_json::Value = serde_json::from_str(r#"{"b": 1, "a": 2}"#).unwrap();
    assert_eq!(map.to_string(), r#"{"a":2,"b":1}"#);
}

#[test]
fn only_cli_and_report_write_text() {
    let writing = ["print!(", "println!(", "eprint!(", "eprintln!(", "stdout()", "stderr()"];
    // main.rs has a last word when even the cli cannot speak.
    forbid("a write to the terminal", &["cli", "report", "main"], &writing);
}

#[test]
fn only_cli_knows_exit_codes() {
    forbid("an exit code", &["cli", "main"], &["ExitCode", "process::exit"]);
}

#[test]
fn no_spec_has_a_place_for_a_secret() {
    let secret = ["password", "secretstring", "token", "privatekey", "credential", "passphrase"];
    let sounds = |name: &str| secret.iter().any(|word| name.to_lowercase().contains(word));
    let harmless = |name: &str| HARMLESS.iter().any(|(known, _)| *known == name);
    for kind in platctl::kinds::KINDS {
        let rows = kind.fields().iter().flat_map(|field| field.path.split('.'));
        for name in rows.chain(kind.properties().iter().copied()) {
            assert!(!sounds(name) || harmless(name), "{}: `{name}`", kind.name());
        }
        for output in kind.outputs() {
            assert!(!sounds(output.name), "{}: output `{}`", kind.name(), output.name);
        }
    }
    // Parts of properties have no row of their own: the fields of every struct that is read from a spec.
    for Source { path, code, .. } in sources().into_iter().filter(|it| it.module == "kinds") {
        let fields = code.lines().filter_map(|line| {
            let line =
                line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            let (name, rest) = line.split_once(": ")?;
            let is_name =
                name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
            let of_text = rest.starts_with("String,") || rest.starts_with("Option<String>,");
            (is_name && of_text).then_some(name)
        });
        for name in fields {
            let pascal: String = name.split('_').map(capital).collect();
            assert!(!sounds(&pascal) || harmless(&pascal), "{path}: `{name}`");
        }
    }
}

/// A source file without its tests and comments.
struct Source {
    path: String,
    /// The stage it belongs to: `plan` for `src/plan/diff.rs`.
    module: String,
    code: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    collect(&root().join("src"), &mut paths);
    let source = |path: PathBuf| {
        let relative = path.strip_prefix(root().join("src")).unwrap().to_str().unwrap().to_owned();
        let module = relative.split(['/', '.']).next().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n");
        Source { path: relative, module, code }
    };
    let found: Vec<Source> = paths.into_iter().map(source).collect();
    assert!(found.len() > 80, "the sources are elsewhere");
    found
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The modules in the order of lib.rs.
fn modules() -> Vec<String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let modules = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

/// The first segment of every path in `code` that begins with `prefix`, those of `prefix{a, b::c}` included.
fn names_after(code: &str, prefix: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            None => names.push(name(rest)),
            Some(list) => {
                let (mut depth, mut fresh) = (0, true);
                for part in list.split_inclusive(['{', '}', ',']) {
                    if fresh && depth == 0 {
                        names.push(name(part));
                    }
                    depth += i32::from(part.ends_with('{')) - i32::from(part.ends_with('}'));
                    fresh = part.ends_with(',');
                    if depth < 0 {
                        break;
                    }
                }
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// None of `words` stands outside the modules `allowed`.
fn forbid(what: &str, allowed: &[&str], words: &[&str]) {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for Source { path, module, code } in sources() {
        let hits = words.iter().filter(|word| code.contains(**word)).copied();
        let hits: Vec<&str> = hits.collect();
        if !allowed.contains(&module.as_str()) && !hits.is_empty() {
            found.insert(path, hits);
        }
    }
    assert!(found.is_empty(), "{what} in {found:#?}");
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
        .unwrap_or_default()
}
