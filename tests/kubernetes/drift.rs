//! What others change is found exactly and healed exactly; what autoscalers and controllers do makes no noise.

use http::Method;
use platctl::plan::Intent;
use serde_json::{Value, json};

use super::{Play, all_sorts, ordered, plan_lines};
use crate::support::with_sandbox;

/// Where the objects are, and an edit of a field of each: address, path, merge patch, the path that differs.
fn edits(play: &Play) -> Vec<(&'static str, String, Value, &'static str)> {
    let at = |kind: &str, object: &str| play.path(kind, object);
    let image = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "main", "image": "registry.example.com/api:9", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "MODE", "value": "fast"}], "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    }]}}}});
    let of_image = "spec.template.spec.containers[main].image";
    vec![
        (
            "k8s/quota",
            at("v1/ResourceQuota", "resourcequotas/all"),
            json!({"spec": {"hard": {"pods": "5"}}}),
            "spec.hard.pods",
        ),
        (
            "k8s/limits",
            at("v1/LimitRange", "limitranges/all"),
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "2"}}]}}),
            // What is limited is requested, says the server.
            "spec.limits[Container].default.cpu spec.limits[Container].defaultRequest",
        ),
        ("k8s/config", at("v1/ConfigMap", "configmaps/api"), json!({"data": {"a": "9"}}), "data.a"),
        (
            "k8s/role",
            at("rbac.authorization.k8s.io/v1/Role", "roles/api"),
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}),
            "rules[0].verbs",
        ),
        ("k8s/deployment", at("apps/v1/Deployment", "deployments/api"), image.clone(), of_image),
        (
            "k8s/stateful-set",
            at("apps/v1/StatefulSet", "statefulsets/store"),
            image.clone(),
            of_image,
        ),
        ("k8s/daemon-set", at("apps/v1/DaemonSet", "daemonsets/agent"), image, of_image),
        (
            "k8s/cron-job",
            at("batch/v1/CronJob", "cronjobs/nightly"),
            json!({"spec": {"schedule": "0 4 * * *"}}),
            "spec.schedule",
        ),
        (
            "k8s/service",
            at("v1/Service", "services/api"),
            json!({"spec": {"selector": {"app": "other"}}}),
            "spec.selector.app",
        ),
        (
            "k8s/scale",
            at("autoscaling/v2/HorizontalPodAutoscaler", "horizontalpodautoscalers/api"),
            json!({"spec": {"maxReplicas": 50}}),
            "spec.maxReplicas",
        ),
        (
            "k8s/disruption",
            at("policy/v1/PodDisruptionBudget", "poddisruptionbudgets/api"),
            json!({"spec": {"maxUnavailable": 2}}),
            "spec.maxUnavailable",
        ),
        (
            "k8s/policy",
            at("networking.k8s.io/v1/NetworkPolicy", "networkpolicies/api"),
            json!({"spec": {"policyTypes": ["Ingress", "Egress"]}}),
            "spec.policyTypes",
        ),
        (
            "k8s/thing",
            at("example.com/v1/Thing", "things/a"),
            json!({"spec": {"size": 9}}),
            "spec.size",
        ),
    ]
}

#[test]
fn an_edit_of_each_sort_of_object_is_found_alone_and_healed() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let graph = ordered(&play, &all_sorts());
        play.stack.apply(&graph).await;
        for (address, path, patch, differs) in edits(&play) {
            play.edit(&path, patch).await;
            let plan = play.stack.plan(&graph, Intent::Apply).await;
            assert_eq!(plan_lines(&plan), [format!("~ {address} {differs}")], "{address}");
            play.stack.apply(&graph).await;
        }
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn what_others_add_is_found_alone_and_taken_away() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let graph = ordered(&play, &all_sorts());
        play.stack.apply(&graph).await;
        let deployment = "/apis/apps/v1/namespaces/shop/deployments/api";
        for (_, path, ..) in edits(&play) {
            play.edit(&path, json!({"metadata": {"labels": {"theirs": "x"}}})).await;
        }
        let ports =
            json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "more", "port": 81}]);
        play.edit("/api/v1/namespaces/shop/services/api", json!({"spec": {"ports": ports}})).await;
        play.edit(deployment, json!({"metadata": {"annotations": {"note": "y"}}})).await;
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        let mut expected: Vec<String> = edits(&play)
            .iter()
            .map(|(address, ..)| match *address {
                "k8s/service" => {
                    format!("~ {address} metadata.labels.theirs spec.ports[more]")
                }
                "k8s/deployment" => {
                    format!("~ {address} metadata.annotations.note metadata.labels.theirs")
                }
                _ => format!("~ {address} metadata.labels.theirs"),
            })
            .collect();
        expected.sort();
        assert_eq!(plan_lines(&plan), expected);
        play.stack.apply(&graph).await;
        let live =
            play.others("x", Method::GET, "/api/v1/namespaces/shop/services/api", None).await;
        assert_eq!(live["spec"]["ports"].as_array().unwrap().len(), 1);
        assert_eq!(live["metadata"]["labels"].get("theirs"), None);
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn what_others_delete_is_made_again() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let graph = ordered(&play, &all_sorts());
        play.stack.apply(&graph).await;
        for (address, path, ..) in edits(&play) {
            play.others("kubectl", Method::DELETE, &path, None).await;
            let plan = play.stack.plan(&graph, Intent::Apply).await;
            assert_eq!(plan_lines(&plan), [format!("+ {address}")]);
            play.stack.apply(&graph).await;
        }
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn autoscalers_and_controllers_make_no_noise() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let graph = ordered(&play, &all_sorts());
        play.stack.apply(&graph).await;
        // The autoscaler owns the number of pods, of which the manifest says nothing.
        let path = "/apis/apps/v1/namespaces/shop/statefulsets/store";
        let scaled = json!({"spec": {"replicas": 4}});
        play.others("kube-controller-manager", Method::PATCH, path, Some(scaled)).await;
        let config = "/api/v1/namespaces/shop/configmaps/api";
        let note = json!({"metadata": {"annotations": {"controllers.example.com/seen": "1"}}});
        play.others("cainjector", Method::PATCH, config, Some(note)).await;
        let restarted = json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
        let deployment = "/apis/apps/v1/namespaces/shop/deployments/api";
        play.others("kubectl-rollout", Method::PATCH, deployment, Some(restarted)).await;
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        assert_eq!(plan_lines(&plan), [""; 0]);
        // A person who scales what the manifest says is another matter.
        play.edit(deployment, json!({"spec": {"replicas": 7}})).await;
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        assert_eq!(plan_lines(&plan), ["~ k8s/deployment spec.replicas"]);
        play.stack.apply(&graph).await;
        play.stack.destroy(&graph).await;
    });
}
