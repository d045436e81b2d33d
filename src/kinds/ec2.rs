//! What the EC2 kinds share: filters from lookups, tags, pages, and deletions of what is gone.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use aws_smithy_async::future::pagination_stream::PaginationStream;

use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG, TagChange, Tags};
use crate::fault::{Class, Fault};
use crate::kind::Lookup;

/// The filters that find `wanted`: a set by id (`id_filter` is the API's name for it), and one a stack by owner.
/// Filters, not lists of ids: one missing id fails a whole call with a list.
pub(super) fn filters(id_filter: &str, wanted: &[Lookup]) -> Vec<Vec<Filter>> {
    let mut ids = Filter::builder().name(id_filter);
    let mut owned: Vec<(&str, Vec<String>)> = Vec::new();
    for lookup in wanted {
        match lookup {
            Lookup::Id(id) => ids = ids.values(id.as_str()),
            Lookup::Owner { owner, .. } => {
                let (stack, address) = (owner.stack.as_str(), owner.address.as_str().to_owned());
                match owned.iter_mut().find(|(known, _)| *known == stack) {
                    Some((_, addresses)) => addresses.push(address),
                    None => owned.push((stack, vec![address])),
                }
            }
        }
    }
    let ids = ids.build();
    let by_owner = owned.into_iter().map(|(stack, addresses)| {
        let filter = |tag| Filter::builder().name(format!("tag:{tag}"));
        let addresses = filter(ADDRESS_TAG).set_values(Some(addresses)).build();
        vec![filter(STACK_TAG).values(stack).build(), addresses]
    });
    let by_id = (!ids.values().is_empty()).then(|| vec![ids]);
    by_id.into_iter().chain(by_owner).collect()
}

/// All items of all pages.
pub(super) async fn collect<T, E: Into<Fault>>(
    pages: PaginationStream<Result<T, E>>,
) -> Result<Vec<T>, Fault> {
    pages.collect::<Result<Vec<T>, E>>().await.map_err(Into::into)
}

/// Tags of a reply.
pub(super) fn tags(tags: &[Tag]) -> Tags {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Tags::read(tags.iter().map(|tag| (text(tag.key()), text(tag.value()))))
}

/// Tags of a create call.
pub(super) fn tag_specifications(
    resource: ResourceType,
    tags: Option<&Tags>,
) -> Option<Vec<TagSpecification>> {
    let tags = tags?.0.iter().map(|(key, value)| tag(key, value)).collect();
    Some(vec![TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()])
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = change.set.iter().map(|(key, value)| tag(key, value)).collect();
        cx.ec2.create_tags().resources(id.as_str()).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        // Without a value a tag is deleted whatever its value is.
        let tags = change.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        cx.ec2.delete_tags().resources(id.as_str()).set_tags(Some(tags)).send().await?;
    }
    Ok(())
}

/// The answer of a deletion: that it is gone already is a success.
pub(super) fn gone<T, E: Into<Fault>>(answer: Result<T, E>) -> Result<(), Fault> {
    match answer.map_err(Into::into) {
        Err(fault) if fault.is(Class::NotFound) => Ok(()),
        other => other.map(drop),
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}
