//! Who may connect to whom inside the cluster, and where its services connect to outside: all else is closed.

use serde_json::{Value, json};

use super::wiring::Wire;
use super::{Compiler, service};
use crate::address::Address;
use crate::blueprint::component::identity::Via;
use crate::blueprint::component::network::Tier;
use crate::blueprint::component::platform::istio;
use crate::blueprint::component::service::Service;
use crate::blueprint::reference::{Access, ComponentType};
use crate::blueprint::value::Name;

/// The agent of EKS Pod Identity on each node, which pods ask for credentials.
const POD_IDENTITY_AGENT: (&str, u32) = ("169.254.170.23/32", 80);
/// The metadata of the instance, with the credentials of the node.
const INSTANCE_METADATA: &str = "169.254.169.254/32";
/// Where istiod gives sidecars their configuration and certificates.
const ISTIOD_PORT: u32 = 15_012;

const KIND: &str = "networking.k8s.io/v1/NetworkPolicy";

impl Compiler<'_> {
    /// Closes a namespace to all that no other policy lets through.
    pub(super) fn deny_by_default(&mut self, namespace: &Name) {
        let manifest = json!({
            "metadata": {"name": "default-deny", "namespace": namespace.as_str()},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        });
        let at = Address::of(&format!("namespaces.{namespace}"), "default-deny");
        self.object(&at, KIND, manifest);
    }

    /// What may connect to a service, and where it may connect to.
    pub(super) fn network_policy(&mut self, name: &Name, service: &Service, wires: &[Wire]) {
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {
                "podSelector": {"matchLabels": service::selector(name)},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": self.let_in(name, service),
                "egress": self.let_out(service, wires),
            },
        });
        self.object(&address(name), KIND, manifest);
    }

    fn let_in(&self, name: &Name, service: &Service) -> Vec<Value> {
        let mut rules = Vec::new();
        if let Some(port) = &service.port {
            let users = self.blueprint.services.iter().filter(|(_, it)| it.calls(name));
            let mut from: Vec<Value> = users
                .filter(|(user, _)| *user != name)
                .map(|(user, it)| {
                    pods(it.namespace(&self.blueprint.name).as_str(), &service::selector(user))
                })
                .collect();
            if !service.routes.is_empty() {
                from.extend(self.way_in_of_routes());
            }
            if !from.is_empty() {
                rules.push(json!({"from": from, "ports": [tcp(port.get())]}));
            }
        }
        let ports: Vec<Value> = service.ports.values().map(|port| tcp(port.get())).collect();
        if !ports.is_empty() {
            rules.push(json!({"from": [{"namespaceSelector": {}}], "ports": ports}));
        }
        rules
    }

    /// Where requests of routes come from: the mesh's gateway, or the subnets that load balancers stand in.
    fn way_in_of_routes(&self) -> Vec<Value> {
        if self.blueprint.istio().is_some() {
            return vec![pods(istio::INGRESS, &json!({"istio": istio::GATEWAY_LABEL}))];
        }
        let ranges =
            [Tier::Public, Tier::Private].into_iter().flat_map(|tier| self.ranges_of(tier));
        let mut ranges: Vec<Value> = ranges.collect();
        ranges.dedup();
        ranges.into_iter().map(range).collect()
    }

    fn let_out(&self, service: &Service, wires: &[Wire]) -> Vec<Value> {
        let mut rules = vec![json!({
            "to": [pods("kube-system", &json!({"k8s-app": "kube-dns"}))],
            "ports": [{"port": 53, "protocol": "UDP"}, tcp(53)],
        })];
        let mut add = |to: Vec<Value>, port: u32| {
            let rule = json!({"to": to, "ports": [tcp(port)]});
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        };
        if self.blueprint.istio().is_some() {
            add(vec![pods(istio::SYSTEM, &json!({"app": "istiod"}))], ISTIOD_PORT);
        }
        for wire in wires {
            let name = &wire.used.name;
            match wire.used.component {
                ComponentType::Database => {
                    if let Some(database) = self.blueprint.databases.get(name) {
                        add(self.to_tier(database.subnets.value), database.port().into());
                    }
                }
                ComponentType::Cache => {
                    if let Some(cache) = self.blueprint.caches.get(name) {
                        add(self.to_tier(cache.subnets.value), cache.port().into());
                    }
                }
                ComponentType::Service => {
                    if let Some(other) = self.blueprint.services.get(name)
                        && let Some(port) = &other.port
                    {
                        let namespace = other.namespace(&self.blueprint.name).as_str();
                        add(vec![pods(namespace, &service::selector(name))], port.get());
                    }
                }
                _ => {}
            }
        }
        let has_role = wires.iter().any(|wire| !wire.statements.is_empty());
        if has_role && service.identity.value == Via::PodIdentity {
            let (agent, port) = POD_IDENTITY_AGENT;
            add(vec![range(json!(agent))], port);
        }
        // The addresses of AWS's APIs are known to nobody. With IRSA credentials come from one of them, too; those by
        // which a user of IAM logs in to a database are made in the pod.
        let calls = |wire: &Wire| {
            let logs_in = wire.used.component == ComponentType::Database
                && wire.used.access == Some(Access::Connect);
            !wire.statements.is_empty() && !logs_in
        };
        if wires.iter().any(calls) || (has_role && service.identity.value == Via::Irsa) {
            add(
                vec![json!({"ipBlock": {"cidr": "0.0.0.0/0", "except": [INSTANCE_METADATA]}})],
                443,
            );
        }
        for egress in &service.egress {
            add(vec![range(json!(egress.to.to_string()))], egress.port.get());
        }
        rules
    }

    fn to_tier(&self, tier: Tier) -> Vec<Value> {
        self.ranges_of(tier).into_iter().map(range).collect()
    }

    /// The ranges of the subnets of a tier; of what others own only that of the whole network is known.
    pub(super) fn ranges_of(&self, tier: Tier) -> Vec<Value> {
        match &self.blueprint.network {
            Some(network) => {
                network.subnets_of(tier).iter().map(|cidr| json!(cidr.to_string())).collect()
            }
            None => self.network_range().into_iter().collect(),
        }
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&service::component(name), "network-policy")
}

/// Pods of a namespace by their labels.
fn pods(namespace: &str, labels: &Value) -> Value {
    json!({
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": labels},
    })
}

fn range(cidr: Value) -> Value {
    json!({"ipBlock": {"cidr": cidr}})
}

fn tcp(port: u32) -> Value {
    json!({"port": port, "protocol": "TCP"})
}
