//! Applications of Argo CD: one for each component, and one that has them all. Waves keep the order of the graph.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Files, Known, Manifest, depths, is_object, objects, readme, yaml};
use crate::address::Address;
use crate::graph::Graph;

/// Where Argo CD finds the files once they are pushed.
pub struct Source {
    pub repository: String,
    pub revision: String,
    /// The folder of the files in the repository.
    pub path: String,
}

const ABOUT: &str = "\
`app-of-apps.yaml` is the one Application to apply; it has those in `apps`, one for each component of the blueprint, and
each of these has the objects in `manifests`. Waves (`argocd.argoproj.io/sync-wave`) keep the order: components that others
need come first, and so do objects within a component.
";

const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Applications with their manifests.
pub fn argo_cd(graph: &Graph, known: Known<'_>, source: &Source) -> Files {
    let mut files = Files::new();
    let mut unknown = BTreeSet::new();
    let waves = waves(graph);
    let mut components: BTreeMap<String, Vec<Manifest>> = BTreeMap::new();
    for object in objects(graph, known) {
        components.entry(object.address.component().to_owned()).or_default().push(object);
    }
    let below = |part: &str| match source.path.trim_matches('/') {
        "" | "." => part.to_owned(),
        path => format!("{path}/{part}"),
    };
    for (component, objects) in components {
        let inner = depths(graph, |it| it.component() == component);
        let folder = objects[0].folder();
        for mut object in objects {
            // Depth counts through other components, but only what is of this one.
            let wave = inner.get(&object.address).copied().unwrap_or(0);
            if wave > 0 {
                object.value["metadata"]["annotations"][WAVE] = wave.to_string().into();
            }
            files.insert(format!("manifests/{folder}/{}", object.file()), object.text());
            unknown.extend(object.unknown);
        }
        let wave = waves.get(component.as_str()).copied().unwrap_or(0);
        let name = format!("{}-{}", graph.stack, folder.replace(['.', '_'], "-").to_lowercase());
        let path = below(&format!("manifests/{folder}"));
        let application = application(&name, source, &path, Some(wave));
        files.insert(format!("apps/{folder}.yaml"), yaml(&application));
    }
    let root = application(graph.stack.as_str(), source, &below("apps"), None);
    files.insert("app-of-apps.yaml".into(), yaml(&root));
    if source.repository.contains("${") {
        unknown.insert(source.repository.clone());
    }
    let title = format!("Applications of {}", graph.stack);
    files.insert("README.md".into(), readme(&title, ABOUT, &unknown));
    files
}

fn application(name: &str, source: &Source, path: &str, wave: Option<usize>) -> Value {
    let mut application = json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": source.repository,
                "targetRevision": source.revision,
                "path": path,
            },
            // The cluster that Argo CD runs on.
            "destination": {"name": "in-cluster"},
            "syncPolicy": {
                "automated": {"prune": true, "selfHeal": true},
                "syncOptions": ["ServerSideApply=true"],
            },
        },
    });
    if let Some(wave) = wave {
        application["metadata"]["annotations"] = json!({WAVE: wave.to_string()});
        application["spec"]["source"]["directory"] = json!({"recurse": true});
    }
    application
}

/// For each component, how many others must be there first, one after the other. Components that need each other have no
/// order between them.
fn waves(graph: &Graph) -> BTreeMap<&str, usize> {
    let nodes = graph.nodes.iter().filter(|(_, node)| is_object(node));
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (address, node) in nodes {
        let needs = edges.entry(address.component()).or_default();
        let is_here = |to: &&Address| graph.nodes.get(*to).is_some_and(is_object);
        needs.extend(node.needs.keys().filter(is_here).map(Address::component));
    }
    let mut waves: BTreeMap<&str, usize> = edges.keys().map(|it| (*it, 0)).collect();
    // As many rounds as the longest way has steps; what is in a circle would never come to rest.
    for _ in 0..edges.len() {
        let mut changed = false;
        for (component, needs) in &edges {
            let others =
                needs.iter().filter(|to| *to != component && !mutual(&edges, component, to));
            let wave = others.map(|to| waves.get(to).copied().unwrap_or(0) + 1).max().unwrap_or(0);
            if waves.insert(component, wave) != Some(wave) {
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    waves
}

/// Whether `to` leads back to `from`.
fn mutual(edges: &BTreeMap<&str, BTreeSet<&str>>, from: &str, to: &str) -> bool {
    let (mut seen, mut stack) = (BTreeSet::new(), vec![to]);
    while let Some(at) = stack.pop() {
        if at == from {
            return true;
        }
        if seen.insert(at) {
            stack.extend(edges.get(at).into_iter().flatten());
        }
    }
    false
}
