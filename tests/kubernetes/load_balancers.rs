//! What Services and Ingresses make in AWS goes before their cluster and its network, and their controllers go last.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Filter, IpPermission, SecurityGroup};
use aws_sdk_eks::types::ClusterStatus;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, TargetGroup};
use http::Method;
use platctl::blueprint::{self, Blueprint, Selection};
use platctl::cloud::Cx;
use platctl::plan::Intent;
use serde_json::json;

use super::{CLUSTER, Play};
use crate::blueprints::graph;
use crate::support::{REGION, TestStack, kubectl, with_sandbox};

const BLUEPRINT: &str = "\
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
  nat: single
cluster:
  version: '1.35'
  deletionProtection: false
  nodeGroups: {system: {instanceTypes: [t3.large], size: 1..2}}
  addons:
    vpc-cni: {beforeNodes: true}
    kube-proxy: {beforeNodes: true}
    eks-pod-identity-agent: {beforeNodes: true}
    coredns: {}
platform:
  certManager: {}
  loadBalancerController: {}
  istio: {gateway: {loadBalancer: nlb}}
resources:
  plain:
    type: v1/Service
    properties:
      metadata: {name: plain, namespace: default}
      spec: {type: LoadBalancer, selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
  web:
    type: v1/Service
    properties:
      metadata: {name: web, namespace: default}
      spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
  ingress:
    type: networking.k8s.io/v1/Ingress
    properties:
      metadata:
        name: web
        namespace: default
        annotations:
          alb.ingress.kubernetes.io/scheme: internet-facing
          alb.ingress.kubernetes.io/target-type: ip
      spec:
        ingressClassName: alb
        rules:
          - http:
              paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
";

fn load() -> Blueprint {
    let loaded = blueprint::load_bytes("shop.yaml", BLUEPRINT.as_bytes(), Selection::default());
    loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

async fn balancers(cx: &Cx) -> Vec<LoadBalancer> {
    cx.elb.describe_load_balancers().send().await.unwrap().load_balancers.unwrap_or_default()
}

/// Type, scheme and the tags of controllers of each load balancer.
async fn told(cx: &Cx) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for balancer in balancers(cx).await {
        let (kind, scheme) = (balancer.r#type().unwrap(), balancer.scheme().unwrap());
        let arn = balancer.load_balancer_arn().unwrap();
        let reply = cx.elb.describe_tags().resource_arns(arn).send().await.unwrap();
        let mut tags: Vec<String> = reply.tag_descriptions()[0]
            .tags()
            .iter()
            .map(|it| format!("{}={}", it.key().unwrap(), it.value().unwrap()))
            .collect();
        tags.sort();
        all.insert(format!("{} {} {}", kind.as_str(), scheme.as_str(), tags.join(" ")));
    }
    all
}

/// What a network has that load balancers stand on.
async fn ground(cx: &Cx) -> usize {
    let role = Filter::builder().name("tag-key").values("kubernetes.io/role/elb").build();
    let subnets = cx.ec2.describe_subnets().filters(role).send().await.unwrap();
    let gateways = cx.ec2.describe_internet_gateways().send().await.unwrap();
    let attached = gateways.internet_gateways().iter().map(|it| it.attachments().len());
    subnets.subnets().len() + attached.sum::<usize>()
}

#[test]
fn load_balancers_of_controllers_go_before_the_cluster_and_its_network() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "shop").await;
        let cx = stack.aws.region(REGION);
        let graph = graph(&stack, &load()).await;
        stack.apply(&graph).await;
        let expected = [
            "application internet-facing elbv2.k8s.aws/cluster=shop ingress.k8s.aws/resource=LoadBalancer ingress.k8s.aws/stack=default/web",
            "network internet-facing elbv2.k8s.aws/cluster=shop service.k8s.aws/resource=LoadBalancer service.k8s.aws/stack=istio-ingress/istio-ingressgateway",
            "network internet-facing kubernetes.io/cluster/shop=owned kubernetes.io/service-name=default/plain",
        ];
        assert_eq!(told(&cx).await, expected.map(str::to_owned).into());
        let state = stack.state();
        let names: BTreeSet<&str> = state
            .resources
            .values()
            .filter_map(|it| it.outputs.get("LoadBalancerHostname").map(String::as_str))
            .collect();
        let all = balancers(&cx).await;
        assert_eq!(names, all.iter().filter_map(|it| it.dns_name()).collect());
        let groups = cx.elb.describe_target_groups().send().await.unwrap();
        let ports: BTreeSet<i32> =
            groups.target_groups().iter().filter_map(TargetGroup::port).collect();
        assert!(ports.contains(&8080), "{ports:?}");

        let stands = ground(&cx).await;
        let mut seen = BTreeSet::new();
        let watch = async {
            loop {
                // What is asked first was there first: load balancers may not outlive it.
                let cluster = cx.describe_cluster("shop").await.unwrap();
                let lives = cluster.is_some_and(|it| it.status() == Some(&ClusterStatus::Active));
                let whole = ground(&cx).await == stands;
                seen.insert((balancers(&cx).await.len(), lives, whole));
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        };
        tokio::select! {
            () = stack.destroy(&graph) => {}
            () = watch => {}
        }
        assert!(seen.contains(&(3, true, true)), "{seen:?}");
        let outlived =
            |(count, lives, whole): &&(usize, bool, bool)| *count > 0 && !(*lives && *whole);
        assert_eq!(seen.iter().find(outlived), None, "{seen:?}");
        nothing_is_left(&cx).await;
    });
}

async fn nothing_is_left(cx: &Cx) {
    assert_eq!(balancers(cx).await, []);
    let groups = cx.elb.describe_target_groups().send().await.unwrap();
    assert_eq!(groups.target_groups(), []);
    let groups = cx.ec2.describe_security_groups().send().await.unwrap();
    let names = groups.security_groups().iter().filter_map(|it| it.group_name());
    assert_eq!(names.filter(|name| name.starts_with("k8s-")).collect::<Vec<_>>(), [""; 0]);
    let interfaces = cx.ec2.describe_network_interfaces().send().await.unwrap();
    assert_eq!(interfaces.network_interfaces(), []);
}

#[test]
fn without_its_controller_the_finalizer_of_a_service_is_named_as_what_holds_it() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "shop").await;
        let cx = stack.aws.region(REGION);
        let graph = graph(&stack, &load()).await;
        stack.apply(&graph).await;
        let of_controller =
            |(address, node): (&platctl::address::Address, &platctl::graph::Node)| {
                let is = address.component() == "platform.loadBalancerController"
                    && node.kind == "apps/v1/Deployment";
                is.then(|| node.spec["metadata"].clone())
            };
        let metadata = graph.nodes.iter().find_map(of_controller).unwrap();
        let text = |name: &str| metadata[name].as_str().unwrap().to_owned();
        let path =
            format!("/apis/apps/v1/namespaces/{}/deployments/{}", text("namespace"), text("name"));
        kubectl(&cx, "shop", "kubectl", Method::DELETE, &path, None).await;

        let plan = stack.plan(&stack.empty(), Intent::Destroy).await;
        let outcome = stack.run(&plan).await;
        let failed = format!("{:#?}", outcome.failed);
        for held in ["service.k8s.aws/resources", "ingress.k8s.aws/resources"] {
            assert!(failed.contains(held), "{failed}");
        }
        // EKS itself serves what names nobody: that is gone.
        let told = told(&cx).await;
        assert!(told.len() == 2 && told.iter().all(|it| it.contains("elbv2")), "{told:#?}");
        let cluster = cx.describe_cluster("shop").await.unwrap().unwrap();
        assert_eq!(cluster.status(), Some(&ClusterStatus::Active));

        stack.apply(&graph).await;
        stack.destroy(&graph).await;
        nothing_is_left(&cx).await;
    });
}

/// Other ports are other listeners and rules of the same load balancer; one that is not asked for any more goes.
#[test]
fn a_load_balancer_follows_its_service() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let cx = play.stack.aws.region(REGION);
        let with = |kind: &str, port: u16| {
            let internal = "service.beta.kubernetes.io/aws-load-balancer-internal";
            let service = json!({
                "metadata": {"name": "web", "namespace": "default", "annotations": {internal: "true"}},
                "spec": {"type": kind, "selector": {"app": "web"}, "ports": [{"name": "http", "port": port, "targetPort": 8080}]},
            });
            play.graph(&[("k8s/web", "v1/Service", service)])
        };
        play.stack.apply(&with("LoadBalancer", 80)).await;
        let first = balancers(&cx).await;
        assert_eq!(first.len(), 1);
        assert_eq!(open_ports(&cx).await, (vec![80], vec![80]));
        play.stack.apply(&with("LoadBalancer", 8443)).await;
        eventually(async || open_ports(&cx).await == (vec![8443], vec![8443])).await;
        let now = balancers(&cx).await;
        assert_eq!(now[0].load_balancer_arn(), first[0].load_balancer_arn());
        let graph = with("ClusterIP", 8443);
        play.stack.apply(&graph).await;
        eventually(async || balancers(&cx).await.is_empty()).await;
        eventually(async || open_ports(&cx).await == (vec![], vec![])).await;
        play.stack.destroy(&graph).await;
    });
}

/// The ports of all listeners, and those that the groups of load balancers let in.
async fn open_ports(cx: &Cx) -> (Vec<i32>, Vec<i32>) {
    let mut listening = Vec::new();
    for balancer in balancers(cx).await {
        let ask = cx.elb.describe_listeners().set_load_balancer_arn(balancer.load_balancer_arn);
        // It may be gone by now.
        let Ok(listeners) = ask.send().await else { continue };
        listening.extend(listeners.listeners().iter().filter_map(Listener::port));
    }
    let of_balancers = Filter::builder().name("group-name").values("k8s-elb-*").build();
    let groups = cx.ec2.describe_security_groups().filters(of_balancers).send().await.unwrap();
    let rules = groups.security_groups().iter().flat_map(SecurityGroup::ip_permissions);
    (listening, rules.filter_map(IpPermission::from_port).collect())
}

async fn eventually(is: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if is().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("it does not come about");
}

/// Nobody looks after it any more, and it holds the network.
#[test]
fn the_load_balancer_of_a_cluster_that_was_deleted_under_it_stays() {
    with_sandbox(|server| async move {
        let play = Play::new(&server).await;
        let cx = play.stack.aws.region(REGION);
        play.stack.apply(&play.graph(&[])).await;
        let (gateway, vpc) = internet(&cx).await;
        let service = json!({
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
        });
        let graph = play.graph(&[("k8s/web", "v1/Service", service)]);
        play.stack.apply(&graph).await;
        cx.eks.delete_cluster().name(CLUSTER).send().await.unwrap();
        while cx.describe_cluster(CLUSTER).await.unwrap().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        cx.forget_cluster(CLUSTER);
        let left = balancers(&cx).await;
        let [balancer] = &left[..] else { panic!("one load balancer") };
        let subnet = balancer.availability_zones()[0].subnet_id().unwrap();
        let refused = [
            cx.ec2.delete_subnet().subnet_id(subnet).send().await.map(drop).map_err(code),
            cx.ec2.delete_vpc().vpc_id(&vpc).send().await.map(drop).map_err(code),
            detach(&cx, &gateway, &vpc).await,
        ];
        for answer in refused {
            assert_eq!(answer, Err("DependencyViolation".to_owned()));
        }

        let arn = balancer.load_balancer_arn().unwrap();
        cx.elb.delete_load_balancer().load_balancer_arn(arn).send().await.unwrap();
        while detach(&cx, &gateway, &vpc).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        cx.ec2.delete_internet_gateway().internet_gateway_id(&gateway).send().await.unwrap();
        let group = &balancer.security_groups()[0];
        cx.ec2.delete_security_group().group_id(group).send().await.unwrap();
        play.stack.destroy(&graph).await;
    });
}

/// A way out for the network, made by others.
async fn internet(cx: &Cx) -> (String, String) {
    let ours = Filter::builder().name("tag-key").values("platctl:stack").build();
    let vpcs = cx.ec2.describe_vpcs().filters(ours).send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap().to_owned();
    let made = cx.ec2.create_internet_gateway().send().await.unwrap();
    let gateway = made.internet_gateway.unwrap().internet_gateway_id.unwrap();
    let attach = cx.ec2.attach_internet_gateway().internet_gateway_id(&gateway).vpc_id(&vpc);
    attach.send().await.unwrap();
    let of_vpc = Filter::builder().name("vpc-id").values(&vpc).build();
    let tables = cx.ec2.describe_route_tables().filters(of_vpc).send().await.unwrap();
    let main = tables.route_tables()[0].route_table_id().unwrap();
    let route = cx.ec2.create_route().route_table_id(main).gateway_id(&gateway);
    route.destination_cidr_block("0.0.0.0/0").send().await.unwrap();
    (gateway, vpc)
}

async fn detach(cx: &Cx, gateway: &str, vpc: &str) -> Result<(), String> {
    let detach = cx.ec2.detach_internet_gateway().internet_gateway_id(gateway).vpc_id(vpc);
    detach.send().await.map(drop).map_err(code)
}

fn code<E, R>(error: aws_smithy_runtime_api::client::result::SdkError<E, R>) -> String
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata,
{
    error.as_service_error().and_then(|it| it.code()).unwrap_or_default().into()
}
