//! How long applies take on the simulated cloud, in its own time, and how long they would take otherwise.
//!
//! `cargo bench --profile dev --bench schedule` prints, for each blueprint: our makespan, that of ten workers that take
//! resources as they become free to start (first in, first out), that of ten workers that take first what has the most
//! behind it, the critical path, and the least time that the documented rates of requests allow. The latter schedulers
//! hold a worker until a resource works, and let everything wait for that, as tools do that know nothing else.

#![allow(clippy::print_stdout, reason = "a bench prints what it has measured")]
#![allow(clippy::unwrap_used, reason = "a bench fails by a panic")]

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use platctl::address::Address;
use platctl::apply::{Pace, signal};
use platctl::blueprint::{self, Blueprint, Selection};
use platctl::chart::helm::Helm;
use platctl::chart::lock::Lock;
use platctl::chart::{self, Kit, Rendered};
use platctl::cloud::Limits;
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};
use platctl::kinds;
use platctl::plan::{Intent, Origin};
use platctl::sandbox::Sandbox;
use platctl::simulation::rehearsal::{Rehearsal, Scene, rehearse};
use platctl::simulation::{ACCOUNT, Climate, Simulation, Verb, World, call_of};
use platctl::state::Store;

const WORKERS: usize = 10;

fn main() {
    let services = ("services".to_owned(), "100".to_owned());
    let stacks = [
        ("birthday-api", "blueprints/birthday-api.yaml", Some("prod"), vec![]),
        ("ecommerce", "blueprints/ecommerce.yaml", Some("prod"), vec![]),
        ("fleet(100)", "examples/fleet.yaml", None, vec![services]),
    ];
    println!(
        "{:14} {:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9}",
        "",
        "resources",
        "ours",
        "fifo",
        "longest",
        "critical",
        "rates",
        "ratio",
        "throttles",
        "noticed"
    );
    for (name, file, environment, sets) in stacks {
        let graph = graph(file, environment, &sets);
        let ours = ours(&graph);
        let (fifo, longest) = (workers(&graph, Order::Fifo), workers(&graph, Order::Longest));
        let critical = Duration::from_secs(ours.plan.estimate.seconds);
        let rates = rates(&ours);
        let bound = critical.max(rates);
        let throttles: u64 = ours.throttles.values().flat_map(BTreeMap::values).sum();
        println!(
            "{name:14} {:9} {:>8} {:>8} {:>8} {:>8} {:>8} {:8.3} {throttles:9} {:>7.1} s",
            graph.nodes.len(),
            shown(ours.took),
            shown(fifo),
            shown(longest),
            shown(critical),
            shown(rates),
            ours.took.as_secs_f64() / bound.as_secs_f64(),
            ours.noticed_within(95).as_secs_f64(),
        );
    }
}

fn shown(duration: Duration) -> String {
    format!("{:.0} s", duration.as_secs_f64())
}

fn graph(file: &str, environment: Option<&str>, sets: &[(String, String)]) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let loaded = blueprint::load(&path, Selection { environment, sets });
    let blueprint = loaded.blueprint.unwrap();
    let account = Account { id: ACCOUNT.into(), ..Account::placeholder(&blueprint) };
    compile(&blueprint, &account, &rendered(&blueprint)).unwrap()
}

/// Its charts, with those of `tests/charts` in place of the public ones.
fn rendered(blueprint: &Blueprint) -> Rendered {
    let wanted = blueprint.wanted();
    if wanted.is_empty() {
        return Rendered::default();
    }
    let (root, cache) = (Path::new(env!("CARGO_MANIFEST_DIR")), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let program = Sandbox::named("charts").unwrap().install_helm(&|_| {}).await.unwrap();
        let kit = Kit {
            helm: Some(Helm { program, home: cache.path().join("helm") }),
            kubectl: "kubectl".into(),
            folder: root.into(),
            archives: cache.path().join("charts"),
            charts_from: Some(root.join("tests/charts")),
            locked: false,
        };
        chart::render(&wanted, &kit, &mut Lock::default()).await.unwrap()
    })
}

fn ours(graph: &Graph) -> Rehearsal {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path(), &graph.stack);
    let (_interrupter, interrupts) = signal::channel();
    runtime.block_on(async {
        let cloud = Simulation::new(Climate::usual(1), World::default()).host(graph);
        let scene = Scene {
            cloud: Arc::new(cloud),
            store: &store,
            graph,
            origin: Origin { intent: Intent::Apply, region: "", blueprint: "" },
            pace: Pace { speed: 1.0 },
            begun: &|_| {},
            progress: &|_| {},
            interrupts,
        };
        let rehearsal = rehearse(scene).await.unwrap();
        assert!(rehearsal.outcome.is_success(), "{:#?}", rehearsal.outcome.failed);
        rehearsal
    })
}

/// The least time in which the effects fit into their buckets.
fn rates(rehearsal: &Rehearsal) -> Duration {
    let mut buckets: BTreeMap<(&str, &str), (u64, f64, f64)> = BTreeMap::new();
    for (service, actions) in &rehearsal.calls {
        for (action, count) in actions.iter().filter(|(action, _)| !action.starts_with("Describe"))
        {
            let call = platctl::fault::Call { service: service.clone(), action: action.clone() };
            let (group, limit) = Limits::of(&call);
            let bucket = buckets.entry((group, service)).or_insert((0, limit.burst, limit.refill));
            bucket.0 += count;
        }
    }
    let least = buckets.into_values().map(|(calls, burst, refill)| {
        #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
        let beyond = (calls as f64 - burst).max(0.0);
        Duration::from_secs_f64(beyond / refill)
    });
    least.max().unwrap_or_default()
}

#[derive(Clone, Copy)]
enum Order {
    Fifo,
    /// First what has the longest way behind it.
    Longest,
}

/// When all is done with so many workers, each of which sees one resource through.
fn workers(graph: &Graph, order: Order) -> Duration {
    let typical = |address: &Address| {
        let node = &graph.nodes[address];
        kinds::find(&node.kind).unwrap().typical(&node.spec).create
    };
    let mut users: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    let mut missing: BTreeMap<&Address, usize> = BTreeMap::new();
    for (address, node) in &graph.nodes {
        let needs = node.needs.keys().filter(|need| graph.nodes.contains_key(*need));
        missing.insert(address, needs.clone().count());
        for need in needs {
            users.entry(need).or_default().push(address);
        }
    }
    let mut behind: BTreeMap<&Address, Duration> = BTreeMap::new();
    let sorted =
        platctl::graph::order::topological(graph.nodes.iter().map(|(at, node)| (at, &node.needs)));
    for address in sorted.iter().rev() {
        let longest = users.get(address).into_iter().flatten().map(|user| behind[user]).max();
        behind.insert(address, typical(address) + longest.unwrap_or_default());
    }
    let mut ready: BTreeSet<(Reverse<Duration>, usize, &Address)> = BTreeSet::new();
    let mut arrived = 0;
    let mut arrive = |address, ready: &mut BTreeSet<_>| {
        arrived += 1;
        let first = match order {
            Order::Fifo => Duration::ZERO,
            Order::Longest => behind[address],
        };
        ready.insert((Reverse(first), arrived, address));
    };
    let free: Vec<&Address> =
        missing.iter().filter(|(_, missing)| **missing == 0).map(|(address, _)| *address).collect();
    for address in free {
        arrive(address, &mut ready);
    }
    let mut running: BinaryHeap<Reverse<(Duration, &Address)>> = BinaryHeap::new();
    let mut buckets: BTreeMap<(&str, String), (f64, Duration)> = BTreeMap::new();
    let mut now = Duration::ZERO;
    loop {
        while running.len() < WORKERS
            && let Some((_, _, address)) = ready.pop_first()
        {
            let call =
                call_of(Verb::Create, kinds::find(&graph.nodes[address].kind).unwrap().name());
            let (group, limit) = Limits::of(&call);
            let bucket = buckets.entry((group, call.service)).or_insert((limit.burst, now));
            let refilled = bucket.0 + (now.saturating_sub(bucket.1)).as_secs_f64() * limit.refill;
            *bucket = (refilled.min(limit.burst) - 1.0, now);
            let wait = Duration::from_secs_f64((-bucket.0).max(0.0) / limit.refill);
            running.push(Reverse((now + wait + typical(address), address)));
        }
        let Some(Reverse((end, done))) = running.pop() else { return now };
        now = end;
        for user in users.get(done).into_iter().flatten() {
            let left = missing.get_mut(user).unwrap();
            *left -= 1;
            if *left == 0 {
                arrive(user, &mut ready);
            }
        }
    }
}
