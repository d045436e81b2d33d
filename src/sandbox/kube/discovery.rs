//! What clients ask first: which groups, versions and resources there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::http::{Body, Reply};
use super::resources::{Resource, Version};

pub(super) const AGGREGATED: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

const VERBS: [&str; 8] =
    ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

pub(super) fn version(minor: &str) -> Value {
    let (major, rest) = minor.split_once('.').unwrap_or((minor, "0"));
    json!({
        "major": major, "minor": rest, "gitVersion": format!("v{major}.{rest}.0-eks-sandbox"),
        "gitCommit": "0", "gitTreeState": "clean", "buildDate": "2025-01-01T00:00:00Z", "goVersion": "go1.24",
        "compiler": "gc", "platform": "linux/amd64",
    })
}

/// Group to versions, each in the order of preference.
pub(super) fn groups(resources: &[Arc<Resource>]) -> BTreeMap<&str, Vec<&str>> {
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for resource in resources {
        for version in resource.versions.iter().filter(|it| it.served) {
            let versions = groups.entry(&resource.group).or_default();
            if !versions.contains(&version.name.as_str()) {
                versions.push(&version.name);
            }
        }
    }
    for versions in groups.values_mut() {
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
    }
    groups
}

/// GA before beta before alpha, higher numbers first.
fn priority(version: &str) -> (u8, u32, u32) {
    let rest = version.strip_prefix('v').unwrap_or(version);
    let stages = [("beta", 1), ("alpha", 0)];
    for (stage, rank) in stages {
        if let Some((major, minor)) = rest.split_once(stage) {
            return (rank, major.parse().unwrap_or(0), minor.parse().unwrap_or(0));
        }
    }
    (2, rest.parse().unwrap_or(0), 0)
}

pub(super) fn api_versions() -> Value {
    json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })
}

pub(super) fn group_list(resources: &[Arc<Resource>]) -> Value {
    let groups = groups(resources);
    let named = groups.iter().filter(|(group, _)| !group.is_empty());
    let groups: Vec<Value> = named.map(|(group, versions)| one_group(group, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

pub(super) fn group(resources: &[Arc<Resource>], name: &str) -> Option<Value> {
    let mut group = one_group(name, groups(resources).get(name)?);
    group["kind"] = "APIGroup".into();
    group["apiVersion"] = "v1".into();
    Some(group)
}

fn one_group(name: &str, versions: &[&str]) -> Value {
    let versions: Vec<Value> = versions
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({ "name": name, "versions": versions, "preferredVersion": versions[0] })
}

pub(super) fn resource_list(
    resources: &[Arc<Resource>],
    group: &str,
    version: &str,
) -> Option<Value> {
    let mut listed = Vec::new();
    let mut api_version = None;
    for resource in resources.iter().filter(|it| it.group == group) {
        let Some(served) = resource.version(version) else { continue };
        api_version = Some(resource.api_version(version));
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular, "namespaced": resource.namespaced,
            "kind": resource.kind, "verbs": VERBS,
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = json!(resource.short_names);
        }
        if !resource.categories.is_empty() {
            entry["categories"] = json!(resource.categories);
        }
        listed.push(entry);
        for (name, kind, group) in subresources(resource, served) {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural), "singularName": "", "namespaced": resource.namespaced,
                "kind": kind, "verbs": ["get", "patch", "update"],
            });
            if name == "scale" {
                entry["group"] = group.into();
                entry["version"] = "v1".into();
            }
            listed.push(entry);
        }
    }
    let body = json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version?, "resources": listed });
    Some(body)
}

fn subresources<'r>(
    resource: &'r Resource,
    version: &Version,
) -> Vec<(&'static str, &'r str, &'r str)> {
    let status =
        version.status.then_some(("status", resource.kind.as_str(), resource.group.as_str()));
    let scale = version.scale.is_some().then_some(("scale", "Scale", "autoscaling"));
    status.into_iter().chain(scale).collect()
}

/// The whole of `/api` or `/apis` in one document.
pub(super) fn aggregated(resources: &[Arc<Resource>], core: bool) -> Reply {
    let groups = groups(resources);
    let items: Vec<Value> = groups
        .iter()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    json!({
                        "version": version, "freshness": "Current",
                        "resources": aggregated_resources(resources, group, version),
                    })
                })
                .collect();
            let metadata = if group.is_empty() { json!({}) } else { json!({ "name": group }) };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    let body = json!({ "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items });
    Reply {
        status: 200,
        content_type: AGGREGATED,
        body: Body::Whole(body.to_string().into_bytes()),
    }
}

fn aggregated_resources(resources: &[Arc<Resource>], group: &str, version: &str) -> Vec<Value> {
    let of_group = resources.iter().filter(|it| it.group == group);
    let listed = of_group.filter_map(|resource| {
        let served = resource.version(version)?;
        let below: Vec<Value> = subresources(resource, served)
            .into_iter()
            .map(|(name, kind, group)| {
                let version = if name == "scale" { "v1" } else { version };
                json!({
                    "subresource": name, "responseKind": { "group": group, "version": version, "kind": kind },
                    "verbs": ["get", "patch", "update"],
                })
            })
            .collect();
        let mut entry = json!({
            "resource": resource.plural,
            "responseKind": { "group": group, "version": version, "kind": resource.kind },
            "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
            "singularResource": resource.singular, "verbs": VERBS,
        });
        for (key, list) in [("shortNames", &resource.short_names), ("categories", &resource.categories)] {
            if !list.is_empty() {
                entry[key] = json!(list);
            }
        }
        if !below.is_empty() {
            entry["subresources"] = below.into();
        }
        Some(entry)
    });
    listed.collect()
}

/// The index of the `OpenAPI` documents.
pub(super) fn openapi_paths(resources: &[Arc<Resource>], prefix: &str) -> Value {
    let mut paths = serde_json::Map::new();
    for (group, versions) in groups(resources) {
        for version in versions {
            let path = if group.is_empty() {
                format!("api/{version}")
            } else {
                format!("apis/{group}/{version}")
            };
            let url = format!("{prefix}/openapi/v3/{path}?hash=0");
            paths.insert(path, json!({ "serverRelativeURL": url }));
        }
    }
    json!({ "paths": paths })
}

/// As much of a document as tells clients that patches of these kinds are validated here, and the schemas of custom resources.
pub(super) fn openapi(resources: &[Arc<Resource>], group: &str, version: &str) -> Value {
    let (mut paths, mut schemas) = (serde_json::Map::new(), serde_json::Map::new());
    for resource in resources.iter().filter(|it| it.group == group) {
        let Some(served) = resource.version(version) else { continue };
        let root = if group.is_empty() {
            format!("/api/{version}")
        } else {
            format!("/apis/{group}/{version}")
        };
        let scope = if resource.namespaced { "/namespaces/{namespace}" } else { "" };
        let kind = json!({ "group": group, "version": version, "kind": resource.kind });
        let parameters: Vec<Value> = ["dryRun", "fieldManager", "fieldValidation", "force"]
            .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string", "uniqueItems": true } }))
            .into();
        paths.insert(format!("{root}{scope}/{}/{{name}}", resource.plural), json!({
            "patch": { "parameters": parameters, "responses": {}, "x-kubernetes-group-version-kind": kind },
        }));
        if let Some(schema) = &served.schema {
            let mut schema = schema.clone();
            schema["x-kubernetes-group-version-kind"] = json!([kind]);
            let reversed: Vec<&str> = group.split('.').rev().collect();
            schemas.insert(format!("{}.{version}.{}", reversed.join("."), resource.kind), schema);
        }
    }
    json!({
        "openapi": "3.0.0", "info": { "title": "Kubernetes", "version": "sandbox" }, "paths": paths,
        "components": { "schemas": schemas },
    })
}
