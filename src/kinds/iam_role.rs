//! `AWS::IAM::Role`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::{self, AttachedPolicy, PolicyDetail, RoleDetail};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blocker::holder;
use super::ec2::{collect, gone};
use super::{document, iam};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct Role;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    role_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(deserialize_with = "document::deserialize")]
    assume_role_policy_document: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    managed_policy_arns: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_session_duration: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    permissions_boundary: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policies: Option<Vec<Policy>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

/// An inline policy.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    policy_name: String,
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
}

#[derive(Debug)]
pub struct Live {
    role: types::Role,
    attached: Vec<AttachedPolicy>,
    inline: Vec<PolicyDetail>,
}

impl Kind for Role {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::IAM::Role";
    const DOC: &'static str = "An IAM role: an identity that services and workloads assume. \
        It exists at once, but other services see a new one only after some seconds. \
        `Policies` and `ManagedPolicyArns` are compared in full where they are given: leave `Policies` out of a role whose inline policies are resources of their own (`AWS::IAM::RolePolicy`). \
        Deletion detaches and deletes the policies that the role's own spec named; it is refused while others are left, or while an instance profile holds the role.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("RoleName", "The name: unique in the account, and the role's identity."),
        Field::replaces("Path", "The path, `/` unless given: a part of the ARN."),
        Field::updates("Description", "A description."),
        Field::updates("AssumeRolePolicyDocument", "The trust policy: who may assume the role.")
            .document(),
        Field::updates("ManagedPolicyArns", "ARNs of the managed policies attached to the role.")
            .set()
            .late(),
        Field::updates("MaxSessionDuration", "The longest session in seconds, 3600 to 43200."),
        Field::updates(
            "PermissionsBoundary",
            "ARN of the managed policy that bounds the role's permissions.",
        ),
        Field::updates("Policies", "Inline policies, each with its name and document.")
            .document()
            .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("RoleName", "The role's name."),
        Output::with_id("Arn", "The role's ARN."),
        Output::with_id("RoleId", "The stable and unique id of the role (`AROA…`)."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(8, 2, 2);
    const SCOPE: Scope = Scope::Account;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.role.role_name)
    }

    fn spec(live: &Live) -> Spec {
        let Live { role, attached, inline } = live;
        let boundary = role.permissions_boundary.as_ref();
        let arns = attached.iter().filter_map(|policy| policy.policy_arn.clone());
        let policies = inline.iter().map(|policy| Policy {
            policy_name: policy.policy_name.clone().unwrap_or_default(),
            policy_document: iam::document(policy.policy_document().unwrap_or_default()),
        });
        Spec {
            role_name: role.role_name.clone(),
            path: Some(role.path.clone()),
            description: role.description.clone(),
            assume_role_policy_document: iam::document(
                role.assume_role_policy_document().unwrap_or_default(),
            ),
            managed_policy_arns: Some(arns.collect()),
            max_session_duration: role.max_session_duration,
            permissions_boundary: boundary.and_then(|it| it.permissions_boundary_arn.clone()),
            policies: Some(policies.collect()),
            tags: Some(iam::tags(role.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let types::Role { role_name, arn, role_id, .. } = &live.role;
        outputs([("RoleName", Some(role_name)), ("Arn", Some(arn)), ("RoleId", Some(role_id))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&iam::tags(live.role.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.role_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let by_owner = wanted.iter().any(|lookup| lookup.id().is_none());
        if by_owner || names.len() > iam::ONE_BY_ONE_MAX {
            all(cx).await
        } else {
            let found = try_join_all(names.into_iter().map(|name| one(cx, name))).await?;
            Ok(found.into_iter().flatten().collect())
        }
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .iam
            .create_role()
            .role_name(&spec.role_name)
            .set_path(spec.path.clone())
            .set_description(spec.description.clone())
            .assume_role_policy_document(document::to_text(&spec.assume_role_policy_document))
            .set_max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary.clone())
            .set_tags(spec.tags.as_ref().map(|tags| iam::tag_list(&tags.0)))
            .send()
            .await?;
        Ok(PhysicalId::new(made.role.required("role")?.role_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let name = id.as_str();
        if update.has("AssumeRolePolicyDocument") {
            let document = document::to_text(&to.assume_role_policy_document);
            let call = cx.iam.update_assume_role_policy().role_name(name);
            call.policy_document(document).send().await?;
        }
        if update.has("Description") || update.has("MaxSessionDuration") {
            // One call for both: what it does not name falls back to the default.
            cx.iam
                .update_role()
                .role_name(name)
                .set_description(to.description.clone().or_else(|| from.description.clone()))
                .set_max_session_duration(to.max_session_duration.or(from.max_session_duration))
                .send()
                .await?;
        }
        if update.has("PermissionsBoundary") {
            bound(cx, name, to.permissions_boundary.as_deref()).await?;
        }
        // One by one: IAM refuses concurrent changes of one role.
        if update.has("ManagedPolicyArns") {
            let (from, to) = (arns(from), arns(to));
            for arn in to.difference(&from) {
                cx.iam.attach_role_policy().role_name(name).policy_arn(*arn).send().await?;
            }
            for arn in from.difference(&to) {
                detach(cx, name, arn).await?;
            }
        }
        if update.has("Policies") {
            let (from, to) = (inline(from), inline(to));
            for (policy, document) in to.iter().filter(|(policy, it)| from.get(*policy) != Some(it))
            {
                let call = cx.iam.put_role_policy().role_name(name).policy_name(*policy);
                call.policy_document(document::to_text(document)).send().await?;
            }
            for policy in from.keys().filter(|policy| !to.contains_key(*policy)) {
                delete_inline(cx, name, policy).await?;
            }
        }
        if update.has("Tags") {
            let change = tags::change_of(&from.tags, &to.tags);
            if !change.set.is_empty() {
                let tags = iam::tag_list(&change.set);
                cx.iam.tag_role().role_name(name).set_tags(Some(tags)).send().await?;
            }
            if !change.remove.is_empty() {
                let call = cx.iam.untag_role().role_name(name);
                call.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let name = id.as_str();
        for arn in arns(recorded) {
            detach(cx, name, arn).await?;
        }
        for policy in inline(recorded).into_keys() {
            delete_inline(cx, name, policy).await?;
        }
        gone(cx.iam.delete_role().role_name(name).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let name = id.as_str();
        let (attached, inline, profiles) = (
            cx.iam.list_attached_role_policies().role_name(name).into_paginator().items().send(),
            cx.iam.list_role_policies().role_name(name).into_paginator().items().send(),
            cx.iam.list_instance_profiles_for_role().role_name(name).into_paginator(),
        );
        let (attached, inline, profiles) = futures::try_join!(
            collect(attached),
            collect(inline),
            collect(profiles.items().send())
        )?;
        let attached = attached
            .into_iter()
            .filter_map(|it| it.policy_arn)
            .map(|arn| Blocker::stays(arn, "AWS::IAM::ManagedPolicy", "is attached to the role"));
        let inline = inline.into_iter().map(|name| {
            Blocker::stays(name, "AWS::IAM::RolePolicy", "is a policy inside the role")
        });
        let profiles = profiles.iter().map(|it| {
            let holder = holder(iam::tags(it.tags()).0);
            let name = &it.instance_profile_name;
            Blocker::stays(name, "AWS::IAM::InstanceProfile", "holds the role").of(holder)
        });
        Ok(attached.chain(inline).chain(profiles).collect())
    }
}

/// Every role of the account, from two lists: no single one tells everything, and no filter knows names or tags.
async fn all(cx: &Cx) -> Result<Vec<Live>, Fault> {
    let pages = cx.iam.list_roles().into_paginator().page_size(iam::PAGE_MAX);
    let (details, roles) =
        futures::try_join!(iam::role_details(cx), collect(pages.items().send()))?;
    let mut roles: BTreeMap<String, types::Role> =
        roles.into_iter().map(|role| (role.role_name.clone(), role)).collect();
    let joined = details.iter().filter_map(|detail| {
        let role = roles.remove(detail.role_name()?)?;
        Some(join(role, detail.clone()))
    });
    Ok(joined.collect())
}

/// `listed` has no tags and no boundary, `detail` no description and no session duration.
fn join(listed: types::Role, detail: RoleDetail) -> Live {
    let mut role = listed;
    role.tags = detail.tags;
    role.permissions_boundary = detail.permissions_boundary;
    Live {
        role,
        attached: detail.attached_managed_policies.unwrap_or_default(),
        inline: detail.role_policy_list.unwrap_or_default(),
    }
}

/// One role: a call for itself, one for each kind of its policies, and one for each inline document.
async fn one(cx: &Cx, name: &str) -> Result<Option<Live>, Fault> {
    let Some(answer) = found(cx.iam.get_role().role_name(name).send().await)? else {
        return Ok(None);
    };
    let attached = cx.iam.list_attached_role_policies().role_name(name).into_paginator();
    let inline = cx.iam.list_role_policies().role_name(name).into_paginator();
    let policies = futures::try_join!(collect(attached.items().send()), async {
        let names = collect(inline.items().send()).await?;
        try_join_all(names.iter().map(|policy| iam::role_policy(cx, name, policy))).await
    });
    // Deleted between two calls: absent, like one that was absent at the first.
    let Some((attached, inline)) = found(policies)? else { return Ok(None) };
    let role = answer.role.required("role")?;
    Ok(Some(Live { role, attached, inline: inline.into_iter().flatten().collect() }))
}

fn arns(spec: &Spec) -> BTreeSet<&str> {
    spec.managed_policy_arns.iter().flatten().map(String::as_str).collect()
}

fn inline(spec: &Spec) -> BTreeMap<&str, &Value> {
    let policies = spec.policies.iter().flatten();
    policies.map(|policy| (policy.policy_name.as_str(), &policy.policy_document)).collect()
}

async fn bound(cx: &Cx, name: &str, boundary: Option<&str>) -> Result<(), Fault> {
    match boundary {
        Some(arn) => {
            let call = cx.iam.put_role_permissions_boundary().role_name(name);
            call.permissions_boundary(arn).send().await?;
            Ok(())
        }
        None => gone(cx.iam.delete_role_permissions_boundary().role_name(name).send().await),
    }
}

async fn detach(cx: &Cx, name: &str, arn: &str) -> Result<(), Fault> {
    gone(cx.iam.detach_role_policy().role_name(name).policy_arn(arn).send().await)
}

async fn delete_inline(cx: &Cx, name: &str, policy: &str) -> Result<(), Fault> {
    gone(cx.iam.delete_role_policy().role_name(name).policy_name(policy).send().await)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed() -> types::Role {
        types::Role::builder()
            .role_name("conf")
            .role_id("AROA1")
            .arn("arn:aws:iam::123456789012:role/app/conf")
            .path("/app/")
            .create_date(aws_smithy_types::DateTime::from_secs(0))
            .assume_role_policy_document("%7B%22Version%22%3A%222012-10-17%22%7D")
            .description("it")
            .max_session_duration(3600)
            .build()
            .unwrap()
    }

    #[test]
    fn the_two_lists_tell_everything_of_a_role() {
        let tag = types::Tag::builder().key("aws:x").value("1").build().unwrap();
        let detail = RoleDetail::builder()
            .role_name("conf")
            .tags(tag)
            .attached_managed_policies(
                AttachedPolicy::builder().policy_arn("arn:aws:iam::aws:policy/B").build(),
            )
            .attached_managed_policies(
                AttachedPolicy::builder().policy_arn("arn:aws:iam::aws:policy/A").build(),
            )
            .role_policy_list(
                PolicyDetail::builder().policy_name("p").policy_document("%7B%7D").build(),
            )
            .permissions_boundary(
                types::AttachedPermissionsBoundary::builder().permissions_boundary_arn("b").build(),
            );
        let live = join(listed(), detail.build());
        assert_eq!(
            serde_json::to_value(Role::spec(&live)).unwrap(),
            json!({
                "RoleName": "conf", "Path": "/app/", "Description": "it",
                "AssumeRolePolicyDocument": {"Version": "2012-10-17"},
                "ManagedPolicyArns": ["arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"],
                "MaxSessionDuration": 3600, "PermissionsBoundary": "b",
                "Policies": [{"PolicyName": "p", "PolicyDocument": {}}], "Tags": [],
            })
        );
        assert_eq!(Role::outputs(&live)["Arn"], "arn:aws:iam::123456789012:role/app/conf");
        assert_eq!(Role::readiness(&live), Readiness::Ready);
    }

    #[test]
    fn the_name_is_the_identity() {
        let spec = json!({"RoleName": "conf", "AssumeRolePolicyDocument": "{}"});
        let spec: Spec = serde_json::from_value(spec).unwrap();
        assert_eq!(spec.assume_role_policy_document, json!({}));
        assert_eq!(Role::natural_id(&spec), Some(PhysicalId::new("conf")));
    }

    #[test]
    fn only_an_open_name_leaves_the_identity_open() {
        let open = json!({"Fn::GetAtt": ["conf/other", "Arn"]});
        let id = |name: &Value| {
            let spec = json!({"RoleName": name, "AssumeRolePolicyDocument": {"Federated": open}});
            let role: &dyn crate::kind::AnyKind = &Role;
            role.natural_id(&spec)
        };
        assert_eq!(id(&json!("conf")), Some(PhysicalId::new("conf")));
        assert_eq!(id(&open), None);
        assert_eq!(id(&json!({"Fn::Join": ["", ["conf-", open]]})), None);
    }
}
