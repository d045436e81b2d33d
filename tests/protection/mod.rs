//! Edits of a blueprint that would cost data, case by case in `cases.yaml`: what each of them makes of the stack that
//! stands in `base.yaml`, and whether a person has to agree to it by name. Nothing is lost that nobody has named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use platctl::address::{Address, PhysicalId};
use platctl::blueprint::{Selection, load_bytes};
use platctl::chart::Rendered;
use platctl::fault::Fault;
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};
use platctl::kind::{
    Answer, AnyKind, Cloud, DeletionPolicy, Lookup, Loss, Observed, Readiness, Tagging, Token,
    Update, Wanted,
};
use platctl::kinds;
use platctl::observe::{Observation, observe};
use platctl::plan::{Intent, Origin, Plan, check, plan};
use platctl::state::State;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::engine::sides;
use crate::support::changes;

const ENVIRONMENT: &str = "test";
/// So many ways to lose something are known.
const CASES_MIN: usize = 60;

/// One edit, or what came of the world or the state since.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    edit: String,
    /// Keys of the blueprint that get another name, by their paths: `databases.orders: databases.purchases`.
    #[serde(default)]
    rename: BTreeMap<String, String>,
    /// Values of keys, by their paths.
    #[serde(default)]
    set: BTreeMap<String, Value>,
    /// Merged into the blueprint; `null` takes away.
    #[serde(default)]
    patch: Map<String, Value>,
    /// Plans this environment; its state is that of its own stack, which has none.
    environment: Option<String>,
    /// The command.
    #[serde(default = "to_apply")]
    intent: Intent,
    /// What of the recorded side is not known any more; `all` of it.
    #[serde(default)]
    forgotten: BTreeSet<String>,
    /// How what is live is, where it is not as it was left.
    #[serde(default)]
    readiness: BTreeMap<Address, Readiness>,
    /// Properties of live objects that somebody changed.
    #[serde(default)]
    drift: BTreeMap<Address, Map<String, Value>>,
    #[serde(default)]
    gone: BTreeSet<Address>,
    /// Exactly these need consent: addresses, `X/*` for all that has data in a component, `*` for all, `*home` for all
    /// that is in the blueprint's own region, `!X` for all but this one.
    #[serde(default)]
    loses: Vec<String>,
    /// Nothing is lost, because of this.
    safe: Option<String>,
    /// The blueprint is refused: a message holds these words.
    invalid: Option<String>,
    /// Names that belong to others: such a plan is refused as a whole.
    #[serde(default)]
    conflicts: BTreeSet<Address>,
}

fn to_apply() -> Intent {
    Intent::Apply
}

#[test]
fn nothing_is_lost_that_nobody_has_named() {
    let cases: Vec<Case> = {
        // By way of JSON: YAML writes enums as tags.
        let value: Value = serde_yaml::from_str(&file("cases.yaml")).unwrap();
        serde_json::from_value(value).unwrap()
    };
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let edits: BTreeSet<&str> = cases.iter().map(|case| case.edit.as_str()).collect();
    assert_eq!(edits.len(), cases.len(), "each edit has a name of its own");
    let base = Side::of(&document(), ENVIRONMENT).unwrap();
    let wrong: Vec<String> = cases.iter().filter_map(|case| case.wrong(&base)).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} cases:\n\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n\n")
    );
}

/// Whatever has data is in the corpus: another kind that loses some needs its cases here.
#[test]
fn every_kind_that_loses_data_is_in_the_base() {
    let base = Side::of(&document(), ENVIRONMENT).unwrap();
    let there: BTreeSet<&str> = base.graph.nodes.values().map(|node| node.kind.as_str()).collect();
    let losing = kinds::KINDS.iter().filter(|kind| kind.loss() == Loss::Data);
    let missing: Vec<&str> =
        losing.map(|kind| kind.name()).filter(|name| !there.contains(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_base_has_nothing_to_do() {
    let base = Side::of(&document(), ENVIRONMENT).unwrap();
    let plan = base.plan(&base.graph, &base.state, Intent::Apply);
    assert_eq!(changes(&plan), [""; 0]);
}

fn document() -> Value {
    serde_yaml::from_str(&file("base.yaml")).unwrap()
}

/// A file that stands beside this one.
fn file(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/protection");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// A stack as it was applied.
struct Side {
    graph: Graph,
    state: State,
    live: Still,
}

impl Side {
    fn of(document: &Value, environment: &str) -> Result<Self, String> {
        let graph = graph(document, environment)?;
        // What has no name of its own gets an id of its own.
        let id = |address: &Address| {
            let node = &graph.nodes[address];
            let kind = kinds::find(&node.kind).unwrap();
            let nameless = kind.tagging() != Tagging::None && kind.natural_id(&node.spec).is_none();
            nameless.then(|| PhysicalId::new(address.as_str().replace('/', "-")))
        };
        let state = sides::recorded(&graph, &id);
        let live = state.resources.iter().map(|(address, record)| {
            let place = (record.kind.clone(), record.region.clone());
            (place, address.clone(), sides::observed_of(record))
        });
        let live = Still(live.collect());
        Ok(Self { graph, state, live })
    }

    fn plan(&self, graph: &Graph, state: &State, intent: Intent) -> Plan {
        let observation = self.live.observation(graph, state);
        let origin = Origin { intent, region: "eu-west-1", blueprint: "test" };
        plan(graph, state, &observation, origin)
    }
}

fn graph(document: &Value, environment: &str) -> Result<Graph, String> {
    let text = serde_yaml::to_string(document).unwrap();
    let selection = Selection { environment: Some(environment), sets: &[] };
    let loaded = load_bytes("platctl.yaml", text.as_bytes(), selection);
    let Some(blueprint) = loaded.blueprint else {
        let messages = loaded.diagnostics.iter().map(|it| it.summary.as_str());
        return Err(messages.collect::<Vec<_>>().join("\n"));
    };
    let account = Account { id: "123456789012".into(), partition: "aws".into() };
    compile(&blueprint, &account, &Rendered::default()).map_err(|problems| {
        problems.iter().map(|it| it.summary.as_str()).collect::<Vec<_>>().join("\n")
    })
}

impl Case {
    /// What is not as the case says, with the plan.
    fn wrong(&self, base: &Side) -> Option<String> {
        let mut document = document();
        for (from, to) in &self.rename {
            let moved = take(&mut document, from);
            put(&mut document, to, moved);
        }
        for (path, value) in &self.set {
            put(&mut document, path, value.clone());
        }
        merge(&mut document, &Value::Object(self.patch.clone()));
        let environment = self.environment.as_deref().unwrap_or(ENVIRONMENT);
        let graph = match graph(&document, environment) {
            Ok(graph) => graph,
            Err(messages) => {
                let expected = self.invalid.as_ref().is_some_and(|it| messages.contains(it));
                return (!expected)
                    .then(|| format!("{}: the blueprint is invalid: {messages}", self.edit));
            }
        };
        let graph = match self.intent {
            Intent::Apply => graph,
            Intent::Destroy => {
                Graph { nodes: [].into(), existing: [].into(), moved: [].into(), ..graph }
            }
        };
        let mut state = base.state.clone();
        if graph.stack != state.stack {
            // A state is found by the name of its stack.
            state = State::new(graph.stack.clone(), "another".into());
        }
        state.resources.retain(|address, _| {
            !self.forgotten.contains("all") && !self.forgotten.contains(address.as_str())
        });
        let live = self.live(base);
        let plan = live.plan(&graph, &state, self.intent);
        let losses: BTreeSet<Address> = plan.losses().cloned().collect();
        let conflicts: BTreeSet<Address> =
            plan.conflicts.iter().map(|it| it.address.clone()).collect();
        let told = self.safe.is_some() == self.loses.is_empty() || !self.conflicts.is_empty();
        let loses = self.loses(base);
        let right = losses == loses
            && conflicts == self.conflicts
            && check::check(&plan).is_empty()
            && self.invalid.is_none()
            && told
            && unnamed(&plan, &losses).is_empty();
        (!right).then(|| {
            let shown = changes(&plan).join("\n  ");
            format!(
                "{}\n loses {losses:?}\n not {:?}\n conflicts {conflicts:?}\n unnamed {:?}\n  {shown}",
                self.edit,
                loses,
                unnamed(&plan, &losses)
            )
        })
    }

    fn loses(&self, base: &Side) -> BTreeSet<Address> {
        let with_data = base
            .graph
            .nodes
            .iter()
            .filter(|(_, node)| kinds::find(&node.kind).unwrap().loss() == Loss::Data);
        let with_data: Vec<_> = with_data.collect();
        let mut loses = BTreeSet::new();
        for text in &self.loses {
            let fits = |address: &Address, region: &str| match text.as_str() {
                "*" => true,
                "*home" => region == "eu-west-1",
                of => {
                    of.strip_suffix("/*").is_some_and(|component| address.component() == component)
                }
            };
            let fitting = with_data.iter().filter(|(address, node)| fits(address, &node.region));
            let fitting: Vec<Address> = fitting.map(|(address, _)| (*address).clone()).collect();
            match text.strip_prefix('!') {
                Some(but) => drop(loses.remove(&but.parse::<Address>().unwrap())),
                None if text.contains('*') => loses.extend(fitting),
                None => drop(loses.insert(text.parse().unwrap())),
            }
        }
        loses
    }

    fn live(&self, base: &Side) -> Side {
        let mut live = base.live.0.clone();
        live.retain(|(_, address, _)| !self.gone.contains(address));
        for (_, address, seen) in &mut live {
            if let Some(readiness) = self.readiness.get(address) {
                seen.readiness = readiness.clone();
            }
            if let Some(drift) = self.drift.get(address) {
                seen.spec.as_object_mut().unwrap().extend(drift.clone());
            }
        }
        let (graph, state) = (base.graph.clone(), base.state.clone());
        Side { graph, state, live: Still(live) }
    }
}

/// Objects with data that the plan takes away and that no loss names: there must be none, whatever the words for it are.
fn unnamed(plan: &Plan, losses: &BTreeSet<Address>) -> Vec<Address> {
    let taken = plan.steps.iter().filter(|step| step.op == platctl::plan::Op::Delete);
    let taken = taken.map(|step| &step.address).filter(|address| {
        let kind = kinds::find(&plan.changes[*address].kind).unwrap();
        kind.loss() == Loss::Data
    });
    let named = |address: &&Address| {
        let of_new_half = |(at, change): (&Address, &platctl::plan::Change)| {
            change.deposed.as_ref() == Some(*address) && losses.contains(at)
        };
        losses.contains(*address) || plan.changes.iter().any(of_new_half)
    };
    taken.filter(|address| !named(address)).cloned().collect()
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let members = into.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            assert!(members.remove(name).is_some(), "there is no {name} to take away");
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}

fn take(document: &mut Value, path: &str) -> Value {
    let (outer, name) = path.rsplit_once('.').unwrap();
    let members = at(document, outer).as_object_mut().unwrap();
    members.remove(name).unwrap_or_else(|| panic!("there is no {path}"))
}

fn put(document: &mut Value, path: &str, value: Value) {
    let (outer, name) = path.rsplit_once('.').unwrap();
    at(document, outer).as_object_mut().unwrap().insert(name.into(), value);
}

fn at<'a>(document: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').fold(document, |value, name| {
        value.as_object_mut().unwrap().entry(name).or_insert_with(|| Map::new().into())
    })
}

type Here = ((String, String), Address, Observed);

/// A world that only stands there.
struct Still(Vec<Here>);

impl Still {
    fn observation(&self, graph: &Graph, state: &State) -> Observation {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(observe(self, graph, state)).unwrap()
    }

    fn find(&self, kind: &dyn AnyKind, region: &str, lookup: &Lookup) -> Option<Observed> {
        let scope = kind.scope();
        let here = |((of, at), _, _): &&Here| {
            of == kind.name() && scope.of_object(at) == scope.of_object(region)
        };
        let answers = |seen: &Observed| match lookup {
            Lookup::Id(id) => seen.id == *id,
            Lookup::Owner { owner, except, .. } => {
                seen.owner.as_ref() == Some(owner) && !except.contains(&seen.id)
            }
        };
        let mut found = self.0.iter().filter(here).map(|(_, _, seen)| seen);
        found.find(|seen| answers(seen)).cloned()
    }
}

impl Cloud for Still {
    fn lag_max(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Wanted<'a>],
        _: &'a platctl::cloud::Reading,
    ) -> Answer<'a, Vec<Option<Observed>>> {
        let answers = wanted.iter().map(|wanted| self.find(kind, region, &wanted.lookup));
        let answers = answers.collect();
        Box::pin(std::future::ready(Ok(answers)))
    }

    fn create<'a>(
        &'a self,
        _: &'static dyn AnyKind,
        _: &'a str,
        _: &'a Value,
        _: &'a Token,
    ) -> Answer<'a, PhysicalId> {
        Box::pin(std::future::ready(Err(Fault::bug("a plan changes nothing"))))
    }

    fn update<'a>(
        &'a self,
        _: &'static dyn AnyKind,
        _: &'a str,
        _: &'a PhysicalId,
        _: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Err(Fault::bug("a plan changes nothing"))))
    }

    fn delete<'a>(
        &'a self,
        _: &'static dyn AnyKind,
        _: &'a str,
        _: &'a PhysicalId,
        _: &'a Value,
        _: DeletionPolicy,
    ) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Err(Fault::bug("a plan changes nothing"))))
    }
}
