//! The values that people write by hand, each a type of its own that parses, checks and prints.

mod aws;
mod bounded;
mod chart;
mod data;
mod function;
mod image;
mod kubernetes;
mod measure;
mod name;
mod net;
mod quantity;
mod resource;
mod time;
mod version;

pub use super::decode::Invalid;
pub use aws::{
    AccessPolicy, AddonName, AddonVersion, Arn, ConfigRuleName, CountryCode, DatabaseIdentifier,
    DimensionName, EndpointService, GroupDescription, IamAction, InstanceType, LogGroupName,
    ParameterName, Region, RoleArn, SslPolicy, TagKey, Trusted, ZoneName,
};
pub use bounded::{Days, Gib, Int, Kib, Mib, Seconds};
pub use chart::{ChartName, ChartRepository, ChartVersion, FilePath, Namespace, ObjectName};
pub use data::{
    Attribute, AttributeName, AttributeType, BucketName, CacheNodeType, EmailAddress, HttpsUrl,
    ObjectPrefix, ParameterPath, TableName, Values,
};
pub use function::{Handler, ObjectKey, Runtime, Schedule};
pub use image::{Image, ImageVersion};
pub use kubernetes::{
    Cpu, LabelKey, LabelValue, MountPath, PodCount, PortName, ServiceAccount, VariableName,
};
pub use measure::{Measure, Unit};
pub(crate) use name::NAME_PATTERN;
pub use name::Name;
pub use net::{
    Cidr, ClaimName, DomainName, HeaderName, HostPattern, HttpPath, PathPattern, Port, RecordName,
    RootObject, StatusCodes, is_path_within,
};
pub use quantity::{Percent, Range, Size};
pub use resource::{CloudId, KindName, Place, Properties, ResourceAddress};
pub use time::{DailyWindow, Duration, OrNone, Retention, WeeklyWindow};
pub use version::{ExactVersion, KubernetesVersion, Version};

/// Declares a string type: its name with article, examples, what makes a text valid, and the pattern of valid texts.
macro_rules! word {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident($what:literal, $examples:expr, $check:expr $(, $pattern:expr)?);
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::blueprint::decode::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let check: fn(&str) -> Result<(), Self::Err> = $check;
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        impl $crate::blueprint::decode::Word for $name {
            fn shape() -> $crate::blueprint::shape::Shape {
                $crate::blueprint::shape::Shape::word($what, &$examples)
            }

            $(fn pattern() -> Option<String> {
                Some(format!("^({})$", $pattern))
            })?
        }
    };
}
pub(crate) use word;

/// Fails with a reason unless a condition holds.
fn ensure(condition: bool, reason: impl Into<String>) -> Result<(), Invalid> {
    if condition { Ok(()) } else { Err(Invalid::new(reason)) }
}

/// Fails unless the text has `min` to `max` characters, all of them as `allowed` says.
fn characters(
    text: &str,
    min: usize,
    max: usize,
    allowed: fn(char) -> bool,
    which: &str,
) -> Result<(), Invalid> {
    ensure(!text.is_empty() || min == 0, "is empty")?;
    if let Some(other) = text.chars().find(|c| !allowed(*c)) {
        let other = match other {
            ' ' => "a space".to_owned(),
            other => format!("`{}`", other.escape_debug()),
        };
        return Err(Invalid::new(format!("has {other}")).hint(format!("Only {which} are allowed.")));
    }
    let length = text.chars().count();
    ensure(
        (min..=max).contains(&length),
        format!("has {length} characters, must have {min} to {max}"),
    )
}

#[cfg(test)]
pub(crate) fn assert_round_trip<T>(text: &str)
where
    T: std::str::FromStr<Err = Invalid> + std::fmt::Display + PartialEq + std::fmt::Debug,
{
    let value: T = text.parse().unwrap();
    assert_eq!(value.to_string().parse::<T>().unwrap(), value, "{text}");
}
