//! `AWS::EC2::Subnet`

use aws_sdk_ec2::types::{
    self, HostnameType, ResourceType, SubnetCidrBlockStateCode, SubnetIpv6CidrBlockAssociation,
    SubnetState,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2::{self, Cidr};
use super::ec2_blocker;
use super::scalar::Number;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Subnet;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    assign_ipv6_address_on_creation: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_zone_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_dns64: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_lni_at_device_index: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv4_ipam_pool_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv4_netmask_length: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_ipam_pool_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_native: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_netmask_length: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    map_public_ip_on_launch: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outpost_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    private_dns_name_options_on_launch: Option<PrivateDnsNameOptions>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    vpc_id: String,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PrivateDnsNameOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_resource_name_dns_a_record: Option<bool>,
    #[serde(
        default,
        rename = "EnableResourceNameDnsAAAARecord",
        skip_serializing_if = "Option::is_none"
    )]
    enable_resource_name_dns_aaaa_record: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hostname_type: Option<String>,
}

impl Kind for Subnet {
    type Spec = Spec;
    type Live = types::Subnet;

    const NAME: &'static str = "AWS::EC2::Subnet";
    const DOC: &'static str = "A range of a VPC's addresses in one Availability Zone. \
        `CreateSubnet` answers at once; the subnet is `pending` for some seconds. \
        Deletion is refused while a network interface is left in it: of an instance, a NAT gateway, a load balancer, \
        a database, a cluster. Its associations with a route table and a network ACL go with it.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "AssignIpv6AddressOnCreation",
            "Whether a new network interface gets an IPv6 address.",
        )
        .late(),
        Field::replaces("AvailabilityZone", "The Availability Zone: `eu-west-1a`."),
        Field::replaces("AvailabilityZoneId", "The Availability Zone by its id: `euw1-az1`."),
        Field::replaces("CidrBlock", "The IPv4 range, `/16` to `/28`, inside the VPC's."),
        Field::updates(
            "EnableDns64",
            "Whether the Amazon DNS server makes IPv6 addresses for IPv4-only names (NAT64).",
        )
        .late(),
        Field::updates(
            "EnableLniAtDeviceIndex",
            "Outposts: from which device position on an interface is a local network interface.",
        )
        .late(),
        Field::replaces("Ipv4IpamPoolId", "The IPAM pool that the IPv4 range comes from.")
            .write_only(),
        Field::replaces("Ipv4NetmaskLength", "The size of the IPv4 range from the IPAM pool."),
        Field::updates(
            "Ipv6CidrBlock",
            "The IPv6 range, a `/64` inside the VPC's. Changing it takes the addresses of the old one away.",
        ),
        Field::replaces("Ipv6IpamPoolId", "The IPAM pool that the IPv6 range comes from.")
            .write_only(),
        Field::replaces("Ipv6Native", "Whether the subnet has IPv6 addresses only."),
        Field::replaces("Ipv6NetmaskLength", "The size of the IPv6 range from the IPAM pool."),
        Field::updates(
            "MapPublicIpOnLaunch",
            "Whether a new instance gets a public IPv4 address: a public subnet.",
        )
        .late(),
        Field::replaces("OutpostArn", "The Outpost that the subnet is on."),
        Field::updates(
            "PrivateDnsNameOptionsOnLaunch",
            "How new instances are named: `HostnameType` (`ip-name`, `resource-name`), \
             `EnableResourceNameDnsARecord`, `EnableResourceNameDnsAAAARecord`.",
        )
        .late(),
        TAGS,
        Field::replaces("VpcId", "The VPC."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("SubnetId", "The id of the subnet."),
        Output::with_id("AvailabilityZone", "Its Availability Zone."),
        Output::with_id("AvailabilityZoneId", "The id of its Availability Zone."),
        Output::with_id("VpcId", "The id of its VPC."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(4, 2, 2);
    /// The new range may overlap with the old one, and is often the same in another zone.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::Subnet) -> PhysicalId {
        PhysicalId::new(live.subnet_id().unwrap_or_default())
    }

    fn spec(live: &types::Subnet) -> Spec {
        let cidr_block = Cidr::read(live.cidr_block());
        let ipv6_cidr_block =
            Cidr::read(ipv6_ranges(live).find_map(|range| range.ipv6_cidr_block()));
        Spec {
            assign_ipv6_address_on_creation: live.assign_ipv6_address_on_creation,
            availability_zone: live.availability_zone.clone(),
            availability_zone_id: live.availability_zone_id.clone(),
            enable_dns64: live.enable_dns64,
            enable_lni_at_device_index: live.enable_lni_at_device_index.map(Number),
            ipv4_ipam_pool_id: None,
            ipv4_netmask_length: cidr_block.as_ref().and_then(Cidr::prefix_len),
            cidr_block,
            ipv6_ipam_pool_id: None,
            ipv6_native: live.ipv6_native,
            ipv6_netmask_length: ipv6_cidr_block.as_ref().and_then(Cidr::prefix_len),
            ipv6_cidr_block,
            map_public_ip_on_launch: live.map_public_ip_on_launch,
            outpost_arn: live.outpost_arn.clone(),
            private_dns_name_options_on_launch: live.private_dns_name_options_on_launch().map(
                |options| PrivateDnsNameOptions {
                    enable_resource_name_dns_a_record: options.enable_resource_name_dns_a_record,
                    enable_resource_name_dns_aaaa_record: options
                        .enable_resource_name_dns_aaaa_record,
                    hostname_type: options.hostname_type().map(|name| name.as_str().into()),
                },
            ),
            tags: Some(ec2::tags(live.tags())),
            vpc_id: live.vpc_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &types::Subnet) -> Outputs {
        outputs([
            ("SubnetId", live.subnet_id()),
            ("AvailabilityZone", live.availability_zone()),
            ("AvailabilityZoneId", live.availability_zone_id()),
            ("VpcId", live.vpc_id()),
        ])
    }

    fn readiness(live: &types::Subnet) -> Readiness {
        match live.state() {
            Some(SubnetState::Available) => Readiness::Ready,
            Some(state @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => {
                Readiness::Failed(state.as_str().to_owned())
            }
            _ => Readiness::Pending("pending".into()),
        }
    }

    fn owner(live: &types::Subnet) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::Subnet>, Fault> {
        let asked = ec2::filters("subnet-id", wanted).into_iter().map(|filters| {
            let pages = cx.ec2.describe_subnets().set_filters(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = ec2::tag_specifications(ResourceType::Subnet, spec.tags.as_ref());
        let made = cx
            .ec2
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .set_availability_zone(spec.availability_zone.clone())
            .set_availability_zone_id(spec.availability_zone_id.clone())
            .set_cidr_block(Cidr::send(spec.cidr_block.as_ref()))
            .set_ipv4_ipam_pool_id(spec.ipv4_ipam_pool_id.clone())
            .set_ipv4_netmask_length(spec.ipv4_netmask_length.map(i32::from))
            .set_ipv6_cidr_block(Cidr::send(spec.ipv6_cidr_block.as_ref()))
            .set_ipv6_ipam_pool_id(spec.ipv6_ipam_pool_id.clone())
            .set_ipv6_native(spec.ipv6_native)
            .set_ipv6_netmask_length(spec.ipv6_netmask_length.map(i32::from))
            .set_outpost_arn(spec.outpost_arn.clone())
            .set_tag_specifications(tags)
            .send()
            .await?;
        let id = made.subnet.and_then(|subnet| subnet.subnet_id).required("subnet id")?;
        Ok(PhysicalId::new(id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        // One attribute a call, says the API.
        let modify = || cx.ec2.modify_subnet_attribute().subnet_id(id.as_str());
        // Only a subnet with an IPv6 range can assign its addresses: off before the range goes, on after it has come.
        let assign = to.assign_ipv6_address_on_creation;
        let send_assign =
            || modify().set_assign_ipv6_address_on_creation(ec2::switch(assign)).send();
        let assign_differs = update.has("AssignIpv6AddressOnCreation");
        if assign_differs && assign != Some(true) {
            send_assign().await?;
        }
        if update.has("Ipv6CidrBlock") {
            exchange_ipv6_range(cx, id, to.ipv6_cidr_block.as_ref()).await?;
        }
        if assign_differs && assign == Some(true) {
            send_assign().await?;
        }
        if update.has("MapPublicIpOnLaunch") {
            let on = ec2::switch(to.map_public_ip_on_launch);
            modify().set_map_public_ip_on_launch(on).send().await?;
        }
        if update.has("EnableDns64") {
            modify().set_enable_dns64(ec2::switch(to.enable_dns64)).send().await?;
        }
        if update.has("EnableLniAtDeviceIndex") {
            let position = to.enable_lni_at_device_index;
            let off = ec2::switch(position.is_none().then_some(true));
            modify()
                .set_enable_lni_at_device_index(position.map(i32::from))
                .set_disable_lni_at_device_index(off)
                .send()
                .await?;
        }
        if update.has("PrivateDnsNameOptionsOnLaunch")
            && let Some(options) = &to.private_dns_name_options_on_launch
        {
            if let Some(name) = &options.hostname_type {
                let name = HostnameType::from(name.as_str());
                modify().private_dns_hostname_type_on_launch(name).send().await?;
            }
            if let on @ Some(_) = ec2::switch(options.enable_resource_name_dns_a_record) {
                modify().set_enable_resource_name_dns_a_record_on_launch(on).send().await?;
            }
            if let on @ Some(_) = ec2::switch(options.enable_resource_name_dns_aaaa_record) {
                modify().set_enable_resource_name_dns_aaaa_record_on_launch(on).send().await?;
            }
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_subnet().subnet_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let filters = vec![ec2::filter("subnet-id", id.as_str())];
        ec2_blocker::interfaces(cx, filters, "in the subnet", |_| true).await
    }
}

/// The IPv6 ranges that are there or are coming.
fn ipv6_ranges(live: &types::Subnet) -> impl Iterator<Item = &SubnetIpv6CidrBlockAssociation> {
    use SubnetCidrBlockStateCode as State;
    live.ipv6_cidr_block_association_set().iter().filter(|range| {
        !matches!(
            range.ipv6_cidr_block_state().and_then(|state| state.state()),
            Some(State::Disassociating | State::Disassociated | State::Failing | State::Failed)
        )
    })
}

/// A subnet has one IPv6 range at most: the old one leaves before the new one comes.
async fn exchange_ipv6_range(cx: &Cx, id: &PhysicalId, wanted: Option<&Cidr>) -> Result<(), Fault> {
    let described =
        cx.ec2.describe_subnets().filters(ec2::filter("subnet-id", id.as_str())).send().await?;
    let mut missing = wanted;
    for range in described.subnets().iter().flat_map(ipv6_ranges) {
        if wanted.is_some() && Cidr::read(range.ipv6_cidr_block()).as_ref() == wanted {
            missing = None;
            continue;
        }
        let association = range.association_id.clone();
        let leaving = cx.ec2.disassociate_subnet_cidr_block().set_association_id(association);
        ec2::gone(leaving.send().await)?;
    }
    if let Some(range) = missing {
        let coming = cx.ec2.associate_subnet_cidr_block().subnet_id(id.as_str());
        coming.ipv6_cidr_block(&**range).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{PrivateDnsNameOptionsOnLaunch, SubnetCidrBlockState};
    use serde_json::json;

    fn range(cidr: &str, state: SubnetCidrBlockStateCode) -> SubnetIpv6CidrBlockAssociation {
        let state = SubnetCidrBlockState::builder().state(state).build();
        SubnetIpv6CidrBlockAssociation::builder()
            .ipv6_cidr_block(cidr)
            .ipv6_cidr_block_state(state)
            .build()
    }

    #[test]
    fn a_live_subnet_is_seen_in_full() {
        let live = types::Subnet::builder()
            .subnet_id("subnet-1")
            .vpc_id("vpc-1")
            .cidr_block("10.0.1.0/24")
            .availability_zone("eu-west-1a")
            .availability_zone_id("euw1-az1")
            .map_public_ip_on_launch(true)
            .state(SubnetState::Available)
            .ipv6_cidr_block_association_set(range(
                "2001:db8:0:1::/64",
                SubnetCidrBlockStateCode::Disassociated,
            ))
            .ipv6_cidr_block_association_set(range(
                "2001:db8:0:2::/64",
                SubnetCidrBlockStateCode::Associated,
            ))
            .private_dns_name_options_on_launch(
                PrivateDnsNameOptionsOnLaunch::builder()
                    .hostname_type(HostnameType::IpName)
                    .enable_resource_name_dns_aaaa_record(false)
                    .build(),
            )
            .build();
        assert_eq!(Subnet::readiness(&live), Readiness::Ready);
        assert_eq!(
            serde_json::to_value(Subnet::spec(&live)).unwrap(),
            json!({
                "VpcId": "vpc-1",
                "AvailabilityZone": "eu-west-1a", "AvailabilityZoneId": "euw1-az1",
                "CidrBlock": "10.0.1.0/24", "Ipv4NetmaskLength": 24,
                "Ipv6CidrBlock": "2001:db8:0:2::/64", "Ipv6NetmaskLength": 64,
                "MapPublicIpOnLaunch": true,
                "PrivateDnsNameOptionsOnLaunch": {
                    "HostnameType": "ip-name", "EnableResourceNameDnsAAAARecord": false,
                },
                "Tags": [],
            })
        );
        assert_eq!(Subnet::outputs(&live).len(), Subnet::OUTPUTS.len());
    }

    #[test]
    fn a_failed_subnet_never_comes() {
        let readiness = |state| Subnet::readiness(&types::Subnet::builder().state(state).build());
        assert_eq!(readiness(SubnetState::Failed), Readiness::Failed("failed".into()));
        assert_eq!(readiness(SubnetState::Pending), Readiness::Pending("pending".into()));
    }
}
