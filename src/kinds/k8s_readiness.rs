//! When a Kubernetes object works, kind by kind, from its status.

use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::kind::Readiness;

/// `group/Kind`, with an empty group for the core.
pub(super) fn of(kind: &str, live: &Value) -> Readiness {
    if live["metadata"]["deletionTimestamp"].is_string() {
        return Readiness::Deleting;
    }
    match kind {
        "apps/Deployment" => deployment(live),
        "apps/StatefulSet" => stateful_set(live),
        "apps/DaemonSet" => daemon_set(live),
        "batch/Job" => job(live),
        "/Namespace" => phase(live, &["Active"], &[]),
        // A claim whose class waits for its first pod is as ready as it can be.
        "/PersistentVolumeClaim" => phase(live, &["Bound", "Pending"], &["Lost"]),
        "/PersistentVolume" => phase(live, &["Available", "Bound", "Released"], &["Failed"]),
        "/Pod" => phase(live, &["Succeeded"], &["Failed"]).or_condition(live, "Ready"),
        "/Service" => service(live),
        "networking.k8s.io/Ingress" => ingress(live),
        "apiextensions.k8s.io/CustomResourceDefinition" => definition(live),
        "apiregistration.k8s.io/APIService" => condition(live, "Available"),
        _ => conditions(live),
    }
}

trait Or {
    fn or_condition(self, live: &Value, name: &str) -> Self;
}

impl Or for Readiness {
    fn or_condition(self, live: &Value, name: &str) -> Self {
        match self {
            Self::Pending(_) => condition(live, name),
            other => other,
        }
    }
}

fn typed<T: DeserializeOwned>(live: &Value) -> Result<T, Readiness> {
    T::deserialize(live).map_err(|error| {
        Readiness::Pending(format!("has a status that is not understood: {error}").into())
    })
}

fn seen(observed: Option<i64>, generation: Option<i64>) -> bool {
    observed.unwrap_or(0) >= generation.unwrap_or(0)
}

fn deployment(live: &Value) -> Readiness {
    let it: Deployment = match typed(live) {
        Ok(it) => it,
        Err(readiness) => return readiness,
    };
    let wanted = it.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let status = it.status.unwrap_or_default();
    for condition in status.conditions.unwrap_or_default() {
        if condition.type_ == "Progressing"
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
        {
            // It may still be mended from outside, by an image that is pushed, say; replacing the object would not help.
            let message = condition.message.unwrap_or_default();
            return Readiness::Pending(format!("stuck: {message}").into());
        }
    }
    let (updated, available, all) = (
        status.updated_replicas.unwrap_or(0),
        status.available_replicas.unwrap_or(0),
        status.replicas.unwrap_or(0),
    );
    if !seen(status.observed_generation, it.metadata.generation) {
        Readiness::Pending("not seen by its controller".into())
    } else if updated < wanted || available < wanted {
        Readiness::Pending(format!("{} of {wanted} pods available", available.min(updated)).into())
    } else if all > updated {
        Readiness::Pending(format!("{} former pods left", all - updated).into())
    } else {
        Readiness::Ready
    }
}

fn stateful_set(live: &Value) -> Readiness {
    let it: StatefulSet = match typed(live) {
        Ok(it) => it,
        Err(readiness) => return readiness,
    };
    let wanted = it.spec.and_then(|spec| spec.replicas).unwrap_or(1);
    let status = it.status.unwrap_or_default();
    let (ready, updated) =
        (status.ready_replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
    if !seen(status.observed_generation, it.metadata.generation) {
        Readiness::Pending("not seen by its controller".into())
    } else if ready < wanted || updated < wanted {
        Readiness::Pending(format!("{} of {wanted} pods ready", ready.min(updated)).into())
    } else {
        Readiness::Ready
    }
}

fn daemon_set(live: &Value) -> Readiness {
    let it: DaemonSet = match typed(live) {
        Ok(it) => it,
        Err(readiness) => return readiness,
    };
    let Some(status) = it.status else {
        return Readiness::Pending("not seen by its controller".into());
    };
    let wanted = status.desired_number_scheduled;
    let available = status.number_available.unwrap_or(0);
    let updated = status.updated_number_scheduled.unwrap_or(0);
    if !seen(status.observed_generation, it.metadata.generation) {
        Readiness::Pending("not seen by its controller".into())
    } else if available < wanted || updated < wanted {
        Readiness::Pending(format!("{} of {wanted} pods available", available.min(updated)).into())
    } else {
        Readiness::Ready
    }
}

fn job(live: &Value) -> Readiness {
    let it: Job = match typed(live) {
        Ok(it) => it,
        Err(readiness) => return readiness,
    };
    for condition in it.status.and_then(|it| it.conditions).unwrap_or_default() {
        if condition.status == "True" {
            match condition.type_.as_str() {
                "Complete" => return Readiness::Ready,
                "Failed" => {
                    let reason = condition.message.or(condition.reason);
                    return Readiness::Failed(reason.unwrap_or_else(|| "failed".into()));
                }
                _ => {}
            }
        }
    }
    if it.spec.and_then(|spec| spec.suspend) == Some(true) {
        return Readiness::Ready;
    }
    Readiness::Pending("not complete".into())
}

fn phase(live: &Value, good: &[&str], bad: &[&str]) -> Readiness {
    let phase = live["status"]["phase"].as_str().unwrap_or("no phase");
    if good.contains(&phase) {
        Readiness::Ready
    } else if bad.contains(&phase) {
        Readiness::Failed(live["status"]["message"].as_str().unwrap_or(phase).into())
    } else {
        Readiness::Pending(phase.to_owned().into())
    }
}

/// One that asks for a load balancer works once it has one.
fn service(live: &Value) -> Readiness {
    let wants = live["spec"]["type"] == "LoadBalancer";
    if wants && load_balancer(live).is_none() {
        return Readiness::Pending("no load balancer yet".into());
    }
    Readiness::Ready
}

fn ingress(live: &Value) -> Readiness {
    if load_balancer(live).is_none() {
        return Readiness::Pending("no load balancer yet".into());
    }
    Readiness::Ready
}

/// The name or address under which a Service or an Ingress is reached from outside.
pub(super) fn load_balancer(live: &Value) -> Option<&str> {
    let first = &live["status"]["loadBalancer"]["ingress"][0];
    first["hostname"].as_str().or_else(|| first["ip"].as_str())
}

fn definition(live: &Value) -> Readiness {
    if let Some(refused) = find(live, "NamesAccepted").filter(|it| it["status"] == "False") {
        return Readiness::Failed(
            refused["message"].as_str().unwrap_or("its names are taken").into(),
        );
    }
    condition(live, "Established")
}

/// Whether a condition holds; one that is not there does not yet.
fn condition(live: &Value, name: &str) -> Readiness {
    match find(live, name) {
        Some(it) if it["status"] == "True" => Readiness::Ready,
        Some(it) => {
            let why = it["message"].as_str().or_else(|| it["reason"].as_str());
            Readiness::Pending(why.map_or_else(|| format!("not {name}"), str::to_owned).into())
        }
        None => Readiness::Pending(format!("not {name}").into()),
    }
}

fn find<'a>(live: &'a Value, name: &str) -> Option<&'a Value> {
    live["status"]["conditions"].as_array()?.iter().find(|it| it["type"] == name)
}

/// Anything else works unless it says otherwise: by a condition `Ready` or `Available`, as most controllers have it.
fn conditions(live: &Value) -> Readiness {
    let generation = live["metadata"]["generation"].as_i64();
    if let Some(observed) = live["status"]["observedGeneration"].as_i64()
        && !seen(Some(observed), generation)
    {
        return Readiness::Pending("not seen by its controller".into());
    }
    let known = ["Ready", "Available"].into_iter().find(|name| find(live, name).is_some());
    known.map_or(Readiness::Ready, |name| condition(live, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deployment_works_once_all_its_new_pods_do_and_the_former_ones_are_gone() {
        let live = |observed: i64, updated: i32, available: i32, all: i32| {
            json!({
                "metadata": {"generation": 2},
                "spec": {"replicas": 2, "selector": {}, "template": {}},
                "status": {"observedGeneration": observed, "updatedReplicas": updated,
                           "availableReplicas": available, "replicas": all},
            })
        };
        let of = |live: Value| of("apps/Deployment", &live);
        assert_eq!(of(live(1, 2, 2, 2)), Readiness::Pending("not seen by its controller".into()));
        assert_eq!(of(live(2, 1, 2, 3)), Readiness::Pending("1 of 2 pods available".into()));
        assert_eq!(of(live(2, 2, 2, 3)), Readiness::Pending("1 former pods left".into()));
        assert_eq!(of(live(2, 2, 2, 2)), Readiness::Ready);
    }

    #[test]
    fn what_is_on_its_way_out_is_deleting_whatever_it_is() {
        let live = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        assert_eq!(of("example.com/Thing", &live), Readiness::Deleting);
    }

    #[test]
    fn a_failed_job_will_never_work() {
        let live = json!({"status": {"conditions": [
            {"type": "Failed", "status": "True", "message": "Job has reached the specified backoff limit"}]}});
        let expected = "Job has reached the specified backoff limit".to_owned();
        assert_eq!(of("batch/Job", &live), Readiness::Failed(expected));
    }

    #[test]
    fn what_has_no_conditions_works_and_what_has_some_says_so() {
        let with = |status: &str| json!({"status": {"conditions": [{"type": "Ready", "status": status, "message": "no zone"}]}});
        assert_eq!(of("example.com/Thing", &json!({})), Readiness::Ready);
        assert_eq!(of("example.com/Thing", &with("True")), Readiness::Ready);
        assert_eq!(of("example.com/Thing", &with("False")), Readiness::Pending("no zone".into()));
    }

    #[test]
    fn a_service_waits_for_the_load_balancer_that_it_asks_for() {
        let mut live = json!({"spec": {"type": "LoadBalancer"}});
        assert_eq!(of("/Service", &live), Readiness::Pending("no load balancer yet".into()));
        live["status"] =
            json!({"loadBalancer": {"ingress": [{"hostname": "a.elb.amazonaws.com"}]}});
        assert_eq!(of("/Service", &live), Readiness::Ready);
        assert_eq!(of("/Service", &json!({"spec": {"type": "ClusterIP"}})), Readiness::Ready);
    }
}
