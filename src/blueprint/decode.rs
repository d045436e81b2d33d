//! From the tree to typed values: the one mechanism by which every part of the language is
//! declared, decoded and described.
//!
//! [`schema!`] declares a mapping or a choice with its documentation and defaults; [`Word`] makes a
//! scalar from anything that parses from a string. Both give [`Decode`], which reports every
//! problem of a tree and can describe what it accepts.

mod impls;
mod schema;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use super::former::FormerNames;
use super::node::{Mapping, Node, Plain, Value};
use super::parse;
use super::reference::{ComponentType, Mention};
use super::shape::{Field, Shape};
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::source::Span;

pub(crate) use impls::{decode_map, json};
pub(crate) use schema::{key_of, schema};

/// A type of the blueprint language.
pub(crate) trait Decode: Sized {
    /// Reads the value. `None` means that a problem was reported.
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self>;

    /// What [`Decode::decode`] accepts.
    fn shape() -> Shape;

    /// The value of a key that was not written and has no default; `None` if it is required.
    fn absent() -> Option<Self> {
        None
    }

    /// What stands for a required value once it was reported as missing, so that decoding goes on.
    fn missing() -> Option<Self> {
        None
    }
}

/// A mapping with fixed keys, of which a larger one may be made.
pub(crate) trait DecodeFields: Sized {
    /// Reads its keys from a mapping that may have others.
    fn decode_fields(fields: &mut Fields<'_>, decoder: &mut Decoder) -> Option<Self>;

    /// What [`DecodeFields::decode_fields`] accepts.
    fn field_shapes() -> Vec<Field>;
}

/// A scalar that a person writes by hand, such as `30d` or `10.0.0.0/16`.
pub(crate) trait Word: FromStr<Err = Invalid> + Display {
    /// Refuses numbers without quotes, for text of which YAML tools drop digits: `1.30` → `1.3`.
    const QUOTED: bool = false;

    fn shape() -> Shape;

    /// A regular expression of ECMA 262 that every valid text matches, and few others do. Editors know it from the
    /// schema; what is valid, the parser decides.
    fn pattern() -> Option<String> {
        None
    }
}

/// Why a text is not a value of a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Invalid {
    /// A fragment: `a unit is missing`.
    pub reason: String,
    /// A sentence: ``Write `30s`.``; where there is none, examples stand for it.
    pub hint: Option<String>,
}

impl Invalid {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    /// A word that is none of those known, with the one that was probably meant.
    pub(crate) fn unknown<'a>(
        word: &str,
        known: impl IntoIterator<Item = &'a str>,
        otherwise: &str,
    ) -> Self {
        Self::new(match did_you_mean(word, known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => otherwise.to_owned(),
        })
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The state of one decoding: the problems so far and where in the blueprint it is.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    pub(crate) problems: Vec<Diagnostic>,
    /// Every reference to a component, to be resolved once all names are known.
    pub(crate) mentions: Vec<Mention>,
    /// The path of each value that was not written, with the default that it got.
    pub(crate) defaults: BTreeMap<String, &'static str>,
    /// The names that components are given in place of those that are written.
    pub(crate) former: FormerNames,
    path: Vec<(String, Span)>,
}

impl Decoder {
    /// One that gives components their former names.
    pub(crate) fn giving(former: FormerNames) -> Self {
        Self { former, ..Self::default() }
    }

    pub(crate) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// The further region in whose part decoding is.
    fn region(&self) -> Option<&str> {
        match self.path.as_slice() {
            [(regions, _), (region, _), ..] if regions == "regions" => Some(region),
            _ => None,
        }
    }

    /// The name that stands for one that names a component of the part in hand.
    pub(crate) fn known_as<N: Word>(&self, component: ComponentType, name: N) -> N {
        self.former.of(self.region(), component, name)
    }

    /// Where decoding is: `databases.orders.storage`.
    fn path(&self) -> String {
        let mut path = String::new();
        for (key, _) in &self.path {
            if !path.is_empty() && !key.starts_with('[') {
                path.push('.');
            }
            path.push_str(key);
        }
        path
    }

    pub(crate) fn within<T>(
        &mut self,
        key: &str,
        span: Span,
        decode: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.path.push((key.to_owned(), span));
        let value = decode(self);
        self.path.pop();
        value
    }

    /// Decodes one scalar by its `FromStr`.
    pub(crate) fn word<T: Word>(&mut self, node: &Node) -> Option<T> {
        let what = T::shape().describe();
        let Value::Scalar(scalar) = &node.value else {
            self.wrong_type(node, &what);
            return None;
        };
        if T::QUOTED && scalar.resolve() != Plain::Text {
            let text = &scalar.text;
            self.report(
                Diagnostic::error(format!("expected {what}, found {}", node.describe()))
                    .at(node.span, "quotes are missing")
                    .hint(format!(
                        "Put it in quotes, `\"{text}\"`: YAML tools take it for a number and may \
                         drop a trailing zero."
                    )),
            );
            return None;
        }
        match T::from_str(&scalar.text) {
            Ok(value) => Some(value),
            Err(invalid) => {
                self.report(refused(&scalar.excerpt(), node.span, invalid, &T::shape()));
                None
            }
        }
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, expected: &str) {
        let summary = format!("expected {expected}, found {}", node.describe());
        self.report(Diagnostic::error(summary).at(node.span, format!("expected {expected}")));
    }

    /// The entries of a node that must be a mapping; the hint says what to write instead of nothing.
    pub(crate) fn mapping<'n>(&mut self, node: &'n Node, hint: &str) -> Option<&'n Mapping> {
        match &node.value {
            Value::Mapping(mapping) => Some(mapping),
            Value::Null => {
                self.report(
                    Diagnostic::error("expected a mapping, found nothing")
                        .at(node.span, "has no value")
                        .hint(hint),
                );
                None
            }
            Value::Scalar(_) | Value::Sequence(_) => {
                self.wrong_type(node, "a mapping");
                None
            }
        }
    }

    /// Starts to decode a mapping with fixed keys.
    pub(crate) fn fields<'n>(&mut self, node: &'n Node, what: &'static str) -> Option<Fields<'n>> {
        let mapping = self.mapping(node, "Write `{}` to take every default.")?;
        let owner = self.owner(node);
        Some(Fields { mapping, what, owner, known: Vec::new(), missing: Vec::new() })
    }

    /// What to blame for something missing in a node: the key at which it stands.
    pub(crate) fn owner(&self, node: &Node) -> Span {
        self.path.last().map_or(node.span, |(_, span)| *span)
    }
}

/// What a person is told about a text that is not a value of a type.
fn refused(text: &str, span: Span, invalid: Invalid, shape: &Shape) -> Diagnostic {
    let summary = match (shape, text) {
        (Shape::Choice { .. }, _) => format!("unknown value `{text}`"),
        (_, "") => format!("an empty text is not {}", shape.describe()),
        _ => format!("`{text}` is not {}", shape.describe()),
    };
    let problem = Diagnostic::error(summary).at(span, invalid.reason);
    match (invalid.hint, shape) {
        (Some(hint), _) => problem.hint(hint),
        (None, Shape::Choice { values, .. }) => problem.hint(examples(
            "Known values are",
            "The only value is",
            values.iter().map(|it| it.value),
        )),
        (None, Shape::Word(word)) if !word.examples.is_empty() => {
            problem.hint(examples("Examples are", "An example is", word.examples.iter().copied()))
        }
        (None, _) => problem,
    }
}

fn examples<'a>(many: &str, one: &str, words: impl ExactSizeIterator<Item = &'a str>) -> String {
    let lead = if words.len() == 1 { one } else { many };
    format!("{lead} {}.", listed(words))
}

/// A mapping with fixed keys while it is decoded.
pub(crate) struct Fields<'n> {
    mapping: &'n Mapping,
    what: &'static str,
    /// The key of the mapping itself, to be blamed for what is missing.
    owner: Span,
    known: Vec<String>,
    missing: Vec<String>,
}

impl Fields<'_> {
    /// Decodes the value of one key, or its default, which is YAML text.
    pub(crate) fn field<T: Decode>(
        &mut self,
        key: String,
        default: Option<&'static str>,
        decoder: &mut Decoder,
    ) -> Option<T> {
        let value = match (self.mapping.entry(&key), default) {
            (Some(entry), _) => {
                decoder.within(&key, entry.key.span, |it| T::decode(&entry.value, it))
            }
            (None, Some(default)) => {
                let node = parse::literal(default, self.owner);
                decoder.within(&key, self.owner, |it| {
                    it.defaults.insert(it.path(), default);
                    T::decode(&node, it)
                })
            }
            (None, None) => T::absent().or_else(|| {
                self.missing.push(key.clone());
                T::missing()
            }),
        };
        self.known.push(key);
        value
    }

    /// Reports the keys that are missing and those that nobody asked for.
    pub(crate) fn finish(self, decoder: &mut Decoder) {
        if !self.missing.is_empty() {
            let keys = if self.missing.len() == 1 { "key" } else { "keys" };
            let missing = listed(&self.missing);
            decoder.report(
                Diagnostic::error(format!("missing {keys} {missing} in {}", self.what))
                    .at(self.owner, format!("needs {missing}")),
            );
        }
        for entry in &self.mapping.entries {
            let key = entry.key.value.as_str();
            if self.known.iter().any(|known| known == key) {
                continue;
            }
            let problem = Diagnostic::error(format!("unknown key `{key}` in {}", self.what));
            let known = self.known.iter().map(String::as_str);
            let section = ComponentType::ALL.iter().any(|it| it.section() == key);
            decoder.report(match did_you_mean(key, known) {
                Some(known) => problem.at(entry.key.span, format!("did you mean `{known}`?")),
                None if section => problem
                    .at(entry.key.span, "a key of the blueprint itself")
                    .hint("Check the indentation: it belongs at the beginning of a line."),
                None => problem
                    .at(entry.key.span, "not a key of this mapping")
                    .hint(format!("Known keys are {}.", listed(&self.known))),
            });
        }
    }
}
