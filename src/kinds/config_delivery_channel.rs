//! `AWS::Config::DeliveryChannel`

use aws_sdk_config::types::{
    ConfigSnapshotDeliveryProperties, DeliveryChannel as SdkChannel, MaximumExecutionFrequency,
};
use futures::try_join;
use serde::{Deserialize, Serialize};

use super::reply::gone;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct DeliveryChannel;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config_snapshot_delivery_properties: Option<SnapshotDelivery>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configuration_recorder_name: Option<String>,
    name: String,
    s3_bucket_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_key_prefix: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s3_kms_key_arn: Option<String>,
    #[serde(rename = "SnsTopicARN", default, skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SnapshotDelivery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delivery_frequency: Option<String>,
}

#[derive(Debug)]
pub struct Live {
    channel: SdkChannel,
    /// The name of the recorder, if it records.
    recording: Option<String>,
}

impl Kind for DeliveryChannel {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Config::DeliveryChannel";
    const DOC: &'static str = "Where AWS Config delivers what its recorder records. \
        There is one in an account and region; it needs the recorder to be there, and has no tags: whose it is, the \
        recorder tells. It is there at once. \
        A recorder cannot be started before its channel is there. CloudFormation starts it behind the scenes; here \
        `ConfigurationRecorderName` names the recorder that is started right after the creation, and again whenever \
        it is found stopped. Without it nothing is started. \
        Deletion is refused while the recorder records, so the recorder is stopped first.";
    const FIELDS: &'static [Field] = &[
        Field::updates("ConfigSnapshotDeliveryProperties", "How often snapshots are delivered."),
        Field::updates(
            "ConfigurationRecorderName",
            "The recorder that records into it; not a property of CloudFormation's type.",
        )
        .late(),
        Field::replaces("Name", "Its name; `default` is what the console gives."),
        Field::updates("S3BucketName", "The bucket that gets snapshots and histories."),
        Field::updates("S3KeyPrefix", "What the names of the files begin with."),
        Field::updates("S3KmsKeyArn", "The ARN of the key that encrypts the files."),
        Field::updates("SnsTopicARN", "The ARN of the topic that is told of changes."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Name", "The name of the channel.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(3, 2, 3);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.channel.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let channel = &live.channel;
        let delivery = channel.config_snapshot_delivery_properties();
        Spec {
            config_snapshot_delivery_properties: delivery.map(|delivery| SnapshotDelivery {
                delivery_frequency: delivery.delivery_frequency().map(ToString::to_string),
            }),
            configuration_recorder_name: live.recording.clone(),
            name: channel.name().unwrap_or_default().into(),
            s3_bucket_name: channel.s3_bucket_name().unwrap_or_default().into(),
            s3_key_prefix: channel.s3_key_prefix.clone(),
            s3_kms_key_arn: channel.s3_kms_key_arn.clone(),
            sns_topic_arn: channel.sns_topic_arn.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Name", live.channel.name())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.name))
    }

    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let (channel, recording) = try_join!(find(cx), recording(cx))?;
        Ok(channel.map(|channel| Live { channel, recording }).into_iter().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let channel = wanted(spec, SdkChannel::builder().build());
        cx.config.put_delivery_channel().delivery_channel(channel).send().await?;
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.changed.iter().any(|&row| row != "ConfigurationRecorderName") {
            let now = find(cx).await?.filter(|channel| channel.name() == Some(id.as_str()));
            let Some(now) = now else {
                let text = format!("there is no delivery channel `{id}`");
                return Err(Fault::new(Class::NotFound, text));
            };
            cx.config.put_delivery_channel().delivery_channel(wanted(to, now)).send().await?;
        }
        if let (true, Some(name)) =
            (update.has("ConfigurationRecorderName"), &to.configuration_recorder_name)
        {
            let start = cx.config.start_configuration_recorder();
            start.configuration_recorder_name(name).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let there = find(cx).await?.is_some_and(|channel| channel.name() == Some(id.as_str()));
        if !there {
            return Ok(());
        }
        if let Some(name) = recording(cx).await? {
            let stop = cx.config.stop_configuration_recorder();
            gone(stop.configuration_recorder_name(name).send().await)?;
        }
        let ask = cx.config.delete_delivery_channel();
        gone(ask.delivery_channel_name(id.as_str()).send().await)
    }
}

/// The one channel of the region. Asked for by name, one that is not there would be a fault.
async fn find(cx: &Cx) -> Result<Option<SdkChannel>, Fault> {
    let reply = cx.config.describe_delivery_channels().send().await?;
    Ok(reply.delivery_channels.unwrap_or_default().into_iter().next())
}

/// The name of the recorder of the region, if it records.
async fn recording(cx: &Cx) -> Result<Option<String>, Fault> {
    let reply = cx.config.describe_configuration_recorder_status().send().await?;
    let recorders = reply.configuration_recorders_status.unwrap_or_default().into_iter();
    Ok(recorders.filter(|recorder| recorder.recording).find_map(|recorder| recorder.name))
}

/// The channel as `spec` wants it. The call replaces everything: what the spec leaves open stays as it is `now`.
fn wanted(spec: &Spec, now: SdkChannel) -> SdkChannel {
    let delivery = spec.config_snapshot_delivery_properties.as_ref().map(|delivery| {
        let frequency = delivery.delivery_frequency.as_deref().map(MaximumExecutionFrequency::from);
        ConfigSnapshotDeliveryProperties::builder().set_delivery_frequency(frequency).build()
    });
    SdkChannel::builder()
        .name(&spec.name)
        .set_config_snapshot_delivery_properties(
            delivery.or(now.config_snapshot_delivery_properties),
        )
        .s3_bucket_name(&spec.s3_bucket_name)
        .set_s3_key_prefix(spec.s3_key_prefix.clone().or(now.s3_key_prefix))
        .set_s3_kms_key_arn(spec.s3_kms_key_arn.clone().or(now.s3_kms_key_arn))
        .set_sns_topic_arn(spec.sns_topic_arn.clone().or(now.sns_topic_arn))
        .build()
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn the_recorder_is_seen_while_it_records() {
        let asked = json!({
            "ConfigSnapshotDeliveryProperties": {"DeliveryFrequency": "Six_Hours"},
            "ConfigurationRecorderName": "default", "Name": "default", "S3BucketName": "logs",
            "SnsTopicARN": "arn:t",
        });
        let spec: Spec = from_value(asked.clone()).unwrap();
        let channel = wanted(&spec, SdkChannel::builder().build());
        let live = Live { channel: channel.clone(), recording: Some("default".into()) };
        assert_eq!(to_value(DeliveryChannel::spec(&live)).unwrap(), asked);
        let stopped = DeliveryChannel::spec(&Live { channel, recording: None });
        assert_eq!(stopped.configuration_recorder_name, None);
        assert_eq!(DeliveryChannel::natural_id(&stopped), Some(DeliveryChannel::id(&live)));
    }

    #[test]
    fn what_is_not_named_stays() {
        let spec: Spec = from_value(json!({"Name": "a", "S3BucketName": "b"})).unwrap();
        let now = SdkChannel::builder().name("a").s3_bucket_name("x").s3_key_prefix("p").build();
        let wanted = wanted(&spec, now);
        assert_eq!((wanted.s3_bucket_name(), wanted.s3_key_prefix()), (Some("b"), Some("p")));
    }
}
