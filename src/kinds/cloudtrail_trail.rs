//! `AWS::CloudTrail::Trail`

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::types::{self, Tag, Trail as SdkTrail};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream, try_join};
use serde::{Deserialize, Serialize};

use super::cloudtrail_selector::{AdvancedEventSelector, EventSelector, InsightSelector};
use super::reply::{collect, gone, present};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Trail;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    advanced_event_selectors: Option<Vec<AdvancedEventSelector>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_log_group_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloud_watch_logs_role_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_log_file_validation: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_selectors: Option<Vec<EventSelector>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include_global_service_events: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insight_selectors: Option<Vec<InsightSelector>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_logging: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_multi_region_trail: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is_organization_trail: Option<bool>,
    #[serde(rename = "KMSKeyId", default, skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
    s3_bucket_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_key_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sns_topic_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    trail_name: String,
}

#[derive(Debug)]
pub struct Live {
    trail: SdkTrail,
    is_logging: bool,
    selectors: GetEventSelectorsOutput,
    insights: Vec<types::InsightSelector>,
    tags: Tags,
}

impl Kind for Trail {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::CloudTrail::Trail";
    const DOC: &'static str = "Delivers what happens in an account to a bucket, as log files. \
        It is there at once, and logs once `IsLogging` has been sent behind its creation. \
        CloudTrail checks that it may write to the bucket, the topic and the log group when it is asked to: their \
        policies must stand before, and a fresh one is waited for some minutes. \
        Nothing blocks its deletion; log files stay in the bucket.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "AdvancedEventSelectors",
            "Which events it logs, by any of their fields; instead of `EventSelectors`.",
        )
        .set()
        .late(),
        Field::updates("CloudWatchLogsLogGroupArn", "The log group that gets the events, too."),
        Field::updates("CloudWatchLogsRoleArn", "The role that writes to the log group."),
        Field::updates("EnableLogFileValidation", "Whether digests prove that no file changed."),
        Field::updates("EventSelectors", "Which management and data events it logs.").set().late(),
        Field::updates("IncludeGlobalServiceEvents", "Whether it logs IAM and the like."),
        Field::updates("InsightSelectors", "Which unusual activity it looks for.").set().late(),
        Field::updates("IsLogging", "Whether it logs at all.").late(),
        Field::updates("IsMultiRegionTrail", "Whether it logs what happens in all regions."),
        Field::updates("IsOrganizationTrail", "Whether it logs for all accounts."),
        Field::updates("KMSKeyId", "The ARN of the key that encrypts the files."),
        Field::updates("S3BucketName", "The bucket that gets the files."),
        Field::updates("S3KeyPrefix", "What the names of the files begin with."),
        Field::updates("SnsTopicName", "The ARN of the topic that is told of each file."),
        TAGS,
        Field::replaces("TrailName", "Its name, unique in the account and region."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the trail."),
        Output::with_id("SnsTopicArn", "The ARN of its topic, if it has one."),
        Output::with_id("TrailName", "The name of the trail."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(5, 3, 3);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.trail.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let trail = &live.trail;
        let advanced = live.selectors.advanced_event_selectors();
        let basic = live.selectors.event_selectors();
        Spec {
            advanced_event_selectors: Some(advanced.iter().map(Into::into).collect()),
            cloud_watch_logs_log_group_arn: trail.cloud_watch_logs_log_group_arn.clone(),
            cloud_watch_logs_role_arn: trail.cloud_watch_logs_role_arn.clone(),
            enable_log_file_validation: Some(trail.log_file_validation_enabled.unwrap_or_default()),
            event_selectors: Some(basic.iter().map(Into::into).collect()),
            include_global_service_events: trail.include_global_service_events,
            insight_selectors: Some(live.insights.iter().map(Into::into).collect()),
            is_logging: Some(live.is_logging),
            is_multi_region_trail: Some(trail.is_multi_region_trail.unwrap_or_default()),
            is_organization_trail: Some(trail.is_organization_trail.unwrap_or_default()),
            kms_key_id: trail.kms_key_id.clone(),
            s3_bucket_name: trail.s3_bucket_name().unwrap_or_default().into(),
            s3_key_prefix: trail.s3_key_prefix.clone(),
            sns_topic_name: trail.sns_topic_arn.clone(),
            tags: Some(live.tags.clone()),
            trail_name: trail.name().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Arn", live.trail.trail_arn()),
            ("SnsTopicArn", live.trail.sns_topic_arn()),
            ("TrailName", live.trail.name()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.trail_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = wanted.iter().filter_map(Lookup::id).map(str::to_owned);
        let trails = find(cx, names.collect()).await?;
        let arns: Vec<_> = trails.iter().filter_map(|trail| trail.trail_arn.clone()).collect();
        let tagged = &tags_of(cx, &arns).await?;
        let lives = stream::iter(trails).map(|trail| live(cx, trail, tagged));
        let lives: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tag_list(&tags.0)).transpose()?;
        cx.cloudtrail
            .create_trail()
            .name(&spec.trail_name)
            .set_cloud_watch_logs_log_group_arn(spec.cloud_watch_logs_log_group_arn.clone())
            .set_cloud_watch_logs_role_arn(spec.cloud_watch_logs_role_arn.clone())
            .set_enable_log_file_validation(spec.enable_log_file_validation)
            .set_include_global_service_events(spec.include_global_service_events)
            .set_is_multi_region_trail(spec.is_multi_region_trail)
            .set_is_organization_trail(spec.is_organization_trail)
            .set_kms_key_id(spec.kms_key_id.clone())
            .s3_bucket_name(&spec.s3_bucket_name)
            .set_s3_key_prefix(spec.s3_key_prefix.clone())
            .set_sns_topic_name(spec.sns_topic_name.clone())
            .set_tags_list(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.trail_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (name, to) = (id.as_str(), update.to);
        if update.changed.iter().any(|row| SETTINGS.contains(row)) {
            // What is not given keeps its value.
            cx.cloudtrail
                .update_trail()
                .name(name)
                .set_cloud_watch_logs_log_group_arn(to.cloud_watch_logs_log_group_arn.clone())
                .set_cloud_watch_logs_role_arn(to.cloud_watch_logs_role_arn.clone())
                .set_enable_log_file_validation(to.enable_log_file_validation)
                .set_include_global_service_events(to.include_global_service_events)
                .set_is_multi_region_trail(to.is_multi_region_trail)
                .set_is_organization_trail(to.is_organization_trail)
                .set_kms_key_id(to.kms_key_id.clone())
                .s3_bucket_name(&to.s3_bucket_name)
                .set_s3_key_prefix(to.s3_key_prefix.clone())
                .set_sns_topic_name(to.sns_topic_name.clone())
                .send()
                .await?;
        }
        if update.has("EventSelectors") || update.has("AdvancedEventSelectors") {
            select(cx, name, to).await?;
        }
        if update.has("InsightSelectors") {
            let selectors = to.insight_selectors.iter().flatten().map(Into::into).collect();
            let put = cx.cloudtrail.put_insight_selectors().trail_name(name);
            put.set_insight_selectors(Some(selectors)).send().await?;
        }
        if update.has("IsLogging") {
            if to.is_logging == Some(true) {
                cx.cloudtrail.start_logging().name(name).send().await?;
            } else {
                cx.cloudtrail.stop_logging().name(name).send().await?;
            }
        }
        if update.has("Tags") {
            retag(cx, id, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.cloudtrail.delete_trail().name(id.as_str()).send().await)
    }
}

/// The rows that `UpdateTrail` carries.
const SETTINGS: &[&str] = &[
    "CloudWatchLogsLogGroupArn",
    "CloudWatchLogsRoleArn",
    "EnableLogFileValidation",
    "IncludeGlobalServiceEvents",
    "IsMultiRegionTrail",
    "IsOrganizationTrail",
    "KMSKeyId",
    "S3BucketName",
    "S3KeyPrefix",
    "SnsTopicName",
];
/// `ListTags` takes twenty ARNs.
const TAGGED_MAX: usize = 20;
/// Trails that are read at once.
const READS_MAX: usize = 8;

/// The trails of those names that are at home in this region. The names filter: one that is not there is no fault.
async fn find(cx: &Cx, names: Vec<String>) -> Result<Vec<SdkTrail>, Fault> {
    // Without names the call means all trails.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let ask = cx.cloudtrail.describe_trails().include_shadow_trails(false);
    let reply = ask.set_trail_name_list(Some(names)).send().await?;
    Ok(reply.trail_list.unwrap_or_default())
}

async fn tags_of(cx: &Cx, arns: &[String]) -> Result<BTreeMap<String, Tags>, Fault> {
    let asked = arns.chunks(TAGGED_MAX).map(|arns| {
        let ask = cx.cloudtrail.list_tags().set_resource_id_list(Some(arns.to_vec()));
        collect(ask.into_paginator().items().send())
    });
    let found = try_join_all(asked).await?.into_iter().flatten();
    let mut all: BTreeMap<String, Tags> = BTreeMap::new();
    // The tags of one trail may come on several pages.
    for resource in found {
        let tags = resource.tags_list.unwrap_or_default().into_iter();
        let tags = Tags::read(tags.map(|tag| (tag.key, tag.value.unwrap_or_default())));
        all.entry(resource.resource_id.unwrap_or_default()).or_default().0.extend(tags.0);
    }
    Ok(all)
}

/// A described trail with what only calls of its own tell: whether it logs, its selectors and, where it has them, its
/// insights. `None` if it is gone by now.
async fn live(
    cx: &Cx,
    trail: SdkTrail,
    tagged: &BTreeMap<String, Tags>,
) -> Result<Option<Live>, Fault> {
    let arn = trail.trail_arn.clone().required("trail ARN")?;
    let status = async { present(cx.cloudtrail.get_trail_status().name(&arn).send().await) };
    let selectors =
        async { present(cx.cloudtrail.get_event_selectors().trail_name(&arn).send().await) };
    let insights = async {
        if trail.has_insight_selectors != Some(true) {
            return Ok(None);
        }
        present(cx.cloudtrail.get_insight_selectors().trail_name(&arn).send().await)
    };
    let (status, selectors, insights) = try_join!(status, selectors, insights)?;
    let (Some(status), Some(selectors)) = (status, selectors) else { return Ok(None) };
    Ok(Some(Live {
        is_logging: status.is_logging.unwrap_or_default(),
        selectors,
        insights: insights.and_then(|reply| reply.insight_selectors).unwrap_or_default(),
        tags: tagged.get(&arn).cloned().unwrap_or_default(),
        trail,
    }))
}

/// Sends the selectors. The two sorts exclude each other: whichever is named takes the place of the other.
async fn select(cx: &Cx, name: &str, to: &Spec) -> Result<(), Fault> {
    let put = cx.cloudtrail.put_event_selectors().trail_name(name);
    let advanced = to.advanced_event_selectors.as_deref().filter(|all| !all.is_empty());
    let put = if let Some(advanced) = advanced {
        let selectors: Result<Vec<_>, Fault> =
            advanced.iter().map(types::AdvancedEventSelector::try_from).collect();
        put.set_advanced_event_selectors(Some(selectors?))
    } else {
        let basic = to.event_selectors.iter().flatten().map(Into::into).collect();
        put.set_event_selectors(Some(basic))
    };
    put.send().await?;
    Ok(())
}

async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    let arn = cx.account().await?.arn("cloudtrail", &cx.region, format_args!("trail/{id}"));
    if !change.set.is_empty() {
        let tags = tag_list(&change.set)?;
        cx.cloudtrail.add_tags().resource_id(&arn).set_tags_list(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys: Result<Vec<_>, _> =
            change.remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        let keys = keys.map_err(|error| Fault::new(Class::Invalid, error.to_string()))?;
        cx.cloudtrail.remove_tags().resource_id(&arn).set_tags_list(Some(keys)).send().await?;
    }
    Ok(())
}

fn tag_list(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>, Fault> {
    let tags: Result<Vec<_>, _> =
        tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    tags.map_err(|error| Fault::new(Class::Invalid, error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn a_live_trail_is_seen_in_full() {
        let trail = SdkTrail::builder()
            .name("shop")
            .trail_arn("arn:aws:cloudtrail:eu-west-1:1:trail/shop")
            .s3_bucket_name("logs")
            .sns_topic_arn("arn:aws:sns:eu-west-1:1:shop")
            .include_global_service_events(true)
            .is_multi_region_trail(true)
            .kms_key_id("arn:k");
        let live = Live {
            trail: trail.build(),
            is_logging: true,
            selectors: GetEventSelectorsOutput::builder()
                .event_selectors(types::EventSelector::builder().build())
                .build(),
            insights: Vec::new(),
            tags: Tags::default(),
        };
        let spec = Trail::spec(&live);
        assert_eq!(Trail::natural_id(&spec), Some(Trail::id(&live)));
        assert_eq!(
            to_value(spec).unwrap(),
            json!({
                "AdvancedEventSelectors": [], "EnableLogFileValidation": false,
                "EventSelectors": [{
                    "DataResources": [], "ExcludeManagementEventSources": [],
                    "IncludeManagementEvents": true, "ReadWriteType": "All",
                }],
                "IncludeGlobalServiceEvents": true, "InsightSelectors": [], "IsLogging": true,
                "IsMultiRegionTrail": true, "IsOrganizationTrail": false, "KMSKeyId": "arn:k",
                "S3BucketName": "logs", "SnsTopicName": "arn:aws:sns:eu-west-1:1:shop", "Tags": [],
                "TrailName": "shop",
            })
        );
        assert_eq!(Trail::outputs(&live)["SnsTopicArn"], "arn:aws:sns:eu-west-1:1:shop");
    }
}
