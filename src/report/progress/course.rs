//! Where an apply stands: what runs, how far it has come, how long the rest will take.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::address::{Address, PhysicalId};
use crate::apply::Progress;
use crate::fault::Fault;
use crate::plan::{Action, Change, Op, Plan, Step, StepId};
use crate::report::words;

pub(super) struct Course {
    plan: Arc<Plan>,
    speed: f64,
    /// By address: one step of a resource runs at a time.
    running: BTreeMap<Address, Running>,
    /// When the first step of a resource started.
    begun: BTreeMap<Address, Instant>,
    ids: BTreeMap<Address, PhysicalId>,
    finished: usize,
    failed: usize,
    draining: bool,
}

/// A step under way.
#[derive(Clone, Debug)]
pub(super) struct Running {
    step: StepId,
    pub since: Instant,
    /// Why it is being tried again.
    pub retrying: Option<Fault>,
}

/// A resource that needs nothing more.
pub(super) struct Finished {
    pub address: Address,
    pub action: Action,
    pub last: Op,
    pub elapsed: Duration,
    pub id: Option<PhysicalId>,
}

impl Course {
    pub(super) fn new(plan: Arc<Plan>, speed: f64) -> Self {
        Self {
            plan,
            speed,
            running: BTreeMap::new(),
            begun: BTreeMap::new(),
            ids: BTreeMap::new(),
            finished: 0,
            failed: 0,
            draining: false,
        }
    }

    /// Takes an event in. The resource that it ended, if it ended one.
    pub(super) fn event(&mut self, progress: &Progress, now: Instant) -> Option<Finished> {
        match progress {
            Progress::Started { address, op, .. } => {
                let step =
                    self.plan.steps.iter().position(|it| it.address == *address && it.op == *op)?;
                let running = Running { step, since: now, retrying: None };
                self.running.insert(address.clone(), running);
                self.begun.entry(address.clone()).or_insert(now);
            }
            Progress::Retrying { address, fault, .. } => {
                self.running.get_mut(address)?.retrying = Some(fault.clone());
            }
            Progress::Made { address, id } => {
                self.ids.insert(address.clone(), id.clone());
            }
            Progress::Finished { address, action, op, .. } => {
                self.running.remove(address);
                if self.last_op(address) == Some(*op) {
                    return Some(self.end(address, *action, *op, now));
                }
            }
            Progress::Failed { address, .. } => {
                self.running.remove(address);
                self.failed += 1;
            }
            Progress::Draining { .. } => self.draining = true,
            Progress::Skipped { .. } => {}
        }
        None
    }

    /// What runs, in the order in which it began.
    pub(super) fn running(&self) -> Vec<&Running> {
        let mut running: Vec<&Running> = self.running.values().collect();
        running.sort_by_key(|it| (self.begun.get(&self.step(it).address), it.step));
        running
    }

    /// The `count` that have the longest way to go, in the order in which they began.
    pub(super) fn longest_running(&self, count: usize) -> Vec<&Running> {
        let mut running = self.running();
        let mut ways: Vec<_> =
            running.iter().map(|it| (Reverse(self.step(it).remaining), it.step)).collect();
        ways.sort_unstable();
        let shown: BTreeSet<StepId> = ways.into_iter().take(count).map(|(_, step)| step).collect();
        running.retain(|it| shown.contains(&it.step));
        running
    }

    pub(super) fn step(&self, running: &Running) -> &Step {
        &self.plan.steps[running.step]
    }

    pub(super) fn action(&self, running: &Running) -> Action {
        self.plan.changes[&self.step(running).address].action
    }

    /// How long a step takes here.
    pub(super) fn expected(&self, running: &Running) -> Duration {
        self.here(self.step(running).seconds)
    }

    /// The step of a resource that runs now.
    pub(super) fn running_at(&self, address: &Address) -> Option<&Running> {
        self.running.get(address)
    }

    pub(super) fn finished(&self) -> usize {
        self.finished
    }

    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// How many resources there are to be done.
    pub(super) fn total(&self) -> usize {
        let touched: BTreeSet<&Address> = self.plan.steps.iter().map(|it| &it.address).collect();
        touched.into_iter().filter(|at| self.counts(at)).count()
    }

    /// The longest way that is left: of what runs, less what each has run already.
    pub(super) fn left(&self, now: Instant) -> Duration {
        let ways = self.running.values().map(|it| {
            let whole = self.here(self.step(it).remaining);
            whole.saturating_sub((now - it.since).min(self.expected(it)))
        });
        ways.max().unwrap_or_default()
    }

    fn end(&mut self, address: &Address, action: Action, op: Op, now: Instant) -> Finished {
        self.finished += usize::from(self.counts(address));
        let elapsed = self.begun.get(address).map(|begun| now - *begun).unwrap_or_default();
        let known = || self.plan.changes.get(address)?.id.as_ref();
        let id = self.ids.get(address).or_else(known).cloned();
        Finished { address: address.clone(), action, last: op, elapsed, id }
    }

    fn last_op(&self, address: &Address) -> Option<Op> {
        let mut steps = self.plan.steps.iter().rev();
        steps.find(|step| step.address == *address).map(|step| step.op)
    }

    fn counts(&self, address: &Address) -> bool {
        self.plan.changes.get(address).is_some_and(Change::counts)
    }

    fn here(&self, seconds_on_aws: u64) -> Duration {
        words::scaled(Duration::from_secs(seconds_on_aws), self.speed)
    }
}
