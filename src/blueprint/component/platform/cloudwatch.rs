//! The CloudWatch agent, an add-on of EKS.

use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::value::{AddonVersion, Name};
use crate::source::Span;

/// The add-on.
pub(crate) const ADDON: &str = "amazon-cloudwatch-observability";
/// Where the add-on puts its agent.
pub(crate) const NAMESPACE: &str = "amazon-cloudwatch";
/// The service account of the agent.
pub(crate) const ACCOUNT: &str = "cloudwatch-agent";

schema! {
    /// Sends metrics and logs of what runs on the cluster to CloudWatch.
    pub struct CloudWatch("CloudWatch on the cluster") {
        /// The version of the add-on; the default one of the cluster's version if nothing is said.
        pub version: Option<AddonVersion>,
        /// Metrics of each container and pod, which CloudWatch charges for.
        pub container_insights: bool = "true",
        /// The logs of containers.
        pub logs: bool = "true",
        /// Settings of the add-on, as its own configuration schema defines them, laid over those that platctl gives it.
        pub configuration: Option<serde_json::Value>,
    }
}

impl CloudWatch {
    #[expect(clippy::unused_self, reason = "as all components")]
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        check.no_addon("cloudwatch", ADDON, at);
        let namespace: Name = NAMESPACE.parse().expect("the namespace of the add-on is a name");
        check.platform_role("cloudwatch", &namespace, ACCOUNT, at);
    }

    /// `ConfigurationValues` of the add-on.
    pub(crate) fn settings(&self) -> serde_json::Value {
        let mut settings = serde_json::json!({
            "containerLogs": {"enabled": self.logs},
            "agent": {"config": {"logs": {"metrics_collected": {
                "kubernetes": {"enhanced_container_insights": self.container_insights},
            }}}},
        });
        if let Some(own) = &self.configuration {
            super::lay_over(&mut settings, own);
        }
        settings
    }
}
