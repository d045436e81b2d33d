//! The objects of charts and manifests, as they were rendered, in the order of their hooks.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Compiler;
use crate::address::Address;
use crate::chart::{Object, Phase};
use crate::kind::DeletionPolicy;

/// The namespaces that every cluster has.
const OF_EVERY_CLUSTER: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

impl Compiler<'_> {
    pub(super) fn charts(&mut self) {
        let blueprint = self.blueprint;
        for (name, chart) in &blueprint.charts {
            self.release(&format!("charts.{name}"), name.as_str(), |object| object);
            if chart.create_namespace {
                self.namespace_of_chart(chart.namespace(name));
            }
        }
        for name in blueprint.manifests.keys() {
            self.release(&format!("manifests.{name}"), name.as_str(), |object| object);
        }
        self.releases_of_platform();
    }

    /// The charts of platform components: whatever was rendered for some.
    fn releases_of_platform(&mut self) {
        let scope = self.builder.scope();
        let rendered = self.rendered;
        let here = rendered.objects.iter().filter_map(|(key, objects)| {
            let (component, release) = key.strip_prefix(&scope)?.split_once('/')?;
            component.starts_with("platform.").then_some((component, release, objects))
        });
        for (component, release, objects) in here {
            self.release(component, release, |object| object);
            let namespaces: BTreeSet<&str> =
                objects.iter().filter_map(|it| it.namespace.as_deref()).collect();
            for namespace in namespaces {
                self.namespace_of_chart(namespace);
            }
        }
    }

    /// Adds the objects of a release of a component, each as `change` makes it.
    fn release(&mut self, component: &str, release: &str, change: impl Fn(Object) -> Object) {
        let path = format!("{}{component}", self.builder.scope());
        let mut phases: BTreeMap<Phase, Vec<Address>> = BTreeMap::new();
        let objects: Vec<Object> =
            self.rendered.of(&path, release).iter().cloned().map(change).collect();
        for object in &objects {
            let address = Address::of(component, &object.role);
            phases.entry(object.phase).or_default().push(address);
        }
        for Object { kind, role, manifest, phase, is_kept, .. } in objects {
            let before = waits_for(&phases, phase).to_vec();
            let address = Address::of(component, &role);
            let policy = if is_kept { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
            self.object(&address, &kind, manifest).in_turn(&before).deletion(policy);
        }
    }

    /// Makes a namespace, unless something that was compiled before does, or every cluster has it. Whoever else puts
    /// something there, its address stays the same.
    fn namespace_of_chart(&mut self, name: &str) {
        let has = |kind: &str, manifest: &serde_json::Value| {
            kind == "v1/Namespace" && manifest["metadata"]["name"] == name
        };
        if OF_EVERY_CLUSTER.contains(&name) || self.builder.has(&self.builder.scope(), has) {
            return;
        }
        let manifest = json!({"metadata": {"name": name}});
        let address = Address::of(&format!("namespaces.{name}"), &format!("namespace/{name}"));
        self.object(&address, "v1/Namespace", manifest);
    }
}

/// What an object of a phase waits for: all of the phase before it. Definitions wait for nothing, and nobody waits for
/// them here: what needs them is told by the objects themselves.
fn waits_for(phases: &BTreeMap<Phase, Vec<Address>>, phase: Phase) -> &[Address] {
    if phase == Phase::Definition {
        return &[];
    }
    let before = phases.range(..phase).next_back();
    match before {
        Some((Phase::Definition, _)) | None => &[],
        Some((_, addresses)) => addresses,
    }
}
