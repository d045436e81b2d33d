//! The life of a stack: made, changed, replaced, drifted, healed, adopted, destroyed; and the order of all that.

use platctl::address::Stack;
use platctl::apply;
use platctl::kind::DeletionPolicy;
use platctl::plan::{Action, Cause, Intent, Plan, Reason};
use platctl::state::Event;
use serde_json::{Value, json};

use super::cloud::{Object, Verb, address, tagged, vanish};
use super::desired::Desired;
use super::platform;
use super::stage::Stage;
use crate::support::changes;

const VPC: &str = "AWS::EC2::VPC";
const LOG: &str = "AWS::Logs::LogGroup";

/// The glyph, the address and the reason of every change.
fn told(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|(_, change)| change.is_change());
    let told = changes.map(|(address, change)| {
        let reason = serde_json::to_value(&change.reason).unwrap();
        format!("{} {address} {}", change.action.glyph(), reason["reason"].as_str().unwrap())
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_applied_is_there_and_what_is_destroyed_is_gone() {
    let stage = Stage::new();
    let (_, run) = stage.apply(&platform()).await;
    run.assert_order(&[
        "< create network/vpc",
        "> create network/subnet/a",
        "< late network/subnet/a",
        "< ready network/subnet/a",
    ]);
    run.assert_order(&["< ready network/attachment", "> create network/route"]);
    run.assert_order(&["< ready cluster/role-policy", "> create cluster/cluster"]);
    run.assert_order(&["< ready cluster/cluster", "> create cluster/provider"]);

    let run = stage.destroy().await;
    run.assert_order(&[
        "< gone cluster/provider",
        "> delete cluster/cluster",
        "< gone cluster/cluster",
        "> delete network/subnet/a",
        "< gone network/subnet/a",
        "> delete network/vpc",
    ]);
    run.assert_order(&["< gone network/route", "> delete network/attachment"]);
}

#[tokio::test(start_paused = true)]
async fn an_update_sends_what_differs_and_nothing_else() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.forget_calls();
    let (plan, _) =
        stage.apply(&platform().with("cluster/log", json!({"RetentionInDays": 7}))).await;
    assert_eq!(told(&plan), ["~ cluster/log differs"]);
    let effects = stage.calls().into_iter().filter(|call| call.verb != Verb::Read);
    assert_eq!(
        effects.map(|call| (call.verb, call.kind)).collect::<Vec<_>>(),
        [(Verb::Update, LOG)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_one_stands_before_the_old_one_goes() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let (plan, run) =
        stage.apply(&platform().with("network/vpc", json!({"CidrBlock": "10.8.0.0/16"}))).await;
    assert_eq!(plan.changes[&address("network/vpc")].action, Action::CreateThenDelete);
    assert_eq!(plan.changes[&address("network/subnet/a")].action, Action::DeleteThenCreate);
    assert_eq!(plan.changes[&address("network/table")].action, Action::CreateThenDelete);
    run.assert_order(&[
        "< create network/vpc",
        "> create network/table",
        "< ready network/table",
        "> delete network/table@replaced",
        "< gone network/table@replaced",
        "> delete network/vpc@replaced",
    ]);
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_pointed_to_the_old_half_points_to_the_new_one_before_the_old_half_goes() {
    let stage = Stage::new();
    let keys = |multi_region: bool| {
        Desired::parse(&format!(
            "secrets/key: {{kind: AWS::KMS::Key, spec: {{MultiRegion: {multi_region}}}}}\n\
             secrets/alias: {{kind: AWS::KMS::Alias, spec: {{AliasName: alias/shop, TargetKeyId: '${{secrets/key.KeyId}}'}}}}"
        ))
    };
    stage.apply(&keys(false)).await;
    let (plan, run) = stage.apply(&keys(true)).await;
    assert_eq!(
        told(&plan),
        ["~ secrets/alias differs", "± secrets/key replaces", "- secrets/key@replaced replaced"]
    );
    assert_eq!(plan.changes[&address("secrets/alias")].fields[0].cause, Cause::Reference);
    assert_eq!(plan.losses().collect::<Vec<_>>(), [&address("secrets/key")]);
    run.assert_order(&[
        "< create secrets/key",
        "> update secrets/alias",
        "< ready secrets/alias",
        "> delete secrets/key@replaced",
    ]);
}

#[tokio::test(start_paused = true)]
async fn the_old_one_goes_first_where_there_can_be_only_one() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let (plan, run) =
        stage.apply(&platform().with("cluster/role", json!({"Path": "/shop/"}))).await;
    // Its policy hangs on it: were the new policy made first, the old one would block the role's deletion for ever.
    assert_eq!(plan.changes[&address("cluster/role-policy")].action, Action::DeleteThenCreate);
    run.assert_order(&[
        "< gone cluster/cluster",
        "> delete cluster/role-policy",
        "< gone cluster/role-policy",
        "> delete cluster/role",
        "< gone cluster/role",
        "> create cluster/role",
        "> create cluster/role-policy",
        "< ready cluster/role-policy",
        "> create cluster/cluster",
    ]);
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_left_the_blueprint_is_deleted_in_the_order_that_was_recorded() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let without = ["cluster/cluster", "cluster/provider", "cluster/role", "cluster/role-policy"];
    let (plan, run) = stage.apply(&platform().without(&without)).await;
    assert!(told(&plan).iter().all(|line| line.ends_with("removed")), "{:?}", told(&plan));
    run.assert_order(&[
        "< gone cluster/provider",
        "> delete cluster/cluster",
        "< gone cluster/cluster",
        "> delete cluster/role-policy",
        "< gone cluster/role-policy",
        "> delete cluster/role",
    ]);
}

#[tokio::test(start_paused = true)]
async fn drift_is_named_exactly_and_healed() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.cloud.meddle(|world| {
        tagged(world, LOG, "cluster/log").spec["RetentionInDays"] = json!(1);
        let subnet = tagged(world, "AWS::EC2::Subnet", "network/subnet/a");
        subnet.spec["Tags"].as_array_mut().unwrap().push(json!({"Key": "foreign", "Value": "1"}));
        // Nobody manages it in the blueprint.
        subnet.spec["EnableDns64"] = json!(true);
    });
    let (plan, _) = stage.apply(&platform()).await;
    assert_eq!(told(&plan), ["~ cluster/log differs"]);
    let [field] = &plan.changes[&address("cluster/log")].fields[..] else { panic!("one field") };
    assert_eq!((field.path.as_str(), field.cause), ("RetentionInDays", Cause::Drift));
    let tags = stage.cloud.meddle(|world| {
        tagged(world, "AWS::EC2::Subnet", "network/subnet/a").spec["Tags"].to_string()
    });
    assert!(tags.contains("foreign"), "a foreign tag is left alone: {tags}");
}

#[tokio::test(start_paused = true)]
async fn what_vanished_is_made_again_with_what_hung_on_it() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.cloud.meddle(|world| {
        vanish(world, "AWS::EC2::RouteTable");
    });
    let (plan, _) = stage.apply(&platform()).await;
    assert_eq!(
        told(&plan),
        ["+ network/in-table vanished", "+ network/route vanished", "+ network/table vanished"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_will_never_work_is_replaced() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.cloud.meddle(|world| {
        let cluster = tagged(world, "AWS::EKS::Cluster", "cluster/cluster");
        cluster.broken = Some("no addresses left".into());
    });
    let (plan, _) = stage.apply(&platform()).await;
    let change = &plan.changes[&address("cluster/cluster")];
    assert_eq!(change.action, Action::DeleteThenCreate);
    assert_eq!(change.reason, Reason::Failed { why: "no addresses left".into() });
}

#[tokio::test(start_paused = true)]
async fn what_is_ours_and_not_recorded_is_adopted() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let before = stage.portrait();
    for name in ["state.json", "journal.jsonl"] {
        let _ = std::fs::remove_file(stage.file(name));
    }
    stage
        .cloud
        .meddle(|world| tagged(world, LOG, "cluster/log").spec["RetentionInDays"] = json!(1));
    stage.forget_calls();
    // What hangs on something unrecorded is found once that is recorded: natural keys are made of ids.
    let (mut plan, mut rounds) = (stage.plan(&platform()).await, 0);
    while !plan.is_empty() {
        stage.run(&plan).await;
        plan = stage.plan(&platform()).await;
        rounds += 1;
    }
    assert!(rounds <= 3, "{rounds} rounds");
    stage.assert_settled(&platform()).await;
    assert_eq!(stage.portrait(), before);
    let made = stage.calls().into_iter().filter(|call| call.verb == Verb::Create);
    let made: Vec<_> = made.filter(|call| call.ids.len() == 1).collect();
    let existed =
        |call: &&super::cloud::Call| call.before.objects.len() == call.after.objects.len();
    assert_eq!(made.iter().filter(existed).count(), made.len(), "nothing is made twice: {made:?}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_else_has_is_a_conflict() {
    let stage = Stage::new();
    let log = platform().0.remove_entry(&address("cluster/log")).unwrap();
    let desired = Desired([log].into());
    for owner in [None, Some("other-stack")] {
        let mut spec = json!({"LogGroupName": "/aws/eks/shop/cluster", "RetentionInDays": 30});
        if let Some(stack) = owner {
            let tags = [("platctl:stack", stack), ("platctl:address", "cluster/log")];
            let tag = |(key, value)| json!({"Key": key, "Value": value});
            spec["Tags"] = tags.map(tag).into_iter().collect::<Value>();
        }
        stage.cloud.meddle(|world| {
            let id = platctl::address::PhysicalId::new("/aws/eks/shop/cluster");
            world.stand((LOG, super::desired::REGION.into(), id), Object::standing(spec));
        });
        let plan = stage.plan(&desired).await;
        let [conflict] = &plan.conflicts[..] else { panic!("{:?}", plan.conflicts) };
        assert_eq!(
            conflict.owner.as_ref().map(|owner| &owner.stack),
            owner.map(Stack::new).as_ref()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_address_takes_over_what_has_the_name() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.forget_calls();
    let desired = platform().renamed("cluster/log", "logs/cluster");
    let desired = desired.renamed("network/route", "network/route/internet");
    let after = vec![address("cluster/role-policy"), address("logs/cluster")];
    let mut renamed = desired;
    renamed.0.get_mut(&address("cluster/cluster")).unwrap().after = after;
    let (plan, _) = stage.apply(&renamed).await;
    assert_eq!(
        told(&plan),
        [
            "- cluster/log moved",
            "= logs/cluster found-ours",
            "- network/route moved",
            "= network/route/internet found-ours",
        ]
    );
    assert_eq!(plan.losses().count(), 0, "nothing is deleted");
    let deletes = stage.calls().into_iter().filter(|call| call.verb == Verb::Delete);
    assert_eq!(deletes.count(), 0);
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn needs_and_deletion_policies_are_noted_without_any_effect() {
    let stage = Stage::new();
    let mut desired = platform();
    stage.apply(&desired).await;
    stage.forget_calls();
    let cluster = desired.0.get_mut(&address("cluster/cluster")).unwrap();
    cluster.deletion = DeletionPolicy::Snapshot;
    cluster.after.clear();
    let plan = stage.plan(&desired).await;
    assert!(plan.is_empty(), "{:?}", changes(&plan));
    let mut state = stage.state();
    assert!(apply::has_notes(&plan, &state));
    let lock = stage.store.lock("apply").await.unwrap();
    let mut journal = stage.store.begin(&lock, &mut state).await.unwrap();
    assert_eq!(apply::note(&plan, &mut state, &mut journal).await.unwrap(), 1);
    assert_eq!(stage.state(), state, "the journal tells it");
    stage.store.finish(&lock, &state, journal).await.unwrap();
    drop(lock);
    assert!(!apply::has_notes(&stage.plan(&desired).await, &stage.state()));
    assert!(stage.calls().iter().all(|call| call.verb == Verb::Read));

    let run = stage.destroy().await;
    let deleted = stage.calls().into_iter().filter(|call| call.verb == Verb::Delete);
    let policies: Vec<_> = deleted.map(|call| (call.kind, call.policy.unwrap())).collect();
    assert!(policies.contains(&("AWS::EKS::Cluster", DeletionPolicy::Snapshot)), "{policies:?}");
    assert!(policies.contains(&(LOG, DeletionPolicy::Delete)), "{policies:?}");
    assert!(run.outcome.is_success());
}

#[tokio::test(start_paused = true)]
async fn what_is_to_stay_is_only_forgotten_and_taken_over_when_it_comes_back() {
    let stage = Stage::new();
    let all_of = |which: &str| {
        let all = "data/a: {kind: AWS::S3::Bucket, deletion: Retain, spec: {BucketName: a}}
data/b: {kind: AWS::S3::Bucket, spec: {BucketName: b}}
data/log: {kind: AWS::Logs::LogGroup, deletion: Retain, spec: {LogGroupName: l}}";
        let kept = all.lines().filter(|line| which.split(' ').any(|it| line.contains(it)));
        Desired::parse(&kept.collect::<Vec<_>>().join("\n"))
    };
    stage.apply(&all_of("data")).await;
    stage.forget_calls();

    let plan = stage.plan(&all_of("data/log")).await;
    assert_eq!(told(&plan), ["○ data/a removed", "- data/b removed"]);
    assert_eq!(
        plan.losses().collect::<Vec<_>>(),
        [&address("data/b")],
        "nothing of the other is lost"
    );
    assert_eq!((plan.summary().retain, plan.summary().delete), (1, 1));
    assert!(stage.run(&plan).await.outcome.is_success());
    let deleted = stage.calls().into_iter().filter(|call| call.verb == Verb::Delete);
    assert_eq!(deleted.count(), 1);
    assert!(!stage.state().resources.contains_key(&address("data/a")));
    assert!(stage.plan(&all_of("data/log")).await.is_empty());

    let (plan, _) = stage.apply(&all_of("data/a data/log")).await;
    assert_eq!(told(&plan), ["= data/a found-ours"]);

    // The end of the stack is none for what stays.
    let plan = stage.plan_of(&Desired::default().graph(), Intent::Destroy).await;
    assert_eq!(told(&plan), ["○ data/a destroy", "○ data/log destroy"]);
    assert!(stage.run(&plan).await.outcome.is_success());
    assert!(stage.state().resources.is_empty());
    assert_eq!(stage.cloud.world().objects.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_stay_is_replaced_all_the_same() {
    let stage = Stage::new();
    let log = |class: &str| {
        Desired::parse(&format!(
            "data/log: {{kind: AWS::Logs::LogGroup, deletion: Retain, spec: {{LogGroupName: l, LogGroupClass: {class}}}}}"
        ))
    };
    stage.apply(&log("STANDARD")).await;
    let (plan, _) = stage.apply(&log("INFREQUENT_ACCESS")).await;
    assert_eq!(told(&plan), ["∓ data/log replaces"]);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_is_refused_when_something_it_touches_moved() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let desired = platform().with("cluster/log", json!({"RetentionInDays": 7}));
    let plan = stage.plan(&desired).await;
    let graph = desired.graph();
    assert_eq!(apply::moved(&plan, &stage.observe(&graph).await), []);
    // What the plan does not touch may move.
    stage.cloud.meddle(|world| {
        tagged(world, VPC, "network/vpc").spec["EnableDnsSupport"] = json!(true);
    });
    assert_eq!(apply::moved(&plan, &stage.observe(&graph).await), []);
    stage
        .cloud
        .meddle(|world| tagged(world, LOG, "cluster/log").spec["RetentionInDays"] = json!(1));
    let moved = apply::moved(&plan, &stage.observe(&graph).await);
    assert_eq!(moved, [address("cluster/log")]);
    stage.cloud.meddle(|world| vanish(world, LOG));
    assert_eq!(apply::moved(&plan, &stage.observe(&graph).await), [address("cluster/log")]);
}

#[tokio::test(start_paused = true)]
async fn a_saved_plan_survives_its_file() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let plan =
        stage.plan(&platform().with("network/vpc", json!({"CidrBlock": "10.8.0.0/16"}))).await;
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_creation_goes_on() {
    let stage = Stage::new();
    let (_, run) = stage.apply(&platform()).await;
    let lines = String::from_utf8(run.journal).unwrap();
    let events = lines.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_vpc = events.filter(|event| event["address"] == "network/vpc");
    let names: Vec<String> = of_vpc.map(|event| event["event"].as_str().unwrap().into()).collect();
    assert_eq!(names, ["createBegun", "made", "updateBegun", "settled"]);
    // Back to what a crash after `made` would have left.
    let mut state = stage.state();
    let record = state.resources[&address("network/vpc")].clone();
    let lock = stage.store.lock("apply").await.unwrap();
    let mut journal = stage.store.begin(&lock, &mut state).await.unwrap();
    let created = platctl::state::Record { id: None, ..record.clone() };
    for event in
        [Event::CreateBegun { record: Box::new(created) }, Event::Made { id: record.id.unwrap() }]
    {
        journal.append(&address("network/vpc"), &event).await.unwrap();
    }
    stage.cloud.meddle(|world| {
        let vpc = tagged(world, VPC, "network/vpc");
        vpc.spec.as_object_mut().unwrap().remove("EnableDnsHostnames");
    });
    drop((journal, lock));
    let (plan, _) = stage.apply(&platform()).await;
    assert_eq!(told(&plan), ["~ network/vpc differs"]);
}
