//! A stack on the fake cloud: the stages run as the commands run them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use platctl::address::Address;
use platctl::apply::{self, Apply, Interrupts, Outcome, Pace, Progress, signal};
use platctl::graph::Graph;
use platctl::kind::{Cloud, reference};
use platctl::kinds;
use platctl::observe::{Observation, observe};
use platctl::plan::{Intent, Op, Origin, Plan, check, plan};
use platctl::state::{State, Store};
use serde_json::Value;

use super::cloud::{FakeCloud, Key, Nature, World, outputs, place};
use super::desired::{Desired, REGION, stack};
use crate::support::changes;

/// Every wait is as short as it gets.
const SPEED: f64 = 1e6;

pub(crate) struct Stage {
    pub(crate) cloud: Arc<FakeCloud>,
    pub(crate) store: Store,
    _folder: tempfile::TempDir,
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
        Self::with(Nature::default(), World::default())
    }

    pub(crate) fn with(nature: Nature, world: World) -> Self {
        let folder = folder();
        let store = Store::new(folder.path(), &stack());
        let journal = store.folder().join("journal.jsonl");
        Self { cloud: Arc::new(FakeCloud::new(nature, journal, world)), store, _folder: folder }
    }

    /// A stage on which platctl died: these files and this world are what is left.
    pub(crate) fn wreck(nature: Nature, world: World, checkpoint: &[u8], journal: &[u8]) -> Self {
        let stage = Self::with(nature, world);
        std::fs::create_dir_all(stage.store.folder()).unwrap();
        std::fs::write(stage.file("state.json"), checkpoint).unwrap();
        std::fs::write(stage.file("journal.jsonl"), journal).unwrap();
        stage
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.store.folder().join(name)
    }

    pub(crate) fn state(&self) -> State {
        self.store.load().unwrap()
    }

    pub(crate) async fn observe(&self, graph: &Graph) -> Observation {
        observe(&*self.cloud, graph, &self.state()).await.unwrap()
    }

    pub(crate) async fn plan(&self, desired: &Desired) -> Plan {
        self.plan_to(desired, Intent::Apply).await
    }

    pub(crate) async fn plan_to(&self, desired: &Desired, intent: Intent) -> Plan {
        let graph = desired.graph();
        let origin = Origin { intent, region: REGION, blueprint: "test" };
        let plan = plan(&graph, &self.state(), &self.observe(&graph).await, origin);
        assert_eq!(check::check(&plan), [], "a defective plan: {:#?}", changes(&plan));
        plan
    }

    pub(crate) async fn run(&self, plan: &Plan) -> Run {
        let (_interrupter, interrupts) = signal::channel();
        self.run_with(plan, interrupts, |_| {}).await
    }

    pub(crate) async fn run_with(
        &self,
        plan: &Plan,
        interrupts: Interrupts,
        tell: impl Fn(&Progress) + Send + Sync,
    ) -> Run {
        let _lock = self.store.lock().unwrap();
        let mut state = self.state();
        let mut journal = self.store.begin(&mut state).unwrap();
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
        self.store.finish(&state, journal).unwrap();
        assert_eq!(self.state(), state, "the checkpoint tells all that happened");
        Run { outcome, trace: trace.into_inner().unwrap(), checkpoint, journal: bytes }
    }

    /// Applies, which must succeed, and plans again, which must find nothing to do.
    pub(crate) async fn apply(&self, desired: &Desired) -> (Plan, Run) {
        let plan = self.plan(desired).await;
        assert_eq!(plan.conflicts, []);
        let run = self.run(&plan).await;
        assert!(run.outcome.is_success(), "{:#?}\n{:#?}", run.outcome, changes(&plan));
        self.assert_settled(desired).await;
        (plan, run)
    }

    /// Nothing to do, nothing orphaned, nothing twice.
    pub(crate) async fn assert_settled(&self, desired: &Desired) {
        let again = self.plan(desired).await;
        assert_eq!(changes(&again), [""; 0], "the second plan must be empty");
        assert!(again.is_empty());
        assert!(self.state().is_settled(), "{:#?}", self.state());
        self.assert_all_recorded();
    }

    pub(crate) fn assert_all_recorded(&self) {
        let recorded: Vec<Key> = self.recorded().into_keys().collect();
        let live: Vec<Key> = self.cloud.world().objects.into_keys().collect();
        assert_eq!(recorded, live, "what is recorded, and what is live");
    }

    /// Destroys everything, which must leave nothing.
    pub(crate) async fn destroy(&self) -> Run {
        let plan = self.plan_to(&Desired::default(), Intent::Destroy).await;
        let run = self.run(&plan).await;
        assert!(run.outcome.is_success(), "{:#?}", run.outcome);
        assert!(self.state().resources.is_empty());
        let left: Vec<Key> = self.cloud.world().objects.into_keys().collect();
        assert!(left.is_empty(), "left after the destruction: {left:?}");
        run
    }

    /// The world without its ids: each object by its address, what it refers to by address too. Equal for stacks that
    /// are equal but for the ids that the cloud chose.
    pub(crate) fn portrait(&self) -> BTreeMap<Address, Value> {
        let recorded = self.recorded();
        let mut names = BTreeMap::new();
        for (key, address) in &recorded {
            for (output, value) in outputs(kinds::find(key.0).unwrap(), &key.2, true) {
                names.insert(value, reference::Ref::new(address, &output).to_value());
            }
        }
        let world = self.cloud.world().objects;
        let portrait = world.iter().map(|(key, object)| {
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
