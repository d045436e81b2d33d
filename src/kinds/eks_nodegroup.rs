//! `AWS::EKS::Nodegroup`
//!
//! Longer than most kinds, for the same reason as `eks_cluster`.

use std::collections::BTreeSet;

use aws_sdk_eks::types::{
    self, AmiTypes, CapacityTypes, LaunchTemplateSpecification, NodegroupHealth,
    NodegroupIssueCode, NodegroupScalingConfig, NodegroupStatus, NodegroupUpdateConfig,
    NodegroupUpdateStrategies, RemoteAccessConfig, TaintEffect, UpdateLabelsPayload,
    UpdateTaintsPayload,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::ec2::gone;
use super::eks;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagMap};
use crate::fault::{Fault, Required, found};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Nodegroup;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cluster_name: String,
    nodegroup_name: String,
    node_role: String,
    subnets: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scaling_config: Option<ScalingConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_types: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ami_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capacity_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    disk_size: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    labels: Option<TagMap>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taints: Option<BTreeSet<Taint>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update_config: Option<UpdateConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node_repair_config: Option<NodeRepairConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    launch_template: Option<LaunchTemplate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    remote_access: Option<RemoteAccess>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    release_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    force_update_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<TagMap>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
struct ScalingConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    min_size: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_size: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    desired_size: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Taint {
    key: String,
    #[serde(default, deserialize_with = "de_not_empty", skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    effect: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_unavailable: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_unavailable_percentage: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    update_strategy: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NodeRepairConfig {
    enabled: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct LaunchTemplate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RemoteAccess {
    ec2_ssh_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_security_groups: Option<BTreeSet<String>>,
}

/// The rows that `UpdateNodegroupConfig` changes, beside `Labels`.
const CONFIG: &[&str] = &["ScalingConfig", "Taints", "UpdateConfig", "NodeRepairConfig"];
/// The rows that `UpdateNodegroupVersion` changes: these replace the nodes, one after the other.
const VERSION: &[&str] = &["Version", "ReleaseVersion", "LaunchTemplate"];

impl Kind for Nodegroup {
    type Spec = Spec;
    type Live = types::Nodegroup;

    const NAME: &'static str = "AWS::EKS::Nodegroup";
    const DOC: &'static str = "A managed node group: EC2 instances that join an EKS cluster. \
        It waits for an `ACTIVE` cluster and is `ACTIVE` itself once its first nodes have joined. \
        Leave `ScalingConfig.DesiredSize` out where an autoscaler sets it: it is then not managed, and a new group begins with `MinSize`. \
        It takes one update at a time; a new version drains and replaces every node. \
        Deletion drains the nodes; nothing blocks it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ClusterName", "The cluster that the nodes join.").when_ready(),
        Field::replaces("NodegroupName", "The name, unique in the cluster."),
        Field::replaces("NodeRole", "ARN of the role of the nodes.").when_ready(),
        Field::replaces("Subnets", "Subnets of the nodes.").set(),
        Field::updates(
            "ScalingConfig",
            "`MinSize`, `MaxSize` and, without an autoscaler, `DesiredSize`.",
        ),
        Field::replaces("InstanceTypes", "Instance types in the order of preference."),
        Field::replaces(
            "AmiType",
            "The type of the machine image, such as `AL2023_x86_64_STANDARD`.",
        ),
        Field::replaces("CapacityType", "`ON_DEMAND`, `SPOT` or `CAPACITY_BLOCK`."),
        Field::replaces("DiskSize", "The root volume's size in GiB; not with a launch template."),
        Field::updates("Labels", "Kubernetes labels of the nodes.").owned_keys(),
        Field::updates(
            "Taints",
            "Kubernetes taints of the nodes: `Key`, `Value`, `Effect` (`NO_SCHEDULE`, …).",
        )
        .set(),
        Field::updates(
            "UpdateConfig",
            "How many nodes an update may take away at once: `MaxUnavailable` or `MaxUnavailablePercentage`.",
        ),
        Field::updates("NodeRepairConfig", "Whether unhealthy nodes are repaired."),
        Field::updates(
            "LaunchTemplate",
            "The launch template of the nodes, by `Id` or `Name`, and its `Version`; a reference to its `LatestVersionNumber` follows its updates.",
        ),
        Field::replaces(
            "LaunchTemplate.Id",
            "Its id: EKS does not change over to another template.",
        ),
        Field::replaces(
            "LaunchTemplate.Name",
            "Its name: EKS does not change over to another template.",
        ),
        Field::replaces("RemoteAccess", "SSH access: `Ec2SshKey`, `SourceSecurityGroups`."),
        Field::updates(
            "Version",
            "The Kubernetes version of the nodes; the cluster's unless given.",
        ),
        Field::updates(
            "ReleaseVersion",
            "The release of the machine image; the latest unless given.",
        ),
        Field::updates(
            "ForceUpdateEnabled",
            "Whether an update goes on when a disruption budget keeps pods from being drained.",
        )
        .write_only(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("NodegroupName", "The name of the node group."),
        Output::with_id("ClusterName", "The name of the cluster."),
        Output::with_id("Id", "Cluster and name: `main/blue`."),
        Output::with_id("Arn", "The ARN of the node group."),
    ];
    const TAGGING: Tagging = Tagging::Map;
    const TYPICAL: Typical = Typical::seconds(130, 60, 210);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &types::Nodegroup) -> PhysicalId {
        let [cluster, name] = [live.cluster_name(), live.nodegroup_name()];
        PhysicalId::joined([cluster.unwrap_or_default(), name.unwrap_or_default()])
    }

    fn spec(live: &types::Nodegroup) -> Spec {
        let repair = live.node_repair_config().and_then(|repair| repair.enabled);
        Spec {
            cluster_name: live.cluster_name().unwrap_or_default().into(),
            nodegroup_name: live.nodegroup_name().unwrap_or_default().into(),
            node_role: live.node_role().unwrap_or_default().into(),
            subnets: live.subnets().iter().cloned().collect(),
            scaling_config: live.scaling_config().map(scaling),
            instance_types: live.instance_types.clone(),
            ami_type: live.ami_type().map(|it| it.as_str().into()),
            capacity_type: live.capacity_type().map(|it| it.as_str().into()),
            disk_size: live.disk_size,
            labels: Some(TagMap(eks::pairs(live.labels()))),
            taints: Some(live.taints().iter().map(taint).collect()),
            update_config: live.update_config().map(|config| UpdateConfig {
                max_unavailable: config.max_unavailable,
                max_unavailable_percentage: config.max_unavailable_percentage,
                update_strategy: config.update_strategy().map(|it| it.as_str().into()),
            }),
            node_repair_config: repair.map(|enabled| NodeRepairConfig { enabled }),
            launch_template: live.launch_template().map(|template| LaunchTemplate {
                id: template.id.clone(),
                name: template.name.clone(),
                version: template.version.clone(),
            }),
            remote_access: live.remote_access().and_then(remote_access),
            version: live.version.clone(),
            release_version: live.release_version.clone(),
            force_update_enabled: None,
            tags: Some(TagMap(eks::tags(live.tags()).0)),
        }
    }

    fn outputs(live: &types::Nodegroup) -> Outputs {
        let [cluster, name] = [live.cluster_name(), live.nodegroup_name()];
        let id = cluster.zip(name).map(|(cluster, name)| format!("{cluster}/{name}"));
        outputs([
            ("NodegroupName", name),
            ("ClusterName", cluster),
            ("Id", id.as_deref()),
            ("Arn", live.nodegroup_arn()),
        ])
    }

    fn readiness(live: &types::Nodegroup) -> Readiness {
        let issues = live.health().map(NodegroupHealth::issues).unwrap_or_default();
        let issues =
            issues.iter().map(|it| (it.code().map(NodegroupIssueCode::as_str), it.message()));
        let status = live.status().map_or("", NodegroupStatus::as_str);
        match live.status() {
            Some(NodegroupStatus::Active) => Readiness::Ready,
            Some(NodegroupStatus::Deleting) => Readiness::Deleting,
            Some(NodegroupStatus::CreateFailed | NodegroupStatus::DeleteFailed) => {
                Readiness::Failed(eks::reason(status, issues))
            }
            // A degraded group goes on trying: capacity may come back, quotas may be raised.
            _ => Readiness::Pending(eks::reason(status, issues).into()),
        }
    }

    fn owner(live: &types::Nodegroup) -> Option<Owner> {
        tags::owner(&eks::tags(live.tags()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::joined([&spec.cluster_name, &spec.nodegroup_name]))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::Nodegroup>, Fault> {
        let keys = eks::keys(cx, "nodegroup", wanted).await?;
        let asked = keys
            .into_iter()
            .map(|[cluster, name]| async move { describe(cx, &cluster, &name).await });
        eks::each(asked).await
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        cx.eks
            .create_nodegroup()
            .cluster_name(&spec.cluster_name)
            .nodegroup_name(&spec.nodegroup_name)
            .node_role(&spec.node_role)
            .set_subnets(Some(spec.subnets.iter().cloned().collect()))
            .set_scaling_config(
                spec.scaling_config
                    .as_ref()
                    .map(|scaling| scaling_request(scaling, scaling.min_size)),
            )
            .set_instance_types(spec.instance_types.clone())
            .set_ami_type(spec.ami_type.as_deref().map(AmiTypes::from))
            .set_capacity_type(spec.capacity_type.as_deref().map(CapacityTypes::from))
            .set_disk_size(spec.disk_size)
            .set_labels(spec.labels.as_ref().map(|labels| eks::tag_map(&labels.0)))
            .set_taints(
                spec.taints.as_ref().map(|taints| taints.iter().map(taint_request).collect()),
            )
            .set_update_config(spec.update_config.as_ref().map(update_request))
            .set_node_repair_config(spec.node_repair_config.as_ref().map(repair_request))
            .set_launch_template(spec.launch_template.as_ref().map(template_request))
            .set_remote_access(spec.remote_access.as_ref().map(remote_access_request))
            .set_version(spec.version.clone())
            .set_release_version(spec.release_version.clone())
            .set_tags(spec.tags.as_ref().map(|tags| eks::tag_map(&tags.0)))
            .client_request_token(&token.0)
            .send()
            .await?;
        Ok(Self::natural_id(spec).expect("two names give an id"))
    }

    /// Sends the first part that is not yet as desired, and is [busy](eks::busy) until no part is left.
    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        let (cluster, name) = (to.cluster_name.as_str(), to.nodegroup_name.as_str());
        let live = describe(cx, cluster, name).await?.ok_or_else(|| eks::absent(name))?;
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &to.tags);
            eks::retag(cx, live.nodegroup_arn().required("node group ARN")?, change).await?;
        }
        let current = Self::spec(&live);
        let labels = labels_payload(&current, &update);
        let config = eks::open(CONFIG, &current, &update);
        let version = eks::open(VERSION, &current, &update);
        let configures = labels.is_some() || !config.is_empty();
        if !configures && version.is_empty() {
            return Ok(());
        }
        if !matches!(live.status(), Some(NodegroupStatus::Active | NodegroupStatus::Degraded)) {
            return Err(eks::busy(name));
        }
        if configures {
            let call = cx.eks.update_nodegroup_config().cluster_name(cluster).nodegroup_name(name);
            let has = |row| config.contains(&row);
            call.set_labels(labels)
                .set_taints(has("Taints").then(|| taints_payload(&current, to)))
                .set_scaling_config(
                    to.scaling_config
                        .as_ref()
                        .filter(|_| has("ScalingConfig"))
                        .map(|scaling| scaling_request(scaling, moved(scaling, &current))),
                )
                .set_update_config(
                    to.update_config.as_ref().filter(|_| has("UpdateConfig")).map(update_request),
                )
                .set_node_repair_config(
                    to.node_repair_config
                        .as_ref()
                        .filter(|_| has("NodeRepairConfig"))
                        .map(repair_request),
                )
                .send()
                .await?;
        }
        match (configures, version.is_empty()) {
            (_, true) => Ok(()),
            (true, false) => Err(eks::busy(name)),
            (false, false) => {
                let has = |row| version.contains(&row);
                cx.eks
                    .update_nodegroup_version()
                    .cluster_name(cluster)
                    .nodegroup_name(name)
                    .set_version(to.version.clone().filter(|_| has("Version")))
                    .set_release_version(
                        to.release_version.clone().filter(|_| has("ReleaseVersion")),
                    )
                    .set_launch_template(
                        to.launch_template
                            .as_ref()
                            .filter(|_| has("LaunchTemplate"))
                            .map(template_request),
                    )
                    .set_force(to.force_update_enabled)
                    .send()
                    .await?;
                Ok(())
            }
        }
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let (cluster, name) = (&recorded.cluster_name, &recorded.nodegroup_name);
        let live = describe(cx, cluster, name).await?;
        if live.is_none_or(|live| live.status() == Some(&NodegroupStatus::Deleting)) {
            return Ok(());
        }
        gone(cx.eks.delete_nodegroup().cluster_name(cluster).nodegroup_name(name).send().await)
    }
}

async fn describe(cx: &Cx, cluster: &str, name: &str) -> Result<Option<types::Nodegroup>, Fault> {
    let call = cx.eks.describe_nodegroup().cluster_name(cluster).nodegroup_name(name);
    Ok(found(call.send().await)?.and_then(|answer| answer.nodegroup))
}

/// No value and an empty one are the same taint.
fn not_empty(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn de_not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::deserialize(deserializer).map(not_empty)
}

// From the answer to the spec.

fn scaling(live: &NodegroupScalingConfig) -> ScalingConfig {
    let NodegroupScalingConfig { min_size, max_size, desired_size, .. } = *live;
    ScalingConfig { min_size, max_size, desired_size }
}

fn taint(live: &types::Taint) -> Taint {
    Taint {
        key: live.key().unwrap_or_default().into(),
        value: not_empty(live.value.clone()),
        effect: live.effect().map_or("", TaintEffect::as_str).into(),
    }
}

fn remote_access(live: &RemoteAccessConfig) -> Option<RemoteAccess> {
    let groups = live.source_security_groups.as_ref();
    Some(RemoteAccess {
        ec2_ssh_key: live.ec2_ssh_key.clone()?,
        source_security_groups: groups.map(|groups| groups.iter().cloned().collect()),
    })
}

// From the spec to the call.

/// `desired` counts where the spec names no size.
fn scaling_request(scaling: &ScalingConfig, desired: Option<i32>) -> NodegroupScalingConfig {
    NodegroupScalingConfig::builder()
        .set_min_size(scaling.min_size)
        .set_max_size(scaling.max_size)
        .set_desired_size(scaling.desired_size.or(desired))
        .build()
}

/// The present size moved into new bounds, if it is outside: EKS does not do it by itself.
fn moved(scaling: &ScalingConfig, current: &Spec) -> Option<i32> {
    let present = current.scaling_config.as_ref()?.desired_size?;
    let low = scaling.min_size.map_or(present, |min| present.max(min));
    let within = scaling.max_size.map_or(low, |max| low.min(max));
    (within != present).then_some(within)
}

/// What turns the present labels into the desired ones; `None` if they are so already.
fn labels_payload(current: &Spec, update: &Update<'_, Spec>) -> Option<UpdateLabelsPayload> {
    if !update.has("Labels") {
        return None;
    }
    let present = &current.labels.as_ref()?.0;
    let mut change = tags::change_of(&update.from.labels, &update.to.labels);
    change.set.retain(|key, value| present.get(key) != Some(value));
    change.remove.retain(|key| present.contains_key(key));
    let tags::TagChange { set, remove } = change;
    let payload = UpdateLabelsPayload::builder()
        .set_add_or_update_labels((!set.is_empty()).then(|| eks::tag_map(&set)))
        .set_remove_labels((!remove.is_empty()).then_some(remove))
        .build();
    Some(payload).filter(|payload| *payload != UpdateLabelsPayload::builder().build())
}

fn taints_payload(current: &Spec, to: &Spec) -> UpdateTaintsPayload {
    let none = BTreeSet::new();
    let present = current.taints.as_ref().unwrap_or(&none);
    let wanted = to.taints.as_ref().unwrap_or(&none);
    // Key and effect are a taint's identity: one whose value alone changes is not removed.
    let stays = |taint: &Taint| {
        wanted.iter().any(|it| (&it.key, &it.effect) == (&taint.key, &taint.effect))
    };
    let add: Vec<_> = wanted.difference(present).map(taint_request).collect();
    let remove: Vec<_> = present.iter().filter(|it| !stays(it)).map(taint_request).collect();
    UpdateTaintsPayload::builder()
        .set_add_or_update_taints((!add.is_empty()).then_some(add))
        .set_remove_taints((!remove.is_empty()).then_some(remove))
        .build()
}

fn taint_request(taint: &Taint) -> types::Taint {
    types::Taint::builder()
        .key(&taint.key)
        .set_value(taint.value.clone())
        .effect(taint.effect.as_str().into())
        .build()
}

fn update_request(config: &UpdateConfig) -> NodegroupUpdateConfig {
    let strategy = config.update_strategy.as_deref().map(NodegroupUpdateStrategies::from);
    NodegroupUpdateConfig::builder()
        .set_max_unavailable(config.max_unavailable)
        .set_max_unavailable_percentage(config.max_unavailable_percentage)
        .set_update_strategy(strategy)
        .build()
}

fn repair_request(config: &NodeRepairConfig) -> types::NodeRepairConfig {
    types::NodeRepairConfig::builder().enabled(config.enabled).build()
}

fn template_request(template: &LaunchTemplate) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder()
        .set_id(template.id.clone())
        .set_name(template.name.clone())
        .set_version(template.version.clone())
        .build()
}

fn remote_access_request(access: &RemoteAccess) -> RemoteAccessConfig {
    let groups = access.source_security_groups.as_ref();
    RemoteAccessConfig::builder()
        .ec2_ssh_key(&access.ec2_ssh_key)
        .set_source_security_groups(groups.map(|groups| groups.iter().cloned().collect()))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn live() -> types::Nodegroup {
        let taint = types::Taint::builder().key("gpu").value("").effect(TaintEffect::NoSchedule);
        let scaling = NodegroupScalingConfig::builder().min_size(1).max_size(3).desired_size(2);
        types::Nodegroup::builder()
            .cluster_name("main")
            .nodegroup_name("blue")
            .node_role("arn:role")
            .status(NodegroupStatus::Active)
            .subnets("subnet-b")
            .subnets("subnet-a")
            .instance_types("m7g.large")
            .scaling_config(scaling.build())
            .taints(taint.build())
            .labels("tier", "app")
            .tags("aws:x", "1")
            .version("1.33")
            .build()
    }

    fn spec(changes: Value) -> Spec {
        let mut spec = serde_json::to_value(Nodegroup::spec(&live())).unwrap();
        let Value::Object(changes) = changes else { panic!("an object") };
        spec.as_object_mut().unwrap().extend(changes);
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_live_group_is_seen_in_full() {
        assert_eq!(
            serde_json::to_value(Nodegroup::spec(&live())).unwrap(),
            json!({
                "ClusterName": "main", "NodegroupName": "blue", "NodeRole": "arn:role",
                "Subnets": ["subnet-a", "subnet-b"], "InstanceTypes": ["m7g.large"],
                "ScalingConfig": {"MinSize": 1, "MaxSize": 3, "DesiredSize": 2},
                "Labels": {"tier": "app"}, "Taints": [{"Key": "gpu", "Effect": "NO_SCHEDULE"}],
                "Version": "1.33", "Tags": {},
            })
        );
        assert_eq!(Nodegroup::id(&live()), PhysicalId::joined(["main", "blue"]));
        assert_eq!(Nodegroup::natural_id(&spec(json!({}))), Some(Nodegroup::id(&live())));
        assert_eq!(Nodegroup::outputs(&live())["Id"], "main/blue");
    }

    #[test]
    fn issues_are_the_reason() {
        let issue = types::Issue::builder()
            .code(NodegroupIssueCode::AsgInstanceLaunchFailures)
            .message("no capacity");
        let mut group = live();
        group.health = Some(NodegroupHealth::builder().issues(issue.build()).build());
        let reason = |status: &str| format!("{status}; AsgInstanceLaunchFailures: no capacity");
        group.status = Some(NodegroupStatus::CreateFailed);
        assert_eq!(Nodegroup::readiness(&group), Readiness::Failed(reason("CREATE_FAILED")));
        group.status = Some(NodegroupStatus::Degraded);
        assert_eq!(Nodegroup::readiness(&group), Readiness::Pending(reason("DEGRADED").into()));
    }

    #[test]
    fn without_a_desired_size_a_group_begins_small_and_keeps_within_its_bounds() {
        let scaling = |min, max| ScalingConfig {
            min_size: Some(min),
            max_size: Some(max),
            desired_size: None,
        };
        let first = scaling(1, 5);
        assert_eq!(scaling_request(&first, first.min_size).desired_size, Some(1));
        let current = spec(json!({}));
        assert_eq!(moved(&scaling(1, 5), &current), None);
        assert_eq!(moved(&scaling(3, 5), &current), Some(3));
        assert_eq!(moved(&scaling(0, 1), &current), Some(1));
    }

    #[test]
    fn labels_send_what_is_not_yet_so() {
        let from = spec(json!({"Labels": {"tier": "app", "old": "1"}}));
        let to = spec(json!({"Labels": {"tier": "web"}}));
        let update = Update { from: &from, to: &to, changed: &["Labels"] };
        let payload = labels_payload(&from, &update).unwrap();
        assert_eq!(payload.add_or_update_labels().unwrap()["tier"], "web");
        assert_eq!(payload.remove_labels(), ["old"]);
        assert_eq!(labels_payload(&to, &update), None);
    }

    #[test]
    fn a_taint_with_another_value_is_not_removed() {
        assert_eq!(
            spec(json!({"Taints": [{"Key": "gpu", "Value": "", "Effect": "NO_SCHEDULE"}]})).taints,
            spec(json!({})).taints
        );
        let to = spec(json!({"Taints": [{"Key": "gpu", "Value": "a", "Effect": "NO_SCHEDULE"}]}));
        let payload = taints_payload(&spec(json!({})), &to);
        assert_eq!((payload.add_or_update_taints().len(), payload.remove_taints().len()), (1, 0));
        let payload = taints_payload(&spec(json!({})), &spec(json!({"Taints": []})));
        assert_eq!((payload.add_or_update_taints().len(), payload.remove_taints().len()), (0, 1));
    }
}
