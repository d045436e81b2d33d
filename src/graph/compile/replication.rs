//! The replication of a bucket into one of another region: the role that S3 takes for it, and the rule.

use serde_json::{Value, json};

use super::{Compiler, bucket, elsewhere, get, key, trust};
use crate::address::Address;
use crate::blueprint::component::bucket::Bucket;
use crate::blueprint::reference::FarLink;
use crate::blueprint::value::Name;

impl Compiler<'_> {
    /// The property of the bucket, and the policy without which no object would be copied. A bucket that is not
    /// replicated says so: it must stop when it no longer should.
    pub(super) fn replication(&mut self, name: &Name, bucket: &Bucket) -> (Value, Option<Address>) {
        let Some(to) = &bucket.replicate_to else { return (json!({"Rules": []}), None) };
        let (role, policy) =
            (bucket::at(name, "replication-role"), bucket::at(name, "replication-policy"));
        let spec = json!({
            "RoleName": self.role_name(&format!("{name}-replication")),
            "Description": format!("copies bucket {name} to {to}"),
            "AssumeRolePolicyDocument": trust(json!({"Service": "s3.amazonaws.com"}), &["sts:AssumeRole"]),
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let target = get(&elsewhere(&to.scope(), &bucket::address(&to.name)), "Arn");
        let target_key = self.key_there(to);
        let statements = self.replication_statements(name, bucket, to, target_key.as_ref());
        let spec = json!({
            "RoleName": get(&role, "RoleName"),
            "PolicyName": "replication",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&policy, "AWS::IAM::RolePolicy", spec);
        let encrypted = bucket.key.as_ref().and(target_key);
        let rules = json!([{
            "Id": "all",
            "Status": "Enabled",
            "Priority": 1,
            "Filter": {"Prefix": ""},
            // What is deleted here is to be gone there, too, as an earlier version that can be brought back.
            "DeleteMarkerReplication": {"Status": "Enabled"},
            "SourceSelectionCriteria":
                encrypted.as_ref().map(|_| json!({"SseKmsEncryptedObjects": {"Status": "Enabled"}})),
            "Destination": {
                "Bucket": target,
                "EncryptionConfiguration": encrypted.map(|key| json!({"ReplicaKmsKeyID": key})),
            },
        }]);
        (json!({"Role": get(&role, "Arn"), "Rules": rules}), Some(policy))
    }

    /// To read the versions of the one bucket, and to write them into the other. A bucket is named by its name, not by
    /// a reference: it waits for the policy.
    fn replication_statements(
        &self,
        name: &Name,
        bucket: &Bucket,
        to: &FarLink<Bucket>,
        target_key: Option<&Value>,
    ) -> Vec<Value> {
        let source = self.bucket_arn(name, bucket);
        let (here, there) = (self.builder.region(), self.there(&to.region));
        let target = there.and_then(|there| {
            let bucket = there.buckets.get(&to.name)?;
            Some((there, self.bucket_arn_in(there, &to.name, bucket)))
        });
        let Some((there, target)) = target else { return Vec::new() };
        let allow = |actions: &[&str], resource: &Value| json!({"Effect": "Allow", "Action": actions, "Resource": resource});
        let mut statements = vec![
            allow(&["s3:GetReplicationConfiguration", "s3:ListBucket"], &json!(source)),
            allow(
                &[
                    "s3:GetObjectVersionAcl",
                    "s3:GetObjectVersionForReplication",
                    "s3:GetObjectVersionTagging",
                ],
                &json!(format!("{source}/*")),
            ),
            allow(
                &["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
                &json!(format!("{target}/*")),
            ),
        ];
        // With a key for each bucket the context names the bucket, otherwise the object.
        let crypt = |actions: &[&str], key: &Value, region: &str, bucket: &str| {
            let mut statement = allow(actions, key);
            statement["Condition"] = json!({
                "StringEquals": {"kms:ViaService": format!("s3.{region}.amazonaws.com")},
                "StringLike": {"kms:EncryptionContext:aws:s3:arn": [bucket, format!("{bucket}/*")]},
            });
            statement
        };
        if let (Some(key), Some(target_key)) = (key::arn(bucket.key.as_ref()), target_key) {
            statements.push(crypt(&["kms:Decrypt"], &key, here, &source));
            let actions = ["kms:Encrypt", "kms:GenerateDataKey"];
            statements.push(crypt(&actions, target_key, there.region.as_str(), &target));
        }
        statements
    }

    /// The key of the bucket that the copies go to.
    fn key_there(&self, to: &FarLink<Bucket>) -> Option<Value> {
        let key = self.there(&to.region)?.buckets.get(&to.name)?.key.as_ref()?;
        Some(get(&elsewhere(&to.scope(), &key::address(&key.name)), "Arn"))
    }
}
