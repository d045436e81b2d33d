//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

pub mod acm_certificate;
mod ec2;
pub mod ec2_vpc;
pub mod kms_alias;
pub mod kms_key;
mod route53;
pub mod route53_health_check;
pub mod route53_hosted_zone;
pub mod route53_record_set;
mod secretsmanager;
pub mod secretsmanager_rotation_schedule;
pub mod secretsmanager_secret;
mod tagging;
mod wafv2;
pub mod wafv2_web_acl;
pub mod wafv2_web_acl_association;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &acm_certificate::Certificate,
    &ec2_vpc::Vpc,
    &kms_alias::Alias,
    &kms_key::Key,
    &route53_health_check::HealthCheck,
    &route53_hosted_zone::HostedZone,
    &route53_record_set::RecordSet,
    &secretsmanager_rotation_schedule::RotationSchedule,
    &secretsmanager_secret::Secret,
    &wafv2_web_acl::WebAcl,
    &wafv2_web_acl_association::WebAclAssociation,
];

/// The kind of that name (`AWS::EC2::VPC`).
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    let at = KINDS.binary_search_by(|kind| kind.name().cmp(name)).ok()?;
    Some(KINDS[at])
}
