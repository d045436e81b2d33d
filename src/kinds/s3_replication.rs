//! The replication of a bucket's objects into other buckets, in CloudFormation's shape.

use aws_sdk_s3::types::{
    self, DeleteMarkerReplicationStatus, EncryptionConfiguration, MetricsStatus, OwnerOverride,
    ReplicaModifications, ReplicaModificationsStatus, ReplicationConfiguration,
    ReplicationRuleAndOperator, ReplicationRuleFilter, ReplicationRuleStatus,
    ReplicationTimeStatus, ReplicationTimeValue, SseKmsEncryptedObjects,
    SseKmsEncryptedObjectsStatus, StorageClass,
};
use aws_smithy_types::error::operation::BuildError;

use super::properties::properties;
use super::s3::{TagFilter, each, incomplete};
use super::scalar::Number;
use crate::fault::Fault;

properties! {
    /// Without rules nothing is replicated, and the role has no meaning.
    Replication {
        rules: Vec<Rule>,
        ;
        role: String,
    }
}

properties! {
    Rule {
        destination: Destination,
        status: String,
        ;
        delete_marker_replication: Status,
        filter: Filter,
        id: String,
        /// Of rules without a filter, which have no priority either.
        prefix: String,
        priority: Number,
        source_selection_criteria: SourceSelectionCriteria,
    }
}

properties! {
    Status {
        status: String,
        ;
    }
}

properties! {
    Filter {
        ;
        and: And,
        prefix: String,
        tag_filter: TagFilter,
    }
}

properties! {
    And {
        ;
        prefix: String,
        tag_filters: Vec<TagFilter>,
    }
}

properties! {
    SourceSelectionCriteria {
        ;
        replica_modifications: Status,
        sse_kms_encrypted_objects: Status,
    }
}

properties! {
    Destination {
        bucket: String,
        ;
        access_control_translation: AccessControlTranslation,
        account: String,
        encryption_configuration: Encryption,
        metrics: Metrics,
        replication_time: ReplicationTime,
        storage_class: String,
    }
}

properties! {
    AccessControlTranslation {
        owner: String,
        ;
    }
}

properties! {
    Encryption {
        #[serde(rename = "ReplicaKmsKeyID")]
        replica_kms_key_id: String,
        ;
    }
}

properties! {
    Metrics {
        status: String,
        ;
        event_threshold: Minutes,
    }
}

properties! {
    ReplicationTime {
        status: String,
        time: Minutes,
        ;
    }
}

properties! {
    Minutes {
        minutes: Number,
        ;
    }
}

impl Replication {
    /// A bucket that is not replicated has no rules.
    pub(super) fn of(replication: Option<&ReplicationConfiguration>) -> Self {
        Self {
            rules: replication.iter().flat_map(|it| it.rules()).map(Rule::of).collect(),
            role: replication.map(|it| it.role.clone()),
        }
    }

    pub(super) fn to_sdk(&self) -> Result<ReplicationConfiguration, Fault> {
        ReplicationConfiguration::builder()
            .role(self.role.as_deref().unwrap_or_default())
            .set_rules(Some(each(&self.rules, Rule::to_sdk)?))
            .build()
            .map_err(incomplete)
    }
}

impl Rule {
    fn of(rule: &types::ReplicationRule) -> Self {
        let status = |status: &str| Status { status: status.into() };
        let markers = rule.delete_marker_replication().and_then(|it| it.status());
        let selection = rule.source_selection_criteria();
        Self {
            destination: Destination::of(rule.destination()),
            status: rule.status.to_string(),
            delete_marker_replication: markers.map(|it| status(it.as_str())),
            filter: rule.filter().map(Filter::of),
            id: rule.id.clone(),
            prefix: old_prefix(rule).map(ToOwned::to_owned),
            priority: rule.priority.map(Number),
            source_selection_criteria: selection.map(|it| SourceSelectionCriteria {
                replica_modifications: it
                    .replica_modifications()
                    .map(|it| status(it.status.as_str())),
                sse_kms_encrypted_objects: it
                    .sse_kms_encrypted_objects()
                    .map(|it| status(it.status.as_str())),
            }),
        }
    }

    fn to_sdk(&self) -> Result<types::ReplicationRule, BuildError> {
        // S3 insists on it beside a filter.
        let unsaid = self.filter.as_ref().map(|_| "Disabled");
        let markers = self.delete_marker_replication.as_ref().map(|it| it.status.as_str());
        let markers = markers.or(unsaid).map(|status| {
            types::DeleteMarkerReplication::builder()
                .status(DeleteMarkerReplicationStatus::from(status))
                .build()
        });
        let selection = self.source_selection_criteria.as_ref();
        let rule = types::ReplicationRule::builder()
            .destination(self.destination.to_sdk()?)
            .status(ReplicationRuleStatus::from(self.status.as_str()))
            .set_delete_marker_replication(markers)
            .set_filter(self.filter.as_ref().map(Filter::to_sdk).transpose()?)
            .set_id(self.id.clone())
            .set_priority(self.priority.map(Into::into))
            .set_source_selection_criteria(
                selection.map(SourceSelectionCriteria::to_sdk).transpose()?,
            );
        with_old_prefix(rule, self.prefix.clone()).build()
    }
}

impl Filter {
    fn of(filter: &ReplicationRuleFilter) -> Self {
        let and = filter.and.as_ref().map(|and| And {
            prefix: Some(and.prefix.clone().unwrap_or_default()),
            tag_filters: Some(and.tags().iter().map(TagFilter::of).collect()),
        });
        let all = and.is_none() && filter.tag.is_none();
        Self {
            // A filter without a condition lets everything through, as an empty prefix does.
            prefix: filter.prefix.clone().or(all.then(String::new)),
            tag_filter: filter.tag.as_ref().map(TagFilter::of),
            and,
        }
    }

    fn to_sdk(&self) -> Result<ReplicationRuleFilter, BuildError> {
        let and = |and: &And| -> Result<_, BuildError> {
            let tags: Result<_, _> =
                and.tag_filters.iter().flatten().map(TagFilter::to_sdk).collect();
            let operator = ReplicationRuleAndOperator::builder().set_prefix(and.prefix.clone());
            Ok(operator.set_tags(Some(tags?)).build())
        };
        Ok(ReplicationRuleFilter::builder()
            .set_and(self.and.as_ref().map(and).transpose()?)
            .set_prefix(self.prefix.clone())
            .set_tag(self.tag_filter.as_ref().map(TagFilter::to_sdk).transpose()?)
            .build())
    }
}

impl SourceSelectionCriteria {
    fn to_sdk(&self) -> Result<types::SourceSelectionCriteria, BuildError> {
        let modifications = |it: &Status| {
            let status = ReplicaModificationsStatus::from(it.status.as_str());
            ReplicaModifications::builder().status(status).build()
        };
        let encrypted = |it: &Status| {
            let status = SseKmsEncryptedObjectsStatus::from(it.status.as_str());
            SseKmsEncryptedObjects::builder().status(status).build()
        };
        Ok(types::SourceSelectionCriteria::builder()
            .set_replica_modifications(
                self.replica_modifications.as_ref().map(modifications).transpose()?,
            )
            .set_sse_kms_encrypted_objects(
                self.sse_kms_encrypted_objects.as_ref().map(encrypted).transpose()?,
            )
            .build())
    }
}

impl Destination {
    fn of(destination: Option<&types::Destination>) -> Self {
        let minutes = |value: &ReplicationTimeValue| Minutes {
            minutes: Number(value.minutes.unwrap_or_default()),
        };
        let key = destination.and_then(|it| it.encryption_configuration());
        Self {
            bucket: destination.map(|it| it.bucket.clone()).unwrap_or_default(),
            access_control_translation: destination
                .and_then(|it| it.access_control_translation())
                .map(|it| AccessControlTranslation { owner: it.owner.to_string() }),
            account: destination.and_then(|it| it.account.clone()),
            encryption_configuration: key
                .and_then(|it| it.replica_kms_key_id.clone())
                .map(|replica_kms_key_id| Encryption { replica_kms_key_id }),
            metrics: destination.and_then(|it| it.metrics()).map(|it| Metrics {
                status: it.status.to_string(),
                event_threshold: it.event_threshold().map(minutes),
            }),
            replication_time: destination.and_then(|it| it.replication_time()).and_then(|it| {
                Some(ReplicationTime {
                    status: it.status.to_string(),
                    time: it.time().map(minutes)?,
                })
            }),
            storage_class: destination.and_then(|it| it.storage_class()).map(ToString::to_string),
        }
    }

    fn to_sdk(&self) -> Result<types::Destination, BuildError> {
        let minutes =
            |it: &Minutes| ReplicationTimeValue::builder().minutes(it.minutes.into()).build();
        let owner = |it: &AccessControlTranslation| {
            let owner = OwnerOverride::from(it.owner.as_str());
            types::AccessControlTranslation::builder().owner(owner).build()
        };
        let metrics = |it: &Metrics| {
            types::Metrics::builder()
                .status(MetricsStatus::from(it.status.as_str()))
                .set_event_threshold(it.event_threshold.as_ref().map(minutes))
                .build()
        };
        let time = |it: &ReplicationTime| {
            types::ReplicationTime::builder()
                .status(ReplicationTimeStatus::from(it.status.as_str()))
                .time(minutes(&it.time))
                .build()
        };
        let key = self.encryption_configuration.as_ref().map(|it| {
            EncryptionConfiguration::builder().replica_kms_key_id(&it.replica_kms_key_id).build()
        });
        types::Destination::builder()
            .bucket(&self.bucket)
            .set_access_control_translation(
                self.access_control_translation.as_ref().map(owner).transpose()?,
            )
            .set_account(self.account.clone())
            .set_encryption_configuration(key)
            .set_metrics(self.metrics.as_ref().map(metrics).transpose()?)
            .set_replication_time(self.replication_time.as_ref().map(time).transpose()?)
            .set_storage_class(self.storage_class.as_deref().map(StorageClass::from))
            .build()
    }
}

/// Rules without a filter have their prefix beside it.
#[expect(deprecated, reason = "CloudFormation has it, too")]
fn old_prefix(rule: &types::ReplicationRule) -> Option<&str> {
    rule.prefix.as_deref()
}

#[expect(deprecated, reason = "CloudFormation has it, too")]
fn with_old_prefix(
    rule: types::builders::ReplicationRuleBuilder,
    prefix: Option<String>,
) -> types::builders::ReplicationRuleBuilder {
    rule.set_prefix(prefix)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn back(replication: &Value) -> Value {
        let replication: Replication = serde_json::from_value(replication.clone()).unwrap();
        let sdk = replication.to_sdk().unwrap();
        serde_json::to_value(Replication::of(Some(&sdk))).unwrap()
    }

    #[test]
    fn a_replication_reads_back() {
        let replication = json!({
            "Role": "arn:role",
            "Rules": [{
                "Id": "all", "Status": "Enabled", "Priority": 1,
                "Filter": {"And": {"Prefix": "a/", "TagFilters": [{"Key": "b", "Value": "c"}]}},
                "DeleteMarkerReplication": {"Status": "Enabled"},
                "SourceSelectionCriteria": {
                    "ReplicaModifications": {"Status": "Enabled"},
                    "SseKmsEncryptedObjects": {"Status": "Enabled"},
                },
                "Destination": {
                    "Bucket": "arn:bucket", "Account": "123456789012", "StorageClass": "STANDARD_IA",
                    "AccessControlTranslation": {"Owner": "Destination"},
                    "EncryptionConfiguration": {"ReplicaKmsKeyID": "arn:key"},
                    "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                    "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                },
            }],
        });
        assert_eq!(back(&replication), replication);
    }

    #[test]
    fn a_filter_brings_a_word_on_delete_markers() {
        let rule = |rule: Value| {
            let mut rule = rule;
            rule["Destination"] = json!({"Bucket": "arn:bucket"});
            rule["Status"] = json!("Enabled");
            back(&json!({"Role": "arn:role", "Rules": [rule]}))["Rules"][0].clone()
        };
        let filtered = rule(json!({"Filter": {}, "Priority": 1}));
        assert_eq!(filtered["DeleteMarkerReplication"], json!({"Status": "Disabled"}));
        assert_eq!(filtered["Filter"], json!({"Prefix": ""}));
        let old = rule(json!({"Prefix": "a/"}));
        assert_eq!((&old["Prefix"], old.get("DeleteMarkerReplication")), (&json!("a/"), None));
    }

    #[test]
    fn what_is_not_replicated_has_no_rules() {
        let none = serde_json::to_value(Replication::of(None)).unwrap();
        assert_eq!(none, json!({"Rules": []}));
    }
}
