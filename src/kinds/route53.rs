//! What the Route 53 kinds share: names as DNS sees them, and tags, which are calls of their own.

use std::collections::BTreeMap;

use aws_sdk_route53::types::{Tag, TagResourceType};
use futures::future::{BoxFuture, try_join_all};
use serde::{Deserialize, Deserializer, Serialize};

use crate::address::Owner;
use crate::cloud::Cx;
use crate::cloud::tags::{TagChange, Tags};
use crate::fault::{Class, Fault};
use crate::kind::Lookup;

/// A domain name in one spelling: lower case, without the final dot, `*` not escaped. Route 53 answers with the final
/// dot and with `\052`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(super) struct DomainName(String);

impl DomainName {
    pub(super) fn new(name: &str) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name);
        Self(name.to_ascii_lowercase().replace("\\052", "*"))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

/// The creations in `wanted` that were cut off, by the caller reference that they sent, with whom they were for. Zones
/// and checks get their tags in a call of their own: one that was cut off before it left nothing else to go by.
pub(super) fn creations(wanted: &[Lookup]) -> BTreeMap<&str, &Owner> {
    let mut creations = BTreeMap::new();
    for lookup in wanted {
        if let Lookup::Owner { owner, tokens, .. } = lookup {
            creations.extend(tokens.iter().map(|token| (token.0.as_str(), owner)));
        }
    }
    creations
}

/// `ListTagsForResources` takes ten ids.
const TAGGED_MAX: usize = 10;

/// The tags of hosted zones or health checks, by id. What is gone by now has none.
pub(super) async fn tags_of(
    cx: &Cx,
    resource: TagResourceType,
    ids: &[&str],
) -> Result<BTreeMap<String, Tags>, Fault> {
    let batches = ids.chunks(TAGGED_MAX).map(|batch| tags_of_batch(cx, resource.clone(), batch));
    Ok(try_join_all(batches).await?.into_iter().flatten().collect())
}

/// Sends a change of tags.
pub(super) async fn retag(
    cx: &Cx,
    resource: TagResourceType,
    id: &str,
    change: TagChange,
) -> Result<(), Fault> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let add: Vec<Tag> = change.set.into_iter().map(tag).collect();
    if add.is_empty() && change.remove.is_empty() {
        return Ok(());
    }
    // An empty list is refused.
    let some = |remove: Vec<String>| (!remove.is_empty()).then_some(remove);
    cx.route53
        .change_tags_for_resource()
        .resource_type(resource)
        .resource_id(id)
        .set_add_tags((!add.is_empty()).then_some(add))
        .set_remove_tag_keys(some(change.remove))
        .send()
        .await?;
    Ok(())
}

/// One missing id fails a whole batch; then each id is asked for alone.
fn tags_of_batch<'a>(
    cx: &'a Cx,
    resource: TagResourceType,
    ids: &'a [&'a str],
) -> BoxFuture<'a, Result<Vec<(String, Tags)>, Fault>> {
    Box::pin(async move {
        let ask = cx.route53.list_tags_for_resources().resource_type(resource.clone());
        let ids_owned = ids.iter().map(|&id| id.to_owned()).collect();
        match ask.set_resource_ids(Some(ids_owned)).send().await.map_err(Fault::from) {
            Err(fault) if fault.is(Class::NotFound) && ids.len() > 1 => {
                let alone = ids.chunks(1).map(|id| tags_of_batch(cx, resource.clone(), id));
                Ok(try_join_all(alone).await?.into_iter().flatten().collect())
            }
            Err(fault) if fault.is(Class::NotFound) => Ok(Vec::new()),
            Err(fault) => Err(fault),
            Ok(reply) => Ok(reply
                .resource_tag_sets
                .into_iter()
                .map(|set| {
                    let pairs = set.tags.unwrap_or_default().into_iter();
                    let pairs = pairs.filter_map(|tag| Some((tag.key?, tag.value?)));
                    (set.resource_id.unwrap_or_default(), Tags::read(pairs))
                })
                .collect()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_spelling() {
        for name in ["*.Example.com", "\\052.example.com.", "*.example.com."] {
            assert_eq!(DomainName::new(name).as_str(), "*.example.com");
        }
    }
}
