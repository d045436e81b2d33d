//! One stack in which everything happens at once: every action and every reason, for the tests of the reports.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::address::{Address, Owner, PhysicalId, Stack};
use crate::graph::{Builder, Graph, Needs, Node};
use crate::kind::{DeletionPolicy, Observed, Outputs, Readiness, Ref};
use crate::observe::Observation;
use crate::plan::{self, Intent, Origin, Plan};
use crate::state::{Record, State, Status};

/// A resource by what the three sides say of it.
#[derive(Clone)]
struct Scene {
    address: Address,
    kind: &'static str,
    /// Where the address does not make one.
    id: Option<&'static str>,
    desired: Option<Value>,
    recorded: Option<Value>,
    observed: Option<Value>,
    status: Status,
    readiness: Readiness,
    outputs: Outputs,
}

/// Everything at once.
pub(crate) fn everything() -> Plan {
    let (graph, state, observation) = sides(&scenes());
    plan::plan(&graph, &state, &observation, origin(Intent::Apply))
}

/// The end of the same stack.
pub(crate) fn destruction() -> Plan {
    let (graph, state, observation) = sides(&scenes());
    let graph = Graph { nodes: BTreeMap::new(), ..graph };
    plan::plan(&graph, &state, &observation, origin(Intent::Destroy))
}

/// A plan without changes.
pub(crate) fn nothing() -> Plan {
    let (graph, state, observation) = sides(&scenes()[..1]);
    plan::plan(&graph, &state, &observation, origin(Intent::Apply))
}

/// Of everything, the state.
pub(crate) fn state() -> State {
    sides(&scenes()).1
}

pub(crate) fn at(address: &str) -> Address {
    address.parse().unwrap()
}

fn origin(intent: Intent) -> Origin<'static> {
    Origin { intent, region: "eu-west-1", blueprint: "b1" }
}

fn scenes() -> Vec<Scene> {
    let vpc = |cidr: &str| json!({"CidrBlock": cidr});
    let subnet = |vpc: Value, zone: &str| json!({"VpcId": vpc, "CidrBlock": "10.0.1.0/24", "AvailabilityZone": zone});
    let log = |name: &str, days: u32| json!({"LogGroupName": name, "RetentionInDays": days});
    let second = || Ref::new(&at("network/second"), "VpcId").to_value();
    let team = |mut spec: Value, team: &str| {
        spec["Tags"] = json!([{"Key": "team", "Value": team}]);
        spec
    };
    let alias = json!({"AliasName": "alias/data", "TargetKeyId": "key-1"});
    let policy = |actions: Value, sources: Value| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": actions,
            "Condition": {"StringEquals": {"aws:SourceAccount": sources}},
        }]})
    };
    let role = |policy: Value, arns: &[&str]| json!({"RoleName": "shop-app", "AssumeRolePolicyDocument": policy, "ManagedPolicyArns": arns});
    let database = |class: &str| json!({"DBInstanceIdentifier": format!("shop-{class}"), "DBInstanceClass": class, "Engine": "postgres"});
    let (read, write) = (
        "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
        "arn:aws:iam::aws:policy/AmazonS3FullAccess",
    );
    vec![
        kept("network/vpc", "AWS::EC2::VPC", vpc("10.0.0.0/16")),
        Scene {
            desired: Some(vpc("10.2.0.0/16")),
            ..kept("network/second", "AWS::EC2::VPC", vpc("10.1.0.0/16"))
        },
        Scene {
            desired: Some(subnet(second(), "eu-west-1a")),
            ..kept("network/subnet/a", "AWS::EC2::Subnet", subnet(json!("vpc-2"), "eu-west-1a"))
        },
        Scene {
            recorded: None,
            observed: None,
            ..kept("network/subnet/b", "AWS::EC2::Subnet", subnet(second(), "eu-west-1b"))
        },
        Scene {
            observed: None,
            ..kept("network/subnet/c", "AWS::EC2::Subnet", subnet(json!("vpc-1"), "eu-west-1c"))
        },
        Scene {
            recorded: None,
            observed: Some(team(vpc("10.3.0.0/16"), "red")),
            ..kept("network/third", "AWS::EC2::VPC", team(vpc("10.3.0.0/16"), "blue"))
        },
        Scene {
            observed: Some(log("/shop/cluster", 7)),
            ..kept("logs.cluster/group", "AWS::Logs::LogGroup", log("/shop/cluster", 90))
        },
        Scene {
            desired: Some(log("/shop/api", 30)),
            observed: Some(log("/shop/api", 7)),
            ..kept("logs.api/group", "AWS::Logs::LogGroup", log("/shop/api", 90))
        },
        Scene {
            status: Status::Updating,
            ..kept("logs.audit/group", "AWS::Logs::LogGroup", log("/shop/audit", 90))
        },
        Scene {
            desired: None,
            observed: None,
            ..kept("logs.old/group", "AWS::Logs::LogGroup", log("/shop/old", 90))
        },
        Scene {
            desired: Some(role(
                policy(json!(["sts:AssumeRole", "sts:TagSession"]), json!("123456789012")),
                &[
                    write,
                    "arn:aws:iam::123456789012:policy/shop/a-policy-with-a-long-name-that-fits-nowhere",
                ],
            )),
            ..kept(
                "identities.app/role",
                "AWS::IAM::Role",
                role(policy(json!("sts:AssumeRole"), json!(["123456789012"])), &[read]),
            )
        },
        Scene {
            desired: Some(role(policy(json!("sts:AssumeRole"), json!("1")), &[])),
            observed: Some(role(policy(json!("sts:AssumeRole"), json!("2")), &[])),
            ..kept(
                "identities.reader/role",
                "AWS::IAM::Role",
                role(policy(json!("sts:AssumeRole"), json!("1")), &[]),
            )
        },
        Scene {
            desired: None,
            ..kept("databases.main/instance", "AWS::RDS::DBInstance", database("db.t4g.micro"))
        },
        Scene {
            readiness: Readiness::Failed("incompatible-parameters".into()),
            ..kept("databases.orders/instance", "AWS::RDS::DBInstance", database("db.t4g.small"))
        },
        Scene {
            id: Some("alias/data"),
            desired: None,
            ..kept("keys.former/alias", "AWS::KMS::Alias", alias.clone())
        },
        Scene {
            id: Some("alias/data"),
            recorded: None,
            ..kept("keys.present/alias", "AWS::KMS::Alias", alias)
        },
        Scene {
            readiness: Readiness::Deleting,
            ..kept("keys.data/key", "AWS::KMS::Key", json!({"Description": "data"}))
        },
    ]
}

/// A resource on which all three sides agree.
fn kept(address: &str, kind: &'static str, spec: Value) -> Scene {
    Scene {
        address: at(address),
        kind,
        id: None,
        desired: Some(spec.clone()),
        recorded: Some(spec.clone()),
        observed: Some(spec),
        status: Status::Stable,
        readiness: Readiness::Ready,
        outputs: Outputs::new(),
    }
}

fn sides(scenes: &[Scene]) -> (Graph, State, Observation) {
    let stack = Stack::new("shop-prod");
    let graph = |side: fn(&Scene) -> Option<&Value>| {
        let mut builder = Builder::new(stack.clone(), "eu-west-1", BTreeMap::new());
        for scene in scenes {
            if let Some(spec) = side(scene) {
                builder.add(scene.address.clone(), scene.kind, spec.clone());
            }
        }
        builder.build().unwrap()
    };
    let (recorded, observed) = (graph(|it| it.recorded.as_ref()), graph(|it| it.observed.as_ref()));
    let id = |scene: &Scene| {
        let unique = || PhysicalId::new(format!("id-of-{}", scene.address).replace('/', "-"));
        scene.id.map_or_else(unique, PhysicalId::new)
    };
    let mut state = State { serial: 7, ..State::new(stack.clone(), "5f0c".into()) };
    let mut observation = Observation::default();
    for scene in scenes {
        let spec =
            |graph: &Graph| graph.nodes.get(&scene.address).map(|Node { spec, .. }| spec.clone());
        if let Some(spec) = spec(&recorded) {
            let record = Record {
                kind: scene.kind.into(),
                region: "eu-west-1".into(),
                id: Some(id(scene)),
                status: scene.status.clone(),
                spec: spec.into(),
                intended: None,
                outputs: scene.outputs.clone(),
                needs: Needs::new(),
                deletion: DeletionPolicy::Delete,
            };
            state.resources.insert(scene.address.clone(), record);
        }
        if let Some(spec) = spec(&observed) {
            let seen = Observed {
                id: id(scene),
                owner: Some(Owner { stack: stack.clone(), address: scene.address.clone() }),
                spec,
                outputs: scene.outputs.clone(),
                readiness: scene.readiness.clone(),
            };
            observation.insert(scene.address.clone(), seen);
        }
    }
    (graph(|it| it.desired.as_ref()), state, observation)
}
