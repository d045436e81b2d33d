//! Runs the steps: what is ready and has the longest way to go starts first. This loop alone writes the journal; the
//! effects run beside it and report back.
//!
//! The file is long because all that changes the state of an apply is in this one loop.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::time::Instant;

use crate::address::{Address, Owner, PhysicalId};
use crate::apply::creation::Creation;
use crate::apply::deletion::{Deletion, Leaving};
use crate::apply::queue::Queue;
use crate::apply::retry::Tries;
use crate::apply::watch::{Goal, Watch, watch};
use crate::apply::{Apply, Failure, Interrupt, Outcome, Pace, Progress, Skipped};
use crate::fault::{Blocker, Fault, Holder};
use crate::kind::{AnyKind, Cloud, Observed, Outputs, Update, reference};
use crate::kinds;
use crate::observe::{RecordedIds, lookup_unknown};
use crate::plan::{Action, Change, Op, Plan, Step, StepId, diff, resolved};
use crate::state::{Durable, Event, Journal, JournalError, Record, State, Status};

pub(super) async fn run(work: Apply<'_>) -> Result<Outcome, JournalError> {
    let (watch, watching) = watch(Arc::clone(&work.cloud), work.pace);
    let broken = work.journal.broken();
    let mut interrupts = work.interrupts.clone();
    let mut level = interrupts.level();
    let mut executor = Executor::new(work, watch);
    executor.start();
    tokio::pin!(watching, broken);
    while !executor.running.is_empty() {
        // In this order, so that the same events at the same times have the same effects.
        tokio::select! {
            biased;
            now = interrupts.above(level) => {
                level = now;
                executor.interrupt(now);
                if now == Interrupt::Abort {
                    break;
                }
            }
            error = &mut broken, if executor.broken.is_none() => executor.give_up(error),
            () = &mut watching => unreachable!("the executor holds an end of the watch"),
            Some((step, done)) = executor.running.next() => {
                executor.done(step, done);
                executor.start();
            }
        }
    }
    executor.end().await
}

/// How a part of a step ended.
enum Done {
    Created(Result<PhysicalId, Fault>),
    /// Visible, with the outputs that others need.
    Seen(Result<Option<Observed>, Fault>),
    Sent(Result<(), Fault>),
    Ready(Result<Option<Observed>, Fault>),
    Gone(Result<Option<Observed>, Fault>),
    /// The id of what was created is durable.
    Kept(PhysicalId),
    /// An interrupt ended a wait.
    Stopped,
    /// What was recorded did not become durable: nothing was done.
    Unrecorded(JournalError),
}

struct Executor<'a> {
    plan: &'a Plan,
    work: Work<'a>,
    watch: Watch,
    running: FuturesUnordered<BoxFuture<'a, (StepId, Done)>>,
    queue: Queue,
    missing: Vec<usize>,
    dependents: Vec<Vec<StepId>>,
    begun: BTreeMap<StepId, Instant>,
    ended: BTreeSet<StepId>,
    /// The ids that were recorded when it began, by kind and region.
    recorded: BTreeMap<(&'a str, &'a str), Arc<BTreeSet<PhysicalId>>>,
    /// What is known of every resource, to substitute references.
    outputs: BTreeMap<Address, Outputs>,
    leaving: Leaving,
    outcome: Outcome,
    stop: tokio::sync::watch::Sender<bool>,
    /// Done when all that was recorded so far is durable.
    recorded_so_far: Durable,
    /// Why nothing can be recorded any more.
    broken: Option<JournalError>,
}

/// The parts of [`Apply`] that the loop uses.
struct Work<'a> {
    cloud: Arc<dyn Cloud>,
    state: &'a mut State,
    journal: &'a mut Journal,
    pace: Pace,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl<'a> Executor<'a> {
    fn new(work: Apply<'a>, watch: Watch) -> Self {
        let Apply { cloud, plan, state, journal, pace, progress, interrupts: _ } = work;
        let mut dependents = vec![Vec::new(); plan.steps.len()];
        for (id, step) in plan.steps.iter().enumerate() {
            step.after.iter().for_each(|&before| dependents[before].push(id));
        }
        let missing: Vec<usize> = plan.steps.iter().map(|step| step.after.len()).collect();
        let mut queue = Queue::new(plan);
        for free in (0..plan.steps.len()).filter(|&id| missing[id] == 0) {
            queue.push(plan, free);
        }
        let standing = plan.changes.iter().filter(|(_, change)| !change.action.makes_new());
        let outputs = standing.map(|(address, change)| (address.clone(), change.outputs.clone()));
        let recorded = RecordedIds::of(state);
        let of_kind = |change: &'a Change| {
            let (kind, region) = (change.kind.as_str(), change.region.as_str());
            ((kind, region), recorded.of_kind(kind, region))
        };
        Self {
            plan,
            recorded: plan.changes.values().map(of_kind).collect(),
            outputs: outputs.collect(),
            leaving: Leaving::of(plan.steps.iter().filter_map(|step| {
                let change = &plan.changes[&step.address];
                change.id.clone().filter(|_| matches!(step.op, Op::Gone | Op::Update))
            })),
            work: Work { cloud, state, journal, pace, progress },
            watch,
            running: FuturesUnordered::new(),
            queue,
            missing,
            dependents,
            begun: BTreeMap::new(),
            ended: BTreeSet::new(),
            outcome: Outcome::default(),
            stop: tokio::sync::watch::Sender::new(false),
            recorded_so_far: Durable::already(),
            broken: None,
        }
    }

    /// Starts what can start.
    fn start(&mut self) {
        while !*self.stop.borrow()
            && let Some(id) = self.queue.pop()
        {
            self.begin(id);
        }
    }

    fn begin(&mut self, id: StepId) {
        let plan = self.plan;
        let Step { address, op, seconds, .. } = &plan.steps[id];
        let change = &plan.changes[address];
        let kind = kinds::find(&change.kind).expect("a checked plan names known kinds");
        self.begun.insert(id, Instant::now());
        let expected = Duration::from_secs(*seconds);
        let (at, action, op) = (address.clone(), change.action, *op);
        (self.work.progress)(Progress::Started { address: at, action, op, expected });
        match op {
            Op::Forget => {
                self.record(address, &Event::Gone);
                self.ended(id);
            }
            Op::Adopt => self.adopt(id, address, change),
            Op::Create => self.create(id, address, change, kind),
            Op::Late | Op::Update => self.update(id, address, change, kind),
            Op::Ready => {
                let (goal, typical) = (Goal::Ready, expected);
                self.wait(id, address, change, kind, goal, typical, Done::Ready);
            }
            Op::Delete => self.delete(id, address, change, kind),
            Op::Gone => {
                let (goal, typical) = (Goal::Gone, expected);
                self.wait(id, address, change, kind, goal, typical, Done::Gone);
            }
        }
    }

    fn create(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) {
        let spec = match self.desired(change) {
            Ok(spec) => spec,
            Err(fault) => return self.fail(step, fault),
        };
        if let Some(deposed) = &change.deposed {
            let known = self.work.state.resources.get(address);
            if let (Some(Record { id: None, .. }), Some(id)) = (known, &change.id) {
                // A cut-off creation, found by what it left; under its other address it is found by its id alone.
                self.record(address, &Event::Made { id: id.clone() });
            }
            self.record(address, &Event::Deposed { to: deposed.clone() });
        }
        let open = match self.work.state.resources.get(address) {
            Some(Record { status: Status::Creating(token), .. }) => Some(token.clone()),
            _ => None,
        };
        let reopened = open.is_some();
        let token = self.work.state.token(address, &spec);
        let tokens = open.into_iter().chain([token.clone()]).collect();
        let record = Record {
            kind: change.kind.clone(),
            region: change.region.clone(),
            id: None,
            status: Status::Creating(token.clone()),
            spec: (&spec).into(),
            intended: None,
            outputs: Outputs::new(),
            needs: change.needs.clone(),
            deletion: change.deletion,
        };
        self.record(address, &Event::CreateBegun { record: Box::new(record) });
        let owner = Owner { stack: self.work.state.stack.clone(), address: address.clone() };
        let recorded = || {
            let known = self.recorded.get(&(change.kind.as_str(), change.region.as_str()));
            let mut ids = known.cloned().unwrap_or_default();
            // The old half may have been found just now.
            if let Some(old) = change.id.as_ref().filter(|id| !ids.contains(*id)) {
                Arc::make_mut(&mut ids).insert(old.clone());
            }
            ids
        };
        let creation = Creation {
            cloud: Arc::clone(&self.work.cloud),
            kind,
            region: &change.region,
            lookup: lookup_unknown(owner.clone(), kind, &spec, tokens, recorded),
            owner,
            first: diff::without_late(kind.fields(), &spec),
            token,
        };
        let tries = self.tries(step);
        self.effect(step, async move { Done::Created(creation.settle(reopened, tries).await) });
    }

    fn adopt(&mut self, step: StepId, address: &Address, change: &Change) {
        let Some(id) = change.id.clone() else {
            return self.fail(step, Fault::bug("there is nothing to adopt"));
        };
        let spec = match self.desired(change) {
            Ok(spec) => spec,
            Err(fault) => return self.fail(step, fault),
        };
        let record = Record {
            kind: change.kind.clone(),
            region: change.region.clone(),
            id: Some(id),
            status: Status::Made,
            spec: spec.into(),
            intended: None,
            outputs: change.outputs.clone(),
            needs: change.needs.clone(),
            deletion: change.deletion,
        };
        self.record(address, &Event::Adopted { record: Box::new(record) });
        self.ended(step);
    }

    fn update(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) {
        let to = match self.desired(change) {
            Ok(spec) => spec,
            Err(fault) => return self.fail(step, fault),
        };
        let Some(id) = self.id_of(address, change) else {
            return self.fail(step, Fault::bug("its id is not known"));
        };
        let (from, changed) = if self.plan.steps[step].op == Op::Late {
            (diff::without_late(kind.fields(), &to), diff::late_rows(kind.fields(), &to))
        } else {
            let rows = change.rows();
            let rows =
                kind.fields().iter().map(|field| field.path).filter(|path| rows.contains(path));
            (change.observed.clone().unwrap_or_default(), rows.collect())
        };
        let intended = Event::UpdateBegun {
            intended: to.clone(),
            needs: change.needs.clone(),
            deletion: change.deletion,
        };
        self.record(address, &intended);
        let (cloud, tries) = (Arc::clone(&self.work.cloud), self.tries(step));
        self.effect(step, async move {
            let sent = tries.persist(|| {
                let update = Update { from: &from, to: &to, changed: &changed };
                cloud.update(kind, &change.region, &id, update)
            });
            Done::Sent(sent.await)
        });
    }

    fn delete(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) {
        let Some(id) = &change.id else {
            return self.fail(step, Fault::bug("its id is not known"));
        };
        let known = self.work.state.resources.get(address);
        let recorded = known.map(|record| record.spec.open());
        let deletion = Deletion {
            cloud: Arc::clone(&self.work.cloud),
            kind,
            region: self.region_of(address, change),
            id,
            recorded: recorded.or_else(|| change.observed.clone()).unwrap_or_default(),
            policy: change.deletion_now,
            leaving: self.leaving.clone(),
            waiting_for_it: self.waiting_for(step),
        };
        self.record(address, &Event::DeleteBegun);
        let tries = self.tries(step);
        self.effect(step, async move { Done::Sent(deletion.settle(tries).await) });
    }

    /// What points to the object that this step deletes, and lets go of it only afterwards: its update wants the new
    /// half of a replacement whose old half has to go first. If that blocks the deletion, nobody can end the wait.
    fn waiting_for(&self, step: StepId) -> Vec<Blocker> {
        let plan = self.plan;
        let address = &plan.steps[step].address;
        if plan.changes[address].action != Action::DeleteThenCreate {
            return Vec::new();
        }
        let (mut later, mut open) = (BTreeSet::new(), vec![step]);
        while let Some(id) = open.pop() {
            open.extend(self.dependents[id].iter().filter(|&&after| later.insert(after)));
        }
        let updates = later.into_iter().filter(|&id| plan.steps[id].op == Op::Update);
        let holds = updates.filter_map(|id| {
            let at = &plan.steps[id].address;
            let record = self.work.state.resources.get(at)?;
            let (Some(id), true) = (&record.id, record.needs.contains_key(address)) else {
                return None;
            };
            let owner = Owner { stack: plan.stack.clone(), address: at.clone() };
            let why = "points to it until the new one stands, which has to wait for this deletion";
            let blocker = Blocker::stays(id.as_str(), &record.kind, why);
            Some(blocker.of(Holder::Stack(owner)))
        });
        holds.collect()
    }

    /// Journals what one effect or wait came to, and goes on from there.
    fn done(&mut self, step: StepId, done: Done) {
        match done {
            Done::Created(_) | Done::Kept(_) | Done::Sent(_) | Done::Unrecorded(_) => {
                self.queue.ended(step);
            }
            Done::Seen(_) | Done::Ready(_) | Done::Gone(_) | Done::Stopped => {}
        }
        let plan = self.plan;
        let address = &plan.steps[step].address;
        let change = &plan.changes[address];
        match done {
            Done::Stopped => {
                self.outcome.skipped.insert(address.clone(), Skipped::Interrupted);
            }
            Done::Unrecorded(error) => self.give_up(error),
            Done::Created(Ok(id)) => {
                self.record(address, &Event::Made { id: id.clone() });
                self.effect(step, async move { Done::Kept(id) });
            }
            Done::Kept(id) => {
                (self.work.progress)(Progress::Made { address: address.clone(), id });
                let kind = kinds::find(&change.kind).expect("a checked plan names known kinds");
                let goal = Goal::Seen { provides: plan.steps[step].provides.clone() };
                self.wait(step, address, change, kind, goal, Duration::ZERO, Done::Seen);
            }
            Done::Seen(Ok(observed)) => {
                self.learn(address, observed.as_ref());
                self.ended(step);
            }
            Done::Ready(Ok(observed)) => {
                self.learn(address, observed.as_ref());
                let outputs = self.outputs.get(address).cloned().unwrap_or_default();
                self.record(address, &Event::Settled { outputs });
                self.outcome.done.insert(address.clone(), change.action);
                self.ended(step);
            }
            Done::Gone(Ok(_)) => {
                self.record(address, &Event::Gone);
                if change.desired.is_none() {
                    self.outcome.done.insert(address.clone(), change.action);
                }
                self.ended(step);
            }
            Done::Sent(Ok(())) => self.ended(step),
            Done::Created(Err(fault))
            | Done::Seen(Err(fault))
            | Done::Sent(Err(fault))
            | Done::Ready(Err(fault))
            | Done::Gone(Err(fault)) => self.fail(step, fault),
        }
    }

    /// Runs an effect once all that was recorded so far is durable: never cut off by the first interrupt.
    fn effect(&mut self, step: StepId, effect: impl Future<Output = Done> + Send + 'a) {
        self.queue.began(step);
        let recorded = self.recorded_so_far.clone();
        self.running.push(Box::pin(async move {
            match recorded.await {
                Ok(()) => (step, effect.await),
                Err(error) => (step, Done::Unrecorded(error)),
            }
        }));
    }

    /// How an effect is repeated.
    fn tries(&self, step: StepId) -> Tries<'a> {
        let Step { address, op, .. } = &self.plan.steps[step];
        let (pace, stop, progress) = (self.work.pace, self.stop.subscribe(), self.work.progress);
        Tries { address, op: *op, pace, stop, permit: self.work.journal.permit(), progress }
    }

    /// Runs a wait: the first interrupt ends it.
    #[expect(clippy::too_many_arguments, reason = "the step, the resource, and what is waited for")]
    fn wait(
        &mut self,
        step: StepId,
        address: &Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
        goal: Goal,
        typical: Duration,
        done: fn(Result<Option<Observed>, Fault>) -> Done,
    ) {
        let (watch, id) = (self.watch.clone(), self.id_of(address, change));
        let region = self.region_of(address, change);
        let (progress, op, at) = (self.work.progress, self.plan.steps[step].op, address.clone());
        let mut stop = self.stop.subscribe();
        let is_deletion = goal == Goal::Gone;
        let cloud = Arc::clone(&self.work.cloud);
        let known = self.work.state.resources.get(address);
        let recorded = known.map(|record| record.spec.open()).unwrap_or_default();
        self.running.push(Box::pin(async move {
            let Some(id) = id else {
                return (step, done(Err(Fault::bug("its id is not known"))));
            };
            let retrying = |fault: Fault| {
                progress(Progress::Retrying { address: at.clone(), op, fault });
            };
            let ended = tokio::select! {
                biased;
                ended = watch.until(kind, &region, &id, goal, typical, &retrying) => Some(ended),
                _ = stop.wait_for(|stop| *stop) => None,
            };
            match ended {
                // What was accepted and does not end may be held by somebody who can be named.
                Some(Err(fault)) if is_deletion => {
                    let held = cloud.blockers(kind, &region, &id, &recorded).await;
                    (step, done(Err(Fault { blockers: held.unwrap_or_default(), ..fault })))
                }
                Some(ended) => (step, done(ended)),
                None => (step, Done::Stopped),
            }
        }));
    }

    fn ended(&mut self, step: StepId) {
        let plan = self.plan;
        let Step { address, op, .. } = &plan.steps[step];
        let (at, action) = (address.clone(), plan.changes[address].action);
        let elapsed = self.begun.get(&step).map(Instant::elapsed).unwrap_or_default();
        (self.work.progress)(Progress::Finished { address: at, action, op: *op, elapsed });
        if *op == Op::Forget {
            self.outcome.done.insert(address.clone(), action);
        }
        self.ended.insert(step);
        for &after in &self.dependents[step] {
            self.missing[after] -= 1;
            if self.missing[after] == 0 {
                self.queue.push(plan, after);
            }
        }
    }

    fn fail(&mut self, step: StepId, fault: Fault) {
        let plan = self.plan;
        let Step { address, op, .. } = &plan.steps[step];
        let change = &plan.changes[address];
        let id = self.id_of(address, change);
        if let Some(id) = &id {
            self.leaving.stays(id);
        }
        self.record(address, &Event::Failed { fault: fault.clone() });
        let elapsed = self.begun.get(&step).map(Instant::elapsed).unwrap_or_default();
        let (at, failed) = (address.clone(), fault.clone());
        (self.work.progress)(Progress::Failed { address: at, op: *op, fault: failed, elapsed });
        let (address, kind) = (address.clone(), change.kind.clone());
        self.outcome.failed.push(Failure { address, op: *op, kind, id, fault });
    }

    fn interrupt(&mut self, level: Interrupt) {
        self.outcome.interrupted = Some(level);
        self.stop.send_replace(true);
        (self.work.progress)(Progress::Draining { in_flight: self.queue.effects() });
    }

    /// Nothing can be recorded any more, so nothing more is begun. Calls in flight end.
    fn give_up(&mut self, error: JournalError) {
        if self.broken.is_none() {
            self.broken = Some(error);
            self.stop.send_replace(true);
        }
    }

    /// One event, in the journal and in the state. What follows from it waits until it is durable.
    fn record(&mut self, address: &Address, event: &Event) {
        self.recorded_so_far = self.work.journal.append(address, event);
        self.work.state.apply(address, event);
    }

    fn learn(&mut self, address: &Address, observed: Option<&Observed>) {
        if let Some(observed) = observed {
            self.outputs.insert(address.clone(), observed.outputs.clone());
        }
    }

    /// The desired spec with every reference substituted.
    fn desired(&self, change: &Change) -> Result<Value, Fault> {
        let known = |reference: &reference::Ref| {
            self.outputs.get(&reference.address)?.get(&reference.output).cloned()
        };
        let kind = kinds::find(&change.kind).expect("a checked plan names known kinds");
        let spec = resolved(kind, change.desired.as_ref().unwrap_or(&Value::Null), &known);
        match reference::all(&spec).first() {
            None => Ok(spec),
            Some((path, reference)) => {
                Err(Fault::bug(format!("`{path}` needs {reference}, which is not known")))
            }
        }
    }

    /// The id of what stands at the address now.
    fn id_of(&self, address: &Address, change: &Change) -> Option<PhysicalId> {
        let recorded = self.work.state.resources.get(address).and_then(|record| record.id.clone());
        recorded.or_else(|| change.id.clone())
    }

    /// The end, once nothing runs any more. An abort waits for nothing.
    async fn end(mut self) -> Result<Outcome, JournalError> {
        match self.broken.take() {
            Some(error) => return Err(error),
            None if self.outcome.interrupted == Some(Interrupt::Abort) => {}
            None => self.recorded_so_far.clone().await?,
        }
        Ok(self.outcome())
    }

    /// Where what stands at the address now is: a bucket that moves to another region is deleted in its old one.
    fn region_of(&self, address: &Address, change: &Change) -> String {
        let recorded = self.work.state.resources.get(address).map(|record| &record.region);
        recorded.unwrap_or(&change.region).clone()
    }

    /// What became of everything.
    fn outcome(mut self) -> Outcome {
        let interrupted = self.outcome.interrupted.is_some();
        let mut unreachable: BTreeMap<StepId, Address> = BTreeMap::new();
        let failures = self.outcome.failed.iter();
        let failed: BTreeSet<(&Address, Op)> = failures.map(|it| (&it.address, it.op)).collect();
        for (id, step) in self.plan.steps.iter().enumerate() {
            if self.ended.contains(&id) {
                continue;
            }
            if failed.contains(&(&step.address, step.op)) {
                unreachable.insert(id, step.address.clone());
                continue;
            }
            let because = step.after.iter().find_map(|before| unreachable.get(before)).cloned();
            if let Some(because) = &because {
                unreachable.insert(id, because.clone());
            }
            let own = because.as_ref() == Some(&step.address);
            let skipped = match because {
                Some(needs) => Skipped::Needs(needs),
                None if interrupted => Skipped::Interrupted,
                None => continue,
            };
            if !own {
                self.outcome.skipped.entry(step.address.clone()).or_insert(skipped);
            }
        }
        for address in self.outcome.failed.iter().map(|failure| &failure.address) {
            self.outcome.skipped.remove(address);
        }
        self.outcome
    }
}
