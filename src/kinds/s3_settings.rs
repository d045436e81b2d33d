//! The smaller configurations of a bucket, in CloudFormation's shape.

use aws_sdk_s3::types::{
    self, BucketLoggingStatus, CorsConfiguration, DefaultRetention, EncryptionType,
    IntelligentTieringAccessTier, IntelligentTieringAndOperator, IntelligentTieringConfiguration,
    IntelligentTieringFilter, IntelligentTieringStatus, LoggingEnabled, ObjectLockConfiguration,
    ObjectLockEnabled, ObjectLockRetentionMode, PartitionDateSource,
    PublicAccessBlockConfiguration, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, SimplePrefix,
    TargetObjectKeyFormat,
};
use aws_smithy_types::error::operation::BuildError;

use super::properties::properties;
use super::s3::{TagFilter, each, incomplete};
use super::scalar::Number;
use crate::fault::Fault;

properties! {
    Versioning {
        /// `Enabled` or `Suspended`; a bucket that never had versions has none.
        status: String,
        ;
    }
}

properties! {
    Acceleration {
        acceleration_status: String,
        ;
    }
}

properties! {
    PublicAccessBlock {
        ;
        block_public_acls: bool,
        block_public_policy: bool,
        ignore_public_acls: bool,
        restrict_public_buckets: bool,
    }
}

properties! {
    Ownership {
        rules: Vec<OwnershipRule>,
        ;
    }
}

properties! {
    OwnershipRule {
        object_ownership: String,
        ;
    }
}

properties! {
    Encryption {
        server_side_encryption_configuration: Vec<EncryptionRule>,
        ;
    }
}

properties! {
    EncryptionRule {
        ;
        blocked_encryption_types: BlockedTypes,
        bucket_key_enabled: bool,
        server_side_encryption_by_default: EncryptionByDefault,
    }
}

properties! {
    BlockedTypes {
        encryption_type: Vec<String>,
        ;
    }
}

properties! {
    EncryptionByDefault {
        #[serde(rename = "SSEAlgorithm")]
        sse_algorithm: String,
        ;
        #[serde(rename = "KMSMasterKeyID")]
        kms_master_key_id: String,
    }
}

properties! {
    Cors {
        cors_rules: Vec<CorsRule>,
        ;
    }
}

properties! {
    CorsRule {
        allowed_methods: Vec<String>,
        allowed_origins: Vec<String>,
        ;
        allowed_headers: Vec<String>,
        exposed_headers: Vec<String>,
        id: String,
        max_age: Number,
    }
}

properties! {
    Logging {
        ;
        /// Without one the bucket logs to itself.
        destination_bucket_name: String,
        log_file_prefix: String,
        target_object_key_format: KeyFormat,
    }
}

properties! {
    KeyFormat {
        ;
        partitioned_prefix: PartitionedPrefix,
        simple_prefix: Nothing,
    }
}

properties! {
    PartitionedPrefix {
        ;
        partition_date_source: String,
    }
}

properties! {
    Nothing {
        ;
    }
}

properties! {
    ObjectLock {
        ;
        object_lock_enabled: String,
        rule: ObjectLockRule,
    }
}

properties! {
    ObjectLockRule {
        default_retention: Retention,
        ;
    }
}

properties! {
    Retention {
        mode: String,
        ;
        days: Number,
        years: Number,
    }
}

properties! {
    /// Compared and sent by its id.
    Tiering {
        id: String,
        status: String,
        tierings: Vec<Tier>,
        ;
        prefix: String,
        tag_filters: Vec<TagFilter>,
    }
}

properties! {
    Tier {
        access_tier: String,
        days: Number,
        ;
    }
}

impl PublicAccessBlock {
    pub(super) fn of(block: &PublicAccessBlockConfiguration) -> Self {
        Self {
            block_public_acls: block.block_public_acls,
            block_public_policy: block.block_public_policy,
            ignore_public_acls: block.ignore_public_acls,
            restrict_public_buckets: block.restrict_public_buckets,
        }
    }

    /// A bucket without a block blocks nothing.
    pub(super) fn open() -> Self {
        let open = Some(false);
        Self {
            block_public_acls: open,
            block_public_policy: open,
            ignore_public_acls: open,
            restrict_public_buckets: open,
        }
    }

    pub(super) fn to_sdk(&self) -> PublicAccessBlockConfiguration {
        PublicAccessBlockConfiguration::builder()
            .set_block_public_acls(self.block_public_acls)
            .set_block_public_policy(self.block_public_policy)
            .set_ignore_public_acls(self.ignore_public_acls)
            .set_restrict_public_buckets(self.restrict_public_buckets)
            .build()
    }
}

impl Ownership {
    pub(super) fn of(controls: &types::OwnershipControls) -> Self {
        let rule = |rule: &types::OwnershipControlsRule| OwnershipRule {
            object_ownership: rule.object_ownership.to_string(),
        };
        Self { rules: controls.rules.iter().map(rule).collect() }
    }

    /// S3 has exactly one rule.
    pub(super) fn object_ownership(&self) -> Option<types::ObjectOwnership> {
        self.rules.first().map(|rule| rule.object_ownership.as_str().into())
    }

    pub(super) fn to_sdk(&self) -> Result<types::OwnershipControls, Fault> {
        let rules = each(&self.rules, |rule| {
            types::OwnershipControlsRule::builder()
                .object_ownership(rule.object_ownership.as_str().into())
                .build()
        })?;
        types::OwnershipControls::builder().set_rules(Some(rules)).build().map_err(incomplete)
    }
}

impl Encryption {
    pub(super) fn of(encryption: &ServerSideEncryptionConfiguration) -> Self {
        let rule = |rule: &ServerSideEncryptionRule| EncryptionRule {
            blocked_encryption_types: rule.blocked_encryption_types().map(|blocked| BlockedTypes {
                encryption_type: blocked
                    .encryption_type()
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
            }),
            bucket_key_enabled: Some(rule.bucket_key_enabled.unwrap_or_default()),
            server_side_encryption_by_default: rule.apply_server_side_encryption_by_default().map(
                |default| EncryptionByDefault {
                    sse_algorithm: default.sse_algorithm.to_string(),
                    kms_master_key_id: default.kms_master_key_id.clone(),
                },
            ),
        };
        Self { server_side_encryption_configuration: encryption.rules.iter().map(rule).collect() }
    }

    pub(super) fn to_sdk(&self) -> Result<ServerSideEncryptionConfiguration, Fault> {
        let rules = each(&self.server_side_encryption_configuration, |rule| {
            let default = rule.server_side_encryption_by_default.as_ref().map(|default| {
                ServerSideEncryptionByDefault::builder()
                    .sse_algorithm(default.sse_algorithm.as_str().into())
                    .set_kms_master_key_id(default.kms_master_key_id.clone())
                    .build()
            });
            let blocked = rule.blocked_encryption_types.as_ref().map(|blocked| {
                let all = blocked.encryption_type.iter();
                types::BlockedEncryptionTypes::builder()
                    .set_encryption_type(Some(
                        all.map(|one| EncryptionType::from(one.as_str())).collect(),
                    ))
                    .build()
            });
            Ok(ServerSideEncryptionRule::builder()
                .set_apply_server_side_encryption_by_default(default.transpose()?)
                .set_blocked_encryption_types(blocked)
                .set_bucket_key_enabled(rule.bucket_key_enabled)
                .build())
        })?;
        let all = ServerSideEncryptionConfiguration::builder().set_rules(Some(rules));
        all.build().map_err(incomplete)
    }
}

impl Cors {
    pub(super) fn of(rules: &[types::CorsRule]) -> Self {
        let rule = |rule: &types::CorsRule| CorsRule {
            allowed_methods: rule.allowed_methods.clone(),
            allowed_origins: rule.allowed_origins.clone(),
            allowed_headers: Some(rule.allowed_headers().to_vec()),
            exposed_headers: Some(rule.expose_headers().to_vec()),
            id: rule.id.clone(),
            max_age: rule.max_age_seconds.map(Number),
        };
        Self { cors_rules: rules.iter().map(rule).collect() }
    }

    pub(super) fn to_sdk(&self) -> Result<CorsConfiguration, Fault> {
        let rules = each(&self.cors_rules, |rule| {
            types::CorsRule::builder()
                .set_allowed_methods(Some(rule.allowed_methods.clone()))
                .set_allowed_origins(Some(rule.allowed_origins.clone()))
                .set_allowed_headers(rule.allowed_headers.clone())
                .set_expose_headers(rule.exposed_headers.clone())
                .set_id(rule.id.clone())
                .set_max_age_seconds(rule.max_age.map(Into::into))
                .build()
        })?;
        CorsConfiguration::builder().set_cors_rules(Some(rules)).build().map_err(incomplete)
    }
}

impl Logging {
    pub(super) fn of(logging: &LoggingEnabled) -> Self {
        let format = logging.target_object_key_format().map(|format| KeyFormat {
            partitioned_prefix: format.partitioned_prefix().map(|prefix| PartitionedPrefix {
                partition_date_source: prefix.partition_date_source().map(ToString::to_string),
            }),
            simple_prefix: format.simple_prefix().map(|_| Nothing {}),
        });
        Self {
            destination_bucket_name: Some(logging.target_bucket.clone()),
            log_file_prefix: Some(logging.target_prefix.clone()),
            target_object_key_format: format,
        }
    }

    pub(super) fn to_sdk(&self, bucket: &str) -> Result<BucketLoggingStatus, Fault> {
        let format = self.target_object_key_format.as_ref().map(|format| {
            let partitioned = format.partitioned_prefix.as_ref().map(|prefix| {
                let source = prefix.partition_date_source.as_deref().map(PartitionDateSource::from);
                types::PartitionedPrefix::builder().set_partition_date_source(source).build()
            });
            let simple = format.simple_prefix.as_ref().map(|_| SimplePrefix::builder().build());
            TargetObjectKeyFormat::builder()
                .set_partitioned_prefix(partitioned)
                .set_simple_prefix(simple)
                .build()
        });
        let enabled = LoggingEnabled::builder()
            .target_bucket(self.destination_bucket_name.as_deref().unwrap_or(bucket))
            .target_prefix(self.log_file_prefix.as_deref().unwrap_or_default())
            .set_target_object_key_format(format);
        let enabled = enabled.build().map_err(incomplete)?;
        Ok(BucketLoggingStatus::builder().logging_enabled(enabled).build())
    }
}

impl ObjectLock {
    pub(super) fn of(lock: &ObjectLockConfiguration) -> Self {
        let retention = lock.rule().and_then(|rule| rule.default_retention());
        Self {
            object_lock_enabled: lock.object_lock_enabled().map(ToString::to_string),
            rule: retention.map(|retention| ObjectLockRule {
                default_retention: Retention {
                    mode: retention.mode().map(ToString::to_string).unwrap_or_default(),
                    days: retention.days.map(Number),
                    years: retention.years.map(Number),
                },
            }),
        }
    }

    pub(super) fn to_sdk(&self) -> ObjectLockConfiguration {
        let rule = self.rule.as_ref().map(|ObjectLockRule { default_retention }| {
            let retention = DefaultRetention::builder()
                .mode(ObjectLockRetentionMode::from(default_retention.mode.as_str()))
                .set_days(default_retention.days.map(Into::into))
                .set_years(default_retention.years.map(Into::into));
            types::ObjectLockRule::builder().default_retention(retention.build()).build()
        });
        let enabled = self.object_lock_enabled.as_deref().unwrap_or("Enabled");
        ObjectLockConfiguration::builder()
            .object_lock_enabled(ObjectLockEnabled::from(enabled))
            .set_rule(rule)
            .build()
    }
}

impl Tiering {
    pub(super) fn of(tiering: &IntelligentTieringConfiguration) -> Self {
        let filter = tiering.filter();
        let and = filter.and_then(|filter| filter.and.as_ref());
        let alone = filter.and_then(|filter| filter.tag.as_ref());
        let tags = alone.into_iter().chain(and.iter().flat_map(|and| and.tags()));
        let tier = |tier: &types::Tiering| Tier {
            access_tier: tier.access_tier.to_string(),
            days: Number(tier.days),
        };
        Self {
            id: tiering.id.clone(),
            status: tiering.status.to_string(),
            tierings: tiering.tierings.iter().map(tier).collect(),
            prefix: filter
                .and_then(|filter| filter.prefix.clone())
                .or(and.and_then(|and| and.prefix.clone())),
            tag_filters: Some(tags.map(TagFilter::of).collect()),
        }
    }

    pub(super) fn to_sdk(&self) -> Result<IntelligentTieringConfiguration, Fault> {
        let tierings = each(&self.tierings, |tier| {
            types::Tiering::builder()
                .access_tier(IntelligentTieringAccessTier::from(tier.access_tier.as_str()))
                .days(tier.days.into())
                .build()
        })?;
        IntelligentTieringConfiguration::builder()
            .id(&self.id)
            .status(IntelligentTieringStatus::from(self.status.as_str()))
            .set_tierings(Some(tierings))
            .set_filter(self.filter().map_err(incomplete)?)
            .build()
            .map_err(incomplete)
    }

    /// One condition alone, or several inside an `And`.
    fn filter(&self) -> Result<Option<IntelligentTieringFilter>, BuildError> {
        let tags = self.tag_filters.iter().flatten().map(TagFilter::to_sdk);
        let tags: Vec<types::Tag> = tags.collect::<Result<_, _>>()?;
        let filter = IntelligentTieringFilter::builder();
        Ok(match (&self.prefix, tags.as_slice()) {
            (None, []) => None,
            (Some(prefix), []) => Some(filter.prefix(prefix).build()),
            (None, [tag]) => Some(filter.tag(tag.clone()).build()),
            (prefix, _) => {
                let and = IntelligentTieringAndOperator::builder().set_prefix(prefix.clone());
                Some(filter.and(and.set_tags(Some(tags)).build()).build())
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json, to_value};

    use super::*;

    /// What becomes of `value` on its way to the SDK's type and back.
    fn back<T: Serialize + DeserializeOwned>(value: &Value, way: impl Fn(&T) -> T) -> Value {
        to_value(way(&serde_json::from_value(value.clone()).unwrap())).unwrap()
    }

    #[test]
    fn encryption_and_ownership_read_back() {
        let encryption = json!({"ServerSideEncryptionConfiguration": [{
            "BucketKeyEnabled": true,
            "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "arn:key"},
        }]});
        let way = |it: &Encryption| Encryption::of(&it.to_sdk().unwrap());
        assert_eq!(back(&encryption, way), encryption);
        let ownership = json!({"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]});
        let way = |it: &Ownership| Ownership::of(&it.to_sdk().unwrap());
        assert_eq!(back(&ownership, way), ownership);
    }

    #[test]
    fn a_bucket_logs_to_itself_unless_told_otherwise() {
        let way = |it: &Logging| {
            Logging::of(it.to_sdk("own").unwrap().logging_enabled().expect("it is enabled"))
        };
        assert_eq!(
            back(&json!({}), way),
            json!({"DestinationBucketName": "own", "LogFilePrefix": ""})
        );
        let other = json!({
            "DestinationBucketName": "logs", "LogFilePrefix": "own/",
            "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
        });
        assert_eq!(back(&other, way), other);
    }

    #[test]
    fn a_tiering_has_one_condition_or_several() {
        let way = |it: &Tiering| Tiering::of(&it.to_sdk().unwrap());
        let tag = json!({"Key": "a", "Value": "b"});
        for (prefix, tags) in [
            (None, json!([])),
            (Some("a/"), json!([])),
            (None, json!([tag])),
            (Some("a/"), json!([tag])),
        ] {
            let mut tiering = json!({
                "Id": "cold", "Status": "Enabled", "TagFilters": tags,
                "Tierings": [{"AccessTier": "ARCHIVE_ACCESS", "Days": 90}],
            });
            if let Some(prefix) = prefix {
                tiering["Prefix"] = json!(prefix);
            }
            assert_eq!(back(&tiering, way), tiering);
        }
    }

    #[test]
    fn a_lock_is_enabled_by_its_rule() {
        let way = |it: &ObjectLock| ObjectLock::of(&it.to_sdk());
        let lock = json!({"Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}});
        let mut full = lock.clone();
        full["ObjectLockEnabled"] = json!("Enabled");
        assert_eq!(back(&lock, way), full);
    }
}
