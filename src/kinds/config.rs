//! What the kinds of AWS Config share: tags.

use aws_sdk_config::types::Tag;

use super::reply::collect;
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::Fault;

/// The tags of one object.
pub(super) async fn tags_of(cx: &Cx, arn: String) -> Result<Tags, Fault> {
    let pages = cx.config.list_tags_for_resource().resource_arn(arn).into_paginator();
    let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    Ok(Tags::read(collect(pages.items().send()).await?.into_iter().filter_map(pair)))
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(tag).collect())
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let set = change.set.iter().map(tag).collect();
        cx.config.tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    if !change.remove.is_empty() {
        let ask = cx.config.untag_resource().resource_arn(arn);
        ask.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
