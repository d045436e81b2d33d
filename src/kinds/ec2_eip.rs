//! `AWS::EC2::EIP`

use aws_sdk_ec2::types::{self, DomainType, ResourceType};
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

pub struct Eip;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    domain: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network_border_group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_ipv4_pool: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

impl Kind for Eip {
    type Spec = Spec;
    type Live = types::Address;

    const NAME: &'static str = "AWS::EC2::EIP";
    const DOC: &'static str = "An Elastic IP address: a public IPv4 address that stays. \
        Works at once. \
        Deletion is refused while a NAT gateway or another service holds it; the association with `InstanceId` is \
        ended first. A released address does not come back.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("Domain", "Always `vpc`."),
        Field::updates("InstanceId", "The instance that the address is associated with.")
            .late()
            .when_ready(),
        Field::replaces(
            "NetworkBorderGroup",
            "The zones from which the address is advertised; the region by default.",
        ),
        // CloudFormation documents an update, but no call moves an address to another pool.
        Field::replaces("PublicIpv4Pool", "The pool of own addresses that it is taken from."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AllocationId", "The id of the allocation, as a NAT gateway needs it."),
        Output::with_id("PublicIp", "The address itself."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &types::Address) -> PhysicalId {
        PhysicalId::new(live.allocation_id().unwrap_or_default())
    }

    fn spec(live: &types::Address) -> Spec {
        // An address that is with no instance has an empty id in some replies.
        let instance_id = live.instance_id.clone().filter(|id| !id.is_empty());
        Spec {
            domain: live.domain().map(|domain| domain.as_str().into()),
            instance_id,
            network_border_group: live.network_border_group.clone(),
            public_ipv4_pool: live.public_ipv4_pool.clone(),
            tags: Some(ec2::tags(live.tags())),
        }
    }

    fn outputs(live: &types::Address) -> Outputs {
        outputs([("AllocationId", live.allocation_id()), ("PublicIp", live.public_ip())])
    }

    fn readiness(_: &types::Address) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::Address) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::Address>, Fault> {
        // The API has no pages here: an account has few addresses.
        let asked = ec2::filters("allocation-id", wanted)
            .into_iter()
            .map(|filters| cx.ec2.describe_addresses().set_filters(Some(filters)).send());
        let found = try_join_all(asked).await?;
        Ok(found.into_iter().flat_map(|reply| reply.addresses.unwrap_or_default()).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = ec2::tag_specifications(ResourceType::ElasticIp, spec.tags.as_ref());
        let made = cx
            .ec2
            .allocate_address()
            .domain(spec.domain.as_deref().map_or(DomainType::Vpc, DomainType::from))
            .set_network_border_group(spec.network_border_group.clone())
            .set_public_ipv4_pool(spec.public_ipv4_pool.clone())
            .set_tag_specifications(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(made.allocation_id.required("allocation id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("InstanceId") {
            match &update.to.instance_id {
                Some(instance) => {
                    let associate = cx.ec2.associate_address().allocation_id(id.as_str());
                    associate.instance_id(instance).allow_reassociation(true).send().await?;
                }
                None => disassociate(cx, id).await?,
            }
        }
        if update.has("Tags") {
            ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        if recorded.instance_id.is_some() {
            disassociate(cx, id).await?;
        }
        ec2::gone(cx.ec2.release_address().allocation_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let filter = ec2::filter("allocation-id", id.as_str());
        let reply = cx.ec2.describe_addresses().filters(filter).send().await?;
        let interface = reply.addresses().iter().find_map(|it| it.network_interface_id());
        let Some(interface) = interface else { return Ok(Vec::new()) };
        let filters = vec![ec2::filter("network-interface-id", interface)];
        ec2_blocker::interfaces(cx, filters, "with the address", |_| true).await
    }
}

/// Ends the association with an instance, if there is one.
async fn disassociate(cx: &Cx, id: &PhysicalId) -> Result<(), Fault> {
    let filter = ec2::filter("allocation-id", id.as_str());
    let described = cx.ec2.describe_addresses().filters(filter).send().await?;
    for association in described.addresses().iter().filter_map(|address| address.association_id()) {
        ec2::gone(cx.ec2.disassociate_address().association_id(association).send().await)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_live_address_is_seen_in_full() {
        let live = types::Address::builder()
            .allocation_id("eipalloc-1")
            .public_ip("198.51.100.7")
            .domain(DomainType::Vpc)
            .instance_id("")
            .network_border_group("eu-west-1")
            .public_ipv4_pool("amazon")
            .build();
        assert_eq!(
            serde_json::to_value(Eip::spec(&live)).unwrap(),
            json!({
                "Domain": "vpc", "NetworkBorderGroup": "eu-west-1", "PublicIpv4Pool": "amazon", "Tags": [],
            })
        );
        assert_eq!(Eip::outputs(&live)["PublicIp"], "198.51.100.7");
    }
}
