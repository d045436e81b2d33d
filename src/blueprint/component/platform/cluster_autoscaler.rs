//! The Cluster Autoscaler.

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::value::{Duration, Name};
use crate::blueprint::versions::matrix;
use crate::chart::ChartUse;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "clusterAutoscaler",
    repository: "https://kubernetes.github.io/autoscaler",
    name: "cluster-autoscaler",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "cluster-autoscaler";

schema! {
    /// Changes the sizes of node groups, within their bounds, as pods need it. It finds the node groups of the cluster by
    /// the tags that EKS gives them.
    pub struct ClusterAutoscaler("a cluster autoscaler") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "kube-system",
        /// Which node group grows if several could.
        pub expander: Expander = "least-waste",
        /// How long a node must be unneeded until it goes.
        pub scale_down_after: Duration = "10m",
    }
}

schema! {
    /// Which node group grows if several could.
    pub enum Expander {
        /// The one with the least left over.
        LeastWaste = "least-waste",
        /// The one on which most pods fit.
        MostPods = "most-pods",
        /// Any.
        Random = "random",
    }
}

impl ClusterAutoscaler {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        // Its minor version is that of Kubernetes.
        let release = matrix().newest(CHART.name, blueprint.kubernetes());
        let release = release.filter(|_| self.chart.version.is_none());
        let values = json!({
            "cloudProvider": "aws",
            "awsRegion": blueprint.region.as_str(),
            "autoDiscovery": {"clusterName": blueprint.cluster_name()},
            "fullnameOverride": ACCOUNT,
            "image": release.map_or(json!({}), |it| json!({"tag": it.app})),
            "rbac": {"serviceAccount": {"create": true, "name": ACCOUNT}},
            "extraArgs": {
                "balance-similar-node-groups": true,
                "expander": self.expander.as_str(),
                "scale-down-unneeded-time": self.scale_down_after.to_string(),
                "skip-nodes-with-system-pods": false,
            },
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}
