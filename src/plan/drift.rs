//! Drift: where the world left what was applied. It is part of what a plan heals; the rest is the blueprint's doing.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Address;
use crate::plan::{Cause, Change, Plan, Reason};

/// The changes that heal drift, each with the drifted fields alone.
pub fn drift(plan: &Plan) -> BTreeMap<Address, Change> {
    let moved_to: BTreeSet<&Address> = plan
        .changes
        .values()
        .filter_map(|change| match &change.reason {
            Reason::Moved { to } => Some(to),
            _ => None,
        })
        .collect();
    let drifted = plan.changes.iter().filter_map(|(address, change)| {
        let mut change = change.clone();
        change.fields.retain(|field| matches!(field.cause, Cause::Drift | Cause::Both));
        let moved = match &change.reason {
            Reason::Vanished
            | Reason::RemovedAndGone
            | Reason::Failed { .. }
            | Reason::BeingDeleted => true,
            // An object of an open creation is recorded, and so is one that the blueprint gave another address.
            Reason::FoundOurs => change.recorded.is_none() && !moved_to.contains(address),
            Reason::Differs | Reason::Replaces { .. } | Reason::Unfinished => {
                !change.fields.is_empty()
            }
            Reason::New
            | Reason::Moved { .. }
            | Reason::Removed
            | Reason::Destroy
            | Reason::Replaced
            | Reason::AsDesired => false,
        };
        moved.then(|| (address.clone(), change))
    });
    drifted.collect()
}
