//! How a table changes: one call at a time, each for what is not yet as desired, and one global index a call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::{
    AttributeDefinition, CreateGlobalSecondaryIndexAction, DeleteGlobalSecondaryIndexAction,
    GlobalSecondaryIndex, GlobalSecondaryIndexUpdate, KeySchemaElement, LocalSecondaryIndex,
    OnDemandThroughput, PointInTimeRecoverySpecification, ProvisionedThroughput, SseSpecification,
    StreamSpecification, TimeToLiveSpecification, UpdateGlobalSecondaryIndexAction,
};

use super::dynamodb_table::{
    Attribute, Encryption, Index, Key, OnDemand, PROVISIONED, Projection, Recovery, Spec,
    Throughput, TimeToLive,
};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;

/// One call of an update.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    Protect(bool),
    Class(String),
    Encrypt(Encryption),
    /// What the stream shows; `None`: there is none.
    Stream(Option<String>),
    DropIndex(String),
    Capacity(Capacity),
    /// An index, and the definitions of all attributes that are keys then.
    AddIndex(Index, Vec<Attribute>),
    /// Always with an attribute: DynamoDB wants to hear which one is switched off.
    Expire(TimeToLive),
    Recover(Recovery),
}

/// What a table and its indexes may do, which DynamoDB takes in one call.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Capacity {
    billing_mode: Option<String>,
    table: (Option<Throughput>, Option<OnDemand>),
    indexes: BTreeMap<String, (Option<Throughput>, Option<OnDemand>)>,
}

/// What is still to be done. Indexes go before the capacity changes and come after it, so that each has the capacity
/// that the table's billing wants.
pub(super) fn steps(live: &Spec, to: &Spec, changed: &[&str]) -> Vec<Step> {
    let has = |row: &str| changed.contains(&row);
    let mut steps = Vec::new();
    if has("DeletionProtectionEnabled")
        && let Some(on) = to.deletion_protection_enabled
        && live.deletion_protection_enabled != Some(on)
    {
        steps.push(Step::Protect(on));
    }
    if has("TableClass")
        && let Some(class) = to.table_class.clone()
        && live.table_class.as_ref() != Some(&class)
    {
        steps.push(Step::Class(class));
    }
    if has("SSESpecification")
        && let Some(wanted) = &to.sse_specification
        && !live.sse_specification.as_ref().is_some_and(|live| encrypted_as(live, wanted))
    {
        steps.push(Step::Encrypt(wanted.clone()));
    }
    if has("StreamSpecification") && live.stream_specification != to.stream_specification {
        // Another view is another stream.
        let off = live.stream_specification.as_ref().map(|_| Step::Stream(None));
        let on = to.stream_specification.as_ref();
        let on = on.map(|stream| Step::Stream(Some(stream.stream_view_type.clone())));
        steps.extend(off.into_iter().chain(on));
    }
    let global = has("GlobalSecondaryIndexes");
    let (kept, dropped) = kept(live, to);
    if global {
        steps.extend(dropped.iter().map(|index| Step::DropIndex(index.index_name.clone())));
    }
    steps.extend(capacities(live, to, changed, &kept));
    if global {
        steps.extend(added(live, to, &kept));
    }
    if has("TimeToLiveSpecification")
        && let Some(wanted) = &to.time_to_live_specification
    {
        steps.extend(expiry(live.time_to_live_specification.as_ref(), wanted));
    }
    if has("PointInTimeRecoverySpecification")
        && let Some(wanted) = to.point_in_time_recovery_specification
        && !live.point_in_time_recovery_specification.is_some_and(|live| recovers_as(live, wanted))
    {
        steps.push(Step::Recover(wanted));
    }
    steps
}

fn encrypted_as(live: &Encryption, wanted: &Encryption) -> bool {
    live.enabled == wanted.enabled
        && (wanted.key.is_none() || live.key == wanted.key)
        && (wanted.kind.is_none() || live.kind == wanted.kind)
}

fn recovers_as(live: Recovery, wanted: Recovery) -> bool {
    let days = wanted.recovery_period_in_days;
    live.enabled == wanted.enabled && (days.is_none() || days == live.recovery_period_in_days)
}

/// The live indexes that stay, and those that go: with other keys or another projection it is another index.
fn kept<'a>(live: &'a Spec, to: &Spec) -> (Vec<&'a Index>, Vec<&'a Index>) {
    let wanted = to.global_secondary_indexes.as_deref().unwrap_or_default();
    let stays = |index: &&Index| wanted.iter().any(|wanted| is_same(index, wanted));
    live.global_secondary_indexes.iter().flatten().partition(stays)
}

fn is_same(live: &Index, wanted: &Index) -> bool {
    let shape = |index: &Index| {
        let Projection { non_key_attributes, projection_type } = index.projection.clone();
        (index.key_schema.clone(), non_key_attributes.unwrap_or_default(), projection_type)
    };
    live.index_name == wanted.index_name && shape(live) == shape(wanted)
}

fn capacities(live: &Spec, to: &Spec, changed: &[&str], kept: &[&Index]) -> Option<Step> {
    let has = |row: &str| changed.contains(&row);
    let billing = to.billing_mode.clone();
    let billing =
        billing.filter(|mode| has("BillingMode") && live.billing_mode.as_ref() != Some(mode));
    // A switch to provisioned capacity has to say how much.
    let said = billing.as_deref() == Some(PROVISIONED);
    let differs = |row, live: Option<Throughput>, to: Option<Throughput>| {
        to.filter(|_| said || (has(row) && live != to))
    };
    let limited =
        |row, live: Option<OnDemand>, to: Option<OnDemand>| to.filter(|_| has(row) && live != to);
    let table = (
        differs("ProvisionedThroughput", live.provisioned_throughput, to.provisioned_throughput),
        limited("OnDemandThroughput", live.on_demand_throughput, to.on_demand_throughput),
    );
    let row = "GlobalSecondaryIndexes";
    let of_index = |wanted: &Index| {
        let live = kept.iter().find(|live| live.index_name == wanted.index_name)?;
        let capacity = differs(row, live.provisioned_throughput, wanted.provisioned_throughput);
        let limits = limited(row, live.on_demand_throughput, wanted.on_demand_throughput);
        let any = capacity.is_some() || limits.is_some();
        any.then(|| (wanted.index_name.clone(), (capacity, limits)))
    };
    let indexes = to.global_secondary_indexes.iter().flatten().filter_map(of_index).collect();
    let capacity = Capacity { billing_mode: billing, table, indexes };
    (capacity != Capacity::default()).then_some(Step::Capacity(capacity))
}

/// The indexes that are missing, each with the attributes that are keys once it is there: DynamoDB refuses definitions
/// that nothing uses.
fn added(live: &Spec, to: &Spec, kept: &[&Index]) -> Vec<Step> {
    let missing = |wanted: &&Index| !kept.iter().any(|live| live.index_name == wanted.index_name);
    let local = live.local_secondary_indexes.iter().flatten();
    let there = local.chain(kept.iter().copied()).map(|index| &index.key_schema);
    let there = there.chain([&live.key_schema]).flatten();
    let mut used: BTreeSet<&str> = there.map(|key| key.attribute_name.as_str()).collect();
    let mut steps = Vec::new();
    for index in to.global_secondary_indexes.iter().flatten().filter(missing) {
        used.extend(index.key_schema.iter().map(|key| key.attribute_name.as_str()));
        let wanted = to.attribute_definitions.iter().flatten();
        let live = live.attribute_definitions.iter().flatten();
        let mut known: BTreeMap<&str, &Attribute> = BTreeMap::new();
        known.extend(live.chain(wanted).map(|it| (it.attribute_name.as_str(), it)));
        let definitions = known.values().filter(|it| used.contains(it.attribute_name.as_str()));
        steps.push(Step::AddIndex(index.clone(), definitions.copied().cloned().collect()));
    }
    steps
}

fn expiry(live: Option<&TimeToLive>, wanted: &TimeToLive) -> Vec<Step> {
    let live = live.filter(|live| live.enabled);
    let off = |live: &TimeToLive| Step::Expire(TimeToLive { enabled: false, ..live.clone() });
    match (live, wanted.enabled) {
        (None, false) => Vec::new(),
        (None, true) => vec![Step::Expire(wanted.clone())],
        (Some(live), false) => vec![off(live)],
        (Some(live), true) if live == wanted => Vec::new(),
        (Some(live), true) => vec![off(live), Step::Expire(wanted.clone())],
    }
}

/// Makes the call of one step.
pub(super) async fn send(cx: &Cx, id: &PhysicalId, step: &Step) -> Result<(), Fault> {
    let table = cx.dynamodb.update_table().table_name(id.as_str());
    let table = match step {
        Step::Protect(on) => table.deletion_protection_enabled(*on),
        Step::Class(class) => table.table_class(class.as_str().into()),
        Step::Encrypt(wanted) => table.sse_specification(encryption(wanted)),
        Step::Stream(view) => table.stream_specification(stream(view.as_ref())),
        Step::DropIndex(name) => {
            let gone = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build();
            let change = GlobalSecondaryIndexUpdate::builder().delete(gone.expect(COMPLETE));
            table.global_secondary_index_updates(change.build())
        }
        Step::AddIndex(index, definitions) => {
            let new = CreateGlobalSecondaryIndexAction::builder()
                .index_name(&index.index_name)
                .set_key_schema(Some(key_schema(&index.key_schema)))
                .projection(projection(&index.projection))
                .set_provisioned_throughput(index.provisioned_throughput.map(capacity))
                .set_on_demand_throughput(index.on_demand_throughput.map(limits))
                .build();
            let change = GlobalSecondaryIndexUpdate::builder().create(new.expect(COMPLETE));
            table
                .set_attribute_definitions(Some(definitions.iter().map(definition).collect()))
                .global_secondary_index_updates(change.build())
        }
        Step::Capacity(wanted) => {
            let index = |(name, (units, most)): (&String, &(Option<_>, Option<_>))| {
                let change = UpdateGlobalSecondaryIndexAction::builder()
                    .index_name(name)
                    .set_provisioned_throughput(units.map(capacity))
                    .set_on_demand_throughput(most.map(limits))
                    .build();
                GlobalSecondaryIndexUpdate::builder().update(change.expect(COMPLETE)).build()
            };
            let indexes: Vec<_> = wanted.indexes.iter().map(index).collect();
            table
                .set_billing_mode(wanted.billing_mode.as_deref().map(Into::into))
                .set_provisioned_throughput(wanted.table.0.map(capacity))
                .set_on_demand_throughput(wanted.table.1.map(limits))
                .set_global_secondary_index_updates(Some(indexes).filter(|all| !all.is_empty()))
        }
        Step::Expire(wanted) => {
            let attribute = wanted.attribute_name.as_deref().unwrap_or_default();
            let expiry = TimeToLiveSpecification::builder().enabled(wanted.enabled);
            let expiry = expiry.attribute_name(attribute).build().expect(COMPLETE);
            let ask = cx.dynamodb.update_time_to_live().table_name(id.as_str());
            ask.time_to_live_specification(expiry).send().await?;
            return Ok(());
        }
        Step::Recover(wanted) => {
            let recovery = PointInTimeRecoverySpecification::builder()
                .point_in_time_recovery_enabled(wanted.enabled)
                .set_recovery_period_in_days(wanted.recovery_period_in_days.map(Into::into));
            let recovery = recovery.build().expect(COMPLETE);
            let ask = cx.dynamodb.update_continuous_backups().table_name(id.as_str());
            ask.point_in_time_recovery_specification(recovery).send().await?;
            return Ok(());
        }
    };
    table.send().await?;
    Ok(())
}

/// Why the builders of this file do not fail.
const COMPLETE: &str = "everything that is required is there";

pub(super) fn definition(attribute: &Attribute) -> AttributeDefinition {
    AttributeDefinition::builder()
        .attribute_name(&attribute.attribute_name)
        .attribute_type(attribute.attribute_type.as_str().into())
        .build()
        .expect(COMPLETE)
}

pub(super) fn key_schema(keys: &BTreeSet<Key>) -> Vec<KeySchemaElement> {
    let key = |key: &Key| {
        let element = KeySchemaElement::builder().attribute_name(&key.attribute_name);
        element.key_type(key.key_type.as_str().into()).build().expect(COMPLETE)
    };
    keys.iter().map(key).collect()
}

pub(super) fn global(index: &Index) -> GlobalSecondaryIndex {
    GlobalSecondaryIndex::builder()
        .index_name(&index.index_name)
        .set_key_schema(Some(key_schema(&index.key_schema)))
        .projection(projection(&index.projection))
        .set_provisioned_throughput(index.provisioned_throughput.map(capacity))
        .set_on_demand_throughput(index.on_demand_throughput.map(limits))
        .build()
        .expect(COMPLETE)
}

pub(super) fn local(index: &Index) -> LocalSecondaryIndex {
    LocalSecondaryIndex::builder()
        .index_name(&index.index_name)
        .set_key_schema(Some(key_schema(&index.key_schema)))
        .projection(projection(&index.projection))
        .build()
        .expect(COMPLETE)
}

fn projection(projection: &Projection) -> aws_sdk_dynamodb::types::Projection {
    let others = projection.non_key_attributes.as_ref();
    aws_sdk_dynamodb::types::Projection::builder()
        .projection_type(projection.projection_type.as_str().into())
        .set_non_key_attributes(others.map(|names| names.iter().cloned().collect()))
        .build()
}

pub(super) fn capacity(units: Throughput) -> ProvisionedThroughput {
    ProvisionedThroughput::builder()
        .read_capacity_units(i32::from(units.read_capacity_units).into())
        .write_capacity_units(i32::from(units.write_capacity_units).into())
        .build()
        .expect(COMPLETE)
}

pub(super) fn limits(most: OnDemand) -> OnDemandThroughput {
    OnDemandThroughput::builder()
        .set_max_read_request_units(most.max_read_request_units.map(|units| units.0.into()))
        .set_max_write_request_units(most.max_write_request_units.map(|units| units.0.into()))
        .build()
}

pub(super) fn encryption(wanted: &Encryption) -> SseSpecification {
    SseSpecification::builder()
        .enabled(wanted.enabled)
        .set_sse_type(wanted.kind.as_deref().map(Into::into))
        .set_kms_master_key_id(wanted.key.clone())
        .build()
}

pub(super) fn stream(view: Option<&String>) -> StreamSpecification {
    StreamSpecification::builder()
        .stream_enabled(view.is_some())
        .set_stream_view_type(view.map(|view| view.as_str().into()))
        .build()
        .expect(COMPLETE)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kind::Kind;
    use crate::kinds::dynamodb_table::Table;

    fn spec(mut properties: Value) -> Spec {
        properties["TableName"] = "carts".into();
        properties["KeySchema"] = json!([{"AttributeName": "id", "KeyType": "HASH"}]);
        properties["AttributeDefinitions"] = json!([
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
            {"AttributeName": "shop", "AttributeType": "N"},
        ]);
        serde_json::from_value(properties).unwrap()
    }

    /// The steps from one spec to another, all of whose rows differ.
    fn between(live: Value, to: Value) -> Vec<Step> {
        let rows: Vec<&str> = Table::FIELDS.iter().map(|field| field.path).collect();
        steps(&spec(live), &spec(to), &rows)
    }

    fn index(name: &str, key: &str) -> Value {
        json!({
            "IndexName": name, "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        })
    }

    fn named(steps: &[Step]) -> Vec<String> {
        let name = |step: &Step| match step {
            Step::DropIndex(name) => format!("- {name}"),
            Step::AddIndex(index, attributes) => {
                let names = attributes.iter().map(|it| it.attribute_name.as_str());
                format!("+ {} of {}", index.index_name, names.collect::<Vec<_>>().join(" "))
            }
            other => format!("{other:?}"),
        };
        steps.iter().map(name).collect()
    }

    #[test]
    fn indexes_go_and_come_one_by_one() {
        let live = json!({"GlobalSecondaryIndexes": [index("a", "owner"), index("b", "owner")]});
        let to = json!({"GlobalSecondaryIndexes": [index("b", "owner"), index("c", "shop")]});
        assert_eq!(named(&between(live.clone(), to)), ["- a", "+ c of id owner shop"]);
        assert_eq!(between(live.clone(), live), []);
    }

    #[test]
    fn an_index_with_other_keys_is_another_index() {
        let live = json!({"GlobalSecondaryIndexes": [index("a", "owner")]});
        let to = json!({"GlobalSecondaryIndexes": [index("a", "shop")]});
        assert_eq!(named(&between(live, to)), ["- a", "+ a of id shop"]);
    }

    #[test]
    fn a_switch_to_provisioned_capacity_says_how_much_everything_gets() {
        let units = json!({"ReadCapacityUnits": 5, "WriteCapacityUnits": 1});
        let mut provisioned = index("a", "owner");
        provisioned["ProvisionedThroughput"] = units.clone();
        let live = json!({
            "BillingMode": "PAY_PER_REQUEST", "GlobalSecondaryIndexes": [index("a", "owner")],
        });
        let to = json!({
            "BillingMode": "PROVISIONED", "ProvisionedThroughput": units,
            "GlobalSecondaryIndexes": [provisioned],
        });
        let steps = between(live.clone(), to.clone());
        let [Step::Capacity(capacity)] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!(capacity.billing_mode.as_deref(), Some("PROVISIONED"));
        assert!(capacity.table.0.is_some() && capacity.indexes["a"].0.is_some());
        let back = between(to, live);
        let [Step::Capacity(capacity)] = back.as_slice() else { panic!("{back:?}") };
        assert_eq!(capacity.table.0, None);
    }

    #[test]
    fn another_view_is_another_stream() {
        let stream = |view: &str| json!({"StreamSpecification": {"StreamViewType": view}});
        let on = |view: &str| Step::Stream(Some(view.into()));
        assert_eq!(between(json!({}), stream("NEW_IMAGE")), [on("NEW_IMAGE")]);
        assert_eq!(
            between(stream("NEW_IMAGE"), stream("KEYS_ONLY")),
            [Step::Stream(None), on("KEYS_ONLY")]
        );
    }

    #[test]
    fn expiry_moves_to_another_attribute_by_way_of_none() {
        let expiry = |attribute: &str, on: bool| json!({"TimeToLiveSpecification": {"AttributeName": attribute, "Enabled": on}});
        let step = |attribute: &str, enabled| {
            Step::Expire(TimeToLive { attribute_name: Some(attribute.into()), enabled })
        };
        assert_eq!(between(expiry("a", false), expiry("a", true)), [step("a", true)]);
        assert_eq!(between(expiry("a", true), expiry("a", false)), [step("a", false)]);
        let moved = [step("a", false), step("b", true)];
        assert_eq!(between(expiry("a", true), expiry("b", true)), moved);
    }

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let live = json!({
            "SSESpecification": {"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": "arn:k"},
            "PointInTimeRecoverySpecification":
                {"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 35},
        });
        let to = json!({
            "SSESpecification": {"SSEEnabled": true},
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": true},
        });
        assert_eq!(between(live, to), []);
    }
}
