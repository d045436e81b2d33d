//! `AWS::S3::Bucket`

use std::collections::BTreeMap;

use aws_sdk_s3::types::{
    self, AccelerateConfiguration, BucketLocationConstraint, CreateBucketConfiguration,
    Tagging as TagSet, TransitionDefaultMinimumObjectSize, VersioningConfiguration,
};
use aws_smithy_types::error::operation::BuildError;
use serde::{Deserialize, Serialize};

use super::prefix;
use super::reply::{collect, gone};
use super::s3::{ask, incomplete, part, tag};
use super::s3_lifecycle::Lifecycle;
use super::s3_notification::Notification;
use super::s3_parts::Parts;
use super::s3_replication::Replication;
use super::s3_settings::{
    Acceleration, Cors, Encryption, Logging, ObjectLock, Ownership, PublicAccessBlock, Tiering,
    Versioning,
};
use super::s3_website::Website;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Blocker, Class, Fault, found};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, ReplaceOrder,
    Scope, TAGS, Tagging, Token, Typical, Update, outputs,
};

pub struct Bucket;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accelerate_configuration: Option<Acceleration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket_encryption: Option<Encryption>,
    bucket_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cors_configuration: Option<Cors>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intelligent_tiering_configurations: Option<Vec<Tiering>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifecycle_configuration: Option<Lifecycle>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    logging_configuration: Option<Logging>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notification_configuration: Option<Notification>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_lock_configuration: Option<ObjectLock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_lock_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ownership_controls: Option<Ownership>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_access_block_configuration: Option<PublicAccessBlock>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    replication_configuration: Option<Replication>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versioning_configuration: Option<Versioning>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    website_configuration: Option<Website>,
}

/// A bucket, with as much of its configuration as somebody has asked for.
#[derive(Debug, Default)]
pub struct Live {
    name: String,
    region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    partition: String,
    tags: Tags,
    parts: Parts,
}

impl Kind for Bucket {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::S3::Bucket";
    const DOC: &'static str = "A bucket of objects, whose name is unique in the world. \
        It is there at once. \
        Each configuration is a call of its own: those that no blueprint names are neither read nor touched, and an \
        empty one (`Rules: []`, a website without documents) removes what is there. \
        Deletion is refused while it holds objects, versions of objects included: platctl never empties a bucket.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "AccelerateConfiguration",
            "`AccelerationStatus`: transfers over edge locations.",
        )
        .late(),
        Field::updates("BucketEncryption", "How new objects are encrypted; without it `AES256`.")
            .late(),
        Field::replaces("BucketName", "The name: `shop-prod-assets`."),
        Field::updates(
            "CorsConfiguration",
            "Which sites' pages may use it, the first rule that fits.",
        )
        .late(),
        Field::updates(
            "IntelligentTieringConfigurations",
            "When objects of the class `INTELLIGENT_TIERING` are archived.",
        )
        .set()
        .late(),
        Field::updates("LifecycleConfiguration", "When objects move to other classes, and expire.")
            .late(),
        Field::updates("LifecycleConfiguration.Rules", "The rules.").set().late(),
        Field::updates(
            "LoggingConfiguration",
            "Where accesses are logged; without `DestinationBucketName` in the bucket itself.",
        )
        .late(),
        Field::updates("NotificationConfiguration", "Whom it tells of events, who must permit it.")
            .late()
            .when_ready(),
        Field::updates("NotificationConfiguration.LambdaConfigurations", "Functions.")
            .set()
            .late()
            .when_ready(),
        Field::updates("NotificationConfiguration.QueueConfigurations", "Queues.")
            .set()
            .late()
            .when_ready(),
        Field::updates("NotificationConfiguration.TopicConfigurations", "Topics.")
            .set()
            .late()
            .when_ready(),
        Field::updates("ObjectLockConfiguration", "How long new objects are kept from deletion.")
            .late(),
        Field::replaces(
            "ObjectLockEnabled",
            "Whether objects can be locked; needs, and brings, versions.",
        ),
        Field::updates("OwnershipControls", "Whether objects may have ACLs; one rule."),
        Field::updates(
            "PublicAccessBlockConfiguration",
            "Which ways to make it public are blocked.",
        )
        .late(),
        Field::updates("ReplicationConfiguration", "Copies to other buckets; both need versions.")
            .late()
            .when_ready(),
        Field::updates("ReplicationConfiguration.Rules", "The rules.").set().late().when_ready(),
        TAGS,
        Field::updates("VersioningConfiguration", "Whether old versions of objects are kept.")
            .late(),
        Field::updates("WebsiteConfiguration", "How it answers as a website.").late(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("BucketName", "The name of the bucket."),
        Output::with_id("Arn", "The ARN of the bucket."),
        Output::with_id("DomainName", "Its host name in any region."),
        Output::with_id("DualStackDomainName", "Its host name over IPv4 and IPv6."),
        Output::with_id("RegionalDomainName", "Its host name in its region: the origin of a CDN."),
        Output::with_id("WebsiteURL", "The address of the website that it can be."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const SCOPE: Scope = Scope::RegionAndName;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;
    const LOSS: Loss = Loss::Data;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.name)
    }

    fn spec(live: &Live) -> Spec {
        let parts = &live.parts;
        Spec {
            accelerate_configuration: parts.accelerate.clone(),
            bucket_encryption: parts.encryption.clone(),
            bucket_name: live.name.clone(),
            cors_configuration: parts.cors.clone(),
            intelligent_tiering_configurations: parts.tiering.clone(),
            lifecycle_configuration: parts.lifecycle.clone(),
            logging_configuration: parts.logging.clone(),
            notification_configuration: parts.notification.clone(),
            object_lock_configuration: parts.lock.clone(),
            object_lock_enabled: parts.locked,
            ownership_controls: parts.ownership.clone(),
            public_access_block_configuration: parts.public_access.clone(),
            replication_configuration: parts.replication.clone(),
            tags: Some(live.tags.clone()),
            versioning_configuration: parts.versioning.clone(),
            website_configuration: parts.website.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let Live { name, region, partition, .. } = live;
        let suffix = if partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
        let dot = if DASHED_WEBSITES.contains(&region.as_str()) { '-' } else { '.' };
        outputs([
            ("BucketName", Some(name)),
            ("Arn", Some(&format!("arn:{partition}:s3:::{name}"))),
            ("DomainName", Some(&format!("{name}.s3.{suffix}"))),
            ("DualStackDomainName", Some(&format!("{name}.s3.dualstack.{region}.{suffix}"))),
            ("RegionalDomainName", Some(&format!("{name}.s3.{region}.{suffix}"))),
            ("WebsiteURL", Some(&format!("http://{name}.s3-website{dot}{region}.{suffix}"))),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.bucket_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        // A name is all that a bucket is looked up by.
        let names: Vec<&str> = wanted.iter().filter_map(Lookup::id).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let list = cx.s3.list_buckets().bucket_region(&cx.region);
        let list = list.set_prefix(prefix::common(names));
        let buckets = collect(list.into_paginator().items().send()).await?;
        let partition = &cx.account().await?.partition;
        let live = |bucket: types::Bucket| {
            let (region, partition) = (cx.region.clone(), partition.clone());
            Some(Live { name: bucket.name?, region, partition, ..Live::default() })
        };
        Ok(buckets.into_iter().filter_map(live).collect())
    }

    /// The list tells names only. Tags and every configuration are calls of their own.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let tagged = cx.s3.get_bucket_tagging().bucket(&live.name).send();
        let both =
            async { futures::try_join!(ask(true, tagged), Parts::read(cx, &live.name, &compared)) };
        let (tagged, parts) = match both.await {
            // The list still shows what was deleted a moment ago.
            Err(fault) if fault.is(Class::NotFound) => return Ok(None),
            both => both?,
        };
        let pairs = tagged.map(|reply| reply.tag_set).unwrap_or_default().into_iter();
        let tags = Tags::read(pairs.map(|tag| (tag.key, tag.value)));
        Ok(Some(Live { tags, parts, ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags: Result<Vec<types::Tag>, BuildError> =
            spec.tags.iter().flat_map(|tags| &tags.0).map(|(key, value)| tag(key, value)).collect();
        let tags = tags.map_err(incomplete)?;
        // The oldest region is the one that is meant where none is named, and cannot be named.
        let region =
            (cx.region != FIRST_REGION).then(|| BucketLocationConstraint::from(cx.region.as_str()));
        // S3 refuses a document that says nothing.
        let configuration = (region.is_some() || !tags.is_empty()).then(|| {
            CreateBucketConfiguration::builder()
                .set_location_constraint(region)
                .set_tags((!tags.is_empty()).then_some(tags))
                .build()
        });
        cx.s3
            .create_bucket()
            .bucket(&spec.bucket_name)
            .set_create_bucket_configuration(configuration)
            .set_object_lock_enabled_for_bucket(spec.object_lock_enabled)
            .set_object_ownership(
                spec.ownership_controls.as_ref().and_then(Ownership::object_ownership),
            )
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.bucket_name))
    }

    /// One call after another: S3 refuses two changes of a bucket at the same time.
    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, .. } = update;
        let bucket = id.as_str();
        // Versions first, which locks and replication need; replication after what it may copy.
        if let Some(versioning) =
            changed(update, "VersioningConfiguration", to.versioning_configuration.as_ref())
        {
            let status = versioning.status.as_str().into();
            let put = cx.s3.put_bucket_versioning().bucket(bucket);
            let versioning = VersioningConfiguration::builder().status(status).build();
            put.versioning_configuration(versioning).send().await?;
        }
        if let Some(encryption) = changed(update, "BucketEncryption", to.bucket_encryption.as_ref())
        {
            let put = cx.s3.put_bucket_encryption().bucket(bucket);
            put.server_side_encryption_configuration(encryption.to_sdk()?).send().await?;
        }
        if let Some(ownership) =
            changed(update, "OwnershipControls", to.ownership_controls.as_ref())
        {
            let put = cx.s3.put_bucket_ownership_controls().bucket(bucket);
            put.ownership_controls(ownership.to_sdk()?).send().await?;
        }
        let block = to.public_access_block_configuration.as_ref();
        if let Some(block) = changed(update, "PublicAccessBlockConfiguration", block) {
            let put = cx.s3.put_public_access_block().bucket(bucket);
            put.public_access_block_configuration(block.to_sdk()).send().await?;
        }
        if let Some(lifecycle) =
            changed(update, "LifecycleConfiguration", to.lifecycle_configuration.as_ref())
        {
            put_lifecycle(cx, bucket, from.lifecycle_configuration.as_ref(), lifecycle).await?;
        }
        if let Some(cors) = changed(update, "CorsConfiguration", to.cors_configuration.as_ref()) {
            if cors.cors_rules.is_empty() {
                cx.s3.delete_bucket_cors().bucket(bucket).send().await?;
            } else {
                let put = cx.s3.put_bucket_cors().bucket(bucket);
                put.cors_configuration(cors.to_sdk()?).send().await?;
            }
        }
        if let Some(logging) =
            changed(update, "LoggingConfiguration", to.logging_configuration.as_ref())
        {
            let put = cx.s3.put_bucket_logging().bucket(bucket);
            put.bucket_logging_status(logging.to_sdk(bucket)?).send().await?;
        }
        if let Some(website) =
            changed(update, "WebsiteConfiguration", to.website_configuration.as_ref())
        {
            if website.is_none() {
                cx.s3.delete_bucket_website().bucket(bucket).send().await?;
            } else {
                let put = cx.s3.put_bucket_website().bucket(bucket);
                put.website_configuration(website.to_sdk()?).send().await?;
            }
        }
        if let Some(acceleration) =
            changed(update, "AccelerateConfiguration", to.accelerate_configuration.as_ref())
        {
            let status = acceleration.acceleration_status.as_str().into();
            let put = cx.s3.put_bucket_accelerate_configuration().bucket(bucket);
            let accelerate = AccelerateConfiguration::builder().status(status).build();
            put.accelerate_configuration(accelerate).send().await?;
        }
        if let Some(lock) =
            changed(update, "ObjectLockConfiguration", to.object_lock_configuration.as_ref())
        {
            let put = cx.s3.put_object_lock_configuration().bucket(bucket);
            put.object_lock_configuration(lock.to_sdk()).send().await?;
        }
        let tiering = to.intelligent_tiering_configurations.as_ref();
        if let Some(tiering) = changed(update, "IntelligentTieringConfigurations", tiering) {
            let before = from.intelligent_tiering_configurations.as_deref().unwrap_or_default();
            put_tiering(cx, bucket, before, tiering).await?;
        }
        if let Some(notification) =
            changed(update, "NotificationConfiguration", to.notification_configuration.as_ref())
        {
            let put = cx.s3.put_bucket_notification_configuration().bucket(bucket);
            put.notification_configuration(notification.to_sdk()?).send().await?;
        }
        if let Some(replication) =
            changed(update, "ReplicationConfiguration", to.replication_configuration.as_ref())
        {
            if replication.rules.is_empty() {
                cx.s3.delete_bucket_replication().bucket(bucket).send().await?;
            } else {
                let put = cx.s3.put_bucket_replication().bucket(bucket);
                put.replication_configuration(replication.to_sdk()?).send().await?;
            }
        }
        if update.has("Tags") {
            retag(cx, bucket, tags::change_of(&from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.s3.delete_bucket().bucket(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let ask = cx.s3.list_object_versions().bucket(id.as_str()).send().await;
        let why = "must be deleted first, with all versions; platctl deletes no objects";
        // Who may delete a bucket need not be allowed to list it.
        let count = match found(ask) {
            Ok(None) => return Ok(Vec::new()),
            Ok(Some(page)) => {
                let count = page.versions().len() + page.delete_markers().len();
                let more = if page.is_truncated == Some(true) { "more than " } else { "" };
                format!("{more}{count} versions of objects")
            }
            Err(_) => "objects".into(),
        };
        Ok(vec![Blocker::stays(count, "AWS::S3::Object", why)])
    }
}

/// The region of S3's beginnings, whose requests name no region.
const FIRST_REGION: &str = "us-east-1";
/// Regions whose websites have a dash before the region; all later ones have a dot.
const DASHED_WEBSITES: &[&str] = &[
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "eu-west-1",
    "sa-east-1",
    "us-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

/// A property of which some row has changed.
fn changed<'a, T>(update: Update<'_, Spec>, property: &str, to: Option<&'a T>) -> Option<&'a T> {
    let within = |row: &&str| row.split('.').next() == Some(property);
    to.filter(|_| update.changed.iter().any(within))
}

async fn put_lifecycle(
    cx: &Cx,
    bucket: &str,
    from: Option<&Lifecycle>,
    to: &Lifecycle,
) -> Result<(), Fault> {
    if to.rules.is_empty() {
        cx.s3.delete_bucket_lifecycle().bucket(bucket).send().await?;
        return Ok(());
    }
    // Unsaid, it falls back to S3's default.
    let minimum = |of: &Lifecycle| of.transition_default_minimum_object_size.clone();
    let minimum = minimum(to).or(from.and_then(minimum));
    cx.s3
        .put_bucket_lifecycle_configuration()
        .bucket(bucket)
        .lifecycle_configuration(to.to_sdk()?)
        .set_transition_default_minimum_object_size(
            minimum.as_deref().map(TransitionDefaultMinimumObjectSize::from),
        )
        .send()
        .await?;
    Ok(())
}

/// Each tiering is an object of its own, known by its id.
async fn put_tiering(cx: &Cx, bucket: &str, from: &[Tiering], to: &[Tiering]) -> Result<(), Fault> {
    for tiering in to.iter().filter(|tiering| !from.contains(tiering)) {
        let put = cx.s3.put_bucket_intelligent_tiering_configuration().bucket(bucket);
        let put = put.id(&tiering.id).intelligent_tiering_configuration(tiering.to_sdk()?);
        put.send().await?;
    }
    let unwanted = |old: &&Tiering| to.iter().all(|new| new.id != old.id);
    for tiering in from.iter().filter(unwanted) {
        let delete = cx.s3.delete_bucket_intelligent_tiering_configuration().bucket(bucket);
        gone(delete.id(&tiering.id).send().await)?;
    }
    Ok(())
}

/// S3 takes all tags at once: those that are not ours are read and sent again.
async fn retag(cx: &Cx, bucket: &str, change: TagChange) -> Result<(), Fault> {
    let reply = part(cx.s3.get_bucket_tagging().bucket(bucket).send().await)?;
    let now = reply.map(|reply| reply.tag_set).unwrap_or_default();
    let mut all: BTreeMap<String, String> =
        now.into_iter().map(|tag| (tag.key, tag.value)).collect();
    all.retain(|key, _| !change.remove.contains(key));
    all.extend(change.set);
    let tags: Result<Vec<types::Tag>, BuildError> =
        all.iter().map(|(key, value)| tag(key, value)).collect();
    let tags = TagSet::builder().set_tag_set(Some(tags.map_err(incomplete)?));
    let tags = tags.build().map_err(incomplete)?;
    cx.s3.put_bucket_tagging().bucket(bucket).tagging(tags).send().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(region: &str, partition: &str) -> Live {
        let (region, partition) = (region.into(), partition.into());
        Live { name: "assets".into(), region, partition, ..Live::default() }
    }

    #[test]
    fn what_nobody_asked_for_is_absent() {
        let spec = serde_json::to_value(Bucket::spec(&live("eu-west-1", "aws"))).unwrap();
        assert_eq!(spec, json!({"BucketName": "assets", "Tags": []}));
    }

    #[test]
    fn host_names_follow_from_region_and_partition() {
        let outputs = Bucket::outputs(&live("eu-west-1", "aws"));
        assert_eq!(outputs["Arn"], "arn:aws:s3:::assets");
        assert_eq!(outputs["RegionalDomainName"], "assets.s3.eu-west-1.amazonaws.com");
        assert_eq!(outputs["WebsiteURL"], "http://assets.s3-website-eu-west-1.amazonaws.com");
        let later = Bucket::outputs(&live("eu-central-1", "aws"));
        assert_eq!(later["WebsiteURL"], "http://assets.s3-website.eu-central-1.amazonaws.com");
        let china = Bucket::outputs(&live("cn-north-1", "aws-cn"));
        assert_eq!(china["DomainName"], "assets.s3.amazonaws.com.cn");
        assert_eq!(china["Arn"], "arn:aws-cn:s3:::assets");
    }

    #[test]
    fn a_part_of_a_property_changes_the_property() {
        let spec: Spec = serde_json::from_value(json!({
            "BucketName": "assets", "LifecycleConfiguration": {"Rules": []},
        }))
        .unwrap();
        let update = Update { from: &spec, to: &spec, changed: &["LifecycleConfiguration.Rules"] };
        assert!(
            changed(update, "LifecycleConfiguration", spec.lifecycle_configuration.as_ref())
                .is_some()
        );
        assert!(changed(update, "CorsConfiguration", spec.cors_configuration.as_ref()).is_none());
    }
}
