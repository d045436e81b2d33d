//! `AWS::SNS::Topic`

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};

use super::reply::{gone, present};
use super::scalar::Text;
use super::sns::{self, Attributes};
use super::{document, tagging};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::Fault;
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Topic;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(
        default,
        deserialize_with = "optional_document",
        skip_serializing_if = "Option::is_none"
    )]
    archive_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_based_deduplication: Option<bool>,
    #[serde(
        default,
        deserialize_with = "optional_document",
        skip_serializing_if = "Option::is_none"
    )]
    data_protection_policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery_status_logging: Option<Vec<Logging>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fifo_throughput_scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fifo_topic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_master_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signature_version: Option<Text>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    topic_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing_config: Option<String>,
}

/// What is logged of deliveries to one sort of endpoint.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Logging {
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_feedback_role_arn: Option<String>,
    protocol: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_feedback_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    success_feedback_sample_rate: Option<Text>,
}

#[derive(Debug)]
pub struct Live {
    name: String,
    attributes: Attributes,
    data_protection_policy: Option<String>,
    tags: Tags,
}

impl Kind for Topic {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SNS::Topic";
    const DOC: &'static str = "A topic that passes messages on to its subscriptions. \
        It works at once. Nothing blocks its deletion, which takes all subscriptions along; an archive policy is \
        switched off first, and the archived messages are lost. \
        Subscriptions are resources of their own (`AWS::SNS::Subscription`), and so is the policy \
        (`AWS::SNS::TopicPolicy`). A topic is found by its name.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "ArchivePolicy",
            "How long a FIFO topic keeps messages: `MessageRetentionPeriod`, in days.",
        )
        .document(),
        Field::updates(
            "ContentBasedDeduplication",
            "Whether a FIFO topic takes equal bodies for duplicates.",
        ),
        Field::updates("DataProtectionPolicy", "Which sensitive data is masked or refused.")
            .document(),
        Field::updates(
            "DeliveryStatusLogging",
            "By `Protocol` (`http/s`, `sqs`, `lambda`, `firehose`, `application`): who logs deliveries.",
        )
        .set(),
        Field::updates("DisplayName", "What recipients of texts and mails see as the sender."),
        Field::updates("FifoThroughputScope", "`Topic` or `MessageGroup`."),
        Field::replaces("FifoTopic", "Whether it keeps the order; its name then ends in `.fifo`."),
        Field::updates("KmsMasterKeyId", "The KMS key that encrypts the messages."),
        Field::updates("SignatureVersion", "How messages are signed: `1` or `2`."),
        TAGS,
        Field::replaces("TopicName", "Its name, unique in the account and region."),
        Field::updates("TracingConfig", "X-Ray: `PassThrough` or `Active`."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("TopicArn", "The ARN of the topic."),
        Output::with_id("TopicName", "The name of the topic."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.name)
    }

    fn spec(live: &Live) -> Spec {
        let text = |name: &str| live.attributes.get(name).filter(|it| !it.is_empty()).cloned();
        let yes = |name: &str| text(name).is_some_and(|it| it == "true");
        Spec {
            archive_policy: text("ArchivePolicy").map(|it| document::from_text(&it)),
            content_based_deduplication: Some(yes("ContentBasedDeduplication")),
            data_protection_policy: live.data_protection_policy.as_deref().map(document::from_text),
            delivery_status_logging: Some(logging(&live.attributes)),
            display_name: Some(text("DisplayName").unwrap_or_default()),
            fifo_throughput_scope: text("FifoThroughputScope"),
            // Standard topics do not tell that they are none.
            fifo_topic: Some(yes("FifoTopic")),
            kms_master_key_id: text("KmsMasterKeyId"),
            signature_version: text("SignatureVersion").map(Text),
            tags: Some(live.tags.clone()),
            topic_name: live.name.clone(),
            tracing_config: text("TracingConfig"),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let arn = live.attributes.get("TopicArn");
        outputs([("TopicArn", arn.map(String::as_str)), ("TopicName", Some(&live.name))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.topic_name))
    }

    /// The list tells ARNs only, which follow from the names: whether a topic is there, its attributes tell.
    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let account = cx.account().await?;
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let arn = |name: &str| account.arn("sns", &cx.region, name);
        let named = names.into_iter().map(|name| (name.to_owned(), arn(name))).collect();
        let found = tagging::indexed(cx, named, |(_, arn)| Some(arn.clone())).await?.into_iter();
        let live = |((name, arn), tags)| Live {
            name,
            attributes: [("TopicArn".into(), arn)].into(),
            data_protection_policy: None,
            tags,
        };
        Ok(found.map(live).collect())
    }

    /// Attributes, tags and data protection policies are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { name, tags: indexed, .. } = live;
        let arn = &arn(cx, &name).await?;
        let Some(attributes) = sns::topic(cx, arn).await? else { return Ok(None) };
        let policy = async {
            // A FIFO topic cannot have one.
            let fifo = attributes.get("FifoTopic").is_some_and(|it| it == "true");
            let asked = compared.has("DataProtectionPolicy") && !fifo;
            if asked { data_protection_policy(cx, arn).await } else { Ok(None) }
        };
        let tags = async { present(sns::tags(cx, arn).await) };
        let tags = tagging::confirmed(indexed, &compared, tags);
        let (data_protection_policy, tags) = futures::try_join!(policy, tags)?;
        Ok(tags.map(|tags| Live { name, attributes, data_protection_policy, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        // Standard topics know no attribute of FIFO topics, not even to deny it.
        let fifo = spec.fifo_topic == Some(true);
        let known =
            |name: &str| fifo || !["FifoTopic", "ContentBasedDeduplication"].contains(&name);
        let attributes = attributes(spec).into_iter().filter(|(_, name, _)| known(name));
        let attributes = attributes.map(|(_, name, value)| (name, value)).collect();
        let policy = spec.data_protection_policy.as_ref().map(document::to_text);
        let tags = spec.tags.as_ref().map(|tags| sns::tag_list(&tags.0)).transpose()?;
        cx.sns
            .create_topic()
            .name(&spec.topic_name)
            .set_attributes(Some(attributes))
            .set_data_protection_policy(policy)
            .set_tags(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.topic_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let arn = &arn(cx, id.as_str()).await?;
        for (name, value) in changed_attributes(update) {
            sns::set_topic(cx, arn, &name, &value).await?;
        }
        if let (true, Some(policy)) =
            (update.has("DataProtectionPolicy"), &update.to.data_protection_policy)
        {
            let put = cx.sns.put_data_protection_policy().resource_arn(arn);
            put.data_protection_policy(document::to_text(policy)).send().await?;
        }
        if update.has("Tags") {
            sns::retag(cx, arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let arn = &arn(cx, id.as_str()).await?;
        // SNS keeps a topic whose archive is in use.
        if recorded.archive_policy.as_ref().is_some_and(|policy| *policy != json!({})) {
            gone(sns::set_topic(cx, arn, "ArchivePolicy", NO_ARCHIVE).await)?;
        }
        gone(cx.sns.delete_topic().topic_arn(arn).send().await)
    }
}

/// The policy that keeps nothing.
const NO_ARCHIVE: &str = "{}";
/// Protocols as CloudFormation names them, and as the names of attributes begin.
const PROTOCOLS: [(&str, &str); 5] = [
    ("application", "Application"),
    ("firehose", "Firehose"),
    ("http/s", "HTTP"),
    ("lambda", "Lambda"),
    ("sqs", "SQS"),
];
const FAILURE_ROLE: &str = "FailureFeedbackRoleArn";
const SUCCESS_ROLE: &str = "SuccessFeedbackRoleArn";
const SAMPLE_RATE: &str = "SuccessFeedbackSampleRate";

async fn arn(cx: &Cx, name: &str) -> Result<String, Fault> {
    Ok(cx.account().await?.arn("sns", &cx.region, name))
}

async fn data_protection_policy(cx: &Cx, arn: &str) -> Result<Option<String>, Fault> {
    let reply = present(cx.sns.get_data_protection_policy().resource_arn(arn).send().await)?;
    let policy = reply.and_then(|reply| reply.data_protection_policy);
    Ok(policy.filter(|text| !text.is_empty()))
}

/// What is logged, protocol by protocol.
fn logging(attributes: &Attributes) -> Vec<Logging> {
    let of = |(protocol, prefix): (&str, &str)| {
        let text = |name: &str| {
            attributes.get(&format!("{prefix}{name}")).filter(|it| !it.is_empty()).cloned()
        };
        let (failure, success) = (text(FAILURE_ROLE), text(SUCCESS_ROLE));
        (failure.is_some() || success.is_some()).then(|| Logging {
            failure_feedback_role_arn: failure,
            protocol: protocol.into(),
            success_feedback_role_arn: success,
            success_feedback_sample_rate: text(SAMPLE_RATE).map(Text),
        })
    };
    PROTOCOLS.into_iter().filter_map(of).collect()
}

/// The attributes of a spec: row, name and text. A protocol that is not logged has empty roles.
fn attributes(spec: &Spec) -> Vec<(&'static str, String, String)> {
    let yes = |it: Option<bool>| it.map(|it| it.to_string());
    let single = [
        ("ArchivePolicy", spec.archive_policy.as_ref().map(document::to_text)),
        ("ContentBasedDeduplication", yes(spec.content_based_deduplication)),
        ("DisplayName", spec.display_name.clone()),
        ("FifoThroughputScope", spec.fifo_throughput_scope.clone()),
        ("FifoTopic", yes(spec.fifo_topic)),
        ("KmsMasterKeyId", spec.kms_master_key_id.clone()),
        ("SignatureVersion", spec.signature_version.clone().map(String::from)),
        ("TracingConfig", spec.tracing_config.clone()),
    ];
    let single = single.into_iter().filter_map(|(row, value)| Some((row, row.into(), value?)));
    let logged = spec.delivery_status_logging.iter().flatten().flat_map(|logging| {
        let known = PROTOCOLS.iter().find(|(protocol, _)| *protocol == logging.protocol);
        // What is no protocol goes as it is, for SNS to refuse.
        let prefix = known.map_or(logging.protocol.as_str(), |(_, prefix)| prefix);
        let rate = logging.success_feedback_sample_rate.clone().map(String::from);
        [
            (FAILURE_ROLE, logging.failure_feedback_role_arn.clone()),
            (SUCCESS_ROLE, logging.success_feedback_role_arn.clone()),
            (SAMPLE_RATE, rate),
        ]
        .map(|(name, value)| Some(("DeliveryStatusLogging", format!("{prefix}{name}"), value?)))
    });
    single.chain(logged.flatten()).collect()
}

/// The attributes to set, one call each; logging that is no longer wanted loses its roles.
fn changed_attributes(update: Update<'_, Spec>) -> BTreeMap<String, String> {
    let changed = |spec: &Spec| {
        let changed = attributes(spec).into_iter().filter(|(row, ..)| update.has(row));
        changed.map(|(_, name, value)| (name, value)).collect::<BTreeMap<_, _>>()
    };
    let (from, mut to) = (changed(update.from), changed(update.to));
    for name in from.into_keys().filter(|name| name.ends_with("RoleArn")) {
        to.entry(name).or_default();
    }
    to
}

fn optional_document<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    document::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(value: Value) -> Spec {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_live_topic_is_seen_in_full() {
        let attributes = [
            ("DisplayName", "Orders"),
            ("SQSFailureFeedbackRoleArn", "arn:log"),
            ("SQSSuccessFeedbackSampleRate", "10"),
            ("TopicArn", "arn:aws:sns:eu-west-1:123456789012:orders"),
            ("TracingConfig", "PassThrough"),
        ];
        let live = Live {
            name: "orders".into(),
            attributes: attributes.map(|(name, value)| (name.into(), value.into())).into(),
            data_protection_policy: Some(r#"{"Name": "mask"}"#.into()),
            tags: Tags::default(),
        };
        assert_eq!(
            serde_json::to_value(Topic::spec(&live)).unwrap(),
            json!({
                "ContentBasedDeduplication": false, "DataProtectionPolicy": {"Name": "mask"},
                "DeliveryStatusLogging": [{
                    "FailureFeedbackRoleArn": "arn:log", "Protocol": "sqs",
                    "SuccessFeedbackSampleRate": "10",
                }],
                "DisplayName": "Orders", "FifoTopic": false, "Tags": [], "TopicName": "orders",
                "TracingConfig": "PassThrough",
            })
        );
        assert_eq!(Topic::natural_id(&Topic::spec(&live)), Some(Topic::id(&live)));
    }

    #[test]
    fn logging_that_is_no_longer_wanted_loses_its_roles() {
        let role = |protocol: &str| json!({"Protocol": protocol, "FailureFeedbackRoleArn": "r"});
        let from = spec(json!({
            "TopicName": "t", "DisplayName": "a", "DeliveryStatusLogging": [role("sqs")],
        }));
        let to = spec(json!({
            "TopicName": "t", "DisplayName": "b", "DeliveryStatusLogging": [role("http/s")],
        }));
        let changed = &["DeliveryStatusLogging"];
        let sent = changed_attributes(Update { from: &from, to: &to, changed });
        let wanted = [("HTTPFailureFeedbackRoleArn", "r"), ("SQSFailureFeedbackRoleArn", "")];
        assert_eq!(sent, wanted.map(|(name, value)| (name.into(), value.into())).into());
    }
}
