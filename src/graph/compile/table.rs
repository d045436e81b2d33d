//! A table of DynamoDB.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Compiler, key};
use crate::address::Address;
use crate::blueprint::component::table::{
    Billing, Capacity, PrimaryKey, Projection, StreamView, Table, TableClass,
};
use crate::blueprint::value::{Attribute, Name};
use crate::kind::DeletionPolicy;

impl Compiler<'_> {
    pub(super) fn table(&mut self, name: &Name, table: &Table) {
        let PrimaryKey { partition, sort } = &table.primary_key;
        let capacity = match table.billing.value {
            Billing::OnDemand => None,
            Billing::Provisioned(capacity) => Some(capacity),
        };
        let global: Vec<Value> = table
            .indexes
            .iter()
            .map(|(name, index)| {
                let own = index.capacity.map_or(capacity, |own| Some(own.value));
                json!({
                    "IndexName": name.as_str(),
                    "KeySchema": key_schema(&index.partition, index.sort.as_deref()),
                    "Projection": projection(&index.project),
                    "ProvisionedThroughput": own.map(throughput),
                })
            })
            .collect();
        let local: Vec<Value> = table
            .local_indexes
            .iter()
            .map(|(name, index)| {
                json!({
                    "IndexName": name.as_str(),
                    "KeySchema": key_schema(partition, Some(&index.sort)),
                    "Projection": projection(&index.project),
                })
            })
            .collect();
        let key = key::arn(table.key.as_ref());
        let spec = json!({
            "TableName": self.name(name),
            "AttributeDefinitions": attribute_definitions(table),
            "KeySchema": key_schema(partition, sort.as_deref()),
            "GlobalSecondaryIndexes": (!global.is_empty()).then_some(global),
            "LocalSecondaryIndexes": (!local.is_empty()).then_some(local),
            "BillingMode": if capacity.is_some() { "PROVISIONED" } else { "PAY_PER_REQUEST" },
            "ProvisionedThroughput": capacity.map(throughput),
            "PointInTimeRecoverySpecification": {
                "PointInTimeRecoveryEnabled": table.recovery.as_option().is_some(),
                "RecoveryPeriodInDays": table.recovery.as_option().map(|days| days.get()),
            },
            "StreamSpecification": table.stream.map(|view| json!({"StreamViewType": match view {
                StreamView::Keys => "KEYS_ONLY",
                StreamView::New => "NEW_IMAGE",
                StreamView::Old => "OLD_IMAGE",
                StreamView::Both => "NEW_AND_OLD_IMAGES",
            }})),
            "TimeToLiveSpecification":
                table.ttl.as_ref().map(|it| json!({"AttributeName": it.as_str(), "Enabled": true})),
            "TableClass": match table.class {
                TableClass::Standard => "STANDARD",
                TableClass::InfrequentAccess => "STANDARD_INFREQUENT_ACCESS",
            },
            // Without a key of ours DynamoDB encrypts with its own, which costs nothing.
            "SSESpecification": key.map(|key| json!({
                "SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key,
            })),
            "DeletionProtectionEnabled": table.deletion_protection,
        });
        let policy =
            if table.final_backup { DeletionPolicy::Snapshot } else { DeletionPolicy::Delete };
        self.add(&address(name), "AWS::DynamoDB::Table", spec).deletion(policy);
    }
}

/// The types of the attributes of all keys, each once, in the order of their names.
fn attribute_definitions(table: &Table) -> Vec<Value> {
    let types: BTreeMap<&str, &str> =
        table.key_attributes().map(|it| (it.name.as_str(), it.r#type.code())).collect();
    let define = |(name, code)| json!({"AttributeName": name, "AttributeType": code});
    types.into_iter().map(define).collect()
}

fn key_schema(partition: &Attribute, sort: Option<&Attribute>) -> Vec<Value> {
    let element =
        |attribute: &Attribute, role| json!({"AttributeName": attribute.name, "KeyType": role});
    let sort = sort.map(|sort| element(sort, "RANGE"));
    [element(partition, "HASH")].into_iter().chain(sort).collect()
}

fn projection(projection: &Projection) -> Value {
    match projection {
        Projection::All => json!({"ProjectionType": "ALL"}),
        Projection::Keys => json!({"ProjectionType": "KEYS_ONLY"}),
        Projection::Also(attributes) => {
            let names: Vec<&str> = attributes.iter().map(|it| it.as_str()).collect();
            json!({"ProjectionType": "INCLUDE", "NonKeyAttributes": names})
        }
    }
}

fn throughput(capacity: Capacity) -> Value {
    let Capacity { read, write } = capacity;
    json!({"ReadCapacityUnits": read.get(), "WriteCapacityUnits": write.get()})
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&format!("tables.{name}"), "table")
}
