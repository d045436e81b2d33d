//! A state that was lost is found again, and then nothing is left to do.

use std::collections::BTreeSet;

use http::Method;
use platctl::address::Address;
use platctl::cloud::owned::{Owned, owned};
use platctl::graph::Graph;
use platctl::kind::Ref;
use platctl::plan::{Action, Intent};
use platctl::recover::{Recovered, recover};
use platctl::state::State;
use serde_json::json;

use super::Stage;
use crate::blueprints::{graph, load};
use crate::support::{REGION, TestStack, changes, kubectl, with_sandbox};

/// What the index of tags knows of the stack.
async fn index(stack: &TestStack, graph: &Graph) -> BTreeSet<Owned> {
    let regions = graph.nodes.values().map(|node| node.region.clone());
    owned(&stack.aws, &stack.name, regions).await.unwrap()
}

/// Loses the state and finds it again.
async fn lost_and_found(stack: &TestStack, graph: &Graph, home: &str) -> Recovered {
    std::fs::remove_dir_all(stack.store.folder().unwrap()).unwrap();
    let empty = stack.store.load().await.unwrap();
    assert!(empty.resources.is_empty());
    let index = index(stack, graph).await;
    let found = recover(&*stack.aws, graph, empty, &index, home).await.unwrap();
    let lock = stack.store.lock("state recover").await.unwrap();
    stack.store.replace(&lock, &mut found.state.clone()).await.unwrap();
    found
}

fn recovers(name: &str, environment: &str) {
    let blueprint = load(name, environment, &[]);
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, &blueprint.stack).await;
        let graph = graph(&stack, &blueprint).await;
        stack.apply(&graph).await;
        let before: State = stack.store.load().await.unwrap();
        let found = lost_and_found(&stack, &graph, blueprint.region.as_str()).await;
        assert_eq!(found.missing, BTreeSet::new());
        assert_eq!(found.conflicts, []);
        assert_eq!(found.strays, []);
        for (address, record) in &before.resources {
            assert_eq!(found.state.resources.get(address), Some(record), "{address}");
        }
        assert_eq!(found.state.resources.len(), before.resources.len());
        let plan = stack.plan(&graph, Intent::Apply).await;
        assert_eq!(changes(&plan), [""; 0]);
        assert!(plan.is_empty());
        stack.destroy(&graph).await;
    });
}

#[test]
fn birthday_api() {
    recovers("blueprints/birthday-api.yaml", "dev");
}

#[test]
fn ecommerce() {
    recovers("blueprints/ecommerce.yaml", "dev");
}

/// Of what the blueprint does not ask for any more, the tags still tell: it is recorded, and the next apply deletes it,
/// what needs it first.
#[test]
fn what_has_left_the_blueprint_is_recorded_where_its_arn_tells_what_it_is() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "leftovers").await;
        let mut builder = stack.builder();
        let (vpc, topic) = (Address::of("network", "vpc"), Address::of("topics.news", "topic"));
        builder.add(topic.clone(), "AWS::SNS::Topic", json!({"TopicName": "leftovers-news"}));
        let kept = builder.build().unwrap();

        let mut builder = stack.builder();
        builder.add(topic.clone(), "AWS::SNS::Topic", json!({"TopicName": "leftovers-news"}));
        builder.add(vpc.clone(), "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"}));
        let subnet = Address::of("network", "subnet");
        let vpc_id = Ref::new(&vpc, "VpcId").to_value();
        let spec = json!({"VpcId": vpc_id, "CidrBlock": "10.0.1.0/24"});
        builder.add(subnet.clone(), "AWS::EC2::Subnet", spec);
        let whole = builder.build().unwrap();
        stack.apply(&whole).await;

        let found = lost_and_found(&stack, &kept, REGION).await;
        let strays: BTreeSet<_> =
            found.strays.iter().map(|stray| (&stray.address, stray.recorded.as_ref())).collect();
        assert_eq!(strays, BTreeSet::from([(&vpc, Some(&vpc)), (&subnet, Some(&subnet))]));
        assert!(found.state.resources[&subnet].needs.contains_key(&vpc));
        let plan = stack.plan(&kept, Intent::Apply).await;
        assert_eq!(plan.changes[&vpc].action, Action::Delete);
        assert_eq!(plan.changes[&topic].action, Action::Keep);
        stack.apply(&kept).await;
        assert!(index(&stack, &kept).await.iter().all(|it| it.owner.address == topic));
        stack.destroy(&whole).await;
    });
}

/// Neither what is gone nor what belongs to others is recorded; both are told.
#[test]
fn what_is_gone_and_what_others_own_is_told() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "tenant").await;
        let other = stack.neighbour("other");
        let add = |builder: &mut platctl::graph::Builder, name: &str| {
            let address = Address::of(&format!("topics.{name}"), "topic");
            builder.add(address, "AWS::SNS::Topic", json!({"TopicName": name}));
        };
        let (mut ours, mut theirs) = (stack.builder(), other.builder());
        add(&mut ours, "mine");
        stack.apply(&ours.build().unwrap()).await;
        add(&mut theirs, "taken");
        let theirs = theirs.build().unwrap();
        other.apply(&theirs).await;

        let mut wanted = stack.builder();
        for name in ["mine", "taken", "gone"] {
            add(&mut wanted, name);
        }
        let wanted = wanted.build().unwrap();
        let found = lost_and_found(&stack, &wanted, REGION).await;
        let topic = |name: &str| Address::of(&format!("topics.{name}"), "topic");
        assert_eq!(found.missing, BTreeSet::from([topic("gone")]));
        assert_eq!(found.conflicts.len(), 1);
        assert_eq!(found.conflicts[0].address, topic("taken"));
        assert_eq!(found.state.resources.keys().collect::<Vec<_>>(), [&topic("mine")]);
        other.destroy(&theirs).await;
    });
}

/// The command: state gone, `recover`, and the plan is empty. A state with records is not given up by mistake.
#[test]
fn the_command_brings_back_an_empty_plan() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let recorded = stage.recorded();
        let refused = stage.fails("state recover");
        assert!(refused.contains("are recorded") && refused.contains("--force"), "{refused}");

        std::fs::remove_dir_all(stage.path().join(".platctl")).unwrap();
        stage.ends(2, "plan");
        let report = stage.json("state recover");
        assert_eq!(report["missing"], json!([]));
        assert_eq!(report["strays"], json!([]));
        assert_eq!(stage.recorded(), recorded);
        stage.succeeds("plan");
        let told = stage.succeeds("state recover --force");
        assert!(told.contains("Recovered") && told.contains("of shop"), "{told}");
        stage.succeeds("plan");
        stage.succeeds("destroy --yes --allow-delete *");
    });
}

/// A cluster, and a namespace on it with a config map.
const ON_A_CLUSTER: &str = "\
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
  nat: single
cluster:
  version: '1.35'
  deletionProtection: false
  nodeGroups: {system: {instanceTypes: [t3.large], size: 1..2}}
  addons: {vpc-cni: {beforeNodes: true}, kube-proxy: {beforeNodes: true}}
resources:
  kept: {type: v1/Namespace, properties: {metadata: {name: kept}}}
  config: {type: v1/ConfigMap, properties: {metadata: {name: config, namespace: kept}, data: {a: '1'}}}
";
/// What leaves it: a namespace and what is in it, a definition and one of its objects.
const LEAVING: &str = "  gone: {type: v1/Namespace, properties: {metadata: {name: gone}}}
  settings: {type: v1/ConfigMap, properties: {metadata: {name: settings, namespace: gone}, data: {a: '1'}}}
  definition:
    type: apiextensions.k8s.io/v1/CustomResourceDefinition
    properties:
      metadata: {name: things.example.com}
      spec:
        group: example.com
        scope: Namespaced
        names: {kind: Thing, plural: things, singular: thing, listKind: ThingList}
        versions:
          - name: v1
            served: true
            storage: true
            schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: integer}}}}}}
  thing: {type: example.com/v1/Thing, properties: {metadata: {name: one, namespace: gone}, spec: {size: 1}}}
";

/// Objects that no blueprint names are found by their label, whatever their kind, and go in order; what a controller made
/// of an object of ours is left to it.
#[test]
fn objects_that_have_left_the_blueprint_are_found_on_the_cluster() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server).blueprint(&format!("{ON_A_CLUSTER}{LEAVING}"));
        stage.succeeds("apply --yes");
        let recorded = stage.recorded();
        let cx = stage.aws(&server).await.region(REGION);
        let config = "/api/v1/namespaces/kept/configmaps/config";
        let live = kubectl(&cx, "shop", "x", Method::GET, config, None).await;
        let owner = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": "config",
            "uid": live["metadata"]["uid"], "controller": true,
        });
        let metadata = json!({
            "name": "copy", "labels": live["metadata"]["labels"],
            "annotations": live["metadata"]["annotations"], "ownerReferences": [owner],
        });
        let copy = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
        let all = "/api/v1/namespaces/kept/configmaps";
        kubectl(&cx, "shop", "copier", Method::POST, all, Some(copy)).await;

        std::fs::remove_dir_all(stage.path().join(".platctl")).unwrap();
        let stage = stage.blueprint(ON_A_CLUSTER);
        let report = stage.json("state recover");
        let left = ["definition", "gone", "settings", "thing"]
            .map(|it| format!("resources.{it}/resource"));
        let mut strays: Vec<_> = report["strays"]
            .as_array()
            .unwrap()
            .iter()
            .map(|stray| {
                assert_eq!((&stray["arn"], &stray["recorded"]), (&json!(null), &stray["address"]));
                stray["address"].as_str().unwrap().to_owned()
            })
            .collect();
        strays.sort();
        assert_eq!(strays, left);
        assert_eq!((&report["missing"], &report["conflicts"]), (&json!([]), &json!([])));
        assert_eq!(stage.recorded(), recorded);

        let file = stage.path().join(".platctl/shop/state.json");
        let state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        let record = |name: &str| &state["resources"][format!("resources.{name}/resource")];
        let needs = |name: &str, other: &str| !record(name)["needs"][other].is_null();
        for name in ["definition", "gone", "settings", "thing"] {
            assert!(needs(name, "cluster/cluster"), "{name}: {}", record(name));
        }
        assert!(needs("settings", "resources.gone/resource"), "{}", record("settings"));
        assert!(needs("thing", "resources.gone/resource"), "{}", record("thing"));
        assert!(needs("thing", "resources.definition/resource"), "{}", record("thing"));
        assert_eq!(record("thing")["spec"]["spec"], json!({"size": 1}));

        let plan = stage.ends(2, "plan");
        let is_told = |it: &String| plan.contains(it.trim_end_matches("/resource"));
        assert!(left.iter().all(is_told) && plan.contains(" 4 to delete, 0 to adopt"), "{plan}");
        stage.succeeds("apply --yes");
        assert!(left.iter().all(|it| !stage.recorded().contains(it)));
        stage.succeeds("plan");
        let copy = kubectl(&cx, "shop", "x", Method::GET, &format!("{all}/copy"), None).await;
        assert_eq!(copy["metadata"]["name"], "copy");
        stage.succeeds("destroy --yes --allow-delete *");
    });
}
