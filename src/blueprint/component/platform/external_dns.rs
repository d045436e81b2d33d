//! `ExternalDNS`.

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::component::dns::Zone;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::Link;
use crate::blueprint::value::{DomainName, Name};
use crate::chart::ChartUse;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "externalDns",
    repository: "https://kubernetes-sigs.github.io/external-dns",
    name: "external-dns",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "external-dns";

schema! {
    /// Keeps records of Route 53 for what runs on the cluster.
    pub struct ExternalDns("external DNS") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "external-dns",
        /// The DNS zones whose records it keeps; all of the blueprint if none is named.
        pub zones: Vec<Spanned<Link<Zone>>>,
        /// What it does with records.
        pub policy: RecordPolicy = "upsert-only",
        /// What it keeps records for.
        pub sources: Vec<RecordSource> = "[service, ingress]",
    }
}

schema! {
    /// What is done with records.
    pub enum RecordPolicy {
        /// They are made and changed, never deleted.
        UpsertOnly = "upsert-only",
        /// They are also deleted, with what they are for.
        Sync = "sync",
    }
}

schema! {
    /// What has records.
    pub enum RecordSource {
        /// Services with an annotation.
        Service = "service",
        /// Ingresses, by their hosts.
        Ingress = "ingress",
        /// Gateways of Istio, by their hosts.
        IstioGateway = "istio-gateway",
        /// Virtual services of Istio, by their hosts.
        IstioVirtualService = "istio-virtualservice",
    }
}

impl ExternalDns {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.no_addon(CHART.component, CHART.name, at);
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
        check.has_zones("external DNS", at);
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let zones: Vec<&str> =
            blueprint.zones_of(&self.zones).into_iter().map(DomainName::as_str).collect();
        let sources: Vec<&str> = self.sources.iter().map(|it| it.as_str()).collect();
        let values = json!({
            "provider": {"name": "aws"},
            "policy": self.policy.as_str(),
            "registry": "txt",
            // Records of others are told apart by it.
            "txtOwnerId": blueprint.stack,
            "domainFilters": zones,
            "sources": sources,
            "env": [{"name": "AWS_DEFAULT_REGION", "value": blueprint.region.as_str()}],
            "serviceAccount": {"create": true, "name": ACCOUNT},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}

impl Blueprint {
    /// The zones that are named, or all that the blueprint has.
    pub(crate) fn zones_of<'a>(&'a self, named: &'a [Spanned<Link<Zone>>]) -> Vec<&'a DomainName> {
        if !named.is_empty() {
            return named.iter().map(|it| &it.name).collect();
        }
        let mut all: Vec<&DomainName> = self.dns.keys().chain(self.existing.zones.keys()).collect();
        all.sort();
        all.dedup();
        all
    }
}

impl Check<'_> {
    /// There must be zones; in a further region they are named, since all of its zones are the blueprint's.
    pub(crate) fn has_zones(&mut self, what: &str, at: Span) {
        let Blueprint { dns, existing, .. } = self.blueprint;
        if dns.is_empty() && existing.zones.is_empty() && self.is_home() {
            self.report(
                Diagnostic::error(format!("{what} needs a DNS zone"))
                    .at(at, "the blueprint has none")
                    .hint("Add one to `dns`, or to `existing.zones`."),
            );
        }
    }
}
