//! `AWS::KMS::Alias`

use aws_sdk_kms::types::AliasListEntry;
use serde::{Deserialize, Deserializer, Serialize};

use super::reply::{collect, gone};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Alias;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    alias_name: String,
    target_key_id: KeyId,
}

/// A key of this account and region: its id, also where an ARN was given.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct KeyId(String);

impl Kind for Alias {
    type Spec = Spec;
    type Live = AliasListEntry;

    const NAME: &'static str = "AWS::KMS::Alias";
    const DOC: &'static str = "A name for a KMS key. \
        It is there at once and can be pointed at another key. Nothing blocks its deletion, which leaves the key.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("AliasName", "The name, with its prefix: `alias/orders`."),
        Field::updates("TargetKeyId", "The key, by id or ARN."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("AliasName", "The name, with its prefix.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &AliasListEntry) -> PhysicalId {
        PhysicalId::new(live.alias_name().unwrap_or_default())
    }

    fn spec(live: &AliasListEntry) -> Spec {
        Spec {
            alias_name: live.alias_name().unwrap_or_default().into(),
            target_key_id: KeyId(live.target_key_id().unwrap_or_default().into()),
        }
    }

    fn outputs(live: &AliasListEntry) -> Outputs {
        outputs([("AliasName", live.alias_name())])
    }

    fn readiness(_: &AliasListEntry) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.alias_name))
    }

    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<AliasListEntry>, Fault> {
        // The only filter is by key, and the key is what may have drifted.
        collect(cx.kms.list_aliases().limit(100).into_paginator().items().send()).await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.kms
            .create_alias()
            .alias_name(&spec.alias_name)
            .target_key_id(&spec.target_key_id.0)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.alias_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let key = &update.to.target_key_id.0;
        cx.kms.update_alias().alias_name(id.as_str()).target_key_id(key).send().await?;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.kms.delete_alias().alias_name(id.as_str()).send().await)
    }
}

impl<'de> Deserialize<'de> for KeyId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = String::deserialize(deserializer)?;
        Ok(Self(id.rsplit_once(":key/").map(|(_, id)| id.to_owned()).unwrap_or(id)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_alias_is_seen_in_full() {
        let live =
            AliasListEntry::builder().alias_name("alias/orders").target_key_id("k-1").build();
        let seen = serde_json::to_value(Alias::spec(&live)).unwrap();
        assert_eq!(seen, json!({"AliasName": "alias/orders", "TargetKeyId": "k-1"}));
        assert_eq!(Alias::outputs(&live)["AliasName"], "alias/orders");
    }

    #[test]
    fn an_alias_may_have_lost_its_key() {
        let live = AliasListEntry::builder().alias_name("alias/orders").build();
        assert_eq!(Alias::spec(&live).target_key_id.0, "");
    }

    #[test]
    fn a_key_is_its_id_also_by_arn() {
        let asked = json!({
            "AliasName": "alias/a", "TargetKeyId": "arn:aws:kms:eu-west-1:123456789012:key/k-1",
        });
        let spec: Spec = serde_json::from_value(asked).unwrap();
        assert_eq!(spec.target_key_id.0, "k-1");
        assert_eq!(Alias::natural_id(&spec), Some(PhysicalId::new("alias/a")));
    }
}
