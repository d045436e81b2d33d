//! What the language is made of: truth, text, lists, mappings and values with a place.

use std::collections::BTreeMap;

use super::{Decode, Decoder, Word};
use crate::blueprint::node::{Node, Plain, Scalar, Value};
use crate::blueprint::shape::Shape;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

impl<T: Word> Decode for T {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        decoder.word(node)
    }

    fn shape() -> Shape {
        <T as Word>::shape().parsed_as::<T>()
    }
}

/// Text is what was written: `NO`, `010` and `1e3` are these letters and digits.
impl Decode for String {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(scalar) = &node.value {
            return Some(scalar.text.clone());
        }
        decoder.wrong_type(node, "text");
        None
    }

    fn shape() -> Shape {
        Shape::word("text", &[])
    }
}

impl Decode for bool {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(scalar) = &node.value {
            if let Plain::Boolean(value) = scalar.resolve() {
                return Some(value);
            }
            let meant = match scalar.text.to_lowercase().as_str() {
                "yes" | "on" | "true" => Some("true"),
                "no" | "off" | "false" => Some("false"),
                _ => None,
            };
            if let Some(meant) = meant {
                let found = node.describe();
                decoder.report(
                    Diagnostic::error(format!("expected `true` or `false`, found {found}"))
                        .at(node.span, format!("write `{meant}`")),
                );
                return None;
            }
        }
        decoder.wrong_type(node, "`true` or `false`");
        None
    }

    fn shape() -> Shape {
        Shape::Boolean
    }
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        T::decode(node, decoder).map(|value| Spanned::new(value, node.span))
    }

    fn shape() -> Shape {
        T::shape()
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        T::decode(node, decoder).map(Some)
    }

    fn shape() -> Shape {
        T::shape()
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Value::Sequence(items) = &node.value else {
            let problem = Diagnostic::error(format!("expected a list, found {}", node.describe()))
                .at(node.span, "expected a list");
            decoder.report(match &node.value {
                Value::Scalar(scalar) => {
                    problem.hint(format!("Write `[{}]`, a list of one.", scalar.excerpt()))
                }
                Value::Null => problem.hint("Write `[]` for none."),
                Value::Sequence(_) | Value::Mapping(_) => problem,
            });
            return None;
        };
        let values: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(at, item)| {
                decoder.within(&format!("[{at}]"), item.span, |it| T::decode(item, it))
            })
            .collect();
        values.into_iter().collect()
    }

    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl<K: Word + Ord, V: Decode> Decode for BTreeMap<K, V> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        decode_map(node, decoder)?
            .into_iter()
            .map(|(key, value)| Some((key?.value, value?)))
            .collect()
    }

    fn shape() -> Shape {
        let key = <K as Decode>::shape();
        Shape::Map { key: Box::new(key), value: Box::new(V::shape()) }
    }

    fn absent() -> Option<Self> {
        Some(BTreeMap::new())
    }
}

/// The keys and values of a mapping; `None` stands for what is invalid.
type Entries<K, V> = Vec<(Option<Spanned<K>>, Option<V>)>;

/// Decodes a mapping whose keys the author chooses.
pub(crate) fn decode_map<K: Word, V: Decode>(
    node: &Node,
    decoder: &mut Decoder,
) -> Option<Entries<K, V>> {
    let mapping = decoder.mapping(node, "Write `{}` for none.")?;
    let entries = mapping.entries.iter().map(|entry| {
        let key = Node {
            value: Value::Scalar(Scalar { text: entry.key.value.clone(), plain: false }),
            span: entry.key.span,
        };
        let name = Spanned::<K>::decode(&key, decoder);
        let value =
            decoder.within(&entry.key.value, entry.key.span, |it| V::decode(&entry.value, it));
        (name, value)
    });
    Some(entries.collect())
}

/// Any YAML, as JSON: for what platctl hands on without looking inside.
impl Decode for serde_json::Value {
    fn decode(node: &Node, _decoder: &mut Decoder) -> Option<Self> {
        Some(json(node))
    }

    fn shape() -> Shape {
        Shape::Any
    }
}

/// A tree as JSON, each plain scalar as what YAML takes it for.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Null => serde_json::Value::Null,
        Value::Scalar(scalar) => match scalar.resolve() {
            Plain::Boolean(value) => value.into(),
            Plain::Integer(value) => value.into(),
            Plain::Float(value) => value.into(),
            Plain::Text => scalar.text.clone().into(),
        },
        Value::Sequence(items) => items.iter().map(json).collect(),
        Value::Mapping(mapping) => mapping
            .entries
            .iter()
            .map(|entry| (entry.key.value.clone(), json(&entry.value)))
            .collect(),
    }
}
