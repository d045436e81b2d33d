//! Rebuilds a state that was lost, from what the blueprint wants and what is live.
//!
//! What is ours is found as a plan finds it: by the id that its spec determines, else by its owner tags. An id that
//! depends on outputs of others is known once those are found, so the search goes in rounds. What carries our tags and
//! is not in the blueprint is told by the index of tags, and of objects of Kubernetes by lists of what has the stack's
//! label.
//!
//! It is recorded what an apply of this blueprint would have recorded. Where what is live differs, the next plan says
//! so, as drift: nobody knows any more which side moved. What the service never gives back (write-only properties) is
//! taken to be as the blueprint says; it is told which properties that concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::address::{Address, Owner, PhysicalId};
use crate::cloud::owned::Owned;
use crate::graph::compile::objects;
use crate::graph::{Graph, Needs, Node, order};
use crate::kind::{
    AnyKind, Cloud, Compare, Compared, DeletionPolicy, Lookup, Need, Observed, Outputs, Readiness,
    Ref, Tagging, Wanted, reference,
};
use crate::kinds::k8s_owned::OwnedObject;
use crate::kinds::{self, k8s_object};
use crate::observe::{Ask, ObserveError, look_up};
use crate::plan::{Conflict, old_half, resolved};
use crate::state::{Record, State, Status};

/// What was found.
#[derive(Debug)]
pub struct Recovered {
    pub state: State,
    /// What the blueprint wants and is not there: the next plan creates it.
    pub missing: BTreeSet<Address>,
    /// Names of the blueprint that others have.
    pub conflicts: Vec<Conflict>,
    /// What is ours and not in the blueprint.
    pub strays: Vec<Stray>,
    /// Properties that the service never gives back, and that are recorded as the blueprint says.
    pub unseen: BTreeMap<Address, Vec<String>>,
}

/// An object that carries our owner marks and is not what the blueprint wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stray {
    pub thing: Thing,
    /// As its tag or its annotation says.
    pub address: Address,
    /// Where it is recorded, so that the next plan deletes it; `None` if its ARN does not tell enough.
    pub recorded: Option<Address>,
}

/// By what something was found that carries our owner marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// Its ARN, which the index of tags tells.
    Arn(String),
    /// An object of Kubernetes, which a list told.
    Object { kind: String, id: PhysicalId },
}

/// Finds what `graph` wants; `empty` gives stack, lineage and serial. `owned` is what the index of tags knows of the
/// stack, and `home` the region of what is one for the world.
pub async fn recover(
    cloud: &dyn Cloud,
    graph: &Graph,
    empty: State,
    owned: &BTreeSet<Owned>,
    home: &str,
) -> Result<Recovered, ObserveError> {
    let mut search = Search {
        graph,
        pending: graph.nodes.keys().collect(),
        outputs: existing(cloud, graph).await?,
        seen: Vec::new(),
        found: Recovered {
            state: State { resources: BTreeMap::new(), ..empty },
            missing: BTreeSet::new(),
            conflicts: Vec::new(),
            strays: Vec::new(),
            unseen: BTreeMap::new(),
        },
    };
    while search.round(cloud).await? {}
    search.found.missing.extend(search.pending.iter().map(|address| (*address).clone()));
    search.record();
    let mut found = search.found;
    strays(cloud, &mut found, owned.iter().map(|it| Marked::tagged(it, home))).await?;
    Ok(found)
}

/// The clusters that hold objects of the stack, or may hold some: region and name. Those that the graph names, and those
/// that were found.
pub fn clusters(graph: &Graph, found: &Recovered) -> BTreeSet<(String, String)> {
    let named = graph.nodes.values().filter_map(|node| {
        let name = node.spec.get("cluster").filter(|_| k8s_object::is_object(&node.kind))?;
        Some((node.region.clone(), name.as_str()?.to_owned()))
    });
    let recorded = found.state.resources.values().filter_map(|record| {
        let name = k8s_object::cluster_of(&record.kind, record.id.as_ref()?)?;
        Some((record.region.clone(), name.to_owned()))
    });
    let mut contexts = BTreeSet::new();
    let all: BTreeSet<(String, String)> = named.chain(recorded).collect();
    // A context of a kubeconfig file is the same cluster in every region.
    let is_new = |(_, name): &(String, String)| {
        !k8s_object::is_context(name) || contexts.insert(name.clone())
    };
    all.into_iter().filter(is_new).collect()
}

/// Records the objects of Kubernetes that carry the label of the stack and were not found yet.
pub async fn recover_objects(
    cloud: &dyn Cloud,
    found: &mut Recovered,
    objects: &BTreeSet<OwnedObject>,
) -> Result<(), ObserveError> {
    strays(cloud, found, objects.iter().map(Marked::labelled)).await
}

/// The outputs of what others own.
async fn existing(
    cloud: &dyn Cloud,
    graph: &Graph,
) -> Result<BTreeMap<Address, Outputs>, ObserveError> {
    let asks = graph.existing.iter().map(|(address, existing)| Ask {
        address,
        kind: &existing.kind,
        region: &existing.region,
        wanted: Wanted::uncompared(Lookup::Id(existing.id.clone())),
    });
    let seen = look_up(cloud, asks.collect()).await?;
    let outputs = |address: &Address| Some((address.clone(), seen.outputs(address)?.clone()));
    Ok(seen.addresses().filter_map(outputs).collect())
}

struct Search<'a> {
    graph: &'a Graph,
    /// Not decided yet.
    pending: BTreeSet<&'a Address>,
    /// Of what was found.
    outputs: BTreeMap<Address, Outputs>,
    /// What is ours: where it stands in the graph, and where it is recorded.
    seen: Vec<(&'a Address, &'a Address, Observed)>,
    found: Recovered,
}

impl<'a> Search<'a> {
    /// Looks up everything whose lookup is known by now; `false` if that is nothing.
    async fn round(&mut self, cloud: &dyn Cloud) -> Result<bool, ObserveError> {
        let mut asks = Vec::new();
        let pending: Vec<&'a Address> = self.pending.iter().copied().collect();
        for address in pending {
            let node = &self.graph.nodes[address];
            if let Some(lookup) = self.lookup(address, node) {
                let (kind, region) = (node.kind.as_str(), node.region.as_str());
                asks.push(Ask { address, kind, region, wanted: Wanted::uncompared(lookup) });
            }
        }
        let asked: Vec<&'a Address> = asks.iter().map(|ask| ask.address).collect();
        let mut seen = look_up(cloud, asks).await?;
        for &address in &asked {
            self.pending.remove(address);
            match seen.remove(address) {
                Some(seen) => self.take(address, seen),
                None => drop(self.found.missing.insert(address.clone())),
            }
        }
        Ok(!asked.is_empty())
    }

    /// How to find it; `None` while that depends on something that is not found yet.
    fn lookup(&self, address: &Address, node: &Node) -> Option<Lookup> {
        let kind = kind_of(node);
        let spec = self.resolved(node);
        if let Some(id) = kind.natural_id(&spec) {
            return Some(Lookup::Id(id));
        }
        if kind.tagging() == Tagging::None {
            return None;
        }
        // Would any values for what is not known yet determine its id, they are waited for.
        let filled = reference::resolve(&spec, &|_| Some("0".into()));
        let waits = reference::all(&spec).iter().any(|(_, to)| self.pending.contains(&to.address));
        if waits && kind.natural_id(&filled).is_some() {
            return None;
        }
        let owner = self.owner(address);
        Some(Lookup::Owner { owner, except: Arc::default(), tokens: Vec::new() })
    }

    /// Keeps what was found, if it is ours.
    fn take(&mut self, address: &'a Address, seen: Observed) {
        let node = &self.graph.nodes[address];
        let kind = kind_of(node);
        // What has no tags hangs on something that is ours.
        let ours = kind.tagging() == Tagging::None || seen.owner == Some(self.owner(address));
        let former = self.graph.moved.get(address);
        let was_ours = former.is_some_and(|former| seen.owner == Some(self.owner(former)));
        let at = match (ours, was_ours, former) {
            (true, ..) => address,
            // The next plan moves it.
            (false, true, Some(former)) => former,
            (false, ..) => {
                let (address, kind, id, owner) =
                    (address.clone(), node.kind.clone(), seen.id, seen.owner);
                return self.found.conflicts.push(Conflict { address, kind, id, owner });
            }
        };
        self.outputs.insert(address.clone(), seen.outputs.clone());
        self.seen.push((address, at, seen));
    }

    /// Records what is ours, once the outputs are known of all that it refers to: some is found before that.
    fn record(&mut self) {
        for (address, at, seen) in std::mem::take(&mut self.seen) {
            let node = &self.graph.nodes[address];
            let spec = closed(self.resolved(node), &seen.spec);
            let unseen = write_only(kind_of(node), &spec);
            if !unseen.is_empty() {
                self.found.unseen.insert(at.clone(), unseen);
            }
            let record = Record {
                needs: node.needs.clone(),
                deletion: node.deletion,
                ..record(&node.kind, &node.region, spec, seen)
            };
            self.found.state.resources.insert(at.clone(), record);
        }
    }

    fn owner(&self, address: &Address) -> Owner {
        Owner { stack: self.graph.stack.clone(), address: address.clone() }
    }

    fn resolved(&self, node: &Node) -> Value {
        let known = |to: &Ref| self.outputs.get(&to.address)?.get(&to.output).cloned();
        resolved(kind_of(node), &node.spec, &known)
    }
}

fn kind_of(node: &Node) -> &'static dyn AnyKind {
    kinds::find(&node.kind).expect("the graph holds known kinds only")
}

fn record(kind: &str, region: &str, spec: Value, seen: Observed) -> Record {
    let status = match seen.readiness {
        Readiness::Ready | Readiness::Unconfirmed => Status::Stable,
        Readiness::Pending(_) | Readiness::Failed(_) | Readiness::Deleting => Status::Made,
    };
    Record {
        kind: kind.into(),
        region: region.into(),
        id: Some(seen.id),
        status,
        spec: spec.into(),
        intended: None,
        outputs: seen.outputs,
        needs: Needs::new(),
        deletion: DeletionPolicy::default(),
    }
}

/// A spec without open references: what refers to something that is not there is as observed.
fn closed(mut spec: Value, observed: &Value) -> Value {
    let Some(members) = spec.as_object_mut() else { return spec };
    let open = |(name, value): (&String, &Value)| {
        (!reference::all(value).is_empty()).then(|| name.clone())
    };
    for name in members.iter().filter_map(open).collect::<Vec<_>>() {
        match observed.get(&name) {
            Some(seen) => members.insert(name, seen.clone()),
            None => members.remove(&name),
        };
    }
    spec
}

/// The write-only properties that a spec holds.
fn write_only(kind: &dyn AnyKind, spec: &Value) -> Vec<String> {
    let rows = kind.fields().iter().filter(|row| row.compare == Compare::WriteOnly);
    let held = rows.filter(|row| row.path.split('.').try_fold(spec, Value::get).is_some());
    held.map(|row| row.path.to_owned()).collect()
}

/// Something that carries our owner marks.
struct Marked<'a> {
    thing: Thing,
    owner: &'a Owner,
    region: &'a str,
    /// What it may be.
    candidates: Vec<(&'static dyn AnyKind, PhysicalId)>,
}

impl<'a> Marked<'a> {
    fn tagged(object: &'a Owned, home: &'a str) -> Self {
        let Owned { arn, owner } = object;
        Self {
            thing: Thing::Arn(arn.clone()),
            owner,
            region: kinds::arn::region(arn).unwrap_or(home),
            candidates: kinds::arn::candidates(arn),
        }
    }

    fn labelled(object: &'a OwnedObject) -> Self {
        let OwnedObject { kind, region, id, owner } = object;
        Self {
            thing: Thing::Object { kind: kind.clone(), id: id.clone() },
            owner,
            region,
            candidates: kinds::find(kind).map(|kind| (kind, id.clone())).into_iter().collect(),
        }
    }
}

/// One that was not found yet.
struct Suspect<'a> {
    /// Where it would be recorded.
    at: Address,
    object: Marked<'a>,
}

/// Records what carries our marks and was not found yet, where these tell what it is.
async fn strays(
    cloud: &dyn Cloud,
    found: &mut Recovered,
    marked: impl Iterator<Item = Marked<'_>>,
) -> Result<(), ObserveError> {
    let known = Known::of(&found.state);
    let mut taken: BTreeSet<Address> = found.state.resources.keys().cloned().collect();
    let mut suspects = Vec::new();
    for object in marked {
        // Where an ARN does not tell what it names, it is taken to name what is recorded at its address.
        let silent = object.candidates.is_empty() && taken.contains(&object.owner.address);
        if silent || known.has(&object) {
            continue;
        }
        let mut at = object.owner.address.clone();
        if taken.contains(&at) {
            at = old_half(&at, &|at| taken.contains(at));
        }
        taken.insert(at.clone());
        suspects.push(Suspect { at, object });
    }
    let mut records: BTreeMap<Address, Record> = BTreeMap::new();
    // Mostly there is one candidate.
    let turns = suspects.iter().map(|suspect| suspect.object.candidates.len()).max().unwrap_or(0);
    for turn in 0..turns {
        for (at, record) in ask_for(cloud, &suspects, turn).await? {
            records.entry(at).or_insert(record);
        }
    }
    let mut new = BTreeSet::new();
    for Suspect { at, object: Marked { thing, owner, .. } } in suspects {
        let recorded = records.remove(&at).map(|record| {
            found.state.resources.insert(at.clone(), record);
            new.insert(at.clone());
            at
        });
        found.strays.push(Stray { thing, address: owner.address.clone(), recorded });
    }
    infer_needs(&mut found.state, &new);
    Ok(())
}

/// What the candidates of this turn are, where they are there and still ours.
async fn ask_for(
    cloud: &dyn Cloud,
    suspects: &[Suspect<'_>],
    turn: usize,
) -> Result<Vec<(Address, Record)>, ObserveError> {
    let candidates = suspects.iter().filter_map(|suspect| {
        let (kind, id) = suspect.object.candidates.get(turn)?;
        // All that a deletion may go by.
        let names = kind.properties().iter().map(|name| ((*name).to_owned(), json!(null)));
        Some((suspect, *kind, id, names.collect::<Value>()))
    });
    let candidates: Vec<_> = candidates.collect();
    let asks = candidates.iter().map(|(suspect, kind, id, all)| {
        let lookup = Lookup::Id((*id).clone());
        let wanted = Wanted { lookup, compared: Compared::with(all) };
        Ask { address: &suspect.at, kind: kind.name(), region: suspect.object.region, wanted }
    });
    let mut seen = look_up(cloud, asks.collect()).await?;
    let answered = candidates.iter().filter_map(|(suspect, kind, ..)| {
        let seen = seen.remove(&suspect.at)?;
        let (spec, object) = (seen.spec.clone(), &suspect.object);
        (seen.owner.as_ref() == Some(object.owner))
            .then(|| (suspect.at.clone(), record(kind.name(), object.region, spec, seen)))
    });
    Ok(answered.collect())
}

/// What is recorded already, by what names it.
struct Known {
    objects: BTreeSet<(String, PhysicalId)>,
    outputs: BTreeSet<String>,
}

impl Known {
    fn of(state: &State) -> Self {
        let records = state.resources.values();
        let object = |record: &Record| Some((family(&record.kind), record.id.clone()?));
        let ids = records.clone().filter_map(|record| record.id.as_ref()).map(ToString::to_string);
        let outputs = records.clone().flat_map(|record| record.outputs.values().cloned());
        Self {
            objects: records.clone().filter_map(object).collect(),
            outputs: outputs.chain(ids).collect(),
        }
    }

    fn has(&self, marked: &Marked<'_>) -> bool {
        let is_output = match &marked.thing {
            Thing::Arn(arn) => self.outputs.contains(arn),
            Thing::Object { .. } => false,
        };
        let is_recorded = |(kind, id): &(&'static dyn AnyKind, PhysicalId)| {
            self.objects.contains(&(family(kind.name()), id.clone()))
        };
        is_output || marked.candidates.iter().any(is_recorded)
    }
}

/// A kind of Kubernetes without its version: an object is the same in all of them.
fn family(kind: &str) -> String {
    k8s_object::group_kind(kind).unwrap_or_else(|| kind.into())
}

/// What has left the blueprint needs what its spec names, so that it is deleted before that. Objects of Kubernetes need
/// besides what those of a blueprint do.
fn infer_needs(state: &mut State, strays: &BTreeSet<Address>) {
    let mut bearers: BTreeMap<&str, &Address> = BTreeMap::new();
    // What gives the id of another among its outputs, as a subnet that of its VPC, is not that other.
    for (address, record) in &state.resources {
        bearers.extend(record.id.as_ref().map(|id| (id.as_str(), address)));
    }
    for (address, record) in &state.resources {
        let is_object = k8s_object::is_object(&record.kind);
        for (name, value) in &record.outputs {
            // Names of objects are no more than words.
            if !is_object || name == "LoadBalancerHostname" {
                bearers.entry(value).or_insert(address);
            }
        }
    }
    let mut inferred: BTreeMap<Address, Needs> = BTreeMap::new();
    for address in strays {
        let mut named = BTreeSet::new();
        let spec = state.resources[address].spec.open();
        texts(&spec, &mut named);
        let bearers =
            named.iter().filter_map(|text| bearers.get(text)).filter(|to| **to != address);
        let needs = bearers.map(|to| ((*to).clone(), Need::Id)).collect();
        inferred.insert(address.clone(), needs);
    }
    for (object, other) in order_of_objects(state, &inferred) {
        if let Some(needs) = inferred.get_mut(&object) {
            needs.insert(other, Need::Ready);
        }
    }
    // Two that name each other are deleted in any order: the services refuse what is in use, and are asked again.
    for cycle in order::cycles(inferred.iter()) {
        for address in &cycle {
            if let Some(needs) = inferred.get_mut(address) {
                needs.retain(|to, _| !cycle.contains(to));
            }
        }
    }
    for (address, needs) in inferred {
        if let Some(record) = state.resources.get_mut(&address) {
            record.needs = needs;
        }
    }
}

/// What recorded objects of Kubernetes come behind, as in a graph.
fn order_of_objects(state: &State, inferred: &BTreeMap<Address, Needs>) -> Vec<(Address, Address)> {
    let node = |(address, record): (&Address, &Record)| {
        let Record { kind, region, spec, deletion, needs, .. } = record;
        let (kind, region, spec) = (kind.clone(), region.clone(), spec.open());
        let node = Node { kind, region, spec, deletion: *deletion, needs: needs.clone() };
        (address.clone(), node)
    };
    let nodes: BTreeMap<Address, Node> = state.resources.iter().map(node).collect();
    let recorded = nodes.iter().map(|(address, node)| (address.clone(), node.needs.clone()));
    let inferred = inferred.iter().map(|(address, needs)| (address.clone(), needs.clone()));
    objects::edges(&nodes, &recorded.chain(inferred).collect(), &BTreeSet::new())
}

fn texts<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => drop(found.insert(text)),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => members.values().for_each(|member| texts(member, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Stack;

    fn state(records: &[(&str, &str, &str, Value)]) -> State {
        let mut state = State::new(Stack::new("shop"), "0".into());
        for (address, kind, id, spec) in records {
            let seen = Observed {
                id: PhysicalId::new(*id),
                owner: None,
                spec: spec.clone(),
                outputs: [("Name".to_owned(), id.rsplit('|').next().unwrap().to_owned())].into(),
                readiness: Readiness::Ready,
            };
            let record = record(kind, "eu-west-1", spec.clone(), seen);
            state.resources.insert(address.parse().unwrap(), record);
        }
        state
    }

    #[test]
    fn objects_need_what_they_would_in_a_graph() {
        let object = |namespace: Option<&str>, name: &str, more: Value| {
            let mut spec =
                json!({"cluster": "shop", "metadata": {"name": name, "namespace": namespace}});
            spec["spec"] = more;
            spec
        };
        let definition =
            json!({"group": "example.com", "names": {"kind": "Thing", "plural": "things"}});
        let mut state = state(&[
            ("cluster/cluster", "AWS::EKS::Cluster", "shop", json!({"Name": "shop"})),
            // Another object of this name is none of its business.
            (
                "a/one",
                "v1/ServiceAccount",
                "shop|gone|one",
                object(Some("gone"), "one", json!(null)),
            ),
            ("a/gone", "v1/Namespace", "shop||gone", object(None, "gone", json!({}))),
            (
                "a/definition",
                "apiextensions.k8s.io/v1/CustomResourceDefinition",
                "shop||things.example.com",
                object(None, "things.example.com", definition),
            ),
            (
                "a/thing",
                "example.com/v1/Thing",
                "shop|gone|one",
                object(Some("gone"), "one", json!({})),
            ),
        ]);
        let at = |text: &str| text.parse::<Address>().unwrap();
        infer_needs(&mut state, &[at("a/thing"), at("a/gone")].into());
        let needs = |of: &str| -> Vec<String> {
            state.resources[&at(of)].needs.keys().map(ToString::to_string).collect()
        };
        assert_eq!(needs("a/thing"), ["a/definition", "a/gone", "cluster/cluster"]);
        assert_eq!(needs("a/gone"), ["cluster/cluster"]);
        assert_eq!(needs("a/one"), [""; 0], "what is in the blueprint has its needs from there");
    }

    #[test]
    fn an_object_is_the_same_in_every_version() {
        let spec = json!({"cluster": "shop", "metadata": {"name": "api", "namespace": "apps"}});
        let state =
            state(&[("a/scale", "autoscaling/v1/HorizontalPodAutoscaler", "shop|apps|api", spec)]);
        let owned = |kind: &str, name: &str| OwnedObject {
            kind: kind.into(),
            region: "eu-west-1".into(),
            id: PhysicalId::joined(["shop", "apps", name]),
            owner: Owner { stack: Stack::new("shop"), address: "a/scale".parse().unwrap() },
        };
        let known = Known::of(&state);
        let has = |kind, name| known.has(&Marked::labelled(&owned(kind, name)));
        assert!(has("autoscaling/v2/HorizontalPodAutoscaler", "api"));
        assert!(!has("autoscaling/v2/HorizontalPodAutoscaler", "other"));
        assert!(!has("apps/v1/Deployment", "api"));
    }
}
