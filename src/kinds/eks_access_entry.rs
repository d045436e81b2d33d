//! `AWS::EKS::AccessEntry`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types::{self, AssociatedAccessPolicy};
use serde::{Deserialize, Serialize};

use super::ec2::{collect, gone};
use super::eks;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required, found};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct AccessEntry;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cluster_name: String,
    principal_arn: String,
    #[serde(rename = "Type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kubernetes_groups: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_policies: Option<BTreeSet<AccessPolicy>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AccessPolicy {
    policy_arn: String,
    access_scope: AccessScope,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AccessScope {
    #[serde(rename = "Type")]
    kind: String,
    /// None where the scope is the cluster.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    namespaces: BTreeSet<String>,
}

#[derive(Debug)]
pub struct Live {
    entry: types::AccessEntry,
    policies: Option<Vec<AssociatedAccessPolicy>>,
}

impl Kind for AccessEntry {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EKS::AccessEntry";
    const DOC: &'static str = "Lets an IAM principal into an EKS cluster, with Kubernetes groups or access policies. \
        It needs an `ACTIVE` cluster whose authentication mode is not `CONFIG_MAP`, works at once, and nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ClusterName", "The cluster that is entered.").when_ready(),
        Field::replaces("PrincipalArn", "ARN of the role or user that enters."),
        Field::replaces(
            "Type",
            "`STANDARD`, or the type of node that the role is for (`EC2_LINUX`, …).",
        ),
        Field::updates("KubernetesGroups", "Kubernetes groups that the principal belongs to.")
            .set(),
        Field::updates("Username", "The Kubernetes user name; made from the ARN unless given."),
        Field::updates(
            "AccessPolicies",
            "EKS access policies, each with its scope: the cluster or some namespaces.",
        )
        .set()
        .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AccessEntryArn", "The ARN of the entry."),
        Output::with_id("PrincipalArn", "ARN of the principal."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        let [cluster, principal] = [live.entry.cluster_name(), live.entry.principal_arn()];
        PhysicalId::joined([cluster.unwrap_or_default(), principal.unwrap_or_default()])
    }

    fn spec(live: &Live) -> Spec {
        let Live { entry, policies } = live;
        Spec {
            cluster_name: entry.cluster_name().unwrap_or_default().into(),
            principal_arn: entry.principal_arn().unwrap_or_default().into(),
            kind: entry.r#type.clone(),
            kubernetes_groups: Some(entry.kubernetes_groups().iter().cloned().collect()),
            username: entry.username.clone(),
            access_policies: policies.as_ref().map(|all| all.iter().map(access_policy).collect()),
            tags: Some(eks::tags(entry.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let Live { entry, .. } = live;
        outputs([
            ("AccessEntryArn", entry.access_entry_arn()),
            ("PrincipalArn", entry.principal_arn()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&eks::tags(live.entry.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.cluster_name, &spec.principal_arn]))
    }

    /// The list tells principals only: a call for each entry.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut keys = BTreeSet::new();
        for lookup in wanted {
            if let Lookup::Id(id) = lookup
                && let Some([cluster, principal]) = id.parts()
            {
                keys.insert([cluster.to_owned(), principal.to_owned()]);
            }
        }
        // The ARN of an entry holds the cluster, but not the whole principal.
        let clusters: BTreeSet<String> = eks::owned(cx, "access-entry", wanted)
            .await?
            .into_iter()
            .filter_map(|parts| parts.into_iter().next())
            .collect();
        for cluster in clusters {
            let pages = cx.eks.list_access_entries().cluster_name(&cluster).into_paginator();
            let principals = found(collect(pages.items().send()).await)?.unwrap_or_default();
            keys.extend(principals.into_iter().map(|principal| [cluster.clone(), principal]));
        }
        let asked = keys.into_iter().map(|[cluster, principal]| async move {
            let entry = describe(cx, &cluster, &principal).await?;
            Ok(entry.map(|entry| Live { entry, policies: None }))
        });
        eks::each(asked).await
    }

    /// The description of an entry does not hold its policies: another call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if !compared.has("AccessPolicies") {
            return Ok(Some(live));
        }
        let pages = cx
            .eks
            .list_associated_access_policies()
            .set_cluster_name(live.entry.cluster_name.clone())
            .set_principal_arn(live.entry.principal_arn.clone())
            .into_paginator();
        let Some(pages) = found(collect(pages.send()).await)? else { return Ok(None) };
        let policies = pages.into_iter().filter_map(|page| page.associated_access_policies);
        Ok(Some(Live { policies: Some(policies.flatten().collect()), ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        cx.eks
            .create_access_entry()
            .cluster_name(&spec.cluster_name)
            .principal_arn(&spec.principal_arn)
            .set_type(spec.kind.clone())
            .set_kubernetes_groups(groups(spec))
            .set_username(spec.username.clone())
            .set_tags(spec.tags.as_ref().map(|tags| eks::tag_map(&tags.0)))
            .client_request_token(&token.0)
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("cluster and principal give an id"))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let (cluster, principal) = (to.cluster_name.as_str(), to.principal_arn.as_str());
        if update.has("KubernetesGroups") || update.has("Username") {
            cx.eks
                .update_access_entry()
                .cluster_name(cluster)
                .principal_arn(principal)
                .set_kubernetes_groups(groups(to).or_else(|| groups(from)))
                .set_username(to.username.clone().or_else(|| from.username.clone()))
                .send()
                .await?;
        }
        if update.has("AccessPolicies") {
            let (from, to) = (scopes(from), scopes(to));
            for (policy, scope) in to.iter().filter(|(policy, it)| from.get(*policy) != Some(it)) {
                cx.eks
                    .associate_access_policy()
                    .cluster_name(cluster)
                    .principal_arn(principal)
                    .policy_arn(*policy)
                    .access_scope(scope_request(scope))
                    .send()
                    .await?;
            }
            for policy in from.keys().filter(|policy| !to.contains_key(*policy)) {
                let call = cx.eks.disassociate_access_policy().cluster_name(cluster);
                gone(call.principal_arn(principal).policy_arn(*policy).send().await)?;
            }
        }
        if update.has("Tags") {
            let entry = describe(cx, cluster, principal).await?;
            let entry = entry.ok_or_else(|| eks::absent(principal))?;
            let change = tags::change_of(&from.tags, &to.tags);
            eks::retag(cx, entry.access_entry_arn().required("access entry ARN")?, change).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let call = cx.eks.delete_access_entry().cluster_name(&recorded.cluster_name);
        gone(call.principal_arn(&recorded.principal_arn).send().await)
    }
}

async fn describe(
    cx: &Cx,
    cluster: &str,
    principal: &str,
) -> Result<Option<types::AccessEntry>, Fault> {
    let call = cx.eks.describe_access_entry().cluster_name(cluster).principal_arn(principal);
    Ok(found(call.send().await)?.and_then(|answer| answer.access_entry))
}

fn access_policy(live: &AssociatedAccessPolicy) -> AccessPolicy {
    let scope = live.access_scope();
    let namespaces = scope.map(types::AccessScope::namespaces).unwrap_or_default();
    AccessPolicy {
        policy_arn: live.policy_arn().unwrap_or_default().into(),
        access_scope: AccessScope {
            kind: scope.and_then(|scope| scope.r#type()).map_or("", |it| it.as_str()).into(),
            namespaces: namespaces.iter().cloned().collect(),
        },
    }
}

fn groups(spec: &Spec) -> Option<Vec<String>> {
    spec.kubernetes_groups.as_ref().map(|groups| groups.iter().cloned().collect())
}

fn scopes(spec: &Spec) -> BTreeMap<&str, &AccessScope> {
    let policies = spec.access_policies.iter().flatten();
    policies.map(|policy| (policy.policy_arn.as_str(), &policy.access_scope)).collect()
}

fn scope_request(scope: &AccessScope) -> types::AccessScope {
    let namespaces: Vec<_> = scope.namespaces.iter().cloned().collect();
    types::AccessScope::builder()
        .r#type(scope.kind.as_str().into())
        .set_namespaces((!namespaces.is_empty()).then_some(namespaces))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_entry_is_seen_with_its_policies() {
        let entry = types::AccessEntry::builder()
            .cluster_name("main")
            .principal_arn("arn:aws:iam::123456789012:role/app/dev")
            .kubernetes_groups("viewers")
            .r#type("STANDARD")
            .build();
        let scope = types::AccessScope::builder()
            .r#type(types::AccessScopeType::Namespace)
            .namespaces("b")
            .namespaces("a");
        let policy =
            AssociatedAccessPolicy::builder().policy_arn("arn:p").access_scope(scope.build());
        let live = Live { entry, policies: Some(vec![policy.build()]) };
        let id = PhysicalId::joined(["main", "arn:aws:iam::123456789012:role/app/dev"]);
        assert_eq!(AccessEntry::id(&live), id);
        let spec = AccessEntry::spec(&live);
        assert_eq!(AccessEntry::natural_id(&spec), Some(id));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "ClusterName": "main", "PrincipalArn": "arn:aws:iam::123456789012:role/app/dev",
                "Type": "STANDARD", "KubernetesGroups": ["viewers"], "Tags": [],
                "AccessPolicies": [{
                    "PolicyArn": "arn:p",
                    "AccessScope": {"Type": "namespace", "Namespaces": ["a", "b"]},
                }],
            })
        );
    }

    #[test]
    fn a_scope_without_namespaces_sends_none() {
        let scope = AccessScope { kind: "cluster".into(), namespaces: BTreeSet::new() };
        assert_eq!(scope_request(&scope).namespaces, None);
        assert_eq!(serde_json::to_value(scope).unwrap(), json!({"Type": "cluster"}));
    }
}
