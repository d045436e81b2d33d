//! Whose the fields of a Kubernetes object are, as `metadata.managedFields` tells (`FieldsV1`).

use serde_json::{Map, Value};

/// Our field manager.
pub(super) const MANAGER: &str = "platctl";

/// Field managers of Kubernetes itself and of controllers: what they put into objects is their work, not drift.
const CONTROLLERS: &[&str] = &[
    MANAGER,
    "before-first-apply",
    "argocd-application-controller",
    "argocd-applicationset-controller",
    "argocd-controller",
    "aws-cloud-controller-manager",
    "aws-load-balancer-controller",
    "cainjector",
    "cert-manager-cainjector",
    "cloud-controller-manager",
    "cluster-autoscaler",
    "controller",
    "eks",
    "eks-pod-identity-webhook",
    "external-secrets",
    "horizontal-pod-autoscaler",
    "istiod",
    "karpenter",
    "keda",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "pilot-discovery",
    "vpa-updater",
    "vpc-resource-controller",
];
/// Notes of `kubectl` and of controllers, which change nothing.
const NOTES: &[&str] = &[
    "kubectl.kubernetes.io/",
    "deployment.kubernetes.io/",
    "deprecated.daemonset.template.generation",
    "meta.helm.sh/",
    "autoscaling.alpha.kubernetes.io/",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
];
/// Of `metadata` only these can drift: the rest is the server's or the controllers'.
const METADATA: &[&str] = &["labels", "annotations"];

/// What others put into a live object: people and their tools, not controllers.
pub(super) fn of_others(live: &Value) -> Value {
    let managed = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let theirs = managed.filter(|entry| {
        let subresource = entry["subresource"].as_str().unwrap_or_default();
        let manager = entry["manager"].as_str().unwrap_or_default();
        !CONTROLLERS.contains(&manager) && matches!(subresource, "" | "scale")
    });
    let parts = theirs.filter_map(|entry| picked(live, entry.get("fieldsV1")?));
    let mut all = parts.fold(Value::Object(Map::new()), crate::kind::manifest::merged);
    if let Some(members) = all.as_object_mut() {
        members.remove("status");
        if let Some(metadata) = members.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|name, _| METADATA.contains(&name.as_str()));
            if metadata.is_empty() {
                members.remove("metadata");
            }
        }
    }
    without_notes(&mut all);
    all
}

/// What we applied of a live object.
pub(super) fn ours(live: &Value) -> Value {
    let managed = live["metadata"]["managedFields"].as_array().into_iter().flatten();
    let ours = managed.filter(|it| it["manager"] == MANAGER && it["operation"] == "Apply");
    let parts = ours.filter_map(|entry| picked(live, entry.get("fieldsV1")?));
    parts.fold(Value::Object(Map::new()), crate::kind::manifest::merged)
}

/// The part of a live value that a set of fields names.
fn picked(live: &Value, fields: &Value) -> Option<Value> {
    let fields = fields.as_object()?;
    let names = fields.iter().filter(|(name, _)| *name != ".");
    if names.clone().next().is_none() {
        return Some(live.clone());
    }
    match live {
        Value::Object(members) => {
            let part: Map<String, Value> = names
                .filter_map(|(name, inner)| {
                    let name = name.strip_prefix("f:")?;
                    Some((name.to_owned(), picked(members.get(name)?, inner)?))
                })
                .collect();
            (!part.is_empty()).then(|| part.into())
        }
        Value::Array(items) => {
            let part: Vec<Value> = names
                .filter_map(|(name, inner)| {
                    let (sort, key) = name.split_once(':')?;
                    let key: Value = serde_json::from_str(key).ok()?;
                    match sort {
                        "v" => items.contains(&key).then_some(key),
                        "k" => {
                            let keys = key.as_object()?;
                            let has = |item: &&Value| {
                                keys.iter().all(|(name, value)| item.get(name) == Some(value))
                            };
                            let mut part = picked(items.iter().find(has)?, inner)?;
                            // An item is nothing without its keys.
                            if let Some(part) = part.as_object_mut() {
                                part.extend(keys.clone());
                            }
                            Some(part)
                        }
                        _ => None,
                    }
                })
                .collect();
            (!part.is_empty()).then_some(Value::Array(part))
        }
        // A value that was an object or a list when the fields were noted.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Some(live.clone()),
    }
}

fn without_notes(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::Object(notes)) = members.get_mut("annotations") {
                notes.retain(|name, _| !NOTES.iter().any(|note| name.starts_with(note)));
                if notes.is_empty() {
                    members.remove("annotations");
                }
            }
            members.values_mut().for_each(without_notes);
        }
        Value::Array(items) => items.iter_mut().for_each(without_notes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(managers: Value) -> Value {
        json!({
            "metadata": {
                "name": "api",
                "labels": {"app": "api", "team": "x"},
                "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}", "owner": "ann"},
                "managedFields": managers,
            },
            "spec": {"replicas": 5, "template": {"spec": {"containers": [
                {"name": "api", "image": "api:9", "ports": [
                    {"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81, "protocol": "TCP"}]},
            ]}}},
            "status": {"replicas": 5},
        })
    }

    #[test]
    fn what_people_did_is_seen() {
        let edited = json!({
            "f:metadata": {
                "f:labels": {"f:team": {}},
                "f:annotations": {"f:owner": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}},
                "f:finalizers": {"v:\"x\"": {}},
            },
            "f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"api\"}": {
                "f:image": {},
                "f:ports": {"k:{\"containerPort\":81,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
            }}}}},
        });
        let managers = json!([
            {"manager": "platctl", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": edited},
            {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status",
             "fieldsV1": {"f:status": {"f:replicas": {}}}},
        ]);
        let expected = json!({
            "metadata": {"labels": {"team": "x"}, "annotations": {"owner": "ann"}},
            "spec": {"template": {"spec": {"containers": [
                {"name": "api", "image": "api:9", "ports": [{"containerPort": 81, "protocol": "TCP"}]},
            ]}}},
        });
        assert_eq!(of_others(&live(managers)), expected);
    }

    #[test]
    fn what_autoscalers_do_is_not_but_a_person_who_scales_is() {
        let scaled = |by: &str| {
            json!([{"manager": by, "operation": "Update", "subresource": "scale",
                    "fieldsV1": {"f:spec": {"f:replicas": {}}}}])
        };
        assert_eq!(of_others(&live(scaled("kube-controller-manager"))), json!({}));
        assert_eq!(of_others(&live(scaled("kubectl"))), json!({"spec": {"replicas": 5}}));
    }
}
