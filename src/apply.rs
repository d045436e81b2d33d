//! Stage 5: does what the plan says, journaled. It decides nothing.
//!
//! **Architecture invariants:** apply never reads the blueprint; every effect has a durable journal line before it and
//! one after it; an id is journaled before any second call about that resource.

mod creation;
mod deletion;
pub mod event;
mod executor;
mod queue;
mod retry;
pub mod signal;
mod watch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::address::{Address, PhysicalId};
use crate::fault::Fault;
use crate::kind::Cloud;
use crate::observe::Observation;
use crate::plan::{Action, Op, Plan, fingerprint};
use crate::state::{Durable, Event, Journal, JournalError, State};

pub use event::Progress;
pub use signal::{Interrupt, Interrupts};

/// What an apply works with.
pub struct Apply<'a> {
    pub cloud: Arc<dyn Cloud>,
    pub plan: &'a Plan,
    pub state: &'a mut State,
    pub journal: &'a mut Journal,
    pub pace: Pace,
    /// Told of everything that happens, as it happens.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
    pub interrupts: Interrupts,
}

/// How an apply ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Changes that were made whole.
    pub done: BTreeMap<Address, Action>,
    pub failed: Vec<Failure>,
    /// What was not tried, and because of what.
    pub skipped: BTreeMap<Address, Skipped>,
    pub interrupted: Option<Interrupt>,
}

/// A step that failed.
#[derive(Debug)]
pub struct Failure {
    pub address: Address,
    pub op: Op,
    pub kind: String,
    pub id: Option<PhysicalId>,
    pub fault: Fault,
}

/// Why a resource was not tried, or not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Skipped {
    /// It depends on one that failed.
    Needs(Address),
    /// The apply was interrupted.
    Interrupted,
}

impl Outcome {
    pub fn is_success(&self) -> bool {
        self.failed.is_empty() && self.interrupted.is_none()
    }
}

/// How fast the cloud lives: all waiting is divided by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// 1 for AWS, the sandbox's speed there.
    pub speed: f64,
}

impl Pace {
    /// A wait on AWS, as long as it is here; never shorter than `floor`, so that a fast sandbox is not flooded.
    fn scaled(self, wait: Duration, floor: Duration) -> Duration {
        wait.div_f64(self.speed.max(1.0)).max(floor.min(wait))
    }
}

/// Applies the plan. Errors are of the journal alone: without it nothing more is done. What the cloud refuses is in the
/// outcome.
pub async fn apply(work: Apply<'_>) -> Result<Outcome, JournalError> {
    executor::run(work).await
}

/// Resources that moved since the plan was made: it must not be applied.
pub fn moved(plan: &Plan, observation: &Observation) -> Vec<Address> {
    let touched = plan.changes.iter().filter(|(_, change)| change.is_change());
    let moved = touched.filter(|(address, change)| {
        let now = observation.get(address).as_ref().map(fingerprint);
        // The old half of a replacement is observed under the address that it still has.
        change.reason != crate::plan::Reason::Replaced && now != change.fingerprint
    });
    moved.map(|(address, _)| address.clone()).collect()
}

/// Records what changed without any effect: needs and deletion policies of what is kept. Returns how many.
pub async fn note(
    plan: &Plan,
    state: &mut State,
    journal: &mut Journal,
) -> Result<usize, JournalError> {
    let pending = notes(plan, state);
    let mut noted = Durable::already();
    for (address, event) in &pending {
        noted = journal.append(address, event);
        state.apply(address, event);
    }
    noted.await?;
    Ok(pending.len())
}

/// Whether [`note`] has anything to record.
pub fn has_notes(plan: &Plan, state: &State) -> bool {
    !notes(plan, state).is_empty()
}

fn notes(plan: &Plan, state: &State) -> Vec<(Address, Event)> {
    let kept = plan.changes.iter().filter(|(_, change)| change.action == Action::Keep);
    kept.filter_map(|(address, change)| {
        let record = state.resources.get(address)?;
        let same = record.needs == change.needs && record.deletion == change.deletion;
        let event = Event::Noted { needs: change.needs.clone(), deletion: change.deletion };
        (!same).then(|| (address.clone(), event))
    })
    .collect()
}
