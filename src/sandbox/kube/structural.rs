//! Structural schemas of custom resources: their type, pruning, defaulting and validation.
//!
//! Rules in CEL (`x-kubernetes-validations`) are not evaluated: an object that breaks only these is accepted.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::status::Cause;
use super::types::{Field, List, ListKind, Scalar, Struct, Type, word};

/// The type of a whole object with this schema: that of its kind, with the metadata that every object has.
pub(super) fn object_type(schema: &Value) -> Type {
    let mut object = match type_of(schema) {
        Type::Struct(object) => *object,
        _ => Struct { open: true, ..Struct::default() },
    };
    embed(&mut object);
    Type::Struct(Box::new(object))
}

fn embed(object: &mut Struct) {
    let optional = |of| Field { of, required: false };
    object.fields.insert("apiVersion".into(), optional(Type::Scalar(Scalar::String)));
    object.fields.insert("kind".into(), optional(Type::Scalar(Scalar::String)));
    object.fields.insert("metadata".into(), optional(Type::builtin("ObjectMeta")));
}

fn type_of(schema: &Value) -> Type {
    let says = |name: &str| schema[name] == json!(true);
    let open = says("x-kubernetes-preserve-unknown-fields");
    if says("x-kubernetes-int-or-string") {
        return Type::Scalar(Scalar::IntOrString);
    }
    let atomic = schema["x-kubernetes-map-type"] == "atomic";
    match schema["type"].as_str().unwrap_or_default() {
        "object" => {
            if let Some(of) = schema.get("additionalProperties").filter(|it| it.is_object()) {
                return Type::Map { of: Box::new(type_of(of)), atomic };
            }
            let properties = schema["properties"].as_object();
            if open
                && properties.is_none_or(Map::is_empty)
                && !says("x-kubernetes-embedded-resource")
            {
                return Type::Any;
            }
            let fields = properties.into_iter().flatten().map(|(name, schema)| {
                (name.clone(), Field { of: type_of(schema), required: false })
            });
            let mut object = Struct { fields: fields.collect(), atomic, open };
            if says("x-kubernetes-embedded-resource") {
                embed(&mut object);
            }
            Type::Struct(Box::new(object))
        }
        "array" => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            let kind = match schema["x-kubernetes-list-type"].as_str() {
                Some("map") => {
                    ListKind::Map(keys.filter_map(Value::as_str).map(str::to_owned).collect())
                }
                Some("set") => ListKind::Set,
                _ => ListKind::Atomic,
            };
            Type::List(Box::new(List { of: type_of(&schema["items"]), kind, strategic: None }))
        }
        "string" => Type::Scalar(Scalar::String),
        "integer" => Type::Scalar(Scalar::Integer),
        "number" => Type::Scalar(Scalar::Number),
        "boolean" => Type::Scalar(Scalar::Boolean),
        _ => Type::Any,
    }
}

/// Drops fields that the type does not know.
pub(super) fn prune(of: &Type, value: &mut Value) {
    match (of, value) {
        (Type::List(list), Value::Array(items)) => {
            for item in items {
                prune(&list.of, item);
            }
        }
        (Type::Map { of, .. }, Value::Object(members)) => {
            members.values_mut().for_each(|it| prune(of, it));
        }
        (Type::Named { .. } | Type::Struct(_), Value::Object(members)) => {
            let Some(declared) = of.as_struct() else { return };
            members.retain(|key, _| declared.open || declared.fields.contains_key(key));
            for (key, member) in members.iter_mut() {
                if let Some(field) = declared.fields.get(key) {
                    prune(&field.of, member);
                }
            }
        }
        _ => {}
    }
}

/// Fills in what the schema has defaults for, and drops nulls that it neither allows nor needs.
pub(super) fn default(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
                let null = members.get(key).is_some_and(Value::is_null)
                    && schema["nullable"] != json!(true);
                if null {
                    members.remove(key);
                }
                if let (None, Some(default)) = (members.get(key), schema.get("default")) {
                    members.insert(key.clone(), default.clone());
                }
            }
            let declared = schema["properties"].as_object();
            for (key, member) in members.iter_mut() {
                let below =
                    declared.and_then(|it| it.get(key)).or(schema.get("additionalProperties"));
                if let Some(below) = below {
                    default(below, member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| default(&schema["items"], item)),
        _ => {}
    }
}

/// What breaks the schema, below `path`.
pub(super) fn validate(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    if value.is_null() && schema["nullable"] == json!(true) {
        return;
    }
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        if !value.is_string() && !value.is_i64() {
            causes.push(mistyped(path, value, "integer,string"));
        }
    } else if let Some(expected) = schema["type"].as_str() {
        let fits = match expected {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => {
                value.is_i64()
                    || value.is_u64()
                    || value.as_f64().is_some_and(|it| it.fract() == 0.0)
            }
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            _ => true,
        };
        if !fits {
            causes.push(mistyped(path, value, expected));
            return;
        }
    }
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        causes.push(Cause::unsupported(path, value, &allowed));
    }
    match value {
        Value::String(text) => strings(schema, text, value, path, causes),
        Value::Number(number) => {
            numbers(schema, number.as_f64().unwrap_or_default(), value, path, causes);
        }
        Value::Array(items) => lists(schema, items, value, path, causes),
        Value::Object(members) => objects(schema, members, value, path, causes),
        Value::Bool(_) | Value::Null => {}
    }
    combinations(schema, value, path, causes);
}

fn mistyped(path: &str, value: &Value, expected: &str) -> Cause {
    let found = if value.is_i64() || value.is_u64() { "integer" } else { word(value) };
    let found = if found == "bool" { "boolean" } else { found };
    Cause::mistyped(
        path,
        &found.into(),
        &format!("{path} in body must be of type {expected}: \"{found}\""),
    )
}

fn strings(schema: &Value, text: &str, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if let Some(least) = schema["minLength"].as_u64().filter(|least| length < *least) {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path} in body should be at least {least} chars long"),
        ));
    }
    if let Some(most) = schema["maxLength"].as_u64().filter(|most| length > *most) {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            field: path.into(),
            message: format!("Too long: may not be more than {most} bytes"),
        });
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        // A pattern of Go that this engine does not know is not judged.
        let matches = regex::Regex::new(pattern).map_or(true, |it| it.is_match(text));
        if !matches {
            causes.push(Cause::invalid(
                path,
                value,
                &format!("{path} in body should match '{pattern}'"),
            ));
        }
    }
}

fn numbers(schema: &Value, number: f64, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let exclusive = |name: &str| schema[name] == json!(true);
    if let Some(least) = schema["minimum"].as_f64() {
        let outside = if exclusive("exclusiveMinimum") { number <= least } else { number < least };
        if outside {
            let or_equal = if exclusive("exclusiveMinimum") { "" } else { " or equal to" };
            let bound = &schema["minimum"];
            causes.push(Cause::invalid(
                path,
                value,
                &format!("{path} in body should be greater than{or_equal} {bound}"),
            ));
        }
    }
    if let Some(most) = schema["maximum"].as_f64() {
        let outside = if exclusive("exclusiveMaximum") { number >= most } else { number > most };
        if outside {
            let or_equal = if exclusive("exclusiveMaximum") { "" } else { " or equal to" };
            let bound = &schema["maximum"];
            causes.push(Cause::invalid(
                path,
                value,
                &format!("{path} in body should be less than{or_equal} {bound}"),
            ));
        }
    }
    if let Some(step) =
        schema["multipleOf"].as_f64().filter(|step| *step > 0.0 && (number / step).fract() != 0.0)
    {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path} in body should be a multiple of {step}"),
        ));
    }
}

fn lists(schema: &Value, items: &[Value], value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let count = u64::try_from(items.len()).unwrap_or(u64::MAX);
    if let Some(least) = schema["minItems"].as_u64().filter(|least| count < *least) {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path} in body should have at least {least} items"),
        ));
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|most| count > *most) {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(Cause { reason: "FieldValueTooMany", field: path.into(), message });
    }
    let kind = match type_of(schema) {
        Type::List(list) => list.kind,
        _ => ListKind::Atomic,
    };
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let place = format!("{path}[{index}]");
        validate(&schema["items"], item, &place, causes);
        if let Some(key) = kind.key(item)
            && !seen.insert(key.clone())
        {
            causes.push(Cause::duplicate(&place, &serde_json::from_str(&key).unwrap_or_default()));
        }
    }
}

fn objects(
    schema: &Value,
    members: &Map<String, Value>,
    value: &Value,
    path: &str,
    causes: &mut Vec<Cause>,
) {
    let below =
        |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !members.contains_key(name) {
            causes.push(Cause::required(&below(name), ""));
        }
    }
    let count = u64::try_from(members.len()).unwrap_or(u64::MAX);
    if let Some(least) = schema["minProperties"].as_u64().filter(|least| count < *least) {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path} in body should have at least {least} properties"),
        ));
    }
    if let Some(most) = schema["maxProperties"].as_u64().filter(|most| count > *most) {
        let message = format!("Too many: {count}: must have at most {most} items");
        causes.push(Cause { reason: "FieldValueTooMany", field: path.into(), message });
    }
    let declared = schema["properties"].as_object();
    for (name, member) in members {
        let known = declared.and_then(|it| it.get(name)).or(schema.get("additionalProperties"));
        if let Some(schema) = known.filter(|it| it.is_object()) {
            validate(schema, member, &below(name), causes);
        }
    }
}

fn combinations(schema: &Value, value: &Value, path: &str, causes: &mut Vec<Cause>) {
    let holds = |schema: &Value| {
        let mut found = Vec::new();
        validate(schema, value, path, &mut found);
        found.is_empty()
    };
    for part in schema["allOf"].as_array().into_iter().flatten() {
        validate(part, value, path, causes);
    }
    let tell = |causes: &mut Vec<Cause>, what: &str| {
        causes.push(Cause::invalid(path, value, &format!("{path:?} must validate {what}")));
    };
    if schema["anyOf"].as_array().is_some_and(|parts| !parts.iter().any(holds)) {
        tell(causes, "at least one schema (anyOf)");
    }
    if schema["oneOf"]
        .as_array()
        .is_some_and(|parts| parts.iter().filter(|it| holds(it)).count() != 1)
    {
        tell(causes, "one and only one schema (oneOf). Found none valid");
    }
    if schema.get("not").is_some_and(|part| part.is_object() && holds(part)) {
        causes.push(Cause::invalid(
            path,
            value,
            &format!("{path:?} must not validate the schema (not)"),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Value {
        json!({"type": "object", "properties": {"spec": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5},
            "mode": {"type": "string", "enum": ["on", "off"], "default": "on"},
            "count": {"type": "integer", "minimum": 1, "maximum": 3},
            "port": {"x-kubernetes-int-or-string": true},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
            "rules": {"type": "array", "minItems": 1, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"],
                "items": {"type": "object", "properties": {"id": {"type": "string"}, "weight": {"type": "integer", "default": 1}}}},
            "none": {"type": "string", "nullable": true},
        }}}})
    }

    #[test]
    fn an_object_is_pruned_and_completed() {
        let of = object_type(&schema());
        let mut object = json!({"apiVersion": "a/v1", "kind": "K", "metadata": {"name": "n", "colour": 1}, "extra": 1,
            "spec": {"name": "abc", "what": 1, "free": {"any": [1]}, "rules": [{"id": "a", "x": 1}], "none": null, "count": null}});
        prune(&of, &mut object);
        default(&schema(), &mut object);
        assert_eq!(
            object,
            json!({"apiVersion": "a/v1", "kind": "K", "metadata": {"name": "n"},
                "spec": {"name": "abc", "mode": "on", "free": {"any": [1]}, "rules": [{"id": "a", "weight": 1}], "none": null}})
        );
    }

    #[test]
    fn what_breaks_a_schema_is_told_as_a_real_server_tells_it() {
        for (spec, field, message) in [
            (json!({}), "spec.name", "Required value"),
            (
                json!({"name": 5}),
                "spec.name",
                r#"Invalid value: "integer": spec.name in body must be of type string: "integer""#,
            ),
            (
                json!({"name": "ABC"}),
                "spec.name",
                r#"Invalid value: "ABC": spec.name in body should match '^[a-z]+$'"#,
            ),
            (json!({"name": "abcdef"}), "spec.name", "Too long: may not be more than 5 bytes"),
            (
                json!({"name": "a", "mode": "x"}),
                "spec.mode",
                r#"Unsupported value: "x": supported values: "on", "off""#,
            ),
            (
                json!({"name": "a", "count": 0}),
                "spec.count",
                "Invalid value: 0: spec.count in body should be greater than or equal to 1",
            ),
            (
                json!({"name": "a", "count": 4}),
                "spec.count",
                "Invalid value: 4: spec.count in body should be less than or equal to 3",
            ),
            (
                json!({"name": "a", "labels": {"x": 1}}),
                "spec.labels.x",
                r#"Invalid value: "integer": spec.labels.x in body must be of type string: "integer""#,
            ),
            (
                json!({"name": "a", "rules": []}),
                "spec.rules",
                "Invalid value: []: spec.rules in body should have at least 1 items",
            ),
            (
                json!({"name": "a", "rules": [{"id": "a"}, {"id": "a"}]}),
                "spec.rules[1]",
                r#"Duplicate value: {"id":"a"}"#,
            ),
            (
                json!({"name": "a", "port": true}),
                "spec.port",
                r#"Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean""#,
            ),
        ] {
            let mut causes = Vec::new();
            validate(&schema(), &json!({"spec": spec}), "", &mut causes);
            let told: Vec<_> =
                causes.iter().map(|it| (it.field.as_str(), it.message.as_str())).collect();
            assert_eq!(told, [(field, message)], "{spec}");
        }
        let mut causes = Vec::new();
        validate(
            &schema(),
            &json!({"spec": {"name": "a", "port": "http", "none": null}}),
            "",
            &mut causes,
        );
        assert_eq!(causes, []);
    }
}
