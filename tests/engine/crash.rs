//! `kill -9` at any instant, then the same command again: no orphan, no duplicate, no question asked.
//!
//! One undisturbed apply is recorded: its journal, and the world before and after each of its effects. From that every
//! crash is reconstructed: what was durable, and what the cloud had done by then.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{FutureExt as _, join_all};
use platctl::apply::{Interrupt, Progress, signal};
use platctl::graph::Graph;
use serde_json::json;

use super::cloud::{Climate, Trouble, Verb, World};
use super::desired::Desired;
use super::platform;
use super::stage::{Run, Stage, Wreck};

/// Every way in which `run`, just ended on `stage`, could have been cut off.
pub(crate) fn wrecks(stage: &Stage, run: &Run, start: &World) -> Vec<Wreck> {
    let calls = stage.calls();
    let mut seen = BTreeSet::new();
    let mut wrecks = Vec::new();
    let mut wreck = |name: String, length: usize, world: &World| {
        // The line behind an effect is mostly written before anything else happens.
        if seen.insert((length, world.version)) {
            let (checkpoint, journal) = (run.checkpoint.clone(), run.journal[..length].to_vec());
            wrecks.push(Wreck { name, checkpoint, journal, world: world.clone() });
        }
    };
    for effect in calls.iter().filter(|call| call.verb != Verb::Read) {
        let length = usize::try_from(effect.journal_len).unwrap();
        let what = format!("{:?} of {} {:?}", effect.verb, effect.kind, effect.ids);
        wreck(format!("before the {what}"), length, &effect.before);
        wreck(format!("after the {what}"), length, &effect.after);
    }
    let line_ends = run.journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut before = calls.iter().peekable();
    let mut world = start;
    for (number, (at, _)) in line_ends.enumerate() {
        let length = at + 1;
        // What had happened when this line was written: calls that saw the journal without it.
        while let Some(call) = before.next_if(|call| call.journal_len < length as u64) {
            world = &call.after;
        }
        wreck(format!("after line {} of the journal", number + 1), length, world);
    }
    // The end of an apply: the state is stored, its journal not yet removed.
    let checkpoint = std::fs::read(stage.file("state.json")).unwrap();
    let name = "before the journal is removed".into();
    let (journal, world) = (run.journal.clone(), stage.cloud.world());
    wrecks.push(Wreck { name, checkpoint, journal, world });
    wrecks
}

/// Records the change from `before` to `after`, cuts it off everywhere, and goes on.
async fn survives(before: &Desired, after: &Desired, climate: &Climate) {
    let cut = cut_off_everywhere(&before.graph(), &after.graph(), climate, 1).await;
    assert!(cut > 2 * after.0.len(), "only {cut} wrecks");
}

/// Records the change from `before` to `after`, cuts it off at every `step`-th place, and goes on: there and recorded is
/// then what is there without any crash. Returns the number of crashes.
pub(crate) async fn cut_off_everywhere(
    before: &Graph,
    after: &Graph,
    climate: &Climate,
    step: usize,
) -> usize {
    let stage = Stage::hosting(&[before, after], climate.clone(), World::default());
    stage.apply_graph(before).await;
    stage.forget_calls();
    let start = stage.cloud.world();
    let (_, run) = stage.apply_graph(after).await;
    let (expected, wrecks) = (stage.ending(), wrecks(&stage, &run, &start));
    let (mut failed, mut crashes) = (Vec::new(), 0);
    for wreck in wrecks.iter().step_by(step) {
        crashes += 1;
        let stage = Stage::wreck(&[before, after], climate.clone(), wreck);
        let resume = async {
            stage.apply_graph(after).await;
            assert_eq!(stage.ending(), expected);
        };
        if AssertUnwindSafe(resume).catch_unwind().await.is_err() {
            failed.push(wreck.name.as_str());
            assert!(failed.len() < FAILURES_MAX, "of {crashes} crashes: {failed:#?}");
        }
    }
    assert_eq!(failed, [""; 0], "of {crashes} crashes");
    crashes
}

/// More say nothing new.
const FAILURES_MAX: usize = 8;

/// An update, a property that goes, both orders of replacement, a deletion and something new.
fn changed() -> Desired {
    let changed = platform()
        .with("network/vpc", json!({"CidrBlock": "10.8.0.0/16"}))
        .with("cluster/role", json!({"Path": "/shop/"}))
        .with("cluster/log", json!({"RetentionInDays": 7}))
        .without(&["network/in-table"]);
    let key = Desired::parse("secrets/key: {kind: AWS::KMS::Key, spec: {EnableKeyRotation: true}}");
    Desired(changed.0.into_iter().chain(key.0).collect())
}

#[tokio::test(start_paused = true)]
async fn a_first_apply_can_be_cut_off_anywhere() {
    survives(&Desired::default(), &platform(), &Climate::strict()).await;
}

#[tokio::test(start_paused = true)]
async fn a_first_apply_can_be_cut_off_anywhere_where_tokens_count() {
    let climate = Climate { tokens: Some(Duration::from_hours(24)), ..Climate::strict() };
    survives(&Desired::default(), &platform(), &climate).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_can_be_cut_off_anywhere() {
    survives(&platform(), &changed(), &Climate::strict()).await;
}

#[tokio::test(start_paused = true)]
async fn a_destruction_can_be_cut_off_anywhere() {
    // Everything but one log group leaves.
    let log = platform().0.remove_entry(&"cluster/log".parse().unwrap()).unwrap();
    survives(&platform(), &Desired([log].into()), &Climate::strict()).await;
}

/// A crash, and then the blueprint changes: what the cut-off apply left is replaced, not forgotten.
#[tokio::test(start_paused = true)]
async fn what_a_crash_left_may_be_replaced_by_the_next_apply_and_that_one_be_cut_off_too() {
    let vpc = |cidr: &str| {
        Desired::parse(&format!("a/vpc: {{kind: AWS::EC2::VPC, spec: {{CidrBlock: {cidr}}}}}"))
    };
    let (first, second) = (vpc("10.0.0.0/16"), vpc("10.1.0.0/16"));
    let climate = &Climate::strict();
    let stage = Stage::with(climate.clone(), World::default());
    let (_, run) = stage.apply(&first).await;
    let (second_graph, mut failed) = (second.graph(), Vec::new());
    for left in wrecks(&stage, &run, &World::default()) {
        let stage = Stage::wreck(&[&second_graph], climate.clone(), &left);
        let (_, run) = stage.apply(&second).await;
        for again in wrecks(&stage, &run, &left.world) {
            let stage = Stage::wreck(&[&second_graph], climate.clone(), &again);
            let resume = AssertUnwindSafe(stage.apply(&second)).catch_unwind().await;
            if resume.is_err() {
                failed.push(format!("first {}, then {}", left.name, again.name));
            }
        }
    }
    assert_eq!(failed, [""; 0]);
}

/// The state is stored and its journal still there: a failure in it must not be taken for a new one.
#[tokio::test(start_paused = true)]
async fn a_journal_that_is_stored_already_changes_nothing() {
    let stage = Stage::new();
    let key = |multi: bool| {
        Desired::parse(&format!("a/key: {{kind: AWS::KMS::Key, spec: {{MultiRegion: {multi}}}}}"))
    };
    stage.apply(&key(false)).await;
    stage.script(Verb::Delete, "AWS::KMS::Key", Trouble::Refuse(platctl::fault::Class::Denied));
    let plan = stage.plan(&key(true)).await;
    let run = stage.run(&plan).await;
    assert_eq!(run.outcome.failed.len(), 1);
    let stored = stage.state();
    assert_eq!(stored.resources.len(), 2, "both halves are recorded");
    std::fs::write(stage.file("journal.jsonl"), &run.journal).unwrap();
    assert_eq!(stage.state(), stored);
    stage.apply(&key(true)).await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_makes_nothing_twice() {
    let kinds: Vec<&'static str> = platform()
        .0
        .values()
        .map(|resource| platctl::kinds::find(&resource.kind).unwrap().name())
        .collect();
    let runs = kinds.into_iter().map(|kind| async move {
        let stage = Stage::new();
        for verb in [Verb::Create, Verb::Update, Verb::Delete] {
            stage.script(verb, kind, Trouble::LoseAnswer);
        }
        stage.apply(&platform()).await;
        stage.apply(&changed()).await;
        stage.destroy().await;
    });
    join_all(runs).await;
}

/// The cloud has acted; its answer is still on the way when platctl stops.
#[tokio::test(start_paused = true)]
async fn a_second_interrupt_aborts_and_the_next_apply_settles_what_was_in_flight() {
    let stage = Stage::new();
    let (soon, never) = (Duration::from_millis(30), Duration::from_hours(1));
    stage.script(Verb::Create, "AWS::EC2::VPC", Trouble::Slow(never));
    for kind in ["AWS::EC2::InternetGateway", "AWS::IAM::Role", "AWS::Logs::LogGroup"] {
        stage.script(Verb::Create, kind, Trouble::Slow(soon));
    }
    let (interrupter, interrupts) = signal::channel();
    let plan = stage.plan(&platform()).await;
    let run = stage.run_with(&plan, interrupts, |progress| {
        if matches!(progress, Progress::Made { .. }) {
            interrupter.interrupt();
            interrupter.interrupt();
        }
    });
    let run = run.await;
    assert_eq!(run.outcome.interrupted, Some(Interrupt::Abort));
    assert_eq!(stage.state().resources[&"network/vpc".parse().unwrap()].id, None);
    stage.apply(&platform()).await;
    let vpcs = stage
        .cloud
        .world()
        .standing()
        .map(|(key, _)| key.clone())
        .collect::<Vec<_>>()
        .into_iter()
        .filter(|key| key.0 == "AWS::EC2::VPC");
    assert_eq!(vpcs.count(), 1);
}
