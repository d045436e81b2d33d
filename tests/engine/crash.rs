//! `kill -9` at any instant, then the same command again: no orphan, no duplicate, no question asked.
//!
//! One undisturbed apply is recorded: its journal, and the world before and after each of its effects. From that every
//! crash is reconstructed: what was durable, and what the cloud had done by then.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::{FutureExt as _, join_all};
use platctl::apply::{Interrupt, Progress, signal};
use serde_json::json;

use super::cloud::{Nature, Trouble, Verb, World};
use super::desired::Desired;
use super::platform;
use super::stage::{Run, Stage};

/// What platctl and the cloud were left with.
struct Wreck {
    name: String,
    checkpoint: Vec<u8>,
    journal: Vec<u8>,
    world: World,
}

/// Every way in which `run`, just ended on `stage`, could have been cut off.
fn wrecks(stage: &Stage, run: &Run, start: &World) -> Vec<Wreck> {
    let calls = stage.cloud.calls();
    let wreck = |name: String, length: usize, world: &World| Wreck {
        name,
        checkpoint: run.checkpoint.clone(),
        journal: run.journal[..length].to_vec(),
        world: world.clone(),
    };
    let mut wrecks = Vec::new();
    for effect in calls.iter().filter(|call| call.verb != Verb::Read) {
        let length = usize::try_from(effect.journal_len).unwrap();
        let what = format!("{:?} of {}", effect.verb, effect.kind);
        wrecks.push(wreck(format!("before the {what}"), length, &effect.before));
        wrecks.push(wreck(format!("after the {what}"), length, &effect.after));
    }
    let line_ends = run.journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    for (number, (at, _)) in line_ends.enumerate() {
        let length = at + 1;
        // What had happened when this line was written: calls that saw the journal without it. (Reads count, for with
        // them the fake's time passes.)
        let before = calls.iter().take_while(|call| call.journal_len < length as u64).last();
        let world = before.map_or(start, |call| &call.after);
        wrecks.push(wreck(format!("after line {} of the journal", number + 1), length, world));
    }
    // The end of an apply: the state is stored, its journal not yet removed.
    let checkpoint = std::fs::read(stage.file("state.json")).unwrap();
    let last =
        wreck("before the journal is removed".into(), run.journal.len(), &stage.cloud.world());
    wrecks.push(Wreck { checkpoint, ..last });
    wrecks
}

/// Records the change from `before` to `after`, cuts it off everywhere, and goes on.
async fn survives(before: &Desired, after: &Desired, nature: Nature) {
    let stage = Stage::with(nature, World::default());
    stage.apply(before).await;
    stage.cloud.forget_calls();
    let start = stage.cloud.world();
    let (_, run) = stage.apply(after).await;
    let (expected, wrecks) = (stage.portrait(), wrecks(&stage, &run, &start));
    assert!(wrecks.len() > 2 * after.0.len(), "only {} wrecks", wrecks.len());
    let resumed = wrecks.iter().map(|wreck| async {
        let Wreck { name, checkpoint, journal, world } = wreck;
        let stage = Stage::wreck(nature, world.clone(), checkpoint, journal);
        let resume = async {
            stage.apply(after).await;
            assert_eq!(stage.portrait(), expected);
        };
        AssertUnwindSafe(resume).catch_unwind().await.err().map(|_| name.as_str())
    });
    let failed: Vec<&str> = join_all(resumed).await.into_iter().flatten().collect();
    assert_eq!(failed, [""; 0], "of {} crashes", wrecks.len());
}

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

#[tokio::test]
async fn a_first_apply_can_be_cut_off_anywhere() {
    survives(&Desired::default(), &platform(), Nature::default()).await;
}

#[tokio::test]
async fn a_first_apply_can_be_cut_off_anywhere_where_tokens_count() {
    let nature = Nature { honours_tokens: true, ..Nature::default() };
    survives(&Desired::default(), &platform(), nature).await;
}

#[tokio::test]
async fn a_change_can_be_cut_off_anywhere() {
    survives(&platform(), &changed(), Nature::default()).await;
}

#[tokio::test]
async fn a_destruction_can_be_cut_off_anywhere() {
    // Everything but one log group leaves.
    let log = platform().0.remove_entry(&"cluster/log".parse().unwrap()).unwrap();
    survives(&platform(), &Desired([log].into()), Nature::default()).await;
}

/// A crash, and then the blueprint changes: what the cut-off apply left is replaced, not forgotten.
#[tokio::test]
async fn what_a_crash_left_may_be_replaced_by_the_next_apply_and_that_one_be_cut_off_too() {
    let vpc = |cidr: &str| {
        Desired::parse(&format!("a/vpc: {{kind: AWS::EC2::VPC, spec: {{CidrBlock: {cidr}}}}}"))
    };
    let (first, second) = (vpc("10.0.0.0/16"), vpc("10.1.0.0/16"));
    let nature = Nature::default();
    let stage = Stage::with(nature, World::default());
    let (_, run) = stage.apply(&first).await;
    for left in wrecks(&stage, &run, &World::default()) {
        let start = || Stage::wreck(nature, left.world.clone(), &left.checkpoint, &left.journal);
        let stage = start();
        let (_, run) = stage.apply(&second).await;
        let resumed = wrecks(&stage, &run, &left.world).into_iter().map(async |again| {
            let Wreck { name, checkpoint, journal, world } = again;
            let stage = Stage::wreck(nature, world, &checkpoint, &journal);
            let resume = AssertUnwindSafe(stage.apply(&second)).catch_unwind().await;
            resume.err().map(|_| format!("first {}, then {name}", left.name))
        });
        let failed: Vec<String> = join_all(resumed).await.into_iter().flatten().collect();
        assert_eq!(failed, [""; 0]);
    }
}

/// The state is stored and its journal still there: a failure in it must not be taken for a new one.
#[tokio::test]
async fn a_journal_that_is_stored_already_changes_nothing() {
    let stage = Stage::new();
    let key = |multi: bool| {
        Desired::parse(&format!("a/key: {{kind: AWS::KMS::Key, spec: {{MultiRegion: {multi}}}}}"))
    };
    stage.apply(&key(false)).await;
    stage.cloud.script(
        Verb::Delete,
        "AWS::KMS::Key",
        Trouble::Refuse(platctl::fault::Class::Denied),
    );
    let plan = stage.plan(&key(true)).await;
    let run = stage.run(&plan).await;
    assert_eq!(run.outcome.failed.len(), 1);
    let stored = stage.state();
    assert_eq!(stored.resources.len(), 2, "both halves are recorded");
    std::fs::write(stage.file("journal.jsonl"), &run.journal).unwrap();
    assert_eq!(stage.state(), stored);
    stage.apply(&key(true)).await;
}

#[tokio::test]
async fn a_lost_answer_makes_nothing_twice() {
    let kinds: Vec<&'static str> = platform()
        .0
        .values()
        .map(|resource| platctl::kinds::find(&resource.kind).unwrap().name())
        .collect();
    let runs = kinds.into_iter().map(|kind| async move {
        let stage = Stage::new();
        for verb in [Verb::Create, Verb::Update, Verb::Delete] {
            stage.cloud.script(verb, kind, Trouble::LoseAnswer);
        }
        stage.apply(&platform()).await;
        stage.apply(&changed()).await;
        stage.destroy().await;
    });
    join_all(runs).await;
}

/// The cloud has acted; its answer is still on the way when platctl stops.
#[tokio::test]
async fn a_second_interrupt_aborts_and_the_next_apply_settles_what_was_in_flight() {
    let stage = Stage::new();
    let (soon, never) = (Duration::from_millis(30), Duration::from_hours(1));
    stage.cloud.script(Verb::Create, "AWS::EC2::VPC", Trouble::Slow(never));
    for kind in ["AWS::EC2::InternetGateway", "AWS::IAM::Role", "AWS::Logs::LogGroup"] {
        stage.cloud.script(Verb::Create, kind, Trouble::Slow(soon));
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
    let vpcs = stage.cloud.world().objects.into_keys().filter(|key| key.0 == "AWS::EC2::VPC");
    assert_eq!(vpcs.count(), 1);
}
