//! `AWS::ElasticLoadBalancingV2::ListenerRule`

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{self, RulePriorityPair};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::elbv2_action::{self, Action};
use super::elbv2_condition::{self, Condition};
use super::elbv2_transform::{self, Transform};
use super::reply::{gone, present};
use super::scalar::Number;
use super::{elbv2, tagging};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct ListenerRule;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    actions: Vec<Action>,
    conditions: Vec<Condition>,
    listener_arn: String,
    priority: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transforms: Option<Vec<Transform>>,
}

#[derive(Debug)]
pub struct Live {
    rule: types::Rule,
    tags: Tags,
}

impl Kind for ListenerRule {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElasticLoadBalancingV2::ListenerRule";
    const DOC: &'static str = "What becomes of those requests to a listener that meet its conditions. \
        It is there at once. Of all rules that match, the one with the lowest priority number counts. \
        A priority has one rule: a new rule waits until the one that has it is moved or gone, and rules of one stack \
        change places. \
        Nothing blocks its deletion; it goes with its listener.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "Actions",
            "What becomes of a request; the last action answers or forwards it.",
        ),
        Field::updates("Conditions", "What a request must be like, all of it.").set(),
        Field::replaces("ListenerArn", "The listener, of an application load balancer."),
        Field::updates("Priority", "Its place among the listener's rules, 1 to 50000."),
        TAGS,
        Field::updates("Transforms", "What is rewritten before a request is forwarded.").set(),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("RuleArn", "The ARN of the rule."),
        Output::with_id("IsDefault", "Whether it is the listener's default rule: `false`."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.rule.rule_arn().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let rule = &live.rule;
        Spec {
            actions: elbv2_action::from_wire(rule.actions()),
            conditions: elbv2_condition::from_wire(rule.conditions()),
            listener_arn: listener_of(rule.rule_arn().unwrap_or_default()).unwrap_or_default(),
            priority: priority(rule).unwrap_or(Number(0)),
            tags: Some(live.tags.clone()),
            transforms: Some(elbv2_transform::from_wire(rule.transforms())),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        let is_default = live.rule.is_default.unwrap_or_default().to_string();
        outputs([("RuleArn", live.rule.rule_arn()), ("IsDefault", Some(&is_default))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        // The types of its ARNs have a part for the sort of load balancer: what is no rule is sorted out by its ARN.
        let owned = tagging::owned(cx, "elasticloadbalancing", wanted).await?;
        let ids = wanted.iter().filter_map(Lookup::id).map(str::to_owned);
        let arns: BTreeSet<String> = owned.into_iter().chain(ids).collect();
        // A call for each listener: one for many rules, which a missing one does not make fail.
        let listeners: BTreeSet<String> = arns.iter().filter_map(|arn| listener_of(arn)).collect();
        let listed = try_join_all(listeners.iter().map(|listener| rules(cx, listener))).await?;
        let is_wanted = |rule: &types::Rule| rule.rule_arn().is_some_and(|arn| arns.contains(arn));
        let found: Vec<_> = listed.into_iter().flatten().filter(is_wanted).collect();
        let found_arns: Vec<_> = found.iter().filter_map(|rule| rule.rule_arn.clone()).collect();
        let mut tags = elbv2::tags_of(cx, &found_arns).await?;
        let live = |rule: types::Rule| {
            let tags = tags.remove(rule.rule_arn()?)?;
            Some(Live { rule, tags })
        };
        Ok(found.into_iter().filter_map(live).collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let made = cx
            .elb
            .create_rule()
            .listener_arn(&spec.listener_arn)
            .priority(spec.priority.into())
            .set_conditions(Some(elbv2_condition::to_wire(&spec.conditions)))
            .set_actions(Some(elbv2_action::to_wire(&spec.actions)))
            .set_transforms(spec.transforms.as_deref().map(elbv2_transform::to_wire))
            .set_tags(elbv2::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        let arn = made.rules.into_iter().flatten().next().and_then(|rule| rule.rule_arn);
        Ok(PhysicalId::new(arn.required("rule ARN")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let (arn, to) = (id.as_str(), update.to);
        if ["Actions", "Conditions", "Transforms"].iter().any(|row| update.has(row)) {
            let actions = update.has("Actions").then(|| elbv2_action::to_wire(&to.actions));
            let conditions =
                update.has("Conditions").then(|| elbv2_condition::to_wire(&to.conditions));
            let transforms = to.transforms.as_deref().filter(|_| update.has("Transforms"));
            let reset = transforms.is_some_and(<[_]>::is_empty);
            cx.elb
                .modify_rule()
                .rule_arn(arn)
                .set_actions(actions)
                .set_conditions(conditions)
                .set_transforms(transforms.filter(|_| !reset).map(elbv2_transform::to_wire))
                // An empty list changes nothing.
                .set_reset_transforms(reset.then_some(true))
                .send()
                .await?;
        }
        if update.has("Priority") {
            prioritize(cx, arn, to).await?;
        }
        if update.has("Tags") {
            elbv2::retag(cx, arn, tags::change_of(&update.from.tags, &to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.elb.delete_rule().rule_arn(id.as_str()).send().await)
    }
}

/// The largest page of rules.
const PAGE_MAX: i32 = 400;

/// The listener of a rule, of which a rule's ARN is made:
/// `arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/shop/50dc/0467/1291`.
fn listener_of(rule_arn: &str) -> Option<String> {
    let (listener, _) = rule_arn.rsplit_once('/')?;
    let (service, path) = listener.split_once(":listener-rule/")?;
    Some(format!("{service}:listener/{path}"))
}

/// The default rule has a word instead of a number.
fn priority(rule: &types::Rule) -> Option<Number> {
    rule.priority()?.parse().ok().map(Number)
}

/// The rules of a listener; none if it is not there.
async fn rules(cx: &Cx, listener: &str) -> Result<Vec<types::Rule>, Fault> {
    let (mut listed, mut marker) = (Vec::new(), None);
    loop {
        let ask = cx.elb.describe_rules().listener_arn(listener).page_size(PAGE_MAX);
        let Some(page) = present(ask.set_marker(marker).send().await)? else {
            return Ok(Vec::new());
        };
        listed.extend(page.rules.into_iter().flatten());
        if page.next_marker.is_none() {
            return Ok(listed);
        }
        marker = page.next_marker;
    }
}

/// Gives a rule its priority. A rule of the same stack that has it takes ours instead, in the same call: neither could
/// move first, and if both are to be moved, the other one follows to where it belongs.
async fn prioritize(cx: &Cx, arn: &str, to: &Spec) -> Result<(), Fault> {
    let refusal = match reorder(cx, vec![pair(arn, to.priority)]).await {
        Err(fault) if fault.is(Class::InUse) => fault,
        answer => return answer,
    };
    let rules = rules(cx, &to.listener_arn).await?;
    let find = |is: &dyn Fn(&types::Rule) -> bool| rules.iter().find(|rule| is(rule));
    let mine = find(&|rule| rule.rule_arn() == Some(arn)).and_then(priority);
    let other = find(&|rule| priority(rule) == Some(to.priority)).and_then(types::Rule::rule_arn);
    let (Some(mine), Some(other)) = (mine, other) else { return Err(refusal) };
    if other == arn {
        return Ok(());
    }
    let stack = |tags: Option<&Tags>| tags.and_then(|tags| tags::owner(&tags.0)).map(|it| it.stack);
    let tags = elbv2::tags_of(cx, &[arn.to_owned(), other.to_owned()]).await?;
    let ours = stack(tags.get(arn));
    if ours.is_none() || ours != stack(tags.get(other)) {
        return Err(refusal);
    }
    reorder(cx, vec![pair(arn, to.priority), pair(other, mine)]).await
}

fn pair(arn: &str, priority: Number) -> RulePriorityPair {
    RulePriorityPair::builder().rule_arn(arn).priority(priority.into()).build()
}

async fn reorder(cx: &Cx, priorities: Vec<RulePriorityPair>) -> Result<(), Fault> {
    cx.elb.set_rule_priorities().set_rule_priorities(Some(priorities)).send().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const RULE: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:1:listener-rule/app/shop/50dc/0467/1291";
    const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-west-1:1:listener/app/shop/50dc/0467";

    #[test]
    fn a_rule_tells_its_listener() {
        assert_eq!(listener_of(RULE).as_deref(), Some(LISTENER));
        assert_eq!(listener_of(LISTENER), None);
        assert_eq!(listener_of("shop"), None);
    }

    #[test]
    fn a_live_rule_is_seen_in_full() {
        let response = types::FixedResponseActionConfig::builder().status_code("404").build();
        let action = types::Action::builder()
            .r#type(types::ActionTypeEnum::FixedResponse)
            .fixed_response_config(response);
        let condition = types::RuleCondition::builder().field("path-pattern").values("/api/*");
        let rule = types::Rule::builder()
            .rule_arn(RULE)
            .priority("20")
            .is_default(false)
            .conditions(condition.build())
            .actions(action.build());
        let live = Live { rule: rule.build(), tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(ListenerRule::spec(&live)).unwrap(),
            json!({
                "Actions":
                    [{"FixedResponseConfig": {"StatusCode": "404"}, "Type": "fixed-response"}],
                "Conditions": [{
                    "Field": "path-pattern", "PathPatternConfig": {"Values": ["/api/*"]},
                    "Values": ["/api/*"],
                }],
                "ListenerArn": LISTENER, "Priority": 20, "Tags": [], "Transforms": [],
            })
        );
        assert_eq!(ListenerRule::id(&live), PhysicalId::new(RULE));
        assert_eq!(ListenerRule::outputs(&live)["IsDefault"], "false");
    }
}
