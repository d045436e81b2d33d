//! A bucket and its policy.

use serde_json::{Map, Value, json};

use super::{Compiler, cut, delivery, function, get, key, queue, topic};
use crate::address::Address;
use crate::blueprint::Blueprint;
use crate::blueprint::component::bucket::{
    Bucket, Cors, LifecycleRule, Notification, Storage, StorageClass, Target,
};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::value::Name;

/// `CreateBucket` in the API reference.
const BUCKET_NAME_MAX: usize = 63;

impl Compiler<'_> {
    pub(super) fn bucket(&mut self, name: &Name, bucket: &Bucket) {
        let logs = bucket.access_logs.as_ref().map(|it| &it.name);
        let log_bucket = logs.and_then(|logs| Some((logs, self.blueprint.buckets.get(logs)?)));
        let (notifications, told) = notifications(name, bucket);
        let (replication, replicating) = self.replication(name, bucket);
        let spec = json!({
            "BucketName": self.bucket_name(name, bucket),
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption(bucket)]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true,
                "BlockPublicPolicy": true,
                "IgnorePublicAcls": true,
                "RestrictPublicBuckets": true,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "VersioningConfiguration":
                {"Status": if bucket.versioning.value { "Enabled" } else { "Suspended" }},
            "LifecycleConfiguration": lifecycle(bucket),
            "CorsConfiguration": cors(bucket),
            "NotificationConfiguration": notifications,
            "ReplicationConfiguration": replication,
            "LoggingConfiguration": log_bucket.map(|(logs, it)| json!({
                "DestinationBucketName": self.bucket_name(logs, it),
                "LogFilePrefix": format!("{name}/"),
            })),
        });
        let log_policy = logs.map(policy_address);
        self.add(&address(name), "AWS::S3::Bucket", spec)
            .after_all(&told)
            .after_all(&log_policy)
            .after_all(&replicating);
        self.bucket_policy(name, bucket);
    }

    /// Nobody may use the bucket without TLS; S3 may write the logs of the buckets that log here.
    fn bucket_policy(&mut self, name: &Name, bucket: &Bucket) {
        let arn = self.bucket_arn(name, bucket);
        let objects = format!("{arn}/*");
        let mut statements = vec![delivery::refuse_plain_text("s3:*", &json!([arn, objects]))];
        let logging = self
            .blueprint
            .buckets
            .iter()
            .filter(|(_, it)| it.access_logs.as_ref().is_some_and(|logs| logs.name == *name));
        let logging: Vec<String> =
            logging.map(|(source, it)| self.bucket_arn(source, it)).collect();
        if !logging.is_empty() {
            statements.push(json!({
                "Effect": "Allow",
                "Principal": {"Service": "logging.s3.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": objects,
                "Condition": {
                    "ArnEquals": {"aws:SourceArn": logging},
                    "StringEquals": {"aws:SourceAccount": self.account.id},
                },
            }));
        }
        statements.extend(self.cdns_reading(name, &objects));
        let spec = json!({
            "Bucket": get(&address(name), "BucketName"),
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&policy_address(name), "AWS::S3::BucketPolicy", spec);
    }

    /// Bucket names are unique in the world: with the account's number in it, this one is nobody else's.
    pub(super) fn bucket_name(&self, name: &Name, bucket: &Bucket) -> String {
        self.bucket_name_in(self.blueprint, name, bucket)
    }

    fn bucket_name_in(&self, there: &Blueprint, name: &Name, bucket: &Bucket) -> String {
        if let Some(name) = &bucket.name {
            return name.to_string();
        }
        let account = &self.account.id;
        let own = cut(format!("{}-{name}", there.stack), BUCKET_NAME_MAX - account.len() - 1);
        format!("{own}-{account}")
    }

    pub(super) fn bucket_arn(&self, name: &Name, bucket: &Bucket) -> String {
        self.bucket_arn_in(self.blueprint, name, bucket)
    }

    /// The ARN of a bucket of the blueprint or of one of its parts.
    pub(super) fn bucket_arn_in(&self, there: &Blueprint, name: &Name, bucket: &Bucket) -> String {
        let partition = &self.account.partition;
        format!("arn:{partition}:s3:::{}", self.bucket_name_in(there, name, bucket))
    }
}

fn encryption(bucket: &Bucket) -> Value {
    match key::arn(bucket.key.as_ref()) {
        // A key for the bucket saves a call of KMS for each object.
        Some(key) => json!({
            "BucketKeyEnabled": true,
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
        }),
        None => json!({"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
    }
}

fn lifecycle(bucket: &Bucket) -> Option<Value> {
    let own = bucket.lifecycle.iter().zip(1..).map(|(rule, number)| lifecycle_rule(rule, number));
    let tiering = match bucket.storage {
        Storage::Standard => None,
        Storage::IntelligentTiering => Some(json!({
            "Id": "intelligent-tiering",
            "Status": "Enabled",
            "Transitions":
                [{"StorageClass": StorageClass::IntelligentTiering.code(), "TransitionInDays": 0}],
        })),
    };
    let rules: Vec<Value> = own.chain(tiering).collect();
    (!rules.is_empty()).then(|| json!({"Rules": rules}))
}

fn lifecycle_rule(rule: &LifecycleRule, number: u32) -> Value {
    let LifecycleRule { prefix, expire, transition, noncurrent, keep_versions, incomplete } = rule;
    let transitions: Vec<Value> = transition
        .iter()
        .map(|(class, days)| json!({"StorageClass": class.code(), "TransitionInDays": days.get()}))
        .collect();
    json!({
        "Id": number.to_string(),
        "Status": "Enabled",
        "Prefix": prefix.as_ref().map(|it| it.value.clone()),
        "ExpirationInDays": expire.as_ref().map(|days| days.get()),
        "Transitions": (!transitions.is_empty()).then_some(transitions),
        "NoncurrentVersionExpiration": noncurrent.as_ref().map(|days| json!({
            "NoncurrentDays": days.get(),
            "NewerNoncurrentVersions": keep_versions.as_ref().map(|count| count.get()),
        })),
        "AbortIncompleteMultipartUpload":
            incomplete.as_ref().map(|days| json!({"DaysAfterInitiation": days.get()})),
    })
}

fn cors(bucket: &Bucket) -> Option<Value> {
    let rules: Vec<Value> = bucket
        .cors
        .iter()
        .map(|rule| {
            let Cors { origins, methods, headers, expose, max_age } = &rule.value;
            let origins: Vec<&str> = origins.iter().map(|it| it.as_str()).collect();
            let methods: Vec<&str> = methods.iter().map(|it| it.as_str()).collect();
            json!({
                "AllowedOrigins": origins,
                "AllowedMethods": methods,
                "AllowedHeaders": (!headers.is_empty()).then_some(headers),
                "ExposedHeaders": (!expose.is_empty()).then_some(expose),
                "MaxAge": max_age.get(),
            })
        })
        .collect();
    (!rules.is_empty()).then(|| json!({"CorsRules": rules}))
}

/// Who is told of changes, and the policies that must let S3 tell them before it agrees to.
fn notifications(name: &Name, bucket: &Bucket) -> (Option<Value>, Vec<Address>) {
    let mut lists: Map<String, Value> = Map::new();
    let mut policies = Vec::new();
    for notification in &bucket.notify {
        let Notification { on, to, prefix, suffix } = &notification.value;
        let (list, member, target) = match &to.value {
            Target::Component(Reference { component, name: told, access: _ }) => {
                let (service, policy, arn) = match component {
                    ComponentType::Queue => {
                        let arn = get(&queue::address(told), "Arn");
                        ("sqs", queue::policy_address(told), arn)
                    }
                    ComponentType::Function => {
                        let arn = get(&function::address(told), "Arn");
                        ("lambda", function::permission(told, &format!("bucket-{name}")), arn)
                    }
                    _ => {
                        let arn = get(&topic::address(told), "TopicArn");
                        ("sns", topic::policy_address(told), arn)
                    }
                };
                policies.push(policy);
                let (list, member) = list_of(service);
                (list, member, arn)
            }
            Target::Arn(arn) => {
                let (list, member) = list_of(arn.service());
                (list, member, json!(arn.as_str()))
            }
        };
        let ends = [("prefix", prefix), ("suffix", suffix)];
        let rules: Vec<Value> = ends
            .into_iter()
            .filter_map(|(name, value)| Some(json!({"Name": name, "Value": value.as_ref()?.value})))
            .collect();
        let filter = (!rules.is_empty()).then(|| json!({"S3Key": {"Rules": rules}}));
        let all = lists.entry(list).or_insert_with(|| json!([]));
        for event in on.iter() {
            let one = json!({"Event": event.code(), member: target, "Filter": filter});
            all.as_array_mut().into_iter().for_each(|all| all.push(one.clone()));
        }
    }
    if bucket.event_bridge {
        lists.insert("EventBridgeConfiguration".into(), json!({"EventBridgeEnabled": true}));
    }
    ((!lists.is_empty()).then_some(Value::Object(lists)), policies)
}

/// The list of CloudFormation for those of a service that are told, and the member that names them.
fn list_of(service: &str) -> (&'static str, &'static str) {
    match service {
        "sqs" => ("QueueConfigurations", "Queue"),
        "sns" => ("TopicConfigurations", "Topic"),
        _ => ("LambdaConfigurations", "Function"),
    }
}

pub(super) fn address(name: &Name) -> Address {
    at(name, "bucket")
}

fn policy_address(name: &Name) -> Address {
    at(name, "policy")
}

pub(super) fn at(name: &Name, role: &str) -> Address {
    Address::of(&format!("buckets.{name}"), role)
}
