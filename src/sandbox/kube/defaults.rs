//! What an API server fills into objects of built-in kinds, as far as users get to see it.

use serde_json::{Map, Value, json};

use super::autoscalers;
use super::definitions;
use super::resources::Resource;
use super::store::{Cluster, Key};

/// Fills in what is missing. `old` is what is stored, if anything is.
pub(super) fn fill(
    cluster: &mut Cluster,
    resource: &Resource,
    old: Option<&Value>,
    object: &mut Value,
) {
    let spec_of = |object: &mut Value| -> bool { object["spec"].is_object() };
    match resource.plural.as_str() {
        "namespaces" => namespace(old, object),
        "secrets" => secret(object),
        "services" => service(cluster, old, object),
        "customresourcedefinitions" => definitions::default(object),
        "persistentvolumeclaims" => {
            set(&mut object["spec"], &[("volumeMode", json!("Filesystem"))]);
            set(&mut object["status"], &[("phase", json!("Pending"))]);
        }
        "persistentvolumes" => {
            set(
                &mut object["spec"],
                &[
                    ("volumeMode", json!("Filesystem")),
                    ("persistentVolumeReclaimPolicy", json!("Retain")),
                ],
            );
            volume(&mut object["spec"]);
            set(&mut object["status"], &[("phase", json!("Pending"))]);
        }
        "limitranges" => each(&mut object["spec"], "limits").for_each(limit),
        "endpoints" => {
            for subset in each(object, "subsets") {
                for port in each(subset, "ports") {
                    set(port, &[("protocol", json!("TCP"))]);
                }
            }
        }
        "csidrivers" => set(
            &mut object["spec"],
            &[
                ("attachRequired", json!(true)),
                ("podInfoOnMount", json!(false)),
                ("storageCapacity", json!(false)),
                ("fsGroupPolicy", json!("ReadWriteOnceWithFSType")),
                ("volumeLifecycleModes", json!(["Persistent"])),
                ("requiresRepublish", json!(false)),
                ("seLinuxMount", json!(false)),
            ],
        ),
        "storageclasses" => set(
            object,
            &[("reclaimPolicy", json!("Delete")), ("volumeBindingMode", json!("Immediate"))],
        ),
        "priorityclasses" => set(object, &[("preemptionPolicy", json!("PreemptLowerPriority"))]),
        "networkpolicies" if spec_of(object) => network_policy(&mut object["spec"]),
        "horizontalpodautoscalers" if spec_of(object) => {
            autoscalers::fill(&mut object["spec"]);
        }
        "mutatingwebhookconfigurations" | "validatingwebhookconfigurations" => {
            webhooks(resource, object);
        }
        "rolebindings" | "clusterrolebindings" => binding(object),
        "apiservices" => {
            if object["spec"]["service"].is_object() {
                set(&mut object["spec"]["service"], &[("port", json!(443))]);
            }
        }
        "pods" if spec_of(object) => {
            set(
                &mut object["spec"],
                &[
                    ("enableServiceLinks", json!(true)),
                    ("preemptionPolicy", json!("PreemptLowerPriority")),
                    ("priority", json!(0)),
                ],
            );
            pod(&mut object["spec"]);
        }
        "deployments" if spec_of(object) => {
            let spec = &mut object["spec"];
            set(
                spec,
                &[
                    ("replicas", json!(1)),
                    ("revisionHistoryLimit", json!(10)),
                    ("progressDeadlineSeconds", json!(600)),
                ],
            );
            rolling(spec, "strategy", &json!({ "maxSurge": "25%", "maxUnavailable": "25%" }));
            template(spec);
        }
        "replicasets" | "replicationcontrollers" if spec_of(object) => {
            set(&mut object["spec"], &[("replicas", json!(1))]);
            template(&mut object["spec"]);
        }
        "statefulsets" if spec_of(object) => {
            let spec = &mut object["spec"];
            set(
                spec,
                &[
                    ("replicas", json!(1)),
                    ("revisionHistoryLimit", json!(10)),
                    ("podManagementPolicy", json!("OrderedReady")),
                    (
                        "persistentVolumeClaimRetentionPolicy",
                        json!({ "whenDeleted": "Retain", "whenScaled": "Retain" }),
                    ),
                ],
            );
            rolling(spec, "updateStrategy", &json!({ "partition": 0 }));
            for claim in each(spec, "volumeClaimTemplates") {
                set(
                    claim,
                    &[
                        ("apiVersion", json!("v1")),
                        ("kind", json!("PersistentVolumeClaim")),
                        ("status", json!({ "phase": "Pending" })),
                    ],
                );
                set(&mut claim["spec"], &[("volumeMode", json!("Filesystem"))]);
            }
            template(spec);
        }
        "daemonsets" if spec_of(object) => {
            let spec = &mut object["spec"];
            set(spec, &[("revisionHistoryLimit", json!(10))]);
            rolling(spec, "updateStrategy", &json!({ "maxSurge": 0, "maxUnavailable": 1 }));
            template(spec);
        }
        "jobs" if spec_of(object) => job(object),
        "cronjobs" if spec_of(object) => {
            let spec = &mut object["spec"];
            set(
                spec,
                &[
                    ("concurrencyPolicy", json!("Allow")),
                    ("suspend", json!(false)),
                    ("successfulJobsHistoryLimit", json!(3)),
                    ("failedJobsHistoryLimit", json!(1)),
                ],
            );
            template(&mut spec["jobTemplate"]["spec"]);
        }
        _ => {}
    }
}

/// Of a container what is at most is what it gets, and what it gets or is at least is what it asks for.
fn limit(item: &mut Value) {
    if item["type"] != "Container" {
        return;
    }
    for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")]
    {
        for (name, amount) in item[from].as_object().cloned().into_iter().flatten() {
            set(&mut item[to], &[(&name, amount)]);
        }
    }
}

pub(super) fn set(target: &mut Value, defaults: &[(&str, Value)]) {
    if target.is_null() {
        *target = json!({});
    }
    if let Value::Object(members) = target {
        for (name, value) in defaults {
            members.entry(*name).or_insert_with(|| value.clone());
        }
    }
}

fn each<'v>(target: &'v mut Value, list: &str) -> impl Iterator<Item = &'v mut Value> {
    target.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten()
}

fn namespace(old: Option<&Value>, object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    if old.is_none() {
        set(&mut object["spec"], &[("finalizers", json!(["kubernetes"]))]);
    }
}

fn secret(object: &mut Value) {
    set(object, &[("type", json!("Opaque"))]);
    let Some(Value::Object(clear)) = object.as_object_mut().and_then(|it| it.remove("stringData"))
    else {
        return;
    };
    for (key, value) in clear {
        let text = value.as_str().unwrap_or_default();
        object["data"][key] = aws_smithy_types::base64::encode(text).into();
    }
}

fn service(cluster: &mut Cluster, old: Option<&Value>, object: &mut Value) {
    let spec = &mut object["spec"];
    set(spec, &[("type", json!("ClusterIP")), ("sessionAffinity", json!("None"))]);
    for port in each(spec, "ports") {
        set(port, &[("protocol", json!("TCP"))]);
        let number = port["port"].clone();
        set(port, &[("targetPort", number)]);
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind == "ExternalName" {
        return;
    }
    set(
        spec,
        &[
            ("internalTrafficPolicy", json!("Cluster")),
            ("ipFamilies", json!(["IPv4"])),
            ("ipFamilyPolicy", json!("SingleStack")),
        ],
    );
    let before = old.map(|old| &old["spec"]);
    // What the server gave stays, unless something else is asked for.
    if !spec["clusterIP"].is_string() {
        spec["clusterIP"] = match before.and_then(|it| it.get("clusterIP")) {
            Some(address) => address.clone(),
            None => {
                cluster.addresses += 1;
                let [high, low] = [cluster.addresses / 250, cluster.addresses % 250 + 1];
                format!("172.20.{high}.{low}").into()
            }
        };
    }
    spec["clusterIPs"] = json!([spec["clusterIP"]]);
    if kind == "NodePort" || kind == "LoadBalancer" {
        set(spec, &[("externalTrafficPolicy", json!("Cluster"))]);
        let ports_before = before.map(|it| it["ports"].clone()).unwrap_or_default();
        for port in each(spec, "ports") {
            if port.get("nodePort").is_none() {
                let same =
                    |it: &&Value| it["port"] == port["port"] && it["protocol"] == port["protocol"];
                let known = ports_before.as_array().into_iter().flatten().find(same);
                port["nodePort"] = match known.and_then(|it| it.get("nodePort")) {
                    Some(number) => number.clone(),
                    None => {
                        cluster.node_ports += 1;
                        (30_000 + cluster.node_ports % 2_768).into()
                    }
                };
            }
        }
    }
    if kind == "LoadBalancer" {
        set(spec, &[("allocateLoadBalancerNodePorts", json!(true))]);
    }
}

fn network_policy(spec: &mut Value) {
    if spec.get("policyTypes").is_none() {
        let egress = spec.get("egress").is_some();
        spec["policyTypes"] =
            if egress { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    }
    for rules in ["ingress", "egress"] {
        for rule in each(spec, rules) {
            for port in each(rule, "ports") {
                set(port, &[("protocol", json!("TCP"))]);
            }
        }
    }
}

fn webhooks(resource: &Resource, object: &mut Value) {
    for webhook in each(object, "webhooks") {
        set(
            webhook,
            &[
                ("failurePolicy", json!("Fail")),
                ("matchPolicy", json!("Equivalent")),
                ("namespaceSelector", json!({})),
                ("objectSelector", json!({})),
                ("timeoutSeconds", json!(10)),
            ],
        );
        if resource.plural.starts_with("mutating") {
            set(webhook, &[("reinvocationPolicy", json!("Never"))]);
        }
        if webhook["clientConfig"]["service"].is_object() {
            set(&mut webhook["clientConfig"]["service"], &[("port", json!(443))]);
        }
        for rule in each(webhook, "rules") {
            set(rule, &[("scope", json!("*"))]);
        }
    }
}

fn binding(object: &mut Value) {
    if object["roleRef"].is_object() {
        set(&mut object["roleRef"], &[("apiGroup", json!("rbac.authorization.k8s.io"))]);
    }
    for subject in each(object, "subjects") {
        if subject["kind"] != "ServiceAccount" {
            set(subject, &[("apiGroup", json!("rbac.authorization.k8s.io"))]);
        }
    }
}

fn rolling(spec: &mut Value, name: &str, details: &Value) {
    set(&mut spec[name], &[("type", json!("RollingUpdate"))]);
    if spec[name]["type"] == "RollingUpdate" {
        set(&mut spec[name]["rollingUpdate"], &[]);
        for (key, value) in details.as_object().into_iter().flatten() {
            set(&mut spec[name]["rollingUpdate"], &[(key, value.clone())]);
        }
    }
}

fn job(object: &mut Value) {
    let uid = object["metadata"]["uid"].clone();
    let name = object["metadata"]["name"].clone();
    let spec = &mut object["spec"];
    set(
        spec,
        &[
            ("backoffLimit", json!(6)),
            ("completionMode", json!("NonIndexed")),
            ("manualSelector", json!(false)),
            ("podReplacementPolicy", json!("TerminatingOrFailed")),
            ("suspend", json!(false)),
        ],
    );
    if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
        set(spec, &[("completions", json!(1))]);
    }
    set(spec, &[("parallelism", json!(1))]);
    if spec["manualSelector"] != json!(true) && uid.is_string() {
        set(
            spec,
            &[(
                "selector",
                json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } }),
            )],
        );
        for (label, value) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            spec["template"]["metadata"]["labels"][label] = value.clone();
        }
    }
    template(spec);
    // One without labels shows those of its pods.
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    let unlabelled = object["metadata"]["labels"].as_object().is_none_or(Map::is_empty);
    if unlabelled && labels.is_object() {
        object["metadata"]["labels"] = labels;
    }
}

/// The pods of a workload.
fn template(spec: &mut Value) {
    if spec["template"]["spec"].is_object() {
        pod(&mut spec["template"]["spec"]);
    }
}

fn pod(spec: &mut Value) {
    set(
        spec,
        &[
            ("restartPolicy", json!("Always")),
            ("dnsPolicy", json!("ClusterFirst")),
            ("schedulerName", json!("default-scheduler")),
            ("terminationGracePeriodSeconds", json!(30)),
            ("securityContext", json!({})),
        ],
    );
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        spec["serviceAccount"] = account;
    }
    for list in ["initContainers", "containers"] {
        for container in each(spec, list) {
            self::container(container);
        }
    }
    for volume in each(spec, "volumes") {
        self::volume(volume);
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    let latest =
        !image.contains('@') && name.split_once(':').is_none_or(|(_, tag)| tag == "latest");
    set(
        container,
        &[
            ("imagePullPolicy", json!(if latest { "Always" } else { "IfNotPresent" })),
            ("terminationMessagePath", json!("/dev/termination-log")),
            ("terminationMessagePolicy", json!("File")),
            ("resources", json!({})),
        ],
    );
    for port in each(container, "ports") {
        set(port, &[("protocol", json!("TCP"))]);
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            set(&mut variable["valueFrom"]["fieldRef"], &[("apiVersion", json!("v1"))]);
        }
    }
    // What is limited and not requested is requested as it is limited.
    let limits = container["resources"]["limits"].as_object().cloned().unwrap_or_default();
    if !limits.is_empty() {
        set(&mut container["resources"]["requests"], &[]);
        for (name, limit) in &limits {
            set(&mut container["resources"]["requests"], &[(name, limit.clone())]);
        }
    }
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container.get(name).is_some_and(Value::is_object) {
            let probe = &mut container[name];
            set(
                probe,
                &[
                    ("failureThreshold", json!(3)),
                    ("periodSeconds", json!(10)),
                    ("successThreshold", json!(1)),
                    ("timeoutSeconds", json!(1)),
                ],
            );
            if probe.get("httpGet").is_some_and(Value::is_object) {
                set(&mut probe["httpGet"], &[("scheme", json!("HTTP")), ("path", json!("/"))]);
            }
        }
    }
}

fn volume(volume: &mut Value) {
    for (kind, defaults) in [
        ("configMap", json!({ "defaultMode": 420 })),
        ("secret", json!({ "defaultMode": 420 })),
        ("downwardAPI", json!({ "defaultMode": 420 })),
        ("projected", json!({ "defaultMode": 420 })),
    ] {
        if volume.get(kind).is_some_and(Value::is_object) {
            for (name, value) in defaults.as_object().into_iter().flatten() {
                set(&mut volume[kind], &[(name, value.clone())]);
            }
        }
    }
    if volume.get("hostPath").is_some_and(Value::is_object) {
        set(&mut volume["hostPath"], &[("type", json!(""))]);
    }
    if volume.get("projected").is_some() {
        for source in each(&mut volume["projected"], "sources") {
            if source.get("serviceAccountToken").is_some_and(Value::is_object) {
                set(&mut source["serviceAccountToken"], &[("expirationSeconds", json!(3600))]);
            }
        }
    }
}

/// What every namespace is born with.
pub(super) fn contents_of_namespace(name: &str) -> [(&'static str, Value); 2] {
    [
        (
            "serviceaccounts",
            json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "default", "namespace": name } }),
        ),
        (
            "configmaps",
            json!({
                "apiVersion": "v1", "kind": "ConfigMap", "data": { "ca.crt": "" },
                "metadata": { "name": "kube-root-ca.crt", "namespace": name,
                    "annotations": { "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters." } },
            }),
        ),
    ]
}

/// The namespaces of a new cluster.
pub(super) const NAMESPACES: [&str; 4] =
    ["default", "kube-node-lease", "kube-public", "kube-system"];

pub(super) fn namespace_key(name: &str) -> Key {
    Key { resource: "namespaces".into(), namespace: String::new(), name: name.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kube::resources::builtin;

    #[test]
    fn a_service_gets_an_address_and_keeps_it() {
        let mut cluster = Cluster::new(1.0);
        let services = builtin("", "services").unwrap();
        let mut first = json!({"spec": {"ports": [{"port": 80}]}});
        fill(&mut cluster, services, None, &mut first);
        assert_eq!(
            first["spec"],
            json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack", "clusterIP": "172.20.0.2", "clusterIPs": ["172.20.0.2"],
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]})
        );
        let mut second = json!({"spec": {"ports": [{"port": 81}], "type": "LoadBalancer"}});
        fill(&mut cluster, services, Some(&first), &mut second);
        assert_eq!(second["spec"]["clusterIP"], "172.20.0.2");
        assert_eq!(second["spec"]["ports"][0]["nodePort"], 30_001);
    }

    #[test]
    fn clear_text_of_a_secret_is_folded_into_its_data() {
        let mut secret = json!({"stringData": {"a": "b"}, "data": {"c": "ZA=="}});
        fill(&mut Cluster::new(1.0), builtin("", "secrets").unwrap(), None, &mut secret);
        assert_eq!(secret, json!({"type": "Opaque", "data": {"a": "Yg==", "c": "ZA=="}}));
    }

    #[test]
    fn the_policy_of_pulling_follows_the_tag() {
        for (image, policy) in [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("r:5000/nginx", "Always"),
            ("nginx:1", "IfNotPresent"),
            ("nginx@sha256:0", "IfNotPresent"),
        ] {
            let mut spec = json!({"containers": [{"name": "a", "image": image}]});
            pod(&mut spec);
            assert_eq!(spec["containers"][0]["imagePullPolicy"], policy, "{image}");
        }
    }
}
