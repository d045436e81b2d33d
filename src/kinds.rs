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
pub mod events_rule;
mod events_target;
mod iam;
pub mod iam_managed_policy;
pub mod iam_oidc_provider;
pub mod iam_role;
pub mod iam_role_policy;
pub mod kms_alias;
pub mod kms_key;
mod lambda;
mod lambda_code;
pub mod lambda_event_source_mapping;
pub mod lambda_function;
pub mod lambda_permission;
mod lambda_settings;
pub mod logs_log_group;
mod prefix;
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
mod shared_policy;
mod sns;
pub mod sns_subscription;
pub mod sns_topic;
pub mod sns_topic_policy;
mod sqs;
pub mod sqs_queue;
pub mod sqs_queue_policy;
mod tagging;
mod wafv2;
pub mod wafv2_web_acl;
pub mod wafv2_web_acl_association;
mod zip;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &acm_certificate::Certificate,
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
    &events_rule::Rule,
    &iam_managed_policy::ManagedPolicy,
    &iam_oidc_provider::OidcProvider,
    &iam_role::Role,
    &iam_role_policy::RolePolicy,
    &kms_alias::Alias,
    &kms_key::Key,
    &lambda_event_source_mapping::EventSourceMapping,
    &lambda_function::Function,
    &lambda_permission::Permission,
    &logs_log_group::Group,
    &rds_db_instance::Instance,
    &rds_db_parameter_group::ParameterGroup,
    &rds_db_subnet_group::SubnetGroup,
    &route53_health_check::HealthCheck,
    &route53_hosted_zone::HostedZone,
    &route53_record_set::RecordSet,
    &sns_subscription::Subscription,
    &sns_topic::Topic,
    &sns_topic_policy::TopicPolicy,
    &sqs_queue::Queue,
    &sqs_queue_policy::QueuePolicy,
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
