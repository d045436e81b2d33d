//! What APIs would refuse of a plan, told before anything is done: each kind says what it can find out by looking.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::address::Address;
use crate::graph::Graph;
use crate::kind::{Cloud, Objection, Ref, reference};
use crate::kinds;
use crate::plan::{self, Change, Plan};

/// The objections to what a plan of a graph makes or changes, in the order of addresses. What cannot be looked at, for
/// want of permissions or an answer, is not objected to: apply will tell.
pub async fn judge(cloud: &dyn Cloud, graph: &Graph, plan: &Plan) -> Vec<(Address, Objection)> {
    let known = |wanted: &Ref| {
        let change = plan.changes.get(&wanted.address)?;
        let stays = !change.action.makes_new() && !plan::moves(change, &wanted.output);
        change.outputs.get(&wanted.output).filter(|_| stays).cloned()
    };
    let beside: Vec<(&str, &Value)> =
        graph.nodes.values().map(|node| (node.kind.as_str(), &node.spec)).collect();
    let mut written: BTreeMap<(&str, &str), Vec<(&Address, Value)>> = BTreeMap::new();
    for (address, change) in plan.changes.iter().filter(|(_, change)| change.is_change()) {
        let Change { kind, region, desired, .. } = change;
        if let Some(desired) = desired {
            let spec = reference::resolve(desired, &known);
            written.entry((kind, region)).or_default().push((address, spec));
        }
    }
    let mut found = Vec::new();
    for ((kind, region), written) in &written {
        let Some(kind) = kinds::find(kind) else { continue };
        let specs: Vec<&Value> = written.iter().map(|(_, spec)| spec).collect();
        let judged = cloud.objections(kind, region, &specs, &beside).await;
        let judged = judged.unwrap_or_else(|fault| {
            tracing::debug!(kind = kind.name(), %fault, "not judged");
            Vec::new()
        });
        for ((address, _), objections) in written.iter().zip(judged) {
            found.extend(objections.into_iter().map(|it| ((*address).clone(), it)));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}
