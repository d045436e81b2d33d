//! The end of objects: finalizers, owners and what they own, namespaces with their contents, definitions with their objects.

use std::sync::Arc;

use serde_json::{Value, json};

use super::balancer_stacks;
use super::defaults::namespace_key;
use super::definitions;
use super::resources::Resource;
use super::store::{Cluster, Due, Key, now};

/// Until the last pod that uses the claim has gone.
const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Until the claim to which the volume is bound has gone.
const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";
const FOREGROUND: &str = "foregroundDeletion";
/// A namespace controller needs a few seconds until it has seen that nothing is left.
const NAMESPACE_SECONDS: f64 = 5.0;
/// How soon whoever waits for the end of others looks again, in a cluster's time.
const LOOK_SECONDS: f64 = 0.5;
/// How long a controller typically needs to clean up what is behind an object.
const CLEAN_UP_SECONDS: f64 = 3.0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What became of a deletion.
pub(super) enum Deleted {
    Gone,
    /// It waits for finalizers, for what it owns or for what is in it.
    Pending(Arc<Value>),
}

pub(super) fn delete(
    cluster: &mut Cluster,
    key: &Key,
    propagation: Propagation,
) -> Option<Deleted> {
    let object = Arc::clone(cluster.get(key)?);
    let uid = text(&object["metadata"]["uid"]);
    if propagation == Propagation::Orphan {
        for (dependent, owned) in dependents(cluster, &uid) {
            let mut owned = Value::clone(&owned);
            disown(&mut owned, &uid);
            cluster.put(&dependent, owned);
        }
    }
    let mut dying = Value::clone(&object);
    let waits_for_owned =
        propagation == Propagation::Foreground && !dependents(cluster, &uid).is_empty();
    if waits_for_owned {
        add_finalizer(&mut dying, FOREGROUND);
    }
    let is_namespace = key.resource == "namespaces";
    if finalizers(&dying).is_empty() && !is_namespace {
        cluster.remove(key);
        gone(cluster, key, &object);
        return Some(Deleted::Gone);
    }
    if dying["metadata"]["deletionTimestamp"].is_null() {
        dying["metadata"]["deletionTimestamp"] = now().into();
        if !is_namespace {
            dying["metadata"]["deletionGracePeriodSeconds"] = 0.into();
        }
        if let Some(generation) = dying["metadata"]["generation"].as_i64() {
            dying["metadata"]["generation"] = (generation + 1).into();
        }
        if is_namespace {
            dying["status"]["phase"] = "Terminating".into();
        }
    } else if dying == *object {
        return Some(Deleted::Pending(object));
    }
    let dying = cluster.put(key, dying);
    if waits_for_owned {
        for (dependent, _) in dependents(cluster, &uid) {
            delete(cluster, &dependent, Propagation::Foreground);
        }
    }
    if is_namespace {
        empty_namespace(cluster, &key.name);
        cluster.after(NAMESPACE_SECONDS, Due::Finished { key: key.clone(), uid });
    } else if key.resource == "customresourcedefinitions.apiextensions.k8s.io" {
        for instance in instances(cluster, &dying) {
            delete(cluster, &instance, Propagation::Background);
        }
        cluster.after(LOOK_SECONDS, Due::Finished { key: key.clone(), uid });
    } else if !finalizers(&dying).is_empty() {
        cluster.after(CLEAN_UP_SECONDS, Due::Finished { key: key.clone(), uid });
    }
    Some(Deleted::Pending(dying))
}

/// After a write: an object that is being deleted goes when nothing holds it any more.
pub(super) fn released(cluster: &mut Cluster, key: &Key) -> Option<Arc<Value>> {
    let object = Arc::clone(cluster.get(key)?);
    // The content of a namespace has the finalizer in its spec.
    let filled = key.resource == "namespaces" && object["spec"]["finalizers"].is_array();
    let held = filled || !finalizers(&object).is_empty();
    if object["metadata"]["deletionTimestamp"].is_null() || held {
        return None;
    }
    cluster.remove(key);
    gone(cluster, key, &object);
    Some(object)
}

/// A namespace, a definition or an owner looks whether it can go.
pub(super) fn finish(cluster: &mut Cluster, key: &Key, uid: &str) {
    let Some(object) = cluster.get(key).cloned() else { return };
    if object["metadata"]["uid"] != uid || object["metadata"]["deletionTimestamp"].is_null() {
        return;
    }
    match key.resource.as_str() {
        "namespaces" => finish_namespace(cluster, key, &object),
        "customresourcedefinitions.apiextensions.k8s.io"
            if finalizers(&object).contains(&definitions::CLEANUP.to_owned()) =>
        {
            if instances(cluster, &object).is_empty() {
                drop_finalizer(cluster, key, &object, definitions::CLEANUP);
            }
        }
        _ => {
            if finalizers(&object).contains(&FOREGROUND.to_owned())
                && dependents(cluster, uid).is_empty()
            {
                drop_finalizer(cluster, key, &object, FOREGROUND);
            }
            clean_up(cluster, key);
        }
    }
}

/// A controller that is there does what its finalizer is for; without one that goes on for ever.
fn clean_up(cluster: &mut Cluster, key: &Key) {
    // There are no pods that could use it.
    for own in [CLAIM_PROTECTION, VOLUME_PROTECTION] {
        let Some(object) = cluster.get(key).cloned() else { return };
        if finalizers(&object).iter().any(|it| it == own) {
            drop_finalizer(cluster, key, &object, own);
        }
    }
    let Some(object) = cluster.get(key).cloned() else { return };
    let is_foreign = |it: &String| {
        // Who makes load balancers has more to do than to take its finalizer away.
        let is_busy = cluster.is_in_aws && balancer_stacks::is_finalizer(it);
        it != FOREGROUND && it.contains('.') && !is_busy
    };
    let foreign: Vec<String> = finalizers(&object).into_iter().filter(is_foreign).collect();
    if foreign.is_empty() {
        return;
    }
    if is_looked_after(cluster, key) {
        for finalizer in foreign {
            if let Some(object) = cluster.get(key).cloned() {
                drop_finalizer(cluster, key, &object, &finalizer);
            }
        }
    } else {
        look_again(cluster, key);
    }
}

/// Whether a workload that is available may change such objects: it is taken to be their controller.
fn is_looked_after(cluster: &Cluster, key: &Key) -> bool {
    let (plural, group) = key.resource.split_once('.').unwrap_or((&key.resource, ""));
    let list = |value: &Value, wanted: &str| {
        let mut all = value.as_array().into_iter().flatten();
        all.any(|it| it == wanted || it == "*")
    };
    runs(cluster, |rule| {
        list(&rule["apiGroups"], group)
            && list(&rule["resources"], plural)
            && (list(&rule["verbs"], "update") || list(&rule["verbs"], "patch"))
    })
}

/// Whether a workload is available that has a rule for this group of the API by its name.
pub(super) fn has_controller(cluster: &Cluster, group: &str) -> bool {
    runs(cluster, |rule| rule["apiGroups"].as_array().into_iter().flatten().any(|it| it == group))
}

/// Whether a workload is available whose service account has such a rule in one of its roles.
fn runs(cluster: &Cluster, is_such: impl Fn(&Value) -> bool) -> bool {
    let covers = |role: &Value| role["rules"].as_array().into_iter().flatten().any(&is_such);
    let role_of = |binding: &Value, namespace: &str| {
        let role = &binding["roleRef"];
        let is_of_cluster = role["kind"] == "ClusterRole";
        let resource = if is_of_cluster { "clusterroles" } else { "roles" };
        let key = Key {
            resource: format!("{resource}.rbac.authorization.k8s.io"),
            namespace: if is_of_cluster { String::new() } else { namespace.to_owned() },
            name: text(&role["name"]),
        };
        cluster.get(&key).cloned()
    };
    let kinds = ["deployments.apps", "statefulsets.apps", "daemonsets.apps"];
    let mut workloads = kinds.iter().flat_map(|kind| cluster.list(kind, None));
    workloads.any(|(at, workload)| {
        let available = ["availableReplicas", "numberAvailable"]
            .iter()
            .any(|it| workload["status"][it].as_i64().unwrap_or(0) > 0);
        let account = &workload["spec"]["template"]["spec"]["serviceAccountName"];
        let binds = |binding: &Value, beside: &str| {
            binding["subjects"].as_array().into_iter().flatten().any(|it| {
                it["name"] == *account && it["namespace"].as_str().unwrap_or(beside) == at.namespace
            })
        };
        available
            && ["clusterrolebindings", "rolebindings"].iter().any(|bindings| {
                let resource = format!("{bindings}.rbac.authorization.k8s.io");
                let mut all = cluster.list(&resource, None);
                all.any(|(place, binding)| {
                    binds(binding, &place.namespace)
                        && role_of(binding, &place.namespace).is_some_and(|role| covers(&role))
                })
            })
    })
}

pub(super) fn finalizers(object: &Value) -> Vec<String> {
    let listed = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    listed.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

pub(super) fn add_finalizer(object: &mut Value, finalizer: &str) {
    let mut all = finalizers(object);
    if !all.iter().any(|it| it == finalizer) {
        all.push(finalizer.into());
        object["metadata"]["finalizers"] = json!(all);
    }
}

/// Storage that is in use stays.
pub(super) fn protect(resource: &Resource, object: &mut Value) {
    match resource.id().as_str() {
        "persistentvolumeclaims" => add_finalizer(object, CLAIM_PROTECTION),
        "persistentvolumes" => add_finalizer(object, VOLUME_PROTECTION),
        _ => {}
    }
}

pub(super) fn drop_finalizer(cluster: &mut Cluster, key: &Key, object: &Value, finalizer: &str) {
    let mut left = finalizers(object);
    left.retain(|it| it != finalizer);
    let mut object = object.clone();
    if left.is_empty() {
        object["metadata"].as_object_mut().map(|metadata| metadata.remove("finalizers"));
    } else {
        object["metadata"]["finalizers"] = json!(left);
    }
    cluster.put(key, object);
    released(cluster, key);
}

/// What follows from an object that is gone.
fn gone(cluster: &mut Cluster, key: &Key, object: &Value) {
    let uid = text(&object["metadata"]["uid"]);
    for (dependent, owned) in dependents(cluster, &uid) {
        let owners = owned["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        let others = owners
            .iter()
            .any(|owner| owner["uid"] != uid.as_str() && is_live(cluster, &owner["uid"]));
        if others {
            let mut owned = Value::clone(&owned);
            disown(&mut owned, &uid);
            cluster.put(&dependent, owned);
        } else {
            delete(cluster, &dependent, Propagation::Background);
        }
    }
    for owner in object["metadata"]["ownerReferences"].as_array().into_iter().flatten() {
        if let Some((key, uid)) = by_uid(cluster, &owner["uid"]) {
            cluster.after(0.0, Due::Finished { key, uid });
        }
    }
    if !key.namespace.is_empty() {
        look_again(cluster, &namespace_key(&key.namespace));
    }
    if key.resource == "customresourcedefinitions.apiextensions.k8s.io" {
        cluster.undefine(&key.name);
    } else {
        let name = key.resource.clone();
        look_again(
            cluster,
            &Key {
                resource: "customresourcedefinitions.apiextensions.k8s.io".into(),
                namespace: String::new(),
                name,
            },
        );
    }
}

fn look_again(cluster: &mut Cluster, key: &Key) {
    let dying = cluster.get(key).filter(|it| !it["metadata"]["deletionTimestamp"].is_null());
    if let Some(uid) = dying.map(|it| text(&it["metadata"]["uid"])) {
        cluster.after(LOOK_SECONDS, Due::Finished { key: key.clone(), uid });
    }
}

fn empty_namespace(cluster: &mut Cluster, namespace: &str) {
    for key in contents(cluster, namespace) {
        delete(cluster, &key, Propagation::Background);
    }
}

fn finish_namespace(cluster: &mut Cluster, key: &Key, object: &Value) {
    empty_namespace(cluster, &key.name);
    let left = contents(cluster, &key.name);
    let mut object = object.clone();
    if left.is_empty() {
        let own = finalizers(&object);
        if own.is_empty() {
            cluster.remove(key);
            gone(cluster, key, &object);
        } else {
            object["spec"].as_object_mut().map(|spec| spec.remove("finalizers"));
            cluster.put(key, object);
        }
        return;
    }
    let mut counted: Vec<(String, usize)> = Vec::new();
    for name in left.iter().filter_map(|key| cluster.get(key)).flat_map(|it| finalizers(it)) {
        match counted.iter_mut().find(|(it, _)| *it == name) {
            Some((_, count)) => *count += 1,
            None => counted.push((name, 1)),
        }
    }
    let told: Vec<String> = counted
        .iter()
        .map(|(name, count)| format!("{name} in {count} resource instances"))
        .collect();
    let condition = |kind: &str, reason: &str, message: String| json!({ "type": kind, "status": "True", "reason": reason, "message": message, "lastTransitionTime": object["metadata"]["deletionTimestamp"] });
    let names: Vec<String> =
        left.iter().map(|key| format!("{} has 1 resource instances", key.resource)).collect();
    let conditions = json!([
        condition(
            "NamespaceContentRemaining",
            "SomeResourcesRemain",
            format!("Some resources are remaining: {}", names.join(", "))
        ),
        condition(
            "NamespaceFinalizersRemaining",
            "SomeFinalizersRemain",
            format!("Some content in the namespace has finalizers remaining: {}", told.join(", "))
        ),
    ]);
    if object["status"]["conditions"] != conditions {
        object["status"]["conditions"] = conditions;
        cluster.put(key, object);
    }
}

fn contents(cluster: &Cluster, namespace: &str) -> Vec<Key> {
    cluster.all().map(|(key, _)| key).filter(|key| key.namespace == namespace).cloned().collect()
}

fn instances(cluster: &Cluster, definition: &Value) -> Vec<Key> {
    let name = text(&definition["metadata"]["name"]);
    cluster.list(&name, None).map(|(key, _)| key.clone()).collect()
}

fn dependents(cluster: &Cluster, uid: &str) -> Vec<(Key, Arc<Value>)> {
    let owned = cluster.all().filter(|(_, object)| {
        let mut owners = object["metadata"]["ownerReferences"].as_array().into_iter().flatten();
        owners.any(|owner| owner["uid"] == uid)
    });
    owned.map(|(key, object)| (key.clone(), Arc::clone(object))).collect()
}

fn disown(object: &mut Value, uid: &str) {
    if let Some(owners) = object["metadata"]["ownerReferences"].as_array_mut() {
        owners.retain(|owner| owner["uid"] != uid);
        if owners.is_empty() {
            object["metadata"].as_object_mut().map(|metadata| metadata.remove("ownerReferences"));
        }
    }
}

fn is_live(cluster: &Cluster, uid: &Value) -> bool {
    by_uid(cluster, uid).is_some()
}

fn by_uid(cluster: &Cluster, uid: &Value) -> Option<(Key, String)> {
    let (key, _) = cluster.all().find(|(_, object)| object["metadata"]["uid"] == *uid)?;
    Some((key.clone(), text(uid)))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
