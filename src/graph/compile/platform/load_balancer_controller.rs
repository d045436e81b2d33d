//! The role of the AWS Load Balancer Controller: the permissions that its documentation lists, for what it made itself
//! wherever it can be told apart by its tag.

use serde_json::{Value, json};

use super::{allow, allow_when};
use crate::blueprint::component::platform::load_balancer_controller::{
    ACCOUNT, LoadBalancerController,
};
use crate::graph::compile::Compiler;

/// What the controller tags everything with that it makes; the value is the cluster's name.
const TAG: &str = "elbv2.k8s.aws/cluster";

impl Compiler<'_> {
    pub(super) fn load_balancer_controller(&mut self, controller: &LoadBalancerController) {
        let mut statements = Self::what_load_balancers_need();
        statements.extend(self.own_load_balancers());
        statements.extend(self.own_security_groups());
        let component = "platform.loadBalancerController";
        self.platform_role(component, &controller.namespace, ACCOUNT, statements);
    }

    /// What stands in requests to make something, and on what was made.
    fn tag_conditions(&self) -> (Value, Value) {
        let cluster = self.blueprint.cluster_name();
        let condition = |key: &str| json!({"StringEquals": {format!("aws:{key}/{TAG}"): cluster}});
        (condition("RequestTag"), condition("ResourceTag"))
    }

    /// What it looks at, and what load balancers are given of other services.
    fn what_load_balancers_need() -> Vec<Value> {
        vec![
            allow_when(
                &["iam:CreateServiceLinkedRole"],
                json!("*"),
                json!({"StringEquals": {"iam:AWSServiceName": "elasticloadbalancing.amazonaws.com"}}),
            ),
            allow(
                &[
                    "acm:DescribeCertificate",
                    "acm:ListCertificates",
                    "cognito-idp:DescribeUserPoolClient",
                    "ec2:DescribeAccountAttributes",
                    "ec2:DescribeAddresses",
                    "ec2:DescribeAvailabilityZones",
                    "ec2:DescribeCoipPools",
                    "ec2:DescribeInstances",
                    "ec2:DescribeInternetGateways",
                    "ec2:DescribeIpamPools",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeRouteTables",
                    "ec2:DescribeSecurityGroups",
                    "ec2:DescribeSubnets",
                    "ec2:DescribeTags",
                    "ec2:DescribeVpcPeeringConnections",
                    "ec2:DescribeVpcs",
                    "ec2:GetCoipPoolUsage",
                    "ec2:GetSecurityGroupsForVpc",
                    "elasticloadbalancing:DescribeCapacityReservation",
                    "elasticloadbalancing:DescribeListenerAttributes",
                    "elasticloadbalancing:DescribeListenerCertificates",
                    "elasticloadbalancing:DescribeListeners",
                    "elasticloadbalancing:DescribeLoadBalancerAttributes",
                    "elasticloadbalancing:DescribeLoadBalancers",
                    "elasticloadbalancing:DescribeRules",
                    "elasticloadbalancing:DescribeSSLPolicies",
                    "elasticloadbalancing:DescribeTags",
                    "elasticloadbalancing:DescribeTargetGroupAttributes",
                    "elasticloadbalancing:DescribeTargetGroups",
                    "elasticloadbalancing:DescribeTargetHealth",
                    "elasticloadbalancing:DescribeTrustStores",
                    "iam:GetServerCertificate",
                    "iam:ListServerCertificates",
                    "shield:DescribeProtection",
                    "shield:GetSubscriptionState",
                    "wafv2:GetWebACL",
                    "wafv2:GetWebACLForResource",
                ],
                json!("*"),
            ),
            allow(
                &[
                    "elasticloadbalancing:SetWebAcl",
                    "shield:CreateProtection",
                    "shield:DeleteProtection",
                    "wafv2:AssociateWebACL",
                    "wafv2:DisassociateWebACL",
                ],
                json!("*"),
            ),
        ]
    }

    /// Load balancers and target groups of its own. Listeners and rules have no tag in the requests that make and order
    /// them; target groups of others may be bound to Services.
    fn own_load_balancers(&self) -> Vec<Value> {
        let (asked, owned) = self.tag_conditions();
        let arn = |resource: &str| {
            format!("arn:{}:elasticloadbalancing:*:*:{resource}", self.account.partition)
        };
        let balancers = ["loadbalancer/app/*/*", "loadbalancer/net/*/*"].map(arn);
        let groups = arn("targetgroup/*/*");
        let parts = [
            "listener/app/*/*/*",
            "listener/net/*/*/*",
            "listener-rule/app/*/*/*",
            "listener-rule/net/*/*/*",
        ]
        .map(arn);
        let mut tagged = balancers.to_vec();
        tagged.push(groups.clone());
        let mut made = asked.clone();
        made["StringEquals"]["elasticloadbalancing:CreateAction"] =
            json!(["CreateLoadBalancer", "CreateTargetGroup"]);
        vec![
            allow_when(
                &[
                    "elasticloadbalancing:CreateLoadBalancer",
                    "elasticloadbalancing:CreateTargetGroup",
                ],
                json!("*"),
                asked,
            ),
            allow_when(&["elasticloadbalancing:AddTags"], json!(tagged), made),
            allow_when(
                &["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"],
                json!(tagged),
                owned.clone(),
            ),
            allow(
                &["elasticloadbalancing:AddTags", "elasticloadbalancing:RemoveTags"],
                json!(parts),
            ),
            allow_when(
                &[
                    "elasticloadbalancing:DeleteLoadBalancer",
                    "elasticloadbalancing:DeleteTargetGroup",
                    "elasticloadbalancing:ModifyCapacityReservation",
                    "elasticloadbalancing:ModifyIpPools",
                    "elasticloadbalancing:ModifyListenerAttributes",
                    "elasticloadbalancing:ModifyLoadBalancerAttributes",
                    "elasticloadbalancing:ModifyTargetGroup",
                    "elasticloadbalancing:ModifyTargetGroupAttributes",
                    "elasticloadbalancing:SetIpAddressType",
                    "elasticloadbalancing:SetSecurityGroups",
                    "elasticloadbalancing:SetSubnets",
                ],
                json!("*"),
                owned,
            ),
            allow(
                &[
                    "elasticloadbalancing:AddListenerCertificates",
                    "elasticloadbalancing:CreateListener",
                    "elasticloadbalancing:CreateRule",
                    "elasticloadbalancing:DeleteListener",
                    "elasticloadbalancing:DeleteRule",
                    "elasticloadbalancing:ModifyListener",
                    "elasticloadbalancing:ModifyRule",
                    "elasticloadbalancing:RemoveListenerCertificates",
                    "elasticloadbalancing:SetRulePriorities",
                ],
                json!("*"),
            ),
            allow(
                &["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"],
                json!(groups),
            ),
        ]
    }

    /// Security groups of its own. Its rules also go into the groups of nodes.
    fn own_security_groups(&self) -> Vec<Value> {
        let (asked, owned) = self.tag_conditions();
        let groups = format!("arn:{}:ec2:*:*:security-group/*", self.account.partition);
        let mut made = asked;
        made["StringEquals"]["ec2:CreateAction"] = json!("CreateSecurityGroup");
        vec![
            allow(
                &[
                    "ec2:AuthorizeSecurityGroupIngress",
                    "ec2:CreateSecurityGroup",
                    "ec2:RevokeSecurityGroupIngress",
                ],
                json!("*"),
            ),
            allow_when(&["ec2:CreateTags"], json!(groups), made),
            allow_when(&["ec2:CreateTags", "ec2:DeleteTags"], json!(groups), owned.clone()),
            allow_when(&["ec2:DeleteSecurityGroup"], json!("*"), owned),
        ]
    }
}
