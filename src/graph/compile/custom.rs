//! Custom resources against the schemas of their definitions, where both are in one graph: what the API server would
//! refuse after minutes of apply is refused before the first call.

use std::collections::BTreeMap;

use crate::graph::{Builder, GraphError};
use crate::kinds::k8s_object;
use crate::kinds::k8s_schema::{self, DEFINITION, Gvk, Schema};

/// What is wrong with custom resources of the graph.
pub(super) fn check(builder: &Builder) -> Vec<GraphError> {
    let mut schemas: BTreeMap<Gvk<'_>, Schema> = BTreeMap::new();
    for node in builder.nodes.values() {
        if k8s_object::group_kind(&node.kind).as_deref() == Some(DEFINITION) {
            schemas.extend(k8s_schema::of_definition(&node.spec));
        }
    }
    let mut wrong = Vec::new();
    for (address, node) in &builder.nodes {
        let schema = k8s_object::parts(&node.kind).and_then(|gvk| schemas.get(&gvk));
        if let Some(schema) = schema {
            let mistakes = schema.mistakes(&node.kind, &node.spec).into_iter();
            wrong.extend(
                mistakes.map(|reason| GraphError::Spec { address: address.clone(), reason }),
            );
        }
    }
    wrong
}
