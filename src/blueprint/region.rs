//! `regions`: further regions of the same stack, each with sections of its own: a standby for disasters, say.
//!
//! A region is decoded, checked and compiled by the code of the blueprint itself. Inside it names mean what is in it;
//! `name@home` means the blueprint's own region, and `name@REGION` what is in another one.

use std::collections::BTreeMap;

use super::component::Header;
use super::decode::{Decode, Decoder, schema};
use super::node::{Entry, Mapping, Node, Value};
use super::reference::{HOME, Mention};
use super::shape::Shape;
use super::value::{self, Name, TagKey};
use super::{Sections, environment};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// What stands in a further region.
    pub(crate) struct Part("a region") {
        ..sections: Sections,
        /// The AWS region.
        pub(crate) region: Header<Spanned<value::Region>>,
        /// Tags for its resources, in place of the blueprint's.
        pub(crate) tags: Option<BTreeMap<TagKey, Spanned<String>>>,
    }
}

/// The regions as decoded.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Regions(pub(crate) BTreeMap<Name, Region>);

/// One region as decoded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Region {
    pub(crate) part: Part,
    pub(crate) mentions: Vec<Mention>,
    /// Of its name.
    pub(crate) span: Span,
}

impl Decode for Regions {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let mapping = decoder.mapping(node, "Write `{}` for none.")?;
        let mut regions = BTreeMap::new();
        for Entry { key, value } in &mapping.entries {
            let region = decoder.within(&key.value, key.span, |it| region(key.span, value, it));
            match key.value.parse::<Name>() {
                Ok(name) if name.as_str() == HOME => decoder.report(
                    Diagnostic::error(format!("no region can be called `{HOME}`"))
                        .at(key.span, "stands for the blueprint's own region"),
                ),
                Ok(name) => regions.extend(region.map(|region| (name, region))),
                Err(invalid) => {
                    let problem = Diagnostic::error(format!("`{key}` is not a name"));
                    let problem = problem.at(key.span, invalid.reason);
                    decoder.report(invalid.hint.into_iter().fold(problem, Diagnostic::hint));
                }
            }
        }
        Some(Self(regions))
    }

    fn shape() -> Shape {
        let name = <Name as Decode>::shape();
        Shape::Map { key: Box::new(name), value: Box::new(Part::shape()) }
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

fn region(span: Span, node: &Node, decoder: &mut Decoder) -> Option<Region> {
    let outside = std::mem::take(&mut decoder.mentions);
    let part = Part::decode(node, decoder);
    let mentions = std::mem::replace(&mut decoder.mentions, outside);
    Some(Region { part: part?, mentions, span })
}

/// What of a database its replicas in other regions have of their own.
const NOT_OF_REPLICAS: [&str; 10] = [
    "replicas",
    "rotation",
    "username",
    "databaseName",
    "key",
    "from",
    "backupCopies",
    "backupWindow",
    "maintenanceWindow",
    "replicaOf",
];

/// A replica is as its source is, unless it says otherwise: lays what is written of it over what is written of that.
pub(crate) fn complete(root: &mut Node, problems: &mut Vec<Diagnostic>) {
    let sources = root.get("databases").and_then(Node::mapping).cloned().unwrap_or_default();
    let regions = root.entries_mut().filter(|it| it.key.value == "regions");
    let databases = regions
        .flat_map(|regions| regions.value.entries_mut())
        .flat_map(|region| region.value.entries_mut())
        .filter(|section| section.key.value == "databases")
        .flat_map(|section| section.value.entries_mut());
    for database in databases {
        let source = match database.value.get("replicaOf").map(|it| &it.value) {
            Some(Value::Scalar(scalar)) => scalar.text.strip_suffix(HOME),
            _ => None,
        };
        let source = source.and_then(|name| sources.get(name.strip_suffix('@')?)?.mapping());
        let (Some(source), Value::Mapping(own)) = (source, &mut database.value.value) else {
            continue;
        };
        let inherited =
            source.entries.iter().filter(|it| !NOT_OF_REPLICAS.contains(&it.key.value.as_str()));
        let mut base = Mapping { entries: inherited.cloned().collect() };
        environment::merge(&mut base, std::mem::take(own), problems);
        *own = base;
    }
}
