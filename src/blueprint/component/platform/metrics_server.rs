//! The metrics server.

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::value::{Int, Name};
use crate::chart::ChartUse;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "metricsServer",
    repository: "https://kubernetes-sigs.github.io/metrics-server",
    name: "metrics-server",
};

schema! {
    /// The metrics server, by whose figures pods are scaled.
    pub struct MetricsServer("a metrics server") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "kube-system",
        /// How many pods it has.
        pub replicas: Int<1, 10> = "2",
    }
}

impl MetricsServer {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.no_addon(CHART.component, CHART.name, at);
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let replicas = self.replicas.get();
        let values = json!({
            "replicas": replicas,
            "podDisruptionBudget": {"enabled": replicas > 1, "minAvailable": 1},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}
