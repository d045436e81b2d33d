//! What is observed of a resource, as data.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

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
    Owner { owner: Owner, except: Arc<BTreeSet<PhysicalId>> },
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
