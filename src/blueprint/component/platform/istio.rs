//! `platform.istio`: the service mesh, its charts and its rules.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::lay_over;
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::component::load_balancer::{Protocol, Target, TargetType};
use crate::blueprint::decode::{Decode, Decoder, Invalid, Word, schema};
use crate::blueprint::node::Node;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{
    ClaimName, DomainName, HttpPath, HttpsUrl, Int, NAME_PATTERN, Name, Percent, Seconds, Version,
    is_path_within,
};
use crate::blueprint::versions::matrix;
use crate::chart::ChartUse;
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::source::{Span, Spanned};

schema! {
    /// Istio: sidecars beside all pods of services, an ingress gateway, and who may call whom. Its CNI plugin is installed,
    /// too: without it every pod would need privileges that the restricted Pod Security Standard forbids.
    pub struct Istio("Istio") {
        /// The version, of which the charts' newest patch is pinned; the newest one that runs on the cluster's version of
        /// Kubernetes if nothing is said.
        pub version: Option<Spanned<Version>>,
        /// Whether what comes without the mesh's certificates is refused.
        pub mtls: Mtls = "strict",
        /// The way in, to the routes of services.
        pub gateway: IstioGateway = "{}",
        /// What is tried again.
        pub retries: Retries = "{}",
        /// How long a request may take, its retries included.
        pub timeout: Seconds<1, 3_600> = "15s",
        /// When a pod gets no requests for a while, and how many may be under way.
        pub circuit_breaker: CircuitBreaker = "{}",
        /// Whose tokens (JWT) requests must bring, from outside.
        pub jwt: Vec<Spanned<Jwt>>,
        /// Values of the charts, laid over those that follow from the rest.
        pub values: IstioValues = "{}",
    }
}

schema! {
    /// Whether what comes without the mesh's certificates is refused.
    pub enum Mtls {
        /// It is refused, in the whole mesh.
        Strict = "strict",
        /// It is let in; for the time in which services move into the mesh.
        Permissive = "permissive",
    }
}

schema! {
    /// The way into the mesh.
    pub struct IstioGateway("a gateway") {
        /// The host names that it answers; every one if nothing is said.
        pub hosts: Vec<Spanned<DomainName>>,
        /// The TLS secret in the namespace `istio-ingress` with which it answers on port 443, such as that of a certificate
        /// of cert-manager. Without one it speaks HTTP, behind a load balancer that speaks TLS.
        pub tls: Option<Name>,
        /// What stands before it: a network load balancer on the internet that Kubernetes makes (`nlb`), nothing (`clusterIp`), or a target
        /// of one of the `loadBalancers`, as in `public/gateway`; that needs the load balancer controller in `platform`.
        pub load_balancer: Spanned<Exposure> = "nlb",
        /// How many pods it has at least.
        pub min_replicas: Spanned<Int<1, 100>> = "2",
        /// How many pods it has at most.
        pub max_replicas: Spanned<Int<1, 100>> = "5",
    }
}

/// What stands before the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exposure {
    /// A network load balancer that Kubernetes makes.
    Nlb,
    /// Nothing.
    ClusterIp,
    /// A target of a load balancer of the blueprint.
    Target { balancer: Name, target: Name },
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nlb => f.write_str("nlb"),
            Self::ClusterIp => f.write_str("clusterIp"),
            Self::Target { balancer, target } => write!(f, "{balancer}/{target}"),
        }
    }
}

impl FromStr for Exposure {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "nlb" => return Ok(Self::Nlb),
            "clusterIp" => return Ok(Self::ClusterIp),
            _ => {}
        }
        let Some((balancer, target)) = text.split_once('/') else {
            let known = ["nlb", "clusterIp"];
            let otherwise = "a load balancer needs one of its targets after `/`";
            return Err(Invalid::unknown(text, known, otherwise)
                .hint("Write `nlb`, `clusterIp`, or a target such as `public/gateway`."));
        };
        Ok(Self::Target { balancer: balancer.parse()?, target: target.parse()? })
    }
}

/// An [`Exposure`] before the load balancer that it names has its former name.
struct Parsed(Exposure);

impl FromStr for Parsed {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Word for Parsed {
    fn shape() -> Shape {
        Shape::word("what stands before the gateway", &["nlb", "clusterIp", "public/gateway"])
    }

    fn pattern() -> Option<String> {
        Some(format!("^(nlb|clusterIp|{NAME_PATTERN}/{NAME_PATTERN})$"))
    }
}

impl Decode for Exposure {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Parsed(exposure) = decoder.word(node)?;
        Some(match exposure {
            Self::Target { balancer, target } => {
                decoder.mention(
                    ComponentType::LoadBalancer,
                    balancer.as_str(),
                    node.part(0..balancer.as_str().len()),
                );
                let balancer = decoder.known_as(ComponentType::LoadBalancer, balancer);
                Self::Target { balancer, target }
            }
            other @ (Self::Nlb | Self::ClusterIp) => other,
        })
    }

    fn shape() -> Shape {
        <Parsed as Decode>::shape()
    }
}

schema! {
    /// What is tried again: only what certainly reached nobody, so that nothing is done twice.
    pub struct Retries("retries") {
        /// How often.
        pub attempts: Int<0, 10> = "2",
        /// How long each try may take.
        pub per_try: Seconds<1, 600> = "5s",
    }
}

schema! {
    /// When a pod gets no requests for a while, and how many may be under way.
    pub struct CircuitBreaker("a circuit breaker") {
        /// How many failures (5xx, or no answer) in a row are enough.
        pub errors: Int<1, 1_000> = "5",
        /// How often they are counted.
        pub interval: Seconds<1, 600> = "10s",
        /// How long the pod is left alone; longer each time.
        pub ejection: Seconds<1, 3_600> = "30s",
        /// What share of the pods may be left alone at once.
        pub max_ejected: Percent = "50%",
        /// How many connections a client holds to a service.
        pub connections: Int<1, 100_000> = "1024",
        /// How many of its requests may wait for one.
        pub pending: Int<1, 100_000> = "256",
    }
}

schema! {
    /// Whose tokens requests must bring, and where.
    pub struct Jwt("a JWT rule") {
        /// Who issues them.
        pub issuer: Spanned<String>,
        /// Where the issuer's keys are, which the control plane reads.
        pub jwks_uri: HttpsUrl,
        /// For whom a token must be, one of these; for anybody if nothing is said.
        pub audiences: Vec<String>,
        /// The paths that need one, and all below them; every path if nothing is said.
        pub paths: Vec<Spanned<HttpPath>>,
        /// What its tokens must say besides, on some of these paths.
        pub claims: Vec<Spanned<Claims>>,
    }
}

schema! {
    /// What tokens must say on some paths.
    pub struct Claims("a rule about claims") {
        /// The paths, and all below them.
        pub paths: Spanned<Vec<Spanned<HttpPath>>>,
        /// The claims by their names, each with the values of which a token must have one.
        pub require: Spanned<BTreeMap<ClaimName, Spanned<Vec<String>>>>,
    }
}

schema! {
    /// Values of Istio's charts.
    pub struct IstioValues("values of Istio's charts") {
        /// Of `base`, the custom resource definitions.
        pub base: Option<Value>,
        /// Of `cni`, the plugin that leads traffic through the sidecars.
        pub cni: Option<Value>,
        /// Of `gateway`, the way in.
        pub gateway: Option<Value>,
        /// Of `istiod`, the control plane.
        pub istiod: Option<Value>,
    }
}

/// What the version matrix calls all of its charts.
const CHART: &str = "istio";
/// Where the charts are published.
const REPOSITORY: &str = "https://istio-release.storage.googleapis.com/charts";
/// Where the control plane stands, and what holds for the whole mesh.
pub const SYSTEM: &str = "istio-system";
/// Where the gateway stands.
pub const INGRESS: &str = "istio-ingress";
/// The release of the gateway: the name of its Deployment, Service and service account.
pub const GATEWAY: &str = "istio-ingressgateway";
/// The value of the label `istio` of the gateway's pods: the chart's template drops `istio-` from the release's name.
pub const GATEWAY_LABEL: &str = "ingressgateway";
/// What belongs to the mesh.
pub const NAMESPACES: [&str; 2] = [SYSTEM, INGRESS];
/// The ports that the proxy takes in each pod, "Ports used by Istio" in its documentation.
pub const PORTS: [u32; 10] =
    [15_000, 15_001, 15_002, 15_004, 15_006, 15_008, 15_020, 15_021, 15_053, 15_090];
/// Where the gateway answers HTTP inside its pod, without a load balancer of the blueprint that says where: those
/// below 1024 are for privileged processes.
const HTTP: u32 = 8080;
const HTTPS: u32 = 8443;
/// How the names of service accounts begin that sidecars prove to each other.
pub const TRUST_DOMAIN: &str = "cluster.local";

impl Istio {
    /// `base` with the definitions, `cni` and `istiod`, and the gateway.
    pub fn charts(&self, blueprint: &Blueprint, at: Span) -> Vec<ChartUse> {
        let IstioValues { base, cni, gateway, istiod } = &self.values;
        let chart =
            |name: &str, chart: &str, namespace: &str, mut values: Value, over: Option<&Value>| {
                if let Some(over) = over {
                    lay_over(&mut values, over);
                }
                ChartUse {
                    name: name.into(),
                    repository: Some(REPOSITORY.into()),
                    chart: chart.into(),
                    version: self.chart_version(blueprint),
                    namespace: namespace.into(),
                    values,
                    component: "platform.istio".into(),
                    span: Some(at),
                }
            };
        let definitions = json!({"defaultRevision": "default"});
        let control = json!({
            "pilot": {"cni": {"enabled": true}, "autoscaleMin": 2},
            "meshConfig": {
                "accessLogFile": "/dev/stdout",
                "accessLogEncoding": "JSON",
                "defaultConfig": {"holdApplicationUntilProxyStarts": true},
            },
        });
        vec![
            chart("istio-base", "base", SYSTEM, definitions, base.as_ref()),
            chart("istio-cni", "cni", SYSTEM, json!({}), cni.as_ref()),
            chart("istiod", "istiod", SYSTEM, control, istiod.as_ref()),
            chart(GATEWAY, "gateway", INGRESS, self.gateway_values(blueprint), gateway.as_ref()),
        ]
    }

    /// The version of its charts: two numbers stand for the newest patch.
    fn chart_version(&self, blueprint: &Blueprint) -> Option<String> {
        let said = self.version.as_ref().map(ToString::to_string);
        said.or_else(|| {
            let newest = matrix().newest(CHART, blueprint.kubernetes())?.version.to_string();
            newest.rsplit_once('.').map(|(minor, _)| minor.to_owned())
        })
    }

    fn check_version(&self, check: &mut Check<'_>) {
        const OLDEST: [u32; 2] = [1, 24];
        let Some(version) = &self.version else { return };
        let found = [version.major(), version.minor().unwrap_or(0)];
        if found < OLDEST {
            check.report(
                Diagnostic::error(format!("Istio {} is too old", version.value))
                    .at(version.span, "has no `v1` of what its rules are written in")
                    .hint("Write `\"1.24\"` or a newer one."),
            );
            return;
        }
        if let Ok(exact) = format!("{}.{}.0", found[0], found[1]).parse() {
            check.runs_on_cluster(CHART, &exact, version.span);
        }
    }

    /// The target of a load balancer that leads to the gateway's pods.
    pub fn target<'b>(&self, blueprint: &'b Blueprint) -> Option<&'b Target> {
        let Exposure::Target { balancer, target } = &self.gateway.load_balancer.value else {
            return None;
        };
        let found = blueprint.load_balancers.get(balancer)?.targets.get(target)?;
        Some(&found.value)
    }

    fn gateway_values(&self, blueprint: &Blueprint) -> Value {
        let IstioGateway { hosts: _, tls, load_balancer, min_replicas, max_replicas } =
            &self.gateway;
        // Its pods answer where the load balancer's target says.
        let target = self.target(blueprint).map(|target| target.port.get());
        let (http, https) = if tls.is_some() {
            (HTTP, target.unwrap_or(HTTPS))
        } else {
            (target.unwrap_or(HTTP), HTTPS)
        };
        let mut ports = vec![
            json!({"name": "status-port", "port": 15021, "protocol": "TCP", "targetPort": 15021}),
            json!({"name": "http2", "port": 80, "protocol": "TCP", "targetPort": http}),
        ];
        if tls.is_some() {
            ports.push(
                json!({"name": "https", "port": 443, "protocol": "TCP", "targetPort": https}),
            );
        }
        let mut service = json!({"type": "ClusterIP", "ports": ports});
        if load_balancer.value == Exposure::Nlb {
            service["type"] = json!("LoadBalancer");
            // The controller of the platform leads straight to pods, that of the cluster to ports of nodes.
            service["annotations"] = if blueprint.offers().load_balancers {
                json!({
                    "service.beta.kubernetes.io/aws-load-balancer-type": "external",
                    "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type": "ip",
                    "service.beta.kubernetes.io/aws-load-balancer-scheme": "internet-facing",
                })
            } else {
                json!({"service.beta.kubernetes.io/aws-load-balancer-type": "nlb"})
            };
        }
        json!({
            "service": service,
            "autoscaling": {
                "enabled": true,
                "minReplicas": min_replicas.get(),
                "maxReplicas": max_replicas.get(),
            },
            "podDisruptionBudget": {"maxUnavailable": 1},
        })
    }

    pub(crate) fn check(&self, check: &mut Check<'_>) {
        self.check_version(check);
        let IstioGateway { min_replicas, max_replicas, .. } = &self.gateway;
        if min_replicas.value > max_replicas.value {
            check.report(
                Diagnostic::error("the gateway has at least more pods than at most")
                    .at(min_replicas.span, "at least")
                    .also(max_replicas.span, "at most"),
            );
        }
        self.check_exposure(check);
        for (index, rule) in self.jwt.iter().enumerate() {
            if let Some(first) =
                self.jwt[..index].iter().find(|it| it.issuer.value == rule.issuer.value)
            {
                check.report(
                    Diagnostic::error(format!("two rules are about `{}`", rule.issuer.value))
                        .at(rule.issuer.span, "again")
                        .also(first.issuer.span, "first here")
                        .hint("Put the paths of both into one of them."),
                );
            }
            check_claims(rule, check);
        }
    }

    fn check_exposure(&self, check: &mut Check<'_>) {
        let at = self.gateway.load_balancer.span;
        let Exposure::Target { balancer, target } = &self.gateway.load_balancer.value else {
            return;
        };
        if !check.blueprint.offers().load_balancers {
            check.report(
                Diagnostic::warning("nobody leads requests from the load balancer to the gateway")
                    .at(at, "needs the load balancer controller")
                    .hint("Add `loadBalancerController: {}` to `platform`."),
            );
        }
        // One that is not there was reported where it is named.
        let Some(found) = check.blueprint.load_balancers.get(balancer) else { return };
        let known = || found.targets.keys().map(Name::as_str);
        let Some(found) = found.targets.get(target) else {
            check.report(
                Diagnostic::error(format!("load balancer `{balancer}` has no target `{target}`"))
                    .at(
                        at,
                        match did_you_mean(target.as_str(), known()) {
                            Some(meant) => format!("did you mean `{balancer}/{meant}`?"),
                            None => format!("its targets are {}", listed(known())),
                        },
                    ),
            );
            return;
        };
        let wrong = match found.value {
            Target { r#type: TargetType::Instance, .. } => "is a target of instances, not of pods",
            Target { protocol: Protocol::Https, .. } if self.gateway.tls.is_none() => {
                "speaks TLS, for which the gateway has no `tls`"
            }
            Target { protocol: Protocol::Http, .. } if self.gateway.tls.is_some() => {
                "speaks HTTP, which a gateway with `tls` redirects"
            }
            Target { port, .. } if self.gateway.tls.is_some() && port.get() == HTTP => {
                "has the port on which the gateway redirects"
            }
            Target { .. } => return,
        };
        check.report(
            Diagnostic::error(format!("target `{target}` cannot lead to the gateway"))
                .at(at, wrong)
                .also(found.span, "the target"),
        );
    }
}

fn check_claims(rule: &Jwt, check: &mut Check<'_>) {
    for claims in &rule.claims {
        let Claims { paths, require } = &claims.value;
        let nothing = require.values().find(|values| values.is_empty()).map(|it| it.span);
        let nothing = nothing.or_else(|| require.is_empty().then_some(require.span));
        if let Some(at) = nothing {
            check.report(
                Diagnostic::error("nothing is asked of the tokens")
                    .at(at, "no value would do")
                    .hint("Write which, as in `require: {role: [admin]}`."),
            );
        }
        if paths.is_empty() {
            check.report(
                Diagnostic::error("the claims are asked for nowhere").at(paths.span, "is empty"),
            );
        }
        let asks = |path: &HttpPath| {
            let within = |own: &Spanned<HttpPath>| is_path_within(path.as_str(), own.as_str());
            rule.paths.is_empty() || rule.paths.iter().any(within)
        };
        for path in paths.iter().filter(|path| !asks(path)) {
            check.report(
                Diagnostic::error(format!("`{path}` is asked for without a token"))
                    .at(path.span, "in none of the rule's `paths`")
                    .also(rule.issuer.span, "the rule")
                    .hint("Add it to the `paths` of the rule, too."),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn exposures() {
        for text in ["nlb", "clusterIp", "public/gateway"] {
            assert_round_trip::<Exposure>(text);
        }
        for bad in ["", "alb", "public", "public/", "/gateway", "a/b/c"] {
            assert!(bad.parse::<Exposure>().is_err(), "{bad}");
        }
    }
}
