use std::fmt;
use std::str::FromStr;

use super::bounded::whole_number;
use super::quantity::{Percent, Range, range_of};
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

word! {
    /// The name of an environment variable.
    pub struct VariableName("the name of a variable", ["LOG_LEVEL"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        characters(text, 1, 200, allowed, "letters, digits and underscores")?;
        ensure(!text.starts_with(|c: char| c.is_ascii_digit()), "begins with a digit")
    }, "[A-Za-z_][A-Za-z0-9_]{0,199}");
}

word! {
    /// The name of a port of a pod.
    pub struct PortName("the name of a port", ["metrics"], |text| {
        dns_label(text, 15)?;
        ensure(text.starts_with(|c: char| c.is_ascii_lowercase()), "must start with a letter")?;
        ensure(!text.contains("--"), "has two hyphens in a row")?;
        ensure(text != "http", "is that of `port`")
    }, "(?!.{16})(?!http$)[a-z][a-z0-9]*(-[a-z0-9]+)*");
}

word! {
    /// The path of a folder in a container.
    pub struct MountPath("the path of a folder", ["/var/cache"], |text| {
        ensure(text.starts_with('/') && text.len() > 1, "must start with `/` and name a folder")?;
        ensure(!text.ends_with('/'), "ends with `/`")?;
        let allowed = |c: char| c.is_ascii_graphic() && c != ':';
        characters(text, 2, 512, allowed, "printable ASCII characters without spaces and colons")?;
        ensure(text.split('/').all(|part| part != ".."), "leads out of a folder by `..`")
    });
}

/// A share of processors, in thousandths of one: `250m`, `0.5`, `2`. Printed as Kubernetes does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpu {
    pub millis: u64,
}

/// More than any instance has.
const CPU_MAX: u64 = 1_000_000;

impl fmt::Display for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis.is_multiple_of(1000) {
            write!(f, "{}", self.millis / 1000)
        } else {
            write!(f, "{}m", self.millis)
        }
    }
}

impl FromStr for Cpu {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let millis = if let Some(number) = text.strip_suffix('m') {
            whole_number(number)?
        } else if let Some((whole, part)) = text.split_once('.') {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            ensure(
                (1..=3).contains(&part.len()) && digits,
                "has at most three digits after the dot",
            )?;
            // Three digits at most, as was just seen.
            let part: u64 = format!("{part:0<3}").parse().unwrap_or(0);
            whole_number(whole)?.saturating_mul(1000).saturating_add(part)
        } else {
            whole_number(text)?.saturating_mul(1000)
        };
        ensure(millis > 0, "must be more than nothing")?;
        ensure(millis <= CPU_MAX, "is more than any machine has")?;
        Ok(Self { millis })
    }
}

impl Word for Cpu {
    fn shape() -> Shape {
        Shape::word("a share of processors", &["250m", "0.5", "2"])
    }
}

impl Word for Range<Cpu> {
    fn shape() -> Shape {
        Shape::word("a share of processors or a range of them", &["250m", "100m..500m"])
    }

    fn pattern() -> Option<String> {
        Some(range_of(r"(0|[1-9][0-9]*)(m|\.[0-9]{1,3})?"))
    }
}

/// How many of the pods: a number, or a share of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodCount {
    Number(u32),
    Share(Percent),
}

impl PodCount {
    pub fn is_zero(self) -> bool {
        match self {
            Self::Number(number) => number == 0,
            Self::Share(share) => share.get() == 0,
        }
    }
}

impl fmt::Display for PodCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Share(share) => share.fmt(f),
        }
    }
}

impl FromStr for PodCount {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.ends_with('%') {
            return text.parse().map(Self::Share);
        }
        let number = u32::try_from(whole_number(text)?).ok().filter(|it| *it <= 1000);
        number.map(Self::Number).ok_or_else(|| Invalid::new("must be at most 1000"))
    }
}

impl Word for PodCount {
    fn shape() -> Shape {
        Shape::word("a number of pods or a share of them", &["1", "25%"])
    }

    fn pattern() -> Option<String> {
        Some("^(0|[1-9][0-9]{0,2}|1000|(100|[1-9]?[0-9])%)$".to_owned())
    }
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
    fn names() {
        assert_round_trip::<VariableName>("LOG_LEVEL");
        for bad in ["", "1A", "A-B", "A B"] {
            assert!(bad.parse::<VariableName>().is_err(), "{bad}");
        }
        assert_round_trip::<PortName>("metrics");
        for bad in ["", "http", "80", "a--b", "more-than-fifteen", "A"] {
            assert!(bad.parse::<PortName>().is_err(), "{bad}");
        }
        assert_round_trip::<MountPath>("/var/cache");
        for bad in ["", "/", "var", "/var/", "/a/../b", "/a b", "/a:b"] {
            assert!(bad.parse::<MountPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn amounts() {
        for text in ["100m", "2", "1500m"] {
            assert_round_trip::<Cpu>(text);
        }
        let cpu = |text: &str| text.parse::<Cpu>().map(|it| it.to_string());
        assert_eq!(cpu("0.5"), Ok("500m".into()));
        assert_eq!(cpu("1000m"), Ok("1".into()));
        assert_eq!(cpu("1.25"), Ok("1250m".into()));
        for bad in ["", "0", "m", ".5", "1.", "0.1234", "1e3", "-1", "1k", "1000001"] {
            assert!(bad.parse::<Cpu>().is_err(), "{bad}");
        }
        assert_eq!("0.1..1".parse::<Range<Cpu>>().unwrap().min.millis, 100);
        assert!("2..1".parse::<Range<Cpu>>().is_err());
        for text in ["0", "3", "25%"] {
            assert_round_trip::<PodCount>(text);
        }
        for bad in ["", "-1", "101%", "1001", "all"] {
            assert!(bad.parse::<PodCount>().is_err(), "{bad}");
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
