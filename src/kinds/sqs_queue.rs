//! `AWS::SQS::Queue`

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::reply::{collect, gone, present};
use super::scalar::Number;
use super::{prefix, sqs, tagging};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Loss, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Queue;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_based_deduplication: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deduplication_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delay_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fifo_queue: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fifo_throughput_limit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_data_key_reuse_period_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_master_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_message_size: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_retention_period: Option<Number>,
    queue_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive_message_wait_time_seconds: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_allow_policy: Option<RedriveAllowPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_policy: Option<RedrivePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_managed_sse_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    visibility_timeout: Option<Number>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedrivePolicy {
    dead_letter_target_arn: String,
    max_receive_count: Number,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RedriveAllowPolicy {
    redrive_permission: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_queue_arns: Option<BTreeSet<String>>,
}

#[derive(Debug)]
pub struct Live {
    name: String,
    url: String,
    attributes: BTreeMap<String, String>,
    tags: Tags,
}

impl Kind for Queue {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SQS::Queue";
    const DOC: &'static str = "A queue of messages, standard or FIFO. \
        It works within seconds; a change of its attributes needs up to 60 seconds to be seen everywhere, of the retention \
        period up to 15 minutes. Nothing blocks its deletion, which takes the messages along. \
        The name of a deleted queue is blocked for 60 seconds: its creation waits. \
        A queue is found by its name; its URL depends on the endpoint and is an output.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "ContentBasedDeduplication",
            "Whether a FIFO queue takes equal bodies for duplicates.",
        ),
        Field::updates("DeduplicationScope", "Of a FIFO queue: `queue` or `messageGroup`."),
        Field::updates("DelaySeconds", "Seconds until a message can be received, 0 to 900."),
        Field::replaces("FifoQueue", "Whether it keeps the order; its name then ends in `.fifo`."),
        Field::updates("FifoThroughputLimit", "`perQueue` or `perMessageGroupId`."),
        Field::updates(
            "KmsDataKeyReusePeriodSeconds",
            "Seconds that a data key is used for, 60 to 86,400.",
        ),
        Field::updates("KmsMasterKeyId", "The KMS key that encrypts the messages."),
        Field::updates("MaximumMessageSize", "Bytes of the largest message, 1,024 to 1,048,576."),
        Field::updates(
            "MessageRetentionPeriod",
            "Seconds that a message is kept, 60 to 1,209,600.",
        ),
        Field::replaces("QueueName", "Its name, unique in the account and region."),
        Field::updates(
            "ReceiveMessageWaitTimeSeconds",
            "Seconds that a receiver waits for a message, 0 to 20.",
        ),
        Field::updates(
            "RedriveAllowPolicy",
            "Which queues may use it for dead letters: `redrivePermission` and `sourceQueueArns`.",
        ),
        Field::updates("RedriveAllowPolicy.sourceQueueArns", "At most ten queues.").set(),
        Field::updates(
            "RedrivePolicy",
            "Where messages go after `maxReceiveCount` vain tries: `deadLetterTargetArn`.",
        ),
        Field::updates("SqsManagedSseEnabled", "Whether SQS encrypts with keys of its own."),
        TAGS,
        Field::updates(
            "VisibilityTimeout",
            "Seconds that a received message is hidden from others, 0 to 43,200.",
        ),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the queue."),
        Output::with_id("QueueName", "The name of the queue."),
        Output::with_id("QueueUrl", "The URL of the queue."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const NAME_RESTS: Duration = Duration::from_mins(1);
    const LOSS: Loss = Loss::Data;
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.name)
    }

    fn spec(live: &Live) -> Spec {
        let text = |name: &str| live.attributes.get(name).filter(|it| !it.is_empty()).cloned();
        let number = |name: &str| text(name).and_then(|it| it.parse().ok()).map(Number);
        let yes = |name: &str| text(name).map(|it| it == "true");
        Spec {
            content_based_deduplication: Some(yes("ContentBasedDeduplication") == Some(true)),
            deduplication_scope: text("DeduplicationScope"),
            delay_seconds: number("DelaySeconds"),
            // Standard queues do not tell that they are none.
            fifo_queue: Some(yes("FifoQueue") == Some(true)),
            fifo_throughput_limit: text("FifoThroughputLimit"),
            kms_data_key_reuse_period_seconds: number("KmsDataKeyReusePeriodSeconds"),
            kms_master_key_id: text("KmsMasterKeyId"),
            maximum_message_size: number("MaximumMessageSize"),
            message_retention_period: number("MessageRetentionPeriod"),
            queue_name: live.name.clone(),
            receive_message_wait_time_seconds: number("ReceiveMessageWaitTimeSeconds"),
            redrive_allow_policy: text("RedriveAllowPolicy").and_then(|it| parsed(&it)),
            redrive_policy: text("RedrivePolicy").and_then(|it| parsed(&it)),
            sqs_managed_sse_enabled: yes("SqsManagedSseEnabled"),
            tags: Some(live.tags.clone()),
            visibility_timeout: number("VisibilityTimeout"),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Arn", live.attributes.get("QueueArn").map(String::as_str)),
            ("QueueName", Some(&live.name)),
            ("QueueUrl", Some(&live.url)),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.queue_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let account = cx.account().await?;
        let queues = urls(cx, &wanted.iter().filter_map(Lookup::id).collect()).await?;
        let arn = |(name, _): &(String, String)| Some(account.arn("sqs", &cx.region, name));
        let found = tagging::indexed(cx, queues, arn).await?.into_iter();
        let live = |((name, url), tags)| Live { name, url, attributes: BTreeMap::new(), tags };
        Ok(found.map(live).collect())
    }

    /// Attributes and tags are in no list, which tells URLs only: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { name, url, tags: indexed, .. } = live;
        let attributes = sqs::attributes(cx, &url);
        let tags = tagging::confirmed(indexed, &compared, async {
            let reply = present(cx.sqs.list_queue_tags().queue_url(&url).send().await)?;
            Ok(reply.map(|reply| Tags::read(reply.tags.unwrap_or_default())))
        });
        let (attributes, tags) = futures::try_join!(attributes, tags)?;
        let known = attributes.zip(tags);
        Ok(known.map(|(attributes, tags)| Live { name, url, attributes, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        // Standard queues know no attribute of FIFO queues, not even to deny it.
        let fifo = spec.fifo_queue == Some(true);
        let known =
            |name: &str| fifo || !["FifoQueue", "ContentBasedDeduplication"].contains(&name);
        let attributes = attributes(spec).into_iter().filter(|(name, _)| known(name));
        let attributes = attributes.map(|(name, value)| (QueueAttributeName::from(name), value));
        let tags = spec.tags.as_ref().map(|tags| tags.0.clone().into_iter().collect());
        cx.sqs
            .create_queue()
            .queue_name(&spec.queue_name)
            .set_attributes(Some(attributes.collect()))
            .set_tags(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.queue_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let url = url(cx, id.as_str()).await?;
        let attributes = changed_attributes(update);
        if !attributes.is_empty() {
            let attributes =
                attributes.into_iter().map(|(name, value)| (QueueAttributeName::from(name), value));
            let set = cx.sqs.set_queue_attributes().queue_url(&url);
            set.set_attributes(Some(attributes.collect())).send().await?;
        }
        if update.has("Tags") {
            retag(cx, &url, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some(url) = present(url(cx, id.as_str()).await)? else { return Ok(()) };
        gone(cx.sqs.delete_queue().queue_url(url).send().await)
    }
}

/// As many URLs as a page can hold.
const PAGE: i32 = 1000;

/// Names and URLs of those of the queues that exist.
async fn urls(cx: &Cx, names: &BTreeSet<&str>) -> Result<Vec<(String, String)>, Fault> {
    let named = |url: String| Some((url.rsplit('/').next()?.to_owned(), url));
    let found = match names.iter().copied().collect::<Vec<_>>().as_slice() {
        [] => Vec::new(),
        [name] => present(url(cx, name).await)?.into_iter().collect(),
        _ => {
            let list = cx.sqs.list_queues().max_results(PAGE);
            let list = list.set_queue_name_prefix(prefix::common(names.iter().copied()));
            collect(list.into_paginator().items().send()).await?
        }
    };
    let wanted = |(name, _): &(String, String)| names.contains(name.as_str());
    Ok(found.into_iter().filter_map(named).filter(wanted).collect())
}

async fn url(cx: &Cx, name: &str) -> Result<String, Fault> {
    let reply = cx.sqs.get_queue_url().queue_name(name).send().await?;
    reply.queue_url.required("queue URL")
}

async fn retag(cx: &Cx, url: &str, change: TagChange) -> Result<(), Fault> {
    if !change.set.is_empty() {
        let tags = change.set.into_iter().collect();
        cx.sqs.tag_queue().queue_url(url).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.sqs.untag_queue().queue_url(url).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

/// The attributes of a spec, as texts; their names are those of the properties.
fn attributes(spec: &Spec) -> BTreeMap<&'static str, String> {
    let number = |number: Option<Number>| number.map(|it| it.0.to_string());
    let yes = |it: Option<bool>| it.map(|it| it.to_string());
    let all = [
        ("ContentBasedDeduplication", yes(spec.content_based_deduplication)),
        ("DeduplicationScope", spec.deduplication_scope.clone()),
        ("DelaySeconds", number(spec.delay_seconds)),
        ("FifoQueue", yes(spec.fifo_queue)),
        ("FifoThroughputLimit", spec.fifo_throughput_limit.clone()),
        ("KmsDataKeyReusePeriodSeconds", number(spec.kms_data_key_reuse_period_seconds)),
        ("KmsMasterKeyId", spec.kms_master_key_id.clone()),
        ("MaximumMessageSize", number(spec.maximum_message_size)),
        ("MessageRetentionPeriod", number(spec.message_retention_period)),
        ("ReceiveMessageWaitTimeSeconds", number(spec.receive_message_wait_time_seconds)),
        ("RedriveAllowPolicy", spec.redrive_allow_policy.as_ref().map(text)),
        ("RedrivePolicy", spec.redrive_policy.as_ref().map(text)),
        ("SqsManagedSseEnabled", yes(spec.sqs_managed_sse_enabled)),
        ("VisibilityTimeout", number(spec.visibility_timeout)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The attributes to send. A queue has one sort of encryption: who asks for one gives the other up.
fn changed_attributes(update: Update<'_, Spec>) -> BTreeMap<&'static str, String> {
    let mut changed = attributes(update.to);
    changed.retain(|name, _| update.changed.iter().any(|row| row.split('.').next() == Some(*name)));
    let (from, to) = (update.from, update.to);
    if changed.contains_key("KmsMasterKeyId") && from.sqs_managed_sse_enabled == Some(true) {
        changed.insert("SqsManagedSseEnabled", false.to_string());
    }
    if changed.contains_key("SqsManagedSseEnabled")
        && to.sqs_managed_sse_enabled == Some(true)
        && from.kms_master_key_id.is_some()
    {
        changed.insert("KmsMasterKeyId", String::new());
    }
    changed
}

fn text(policy: &impl Serialize) -> String {
    serde_json::to_string(policy).expect("a policy always serializes")
}

/// A policy of a reply; one that SQS would not have taken from us is shown as none.
fn parsed<P: DeserializeOwned>(text: &str) -> Option<P> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(attributes: &[(&str, &str)]) -> Live {
        Live {
            name: "orders".into(),
            url: "https://sqs.eu-west-1.amazonaws.com/123456789012/orders".into(),
            attributes: attributes.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            tags: Tags::default(),
        }
    }

    fn spec(value: serde_json::Value) -> Spec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_live_queue_is_seen_in_full() {
        let live = live(&[
            ("ApproximateNumberOfMessages", "7"),
            ("DelaySeconds", "0"),
            ("QueueArn", "arn:aws:sqs:eu-west-1:123456789012:orders"),
            ("RedrivePolicy", r#"{"deadLetterTargetArn":"arn:dead","maxReceiveCount":"5"}"#),
            ("SqsManagedSseEnabled", "true"),
        ]);
        assert_eq!(
            serde_json::to_value(Queue::spec(&live)).unwrap(),
            json!({
                "ContentBasedDeduplication": false, "DelaySeconds": 0, "FifoQueue": false,
                "QueueName": "orders",
                "RedrivePolicy": {"deadLetterTargetArn": "arn:dead", "maxReceiveCount": 5},
                "SqsManagedSseEnabled": true, "Tags": [],
            })
        );
        assert_eq!(Queue::natural_id(&Queue::spec(&live)), Some(Queue::id(&live)));
        assert_eq!(Queue::outputs(&live)["Arn"], "arn:aws:sqs:eu-west-1:123456789012:orders");
    }

    #[test]
    fn one_sort_of_encryption_takes_the_place_of_the_other() {
        let (own, kms) = (
            json!({"QueueName": "q", "SqsManagedSseEnabled": true}),
            json!({"QueueName": "q", "KmsMasterKeyId": "k", "SqsManagedSseEnabled": false}),
        );
        let (own, kms) = (spec(own), spec(kms));
        let sent =
            changed_attributes(Update { from: &own, to: &kms, changed: &["KmsMasterKeyId"] });
        assert_eq!(
            sent,
            [("KmsMasterKeyId", "k".into()), ("SqsManagedSseEnabled", "false".into())].into()
        );
        let changed = &["SqsManagedSseEnabled"];
        let sent = changed_attributes(Update { from: &kms, to: &own, changed });
        assert_eq!(
            sent,
            [("KmsMasterKeyId", String::new()), ("SqsManagedSseEnabled", "true".into())].into()
        );
    }

    #[test]
    fn policies_are_sent_as_texts() {
        let to = spec(json!({
            "QueueName": "q",
            "RedriveAllowPolicy": {"redrivePermission": "byQueue", "sourceQueueArns": ["b", "a"]},
        }));
        let changed = &["RedriveAllowPolicy.sourceQueueArns"];
        let sent = changed_attributes(Update { from: &to, to: &to, changed });
        let text = r#"{"redrivePermission":"byQueue","sourceQueueArns":["a","b"]}"#;
        assert_eq!(sent, [("RedriveAllowPolicy", text.to_owned())].into());
    }
}
