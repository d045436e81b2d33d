//! Schemas of custom resource definitions: what an API server would refuse of an object, told without it.

use serde_json::{Map, Value, json};

use super::k8s_rules::Rules;
use crate::kind::reference;

/// As many mistakes of one object are told.
const MISTAKES_MAX: usize = 5;
/// What defines other kinds: `group/Kind`.
pub const DEFINITION: &str = "apiextensions.k8s.io/CustomResourceDefinition";

/// Group, version and kind.
pub type Gvk<'a> = (&'a str, &'a str, &'a str);

/// Whether the spec of a definition defines a kind.
pub fn defines(spec: &Value, group: &str, kind: &str) -> bool {
    let spec = &spec["spec"];
    spec["group"] == group && spec["names"]["kind"] == kind
}

/// What the API server asks of the objects of a version of a kind.
pub enum Schema {
    /// The version is not served.
    NotServed(Vec<String>),
    Known {
        shape: Box<jsonschema::Validator>,
        rules: Option<Box<Rules>>,
    },
}

/// The schemas of all versions in the spec of a definition.
pub fn of_definition(spec: &Value) -> Vec<(Gvk<'_>, Schema)> {
    let spec = &spec["spec"];
    let (Some(group), Some(kind)) = (spec["group"].as_str(), spec["names"]["kind"].as_str()) else {
        return Vec::new();
    };
    let versions = || spec["versions"].as_array().into_iter().flatten();
    let is_served = |version: &&Value| version["served"] != false;
    let served = versions().filter(is_served).filter_map(|it| it["name"].as_str());
    let served: Vec<String> = served.map(str::to_owned).collect();
    let schema = |version: &'_ Value| {
        if !is_served(&version) {
            return Some(Schema::NotServed(served.clone()));
        }
        let schema = version["schema"].get("openAPIV3Schema")?;
        // A schema that the API server would refuse is its own mistake, and told by the server.
        let built = jsonschema::draft202012::new(&of_object(schema)).ok()?;
        Some(Schema::Known { shape: Box::new(built), rules: Rules::of(schema).map(Box::new) })
    };
    versions()
        .filter_map(|version| Some(((group, version["name"].as_str()?, kind), schema(version)?)))
        .collect()
}

impl Schema {
    /// What is wrong with a spec of this `apiVersion/Kind`. What a reference stands for is right.
    pub fn mistakes(&self, kind: &str, spec: &Value) -> Vec<String> {
        let (shape, rules) = match self {
            Self::NotServed(served) => {
                let served = served.join(", ");
                return vec![format!("`{kind}` is not served any more; it is in {served}")];
            }
            Self::Known { shape, rules } => (shape, rules),
        };
        let mut object = spec.clone();
        if let Some(members) = object.as_object_mut() {
            members.remove("cluster");
        }
        let (masked, _) = reference::mask(&object);
        let found = shape.iter_errors(&masked).filter(|found| {
            // What a reference stands for is not known: it is a text.
            !found.instance().as_str().is_some_and(reference::is_masked)
        });
        let found = found.take(MISTAKES_MAX).map(|found| {
            let path = found.instance_path().to_string();
            let path = path.trim_start_matches('/').replace('/', ".");
            let at = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
            format!("{at}{found} (schema of {kind})")
        });
        let mut mistakes: Vec<String> = found.collect();
        // Rules are for what has the right shape.
        if mistakes.is_empty()
            && let Some(rules) = rules
        {
            let broken = rules.broken(&masked).into_iter().take(MISTAKES_MAX);
            mistakes.extend(broken.map(|reason| format!("{reason} (rule of {kind})")));
        }
        mistakes
    }
}

/// The schema of a whole object: what every object has stands in no schema.
fn of_object(schema: &Value) -> Value {
    let mut schema = of_value(schema);
    let Some(members) = schema.as_object_mut() else { return schema };
    let properties = members.entry("properties").or_insert_with(|| json!({}));
    for of_all in ["apiVersion", "kind", "metadata", "status"] {
        properties[of_all] = json!({});
    }
    // The object itself stands without the first two.
    if let Some(required) = members.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|it| {
            !["apiVersion", "kind", "metadata"].contains(&it.as_str().unwrap_or_default())
        });
    }
    schema
}

/// A structural schema of Kubernetes as a JSON Schema: members that it does not name are pruned there, and with strict
/// validation refused.
fn of_value(schema: &Value) -> Value {
    let Some(members) = schema.as_object() else { return schema.clone() };
    let is = |name: &str| members.get(name) == Some(&json!(true));
    let mut out = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "properties" | "patternProperties" => {
                let inner = value.as_object().into_iter().flatten();
                let inner: Map<_, _> = inner.map(|(k, v)| (k.clone(), of_value(v))).collect();
                out.insert(name.clone(), inner.into());
            }
            "items" | "additionalProperties" | "not" => {
                out.insert(name.clone(), of_value(value));
            }
            // Inside these stand only further rules for what the outer schema names.
            "allOf" | "anyOf" | "oneOf" => {
                let inner = value.as_array().into_iter().flatten().map(as_rule);
                out.insert(name.clone(), inner.collect());
            }
            // Ranges are of numbers, formats of Kubernetes' own, booleans of an older draft.
            "format" | "default" | "description" | "example" | "nullable" | "exclusiveMaximum"
            | "exclusiveMinimum" => {}
            _ if name.starts_with("x-kubernetes-") => {}
            _ => drop(out.insert(name.clone(), value.clone())),
        }
    }
    if is("x-kubernetes-int-or-string") {
        out.insert("type".into(), json!(["integer", "string"]));
        out.remove("anyOf");
    }
    if is("nullable")
        && let Some(Value::String(one)) = out.get("type").cloned()
    {
        out.insert("type".into(), json!([one, "null"]));
    }
    let open = is("x-kubernetes-preserve-unknown-fields")
        || is("x-kubernetes-embedded-resource")
        || out.contains_key("additionalProperties")
        || !out.contains_key("properties");
    if !open {
        out.insert("additionalProperties".into(), json!(false));
    }
    out.into()
}

fn as_rule(schema: &Value) -> Value {
    let mut rule = of_value(schema);
    if let Some(members) = rule.as_object_mut() {
        members.remove("additionalProperties");
        for (name, value) in members.iter_mut() {
            if name == "properties" {
                for inner in value.as_object_mut().into_iter().flatten() {
                    *inner.1 = as_rule(inner.1);
                }
            }
        }
    }
    rule
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn definition() -> Value {
        json!({"spec": {
            "group": "example.com", "names": {"kind": "Thing", "plural": "things"},
            "versions": [
                {"name": "v1alpha1", "served": false},
                {"name": "v1", "served": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"],
                    "properties": {"spec": {
                        "type": "object", "required": ["size"],
                        "properties": {
                            "size": {"type": "integer", "format": "int32", "minimum": 1},
                            "mode": {"type": "string", "enum": ["a", "b"]},
                            "port": {"x-kubernetes-int-or-string": true, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
                            "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    }},
                }}},
            ],
        }})
    }

    fn mistakes(version: &str, spec: Value) -> Vec<String> {
        let definition = definition();
        let schemas: BTreeMap<_, _> = of_definition(&definition).into_iter().collect();
        let schema = &schemas[&("example.com", version, "Thing")];
        let kind = format!("example.com/{version}/Thing");
        let object = json!({"cluster": "c", "metadata": {"name": "a"}, "spec": spec});
        schema.mistakes(&kind, &object)
    }

    #[test]
    fn what_fits_its_schema_is_right() {
        let spec = json!({
            "size": 3, "mode": "a", "port": "http", "free": {"x": 1}, "labels": {"a": "b"},
        });
        assert_eq!(mistakes("v1", spec), [""; 0]);
        let open = json!({"size": {"Fn::GetAtt": ["databases.a/instance", "Port"]}});
        assert_eq!(mistakes("v1", open), [""; 0], "what is not known cannot be wrong");
    }

    #[test]
    fn what_does_not_is_told_with_its_path() {
        let found = mistakes("v1", json!({"size": 0, "mode": "c", "sise": 1}));
        let expected = [
            "`spec.mode`: \"c\" is not one of \"a\" or \"b\" (schema of example.com/v1/Thing)",
            "`spec.size`: 0 is less than the minimum of 1 (schema of example.com/v1/Thing)",
            "`spec`: Additional properties are not allowed ('sise' was unexpected) (schema of example.com/v1/Thing)",
        ];
        assert_eq!(found, expected);
        let found = mistakes("v1alpha1", json!({}));
        let expected = "`example.com/v1alpha1/Thing` is not served any more; it is in v1";
        assert_eq!(found, [expected]);
    }
}
