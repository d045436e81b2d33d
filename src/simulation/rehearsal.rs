//! A plan and its apply on the simulated cloud, and what they came to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Moment, Simulation, World};
use crate::address::Address;
use crate::apply::{self, Apply, Interrupts, Outcome, Pace, Progress};
use crate::cloud::CallsSince;
use crate::fault::Class;
use crate::graph::Graph;
use crate::kind::Cloud;
use crate::kinds;
use crate::observe::{ObserveError, observe};
use crate::plan::{self, Op, Origin, Plan, StepId, Summary};
use crate::state::{JournalError, State, Store, StoreError};

/// What is rehearsed, and where.
pub struct Scene<'a> {
    pub cloud: Arc<Simulation>,
    /// Keeps what it records, as in earnest.
    pub store: &'a Store,
    pub graph: &'a Graph,
    pub origin: Origin<'a>,
    /// That of the simulation.
    pub pace: Pace,
    /// Told of the plan before it is applied, and then of everything that happens.
    pub begun: &'a dyn Fn(&Arc<Plan>),
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
    pub interrupts: Interrupts,
}

/// What it came to.
#[derive(Debug)]
pub struct Rehearsal {
    pub plan: Arc<Plan>,
    pub outcome: Outcome,
    /// In the cloud's own time, as are all durations here.
    pub took: Duration,
    /// What the end waited for, one after the other.
    pub critical: Vec<Leg>,
    /// All calls of the apply, by service and action; retries count.
    pub calls: CallsSince,
    /// Those among them that were refused for their rate.
    pub throttles: CallsSince,
    /// How often something was tried again, by why.
    pub retries: BTreeMap<Class, u64>,
    /// How long each resource worked before that was noticed, in order.
    pub noticed: Vec<Duration>,
    /// What another plan would do afterwards.
    pub again: Summary,
}

/// A part of the way to the end.
#[derive(Clone, Debug, PartialEq)]
pub struct Leg {
    pub address: Address,
    pub kind: String,
    pub took: Duration,
}

/// Why a rehearsal could not be held.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error("cannot write the journal of the rehearsal")]
    Journal(#[from] JournalError),
    /// A name that others have: nothing was applied.
    #[error("{} names are taken by others", .0.conflicts.len())]
    Conflicts(Arc<Plan>),
}

/// Plans and applies, and looks what another plan would find.
pub async fn rehearse(scene: Scene<'_>) -> Result<Rehearsal, RehearsalError> {
    let Scene { cloud, store, graph, origin, pace, begun, progress, interrupts } = scene;
    let lock = store.lock("rehearse").await?;
    let mut state = store.load().await?;
    let observation = observe(&*cloud, graph, &state).await?;
    let plan = Arc::new(plan::plan(graph, &state, &observation, origin));
    if !plan.conflicts.is_empty() {
        return Err(RehearsalError::Conflicts(plan));
    }
    begun(&plan);
    let (calls, throttles) = (cloud.calls(), cloud.throttles());
    let mut journal = store.begin(&lock, &mut state).await?;
    let (start, course) = (cloud.now(), Mutex::new(Course::default()));
    let note = |event: Progress| {
        course.lock().unwrap_or_else(PoisonError::into_inner).note(&event, cloud.now());
        progress(event);
    };
    let outcome = apply::apply(Apply {
        cloud: Arc::clone(&cloud) as Arc<dyn Cloud>,
        plan: &plan,
        state: &mut state,
        journal: &mut journal,
        pace,
        progress: &note,
        interrupts,
    })
    .await?;
    store.finish(&lock, &state, journal).await?;
    lock.release().await?;
    let took = cloud.now().saturating_sub(start);
    let course = course.into_inner().unwrap_or_else(PoisonError::into_inner);
    let noticed = course.noticed(&plan, &cloud, &state);
    let (calls, throttles) = (since(&calls, cloud.calls()), since(&throttles, cloud.throttles()));
    let observation = observe(&*cloud, graph, &state).await?;
    let again = plan::plan(graph, &state, &observation, origin).summary();
    let (critical, retries) = (course.critical(&plan), course.retries);
    Ok(Rehearsal { plan, outcome, took, critical, calls, throttles, retries, noticed, again })
}

/// The part of `calls` that came after `before`.
fn since(before: &CallsSince, mut calls: CallsSince) -> CallsSince {
    for (service, actions) in &mut calls {
        for (action, count) in actions.iter_mut() {
            *count -= before.get(service).and_then(|known| known.get(action)).unwrap_or(&0);
        }
        actions.retain(|_, count| *count > 0);
    }
    calls.retain(|_, actions| !actions.is_empty());
    calls
}

/// When steps ended, and what was tried again.
#[derive(Debug, Default)]
struct Course {
    ended: BTreeMap<(Address, Op), Moment>,
    began: BTreeMap<(Address, Op), Moment>,
    retries: BTreeMap<Class, u64>,
}

impl Course {
    fn note(&mut self, event: &Progress, now: Moment) {
        match event {
            Progress::Started { address, op, .. } => {
                self.began.insert((address.clone(), *op), now);
            }
            Progress::Finished { address, op, .. } | Progress::Failed { address, op, .. } => {
                self.ended.insert((address.clone(), *op), now);
            }
            Progress::Retrying { fault, .. } => *self.retries.entry(fault.class).or_default() += 1,
            Progress::Made { .. } | Progress::Skipped { .. } | Progress::Draining { .. } => {}
        }
    }

    /// From the step that ended last back to the one that nothing had to wait for: each leg ends with a step, and begins
    /// where the last of those ended for which it waited.
    fn critical(&self, plan: &Plan) -> Vec<Leg> {
        let ended = |id: StepId| {
            let step = &plan.steps[id];
            self.ended.get(&(step.address.clone(), step.op)).copied()
        };
        let last = |ids: &mut dyn Iterator<Item = StepId>| {
            ids.filter_map(|id| Some((ended(id)?, std::cmp::Reverse(id)))).max()
        };
        let mut legs: Vec<Leg> = Vec::new();
        let mut at = last(&mut (0..plan.steps.len()));
        while let Some((end, std::cmp::Reverse(id))) = at {
            let step = &plan.steps[id];
            at = last(&mut step.after.iter().copied());
            let first = self.began.get(&(step.address.clone(), step.op)).copied();
            let from = at.map(|(end, _)| end).or(first).unwrap_or(end);
            let took = end.saturating_sub(from);
            if let Some(leg) = legs.last_mut().filter(|leg| leg.address == step.address) {
                leg.took += took;
            } else {
                let kind = plan.changes[&step.address].kind.clone();
                legs.push(Leg { address: step.address.clone(), kind, took });
            }
        }
        legs.reverse();
        legs
    }

    fn noticed(&self, plan: &Plan, cloud: &Simulation, state: &State) -> Vec<Duration> {
        let world = cloud.world();
        let waits = self.ended.iter().filter(|((_, op), _)| *op == Op::Ready);
        let mut noticed: Vec<Duration> = waits
            .filter_map(|((address, op), ended)| {
                let kind = kinds::find(&plan.changes.get(address)?.kind)?;
                let record = state.resources.get(address)?;
                let key = World::key(kind, &record.region, record.id.as_ref()?);
                let ready = world.objects.get(&key)?.ready();
                // What had worked before anybody waited for it was noticed at once.
                let began = self.began.get(&(address.clone(), *op)).copied()?;
                Some(ended.saturating_sub(ready.max(began)))
            })
            .collect();
        noticed.sort_unstable();
        noticed
    }
}

impl Rehearsal {
    /// Within which time this share of all waits noticed that what they waited for works.
    pub fn noticed_within(&self, percent: usize) -> Duration {
        let last = self.noticed.len().saturating_sub(1);
        self.noticed.get(last * percent / 100).copied().unwrap_or_default()
    }
}
