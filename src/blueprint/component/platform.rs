//! `platform`: what runs on the cluster beside the applications, each component in one line.

pub mod argo_cd;
pub mod cert_manager;
pub mod cloudwatch;
pub mod cluster_autoscaler;
pub mod external_dns;
pub mod external_secrets;
pub mod istio;
pub mod karpenter;
pub mod load_balancer_controller;
pub mod metrics_server;
pub mod offer;
pub mod prometheus;
pub mod storage_class;

use serde_json::Value;

use super::Component;
use super::cluster::POD_IDENTITY_AGENT;
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::value::{ExactVersion, Name, ServiceAccount};
use crate::blueprint::versions::{Verdict, matrix};
use crate::chart::ChartUse;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use argo_cd::ArgoCd;
use cert_manager::CertManager;
use cloudwatch::CloudWatch;
use cluster_autoscaler::ClusterAutoscaler;
use external_dns::ExternalDns;
use external_secrets::ExternalSecrets;
use istio::Istio;
use karpenter::Karpenter;
use load_balancer_controller::LoadBalancerController;
use metrics_server::MetricsServer;
use prometheus::Prometheus;
use storage_class::VolumeClass;

schema! {
    /// What runs on the cluster beside the applications. `{}` takes every default of a component.
    pub struct Platform("a platform") {
        /// Argo CD: brings what stands in Git to the cluster.
        pub argo_cd: Option<Spanned<ArgoCd>>,
        /// cert-manager: issues TLS certificates to what runs on the cluster.
        pub cert_manager: Option<Spanned<CertManager>>,
        /// The CloudWatch agent: metrics of containers and their logs.
        pub cloudwatch: Option<Spanned<CloudWatch>>,
        /// The Cluster Autoscaler: changes the sizes of node groups.
        pub cluster_autoscaler: Option<Spanned<ClusterAutoscaler>>,
        /// `ExternalDNS`: keeps records of Route 53 for Services and Ingresses.
        pub external_dns: Option<Spanned<ExternalDns>>,
        /// The External Secrets Operator: copies secrets of Secrets Manager to the cluster.
        pub external_secrets: Option<Spanned<ExternalSecrets>>,
        /// Istio, the service mesh.
        pub istio: Option<Spanned<Istio>>,
        /// Karpenter: makes nodes as pods need them.
        pub karpenter: Option<Spanned<Karpenter>>,
        /// The AWS Load Balancer Controller: makes load balancers for Services and Ingresses.
        pub load_balancer_controller: Option<Spanned<LoadBalancerController>>,
        /// The metrics server, by whose figures pods are scaled.
        pub metrics_server: Option<Spanned<MetricsServer>>,
        /// Prometheus with its operator, its alerts and, if asked for, Grafana.
        pub prometheus: Option<Spanned<Prometheus>>,
        /// A storage class of encrypted gp3 volumes, which is the default one.
        pub storage_class: Option<Spanned<VolumeClass>>,
    }
}

schema! {
    /// How the chart of a component is installed.
    pub struct ChartSettings("a chart") {
        /// The version of the chart; the newest one that runs on the cluster's version of Kubernetes if nothing is said.
        pub version: Option<Spanned<ExactVersion>>,
        /// Values of the chart, laid over those that platctl gives it.
        pub values: Option<Spanned<Value>>,
    }
}

impl Component for Platform {
    const TYPE: ComponentType = ComponentType::Platform;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a platform", at);
        self.argo_cd.iter().for_each(|it| it.check(it.span, check));
        self.cert_manager.iter().for_each(|it| it.check(it.span, check));
        self.cloudwatch.iter().for_each(|it| it.check(it.span, check));
        self.cluster_autoscaler.iter().for_each(|it| it.check(it.span, check));
        self.external_dns.iter().for_each(|it| it.check(it.span, check));
        self.external_secrets.iter().for_each(|it| it.check(it.span, check));
        self.istio.iter().for_each(|it| it.check(check));
        self.karpenter.iter().for_each(|it| it.check(it.span, check));
        self.load_balancer_controller.iter().for_each(|it| it.check(it.span, check));
        self.metrics_server.iter().for_each(|it| it.check(it.span, check));
        self.prometheus.iter().for_each(|it| it.check(it.span, check));
        self.storage_class.iter().for_each(|it| it.check(it.span, check));
    }
}

impl Platform {
    /// The charts of its components.
    pub fn charts(&self, blueprint: &Blueprint) -> Vec<ChartUse> {
        let mut charts = Vec::new();
        charts.extend(self.argo_cd.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.cert_manager.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.cluster_autoscaler.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.external_dns.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.external_secrets.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.istio.iter().flat_map(|it| it.charts(blueprint, it.span)));
        charts.extend(self.karpenter.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.load_balancer_controller.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.metrics_server.iter().map(|it| it.chart(blueprint, it.span)));
        charts.extend(self.prometheus.iter().map(|it| it.chart(blueprint, it.span)));
        charts
    }
}

impl Blueprint {
    /// The mesh, if the cluster has one.
    pub fn istio(&self) -> Option<&Spanned<Istio>> {
        self.platform.as_ref()?.istio.as_ref()
    }
}

/// The chart of a component.
pub(crate) struct Chart {
    /// The key of the component in `platform`.
    pub(crate) component: &'static str,
    pub(crate) repository: &'static str,
    /// The name of the chart, which the release has too.
    pub(crate) name: &'static str,
}

impl Chart {
    /// What is to be rendered: `values`, with those of the blueprint laid over them.
    pub(crate) fn used(
        &self,
        settings: &ChartSettings,
        namespace: &Name,
        mut values: Value,
        blueprint: &Blueprint,
        at: Span,
    ) -> ChartUse {
        if let Some(own) = &settings.values {
            lay_over(&mut values, &own.value);
        }
        let newest = || matrix().newest(self.name, blueprint.kubernetes());
        let version = settings.version.as_ref().map(|it| &it.value);
        let version = version.or_else(|| newest().map(|it| &it.version));
        ChartUse {
            name: self.name.to_owned(),
            repository: Some(self.repository.to_owned()),
            chart: self.name.to_owned(),
            version: version.map(ToString::to_string),
            namespace: namespace.to_string(),
            values,
            component: format!("platform.{}", self.component),
            span: Some(at),
        }
    }

    /// Whether the chart runs on the cluster, as far as the matrix knows.
    pub(crate) fn check(&self, settings: &ChartSettings, at: Span, check: &mut Check<'_>) {
        if let Some(values) = &settings.values
            && !values.is_object()
        {
            check.report(
                Diagnostic::error("the values of a chart are a mapping")
                    .at(values.span, "expected a mapping"),
            );
        }
        let Some(cluster) = &check.blueprint.cluster else { return };
        let kubernetes = &cluster.version;
        let chart = self.name;
        let Some(version) = &settings.version else {
            if matrix().newest(chart, Some(kubernetes.value)).is_none() {
                check.report(
                    Diagnostic::error(format!(
                        "no version of chart `{chart}` is known to run on Kubernetes {kubernetes}"
                    ))
                    .at(kubernetes.span, "too old")
                    .also(at, "asks for the chart")
                    .hint("`platctl versions` shows what runs with what. Raise the cluster's version, or say the `version` of the chart."),
                );
            }
            return;
        };
        check.runs_on_cluster(chart, &version.value, version.span);
    }
}

/// What components of the platform ask of the rest of a blueprint.
impl Check<'_> {
    /// Whether a version of a chart runs on the cluster, as far as the matrix knows.
    pub(crate) fn runs_on_cluster(&mut self, chart: &str, version: &ExactVersion, at: Span) {
        let Some(cluster) = &self.blueprint.cluster else { return };
        let kubernetes = &cluster.version;
        match matrix().judge(chart, version, kubernetes.value) {
            Verdict::Fits(_) => {}
            Verdict::Unknown => self.report(
                Diagnostic::warning(format!(
                    "platctl does not know whether chart `{chart}` {version} runs on Kubernetes {kubernetes}"
                ))
                .at(at, "not in its version matrix")
                .also(kubernetes.span, "the cluster's version")
                .hint("`platctl versions` shows what runs with what."),
            ),
            Verdict::Unfit { supported, nearest } => {
                let problem = Diagnostic::error(format!(
                    "chart `{chart}` {version} does not run on Kubernetes {kubernetes}"
                ))
                .at(
                    at,
                    match supported {
                        Some(supported) => format!("runs on {supported}"),
                        None => "older than all that platctl knows".to_owned(),
                    },
                )
                .also(kubernetes.span, "the cluster's version");
                self.report(match nearest {
                    Some(nearest) => problem.hint(format!(
                        "The nearest that does is `{}`: `platctl versions` shows all.",
                        nearest.version
                    )),
                    None => problem.hint("No version of the chart is known to run there."),
                });
            }
        }
    }

    /// The service account of a component gets a role, and must have no other one.
    pub(crate) fn platform_role(
        &mut self,
        component: &str,
        namespace: &Name,
        account: &str,
        at: Span,
    ) {
        let account = ServiceAccount { namespace: namespace.to_string(), name: account.to_owned() };
        let blueprint = self.blueprint;
        let identities = blueprint.identities.values();
        let mut accounts = identities.filter_map(|identity| identity.service_account.as_ref());
        if let Some(own) = accounts.find(|it| it.value == account) {
            self.report(
                Diagnostic::error(format!("service account `{account}` has two roles"))
                    .at(own.span, "given one here")
                    .also(at, format!("`platform.{component}` gives it the one that it needs"))
                    .hint("Take the identity out of the blueprint."),
            );
        }
        if let Some(cluster) = &blueprint.cluster
            && !cluster.has_pod_identity_agent()
        {
            self.report(
                Diagnostic::error(format!("pods of `{account}` cannot get their role"))
                    .at(at, format!("needs the add-on `{POD_IDENTITY_AGENT}`"))
                    .hint(format!("Add `{POD_IDENTITY_AGENT}: {{}}` to the cluster's `addons`.")),
            );
        }
    }

    /// What the platform brings must not come as an add-on, too.
    pub(crate) fn no_addon(&mut self, component: &str, addon: &str, at: Span) {
        let Some(cluster) = &self.blueprint.cluster else { return };
        if let Some((_, twice)) = cluster.addons.iter().find(|(name, _)| name.as_str() == addon) {
            self.report(
                Diagnostic::error(format!("`{addon}` comes to the cluster twice"))
                    .at(at, format!("brought by `platform.{component}`"))
                    .also(twice.span, "an add-on of the cluster")
                    .hint("Leave out one of them."),
            );
        }
    }

    /// Volumes need the driver that makes them.
    pub(crate) fn needs_volumes(&mut self, what: &str, at: Span, otherwise: &str) {
        let Some(cluster) = &self.blueprint.cluster else { return };
        if !cluster.addons.keys().any(|name| name.as_str() == EBS_DRIVER) {
            self.report(
                Diagnostic::error(format!("{what} needs volumes"))
                    .at(at, format!("the cluster has no add-on `{EBS_DRIVER}`"))
                    .hint(format!("Add it to the cluster's `addons`{otherwise}.")),
            );
        }
    }

    /// A secret that the External Secrets Operator copies to a namespace.
    pub(crate) fn copied_secret(&mut self, secret: &Spanned<Reference>, namespace: &Name) {
        if secret.component != ComponentType::Secret {
            self.report(
                Diagnostic::error(format!("`{secret}` is not a secret"))
                    .at(secret.span, "expected a secret, as in `secret.api`"),
            );
        }
        self.needs_external_secrets(secret.span, namespace);
    }

    pub(crate) fn needs_external_secrets(&mut self, at: Span, namespace: &Name) {
        let platform = self.blueprint.platform.as_ref();
        let Some(secrets) = platform.and_then(|platform| platform.external_secrets.as_ref()) else {
            self.report(
                Diagnostic::error("nobody copies the secret to the cluster")
                    .at(at, "needs the External Secrets Operator")
                    .hint("Add `externalSecrets: {}` to `platform`."),
            );
            return;
        };
        if !secrets.namespaces.is_empty()
            && !secrets.namespaces.iter().any(|it| it.value == *namespace)
        {
            self.report(
                Diagnostic::error(format!("namespace `{namespace}` has no secret store"))
                    .at(at, "nothing is copied there")
                    .also(secrets.span, "has stores in some namespaces only")
                    .hint(format!("Add `{namespace}` to its `namespaces`, or leave them out.")),
            );
        }
    }
}

/// The add-on that makes volumes.
const EBS_DRIVER: &str = "aws-ebs-csi-driver";

/// A text that stands in a chart's values for an output of a resource, which replaces it after rendering.
pub(crate) fn marker(address: &str, output: &str) -> String {
    format!("platctl-ref({address}.{output})")
}

/// Lays values over others, mapping by mapping.
fn lay_over(values: &mut Value, over: &Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, over) in over {
                lay_over(values.entry(key.clone()).or_insert(Value::Null), over);
            }
        }
        (values, over) => *values = over.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_laid_over_mapping_by_mapping() {
        let mut values = json!({"a": {"b": 1, "c": [1, 2]}, "d": true});
        lay_over(&mut values, &json!({"a": {"c": [3], "e": {"f": 1}}, "d": null}));
        assert_eq!(values, json!({"a": {"b": 1, "c": [3], "e": {"f": 1}}, "d": null}));
    }
}
