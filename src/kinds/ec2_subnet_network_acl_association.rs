//! `AWS::EC2::SubnetNetworkAclAssociation`

use aws_sdk_ec2::types::{Filter, NetworkAclAssociation};
use serde::{Deserialize, Serialize};

use super::ec2;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct SubnetNetworkAclAssociation;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    network_acl_id: String,
    subnet_id: String,
}

impl Kind for SubnetNetworkAclAssociation {
    type Spec = Spec;
    type Live = NetworkAclAssociation;

    const NAME: &'static str = "AWS::EC2::SubnetNetworkAclAssociation";
    const DOC: &'static str = "Puts a network ACL of one's own in front of a subnet. \
        Every subnet has an association all the time; this one exists while it is not with the VPC's default ACL. \
        Works at once. \
        Nothing blocks its deletion, which gives the subnet back to the default ACL.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("NetworkAclId", "The network ACL."),
        Field::replaces("SubnetId", "The subnet."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("AssociationId", "The id of the association.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 1, 2);
    /// A subnet has one network ACL.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &NetworkAclAssociation) -> PhysicalId {
        PhysicalId::new(live.subnet_id().unwrap_or_default())
    }

    fn spec(live: &NetworkAclAssociation) -> Spec {
        Spec {
            network_acl_id: live.network_acl_id().unwrap_or_default().into(),
            subnet_id: live.subnet_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &NetworkAclAssociation) -> Outputs {
        outputs([("AssociationId", live.network_acl_association_id())])
    }

    fn readiness(_: &NetworkAclAssociation) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.subnet_id))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<NetworkAclAssociation>, Fault> {
        let of_subnets = ec2::key_filter("association.subnet-id", wanted);
        let acls = ec2::network_acls(cx, vec![of_subnets, default(false)]).await?;
        Ok(acls.into_iter().flat_map(|acl| acl.associations.unwrap_or_default()).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let of_subnet = ec2::filter("association.subnet-id", &spec.subnet_id);
        let (_, association) =
            current(cx, &spec.subnet_id, vec![of_subnet]).await?.ok_or_else(|| {
                Fault::new(
                    Class::NotFound,
                    format!("the subnet {} has no network ACL", spec.subnet_id),
                )
            })?;
        associate(cx, association, &spec.network_acl_id).await?;
        Ok(PhysicalId::new(&spec.subnet_id))
    }

    async fn update(_: &Cx, _: &PhysicalId, _: Update<'_, Spec>) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let of_subnet = ec2::filter("association.subnet-id", id.as_str());
        let ours = current(cx, id.as_str(), vec![of_subnet, default(false)]).await?;
        let Some((vpc, association)) = ours else { return Ok(()) };
        let of_vpc = ec2::filter("vpc-id", &vpc);
        let acls = ec2::network_acls(cx, vec![of_vpc, default(true)]).await?;
        let default = acls.into_iter().find_map(|acl| acl.network_acl_id);
        ec2::gone(associate(cx, association, &default.required("default network ACL")?).await)
    }
}

/// The VPC of a subnet, and the id of its association with an ACL that passes `filters`.
async fn current(
    cx: &Cx,
    subnet: &str,
    filters: Vec<Filter>,
) -> Result<Option<(String, String)>, Fault> {
    let acls = ec2::network_acls(cx, filters).await?;
    Ok(acls.into_iter().find_map(|acl| {
        let associations = acl.associations.unwrap_or_default();
        let ours = associations.into_iter().find(|it| it.subnet_id() == Some(subnet))?;
        Some((acl.vpc_id?, ours.network_acl_association_id?))
    }))
}

/// Moves an association to another network ACL of the VPC.
async fn associate(cx: &Cx, association: String, acl: &str) -> Result<(), Fault> {
    let replace = cx.ec2.replace_network_acl_association().association_id(association);
    replace.network_acl_id(acl).send().await?;
    Ok(())
}

/// The VPC's own ACL, or the others.
fn default(is: bool) -> Filter {
    ec2::filter("default", if is { "true" } else { "false" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_association_is_known_by_its_subnet() {
        let live = NetworkAclAssociation::builder()
            .subnet_id("subnet-1")
            .network_acl_id("acl-1")
            .network_acl_association_id("aclassoc-1")
            .build();
        let id = SubnetNetworkAclAssociation::id(&live);
        assert_eq!(id, PhysicalId::new("subnet-1"));
        let spec = SubnetNetworkAclAssociation::spec(&live);
        assert_eq!(SubnetNetworkAclAssociation::natural_id(&spec), Some(id));
        assert_eq!(SubnetNetworkAclAssociation::outputs(&live)["AssociationId"], "aclassoc-1");
    }
}
