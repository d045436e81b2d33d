//! Lives of stacks by chance: a blueprint, edits of it, changes from outside, trouble on the way, crashes. However it goes,
//! one undisturbed apply at the end of each round makes what the blueprint says, nothing is orphaned or made twice, and
//! the destruction leaves nothing.

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::future::FutureExt as _;
use platctl::graph::Graph;
use platctl::kind::{OnChange, Tagging};
use platctl::kinds;
use platctl::observe::observe;
use platctl::plan::{Intent, check};
use platctl::simulation::{Dependents, Key, Mishap};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use super::cloud::{Climate, World};
use super::real::of_text;
use super::stage::Stage;

const SEEDS: u64 = 2_000;
/// Tries of one round: each may be cut off, or fail for what was scripted.
const TRIES_MAX: usize = 6;

/// A blueprint, section by section; a section that is `null` is not there.
type Sections = serde_json::Map<String, Value>;

const SECTIONS: &[&str] = &[
    "network",
    "keys",
    "queues",
    "topics",
    "tables",
    "parameters",
    "secrets",
    "logs",
    "registries",
    "identities",
    "securityGroups",
    "databases",
    "caches",
    "alarms",
];

/// A section as chance will have it. It may name what earlier sections have.
fn section(name: &str, blueprint: &Sections, dice: &mut StdRng) -> Value {
    let has = |name: &str| blueprint.get(name).is_some_and(|section| !section.is_null());
    let rarely = |dice: &mut StdRng| dice.random_bool(0.15);
    let one_of = |dice: &mut StdRng, values: &[&str]| (*values.choose(dice).unwrap()).to_owned();
    match name {
        "network" if dice.random_bool(0.35) => {
            let net = u8::from(rarely(dice));
            let subnets = |third: u8| {
                json!([format!("10.{net}.{third}.0/24"), format!("10.{net}.{}.0/24", third + 1)])
            };
            let nat = one_of(dice, &["none", "none", "single"]);
            json!({
                "cidr": format!("10.{net}.0.0/16"), "zones": 2, "nat": nat,
                "subnets": {"public": subnets(1), "private": subnets(11), "data": subnets(21)},
            })
        }
        "keys" if dice.random_bool(0.5) => {
            json!({"data": {"description": one_of(dice, &["one", "two"])}})
        }
        "queues" if dice.random_bool(0.7) => {
            let mut jobs =
                json!({"retention": one_of(dice, &["1d", "4d"]), "deadLetter": {"after": 3}});
            if rarely(dice) {
                jobs["fifo"] = json!(true);
            }
            json!({one_of(dice, &["jobs", "jobs", "work"]): jobs})
        }
        "topics" if has("queues") && dice.random_bool(0.5) => {
            let queue = blueprint["queues"].as_object().unwrap().iter().next().unwrap();
            let fifo = queue.1.get("fifo").is_some();
            if fifo {
                json!({"events": {}})
            } else {
                json!({"events": {"subscribers": [format!("queue.{}", queue.0)]}})
            }
        }
        "tables" if dice.random_bool(0.5) => json!({"carts": {
            "primaryKey": {"partition": one_of(dice, &["customer", "customer", "basket"])}, "deletionProtection": false,
        }}),
        "parameters" if dice.random_bool(0.6) => json!({
            one_of(dice, &["mode", "mode", "style"]): {"value": one_of(dice, &["on", "off"])},
        }),
        "secrets" if dice.random_bool(0.5) => json!({"token": {"generate": {}}}),
        "logs" if dice.random_bool(0.7) => {
            json!({one_of(dice, &["app", "app", "web"]): {"retention": one_of(dice, &["7d", "30d"])}})
        }
        "registries" if dice.random_bool(0.6) => json!({"svc": {"keep": dice.random_range(3..6)}}),
        "identities" if dice.random_bool(0.6) => {
            let mut uses = Vec::new();
            for (section, kind, access) in [
                ("queues", "queue", "send"),
                ("secrets", "secret", "read"),
                ("logs", "log", "write"),
            ] {
                if let Some(name) = blueprint[section].as_object().and_then(|all| all.keys().next())
                    && dice.random_bool(0.7)
                {
                    uses.push(format!("{kind}.{name}:{access}"));
                }
            }
            json!({"svc": {"trust": ["ecs-tasks.amazonaws.com"], "uses": uses}})
        }
        "securityGroups" if has("network") && dice.random_bool(0.6) => json!({"web": {
            "ingress": [{"from": "10.0.0.0/8", "port": dice.random_range(80..83)}],
        }}),
        "databases" if has("network") && dice.random_bool(0.4) => json!({"orders": {
            "engine": "postgres", "version": "17", "storage": "20Gi..100Gi", "backups": "1d",
            "class": one_of(dice, &["db.t4g.medium", "db.m6g.large"]),
            "multiAz": dice.random_bool(0.5), "replicas": dice.random_range(0..2),
        }}),
        "caches" if has("network") && dice.random_bool(0.3) => json!({"sessions": {
            "engine": "valkey", "version": "8.0", "nodeType": "cache.t4g.small", "replicas": dice.random_range(0..2),
        }}),
        "alarms" if has("queues") && dice.random_bool(0.4) => {
            let queue = blueprint["queues"].as_object().unwrap().keys().next().unwrap();
            json!({"lost": {"of": format!("queue.{queue}"), "metric": "dead-letters", "above": dice.random_range(0..3)}})
        }
        _ => Value::Null,
    }
}

/// Throws some sections anew; what names something that is not there any more goes with it.
fn edited(mut blueprint: Sections, share: f64, dice: &mut StdRng) -> Sections {
    let names_others =
        ["topics", "identities", "securityGroups", "databases", "caches", "alarms", "queues"];
    let (before, mut moved) = (blueprint.clone(), false);
    for name in SECTIONS {
        if dice.random_bool(share) || (moved && names_others.contains(name)) {
            let section = section(name, &blueprint, dice);
            moved |= before.get(*name) != Some(&section);
            blueprint.insert((*name).into(), section);
        }
    }
    blueprint
}

fn compiled(blueprint: &Sections, tag: u32) -> Graph {
    let mut text = format!(
        "apiVersion: platctl.dev/v1\nkind: Blueprint\nname: life\nregion: eu-west-1\ntags: {{round: \"{tag}\"}}\n"
    );
    for (name, section) in blueprint.iter().filter(|(_, section)| !section.is_null()) {
        writeln!(text, "{name}: {section}").unwrap();
    }
    of_text("life.yaml", &text, None)
}

/// Something happens that platctl does not know of.
fn meddle(world: &mut World, dice: &mut StdRng) {
    let keys: Vec<Key> = world.objects.keys().cloned().collect();
    let Some(key) = keys.choose(dice) else { return };
    if dice.random_bool(0.4) {
        // A network that is in use cannot be deleted from outside either.
        let kind = kinds::find(key.0).unwrap();
        if kind.tagging() == Tagging::None
            || ["AWS::Logs::LogGroup", "AWS::SQS::Queue", "AWS::SSM::Parameter"].contains(&key.0)
        {
            world.vanish(key);
        }
        return;
    }
    let kind = kinds::find(key.0).unwrap();
    let mut object = (*world.objects[key]).clone();
    let fields = kind.fields().iter().filter(|field| field.on_change == OnChange::Update);
    let flipped = fields.filter_map(|field| {
        let value = object.spec.get(field.path)?.as_bool()?;
        Some((field.path, !value))
    });
    if let Some((path, value)) = flipped.collect::<Vec<_>>().choose(dice) {
        object.spec[*path] = json!(value);
        world.stand(key.clone(), object);
    }
}

fn mishaps(dice: &mut StdRng) -> Vec<Mishap> {
    let mut mishaps = Vec::new();
    for (word, percent) in [("throttle", 25), ("fail", 8), ("lost", 6), ("cut", 4), ("busy", 10)] {
        if dice.random_bool(0.5) {
            mishaps.push(format!("{word}={}%", dice.random_range(1..=percent)).parse().unwrap());
        }
    }
    mishaps
}

/// One life. Each round edits the blueprint, lets things go wrong, and then applies once in peace.
async fn live(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let climate = Climate {
        spread: 0.3,
        lag: Duration::from_millis(dice.random_range(0..5_000)),
        tokens: dice.random_bool(0.5).then(|| Duration::from_mins(10)),
        dependents: Dependents::InUse,
        ..Climate::usual(seed)
    };
    let mut blueprint = edited(Sections::new(), 1.0, &mut dice);
    let stage = Stage::hosting(&[&compiled(&Sections::new(), 0)], climate, World::default());
    for round in 0..dice.random_range(1..=3) {
        let graph = compiled(&blueprint, if dice.random_bool(0.3) { round } else { 0 });
        for mishap in mishaps(&mut dice) {
            stage.cloud.arm(mishap);
        }
        if dice.random_bool(0.4) {
            stage.cloud.meddle(|world| meddle(world, &mut dice));
        }
        for _ in 0..dice.random_range(0..TRIES_MAX) {
            let Ok(observed) = observe(&*stage.cloud, &graph, &stage.state()).await else {
                continue;
            };
            let plan = stage.plan_with(&graph, &observed, Intent::Apply);
            assert_eq!(check::check(&plan), []);
            if plan.is_empty() {
                break;
            }
            assert_eq!(plan.conflicts, []);
            let kill = dice.random_bool(0.6).then(|| dice.random_range(1..30));
            stage.run_until(&plan, kill).await;
        }
        stage.cloud.disarm();
        let (mut plan, mut rounds) = (stage.plan_of(&graph, Intent::Apply).await, 0);
        while !plan.is_empty() {
            assert_eq!(plan.conflicts, []);
            let run = stage.run(&plan).await;
            assert!(
                run.outcome.is_success(),
                "{:#?}\n{:#?}",
                run.outcome.failed,
                crate::support::changes(&plan)
            );
            rounds += 1;
            // What a crash left under a name that hangs on it is found once it is recorded itself.
            assert!(rounds <= 2, "{:#?}", crate::support::changes(&plan));
            plan = stage.plan_of(&graph, Intent::Apply).await;
        }
        stage.assert_settled_at(&graph).await;
        blueprint = edited(blueprint, 0.3, &mut dice);
    }
    stage.destroy().await;
}

#[expect(clippy::print_stderr, reason = "seen at once, or with `--nocapture`")]
fn lives(seeds: impl Iterator<Item = u64>) {
    let mut failed = Vec::new();
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
        if runtime.block_on(AssertUnwindSafe(live(seed)).catch_unwind()).is_err() {
            eprintln!("seed {seed} ended badly");
            failed.push(seed);
        }
        if failed.len() == FAILURES_MAX {
            break;
        }
    }
    let tests = failed.iter().fold(String::new(), |mut tests, seed| {
        let body = format!("    live({seed}).await;");
        writeln!(
            tests,
            "#[tokio::test(start_paused = true)]\nasync fn seed_{seed}() {{\n{body}\n}}"
        )
        .unwrap();
        tests
    });
    assert!(
        failed.is_empty(),
        "these lives ended badly; to see one, add it to tests/engine/lifetime.rs:\n\n{tests}"
    );
}

const FAILURES_MAX: usize = 5;

/// `SEED=7 cargo test -- --ignored one_life`
#[test]
#[ignore = "for a seed that ended badly"]
fn one_life() {
    let seed = std::env::var("SEED").unwrap().parse().unwrap();
    lives(std::iter::once(seed));
}

#[test]
fn lives_with_even_seeds_end_well() {
    lives((0..SEEDS).step_by(2));
}

#[test]
fn lives_with_odd_seeds_end_well() {
    lives((1..SEEDS).step_by(2));
}
