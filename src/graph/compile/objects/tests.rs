use super::*;
use crate::address::Stack;

/// A platform: a cluster with nodes and a role, an operator with its definition, role and webhook, and a service.
fn built() -> BTreeMap<Address, BTreeMap<Address, Need>> {
    let stack = Stack::new("shop");
    let mut builder = Builder::new(stack, "eu-west-1", BTreeMap::new());
    let cluster = Address::of("cluster", "cluster");
    let vpc = json!({"SubnetIds": ["subnet-1", "subnet-2"]});
    let spec = json!({"Name": "shop", "RoleArn": "arn", "ResourcesVpcConfig": vpc});
    builder.add(cluster.clone(), "AWS::EKS::Cluster", spec);
    let name = get(&cluster, "Name");
    let spec = json!({
        "NodegroupName": "nodes", "ClusterName": name, "NodeRole": "arn", "Subnets": ["subnet-1"],
    });
    builder.add(Address::of("cluster", "nodes"), "AWS::EKS::Nodegroup", spec);
    let spec = json!({
        "ClusterName": name, "Namespace": "shop", "ServiceAccount": "api", "RoleArn": "arn",
    });
    builder.add(Address::of("services.api", "identity"), "AWS::EKS::PodIdentityAssociation", spec);
    let spec = json!({"ClusterName": name, "PrincipalArn": "arn:aws:iam::1:role/a"});
    builder.add(Address::of("cluster", "door"), "AWS::EKS::AccessEntry", spec);
    let mut object = |at: &str, kind: &str, namespace: &str, name_of: &str, more: Value| {
        let mut spec = json!({"cluster": name, "metadata": {"name": name_of}});
        if !namespace.is_empty() {
            spec["metadata"]["namespace"] = json!(namespace);
        }
        for (key, value) in more.as_object().into_iter().flatten() {
            spec[key] = value.clone();
        }
        builder.add(at.parse().unwrap(), kind, spec);
    };
    object("charts.op/namespace", "v1/Namespace", "", "op", json!({}));
    object("charts.op/account", "v1/ServiceAccount", "op", "op", json!({}));
    let rules = json!([{"apiGroups": ["example.com"], "resources": ["things", "things/status"], "verbs": ["get", "update"]}]);
    object(
        "charts.op/role",
        "rbac.authorization.k8s.io/v1/ClusterRole",
        "",
        "op",
        json!({"rules": rules}),
    );
    let binding = json!({
        "roleRef": {"kind": "ClusterRole", "name": "op"},
        "subjects": [{"kind": "ServiceAccount", "name": "op", "namespace": "op"}],
    });
    object(
        "charts.op/binding",
        "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
        "",
        "op",
        binding,
    );
    let definition = json!({"spec": {"group": "example.com", "names": {"kind": "Thing", "plural": "things"}, "versions": []}});
    object(
        "charts.op/definition",
        "apiextensions.k8s.io/v1/CustomResourceDefinition",
        "",
        "things.example.com",
        definition,
    );
    let pods = |app: &str, account: &str, config: &str| {
        let container = json!({"name": app, "envFrom": [{"configMapRef": {"name": config}}]});
        json!({"spec": {"template": {
            "metadata": {"labels": {"app": app}},
            "spec": {"serviceAccountName": account, "containers": [container]},
        }}})
    };
    object("charts.op/deployment", "apps/v1/Deployment", "op", "op", pods("op", "op", "none"));
    let service = json!({"spec": {"selector": {"app": "op"}}});
    object("charts.op/service", "v1/Service", "op", "op", service);
    let webhook = json!({"webhooks": [{
        "clientConfig": {"service": {"namespace": "op", "name": "op"}},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "operations": ["CREATE"]}],
        "namespaceSelector": {"matchLabels": {"inject": "yes"}},
    }]});
    object(
        "charts.op/webhook",
        "admissionregistration.k8s.io/v1/MutatingWebhookConfiguration",
        "",
        "op",
        webhook,
    );
    object("services.api/thing", "example.com/v1/Thing", "shop", "a", json!({"spec": {}}));
    let labels = json!({"metadata": {"name": "shop", "labels": {"inject": "yes"}}});
    object("services.api/namespace", "v1/Namespace", "", "shop", labels);
    object("services.api/config", "v1/ConfigMap", "shop", "api", json!({"data": {"a": "b"}}));
    object(
        "services.api/deployment",
        "apps/v1/Deployment",
        "shop",
        "api",
        pods("api", "api", "api"),
    );
    let scale = json!({"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "api"}}});
    object("services.api/scale", "autoscaling/v2/HorizontalPodAutoscaler", "shop", "api", scale);
    order(&mut builder);
    let graph = builder.build().unwrap();
    graph.nodes.into_iter().map(|(address, node)| (address, node.needs)).collect()
}

fn needs(of: &str) -> Vec<String> {
    built()[&of.parse().unwrap()].keys().map(ToString::to_string).collect()
}

#[test]
fn pods_come_after_all_that_they_need_and_after_what_changes_them() {
    let expected = [
        "charts.op/deployment",
        "charts.op/webhook",
        "cluster/cluster",
        "cluster/door",
        "cluster/nodes",
        "services.api/config",
        "services.api/identity",
        "services.api/namespace",
    ];
    assert_eq!(needs("services.api/deployment"), expected);
    let expected = [
        "charts.op/account",
        "charts.op/binding",
        "charts.op/namespace",
        "cluster/cluster",
        "cluster/door",
        "cluster/nodes",
    ];
    assert_eq!(needs("charts.op/deployment"), expected);
}

#[test]
fn custom_resources_come_after_their_definition_and_their_controller() {
    let expected = [
        "charts.op/definition",
        "charts.op/deployment",
        "cluster/cluster",
        "cluster/door",
        "services.api/namespace",
    ];
    assert_eq!(needs("services.api/thing"), expected);
}

#[test]
fn webhooks_come_after_what_serves_them_and_autoscalers_after_what_they_scale() {
    let expected = ["charts.op/deployment", "charts.op/service", "cluster/cluster", "cluster/door"];
    assert_eq!(needs("charts.op/webhook"), expected);
    assert!(needs("services.api/scale").contains(&"services.api/deployment".to_owned()));
    assert!(needs("charts.op/binding").contains(&"charts.op/role".to_owned()));
}

#[test]
fn selectors_select_as_kubernetes_says() {
    let labels = json!({"a": "1"});
    let rule = |operator: &str, values: Value| json!({"matchExpressions": [{"key": "a", "operator": operator, "values": values}]});
    assert!(selects(&Value::Null, &labels) && selects(&json!({}), &labels));
    assert!(selects(&rule("In", json!(["1", "2"])), &labels));
    assert!(!selects(&rule("NotIn", json!(["1"])), &labels));
    assert!(selects(&rule("NotIn", json!(["1"])), &json!({})));
    assert!(selects(&rule("Exists", Value::Null), &labels));
    assert!(!selects(&rule("DoesNotExist", Value::Null), &labels));
    assert!(!selects(&json!({"matchLabels": {"b": "1"}}), &labels));
}

#[test]
fn what_gets_a_load_balancer_comes_after_the_network_that_it_stands_in() {
    let mut builder = Builder::new(Stack::new("shop"), "eu-west-1", BTreeMap::new());
    let subnet = |role: &str| {
        let tags = json!([{"Key": role, "Value": "1"}]);
        json!({"VpcId": "vpc-1", "CidrBlock": "10.0.1.0/24", "Tags": tags})
    };
    let mut add = |at: &str, kind: &str, spec: Value| {
        builder.add(at.parse().unwrap(), kind, spec);
    };
    add("network/public", "AWS::EC2::Subnet", subnet("kubernetes.io/role/elb"));
    add("network/private", "AWS::EC2::Subnet", subnet("kubernetes.io/role/internal-elb"));
    add("network/data", "AWS::EC2::Subnet", subnet("Name"));
    let attachment = json!({"VpcId": "vpc-1", "InternetGatewayId": "igw-1"});
    add("network/attachment", "AWS::EC2::VPCGatewayAttachment", attachment);
    let service = |name: &str, kind: &str| {
        let spec = json!({"type": kind, "ports": [{"port": 80}]});
        json!({"cluster": "shop", "metadata": {"name": name, "namespace": "default"}, "spec": spec})
    };
    add("a/outside", "v1/Service", service("outside", "LoadBalancer"));
    add("a/inside", "v1/Service", service("inside", "ClusterIP"));
    let ingress = json!({"cluster": "shop", "metadata": {"name": "web", "namespace": "default"}});
    add("a/ingress", "networking.k8s.io/v1/Ingress", ingress);
    order(&mut builder);
    let graph = builder.build().unwrap();
    let needs = |of: &str| -> Vec<&str> {
        graph.nodes[&of.parse::<Address>().unwrap()].needs.keys().map(Address::as_str).collect()
    };
    let network = ["network/attachment", "network/private", "network/public"];
    assert_eq!(needs("a/outside"), network);
    assert_eq!(needs("a/ingress"), network);
    assert_eq!(needs("a/inside"), [""; 0]);
}
