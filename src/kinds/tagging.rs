//! The Resource Groups Tagging API: whose ARNs carry an owner's tags, for services that cannot filter by tag.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;

use super::reply::collect;
use crate::cloud::Cx;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG};
use crate::fault::Fault;
use crate::kind::Lookup;

/// A filter takes twenty values.
const VALUES_MAX: usize = 20;

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
