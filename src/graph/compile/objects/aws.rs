//! What objects of Kubernetes need of AWS: a way into the cluster, nodes and add-ons for pods, roles for service accounts,
//! subnets and the way to the internet for load balancers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Edges, Object};
use crate::address::Address;
use crate::graph::Node;

/// What AWS has for the pods and the objects of a cluster.
#[derive(Default)]
pub(super) struct Aws {
    /// Who may enter, by the value of the cluster's name.
    doors: Vec<(String, Address)>,
    /// Where pods run and what they need to start.
    ground: Vec<(String, Address)>,
    /// Roles of service accounts: cluster, namespace, account.
    roles: Vec<(String, String, String, Address)>,
    /// Where load balancers stand, and what leads to them, by region. Their interfaces hold both, long after a Service is
    /// asked to go; and of those only their controllers know.
    network: Vec<(String, Address)>,
}

impl Aws {
    pub(super) fn of(nodes: &BTreeMap<Address, Node>) -> Self {
        let mut found = Self::default();
        for (address, node) in nodes {
            let cluster = node.spec["ClusterName"].to_string();
            let address = address.clone();
            match node.kind.as_str() {
                "AWS::EKS::AccessEntry" => found.doors.push((cluster, address)),
                "AWS::EKS::Nodegroup" | "AWS::EKS::Addon" => found.ground.push((cluster, address)),
                "AWS::EKS::PodIdentityAssociation" => {
                    let text = |name: &str| node.spec[name].as_str().unwrap_or_default().to_owned();
                    found.roles.push((cluster, text("Namespace"), text("ServiceAccount"), address));
                }
                "AWS::EC2::Subnet" if is_for_load_balancers(&node.spec) => {
                    found.network.push((node.region.clone(), address));
                }
                "AWS::EC2::VPCGatewayAttachment" => {
                    found.network.push((node.region.clone(), address));
                }
                _ => {}
            }
        }
        found
    }

    pub(super) fn needed_by<'o>(&'o self, object: &'o Object, edges: &mut Edges<'o>) {
        let mut after = |other: &'o Address| {
            edges.insert((&object.address, other));
        };
        for (cluster, door) in &self.doors {
            if *cluster == object.cluster {
                after(door);
            }
        }
        if object.is_balanced() {
            for (region, part) in &self.network {
                if *region == object.region {
                    after(part);
                }
            }
        }
        if object.template().is_none() {
            return;
        }
        for (cluster, ground) in &self.ground {
            if *cluster == object.cluster {
                after(ground);
            }
        }
        for (cluster, namespace, account, role) in &self.roles {
            if *cluster == object.cluster
                && *namespace == object.namespace
                && account == object.account()
            {
                after(role);
            }
        }
    }
}

/// Controllers find subnets by these tags.
fn is_for_load_balancers(subnet: &Value) -> bool {
    let roles = ["kubernetes.io/role/elb", "kubernetes.io/role/internal-elb"];
    let mut tags = subnet["Tags"].as_array().into_iter().flatten();
    tags.any(|tag| roles.iter().any(|role| tag["Key"] == *role))
}
