//! `alarms`: what should make somebody look.

use std::collections::BTreeMap;

use super::Component;
use super::metric::{self, MetricName, Statistic, Subject};
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{DimensionName, Duration, Int, Measure, Name, Unit};
use crate::diagnostic::{Diagnostic, listed, with_article};
use crate::source::{Span, Spanned};

schema! {
    /// An alarm of CloudWatch: it rings while a metric is above or below a threshold for some time.
    pub struct Alarm("an alarm") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// What is measured: a component, `cluster` or `network`.
        pub of: Option<Spanned<Subject>>,
        /// What is measured of it by name, or any metric of CloudWatch.
        pub metric: Spanned<AlarmMetric>,
        /// Rings above this value.
        pub above: Option<Spanned<Measure>>,
        /// Rings below this value.
        pub below: Option<Spanned<Measure>>,
        /// For how long.
        pub r#for: Spanned<Duration> = "5m",
        /// How much time one measurement sums up.
        pub every: Spanned<Duration> = "1m",
        /// How many measurements of that time must be beyond the value; all if nothing is said.
        pub datapoints: Option<Spanned<Int<1, 1440>>>,
        /// How measurements are summed up; as is usual for the metric if nothing is said.
        pub statistic: Option<Spanned<Statistic>>,
        /// What no measurement means; as is usual for the metric if nothing is said.
        pub missing: Option<Missing>,
        /// The topics that are told.
        pub notify: Vec<Spanned<Reference>>,
        /// Tells them also when it is over.
        pub recovery: bool = "true",
    }
}

/// A metric by a name of ours, or as CloudWatch has it.
#[derive(Debug, Clone, PartialEq)]
pub enum AlarmMetric {
    Named(MetricName),
    Raw(RawMetric),
}

impl Decode for AlarmMetric {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => RawMetric::decode(node, decoder).map(Self::Raw),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => {
                MetricName::decode(node, decoder).map(Self::Named)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![<MetricName as Decode>::shape(), RawMetric::shape()])
    }
}

schema! {
    /// A metric as CloudWatch has it.
    pub struct RawMetric("a metric") {
        /// Its namespace, such as `AWS/EC2`.
        pub namespace: String,
        /// Its name there.
        pub name: String,
        /// Its dimensions.
        pub dimensions: BTreeMap<DimensionName, String>,
    }
}

schema! {
    /// What no measurement means.
    pub enum Missing {
        /// All is well.
        Ok = "ok",
        /// It is as if the value were beyond the threshold.
        Breaching = "breaching",
        /// Whatever was before goes on.
        Ignore = "ignore",
        /// It is not known how things are.
        Unknown = "unknown",
    }
}

/// `PutMetricAlarm` in the API reference: with measurements of an hour or more a week, else a day.
const LENGTH_MAX: Duration = Duration::days(1);
const LONG_LENGTH_MAX: Duration = Duration::days(7);

impl Alarm {
    /// How many measurements are looked at.
    pub fn periods(&self) -> u64 {
        self.r#for.seconds / self.every.seconds.max(1)
    }
}

impl Component for Alarm {
    const TYPE: ComponentType = ComponentType::Alarm;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        self.check_metric(at, check);
        self.check_threshold(at, check);
        self.check_time(check);
        check_topics(&self.notify, check);
        self.check_region(check);
    }
}

impl Alarm {
    fn check_metric(&self, at: Span, check: &mut Check<'_>) {
        match (&self.of, &self.metric.value) {
            (None, AlarmMetric::Named(name)) => check.report(
                Diagnostic::error(format!("whose `{name}` is not said"))
                    .at(at, "`of` is missing")
                    .hint("Name a component, as in `database.orders`."),
            ),
            (Some(of), AlarmMetric::Raw(_)) => check.report(
                Diagnostic::error("the dimensions say what a metric of CloudWatch is of")
                    .at(of.span, "not used"),
            ),
            (Some(of), AlarmMetric::Named(name)) => {
                check_subject(of, check);
                self.check_named(of, *name, check);
            }
            (None, AlarmMetric::Raw(_)) => {}
        }
    }

    fn check_named(&self, of: &Spanned<Subject>, name: MetricName, check: &mut Check<'_>) {
        let known = metric::metrics(of.component());
        match metric::find(of.component(), name) {
            None if known.is_empty() => {}
            None => check.report(
                Diagnostic::error(format!(
                    "{} has no metric `{name}`",
                    with_article(of.component().noun())
                ))
                .at(self.metric.span, "a metric of something else")
                .hint(format!("It has {}.", listed(known.iter().map(|it| it.name)))),
            ),
            Some(found) if !metric::is_there(check.blueprint, of, found) => check.report(
                Diagnostic::error(format!("`{}` has no {}", of.value, found.of.noun()))
                    .at(self.metric.span, "nothing to measure"),
            ),
            Some(found) => {
                let measures = self.above.iter().chain(&self.below);
                for measure in measures.filter(|it| it.unit != found.unit) {
                    check.report(
                        Diagnostic::error(format!("`{name}` is measured in {}", found.unit.noun()))
                            .at(measure.span, format!("in {}", measure.unit.noun()))
                            .hint(format!("Write a value such as `{}`.", found.unit.example())),
                    );
                }
            }
        }
    }

    fn check_threshold(&self, at: Span, check: &mut Check<'_>) {
        match (&self.above, &self.below) {
            (None, None) => check.report(
                Diagnostic::error("an alarm needs a value")
                    .at(at, "has neither `above` nor `below`"),
            ),
            (Some(above), Some(below)) => check.report(
                Diagnostic::error("an alarm is for values above or below something")
                    .at(below.span, "and below")
                    .also(above.span, "above")
                    .hint("Write two alarms."),
            ),
            (Some(measure), None) | (None, Some(measure)) => {
                if measure.unit == Unit::Percent && measure.amount > 100.0 {
                    check.report(
                        Diagnostic::error(format!("`{}` is never reached", measure.value))
                            .at(measure.span, "must be at most 100%"),
                    );
                }
            }
        }
    }

    fn check_time(&self, check: &mut Check<'_>) {
        let (every, whole) = (self.every, self.r#for);
        if !matches!(every.seconds, 10 | 20 | 30) && (every.seconds == 0 || every.seconds % 60 != 0)
        {
            check.report(
                Diagnostic::error(format!("CloudWatch does not measure every {every}"))
                    .at(every.span, "must be `10s`, `20s`, `30s` or whole minutes"),
            );
            return;
        }
        if whole.seconds == 0 || whole.seconds % every.seconds != 0 {
            check.report(
                Diagnostic::error("the time must be whole measurements")
                    .at(whole.span, format!("not a multiple of `{every}`"))
                    .also(every.span, "one measurement"),
            );
            return;
        }
        let max = if every.value < Duration::hours(1) { LENGTH_MAX } else { LONG_LENGTH_MAX };
        if whole.value > max {
            check.report(
                Diagnostic::error("CloudWatch does not look back so far")
                    .at(whole.span, format!("must be at most {max}")),
            );
        }
        if let Some(datapoints) = self.datapoints.filter(|it| u64::from(it.get()) > self.periods())
        {
            check.report(
                Diagnostic::error(format!("there are never {datapoints} measurements"))
                    .at(datapoints.span, format!("{} in that time", self.periods()))
                    .also(whole.span, "the time"),
            );
        }
    }

    /// CloudWatch tells only topics of the region in which it measures.
    fn check_region(&self, check: &mut Check<'_>) {
        const EDGE: &str = "us-east-1";
        let at_edge = self.of.as_ref().filter(|of| of.component() == ComponentType::Cdn);
        let elsewhere = check.region.is_some_and(|region| region.as_str() != EDGE);
        if let (Some(of), Some(topic), true) = (at_edge, self.notify.first(), elsewhere) {
            check.report(
                Diagnostic::error(format!("`topic.{}` cannot be told of a CDN", topic.name))
                    .at(topic.span, "a topic of another region")
                    .also(of.span, format!("measured in {EDGE}"))
                    .hint("Watch the load balancer behind it, or leave out `notify`."),
            );
        }
    }
}

/// Something must measure the subject.
pub(super) fn check_subject(subject: &Spanned<Subject>, check: &mut Check<'_>) {
    let component = subject.component();
    if metric::metrics(component).is_empty() {
        let measured = ComponentType::ALL.iter().filter(|it| !metric::metrics(**it).is_empty());
        check.report(
            Diagnostic::error(format!("nothing is measured of {}", with_article(component.noun())))
                .at(subject.span, "has no metrics that platctl knows")
                .hint(format!("It knows those of {}.", listed(measured))),
        );
    }
    match &subject.value {
        Subject::Component(_) => {}
        Subject::Network => check.needs_network("a metric of the network", subject.span),
        Subject::Cluster => {
            check.needs_cluster("a metric of the cluster", subject.span);
            let cluster = check.blueprint.cluster.as_ref();
            if cluster.is_some_and(|cluster| !metric::is_observed(cluster)) {
                check.report(
                    Diagnostic::error("nothing measures the cluster")
                        .at(subject.span, format!("needs the add-on `{}`", metric::OBSERVABILITY))
                        .hint(format!("Add `{}: {{}}` to its `addons`.", metric::OBSERVABILITY)),
                );
            }
        }
    }
}

/// Only topics can be told.
pub(super) fn check_topics(references: &[Spanned<Reference>], check: &mut Check<'_>) {
    for reference in references {
        let named = format!("`{}.{}`", reference.component, reference.name);
        if reference.component != ComponentType::Topic {
            check.report(
                Diagnostic::error(format!("{named} cannot be told"))
                    .at(reference.span, "not a topic")
                    .hint("Name one of `topics`, as in `topic.alerts`."),
            );
        } else if let Some(topic) = check.blueprint.topics.get(&reference.name)
            && topic.fifo.value
        {
            check.report(
                Diagnostic::error(format!("{named} cannot be told"))
                    .at(reference.span, "a FIFO topic")
                    .also(topic.fifo.span, "made one here"),
            );
        }
    }
}
