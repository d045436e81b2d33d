//! `AWS::Config::ConfigRule`

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_config::types::{
    self, ConfigRule as SdkRule, ConfigRuleState, EvaluationMode, EvaluationModeConfiguration,
    EventSource, MaximumExecutionFrequency, MessageType,
};
use futures::try_join;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::config::{retag, tag_list, tags_of};
use super::document;
use super::reply::{collect, gone, present};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct ConfigRule;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    config_rule_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluation_modes: Option<Vec<Mode>>,
    #[serde(default, deserialize_with = "parameters", skip_serializing_if = "Option::is_none")]
    input_parameters: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_execution_frequency: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Mode {
    mode: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Scope {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compliance_resource_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compliance_resource_types: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag_value: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
struct Source {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_policy_details: Option<CustomPolicyDetails>,
    owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_details: Option<BTreeSet<SourceDetail>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_identifier: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CustomPolicyDetails {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    enable_debug_log_delivery: Option<bool>,
    policy_runtime: String,
    policy_text: String,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SourceDetail {
    event_source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    maximum_execution_frequency: Option<String>,
    message_type: String,
}

#[derive(Debug)]
pub struct Live {
    rule: SdkRule,
    compliance: String,
    /// The text of a rule that is a policy.
    policy: Option<String>,
    tags: Tags,
}

impl Kind for ConfigRule {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::Config::ConfigRule";
    const DOC: &'static str = "Judges recorded resources: by a rule that AWS manages, by a function, or by a policy. \
        The recorder must be there before. It is there at once and judges soon after. \
        A function must let AWS Config invoke it; a fresh permission is waited for some minutes. \
        Nothing blocks its deletion, which takes the results along and some seconds. \
        `Tags` are of the API; CloudFormation's type has none.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("ConfigRuleName", "Its name, unique in the account and region."),
        Field::updates("Description", "What it is for."),
        Field::updates("EvaluationModes", "`DETECTIVE`, `PROACTIVE` or both.").set(),
        Field::updates("InputParameters", "What the rule is given, as JSON; values are texts.")
            .document(),
        Field::updates("MaximumExecutionFrequency", "How often it runs: `One_Hour` and so on."),
        Field::updates("Scope", "Which resources it judges."),
        Field::updates("Source", "Who owns it, what judges, and when."),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the rule."),
        Output::with_id("Compliance.Type", "`COMPLIANT`, `NON_COMPLIANT` or `INSUFFICIENT_DATA`."),
        Output::with_id("ConfigRuleId", "The id that AWS Config gave it."),
        Output::with_id("ConfigRuleName", "The name of the rule."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 3, 10);
    /// As many names as one call takes.
    const READ_MAX: usize = 25;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.rule.config_rule_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let rule = &live.rule;
        let mode = |it: &EvaluationModeConfiguration| Some(Mode { mode: it.mode()?.to_string() });
        let frequency = rule.maximum_execution_frequency();
        Spec {
            config_rule_name: rule.config_rule_name().unwrap_or_default().into(),
            description: Some(rule.description().unwrap_or_default().into()),
            evaluation_modes: Some(rule.evaluation_modes().iter().filter_map(mode).collect()),
            input_parameters: rule.input_parameters().map(document::from_text),
            maximum_execution_frequency: frequency.map(ToString::to_string),
            scope: rule.scope().map(Into::into),
            source: source(rule.source(), live.policy.as_deref()),
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Arn", live.rule.config_rule_arn()),
            ("Compliance.Type", Some(&live.compliance)),
            ("ConfigRuleId", live.rule.config_rule_id()),
            ("ConfigRuleName", live.rule.config_rule_name()),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.rule.config_rule_state() {
            Some(ConfigRuleState::Deleting) => Readiness::Deleting,
            Some(ConfigRuleState::DeletingResults) => Readiness::Pending("DELETING_RESULTS".into()),
            _ => Readiness::Ready,
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.config_rule_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let rules = find(cx, &wanted.iter().filter_map(Lookup::id).collect()).await?;
        let names = rules.iter().filter_map(|rule| rule.config_rule_name.clone()).collect();
        let found = tagging::indexed(cx, rules, |rule| rule.config_rule_arn.clone());
        let (found, mut compliance) = try_join!(found, compliance_of(cx, names))?;
        let live = |(rule, tags): (SdkRule, _)| {
            let compliance = compliance.remove(rule.config_rule_name().unwrap_or_default());
            let compliance = compliance.unwrap_or_else(|| UNJUDGED.to_owned());
            Live { rule, compliance, policy: None, tags }
        };
        Ok(found.into_iter().map(live).collect())
    }

    /// Tags and the text of a policy are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { rule, compliance, tags: indexed, .. } = live;
        let arn = rule.config_rule_arn.clone().required("rule ARN")?;
        let tags =
            tagging::confirmed(indexed, &compared, async { present(tags_of(cx, arn).await) });
        let is_policy = rule.source().is_some_and(|it| it.owner == types::Owner::CustomPolicy);
        let policy = async {
            if !is_policy || !compared.has("Source") {
                return Ok(None);
            }
            let ask = cx.config.get_custom_rule_policy();
            present(ask.set_config_rule_name(rule.config_rule_name.clone()).send().await)
        };
        let (tags, policy) = try_join!(tags, policy)?;
        let policy = policy.and_then(|reply| reply.policy_text);
        Ok(tags.map(|tags| Live { rule, compliance, policy, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.config
            .put_config_rule()
            .config_rule(wanted(spec, SdkRule::builder().build())?)
            .set_tags(tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&spec.config_rule_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some(now) = find(cx, &BTreeSet::from([id.as_str()])).await?.pop() else {
            return Err(Fault::new(Class::NotFound, format!("there is no rule `{id}`")));
        };
        let arn = now.config_rule_arn.clone().required("rule ARN")?;
        if update.changed.iter().any(|&row| row != TAGS.path) {
            let put = cx.config.put_config_rule().config_rule(wanted(update.to, now)?);
            put.send().await?;
        }
        if update.has("Tags") {
            retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let there = find(cx, &BTreeSet::from([id.as_str()])).await?;
        // One that is on its way out refuses to be deleted again.
        if there.iter().all(|rule| rule.config_rule_state() == Some(&ConfigRuleState::Deleting)) {
            return Ok(());
        }
        gone(cx.config.delete_config_rule().config_rule_name(id.as_str()).send().await)
    }
}

/// The rules of those names that exist.
async fn find(cx: &Cx, names: &BTreeSet<&str>) -> Result<Vec<SdkRule>, Fault> {
    // Without names the call means all rules.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let asked = names.iter().map(|&name| name.into()).collect();
    let describe = cx.config.describe_config_rules();
    let pages = describe.clone().set_config_rule_names(Some(asked)).into_paginator();
    let rules = match present(collect(pages.items().send()).await)? {
        Some(rules) => rules,
        // One name that is not there fails the call for all: then all rules are listed.
        None if names.len() > 1 => collect(describe.into_paginator().items().send()).await?,
        None => Vec::new(),
    };
    let asked = |rule: &SdkRule| rule.config_rule_name().is_some_and(|name| names.contains(name));
    Ok(rules.into_iter().filter(asked).collect())
}

/// How the rules of those names judge, by name. A rule that went away meanwhile fails the call: nothing is known then.
async fn compliance_of(cx: &Cx, names: Vec<String>) -> Result<BTreeMap<String, String>, Fault> {
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ask = cx.config.describe_compliance_by_config_rule().set_config_rule_names(Some(names));
    let found = present(collect(ask.into_paginator().items().send()).await)?.unwrap_or_default();
    let compliance = found.into_iter().filter_map(|found| {
        let kind = found.compliance?.compliance_type?;
        Some((found.config_rule_name?, kind.to_string()))
    });
    Ok(compliance.collect())
}

/// The compliance of a rule that has not judged yet.
const UNJUDGED: &str = "INSUFFICIENT_DATA";

/// The rule as `spec` wants it. The call replaces everything: what the spec leaves open stays as it is `now`.
fn wanted(spec: &Spec, now: SdkRule) -> Result<SdkRule, Fault> {
    let modes = spec.evaluation_modes.as_ref().map(|modes| {
        let mode = |it: &Mode| {
            let mode = EvaluationMode::from(it.mode.as_str());
            EvaluationModeConfiguration::builder().mode(mode).build()
        };
        modes.iter().map(mode).collect()
    });
    let frequency = spec.maximum_execution_frequency.as_deref();
    let source =
        spec.source.to_sdk().map_err(|error| Fault::new(Class::Invalid, error.to_string()))?;
    Ok(SdkRule::builder()
        .config_rule_name(&spec.config_rule_name)
        .set_description(spec.description.clone().or(now.description))
        .set_evaluation_modes(modes.or(now.evaluation_modes))
        .set_input_parameters(
            spec.input_parameters.as_ref().map(document::to_text).or(now.input_parameters),
        )
        .set_maximum_execution_frequency(
            frequency.map(MaximumExecutionFrequency::from).or(now.maximum_execution_frequency),
        )
        .set_scope(spec.scope.as_ref().map(Into::into).or(now.scope))
        .source(source)
        .build())
}

/// Parameters are an object or its text; numbers and booleans in it are sent as texts, as AWS Config wants them.
fn parameters<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    let mut parameters = document::deserialize(deserializer)?;
    if let Some(members) = parameters.as_object_mut() {
        for value in members.values_mut().filter(|value| value.is_number() || value.is_boolean()) {
            *value = value.to_string().into();
        }
    }
    Ok(Some(parameters))
}

fn source(source: Option<&types::Source>, policy: Option<&str>) -> Source {
    let detail = |it: &types::SourceDetail| {
        Some(SourceDetail {
            event_source: it.event_source()?.to_string(),
            maximum_execution_frequency: it.maximum_execution_frequency().map(ToString::to_string),
            message_type: it.message_type()?.to_string(),
        })
    };
    let details = source.map(types::Source::source_details).unwrap_or_default();
    let custom = source.and_then(types::Source::custom_policy_details);
    Source {
        custom_policy_details: custom.map(|it| CustomPolicyDetails {
            enable_debug_log_delivery: Some(it.enable_debug_log_delivery),
            policy_runtime: it.policy_runtime.clone(),
            policy_text: policy.unwrap_or(&it.policy_text).into(),
        }),
        owner: source.map(|it| it.owner.to_string()).unwrap_or_default(),
        source_details: Some(details.iter().filter_map(detail).collect()),
        source_identifier: source.and_then(|it| it.source_identifier.clone()),
    }
}

impl Source {
    fn to_sdk(&self) -> Result<types::Source, aws_sdk_config::error::BuildError> {
        let detail = |it: &SourceDetail| {
            let frequency = it.maximum_execution_frequency.as_deref();
            types::SourceDetail::builder()
                .event_source(EventSource::from(it.event_source.as_str()))
                .message_type(MessageType::from(it.message_type.as_str()))
                .set_maximum_execution_frequency(frequency.map(MaximumExecutionFrequency::from))
                .build()
        };
        let custom = self.custom_policy_details.as_ref().map(|it| {
            types::CustomPolicyDetails::builder()
                .policy_runtime(&it.policy_runtime)
                .policy_text(&it.policy_text)
                .set_enable_debug_log_delivery(it.enable_debug_log_delivery)
                .build()
        });
        let details = self.source_details.as_ref();
        types::Source::builder()
            .owner(types::Owner::from(self.owner.as_str()))
            .set_source_identifier(self.source_identifier.clone())
            .set_source_details(details.map(|all| all.iter().map(detail).collect()))
            .set_custom_policy_details(custom.transpose()?)
            .build()
    }
}

impl From<&types::Scope> for Scope {
    fn from(scope: &types::Scope) -> Self {
        Self {
            compliance_resource_id: scope.compliance_resource_id.clone(),
            compliance_resource_types: Some(
                scope.compliance_resource_types().iter().cloned().collect(),
            ),
            tag_key: scope.tag_key.clone(),
            tag_value: scope.tag_value.clone(),
        }
    }
}

impl From<&Scope> for types::Scope {
    fn from(scope: &Scope) -> Self {
        let kinds = scope.compliance_resource_types.as_ref();
        Self::builder()
            .set_compliance_resource_id(scope.compliance_resource_id.clone())
            .set_compliance_resource_types(kinds.map(|all| all.iter().cloned().collect()))
            .set_tag_key(scope.tag_key.clone())
            .set_tag_value(scope.tag_value.clone())
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    fn seen(asked: &Value, policy: Option<&str>) -> Value {
        let spec: Spec = from_value(asked.clone()).unwrap();
        let live = Live {
            rule: wanted(&spec, SdkRule::builder().build()).unwrap(),
            compliance: UNJUDGED.into(),
            policy: policy.map(Into::into),
            tags: Tags::default(),
        };
        assert_eq!(ConfigRule::natural_id(&spec), Some(ConfigRule::id(&live)));
        to_value(ConfigRule::spec(&live)).unwrap()
    }

    #[test]
    fn what_is_asked_for_is_what_is_seen() {
        let managed = json!({
            "ConfigRuleName": "keys", "Description": "", "EvaluationModes": [{"Mode": "DETECTIVE"}],
            "InputParameters": {"maxAccessKeyAge": "90"},
            "MaximumExecutionFrequency": "TwentyFour_Hours",
            "Scope": {"ComplianceResourceTypes": ["AWS::IAM::User"]},
            "Source": {
                "Owner": "AWS", "SourceDetails": [], "SourceIdentifier": "ACCESS_KEYS_ROTATED",
            },
            "Tags": [],
        });
        assert_eq!(seen(&managed, None), managed);
        let policy = json!({
            "ConfigRuleName": "guard", "Description": "", "EvaluationModes": [],
            "Source": {
                "CustomPolicyDetails": {
                    "EnableDebugLogDelivery": false, "PolicyRuntime": "guard-2.x.x",
                    "PolicyText": "rule a { true }",
                },
                "Owner": "CUSTOM_POLICY",
                "SourceDetails": [{
                    "EventSource": "aws.config",
                    "MessageType": "ConfigurationItemChangeNotification",
                }],
            },
            "Tags": [],
        });
        assert_eq!(seen(&policy, Some("rule a { true }")), policy);
    }

    #[test]
    fn parameters_are_texts_in_a_document() {
        let spec = |parameters: Value| -> Spec {
            from_value(json!({
                "ConfigRuleName": "a", "InputParameters": parameters,
                "Source": {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": "arn:f"},
            }))
            .unwrap()
        };
        let canonical = Some(json!({"age": "90", "strict": "true"}));
        assert_eq!(spec(json!({"age": 90, "strict": true})).input_parameters, canonical);
        assert_eq!(spec(json!(r#"{"age": "90", "strict": true}"#)).input_parameters, canonical);
    }

    #[test]
    fn a_rule_on_its_way_out_counts_as_such() {
        let readiness = |state| {
            let rule = SdkRule::builder().config_rule_state(state).build();
            let (compliance, tags) = (UNJUDGED.into(), Tags::default());
            ConfigRule::readiness(&Live { rule, compliance, policy: None, tags })
        };
        assert_eq!(readiness(ConfigRuleState::Evaluating), Readiness::Ready);
        assert_eq!(readiness(ConfigRuleState::Deleting), Readiness::Deleting);
    }
}
