//! What policies and services are made of. The life of whole blueprints is tested on the wire.

use std::collections::BTreeMap;

use serde_json::{Value, json};

mod platform;

use super::*;
use crate::address::Address;
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::{Selection, load_bytes};
use crate::graph::Node;
use crate::kind::Need;
use crate::source::Spanned;

mod functions;
mod services;

const BLUEPRINT: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24]
cluster:
  version: "1.33"
  addons: {eks-pod-identity-agent: {}}
keys: {data: {}, unused: {}}
databases:
  orders: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, from: []}
  closed: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, from: []}
caches:
  sessions: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro, key: data}
queues:
  orders: {key: data, deadLetter: {after: 5}}
  payments: {fifo: true}
  lost: {}
  mails: {deadLetter: {to: lost}}
topics:
  events: {key: data, subscribers: [queue.orders, {email: ops@example.com}]}
tables:
  carts: {primaryKey: {partition: id}, key: data}
buckets:
  uploads:
    key: data
    notify: [{on: [created], to: queue.orders, prefix: invoices/}, {on: [removed], to: topic.events}]
parameters: {flags: {value: [a, b]}}
platform: {istio: {}}
registries: {shared: {}}
services:
  order:
    image: order-service:1.4.0
    port: 3003
    replicas: 2..10
    scale: {cpu: 70%}
    routes: [/api/orders]
    uses: [database.orders, service.product]
  product: {image: "shared:2.0.0", port: 3002}
  proxy: {image: "ghcr.io/shop/proxy:1.4"}
  worker: {image: "order-service:1.4.0", uses: [queue.orders:receive], namespace: jobs, key: data}
"#;

fn blueprint() -> Blueprint {
    let loaded = load_bytes("shop", BLUEPRINT.as_bytes(), Selection::default());
    assert_eq!(loaded.diagnostics, []);
    loaded.blueprint.expect("the blueprint is valid")
}

fn account() -> Account {
    Account { id: "123456789012".into(), partition: "aws".into() }
}

fn compiler_of<'a>(blueprint: &'a Blueprint, account: &'a Account) -> Compiler<'a> {
    static NOTHING: Rendered = Rendered { objects: BTreeMap::new(), remarks: Vec::new() };
    let builder =
        Builder::new(Stack::new(&blueprint.stack), blueprint.region.as_str(), BTreeMap::new());
    let rendered = &NOTHING;
    Compiler { blueprint, home: blueprint, account, rendered, builder }
}

/// The resources of one component, with the tags that all have left out.
fn component(compiler: Compiler<'_>, path: &str) -> BTreeMap<String, Value> {
    let graph = compiler.builder.nodes;
    let of_component = graph.into_iter().filter(|(address, _)| address.component() == path);
    let shown = |(address, Node { kind, mut spec, .. }): (Address, Node)| {
        spec.as_object_mut().into_iter().for_each(|spec| drop(spec.remove("Tags")));
        (format!("{address} {kind}"), spec)
    };
    of_component.map(shown).collect()
}

/// One component of every type that somebody can use.
const USABLE: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {private: [10.0.1.0/24, 10.0.2.0/24], data: [10.0.3.0/24, 10.0.4.0/24]}, nat: none}
cluster: {version: "1.35"}
databases: {a: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi}}
caches: {a: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}}
tables: {a: {primaryKey: {partition: id}}}
buckets: {a: {}}
queues: {a: {}}
topics: {a: {}}
registries: {a: {}}
secrets: {a: {}}
parameters: {a: {value: b}}
keys: {a: {}}
logs: {a: {}}
services: {a: {image: "a:1", port: 80}}
functions: {a: {image: "a:1"}}
"#;

#[test]
fn every_access_permits_something_and_whatever_can_be_used_gives_variables() {
    let loaded = load_bytes("shop", USABLE.as_bytes(), Selection::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let (blueprint, account) = (loaded.blueprint.unwrap(), account());
    let compiler = compiler_of(&blueprint, &account);
    let mut usable = 0;
    for component in ComponentType::ALL {
        let name: Name = "a".parse().unwrap();
        let accesses = component.accesses().iter().copied().map(Some);
        for access in accesses.chain([None]) {
            let used = Reference { component: *component, name: name.clone(), access };
            let (granted, variables) = (
                compiler.grants(&[Spanned::new(used.clone(), blueprint.name.span)]),
                compiler.given_variables(&used),
            );
            if access.is_some() {
                assert!(!granted.is_empty(), "{used}");
            }
            let has_word = crate::blueprint::component::variable::prefix(&used).is_some();
            assert_eq!(!variables.is_empty(), has_word, "{used}");
            usable += usize::from(access.is_some());
        }
    }
    assert!(usable > 20, "{usable} ways");
}

#[test]
fn uses_permit_what_they_say_and_no_more() {
    let (blueprint, account) = (blueprint(), account());
    let compiler = compiler_of(&blueprint, &account);
    let uses = [
        "bucket.uploads",
        "bucket.uploads:write",
        "cache.sessions",
        "parameter.flags",
        "queue.orders",
        "queue.orders:receive",
        "queue.payments",
        "service.product",
        "table.carts",
        "table.carts:write",
        "topic.events",
        "topic.events:subscribe",
    ];
    let granted: BTreeMap<&str, Value> = uses
        .into_iter()
        .map(|text| {
            let used: Spanned<Reference> =
                Spanned::new(text.parse().expect("a reference"), blueprint.name.span);
            (text, Value::Array(compiler.grants(&[used.clone(), used])))
        })
        .collect();
    insta::assert_json_snapshot!(granted);
}

#[test]
fn services_are_let_in_that_deliver_and_no_others() {
    let (blueprint, account) = (blueprint(), account());
    let compiler = compiler_of(&blueprint, &account);
    let name = |text: &str| text.parse().expect("a name");
    let queue = |text| {
        let senders = compiler.senders_to_queue(&name(text));
        compiler.allow_senders(&senders, "sqs:SendMessage", &json!(text))
    };
    assert_eq!(queue("payments"), Vec::<Value>::new());
    assert_eq!(compiler.senders_with_key(&name("unused")).len(), 0);
    let topic = compiler.senders_to_topic(&name("events"));
    insta::assert_json_snapshot!(json!({
        "queue": queue("orders"),
        "topic": compiler.allow_senders(&topic, "sns:Publish", &json!("events")),
        "key": compiler.senders_with_key(&name("data")),
    }));
}

#[test]
fn what_a_service_uses_decides_its_role_and_its_paths() {
    let (blueprint, account) = (blueprint(), account());
    let mut whole = compiler_of(&blueprint, &account);
    whole.everything();
    let opened = |name: &str| Address::of(&format!("databases.{name}"), "ingress/cluster");
    let nodes = &whole.builder.nodes;
    assert!(nodes.contains_key(&opened("orders")), "a service uses it");
    assert!(!nodes.contains_key(&opened("closed")), "nobody uses it");

    let services: BTreeMap<&str, BTreeMap<String, Value>> = ["order", "product", "proxy", "worker"]
        .into_iter()
        .map(|name| {
            let mut compiler = compiler_of(&blueprint, &account);
            let (key, service) =
                blueprint.services.iter().find(|(it, _)| it.as_str() == name).expect("is there");
            compiler.service(key, service);
            (name, component(compiler, &format!("services.{name}")))
        })
        .collect();
    insta::assert_json_snapshot!(services);
}

#[test]
fn what_the_internet_reaches_waits_for_the_way_in() {
    let text = r"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets: {public: [10.0.1.0/24, 10.0.2.0/24], private: [10.0.11.0/24, 10.0.12.0/24]}
loadBalancers:
  outer: {scheme: internet-facing, protocol: http, targets: {api: {port: 80}}}
  inner: {protocol: http, targets: {api: {port: 80}}}
";
    let loaded = load_bytes("shop", text.as_bytes(), Selection::default());
    let blueprint = loaded.blueprint.expect("the blueprint is valid");
    let graph = compile(&blueprint, &account(), &Rendered::default()).expect("it compiles");
    let way_in = Address::of("network", "internet-gateway-attachment");
    let waits = |name: &str| {
        let at = Address::of(&format!("loadBalancers.{name}"), "load-balancer");
        graph.nodes[&at].needs.get(&way_in).copied()
    };
    assert_eq!(waits("outer"), Some(Need::Ready));
    assert_eq!(waits("inner"), None);
}

#[test]
fn names_of_buckets_are_nobody_elses_and_not_too_long() {
    let (blueprint, account) = (blueprint(), account());
    let compiler = compiler_of(&blueprint, &account);
    let (name, bucket) = blueprint.buckets.iter().next().expect("there is one");
    assert_eq!(compiler.bucket_name(name, bucket), "shop-uploads-123456789012");
    let long = "a".repeat(40).parse().expect("a name");
    let mut longer = blueprint.clone();
    longer.stack = "b".repeat(40);
    let compiler = compiler_of(&longer, &account);
    let name = compiler.bucket_name(&long, bucket);
    assert!(name.len() <= 63 && name.ends_with("-123456789012"), "{name}");
}

#[test]
fn regions_follow_each_other() {
    let text = include_str!("../../../examples/regions.yaml");
    let loaded = load_bytes("regions.yaml", text.as_bytes(), Selection::default());
    assert_eq!(loaded.diagnostics, []);
    let blueprint = loaded.blueprint.expect("the blueprint is valid");
    let graph = compile(&blueprint, &account(), &Rendered::default()).expect("it compiles");
    let node = |address: &str| &graph.nodes[&address.parse::<Address>().expect("an address")];
    let dr =
        |address: &str| format!("regions.dr.{address}").parse::<Address>().expect("an address");
    let bucket = node("buckets.files/bucket");
    assert_eq!(bucket.needs[&dr("buckets.files/bucket")], Need::Ready, "it must keep versions");
    let zone = "dns.orders.example.com";
    let proofs = graph.nodes.keys().filter(|it| it.role().starts_with("validation/"));
    assert_eq!(proofs.count(), 1, "one record proves the certificates of all regions");
    insta::assert_json_snapshot!(json!({
        "replication": bucket.spec["ReplicationConfiguration"],
        "policy": node("buckets.files/replication-policy").spec["PolicyDocument"],
        "primary": node(&format!("{zone}/record/orders.example.com-A/primary")).spec,
        "secondary": node(&format!("{zone}/record/orders.example.com-A/secondary")).spec,
        "copies": node("databases.orders/instance").spec["AutomaticBackupReplicationRegion"],
        "key": node("databases.orders/instance").spec["AutomaticBackupReplicationKmsKeyId"],
    }));
}
