//! An IAM role: who may assume it, and the permissions that follow from what it uses.

use serde_json::{Value, json};

use super::{
    Compiler, cluster, database, get, key, log, pod_identity_trust, registry, secret, trust,
};
use crate::address::Address;
use crate::blueprint::component::identity::{Identity, Via};
use crate::blueprint::reference::{Access, ComponentType, Reference};
use crate::blueprint::value::{Name, ServiceAccount};
use crate::kind::reference::join;

impl Compiler<'_> {
    pub(super) fn identity(&mut self, name: &Name, identity: &Identity) {
        let component = component(name);
        let role = address(name);
        let by_pod_identity = identity.via.value == Via::PodIdentity;
        let policies: Vec<&str> = identity.policies.iter().map(|arn| arn.as_str()).collect();
        let spec = json!({
            "RoleName": self.name(name),
            "Description": identity.description.as_ref().map(|it| it.value.clone()),
            "AssumeRolePolicyDocument": self.trust_of(identity),
            "ManagedPolicyArns": policies,
            "MaxSessionDuration": identity.max_session.get(),
        });
        self.add(&role, "AWS::IAM::Role", spec);

        let mut statements: Vec<Value> = Vec::new();
        identity.uses.iter().for_each(|used| self.permit(used, &mut statements));
        statements.extend(identity.statements.iter().map(|statement| {
            let texts = |list: &[crate::source::Spanned<String>]| -> Vec<String> {
                list.iter().map(|it| it.value.clone()).collect()
            };
            let actions: Vec<&str> = statement.allow.iter().map(|it| it.as_str()).collect();
            json!({
                "Effect": "Allow", "Action": actions, "Resource": texts(&statement.on),
                "Condition": statement.when,
            })
        }));
        if !statements.is_empty() {
            let spec = json!({
                "RoleName": get(&role, "RoleName"),
                "PolicyName": name.as_str(),
                "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
            });
            self.add(&Address::of(&component, "policy"), "AWS::IAM::RolePolicy", spec);
        }
        if let (Some(account), true) = (&identity.service_account, by_pod_identity) {
            let spec = json!({
                "ClusterName": get(&cluster::address(), "Name"),
                "Namespace": account.namespace,
                "ServiceAccount": account.name,
                "RoleArn": get(&role, "Arn"),
            });
            let at = Address::of(&component, "pod-identity");
            self.add(&at, "AWS::EKS::PodIdentityAssociation", spec);
        }
    }

    fn trust_of(&self, identity: &Identity) -> Value {
        let (account, services): (Vec<_>, Vec<_>) =
            identity.trust.iter().partition(|it| it.is_account());
        let mut named = serde_json::Map::new();
        if !services.is_empty() {
            let services: Vec<&str> = services.iter().map(|it| it.as_str()).collect();
            named.insert("Service".into(), json!(services));
        }
        if !account.is_empty() {
            named.insert("AWS".into(), json!(self.arn("iam", "", "root")));
        }
        let named = (!named.is_empty()).then(|| trust(Value::Object(named), &["sts:AssumeRole"]));
        match (&identity.service_account, identity.via.value) {
            (Some(account), Via::Irsa) => web_identity_trust(account, named.as_ref()),
            (Some(_), Via::PodIdentity) => {
                let mut policy = pod_identity_trust();
                if let (Some(all), Some(more)) = (policy["Statement"].as_array_mut(), &named) {
                    all.extend(more["Statement"].as_array().cloned().unwrap_or_default());
                }
                policy
            }
            (None, _) => named.unwrap_or_default(),
        }
    }

    /// The statements that allow one use, least privilege.
    fn permit(&self, used: &Reference, statements: &mut Vec<Value>) {
        let name = &used.name;
        let allow = |actions: &[&str], resources: Value| json!({"Effect": "Allow", "Action": actions, "Resource": resources});
        let decrypt = |key: Option<Value>| key.map(|arn| allow(&["kms:Decrypt"], arn));
        match (used.component, used.access) {
            (ComponentType::Secret, access) => {
                let arn = get(&secret::address(name), "Id");
                let key = self.blueprint.secrets.get(name).and_then(|it| key::arn(it.key.as_ref()));
                if access == Some(Access::Write) {
                    statements.push(allow(
                        &["secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret"],
                        arn,
                    ));
                    let encrypt = |arn| allow(&["kms:GenerateDataKey", "kms:Decrypt"], arn);
                    statements.extend(key.map(encrypt));
                } else {
                    statements.push(allow(
                        &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                        arn,
                    ));
                    statements.extend(decrypt(key));
                }
            }
            (ComponentType::Database, Some(Access::Secret)) => {
                let arn = get(&database::address(name), "MasterUserSecret.SecretArn");
                statements.push(allow(
                    &["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                    arn,
                ));
                let key =
                    self.blueprint.databases.get(name).and_then(|it| key::arn(it.key.as_ref()));
                statements.extend(decrypt(key));
            }
            (ComponentType::Database, _) => {
                // The database user of an identity has its own name, not the master's.
                let prefix = self.arn("rds-db", self.builder.region(), "dbuser:");
                let id = get(&database::address(name), "DbiResourceId");
                statements.push(allow(&["rds-db:connect"], join([json!(prefix), id, json!("/*")])));
            }
            (ComponentType::Registry, access) => {
                statements.push(allow(&["ecr:GetAuthorizationToken"], json!("*")));
                let mut actions = vec![
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:BatchGetImage",
                    "ecr:GetDownloadUrlForLayer",
                ];
                if access == Some(Access::Push) {
                    actions.extend([
                        "ecr:CompleteLayerUpload",
                        "ecr:InitiateLayerUpload",
                        "ecr:PutImage",
                        "ecr:UploadLayerPart",
                    ]);
                }
                statements.push(allow(&actions, get(&registry::address(name), "Arn")));
            }
            (ComponentType::Log, access) => {
                let arn = get(&log::address(name), "Arn");
                let actions: &[&str] = if access == Some(Access::Read) {
                    &[
                        "logs:DescribeLogStreams",
                        "logs:FilterLogEvents",
                        "logs:GetLogEvents",
                        "logs:StartQuery",
                    ]
                } else {
                    &["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
                };
                statements.push(allow(actions, arn));
            }
            (ComponentType::Key, access) => {
                let arn = get(&key::address(name), "Arn");
                let actions: &[&str] = if access == Some(Access::Encrypt) {
                    &["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
                } else {
                    &["kms:Decrypt", "kms:DescribeKey"]
                };
                statements.push(allow(actions, arn));
            }
            (
                ComponentType::Network
                | ComponentType::Cluster
                | ComponentType::LoadBalancer
                | ComponentType::Zone
                | ComponentType::Certificate
                | ComponentType::Firewall
                | ComponentType::Identity
                | ComponentType::Resource,
                _,
            ) => {}
        }
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "role")
}

fn component(name: &Name) -> String {
    format!("identities.{name}")
}

/// The trust policy of a role for a service account's token (IRSA). The names of its conditions hold the provider's,
/// which only the cluster knows: the document is a text with references in it.
fn web_identity_trust(account: &ServiceAccount, named: Option<&Value>) -> Value {
    let provider = cluster::oidc_provider();
    let text = |text: String| Value::String(text);
    let mut parts = vec![
        text(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRoleWithWebIdentity"],"Principal":{"Federated":""#.into()),
        get(&provider, "Arn"),
        text(r#""},"Condition":{"StringEquals":{""#.into()),
        get(&provider, "Issuer"),
        text(r#":aud":"sts.amazonaws.com",""#.into()),
        get(&provider, "Issuer"),
        text(format!(r#":sub":"system:serviceaccount:{}:{}"}}}}}}"#, account.namespace, account.name)),
    ];
    for more in named.and_then(|policy| policy["Statement"].as_array()).into_iter().flatten() {
        parts.push(text(format!(",{more}")));
    }
    parts.push(text("]}".into()));
    join(parts)
}
