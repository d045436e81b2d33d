//! What the components of the platform are made of.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{account, compiler_of, component};
use crate::blueprint::{Blueprint, Selection, load_bytes};
use crate::chart::{ChartUse, Rendered};
use crate::graph::compile::compile;

const EXAMPLE: &str = include_str!("../../../../examples/platform.yaml");

/// What the example has not: the other autoscaler, projects, a store in each namespace.
const OTHER: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: other
region: eu-west-1
existing:
  cluster: shared
  zones: {example.com: Z0123456789ABCDEFGHIJ}
  secrets: {grafana: shared/grafana}
  network: {vpc: vpc-0a1b2c3d4e5f67890, subnets: {private: [subnet-0a1b2c3d4e5f67890, subnet-0a1b2c3d4e5f67891]}}
databases:
  orders: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, subnets: private}
services:
  order: {image: "ghcr.io/acme/order:1.0", uses: [database.orders:secret]}
platform:
  argoCd:
    host: argo.example.com
    highAvailability: true
    projects: {shop: {description: the shop}}
    applications:
      order: {repository: "https://github.com/acme/shop.git", path: deploy/order, project: shop, namespace: shop}
      manual: {repository: "https://github.com/acme/shop.git", path: charts/web, sync: manual, values: {replicas: 2}}
    appOfApps: {repository: "https://github.com/acme/apps.git", path: prod, revision: main}
  certManager:
    version: v1.19.4
    issuers: {staging: {email: ops@example.com, server: staging, zones: [example.com]}}
    values: {replicaCount: 2, serviceAccount: {annotations: {team: shop}}}
  clusterAutoscaler: {expander: most-pods}
  cloudwatch: {logs: false, configuration: {tolerations: []}}
  externalDns: {policy: sync, sources: [istio-gateway]}
  externalSecrets: {namespaces: [shop, monitoring]}
  karpenter:
    ami: bottlerocket@latest
    nodePools:
      spot:
        architectures: [arm64]
        instanceTypes: [m7g.large]
        capacity: [spot]
        consolidation: when-empty
        consolidateAfter: 90s
        expireAfter: none
        limits: {cpu: 20, memory: 80Gi}
        taints: [{key: spot, effect: NoSchedule}]
        labels: {tier: batch}
        weight: 10
  prometheus:
    size: none
    grafana: {adminSecret: secret.grafana}
"#;

fn blueprint(text: &str) -> Blueprint {
    let loaded = load_bytes("platform", text.as_bytes(), Selection::default());
    let errors: Vec<String> = loaded.diagnostics.iter().map(|it| it.summary.clone()).collect();
    loaded.blueprint.unwrap_or_else(|| panic!("{errors:?}"))
}

/// The resources of each component of the platform.
fn resources(blueprint: &Blueprint) -> BTreeMap<String, BTreeMap<String, Value>> {
    let account = account();
    let compiled = || {
        let mut compiler = compiler_of(blueprint, &account);
        compiler.platform(blueprint.platform.as_ref().expect("there is one"));
        compiler
    };
    let addresses = compiled().builder.nodes.into_keys();
    let paths: BTreeSet<String> = addresses.map(|it| it.component().to_owned()).collect();
    paths.into_iter().map(|path| (path.clone(), component(compiled(), &path))).collect()
}

fn charts(blueprint: &Blueprint) -> Vec<Value> {
    let platform = blueprint.platform.as_ref().expect("there is one");
    let shown = |it: ChartUse| {
        let ChartUse { name, repository, chart, version, namespace, values, component, span } = it;
        assert!(span.is_some(), "{name}");
        json!({
            "name": name, "chart": format!("{}/{chart}", repository.unwrap_or_default()), "version": version,
            "namespace": namespace, "values": values, "component": component,
        })
    };
    platform.charts(blueprint).into_iter().map(shown).collect()
}

#[test]
fn one_line_makes_a_component() {
    let blueprint = blueprint(EXAMPLE);
    compile(&blueprint, &account(), &Rendered::default()).expect("it compiles");
    insta::assert_json_snapshot!("platform", resources(&blueprint));
    insta::assert_json_snapshot!("platform_charts", charts(&blueprint));
}

#[test]
fn a_component_can_be_told_more() {
    let blueprint = blueprint(OTHER);
    compile(&blueprint, &account(), &Rendered::default()).expect("it compiles");
    insta::assert_json_snapshot!("platform_told_more", resources(&blueprint));
    insta::assert_json_snapshot!("platform_told_more_charts", charts(&blueprint));
}

#[test]
fn policies_fit_into_their_roles() {
    /// Characters of all inline policies of a role: "IAM and AWS STS quotas".
    const INLINE_MAX: usize = 10_240;
    for (path, resources) in resources(&blueprint(EXAMPLE)) {
        for (address, spec) in resources.iter().filter(|(it, _)| it.ends_with("RolePolicy")) {
            let length = spec["PolicyDocument"].to_string().len();
            assert!(length < INLINE_MAX, "{path} {address}: {length}");
        }
    }
}
