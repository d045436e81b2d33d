//! Scalars as CloudFormation takes them: a number may be written as a text and a text of digits as a number, and some
//! names are stored in lower case. Each has one canonical form, so that "as asked" reads back equal.

use std::ops::Deref;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A whole number: `5432` or `"5432"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Number(pub i32);

/// A whole number of up to 64 bits: bytes, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct Long(pub(super) i64);

/// A text: `"404"` or `404`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Text(pub String);

/// A text that the service keeps in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct LowerCase(String);

impl LowerCase {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_lowercase())
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Long {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            other @ (Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)) => {
                Err(D::Error::custom(format!("expected a text, got {other}")))
            }
        }
    }
}

impl<'de> Deserialize<'de> for LowerCase {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::new(&text))
    }
}

impl From<Number> for i32 {
    fn from(number: Number) -> Self {
        number.0
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<LowerCase> for String {
    fn from(text: LowerCase) -> Self {
        text.0
    }
}

impl Deref for LowerCase {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

fn whole<'de, D: Deserializer<'de>, N: TryFrom<i64> + FromStr>(
    deserializer: D,
) -> Result<N, D::Error> {
    let value = Value::deserialize(deserializer)?;
    let number = match &value {
        Value::Number(number) => number.as_i64().and_then(|number| N::try_from(number).ok()),
        Value::String(digits) => digits.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.ok_or_else(|| D::Error::custom(format!("expected a number, got {value}")))
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    #[test]
    fn a_scalar_has_one_canonical_form() {
        let number = |value| to_value(from_value::<Number>(value).unwrap()).unwrap();
        assert_eq!((number(json!("5432")), number(json!(5432))), (json!(5432), json!(5432)));
        let long = |value| from_value::<Long>(value).unwrap().0;
        assert_eq!((long(json!("5000000000")), long(json!(5))), (5_000_000_000, 5));
        let text = |value| to_value(from_value::<Text>(value).unwrap()).unwrap();
        assert_eq!((text(json!("404")), text(json!(404))), (json!("404"), json!("404")));
        let lower = from_value::<LowerCase>(json!("Orders-DB")).unwrap();
        assert_eq!(to_value(lower).unwrap(), json!("orders-db"));
    }

    #[test]
    fn what_is_no_such_scalar_is_refused() {
        assert!(from_value::<Number>(json!("many")).is_err());
        assert!(from_value::<Number>(json!(1.5)).is_err());
        assert!(from_value::<Number>(json!(5_000_000_000_i64)).is_err());
        assert!(from_value::<Text>(json!(true)).is_err());
    }
}
