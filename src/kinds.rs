//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

pub mod acm_certificate;
mod cloudfront;
mod cloudfront_behavior;
pub mod cloudfront_cache_policy;
mod cloudfront_config;
pub mod cloudfront_distribution;
mod cloudfront_origin;
pub mod cloudfront_origin_access_control;
mod document;
mod ec2;
pub mod ec2_eip;
pub mod ec2_internet_gateway;
pub mod ec2_nat_gateway;
pub mod ec2_network_acl;
pub mod ec2_network_acl_entry;
pub mod ec2_route;
pub mod ec2_route_table;
mod ec2_rule;
pub mod ec2_security_group;
pub mod ec2_security_group_egress;
pub mod ec2_security_group_ingress;
pub mod ec2_subnet;
pub mod ec2_subnet_network_acl_association;
pub mod ec2_subnet_route_table_association;
pub mod ec2_vpc;
pub mod ec2_vpc_gateway_attachment;
pub mod ecr_repository;
mod eks;
pub mod eks_access_entry;
pub mod eks_addon;
pub mod eks_cluster;
pub mod eks_nodegroup;
pub mod eks_pod_identity_association;
mod elbv2;
mod elbv2_action;
pub mod elbv2_listener;
pub mod elbv2_load_balancer;
pub mod elbv2_target_group;
mod iam;
pub mod iam_managed_policy;
pub mod iam_oidc_provider;
pub mod iam_role;
pub mod iam_role_policy;
pub mod kms_alias;
pub mod kms_key;
pub mod logs_log_group;
mod properties;
mod rds;
pub mod rds_db_instance;
pub mod rds_db_parameter_group;
pub mod rds_db_subnet_group;
mod reply;
mod route53;
pub mod route53_health_check;
pub mod route53_hosted_zone;
pub mod route53_record_set;
mod s3;
pub mod s3_bucket;
pub mod s3_bucket_policy;
mod s3_lifecycle;
mod s3_notification;
mod s3_parts;
mod s3_replication;
mod s3_settings;
mod s3_website;
mod scalar;
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
    &cloudfront_cache_policy::CachePolicy,
    &cloudfront_distribution::Distribution,
    &cloudfront_origin_access_control::OriginAccessControl,
    &ec2_eip::Eip,
    &ec2_internet_gateway::InternetGateway,
    &ec2_nat_gateway::NatGateway,
    &ec2_network_acl::NetworkAcl,
    &ec2_network_acl_entry::NetworkAclEntry,
    &ec2_route::Route,
    &ec2_route_table::RouteTable,
    &ec2_security_group::SecurityGroup,
    &ec2_security_group_egress::SecurityGroupEgress,
    &ec2_security_group_ingress::SecurityGroupIngress,
    &ec2_subnet::Subnet,
    &ec2_subnet_network_acl_association::SubnetNetworkAclAssociation,
    &ec2_subnet_route_table_association::SubnetRouteTableAssociation,
    &ec2_vpc::Vpc,
    &ec2_vpc_gateway_attachment::VpcGatewayAttachment,
    &ecr_repository::Repository,
    &eks_access_entry::AccessEntry,
    &eks_addon::Addon,
    &eks_cluster::Cluster,
    &eks_nodegroup::Nodegroup,
    &eks_pod_identity_association::PodIdentityAssociation,
    &elbv2_listener::Listener,
    &elbv2_load_balancer::LoadBalancer,
    &elbv2_target_group::TargetGroup,
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
    &s3_bucket::Bucket,
    &s3_bucket_policy::BucketPolicy,
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
