//! `AWS::GuardDuty::Detector`

use std::collections::{BTreeMap, HashMap};

use aws_sdk_guardduty::operation::get_detector::GetDetectorOutput;
use aws_sdk_guardduty::types::{
    DetectorAdditionalConfiguration, DetectorFeature, DetectorFeatureConfiguration,
    DetectorFeatureConfigurationResult, DetectorStatus, FeatureAdditionalConfiguration,
    FeatureStatus, FindingPublishingFrequency,
};
use futures::future::try_join_all;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::reply::{collect, gone, present};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Detector;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    enable: bool,
    #[serde(default, deserialize_with = "by_name", skip_serializing_if = "Option::is_none")]
    features: Option<BTreeMap<String, Feature>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finding_publishing_frequency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Feature {
    #[serde(default, deserialize_with = "by_name", skip_serializing_if = "Option::is_none")]
    additional_configuration: Option<BTreeMap<String, Additional>>,
    status: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Additional {
    status: String,
}

#[derive(Debug)]
pub struct Live {
    id: String,
    detector: GetDetectorOutput,
}

impl Kind for Detector {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::GuardDuty::Detector";
    const DOC: &'static str = "GuardDuty in a region: it looks for threats in logs and at run time. \
        There is one in an account and region: one that belongs to somebody else is a conflict. \
        It works at once. Deletion is refused while it has member accounts; findings are lost. \
        `Features` may be written as CloudFormation's list, and are kept by their names: those that are not named are \
        not managed. `DataSources` is not supported: the API has deprecated it, and each of them is a feature.";
    const FIELDS: &'static [Field] = &[
        Field::updates("Enable", "Whether it looks at all."),
        Field::updates("Features", "What it looks at, each `ENABLED` or `DISABLED`."),
        Field::updates(
            "FindingPublishingFrequency",
            "How often findings that recur are told: `FIFTEEN_MINUTES`, `ONE_HOUR` or `SIX_HOURS`.",
        ),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Id", "The id of the detector.")];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(5, 3, 3);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.id)
    }

    fn spec(live: &Live) -> Spec {
        let detector = &live.detector;
        let tags = detector.tags.clone().unwrap_or_default();
        let frequency = detector.finding_publishing_frequency();
        Spec {
            enable: detector.status() == Some(&DetectorStatus::Enabled),
            features: Some(detector.features().iter().filter_map(feature).collect()),
            finding_publishing_frequency: frequency.map(ToString::to_string),
            tags: Some(Tags::read(tags)),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", Some(&live.id))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&Tags::read(live.detector.tags.clone().unwrap_or_default()).0)
    }

    fn natural_id(_: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(THE_ONE))
    }

    fn answers_to(live: &Live, id: &PhysicalId) -> bool {
        id.as_str() == THE_ONE || *id == Self::id(live)
    }

    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let ids = collect(cx.guardduty.list_detectors().into_paginator().items().send()).await?;
        // The list tells ids only, of one detector at most.
        let found = try_join_all(ids.into_iter().map(|id| live(cx, id))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tags.0.clone().into_iter().collect());
        let frequency = spec.finding_publishing_frequency.as_deref();
        let made = cx
            .guardduty
            .create_detector()
            .client_token(&token.0)
            .enable(spec.enable)
            .set_features(spec.features.as_ref().map(features))
            .set_finding_publishing_frequency(frequency.map(FindingPublishingFrequency::from))
            .set_tags(tags)
            .send()
            .await?;
        Ok(PhysicalId::new(made.detector_id.required("detector id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        if update.changed.iter().any(|&row| row != TAGS.path) {
            let frequency = to.finding_publishing_frequency.as_deref();
            // What is not given keeps its value, each feature too.
            cx.guardduty
                .update_detector()
                .detector_id(id.as_str())
                .enable(to.enable)
                .set_features(to.features.as_ref().map(features))
                .set_finding_publishing_frequency(frequency.map(FindingPublishingFrequency::from))
                .send()
                .await?;
        }
        if update.has("Tags") {
            let resource = format!("detector/{id}");
            let arn = cx.account().await?.arn("guardduty", &cx.region, resource);
            let change = tags::change_of(&update.from.tags, &to.tags);
            if !change.set.is_empty() {
                let tags: HashMap<_, _> = change.set.into_iter().collect();
                cx.guardduty.tag_resource().resource_arn(&arn).set_tags(Some(tags)).send().await?;
            }
            if !change.remove.is_empty() {
                let ask = cx.guardduty.untag_resource().resource_arn(&arn);
                ask.set_tag_keys(Some(change.remove)).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.guardduty.delete_detector().detector_id(id.as_str()).send().await)
    }
}

/// Stands for whichever detector the region has.
const THE_ONE: &str = "the detector";

async fn live(cx: &Cx, id: String) -> Result<Option<Live>, Fault> {
    let found = present(cx.guardduty.get_detector().detector_id(&id).send().await)?;
    Ok(found.map(|detector| Live { id, detector }))
}

fn features(features: &BTreeMap<String, Feature>) -> Vec<DetectorFeatureConfiguration> {
    let additional = |(name, additional): (&String, &Additional)| {
        DetectorAdditionalConfiguration::builder()
            .name(FeatureAdditionalConfiguration::from(name.as_str()))
            .status(FeatureStatus::from(additional.status.as_str()))
            .build()
    };
    let feature = |(name, feature): (&String, &Feature)| {
        let all = feature.additional_configuration.as_ref();
        DetectorFeatureConfiguration::builder()
            .name(DetectorFeature::from(name.as_str()))
            .status(FeatureStatus::from(feature.status.as_str()))
            .set_additional_configuration(all.map(|all| all.iter().map(additional).collect()))
            .build()
    };
    features.iter().map(feature).collect()
}

fn feature(feature: &DetectorFeatureConfigurationResult) -> Option<(String, Feature)> {
    let status = |status: Option<&FeatureStatus>| status.map(ToString::to_string);
    let additional = feature.additional_configuration().iter().filter_map(|additional| {
        let status = status(additional.status())?;
        Some((additional.name()?.to_string(), Additional { status }))
    });
    let additional_configuration = Some(additional.collect());
    let status = status(feature.status())?;
    Some((feature.name()?.to_string(), Feature { additional_configuration, status }))
}

/// CloudFormation's list of objects with a `Name`, or the mapping from names that is made of it.
fn by_name<'de, D, T>(deserializer: D) -> Result<Option<BTreeMap<String, T>>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let named = match Value::deserialize(deserializer)? {
        Value::Array(items) => {
            let mut named = Map::new();
            for mut item in items {
                let name = item.as_object_mut().and_then(|members| members.remove("Name"));
                let Some(Value::String(name)) = name else {
                    return Err(D::Error::missing_field("Name"));
                };
                if named.insert(name.clone(), item).is_some() {
                    return Err(D::Error::custom(format!("`{name}` is there twice")));
                }
            }
            Value::Object(named)
        }
        other => other,
    };
    serde_json::from_value(named).map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn a_list_of_features_is_kept_by_name() {
        let list = json!({
            "Enable": true,
            "Features": [{
                "Name": "RUNTIME_MONITORING", "Status": "ENABLED",
                "AdditionalConfiguration": [{"Name": "EKS_ADDON_MANAGEMENT", "Status": "ENABLED"}],
            }],
        });
        let spec: Spec = from_value(list).unwrap();
        let canonical = to_value(&spec).unwrap();
        let monitoring = json!({
            "AdditionalConfiguration": {"EKS_ADDON_MANAGEMENT": {"Status": "ENABLED"}},
            "Status": "ENABLED",
        });
        assert_eq!(canonical["Features"], json!({"RUNTIME_MONITORING": monitoring}));
        let again: Spec = from_value(canonical.clone()).unwrap();
        assert_eq!(to_value(again).unwrap(), canonical);

        let sent = features(spec.features.as_ref().unwrap());
        assert_eq!(sent[0].name(), Some(&DetectorFeature::RuntimeMonitoring));
        assert_eq!(sent[0].additional_configuration()[0].status(), Some(&FeatureStatus::Enabled));
        for wrong in [
            json!([{"Status": "ENABLED"}]),
            json!([{"Name": "A", "Status": "B"}, {"Name": "A", "Status": "B"}]),
            json!([{"Name": "A", "Status": "B", "Typo": 1}]),
        ] {
            assert!(from_value::<Spec>(json!({"Enable": true, "Features": wrong})).is_err());
        }
    }

    #[test]
    fn a_live_detector_is_seen_in_full_and_stands_in_the_way_of_any_other() {
        let feature = DetectorFeatureConfigurationResult::builder()
            .name("S3_DATA_EVENTS".into())
            .status(FeatureStatus::Disabled);
        let detector = GetDetectorOutput::builder()
            .status(DetectorStatus::Enabled)
            .service_role("arn:aws:iam::123456789012:role/x")
            .finding_publishing_frequency(FindingPublishingFrequency::SixHours)
            .features(feature.build());
        let live = Live { id: "12ab".into(), detector: detector.build() };
        let spec = Detector::spec(&live);
        assert_eq!(
            to_value(&spec).unwrap(),
            json!({
                "Enable": true,
                "Features": {"S3_DATA_EVENTS": {"AdditionalConfiguration": {}, "Status": "DISABLED"}},
                "FindingPublishingFrequency": "SIX_HOURS", "Tags": [],
            })
        );
        assert_eq!(Detector::outputs(&live)["Id"], "12ab");
        let natural = Detector::natural_id(&spec).unwrap();
        assert!(
            Detector::answers_to(&live, &natural)
                && Detector::answers_to(&live, &PhysicalId::new("12ab"))
        );
        assert!(!Detector::answers_to(&live, &PhysicalId::new("34cd")));
    }
}
