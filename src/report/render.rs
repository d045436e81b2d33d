//! What would be applied, as files for other tools.
//!
//! What is known only once resources exist stands in them as `${ADDRESS.OUTPUT}`, unless the state tells it.

pub mod argo_cd;
pub mod cloudformation;
pub mod kustomize;
pub mod manifests;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::address::Address;
use crate::graph::compile::PLACEHOLDER_ACCOUNT;
use crate::graph::{Graph, Node};
use crate::kind::{Ref, reference};
use crate::kinds::k8s_object;

/// Texts by their paths below the folder that they are written to.
pub type Files = BTreeMap<String, String>;

/// What is known of outputs: none, or those that are recorded.
pub type Known<'a> = &'a dyn Fn(&Ref) -> Option<String>;

/// A Kubernetes object of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    pub address: Address,
    pub version: String,
    pub kind: String,
    pub namespace: Option<String>,
    pub name: String,
    /// All of it, as `kubectl` takes it.
    pub value: Value,
    /// What stands in it for something that is not known.
    pub unknown: BTreeSet<String>,
}

/// What stands for the account in texts, where nobody has said which one it is.
const ACCOUNT: &str = "${account}";

/// The objects of a graph, in the order of their addresses.
pub fn objects(graph: &Graph, known: Known<'_>) -> Vec<Manifest> {
    graph.nodes.iter().filter_map(|(address, node)| object(address, node, known)).collect()
}

/// Whether a node is a Kubernetes object.
pub fn is_object(node: &Node) -> bool {
    k8s_object::is_object(&node.kind)
}

fn object(address: &Address, node: &Node, known: Known<'_>) -> Option<Manifest> {
    let (version, kind) = node.kind.rsplit_once('/').filter(|_| is_object(node))?;
    let mut unknown = BTreeSet::new();
    for (_, reference) in reference::all(&node.spec) {
        if known(&reference).is_none() {
            unknown.insert(placeholder(&reference));
        }
    }
    let told = |reference: &Ref| known(reference).or_else(|| Some(placeholder(reference)));
    let Value::Object(mut members) = without_account(reference::resolve(&node.spec, &told)) else {
        return None;
    };
    members.remove("cluster");
    if let Some(Value::Object(metadata)) = members.get_mut("metadata") {
        disown(metadata, "labels");
        disown(metadata, "annotations");
    }
    let text = |name: &str| members["metadata"][name].as_str().map(str::to_owned);
    let (namespace, name) = (text("namespace"), text("name").unwrap_or_default());
    members.insert("apiVersion".into(), version.into());
    members.insert("kind".into(), kind.into());
    let value = Value::Object(members);
    if value.to_string().contains(ACCOUNT) {
        unknown.insert(ACCOUNT.into());
    }
    Some(Manifest {
        address: address.clone(),
        version: version.into(),
        kind: kind.into(),
        namespace,
        name,
        value,
        unknown,
    })
}

/// Whoever applies the files, it is not platctl.
fn disown(metadata: &mut Map<String, Value>, key: &str) {
    let Some(Value::Object(entries)) = metadata.get_mut(key) else { return };
    entries.retain(|name, _| !name.starts_with("platctl.dev/"));
    if entries.is_empty() {
        metadata.remove(key);
    }
}

fn without_account(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace(PLACEHOLDER_ACCOUNT, ACCOUNT)),
        Value::Array(items) => items.into_iter().map(without_account).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key, without_account(value))).collect()
        }
        other => other,
    }
}

fn placeholder(reference: &Ref) -> String {
    format!("${{{reference}}}")
}

impl Manifest {
    /// The name of its file: that of its role, in one piece.
    pub fn file(&self) -> String {
        format!("{}.yaml", in_one_piece(self.address.role()))
    }

    /// The folder of its component.
    pub fn folder(&self) -> String {
        in_one_piece(self.address.component())
    }

    /// With a line that says what it is, and what is not known in it.
    pub fn text(&self) -> String {
        let mut text = format!("# {}\n", self.address);
        for unknown in &self.unknown {
            text.extend(["# ", unknown, " is not known here\n"]);
        }
        text + &yaml(&self.value)
    }

    /// What it is called in its cluster: the same in every environment.
    fn identity(&self) -> (String, String, Option<String>, String) {
        (self.version.clone(), self.kind.clone(), self.namespace.clone(), self.name.clone())
    }
}

/// No separators of paths, and nothing that a file system minds.
fn in_one_piece(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    text.chars().map(plain).collect()
}

fn yaml(value: &Value) -> String {
    yaml::document(value)
}

/// A page about files whose values are not all known.
fn readme(title: &str, about: &str, unknown: &BTreeSet<String>) -> String {
    let mut text = format!("# {title}\n\n{}\n", about.trim());
    if !unknown.is_empty() {
        text.push_str(
            "\n## Not known here\n\nPut the real values in place of these before the files are used:\n\n",
        );
        for one in unknown {
            text.extend(["- `", one, "`\n"]);
        }
    }
    text
}

/// How many other objects must be there first, one after the other, counting only what `counts`.
fn depths<'g>(graph: &'g Graph, counts: impl Fn(&Address) -> bool) -> BTreeMap<&'g Address, usize> {
    let edges =
        |address: &Address| graph.nodes.get(address).into_iter().flat_map(|node| node.needs.keys());
    let mut depths: BTreeMap<&'g Address, usize> = BTreeMap::new();
    for root in graph.nodes.keys() {
        // Depth first by hand: chains may be long.
        let mut stack = vec![(root, false)];
        while let Some((address, done)) = stack.pop() {
            if done {
                let below = edges(address).filter_map(|to| {
                    let (to, _) = graph.nodes.get_key_value(to)?;
                    Some(depths.get(to).copied().unwrap_or(0) + usize::from(counts(to)))
                });
                let depth = below.max().unwrap_or(0);
                depths.insert(address, depth);
            } else if !depths.contains_key(address) {
                stack.push((address, true));
                let next = edges(address).filter_map(|to| graph.nodes.get_key_value(to));
                stack.extend(
                    next.map(|(to, _)| (to, false)).filter(|(to, _)| !depths.contains_key(to)),
                );
            }
        }
    }
    depths
}
