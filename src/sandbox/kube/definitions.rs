//! Custom resources: from a `CustomResourceDefinition` to a resource that is served.

use serde_json::{Value, json};

use super::resources::{Resource, Scale, Version};
use super::status::Cause;
use super::store::{Cluster, Due, Key, at, now};
use super::structural;
use super::types::{Struct, Type};

/// What holds a definition until its objects are gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";
/// A real server takes about a second until a new API answers.
const ESTABLISH_SECONDS: f64 = 1.0;

/// The resource that a definition defines.
pub(super) fn resource(definition: &Value) -> Option<Resource> {
    let spec = &definition["spec"];
    let names = &spec["names"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let list = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(text).collect()
    };
    let versions = spec["versions"].as_array().into_iter().flatten().filter_map(|version| {
        let schema = version["schema"].get("openAPIV3Schema").cloned();
        let subresources = &version["subresources"];
        let path = |name: &str| {
            let path = subresources["scale"][name].as_str()?;
            Some(path.split('.').filter(|it| !it.is_empty()).map(str::to_owned).collect::<Vec<_>>())
        };
        Some(Version {
            name: text(&version["name"])?,
            served: version["served"] == json!(true),
            storage: version["storage"] == json!(true),
            of: schema.as_ref().map_or_else(anything, structural::object_type),
            schema,
            status: subresources.get("status").is_some(),
            scale: path("specReplicasPath").map(|spec_replicas| Scale {
                spec_replicas,
                status_replicas: path("statusReplicasPath").unwrap_or_default(),
                selector: path("labelSelectorPath"),
            }),
        })
    });
    Some(Resource {
        group: text(&spec["group"])?,
        plural: text(&names["plural"])?,
        singular: text(&names["singular"]).unwrap_or_default(),
        kind: text(&names["kind"])?,
        list_kind: text(&names["listKind"])?,
        short_names: list(&names["shortNames"]),
        categories: list(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        custom: true,
        versions: versions.collect(),
    })
}

fn anything() -> Type {
    Type::Struct(Box::new(Struct { open: true, ..Struct::default() }))
}

pub(super) fn default(definition: &mut Value) {
    let spec = &mut definition["spec"];
    if let Some(kind) = spec["names"]["kind"].as_str().map(str::to_owned) {
        let names = &mut spec["names"];
        if !names["singular"].is_string() {
            names["singular"] = kind.to_lowercase().into();
        }
        if !names["listKind"].is_string() {
            names["listKind"] = format!("{kind}List").into();
        }
    }
    if !spec["conversion"].is_object() {
        spec["conversion"] = json!({ "strategy": "None" });
    }
}

pub(super) fn validate(definition: &Value, causes: &mut Vec<Cause>) {
    let spec = &definition["spec"];
    let text = |path: &[&str]| at(spec, path).as_str().unwrap_or_default().to_owned();
    let (group, plural) = (text(&["group"]), text(&["names", "plural"]));
    let name = &definition["metadata"]["name"];
    for (field, missing) in [
        ("spec.group", group.is_empty()),
        ("spec.names.plural", plural.is_empty()),
        ("spec.names.kind", text(&["names", "kind"]).is_empty()),
    ] {
        if missing {
            causes.push(Cause::required(field, ""));
        }
    }
    if *name != format!("{plural}.{group}") {
        causes.push(Cause::invalid(
            "metadata.name",
            name,
            "must be spec.names.plural+\".\"+spec.group",
        ));
    }
    let scope = text(&["scope"]);
    if !["Namespaced", "Cluster"].contains(&scope.as_str()) {
        let known = ["Cluster", "Namespaced"].map(|it| format!("{it:?}"));
        causes.push(Cause::unsupported("spec.scope", &scope.into(), &known));
    }
    let none = Vec::new();
    let versions = spec["versions"].as_array().unwrap_or(&none);
    if versions.iter().filter(|it| it["storage"] == json!(true)).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        causes.push(Cause::invalid("spec.versions", &json!(versions), why));
    }
    for (index, version) in versions.iter().enumerate() {
        let path = format!("spec.versions[{index}].schema.openAPIV3Schema");
        match version["schema"].get("openAPIV3Schema") {
            None => causes.push(Cause::required(&path, "schemas are required")),
            Some(schema) if schema["type"] != "object" => {
                causes.push(Cause::invalid(
                    &format!("{path}.type"),
                    &schema["type"],
                    "must be object at the root",
                ));
            }
            Some(_) => {}
        }
    }
}

pub(super) fn validate_update(old: &Value, new: &Value, causes: &mut Vec<Cause>) {
    for path in [&["scope"][..], &["names", "kind"], &["names", "plural"], &["group"]] {
        let (before, after) = (at(&old["spec"], path), at(&new["spec"], path));
        if before != after {
            causes.push(Cause::invalid(
                &format!("spec.{}", path.join(".")),
                after,
                "field is immutable",
            ));
        }
    }
}

/// After a definition was written: it is held, and served soon, or at once where it was before.
pub(super) fn wrote(cluster: &mut Cluster, key: &Key, definition: &Value) {
    let established = is_true(definition, "Established");
    if established {
        serve(cluster, definition);
        return;
    }
    let uid = definition["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    cluster.after(ESTABLISH_SECONDS, Due::Established { key: key.clone(), uid });
}

/// Serves what a definition says.
pub(super) fn serve(cluster: &mut Cluster, definition: &Value) {
    if let Some(resource) = resource(definition) {
        cluster.define(resource);
    }
}

/// The status of a definition that is served.
pub(super) fn established(definition: &Value) -> Value {
    let time = now();
    let condition = |kind: &str, reason: &str, message: &str| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": time });
    let versions = definition["spec"]["versions"].as_array().into_iter().flatten();
    let stored: Vec<&Value> =
        versions.filter(|it| it["storage"] == json!(true)).map(|it| &it["name"]).collect();
    json!({
        "acceptedNames": definition["spec"]["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    })
}

pub(super) fn is_true(object: &Value, condition: &str) -> bool {
    let mut conditions = object["status"]["conditions"].as_array().into_iter().flatten();
    conditions.any(|it| it["type"] == condition && it["status"] == "True")
}
