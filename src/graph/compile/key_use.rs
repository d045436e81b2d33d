//! What a key must allow beside what it allows always, because of what components do with it.

use serde_json::{Value, json};

use super::Compiler;
use crate::blueprint::component::cdn::Origin;
use crate::blueprint::component::key::Key;
use crate::blueprint::component::network::FlowLogTarget;
use crate::blueprint::reference::Link;
use crate::blueprint::value::Name;
use crate::source::Spanned;

impl Compiler<'_> {
    /// The statements for services that use a key for no principal of the account.
    pub(super) fn key_statements(&self, name: &Name) -> Vec<Value> {
        let is_it = |key: Option<&Spanned<Link<Key>>>| key.is_some_and(|key| key.name == *name);
        let blueprint = self.blueprint;
        let mut statements = Vec::new();
        let logs = blueprint.network.as_ref().and_then(|network| network.flow_logs.as_ref());
        if logs.is_some_and(|logs| logs.to == FlowLogTarget::S3 && is_it(logs.key.as_ref())) {
            statements.push(service(
                "FlowLogs",
                "delivery.logs.amazonaws.com",
                &["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*"],
                json!({"StringEquals": {"aws:SourceAccount": self.account.id}}),
            ));
        }
        let trail = blueprint.audit.as_ref().and_then(|audit| audit.trail.as_ref());
        if trail.is_some_and(|trail| is_it(trail.key.as_ref())) {
            statements.push(service(
                "Trail",
                "cloudtrail.amazonaws.com",
                &["kms:DescribeKey", "kms:GenerateDataKey*"],
                json!({"StringEquals": {"aws:SourceArn": self.trail_arn()}}),
            ));
        }
        if self.encrypts_what_a_cdn_reads(name) {
            // By the account alone: the distribution needs the bucket, and the bucket the key.
            let ours = self.arn("cloudfront", "", "distribution/*");
            statements.push(service(
                "Cdn",
                "cloudfront.amazonaws.com",
                &["kms:Decrypt"],
                json!({"ArnLike": {"aws:SourceArn": ours}}),
            ));
        }
        let groups = blueprint.cluster.iter().flat_map(|cluster| cluster.node_groups.values());
        let mut disks = groups.filter_map(|group| group.disk.settings.as_ref());
        if disks.any(|disk| is_it(disk.key.as_ref())) {
            // Auto Scaling starts nodes in a role of its own, which no key can name before it exists.
            let region = self.builder.region();
            statements.push(json!({
                "Sid": "Volumes",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": [
                    "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ],
                "Resource": "*",
                "Condition": {"StringEquals": {
                    "kms:CallerAccount": self.account.id,
                    "kms:ViaService": format!("ec2.{region}.amazonaws.com"),
                }},
            }));
        }
        statements
    }

    fn encrypts_what_a_cdn_reads(&self, key: &Name) -> bool {
        let origins = self.blueprint.cdn.values().flat_map(|cdn| cdn.origins.values());
        let read = origins.filter_map(|origin| match &origin.value {
            Origin::Bucket(origin) => self.blueprint.buckets.get(&origin.bucket.name),
            Origin::Balancer(_) | Origin::Domain(_) => None,
        });
        let mut keys = read.filter_map(|bucket| bucket.key.as_ref());
        keys.any(|it| it.name == *key)
    }
}

fn service(sid: &str, principal: &str, actions: &[&str], condition: Value) -> Value {
    json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": actions,
        "Resource": "*",
        "Condition": condition,
    })
}
