//! What an ARN tells of the object that it names: which kind it may be of, and its id there.

use super::find;
use crate::address::PhysicalId;
use crate::kind::AnyKind;

/// What the object of an ARN may be: mostly one kind, two where ARNs do not tell them apart, none where an ARN does not
/// tell the id, or its type is no kind.
pub fn candidates(arn: &str) -> Vec<(&'static dyn AnyKind, PhysicalId)> {
    let known = read(arn).unwrap_or_default();
    known.into_iter().filter_map(|(kind, id)| Some((find(kind)?, id))).collect()
}

/// The region that an ARN names; `None` for what is one for the world.
pub fn region(arn: &str) -> Option<&str> {
    arn.split(':').nth(3).filter(|region| !region.is_empty())
}

fn read(arn: &str) -> Option<Vec<(&'static str, PhysicalId)>> {
    let [_, _, service, _, _, resource] = arn.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
    let one = |kind, id: &str| Some(vec![(kind, PhysicalId::new(id))]);
    let (of_type, rest) = resource.split_once(['/', ':']).unwrap_or((resource, ""));
    let last = rest.rsplit('/').next().unwrap_or_default();
    match (service, of_type) {
        ("acm", "certificate") => one("AWS::CertificateManager::Certificate", arn),
        ("cloudfront", "distribution") => one("AWS::CloudFront::Distribution", rest),
        ("cloudtrail", "trail") => one("AWS::CloudTrail::Trail", rest),
        ("cloudwatch", "alarm") => one("AWS::CloudWatch::Alarm", rest),
        ("dynamodb", "table") => one("AWS::DynamoDB::Table", rest),
        ("ec2", "security-group-rule") => Some(vec![
            ("AWS::EC2::SecurityGroupIngress", PhysicalId::new(rest)),
            ("AWS::EC2::SecurityGroupEgress", PhysicalId::new(rest)),
        ]),
        ("ec2", _) => one(of_ec2(of_type)?, rest),
        ("ecr", "repository") => one("AWS::ECR::Repository", rest),
        ("eks", "cluster") => one("AWS::EKS::Cluster", rest),
        ("eks", "nodegroup" | "addon") => {
            let [cluster, name, _] = rest.split('/').collect::<Vec<_>>().try_into().ok()?;
            let kind = if of_type == "addon" { "AWS::EKS::Addon" } else { "AWS::EKS::Nodegroup" };
            Some(vec![(kind, PhysicalId::joined([cluster, name]))])
        }
        ("elasticache", "parametergroup") => one("AWS::ElastiCache::ParameterGroup", rest),
        ("elasticache", "replicationgroup") => one("AWS::ElastiCache::ReplicationGroup", rest),
        ("elasticache", "subnetgroup") => one("AWS::ElastiCache::SubnetGroup", rest),
        ("elasticloadbalancing", "listener-rule") => {
            one("AWS::ElasticLoadBalancingV2::ListenerRule", arn)
        }
        ("elasticloadbalancing", "loadbalancer") => {
            // Classic load balancers have one part only.
            let [_, name, _] = rest.split('/').collect::<Vec<_>>().try_into().ok()?;
            one("AWS::ElasticLoadBalancingV2::LoadBalancer", name)
        }
        ("elasticloadbalancing", "targetgroup") => {
            one("AWS::ElasticLoadBalancingV2::TargetGroup", rest.split('/').next()?)
        }
        ("events", "rule") => {
            let (bus, name) = rest.rsplit_once('/').unwrap_or(("default", rest));
            Some(vec![("AWS::Events::Rule", PhysicalId::joined([bus, name]))])
        }
        ("guardduty", "detector") => one("AWS::GuardDuty::Detector", rest),
        ("iam", "instance-profile") => one("AWS::IAM::InstanceProfile", last),
        ("iam", "oidc-provider") => one("AWS::IAM::OIDCProvider", rest),
        ("iam", "policy") => one("AWS::IAM::ManagedPolicy", rest),
        ("iam", "role") => one("AWS::IAM::Role", last),
        ("kms", "key") => one("AWS::KMS::Key", rest),
        ("lambda", "event-source-mapping") => one("AWS::Lambda::EventSourceMapping", rest),
        ("lambda", "function") => one("AWS::Lambda::Function", rest),
        ("logs", "log-group") => one("AWS::Logs::LogGroup", rest.trim_end_matches(":*")),
        ("rds", "db") => one("AWS::RDS::DBInstance", rest),
        ("rds", "pg") => one("AWS::RDS::DBParameterGroup", rest),
        ("rds", "subgrp") => one("AWS::RDS::DBSubnetGroup", rest),
        ("route53", "healthcheck") => one("AWS::Route53::HealthCheck", rest),
        ("route53", "hostedzone") => one("AWS::Route53::HostedZone", rest),
        ("s3", _) => one("AWS::S3::Bucket", resource),
        ("secretsmanager", "secret") => {
            // The service adds a hyphen and six characters.
            one("AWS::SecretsManager::Secret", rest.get(..rest.len().checked_sub(7)?)?)
        }
        ("sns", _) if rest.is_empty() => one("AWS::SNS::Topic", resource),
        ("sqs", _) => one("AWS::SQS::Queue", resource),
        // The name of one in a hierarchy begins with a slash.
        ("ssm", "parameter") if rest.contains('/') => {
            one("AWS::SSM::Parameter", &resource["parameter".len()..])
        }
        ("ssm", "parameter") => one("AWS::SSM::Parameter", rest),
        ("wafv2", "regional" | "global") => {
            let [of_type, name, _] = rest.split('/').collect::<Vec<_>>().try_into().ok()?;
            let kind = match of_type {
                "ipset" => "AWS::WAFv2::IPSet",
                "webacl" => "AWS::WAFv2::WebACL",
                _ => return None,
            };
            let scope = if resource.starts_with("global") { "CLOUDFRONT" } else { "REGIONAL" };
            Some(vec![(kind, PhysicalId::joined([name, scope]))])
        }
        _ => None,
    }
}

fn of_ec2(of_type: &str) -> Option<&'static str> {
    Some(match of_type {
        "elastic-ip" => "AWS::EC2::EIP",
        "internet-gateway" => "AWS::EC2::InternetGateway",
        "launch-template" => "AWS::EC2::LaunchTemplate",
        "natgateway" => "AWS::EC2::NatGateway",
        "network-acl" => "AWS::EC2::NetworkAcl",
        "route-table" => "AWS::EC2::RouteTable",
        "security-group" => "AWS::EC2::SecurityGroup",
        "subnet" => "AWS::EC2::Subnet",
        "vpc" => "AWS::EC2::VPC",
        "vpc-endpoint" => "AWS::EC2::VPCEndpoint",
        "vpc-flow-log" => "AWS::EC2::FlowLog",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(resource: &str) -> Vec<String> {
        let arn = resource.strip_prefix("arn:").map_or_else(
            || {
                let (service, resource) = resource.split_once(' ').unwrap();
                format!("arn:aws:{service}:eu-west-1:123456789012:{resource}")
            },
            |_| resource.into(),
        );
        candidates(&arn).into_iter().map(|(kind, id)| format!("{} {id}", kind.name())).collect()
    }

    #[test]
    fn arns_tell_kinds_and_ids() {
        for (arn, expected) in [
            ("ec2 vpc/vpc-1", "AWS::EC2::VPC vpc-1"),
            ("rds db:shop-orders", "AWS::RDS::DBInstance shop-orders"),
            ("logs log-group:/shop/api", "AWS::Logs::LogGroup /shop/api"),
            ("secretsmanager secret:shop/db-AbCdEf", "AWS::SecretsManager::Secret shop/db"),
            ("ssm parameter/shop/url", "AWS::SSM::Parameter /shop/url"),
            ("ssm parameter/url", "AWS::SSM::Parameter url"),
            (
                "elasticloadbalancing loadbalancer/app/shop/50dc6c495c0c9188",
                "AWS::ElasticLoadBalancingV2::LoadBalancer shop",
            ),
            ("eks nodegroup/shop/apps/a0c0", "AWS::EKS::Nodegroup shop|apps"),
            ("events rule/shop-nightly", "AWS::Events::Rule default|shop-nightly"),
            ("events rule/own/shop-nightly", "AWS::Events::Rule own|shop-nightly"),
            ("wafv2 regional/webacl/shop/a1", "AWS::WAFv2::WebACL shop|REGIONAL"),
            ("sns shop-orders", "AWS::SNS::Topic shop-orders"),
            ("iam role/service/shop-app", "AWS::IAM::Role shop-app"),
            ("iam policy/service/shop-app", "AWS::IAM::ManagedPolicy service/shop-app"),
            ("arn:aws:s3:::shop-assets", "AWS::S3::Bucket shop-assets"),
        ] {
            assert_eq!(told(arn), [expected], "{arn}");
        }
    }

    #[test]
    fn what_an_arn_does_not_tell_is_not_guessed() {
        assert_eq!(told("ec2 security-group-rule/sgr-1").len(), 2);
        for arn in [
            "elasticloadbalancing loadbalancer/classic",
            "elasticloadbalancing listener/app/shop/1/2",
            "sns shop-orders:2b1c5d1e",
            "wafv2 regional/rulegroup/shop/a1",
            "secretsmanager secret:ab",
            "robomaker robot/x",
            "arn:nothing",
            "",
        ] {
            assert_eq!(told(if arn.is_empty() { "arn:" } else { arn }), [""; 0], "{arn}");
        }
    }

    #[test]
    fn global_arns_have_no_region() {
        assert_eq!(region("arn:aws:sns:eu-west-1:123456789012:t"), Some("eu-west-1"));
        assert_eq!(region("arn:aws:s3:::b"), None);
    }
}
