//! The three sides of a plan, made up without any cloud: what an apply of a desired side would have recorded, and what
//! would be observed of it.

use platctl::address::{Address, PhysicalId};
use platctl::graph::{Graph, order};
use platctl::kind::{Observed, Readiness, Ref};
use platctl::kinds;
use platctl::observe::Observation;
use platctl::plan::resolved;
use platctl::state::{Record, State, Status};

use super::cloud::{outputs, owner, readable};

/// As if `graph` had been applied. `id` chooses the ids of what has no natural one.
pub(crate) fn recorded(graph: &Graph, id: &dyn Fn(&Address) -> Option<PhysicalId>) -> State {
    let mut state = State::new(graph.stack.clone(), "lineage".into());
    state.serial = 1;
    // Natural ids are made of the outputs of what is referred to.
    for address in order::topological(graph.nodes.iter().map(|(at, node)| (at, &node.needs))) {
        let node = &graph.nodes[address];
        let kind = kinds::find(&node.kind).unwrap();
        let known = |reference: &Ref| {
            state.resources.get(&reference.address)?.outputs.get(&reference.output).cloned()
        };
        let spec = resolved(kind, &node.spec, &known);
        let made_up = || PhysicalId::new(format!("{}-1", address.role().replace('/', "-")));
        let id = id(address).or_else(|| kind.natural_id(&spec)).unwrap_or_else(made_up);
        let record = Record {
            kind: node.kind.clone(),
            region: node.region.clone(),
            outputs: outputs(kind, &id),
            id: Some(id),
            status: Status::Stable,
            spec: spec.into(),
            intended: None,
            needs: node.needs.clone(),
            deletion: node.deletion,
        };
        state.resources.insert(address.clone(), record);
    }
    state
}

/// As if all that is recorded were there, unchanged.
pub(crate) fn observed(state: &State) -> Observation {
    let seen = |(address, record): (&Address, &Record)| (address.clone(), observed_of(record));
    state.resources.iter().map(seen).collect()
}

/// As if what is recorded were there, unchanged.
pub(crate) fn observed_of(record: &Record) -> Observed {
    let kind = kinds::find(&record.kind).unwrap();
    let id = record.id.clone().expect("what is recorded in these tests has an id");
    let spec = record.spec.open();
    Observed {
        owner: owner(&spec),
        spec: readable(kind, &spec),
        outputs: outputs(kind, &id),
        readiness: Readiness::Ready,
        id,
    }
}
