//! What `explain` tells, as data: the language and what a blueprint makes of it.

use std::collections::BTreeMap;

use crate::address::Address;
use crate::blueprint;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::setting::Setting;
use crate::blueprint::shape::{Field, Shape};
use crate::graph::compile::Wire;
use crate::graph::{Graph, Node};
use crate::kind::Need;
use crate::source::SourceMap;

/// The keys of a blueprint itself.
pub fn language() -> Vec<Field> {
    let Shape::Struct(document) = blueprint::shape() else {
        unreachable!("a blueprint is a mapping with fixed keys")
    };
    document.fields
}

/// The components that a key of the blueprint holds, if it holds some.
pub fn component_type(section: &str) -> Option<ComponentType> {
    ComponentType::ALL.iter().copied().find(|it| it.section() == section)
}

/// A key of the language: `databases.storage`. Names and list items between keys are left out.
#[derive(Debug, Clone)]
pub struct Key {
    pub path: String,
    pub field: Field,
}

/// Why there is no such key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    /// The keys before it, which are there.
    pub within: String,
    pub key: String,
    /// The keys that could stand there.
    pub known: Vec<String>,
}

impl Key {
    /// The key at a path.
    pub fn find(path: &str) -> Result<Self, UnknownKey> {
        let (before, key) = path.rsplit_once('.').unwrap_or(("", path));
        let within = if before.is_empty() { None } else { Some(Self::find(before)?) };
        let known = match &within {
            None => language(),
            Some(within) => within.field.shape.keys().into_iter().cloned().collect(),
        };
        if let Some(field) = known.iter().find(|field| field.key == key) {
            return Ok(Self { path: path.into(), field: field.clone() });
        }
        let known = known.into_iter().map(|field| field.key).collect();
        Err(UnknownKey { within: before.into(), key: key.into(), known })
    }
}

/// A component of a blueprint, or a part of it.
#[derive(Debug)]
pub struct Component<'a> {
    pub stack: &'a str,
    /// `databases.orders`
    pub path: &'a str,
    pub settings: Vec<Setting>,
    pub sources: &'a SourceMap,
    /// What it is compiled to.
    pub resources: BTreeMap<&'a Address, &'a Node>,
    /// What each line of its `uses` makes, if it is a service.
    pub wires: Vec<Wire>,
}

/// A resource that a component is compiled to.
#[derive(Debug)]
pub struct Resource<'a> {
    pub address: &'a Address,
    pub node: &'a Node,
    pub needed_by: BTreeMap<&'a Address, Need>,
    /// The component that asks for it.
    pub component: Component<'a>,
    /// What stands for the id of the account, which a blueprint does not say.
    pub account: &'a str,
}

impl<'a> Component<'a> {
    pub fn new(
        graph: &'a Graph,
        path: &'a str,
        settings: Vec<Setting>,
        sources: &'a SourceMap,
    ) -> Self {
        let resources = graph.nodes.iter().filter(|(address, _)| is_of(address, path));
        let stack = graph.stack.as_str();
        let wires = Vec::new();
        Self { stack, path, settings, sources, resources: resources.collect(), wires }
    }

    /// The same, with what each line of its `uses` makes.
    #[must_use]
    pub fn wired(self, wires: Vec<Wire>) -> Self {
        Self { wires, ..self }
    }
}

/// Whether a resource is of a component, or of a part of it: `platform.istio` is one of `platform`.
fn is_of(address: &Address, path: &str) -> bool {
    let rest = address.component().strip_prefix(path);
    let parts = path.rsplit('.').next() == Some(ComponentType::Platform.section());
    rest.is_some_and(|rest| rest.is_empty() || (parts && rest.starts_with('.')))
}

impl<'a> Resource<'a> {
    /// The resource at an address; `None` if the graph has none there.
    pub fn find(
        graph: &'a Graph,
        address: &Address,
        component: Component<'a>,
        account: &'a str,
    ) -> Option<Self> {
        let (address, node) = graph.nodes.get_key_value(address)?;
        let needing =
            |(other, node): (&'a Address, &'a Node)| Some((other, *node.needs.get(address)?));
        let needed_by = graph.nodes.iter().filter_map(needing).collect();
        Some(Self { address, node, needed_by, component, account })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_through_names_lists_and_alternatives() {
        for path in [
            "region",
            "databases",
            "databases.storage",
            "cluster.nodeGroups.size",
            "firewalls.rules.countries",
            "dns.records.ttl",
            "loadBalancers.targets.health.path",
        ] {
            assert_eq!(Key::find(path).unwrap().path, path);
        }
        let unknown = Key::find("databases.storge").unwrap_err();
        assert_eq!((unknown.within.as_str(), unknown.key.as_str()), ("databases", "storge"));
        assert!(unknown.known.iter().any(|key| key == "storage"), "{:?}", unknown.known);
        assert_eq!(Key::find("").unwrap_err().key, "");
    }
}
