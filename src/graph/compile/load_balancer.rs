//! An application load balancer: its security group, targets, listeners and routes.

use serde_json::{Value, json};

use super::log_bucket::LogBucket;
use super::{Compiler, certificate, cluster, firewall, get, route, short_hash, vpc_id};
use crate::address::Address;
use crate::blueprint::component::load_balancer::{
    AccessLogs, LoadBalancer, Protocol, Scheme, Target, TargetType,
};
use crate::blueprint::component::network::Tier;
use crate::blueprint::value::Name;

/// `CreateTargetGroup` in the API reference.
const TARGET_GROUP_NAME_MAX: usize = 32;

impl Compiler<'_> {
    pub(super) fn load_balancer(&mut self, name: &Name, balancer: &LoadBalancer) {
        let component = component(name);
        let group =
            self.security_group(&component, name.as_str(), &format!("load balancer {name}"));
        let group_id = get(&group, "GroupId");
        let ports: &[u16] = match balancer.protocol.value {
            Protocol::Http => &[80],
            Protocol::Https => &[80, 443],
        };
        for (index, range) in self.allowed(balancer).iter().enumerate() {
            for port in ports {
                let spec = json!({
                    "GroupId": group_id, "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": range,
                });
                let at = Address::of(&component, &format!("ingress/{port}-{index}"));
                self.add(&at, "AWS::EC2::SecurityGroupIngress", spec);
            }
        }
        let (scheme, usual) = match balancer.scheme.value {
            Scheme::InternetFacing => ("internet-facing", Tier::Public),
            Scheme::Internal => ("internal", Tier::Private),
        };
        let logs = balancer.access_logs.as_ref().map(|logs| self.access_logs(name, logs));
        let mut attributes = vec![
            attribute("deletion_protection.enabled", balancer.deletion_protection.to_string()),
            attribute("idle_timeout.timeout_seconds", balancer.idle_timeout.get().to_string()),
            attribute("routing.http.drop_invalid_header_fields.enabled", "true"),
        ];
        if let Some(logs) = &logs {
            attributes.push(attribute("access_logs.s3.enabled", "true"));
            attributes.push(attribute("access_logs.s3.bucket", logs.name.as_str()));
        }
        let spec = json!({
            "Name": self.name(name),
            "Type": "application",
            "Scheme": scheme,
            "IpAddressType": "ipv4",
            "Subnets": self.subnet_ids(balancer.subnets.as_ref().map_or(usual, |tier| tier.value)),
            "SecurityGroups": [group_id],
            "LoadBalancerAttributes": attributes,
        });
        // The service refuses a public one in a VPC without a way in.
        let way_in = match balancer.scheme.value {
            Scheme::InternetFacing => self.way_in(),
            Scheme::Internal => None,
        };
        // It tries whether it may write when logs are turned on.
        self.add(&address(name), "AWS::ElasticLoadBalancingV2::LoadBalancer", spec)
            .after_all(&way_in)
            .after_all(logs.as_ref().map(|logs| &logs.policy));
        for (target_name, target) in balancer.targets.iter() {
            self.target(name, target_name, target, &group);
        }
        let listener = self.listeners(name, balancer);
        self.routes(name, balancer, &listener);
        if let Some(wall) = &balancer.firewall {
            let spec = json!({
                "ResourceArn": get(&address(name), "LoadBalancerArn"),
                "WebACLArn": get(&firewall::address(&wall.name), "Arn"),
            });
            let at = Address::of(&component, "firewall");
            self.add(&at, "AWS::WAFv2::WebACLAssociation", spec).after(&address(name));
        }
    }

    fn access_logs(&mut self, name: &Name, logs: &AccessLogs) -> LogBucket {
        let prefix = format!("AWSLogs/{}/*", self.account.id);
        self.log_bucket(
            &component(name),
            &format!("{name}-access"),
            logs.retention.get(),
            None,
            |arn| {
                vec![json!({
                    "Sid": "LoadBalancers",
                    "Effect": "Allow",
                    "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                    "Action": "s3:PutObject",
                    "Resource": format!("{arn}/{prefix}"),
                })]
            },
        )
    }

    /// The address ranges that may connect.
    fn allowed(&self, balancer: &LoadBalancer) -> Vec<Value> {
        match (&balancer.allow, balancer.scheme.value) {
            (Some(ranges), _) => ranges.iter().map(|range| json!(range.to_string())).collect(),
            (None, Scheme::InternetFacing) => vec![json!("0.0.0.0/0")],
            (None, Scheme::Internal) => self.network_range().into_iter().collect(),
        }
    }

    fn target(&mut self, balancer: &Name, target_name: &Name, target: &Target, group: &Address) {
        let component = component(balancer);
        let port = target.port.get();
        // What only a replacement can change is part of the name, so that the new group can stand beside the old one.
        let fixed = format!("{port}{}{:?}", target.protocol, target.r#type);
        let name = self.name_within(
            &format!("{balancer}-{target_name}-{}", short_hash(&fixed)),
            TARGET_GROUP_NAME_MAX,
        );
        let mut spec = json!({
            "Name": name,
            "VpcId": vpc_id(),
            "Port": port,
            "Protocol": protocol(target.protocol),
            "TargetType": match target.r#type {
                TargetType::Ip => "ip",
                TargetType::Instance => "instance",
            },
            "HealthCheckEnabled": true,
            "HealthCheckProtocol": protocol(target.protocol),
            "HealthCheckPath": target.health.path.as_str(),
            "HealthCheckIntervalSeconds": target.health.interval.get(),
            "HealthCheckTimeoutSeconds": target.health.timeout.get(),
            "HealthyThresholdCount": target.health.healthy.get(),
            "UnhealthyThresholdCount": target.health.unhealthy.get(),
            "Matcher": {"HttpCode": target.health.matcher.as_str()},
        });
        spec["TargetGroupAttributes"] = json!([{
            "Key": "deregistration_delay.timeout_seconds",
            "Value": target.deregistration_delay.get().to_string(),
        }]);
        let address = target_group(balancer, target_name);
        self.add(&address, "AWS::ElasticLoadBalancingV2::TargetGroup", spec);

        // Requests may leave only towards where targets can be, and on their ports.
        let out = |destination: Value| {
            let mut rule = json!({
                "GroupId": get(group, "GroupId"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
            });
            rule.as_object_mut()
                .expect("it is an object")
                .extend(destination.as_object().cloned().unwrap_or_default());
            rule
        };
        let egress = Address::of(&component, &format!("egress/{target_name}"));
        if self.blueprint.has_cluster() {
            let nodes = get(&cluster::address(), "ClusterSecurityGroupId");
            let rule = out(json!({"DestinationSecurityGroupId": nodes}));
            self.add(&egress, "AWS::EC2::SecurityGroupEgress", rule);
            let rule = json!({
                "GroupId": nodes, "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                "SourceSecurityGroupId": get(group, "GroupId"),
                "Description": format!("load balancer {balancer}"),
            });
            let ingress = Address::of(&component, &format!("ingress/nodes-{target_name}"));
            self.add(&ingress, "AWS::EC2::SecurityGroupIngress", rule);
        } else if let Some(range) = self.network_range() {
            let rule = out(json!({"CidrIp": range}));
            self.add(&egress, "AWS::EC2::SecurityGroupEgress", rule);
        }
    }

    /// Adds the listeners; what comes back is the one that asks the routes.
    fn listeners(&mut self, name: &Name, balancer: &LoadBalancer) -> Address {
        let component = component(name);
        let forward = match balancer.default() {
            Some(default) => route::forward(name, &default),
            None => json!({"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}),
        };
        let arn = get(&address(name), "LoadBalancerArn");
        let listener = |port: u16, protocol: &str, action: Value| json!({"LoadBalancerArn": arn, "Port": port, "Protocol": protocol, "DefaultActions": [action]});
        let http = Address::of(&component, "listener/http");
        let kind = "AWS::ElasticLoadBalancingV2::Listener";
        match (balancer.protocol.value, &balancer.certificate) {
            (Protocol::Https, Some(link)) => {
                let redirect = json!({"Type": "redirect", "RedirectConfig": {
                    "Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301",
                }});
                self.add(&http, kind, listener(80, "HTTP", redirect));
                let mut https = listener(443, "HTTPS", forward);
                let certificate = certificate::address(&link.name);
                https["Certificates"] =
                    json!([{"CertificateArn": get(&certificate, "CertificateArn")}]);
                https["SslPolicy"] = json!(balancer.ssl_policy.as_str());
                let at = Address::of(&component, "listener/https");
                // A listener takes only certificates that are issued.
                self.add(&at, kind, https).after(&certificate);
                at
            }
            (Protocol::Http, _) | (Protocol::Https, None) => {
                self.add(&http, kind, listener(80, "HTTP", forward));
                http
            }
        }
    }
}

fn attribute(key: &str, value: impl Into<String>) -> Value {
    json!({"Key": key, "Value": value.into()})
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http => "HTTP",
        Protocol::Https => "HTTPS",
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "load-balancer")
}

pub(super) fn security_group(name: &Name) -> Address {
    Address::of(&component(name), "security-group")
}

pub(super) fn target_group(balancer: &Name, target: &Name) -> Address {
    Address::of(&component(balancer), &format!("target-group/{target}"))
}

pub(super) fn component(name: &Name) -> String {
    format!("loadBalancers.{name}")
}
