//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

mod document;
mod ec2;
pub mod ec2_vpc;
pub mod ecr_repository;
mod elbv2;
mod elbv2_action;
pub mod elbv2_listener;
pub mod elbv2_load_balancer;
pub mod elbv2_target_group;
pub mod logs_log_group;
mod rds;
pub mod rds_db_instance;
pub mod rds_db_parameter_group;
pub mod rds_db_subnet_group;
mod reply;
mod scalar;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &ec2_vpc::Vpc,
    &ecr_repository::Repository,
    &elbv2_listener::Listener,
    &elbv2_load_balancer::LoadBalancer,
    &elbv2_target_group::TargetGroup,
    &logs_log_group::Group,
    &rds_db_instance::Instance,
    &rds_db_parameter_group::ParameterGroup,
    &rds_db_subnet_group::SubnetGroup,
];

/// The kind of that name (`AWS::EC2::VPC`).
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    let at = KINDS.binary_search_by(|kind| kind.name().cmp(name)).ok()?;
    Some(KINDS[at])
}
