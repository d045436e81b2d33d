//! `dns`: Route 53 zones by their domain names, with records and health checks.

use std::collections::BTreeMap;

use super::Component;
use super::cdn::Cdn;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::Node;
use crate::blueprint::reference::{ComponentType, FarReference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{DomainName, HttpPath, Int, Name, Port, RecordName, Region, Seconds};
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

/// A record: one answer to everybody, or one of several.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    One(Answer),
    Failover(Failover),
    Weighted(Weighted),
    Latency(Latency),
}

impl Decode for Record {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.get("failover").is_some() {
            Failover::decode(node, decoder).map(Self::Failover)
        } else if node.get("weighted").is_some() {
            Weighted::decode(node, decoder).map(Self::Weighted)
        } else if node.get("latency").is_some() {
            Latency::decode(node, decoder).map(Self::Latency)
        } else {
            Answer::decode(node, decoder).map(Self::One)
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Alias::shape(),
            Values::shape(),
            Failover::shape(),
            Weighted::shape(),
            Latency::shape(),
        ])
    }
}

/// What a record answers: an alias of an AWS resource, or values of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Alias(Alias),
    Values(Values),
}

impl Decode for Answer {
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
    /// One answer, and another while that one is not well.
    pub struct Failover("a failover record") {
        /// The answers.
        pub failover: Spanned<FailoverAnswers>,
    }
}

schema! {
    /// One answer, and another while that one is not well.
    pub struct FailoverAnswers("a failover") {
        /// The answer while it is well: it needs a health check, or an alias whose health is evaluated.
        pub primary: Spanned<Answer>,
        /// The answer while the primary one is not.
        pub secondary: Spanned<Answer>,
    }
}

schema! {
    /// Several answers that share the requests.
    pub struct Weighted("a weighted record") {
        /// The answers, each under a name of your choice.
        pub weighted: Spanned<BTreeMap<Name, WeightedAnswer>>,
    }
}

schema! {
    /// An answer to a share of the requests.
    pub struct WeightedAnswer("a weighted answer") {
        /// How many requests get it, beside the weights of the others.
        pub weight: Int<0, 255>,
        /// The answer.
        pub to: Spanned<Answer>,
    }
}

schema! {
    /// To everybody the answer of the region that is quickest to reach.
    pub struct Latency("a latency record") {
        /// The answers by the regions in which what they point to stands.
        pub latency: Spanned<BTreeMap<Region, Spanned<Answer>>>,
    }
}

schema! {
    /// A name for an AWS resource, at no cost and also at the zone itself.
    pub struct Alias("an alias record") {
        /// The load balancer or CDN to point to; with `@` and its name one in another region of the stack.
        pub alias: Spanned<FarReference>,
        /// Answers only while a load balancer has healthy targets.
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
    /// All its answers.
    pub fn answers(&self) -> Vec<&Answer> {
        match self {
            Self::One(answer) => vec![answer],
            Self::Failover(Failover { failover }) => {
                vec![&failover.primary.value, &failover.secondary.value]
            }
            Self::Weighted(Weighted { weighted }) => {
                weighted.values().map(|answer| &answer.to.value).collect()
            }
            Self::Latency(Latency { latency }) => {
                latency.values().map(|answer| &answer.value).collect()
            }
        }
    }
}

impl Answer {
    pub fn health_check(&self) -> Option<&Spanned<Name>> {
        match self {
            Self::Alias(alias) => alias.health_check.as_ref(),
            Self::Values(values) => values.health_check.as_ref(),
        }
    }

    /// The type of the record that gives it; an alias gives addresses.
    pub fn record_type(&self) -> RecordType {
        match self {
            Self::Alias(_) => RecordType::A,
            Self::Values(values) => values.r#type.value,
        }
    }

    /// Whether Route 53 can know that it is not well.
    fn can_fail(&self) -> bool {
        let evaluated = match self {
            Self::Alias(alias) => {
                alias.evaluate_health && alias.alias.component == ComponentType::LoadBalancer
            }
            Self::Values(_) => false,
        };
        evaluated || self.health_check().is_some()
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
            self.check_record(name, record_name, record, check);
        }
        for health_check in self.health_checks.values() {
            check_health_check(health_check, check);
        }
    }
}

impl Zone {
    fn check_record(
        &self,
        zone: &DomainName,
        name: &RecordName,
        record: &Spanned<Record>,
        check: &mut Check<'_>,
    ) {
        for answer in record.answers() {
            self.check_answer(zone, name, answer, check);
        }
        let types: Vec<RecordType> =
            record.answers().into_iter().map(Answer::record_type).collect();
        if let Some(other) = types.iter().find(|it| **it != types[0]) {
            check.report(
                Diagnostic::error("the answers of a record must have one type")
                    .at(record.span, format!("has answers of type {} and {other}", types[0])),
            );
        }
        match &record.value {
            Record::One(_) => {}
            Record::Failover(Failover { failover }) if failover.primary.can_fail() => {}
            Record::Failover(Failover { failover }) => check.report(
                Diagnostic::error("the primary answer never fails")
                    .at(failover.primary.span, "its health is not known")
                    .hint("Give it a `healthCheck`."),
            ),
            Record::Weighted(Weighted { weighted }) => {
                if weighted.values().all(|answer| answer.weight.get() == 0) {
                    check.report(
                        Diagnostic::error("no answer gets a request")
                            .at(weighted.span, "needs an answer with a weight above 0"),
                    );
                }
            }
            Record::Latency(Latency { latency }) => {
                if latency.is_empty() {
                    check.report(
                        Diagnostic::error("a latency record needs an answer")
                            .at(latency.span, "names no region"),
                    );
                }
            }
        }
    }

    fn check_answer(
        &self,
        zone: &DomainName,
        name: &RecordName,
        answer: &Answer,
        check: &mut Check<'_>,
    ) {
        if let Some(wanted) = answer.health_check()
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
        match answer {
            Answer::Alias(alias) => check_alias(&name.within(zone), alias, check),
            Answer::Values(values) => check_values(name, values, check),
        }
    }
}

fn check_alias(full_name: &DomainName, alias: &Alias, check: &mut Check<'_>) {
    let FarReference { component, name, region } = &alias.alias.value;
    match component {
        ComponentType::LoadBalancer => {}
        ComponentType::Cdn => {
            let there = match region {
                Some(region) => check.there(region),
                None => Some(check.blueprint),
            };
            let cdn = there.and_then(|it| it.cdn.get(name));
            let knows = |cdn: &&Spanned<Cdn>| cdn.aliases.iter().any(|it| it.covers(full_name));
            if let Some(cdn) = cdn.filter(|cdn| !knows(cdn)) {
                check.report(
                    Diagnostic::error(format!("CDN `{name}` does not answer to `{full_name}`"))
                        .at(alias.alias.span, "clients would be refused")
                        .also(cdn.span, "the CDN")
                        .hint(format!("Add `{full_name}` to its `aliases`.")),
                );
            }
        }
        _ => check.report(
            Diagnostic::error(format!("`{component}.{name}` cannot have an alias"))
                .at(alias.alias.span, "neither a load balancer nor a CDN")
                .hint("Point to one, as in `loadBalancer.public`."),
        ),
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
