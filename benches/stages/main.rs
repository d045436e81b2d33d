//! The pure stages at sizes beyond every real blueprint: from text to components to resources to a plan and its steps.
//!
//! `cargo bench` prints times and allocations. They should grow as the number of resources does: three and ten times the
//! resources, about three and ten times the time.

#![allow(clippy::unwrap_used, reason = "a bench fails by a panic")]

mod synthetic;

use divan::{AllocProfiler, Bencher, black_box};
use platctl::blueprint;
use platctl::blueprint::Selection;
use platctl::chart::Rendered;
use platctl::graph::Graph;
use platctl::graph::compile::compile;
use platctl::observe::Observation;
use platctl::plan::{self, Intent, Origin, check, schedule};
use platctl::report::{View, human, json};
use platctl::state::State;

use synthetic::{Stack, account, stack};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// About so many resources.
const SIZES: [usize; 3] = [1_000, 3_000, 10_000];

const APPLY: Origin<'_> =
    Origin { intent: Intent::Apply, region: synthetic::REGION, blueprint: "" };
const DESTROY: Origin<'_> = Origin { intent: Intent::Destroy, ..APPLY };

fn main() {
    divan::main();
}

/// From text to a checked blueprint.
#[divan::bench(args = SIZES)]
fn load(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { text, .. } = stack(resources);
    bencher.bench(|| {
        blueprint::load_bytes("bench.yaml", black_box(text.as_bytes()), Selection::default())
    });
}

/// From components to resources.
#[divan::bench(args = SIZES)]
fn compile_graph(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { blueprint, .. } = stack(resources);
    bencher.bench(|| compile(black_box(blueprint), &account(), &Rendered::default()));
}

/// A plan of a stack that is as it should be.
#[divan::bench(args = SIZES)]
fn plan_nothing(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { graph, state, observation, .. } = stack(resources);
    assert!(plan::plan(graph, state, observation, APPLY).is_empty());
    bencher.bench(|| plan::plan(black_box(graph), state, observation, APPLY));
}

/// A plan that creates everything.
#[divan::bench(args = SIZES)]
fn plan_everything(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { graph, empty, .. } = stack(resources);
    let nothing = Observation::default();
    bencher.bench(|| plan::plan(black_box(graph), empty, &nothing, APPLY));
}

/// A plan that deletes everything.
#[divan::bench(args = SIZES)]
fn plan_the_end(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { graph, state, observation, .. } = stack(resources);
    let end = Graph { nodes: [].into(), ..graph.clone() };
    bencher.bench(|| plan::plan(black_box(&end), state, observation, DESTROY));
}

/// The steps of a creation, and the linter of the finished plan.
#[divan::bench(args = SIZES)]
fn steps(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { graph, empty, .. } = stack(resources);
    let plan = plan::plan(graph, empty, &Observation::default(), APPLY);
    assert_eq!(check::check(&plan), []);
    bencher.bench(|| {
        let steps = schedule::schedule(black_box(&plan.changes), empty);
        (steps, check::check(&plan))
    });
}

/// A creation as people and machines read it.
#[divan::bench(args = SIZES)]
fn reports(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { graph, empty, .. } = stack(resources);
    let view = View::default();
    let plan = plan::plan(graph, empty, &Observation::default(), APPLY);
    bencher.bench(|| {
        let document = json::document(&json::plan(black_box(&plan), &[].into(), view.detail));
        (human::plan(&plan, view).to_string(), document)
    });
}

/// A state, written and read.
#[divan::bench(args = SIZES)]
fn records(bencher: Bencher<'_, '_>, resources: usize) {
    let Stack { state, .. } = stack(resources);
    let State { resources, .. } = state;
    bencher.bench(|| {
        let text = serde_json::to_string(black_box(resources)).unwrap();
        serde_json::from_str::<
            std::collections::BTreeMap<platctl::address::Address, platctl::state::Record>,
        >(&text)
    });
}
