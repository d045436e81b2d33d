//! The Resource Groups Tagging API: whose ARNs carry an owner's tags, for services that cannot filter by tag, and the
//! tags of many ARNs at once, for services that tell them one by one.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::config::{Config, Region};
use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, TagFilter};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};

use super::reply::{collect, present};
use crate::cloud::Cx;
use crate::cloud::owned::region_of_the_world;
use crate::cloud::tags::{self, ADDRESS_TAG, STACK_TAG, Tags};
use crate::fault::Fault;
use crate::kind::{Compared, Lookup};

/// A filter takes twenty values.
const VALUES_MAX: usize = 20;
/// ARNs that one call takes.
const ARNS_MAX: usize = 100;
/// Questions to the services themselves that are under way at once.
const ASKED_MAX: usize = 16;

/// The ARNs of all resources of a type (`acm:certificate`) that carry the tags of an owner in `wanted`. The index
/// behind it lags behind the services by seconds: what it finds is read from the service itself.
pub(super) async fn owned(cx: &Cx, of_type: &str, wanted: &[Lookup]) -> Result<Vec<String>, Fault> {
    let asked = filters(wanted).into_iter().map(|filters| {
        let ask = cx.tagging.get_resources().resource_type_filters(of_type);
        collect(ask.set_tag_filters(Some(filters)).into_paginator().items().send())
    });
    let found = try_join_all(asked).await?;
    Ok(found.into_iter().flatten().filter_map(|mapping| mapping.resource_arn).collect())
}

/// The tags of those of the resources that the index knows, by ARN. It knows no resource that never had a tag, and what
/// is fresh only after some seconds: its answers need to be [`confirmed`].
pub(super) async fn tags_of(cx: &Cx, arns: &[String]) -> Result<BTreeMap<String, Tags>, Fault> {
    let asked = arns.chunks(ARNS_MAX).map(|arns| {
        let ask = cx.tagging.get_resources().set_resource_arn_list(Some(arns.to_vec()));
        // With ARNs there are no pages.
        ask.send()
    });
    let found = try_join_all(asked).await?.into_iter();
    let found = found.flat_map(|reply| reply.resource_tag_mapping_list.unwrap_or_default());
    let tags = found.filter_map(|mapping| {
        let tags = mapping.tags.unwrap_or_default().into_iter();
        Some((mapping.resource_arn?, Tags::read(tags.map(|tag| (tag.key, tag.value)))))
    });
    Ok(tags.collect())
}

/// The tags of these ARNs: a hundred a call instead of one.
///
/// The index lags behind the services by seconds. What it knows no owner of is new, or not ours: `ask` asks the service
/// itself about those. A tag that was changed within these seconds may be seen as it was before, which costs no more
/// than setting it again. What is gone is left out.
pub(super) async fn of_arns<Ask, Asked>(
    cx: &Cx,
    arns: impl IntoIterator<Item = String>,
    ask: Ask,
) -> Result<BTreeMap<String, Tags>, Fault>
where
    Ask: Fn(String) -> Asked,
    Asked: Future<Output = Result<Tags, Fault>>,
{
    let arns: Vec<String> = arns.into_iter().collect();
    let calls = arns.chunks(ARNS_MAX).map(|arns| async {
        let asked = cx.tagging.get_resources().set_resource_arn_list(Some(arns.to_vec()));
        Ok::<_, Fault>(asked.send().await?.resource_tag_mapping_list.unwrap_or_default())
    });
    let mut known = owners_known(try_join_all(calls).await?.into_iter().flatten());
    let unknown = arns.into_iter().filter(|arn| !known.contains_key(arn)).collect::<Vec<_>>();
    let asked = stream::iter(unknown).map(|arn| {
        let answer = ask(arn.clone());
        async move { Ok::<_, Fault>(present(answer.await)?.map(|tags| (arn, tags))) }
    });
    let asked: Vec<_> = asked.buffer_unordered(ASKED_MAX).try_collect().await?;
    known.extend(asked.into_iter().flatten());
    Ok(known)
}

/// By ARN: the tags of those that carry an owner's.
fn owners_known(found: impl Iterator<Item = ResourceTagMapping>) -> BTreeMap<String, Tags> {
    let pairs = |mapping: ResourceTagMapping| {
        let tags = mapping.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
        Some((mapping.resource_arn?, Tags::read(tags)))
    };
    found.filter_map(pairs).filter(|(_, tags)| tags::owner(&tags.0).is_some()).collect()
}

/// As [`owned`], of a service that is one for the world: its resources are indexed in one region of each partition.
pub(super) async fn owned_of_the_world(
    cx: &Cx,
    of_type: &str,
    wanted: &[Lookup],
) -> Result<Vec<String>, Fault> {
    let filters = filters(wanted);
    if filters.is_empty() {
        return Ok(Vec::new());
    }
    let home = region_of_the_world(&cx.account().await?.partition);
    let mut arns = Vec::new();
    for filters in filters {
        let mut token = None;
        loop {
            let ask = cx.tagging.get_resources().resource_type_filters(of_type);
            let ask = ask.set_tag_filters(Some(filters.clone())).set_pagination_token(token);
            let at_home = Config::builder().region(Region::new(home));
            let page = ask.customize().config_override(at_home).send().await?;
            let mappings = page.resource_tag_mapping_list.unwrap_or_default().into_iter();
            arns.extend(mappings.filter_map(|mapping| mapping.resource_arn));
            token = page.pagination_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
    }
    Ok(arns)
}

/// The tags of one resource whose service tells them for one alone: what the index tells, if that is how they were left,
/// else the answer of `ask`, which asks the service. `None` if the resource is gone.
pub(super) async fn confirmed(
    indexed: Tags,
    compared: &Compared<'_>,
    ask: impl Future<Output = Result<Option<Tags>, Fault>>,
) -> Result<Option<Tags>, Fault> {
    if compared.confirms("Tags", &indexed) { Ok(Some(indexed)) } else { ask.await }
}

/// The filters that find the owners in `wanted`: by stack, and by up to twenty addresses of it.
fn filters(wanted: &[Lookup]) -> Vec<Vec<TagFilter>> {
    let mut addresses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for lookup in wanted {
        if let Lookup::Owner { owner, .. } = lookup {
            addresses.entry(owner.stack.as_str()).or_default().push(owner.address.as_str().into());
        }
    }
    let filter = |key: &str, values: Vec<String>| {
        TagFilter::builder().key(key).set_values(Some(values)).build()
    };
    let of_stack = |(stack, addresses): (&str, Vec<String>)| {
        let both = |addresses: &[String]| {
            vec![filter(STACK_TAG, vec![stack.into()]), filter(ADDRESS_TAG, addresses.to_vec())]
        };
        addresses.chunks(VALUES_MAX).map(both).collect::<Vec<_>>()
    };
    addresses.into_iter().flat_map(of_stack).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_resourcegroupstagging::types::Tag;
    use std::sync::Arc;

    use super::*;
    use crate::address::{Owner, PhysicalId, Stack};

    #[test]
    fn owners_are_asked_for_by_stack_and_twenty_addresses() {
        let owner = |index: usize| Lookup::Owner {
            owner: Owner {
                stack: Stack::new("shop-dev"),
                address: format!("keys/key-{index}").parse().unwrap(),
            },
            except: Arc::default(),
            tokens: Vec::new(),
        };
        let mut wanted: Vec<Lookup> = (0..21).map(owner).collect();
        wanted.push(Lookup::Id(PhysicalId::new("k-1")));
        let filters = filters(&wanted);
        let sizes: Vec<usize> = filters.iter().map(|pair| pair[1].values().len()).collect();
        assert_eq!(sizes, [20, 1]);
        assert_eq!(filters[1][0].values(), ["shop-dev"]);
        assert_eq!(filters[1][1].values(), ["keys/key-20"]);
    }

    #[test]
    fn only_tags_with_an_owner_are_taken_from_the_index() {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
        let ours = ResourceTagMapping::builder()
            .resource_arn("arn:ours")
            .tags(tag(STACK_TAG, "shop-dev"))
            .tags(tag(ADDRESS_TAG, "store/table"))
            .tags(tag("aws:cloudformation:stack-name", "x"));
        let theirs = ResourceTagMapping::builder().resource_arn("arn:theirs").tags(tag("a", "1"));
        let known = owners_known([ours.build(), theirs.build()].into_iter());
        assert_eq!(known.keys().collect::<Vec<_>>(), ["arn:ours"]);
        assert_eq!(known["arn:ours"].0.len(), 2);
    }
}
