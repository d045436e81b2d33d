//! Deletions that something stands in the way of: named, waited for where waiting helps, and at an end where it does not.

use std::sync::Mutex;
use std::time::Duration;

use platctl::address::{Address, Owner};
use platctl::apply::{Outcome, Progress, signal};
use platctl::fault::{Blocker, Class, Holder};
use platctl::plan::{Action, Intent, Op, Plan, Step};
use serde_json::json;
use tokio::time::Instant;

use super::cloud::{Climate, Dependents, Trouble, Verb, World, address};
use super::desired::{Desired, stack};
use super::platform;
use super::stage::Stage;

const SUBNET: &str = "AWS::EC2::Subnet";
/// Less than the patience for what is in use; a cluster takes half of it to go.
const SOON: Duration = Duration::from_mins(5);

fn strict() -> Stage {
    Stage::with(Climate { dependents: Dependents::EveryUse, ..Climate::strict() }, World::default())
}

/// Runs a plan. What it told of tries that are repeated, and how it ended.
async fn told(stage: &Stage, plan: &Plan) -> (Vec<(Address, Op, Class, Vec<Blocker>)>, Outcome) {
    let events = Mutex::new(Vec::new());
    let (_interrupter, interrupts) = signal::channel();
    let run = stage.run_with(plan, interrupts, |progress| {
        if let Progress::Retrying { address, op, fault } = progress {
            let event = (address.clone(), *op, fault.class, fault.blockers.clone());
            events.lock().unwrap().push(event);
        }
    });
    let outcome = run.await.outcome;
    (events.into_inner().unwrap(), outcome)
}

async fn destruction(stage: &Stage) -> Plan {
    stage.plan_of(&Desired::default().graph(), Intent::Destroy).await
}

#[tokio::test(start_paused = true)]
async fn what_does_not_go_by_itself_is_named_and_not_waited_for() {
    // Where lists are behind, a deletion is tried again before it is given up.
    let lag = Duration::from_secs(6);
    let stage = Stage::with(Climate { lag, ..Climate::strict() }, World::default());
    stage.apply(&platform()).await;
    let instance = Blocker::stays("i-1", "AWS::EC2::Instance", "has eni-1 in the subnet");
    stage.cloud.block(SUBNET, vec![instance.clone()], u32::MAX);
    let begun = Instant::now();
    let plan = destruction(&stage).await;
    let (events, outcome) = told(&stage, &plan).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(outcome.failed.len(), 2, "the subnets: {:#?}", outcome.failed);
    for failure in &outcome.failed {
        assert_eq!((failure.kind.as_str(), failure.fault.class), (SUBNET, Class::InUse));
        assert_eq!(failure.fault.blockers, std::slice::from_ref(&instance));
    }
    assert!(events.iter().any(|event| event.3 == [instance.clone()]), "it is told at once");
    stage.assert_all_recorded();

    stage.cloud.unblock();
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_goes_by_itself_is_waited_for() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let left = Blocker::stays("eni-1", "AWS::EC2::NetworkInterface", "is in the subnet");
    let left = left.of(Holder::Service("load balancer shop".into())).passing(true);
    // Longer than it takes to be sure that something stays.
    stage.cloud.block(SUBNET, vec![left.clone()], 12);
    let plan = destruction(&stage).await;
    let (events, outcome) = told(&stage, &plan).await;
    assert!(outcome.is_success(), "{:#?}", outcome.failed);
    assert!(events.iter().filter(|event| event.3 == [left.clone()]).count() > 5);
}

#[tokio::test(start_paused = true)]
async fn what_this_plan_takes_away_is_waited_for() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let cluster = stage.state().resources[&address("cluster/cluster")].id.clone().unwrap();
    let ours = Blocker::stays(cluster.as_str(), "AWS::EKS::Cluster", "has eni-1 in the subnet");
    stage.cloud.block(SUBNET, vec![ours], 12);
    let plan = destruction(&stage).await;
    let (events, outcome) = told(&stage, &plan).await;
    assert!(outcome.is_success(), "{:#?}", outcome.failed);
    assert!(events.iter().flat_map(|event| &event.3).all(|blocker| blocker.passes));
}

/// The profile's update wants the new role; the old one, of the same name, is in use until then. No order of these
/// steps works where the service counts the use.
#[tokio::test(start_paused = true)]
async fn two_that_wait_for_each_other_are_told_at_once() {
    let of = |path: &str| {
        Desired::parse(&format!(
            "people/role: {{kind: AWS::IAM::Role, spec: {{RoleName: shop, AssumeRolePolicyDocument: {{}}, Path: {path}}}}}\n\
             people/profile: {{kind: AWS::IAM::InstanceProfile, spec: {{InstanceProfileName: shop, \
             Roles: ['${{people/role.RoleName}}']}}}}"
        ))
    };
    let stage = strict();
    stage.apply(&of("/a/")).await;
    let plan = stage.plan(&of("/b/")).await;
    assert_eq!(plan.changes[&address("people/role")].action, Action::DeleteThenCreate);
    assert_eq!(plan.changes[&address("people/profile")].action, Action::Update);
    let begun = Instant::now();
    let (_, outcome) = told(&stage, &plan).await;
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    let [failure] = &outcome.failed[..] else { panic!("{:#?}", outcome.failed) };
    assert_eq!((failure.address.as_str(), failure.op), ("people/role", Op::Delete));
    let [blocker] = &failure.fault.blockers[..] else { panic!("{:?}", failure.fault) };
    let profile = Owner { stack: stack(), address: address("people/profile") };
    assert_eq!((&blocker.holder, blocker.passes), (&Holder::Stack(profile), false));
    stage.assert_all_recorded();
}

#[tokio::test(start_paused = true)]
async fn what_will_point_elsewhere_lets_go_before_the_old_one_is_deleted() {
    let of = |family: &str, group: &str| {
        Desired::parse(&format!(
            "data/a: {{kind: AWS::RDS::DBParameterGroup, spec: {{DBParameterGroupName: a, Family: {family}, Description: it}}}}\n\
             data/b: {{kind: AWS::RDS::DBParameterGroup, spec: {{DBParameterGroupName: b, Family: postgres16, Description: it}}}}\n\
             data/db: {{kind: AWS::RDS::DBInstance, spec: {{DBInstanceIdentifier: shop, \
             DBParameterGroupName: '${{data/{group}.DBParameterGroupName}}'}}}}"
        ))
    };
    let stage = strict();
    stage.apply(&of("postgres16", "a")).await;
    let (plan, run) = stage.apply(&of("postgres17", "b")).await;
    assert_eq!(plan.changes[&address("data/a")].action, Action::DeleteThenCreate);
    run.assert_order(&["< ready data/db", "> delete data/a", "> create data/a"]);
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn what_will_point_elsewhere_lets_go_before_an_old_half_is_deleted() {
    let of = |multi_region: bool, key: &str| {
        Desired::parse(&format!(
            "keys/a: {{kind: AWS::KMS::Key, spec: {{MultiRegion: {multi_region}}}}}\n\
             keys/b: {{kind: AWS::KMS::Key, spec: {{}}}}\n\
             keys/alias: {{kind: AWS::KMS::Alias, spec: {{AliasName: alias/shop, TargetKeyId: '${{keys/{key}.KeyId}}'}}}}"
        ))
    };
    let stage = strict();
    stage.apply(&of(false, "a")).await;
    let (_, run) = stage.apply(&of(true, "b")).await;
    run.assert_order(&["< ready keys/alias", "> delete keys/a@replaced"]);
}

/// Two that would each have to let go of what the other one's update waits for: the plan stays in order.
#[tokio::test(start_paused = true)]
async fn letting_go_makes_no_cycle() {
    let of = |family: &str, swap: bool| {
        let (first, second) = if swap { ("b", "a") } else { ("a", "b") };
        Desired::parse(&format!(
            "data/a: {{kind: AWS::RDS::DBParameterGroup, spec: {{DBParameterGroupName: a, Family: {family}, Description: it}}}}\n\
             data/b: {{kind: AWS::RDS::DBParameterGroup, spec: {{DBParameterGroupName: b, Family: {family}, Description: it}}}}\n\
             data/one: {{kind: AWS::RDS::DBInstance, spec: {{DBInstanceIdentifier: one, \
             DBParameterGroupName: '${{data/{first}.DBParameterGroupName}}'}}}}\n\
             data/two: {{kind: AWS::RDS::DBInstance, spec: {{DBInstanceIdentifier: two, \
             DBParameterGroupName: '${{data/{second}.DBParameterGroupName}}'}}}}"
        ))
    };
    let stage = Stage::new();
    stage.apply(&of("postgres16", false)).await;
    // The plan is checked as it is made.
    let plan = stage.plan(&of("postgres17", true)).await;
    let order = |address: &str, op| {
        let is = |step: &Step| step.address.as_str() == address && step.op == op;
        plan.steps.iter().position(is).unwrap()
    };
    assert!(order("data/one", Op::Ready) < order("data/a", Op::Delete));
}

#[tokio::test(start_paused = true)]
async fn a_look_that_fails_and_is_repeated_is_told() {
    let stage = Stage::new();
    let plan = stage.plan(&platform()).await;
    stage.script(Verb::Read, "AWS::EKS::Cluster", Trouble::Refuse(Class::Busy));
    let (events, outcome) = told(&stage, &plan).await;
    assert!(outcome.is_success(), "{:#?}", outcome.failed);
    let told = events.iter().any(|(at, op, class, _)| {
        at.as_str() == "cluster/cluster"
            && matches!(op, Op::Create | Op::Ready)
            && *class == Class::Busy
    });
    assert!(told, "{events:#?}");
}

/// A role is the same whichever region it is asked for in: to move it is to do nothing, and never to delete what was
/// found to be there already.
#[tokio::test(start_paused = true)]
async fn what_lives_in_no_region_stays_when_its_region_changes() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.forget_calls();
    let mut moved = platform();
    for name in ["cluster/role", "cluster/role-policy"] {
        moved.0.get_mut(&address(name)).unwrap().region = Some("us-east-1".into());
    }
    let (plan, _) = stage.apply(&moved).await;
    assert!(plan.is_empty());
    assert!(stage.calls().iter().all(|call| call.verb == Verb::Read));

    // Under another address too: it is adopted there, and only the record of the former one goes.
    let mut renamed = moved.renamed("cluster/role", "people/role");
    renamed.0.get_mut(&address("people/role")).unwrap().region = Some("eu-central-1".into());
    let plan = stage.plan(&renamed).await;
    assert_eq!(plan.changes[&address("people/role")].action, Action::Adopt);
    stage.apply(&renamed).await;
    assert!(stage.calls().iter().all(|call| call.verb != Verb::Delete));
}

#[tokio::test(start_paused = true)]
async fn a_name_of_all_regions_is_free_once_the_old_one_is_gone() {
    let of = |region: &str| {
        Desired::parse(&format!(
            "files/bucket: {{kind: AWS::S3::Bucket, region: {region}, spec: {{BucketName: shop-files}}}}"
        ))
    };
    let stage = Stage::new();
    stage.apply(&of("eu-west-1")).await;
    let (plan, run) = stage.apply(&of("eu-central-1")).await;
    assert_eq!(plan.changes[&address("files/bucket")].action, Action::DeleteThenCreate);
    assert_eq!(plan.losses().collect::<Vec<_>>(), [&address("files/bucket")]);
    run.assert_order(&["< gone files/bucket", "> create files/bucket"]);
    let regions: Vec<String> =
        stage.cloud.world().standing().map(|(key, _)| key.1.clone()).collect();
    assert_eq!(regions, ["eu-central-1"]);
    stage.destroy().await;
}

/// Zones get their tags after they were made. One whose creation was cut off in between is found by the token of that
/// creation, also if the blueprint has changed by the time of the next apply.
#[tokio::test(start_paused = true)]
async fn what_was_cut_off_before_it_had_tags_is_found_by_its_token() {
    for changed in [json!({"HostedZoneConfig": {"Comment": "2"}}), json!({"Name": "b.example.com"})]
    {
        let zone = Desired::parse(
            "dns/zone: {kind: AWS::Route53::HostedZone, spec: {Name: a.example.com, HostedZoneConfig: {Comment: '1'}}}",
        );
        let kind = "AWS::Route53::HostedZone";
        let stage = Stage::new();
        let plan = stage.plan(&zone).await;
        stage.script(Verb::Create, kind, Trouble::LoseAnswer);
        stage.script(Verb::Read, kind, Trouble::Refuse(Class::Denied));
        let outcome = stage.run(&plan).await.outcome;
        assert_eq!(outcome.failed.len(), 1, "{outcome:#?}");
        let left = stage.cloud.world().objects;
        assert_eq!(left.len(), 1);
        assert!(left.values().all(|zone| zone.spec.get("Tags").is_none()), "{left:?}");
        assert_eq!(stage.cloud.world().standing().count(), 1, "it is not on its way out");

        stage.apply(&zone.with("dns/zone", changed)).await;
        assert_eq!(stage.cloud.world().objects.len(), 1, "there is no second one");
        stage.destroy().await;
    }
}
