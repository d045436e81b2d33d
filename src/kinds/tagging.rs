//! The Resource Groups Tagging API: which ARNs carry an owner's tags, for services that cannot filter by tag, and the tags
//! of many ARNs in one call, for services that tell the tags of one alone.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_resourcegroupstagging::types::TagFilter;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};

use super::reply::collect;
use crate::cloud::Cx;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG, Tags};
use crate::fault::Fault;
use crate::kind::Lookup;

/// A filter takes twenty values.
const VALUES_MAX: usize = 20;
/// A call takes a hundred ARNs.
const ARNS_MAX: usize = 100;
/// Resources whose own service is asked at once.
const READS_MAX: usize = 16;

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

/// The tags of these ARNs; what is gone has none. `ask` is the service's own call for one of them.
///
/// The index behind the API does not know what was never tagged, or was made a moment ago: that is asked for singly, and
/// so is a single ARN, which costs a call either way. A tag that was changed a moment ago may show its old value.
pub(super) async fn tags_of<F>(
    cx: &Cx,
    arns: BTreeSet<String>,
    ask: impl Fn(String) -> F,
) -> Result<BTreeMap<String, Tags>, Fault>
where
    F: Future<Output = Result<Option<Tags>, Fault>>,
{
    let mut known = if arns.len() > 1 { indexed(cx, &arns).await? } else { BTreeMap::new() };
    let missing: Vec<String> = arns.into_iter().filter(|arn| !known.contains_key(arn)).collect();
    let asked = stream::iter(missing).map(|arn| {
        let answer = ask(arn.clone());
        async move { Ok::<_, Fault>(answer.await?.map(|tags| (arn, tags))) }
    });
    let found: Vec<_> = asked.buffer_unordered(READS_MAX).try_collect().await?;
    known.extend(found.into_iter().flatten());
    Ok(known)
}

/// The tags of those ARNs that the index knows.
async fn indexed(cx: &Cx, arns: &BTreeSet<String>) -> Result<BTreeMap<String, Tags>, Fault> {
    let arns: Vec<String> = arns.iter().cloned().collect();
    // With ARNs, the call has no pages.
    let asked = arns.chunks(ARNS_MAX).map(|arns| async move {
        let reply = cx.tagging.get_resources().set_resource_arn_list(Some(arns.to_vec()));
        Ok::<_, Fault>(reply.send().await?.resource_tag_mapping_list.unwrap_or_default())
    });
    let found = try_join_all(asked).await?.into_iter().flatten();
    let tagged = found.filter_map(|mapping| {
        let tags = mapping.tags.unwrap_or_default();
        let tags = Tags::read(tags.into_iter().map(|tag| (tag.key, tag.value)));
        Some((mapping.resource_arn?, tags))
    });
    Ok(tagged.collect())
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
