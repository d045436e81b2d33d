//! What a load balancer is made of that a Service or Ingresses ask for: names, ports, schemes and what annotations say.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::balancer_stacks::{Maker, Of, StackId};
use super::store::{Cluster, Key};

/// Annotations of Services and of Ingresses begin with these.
const OF_SERVICE: &str = "service.beta.kubernetes.io/";
pub(super) const OF_INGRESS: &str = "alb.ingress.kubernetes.io/";
const ANYWHERE: &str = "0.0.0.0/0";

/// A load balancer with all that belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) scheme: Scheme,
    /// Ids or names; none: they are found by their tags.
    pub(super) subnets: Vec<String>,
    /// Ids or names; none: it gets a group of its own.
    pub(super) security_groups: Vec<String>,
    /// The name of its own group, and what that lets in.
    pub(super) group: String,
    pub(super) open: BTreeSet<Open>,
    pub(super) target_groups: Vec<TargetGroup>,
    pub(super) listeners: Vec<Listener>,
    /// Said by annotations.
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Application,
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Internal,
    InternetFacing,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Open {
    /// `tcp` or `udp`
    pub(super) protocol: String,
    pub(super) port: i32,
    pub(super) cidr: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetGroup {
    pub(super) name: String,
    /// `HTTP`, `TCP`, …
    pub(super) protocol: String,
    pub(super) port: i32,
    /// `ip` or `instance`
    pub(super) target_type: String,
    /// What its tag says: which port of which Service.
    pub(super) resource: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listener {
    pub(super) port: i32,
    pub(super) protocol: String,
    pub(super) certificates: Vec<String>,
    pub(super) otherwise: Action,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// To the target group of this name.
    Forward(String),
    NotFound,
    /// To HTTPS on this port.
    Redirect(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) host: Option<String>,
    pub(super) paths: Vec<String>,
    pub(super) target_group: String,
}

pub(super) fn for_service(id: &StackId, service: &Value, cluster: &str) -> Wanted {
    let uid = text(&service["metadata"]["uid"]);
    let plain = id.maker() == Maker::CloudProvider;
    let scheme = match of_service(service, "scheme").filter(|_| !plain) {
        Some("internet-facing") => Scheme::InternetFacing,
        None if plain && of_service(service, "internal") != Some("true") => Scheme::InternetFacing,
        _ => Scheme::Internal,
    };
    let target_type = match of_service(service, "nlb-target-type") {
        _ if plain => "instance",
        Some(said) => said,
        None if of_service(service, "type") == Some("nlb-ip") => "ip",
        None => "instance",
    };
    let certificates = list(of_service(service, "ssl-cert"));
    let tls_ports = list(of_service(service, "ssl-ports"));
    let sources = text_list(&service["spec"]["loadBalancerSourceRanges"]);
    let sources = if sources.is_empty() {
        list(annotation(service, OF_SERVICE, "load-balancer-source-ranges"))
    } else {
        sources
    };
    let sources = if sources.is_empty() { vec![ANYWHERE.to_owned()] } else { sources };
    let (mut open, mut groups, mut listeners) = (BTreeSet::new(), Vec::new(), Vec::new());
    for port in service["spec"]["ports"].as_array().into_iter().flatten() {
        let number = number(&port["port"]);
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let is_tls = |it: &String| *it == number.to_string() || port["name"] == it.as_str();
        let tls = protocol == "TCP"
            && !certificates.is_empty()
            && (tls_ports.is_empty() || tls_ports.iter().any(is_tls));
        open.extend(sources.iter().map(|cidr| Open {
            protocol: protocol.to_lowercase(),
            port: number,
            cidr: cidr.clone(),
        }));
        let target =
            if target_type == "instance" { &port["nodePort"] } else { &port["targetPort"] };
        let parts = [cluster, uid, &number.to_string(), target_type, protocol];
        let group = TargetGroup {
            name: short_name(service, text(&service["metadata"]["name"]), &parts),
            protocol: protocol.into(),
            port: number_or_one(target),
            target_type: target_type.into(),
            resource: format!("{}:{number}", id.name),
        };
        listeners.push(Listener {
            port: number,
            protocol: if tls { "TLS".into() } else { protocol.into() },
            certificates: if tls { certificates.clone() } else { Vec::new() },
            otherwise: Action::Forward(group.name.clone()),
            rules: Vec::new(),
        });
        groups.push(group);
    }
    let service_name = text(&service["metadata"]["name"]);
    let name = if plain {
        // Names end after 32 letters.
        format!("a{}", uid.replace('-', "")).chars().take(32).collect()
    } else {
        let said = of_service(service, "name").map(str::to_owned);
        said.unwrap_or_else(|| short_name(service, service_name, &[cluster, uid, scheme.word()]))
    };
    let group = if plain {
        format!("k8s-elb-{name}")
    } else {
        short_name(service, service_name, &[cluster, &id.name, uid])
    };
    Wanted {
        name,
        kind: Kind::Network,
        scheme,
        subnets: list(of_service(service, "subnets")),
        security_groups: list(of_service(service, "security-groups")),
        group,
        open,
        target_groups: groups,
        listeners,
        tags: pairs(of_service(service, "additional-resource-tags")),
    }
}

/// `scheme` is what the parameters of their class say; `name` is the cluster's.
pub(super) fn for_ingresses(
    cluster: &Cluster,
    id: &StackId,
    ingresses: &[&Value],
    scheme: Option<&str>,
    name: &str,
) -> Wanted {
    let said = |suffix: &str| ingresses.iter().find_map(|it| annotation(it, OF_INGRESS, suffix));
    let scheme = match scheme.or_else(|| said("scheme")) {
        Some("internet-facing") => Scheme::InternetFacing,
        _ => Scheme::Internal,
    };
    let redirect = said("ssl-redirect");
    let mut ordered: Vec<&Value> = ingresses.to_vec();
    ordered.sort_by_key(|it| {
        let order = annotation(it, OF_INGRESS, "group.order").and_then(|it| it.parse().ok());
        (order.unwrap_or(0_i64), full_name(it))
    });
    let mut listeners: BTreeMap<i32, Listener> = BTreeMap::new();
    let mut groups: BTreeMap<String, TargetGroup> = BTreeMap::new();
    for ingress in ordered {
        let certificates = list(annotation(ingress, OF_INGRESS, "certificate-arn"));
        let mut group_of = |backend: &Value| {
            let group = target_group(cluster, ingress, backend, name)?;
            let name = group.name.clone();
            groups.entry(name.clone()).or_insert(group);
            Some(name)
        };
        let rules = rules(ingress, &mut group_of);
        let otherwise = group_of(&ingress["spec"]["defaultBackend"]);
        for (protocol, port) in ports(ingress, certificates.is_empty()) {
            let listener = listeners.entry(port).or_insert_with(|| Listener {
                port,
                protocol,
                certificates: Vec::new(),
                otherwise: Action::NotFound,
                rules: Vec::new(),
            });
            if listener.protocol == "HTTPS" {
                listener.certificates.extend(certificates.iter().cloned());
            } else if let Some(to) = redirect {
                listener.otherwise = Action::Redirect(to.into());
                continue;
            }
            if let Some(group) = &otherwise {
                listener.otherwise = Action::Forward(group.clone());
            }
            listener.rules.extend(rules.iter().cloned());
        }
    }
    let sources = list(said("inbound-cidrs"));
    let sources = if sources.is_empty() { vec![ANYWHERE.to_owned()] } else { sources };
    let open = listeners.keys().flat_map(|port| {
        let open = |cidr: &String| Open { protocol: "tcp".into(), port: *port, cidr: cidr.clone() };
        sources.iter().map(open)
    });
    let first = ingresses[0];
    let short = |parts: &[&str]| match id.of {
        Of::Group => format!("k8s-{}-{}", cut(&id.name, 17), hash(parts)),
        Of::Service | Of::PlainService | Of::Ingress => {
            short_name(first, text(&first["metadata"]["name"]), parts)
        }
    };
    let named = said("load-balancer-name").map(str::to_owned);
    Wanted {
        name: named.unwrap_or_else(|| short(&[name, &id.name, scheme.word()])),
        kind: Kind::Application,
        scheme,
        subnets: list(said("subnets")),
        security_groups: list(said("security-groups")),
        group: short(&[name, &id.name]),
        open: open.collect(),
        target_groups: groups.into_values().collect(),
        listeners: listeners.into_values().collect(),
        tags: pairs(said("tags")),
    }
}

/// Where the controller listens for an Ingress.
fn ports(ingress: &Value, plain: bool) -> Vec<(String, i32)> {
    let said = annotation(ingress, OF_INGRESS, "listen-ports").unwrap_or_default();
    let said: Vec<BTreeMap<String, i32>> = serde_json::from_str(said).unwrap_or_default();
    let said: Vec<(String, i32)> = said.into_iter().flatten().collect();
    match (said.is_empty(), plain) {
        (false, _) => said,
        (true, true) => vec![("HTTP".into(), 80)],
        (true, false) => vec![("HTTPS".into(), 443)],
    }
}

fn rules(ingress: &Value, group_of: &mut dyn FnMut(&Value) -> Option<String>) -> Vec<Rule> {
    let mut found = Vec::new();
    for rule in ingress["spec"]["rules"].as_array().into_iter().flatten() {
        for path in rule["http"]["paths"].as_array().into_iter().flatten() {
            let Some(target_group) = group_of(&path["backend"]) else { continue };
            let said = path["path"].as_str().unwrap_or("/");
            let paths = match (path["pathType"].as_str(), said.trim_end_matches('/')) {
                (Some("Prefix"), "") => vec!["/*".to_owned()],
                (Some("Prefix"), prefix) => vec![prefix.to_owned(), format!("{prefix}/*")],
                _ => vec![said.to_owned()],
            };
            let host = rule["host"].as_str().map(str::to_owned);
            found.push(Rule { host, paths, target_group });
        }
    }
    found
}

fn target_group(
    cluster: &Cluster,
    ingress: &Value,
    backend: &Value,
    name: &str,
) -> Option<TargetGroup> {
    let service = backend["service"]["name"].as_str()?;
    let asked = &backend["service"]["port"];
    let namespace = text(&ingress["metadata"]["namespace"]);
    let key =
        Key { resource: "services".into(), namespace: namespace.into(), name: service.into() };
    let ports = cluster.get(&key).map(|it| it["spec"]["ports"].clone()).unwrap_or_default();
    let is_asked = |it: &&Value| {
        it["port"] == asked["number"] || it["name"].is_string() && it["name"] == asked["name"]
    };
    let port =
        ports.as_array().and_then(|it| it.iter().find(is_asked)).cloned().unwrap_or_default();
    let target_type = annotation(ingress, OF_INGRESS, "target-type").unwrap_or("instance");
    let target = if target_type == "instance" { &port["nodePort"] } else { &port["targetPort"] };
    let asked =
        asked["number"].as_i64().map_or(text(&asked["name"]).to_owned(), |it| it.to_string());
    let protocol = annotation(ingress, OF_INGRESS, "backend-protocol").unwrap_or("HTTP");
    let uid = text(&ingress["metadata"]["uid"]);
    Some(TargetGroup {
        name: short_name(ingress, service, &[name, uid, service, &asked, target_type, protocol]),
        protocol: protocol.into(),
        port: number_or_one(target),
        target_type: target_type.into(),
        resource: format!("{}-{service}:{asked}", full_name(ingress)),
    })
}

impl Scheme {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::InternetFacing => "internet-facing",
        }
    }
}

/// An annotation of a Service, by what follows `aws-load-balancer-`.
pub(super) fn of_service<'v>(service: &'v Value, suffix: &str) -> Option<&'v str> {
    annotation(service, OF_SERVICE, &format!("aws-load-balancer-{suffix}"))
}

pub(super) fn annotation<'v>(object: &'v Value, prefix: &str, suffix: &str) -> Option<&'v str> {
    object["metadata"]["annotations"][format!("{prefix}{suffix}")].as_str()
}

/// `a, b`
fn list(text: Option<&str>) -> Vec<String> {
    let items = text.unwrap_or_default().split(',').map(str::trim);
    items.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn text_list(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// `a=1,b=2`
fn pairs(text: Option<&str>) -> BTreeMap<String, String> {
    let split = |it: String| {
        let (key, value) = it.split_once('=').unwrap_or((&it, ""));
        (key.to_owned(), value.to_owned())
    };
    list(text).into_iter().map(split).collect()
}

/// `k8s-`, eight letters of the namespace, eight of the name, and ten of the hash of what makes it unique.
fn short_name(object: &Value, name: &str, parts: &[&str]) -> String {
    let namespace = text(&object["metadata"]["namespace"]);
    format!("k8s-{}-{}-{}", cut(namespace, 8), cut(name, 8), hash(parts))
}

fn cut(text: &str, length: usize) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).take(length).collect()
}

fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hex::encode(&hasher.finalize()[..5])
}

pub(super) fn full_name(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{}/{}", text(&metadata["namespace"]), text(&metadata["name"]))
}

pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn number(value: &Value) -> i32 {
    value.as_i64().and_then(|it| i32::try_from(it).ok()).unwrap_or_default()
}

/// The port of a target group, which is nothing but a default: targets are registered with theirs. A name stands for
/// different ports of different pods.
fn number_or_one(value: &Value) -> i32 {
    Some(number(value)).filter(|it| *it > 0).unwrap_or(1)
}
