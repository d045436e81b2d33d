//! Which events a trail logs: its selectors, from and to the types of the SDK. Their lists have no order.

use std::collections::BTreeSet;

use aws_sdk_cloudtrail::types::{self, InsightType, ReadWriteType, SourceEventCategory};
use serde::{Deserialize, Serialize};

use crate::fault::{Class, Fault};

type Texts = BTreeSet<String>;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EventSelector {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_resources: Option<BTreeSet<DataResource>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exclude_management_event_sources: Option<Texts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    include_management_events: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_write_type: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DataResource {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    values: Texts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AdvancedEventSelector {
    field_selectors: BTreeSet<FieldSelector>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct FieldSelector {
    field: String,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    ends_with: Texts,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    equals: Texts,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    not_ends_with: Texts,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    not_equals: Texts,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    not_starts_with: Texts,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    starts_with: Texts,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InsightSelector {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_categories: Option<Texts>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insight_type: Option<String>,
}

impl From<&types::EventSelector> for EventSelector {
    fn from(selector: &types::EventSelector) -> Self {
        let resource = |it: &types::DataResource| DataResource {
            kind: it.r#type().unwrap_or_default().into(),
            values: it.values().iter().cloned().collect(),
        };
        Self {
            data_resources: Some(selector.data_resources().iter().map(resource).collect()),
            exclude_management_event_sources: Some(
                selector.exclude_management_event_sources().iter().cloned().collect(),
            ),
            // CloudTrail's defaults.
            include_management_events: Some(selector.include_management_events.unwrap_or(true)),
            read_write_type: Some(
                selector.read_write_type().unwrap_or(&ReadWriteType::All).to_string(),
            ),
        }
    }
}

impl From<&EventSelector> for types::EventSelector {
    fn from(selector: &EventSelector) -> Self {
        let resource = |it: &DataResource| {
            let resource = types::DataResource::builder().r#type(&it.kind);
            resource.set_values(Some(it.values.iter().cloned().collect())).build()
        };
        let resources = selector.data_resources.as_ref();
        Self::builder()
            .set_data_resources(resources.map(|all| all.iter().map(resource).collect()))
            .set_exclude_management_event_sources(
                selector
                    .exclude_management_event_sources
                    .as_ref()
                    .map(|sources| sources.iter().cloned().collect()),
            )
            .set_include_management_events(selector.include_management_events)
            .set_read_write_type(selector.read_write_type.as_deref().map(ReadWriteType::from))
            .build()
    }
}

impl From<&types::AdvancedEventSelector> for AdvancedEventSelector {
    fn from(selector: &types::AdvancedEventSelector) -> Self {
        let texts = |texts: &[String]| texts.iter().cloned().collect();
        let field = |it: &types::AdvancedFieldSelector| FieldSelector {
            field: it.field.clone(),
            ends_with: texts(it.ends_with()),
            equals: texts(it.equals()),
            not_ends_with: texts(it.not_ends_with()),
            not_equals: texts(it.not_equals()),
            not_starts_with: texts(it.not_starts_with()),
            starts_with: texts(it.starts_with()),
        };
        Self {
            field_selectors: selector.field_selectors().iter().map(field).collect(),
            name: selector.name.clone(),
        }
    }
}

impl TryFrom<&AdvancedEventSelector> for types::AdvancedEventSelector {
    type Error = Fault;

    fn try_from(selector: &AdvancedEventSelector) -> Result<Self, Fault> {
        // An empty list of values is refused: none is meant.
        let texts = |texts: &Texts| {
            Some(texts.iter().cloned().collect::<Vec<_>>()).filter(|texts| !texts.is_empty())
        };
        let field = |it: &FieldSelector| {
            types::AdvancedFieldSelector::builder()
                .field(&it.field)
                .set_ends_with(texts(&it.ends_with))
                .set_equals(texts(&it.equals))
                .set_not_ends_with(texts(&it.not_ends_with))
                .set_not_equals(texts(&it.not_equals))
                .set_not_starts_with(texts(&it.not_starts_with))
                .set_starts_with(texts(&it.starts_with))
                .build()
        };
        let fields: Result<Vec<_>, _> = selector.field_selectors.iter().map(field).collect();
        let built = fields.and_then(|fields| {
            let sdk = Self::builder().set_field_selectors(Some(fields));
            sdk.set_name(selector.name.clone()).build()
        });
        built.map_err(|error| Fault::new(Class::Invalid, error.to_string()))
    }
}

impl From<&types::InsightSelector> for InsightSelector {
    fn from(selector: &types::InsightSelector) -> Self {
        let categories = selector.event_categories().iter().map(ToString::to_string);
        Self {
            event_categories: Some(categories.collect()),
            insight_type: selector.insight_type().map(ToString::to_string),
        }
    }
}

impl From<&InsightSelector> for types::InsightSelector {
    fn from(selector: &InsightSelector) -> Self {
        let categories = selector.event_categories.as_ref().map(|all| {
            all.iter().map(|category| SourceEventCategory::from(category.as_str())).collect()
        });
        Self::builder()
            .set_event_categories(categories)
            .set_insight_type(selector.insight_type.as_deref().map(InsightType::from))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn selectors_have_one_canonical_form() {
        let asked = json!({
            "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:b", "arn:a"]}],
            "ReadWriteType": "WriteOnly",
        });
        let selector: EventSelector = from_value(asked).unwrap();
        let seen = EventSelector::from(&types::EventSelector::from(&selector));
        assert_eq!(
            to_value(seen).unwrap(),
            json!({
                "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:a", "arn:b"]}],
                "ExcludeManagementEventSources": [], "IncludeManagementEvents": true,
                "ReadWriteType": "WriteOnly",
            })
        );

        let asked = json!({
            "Name": "data",
            "FieldSelectors": [
                {"Field": "resources.type", "Equals": ["AWS::S3::Object"]},
                {"Field": "eventCategory", "Equals": ["Data"]},
                {"Field": "resources.ARN", "NotStartsWith": ["arn:x"]},
            ],
        });
        let selector: AdvancedEventSelector = from_value(asked).unwrap();
        let canonical = to_value(&selector).unwrap();
        let sdk = types::AdvancedEventSelector::try_from(&selector).unwrap();
        assert_eq!(to_value(AdvancedEventSelector::from(&sdk)).unwrap(), canonical);
        assert_eq!(canonical["FieldSelectors"][0]["Field"], "eventCategory");
    }

    #[test]
    fn an_insight_is_of_management_events_or_of_data_events() {
        let asked = json!({"EventCategories": ["Management"], "InsightType": "ApiCallRateInsight"});
        let selector: InsightSelector = from_value(asked.clone()).unwrap();
        let seen = InsightSelector::from(&types::InsightSelector::from(&selector));
        assert_eq!(to_value(seen).unwrap(), asked);
    }
}
