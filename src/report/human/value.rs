//! Values of specs as people read them: references by name, policy documents as JSON, nothing longer than it helps.

use serde_json::Value;

use crate::kind::reference;
use crate::report::words::shortened;

/// On one line. A reference stands bare, a text with references in it names them in `${…}`.
pub(super) fn inline(value: &Value) -> String {
    if let Some(name) = reference_name(value) {
        return name;
    }
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) if !reference::is_open(value) => {
            let members = members.iter().map(|(name, value)| format!("{name}: {}", inline(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        _ => shown(value).to_string(),
    }
}

/// As the lines of a document: a plain list has a line for each item, everything else is YAML. A policy that is a text
/// of JSON is shown as what it says.
pub(super) fn lines(value: &Value) -> String {
    let shown = shown(value);
    let parsed = shown.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let document = parsed.filter(|parsed| parsed.is_object() || parsed.is_array()).unwrap_or(shown);
    match &document {
        Value::Array(items) if !items.iter().any(is_structure) => {
            let lines: Vec<String> = items.iter().map(inline).collect();
            lines.join("\n") + "\n"
        }
        _ => serde_yaml::to_string(&document).expect("a JSON value is a YAML value"),
    }
}

/// Whether it has parts that deserve lines of their own.
pub(super) fn is_structure(value: &Value) -> bool {
    match value {
        Value::Object(_) => !reference::is_open(value),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => text.starts_with(['{', '[']) && text.len() > 2,
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether it is known only once something else has been made.
pub(super) fn is_unknown(value: &Value) -> bool {
    !reference::all(value).is_empty()
}

/// Two texts that differ, each at most `max` characters: what they begin and end with alike goes first.
pub(super) fn shortened_pair(before: &str, after: &str, max: usize) -> (String, String) {
    if before.chars().count().max(after.chars().count()) <= max {
        return (before.into(), after.into());
    }
    let alike = |pairs: &mut dyn Iterator<Item = (char, char)>| {
        pairs.take_while(|(left, right)| left == right).count()
    };
    let head = alike(&mut before.chars().zip(after.chars())).saturating_sub(CONTEXT);
    let tail = alike(&mut before.chars().rev().zip(after.chars().rev())).saturating_sub(CONTEXT);
    let cut = |text: &str| {
        let length = text.chars().count();
        let middle: String =
            text.chars().skip(head).take(length.saturating_sub(head + tail)).collect();
        let mark = |cut: usize| if cut > 0 { "…" } else { "" };
        shortened(&format!("{}{middle}{}", mark(head), mark(tail)), max)
    };
    (cut(before), cut(after))
}

/// Characters that stay of what two texts have in common.
const CONTEXT: usize = 8;

/// `network/vpc.VpcId`, if the value is that reference and nothing else.
fn reference_name(value: &Value) -> Option<String> {
    let found = reference::all(value);
    let [(path, reference)] = found.as_slice() else { return None };
    (path.is_empty() && *value == reference.to_value()).then(|| reference.to_string())
}

/// With every reference replaced by its name.
fn shown(value: &Value) -> Value {
    reference::resolve(value, &|reference| Some(format!("${{{reference}}}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::Ref;

    #[test]
    fn references_are_named() {
        let vpc = Ref::new(&"network/vpc".parse().unwrap(), "VpcId").to_value();
        assert_eq!(inline(&vpc), "network/vpc.VpcId");
        let arn = reference::join([json!("arn:"), vpc.clone()]);
        assert_eq!(inline(&arn), r#""arn:${network/vpc.VpcId}""#);
        assert_eq!(
            inline(&json!({"Id": [vpc], "On": true})),
            "{Id: [network/vpc.VpcId], On: true}"
        );
    }

    #[test]
    fn shortening_keeps_what_differs() {
        assert_eq!(shortened("arn:aws:iam::1:role/reader", 13), "arn:aw…reader");
        let long = |id: u8| format!("arn:aws:iam::123456789012:role/team/a{id}/{}", "x".repeat(40));
        let (before, after) = shortened_pair(&long(1), &long(2), 30);
        assert_eq!(
            (before.as_str(), after.as_str()),
            ("…e/team/a1/xxxxxxx…", "…e/team/a2/xxxxxxx…")
        );
    }

    #[test]
    fn policies_in_texts_are_documents_and_lists_have_an_item_a_line() {
        assert_eq!(lines(&json!(["a", "b"])), "\"a\"\n\"b\"\n");
        assert_eq!(lines(&json!(r#"{"Version":"2012-10-17"}"#)), "Version: 2012-10-17\n");
        assert!(is_structure(&json!("{\"a\":1}")) && !is_structure(&json!("{}")));
    }
}
