//! `network`: one VPC, its subnets in tiers, how they reach the internet and AWS, and what passed.

use std::collections::BTreeMap;

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Cidr, EndpointService, Int, Name, Region, Retention, ZoneName};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A VPC with subnets in every zone, an internet gateway, NAT gateways and network ACLs.
    pub struct Network("a network") {
        /// The addresses of the VPC, a prefix between /16 and /28.
        pub cidr: Spanned<Cidr>,
        /// How many availability zones to use, or their names.
        pub zones: Spanned<Zones> = "3",
        /// The address ranges of each tier's subnets, one for each zone.
        pub subnets: Spanned<BTreeMap<Tier, Spanned<Vec<Spanned<Cidr>>>>>,
        /// How private subnets reach the internet.
        pub nat: Spanned<Nat> = "per-zone",
        /// The network ACLs: a second defence beside security groups.
        pub acls: Acls = "tiered",
        /// Ways to services of AWS that stay inside the network: their names, or names with settings.
        pub endpoints: Endpoints,
        /// Records which connections were made and refused.
        pub flow_logs: Option<FlowLogs>,
    }
}

schema! {
    /// A layer of subnets; what stands in it decides who can reach it.
    pub enum Tier {
        /// Reached from the internet: load balancers and NAT gateways.
        Public = "public",
        /// Reaches the internet through NAT: nodes and workloads.
        Private = "private",
        /// No way to the internet: databases and caches.
        Data = "data",
    }
}

schema! {
    /// How private subnets reach the internet.
    pub enum Nat {
        /// A NAT gateway in each zone, so that the loss of one zone cuts off no other.
        PerZone = "per-zone",
        /// One NAT gateway for all zones: cheaper, and a single point of failure.
        Single = "single",
        /// No way out.
        None = "none",
    }
}

schema! {
    /// The network ACLs of the VPC.
    pub enum Acls {
        /// One for each tier, which admits only what the tier needs.
        Tiered = "tiered",
        /// The VPC's default, which admits everything.
        None = "none",
    }
}

/// The endpoints of a network by the services that they lead to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Endpoints(pub BTreeMap<EndpointService, Spanned<VpcEndpoint>>);

impl Decode for Endpoints {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Value::Sequence(_) = &node.value else {
            return BTreeMap::decode(node, decoder).map(Self);
        };
        let mut endpoints: BTreeMap<EndpointService, Spanned<VpcEndpoint>> = BTreeMap::new();
        for service in Vec::<Spanned<EndpointService>>::decode(node, decoder)? {
            if let Some(first) = endpoints.get(&service.value) {
                decoder.report(
                    Diagnostic::error(format!("`{service}` has two endpoints"))
                        .at(service.span, "named again")
                        .also(first.span, "first named here"),
                );
            }
            let endpoint = Spanned::new(VpcEndpoint::usual(service.span), service.span);
            endpoints.insert(service.value, endpoint);
        }
        Some(Self(endpoints))
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Vec::<EndpointService>::shape(),
            BTreeMap::<EndpointService, VpcEndpoint>::shape(),
        ])
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

schema! {
    /// A way to a service of AWS that does not leave the network.
    pub struct VpcEndpoint("an endpoint") {
        /// How it is reached; by routes for `s3` and `dynamodb`, by addresses for all others if nothing is said.
        pub r#type: Option<Spanned<EndpointType>>,
        /// The tier of its addresses.
        pub subnets: Spanned<Tier> = "private",
        /// What may be done through it, as IAM writes it; everything if nothing is said.
        pub policy: Option<serde_json::Value>,
    }
}

schema! {
    /// How an endpoint is reached.
    pub enum EndpointType {
        /// By routes, at no cost: `s3` and `dynamodb` alone.
        Gateway = "gateway",
        /// By addresses in the network to which the service's usual name leads.
        Interface = "interface",
    }
}

impl VpcEndpoint {
    /// What stands for a service of which only the name was written.
    fn usual(at: Span) -> Self {
        Self { r#type: None, subnets: Spanned::new(Tier::Private, at), policy: None }
    }

    pub fn endpoint_type(&self, service: &EndpointService) -> EndpointType {
        match &self.r#type {
            Some(endpoint_type) => endpoint_type.value,
            None if service.has_gateway() => EndpointType::Gateway,
            None => EndpointType::Interface,
        }
    }
}

schema! {
    /// A record of the connections in the network.
    pub struct FlowLogs("flow logs") {
        /// Which connections are recorded.
        pub traffic: Traffic = "all",
        /// Where the records go.
        pub to: FlowLogTarget = "logs",
        /// How long they are kept.
        pub retention: Retention = "30d",
        /// How much time one record sums up.
        pub every: FlowLogInterval = "10m",
        /// The key that encrypts them; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
    }
}

schema! {
    /// Which connections are recorded.
    pub enum Traffic {
        /// All.
        All = "all",
        /// Those that were let through.
        Accept = "accept",
        /// Those that were refused.
        Reject = "reject",
    }
}

schema! {
    /// Where records of connections go.
    pub enum FlowLogTarget {
        /// To a log group of CloudWatch, where they can be searched.
        Logs = "logs",
        /// To a bucket of their own, where they cost less.
        S3 = "s3",
    }
}

schema! {
    /// How much time one record of connections sums up.
    pub enum FlowLogInterval {
        /// One minute.
        Minutes1 = "1m",
        /// Ten minutes.
        Minutes10 = "10m",
    }
}

impl FlowLogInterval {
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Minutes1 => 60,
            Self::Minutes10 => 600,
        }
    }
}

/// How many zones to use, or which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Zones {
    Count(u32),
    Names(Vec<Spanned<ZoneName>>),
}

impl Zones {
    pub fn count(&self) -> usize {
        match self {
            Self::Count(count) => *count as usize,
            Self::Names(names) => names.len(),
        }
    }

    /// The zones by name; a count takes the first that every account of the region can use.
    pub fn names(&self, region: &Region) -> Vec<ZoneName> {
        match self {
            Self::Count(count) => region.zones().into_iter().take(*count as usize).collect(),
            Self::Names(names) => names.iter().map(|name| name.value.clone()).collect(),
        }
    }
}

/// More zones than any region has.
const ZONES_MAX: u32 = 6;

impl Decode for Zones {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Sequence(_) => Vec::decode(node, decoder).map(Self::Names),
            Value::Null | Value::Scalar(_) | Value::Mapping(_) => {
                let count = Int::<1, ZONES_MAX>::decode(node, decoder)?;
                Some(Self::Count(count.get()))
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![Int::<1, ZONES_MAX>::shape(), Vec::<ZoneName>::shape()])
    }
}

impl Network {
    /// The ranges of a tier's subnets in the order of the zones; none if the tier is not used.
    pub fn subnets_of(&self, tier: Tier) -> &[Spanned<Cidr>] {
        self.subnets.get(&tier).map_or(&[], |subnets| subnets.value.as_slice())
    }
}

impl Component for Network {
    const TYPE: ComponentType = ComponentType::Network;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, check: &mut Check<'_>) {
        self.check_zones(check);
        self.check_addresses(check);
        self.check_nat(check);
        self.check_endpoints(check);
    }
}

impl Network {
    fn check_zones(&self, check: &mut Check<'_>) {
        let Some(region) = check.region else { return };
        match &self.zones.value {
            Zones::Count(count) => {
                let usable = region.zones();
                if *count as usize > usable.len() {
                    check.report(
                        Diagnostic::error(format!(
                            "{count} zones asked for, {region} has {}", usable.len()
                        ))
                        .at(self.zones.span, "too many zones")
                        .hint("Name the zones, as in `[eu-west-1a, eu-west-1b]`, if your account has more."),
                    );
                }
            }
            Zones::Names(names) => {
                for (at, name) in names.iter().enumerate() {
                    if !name.is_in(region) {
                        check.report(
                            Diagnostic::error(format!("zone `{name}` is not in region `{region}`"))
                                .at(name.span, "in another region"),
                        );
                    }
                    if let Some(first) = names[..at].iter().find(|it| it.value == name.value) {
                        check.report(
                            Diagnostic::error(format!("zone `{name}` is used twice"))
                                .at(name.span, "named again")
                                .also(first.span, "first named here"),
                        );
                    }
                }
            }
        }
        let count = self.zones.count();
        for (tier, subnets) in &self.subnets.value {
            if subnets.len() != count {
                check.report(
                    Diagnostic::error(format!(
                        "{} {tier} {} for {count} {}",
                        subnets.len(),
                        plural(subnets.len(), "subnet"),
                        plural(count, "zone"),
                    ))
                    .at(subnets.span, format!("{count} needed"))
                    .also(self.zones.span, format!("{count} {}", plural(count, "zone")))
                    .hint("Each tier has one subnet in each zone."),
                );
            }
        }
    }

    fn check_addresses(&self, check: &mut Check<'_>) {
        prefix_between_16_and_28(&self.cidr, "a VPC", check);
        let mut seen: Vec<&Spanned<Cidr>> = Vec::new();
        for subnet in self.subnets.values().flat_map(|subnets| &subnets.value) {
            prefix_between_16_and_28(subnet, "a subnet", check);
            if !self.cidr.contains(subnet.value) {
                check.report(
                    Diagnostic::error(format!("subnet `{subnet}` is outside the network"))
                        .at(subnet.span, format!("not in `{}`", self.cidr))
                        .also(self.cidr.span, "the network"),
                );
            }
            if let Some(other) = seen.iter().find(|it| it.overlaps(subnet.value)) {
                check.report(
                    Diagnostic::error(format!("subnets `{other}` and `{subnet}` overlap"))
                        .at(subnet.span, "overlaps")
                        .also(other.span, "this one"),
                );
            }
            seen.push(subnet);
        }
    }

    fn check_nat(&self, check: &mut Check<'_>) {
        let wanted = self.nat.value != Nat::None && !self.subnets_of(Tier::Private).is_empty();
        if wanted && self.subnets_of(Tier::Public).is_empty() {
            check.report(
                Diagnostic::error("NAT gateways need public subnets")
                    .at(self.subnets.span, "no `public` subnets here")
                    .also(self.nat.span, "asks for NAT")
                    .hint("Add `public` subnets, or set `nat: none`."),
            );
        }
    }

    fn check_endpoints(&self, check: &mut Check<'_>) {
        for (service, endpoint) in &self.endpoints.0 {
            match (endpoint.endpoint_type(service), &endpoint.r#type) {
                (EndpointType::Gateway, Some(asked)) if !service.has_gateway() => check.report(
                    Diagnostic::error(format!("`{service}` has no gateway endpoint"))
                        .at(asked.span, "only S3 and DynamoDB have one")
                        .hint("Leave out `type`, or set it to `interface`."),
                ),
                (EndpointType::Interface, _) => {
                    check.tier_has_zones(&endpoint.subnets, 1, "an endpoint needs subnets");
                }
                (EndpointType::Gateway, _) => {}
            }
            if let Some(policy) = &endpoint.policy
                && !policy["Statement"].is_array()
            {
                check.report(
                    Diagnostic::error(format!("the policy of `{service}` has no `Statement`"))
                        .at(endpoint.span, "allows nothing")
                        .hint("Write the policy as IAM does, with a list at `Statement`."),
                );
            }
        }
    }
}

/// AWS's limits, for VPCs and subnets alike.
fn prefix_between_16_and_28(cidr: &Spanned<Cidr>, what: &str, check: &mut Check<'_>) {
    if !(16..=28).contains(&cidr.prefix()) {
        check.report(
            Diagnostic::error(format!("`{cidr}` cannot be {what}"))
                .at(cidr.span, "the prefix must be between /16 and /28"),
        );
    }
}

fn plural(count: usize, noun: &str) -> String {
    if count == 1 { noun.to_owned() } else { format!("{noun}s") }
}
