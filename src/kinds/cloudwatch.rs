//! What the CloudWatch kinds share: tags, which no description carries.

use aws_sdk_cloudwatch::types::Tag;

use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::Fault;

/// Objects that are read at once.
pub(super) const READS_MAX: usize = 16;

/// The tags of one object.
pub(super) async fn tags_of(cx: &Cx, arn: String) -> Result<Tags, Fault> {
    let reply = cx.cloudwatch.list_tags_for_resource().resource_arn(arn).send().await?;
    let pair = |tag: Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    Ok(Tags::read(reply.tags.unwrap_or_default().into_iter().filter_map(pair)))
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(tag).collect())
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let set = change.set.iter().map(tag).collect();
        cx.cloudwatch.tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    if !change.remove.is_empty() {
        let ask = cx.cloudwatch.untag_resource().resource_arn(arn);
        ask.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build()
}
