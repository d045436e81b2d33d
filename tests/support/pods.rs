//! Pods without machines: where a real API server has controllers and no nodes, every pod that they make runs at once, and
//! that of a Job has ended. A pod of an image `broken` never does, as on the clusters of the sandbox.

use std::time::Duration;

use kube::Client;
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use super::api_server::resource;

const TICK: Duration = Duration::from_millis(100);

/// Runs until it is dropped.
pub(super) struct Pods(JoinHandle<()>);

impl Drop for Pods {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn run(client: Client) -> Pods {
    Pods(tokio::spawn(async move {
        node(&client).await;
        let pods: Api<DynamicObject> =
            Api::all_with(client.clone(), &resource("v1", "Pod", "pods"));
        loop {
            tokio::time::sleep(TICK).await;
            let pending = ListParams::default().fields("status.phase=Pending");
            // The server may be about to end.
            let Ok(found) = pods.list(&pending).await else { continue };
            for pod in found.items.iter().filter(|pod| !is_broken(pod)) {
                let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
                let name = pod.metadata.name.as_deref().unwrap_or_default();
                let own = Api::<DynamicObject>::namespaced_with(
                    client.clone(),
                    namespace,
                    &resource("v1", "Pod", "pods"),
                );
                let status = Patch::Merge(json!({"status": status(pod)}));
                // It may be gone again.
                let _ = own.patch_status(name, &PatchParams::default(), &status).await;
            }
        }
    }))
}

/// A place for the pods of a `DaemonSet`.
async fn node(client: &Client) {
    let nodes: Api<DynamicObject> = Api::all_with(client.clone(), &resource("v1", "Node", "nodes"));
    let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}});
    let _ = nodes.create(&PostParams::default(), &serde_json::from_value(node).unwrap()).await;
    // New nodes are said to be not ready.
    let ready = Patch::Merge(json!({"spec": {"taints": null}}));
    let _ = nodes.patch("node", &PatchParams::default(), &ready).await;
}

fn is_broken(pod: &DynamicObject) -> bool {
    let containers = pod.data["spec"]["containers"].as_array().into_iter().flatten();
    let mut images = containers.filter_map(|it| it["image"].as_str());
    images.any(|it| it.rsplit('/').next().is_some_and(|it| it.starts_with("broken")))
}

fn status(pod: &DynamicObject) -> Value {
    let owners = pod.metadata.owner_references.iter().flatten();
    let ends = owners.clone().any(|it| it.kind == "Job");
    let since = pod.metadata.creation_timestamp.as_ref();
    let phase = if ends { "Succeeded" } else { "Running" };
    json!({"phase": phase, "conditions": [
        {"type": "Ready", "status": if ends { "False" } else { "True" }, "lastTransitionTime": since},
    ]})
}
