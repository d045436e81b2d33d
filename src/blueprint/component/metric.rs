//! What CloudWatch measures of components, under names of our own: the one list behind alarms and dashboards.

use std::fmt;

use super::cluster::Cluster;
use super::network::Nat;
use crate::blueprint::Blueprint;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::Unit;

/// What is measured: a component, the cluster or the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Cluster,
    Network,
    Component(Reference),
}

impl Subject {
    pub fn component(&self) -> ComponentType {
        match self {
            Self::Cluster => ComponentType::Cluster,
            Self::Network => ComponentType::Network,
            Self::Component(reference) => reference.component,
        }
    }

    /// What its sentences call it: `database orders`.
    pub fn title(&self) -> String {
        match self {
            Self::Cluster | Self::Network => self.component().noun().to_owned(),
            Self::Component(reference) => {
                format!("{} {}", reference.component.noun(), reference.name)
            }
        }
    }
}

impl Decode for Subject {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == ComponentType::Cluster.as_str() => {
                Some(Self::Cluster)
            }
            Value::Scalar(scalar) if scalar.text == ComponentType::Network.as_str() => {
                Some(Self::Network)
            }
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Reference::decode(node, decoder).map(Self::Component)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            <Reference as Decode>::shape(),
            Shape::word("`cluster` or `network`", &["cluster", "network"]),
        ])
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster | Self::Network => self.component().fmt(f),
            Self::Component(Reference { component, name, access: _ }) => {
                write!(f, "{component}.{name}")
            }
        }
    }
}

schema! {
    /// What is measured of a component.
    pub enum MetricName {
        /// The age of the oldest message of a queue.
        Age = "age",
        /// The requests that a firewall let pass.
        Allowed = "allowed",
        /// The requests that a firewall refused.
        Blocked = "blocked",
        /// The bytes that a CDN or the network's NAT gateways sent.
        Bytes = "bytes",
        /// The answers of targets and origins that blame the client.
        ClientErrors = "client-errors",
        /// The open connections.
        Connections = "connections",
        /// How much of its processors a database, a cache or a node uses.
        Cpu = "cpu",
        /// The messages that nobody could handle.
        DeadLetters = "dead-letters",
        /// The messages that wait in a queue.
        Depth = "depth",
        /// How much of its disks the nodes use.
        Disk = "disk",
        /// The operations that wait for a database's disk.
        DiskQueue = "disk-queue",
        /// The packets that NAT gateways dropped.
        Dropped = "dropped",
        /// The answers of targets and origins that say that they failed, and the calls of a function that did.
        Errors = "errors",
        /// The keys that a cache dropped for want of memory.
        Evictions = "evictions",
        /// The messages that a topic, and the events that a function, could not deliver.
        Failed = "failed",
        /// The nodes that do not work.
        FailedNodes = "failed-nodes",
        /// The memory that a database has left.
        FreeMemory = "free-memory",
        /// The storage that a database has left.
        FreeStorage = "free-storage",
        /// The targets that work.
        Healthy = "healthy",
        /// How many of the keys asked for a cache had.
        HitRate = "hit-rate",
        /// The messages that were received and not yet deleted.
        InFlight = "in-flight",
        /// How long targets take to answer, and calls of a function.
        Latency = "latency",
        /// How much of its memory a cache or a node uses.
        Memory = "memory",
        /// The answers by which a load balancer itself failed.
        OwnErrors = "own-errors",
        /// The connections that found no free port of a NAT gateway.
        PortErrors = "port-errors",
        /// The messages that were published.
        Published = "published",
        /// How long a database takes to read from its disk.
        ReadLatency = "read-latency",
        /// The reads of a table that were refused.
        ReadThrottles = "read-throttles",
        /// The read units of a table that were used.
        Reads = "reads",
        /// The connections that a load balancer refused, and the calls of a function.
        Rejected = "rejected",
        /// How far replicas are behind.
        ReplicaLag = "replica-lag",
        /// The requests, and the calls of a function.
        Requests = "requests",
        /// The messages that were sent.
        Sent = "sent",
        /// The targets that do not work.
        Unhealthy = "unhealthy",
        /// How long a database takes to write to its disk.
        WriteLatency = "write-latency",
        /// The writes of a table that were refused.
        WriteThrottles = "write-throttles",
        /// The write units of a table that were used.
        Writes = "writes",
    }
}

schema! {
    /// How measurements are summed up.
    pub enum Statistic {
        /// Their mean.
        Average = "average",
        /// The largest.
        Maximum = "maximum",
        /// The smallest.
        Minimum = "minimum",
        /// Their sum.
        Sum = "sum",
        /// Their number.
        Samples = "samples",
        /// What half of them does not exceed.
        P50 = "p50",
        /// What nine of ten do not exceed.
        P90 = "p90",
        /// What 95 of 100 do not exceed.
        P95 = "p95",
        /// What 99 of 100 do not exceed.
        P99 = "p99",
        /// What 999 of 1000 do not exceed.
        P999 = "p99.9",
    }
}

/// A metric of CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    pub name: MetricName,
    /// As CloudWatch calls it.
    pub metric: &'static str,
    /// The statistic that is meant when nothing is said.
    pub statistic: Statistic,
    pub unit: Unit,
    /// What is measured for itself.
    pub of: Part,
    /// Whether nothing is measured while nothing happens.
    pub quiet: bool,
    /// How many of CloudWatch's units one of ours is.
    pub factor: u32,
}

/// The parts of a component that have a metric each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Whole,
    /// The read replicas of a database.
    Replicas,
    /// The targets of a load balancer.
    Targets,
    /// The NAT gateways of the network.
    NatGateways,
    /// The nodes of a cache.
    Nodes,
    /// The dead letter queue of a queue.
    DeadLetters,
}

impl Part {
    /// As a sentence has it: `replicas`.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Whole => "parts",
            Self::Replicas => "replicas",
            Self::Targets => "targets",
            Self::NatGateways => "NAT gateways",
            Self::Nodes => "nodes",
            Self::DeadLetters => "dead letter queue of its own",
        }
    }
}

const fn of(name: MetricName, metric: &'static str, statistic: Statistic, unit: Unit) -> Metric {
    Metric { name, metric, statistic, unit, of: Part::Whole, quiet: false, factor: 1 }
}

impl Metric {
    const fn each(mut self, part: Part) -> Self {
        self.of = part;
        self
    }

    const fn in_milliseconds(mut self) -> Self {
        self.factor = 1_000;
        self
    }

    const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }
}

/// The namespace in which CloudWatch has the metrics of a type of component.
pub const fn namespace(component: ComponentType) -> &'static str {
    match component {
        ComponentType::Database => "AWS/RDS",
        ComponentType::LoadBalancer => "AWS/ApplicationELB",
        ComponentType::Cdn => "AWS/CloudFront",
        ComponentType::Firewall => "AWS/WAFV2",
        ComponentType::Network => "AWS/NATGateway",
        ComponentType::Cluster => "ContainerInsights",
        ComponentType::Queue => "AWS/SQS",
        ComponentType::Topic => "AWS/SNS",
        ComponentType::Table => "AWS/DynamoDB",
        ComponentType::Cache => "AWS/ElastiCache",
        ComponentType::Function => "AWS/Lambda",
        _ => "",
    }
}

/// What is measured of a type of component, the most telling first: the metric tables of each service's guide.
pub fn metrics(component: ComponentType) -> &'static [Metric] {
    use MetricName as Name;
    use Statistic::{Average, Maximum, Minimum, Sum};
    use Unit::{Bytes, Count, Percent, Seconds};
    const DATABASE: &[Metric] = &[
        of(Name::Cpu, "CPUUtilization", Average, Percent),
        of(Name::Connections, "DatabaseConnections", Average, Count),
        of(Name::FreeStorage, "FreeStorageSpace", Minimum, Bytes),
        of(Name::FreeMemory, "FreeableMemory", Minimum, Bytes),
        of(Name::ReadLatency, "ReadLatency", Average, Seconds),
        of(Name::WriteLatency, "WriteLatency", Average, Seconds),
        of(Name::DiskQueue, "DiskQueueDepth", Average, Count),
        of(Name::ReplicaLag, "ReplicaLag", Maximum, Seconds).each(Part::Replicas),
    ];
    const LOAD_BALANCER: &[Metric] = &[
        of(Name::Requests, "RequestCount", Sum, Count).quiet(),
        of(Name::Latency, "TargetResponseTime", Average, Seconds).quiet(),
        of(Name::Errors, "HTTPCode_Target_5XX_Count", Sum, Count).quiet(),
        of(Name::OwnErrors, "HTTPCode_ELB_5XX_Count", Sum, Count).quiet(),
        of(Name::ClientErrors, "HTTPCode_Target_4XX_Count", Sum, Count).quiet(),
        of(Name::Unhealthy, "UnHealthyHostCount", Maximum, Count).each(Part::Targets),
        of(Name::Healthy, "HealthyHostCount", Minimum, Count).each(Part::Targets),
        of(Name::Connections, "ActiveConnectionCount", Sum, Count).quiet(),
        of(Name::Rejected, "RejectedConnectionCount", Sum, Count).quiet(),
    ];
    const CDN: &[Metric] = &[
        of(Name::Requests, "Requests", Sum, Count).quiet(),
        of(Name::Errors, "5xxErrorRate", Average, Percent).quiet(),
        of(Name::ClientErrors, "4xxErrorRate", Average, Percent).quiet(),
        of(Name::Bytes, "BytesDownloaded", Sum, Bytes).quiet(),
    ];
    const FIREWALL: &[Metric] = &[
        of(Name::Blocked, "BlockedRequests", Sum, Count).quiet(),
        of(Name::Allowed, "AllowedRequests", Sum, Count).quiet(),
    ];
    const NETWORK: &[Metric] = &[
        of(Name::Bytes, "BytesOutToDestination", Sum, Bytes).each(Part::NatGateways),
        of(Name::PortErrors, "ErrorPortAllocation", Sum, Count).each(Part::NatGateways),
        of(Name::Dropped, "PacketsDropCount", Sum, Count).each(Part::NatGateways),
    ];
    const CLUSTER: &[Metric] = &[
        of(Name::Cpu, "node_cpu_utilization", Average, Percent),
        of(Name::Memory, "node_memory_utilization", Average, Percent),
        of(Name::Disk, "node_filesystem_utilization", Maximum, Percent),
        of(Name::FailedNodes, "cluster_failed_node_count", Maximum, Count),
    ];
    const QUEUE: &[Metric] = &[
        of(Name::Depth, "ApproximateNumberOfMessagesVisible", Maximum, Count),
        of(Name::Age, "ApproximateAgeOfOldestMessage", Maximum, Seconds),
        of(Name::InFlight, "ApproximateNumberOfMessagesNotVisible", Maximum, Count),
        of(Name::Sent, "NumberOfMessagesSent", Sum, Count),
        of(Name::DeadLetters, "ApproximateNumberOfMessagesVisible", Maximum, Count)
            .each(Part::DeadLetters),
    ];
    const TOPIC: &[Metric] = &[
        of(Name::Published, "NumberOfMessagesPublished", Sum, Count).quiet(),
        of(Name::Failed, "NumberOfNotificationsFailed", Sum, Count).quiet(),
    ];
    const TABLE: &[Metric] = &[
        of(Name::Reads, "ConsumedReadCapacityUnits", Sum, Count).quiet(),
        of(Name::Writes, "ConsumedWriteCapacityUnits", Sum, Count).quiet(),
        of(Name::ReadThrottles, "ReadThrottleEvents", Sum, Count).quiet(),
        of(Name::WriteThrottles, "WriteThrottleEvents", Sum, Count).quiet(),
    ];
    const CACHE: &[Metric] = &[
        of(Name::Cpu, "EngineCPUUtilization", Average, Percent).each(Part::Nodes),
        of(Name::Memory, "DatabaseMemoryUsagePercentage", Maximum, Percent).each(Part::Nodes),
        of(Name::Connections, "CurrConnections", Average, Count).each(Part::Nodes),
        of(Name::HitRate, "CacheHitRate", Average, Percent).each(Part::Nodes).quiet(),
        of(Name::Evictions, "Evictions", Sum, Count).each(Part::Nodes),
        of(Name::ReplicaLag, "ReplicationLag", Maximum, Seconds).each(Part::Nodes),
    ];
    const FUNCTION: &[Metric] = &[
        of(Name::Requests, "Invocations", Sum, Count).quiet(),
        of(Name::Errors, "Errors", Sum, Count).quiet(),
        of(Name::Latency, "Duration", Average, Seconds).quiet().in_milliseconds(),
        of(Name::Rejected, "Throttles", Sum, Count).quiet(),
        of(Name::Failed, "DeadLetterErrors", Sum, Count).quiet(),
    ];
    match component {
        ComponentType::Database => DATABASE,
        ComponentType::LoadBalancer => LOAD_BALANCER,
        ComponentType::Cdn => CDN,
        ComponentType::Firewall => FIREWALL,
        ComponentType::Network => NETWORK,
        ComponentType::Cluster => CLUSTER,
        ComponentType::Queue => QUEUE,
        ComponentType::Topic => TOPIC,
        ComponentType::Table => TABLE,
        ComponentType::Cache => CACHE,
        ComponentType::Function => FUNCTION,
        _ => &[],
    }
}

/// The metric of a type of component by its name.
pub fn find(component: ComponentType, name: MetricName) -> Option<&'static Metric> {
    metrics(component).iter().find(|metric| metric.name == name)
}

/// Whether a subject has the parts that a metric is measured of.
pub fn is_there(blueprint: &Blueprint, subject: &Subject, metric: &Metric) -> bool {
    let name = match subject {
        Subject::Component(reference) => Some(&reference.name),
        Subject::Cluster | Subject::Network => None,
    };
    let there = match metric.of {
        Part::Whole | Part::Targets | Part::Nodes => None,
        Part::Replicas => {
            let database = name.and_then(|name| blueprint.databases.get(name));
            database.map(|database| database.replicas.get() > 0)
        }
        Part::NatGateways => {
            blueprint.network.as_ref().map(|network| network.nat.value != Nat::None)
        }
        Part::DeadLetters => {
            let queue = name.and_then(|name| blueprint.queues.get(name));
            queue.map(|queue| queue.own_dead_letter().is_some())
        }
    };
    there.unwrap_or(true)
}

/// The add-on that measures nodes and pods.
pub const OBSERVABILITY: &str = "amazon-cloudwatch-observability";

/// Whether something measures the cluster.
pub fn is_observed(cluster: &Cluster) -> bool {
    cluster.addons.keys().any(|name| name.as_str() == OBSERVABILITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_namespace_and_a_name_of_its_own() {
        for component in ComponentType::ALL {
            let known = metrics(*component);
            assert_eq!(known.is_empty(), namespace(*component).is_empty(), "{component}");
            for (at, metric) in known.iter().enumerate() {
                assert!(known[..at].iter().all(|other| other.name != metric.name), "{metric:?}");
            }
        }
        for name in MetricName::ALL {
            let used = ComponentType::ALL.iter().any(|it| find(*it, *name).is_some());
            assert!(used, "{name} is measured of nothing");
        }
    }
}
