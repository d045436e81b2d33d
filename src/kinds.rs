//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

pub mod acm_certificate;
mod document;
mod ec2;
pub mod ec2_eip;
pub mod ec2_internet_gateway;
pub mod ec2_nat_gateway;
pub mod ec2_route;
pub mod ec2_route_table;
pub mod ec2_subnet;
pub mod ec2_subnet_route_table_association;
pub mod ec2_vpc;
pub mod ec2_vpc_gateway_attachment;
pub mod ecr_repository;
mod iam;
pub mod iam_managed_policy;
pub mod iam_oidc_provider;
pub mod iam_role;
pub mod iam_role_policy;
pub mod kms_alias;
pub mod kms_key;
pub mod logs_log_group;
mod rds;
pub mod rds_db_instance;
pub mod rds_db_parameter_group;
pub mod rds_db_subnet_group;
mod reply;
mod route53;
pub mod route53_health_check;
pub mod route53_hosted_zone;
pub mod route53_record_set;
mod scalar;
mod secretsmanager;
pub mod secretsmanager_rotation_schedule;
pub mod secretsmanager_secret;
mod tagging;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &acm_certificate::Certificate,
    &ec2_eip::Eip,
    &ec2_internet_gateway::InternetGateway,
    &ec2_nat_gateway::NatGateway,
    &ec2_route::Route,
    &ec2_route_table::RouteTable,
    &ec2_subnet::Subnet,
    &ec2_subnet_route_table_association::SubnetRouteTableAssociation,
    &ec2_vpc::Vpc,
    &ec2_vpc_gateway_attachment::VpcGatewayAttachment,
    &ecr_repository::Repository,
    &iam_managed_policy::ManagedPolicy,
    &iam_oidc_provider::OidcProvider,
    &iam_role::Role,
    &iam_role_policy::RolePolicy,
    &kms_alias::Alias,
    &kms_key::Key,
    &logs_log_group::Group,
    &rds_db_instance::Instance,
    &rds_db_parameter_group::ParameterGroup,
    &rds_db_subnet_group::SubnetGroup,
    &route53_health_check::HealthCheck,
    &route53_hosted_zone::HostedZone,
    &route53_record_set::RecordSet,
    &secretsmanager_rotation_schedule::RotationSchedule,
    &secretsmanager_secret::Secret,
];

/// The kind of that name (`AWS::EC2::VPC`).
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    let at = KINDS.binary_search_by(|kind| kind.name().cmp(name)).ok()?;
    Some(KINDS[at])
}
