//! The Resource Groups Tagging API: whose ARNs carry an owner's tags, for services that cannot filter by tag, and the
//! tags of many ARNs at once, for services that tell them one by one.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::config::{Config, Region};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;

use super::reply::collect;
use crate::cloud::Cx;
use crate::cloud::owned::region_of_the_world;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG, Tags};
use crate::fault::Fault;
use crate::kind::{Compared, Lookup};

/// A filter takes twenty values.
const VALUES_MAX: usize = 20;
/// ARNs that one call takes.
const ARNS_MAX: usize = 100;

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

/// Objects, each with the tags that the index knows of its ARN. It knows none of what never had a tag, and of what is
/// fresh only after some seconds: its answers need to be [`confirmed`].
pub(super) async fn indexed<T>(
    cx: &Cx,
    objects: Vec<T>,
    arn: impl Fn(&T) -> Option<String>,
) -> Result<Vec<(T, Tags)>, Fault> {
    let arns: Vec<Option<String>> = objects.iter().map(arn).collect();
    let known: Vec<String> = arns.iter().flatten().cloned().collect();
    let asked = known.chunks(ARNS_MAX).map(|arns| {
        let ask = cx.tagging.get_resources().set_resource_arn_list(Some(arns.to_vec()));
        // With ARNs there are no pages.
        ask.send()
    });
    let replies = try_join_all(asked).await?.into_iter();
    let found = replies.flat_map(|reply| reply.resource_tag_mapping_list.unwrap_or_default());
    let tags = found.filter_map(|mapping| {
        let tags = mapping.tags.unwrap_or_default().into_iter();
        Some((mapping.resource_arn?, Tags::read(tags.map(|tag| (tag.key, tag.value)))))
    });
    let mut tags: BTreeMap<String, Tags> = tags.collect();
    let of = |arn: Option<String>| arn.and_then(|arn| tags.remove(&arn)).unwrap_or_default();
    Ok(objects.into_iter().zip(arns.into_iter().map(of)).collect())
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
}
