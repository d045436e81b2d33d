//! What a whole cluster does and an API server alone does not: controllers, of the stand-in or real ones.

use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use platctl::sandbox::kube::{Options, serve};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::world::{eventually, object, refusal};
use super::{apply, deployment};
use crate::support::api_server::ApiServer;

fn condition(object: &DynamicObject, kind: &str) -> Option<String> {
    let conditions = object.data["status"]["conditions"].as_array()?;
    let found = conditions.iter().find(|it| it["type"] == kind)?;
    // Older servers give no reasons for some.
    let reason = found["reason"].as_str().unwrap_or_default();
    Some(format!("{} {reason}", found["status"].as_str()?))
}

async fn until(api: &Api<DynamicObject>, name: &str, kind: &str, wanted: &str) -> DynamicObject {
    eventually(wanted, || async {
        let object = api.get(name).await.unwrap();
        (condition(&object, kind).as_deref() == Some(wanted)).then_some(object)
    })
    .await
}

#[tokio::test]
async fn a_deployment_becomes_available_and_a_broken_one_does_not() {
    let world = ApiServer::with_controllers().await;
    let deployments = world.namespaced("apps/v1", "Deployment", "deployments", "default");
    let begun =
        deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:1"))).await.unwrap();
    // A real controller may not have seen it yet.
    let available = condition(&begun, "Available");
    assert!(available.is_none_or(|it| it == "False MinimumReplicasUnavailable"));
    let done = until(&deployments, "web", "Progressing", "True NewReplicaSetAvailable").await;
    assert_eq!(done.data["status"]["availableReplicas"], 2);
    assert_eq!(done.data["status"]["observedGeneration"], 1);
    let revision = &done.metadata.annotations.unwrap()["deployment.kubernetes.io/revision"];
    assert_eq!(revision, "1");
    let managers = done.metadata.managed_fields.unwrap();
    let mut controllers =
        managers.iter().filter(|it| it.manager.as_deref() == Some("kube-controller-manager"));
    let revised = controllers.any(|it| {
        let fields = serde_json::to_value(&it.fields_v1).unwrap();
        // Servers before 1.22 do not tell by which subresource.
        it.subresource.as_deref().is_none_or(|it| it == "status")
            && fields["f:metadata"]["f:annotations"]["f:deployment.kubernetes.io/revision"]
                .is_object()
    });
    assert!(revised, "{managers:?}");

    let mut broken = deployment("registry.example/broken:1");
    broken["spec"]["progressDeadlineSeconds"] = json!(5);
    deployments.patch("web", &apply(), &Patch::Apply(broken)).await.unwrap();
    let failed = until(&deployments, "web", "Progressing", "False ProgressDeadlineExceeded").await;
    assert_eq!(failed.metadata.generation, Some(2));
}

#[tokio::test]
async fn a_claim_is_bound() {
    let world = ApiServer::stand_in().await;
    let claims =
        world.namespaced("v1", "PersistentVolumeClaim", "persistentvolumeclaims", "default");
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "x"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}}});
    claims.patch("x", &apply(), &Patch::Apply(claim)).await.unwrap();
    eventually("the claim's binding", || async {
        (claims.get("x").await.unwrap().data["status"]["phase"] == "Bound").then_some(())
    })
    .await;
}

#[tokio::test]
async fn jobs_end_and_other_workloads_are_ready() {
    let world = ApiServer::with_controllers().await;
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "x", "image": "x:1"}]}});
    let mut once = template.clone();
    once["spec"]["restartPolicy"] = json!("Never");
    let jobs = world.namespaced("batch/v1", "Job", "jobs", "default");
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x"}, "spec": {"template": once}});
    let made = jobs.patch("x", &apply(), &Patch::Apply(job.clone())).await.unwrap();
    eventually("the job's end", || async {
        let job = jobs.get("x").await.unwrap();
        condition(&job, "Complete").filter(|it| it.starts_with("True"))
    })
    .await;
    let again = jobs.patch("x", &apply(), &Patch::Apply(job)).await.unwrap();
    let (before, after) = (made.metadata.generation, again.metadata.generation);
    assert_eq!(after, before, "labels that the server gives are no change");

    let selector = json!({"matchLabels": {"app": "x"}});
    for (kind, plural, field) in [
        ("StatefulSet", "statefulsets", "readyReplicas"),
        ("DaemonSet", "daemonsets", "numberReady"),
    ] {
        let api = world.namespaced("apps/v1", kind, plural, "default");
        let mut object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}, "spec": {"selector": selector, "template": template}});
        if kind == "StatefulSet" {
            object["spec"]["serviceName"] = json!("x");
        }
        api.patch("x", &apply(), &Patch::Apply(object)).await.unwrap();
        eventually(kind, || async {
            api.get("x").await.unwrap().data["status"][field].as_i64().filter(|it| *it > 0)
        })
        .await;
    }
}

#[tokio::test]
async fn a_namespace_goes_with_what_is_in_it_and_waits_for_finalizers() {
    let world = ApiServer::with_controllers().await;
    let namespaces = world.of_cluster("v1", "Namespace", "namespaces");
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let made = namespaces.patch("shop", &apply(), &Patch::Apply(namespace)).await.unwrap();
    assert_eq!(made.data["status"]["phase"], "Active");
    if world.minor().await >= 21 {
        assert_eq!(made.metadata.labels.unwrap()["kubernetes.io/metadata.name"], "shop");
    }
    let accounts = world.namespaced("v1", "ServiceAccount", "serviceaccounts", "shop");
    eventually("the default account", || async { accounts.get("default").await.ok() }).await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "shop");
    let map = |name: &str, finalizers: Value| {
        object(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "finalizers": finalizers}}),
        )
    };
    maps.create(&PostParams::default(), &map("free", json!([]))).await.unwrap();
    maps.create(&PostParams::default(), &map("held", json!(["shop.example/wait"]))).await.unwrap();
    namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
    assert_eq!(namespaces.get("shop").await.unwrap().data["status"]["phase"], "Terminating");
    let late = maps.create(&PostParams::default(), &map("late", json!([]))).await;
    let (code, _, message) = refusal(late);
    assert_eq!(code, 403);
    assert_eq!(
        message,
        r#"configmaps "late" is forbidden: unable to create new content in namespace shop because it is being terminated"#
    );
    eventually("the end of what is in it", || async {
        maps.get_opt("free").await.unwrap().is_none().then_some(())
    })
    .await;
    until(&namespaces, "shop", "NamespaceFinalizersRemaining", "True SomeFinalizersRemain").await;
    maps.patch(
        "held",
        &PatchParams::default(),
        &Patch::Merge(json!({"metadata": {"finalizers": null}})),
    )
    .await
    .unwrap();
    eventually("the namespace's end", || async {
        namespaces.get_opt("shop").await.unwrap().is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn owners_take_what_they_own_along_or_leave_it() {
    let world = ApiServer::with_controllers().await;
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    for (name, params, stays) in [
        ("background", DeleteParams::background(), false),
        ("foreground", DeleteParams::foreground(), false),
        ("orphan", DeleteParams::orphan(), true),
    ] {
        let owner = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
        let uid = maps
            .create(&PostParams::default(), &object(owner))
            .await
            .unwrap()
            .metadata
            .uid
            .unwrap();
        let owned = format!("of-{name}");
        let reference = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid, "blockOwnerDeletion": true}]);
        let dependent = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": owned, "ownerReferences": reference}});
        maps.create(&PostParams::default(), &object(dependent)).await.unwrap();
        maps.delete(name, &params).await.unwrap();
        eventually("the owner's end", || async {
            maps.get_opt(name).await.unwrap().is_none().then_some(())
        })
        .await;
        eventually("what becomes of what it owned", || async {
            let left = maps.get_opt(&owned).await.unwrap();
            let free = left.as_ref().is_none_or(|it| it.metadata.owner_references.is_none());
            (free && left.is_some() == stays).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_webhook_without_its_server_refuses_what_it_judges() {
    let world = ApiServer::with_controllers().await;
    let hooks = world.of_cluster(
        "admissionregistration.k8s.io/v1",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    );
    let hook = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration", "metadata": {"name": "judge"},
        "webhooks": [{"name": "judge.shop.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "web", "namespace": "default", "path": "/judge"}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}]}]});
    hooks.patch("judge", &apply(), &Patch::Apply(hook)).await.unwrap();
    let maps = world.namespaced("v1", "ConfigMap", "configmaps", "default");
    let map = object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let refused = || async { maps.create(&dry, &map).await.err() };
    let told = eventually("the webhook", refused).await;
    let (code, reason, message) = refusal::<()>(Err(told));
    assert_eq!((code, reason.as_str()), (500, "InternalError"));
    // Servers before 1.23 say it shorter.
    let message = message.replace("failed to call webhook: ", "");
    assert_eq!(
        message,
        r#"Internal error occurred: failed calling webhook "judge.shop.example": Post "https://web.default.svc:443/judge?timeout=10s": service "web" not found"#
    );
    let services = world.namespaced("v1", "Service", "services", "default");
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 443, "protocol": "TCP"}]}});
    services.patch("web", &apply(), &Patch::Apply(service)).await.unwrap();
    let nobody = r#"no endpoints available for service "web""#;
    eventually("the service", || async {
        refusal(maps.create(&dry, &map).await).2.ends_with(nobody).then_some(())
    })
    .await;
    if world.is_real {
        // Its pods have no addresses, and nobody answers in them.
        return;
    }
    let deployments = world.namespaced("apps/v1", "Deployment", "deployments", "default");
    deployments.patch("web", &apply(), &Patch::Apply(deployment("nginx:1"))).await.unwrap();
    eventually("the webhook's server", || async {
        maps.create(&PostParams::default(), &map).await.ok()
    })
    .await;
}

#[tokio::test]
async fn a_cluster_takes_tokens_of_eks_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let handle = serve(listener, Options::default()).unwrap();
    let url = handle.cluster("1", "eu-west-1", "shop", "1");
    let client = kube::Client::try_from(kube::Config::new(url.parse().unwrap())).unwrap();
    let version = |token: Option<&str>| {
        let request = token.into_iter().fold(http::Request::get("/version"), |request, token| {
            request.header("authorization", format!("Bearer {token}"))
        });
        client.request::<Value>(request.body(Vec::new()).unwrap())
    };
    assert_eq!(refusal(version(Some("k8s-aws-v1.bm8")).await).0, 401);
    // `kubectl` sends no credentials where there is no TLS.
    assert!(version(None).await.is_ok());
}
