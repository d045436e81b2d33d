//! What others change is found exactly and healed exactly; what autoscalers and controllers do makes no noise.

use http::Method;
use platctl::plan::Intent;
use serde_json::{Value, json};

use super::{Play, all_sorts, ordered, plan_lines};
use crate::support::with_sandbox;

/// Where the objects are, and an edit of a field of each: address, path, merge patch, the path that differs.
fn edits() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    const SHOP: &str = "/api/v1/namespaces/shop";
    let shop =
        |path: &str| -> &'static str { Box::leak(format!("{SHOP}/{path}").into_boxed_str()) };
    let group = |group: &str, path: &str| -> &'static str {
        Box::leak(format!("/apis/{group}/namespaces/shop/{path}").into_boxed_str())
    };
    let image = json!({"spec": {"template": {"spec": {"containers": [{
        "name": "main", "image": "registry.example.com/api:9", "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "env": [{"name": "MODE", "value": "fast"}], "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}},
    }]}}}});
    let of_image = "spec.template.spec.containers[main].image";
    vec![
        (
            "k8s/quota",
            shop("resourcequotas/all"),
            json!({"spec": {"hard": {"pods": "5"}}}),
            "spec.hard.pods",
        ),
        (
            "k8s/limits",
            shop("limitranges/all"),
            json!({"spec": {"limits": [{"type": "Container", "default": {"cpu": "2"}}]}}),
            "spec.limits[Container].default.cpu",
        ),
        ("k8s/config", shop("configmaps/api"), json!({"data": {"a": "9"}}), "data.a"),
        (
            "k8s/role",
            group("rbac.authorization.k8s.io/v1", "roles/api"),
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}),
            "rules[0].verbs",
        ),
        ("k8s/deployment", group("apps/v1", "deployments/api"), image.clone(), of_image),
        ("k8s/stateful-set", group("apps/v1", "statefulsets/store"), image.clone(), of_image),
        ("k8s/daemon-set", group("apps/v1", "daemonsets/agent"), image, of_image),
        (
            "k8s/cron-job",
            group("batch/v1", "cronjobs/nightly"),
            json!({"spec": {"schedule": "0 4 * * *"}}),
            "spec.schedule",
        ),
        (
            "k8s/service",
            shop("services/api"),
            json!({"spec": {"selector": {"app": "other"}}}),
            "spec.selector.app",
        ),
        (
            "k8s/scale",
            group("autoscaling/v2", "horizontalpodautoscalers/api"),
            json!({"spec": {"maxReplicas": 50}}),
            "spec.maxReplicas",
        ),
        (
            "k8s/disruption",
            group("policy/v1", "poddisruptionbudgets/api"),
            json!({"spec": {"maxUnavailable": 2}}),
            "spec.maxUnavailable",
        ),
        (
            "k8s/policy",
            group("networking.k8s.io/v1", "networkpolicies/api"),
            json!({"spec": {"policyTypes": ["Ingress", "Egress"]}}),
            "spec.policyTypes",
        ),
        (
            "k8s/thing",
            group("example.com/v1", "things/a"),
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
        for (address, path, patch, differs) in edits() {
            play.edit(path, patch).await;
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
        for (_, path, ..) in edits() {
            play.edit(path, json!({"metadata": {"labels": {"theirs": "x"}}})).await;
        }
        let ports =
            json!([{"name": "http", "port": 80, "targetPort": 8080}, {"name": "more", "port": 81}]);
        play.edit("/api/v1/namespaces/shop/services/api", json!({"spec": {"ports": ports}})).await;
        play.edit(deployment, json!({"metadata": {"annotations": {"note": "y"}}})).await;
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        let mut expected: Vec<String> = edits()
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
        for (address, path, ..) in edits() {
            play.others("kubectl", Method::DELETE, path, None).await;
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
