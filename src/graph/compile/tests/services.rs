//! What services are on the cluster, and how they are wired.

use super::*;
use crate::blueprint::component::platform::offer::{Offers, SecretStore};

/// A shop with all that services can use.
const SHOP: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24]
cluster:
  version: "1.33"
  addons: {eks-pod-identity-agent: {}}
keys: {data: {}}
databases:
  orders:
    {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, replicas: 1, databaseName: orders, from: []}
caches:
  sessions: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}
  carts: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro, clusterMode: true, shards: 2, replicas: 0}
queues: {orders: {}, payments: {fifo: true}}
topics: {events: {}}
tables: {carts: {primaryKey: {partition: id}}}
buckets: {uploads: {}}
parameters: {flags: {value: "on"}}
logs: {audit: {}}
registries: {shared: {}}
secrets:
  jwt: {generate: {length: 64}}
  api: {generate: {jsonKey: token-key, template: {issuer: shop}}}
loadBalancers:
  public:
    protocol: http
    default: gateway
    targets: {gateway: {port: 8081, health: {path: /up}}, product: {port: 3002}}
services:
  order:
    image: order:1.4.0
    command: [/bin/order]
    args: [--serve]
    env: {LOG_LEVEL: info, JWT_SECRET_ARN: none}
    port: 3003
    ports: {metrics: 9090}
    health: {path: /health, ready: /ready, startsWithin: 42s}
    resources: {cpu: 250m..1, memory: 256Mi..512Mi}
    replicas: 2..10
    scale: {cpu: 70%, memory: 80%, queue: {of: queue.payments, each: 100}}
    disruption: {maxUnavailable: 25%}
    spread: required
    user: 1000
    volumes: {scratch: {path: /var/scratch, size: 2Gi}}
    routes: [/api/orders, /api/carts/]
    egress: [{to: 203.0.113.0/24, port: 8443}]
    uses:
      - database.orders
      - database.orders:secret
      - cache.sessions
      - cache.carts
      - queue.orders:send
      - queue.payments:receive
      - topic.events
      - table.carts:write
      - bucket.uploads
      - parameter.flags
      - log.audit
      - key.data
      - secret.jwt
      - secret.api
      - registry.shared
      - service.product
  product: {image: "shared@sha256:DIGEST", port: 3002, routes: [/], hosts: [www.example.com], uses: [queue.orders:send], identity: irsa}
  worker: {image: "ghcr.io/shop/worker:2", replicas: 1, namespace: jobs, spread: none, uses: [service.order]}
  idle: {image: "order:1.4.0", replicas: 0}
"#;

const MESH: &str = r"
platform:
  istio:
    gateway: {hosts: [shop.example.com], loadBalancer: public/gateway}
    jwt:
      - {issuer: https://login.example.com, jwksUri: https://login.example.com/keys, audiences: [shop], paths: [/api]}
      - {issuer: https://partner.example.com, jwksUri: https://partner.example.com/keys}
";

fn shop(more: &str) -> Blueprint {
    let text = SHOP.replace("DIGEST", &"0".repeat(64)) + more;
    let loaded = load_bytes("shop", text.as_bytes(), Selection::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    loaded.blueprint.expect("the blueprint is valid")
}

fn offers() -> Offers {
    let secret_store =
        SecretStore { kind: "ClusterSecretStore", name: "secrets-manager".to_owned() };
    Offers { load_balancers: true, secret_store: Some(secret_store) }
}

/// The objects of a service, without those of AWS.
fn objects(blueprint: &Blueprint, name: &str) -> BTreeMap<String, Value> {
    let account = account();
    let mut compiler = compiler_of(blueprint, &account);
    compiler.everything();
    let mut all = component(compiler, name);
    all.retain(|title, spec| {
        spec.as_object_mut().into_iter().for_each(|spec| drop(spec.remove("cluster")));
        !title.contains(" AWS::")
    });
    all
}

#[test]
fn a_service_is_all_that_keeps_it_well() {
    let blueprint = shop(MESH);
    insta::assert_json_snapshot!("order", objects(&blueprint, "services.order"));
    insta::assert_json_snapshot!("product", objects(&blueprint, "services.product"));
    insta::assert_json_snapshot!("worker", objects(&blueprint, "services.worker"));
    insta::assert_json_snapshot!("namespace", objects(&blueprint, "namespaces.shop"));
}

#[test]
fn what_is_stopped_has_no_budget_and_no_autoscaler() {
    let blueprint = shop("");
    let idle = objects(&blueprint, "services.idle");
    let kinds: Vec<&str> = idle.keys().filter_map(|title| title.split(' ').nth(1)).collect();
    let expected =
        ["apps/v1/Deployment", "networking.k8s.io/v1/NetworkPolicy", "v1/ServiceAccount"];
    assert_eq!(kinds, expected);
    let deployment = &idle["services.idle/deployment apps/v1/Deployment"];
    assert_eq!(deployment["spec"]["replicas"], json!(0));
    // The repository is made for the first service with the image.
    let template = &deployment["spec"]["template"]["spec"];
    let image = template["containers"][0]["image"].to_string();
    assert!(image.contains("services.idle/repository"), "{image}");
    assert_eq!(template["containers"][0].get("lifecycle"), None, "nobody asks it for anything");
}

#[test]
fn the_mesh_has_a_way_in_and_rules() {
    let blueprint = shop(MESH);
    insta::assert_json_snapshot!("mesh", objects(&blueprint, "platform.istio"));
    let platform = blueprint.platform.as_ref().expect("there is one");
    let charts: Vec<Value> = platform
        .charts(&blueprint)
        .into_iter()
        .map(|it| {
            json!({"release": it.name, "chart": it.chart, "namespace": it.namespace,
                "version": it.version, "values": it.values})
        })
        .collect();
    insta::assert_json_snapshot!("mesh_charts", charts);
}

#[test]
fn values_of_charts_can_be_replaced() {
    let blueprint = shop(
        "platform: {istio: {values: {istiod: {pilot: {autoscaleMin: 3}}, gateway: {service: {type: NodePort}}}}}",
    );
    let platform = blueprint.platform.as_ref().expect("there is one");
    let charts = platform.charts(&blueprint);
    let values = |release: &str| {
        let found = charts.iter().find(|it| it.name == release).expect("is installed");
        found.values.clone()
    };
    assert_eq!(values("istiod")["pilot"], json!({"autoscaleMin": 3, "cni": {"enabled": true}}));
    assert_eq!(values("istio-ingressgateway")["service"]["type"], "NodePort");
}

#[test]
fn tokens_say_what_their_paths_ask_for() {
    let blueprint = shop(
        r"
platform:
  istio:
    jwt:
      - issuer: a
        jwksUri: https://a.example.com/keys
        claims: [{paths: [/admin/, /audit], require: {role: [admin, owner], scope: [all]}}]
",
    );
    let objects = objects(&blueprint, "platform.istio");
    let policy = &objects["platform.istio/token-policy security.istio.io/v1/AuthorizationPolicy"];
    let rules = policy["spec"]["rules"].as_array().unwrap();
    let refused = |claim: &str, values: Value| {
        json!({
            "from": [{"source": {"requestPrincipals": ["a/*"]}}],
            "to": [{"operation": {"paths": ["/admin", "/admin/*", "/audit", "/audit/*"]}}],
            "when": [{"key": format!("request.auth.claims[{claim}]"), "notValues": values}],
        })
    };
    let expected = [refused("role", json!(["admin", "owner"])), refused("scope", json!(["all"]))];
    assert_eq!(rules[1..], expected);
    assert_eq!(policy["spec"]["action"], "DENY");
}

#[test]
fn a_gateway_with_a_certificate_stands_behind_a_target_that_speaks_tls() {
    let text = SHOP
        .replace("DIGEST", &"0".repeat(64))
        .replace("gateway: {port: 8081,", "gateway: {port: 8081, protocol: https,")
        + "platform: {certManager: {}, loadBalancerController: {}, istio: {gateway: {loadBalancer: public/gateway, tls: mine}}}";
    let loaded = load_bytes("shop", text.as_bytes(), Selection::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let blueprint = loaded.blueprint.expect("the blueprint is valid");
    let objects = objects(&blueprint, "platform.istio");
    let binding =
        &objects["platform.istio/target-group-binding elbv2.k8s.aws/v1beta1/TargetGroupBinding"];
    assert_eq!(binding["spec"]["serviceRef"]["port"], 443);
    let charts = blueprint.istio().unwrap().charts(&blueprint, blueprint.name.span);
    let gateway = charts.iter().find(|chart| chart.chart == "gateway").unwrap();
    let ports: Vec<String> = gateway.values["service"]["ports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|port| format!("{} {} {}", port["name"], port["port"], port["targetPort"]))
        .collect();
    assert_eq!(ports, ["\"status-port\" 15021 15021", "\"http2\" 80 8080", "\"https\" 443 8081"]);
}

#[test]
fn a_path_takes_the_tokens_of_whoever_covers_it() {
    let blueprint = shop(
        r"
platform:
  istio:
    jwt:
      - {issuer: a, jwksUri: https://a.example.com/keys, paths: [/api/]}
      - {issuer: b, jwksUri: https://b.example.com/keys, paths: [/api/admin]}
",
    );
    let objects = objects(&blueprint, "platform.istio");
    let policy = &objects["platform.istio/token-policy security.istio.io/v1/AuthorizationPolicy"];
    let rule = |principals: Value, operation: Value| {
        let from = json!([{"source": {"notRequestPrincipals": principals}}]);
        json!({"from": from, "to": [{"operation": operation}]})
    };
    let further = ["/api/admin", "/api/admin/*"];
    let expected = [
        rule(json!(["a/*"]), json!({"paths": ["/api", "/api/*"], "notPaths": further})),
        rule(json!(["a/*", "b/*"]), json!({"paths": further})),
    ];
    assert_eq!(policy["spec"]["rules"], json!(expected));
}

/// Every use gives variables by names that follow from the reference, and outputs of what it names.
#[test]
fn uses_give_variables_and_secrets() {
    let (blueprint, account) = (shop(""), account());
    let compiler = compiler_of(&blueprint, &account);
    let (name, order) =
        blueprint.services.iter().find(|(it, _)| it.as_str() == "order").expect("is there");
    let wires = |offers: &Offers| -> BTreeMap<String, Value> {
        let wires = compiler.wires(name, order, offers);
        wires
            .into_iter()
            .map(|wire| {
                let synced = wire
                    .synced
                    .map(|it| json!({"name": it.name, "arn": it.arn, "variables": it.variables}));
                let by: Vec<String> = wire.resources.iter().map(ToString::to_string).collect();
                let value = json!({"variables": wire.variables, "synced": synced, "by": by});
                (wire.used.to_string(), value)
            })
            .collect()
    };
    insta::assert_json_snapshot!("wires", wires(&offers()));
    let without: Vec<_> = wires(&Offers::default())
        .into_iter()
        .filter(|(_, wire)| !wire["synced"].is_null())
        .collect();
    assert_eq!(without, [], "nobody copies them");
}

#[test]
fn secrets_are_copied_once_and_read_by_name() {
    let (blueprint, account) = (shop(""), account());
    let mut compiler = compiler_of(&blueprint, &account);
    let (name, order) =
        blueprint.services.iter().find(|(it, _)| it.as_str() == "order").expect("is there");
    let offers = offers();
    let wires = compiler.wires(name, order, &offers);
    let store = offers.secret_store.expect("there is one");
    compiler.copies_of_secrets(name, order, &wires, &store);
    insta::assert_json_snapshot!("copies", component(compiler, "services.order"));
}

#[test]
fn without_a_mesh_load_balancers_lead_to_routes() {
    let (blueprint, account) = (shop(""), account());
    let mut compiler = compiler_of(&blueprint, &account);
    for (name, service) in &blueprint.services {
        compiler.routes_of_service(name, service, &offers());
    }
    // The product is a target of the load balancer, the order is none.
    let nodes: Vec<String> = compiler.builder.nodes.keys().map(ToString::to_string).collect();
    assert_eq!(nodes, ["services.order/ingress", "services.product/target-group-binding"]);
    let specs: Vec<&Value> = compiler.builder.nodes.values().map(|node| &node.spec).collect();
    insta::assert_json_snapshot!("exposure", specs);
}

/// Whoever is not named is kept out, whichever side one looks from.
#[test]
fn only_users_and_the_way_in_are_let_through() {
    let blueprint = shop(MESH);
    let policy = |name: &str| {
        let objects = objects(&blueprint, &format!("services.{name}"));
        let title = format!("services.{name}/network-policy networking.k8s.io/v1/NetworkPolicy");
        objects[&title]["spec"].clone()
    };
    let worker = policy("worker");
    assert_eq!(worker.get("ingress").and_then(Value::as_array).map_or(0, Vec::len), 0);
    assert_eq!(worker["egress"].as_array().map(Vec::len), Some(3), "names, the mesh, the order");
    let order = policy("order");
    let from = order["ingress"][0]["from"].as_array().expect("is a list");
    let namespaces: Vec<&Value> = from
        .iter()
        .map(|it| &it["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"])
        .collect();
    assert_eq!(namespaces, ["jobs", "istio-ingress"]);
}

#[test]
fn parts_in_further_regions_are_wired_by_their_own_addresses() {
    let text = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
regions:
  dr:
    region: eu-central-1
    network:
      cidr: 10.1.0.0/16
      zones: 2
      subnets: {public: [10.1.1.0/24, 10.1.2.0/24], private: [10.1.11.0/24, 10.1.12.0/24]}
    cluster: {version: "1.33", addons: {eks-pod-identity-agent: {}}}
    queues: {orders: {}}
    services: {order: {image: "order:1", uses: [queue.orders:send]}}
"#;
    let loaded = load_bytes("shop", text.as_bytes(), Selection::default());
    let blueprint = loaded.blueprint.expect("the blueprint is valid");
    let wires = wiring(&blueprint, &account(), "regions.dr.services.order");
    let [wire] = wires.as_slice() else { panic!("one line of uses: {wires:?}") };
    let queue = json!({"Fn::GetAtt": ["regions.dr.queues.orders/queue", "QueueUrl"]});
    assert_eq!(wire.variables, BTreeMap::from([("ORDERS_QUEUE_URL".to_owned(), queue)]));
    assert_eq!(wire.resources, [Address::of("regions.dr.services.order", "policy")]);
    assert_eq!(wiring(&blueprint, &account(), "regions.dr.queues.orders"), []);
}
