//! `AWS::EKS::PodIdentityAssociation`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eks::types;
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2::{collect, gone};
use super::eks;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct PodIdentityAssociation;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cluster_name: String,
    namespace: String,
    service_account: String,
    role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disable_session_tags: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

impl Kind for PodIdentityAssociation {
    type Spec = Spec;
    type Live = types::PodIdentityAssociation;

    const NAME: &'static str = "AWS::EKS::PodIdentityAssociation";
    const DOC: &'static str = "Gives the pods of a Kubernetes service account an IAM role, by EKS Pod Identity. \
        It waits for an `ACTIVE` cluster; namespace and service account need not exist yet. \
        Pods that started before it are without the role until they start again. Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ClusterName", "The cluster of the service account.").when_ready(),
        Field::replaces("Namespace", "The Kubernetes namespace of the service account."),
        Field::replaces("ServiceAccount", "The name of the service account."),
        Field::updates(
            "RoleArn",
            "ARN of the role; its trust policy lets `pods.eks.amazonaws.com` assume it.",
        ),
        Field::updates(
            "TargetRoleArn",
            "ARN of a role that is assumed from the first one: in another account, mostly.",
        ),
        Field::updates(
            "DisableSessionTags",
            "Whether sessions go without tags for cluster, namespace and pod.",
        ),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AssociationArn", "The ARN of the association."),
        Output::with_id("AssociationId", "The id of the association (`a-…`)."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::PodIdentityAssociation) -> PhysicalId {
        let [cluster, namespace] = [live.cluster_name(), live.namespace()];
        PhysicalId::joined(
            [cluster, namespace, live.service_account()].map(Option::unwrap_or_default),
        )
    }

    fn spec(live: &types::PodIdentityAssociation) -> Spec {
        Spec {
            cluster_name: live.cluster_name().unwrap_or_default().into(),
            namespace: live.namespace().unwrap_or_default().into(),
            service_account: live.service_account().unwrap_or_default().into(),
            role_arn: live.role_arn().unwrap_or_default().into(),
            target_role_arn: live.target_role_arn.clone(),
            disable_session_tags: live.disable_session_tags,
            tags: Some(eks::tags(live.tags())),
        }
    }

    fn outputs(live: &types::PodIdentityAssociation) -> Outputs {
        outputs([
            ("AssociationArn", live.association_arn()),
            ("AssociationId", live.association_id()),
        ])
    }

    fn readiness(_: &types::PodIdentityAssociation) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::PodIdentityAssociation) -> Option<Owner> {
        tags::owner(&eks::tags(live.tags()).0)
    }

    /// What is unique in a cluster. Calls want the association's own id, which only a list tells.
    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.cluster_name, &spec.namespace, &spec.service_account]))
    }

    /// A list for each cluster, then a call for each association: the list has no roles and no tags.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::PodIdentityAssociation>, Fault> {
        let mut accounts: BTreeMap<&str, BTreeSet<[&str; 2]>> = BTreeMap::new();
        for lookup in wanted {
            if let Lookup::Id(id) = lookup
                && let Some([cluster, namespace, account]) = id.parts()
            {
                accounts.entry(cluster).or_default().insert([namespace, account]);
            }
        }
        let listed = accounts.into_iter().map(|(cluster, accounts)| async move {
            let pages = cx.eks.list_pod_identity_associations().cluster_name(cluster);
            let listed = found(collect(pages.into_paginator().items().send()).await)?;
            let asked_for = |it: &types::PodIdentityAssociationSummary| {
                let key = [it.namespace(), it.service_account()].map(Option::unwrap_or_default);
                accounts.contains(&key)
            };
            let ids = listed.into_iter().flatten().filter(asked_for).filter_map(key);
            Ok::<_, Fault>(ids.collect::<Vec<_>>())
        });
        let listed = try_join_all(listed).await?;
        let by_owner = eks::owned(cx, "podidentityassociation", wanted).await?;
        let by_owner = by_owner.into_iter().filter_map(|parts| <[String; 2]>::try_from(parts).ok());
        let keys: BTreeSet<[String; 2]> = listed.into_iter().flatten().chain(by_owner).collect();
        let asked = keys.into_iter().map(|[cluster, id]| async move {
            let call = cx.eks.describe_pod_identity_association().cluster_name(cluster);
            let answer = found(call.association_id(id).send().await)?;
            Ok(answer.and_then(|answer| answer.association))
        });
        eks::each(asked).await
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        cx.eks
            .create_pod_identity_association()
            .cluster_name(&spec.cluster_name)
            .namespace(&spec.namespace)
            .service_account(&spec.service_account)
            .role_arn(&spec.role_arn)
            .set_target_role_arn(spec.target_role_arn.clone())
            .set_disable_session_tags(spec.disable_session_tags)
            .set_tags(spec.tags.as_ref().map(|tags| eks::tag_map(&tags.0)))
            .client_request_token(&token.0)
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("three names give an id"))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let found = find(cx, to).await?.ok_or_else(|| eks::absent(id.as_str()))?;
        if ["RoleArn", "TargetRoleArn", "DisableSessionTags"].iter().any(|row| update.has(row)) {
            cx.eks
                .update_pod_identity_association()
                .cluster_name(&to.cluster_name)
                .set_association_id(found.association_id)
                .role_arn(&to.role_arn)
                .set_target_role_arn(to.target_role_arn.clone())
                .set_disable_session_tags(to.disable_session_tags)
                .send()
                .await?;
        }
        if update.has("Tags") {
            let arn = found.association_arn.required("association ARN")?;
            eks::retag(cx, &arn, tags::change_of(&from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let Some(found) = find(cx, recorded).await? else { return Ok(()) };
        let call = cx.eks.delete_pod_identity_association().cluster_name(&recorded.cluster_name);
        gone(call.set_association_id(found.association_id).send().await)
    }
}

/// Cluster and id of a listed association.
fn key(summary: types::PodIdentityAssociationSummary) -> Option<[String; 2]> {
    Some([summary.cluster_name?, summary.association_id?])
}

/// The association of a service account.
async fn find(cx: &Cx, spec: &Spec) -> Result<Option<types::PodIdentityAssociationSummary>, Fault> {
    let call = cx.eks.list_pod_identity_associations().cluster_name(&spec.cluster_name);
    let call = call.namespace(&spec.namespace).service_account(&spec.service_account);
    let listed = found(collect(call.into_paginator().items().send()).await)?;
    Ok(listed.into_iter().flatten().next())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cluster_namespace_and_account_are_the_identity() {
        let live = types::PodIdentityAssociation::builder()
            .cluster_name("main")
            .namespace("shop")
            .service_account("orders")
            .role_arn("arn:role")
            .association_id("a-1")
            .disable_session_tags(false)
            .tags("platctl:stack", "shop-dev")
            .build();
        let id = PhysicalId::joined(["main", "shop", "orders"]);
        assert_eq!(PodIdentityAssociation::id(&live), id);
        assert_eq!(PodIdentityAssociation::outputs(&live)["AssociationId"], "a-1");
        let spec = PodIdentityAssociation::spec(&live);
        assert_eq!(PodIdentityAssociation::natural_id(&spec), Some(id));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "ClusterName": "main", "Namespace": "shop", "ServiceAccount": "orders",
                "RoleArn": "arn:role", "DisableSessionTags": false,
                "Tags": [{"Key": "platctl:stack", "Value": "shop-dev"}],
            })
        );
    }
}
