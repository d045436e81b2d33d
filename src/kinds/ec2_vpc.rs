//! `AWS::EC2::VPC`

use aws_sdk_ec2::types::{
    self, AttributeBooleanValue, ResourceType, Tenancy, VpcAttributeName, VpcState,
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use super::ec2_blocker;
use super::reply::present;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Vpc;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cidr_block: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_dns_hostnames: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_dns_support: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_tenancy: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    vpc: types::Vpc,
    dns_hostnames: Option<bool>,
    dns_support: Option<bool>,
}

impl Kind for Vpc {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::VPC";
    const DOC: &'static str = "A virtual private cloud. \
        `CreateVpc` answers at once; the VPC is `pending` for a second or two. \
        Deletion is refused while anything is left in it: subnets, gateways, network interfaces, security groups.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("CidrBlock", "The primary IPv4 range, `/16` to `/28`."),
        Field::updates("EnableDnsHostnames", "Whether instances get public DNS names.").late(),
        Field::updates("EnableDnsSupport", "Whether the Amazon DNS server answers in the VPC.")
            .late(),
        Field::replaces("InstanceTenancy", "`default`, or `dedicated` hardware."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("VpcId", "The id of the VPC."),
        Output::with_id("CidrBlock", "The primary IPv4 range."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(15, 3, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.vpc.vpc_id().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        Spec {
            cidr_block: live.vpc.cidr_block().unwrap_or_default().into(),
            enable_dns_hostnames: live.dns_hostnames,
            enable_dns_support: live.dns_support,
            instance_tenancy: live.vpc.instance_tenancy().map(|tenancy| tenancy.as_str().into()),
            tags: Some(ec2::tags(live.vpc.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("VpcId", live.vpc.vpc_id()), ("CidrBlock", live.vpc.cidr_block())])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.vpc.state() {
            Some(VpcState::Available) => Readiness::Ready,
            _ => Readiness::Pending("pending".into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&ec2::tags(live.vpc.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let asked = ec2::filters("vpc-id", wanted).into_iter().map(|filters| {
            let pages = cx.ec2.describe_vpcs().set_filters(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        let found = try_join_all(asked).await?.into_iter().flatten();
        Ok(found.map(|vpc| Live { vpc, dns_hostnames: None, dns_support: None }).collect())
    }

    /// The attributes are told of one VPC alone, each by a call of its own.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let vpc = live.vpc;
        let ask = async |property, attribute| {
            if !compared.has(property) {
                return Ok(None);
            }
            let ask = cx.ec2.describe_vpc_attribute().set_vpc_id(vpc.vpc_id.clone());
            Ok::<_, Fault>(Some(present(ask.attribute(attribute).send().await)?))
        };
        let (hostnames, support) = futures::try_join!(
            ask("EnableDnsHostnames", VpcAttributeName::EnableDnsHostnames),
            ask("EnableDnsSupport", VpcAttributeName::EnableDnsSupport)
        )?;
        // Asked for, and gone by now.
        if [&hostnames, &support].iter().any(|reply| matches!(reply, Some(None))) {
            return Ok(None);
        }
        let value = |on: Option<AttributeBooleanValue>| on.and_then(|on| on.value);
        Ok(Some(Live {
            dns_hostnames: hostnames.flatten().and_then(|reply| value(reply.enable_dns_hostnames)),
            dns_support: support.flatten().and_then(|reply| value(reply.enable_dns_support)),
            vpc,
        }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .ec2
            .create_vpc()
            .cidr_block(&spec.cidr_block)
            .set_instance_tenancy(spec.instance_tenancy.as_deref().map(Tenancy::from))
            .set_tag_specifications(ec2::tag_specifications(ResourceType::Vpc, spec.tags.as_ref()))
            .send()
            .await?;
        let id = made.vpc.and_then(|vpc| vpc.vpc_id).required("VPC id")?;
        Ok(PhysicalId::new(id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        // One attribute a call, says the API; support goes first, because hostnames need it.
        if update.has("EnableDnsSupport") {
            let on = ec2::switch(update.to.enable_dns_support);
            cx.ec2
                .modify_vpc_attribute()
                .vpc_id(id.as_str())
                .set_enable_dns_support(on)
                .send()
                .await?;
        }
        if update.has("EnableDnsHostnames") {
            let on = ec2::switch(update.to.enable_dns_hostnames);
            cx.ec2
                .modify_vpc_attribute()
                .vpc_id(id.as_str())
                .set_enable_dns_hostnames(on)
                .send()
                .await?;
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_vpc().vpc_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        ec2_blocker::in_vpc(cx, id.as_str()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_vpc_is_seen_in_full() {
        let vpc = types::Vpc::builder()
            .vpc_id("vpc-1")
            .cidr_block("10.0.0.0/16")
            .instance_tenancy(Tenancy::Default)
            .state(VpcState::Pending);
        let live = Live { vpc: vpc.build(), dns_hostnames: Some(true), dns_support: Some(true) };
        assert_eq!(Vpc::readiness(&live), Readiness::Pending("pending".into()));
        assert_eq!(
            serde_json::to_value(Vpc::spec(&live)).unwrap(),
            serde_json::json!({
                "CidrBlock": "10.0.0.0/16", "EnableDnsHostnames": true, "EnableDnsSupport": true,
                "InstanceTenancy": "default", "Tags": [],
            })
        );
    }
}
