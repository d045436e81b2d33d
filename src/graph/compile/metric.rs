//! Where CloudWatch has what is measured of a component: the dimensions of each series, and the region.

use serde_json::{Value, json};

use super::{
    Compiler, EDGE_REGION, cache, cdn, cluster, database, firewall, function, get, load_balancer,
    network, queue, table, topic,
};
use crate::address::Address;
use crate::blueprint::component::firewall::Scope;
use crate::blueprint::component::metric::{Metric, Part, Subject};
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::Name;

/// The dimensions that tell one series of measurements from the others, by their names.
pub(super) type Dimensions = Vec<(&'static str, Value)>;

impl Compiler<'_> {
    /// The series of a metric of a subject: one, or one for each of its parts.
    pub(super) fn series(&self, subject: &Subject, metric: &Metric) -> Vec<Dimensions> {
        match subject {
            Subject::Cluster => vec![vec![("ClusterName", get(&cluster::address(), "Name"))]],
            Subject::Network => {
                let gateways = self.nat_gateway_addresses();
                gateways.iter().map(|it| vec![("NatGatewayId", get(it, "NatGatewayId"))]).collect()
            }
            Subject::Component(reference) => {
                self.component_series(reference.component, &reference.name, metric.of)
            }
        }
    }

    /// Where a subject is measured.
    pub(super) fn region_of_metrics(&self, subject: &Subject) -> String {
        let at_edge = match subject {
            Subject::Cluster | Subject::Network => false,
            Subject::Component(reference) => match reference.component {
                ComponentType::Cdn => true,
                ComponentType::Firewall => self.measured_scope(&reference.name) == Scope::Edge,
                _ => false,
            },
        };
        if at_edge { EDGE_REGION.to_owned() } else { self.builder.region().to_owned() }
    }

    fn component_series(
        &self,
        component: ComponentType,
        name: &Name,
        part: Part,
    ) -> Vec<Dimensions> {
        let one = |dimension: &'static str, of: &Address, output: &str| {
            vec![vec![(dimension, get(of, output))]]
        };
        match component {
            ComponentType::Database if part == Part::Replicas => {
                let count = self.blueprint.databases.get(name).map_or(0, |it| it.replicas.get());
                let replicas = (1..=count).map(|number| database::replica_address(name, number));
                let identifier = "DBInstanceIdentifier";
                replicas.map(|replica| vec![(identifier, get(&replica, identifier))]).collect()
            }
            ComponentType::Database => {
                one("DBInstanceIdentifier", &database::address(name), "DBInstanceIdentifier")
            }
            ComponentType::LoadBalancer => self.balancer_series(name, part),
            ComponentType::Cdn => vec![vec![
                ("DistributionId", get(&cdn::address(name), "Id")),
                ("Region", json!("Global")),
            ]],
            ComponentType::Firewall => vec![self.firewall_dimensions(name)],
            ComponentType::Queue if part == Part::DeadLetters => {
                one("QueueName", &queue::dead_letter_address(name), "QueueName")
            }
            ComponentType::Queue => one("QueueName", &queue::address(name), "QueueName"),
            ComponentType::Topic => one("TopicName", &topic::address(name), "TopicName"),
            ComponentType::Function => {
                one("FunctionName", &function::address(name), "FunctionName")
            }
            ComponentType::Table => one("TableName", &table::address(name), "TableName"),
            ComponentType::Cache => self.cache_series(name),
            _ => Vec::new(),
        }
    }

    fn balancer_series(&self, name: &Name, part: Part) -> Vec<Dimensions> {
        let balancer = ("LoadBalancer", get(&load_balancer::address(name), "LoadBalancerFullName"));
        if part != Part::Targets {
            return vec![vec![balancer]];
        }
        let targets = self.blueprint.load_balancers.get(name).into_iter();
        let targets = targets.flat_map(|it| it.targets.keys());
        targets
            .map(|target| {
                let group = load_balancer::target_group(name, target);
                vec![balancer.clone(), ("TargetGroup", get(&group, "TargetGroupFullName"))]
            })
            .collect()
    }

    /// ElastiCache numbers the nodes of a group: `sessions-001`, with shards `sessions-0001-001`.
    fn cache_series(&self, name: &Name) -> Vec<Dimensions> {
        let Some(cache) = self.blueprint.caches.get(name) else { return Vec::new() };
        let group = get(&cache::address(name), "ReplicationGroupId");
        let nodes = 1 + cache.replicas.get();
        let ends: Vec<String> = if cache.is_clustered() {
            let shards = 1..=cache.shards.get();
            shards
                .flat_map(|shard| (1..=nodes).map(move |it| format!("-{shard:04}-{it:03}")))
                .collect()
        } else {
            (1..=nodes).map(|node| format!("-{node:03}")).collect()
        };
        ends.into_iter()
            .map(|end| {
                vec![("CacheClusterId", crate::kind::reference::join([group.clone(), json!(end)]))]
            })
            .collect()
    }

    fn firewall_dimensions(&self, name: &Name) -> Dimensions {
        let mut dimensions = vec![("Rule", json!("ALL")), ("WebACL", json!(self.name(name)))];
        if self.measured_scope(name) == Scope::Regional {
            dimensions.insert(0, ("Region", json!(self.builder.region())));
        }
        dimensions
    }

    /// Of a firewall that stands in two places, the one in front of load balancers is measured.
    fn measured_scope(&self, name: &Name) -> Scope {
        let scopes = self.scopes(name);
        scopes.into_iter().min().unwrap_or(Scope::Regional)
    }

    /// What must stand before something is measured that no dimension refers to.
    pub(super) fn measured_after(&self, subject: &Subject) -> Option<Address> {
        match subject {
            Subject::Component(it) if it.component == ComponentType::Firewall => {
                Some(firewall::address_in(&it.name, self.measured_scope(&it.name)))
            }
            Subject::Cluster | Subject::Network | Subject::Component(_) => None,
        }
    }

    fn nat_gateway_addresses(&self) -> Vec<Address> {
        let network = self.blueprint.network.as_ref();
        let count = network.map_or(0, |it| network::nat_gateway_count(it));
        self.zones().iter().take(count).map(network::nat_gateway).collect()
    }
}
