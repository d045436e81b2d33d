//! A stack on the fake cloud: the stages run as the commands run them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use platctl::address::Address;
use platctl::apply::{self, Apply, Interrupts, Outcome, Pace, Progress, signal};
use platctl::graph::Graph;
use platctl::kind::{Cloud, reference};
use platctl::kinds;
use platctl::observe::{Observation, observe};
use platctl::plan::{Intent, Op, Origin, Plan, check, plan};
use platctl::state::{State, Store};
use serde_json::Value;

use super::cloud::{Call, Climate, Key, Simulation, Trouble, Verb, World, next, outputs, place};
use super::desired::{Desired, REGION};
use crate::support::changes;

/// The clock is a virtual one: waits cost nothing.
const SPEED: f64 = 1.0;

pub(crate) struct Stage {
    pub(crate) cloud: Arc<Simulation>,
    calls: Arc<Mutex<Vec<Call>>>,
    death: Arc<Death>,
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
}

/// The end of a process after a number of effects.
#[derive(Default)]
struct Death {
    effects: Mutex<Option<usize>>,
    notify: tokio::sync::Notify,
}

impl Death {
    fn sentence(&self, effects: Option<usize>) {
        *self.effects.lock().unwrap() = effects;
    }

    fn approaches(&self) {
        let mut effects = self.effects.lock().unwrap();
        *effects = effects.map(|left| left.saturating_sub(1));
        if *effects == Some(0) {
            self.notify.notify_waiters();
        }
    }

    async fn comes(&self) {
        self.notify.notified().await;
    }
}

/// What platctl and the cloud were left with when platctl died.
pub(crate) struct Wreck {
    pub(crate) name: String,
    pub(crate) checkpoint: Vec<u8>,
    pub(crate) journal: Vec<u8>,
    pub(crate) world: World,
}

/// What there is in the end, and what is recorded of it: equal however an apply came to its end.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    objects: BTreeMap<Key, Value>,
    state: State,
}

/// An apply from its begin to its end.
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// `> create network/vpc` when a step starts, `< create network/vpc` when it ends.
    pub(crate) trace: Vec<String>,
    /// The files as they were while it ran: what a crash would have left.
    pub(crate) checkpoint: Vec<u8>,
    pub(crate) journal: Vec<u8>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        Self::with(Climate::strict(), World::default())
    }

    pub(crate) fn with(climate: Climate, world: World) -> Self {
        Self::hosting(&[&Desired::default().graph()], climate, world)
    }

    /// A stage for the one stack of these graphs, with all that they refer to.
    pub(crate) fn hosting(graphs: &[&Graph], climate: Climate, world: World) -> Self {
        let folder = folder();
        let store = Store::new(folder.path(), &graphs[0].stack);
        let journal = store.folder().unwrap().join("journal.jsonl");
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (log, death) = (Arc::clone(&calls), Arc::new(Death::default()));
        let dying = Arc::clone(&death);
        let cloud = Simulation::new(climate, world);
        let cloud =
            graphs.iter().fold(cloud, |cloud, graph| cloud.host(graph)).watched(move |acted| {
                let journal_len = std::fs::metadata(&journal).map_or(0, |file| file.len());
                if acted.verb != Verb::Read {
                    dying.approaches();
                }
                log.lock().unwrap().push(Call::new(acted, journal_len));
            });
        Self { cloud: Arc::new(cloud), calls, death, store, _folder: folder }
    }

    /// A stage on which platctl died: these files and this world are what is left.
    pub(crate) fn wreck(graphs: &[&Graph], climate: Climate, wreck: &Wreck) -> Self {
        let Wreck { name: _, checkpoint, journal, world } = wreck;
        let stage = Self::hosting(graphs, climate, world.clone());
        std::fs::create_dir_all(stage.store.folder().unwrap()).unwrap();
        std::fs::write(stage.file("state.json"), checkpoint).unwrap();
        std::fs::write(stage.file("journal.jsonl"), journal).unwrap();
        stage
    }

    /// The calls on which the cloud has acted.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.calls.lock().unwrap().clear();
    }

    /// The next call of `verb` about `kind` runs into `trouble`.
    pub(crate) fn script(&self, verb: Verb, kind: &str, trouble: Trouble) {
        self.cloud.arm(next(verb, kind, trouble));
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.store.folder().unwrap().join(name)
    }

    /// A folder answers at once.
    pub(crate) fn state(&self) -> State {
        self.store.load().now_or_never().unwrap().unwrap()
    }

    pub(crate) async fn observe(&self, graph: &Graph) -> Observation {
        observe(&*self.cloud, graph, &self.state()).await.unwrap()
    }

    pub(crate) async fn plan(&self, desired: &Desired) -> Plan {
        self.plan_of(&desired.graph(), Intent::Apply).await
    }

    pub(crate) async fn plan_of(&self, graph: &Graph, intent: Intent) -> Plan {
        self.plan_with(graph, &self.observe(graph).await, intent)
    }

    pub(crate) fn plan_with(&self, graph: &Graph, seen: &Observation, intent: Intent) -> Plan {
        let origin = Origin { intent, region: REGION, blueprint: "test" };
        let plan = plan(graph, &self.state(), seen, origin);
        assert_eq!(check::check(&plan), [], "a defective plan: {:#?}", changes(&plan));
        plan
    }

    pub(crate) async fn run(&self, plan: &Plan) -> Run {
        let (_interrupter, interrupts) = signal::channel();
        self.run_with(plan, interrupts, |_| {}).await
    }

    /// Applies until the cloud has acted on so many effects, and dies. `None`: to the end.
    pub(crate) async fn run_until(&self, plan: &Plan, effects: Option<usize>) {
        let lock = self.store.lock("apply").await.unwrap();
        let mut state = self.state();
        let mut journal = self.store.begin(&lock, &mut state).await.unwrap();
        let (_interrupter, interrupts) = signal::channel();
        self.death.sentence(effects);
        let apply = apply::apply(Apply {
            cloud: Arc::clone(&self.cloud) as Arc<dyn Cloud>,
            plan,
            state: &mut state,
            journal: &mut journal,
            pace: Pace { speed: SPEED },
            progress: &|_| {},
            interrupts,
        });
        let ended = tokio::select! {
            biased;
            () = self.death.comes() => false,
            ended = apply => ended.is_ok(),
        };
        self.death.sentence(None);
        if ended {
            self.store.finish(&lock, &state, journal).await.unwrap();
        }
    }

    pub(crate) async fn run_with(
        &self,
        plan: &Plan,
        interrupts: Interrupts,
        tell: impl Fn(&Progress) + Send + Sync,
    ) -> Run {
        let lock = self.store.lock("apply").await.unwrap();
        let mut state = self.state();
        let mut journal = self.store.begin(&lock, &mut state).await.unwrap();
        let checkpoint = std::fs::read(self.file("state.json")).unwrap();
        let trace = Mutex::new(Vec::new());
        let progress = |progress: Progress| {
            tell(&progress);
            let line = |sign: &str, op: Op, address: &Address| {
                let op = serde_json::to_value(op).unwrap();
                format!("{sign} {} {address}", op.as_str().unwrap())
            };
            trace.lock().unwrap().extend(match &progress {
                Progress::Started { address, op, .. } => Some(line(">", *op, address)),
                Progress::Finished { address, op, .. } => Some(line("<", *op, address)),
                Progress::Retrying { .. }
                | Progress::Made { .. }
                | Progress::Failed { .. }
                | Progress::Skipped { .. }
                | Progress::Draining { .. } => None,
            });
        };
        let outcome = apply::apply(Apply {
            cloud: Arc::clone(&self.cloud) as Arc<dyn Cloud>,
            plan,
            state: &mut state,
            journal: &mut journal,
            pace: Pace { speed: SPEED },
            progress: &progress,
            interrupts,
        });
        let outcome = outcome.await.unwrap();
        let bytes = std::fs::read(self.file("journal.jsonl")).unwrap();
        assert_eq!(self.state(), state, "the journal tells all that happened");
        self.store.finish(&lock, &state, journal).await.unwrap();
        assert_eq!(self.state(), state, "the checkpoint tells all that happened");
        Run { outcome, trace: trace.into_inner().unwrap(), checkpoint, journal: bytes }
    }

    /// Applies, which must succeed, and plans again, which must find nothing to do.
    pub(crate) async fn apply(&self, desired: &Desired) -> (Plan, Run) {
        self.apply_graph(&desired.graph()).await
    }

    pub(crate) async fn apply_graph(&self, graph: &Graph) -> (Plan, Run) {
        let plan = self.plan_of(graph, Intent::Apply).await;
        assert_eq!(plan.conflicts, []);
        let run = self.run(&plan).await;
        assert!(run.outcome.is_success(), "{:#?}\n{:#?}", run.outcome, changes(&plan));
        self.assert_settled_at(graph).await;
        (plan, run)
    }

    /// Nothing to do, nothing orphaned, nothing twice.
    pub(crate) async fn assert_settled(&self, desired: &Desired) {
        self.assert_settled_at(&desired.graph()).await;
    }

    pub(crate) async fn assert_settled_at(&self, graph: &Graph) {
        // Until reads cannot miss any of it.
        tokio::time::sleep(self.cloud.lag_max()).await;
        let again = self.plan_of(graph, Intent::Apply).await;
        assert_eq!(changes(&again), [""; 0], "the second plan must be empty");
        assert!(again.is_empty());
        assert!(self.state().is_settled(), "{:#?}", self.state());
        self.assert_all_recorded();
    }

    pub(crate) fn assert_all_recorded(&self) {
        let recorded: Vec<Key> = self.recorded().into_keys().collect();
        let live: Vec<Key> = self.cloud.world().objects.keys().cloned().collect();
        assert_eq!(recorded, live, "what is recorded, and what is live");
    }

    /// Destroys everything, which must leave nothing.
    pub(crate) async fn destroy(&self) -> Run {
        let plan = self.plan_of(&Desired::default().graph(), Intent::Destroy).await;
        let run = self.run(&plan).await;
        assert!(run.outcome.is_success(), "{:#?}", run.outcome);
        assert!(self.state().resources.is_empty());
        let left: Vec<Key> = self.cloud.world().objects.keys().cloned().collect();
        assert!(left.is_empty(), "left after the destruction: {left:?}");
        run
    }

    /// What there is now.
    pub(crate) fn ending(&self) -> Ending {
        let world = self.cloud.world();
        let objects = world.objects.iter().map(|(key, it)| (key.clone(), it.spec.clone()));
        // How often it was tried does not matter.
        Ending { objects: objects.collect(), state: State { serial: 0, ..self.state() } }
    }

    /// The world without its ids: each object by its address, what it refers to by address too. Equal for stacks that
    /// are equal but for the ids that the cloud chose.
    pub(crate) fn portrait(&self) -> BTreeMap<Address, Value> {
        let recorded = self.recorded();
        let mut names = BTreeMap::new();
        for (key, address) in &recorded {
            for (output, value) in outputs(kinds::find(key.0).unwrap(), &key.2) {
                names.insert(value, reference::Ref::new(address, &output).to_value());
            }
        }
        let world = self.cloud.world();
        let portrait = world.objects.iter().map(|(key, object)| {
            let address = recorded.get(key).unwrap_or_else(|| panic!("{key:?} is an orphan"));
            (address.clone(), renamed(&object.spec, &names))
        });
        portrait.collect()
    }

    fn recorded(&self) -> BTreeMap<Key, Address> {
        let key = |(address, record): (Address, platctl::state::Record)| {
            let kind = kinds::find(&record.kind).unwrap();
            Some(((kind.name(), place(kind, &record.region), record.id?), address))
        };
        self.state().resources.into_iter().filter_map(key).collect()
    }
}

/// In memory where the system offers that: a disk takes milliseconds to make a line durable, and these tests write
/// thousands.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Run {
    /// Asserts that these lines of the trace come in this order.
    pub(crate) fn assert_order(&self, lines: &[&str]) {
        let place = |line: &&str| {
            let at = self.trace.iter().position(|traced| traced == line);
            at.unwrap_or_else(|| panic!("`{line}` is not in {:#?}", self.trace))
        };
        let places: Vec<usize> = lines.iter().map(place).collect();
        assert!(places.is_sorted(), "{lines:#?} is not the order in {:#?}", self.trace);
    }
}

fn renamed(value: &Value, names: &BTreeMap<String, Value>) -> Value {
    match value {
        Value::String(text) => names.get(text).unwrap_or(value).clone(),
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(|item| renamed(item, names)).collect();
            // Sets are sent in the order of their ids.
            items.sort_by_cached_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), renamed(value, names)));
            members.collect::<serde_json::Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
