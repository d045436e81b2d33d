//! `AWS::EC2::InternetGateway`

use aws_sdk_ec2::types::{self, ResourceType};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct InternetGateway;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

impl Kind for InternetGateway {
    type Spec = Spec;
    type Live = types::InternetGateway;

    const NAME: &'static str = "AWS::EC2::InternetGateway";
    const DOC: &'static str = "A VPC's door to the internet, once it is attached. \
        Works at once; `AWS::EC2::VPCGatewayAttachment` attaches it. \
        Deletion is refused while it is attached.";
    const FIELDS: &'static [Field] = &[TAGS];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("InternetGatewayId", "The id of the internet gateway.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 1, 2);

    fn id(live: &types::InternetGateway) -> PhysicalId {
        PhysicalId::new(live.internet_gateway_id().unwrap_or_default())
    }

    fn spec(live: &types::InternetGateway) -> Spec {
        Spec { tags: Some(ec2::tags(live.tags())) }
    }

    fn outputs(live: &types::InternetGateway) -> Outputs {
        outputs([("InternetGatewayId", live.internet_gateway_id())])
    }

    fn readiness(_: &types::InternetGateway) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::InternetGateway) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::InternetGateway>, Fault> {
        let asked = ec2::filters("internet-gateway-id", wanted).into_iter().map(|filters| {
            let pages =
                cx.ec2.describe_internet_gateways().set_filters(Some(filters)).into_paginator();
            ec2::collect(pages.items().send())
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = ec2::tag_specifications(ResourceType::InternetGateway, spec.tags.as_ref());
        let made = cx.ec2.create_internet_gateway().set_tag_specifications(tags).send().await?;
        let id = made.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        Ok(PhysicalId::new(id.required("internet gateway id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_internet_gateway().internet_gateway_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let filter = ec2::filter("internet-gateway-id", id.as_str());
        let reply = cx.ec2.describe_internet_gateways().filters(filter).send().await?;
        let gateways = reply.internet_gateways().iter();
        let attachments = gateways.flat_map(types::InternetGateway::attachments);
        let blocker = |attachment: &types::InternetGatewayAttachment| {
            let vpc = attachment.vpc_id().unwrap_or_default();
            Blocker::stays(vpc, "AWS::EC2::VPC", "has it attached")
        };
        Ok(attachments.map(blocker).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::Tag;
    use serde_json::json;

    #[test]
    fn a_live_gateway_is_seen_without_the_tags_of_aws() {
        let tag = |key: &str| Tag::builder().key(key).value("x").build();
        let live = types::InternetGateway::builder()
            .internet_gateway_id("igw-1")
            .tags(tag("team"))
            .tags(tag("aws:cloudformation:stack-id"))
            .build();
        assert_eq!(
            serde_json::to_value(InternetGateway::spec(&live)).unwrap(),
            json!({"Tags": [{"Key": "team", "Value": "x"}]})
        );
        assert_eq!(InternetGateway::id(&live), PhysicalId::new("igw-1"));
    }
}
