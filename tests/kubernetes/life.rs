//! What a graph says is made, once, in order; what it says no more goes, and nothing else.

use http::Method;
use platctl::address::Address;
use platctl::plan::{Intent, Origin, plan};
use serde_json::{Value, json};

use super::{CLUSTER, Play, all_sorts, ordered, plan_lines};
use crate::support::{REGION, with_sandbox};

#[test]
fn every_sort_of_object_lives_on_a_cluster_of_the_same_plan() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let graph = ordered(&play, &all_sorts());
        let plan = play.stack.apply(&graph).await;
        let made = plan.changes.values().filter(|it| it.is_change()).count();
        let of_cluster = if play.real.is_some() { 0 } else { 5 };
        assert_eq!(made, all_sorts().len() + of_cluster);
        // The cluster goes last, with nothing on it.
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn a_change_sends_what_differs_and_an_immutable_field_replaces() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let mut objects = all_sorts();
        play.stack.apply(&ordered(&play, &objects)).await;
        for (address, _, manifest) in &mut objects {
            match *address {
                "k8s/config" => manifest["data"] = json!({"b": "2"}),
                "k8s/deployment" => {
                    manifest["spec"]["template"]["spec"]["containers"][0]["image"] =
                        json!("registry.example.com/api:2");
                }
                "k8s/binding" => manifest["roleRef"]["name"] = json!("other"),
                "k8s/job" => {
                    manifest["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["x"]);
                }
                _ => {}
            }
        }
        let graph = ordered(&play, &objects);
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        let expected = [
            "∓ k8s/binding roleRef.name",
            "~ k8s/config data.EMPTY data.a data.b",
            "~ k8s/deployment spec.template.spec.containers[main].image",
            "∓ k8s/job spec.template.spec.containers[main].args",
        ];
        assert_eq!(plan_lines(&plan), expected);
        play.stack.apply(&graph).await;
        let path = "/api/v1/namespaces/shop/configmaps/api";
        let live = play.others("x", Method::GET, path, None).await;
        assert_eq!(live["data"], json!({"b": "2"}), "what is said no more is gone");
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn an_object_of_others_is_a_conflict_and_stays() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        play.stack.apply(&play.graph(&[])).await;
        let path = "/api/v1/namespaces/default/configmaps/theirs?fieldValidation=Strict";
        let theirs = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "theirs"}, "data": {"a": "1"}});
        let create = path.replace("/theirs", "");
        play.others("helm", Method::POST, &create, Some(theirs)).await;
        let ours =
            json!({"metadata": {"name": "theirs", "namespace": "default"}, "data": {"a": "2"}});
        let graph = play.graph(&[("k8s/config", "v1/ConfigMap", ours)]);
        let (state, observation) = (play.stack.state(), play.stack.observe(&graph).await);
        let origin = Origin { intent: Intent::Apply, region: REGION, blueprint: "test" };
        let plan = plan(&graph, &state, &observation, origin);
        let [conflict] = &plan.conflicts[..] else { panic!("{:?}", plan.conflicts) };
        assert_eq!(conflict.id.as_str(), format!("{}|default|theirs", play.cluster()));
        assert_eq!(conflict.owner, None);
        play.stack.destroy(&play.graph(&[])).await;
    });
}

/// An unchanged plan costs one list of each kind, however many objects there are.
#[test]
fn five_hundred_objects_are_read_by_a_list_of_each_kind() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let names: Vec<String> = (0..500).map(|number| format!("k8s/config-{number}")).collect();
        let mut objects: Vec<(&str, &str, Value)> = all_sorts();
        for name in &names {
            let metadata = json!({"name": name.trim_start_matches("k8s/"), "namespace": "shop"});
            objects.push((
                name,
                "v1/ConfigMap",
                json!({"metadata": metadata, "data": {"a": name}}),
            ));
        }
        let graph = ordered(&play, &objects);
        play.stack.apply(&graph).await;
        let before = play.stack.aws.calls().snapshot();
        let plan = play.stack.plan(&graph, Intent::Apply).await;
        assert!(plan.is_empty());
        let calls = play.calls_since(&before);
        // The list of config maps has two pages; what a custom kind is called in URLs is known from before.
        let kinds = all_sorts().len() as u64;
        assert_eq!(calls.values().sum::<u64>(), kinds + 1, "{calls:#?}");
        assert_eq!(calls["ListConfigMap"], 2);
        assert!(calls.keys().all(|action| action.starts_with("List")), "{calls:#?}");
        play.stack.destroy(&graph).await;
    });
}

#[test]
fn what_was_on_a_cluster_that_is_gone_is_gone() {
    with_sandbox(|server| async move {
        let play = Play::on_eks(&server).await;
        let config = json!({"metadata": {"name": "a", "namespace": "default"}, "data": {"a": "1"}});
        let graph = play.graph(&[("k8s/config", "v1/ConfigMap", config)]);
        play.stack.apply(&graph).await;
        let cx = play.stack.aws.region(REGION);
        cx.eks.delete_cluster().name(CLUSTER).send().await.unwrap();
        while cx.describe_cluster(CLUSTER).await.unwrap().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        cx.forget_cluster(CLUSTER);
        let observed = play.stack.observe(&graph).await;
        let config: Address = "k8s/config".parse().unwrap();
        assert!(!observed.contains(&config));
        // It is made again with the cluster.
        play.stack.apply(&graph).await;
        play.stack.destroy(&graph).await;
    });
}
