//! Plans, case by case: each folder of `tests/cases` gives the three sides in `given.yaml`; the plan stands beside it,
//! as data (`plan.snap`) and as people see it (`text.snap`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anstream::adapter::strip_str;
use platctl::address::{Address, Owner, PhysicalId};
use platctl::kind::{DeletionPolicy, Readiness};
use platctl::observe::Observation;
use platctl::plan::{Intent, Origin, Plan, check, plan};
use platctl::report::{View, human};
use platctl::state::{State, Status};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::desired::{Desired, REGION, Resource};
use super::sides;

/// The three sides, each written as its difference from the one before it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default = "to_apply")]
    intent: Intent,
    #[serde(default)]
    desired: Desired,
    /// Differences from the desired side; `null`: not recorded.
    #[serde(default)]
    recorded: BTreeMap<Address, Option<Recorded>>,
    /// Differences from the recorded side; `null`: not there.
    #[serde(default)]
    observed: BTreeMap<Address, Option<Seen>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    kind: Option<String>,
    #[serde(default)]
    spec: Map<String, Value>,
    #[serde(default)]
    after: Vec<Address>,
    id: Option<PhysicalId>,
    region: Option<String>,
    #[serde(default)]
    deletion: DeletionPolicy,
    status: Option<Status>,
    /// What an open update wants to change.
    intended: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen {
    #[serde(default)]
    spec: Map<String, Value>,
    readiness: Option<Readiness>,
    #[serde(default)]
    owner: Whose,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whose {
    /// As its tags say.
    #[default]
    Tagged,
    Nobody,
    Other(Owner),
}

fn to_apply() -> Intent {
    Intent::Apply
}

impl Given {
    fn load(folder: &Path) -> Self {
        let text = std::fs::read_to_string(folder.join("given.yaml")).unwrap();
        assert!(text.starts_with("# "), "{} does not say what it shows", folder.display());
        // By way of JSON: YAML writes enums as tags (`!failed`).
        let value: Value = serde_yaml::from_str(&text).unwrap();
        serde_json::from_value(value)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    }

    fn plan(&self) -> Plan {
        let (state, observation) = self.sides();
        let origin = Origin { intent: self.intent, region: REGION, blueprint: "hash" };
        plan(&self.desired.graph(), &state, &observation, origin)
    }

    fn sides(&self) -> (State, Observation) {
        // Everything that is there in some way stands in the made-up state first; then what is not recorded goes.
        let mut there = self.desired.clone();
        for (address, recorded) in &self.recorded {
            let Some(recorded) = recorded else { continue };
            let resource = there.0.entry(address.clone()).or_insert_with(|| Resource {
                kind: String::new(),
                spec: Map::new(),
                after: Vec::new(),
                deletion: DeletionPolicy::Delete,
                region: None,
            });
            if let Some(kind) = &recorded.kind {
                (resource.kind, resource.spec) = (kind.clone(), Map::new());
            }
            resource.spec.extend(recorded.spec.clone());
            resource.after.extend(recorded.after.clone());
            resource.deletion = recorded.deletion;
            resource.region = recorded.region.clone().or(resource.region.take());
        }
        let id = |address: &Address| self.recorded.get(address)?.as_ref()?.id.clone();
        let mut state = sides::recorded(&there.graph(), &id);
        let mut observation = sides::observed(&state);
        for (address, recorded) in &self.recorded {
            let Some(recorded) = recorded else {
                state.resources.remove(address);
                if !self.observed.contains_key(address) {
                    observation.remove(address);
                }
                continue;
            };
            let record = state.resources.get_mut(address).unwrap();
            record.status = recorded.status.clone().unwrap_or(Status::Stable);
            if matches!(record.status, Status::Creating(_)) {
                record.id = None;
            }
            let intended = |patch: &Map<String, Value>| patched(&record.spec.open(), patch).into();
            record.intended = recorded.intended.as_ref().map(intended);
        }
        for (address, seen) in &self.observed {
            let Some(seen) = seen else {
                observation.remove(address);
                continue;
            };
            let mut observed = observation.get(address).unwrap();
            observed.spec = patched(&observed.spec, &seen.spec);
            observed.readiness = seen.readiness.clone().unwrap_or(Readiness::Ready);
            match &seen.owner {
                Whose::Tagged => {}
                Whose::Nobody => observed.owner = None,
                Whose::Other(owner) => observed.owner = Some(owner.clone()),
            }
            observation.insert(address.clone(), observed);
        }
        (state, observation)
    }
}

/// With the members of `patch`; `null` takes one away.
fn patched(spec: &Value, patch: &Map<String, Value>) -> Value {
    let mut patched = spec.clone();
    for (name, value) in patch {
        patched[name] = value.clone();
    }
    patched.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    patched
}

/// What matters of a plan.
fn told(plan: &Plan) -> Value {
    let changes = plan.changes.iter().map(|(address, change)| {
        let mut told = serde_json::to_value(&change.reason).unwrap();
        told["action"] = json!(change.action);
        let optional = [("id", json!(change.id)), ("deposed", json!(change.deposed))];
        for (name, value) in optional.into_iter().filter(|(_, value)| !value.is_null()) {
            told[name] = value;
        }
        if !change.fields.is_empty() {
            told["fields"] = json!(change.fields);
        }
        (address.as_str().to_owned(), told)
    });
    let steps = plan.steps.iter().enumerate().map(|(id, step)| {
        let op = serde_json::to_value(step.op).unwrap();
        let after: Vec<String> = step.after.iter().map(|before| format!(" ←{before}")).collect();
        let (address, seconds, after) = (&step.address, step.seconds, after.concat());
        format!("{id} {} {address} {seconds}s{after}", op.as_str().unwrap())
    });
    json!({
        "changes": changes.collect::<Map<_, _>>(),
        "summary": plan.summary(),
        "conflicts": plan.conflicts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "losses": plan.losses().collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
        "estimate": plan.estimate,
    })
}

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.collect();
    folders.sort();
    folders
}

#[test]
fn every_case_gives_its_plan() {
    for folder in folders() {
        let plan = Given::load(&folder).plan();
        assert_eq!(check::check(&plan), [], "{}", folder.display());
        insta::with_settings!({
            snapshot_path => &folder,
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_json_snapshot!("plan", told(&plan));
            let text = human::plan(&plan, View::default()).to_string();
            insta::assert_snapshot!("text", strip_str(&text));
        });
    }
}

#[test]
fn the_cases_show_every_action_reason_and_cause() {
    let plans: Vec<Plan> = folders().iter().map(|folder| Given::load(folder).plan()).collect();
    let changes = || plans.iter().flat_map(|plan| plan.changes.values());
    let tag = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let actions: BTreeSet<String> = changes().map(|it| tag(json!(it.action))).collect();
    let reasons: BTreeSet<String> =
        changes().map(|it| tag(json!(it.reason)["reason"].clone())).collect();
    let causes: BTreeSet<String> =
        changes().flat_map(|it| &it.fields).map(|it| tag(json!(it.cause))).collect();
    let source = include_str!("../../src/plan/change.rs");
    assert_eq!(actions, variants(source, "Action"));
    assert_eq!(reasons, variants(source, "Reason"));
    assert_eq!(causes, variants(source, "Cause"));
}

/// The variants of `pub enum name` in `source`, in kebab case.
fn variants(source: &str, name: &str) -> BTreeSet<String> {
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap();
    let body = body.split("\n}").next().unwrap();
    let names = body.lines().filter_map(|line| {
        let line = line.strip_prefix("    ")?;
        line.starts_with(char::is_uppercase).then(|| line.split([',', ' ']).next())?
    });
    let kebab = |name: &str| {
        let dashed = name.chars().flat_map(|letter| {
            let dash = letter.is_uppercase().then_some('-');
            dash.into_iter().chain(letter.to_lowercase())
        });
        dashed.collect::<String>().trim_start_matches('-').to_owned()
    };
    names.map(kebab).collect()
}
