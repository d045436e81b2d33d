//! A base of what all environments share, and an overlay for each environment.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Files, Known, Manifest, objects, readme, yaml};
use crate::graph::Graph;

const ABOUT: &str = "\
`base` has what all environments share, `overlays/ENVIRONMENT` what differs: patches of objects that all of them have, and
the objects that only some have. `kubectl apply --kustomize overlays/ENVIRONMENT` applies one. The base by itself may be
incomplete: where environments differ, it says nothing.
";

/// The blueprint in one of its environments.
pub struct Side<'a> {
    /// `default` for a blueprint without environments.
    pub environment: String,
    pub graph: &'a Graph,
    pub known: Known<'a>,
}

/// A base with overlays.
pub fn kustomize(name: &str, sides: &[Side<'_>]) -> Files {
    let mut files = Files::new();
    let mut unknown = BTreeSet::new();
    let all: Vec<(&str, BTreeMap<_, Manifest>)> = sides
        .iter()
        .map(|side| {
            let objects = objects(side.graph, side.known);
            unknown.extend(objects.iter().flat_map(|it| it.unknown.iter().cloned()));
            let by_identity = objects.into_iter().map(|it| (it.identity(), it));
            (side.environment.as_str(), by_identity.collect())
        })
        .collect();
    let Some((_, first)) = all.first() else { return files };
    let mut base: BTreeMap<_, Value> = BTreeMap::new();
    let mut resources = Vec::new();
    for (identity, object) in first {
        let same: Option<Vec<&Value>> =
            all.iter().map(|(_, objects)| objects.get(identity).map(|it| &it.value)).collect();
        let Some(same) = same else { continue };
        let shared = shared(&same);
        let file = format!("{}/{}", object.folder(), object.file());
        files.insert(format!("base/{file}"), format!("# {}\n{}", object.address, yaml(&shared)));
        resources.push(file);
        base.insert(identity.clone(), shared);
    }
    files.insert("base/kustomization.yaml".into(), kustomization(&resources, &[]));
    for (environment, objects) in &all {
        let folder = format!("overlays/{environment}");
        let (mut resources, mut patches) = (vec!["../../base".to_owned()], Vec::new());
        for (identity, object) in objects {
            let file = format!("{}/{}", object.folder(), object.file());
            let Some(shared) = base.get(identity) else {
                files.insert(format!("{folder}/{file}"), object.text());
                resources.push(file);
                continue;
            };
            let mut operations = Vec::new();
            differences(shared, &object.value, "", &mut operations);
            if !operations.is_empty() {
                let file = format!("patches/{file}");
                files.insert(format!("{folder}/{file}"), yaml(&Value::Array(operations)));
                patches.push(json!({"path": file, "target": target(object)}));
            }
        }
        let text = kustomization(&resources, &patches);
        files.insert(format!("{folder}/kustomization.yaml"), text);
    }
    let title = format!("Kustomizations of {name}");
    files.insert("README.md".into(), readme(&title, ABOUT, &unknown));
    files
}

fn kustomization(resources: &[String], patches: &[Value]) -> String {
    let mut value = json!({
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": resources,
    });
    if !patches.is_empty() {
        value["patches"] = json!(patches);
    }
    yaml(&value)
}

/// Kustomize takes these for regular expressions; names of objects have at most dots.
fn target(object: &Manifest) -> Value {
    let (group, version) = object.version.split_once('/').unwrap_or(("", &object.version));
    let mut target = Map::new();
    let parts = [
        ("group", group),
        ("version", version),
        ("kind", &object.kind),
        ("name", &object.name),
        ("namespace", object.namespace.as_deref().unwrap_or_default()),
    ];
    for (key, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
        target.insert(key.into(), text.into());
    }
    Value::Object(target)
}

/// What all of these say. Lists are taken whole or not at all.
fn shared(values: &[&Value]) -> Value {
    let Some((first, rest)) = values.split_first() else { return Value::Null };
    if rest.iter().all(|it| it == first) {
        return (*first).clone();
    }
    let Value::Object(members) = first else { return Value::Null };
    let mut all = Map::new();
    for key in members.keys() {
        let here: Option<Vec<&Value>> = values.iter().map(|it| it.get(key)).collect();
        let Some(here) = here else { continue };
        let same = here.iter().all(|it| it == &here[0]);
        if same || here.iter().all(|it| it.is_object()) {
            all.insert(key.clone(), shared(&here));
        }
    }
    Value::Object(all)
}

/// The operations of a JSON patch that make `wanted` of `base`, which says nothing else.
fn differences(base: &Value, wanted: &Value, path: &str, operations: &mut Vec<Value>) {
    let Value::Object(members) = wanted else { return };
    for (key, value) in members {
        let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
        match base.get(key) {
            Some(same) if same == value => {}
            Some(below @ Value::Object(_)) => differences(below, value, &path, operations),
            Some(_) => operations.push(json!({"op": "replace", "path": path, "value": value})),
            None => operations.push(json!({"op": "add", "path": path, "value": value})),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_in_patches_only() {
        let dev = json!({"spec": {"replicas": 1, "list": [1], "same": {"a/b": 1}}});
        let prod = json!({"spec": {"replicas": 3, "list": [1, 2], "same": {"a/b": 1, "c": 2}}});
        let base = shared(&[&dev, &prod]);
        assert_eq!(base, json!({"spec": {"same": {"a/b": 1}}}));
        let mut operations = Vec::new();
        differences(&base, &prod, "", &mut operations);
        let paths: Vec<&str> = operations.iter().filter_map(|it| it["path"].as_str()).collect();
        assert_eq!(paths, ["/spec/list", "/spec/replicas", "/spec/same/c"]);
    }
}
