//! A chart with hooks, definitions, a list and a subchart goes through its whole life, object by object.

use platctl::blueprint::{self, Blueprint, Selection};
use platctl::graph::Graph;
use platctl::plan::Intent;

use super::plan_lines;
use crate::blueprints::graph;
use crate::support::api_server::{ApiServer, CONTEXT};
use crate::support::{TestStack, with_sandbox};

const HEAD: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
";
const CLUSTER: &str = "\
network:
  cidr: 10.0.0.0/16
  zones: 2
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24]
  nat: single
cluster:
  version: '1.35'
  deletionProtection: false
  nodeGroups: {system: {instanceTypes: [t3.large], size: 1..2}}
  addons: {vpc-cni: {beforeNodes: true}, kube-proxy: {beforeNodes: true}, coredns: {}}
";
const THEIRS: &str = "existing: {cluster: {context: CONTEXT}}\n";
const CHARTS: &str = "\
resources:
  elsewhere: {type: v1/Namespace, properties: {metadata: {name: elsewhere}}}
charts:
  all: {path: tests/charts/everything, namespace: apps, values: {greeting: GREETING, size: SIZE, kept: KEPT}}
";

/// On a real API server, if there is one, or with a cluster of its own.
fn load(real: Option<&ApiServer>, greeting: &str, size: &str, kept: bool) -> Blueprint {
    let cluster = match real {
        Some(_) => THEIRS.replace("CONTEXT", CONTEXT),
        None => CLUSTER.to_owned(),
    };
    let charts = CHARTS.replace("GREETING", greeting).replace("SIZE", size);
    let charts = charts.replace("KEPT", &kept.to_string());
    let text = [HEAD, &cluster, &charts].concat();
    let loaded = blueprint::load_bytes("shop.yaml", text.as_bytes(), Selection::default());
    loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// The addresses of what the chart makes that wait for this one.
fn waits_for<'a>(graph: &'a Graph, address: &str) -> Vec<&'a str> {
    let waits = |(at, node): (&'a platctl::address::Address, &platctl::graph::Node)| {
        let needs = node.needs.keys().any(|it| it.as_str() == address);
        needs.then_some(at.role())
    };
    graph.nodes.iter().filter_map(waits).collect()
}

#[test]
fn everything_that_a_chart_can_have_is_applied_upgraded_and_destroyed() {
    with_sandbox(|server| async move {
        let real = ApiServer::if_real().await;
        let stack = match &real {
            Some(real) => TestStack::beside(&server, "shop", real).await,
            None => TestStack::new(&server, "shop").await,
        };
        let first = graph(&stack, &load(real.as_ref(), "hello", "3", true)).await;
        let after = waits_for(&first, "charts.all/job/apps/all-migrate");
        assert!(after.contains(&"deployment/apps/all"), "a hook comes first: {after:?}");
        stack.apply(&first).await;

        let second = graph(&stack, &load(real.as_ref(), "good day", "4", false)).await;
        let plan = stack.plan(&second, Intent::Apply).await;
        let expected = [
            "○ charts.all/configmap/apps/all-kept",
            "~ charts.all/configmap/apps/all-settings data.greeting",
            "~ charts.all/deployment/apps/all spec.replicas",
            "~ charts.all/gizmo/apps/all spec.size",
        ];
        assert_eq!(plan_lines(&plan), expected);
        stack.apply(&second).await;
        let third = graph(&stack, &load(real.as_ref(), "good day", "4", true)).await;
        let plan = stack.plan(&third, Intent::Apply).await;
        assert_eq!(plan_lines(&plan), ["= charts.all/configmap/apps/all-kept"]);
        stack.apply(&third).await;
        // In the end it goes with its cluster.
        stack.destroy(&third).await;
    });
}
