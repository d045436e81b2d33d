//! What others put into a network: interfaces, groups, load balancers, nodes.

use std::time::Duration;

use aws_sdk_ec2::types::{IpPermission, UserIdGroupPair};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    ProtocolEnum, Tag,
};
use platctl::cloud::aws::Cx;
use platctl::fault::Holder;
use serde_json::json;

use super::{Used, get, named, network};
use crate::support::{REGION, with_sandbox};

fn group() -> (&'static str, &'static str, serde_json::Value) {
    let spec = json!({"GroupDescription": "ours", "VpcId": get("net/vpc", "VpcId")});
    ("net/group", "AWS::EC2::SecurityGroup", spec)
}

#[test]
fn groups_and_subnets_in_a_vpc() {
    with_sandbox(|server| async move {
        let used = Used::new(&server, &network()).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let vpc = used.id("net/vpc");
        let made = ec2.create_security_group().group_name("theirs").description("theirs");
        let group = made.vpc_id(&vpc).send().await.unwrap().group_id.unwrap();
        let made = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.0.9.0/24").send().await.unwrap();
        let subnet = made.subnet.unwrap().subnet_id.unwrap();
        let blockers = used.refused("net/vpc").await;
        let blocker = named(&blockers, &group);
        assert_eq!(blocker.kind, "AWS::EC2::SecurityGroup");
        assert_eq!((&blocker.holder, blocker.passes), (&Holder::Unknown, false));
        assert_eq!(named(&blockers, &subnet).kind, "AWS::EC2::Subnet");
        assert_eq!(blockers.len(), 2, "what goes with the VPC is not told: {blockers:#?}");
        ec2.delete_security_group().group_id(group).send().await.unwrap();
        ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn what_another_stack_built_on_it() {
    with_sandbox(|server| async move {
        let used = Used::new(&server, &network()).await;
        let other = used.stack.neighbour("other");
        let vpc = used.id("net/vpc");
        let resources = [(
            "apps/group",
            "AWS::EC2::SecurityGroup",
            json!({"GroupDescription": "theirs", "VpcId": vpc}),
        )];
        let theirs = super::graph(&other, &resources);
        other.apply(&theirs).await;
        let blockers = used.refused("net/vpc").await;
        let [blocker] = &blockers[..] else { panic!("{blockers:#?}") };
        let Holder::Stack(owner) = &blocker.holder else { panic!("{blocker:?}") };
        assert_eq!((owner.stack.as_str(), owner.address.as_str()), ("other", "apps/group"));
        other.destroy(&theirs).await;
        used.ends().await;
    });
}

#[test]
fn an_interface_in_a_subnet_with_a_group() {
    with_sandbox(|server| async move {
        let mut resources = network();
        resources.push(group());
        let used = Used::new(&server, &resources).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let made = ec2.create_network_interface().subnet_id(used.id("net/a"));
        let made = made.groups(used.id("net/group")).description("theirs").send().await.unwrap();
        let interface = made.network_interface.unwrap().network_interface_id.unwrap();
        for address in ["net/a", "net/group"] {
            let blockers = used.refused(address).await;
            assert_eq!(named(&blockers, &interface).kind, "AWS::EC2::NetworkInterface");
        }
        ec2.delete_network_interface().network_interface_id(interface).send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn a_rule_that_names_a_group() {
    with_sandbox(|server| async move {
        let mut resources = network();
        resources.push(group());
        let used = Used::new(&server, &resources).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let made = ec2.create_security_group().group_name("theirs").description("theirs");
        let theirs = made.vpc_id(used.id("net/vpc")).send().await.unwrap().group_id.unwrap();
        let pair = UserIdGroupPair::builder().group_id(used.id("net/group")).build();
        let rule = IpPermission::builder().ip_protocol("tcp").from_port(80).to_port(80);
        let allow = ec2.authorize_security_group_ingress().group_id(&theirs);
        allow.ip_permissions(rule.user_id_group_pairs(pair).build()).send().await.unwrap();
        let blockers = used.refused("net/group").await;
        let blocker = named(&blockers, &theirs);
        assert_eq!(blocker.why, "has a rule that names it");
        ec2.delete_security_group().group_id(theirs).send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn a_subnet_that_uses_a_route_table() {
    with_sandbox(|server| async move {
        let mut resources = network();
        resources.push((
            "net/table",
            "AWS::EC2::RouteTable",
            json!({"VpcId": get("net/vpc", "VpcId")}),
        ));
        let used = Used::new(&server, &resources).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let made = ec2.create_subnet().vpc_id(used.id("net/vpc")).cidr_block("10.0.9.0/24");
        let subnet = made.send().await.unwrap().subnet.unwrap().subnet_id.unwrap();
        let associate = ec2.associate_route_table().route_table_id(used.id("net/table"));
        associate.subnet_id(&subnet).send().await.unwrap();
        let blockers = used.refused("net/table").await;
        assert_eq!(named(&blockers, &subnet).why, "uses the route table");
        ec2.delete_subnet().subnet_id(subnet).send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn an_interface_with_an_address_of_ours() {
    with_sandbox(|server| async move {
        let mut resources = network();
        resources.push(("net/address", "AWS::EC2::EIP", json!({"Domain": "vpc"})));
        let used = Used::new(&server, &resources).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let made = ec2.create_network_interface().subnet_id(used.id("net/a")).send().await.unwrap();
        let interface = made.network_interface.unwrap().network_interface_id.unwrap();
        let associate = ec2.associate_address().network_interface_id(&interface);
        let associated = associate
            .allocation_id(used.output("net/address", "AllocationId"))
            .send()
            .await
            .unwrap();
        let blockers = used.refused("net/address").await;
        assert_eq!(named(&blockers, &interface).kind, "AWS::EC2::NetworkInterface");
        let association = associated.association_id.unwrap();
        ec2.disassociate_address().association_id(association).send().await.unwrap();
        ec2.delete_network_interface().network_interface_id(interface).send().await.unwrap();
        used.ends().await;
    });
}

/// A load balancer as the controller of an EKS cluster makes it.
async fn balancer(cx: &Cx, used: &Used) -> String {
    let tag = Tag::builder().key("elbv2.k8s.aws/cluster").value("shop").build();
    let made = cx
        .elb
        .create_load_balancer()
        .name("k8s-shop-ingress")
        .scheme(LoadBalancerSchemeEnum::InternetFacing)
        .subnets(used.id("net/a"))
        .subnets(used.id("net/b"))
        .tags(tag)
        .send()
        .await
        .unwrap();
    let arn: String = made.load_balancers()[0].load_balancer_arn().unwrap().into();
    // Before that it cannot be protected.
    loop {
        let described = cx.elb.describe_load_balancers().load_balancer_arns(&arn).send().await;
        let state = described.unwrap().load_balancers()[0].state().and_then(|it| it.code.clone());
        if state == Some(LoadBalancerStateEnum::Active) {
            return arn;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn a_load_balancer_that_a_cluster_made() {
    with_sandbox(|server| async move {
        let used = Used::new(&server, &network()).await;
        let cx = used.stack.aws.region(REGION);
        let arn = balancer(&cx, &used).await;
        for address in ["net/a", "net/attachment"] {
            let blockers = used.refused(address).await;
            let blocker = named(&blockers, "k8s-shop-ingress");
            assert_eq!(blocker.kind, "AWS::ElasticLoadBalancingV2::LoadBalancer");
            assert_eq!(blocker.holder, Holder::Service("EKS cluster shop".into()));
        }
        cx.elb.delete_load_balancer().load_balancer_arn(arn).send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn listeners_that_forward_to_a_group_and_serve_with_a_certificate_and_what_protects_them() {
    with_sandbox(|server| async move {
        let mut resources = network();
        let target = json!({"Name": "used", "Port": 80, "Protocol": "HTTP", "VpcId": get("net/vpc", "VpcId")});
        resources.push(("web/targets", "AWS::ElasticLoadBalancingV2::TargetGroup", target));
        resources.push((
            "web/zone",
            "AWS::Route53::HostedZone",
            json!({"Name": "used.example.com"}),
        ));
        let certificate = json!({"DomainName": "used.example.com", "ValidationMethod": "DNS"});
        resources.push(("web/certificate", "AWS::CertificateManager::Certificate", certificate));
        let proof = json!({
            "HostedZoneId": get("web/zone", "HostedZoneId"), "Type": "CNAME", "TTL": 60,
            "Name": get("web/certificate", "ValidationName.used.example.com"),
            "ResourceRecords": [get("web/certificate", "ValidationValue.used.example.com")],
        });
        resources.push(("web/proof", "AWS::Route53::RecordSet", proof));
        let acl = json!({
            "Name": "used", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}},
            "VisibilityConfig": {"SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "used"},
        });
        resources.push(("web/acl", "AWS::WAFv2::WebACL", acl));
        let used = Used::new(&server, &resources).await;
        let cx = used.stack.aws.region(REGION);
        let arn = balancer(&cx, &used).await;
        let forward = Action::builder().r#type(ActionTypeEnum::Forward);
        let forward =
            forward.target_group_arn(used.output("web/targets", "TargetGroupArn")).build();
        let certificate = used.id("web/certificate");
        let listen = cx.elb.create_listener().load_balancer_arn(&arn).port(443);
        let listen = listen.protocol(ProtocolEnum::Https).default_actions(forward);
        let used_here = Certificate::builder().certificate_arn(&certificate).build();
        listen.certificates(used_here).send().await.unwrap();
        let protect = cx.waf.associate_web_acl().resource_arn(&arn);
        protect.web_acl_arn(used.output("web/acl", "Arn")).send().await.unwrap();

        let blockers = used.refused("web/targets").await;
        assert_eq!(named(&blockers, &format!("{arn}|443")).why, "forwards to it");
        named(&used.refused("web/certificate").await, &arn);
        let blockers = used.refused("web/acl").await;
        assert_eq!(named(&blockers, &arn).why, "is protected by it");
        cx.elb.delete_load_balancer().load_balancer_arn(arn).send().await.unwrap();
        used.ends().await;
    });
}

/// Nodes that Karpenter started outlive their cluster unless its node pools go first.
#[test]
fn an_instance_that_karpenter_started() {
    use aws_sdk_ec2::types::{InstanceType, ResourceType, Tag, TagSpecification};
    with_sandbox(|server| async move {
        let used = Used::new(&server, &network()).await;
        let ec2 = &used.stack.aws.region(REGION).ec2;
        let tag = Tag::builder().key("karpenter.sh/nodepool").value("apps").build();
        let tags =
            TagSpecification::builder().resource_type(ResourceType::Instance).tags(tag).build();
        let run = ec2.run_instances().image_id("ami-12345678").min_count(1).max_count(1);
        let run = run.instance_type(InstanceType::T3Micro).subnet_id(used.id("net/a"));
        let started = run.tag_specifications(tags).send().await.unwrap();
        let instance = started.instances()[0].instance_id().unwrap().to_owned();
        let blockers = used.refused("net/a").await;
        let blocker = named(&blockers, &instance);
        assert_eq!(blocker.kind, "AWS::EC2::Instance");
        assert_eq!(blocker.holder, Holder::Service("Karpenter node pool apps".into()));
        ec2.terminate_instances().instance_ids(instance).send().await.unwrap();
        used.ends().await;
    });
}
