//! Which kinds a cluster knows.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Api, Resource, base};
use crate::fault::{Fault, found};

/// How all kinds are asked for at once; servers before 1.30 have the second form, those before 1.26 none.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

impl Api {
    /// All kinds whose objects can be listed and deleted, each in the version that the server prefers.
    pub async fn kinds(&self) -> Result<Vec<Resource>, Fault> {
        let mut all = Vec::new();
        for root in ["/api", "/apis"] {
            let told = self.read_as("ListGroups", root, AGGREGATED).await?;
            if told["kind"] == "APIGroupDiscoveryList" {
                all.extend(discovered(&told));
            } else {
                all.extend(self.kinds_by_group(&told).await?);
            }
        }
        Ok(all)
    }

    /// The same of a server that tells nothing but its groups and versions at once.
    async fn kinds_by_group(&self, groups: &Value) -> Result<Vec<Resource>, Fault> {
        let mut known: Vec<Resource> = Vec::new();
        for (group, version) in versions(groups) {
            let url = base(&group, &version);
            // A group whose definitions went meanwhile has no kinds.
            let reply = self.read("ListResources", &url).await;
            let told = found(reply)?.unwrap_or_default();
            for it in items(&told["resources"]) {
                let (Some(plural), Some(kind)) = (it["name"].as_str(), it["kind"].as_str()) else {
                    continue;
                };
                let is_known = known.iter().any(|it| it.group == group && it.kind == kind);
                if !is_known && !plural.contains('/') && can_be_deleted(&it["verbs"]) {
                    let namespaced = it["namespaced"] == true;
                    known.push(Resource::new(&group, &version, kind, plural, namespaced));
                }
            }
        }
        Ok(known)
    }
}

/// What an aggregated discovery tells: a kind in the first version that has it, for versions stand in the order of preference.
fn discovered(told: &Value) -> Vec<Resource> {
    let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
    for group in items(&told["items"]) {
        let name = group["metadata"]["name"].as_str().unwrap_or_default();
        for version in items(&group["versions"]) {
            for it in items(&version["resources"]) {
                let (Some(version), Some(plural), Some(kind)) = (
                    version["version"].as_str(),
                    it["resource"].as_str(),
                    it["responseKind"]["kind"].as_str(),
                ) else {
                    continue;
                };
                if can_be_deleted(&it["verbs"]) && seen.insert((name, kind)) {
                    let namespaced = it["scope"] == "Namespaced";
                    found.push(Resource::new(name, version, kind, plural, namespaced));
                }
            }
        }
    }
    found
}

/// Groups and versions, those that are preferred before others of their group.
fn versions(told: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_core = items(&told["versions"]).map(|it| (String::new(), text(it)));
    let of_groups = items(&told["groups"]).flat_map(|group| {
        let preferred = text(&group["preferredVersion"]["version"]);
        let all = items(&group["versions"]).map(|it| text(&it["version"]));
        let others: Vec<String> = all.filter(|it| *it != preferred).collect();
        let name = text(&group["name"]);
        std::iter::once(preferred).chain(others).map(move |it| (name.clone(), it))
    });
    of_core.chain(of_groups).collect()
}

fn can_be_deleted(verbs: &Value) -> bool {
    ["list", "delete"].iter().all(|verb| items(verbs).any(|it| it == verb))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_told_in_the_preferred_version_that_has_it() {
        let told = json!({"kind": "APIGroupDiscoveryList", "items": [
            {"metadata": {}, "versions": [{"version": "v1", "resources": [
                {"resource": "configmaps", "responseKind": {"kind": "ConfigMap"}, "scope": "Namespaced", "verbs": ["delete", "get", "list"]},
                {"resource": "componentstatuses", "responseKind": {"kind": "ComponentStatus"}, "scope": "Cluster", "verbs": ["get", "list"]},
            ]}]},
            {"metadata": {"name": "example.com"}, "versions": [
                {"version": "v2", "resources": [
                    {"resource": "things", "responseKind": {"kind": "Thing"}, "scope": "Cluster", "verbs": ["delete", "list"]},
                ]},
                {"version": "v1", "resources": [
                    {"resource": "things", "responseKind": {"kind": "Thing"}, "scope": "Cluster", "verbs": ["delete", "list"]},
                    {"resource": "others", "responseKind": {"kind": "Other"}, "scope": "Namespaced", "verbs": ["delete", "list"]},
                ]},
            ]},
        ]});
        let expected = [
            Resource::new("", "v1", "ConfigMap", "configmaps", true),
            Resource::new("example.com", "v2", "Thing", "things", false),
            Resource::new("example.com", "v1", "Other", "others", true),
        ];
        assert_eq!(discovered(&told), expected);
        let told = json!({"groups": [{"name": "example.com", "preferredVersion": {"version": "v1"},
            "versions": [{"version": "v2"}, {"version": "v1"}]}]});
        let of_group = |version: &str| ("example.com".to_owned(), version.to_owned());
        assert_eq!(versions(&told), [of_group("v1"), of_group("v2")]);
        assert_eq!(versions(&json!({"versions": ["v1"]})), [(String::new(), "v1".to_owned())]);
    }
}
