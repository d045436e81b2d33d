//! Owner tags, and the two shapes in which services carry tags.
//!
//! The owner tags say whose a resource is. The graph puts them into the `Tags` property of every taggable resource, so
//! they are created, compared and healed like any other tag.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::{Owner, Stack};

/// The tag whose value is the stack.
pub const STACK_TAG: &str = "platctl:stack";
/// The tag whose value is the resource's address.
pub const ADDRESS_TAG: &str = "platctl:address";
/// The tag of what is to be retained, with [`RETAIN`]: nobody's to delete, should its record be lost.
pub const DELETION_TAG: &str = "platctl:deletion";
pub const RETAIN: &str = "retain";
/// Tags with this prefix are AWS's own and cannot be set.
const RESERVED_PREFIX: &str = "aws:";

/// Tags as most CloudFormation types write them: a list of `Key` and `Value`, here always in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(pub BTreeMap<String, String>);

/// Tags as a few CloudFormation types write them (`AWS::EKS::Nodegroup`): a mapping.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagMap(pub BTreeMap<String, String>);

/// What turns one set of tags into another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagChange {
    /// Keys to add or overwrite, with their values.
    pub set: BTreeMap<String, String>,
    /// Keys to remove.
    pub remove: Vec<String>,
}

/// The owner tags of a resource.
pub fn of_owner(owner: &Owner) -> BTreeMap<String, String> {
    [(STACK_TAG, owner.stack.as_str()), (ADDRESS_TAG, owner.address.as_str())]
        .map(|(key, value)| (key.into(), value.into()))
        .into()
}

/// Whose a resource with these tags is. `None` without both owner tags.
pub fn owner(tags: &BTreeMap<String, String>) -> Option<Owner> {
    let stack = Stack::new(tags.get(STACK_TAG)?);
    Some(Owner { stack, address: tags.get(ADDRESS_TAG)?.parse().ok()? })
}

/// From one set of tags to another; AWS's own tags are left alone.
pub fn change(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> TagChange {
    let differs = |(key, value): &(&String, &String)| from.get(*key) != Some(*value);
    let gone = |key: &&String| !to.contains_key(*key) && !key.starts_with(RESERVED_PREFIX);
    TagChange {
        set: to.iter().filter(differs).map(|(k, v)| (k.clone(), v.clone())).collect(),
        remove: from.keys().filter(gone).cloned().collect(),
    }
}

/// From one optional `Tags` property to another: what an update has to send.
pub fn change_of<'a, T>(from: &'a Option<T>, to: &'a Option<T>) -> TagChange
where
    &'a T: Into<&'a BTreeMap<String, String>>,
{
    let none = BTreeMap::new();
    let of = |tags: &'a Option<T>| tags.as_ref().map(Into::into);
    change(of(from).unwrap_or(&none), of(to).unwrap_or(&none))
}

impl Tags {
    /// From a reply's pairs, without AWS's own tags.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(pairs.into_iter().filter(|(key, _)| !key.starts_with(RESERVED_PREFIX)).collect())
    }
}

impl TagMap {
    /// From a reply's pairs, without AWS's own tags.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(Tags::read(pairs).0)
    }
}

impl<'a> From<&'a Tags> for &'a BTreeMap<String, String> {
    fn from(tags: &'a Tags) -> Self {
        &tags.0
    }
}

impl<'a> From<&'a TagMap> for &'a BTreeMap<String, String> {
    fn from(tags: &'a TagMap) -> Self {
        &tags.0
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Pair<T> {
    key: T,
    value: T,
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| Pair { key, value }))
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<Pair<String>>::deserialize(deserializer)?;
        Ok(Self(pairs.into_iter().map(|pair| (pair.key, pair.value)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect()
    }

    #[test]
    fn owner_tags_name_the_owner() {
        let owned =
            Owner { stack: Stack::new("shop-dev"), address: "network/vpc".parse().unwrap() };
        assert_eq!(owner(&of_owner(&owned)), Some(owned));
        assert_eq!(owner(&tags(&[(STACK_TAG, "shop-dev")])), None);
    }

    #[test]
    fn a_change_sets_what_differs_and_removes_what_is_gone() {
        let from = tags(&[("a", "1"), ("b", "1"), ("c", "1"), ("aws:x", "1")]);
        let change = change(&from, &tags(&[("a", "1"), ("b", "2"), ("d", "1")]));
        assert_eq!(change.set, tags(&[("b", "2"), ("d", "1")]));
        assert_eq!(change.remove, ["c"]);
    }

    #[test]
    fn tags_are_a_list_of_keys_and_values() {
        let list = serde_json::json!([{"Key": "a", "Value": "1"}]);
        let tags: Tags = serde_json::from_value(list.clone()).unwrap();
        assert_eq!(serde_json::to_value(tags).unwrap(), list);
    }
}
