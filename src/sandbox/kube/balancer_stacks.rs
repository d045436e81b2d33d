//! Which objects of a cluster ask for a load balancer, and whom: as the documentations of the AWS Load Balancer Controller and
//! of the cloud provider of EKS say.
//!
//! What is made for one Service, or for the Ingresses of one group, is a *stack* in the words of the controller.

use std::collections::BTreeMap;

use serde_json::Value;

use super::balancer_model::{
    OF_INGRESS, Wanted, annotation, for_ingresses, for_service, full_name, of_service, text,
};
use super::lifecycle;
use super::store::{Cluster, Key};

/// The class of Services that the AWS Load Balancer Controller serves.
const SERVICE_CLASS: &str = "service.k8s.aws/nlb";
/// The controller that an `IngressClass` of the AWS Load Balancer Controller names.
const INGRESS_CONTROLLER: &str = "ingress.k8s.aws/alb";
const CLOUD_PROVIDER_FINALIZER: &str = "service.kubernetes.io/load-balancer-cleanup";
const SERVICE_FINALIZER: &str = "service.k8s.aws/resources";
const INGRESS_FINALIZER: &str = "ingress.k8s.aws/resources";
/// Followed by the group's name.
const GROUP_FINALIZER: &str = "group.ingress.k8s.aws/";

/// Who makes load balancers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// The AWS Load Balancer Controller, which somebody must have installed.
    Controller,
    /// What is part of EKS and always there. Where it would make a Classic Load Balancer, a network load balancer stands
    /// for that here.
    CloudProvider,
}

/// For what a stack is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Of {
    /// A Service that the controller serves.
    Service,
    /// A Service that EKS itself serves.
    PlainService,
    /// One Ingress.
    Ingress,
    /// The Ingresses of a group.
    Group,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StackId {
    pub(super) of: Of,
    /// `namespace/name`, or the name of the group.
    pub(super) name: String,
}

/// What belongs together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stack {
    pub(super) id: StackId,
    /// `None`: what was made for it goes.
    pub(super) wanted: Option<Wanted>,
    /// The objects that it is made for.
    pub(super) members: Vec<Member>,
    /// Those that have its finalizer and want it no more.
    pub(super) leaving: Vec<Member>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) uid: String,
    /// Whether it has finalizer and status already.
    pub(super) served: bool,
}

impl StackId {
    fn of(of: Of, object: &Value) -> Self {
        Self { of, name: full_name(object) }
    }

    pub(super) fn maker(&self) -> Maker {
        match self.of {
            Of::PlainService => Maker::CloudProvider,
            Of::Service | Of::Ingress | Of::Group => Maker::Controller,
        }
    }

    pub(super) fn finalizer(&self) -> String {
        match self.of {
            Of::Service => SERVICE_FINALIZER.into(),
            Of::PlainService => CLOUD_PROVIDER_FINALIZER.into(),
            Of::Ingress => INGRESS_FINALIZER.into(),
            Of::Group => format!("{GROUP_FINALIZER}{}", self.name),
        }
    }

    /// The tags that all has that was made for it.
    pub(super) fn tags(&self, cluster: &str) -> BTreeMap<String, String> {
        let of_controller = |prefix: &str| {
            [
                ("elbv2.k8s.aws/cluster".to_owned(), cluster.to_owned()),
                (format!("{prefix}.k8s.aws/stack"), self.name.clone()),
            ]
        };
        BTreeMap::from(match self.of {
            Of::Service => of_controller("service"),
            Of::Ingress | Of::Group => of_controller("ingress"),
            Of::PlainService => [
                (format!("kubernetes.io/cluster/{cluster}"), "owned".to_owned()),
                ("kubernetes.io/service-name".to_owned(), self.name.clone()),
            ],
        })
    }

    /// The tag that tells what of the stack something is; the cloud provider has none.
    pub(super) fn resource_tag(&self, resource: &str) -> Option<(String, String)> {
        let prefix = match self.of {
            Of::Service => "service",
            Of::Ingress | Of::Group => "ingress",
            Of::PlainService => return None,
        };
        Some((format!("{prefix}.k8s.aws/resource"), resource.into()))
    }
}

/// Whether only who made something in AWS takes a finalizer away.
pub(super) fn is_finalizer(name: &str) -> bool {
    [CLOUD_PROVIDER_FINALIZER, SERVICE_FINALIZER, INGRESS_FINALIZER].contains(&name)
        || name.starts_with(GROUP_FINALIZER)
}

/// All stacks of a cluster of that name.
pub(super) fn stacks(cluster: &Cluster, name: &str) -> Vec<Stack> {
    let mut found: BTreeMap<StackId, (Vec<&Value>, Vec<Member>)> = BTreeMap::new();
    let kinds = ["services", "ingresses.networking.k8s.io"];
    for (key, object) in kinds.iter().flat_map(|kind| cluster.list(kind, None)) {
        let wants = if object["metadata"]["deletionTimestamp"].is_null() {
            stack_of(cluster, key, object)
        } else {
            None
        };
        for id in held_by(key, object).into_iter().filter(|it| Some(it) != wants.as_ref()) {
            found.entry(id).or_default().1.push(member(key, object, None));
        }
        if let Some(id) = wants {
            found.entry(id).or_default().0.push(object);
        }
    }
    let stack = |(id, (objects, leaving)): (StackId, (Vec<&Value>, Vec<Member>))| {
        let wanted = match (id.of, objects.as_slice()) {
            (_, []) => None,
            (Of::Service | Of::PlainService, [service, ..]) => {
                Some(for_service(&id, service, name))
            }
            (Of::Ingress | Of::Group, ingresses) => {
                let classes = ingresses.iter().filter_map(|it| class_of(cluster, it));
                let mut schemes =
                    classes.filter_map(|it| it["spec"]["scheme"].as_str().map(str::to_owned));
                let scheme = schemes.next();
                Some(for_ingresses(cluster, &id, ingresses, scheme.as_deref(), name))
            }
        };
        let members = objects.iter().map(|object| member(&key_of(&id, object), object, Some(&id)));
        Stack { wanted, members: members.collect(), leaving, id }
    };
    found.into_iter().map(stack).collect()
}

fn member(key: &Key, object: &Value, id: Option<&StackId>) -> Member {
    let shown = object["status"]["loadBalancer"]["ingress"][0]["hostname"].is_string();
    let held = |id: &StackId| lifecycle::finalizers(object).contains(&id.finalizer());
    let uid = text(&object["metadata"]["uid"]).to_owned();
    Member { key: key.clone(), uid, served: shown && id.is_some_and(held) }
}

fn key_of(id: &StackId, object: &Value) -> Key {
    let resource = match id.of {
        Of::Service | Of::PlainService => "services",
        Of::Ingress | Of::Group => "ingresses.networking.k8s.io",
    };
    let metadata = &object["metadata"];
    let (namespace, name) = (text(&metadata["namespace"]).into(), text(&metadata["name"]).into());
    Key { resource: resource.into(), namespace, name }
}

/// The stack that an object is a part of.
fn stack_of(cluster: &Cluster, key: &Key, object: &Value) -> Option<StackId> {
    if key.resource == "services" {
        let maker = maker_of(object)?;
        let of = match maker {
            Maker::Controller => Of::Service,
            Maker::CloudProvider => Of::PlainService,
        };
        return Some(StackId::of(of, object));
    }
    let class = class_of(cluster, object)?;
    let group = text(&class["spec"]["group"]["name"]);
    let group =
        if group.is_empty() { annotation(object, OF_INGRESS, "group.name") } else { Some(group) };
    Some(match group {
        Some(group) => StackId { of: Of::Group, name: group.into() },
        None => StackId::of(Of::Ingress, object),
    })
}

/// The stacks whose finalizers an object has.
fn held_by(key: &Key, object: &Value) -> Vec<StackId> {
    let is_service = key.resource == "services";
    let id = |name: &String| match name.as_str() {
        SERVICE_FINALIZER if is_service => Some(StackId::of(Of::Service, object)),
        CLOUD_PROVIDER_FINALIZER if is_service => Some(StackId::of(Of::PlainService, object)),
        INGRESS_FINALIZER if !is_service => Some(StackId::of(Of::Ingress, object)),
        _ => {
            let group = name.strip_prefix(GROUP_FINALIZER).filter(|_| !is_service)?;
            Some(StackId { of: Of::Group, name: group.into() })
        }
    };
    lifecycle::finalizers(object).iter().filter_map(id).collect()
}

/// Who serves a Service; a class of others is none of ours.
fn maker_of(service: &Value) -> Option<Maker> {
    if service["spec"]["type"] != "LoadBalancer" {
        return None;
    }
    if let Some(class) = service["spec"]["loadBalancerClass"].as_str() {
        return (class == SERVICE_CLASS).then_some(Maker::Controller);
    }
    let target_type = of_service(service, "nlb-target-type");
    match of_service(service, "type") {
        Some("nlb-ip") => Some(Maker::Controller),
        // The cloud provider leaves it alone, and the controller wants to know where to lead.
        Some("external") => {
            matches!(target_type, Some("ip" | "instance")).then_some(Maker::Controller)
        }
        _ => Some(Maker::CloudProvider),
    }
}

/// The parameters of the class of an Ingress, if that is one of the controller's.
fn class_of(cluster: &Cluster, ingress: &Value) -> Option<Value> {
    let get = |resource: &str, name: &str| {
        let (resource, name) = (resource.to_owned(), name.to_owned());
        cluster.get(&Key { resource, namespace: String::new(), name })
    };
    if ingress["metadata"]["annotations"]["kubernetes.io/ingress.class"] == "alb" {
        return Some(Value::Null);
    }
    let class = ingress["spec"]["ingressClassName"].as_str()?;
    let class = get("ingressclasses.networking.k8s.io", class)?;
    if class["spec"]["controller"] != INGRESS_CONTROLLER {
        return None;
    }
    let parameters = class["spec"]["parameters"]["name"].as_str();
    let parameters = parameters.and_then(|name| get("ingressclassparams.elbv2.k8s.aws", name));
    Some(parameters.map_or(Value::Null, |it| Value::clone(it)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::balancer_model::{Action, Kind, Scheme};
    use super::*;

    fn service(class: Value, annotations: Value) -> Value {
        json!({
            "metadata": {"name": "public-gateway", "namespace": "istio-ingress", "uid": "0a1b2c3d-0000-4000-8000-0123456789ab", "annotations": annotations},
            "spec": {"type": "LoadBalancer", "loadBalancerClass": class, "ports": [
                {"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080, "nodePort": 30080},
                {"name": "https", "port": 443, "protocol": "TCP", "targetPort": "https", "nodePort": 30443},
            ]},
        })
    }

    fn put(cluster: &mut Cluster, resource: &str, object: Value) {
        let metadata = &object["metadata"];
        let (namespace, name) =
            (text(&metadata["namespace"]).into(), text(&metadata["name"]).into());
        cluster.put(&Key { resource: resource.into(), namespace, name }, object);
    }

    #[test]
    fn class_and_annotations_tell_who_serves_a_service() {
        const TYPE: &str = "service.beta.kubernetes.io/aws-load-balancer-type";
        const TARGET: &str = "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type";
        let (controller, provider) = (Some(Maker::Controller), Some(Maker::CloudProvider));
        for (class, annotations, maker) in [
            (json!(null), json!({}), provider),
            (json!(null), json!({TYPE: "nlb"}), provider),
            (json!(null), json!({TYPE: "external", TARGET: "ip"}), controller),
            (json!(null), json!({TYPE: "external"}), None),
            (json!(null), json!({TYPE: "nlb-ip"}), controller),
            (json!("service.k8s.aws/nlb"), json!({}), controller),
            (json!("example.com/other"), json!({TYPE: "nlb"}), None),
        ] {
            assert_eq!(
                maker_of(&service(class.clone(), annotations.clone())),
                maker,
                "{class} {annotations}"
            );
        }
        assert_eq!(maker_of(&json!({"spec": {"type": "ClusterIP"}})), None);
    }

    #[test]
    fn a_service_of_the_controller_is_internal_unless_it_says_otherwise() {
        let mut cluster = Cluster::new(1.0);
        put(&mut cluster, "services", service(json!("service.k8s.aws/nlb"), json!({})));
        let [stack] = &stacks(&cluster, "shop")[..] else { panic!("one stack") };
        assert_eq!(stack.id.finalizer(), "service.k8s.aws/resources");
        let tags = [
            ("elbv2.k8s.aws/cluster", "shop"),
            ("service.k8s.aws/stack", "istio-ingress/public-gateway"),
        ];
        assert_eq!(stack.id.tags("shop"), tags.map(|(k, v)| (k.into(), v.into())).into());
        let wanted = stack.wanted.as_ref().unwrap();
        assert_eq!((wanted.kind, wanted.scheme), (Kind::Network, Scheme::Internal));
        assert!(wanted.name.starts_with("k8s-istioing-publicga-"), "{}", wanted.name);
        assert_eq!(wanted.name.len(), 32);
        let ports: Vec<_> =
            wanted.target_groups.iter().map(|it| (it.port, it.target_type.as_str())).collect();
        assert_eq!(ports, [(30080, "instance"), (30443, "instance")]);
        assert!(!stack.members[0].served);
    }

    #[test]
    fn tls_is_for_the_ports_that_are_said() {
        let said = |name: &str| format!("service.beta.kubernetes.io/aws-load-balancer-{name}");
        let annotations = json!({
            said("type"): "external", said("nlb-target-type"): "ip", said("scheme"): "internet-facing",
            said("ssl-cert"): "arn:1", said("ssl-ports"): "https",
        });
        let mut cluster = Cluster::new(1.0);
        put(&mut cluster, "services", service(json!(null), annotations));
        let [stack] = &stacks(&cluster, "shop")[..] else { panic!("one stack") };
        let wanted = stack.wanted.as_ref().unwrap();
        assert_eq!(wanted.scheme, Scheme::InternetFacing);
        let listeners: Vec<_> = wanted
            .listeners
            .iter()
            .map(|it| (it.port, it.protocol.as_str(), it.certificates.len()))
            .collect();
        assert_eq!(listeners, [(80, "TCP", 0), (443, "TLS", 1)]);
        // A port with a name leads to whatever pods call so.
        let ports: Vec<_> = wanted.target_groups.iter().map(|it| it.port).collect();
        assert_eq!(ports, [8080, 1]);
    }

    #[test]
    fn ingresses_of_a_group_share_a_load_balancer() {
        let mut cluster = Cluster::new(1.0);
        let class =
            json!({"metadata": {"name": "alb"}, "spec": {"controller": "ingress.k8s.aws/alb"}});
        put(&mut cluster, "ingressclasses.networking.k8s.io", class);
        let ingress = |name: &str, class: &str, path: &str| {
            json!({
                "metadata": {"name": name, "namespace": "shop", "uid": name, "annotations": {
                    "alb.ingress.kubernetes.io/group.name": "all", "alb.ingress.kubernetes.io/target-type": "ip",
                }},
                "spec": {"ingressClassName": class, "rules": [{"http": {"paths": [
                    {"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"number": 80}}}},
                ]}}]},
            })
        };
        let resource = "ingresses.networking.k8s.io";
        put(&mut cluster, resource, ingress("a", "alb", "/a"));
        put(&mut cluster, resource, ingress("b", "alb", "/"));
        put(&mut cluster, resource, ingress("c", "nginx", "/c"));
        let mut gone = ingress("d", "alb", "/d");
        gone["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        gone["metadata"]["finalizers"] = json!(["group.ingress.k8s.aws/all"]);
        put(&mut cluster, resource, gone);
        let [stack] = &stacks(&cluster, "shop")[..] else { panic!("one stack") };
        let names = |members: &[Member]| -> String {
            members.iter().map(|it| it.key.name.as_str()).collect()
        };
        assert_eq!((names(&stack.members), names(&stack.leaving)), ("ab".into(), "d".into()));
        let wanted = stack.wanted.as_ref().unwrap();
        let [listener] = &wanted.listeners[..] else { panic!("one listener") };
        assert_eq!((listener.port, listener.protocol.as_str()), (80, "HTTP"));
        let paths: Vec<_> = listener.rules.iter().map(|it| it.paths.join(" ")).collect();
        assert_eq!(paths, ["/a /a/*", "/*"]);
        assert_eq!(listener.otherwise, Action::NotFound);
    }
}
