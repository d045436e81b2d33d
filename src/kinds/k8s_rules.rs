//! Rules of custom resource definitions, in CEL: `x-kubernetes-validations`.
//!
//! A rule is judged only where the answer is sure. What compares with the former object, calls a function that Kubernetes
//! has and the interpreter here has not, or looks at a value that is not known yet, is left to the API server.

use std::collections::{BTreeMap, HashMap};

use cel::{Context, Program};
use serde_json::{Map, Value};

use crate::kind::reference;

const RULES: &str = "x-kubernetes-validations";

/// The rules of a version of a kind, with all that they stand in.
pub struct Rules(Value);

/// Rules by their texts; `None` for one that is not judged.
type Programs<'s> = BTreeMap<&'s str, Option<Program>>;

impl Rules {
    /// Of the schema of a version (`openAPIV3Schema`); `None` if it has no rules.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        has_rules(schema).then(|| Self(schema.clone()))
    }

    /// What an object breaks. Open values stand as masked texts.
    pub(super) fn broken(&self, object: &Value) -> Vec<String> {
        let object = defaulted(&self.0, object);
        let (mut programs, mut found) = (Programs::new(), Vec::new());
        walk(&self.0, &object, &mut String::new(), &mut programs, &mut found);
        found
    }
}

fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => members.contains_key(RULES) || members.values().any(has_rules),
        Value::Array(items) => items.iter().any(has_rules),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A value with the defaults that the API server puts in before it judges.
fn defaulted(schema: &Value, value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut full = Map::new();
            for (name, value) in members {
                full.insert(name.clone(), defaulted(of_member(schema, name), value));
            }
            for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(default) = schema.get("default").filter(|_| !full.contains_key(name)) {
                    full.insert(name.clone(), defaulted(schema, default));
                }
            }
            full.into()
        }
        Value::Array(items) => items.iter().map(|it| defaulted(&schema["items"], it)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn of_member<'s>(schema: &'s Value, name: &str) -> &'s Value {
    schema["properties"].get(name).unwrap_or(&schema["additionalProperties"])
}

fn walk<'s>(
    schema: &'s Value,
    value: &Value,
    path: &mut String,
    programs: &mut Programs<'s>,
    found: &mut Vec<String>,
) {
    if value.is_null() {
        return;
    }
    if let Some(rules) = schema[RULES].as_array().filter(|_| !is_open(value)) {
        let context = context(value);
        for rule in rules {
            let text = rule["rule"].as_str().unwrap_or_default();
            let program = programs.entry(text).or_insert_with(|| program(text));
            let answer = program.as_ref().map(|program| program.execute(&context));
            if let Some(Ok(cel::Value::Bool(false))) = answer {
                let message = rule["message"].as_str().map_or_else(
                    || format!("it breaks the rule `{}`", text.trim()),
                    |message| message.trim().to_owned(),
                );
                let at = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
                found.push(format!("{at}{message}"));
            }
        }
    }
    let mut step = |name: &str, schema: &'s Value, value: &Value| {
        let length = path.len();
        let dot = if path.is_empty() { "" } else { "." };
        path.extend([dot, name]);
        walk(schema, value, path, programs, found);
        path.truncate(length);
    };
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                step(name, of_member(schema, name), value);
            }
        }
        Value::Array(items) => {
            for (at, value) in items.iter().enumerate() {
                step(&at.to_string(), &schema["items"], value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A rule that can be judged. `oldSelf` is of updates alone; names with `__` stand for others, which a mere `has` would
/// not find.
fn program(rule: &str) -> Option<Program> {
    let can_be_judged = !rule.contains("oldSelf") && !rule.contains("__");
    Program::compile(rule).ok().filter(|_| can_be_judged)
}

fn context(value: &Value) -> Context<'static, 'static> {
    let mut context = Context::default();
    context.add_variable_from_value("self", of_json(value));
    context
}

/// Whole numbers are signed ones, as in Kubernetes.
fn of_json(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(it) => cel::Value::Bool(*it),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(of_json).collect::<Vec<_>>().into(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), of_json(value)));
            members.collect::<HashMap<String, cel::Value>>().into()
        }
    }
}

/// Whether something in it is not known yet.
fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => reference::is_masked(text),
        Value::Array(items) => items.iter().any(is_open),
        Value::Object(members) => members.values().any(is_open),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(rule: &str) -> Value {
        json!([{"rule": rule}])
    }

    fn broken(schema: &Value, object: &Value) -> Vec<String> {
        let (masked, _) = reference::mask(object);
        Rules::of(schema).unwrap().broken(&masked)
    }

    #[test]
    fn rules_hold_wherever_they_stand() {
        let schema = json!({
            "properties": {"spec": {
                RULES: [{"rule": "has(self.weight) || has(self.size)", "message": " one of the two \n"}],
                "properties": {
                    "size": {"type": "integer", RULES: rule("self % 2 == 0 && self / 2 < 100")},
                    "names": {"items": {"type": "string", RULES: rule("self.matches('^[a-z]+$')")}},
                    "limits": {"additionalProperties": {RULES: rule("self.min <= self.max")}},
                },
            }},
        });
        let right =
            json!({"spec": {"size": 4, "names": ["a"], "limits": {"x": {"min": 1, "max": 1.5}}}});
        assert_eq!(broken(&schema, &right), [""; 0]);
        let wrong = json!({"spec": {"size": 3, "names": ["a", "B"], "limits": {"x": {"min": 2, "max": 1}}}});
        let expected = [
            "`spec.limits.x`: it breaks the rule `self.min <= self.max`",
            "`spec.names.1`: it breaks the rule `self.matches('^[a-z]+$')`",
            "`spec.size`: it breaks the rule `self % 2 == 0 && self / 2 < 100`",
        ];
        assert_eq!(broken(&schema, &wrong), expected);
        assert_eq!(broken(&schema, &json!({"spec": {}})), ["`spec`: one of the two"]);
    }

    #[test]
    fn defaults_come_first() {
        let schema = json!({"properties": {"spec": {
            RULES: rule("self.mode != 'b' || has(self.size)"),
            "properties": {"mode": {"type": "string", "default": "b"}, "size": {"type": "integer"}},
        }}});
        assert_eq!(broken(&schema, &json!({"spec": {}})).len(), 1);
        assert_eq!(broken(&schema, &json!({"spec": {"mode": "a"}})), [""; 0]);
        assert_eq!(broken(&schema, &json!({"spec": {"size": 1}})), [""; 0]);
    }

    #[test]
    fn what_is_not_sure_is_left_to_the_server() {
        let object = json!({"spec": {"a": "x", "b": {"Fn::GetAtt": ["network/vpc", "VpcId"]}}});
        for text in [
            "self.a == oldSelf.a",
            "false && self == oldSelf",
            "has(self.a__dash__b)",
            "!isURL(self.a) && false == isURL(self.a)",
            "self.?c.hasValue()",
            "this is no rule",
            "self.c == 1",
            "self.b == 'known'",
            "self.a",
        ] {
            let schema = json!({"properties": {"spec": {RULES: rule(text)}}});
            assert_eq!(broken(&schema, &object), [""; 0], "{text}");
        }
        assert!(Rules::of(&json!({"properties": {"spec": {}}})).is_none());
    }
}
