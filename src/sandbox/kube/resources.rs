//! Which resources there are: the built-in ones, and what a `CustomResourceDefinition` adds.

use std::sync::{Arc, LazyLock};

use serde_json::Value;

use super::types::Type;

/// A resource of the API, in all its versions.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// Empty for the core group.
    pub(super) group: String,
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) kind: String,
    pub(super) list_kind: String,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) namespaced: bool,
    pub(super) custom: bool,
    /// The preferred one first.
    pub(super) versions: Vec<Version>,
}

#[derive(Debug, Clone)]
pub(super) struct Version {
    pub(super) name: String,
    pub(super) served: bool,
    pub(super) storage: bool,
    pub(super) of: Type,
    /// The schema of a custom resource.
    pub(super) schema: Option<Value>,
    pub(super) status: bool,
    pub(super) scale: Option<Scale>,
}

/// Where the scale of an object stands in it.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    pub(super) spec_replicas: Vec<String>,
    pub(super) status_replicas: Vec<String>,
    pub(super) selector: Option<Vec<String>>,
}

impl Resource {
    /// As messages name it: `deployments.apps`, `pods`.
    pub(super) fn id(&self) -> String {
        if self.group.is_empty() {
            self.plural.clone()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    pub(super) fn version(&self, name: &str) -> Option<&Version> {
        self.versions.iter().find(|version| version.name == name && version.served)
    }

    pub(super) fn storage(&self) -> &Version {
        let stored = self.versions.iter().find(|version| version.storage);
        stored.or(self.versions.first()).expect("a resource has a version")
    }

    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.into() } else { format!("{}/{version}", self.group) }
    }

    pub(super) fn is(&self, group: &str, plural: &str) -> bool {
        self.group == group && self.plural == plural
    }

    /// Whether `metadata.generation` counts the changes of its spec.
    pub(super) fn has_generation(&self) -> bool {
        const COUNTED: [&str; 14] = [
            "deployments",
            "statefulsets",
            "daemonsets",
            "replicasets",
            "replicationcontrollers",
            "jobs",
            "cronjobs",
            "ingresses",
            "networkpolicies",
            "poddisruptionbudgets",
            "priorityclasses",
            "customresourcedefinitions",
            "mutatingwebhookconfigurations",
            "validatingwebhookconfigurations",
        ];
        self.custom
            || COUNTED.contains(&self.plural.as_str())
            || self.plural == "ingressclasses"
            || self.plural == "pods"
    }
}

/// A built-in resource.
pub(super) fn builtin(group: &str, plural: &str) -> Option<&'static Arc<Resource>> {
    BUILTIN.iter().find(|resource| resource.is(group, plural))
}

pub(super) fn builtins() -> &'static [Arc<Resource>] {
    &BUILTIN
}

/// Group, version, plural, kind, short names, scope, subresources, and the type where its name is not the kind.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    Scope,
    &'static str,
    &'static str,
);

#[derive(Clone, Copy, PartialEq)]
enum Scope {
    Namespace,
    Cluster,
}
use Scope::{Cluster as C, Namespace as N};

/// Rows of one resource in several versions stand together, the preferred version (which is also stored) first.
const ROWS: &[Row] = &[
    ("", "v1", "configmaps", "ConfigMap", "cm", N, "", ""),
    ("", "v1", "endpoints", "Endpoints", "ep", N, "", ""),
    ("", "v1", "events", "Event", "ev", N, "", ""),
    ("", "v1", "limitranges", "LimitRange", "limits", N, "", ""),
    ("", "v1", "namespaces", "Namespace", "ns", C, "status", ""),
    ("", "v1", "nodes", "Node", "no", C, "status", ""),
    ("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", N, "status", ""),
    ("", "v1", "persistentvolumes", "PersistentVolume", "pv", C, "status", ""),
    ("", "v1", "pods", "Pod", "po", N, "status", ""),
    ("", "v1", "podtemplates", "PodTemplate", "", N, "", ""),
    ("", "v1", "replicationcontrollers", "ReplicationController", "rc", N, "status,scale", ""),
    ("", "v1", "resourcequotas", "ResourceQuota", "quota", N, "status", ""),
    ("", "v1", "secrets", "Secret", "", N, "", ""),
    ("", "v1", "serviceaccounts", "ServiceAccount", "sa", N, "", ""),
    ("", "v1", "services", "Service", "svc", N, "status", ""),
    (
        "admissionregistration.k8s.io",
        "v1",
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        "",
        C,
        "",
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        "",
        C,
        "status",
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
        "ValidatingAdmissionPolicyBinding",
        "",
        C,
        "",
        "",
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        "",
        C,
        "",
        "",
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd,crds",
        C,
        "status",
        "",
    ),
    ("apiregistration.k8s.io", "v1", "apiservices", "APIService", "", C, "status", ""),
    ("apps", "v1", "daemonsets", "DaemonSet", "ds", N, "status", ""),
    ("apps", "v1", "deployments", "Deployment", "deploy", N, "status,scale", ""),
    ("apps", "v1", "replicasets", "ReplicaSet", "rs", N, "status,scale", ""),
    ("apps", "v1", "statefulsets", "StatefulSet", "sts", N, "status,scale", ""),
    (
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "hpa",
        N,
        "status",
        "autoscaling.v2.HorizontalPodAutoscaler",
    ),
    (
        "autoscaling",
        "v1",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        "hpa",
        N,
        "status",
        "autoscaling.v1.HorizontalPodAutoscaler",
    ),
    ("batch", "v1", "cronjobs", "CronJob", "cj", N, "status", ""),
    ("batch", "v1", "jobs", "Job", "", N, "status", ""),
    ("coordination.k8s.io", "v1", "leases", "Lease", "", N, "", ""),
    ("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "", N, "", ""),
    ("networking.k8s.io", "v1", "ingressclasses", "IngressClass", "", C, "", ""),
    ("networking.k8s.io", "v1", "ingresses", "Ingress", "ing", N, "status", ""),
    ("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "netpol", N, "", ""),
    ("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", "", C, "", ""),
    ("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", N, "status", ""),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", "", C, "", ""),
    ("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", "", C, "", ""),
    ("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "", N, "", ""),
    ("rbac.authorization.k8s.io", "v1", "roles", "Role", "", N, "", ""),
    ("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "pc", C, "", ""),
    ("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "", C, "", ""),
    ("storage.k8s.io", "v1", "csinodes", "CSINode", "", C, "", ""),
    ("storage.k8s.io", "v1", "storageclasses", "StorageClass", "sc", C, "", ""),
];

static BUILTIN: LazyLock<Vec<Arc<Resource>>> = LazyLock::new(|| {
    let mut all: Vec<Resource> = Vec::new();
    for &(group, version, plural, kind, short, scope, subresources, of) in ROWS {
        let split = |text: &str| -> Vec<String> {
            text.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect()
        };
        let has = |name| split(subresources).iter().any(|it| it == name);
        let known = all.iter_mut().find(|it| it.is(group, plural));
        let version = Version {
            name: version.into(),
            served: true,
            storage: known.is_none(),
            of: Type::builtin(if of.is_empty() { kind } else { of }),
            schema: None,
            status: has("status"),
            scale: has("scale").then(Scale::of_workload),
        };
        if let Some(known) = known {
            known.versions.push(version);
            continue;
        }
        all.push(Resource {
            group: group.into(),
            plural: plural.into(),
            singular: kind.to_lowercase(),
            kind: kind.into(),
            list_kind: format!("{kind}List"),
            short_names: split(short),
            categories: CATEGORY_ALL
                .contains(&plural)
                .then(|| "all".to_owned())
                .into_iter()
                .collect(),
            namespaced: scope == N,
            custom: false,
            versions: vec![version],
        });
    }
    all.into_iter().map(Arc::new).collect()
});

/// What `kubectl get all` asks for.
const CATEGORY_ALL: [&str; 10] = [
    "cronjobs",
    "daemonsets",
    "deployments",
    "horizontalpodautoscalers",
    "jobs",
    "pods",
    "replicasets",
    "replicationcontrollers",
    "services",
    "statefulsets",
];

impl Scale {
    fn of_workload() -> Self {
        let path = |text: &str| text.split('.').map(str::to_owned).collect();
        Self {
            spec_replicas: path("spec.replicas"),
            status_replicas: path("status.replicas"),
            selector: Some(path("spec.selector")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_type() {
        for resource in builtins() {
            for version in &resource.versions {
                assert!(version.of.as_struct().is_some(), "{}", resource.id());
                let has_status = version.of.as_struct().unwrap().fields.contains_key("status");
                assert!(!version.status || has_status, "{}", resource.id());
            }
        }
        assert_eq!(
            builtin("autoscaling", "horizontalpodautoscalers").unwrap().storage().name,
            "v2"
        );
    }
}
