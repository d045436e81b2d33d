//! Objects of Kubernetes through every stage: planned, applied, compared, healed, destroyed, on a cluster of the sandbox;
//! with `KUBEBUILDER_ASSETS` on a real API server, which a kubeconfig file tells of.

mod chart;
mod definitions;
mod drift;
mod elsewhere;
mod life;
mod load_balancers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use platctl::address::Address;
use platctl::graph::{Builder, Graph};
use serde_json::{Value, json};

use crate::support::api_server::{ApiServer, CONTEXT};
use crate::support::{REGION, Server, TestStack, kubectl, request_as};

const CLUSTER: &str = "play";

fn get(address: &str, output: &str) -> Value {
    json!({"Fn::GetAtt": [address, output]})
}

/// A stack with a cluster, and somebody else with access to it.
struct Play {
    stack: TestStack,
    /// A real API server; without one the cluster is one of the sandbox's EKS.
    real: Option<ApiServer>,
    /// What a real one of another age has in another version: kinds as manifests have them, and as it has them.
    versions: BTreeMap<&'static str, String>,
    /// Servers before 1.21 do not know that the port of a Service without a protocol is one of TCP.
    with_protocols: bool,
}

impl Play {
    /// On a real API server, if there is one.
    async fn new(server: &Server) -> Self {
        let Some(real) = ApiServer::if_real().await else { return Self::on_eks(server).await };
        let mut versions = BTreeMap::new();
        for (_, kind, _) in all_sorts() {
            if !kind.starts_with("example.com/") {
                versions.insert(kind, real.served(kind).await);
            }
        }
        let stack = TestStack::beside(server, CLUSTER, &real).await;
        let with_protocols = real.minor().await < 21;
        Self { stack, real: Some(real), versions, with_protocols }
    }

    async fn on_eks(server: &Server) -> Self {
        let stack = TestStack::new(server, CLUSTER).await;
        Self { stack, real: None, versions: BTreeMap::new(), with_protocols: false }
    }

    /// How ids name the cluster.
    fn cluster(&self) -> String {
        match &self.real {
            Some(_) => format!("kubeconfig:{CONTEXT}"),
            None => CLUSTER.to_owned(),
        }
    }

    /// A kind in the version that the cluster has.
    fn kind<'a>(&'a self, kind: &'a str) -> &'a str {
        self.versions.get(kind).map_or(kind, String::as_str)
    }

    /// The cluster, and these objects on it: address, kind, manifest.
    fn graph(&self, objects: &[(&str, &str, Value)]) -> Graph {
        let mut builder = self.stack.builder();
        let its_cluster = if self.real.is_some() {
            json!(self.cluster())
        } else {
            cluster(&mut builder);
            get("cluster/cluster", "Name")
        };
        for (address, kind, manifest) in objects {
            let mut spec = manifest.clone();
            spec["cluster"] = its_cluster.clone();
            if self.with_protocols && *kind == "v1/Service" {
                for port in spec["spec"]["ports"].as_array_mut().unwrap() {
                    port["protocol"] = json!("TCP");
                }
            }
            let added = builder.add(address.parse().unwrap(), self.kind(kind), spec);
            if let Some(namespace) = manifest["metadata"]["namespace"].as_str() {
                let needed = |(_, kind, it): &&(&str, &str, Value)| {
                    *kind == "v1/Namespace" && it["metadata"]["name"] == namespace
                };
                if let Some((at, ..)) = objects.iter().find(needed) {
                    added.after(&at.parse().unwrap());
                }
            }
        }
        builder.build().unwrap()
    }

    /// The path of an object in the namespace of [`all_sorts`].
    fn path(&self, kind: &str, plural_and_name: &str) -> String {
        let version = self.kind(kind).rsplit_once('/').unwrap().0;
        let root = if version.contains('/') { "apis" } else { "api" };
        format!("/{root}/{version}/namespaces/shop/{plural_and_name}")
    }

    /// Somebody else's request, as a field manager of that name.
    async fn others(
        &self,
        manager: &str,
        method: Method,
        path: &str,
        patch: Option<Value>,
    ) -> Value {
        if let Some(real) = &self.real {
            let deletes = method == Method::DELETE;
            let answer = real.ask(request_as(manager, method, path, patch)).await.unwrap();
            // What it leaves behind is let go first, by a controller.
            while deletes && real.get(path).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            return answer;
        }
        let cx = self.stack.aws.region(REGION);
        kubectl(&cx, CLUSTER, manager, method, path, patch).await
    }

    async fn edit(&self, path: &str, patch: Value) {
        self.others("kubectl-edit", Method::PATCH, path, Some(patch)).await;
    }

    /// The calls to Kubernetes since the snapshot.
    fn calls_since(&self, before: &platctl::cloud::CallsSince) -> BTreeMap<String, u64> {
        let now = self.stack.aws.calls().snapshot();
        let of = |calls: &platctl::cloud::CallsSince| {
            calls.get("kubernetes").cloned().unwrap_or_default()
        };
        let before = of(before);
        let mut since = of(&now);
        for (action, count) in &mut since {
            *count -= before.get(action).copied().unwrap_or_default();
        }
        since.retain(|_, count| *count > 0);
        since
    }
}

/// A VPC with two subnets, and a cluster in it.
fn cluster(builder: &mut Builder) {
    let mut add = |at: &str, kind: &str, spec: Value| {
        builder.add(at.parse::<Address>().unwrap(), kind, spec);
    };
    add("net/vpc", "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"}));
    for (name, cidr) in [("a", "10.0.1.0/24"), ("b", "10.0.2.0/24")] {
        let spec = json!({
            "VpcId": get("net/vpc", "VpcId"), "CidrBlock": cidr,
            "AvailabilityZone": format!("{REGION}{name}"),
        });
        add(&format!("net/{name}"), "AWS::EC2::Subnet", spec);
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let role = json!({"RoleName": "play-cluster", "AssumeRolePolicyDocument": trust});
    add("cluster/role", "AWS::IAM::Role", role);
    let spec = json!({
        "Name": CLUSTER,
        "RoleArn": get("cluster/role", "Arn"),
        "ResourcesVpcConfig": {"SubnetIds": [get("net/a", "SubnetId"), get("net/b", "SubnetId")]},
        "AccessConfig": {
            "AuthenticationMode": "API", "BootstrapClusterCreatorAdminPermissions": true,
        },
    });
    add("cluster/cluster", "AWS::EKS::Cluster", spec);
}

/// One object of every sort that blueprints make, each at an address of its kind.
fn all_sorts() -> Vec<(&'static str, &'static str, Value)> {
    let of = |name: &str| json!({"name": name, "namespace": "shop"});
    let pods = |name: &str| {
        json!({
            "metadata": {"labels": {"app": name}},
            "spec": {"serviceAccountName": "api", "containers": [{
                "name": "main", "image": "registry.example.com/api:1",
                "ports": [{"containerPort": 8080}],
                "env": [{"name": "MODE", "value": "fast"}],
                "resources": {"requests": {"cpu": 0.5, "memory": "1024Mi"}},
            }]},
        })
    };
    let selector = |name: &str| json!({"matchLabels": {"app": name}});
    let schema = json!({"type": "object", "properties": {"spec": {
        "type": "object", "properties": {"size": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
    }}});
    vec![
        ("k8s/namespace", "v1/Namespace", json!({"metadata": {"name": "shop"}})),
        (
            "k8s/quota",
            "v1/ResourceQuota",
            json!({"metadata": of("all"), "spec": {"hard": {"pods": "100"}}}),
        ),
        (
            "k8s/limits",
            "v1/LimitRange",
            json!({"metadata": of("all"), "spec": {"limits": [{"type": "Container", "default": {"cpu": "1"}}]}}),
        ),
        ("k8s/account", "v1/ServiceAccount", json!({"metadata": of("api")})),
        (
            "k8s/config",
            "v1/ConfigMap",
            json!({"metadata": of("api"), "data": {"a": "1", "EMPTY": ""}}),
        ),
        (
            "k8s/role",
            "rbac.authorization.k8s.io/v1/Role",
            json!({"metadata": of("api"), "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]}),
        ),
        (
            "k8s/binding",
            "rbac.authorization.k8s.io/v1/RoleBinding",
            json!({
                "metadata": of("api"),
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "api"},
                "subjects": [{"kind": "ServiceAccount", "name": "api", "namespace": "shop"}],
            }),
        ),
        (
            "k8s/deployment",
            "apps/v1/Deployment",
            json!({"metadata": of("api"), "spec": {"replicas": 2, "selector": selector("api"), "template": pods("api"), "strategy": {}}}),
        ),
        (
            "k8s/stateful-set",
            "apps/v1/StatefulSet",
            json!({"metadata": of("store"), "spec": {"serviceName": "api", "selector": selector("store"), "template": pods("store")}}),
        ),
        (
            "k8s/daemon-set",
            "apps/v1/DaemonSet",
            json!({"metadata": of("agent"), "spec": {"selector": selector("agent"), "template": pods("agent")}}),
        ),
        (
            "k8s/job",
            "batch/v1/Job",
            json!({"metadata": of("once"), "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example.com/api:1"}]}}}}),
        ),
        (
            "k8s/cron-job",
            "batch/v1/CronJob",
            json!({"metadata": of("nightly"), "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example.com/api:1"}]}}}}}}),
        ),
        (
            "k8s/service",
            "v1/Service",
            json!({"metadata": of("api"), "spec": {"selector": {"app": "api"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
        ),
        (
            "k8s/scale",
            "autoscaling/v2/HorizontalPodAutoscaler",
            json!({"metadata": of("api"), "spec": {
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "store"}, "minReplicas": 1, "maxReplicas": 5,
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}],
            }}),
        ),
        (
            "k8s/disruption",
            "policy/v1/PodDisruptionBudget",
            json!({"metadata": of("api"), "spec": {"maxUnavailable": 1, "selector": selector("api")}}),
        ),
        (
            "k8s/policy",
            "networking.k8s.io/v1/NetworkPolicy",
            json!({"metadata": of("api"), "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 8080}]}]}}),
        ),
        (
            "k8s/class",
            "storage.k8s.io/v1/StorageClass",
            json!({"metadata": {"name": "gp3"}, "provisioner": "ebs.csi.aws.com", "parameters": {"type": "gp3"}}),
        ),
        (
            "k8s/definition",
            "apiextensions.k8s.io/v1/CustomResourceDefinition",
            json!({"metadata": {"name": "things.example.com"}, "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
            }}),
        ),
        (
            "k8s/thing",
            "example.com/v1/Thing",
            json!({"metadata": of("a"), "spec": {"size": 1, "tags": ["x", "y"]}}),
        ),
    ]
}

fn plan_lines(plan: &platctl::plan::Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|(_, change)| change.is_change());
    let line = |(address, change): (&Address, &platctl::plan::Change)| {
        let paths: Vec<&str> = change.fields.iter().map(|field| field.path.as_str()).collect();
        format!("{} {address} {}", change.action.glyph(), paths.join(" ")).trim_end().to_owned()
    };
    changes.map(line).collect()
}

/// Keeps what the compiler would say needs something: here the order is said by hand.
fn ordered(play: &Play, objects: &[(&str, &str, Value)]) -> Arc<Graph> {
    let mut graph = play.graph(objects);
    let definition: Address = "k8s/definition".parse().unwrap();
    let thing: Address = "k8s/thing".parse().unwrap();
    if let Some(node) = graph.nodes.get_mut(&thing) {
        node.needs.insert(definition, platctl::kind::Need::Ready);
    }
    Arc::new(graph)
}
