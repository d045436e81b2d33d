//! What an API server refuses of objects of built-in kinds: names, duplicates, references inside an object, and changes
//! of what cannot change.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::definitions;
use super::resources::Resource;
use super::selector::label_selector_matches;
use super::status::Cause;
use super::store::at;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// What is wrong with an object, whatever it was before.
pub(super) fn object(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    metadata(resource, object, &mut causes);
    if resource.custom {
        return causes;
    }
    match resource.plural.as_str() {
        "customresourcedefinitions" => definitions::validate(object, &mut causes),
        "services" => service(object, &mut causes),
        "deployments" | "statefulsets" | "daemonsets" | "replicasets" => {
            workload(object, &mut causes);
        }
        "jobs" => pod_template(
            &object["spec"]["template"],
            "spec.template",
            Restart::NotAlways,
            &mut causes,
        ),
        "cronjobs" => {
            if !object["spec"]["schedule"].is_string() {
                causes.push(Cause::required("spec.schedule", ""));
            }
            let template = &object["spec"]["jobTemplate"]["spec"]["template"];
            pod_template(
                template,
                "spec.jobTemplate.spec.template",
                Restart::NotAlways,
                &mut causes,
            );
        }
        "pods" => pod(&object["spec"], "spec", &mut causes),
        "rolebindings" | "clusterrolebindings" => {
            if at(object, &["roleRef", "name"]).as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::required("roleRef.name", ""));
            }
        }
        "persistentvolumeclaims" => {
            if object["spec"].get("accessModes").is_none() {
                causes.push(Cause::required(
                    "spec.accessModes",
                    "at least 1 access mode is required",
                ));
            }
            if at(object, &["spec", "resources", "requests", "storage"]).is_null() {
                causes.push(Cause::required("spec.resources[storage]", ""));
            }
        }
        "horizontalpodautoscalers" => {
            let [least, most] =
                ["minReplicas", "maxReplicas"].map(|it| object["spec"][it].as_i64());
            if most.unwrap_or(0) < 1 {
                causes.push(Cause::invalid(
                    "spec.maxReplicas",
                    &json!(most.unwrap_or(0)),
                    "must be greater than 0",
                ));
            } else if least > most {
                causes.push(Cause::invalid(
                    "spec.maxReplicas",
                    &json!(most),
                    "must be greater than or equal to `minReplicas`",
                ));
            }
        }
        "poddisruptionbudgets" => {
            let spec = &object["spec"];
            if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
                let why = "minAvailable and maxUnavailable cannot be both set";
                causes.push(Cause::invalid("spec", spec, why));
            }
        }
        "configmaps" | "secrets" => {
            for key in object["data"].as_object().into_iter().flatten().map(|(key, _)| key) {
                let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if key.is_empty() || !key.chars().all(valid) {
                    let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
                    causes.push(Cause::invalid(&format!("data[{key}]"), &key.as_str().into(), why));
                }
                if object["binaryData"].get(key).is_some() {
                    let why = "duplicate of key present in binaryData";
                    causes.push(Cause::invalid(&format!("data[{key}]"), &key.as_str().into(), why));
                }
            }
        }
        "storageclasses" => {
            if !object["provisioner"].is_string() {
                causes.push(Cause::required("provisioner", ""));
            }
        }
        _ => {}
    }
    causes
}

/// What cannot change.
pub(super) fn update(resource: &Resource, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if resource.custom {
        return causes;
    }
    let mut fixed = |paths: &[&str], why: &str| {
        for path in paths {
            let steps: Vec<&str> = path.split('.').collect();
            let (before, after) = (at(old, &steps), at(new, &steps));
            if before != after {
                causes.push(Cause::invalid(path, after, why));
            }
        }
    };
    let immutable = "field is immutable";
    match resource.plural.as_str() {
        "deployments" | "daemonsets" | "replicasets" => fixed(&["spec.selector"], immutable),
        "statefulsets" => {
            let free = [
                "replicas",
                "ordinals",
                "template",
                "updateStrategy",
                "revisionHistoryLimit",
                "persistentVolumeClaimRetentionPolicy",
                "minReadySeconds",
            ];
            let rest = |object: &Value| {
                let mut spec = object["spec"].as_object().cloned().unwrap_or_default();
                spec.retain(|key, _| !free.contains(&key.as_str()));
                spec
            };
            if rest(old) != rest(new) {
                let why = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
                causes.push(Cause::forbidden("spec", why));
            }
        }
        "jobs" => fixed(&["spec.selector", "spec.completions", "spec.template"], immutable),
        "services" => {
            let external = |object: &Value| object["spec"]["type"] == "ExternalName";
            if !external(old) && !external(new) {
                let before = &old["spec"]["clusterIP"];
                if before != &new["spec"]["clusterIP"] {
                    let after = json!([new["spec"]["clusterIP"]]);
                    causes.push(Cause::invalid(
                        "spec.clusterIPs[0]",
                        &after,
                        "may not change once set",
                    ));
                }
            }
        }
        "persistentvolumeclaims" => {
            let rest = |object: &Value| {
                let mut spec = object["spec"].as_object().cloned().unwrap_or_default();
                for free in ["resources", "volumeAttributesClassName", "volumeName"] {
                    spec.remove(free);
                }
                spec
            };
            if rest(old) != rest(new) {
                let why = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
                causes.push(Cause::forbidden("spec", why));
            }
        }
        "rolebindings" | "clusterrolebindings" => {
            if old["roleRef"] != new["roleRef"] {
                causes.push(Cause::invalid("roleRef", &new["roleRef"], "cannot change roleRef"));
            }
        }
        "storageclasses" => {
            let why = "updates to provisioner are forbidden.";
            if old["provisioner"] != new["provisioner"] {
                causes.push(Cause::forbidden("provisioner", why));
            }
            if old["parameters"] != new["parameters"] {
                causes.push(Cause::forbidden("parameters", "updates to parameters are forbidden."));
            }
            for path in ["reclaimPolicy", "volumeBindingMode"] {
                if old[path] != new[path] {
                    causes.push(Cause::invalid(path, &new[path], immutable));
                }
            }
        }
        "priorityclasses" => fixed(&["value", "preemptionPolicy"], immutable),
        "ingressclasses" => fixed(&["spec.controller"], immutable),
        "configmaps" | "secrets" => {
            if old["immutable"] == json!(true) {
                for field in ["immutable", "data", "binaryData", "type"] {
                    if old[field] != new[field] {
                        causes.push(Cause::forbidden(
                            field,
                            "field is immutable when `immutable` is set",
                        ));
                    }
                }
            }
            if resource.plural == "secrets" && old["type"] != new["type"] {
                causes.push(Cause::invalid("type", &new["type"], immutable));
            }
        }
        "customresourcedefinitions" => definitions::validate_update(old, new, &mut causes),
        "pods" => {
            let rest = |object: &Value| {
                let mut spec = object["spec"].as_object().cloned().unwrap_or_default();
                for free in
                    ["activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"]
                {
                    spec.remove(free);
                }
                for list in ["containers", "initContainers"] {
                    for container in
                        spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
                    {
                        container.as_object_mut().map(|it| it.remove("image"));
                    }
                }
                spec
            };
            if rest(old) != rest(new) {
                let why = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";
                causes.push(Cause::forbidden("spec", why));
            }
        }
        _ => {}
    }
    causes
}

fn metadata(resource: &Resource, object: &Value, causes: &mut Vec<Cause>) {
    let metadata = &object["metadata"];
    let name = metadata["name"].as_str().unwrap_or_default();
    let wrong = match resource.plural.as_str() {
        // Names of RBAC are path segments: `system:node`.
        "roles" | "clusterroles" | "rolebindings" | "clusterrolebindings" => {
            (name.contains(['/', '%']) || name == "." || name == "..")
                .then_some("may not contain '/' or '%'")
        }
        "services" => (!is_label(name) || name.starts_with(|c: char| c.is_ascii_digit()))
            .then_some(LABEL_1035),
        "namespaces" => (!is_label(name)).then_some(LABEL),
        _ => (!is_subdomain(name)).then_some(SUBDOMAIN),
    };
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if let Some(why) = wrong {
        causes.push(Cause::invalid("metadata.name", &name.into(), why));
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        qualified("metadata.labels", key, causes);
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid("metadata.labels", value, "must be no more than 63 bytes"));
        } else if !text.is_empty() && !is_name(text) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    // Definitions and custom resources are judged by a server of their own, which takes any name.
    let own = ["apiextensions.k8s.io", "apiregistration.k8s.io"].contains(&resource.group.as_str());
    let is_core = !resource.custom && !own;
    for (index, finalizer) in metadata["finalizers"].as_array().into_iter().flatten().enumerate() {
        let name = finalizer.as_str().unwrap_or_default();
        let standard = ["kubernetes", "orphan", "foregroundDeletion"];
        if is_core && !name.contains('/') && !standard.contains(&name) {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            let field = format!("metadata.finalizers[{index}]");
            causes.push(Cause::invalid(&field, finalizer, why));
        }
    }
    for key in metadata["annotations"].as_object().into_iter().flatten().map(|(key, _)| key) {
        qualified("metadata.annotations", &key.to_lowercase(), causes);
    }
}

fn qualified(field: &str, key: &str, causes: &mut Vec<Cause>) {
    let (prefix, name) =
        key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    if prefix.is_some_and(|it| !is_subdomain(it)) {
        let why = format!("prefix part {SUBDOMAIN}");
        causes.push(Cause::invalid(field, &key.into(), &why));
    }
    if !is_name(name) || name.len() > 63 {
        let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
        causes.push(Cause::invalid(field, &key.into(), why));
    }
}

fn is_label(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(edge)
        && text.ends_with(edge)
        && text.chars().all(|c| edge(c) || c == '-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| is_label(part) || (part.len() > 63 && is_label(&part[..63])))
}

fn is_name(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_alphanumeric();
    let inner = |c: char| edge(c) || matches!(c, '-' | '_' | '.');
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(inner)
}

fn service(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let none = Vec::new();
    let ports = spec["ports"].as_array().unwrap_or(&none);
    if ports.is_empty() && spec["type"] != "ExternalName" && spec["clusterIP"] != "None" {
        causes.push(Cause::required("spec.ports", ""));
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.iter().any(|kind| spec["type"] == *kind) {
        causes.push(Cause::unsupported(
            "spec.type",
            &spec["type"],
            &kinds.map(|it| format!("{it:?}")),
        ));
    }
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for (index, port) in ports.iter().enumerate() {
        let place = format!("spec.ports[{index}]");
        port_number(&port["port"], &format!("{place}.port"), causes);
        match port["name"].as_str() {
            None if ports.len() > 1 => causes.push(Cause::required(&format!("{place}.name"), "")),
            None => {}
            Some(name) if !is_label(name) => {
                causes.push(Cause::invalid(&format!("{place}.name"), &name.into(), LABEL));
            }
            Some(name) => {
                if !names.insert(name) {
                    causes.push(Cause::duplicate(&format!("{place}.name"), &name.into()));
                }
            }
        }
        if !numbers.insert(format!("{}/{}", port["port"], port["protocol"])) {
            let shown = json!({ "port": port["port"], "protocol": port["protocol"] });
            causes.push(Cause::duplicate(&place, &shown));
        }
    }
}

fn port_number(port: &Value, field: &str, causes: &mut Vec<Cause>) {
    if !port.as_i64().is_some_and(|number| (1..=65_535).contains(&number)) {
        causes.push(Cause::invalid(field, port, "must be between 1 and 65535, inclusive"));
    }
}

fn workload(object: &Value, causes: &mut Vec<Cause>) {
    let spec = &object["spec"];
    let selector = &spec["selector"];
    let empty = |value: &Value| value.as_object().is_none_or(serde_json::Map::is_empty);
    if empty(selector) {
        causes.push(Cause::required("spec.selector", ""));
    } else if !label_selector_matches(selector, &spec["template"]["metadata"]["labels"]) {
        let labels = match &spec["template"]["metadata"]["labels"] {
            Value::Null => json!({}),
            labels => labels.clone(),
        };
        let why = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", &labels, why));
    }
    if spec["replicas"].as_i64().is_some_and(|it| it < 0) {
        causes.push(Cause::invalid(
            "spec.replicas",
            &spec["replicas"],
            "must be greater than or equal to 0",
        ));
    }
    pod_template(&spec["template"], "spec.template", Restart::Always, causes);
}

#[derive(Clone, Copy, PartialEq)]
enum Restart {
    Always,
    NotAlways,
}

fn pod_template(template: &Value, path: &str, restart: Restart, causes: &mut Vec<Cause>) {
    let spec = &template["spec"];
    pod(spec, &format!("{path}.spec"), causes);
    let allowed: &[&str] = match restart {
        Restart::Always => &["Always"],
        Restart::NotAlways => &["OnFailure", "Never"],
    };
    if !allowed.iter().any(|it| spec["restartPolicy"] == *it) {
        let allowed: Vec<String> = allowed.iter().map(|it| format!("{it:?}")).collect();
        causes.push(Cause::unsupported(
            &format!("{path}.spec.restartPolicy"),
            &spec["restartPolicy"],
            &allowed,
        ));
    }
}

fn pod(spec: &Value, path: &str, causes: &mut Vec<Cause>) {
    let list = |name: &str| spec[name].as_array().map_or(&[][..], Vec::as_slice);
    let mut volumes = BTreeSet::new();
    for (index, volume) in list("volumes").iter().enumerate() {
        let name = volume["name"].as_str().unwrap_or_default();
        if !volumes.insert(name) {
            causes.push(Cause::duplicate(&format!("{path}.volumes[{index}].name"), &name.into()));
        }
    }
    if list("containers").is_empty() {
        causes.push(Cause::required(&format!("{path}.containers"), ""));
    }
    let mut names = BTreeSet::new();
    for kind in ["containers", "initContainers"] {
        for (index, container) in list(kind).iter().enumerate() {
            let place = format!("{path}.{kind}[{index}]");
            let name = container["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                causes.push(Cause::required(&format!("{place}.name"), ""));
            } else if !is_label(name) {
                causes.push(Cause::invalid(&format!("{place}.name"), &name.into(), LABEL));
            } else if !names.insert(name) {
                causes.push(Cause::duplicate(&format!("{place}.name"), &name.into()));
            }
            if container["image"].as_str().unwrap_or_default().is_empty() {
                causes.push(Cause::required(&format!("{place}.image"), ""));
            }
            containers_parts(container, &place, &volumes, causes);
        }
    }
}

fn containers_parts(
    container: &Value,
    place: &str,
    volumes: &BTreeSet<&str>,
    causes: &mut Vec<Cause>,
) {
    let list = |name: &str| container[name].as_array().map_or(&[][..], Vec::as_slice);
    let mut names = BTreeSet::new();
    for (index, port) in list("ports").iter().enumerate() {
        port_number(
            &port["containerPort"],
            &format!("{place}.ports[{index}].containerPort"),
            causes,
        );
        if let Some(name) = port["name"].as_str()
            && !names.insert(name)
        {
            causes.push(Cause::duplicate(&format!("{place}.ports[{index}].name"), &name.into()));
        }
    }
    let mut mounted = BTreeSet::new();
    for (index, mount) in list("volumeMounts").iter().enumerate() {
        let field = |name: &str| format!("{place}.volumeMounts[{index}].{name}");
        let name = mount["name"].as_str().unwrap_or_default();
        if !volumes.contains(name) {
            causes.push(Cause {
                reason: "FieldValueNotFound",
                field: field("name"),
                message: format!("Not found: {name:?}"),
            });
        }
        let path = mount["mountPath"].as_str().unwrap_or_default();
        if !mounted.insert(path) {
            causes.push(Cause::invalid(&field("mountPath"), &path.into(), "must be unique"));
        }
    }
    let resources = &container["resources"];
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        if let Some(limit) = resources["limits"].get(name)
            && amount(request) > amount(limit)
        {
            let why = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            causes.push(Cause::invalid(&format!("{place}.resources.requests"), request, &why));
        }
    }
}

/// A canonical quantity as a number: exact enough to compare two of them.
fn amount(quantity: &Value) -> f64 {
    let text = quantity.as_str().unwrap_or_default();
    let end = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let factor = match &text[end..] {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1024.0_f64.powi(2),
        "Gi" => 1024.0_f64.powi(3),
        "Ti" => 1024.0_f64.powi(4),
        "Pi" => 1024.0_f64.powi(5),
        _ => 1.0,
    };
    text[..end].parse::<f64>().unwrap_or(0.0) * factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kube::resources::builtin;

    fn told(causes: &[Cause]) -> Vec<String> {
        causes.iter().map(|it| format!("{}: {}", it.field, it.message)).collect()
    }

    #[test]
    fn names_follow_their_kind() {
        for (group, plural, name, valid) in [
            ("", "configmaps", "a.b-c", true),
            ("", "configmaps", "A", false),
            ("", "configmaps", "a_b", false),
            ("", "services", "a.b", false),
            ("", "services", "1a", false),
            ("", "namespaces", "a.b", false),
            ("rbac.authorization.k8s.io", "roles", "system:x", true),
            ("rbac.authorization.k8s.io", "roles", "a/b", false),
        ] {
            let mut causes = Vec::new();
            metadata(
                builtin(group, plural).unwrap(),
                &json!({"metadata": {"name": name}}),
                &mut causes,
            );
            assert_eq!(causes.is_empty(), valid, "{plural} {name}");
        }
    }

    #[test]
    fn a_deployment_must_select_its_pods_and_mount_its_volumes() {
        let deployment = json!({"metadata": {"name": "a"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "a"}},
            "template": {"metadata": {"labels": {"app": "b"}}, "spec": {"restartPolicy": "Always", "containers": [
                {"name": "c", "image": "i", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}, {"name": "c"}]}}}});
        assert_eq!(
            told(&object(builtin("apps", "deployments").unwrap(), &deployment)),
            [
                r#"spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`"#,
                r#"spec.template.spec.containers[0].volumeMounts[0].name: Not found: "v""#,
                r#"spec.template.spec.containers[1].name: Duplicate value: "c""#,
                "spec.template.spec.containers[1].image: Required value",
            ]
        );
    }

    #[test]
    fn what_cannot_change_is_told() {
        let cases = [
            (
                "apps",
                "deployments",
                json!({"spec": {"selector": 1}}),
                json!({"spec": {"selector": 2}}),
                "spec.selector: Invalid value: 2: field is immutable",
            ),
            (
                "",
                "configmaps",
                json!({"immutable": true, "data": 1}),
                json!({"immutable": true, "data": 2}),
                "data: Forbidden: field is immutable when `immutable` is set",
            ),
            (
                "rbac.authorization.k8s.io",
                "rolebindings",
                json!({"roleRef": 1}),
                json!({"roleRef": 2}),
                "roleRef: Invalid value: 2: cannot change roleRef",
            ),
        ];
        for (group, plural, old, new, expected) in cases {
            assert_eq!(told(&update(builtin(group, plural).unwrap(), &old, &new)), [expected]);
        }
    }
}
