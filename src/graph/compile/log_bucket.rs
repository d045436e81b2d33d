//! A bucket into which a service of AWS writes logs: private, encrypted, emptied by age.

use serde_json::{Value, json};

use super::{Compiler, key};
use crate::address::Address;
use crate::blueprint::component::key::Key;
use crate::blueprint::reference::Link;
use crate::source::Spanned;

/// `CreateBucket` in the API reference.
pub(super) const BUCKET_NAME_MAX: usize = 63;
/// What is left of uploads that were cut off costs money and is of no use.
const ABANDONED_DAYS: u32 = 7;

/// What others need to know of it.
pub(super) struct LogBucket {
    pub(super) name: String,
    /// A service may write once this stands.
    pub(super) policy: Address,
}

/// Who owns what a service writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// The account, without access lists.
    Enforced,
    /// The account, with access lists for services that still use them.
    Preferred,
}

impl Compiler<'_> {
    /// A bucket for logs of `component`, with the statements that let services write, which get its ARN.
    pub(super) fn log_bucket(
        &mut self,
        component: &str,
        name: &str,
        days: u32,
        key: Option<&Spanned<Link<Key>>>,
        statements: impl FnOnce(&str) -> Vec<Value>,
    ) -> LogBucket {
        self.log_bucket_of(component, name, days, key, Ownership::Enforced, statements)
    }

    /// The same with an ownership other than the usual one.
    pub(super) fn log_bucket_of(
        &mut self,
        component: &str,
        name: &str,
        days: u32,
        key: Option<&Spanned<Link<Key>>>,
        ownership: Ownership,
        statements: impl FnOnce(&str) -> Vec<Value>,
    ) -> LogBucket {
        // Names of buckets are those of the whole world.
        let whole = format!("{name}-logs-{}-{}", self.account.id, self.builder.region());
        let bucket_name = self.name_within(&whole, BUCKET_NAME_MAX);
        let arn = format!("arn:{}:s3:::{bucket_name}", self.account.partition);
        let encryption = match key::arn(key) {
            Some(key) => json!({
                "BucketKeyEnabled": true,
                "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key},
            }),
            None => json!({"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}),
        };
        let spec = json!({
            "BucketName": bucket_name,
            "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true,
            },
            "OwnershipControls": {"Rules": [{"ObjectOwnership": match ownership {
                Ownership::Enforced => "BucketOwnerEnforced",
                Ownership::Preferred => "BucketOwnerPreferred",
            }}]},
            "LifecycleConfiguration": {"Rules": [{
                "Id": "expire",
                "Status": "Enabled",
                "ExpirationInDays": days,
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
            }]},
        });
        let bucket = Address::of(component, &format!("log-bucket/{name}"));
        self.add(&bucket, "AWS::S3::Bucket", spec);
        let mut statements = statements(&arn);
        statements.push(json!({
            "Sid": "EncryptedTransport",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, format!("{arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }));
        let spec = json!({
            "Bucket": bucket_name,
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        let policy = Address::of(component, &format!("log-bucket-policy/{name}"));
        self.add(&policy, "AWS::S3::BucketPolicy", spec).after(&bucket);
        LogBucket { name: bucket_name, policy }
    }
}
