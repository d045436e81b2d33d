//! `AWS::Logs::LogGroup`

use std::collections::{BTreeSet, HashMap};

use aws_sdk_cloudwatchlogs::types::{DataProtectionStatus, LogGroup, LogGroupClass};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::reply::{collect, gone, present};
use super::scalar::Number;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::Fault;
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder,
    TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct Group;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    data_protection_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_protection_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group_class: Option<String>,
    log_group_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention_in_days: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    group: LogGroup,
    data_protection_policy: Option<String>,
    tags: Tags,
}

/// As many names as one call takes.
const NAMES_MAX: usize = 50;

impl Kind for Group {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Logs::LogGroup";
    const DOC: &'static str = "A place in CloudWatch Logs where streams of log events are kept. \
        It is there at once. Without `RetentionInDays` events are kept for ever. \
        Services that log make a group that they miss, so create it before them. \
        Nothing blocks its deletion; deletion protection is switched off first. The events are lost.";
    const FIELDS: &'static [Field] = &[
        Field::updates("DataProtectionPolicy", "Which sensitive data is audited and masked.")
            .document()
            .late(),
        Field::updates("DeletionProtectionEnabled", "Whether the service refuses to delete it."),
        Field::updates("KmsKeyId", "The ARN of the key that encrypts new events."),
        Field::replaces("LogGroupClass", "`STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`."),
        Field::replaces("LogGroupName", "The name: `/aws/eks/shop/cluster`."),
        Field::updates("RetentionInDays", "Days that events are kept: 1, 3, 5, 7, 14, 30, ...")
            .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("LogGroupName", "The name of the group."),
        Output::with_id("Arn", "The ARN of the group and its streams; it ends in `:*`."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    const LOSS: Loss = Loss::Data;
    /// Twenty calls at once for the groups, ten for their tags.
    const READ_MAX: usize = 20 * NAMES_MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.log_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        Spec {
            data_protection_policy: live.data_protection_policy.as_deref().map(document::from_text),
            deletion_protection_enabled: live.group.deletion_protection_enabled,
            kms_key_id: live.group.kms_key_id.clone(),
            log_group_class: live.group.log_group_class().map(|class| class.as_str().into()),
            log_group_name: live.group.log_group_name().unwrap_or_default().into(),
            retention_in_days: live.group.retention_in_days.map(Number),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("LogGroupName", live.group.log_group_name()), ("Arn", live.group.arn())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.log_group_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let groups = find(cx, wanted.iter().filter_map(Lookup::id).collect()).await?;
        let found = tagging::indexed(cx, groups, arn).await?.into_iter();
        Ok(found.map(|(group, tags)| Live { group, data_protection_policy: None, tags }).collect())
    }

    /// Tags and data protection policies are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, tags: indexed, .. } = live;
        let tags = tagging::confirmed(indexed, &compared, async {
            let ask = cx.logs.list_tags_for_resource().set_resource_arn(arn(&group));
            let reply = present(ask.send().await)?;
            Ok(reply.map(|reply| Tags::read(reply.tags.unwrap_or_default())))
        });
        let policy = async {
            let protected =
                group.data_protection_status() == Some(&DataProtectionStatus::Activated);
            if !protected || !compared.has("DataProtectionPolicy") {
                return Ok(None);
            }
            let ask = cx.logs.get_data_protection_policy();
            present(ask.set_log_group_identifier(group.log_group_name.clone()).send().await)
        };
        let (tags, policy) = futures::try_join!(tags, policy)?;
        let data_protection_policy = policy.and_then(|policy| policy.policy_document);
        Ok(tags.map(|tags| Live { group, data_protection_policy, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tags.0.clone().into_iter().collect());
        cx.logs
            .create_log_group()
            .log_group_name(&spec.log_group_name)
            .set_deletion_protection_enabled(spec.deletion_protection_enabled)
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_log_group_class(spec.log_group_class.as_deref().map(LogGroupClass::from))
            .set_tags(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.log_group_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (logs, to) = (&cx.logs, update.to);
        if let (true, Some(key)) = (update.has("KmsKeyId"), &to.kms_key_id) {
            logs.associate_kms_key().log_group_name(id.as_str()).kms_key_id(key).send().await?;
        }
        if let (true, Some(days)) = (update.has("RetentionInDays"), to.retention_in_days) {
            let put = logs.put_retention_policy().log_group_name(id.as_str());
            put.retention_in_days(days.0).send().await?;
        }
        if let (true, Some(policy)) =
            (update.has("DataProtectionPolicy"), &to.data_protection_policy)
        {
            let put = logs.put_data_protection_policy().log_group_identifier(id.as_str());
            put.policy_document(document::to_text(policy)).send().await?;
        }
        if let (true, Some(on)) =
            (update.has("DeletionProtectionEnabled"), to.deletion_protection_enabled)
        {
            protect(cx, id, on).await?;
        }
        if update.has("Tags") {
            retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let found = find(cx, BTreeSet::from([id.as_str()])).await?;
        let Some(group) = found.first() else { return Ok(()) };
        if group.deletion_protection_enabled == Some(true) {
            protect(cx, id, false).await?;
        }
        gone(cx.logs.delete_log_group().log_group_name(id.as_str()).send().await)
    }
}

/// The groups of those names that exist. The names filter: one that is not there is no fault.
async fn find(cx: &Cx, names: BTreeSet<&str>) -> Result<Vec<LogGroup>, Fault> {
    let all: Vec<&str> = names.iter().copied().collect();
    let asked = all.chunks(NAMES_MAX).map(|names| {
        let identifiers = names.iter().map(|&name| name.into()).collect();
        let ask = cx.logs.describe_log_groups().set_log_group_identifiers(Some(identifiers));
        collect(ask.into_paginator().items().send())
    });
    let mut groups: Vec<_> = try_join_all(asked).await?.into_iter().flatten().collect();
    groups.retain(|group| group.log_group_name().is_some_and(|name| names.contains(name)));
    Ok(groups)
}

/// The ARN that has the tags: of the group without its streams.
fn arn(group: &LogGroup) -> Option<String> {
    group.arn().map(|arn| arn.strip_suffix(":*").unwrap_or(arn).to_owned())
}

async fn protect(cx: &Cx, id: &PhysicalId, on: bool) -> Result<(), Fault> {
    let put = cx.logs.put_log_group_deletion_protection().log_group_identifier(id.as_str());
    put.deletion_protection_enabled(on).send().await?;
    Ok(())
}

async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    let arn = cx.account().await?.arn("logs", &cx.region, format_args!("log-group:{id}"));
    if !change.set.is_empty() {
        let tags: HashMap<_, _> = change.set.into_iter().collect();
        cx.logs.tag_resource().resource_arn(&arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.logs.untag_resource().resource_arn(&arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_group_is_seen_in_full() {
        let group = LogGroup::builder()
            .log_group_name("/shop/api")
            .arn("arn:aws:logs:eu-west-1:1:log-group:/shop/api:*")
            .log_group_class(LogGroupClass::Standard)
            .retention_in_days(14)
            .kms_key_id("arn:k");
        let live = Live {
            group: group.build(),
            data_protection_policy: Some(r#"{"Version": "2021-06-01"}"#.into()),
            tags: Tags::read([("team".into(), "shop".into())]),
        };
        assert_eq!(
            serde_json::to_value(Group::spec(&live)).unwrap(),
            json!({
                "DataProtectionPolicy": {"Version": "2021-06-01"}, "KmsKeyId": "arn:k",
                "LogGroupClass": "STANDARD", "LogGroupName": "/shop/api", "RetentionInDays": 14,
                "Tags": [{"Key": "team", "Value": "shop"}],
            })
        );
        assert_eq!(Group::outputs(&live)["Arn"], "arn:aws:logs:eu-west-1:1:log-group:/shop/api:*");
    }

    #[test]
    fn a_group_whose_events_never_expire_tells_no_retention() {
        let group = LogGroup::builder().log_group_name("a").build();
        let live = Live { group, data_protection_policy: None, tags: Tags::default() };
        let seen = serde_json::to_value(Group::spec(&live)).unwrap();
        assert_eq!(seen, json!({"LogGroupName": "a", "Tags": []}));
        assert_eq!(Group::natural_id(&Group::spec(&live)), Some(Group::id(&live)));
    }
}
