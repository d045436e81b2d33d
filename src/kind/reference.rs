//! References to outputs of other resources, inside a spec: the only unknown values of a plan.
//!
//! In a spec a reference is written as CloudFormation writes it, `{"Fn::GetAtt": ["network/vpc", "VpcId"]}`; a text
//! with references in it is `{"Fn::Join": ["", ["arn:aws:s3:::", {"Fn::GetAtt": […]}, "/*"]]}`. They stay in the plan
//! and are [resolved](resolve) just before the call.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::address::Address;

/// An output of a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ref {
    pub address: Address,
    pub output: String,
}

const GET_ATT: &str = "Fn::GetAtt";
const JOIN: &str = "Fn::Join";
/// Begins what stands for an open value. No real value can look like this: NUL is refused by the blueprint and by
/// every service.
const MASK: char = '\0';

impl Ref {
    pub fn new(address: &Address, output: &str) -> Self {
        Self { address: address.clone(), output: output.into() }
    }

    /// The reference as it stands in a spec.
    pub fn to_value(&self) -> Value {
        json!({ GET_ATT: [self.address, self.output] })
    }

    fn from_value(value: &Value) -> Option<Self> {
        let arguments = only_member(value, GET_ATT)?.as_array()?;
        let [address, output] = arguments.as_slice() else { return None };
        Some(Self { address: address.as_str()?.parse().ok()?, output: output.as_str()?.into() })
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.address, self.output)
    }
}

impl From<Ref> for Value {
    fn from(reference: Ref) -> Self {
        reference.to_value()
    }
}

/// A text made of literal texts and references.
pub fn join(parts: impl IntoIterator<Item = Value>) -> Value {
    json!({ JOIN: ["", parts.into_iter().collect::<Vec<_>>()] })
}

/// All references in `spec`, each with the path at which it stands (`Listeners[0].CertificateArn`), in order.
pub fn all(spec: &Value) -> Vec<(String, Ref)> {
    let mut found = Vec::new();
    collect(spec, &mut String::new(), &mut found);
    found
}

/// `spec` with every reference that `outputs` knows replaced by its value. Unknown ones stay.
pub fn resolve(spec: &Value, outputs: &dyn Fn(&Ref) -> Option<String>) -> Value {
    if let Some(reference) = Ref::from_value(spec) {
        return outputs(&reference).map_or_else(|| spec.clone(), Value::String);
    }
    if let Some(parts) = join_parts(spec) {
        let parts: Vec<Value> = parts.iter().map(|part| resolve(part, outputs)).collect();
        let text: Option<String> = parts.iter().map(Value::as_str).collect();
        return text.map_or_else(|| join(parts), Value::String);
    }
    match spec {
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), resolve(value, outputs))).collect()
        }
        Value::Array(items) => items.iter().map(|item| resolve(item, outputs)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => spec.clone(),
    }
}

/// `spec` with the address of every reference replaced.
pub fn relocate(spec: Value, to: &dyn Fn(&Address) -> Address) -> Value {
    if let Some(Ref { address, output }) = Ref::from_value(&spec) {
        return Ref { address: to(&address), output }.to_value();
    }
    match spec {
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key, relocate(value, to))).collect()
        }
        Value::Array(items) => items.into_iter().map(|item| relocate(item, to)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => spec,
    }
}

/// Whether this very value is a reference or a text with references.
pub fn is_open(value: &Value) -> bool {
    Ref::from_value(value).is_some() || join_parts(value).is_some()
}

/// `spec` with a text in place of every open value, so that it decodes as a typed spec, and what the texts stand for.
pub(crate) fn mask(spec: &Value) -> (Value, BTreeMap<String, Value>) {
    let mut masked = BTreeMap::new();
    (replace_open(spec, &mut masked), masked)
}

/// Whether a text was made from one that stands for an open value.
pub(crate) fn is_masked(text: &str) -> bool {
    text.contains(MASK)
}

/// Undoes [`mask`].
pub(super) fn unmask(spec: Value, masked: &BTreeMap<String, Value>) -> Value {
    match spec {
        Value::String(text) => masked.get(&text).cloned().unwrap_or(Value::String(text)),
        Value::Array(items) => items.into_iter().map(|item| unmask(item, masked)).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key, unmask(value, masked))).collect()
        }
        other @ (Value::Null | Value::Bool(_) | Value::Number(_)) => other,
    }
}

fn replace_open(spec: &Value, masked: &mut BTreeMap<String, Value>) -> Value {
    if is_open(spec) {
        let text = format!("{MASK}{}", masked.len());
        masked.insert(text.clone(), spec.clone());
        return Value::String(text);
    }
    match spec {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.clone(), replace_open(value, masked)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| replace_open(item, masked)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => spec.clone(),
    }
}

fn collect(value: &Value, path: &mut String, found: &mut Vec<(String, Ref)>) {
    if let Some(reference) = Ref::from_value(value) {
        found.push((path.clone(), reference));
        return;
    }
    let end = path.len();
    if let Some(parts) = join_parts(value) {
        for part in parts {
            collect(part, path, found);
        }
    } else if let Value::Object(members) = value {
        for (key, member) in members {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(key);
            collect(member, path, found);
            path.truncate(end);
        }
    } else if let Value::Array(items) = value {
        for (index, item) in items.iter().enumerate() {
            path.extend(["[", &index.to_string(), "]"]);
            collect(item, path, found);
            path.truncate(end);
        }
    }
}

fn join_parts(value: &Value) -> Option<&Vec<Value>> {
    match only_member(value, JOIN)?.as_array()?.as_slice() {
        [Value::String(delimiter), Value::Array(parts)] if delimiter.is_empty() => Some(parts),
        _ => None,
    }
}

fn only_member<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    let members = value.as_object()?;
    if members.len() == 1 { members.get(key) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vpc() -> Ref {
        Ref::new(&"network/vpc".parse().unwrap(), "VpcId")
    }

    #[test]
    fn references_are_found_with_their_paths() {
        let spec = json!({
            "VpcId": vpc().to_value(),
            "Items": [{"Arn": join([json!("arn:"), vpc().to_value()])}],
        });
        let found = all(&spec);
        assert_eq!(found, [("Items[0].Arn".into(), vpc()), ("VpcId".into(), vpc())]);
    }

    #[test]
    fn known_references_become_texts_and_unknown_ones_stay() {
        let spec = json!({"A": vpc().to_value(), "B": join([json!("x/"), vpc().to_value()])});
        let known = resolve(&spec, &|_| Some("vpc-1".into()));
        assert_eq!(known, json!({"A": "vpc-1", "B": "x/vpc-1"}));
        assert_eq!(resolve(&spec, &|_| None), spec);
    }

    #[test]
    fn masking_can_be_undone() {
        let spec = json!({"A": vpc().to_value(), "B": ["x", join([vpc().to_value()])]});
        let (masked, open) = mask(&spec);
        assert!(all(&masked).is_empty());
        assert_eq!(unmask(masked, &open), spec);
    }
}
