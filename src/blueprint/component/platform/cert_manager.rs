//! cert-manager.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::component::dns::Zone;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::Link;
use crate::blueprint::value::{EmailAddress, Name};
use crate::chart::ChartUse;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "certManager",
    repository: "https://charts.jetstack.io",
    name: "cert-manager",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "cert-manager";

schema! {
    /// Issues TLS certificates to what runs on the cluster, and renews them.
    pub struct CertManager("cert-manager") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "cert-manager",
        /// The authorities that issue certificates for the whole cluster, each under the name of its `ClusterIssuer`.
        pub issuers: BTreeMap<Name, Spanned<Issuer>>,
    }
}

schema! {
    /// Let's Encrypt, which is shown by records of Route 53 that a domain is ours.
    pub struct Issuer("an issuer") {
        /// Who is told of certificates that end.
        pub email: Spanned<EmailAddress>,
        /// Which of its servers.
        pub server: AcmeServer = "production",
        /// The DNS zones for whose names it issues; all of the blueprint if none is named.
        pub zones: Vec<Spanned<Link<Zone>>>,
    }
}

schema! {
    /// A server of Let's Encrypt.
    pub enum AcmeServer {
        /// Certificates that browsers trust, few of them a week.
        Production = "production",
        /// Certificates to try with.
        Staging = "staging",
    }
}

impl AcmeServer {
    pub fn url(self) -> &'static str {
        match self {
            Self::Production => "https://acme-v02.api.letsencrypt.org/directory",
            Self::Staging => "https://acme-staging-v02.api.letsencrypt.org/directory",
        }
    }
}

impl CertManager {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.no_addon(CHART.component, CHART.name, at);
        if self.issuers.is_empty() {
            return;
        }
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
        for issuer in self.issuers.values() {
            check.has_zones("an issuer", issuer.span);
            for zone in &issuer.zones {
                let found = check.zone(&zone.name);
                if let Some(private) = found.map(|it| &it.private).filter(|it| it.value) {
                    check.report(
                        Diagnostic::error(format!("zone `{zone}` is private"))
                            .at(zone.span, "Let's Encrypt cannot see its records")
                            .also(private.span, "private"),
                    );
                }
            }
        }
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let values = json!({
            "crds": {"enabled": true, "keep": false},
            // Whoever needs it waits until it works.
            "startupapicheck": {"enabled": false},
            "serviceAccount": {"create": true, "name": ACCOUNT},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}
