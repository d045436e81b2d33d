//! `firewalls`: web ACLs of AWS WAF. What uses one decides where it stands: load balancers need it in their region,
//! CDNs at the edge.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::ComponentType;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Cidr, CountryCode, HeaderName, Int, Name, Retention};
use crate::diagnostic::{Diagnostic, listed};
use crate::source::{Span, Spanned};

schema! {
    /// A web ACL. It asks its lists of addresses first, then its rules in the order in which they are written.
    pub struct Firewall("a firewall") {
        /// Addresses that are refused whatever they ask for.
        pub block: Vec<Spanned<Cidr>>,
        /// Addresses that pass without being asked any rule.
        pub allow: Vec<Spanned<Cidr>>,
        /// What happens to requests that no rule matches.
        pub default: Verdict = "allow",
        /// Names of rule sets, or rules of your own.
        pub rules: Spanned<Vec<Spanned<Rule>>> = "[]",
        /// Keeps a record of requests in CloudWatch.
        pub logging: Option<FirewallLogging>,
    }
}

schema! {
    /// A record of the requests that a firewall judged.
    pub struct FirewallLogging("a firewall's logging") {
        /// Which requests.
        pub requests: LoggedRequests = "all",
        /// How long the record is kept.
        pub retention: Retention = "30d",
        /// The headers whose values are left out, because they hold secrets.
        pub redact: Vec<HeaderName> = "[authorization, cookie]",
    }
}

schema! {
    /// Which requests a firewall records.
    pub enum LoggedRequests {
        /// All.
        All = "all",
        /// Those that it refused, and those that a rule on trial counted.
        Matched = "matched",
    }
}

/// Where a web ACL stands. Nobody writes it: it follows from what uses the firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In the region, for load balancers.
    Regional,
    /// At the edge, for CDNs.
    Edge,
}

schema! {
    /// What happens to a request.
    pub enum Verdict {
        /// It passes.
        Allow = "allow",
        /// It is refused.
        Block = "block",
    }
}

/// One rule of a firewall.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    RuleSet(RuleSetRule),
    Rate(RateRule),
    Countries(CountryRule),
}

impl Decode for Rule {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(_) = node.value {
            let rule_set = Spanned::decode(node, decoder)?;
            return Some(Self::RuleSet(RuleSetRule { rule_set, mode: Mode::Block }));
        }
        if node.get("rate").is_some() {
            RateRule::decode(node, decoder).map(Self::Rate)
        } else if node.get("countries").is_some() {
            CountryRule::decode(node, decoder).map(Self::Countries)
        } else if node.get("ruleSet").is_some() {
            RuleSetRule::decode(node, decoder).map(Self::RuleSet)
        } else {
            decoder.mapping(node, "Write the name of a rule set, or a `rate` or `countries`.")?;
            decoder.report(
                Diagnostic::error("a rule needs a `ruleSet`, a `rate` or `countries`")
                    .at(decoder.owner(node), "matches nothing")
                    .hint(format!("Rule sets are {}.", listed(RuleSet::ALL))),
            );
            None
        }
    }

    fn shape() -> Shape {
        let rules = [RuleSetRule::shape(), RateRule::shape(), CountryRule::shape()];
        Shape::Either([RuleSet::shape()].into_iter().chain(rules).collect())
    }
}

schema! {
    /// The rules of a rule set.
    pub struct RuleSetRule("a rule set") {
        /// The rule set.
        pub rule_set: Spanned<RuleSet>,
        /// Whether to block what it matches or only to count it.
        pub mode: Mode = "block",
    }
}

schema! {
    /// Rules that AWS maintains.
    pub enum RuleSet {
        /// SQL injection.
        SqlInjection = "sql-injection",
        /// Cross-site scripting in the query, the body, cookies and the path.
        CrossSiteScripting = "cross-site-scripting",
        /// Addresses that AWS has seen attacking.
        IpReputation = "ip-reputation",
        /// Addresses of anonymous proxies and hosting providers.
        AnonymousIp = "anonymous-ip",
        /// Requests that exploit known vulnerabilities.
        KnownBadInputs = "known-bad-inputs",
        /// What threatens web applications in general, as OWASP describes it.
        Common = "common",
        /// Access to pages of administration.
        AdminProtection = "admin-protection",
        /// Attacks on Linux hosts.
        Linux = "linux",
    }
}

schema! {
    /// What a rule does with what it matches.
    pub enum Mode {
        /// Refuses it.
        Block = "block",
        /// Lets it pass and counts it, to try a rule out.
        Count = "count",
    }
}

schema! {
    /// Refuses an address that sends too many requests.
    pub struct RateRule("a rate rule") {
        /// How many requests an address may send.
        pub rate: Spanned<Int<10, 2_000_000_000>>,
        /// In what time.
        pub per: RateWindow = "5m",
        /// Whether to refuse further requests or only to count them.
        pub mode: Mode = "block",
    }
}

schema! {
    /// The time in which requests are counted.
    pub enum RateWindow {
        /// One minute.
        Minutes1 = "1m",
        /// Two minutes.
        Minutes2 = "2m",
        /// Five minutes.
        Minutes5 = "5m",
        /// Ten minutes.
        Minutes10 = "10m",
    }
}

impl RateWindow {
    pub const fn seconds(self) -> u32 {
        match self {
            Self::Minutes1 => 60,
            Self::Minutes2 => 120,
            Self::Minutes5 => 300,
            Self::Minutes10 => 600,
        }
    }
}

schema! {
    /// Decides by the country of a request's address.
    pub struct CountryRule("a country rule") {
        /// ISO 3166 codes of countries.
        pub countries: Spanned<Vec<Spanned<CountryCode>>>,
        /// What happens to requests from there.
        pub then: Verdict = "block",
    }
}

/// `RedactedFields` of `PutLoggingConfiguration`, and what a list of addresses may hold.
const REDACTED_MAX: usize = 100;
const ADDRESSES_MAX: usize = 10_000;

impl Component for Firewall {
    const TYPE: ComponentType = ComponentType::Firewall;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        self.check_addresses(check);
        self.check_rules(check);
        if self.block.is_empty() && self.allow.is_empty() && self.rules.is_empty() {
            check.report(
                Diagnostic::error("a firewall needs a rule or a list of addresses")
                    .at(at, "judges nothing"),
            );
        }
        if let Some(logging) = &self.logging
            && logging.redact.len() > REDACTED_MAX
        {
            check.report(
                Diagnostic::error(format!("WAF leaves out at most {REDACTED_MAX} headers"))
                    .at(at, format!("names {}", logging.redact.len())),
            );
        }
    }
}

impl Firewall {
    fn check_addresses(&self, check: &mut Check<'_>) {
        for list in [&self.block, &self.allow] {
            for range in list.iter().filter(|range| range.value == Cidr::ANYWHERE) {
                check.report(
                    Diagnostic::error("WAF takes no list of all addresses")
                        .at(range.span, "matches everything")
                        .hint("Set `default` instead."),
                );
            }
            if let Some(over) = list.get(ADDRESSES_MAX) {
                check.report(
                    Diagnostic::error(format!("a list holds at most {ADDRESSES_MAX} addresses"))
                        .at(over.span, "one too many"),
                );
            }
        }
        for allowed in &self.allow {
            if let Some(blocked) = self.block.iter().find(|it| it.contains(allowed.value)) {
                check.report(
                    Diagnostic::error(format!("`{allowed}` is allowed and blocked"))
                        .at(allowed.span, "never passes: `block` is asked first")
                        .also(blocked.span, "blocked here"),
                );
            }
        }
    }

    fn check_rules(&self, check: &mut Check<'_>) {
        let mut seen: Vec<Spanned<RuleSet>> = Vec::new();
        for rule in &self.rules.value {
            match &rule.value {
                Rule::RuleSet(RuleSetRule { rule_set, mode: _ }) => {
                    if let Some(first) = seen.iter().find(|it| it.value == rule_set.value) {
                        check.report(
                            Diagnostic::error(format!("rule set `{rule_set}` is used twice"))
                                .at(rule_set.span, "used again")
                                .also(first.span, "first used here"),
                        );
                    }
                    seen.push(*rule_set);
                }
                Rule::Countries(CountryRule { countries, then: _ }) if countries.is_empty() => {
                    check.report(
                        Diagnostic::error("a country rule needs a country")
                            .at(countries.span, "the list is empty"),
                    );
                }
                Rule::Rate(_) | Rule::Countries(_) => {}
            }
        }
    }
}
