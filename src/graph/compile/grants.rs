//! What using a component permits: the statements of IAM policies, least privilege, and who holds them.

use serde_json::{Value, json};

use super::{
    Compiler, cache, cluster, database, get, key, log, queue, registry, secret, table, topic,
};
use crate::address::Address;
use crate::blueprint::component::key::Key;
use crate::blueprint::reference::{Access, ComponentType, Link, Reference};
use crate::blueprint::value::{Name, ServiceAccount};
use crate::kind::reference::join;
use crate::source::Spanned;

impl Compiler<'_> {
    /// The statements that allow some uses, none of them twice.
    pub(super) fn grants(&self, uses: &[Spanned<Reference>]) -> Vec<Value> {
        let mut statements: Vec<Value> = Vec::new();
        for used in uses {
            for statement in self.grant(used) {
                if !statements.contains(&statement) {
                    statements.push(statement);
                }
            }
        }
        statements
    }

    /// The inline policy of a role, unless there is nothing to allow.
    pub(super) fn role_policy(
        &mut self,
        component: &str,
        role: &Address,
        name: &Name,
        statements: Vec<Value>,
    ) {
        if statements.is_empty() {
            return;
        }
        let spec = json!({
            "RoleName": get(role, "RoleName"),
            "PolicyName": name.as_str(),
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&Address::of(component, "policy"), "AWS::IAM::RolePolicy", spec);
    }

    /// Gives a role to the pods of a service account.
    pub(super) fn pod_identity(
        &mut self,
        component: &str,
        account: &ServiceAccount,
        role: &Address,
    ) {
        let spec = json!({
            "ClusterName": get(&cluster::address(), "Name"),
            "Namespace": account.namespace,
            "ServiceAccount": account.name,
            "RoleArn": get(role, "Arn"),
        });
        let at = Address::of(component, "pod-identity");
        self.add(&at, "AWS::EKS::PodIdentityAssociation", spec);
    }

    /// Whether somebody connects to a component as a user of IAM.
    pub(super) fn is_logged_in_to(&self, component: ComponentType, name: &Name) -> bool {
        let functions = self.blueprint.functions.values().flat_map(|function| &function.uses);
        self.pods_log_in(component, name) || connect(functions, component, name)
    }

    /// Whether pods connect to a component as a user of IAM.
    pub(super) fn pods_log_in(&self, component: ComponentType, name: &Name) -> bool {
        let identities = self.blueprint.identities.values().flat_map(|identity| &identity.uses);
        let services = self.blueprint.services.values().flat_map(|service| &service.uses);
        connect(identities.chain(services), component, name)
    }

    fn grant(&self, used: &Reference) -> Vec<Value> {
        let (name, access) = (&used.name, used.access);
        match used.component {
            ComponentType::Bucket => self.bucket_grant(name, access),
            ComponentType::Cache => {
                let key = self.blueprint.caches.get(name).and_then(|it| it.key.as_ref());
                read_secret(get(&cache::auth_token(name), "Id"), key)
            }
            ComponentType::Database => self.database_grant(name, access),
            ComponentType::Function => {
                vec![allow(&["lambda:InvokeFunction"], json!(self.function_arn(name)))]
            }
            ComponentType::Key => vec![key_grant(name, access)],
            ComponentType::Log => vec![log_grant(name, access)],
            ComponentType::Parameter => self.parameter_grant(name),
            ComponentType::Queue => self.queue_grant(name, access),
            ComponentType::Registry => registry_grant(name, access),
            ComponentType::Secret => self.secret_grant(name, access),
            ComponentType::Table => self.table_grant(name, access),
            ComponentType::Topic => self.topic_grant(name, access),
            // What gives permissions has accesses.
            _ => Vec::new(),
        }
    }

    fn database_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let database = self.blueprint.databases.get(name);
        if access == Some(Access::Secret) {
            let arn = get(&database::address(name), "MasterUserSecret.SecretArn");
            return read_secret(arn, database.and_then(|it| it.key.as_ref()));
        }
        // The database user of an identity has its own name, not the master's.
        let prefix = self.arn("rds-db", self.builder.region(), "dbuser:");
        let id = get(&database::address(name), "DbiResourceId");
        vec![allow(&["rds-db:connect"], join([json!(prefix), id, json!("/*")]))]
    }

    fn bucket_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let Some(bucket) = self.blueprint.buckets.get(name) else { return Vec::new() };
        let arn = self.bucket_arn(name, bucket);
        let objects = json!(format!("{arn}/*"));
        let (whole, each, crypt): (&[&str], &[&str], &[&str]) = if access == Some(Access::Write) {
            (
                &["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
                &[
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                    "s3:PutObjectTagging",
                ],
                &["kms:Decrypt", "kms:GenerateDataKey"],
            )
        } else {
            (
                &["s3:GetBucketLocation", "s3:ListBucket"],
                &["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"],
                &["kms:Decrypt"],
            )
        };
        let crypt = self.crypt(bucket.key.as_ref(), crypt, "s3");
        [allow(whole, json!(arn)), allow(each, objects)].into_iter().chain(crypt).collect()
    }

    fn parameter_grant(&self, name: &Name) -> Vec<Value> {
        let parameter = self.blueprint.parameters.get(name);
        let arn = parameter.map(|parameter| json!(self.parameter_arn(name, parameter)));
        arn.map(|arn| allow(&["ssm:GetParameter", "ssm:GetParameters"], arn)).into_iter().collect()
    }

    fn queue_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let (actions, crypt): (&[&str], &[&str]) = if access == Some(Access::Receive) {
            (
                &[
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:GetQueueUrl",
                    "sqs:ReceiveMessage",
                ],
                &["kms:Decrypt"],
            )
        } else {
            (
                &["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"],
                &["kms:Decrypt", "kms:GenerateDataKey"],
            )
        };
        let key = self.blueprint.queues.get(name).and_then(|it| it.key.as_ref());
        let crypt = self.crypt(key, crypt, "sqs");
        [allow(actions, get(&queue::address(name), "Arn"))].into_iter().chain(crypt).collect()
    }

    fn topic_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let arn = get(&topic::address(name), "TopicArn");
        if access == Some(Access::Subscribe) {
            let actions =
                ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Subscribe"];
            return vec![allow(&actions, arn)];
        }
        let key = self.blueprint.topics.get(name).and_then(|it| it.key.as_ref());
        let crypt = self.crypt(key, &["kms:Decrypt", "kms:GenerateDataKey*"], "sns");
        [allow(&["sns:Publish"], arn)].into_iter().chain(crypt).collect()
    }

    /// Reading goes through the indexes too. DynamoDB uses a key for whoever asks, in both directions.
    fn table_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let arn = get(&table::address(name), "Arn");
        let (actions, resources): (&[&str], Value) = if access == Some(Access::Write) {
            (
                &[
                    "dynamodb:BatchWriteItem",
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:DeleteItem",
                    "dynamodb:DescribeTable",
                    "dynamodb:PutItem",
                    "dynamodb:UpdateItem",
                ],
                arn,
            )
        } else {
            (
                &[
                    "dynamodb:BatchGetItem",
                    "dynamodb:ConditionCheckItem",
                    "dynamodb:DescribeTable",
                    "dynamodb:GetItem",
                    "dynamodb:Query",
                    "dynamodb:Scan",
                ],
                json!([arn, join([arn.clone(), json!("/index/*")])]),
            )
        };
        let key = self.blueprint.tables.get(name).and_then(|it| it.key.as_ref());
        let crypt = [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:ReEncrypt*",
        ];
        let crypt = self.crypt(key, &crypt, "dynamodb");
        [allow(actions, resources)].into_iter().chain(crypt).collect()
    }

    /// What of a key somebody may do who uses what it encrypts, through that service and not otherwise.
    fn crypt(
        &self,
        key: Option<&Spanned<Link<Key>>>,
        actions: &[&str],
        service: &str,
    ) -> Option<Value> {
        let mut statement = allow(actions, key::arn(key)?);
        let via = format!("{service}.{}.amazonaws.com", self.builder.region());
        statement["Condition"] = json!({"StringEquals": {"kms:ViaService": via}});
        Some(statement)
    }

    fn secret_grant(&self, name: &Name, access: Option<Access>) -> Vec<Value> {
        let arn = get(&secret::address(name), "Id");
        let key = self.blueprint.secrets.get(name).and_then(|it| it.key.as_ref());
        if access != Some(Access::Write) {
            return read_secret(arn, key);
        }
        let actions = ["secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"];
        let encrypt = key::arn(key).map(|arn| allow(&["kms:GenerateDataKey", "kms:Decrypt"], arn));
        [allow(&actions, arn)].into_iter().chain(encrypt).collect()
    }
}

fn connect<'a>(
    mut uses: impl Iterator<Item = &'a Spanned<Reference>>,
    component: ComponentType,
    name: &Name,
) -> bool {
    let access = Some(Access::Connect);
    uses.any(|used| used.component == component && used.name == *name && used.access == access)
}

fn read_secret(arn: Value, key: Option<&Spanned<Link<Key>>>) -> Vec<Value> {
    let actions = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"];
    let decrypt = key::arn(key).map(|arn| allow(&["kms:Decrypt"], arn));
    [allow(&actions, arn)].into_iter().chain(decrypt).collect()
}

fn registry_grant(name: &Name, access: Option<Access>) -> Vec<Value> {
    let mut actions =
        vec!["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"];
    if access == Some(Access::Push) {
        actions.extend([
            "ecr:CompleteLayerUpload",
            "ecr:InitiateLayerUpload",
            "ecr:PutImage",
            "ecr:UploadLayerPart",
        ]);
    }
    vec![
        allow(&["ecr:GetAuthorizationToken"], json!("*")),
        allow(&actions, get(&registry::address(name), "Arn")),
    ]
}

fn log_grant(name: &Name, access: Option<Access>) -> Value {
    let actions: &[&str] = if access == Some(Access::Read) {
        &["logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents", "logs:StartQuery"]
    } else {
        &["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    };
    allow(actions, get(&log::address(name), "Arn"))
}

fn key_grant(name: &Name, access: Option<Access>) -> Value {
    let actions: &[&str] = if access == Some(Access::Encrypt) {
        &["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    } else {
        &["kms:Decrypt", "kms:DescribeKey"]
    };
    allow(actions, get(&key::address(name), "Arn"))
}

pub(super) fn allow(actions: &[&str], resources: Value) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}
