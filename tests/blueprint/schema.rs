//! The JSON Schema of the language beside its parser: it accepts all that the parser accepts.

use std::collections::{BTreeMap, BTreeSet};
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

/// The cases of `bad/` that a schema accepts, by what it cannot say.
const BEYOND: &[(&str, &[&str])] = &[
    (
        "what several values, or the names of components, say together",
        &[
            "alarm_metrics",
            "alarm_times",
            "audit_checks",
            "audit_empty",
            "bucket_checks",
            "bucket_lifecycle",
            "bucket_notifications",
            "cache_engines",
            "cache_nodes",
            "cdn_buckets",
            "cdn_checks",
            "cdn_origins",
            "cluster_access_twice",
            "chart_checks",
            "chart_without_cluster",
            "cluster_addons",
            "cluster_disks",
            "cluster_endpoint",
            "cluster_node_groups_that_cannot_be",
            "dashboards",
            "database_checks",
            "database_default_tier",
            "database_replicas_without_backups",
            "database_windows_overlap",
            "database_without_cluster",
            "dns_record_checks",
            "dns_routing",
            "existing_too_small",
            "existing_twice",
            "firewall_addresses",
            "firewall_rule_checks",
            "function_checks",
            "gateway_tokens",
            "identity_shares_account",
            "identity_trust",
            "identity_without_agent",
            "load_balancer_https_without_certificate",
            "load_balancer_reserved_name",
            "load_balancer_routes",
            "load_balancer_targets",
            "moved_nowhere",
            "moved_still_there",
            "network_endpoints",
            "network_endpoints_twice",
            "network_missing",
            "network_nat_without_public",
            "network_one_zone",
            "network_subnets",
            "network_too_many_zones",
            "network_zones",
            "parameter_checks",
            "platform_checks",
            "platform_load_balancer",
            "platform_together",
            "platform_versions",
            "platform_versions_too_old",
            "platform_without_cluster",
            "queue_checks",
            "region_dangling",
            "security_group_rules",
            "service_checks",
            "service_mesh",
            "service_pods",
            "service_uses",
            "service_without_agent",
            "state_checks",
            "table_checks",
            "topic_checks",
        ],
    ),
    (
        "what a text or a list means, how long it may be, and what a reader of YAML has lost",
        &[
            "cache_windows",
            "cluster_endpoint_open",
            "cluster_endpoint_public",
            "database_name_too_long",
            "key_limits",
            "keys_duplicate",
            "network_cidr_too_large",
            "network_unknown_region",
            "parameter_too_large",
            "tags_too_long",
            "tags_too_many",
        ],
    ),
    (
        "what variables, repetitions and environments come to",
        &[
            "database_backup_copies",
            "each_bad_items",
            "each_bad_names",
            "each_collides",
            "each_member",
            "each_outside",
            "each_same_name",
            "environment_breaks_reference",
            "environment_removes_nothing",
            "variable_list_in_text",
            "variable_member",
            "variable_not_closed",
            "variable_unknown",
            "variable_wrong_type",
        ],
    ),
    (
        "what CloudFormation's words mean, which the schema hands on",
        &[
            "override_nothing",
            "override_wrong_type",
            "resource_cycle",
            "resource_kind",
            "resource_properties",
            "resource_references",
            "resource_waits_for_nothing",
        ],
    ),
];

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
fn the_schema_rejects_every_broken_case_that_a_schema_can() {
    let listed: BTreeMap<&str, &str> = BEYOND
        .iter()
        .flat_map(|(why, cases)| cases.iter().map(move |case| (*case, *why)))
        .collect();
    let (mut missed, mut wrong, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in files("tests/blueprint/bad", "yaml") {
        let bytes = fs::read(&path).unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // What is wrong by `--set`, or with a text that is no YAML, is not for a schema.
        let Some(value) = yaml(&bytes).filter(|_| !bytes.starts_with(b"#!")) else { continue };
        let rejected = !complaints(&value).is_empty();
        // What is only a warning, or found wrong once it is compiled, is valid for the parser.
        assert!(!rejected || !is_valid(&bytes), "{name}: {:?}", complaints(&value));
        match (rejected, listed.get(name.as_str())) {
            (false, None) => missed.push(name.clone()),
            (true, Some(_)) => wrong.push(name.clone()),
            (true, None) | (false, Some(_)) => {}
        }
        seen.insert(name);
    }
    assert_eq!(missed, [""; 0], "a schema accepts these, and no reason is listed");
    assert_eq!(wrong, [""; 0], "a schema rejects these, whatever is listed");
    let stale: Vec<&&str> = listed.keys().filter(|it| !seen.contains(**it)).collect();
    assert_eq!(stale, Vec::<&&str>::new(), "these are no cases");
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
        if is_valid(&bytes) && let Some(value) = yaml(&bytes) && is_taken_as_it_is(&value) {
            prop_assert_eq!(complaints(&value), [""; 0]);
        }
    }
}

/// Whether some environment lays nothing over a blueprint. What all of them replace, nobody but a schema looks at.
fn is_taken_as_it_is(blueprint: &Value) -> bool {
    let Some(environments) = blueprint.get("environments").and_then(Value::as_object) else {
        return true;
    };
    environments.values().any(|it| it.as_object().is_none_or(serde_json::Map::is_empty))
}
