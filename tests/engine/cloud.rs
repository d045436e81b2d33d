//! The simulated cloud as these tests see it: its own log of calls, and what stands in it.

use platctl::address::{Address, PhysicalId};
use platctl::kind::{AnyKind, DeletionPolicy, Outputs};
use platctl::simulation::{Acted, Mishap, When, made_up};
pub(crate) use platctl::simulation::{
    Climate, Dependents, Key, Object, Simulation, Trouble, Verb, World, owner, readable, texts,
};

use super::desired::REGION;

/// A call as the cloud saw it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) kind: &'static str,
    /// What it was about; of a creation, what it made.
    pub(crate) ids: Vec<PhysicalId>,
    /// Of a deletion.
    pub(crate) policy: Option<DeletionPolicy>,
    /// The journal's length when the call arrived, and the world before and after it.
    pub(crate) journal_len: u64,
    pub(crate) before: World,
    pub(crate) after: World,
}

impl Call {
    pub(crate) fn new(acted: Acted<'_>, journal_len: u64) -> Self {
        let Acted { verb, kind, ids, policy, before, after } = acted;
        Self { verb, kind, ids, policy, journal_len, before, after: after.clone() }
    }
}

/// Trouble for the next call of `verb` about `kind`.
pub(crate) fn next(verb: Verb, kind: &str, trouble: Trouble) -> Mishap {
    Mishap { trouble, when: When::Once, verb: Some(verb), kind: kind.into() }
}

/// The object of that kind that carries the owner tag `address`.
pub(crate) fn tagged<'a>(world: &'a mut World, kind: &str, address: &str) -> &'a mut Object {
    world.tagged(kind, address).unwrap_or_else(|| panic!("nothing is tagged {address}"))
}

/// Takes the first object of a kind away, with what hangs on it.
pub(crate) fn vanish(world: &mut World, kind: &str) {
    let key = world.objects.keys().find(|key| key.0 == kind).unwrap().clone();
    world.vanish(&key);
}

/// Where an object lives: nowhere in particular, if it is the same in all regions.
pub(crate) fn place(kind: &dyn AnyKind, region: &str) -> String {
    kind.scope().of_object(region).to_owned()
}

/// The outputs that the simulation would make up.
pub(crate) fn outputs(kind: &'static dyn AnyKind, id: &PhysicalId) -> Outputs {
    let key = (kind.name(), place(kind, REGION), id.clone());
    let named = kind.outputs().iter().filter(|output| !output.name.ends_with('*'));
    named.map(|output| (output.name.into(), made_up(kind, &key, output.name, 0))).collect()
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}
