//! Which resource waits for which, so that what is only likely closes no circle.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::graph::{Needs, Node};
use crate::kind::reference;

/// Which resource waits for which, so far.
pub(super) struct Ways(BTreeMap<Address, BTreeSet<Address>>);

impl Ways {
    /// By what specs refer to, and by what else is `known` to be needed.
    pub(super) fn of(nodes: &BTreeMap<Address, Node>, known: &BTreeMap<Address, Needs>) -> Self {
        let mut ways: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
        for (address, node) in nodes {
            let referred = reference::all(&node.spec).into_iter().map(|(_, to)| to.address);
            ways.entry(address.clone()).or_default().extend(referred);
        }
        for (address, needs) in known {
            ways.entry(address.clone()).or_default().extend(needs.keys().cloned());
        }
        Self(ways)
    }

    pub(super) fn add(&mut self, from: &Address, to: &Address) {
        self.0.entry(from.clone()).or_default().insert(to.clone());
    }

    /// Whether `from` waits for `to`, however indirectly.
    pub(super) fn lead(&self, from: &Address, to: &Address) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(at) = open.pop() {
            if at == to {
                return true;
            }
            if seen.insert(at) {
                open.extend(self.0.get(at).into_iter().flatten());
            }
        }
        false
    }
}
