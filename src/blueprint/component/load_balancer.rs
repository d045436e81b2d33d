//! `loadBalancers`: application load balancers with their listeners, targets and health checks.

use std::collections::BTreeMap;

use super::Component;
use super::certificate::Certificate;
use super::firewall::{Firewall, Scope};
use super::network::Tier;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{Cidr, HttpPath, Int, Name, Port, Seconds, SslPolicy, StatusCodes};
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
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
        /// The target of requests that no rule sends elsewhere; needed when there are several.
        pub default: Option<Spanned<Name>>,
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

    /// The target of requests that no rule sends elsewhere.
    pub fn default_target(&self) -> Option<&Name> {
        let only = || self.targets.keys().next();
        self.default.as_ref().map(|name| &name.value).or_else(only)
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
        self.check_firewall(check);
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
                Diagnostic::error("which target answers when no rule matches is not said")
                    .at(self.targets.span, format!("has {} targets", self.targets.len()))
                    .hint(format!("Set `default` to one of {}.", listed(names()))),
            ),
            Some(default) if !self.targets.contains_key(&default.value) => {
                let label = match did_you_mean(default.as_str(), names()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("the targets are {}", listed(names())),
                };
                check.report(
                    Diagnostic::error(format!("no target is called `{default}`"))
                        .at(default.span, label),
                );
            }
            None | Some(_) => {}
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

    fn check_firewall(&self, check: &mut Check<'_>) {
        let Some(link) = &self.firewall else { return };
        let firewall = check.blueprint.firewalls.get(&link.name);
        if let Some(firewall) = firewall.filter(|it| it.scope.value != Scope::Regional) {
            let scope = firewall.scope;
            check.report(
                Diagnostic::error(format!("firewall `{link}` cannot protect a load balancer"))
                    .at(link.span, "needs a regional firewall")
                    .also(scope.span, format!("its scope is {scope}")),
            );
        }
    }
}
