//! The record of the connections in the network, and where it goes.

use serde_json::{Value, json};

use super::{Compiler, get, key, trust, vpc_id};
use crate::address::Address;
use crate::blueprint::component::network::{FlowLogTarget, FlowLogs, Traffic};

impl Compiler<'_> {
    pub(super) fn flow_logs(&mut self, logs: &FlowLogs) {
        let (destination, after) = match logs.to {
            FlowLogTarget::Logs => self.flow_log_group(logs),
            FlowLogTarget::S3 => self.flow_log_bucket(logs),
        };
        let mut spec = json!({
            "ResourceId": vpc_id(),
            "ResourceType": "VPC",
            "TrafficType": match logs.traffic {
                Traffic::All => "ALL",
                Traffic::Accept => "ACCEPT",
                Traffic::Reject => "REJECT",
            },
            "MaxAggregationInterval": logs.every.seconds(),
            "Tags": self.name_tag("flow-log"),
        });
        if let (Value::Object(spec), Value::Object(destination)) = (&mut spec, destination) {
            spec.extend(destination);
        }
        self.add(&at("flow-log"), "AWS::EC2::FlowLog", spec).after_all(&after);
    }

    fn flow_log_group(&mut self, logs: &FlowLogs) -> (Value, Vec<Address>) {
        let (group, role) = (at("flow-log-group"), at("flow-log-role"));
        let name = format!("/{}/flow-log", self.blueprint.stack);
        let spec = json!({
            "LogGroupName": name,
            "RetentionInDays": logs.retention.days,
            "KmsKeyId": key::arn(logs.key.as_ref()),
        });
        self.add(&group, "AWS::Logs::LogGroup", spec);
        let mut who = trust(json!({"Service": "vpc-flow-logs.amazonaws.com"}), &["sts:AssumeRole"]);
        who["Statement"][0]["Condition"] =
            json!({"StringEquals": {"aws:SourceAccount": self.account.id}});
        let spec = json!({
            "RoleName": self.role_name("flow-log"),
            "Description": "writes the flow log of the network",
            "AssumeRolePolicyDocument": who,
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let policy = at("flow-log-role-policy");
        let spec = json!({
            "RoleName": get(&role, "RoleName"),
            "PolicyName": "flow-log",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    "Resource": get(&group, "Arn"),
                },
                {"Effect": "Allow", "Action": ["logs:DescribeLogGroups"], "Resource": "*"},
            ]},
        });
        self.add(&policy, "AWS::IAM::RolePolicy", spec);
        let destination = json!({
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": name,
            "DeliverLogsPermissionArn": get(&role, "Arn"),
        });
        (destination, vec![group, policy])
    }

    fn flow_log_bucket(&mut self, logs: &FlowLogs) -> (Value, Vec<Address>) {
        let account = self.account.id.clone();
        let from = self.arn("logs", self.builder.region(), "*");
        let days = logs.retention.days;
        let bucket = self.log_bucket("network", "flow", days, logs.key.as_ref(), |arn| {
            delivery(arn, &account, &from)
        });
        let destination = json!({
            "LogDestinationType": "s3",
            "LogDestination": format!("arn:{}:s3:::{}", self.account.partition, bucket.name),
        });
        (destination, vec![bucket.policy])
    }
}

/// What lets the log delivery of an account write into a bucket.
fn delivery(bucket: &str, account: &str, from: &str) -> Vec<Value> {
    let service = json!({"Service": "delivery.logs.amazonaws.com"});
    let ours =
        json!({"StringEquals": {"aws:SourceAccount": account}, "ArnLike": {"aws:SourceArn": from}});
    let mut writes = ours.clone();
    writes["StringEquals"]["s3:x-amz-acl"] = json!("bucket-owner-full-control");
    vec![
        json!({
            "Sid": "LogDeliveryWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
            "Resource": format!("{bucket}/AWSLogs/{account}/*"), "Condition": writes,
        }),
        json!({
            "Sid": "LogDeliveryAclCheck", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
            "Resource": bucket, "Condition": ours,
        }),
    ]
}

fn at(role: &str) -> Address {
    Address::of("network", role)
}
