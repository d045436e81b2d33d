//! `AWS::RDS::DBParameterGroup`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::{ApplyMethod, DbInstance, DbParameterGroup, Parameter};
use serde::{Deserialize, Serialize};

use super::rds;
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
    #[serde(rename = "DBParameterGroupName")]
    name: LowerCase,
    description: String,
    family: LowerCase,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BTreeMap<String, Text>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    group: DbParameterGroup,
    /// Those that somebody has set; the engine's defaults are not among them.
    parameters: Vec<Parameter>,
    tags: Tags,
}

/// What one call may change.
const PARAMETERS_MAX: usize = 20;

impl Kind for ParameterGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::RDS::DBParameterGroup";
    const DOC: &'static str = "Settings of a database engine, shared by the instances that name the group. \
        It is there at once. A changed dynamic parameter takes effect at once, a static one when the instance \
        restarts; platctl restarts nothing. A parameter that is taken out of the specification gets its default back. \
        A group is made for one family and cannot change it: give the group of another family another name. \
        Deletion is refused while an instance uses the group.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("DBParameterGroupName", "The name; RDS keeps it in lower case."),
        Field::replaces("Description", "What the group is for."),
        Field::replaces("Family", "Engine and major version: `postgres18`."),
        Field::updates("Parameters", "Parameters by name; the engine's defaults rule the others.")
            .owned_keys()
            .late(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("DBParameterGroupName", "The name of the group."),
        Output::with_id("DBParameterGroupArn", "The ARN of the group."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 3, 2);
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.db_parameter_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let set = live.parameters.iter();
        let set = set.filter_map(|set| Some((set.parameter_name.clone()?, set.parameter_value()?)));
        Spec {
            name: LowerCase::new(live.group.db_parameter_group_name().unwrap_or_default()),
            description: live.group.description().unwrap_or_default().into(),
            family: LowerCase::new(live.group.db_parameter_group_family().unwrap_or_default()),
            parameters: Some(set.map(|(name, value)| (name, value.into())).collect()),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("DBParameterGroupName", live.group.db_parameter_group_name()),
            ("DBParameterGroupArn", live.group.db_parameter_group_arn()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        // There is no filter, and a name that is not there is a fault. An account has some dozens at most.
        let pages = cx.rds.describe_db_parameter_groups().into_paginator().page_size(100);
        let groups = collect(pages.items().send()).await?;
        let names = rds::names(wanted);
        let wanted = groups.into_iter().filter(|group| {
            group.db_parameter_group_name().is_some_and(|name| names.contains(name))
        });
        let arn = |group: &DbParameterGroup| group.db_parameter_group_arn.clone();
        let found = tagging::indexed(cx, wanted.collect(), arn).await?.into_iter();
        Ok(found.map(|(group, tags)| Live { group, parameters: Vec::new(), tags }).collect())
    }

    /// Parameters and tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, tags: indexed, .. } = live;
        let parameters = async {
            if !compared.has("Parameters") {
                return Ok(Some(Vec::new()));
            }
            let set = cx
                .rds
                .describe_db_parameters()
                .set_db_parameter_group_name(group.db_parameter_group_name.clone())
                .source("user");
            present(collect(set.into_paginator().page_size(100).items().send()).await)
        };
        let ask = rds::tags_of(cx, group.db_parameter_group_arn());
        let tags = tagging::confirmed(indexed, &compared, ask);
        let (parameters, tags) = futures::try_join!(parameters, tags)?;
        Ok(parameters.zip(tags).map(|(parameters, tags)| Live { group, parameters, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.rds
            .create_db_parameter_group()
            .db_parameter_group_name(&*spec.name)
            .db_parameter_group_family(&*spec.family)
            .description(&spec.description)
            .set_tags(rds::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&*spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("Parameters") {
            let change = change(update.from.parameters.as_ref(), update.to.parameters.as_ref());
            let dynamic = dynamic(cx, id).await?;
            for batch in change.set.chunks(PARAMETERS_MAX) {
                let parameters = batch.iter().map(|(name, value)| {
                    parameter(name, &dynamic).parameter_value(value.0.as_str()).build()
                });
                cx.rds
                    .modify_db_parameter_group()
                    .db_parameter_group_name(id.as_str())
                    .set_parameters(Some(parameters.collect()))
                    .send()
                    .await?;
            }
            for batch in change.reset.chunks(PARAMETERS_MAX) {
                let parameters = batch.iter().map(|name| parameter(name, &dynamic).build());
                cx.rds
                    .reset_db_parameter_group()
                    .db_parameter_group_name(id.as_str())
                    .set_parameters(Some(parameters.collect()))
                    .send()
                    .await?;
            }
        }
        if update.has("Tags") {
            let arn = rds::arn(cx, "pg", id.as_str()).await?;
            rds::retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.rds.delete_db_parameter_group().db_parameter_group_name(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let uses = |it: &DbInstance| {
            it.db_parameter_groups()
                .iter()
                .any(|group| group.db_parameter_group_name() == Some(id.as_str()))
        };
        rds::users(cx, uses, "uses the parameter group").await
    }
}

/// What an update sends, in the order of the names.
#[derive(Debug, PartialEq)]
struct Change<'a> {
    set: Vec<(&'a str, &'a Text)>,
    reset: Vec<&'a str>,
}

fn change<'a>(
    from: Option<&'a BTreeMap<String, Text>>,
    to: Option<&'a BTreeMap<String, Text>>,
) -> Change<'a> {
    let pairs = |parameters: Option<&'a BTreeMap<String, Text>>| parameters.into_iter().flatten();
    let value = |side: Option<&'a BTreeMap<String, Text>>, name: &str| side?.get(name);
    let set = pairs(to).filter(|(name, wanted)| value(from, name) != Some(wanted));
    let reset = pairs(from).filter(|(name, _)| value(to, name).is_none());
    Change {
        set: set.map(|(name, wanted)| (name.as_str(), wanted)).collect(),
        reset: reset.map(|(name, _)| name.as_str()).collect(),
    }
}

/// The names of the parameters that take effect without a restart. Only the list of all parameters tells.
async fn dynamic(cx: &Cx, id: &PhysicalId) -> Result<BTreeSet<String>, Fault> {
    let all = cx.rds.describe_db_parameters().db_parameter_group_name(id.as_str());
    let all = collect(all.into_paginator().page_size(100).items().send()).await?;
    let dynamic = all.into_iter().filter(|parameter| parameter.apply_type() == Some("dynamic"));
    Ok(dynamic.filter_map(|parameter| parameter.parameter_name).collect())
}

fn parameter(
    name: &str,
    dynamic: &BTreeSet<String>,
) -> aws_sdk_rds::types::builders::ParameterBuilder {
    // RDS refuses `immediate` for static parameters.
    let method =
        if dynamic.contains(name) { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
    Parameter::builder().parameter_name(name).apply_method(method)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> BTreeMap<String, Text> {
        pairs.iter().map(|&(name, value)| (name.into(), value.into())).collect()
    }

    #[test]
    fn a_live_group_is_seen_in_full() {
        let group = DbParameterGroup::builder()
            .db_parameter_group_name("orders-postgres18")
            .db_parameter_group_family("postgres18")
            .description("orders");
        let set = Parameter::builder().parameter_name("max_connections").parameter_value("200");
        let live =
            Live { group: group.build(), parameters: vec![set.build()], tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(ParameterGroup::spec(&live)).unwrap(),
            json!({
                "DBParameterGroupName": "orders-postgres18", "Description": "orders",
                "Family": "postgres18", "Parameters": {"max_connections": "200"}, "Tags": [],
            })
        );
    }

    #[test]
    fn parameters_may_be_written_as_numbers() {
        let spec = json!({
            "DBParameterGroupName": "a", "Description": "b", "Family": "postgres18",
            "Parameters": {"max_connections": 200},
        });
        let spec: Spec = serde_json::from_value(spec).unwrap();
        assert_eq!(spec.parameters, Some(parameters(&[("max_connections", "200")])));
    }

    #[test]
    fn a_change_sets_what_differs_and_resets_what_is_gone() {
        let from = parameters(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let to = parameters(&[("a", "1"), ("b", "2"), ("d", "1")]);
        let change = change(Some(&from), Some(&to));
        assert_eq!(change.set, [("b", &"2".into()), ("d", &"1".into())]);
        assert_eq!(change.reset, ["c"]);
    }

    #[test]
    fn only_dynamic_parameters_are_applied_at_once() {
        let dynamic = BTreeSet::from(["work_mem".to_owned()]);
        let method = |name| parameter(name, &dynamic).build().apply_method;
        assert_eq!(method("work_mem"), Some(ApplyMethod::Immediate));
        assert_eq!(method("shared_buffers"), Some(ApplyMethod::PendingReboot));
    }
}
