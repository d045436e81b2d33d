//! Stage 2: the desired side. Components become nodes `{address, kind, spec}`; references inside the specs, and a few
//! explicit dependencies, become edges.

pub mod compile;
pub mod order;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::address::{Address, Owner, PhysicalId, Stack};
use crate::cloud::tags;
use crate::kind::{AnyKind, DeletionPolicy, Need, Ref, Tagging, field, reference};
use crate::kinds::{self, k8s_object};

/// What should be: every resource of a stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    pub stack: Stack,
    pub nodes: BTreeMap<Address, Node>,
    /// What others own and resources of this stack refer to: looked up, never changed.
    pub existing: BTreeMap<Address, Existing>,
    /// The former address of what has another one now: the same object, not another one.
    pub moved: BTreeMap<Address, Address>,
}

/// A live object that somebody else owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// The name of its kind.
    pub kind: String,
    pub region: String,
    pub id: PhysicalId,
}

/// A desired resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The name of its kind: `AWS::EC2::VPC`.
    pub kind: String,
    pub region: String,
    /// In canonical form; owner tags are in it; [references](Ref) to other nodes stand as such.
    pub spec: Value,
    pub deletion: DeletionPolicy,
    /// What it needs of others, from its references and from explicit dependencies.
    pub needs: Needs,
}

/// What a resource needs of others, by their addresses.
pub type Needs = BTreeMap<Address, Need>;

/// Why nodes do not form a graph. All of these are defects of the compiler, or of raw resources in a blueprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum GraphError {
    #[error("{address}: there is no kind `{kind}`")]
    UnknownKind { address: Address, kind: String },
    #[error("{address}: {reason}")]
    Spec { address: Address, reason: String },
    #[error("{address}: {kind} has no property `{property}`")]
    NoSuchProperty { address: Address, kind: String, property: String },
    #[error("{address}: there is no such resource to override")]
    NothingToOverride { address: Address },
    #[error("nothing is called `{to}`, to which something has moved")]
    NothingMoved { to: String },
    #[error("`{from}` has moved, and is in the blueprint all the same")]
    StillThere { from: String },
    #[error("{address}: two resources have this address")]
    Twice { address: Address },
    #[error("{address}: `{path}` refers to `{to}`, which is not in the blueprint")]
    NoSuchResource { address: Address, path: String, to: Address },
    #[error("{address}: `{path}` refers to `{reference}`, but {kind} has no such output")]
    NoSuchOutput { address: Address, path: String, reference: String, kind: String },
    #[error("resources refer to each other in a circle: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" → "))]
    Cycle(Vec<Address>),
}

/// Collects nodes and makes a graph of them.
#[derive(Debug)]
pub struct Builder {
    stack: Stack,
    region: String,
    /// What stands before the addresses of the present part of the graph; empty for the blueprint itself.
    scope: String,
    /// The paths of components that are added under others, which they had before.
    renamed: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    nodes: BTreeMap<Address, Node>,
    existing: BTreeMap<Address, Existing>,
    moved: BTreeMap<Address, Address>,
    /// Explicit dependencies, whose other end may be added later.
    after: BTreeMap<Address, Needs>,
    /// What comes behind what, unless something else says the opposite.
    in_turn: BTreeSet<(Address, Address)>,
    errors: Vec<GraphError>,
}

impl Builder {
    /// A builder for resources of `stack`, in `region` unless they say otherwise. `tags` go to everything taggable.
    pub fn new(stack: Stack, region: &str, tags: BTreeMap<String, String>) -> Self {
        Self {
            stack,
            region: region.into(),
            scope: String::new(),
            renamed: BTreeMap::new(),
            tags,
            nodes: BTreeMap::new(),
            existing: BTreeMap::new(),
            moved: BTreeMap::new(),
            after: BTreeMap::new(),
            in_turn: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    pub fn region(&self) -> &str {
        &self.region
    }

    /// What is added from now on stands in `region`, below `scope`: in `regions.dr`, `databases.orders/instance` is
    /// `regions.dr.databases.orders/instance`, in references too.
    pub fn enter(&mut self, scope: &str, region: &str, tags: BTreeMap<String, String>) {
        (self.scope, self.region, self.tags) = (scope.into(), region.into(), tags);
    }

    /// Components that are added from now on under a path of `renamed` stand under the other one, in references too.
    pub fn rename(&mut self, renamed: BTreeMap<String, String>) {
        self.renamed = renamed;
    }

    /// The name under which the component `<section>.<name>` of the present part is added.
    pub fn name_added<'n>(&'n self, section: &str, name: &'n str) -> &'n str {
        let path = self.scoped_path(&format!("{section}.{name}"));
        let former = self.renamed.iter().find(|(_, now)| **now == path).map(|(former, _)| former);
        former.and_then(|it| it.rsplit('.').next()).unwrap_or(name)
    }

    /// Adds a resource. `spec` has the kind's properties; members that are `null` count as absent.
    pub fn add(&mut self, address: Address, kind: &str, spec: Value) -> Added<'_> {
        let address = self.scoped(&address);
        let spec = self.relocated(spec);
        match self.node(&address, kind, spec) {
            Ok(node) => {
                if self.nodes.insert(address.clone(), node).is_some() {
                    self.errors.push(GraphError::Twice { address: address.clone() });
                }
            }
            Err(error) => self.errors.push(error),
        }
        Added { builder: self, address }
    }

    /// Refers to an object that others own as if it stood at `address`.
    pub fn add_existing(&mut self, address: &Address, kind: &str, id: PhysicalId) {
        let (address, region) = (self.scoped(address), self.region.clone());
        self.existing.insert(address, Existing { kind: kind.into(), region, id });
    }

    /// What was made under the address `from` stands at `to` now. A component's path stands for all of its resources.
    pub fn moved(&mut self, from: &str, to: &str) {
        let before = self.moved.len();
        for address in self.nodes.keys() {
            let former = match address.as_str().strip_prefix(to) {
                Some("") => from.parse().ok(),
                Some(rest) if rest.starts_with('/') => format!("{from}{rest}").parse().ok(),
                Some(_) | None => None,
            };
            if let Some(former) = former {
                self.moved.insert(address.clone(), former);
            }
        }
        if self.moved.len() == before {
            self.errors.push(GraphError::NothingMoved { to: to.into() });
        }
        let stays = |address: &Address| address.as_str() == from || address.component() == from;
        if self.nodes.keys().any(stays) {
            self.errors.push(GraphError::StillThere { from: from.into() });
        }
    }

    /// The addresses of what was added so far.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.nodes.keys().chain(self.existing.keys())
    }

    /// Whether a part of the graph, the one below `scope`, has a resource of which `is` is true by its kind and spec.
    pub fn has(&self, scope: &str, is: impl Fn(&str, &Value) -> bool) -> bool {
        let mut there = self.nodes.iter().filter(|(address, _)| match scope {
            "" => !address.as_str().starts_with(REGIONS),
            scope => address.as_str().starts_with(scope),
        });
        there.any(|(_, node)| is(&node.kind, &node.spec))
    }

    /// What stands before the addresses of the present part: nothing, or `regions.dr.`.
    pub fn scope(&self) -> String {
        if self.scope.is_empty() { String::new() } else { format!("{}.", self.scope) }
    }

    /// Changes properties of a resource that was added: mappings are merged, anything else is replaced, `null` removes.
    pub fn override_properties(&mut self, address: &Address, properties: &Value) {
        let Some(node) = self.nodes.get(address) else {
            self.errors.push(GraphError::NothingToOverride { address: address.clone() });
            return;
        };
        let (kind, region, deletion) = (node.kind.clone(), node.region.clone(), node.deletion);
        let mut spec = node.spec.clone();
        let tags = spec.get("Tags").cloned();
        lay_over(&mut spec, properties);
        let own = properties.get("Tags").is_some();
        if let (true, Some(Value::Array(all)), Some(tags)) =
            (own, spec.get_mut("Tags"), tags.as_ref().and_then(Value::as_array))
        {
            // Tags of the same key: the last one counts.
            let named = std::mem::take(all);
            *all = tags.iter().cloned().chain(named).collect();
        }
        match self.node(address, &kind, spec) {
            Ok(changed) => {
                self.nodes.insert(address.clone(), Node { region, deletion, ..changed });
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// The address under the present scope, of a component that was renamed under its present name.
    fn scoped(&self, address: &Address) -> Address {
        let path = self.scoped_path(address.component());
        let path = self.renamed.get(&path).unwrap_or(&path);
        Address::of(path, address.role())
    }

    /// The path of a component under the present scope. One that begins with `regions.` or `home.` says itself where it
    /// stands.
    fn scoped_path(&self, path: &str) -> String {
        match path.strip_prefix(HOME) {
            Some(home) => home.to_owned(),
            None if self.scope.is_empty() || path.starts_with(REGIONS) => path.to_owned(),
            None => format!("{}.{path}", self.scope),
        }
    }

    fn relocated(&self, spec: Value) -> Value {
        reference::relocate(spec, &|address| self.scoped(address))
    }

    /// The graph, or everything that is wrong with it.
    pub fn build(mut self) -> Result<Graph, Vec<GraphError>> {
        for (address, needs) in std::mem::take(&mut self.after) {
            for (to, need) in needs {
                if self.existing.contains_key(&to) {
                    continue;
                }
                if !self.nodes.contains_key(&to) {
                    let path = "depends on".into();
                    self.errors.push(GraphError::NoSuchResource {
                        address: address.clone(),
                        path,
                        to,
                    });
                } else if let Some(node) = self.nodes.get_mut(&address) {
                    strengthen(&mut node.needs, to, need);
                }
            }
        }
        let retained = self.nodes.values_mut().filter(|it| it.deletion == DeletionPolicy::Retain);
        retained.for_each(mark_retained);
        let addresses: Vec<Address> = self.nodes.keys().cloned().collect();
        for address in addresses {
            let needs = self.needs_of_references(&address);
            let node = self.nodes.get_mut(&address).expect("its key was just listed");
            for (to, need) in needs {
                strengthen(&mut node.needs, to, need);
            }
        }
        if self.errors.is_empty() {
            let edges = self.nodes.iter().map(|(address, node)| (address, &node.needs));
            self.errors.extend(order::cycles(edges).into_iter().map(GraphError::Cycle));
        }
        if self.errors.is_empty() {
            let Self { stack, nodes, existing, moved, .. } = self;
            Ok(Graph { stack, nodes, existing, moved })
        } else {
            Err(self.errors)
        }
    }

    fn node(&self, address: &Address, kind: &str, mut spec: Value) -> Result<Node, GraphError> {
        let Some(found) = kinds::find(kind) else {
            return Err(GraphError::UnknownKind { address: address.clone(), kind: kind.into() });
        };
        drop_nulls(&mut spec);
        let members = spec.as_object().into_iter().flat_map(serde_json::Map::keys);
        if let Some(property) = members.into_iter().find(|it| !found.has_property(it)) {
            let (address, property) = (address.clone(), property.clone());
            return Err(GraphError::NoSuchProperty { address, kind: kind.into(), property });
        }
        self.add_tags(found, address, &mut spec);
        let spec = found.normalize(&spec).map_err(|error| {
            let reason = format!("{error} (property of {kind})");
            GraphError::Spec { address: address.clone(), reason }
        })?;
        Ok(Node {
            kind: kind.into(),
            region: self.region.clone(),
            spec,
            deletion: DeletionPolicy::Delete,
            needs: Needs::new(),
        })
    }

    /// The blueprint's tags, the resource's own, and the owner tags, later ones winning.
    fn add_tags(&self, kind: &dyn AnyKind, address: &Address, spec: &mut Value) {
        let Some(members) = spec.as_object_mut() else { return };
        let owner = Owner { stack: self.stack.clone(), address: address.clone() };
        let mut all = self.tags.clone();
        match kind.tagging() {
            Tagging::None => {}
            // Tags of AWS are no labels: their keys and values may be what no label can be.
            Tagging::Labels => {
                let metadata = members.entry("metadata").or_insert_with(|| json!({}));
                let owned = [
                    ("labels", k8s_object::STACK_LABEL, self.stack.as_str()),
                    ("annotations", k8s_object::ADDRESS_ANNOTATION, address.as_str()),
                ];
                for (member, key, value) in owned {
                    lay_over(metadata, &json!({ member: { key: value } }));
                }
            }
            Tagging::List => {
                let own = members.remove("Tags").and_then(|own| serde_json::from_value(own).ok());
                all.extend(own.unwrap_or_else(tags::Tags::default).0);
                all.extend(tags::of_owner(&owner));
                members.insert("Tags".into(), json!(tags::Tags(all)));
            }
            Tagging::Map => {
                let own = members.remove("Tags").and_then(|own| serde_json::from_value(own).ok());
                all.extend(own.unwrap_or_else(tags::TagMap::default).0);
                all.extend(tags::of_owner(&owner));
                members.insert("Tags".into(), json!(all));
            }
        }
    }

    fn needs_of_references(&mut self, address: &Address) -> Needs {
        let node = &self.nodes[address];
        let fields = kinds::find(&node.kind).map_or(&[][..], AnyKind::fields);
        let mut needs = Needs::new();
        let mut errors = Vec::new();
        for (path, Ref { address: to, output }) in reference::all(&node.spec) {
            let target = self.nodes.get(&to).map(|node| &node.kind);
            let existing = self.existing.get(&to).map(|existing| &existing.kind);
            let Some(target_kind) = target.or(existing) else {
                errors.push(GraphError::NoSuchResource { address: address.clone(), path, to });
                continue;
            };
            let outputs = kinds::find(target_kind).map_or(&[][..], AnyKind::outputs);
            let Some(found) = outputs.iter().find(|known| known.gives(&output)) else {
                errors.push(GraphError::NoSuchOutput {
                    address: address.clone(),
                    path,
                    reference: format!("{to}.{output}"),
                    kind: target_kind.clone(),
                });
                continue;
            };
            // What others own is there: nothing waits for it.
            if target.is_none() {
                continue;
            }
            let of_field = field::ruling(fields, &path).map_or(Need::Id, |field| field.needs);
            strengthen(&mut needs, to, of_field.max(found.known));
        }
        self.errors.extend(errors);
        needs
    }
}

/// A resource that was just added, to say more about it.
#[derive(Debug)]
pub struct Added<'a> {
    builder: &'a mut Builder,
    address: Address,
}

#[expect(
    clippy::return_self_not_must_use,
    reason = "the graph is changed; what comes back says more about the resource"
)]
impl Added<'_> {
    /// It starts only once `other` works, though it does not refer to it.
    pub fn after(self, other: &Address) -> Self {
        let other = self.builder.scoped(other);
        let needs = self.builder.after.entry(self.address.clone()).or_default();
        strengthen(needs, other, Need::Ready);
        self
    }

    pub fn after_all<'o>(self, others: impl IntoIterator<Item = &'o Address>) -> Self {
        others.into_iter().fold(self, Self::after)
    }

    /// It comes behind these, as long as none of them needs it.
    pub fn in_turn<'o>(self, others: impl IntoIterator<Item = &'o Address>) -> Self {
        for other in others {
            let other = self.builder.scoped(other);
            self.builder.in_turn.insert((self.address.clone(), other));
        }
        self
    }

    /// What its deletion leaves.
    pub fn deletion(self, policy: DeletionPolicy) -> Self {
        self.change(|node| node.deletion = policy)
    }

    /// It stands in another region than the blueprint's.
    pub fn region(self, region: &str) -> Self {
        self.change(|node| node.region = region.into())
    }

    pub fn address(self) -> Address {
        self.address
    }

    /// A reference to one of its outputs.
    pub fn output(&self, name: &str) -> Value {
        Ref::new(&self.address, name).to_value()
    }

    fn change(self, change: impl FnOnce(&mut Node)) -> Self {
        if let Some(node) = self.builder.nodes.get_mut(&self.address) {
            change(node);
        }
        self
    }
}

impl Graph {
    /// The components of the graph, each with its resources.
    pub fn components(&self) -> BTreeMap<&str, BTreeSet<&Address>> {
        let mut components: BTreeMap<&str, BTreeSet<&Address>> = BTreeMap::new();
        for address in self.nodes.keys() {
            components.entry(address.component()).or_default().insert(address);
        }
        components
    }
}

fn strengthen(needs: &mut Needs, to: Address, need: Need) {
    let known = needs.entry(to).or_insert(need);
    *known = need.max(*known);
}

/// Where the parts of a blueprint stand that are in a region of their own.
const REGIONS: &str = "regions.";
/// Begins, inside such a part, the address of what stands in the blueprint's own region.
pub(crate) const HOME: &str = "home.";

fn lay_over(base: &mut Value, overlay: &Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                match base.get_mut(key) {
                    _ if value.is_null() => drop(base.remove(key)),
                    // A reference is a value, not a mapping to be merged.
                    Some(below) if !reference::is_open(below) && !reference::is_open(value) => {
                        lay_over(below, value);
                    }
                    Some(below) => *below = value.clone(),
                    None => drop(base.insert(key.clone(), value.clone())),
                }
            }
        }
        (base, overlay) => *base = overlay.clone(),
    }
}

/// Marks what is to be retained, so that it is known without its record.
fn mark_retained(node: &mut Node) {
    let mark = [(tags::DELETION_TAG.to_owned(), tags::RETAIN.to_owned())];
    let Some(members) = node.spec.as_object_mut() else { return };
    match kinds::find(&node.kind).map(AnyKind::tagging) {
        Some(Tagging::List) => {
            let own = members.remove("Tags").and_then(|own| serde_json::from_value(own).ok());
            let mut all = own.unwrap_or_else(tags::Tags::default);
            all.0.extend(mark);
            members.insert("Tags".into(), json!(all));
        }
        Some(Tagging::Map) => {
            let tags = json!({ "Tags": BTreeMap::from(mark) });
            lay_over(&mut node.spec, &tags);
        }
        Some(Tagging::Labels) => {
            let mark = json!({ k8s_object::DELETION_ANNOTATION: tags::RETAIN });
            lay_over(&mut node.spec, &json!({"metadata": {"annotations": mark}}));
        }
        Some(Tagging::None) | None => {}
    }
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builder() -> Builder {
        Builder::new(Stack::new("shop"), "eu-west-1", BTreeMap::new())
    }

    fn vpc() -> Value {
        json!({"CidrBlock": "10.0.0.0/16", "EnableDnsSupport": null})
    }

    #[test]
    fn owner_tags_are_in_every_taggable_spec_and_nulls_are_not() {
        let mut builder = builder();
        builder.add(Address::of("network", "vpc"), "AWS::EC2::VPC", vpc());
        let graph = builder.build().unwrap();
        let spec = &graph.nodes[&Address::of("network", "vpc")].spec;
        assert_eq!(
            spec["Tags"],
            json!([{"Key": "platctl:address", "Value": "network/vpc"}, {"Key": "platctl:stack", "Value": "shop"}])
        );
        assert_eq!(spec.get("EnableDnsSupport"), None);
    }

    #[test]
    fn what_is_to_be_retained_says_so_itself() {
        let mut builder = builder();
        let retained = |address: &str, builder: &mut Builder, kind: &str, spec: Value| {
            let address = Address::of("a", address);
            builder.add(address.clone(), kind, spec).deletion(DeletionPolicy::Retain);
            address
        };
        let vpc = retained("vpc", &mut builder, "AWS::EC2::VPC", vpc());
        let spec = json!({"cluster": "c", "metadata": {"name": "n"}});
        let namespace = retained("n", &mut builder, "v1/Namespace", spec);
        let graph = builder.build().unwrap();
        let tag = json!({"Key": "platctl:deletion", "Value": "retain"});
        assert!(graph.nodes[&vpc].spec["Tags"].as_array().unwrap().contains(&tag));
        let annotations = &graph.nodes[&namespace].spec["metadata"]["annotations"];
        assert_eq!(annotations["platctl.dev/deletion"], "retain");
        assert_eq!(annotations["platctl.dev/address"], "a/n");
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let mut builder = builder();
        builder.add(Address::of("a", "x"), "AWS::EC2::Nothing", json!({}));
        builder.add(Address::of("a", "y"), "AWS::EC2::VPC", json!({"Cidr": 1}));
        let dangling = Ref::new(&Address::of("b", "z"), "VpcId").to_value();
        builder.add(Address::of("a", "z"), "AWS::EC2::VPC", json!({"CidrBlock": dangling}));
        let errors = builder.build().unwrap_err();
        assert_eq!(errors.len(), 3, "{errors:?}");
    }
}
