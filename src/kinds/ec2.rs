//! What the EC2 kinds share: filters from lookups, tags and address ranges.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, Filter, NetworkAcl, ResourceType, RouteTable, Tag, TagSpecification,
    UnsuccessfulItem, UnsuccessfulItemError,
};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub(super) use super::reply::{collect, gone};
use super::scalar::Number;
use crate::address::PhysicalId;
use crate::cloud::tags::{ADDRESS_TAG, STACK_TAG, TagChange, Tags};
use crate::cloud::{Cx, aws_fault};
use crate::fault::{Call, Fault};
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

/// The filter that finds what natural keys name, by their first part: the id of what contains it.
pub(super) fn key_filter(name: &str, wanted: &[Lookup]) -> Filter {
    let containers: BTreeSet<&str> = wanted
        .iter()
        .filter_map(|lookup| match lookup {
            Lookup::Id(id) => id.as_str().split('|').next(),
            // What has no tags is never looked for by its owner.
            Lookup::Owner { .. } => None,
        })
        .collect();
    let values = containers.into_iter().map(str::to_owned).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

/// A filter with one value.
pub(super) fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// The refusal of the one thing that a call for several was made for: EC2 answers with a success and lists in it what
/// it did not do.
pub(super) fn accepted(action: &str, refused: Option<Vec<UnsuccessfulItem>>) -> Result<(), Fault> {
    let Some(item) = refused.into_iter().flatten().next() else { return Ok(()) };
    let call = Call { service: "ec2".into(), action: action.into() };
    let error = item.error.unwrap_or_else(|| UnsuccessfulItemError::builder().build());
    let [code, message] = [error.code, error.message].map(Option::unwrap_or_default);
    Err(aws_fault::refused(call, &code, &message))
}

/// The route tables that pass `filters`.
pub(super) async fn route_tables(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<RouteTable>, Fault> {
    let pages = cx.ec2.describe_route_tables().set_filters(Some(filters)).into_paginator();
    collect(pages.items().send()).await
}

/// The network ACLs that pass `filters`.
pub(super) async fn network_acls(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<NetworkAcl>, Fault> {
    let pages = cx.ec2.describe_network_acls().set_filters(Some(filters)).into_paginator();
    collect(pages.items().send()).await
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
    let tags = tag_list(&tags?.0);
    Some(vec![TagSpecification::builder().resource_type(resource).set_tags(Some(tags)).build()])
}

/// Tags of a call.
pub(super) fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| tag(key, value)).collect()
}

/// Sends a change of tags.
pub(super) async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = Some(tag_list(&change.set));
        cx.ec2.create_tags().resources(id.as_str()).set_tags(tags).send().await?;
    }
    if !change.remove.is_empty() {
        // Without a value a tag is deleted whatever its value is.
        let tags = change.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        cx.ec2.delete_tags().resources(id.as_str()).set_tags(Some(tags)).send().await?;
    }
    Ok(())
}

/// A boolean attribute of a `Modify…Attribute` call.
pub(super) fn switch(on: Option<bool>) -> Option<AttributeBooleanValue> {
    on.map(|on| AttributeBooleanValue::builder().value(on).build())
}

/// An address range in the form in which EC2 keeps it: without host bits, IPv6 shortened and in lower case.
/// What is no range stays as it is, for EC2 to refuse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Cidr(String);

impl From<String> for Cidr {
    fn from(text: String) -> Self {
        Self(text.parse::<IpNet>().map_or(text, |range| range.trunc().to_string()))
    }
}

impl From<Cidr> for String {
    fn from(range: Cidr) -> Self {
        range.0
    }
}

impl Deref for Cidr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Cidr {
    /// A range of a reply.
    pub(super) fn read(range: Option<&str>) -> Option<Self> {
        range.map(|range| Self::from(range.to_owned()))
    }

    /// A range of a request.
    pub(super) fn send(range: Option<&Self>) -> Option<String> {
        range.map(|range| range.0.clone())
    }

    /// How many bits of it name the network.
    pub(super) fn prefix_len(&self) -> Option<Number> {
        self.0.rsplit_once('/')?.1.parse().ok().map(Number)
    }
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    #[test]
    fn ranges_have_one_form() {
        for (written, kept) in [
            ("10.0.1.0/24", "10.0.1.0/24"),
            ("100.68.0.18/18", "100.68.0.0/18"),
            ("2001:DB8:0::1/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("not a range", "not a range"),
        ] {
            assert_eq!(&*Cidr::from(written.to_owned()), kept);
        }
        assert_eq!(Cidr::from("10.0.0.0/16".to_owned()).prefix_len(), Some(Number(16)));
    }

    #[test]
    fn a_refusal_inside_a_success_is_a_fault() {
        let error = UnsuccessfulItemError::builder()
            .code("InvalidVpcEndpointId.NotFound")
            .message("The Vpc Endpoint Id 'vpce-1' does not exist");
        let item = UnsuccessfulItem::builder().resource_id("vpce-1").error(error.build()).build();
        let fault = accepted("DeleteVpcEndpoints", Some(vec![item])).unwrap_err();
        assert_eq!(fault.class, Class::NotFound);
        assert!(fault.to_string().starts_with("ec2 DeleteVpcEndpoints: The Vpc Endpoint Id"));
        assert_eq!(accepted("DeleteVpcEndpoints", Some(Vec::new())), Ok(()));
    }

    #[test]
    fn natural_keys_are_looked_for_by_their_containers() {
        let wanted = [["rtb-2", "0.0.0.0/0"], ["rtb-1", "::/0"], ["rtb-2", "10.0.0.0/8"]]
            .map(|parts| Lookup::Id(PhysicalId::joined(parts)));
        assert_eq!(key_filter("route-table-id", &wanted).values(), ["rtb-1", "rtb-2"]);
    }
}
