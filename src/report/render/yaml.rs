//! YAML that every reader takes for the same: `kubectl` and its kin read YAML 1.1, in which `on`, `yes` and `0080` are
//! no texts, so whatever might be something else stands in quotes.

use serde_json::Value;

/// A document, with a line break at its end.
pub(super) fn document(value: &Value) -> String {
    let mut text = String::new();
    match value {
        Value::Object(_) | Value::Array(_) => block(value, 0, &mut text),
        scalar => {
            text.push_str(&plain(scalar));
            text.push('\n');
        }
    }
    text
}

fn block(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (number, (key, member)) in members.iter().enumerate() {
                // The first line stands behind the dash of a list, or at its place already.
                if number > 0 || !text.ends_with("- ") {
                    indent(depth, text);
                }
                text.push_str(&word(key));
                text.push(':');
                below(member, depth, text);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                if number > 0 || !text.ends_with("- ") {
                    indent(depth, text);
                }
                text.push_str("- ");
                match item {
                    Value::Object(members) if !members.is_empty() => block(item, depth + 1, text),
                    Value::Array(items) if !items.is_empty() => block(item, depth + 1, text),
                    scalar => {
                        text.push_str(&plain(scalar));
                        text.push('\n');
                    }
                }
            }
        }
        scalar => {
            text.push_str(&plain(scalar));
            text.push('\n');
        }
    }
}

/// The value of a key, whose colon has just been written.
fn below(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(value, depth + 1, text);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(value, depth, text);
        }
        Value::String(lines) if is_literal(lines) => {
            text.push_str(if lines.ends_with('\n') { " |\n" } else { " |-\n" });
            for line in lines.lines() {
                if !line.is_empty() {
                    indent(depth + 1, text);
                    text.push_str(line);
                }
                text.push('\n');
            }
        }
        scalar => {
            text.push(' ');
            text.push_str(&plain(scalar));
            text.push('\n');
        }
    }
}

fn indent(depth: usize, text: &mut String) {
    text.push_str(&"  ".repeat(depth));
}

/// A value on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        other => other.to_string(),
    }
}

/// A text, in quotes unless nobody can take it for anything else. JSON's quotes are YAML's.
fn word(text: &str) -> String {
    const RESERVED: [&str; 10] =
        ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_');
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-_./ ".contains(c);
    let reserved = RESERVED.contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_safe) && !text.ends_with(' ') && !reserved {
        return text.to_owned();
    }
    Value::from(text).to_string()
}

/// Whether a text can stand as lines below its key: nothing of it would be lost.
fn is_literal(text: &str) -> bool {
    let ends_once = !text.ends_with("\n\n");
    let lines_fit = text.lines().all(|line| !line.ends_with([' ', '\t', '\r']));
    let printable = text.chars().all(|c| c == '\n' || !c.is_control());
    text.contains('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && ends_once
        && lines_fit
        && printable
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_might_be_something_else_is_quoted() {
        let value = json!({
            "yes": "on", "port": "0080", "n": 1, "plain": "a b/c", "colon": "a: b", "empty": [{}, []],
            "lines": "one\n  two\n", "list": [{"a": 1, "b": [1, ["x"]]}, "t", null], "text": "x\ny",
        });
        let text = document(&value);
        for line in ["\"yes\": \"on\"\n", "port: \"0080\"\n", "lines: |\n  one\n    two\n"] {
            assert!(text.contains(line), "{text}");
        }
        assert_eq!(serde_yaml::from_str::<Value>(&document(&value)).unwrap(), value);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z0-9:#'\" \n\t-]{0,12}".prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z0-9: -]{0,6}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(value in any_value()) {
            let text = document(&value);
            prop_assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), value, "{}", text);
        }
    }
}
