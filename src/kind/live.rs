//! What is observed of a resource, as data.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Owner, PhysicalId};

/// What a resource gives to those that refer to it, by CloudFormation's attribute names.
pub type Outputs = BTreeMap<String, String>;

/// Whether a resource works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    Ready,
    /// On its way; the text is the service's own word for the state (`CREATING`).
    Pending(Cow<'static, str>),
    /// Will never work as it is; the text is the service's reason. Replaced by the next apply.
    Failed(String),
    /// On its way out: counts as absent once it is gone.
    Deleting,
}

/// How to find a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// By the id that was recorded, or that the spec determines.
    Id(PhysicalId),
    /// By its owner tags. `except` are ids known to be another generation: the half of a replacement that must go.
    Owner { owner: Owner, except: Vec<PhysicalId> },
}

/// What an observed object is compared with: the specs whose members count. By default none, which asks whether it is
/// there, whose it is, and whether it works.
#[derive(Clone, Debug, Default)]
pub struct Compared<'a>(Vec<&'a Value>);

/// One object that a read is to find.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub lookup: Lookup,
    pub compared: Compared<'a>,
}

impl<'a> Compared<'a> {
    pub fn with(spec: &'a Value) -> Self {
        Self(vec![spec])
    }

    /// Whether a spec names the property, or the part of one: `DistributionConfig.Logging`.
    pub fn has(&self, path: &str) -> bool {
        let member = |value: &'a Value, name| value.get(name);
        self.0.iter().any(|spec| path.split('.').try_fold(*spec, member).is_some())
    }

    /// What any of several are compared with.
    pub(super) fn union<'b>(all: impl IntoIterator<Item = &'b Self>) -> Self
    where
        'a: 'b,
    {
        Self(all.into_iter().flat_map(|compared| &compared.0).copied().collect())
    }
}

impl Wanted<'_> {
    /// Only whether it is there, whose it is, and whether it works.
    pub fn uncompared(lookup: Lookup) -> Self {
        Self { lookup, compared: Compared::default() }
    }
}

/// A live object, seen through its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    pub id: PhysicalId,
    /// Who its tags say owns it; `None` for kinds without tags and for foreign objects.
    pub owner: Option<Owner>,
    /// All properties that the service tells, in the form of the kind's spec.
    pub spec: Value,
    pub outputs: Outputs,
    pub readiness: Readiness,
}

/// The values for [`Outputs`], where present: `outputs([("VpcId", Some(id))])`.
pub fn outputs<const N: usize>(values: [(&str, Option<&str>); N]) -> Outputs {
    let known = values.into_iter().filter_map(|(name, value)| Some((name.into(), value?.into())));
    known.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_counts_if_a_spec_names_it() {
        let (bucket, site) =
            (json!({"BucketName": "a"}), json!({"Config": {"Logging": {"Bucket": "a"}}}));
        let both = Compared::union([&Compared::with(&bucket), &Compared::with(&site)]);
        for path in ["BucketName", "Config", "Config.Logging", "Config.Logging.Bucket"] {
            assert!(both.has(path), "{path}");
        }
        for path in ["Config.Enabled", "BucketName.Logging", "Logging"] {
            assert!(!both.has(path), "{path}");
        }
        assert!(!Compared::default().has("BucketName"));
    }
}
