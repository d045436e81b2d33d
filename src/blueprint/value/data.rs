use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Decode, Decoder, Invalid, Word};
use crate::blueprint::node::Node;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{InstanceType, characters, ensure, word};

word! {
    /// A node type of ElastiCache.
    pub struct CacheNodeType("a node type of ElastiCache", ["cache.t4g.micro"], |text| {
        let Some(instance) = text.strip_prefix("cache.") else {
            let plain = text.strip_prefix("db.").unwrap_or(text);
            let problem = Invalid::new("must start with `cache.`");
            return Err(match plain.parse::<InstanceType>() {
                Ok(_) => problem.hint(format!("Write `cache.{plain}`.")),
                Err(_) => problem,
            });
        };
        let plain: InstanceType = instance.parse()?;
        ensure(!plain.is_database_class(), "must be a family and a size with a dot between")
    });
}

impl CacheNodeType {
    /// Whether its nodes keep part of the data on local disks, which ElastiCache must be asked for.
    pub fn has_data_tiering(&self) -> bool {
        self.as_str().starts_with("cache.r6gd.")
    }
}

/// An attribute of a table and its type: `id`, which is text, or `created number`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    pub name: String,
    pub r#type: AttributeType,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeType {
    String,
    Number,
    Binary,
}

impl AttributeType {
    const ALL: [Self; 3] = [Self::String, Self::Number, Self::Binary];

    const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Binary => "binary",
        }
    }

    /// As DynamoDB writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::String => "S",
            Self::Number => "N",
            Self::Binary => "B",
        }
    }
}

impl fmt::Display for AttributeType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.r#type)
    }
}

impl FromStr for Attribute {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (name, word) = text.split_once(' ').unwrap_or((text, "string"));
        attribute_name(name.trim_end_matches(':'))?;
        let word = word.trim();
        if let Some(r#type) = AttributeType::ALL.into_iter().find(|it| it.as_str() == word)
            && !name.ends_with(':')
        {
            return Ok(Self { name: name.to_owned(), r#type });
        }
        let name = name.trim_end_matches(':');
        let meant = AttributeType::ALL
            .into_iter()
            .find(|it| it.as_str() == word.to_lowercase() || it.code().eq_ignore_ascii_case(word));
        let meant = meant.unwrap_or(AttributeType::String);
        Err(Invalid::new("must be a name, and a type after a space")
            .hint(format!("Write `{name} {meant}`; types are `string`, `number` and `binary`.")))
    }
}

impl Word for Attribute {
    fn shape() -> Shape {
        Shape::word("an attribute with its type", &["id", "created number"])
    }
}

word! {
    /// The name of an attribute of a table.
    pub struct AttributeName("the name of an attribute", ["expires"], attribute_name);
}

fn attribute_name(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_graphic() && !"\"'`:,".contains(c);
    characters(text, 1, 255, allowed, "letters, digits and most punctuation")
}

word! {
    /// The name of a bucket, which no other account has.
    pub struct BucketName("the name of a bucket", ["shop-assets-123456789012"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        characters(text, 3, 63, allowed, "lower-case letters, digits and hyphens")?;
        ensure(!text.starts_with('-') && !text.ends_with('-'), "begins or ends with a hyphen")?;
        for reserved in ["xn--", "sthree-", "amzn-s3-demo-"] {
            ensure(!text.starts_with(reserved), format!("`{reserved}` at the start is reserved"))?;
        }
        for reserved in ["-s3alias", "--ol-s3", "--x-s3", "--table-s3"] {
            ensure(!text.ends_with(reserved), format!("`{reserved}` at the end is reserved"))?;
        }
        Ok(())
    });
}

word! {
    /// What the keys of objects begin with: a path, without `/` at its ends.
    pub struct ObjectPrefix("the beginning of keys", ["platctl", "team/platctl"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/!-_.*'()".contains(c);
        characters(text, 1, 512, allowed, "letters, digits and `/!-_.*'()`")?;
        ensure(text.split('/').all(|part| !part.is_empty()), "has an empty part, or a `/` at its end")
    });
}

word! {
    /// The name of a table of DynamoDB.
    pub struct TableName("the name of a table", ["terraform-locks"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        characters(text, 3, 255, allowed, "letters, digits and `_.-`")
    });
}

word! {
    /// The path of a parameter in Parameter Store.
    pub struct ParameterPath("the path of a parameter", ["/shop/feature-flags"], |text| {
        const LEVELS_MAX: usize = 15;
        let Some(path) = text.strip_prefix('/') else {
            return Err(Invalid::new("must start with `/`").hint(format!("Write `/{text}`.")));
        };
        for level in path.split('/') {
            ensure(!level.is_empty(), "has an empty level")?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            characters(level, 1, 900, allowed, "letters, digits and `_.-`")?;
        }
        ensure(path.split('/').count() <= LEVELS_MAX, "has more than 15 levels")?;
        // 1011 for the whole ARN, of which about a hundred stand before the path.
        ensure(text.len() <= 900, "has more than 900 characters")?;
        let lower = path.to_ascii_lowercase();
        for reserved in ["aws", "ssm"] {
            ensure(!lower.starts_with(reserved), format!("`/{reserved}` at the start is reserved"))?;
        }
        Ok(())
    });
}

word! {
    /// An email address.
    pub struct EmailAddress("an email address", ["ops@example.com"], |text| {
        let (user, domain) = text.split_once('@').unwrap_or((text, ""));
        let host = |label: &str| !label.is_empty();
        let valid = !user.is_empty() && domain.contains('.') && domain.split('.').all(host);
        ensure(valid, "must be a name and a domain with `@` between")?;
        let allowed = |c: char| c.is_ascii_graphic();
        characters(domain, 1, 253, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.', "letters, digits, hyphens and dots")?;
        characters(user, 1, 64, allowed, "printable ASCII characters without spaces")
    });
}

word! {
    /// A URL that is called over TLS.
    pub struct HttpsUrl("an `https` URL", ["https://hooks.example.com/alerts"], |text| {
        let Some(rest) = text.strip_prefix("https://") else {
            let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
            return Err(Invalid::new("must start with `https://`")
                .hint(format!("Write `https://{rest}`: nothing is sent without TLS.")));
        };
        ensure(!rest.is_empty() && !rest.starts_with('/'), "the host is missing")?;
        let allowed = |c: char| c.is_ascii_graphic();
        characters(text, 9, 2048, allowed, "printable ASCII characters without spaces")
    });
}

/// A mapping of anything, handed on as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Values(pub serde_json::Value);

impl Decode for Values {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        decoder.mapping(node, "Write `{}` for none.")?;
        serde_json::Value::decode(node, decoder).map(Self)
    }

    fn shape() -> Shape {
        let key = Shape::word("a key of the values", &["replicaCount"]);
        Shape::Map { key: Box::new(key), value: Box::new(Shape::Any) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    fn refuses<T: FromStr>(texts: &[&str]) {
        for text in texts {
            assert!(text.parse::<T>().is_err(), "{text} must be refused");
        }
    }

    #[test]
    fn attributes() {
        assert_round_trip::<Attribute>("id string");
        assert_eq!("id".parse::<Attribute>().unwrap().r#type, AttributeType::String);
        assert_eq!("created number".parse::<Attribute>().unwrap().r#type.code(), "N");
        let hint = |text: &str| text.parse::<Attribute>().unwrap_err().hint.unwrap();
        for text in ["created: N", "created Number", "created n", "created: number"] {
            assert!(hint(text).starts_with("Write `created number`;"), "{text}");
        }
        refuses::<Attribute>(&["", "id text", "id string x", "a\"b"]);
    }

    #[test]
    fn node_types() {
        assert_round_trip::<CacheNodeType>("cache.r6gd.xlarge");
        assert!("cache.r6gd.xlarge".parse::<CacheNodeType>().unwrap().has_data_tiering());
        let hint = |text: &str| text.parse::<CacheNodeType>().unwrap_err().hint;
        assert_eq!(hint("db.t3.micro").unwrap(), "Write `cache.t3.micro`.");
        assert_eq!(hint("t3.micro").unwrap(), "Write `cache.t3.micro`.");
        refuses::<CacheNodeType>(&["", "cache.", "cache.t3", "cache.db.t3.micro", "cache"]);
    }

    #[test]
    fn names_and_addresses() {
        assert_round_trip::<ObjectPrefix>("team/platctl");
        refuses::<ObjectPrefix>(&["", "/a", "a/", "a//b", "ä"]);
        assert_round_trip::<TableName>("terraform-locks");
        refuses::<TableName>(&["", "ab", "a b"]);
        assert_round_trip::<BucketName>("shop-assets");
        refuses::<BucketName>(&["", "ab", "Shop", "a.b.c", "-abc", "abc-", "xn--abc", "a-s3alias"]);
        assert_round_trip::<ParameterPath>("/shop/a_b.c");
        refuses::<ParameterPath>(&["", "/", "shop", "/a//b", "/a/", "/aws/a", "/SSM-a", "/a b"]);
        assert_round_trip::<EmailAddress>("ops+alerts@example.com");
        refuses::<EmailAddress>(&["", "ops", "@example.com", "ops@example", "a b@example.com"]);
        assert_round_trip::<HttpsUrl>("https://example.com/a?b=c");
        refuses::<HttpsUrl>(&["", "http://example.com", "https://", "https:///a", "https://a b"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,24}") {
            let _ = text.parse::<Attribute>();
            let _ = text.parse::<CacheNodeType>();
            let _ = text.parse::<BucketName>();
            let _ = text.parse::<ParameterPath>();
            let _ = text.parse::<EmailAddress>();
            let _ = text.parse::<HttpsUrl>();
        }
    }
}
