//! `AWS::DynamoDB::Table`: what it is, how it is made and how it is seen; how it is changed stands in `dynamodb_change`.
//! Long because its properties are objects and lists of their own, each with a type and a reading half.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{
    self, BillingMode, ContinuousBackupsDescription, IndexStatus, PointInTimeRecoveryStatus,
    ScalarAttributeType, SseStatus, TableClass, TableDescription, TableStatus,
    TimeToLiveDescription, TimeToLiveStatus,
};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use super::dynamodb_change::{self, Step};
use super::reply::{gone, present};
use super::scalar::Number;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder,
    TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct Table;

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attribute_definitions: Option<BTreeSet<Attribute>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) billing_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deletion_protection_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) global_secondary_indexes: Option<Vec<Index>>,
    pub(super) key_schema: BTreeSet<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) local_secondary_indexes: Option<Vec<Index>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_demand_throughput: Option<OnDemand>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) point_in_time_recovery_specification: Option<Recovery>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioned_throughput: Option<Throughput>,
    #[serde(rename = "SSESpecification", skip_serializing_if = "Option::is_none")]
    pub(super) sse_specification: Option<Encryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_specification: Option<Stream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) table_class: Option<String>,
    pub(super) table_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) time_to_live_specification: Option<TimeToLive>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attribute {
    pub(super) attribute_name: String,
    pub(super) attribute_type: String,
}

/// In the order that DynamoDB wants: `HASH` before `RANGE`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Key {
    pub(super) key_type: String,
    pub(super) attribute_name: String,
}

/// A secondary index; a local one has no throughput of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
pub struct Index {
    pub(super) index_name: String,
    pub(super) key_schema: BTreeSet<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) on_demand_throughput: Option<OnDemand>,
    pub(super) projection: Projection,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provisioned_throughput: Option<Throughput>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Projection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) non_key_attributes: Option<BTreeSet<String>>,
    pub(super) projection_type: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Throughput {
    pub(super) read_capacity_units: Number,
    pub(super) write_capacity_units: Number,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct OnDemand {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_read_request_units: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) max_write_request_units: Option<Number>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Stream {
    pub(super) stream_view_type: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    #[serde(rename = "KMSMasterKeyId", skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    #[serde(rename = "SSEEnabled")]
    pub(super) enabled: bool,
    #[serde(rename = "SSEType", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
}

/// Switched off it has no attribute, whatever is written: so DynamoDB tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLive {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) attribute_name: Option<String>,
    pub(super) enabled: bool,
}

/// Switched off it has no period, whatever is written: so DynamoDB tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Recovery {
    #[serde(rename = "PointInTimeRecoveryEnabled")]
    pub(super) enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) recovery_period_in_days: Option<Number>,
}

#[derive(Debug)]
pub struct Live {
    table: TableDescription,
    expiry: Option<TimeToLive>,
    backups: Option<Recovery>,
    tags: Tags,
}

/// How DynamoDB calls a table that pays for what it uses, and one with provisioned capacity.
pub(super) const ON_DEMAND: &str = "PAY_PER_REQUEST";
pub(super) const PROVISIONED: &str = "PROVISIONED";

impl Kind for Table {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::DynamoDB::Table";
    const DOC: &'static str = "A table of items, found by their keys. \
        It works once it is `ACTIVE` and its indexes are. \
        DynamoDB changes one thing of a table at a time, and creates or deletes one global index at a time: an update is \
        sent in steps, and waits for each before the next. A global index whose keys or projection change is deleted and \
        made again; queries of it fail meanwhile, and on a large table it takes hours to fill. A stream whose view type \
        changes is another stream. Expiry can be switched, or moved to another attribute, once an hour; the rest of a \
        change waits. To change the type of a key, give the attribute another name. Keys are compared as DynamoDB tells \
        them: name a key by its ARN. What is taken out of the specification is no longer managed; write \
        `SSEEnabled: false` or `Enabled: false` to switch something off.\n\n\
        Deletion protection is switched off before its deletion. The policy `Snapshot` leaves a backup \
        `<table>-final-<hash>`. Not supported: global tables, Kinesis streams, imports, warm throughput, resource \
        policies and contributor insights.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "AttributeDefinitions",
            "The attributes of all keys: name, and `S`, `N` or `B`.",
        )
        .set(),
        Field::updates("BillingMode", "`PAY_PER_REQUEST`, or `PROVISIONED` (the default)."),
        Field::updates("DeletionProtectionEnabled", "Whether DynamoDB refuses to delete it."),
        Field::updates("GlobalSecondaryIndexes", "Indexes with keys of their own.").set(),
        Field::replaces(
            "KeySchema",
            "The key: a `HASH` attribute, and perhaps a `RANGE` attribute.",
        )
        .set(),
        Field::replaces("LocalSecondaryIndexes", "Indexes with another `RANGE` attribute.").set(),
        Field::updates("OnDemandThroughput", "The most that it reads and writes; -1 for no limit."),
        Field::updates(
            "PointInTimeRecoverySpecification",
            "Whether each second of the last 35 days, or fewer, can be restored.",
        )
        .late(),
        Field::updates("ProvisionedThroughput", "Reads and writes a second that are paid for."),
        Field::updates(
            "SSESpecification",
            "Whether a KMS key encrypts it, `KMSMasterKeyId` or AWS's own, instead of a key of DynamoDB.",
        ),
        Field::updates("StreamSpecification", "What the stream of its changes shows."),
        Field::updates("TableClass", "`STANDARD` or `STANDARD_INFREQUENT_ACCESS`."),
        Field::replaces("TableName", "The name."),
        TAGS,
        Field::updates(
            "TimeToLiveSpecification",
            "The attribute that says when an item expires, as seconds of Unix time.",
        )
        .late(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("TableName", "The name of the table."),
        Output::with_id("Arn", "The ARN of the table."),
        Output::when_ready("StreamArn", "The ARN of its stream."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(15, 30, 10);
    const REPLACE: ReplaceOrder = ReplaceOrder::CreateFirst;
    const LOSS: Loss = Loss::Data;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.table.table_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let table = &live.table;
        let billing = table.billing_mode_summary().and_then(|summary| summary.billing_mode());
        let on_demand = billing == Some(&BillingMode::PayPerRequest);
        let attribute = |attribute: &types::AttributeDefinition| Attribute {
            attribute_name: attribute.attribute_name.clone(),
            attribute_type: ScalarAttributeType::as_str(&attribute.attribute_type).into(),
        };
        let staying = |index: &&types::GlobalSecondaryIndexDescription| {
            index.index_status() != Some(&IndexStatus::Deleting)
        };
        let global = table.global_secondary_indexes().iter().filter(staying).map(|index| Index {
            index_name: index.index_name().unwrap_or_default().into(),
            key_schema: keys(index.key_schema()),
            on_demand_throughput: index.on_demand_throughput().map(limits),
            projection: projection(index.projection()),
            provisioned_throughput: index.provisioned_throughput().and_then(capacity),
        });
        let local = table.local_secondary_indexes().iter().map(|index| Index {
            index_name: index.index_name().unwrap_or_default().into(),
            key_schema: keys(index.key_schema()),
            on_demand_throughput: None,
            projection: projection(index.projection()),
            provisioned_throughput: None,
        });
        let class = table.table_class_summary().and_then(|summary| summary.table_class());
        let stream = table.stream_specification().filter(|stream| stream.stream_enabled);
        Spec {
            attribute_definitions: Some(
                table.attribute_definitions().iter().map(attribute).collect(),
            ),
            billing_mode: Some(if on_demand { ON_DEMAND } else { PROVISIONED }.into()),
            deletion_protection_enabled: Some(table.deletion_protection_enabled == Some(true)),
            global_secondary_indexes: Some(global.collect()),
            key_schema: keys(table.key_schema()),
            local_secondary_indexes: Some(local.collect()),
            on_demand_throughput: table.on_demand_throughput().map(limits),
            point_in_time_recovery_specification: live.backups,
            provisioned_throughput: table.provisioned_throughput().and_then(capacity),
            sse_specification: Some(encryption(table)),
            stream_specification: stream.and_then(|stream| {
                Some(Stream { stream_view_type: stream.stream_view_type()?.as_str().into() })
            }),
            table_class: Some(class.unwrap_or(&TableClass::Standard).as_str().into()),
            table_name: table.table_name().unwrap_or_default().into(),
            tags: Some(live.tags.clone()),
            time_to_live_specification: live.expiry.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("TableName", live.table.table_name()),
            ("Arn", live.table.table_arn()),
            ("StreamArn", live.table.latest_stream_arn()),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.table.table_status() {
            Some(TableStatus::Deleting) => return Readiness::Deleting,
            Some(TableStatus::Active) => {}
            // Without access to its key it is not lost: it works again once the key may be used again.
            Some(status) => return Readiness::Pending(status.to_string().into()),
            None => return Readiness::Pending("CREATING".into()),
        }
        let unfinished = live.table.global_secondary_indexes().iter().find_map(|index| {
            let status = index.index_status().filter(|status| **status != IndexStatus::Active)?;
            Some(format!("index {} is {status}", index.index_name().unwrap_or_default()))
        });
        unfinished.map_or(Readiness::Ready, |text| Readiness::Pending(text.into()))
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.table_name))
    }

    /// The list tells names only, which are known: whether a table is there, its description tells.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let account = cx.account().await?;
        let named = |name: &str| {
            let arn = account.arn("dynamodb", &cx.region, format_args!("table/{name}"));
            TableDescription::builder().table_name(name).table_arn(arn).build()
        };
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let tables = names.into_iter().map(named).collect();
        let found = tagging::indexed(cx, tables, |table| table.table_arn.clone()).await?;
        let live = |(table, tags)| Live { table, expiry: None, backups: None, tags };
        Ok(found.into_iter().map(live).collect())
    }

    /// No call describes several tables, and a description lacks tags, expiry and backups: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { table: named, tags: indexed, .. } = live;
        let name = named.table_name().unwrap_or_default();
        let Some(live) = described(cx, name, |property| compared.has(property)).await? else {
            return Ok(None);
        };
        let tags = async { present(tags_of(cx, live.table.table_arn()).await) };
        let tags = tagging::confirmed(indexed, &compared, tags).await?;
        Ok(tags.map(|tags| Live { tags, ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let global = spec.global_secondary_indexes.as_ref();
        let local = spec.local_secondary_indexes.as_ref();
        let definitions = spec.attribute_definitions.iter().flatten();
        let tags = spec.tags.as_ref().map(|tags| tags.0.iter().map(tag).collect());
        cx.dynamodb
            .create_table()
            .set_attribute_definitions(Some(definitions.map(dynamodb_change::definition).collect()))
            .set_billing_mode(spec.billing_mode.as_deref().map(Into::into))
            .set_deletion_protection_enabled(spec.deletion_protection_enabled)
            .set_global_secondary_indexes(
                // An empty list is refused.
                global
                    .filter(|indexes| !indexes.is_empty())
                    .map(|indexes| indexes.iter().map(dynamodb_change::global).collect()),
            )
            .set_key_schema(Some(dynamodb_change::key_schema(&spec.key_schema)))
            .set_local_secondary_indexes(
                local
                    .filter(|indexes| !indexes.is_empty())
                    .map(|indexes| indexes.iter().map(dynamodb_change::local).collect()),
            )
            .set_on_demand_throughput(spec.on_demand_throughput.map(dynamodb_change::limits))
            .set_provisioned_throughput(spec.provisioned_throughput.map(dynamodb_change::capacity))
            .set_sse_specification(spec.sse_specification.as_ref().map(dynamodb_change::encryption))
            .set_stream_specification(
                spec.stream_specification
                    .as_ref()
                    .map(|stream| dynamodb_change::stream(Some(&stream.stream_view_type))),
            )
            .set_table_class(spec.table_class.as_deref().map(Into::into))
            .table_name(&spec.table_name)
            .set_tags(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.table_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let found = described(cx, id.as_str(), |_| true).await?;
        let live =
            found.ok_or_else(|| Fault::new(Class::NotFound, format!("table {id} is not there")))?;
        if live.table.table_status() == Some(&TableStatus::Creating) {
            return Err(Fault::new(Class::Busy, format!("table {id} is still being created")));
        }
        // First, because a repeat is harmless.
        if update.has("Tags") {
            let arn = live.table.table_arn().required("table ARN")?;
            retag(cx, arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        // From what is there now: after one step the engine comes back for the next one.
        let steps: Vec<Step> =
            dynamodb_change::steps(&Self::spec(&live), update.to, update.changed);
        let Some((step, later)) = steps.split_first() else { return Ok(()) };
        dynamodb_change::send(cx, id, step).await?;
        match later.len() {
            0 => Ok(()),
            count => Err(Fault::new(
                Class::Busy,
                format!("table {id} takes one change at a time: {count} are waiting"),
            )),
        }
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        _: &Spec,
        policy: DeletionPolicy,
    ) -> Result<(), Fault> {
        let found = present(cx.dynamodb.describe_table().table_name(id.as_str()).send().await)?;
        let Some(table) = found.and_then(|reply| reply.table) else { return Ok(()) };
        if table.table_status() == Some(&TableStatus::Deleting) {
            return Ok(());
        }
        if let Some(name) = final_backup(&table, policy) {
            back_up(cx, id, name).await?;
        }
        if table.deletion_protection_enabled == Some(true) {
            let ask = cx.dynamodb.update_table().table_name(id.as_str());
            ask.deletion_protection_enabled(false).send().await?;
        }
        gone(cx.dynamodb.delete_table().table_name(id.as_str()).send().await)
    }
}

/// A table without its tags, and with those of its settings that other calls tell and that are `asked` for. One that is
/// being created or deleted has none of those.
async fn described(
    cx: &Cx,
    name: &str,
    asked: impl Fn(&str) -> bool,
) -> Result<Option<Live>, Fault> {
    let found = present(cx.dynamodb.describe_table().table_name(name).send().await)?;
    let Some(table) = found.and_then(|reply| reply.table) else { return Ok(None) };
    let passing = [TableStatus::Creating, TableStatus::Deleting];
    let settled = table.table_status().is_none_or(|status| !passing.contains(status));
    let expiry = async {
        if !asked("TimeToLiveSpecification") {
            return Ok(None);
        }
        let ask = cx.dynamodb.describe_time_to_live().table_name(name);
        let told = if settled { present(ask.send().await)? } else { None };
        let told = told.and_then(|reply| reply.time_to_live_description);
        Ok::<_, Fault>(Some(time_to_live(told.as_ref())))
    };
    let backups = async {
        if !asked("PointInTimeRecoverySpecification") {
            return Ok(None);
        }
        let ask = cx.dynamodb.describe_continuous_backups().table_name(name);
        let told = if settled { present(ask.send().await)? } else { None };
        let told = told.and_then(|reply| reply.continuous_backups_description);
        Ok::<_, Fault>(Some(recovery(told.as_ref())))
    };
    let (expiry, backups) = futures::try_join!(expiry, backups)?;
    Ok(Some(Live { table, expiry, backups, tags: Tags::default() }))
}

async fn tags_of(cx: &Cx, arn: Option<&str>) -> Result<Tags, Fault> {
    let mut pairs = Vec::new();
    let mut next = None;
    loop {
        let asked = cx.dynamodb.list_tags_of_resource().set_resource_arn(arn.map(Into::into));
        let reply = asked.set_next_token(next).send().await?;
        pairs.extend(reply.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        next = reply.next_token;
        if next.is_none() {
            return Ok(Tags::read(pairs));
        }
    }
}

async fn retag(cx: &Cx, arn: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let set = change.set.iter().map(tag).collect();
        cx.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(set)).send().await?;
    }
    if !change.remove.is_empty() {
        let ask = cx.dynamodb.untag_resource().resource_arn(arn);
        ask.set_tag_keys(Some(change.remove)).send().await?;
    }
    Ok(())
}

fn tag((key, value): (&String, &String)) -> types::Tag {
    types::Tag::builder().key(key).value(value).build().expect("a tag has a key and a value")
}

/// The name of the backup that a deletion leaves: one name for one table, so that a repeated deletion asks for the
/// same, and a later table of the same name for another.
fn final_backup(table: &TableDescription, policy: DeletionPolicy) -> Option<String> {
    match policy {
        DeletionPolicy::Snapshot | DeletionPolicy::Retain => {
            let digest = Sha256::digest(table.table_id().unwrap_or_default());
            let name = table.table_name().unwrap_or_default();
            Some(format!("{name}-final-{}", hex::encode(&digest[..4])))
        }
        DeletionPolicy::Delete => None,
    }
}

/// Makes a backup, unless one of that name is there: DynamoDB would make a second one.
async fn back_up(cx: &Cx, id: &PhysicalId, name: String) -> Result<(), Fault> {
    let known = cx.dynamodb.list_backups().table_name(id.as_str()).send().await?;
    let is_it = |it: &types::BackupSummary| it.backup_name() == Some(&name);
    if !known.backup_summaries().iter().any(is_it) {
        let ask = cx.dynamodb.create_backup().table_name(id.as_str());
        ask.backup_name(name).send().await?;
    }
    Ok(())
}

fn keys(schema: &[types::KeySchemaElement]) -> BTreeSet<Key> {
    let key = |key: &types::KeySchemaElement| Key {
        key_type: key.key_type.as_str().into(),
        attribute_name: key.attribute_name.clone(),
    };
    schema.iter().map(key).collect()
}

fn projection(projection: Option<&types::Projection>) -> Projection {
    let others = projection.map(types::Projection::non_key_attributes).unwrap_or_default();
    let kind = projection.and_then(|it| it.projection_type());
    Projection {
        non_key_attributes: (!others.is_empty()).then(|| others.iter().cloned().collect()),
        projection_type: kind.map_or("ALL", types::ProjectionType::as_str).into(),
    }
}

/// `None` on demand, where DynamoDB says 0.
fn capacity(told: &types::ProvisionedThroughputDescription) -> Option<Throughput> {
    let units = |units: Option<i64>| Some(Number(i32::try_from(units?).ok()?));
    let read = units(told.read_capacity_units).filter(|units| units.0 > 0)?;
    let write = units(told.write_capacity_units)?;
    Some(Throughput { read_capacity_units: read, write_capacity_units: write })
}

fn limits(told: &types::OnDemandThroughput) -> OnDemand {
    let units = |units: Option<i64>| Some(Number(i32::try_from(units?).ok()?));
    OnDemand {
        max_read_request_units: units(told.max_read_request_units),
        max_write_request_units: units(told.max_write_request_units),
    }
}

/// Without a description a key of DynamoDB's own encrypts the table.
fn encryption(table: &TableDescription) -> Encryption {
    let on = [SseStatus::Enabled, SseStatus::Enabling, SseStatus::Updating];
    let told = table.sse_description();
    let told = told.filter(|told| told.status().is_some_and(|status| on.contains(status)));
    Encryption {
        key: told.and_then(|told| told.kms_master_key_arn.clone()),
        enabled: told.is_some(),
        kind: told.and_then(|told| Some(told.sse_type()?.as_str().to_owned())),
    }
}

fn time_to_live(told: Option<&TimeToLiveDescription>) -> TimeToLive {
    // What is under way counts as done.
    let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
    let told = told.filter(|it| it.time_to_live_status().is_some_and(|it| on.contains(it)));
    let attribute_name = told.and_then(|told| told.attribute_name.clone());
    TimeToLive { attribute_name, enabled: told.is_some() }
}

fn recovery(told: Option<&ContinuousBackupsDescription>) -> Recovery {
    let told = told.and_then(|told| told.point_in_time_recovery_description());
    let on = Some(&PointInTimeRecoveryStatus::Enabled);
    let told = told.filter(|told| told.point_in_time_recovery_status() == on);
    let days = told.and_then(|told| told.recovery_period_in_days).map(Number);
    Recovery { enabled: told.is_some(), recovery_period_in_days: days }
}

impl<'de> Deserialize<'de> for TimeToLive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Written {
            attribute_name: Option<String>,
            enabled: bool,
        }
        let Written { attribute_name, enabled } = Written::deserialize(deserializer)?;
        Ok(Self { attribute_name: attribute_name.filter(|_| enabled), enabled })
    }
}

impl<'de> Deserialize<'de> for Recovery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Written {
            point_in_time_recovery_enabled: bool,
            recovery_period_in_days: Option<Number>,
        }
        let written = Written::deserialize(deserializer)?;
        let enabled = written.point_in_time_recovery_enabled;
        let days = written.recovery_period_in_days.filter(|_| enabled);
        Ok(Self { enabled, recovery_period_in_days: days })
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingModeSummary, GlobalSecondaryIndexDescription, KeySchemaElement,
        KeyType, ProjectionType, ProvisionedThroughputDescription, SseDescription, SseType,
        StreamSpecification, StreamViewType,
    };
    use serde_json::{Value, json};

    use super::*;

    fn key(name: &str, kind: KeyType) -> KeySchemaElement {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    }

    fn index(name: &str, status: IndexStatus) -> GlobalSecondaryIndexDescription {
        let units = ProvisionedThroughputDescription::builder()
            .read_capacity_units(0)
            .write_capacity_units(0);
        GlobalSecondaryIndexDescription::builder()
            .index_name(name)
            .index_status(status)
            .key_schema(key("owner", KeyType::Hash))
            .projection(types::Projection::builder().projection_type(ProjectionType::All).build())
            .provisioned_throughput(units.build())
            .build()
    }

    fn live(table: TableDescription) -> Live {
        let (expiry, backups) = (Some(time_to_live(None)), Some(recovery(None)));
        Live { table, expiry, backups, tags: Tags::default() }
    }

    fn seen(live: &Live) -> Value {
        serde_json::to_value(Table::spec(live)).unwrap()
    }

    #[test]
    fn a_live_table_is_seen_in_full() {
        let attribute = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewImage)
            .build()
            .unwrap();
        let encrypted = SseDescription::builder()
            .status(SseStatus::Enabled)
            .sse_type(SseType::Kms)
            .kms_master_key_arn("arn:k");
        let table = TableDescription::builder()
            .table_name("carts")
            .table_status(TableStatus::Active)
            .latest_stream_arn("arn:stream")
            .attribute_definitions(attribute)
            .key_schema(key("at", KeyType::Range))
            .key_schema(key("id", KeyType::Hash))
            .billing_mode_summary(
                BillingModeSummary::builder().billing_mode(BillingMode::PayPerRequest).build(),
            )
            .global_secondary_indexes(index("by-owner", IndexStatus::Creating))
            .global_secondary_indexes(index("by-none", IndexStatus::Deleting))
            .sse_description(encrypted.build())
            .stream_specification(stream);
        let expiry = TimeToLiveDescription::builder()
            .attribute_name("expires")
            .time_to_live_status(TimeToLiveStatus::Enabling);
        let expiry = Some(time_to_live(Some(&expiry.build())));
        let live = Live { expiry, ..live(table.build()) };
        assert_eq!(
            seen(&live),
            json!({
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": false,
                "GlobalSecondaryIndexes": [{
                    "IndexName": "by-owner", "Projection": {"ProjectionType": "ALL"},
                    "KeySchema": [{"KeyType": "HASH", "AttributeName": "owner"}],
                }],
                "KeySchema": [
                    {"KeyType": "HASH", "AttributeName": "id"},
                    {"KeyType": "RANGE", "AttributeName": "at"},
                ],
                "LocalSecondaryIndexes": [],
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": false},
                "SSESpecification": {
                    "KMSMasterKeyId": "arn:k", "SSEEnabled": true, "SSEType": "KMS",
                },
                "StreamSpecification": {"StreamViewType": "NEW_IMAGE"},
                "TableClass": "STANDARD", "TableName": "carts", "Tags": [],
                "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": true},
            })
        );
        assert_eq!(Table::outputs(&live)["StreamArn"], "arn:stream");
        let pending = Readiness::Pending("index by-owner is CREATING".into());
        assert_eq!(Table::readiness(&live), pending);
    }

    #[test]
    fn a_table_works_once_it_and_its_indexes_are_active() {
        let readiness = |status| {
            Table::readiness(&live(TableDescription::builder().table_status(status).build()))
        };
        assert_eq!(readiness(TableStatus::Active), Readiness::Ready);
        assert_eq!(readiness(TableStatus::Updating), Readiness::Pending("UPDATING".into()));
        assert_eq!(readiness(TableStatus::Deleting), Readiness::Deleting);
    }

    #[test]
    fn what_is_off_has_one_form() {
        let spec: Spec = serde_json::from_value(json!({
            "TableName": "carts", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": false},
            "PointInTimeRecoverySpecification": {
                "PointInTimeRecoveryEnabled": false, "RecoveryPeriodInDays": 7,
            },
        }))
        .unwrap();
        let none = live(TableDescription::builder().build());
        let (spec, none) = (serde_json::to_value(spec).unwrap(), seen(&none));
        for row in ["TimeToLiveSpecification", "PointInTimeRecoverySpecification"] {
            assert_eq!(spec[row], none[row], "{row}");
        }
    }

    #[test]
    fn a_final_backup_has_a_name_of_its_own() {
        let table = |id: &str| TableDescription::builder().table_name("carts").table_id(id).build();
        let name = |id| final_backup(&table(id), DeletionPolicy::Snapshot).unwrap();
        assert!(name("1").starts_with("carts-final-"));
        assert_ne!(name("1"), name("2"));
        assert_eq!(final_backup(&table("1"), DeletionPolicy::Delete), None);
    }
}
