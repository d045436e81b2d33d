//! Failures stay where they are: they stop what depends on them, and nothing else. Interrupts.

use std::time::Duration;

use platctl::apply::{Interrupt, Progress, Skipped, signal};
use platctl::fault::Class;
use platctl::observe::observe;
use platctl::plan::{Action, Op};

use super::cloud::{Trouble, Verb, address};
use super::platform;
use super::stage::Stage;

#[tokio::test(start_paused = true)]
async fn a_failed_step_stops_only_what_depends_on_it() {
    let stage = Stage::new();
    stage.script(Verb::Create, "AWS::EC2::RouteTable", Trouble::Refuse(Class::Denied));
    let plan = stage.plan(&platform()).await;
    let outcome = stage.run(&plan).await.outcome;
    let [failure] = &outcome.failed[..] else { panic!("{:?}", outcome.failed) };
    assert_eq!((failure.address.as_str(), failure.op), ("network/table", Op::Create));
    assert_eq!((failure.fault.class, &failure.id), (Class::Denied, &None));
    let needs = || Skipped::Needs(address("network/table"));
    let skipped = [(address("network/in-table"), needs()), (address("network/route"), needs())];
    assert_eq!(outcome.skipped, skipped.into());
    assert_eq!(outcome.done.len(), platform().0.len() - 3);
    assert!(outcome.done.values().all(|action| *action == Action::Create));
    assert!(!outcome.is_success());
    assert_eq!(stage.state().resources.len(), outcome.done.len(), "nothing half-recorded");
    stage.assert_all_recorded();
    let (rest, _) = stage.apply(&platform()).await;
    assert_eq!(rest.summary().create, 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_update_and_a_failed_deletion_are_tried_again_by_the_next_apply() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let changed = platform()
        .with("cluster/log", serde_json::json!({"RetentionInDays": 7}))
        .without(&["network/in-table"]);
    stage.script(Verb::Update, "AWS::Logs::LogGroup", Trouble::Refuse(Class::Invalid));
    let association = "AWS::EC2::SubnetRouteTableAssociation";
    stage.script(Verb::Delete, association, Trouble::Refuse(Class::Denied));
    let plan = stage.plan(&changed).await;
    let outcome = stage.run(&plan).await.outcome;
    let failed: Vec<_> = outcome.failed.iter().map(|it| (it.address.as_str(), it.op)).collect();
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(outcome.skipped.is_empty(), "a resource's own failure is no skip: {outcome:?}");
    let (plan, _) = stage.apply(&changed).await;
    assert_eq!((plan.summary().update, plan.summary().delete), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_passes_with_time_is_waited_for() {
    let stage = Stage::new();
    for class in [Class::Throttled, Class::NotYet, Class::Unavailable, Class::Busy] {
        stage.script(Verb::Create, "AWS::EKS::Cluster", Trouble::Refuse(class));
    }
    stage.script(Verb::Update, "AWS::EC2::VPC", Trouble::Refuse(Class::Stale));
    stage.apply(&platform()).await;
    stage.script(Verb::Delete, "AWS::EC2::VPC", Trouble::Refuse(Class::InUse));
    stage.destroy().await;
}

#[tokio::test(start_paused = true)]
async fn a_read_that_fails_fails_the_whole_and_says_of_what() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.script(Verb::Read, "AWS::EC2::Subnet", Trouble::Refuse(Class::Denied));
    let error = observe(&*stage.cloud, &platform().graph(), &stage.state()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot read AWS::EC2::Subnet in eu-west-1 (for network/subnet/a and 1 more)"
    );
    assert_eq!(error.fault.class, Class::Denied);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_may_pass_is_repeated_and_not_for_ever() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    let subnets = async |faults: usize| {
        for _ in 0..faults {
            stage.script(Verb::Read, "AWS::EC2::Subnet", Trouble::Refuse(Class::Busy));
        }
        let observed = observe(&*stage.cloud, &platform().graph(), &stage.state()).await;
        observed.map_err(|error| error.fault.class).map(|seen| seen.addresses().count())
    };
    let all = subnets(0).await;
    assert_eq!(subnets(2).await, all);
    assert_eq!(subnets(3).await, Err(Class::Busy));
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_refused_is_split() {
    let stage = Stage::new();
    stage.apply(&platform()).await;
    stage.script(Verb::Read, "AWS::EC2::Subnet", Trouble::Refuse(Class::Invalid));
    // One half, the other one; then, for what is recorded is looked up once more, both again, and one half of them.
    for _ in 0..4 {
        stage.script(Verb::Read, "AWS::EC2::Subnet", Trouble::Refuse(Class::NotFound));
    }
    let seen = stage.observe(&platform().graph()).await;
    let subnets = seen.addresses().filter(|at| at.as_str().starts_with("network/subnet"));
    assert_eq!(subnets.count(), 1, "one is not there, the other one is");
}

#[tokio::test(start_paused = true)]
async fn the_first_interrupt_drains() {
    let stage = Stage::new();
    let slow = Trouble::Slow(Duration::from_millis(150));
    stage.script(Verb::Create, "AWS::IAM::Role", slow);
    let (interrupter, interrupts) = signal::channel();
    let plan = stage.plan(&platform()).await;
    let run = stage.run_with(&plan, interrupts, |progress| {
        if matches!(progress, Progress::Made { address, .. } if address.as_str() == "network/vpc") {
            interrupter.interrupt();
        }
    });
    let run = run.await;
    assert_eq!(run.outcome.interrupted, Some(Interrupt::Drain));
    let state = stage.state();
    assert!(state.resources[&address("cluster/role")].id.is_some(), "the call in flight ended");
    stage.assert_all_recorded();
    assert!(run.outcome.failed.is_empty());
    assert!(!run.trace.iter().any(|line| line.starts_with("> create network/subnet")));
    assert_eq!(run.outcome.skipped[&address("network/subnet/a")], Skipped::Interrupted);
    assert_eq!(run.outcome.skipped[&address("cluster/cluster")], Skipped::Interrupted);
    stage.apply(&platform()).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_what_might_pass_with_time() {
    let stage = Stage::new();
    // More often than there is patience for.
    for _ in 0..1000 {
        stage.script(Verb::Create, "AWS::EC2::VPC", Trouble::Refuse(Class::Busy));
    }
    let (interrupter, interrupts) = signal::channel();
    let plan = stage.plan(&platform()).await;
    let run = stage.run_with(&plan, interrupts, |progress| {
        if matches!(progress, Progress::Retrying { .. }) {
            interrupter.interrupt();
        }
    });
    let run = tokio::time::timeout(Duration::from_secs(5), run).await.expect("it drains at once");
    assert_eq!(run.outcome.interrupted, Some(Interrupt::Drain));
}
