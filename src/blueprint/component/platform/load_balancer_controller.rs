//! The AWS Load Balancer Controller.

use serde_json::json;

use super::{Chart, ChartSettings, marker};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::value::{Int, Name};
use crate::chart::ChartUse;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "loadBalancerController",
    repository: "https://aws.github.io/eks-charts",
    name: "aws-load-balancer-controller",
};

/// The service account of its pods.
pub(crate) const ACCOUNT: &str = "aws-load-balancer-controller";

schema! {
    /// Makes load balancers of AWS for Services and Ingresses. It finds subnets by the tags that `network` gives them,
    /// and gets the certificate of its webhooks from cert-manager.
    pub struct LoadBalancerController("a load balancer controller") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "kube-system",
        /// How many pods it has, one of which works.
        pub replicas: Int<1, 10> = "2",
        /// Whether Services of type `LoadBalancer` are its own even if they do not say so.
        pub all_services: bool = "true",
    }
}

impl LoadBalancerController {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        check.needs_network("the load balancer controller", at);
        let platform = check.blueprint.platform.as_ref();
        if platform.is_none_or(|platform| platform.cert_manager.is_none()) {
            check.report(
                Diagnostic::error("the load balancer controller needs cert-manager")
                    .at(at, "its webhooks need a certificate")
                    .hint("Add `certManager: {}` to `platform`."),
            );
        }
        check.platform_role(CHART.component, &self.namespace, ACCOUNT, at);
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let values = json!({
            "clusterName": blueprint.cluster_name(),
            "region": blueprint.region.as_str(),
            "vpcId": marker("network/vpc", "VpcId"),
            "replicaCount": self.replicas.get(),
            "enableServiceMutatorWebhook": self.all_services,
            // Otherwise the chart makes another certificate up whenever it is rendered.
            "enableCertManager": true,
            "serviceAccount": {"create": true, "name": ACCOUNT},
        });
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}
