//! `AWS::EC2::NetworkAcl`

use aws_sdk_ec2::types::{self, ResourceType};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use super::ec2_blocker;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct NetworkAcl;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    vpc_id: String,
}

impl Kind for NetworkAcl {
    type Spec = Spec;
    type Live = types::NetworkAcl;

    const NAME: &'static str = "AWS::EC2::NetworkAcl";
    const DOC: &'static str = "A stateless packet filter in front of subnets. \
        Works at once, and lets nothing pass until it has entries. \
        Deletion is refused while a subnet is associated with it; its entries go with it.";
    const FIELDS: &'static [Field] = &[TAGS, Field::replaces("VpcId", "The VPC.")];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Id", "The id of the network ACL."),
        Output::with_id("NetworkAclId", "The same, under its usual name."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 1, 2);

    fn id(live: &types::NetworkAcl) -> PhysicalId {
        PhysicalId::new(live.network_acl_id().unwrap_or_default())
    }

    fn spec(live: &types::NetworkAcl) -> Spec {
        Spec {
            tags: Some(ec2::tags(live.tags())),
            vpc_id: live.vpc_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &types::NetworkAcl) -> Outputs {
        outputs([("Id", live.network_acl_id()), ("NetworkAclId", live.network_acl_id())])
    }

    fn readiness(_: &types::NetworkAcl) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::NetworkAcl) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::NetworkAcl>, Fault> {
        let filters = ec2::filters("network-acl-id", wanted).into_iter();
        let found = try_join_all(filters.map(|filters| ec2::network_acls(cx, filters))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let tags = ec2::tag_specifications(ResourceType::NetworkAcl, spec.tags.as_ref());
        let made = cx
            .ec2
            .create_network_acl()
            .client_token(&token.0)
            .vpc_id(&spec.vpc_id)
            .set_tag_specifications(tags)
            .send()
            .await?;
        let id = made.network_acl.and_then(|acl| acl.network_acl_id).required("network ACL id")?;
        Ok(PhysicalId::new(id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_network_acl().network_acl_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let acls = ec2::network_acls(cx, vec![ec2::filter("network-acl-id", id.as_str())]).await?;
        let associations = acls.iter().flat_map(types::NetworkAcl::associations);
        let subnets = associations.filter_map(|association| association.subnet_id());
        ec2_blocker::subnets(cx, subnets, "uses the network ACL").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_live_acl_is_seen_in_full() {
        let live = types::NetworkAcl::builder().network_acl_id("acl-1").vpc_id("vpc-1").build();
        let spec = serde_json::to_value(NetworkAcl::spec(&live)).unwrap();
        assert_eq!(spec, json!({"VpcId": "vpc-1", "Tags": []}));
        assert_eq!(NetworkAcl::outputs(&live).len(), NetworkAcl::OUTPUTS.len());
    }
}
