//! An IAM role: who may assume it, and what it allows.

use serde_json::{Value, json};

use super::{Compiler, cluster, get, pod_identity_trust, trust};
use crate::address::Address;
use crate::blueprint::component::identity::{Identity, Via};
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

        let mut statements = self.grants(&identity.uses);
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
        self.role_policy(&component, &role, name, statements);
        if let (Some(account), true) = (&identity.service_account, by_pod_identity) {
            self.pod_identity(&component, account, &role);
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
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "role")
}

fn component(name: &Name) -> String {
    format!("identities.{name}")
}

/// The trust policy of a role for a service account's token (IRSA). The names of its conditions hold the provider's,
/// which only the cluster knows: the document is a text with references in it.
pub(super) fn web_identity_trust(account: &ServiceAccount, named: Option<&Value>) -> Value {
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
