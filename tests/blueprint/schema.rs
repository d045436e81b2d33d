//! The JSON Schema of the language beside its parser: it accepts all that the parser accepts.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use platctl::blueprint;
use platctl::report::schema;
use proptest::prelude::*;
use serde_json::Value;

use super::{FILE, files, mutated};

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema: Value = serde_json::from_str(&schema::blueprint()).unwrap();
    assert!(jsonschema::draft202012::meta::is_valid(&schema));
    jsonschema::draft202012::new(&schema).unwrap()
});

/// What an editor's YAML parser makes of a text; `None` where it reports an error itself.
fn yaml(bytes: &[u8]) -> Option<Value> {
    serde_yaml::from_str(std::str::from_utf8(bytes).ok()?).ok()
}

fn is_valid(bytes: &[u8]) -> bool {
    !blueprint::validate_bytes(FILE, bytes, &[]).has_errors()
}

/// What the schema says against a value.
fn complaints(value: &Value) -> Vec<String> {
    let complaint = |it: jsonschema::ValidationError<'_>| format!("{}: {it}", it.instance_path());
    SCHEMA.iter_errors(value).map(complaint).collect()
}

#[test]
fn shipped_blueprints_match_the_schema() {
    let mut paths = files("blueprints", "yaml");
    if Path::new("examples").exists() {
        paths.extend(files("examples", "yaml"));
    }
    for path in paths {
        let value = yaml(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(complaints(&value), [""; 0], "{path:?}");
    }
    let template = fs::read_to_string("templates/platctl.yaml").unwrap();
    let text = template.replace("{{name}}", "shop").replace("{{region}}", "eu-west-1");
    assert_eq!(complaints(&yaml(text.as_bytes()).unwrap()), [""; 0]);
}

#[test]
fn what_the_schema_rejects_the_parser_rejects_too() {
    let (mut cases, mut caught) = (0, Vec::new());
    for path in files("tests/blueprint/bad", "yaml") {
        let bytes = fs::read(&path).unwrap();
        // What is wrong by `--set`, or with a text that is no YAML, is not for a schema.
        if bytes.starts_with(b"#!") {
            continue;
        }
        let Some(value) = yaml(&bytes) else { continue };
        cases += 1;
        if !complaints(&value).is_empty() {
            assert!(!is_valid(&bytes), "{path:?}: {:?}", complaints(&value));
            caught.push(path);
        }
    }
    // The rest concerns several values at once, or bounds of what is written with a unit.
    assert!(caught.len() * 5 > cases * 2, "the schema catches {} of {cases}", caught.len());
}

#[test]
fn environments_lay_anything_over_anything() {
    let text = r"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, subnets: {public: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]}}
dns:
  example.com:
    records: {a: {type: TXT, values: [x]}, b: {type: TXT, values: [y]}}
    healthChecks: {live: {host: example.com}}
environments:
  dev:
    dns:
      example.com:
        records: {a: {ttl: 1h, healthCheck: live}, b: null}
  test: {dns: null, network: {nat: none}, tags: {team: 7}}
";
    assert!(is_valid(text.as_bytes()));
    assert_eq!(complaints(&yaml(text.as_bytes()).unwrap()), [""; 0]);
    for (from, to) in [
        ("nat: none", "nat: some"),
        ("nat: none", "nta: none"),
        ("dev:", "dev: null\n  other:"),
        ("dev:", "Dev:"),
        ("test: {", "test: {name: x, "),
    ] {
        let text = text.replace(from, to);
        assert!(!is_valid(text.as_bytes()), "{to}");
        assert_ne!(complaints(&yaml(text.as_bytes()).unwrap()), [""; 0], "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_valid_blueprint_matches_the_schema(
        bytes in mutated(include_str!("../../blueprints/birthday-api.yaml"))
    ) {
        if is_valid(&bytes) && let Some(value) = yaml(&bytes) {
            prop_assert_eq!(complaints(&value), [""; 0]);
        }
    }
}
