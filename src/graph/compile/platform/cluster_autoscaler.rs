//! The role of the Cluster Autoscaler.

use serde_json::{Value, json};

use super::{allow, allow_when};
use crate::blueprint::component::platform::cluster_autoscaler::{ACCOUNT, ClusterAutoscaler};
use crate::graph::compile::Compiler;

impl Compiler<'_> {
    pub(super) fn cluster_autoscaler(&mut self, autoscaler: &ClusterAutoscaler) {
        let statements = self.autoscaler_statements();
        let component = "platform.clusterAutoscaler";
        self.platform_role(component, &autoscaler.namespace, ACCOUNT, statements);
    }

    /// It looks at everything, and touches the groups that EKS made for this cluster.
    fn autoscaler_statements(&self) -> Vec<Value> {
        // EKS tags the groups of its node groups so.
        let tag =
            format!("aws:ResourceTag/k8s.io/cluster-autoscaler/{}", self.blueprint.cluster_name());
        vec![
            allow(
                &[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                ],
                json!("*"),
            ),
            allow(&["eks:DescribeNodegroup"], json!(self.nodegroup_arns())),
            allow_when(
                &[
                    "autoscaling:SetDesiredCapacity",
                    "autoscaling:TerminateInstanceInAutoScalingGroup",
                ],
                json!("*"),
                json!({"StringEquals": {tag: "owned"}}),
            ),
        ]
    }

    fn nodegroup_arns(&self) -> String {
        let resource = format!("nodegroup/{}/*", self.blueprint.cluster_name());
        self.arn("eks", self.builder.region(), &resource)
    }
}
