//! A service on the cluster: its pods, how many there are, and how they are kept well, apart and to themselves.

use serde_json::{Map, Value, json};

use super::path::Caller;
use super::wiring::Wire;
use super::{Compiler, get, path, service, short_hash};
use crate::address::Address;
use crate::blueprint::component::identity::Via;
use crate::blueprint::component::service::{
    Backlog, PORT_NAME, Probes, Resources, Scale, Service, Spread, namespaces,
};
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{HttpPath, Int, Name, PodCount, Port};
use crate::source::Spanned;

/// How many versions of a Deployment can be rolled back to.
const REVISIONS: u32 = 3;
/// How long a rollout may make no progress before it counts as failed, in seconds: with [`REVISIONS`] the last word on
/// a bad image.
const PROGRESS_DEADLINE: u32 = 600;
/// The share of processors that services scale by when nothing is said.
const CPU_TARGET: u8 = 70;
/// How long an autoscaler looks back before it takes pods away, in seconds.
const CALM: u32 = 300;
/// The annotation that makes pods of new configuration new pods.
const CONFIG_HASH: &str = "platctl.dev/config";
/// The minor version of Kubernetes since which a pod can sleep before it ends, without a shell in its image.
const SLEEP_SINCE: u32 = 30;
/// How often a probe may fail.
const FAILURES: u32 = 3;
/// The longest gap between two questions whether a pod has started, in seconds: readiness should not wait for it.
const STARTUP_PERIOD_MAX: u32 = 5;

impl Compiler<'_> {
    /// The namespaces of the services.
    pub(super) fn namespaces(&mut self) {
        let blueprint = self.blueprint;
        for namespace in namespaces(blueprint.services.values(), &blueprint.name) {
            let mut labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
            if blueprint.istio().is_some() {
                labels["istio-injection"] = json!("enabled");
            }
            let component = format!("namespaces.{namespace}");
            self.namespace(&component, namespace.as_str(), &labels);
            self.deny_by_default(namespace);
            self.mesh_of_namespace(namespace);
        }
    }

    pub(super) fn namespace(&mut self, component: &str, name: &str, labels: &Value) {
        let manifest = json!({"metadata": {"name": name, "labels": labels}});
        self.object(
            &Address::of(component, &format!("namespace/{name}")),
            "v1/Namespace",
            manifest,
        );
    }

    pub(super) fn workload(&mut self, name: &Name, service: &Service) {
        let offers = self.blueprint.offers();
        let wires = self.wires(name, service, &offers);
        let has_role = wires.iter().any(|wire| !wire.statements.is_empty());
        self.service_account(name, service, has_role);
        self.config_map(name, service);
        if let Some(store) = &offers.secret_store {
            self.copies_of_secrets(name, service, &wires, store);
        }
        self.deployment(name, service, &wires, has_role);
        self.cluster_ip(name, service);
        self.autoscaler(name, service);
        self.disruption_budget(name, service);
        self.network_policy(name, service, &wires);
        self.mesh(name, service);
        self.routes_of_service(name, service, &offers);
    }

    /// What all objects of a service have.
    pub(super) fn metadata(&self, object: &str, name: &Name, service: &Service) -> Value {
        json!({
            "name": object,
            "namespace": service.namespace(&self.blueprint.name).as_str(),
            "labels": self.labels(name),
        })
    }

    fn labels(&self, name: &Name) -> Value {
        let mut labels = service::selector(name);
        labels["app.kubernetes.io/part-of"] = json!(self.blueprint.name.as_str());
        labels["app.kubernetes.io/managed-by"] = json!("platctl");
        labels
    }

    fn service_account(&mut self, name: &Name, service: &Service, has_role: bool) {
        let mut metadata = self.metadata(name.as_str(), name, service);
        if has_role && service.identity.value == Via::Irsa {
            let role = get(&service::role(name), "Arn");
            metadata["annotations"] = json!({"eks.amazonaws.com/role-arn": role});
        }
        // No service of a blueprint asks the Kubernetes API.
        let manifest = json!({"metadata": metadata, "automountServiceAccountToken": false});
        self.object(&at(name, "service-account"), "v1/ServiceAccount", manifest);
    }

    /// What `env` says. What `uses` gives stands in the pods themselves, which are new when it changes.
    fn config_map(&mut self, name: &Name, service: &Service) {
        if service.env.is_empty() {
            return;
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "data": data(service),
        });
        self.object(&at(name, "config"), "v1/ConfigMap", manifest);
    }

    fn deployment(&mut self, name: &Name, service: &Service, wires: &[Wire], has_role: bool) {
        let mut template = json!({"labels": self.labels(name)});
        if !service.env.is_empty() {
            let config = Value::Object(data(service)).to_string();
            template["annotations"] = json!({CONFIG_HASH: short_hash(&config)});
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {
                // An autoscaler has the say otherwise.
                "replicas": (!service.is_scaled()).then(|| service.replicas.min.get()),
                "revisionHistoryLimit": REVISIONS,
                "progressDeadlineSeconds": PROGRESS_DEADLINE,
                "selector": {"matchLabels": service::selector(name)},
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 0, "maxSurge": "25%"},
                },
                "template": {"metadata": template, "spec": self.pod(name, service, wires)},
            },
        });
        // Nothing in the manifest says that pods need their permissions and their way to what they use.
        let used = wires.iter().map(|wire| (wire.used.component, &wire.used.name));
        let mut before: Vec<Address> = used
            .filter_map(|(component, name)| match component {
                ComponentType::Database | ComponentType::Cache => {
                    let path = format!("{}.{name}", component.section());
                    Some(path::ingress_from(&path, &Caller::Cluster))
                }
                _ => None,
            })
            .collect();
        if has_role {
            before.push(at(name, "policy"));
        }
        self.object(&at(name, "deployment"), "apps/v1/Deployment", manifest).after_all(&before);
    }

    fn pod(&self, name: &Name, service: &Service, wires: &[Wire]) -> Value {
        let (mut volumes, mut mounts) = (vec![volume("tmp", None)], vec![mount("tmp", "/tmp")]);
        for (volume_name, one) in &service.volumes {
            // Names of the blueprint's choice stand apart from ours.
            let own = format!("volume-{volume_name}");
            volumes.push(volume(&own, Some(one.size.to_string())));
            mounts.push(mount(&own, one.path.as_str()));
        }
        let text = |list: &[String]| (!list.is_empty()).then(|| json!(list));
        let mut container = json!({
            "name": name.as_str(),
            "image": self.image(service),
            "command": text(&service.command),
            "args": text(&service.args),
            "ports": ports(service, |port| json!({"containerPort": port})),
            "envFrom": (!service.env.is_empty())
                .then(|| json!([{"configMapRef": {"name": name.as_str()}}])),
            "env": self.environment(service, wires),
            "resources": resources(&service.resources),
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": mounts,
        });
        let drain = if service.port.is_some() { service.drain.get() } else { 0 };
        let cluster = self.blueprint.cluster.as_ref();
        let sleeps = cluster.is_none_or(|cluster| cluster.version.minor >= SLEEP_SINCE);
        if drain > 0 && sleeps {
            container["lifecycle"] = json!({"preStop": {"sleep": {"seconds": drain}}});
        }
        for (probe, value) in probes(service) {
            container[probe] = value;
        }
        json!({
            "serviceAccountName": name.as_str(),
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
            "terminationGracePeriodSeconds": drain + service.grace.get(),
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": service.user.map(Int::get),
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "topologySpreadConstraints": spread(name, service.spread),
            "affinity": apart(name, service.spread),
            "containers": [container],
            "volumes": volumes,
        })
    }

    /// The variables of what is used, each by itself, so that a plan shows which.
    fn environment(&self, service: &Service, wires: &[Wire]) -> Value {
        let mut all: Map<String, Value> = Map::new();
        if !wires.is_empty() && !service.env.keys().any(|it| it.as_str() == "AWS_REGION") {
            all.insert("AWS_REGION".into(), json!({"value": self.builder.region()}));
        }
        for wire in wires {
            for (variable, value) in &wire.variables {
                all.insert(variable.clone(), json!({"value": value}));
            }
            if let Some(synced) = &wire.synced {
                for variable in synced.variables.keys() {
                    let copy = json!({"secretKeyRef": {"name": synced.name, "key": variable}});
                    all.insert(variable.clone(), json!({"valueFrom": copy}));
                }
            }
        }
        let named = |(name, mut value): (String, Value)| {
            value["name"] = json!(name);
            value
        };
        let all: Vec<Value> = all.into_iter().map(named).collect();
        if all.is_empty() { Value::Null } else { Value::Array(all) }
    }

    fn cluster_ip(&mut self, name: &Name, service: &Service) {
        let ports = ports(service, |port| json!({"port": port, "targetPort": port}));
        if ports.is_null() {
            return;
        }
        let mut ports = ports;
        if let Some(first) = ports.get_mut(0).filter(|it| it["name"] == PORT_NAME) {
            first["appProtocol"] = json!("http");
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {"type": "ClusterIP", "selector": service::selector(name), "ports": ports},
        });
        self.object(&at(name, "service"), "v1/Service", manifest);
    }

    fn autoscaler(&mut self, name: &Name, service: &Service) {
        if !service.is_scaled() {
            return;
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {
                "scaleTargetRef": {
                    "apiVersion": "apps/v1", "kind": "Deployment", "name": name.as_str(),
                },
                "minReplicas": service.replicas.min.get(),
                "maxReplicas": service.replicas.max.get(),
                "metrics": self.metrics_of(name, service),
                // Up at once, as fast as by doubling; down in halves, once it has been calm for a while.
                "behavior": {
                    "scaleUp": {
                        "stabilizationWindowSeconds": 0,
                        "selectPolicy": "Max",
                        "policies": [
                            {"type": "Percent", "value": 100, "periodSeconds": 30},
                            {"type": "Pods", "value": 4, "periodSeconds": 30},
                        ],
                    },
                    "scaleDown": {
                        "stabilizationWindowSeconds": CALM,
                        "selectPolicy": "Max",
                        "policies": [{"type": "Percent", "value": 50, "periodSeconds": 60}],
                    },
                },
            },
        });
        self.object(&at(name, "autoscaler"), "autoscaling/v2/HorizontalPodAutoscaler", manifest);
    }

    fn metrics_of(&self, name: &Name, service: &Service) -> Vec<Value> {
        // Of the service's own container: a sidecar would water its share down.
        let share = |resource: &str, percent: u8| {
            json!({"type": "ContainerResource", "containerResource": {
                "name": resource,
                "container": name.as_str(),
                "target": {"type": "Utilization", "averageUtilization": percent},
            }})
        };
        let Some(scale) = &service.scale else { return vec![share("cpu", CPU_TARGET)] };
        let Scale { cpu, memory, queue } = &scale.value;
        let mut metrics = Vec::new();
        metrics.extend(cpu.map(|percent| share("cpu", percent.get())));
        metrics.extend(memory.map(|percent| share("memory", percent.get())));
        metrics.extend(queue.as_ref().map(|backlog| self.backlog(backlog)));
        metrics
    }

    fn backlog(&self, backlog: &Backlog) -> Value {
        let Backlog { of, each } = backlog;
        let suffix = self.blueprint.queues.get(&of.name).map_or("", |queue| queue.suffix());
        let queue = format!("{}{suffix}", self.name(&of.name));
        json!({"type": "External", "external": {
            "metric": {
                "name": "aws_sqs_approximate_number_of_messages_visible_average",
                "selector": {"matchLabels": {"dimension_QueueName": queue}},
            },
            "target": {"type": "AverageValue", "averageValue": each.get().to_string()},
        }})
    }

    fn disruption_budget(&mut self, name: &Name, service: &Service) {
        if service.replicas.max.get() == 0 {
            return;
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {
                "maxUnavailable": match service.disruption.max_unavailable.value {
                    PodCount::Number(number) => json!(number),
                    PodCount::Share(share) => json!(share.to_string()),
                },
                // A pod that is not well does not keep a node from being drained.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
                "selector": {"matchLabels": service::selector(name)},
            },
        });
        self.object(&at(name, "disruption-budget"), "policy/v1/PodDisruptionBudget", manifest);
    }
}

pub(super) fn at(name: &Name, role: &str) -> Address {
    Address::of(&service::component(name), role)
}

fn data(service: &Service) -> Map<String, Value> {
    service.env.iter().map(|(name, value)| (name.to_string(), json!(value))).collect()
}

/// All ports with their names, each with what is said of its number; nothing if there are none.
fn ports(service: &Service, about: impl Fn(u32) -> Value) -> Value {
    let named = |(name, port): (&str, &Spanned<Port>)| {
        let mut one = about(port.get());
        one["name"] = json!(name);
        one["protocol"] = json!("TCP");
        one
    };
    let all: Vec<Value> = service.all_ports().map(named).collect();
    if all.is_empty() { Value::Null } else { Value::Array(all) }
}

fn resources(resources: &Resources) -> Value {
    let Resources { cpu, memory } = resources;
    let sides = |min: bool| {
        let pick = |(least, most): (String, String)| if min { least } else { most };
        json!({
            "cpu": cpu.as_ref().map(|it| pick((it.min.to_string(), it.max.to_string()))),
            "memory": memory.as_ref().map(|it| pick((it.min.to_string(), it.max.to_string()))),
        })
    };
    json!({"requests": sides(true), "limits": sides(false)})
}

fn probes(service: &Service) -> Vec<(&'static str, Value)> {
    let Some(health) = &service.health else {
        // Whether it takes connections says no more than that it has started.
        let connects = json!({"tcpSocket": {"port": PORT_NAME}, "failureThreshold": FAILURES});
        return service.port.iter().map(|_| ("readinessProbe", connects.clone())).collect();
    };
    let Probes { path, live, ready, startup, interval, timeout, starts_within } = &health.value;
    let probe = |own: Option<&HttpPath>, period: u32, failures: u32| {
        json!({
            "httpGet": {"path": own.unwrap_or(path).as_str(), "port": PORT_NAME},
            "periodSeconds": period,
            "timeoutSeconds": timeout.get(),
            "failureThreshold": failures,
        })
    };
    let often = interval.get().min(STARTUP_PERIOD_MAX);
    vec![
        ("livenessProbe", probe(live.as_ref(), interval.get(), FAILURES)),
        ("readinessProbe", probe(ready.as_ref(), interval.get(), FAILURES)),
        ("startupProbe", probe(startup.as_ref(), often, starts_within.get().div_ceil(often))),
    ]
}

fn spread(name: &Name, spread: Spread) -> Value {
    let over = |topology: &str, when: &str| {
        json!({
            "maxSkew": 1,
            "topologyKey": topology,
            "whenUnsatisfiable": when,
            "labelSelector": {"matchLabels": service::selector(name)},
            // A rollout does not count the pods that it replaces.
            "matchLabelKeys": ["pod-template-hash"],
        })
    };
    let zones = match spread {
        Spread::None => return Value::Null,
        Spread::Preferred => "ScheduleAnyway",
        Spread::Required => "DoNotSchedule",
    };
    json!([
        over("topology.kubernetes.io/zone", zones),
        over("kubernetes.io/hostname", "ScheduleAnyway"),
    ])
}

fn apart(name: &Name, spread: Spread) -> Value {
    match spread {
        Spread::None => Value::Null,
        Spread::Preferred | Spread::Required => json!({"podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": {"matchLabels": service::selector(name)},
                },
            }],
        }}),
    }
}

fn volume(name: &str, size: Option<String>) -> Value {
    match size {
        Some(size) => json!({"name": name, "emptyDir": {"sizeLimit": size}}),
        None => json!({"name": name, "emptyDir": {}}),
    }
}

fn mount(name: &str, path: &str) -> Value {
    json!({"name": name, "mountPath": path})
}
