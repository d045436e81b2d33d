//! What the EKS kinds share: finding by owner, concurrent reads, tags, and updates of which the service takes one at a
//! time.
//!
//! EKS has no call that describes several objects and no filter by tag: each object takes a call of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::Value;

use super::ec2::collect;
use crate::cloud::Cx;
use crate::cloud::tags::{self, STACK_TAG, TagChange, Tags};
use crate::fault::{Class, Fault};
use crate::kind::{Lookup, Update};

/// How many objects are described at a time; the rate limit holds the calls back, this the memory.
const READS_AT_ONCE: usize = 16;

/// What is there of what was asked for, in any order.
pub(super) async fn each<T, F>(asked: impl IntoIterator<Item = F>) -> Result<Vec<T>, Fault>
where
    F: Future<Output = Result<Option<T>, Fault>>,
{
    stream::iter(asked)
        .buffer_unordered(READS_AT_ONCE)
        .try_filter_map(|found| async { Ok(found) })
        .try_collect()
        .await
}

/// What the ARNs of the objects wanted by owner hold after `kind/`: `[cluster, name, …]`. One search of the tagging API
/// for each stack finds them all, where EKS would take a list for each cluster and a call for each object.
pub(super) async fn owned(
    cx: &Cx,
    kind: &str,
    wanted: &[Lookup],
) -> Result<Vec<Vec<String>>, Fault> {
    let owners = wanted.iter().filter_map(|lookup| match lookup {
        Lookup::Owner { owner, .. } => Some(owner),
        Lookup::Id(_) => None,
    });
    let owners: BTreeSet<_> = owners.collect();
    let stacks: BTreeSet<&str> = owners.iter().map(|owner| owner.stack.as_str()).collect();
    let mut found = Vec::new();
    for stack in stacks {
        let filter = TagFilter::builder().key(STACK_TAG).values(stack).build();
        let search = cx.tagging.get_resources().resource_type_filters(format!("eks:{kind}"));
        let pages = search.tag_filters(filter).into_paginator();
        for mapping in collect(pages.items().send()).await? {
            let pairs = mapping.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone()));
            let owner = tags::owner(&Tags::read(pairs).0);
            if owner.is_some_and(|owner| owners.contains(&owner)) {
                found.extend(arn_parts(mapping.resource_arn().unwrap_or_default(), kind));
            }
        }
    }
    Ok(found)
}

/// Cluster and name of the objects `kind/cluster/name/…` that may answer one of `wanted`.
pub(super) async fn keys(
    cx: &Cx,
    kind: &str,
    wanted: &[Lookup],
) -> Result<BTreeSet<[String; 2]>, Fault> {
    let by_id = wanted.iter().filter_map(|lookup| match lookup {
        Lookup::Id(id) => id.parts().map(|parts: [&str; 2]| parts.map(str::to_owned)),
        Lookup::Owner { .. } => None,
    });
    let by_owner = owned(cx, kind, wanted).await?;
    let by_owner = by_owner.into_iter().filter_map(|mut parts| {
        parts.truncate(2);
        <[String; 2]>::try_from(parts).ok()
    });
    Ok(by_id.chain(by_owner).collect())
}

/// Tags of a reply.
pub(super) fn tags(tags: Option<&HashMap<String, String>>) -> Tags {
    Tags::read(pairs(tags))
}

/// A mapping of a reply, in order.
pub(super) fn pairs(pairs: Option<&HashMap<String, String>>) -> BTreeMap<String, String> {
    pairs.into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Tags of a call.
pub(super) fn tag_map<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> HashMap<String, String> {
    tags.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = tag_map(&change.set);
        cx.eks.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let call = cx.eks.untag_resource().resource_arn(arn);
        call.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

/// Those of the rows `rows` that `update` is to change and that are not yet as desired.
///
/// EKS refuses an update that changes nothing, so a repeated one must leave out what has been done.
pub(super) fn open<'a, S: Serialize>(
    rows: &'a [&'a str],
    live: &S,
    update: &Update<'_, S>,
) -> Vec<&'a str> {
    let value = |spec| serde_json::to_value(spec).expect("a Spec always serializes");
    let (live, to) = (value(live), value(update.to));
    let differs = |row: &&&str| {
        let path = format!("/{}", row.replace('.', "/"));
        let to = to.pointer(&path);
        update.has(row) && to.is_some_and(|to| !is_as(live.pointer(&path), to))
    };
    rows.iter().filter(differs).copied().collect()
}

/// Whether `live` is as `desired` says; members that it does not name may be anything.
fn is_as(live: Option<&Value>, desired: &Value) -> bool {
    match (live, desired) {
        (Some(Value::Object(live)), Value::Object(desired)) => {
            desired.iter().all(|(key, desired)| is_as(live.get(key), desired))
        }
        (Some(live), desired) => live == desired,
        (None, _) => false,
    }
}

/// The object is in the middle of another update, or will be when the next part of this one is due.
pub(super) fn busy(name: &str) -> Fault {
    Fault::new(
        Class::Busy,
        format!("`{name}` is in the middle of an update; EKS takes one at a time"),
    )
}

/// An update of what is not there.
pub(super) fn absent(name: &str) -> Fault {
    Fault::new(Class::NotFound, format!("`{name}` is not there"))
}

/// A reason made of the issues that the service reports, or the state alone if it reports none.
pub(super) fn reason<'a>(
    status: &str,
    issues: impl IntoIterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> String {
    let mut reason = status.to_owned();
    for (code, message) in issues {
        reason.push_str("; ");
        reason.push_str(code.unwrap_or("unknown issue"));
        if let Some(message) = message {
            reason.push_str(": ");
            reason.push_str(message);
        }
    }
    reason
}

fn arn_parts(arn: &str, kind: &str) -> Option<Vec<String>> {
    let rest = arn.splitn(6, ':').nth(5)?.strip_prefix(kind)?.strip_prefix('/')?;
    Some(rest.split('/').map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_still_differs_is_open() {
        let (from, live) = (json!({}), json!({"A": {"B": 1, "X": 0}, "C": 1}));
        let to = json!({"A": {"B": 2}, "C": 1, "D": [1]});
        let update = Update { from: &from, to: &to, changed: &["A.B", "C", "D", "E"] };
        assert_eq!(open(&["A.B", "C", "D", "E"], &live, &update), ["A.B", "D"]);
        assert!(open(&["A"], &live, &update).is_empty(), "not among the changed rows");
        let done = json!({"A": {"B": 2, "X": 0}, "C": 1, "D": [1]});
        assert!(open(&["A.B", "C", "D"], &done, &update).is_empty());
    }

    #[test]
    fn an_arn_names_cluster_and_object() {
        let arn = "arn:aws:eks:eu-west-1:123456789012:nodegroup/main/blue/7ac2";
        let parts = ["main", "blue", "7ac2"].map(str::to_owned).to_vec();
        assert_eq!(arn_parts(arn, "nodegroup"), Some(parts));
        assert_eq!(arn_parts(arn, "node"), None);
        assert_eq!(arn_parts(arn, "addon"), None);
    }

    #[test]
    fn a_reason_tells_state_and_issues() {
        assert_eq!(reason("FAILED", []), "FAILED");
        let issues = [(Some("AccessDenied"), Some("no role")), (Some("Other"), None)];
        assert_eq!(reason("DEGRADED", issues), "DEGRADED; AccessDenied: no role; Other");
    }
}
