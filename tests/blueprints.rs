//! Every blueprint of `blueprints/` and `examples/`, in every environment: applied, planned to empty, edited by hand in
//! every kind that it has, healed, destroyed, nothing left.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use platctl::address::Address;
use platctl::blueprint::{self, Blueprint, Selection};
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};
use platctl::kind::{
    AnyKind, DeletionPolicy, Lookup, Observed, Readiness, Ref, Tagging, Update, Wanted,
};
use platctl::kinds::{self, k8s_object};
use platctl::observe;
use platctl::plan::{Action, Intent, Plan, Reason};
use serde_json::json;

use crate::charts;
use crate::support::{REGION, TestStack, changes, kubectl, with_sandbox};

/// The files, each with its environments; the empty name stands for none.
macro_rules! lives {
    ($($test:ident: $file:literal $environment:literal),* $(,)?) => {
        const TESTED: &[(&str, &str)] = &[$(($file, $environment)),*];
        $(
            #[test]
            fn $test() {
                lives($file, $environment, &[]);
            }
        )*
    };
}

lives! {
    audit: "examples/audit.yaml" "",
    below: "examples/below.yaml" "",
    birthday_api_dev: "blueprints/birthday-api.yaml" "dev",
    birthday_api_prod: "blueprints/birthday-api.yaml" "prod",
    birthday_api_staging: "blueprints/birthday-api.yaml" "staging",
    caches: "examples/caches.yaml" "",
    e2e_microservices_dev: "blueprints/e2e-microservices.yaml" "dev",
    e2e_microservices_prod: "blueprints/e2e-microservices.yaml" "prod",
    ecommerce_dev: "blueprints/ecommerce.yaml" "dev",
    ecommerce_prod: "blueprints/ecommerce.yaml" "prod",
    fleet: "examples/fleet.yaml" "",
    functions: "examples/functions.yaml" "",
    messaging: "examples/messaging.yaml" "",
    regions: "examples/regions.yaml" "",
    tables: "examples/tables.yaml" "",
    watching: "examples/watching.yaml" "",
    website: "examples/website.yaml" "",
}

/// Files that need something to be there before; each has a test of its own.
const WITH_OTHERS: &[&str] = &["examples/existing.yaml"];

/// Files with charts of public repositories, which no sandbox reaches: the compiler's own tests look at them.
const WITH_CHARTS: &[&str] = &["examples/platform.yaml"];

#[test]
fn every_file_is_tested_in_every_environment() {
    let mut all = BTreeSet::new();
    for folder in ["blueprints", "examples"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{folder}/{}", path.file_name().unwrap().to_string_lossy());
            if path.extension().is_none_or(|it| it != "yaml")
                || [WITH_OTHERS, WITH_CHARTS].concat().contains(&name.as_str())
            {
                continue;
            }
            let valid = blueprint::validate(&path, &[]);
            assert!(!valid.blueprints.is_empty(), "{name}: {:#?}", valid.diagnostics);
            for blueprint in valid.blueprints {
                let environment = blueprint.environment.map(|it| it.to_string());
                all.insert((name.clone(), environment.unwrap_or_default()));
            }
        }
    }
    let tested = TESTED.iter().map(|&(file, environment)| (file.into(), environment.into()));
    assert_eq!(all, tested.collect());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn path(name: &str) -> PathBuf {
    root().join(name)
}

pub(crate) fn load(name: &str, environment: &str, sets: &[(String, String)]) -> Blueprint {
    let environment = (!environment.is_empty()).then_some(environment);
    let loaded = blueprint::load(&path(name), Selection { environment, sets });
    loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

pub(crate) async fn graph(stack: &TestStack, blueprint: &Blueprint) -> Graph {
    let cx = stack.aws.region(blueprint.region.as_str());
    let account = cx.account().await.unwrap();
    let account = Account { id: account.id.clone(), partition: account.partition.clone() };
    compile(blueprint, &account, &charts::rendered(blueprint)).unwrap()
}

fn lives(name: &str, environment: &str, sets: &[(String, String)]) {
    let blueprint = load(name, environment, sets);
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, &blueprint.stack).await;
        let graph = graph(&stack, &blueprint).await;
        stack.apply(&graph).await;
        drifts(&stack, &graph).await;
        stack.destroy(&graph).await;
    });
}

/// What others own is built on, found missing, and neither changed nor destroyed.
#[test]
fn existing() {
    with_sandbox(|server| async move {
        let owner = TestStack::new(&server, "owner").await;
        let mut builder = owner.builder();
        let (vpc, zone, key) =
            (Address::of("own", "vpc"), Address::of("own", "zone"), Address::of("own", "key"));
        builder.add(vpc.clone(), "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"}));
        for (role, letter) in [("subnet-1", "a"), ("subnet-2", "b")] {
            let spec = json!({
                "VpcId": Ref::new(&vpc, "VpcId").to_value(),
                "CidrBlock": format!("10.0.{}.0/24", &role[7..]),
                "AvailabilityZone": format!("{REGION}{letter}"),
            });
            builder.add(Address::of("own", role), "AWS::EC2::Subnet", spec);
        }
        builder.add(
            zone.clone(),
            "AWS::Route53::HostedZone",
            json!({"Name": "tenants.example.com."}),
        );
        builder.add(
            key.clone(),
            "AWS::KMS::Key",
            json!({"Description": "shared", "KeyPolicy": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "kms:*", "Resource": "*",
                    "Principal": {"AWS": format!("arn:aws:iam::{}:root", owner.account().await)}}],
            }}),
        );
        let owned = builder.build().unwrap();
        owner.apply(&owned).await;
        let state = owner.store.load().await.unwrap();
        let output = |at: &Address, name: &str| state.resources[at].outputs[name].clone();
        let subnets =
            ["subnet-1", "subnet-2"].map(|it| output(&Address::of("own", it), "SubnetId"));
        let set = |key: &str, value: String| (format!("existing.{key}"), value);
        let sets = [
            set("network.vpc", output(&vpc, "VpcId")),
            set("network.subnets.data", format!("[{}]", subnets.join(", "))),
            set("zones.\"tenants.example.com\"", output(&zone, "Id")),
            set("keys.shared", format!("{:?}", output(&key, "Arn"))),
        ];

        let tenant = owner.neighbour("tenant");
        let wrong = load("examples/existing.yaml", "", &[]);
        let graph_of_wrong = graph(&tenant, &wrong).await;
        let observed = tenant.observe(&graph_of_wrong).await;
        assert_eq!(observe::missing(&graph_of_wrong, &observed).count(), 5);

        let blueprint = load("examples/existing.yaml", "", &sets);
        let graph = graph(&tenant, &blueprint).await;
        tenant.apply(&graph).await;
        let addresses: Vec<&str> = graph.nodes.keys().map(Address::component).collect();
        assert!(!addresses.contains(&"network"), "{addresses:?}");
        drifts(&tenant, &graph).await;
        let plan = tenant.plan(&tenant.empty(), Intent::Destroy).await;
        assert!(tenant.run(&plan).await.is_success());
        assert!(tenant.store.load().await.unwrap().resources.is_empty());
        let plan = owner.plan(&owned, Intent::Apply).await;
        assert_eq!(changes(&plan), [""; 0], "what others own must stay as it is");
    });
}

/// A component that gets another name keeps its objects, under their own names.
#[test]
fn moved() {
    let text = std::fs::read_to_string(path("examples/below.yaml")).unwrap();
    let before = text.replace("  api: {keep: 10}", "  backend: {keep: 10}");
    let before = before.replace("moved:\n  registries.backend: registries.api\n", "");
    let blueprint = |text: &str| {
        let loaded = blueprint::load_bytes("below.yaml", text.as_bytes(), Selection::default());
        loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    };
    let (before, after) = (blueprint(&before), blueprint(&text));
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, &before.stack).await;
        stack.apply(&graph(&stack, &before).await).await;
        let (former, now) = (
            Address::of("registries.backend", "repository"),
            Address::of("registries.api", "repository"),
        );
        let made = stack.store.load().await.unwrap().resources[&former].id.clone();
        let graph = graph(&stack, &after).await;
        let plan = stack.apply(&graph).await;
        let found = changes(&plan);
        assert_eq!(plan.changes[&now].action, Action::Adopt, "{found:?}");
        assert_eq!(plan.changes[&former].reason, Reason::Moved { to: now.clone() }, "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
        let state = stack.store.load().await.unwrap();
        assert_eq!(state.resources[&now].id, made);
        assert!(!state.resources.contains_key(&former));
        stack.destroy(&graph).await;
    });
}

/// Components that spell out each other's names, which stand between `<` and `>`.
const SPELLED_OUT: &str = r"
apiVersion: platctl.dev/v1
kind: Blueprint
name: spelled
region: eu-west-1
tags: {team: platform}
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets: {private: [10.0.1.0/24, 10.0.2.0/24], data: [10.0.3.0/24, 10.0.4.0/24]}
  nat: none
keys: {<secure>: {}}
queues:
  <orders>: {key: <secure>, deadLetter: {after: 3, to: <lost>}}
  <lost>: {key: <secure>}
topics: {<news>: {key: <secure>, subscribers: [queue.<orders>]}}
buckets:
  <uploads>: {key: <secure>, notify: [{on: [created], to: queue.<orders>}], accessLogs: <lines>}
  <lines>: {}
parameters: {<flags>: {value: one}}
secrets: {<token>: {generate: {}}}
registries: {<images>: {}}
logs: {<app>: {}}
tables: {<carts>: {primaryKey: {partition: id}, deletionProtection: false}}
caches: {<sessions>: {engine: valkey, version: '8.0', nodeType: cache.t4g.micro}}
databases:
  <ledger>: {engine: postgres, version: '17', class: db.t4g.micro, storage: 20Gi, deletionProtection: false}
firewalls: {<edge>: {rules: [common]}}
loadBalancers:
  <inside>: {protocol: http, firewall: <edge>, targets: {web: {port: 8080}}, accessLogs: {}, deletionProtection: false}
alarms:
  <backlog>: {of: queue.<orders>, metric: age, above: 10m, notify: [topic.<news>]}
  <refused>: {of: firewall.<edge>, metric: blocked, above: 100, notify: [topic.<news>]}
dashboards: {<all>: {of: [queue.<orders>, firewall.<edge>, database.<ledger>]}}
identities:
  <worker>:
    trust: [ec2.amazonaws.com]
    uses:
      - queue.<orders>:receive
      - bucket.<uploads>:write
      - parameter.<flags>
      - topic.<news>
      - secret.<token>
      - table.<carts>
      - registry.<images>
      - log.<app>
";

const SPELLED: [(&str, &str); 19] = [
    ("keys", "secure"),
    ("queues", "orders"),
    ("queues", "lost"),
    ("topics", "news"),
    ("buckets", "uploads"),
    ("buckets", "lines"),
    ("parameters", "flags"),
    ("secrets", "token"),
    ("registries", "images"),
    ("logs", "app"),
    ("tables", "carts"),
    ("caches", "sessions"),
    ("databases", "ledger"),
    ("firewalls", "edge"),
    ("loadBalancers", "inside"),
    ("alarms", "backlog"),
    ("alarms", "refused"),
    ("dashboards", "all"),
    ("identities", "worker"),
];

/// What others spell out is spelled as before, and so everything stays as it is: whatever moves, by itself or with all
/// others.
#[test]
fn what_has_moved_is_called_as_before_by_others_too() {
    let renamed = |moved: &[(&str, &str)]| {
        let mut text = SPELLED_OUT.to_owned();
        for (_, name) in moved {
            text = text.replace(&format!("<{name}>"), &format!("new-{name}"));
        }
        let moves = moved.iter().map(|(it, name)| format!("{it}.{name}: {it}.new-{name}"));
        let moves = moves.collect::<Vec<_>>().join(", ");
        let text = format!("{}moved: {{{moves}}}\n", text.replace(['<', '>'], ""));
        let loaded = blueprint::load_bytes("spelled.yaml", text.as_bytes(), Selection::default());
        loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
    };
    let (before, after) = (renamed(&[]), renamed(&SPELLED));
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, &before.stack).await;
        stack.apply(&graph(&stack, &before).await).await;
        for moved in SPELLED {
            let graph = graph(&stack, &renamed(&[moved])).await;
            only_bookkeeping(&stack.plan(&graph, Intent::Apply).await);
        }
        let graph = graph(&stack, &after).await;
        only_bookkeeping(&stack.apply(&graph).await);
        let is_new = |it: &Address| it.component() == "network" || it.component().contains(".new-");
        assert!(graph.nodes.keys().all(is_new));
        stack.destroy(&graph).await;
    });
}

/// Nothing is made, replaced or changed but tags, which tell the address.
fn only_bookkeeping(plan: &Plan) {
    for (address, change) in plan.changes.iter().filter(|(_, change)| change.is_change()) {
        let forgets = matches!(change.reason, Reason::Moved { .. });
        let adopts = change.action == Action::Adopt
            && change.fields.iter().all(|field| field.path.split('.').next() == Some("Tags"));
        assert!(forgets || adopts, "{address}: {:#?}", changes(plan));
    }
}

/// Kinds without tags of which no object can be deleted by hand while the stack stands.
const HELD_BY_OTHERS: &[&str] = &[
    // The addresses of the NAT gateways and load balancers hang on it.
    "AWS::EC2::VPCGatewayAttachment",
    // A distribution names them.
    "AWS::CloudFront::CachePolicy",
    "AWS::CloudFront::OriginAccessControl",
    // It cannot be deleted before somebody has clicked in a mail.
    "AWS::SNS::Subscription",
];

/// Somebody edits one object of every kind: its tags, or where it has none, the object itself. Exactly that is found,
/// and healed.
async fn drifts(stack: &TestStack, graph: &Graph) {
    let observation = stack.observe(graph).await;
    let mut by_kind: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
    for (address, node) in &graph.nodes {
        by_kind.entry(node.kind.as_str()).or_default().push(address);
    }
    let mut edited: BTreeSet<Address> = BTreeSet::new();
    for (name, addresses) in by_kind {
        let kind = kinds::find(name).unwrap();
        let mut done = false;
        // One that others need is refused: the next may not be.
        for address in addresses.into_iter().take(3) {
            let region = &graph.nodes[address].region;
            done = edit(stack, kind, region, &observation.get(address).unwrap()).await;
            if done {
                edited.insert(address.clone());
                break;
            }
        }
        assert!(done || HELD_BY_OTHERS.contains(&name), "no object of {name} could be edited");
    }
    let plan = stack.plan(graph, Intent::Apply).await;
    let found: BTreeSet<Address> = plan
        .changes
        .iter()
        .filter(|(_, change)| change.is_change())
        .map(|(address, _)| address.clone())
        .collect();
    assert_eq!(found, edited, "{:#?}", changes(&plan));
    stack.apply(graph).await;
}

/// Changes a tag, or deletes what has none. `false`: the cloud refused.
async fn edit(
    stack: &TestStack,
    kind: &'static dyn AnyKind,
    region: &str,
    live: &Observed,
) -> bool {
    if live.readiness == Readiness::Unconfirmed {
        return false;
    }
    let cx = stack.aws.region(region);
    let edited = match kind.tagging() {
        Tagging::Map => {
            let mut spec = live.spec.clone();
            spec["Tags"]["team"] = json!("edited");
            Some(spec)
        }
        Tagging::List => {
            let mut spec = live.spec.clone();
            let tags = spec["Tags"].as_array_mut().unwrap();
            tags.retain(|tag| tag["Key"] != "team");
            tags.push(json!({"Key": "team", "Value": "edited"}));
            Some(spec)
        }
        Tagging::Labels => {
            label(stack, kind, region, live).await;
            return true;
        }
        Tagging::None => None,
    };
    let deleted = edited.is_none();
    for _ in 0..100 {
        let done = if let Some(to) = &edited {
            let update = Update { from: &live.spec, to, changed: &["Tags"] };
            kind.update(&cx, &live.id, update).await
        } else {
            kind.delete(&cx, &live.id, &live.spec, DeletionPolicy::Delete).await
        };
        match done {
            Ok(()) => {
                settle(stack, kind, region, live, deleted).await;
                return true;
            }
            Err(fault) if fault.class.passes_with_time() && !deleted => {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            Err(_) if deleted => return false,
            Err(fault) => panic!("{} {}: {fault:?}", kind.name(), live.id),
        }
    }
    panic!("{} {}: it never passed", kind.name(), live.id);
}

/// Somebody labels an object of Kubernetes.
async fn label(stack: &TestStack, kind: &'static dyn AnyKind, region: &str, live: &Observed) {
    let cx = stack.aws.region(region);
    let [cluster, namespace, name] = live.id.parts().unwrap();
    let (group, version, of) = k8s_object::parts(kind.name()).unwrap();
    let api = cx.cluster(cluster).await.unwrap().unwrap();
    let resource = api.discover(group, version, of).await.unwrap().unwrap();
    let patch = json!({"metadata": {"labels": {"theirs": "edited"}}});
    let path = resource.one(namespace, name);
    kubectl(&cx, cluster, "kubectl-label", Method::PATCH, &path, Some(patch)).await;
}

/// Waits until an edit has taken effect.
async fn settle(
    stack: &TestStack,
    kind: &'static dyn AnyKind,
    region: &str,
    live: &Observed,
    deleted: bool,
) {
    let cx = stack.aws.region(region);
    for _ in 0..400 {
        let wanted = [Wanted::uncompared(Lookup::Id(live.id.clone()))];
        let found = kind.read(&cx, &wanted).await.unwrap();
        let settled = match &found[0] {
            None => deleted,
            Some(seen) => !deleted && seen.readiness == Readiness::Ready,
        };
        if settled {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} {} does not settle", kind.name(), live.id);
}
