//! A dashboard of CloudWatch: for each subject a heading, and a graph of each metric.

use serde_json::{Value, json};

use super::{Compiler, alarm};
use crate::address::Address;
use crate::blueprint::component::dashboard::Dashboard;
use crate::blueprint::component::metric::{self, Metric, Part, Subject};
use crate::blueprint::value::Name;
use crate::kind::reference::join;

/// The grid of a dashboard is 24 wide; three graphs fit beside each other.
const WIDTH: usize = 24;
const GRAPH_WIDTH: usize = 8;
const GRAPH_HEIGHT: usize = 6;

impl Compiler<'_> {
    pub(super) fn dashboard(&mut self, name: &Name, dashboard: &Dashboard) {
        let body = dashboard.body.as_ref().map(|body| body.value.clone());
        let body = body.unwrap_or_else(|| {
            let mut widgets = Vec::new();
            let mut y = 0;
            for subject in &dashboard.of {
                y = self.widgets(subject, y, &mut widgets);
            }
            json!({"widgets": widgets})
        });
        let spec = json!({
            "DashboardName": self.name(name),
            "DashboardBody": text_of(&body),
        });
        let at = Address::of(&format!("dashboards.{name}"), "dashboard");
        self.add(&at, "AWS::CloudWatch::Dashboard", spec);
    }

    /// Adds what shows a subject, from a line of the grid on; the next free line comes back.
    fn widgets(&self, subject: &Subject, mut y: usize, widgets: &mut Vec<Value>) -> usize {
        widgets.push(json!({
            "type": "text", "x": 0, "y": y, "width": WIDTH, "height": 1,
            "properties": {"markdown": format!("## {}", subject.title())},
        }));
        y += 1;
        let metrics = metric::metrics(subject.component()).iter();
        let there: Vec<&Metric> =
            metrics.filter(|metric| metric::is_there(self.blueprint, subject, metric)).collect();
        let columns = WIDTH / GRAPH_WIDTH;
        for (index, metric) in there.iter().enumerate() {
            widgets.push(json!({
                "type": "metric",
                "x": index % columns * GRAPH_WIDTH,
                "y": y + index / columns * GRAPH_HEIGHT,
                "width": GRAPH_WIDTH,
                "height": GRAPH_HEIGHT,
                "properties": {
                    "title": metric.name.as_str(),
                    "view": "timeSeries",
                    "region": self.region_of_metrics(subject),
                    "stat": alarm::word(metric.statistic),
                    "period": 60,
                    "metrics": self.lines(subject, metric),
                },
            }));
        }
        y + there.len().div_ceil(columns) * GRAPH_HEIGHT
    }

    /// The series of a graph, each as an array of namespace, metric and dimensions.
    fn lines(&self, subject: &Subject, metric: &Metric) -> Vec<Value> {
        let namespace = metric::namespace(subject.component());
        self.series(subject, metric)
            .into_iter()
            .map(|dimensions| {
                let mut line = vec![json!(namespace), json!(metric.metric)];
                let last = dimensions.last().map(|(_, value)| value.clone());
                for (name, value) in dimensions {
                    line.extend([json!(name), value]);
                }
                // What the series are told apart by is their last dimension.
                if metric.of != Part::Whole {
                    line.extend(last.map(|label| json!({"label": label})));
                }
                Value::Array(line)
            })
            .collect()
    }
}

/// A document as text; references in it stay references, so that the text is known once they are.
fn text_of(document: &Value) -> Value {
    let mut parts = vec![String::new().into()];
    write(document, &mut parts);
    match parts.as_slice() {
        [Value::String(whole)] => json!(whole),
        _ => join(parts),
    }
}

fn write(value: &Value, parts: &mut Vec<Value>) {
    if value.get("Fn::GetAtt").is_some() {
        push("\"", parts);
        parts.push(value.clone());
        push("\"", parts);
        return;
    }
    if let Some(joined) = value.get("Fn::Join").and_then(|it| it.get(1)?.as_array()) {
        push("\"", parts);
        for part in joined {
            match part {
                Value::String(text) => push(text, parts),
                reference => parts.push(reference.clone()),
            }
        }
        push("\"", parts);
        return;
    }
    match value {
        Value::Array(items) => {
            push("[", parts);
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    push(",", parts);
                }
                write(item, parts);
            }
            push("]", parts);
        }
        Value::Object(members) => {
            push("{", parts);
            for (index, (key, member)) in members.iter().enumerate() {
                if index > 0 {
                    push(",", parts);
                }
                push(&format!("{}:", json!(key)), parts);
                write(member, parts);
            }
            push("}", parts);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            push(&value.to_string(), parts);
        }
    }
}

/// Texts that follow each other are one.
fn push(text: &str, parts: &mut Vec<Value>) {
    match parts.last_mut() {
        Some(Value::String(last)) => last.push_str(text),
        _ => parts.push(json!(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_stay_references_inside_of_text() {
        let reference = super::super::get(&"a/b".parse().unwrap(), "Id");
        let joined = join([reference.clone(), json!("-1")]);
        assert_eq!(text_of(&json!({"a": ["\"", 1]})), json!("{\"a\":[\"\\\"\",1]}"));
        assert_eq!(
            text_of(&json!([reference, joined])),
            join([
                json!("[\""),
                reference.clone(),
                json!("\",\""),
                reference.clone(),
                json!("-1\"]")
            ]),
        );
    }
}
