//! `AWS::KMS::Key`

use std::collections::BTreeSet;

use aws_sdk_kms::operation::get_key_rotation_status::GetKeyRotationStatusOutput;
use aws_sdk_kms::types::{KeyMetadata, KeySpec, KeyState, KeyUsageType, OriginType, Tag};
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::reply::{collect, gone, present};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Key;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bypass_policy_lockout_safety_check: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_key_rotation: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_policy: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_spec: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multi_region: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending_window_in_days: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation_period_in_days: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    key: KeyMetadata,
    policy: Option<String>,
    /// `None` for keys that cannot rotate, and where nobody compares it.
    rotation: Option<GetKeyRotationStatusOutput>,
    tags: Tags,
}

impl Kind for Key {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::KMS::Key";
    const DOC: &'static str = "A key that encrypts, signs or authenticates. \
        It is there at once. Deletion only schedules: after `PendingWindowInDays` (without it 7 days, or 30 under the \
        deletion policy `Snapshot`) the key is destroyed, and with it everything that it encrypted; until then \
        `CancelKeyDeletion` brings it back. A scheduled key counts as absent. Nothing blocks its deletion. \
        `CreateKey` knows no token, so a try without an answer is never repeated blindly: the key is looked for first.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "BypassPolicyLockoutSafetyCheck",
            "Accepts a policy under which the caller could not change the policy again.",
        )
        .write_only(),
        Field::updates("Description", "What the key is for."),
        Field::updates("EnableKeyRotation", "Whether its material is replaced regularly.").late(),
        Field::updates("Enabled", "Whether it may be used.").late(),
        Field::updates("KeyPolicy", "Who may use and manage it.").document(),
        Field::replaces("KeySpec", "`SYMMETRIC_DEFAULT`, `RSA_4096` and so on."),
        Field::replaces("KeyUsage", "`ENCRYPT_DECRYPT`, `SIGN_VERIFY` and so on."),
        Field::replaces("MultiRegion", "Whether replicas in other regions can be made of it."),
        Field::replaces("Origin", "Where its material comes from: `AWS_KMS` or `EXTERNAL`."),
        Field::updates(
            "PendingWindowInDays",
            "Days from its deletion to its destruction, 7 to 30.",
        )
        .write_only(),
        Field::updates("RotationPeriodInDays", "Days between rotations, 90 to 2560; 365 without.")
            .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("KeyId", "The id of the key."),
        Output::with_id("Arn", "The ARN of the key."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 2, 1);
    const LOSS: Loss = Loss::Data;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.key.key_id)
    }

    fn spec(live: &Live) -> Spec {
        let (key, rotation) = (&live.key, live.rotation.as_ref());
        Spec {
            bypass_policy_lockout_safety_check: None,
            description: key.description.clone(),
            enable_key_rotation: Some(rotation.is_some_and(|status| status.key_rotation_enabled)),
            enabled: Some(key.enabled),
            key_policy: live.policy.as_deref().map(document::from_text),
            key_spec: key.key_spec().map(ToString::to_string),
            key_usage: key.key_usage().map(ToString::to_string),
            multi_region: Some(key.multi_region.unwrap_or_default()),
            origin: key.origin().map(ToString::to_string),
            pending_window_in_days: None,
            rotation_period_in_days: rotation.and_then(|rotation| rotation.rotation_period_in_days),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("KeyId", Some(&live.key.key_id)), ("Arn", live.key.arn())])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.key.key_state() {
            // A key for imported material waits for it as long as its owner likes.
            Some(KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport) => {
                Readiness::Ready
            }
            Some(state) => Readiness::Pending(state.to_string().into()),
            None => Readiness::Pending("Creating".into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let mut ids: BTreeSet<String> = tagging::owned(cx, "kms:key", wanted)
            .await?
            .iter()
            .filter_map(|arn| Some(arn.rsplit_once('/')?.1.to_owned()))
            .collect();
        ids.extend(wanted.iter().filter_map(Lookup::id).map(str::to_owned));
        // The list tells ids only: a call for each key.
        let found = stream::iter(ids).map(|id| described(cx, id)).buffer_unordered(READS_MAX);
        let keys: Vec<KeyMetadata> =
            found.try_filter_map(|key| async { Ok(key) }).try_collect().await?;
        let found = tagging::indexed(cx, keys, |key| key.arn.clone()).await?.into_iter();
        Ok(found.map(|(key, tags)| Live { key, policy: None, rotation: None, tags }).collect())
    }

    /// Policy, rotation and tags are told of one key alone: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { key, tags: indexed, .. } = live;
        let id = key.key_id();
        let policy = async {
            if !compared.has("KeyPolicy") {
                return Ok(None);
            }
            present(cx.kms.get_key_policy().key_id(id).policy_name(POLICY).send().await)
        };
        let tags = tagging::confirmed(indexed, &compared, async {
            let pages = cx.kms.list_resource_tags().key_id(id).into_paginator();
            let tags = present(collect(pages.items().send()).await)?;
            let pair = |tag: Tag| (tag.tag_key, tag.tag_value);
            Ok(tags.map(|tags| Tags::read(tags.into_iter().map(pair))))
        });
        let rotation = async {
            let asked = ["EnableKeyRotation", "RotationPeriodInDays"];
            if !rotates(&key) || !asked.iter().any(|row| compared.has(row)) {
                return Ok(None);
            }
            present(cx.kms.get_key_rotation_status().key_id(id).send().await)
        };
        let (policy, tags, rotation) = futures::try_join!(policy, tags, rotation)?;
        let policy = policy.and_then(|reply| reply.policy);
        Ok(tags.map(|tags| Live { key, policy, rotation, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .kms
            .create_key()
            .set_bypass_policy_lockout_safety_check(spec.bypass_policy_lockout_safety_check)
            .set_description(spec.description.clone())
            .set_key_spec(spec.key_spec.as_deref().map(KeySpec::from))
            .set_key_usage(spec.key_usage.as_deref().map(KeyUsageType::from))
            .set_multi_region(spec.multi_region)
            .set_origin(spec.origin.as_deref().map(OriginType::from))
            .set_policy(spec.key_policy.as_ref().map(document::to_text))
            .set_tags(spec.tags.as_ref().map(|tags| tags.0.iter().map(tag).collect()))
            .send()
            .await?;
        Ok(PhysicalId::new(made.key_metadata.required("key")?.key_id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (key, to) = (id.as_str(), update.to);
        // A disabled key refuses changes of its rotation: switching on goes first, switching off last. A fresh key is
        // enabled and does not rotate: it is spared calls that not every sort of key accepts.
        if update.has("Enabled") && to.enabled == Some(true) && update.from.enabled.is_some() {
            cx.kms.enable_key().key_id(key).send().await?;
        }
        if update.has("EnableKeyRotation") || update.has("RotationPeriodInDays") {
            if to.enable_key_rotation != Some(false) {
                let ask = cx.kms.enable_key_rotation().key_id(key);
                ask.set_rotation_period_in_days(to.rotation_period_in_days).send().await?;
            } else if update.from.enable_key_rotation.is_some() {
                cx.kms.disable_key_rotation().key_id(key).send().await?;
            }
        }
        if update.has("Description") {
            let description = to.description.as_deref().unwrap_or_default();
            cx.kms.update_key_description().key_id(key).description(description).send().await?;
        }
        if update.has("KeyPolicy")
            && let Some(policy) = &to.key_policy
        {
            cx.kms
                .put_key_policy()
                .key_id(key)
                .policy_name(POLICY)
                .policy(document::to_text(policy))
                .set_bypass_policy_lockout_safety_check(to.bypass_policy_lockout_safety_check)
                .send()
                .await?;
        }
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &to.tags);
            if !change.set.is_empty() {
                let set = change.set.iter().map(tag).collect();
                cx.kms.tag_resource().key_id(key).set_tags(Some(set)).send().await?;
            }
            if !change.remove.is_empty() {
                let remove = Some(change.remove);
                cx.kms.untag_resource().key_id(key).set_tag_keys(remove).send().await?;
            }
        }
        if update.has("Enabled") && to.enabled == Some(false) {
            cx.kms.disable_key().key_id(key).send().await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        policy: DeletionPolicy,
    ) -> Result<(), Fault> {
        let days = recorded.pending_window_in_days.unwrap_or(match policy {
            DeletionPolicy::Delete => WINDOW_MIN_DAYS,
            DeletionPolicy::Snapshot | DeletionPolicy::Retain => WINDOW_MAX_DAYS,
        });
        let ask = cx.kms.schedule_key_deletion().key_id(id.as_str()).pending_window_in_days(days);
        gone(ask.send().await)
    }
}

/// KMS accepts windows of 7 to 30 days.
const WINDOW_MIN_DAYS: i32 = 7;
const WINDOW_MAX_DAYS: i32 = 30;
/// The only name that a key's policy can have.
const POLICY: &str = "default";
/// Keys that are described at once.
const READS_MAX: usize = 16;

/// A key, unless it is not there or scheduled for deletion.
async fn described(cx: &Cx, id: String) -> Result<Option<KeyMetadata>, Fault> {
    let Some(reply) = present(cx.kms.describe_key().key_id(id).send().await)? else {
        return Ok(None);
    };
    let key = reply.key_metadata.required("key")?;
    let leaving = [KeyState::PendingDeletion, KeyState::PendingReplicaDeletion];
    Ok(Some(key).filter(|key| !key.key_state().is_some_and(|state| leaving.contains(state))))
}

/// Asking others for their rotation is refused.
fn rotates(key: &KeyMetadata) -> bool {
    key.key_spec() == Some(&KeySpec::SymmetricDefault) && key.origin() == Some(&OriginType::AwsKms)
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().tag_key(key).tag_value(value).build().expect("a tag has a key and a value")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_rotating_key_is_seen_in_full() {
        let key = KeyMetadata::builder()
            .key_id("k-1")
            .arn("arn:aws:kms:eu-west-1:123456789012:key/k-1")
            .description("orders")
            .enabled(true)
            .key_spec(KeySpec::SymmetricDefault)
            .key_usage(KeyUsageType::EncryptDecrypt)
            .key_state(KeyState::Enabled)
            .multi_region(false)
            .origin(OriginType::AwsKms)
            .build()
            .unwrap();
        assert!(rotates(&key));
        let rotation = GetKeyRotationStatusOutput::builder()
            .key_rotation_enabled(true)
            .rotation_period_in_days(365)
            .build();
        let policy = Some(r#"{"Version": "2012-10-17", "Statement": []}"#.into());
        let live = Live { key, policy, rotation: Some(rotation), tags: Tags::default() };
        assert_eq!(Key::readiness(&live), Readiness::Ready);
        assert_eq!(Key::outputs(&live)["Arn"], "arn:aws:kms:eu-west-1:123456789012:key/k-1");
        assert_eq!(
            serde_json::to_value(Key::spec(&live)).unwrap(),
            json!({
                "Description": "orders", "EnableKeyRotation": true, "Enabled": true,
                "KeyPolicy": {"Version": "2012-10-17", "Statement": []},
                "KeySpec": "SYMMETRIC_DEFAULT", "KeyUsage": "ENCRYPT_DECRYPT",
                "MultiRegion": false, "Origin": "AWS_KMS", "RotationPeriodInDays": 365, "Tags": [],
            })
        );
    }

    #[test]
    fn a_signing_key_does_not_rotate_and_may_be_on_its_way() {
        let key = KeyMetadata::builder()
            .key_id("k-1")
            .key_spec(KeySpec::Rsa4096)
            .origin(OriginType::AwsKms)
            .key_state(KeyState::Updating)
            .build()
            .unwrap();
        assert!(!rotates(&key));
        let live = Live { key, policy: None, rotation: None, tags: Tags::default() };
        assert_eq!(Key::readiness(&live), Readiness::Pending("Updating".into()));
        assert_eq!(Key::spec(&live).enable_key_rotation, Some(false));
    }
}
