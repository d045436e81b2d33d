//! The API of Kubernetes as clients meet it: the stand-in of the sandbox, and with `KUBEBUILDER_ASSETS` a real API server.

mod controllers;
mod details;
mod kubectl;
mod world;

use futures::StreamExt as _;
use kube::api::{
    DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions, WatchEvent,
    WatchParams,
};
use serde_json::{Value, json};

use crate::support::api_server::ApiServer;
use world::{eventually, json_of, object, refusal};

fn apply() -> PatchParams {
    PatchParams::apply("platctl")
}

fn config_map(data: &Value) -> Patch<Value> {
    Patch::Apply(
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}),
    )
}

fn deployment(image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [
            {"name": "web", "image": image, "ports": [{"containerPort": 80}], "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}},
        ]}},
    }})
}

#[tokio::test]
#[expect(clippy::print_stdout, reason = "what is not tried is told, with `--nocapture`")]
async fn there_is_a_version_and_everything_is_discovered() {
    let world = ApiServer::any().await;
    assert_eq!(world.client.apiserver_version().await.unwrap().major, "1");
    let mut discoveries = vec![kube::Discovery::new(world.client.clone()).run().await.unwrap()];
    if world.minor().await >= 26 {
        let all = kube::Discovery::new(world.client.clone()).run_aggregated().await.unwrap();
        discoveries.push(all);
    } else {
        println!("not tried: everything in one document, which came with 1.26");
    }
    let autoscaler = world.served("autoscaling/v2/HorizontalPodAutoscaler").await;
    let autoscaling = autoscaler.split('/').nth(1).unwrap();
    for discovery in discoveries {
        for (group, version, kind, plural) in [
            ("", "v1", "Namespace", "namespaces"),
            ("apps", "v1", "Deployment", "deployments"),
            ("autoscaling", autoscaling, "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
            ("networking.k8s.io", "v1", "Ingress", "ingresses"),
            ("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions"),
        ] {
            let kind = kube::api::GroupVersionKind::gvk(group, version, kind);
            let (resource, capabilities) = discovery.resolve_gvk(&kind).unwrap();
            assert_eq!(resource.plural, plural);
            let in_namespaces = capabilities.scope == kube::discovery::Scope::Namespaced;
            assert_eq!(
                in_namespaces,
                !["namespaces", "customresourcedefinitions"].contains(&plural)
            );
        }
    }
}

#[tokio::test]
async fn an_apply_owns_its_fields_and_an_unchanged_one_changes_nothing() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    let first =
        maps.patch("settings", &apply(), &config_map(&json!({"a": "1", "b": "2"}))).await.unwrap();
    let again =
        maps.patch("settings", &apply(), &config_map(&json!({"a": "1", "b": "2"}))).await.unwrap();
    assert_eq!(json_of(&first), json_of(&again));
    let managers = first.metadata.managed_fields.clone().unwrap();
    assert_eq!(managers.len(), 1);
    assert_eq!(
        serde_json::to_value(&managers[0].fields_v1).unwrap(),
        json!({"f:data": {"f:a": {}, "f:b": {}}})
    );
    let less = maps.patch("settings", &apply(), &config_map(&json!({"a": "1"}))).await.unwrap();
    assert_eq!(less.data["data"], json!({"a": "1"}));
    let dry = PatchParams { dry_run: true, ..apply() };
    let dry = maps.patch("settings", &dry, &config_map(&json!({"a": "9"}))).await.unwrap();
    assert_eq!(dry.data["data"], json!({"a": "9"}));
    assert_eq!(maps.get("settings").await.unwrap().data["data"], json!({"a": "1"}));
}

#[tokio::test]
async fn who_applies_what_another_manages_is_refused_or_forces_it() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    maps.patch("settings", &apply(), &config_map(&json!({"a": "1"}))).await.unwrap();
    let other = PatchParams::apply("other");
    let refused = maps.patch("settings", &other, &config_map(&json!({"a": "2"}))).await;
    let (code, reason, message) = refusal(refused);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(message, "Apply failed with 1 conflict: conflict with \"platctl\": .data.a");
    let shared = maps.patch("settings", &other, &config_map(&json!({"a": "1"}))).await.unwrap();
    assert_eq!(shared.metadata.managed_fields.unwrap().len(), 2);
    let forced =
        maps.patch("settings", &other.force(), &config_map(&json!({"a": "2"}))).await.unwrap();
    assert_eq!(forced.metadata.managed_fields.unwrap().len(), 1, "platctl has nothing left");
}

#[tokio::test]
async fn objects_are_completed_and_their_defaults_are_nobodys() {
    let world = ApiServer::any().await;
    let deployments = world.namespaced("apps/v1", "Deployment", "deployments", "default");
    let made =
        deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:1"))).await.unwrap();
    let spec = &made.data["spec"];
    assert_eq!(spec["progressDeadlineSeconds"], 600);
    assert_eq!(
        spec["strategy"]["rollingUpdate"],
        json!({"maxSurge": "25%", "maxUnavailable": "25%"})
    );
    let container = &spec["template"]["spec"]["containers"][0];
    assert_eq!(container["imagePullPolicy"], "IfNotPresent");
    assert_eq!(container["ports"], json!([{"containerPort": 80, "protocol": "TCP"}]));
    assert_eq!(container["resources"]["limits"], json!({"cpu": "1", "memory": "1Gi"}));
    let managers = made.metadata.managed_fields.unwrap();
    let mine = managers.iter().find(|it| it.manager.as_deref() == Some("platctl")).unwrap();
    assert_eq!(
        serde_json::to_value(&mine.fields_v1).unwrap(),
        json!({"f:spec": {
            "f:replicas": {}, "f:selector": {},
            "f:template": {"f:metadata": {"f:labels": {"f:app": {}}}, "f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {
                ".": {}, "f:name": {}, "f:image": {},
                "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}},
                "f:resources": {"f:limits": {"f:cpu": {}, "f:memory": {}}},
            }}}},
        }})
    );
    assert_eq!(made.metadata.generation, Some(1));
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    let labelled =
        deployments.patch("web", &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(1), "labels are no part of the spec");
    let changed =
        deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:2"))).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
}

#[tokio::test]
async fn an_extra_element_of_a_list_survives_an_apply_by_its_key() {
    let world = ApiServer::any().await;
    let deployments = world.namespaced("apps/v1", "Deployment", "deployments", "default");
    deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:1"))).await.unwrap();
    let sidecar = json!({"spec": {"template": {"spec": {"containers": [{"name": "proxy", "image": "envoy:1"}]}}}});
    let injected = PatchParams { field_manager: Some("injector".into()), ..PatchParams::default() };
    deployments.patch("web", &injected, &Patch::Strategic(sidecar)).await.unwrap();
    let after =
        deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:2"))).await.unwrap();
    let containers = after.data["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let mut images: Vec<_> = containers.iter().map(|it| it["image"].as_str().unwrap()).collect();
    images.sort_unstable();
    assert_eq!(images, ["envoy:1", "nginx:2"]);
}

#[tokio::test]
async fn what_is_wrong_is_told_as_a_status() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    let maps = &maps;
    let create =
        |json: Value| async move { maps.create(&PostParams::default(), &object(json)).await };
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"a": "1"}, "immutable": true});
    let made = create(map.clone()).await.unwrap();
    assert_eq!(
        refusal(create(map.clone()).await),
        (409, "AlreadyExists".into(), r#"configmaps "a" already exists"#.into())
    );
    assert_eq!(
        refusal(maps.get("b").await),
        (404, "NotFound".into(), r#"configmaps "b" not found"#.into())
    );
    let mut stale = made.clone();
    stale.metadata.resource_version = Some("1".into());
    let (code, reason, message) = refusal(maps.replace("a", &PostParams::default(), &stale).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert!(
        message.starts_with(
            r#"Operation cannot be fulfilled on configmaps "a": the object has been modified"#
        ),
        "{message}"
    );
    let changed = Patch::Merge(json!({"data": {"a": "2"}}));
    let (code, _, message) = refusal(maps.patch("a", &PatchParams::default(), &changed).await);
    assert_eq!(
        (code, message.as_str()),
        (
            422,
            r#"ConfigMap "a" is invalid: data: Forbidden: field is immutable when `immutable` is set"#
        )
    );
    let (code, reason, _) = refusal(
        create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "A_b"}})).await,
    );
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    let nowhere = world.namespaced("v1", "ConfigMap", "configmaps", "nowhere");
    let (code, _, message) = refusal(nowhere.create(&PostParams::default(), &object(map)).await);
    assert_eq!((code, message.as_str()), (404, r#"namespaces "nowhere" not found"#));
    let unknown = world.namespaced("shop.example/v1", "Order", "orders", "default");
    assert_eq!(refusal(unknown.get("a").await).0, 404);

    let deployments = world.namespaced("apps/v1", "Deployment", "deployments", "default");
    deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:1"))).await.unwrap();
    let mut other = deployment("nginx:1");
    other["spec"]["selector"]["matchLabels"] = json!({"app": "x"});
    other["spec"]["template"]["metadata"]["labels"] = json!({"app": "x"});
    let (code, _, message) =
        refusal(deployments.patch("web", &apply(), &Patch::Apply(other)).await);
    assert_eq!(code, 422);
    assert!(
        message.contains("spec.selector: Invalid value: ")
            && message.ends_with("field is immutable"),
        "{message}"
    );
    let mut twice = deployment("nginx:1");
    let web = twice["spec"]["template"]["spec"]["containers"][0].clone();
    twice["spec"]["template"]["spec"]["containers"] = json!([web, web]);
    let (_, _, message) = refusal(deployments.patch("web", &apply(), &Patch::Apply(twice)).await);
    let expected = r#".spec.template.spec.containers: duplicate entries for key [name="web"]"#;
    assert!(message.ends_with(expected), "{message}");
    let strange = Patch::Apply(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"colour": "red"}}),
    );
    let (code, _, message) = refusal(deployments.patch("web", &apply(), &strange).await);
    assert_eq!(code, 500);
    assert!(message.ends_with(".spec.colour: field not declared in schema"), "{message}");
}

#[tokio::test]
async fn lists_are_selected_and_paged() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "kube-public");
    for n in 0..5 {
        let parity = if n % 2 == 0 { "even" } else { "odd" };
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("m{n}"), "labels": {"parity": parity, "of": "test"}}});
        maps.create(&PostParams::default(), &object(map)).await.unwrap();
    }
    let names = |params: ListParams| {
        let maps = maps.clone();
        async move {
            let list = maps.list(&params).await.unwrap();
            let names: Vec<String> =
                list.items.iter().map(|it| it.metadata.name.clone().unwrap()).collect();
            (names, list.metadata.continue_, list.metadata.remaining_item_count)
        }
    };
    let all = ListParams::default();
    assert_eq!(names(all.clone().labels("parity=even")).await.0, ["m0", "m2", "m4"]);
    assert_eq!(names(all.clone().labels("of,parity notin (even)")).await.0, ["m1", "m3"]);
    assert_eq!(names(all.clone().fields("metadata.name=m3")).await.0, ["m3"]);
    let (mut found, mut token) = (Vec::new(), None::<String>);
    loop {
        let mut page = all.clone().labels("of=test").limit(2);
        page.continue_token = token.clone();
        let (names, next, _) = names(page).await;
        assert!(names.len() <= 2);
        found.extend(names);
        token = next.filter(|it| !it.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, ["m0", "m1", "m2", "m3", "m4"]);
    let everywhere = world.of_cluster("v1", "ConfigMap", "configmaps");
    assert_eq!(everywhere.list(&all.labels("of=test")).await.unwrap().items.len(), 5);
}

#[tokio::test]
async fn changes_are_watched_from_a_version_on() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    let from = maps.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = Box::pin(
        maps.watch(&WatchParams::default().fields("metadata.name=settings"), &from).await.unwrap(),
    );
    maps.patch("settings", &apply(), &config_map(&json!({"a": "1"}))).await.unwrap();
    maps.patch("settings", &apply(), &config_map(&json!({"a": "2"}))).await.unwrap();
    maps.delete("settings", &DeleteParams::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        match events.next().await.unwrap().unwrap() {
            WatchEvent::Added(it) => seen.push(format!("added {}", it.data["data"]["a"])),
            WatchEvent::Modified(it) => seen.push(format!("modified {}", it.data["data"]["a"])),
            WatchEvent::Deleted(it) => seen.push(format!("deleted {}", it.data["data"]["a"])),
            WatchEvent::Bookmark(_) => {}
            WatchEvent::Error(status) => panic!("{status:?}"),
        }
    }
    assert_eq!(seen, ["added \"1\"", "modified \"2\"", "deleted \"2\""]);
}

#[tokio::test]
async fn a_definition_makes_an_api_that_holds_to_its_schema() {
    let world = ApiServer::any().await;
    let definitions = world.of_cluster(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    let schema = json!({"type": "object", "properties": {
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "minimum": 1},
            "mode": {"type": "string", "enum": ["fast", "slow"], "default": "fast"},
            "ports": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "port": {"type": "integer"}}}},
        }},
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
    }});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "orders.shop.example"},
        "spec": {"group": "shop.example", "scope": "Namespaced", "names": {"kind": "Order", "plural": "orders"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}, "subresources": {"status": {}}}]},
    });
    definitions.patch("orders.shop.example", &apply(), &Patch::Apply(definition)).await.unwrap();
    eventually("the definition's establishment", || async {
        let definition = definitions.get("orders.shop.example").await.unwrap();
        let conditions =
            definition.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
        conditions
            .iter()
            .any(|it| it["type"] == "Established" && it["status"] == "True")
            .then_some(())
    })
    .await;
    let orders = world.namespaced("shop.example/v1", "Order", "orders", "default");
    let order = |spec: Value| {
        Patch::Apply(
            json!({"apiVersion": "shop.example/v1", "kind": "Order", "metadata": {"name": "first"}, "spec": spec}),
        )
    };
    let made = eventually("the API", || async {
        let good = order(json!({"size": 1, "ports": [{"name": "a", "port": 1}]}));
        orders.patch("first", &apply(), &good).await.ok()
    })
    .await;
    assert_eq!(
        made.data["spec"],
        json!({"size": 1, "mode": "fast", "ports": [{"name": "a", "port": 1}]})
    );
    let managers = made.metadata.managed_fields.unwrap();
    assert_eq!(
        serde_json::to_value(&managers[0].fields_v1).unwrap(),
        json!({"f:spec": {"f:size": {}, "f:ports": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}, "f:port": {}}}}})
    );
    let bad = order(json!({"size": 0, "ports": [{"name": "a", "port": 1}]}));
    let (code, reason, message) = refusal(orders.patch("first", &apply(), &bad).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(
        message,
        r#"Order.shop.example "first" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"#
    );
    let status = json!({"apiVersion": "shop.example/v1", "kind": "Order", "status": {"phase": "Done"}, "spec": {"size": 9}});
    let told =
        orders.patch_status("first", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    assert_eq!(
        (&told.data["status"]["phase"], &told.data["spec"]["size"]),
        (&json!("Done"), &json!(1))
    );
    assert_eq!(told.metadata.generation, Some(1));
    let strategic = Patch::Strategic(json!({"spec": {"size": 2}}));
    assert_eq!(refusal(orders.patch("first", &PatchParams::default(), &strategic).await).0, 415);

    definitions.delete("orders.shop.example", &DeleteParams::default()).await.unwrap();
    eventually("the definition's end", || async {
        definitions.get_opt("orders.shop.example").await.unwrap().is_none().then_some(())
    })
    .await;
    eventually("the API's end", || async { orders.get("first").await.err() }).await;
}

#[tokio::test]
async fn finalizers_hold_what_is_deleted() {
    let world = ApiServer::any().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["shop.example/wait"]}});
    let made = maps.create(&PostParams::default(), &object(map)).await.unwrap();
    let wrong = DeleteParams::default()
        .preconditions(Preconditions { uid: Some("other".into()), resource_version: None });
    assert_eq!(refusal(maps.delete("held", &wrong).await).0, 409);
    let right = DeleteParams::default()
        .preconditions(Preconditions { uid: made.metadata.uid.clone(), resource_version: None });
    maps.delete("held", &right).await.unwrap();
    assert!(maps.get("held").await.unwrap().metadata.deletion_timestamp.is_some());
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &free).await.unwrap();
    assert!(maps.get_opt("held").await.unwrap().is_none());
}
