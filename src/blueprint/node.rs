//! A YAML document as a tree in which every key and value knows its place.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::source::{Span, Spanned};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Scalar(Scalar),
    Sequence(Vec<Node>),
    Mapping(Mapping),
}

/// A scalar as it was written: its text after escapes and whether quotes stood around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scalar {
    pub(crate) text: String,
    pub(crate) plain: bool,
}

/// What YAML's core schema takes a plain scalar for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Plain {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    Text,
}

/// The entries of a mapping, in the order of the file, each key once.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Mapping {
    pub(crate) entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Spanned<String>,
    pub(crate) value: Node,
}

impl Node {
    pub(crate) fn mapping(&self) -> Option<&Mapping> {
        match &self.value {
            Value::Mapping(mapping) => Some(mapping),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => None,
        }
    }

    /// The entries of a mapping, to change them; none of anything else.
    pub(crate) fn entries_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        match &mut self.value {
            Value::Mapping(mapping) => mapping.entries.iter_mut(),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => [].iter_mut(),
        }
    }

    /// The value at a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.mapping()?.get(key)
    }

    /// Takes a key out of a mapping.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Value::Mapping(mapping) = &mut self.value {
            mapping.remove(key);
        }
    }

    /// The place of a part of a scalar's text; the whole scalar if escapes or folding moved it.
    pub(crate) fn part(&self, range: Range<usize>) -> Span {
        let Value::Scalar(scalar) = &self.value else { return self.span };
        let quote = usize::from(!scalar.plain);
        let Range { start, end } = self.span.range();
        if end - start != scalar.text.len() + 2 * quote {
            return self.span;
        }
        Span::new(self.span.file, start + quote + range.start..start + quote + range.end)
    }

    /// What the value is, as a message calls it.
    pub(crate) fn describe(&self) -> String {
        match &self.value {
            Value::Null => "nothing".to_owned(),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
            Value::Scalar(scalar) => {
                let noun = match scalar.resolve() {
                    Plain::Boolean(_) => "boolean",
                    Plain::Integer(_) | Plain::Float(_) => "number",
                    Plain::Text => "text",
                };
                format!("the {noun} `{}`", scalar.excerpt())
            }
        }
    }

    /// The SHA-256 of the tree, in hexadecimal. Order of keys, layout and quotes do not count.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.canonical().to_string()))
    }

    fn canonical(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar(scalar) => scalar.text.clone().into(),
            Value::Sequence(items) => items.iter().map(Node::canonical).collect(),
            Value::Mapping(mapping) => {
                let entries: BTreeMap<_, _> =
                    mapping.entries.iter().map(|it| (&it.key.value, &it.value)).collect();
                entries.into_iter().map(|(k, v)| (k.clone(), v.canonical())).collect()
            }
        }
    }
}

impl Mapping {
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key.value == key)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.key.value == key)?;
        Some(self.entries.remove(at))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.value.as_str())
    }
}

impl Scalar {
    /// The type of YAML 1.2's core schema; what stands in quotes is text.
    pub(crate) fn resolve(&self) -> Plain {
        if !self.plain {
            return Plain::Text;
        }
        match self.text.as_str() {
            "true" | "True" | "TRUE" => Plain::Boolean(true),
            "false" | "False" | "FALSE" => Plain::Boolean(false),
            text => match text.parse() {
                Ok(integer) => Plain::Integer(integer),
                // Rust also reads `inf`, `nan` and `infinity`, which YAML takes for text.
                Err(_) if !text.contains(|c: char| c.is_ascii_digit()) => Plain::Text,
                Err(_) => text.parse().map_or(Plain::Text, Plain::Float),
            },
        }
    }

    /// At most one line of moderate length of the text.
    pub(crate) fn excerpt(&self) -> String {
        const CHARACTERS_MAX: usize = 60;
        let line = self.text.lines().next().unwrap_or_default();
        let mut excerpt: String = line.chars().take(CHARACTERS_MAX).collect();
        if excerpt.len() < self.text.trim_end().len() {
            excerpt.push('…');
        }
        excerpt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_yaml_1_2_takes_them_for() {
        let resolve = |text: &str| Scalar { text: text.to_owned(), plain: true }.resolve();
        assert_eq!(resolve("true"), Plain::Boolean(true));
        assert_eq!(resolve("-3"), Plain::Integer(-3));
        assert_eq!(resolve("1.30"), Plain::Float(1.3));
        assert_eq!(resolve("1e3"), Plain::Float(1000.0));
        for text in ["NO", "yes", "inf", "nan", "1.31.2", "10.0.0.0/16", "30d", "2..10", ""] {
            assert_eq!(resolve(text), Plain::Text, "{text}");
        }
        let quoted = Scalar { text: "1".to_owned(), plain: false };
        assert_eq!(quoted.resolve(), Plain::Text);
    }

    #[test]
    fn excerpts_are_short() {
        let excerpt = |text: &str| Scalar { text: text.to_owned(), plain: false }.excerpt();
        assert_eq!(excerpt("a\nb"), "a…");
        assert_eq!(excerpt("a\n"), "a");
        assert_eq!(excerpt(&"ä".repeat(61)), format!("{}…", "ä".repeat(60)));
    }
}
