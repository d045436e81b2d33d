//! Stage 4: desired × recorded × observed → changes → steps.
//!
//! **Architecture invariant:** [`plan`] is a pure function: the same three sides, the same bytes out. No I/O, no clock,
//! no randomness in this module.

pub mod change;
pub mod check;
pub mod diff;
pub mod drift;
pub mod schedule;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::address::{Address, Owner, PhysicalId, Stack};
use crate::graph::{Graph, Node, order};
use crate::kind::{
    AnyKind, DeletionPolicy, Loss, Observed, Readiness, Ref, ReplaceOrder, Scope, Tagging,
    reference,
};
use crate::kinds;
use crate::observe::{Observation, place};
use crate::state::{Record, State, Status};

pub use change::{Action, Cause, Change, FieldChange, Reason, Summary};
pub use schedule::{Estimate, Op, Step, StepId};

/// The version of the plan's format, in files and in `--json`.
pub const FORMAT: u32 = 1;

/// A complete, immutable document: everything that apply will do, and all that it needs for that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    pub format: u32,
    pub stack: Stack,
    /// Region of the stack, for clients whose kind has none of its own.
    pub region: String,
    pub intent: Intent,
    /// Hash of the blueprint that it was made from.
    pub blueprint: String,
    /// Of the state that it was made from.
    pub lineage: String,
    pub serial: u64,
    pub changes: BTreeMap<Address, Change>,
    /// Names that others have: while there is one, the plan cannot be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    pub steps: Vec<Step>,
    pub estimate: Estimate,
}

/// An object that has the name of a desired resource and belongs to somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{address}: {kind} `{id}` exists already and belongs to {}", .owner.as_ref().map_or_else(|| "somebody else".into(), |owner| format!("{} of the stack `{}`", owner.address, owner.stack)))]
pub struct Conflict {
    pub address: Address,
    pub kind: String,
    pub id: PhysicalId,
    /// `None`: it has no owner tags.
    pub owner: Option<Owner>,
}

/// What the plan is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    /// The world as the blueprint says.
    Apply,
    /// Nothing left of the stack.
    Destroy,
}

/// What a plan is made from, besides the three sides.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    pub intent: Intent,
    pub region: &'a str,
    /// Hash of the blueprint.
    pub blueprint: &'a str,
}

impl Plan {
    pub fn summary(&self) -> Summary {
        Summary::of(self.changes.values())
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps
            .iter()
            .all(|step| step.op == Op::Ready && !self.changes[&step.address].is_change())
    }

    /// Changes that lose data, which need consent.
    pub fn losses(&self) -> impl Iterator<Item = &Address> {
        // The old half of a replacement is named by the resource that the reader knows.
        let deposed: BTreeSet<&Address> =
            self.changes.values().filter_map(|change| change.deposed.as_ref()).collect();
        let losses = self.changes.iter().filter(|(_, change)| change.loses_data());
        losses.map(|(address, _)| address).filter(move |address| !deposed.contains(address))
    }
}

/// Compares the three sides and decides what is to be done, in which order.
pub fn plan(graph: &Graph, state: &State, observation: &Observation, origin: Origin<'_>) -> Plan {
    let (changes, conflicts) = (BTreeMap::new(), Vec::new());
    let mut planner = Planner { graph, state, observation, origin, changes, conflicts };
    // What others refer to is decided first: whether a reference will change follows from it.
    for address in order::topological(graph.nodes.iter().map(|(at, node)| (at, &node.needs))) {
        planner.desired(address, &graph.nodes[address]);
    }
    let removed = planner.removed();
    let Planner { mut changes, conflicts, .. } = planner;
    changes.extend(removed);
    let (steps, estimate) = schedule::schedule(&changes, state);
    Plan {
        format: FORMAT,
        stack: state.stack.clone(),
        region: origin.region.into(),
        intent: origin.intent,
        blueprint: origin.blueprint.into(),
        lineage: state.lineage.clone(),
        serial: state.serial,
        changes,
        conflicts,
        steps,
        estimate,
    }
}

/// What identifies a live object's content: to see whether it moved between a plan and its apply.
pub fn fingerprint(observed: &Observed) -> String {
    let text = format!("{}\n{}\n{:?}", observed.id, observed.spec, observed.readiness);
    hex::encode(&Sha256::digest(text)[..8])
}

/// `spec` with the references that `known` knows substituted, in canonical form again: a value that came from an output
/// may have another form than the one in which the service gives it back.
pub fn resolved(kind: &dyn AnyKind, spec: &Value, known: &dyn Fn(&Ref) -> Option<String>) -> Value {
    let spec = reference::resolve(spec, known);
    // What an output has made invalid stays as it is, for the service to refuse.
    kind.normalize(&spec).unwrap_or(spec)
}

struct Planner<'a> {
    graph: &'a Graph,
    state: &'a State,
    observation: &'a Observation,
    origin: Origin<'a>,
    changes: BTreeMap<Address, Change>,
    conflicts: Vec<Conflict>,
}

impl Planner<'_> {
    fn desired(&mut self, address: &Address, node: &Node) {
        let kind = kinds::find(&node.kind).expect("the graph holds known kinds only");
        let record = self.state.resources.get(address);
        let recorded = record.map(|record| record.spec.open());
        let observed = self.observation.get(address);
        let observed = observed.as_ref();
        let desired = resolved(kind, &node.spec, &|reference| self.known(reference));
        let mut change = Change {
            kind: node.kind.clone(),
            region: node.region.clone(),
            action: Action::Keep,
            reason: Reason::AsDesired,
            fields: Vec::new(),
            id: observed.map(|observed| observed.id.clone()),
            desired: None,
            observed: None,
            recorded: None,
            outputs: observed.map(|observed| observed.outputs.clone()).unwrap_or_default(),
            needs: node.needs.clone(),
            deletion_now: record.map_or(node.deletion, |record| record.deletion),
            deletion: node.deletion,
            deposed: None,
            loss: record.map_or(kind.loss(), loss_of),
            fingerprint: observed.map(fingerprint),
        };
        match (observed, record) {
            (None, None) => (change.action, change.reason) = (Action::Create, Reason::New),
            (None, Some(record)) => {
                let open = matches!(record.status, Status::Creating(_));
                let reason = if open { Reason::Unfinished } else { Reason::Vanished };
                (change.action, change.reason) = (Action::Create, reason);
            }
            (Some(observed), _) => {
                let unrecorded = record.is_none_or(|record| record.id.is_none());
                let ours = Owner { stack: self.state.stack.clone(), address: address.clone() };
                // What has no tags hangs on something that is ours.
                let foreign = kind.tagging() != Tagging::None
                    && observed.owner.as_ref() != Some(&ours)
                    && !self.leaves_its_address(observed);
                if unrecorded && foreign {
                    let (kind, id) = (node.kind.clone(), observed.id.clone());
                    let (address, owner) = (address.clone(), observed.owner.clone());
                    self.conflicts.push(Conflict { address, kind, id, owner });
                }
                let sides = diff::Sides {
                    desired: &desired,
                    observed: &observed.spec,
                    recorded: recorded.as_ref(),
                    record,
                };
                self.compare(kind, node, observed, sides, &mut change);
            }
        }
        if change.action == Action::CreateThenDelete {
            let deposed = self.free_address(address);
            let old = record
                .expect("what is replaced create-first is recorded, else its names would clash");
            let mut gone = removal(old, observed, Reason::Replaced);
            gone.deletion_now = old.deletion;
            self.changes.insert(deposed.clone(), gone);
            change.deposed = Some(deposed);
        }
        // Thousands are kept: nobody makes them, starts from what they are, or goes by what they were.
        if change.action != Action::Keep {
            change.observed = change.observed.or_else(|| Some(observed?.spec.clone()));
            (change.desired, change.recorded) = (Some(desired), recorded);
        }
        self.changes.insert(address.clone(), change);
    }

    fn compare(
        &self,
        kind: &'static dyn AnyKind,
        node: &Node,
        observed: &Observed,
        sides: diff::Sides<'_>,
        change: &mut Change,
    ) {
        let diff::Sides { desired, record, .. } = sides;
        let moved = record.filter(|old| {
            old.kind != node.kind
                || place(&old.kind, &old.region) != place(&node.kind, &node.region)
        });
        if let Some(old) = moved {
            let fields = if old.kind == node.kind { "region" } else { "kind" };
            change.reason = Reason::Replaces { fields: vec![fields.into()] };
            // A name that only one region can have is free once the old one is gone.
            let name_taken = old.kind == node.kind
                && kind.scope() == Scope::RegionAndName
                && kind.natural_id(desired).is_none_or(|id| id == observed.id);
            change.action =
                if name_taken { Action::DeleteThenCreate } else { Action::CreateThenDelete };
            return;
        }
        change.fields = diff::differences(kind.fields(), sides);
        if observed.readiness == Readiness::Unconfirmed {
            change.fields.retain(|field| field.replaces);
        }
        let replacing = change.fields.iter().filter(|field| field.replaces);
        let replacing: Vec<String> = replacing.map(|field| field.path.clone()).collect();
        let recorded_id = record.and_then(|record| record.id.as_ref());
        (change.action, change.reason) = match &observed.readiness {
            Readiness::Deleting => (Action::DeleteThenCreate, Reason::BeingDeleted),
            Readiness::Failed(why) => {
                let why = why.clone();
                (self.replacement(kind, record, observed, desired), Reason::Failed { why })
            }
            Readiness::Ready | Readiness::Unconfirmed | Readiness::Pending(_)
                if !replacing.is_empty() =>
            {
                let reason = Reason::Replaces { fields: replacing };
                (self.replacement(kind, record, observed, desired), reason)
            }
            Readiness::Ready | Readiness::Unconfirmed | Readiness::Pending(_) => match record {
                _ if recorded_id.is_none() => (Action::Adopt, Reason::FoundOurs),
                _ if !change.fields.is_empty() => (Action::Update, Reason::Differs),
                Some(record) if record.status != Status::Stable => {
                    (Action::Update, Reason::Unfinished)
                }
                _ => (Action::Keep, Reason::AsDesired),
            },
        };
        if change.action != Action::Keep {
            change.observed = Some(diff::owned_part(kind.fields(), sides));
        }
    }

    /// Whether it is ours, under an address that is not in the blueprint any more.
    fn leaves_its_address(&self, observed: &Observed) -> bool {
        observed.owner.as_ref().is_some_and(|Owner { stack, address }| {
            let record = self.state.resources.get(address);
            *stack == self.state.stack
                && !self.graph.nodes.contains_key(address)
                && record.is_some_and(|record| record.id.as_ref() == Some(&observed.id))
        })
    }

    /// The order that the kind wants, unless both halves would have the same name, or the old half stands in the way of
    /// something that must go first.
    fn replacement(
        &self,
        kind: &'static dyn AnyKind,
        record: Option<&Record>,
        observed: &Observed,
        desired: &Value,
    ) -> Action {
        // A name that is not known yet may turn out to be the same.
        let same_name = kind.natural_id(&observed.spec).is_some()
            && kind.natural_id(desired).is_none_or(|id| id == observed.id);
        let goes_first = |to: &Address| {
            self.changes.get(to).is_some_and(|change| change.action == Action::DeleteThenCreate)
        };
        match (kind.replace_order(), record) {
            (ReplaceOrder::CreateFirst, Some(record))
                if !same_name && !record.needs.keys().any(goes_first) =>
            {
                Action::CreateThenDelete
            }
            (ReplaceOrder::CreateFirst | ReplaceOrder::DeleteFirst, _) => Action::DeleteThenCreate,
        }
    }

    /// What becomes of the records that the blueprint does not ask for, once all that it asks for is decided.
    fn removed(&self) -> BTreeMap<Address, Change> {
        let standing = self.standing();
        let records = self.state.resources.iter();
        let removed = records.filter(|(address, _)| !self.graph.nodes.contains_key(*address));
        removed
            .map(|(address, record)| {
                let observed = self.observation.get(address);
                let observed = observed.as_ref();
                let moved_to = observed.and_then(|observed| {
                    let place = place(&record.kind, &record.region);
                    standing.get(&(record.kind.as_str(), place, &observed.id))
                });
                let change = match (observed, moved_to, self.origin.intent) {
                    (None, _, _) => removal(record, observed, Reason::RemovedAndGone),
                    (Some(observed), Some(&to), _) => {
                        let fingerprint = Some(fingerprint(observed));
                        let gone = removal(record, None, Reason::Moved { to: to.clone() });
                        Change { fingerprint, ..gone }
                    }
                    (Some(_), None, Intent::Destroy) => removal(record, observed, Reason::Destroy),
                    (Some(_), None, Intent::Apply) if replaced_base(address).is_some() => {
                        removal(record, observed, Reason::Replaced)
                    }
                    (Some(_), None, Intent::Apply) => removal(record, observed, Reason::Removed),
                };
                (address.clone(), change)
            })
            .collect()
    }

    /// The objects of the blueprint that are there, by kind, region and id, with the addresses at which they stand from
    /// now on: the first, should there be several.
    fn standing(&self) -> BTreeMap<(&str, &str, &PhysicalId), &Address> {
        let mut standing = BTreeMap::new();
        for (address, change) in &self.changes {
            if let (true, Some(id)) = (self.graph.nodes.contains_key(address), &change.id) {
                let object = (change.kind.as_str(), place(&change.kind, &change.region), id);
                standing.entry(object).or_insert(address);
            }
        }
        standing
    }

    /// The value of a reference, if it is known now and will not change.
    fn known(&self, reference: &Ref) -> Option<String> {
        if self.graph.existing.contains_key(&reference.address) {
            let outputs = self.observation.outputs(&reference.address)?;
            return outputs.get(&reference.output).cloned();
        }
        let change = self.changes.get(&reference.address)?;
        if change.action.makes_new() || moves(change, &reference.output) {
            None
        } else {
            change.outputs.get(&reference.output).cloned()
        }
    }

    /// Where the record of the old half of a replacement can go.
    fn free_address(&self, address: &Address) -> Address {
        let taken = |at: &Address| {
            self.state.resources.contains_key(at)
                || self.changes.contains_key(at)
                || self.graph.nodes.contains_key(at)
        };
        old_half(address, &taken)
    }
}

/// Whether the change updates something that gives this output another value.
pub(crate) fn moves(change: &Change, output: &str) -> bool {
    let outputs = kinds::find(&change.kind).map_or(&[][..], AnyKind::outputs);
    let moved_by =
        outputs.iter().find(|known| known.gives(output)).map_or(&[][..], |it| it.moved_by);
    change.fields.iter().any(|field| moved_by.contains(&field.row.as_str()))
}

/// How the address of an old half ends; a number may follow.
const REPLACED: &str = "@replaced";

/// The first address for an old half of what stands at `address` that is not taken.
pub(crate) fn old_half(address: &Address, taken: &dyn Fn(&Address) -> bool) -> Address {
    let numbered = (1..).map(|n| if n == 1 { String::new() } else { format!("-{n}") });
    let mut free = numbered
        .map(|n| Address::of(address.component(), &format!("{}{REPLACED}{n}", address.role())))
        .filter(|at| !taken(at));
    free.next().expect("numbers do not end")
}

/// The address whose old half this one is.
fn replaced_base(address: &Address) -> Option<Address> {
    let (base, _) = address.as_str().rsplit_once(REPLACED)?;
    base.parse().ok()
}

fn removal(record: &Record, observed: Option<&Observed>, reason: Reason) -> Change {
    let retained = record.deletion == DeletionPolicy::Retain
        && observed.is_some()
        && matches!(reason, Reason::Removed | Reason::Destroy);
    Change {
        kind: record.kind.clone(),
        region: record.region.clone(),
        action: if retained { Action::Retain } else { Action::Delete },
        reason,
        fields: Vec::new(),
        id: observed.map(|observed| observed.id.clone()),
        desired: None,
        observed: observed.map(|observed| observed.spec.clone()),
        recorded: Some(record.spec.open()),
        outputs: BTreeMap::new(),
        needs: record.needs.clone(),
        deletion_now: record.deletion,
        deletion: record.deletion,
        deposed: None,
        loss: loss_of(record),
        fingerprint: observed.map(fingerprint),
    }
}

/// Protection follows what is recorded, so that it holds for what was removed from the blueprint too.
fn loss_of(record: &Record) -> Loss {
    kinds::find(&record.kind).map_or(Loss::Data, AnyKind::loss)
}
