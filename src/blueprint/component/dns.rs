//! `dns`: Route 53 zones by their domain names, with records and health checks.

use std::collections::BTreeMap;

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::Node;
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{DomainName, HttpPath, Int, Name, Port, RecordName, Seconds};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::{Span, Spanned};

schema! {
    /// A hosted zone of Route 53.
    pub struct Zone("a DNS zone") {
        /// Answers only inside the network.
        pub private: Spanned<bool> = "false",
        /// What it is for.
        pub comment: Option<Spanned<String>>,
        /// The records by their names in the zone; `@` is the zone itself.
        pub records: BTreeMap<RecordName, Spanned<Record>>,
        /// The health checks that records may depend on.
        pub health_checks: BTreeMap<Name, Spanned<HealthCheck>>,
    }
}

/// A record: an alias of an AWS resource, or values of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    Alias(Alias),
    Values(Values),
}

impl Decode for Record {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.get("alias").is_some() {
            Alias::decode(node, decoder).map(Self::Alias)
        } else if node.get("values").is_some() || node.get("type").is_some() {
            Values::decode(node, decoder).map(Self::Values)
        } else {
            decoder.mapping(node, "Write an `alias`, or a `type` and `values`.")?;
            decoder.report(
                Diagnostic::error("a record needs an `alias`, or a `type` and `values`")
                    .at(decoder.owner(node), "points nowhere"),
            );
            None
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![Alias::shape(), Values::shape()])
    }
}

schema! {
    /// A name for an AWS resource, at no cost and also at the zone itself.
    pub struct Alias("an alias record") {
        /// The load balancer to point to.
        pub alias: Spanned<Reference>,
        /// Answers only while the load balancer has healthy targets.
        pub evaluate_health: bool = "true",
        /// Answers only while this health check of the zone is well.
        pub health_check: Option<Spanned<Name>>,
    }
}

schema! {
    /// Values of one type.
    pub struct Values("a record") {
        /// The type of the values.
        pub r#type: Spanned<RecordType>,
        /// How long others may remember the answer.
        pub ttl: Seconds<0, 2_147_483_647> = "300s",
        /// The values, each as a zone file has it.
        pub values: Spanned<Vec<Spanned<String>>>,
        /// Answers only while this health check of the zone is well.
        pub health_check: Option<Spanned<Name>>,
    }
}

schema! {
    /// The type of a DNS record.
    pub enum RecordType {
        /// IPv4 addresses.
        A = "A",
        /// IPv6 addresses.
        Aaaa = "AAAA",
        /// Who may issue certificates.
        Caa = "CAA",
        /// Another name for this one.
        Cname = "CNAME",
        /// Mail servers.
        Mx = "MX",
        /// The name servers of a zone below.
        Ns = "NS",
        /// Hosts and ports of services.
        Srv = "SRV",
        /// Text.
        Txt = "TXT",
    }
}

schema! {
    /// Asks a host from around the world whether it is well.
    pub struct HealthCheck("a health check") {
        /// How to ask.
        pub r#type: HealthCheckType = "https",
        /// The host to ask.
        pub host: Spanned<DomainName>,
        /// The path to ask for.
        pub path: HttpPath = "/",
        /// The port; that of the type if nothing is said.
        pub port: Option<Port>,
        /// How often to ask.
        pub interval: HealthCheckInterval = "30s",
        /// How many bad answers in a row make it unhealthy.
        pub failures: Int<1, 10> = "3",
    }
}

schema! {
    /// How often a health check asks.
    pub enum HealthCheckInterval {
        /// Every ten seconds, at a higher price.
        Seconds10 = "10s",
        /// Every thirty seconds.
        Seconds30 = "30s",
    }
}

impl HealthCheckInterval {
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Seconds10 => 10,
            Self::Seconds30 => 30,
        }
    }
}

schema! {
    /// How a health check asks.
    pub enum HealthCheckType {
        /// An HTTP status between 200 and 399.
        Http = "http",
        /// The same over TLS.
        Https = "https",
        /// A connection.
        Tcp = "tcp",
    }
}

impl HealthCheck {
    pub fn port(&self) -> Option<u32> {
        let usual = match self.r#type {
            HealthCheckType::Http => Some(80),
            HealthCheckType::Https => Some(443),
            HealthCheckType::Tcp => None,
        };
        self.port.map(Int::get).or(usual)
    }
}

impl Record {
    pub fn health_check(&self) -> Option<&Spanned<Name>> {
        match self {
            Self::Alias(alias) => alias.health_check.as_ref(),
            Self::Values(values) => values.health_check.as_ref(),
        }
    }
}

impl Component for Zone {
    const TYPE: ComponentType = ComponentType::Zone;
    type Name = DomainName;

    fn check(&self, name: &DomainName, at: Span, check: &mut Check<'_>) {
        if name.is_wildcard() {
            check.report(
                Diagnostic::error(format!("`{name}` cannot be a zone")).at(at, "has a wildcard"),
            );
        }
        if self.private.value {
            check.needs_network("a private zone", self.private.span);
        }
        for (record_name, record) in &self.records {
            self.check_record(record_name, record, check);
        }
        for health_check in self.health_checks.values() {
            check_health_check(health_check, check);
        }
    }
}

impl Zone {
    fn check_record(&self, name: &RecordName, record: &Spanned<Record>, check: &mut Check<'_>) {
        if let Some(wanted) = record.health_check()
            && !self.health_checks.contains_key(&wanted.value)
        {
            let names = || self.health_checks.keys().map(Name::as_str);
            let label = match did_you_mean(wanted.as_str(), names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "not one of this zone's `healthChecks`".to_owned(),
            };
            let problem = Diagnostic::error(format!("no health check is called `{wanted}`"));
            check.report(problem.at(wanted.span, label));
        }
        match &record.value {
            Record::Alias(alias) => {
                let Reference { component, name, access: _ } = &alias.alias.value;
                if *component != ComponentType::LoadBalancer {
                    check.report(
                        Diagnostic::error(format!("`{component}.{name}` cannot have an alias"))
                            .at(alias.alias.span, "not a load balancer")
                            .hint("Point to one, as in `loadBalancer.public`."),
                    );
                }
            }
            Record::Values(values) => check_values(name, values, check),
        }
    }
}

fn check_values(name: &RecordName, record: &Values, check: &mut Check<'_>) {
    let record_type = record.r#type;
    if record.values.is_empty() {
        check.report(
            Diagnostic::error("a record needs a value").at(record.values.span, "the list is empty"),
        );
    }
    if record_type.value == RecordType::Cname {
        if name.as_str() == "@" {
            check.report(
                Diagnostic::error("the zone itself cannot be a CNAME")
                    .at(record_type.span, "not allowed at `@`")
                    .hint("Use an `alias`, which is."),
            );
        }
        if record.values.len() > 1 {
            check.report(
                Diagnostic::error("a CNAME has exactly one value")
                    .at(record.values.span, format!("has {}", record.values.len())),
            );
        }
    }
    for value in &record.values.value {
        if let Some(reason) = refuse_value(record_type.value, value) {
            check.report(
                Diagnostic::error(format!("`{value}` is not a value of type {record_type}"))
                    .at(value.span, reason),
            );
        }
    }
}

/// Why a text is not a value of a type, as far as Route 53 would refuse it.
fn refuse_value(record_type: RecordType, text: &str) -> Option<&'static str> {
    let words = text.split_whitespace().count();
    match record_type {
        RecordType::A if text.parse::<std::net::Ipv4Addr>().is_err() => Some("not an IPv4 address"),
        RecordType::Aaaa if text.parse::<std::net::Ipv6Addr>().is_err() => {
            Some("not an IPv6 address")
        }
        RecordType::Mx if words != 2 => Some("must be a priority and a host"),
        RecordType::Srv if words != 4 => Some("must be priority, weight, port and host"),
        RecordType::Caa if words != 3 => Some("must be flags, a tag and a value"),
        RecordType::Cname | RecordType::Ns if words != 1 => Some("must be a host"),
        RecordType::A
        | RecordType::Aaaa
        | RecordType::Caa
        | RecordType::Cname
        | RecordType::Mx
        | RecordType::Ns
        | RecordType::Srv
        | RecordType::Txt => None,
    }
}

fn check_health_check(health_check: &HealthCheck, check: &mut Check<'_>) {
    if health_check.port().is_none() {
        check.report(
            Diagnostic::error("a TCP health check needs a port")
                .at(health_check.host.span, "`port` is missing"),
        );
    }
    if health_check.host.is_wildcard() {
        check.report(
            Diagnostic::error(format!("`{}` cannot be asked", health_check.host))
                .at(health_check.host.span, "has a wildcard"),
        );
    }
}
