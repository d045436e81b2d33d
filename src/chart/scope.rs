//! Which kinds stand in no namespace.

use crate::kinds::k8s_object;

/// By group and kind, of those that the table of kinds does not have: younger ones of Kubernetes, and public definitions
/// that need not be rendered together with what they define.
const CLUSTER_SCOPED: &[(&str, &[&str])] = &[
    ("", &["ComponentStatus"]),
    (
        "admissionregistration.k8s.io",
        &["MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"],
    ),
    ("cert-manager.io", &["ClusterIssuer"]),
    ("certificates.k8s.io", &["ClusterTrustBundle"]),
    ("elbv2.k8s.aws", &["IngressClassParams"]),
    ("external-secrets.io", &["ClusterExternalSecret", "ClusterPushSecret", "ClusterSecretStore"]),
    ("gateway.networking.k8s.io", &["GatewayClass"]),
    ("karpenter.k8s.aws", &["EC2NodeClass"]),
    ("karpenter.sh", &["NodeClaim", "NodePool"]),
    ("networking.k8s.io", &["IPAddress", "ServiceCIDR"]),
    ("resource.k8s.io", &["DeviceClass", "ResourceSlice"]),
    ("storage.k8s.io", &["VolumeAttributesClass"]),
];

/// Whether objects of a kind stand in namespaces, as far as that is known without its definition.
pub(super) fn is_namespaced(group: &str, kind: &str) -> bool {
    k8s_object::is_namespaced(&format!("{group}/{kind}")).unwrap_or_else(|| {
        !CLUSTER_SCOPED.iter().any(|(of, kinds)| *of == group && kinds.contains(&kind))
    })
}
