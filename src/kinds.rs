//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

mod ec2;
pub mod ec2_vpc;
mod eks;
pub mod eks_access_entry;
pub mod eks_addon;
pub mod eks_cluster;
pub mod eks_nodegroup;
pub mod eks_pod_identity_association;
mod iam;
pub mod iam_managed_policy;
pub mod iam_oidc_provider;
pub mod iam_role;
pub mod iam_role_policy;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &ec2_vpc::Vpc,
    &eks_access_entry::AccessEntry,
    &eks_addon::Addon,
    &eks_cluster::Cluster,
    &eks_nodegroup::Nodegroup,
    &eks_pod_identity_association::PodIdentityAssociation,
    &iam_managed_policy::ManagedPolicy,
    &iam_oidc_provider::OidcProvider,
    &iam_role::Role,
    &iam_role_policy::RolePolicy,
];

/// The kind of that name (`AWS::EC2::VPC`).
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    let at = KINDS.binary_search_by(|kind| kind.name().cmp(name)).ok()?;
    Some(KINDS[at])
}
