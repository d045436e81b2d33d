//! Admission: what a webhook whose server is not there makes of a write.
//!
//! A webhook is never called: one whose Service has a ready workload behind it is taken to allow everything, unchanged.

use serde_json::Value;

use super::defaults::namespace_key;
use super::resources::Resource;
use super::selector::label_selector_matches;
use super::status::{Answer, Status};
use super::store::{Cluster, Key};

/// The write that is to be admitted.
pub(super) struct Asked<'a> {
    pub(super) resource: &'a Resource,
    /// The version of the request.
    pub(super) version: &'a str,
    /// `CREATE`, `UPDATE` or `DELETE`.
    pub(super) operation: &'static str,
    pub(super) subresource: &'a str,
    pub(super) object: &'a Value,
}

const CONFIGURATIONS: [&str; 2] = [
    "mutatingwebhookconfigurations.admissionregistration.k8s.io",
    "validatingwebhookconfigurations.admissionregistration.k8s.io",
];

pub(super) fn admit(cluster: &Cluster, asked: &Asked<'_>) -> Answer<()> {
    // Webhooks never judge webhooks: nobody could repair one.
    if asked.resource.group == "admissionregistration.k8s.io" {
        return Ok(());
    }
    for configurations in CONFIGURATIONS {
        for (_, configuration) in cluster.list(configurations, None) {
            for webhook in configuration["webhooks"].as_array().into_iter().flatten() {
                if matches(cluster, webhook, asked) && webhook["failurePolicy"] != "Ignore" {
                    reachable(cluster, webhook)?;
                }
            }
        }
    }
    Ok(())
}

fn matches(cluster: &Cluster, webhook: &Value, asked: &Asked<'_>) -> bool {
    let namespace = asked.object["metadata"]["namespace"].as_str().unwrap_or_default();
    let none = Value::Null;
    let labels_of = |namespace: &str| {
        cluster.get(&namespace_key(namespace)).map_or(&none, |it| &it["metadata"]["labels"])
    };
    let selected_namespace = if asked.resource.is("", "namespaces") {
        label_selector_matches(&webhook["namespaceSelector"], &asked.object["metadata"]["labels"])
    } else {
        namespace.is_empty()
            || label_selector_matches(&webhook["namespaceSelector"], labels_of(namespace))
    };
    let mut rules = webhook["rules"].as_array().into_iter().flatten();
    selected_namespace
        && label_selector_matches(&webhook["objectSelector"], &asked.object["metadata"]["labels"])
        && rules.any(|rule| rule_matches(rule, asked))
}

fn rule_matches(rule: &Value, asked: &Asked<'_>) -> bool {
    let lists = |name: &str, wanted: &str| {
        let mut values = rule[name].as_array().into_iter().flatten();
        values.any(|it| it == "*" || it == wanted)
    };
    let plural = asked.resource.plural.as_str();
    let mut resources =
        rule["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let resource = resources.any(|it| match it.split_once('/') {
        None => asked.subresource.is_empty() && (it == "*" || it == plural),
        Some((parent, below)) => {
            (parent == "*" || parent == plural) && (below == "*" || below == asked.subresource)
        }
    });
    let scope = match rule["scope"].as_str() {
        Some("Namespaced") => asked.resource.namespaced,
        Some("Cluster") => !asked.resource.namespaced,
        _ => true,
    };
    // A rule for another version of the same resource matches as well: `matchPolicy` is Equivalent by default.
    let version = asked.resource.versions.iter().any(|it| lists("apiVersions", &it.name))
        || lists("apiVersions", asked.version);
    scope
        && resource
        && version
        && lists("apiGroups", &asked.resource.group)
        && lists("operations", asked.operation)
}

fn reachable(cluster: &Cluster, webhook: &Value) -> Answer<()> {
    let service = &webhook["clientConfig"]["service"];
    if !service.is_object() {
        return Ok(());
    }
    let text = |value: &'_ Value| value.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&service["namespace"]), text(&service["name"]));
    let Err(why) = backed(cluster, &namespace, &name) else { return Ok(()) };
    let hook = text(&webhook["name"]);
    let path = text(&service["path"]);
    let (port, seconds) = (&service["port"], &webhook["timeoutSeconds"]);
    Err(Status::internal(format!(
        "failed calling webhook {hook:?}: failed to call webhook: Post \"https://{name}.{namespace}.svc:{port}{path}?timeout={seconds}s\": {why}"
    )))
}

/// Whether a Service has a workload behind it that is available.
pub(super) fn backed(cluster: &Cluster, namespace: &str, name: &str) -> Result<(), String> {
    let key = Key { resource: "services".into(), namespace: namespace.into(), name: name.into() };
    let Some(service) = cluster.get(&key) else {
        return Err(format!("service {name:?} not found"));
    };
    let wanted = service["spec"]["selector"].as_object().cloned().unwrap_or_default();
    let serves = |workload: &Value| {
        let labels = &workload["spec"]["template"]["metadata"]["labels"];
        let ready = ["availableReplicas", "numberAvailable"]
            .iter()
            .any(|it| workload["status"][it].as_i64().unwrap_or(0) > 0);
        ready
            && !wanted.is_empty()
            && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let kinds = ["deployments.apps", "statefulsets.apps", "daemonsets.apps"];
    let found = kinds
        .iter()
        .any(|kind| cluster.list(kind, Some(namespace)).any(|(_, workload)| serves(workload)));
    if found { Ok(()) } else { Err(format!("no endpoints available for service {name:?}")) }
}
