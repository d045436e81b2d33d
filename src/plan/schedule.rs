//! The order of an apply, decided while planning. Every change is a short chain of steps; needs are edges between them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::Address;
use crate::kind::{AnyKind, Need, Scope, Typical, reference};
use crate::kinds;
use crate::plan::change::{Action, Change, Reason};
use crate::plan::{diff, replaced_base};
use crate::state::State;

/// One thing to do to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// Ask for the deletion.
    Delete,
    /// Wait until it is gone.
    Gone,
    /// Drop the record of what is gone already.
    Forget,
    /// Record what is there as ours.
    Adopt,
    /// Ask for it, and wait until it is visible with the outputs that come with its id.
    Create,
    /// Send what the create call could not carry.
    Late,
    /// Send what differs.
    Update,
    /// Wait until it works.
    Ready,
}

/// The place of a step in its plan.
pub type StepId = usize;

/// A step, what it waits for, and how long it typically takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    pub address: Address,
    pub op: Op,
    /// Steps that end before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<StepId>,
    pub seconds: u64,
    /// The longest way from the start of this step to the end of the plan, in seconds: what is longest goes first.
    pub remaining: u64,
    /// Of a `Create`: outputs that others need as soon as they are known.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub provides: BTreeSet<String>,
}

/// How long the plan typically takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Estimate {
    pub seconds: u64,
    /// The resources on the longest way, in order.
    pub critical_path: Vec<Address>,
}

/// An API call that starts something answers in about a second.
const CALL: u64 = 1;

/// The steps of all changes, in an order that respects what each waits for.
pub fn schedule(changes: &BTreeMap<Address, Change>, state: &State) -> (Vec<Step>, Estimate) {
    let mut order = Order::default();
    for (address, change) in changes {
        order.chain(address, change);
        if let (Some(base), Action::Delete) = (replaced_base(address), change.action) {
            order.old_halves.entry(base).or_default().push(address.clone());
        }
    }
    for (address, change) in changes {
        order.moves(address, change);
        order.needs(address, change);
        order.deletions(address, changes, state);
    }
    order.names(changes);
    order.releases(changes, state);
    order.finish(changes)
}

#[derive(Default)]
struct Order {
    /// Each step with its typical duration.
    steps: BTreeMap<(Address, Op), u64>,
    /// `(before, after)`
    edges: BTreeSet<((Address, Op), (Address, Op))>,
    /// Old halves of replacements that are deleted, by the address at which the new half stands.
    old_halves: BTreeMap<Address, Vec<Address>>,
}

impl Order {
    fn chain(&mut self, address: &Address, change: &Change) {
        let chain = chain_of(change);
        for &(op, seconds) in &chain {
            self.steps.insert((address.clone(), op), seconds);
        }
        for pair in chain.windows(2) {
            self.edge((address, pair[0].0), (address, pair[1].0));
        }
    }

    /// What a resource needs of others comes before its own first call.
    fn needs(&mut self, address: &Address, change: &Change) {
        let Some(act) = self.first(address, &[Op::Create, Op::Adopt, Op::Update]) else { return };
        if change.desired.is_none() {
            return;
        }
        for (to, need) in &change.needs {
            let met = match need {
                Need::Id => self.first(to, &[Op::Create, Op::Adopt]),
                Need::Ready => self.first(to, &[Op::Ready]),
            };
            if let Some(met) = met {
                self.edge((to, met), (address, act));
            }
            // The old half of a replacement goes once nobody points to it any more.
            if let Some(done) = self.first(address, &[Op::Ready]) {
                self.before_old_halves((address, done), to);
            }
        }
        if let Some(done) = self.first(address, &[Op::Ready]) {
            self.before_old_halves((address, done), address);
        }
    }

    /// An object is recorded under its new address before it is forgotten under the former one.
    fn moves(&mut self, address: &Address, change: &Change) {
        if let Reason::Moved { to } = &change.reason
            && let Some(taken) = self.first(to, &[Op::Adopt, Op::Gone])
        {
            self.edge((to, taken), (address, Op::Forget));
        }
    }

    fn before_old_halves(&mut self, done: (&Address, Op), of: &Address) {
        for old in self.old_halves.get(of).cloned().unwrap_or_default() {
            self.edge(done, (&old, Op::Delete));
        }
    }

    /// What needed something is gone, or points elsewhere, before that something is deleted: recorded edges backwards.
    fn deletions(&mut self, address: &Address, changes: &BTreeMap<Address, Change>, state: &State) {
        let Some(record) = state.resources.get(address) else { return };
        // The record of an old half stands under its new address in the plan.
        let holder =
            changes.get(address).and_then(|change| change.deposed.as_ref()).unwrap_or(address);
        let gone = self.first(holder, &[Op::Gone]);
        for to in record.needs.keys() {
            if let Some(gone) = gone {
                self.before_old_halves((holder, gone), to);
                self.edge((holder, gone), (to, Op::Delete));
            } else if changes.get(to).is_some_and(|change| change.action == Action::Delete)
                && let Some(done) = self.first(address, &[Op::Ready])
            {
                // An update that points elsewhere.
                self.edge((address, done), (to, Op::Delete));
            }
        }
    }

    /// What pointed to something that is replaced, and will point elsewhere, lets go before the old half is deleted:
    /// until then the service refuses that, and nothing else would order the two.
    ///
    /// What points to the new half cannot let go of the old one before there is a new one. Behind a create-first
    /// replacement it does so in time ([`Self::needs`]); a delete-first one has to go ahead all the same, for not every
    /// service counts such a use. Where it does, apply finds the two waiting for each other, and says so at once.
    fn releases(&mut self, changes: &BTreeMap<Address, Change>, state: &State) {
        for (address, change) in changes {
            let (Some(record), Some(done)) =
                (state.resources.get(address), self.first(address, &[Op::Ready]))
            else {
                continue;
            };
            if change.desired.is_none() || self.first(address, &[Op::Gone]).is_some() {
                continue;
            }
            for to in record.needs.keys().filter(|to| !change.needs.contains_key(to)) {
                let deletes_first =
                    changes.get(to).is_some_and(|it| it.action == Action::DeleteThenCreate);
                let olds = self.old_halves.get(to).cloned().unwrap_or_default();
                for old in deletes_first.then(|| to.clone()).into_iter().chain(olds) {
                    // It may wait for the new half by way of others.
                    if !self.leads((&old, Op::Delete), (address, done)) {
                        self.edge((address, done), (&old, Op::Delete));
                    }
                }
            }
        }
    }

    /// Whether the one step comes before the other, directly or by way of others.
    fn leads(&self, from: (&Address, Op), to: (&Address, Op)) -> bool {
        let mut after: BTreeMap<&(Address, Op), Vec<&(Address, Op)>> = BTreeMap::new();
        for (before, next) in &self.edges {
            after.entry(before).or_default().push(next);
        }
        let start = (from.0.clone(), from.1);
        let (mut seen, mut open) = (BTreeSet::new(), vec![&start]);
        while let Some(step) = open.pop() {
            if (&step.0, step.1) == to {
                return true;
            }
            let next = after.get(step).into_iter().flatten().copied();
            open.extend(next.filter(|step| seen.insert(*step)));
        }
        false
    }

    /// A name is free only once its former bearer is gone.
    fn names(&mut self, changes: &BTreeMap<Address, Change>) {
        let mut leaving = BTreeMap::new();
        for (address, change) in changes {
            if let (Action::Delete, Some(id)) = (change.action, &change.id) {
                leaving.insert((change.kind.as_str(), region_of_name(change), id), address);
            }
        }
        for (address, change) in changes.iter().filter(|(_, change)| change.action.makes_new()) {
            let natural = change
                .desired
                .as_ref()
                .and_then(|spec| kinds::find(&change.kind)?.natural_id(spec));
            let Some(id) = natural else { continue };
            if let Some(&bearer) = leaving.get(&(change.kind.as_str(), region_of_name(change), &id))
            {
                self.edge((bearer, Op::Gone), (address, Op::Create));
            }
        }
    }

    /// The first of `ops` that is among the steps of `address`.
    fn first(&self, address: &Address, ops: &[Op]) -> Option<Op> {
        ops.iter().copied().find(|&op| self.steps.contains_key(&(address.clone(), op)))
    }

    fn edge(&mut self, before: (&Address, Op), after: (&Address, Op)) {
        let (before, after) = ((before.0.clone(), before.1), (after.0.clone(), after.1));
        if self.steps.contains_key(&before) && self.steps.contains_key(&after) {
            self.edges.insert((before, after));
        }
    }

    fn finish(self, changes: &BTreeMap<Address, Change>) -> (Vec<Step>, Estimate) {
        let ids: BTreeMap<&(Address, Op), StepId> =
            self.steps.keys().enumerate().map(|(id, key)| (key, id)).collect();
        let mut steps: Vec<Step> = self
            .steps
            .iter()
            .map(|((address, op), &seconds)| Step {
                address: address.clone(),
                op: *op,
                after: Vec::new(),
                seconds,
                remaining: 0,
                provides: BTreeSet::new(),
            })
            .collect();
        let mut before_of: Vec<Vec<StepId>> = vec![Vec::new(); steps.len()];
        for (before, after) in &self.edges {
            steps[ids[after]].after.push(ids[before]);
            before_of[ids[before]].push(ids[after]);
        }
        for change in changes.values() {
            for (_, reference) in change.desired.iter().flat_map(reference::all) {
                if let Some(&id) = ids.get(&(reference.address.clone(), Op::Create))
                    && change.needs.get(&reference.address) == Some(&Need::Id)
                {
                    steps[id].provides.insert(reference.output);
                }
            }
        }
        let sorted = sort(&steps, &before_of);
        let mut next: Vec<Option<StepId>> = vec![None; steps.len()];
        for &id in sorted.iter().rev() {
            let longest =
                before_of[id].iter().copied().max_by_key(|&after| (steps[after].remaining, after));
            next[id] = longest;
            steps[id].remaining =
                steps[id].seconds + longest.map_or(0, |after| steps[after].remaining);
        }
        let estimate = estimate(&steps, &next);
        (renumber(steps, &sorted), estimate)
    }
}

/// The steps of one change, each with its typical duration in seconds.
fn chain_of(change: &Change) -> Vec<(Op, u64)> {
    let kind = kinds::find(&change.kind);
    let spec = change.desired.as_ref().or(change.recorded.as_ref());
    let typical = match (kind, spec) {
        (Some(kind), Some(spec)) => kind.typical(spec),
        _ => Typical::seconds(CALL, CALL, CALL),
    };
    let rest = |whole: Duration| whole.as_secs().saturating_sub(CALL);
    let delete = [(Op::Delete, CALL), (Op::Gone, rest(typical.delete))];
    let has_late =
        kind.zip(change.desired.as_ref()).is_some_and(|(kind, spec)| has_late(kind, spec));
    let create = || {
        let late = has_late.then_some((Op::Late, CALL));
        let ends = [(Op::Create, CALL), (Op::Ready, rest(typical.create))];
        [Some(ends[0]), late, Some(ends[1])].into_iter().flatten()
    };
    let update = || [(Op::Update, CALL), (Op::Ready, rest(typical.update))];
    match change.action {
        Action::Create | Action::CreateThenDelete => create().collect(),
        Action::DeleteThenCreate if change.reason == Reason::BeingDeleted => {
            [delete[1]].into_iter().chain(create()).collect()
        }
        Action::DeleteThenCreate => delete.into_iter().chain(create()).collect(),
        Action::Retain => vec![(Op::Forget, 0)],
        Action::Delete if change.id.is_none() => vec![(Op::Forget, 0)],
        Action::Delete => delete.into(),
        Action::Update if change.fields.is_empty() => vec![(Op::Ready, rest(typical.create))],
        Action::Update => update().into(),
        // What a cut-off creation left may have all of its way before it.
        Action::Adopt if change.fields.is_empty() && change.recorded.is_some() => {
            vec![(Op::Adopt, 0), (Op::Ready, rest(typical.create))]
        }
        Action::Adopt if change.fields.is_empty() => vec![(Op::Adopt, 0), (Op::Ready, 0)],
        Action::Adopt => [(Op::Adopt, 0)].into_iter().chain(update()).collect(),
        Action::Keep => Vec::new(),
    }
}

fn region_of_name(change: &Change) -> &str {
    let scope = kinds::find(&change.kind).map_or(Scope::Region, AnyKind::scope);
    scope.of_name(&change.region)
}

fn has_late(kind: &'static dyn AnyKind, spec: &Value) -> bool {
    !diff::late_rows(kind.fields(), spec).is_empty()
}

/// A topological order. Steps on a cycle come last, in their own order; `check` refuses such a plan.
fn sort(steps: &[Step], before_of: &[Vec<StepId>]) -> Vec<StepId> {
    let mut missing: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
    let mut ready: BTreeSet<StepId> = (0..steps.len()).filter(|&id| missing[id] == 0).collect();
    let mut sorted = Vec::with_capacity(steps.len());
    while let Some(id) = ready.pop_first() {
        sorted.push(id);
        for &after in &before_of[id] {
            missing[after] -= 1;
            if missing[after] == 0 {
                ready.insert(after);
            }
        }
    }
    let placed: BTreeSet<StepId> = sorted.iter().copied().collect();
    sorted.extend((0..steps.len()).filter(|id| !placed.contains(id)));
    sorted
}

fn renumber(steps: Vec<Step>, sorted: &[StepId]) -> Vec<Step> {
    let mut place = vec![0; steps.len()];
    for (new, &old) in sorted.iter().enumerate() {
        place[old] = new;
    }
    let mut steps: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    let in_order = sorted.iter().filter_map(|&old| steps[old].take());
    in_order
        .map(|mut step| {
            step.after.iter_mut().for_each(|id| *id = place[*id]);
            step.after.sort_unstable();
            step
        })
        .collect()
}

fn estimate(steps: &[Step], next: &[Option<StepId>]) -> Estimate {
    let first = (0..steps.len()).max_by_key(|&id| (steps[id].remaining, std::cmp::Reverse(id)));
    let seconds = first.map_or(0, |id| steps[id].remaining);
    let mut critical_path: Vec<Address> = Vec::new();
    let mut at = first;
    // Bounded by the number of steps: a cycle, which `check` refuses, must not hang the estimate.
    for _ in 0..steps.len() {
        let Some(id) = at else { break };
        if critical_path.last() != Some(&steps[id].address) {
            critical_path.push(steps[id].address.clone());
        }
        at = next[id];
    }
    Estimate { seconds, critical_path }
}
