//! What Karpenter needs of AWS: its role, the role of its nodes, the queue in which it hears of nodes that will go; and
//! its node pools.

use serde_json::{Value, json};

use super::{allow, allow_when};
use crate::address::Address;
use crate::blueprint::component::platform::karpenter::{ACCOUNT, Karpenter, NodePool};
use crate::blueprint::value::Name;
use crate::graph::compile::{Compiler, cluster, delivery, get, trust};

const COMPONENT: &str = "platform.karpenter";

/// How long a message is of use, in seconds: spot instances go two minutes after they are told.
const MESSAGE_RETENTION: u32 = 300;

/// The API group of node classes.
const AWS_GROUP: &str = "karpenter.k8s.aws";

/// What Karpenter hears of: the name of the rule, who tells, and what.
const EVENTS: [(&str, &str, &str); 4] = [
    ("health", "aws.health", "AWS Health Event"),
    ("rebalance", "aws.ec2", "EC2 Instance Rebalance Recommendation"),
    ("spot", "aws.ec2", "EC2 Spot Instance Interruption Warning"),
    ("state", "aws.ec2", "EC2 Instance State-change Notification"),
];

impl Compiler<'_> {
    pub(super) fn karpenter(&mut self, karpenter: &Karpenter) {
        self.node_access();
        self.interruptions();
        let mut statements = self.launching();
        statements.extend(self.node_profiles());
        statements.extend(self.looking_around());
        self.platform_role(COMPONENT, &karpenter.namespace, ACCOUNT, statements);
        self.node_class(karpenter);
        for (name, pool) in &karpenter.node_pools.value {
            self.node_pool(name, pool);
        }
    }

    /// The role of the nodes, with which they enter the cluster.
    fn node_access(&mut self) {
        let spec = json!({
            "RoleName": self.karpenter_node_role(),
            "Description": "nodes that Karpenter makes",
            "AssumeRolePolicyDocument": trust(json!({"Service": "ec2.amazonaws.com"}), &["sts:AssumeRole"]),
            "ManagedPolicyArns": self.node_policies(),
        });
        self.add(&node_role(), "AWS::IAM::Role", spec);
        let spec = json!({
            "ClusterName": get(&cluster::address(), "Name"),
            "PrincipalArn": get(&node_role(), "Arn"),
            "Type": "EC2_LINUX",
        });
        self.add(&at("node-access"), "AWS::EKS::AccessEntry", spec);
    }

    fn karpenter_node_role(&self) -> String {
        self.platform_role_name("karpenter-node")
    }

    /// The queue, and the rules that fill it.
    fn interruptions(&mut self) {
        let queue = at("queue");
        let spec = json!({
            "QueueName": self.name_within("karpenter-interruptions", QUEUE_NAME_MAX),
            "MessageRetentionPeriod": MESSAGE_RETENTION,
            "SqsManagedSseEnabled": true,
        });
        self.add(&queue, "AWS::SQS::Queue", spec);
        let rules: Vec<String> = EVENTS
            .iter()
            .map(|(name, ..)| {
                let resource = format!("rule/{}", self.rule_name(name));
                self.arn("events", self.builder.region(), &resource)
            })
            .collect();
        let arn = get(&queue, "Arn");
        let spec = json!({
            "Queues": [get(&queue, "QueueUrl")],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                delivery::refuse_plain_text("sqs:*", &arn),
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": arn,
                    "Condition": {"ArnLike": {"aws:SourceArn": rules}},
                },
            ]},
        });
        let policy = at("queue-policy");
        self.add(&policy, "AWS::SQS::QueuePolicy", spec);
        for (name, source, what) in EVENTS {
            let spec = json!({
                "Name": self.rule_name(name),
                "Description": format!("tells Karpenter: {what}"),
                "State": "ENABLED",
                "EventPattern": {"source": [source], "detail-type": [what]},
                "Targets": [{"Id": "karpenter", "Arn": get(&queue, "Arn")}],
            });
            // What it sends before the queue admits it is lost.
            self.add(&at(&format!("rule/{name}")), "AWS::Events::Rule", spec).after(&policy);
        }
    }

    fn rule_name(&self, name: &str) -> String {
        self.name_within(&format!("karpenter-{name}"), RULE_NAME_MAX)
    }

    /// The condition that something is tagged as the cluster's, and with a tag of Karpenter's.
    fn owned(&self, kind: &str, tag: &str) -> Value {
        let cluster = self.blueprint.cluster_name();
        json!({
            "StringEquals": {format!("aws:{kind}/kubernetes.io/cluster/{cluster}"): "owned"},
            "StringLike": {format!("aws:{kind}/karpenter.sh/{tag}"): "*"},
        })
    }

    /// What makes nodes and takes them away: only with the tags of the cluster, only what has them.
    fn launching(&self) -> Vec<Value> {
        let Self { account, builder, .. } = self;
        let prefix = format!("arn:{}:ec2:{}", account.partition, builder.region());
        let public = |kind: &str| format!("{prefix}::{kind}/*");
        let own = |kind: &str| format!("{prefix}:*:{kind}/*");
        let given: Vec<String> = ["image", "snapshot"]
            .map(public)
            .into_iter()
            .chain(
                ["launch-template", "security-group", "spot-instances-request", "subnet"].map(own),
            )
            // On-demand capacity that somebody reserved.
            .chain([own("capacity-reservation")])
            .collect();
        let made = [
            "fleet",
            "instance",
            "launch-template",
            "network-interface",
            "spot-instances-request",
            "volume",
        ];
        let made: Vec<String> = made.into_iter().map(own).collect();
        let asked = self.owned("RequestTag", "nodepool");
        let owned = self.owned("ResourceTag", "nodepool");
        let mut on_creation = asked.clone();
        on_creation["StringEquals"]["ec2:CreateAction"] =
            json!(["CreateFleet", "CreateLaunchTemplate", "RunInstances"]);
        let mut renamed = owned.clone();
        renamed["ForAllValues:StringEquals"] =
            json!({"aws:TagKeys": ["eks:eks-cluster-name", "karpenter.sh/nodeclaim", "Name"]});
        vec![
            allow(&["ec2:CreateFleet", "ec2:RunInstances"], json!(given)),
            allow_when(
                &["ec2:CreateFleet", "ec2:CreateLaunchTemplate", "ec2:RunInstances"],
                json!(made),
                asked,
            ),
            allow_when(&["ec2:CreateTags"], json!(made), on_creation),
            allow_when(&["ec2:CreateTags"], json!(own("instance")), renamed),
            allow_when(
                &["ec2:DeleteLaunchTemplate", "ec2:TerminateInstances"],
                json!([own("instance"), own("launch-template")]),
                owned,
            ),
        ]
    }

    /// What hands the role of the nodes to them, by instance profiles of its own.
    fn node_profiles(&self) -> Vec<Value> {
        let region = self.builder.region();
        let profiles = self.arn("iam", "", "instance-profile/*");
        let here = |kind: &str| format!("aws:{kind}/topology.kubernetes.io/region");
        let conditioned = |kinds: &[&str]| {
            let mut condition = json!({"StringEquals": {}, "StringLike": {}});
            for kind in kinds {
                let cluster = self.blueprint.cluster_name();
                let equals = &mut condition["StringEquals"];
                equals[format!("aws:{kind}/kubernetes.io/cluster/{cluster}")] = json!("owned");
                equals[here(kind)] = json!(region);
                condition["StringLike"][format!("aws:{kind}/{AWS_GROUP}/ec2nodeclass")] =
                    json!("*");
            }
            condition
        };
        vec![
            allow_when(
                &["iam:PassRole"],
                get(&node_role(), "Arn"),
                json!({"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}),
            ),
            allow_when(
                &["iam:CreateInstanceProfile"],
                json!(profiles),
                conditioned(&["RequestTag"]),
            ),
            allow_when(
                &["iam:TagInstanceProfile"],
                json!(profiles),
                conditioned(&["RequestTag", "ResourceTag"]),
            ),
            allow_when(
                &[
                    "iam:AddRoleToInstanceProfile",
                    "iam:DeleteInstanceProfile",
                    "iam:RemoveRoleFromInstanceProfile",
                ],
                json!(profiles),
                conditioned(&["ResourceTag"]),
            ),
            allow(&["iam:GetInstanceProfile"], json!(profiles)),
            // It has no name to look for.
            allow(&["iam:ListInstanceProfiles"], json!("*")),
        ]
    }

    /// What it must know to choose, and where it hears of nodes that will go.
    fn looking_around(&self) -> Vec<Value> {
        let region = self.builder.region();
        let images =
            format!("arn:{}:ssm:{region}::parameter/aws/service/*", self.account.partition);
        let cluster = format!("cluster/{}", self.blueprint.cluster_name());
        vec![
            allow_when(
                &[
                    "ec2:DescribeAvailabilityZones",
                    "ec2:DescribeCapacityReservations",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceStatus",
                    "ec2:DescribeInstanceTypeOfferings",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeInstances",
                    "ec2:DescribeLaunchTemplates",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSpotPriceHistory",
                    "ec2:DescribeSubnets",
                ],
                json!("*"),
                json!({"StringEquals": {"aws:RequestedRegion": region}}),
            ),
            allow(&["pricing:GetProducts"], json!("*")),
            allow(&["ssm:GetParameter"], json!(images)),
            allow(&["eks:DescribeCluster"], json!(self.arn("eks", region, &cluster))),
            allow(
                &["sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"],
                get(&at("queue"), "Arn"),
            ),
        ]
    }

    /// How its nodes are made: by ids, so that nothing needs tags to be found.
    fn node_class(&mut self, karpenter: &Karpenter) {
        let subnets = self.subnet_ids(karpenter.subnets.value);
        let subnets: Vec<Value> = subnets.into_iter().map(|id| json!({"id": id})).collect();
        // Bottlerocket keeps what pods need on its second volume.
        let device = if karpenter.ami.as_str().starts_with("bottlerocket") {
            "/dev/xvdb"
        } else {
            "/dev/xvda"
        };
        let spec = json!({
            "metadata": {"name": NODE_CLASS},
            "spec": {
                "role": get(&node_role(), "RoleName"),
                "amiSelectorTerms": [{"alias": karpenter.ami.as_str()}],
                "subnetSelectorTerms": subnets,
                "securityGroupSelectorTerms": [{"id": get(&cluster::address(), "ClusterSecurityGroupId")}],
                "blockDeviceMappings": [{"deviceName": device, "ebs": {
                    "volumeSize": format!("{}Gi", karpenter.disk.get()),
                    "volumeType": "gp3",
                    "encrypted": true,
                    "deleteOnTermination": true,
                }}],
                // As in the launch templates of node groups.
                "metadataOptions": {
                    "httpEndpoint": "enabled", "httpTokens": "required", "httpPutResponseHopLimit": 2,
                },
                "tags": {"Name": self.name("karpenter")},
            },
        });
        let at = at(&format!("ec2nodeclass/{NODE_CLASS}"));
        self.object(&at, "karpenter.k8s.aws/v1/EC2NodeClass", spec).after(&self::at("node-access"));
    }

    fn node_pool(&mut self, name: &Name, pool: &NodePool) {
        let labels: serde_json::Map<String, Value> = pool
            .labels
            .iter()
            .map(|(key, value)| (key.to_string(), json!(value.as_str())))
            .collect();
        let taints: Vec<Value> = pool
            .taints
            .iter()
            .map(|taint| {
                let mut spec = json!({"key": taint.key.as_str(), "effect": taint.effect.as_str()});
                if let Some(value) = &taint.value {
                    spec["value"] = json!(value.as_str());
                }
                spec
            })
            .collect();
        let mut template = json!({"spec": {
            "nodeClassRef": {"group": AWS_GROUP, "kind": "EC2NodeClass", "name": NODE_CLASS},
            "requirements": requirements(pool),
            "expireAfter": pool.expire_after.as_option().map_or("Never".to_owned(), |it| hours(it.seconds)),
        }});
        if !labels.is_empty() {
            template["metadata"] = json!({"labels": labels});
        }
        if !taints.is_empty() {
            template["spec"]["taints"] = json!(taints);
        }
        let mut spec = json!({
            "template": template,
            "limits": {"cpu": pool.limits.cpu.get(), "memory": pool.limits.memory.to_string()},
            "disruption": {
                "consolidationPolicy": pool.consolidation.policy(),
                "consolidateAfter": hours(pool.consolidate_after.seconds),
            },
        });
        if let Some(weight) = &pool.weight {
            spec["weight"] = json!(weight.get());
        }
        let spec = json!({"metadata": {"name": name.as_str()}, "spec": spec});
        let class = at(&format!("ec2nodeclass/{NODE_CLASS}"));
        let at = at(&format!("nodepool/{name}"));
        self.object(&at, "karpenter.sh/v1/NodePool", spec).after(&class);
    }
}

/// The one node class: pools differ in what stands in them.
const NODE_CLASS: &str = "default";

/// `CreateQueue` in the API reference.
const QUEUE_NAME_MAX: usize = 80;

/// `PutRule` in the API reference.
const RULE_NAME_MAX: usize = 64;

fn requirements(pool: &NodePool) -> Vec<Value> {
    let within =
        |key: &str, values: Vec<&str>| json!({"key": key, "operator": "In", "values": values});
    let instances = if pool.instance_types.is_empty() {
        let categories = pool.instance_categories.iter().map(|it| it.as_str()).collect();
        within("karpenter.k8s.aws/instance-category", categories)
    } else {
        let types = pool.instance_types.iter().map(|it| it.as_str()).collect();
        within("node.kubernetes.io/instance-type", types)
    };
    vec![
        within("kubernetes.io/os", vec!["linux"]),
        within("kubernetes.io/arch", pool.architectures.iter().map(|it| it.as_str()).collect()),
        within("karpenter.sh/capacity-type", pool.capacity.iter().map(|it| it.as_str()).collect()),
        instances,
    ]
}

/// A length of time as Go writes it; it knows no days.
fn hours(seconds: u64) -> String {
    if seconds.is_multiple_of(3_600) {
        format!("{}h", seconds / 3_600)
    } else if seconds.is_multiple_of(60) {
        format!("{}m", seconds / 60)
    } else {
        format!("{seconds}s")
    }
}

fn node_role() -> Address {
    at("node-role")
}

fn at(role: &str) -> Address {
    Address::of(COMPONENT, role)
}
