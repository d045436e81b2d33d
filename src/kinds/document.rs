//! Free-form JSON documents: objects in a spec, texts on the wire.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The text to send. A document that is a text already goes as it is.
pub(super) fn to_text(document: &Value) -> String {
    document.as_str().map_or_else(|| document.to_string(), str::to_owned)
}

/// The document of a reply; what is no JSON stays a text.
pub(super) fn from_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A document of a spec, which may be written as a text or as an object.
pub(super) fn parsed(document: Value) -> Value {
    match document {
        Value::String(text) => from_text(&text),
        other => other,
    }
}

/// For `deserialize_with`.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(parsed)
}

/// For `deserialize_with`, of a property that may be left out.
pub(super) fn deserialize_some<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    Ok(Option::<Value>::deserialize(deserializer)?.map(parsed))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_may_be_an_object_or_a_text() {
        assert_eq!(to_text(&json!({"a": 1})), r#"{"a":1}"#);
        assert_eq!(to_text(&json!(r#"{"a": 1}"#)), r#"{"a": 1}"#);
        assert_eq!(from_text(r#"{"a": 1}"#), json!({"a": 1}));
        assert_eq!(from_text("no document"), json!("no document"));
    }

    #[test]
    fn text_and_object_are_one_document() {
        let object = json!({"Statement": []});
        assert_eq!(deserialize(&object).unwrap(), object);
        assert_eq!(deserialize(json!("{\"Statement\": []}")).unwrap(), object);
        assert_eq!(deserialize(json!("\0open")).unwrap(), "\0open");
    }
}
