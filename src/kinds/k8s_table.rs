//! What is known of the kinds of Kubernetes' own API groups: their names in URLs, their scope, what cannot be changed, how
//! long they take. Of custom resources the API server is asked.

use crate::kind::{Field, Loss, Typical};

/// A kind of an API group of Kubernetes.
pub(super) struct BuiltIn {
    /// `group/Kind`, with an empty group for the core.
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) namespaced: bool,
}

const fn namespaced(kind: &'static str, plural: &'static str) -> BuiltIn {
    BuiltIn { kind, plural, namespaced: true }
}

const fn of_cluster(kind: &'static str, plural: &'static str) -> BuiltIn {
    BuiltIn { kind, plural, namespaced: false }
}

/// As `kubectl api-resources` lists them; sorted by kind.
const BUILT_IN: &[BuiltIn] = &[
    namespaced("/ConfigMap", "configmaps"),
    namespaced("/Endpoints", "endpoints"),
    namespaced("/LimitRange", "limitranges"),
    of_cluster("/Namespace", "namespaces"),
    of_cluster("/Node", "nodes"),
    of_cluster("/PersistentVolume", "persistentvolumes"),
    namespaced("/PersistentVolumeClaim", "persistentvolumeclaims"),
    namespaced("/Pod", "pods"),
    namespaced("/PodTemplate", "podtemplates"),
    namespaced("/ReplicationController", "replicationcontrollers"),
    namespaced("/ResourceQuota", "resourcequotas"),
    namespaced("/Secret", "secrets"),
    namespaced("/Service", "services"),
    namespaced("/ServiceAccount", "serviceaccounts"),
    of_cluster(
        "admissionregistration.k8s.io/MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    of_cluster(
        "admissionregistration.k8s.io/ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
    ),
    of_cluster(
        "admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
    ),
    of_cluster(
        "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
    of_cluster("apiextensions.k8s.io/CustomResourceDefinition", "customresourcedefinitions"),
    of_cluster("apiregistration.k8s.io/APIService", "apiservices"),
    namespaced("apps/ControllerRevision", "controllerrevisions"),
    namespaced("apps/DaemonSet", "daemonsets"),
    namespaced("apps/Deployment", "deployments"),
    namespaced("apps/ReplicaSet", "replicasets"),
    namespaced("apps/StatefulSet", "statefulsets"),
    namespaced("autoscaling/HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    namespaced("batch/CronJob", "cronjobs"),
    namespaced("batch/Job", "jobs"),
    of_cluster("certificates.k8s.io/CertificateSigningRequest", "certificatesigningrequests"),
    namespaced("coordination.k8s.io/Lease", "leases"),
    namespaced("discovery.k8s.io/EndpointSlice", "endpointslices"),
    of_cluster("flowcontrol.apiserver.k8s.io/FlowSchema", "flowschemas"),
    of_cluster(
        "flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration",
        "prioritylevelconfigurations",
    ),
    namespaced("networking.k8s.io/Ingress", "ingresses"),
    of_cluster("networking.k8s.io/IngressClass", "ingressclasses"),
    namespaced("networking.k8s.io/NetworkPolicy", "networkpolicies"),
    of_cluster("node.k8s.io/RuntimeClass", "runtimeclasses"),
    namespaced("policy/PodDisruptionBudget", "poddisruptionbudgets"),
    of_cluster("rbac.authorization.k8s.io/ClusterRole", "clusterroles"),
    of_cluster("rbac.authorization.k8s.io/ClusterRoleBinding", "clusterrolebindings"),
    namespaced("rbac.authorization.k8s.io/Role", "roles"),
    namespaced("rbac.authorization.k8s.io/RoleBinding", "rolebindings"),
    of_cluster("scheduling.k8s.io/PriorityClass", "priorityclasses"),
    of_cluster("storage.k8s.io/CSIDriver", "csidrivers"),
    of_cluster("storage.k8s.io/CSINode", "csinodes"),
    of_cluster("storage.k8s.io/StorageClass", "storageclasses"),
    of_cluster("storage.k8s.io/VolumeAttachment", "volumeattachments"),
];

/// The kind `group/Kind` of Kubernetes itself.
pub(super) fn built_in(kind: &str) -> Option<&'static BuiltIn> {
    BUILT_IN.binary_search_by(|it| it.kind.cmp(kind)).ok().map(|at| &BUILT_IN[at])
}

/// Fields that the API server does not let anybody change, as its validation says; a change of them replaces the object.
pub(super) fn immutable(kind: &str) -> &'static [&'static str] {
    match kind {
        "apps/Deployment" | "apps/DaemonSet" | "apps/ReplicaSet" => &["spec.selector"],
        "apps/StatefulSet" => &[
            "spec.selector",
            "spec.serviceName",
            "spec.podManagementPolicy",
            "spec.volumeClaimTemplates",
        ],
        "batch/Job" => &[
            "spec.selector",
            "spec.template",
            "spec.completionMode",
            "spec.completions",
            "spec.podFailurePolicy",
        ],
        "/PersistentVolumeClaim" => &[
            "spec.accessModes",
            "spec.dataSource",
            "spec.dataSourceRef",
            "spec.selector",
            "spec.storageClassName",
            "spec.volumeMode",
            "spec.volumeName",
        ],
        "/Pod" => &["spec.containers", "spec.initContainers", "spec.volumes", "spec.nodeName"],
        "/Service" => &["spec.clusterIP"],
        "/Secret" => &["type"],
        "rbac.authorization.k8s.io/RoleBinding"
        | "rbac.authorization.k8s.io/ClusterRoleBinding" => &["roleRef"],
        "storage.k8s.io/StorageClass" => {
            &["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"]
        }
        "scheduling.k8s.io/PriorityClass" => &["value", "preemptionPolicy"],
        "networking.k8s.io/IngressClass" => &["spec.controller"],
        "node.k8s.io/RuntimeClass" => &["handler"],
        "storage.k8s.io/CSIDriver" => &["spec.attachRequired", "spec.volumeLifecycleModes"],
        "apiextensions.k8s.io/CustomResourceDefinition" => {
            &["spec.group", "spec.names.kind", "spec.names.plural", "spec.scope"]
        }
        _ => &[],
    }
}

/// The field table of a kind.
pub(super) fn fields(kind: &str) -> &'static [Field] {
    let mut rows = vec![
        Field::replaces("cluster", "The cluster on which it lives.").when_ready(),
        Field::replaces("metadata.name", "Its name.").manifest(),
        Field::replaces("metadata.namespace", "Its namespace.").manifest(),
    ];
    let doc = "Cannot be changed, says the API server.";
    rows.extend(
        immutable(kind).iter().map(|path| Field::replaces(path, doc).manifest().when_ready()),
    );
    rows.push(
        Field::updates(Field::REST, "Anything else of the manifest.").manifest().when_ready(),
    );
    // For as long as the process lives, as the tables of all other kinds.
    Box::leak(rows.into_boxed_slice())
}

/// What is lost with an object.
pub(super) fn loss(kind: &str) -> Loss {
    match kind {
        "/PersistentVolume" | "/PersistentVolumeClaim" => Loss::Data,
        _ => Loss::Nothing,
    }
}

/// From asked for to working, on EKS with images that are small and nodes that are there.
pub(super) fn typical(kind: &str) -> Typical {
    match kind {
        "apps/Deployment" => Typical::seconds(30, 30, 15),
        "apps/StatefulSet" => Typical::seconds(60, 90, 30),
        "apps/DaemonSet" => Typical::seconds(20, 40, 15),
        "batch/Job" => Typical::seconds(30, 1, 5),
        "/Pod" => Typical::seconds(15, 1, 30),
        "/Namespace" => Typical::seconds(1, 1, 10),
        "networking.k8s.io/Ingress" => Typical::seconds(150, 10, 30),
        "apiextensions.k8s.io/CustomResourceDefinition" => Typical::seconds(2, 1, 5),
        "apiregistration.k8s.io/APIService" => Typical::seconds(10, 1, 1),
        _ => Typical::seconds(1, 1, 1),
    }
}

/// Whether its pods are to be gone before it counts as gone.
pub(super) fn has_pods(kind: &str) -> bool {
    kind.starts_with("apps/") || kind == "batch/Job"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(BUILT_IN.is_sorted_by(|left, right| left.kind < right.kind));
        assert_eq!(built_in("apps/Deployment").unwrap().plural, "deployments");
        assert!(built_in("example.com/Thing").is_none());
    }
}
