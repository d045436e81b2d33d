//! The mesh: its namespaces and way in, and for each service who may call it and how calls behave.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::address::Address;
use crate::blueprint::component::platform::istio::{
    CircuitBreaker, Claims, Exposure, GATEWAY, GATEWAY_LABEL, INGRESS, Istio, Jwt, Mtls, Retries,
    SYSTEM, TRUST_DOMAIN,
};
use crate::blueprint::component::service::Service;
use crate::blueprint::value::{HttpPath, Name, is_path_within};
use crate::graph::compile::exposure::{TARGET_GROUP_BINDING, target_group_binding};
use crate::graph::compile::workload::at as of_service;
use crate::graph::compile::{Compiler, load_balancer, service};
use crate::source::Spanned;

/// The name of the Gateway, in [`INGRESS`].
const WAY_IN: &str = "platctl";
/// What certainly reached nobody may be sent again; so nothing is done twice.
const RETRY_ON: &str = "connect-failure,refused-stream,unavailable,cancelled";

const GATEWAY_KIND: &str = "networking.istio.io/v1/Gateway";
const VIRTUAL_SERVICE: &str = "networking.istio.io/v1/VirtualService";
const DESTINATION_RULE: &str = "networking.istio.io/v1/DestinationRule";
const AUTHORIZATION: &str = "security.istio.io/v1/AuthorizationPolicy";
const AUTHENTICATION: &str = "security.istio.io/v1/RequestAuthentication";
const PEER_AUTHENTICATION: &str = "security.istio.io/v1/PeerAuthentication";

impl Compiler<'_> {
    pub(super) fn istio(&mut self, istio: &Istio) {
        // The CNI plugin changes the network of nodes.
        let system = json!({"pod-security.kubernetes.io/enforce": "privileged"});
        self.namespace(COMPONENT, SYSTEM, &system);
        let ingress = json!({
            "pod-security.kubernetes.io/enforce": "baseline",
            "istio-injection": "enabled",
        });
        self.namespace(COMPONENT, INGRESS, &ingress);
        let mode = match istio.mtls {
            Mtls::Strict => "STRICT",
            Mtls::Permissive => "PERMISSIVE",
        };
        let manifest = json!({
            "metadata": {"name": "default", "namespace": SYSTEM},
            "spec": {"mtls": {"mode": mode}},
        });
        self.object(&at("peer-authentication"), PEER_AUTHENTICATION, manifest);
        self.gateway(istio);
        self.target_of_gateway(istio);
        self.tokens(istio);
    }

    fn gateway(&mut self, istio: &Istio) {
        let hosts = match istio.gateway.load_balancer.value {
            // A load balancer asks for the health of its targets by their addresses.
            Exposure::Target { .. } => vec!["*"],
            Exposure::Nlb | Exposure::ClusterIp => hosts_of_gateway(istio),
        };
        let mut http = json!({
            "port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": hosts,
        });
        let mut servers = Vec::new();
        if let Some(secret) = &istio.gateway.tls {
            http["tls"] = json!({"httpsRedirect": true});
            servers.push(json!({
                "port": {"number": 443, "name": "https", "protocol": "HTTPS"},
                "hosts": hosts,
                "tls": {"mode": "SIMPLE", "credentialName": secret.as_str()},
            }));
        }
        servers.insert(0, http);
        let manifest = json!({
            "metadata": {"name": WAY_IN, "namespace": INGRESS},
            "spec": {"selector": {"istio": GATEWAY_LABEL}, "servers": servers},
        });
        self.object(&at("gateway"), GATEWAY_KIND, manifest);
    }

    /// A target of the blueprint's load balancer leads to the gateway's pods, which answer for their health themselves.
    fn target_of_gateway(&mut self, istio: &Istio) {
        let Exposure::Target { balancer, target } = &istio.gateway.load_balancer.value else {
            return;
        };
        let group = load_balancer::target_group(balancer, target);
        let port = if istio.gateway.tls.is_some() { 443 } else { 80 };
        let mut binding = target_group_binding(&group, GATEWAY, port);
        binding["metadata"] = json!({"name": WAY_IN, "namespace": INGRESS});
        self.object(&at("target-group-binding"), TARGET_GROUP_BINDING, binding);
        let Some(path) = self.health_path(istio) else { return };
        let manifest = json!({
            "metadata": {"name": "health", "namespace": INGRESS},
            "spec": {
                "hosts": ["*"],
                "gateways": [WAY_IN],
                "http": [{
                    "match": [{"uri": {"exact": path}}],
                    "directResponse": {"status": 200},
                }],
            },
        });
        self.object(&at("health"), VIRTUAL_SERVICE, manifest);
    }

    fn health_path(&self, istio: &Istio) -> Option<String> {
        istio.target(self.blueprint).map(|target| target.health.path.to_string())
    }

    /// Requests from outside bring a token where a rule says so. A token that is not valid is refused everywhere.
    fn tokens(&mut self, istio: &Istio) {
        if istio.jwt.is_empty() {
            return;
        }
        let selector = json!({"matchLabels": {"istio": GATEWAY_LABEL}});
        let rules: Vec<Value> = istio
            .jwt
            .iter()
            .map(|rule| {
                let Jwt { issuer, jwks_uri, audiences, paths: _, claims: _ } = &rule.value;
                json!({
                    "issuer": issuer.value,
                    "jwksUri": jwks_uri.as_str(),
                    "audiences": (!audiences.is_empty()).then_some(audiences),
                    "forwardOriginalToken": true,
                })
            })
            .collect();
        let manifest = json!({
            "metadata": {"name": "tokens", "namespace": INGRESS},
            "spec": {"selector": selector, "jwtRules": rules},
        });
        self.object(&at("request-authentication"), AUTHENTICATION, manifest);

        let mut rules = token_rules(&istio.jwt, self.health_path(istio));
        rules.extend(istio.jwt.iter().flat_map(|rule| claim_rules(rule)));
        let manifest = json!({
            "metadata": {"name": "tokens", "namespace": INGRESS},
            "spec": {"selector": selector, "action": "DENY", "rules": rules},
        });
        self.object(&at("token-policy"), AUTHORIZATION, manifest);
    }

    /// Nobody calls anything in a namespace of services unless a policy lets them.
    pub(in crate::graph::compile) fn mesh_of_namespace(&mut self, namespace: &Name) {
        if self.blueprint.istio().is_none() {
            return;
        }
        let manifest = json!({
            "metadata": {"name": "default-deny", "namespace": namespace.as_str()},
            "spec": {},
        });
        let address = Address::of(&format!("namespaces.{namespace}"), "authorization-policy");
        self.object(&address, AUTHORIZATION, manifest);
    }

    /// What a service is in the mesh.
    pub(in crate::graph::compile) fn mesh(&mut self, name: &Name, service: &Service) {
        let Some(istio) = self.blueprint.istio() else { return };
        if service.all_ports().next().is_none() {
            return;
        }
        self.callers(name, service);
        let Some(port) = &service.port else { return };
        let host = self.host(name, service);
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {"host": host, "trafficPolicy": traffic(&istio.circuit_breaker)},
        });
        self.object(&of_service(name, "destination-rule"), DESTINATION_RULE, manifest);

        let destination = json!([{"destination": {"host": host, "port": {"number": port.get()}}}]);
        if self.blueprint.services.values().any(|other| other.calls(name)) {
            let manifest = json!({
                "metadata": self.metadata(name.as_str(), name, service),
                "spec": {
                    "hosts": [host],
                    "gateways": ["mesh"],
                    "http": [route(istio, &Value::Null, &destination)],
                },
            });
            self.object(&of_service(name, "virtual-service"), VIRTUAL_SERVICE, manifest);
        }
        if !service.routes.is_empty() {
            let hosts = if service.hosts.is_empty() {
                hosts_of_gateway(istio)
            } else {
                service.hosts.iter().map(|host| host.as_str()).collect()
            };
            let manifest = json!({
                "metadata": self.metadata(&format!("{name}-routes"), name, service),
                "spec": {
                    "hosts": hosts,
                    "gateways": [format!("{INGRESS}/{WAY_IN}")],
                    "http": [route(istio, &matches(&service.routes), &destination)],
                },
            });
            self.object(&of_service(name, "routes"), VIRTUAL_SERVICE, manifest);
        }
    }

    /// Only those that use it may call it, and the gateway if requests from outside lead there.
    fn callers(&mut self, name: &Name, service: &Service) {
        let blueprint = self.blueprint;
        let users = blueprint.services.iter().filter(|(user, it)| *user != name && it.calls(name));
        let mut principals: Vec<String> = users
            .map(|(user, it)| principal(it.namespace(&blueprint.name).as_str(), user.as_str()))
            .collect();
        if !service.routes.is_empty() {
            principals.push(principal(INGRESS, GATEWAY));
        }
        let mut rules = Vec::new();
        if let (Some(port), false) = (&service.port, principals.is_empty()) {
            rules.push(json!({
                "from": [{"source": {"principals": principals}}],
                "to": [{"operation": {"ports": [port.to_string()]}}],
            }));
        }
        let ports: Vec<String> = service.ports.values().map(ToString::to_string).collect();
        if !ports.is_empty() {
            rules.push(json!({"to": [{"operation": {"ports": ports}}]}));
            // Who reads metrics need not be in the mesh.
            let open: Map<String, Value> =
                ports.into_iter().map(|port| (port, json!({"mode": "PERMISSIVE"}))).collect();
            let manifest = json!({
                "metadata": self.metadata(name.as_str(), name, service),
                "spec": {
                    "selector": {"matchLabels": service::selector(name)},
                    "portLevelMtls": open,
                },
            });
            self.object(&of_service(name, "peer-authentication"), PEER_AUTHENTICATION, manifest);
        }
        let manifest = json!({
            "metadata": self.metadata(name.as_str(), name, service),
            "spec": {
                "selector": {"matchLabels": service::selector(name)},
                "action": "ALLOW",
                "rules": rules,
            },
        });
        self.object(&of_service(name, "authorization-policy"), AUTHORIZATION, manifest);
    }
}

const COMPONENT: &str = "platform.istio";

fn at(role: &str) -> Address {
    Address::of(COMPONENT, role)
}

fn hosts_of_gateway(istio: &Istio) -> Vec<&str> {
    if istio.gateway.hosts.is_empty() {
        return vec!["*"];
    }
    istio.gateway.hosts.iter().map(|host| host.as_str()).collect()
}

/// The name that a sidecar proves.
fn principal(namespace: &str, account: &str) -> String {
    format!("{TRUST_DOMAIN}/ns/{namespace}/sa/{account}")
}

fn traffic(breaker: &CircuitBreaker) -> Value {
    let CircuitBreaker { errors, interval, ejection, max_ejected, connections, pending } = breaker;
    json!({
        "tls": {"mode": "ISTIO_MUTUAL"},
        "connectionPool": {
            "tcp": {"maxConnections": connections.get()},
            "http": {"http1MaxPendingRequests": pending.get()},
        },
        "outlierDetection": {
            "consecutive5xxErrors": errors.get(),
            "interval": seconds(interval.get()),
            "baseEjectionTime": seconds(ejection.get()),
            "maxEjectionPercent": max_ejected.get(),
        },
    })
}

fn route(istio: &Istio, matches: &Value, destination: &Value) -> Value {
    let Retries { attempts, per_try } = &istio.retries;
    let retries = if attempts.get() == 0 {
        json!({"attempts": 0})
    } else {
        json!({
            "attempts": attempts.get(),
            "perTryTimeout": seconds(per_try.get()),
            "retryOn": RETRY_ON,
        })
    };
    json!({
        "match": matches,
        "route": destination,
        "timeout": seconds(istio.timeout.get()),
        "retries": retries,
    })
}

/// The paths and all below them: `/api` is not the beginning of `/apis`.
fn matches(routes: &[Spanned<HttpPath>]) -> Value {
    let mut all = Vec::new();
    for route in routes {
        let path = route.as_str().trim_end_matches('/');
        if !path.is_empty() {
            all.push(json!({"uri": {"exact": path}}));
        }
        all.push(json!({"uri": {"prefix": format!("{path}/")}}));
    }
    Value::Array(all)
}

/// The same as an authorization policy writes it.
fn below(path: &str) -> Vec<String> {
    let below = format!("{path}/*");
    if path.is_empty() { vec![below] } else { vec![path.to_owned(), below] }
}

/// What is refused of an issuer's tokens that lack a claim. One that says nothing of it has none of the values, too.
fn claim_rules(rule: &Jwt) -> Vec<Value> {
    let refusals = rule.claims.iter().flat_map(|claims| {
        let Claims { paths, require } = &claims.value;
        let paths: Vec<String> =
            paths.iter().flat_map(|path| below(path.as_str().trim_end_matches('/'))).collect();
        require.iter().map(move |(claim, values)| {
            json!({
                "from": [{"source": {"requestPrincipals": [format!("{}/*", rule.issuer.value)]}}],
                "to": [{"operation": {"paths": paths}}],
                "when": [{"key": format!("request.auth.claims[{claim}]"), "notValues": values.value}],
            })
        })
    });
    refusals.collect()
}

/// What is refused without a token: each path with those issuers that cover it, then all that no path names. Health is
/// asked for without.
fn token_rules(rules: &[Spanned<Jwt>], health: Option<String>) -> Vec<Value> {
    let issuers = |covers: &dyn Fn(&Jwt) -> bool| -> Vec<String> {
        rules.iter().filter(|it| covers(it)).map(|it| format!("{}/*", it.issuer.value)).collect()
    };
    let paths: BTreeSet<&str> = rules
        .iter()
        .flat_map(|rule| &rule.paths)
        .map(|path| path.as_str().trim_end_matches('/'))
        .collect();
    let refused = |issuers: Vec<String>, operation: Value| {
        let is_said = operation.as_object().is_some_and(|it| it.values().any(|it| !it.is_null()));
        json!({
            "from": [{"source": {"notRequestPrincipals": issuers}}],
            "to": is_said.then(|| json!([{"operation": operation}])),
        })
    };
    let mut refusals = Vec::new();
    for path in &paths {
        let covers = |rule: &Jwt| {
            let within = |own: &Spanned<HttpPath>| is_path_within(path, own.as_str());
            rule.paths.is_empty() || rule.paths.iter().any(within)
        };
        // What has a rule of its own further down, that rule decides.
        let further = paths.iter().filter(|it| *it != path && is_path_within(it, path));
        let further: Vec<String> = further.flat_map(|it| below(it)).collect();
        let operation = json!({
            "paths": below(path),
            "notPaths": (!further.is_empty()).then_some(further),
        });
        refusals.push(refused(issuers(&covers), operation));
    }
    let everywhere = issuers(&|rule: &Jwt| rule.paths.is_empty());
    if !everywhere.is_empty() {
        let others: Vec<String> =
            health.into_iter().chain(paths.iter().flat_map(|path| below(path))).collect();
        let operation = json!({"notPaths": (!others.is_empty()).then_some(others)});
        refusals.push(refused(everywhere, operation));
    }
    refusals
}

/// As Istio writes a duration.
fn seconds(seconds: u32) -> String {
    format!("{seconds}s")
}
