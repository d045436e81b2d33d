//! `AWS::EKS::Addon`

use std::collections::BTreeSet;

use aws_sdk_eks::types::{
    self, AddonHealth, AddonIssueCode, AddonNamespaceConfigRequest, AddonPodIdentityAssociations,
    AddonStatus, ResolveConflicts,
};
use futures::future::try_join_all;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::ec2::gone;
use super::{document, eks};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Addon;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cluster_name: String,
    addon_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    addon_version: Option<String>,
    #[serde(default, deserialize_with = "de_settings", skip_serializing_if = "Option::is_none")]
    configuration_values: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace_config: Option<NamespaceConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod_identity_associations: Option<BTreeSet<PodIdentity>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preserve_on_delete: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolve_conflicts: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_account_role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NamespaceConfig {
    namespace: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PodIdentity {
    service_account: String,
    role_arn: String,
}

#[derive(Debug)]
pub struct Live {
    addon: types::Addon,
    pods: BTreeSet<PodIdentity>,
}

/// The rows that `UpdateAddon` changes; the other ones only say how it, or a deletion, works.
const UPDATED: &[&str] =
    &["AddonVersion", "ConfigurationValues", "PodIdentityAssociations", "ServiceAccountRoleArn"];

impl Kind for Addon {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EKS::Addon";
    const DOC: &'static str = "An add-on that EKS installs and updates inside a cluster: the VPC CNI, CoreDNS, storage drivers. \
        It needs an `ACTIVE` cluster. One whose pods need nodes is `DEGRADED` until there are some; that state passes, and counts as pending. \
        Deletion removes its objects from the cluster, unless `PreserveOnDelete` is true; nothing blocks it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ClusterName", "The cluster that the add-on is installed in.").when_ready(),
        Field::replaces("AddonName", "The add-on's name, such as `vpc-cni`: one of its kind in a cluster."),
        Field::updates("AddonVersion", "The version; the default one for the cluster's unless given."),
        Field::updates("ConfigurationValues", "Settings by the add-on's own schema, as an object or as JSON text.").document(),
        Field::replaces("NamespaceConfig", "The namespace that it is installed in, instead of its usual one."),
        Field::updates("PodIdentityAssociations", "Roles of the add-on's service accounts, by EKS Pod Identity.").set(),
        Field::updates("PreserveOnDelete", "Whether a deletion leaves the add-on's objects in the cluster.").write_only(),
        Field::updates("ResolveConflicts", "What happens to objects changed by others: `NONE`, `OVERWRITE`, or in updates `PRESERVE`.").write_only(),
        Field::updates("ServiceAccountRoleArn", "The role of the add-on's service account, by OIDC."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AddonName", "The add-on's name."),
        Output::with_id("Arn", "The add-on's ARN."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(20, 40, 20);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        let [cluster, name] = [live.addon.cluster_name(), live.addon.addon_name()];
        PhysicalId::joined([cluster.unwrap_or_default(), name.unwrap_or_default()])
    }

    fn spec(live: &Live) -> Spec {
        let Live { addon, pods } = live;
        let namespace = addon.namespace_config().and_then(|config| config.namespace.clone());
        let configuration = addon.configuration_values.clone();
        Spec {
            cluster_name: addon.cluster_name().unwrap_or_default().into(),
            addon_name: addon.addon_name().unwrap_or_default().into(),
            addon_version: addon.addon_version.clone(),
            configuration_values: Some(settings(configuration.unwrap_or_default().into())),
            namespace_config: namespace.map(|namespace| NamespaceConfig { namespace }),
            pod_identity_associations: Some(pods.clone()),
            preserve_on_delete: None,
            resolve_conflicts: None,
            service_account_role_arn: addon.service_account_role_arn.clone(),
            tags: Some(eks::tags(addon.tags())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("AddonName", live.addon.addon_name()), ("Arn", live.addon.addon_arn())])
    }

    fn readiness(live: &Live) -> Readiness {
        let issues = live.addon.health().map(AddonHealth::issues).unwrap_or_default();
        let issues = issues.iter().map(|it| (it.code().map(AddonIssueCode::as_str), it.message()));
        let status = live.addon.status().map_or("", AddonStatus::as_str);
        match live.addon.status() {
            Some(AddonStatus::Active) => Readiness::Ready,
            Some(AddonStatus::Deleting) => Readiness::Deleting,
            Some(
                AddonStatus::CreateFailed | AddonStatus::UpdateFailed | AddonStatus::DeleteFailed,
            ) => Readiness::Failed(eks::reason(status, issues)),
            _ => Readiness::Pending(eks::reason(status, issues).into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&eks::tags(live.addon.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.cluster_name, &spec.addon_name]))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let keys = eks::keys(cx, "addon", wanted).await?;
        let asked =
            keys.into_iter().map(|[cluster, name]| async move { live(cx, &cluster, &name).await });
        eks::each(asked).await
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        // `PRESERVE` has a meaning for updates only, and a creation refuses it.
        let conflicts = spec.resolve_conflicts.as_deref().map(ResolveConflicts::from);
        let namespace = spec.namespace_config.as_ref().map(|config| {
            AddonNamespaceConfigRequest::builder().namespace(&config.namespace).build()
        });
        cx.eks
            .create_addon()
            .cluster_name(&spec.cluster_name)
            .addon_name(&spec.addon_name)
            .set_addon_version(spec.addon_version.clone())
            .set_configuration_values(spec.configuration_values.as_ref().map(document::to_text))
            .set_namespace_config(namespace)
            .set_pod_identity_associations(pods_request(spec))
            .set_resolve_conflicts(conflicts.filter(|it| *it != ResolveConflicts::Preserve))
            .set_service_account_role_arn(spec.service_account_role_arn.clone())
            .set_tags(spec.tags.as_ref().map(|tags| eks::tag_map(&tags.0)))
            .client_request_token(&token.0)
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("two names give an id"))
    }

    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        let (cluster, name) = (to.cluster_name.as_str(), to.addon_name.as_str());
        let addon = describe(cx, cluster, name).await?.ok_or_else(|| eks::absent(name))?;
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &to.tags);
            eks::retag(cx, addon.addon_arn().required("add-on ARN")?, change).await?;
        }
        if UPDATED.iter().any(|row| update.has(row)) {
            // All that is desired, not only what changed: what the call leaves out may fall back to a default.
            cx.eks
                .update_addon()
                .cluster_name(cluster)
                .addon_name(name)
                .set_addon_version(to.addon_version.clone())
                .set_configuration_values(to.configuration_values.as_ref().map(document::to_text))
                .set_pod_identity_associations(pods_request(to))
                .set_resolve_conflicts(to.resolve_conflicts.as_deref().map(Into::into))
                .set_service_account_role_arn(to.service_account_role_arn.clone())
                .send()
                .await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let (cluster, name) = (&recorded.cluster_name, &recorded.addon_name);
        let addon = describe(cx, cluster, name).await?;
        if addon.is_none_or(|addon| addon.status() == Some(&AddonStatus::Deleting)) {
            return Ok(());
        }
        let call = cx.eks.delete_addon().cluster_name(cluster).addon_name(name);
        gone(call.set_preserve(recorded.preserve_on_delete).send().await)
    }
}

/// Settings, whether written as text or as an object; none are an empty object.
fn settings(values: Value) -> Value {
    match document::parsed(values) {
        Value::String(text) if text.is_empty() => Value::Object(Map::new()),
        values => values,
    }
}

fn de_settings<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(settings))
}

async fn describe(cx: &Cx, cluster: &str, name: &str) -> Result<Option<types::Addon>, Fault> {
    let call = cx.eks.describe_addon().cluster_name(cluster).addon_name(name);
    Ok(found(call.send().await)?.and_then(|answer| answer.addon))
}

async fn live(cx: &Cx, cluster: &str, name: &str) -> Result<Option<Live>, Fault> {
    let Some(addon) = describe(cx, cluster, name).await? else { return Ok(None) };
    // An add-on tells its associations by their ARNs alone.
    let asked = addon.pod_identity_associations().iter().map(|arn| async move {
        let id = arn.rsplit('/').next().unwrap_or_default();
        let call = cx.eks.describe_pod_identity_association().cluster_name(cluster);
        let answer = found(call.association_id(id).send().await)?;
        Ok::<_, Fault>(answer.and_then(|answer| answer.association))
    });
    let pods = try_join_all(asked).await?.into_iter().flatten().filter_map(|association| {
        let (service_account, role_arn) = (association.service_account?, association.role_arn?);
        Some(PodIdentity { service_account, role_arn })
    });
    let pods = pods.collect();
    Ok(Some(Live { addon, pods }))
}

fn pods_request(spec: &Spec) -> Option<Vec<AddonPodIdentityAssociations>> {
    let request = |pod: &PodIdentity| {
        AddonPodIdentityAssociations::builder()
            .service_account(&pod.service_account)
            .role_arn(&pod.role_arn)
            .build()
            .expect("a service account and a role")
    };
    spec.pod_identity_associations.as_ref().map(|pods| pods.iter().map(request).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(status: AddonStatus) -> Live {
        let issue = types::AddonIssue::builder()
            .code(AddonIssueCode::InsufficientNumberOfReplicas)
            .message("no node");
        let addon = types::Addon::builder()
            .cluster_name("main")
            .addon_name("coredns")
            .addon_version("v1.12.3-eksbuild.1")
            .configuration_values("{\"replicaCount\": 3}")
            .health(AddonHealth::builder().issues(issue.build()).build())
            .status(status);
        let pod = PodIdentity { service_account: "dns".into(), role_arn: "arn:role".into() };
        Live { addon: addon.build(), pods: [pod].into() }
    }

    #[test]
    fn a_live_addon_is_seen_in_full() {
        let live = live(AddonStatus::Active);
        let spec = Addon::spec(&live);
        assert_eq!(Addon::natural_id(&spec), Some(Addon::id(&live)));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "ClusterName": "main", "AddonName": "coredns", "AddonVersion": "v1.12.3-eksbuild.1",
                "ConfigurationValues": {"replicaCount": 3},
                "PodIdentityAssociations": [{"ServiceAccount": "dns", "RoleArn": "arn:role"}],
                "Tags": [],
            })
        );
    }

    #[test]
    fn degraded_passes_and_failed_stays() {
        let reason = |status: &str| format!("{status}; InsufficientNumberOfReplicas: no node");
        let readiness = |status| Addon::readiness(&live(status));
        assert_eq!(readiness(AddonStatus::Degraded), Readiness::Pending(reason("DEGRADED").into()));
        let failed = reason("CREATE_FAILED");
        assert_eq!(readiness(AddonStatus::CreateFailed), Readiness::Failed(failed));
        assert_eq!(readiness(AddonStatus::Active), Readiness::Ready);
    }

    #[test]
    fn settings_are_the_same_as_text_and_as_an_object() {
        let settings = |values: Value| {
            let spec = json!({"ClusterName": "a", "AddonName": "b", "ConfigurationValues": values});
            serde_json::from_value::<Spec>(spec).unwrap().configuration_values
        };
        assert_eq!(settings(json!("{\"a\": 1}")), settings(json!({"a": 1})));
        assert_eq!(settings(json!("a: 1")), Some(json!("a: 1")), "YAML stays as it is");
        assert_eq!(settings(json!("")), Some(json!({})));
        assert_eq!(settings(Value::Null), None);
    }
}
