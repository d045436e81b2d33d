//! Plain manifests: a folder for each component, a file for each object.

use std::collections::BTreeSet;

use super::{Files, Known, objects, readme};
use crate::graph::Graph;

const ABOUT: &str = "\
Each folder is a component of the blueprint, each file an object. `kubectl apply --recursive --filename .` applies them;
definitions of custom resources must be there before what they define, so that a first run may have to be repeated.
";

/// The objects of a graph as files.
pub fn manifests(graph: &Graph, known: Known<'_>) -> Files {
    let mut files = Files::new();
    let mut unknown = BTreeSet::new();
    for object in objects(graph, known) {
        files.insert(format!("{}/{}", object.folder(), object.file()), object.text());
        unknown.extend(object.unknown);
    }
    let title = format!("Manifests of {}", graph.stack);
    files.insert("README.md".into(), readme(&title, ABOUT, &unknown));
    files
}
