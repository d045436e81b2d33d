//! The language described as data: what `schema`, `explain` and the reference pages are made of.

use super::decode;
use crate::diagnostic::either;

/// What may stand at a place of a blueprint.
#[derive(Debug, Clone)]
pub enum Shape {
    /// One scalar, such as a duration.
    Word(Word),
    /// One of some fixed words.
    Choice {
        name: &'static str,
        doc: &'static str,
        values: Vec<Choice>,
    },
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Integer {
        min: u64,
        max: u64,
    },
    List(Box<Shape>),
    /// A mapping whose keys the author chooses.
    Map {
        key: Box<Shape>,
        value: Box<Shape>,
    },
    /// A mapping with fixed keys.
    Struct(Struct),
    /// Any of several shapes.
    Either(Vec<Shape>),
    /// The blueprint once more, to be laid over: nothing is required, and `null` removes.
    Overlay {
        /// The keys of the blueprint that it cannot have.
        fixed: &'static [&'static str],
    },
    /// Any YAML at all, handed on as JSON.
    Any,
}

/// A kind of scalar.
#[derive(Debug, Clone)]
pub struct Word {
    /// With its article: `a duration`.
    pub what: String,
    pub examples: &'static [&'static str],
    /// A regular expression of ECMA 262 that every valid text matches; `None` where none says more than the rest.
    pub pattern: Option<String>,
    /// Whether a text is one.
    pub accepts: fn(&str) -> bool,
    /// Whether quotes are needed where YAML takes the text for a number.
    pub quoted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: &'static str,
    pub doc: &'static str,
}

#[derive(Debug, Clone)]
pub struct Struct {
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone)]
pub struct Field {
    pub key: String,
    pub doc: &'static str,
    pub shape: Shape,
    /// As it would be written.
    pub default: Option<&'static str>,
    pub required: bool,
}

impl Shape {
    /// A scalar: what it is, with its article, and examples.
    pub fn word(what: impl Into<String>, examples: &'static [&'static str]) -> Self {
        let (what, accepts) = (what.into(), |_: &str| true);
        Self::Word(Word { what, examples, pattern: None, accepts, quoted: false })
    }

    /// The same scalar, with what its parser knows of it.
    pub(crate) fn parsed_as<T: decode::Word>(self) -> Self {
        match self {
            Self::Word(word) => {
                let accepts = |text: &str| text.parse::<T>().is_ok();
                Self::Word(Word { pattern: T::pattern(), accepts, quoted: T::QUOTED, ..word })
            }
            other => other,
        }
    }

    /// The fixed keys that may stand below, whatever names and list items stand between.
    pub fn keys(&self) -> Vec<&Field> {
        match self {
            Shape::Struct(of) => of.fields.iter().collect(),
            Shape::List(item) => item.keys(),
            Shape::Map { key: _, value } => value.keys(),
            Shape::Either(shapes) => shapes.iter().flat_map(Shape::keys).collect(),
            Shape::Word(_)
            | Shape::Choice { .. }
            | Shape::Boolean
            | Shape::Integer { .. }
            | Shape::Overlay { .. }
            | Shape::Any => Vec::new(),
        }
    }

    /// What a message expects here, with its article: `a list`.
    pub fn describe(&self) -> String {
        match self {
            Shape::Word(word) => word.what.clone(),
            Shape::Choice { values, .. } => either(values.iter().map(|it| it.value)),
            Shape::Boolean => "`true` or `false`".to_owned(),
            Shape::Integer { .. } => "a whole number".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::Map { .. } | Shape::Struct(_) | Shape::Overlay { .. } => "a mapping".to_owned(),
            Shape::Either(shapes) => {
                let all: Vec<_> = shapes.iter().map(Shape::describe).collect();
                all.join(" or ")
            }
            Shape::Any => "any value".to_owned(),
        }
    }
}
