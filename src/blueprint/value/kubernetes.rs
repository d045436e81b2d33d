use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{characters, ensure, word};

/// A Kubernetes service account: `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceAccount {
    pub namespace: String,
    pub name: String,
}

impl fmt::Display for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

impl FromStr for ServiceAccount {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some((namespace, name)) = text.split_once('/') else {
            return Err(Invalid::new("the namespace is missing")
                .hint(format!("Write `default/{text}` for the default namespace.")));
        };
        dns_label(namespace, 63)?;
        name.split('.').try_for_each(|label| dns_label(label, 253))?;
        Ok(Self { namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl Word for ServiceAccount {
    fn shape() -> Shape {
        Shape::word("a service account", &["default/api"])
    }

    fn pattern() -> Option<String> {
        Some(format!(r"^(?![^/]{{64}}){DNS_LABEL}/{DNS_LABEL}(\.{DNS_LABEL})*$"))
    }
}

word! {
    /// The key of a Kubernetes label or taint, with an optional DNS prefix.
    pub struct LabelKey("a label key", ["tier", "example.com/tier"], |text| {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        if let Some(prefix) = prefix {
            prefix.split('.').try_for_each(|label| dns_label(label, 253))?;
        }
        ensure(!name.is_empty(), "is empty")?;
        label_name(name)
    }, format!(r"({DNS_LABEL}(\.{DNS_LABEL})*/)?{LABEL_NAME}"));
}

word! {
    /// The value of a Kubernetes label or taint; may be empty.
    pub struct LabelValue("a label value", ["backend"], label_name, format!("({LABEL_NAME})?"));
}

/// What [`label_name`] accepts besides nothing.
const LABEL_NAME: &str = "[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
/// What [`dns_label`] accepts, but for its length.
const DNS_LABEL: &str = "[a-z0-9]([a-z0-9-]*[a-z0-9])?";

fn label_name(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    characters(text, 0, 63, allowed, "letters, digits, `-`, `_` and `.`")?;
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    let mut letters = text.chars();
    let (first, last) = (letters.clone().next(), letters.next_back());
    ensure(edge(first) && edge(last), "must begin and end with a letter or digit")
}

fn dns_label(text: &str, max: usize) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    characters(text, 1, max, allowed, "lower-case letters, digits and hyphens")?;
    ensure(!text.starts_with('-') && !text.ends_with('-'), "begins or ends with a hyphen")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn service_accounts() {
        assert_round_trip::<ServiceAccount>("birthdays/birthday-api");
        for bad in ["", "api", "/api", "ns/", "NS/api", "a/b/c", "a.b/c"] {
            assert!(bad.parse::<ServiceAccount>().is_err(), "{bad}");
        }
    }

    #[test]
    fn labels() {
        for good in ["tier", "example.com/tier", "a_b.c"] {
            assert!(good.parse::<LabelKey>().is_ok(), "{good}");
        }
        for bad in ["", "/a", "a/", "a/b/c", "-a", "a b"] {
            assert!(bad.parse::<LabelKey>().is_err(), "{bad}");
        }
        assert!("".parse::<LabelValue>().is_ok());
        assert!("-".parse::<LabelValue>().is_err());
    }
}
