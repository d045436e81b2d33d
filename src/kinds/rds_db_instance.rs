//! `AWS::RDS::DBInstance`. Long because the type has some fifty properties, each of them in the spec, in the field
//! table, in the reading half, in the two ways to create an instance and in the one to modify it.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{
    self, CloudwatchLogsExportConfiguration, DatabaseInsightsMode, DbInstance, Filter, ReplicaMode,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rds;
use super::rds_backup_copies;
use super::reply::{collect, gone};
use super::scalar::{LowerCase, Number};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct Instance;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    allocated_storage: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_major_version_upgrade: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    associated_roles: Option<Vec<AssociatedRole>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_minor_version_upgrade: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic_backup_replication_kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic_backup_replication_region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    automatic_backup_replication_retention_period: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_zone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backup_retention_period: Option<Number>,
    #[serde(rename = "CACertificateIdentifier", skip_serializing_if = "Option::is_none")]
    ca_certificate_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    character_set_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy_tags_to_snapshot: Option<bool>,
    #[serde(rename = "DBInstanceClass", skip_serializing_if = "Option::is_none")]
    db_instance_class: Option<String>,
    #[serde(rename = "DBInstanceIdentifier")]
    db_instance_identifier: LowerCase,
    #[serde(rename = "DBName", skip_serializing_if = "Option::is_none")]
    db_name: Option<String>,
    #[serde(rename = "DBParameterGroupName", skip_serializing_if = "Option::is_none")]
    db_parameter_group_name: Option<LowerCase>,
    #[serde(rename = "DBSubnetGroupName", skip_serializing_if = "Option::is_none")]
    db_subnet_group_name: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    database_insights_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dedicated_log_volume: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_automated_backups: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_protection: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_cloudwatch_logs_exports: Option<BTreeSet<String>>,
    #[serde(rename = "EnableIAMDatabaseAuthentication", skip_serializing_if = "Option::is_none")]
    enable_iam_database_authentication: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enable_performance_insights: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_lifecycle_support: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iops: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manage_master_user_password: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master_user_secret: Option<MasterUserSecret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    master_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_allocated_storage: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitoring_interval: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitoring_role_arn: Option<String>,
    #[serde(rename = "MultiAZ", skip_serializing_if = "Option::is_none")]
    multi_az: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nchar_character_set_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    option_group_name: Option<LowerCase>,
    #[serde(rename = "PerformanceInsightsKMSKeyId", skip_serializing_if = "Option::is_none")]
    performance_insights_kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_insights_retention_period: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_backup_window: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preferred_maintenance_window: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_features: Option<Vec<ProcessorFeature>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publicly_accessible: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replica_mode: Option<String>,
    #[serde(rename = "SourceDBInstanceIdentifier", skip_serializing_if = "Option::is_none")]
    source_db_instance_identifier: Option<LowerCase>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_encrypted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_throughput: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    storage_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    #[serde(rename = "VPCSecurityGroups", skip_serializing_if = "Option::is_none")]
    vpc_security_groups: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AssociatedRole {
    feature_name: String,
    role_arn: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MasterUserSecret {
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcessorFeature {
    name: String,
    value: String,
}

impl Kind for Instance {
    type Spec = Spec;
    type Live = DbInstance;

    const NAME: &'static str = "AWS::RDS::DBInstance";
    const DOC: &'static str = "A relational database, or a read replica of one. \
        It works after its first backup; a replica is made of an instance that works and keeps backups.\n\n\
        There is no `MasterUserPassword`: no secret stands in a blueprint, a plan or a state. With \
        `ManageMasterUserPassword` RDS keeps the password in Secrets Manager and rotates it; the output \
        `MasterUserSecret.SecretArn` names the secret.\n\n\
        Every change is applied immediately, and one that is under way counts as done. Static parameters of a \
        parameter group wait for the next restart, which platctl leaves to you. Storage grows by itself up to \
        `MaxAllocatedStorage`, and with `AutoMinorVersionUpgrade` the version rises in the maintenance window: \
        more storage or a higher version than asked for is no drift, for neither can be taken back. Keys are \
        compared as RDS tells them: name a key by its ARN, not by an alias.\n\n\
        A read replica starts with what its source has wherever its specification is silent; engine, version, \
        user and windows are the source's in any case. It cannot be created with `BackupRetentionPeriod` or \
        `ManageMasterUserPassword`.\n\n\
        Copies of automated backups in another region stay until their retention ends, whatever becomes of the \
        instance; their key and retention are not told by the instance, so that only changes of the blueprint are \
        seen.\n\n\
        Deletion waits for a snapshot or a modification that is under way; deletion protection is switched off \
        first. The policy `Snapshot` leaves a final snapshot `<identifier>-final-<hash>`, except of replicas and of \
        instances that failed.";
    const FIELDS: &'static [Field] = &[
        Field::updates("AllocatedStorage", "GiB. It can grow, by itself too, and never shrink.")
            .at_least(),
        Field::updates(
            "AllowMajorVersionUpgrade",
            "Whether `EngineVersion` may name another major version.",
        )
        .write_only(),
        Field::updates("AssociatedRoles", "Roles for features such as S3 import.").set().late(),
        Field::updates("AutoMinorVersionUpgrade", "Whether RDS upgrades minor versions by itself."),
        Field::updates(
            "AutomaticBackupReplicationKmsKeyId",
            "The ARN of the key there that encrypts the copies of the backups.",
        )
        .write_only(),
        Field::updates(
            "AutomaticBackupReplicationRegion",
            "The other region into which automated backups are copied; empty for none.",
        )
        .late(),
        Field::updates(
            "AutomaticBackupReplicationRetentionPeriod",
            "Days that these copies are kept.",
        )
        .write_only(),
        Field::replaces("AvailabilityZone", "Its zone; not with `MultiAZ`."),
        Field::updates("BackupRetentionPeriod", "Days that backups are kept; 0 switches them off."),
        Field::updates("CACertificateIdentifier", "The authority of the server certificate."),
        Field::replaces("CharacterSetName", "The character set (Oracle, Db2)."),
        Field::updates("CopyTagsToSnapshot", "Whether snapshots carry the tags of the instance."),
        Field::updates("DBInstanceClass", "The machine: `db.m7g.large`."),
        Field::replaces("DBInstanceIdentifier", "The name; RDS keeps it in lower case."),
        Field::replaces("DBName", "The database that is made with the instance."),
        Field::updates("DBParameterGroupName", "The settings of the engine."),
        Field::replaces("DBSubnetGroupName", "The subnets in which it may stand."),
        Field::updates("DatabaseInsightsMode", "`standard` or `advanced`."),
        Field::updates(
            "DedicatedLogVolume",
            "Whether the transaction log has a volume of its own.",
        ),
        Field::updates(
            "DeleteAutomatedBackups",
            "Whether a deletion takes the automated backups along (the default).",
        )
        .write_only(),
        Field::updates("DeletionProtection", "Whether RDS refuses to delete it."),
        Field::updates(
            "EnableCloudwatchLogsExports",
            "The logs that go to CloudWatch: `postgresql`, `upgrade`.",
        )
        .set(),
        Field::updates("EnableIAMDatabaseAuthentication", "Whether IAM principals may sign in."),
        Field::updates("EnablePerformanceInsights", "Whether Performance Insights collects data."),
        Field::replaces("Engine", "`postgres`, `mysql`, `mariadb`, ..."),
        Field::updates(
            "EngineLifecycleSupport",
            "Whether extended support follows standard support.",
        ),
        Field::updates("EngineVersion", "`18.1`, or `18` for the newest of that major version.")
            .at_least(),
        Field::updates("Iops", "Provisioned I/O operations a second."),
        Field::replaces("KmsKeyId", "The ARN of the key that encrypts the storage."),
        Field::updates("LicenseModel", "The licence (Oracle, SQL Server, Db2)."),
        Field::updates(
            "ManageMasterUserPassword",
            "Whether RDS keeps the master password in Secrets Manager.",
        ),
        Field::updates(
            "MasterUserSecret",
            "`KmsKeyId`: the ARN of the key that encrypts the master password.",
        ),
        Field::replaces("MasterUsername", "The name of the master user."),
        Field::updates("MaxAllocatedStorage", "GiB up to which the storage grows by itself."),
        Field::updates(
            "MonitoringInterval",
            "Seconds between points of enhanced monitoring; 0 switches it off.",
        ),
        Field::updates("MonitoringRoleArn", "The role that enhanced monitoring assumes."),
        Field::updates("MultiAZ", "Whether a standby in another zone takes over when it fails."),
        Field::replaces("NcharCharacterSetName", "The national character set (Oracle)."),
        Field::updates("NetworkType", "`IPV4` or `DUAL`."),
        Field::updates("OptionGroupName", "Optional features of the engine."),
        Field::replaces(
            "PerformanceInsightsKMSKeyId",
            "The ARN of the key that encrypts this data.",
        ),
        Field::updates(
            "PerformanceInsightsRetentionPeriod",
            "Days that this data is kept: 7, 731, or months of 31 days.",
        ),
        Field::updates("Port", "The port on which it listens."),
        Field::updates(
            "PreferredBackupWindow",
            "When automated backups are made, UTC: `03:00-04:00`.",
        ),
        Field::updates(
            "PreferredMaintenanceWindow",
            "When RDS may work on it, UTC: `sun:04:00-sun:05:00`.",
        ),
        Field::updates("ProcessorFeatures", "Cores, and threads a core.").set(),
        Field::updates("PubliclyAccessible", "Whether it has a public address, too."),
        Field::updates("ReplicaMode", "`open-read-only` or `mounted` (Oracle, Db2)."),
        Field::replaces(
            "SourceDBInstanceIdentifier",
            "What it replicates: an identifier, or an ARN in another region.",
        )
        .when_ready(),
        Field::replaces("StorageEncrypted", "Whether the storage is encrypted."),
        Field::updates("StorageThroughput", "MiB a second (`gp3`)."),
        Field::updates("StorageType", "`gp3`, `io2`, ..."),
        TAGS,
        Field::replaces("Timezone", "The time zone (SQL Server, Db2)."),
        Field::updates("VPCSecurityGroups", "The security groups.").set(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("DBInstanceIdentifier", "The name of the instance."),
        Output::with_id("DBInstanceArn", "The ARN of the instance."),
        Output::with_id(
            "DbiResourceId",
            "The id that no other instance ever has, for IAM policies.",
        ),
        Output::when_ready("Endpoint.Address", "The host name to connect to."),
        Output::when_ready("Endpoint.Port", "The port to connect to."),
        Output::when_ready(
            "MasterUserSecret.SecretArn",
            "The secret with the master password, if RDS manages it.",
        ),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(300, 120, 240);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    const LOSS: Loss = Loss::Data;
    /// A page of the API.
    const READ_MAX: usize = 100;

    fn id(live: &DbInstance) -> PhysicalId {
        PhysicalId::new(live.db_instance_identifier().unwrap_or_default())
    }

    fn spec(live: &DbInstance) -> Spec {
        // What a modification has asked for and is not there yet counts as done.
        let pending = live.pending_modified_values();
        let number = |number: Option<i32>| number.map(Number);
        let lower = |text: Option<&str>| text.map(LowerCase::new);
        let text = |text: Option<&str>| text.map(str::to_owned);
        let port = live.endpoint().and_then(|endpoint| endpoint.port);
        let staying = |status: Option<&str>| !status.is_some_and(|word| word.contains("remov"));
        Spec {
            allocated_storage: number(
                pending.and_then(|pending| pending.allocated_storage).or(live.allocated_storage),
            ),
            allow_major_version_upgrade: None,
            associated_roles: Some(roles(live)),
            auto_minor_version_upgrade: live.auto_minor_version_upgrade,
            automatic_backup_replication_kms_key_id: None,
            automatic_backup_replication_region: Some(rds_backup_copies::region(live).into()),
            automatic_backup_replication_retention_period: None,
            availability_zone: text(live.availability_zone()),
            backup_retention_period: number(
                pending
                    .and_then(|pending| pending.backup_retention_period)
                    .or(live.backup_retention_period),
            ),
            ca_certificate_identifier: text(
                pending
                    .and_then(|pending| pending.ca_certificate_identifier())
                    .or(live.ca_certificate_identifier()),
            ),
            character_set_name: text(live.character_set_name()),
            copy_tags_to_snapshot: live.copy_tags_to_snapshot,
            db_instance_class: text(
                pending
                    .and_then(|pending| pending.db_instance_class())
                    .or(live.db_instance_class()),
            ),
            db_instance_identifier: LowerCase::new(
                live.db_instance_identifier().unwrap_or_default(),
            ),
            db_name: text(live.db_name()),
            db_parameter_group_name: lower(
                live.db_parameter_groups()
                    .first()
                    .and_then(|group| group.db_parameter_group_name()),
            ),
            db_subnet_group_name: lower(
                pending
                    .and_then(|pending| pending.db_subnet_group_name())
                    .or_else(|| live.db_subnet_group()?.db_subnet_group_name()),
            ),
            database_insights_mode: text(
                live.database_insights_mode().map(DatabaseInsightsMode::as_str),
            ),
            dedicated_log_volume: pending
                .and_then(|pending| pending.dedicated_log_volume)
                .or(live.dedicated_log_volume),
            delete_automated_backups: None,
            deletion_protection: live.deletion_protection,
            enable_cloudwatch_logs_exports: Some(log_exports(live)),
            enable_iam_database_authentication: pending
                .and_then(|pending| pending.iam_database_authentication_enabled)
                .or(live.iam_database_authentication_enabled),
            enable_performance_insights: live.performance_insights_enabled,
            engine: lower(pending.and_then(|pending| pending.engine()).or(live.engine())),
            engine_lifecycle_support: text(live.engine_lifecycle_support()),
            engine_version: text(
                pending.and_then(|pending| pending.engine_version()).or(live.engine_version()),
            ),
            iops: number(pending.and_then(|pending| pending.iops).or(live.iops)),
            kms_key_id: text(live.kms_key_id()),
            license_model: text(
                pending.and_then(|pending| pending.license_model()).or(live.license_model()),
            ),
            manage_master_user_password: Some(live.master_user_secret().is_some()),
            master_user_secret: live
                .master_user_secret()
                .map(|secret| MasterUserSecret { kms_key_id: text(secret.kms_key_id()) }),
            master_username: text(live.master_username()),
            max_allocated_storage: number(live.max_allocated_storage),
            monitoring_interval: number(live.monitoring_interval),
            monitoring_role_arn: text(live.monitoring_role_arn()),
            multi_az: pending.and_then(|pending| pending.multi_az).or(live.multi_az),
            nchar_character_set_name: text(live.nchar_character_set_name()),
            network_type: text(live.network_type()),
            option_group_name: live
                .option_group_memberships()
                .iter()
                .find(|membership| staying(membership.status()))
                .and_then(|membership| lower(membership.option_group_name())),
            performance_insights_kms_key_id: text(live.performance_insights_kms_key_id()),
            performance_insights_retention_period: number(
                live.performance_insights_retention_period,
            ),
            port: number(pending.and_then(|pending| pending.port).or(port)),
            preferred_backup_window: text(live.preferred_backup_window()),
            preferred_maintenance_window: lower(live.preferred_maintenance_window()),
            processor_features: Some(features(match pending {
                Some(pending) if pending.processor_features.is_some() => {
                    pending.processor_features()
                }
                _ => live.processor_features(),
            })),
            publicly_accessible: live.publicly_accessible,
            replica_mode: text(live.replica_mode().map(ReplicaMode::as_str)),
            source_db_instance_identifier: lower(live.read_replica_source_db_instance_identifier()),
            storage_encrypted: live.storage_encrypted,
            storage_throughput: number(
                pending.and_then(|pending| pending.storage_throughput).or(live.storage_throughput),
            ),
            storage_type: text(
                pending.and_then(|pending| pending.storage_type()).or(live.storage_type()),
            ),
            tags: Some(rds::tags(live.tag_list())),
            timezone: text(live.timezone()),
            vpc_security_groups: Some(
                live.vpc_security_groups()
                    .iter()
                    .filter(|membership| staying(membership.status()))
                    .filter_map(|membership| membership.vpc_security_group_id.clone())
                    .collect(),
            ),
        }
    }

    fn outputs(live: &DbInstance) -> Outputs {
        let endpoint = live.endpoint();
        let port = endpoint.and_then(|endpoint| endpoint.port).map(|port| port.to_string());
        outputs([
            ("DBInstanceIdentifier", live.db_instance_identifier()),
            ("DBInstanceArn", live.db_instance_arn()),
            ("DbiResourceId", live.dbi_resource_id()),
            ("Endpoint.Address", endpoint.and_then(|endpoint| endpoint.address())),
            ("Endpoint.Port", port.as_deref()),
            (
                "MasterUserSecret.SecretArn",
                live.master_user_secret().and_then(|secret| secret.secret_arn()),
            ),
        ])
    }

    fn readiness(live: &DbInstance) -> Readiness {
        let status = live.db_instance_status().unwrap_or("creating");
        match status {
            // While its storage is optimized an instance serves as always.
            "available" | "storage-optimization" => Readiness::Ready,
            "deleting" => Readiness::Deleting,
            broken if is_broken(broken) => Readiness::Failed(reason(live, broken)),
            other => Readiness::Pending(other.to_owned().into()),
        }
    }

    fn owner(live: &DbInstance) -> Option<Owner> {
        tags::owner(&rds::tags(live.tag_list()).0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.db_instance_identifier))
    }

    fn typical(spec: &Spec) -> Typical {
        match spec {
            Spec { source_db_instance_identifier: Some(_), .. } => Typical::seconds(480, 120, 180),
            Spec { multi_az: Some(true), .. } => Typical::seconds(600, 240, 300),
            _ => Self::TYPICAL,
        }
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<DbInstance>, Fault> {
        find(cx, rds::names(wanted)).await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        match &spec.source_db_instance_identifier {
            Some(source) => create_replica(cx, spec, source).await?,
            None => create(cx, spec).await?,
        }
        Ok(PhysicalId::new(&*spec.db_instance_identifier))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        modify(cx, id, &update).await?;
        if update.has("AssociatedRoles") {
            associate_roles(cx, id, &update).await?;
        }
        if update.changed.iter().any(|path| COPIES.contains(path)) {
            copy_backups(cx, id, update.to).await?;
        }
        if update.has("Tags") {
            let arn = rds::arn(cx, "db", id.as_str()).await?;
            rds::retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        policy: DeletionPolicy,
    ) -> Result<(), Fault> {
        let found = find(cx, [id.as_str()]).await?;
        let Some(live) = found.first() else { return Ok(()) };
        if Self::readiness(live) == Readiness::Deleting {
            return Ok(());
        }
        if live.deletion_protection == Some(true) {
            cx.rds
                .modify_db_instance()
                .db_instance_identifier(id.as_str())
                .deletion_protection(false)
                .apply_immediately(true)
                .send()
                .await?;
        }
        let snapshot = final_snapshot(live, policy);
        let backups_too = match policy {
            DeletionPolicy::Delete => true,
            DeletionPolicy::Snapshot | DeletionPolicy::Retain => {
                recorded.delete_automated_backups.unwrap_or(true)
            }
        };
        let answer = cx
            .rds
            .delete_db_instance()
            .db_instance_identifier(id.as_str())
            .skip_final_snapshot(snapshot.is_none())
            .set_final_db_snapshot_identifier(snapshot)
            .delete_automated_backups(backups_too)
            .send()
            .await;
        gone(answer)
    }
}

/// The instances of those identifiers that exist. A filter: an identifier that is not there is no fault.
async fn find<'a>(
    cx: &Cx,
    identifiers: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<DbInstance>, Fault> {
    let identifiers: Vec<String> = identifiers.into_iter().map(Into::into).collect();
    if identifiers.is_empty() {
        return Ok(Vec::new());
    }
    let filter = Filter::builder().name("db-instance-id").set_values(Some(identifiers)).build();
    let pages = cx.rds.describe_db_instances().filters(filter).into_paginator().page_size(100);
    collect(pages.items().send()).await
}

async fn create(cx: &Cx, spec: &Spec) -> Result<(), Fault> {
    let secret_key = spec.master_user_secret.as_ref().and_then(|secret| secret.kms_key_id.clone());
    cx.rds
        .create_db_instance()
        .set_allocated_storage(spec.allocated_storage.map(Into::into))
        .set_auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
        .set_availability_zone(spec.availability_zone.clone())
        .set_backup_retention_period(spec.backup_retention_period.map(Into::into))
        .set_ca_certificate_identifier(spec.ca_certificate_identifier.clone())
        .set_character_set_name(spec.character_set_name.clone())
        .set_copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .set_database_insights_mode(spec.database_insights_mode.as_deref().map(Into::into))
        .set_db_instance_class(spec.db_instance_class.clone())
        .db_instance_identifier(&*spec.db_instance_identifier)
        .set_db_name(spec.db_name.clone())
        .set_db_parameter_group_name(spec.db_parameter_group_name.clone().map(Into::into))
        .set_db_subnet_group_name(spec.db_subnet_group_name.clone().map(Into::into))
        .set_dedicated_log_volume(spec.dedicated_log_volume)
        .set_deletion_protection(spec.deletion_protection)
        .set_enable_cloudwatch_logs_exports(list(spec.enable_cloudwatch_logs_exports.as_ref()))
        .set_enable_iam_database_authentication(spec.enable_iam_database_authentication)
        .set_enable_performance_insights(spec.enable_performance_insights)
        .set_engine(spec.engine.clone().map(Into::into))
        .set_engine_lifecycle_support(spec.engine_lifecycle_support.clone())
        .set_engine_version(spec.engine_version.clone())
        .set_iops(spec.iops.map(Into::into))
        .set_kms_key_id(spec.kms_key_id.clone())
        .set_license_model(spec.license_model.clone())
        .set_manage_master_user_password(spec.manage_master_user_password)
        .set_master_user_secret_kms_key_id(secret_key)
        .set_master_username(spec.master_username.clone())
        .set_max_allocated_storage(spec.max_allocated_storage.map(Into::into))
        .set_monitoring_interval(spec.monitoring_interval.map(Into::into))
        .set_monitoring_role_arn(spec.monitoring_role_arn.clone())
        .set_multi_az(spec.multi_az)
        .set_nchar_character_set_name(spec.nchar_character_set_name.clone())
        .set_network_type(spec.network_type.clone())
        .set_option_group_name(spec.option_group_name.clone().map(Into::into))
        .set_performance_insights_kms_key_id(spec.performance_insights_kms_key_id.clone())
        .set_performance_insights_retention_period(
            spec.performance_insights_retention_period.map(Into::into),
        )
        .set_port(spec.port.map(Into::into))
        .set_preferred_backup_window(spec.preferred_backup_window.clone())
        .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone().map(Into::into))
        .set_processor_features(feature_list(spec.processor_features.as_deref()))
        .set_publicly_accessible(spec.publicly_accessible)
        .set_storage_encrypted(spec.storage_encrypted)
        .set_storage_throughput(spec.storage_throughput.map(Into::into))
        .set_storage_type(spec.storage_type.clone())
        .set_tags(rds::tag_list(spec.tags.as_ref()))
        .set_timezone(spec.timezone.clone())
        .set_vpc_security_group_ids(list(spec.vpc_security_groups.as_ref()))
        .send()
        .await?;
    Ok(())
}

/// Engine, version, user, character sets and windows are the source's and are not sent; if the spec names others, the
/// next plan says so.
async fn create_replica(cx: &Cx, spec: &Spec, source: &LowerCase) -> Result<(), Fault> {
    if let Some(property) = refused_of_replicas(spec) {
        let message = format!("a read replica cannot be created with `{property}`");
        return Err(Fault::new(Class::Invalid, message));
    }
    cx.rds
        .create_db_instance_read_replica()
        .source_db_instance_identifier(&**source)
        .set_allocated_storage(spec.allocated_storage.map(Into::into))
        .set_auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
        .set_availability_zone(spec.availability_zone.clone())
        .set_ca_certificate_identifier(spec.ca_certificate_identifier.clone())
        .set_copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .set_database_insights_mode(spec.database_insights_mode.as_deref().map(Into::into))
        .set_db_instance_class(spec.db_instance_class.clone())
        .db_instance_identifier(&*spec.db_instance_identifier)
        .set_db_parameter_group_name(spec.db_parameter_group_name.clone().map(Into::into))
        .set_db_subnet_group_name(spec.db_subnet_group_name.clone().map(Into::into))
        .set_dedicated_log_volume(spec.dedicated_log_volume)
        .set_deletion_protection(spec.deletion_protection)
        .set_enable_cloudwatch_logs_exports(list(spec.enable_cloudwatch_logs_exports.as_ref()))
        .set_enable_iam_database_authentication(spec.enable_iam_database_authentication)
        .set_enable_performance_insights(spec.enable_performance_insights)
        .set_iops(spec.iops.map(Into::into))
        .set_kms_key_id(spec.kms_key_id.clone())
        .set_max_allocated_storage(spec.max_allocated_storage.map(Into::into))
        .set_monitoring_interval(spec.monitoring_interval.map(Into::into))
        .set_monitoring_role_arn(spec.monitoring_role_arn.clone())
        .set_multi_az(spec.multi_az)
        .set_network_type(spec.network_type.clone())
        .set_option_group_name(spec.option_group_name.clone().map(Into::into))
        .set_performance_insights_kms_key_id(spec.performance_insights_kms_key_id.clone())
        .set_performance_insights_retention_period(
            spec.performance_insights_retention_period.map(Into::into),
        )
        .set_port(spec.port.map(Into::into))
        .set_processor_features(feature_list(spec.processor_features.as_deref()))
        .set_publicly_accessible(spec.publicly_accessible)
        .set_replica_mode(spec.replica_mode.as_deref().map(Into::into))
        .set_storage_throughput(spec.storage_throughput.map(Into::into))
        .set_storage_type(spec.storage_type.clone())
        .set_tags(rds::tag_list(spec.tags.as_ref()))
        .set_vpc_security_group_ids(list(spec.vpc_security_groups.as_ref()))
        .send()
        .await?;
    Ok(())
}

/// The property that a replica's creation has no place for, and that is not the source's: it starts without backups
/// and without a password of its own.
fn refused_of_replicas(spec: &Spec) -> Option<&'static str> {
    let named = [
        ("BackupRetentionPeriod", spec.backup_retention_period.is_some_and(|days| days.0 > 0)),
        ("ManageMasterUserPassword", spec.manage_master_user_password == Some(true)),
    ];
    named.into_iter().find(|(_, named)| *named).map(|(property, _)| property)
}

/// Properties that one `ModifyDBInstance` sends.
const MODIFIED: &[&str] = &[
    "AllocatedStorage",
    "AutoMinorVersionUpgrade",
    "BackupRetentionPeriod",
    "CACertificateIdentifier",
    "CopyTagsToSnapshot",
    "DBInstanceClass",
    "DBParameterGroupName",
    "DatabaseInsightsMode",
    "DedicatedLogVolume",
    "DeletionProtection",
    "EnableCloudwatchLogsExports",
    "EnableIAMDatabaseAuthentication",
    "EnablePerformanceInsights",
    "EngineLifecycleSupport",
    "EngineVersion",
    "Iops",
    "LicenseModel",
    "ManageMasterUserPassword",
    "MasterUserSecret",
    "MaxAllocatedStorage",
    "MonitoringInterval",
    "MonitoringRoleArn",
    "MultiAZ",
    "NetworkType",
    "OptionGroupName",
    "PerformanceInsightsRetentionPeriod",
    "Port",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "ProcessorFeatures",
    "PubliclyAccessible",
    "ReplicaMode",
    "StorageThroughput",
    "StorageType",
    "VPCSecurityGroups",
];

async fn modify(cx: &Cx, id: &PhysicalId, update: &Update<'_, Spec>) -> Result<(), Fault> {
    if !update.changed.iter().any(|path| MODIFIED.contains(path)) {
        return Ok(());
    }
    let change = modification(update);
    let exports = update.has("EnableCloudwatchLogsExports").then(|| export_change(update));
    let secret_key = change.master_user_secret.and_then(|secret| secret.kms_key_id);
    cx.rds
        .modify_db_instance()
        .db_instance_identifier(id.as_str())
        .apply_immediately(true)
        .set_allocated_storage(change.allocated_storage.map(Into::into))
        .set_allow_major_version_upgrade(change.allow_major_version_upgrade)
        .set_auto_minor_version_upgrade(change.auto_minor_version_upgrade)
        .set_backup_retention_period(change.backup_retention_period.map(Into::into))
        .set_ca_certificate_identifier(change.ca_certificate_identifier)
        .set_cloudwatch_logs_export_configuration(exports)
        .set_copy_tags_to_snapshot(change.copy_tags_to_snapshot)
        .set_database_insights_mode(change.database_insights_mode.as_deref().map(Into::into))
        .set_db_instance_class(change.db_instance_class)
        .set_db_parameter_group_name(change.db_parameter_group_name.map(Into::into))
        .set_db_port_number(change.port.map(Into::into))
        .set_dedicated_log_volume(change.dedicated_log_volume)
        .set_deletion_protection(change.deletion_protection)
        .set_enable_iam_database_authentication(change.enable_iam_database_authentication)
        .set_enable_performance_insights(change.enable_performance_insights)
        .set_engine_lifecycle_support(change.engine_lifecycle_support)
        .set_engine_version(change.engine_version)
        .set_iops(change.iops.map(Into::into))
        .set_license_model(change.license_model)
        .set_manage_master_user_password(change.manage_master_user_password)
        .set_master_user_secret_kms_key_id(secret_key)
        .set_max_allocated_storage(change.max_allocated_storage.map(Into::into))
        .set_monitoring_interval(change.monitoring_interval.map(Into::into))
        .set_monitoring_role_arn(change.monitoring_role_arn)
        .set_multi_az(change.multi_az)
        .set_network_type(change.network_type)
        .set_option_group_name(change.option_group_name.map(Into::into))
        .set_performance_insights_kms_key_id(change.performance_insights_kms_key_id)
        .set_performance_insights_retention_period(
            change.performance_insights_retention_period.map(Into::into),
        )
        .set_preferred_backup_window(change.preferred_backup_window)
        .set_preferred_maintenance_window(change.preferred_maintenance_window.map(Into::into))
        .set_processor_features(feature_list(change.processor_features.as_deref()))
        .set_publicly_accessible(change.publicly_accessible)
        .set_replica_mode(change.replica_mode.as_deref().map(Into::into))
        .set_storage_throughput(change.storage_throughput.map(Into::into))
        .set_storage_type(change.storage_type)
        .set_vpc_security_group_ids(list(change.vpc_security_groups.as_ref()))
        .send()
        .await?;
    Ok(())
}

/// Properties that RDS wants to see together: if one differs, all go along.
const TOGETHER: &[&[&str]] = &[
    &["AllocatedStorage", "Iops", "StorageThroughput", "StorageType"],
    &["ManageMasterUserPassword", "MasterUserSecret"],
    &["MonitoringInterval", "MonitoringRoleArn"],
    &[
        "DatabaseInsightsMode",
        "EnablePerformanceInsights",
        "PerformanceInsightsKMSKeyId",
        "PerformanceInsightsRetentionPeriod",
    ],
];

/// The part of the desired spec that a modification sends.
fn modification(update: &Update<'_, Spec>) -> Spec {
    let mut sent: BTreeSet<&str> = update.changed.iter().copied().collect();
    for group in TOGETHER {
        if group.iter().any(|path| update.has(path)) {
            sent.extend(*group);
        }
    }
    if update.has("EngineVersion") {
        sent.insert("AllowMajorVersionUpgrade");
    }
    sent.insert("DBInstanceIdentifier");
    let mut desired = serde_json::to_value(update.to).expect("a Spec always serializes");
    if let Some(properties) = desired.as_object_mut() {
        properties.retain(|name, _| sent.contains(name.as_str()));
    }
    let mut change: Spec = serde_json::from_value(desired).expect("a part of a Spec is a Spec");
    // The storage may have grown by itself, and never shrinks.
    let grown = update.from.allocated_storage.map(i32::from);
    let asked = change.allocated_storage.map(i32::from);
    change.allocated_storage = asked.map(|asked| Number(asked.max(grown.unwrap_or(asked))));
    change
}

fn export_change(update: &Update<'_, Spec>) -> CloudwatchLogsExportConfiguration {
    let none = BTreeSet::new();
    let from = update.from.enable_cloudwatch_logs_exports.as_ref().unwrap_or(&none);
    let to = update.to.enable_cloudwatch_logs_exports.as_ref().unwrap_or(&none);
    CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(Some(to.difference(from).cloned().collect()))
        .set_disable_log_types(Some(from.difference(to).cloned().collect()))
        .build()
}

/// Properties of the copies of automated backups.
const COPIES: &[&str] = &[
    "AutomaticBackupReplicationKmsKeyId",
    "AutomaticBackupReplicationRegion",
    "AutomaticBackupReplicationRetentionPeriod",
];

async fn copy_backups(cx: &Cx, id: &PhysicalId, to: &Spec) -> Result<(), Fault> {
    let found = find(cx, [id.as_str()]).await?;
    let Some(live) = found.first() else { return Ok(()) };
    let region = to.automatic_backup_replication_region.as_deref().unwrap_or_default();
    if region.is_empty() && rds_backup_copies::region(live).is_empty() {
        return Ok(());
    }
    let copies = rds_backup_copies::Copies {
        region,
        key: to.automatic_backup_replication_kms_key_id.as_deref(),
        retention_days: to.automatic_backup_replication_retention_period.map(Into::into),
    };
    rds_backup_copies::replace(cx, id, live, copies).await
}

async fn associate_roles(cx: &Cx, id: &PhysicalId, update: &Update<'_, Spec>) -> Result<(), Fault> {
    let from = update.from.associated_roles.as_deref().unwrap_or_default();
    let to = update.to.associated_roles.as_deref().unwrap_or_default();
    // A feature has one role: the old one goes before the new one comes.
    for role in from.iter().filter(|role| !to.contains(role)) {
        let answer = cx
            .rds
            .remove_role_from_db_instance()
            .db_instance_identifier(id.as_str())
            .feature_name(&role.feature_name)
            .role_arn(&role.role_arn)
            .send()
            .await;
        gone(answer)?;
    }
    for role in to.iter().filter(|role| !from.contains(role)) {
        let answer = cx
            .rds
            .add_role_to_db_instance()
            .db_instance_identifier(id.as_str())
            .feature_name(&role.feature_name)
            .role_arn(&role.role_arn)
            .send()
            .await;
        match answer.map_err(Fault::from) {
            // A repeat after a crash.
            Err(fault) if fault.is(Class::Exists) => {}
            other => drop(other?),
        }
    }
    Ok(())
}

/// The name of the snapshot that a deletion leaves: one name for one instance, so that a repeated deletion asks for
/// the same, and a later instance of the same identifier for another. `None` where there is none to be had.
fn final_snapshot(live: &DbInstance, policy: DeletionPolicy) -> Option<String> {
    let impossible = live.read_replica_source_db_instance_identifier().is_some()
        || matches!(
            live.db_instance_status(),
            Some("failed" | "incompatible-network" | "incompatible-restore")
        );
    match policy {
        DeletionPolicy::Snapshot | DeletionPolicy::Retain if !impossible => {
            let digest = Sha256::digest(live.dbi_resource_id().unwrap_or_default());
            let id = live.db_instance_identifier().unwrap_or_default();
            Some(format!("{id}-final-{}", hex::encode(&digest[..4])))
        }
        DeletionPolicy::Snapshot | DeletionPolicy::Retain | DeletionPolicy::Delete => None,
    }
}

/// Statuses that an instance never leaves by itself.
fn is_broken(status: &str) -> bool {
    status.starts_with("incompatible-")
        || matches!(
            status,
            "failed"
                | "inaccessible-encryption-credentials"
                | "insufficient-capacity"
                | "restore-error"
        )
}

fn reason(live: &DbInstance, status: &str) -> String {
    let told = live.status_infos().iter().find_map(|info| info.message());
    told.map_or_else(|| status.to_owned(), |message| format!("{status}: {message}"))
}

fn log_exports(live: &DbInstance) -> BTreeSet<String> {
    let pending = live.pending_modified_values();
    let pending = pending.and_then(|pending| pending.pending_cloudwatch_logs_exports());
    let mut exports: BTreeSet<String> =
        live.enabled_cloudwatch_logs_exports().iter().cloned().collect();
    if let Some(pending) = pending {
        exports.extend(pending.log_types_to_enable().iter().cloned());
        exports.retain(|log| !pending.log_types_to_disable().contains(log));
    }
    exports
}

fn roles(live: &DbInstance) -> Vec<AssociatedRole> {
    let pair = |role: &types::DbInstanceRole| {
        Some(AssociatedRole {
            feature_name: role.feature_name.clone().unwrap_or_default(),
            role_arn: role.role_arn.clone()?,
        })
    };
    let mut roles: Vec<_> = live.associated_roles().iter().filter_map(pair).collect();
    roles.sort();
    roles
}

fn features(live: &[types::ProcessorFeature]) -> Vec<ProcessorFeature> {
    let pair = |feature: &types::ProcessorFeature| {
        Some(ProcessorFeature { name: feature.name.clone()?, value: feature.value.clone()? })
    };
    let mut features: Vec<_> = live.iter().filter_map(pair).collect();
    features.sort();
    features
}

fn feature_list(features: Option<&[ProcessorFeature]>) -> Option<Vec<types::ProcessorFeature>> {
    let feature = |feature: &ProcessorFeature| {
        types::ProcessorFeature::builder().name(&feature.name).value(&feature.value).build()
    };
    Some(features?.iter().map(feature).collect())
}

fn list(set: Option<&BTreeSet<String>>) -> Option<Vec<String>> {
    Some(set?.iter().cloned().collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{
        DbParameterGroupStatus, Endpoint, MasterUserSecret as LiveSecret,
        PendingCloudwatchLogsExports, PendingModifiedValues, VpcSecurityGroupMembership,
    };
    use serde_json::{Value, json};

    use super::*;

    fn spec(properties: Value) -> Spec {
        serde_json::from_value(properties).unwrap()
    }

    fn seen(live: &DbInstance) -> Value {
        serde_json::to_value(Instance::spec(live)).unwrap()
    }

    fn group(id: &str, status: &str) -> VpcSecurityGroupMembership {
        VpcSecurityGroupMembership::builder().vpc_security_group_id(id).status(status).build()
    }

    #[test]
    fn a_live_instance_is_seen_in_full() {
        let live = DbInstance::builder()
            .db_instance_identifier("orders")
            .db_instance_status("available")
            .db_instance_class("db.m7g.large")
            .allocated_storage(20)
            .engine("postgres")
            .engine_version("18.1")
            .multi_az(true)
            .endpoint(Endpoint::builder().address("orders.rds").port(5432).build())
            .master_user_secret(
                LiveSecret::builder().secret_arn("arn:s").kms_key_id("arn:k").build(),
            )
            .db_parameter_groups(
                DbParameterGroupStatus::builder().db_parameter_group_name("orders-pg").build(),
            )
            .vpc_security_groups(group("sg-b", "active"))
            .vpc_security_groups(group("sg-a", "adding"))
            .vpc_security_groups(group("sg-c", "removing"))
            .build();
        assert_eq!(Instance::readiness(&live), Readiness::Ready);
        assert_eq!(
            seen(&live),
            json!({
                "AllocatedStorage": 20, "AssociatedRoles": [],
                "AutomaticBackupReplicationRegion": "", "DBInstanceClass": "db.m7g.large",
                "DBInstanceIdentifier": "orders", "DBParameterGroupName": "orders-pg",
                "EnableCloudwatchLogsExports": [], "Engine": "postgres", "EngineVersion": "18.1",
                "ManageMasterUserPassword": true, "MasterUserSecret": {"KmsKeyId": "arn:k"},
                "MultiAZ": true, "Port": 5432, "ProcessorFeatures": [], "Tags": [],
                "VPCSecurityGroups": ["sg-a", "sg-b"],
            })
        );
        let outputs = Instance::outputs(&live);
        assert_eq!(outputs["Endpoint.Address"], "orders.rds");
        assert_eq!(outputs["Endpoint.Port"], "5432");
        assert_eq!(outputs["MasterUserSecret.SecretArn"], "arn:s");
    }

    #[test]
    fn what_is_under_way_counts_as_done() {
        let exports = PendingCloudwatchLogsExports::builder()
            .log_types_to_enable("upgrade")
            .log_types_to_disable("postgresql");
        let pending = PendingModifiedValues::builder()
            .db_instance_class("db.m7g.xlarge")
            .allocated_storage(40)
            .multi_az(true)
            .pending_cloudwatch_logs_exports(exports.build());
        let live = DbInstance::builder()
            .db_instance_class("db.m7g.large")
            .allocated_storage(20)
            .iops(3000)
            .multi_az(false)
            .enabled_cloudwatch_logs_exports("postgresql")
            .pending_modified_values(pending.build())
            .build();
        let seen = seen(&live);
        assert_eq!(seen["DBInstanceClass"], "db.m7g.xlarge");
        assert_eq!(seen["AllocatedStorage"], 40);
        assert_eq!(seen["Iops"], 3000);
        assert_eq!(seen["MultiAZ"], true);
        assert_eq!(seen["EnableCloudwatchLogsExports"], json!(["upgrade"]));
    }

    #[test]
    fn the_status_tells_whether_it_works() {
        let readiness = |status: &str| {
            Instance::readiness(&DbInstance::builder().db_instance_status(status).build())
        };
        assert_eq!(readiness("storage-optimization"), Readiness::Ready);
        assert_eq!(readiness("backing-up"), Readiness::Pending("backing-up".into()));
        assert_eq!(readiness("stopped"), Readiness::Pending("stopped".into()));
        assert_eq!(readiness("deleting"), Readiness::Deleting);
        assert_eq!(
            readiness("incompatible-network"),
            Readiness::Failed("incompatible-network".into())
        );
    }

    #[test]
    fn names_and_numbers_have_one_form() {
        let spec = spec(json!({
            "DBInstanceIdentifier": "Orders", "Port": "5432",
            "PreferredMaintenanceWindow": "Sun:04:00-Sun:05:00",
        }));
        assert_eq!(Instance::natural_id(&spec), Some(PhysicalId::new("orders")));
        assert_eq!(
            serde_json::to_value(spec).unwrap(),
            json!({
                "DBInstanceIdentifier": "orders", "Port": 5432,
                "PreferredMaintenanceWindow": "sun:04:00-sun:05:00",
            })
        );
    }

    #[test]
    fn a_password_in_clear_is_no_property() {
        let spec = json!({"DBInstanceIdentifier": "orders", "MasterUserPassword": "x"});
        assert!(serde_json::from_value::<Spec>(spec).is_err());
    }

    #[test]
    fn a_replica_takes_longer_than_a_standby_than_a_single_instance() {
        let create = |properties| Instance::typical(&spec(properties)).create.as_secs();
        let name = "orders";
        assert_eq!(create(json!({"DBInstanceIdentifier": name})), 300);
        assert_eq!(create(json!({"DBInstanceIdentifier": name, "MultiAZ": true})), 600);
        let replica = json!({"DBInstanceIdentifier": name, "SourceDBInstanceIdentifier": "source"});
        assert_eq!(create(replica), 480);
    }

    #[test]
    fn a_replica_with_properties_that_its_creation_cannot_carry_is_refused() {
        let refused = |properties| refused_of_replicas(&spec(properties));
        assert_eq!(refused(json!({"DBInstanceIdentifier": "a", "MultiAZ": true})), None);
        let backups = json!({"DBInstanceIdentifier": "a", "BackupRetentionPeriod": 7});
        assert_eq!(refused(backups), Some("BackupRetentionPeriod"));
    }

    #[test]
    fn a_modification_sends_what_differs_and_what_belongs_to_it() {
        let from = spec(json!({"DBInstanceIdentifier": "a", "AllocatedStorage": 120}));
        let to = spec(json!({
            "DBInstanceIdentifier": "a", "AllocatedStorage": 100, "AllowMajorVersionUpgrade": true,
            "EngineVersion": "18", "Iops": 12_000, "Port": 5432, "StorageType": "gp3",
        }));
        let sent = |changed: &[&'static str]| {
            let update = Update { from: &from, to: &to, changed };
            serde_json::to_value(modification(&update)).unwrap()
        };
        assert_eq!(sent(&["Port"]), json!({"DBInstanceIdentifier": "a", "Port": 5432}));
        // The storage has grown by itself to 120 GiB.
        assert_eq!(
            sent(&["Iops"]),
            json!({
                "AllocatedStorage": 120, "DBInstanceIdentifier": "a", "Iops": 12_000,
                "StorageType": "gp3",
            })
        );
        assert_eq!(
            sent(&["EngineVersion"]),
            json!({
                "AllowMajorVersionUpgrade": true, "DBInstanceIdentifier": "a",
                "EngineVersion": "18",
            })
        );
    }

    #[test]
    fn log_exports_are_switched_one_by_one() {
        let from = json!({"DBInstanceIdentifier": "a", "EnableCloudwatchLogsExports": ["a", "b"]});
        let to = json!({"DBInstanceIdentifier": "a", "EnableCloudwatchLogsExports": ["b", "c"]});
        let (from, to) = (spec(from), spec(to));
        let change = export_change(&Update { from: &from, to: &to, changed: &[] });
        assert_eq!(change.enable_log_types(), ["c"]);
        assert_eq!(change.disable_log_types(), ["a"]);
    }

    #[test]
    fn a_final_snapshot_has_a_name_of_its_own() {
        let live = |resource: &str| {
            DbInstance::builder().db_instance_identifier("orders").dbi_resource_id(resource)
        };
        let name = |live: &DbInstance| final_snapshot(live, DeletionPolicy::Snapshot);
        let first = name(&live("db-1").build()).unwrap();
        assert!(first.starts_with("orders-final-"), "{first}");
        assert_eq!(name(&live("db-1").build()), Some(first.clone()));
        assert_ne!(name(&live("db-2").build()), Some(first));
        let replica = live("db-1").read_replica_source_db_instance_identifier("source");
        assert_eq!(name(&replica.build()), None);
        assert_eq!(name(&live("db-1").db_instance_status("failed").build()), None);
        assert_eq!(final_snapshot(&live("db-1").build(), DeletionPolicy::Delete), None);
    }

    #[test]
    fn every_property_that_can_be_updated_is_sent_somewhere() {
        let elsewhere =
            ["AllowMajorVersionUpgrade", "AssociatedRoles", "DeleteAutomatedBackups", "Tags"];
        for field in Instance::FIELDS {
            let updates = field.on_change == crate::kind::OnChange::Update;
            let sent = [MODIFIED, COPIES, &elsewhere].iter().any(|it| it.contains(&field.path));
            assert_eq!(updates, sent, "{}", field.path);
        }
    }
}
