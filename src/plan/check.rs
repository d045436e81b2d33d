//! A linter that guards the finished plan: what apply relies on, whoever made the plan.

use std::collections::BTreeSet;

use crate::address::Address;
use crate::kind::reference;
use crate::kinds;
use crate::plan::{FORMAT, Plan};

/// What is wrong with a plan: a defect of the planner, or a file that was edited.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanDefect {
    #[error("the plan has format {0}; this platctl reads {FORMAT}")]
    Format(u32),
    #[error("{address}: there is no kind `{kind}`")]
    UnknownKind { address: Address, kind: String },
    #[error("step {0} belongs to no change")]
    StrayStep(usize),
    #[error("step {0} waits for a later step or for itself")]
    Order(usize),
    #[error("{address}: `{path}` refers to {to}, which is not in the plan")]
    Reference { address: Address, path: String, to: Address },
}

/// Everything that is wrong with `plan`.
pub fn check(plan: &Plan) -> Vec<PlanDefect> {
    if plan.format != FORMAT {
        return vec![PlanDefect::Format(plan.format)];
    }
    let mut defects = Vec::new();
    for (address, change) in &plan.changes {
        if kinds::find(&change.kind).is_none() {
            let (address, kind) = (address.clone(), change.kind.clone());
            defects.push(PlanDefect::UnknownKind { address, kind });
        }
        for (path, reference) in change.desired.iter().flat_map(reference::all) {
            if !plan.changes.contains_key(&reference.address) {
                let (address, to) = (address.clone(), reference.address);
                defects.push(PlanDefect::Reference { address, path, to });
            }
        }
    }
    let mut seen = BTreeSet::new();
    for (id, step) in plan.steps.iter().enumerate() {
        if !plan.changes.contains_key(&step.address) || !seen.insert((&step.address, step.op)) {
            defects.push(PlanDefect::StrayStep(id));
        }
        if step.after.iter().any(|&before| before >= id) {
            defects.push(PlanDefect::Order(id));
        }
    }
    defects
}
