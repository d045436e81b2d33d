//! A cloud in memory, at the seam: it knows the registered kinds by their tables alone, and lives in the clock of the
//! runtime, which may be a virtual one.
//!
//! It behaves as AWS does where that matters to an engine: things take their typical time, reads lag behind writes,
//! requests have rates, names rest after a deletion, tokens are forgotten, what is referred to cannot go, what a creation
//! refers to must be there. Whatever chance decides follows from a seed: the same run falls the same way.
//!
//! **Architecture invariant:** everything it knows of a kind, it knows from [`AnyKind`]; it has no case for one of them.

mod dice;
pub mod rehearsal;
mod trouble;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

pub use trouble::{Mishap, MishapError, Trouble, When, words};
pub use world::{ACCOUNT, Key, Moment, Object, World, made_up, owner, readable, texts};

use crate::address::PhysicalId;
use crate::cloud::calls::{Calls, CallsSince};
use crate::cloud::{Limits, Reading};
use crate::fault::{Blocker, Call, Class, Fault};
use crate::graph::Graph;
use crate::kind::{
    Answer, AnyKind, Cloud, DeletionPolicy, Lookup, Observed, Token, Update, Wanted, reference,
};
use crate::kinds::{self, k8s_object};
use crate::state::State;
use dice::Dice;
use trouble::Mishaps;

/// How the cloud behaves.
#[derive(Clone, Debug)]
pub struct Climate {
    pub seed: u64,
    /// How far durations stray from the typical ones: 0.2 is ±20 %.
    pub spread: f64,
    /// The longest time for which reads miss a write.
    pub lag: Duration,
    /// How long a token is remembered; `None`: tokens are ignored, as many services do.
    pub tokens: Option<Duration>,
    /// How long a call takes.
    pub latency: Duration,
    /// Whether requests have rates.
    pub rates: Rates,
    pub dependents: Dependents,
    /// How many times faster than the runtime's clock it lives.
    pub speed: f64,
}

/// Whether the documented rates of requests hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rates {
    Documented,
    Unlimited,
}

/// How a deletion is refused while something refers to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dependents {
    /// As services do: in a way that may pass with time.
    InUse,
    /// For good: only the right order succeeds.
    Refuse,
    /// In a way that may pass with time, and for every use, even one that an update can end.
    EveryUse,
}

impl Climate {
    /// As AWS is on a usual day.
    pub fn usual(seed: u64) -> Self {
        Self {
            seed,
            spread: 0.0,
            lag: Duration::from_secs(2),
            tokens: Some(Duration::from_hours(24)),
            latency: Duration::from_millis(120),
            rates: Rates::Documented,
            dependents: Dependents::InUse,
            speed: 1.0,
        }
    }

    /// Nothing but the order of things: no lag, no rates, no tokens, and what refers to a thing forbids its deletion.
    pub fn strict() -> Self {
        Self {
            lag: Duration::ZERO,
            tokens: None,
            latency: Duration::from_millis(1),
            rates: Rates::Unlimited,
            dependents: Dependents::Refuse,
            ..Self::usual(0)
        }
    }

    fn dice(&self) -> Dice {
        Dice::new(self.seed)
    }
}

impl Dependents {
    fn class(self) -> Class {
        match self {
            Self::InUse | Self::EveryUse => Class::InUse,
            Self::Refuse => Class::Invalid,
        }
    }
}

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Read,
    Create,
    Update,
    Delete,
}

/// A call that the cloud has acted on, as the cloud saw it.
#[derive(Debug)]
pub struct Acted<'a> {
    pub verb: Verb,
    pub kind: &'static str,
    /// What it was about; of a creation, what it made. None of a refused call.
    pub ids: Vec<PhysicalId>,
    /// Of a deletion.
    pub policy: Option<DeletionPolicy>,
    pub before: World,
    pub after: &'a World,
}

/// Told of each call while the world stands still.
type Watcher = Box<dyn Fn(Acted<'_>) + Send + Sync>;

/// The cloud.
pub struct Simulation {
    climate: Climate,
    began: Instant,
    /// What had passed in the world when it began.
    since: Moment,
    /// Our side of the rates, which holds calls back.
    limits: Limits,
    /// The service's side, which refuses what comes too fast.
    served: Limits,
    calls: Calls,
    throttled: Calls,
    /// The outputs that a kind's `*` stands for.
    star: BTreeMap<String, BTreeSet<String>>,
    watcher: Option<Watcher>,
    inner: Mutex<Inner>,
}

struct Inner {
    world: World,
    mishaps: Mishaps,
    throws: u64,
    /// What refuses deletions of a kind, with the number of times that it is still told of; then it is gone.
    in_the_way: BTreeMap<String, (Vec<Blocker>, u32)>,
}

impl Simulation {
    /// A cloud in which `world` is there. The runtime's clock must not go backwards after that.
    pub fn new(climate: Climate, world: World) -> Self {
        Self {
            began: Instant::now(),
            since: world.now,
            limits: Limits::new(climate.speed),
            served: Limits::new(climate.speed),
            calls: Calls::default(),
            throttled: Calls::default(),
            star: BTreeMap::new(),
            watcher: None,
            inner: Mutex::new(Inner {
                world,
                mishaps: Mishaps::default(),
                throws: 0,
                in_the_way: BTreeMap::new(),
            }),
            climate,
        }
    }

    /// What goes wrong, from now on.
    #[must_use]
    pub fn with(self, mishaps: Vec<Mishap>) -> Self {
        self.lock().mishaps = Mishaps::new(mishaps);
        self
    }

    /// Prepares it for a stack: what the stack has not made and refers to is there, and outputs that only the specs name
    /// will be given.
    #[must_use]
    pub fn host(mut self, graph: &Graph) -> Self {
        for existing in graph.existing.values() {
            if let Some(kind) = kinds::find(&existing.kind) {
                let key = World::key(kind, &existing.region, &existing.id);
                let there = Object::standing(Value::Object(serde_json::Map::new()));
                self.lock().world.stand(key, there);
            }
        }
        for node in graph.nodes.values() {
            for (_, reference) in reference::all(&node.spec) {
                if let Some(of) = graph.nodes.get(&reference.address) {
                    self.star.entry(of.kind.clone()).or_default().insert(reference.output);
                }
            }
        }
        self
    }

    /// Calls `watcher` for each call that the cloud acts on.
    #[must_use]
    pub fn watched(mut self, watcher: impl Fn(Acted<'_>) + Send + Sync + 'static) -> Self {
        self.watcher = Some(Box::new(watcher));
        self
    }

    /// A mishap more.
    pub fn arm(&self, mishap: Mishap) {
        self.lock().mishaps.add(mishap);
    }

    /// What is armed and has not come to pass will not.
    pub fn disarm(&self) {
        self.lock().mishaps.clear();
    }

    /// Puts something into the way of all deletions of `kind`, until it was told of `times`.
    pub fn block(&self, kind: &str, blockers: Vec<Blocker>, times: u32) {
        self.lock().in_the_way.insert(kind.into(), (blockers, times));
    }

    /// Takes everything out of the way.
    pub fn unblock(&self) {
        self.lock().in_the_way.clear();
    }

    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Changes the world from outside.
    pub fn meddle<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let now = self.now();
        let mut inner = self.lock();
        inner.world.pass(now);
        change(&mut inner.world)
    }

    /// The cloud's own time.
    pub fn now(&self) -> Moment {
        self.since + self.began.elapsed().mul_f64(self.climate.speed)
    }

    /// All calls so far, by service and action; retries count.
    pub fn calls(&self) -> CallsSince {
        self.calls.snapshot()
    }

    /// Those among them that were refused for their rate.
    pub fn throttles(&self) -> CallsSince {
        self.throttled.snapshot()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pause(&self, duration: Duration) {
        sleep(duration.div_f64(self.climate.speed)).await;
    }

    /// One call: admitted by its rate, on its way, acted on, and on its way back.
    async fn call<T>(
        &self,
        verb: Verb,
        kind: &'static dyn AnyKind,
        policy: Option<DeletionPolicy>,
        act: impl FnOnce(&mut World) -> Result<(T, Vec<PhysicalId>), Fault>,
    ) -> Result<T, Fault> {
        let call = call_of(verb, kind.name());
        let limited = self.climate.rates == Rates::Documented;
        if limited {
            self.limits.admit(&call).await;
        }
        self.calls.count(&call);
        self.pause(self.climate.latency / 2).await;
        let answer = self.arrive(verb, kind, policy, &call, act);
        let (answer, delay) = match answer {
            Arrived::Answered(answer, delay) => (answer, delay),
            Arrived::Silent => {
                self.pause(UNANSWERED).await;
                let silence = Fault::new(Class::Unanswered, "no answer came");
                return Err(Fault { call: Some(call), ..silence });
            }
        };
        if answer.as_ref().is_err_and(|fault| fault.class == Class::Throttled) {
            self.throttled.count(&call);
            self.limits.throttled(&call);
        }
        self.pause(self.climate.latency / 2 + delay).await;
        answer.map_err(|fault| Fault { call: Some(call), ..fault })
    }

    fn arrive<T>(
        &self,
        verb: Verb,
        kind: &'static dyn AnyKind,
        policy: Option<DeletionPolicy>,
        call: &Call,
        act: impl FnOnce(&mut World) -> Result<(T, Vec<PhysicalId>), Fault>,
    ) -> Arrived<T> {
        let refused = |class| Arrived::Answered(Err(Fault::new(class, REFUSED)), Duration::ZERO);
        let now = self.now();
        let mut inner = self.lock();
        let trouble = inner.mishaps.strike(self.climate.dice(), verb, kind.name());
        inner.throws += 1;
        let acts = self.climate.dice().throw("acts", inner.throws) < 0.5;
        match trouble {
            Some(Trouble::Refuse(class)) => return refused(class),
            Some(Trouble::Cut) => return Arrived::Silent,
            Some(Trouble::Fail) if !acts => return refused(Class::Unavailable),
            Some(Trouble::Fail | Trouble::LoseAnswer | Trouble::Slow(_) | Trouble::Break)
            | None => {}
        }
        if self.climate.rates == Rates::Documented && !self.served.accept(call) {
            return refused(Class::Throttled);
        }
        let before = inner.world.clone();
        inner.world.pass(now);
        let (answer, ids) = match act(&mut inner.world) {
            Ok((answer, ids)) => (Ok(answer), ids),
            Err(fault) => (Err(fault), Vec::new()),
        };
        if trouble == Some(Trouble::Break) {
            let region = |key: &&Key| key.0 == kind.name() && ids.contains(&key.2);
            let spoiled: Vec<Key> = inner.world.objects.keys().filter(region).cloned().collect();
            for key in spoiled {
                inner.world.spoil(&key);
            }
        }
        if let Some(watcher) = &self.watcher {
            watcher(Acted { verb, kind: kind.name(), ids, policy, before, after: &inner.world });
        }
        match trouble {
            Some(Trouble::LoseAnswer) => Arrived::Silent,
            Some(Trouble::Fail) => refused(Class::Unavailable),
            Some(Trouble::Slow(delay)) => Arrived::Answered(answer, delay),
            Some(Trouble::Refuse(_) | Trouble::Cut | Trouble::Break) | None => {
                Arrived::Answered(answer, Duration::ZERO)
            }
        }
    }
}

/// How a call ended at the cloud.
enum Arrived<T> {
    /// With this answer, on its way after this delay.
    Answered(Result<T, Fault>, Duration),
    /// Nothing will come back.
    Silent,
}

/// As often the SDK tries a read; effects are sent once.
const READ_ATTEMPTS_MAX: u32 = 4;
const READ_PAUSE: Duration = Duration::from_secs(1);

/// Whether the SDK sends a read again by itself.
fn is_repeated(fault: &Fault) -> bool {
    matches!(fault.class, Class::Throttled | Class::Unavailable | Class::Unanswered)
}

const REFUSED: &str = "refused on command";
/// How long clients wait for an answer: `cloud::aws` gives an attempt as long.
const UNANSWERED: Duration = Duration::from_secs(25);

impl fmt::Debug for Simulation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Simulation").field("climate", &self.climate).finish_non_exhaustive()
    }
}

impl World {
    /// What a state records, as it was left.
    pub fn recorded(state: &State) -> Self {
        let mut world = Self::default();
        for record in state.resources.values() {
            let (Some(kind), Some(id)) = (kinds::find(&record.kind), &record.id) else { continue };
            let key = Self::key(kind, &record.region, id);
            let outputs = Some(record.outputs.clone()).filter(|outputs| !outputs.is_empty());
            let mut object = Object::standing(record.spec.open());
            object.given = outputs;
            world.stand(key, object);
        }
        world
    }
}

impl Cloud for Simulation {
    fn lag_max(&self) -> Duration {
        self.climate.lag.div_f64(self.climate.speed)
    }

    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Wanted<'a>],
        _within: &'a Reading,
    ) -> Answer<'a, Vec<Option<Observed>>> {
        let (none, page) = (BTreeSet::new(), kind.read_max().max(1));
        Box::pin(async move {
            let star = self.star.get(kind.name()).unwrap_or(&none);
            let mut answers = Vec::with_capacity(wanted.len());
            for page in wanted.chunks(page) {
                let read = |world: &mut World| {
                    let ids = page.iter().filter_map(|wanted| match &wanted.lookup {
                        Lookup::Id(id) => Some(id.clone()),
                        Lookup::Owner { .. } => None,
                    });
                    let look = |wanted: &Wanted<'_>| world.read(kind, region, &wanted.lookup, star);
                    Ok((page.iter().map(look).collect::<Vec<_>>(), ids.collect()))
                };
                let mut attempts = 1;
                let answer = loop {
                    match self.call(Verb::Read, kind, None, read).await {
                        Err(fault) if attempts < READ_ATTEMPTS_MAX && is_repeated(&fault) => {
                            self.pause(READ_PAUSE * attempts).await;
                            attempts += 1;
                        }
                        answer => break answer?,
                    }
                };
                answers.extend(answer);
            }
            Ok(answers)
        })
    }

    fn create<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId> {
        Box::pin(self.call(Verb::Create, kind, None, move |world| {
            let id = world.create(kind, region, spec, token, &self.climate)?;
            Ok((id.clone(), vec![id]))
        }))
    }

    fn update<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(self.call(Verb::Update, kind, None, move |world| {
            world.update(kind, region, id, update, &self.climate)?;
            Ok(((), vec![id.clone()]))
        }))
    }

    fn delete<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        _recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()> {
        let blocked = self.lock().in_the_way.contains_key(kind.name());
        Box::pin(self.call(Verb::Delete, kind, Some(policy), move |world| {
            if blocked {
                return Err(Fault::new(Class::InUse, format!("{id} has dependencies")));
            }
            world.delete(kind, region, id, policy, &self.climate)?;
            Ok(((), vec![id.clone()]))
        }))
    }

    fn blockers<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        _region: &'a str,
        _id: &'a PhysicalId,
        _recorded: &'a Value,
    ) -> Answer<'a, Vec<Blocker>> {
        let mut inner = self.lock();
        let mut told = Vec::new();
        if let Some((blockers, times)) = inner.in_the_way.get_mut(kind.name()) {
            told.clone_from(blockers);
            *times = times.saturating_sub(1);
            if *times == 0 {
                inner.in_the_way.remove(kind.name());
            }
        }
        Box::pin(std::future::ready(Ok(told)))
    }
}

/// Whether a service refuses to touch an object that it is still making: those that take long to make do.
fn is_busy(kind: &dyn AnyKind) -> bool {
    kind.typical(&Value::Null).create >= Duration::from_mins(1)
}

/// The call that a verb of a kind comes down to, near enough to tell its bucket: names of kinds are close to those of
/// the APIs' actions.
pub fn call_of(verb: Verb, kind: &str) -> Call {
    let (service, noun) = service_and_noun(kind);
    let action = match verb {
        Verb::Read => format!("Describe{noun}s"),
        Verb::Create => format!("Create{noun}"),
        Verb::Update => format!("Modify{noun}"),
        Verb::Delete => format!("Delete{noun}"),
    };
    Call { service, action }
}

/// `AWS::EC2::VPCEndpoint`: `ec2`, `VpcEndpoint`.
fn service_and_noun(kind: &str) -> (String, String) {
    if let Some((_, _, kind)) = k8s_object::parts(kind) {
        return ("kubernetes".into(), kind.into());
    }
    let mut parts = kind.split("::").skip(1);
    let (service, noun) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let service = match service {
        "ElasticLoadBalancingV2" => "elasticloadbalancing".into(),
        "CertificateManager" => "acm".into(),
        other => other.to_lowercase(),
    };
    (service, noun.replace("VPC", "Vpc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_fall_into_the_buckets_of_the_real_ones() {
        let named = |verb, kind| call_of(verb, kind).to_string();
        assert_eq!(named(Verb::Create, "AWS::EC2::VPCEndpoint"), "ec2 CreateVpcEndpoint");
        assert_eq!(named(Verb::Read, "AWS::Route53::RecordSet"), "route53 DescribeRecordSets");
        assert_eq!(named(Verb::Create, "apps/v1/Deployment"), "kubernetes CreateDeployment");
    }
}
