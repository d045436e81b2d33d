//! What several resources of a kind, or of two kinds, do in one plan.

use platctl::address::Address;
use platctl::graph::{Builder, Graph};
use platctl::plan::{Action, Intent};
use serde_json::{Value, json};

use crate::support::{TestStack, changes, with_sandbox};

#[test]
fn rules_of_one_stack_change_places() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "rules").await;
        let graph = |priorities: [u32; 3]| {
            let mut builder = stack.builder();
            let listener = listener(&mut builder);
            for (name, priority) in ["a", "b", "c"].into_iter().zip(priorities) {
                let spec = json!({
                    "ListenerArn": listener, "Priority": priority,
                    "Conditions": [{"Field": "path-pattern", "Values": [format!("/{name}")]}],
                    "Actions":
                        [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
                });
                builder.add(at(name), "AWS::ElasticLoadBalancingV2::ListenerRule", spec);
            }
            builder.build().unwrap()
        };
        stack.apply(&graph([1, 2, 3])).await;
        stack.apply(&graph([2, 1, 3])).await;
        let all_move = graph([3, 2, 1]);
        let plan = stack.apply(&all_move).await;
        assert_eq!(plan.changes[&at("a")].action, Action::Update);
        stack.destroy(&all_move).await;
    });
}

#[test]
fn a_node_group_follows_its_launch_template_in_the_same_plan() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "follow").await;
        let first = nodes(&stack, "m7g.large", "a");
        stack.apply(&first).await;

        // Another tag makes no version: nothing moves.
        let plan = stack.apply(&nodes(&stack, "m7g.large", "b")).await;
        assert_eq!(changes(&plan).len(), 1, "{:?}", changes(&plan));

        let second = nodes(&stack, "m7g.xlarge", "b");
        let plan = stack.plan(&second, Intent::Apply).await;
        let actions = ["template", "nodes"].map(|name| plan.changes[&at(name)].action);
        assert_eq!(actions, [Action::Update, Action::Update], "{:?}", changes(&plan));
        stack.apply(&second).await;
        let observed = stack.observe(&second).await;
        assert_eq!(observed.get(&at("nodes")).unwrap().spec["LaunchTemplate"]["Version"], "2");
        stack.destroy(&second).await;
    });
}

fn at(role: &str) -> Address {
    Address::of("together", role)
}

fn add(builder: &mut Builder, role: &str, kind: &str, output: &str, spec: Value) -> Value {
    builder.add(at(role), kind, spec).output(output)
}

/// Two subnets of a VPC, in two zones.
fn subnets(builder: &mut Builder) -> [Value; 2] {
    let vpc = add(builder, "vpc", "AWS::EC2::VPC", "VpcId", json!({"CidrBlock": "10.0.0.0/16"}));
    [("a", "10.0.1.0/24"), ("b", "10.0.2.0/24")].map(|(zone, range)| {
        let spec = json!({
            "VpcId": vpc, "CidrBlock": range, "AvailabilityZone": format!("eu-west-1{zone}"),
        });
        add(builder, &format!("subnet/{zone}"), "AWS::EC2::Subnet", "SubnetId", spec)
    })
}

fn listener(builder: &mut Builder) -> Value {
    let spec = json!({"Name": "together", "Scheme": "internal", "Subnets": subnets(builder)});
    let kind = "AWS::ElasticLoadBalancingV2::LoadBalancer";
    let balancer = add(builder, "balancer", kind, "LoadBalancerArn", spec);
    let spec = json!({
        "LoadBalancerArn": balancer, "Port": 80, "Protocol": "HTTP",
        "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    });
    let kind = "AWS::ElasticLoadBalancingV2::Listener";
    add(builder, "listener", kind, "ListenerArn", spec)
}

/// A node group of the latest version of a launch template with this instance type and this tag.
fn nodes(stack: &TestStack, instance_type: &str, tag: &str) -> Graph {
    let mut builder = stack.builder();
    let subnets = subnets(&mut builder);
    let [cluster_role, node_role] = ["together-cluster", "together-nodes"].map(|name| {
        let spec = json!({"RoleName": name, "AssumeRolePolicyDocument": {"Statement": []}});
        add(&mut builder, name, "AWS::IAM::Role", "Arn", spec)
    });
    let spec = json!({
        "Name": "together", "RoleArn": cluster_role, "ResourcesVpcConfig": {"SubnetIds": subnets},
    });
    let cluster = add(&mut builder, "cluster", "AWS::EKS::Cluster", "Name", spec);
    let spec = json!({
        "LaunchTemplateName": "together", "LaunchTemplateData": {"InstanceType": instance_type},
        "Tags": [{"Key": "tag", "Value": tag}],
    });
    let template = builder.add(at("template"), "AWS::EC2::LaunchTemplate", spec);
    let [id, version] = ["LaunchTemplateId", "LatestVersionNumber"].map(|it| template.output(it));
    let spec = json!({
        "ClusterName": cluster, "NodegroupName": "together", "NodeRole": node_role,
        "Subnets": subnets, "LaunchTemplate": {"Id": id, "Version": version},
    });
    builder.add(at("nodes"), "AWS::EKS::Nodegroup", spec);
    builder.build().unwrap()
}
