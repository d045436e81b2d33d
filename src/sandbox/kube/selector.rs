//! Selectors by labels and by fields, as they stand in queries.

use serde_json::Value;

use super::status::{Answer, Status};

/// All of these must hold.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, bool, String)>,
}

#[derive(Debug, PartialEq)]
enum Requirement {
    Present(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Selector {
    pub(super) fn parse(labels: &str, fields: &str) -> Answer<Self> {
        let refused = |text: &str| {
            let message = format!("unable to parse requirement: found '{text}'");
            Status::bad_request(message)
        };
        let mut selector = Self::default();
        for part in split(labels) {
            selector.labels.push(Requirement::parse(part).ok_or_else(|| refused(part))?);
        }
        for part in fields.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (field, equal, value) = equality(part).ok_or_else(|| refused(part))?;
            let known = [
                "metadata.name",
                "metadata.namespace",
                "spec.nodeName",
                "status.phase",
                "type",
                "involvedObject.name",
                "involvedObject.kind",
                "involvedObject.namespace",
                "involvedObject.uid",
                "reason",
            ];
            if !known.contains(&field) {
                let known = r#"only "metadata.name", "metadata.namespace""#;
                let message = format!("{field:?} is not a known field selector: {known}");
                return Err(Status::bad_request(message));
            }
            selector.fields.push((field.into(), equal, value.into()));
        }
        Ok(selector)
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        self.labels.iter().all(|it| it.holds(&object["metadata"]["labels"]))
            && self.fields.iter().all(|(field, equal, value)| {
                let found = field.split('.').fold(object, |at, name| &at[name]).as_str();
                (found.unwrap_or_default() == value) == *equal
            })
    }
}

impl Requirement {
    fn parse(text: &str) -> Option<Self> {
        if let Some(key) = text.strip_prefix('!') {
            return key_of(key).map(Self::Absent);
        }
        if let Some((head, values)) = text.split_once('(') {
            let values =
                values.strip_suffix(')')?.split(',').map(|it| it.trim().to_owned()).collect();
            let (key, operator) = head.trim().split_once(char::is_whitespace)?;
            return match operator.trim() {
                "in" => Some(Self::In(key_of(key)?, values)),
                "notin" => Some(Self::NotIn(key_of(key)?, values)),
                _ => None,
            };
        }
        if text.contains('=') {
            let (key, equal, value) = equality(text)?;
            let (key, values) = (key_of(key)?, vec![value.to_owned()]);
            return Some(if equal { Self::In(key, values) } else { Self::NotIn(key, values) });
        }
        key_of(text).map(Self::Present)
    }

    fn holds(&self, labels: &Value) -> bool {
        let value = |key: &str| labels.get(key).and_then(Value::as_str);
        match self {
            Self::Present(key) => value(key).is_some(),
            Self::Absent(key) => value(key).is_none(),
            Self::In(key, values) => {
                value(key).is_some_and(|it| values.iter().any(|one| one == it))
            }
            // An object without the label is not in the set.
            Self::NotIn(key, values) => {
                value(key).is_none_or(|it| values.iter().all(|one| one != it))
            }
        }
    }
}

/// Whether labels answer a `LabelSelector` of an object.
pub(super) fn label_selector_matches(selector: &Value, labels: &Value) -> bool {
    let label = |key: &str| labels.get(key).and_then(Value::as_str);
    let mut pairs = selector["matchLabels"].as_object().into_iter().flatten();
    let mut expressions = selector["matchExpressions"].as_array().into_iter().flatten();
    pairs.all(|(key, value)| label(key) == value.as_str())
        && expressions.all(|it| {
            let found = label(it["key"].as_str().unwrap_or_default());
            let listed = it["values"].as_array().is_some_and(|values| {
                found.is_some_and(|found| values.iter().any(|value| value == found))
            });
            match it["operator"].as_str().unwrap_or_default() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}

/// At commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_i32;
    let parts = text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn equality(text: &str) -> Option<(&str, bool, &str)> {
    let operators = [("!=", false), ("==", true), ("=", true)];
    let (operator, equal) = operators.into_iter().find(|(it, _)| text.contains(it))?;
    let (key, value) = text.split_once(operator)?;
    Some((key.trim(), equal, value.trim()))
}

fn key_of(text: &str) -> Option<String> {
    let text = text.trim();
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    (!text.is_empty() && text.chars().all(valid)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_are_selected_in_the_full_syntax() {
        let object = json!({"metadata": {"name": "a", "namespace": "n", "labels": {"app": "web", "tier": "front"}}});
        for (selector, expected) in [
            ("", true),
            ("app", true),
            ("!app", false),
            ("app=web", true),
            ("app==web,tier!=back", true),
            ("app!=web", false),
            ("other!=x", true),
            ("app in (api, web)", true),
            ("app notin (api,web),tier", false),
            ("other notin (x)", true),
            ("other in (x)", false),
            ("!other,tier in (front)", true),
        ] {
            assert_eq!(
                Selector::parse(selector, "").unwrap().matches(&object),
                expected,
                "{selector}"
            );
        }
        for (selector, expected) in
            [("metadata.name=a", true), ("metadata.name!=a", false), ("metadata.namespace=n", true)]
        {
            assert_eq!(
                Selector::parse("", selector).unwrap().matches(&object),
                expected,
                "{selector}"
            );
        }
        assert!(Selector::parse("a b", "").is_err());
        assert!(Selector::parse("", "spec.color=red").is_err());
    }
}
