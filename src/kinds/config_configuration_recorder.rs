//! `AWS::Config::ConfigurationRecorder`

use std::collections::BTreeSet;

use aws_sdk_config::types::{
    self, ConfigurationRecorder as SdkRecorder, RecordingFrequency, RecordingStrategyType,
    ResourceType,
};
use serde::{Deserialize, Serialize};

use super::config::{retag, tag_list, tags_of};
use super::reply::gone;
use super::reply::present;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct ConfigurationRecorder;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recording_group: Option<RecordingGroup>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recording_mode: Option<RecordingMode>,
    #[serde(rename = "RoleARN")]
    role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RecordingGroup {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    all_supported: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclusion_by_resource_types: Option<ExclusionByResourceTypes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include_global_resource_types: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recording_strategy: Option<RecordingStrategy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource_types: Option<BTreeSet<String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ExclusionByResourceTypes {
    resource_types: BTreeSet<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RecordingStrategy {
    use_only: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RecordingMode {
    recording_frequency: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recording_mode_overrides: Option<Vec<RecordingModeOverride>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RecordingModeOverride {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    recording_frequency: String,
    resource_types: BTreeSet<String>,
}

#[derive(Debug)]
pub struct Live {
    recorder: SdkRecorder,
    tags: Tags,
}

impl Kind for ConfigurationRecorder {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Config::ConfigurationRecorder";
    const DOC: &'static str = "What AWS Config records of the resources of a region. \
        There is one in an account and region: one that belongs to somebody else, whatever its name, is a conflict. \
        It is there at once and does not record yet: recording needs a delivery channel, which starts it once it is \
        there itself (`ConfigurationRecorderName` of `AWS::Config::DeliveryChannel`). \
        Nothing blocks its deletion, which stops the recording; what was recorded stays. \
        `Tags` are of the API; CloudFormation's type has none.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("Name", "Its name; `default` is what the console gives."),
        Field::updates("RecordingGroup", "Which types of resources are recorded."),
        Field::updates("RecordingMode", "Whether they are recorded continuously or daily."),
        Field::updates("RoleARN", "The role that reads the resources and writes to the channel."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the recorder."),
        Output::with_id("Name", "The name of the recorder."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.recorder.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let recorder = &live.recorder;
        Spec {
            name: recorder.name().unwrap_or_default().into(),
            recording_group: recorder.recording_group().map(Into::into),
            recording_mode: recorder.recording_mode().map(Into::into),
            role_arn: recorder.role_arn().unwrap_or_default().into(),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Arn", live.recorder.arn()), ("Name", live.recorder.name())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(_: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(THE_ONE))
    }

    fn answers_to(live: &Live, id: &PhysicalId) -> bool {
        id.as_str() == THE_ONE || *id == Self::id(live)
    }

    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let Some(recorder) = find(cx).await? else { return Ok(Vec::new()) };
        let arn = recorder.arn.clone().required("recorder ARN")?;
        let tags = present(tags_of(cx, arn).await)?;
        Ok(tags.map(|tags| Live { recorder, tags }).into_iter().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.config
            .put_configuration_recorder()
            .configuration_recorder(wanted(spec, SdkRecorder::builder().build())?)
            .set_tags(tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let now = find(cx).await?.filter(|recorder| recorder.name() == Some(id.as_str()));
        let Some(now) = now else {
            return Err(Fault::new(Class::NotFound, format!("there is no recorder `{id}`")));
        };
        let arn = now.arn.clone().required("recorder ARN")?;
        if update.changed.iter().any(|&row| row != TAGS.path) {
            let put = cx.config.put_configuration_recorder();
            put.configuration_recorder(wanted(update.to, now)?).send().await?;
        }
        if update.has("Tags") {
            retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let ask = cx.config.delete_configuration_recorder();
        gone(ask.configuration_recorder_name(id.as_str()).send().await)
    }
}

/// Stands for whichever recorder the region has.
const THE_ONE: &str = "the recorder";

/// The one recorder that customers manage; without a name the call means that.
async fn find(cx: &Cx) -> Result<Option<SdkRecorder>, Fault> {
    let reply = cx.config.describe_configuration_recorders().send().await?;
    Ok(reply.configuration_recorders.unwrap_or_default().into_iter().next())
}

/// The recorder as `spec` wants it. The call replaces everything: what the spec leaves open stays as it is `now`.
fn wanted(spec: &Spec, now: SdkRecorder) -> Result<SdkRecorder, Fault> {
    let mode = spec.recording_mode.as_ref().map(RecordingMode::to_sdk).transpose()?;
    Ok(SdkRecorder::builder()
        .name(&spec.name)
        .role_arn(&spec.role_arn)
        .set_recording_group(spec.recording_group.as_ref().map(Into::into).or(now.recording_group))
        .set_recording_mode(mode.or(now.recording_mode))
        .build())
}

fn texts(types: &[ResourceType]) -> BTreeSet<String> {
    types.iter().map(ToString::to_string).collect()
}

fn resource_types(texts: &BTreeSet<String>) -> Vec<ResourceType> {
    texts.iter().map(|text| ResourceType::from(text.as_str())).collect()
}

impl From<&types::RecordingGroup> for RecordingGroup {
    fn from(group: &types::RecordingGroup) -> Self {
        let exclusion = group.exclusion_by_resource_types();
        let strategy = group.recording_strategy().and_then(|strategy| strategy.use_only());
        Self {
            all_supported: Some(group.all_supported),
            exclusion_by_resource_types: exclusion.map(|exclusion| ExclusionByResourceTypes {
                resource_types: texts(exclusion.resource_types()),
            }),
            include_global_resource_types: Some(group.include_global_resource_types),
            recording_strategy: strategy.map(|it| RecordingStrategy { use_only: it.to_string() }),
            resource_types: Some(texts(group.resource_types())),
        }
    }
}

impl From<&RecordingGroup> for types::RecordingGroup {
    fn from(group: &RecordingGroup) -> Self {
        let exclusion = group.exclusion_by_resource_types.as_ref().map(|exclusion| {
            let types = Some(resource_types(&exclusion.resource_types));
            types::ExclusionByResourceTypes::builder().set_resource_types(types).build()
        });
        let strategy = group.recording_strategy.as_ref().map(|strategy| {
            let only = RecordingStrategyType::from(strategy.use_only.as_str());
            types::RecordingStrategy::builder().use_only(only).build()
        });
        Self::builder()
            .set_all_supported(group.all_supported)
            .set_exclusion_by_resource_types(exclusion)
            .set_include_global_resource_types(group.include_global_resource_types)
            .set_recording_strategy(strategy)
            .set_resource_types(group.resource_types.as_ref().map(resource_types))
            .build()
    }
}

impl From<&types::RecordingMode> for RecordingMode {
    fn from(mode: &types::RecordingMode) -> Self {
        let one = |it: &types::RecordingModeOverride| RecordingModeOverride {
            description: it.description.clone(),
            recording_frequency: it.recording_frequency.to_string(),
            resource_types: texts(it.resource_types()),
        };
        Self {
            recording_frequency: mode.recording_frequency.to_string(),
            recording_mode_overrides: Some(
                mode.recording_mode_overrides().iter().map(one).collect(),
            ),
        }
    }
}

impl RecordingMode {
    fn to_sdk(&self) -> Result<types::RecordingMode, Fault> {
        let frequency = |text: &str| RecordingFrequency::from(text);
        let one = |it: &RecordingModeOverride| {
            types::RecordingModeOverride::builder()
                .set_description(it.description.clone())
                .recording_frequency(frequency(&it.recording_frequency))
                .set_resource_types(Some(resource_types(&it.resource_types)))
                .build()
        };
        let overrides = self.recording_mode_overrides.as_ref();
        let overrides: Result<Option<Vec<_>>, _> =
            overrides.map(|all| all.iter().map(one).collect()).transpose();
        let mode = overrides.and_then(|overrides| {
            types::RecordingMode::builder()
                .recording_frequency(frequency(&self.recording_frequency))
                .set_recording_mode_overrides(overrides)
                .build()
        });
        mode.map_err(|error| Fault::new(Class::Invalid, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn what_is_asked_for_is_what_is_seen() {
        let asked = json!({
            "Name": "default",
            "RecordingGroup": {
                "AllSupported": false,
                "ExclusionByResourceTypes": {"ResourceTypes": ["AWS::EC2::Volume", "AWS::S3::Bucket"]},
                "IncludeGlobalResourceTypes": false,
                "RecordingStrategy": {"UseOnly": "EXCLUSION_BY_RESOURCE_TYPES"},
                "ResourceTypes": [],
            },
            "RecordingMode": {
                "RecordingFrequency": "DAILY",
                "RecordingModeOverrides": [{
                    "RecordingFrequency": "CONTINUOUS", "ResourceTypes": ["AWS::EC2::VPC"],
                }],
            },
            "RoleARN": "arn:r", "Tags": [],
        });
        let spec: Spec = from_value(asked.clone()).unwrap();
        let recorder = wanted(&spec, SdkRecorder::builder().build()).unwrap();
        let live = Live { recorder, tags: Tags::default() };
        assert_eq!(to_value(ConfigurationRecorder::spec(&live)).unwrap(), asked);
        assert_eq!(ConfigurationRecorder::id(&live), PhysicalId::new("default"));
    }

    #[test]
    fn what_is_not_named_stays_and_any_recorder_stands_in_the_way() {
        let spec: Spec = from_value(json!({"Name": "a", "RoleARN": "arn:r"})).unwrap();
        let group = types::RecordingGroup::builder().all_supported(true).build();
        let now = SdkRecorder::builder().name("a").recording_group(group.clone()).build();
        assert_eq!(wanted(&spec, now).unwrap().recording_group, Some(group));
        let recorder = SdkRecorder::builder().name("theirs").build();
        let theirs = Live { recorder, tags: Tags::default() };
        let natural = ConfigurationRecorder::natural_id(&spec).unwrap();
        assert!(ConfigurationRecorder::answers_to(&theirs, &natural));
        assert!(!ConfigurationRecorder::answers_to(&theirs, &PhysicalId::new("a")));
    }
}
