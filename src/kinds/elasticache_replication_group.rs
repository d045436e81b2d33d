//! `AWS::ElastiCache::ReplicationGroup`: what it is, how it is made and how it is seen; how it is changed stands in
//! `elasticache_change`. Long because the type has some thirty properties, each of them in the spec, in the field table,
//! in the reading half and in the call that creates it.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticache::primitives::DateTime;
use aws_sdk_elasticache::types::{
    self, AutomaticFailoverStatus, CacheCluster, ClusterMode, DataTieringStatus, DestinationType,
    Endpoint, IpDiscovery, LogDeliveryConfigurationStatus, LogFormat, LogType, MultiAzStatus,
    NetworkType, PendingAutomaticFailoverStatus, TransitEncryptionMode,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::elasticache;
use super::elasticache_change::{self, Step};
use super::reply::{collect, gone, present};
use super::scalar::{LowerCase, Number};
use super::secret_reference::{Resolved, SecretReference};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder,
    TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct ReplicationGroup;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_rest_encryption_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auth_token: Option<SecretReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) auto_minor_version_upgrade: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) automatic_failover_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_node_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_parameter_group_name: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_subnet_group_name: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_tiering_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) engine_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip_discovery: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log_delivery_configurations: Option<BTreeSet<LogDelivery>>,
    #[serde(rename = "MultiAZEnabled", skip_serializing_if = "Option::is_none")]
    pub(super) multi_az_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notification_topic_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_cache_clusters: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) num_node_groups: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preferred_maintenance_window: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replicas_per_node_group: Option<Number>,
    pub(super) replication_group_description: String,
    pub(super) replication_group_id: LowerCase,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) security_group_ids: Option<BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot_arns: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot_retention_limit: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) snapshot_window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transit_encryption_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transit_encryption_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_group_ids: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogDelivery {
    pub(super) log_type: String,
    pub(super) destination_type: String,
    pub(super) destination_details: Destination,
    pub(super) log_format: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cloud_watch_logs_details: Option<LogGroup>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) kinesis_firehose_details: Option<Stream>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct LogGroup {
    pub(super) log_group: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Stream {
    pub(super) delivery_stream: String,
}

#[derive(Debug)]
pub struct Live {
    group: types::ReplicationGroup,
    /// One of its clusters, which all have the same settings. Engine version, parameter group, subnet group, security
    /// groups, topic and maintenance window stand there and not in the group.
    member: Option<CacheCluster>,
    tags: Tags,
}

impl Kind for ReplicationGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElastiCache::ReplicationGroup";
    const DOC: &'static str = "A Valkey or Redis cache: a primary node with replicas, or several such shards. \
        It works once all of its nodes do. With `NumNodeGroups` it is a cluster of shards, each with \
        `ReplicasPerNodeGroup` replicas; with `NumCacheClusters` it is one primary and its replicas. Both counts change \
        online, shards as well: their slots are moved while it serves.\n\n\
        `AuthToken` names a secret: `{{resolve:secretsmanager:<name or ARN>:SecretString:<json key>}}`, whose value is \
        fetched at the moment it is sent and stands in no plan and no state. Another reference rotates the token; the \
        one before stays valid until the next rotation. A value that changes inside the secret is not noticed.\n\n\
        Every change is applied immediately. ElastiCache takes one change at a time, so an update is sent in steps, and \
        waits between them: more replicas and shards first, fewer last. Encryption in transit is switched on, and made \
        `required`, in two of those steps. With `AutoMinorVersionUpgrade` the version rises in the maintenance window: a \
        higher one than asked for is no drift. Keys are compared as ElastiCache tells them: name a key by its ARN.\n\n\
        Deletion waits for a change or a snapshot that is under way. The policy `Snapshot` leaves a final snapshot \
        `<id>-final-<hash>`.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("AtRestEncryptionEnabled", "Whether what it writes to disks is encrypted."),
        Field::updates("AuthToken", "The secret that clients present, as a reference to it.")
            .write_only(),
        Field::updates(
            "AutoMinorVersionUpgrade",
            "Whether ElastiCache upgrades minor versions by itself.",
        ),
        Field::updates(
            "AutomaticFailoverEnabled",
            "Whether a replica takes over from a primary that fails; shards always do.",
        ),
        Field::updates("CacheNodeType", "The machine: `cache.m7g.large`."),
        Field::updates("CacheParameterGroupName", "The settings of the engine."),
        Field::replaces("CacheSubnetGroupName", "The subnets in which its nodes may stand."),
        Field::updates("ClusterMode", "`enabled`, `disabled`, or `compatible` on the way."),
        Field::replaces("DataTieringEnabled", "Whether cold data moves to local disks (`r6gd`)."),
        Field::updates("Engine", "`valkey` or `redis`, which can become `valkey`."),
        Field::updates("EngineVersion", "`8.0`, or `7.1`.").at_least(),
        Field::updates("IpDiscovery", "What names resolve to: `ipv4` or `ipv6`."),
        Field::replaces("KmsKeyId", "The ARN of the key that encrypts its disks."),
        Field::updates("LogDeliveryConfigurations", "Where slow log and engine log go.").set(),
        Field::updates("MultiAZEnabled", "Whether replicas stand in other zones than primaries."),
        Field::replaces("NetworkType", "`ipv4`, `ipv6` or `dual_stack`."),
        Field::updates("NotificationTopicArn", "The topic that hears of its events."),
        Field::updates("NumCacheClusters", "Nodes without shards: one primary, the rest replicas."),
        Field::updates("NumNodeGroups", "The number of shards."),
        // It never changes, and is not told before the group works.
        Field::replaces("Port", "The port on which it listens.").write_only(),
        Field::updates(
            "PreferredMaintenanceWindow",
            "When ElastiCache may work on it, UTC: `sun:04:00-sun:05:00`.",
        ),
        Field::updates("ReplicasPerNodeGroup", "Replicas in each shard."),
        Field::updates("ReplicationGroupDescription", "What it is for."),
        Field::replaces("ReplicationGroupId", "The name; ElastiCache keeps it in lower case."),
        Field::updates("SecurityGroupIds", "The security groups.").set(),
        Field::replaces("SnapshotArns", "Files in S3 that it starts with.").write_only(),
        Field::replaces("SnapshotName", "The snapshot that it starts with.").write_only(),
        Field::updates(
            "SnapshotRetentionLimit",
            "Days that daily snapshots are kept; 0 switches them off.",
        ),
        Field::updates("SnapshotWindow", "When they are made, UTC: `03:00-04:00`."),
        TAGS,
        Field::updates("TransitEncryptionEnabled", "Whether its connections are encrypted."),
        Field::updates(
            "TransitEncryptionMode",
            "`required`, or `preferred` while clients change over.",
        ),
        Field::updates("UserGroupIds", "The user groups that may sign in.").set(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("ReplicationGroupId", "The name of the group."),
        Output::with_id("Arn", "The ARN of the group."),
        Output::when_ready("PrimaryEndPoint.Address", "The host name to write to, without shards."),
        Output::when_ready("PrimaryEndPoint.Port", "The port of that host."),
        Output::when_ready("ReaderEndPoint.Address", "The host name to read from, without shards."),
        Output::when_ready("ReaderEndPoint.Port", "The port of that host."),
        Output::when_ready(
            "ConfigurationEndPoint.Address",
            "The host name that clients of a cluster of shards ask for its nodes.",
        ),
        Output::when_ready("ConfigurationEndPoint.Port", "The port of that host."),
        Output::when_ready(
            "ReadEndPoint.Addresses",
            "The host names of all nodes, without shards, separated by commas.",
        ),
        Output::when_ready("ReadEndPoint.Ports", "Their ports, in the same order."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(420, 240, 240);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    const LOSS: Loss = Loss::Data;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.replication_group_id().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let (group, member) = (&live.group, live.member.as_ref());
        // What a modification has asked for and is not there yet counts as done.
        let pending = group.pending_modified_values();
        let of_member = member.and_then(|member| member.pending_modified_values());
        let text = |text: Option<&str>| text.map(str::to_owned);
        let lower = |text: Option<&str>| text.map(LowerCase::new);
        let shards = group.node_groups();
        let replicas = shards.iter().map(|shard| shard.node_group_members().len()).min();
        Spec {
            at_rest_encryption_enabled: group.at_rest_encryption_enabled,
            auth_token: None,
            auto_minor_version_upgrade: group.auto_minor_version_upgrade,
            automatic_failover_enabled: failover(group),
            cache_node_type: text(
                of_member.and_then(|pending| pending.cache_node_type()).or(group.cache_node_type()),
            ),
            cache_parameter_group_name: lower(
                member.and_then(|member| {
                    member.cache_parameter_group()?.cache_parameter_group_name()
                }),
            ),
            cache_subnet_group_name: lower(
                member.and_then(|member| member.cache_subnet_group_name()),
            ),
            cluster_mode: pending
                .and_then(|pending| pending.cluster_mode())
                .or(group.cluster_mode())
                .map(|mode| ClusterMode::as_str(mode).to_owned()),
            data_tiering_enabled: group
                .data_tiering()
                .map(|tiering| *tiering == DataTieringStatus::Enabled),
            engine: lower(group.engine().or(member.and_then(|member| member.engine()))),
            engine_version: text(
                of_member
                    .and_then(|pending| pending.engine_version())
                    .or(member.and_then(|member| member.engine_version())),
            ),
            ip_discovery: text(group.ip_discovery().map(IpDiscovery::as_str)),
            kms_key_id: text(group.kms_key_id()),
            log_delivery_configurations: Some(log_deliveries(group)),
            multi_az_enabled: group.multi_az().map(|status| *status == MultiAzStatus::Enabled),
            network_type: text(group.network_type().map(NetworkType::as_str)),
            notification_topic_arn: text(
                member
                    .and_then(|member| member.notification_configuration())
                    .filter(|topic| topic.topic_status() != Some("inactive"))
                    .and_then(|topic| topic.topic_arn()),
            ),
            num_cache_clusters: count(group.member_clusters().len()),
            num_node_groups: count(shards.len()),
            port: None,
            preferred_maintenance_window: lower(
                member.and_then(|member| member.preferred_maintenance_window()),
            ),
            // One of the members is the primary.
            replicas_per_node_group: replicas.and_then(|members| count(members.saturating_sub(1))),
            replication_group_description: group.description().unwrap_or_default().into(),
            replication_group_id: LowerCase::new(group.replication_group_id().unwrap_or_default()),
            security_group_ids: member.map(|member| {
                let groups = member.security_groups().iter();
                let staying = groups.filter(|group| group.status() != Some("removing"));
                staying.filter_map(|group| group.security_group_id.clone()).collect()
            }),
            snapshot_arns: None,
            snapshot_name: None,
            snapshot_retention_limit: group.snapshot_retention_limit.map(Number),
            snapshot_window: text(group.snapshot_window()),
            tags: Some(live.tags.clone()),
            transit_encryption_enabled: pending
                .and_then(|pending| pending.transit_encryption_enabled)
                .or(group.transit_encryption_enabled),
            transit_encryption_mode: pending
                .and_then(|pending| pending.transit_encryption_mode())
                .or(group.transit_encryption_mode())
                .map(|mode| TransitEncryptionMode::as_str(mode).to_owned()),
            user_group_ids: Some(user_groups(group)),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let group = &live.group;
        let whole = Some(group.node_groups()).filter(|_| group.cluster_enabled != Some(true));
        let shard = whole.and_then(|shards| shards.first());
        let primary = shard.and_then(|shard| shard.primary_endpoint());
        let reader = shard.and_then(|shard| shard.reader_endpoint());
        let members = shard.map(types::NodeGroup::node_group_members).unwrap_or_default();
        let nodes: Vec<&Endpoint> =
            members.iter().filter_map(|member| member.read_endpoint()).collect();
        let addresses: Vec<&str> = nodes.iter().filter_map(|node| node.address()).collect();
        let ports: Vec<String> =
            nodes.iter().filter_map(|node| Some(node.port?.to_string())).collect();
        let listed = |list: String| Some(list).filter(|list| !list.is_empty());
        outputs([
            ("ReplicationGroupId", group.replication_group_id()),
            ("Arn", group.arn()),
            ("PrimaryEndPoint.Address", primary.and_then(|endpoint| endpoint.address())),
            ("PrimaryEndPoint.Port", port(primary).as_deref()),
            ("ReaderEndPoint.Address", reader.and_then(|endpoint| endpoint.address())),
            ("ReaderEndPoint.Port", port(reader).as_deref()),
            (
                "ConfigurationEndPoint.Address",
                group.configuration_endpoint().and_then(|endpoint| endpoint.address()),
            ),
            ("ConfigurationEndPoint.Port", port(group.configuration_endpoint()).as_deref()),
            ("ReadEndPoint.Addresses", listed(addresses.join(",")).as_deref()),
            ("ReadEndPoint.Ports", listed(ports.join(",")).as_deref()),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.group.status().unwrap_or("creating") {
            // It serves as always while a snapshot is made.
            "available" | "snapshotting" => Readiness::Ready,
            "deleting" => Readiness::Deleting,
            "create-failed" => Readiness::Failed("create-failed".into()),
            other => Readiness::Pending(other.to_owned().into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.replication_group_id))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = elasticache::names(wanted);
        let found = find(cx, &names).await?;
        let found = tagging::indexed(cx, found, |(group, _)| group.arn.clone()).await?.into_iter();
        Ok(found.map(|((group, member), tags)| Live { group, member, tags }).collect())
    }

    /// Tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, member, tags: indexed } = live;
        let tags = elasticache::tags(cx, group.arn(), indexed, &compared).await?;
        Ok(tags.map(|tags| Live { group, member, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let auth_token = elasticache_change::auth_token(cx, spec).await?;
        cx.elasticache
            .create_replication_group()
            .set_at_rest_encryption_enabled(spec.at_rest_encryption_enabled)
            .set_auth_token(auth_token.as_ref().map(Resolved::reveal))
            .set_auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
            .set_automatic_failover_enabled(spec.automatic_failover_enabled)
            .set_cache_node_type(spec.cache_node_type.clone())
            .set_cache_parameter_group_name(spec.cache_parameter_group_name.clone().map(Into::into))
            .set_cache_subnet_group_name(spec.cache_subnet_group_name.clone().map(Into::into))
            .set_cluster_mode(spec.cluster_mode.as_deref().map(Into::into))
            .set_data_tiering_enabled(spec.data_tiering_enabled)
            .set_engine(spec.engine.clone().map(Into::into))
            .set_engine_version(spec.engine_version.clone())
            .set_ip_discovery(spec.ip_discovery.as_deref().map(Into::into))
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_log_delivery_configurations(
                spec.log_delivery_configurations
                    .as_ref()
                    .map(|all| all.iter().map(elasticache_change::deliver).collect()),
            )
            .set_multi_az_enabled(spec.multi_az_enabled)
            .set_network_type(spec.network_type.as_deref().map(Into::into))
            .set_notification_topic_arn(spec.notification_topic_arn.clone())
            .set_num_cache_clusters(spec.num_cache_clusters.map(Into::into))
            .set_num_node_groups(spec.num_node_groups.map(Into::into))
            .set_port(spec.port.map(Into::into))
            .set_preferred_maintenance_window(
                spec.preferred_maintenance_window.clone().map(Into::into),
            )
            .set_replicas_per_node_group(spec.replicas_per_node_group.map(Into::into))
            .replication_group_description(&spec.replication_group_description)
            .replication_group_id(&*spec.replication_group_id)
            .set_security_group_ids(spec.security_group_ids.as_ref().map(elasticache_change::list))
            .set_snapshot_arns(spec.snapshot_arns.clone())
            .set_snapshot_name(spec.snapshot_name.clone())
            .set_snapshot_retention_limit(spec.snapshot_retention_limit.map(Into::into))
            .set_snapshot_window(spec.snapshot_window.clone())
            .set_tags(elasticache::tag_list(spec.tags.as_ref()))
            .set_transit_encryption_enabled(spec.transit_encryption_enabled)
            .set_transit_encryption_mode(spec.transit_encryption_mode.as_deref().map(Into::into))
            .set_user_group_ids(spec.user_group_ids.as_ref().map(elasticache_change::list))
            .send()
            .await?;
        Ok(PhysicalId::new(&*spec.replication_group_id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        // First, because what is being modified takes no tags either, and a repeat is harmless.
        if update.has("Tags") {
            let arn = elasticache::arn(cx, "replicationgroup", id.as_str()).await?;
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            elasticache::retag(cx, &arn, change).await?;
        }
        let found = find(cx, &[id.as_str()].into()).await?.pop();
        let (group, member) = found.ok_or_else(|| {
            Fault::new(Class::NotFound, format!("replication group {id} is not there"))
        })?;
        let shards = group.node_groups().iter().filter_map(|shard| shard.node_group_id.clone());
        let mut shards: Vec<String> = shards.collect();
        shards.sort();
        let status = group.status().unwrap_or_default().to_owned();
        let live = Self::spec(&Live { group, member, tags: Tags::default() });
        // From what is there now: after one step the engine comes back for the next one.
        let steps: Vec<Step> = elasticache_change::steps(&live, &shards, update.to, update.changed);
        let Some((step, later)) = steps.split_first() else { return Ok(()) };
        if status != "available" {
            return Err(Fault::new(Class::Busy, format!("replication group {id} is {status}")));
        }
        elasticache_change::send(cx, id, step, update.to).await?;
        match later.len() {
            0 => Ok(()),
            count => Err(Fault::new(
                Class::Busy,
                format!("replication group {id} takes one change at a time: {count} are waiting"),
            )),
        }
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        _: &Spec,
        policy: DeletionPolicy,
    ) -> Result<(), Fault> {
        let asked = cx.elasticache.describe_replication_groups().replication_group_id(id.as_str());
        let Some(reply) = present(asked.send().await)? else { return Ok(()) };
        let Some(group) = reply.replication_groups().first() else { return Ok(()) };
        if group.status() == Some("deleting") {
            return Ok(());
        }
        let delete = cx.elasticache.delete_replication_group().replication_group_id(id.as_str());
        gone(delete.set_final_snapshot_identifier(final_snapshot(group, policy)).send().await)
    }
}

/// The groups of those names that exist, each with one of its member clusters.
///
/// For one name a call for it and one for a member; for several two lists that answer for all of them.
async fn find(
    cx: &Cx,
    names: &BTreeSet<&str>,
) -> Result<Vec<(types::ReplicationGroup, Option<CacheCluster>)>, Fault> {
    let asked = cx.elasticache.describe_replication_groups();
    let asked = asked.set_replication_group_id(elasticache::only(names)).into_paginator();
    let mut groups = present(collect(asked.items().send()).await)?.unwrap_or_default();
    groups.retain(|group| group.replication_group_id().is_some_and(|id| names.contains(id)));
    let member = match groups.as_slice() {
        [] => return Ok(Vec::new()),
        [group] => group.member_clusters().first().cloned(),
        _ => None,
    };
    let asked = cx.elasticache.describe_cache_clusters().set_cache_cluster_id(member);
    let asked = asked.show_cache_node_info(true).into_paginator();
    let members = present(collect(asked.items().send()).await)?.unwrap_or_default();
    let mut by_group = BTreeMap::new();
    for member in members {
        if let Some(group) = member.replication_group_id.clone() {
            by_group.entry(group).or_insert(member);
        }
    }
    let with_member = |group: types::ReplicationGroup| {
        let member = group.replication_group_id().and_then(|id| by_group.remove(id));
        (group, member)
    };
    Ok(groups.into_iter().map(with_member).collect())
}

fn failover(group: &types::ReplicationGroup) -> Option<bool> {
    let pending = group.pending_modified_values();
    let pending = pending.and_then(|pending| pending.automatic_failover_status());
    match (pending, group.automatic_failover()) {
        (Some(status), _) => Some(*status == PendingAutomaticFailoverStatus::Enabled),
        (None, status) => status.map(|status| {
            [AutomaticFailoverStatus::Enabled, AutomaticFailoverStatus::Enabling].contains(status)
        }),
    }
}

fn user_groups(group: &types::ReplicationGroup) -> BTreeSet<String> {
    let mut ids: BTreeSet<String> = group.user_group_ids().iter().cloned().collect();
    let pending = group.pending_modified_values().and_then(|pending| pending.user_groups());
    if let Some(pending) = pending {
        ids.extend(pending.user_group_ids_to_add().iter().cloned());
        ids.retain(|id| !pending.user_group_ids_to_remove().contains(id));
    }
    ids
}

fn log_deliveries(group: &types::ReplicationGroup) -> BTreeSet<LogDelivery> {
    let pending = group.pending_modified_values();
    let pending = pending
        .map(types::ReplicationGroupPendingModifiedValues::log_delivery_configurations)
        .unwrap_or_default();
    let leaving = Some(&LogDeliveryConfigurationStatus::Disabling);
    let settled = group.log_delivery_configurations().iter().filter(|log| log.status() != leaving);
    // There is one delivery of a log; what is on its way replaces what was.
    let mut by_log: BTreeMap<&str, LogDelivery> = BTreeMap::new();
    for log in settled {
        let details = log.destination_details();
        let all = (log.log_type(), log.destination_type(), details, log.log_format());
        by_log.extend(delivery(all));
    }
    for log in pending {
        let details = log.destination_details();
        let all = (log.log_type(), log.destination_type(), details, log.log_format());
        by_log.extend(delivery(all));
    }
    by_log.into_values().collect()
}

fn delivery<'a>(
    (log, kind, details, format): (
        Option<&'a LogType>,
        Option<&DestinationType>,
        Option<&types::DestinationDetails>,
        Option<&LogFormat>,
    ),
) -> Option<(&'a str, LogDelivery)> {
    let logs = details.and_then(|details| details.cloud_watch_logs_details()?.log_group());
    let stream = details.and_then(|details| details.kinesis_firehose_details()?.delivery_stream());
    let delivery = LogDelivery {
        log_type: log?.as_str().into(),
        destination_type: kind?.as_str().into(),
        destination_details: Destination {
            cloud_watch_logs_details: logs.map(|group| LogGroup { log_group: group.into() }),
            kinesis_firehose_details: stream
                .map(|stream| Stream { delivery_stream: stream.into() }),
        },
        log_format: format?.as_str().into(),
    };
    Some((log?.as_str(), delivery))
}

/// The name of the snapshot that a deletion leaves: one name for one group, so that a repeated deletion asks for the
/// same, and a later group of the same name for another. A group that never worked has nothing to keep.
fn final_snapshot(group: &types::ReplicationGroup, policy: DeletionPolicy) -> Option<String> {
    match policy {
        DeletionPolicy::Snapshot | DeletionPolicy::Retain
            if group.status() != Some("create-failed") =>
        {
            let made = group.replication_group_create_time().map_or(0, DateTime::secs);
            let digest = Sha256::digest(made.to_string());
            let id = group.replication_group_id().unwrap_or_default();
            Some(format!("{id}-final-{}", hex::encode(&digest[..4])))
        }
        DeletionPolicy::Snapshot | DeletionPolicy::Retain | DeletionPolicy::Delete => None,
    }
}

fn port(endpoint: Option<&Endpoint>) -> Option<String> {
    Some(endpoint?.port?.to_string())
}

fn count(of: usize) -> Option<Number> {
    i32::try_from(of).ok().map(Number)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticache::types::{
        CacheParameterGroupStatus, LogDeliveryConfiguration, NodeGroup, NodeGroupMember,
        PendingModifiedValues, ReplicationGroupPendingModifiedValues, SecurityGroupMembership,
        UserGroupsUpdateStatus,
    };
    use serde_json::{Value, json};

    use super::*;

    fn endpoint(name: &str) -> Endpoint {
        Endpoint::builder().address(name).port(6379).build()
    }

    fn shard(id: &str, members: usize) -> NodeGroup {
        let member = |at| {
            let name = format!("{id}-{at:03}");
            let node = NodeGroupMember::builder().cache_cluster_id(&name);
            node.read_endpoint(endpoint(&name)).build()
        };
        NodeGroup::builder()
            .node_group_id(id)
            .primary_endpoint(endpoint("primary"))
            .reader_endpoint(endpoint("reader"))
            .set_node_group_members(Some((1..=members).map(member).collect()))
            .build()
    }

    fn live(group: types::ReplicationGroup, member: CacheCluster) -> Live {
        Live { group, member: Some(member), tags: Tags::default() }
    }

    fn seen(live: &Live) -> Value {
        serde_json::to_value(ReplicationGroup::spec(live)).unwrap()
    }

    #[test]
    fn a_live_group_is_seen_in_full() {
        let logs = types::CloudWatchLogsDestinationDetails::builder().log_group("/cache").build();
        let log = LogDeliveryConfiguration::builder()
            .log_type(LogType::SlowLog)
            .destination_type(DestinationType::CloudWatchLogs)
            .destination_details(
                types::DestinationDetails::builder().cloud_watch_logs_details(logs).build(),
            )
            .log_format(LogFormat::Json)
            .status(LogDeliveryConfigurationStatus::Active);
        let group = types::ReplicationGroup::builder()
            .replication_group_id("sessions")
            .description("sessions of the shop")
            .status("available")
            .node_groups(shard("0001", 2))
            .member_clusters("sessions-001")
            .member_clusters("sessions-002")
            .automatic_failover(AutomaticFailoverStatus::Enabling)
            .multi_az(MultiAzStatus::Enabled)
            .cluster_enabled(false)
            .cache_node_type("cache.t4g.small")
            .engine("valkey")
            .transit_encryption_enabled(true)
            .transit_encryption_mode(TransitEncryptionMode::Required)
            .log_delivery_configurations(log.build())
            .build();
        let group_in = |id, status| {
            SecurityGroupMembership::builder().security_group_id(id).status(status).build()
        };
        let member = CacheCluster::builder()
            .engine_version("8.0.1")
            .cache_subnet_group_name("data")
            .preferred_maintenance_window("sun:05:00-sun:06:00")
            .cache_parameter_group(
                CacheParameterGroupStatus::builder().cache_parameter_group_name("tuned").build(),
            )
            .security_groups(group_in("sg-1", "active"))
            .security_groups(group_in("sg-2", "removing"))
            .build();
        let live = live(group, member);
        assert_eq!(ReplicationGroup::readiness(&live), Readiness::Ready);
        assert_eq!(
            seen(&live),
            json!({
                "AutomaticFailoverEnabled": true, "CacheNodeType": "cache.t4g.small",
                "CacheParameterGroupName": "tuned", "CacheSubnetGroupName": "data",
                "Engine": "valkey", "EngineVersion": "8.0.1",
                "LogDeliveryConfigurations": [{
                    "LogType": "slow-log", "DestinationType": "cloudwatch-logs",
                    "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "/cache"}},
                    "LogFormat": "json",
                }],
                "MultiAZEnabled": true, "NumCacheClusters": 2, "NumNodeGroups": 1,
                "PreferredMaintenanceWindow": "sun:05:00-sun:06:00", "ReplicasPerNodeGroup": 1,
                "ReplicationGroupDescription": "sessions of the shop",
                "ReplicationGroupId": "sessions", "SecurityGroupIds": ["sg-1"], "Tags": [],
                "TransitEncryptionEnabled": true, "TransitEncryptionMode": "required",
                "UserGroupIds": [],
            })
        );
        let outputs = ReplicationGroup::outputs(&live);
        assert_eq!(outputs["PrimaryEndPoint.Address"], "primary");
        assert_eq!(outputs["ReaderEndPoint.Port"], "6379");
        assert_eq!(outputs["ReadEndPoint.Addresses"], "0001-001,0001-002");
        assert!(!outputs.contains_key("ConfigurationEndPoint.Address"));
    }

    #[test]
    fn a_cluster_of_shards_has_one_endpoint() {
        let group = types::ReplicationGroup::builder()
            .replication_group_id("sessions")
            .cluster_enabled(true)
            .configuration_endpoint(endpoint("configuration"))
            .node_groups(shard("0001", 3))
            .node_groups(shard("0002", 2));
        let live = live(group.build(), CacheCluster::builder().build());
        let outputs = ReplicationGroup::outputs(&live);
        assert_eq!(outputs["ConfigurationEndPoint.Address"], "configuration");
        assert!(!outputs.contains_key("PrimaryEndPoint.Address"));
        // A shard that lacks a replica is what is noticed.
        assert_eq!(seen(&live)["NumNodeGroups"], 2);
        assert_eq!(seen(&live)["ReplicasPerNodeGroup"], 1);
    }

    #[test]
    fn what_is_under_way_counts_as_done() {
        let users = UserGroupsUpdateStatus::builder()
            .user_group_ids_to_add("new")
            .user_group_ids_to_remove("old");
        let pending = ReplicationGroupPendingModifiedValues::builder()
            .automatic_failover_status(PendingAutomaticFailoverStatus::Enabled)
            .transit_encryption_mode(TransitEncryptionMode::Preferred)
            .user_groups(users.build());
        let group = types::ReplicationGroup::builder()
            .automatic_failover(AutomaticFailoverStatus::Disabled)
            .transit_encryption_mode(TransitEncryptionMode::Required)
            .user_group_ids("old")
            .pending_modified_values(pending.build());
        let pending = PendingModifiedValues::builder().engine_version("8.0").build();
        let member = CacheCluster::builder().engine_version("7.2").pending_modified_values(pending);
        let seen = seen(&live(group.build(), member.build()));
        assert_eq!(seen["AutomaticFailoverEnabled"], true);
        assert_eq!(seen["TransitEncryptionMode"], "preferred");
        assert_eq!(seen["UserGroupIds"], json!(["new"]));
        assert_eq!(seen["EngineVersion"], "8.0");
    }

    #[test]
    fn a_token_in_clear_is_no_property() {
        let spec = |token: &str| {
            serde_json::from_value::<Spec>(json!({
                "ReplicationGroupId": "a", "ReplicationGroupDescription": "b", "AuthToken": token,
            }))
        };
        assert!(spec("correct-horse-battery-staple").is_err());
        assert!(spec("{{resolve:secretsmanager:cache:SecretString:token}}").is_ok());
    }

    #[test]
    fn a_final_snapshot_has_a_name_of_its_own() {
        let group = |made: i64, status: &str| {
            types::ReplicationGroup::builder()
                .replication_group_id("sessions")
                .status(status)
                .replication_group_create_time(DateTime::from_secs(made))
                .build()
        };
        let name = |group| final_snapshot(&group, DeletionPolicy::Snapshot);
        let first = name(group(1, "available")).unwrap();
        assert!(first.starts_with("sessions-final-"), "{first}");
        assert_eq!(name(group(1, "available")), Some(first.clone()));
        assert_ne!(name(group(2, "available")), Some(first));
        assert_eq!(name(group(1, "create-failed")), None);
        assert_eq!(final_snapshot(&group(1, "available"), DeletionPolicy::Delete), None);
    }
}
