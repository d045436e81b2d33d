//! `AWS::Events::Rule`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eventbridge::operation::list_rules::builders::ListRulesFluentBuilder;
use aws_sdk_eventbridge::types::{self, RuleState, Tag};
use aws_smithy_types::error::operation::BuildError;
use futures::future::try_join_all;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::events_target::Target;
use super::reply::{gone, present};
use super::{document, prefix, tagging};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::aws_fault;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Call, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Rule;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, deserialize_with = "bus", skip_serializing_if = "Option::is_none")]
    event_bus_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_pattern: Option<Value>,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<Target>>,
}

#[derive(Debug)]
pub struct Live {
    rule: types::Rule,
    targets: Option<Vec<types::Target>>,
    tags: Tags,
}

impl Kind for Rule {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Events::Rule";
    const DOC: &'static str = "Sends events that match a pattern, or that a schedule makes, to targets. \
        It stands at once; EventBridge needs up to a minute until events follow a change. \
        A target must let EventBridge in: by its own policy, or by `RoleArn`. \
        Nothing blocks its deletion; its targets are removed first. \
        A rule is found by the name of its bus and its own.";
    const FIELDS: &'static [Field] = &[
        Field::updates("Description", "What the rule is for."),
        Field::replaces("EventBusName", "The name or ARN of its bus; `default` without."),
        Field::updates("EventPattern", "Which events it is about.").document(),
        Field::replaces("Name", "Its name, unique on the bus."),
        Field::updates("RoleArn", "The role that targets are called with."),
        Field::updates(
            "ScheduleExpression",
            "When it makes events: `rate(5 minutes)`, `cron(...)`.",
        ),
        Field::updates(
            "State",
            "`ENABLED`, `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.",
        ),
        TAGS,
        Field::updates("Targets", "Who gets the events, each under an `Id` of its own.")
            .set()
            .late(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the rule."),
        Output::with_id("Name", "The name of the rule."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        key(live.rule.event_bus_name(), live.rule.name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let rule = &live.rule;
        Spec {
            description: Some(rule.description().unwrap_or_default().into()),
            event_bus_name: Some(bus_name(rule.event_bus_name().unwrap_or(DEFAULT_BUS)).into()),
            event_pattern: rule.event_pattern().map(document::from_text),
            name: rule.name().unwrap_or_default().into(),
            role_arn: rule.role_arn.clone(),
            schedule_expression: rule.schedule_expression.clone(),
            state: rule.state().map(|state| state.as_str().into()),
            tags: Some(live.tags.clone()),
            targets: live.targets.as_ref().map(|all| all.iter().map(Target::of).collect()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Arn", live.rule.arn()), ("Name", live.rule.name())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(key(spec.event_bus_name.as_deref(), &spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let rules = find(cx, wanted).await?;
        let found = tagging::indexed(cx, rules, |rule| rule.arn.clone()).await?.into_iter();
        Ok(found.map(|(rule, tags)| Live { rule, targets: None, tags }).collect())
    }

    /// Targets and tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { rule, tags: indexed, .. } = live;
        let targets = async {
            if !compared.has("Targets") {
                return Ok(Some(None));
            }
            let (bus, name) = (rule.event_bus_name(), rule.name().unwrap_or_default());
            Ok::<_, Fault>(targets(cx, bus, name).await?.map(Some))
        };
        let tags = tagging::confirmed(indexed, &compared, async {
            let ask = cx.events.list_tags_for_resource().set_resource_arn(rule.arn.clone());
            let tags = present(ask.send().await)?.map(|reply| reply.tags.unwrap_or_default());
            Ok(tags.map(|tags| Tags::read(tags.into_iter().map(|tag| (tag.key, tag.value)))))
        });
        let (targets, tags) = futures::try_join!(targets, tags)?;
        Ok(targets.zip(tags).map(|(targets, tags)| Live { rule, targets, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let tags = spec.tags.as_ref().map(|tags| tag_list(&tags.0)).transpose();
        put(cx, spec, spec, tags.map_err(incomplete)?).await?;
        Ok(key(spec.event_bus_name.as_deref(), &spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Update { from, to, changed } = update;
        if changed.iter().any(|row| !["Tags", "Targets"].contains(row)) {
            put(cx, to, from, None).await?;
        }
        if update.has("Targets") {
            let none = Vec::new();
            let to = to.targets.as_ref().unwrap_or(&none);
            retarget(cx, id, from.targets.as_ref().unwrap_or(&none), to).await?;
        }
        if update.has("Tags") {
            retag(cx, id, tags::change_of(&from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let (bus, name) = parts(id);
        let Some(targets) = targets(cx, Some(bus), name).await? else { return Ok(()) };
        remove(cx, id, targets.into_iter().map(|target| target.id).collect()).await?;
        gone(cx.events.delete_rule().event_bus_name(bus).name(name).send().await)
    }
}

/// Targets that one call puts or removes.
const TARGETS_MAX: usize = 10;
const DEFAULT_BUS: &str = "default";

fn key(bus: Option<&str>, name: &str) -> PhysicalId {
    PhysicalId::joined([bus_name(bus.unwrap_or(DEFAULT_BUS)), name])
}

/// A bus may be named by its ARN.
fn bus_name(bus: &str) -> &str {
    bus.split_once(":event-bus/").map_or(bus, |(_, name)| name)
}

fn bus<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(|bus| Some(bus_name(&bus).into()))
}

fn parts(id: &PhysicalId) -> (&str, &str) {
    id.as_str().rsplit_once('|').unwrap_or((DEFAULT_BUS, id.as_str()))
}

/// Those of the rules that exist: a list for each bus, of what begins like the rules that are asked for.
async fn find(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::Rule>, Fault> {
    let mut buses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for lookup in wanted {
        if let Lookup::Id(id) = lookup {
            let (bus, name) = parts(id);
            buses.entry(bus).or_default().insert(name);
        }
    }
    let lists = buses.into_iter().map(|(bus, names)| async move {
        let list = cx.events.list_rules().event_bus_name(bus);
        let list = list.set_name_prefix(prefix::common(names.iter().copied()));
        // Rules go with their bus.
        let mut rules = present(rules(list).await)?.unwrap_or_default();
        rules.retain(|rule| rule.name().is_some_and(|name| names.contains(name)));
        Ok::<_, Fault>(rules)
    });
    Ok(try_join_all(lists).await?.into_iter().flatten().collect())
}

/// All pages of a list.
async fn rules(list: ListRulesFluentBuilder) -> Result<Vec<types::Rule>, Fault> {
    let (mut rules, mut next) = (Vec::new(), None);
    loop {
        let page = list.clone().set_next_token(next).send().await?;
        rules.extend(page.rules.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(rules);
        }
    }
}

/// The targets of a rule; `None` if it is gone.
async fn targets(
    cx: &Cx,
    bus: Option<&str>,
    name: &str,
) -> Result<Option<Vec<types::Target>>, Fault> {
    let list = cx.events.list_targets_by_rule().rule(name);
    let list = list.set_event_bus_name(bus.map(str::to_owned));
    let (mut targets, mut next) = (Vec::new(), None);
    loop {
        let Some(page) = present(list.clone().set_next_token(next).send().await)? else {
            return Ok(None);
        };
        targets.extend(page.targets.unwrap_or_default());
        next = page.next_token;
        if next.is_none() {
            return Ok(Some(targets));
        }
    }
}

/// Puts the whole rule: what the call leaves out is reset, so what nobody manages is sent as it was in `from`.
async fn put(cx: &Cx, to: &Spec, from: &Spec, tags: Option<Vec<Tag>>) -> Result<(), Fault> {
    let either = |to: &Option<String>, from: &Option<String>| to.clone().or_else(|| from.clone());
    let pattern = to.event_pattern.as_ref().or(from.event_pattern.as_ref());
    let state = either(&to.state, &from.state);
    cx.events
        .put_rule()
        .name(&to.name)
        .set_description(either(&to.description, &from.description))
        .set_event_bus_name(to.event_bus_name.clone())
        .set_event_pattern(pattern.map(document::to_text))
        .set_role_arn(either(&to.role_arn, &from.role_arn))
        .set_schedule_expression(either(&to.schedule_expression, &from.schedule_expression))
        .set_state(state.as_deref().map(RuleState::from))
        .set_tags(tags)
        .send()
        .await?;
    Ok(())
}

/// Removes the targets that are no longer wanted and puts those that differ.
async fn retarget(cx: &Cx, id: &PhysicalId, from: &[Target], to: &[Target]) -> Result<(), Fault> {
    let stays = |target: &Target| to.iter().any(|other| other.id == target.id);
    let gone = from.iter().filter(|target| !stays(target)).map(|target| target.id.clone());
    remove(cx, id, gone.collect()).await?;
    let (bus, name) = parts(id);
    let differs = to.iter().filter(|target| !from.contains(target)).map(Target::wire);
    let differs: Vec<_> = differs.collect::<Result<_, _>>().map_err(incomplete)?;
    for batch in differs.chunks(TARGETS_MAX) {
        let put = cx.events.put_targets().event_bus_name(bus).rule(name);
        let reply = put.set_targets(Some(batch.to_vec())).send().await?;
        let refused = reply.failed_entries().iter().map(|it| (it.error_code(), it.error_message()));
        none_refused("PutTargets", refused)?;
    }
    Ok(())
}

async fn remove(cx: &Cx, id: &PhysicalId, ids: Vec<String>) -> Result<(), Fault> {
    let (bus, name) = parts(id);
    for batch in ids.chunks(TARGETS_MAX) {
        let remove = cx.events.remove_targets().event_bus_name(bus).rule(name);
        let reply = remove.set_ids(Some(batch.to_vec())).send().await?;
        let refused = reply.failed_entries().iter().map(|it| (it.error_code(), it.error_message()));
        none_refused("RemoveTargets", refused)?;
    }
    Ok(())
}

/// These calls succeed although they refuse some of their entries: the first refusal counts.
fn none_refused<'a>(
    action: &str,
    mut refused: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>,
) -> Result<(), Fault> {
    let Some((code, message)) = refused.next() else { return Ok(()) };
    let call = Call { service: "events".into(), action: action.into() };
    Err(aws_fault::refused(call, code.unwrap_or_default(), message.unwrap_or_default()))
}

async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    let (bus, name) = parts(id);
    let path = if bus == DEFAULT_BUS { name.to_owned() } else { format!("{bus}/{name}") };
    let arn = cx.account().await?.arn("events", &cx.region, format_args!("rule/{path}"));
    if !change.set.is_empty() {
        let tags = tag_list(&change.set).map_err(incomplete)?;
        cx.events.tag_resource().resource_arn(&arn).set_tags(Some(tags)).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = Some(change.remove);
        cx.events.untag_resource().resource_arn(&arn).set_tag_keys(keys).send().await?;
    }
    Ok(())
}

fn tag_list<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<Vec<Tag>, BuildError> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// All members that the SDK requires are set above.
fn incomplete(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fault::Class;

    #[test]
    fn a_live_rule_is_seen_in_full() {
        let rule = types::Rule::builder()
            .name("orders")
            .arn("arn:aws:events:eu-west-1:123456789012:rule/shop/orders")
            .event_bus_name("shop")
            .event_pattern(r#"{"source": ["shop"]}"#)
            .state(RuleState::Enabled);
        let target = types::Target::builder().id("queue").arn("arn:queue").build().unwrap();
        let live = Live { rule: rule.build(), targets: Some(vec![target]), tags: Tags::default() };
        assert_eq!(Rule::id(&live), PhysicalId::new("shop|orders"));
        assert_eq!(Rule::natural_id(&Rule::spec(&live)), Some(Rule::id(&live)));
        assert_eq!(
            serde_json::to_value(Rule::spec(&live)).unwrap(),
            json!({
                "Description": "", "EventBusName": "shop", "EventPattern": {"source": ["shop"]},
                "Name": "orders", "State": "ENABLED", "Tags": [],
                "Targets": [{"Arn": "arn:queue", "Id": "queue"}],
            })
        );
    }

    #[test]
    fn a_bus_has_one_name() {
        let arn = "arn:aws:events:eu-west-1:123456789012:event-bus/shop";
        assert_eq!(key(Some(arn), "orders"), key(Some("shop"), "orders"));
        assert_eq!(parts(&key(None, "orders")), ("default", "orders"));
        let partner = "aws.partner/example.com/1";
        assert_eq!(parts(&key(Some(partner), "orders")), (partner, "orders"));
    }

    #[test]
    fn a_refused_entry_is_a_fault() {
        assert_eq!(none_refused("PutTargets", [].into_iter()), Ok(()));
        let refused = [(Some("ConcurrentModificationException"), Some("busy"))].into_iter();
        let fault = none_refused("PutTargets", refused).unwrap_err();
        assert_eq!((fault.class, fault.message.as_str()), (Class::Stale, "busy"));
    }
}
