//! The add-on with the CloudWatch agent, and its role.

use serde_json::json;

use crate::address::Address;
use crate::blueprint::component::platform::cloudwatch::{ACCOUNT, ADDON, CloudWatch};
use crate::graph::compile::{Compiler, cluster, get, pod_identity_trust};

const COMPONENT: &str = "platform.cloudwatch";

impl Compiler<'_> {
    pub(super) fn cloudwatch(&mut self, cloudwatch: &CloudWatch) {
        let role = Address::of(COMPONENT, "role");
        let policies = ["CloudWatchAgentServerPolicy", "AWSXrayWriteOnlyAccess"];
        let policies = policies.map(|name| self.managed_policy(name));
        let spec = json!({
            "RoleName": self.platform_role_name(ACCOUNT),
            "Description": format!("EKS add-on {ADDON}"),
            "AssumeRolePolicyDocument": pod_identity_trust(),
            "ManagedPolicyArns": policies,
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let spec = json!({
            "ClusterName": get(&cluster::address(), "Name"),
            "AddonName": ADDON,
            "AddonVersion": cloudwatch.version.as_ref().map(ToString::to_string),
            "ConfigurationValues": cloudwatch.settings().to_string(),
            "PodIdentityAssociations": [{"RoleArn": get(&role, "Arn"), "ServiceAccount": ACCOUNT}],
            "ResolveConflicts": "OVERWRITE",
        });
        // Its pods need nodes.
        let groups = cluster::node_groups(self.blueprint);
        self.add(&Address::of(COMPONENT, "addon"), "AWS::EKS::Addon", spec)
            .after(&role)
            .after_all(&groups);
    }
}
