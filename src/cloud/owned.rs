//! Everything that carries a stack's owner tags, by the index of the Resource Groups Tagging API.

use std::collections::BTreeSet;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::address::{Owner, Stack};
use crate::cloud::tags::{self, DELETION_TAG, RETAIN, STACK_TAG, Tags};
use crate::cloud::{Aws, Cx};
use crate::fault::Fault;

/// An object, by its ARN, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owned {
    pub arn: String,
    pub owner: Owner,
}

/// What carries the owner tags of `stack` in these regions, and of the services that are one for the world, without what
/// is to be retained. The index lags behind the services by seconds, and does not know all of them (roles, for one).
pub async fn owned(
    aws: &Aws,
    stack: &Stack,
    regions: impl IntoIterator<Item = String>,
) -> Result<BTreeSet<Owned>, Fault> {
    let partition = aws.region(aws.home()).account().await?.partition.clone();
    let mut regions: BTreeSet<String> = regions.into_iter().collect();
    regions.insert(region_of_the_world(&partition).into());
    let mut all = BTreeSet::new();
    for region in regions {
        all.extend(owned_in(&aws.region(&region), stack).await?);
    }
    Ok(all)
}

/// Where the resources of services that are one for the world are indexed.
pub(crate) fn region_of_the_world(partition: &str) -> &'static str {
    match partition {
        "aws-cn" => "cn-northwest-1",
        "aws-us-gov" => "us-gov-west-1",
        _ => "us-east-1",
    }
}

async fn owned_in(cx: &Cx, stack: &Stack) -> Result<Vec<Owned>, Fault> {
    let filter = TagFilter::builder().key(STACK_TAG).values(stack.as_str());
    let mut pages =
        cx.tagging.get_resources().tag_filters(filter.build()).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(mapping) = pages.next().await {
        let mapping = mapping?;
        let tags = mapping.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value));
        let tags = Tags::read(tags).0;
        let is_retained = tags.get(DELETION_TAG).is_some_and(|it| it == RETAIN);
        if let (Some(arn), Some(owner), false) =
            (mapping.resource_arn, tags::owner(&tags), is_retained)
        {
            found.push(Owned { arn, owner });
        }
    }
    Ok(found)
}
