//! The controllers of a cluster, as far as others wait for them: they take their typical time, divided by the speed, and
//! then show the status that the spec asks for. There are no pods behind it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::admission::backed;
use super::defaults::{self, namespace_key};
use super::definitions;
use super::lifecycle;
use super::managers::{self, Operation, Writer};
use super::resources::Resource;
use super::store::{Cluster, Due, Key, now, set_at, uid};

/// A `DaemonSet` runs on this many nodes: the stand-in has none of its own.
const NODES: i64 = 2;
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// How long a controller typically needs, in seconds of a cluster's time.
fn seconds(resource: &Resource) -> Option<f64> {
    match resource.plural.as_str() {
        _ if resource.custom => None,
        "deployments" | "replicasets" | "replicationcontrollers" => Some(10.0),
        "statefulsets" => Some(15.0),
        "daemonsets" => Some(8.0),
        "jobs" | "pods" => Some(5.0),
        "persistentvolumeclaims" => Some(3.0),
        "horizontalpodautoscalers" | "poddisruptionbudgets" => Some(2.0),
        "apiservices" => Some(1.0),
        _ => None,
    }
}

/// After a user's write of an object itself: its controller notices, and begins.
pub(super) fn wrote(cluster: &mut Cluster, resource: &Resource, key: &Key, old: Option<&Value>) {
    let Some(object) = cluster.get(key).cloned() else { return };
    let new_generation = old.is_none_or(|old| old["spec"] != object["spec"]);
    match resource.plural.as_str() {
        "namespaces" if old.is_none() => born(cluster, key),
        "customresourcedefinitions" => {
            definitions::wrote(cluster, key, &object);
            return;
        }
        _ => {}
    }
    let Some(seconds) = seconds(resource).filter(|_| new_generation) else { return };
    let broken =
        broken_image(&object["spec"]["template"]["spec"]).or_else(|| broken_image(&object["spec"]));
    let status = progress(resource, &object, old);
    if let Some(status) = status {
        write_status(
            cluster,
            resource,
            key,
            status,
            old.is_none_or(|old| old["spec"]["template"] != object["spec"]["template"]),
        );
    }
    let seconds = match (&broken, resource.plural.as_str()) {
        (Some(_), "deployments") => {
            object["spec"]["progressDeadlineSeconds"].as_f64().unwrap_or(600.0)
        }
        _ => seconds,
    };
    settle_after(cluster, key, seconds);
}

fn settle_after(cluster: &mut Cluster, key: &Key, seconds: f64) {
    let Some(object) = cluster.get(key) else { return };
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let generation = object["metadata"]["generation"].as_i64().unwrap_or(0);
    cluster.after(seconds, Due::Settled { key: key.clone(), uid, generation });
}

/// Does all that is due.
pub(super) fn run_due(cluster: &mut Cluster) {
    while let Some(due) = cluster.next_due() {
        match due {
            Due::Settled { key, uid, generation } => {
                let Some(object) = cluster.get(&key).cloned() else { continue };
                let current = object["metadata"]["generation"].as_i64().unwrap_or(0) == generation;
                if object["metadata"]["uid"] == uid.as_str() && current {
                    settle(cluster, &key, &object);
                }
            }
            Due::Established { key, uid } => {
                let Some(object) = cluster.get(&key).cloned() else { continue };
                let dying = !object["metadata"]["deletionTimestamp"].is_null();
                if object["metadata"]["uid"] != uid.as_str() || dying {
                    continue;
                }
                let mut new = Value::clone(&object);
                lifecycle::add_finalizer(&mut new, definitions::CLEANUP);
                new["status"] = definitions::established(&object);
                definitions::serve(cluster, &new);
                put_as(cluster, &key, &object, new, ("kube-apiserver", "status"));
            }
            Due::Finished { key, uid } => lifecycle::finish(cluster, &key, &uid),
        }
    }
}

fn settle(cluster: &mut Cluster, key: &Key, object: &Arc<Value>) {
    let Some(resource) = cluster.resource_of(key) else { return };
    if resource.plural == "persistentvolumeclaims" {
        return bind(cluster, key, object);
    }
    let Some(status) = settled(cluster, &resource, object) else { return };
    write_status(cluster, &resource, key, status, false);
    // What stands behind an aggregated API may have come or gone.
    if resource.group == "apps" {
        let services: Vec<Key> = cluster
            .list("apiservices.apiregistration.k8s.io", None)
            .map(|(key, _)| key.clone())
            .collect();
        for key in services {
            settle_after(cluster, &key, 0.0);
        }
    }
}

/// A namespace gets what every namespace has.
pub(super) fn born(cluster: &mut Cluster, key: &Key) {
    let Some(object) = cluster.get(key).cloned() else { return };
    let mut namespace = Value::clone(&object);
    namespace["status"] = json!({ "phase": "Active" });
    cluster.put(key, namespace);
    for (plural, content) in defaults::contents_of_namespace(&key.name) {
        let name = content["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let key = Key { resource: plural.into(), namespace: key.name.clone(), name };
        put_new(cluster, &key, content);
    }
}

/// A cluster as it is at first.
pub(super) fn bootstrap(cluster: &mut Cluster) {
    for name in defaults::NAMESPACES {
        let key = namespace_key(name);
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "spec": { "finalizers": ["kubernetes"] },
            "metadata": { "name": name, "labels": { "kubernetes.io/metadata.name": name } },
        });
        put_new(cluster, &key, namespace);
        born(cluster, &key);
    }
    // What the server itself is reached by.
    let key =
        Key { resource: "services".into(), namespace: "default".into(), name: "kubernetes".into() };
    let address = "172.20.0.1";
    put_new(
        cluster,
        &key,
        json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": { "name": "kubernetes", "namespace": "default", "labels": { "component": "apiserver", "provider": "kubernetes" } },
            "spec": { "clusterIP": address, "clusterIPs": [address], "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None", "type": "ClusterIP",
                "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": 443 }] },
            "status": { "loadBalancer": {} },
        }),
    );
}

fn put_new(cluster: &mut Cluster, key: &Key, mut object: Value) {
    object["metadata"]["uid"] = uid().into();
    object["metadata"]["creationTimestamp"] = now().into();
    let Some(resource) = cluster.resource_of(key) else { return };
    let writer = writer(CONTROLLER_MANAGER, &resource, "");
    managers::update(&resource.storage().of, &json!({}), &mut object, &writer, &now());
    cluster.put(key, object);
}

fn writer(name: &str, resource: &Resource, subresource: &str) -> Writer {
    Writer {
        name: name.into(),
        operation: Operation::Update,
        api_version: resource.api_version(&resource.storage().name),
        subresource: subresource.into(),
    }
}

/// What a controller writes, as this field manager and through this subresource.
pub(super) fn put_as(
    cluster: &mut Cluster,
    key: &Key,
    old: &Value,
    mut new: Value,
    (manager, subresource): (&str, &str),
) {
    let Some(resource) = cluster.resource_of(key) else { return };
    if *old != new {
        let writer = writer(manager, &resource, subresource);
        managers::update(&resource.storage().of, old, &mut new, &writer, &now());
        cluster.put(key, new);
    }
}

fn write_status(
    cluster: &mut Cluster,
    resource: &Resource,
    key: &Key,
    status: Value,
    new_revision: bool,
) {
    let Some(object) = cluster.get(key).cloned() else { return };
    let mut new = Value::clone(&object);
    new["status"] = status;
    if resource.plural == "deployments" {
        const REVISION: &str = "deployment.kubernetes.io/revision";
        let revision = object["metadata"]["annotations"][REVISION]
            .as_str()
            .and_then(|it| it.parse::<u32>().ok());
        if new_revision || revision.is_none() {
            let next = revision.unwrap_or(0) + 1;
            set_at(&mut new, &["metadata", "annotations", REVISION], next.to_string().into());
        }
    }
    put_as(cluster, key, &object, new, (CONTROLLER_MANAGER, "status"));
}

/// A claim is bound to a volume, which nobody gets to see.
fn bind(cluster: &mut Cluster, key: &Key, object: &Arc<Value>) {
    let mut new = Value::clone(object);
    let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
    new["spec"]["volumeName"] = format!("pvc-{uid}").into();
    new["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] = "yes".into();
    new["status"] = json!({
        "phase": "Bound", "accessModes": object["spec"]["accessModes"],
        "capacity": { "storage": object["spec"]["resources"]["requests"]["storage"] },
    });
    put_as(cluster, key, object, new, (CONTROLLER_MANAGER, "status"));
}

/// The image of a pod that never runs: of a repository `broken`, or with the tag `fails`.
fn broken_image(pod: &Value) -> Option<String> {
    let containers = pod["containers"].as_array().into_iter().flatten();
    let images = containers.filter_map(|it| it["image"].as_str());
    let mut broken = images.filter(|image| {
        let name = image.rsplit('/').next().unwrap_or_default();
        let (name, tag) = name.split_once(':').unwrap_or((name, ""));
        name == "broken" || tag == "fails"
    });
    broken.next().map(str::to_owned)
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    let time = now();
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time, "lastUpdateTime": time })
}

/// A condition of the kinds that tell no `lastUpdateTime`.
fn plain_condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({ "type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now() })
}

/// What a controller shows as soon as it has seen a new spec.
fn progress(resource: &Resource, object: &Value, old: Option<&Value>) -> Option<Value> {
    let generation = &object["metadata"]["generation"];
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let before = |field: &str| old.and_then(|old| old["status"][field].as_i64()).unwrap_or(0);
    let status = match resource.plural.as_str() {
        "deployments" => {
            let available = before("availableReplicas").min(replicas);
            let available_now = if available > 0 && available == replicas {
                condition(
                    "Available",
                    "True",
                    "MinimumReplicasAvailable",
                    "Deployment has minimum availability.",
                )
            } else {
                condition(
                    "Available",
                    "False",
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability.",
                )
            };
            json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas - available,
                "readyReplicas": available, "availableReplicas": available, "unavailableReplicas": replicas - available,
                "conditions": [available_now, condition("Progressing", "True", "ReplicaSetUpdated", &format!("ReplicaSet {name:?} is progressing."))],
            })
        }
        "statefulsets" => json!({
            "observedGeneration": generation, "replicas": replicas, "availableReplicas": before("availableReplicas").min(replicas),
            "readyReplicas": before("readyReplicas").min(replicas), "currentRevision": revision(name, old.unwrap_or(object)),
            "updateRevision": revision(name, object), "collisionCount": 0,
        }),
        "daemonsets" => json!({
            "observedGeneration": generation, "desiredNumberScheduled": NODES, "currentNumberScheduled": NODES,
            "numberMisscheduled": 0, "numberReady": before("numberReady"), "numberAvailable": before("numberAvailable"),
            "numberUnavailable": NODES - before("numberAvailable"),
        }),
        "replicasets" | "replicationcontrollers" => {
            json!({ "observedGeneration": generation, "replicas": replicas })
        }
        "jobs" => {
            json!({ "startTime": now(), "active": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {} })
        }
        "pods" | "persistentvolumeclaims" => json!({ "phase": "Pending" }),
        _ => return None,
    };
    Some(without_zeros(status))
}

/// What a controller shows in the end.
fn settled(cluster: &Cluster, resource: &Resource, object: &Value) -> Option<Value> {
    let generation = &object["metadata"]["generation"];
    let replicas = object["spec"]["replicas"].as_i64().unwrap_or(1);
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let template = &object["spec"]["template"]["spec"];
    if let Some(image) = broken_image(template).or_else(|| broken_image(&object["spec"])) {
        return failed(resource, object, &image);
    }
    let status = match resource.plural.as_str() {
        "deployments" => json!({
            "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
            "readyReplicas": replicas, "availableReplicas": replicas,
            "conditions": [
                condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
                condition("Progressing", "True", "NewReplicaSetAvailable", &format!("ReplicaSet {name:?} has successfully progressed.")),
            ],
        }),
        "statefulsets" => json!({
            "observedGeneration": generation, "replicas": replicas, "readyReplicas": replicas, "availableReplicas": replicas,
            "currentReplicas": replicas, "updatedReplicas": replicas, "collisionCount": 0,
            "currentRevision": revision(name, object), "updateRevision": revision(name, object),
        }),
        "daemonsets" => json!({
            "observedGeneration": generation, "desiredNumberScheduled": NODES, "currentNumberScheduled": NODES,
            "updatedNumberScheduled": NODES, "numberReady": NODES, "numberAvailable": NODES, "numberMisscheduled": 0,
        }),
        "replicasets" | "replicationcontrollers" => json!({
            "observedGeneration": generation, "replicas": replicas, "readyReplicas": replicas,
            "availableReplicas": replicas, "fullyLabeledReplicas": replicas,
        }),
        "jobs" if object["spec"]["suspend"] != json!(true) => json!({
            "startTime": object["status"]["startTime"], "completionTime": now(), "ready": 0, "terminating": 0,
            "succeeded": object["spec"]["completions"].as_i64().unwrap_or(1), "uncountedTerminatedPods": {},
            "conditions": [
                probed("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"),
                probed("Complete", "CompletionsReached", "Reached expected number of succeeded pods"),
            ],
        }),
        "pods" => json!({
            "phase": "Running", "startTime": object["metadata"]["creationTimestamp"], "qosClass": "Burstable",
            "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": now() }],
        }),
        "horizontalpodautoscalers" => {
            let wanted = object["spec"]["minReplicas"].as_i64().unwrap_or(1);
            json!({
                "currentReplicas": wanted, "desiredReplicas": wanted, "currentMetrics": null,
                "conditions": [
                    plain_condition("AbleToScale", "True", "ReadyForNewScale", "recommended size matches current size"),
                    plain_condition("ScalingActive", "True", "ValidMetricFound", "the HPA was able to successfully calculate a replica count"),
                ],
            })
        }
        "poddisruptionbudgets" => json!({
            "observedGeneration": generation, "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
            "conditions": [plain_condition("DisruptionAllowed", "False", "InsufficientPods", "")],
        }),
        "apiservices" => {
            let service = &object["spec"]["service"];
            let text = |name: &str| service[name].as_str().unwrap_or_default();
            let condition = if service.is_object() {
                match backed(cluster, text("namespace"), text("name")) {
                    Ok(()) => plain_condition("Available", "True", "Passed", "all checks passed"),
                    Err(why) => plain_condition("Available", "False", "MissingEndpoints", &why),
                }
            } else {
                plain_condition(
                    "Available",
                    "True",
                    "Local",
                    "Local APIServices are always available",
                )
            };
            let told =
                |it: &Value| [it["status"].clone(), it["reason"].clone(), it["message"].clone()];
            // The time of a condition is that of its last change.
            if told(&object["status"]["conditions"][0]) == told(&condition) {
                return None;
            }
            json!({ "conditions": [condition] })
        }
        _ => return None,
    };
    Some(without_zeros(status))
}

/// What a controller shows of pods that do not come up.
fn failed(resource: &Resource, object: &Value, image: &str) -> Option<Value> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut status = object["status"].clone();
    let back_off = format!("Back-off pulling image {image:?}");
    match resource.plural.as_str() {
        "deployments" => {
            status["conditions"] = json!([
                condition(
                    "Available",
                    "False",
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability."
                ),
                condition(
                    "Progressing",
                    "False",
                    "ProgressDeadlineExceeded",
                    &format!("ReplicaSet {name:?} has timed out progressing.")
                ),
            ]);
        }
        "jobs" => {
            status["failed"] = json!(object["spec"]["backoffLimit"].as_i64().unwrap_or(6) + 1);
            status.as_object_mut().map(|it| it.remove("active"));
            status["conditions"] = json!([probed(
                "Failed",
                "BackoffLimitExceeded",
                "Job has reached the specified backoff limit"
            )]);
        }
        "pods" => {
            status["containerStatuses"] = json!([{
                "name": object["spec"]["containers"][0]["name"], "image": image, "ready": false,
                "state": { "waiting": { "reason": "ImagePullBackOff", "message": back_off } },
            }]);
        }
        _ => return None,
    }
    Some(status)
}

fn probed(kind: &str, reason: &str, message: &str) -> Value {
    let mut condition = plain_condition(kind, "True", reason, message);
    condition["lastProbeTime"] = condition["lastTransitionTime"].clone();
    condition
}

/// A name for the pods of a template: equal templates have equal names.
fn revision(name: &str, object: &Value) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(object["spec"]["template"].to_string());
    format!("{name}-{}", &hex::encode(hash)[..10])
}

/// Counts of zero are shown where Kubernetes requires them, and left out elsewhere.
fn without_zeros(mut status: Value) -> Value {
    const SHOWN: [&str; 12] = [
        "collisionCount",
        "currentHealthy",
        "currentNumberScheduled",
        "desiredHealthy",
        "desiredNumberScheduled",
        "disruptionsAllowed",
        "expectedPods",
        "numberMisscheduled",
        "numberReady",
        "ready",
        "replicas",
        "terminating",
    ];
    if let Some(members) = status.as_object_mut() {
        members.retain(|key, value| {
            !value.is_null() && (value.as_i64() != Some(0) || SHOWN.contains(&key.as_str()))
        });
    }
    status
}
