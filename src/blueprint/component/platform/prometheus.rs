//! Prometheus, by kube-prometheus-stack.

use serde_json::{Value, json};

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::Reference;
use crate::blueprint::value::{DomainName, Duration, Name, OrNone, Size};
use crate::chart::ChartUse;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "prometheus",
    repository: "https://prometheus-community.github.io/helm-charts",
    name: "kube-prometheus-stack",
};

/// The secret of the cluster from which Grafana has its first user, and the keys in it.
pub(crate) const ADMIN: &str = "grafana-admin";
pub(crate) const ADMIN_USER: &str = "admin-user";
pub(crate) const ADMIN_PASSWORD: &str = "admin-password";

schema! {
    /// Collects metrics of everything on the cluster, keeps them and tells alerts.
    pub struct Prometheus("Prometheus") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "monitoring",
        /// How long metrics are kept.
        pub retention: Duration = "15d",
        /// The size of the volume that keeps them; `none` keeps them for as long as the pod lives.
        pub size: OrNone<Size> = "50Gi",
        /// The storage class of the volume; that of the platform, else the default one of the cluster, if nothing is said.
        pub storage_class: Option<Spanned<Name>>,
        /// Grafana with dashboards of the cluster, if there is one.
        pub grafana: Option<Spanned<Grafana>>,
    }
}

schema! {
    /// Grafana.
    pub struct Grafana("Grafana") {
        /// The host name of an Ingress to it; without one it is reached from the cluster only.
        pub host: Option<Spanned<DomainName>>,
        /// The secret with the first user's password; one is made up if nothing is said.
        pub admin_secret: Option<Spanned<Reference>>,
    }
}

impl Prometheus {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        if self.size.as_option().is_some() {
            check.needs_volumes("Prometheus", at, ", or write `size: none`");
        }
        if let Some(grafana) = &self.grafana {
            match &grafana.admin_secret {
                Some(secret) => check.copied_secret(secret, &self.namespace),
                None => check.needs_external_secrets(grafana.span, &self.namespace),
            }
        }
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let values = json!({
            "fullnameOverride": "prometheus",
            "prometheus": {"prometheusSpec": {
                "retention": self.retention.to_string(),
                "storageSpec": self.storage(blueprint),
                // What services bring to be watched counts wherever it comes from.
                "serviceMonitorSelectorNilUsesHelmValues": false,
                "podMonitorSelectorNilUsesHelmValues": false,
                "ruleSelectorNilUsesHelmValues": false,
            }},
            // Otherwise the chart writes its settings into a secret; objects of `AlertmanagerConfig` say whom to tell.
            "alertmanager": {"alertmanagerSpec": {"useExistingSecret": true}},
            // EKS shows neither of them.
            "kubeControllerManager": {"enabled": false},
            "kubeScheduler": {"enabled": false},
            "kubeEtcd": {"enabled": false},
            "grafana": self.grafana_values(),
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }

    /// Whether the password of Grafana's first user is made up.
    pub(crate) fn makes_up_password(&self) -> bool {
        self.grafana.as_ref().is_some_and(|it| it.admin_secret.is_none())
    }

    fn storage(&self, blueprint: &Blueprint) -> Value {
        let Some(size) = self.size.as_option() else { return json!({}) };
        let platform = blueprint.platform.as_ref().and_then(|it| it.storage_class.as_ref());
        let class = self.storage_class.as_ref().or_else(|| platform.map(|it| &it.name));
        let mut claim = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": size.to_string()}},
        });
        if let Some(class) = class {
            claim["storageClassName"] = json!(class.as_str());
        }
        json!({"volumeClaimTemplate": {"spec": claim}})
    }

    fn grafana_values(&self) -> Value {
        let Some(grafana) = &self.grafana else { return json!({"enabled": false}) };
        let hosts: Vec<&str> = grafana.host.iter().map(|it| it.as_str()).collect();
        json!({
            "enabled": true,
            "fullnameOverride": "grafana",
            "admin": {"existingSecret": ADMIN, "userKey": ADMIN_USER, "passwordKey": ADMIN_PASSWORD},
            "ingress": {"enabled": !hosts.is_empty(), "hosts": hosts},
        })
    }
}
