//! What the ElastiCache kinds share: ARNs, tags, and which names a read asks for.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types::{CacheCluster, Tag};

use super::reply::{collect, present};
use super::tagging;
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Blocker, Class, Fault};
use crate::kind::{Compared, Lookup};

/// The ARN of what ElastiCache knows as `name`; `resource` is the ARN's word for the type: `replicationgroup`.
pub(super) async fn arn(cx: &Cx, resource: &str, name: &str) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("elasticache", &cx.region, format_args!("{resource}:{name}")))
}

/// The names in `wanted`: all ElastiCache kinds have natural ids.
pub(super) fn names(wanted: &[Lookup]) -> BTreeSet<&str> {
    wanted.iter().filter_map(Lookup::id).collect()
}

/// The only one of `names`. The lists have no filter: a call asks for one object, or for all, which are some dozens.
pub(super) fn only(names: &BTreeSet<&str>) -> Option<String> {
    names.first().filter(|_| names.len() == 1).map(|&name| name.to_owned())
}

/// The tags of one object; `None` if it is gone. ElastiCache has no call for the tags of several.
///
/// What is being created or modified does not tell its tags: meanwhile the index has to do, if it knows an owner. If it
/// does not, the read fails as busy, for without tags the object would look like somebody else's.
pub(super) async fn tags(
    cx: &Cx,
    arn: Option<&str>,
    indexed: Tags,
    compared: &Compared<'_>,
) -> Result<Option<Tags>, Fault> {
    let owned = tags::owner(&indexed.0).is_some();
    let ask = async {
        let ask = cx.elasticache.list_tags_for_resource().set_resource_name(arn.map(Into::into));
        let reply = match present(ask.send().await) {
            Err(fault) if owned && fault.is(Class::Busy) => return Ok(Some(indexed.clone())),
            reply => reply?,
        };
        let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
        let tags = reply.map(|reply| reply.tag_list.unwrap_or_default());
        Ok(tags.map(|tags| Tags::read(tags.into_iter().filter_map(pair))))
    };
    tagging::confirmed(indexed.clone(), compared, ask).await
}

/// The caches that `uses` picks out by one of their members, each as a blocker for this reason. No filter knows groups.
pub(super) async fn users(
    cx: &Cx,
    uses: impl Fn(&CacheCluster) -> bool,
    why: &str,
) -> Result<Vec<Blocker>, Fault> {
    let pages = cx.elasticache.describe_cache_clusters().into_paginator();
    let members = collect(pages.items().send()).await?;
    let blocker = |it: &CacheCluster| {
        let group = it.replication_group_id();
        let kind = match group {
            Some(_) => "AWS::ElastiCache::ReplicationGroup",
            None => "AWS::ElastiCache::CacheCluster",
        };
        let id = group.or(it.cache_cluster_id()).unwrap_or_default();
        Blocker::stays(id, kind, why).passing(it.cache_cluster_status() == Some("deleting"))
    };
    let users: BTreeSet<Blocker> = members.iter().filter(|it| uses(it)).map(blocker).collect();
    Ok(users.into_iter().collect())
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(tag).collect())
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = Some(change.set.iter().map(tag).collect());
        cx.elasticache.add_tags_to_resource().resource_name(arn).set_tags(tags).send().await?;
    }
    if !change.remove.is_empty() {
        let ask = cx.elasticache.remove_tags_from_resource().resource_name(arn);
        ask.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
