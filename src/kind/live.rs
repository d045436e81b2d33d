//! What is observed of a resource, as data.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Owner, PhysicalId};
use crate::kind::{Packed, Token};

/// What a resource gives to those that refer to it, by CloudFormation's attribute names.
pub type Outputs = BTreeMap<String, String>;

/// Whether a resource works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Readiness {
    Ready,
    /// Works once a person outside has confirmed it. Nobody waits for that; until then it can neither be read in full,
    /// nor changed, nor deleted: the service drops it by itself.
    Unconfirmed,
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
    /// `tokens` are those of creations of which nobody knows what came of them: where the create call carries no tags, a
    /// token is all that tells whose the object is.
    Owner { owner: Owner, except: Arc<BTreeSet<PhysicalId>>, tokens: Vec<Token> },
}

impl Lookup {
    /// The id of a lookup by id.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id.as_str()),
            Self::Owner { .. } => None,
        }
    }
}

/// What an observed object is compared with. By default nothing, which asks whether it is there, whose it is, and whether
/// it works.
#[derive(Clone, Debug, Default)]
pub struct Compared<'a> {
    /// The specs whose members count.
    specs: Vec<Said<'a>>,
    /// As it was left when it was last known to work.
    left: Option<&'a Packed>,
}

/// Who says which members count.
#[derive(Clone, Copy, Debug)]
enum Said<'a> {
    Desired(&'a Value),
    Recorded(&'a Packed),
}

impl<'a> Said<'a> {
    fn open(self) -> Cow<'a, Value> {
        match self {
            Self::Desired(spec) => Cow::Borrowed(spec),
            Self::Recorded(spec) => Cow::Owned(spec.open()),
        }
    }
}

/// One object that a read is to find.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    pub lookup: Lookup,
    pub compared: Compared<'a>,
}

impl<'a> Compared<'a> {
    pub fn with(spec: &'a Value) -> Self {
        Self { specs: vec![Said::Desired(spec)], left: None }
    }

    /// With what is recorded of something that nobody desires any more.
    pub fn with_recorded(spec: &'a Packed) -> Self {
        Self { specs: vec![Said::Recorded(spec)], left: None }
    }

    /// With the spec that is recorded of what last was known to work.
    #[must_use]
    pub fn as_left(self, recorded: &'a Packed) -> Self {
        Self { left: Some(recorded), ..self }
    }

    /// The specs whose members count, and as it was left: what was applied once and is said no more counts, too.
    pub fn specs(&self) -> Vec<Cow<'a, Value>> {
        let left = self.left.map(Said::Recorded);
        self.specs.iter().copied().chain(left).map(Said::open).collect()
    }

    /// Whether a spec names the property, or the part of one: `DistributionConfig.Logging`.
    pub fn has(&self, path: &str) -> bool {
        let has = |spec: &Value| path.split('.').try_fold(spec, |it, name| it.get(name)).is_some();
        self.specs.iter().any(|spec| has(&spec.open()))
    }

    /// Whether what an index tells of a property is how it was left.
    ///
    /// An index answers for many objects at once, and lags behind the service. So it may confirm what is known, which
    /// spares a call for each object, but it proves no change: what it contradicts or does not know, and an object of
    /// which nothing is known to work, is asked of the service itself.
    pub fn confirms(&self, property: &str, indexed: impl Serialize) -> bool {
        let Some(left) = self.left.map(Packed::open) else { return false };
        let Some(left) = left.get(property) else { return !self.has(property) };
        serde_json::to_value(indexed).is_ok_and(|indexed| holds(&indexed, left))
    }

    /// What any of several are compared with.
    pub(super) fn union<'b>(all: impl IntoIterator<Item = &'b Self>) -> Self
    where
        'a: 'b,
    {
        let mut union = Self::default();
        for Self { specs, left } in all {
            union.specs.extend(specs);
            union.left = union.left.or(*left);
        }
        union
    }
}

/// Whether `whole` has all that `part` has: more members, and more items, such as tags of others, do not count.
fn holds(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(name, part)| whole.get(name).is_some_and(|whole| holds(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => part.iter().all(|item| whole.contains(item)),
        _ => whole == part,
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

    #[test]
    fn an_index_confirms_what_was_left_and_nothing_else() {
        let tags = |value: &str| json!([{"Key": "a", "Value": value}]);
        let (desired, recorded) =
            (json!({"Tags": tags("2"), "Key": "k"}), json!({"Tags": tags("1"), "Size": 1}));
        let recorded = Packed::from(recorded);
        let compared = Compared::with(&desired).as_left(&recorded);
        assert!(compared.confirms("Tags", tags("1")), "as it was left");
        let more = json!([{"Key": "theirs", "Value": "x"}, {"Key": "a", "Value": "1"}]);
        assert!(compared.confirms("Tags", more), "with tags of others");
        assert!(!compared.confirms("Tags", tags("2")), "a change that only the index has seen");
        assert!(!compared.confirms("Tags", json!([])), "not known to the index");
        assert!(compared.confirms("Name", "x"), "nobody manages it");
        assert!(!compared.confirms("Key", "k"), "it was not managed before");
        assert!(!Compared::with(&desired).confirms("Tags", tags("2")), "nothing was left");
        let union = Compared::union([&Compared::with(&desired), &compared]);
        assert!(union.confirms("Tags", tags("1")));
    }
}
