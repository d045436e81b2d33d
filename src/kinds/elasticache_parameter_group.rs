//! `AWS::ElastiCache::ParameterGroup`

use std::collections::BTreeMap;

use aws_sdk_elasticache::types::{
    CacheCluster, CacheParameterGroup, Parameter, ParameterNameValue,
};
use serde::{Deserialize, Serialize};

use super::elasticache;
use super::reply::{collect, gone, present};
use super::scalar::{LowerCase, Text};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct ParameterGroup;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cache_parameter_group_family: LowerCase,
    cache_parameter_group_name: LowerCase,
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    properties: Option<BTreeMap<String, Text>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    group: CacheParameterGroup,
    /// Those that somebody has set; the engine's defaults are not among them.
    parameters: Vec<Parameter>,
    tags: Tags,
}

/// What one call may change.
const PARAMETERS_MAX: usize = 20;

impl Kind for ParameterGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElastiCache::ParameterGroup";
    const DOC: &'static str = "Settings of a cache engine, shared by the replication groups that name the group. \
        It is there at once. Most changes take effect at once, some when a node restarts; platctl restarts nothing. \
        Only the properties that are named are managed, and one that is taken out of the specification gets its \
        default back. `CacheParameterGroupName`, which CloudFormation makes up, is given here. \
        A group is made for one family and cannot change it: give the group of another family another name. \
        Deletion is refused while a cache uses the group.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("CacheParameterGroupFamily", "Engine and version: `valkey8`, `redis7`."),
        Field::replaces("CacheParameterGroupName", "The name; ElastiCache keeps it in lower case."),
        Field::replaces("Description", "What the group is for."),
        Field::updates("Properties", "Parameters by name; the engine's defaults rule the others.")
            .owned_keys()
            .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("CacheParameterGroupName", "The name of the group."),
        Output::with_id("Arn", "The ARN of the group."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 3, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.cache_parameter_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let group = &live.group;
        let set = live.parameters.iter();
        let set = set.filter_map(|set| Some((set.parameter_name.clone()?, set.parameter_value()?)));
        Spec {
            cache_parameter_group_family: LowerCase::new(
                group.cache_parameter_group_family().unwrap_or_default(),
            ),
            cache_parameter_group_name: LowerCase::new(
                group.cache_parameter_group_name().unwrap_or_default(),
            ),
            description: group.description().unwrap_or_default().into(),
            properties: Some(set.map(|(name, value)| (name, value.into())).collect()),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("CacheParameterGroupName", live.group.cache_parameter_group_name()),
            ("Arn", live.group.arn()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.cache_parameter_group_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = elasticache::names(wanted);
        let asked = cx.elasticache.describe_cache_parameter_groups();
        let asked =
            asked.set_cache_parameter_group_name(elasticache::only(&names)).into_paginator();
        let found = present(collect(asked.items().send()).await)?.unwrap_or_default();
        let wanted = |group: &CacheParameterGroup| {
            group.cache_parameter_group_name().is_some_and(|name| names.contains(name))
        };
        let groups: Vec<_> = found.into_iter().filter(wanted).collect();
        let found = tagging::indexed(cx, groups, |group| group.arn.clone()).await?.into_iter();
        Ok(found.map(|(group, tags)| Live { group, parameters: Vec::new(), tags }).collect())
    }

    /// Parameters and tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, tags: indexed, .. } = live;
        let parameters = async {
            if !compared.has("Properties") {
                return Ok(Some(Vec::new()));
            }
            set_in(cx, group.cache_parameter_group_name.clone()).await
        };
        let tags = elasticache::tags(cx, group.arn(), indexed, &compared);
        let (parameters, tags) = futures::try_join!(parameters, tags)?;
        Ok(parameters.zip(tags).map(|(parameters, tags)| Live { group, parameters, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.elasticache
            .create_cache_parameter_group()
            .cache_parameter_group_name(&*spec.cache_parameter_group_name)
            .cache_parameter_group_family(&*spec.cache_parameter_group_family)
            .description(&spec.description)
            .set_tags(elasticache::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&*spec.cache_parameter_group_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("Properties") {
            let (set, reset) =
                change(update.from.properties.as_ref(), update.to.properties.as_ref());
            for batch in set.chunks(PARAMETERS_MAX) {
                cx.elasticache
                    .modify_cache_parameter_group()
                    .cache_parameter_group_name(id.as_str())
                    .set_parameter_name_values(Some(batch.to_vec()))
                    .send()
                    .await?;
            }
            for batch in reset.chunks(PARAMETERS_MAX) {
                cx.elasticache
                    .reset_cache_parameter_group()
                    .cache_parameter_group_name(id.as_str())
                    .set_parameter_name_values(Some(batch.to_vec()))
                    .send()
                    .await?;
            }
        }
        if update.has("Tags") {
            let arn = elasticache::arn(cx, "parametergroup", id.as_str()).await?;
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            elasticache::retag(cx, &arn, change).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let ask = cx.elasticache.delete_cache_parameter_group();
        gone(ask.cache_parameter_group_name(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let uses = |it: &CacheCluster| {
            it.cache_parameter_group()
                .is_some_and(|group| group.cache_parameter_group_name() == Some(id.as_str()))
        };
        elasticache::users(cx, uses, "uses the parameter group").await
    }
}

/// What somebody has set in a group; `None` if it is gone by now.
async fn set_in(cx: &Cx, name: Option<String>) -> Result<Option<Vec<Parameter>>, Fault> {
    let asked = cx.elasticache.describe_cache_parameters().set_cache_parameter_group_name(name);
    present(collect(asked.source("user").into_paginator().items().send()).await)
}

/// What an update sets, and what it gives the default back, in the order of the names.
fn change(
    from: Option<&BTreeMap<String, Text>>,
    to: Option<&BTreeMap<String, Text>>,
) -> (Vec<ParameterNameValue>, Vec<ParameterNameValue>) {
    let (no_from, no_to) = (BTreeMap::new(), BTreeMap::new());
    let (from, to) = (from.unwrap_or(&no_from), to.unwrap_or(&no_to));
    let named = |name: &String| ParameterNameValue::builder().parameter_name(name);
    let set = to.iter().filter(|(name, value)| from.get(*name) != Some(*value));
    let reset = from.keys().filter(|name| !to.contains_key(*name));
    (
        set.map(|(name, value)| named(name).parameter_value(&value.0).build()).collect(),
        reset.map(|name| named(name).build()).collect(),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_group_is_seen_in_full() {
        let group = CacheParameterGroup::builder()
            .cache_parameter_group_name("sessions")
            .cache_parameter_group_family("valkey8")
            .description("sessions");
        let set =
            Parameter::builder().parameter_name("maxmemory-policy").parameter_value("noeviction");
        let live =
            Live { group: group.build(), parameters: vec![set.build()], tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(ParameterGroup::spec(&live)).unwrap(),
            json!({
                "CacheParameterGroupFamily": "valkey8", "CacheParameterGroupName": "sessions",
                "Description": "sessions", "Properties": {"maxmemory-policy": "noeviction"},
                "Tags": [],
            })
        );
    }

    #[test]
    fn a_change_sets_what_differs_and_resets_what_is_gone() {
        let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, Text> {
            pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
        };
        let from = of(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let to = of(&[("a", "1"), ("b", "2"), ("d", "1")]);
        let (set, reset) = change(Some(&from), Some(&to));
        let pairs = |all: &[ParameterNameValue]| -> Vec<(String, Option<String>)> {
            let pair = |it: &ParameterNameValue| {
                (it.parameter_name.clone().unwrap(), it.parameter_value.clone())
            };
            all.iter().map(pair).collect()
        };
        let wanted = [("b".into(), Some("2".into())), ("d".into(), Some("1".into()))];
        assert_eq!(pairs(&set), wanted);
        assert_eq!(pairs(&reset), [("c".into(), None)]);
    }
}
