//! `AWS::EC2::NatGateway`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{
    self, AvailabilityMode, ConnectivityType, NatGatewayAddress, NatGatewayAddressStatus,
    NatGatewayState, ResourceType,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct NatGateway;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allocation_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_mode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connectivity_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_drain_duration_seconds: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_ip_address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secondary_allocation_ids: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secondary_private_ip_address_count: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secondary_private_ip_addresses: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subnet_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_id: Option<String>,
}

impl Kind for NatGateway {
    type Spec = Spec;
    type Live = types::NatGateway;

    const NAME: &'static str = "AWS::EC2::NatGateway";
    const DOC: &'static str = "Lets a private subnet's instances reach the internet, and nobody reach them. \
        `pending` for one to two minutes, then `available`; or `failed`, for good, where its address is taken or its \
        VPC has no internet gateway yet: it has to be created after the gateway's attachment. \
        Deletion takes about a minute, gives the Elastic IP address back at its end, and leaves routes to it as \
        blackholes.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("AllocationId", "The Elastic IP address; public gateways need one."),
        Field::replaces(
            "AvailabilityMode",
            "`zonal`, in one subnet, or `regional`, for the VPC `VpcId`, with addresses of AWS's choice.",
        ),
        Field::replaces("ConnectivityType", "`public`, or `private`: to other networks only."),
        Field::updates(
            "MaxDrainDurationSeconds",
            "How long connections may go on when a secondary address is taken away, in seconds; 350 by default.",
        )
        .write_only(),
        Field::replaces("PrivateIpAddress", "Its private IPv4 address; any of the subnet by default."),
        Field::updates("SecondaryAllocationIds", "More Elastic IP addresses, for more connections.")
            .set(),
        Field::updates(
            "SecondaryPrivateIpAddressCount",
            "Private gateways: how many more private addresses it has.",
        ),
        Field::updates(
            "SecondaryPrivateIpAddresses",
            "More private addresses; those of a private gateway can be updated.",
        )
        .set(),
        Field::replaces("SubnetId", "The subnet that it lives in."),
        TAGS,
        Field::replaces("VpcId", "The VPC of a regional gateway."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("NatGatewayId", "The id of the NAT gateway.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(105, 5, 60);
    /// An Elastic IP address serves one gateway at a time, and mostly it stays the same.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::NatGateway) -> PhysicalId {
        PhysicalId::new(live.nat_gateway_id().unwrap_or_default())
    }

    fn spec(live: &types::NatGateway) -> Spec {
        let addresses = || held(live);
        let primary = addresses().find(|address| address.is_primary() == Some(true));
        let secondary = || addresses().filter(|address| address.is_primary() != Some(true));
        // A regional gateway has no primary address, and AWS chooses how many it needs.
        let zonal = live.availability_mode() != Some(&AvailabilityMode::Regional);
        Spec {
            allocation_id: primary.and_then(|address| address.allocation_id.clone()),
            availability_mode: live.availability_mode().map(|mode| mode.as_str().into()),
            connectivity_type: live.connectivity_type().map(|kind| kind.as_str().into()),
            max_drain_duration_seconds: None,
            private_ip_address: primary.and_then(|address| address.private_ip.clone()),
            secondary_allocation_ids: zonal
                .then(|| secondary().filter_map(|address| address.allocation_id.clone()).collect()),
            secondary_private_ip_address_count: zonal
                .then(|| Number(i32::try_from(secondary().count()).unwrap_or(i32::MAX))),
            secondary_private_ip_addresses: zonal
                .then(|| secondary().filter_map(|address| address.private_ip.clone()).collect()),
            subnet_id: live.subnet_id.clone(),
            tags: Some(ec2::tags(live.tags())),
            vpc_id: live.vpc_id.clone(),
        }
    }

    fn outputs(live: &types::NatGateway) -> Outputs {
        outputs([("NatGatewayId", live.nat_gateway_id())])
    }

    fn readiness(live: &types::NatGateway) -> Readiness {
        match live.state() {
            Some(NatGatewayState::Available) => Readiness::Ready,
            Some(NatGatewayState::Failed) => {
                let reason = live.failure_message().or(live.failure_code());
                Readiness::Failed(reason.unwrap_or("failed").into())
            }
            Some(NatGatewayState::Deleting | NatGatewayState::Deleted) => Readiness::Deleting,
            _ => Readiness::Pending("pending".into()),
        }
    }

    fn owner(live: &types::NatGateway) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::NatGateway>, Fault> {
        let asked = ec2::filters("nat-gateway-id", wanted).into_iter().map(|mut filters| {
            // A deleted gateway stays listed for about an hour.
            let alive = types::Filter::builder().name("state");
            let alive = [
                NatGatewayState::Pending,
                NatGatewayState::Failed,
                NatGatewayState::Available,
                NatGatewayState::Deleting,
            ]
            .iter()
            .fold(alive, |filter, state| filter.values(state.as_str()));
            filters.push(alive.build());
            let pages = cx.ec2.describe_nat_gateways().set_filter(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let list = |set: &Option<BTreeSet<String>>| set.clone().map(Vec::from_iter);
        let made = cx
            .ec2
            .create_nat_gateway()
            .client_token(&token.0)
            .set_allocation_id(spec.allocation_id.clone())
            .set_availability_mode(spec.availability_mode.as_deref().map(AvailabilityMode::from))
            .set_connectivity_type(spec.connectivity_type.as_deref().map(ConnectivityType::from))
            .set_private_ip_address(spec.private_ip_address.clone())
            .set_secondary_allocation_ids(list(&spec.secondary_allocation_ids))
            .set_secondary_private_ip_address_count(
                spec.secondary_private_ip_address_count.map(i32::from),
            )
            .set_secondary_private_ip_addresses(list(&spec.secondary_private_ip_addresses))
            .set_subnet_id(spec.subnet_id.clone())
            .set_vpc_id(spec.vpc_id.clone())
            .set_tag_specifications(ec2::tag_specifications(
                ResourceType::Natgateway,
                spec.tags.as_ref(),
            ))
            .send()
            .await?;
        let id = made.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        Ok(PhysicalId::new(id.required("NAT gateway id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if [
            "SecondaryAllocationIds",
            "SecondaryPrivateIpAddressCount",
            "SecondaryPrivateIpAddresses",
        ]
        .iter()
        .any(|row| update.has(row))
        {
            let live = Self::read(cx, &[Lookup::Id(id.clone())]).await?.pop().ok_or_else(|| {
                Fault::new(Class::NotFound, format!("the NAT gateway {id} is not there"))
            })?;
            change_addresses(cx, id, to, &Change::of(&live, to)).await?;
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_nat_gateway().nat_gateway_id(id.as_str()).send().await)
    }
}

/// The addresses that it has or is getting.
fn held(live: &types::NatGateway) -> impl Iterator<Item = &NatGatewayAddress> {
    live.nat_gateway_addresses().iter().filter(|address| {
        !matches!(
            address.status(),
            Some(
                NatGatewayAddressStatus::Failed
                    | NatGatewayAddressStatus::Disassociating
                    | NatGatewayAddressStatus::Unassigning
            )
        )
    })
}

/// What turns the secondary addresses that it has into those that it should have.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// Elastic IP addresses to add, by their allocation.
    associate: Vec<String>,
    /// Elastic IP addresses to take away, by their association.
    disassociate: Vec<String>,
    /// Private addresses to add.
    assign: Vec<String>,
    /// How many private addresses to add, whichever.
    assign_count: i32,
    /// Private addresses to take away.
    unassign: Vec<String>,
}

impl Change {
    fn of(live: &types::NatGateway, to: &Spec) -> Self {
        let secondary = || held(live).filter(|address| address.is_primary() != Some(true));
        let mut change = Self::default();
        if let Some(wanted) = &to.secondary_allocation_ids {
            let associations: BTreeMap<&str, &str> = secondary()
                .filter_map(|address| Some((address.allocation_id()?, address.association_id()?)))
                .collect();
            let missing = |id: &&String| !associations.contains_key(id.as_str());
            change.associate = wanted.iter().filter(missing).cloned().collect();
            let surplus = associations.iter().filter(|(id, _)| !wanted.contains(**id));
            change.disassociate = surplus.map(|(_, association)| (*association).into()).collect();
        }
        if live.connectivity_type() == Some(&ConnectivityType::Private) {
            let addresses: BTreeSet<String> =
                secondary().filter_map(|address| address.private_ip.clone()).collect();
            if let Some(wanted) = &to.secondary_private_ip_addresses {
                change.assign = wanted.difference(&addresses).cloned().collect();
                change.unassign = addresses.difference(wanted).cloned().collect();
            } else if let Some(Number(wanted)) = to.secondary_private_ip_address_count {
                let wanted_len = usize::try_from(wanted).unwrap_or(0);
                let has = i32::try_from(addresses.len()).unwrap_or(i32::MAX);
                change.assign_count = (wanted - has).max(0);
                change.unassign = addresses.into_iter().skip(wanted_len).collect();
            }
        }
        change
    }
}

async fn change_addresses(
    cx: &Cx,
    id: &PhysicalId,
    to: &Spec,
    change: &Change,
) -> Result<(), Fault> {
    let (id, drain) = (id.as_str(), to.max_drain_duration_seconds.map(i32::from));
    if !change.associate.is_empty() {
        let call = cx.ec2.associate_nat_gateway_address().nat_gateway_id(id);
        call.set_allocation_ids(Some(change.associate.clone())).send().await?;
    }
    if !change.disassociate.is_empty() {
        let call = cx.ec2.disassociate_nat_gateway_address().nat_gateway_id(id);
        let call = call.set_association_ids(Some(change.disassociate.clone()));
        call.set_max_drain_duration_seconds(drain).send().await?;
    }
    if !change.assign.is_empty() {
        let call = cx.ec2.assign_private_nat_gateway_address().nat_gateway_id(id);
        call.set_private_ip_addresses(Some(change.assign.clone())).send().await?;
    }
    if change.assign_count > 0 {
        let call = cx.ec2.assign_private_nat_gateway_address().nat_gateway_id(id);
        call.private_ip_address_count(change.assign_count).send().await?;
    }
    if !change.unassign.is_empty() {
        let call = cx.ec2.unassign_private_nat_gateway_address().nat_gateway_id(id);
        let call = call.set_private_ip_addresses(Some(change.unassign.clone()));
        call.set_max_drain_duration_seconds(drain).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn address(number: u8, primary: bool, status: NatGatewayAddressStatus) -> NatGatewayAddress {
        NatGatewayAddress::builder()
            .allocation_id(format!("eipalloc-{number}"))
            .association_id(format!("eipassoc-{number}"))
            .private_ip(format!("10.0.0.{number}"))
            .is_primary(primary)
            .status(status)
            .build()
    }

    fn gateway(kind: ConnectivityType) -> types::NatGateway {
        types::NatGateway::builder()
            .nat_gateway_id("nat-1")
            .subnet_id("subnet-1")
            .vpc_id("vpc-1")
            .connectivity_type(kind)
            .state(NatGatewayState::Available)
            .nat_gateway_addresses(address(1, true, NatGatewayAddressStatus::Succeeded))
            .nat_gateway_addresses(address(2, false, NatGatewayAddressStatus::Succeeded))
            .nat_gateway_addresses(address(3, false, NatGatewayAddressStatus::Associating))
            .nat_gateway_addresses(address(4, false, NatGatewayAddressStatus::Disassociating))
            .build()
    }

    fn wanted(spec: serde_json::Value) -> Spec {
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_live_gateway_is_seen_in_full() {
        let live = gateway(ConnectivityType::Public);
        assert_eq!(NatGateway::readiness(&live), Readiness::Ready);
        assert_eq!(
            serde_json::to_value(NatGateway::spec(&live)).unwrap(),
            json!({
                "AllocationId": "eipalloc-1", "ConnectivityType": "public",
                "PrivateIpAddress": "10.0.0.1", "SubnetId": "subnet-1", "VpcId": "vpc-1",
                "SecondaryAllocationIds": ["eipalloc-2", "eipalloc-3"],
                "SecondaryPrivateIpAddresses": ["10.0.0.2", "10.0.0.3"],
                "SecondaryPrivateIpAddressCount": 2,
                "Tags": [],
            })
        );
    }

    #[test]
    fn a_failed_gateway_says_why() {
        let live = types::NatGateway::builder()
            .state(NatGatewayState::Failed)
            .failure_code("Gateway.NotAttached")
            .failure_message("Network vpc-1 has no Internet gateway attached")
            .build();
        let reason = "Network vpc-1 has no Internet gateway attached";
        assert_eq!(NatGateway::readiness(&live), Readiness::Failed(reason.into()));
    }

    #[test]
    fn elastic_addresses_come_and_go_one_by_one() {
        let to = wanted(json!({"SecondaryAllocationIds": ["eipalloc-3", "eipalloc-9"]}));
        let change = Change::of(&gateway(ConnectivityType::Public), &to);
        let (associate, disassociate) = (vec!["eipalloc-9".into()], vec!["eipassoc-2".into()]);
        assert_eq!(change, Change { associate, disassociate, ..Change::default() });
    }

    #[test]
    fn private_addresses_are_named_or_counted() {
        let change = |spec| Change::of(&gateway(ConnectivityType::Private), &wanted(spec));
        assert_eq!(
            change(json!({"SecondaryPrivateIpAddresses": ["10.0.0.2", "10.0.0.8"]})),
            Change {
                assign: vec!["10.0.0.8".into()],
                unassign: vec!["10.0.0.3".into()],
                ..Change::default()
            }
        );
        let counted = change(json!({"SecondaryPrivateIpAddressCount": 5}));
        assert_eq!(counted, Change { assign_count: 3, ..Change::default() });
        let counted = change(json!({"SecondaryPrivateIpAddressCount": 1}));
        assert_eq!(counted, Change { unassign: vec!["10.0.0.3".into()], ..Change::default() });
        // The addresses of a public gateway come with its Elastic IP addresses.
        let public = wanted(json!({"SecondaryPrivateIpAddresses": []}));
        assert_eq!(Change::of(&gateway(ConnectivityType::Public), &public), Change::default());
    }
}
