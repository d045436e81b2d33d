//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

pub mod acm_certificate;
mod blocker;
pub mod arn;
mod cloudfront;
mod cloudfront_behavior;
pub mod cloudfront_cache_policy;
mod cloudfront_config;
pub mod cloudfront_distribution;
mod cloudfront_origin;
pub mod cloudfront_origin_access_control;
mod cloudtrail_selector;
pub mod cloudtrail_trail;
mod cloudwatch;
pub mod cloudwatch_alarm;
pub mod cloudwatch_dashboard;
mod cloudwatch_metric;
mod config;
pub mod config_config_rule;
pub mod config_configuration_recorder;
pub mod config_delivery_channel;
mod document;
mod dynamodb_change;
pub mod dynamodb_table;
mod ec2;
mod ec2_blocker;
pub mod ec2_eip;
pub mod ec2_flow_log;
pub mod ec2_internet_gateway;
pub mod ec2_launch_template;
mod ec2_launch_template_data;
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
pub mod ec2_vpc_endpoint;
pub mod ec2_vpc_gateway_attachment;
pub mod ecr_repository;
mod eks;
pub mod eks_access_entry;
pub mod eks_addon;
pub mod eks_cluster;
pub mod eks_nodegroup;
pub mod eks_pod_identity_association;
mod elasticache;
mod elasticache_change;
pub mod elasticache_parameter_group;
pub mod elasticache_replication_group;
pub mod elasticache_subnet_group;
mod elbv2;
mod elbv2_action;
mod elbv2_condition;
pub mod elbv2_listener;
pub mod elbv2_listener_rule;
pub mod elbv2_load_balancer;
pub mod elbv2_target_group;
mod elbv2_transform;
pub mod events_rule;
mod events_target;
pub mod guardduty_detector;
mod iam;
pub mod iam_instance_profile;
pub mod iam_managed_policy;
pub mod iam_oidc_provider;
pub mod iam_role;
pub mod iam_role_policy;
pub mod k8s_object;
pub mod k8s_owned;
mod k8s_extras;
mod k8s_managed_fields;
mod k8s_objections;
mod k8s_readiness;
mod k8s_rules;
pub mod k8s_schema;
mod k8s_table;
pub mod kms_alias;
pub mod kms_key;
mod lambda;
mod lambda_code;
pub mod lambda_event_source_mapping;
pub mod lambda_function;
pub mod lambda_permission;
mod lambda_settings;
mod logs;
pub mod logs_log_group;
mod prefix;
mod properties;
mod rds;
mod rds_backup_copies;
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
mod secret_reference;
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
pub mod ssm_parameter;
mod tagging;
mod wafv2;
pub mod wafv2_ip_set;
pub mod wafv2_logging_configuration;
mod wafv2_shape;
pub mod wafv2_web_acl;
pub mod wafv2_web_acl_association;
mod zip;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &acm_certificate::Certificate,
    &cloudfront_cache_policy::CachePolicy,
    &cloudfront_distribution::Distribution,
    &cloudfront_origin_access_control::OriginAccessControl,
    &cloudtrail_trail::Trail,
    &cloudwatch_alarm::Alarm,
    &cloudwatch_dashboard::Dashboard,
    &config_config_rule::ConfigRule,
    &config_configuration_recorder::ConfigurationRecorder,
    &config_delivery_channel::DeliveryChannel,
    &dynamodb_table::Table,
    &ec2_eip::Eip,
    &ec2_flow_log::FlowLog,
    &ec2_internet_gateway::InternetGateway,
    &ec2_launch_template::LaunchTemplate,
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
    &ec2_vpc_endpoint::VpcEndpoint,
    &ec2_vpc_gateway_attachment::VpcGatewayAttachment,
    &ecr_repository::Repository,
    &eks_access_entry::AccessEntry,
    &eks_addon::Addon,
    &eks_cluster::Cluster,
    &eks_nodegroup::Nodegroup,
    &eks_pod_identity_association::PodIdentityAssociation,
    &elasticache_parameter_group::ParameterGroup,
    &elasticache_replication_group::ReplicationGroup,
    &elasticache_subnet_group::SubnetGroup,
    &elbv2_listener::Listener,
    &elbv2_listener_rule::ListenerRule,
    &elbv2_load_balancer::LoadBalancer,
    &elbv2_target_group::TargetGroup,
    &events_rule::Rule,
    &guardduty_detector::Detector,
    &iam_instance_profile::InstanceProfile,
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
    &s3_bucket::Bucket,
    &s3_bucket_policy::BucketPolicy,
    &sns_subscription::Subscription,
    &sns_topic::Topic,
    &sns_topic_policy::TopicPolicy,
    &sqs_queue::Queue,
    &sqs_queue_policy::QueuePolicy,
    &ssm_parameter::Parameter,
    &secretsmanager_rotation_schedule::RotationSchedule,
    &secretsmanager_secret::Secret,
    &wafv2_ip_set::IpSet,
    &wafv2_logging_configuration::LoggingConfiguration,
    &wafv2_web_acl::WebAcl,
    &wafv2_web_acl_association::WebAclAssociation,
];

/// The kind of that name: `AWS::EC2::VPC`, or any kind of Kubernetes, `apps/v1/Deployment`.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    match KINDS.binary_search_by(|kind| kind.name().cmp(name)) {
        Ok(at) => Some(KINDS[at]),
        Err(_) => k8s_object::find(name),
    }
}
