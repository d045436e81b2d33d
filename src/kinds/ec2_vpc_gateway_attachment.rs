//! `AWS::EC2::VPCGatewayAttachment`

use serde::{Deserialize, Serialize};

use super::ec2;
use super::ec2_blocker;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Blocker, Fault};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct VpcGatewayAttachment;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    internet_gateway_id: String,
    vpc_id: String,
}

/// One attachment of an internet gateway.
#[derive(Debug)]
pub struct Live {
    vpc_id: String,
    internet_gateway_id: String,
    state: String,
}

impl Kind for VpcGatewayAttachment {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::VPCGatewayAttachment";
    const DOC: &'static str = "Attaches an internet gateway to a VPC. \
        Works at once. \
        Deletion is refused while something in the VPC has a public address: a NAT gateway, an internet-facing load \
        balancer, an instance.";
    const FIELDS: &'static [Field] = &[
        // CloudFormation exchanges the gateway in place. Here it is half of the natural key: another gateway is
        // another attachment.
        Field::replaces("InternetGatewayId", "The internet gateway."),
        Field::replaces("VpcId", "The VPC."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AttachmentType", "What is attached: `IGW`."),
        Output::with_id(
            "InternetGatewayId",
            "The attached internet gateway: a route that refers to it here waits for the attachment.",
        ),
        Output::with_id("VpcId", "The VPC: what refers to it here finds it open to the internet."),
    ];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    /// A VPC has one internet gateway at most, and a gateway one VPC.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::joined([&live.vpc_id, &live.internet_gateway_id])
    }

    fn spec(live: &Live) -> Spec {
        Spec { internet_gateway_id: live.internet_gateway_id.clone(), vpc_id: live.vpc_id.clone() }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("AttachmentType", Some("IGW")),
            ("InternetGatewayId", Some(&live.internet_gateway_id)),
            ("VpcId", Some(&live.vpc_id)),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.state.as_str() {
            // An internet gateway is `available`, says the API; other gateways are `attached`.
            "available" | "attached" => Readiness::Ready,
            "detaching" => Readiness::Deleting,
            _ => Readiness::Pending("attaching".into()),
        }
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.vpc_id, &spec.internet_gateway_id]))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let filter = ec2::key_filter("attachment.vpc-id", wanted);
        let pages = cx.ec2.describe_internet_gateways().filters(filter).into_paginator();
        let gateways = ec2::collect(pages.items().send()).await?;
        let attachments = gateways.iter().flat_map(|gateway| {
            let attached = gateway.attachments().iter();
            attached.map(|attachment| (gateway.internet_gateway_id(), attachment))
        });
        Ok(attachments
            .map(|(gateway, attachment)| Live {
                vpc_id: attachment.vpc_id().unwrap_or_default().into(),
                internet_gateway_id: gateway.unwrap_or_default().into(),
                state: attachment.state().map_or("", |state| state.as_str()).into(),
            })
            .filter(|live| live.state != "detached")
            .collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let (vpc, gateway) = (&spec.vpc_id, &spec.internet_gateway_id);
        cx.ec2.attach_internet_gateway().vpc_id(vpc).internet_gateway_id(gateway).send().await?;
        Ok(PhysicalId::joined([vpc, gateway]))
    }

    async fn update(_: &Cx, _: &PhysicalId, _: Update<'_, Spec>) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let detach = cx.ec2.detach_internet_gateway().vpc_id(&recorded.vpc_id);
        ec2::gone(detach.internet_gateway_id(&recorded.internet_gateway_id).send().await)
    }

    async fn blockers(cx: &Cx, _: &PhysicalId, recorded: &Spec) -> Result<Vec<Blocker>, Fault> {
        let filters = vec![ec2::filter("vpc-id", &recorded.vpc_id)];
        let place = "with a public address in the VPC";
        ec2_blocker::interfaces(cx, filters, place, |it| it.association().is_some()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attachment_is_known_by_its_two_ends() {
        let live = |state: &str| Live {
            vpc_id: "vpc-1".into(),
            internet_gateway_id: "igw-1".into(),
            state: state.into(),
        };
        let attached = live("available");
        let id = PhysicalId::joined(["vpc-1", "igw-1"]);
        assert_eq!(VpcGatewayAttachment::id(&attached), id);
        assert_eq!(
            VpcGatewayAttachment::natural_id(&VpcGatewayAttachment::spec(&attached)),
            Some(id)
        );
        assert_eq!(VpcGatewayAttachment::readiness(&attached), Readiness::Ready);
        assert_eq!(VpcGatewayAttachment::readiness(&live("detaching")), Readiness::Deleting);
    }
}
