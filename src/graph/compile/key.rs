//! A KMS key and its alias.

use serde_json::{Value, json};

use super::{Compiler, get};
use crate::address::Address;
use crate::blueprint::component::key::Key;
use crate::blueprint::reference::Link;
use crate::blueprint::value::Name;
use crate::source::Spanned;

impl Compiler<'_> {
    pub(super) fn key(&mut self, name: &Name, key: &Key) {
        let address = address(name);
        let rotation = key.rotation.as_option().map(|every| every.get());
        let spec = json!({
            "Description": key.description.as_ref().map(|it| it.value.clone()),
            "EnableKeyRotation": rotation.is_some(),
            "RotationPeriodInDays": rotation,
            "PendingWindowInDays": key.pending_window.get(),
            "KeyPolicy": self.key_policy(name, key),
            "Tags": self.name_tag(name),
        });
        self.add(&address, "AWS::KMS::Key", spec);
        let alias = json!({
            "AliasName": format!("alias/{}", self.name(name)),
            "TargetKeyId": get(&address, "KeyId"),
        });
        self.add(&Address::of(&component(name), "alias"), "AWS::KMS::Alias", alias);
    }

    /// The account decides through IAM who may use the key; services need to be named that act for nobody of the account:
    /// CloudWatch Logs, and what delivers to queues and topics.
    fn key_policy(&self, name: &Name, key: &Key) -> Value {
        let root = self.arn("iam", "", "root");
        let mut statements = vec![json!({
            "Sid": "Account", "Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*",
        })];
        if !key.administrators.is_empty() {
            let administrators: Vec<&str> =
                key.administrators.iter().map(|arn| arn.as_str()).collect();
            statements.push(json!({
                "Sid": "Administrators",
                "Effect": "Allow",
                "Principal": {"AWS": administrators},
                "Action": [
                    "kms:Create*", "kms:Describe*", "kms:Enable*", "kms:List*", "kms:Put*", "kms:Update*",
                    "kms:Revoke*", "kms:Disable*", "kms:Get*", "kms:TagResource", "kms:UntagResource",
                    "kms:ScheduleKeyDeletion", "kms:CancelKeyDeletion",
                ],
                "Resource": "*",
            }));
        }
        let region = self.builder.region();
        statements.push(json!({
            "Sid": "Logs",
            "Effect": "Allow",
            "Principal": {"Service": format!("logs.{region}.amazonaws.com")},
            "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
            "Resource": "*",
            "Condition": {"ArnLike": {
                "kms:EncryptionContext:aws:logs:arn": self.arn("logs", region, "log-group:*"),
            }},
        }));
        let senders = self.senders_with_key(name);
        if !senders.is_empty() {
            statements.push(json!({
                "Sid": "Deliveries",
                "Effect": "Allow",
                "Principal": {"Service": senders},
                "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
                "Resource": "*",
                "Condition": {"StringEquals": {"aws:SourceAccount": self.account.id}},
            }));
        }
        statements.extend(self.key_statements(name));
        json!({"Version": "2012-10-17", "Statement": statements})
    }
}

/// The ARN of the key that a component names, if it names one.
pub(super) fn arn(key: Option<&Spanned<Link<Key>>>) -> Option<Value> {
    key.map(|key| get(&address(&key.name), "Arn"))
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "key")
}

fn component(name: &Name) -> String {
    format!("keys.{name}")
}
