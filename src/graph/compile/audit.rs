//! CloudTrail, AWS Config and GuardDuty, each with where it writes and who is told.

use serde_json::{Value, json};

use super::log_bucket::LogBucket;
use super::{Compiler, get, key, topic, trust};
use crate::address::Address;
use crate::blueprint::component::audit::{
    Audit, Config, ConfigRule, SnapshotFrequency, Threats, Trail, TrailLogs, Watched,
};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn audit(&mut self, audit: &Audit) {
        if let Some(trail) = &audit.trail {
            self.trail(trail);
        }
        if let Some(config) = &audit.config {
            self.config(config);
        }
        if let Some(threats) = &audit.threats {
            self.threats(threats);
        }
    }

    fn trail(&mut self, trail: &Trail) {
        let arn = self.trail_arn();
        let files = format!("AWSLogs/{}/*", self.account.id);
        let service = json!({"Service": "cloudtrail.amazonaws.com"});
        let bucket = self.log_bucket("audit", "trail", trail.retention.get(), None, |bucket| {
            let ours = json!({"StringEquals": {"aws:SourceArn": arn}});
            let mut writes = ours.clone();
            writes["StringEquals"]["s3:x-amz-acl"] = json!("bucket-owner-full-control");
            vec![
                json!({
                    "Sid": "TrailAclCheck", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
                    "Resource": bucket, "Condition": ours,
                }),
                json!({
                    "Sid": "TrailWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
                    "Resource": format!("{bucket}/{files}"), "Condition": writes,
                }),
            ]
        });
        let logs = trail.logs.as_ref().map(|logs| self.trail_logs(logs));
        let insights = ["ApiCallRateInsight", "ApiErrorRateInsight"]
            .map(|insight| json!({"InsightType": insight}));
        let spec = json!({
            "TrailName": self.name("trail"),
            "S3BucketName": bucket.name,
            "IsLogging": true,
            "IsMultiRegionTrail": true,
            "IncludeGlobalServiceEvents": true,
            "EnableLogFileValidation": true,
            "KMSKeyId": key::arn(trail.key.as_ref()),
            "CloudWatchLogsLogGroupArn": logs.as_ref().map(|(group, _)| get(group, "Arn")),
            "CloudWatchLogsRoleArn": logs.as_ref().map(|_| get(&at("trail-role"), "Arn")),
            "InsightSelectors": trail.insights.then_some(insights),
        });
        let policies = [bucket.policy].into_iter().chain(logs.map(|(_, policy)| policy));
        let policies: Vec<Address> = policies.collect();
        // It tries whether it may write when it is made.
        self.add(&at("trail"), "AWS::CloudTrail::Trail", spec).after_all(&policies);
    }

    /// The ARN of the trail, which policies name before it stands.
    pub(super) fn trail_arn(&self) -> String {
        let resource = format!("trail/{}", self.name("trail"));
        self.arn("cloudtrail", self.builder.region(), &resource)
    }

    /// The log group of the trail, and the policy by which it may write there.
    fn trail_logs(&mut self, logs: &TrailLogs) -> (Address, Address) {
        let (group, role, policy) =
            (at("trail-log-group"), at("trail-role"), at("trail-role-policy"));
        let spec = json!({
            "LogGroupName": format!("/{}/trail", self.blueprint.stack),
            "RetentionInDays": logs.retention.days,
        });
        self.add(&group, "AWS::Logs::LogGroup", spec);
        let spec = json!({
            "RoleName": self.role_name("trail"),
            "Description": "writes the trail to CloudWatch",
            "AssumeRolePolicyDocument":
                trust(json!({"Service": "cloudtrail.amazonaws.com"}), &["sts:AssumeRole"]),
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let spec = json!({
            "RoleName": get(&role, "RoleName"),
            "PolicyName": "trail",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": get(&group, "Arn"),
            }]},
        });
        self.add(&policy, "AWS::IAM::RolePolicy", spec);
        (group, policy)
    }

    fn config(&mut self, config: &Config) {
        let bucket = self.config_bucket(config);
        let (role, policy) = self.config_role(&bucket);
        let recorder = at("recorder");
        let spec = json!({
            "Name": self.name("recorder"),
            "RoleARN": get(&role, "Arn"),
            "RecordingGroup": {"AllSupported": true, "IncludeGlobalResourceTypes": config.global},
        });
        self.add(&recorder, "AWS::Config::ConfigurationRecorder", spec).after(&policy);
        let channel = at("delivery-channel");
        let spec = json!({
            "Name": self.name("channel"),
            // The recorder records once it can deliver: the channel starts it.
            "ConfigurationRecorderName": get(&recorder, "Name"),
            "S3BucketName": bucket.name,
            "ConfigSnapshotDeliveryProperties": {"DeliveryFrequency": match config.snapshots {
                SnapshotFrequency::Hours1 => "One_Hour",
                SnapshotFrequency::Hours3 => "Three_Hours",
                SnapshotFrequency::Hours6 => "Six_Hours",
                SnapshotFrequency::Hours12 => "Twelve_Hours",
                SnapshotFrequency::Hours24 => "TwentyFour_Hours",
            }},
        });
        self.add(&channel, "AWS::Config::DeliveryChannel", spec)
            .after(&recorder)
            .after(&bucket.policy);
        for ConfigRule { rule, parameters } in config.rules.iter().map(|rule| &rule.value) {
            let parameters: serde_json::Map<String, Value> =
                parameters.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
            let spec = json!({
                "ConfigRuleName": self.name(&rule.value),
                "Source": {"Owner": "AWS", "SourceIdentifier": rule.identifier()},
                "InputParameters": (!parameters.is_empty()).then_some(parameters),
            });
            let at = at(&format!("rule/{}", rule.value));
            self.add(&at, "AWS::Config::ConfigRule", spec).after(&channel);
        }
    }

    fn config_bucket(&mut self, config: &Config) -> LogBucket {
        let account = self.account.id.clone();
        let service = json!({"Service": "config.amazonaws.com"});
        self.log_bucket("audit", "config", config.retention.get(), None, |bucket| {
            let ours = json!({"StringEquals": {"aws:SourceAccount": account}});
            let mut writes = ours.clone();
            writes["StringEquals"]["s3:x-amz-acl"] = json!("bucket-owner-full-control");
            vec![
                json!({
                    "Sid": "ConfigCheck", "Effect": "Allow", "Principal": service,
                    "Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": bucket, "Condition": ours,
                }),
                json!({
                    "Sid": "ConfigWrite", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
                    "Resource": format!("{bucket}/AWSLogs/{account}/Config/*"), "Condition": writes,
                }),
            ]
        })
    }

    fn config_role(&mut self, bucket: &LogBucket) -> (Address, Address) {
        let (role, policy) = (at("config-role"), at("config-role-policy"));
        let spec = json!({
            "RoleName": self.role_name("config"),
            "Description": "records what is in the account",
            "AssumeRolePolicyDocument":
                trust(json!({"Service": "config.amazonaws.com"}), &["sts:AssumeRole"]),
            "ManagedPolicyArns": [self.managed_policy("service-role/AWS_ConfigRole")],
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let arn = format!("arn:{}:s3:::{}", self.account.partition, bucket.name);
        let files = format!("{arn}/AWSLogs/{}/Config/*", self.account.id);
        let spec = json!({
            "RoleName": get(&role, "RoleName"),
            "PolicyName": "config",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": files},
                {"Effect": "Allow", "Action": ["s3:GetBucketAcl"], "Resource": arn},
            ]},
        });
        self.add(&policy, "AWS::IAM::RolePolicy", spec);
        (role, policy)
    }

    fn threats(&mut self, threats: &Threats) {
        // What is not named is turned off: GuardDuty turns some of it on by itself.
        let features: Vec<Value> = Watched::ALL
            .iter()
            .map(|watched| {
                let status = |on: bool| if on { "ENABLED" } else { "DISABLED" };
                let status = status(threats.watch.iter().any(|it| it.value == *watched));
                let agents = (*watched == Watched::Runtime)
                    .then(|| json!([{"Name": "EKS_ADDON_MANAGEMENT", "Status": status}]));
                json!({"Name": feature(*watched), "Status": status, "AdditionalConfiguration": agents})
            })
            .collect();
        let spec = json!({
            "Enable": true,
            "FindingPublishingFrequency": "FIFTEEN_MINUTES",
            "Features": features,
        });
        self.add(&at("detector"), "AWS::GuardDuty::Detector", spec);
        if threats.notify.is_empty() {
            return;
        }
        let targets: Vec<Value> = threats
            .notify
            .iter()
            .map(|topic| json!({"Id": topic.name.as_str(), "Arn": get(&topic::address(&topic.name), "TopicArn")}))
            .collect();
        let spec = json!({
            "Name": self.name(FINDINGS),
            "Description": "tells findings of GuardDuty",
            "State": "ENABLED",
            "EventPattern": {
                "source": ["aws.guardduty"],
                "detail-type": ["GuardDuty Finding"],
                "detail": {"severity": [{"numeric": [">=", threats.severity.get()]}]},
            },
            "Targets": targets,
        });
        let policies: Vec<Address> =
            threats.notify.iter().map(|topic| topic::policy_address(&topic.name)).collect();
        // What it sends before the topic admits it is lost.
        self.add(&at("findings"), "AWS::Events::Rule", spec).after_all(&policies);
    }

    /// The ARN of the rule that tells findings to a topic, if one does.
    pub(super) fn findings_telling(&self, topic: &Name) -> Option<Value> {
        let threats = self.blueprint.audit.as_ref()?.threats.as_ref()?;
        let told = threats.notify.iter().any(|reference| reference.name == *topic);
        let resource = format!("rule/{}", self.name(FINDINGS));
        told.then(|| json!(self.arn("events", self.builder.region(), &resource)))
    }
}

/// What the rule is called that tells findings.
const FINDINGS: &str = "findings";

fn feature(watched: Watched) -> &'static str {
    match watched {
        Watched::Buckets => "S3_DATA_EVENTS",
        Watched::Clusters => "EKS_AUDIT_LOGS",
        Watched::Databases => "RDS_LOGIN_EVENTS",
        Watched::Functions => "LAMBDA_NETWORK_LOGS",
        Watched::Runtime => "RUNTIME_MONITORING",
        Watched::Volumes => "EBS_MALWARE_PROTECTION",
    }
}

fn at(role: &str) -> Address {
    Address::of("audit", role)
}
