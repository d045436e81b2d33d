//! How a replication group changes: one call at a time, each for what is not yet as desired.

use std::collections::BTreeSet;

use aws_sdk_elasticache::types::{
    AuthTokenUpdateStrategyType, CloudWatchLogsDestinationDetails, DestinationDetails,
    KinesisFirehoseDestinationDetails, LogDeliveryConfigurationRequest, TransitEncryptionMode,
};
use serde_json::Value;

use super::elasticache_replication_group::{LogDelivery, Spec};
use super::secret_reference::Resolved;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;

/// One call of an update.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// Replicas in each shard, more than there are.
    AddReplicas(i32),
    /// The number of shards. Of too many, those that stay.
    Reshard {
        count: i32,
        retain: Option<Vec<String>>,
    },
    /// What one `ModifyReplicationGroup` sends: the rows of the field table, and logs that are delivered no more.
    Modify {
        rows: BTreeSet<&'static str>,
        logs_off: BTreeSet<String>,
    },
    /// `None`: off.
    Encrypt(Option<TransitEncryptionMode>),
    UserGroups {
        add: Vec<String>,
        remove: Vec<String>,
    },
    /// Replicas in each shard, fewer than there are.
    RemoveReplicas(i32),
    /// Last, because nothing tells whether it has been done.
    RotateToken,
}

/// The rows that one `ModifyReplicationGroup` may send together.
const MODIFIED: &[&str] = &[
    "AutoMinorVersionUpgrade",
    "AutomaticFailoverEnabled",
    "CacheNodeType",
    "CacheParameterGroupName",
    "ClusterMode",
    "Engine",
    "EngineVersion",
    "IpDiscovery",
    "LogDeliveryConfigurations",
    "MultiAZEnabled",
    "NotificationTopicArn",
    "PreferredMaintenanceWindow",
    "ReplicationGroupDescription",
    "SecurityGroupIds",
    "SnapshotRetentionLimit",
    "SnapshotWindow",
];
/// Rows that go along when one of them differs.
const TOGETHER: &[&[&str]] = &[
    &["AutomaticFailoverEnabled", "MultiAZEnabled"],
    &["CacheParameterGroupName", "Engine", "EngineVersion"],
];

/// What is still to be done, in an order that ElastiCache accepts: failover needs replicas, so they come first and go
/// last. `shards` are the ids of those that are there.
pub(super) fn steps(live: &Spec, shards: &[String], to: &Spec, changed: &[&str]) -> Vec<Step> {
    let has = |row: &str| changed.contains(&row);
    let mut steps = Vec::new();
    let replicas =
        replicas(live, to).filter(|_| has("NumCacheClusters") || has("ReplicasPerNodeGroup"));
    if let Some((from, to)) = replicas
        && to > from
    {
        steps.push(Step::AddReplicas(to));
    }
    if has("NumNodeGroups")
        && let Some(count) =
            to.num_node_groups.filter(|_| to.num_node_groups != live.num_node_groups)
    {
        let kept = usize::try_from(count.0).unwrap_or_default();
        let retain = (kept < shards.len()).then(|| shards[..kept].to_vec());
        steps.push(Step::Reshard { count: count.0, retain });
    }
    steps.extend(modification(live, to, changed));
    if has("TransitEncryptionEnabled") || has("TransitEncryptionMode") {
        steps.extend(encryption(live, to));
    }
    if has("UserGroupIds") {
        let none = BTreeSet::new();
        let from = live.user_group_ids.as_ref().unwrap_or(&none);
        let to = to.user_group_ids.as_ref().unwrap_or(&none);
        let (add, remove) = (to.difference(from).cloned(), from.difference(to).cloned());
        let (add, remove): (Vec<_>, Vec<_>) = (add.collect(), remove.collect());
        if !add.is_empty() || !remove.is_empty() {
            steps.push(Step::UserGroups { add, remove });
        }
    }
    if let Some((from, to)) = replicas
        && to < from
    {
        steps.push(Step::RemoveReplicas(to));
    }
    if has("AuthToken") && to.auth_token.is_some() {
        steps.push(Step::RotateToken);
    }
    steps
}

/// Replicas in each shard: how many there are, and how many there should be.
fn replicas(live: &Spec, to: &Spec) -> Option<(i32, i32)> {
    match (to.replicas_per_node_group, to.num_cache_clusters) {
        (Some(wanted), _) => Some((live.replicas_per_node_group?.0, wanted.0)),
        // One of the nodes is the primary.
        (None, Some(wanted)) => Some((live.num_cache_clusters?.0 - 1, wanted.0 - 1)),
        (None, None) => None,
    }
}

fn modification(live: &Spec, to: &Spec, changed: &[&str]) -> Option<Step> {
    let (from, desired) = (value(live), value(to));
    let differs = |row: &&&'static str| {
        changed.contains(*row) && desired.get(**row).is_some_and(|to| !settled(from.get(**row), to))
    };
    let mut rows: BTreeSet<&'static str> = MODIFIED.iter().filter(differs).copied().collect();
    for group in TOGETHER {
        if group.iter().any(|row| *row != "CacheParameterGroupName" && rows.contains(row)) {
            rows.extend(group.iter().filter(|row| desired.get(**row).is_some()));
        }
    }
    let logs = |spec: &Spec| -> BTreeSet<String> {
        spec.log_delivery_configurations.iter().flatten().map(|log| log.log_type.clone()).collect()
    };
    let off = rows.contains("LogDeliveryConfigurations");
    let logs_off = if off { &logs(live) - &logs(to) } else { BTreeSet::new() };
    (!rows.is_empty()).then_some(Step::Modify { rows, logs_off })
}

fn value(spec: &Spec) -> Value {
    serde_json::to_value(spec).expect("a Spec always serializes")
}

/// Whether a row is as it should be; `8.0` means any patch of it.
fn settled(live: Option<&Value>, to: &Value) -> bool {
    let patch_of = |live: &Value| {
        let rest = live.as_str()?.strip_prefix(to.as_str()?)?;
        Some(rest.starts_with('.'))
    };
    live.is_some_and(|live| live == to || patch_of(live) == Some(true))
}

/// Both ways lead through `preferred`: clear and encrypted connections at once.
fn encryption(live: &Spec, to: &Spec) -> Vec<Step> {
    let preferred = Step::Encrypt(Some(TransitEncryptionMode::Preferred));
    let required = Step::Encrypt(Some(TransitEncryptionMode::Required));
    let on = live.transit_encryption_enabled == Some(true);
    let wanted = to.transit_encryption_enabled.unwrap_or(on);
    let mode = |spec: &Spec| spec.transit_encryption_mode.clone();
    match (on, wanted) {
        (false, false) => Vec::new(),
        (false, true) if mode(to).as_deref() == Some("required") => vec![preferred, required],
        (false, true) => vec![preferred],
        (true, false) if mode(live).as_deref() == Some("preferred") => vec![Step::Encrypt(None)],
        (true, false) => vec![preferred, Step::Encrypt(None)],
        (true, true) => match mode(to).filter(|_| mode(to) != mode(live)).as_deref() {
            Some("preferred") => vec![preferred],
            Some(_) => vec![required],
            None => Vec::new(),
        },
    }
}

/// Makes the call of one step.
pub(super) async fn send(cx: &Cx, id: &PhysicalId, step: &Step, to: &Spec) -> Result<(), Fault> {
    let cache = &cx.elasticache;
    let modify = || cache.modify_replication_group().replication_group_id(id.as_str());
    match step {
        Step::AddReplicas(count) => {
            let ask = cache.increase_replica_count().replication_group_id(id.as_str());
            ask.new_replica_count(*count).apply_immediately(true).send().await?;
        }
        Step::RemoveReplicas(count) => {
            let ask = cache.decrease_replica_count().replication_group_id(id.as_str());
            ask.new_replica_count(*count).apply_immediately(true).send().await?;
        }
        Step::Reshard { count, retain } => {
            cache
                .modify_replication_group_shard_configuration()
                .replication_group_id(id.as_str())
                .node_group_count(*count)
                .set_node_groups_to_retain(retain.clone())
                .apply_immediately(true)
                .send()
                .await?;
        }
        Step::Modify { rows, logs_off } => send_modification(cx, id, rows, logs_off, to).await?,
        Step::Encrypt(mode) => {
            let ask = modify().transit_encryption_enabled(mode.is_some()).apply_immediately(true);
            ask.set_transit_encryption_mode(mode.clone()).send().await?;
        }
        Step::UserGroups { add, remove } => {
            let ask = modify().apply_immediately(true);
            ask.set_user_group_ids_to_add(Some(add.clone()).filter(|ids| !ids.is_empty()))
                .set_user_group_ids_to_remove(Some(remove.clone()).filter(|ids| !ids.is_empty()))
                .send()
                .await?;
        }
        Step::RotateToken => {
            let auth_token = auth_token(cx, to).await?;
            modify()
                .set_auth_token(auth_token.as_ref().map(Resolved::reveal))
                .auth_token_update_strategy(AuthTokenUpdateStrategyType::Rotate)
                .apply_immediately(true)
                .send()
                .await?;
        }
    }
    Ok(())
}

async fn send_modification(
    cx: &Cx,
    id: &PhysicalId,
    rows: &BTreeSet<&'static str>,
    logs_off: &BTreeSet<String>,
    to: &Spec,
) -> Result<(), Fault> {
    let logs = to.log_delivery_configurations.as_ref().map(|all| {
        let off = |log: &String| {
            let request = LogDeliveryConfigurationRequest::builder().log_type(log.as_str().into());
            request.enabled(false).build()
        };
        all.iter().map(deliver).chain(logs_off.iter().map(off)).collect()
    });
    let topic = to.notification_topic_arn.clone().filter(|_| rows.contains("NotificationTopicArn"));
    cx.elasticache
        .modify_replication_group()
        .replication_group_id(id.as_str())
        .apply_immediately(true)
        .set_auto_minor_version_upgrade(
            to.auto_minor_version_upgrade.filter(|_| rows.contains("AutoMinorVersionUpgrade")),
        )
        .set_automatic_failover_enabled(
            to.automatic_failover_enabled.filter(|_| rows.contains("AutomaticFailoverEnabled")),
        )
        .set_cache_node_type(to.cache_node_type.clone().filter(|_| rows.contains("CacheNodeType")))
        .set_cache_parameter_group_name(
            to.cache_parameter_group_name
                .clone()
                .filter(|_| rows.contains("CacheParameterGroupName"))
                .map(Into::into),
        )
        .set_cluster_mode(
            to.cluster_mode.as_deref().filter(|_| rows.contains("ClusterMode")).map(Into::into),
        )
        .set_engine(to.engine.clone().filter(|_| rows.contains("Engine")).map(Into::into))
        .set_engine_version(to.engine_version.clone().filter(|_| rows.contains("EngineVersion")))
        .set_ip_discovery(
            to.ip_discovery.as_deref().filter(|_| rows.contains("IpDiscovery")).map(Into::into),
        )
        .set_log_delivery_configurations(
            logs.filter(|_| rows.contains("LogDeliveryConfigurations")),
        )
        .set_multi_az_enabled(to.multi_az_enabled.filter(|_| rows.contains("MultiAZEnabled")))
        .set_notification_topic_status(topic.as_ref().map(|_| "active".into()))
        .set_notification_topic_arn(topic)
        .set_preferred_maintenance_window(
            to.preferred_maintenance_window
                .clone()
                .filter(|_| rows.contains("PreferredMaintenanceWindow"))
                .map(Into::into),
        )
        .set_replication_group_description(
            Some(to.replication_group_description.clone())
                .filter(|_| rows.contains("ReplicationGroupDescription")),
        )
        .set_security_group_ids(
            to.security_group_ids.as_ref().filter(|_| rows.contains("SecurityGroupIds")).map(list),
        )
        .set_snapshot_retention_limit(
            to.snapshot_retention_limit
                .filter(|_| rows.contains("SnapshotRetentionLimit"))
                .map(Into::into),
        )
        .set_snapshot_window(to.snapshot_window.clone().filter(|_| rows.contains("SnapshotWindow")))
        .send()
        .await?;
    Ok(())
}

/// The value of the token that a spec refers to.
pub(super) async fn auth_token(cx: &Cx, spec: &Spec) -> Result<Option<Resolved>, Fault> {
    match &spec.auth_token {
        None => Ok(None),
        Some(secret) => secret.resolve(cx).await.map(Some),
    }
}

/// The request for a delivery of logs.
pub(super) fn deliver(log: &LogDelivery) -> LogDeliveryConfigurationRequest {
    let details = &log.destination_details;
    let logs = details
        .cloud_watch_logs_details
        .as_ref()
        .map(|logs| CloudWatchLogsDestinationDetails::builder().log_group(&logs.log_group).build());
    let stream = details.kinesis_firehose_details.as_ref().map(|stream| {
        let details = KinesisFirehoseDestinationDetails::builder();
        details.delivery_stream(&stream.delivery_stream).build()
    });
    let details = DestinationDetails::builder().set_cloud_watch_logs_details(logs);
    LogDeliveryConfigurationRequest::builder()
        .log_type(log.log_type.as_str().into())
        .destination_type(log.destination_type.as_str().into())
        .destination_details(details.set_kinesis_firehose_details(stream).build())
        .log_format(log.log_format.as_str().into())
        .enabled(true)
        .build()
}

pub(super) fn list(set: &BTreeSet<String>) -> Vec<String> {
    set.iter().cloned().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kind::{Kind, OnChange};
    use crate::kinds::elasticache_replication_group::ReplicationGroup;

    fn spec(mut properties: Value) -> Spec {
        properties["ReplicationGroupId"] = "sessions".into();
        let description = properties.get("ReplicationGroupDescription").cloned();
        properties["ReplicationGroupDescription"] = description.unwrap_or_else(|| "a".into());
        serde_json::from_value(properties).unwrap()
    }

    /// The steps from one spec to another, all of whose rows differ.
    fn between(live: Value, to: Value) -> Vec<Step> {
        let (live, to) = (spec(live), spec(to));
        let rows: Vec<&str> = ReplicationGroup::FIELDS.iter().map(|field| field.path).collect();
        steps(&live, &["0001".into(), "0002".into(), "0003".into()], &to, &rows)
    }

    fn modify(rows: &[&'static str]) -> Step {
        Step::Modify { rows: rows.iter().copied().collect(), logs_off: BTreeSet::new() }
    }

    #[test]
    fn replicas_come_before_failover_and_go_after_it() {
        let alone = json!({"NumCacheClusters": 1, "AutomaticFailoverEnabled": false});
        let both = json!({"NumCacheClusters": 3, "AutomaticFailoverEnabled": true});
        let failover = || modify(&["AutomaticFailoverEnabled"]);
        assert_eq!(between(alone.clone(), both.clone()), [Step::AddReplicas(2), failover()]);
        assert_eq!(between(both, alone), [failover(), Step::RemoveReplicas(0)]);
    }

    #[test]
    fn shards_grow_and_shrink() {
        let shards = |count| json!({"NumNodeGroups": count, "ReplicasPerNodeGroup": 1});
        let grown = Step::Reshard { count: 4, retain: None };
        assert_eq!(between(shards(3), shards(4)), [grown]);
        let retain = Some(vec!["0001".to_owned(), "0002".to_owned()]);
        assert_eq!(between(shards(3), shards(2)), [Step::Reshard { count: 2, retain }]);
        assert_eq!(between(shards(3), shards(3)), []);
    }

    #[test]
    fn one_modification_sends_what_differs_and_what_belongs_to_it() {
        let live = json!({
            "CacheParameterGroupName": "a", "Engine": "redis", "EngineVersion": "7.1.0",
            "MultiAZEnabled": true, "SnapshotWindow": "01:00-02:00",
        });
        let to = json!({
            "CacheParameterGroupName": "a", "Engine": "redis", "EngineVersion": "7.1",
            "MultiAZEnabled": true, "SnapshotWindow": "03:00-04:00",
        });
        assert_eq!(between(live.clone(), to), [modify(&["SnapshotWindow"])]);
        let to = json!({
            "CacheParameterGroupName": "a", "Engine": "valkey", "EngineVersion": "8.0",
        });
        let engine = modify(&["CacheParameterGroupName", "Engine", "EngineVersion"]);
        assert_eq!(between(live, to), [engine]);
    }

    #[test]
    fn a_log_that_is_delivered_no_more_is_switched_off() {
        let log = |kind: &str| {
            json!({
                "LogType": kind, "DestinationType": "cloudwatch-logs", "LogFormat": "json",
                "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "/cache"}},
            })
        };
        let from = json!({"LogDeliveryConfigurations": [log("slow-log"), log("engine-log")]});
        let to = json!({"LogDeliveryConfigurations": [log("slow-log")]});
        let rows = ["LogDeliveryConfigurations"].into();
        let logs_off = ["engine-log".to_owned()].into();
        assert_eq!(between(from, to), [Step::Modify { rows, logs_off }]);
    }

    #[test]
    fn encryption_comes_and_goes_through_preferred() {
        let spec = |on: bool, mode: &str| json!({"TransitEncryptionEnabled": on, "TransitEncryptionMode": mode});
        let preferred = || Step::Encrypt(Some(TransitEncryptionMode::Preferred));
        let required = || Step::Encrypt(Some(TransitEncryptionMode::Required));
        let off = json!({"TransitEncryptionEnabled": false});
        assert_eq!(between(off.clone(), spec(true, "required")), [preferred(), required()]);
        assert_eq!(between(spec(true, "preferred"), spec(true, "required")), [required()]);
        assert_eq!(
            between(spec(true, "required"), off.clone()),
            [preferred(), Step::Encrypt(None)]
        );
        assert_eq!(between(spec(true, "preferred"), off), [Step::Encrypt(None)]);
    }

    #[test]
    fn user_groups_change_by_their_difference_and_the_token_comes_last() {
        let token = "{{resolve:secretsmanager:cache:SecretString:token}}";
        let steps = between(
            json!({"UserGroupIds": ["a", "b"]}),
            json!({"UserGroupIds": ["b", "c"], "AuthToken": token}),
        );
        let users = Step::UserGroups { add: vec!["c".into()], remove: vec!["a".into()] };
        assert_eq!(steps, [users, Step::RotateToken]);
    }

    #[test]
    fn every_row_that_can_be_updated_is_sent_somewhere() {
        let elsewhere = [
            "AuthToken",
            "NumCacheClusters",
            "NumNodeGroups",
            "ReplicasPerNodeGroup",
            "Tags",
            "TransitEncryptionEnabled",
            "TransitEncryptionMode",
            "UserGroupIds",
        ];
        for field in ReplicationGroup::FIELDS {
            let sent = MODIFIED.contains(&field.path) || elsewhere.contains(&field.path);
            assert_eq!(field.on_change == OnChange::Update, sent, "{}", field.path);
        }
    }
}
