//! What using a component permits: the statements of IAM policies, least privilege, and who holds them.

use serde_json::{Value, json};

use super::{Compiler, cluster, database, get, key, log, registry, secret};
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

    /// Whether somebody uses a component in this way.
    pub(super) fn is_used(&self, component: ComponentType, name: &Name, access: Access) -> bool {
        let mut uses = self.blueprint.identities.values().flat_map(|identity| &identity.uses);
        uses.any(|used| {
            used.component == component && used.name == *name && used.access == Some(access)
        })
    }

    fn grant(&self, used: &Reference) -> Vec<Value> {
        let (name, access) = (&used.name, used.access);
        match used.component {
            ComponentType::Database => self.database_grant(name, access),
            ComponentType::Key => vec![key_grant(name, access)],
            ComponentType::Log => vec![log_grant(name, access)],
            ComponentType::Registry => registry_grant(name, access),
            ComponentType::Secret => self.secret_grant(name, access),
            ComponentType::Network
            | ComponentType::Cluster
            | ComponentType::LoadBalancer
            | ComponentType::Zone
            | ComponentType::Certificate
            | ComponentType::Firewall
            | ComponentType::Identity
            | ComponentType::SecurityGroup
            | ComponentType::Cdn => Vec::new(),
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

fn allow(actions: &[&str], resources: Value) -> Value {
    json!({"Effect": "Allow", "Action": actions, "Resource": resources})
}
