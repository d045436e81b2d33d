//! `platctl explain` and `platctl schema`.

use std::fs;

use serde_json::{Value, json};

use super::Run;

const SHOP: &str = r#"apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets: {private: [10.0.1.0/24, 10.0.2.0/24], data: [10.0.3.0/24, 10.0.4.0/24]}
  nat: none
databases:
  orders:
    engine: postgres
    version: "17"
    class: db.m6g.large
    storage: 20Gi..100Gi
    parameters: {work_mem: 64MB}
    logs: [postgresql, upgrade]
    from: []
secrets:
  token: {generate: {length: 48}}
environments:
  dev:
    databases: {orders: {class: db.t4g.micro, multiAz: false}}
  prod: {}
"#;

fn shop() -> Run {
    Run::new().file("platctl.yaml", SHOP)
}

#[test]
fn the_language_needs_no_blueprint() {
    let run = Run::new();
    insta::assert_snapshot!("language", run.run("explain").stdout);
    insta::assert_snapshot!("section", run.run("explain databases").stdout);
    insta::assert_snapshot!("key", run.run("explain cluster.nodeGroups.size").stdout);
    insta::assert_snapshot!("alternatives", run.run("explain firewalls.rules").stdout);
    insta::assert_snapshot!("key_json", run.run("explain databases.storage --json").stdout);
    let all = run.run("explain --json").json();
    for key in all["keys"].as_array().unwrap() {
        let path = key["path"].as_str().unwrap();
        let ended = run.run(&format!("explain {path}"));
        assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{path}");
        assert!(ended.stdout.starts_with(path), "{}", ended.stdout);
        let below = run.run(&format!("explain {path} --json")).json();
        assert_eq!(below["doc"], key["doc"]);
    }
}

#[test]
fn a_kind_is_explained_as_kinds_does_it() {
    let run = Run::new();
    assert_eq!(run.run("explain EC2::VPC").all(), run.run("kinds EC2::VPC").all());
    assert_eq!(run.run("explain EC2::VPC --json").all(), run.run("kinds EC2::VPC --json").all());
    assert!(run.run("explain AWS::EC2::VPD").stderr.contains("Did you mean `AWS::EC2::VPC`?"));
}

#[test]
fn a_component_says_where_each_value_comes_from() {
    let run = shop();
    let set = "--env dev --set databases.orders.backups=1d";
    insta::assert_snapshot!("component", run.run(&format!("explain databases.orders {set}")).all());
    insta::assert_snapshot!(
        "component_json",
        run.run("explain secrets.token --env dev --json").stdout
    );
    let whole = run.run(&format!("explain databases.orders platctl.yaml {set}")).stdout;
    assert_eq!(run.run(&format!("explain database.orders {set}")).stdout, whole);
    let part = run.run(&format!("explain databases.orders.class {set}")).stdout;
    assert!(part.contains("environment dev (platctl.yaml:23:33)"), "{part}");
    assert!(!part.contains("engine"), "{part}");
    // Without a blueprint that is named, the language's own key is meant.
    assert!(run.run("explain network").stdout.contains("Keys"));
    assert!(run.run("explain network platctl.yaml --env dev").stdout.contains("network/vpc"));
}

#[test]
fn a_resource_shows_what_it_is_made_of() {
    let run = shop();
    insta::assert_snapshot!(
        "resource",
        run.run("explain databases.orders/instance --env dev").all()
    );
    let json = run.run("explain databases.orders/instance --env dev --json").json();
    assert_eq!(json["spec"]["DBInstanceClass"], "db.t4g.micro");
    assert_eq!(json["component"], "databases.orders");
    let settings = json["settings"].as_array().unwrap();
    let of = |path: &str| settings.iter().find(|it| it["path"] == path).unwrap().clone();
    assert_eq!(of("class")["origin"]["environment"], "dev");
    assert_eq!(of("multiAz")["value"], Value::Bool(false));
    assert_eq!(of("port")["origin"]["from"], "absent");
}

const WIRED: &str = r#"apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets: {private: [10.0.1.0/24, 10.0.2.0/24], data: [10.0.3.0/24, 10.0.4.0/24]}
  nat: none
cluster: {version: "1.33", addons: {eks-pod-identity-agent: {}}}
platform: {istio: {}}
databases:
  orders: {engine: postgres, version: "17", class: db.m6g.large, storage: 20Gi, databaseName: orders}
queues: {payments: {}}
secrets: {token: {generate: {length: 48}}}
services:
  order:
    image: order:1.0.0
    uses:
      - database.orders
      - queue.payments:send
      - secret.token
      - service.product
  product: {image: "product:1.0.0", port: 3002}
"#;

#[test]
fn a_service_says_what_each_use_makes() {
    let run = Run::new().file("platctl.yaml", WIRED);
    let whole = run.run("explain services.order").all();
    insta::assert_snapshot!("service", whole);
    for same in ["service/order", "service.order"] {
        assert_eq!(run.run(&format!("explain {same}")).all(), whole, "{same}");
    }
    let json = run.run("explain service/order --json").json();
    let uses = json["uses"].as_array().unwrap();
    let queue = uses.iter().find(|it| it["uses"] == "queue.payments:send").unwrap();
    assert_eq!(queue["place"]["line"], 21);
    assert_eq!(queue["env"]["PAYMENTS_QUEUE_URL"]["Fn::GetAtt"][1], "QueueUrl");
    assert_eq!(queue["by"], json!(["services.order/policy"]));
    // What a component does not use it does not tell of.
    assert_eq!(run.run("explain queues.payments --json").json().get("uses"), None);
    let part = run.run("explain services.order.uses").all();
    assert!(part.contains("[database.orders") && !part.contains("PAYMENTS_QUEUE_URL"), "{part}");
    let platform = run.run("explain platform platctl.yaml").all();
    assert!(platform.contains("platform.istio/gateway"), "{platform}");
}

#[test]
fn what_stands_in_a_region_is_reached_by_its_whole_path() {
    let regions = fs::read_to_string("examples/regions.yaml").unwrap();
    let run = Run::new().file("platctl.yaml", &regions);
    insta::assert_snapshot!("in_a_region", run.run("explain regions.dr.databases.orders").all());
    let whole = run.run("explain regions.dr.databases.orders").stdout;
    assert_eq!(run.run("explain regions.dr.database.orders").stdout, whole);
    let key = run.run("explain regions.loadBalancers.certificate");
    assert!(key.stdout.contains("HTTPS listener"), "{}", key.all());
    let part = run.run("explain regions.dr.databases.orders.multiAz").stdout;
    assert!(part.contains("false") && !part.contains("engine"), "{part}");
    let json = run.run("explain regions.dr.databases.orders/instance --json").json();
    assert_eq!(json["component"], "regions.dr.databases.orders");
    assert_eq!(json["region"], "ap-northeast-1");
    let settings = json["settings"].as_array().unwrap();
    let multi_az = settings.iter().find(|it| it["path"] == "multiAz").unwrap();
    assert_eq!(multi_az["value"], Value::Bool(false));
    for (line, expected) in [
        ("regions.dr.databases.order", "Did you mean `regions.dr.databases.orders`?"),
        ("regions.rd.databases.orders", "Did you mean `regions.dr.databases.orders`?"),
        ("regions.dr.databases.orders/instanc", "`regions.dr.databases.orders/instance`?"),
    ] {
        let said = run.run(&format!("explain {line}"));
        assert_eq!(said.exit, 1, "{line}");
        assert!(said.stderr.contains(expected), "{line}: {}", said.stderr);
    }
}

#[test]
fn what_is_unknown_is_guessed() {
    let run = shop();
    let hint = |line: &str| {
        let ended = run.run(line);
        assert_eq!((ended.exit, ended.stdout.as_str()), (1, ""), "{line}");
        ended.stderr
    };
    let cases = [
        ("explain databases.storge --env dev", "Did you mean `databases.storage`?"),
        ("explain databases.order --env dev", "Did you mean `databases.orders`?"),
        ("explain databases.orders.clas --env dev", "Did you mean `databases.orders.class`?"),
        (
            "explain databases.orders/instence --env dev",
            "Did you mean `databases.orders/instance`?",
        ),
        ("explain databases.orders/x --env dev", "databases.orders has"),
        ("explain widgets.orders/x --env dev", "The components are `network`"),
        ("explain widgets --env dev", "`platctl explain` lists the keys"),
        ("explain netwrok --env dev", "Did you mean `network`?"),
    ];
    for (line, expected) in cases {
        let said = hint(line);
        assert!(said.contains(expected), "{line}: {said}");
    }
    let ended = Run::new().run("explain databases.orders");
    assert_eq!(ended.exit, 1);
    assert!(
        ended.stderr.contains("platctl explain databases.orders BLUEPRINT"),
        "{}",
        ended.stderr
    );
    assert_eq!(Run::new().run("explain databases.orders shop.yaml").exit, 3);
    assert_eq!(run.run("explain databases.orders").exit, 3, "an environment must be chosen");
}

#[test]
fn the_schema_is_json_whatever_is_asked_for() {
    let run = Run::new();
    let schema = run.run("schema");
    assert_eq!((schema.exit, schema.stderr.as_str()), (0, ""));
    assert_eq!(schema.json()["title"], "A blueprint of platctl");
    assert_eq!(run.run("schema --json").stdout, schema.stdout);
}
