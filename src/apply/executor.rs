//! Runs the steps: what is ready and has the longest way to go starts first. This loop alone writes the journal; the
//! effects run beside it and report back.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::address::{Address, Owner, PhysicalId};
use crate::apply::watch::{Goal, Watch, watch};
use crate::apply::{Apply, Failure, Interrupt, Outcome, Pace, Progress, Skipped, retry};
use crate::cloud::Reading;
use crate::fault::{Class, Fault};
use crate::kind::{
    AnyKind, Cloud, DeletionPolicy, Lookup, Observed, Outputs, Tagging, Token, Update, Wanted,
    reference,
};
use crate::kinds;
use crate::observe::{RecordedIds, lookup_unknown};
use crate::plan::{Change, Op, Plan, Step, StepId, diff, resolved};
use crate::state::{Event, Record, Status};

/// Effects under way at the same time; waits do not count. The rate limits rule well before this does.
const EFFECTS_MAX: usize = 64;
/// Reads may miss what was made this long ago: absence is proof only after it.
const GRACE: Duration = Duration::from_secs(6);
const GRACE_FLOOR: Duration = Duration::from_millis(100);

pub(super) async fn run(work: Apply<'_>) -> io::Result<Outcome> {
    let (watch, watching) = watch(Arc::clone(&work.cloud), work.pace);
    let mut interrupts = work.interrupts.clone();
    let mut level = interrupts.level();
    let mut executor = Executor::new(work, watch);
    executor.start()?;
    tokio::pin!(watching);
    while !executor.running.is_empty() {
        tokio::select! {
            () = &mut watching => unreachable!("the executor holds an end of the watch"),
            Some((step, done)) = executor.running.next() => {
                executor.done(step, done)?;
                executor.start()?;
            }
            now = interrupts.above(level) => {
                level = now;
                executor.interrupt(now);
                if now == Interrupt::Abort {
                    break;
                }
            }
        }
    }
    Ok(executor.outcome())
}

/// How a part of a step ended.
enum Done {
    Created(Result<PhysicalId, Fault>),
    /// Visible, with the outputs that others need.
    Seen(Result<Option<Observed>, Fault>),
    Sent(Result<(), Fault>),
    Ready(Result<Option<Observed>, Fault>),
    Gone(Result<Option<Observed>, Fault>),
    /// An interrupt ended a wait.
    Stopped,
}

struct Executor<'a> {
    plan: &'a Plan,
    work: Work<'a>,
    watch: Watch,
    running: FuturesUnordered<BoxFuture<'a, (StepId, Done)>>,
    effects: usize,
    /// Longest remaining way first; ties in the order of the plan.
    ready: BinaryHeap<(u64, Reverse<StepId>)>,
    missing: Vec<usize>,
    dependents: Vec<Vec<StepId>>,
    begun: BTreeMap<StepId, Instant>,
    ended: BTreeSet<StepId>,
    /// The ids that were recorded when it began, by kind and region.
    recorded: BTreeMap<(&'a str, &'a str), Arc<BTreeSet<PhysicalId>>>,
    /// What is known of every resource, to substitute references.
    outputs: BTreeMap<Address, Outputs>,
    outcome: Outcome,
    stop: tokio::sync::watch::Sender<bool>,
}

/// The parts of [`Apply`] that the loop uses.
struct Work<'a> {
    cloud: Arc<dyn Cloud>,
    state: &'a mut crate::state::State,
    journal: &'a mut crate::state::Journal,
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
        let free = (0..plan.steps.len()).filter(|&id| missing[id] == 0);
        let ready = free.map(|id| (plan.steps[id].remaining, Reverse(id))).collect();
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
            work: Work { cloud, state, journal, pace, progress },
            watch,
            running: FuturesUnordered::new(),
            effects: 0,
            ready,
            missing,
            dependents,
            begun: BTreeMap::new(),
            ended: BTreeSet::new(),
            outcome: Outcome::default(),
            stop: tokio::sync::watch::Sender::new(false),
        }
    }

    /// Starts what can start.
    fn start(&mut self) -> io::Result<()> {
        while !*self.stop.borrow() && self.effects < EFFECTS_MAX {
            let Some((_, Reverse(id))) = self.ready.pop() else { break };
            self.begin(id)?;
        }
        Ok(())
    }

    fn begin(&mut self, id: StepId) -> io::Result<()> {
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
                self.record(address, &Event::Gone)?;
                self.end(id);
            }
            Op::Adopt => self.adopt(id, address, change)?,
            Op::Create => self.create(id, address, change, kind)?,
            Op::Late | Op::Update => self.update(id, address, change, kind)?,
            Op::Ready => {
                let (goal, typical) = (Goal::Ready, expected);
                self.wait(id, address, change, kind, goal, typical, Done::Ready);
            }
            Op::Delete => self.delete(id, address, change, kind)?,
            Op::Gone => {
                let (goal, typical) = (Goal::Gone, expected);
                self.wait(id, address, change, kind, goal, typical, Done::Gone);
            }
        }
        Ok(())
    }

    fn create(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) -> io::Result<()> {
        let spec = match self.desired(change) {
            Ok(spec) => spec,
            Err(fault) => return self.fail(step, fault),
        };
        if let Some(deposed) = &change.deposed {
            let known = self.work.state.resources.get(address);
            if let (Some(Record { id: None, .. }), Some(id)) = (known, &change.id) {
                // A cut-off creation, found by what it left; under its other address it is found by its id alone.
                self.record(address, &Event::Made { id: id.clone() })?;
            }
            self.record(address, &Event::Deposed { to: deposed.clone() })?;
        }
        let known = self.work.state.resources.get(address);
        let reopened = known.is_some_and(|record| matches!(record.status, Status::Creating(_)));
        let token = self.work.state.token(address, &spec);
        let record = Record {
            kind: change.kind.clone(),
            region: change.region.clone(),
            id: None,
            status: Status::Creating(token.clone()),
            spec: spec.clone(),
            intended: None,
            outputs: Outputs::new(),
            needs: change.needs.clone(),
            deletion: change.deletion,
        };
        self.record(address, &Event::CreateBegun { record: Box::new(record) })?;
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
            lookup: lookup_unknown(owner.clone(), kind, &spec, recorded),
            owner,
            first: diff::without_late(kind.fields(), &spec),
            token,
            pace: self.work.pace,
        };
        let (progress, op) = (self.work.progress, self.plan.steps[step].op);
        let stop = self.stop.subscribe();
        self.effect(step, async move {
            let retrying = |fault: &Fault| {
                let (address, fault) = (address.clone(), fault.clone());
                progress(Progress::Retrying { address, op, fault });
            };
            Done::Created(creation.settle(reopened, stop, &retrying).await)
        });
        Ok(())
    }

    fn adopt(&mut self, step: StepId, address: &Address, change: &Change) -> io::Result<()> {
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
            spec,
            intended: None,
            outputs: change.outputs.clone(),
            needs: change.needs.clone(),
            deletion: change.deletion,
        };
        self.record(address, &Event::Adopted { record: Box::new(record) })?;
        self.end(step);
        Ok(())
    }

    fn update(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) -> io::Result<()> {
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
        self.record(address, &intended)?;
        let (cloud, pace, progress) =
            (Arc::clone(&self.work.cloud), self.work.pace, self.work.progress);
        let op = self.plan.steps[step].op;
        let stop = self.stop.subscribe();
        self.effect(step, async move {
            let retrying = |fault: &Fault| {
                let (address, fault) = (address.clone(), fault.clone());
                progress(Progress::Retrying { address, op, fault });
            };
            let sent = retry::persist(pace, stop, &retrying, || {
                let update = Update { from: &from, to: &to, changed: &changed };
                cloud.update(kind, &change.region, &id, update)
            });
            Done::Sent(sent.await)
        });
        Ok(())
    }

    fn delete(
        &mut self,
        step: StepId,
        address: &'a Address,
        change: &'a Change,
        kind: &'static dyn AnyKind,
    ) -> io::Result<()> {
        let Some(id) = change.id.clone() else {
            return self.fail(step, Fault::bug("its id is not known"));
        };
        let recorded = self.work.state.resources.get(address).map(|record| record.spec.clone());
        let recorded = recorded.or_else(|| change.observed.clone()).unwrap_or_default();
        self.record(address, &Event::DeleteBegun)?;
        let (cloud, pace, progress) =
            (Arc::clone(&self.work.cloud), self.work.pace, self.work.progress);
        let policy: DeletionPolicy = change.deletion_now;
        let stop = self.stop.subscribe();
        self.effect(step, async move {
            let retrying = |fault: &Fault| {
                let (address, fault) = (address.clone(), fault.clone());
                progress(Progress::Retrying { address, op: Op::Delete, fault });
            };
            let sent = retry::persist(pace, stop, &retrying, || {
                cloud.delete(kind, &change.region, &id, &recorded, policy)
            });
            Done::Sent(sent.await)
        });
        Ok(())
    }

    /// Journals what one effect or wait came to, and goes on from there.
    fn done(&mut self, step: StepId, done: Done) -> io::Result<()> {
        if matches!(done, Done::Created(_) | Done::Sent(_)) {
            self.effects -= 1;
        }
        let plan = self.plan;
        let address = &plan.steps[step].address;
        let change = &plan.changes[address];
        match done {
            Done::Stopped => {
                self.outcome.skipped.insert(address.clone(), Skipped::Interrupted);
            }
            Done::Created(Ok(id)) => {
                self.record(address, &Event::Made { id: id.clone() })?;
                (self.work.progress)(Progress::Made { address: address.clone(), id });
                let kind = kinds::find(&change.kind).expect("a checked plan names known kinds");
                let goal = Goal::Seen { provides: plan.steps[step].provides.clone() };
                self.wait(step, address, change, kind, goal, Duration::ZERO, Done::Seen);
            }
            Done::Seen(Ok(observed)) => {
                self.learn(address, observed.as_ref());
                self.end(step);
            }
            Done::Ready(Ok(observed)) => {
                self.learn(address, observed.as_ref());
                let outputs = self.outputs.get(address).cloned().unwrap_or_default();
                self.record(address, &Event::Settled { outputs })?;
                self.outcome.done.insert(address.clone(), change.action);
                self.end(step);
            }
            Done::Gone(Ok(_)) => {
                self.record(address, &Event::Gone)?;
                if change.desired.is_none() {
                    self.outcome.done.insert(address.clone(), change.action);
                }
                self.end(step);
            }
            Done::Sent(Ok(())) => self.end(step),
            Done::Created(Err(fault))
            | Done::Seen(Err(fault))
            | Done::Sent(Err(fault))
            | Done::Ready(Err(fault))
            | Done::Gone(Err(fault)) => self.fail(step, fault)?,
        }
        Ok(())
    }

    /// Runs an effect: never cut off by the first interrupt.
    fn effect(&mut self, step: StepId, effect: impl Future<Output = Done> + Send + 'a) {
        self.effects += 1;
        self.running.push(Box::pin(async move { (step, effect.await) }));
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
        let mut stop = self.stop.subscribe();
        self.running.push(Box::pin(async move {
            let Some(id) = id else {
                return (step, done(Err(Fault::bug("its id is not known"))));
            };
            tokio::select! {
                ended = watch.until(kind, &change.region, &id, goal, typical) => (step, done(ended)),
                _ = stop.wait_for(|stop| *stop) => (step, Done::Stopped),
            }
        }));
    }

    fn end(&mut self, step: StepId) {
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
                self.ready.push((plan.steps[after].remaining, Reverse(after)));
            }
        }
    }

    fn fail(&mut self, step: StepId, fault: Fault) -> io::Result<()> {
        let plan = self.plan;
        let Step { address, op, .. } = &plan.steps[step];
        let change = &plan.changes[address];
        let id = self.id_of(address, change);
        self.record(address, &Event::Failed { fault: fault.clone() })?;
        let elapsed = self.begun.get(&step).map(Instant::elapsed).unwrap_or_default();
        let (at, failed) = (address.clone(), fault.clone());
        (self.work.progress)(Progress::Failed { address: at, op: *op, fault: failed, elapsed });
        let (address, kind) = (address.clone(), change.kind.clone());
        self.outcome.failed.push(Failure { address, op: *op, kind, id, fault });
        Ok(())
    }

    fn interrupt(&mut self, level: Interrupt) {
        self.outcome.interrupted = Some(level);
        self.stop.send_replace(true);
        (self.work.progress)(Progress::Draining { in_flight: self.effects });
    }

    /// One event: durable first, then in the state.
    fn record(&mut self, address: &Address, event: &Event) -> io::Result<()> {
        self.work.journal.append(address, event)?;
        self.work.state.apply(address, event);
        Ok(())
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

    /// What became of everything, once nothing runs any more.
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

/// A creation, and how to find out whether it happened.
struct Creation<'a> {
    cloud: Arc<dyn Cloud>,
    kind: &'static dyn AnyKind,
    region: &'a str,
    owner: Owner,
    /// `None`: nothing that the service could tell identifies it before its id is known.
    lookup: Option<Lookup>,
    /// What the create call sends.
    first: Value,
    token: Token,
    pace: Pace,
}

impl Creation<'_> {
    /// Creates it once, whatever happens on the way. `reopened`: an earlier apply may have done so already.
    async fn settle(
        &self,
        reopened: bool,
        stop: tokio::sync::watch::Receiver<bool>,
        retrying: &(dyn Fn(&Fault) + Send + Sync),
    ) -> Result<PhysicalId, Fault> {
        // Set while a call may have made it without our knowing: nothing is created before a look has told.
        let open = AtomicBool::new(reopened);
        retry::persist(self.pace, stop, retrying, || self.once(&open)).await
    }

    async fn once(&self, open: &AtomicBool) -> Result<PhysicalId, Fault> {
        if open.load(Relaxed)
            && let Some(id) = self.close(open).await?
        {
            return Ok(id);
        }
        let created = self.cloud.create(self.kind, self.region, &self.first, &self.token).await;
        let Err(fault) = created else { return created };
        let found = match fault.class {
            // Perhaps it was made all the same: that is settled by looking, before it is repeated.
            Class::Unanswered | Class::Unavailable | Class::Bug => {
                open.store(true, Relaxed);
                self.close(open).await
            }
            // Ours, if an answer was lost on the way.
            Class::Exists => self.look().await,
            _ => return Err(fault),
        };
        found?.ok_or(fault)
    }

    /// Finds out what an earlier call came to. If that cannot be known, it stays open.
    async fn close(&self, open: &AtomicBool) -> Result<Option<PhysicalId>, Fault> {
        let found = self.look_after_grace().await?;
        open.store(false, Relaxed);
        Ok(found)
    }

    async fn look_after_grace(&self) -> Result<Option<PhysicalId>, Fault> {
        sleep(self.pace.scaled(GRACE, GRACE_FLOOR)).await;
        self.look().await
    }

    /// The object, if it is there and ours.
    async fn look(&self) -> Result<Option<PhysicalId>, Fault> {
        let Some(lookup) = &self.lookup else { return Ok(None) };
        let wanted = [Wanted::uncompared(lookup.clone())];
        let found = self.cloud.read(self.kind, self.region, &wanted, &Reading::default()).await?;
        let ours = |seen: &Observed| {
            // What has no tags hangs on something that is ours.
            self.kind.tagging() == Tagging::None || seen.owner.as_ref() == Some(&self.owner)
        };
        Ok(found.into_iter().flatten().find(ours).map(|seen| seen.id))
    }
}
