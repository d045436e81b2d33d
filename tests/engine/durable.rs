//! What is durable, and when: laws 4 and 5, from the cloud's log of calls and the journal of the same apply.

use platctl::address::PhysicalId;
use serde_json::{Value, json};

use super::cloud::{Call, Verb};
use super::platform;
use super::stage::{Run, Stage};

/// The journal's events, each with its length when the event's line was durable.
fn events(run: &Run) -> Vec<(u64, Value)> {
    let mut length = 0;
    let lines = run.journal.split_inclusive(|byte| *byte == b'\n').map(|line| {
        length += line.len() as u64;
        (length, serde_json::from_slice(line).unwrap())
    });
    lines.skip(1).collect()
}

/// A first apply, a change with replacements and deletions, and a destruction: their calls and journals.
async fn lives() -> Vec<(Vec<Call>, Run)> {
    let stage = Stage::new();
    let mut lives = Vec::new();
    let changed = platform()
        .with("network/vpc", json!({"CidrBlock": "10.8.0.0/16"}))
        .with("cluster/log", json!({"RetentionInDays": 7}))
        .without(&["network/in-table"]);
    for desired in [platform(), changed] {
        let plan = stage.plan(&desired).await;
        stage.forget_calls();
        let run = stage.run(&plan).await;
        assert!(run.outcome.is_success());
        lives.push((stage.calls(), run));
    }
    stage.forget_calls();
    let run = stage.destroy().await;
    lives.push((stage.calls(), run));
    lives
}

#[tokio::test(start_paused = true)]
async fn every_effect_has_a_durable_line_before_it_and_one_after_it() {
    for (calls, run) in lives().await {
        let events = events(&run);
        let count = |names: &[&str], until: u64| {
            let named = |(at, event): &&(u64, Value)| {
                *at <= until && names.contains(&event["event"].as_str().unwrap())
            };
            events.iter().filter(named).count()
        };
        for (verb, begun, ended) in [
            (Verb::Create, "createBegun", "made"),
            (Verb::Update, "updateBegun", "settled"),
            (Verb::Delete, "deleteBegun", "gone"),
        ] {
            let effects: Vec<&Call> = calls.iter().filter(|call| call.verb == verb).collect();
            for (number, effect) in effects.iter().enumerate() {
                // Every effect up to this one had been announced by then.
                assert!(
                    count(&[begun], effect.journal_len) > number,
                    "{verb:?} of {}",
                    effect.kind
                );
            }
            assert_eq!(count(&[begun], u64::MAX), effects.len(), "{verb:?}");
            assert!(count(&[ended], u64::MAX) >= effects.len(), "{verb:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_is_durable_before_any_second_call_about_it() {
    let mut second_calls = 0;
    for (calls, run) in lives().await {
        let events = events(&run);
        let durable = |id: &PhysicalId| {
            let made =
                |(_, event): &&(u64, Value)| event["event"] == "made" && event["id"] == id.as_str();
            events.iter().rfind(made).map(|(at, _)| *at)
        };
        for (place, creation) in calls.iter().enumerate().filter(|(_, it)| it.verb == Verb::Create)
        {
            let at = durable(&creation.ids[0]).expect("every id is journaled");
            for call in calls[place + 1..].iter().filter(|call| call.kind == creation.kind) {
                if call.ids.contains(&creation.ids[0]) {
                    second_calls += 1;
                    assert!(at <= call.journal_len, "{:?} of {}", call.verb, call.kind);
                }
            }
        }
    }
    assert!(second_calls > 40, "only {second_calls} second calls were seen");
}
