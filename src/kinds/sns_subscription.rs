//! `AWS::SNS::Subscription`

use std::collections::BTreeSet;

use aws_sdk_sns::types;
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::reply::{collect, gone, present};
use super::sns::Attributes;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Subscription;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_policy: Option<Value>,
    endpoint: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_policy_scope: Option<String>,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_message_delivery: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redrive_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscription_role_arn: Option<String>,
    topic_arn: String,
}

#[derive(Debug)]
pub struct Live {
    subscription: types::Subscription,
    /// `None` until the endpoint has confirmed.
    attributes: Option<Attributes>,
}

/// Subscriptions that are read at once.
const READS_MAX: usize = 16;

impl Kind for Subscription {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SNS::Subscription";
    const DOC: &'static str = "Passes the messages of a topic on to an endpoint. \
        Queues, functions and delivery streams of the same account receive at once. An e-mail address or a web endpoint \
        is asked to confirm first, and nobody waits for that: until then SNS neither shows nor changes its attributes, and \
        cannot delete it; it disappears after two days, or with its topic. \
        Nothing blocks the deletion of any other. \
        A topic has one subscription for each endpoint, which is what it is found by. An endpoint in another region is \
        named by its ARN; the subscription itself lives in the region of its topic.";
    const FIELDS: &'static [Field] = &[
        Field::updates("DeliveryPolicy", "How deliveries to a web endpoint are repeated."),
        Field::replaces(
            "Endpoint",
            "Who receives: an ARN, an e-mail address, or a URL without credentials in it.",
        )
        .when_ready(),
        Field::updates("FilterPolicy", "Which messages are passed on.").document(),
        Field::updates(
            "FilterPolicyScope",
            "What the filter looks at: `MessageAttributes` or `MessageBody`.",
        ),
        Field::replaces("Protocol", "`sqs`, `lambda`, `https`, `email`, `firehose` and so on."),
        Field::updates("RawMessageDelivery", "Whether messages come without SNS's envelope."),
        Field::updates(
            "RedrivePolicy",
            "Where messages go that cannot be delivered: `deadLetterTargetArn`.",
        )
        .document(),
        Field::updates("ReplayPolicy", "From when on archived messages of a FIFO topic are sent.")
            .document(),
        Field::updates("SubscriptionRoleArn", "The role that writes to a delivery stream."),
        Field::replaces("TopicArn", "The topic."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id(
        "Arn",
        "The ARN of the subscription; `PendingConfirmation` until it is confirmed.",
    )];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        let it = &live.subscription;
        key(it.topic_arn(), it.protocol(), it.endpoint())
    }

    fn spec(live: &Live) -> Spec {
        let text = |name: &str| {
            live.attributes.as_ref()?.get(name).filter(|text| !text.is_empty()).cloned()
        };
        let document = |name: &str| text(name).map(|text| document::from_text(&text));
        let it = &live.subscription;
        Spec {
            delivery_policy: document("DeliveryPolicy"),
            endpoint: it.endpoint().unwrap_or_default().into(),
            filter_policy: document("FilterPolicy"),
            filter_policy_scope: text("FilterPolicyScope"),
            protocol: it.protocol().unwrap_or_default().into(),
            raw_message_delivery: text("RawMessageDelivery").map(|text| text == "true"),
            redrive_policy: document("RedrivePolicy"),
            replay_policy: document("ReplayPolicy"),
            subscription_role_arn: text("SubscriptionRoleArn"),
            topic_arn: it.topic_arn().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Arn", live.subscription.subscription_arn())])
    }

    fn readiness(live: &Live) -> Readiness {
        if live.attributes.is_some() { Readiness::Ready } else { Readiness::Unconfirmed }
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(key(Some(&spec.topic_arn), Some(&spec.protocol), Some(&spec.endpoint)))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let ids: BTreeSet<&PhysicalId> = wanted
            .iter()
            .filter_map(|lookup| match lookup {
                Lookup::Id(id) => Some(id),
                // A subscription has no tags: nobody's name is on it.
                Lookup::Owner { .. } => None,
            })
            .collect();
        let found = find(cx, &ids).await?;
        // The list has no attributes: a call for each that is confirmed.
        let lives = stream::iter(found).map(|subscription| live(cx, subscription));
        let lives: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let attributes = attributes(spec).into_iter();
        let attributes = attributes.map(|(name, value)| (name.to_owned(), value)).collect();
        cx.sns
            .subscribe()
            .topic_arn(&spec.topic_arn)
            .protocol(&spec.protocol)
            .endpoint(&spec.endpoint)
            .set_attributes(Some(attributes))
            .send()
            .await?;
        Ok(key(Some(&spec.topic_arn), Some(&spec.protocol), Some(&spec.endpoint)))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let changed = attributes(update.to).into_iter().filter(|(name, _)| update.has(name));
        let changed: Vec<_> = changed.collect();
        if changed.is_empty() {
            return Ok(());
        }
        let found = find(cx, &BTreeSet::from([id])).await?;
        let Some(arn) = found.iter().find_map(confirmed) else { return Ok(()) };
        for (name, value) in changed {
            let set = cx.sns.set_subscription_attributes().subscription_arn(arn);
            set.attribute_name(name).attribute_value(value).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let found = find(cx, &BTreeSet::from([id])).await?;
        let Some(arn) = found.iter().find_map(confirmed) else { return Ok(()) };
        gone(cx.sns.unsubscribe().subscription_arn(arn).send().await)
    }
}

/// What stands in a list in place of the ARN of a subscription that is on its way out.
const DELETED: &str = "Deleted";

fn key(topic: Option<&str>, protocol: Option<&str>, endpoint: Option<&str>) -> PhysicalId {
    PhysicalId::joined([topic, protocol, endpoint].map(Option::unwrap_or_default))
}

/// The ARN, once the endpoint has confirmed. Before that, a word stands in its place.
fn confirmed(subscription: &types::Subscription) -> Option<&str> {
    subscription.subscription_arn().filter(|arn| arn.starts_with("arn:"))
}

/// Those of the subscriptions that exist: the lists of their topics.
async fn find(cx: &Cx, ids: &BTreeSet<&PhysicalId>) -> Result<Vec<types::Subscription>, Fault> {
    let topics: BTreeSet<&str> =
        ids.iter().filter_map(|id| id.as_str().split('|').next()).collect();
    let lists = topics.into_iter().map(|topic| async move {
        let list = cx.sns.list_subscriptions_by_topic().topic_arn(topic);
        // Subscriptions go with their topic.
        let found = present(collect(list.into_paginator().items().send()).await)?;
        Ok::<_, Fault>(found.unwrap_or_default())
    });
    let found = try_join_all(lists).await?.into_iter().flatten();
    let wanted = |it: &types::Subscription| {
        it.subscription_arn() != Some(DELETED)
            && ids.contains(&key(it.topic_arn(), it.protocol(), it.endpoint()))
    };
    Ok(found.filter(wanted).collect())
}

/// A subscription with its attributes; `None` if it is gone by now.
async fn live(cx: &Cx, subscription: types::Subscription) -> Result<Option<Live>, Fault> {
    let Some(arn) = confirmed(&subscription) else {
        return Ok(Some(Live { subscription, attributes: None }));
    };
    let asked = cx.sns.get_subscription_attributes().subscription_arn(arn).send().await;
    let Some(reply) = present(asked)? else { return Ok(None) };
    let attributes = reply.attributes.unwrap_or_default().into_iter().collect();
    Ok(Some(Live { subscription, attributes: Some(attributes) }))
}

/// The attributes of a spec, whose names are those of the properties, in the order in which they are set: what a filter
/// may say depends on its scope.
fn attributes(spec: &Spec) -> Vec<(&'static str, String)> {
    let document = |value: &Option<Value>| value.as_ref().map(document::to_text);
    let all = [
        ("FilterPolicyScope", spec.filter_policy_scope.clone()),
        ("FilterPolicy", document(&spec.filter_policy)),
        ("DeliveryPolicy", document(&spec.delivery_policy)),
        ("RawMessageDelivery", spec.raw_message_delivery.map(|it| it.to_string())),
        ("RedrivePolicy", document(&spec.redrive_policy)),
        ("ReplayPolicy", document(&spec.replay_policy)),
        ("SubscriptionRoleArn", spec.subscription_role_arn.clone()),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subscription(arn: &str, protocol: &str, endpoint: &str) -> types::Subscription {
        types::Subscription::builder()
            .subscription_arn(arn)
            .topic_arn("arn:topic")
            .protocol(protocol)
            .endpoint(endpoint)
            .build()
    }

    #[test]
    fn a_live_subscription_is_seen_in_full() {
        let attributes = [
            ("FilterPolicy", r#"{"kind": ["order"]}"#),
            ("FilterPolicyScope", "MessageBody"),
            ("RawMessageDelivery", "true"),
            ("RedrivePolicy", r#"{"deadLetterTargetArn": "arn:dead"}"#),
        ];
        let live = Live {
            subscription: subscription("arn:topic:1", "sqs", "arn:queue"),
            attributes: Some(attributes.map(|(name, value)| (name.into(), value.into())).into()),
        };
        assert_eq!(Subscription::readiness(&live), Readiness::Ready);
        assert_eq!(Subscription::id(&live), PhysicalId::new("arn:topic|sqs|arn:queue"));
        assert_eq!(
            Subscription::natural_id(&Subscription::spec(&live)),
            Some(Subscription::id(&live))
        );
        assert_eq!(
            serde_json::to_value(Subscription::spec(&live)).unwrap(),
            json!({
                "Endpoint": "arn:queue", "FilterPolicy": {"kind": ["order"]},
                "FilterPolicyScope": "MessageBody", "Protocol": "sqs", "RawMessageDelivery": true,
                "RedrivePolicy": {"deadLetterTargetArn": "arn:dead"}, "TopicArn": "arn:topic",
            })
        );
    }

    #[test]
    fn an_endpoint_that_has_not_confirmed_is_not_waited_for() {
        let subscription = subscription("PendingConfirmation", "email", "ops@example.com");
        assert_eq!(confirmed(&subscription), None);
        let live = Live { subscription, attributes: None };
        assert_eq!(Subscription::readiness(&live), Readiness::Unconfirmed);
    }

    #[test]
    fn the_scope_is_set_before_the_filter() {
        let spec: Spec = serde_json::from_value(json!({
            "Endpoint": "e", "FilterPolicy": {"a": {"b": ["c"]}}, "FilterPolicyScope": "MessageBody",
            "Protocol": "sqs", "TopicArn": "t",
        }))
        .unwrap();
        let names: Vec<&str> = attributes(&spec).iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["FilterPolicyScope", "FilterPolicy"]);
    }
}
