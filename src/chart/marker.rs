//! `platctl-ref(ADDRESS.OUTPUT)` inside a text: charts are rendered before anything exists, so what is known only later
//! is named by a text that comes out of them as it went in.

use serde_json::Value;

use crate::address::Address;
use crate::kind::{Ref, reference};

const BEGIN: &str = "platctl-ref(";

/// A manifest with references in place of its markers; an error is a marker that names nothing.
pub(super) fn references(value: Value) -> Result<Value, String> {
    match value {
        Value::String(text) if text.contains(BEGIN) => text_with(&text),
        Value::Array(items) => items.into_iter().map(references).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| Ok((key, references(value)?))).collect()
        }
        other => Ok(other),
    }
}

fn text_with(text: &str) -> Result<Value, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, marker)) = rest.split_once(BEGIN) {
        if !before.is_empty() {
            parts.push(Value::String(before.into()));
        }
        let (inside, after) = marker
            .split_once(')')
            .ok_or_else(|| format!("`{BEGIN}{marker}` has no closing parenthesis"))?;
        parts.push(named(inside)?.to_value());
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Value::String(rest.into()));
    }
    Ok(match <[Value; 1]>::try_from(parts) {
        Ok([only]) => only,
        Err(parts) => reference::join(parts),
    })
}

/// Roles and outputs may both have dots: an output begins with a capital, and no part of an address behind a dot does.
fn named(inside: &str) -> Result<Ref, String> {
    let wrong = || format!("`{BEGIN}{inside})` does not name an address and an output");
    let slash = inside.find('/').ok_or_else(wrong)?;
    let dots = inside.match_indices('.').map(|(at, _)| at).filter(|at| *at > slash);
    let begins = |at: &usize| inside[at + 1..].starts_with(|c: char| c.is_ascii_uppercase());
    let dot = dots.into_iter().find(begins).ok_or_else(wrong)?;
    let address: Address = inside[..dot].parse().map_err(|_| wrong())?;
    Ok(Ref::new(&address, &inside[dot + 1..]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markers_become_references() {
        let vpc = json!({"Fn::GetAtt": ["network/vpc", "VpcId"]});
        let value = |text: &str| references(json!([text])).map(|it| it[0].clone());
        assert_eq!(value("platctl-ref(network/vpc.VpcId)"), Ok(vpc.clone()));
        assert_eq!(
            value("--vpc=platctl-ref(network/vpc.VpcId),"),
            Ok(json!({"Fn::Join": ["", ["--vpc=", vpc, ","]]}))
        );
        assert_eq!(
            value("platctl-ref(databases.orders/instance.Endpoint.Address)"),
            Ok(json!({"Fn::GetAtt": ["databases.orders/instance", "Endpoint.Address"]}))
        );
        assert_eq!(value("plain"), Ok(json!("plain")));
        for wrong in ["platctl-ref(network/vpc.VpcId", "platctl-ref(vpc.VpcId)", "platctl-ref(a/b)"]
        {
            assert!(value(wrong).is_err(), "{wrong}");
        }
    }
}
