//! What the SNS kinds share.

use std::collections::BTreeMap;

use aws_sdk_sns::types::Tag;

use super::reply::present;
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::{Fault, Required};

/// Attributes of topics and subscriptions have names and texts.
pub(super) type Attributes = BTreeMap<String, String>;

/// The attributes of a topic, its policy among them; `None` if it is gone. There is no call for several topics.
pub(super) async fn topic(cx: &Cx, arn: &str) -> Result<Option<Attributes>, Fault> {
    let ask = async {
        let reply = present(cx.sns.get_topic_attributes().topic_arn(arn).send().await)?;
        Ok(reply.map(|reply| reply.attributes.unwrap_or_default().into_iter().collect()))
    };
    cx.once("GetTopicAttributes", arn, Box::pin(ask)).await
}

pub(super) async fn set_topic(cx: &Cx, arn: &str, name: &str, value: &str) -> Result<(), Fault> {
    let set = cx.sns.set_topic_attributes().topic_arn(arn).attribute_name(name);
    set.attribute_value(value).send().await?;
    Ok(())
}

/// The tags of a topic.
pub(super) async fn tags(cx: &Cx, arn: &str) -> Result<Tags, Fault> {
    let reply = cx.sns.list_tags_for_resource().resource_arn(arn).send().await?;
    let tags = reply.tags.unwrap_or_default().into_iter();
    Ok(Tags::read(tags.map(|tag| (tag.key, tag.value))))
}

pub(super) fn tag_list<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Vec<Tag>, Fault> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().ok().required("tag");
    tags.into_iter().map(tag).collect()
}

pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = tag_list(&change.set)?;
        cx.sns.tag_resource().resource_arn(arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.sns.untag_resource().resource_arn(arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}
