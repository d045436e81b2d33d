//! The language described as data: what `schema`, `explain` and the reference pages are made of.

use crate::diagnostic::either;

/// What may stand at a place of a blueprint.
#[derive(Debug, Clone, PartialEq)]
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
    /// Any YAML at all, handed on as JSON.
    Any,
}

/// A kind of scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Word {
    /// With its article: `a duration`.
    pub what: String,
    pub examples: &'static [&'static str],
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub value: &'static str,
    pub doc: &'static str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Struct {
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: Vec<Field>,
}

#[derive(Debug, Clone, PartialEq)]
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
        Self::Word(Word { what: what.into(), examples })
    }

    /// What a message expects here, with its article: `a list`.
    pub fn describe(&self) -> String {
        match self {
            Shape::Word(word) => word.what.clone(),
            Shape::Choice { values, .. } => either(values.iter().map(|it| it.value)),
            Shape::Boolean => "`true` or `false`".to_owned(),
            Shape::Integer { .. } => "a whole number".to_owned(),
            Shape::List(_) => "a list".to_owned(),
            Shape::Map { .. } | Shape::Struct(_) => "a mapping".to_owned(),
            Shape::Either(shapes) => {
                let all: Vec<_> = shapes.iter().map(Shape::describe).collect();
                all.join(" or ")
            }
            Shape::Any => "any value".to_owned(),
        }
    }
}
