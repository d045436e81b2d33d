//! Smaller things that were found by comparing the stand-in with a real server, request by request.

use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::apply;
use super::world::{json_of, object, refusal};
use crate::support::api_server::ApiServer;

/// Applies an object in the namespace `default`, or in none.
async fn applied(server: &ApiServer, kind: &str, plural: &str, mut manifest: Value) -> Value {
    let served = server.served(kind).await;
    let (version, kind) = served.rsplit_once('/').unwrap();
    manifest["apiVersion"] = json!(version);
    manifest["kind"] = json!(kind);
    let api = match manifest["metadata"]["namespace"].as_str() {
        Some(namespace) => server.namespaced(version, kind, plural, namespace),
        None => server.of_cluster(version, kind, plural),
    };
    let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
    json_of(&api.patch(&name, &apply(), &Patch::Apply(manifest)).await.unwrap())
}

fn named(name: &str) -> Value {
    json!({"name": name, "namespace": "default"})
}

#[tokio::test]
async fn what_is_left_out_is_filled_in() {
    let server = ApiServer::any().await;
    let limits =
        json!([{"type": "Container", "max": {"memory": "1Gi"}, "default": {"cpu": "1000m"}}]);
    let made = json!({"metadata": named("all"), "spec": {"limits": limits}});
    let limits = applied(&server, "v1/LimitRange", "limitranges", made).await;
    let both = json!({"cpu": "1", "memory": "1Gi"});
    assert_eq!(limits["spec"]["limits"][0]["default"], both);
    assert_eq!(limits["spec"]["limits"][0]["defaultRequest"], both);

    let spec = json!({
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 3,
        "behavior": {"scaleDown": {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}},
    });
    let made = json!({"metadata": named("web"), "spec": spec});
    let kind = "autoscaling/v2/HorizontalPodAutoscaler";
    let scaler = applied(&server, kind, "horizontalpodautoscalers", made).await;
    let metric = &scaler["spec"]["metrics"][0]["resource"];
    assert_eq!(
        *metric,
        json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}})
    );
    let behavior = &scaler["spec"]["behavior"];
    assert_eq!(behavior["scaleDown"]["selectPolicy"], "Max");
    assert_eq!(behavior["scaleUp"]["stabilizationWindowSeconds"], 0);
    assert_eq!(behavior["scaleUp"]["policies"].as_array().unwrap().len(), 2);

    let subsets = json!([{"addresses": [{"ip": "10.1.1.1"}], "ports": [{"port": 80}]}]);
    let made = json!({"metadata": named("web"), "subsets": subsets});
    let endpoints = applied(&server, "v1/Endpoints", "endpoints", made).await;
    assert_eq!(endpoints["subsets"][0]["ports"], json!([{"port": 80, "protocol": "TCP"}]));

    let made = json!({"metadata": {"name": "ebs.csi.aws.com"}, "spec": {"attachRequired": false}});
    let driver = applied(&server, "storage.k8s.io/v1/CSIDriver", "csidrivers", made).await;
    assert_eq!(driver["spec"]["attachRequired"], false);
    assert_eq!(driver["spec"]["podInfoOnMount"], false);
    assert_eq!(driver["spec"]["volumeLifecycleModes"], json!(["Persistent"]));

    let made = json!({"metadata": {"name": "data"}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/data"}}});
    let volume = applied(&server, "v1/PersistentVolume", "persistentvolumes", made).await;
    assert_eq!(volume["spec"]["hostPath"], json!({"path": "/data", "type": ""}));
    assert_eq!(volume["metadata"]["finalizers"], json!(["kubernetes.io/pv-protection"]));
    assert_eq!(volume["status"]["phase"], "Pending");

    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {
        "restartPolicy": "Never", "containers": [{"name": "x", "image": "x:1"}]}});
    let made = json!({"metadata": named("once"), "spec": {"template": template}});
    let job = applied(&server, "batch/v1/Job", "jobs", made).await;
    assert_eq!(job["metadata"]["labels"], job["spec"]["template"]["metadata"]["labels"]);

    let made = json!({"metadata": named("all"), "spec": {"hard": {"pods": "5"}}});
    let quota = applied(&server, "v1/ResourceQuota", "resourcequotas", made).await;
    assert_eq!(quota["status"], json!({}));

    let made = json!({"metadata": {"name": "high"}, "value": 1000});
    let kind = "scheduling.k8s.io/v1/PriorityClass";
    let class = applied(&server, kind, "priorityclasses", made).await;
    assert_eq!(class["metadata"]["generation"], 1);
}

#[tokio::test]
async fn requests_say_what_they_are_about() {
    let server = ApiServer::any().await;
    let maps = server.namespaced("v1", "ConfigMap", "configmaps", "default");
    let maps = &maps;
    let map = |metadata: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}});
    let patched = |patch: Patch<Value>, params: PatchParams| async move {
        refusal(maps.patch("a", &params, &patch).await)
    };
    let create = |json: Value| async move {
        refusal(maps.create(&PostParams::default(), &object(json)).await)
    };

    let nameless = Patch::Apply(map(json!({})));
    let (code, _, message) = patched(nameless, apply()).await;
    assert_eq!(code, 400);
    assert!(message.ends_with("was undeterminable: name must be provided"), "{message}");
    let (code, _, message) = patched(Patch::Apply(json!({"data": {"a": "1"}})), apply()).await;
    assert_eq!(code, 400);
    assert!(message.starts_with("Incorrect version specified in apply patch."), "{message}");
    let elsewhere = Patch::Apply(map(json!({"name": "a", "namespace": "other"})));
    let (code, _, message) = patched(elsewhere, apply()).await;
    let told =
        "the namespace of the object (other) does not match the namespace on the request (default)";
    assert_eq!((code, message.as_str()), (400, told));
    let (code, _, message) = create(map(json!({"name": "a", "namespace": "other"}))).await;
    let told =
        "the namespace of the provided object does not match the namespace sent on the request";
    assert_eq!((code, message.as_str()), (400, told));

    maps.patch("a", &apply(), &Patch::Apply(map(json!({"name": "a"})))).await.unwrap();
    let number = Patch::Merge(json!({"data": {"a": 1}}));
    let (code, reason, message) = patched(number, PatchParams::default()).await;
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert!(message.starts_with(r#" "" is invalid: patch: Invalid value: "{"#), "{message}");
    let mut twice = map(json!({"name": "b"}));
    twice["binaryData"] = json!({"a": "eA=="});
    let (code, _, message) = create(twice).await;
    assert_eq!(code, 422);
    assert!(message.ends_with("duplicate of key present in binaryData"), "{message}");
    let mut garbage = map(json!({"name": "b"}));
    garbage["binaryData"] = json!({"b": "%%"});
    let (code, _, message) = create(garbage).await;
    assert_eq!(code, 400);
    assert!(message.contains("illegal base64 data"), "{message}");
    let (code, _, message) = create(map(json!({"name": "b", "finalizers": ["wait"]}))).await;
    assert_eq!(code, 422);
    let told = "name is neither a standard finalizer name nor is it fully qualified";
    assert!(message.ends_with(told), "{message}");
    let versioned = create(map(json!({"name": "b", "resourceVersion": "1"}))).await;
    let told = "resourceVersion should not be set on objects to be created";
    assert_eq!(versioned, (500, String::new(), told.into()));

    let delete = |options: Value| {
        let request = http::Request::delete("/api/v1/namespaces/default/configmaps/a")
            .header("content-type", "application/json");
        server.ask(request.body(options.to_string().into_bytes()).unwrap())
    };
    let (code, _, message) = refusal(delete(json!({"propagationPolicy": "Wrong"})).await);
    assert_eq!(code, 422);
    assert!(message.starts_with(r#"DeleteOptions.meta.k8s.io "" is invalid"#), "{message}");
    let (code, _, message) = refusal(delete(json!({"preconditions": {"uid": "other"}})).await);
    assert_eq!(code, 409);
    assert!(message.contains("the UID in the precondition (other) does not match"), "{message}");
    let (code, _, message) =
        refusal(server.get("/api/v1/configmaps?fieldSelector=data.a%3D1").await);
    assert_eq!(code, 400);
    assert!(message.starts_with(r#""data.a" is not a known field selector"#), "{message}");
    // A group that nobody has is told without a `Status`.
    let unknown = server.get("/apis/nobody.example/v1/things").await;
    assert_eq!(refusal(unknown).0, 404);
}

/// What nobody manages is not tracked until somebody applies it.
#[tokio::test]
async fn what_nobody_manages_stays_nobodys() {
    let server = ApiServer::any().await;
    let accounts = server.namespaced("v1", "ServiceAccount", "serviceaccounts", "default");
    let bare = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}});
    accounts.patch("a", &apply(), &Patch::Apply(bare)).await.unwrap();
    let labels = Patch::Merge(json!({"metadata": {"labels": {"a": "b"}}}));
    let changed = accounts.patch("a", &PatchParams::default(), &labels).await.unwrap();
    assert_eq!(changed.metadata.managed_fields, None);
    let labelled = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "labels": {"c": "d"}}});
    let applied = accounts.patch("a", &apply(), &Patch::Apply(labelled)).await.unwrap();
    let managers = applied.metadata.managed_fields.unwrap();
    let names: Vec<_> = managers.iter().filter_map(|it| it.manager.as_deref()).collect();
    assert!(names.contains(&"before-first-apply") && names.contains(&"platctl"), "{names:?}");
}
