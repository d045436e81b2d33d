//! `AWS::SSM::Parameter`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{
    Parameter as Stored, ParameterMetadata, ParameterStringFilter, ParameterTier, ParameterType,
    ResourceTypeForTagging, Tag,
};
use futures::future::try_join;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::document;
use super::reply::{collect, gone, present};
use super::scalar::Text;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::Fault;
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Parameter;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    allowed_pattern: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    name: String,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "document::deserialize_some"
    )]
    policies: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<Tier>,
    r#type: Type,
    value: Text,
}

/// `SecureString` is not among them, as in CloudFormation: its value would have to stand in the blueprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Type {
    String,
    StringList,
}

/// `Intelligent-Tiering` is not among them: it reads back as one of these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Tier {
    Standard,
    Advanced,
}

#[derive(Debug)]
pub struct Live {
    /// The value.
    stored: Stored,
    /// Everything else.
    metadata: ParameterMetadata,
    tags: Tags,
}

/// Names that `GetParameters` takes.
const VALUES_MAX: usize = 10;
/// Names that a filter of `DescribeParameters` takes, and what a page holds.
const METADATA_MAX: usize = 50;
/// Reads that are under way at once: Parameter Store admits 40 a second.
const READS_MAX: usize = 8;

impl Kind for Parameter {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SSM::Parameter";
    const DOC: &'static str = "A value in Parameter Store, for programs to read. \
        It is there at once. Its value is no secret: it stands in the blueprint, in plans and in the state. \
        `SecureString` is not supported, as CloudFormation does not; keep secrets in Secrets Manager. \
        An advanced parameter cannot become a standard one again, and AWS refuses to change a type inside a \
        hierarchy: choose another name then. Without `Tier` the account's default decides. \
        Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::updates("AllowedPattern", "A regular expression that every value has to match."),
        Field::updates("DataType", "`text`, or `aws:ec2:image` for the id of a machine image."),
        Field::updates("Description", "What the parameter is for."),
        Field::replaces("Name", "Its name; with slashes a path, `/shop/prod/url`."),
        Field::updates(
            "Policies",
            "Expiration and notifications, as a JSON list; the tier `Advanced` has them.",
        )
        .set(),
        TAGS,
        Field::updates("Tier", "`Standard` or `Advanced`."),
        Field::updates("Type", "`String` or `StringList`, whose items are separated by commas."),
        Field::updates("Value", "The value."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Name", "The name of the parameter."),
        Output::with_id("Type", "The type of the parameter."),
        Output::with_id("Value", "The value of the parameter."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.stored.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let (stored, metadata) = (&live.stored, &live.metadata);
        let policies = metadata.policies().iter().filter_map(|policy| policy.policy_text());
        Spec {
            allowed_pattern: Some(metadata.allowed_pattern().unwrap_or_default().into()),
            data_type: metadata.data_type.clone(),
            description: Some(metadata.description().unwrap_or_default().into()),
            name: stored.name().unwrap_or_default().into(),
            policies: Some(policies.map(document::from_text).collect()),
            tags: Some(live.tags.clone()),
            tier: match metadata.tier() {
                Some(ParameterTier::Standard) => Some(Tier::Standard),
                Some(ParameterTier::Advanced) => Some(Tier::Advanced),
                _ => None,
            },
            r#type: match stored.r#type() {
                Some(ParameterType::StringList) => Type::StringList,
                _ => Type::String,
            },
            value: stored.value().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Name", live.stored.name()),
            ("Type", live.stored.r#type().map(ParameterType::as_str)),
            ("Value", live.stored.value()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names: BTreeSet<&str> = wanted.iter().filter_map(Lookup::id).collect();
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        // One call has the values and another one all the rest.
        let (stored, mut metadata) = try_join(stored(cx, &names), metadata(cx, &names)).await?;
        let found = tagging::indexed(cx, stored, |stored| stored.arn.clone()).await?.into_iter();
        let live = |(stored, tags): (Stored, _)| {
            let metadata = metadata.remove(stored.name()?)?;
            Some(Live { stored, metadata, tags })
        };
        Ok(found.filter_map(live).collect())
    }

    /// Tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { stored, metadata, tags: indexed } = live;
        let tags = tagging::confirmed(indexed, &compared, async {
            let ask = cx.ssm.list_tags_for_resource().set_resource_id(stored.name.clone());
            let reply = present(ask.resource_type(ResourceTypeForTagging::Parameter).send().await)?;
            let tags = reply.map(|reply| reply.tag_list.unwrap_or_default());
            Ok(tags.map(|tags| Tags::read(tags.into_iter().map(|tag| (tag.key, tag.value)))))
        });
        Ok(tags.await?.map(|tags| Live { stored, metadata, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tags.0.iter().map(tag).collect());
        let policies = spec.policies.as_ref().filter(|policies| **policies != json!([]));
        put(cx, spec).set_policies(policies.map(text)).set_tags(tags).send().await?;
        Ok(PhysicalId::new(&spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.changed.iter().any(|row| *row != "Tags") {
            let policies = update.to.policies.as_ref().filter(|_| update.has("Policies"));
            let put = put(cx, &whole(update)).set_policies(policies.map(text));
            put.overwrite(true).send().await?;
        }
        if update.has("Tags") {
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            let parameter = ResourceTypeForTagging::Parameter;
            if !change.set.is_empty() {
                let ask = cx.ssm.add_tags_to_resource().resource_type(parameter.clone());
                let set = change.set.iter().map(tag).collect();
                ask.resource_id(id.as_str()).set_tags(Some(set)).send().await?;
            }
            if !change.remove.is_empty() {
                let ask = cx.ssm.remove_tags_from_resource().resource_type(parameter);
                let keys = Some(change.remove);
                ask.resource_id(id.as_str()).set_tag_keys(keys).send().await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.ssm.delete_parameter().name(id.as_str()).send().await)
    }
}

/// What is desired, and of what is not managed what is there: a parameter is put whole, and what a call leaves out gets
/// the account's default. Policies alone stay.
fn whole(update: Update<'_, Spec>) -> Spec {
    let Update { from, to, .. } = update;
    let told = |desired: &Option<String>, live: &Option<String>| {
        desired.clone().or_else(|| live.clone().filter(|text| !text.is_empty()))
    };
    Spec {
        allowed_pattern: told(&to.allowed_pattern, &from.allowed_pattern),
        data_type: told(&to.data_type, &from.data_type),
        description: told(&to.description, &from.description),
        tier: to.tier.or(from.tier),
        ..to.clone()
    }
}

fn put(
    cx: &Cx,
    spec: &Spec,
) -> aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder {
    cx.ssm
        .put_parameter()
        .set_allowed_pattern(spec.allowed_pattern.clone())
        .set_data_type(spec.data_type.clone())
        .set_description(spec.description.clone())
        .name(&spec.name)
        .set_tier(spec.tier.map(|tier| match tier {
            Tier::Standard => ParameterTier::Standard,
            Tier::Advanced => ParameterTier::Advanced,
        }))
        .r#type(match spec.r#type {
            Type::String => ParameterType::String,
            Type::StringList => ParameterType::StringList,
        })
        .value(&spec.value.0)
}

/// The text of a list of policies. One empty policy takes all of them away; an empty list would keep them.
fn text(policies: &Value) -> String {
    match policies.as_array() {
        Some(none) if none.is_empty() => "[{}]".into(),
        _ => document::to_text(policies),
    }
}

/// The parameters of these names, with their values. A name that is not there is no fault.
async fn stored(cx: &Cx, names: &[String]) -> Result<Vec<Stored>, Fault> {
    let calls = stream::iter(batches(names, VALUES_MAX)).map(|names| async {
        let reply = cx.ssm.get_parameters().set_names(Some(names)).send().await?;
        Ok::<_, Fault>(reply.parameters.unwrap_or_default())
    });
    let found: Vec<_> = calls.buffer_unordered(READS_MAX).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// By name: all but value and tags.
async fn metadata(cx: &Cx, names: &[String]) -> Result<BTreeMap<String, ParameterMetadata>, Fault> {
    let calls = stream::iter(batches(names, METADATA_MAX)).map(|names| {
        let filter = ParameterStringFilter::builder().key("Name").option("Equals");
        let filter = filter.set_values(Some(names)).build().expect("it has a key");
        let asked = cx.ssm.describe_parameters().parameter_filters(filter);
        collect(asked.into_paginator().page_size(50).send())
    });
    let pages: Vec<_> = calls.buffer_unordered(READS_MAX).try_collect().await?;
    let found = pages.into_iter().flatten().flat_map(|page| page.parameters.unwrap_or_default());
    Ok(found.filter_map(|metadata| Some((metadata.name.clone()?, metadata))).collect())
}

fn batches(names: &[String], size: usize) -> Vec<Vec<String>> {
    names.chunks(size).map(<[String]>::to_vec).collect()
}

fn tag((key, value): (&String, &String)) -> Tag {
    Tag::builder().key(key).value(value).build().expect("a tag has a key and a value")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ssm::types::ParameterInlinePolicy;

    const EXPIRY: &str = r#"{"Type": "Expiration", "Version": "1.0", "Attributes": {}}"#;

    #[test]
    fn a_live_parameter_is_seen_in_full() {
        let stored = Stored::builder()
            .name("/shop/zones")
            .r#type(ParameterType::StringList)
            .value("a,b")
            .build();
        let metadata = ParameterMetadata::builder()
            .tier(ParameterTier::Advanced)
            .data_type("text")
            .policies(ParameterInlinePolicy::builder().policy_text(EXPIRY).build())
            .build();
        let live = Live { stored, metadata, tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(Parameter::spec(&live)).unwrap(),
            json!({
                "AllowedPattern": "", "DataType": "text", "Description": "", "Name": "/shop/zones",
                "Policies": [{"Type": "Expiration", "Version": "1.0", "Attributes": {}}],
                "Tags": [], "Tier": "Advanced", "Type": "StringList", "Value": "a,b",
            })
        );
        assert_eq!(Parameter::outputs(&live)["Type"], "StringList");
    }

    #[test]
    fn policies_are_a_text_or_a_list() {
        let spec = |policies| {
            let spec = json!({"Name": "a", "Type": "String", "Value": 1, "Policies": policies});
            serde_json::from_value::<Spec>(spec).unwrap()
        };
        let list = json!([{"Type": "Expiration", "Version": "1.0", "Attributes": {}}]);
        assert_eq!(spec(json!(format!("[{EXPIRY}]"))).policies, Some(list.clone()));
        assert_eq!(spec(list.clone()).policies, Some(list.clone()));
        assert_eq!(text(&list), list.to_string());
        assert_eq!(text(&json!([])), "[{}]");
    }

    #[test]
    fn what_is_not_managed_is_put_as_it_is() {
        let spec = |spec| serde_json::from_value::<Spec>(spec).unwrap();
        let from = spec(json!({
            "Name": "a", "Type": "String", "Value": "b", "Description": "theirs",
            "AllowedPattern": "", "DataType": "text", "Tier": "Advanced",
        }));
        let to = spec(json!({"Name": "a", "Type": "String", "Value": "c"}));
        let put = whole(Update { from: &from, to: &to, changed: &["Value"] });
        assert_eq!(
            serde_json::to_value(put).unwrap(),
            json!({
                "Name": "a", "Type": "String", "Value": "c", "Description": "theirs",
                "DataType": "text", "Tier": "Advanced",
            })
        );
    }

    #[test]
    fn what_cannot_be_compared_is_no_value() {
        let refused = |property: &str, value: &str| {
            let mut spec = json!({"Name": "a", "Type": "String", "Value": "b"});
            spec[property] = value.into();
            serde_json::from_value::<Spec>(spec).is_err()
        };
        assert!(refused("Type", "SecureString"));
        assert!(refused("Tier", "Intelligent-Tiering"));
        assert!(!refused("Tier", "Standard"));
    }
}
