//! What the S3 kinds share: answers about what a bucket may lack, and the parts that several configurations have.

use aws_sdk_s3::types;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::operation::BuildError;
use futures::future::BoxFuture;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::properties::properties;
use super::reply::present;
use crate::fault::Fault;

properties! {
    /// A tag that objects must have.
    TagFilter {
        key: String,
        value: String,
        ;
    }
}

/// A point in time: S3 takes midnights in UTC.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Date(pub(super) DateTime);

/// What a bucket has of something that it may lack; S3 has an error for each of them. That there is no bucket stays a
/// fault.
pub(super) fn part<T, E: Into<Fault>>(answer: Result<T, E>) -> Result<Option<T>, Fault> {
    match answer.map_err(Into::into) {
        Err(fault) if fault.code.as_deref() == Some("NoSuchBucket") => Err(fault),
        answer => present(answer),
    }
}

/// The answer of a call that is made only if somebody asks for it.
pub(super) fn ask<'a, T: Send, E: Into<Fault>>(
    asked: bool,
    call: impl Future<Output = Result<T, E>> + Send + 'a,
) -> BoxFuture<'a, Result<Option<T>, Fault>> {
    Box::pin(async move { if asked { part(call.await) } else { Ok(None) } })
}

/// All members that the SDK requires are set where this is used.
pub(super) fn incomplete(error: BuildError) -> Fault {
    Fault::bug(error.to_string())
}

/// What all of several values become.
pub(super) fn each<T, U>(
    all: &[T],
    one: impl FnMut(&T) -> Result<U, BuildError>,
) -> Result<Vec<U>, Fault> {
    all.iter().map(one).collect::<Result<_, _>>().map_err(incomplete)
}

pub(super) fn tag(key: &str, value: &str) -> Result<types::Tag, BuildError> {
    types::Tag::builder().key(key).value(value).build()
}

impl TagFilter {
    pub(super) fn of(tag: &types::Tag) -> Self {
        Self { key: tag.key.clone(), value: tag.value.clone() }
    }

    pub(super) fn to_sdk(&self) -> Result<types::Tag, BuildError> {
        tag(&self.key, &self.value)
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.fmt(Format::DateTime).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::from_str(&text, Format::DateTimeWithOffset).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;
    use crate::fault::Class;

    #[test]
    fn a_date_has_one_form() {
        for text in
            ["2030-01-01T00:00:00.000Z", "2030-01-01T00:00:00Z", "2030-01-01T01:00:00+01:00"]
        {
            let date: Date = from_value(json!(text)).unwrap();
            assert_eq!(to_value(date).unwrap(), "2030-01-01T00:00:00Z");
        }
        assert!(from_value::<Date>(json!("next year")).is_err());
    }

    #[test]
    fn what_a_bucket_lacks_is_told_from_a_missing_bucket() {
        let missing = |code: &str| {
            let fault = Fault { code: Some(code.into()), ..Fault::new(Class::NotFound, "no") };
            part::<(), Fault>(Err(fault))
        };
        assert_eq!(missing("NoSuchCORSConfiguration"), Ok(None));
        assert!(missing("NoSuchBucket").is_err());
    }
}
