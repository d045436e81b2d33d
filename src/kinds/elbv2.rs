//! What the Elastic Load Balancing kinds share: tags and attributes, which no list carries.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::{join_all, try_join_all};

use super::reply::present;
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Class, Fault};

/// Attributes have the shape of tags: a list of `Key` and `Value`.
pub(super) type Attributes = Tags;

/// What one call for tags takes.
const TAGGED_MAX: usize = 20;

/// The tags of those of the objects that still exist, by ARN.
pub(super) async fn tags_of(cx: &Cx, arns: &[String]) -> Result<BTreeMap<String, Tags>, Fault> {
    let batches = arns.chunks(TAGGED_MAX).map(|batch| tags_of_batch(cx, batch));
    let found = try_join_all(batches).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Tags of a create call.
pub(super) fn tag_list(tags: Option<&Tags>) -> Option<Vec<Tag>> {
    Some(tags?.0.iter().map(|(key, value)| tag(key, value)).collect())
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = change.set.iter().map(|(key, value)| tag(key, value)).collect();
        cx.elb.add_tags().resource_arns(arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.elb.remove_tags().resource_arns(arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

/// The attributes to send. One that the spec no longer names keeps its value: there is no call that takes it back.
pub(super) fn attributes_to_set(
    from: Option<&Attributes>,
    to: Option<&Attributes>,
) -> BTreeMap<String, String> {
    let none = Attributes::default();
    tags::change(&from.unwrap_or(&none).0, &to.unwrap_or(&none).0).set
}

/// Attributes of a reply.
pub(super) fn attributes(
    pairs: impl IntoIterator<Item = (Option<String>, Option<String>)>,
) -> Attributes {
    Tags::read(pairs.into_iter().filter_map(|(key, value)| key.zip(value)))
}

/// What stands in an ARN after `until`: a load balancer's name in metrics, `app/shop/50dc6c495c0c9188`.
pub(super) fn full_name<'a>(arn: &'a str, until: &str) -> Option<&'a str> {
    arn.split_once(until).map(|(_, name)| name)
}

async fn tags_of_batch(cx: &Cx, arns: &[String]) -> Result<Vec<(String, Tags)>, Fault> {
    match described(cx, arns).await {
        // One that went away since it was listed fails the call for all.
        Err(fault) if fault.is(Class::NotFound) => {
            let alone = arns.iter().map(|arn| described(cx, std::slice::from_ref(arn)));
            let found = join_all(alone).await.into_iter().map(present);
            let found: Result<Vec<_>, Fault> = found.collect();
            Ok(found?.into_iter().flatten().flatten().collect())
        }
        answer => answer,
    }
}

async fn described(cx: &Cx, arns: &[String]) -> Result<Vec<(String, Tags)>, Fault> {
    let reply = cx.elb.describe_tags().set_resource_arns(Some(arns.to_vec())).send().await?;
    let described = reply.tag_descriptions.unwrap_or_default().into_iter();
    let tags = |tags: Vec<Tag>| {
        Tags::read(
            tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))),
        )
    };
    let described = described.filter_map(|described| {
        Some((described.resource_arn?, tags(described.tags.unwrap_or_default())))
    });
    Ok(described.collect())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attributes_that_differ_are_set() {
        let of = |pairs: &[(&str, &str)]| {
            attributes(pairs.iter().map(|&(k, v)| (Some(k.into()), Some(v.into()))))
        };
        let from = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let set = attributes_to_set(Some(&from), Some(&of(&[("a", "1"), ("b", "2")])));
        assert_eq!(set, BTreeMap::from([("b".into(), "2".into())]));
        assert_eq!(attributes_to_set(None, Some(&from)).len(), 3);
    }

    #[test]
    fn the_full_name_is_the_end_of_the_arn() {
        let arn = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/shop/50dc";
        assert_eq!(full_name(arn, ":loadbalancer/"), Some("app/shop/50dc"));
        assert_eq!(full_name("shop", ":loadbalancer/"), None);
    }
}
