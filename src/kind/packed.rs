//! JSON that is kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A value of JSON, kept as its text, which takes a tenth of the memory of its tree: for whoever holds those of thousands
/// of resources, and looks at each of them once or twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Packed(Box<str>);

impl Packed {
    /// Its tree.
    pub fn open(&self) -> Value {
        serde_json::from_str(&self.0).expect("a value can be read back")
    }
}

impl From<&Value> for Packed {
    fn from(value: &Value) -> Self {
        Self(value.to_string().into())
    }
}

impl From<Value> for Packed {
    fn from(value: Value) -> Self {
        Self::from(&value)
    }
}

impl From<Packed> for Value {
    fn from(packed: Packed) -> Self {
        packed.open()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_kept_comes_back() {
        for number in [0.1, 1e300, 5e-324, 0.1 + 0.2, 122.416_294_033_786_58] {
            let value = json!({"A": number, "B": [-1, u64::MAX, null, {"ключ\u{0}\"": "\n"}]});
            let packed = Packed::from(&value);
            assert_eq!(packed.open(), value);
            let text = serde_json::to_string(&packed).unwrap();
            assert_eq!(text, value.to_string());
            assert_eq!(serde_json::from_str::<Packed>(&text).unwrap(), packed);
        }
    }
}
