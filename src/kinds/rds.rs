//! What the RDS kinds share: ARNs, tags, and which names are wanted.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbInstance, Tag};

use super::blocker::holder;
use super::reply::{collect, present};
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::{Blocker, Fault};
use crate::kind::Lookup;

/// The ARN of what RDS knows as `name`; `resource` is the ARN's word for the type: `db`, `pg`, `subgrp`.
pub(super) async fn arn(cx: &Cx, resource: &str, name: &str) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("rds", &cx.region, format_args!("{resource}:{name}")))
}

/// The names in `wanted`: all RDS kinds have natural ids.
pub(super) fn names(wanted: &[Lookup]) -> BTreeSet<&str> {
    wanted.iter().filter_map(Lookup::id).collect()
}

/// Tags of a reply.
pub(super) fn tags(tags: &[Tag]) -> Tags {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Tags::read(tags.iter().map(|tag| (text(tag.key()), text(tag.value()))))
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(|(key, value)| tag(key, value)).collect())
}

/// The tags of one object; `None` if it is gone. RDS has no call for the tags of several.
pub(super) async fn tags_of(cx: &Cx, arn: Option<&str>) -> Result<Option<Tags>, Fault> {
    let ask = cx.rds.list_tags_for_resource().set_resource_name(arn.map(Into::into));
    Ok(present(ask.send().await)?.map(|reply| tags(reply.tag_list())))
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = change.set.iter().map(|(key, value)| tag(key, value)).collect();
        cx.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

/// The instances that `uses` picks out, each as a blocker for this reason. No filter knows groups.
pub(super) async fn users(
    cx: &Cx,
    uses: impl Fn(&DbInstance) -> bool,
    why: &str,
) -> Result<Vec<Blocker>, Fault> {
    let pages = cx.rds.describe_db_instances().into_paginator().page_size(100);
    let instances = collect(pages.items().send()).await?;
    let blocker = |it: &DbInstance| {
        let id = it.db_instance_identifier().unwrap_or_default();
        let going = it.db_instance_status() == Some("deleting");
        let blocker = Blocker::stays(id, "AWS::RDS::DBInstance", why);
        blocker.of(holder(tags(it.tag_list()).0)).passing(going)
    };
    Ok(instances.iter().filter(|it| uses(it)).map(blocker).collect())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
