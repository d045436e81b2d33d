//! `AWS::CloudWatch::Alarm`

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::operation::put_metric_alarm::builders::PutMetricAlarmFluentBuilder;
use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm, StandardUnit, Statistic};
use serde::{Deserialize, Serialize};

use super::cloudwatch::{retag, tag_list, tags_of};
use super::cloudwatch_metric::{
    ActionConfiguration, Dimension, EvaluationCriteria, EvaluationWindow, MetricDataQuery,
    WarmUpConfiguration, dimensions, sdk_dimensions,
};
use super::reply::{collect, gone, present};
use super::scalar::Number;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct Alarm;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    action_configuration: Option<ActionConfiguration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actions_enabled: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_actions: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_description: Option<String>,
    alarm_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    comparison_operator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    datapoints_to_alarm: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dimensions: Option<BTreeSet<Dimension>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluate_low_sample_count_percentile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluation_criteria: Option<EvaluationCriteria>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluation_interval: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluation_periods: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evaluation_window: Option<EvaluationWindow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extended_statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    insufficient_data_actions: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metrics: Option<Vec<MetricDataQuery>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(rename = "OKActions", default, skip_serializing_if = "Option::is_none")]
    ok_actions: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    statistic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    threshold_metric_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    treat_missing_data: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    warm_up_configuration: Option<WarmUpConfiguration>,
}

#[derive(Debug)]
pub struct Live {
    alarm: MetricAlarm,
    tags: Tags,
}

impl Kind for Alarm {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::CloudWatch::Alarm";
    const DOC: &'static str = "Watches a metric, an expression over metrics, or a query, and acts when it leaves its bounds. \
        It is there at once; its state is `INSUFFICIENT_DATA` until there is data, and has no part in readiness. \
        What it watches is named by `MetricName` and its companions, by `Metrics`, or by `EvaluationCriteria`, and is \
        managed as a whole. Deletion is refused while a composite alarm names it.";
    const FIELDS: &'static [Field] = &[
        Field::updates("ActionConfiguration", "Which tags its notifications carry."),
        Field::updates("ActionsEnabled", "Whether it acts at all."),
        Field::updates("AlarmActions", "ARNs of what is told when it goes off.").set(),
        Field::updates("AlarmDescription", "What it means, and what to do."),
        Field::replaces("AlarmName", "Its name, unique in the account and region."),
        Field::updates("ComparisonOperator", "`GreaterThanThreshold` and so on."),
        Field::updates("DatapointsToAlarm", "How many of the periods must be out of bounds."),
        Field::updates("Dimensions", "Which of the metrics of that name.").set(),
        Field::updates("EvaluateLowSampleCountPercentile", "`evaluate` or `ignore`."),
        Field::updates("EvaluationCriteria", "A PromQL query that it watches."),
        Field::updates("EvaluationInterval", "Seconds between two runs of the query."),
        Field::updates("EvaluationPeriods", "How many of the last periods it looks at."),
        Field::updates("EvaluationWindow", "Whether periods slide or begin with the clock."),
        Field::updates("ExtendedStatistic", "A percentile or the like, instead of `Statistic`."),
        Field::updates("InsufficientDataActions", "ARNs of what is told when data is missing.")
            .set(),
        Field::updates("MetricName", "The metric that it watches."),
        Field::updates("Metrics", "Metrics and expressions; it watches the one that returns data.")
            .set(),
        Field::updates("Namespace", "The namespace of the metric: `AWS/EC2`."),
        Field::updates("OKActions", "ARNs of what is told when all is well again.").set(),
        Field::updates("Period", "Seconds over which the statistic is taken."),
        Field::updates("Statistic", "`Average`, `Sum`, `Minimum`, `Maximum` or `SampleCount`."),
        TAGS,
        Field::updates("Threshold", "The bound."),
        Field::updates("ThresholdMetricId", "The id of the anomaly detection band in `Metrics`."),
        Field::updates("TreatMissingData", "`breaching`, `notBreaching`, `ignore` or `missing`."),
        Field::updates("Unit", "The unit of the data points that count."),
        Field::updates("WarmUpConfiguration", "How long it keeps quiet at first."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("AlarmName", "The name of the alarm."),
        Output::with_id("Arn", "The ARN of the alarm."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    /// As many names as one call takes.
    const READ_MAX: usize = 100;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.alarm.alarm_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let alarm = &live.alarm;
        let texts = |texts: &[String]| Some(texts.iter().cloned().collect());
        Spec {
            action_configuration: alarm.action_configuration().map(Into::into),
            actions_enabled: alarm.actions_enabled,
            alarm_actions: texts(alarm.alarm_actions()),
            alarm_description: Some(alarm.alarm_description().unwrap_or_default().into()),
            alarm_name: alarm.alarm_name().unwrap_or_default().into(),
            comparison_operator: alarm.comparison_operator().map(ToString::to_string),
            datapoints_to_alarm: alarm.datapoints_to_alarm.map(Number),
            dimensions: Some(dimensions(alarm.dimensions())),
            evaluate_low_sample_count_percentile: alarm
                .evaluate_low_sample_count_percentile
                .clone(),
            evaluation_criteria: alarm.evaluation_criteria().and_then(EvaluationCriteria::read),
            evaluation_interval: alarm.evaluation_interval.map(Number),
            evaluation_periods: alarm.evaluation_periods.map(Number),
            evaluation_window: alarm.evaluation_window().and_then(EvaluationWindow::read),
            extended_statistic: alarm.extended_statistic.clone(),
            insufficient_data_actions: texts(alarm.insufficient_data_actions()),
            metric_name: alarm.metric_name.clone(),
            metrics: Some(alarm.metrics().iter().map(Into::into).collect()),
            namespace: alarm.namespace.clone(),
            ok_actions: texts(alarm.ok_actions()),
            period: alarm.period.map(Number),
            statistic: alarm.statistic().map(ToString::to_string),
            tags: Some(live.tags.clone()),
            threshold: alarm.threshold,
            threshold_metric_id: alarm.threshold_metric_id.clone(),
            treat_missing_data: Some(alarm.treat_missing_data().unwrap_or("missing").into()),
            unit: alarm.unit().map(ToString::to_string),
            warm_up_configuration: alarm.warm_up_configuration().map(Into::into),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("AlarmName", live.alarm.alarm_name()), ("Arn", live.alarm.alarm_arn())])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.alarm_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = wanted.iter().filter_map(Lookup::id).map(str::to_owned);
        let alarms = find(cx, names.collect()).await?;
        let found = tagging::indexed(cx, alarms, |alarm| alarm.alarm_arn.clone()).await?;
        Ok(found.into_iter().map(|(alarm, tags)| Live { alarm, tags }).collect())
    }

    /// Tags are in no list: a call for each alarm.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { alarm, tags: indexed } = live;
        let arn = alarm.alarm_arn.clone().required("alarm ARN")?;
        let tags =
            tagging::confirmed(indexed, &compared, async { present(tags_of(cx, arn).await) })
                .await?;
        Ok(tags.map(|tags| Live { alarm, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let unset = MetricAlarm::builder().build();
        put(cx, spec, unset).set_tags(tag_list(spec.tags.as_ref())).send().await?;
        Ok(PhysicalId::new(&spec.alarm_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some(now) = find(cx, vec![id.as_str().into()]).await?.pop() else {
            return Err(Fault::new(Class::NotFound, format!("there is no alarm `{id}`")));
        };
        let arn = now.alarm_arn.clone().required("alarm ARN")?;
        if update.changed.iter().any(|&row| row != TAGS.path) {
            put(cx, update.to, now).send().await?;
        }
        if update.has("Tags") {
            retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.cloudwatch.delete_alarms().alarm_names(id.as_str()).send().await)
    }
}

/// The metric alarms of those names that exist.
async fn find(cx: &Cx, names: Vec<String>) -> Result<Vec<MetricAlarm>, Fault> {
    // Without names the call means all alarms.
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let pages = cx.cloudwatch.describe_alarms().set_alarm_names(Some(names)).into_paginator();
    let pages = collect(pages.send()).await?;
    Ok(pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default()).collect())
}

/// The call that makes the alarm as `spec` wants it. It replaces everything: of how the alarm acts, what the spec
/// leaves open stays as it is `now`; what it watches is as the spec says alone, for its parts exclude each other.
fn put(cx: &Cx, spec: &Spec, now: MetricAlarm) -> PutMetricAlarmFluentBuilder {
    let texts = |texts: &Option<BTreeSet<String>>| {
        texts.as_ref().map(|texts| texts.iter().cloned().collect::<Vec<_>>())
    };
    let metrics = spec.metrics.as_deref().filter(|metrics| !metrics.is_empty());
    cx.cloudwatch
        .put_metric_alarm()
        .alarm_name(&spec.alarm_name)
        .set_action_configuration(
            spec.action_configuration.as_ref().map(Into::into).or(now.action_configuration),
        )
        .set_actions_enabled(spec.actions_enabled.or(now.actions_enabled))
        .set_alarm_actions(texts(&spec.alarm_actions).or(now.alarm_actions))
        .set_alarm_description(spec.alarm_description.clone().or(now.alarm_description))
        .set_insufficient_data_actions(
            texts(&spec.insufficient_data_actions).or(now.insufficient_data_actions),
        )
        .set_ok_actions(texts(&spec.ok_actions).or(now.ok_actions))
        .set_treat_missing_data(spec.treat_missing_data.clone().or(now.treat_missing_data))
        .set_evaluation_window(
            spec.evaluation_window.as_ref().map(Into::into).or(now.evaluation_window),
        )
        .set_warm_up_configuration(
            spec.warm_up_configuration.as_ref().map(Into::into).or(now.warm_up_configuration),
        )
        .set_comparison_operator(spec.comparison_operator.as_deref().map(ComparisonOperator::from))
        .set_datapoints_to_alarm(spec.datapoints_to_alarm.map(Into::into))
        .set_dimensions(spec.dimensions.as_ref().map(sdk_dimensions))
        .set_evaluate_low_sample_count_percentile(spec.evaluate_low_sample_count_percentile.clone())
        .set_evaluation_criteria(spec.evaluation_criteria.as_ref().map(Into::into))
        .set_evaluation_interval(spec.evaluation_interval.map(Into::into))
        .set_evaluation_periods(spec.evaluation_periods.map(Into::into))
        .set_extended_statistic(spec.extended_statistic.clone())
        .set_metric_name(spec.metric_name.clone())
        .set_metrics(metrics.map(|metrics| metrics.iter().map(Into::into).collect()))
        .set_namespace(spec.namespace.clone())
        .set_period(spec.period.map(Into::into))
        .set_statistic(spec.statistic.as_deref().map(Statistic::from))
        .set_threshold(spec.threshold)
        .set_threshold_metric_id(spec.threshold_metric_id.clone())
        .set_unit(spec.unit.as_deref().map(StandardUnit::from))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types;
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn an_alarm_on_one_metric_is_seen_in_full() {
        let dimension = |name: &str| types::Dimension::builder().name(name).value("x").build();
        let alarm = MetricAlarm::builder()
            .alarm_name("shop")
            .alarm_arn("arn:aws:cloudwatch:eu-west-1:1:alarm:shop")
            .actions_enabled(true)
            .alarm_actions("arn:b")
            .alarm_actions("arn:a")
            .metric_name("CPUUtilization")
            .namespace("AWS/EC2")
            .statistic(Statistic::Average)
            .dimensions(dimension("B"))
            .dimensions(dimension("A"))
            .period(60)
            .evaluation_periods(3)
            .threshold(80.0)
            .comparison_operator(ComparisonOperator::GreaterThanThreshold)
            .build();
        let live = Live { alarm, tags: Tags::default() };
        let seen = to_value(Alarm::spec(&live)).unwrap();
        assert_eq!(
            seen,
            json!({
                "ActionsEnabled": true, "AlarmActions": ["arn:a", "arn:b"], "AlarmDescription": "",
                "AlarmName": "shop", "ComparisonOperator": "GreaterThanThreshold",
                "Dimensions": [{"Name": "A", "Value": "x"}, {"Name": "B", "Value": "x"}],
                "EvaluationPeriods": 3, "InsufficientDataActions": [], "MetricName": "CPUUtilization",
                "Metrics": [], "Namespace": "AWS/EC2", "OKActions": [], "Period": 60,
                "Statistic": "Average", "Tags": [], "Threshold": 80.0, "TreatMissingData": "missing",
            })
        );
        let again: Spec = from_value(seen).unwrap();
        assert_eq!(Alarm::natural_id(&again), Some(Alarm::id(&live)));
        assert_eq!(Alarm::outputs(&live)["Arn"], "arn:aws:cloudwatch:eu-west-1:1:alarm:shop");
    }

    #[test]
    fn numbers_may_be_texts_and_typos_are_refused() {
        let spec: Spec = from_value(json!({"AlarmName": "a", "Period": "60"})).unwrap();
        assert_eq!(spec.period, Some(Number(60)));
        assert!(from_value::<Spec>(json!({"AlarmName": "a", "OkActions": []})).is_err());
    }
}
