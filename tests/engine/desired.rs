//! Desired sides, written short: YAML with `${address.Output}` for a reference.

use std::collections::BTreeMap;

use platctl::address::{Address, Stack};
use platctl::graph::{Builder, Graph, GraphError};
use platctl::kind::{DeletionPolicy, Ref};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) const REGION: &str = "eu-west-1";

pub(crate) fn stack() -> Stack {
    Stack::new("shop-test")
}

/// What should be, by address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Desired(pub(crate) BTreeMap<Address, Resource>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resource {
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) spec: Map<String, Value>,
    /// Further resources that must work before it is made.
    #[serde(default)]
    pub(crate) after: Vec<Address>,
    #[serde(default)]
    pub(crate) deletion: DeletionPolicy,
    pub(crate) region: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

impl Desired {
    pub(crate) fn parse(yaml: &str) -> Self {
        serde_yaml::from_str(yaml).unwrap()
    }

    /// With properties of one resource changed; `null` takes one away.
    pub(crate) fn with(&self, address: &str, patch: Value) -> Self {
        let mut changed = self.clone();
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        changed.0.get_mut(&address.parse().unwrap()).unwrap().spec.extend(patch);
        changed
    }

    pub(crate) fn without(&self, addresses: &[&str]) -> Self {
        let mut changed = self.clone();
        for address in addresses {
            changed.0.remove(&address.parse().unwrap()).unwrap();
        }
        changed
    }

    /// With one resource under another address, and all references to it following.
    pub(crate) fn renamed(&self, from: &str, to: &str) -> Self {
        let rename = |text: &str| text.replace(&format!("${{{from}."), &format!("${{{to}."));
        let renamed = self.0.iter().map(|(address, resource)| {
            let spec =
                serde_json::from_str(&rename(&Value::from(resource.spec.clone()).to_string()));
            let address =
                if address.as_str() == from { to.parse().unwrap() } else { address.clone() };
            (address, Resource { spec: spec.unwrap(), ..resource.clone() })
        });
        Self(renamed.collect())
    }

    pub(crate) fn graph(&self) -> Graph {
        self.build_in(Order::Ascending).unwrap_or_else(|errors| panic!("{errors:?}"))
    }

    /// The graph, its resources added in this order of their addresses.
    pub(crate) fn build_in(&self, order: Order) -> Result<Graph, Vec<GraphError>> {
        let mut builder = Builder::new(stack(), REGION, BTreeMap::new());
        let mut resources: Vec<_> = self.0.iter().collect();
        if order == Order::Descending {
            resources.reverse();
        }
        for (address, Resource { kind, spec, after, deletion, region }) in resources {
            let spec = with_references(&Value::Object(spec.clone()));
            let added = builder.add(address.clone(), kind, spec).after_all(after);
            added.deletion(*deletion).region(region.as_deref().unwrap_or(REGION));
        }
        builder.build()
    }
}

/// Texts of the form `${address.Output}` as references.
fn with_references(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let inner = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
            // Outputs may have dots (`Endpoint.Address`), these tests' addresses have none.
            match inner.and_then(|inner| inner.split_once('.')) {
                Some((address, output)) => Ref::new(&address.parse().unwrap(), output).to_value(),
                None => value.clone(),
            }
        }
        Value::Array(items) => items.iter().map(with_references).collect(),
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| (name.clone(), with_references(value)));
            members.collect::<Map<_, _>>().into()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
