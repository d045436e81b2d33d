//! `AWS::IAM::RolePolicy`

use std::collections::BTreeSet;

use aws_sdk_iam::types::PolicyDetail;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ec2::gone;
use super::{document, iam};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, Tagging,
    Token, Typical, Update, outputs,
};

pub struct RolePolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    role_name: String,
    policy_name: String,
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
}

#[derive(Debug)]
pub struct Live {
    role: String,
    policy: PolicyDetail,
}

impl Kind for RolePolicy {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::IAM::RolePolicy";
    const DOC: &'static str = "An inline policy of an IAM role. \
        It needs the role, works at once and blocks nothing but the deletion of the role.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("RoleName", "The name of the role that holds the policy."),
        Field::replaces("PolicyName", "The policy's name, unique in the role."),
        Field::updates("PolicyDocument", "What the policy allows and denies.").document(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("RoleName", "The name of the role."),
        Output::with_id("PolicyName", "The policy's name."),
    ];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);
    const SCOPE: Scope = Scope::Account;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::joined([&live.role, live.policy.policy_name().unwrap_or_default()])
    }

    fn spec(live: &Live) -> Spec {
        Spec {
            role_name: live.role.clone(),
            policy_name: live.policy.policy_name.clone().unwrap_or_default(),
            policy_document: iam::document(live.policy.policy_document().unwrap_or_default()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("RoleName", Some(&live.role)), ("PolicyName", live.policy.policy_name())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.role_name, &spec.policy_name]))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let keys: BTreeSet<[&str; 2]> = wanted.iter().filter_map(key).collect();
        if keys.len() <= iam::ONE_BY_ONE_MAX {
            let asked = keys.into_iter().map(|[role, policy]| async move {
                let found = iam::role_policy(cx, role, policy).await?;
                Ok::<_, Fault>(found.map(|policy| Live { role: role.into(), policy }))
            });
            let found = try_join_all(asked).await?;
            return Ok(found.into_iter().flatten().collect());
        }
        let roles = iam::role_details(cx).await?;
        let policies = roles.iter().flat_map(|role| {
            let of = role.role_name().unwrap_or_default();
            role.role_policy_list().iter().map(move |policy| (of, policy))
        });
        let wanted = policies.filter(|(role, policy)| {
            policy.policy_name().is_some_and(|name| keys.contains(&[*role, name]))
        });
        let live = |(role, policy): (&str, &PolicyDetail)| Live {
            role: role.into(),
            policy: policy.clone(),
        };
        Ok(wanted.map(live).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        put(cx, spec).await?;
        Ok(PhysicalId::joined([&spec.role_name, &spec.policy_name]))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        put(cx, update.to).await
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let call = cx.iam.delete_role_policy().role_name(&recorded.role_name);
        gone(call.policy_name(&recorded.policy_name).send().await)
    }
}

fn key(lookup: &Lookup) -> Option<[&str; 2]> {
    match lookup {
        Lookup::Id(id) => id.parts(),
        Lookup::Owner { .. } => None,
    }
}

async fn put(cx: &Cx, spec: &Spec) -> Result<(), Fault> {
    cx.iam
        .put_role_policy()
        .role_name(&spec.role_name)
        .policy_name(&spec.policy_name)
        .policy_document(document::to_text(&spec.policy_document))
        .send()
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn role_and_name_are_the_identity() {
        let policy = PolicyDetail::builder().policy_name("p").policy_document("%7B%22a%22%3A1%7D");
        let live = Live { role: "r".into(), policy: policy.build() };
        assert_eq!(RolePolicy::id(&live), PhysicalId::joined(["r", "p"]));
        let spec = RolePolicy::spec(&live);
        assert_eq!(RolePolicy::natural_id(&spec), Some(RolePolicy::id(&live)));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({"RoleName": "r", "PolicyName": "p", "PolicyDocument": {"a": 1}})
        );
    }
}
