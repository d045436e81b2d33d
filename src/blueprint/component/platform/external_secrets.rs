//! The External Secrets Operator.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{Access, ComponentType, Reference};
use crate::blueprint::value::Name;
use crate::chart::ChartUse;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "externalSecrets",
    repository: "https://charts.external-secrets.io",
    name: "external-secrets",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "external-secrets";

schema! {
    /// Copies secrets of Secrets Manager to the cluster, and keeps the copies up to date. It may read the secrets of the
    /// blueprint and those of databases and caches that services use, and no others.
    pub struct ExternalSecrets("external secrets") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "external-secrets",
        /// What the store is called that stands for Secrets Manager.
        pub store: Spanned<Name> = "secrets-manager",
        /// The namespaces that have a store of their own; one for the whole cluster if none is named.
        pub namespaces: Vec<Spanned<Name>>,
    }
}

impl ExternalSecrets {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let values = json!({
            "installCRDs": true,
            "serviceAccount": {"create": true, "name": ACCOUNT},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }

    /// The kind of the store for those who name it in their `secretStoreRef`.
    pub fn store_kind(&self) -> &'static str {
        if self.namespaces.is_empty() { "ClusterSecretStore" } else { "SecretStore" }
    }
}

impl Blueprint {
    /// The secrets that may be copied to the cluster.
    pub(crate) fn copied_secrets(&self) -> BTreeSet<Reference> {
        let own = self.secrets.keys().chain(self.existing.secrets.keys());
        let own = own.map(|name| Reference {
            component: ComponentType::Secret,
            name: name.clone(),
            access: Some(Access::Read),
        });
        let used = self.services.values().flat_map(|service| &service.uses);
        let used = used.map(|it| &it.value).filter(|it| match it.component {
            ComponentType::Database => it.access == Some(Access::Secret),
            ComponentType::Cache => it.access == Some(Access::Connect),
            _ => false,
        });
        own.chain(used.cloned()).collect()
    }
}
