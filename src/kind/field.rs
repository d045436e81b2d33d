//! The field table: everything that the planner knows about a property.

use serde::Serialize;

/// When a reference to another resource is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Need {
    /// As soon as the other one's id is known: its creation has been answered.
    Id,
    /// Once the other one works.
    Ready,
}

/// What a difference in a field leads to, as CloudFormation's *Update requires* says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnChange {
    /// *No interruption* or *Some interruptions*: an update call.
    Update,
    /// *Replacement*: another resource takes this one's place.
    Replace,
}

/// How two values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compare {
    /// As JSON; inside objects only the members that the desired side names.
    Exact,
    /// A list whose order has no meaning.
    Set,
    /// An IAM policy document, as text or as an object: one-element lists, order and case of keys have no meaning.
    Document,
    /// A number or a version (`18.1`) that the service may raise by itself and that nobody can lower: what is observed
    /// satisfies what is desired unless it is less, compared part by part (`18.3` satisfies `18.1` and `18`).
    AtLeast,
    /// Key/value pairs of which we manage those that we name (or once named): tags, mostly. Foreign keys are left alone.
    OwnedKeys,
    /// A manifest of Kubernetes: items of lists by their names, amounts in any writing, and what others put beside what is
    /// desired differs too.
    Manifest,
    /// Cannot be read back: compared with what was recorded, never with what is observed.
    WriteOnly,
}

/// Whether the create call carries a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sent {
    /// Inside the create call.
    WithCreate,
    /// As an update right after the id was journaled: the create call has no place for it.
    Late,
}

/// One row of a kind's field table.
///
/// `path` is a property's name, or a dotted path into it where parts of one property update differently
/// (`ScalingConfig.MaxSize`). The row with the longest matching path rules a difference.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    pub path: &'static str,
    /// What the property means, in a sentence; shown by `platctl kinds` and in the reference.
    pub doc: &'static str,
    pub on_change: OnChange,
    pub compare: Compare,
    pub sent: Sent,
    /// What a reference inside this field waits for.
    pub needs: Need,
}

impl Field {
    /// The path of a row for all that no other row rules.
    pub const REST: &'static str = "*";

    /// A property that an update call can change.
    pub const fn updates(path: &'static str, doc: &'static str) -> Self {
        Self::row(path, doc, OnChange::Update)
    }

    /// A property that only a replacement can change.
    pub const fn replaces(path: &'static str, doc: &'static str) -> Self {
        Self::row(path, doc, OnChange::Replace)
    }

    /// References in this field wait until the other resource works, not just for its id.
    #[must_use]
    pub const fn when_ready(mut self) -> Self {
        self.needs = Need::Ready;
        self
    }

    /// The create call cannot carry it.
    #[must_use]
    pub const fn late(mut self) -> Self {
        self.sent = Sent::Late;
        self
    }

    /// A list whose order has no meaning.
    #[must_use]
    pub const fn set(mut self) -> Self {
        self.compare = Compare::Set;
        self
    }

    /// An IAM policy document.
    #[must_use]
    pub const fn document(mut self) -> Self {
        self.compare = Compare::Document;
        self
    }

    /// A number or a version that only ever grows.
    #[must_use]
    pub const fn at_least(mut self) -> Self {
        self.compare = Compare::AtLeast;
        self
    }

    /// Key/value pairs of which only ours are managed.
    #[must_use]
    pub const fn owned_keys(mut self) -> Self {
        self.compare = Compare::OwnedKeys;
        self
    }

    /// A part of a manifest of Kubernetes.
    #[must_use]
    pub const fn manifest(mut self) -> Self {
        self.compare = Compare::Manifest;
        self
    }

    /// The API never gives it back.
    #[must_use]
    pub const fn write_only(mut self) -> Self {
        self.compare = Compare::WriteOnly;
        self
    }

    const fn row(path: &'static str, doc: &'static str, on_change: OnChange) -> Self {
        let (compare, sent, needs) = (Compare::Exact, Sent::WithCreate, Need::Id);
        Self { path, doc, on_change, compare, sent, needs }
    }
}

/// The tags of a resource, in the shape of CloudFormation's list of `Key` and `Value`.
pub const TAGS: Field =
    Field::updates("Tags", "Key/value pairs; platctl's owner tags are among them.").owned_keys();

/// The row of `fields` that rules `path`: the longest one that is `path` or a prefix of it, else that for all the rest.
pub fn ruling(fields: &'static [Field], path: &str) -> Option<&'static Field> {
    let rules = |field: &&Field| {
        path.strip_prefix(field.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let rest = || fields.iter().find(|field| field.path == Field::REST);
    fields.iter().filter(rules).max_by_key(|field| field.path.len()).or_else(rest)
}

/// An output of a kind: what others may refer to, named as CloudFormation's `Fn::GetAtt` does.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Output {
    pub name: &'static str,
    pub doc: &'static str,
    /// From when on the output is known: some come with the id, some only from a resource that works.
    pub known: Need,
    /// The rows of the field table whose update gives it another value: references to it wait for that update.
    #[serde(skip)]
    pub moved_by: &'static [&'static str],
}

impl Output {
    /// An output that is known as soon as the resource has an id.
    pub const fn with_id(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, known: Need::Id, moved_by: &[] }
    }

    /// Whether it is the output of that name; a table's name that ends in `*` stands for all with its beginning.
    pub fn gives(&self, name: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => self.name == name,
        }
    }

    /// An output that is known only once the resource works: an endpoint, say.
    pub const fn when_ready(name: &'static str, doc: &'static str) -> Self {
        Self { name, doc, known: Need::Ready, moved_by: &[] }
    }

    /// An update of one of these rows gives it another value: the number of a version, say.
    #[must_use]
    pub const fn moved_by(mut self, rows: &'static [&'static str]) -> Self {
        self.known = Need::Ready;
        self.moved_by = rows;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[Field] =
        &[Field::updates("Config", "."), Field::replaces("Config.Id", "."), TAGS];

    #[test]
    fn the_longest_path_rules() {
        let ruled = |path| ruling(FIELDS, path).map(|field| field.path);
        assert_eq!(ruled("Config.Id"), Some("Config.Id"));
        assert_eq!(ruled("Config.Id[0]"), Some("Config.Id"));
        assert_eq!(ruled("Config.Idle"), Some("Config"));
        assert_eq!(ruled("Tags.team"), Some("Tags"));
        assert_eq!(ruled("Other"), None);
    }
}
