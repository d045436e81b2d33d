use std::fmt;
use std::str::FromStr;

use super::bounded::whole_number;
use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;

/// Numbers separated by dots, such as the `18.1` of a database engine. Ordered as versions are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    pub fn major(&self) -> u32 {
        self.0[0]
    }

    pub fn minor(&self) -> Option<u32> {
        self.0.get(1).copied()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl FromStr for Version {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const PARTS_MAX: usize = 4;
        let parts: Result<Vec<u32>, Invalid> = text.split('.').map(part).collect();
        match parts? {
            parts if parts.len() > PARTS_MAX => Err(Invalid::new("has too many parts")),
            parts => Ok(Self(parts)),
        }
    }
}

impl Word for Version {
    const QUOTED: bool = true;

    fn shape() -> Shape {
        Shape::word("a version", &["\"16\"", "\"18.1\"", "\"8.0.40\""])
    }

    fn pattern() -> Option<String> {
        Some(r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){0,3}$".to_owned())
    }
}

/// A Kubernetes minor version, such as `1.31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KubernetesVersion {
    pub minor: u32,
}

impl fmt::Display for KubernetesVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "1.{}", self.minor)
    }
}

impl FromStr for KubernetesVersion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let shape = || Invalid::new("EKS versions are `1.` and a minor version");
        let rest = text.strip_prefix('v').unwrap_or(text).strip_prefix("1.").ok_or_else(shape)?;
        let (minor, patch) = match rest.split_once('.') {
            Some((minor, patch)) => (minor, Some(patch)),
            None => (rest, None),
        };
        let minor = part(minor).map_err(|_| shape())?;
        if patch.is_some() || text.starts_with('v') {
            return Err(shape().hint(format!("Write `\"1.{minor}\"`: AWS chooses the patch.")));
        }
        Ok(Self { minor })
    }
}

impl Word for KubernetesVersion {
    const QUOTED: bool = true;

    fn shape() -> Shape {
        Shape::word("a Kubernetes version", &["\"1.31\""])
    }

    fn pattern() -> Option<String> {
        Some(r"^1\.(0|[1-9][0-9]*)$".to_owned())
    }
}

/// One version as semantic versioning has it, with or without a `v` in front.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExactVersion {
    text: String,
    numbers: [u32; 3],
}

impl ExactVersion {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Major, minor and patch.
    pub fn numbers(&self) -> [u32; 3] {
        self.numbers
    }
}

impl fmt::Display for ExactVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for ExactVersion {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (plain, rest) = match plain.find(['-', '+']) {
            Some(at) => (&plain[..at], Some(&plain[at + 1..])),
            None => (plain, None),
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        if rest.is_some_and(|rest| rest.is_empty() || !rest.chars().all(allowed)) {
            return Err(Invalid::new("what follows the numbers is not as in semantic versioning"));
        }
        let parts: Result<Vec<u32>, Invalid> = plain.split('.').map(part).collect();
        let numbers = <[u32; 3]>::try_from(parts?)
            .map_err(|_| Invalid::new("must have three numbers: major, minor and patch"))?;
        Ok(Self { text: text.to_owned(), numbers })
    }
}

impl Word for ExactVersion {
    fn shape() -> Shape {
        Shape::word("an exact version", &["1.5.1", "v1.19.4"])
    }

    fn pattern() -> Option<String> {
        let number = "(0|[1-9][0-9]*)";
        Some(format!(r"^v?{number}\.{number}\.{number}([-+][0-9A-Za-z.+-]+)?$"))
    }
}

fn part(text: &str) -> Result<u32, Invalid> {
    let number =
        whole_number(text).map_err(|_| Invalid::new("a version is made of numbers and dots"))?;
    u32::try_from(number).map_err(|_| Invalid::new("the number is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn versions() {
        for text in ["16", "18.1", "8.0.40"] {
            assert_round_trip::<Version>(text);
        }
        for bad in ["", "16.", "v16", "16.04", "1.2.3.4.5", "16-r1", "99999999999"] {
            assert!(bad.parse::<Version>().is_err(), "{bad}");
        }
        let parse = |text: &str| text.parse::<Version>().unwrap();
        assert!(parse("8.0.40") > parse("8.0.9"));
        assert!(parse("18.1") > parse("18"));
    }

    #[test]
    fn exact_versions() {
        for text in ["1.5.1", "v1.19.4", "10.0.0-rc.1", "0.16.1+build.7"] {
            assert_round_trip::<ExactVersion>(text);
        }
        for bad in ["", "1", "1.5", "1.5.x", "1.2.3.4", "v", "1.5.1-", "1.05.1", "1.5.1-ä"] {
            assert!(bad.parse::<ExactVersion>().is_err(), "{bad}");
        }
        assert_eq!("v1.19.4-rc.2".parse::<ExactVersion>().unwrap().numbers(), [1, 19, 4]);
    }

    #[test]
    fn kubernetes_versions() {
        assert_round_trip::<KubernetesVersion>("1.31");
        for bad in ["", "1", "1.", "1.31.2", "v1.31", "2.0", "1.x"] {
            assert!(bad.parse::<KubernetesVersion>().is_err(), "{bad}");
        }
    }
}
