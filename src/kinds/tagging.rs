//! The Resource Groups Tagging API: whose ARNs carry an owner's tags, for services that cannot filter by tag, and the
//! tags of many ARNs, for services that tell them one by one.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;

use super::reply::collect;
use crate::cloud::Cx;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG, Tags};
use crate::fault::Fault;
use crate::kind::{Compared, Lookup};

/// A filter takes twenty values.
const VALUES_MAX: usize = 20;
/// A call takes a hundred ARNs.
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
    use super::*;
    use crate::address::{Owner, PhysicalId, Stack};

    #[test]
    fn owners_are_asked_for_by_stack_and_twenty_addresses() {
        let owner = |index: usize| Lookup::Owner {
            owner: Owner {
                stack: Stack::new("shop-dev"),
                address: format!("keys/key-{index}").parse().unwrap(),
            },
            except: Vec::new(),
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
