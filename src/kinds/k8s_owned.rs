//! Everything on clusters that carries a stack's label, of whatever kind.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde_json::Value;

use super::k8s_object::{DELETION_ANNOTATION, STACK_LABEL, owner};
use crate::address::{Owner, PhysicalId, Stack};
use crate::cloud::Cx;
use crate::cloud::kube::Resource;
use crate::cloud::tags::RETAIN;
use crate::fault::Fault;

/// As many kinds are listed at the same time.
const LISTS_MAX: usize = 8;

/// An object of Kubernetes, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnedObject {
    /// `apps/v1/Deployment`
    pub kind: String,
    pub region: String,
    pub id: PhysicalId,
    pub owner: Owner,
}

/// What carries the label of `stack` on a cluster: a list of each kind that its API knows. Nothing, if there is no such
/// cluster.
pub async fn owned(cx: &Cx, cluster: &str, stack: &Stack) -> Result<BTreeSet<OwnedObject>, Fault> {
    let Some(api) = cx.cluster(cluster).await? else { return Ok(BTreeSet::new()) };
    let (api, label) = (&*api, &format!("{STACK_LABEL}={stack}"));
    let kinds = api.kinds().await?;
    // What happened to objects is none.
    let lists = kinds
        .iter()
        .filter(|kind| kind.kind != "Event")
        .map(|kind| async move { Ok::<_, Fault>((kind, api.list_metadata(kind, label).await?)) });
    let lists: Vec<(&Resource, Vec<Value>)> =
        stream::iter(lists).buffer_unordered(LISTS_MAX).try_collect().await?;
    let found = lists.iter().flat_map(|(kind, objects)| {
        objects.iter().filter_map(move |object| owned_object(cx, cluster, kind, object))
    });
    Ok(found.filter(|it| it.owner.stack == *stack).collect())
}

/// What a controller made of an object of ours may have its label, and even its annotations: it goes with that. What is to
/// be retained is nobody's to delete.
fn owned_object(cx: &Cx, cluster: &str, kind: &Resource, object: &Value) -> Option<OwnedObject> {
    let metadata = &object["metadata"];
    let mut owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    let is_retained = metadata["annotations"][DELETION_ANNOTATION] == RETAIN;
    if is_retained || owners.any(|owner| owner["controller"] == true) {
        return None;
    }
    let text = |name: &str| metadata[name].as_str().unwrap_or_default();
    let Resource { group, version, kind, .. } = kind;
    Some(OwnedObject {
        kind: if group.is_empty() {
            format!("{version}/{kind}")
        } else {
            format!("{group}/{version}/{kind}")
        },
        region: cx.region.clone(),
        id: PhysicalId::joined([cluster, text("namespace"), text("name")]),
        owner: owner(object)?,
    })
}
