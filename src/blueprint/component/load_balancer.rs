//! `loadBalancers`: application load balancers with their listeners, targets and health checks.

use std::collections::BTreeMap;

use super::Component;
use super::certificate::Certificate;
use super::firewall::Firewall;
use super::network::Tier;
use super::route::{self, Destination, Route};
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{
    Cidr, Days, HttpPath, Int, Name, PathPattern, Port, Seconds, SslPolicy, StatusCodes,
};
use crate::diagnostic::{Diagnostic, listed};
use crate::source::{Span, Spanned};

schema! {
    /// An application load balancer. It drops invalid headers and, with HTTPS, redirects HTTP.
    pub struct LoadBalancer("a load balancer") {
        /// Who can reach it.
        pub scheme: Spanned<Scheme> = "internal",
        /// The tier it stands in; `public` or `private` as the scheme asks if nothing is said.
        pub subnets: Option<Spanned<Tier>>,
        /// What clients speak.
        pub protocol: Spanned<Protocol> = "https",
        /// The certificate of the HTTPS listener.
        pub certificate: Option<Spanned<Link<Certificate>>>,
        /// The TLS versions and ciphers to accept.
        pub ssl_policy: SslPolicy = "ELBSecurityPolicy-TLS13-1-2-2021-06",
        /// The firewall in front of it.
        pub firewall: Option<Spanned<Link<Firewall>>>,
        /// The addresses that may connect; all of the internet or of the network, as the scheme asks, if nothing is said.
        pub allow: Option<Vec<Spanned<Cidr>>>,
        /// How long a silent connection is kept.
        pub idle_timeout: Seconds<1, 4000> = "60s",
        /// Refuses to delete the load balancer.
        pub deletion_protection: bool = "true",
        /// Where requests go.
        pub targets: Spanned<BTreeMap<Name, Spanned<Target>>>,
        /// The target of requests that no route sends elsewhere, or several with their weights; needed when there are several.
        pub default: Option<Spanned<Destination>>,
        /// Which requests go where.
        pub routes: Vec<Spanned<Route>>,
        /// Keeps a line about every request in a bucket.
        pub access_logs: Option<AccessLogs>,
    }
}

schema! {
    /// A line about every request, in a bucket of their own.
    pub struct AccessLogs("access logs") {
        /// How long they are kept.
        pub retention: Days<1, 3_650> = "90d",
    }
}

schema! {
    /// Who can reach a load balancer.
    pub enum Scheme {
        /// Everyone whose address is allowed.
        InternetFacing = "internet-facing",
        /// Only those inside the network.
        Internal = "internal",
    }
}

schema! {
    /// What is spoken with clients or targets.
    pub enum Protocol {
        /// HTTP.
        Http = "http",
        /// HTTP over TLS.
        Https = "https",
    }
}

schema! {
    /// A group of addresses or instances that answer requests.
    pub struct Target("a target") {
        /// The port that the targets listen on.
        pub port: Port,
        /// What the targets speak.
        pub protocol: Protocol = "http",
        /// How it is known that a target is well.
        pub health: Health = "{}",
        /// How long a target that leaves may finish its requests.
        pub deregistration_delay: Seconds<0, 3600> = "30s",
        /// What is registered: pods by address, or nodes by instance.
        pub r#type: TargetType = "ip",
    }
}

schema! {
    /// What is registered as a target.
    pub enum TargetType {
        /// Addresses, such as those of pods.
        Ip = "ip",
        /// EC2 instances.
        Instance = "instance",
    }
}

schema! {
    /// How it is known that a target is well.
    pub struct Health("a health check") {
        /// The path to ask for.
        pub path: HttpPath = "/",
        /// How often to ask.
        pub interval: Spanned<Seconds<5, 300>> = "15s",
        /// How long to wait for an answer, less than the interval.
        pub timeout: Spanned<Seconds<2, 120>> = "5s",
        /// How many good answers make a target healthy.
        pub healthy: Int<2, 10> = "2",
        /// How many bad answers make a target unhealthy.
        pub unhealthy: Int<2, 10> = "3",
        /// The status codes that are good answers.
        pub matcher: StatusCodes = "200",
    }
}

impl LoadBalancer {
    /// The tier that it stands in.
    pub fn tier(&self) -> Tier {
        match (self.subnets, self.scheme.value) {
            (Some(tier), _) => tier.value,
            (None, Scheme::InternetFacing) => Tier::Public,
            (None, Scheme::Internal) => Tier::Private,
        }
    }

    /// Where requests go that no route sends elsewhere.
    pub fn default(&self) -> Option<Destination> {
        let only = || self.targets.keys().next().cloned().map(Destination::One);
        self.default.as_ref().map(|it| it.value.clone()).or_else(only)
    }
}

impl Component for LoadBalancer {
    const TYPE: ComponentType = ComponentType::LoadBalancer;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_network("a load balancer", at);
        let tier = Spanned::new(self.tier(), self.subnets.map_or(self.scheme.span, |it| it.span));
        check.tier_has_zones(&tier, 2, "a load balancer needs subnets in at least two zones");
        check.name_length(name.as_str(), at, 32, "a load balancer");
        if check.stack.starts_with("internal-") {
            check.report(
                Diagnostic::error(
                    "AWS reserves names of load balancers that start with `internal-`",
                )
                .at(check.blueprint.name.span, "the name would start with this"),
            );
        }
        self.check_tier(check);
        self.check_protocol(at, check);
        self.check_targets(check);
        self.check_routes(check);
    }
}

impl LoadBalancer {
    fn check_tier(&self, check: &mut Check<'_>) {
        if let Some(tier) = self.subnets
            && self.scheme.value == Scheme::InternetFacing
            && tier.value != Tier::Public
        {
            check.report(
                Diagnostic::error("an internet-facing load balancer must stand in public subnets")
                    .at(tier.span, "not reached from the internet")
                    .also(self.scheme.span, "internet-facing"),
            );
        }
    }

    fn check_protocol(&self, at: Span, check: &mut Check<'_>) {
        match (self.protocol.value, &self.certificate) {
            (Protocol::Https, None) => check.report(
                Diagnostic::error("HTTPS needs a certificate")
                    .at(at, "`certificate` is missing")
                    .hint("Name one of `certificates`, or set `protocol: http`."),
            ),
            (Protocol::Http, Some(certificate)) => check.report(
                Diagnostic::error("a certificate is of no use without HTTPS")
                    .at(certificate.span, "not used")
                    .also(self.protocol.span, "clients speak HTTP"),
            ),
            (Protocol::Http, None) if self.scheme.value == Scheme::InternetFacing => check.report(
                Diagnostic::warning("requests cross the internet without encryption")
                    .at(self.protocol.span, "clients speak HTTP"),
            ),
            (Protocol::Https, Some(_)) | (Protocol::Http, None) => {}
        }
    }

    fn check_targets(&self, check: &mut Check<'_>) {
        let names = || self.targets.keys().map(Name::as_str);
        match &self.default {
            _ if self.targets.is_empty() => check.report(
                Diagnostic::error("a load balancer needs a target")
                    .at(self.targets.span, "no target"),
            ),
            None if self.targets.len() > 1 => check.report(
                Diagnostic::error("which target answers when no route matches is not said")
                    .at(self.targets.span, format!("has {} targets", self.targets.len()))
                    .hint(format!("Set `default` to one of {}.", listed(names()))),
            ),
            Some(default) => route::check_destination(default, self, check),
            None => {}
        }
        for target in self.targets.values() {
            let Health { interval, timeout, path: _, healthy: _, unhealthy: _, matcher: _ } =
                &target.health;
            if timeout.get() >= interval.get() {
                check.report(
                    Diagnostic::error("the timeout must be shorter than the interval")
                        .at(timeout.span, format!("`{timeout}`"))
                        .also(interval.span, format!("`{interval}`")),
                );
            }
        }
    }

    fn check_routes(&self, check: &mut Check<'_>) {
        let mut seen: Vec<(Vec<&str>, Option<&str>, Span)> = Vec::new();
        for route in &self.routes {
            route.check(route.span, self, check);
            let mut hosts: Vec<&str> = route.hosts.iter().map(|it| it.as_str()).collect();
            hosts.sort_unstable();
            for path in route.paths() {
                let path = path.map(PathPattern::as_str);
                if let Some((.., first)) = seen.iter().find(|it| it.0 == hosts && it.1 == path) {
                    check.report(
                        Diagnostic::error("two routes match the same requests")
                            .at(route.span, "never asked")
                            .also(*first, "matches them, too"),
                    );
                }
                seen.push((hosts.clone(), path, route.span));
            }
        }
    }
}
