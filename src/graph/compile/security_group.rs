//! A security group that stands for itself, each of its rules a resource.

use serde_json::{Value, json};

use super::{Compiler, cluster, database, get, load_balancer};
use crate::address::Address;
use crate::blueprint::component::security_group::{Peer, Protocol, Rule, SecurityGroup};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn own_security_group(&mut self, name: &Name, group: &SecurityGroup) {
        let component = component(name);
        let usual = format!("{name} of {}", self.blueprint.stack);
        let description = group.description.as_ref().map_or(usual, ToString::to_string);
        let address = self.security_group(&component, name.as_str(), &description);
        for rule in group.ingress() {
            let at = Address::of(&component, &format!("ingress/{}", rule.key()));
            let spec = spec(&address, &rule, "CidrIp", "SourceSecurityGroupId");
            self.add(&at, "AWS::EC2::SecurityGroupIngress", spec);
        }
        for rule in group.egress() {
            let at = Address::of(&component, &format!("egress/{}", rule.key()));
            let spec = spec(&address, &rule, "CidrIp", "DestinationSecurityGroupId");
            self.add(&at, "AWS::EC2::SecurityGroupEgress", spec);
        }
    }
}

/// A rule; the last two are the properties for ranges and for groups at the other end.
fn spec(group: &Address, rule: &Rule<'_>, range: &str, peer_group: &str) -> Value {
    // -1 means all of them.
    let (protocol, any) = match rule.protocol.value {
        Protocol::Tcp => ("tcp", None),
        Protocol::Udp => ("udp", None),
        Protocol::Icmp => ("icmp", Some(-1)),
        Protocol::All => ("-1", None),
    };
    let port = |of: fn(&Rule<'_>) -> Option<u32>| of(rule).map(i64::from).or(any);
    let mut spec = json!({
        "GroupId": get(group, "GroupId"),
        "IpProtocol": protocol,
        "FromPort": port(|rule| rule.port.map(|ports| ports.min.get())),
        "ToPort": port(|rule| rule.port.map(|ports| ports.max.get())),
        "Description": rule.description.map(ToString::to_string),
    });
    match &rule.peer.value {
        Peer::Range(cidr) => spec[range] = json!(cidr.to_string()),
        Peer::Cluster => spec[peer_group] = get(&cluster::address(), "ClusterSecurityGroupId"),
        Peer::Component(reference) => spec[peer_group] = group_of(reference),
    }
    spec
}

/// The security group of a component; the checks let only those through that have one.
fn group_of(reference: &Reference) -> Value {
    let name = &reference.name;
    let address = match reference.component {
        ComponentType::LoadBalancer => load_balancer::security_group(name),
        ComponentType::Database => database::security_group(name),
        _ => address(name),
    };
    get(&address, "GroupId")
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "security-group")
}

fn component(name: &Name) -> String {
    format!("securityGroups.{name}")
}
