use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{characters, ensure};

/// A container image: `order-service`, `order-service:1.4`, or with the registry that has it,
/// `ghcr.io/shop/order-service:1.4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The host of its registry; `None` for one of this blueprint.
    pub registry: Option<String>,
    /// Its repository in the registry: `shop/order-service`.
    pub repository: String,
    /// A tag or a digest.
    pub version: Option<ImageVersion>,
}

impl Image {
    /// What stands behind its repository: `:1.4`, `@sha256:…`; `:latest` if nothing was said.
    pub fn suffix(&self) -> String {
        match &self.version {
            Some(ImageVersion::Tag(tag)) => format!(":{tag}"),
            Some(ImageVersion::Digest(digest)) => format!("@{digest}"),
            None => ":latest".into(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageVersion {
    Tag(String),
    /// With its algorithm: `sha256:…`.
    Digest(String),
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(registry) = &self.registry {
            write!(f, "{registry}/")?;
        }
        f.write_str(&self.repository)?;
        match &self.version {
            Some(ImageVersion::Tag(tag)) => write!(f, ":{tag}"),
            Some(ImageVersion::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Image {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (registry, path) = match text.split_once('/') {
            Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => {
                (Some(host), path)
            }
            _ => (None, text),
        };
        let (repository, version) = match (path.split_once('@'), path.split_once(':')) {
            (Some((repository, digest)), _) => {
                (repository, Some(ImageVersion::Digest(digest.to_owned())))
            }
            (None, Some((repository, tag))) => {
                (repository, Some(ImageVersion::Tag(tag.to_owned())))
            }
            (None, None) => (path, None),
        };
        if let Some(host) = registry {
            let allowed = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
            characters(host, 1, 255, allowed, "letters, digits, dots and hyphens")?;
        }
        repository.split('/').try_for_each(segment)?;
        // `CreateRepository` of ECR allows 256, with the stack's name before it.
        ensure(repository.len() <= 160, "the repository has more than 160 characters")?;
        match &version {
            Some(ImageVersion::Tag(tag)) => {
                let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                characters(tag, 1, 128, allowed, "letters, digits and `_.-`")?;
            }
            Some(ImageVersion::Digest(digest)) => {
                let hexadecimal = digest.strip_prefix("sha256:").filter(|hash| {
                    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
                });
                ensure(hexadecimal.is_some(), "a digest is `sha256:` and 64 hexadecimal digits")?;
            }
            None => {}
        }
        Ok(Self {
            registry: registry.map(ToOwned::to_owned),
            repository: repository.to_owned(),
            version,
        })
    }
}

fn segment(text: &str) -> Result<(), Invalid> {
    ensure(!text.is_empty(), "has an empty part")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.-".contains(c);
    characters(text, 1, 160, allowed, "lower-case letters, digits and `_.-`")?;
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let mut letters = text.chars();
    let (first, last) = (letters.clone().next(), letters.next_back());
    ensure(edge(first) && edge(last), "a part must begin and end with a letter or digit")
}

impl Word for Image {
    fn shape() -> Shape {
        let examples = &["order-service", "order-service:1.4", "ghcr.io/shop/order-service:1.4"];
        Shape::word("a container image", examples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    #[test]
    fn images() {
        for text in ["order-service", "team/order:1.4", "ghcr.io/shop/order:v1", "localhost/a"] {
            assert_round_trip::<Image>(text);
        }
        assert_round_trip::<Image>(&format!("ghcr.io/a@sha256:{}", "0".repeat(64)));
        let parse = |text: &str| text.parse::<Image>().unwrap();
        assert_eq!(parse("registry:5000/a/b:c").registry.unwrap(), "registry:5000");
        assert_eq!(parse("team/order:1.4").repository, "team/order");
        assert_eq!(parse("team/order").registry, None);
        for bad in ["", "Order", "order:", "a//b", "/a", "a@sha256:0", "a b", "ghcr.io/", "-a"] {
            assert!(bad.parse::<Image>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,24}") {
            let _ = text.parse::<Image>();
        }
    }
}
