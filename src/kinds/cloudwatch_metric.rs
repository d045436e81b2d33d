//! The shapes inside an alarm: metrics, expressions and how they are evaluated, from and to the types of the SDK.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::types::{self, StandardUnit};
use serde::{Deserialize, Serialize};

use super::scalar::Number;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Dimension {
    name: String,
    value: String,
}

/// A metric or an expression over metrics.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct MetricDataQuery {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expression: Option<String>,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric_stat: Option<MetricStat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    period: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    return_data: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct MetricStat {
    metric: Metric,
    period: Number,
    stat: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "CloudFormation's names")]
struct Metric {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    dimensions: BTreeSet<Dimension>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
}

/// What an alarm watches instead of metrics.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum EvaluationCriteria {
    #[serde(rename = "PromQLCriteria")]
    PromQl(PromQlCriteria),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PromQlCriteria {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending_period: Option<Number>,
    query: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery_period: Option<Number>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) enum EvaluationWindow {
    SlidingWindow {},
    WallClockWindow {
        #[serde(rename = "Timezone", default, skip_serializing_if = "Option::is_none")]
        timezone: Option<String>,
    },
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WarmUpConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    only_start_evaluating_after_warm_up_period_ends: Option<bool>,
    warm_up_period_duration_in_minutes: Number,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ActionConfiguration {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alarm_tags_propagation: Option<AlarmTagsPropagation>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AlarmTagsPropagation {
    enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    excluded_tag_keys: Option<BTreeSet<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    included_tag_keys: Option<BTreeSet<String>>,
}

pub(super) fn dimensions(dimensions: &[types::Dimension]) -> BTreeSet<Dimension> {
    let dimension = |it: &types::Dimension| Dimension {
        name: it.name().unwrap_or_default().into(),
        value: it.value().unwrap_or_default().into(),
    };
    dimensions.iter().map(dimension).collect()
}

pub(super) fn sdk_dimensions(dimensions: &BTreeSet<Dimension>) -> Vec<types::Dimension> {
    let dimension = |Dimension { name, value }: &Dimension| {
        types::Dimension::builder().name(name).value(value).build()
    };
    dimensions.iter().map(dimension).collect()
}

impl From<&types::MetricDataQuery> for MetricDataQuery {
    fn from(query: &types::MetricDataQuery) -> Self {
        Self {
            account_id: query.account_id.clone(),
            expression: query.expression.clone(),
            id: query.id().unwrap_or_default().into(),
            label: query.label.clone(),
            metric_stat: query.metric_stat().map(Into::into),
            period: query.period.map(Number),
            // CloudWatch's default.
            return_data: Some(query.return_data.unwrap_or(true)),
        }
    }
}

impl From<&MetricDataQuery> for types::MetricDataQuery {
    fn from(query: &MetricDataQuery) -> Self {
        Self::builder()
            .set_account_id(query.account_id.clone())
            .set_expression(query.expression.clone())
            .id(&query.id)
            .set_label(query.label.clone())
            .set_metric_stat(query.metric_stat.as_ref().map(Into::into))
            .set_period(query.period.map(Into::into))
            .set_return_data(query.return_data)
            .build()
    }
}

impl From<&types::MetricStat> for MetricStat {
    fn from(stat: &types::MetricStat) -> Self {
        let metric = stat.metric();
        Self {
            metric: Metric {
                dimensions: metric.map(|it| dimensions(it.dimensions())).unwrap_or_default(),
                metric_name: metric.and_then(|it| it.metric_name.clone()),
                namespace: metric.and_then(|it| it.namespace.clone()),
            },
            period: Number(stat.period.unwrap_or_default()),
            stat: stat.stat().unwrap_or_default().into(),
            unit: stat.unit().map(ToString::to_string),
        }
    }
}

impl From<&MetricStat> for types::MetricStat {
    fn from(stat: &MetricStat) -> Self {
        let metric = types::Metric::builder()
            .set_metric_name(stat.metric.metric_name.clone())
            .set_namespace(stat.metric.namespace.clone())
            .set_dimensions(Some(sdk_dimensions(&stat.metric.dimensions)));
        Self::builder()
            .metric(metric.build())
            .period(stat.period.0)
            .stat(&stat.stat)
            .set_unit(stat.unit.as_deref().map(StandardUnit::from))
            .build()
    }
}

impl EvaluationCriteria {
    /// `None` for criteria that CloudFormation does not know.
    pub(super) fn read(criteria: &types::EvaluationCriteria) -> Option<Self> {
        let criteria = criteria.as_prom_ql_criteria().ok()?;
        Some(Self::PromQl(PromQlCriteria {
            pending_period: criteria.pending_period.map(Number),
            query: criteria.query().unwrap_or_default().into(),
            recovery_period: criteria.recovery_period.map(Number),
        }))
    }
}

impl From<&EvaluationCriteria> for types::EvaluationCriteria {
    fn from(EvaluationCriteria::PromQl(criteria): &EvaluationCriteria) -> Self {
        let sdk = types::AlarmPromQlCriteria::builder()
            .query(&criteria.query)
            .set_pending_period(criteria.pending_period.map(Into::into))
            .set_recovery_period(criteria.recovery_period.map(Into::into));
        Self::PromQlCriteria(sdk.build())
    }
}

impl EvaluationWindow {
    /// `None` for a window that CloudFormation does not know.
    pub(super) fn read(window: &types::EvaluationWindow) -> Option<Self> {
        if let Ok(window) = window.as_wall_clock_window() {
            return Some(Self::WallClockWindow { timezone: window.timezone.clone() });
        }
        window.is_sliding_window().then_some(Self::SlidingWindow {})
    }
}

impl From<&EvaluationWindow> for types::EvaluationWindow {
    fn from(window: &EvaluationWindow) -> Self {
        match window {
            EvaluationWindow::SlidingWindow {} => {
                Self::SlidingWindow(types::SlidingWindow::builder().build())
            }
            EvaluationWindow::WallClockWindow { timezone } => {
                let window = types::WallClockWindow::builder().set_timezone(timezone.clone());
                Self::WallClockWindow(window.build())
            }
        }
    }
}

impl From<&types::WarmUpConfiguration> for WarmUpConfiguration {
    fn from(warm_up: &types::WarmUpConfiguration) -> Self {
        Self {
            only_start_evaluating_after_warm_up_period_ends: warm_up
                .only_start_evaluating_after_warm_up_period_ends,
            warm_up_period_duration_in_minutes: Number(
                warm_up.warm_up_period_duration_in_minutes.unwrap_or_default(),
            ),
        }
    }
}

impl From<&WarmUpConfiguration> for types::WarmUpConfiguration {
    fn from(warm_up: &WarmUpConfiguration) -> Self {
        Self::builder()
            .warm_up_period_duration_in_minutes(warm_up.warm_up_period_duration_in_minutes.0)
            .set_only_start_evaluating_after_warm_up_period_ends(
                warm_up.only_start_evaluating_after_warm_up_period_ends,
            )
            .build()
    }
}

impl From<&types::ActionConfiguration> for ActionConfiguration {
    fn from(configuration: &types::ActionConfiguration) -> Self {
        let keys =
            |keys: &[String]| Some(keys.iter().cloned().collect()).filter(|_| !keys.is_empty());
        let propagation = configuration.alarm_tags_propagation();
        Self {
            alarm_tags_propagation: propagation.map(|it| AlarmTagsPropagation {
                enabled: it.enabled.unwrap_or_default(),
                excluded_tag_keys: keys(it.excluded_tag_keys()),
                included_tag_keys: keys(it.included_tag_keys()),
            }),
        }
    }
}

impl From<&ActionConfiguration> for types::ActionConfiguration {
    fn from(configuration: &ActionConfiguration) -> Self {
        let keys = |keys: &Option<BTreeSet<String>>| {
            keys.as_ref().map(|keys| keys.iter().cloned().collect::<Vec<_>>())
        };
        let propagation = configuration.alarm_tags_propagation.as_ref().map(|it| {
            types::AlarmTagsPropagation::builder()
                .enabled(it.enabled)
                .set_excluded_tag_keys(keys(&it.excluded_tag_keys))
                .set_included_tag_keys(keys(&it.included_tag_keys))
                .build()
        });
        Self::builder().set_alarm_tags_propagation(propagation).build()
    }
}

#[cfg(test)]
mod tests {
    use serde::de::DeserializeOwned;
    use serde_json::{Value, from_value, json, to_value};

    use super::*;

    /// From CloudFormation's shape to the SDK's and back.
    fn round<T, S>(value: &Value, back: impl Fn(&S) -> T) -> Value
    where
        T: DeserializeOwned + Serialize,
        S: for<'a> From<&'a T>,
    {
        let shape: T = from_value(value.clone()).unwrap();
        to_value(back(&S::from(&shape))).unwrap()
    }

    #[test]
    fn metrics_and_expressions_are_seen_as_asked_for() {
        let query =
            |value: &Value| round(value, |sdk: &types::MetricDataQuery| MetricDataQuery::from(sdk));
        let metric = json!({
            "Id": "errors", "Label": "errors", "ReturnData": false,
            "MetricStat": {
                "Metric": {
                    "Dimensions": [{"Name": "A", "Value": "1"}, {"Name": "B", "Value": "2"}],
                    "MetricName": "5XX", "Namespace": "AWS/ApplicationELB",
                },
                "Period": 60, "Stat": "Sum", "Unit": "Count",
            },
        });
        assert_eq!(query(&metric), metric);
        let expression = json!({"Expression": "errors / 2", "Id": "rate", "Period": 60});
        let mut seen = expression.clone();
        seen["ReturnData"] = json!(true);
        assert_eq!(query(&expression), seen);
    }

    #[test]
    fn the_way_of_evaluation_is_seen_as_asked_for() {
        let criteria = json!({"PromQLCriteria": {"PendingPeriod": 60, "Query": "up == 0"}});
        let seen = round(&criteria, |sdk| EvaluationCriteria::read(sdk).unwrap());
        assert_eq!(seen, criteria);
        for window in [
            json!({"SlidingWindow": {}}),
            json!({"WallClockWindow": {"Timezone": "Europe/Berlin"}}),
        ] {
            assert_eq!(round(&window, |sdk| EvaluationWindow::read(sdk).unwrap()), window);
        }
        let actions =
            json!({"AlarmTagsPropagation": {"Enabled": true, "IncludedTagKeys": ["team"]}});
        let seen =
            round(&actions, |sdk: &types::ActionConfiguration| ActionConfiguration::from(sdk));
        assert_eq!(seen, actions);
        let warm_up = json!({"WarmUpPeriodDurationInMinutes": 5});
        let seen =
            round(&warm_up, |sdk: &types::WarmUpConfiguration| WarmUpConfiguration::from(sdk));
        assert_eq!(seen, warm_up);
    }
}
