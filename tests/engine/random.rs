//! Any blueprint, any change, any trouble: apply converges to an empty plan, destroy to nothing.

use futures::future::join_all;
use platctl::fault::Class;
use platctl::graph::Graph;
use platctl::kind::DeletionPolicy;
use platctl::plan::{Intent, Origin, Plan, check, plan};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::cloud::{Trouble, Verb};
use super::desired::{Desired, Order, REGION, Resource};
use super::sides;
use super::stage::Stage;
use crate::support::changes;

/// A choice for one resource.
#[derive(Clone, Copy, Debug)]
struct Choice {
    present: bool,
    /// Chooses the value of a property that can only be replaced.
    replacing: u8,
    /// Chooses the value of a property that can be updated.
    updating: u8,
    /// Chooses between two resources to refer to.
    other: bool,
}

/// What happens between two applies, or during one.
#[derive(Clone, Copy, Debug)]
enum Mishap {
    Nothing,
    /// Somebody deletes an object.
    Vanishes(usize),
    /// A call about an object's kind goes wrong.
    Fails(usize, Verb, Trouble),
}

const SLOTS: usize = 13;
/// A mishap needs a second apply; two are bad luck.
const ROUNDS_MAX: usize = 4;

type Blueprint = [Choice; SLOTS];

fn desired(blueprint: &Blueprint) -> Desired {
    let mut desired = Desired::default();
    for (slot, choice) in blueprint.iter().enumerate().filter(|(_, choice)| choice.present) {
        let (address, kind, spec) = resource(slot, *choice);
        let needed = super::cloud::texts(&spec).into_iter().filter_map(|(_, text)| {
            Some(text.strip_prefix("${")?.split_once('.')?.0.parse().unwrap())
        });
        // The second name of the log group is for blueprints without the first: a rename.
        let named = slot == 12 && desired.0.contains_key(&"log/old-name".parse().unwrap());
        if needed.into_iter().all(|needed| desired.0.contains_key(&needed)) && !named {
            let Value::Object(spec) = spec else { unreachable!("a spec is an object") };
            let (after, deletion, region) = (Vec::new(), DeletionPolicy::Delete, None);
            let resource = Resource { kind: kind.into(), spec, after, deletion, region };
            desired.0.insert(address.parse().unwrap(), resource);
        }
    }
    desired
}

/// The resource of a slot; it refers to earlier slots only.
fn resource(slot: usize, choice: Choice) -> (&'static str, &'static str, Value) {
    let Choice { present: _, replacing: r, updating: u, other } = choice;
    let vpc = if other { "${net/other.VpcId}" } else { "${net/vpc.VpcId}" };
    let policy = |action: String| {
        let statement = json!({"Effect": "Allow", "Action": action, "Resource": "*"});
        json!({"Version": "2012-10-17", "Statement": [statement]})
    };
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]});
    let network = || json!({"CidrBlock": format!("10.{r}.0.0/16"), "EnableDnsHostnames": u == 1});
    match slot {
        0 => ("net/vpc", "AWS::EC2::VPC", network()),
        1 => ("net/other", "AWS::EC2::VPC", network()),
        2 => (
            "net/subnet",
            "AWS::EC2::Subnet",
            json!({"VpcId": vpc, "CidrBlock": format!("10.0.{r}.0/24"), "MapPublicIpOnLaunch": u == 1}),
        ),
        3 => (
            "net/group",
            "AWS::EC2::SecurityGroup",
            json!({"VpcId": vpc, "GroupDescription": format!("group {r}")}),
        ),
        4 => (
            "net/rule",
            "AWS::EC2::SecurityGroupIngress",
            json!({
                "GroupId": "${net/group.GroupId}", "IpProtocol": "tcp", "FromPort": r, "ToPort": 9,
                "CidrIp": "10.0.0.0/8", "Description": format!("rule {u}"),
            }),
        ),
        5 => ("net/table", "AWS::EC2::RouteTable", json!({"VpcId": vpc})),
        6 => (
            "net/in-table",
            "AWS::EC2::SubnetRouteTableAssociation",
            json!({"SubnetId": "${net/subnet.SubnetId}", "RouteTableId": "${net/table.RouteTableId}"}),
        ),
        7 => (
            "iam/role",
            "AWS::IAM::Role",
            json!({
                "RoleName": "role", "Path": format!("/{r}/"), "Description": format!("role {u}"),
                "AssumeRolePolicyDocument": trust,
            }),
        ),
        8 => (
            "iam/policy",
            "AWS::IAM::RolePolicy",
            json!({
                "RoleName": "${iam/role.RoleName}", "PolicyName": format!("policy-{r}"),
                "PolicyDocument": policy(format!("s3:Get{u}")),
            }),
        ),
        9 => (
            "data/key",
            "AWS::KMS::Key",
            json!({"MultiRegion": r == 1, "Description": format!("key {u}"), "EnableKeyRotation": true}),
        ),
        10 => (
            "data/alias",
            "AWS::KMS::Alias",
            json!({"AliasName": format!("alias/{r}"), "TargetKeyId": "${data/key.KeyId}"}),
        ),
        11 | 12 => (
            if slot == 11 { "log/old-name" } else { "log/new-name" },
            "AWS::Logs::LogGroup",
            json!({"LogGroupName": format!("/log/{r}"), "RetentionInDays": 1 + 2 * u}),
        ),
        _ => unreachable!("there are {SLOTS} slots"),
    }
}

fn blueprint() -> impl Strategy<Value = Blueprint> {
    let choice = (prop::bool::weighted(0.8), 0..2u8, 0..2u8, any::<bool>());
    let choice = choice.prop_map(|(present, replacing, updating, other)| Choice {
        present,
        replacing,
        updating,
        other,
    });
    prop::array::uniform(choice)
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let verb = prop_oneof![Just(Verb::Create), Just(Verb::Update), Just(Verb::Delete)];
    let refuse = [Class::Denied, Class::Throttled, Class::Busy, Class::Quota];
    let trouble = prop_oneof![
        Just(Trouble::LoseAnswer),
        prop::sample::select(refuse.to_vec()).prop_map(Trouble::Refuse),
    ];
    prop_oneof![
        Just(Mishap::Nothing),
        (0..SLOTS).prop_map(Mishap::Vanishes),
        (0..SLOTS, verb, trouble)
            .prop_map(|(slot, verb, trouble)| Mishap::Fails(slot, verb, trouble)),
    ]
}

async fn live(history: Vec<(Blueprint, Mishap)>) {
    let stage = Stage::new();
    for (blueprint, mishap) in &history {
        match *mishap {
            Mishap::Nothing => {}
            Mishap::Vanishes(at) => stage.cloud.meddle(|world| {
                let key = world.objects.keys().nth(at).cloned();
                if let Some(key) = key {
                    world.vanish(&key);
                }
            }),
            Mishap::Fails(slot, verb, trouble) => {
                stage.script(verb, resource(slot, blueprint[slot]).1, trouble);
            }
        }
        let desired = desired(blueprint);
        let mut outcomes = Vec::new();
        while let plan = stage.plan(&desired).await
            && !plan.is_empty()
        {
            assert!(outcomes.len() < ROUNDS_MAX, "{:#?} after {outcomes:#?}", changes(&plan));
            assert_eq!(plan.conflicts, []);
            outcomes.push((changes(&plan), stage.run(&plan).await.outcome));
        }
        stage.assert_settled(&desired).await;
    }
    stage.cloud.disarm();
    stage.destroy().await;
}

proptest! {
    // Each case lives many histories at the same time: they wait most of the time.
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn apply_converges_and_destroy_leaves_nothing(
        histories in prop::collection::vec(prop::collection::vec((blueprint(), mishap()), 1..4), 1..32),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(join_all(histories.into_iter().map(live)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_is_a_pure_function_of_its_three_sides(before in blueprint(), after in blueprint()) {
        let bytes = |plan: &Plan| serde_json::to_string(plan).unwrap();
        let (before, after) = (desired(&before), desired(&after));
        let state = sides::recorded(&before.graph(), &|_| None);
        let observation = sides::observed(&state);
        let origin = Origin { intent: Intent::Apply, region: REGION, blueprint: "hash" };
        let of = |graph: &Graph| plan(graph, &state, &observation, origin);
        let first = of(&after.graph());
        prop_assert_eq!(check::check(&first), vec![], "{:#?}", changes(&first));
        prop_assert_eq!(bytes(&first), bytes(&of(&after.graph())));
        prop_assert_eq!(bytes(&first), bytes(&of(&after.build_in(Order::Descending).unwrap())));
    }
}
