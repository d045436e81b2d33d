//! What functions are made of, and what calls them.

use super::*;

/// Functions with all that they can have.
const DOCUMENTS: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: documents
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets:
    private: [10.0.11.0/24, 10.0.12.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24]
  nat: none
keys: {data: {}}
databases:
  documents: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi}
caches: {pages: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}}
queues: {scanned: {visibility: 3m}, lost: {}}
topics: {failures: {subscribers: [function.tell, {function: scan, filter: {kind: [retry]}, deadLetter: lost}]}}
buckets: {incoming: {notify: [{on: [created], to: function.scan, suffix: .pdf}]}}
secrets: {api: {}}
registries: {scan: {}}
functions:
  scan:
    description: reads what comes in
    image: "scan@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    architecture: arm64
    memory: 1Gi
    storage: 2Gi
    timeout: 60s
    concurrency: 20
    env: {LEVEL: info, API_SECRET_ARN: none}
    uses: [bucket.incoming, secret.api, database.documents, cache.pages, function.tell]
    failures: topic.failures
    egress: [{}, {to: 192.0.2.0/24, port: 8443}]
    key: data
  tell:
    source: "def handler(event, context): pass"
    runtime: python3.13
    uses: [function.scan, bucket.incoming]
    on:
      - {queue: scanned, batch: 100, window: 5s, concurrency: 10}
      - {schedule: rate(1 hour), input: {everything: true}}
    failures: queue.lost
    tracing: false
    logRetention: 7d
  index:
    archive: {bucket: releases-of-documents, key: index-1.4.0.jar, version: abc}
    runtime: java21
    handler: com.example.Index::handle
    subnets: private
alarms:
  failing: {of: function.scan, metric: errors, above: 0}
  slow: {of: function.scan, metric: latency, above: 1.5s, statistic: p99}
"#;

fn documents() -> Blueprint {
    let loaded = load_bytes("documents", DOCUMENTS.as_bytes(), Selection::default());
    assert_eq!(loaded.diagnostics, []);
    loaded.blueprint.expect("the blueprint is valid")
}

fn shown(path: &str) -> BTreeMap<String, Value> {
    let (blueprint, account) = (documents(), account());
    let mut compiler = compiler_of(&blueprint, &account);
    compiler.everything();
    component(compiler, path)
}

#[test]
fn a_function_with_everything() {
    insta::assert_json_snapshot!("function_scan", shown("functions.scan"));
}

#[test]
fn what_calls_a_function() {
    insta::assert_json_snapshot!("function_tell", shown("functions.tell"));
    let topic = shown("topics.failures");
    let subscriptions = topic.iter().filter(|(at, _)| at.contains("subscription"));
    insta::assert_json_snapshot!(
        "function_subscriptions",
        subscriptions.collect::<BTreeMap<_, _>>()
    );
    let bucket = shown("buckets.incoming").remove("buckets.incoming/bucket AWS::S3::Bucket");
    insta::assert_json_snapshot!("function_bucket", bucket.unwrap()["NotificationConfiguration"]);
}

#[test]
fn a_function_of_an_archive_in_the_network() {
    insta::assert_json_snapshot!("function_index", shown("functions.index"));
}

#[test]
fn who_connects_is_let_in_and_logs_in() {
    let database = shown("databases.documents");
    let rule = "databases.documents/ingress/function-scan AWS::EC2::SecurityGroupIngress";
    let group = json!({"Fn::GetAtt": ["functions.scan/security-group", "GroupId"]});
    assert_eq!(database[rule]["SourceSecurityGroupId"], group);
    assert_eq!(database[rule]["FromPort"], 5432);
    let instance = &database["databases.documents/instance AWS::RDS::DBInstance"];
    assert_eq!(instance["EnableIAMDatabaseAuthentication"], true);
}

/// They wait for what must let them before they are made.
#[test]
fn order() {
    let graph = compile(&documents(), &account(), &Rendered::default()).unwrap();
    let needs = |at: &str| {
        let node = &graph.nodes[&at.parse::<Address>().unwrap()];
        node.needs.iter().map(|(to, need)| format!("{to} {need:?}")).collect::<Vec<_>>()
    };
    for (at, need) in [
        ("functions.scan/function", "functions.scan/policy Ready"),
        ("functions.scan/function", "databases.documents/ingress/function-scan Ready"),
        ("buckets.incoming/bucket", "functions.scan/permission/bucket-incoming Ready"),
        (
            "topics.failures/subscription/function-tell",
            "functions.tell/permission/topic-failures Ready",
        ),
        ("functions.tell/trigger/queue-scanned", "functions.tell/function Ready"),
    ] {
        assert!(needs(at).contains(&need.to_owned()), "{at}: {:?}", needs(at));
    }
}

#[test]
fn two_accesses_to_one_database_are_one_way() {
    let both =
        DOCUMENTS.replace("database.documents,", "database.documents, database.documents:secret,");
    let loaded = load_bytes("documents", both.as_bytes(), Selection::default());
    assert_eq!(loaded.diagnostics, []);
    let graph = compile(&loaded.blueprint.unwrap(), &account(), &Rendered::default()).unwrap();
    let ways = graph.nodes.keys().filter(|at| at.role() == "egress/database-documents");
    assert_eq!(ways.count(), 1);
}

#[test]
fn a_time_is_in_the_unit_of_its_metric() {
    let slow = shown("alarms.slow");
    assert_eq!(slow["alarms.slow/alarm AWS::CloudWatch::Alarm"]["Threshold"], 1_500.0);
}

#[test]
fn what_uses_make_of_a_function() {
    let wires = wiring(&documents(), &account(), "functions.scan");
    let shown: Vec<Value> = wires
        .iter()
        .map(|wire| {
            json!({"used": wire.used.to_string(), "variables": wire.variables, "resources": wire.resources})
        })
        .collect();
    insta::assert_json_snapshot!("function_wires", shown);
}
