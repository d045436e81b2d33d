//! Objects of Kubernetes: which cluster they live on, and in which order they come, which their manifests tell.
//!
//! Whoever adds an object says nothing of its order. Once all are there, each is put behind what it names (its namespace,
//! service account, volumes, role), behind the definition and the controllers of its kind, and behind the webhooks that
//! judge it. A destruction goes the other way: custom resources before their controllers, all before the cluster.

mod aws;
#[cfg(test)]
mod tests;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Compiler, cluster, get};
use crate::address::Address;
use crate::blueprint::component::existing::ExistingCluster;
use crate::cloud::kube::KUBECONFIG;
use crate::graph::{Added, Builder, Needs, Node, strengthen};
use crate::kind::Need;
use crate::kinds::k8s_object;
use crate::kinds::k8s_schema::DEFINITION;
use aws::Aws;
use ways::Ways;

impl Compiler<'_> {
    /// The value of `cluster` of the objects of this blueprint.
    pub(super) fn cluster_of_objects(&self) -> Value {
        match self.blueprint.existing.cluster.as_ref().map(|it| &it.value) {
            // What others own is not made by this plan: its name is known, whatever happens.
            Some(ExistingCluster::Eks(name)) => json!(name.as_str()),
            Some(ExistingCluster::Context(name)) => json!(format!("{KUBECONFIG}{name}")),
            None => get(&cluster::address(), "Name"),
        }
    }

    /// Adds an object on the blueprint's cluster: `manifest` without `apiVersion` and `kind`.
    pub(super) fn object(&mut self, at: &Address, kind: &str, mut manifest: Value) -> Added<'_> {
        if let Some(members) = manifest.as_object_mut() {
            members.insert("cluster".into(), self.cluster_of_objects());
        }
        self.add(at, kind, manifest)
    }
}

/// Kinds whose objects have pods, with the path to the template of these.
const WORKLOADS: &[(&str, &[&str])] = &[
    ("/Pod", &[]),
    ("/ReplicationController", &["spec", "template"]),
    ("apps/DaemonSet", &["spec", "template"]),
    ("apps/Deployment", &["spec", "template"]),
    ("apps/ReplicaSet", &["spec", "template"]),
    ("apps/StatefulSet", &["spec", "template"]),
    ("batch/CronJob", &["spec", "jobTemplate", "spec", "template"]),
    ("batch/Job", &["spec", "template"]),
];
const WEBHOOKS: [&str; 2] = [
    "admissionregistration.k8s.io/MutatingWebhookConfiguration",
    "admissionregistration.k8s.io/ValidatingWebhookConfiguration",
];
const RBAC: &str = "rbac.authorization.k8s.io";
/// Whose controller makes load balancers for Services and Ingresses.
const LOAD_BALANCERS: &str = "elbv2.k8s.aws";
/// What a namespace must have before pods start in it.
const BEFORE_PODS: [&str; 3] = ["/LimitRange", "/ResourceQuota", "networking.k8s.io/NetworkPolicy"];

/// An object of the graph.
struct Object {
    address: Address,
    /// `group/Kind`
    kind: String,
    cluster: String,
    region: String,
    namespace: String,
    name: String,
    spec: Value,
}

impl Object {
    fn at(&self, path: &[&str]) -> &Value {
        at(&self.spec, path)
    }

    fn group(&self) -> &str {
        self.kind.split_once('/').map_or("", |(group, _)| group)
    }

    /// The template of its pods, if it has any.
    fn template(&self) -> Option<&Value> {
        let (_, path) = WORKLOADS.iter().find(|(kind, _)| *kind == self.kind)?;
        Some(self.at(path))
    }

    /// Whether something makes a load balancer for it in AWS.
    fn is_balanced(&self) -> bool {
        match self.kind.as_str() {
            "networking.k8s.io/Ingress" => true,
            "/Service" => self.at(&["spec", "type"]) == "LoadBalancer",
            _ => false,
        }
    }

    fn account(&self) -> &str {
        let template = self.template().unwrap_or(&Value::Null);
        template["spec"]["serviceAccountName"].as_str().unwrap_or("default")
    }
}

fn at<'v>(value: &'v Value, path: &[&str]) -> &'v Value {
    path.iter().fold(value, |value, name| &value[*name])
}

/// A key of the index: cluster, kind, namespace, name.
type Key<'o> = (&'o str, &'o str, &'o str, &'o str);

/// All objects, by what they are called.
struct Objects<'o> {
    all: &'o [Object],
    by_name: BTreeMap<Key<'o>, &'o Object>,
}

/// Puts every object of the graph behind what it needs.
pub(super) fn order(builder: &mut Builder) {
    let in_turn = std::mem::take(&mut builder.in_turn);
    for (object, other) in edges(&builder.nodes, &builder.after, &in_turn) {
        let needs = builder.after.entry(object).or_default();
        strengthen(needs, other, Need::Ready);
    }
}

/// The objects among `nodes`, each with something that it comes behind. `known` is what nodes need besides what their specs
/// refer to; `in_turn` says what comes behind what, unless something else says the opposite.
pub(crate) fn edges(
    nodes: &BTreeMap<Address, Node>,
    known: &BTreeMap<Address, Needs>,
    in_turn: &BTreeSet<(Address, Address)>,
) -> Vec<(Address, Address)> {
    let all: Vec<Object> = nodes.iter().filter_map(object).collect();
    let objects = Objects::of(&all);
    let aws = Aws::of(nodes);
    let (mut sure, mut likely) = (BTreeSet::new(), BTreeSet::new());
    let controllers = objects.controllers();
    let webhooks = objects.webhooks();
    for object in &all {
        objects.named_by(object, &mut sure);
        aws.needed_by(object, &mut sure);
        objects.judged_by(object, &webhooks, &mut likely);
        objects.controlled_by(object, &controllers, &mut likely);
    }
    let mut ways = Ways::of(nodes, known);
    let mut found = Vec::new();
    let mut add = |ways: &mut Ways, object: &Address, other: &Address| {
        ways.add(object, other);
        found.push((object.clone(), other.clone()));
    };
    for (object, other) in sure {
        add(&mut ways, object, other);
    }
    // What is only likely never closes a circle; nor does the turn of hooks, which may use what comes behind them.
    let in_turn = in_turn.iter().map(|(object, other)| (object, other));
    for (object, other) in in_turn.chain(likely) {
        if !ways.lead(other, object) {
            add(&mut ways, object, other);
        }
    }
    found
}

fn object((address, node): (&Address, &Node)) -> Option<Object> {
    let kind = k8s_object::group_kind(&node.kind)?;
    let metadata = &node.spec["metadata"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Some(Object {
        address: address.clone(),
        kind,
        // A reference to the cluster's name tells clusters apart as well as the name.
        cluster: node.spec["cluster"].to_string(),
        region: node.region.clone(),
        namespace: text(&metadata["namespace"]),
        name: text(&metadata["name"]),
        spec: node.spec.clone(),
    })
}

type Edges<'o> = BTreeSet<(&'o Address, &'o Address)>;

/// The controllers that look after objects, and which: group and plural, `*` for all of a group.
struct Controller<'o> {
    workload: &'o Object,
    groups: BTreeSet<(&'o str, &'o str)>,
}

/// A webhook, its configuration, and what serves it.
struct Webhook<'o> {
    configuration: &'o Object,
    rules: &'o Value,
    servers: Vec<&'o Object>,
    /// The namespace of what serves it: it does not judge itself.
    namespace: &'o str,
}

impl<'o> Objects<'o> {
    fn of(all: &'o [Object]) -> Self {
        let key = |it: &'o Object| -> Key<'o> { (&it.cluster, &it.kind, &it.namespace, &it.name) };
        Self { all, by_name: all.iter().map(|it| (key(it), it)).collect() }
    }

    fn find(&self, beside: &Object, kind: &str, namespace: &str, name: &str) -> Option<&'o Object> {
        self.by_name.get(&(beside.cluster.as_str(), kind, namespace, name)).copied()
    }

    fn on_cluster_of(&self, object: &'o Object) -> impl Iterator<Item = &'o Object> {
        self.all.iter().filter(move |it| it.cluster == object.cluster)
    }

    fn workloads(&self) -> impl Iterator<Item = &'o Object> {
        self.all.iter().filter(|it| it.template().is_some())
    }

    /// What the manifest itself names.
    fn named_by(&self, object: &'o Object, edges: &mut Edges<'o>) {
        let mut after = |other: Option<&'o Object>| {
            if let Some(other) = other.filter(|it| it.address != object.address) {
                edges.insert((&object.address, &other.address));
            }
        };
        let own = object.namespace.as_str();
        if !own.is_empty() {
            after(self.find(object, "/Namespace", "", own));
        }
        if k8s_object::plural(&object.kind).is_none() {
            let defines = |it: &&Object| {
                it.kind == DEFINITION
                    && it.at(&["spec", "group"]) == object.group()
                    && it
                        .at(&["spec", "names", "kind"])
                        .as_str()
                        .is_some_and(|kind| object.kind.rsplit('/').next() == Some(kind))
            };
            after(self.on_cluster_of(object).find(defines));
        }
        match object.kind.as_str() {
            "rbac.authorization.k8s.io/RoleBinding"
            | "rbac.authorization.k8s.io/ClusterRoleBinding" => {
                let role = object.at(&["roleRef"]);
                let kind = role["kind"].as_str().unwrap_or_default();
                let namespace = if kind == "Role" { own } else { "" };
                let name = role["name"].as_str().unwrap_or_default();
                after(self.find(object, &format!("{RBAC}/{kind}"), namespace, name));
            }
            "autoscaling/HorizontalPodAutoscaler" => {
                let target = object.at(&["spec", "scaleTargetRef"]);
                let kind = target["kind"].as_str().unwrap_or_default();
                let name = target["name"].as_str().unwrap_or_default();
                after(self.find(object, &format!("apps/{kind}"), own, name));
            }
            "networking.k8s.io/Ingress" => {
                let class = object.at(&["spec", "ingressClassName"]).as_str().unwrap_or_default();
                after(self.find(object, "networking.k8s.io/IngressClass", "", class));
            }
            "/PersistentVolumeClaim" => {
                let class = object.at(&["spec", "storageClassName"]).as_str().unwrap_or_default();
                after(self.find(object, "storage.k8s.io/StorageClass", "", class));
            }
            "apiregistration.k8s.io/APIService" => {
                let service = object.at(&["spec", "service"]);
                let namespace = service["namespace"].as_str().unwrap_or_default();
                let name = service["name"].as_str().unwrap_or_default();
                self.served_by(object, namespace, name).into_iter().for_each(|it| after(Some(it)));
                after(self.find(object, "/Service", namespace, name));
            }
            kind if WEBHOOKS.contains(&kind) => {
                for webhook in object.at(&["webhooks"]).as_array().into_iter().flatten() {
                    let service = &webhook["clientConfig"]["service"];
                    let namespace = service["namespace"].as_str().unwrap_or_default();
                    let name = service["name"].as_str().unwrap_or_default();
                    for server in self.served_by(object, namespace, name) {
                        after(Some(server));
                    }
                    after(self.find(object, "/Service", namespace, name));
                }
            }
            _ => {}
        }
        let Some(template) = object.template() else { return };
        let account = object.account();
        after(self.find(object, "/ServiceAccount", own, account));
        for (kind, name) in named_in(&template["spec"]) {
            after(self.find(object, kind, own, name).or_else(|| {
                // It is copied by an operator, whose object may have another name.
                let copies = |it: &&Object| {
                    let target = it.at(&["spec", "target", "name"]).as_str();
                    kind == "/Secret"
                        && it.kind == "external-secrets.io/ExternalSecret"
                        && it.namespace == own
                        && target.unwrap_or(&it.name) == name
                };
                self.on_cluster_of(object).find(copies)
            }));
        }
        let headless = object.at(&["spec", "serviceName"]).as_str().unwrap_or_default();
        after(self.find(object, "/Service", own, headless));
        for other in self.on_cluster_of(object) {
            let is_before = BEFORE_PODS.contains(&other.kind.as_str()) && other.namespace == own;
            if is_before || binds(other, own, account) {
                after(Some(other));
            }
        }
    }

    /// The workloads whose pods a Service leads to.
    fn served_by(&self, beside: &'o Object, namespace: &str, service: &str) -> Vec<&'o Object> {
        let Some(service) = self.find(beside, "/Service", namespace, service) else {
            return Vec::new();
        };
        let Some(selector) = service.at(&["spec", "selector"]).as_object() else {
            return Vec::new();
        };
        let leads = |it: &&Object| {
            let labels = it.template().map(|it| &it["metadata"]["labels"]);
            it.cluster == beside.cluster
                && it.namespace == namespace
                && labels.is_some_and(|labels| {
                    selector.iter().all(|(key, value)| labels.get(key) == Some(value))
                })
        };
        self.workloads().filter(leads).collect()
    }

    fn webhooks(&self) -> Vec<Webhook<'o>> {
        let mut found = Vec::new();
        for configuration in self.all.iter().filter(|it| WEBHOOKS.contains(&it.kind.as_str())) {
            for webhook in configuration.at(&["webhooks"]).as_array().into_iter().flatten() {
                let service = &webhook["clientConfig"]["service"];
                let namespace = service["namespace"].as_str().unwrap_or_default();
                let name = service["name"].as_str().unwrap_or_default();
                let servers = self.served_by(configuration, namespace, name);
                let matters = webhook["failurePolicy"] != "Ignore" || is_mutating(configuration);
                if matters && !servers.is_empty() {
                    found.push(Webhook { configuration, rules: webhook, servers, namespace });
                }
            }
        }
        found
    }

    /// A webhook that judges an object, or changes it, works before the object comes.
    fn judged_by(&self, object: &'o Object, webhooks: &[Webhook<'o>], edges: &mut Edges<'o>) {
        for hook in webhooks {
            let itself = hook.namespace == object.namespace
                || object.kind == "/Namespace" && object.name == hook.namespace
                || WEBHOOKS.contains(&object.kind.as_str());
            if itself || hook.configuration.cluster != object.cluster {
                continue;
            }
            let pods = object.template().is_some() && self.judges(hook.rules, object, true);
            if pods || self.judges(hook.rules, object, false) {
                edges.insert((&object.address, &hook.configuration.address));
                for server in &hook.servers {
                    edges.insert((&object.address, &server.address));
                }
            }
        }
    }

    fn judges(&self, webhook: &Value, object: &Object, as_pod: bool) -> bool {
        let (group, plural) =
            if as_pod { ("", "pods".to_owned()) } else { (object.group(), self.plural(object)) };
        let rules = webhook["rules"].as_array().into_iter().flatten();
        let matches = |list: &Value, text: &str| {
            list.as_array().into_iter().flatten().any(|it| it == text || it == "*")
        };
        let ruled = rules.into_iter().any(|rule| {
            matches(&rule["apiGroups"], group)
                && (matches(&rule["resources"], &plural) || matches(&rule["resources"], "*/*"))
                && (matches(&rule["operations"], "CREATE"))
        });
        let labels = if as_pod {
            object.template().map_or(&Value::Null, |it| &it["metadata"]["labels"])
        } else {
            object.at(&["metadata", "labels"])
        };
        let namespace = self.find(object, "/Namespace", "", &object.namespace);
        let mut of_namespace = json!({"kubernetes.io/metadata.name": object.namespace});
        for (key, value) in namespace
            .and_then(|it| it.at(&["metadata", "labels"]).as_object())
            .into_iter()
            .flatten()
        {
            of_namespace[key] = value.clone();
        }
        ruled
            && selects(&webhook["objectSelector"], labels)
            && (object.namespace.is_empty()
                || selects(&webhook["namespaceSelector"], &of_namespace))
    }

    /// How rules name the kind of an object.
    fn plural(&self, object: &'_ Object) -> String {
        if let Some(known) = k8s_object::plural(&object.kind) {
            return known.into();
        }
        let kind = object.kind.rsplit('/').next().unwrap_or_default();
        let definition = self.all.iter().find(|it| {
            it.kind == DEFINITION
                && it.at(&["spec", "group"]) == object.group()
                && it.at(&["spec", "names", "kind"]) == kind
        });
        let plural = definition.and_then(|it| it.at(&["spec", "names", "plural"]).as_str());
        plural.map_or_else(|| format!("{}s", kind.to_lowercase()), str::to_owned)
    }

    /// Who looks after which custom resources: whose role lets its pods change them, by name, and what came with their
    /// definitions.
    fn controllers(&self) -> Vec<Controller<'o>> {
        let mut found = Vec::new();
        let runs =
            |it: &&Object| ["apps/Deployment", "apps/StatefulSet"].contains(&it.kind.as_str());
        for workload in self.workloads().filter(runs) {
            let bindings = self
                .on_cluster_of(workload)
                .filter(|it| binds(it, &workload.namespace, workload.account()));
            let mut groups = BTreeSet::new();
            for binding in bindings {
                let role = binding.at(&["roleRef"]);
                let kind = role["kind"].as_str().unwrap_or_default();
                let namespace = if kind == "Role" { binding.namespace.as_str() } else { "" };
                let name = role["name"].as_str().unwrap_or_default();
                let role = self.find(workload, &format!("{RBAC}/{kind}"), namespace, name);
                let rules = role.and_then(|it| it.at(&["rules"]).as_array());
                for rule in rules.into_iter().flatten() {
                    groups.extend(changed_by(rule));
                }
            }
            let beside = self.on_cluster_of(workload).filter(|it| {
                it.kind == DEFINITION && it.address.component() == workload.address.component()
            });
            groups.extend(beside.filter_map(|it| {
                let plural = it.at(&["spec", "names", "plural"]).as_str()?;
                Some((it.at(&["spec", "group"]).as_str()?, plural))
            }));
            if !groups.is_empty() {
                found.push(Controller { workload, groups });
            }
        }
        found
    }

    /// A custom resource comes after its controllers and goes before them, and so do those of Kubernetes' own kinds
    /// for which a controller makes something in AWS.
    fn controlled_by(
        &self,
        object: &'o Object,
        controllers: &[Controller<'o>],
        edges: &mut Edges<'o>,
    ) {
        let is_balanced = object.is_balanced();
        if !is_balanced && k8s_object::plural(&object.kind).is_some() {
            return;
        }
        let plural = self.plural(object);
        for Controller { workload, groups } in controllers {
            let looks_after = if is_balanced {
                groups.iter().any(|(group, _)| *group == LOAD_BALANCERS)
            } else {
                let of = object.group();
                groups.contains(&(of, plural.as_str())) || groups.contains(&(of, "*"))
            };
            if looks_after && workload.cluster == object.cluster {
                edges.insert((&object.address, &workload.address));
            }
        }
    }
}

fn is_mutating(configuration: &Object) -> bool {
    configuration.kind == WEBHOOKS[0]
}

/// Groups and plurals of what a rule of a role lets somebody change. Who may change everything looks after nothing.
fn changed_by(rule: &Value) -> impl Iterator<Item = (&str, &str)> {
    let list = |name: &str| rule[name].as_array().into_iter().flatten().filter_map(Value::as_str);
    let changes = list("verbs").any(|verb| ["*", "update", "patch"].contains(&verb));
    let groups = list("apiGroups").filter(move |group| changes && *group != "*");
    groups.flat_map(move |group| {
        list("resources").map(move |it| (group, it.split('/').next().unwrap_or(it)))
    })
}

/// Whether it is a binding of this service account.
fn binds(binding: &Object, namespace: &str, account: &str) -> bool {
    let is_binding = binding.kind == "rbac.authorization.k8s.io/RoleBinding"
        || binding.kind == "rbac.authorization.k8s.io/ClusterRoleBinding";
    let subjects = binding.at(&["subjects"]).as_array().into_iter().flatten();
    is_binding
        && subjects.into_iter().any(|it| {
            it["kind"] == "ServiceAccount"
                && it["name"] == account
                && it["namespace"].as_str().unwrap_or(&binding.namespace) == namespace
        })
}

/// What pods name: kinds and names.
fn named_in(pod: &Value) -> BTreeSet<(&'static str, &str)> {
    let mut named = BTreeSet::new();
    collect(pod, &mut named);
    named
}

fn collect<'v>(pod: &'v Value, named: &mut BTreeSet<(&'static str, &'v str)>) {
    fn items<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
        value[name].as_array().into_iter().flatten()
    }
    let mut add = |kind: &'static str, name: &'v Value| {
        named.extend(name.as_str().map(|name| (kind, name)));
    };
    for volume in items(pod, "volumes") {
        add("/ConfigMap", &volume["configMap"]["name"]);
        add("/Secret", &volume["secret"]["secretName"]);
        add("/PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]);
        for source in items(&volume["projected"], "sources") {
            add("/ConfigMap", &source["configMap"]["name"]);
            add("/Secret", &source["secret"]["name"]);
        }
    }
    for container in items(pod, "containers").chain(items(pod, "initContainers")) {
        for source in items(container, "envFrom") {
            add("/ConfigMap", &source["configMapRef"]["name"]);
            add("/Secret", &source["secretRef"]["name"]);
        }
        for variable in items(container, "env") {
            add("/ConfigMap", &variable["valueFrom"]["configMapKeyRef"]["name"]);
            add("/Secret", &variable["valueFrom"]["secretKeyRef"]["name"]);
        }
    }
    for secret in items(pod, "imagePullSecrets") {
        add("/Secret", &secret["name"]);
    }
}

/// Whether a label selector selects what has these labels. An empty one selects everything.
fn selects(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let rules = selector["matchExpressions"].as_array().into_iter().flatten();
    equal.into_iter().all(|(key, value)| labels.get(key) == Some(value))
        && rules.into_iter().all(|rule| {
            let label = labels.get(rule["key"].as_str().unwrap_or_default());
            let among = || {
                let values = rule["values"].as_array().into_iter().flatten();
                label.is_some_and(|label| values.into_iter().any(|it| it == label))
            };
            match rule["operator"].as_str() {
                Some("In") => among(),
                Some("NotIn") => !among(),
                Some("Exists") => label.is_some(),
                Some("DoesNotExist") => label.is_none(),
                _ => false,
            }
        })
}
