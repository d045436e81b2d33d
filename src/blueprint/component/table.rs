//! `tables`: tables of DynamoDB with their indexes.

use std::collections::BTreeMap;

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Attribute, AttributeName, AttributeType, Days, Int, Name, OrNone};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A table of DynamoDB: encrypted, and restorable to any second of the last weeks.
    pub struct Table("a table") {
        /// What tells its items apart.
        pub primary_key: PrimaryKey,
        /// Other keys by which all items can be asked for.
        pub indexes: BTreeMap<Name, Spanned<GlobalIndex>>,
        /// Other orders of the items of one partition; they can only be made with the table.
        pub local_indexes: BTreeMap<Name, Spanned<LocalIndex>>,
        /// How it is paid for.
        pub billing: Spanned<Billing> = "on-demand",
        /// The attribute that says, in seconds since 1970, when an item expires.
        pub ttl: Option<Spanned<AttributeName>>,
        /// How far back it can be restored; `none` turns that off.
        pub recovery: OrNone<Days<1, 35>> = "35d",
        /// What of a changed item goes to the table's stream; there is none if nothing is said.
        pub stream: Option<StreamView>,
        /// What storage and requests cost.
        pub class: TableClass = "standard",
        /// The key that encrypts it; one of DynamoDB if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// Refuses to delete the table.
        pub deletion_protection: bool = "true",
        /// Takes a backup before the table is deleted.
        pub final_backup: bool = "true",
    }
}

schema! {
    /// What tells the items of a table apart.
    pub struct PrimaryKey("a primary key") {
        /// The attribute that spreads items, with its type: `customer`, which is text, or `id number`.
        pub partition: Spanned<Attribute>,
        /// The attribute that orders the items of one partition.
        pub sort: Option<Spanned<Attribute>>,
    }
}

schema! {
    /// Another key by which all items can be asked for.
    pub struct GlobalIndex("an index") {
        /// The attribute that spreads items.
        pub partition: Spanned<Attribute>,
        /// The attribute that orders the items of one partition.
        pub sort: Option<Spanned<Attribute>>,
        /// The attributes that it holds.
        pub project: Spanned<Projection> = "all",
        /// Its own capacity; that of the table if nothing is said.
        pub capacity: Option<Spanned<Capacity>>,
    }
}

schema! {
    /// Another order of the items of one partition.
    pub struct LocalIndex("a local index") {
        /// The attribute that orders them.
        pub sort: Spanned<Attribute>,
        /// The attributes that it holds.
        pub project: Spanned<Projection> = "all",
    }
}

/// The attributes that an index holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Projection {
    All,
    Keys,
    /// The keys and these.
    Also(Vec<Spanned<AttributeName>>),
}

schema! {
    /// The attributes that an index holds.
    enum Whole {
        /// All.
        All = "all",
        /// Those of the keys of table and index.
        Keys = "keys",
    }
}

impl Decode for Projection {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Sequence(_) => Vec::decode(node, decoder).map(Self::Also),
            Value::Null | Value::Scalar(_) | Value::Mapping(_) => {
                Whole::decode(node, decoder).map(|whole| match whole {
                    Whole::All => Self::All,
                    Whole::Keys => Self::Keys,
                })
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![Whole::shape(), Vec::<AttributeName>::shape()])
    }
}

/// How a table is paid for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Billing {
    OnDemand,
    Provisioned(Capacity),
}

schema! {
    /// How a table is paid for.
    enum BillingWord {
        /// By the request.
        OnDemand = "on-demand",
    }
}

schema! {
    /// How many requests there may be in a second.
    pub struct Capacity("a capacity") {
        /// Reads of 4 KiB.
        pub read: Int<1, 40_000>,
        /// Writes of 1 KiB.
        pub write: Int<1, 40_000>,
    }
}

impl Copy for Capacity {}

impl Decode for Billing {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => Capacity::decode(node, decoder).map(Self::Provisioned),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => {
                BillingWord::decode(node, decoder).map(|BillingWord::OnDemand| Self::OnDemand)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![BillingWord::shape(), Capacity::shape()])
    }
}

schema! {
    /// What of a changed item goes to the stream.
    pub enum StreamView {
        /// Its key.
        Keys = "keys",
        /// What it is now.
        New = "new",
        /// What it was.
        Old = "old",
        /// What it was and is now.
        Both = "both",
    }
}

schema! {
    /// The class of a table.
    pub enum TableClass {
        /// For what is read and written often.
        Standard = "standard",
        /// Cheaper to keep and dearer to use.
        InfrequentAccess = "infrequent-access",
    }
}

impl Table {
    /// Every attribute of a key, of table and indexes alike; some more than once.
    pub fn key_attributes(&self) -> impl Iterator<Item = &Spanned<Attribute>> {
        let PrimaryKey { partition, sort } = &self.primary_key;
        let global = self.indexes.values();
        let global = global.flat_map(|index| [Some(&index.partition), index.sort.as_ref()]);
        let local = self.local_indexes.values().map(|index| Some(&index.sort));
        [Some(partition), sort.as_ref()].into_iter().chain(global).chain(local).flatten()
    }
}

/// `CreateTable` in the API reference: global and local indexes of a table.
const GLOBAL_INDEXES_MAX: usize = 20;
const LOCAL_INDEXES_MAX: usize = 5;
/// `CreateTable` in the API reference: the shortest name of an index.
const INDEX_NAME_MIN: usize = 3;

impl Component for Table {
    const TYPE: ComponentType = ComponentType::Table;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        self.check_attributes(check);
        let PrimaryKey { partition, sort } = &self.primary_key;
        check_pair(partition, sort.as_ref(), check);
        for (name, index) in &self.indexes {
            check_pair(&index.partition, index.sort.as_ref(), check);
            check_index(name, index.span, &index.project, check);
            if let (Billing::OnDemand, Some(capacity)) = (self.billing.value, &index.capacity) {
                check.report(
                    Diagnostic::error("an index of a table on demand has no capacity")
                        .at(capacity.span, "sets one")
                        .also(self.billing.span, "how the table is paid for")
                        .hint("Set `billing: {read: …, write: …}` of the table, or leave it out."),
                );
            }
        }
        for (name, index) in &self.local_indexes {
            check_index(name, index.span, &index.project, check);
            self.check_local(name, index, check);
        }
        let counts = [
            (self.indexes.len(), GLOBAL_INDEXES_MAX, "indexes"),
            (self.local_indexes.len(), LOCAL_INDEXES_MAX, "local indexes"),
        ];
        for (count, max, what) in counts {
            if count > max {
                check.report(
                    Diagnostic::error(format!("more than {max} {what}"))
                        .at(at, format!("has {count}")),
                );
            }
        }
    }
}

impl Table {
    /// An attribute has one type, and one that expires items is a number.
    fn check_attributes(&self, check: &mut Check<'_>) {
        let mut seen: Vec<&Spanned<Attribute>> = Vec::new();
        for attribute in self.key_attributes() {
            match seen.iter().find(|it| it.name == attribute.name) {
                Some(first) if first.r#type != attribute.r#type => check.report(
                    Diagnostic::error(format!("attribute `{}` has two types", attribute.name))
                        .at(attribute.span, format!("a {} here", attribute.r#type))
                        .also(first.span, format!("a {} here", first.r#type)),
                ),
                Some(_) => {}
                None => seen.push(attribute),
            }
        }
        let Some(ttl) = &self.ttl else { return };
        let expires = seen.iter().find(|it| it.name == ttl.as_str());
        if let Some(attribute) = expires.filter(|it| it.r#type != AttributeType::Number) {
            check.report(
                Diagnostic::error(format!("`{ttl}` cannot say when an item expires"))
                    .at(ttl.span, "must be a number")
                    .also(attribute.span, format!("a {} here", attribute.r#type)),
            );
        }
    }

    fn check_local(&self, name: &Name, index: &Spanned<LocalIndex>, check: &mut Check<'_>) {
        let PrimaryKey { partition, sort } = &self.primary_key;
        match sort {
            None => check.report(
                Diagnostic::error("a table without a sort key has no local indexes")
                    .at(index.sort.span, "orders the items of one partition")
                    .also(partition.span, "each of these has one item"),
            ),
            Some(sort) if sort.name == index.sort.name => check.report(
                Diagnostic::error(format!("local index `{name}` is the order of the table itself"))
                    .at(index.sort.span, "the same attribute")
                    .also(sort.span, "the sort key"),
            ),
            Some(_) => check_pair(partition, Some(&index.sort), check),
        }
        if let Some(global) = self.indexes.get(name) {
            check.report(
                Diagnostic::error(format!("two indexes are called `{name}`"))
                    .at(index.span, "a local one")
                    .also(global.span, "and a global one"),
            );
        }
    }
}

fn check_index(name: &Name, at: Span, project: &Spanned<Projection>, check: &mut Check<'_>) {
    if name.as_str().len() < INDEX_NAME_MIN {
        check.report(
            Diagnostic::error(format!("`{name}` is too short for the name of an index"))
                .at(at, format!("must have at least {INDEX_NAME_MIN} characters")),
        );
    }
    if let Projection::Also(attributes) = &project.value
        && attributes.is_empty()
    {
        check.report(
            Diagnostic::error("the list of projected attributes is empty")
                .at(project.span, "is empty")
                .hint("Write `keys` for those of the keys alone."),
        );
    }
}

fn check_pair(
    partition: &Spanned<Attribute>,
    sort: Option<&Spanned<Attribute>>,
    check: &mut Check<'_>,
) {
    if let Some(sort) = sort.filter(|sort| sort.name == partition.name) {
        check.report(
            Diagnostic::error(format!("attribute `{}` is both parts of a key", sort.name))
                .at(sort.span, "orders")
                .also(partition.span, "spreads"),
        );
    }
}
