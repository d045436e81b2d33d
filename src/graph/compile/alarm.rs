//! An alarm of CloudWatch.

use serde_json::{Value, json};

use super::metric::Dimensions;
use super::{Compiler, get, topic};
use crate::address::Address;
use crate::blueprint::component::alarm::{Alarm, AlarmMetric, Missing, RawMetric};
use crate::blueprint::component::metric::{self, Metric, Statistic, Subject};
use crate::blueprint::value::Name;

/// `PutMetricAlarm` in the API reference: an alarm looks at so many series.
const SERIES_MAX: usize = 10;

impl Compiler<'_> {
    pub(super) fn alarm(&mut self, name: &Name, alarm: &Alarm) {
        match (&alarm.metric.value, &alarm.of) {
            (AlarmMetric::Raw(raw), _) => {
                let spec = with(
                    self.alarm_frame(name.as_str(), alarm, Missing::Unknown, 1),
                    raw_metric(raw, alarm),
                );
                self.add(&at(name, "alarm"), "AWS::CloudWatch::Alarm", spec);
            }
            (AlarmMetric::Named(metric), Some(subject)) => {
                if let Some(found) = metric::find(subject.component(), *metric) {
                    self.alarm_of(name, alarm, &subject.value, found);
                }
            }
            (AlarmMetric::Named(_), None) => {}
        }
    }

    /// One alarm, or as many as there must be for all series of the metric.
    fn alarm_of(&mut self, name: &Name, alarm: &Alarm, subject: &Subject, metric: &Metric) {
        let series = self.series(subject, metric);
        let region = self.region_of_metrics(subject);
        let missing = if metric.quiet { Missing::Ok } else { Missing::Unknown };
        let after = self.measured_after(subject);
        let alone = series.len() <= SERIES_MAX;
        for (series, number) in series.chunks(SERIES_MAX).zip(1..) {
            let (alarm_name, role) = if alone {
                (name.to_string(), "alarm".to_owned())
            } else {
                (format!("{name}-{number}"), format!("alarm/{number}"))
            };
            let frame = self.alarm_frame(&alarm_name, alarm, missing, metric.factor);
            let namespace = metric::namespace(subject.component());
            let statistic = alarm.statistic.map_or(metric.statistic, |it| it.value);
            let measured = match series {
                [one] => with(
                    json!({
                        "Namespace": namespace,
                        "MetricName": metric.metric,
                        "Dimensions": dimensions(one),
                        "Period": alarm.every.seconds,
                    }),
                    summed_up(statistic),
                ),
                several => all_of(several, namespace, metric, statistic, alarm),
            };
            self.add(&at(name, &role), "AWS::CloudWatch::Alarm", with(frame, measured))
                .region(&region)
                .after_all(&after);
        }
    }

    /// All of an alarm but what it looks at. `factor` is how many of CloudWatch's units one of ours is.
    fn alarm_frame(&self, name: &str, alarm: &Alarm, usual: Missing, factor: u32) -> Value {
        let told: Vec<Value> =
            alarm.notify.iter().map(|it| get(&topic::address(&it.name), "TopicArn")).collect();
        let (comparison, measure) = match (&alarm.above, &alarm.below) {
            (Some(above), _) => ("GreaterThanThreshold", Some(above)),
            (None, below) => ("LessThanThreshold", below.as_ref()),
        };
        json!({
            "AlarmName": self.name(name),
            "AlarmDescription": alarm.description.as_ref().map(|it| it.value.clone()),
            "ComparisonOperator": comparison,
            "Threshold": measure.map(|measure| number(measure.amount * f64::from(factor))),
            "EvaluationPeriods": alarm.periods(),
            "DatapointsToAlarm": alarm.datapoints.as_ref().map(|it| it.get()),
            "TreatMissingData": match alarm.missing.unwrap_or(usual) {
                Missing::Ok => "notBreaching",
                Missing::Breaching => "breaching",
                Missing::Ignore => "ignore",
                Missing::Unknown => "missing",
            },
            "AlarmActions": told,
            "OKActions": if alarm.recovery { told.clone() } else { Vec::new() },
        })
    }

    /// The ARNs of the alarms that tell a topic.
    pub(super) fn alarms_telling(&self, topic: &Name) -> Vec<Value> {
        let telling = self
            .blueprint
            .alarms
            .iter()
            .filter(|(_, alarm)| alarm.notify.iter().any(|reference| reference.name == *topic));
        telling
            .map(|(name, _)| {
                // With what numbers of several alarms may follow.
                let resource = format!("alarm:{}*", self.name(name));
                json!(self.arn("cloudwatch", self.builder.region(), &resource))
            })
            .collect()
    }
}

fn raw_metric(raw: &RawMetric, alarm: &Alarm) -> Value {
    let RawMetric { namespace, name, dimensions } = raw;
    let dimensions: Vec<Value> = dimensions
        .iter()
        .map(|(name, value)| json!({"Name": name.as_str(), "Value": value}))
        .collect();
    let statistic = alarm.statistic.map_or(Statistic::Average, |it| it.value);
    let measured = json!({
        "Namespace": namespace,
        "MetricName": name,
        "Dimensions": dimensions,
        "Period": alarm.every.seconds,
    });
    with(measured, summed_up(statistic))
}

/// The series that is worst for what the alarm is for; sums add up.
fn all_of(
    series: &[Dimensions],
    namespace: &str,
    metric: &Metric,
    statistic: Statistic,
    alarm: &Alarm,
) -> Value {
    let mut metrics: Vec<Value> = series
        .iter()
        .enumerate()
        .map(|(number, one)| {
            json!({
                "Id": format!("m{number}"),
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace, "MetricName": metric.metric, "Dimensions": dimensions(one),
                    },
                    "Period": alarm.every.seconds,
                    "Stat": word(statistic),
                },
                "ReturnData": false,
            })
        })
        .collect();
    let worst = match (statistic, &alarm.above) {
        (Statistic::Sum | Statistic::Samples, _) => "SUM",
        (_, Some(_)) => "MAX",
        (_, None) => "MIN",
    };
    metrics.push(
        json!({"Id": "worst", "Expression": format!("{worst}(METRICS())"), "ReturnData": true}),
    );
    json!({"Metrics": metrics})
}

fn dimensions(one: &Dimensions) -> Vec<Value> {
    one.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

/// As CloudWatch calls a statistic.
pub(super) fn word(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "Average",
        Statistic::Maximum => "Maximum",
        Statistic::Minimum => "Minimum",
        Statistic::Sum => "Sum",
        Statistic::Samples => "SampleCount",
        Statistic::P50 | Statistic::P90 | Statistic::P95 | Statistic::P99 | Statistic::P999 => {
            statistic.as_str()
        }
    }
}

/// Percentiles have a property of their own.
fn summed_up(statistic: Statistic) -> Value {
    let property = match statistic {
        Statistic::Average
        | Statistic::Maximum
        | Statistic::Minimum
        | Statistic::Sum
        | Statistic::Samples => "Statistic",
        Statistic::P50 | Statistic::P90 | Statistic::P95 | Statistic::P99 | Statistic::P999 => {
            "ExtendedStatistic"
        }
    };
    json!({property: word(statistic)})
}

/// A whole number as one, so that it reads as it was written.
fn number(amount: f64) -> Value {
    /// Whole numbers up to here are exact.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    if amount.fract() == 0.0 && amount <= EXACT_MAX {
        format!("{amount:.0}").parse::<u64>().map_or_else(|_| json!(amount), |whole| json!(whole))
    } else {
        json!(amount)
    }
}

fn with(mut spec: Value, more: Value) -> Value {
    if let (Value::Object(spec), Value::Object(more)) = (&mut spec, more) {
        spec.extend(more);
    }
    spec
}

fn at(name: &Name, role: &str) -> Address {
    Address::of(&format!("alarms.{name}"), role)
}
