//! What objects are made of: the built-in types from a table, those of custom resources from their schema.
//!
//! A type says which lists are maps, sets or one value, which is what server-side apply and strategic merge go by, and which
//! fields there are at all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::quantity;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Type {
    /// Nothing is known: objects are taken field by field, lists as one value.
    Any,
    Scalar(Scalar),
    List(Box<List>),
    Map {
        of: Box<Type>,
        atomic: bool,
    },
    /// A built-in type, by its name in the table.
    Named {
        name: String,
        atomic: bool,
    },
    Struct(Box<Struct>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scalar {
    String,
    Integer,
    Number,
    Boolean,
    Quantity,
    IntOrString,
    Time,
    Bytes,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    pub(super) of: Type,
    pub(super) kind: ListKind,
    /// Whether a strategic merge merges it, and by which key (none for plain values).
    pub(super) strategic: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ListKind {
    Atomic,
    Set,
    Map(Vec<String>),
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Struct {
    pub(super) fields: BTreeMap<String, Field>,
    pub(super) atomic: bool,
    /// Whether fields that are not listed are kept.
    pub(super) open: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Field {
    pub(super) of: Type,
    pub(super) required: bool,
}

/// A value as server-side apply sees it.
pub(super) enum View<'t> {
    Leaf,
    List(&'t List),
    Fields(Members<'t>),
}

#[derive(Clone, Copy)]
pub(super) enum Members<'t> {
    Struct(&'t Struct),
    Map(&'t Type),
}

static ANY: Type = Type::Any;

static TABLE: LazyLock<BTreeMap<String, Struct>> = LazyLock::new(|| {
    let lines = include_str!("types.txt").lines().filter(|line| !line.starts_with('#'));
    let parsed = lines.map(|line| {
        let mut words = line.split(' ');
        let name = words.next().expect("a line has a name");
        let fields = words.filter(|word| !word.is_empty()).map(|word| {
            let (field, of) = word.rsplit_once(':').expect("a field has a type");
            let required = field.ends_with('*');
            (field.trim_end_matches('*').to_owned(), Field { of: parse(of), required })
        });
        let atomic = name.ends_with('!');
        (
            name.trim_end_matches('!').to_owned(),
            Struct { fields: fields.collect(), atomic, open: false },
        )
    });
    parsed.collect()
});

impl Type {
    /// The type of a kind of the table.
    pub(super) fn builtin(name: &str) -> Self {
        Self::Named { name: name.into(), atomic: false }
    }

    pub(super) fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(fields) => Some(fields),
            Self::Named { name, .. } => TABLE.get(name),
            Self::Any | Self::Scalar(_) | Self::List(_) | Self::Map { .. } => None,
        }
    }

    pub(super) fn view(&self, value: Option<&Value>) -> View<'_> {
        match self {
            Self::Any => match value {
                Some(Value::Object(_)) => View::Fields(Members::Map(&ANY)),
                _ => View::Leaf,
            },
            Self::List(list) if list.kind == ListKind::Atomic => View::Leaf,
            Self::List(list) => View::List(list),
            Self::Scalar(_) | Self::Map { atomic: true, .. } | Self::Named { atomic: true, .. } => {
                View::Leaf
            }
            Self::Map { of, .. } => View::Fields(Members::Map(of)),
            Self::Named { .. } | Self::Struct(_) => match self.as_struct() {
                Some(fields) if fields.atomic => View::Leaf,
                Some(fields) => View::Fields(Members::Struct(fields)),
                None => View::Leaf,
            },
        }
    }
}

impl<'t> Members<'t> {
    pub(super) fn of(self, key: &str) -> &'t Type {
        match self {
            Self::Struct(fields) => fields.fields.get(key).map_or(&ANY, |field| &field.of),
            Self::Map(of) => of,
        }
    }

    /// Whether the type itself names this member.
    pub(super) fn declares(self, key: &str) -> bool {
        match self {
            Self::Struct(fields) => fields.fields.contains_key(key),
            Self::Map(_) => false,
        }
    }
}

impl ListKind {
    /// What tells an element from its siblings: its keys, or the value itself.
    pub(super) fn key(&self, item: &Value) -> Option<String> {
        match self {
            Self::Atomic => None,
            Self::Set => Some(item.to_string()),
            Self::Map(keys) => {
                let values: Map<String, Value> = keys
                    .iter()
                    .filter_map(|key| {
                        // The one key that has a default.
                        let default = || (key == "protocol").then(|| "TCP".into());
                        Some((key.clone(), item.get(key).cloned().or_else(default)?))
                    })
                    .collect();
                (!values.is_empty()).then(|| Value::Object(values).to_string())
            }
        }
    }
}

/// Brings a value of a built-in kind into the form in which it is stored: what the type does not know, nulls and what Go's
/// `omitempty` drops are gone, and quantities are canonical.
pub(super) fn normalize(of: &Type, value: &mut Value, path: &str) -> Result<(), Mistyped> {
    let wrong = |expected| Err(Mistyped { path: path.into(), found: word(value), expected });
    match of {
        Type::Any => Ok(()),
        Type::Scalar(Scalar::Bytes) if value.as_str().is_some_and(|it| !is_base64(it)) => {
            Err(Mistyped { path: path.into(), found: "illegal base64 data", expected: "[]byte" })
        }
        Type::Scalar(scalar) => match (scalar, &*value) {
            (
                Scalar::String | Scalar::Time | Scalar::Bytes | Scalar::IntOrString,
                Value::String(_),
            )
            | (Scalar::Boolean, Value::Bool(_))
            | (Scalar::Number, Value::Number(_)) => Ok(()),
            (Scalar::Integer, Value::Number(number)) if number.is_i64() || number.is_u64() => {
                Ok(())
            }
            (Scalar::IntOrString, Value::Number(number)) if number.is_i64() => Ok(()),
            (Scalar::Quantity, Value::String(_) | Value::Number(_)) => {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                match quantity::canonical(&text) {
                    Some(canonical) => {
                        *value = canonical.into();
                        Ok(())
                    }
                    None => wrong("quantity"),
                }
            }
            (Scalar::String | Scalar::Time | Scalar::Bytes, _) => wrong("string"),
            (Scalar::Boolean, _) => wrong("bool"),
            (Scalar::Integer | Scalar::IntOrString, _) => wrong("int32"),
            (Scalar::Number, _) => wrong("float64"),
            (Scalar::Quantity, _) => wrong("quantity"),
        },
        Type::List(list) => match value {
            Value::Array(items) => {
                for item in items {
                    normalize(&list.of, item, path)?;
                }
                Ok(())
            }
            _ => wrong("list"),
        },
        Type::Map { of, .. } => match value {
            Value::Object(members) => {
                for (key, member) in members.iter_mut() {
                    if !member.is_null() {
                        normalize(of, member, &format!("{path}.{key}"))?;
                    }
                }
                // A map of strings has no null in Go, but an empty string.
                members.retain(|_, member| !member.is_null());
                Ok(())
            }
            _ => wrong("map"),
        },
        Type::Named { .. } | Type::Struct(_) => {
            let Some(declared) = of.as_struct() else { return Ok(()) };
            let Value::Object(members) = value else { return wrong("object") };
            members.retain(|key, member| {
                !member.is_null() && (declared.open || declared.fields.contains_key(key))
            });
            for (key, member) in members.iter_mut() {
                if let Some(field) = declared.fields.get(key) {
                    normalize(&field.of, member, &format!("{path}.{key}"))?;
                }
            }
            members.retain(|key, member| {
                declared
                    .fields
                    .get(key)
                    .is_none_or(|field| field.required || !is_omitted(key, &field.of, member))
            });
            Ok(())
        }
    }
}

fn is_base64(text: &str) -> bool {
    aws_smithy_types::base64::decode(text).is_ok()
}

/// A value of another type than its field's.
#[derive(Debug, PartialEq)]
pub(super) struct Mistyped {
    pub(super) path: String,
    pub(super) found: &'static str,
    pub(super) expected: &'static str,
}

/// Fields that the type does not know, below `path`.
pub(super) fn unknown_fields(of: &Type, value: &Value, path: &str, found: &mut Vec<String>) {
    match (of, value) {
        (Type::List(list), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                unknown_fields(&list.of, item, &format!("{path}[{index}]"), found);
            }
        }
        (Type::Map { of, .. }, Value::Object(members)) => {
            for (key, member) in members {
                unknown_fields(of, member, &joined(path, key), found);
            }
        }
        (Type::Named { .. } | Type::Struct(_), Value::Object(members)) => {
            let Some(declared) = of.as_struct() else { return };
            for (key, member) in members {
                match declared.fields.get(key) {
                    Some(field) => unknown_fields(&field.of, member, &joined(path, key), found),
                    None if declared.open => {}
                    None => found.push(joined(path, key)),
                }
            }
        }
        _ => {}
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}

/// Strings that Go holds behind a pointer: an empty one says something.
const EMPTY_STRINGS_THAT_COUNT: [&str; 3] =
    ["storageClassName", "volumeName", "volumeAttributesClassName"];
/// Numbers and booleans that Go holds as plain values and leaves out when they are zero.
const ZEROS_THAT_DO_NOT: [&str; 22] = [
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "initialDelaySeconds",
    "minReadySeconds",
    "nodePort",
    "paused",
    "publishNotReadyAddresses",
    "readOnly",
    "stdin",
    "stdinOnce",
    "tty",
    "observedGeneration",
    "readyReplicas",
    "availableReplicas",
    "updatedReplicas",
    "unavailableReplicas",
    "failed",
    "active",
    "succeeded",
    "globalDefault",
    "periodSeconds",
];

fn is_omitted(key: &str, of: &Type, value: &Value) -> bool {
    match value {
        Value::String(text) => {
            text.is_empty()
                && matches!(of, Type::Scalar(_))
                && !EMPTY_STRINGS_THAT_COUNT.contains(&key)
        }
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty() && matches!(of, Type::Map { .. }),
        Value::Bool(false) => ZEROS_THAT_DO_NOT.contains(&key),
        Value::Number(number) => number.as_i64() == Some(0) && ZEROS_THAT_DO_NOT.contains(&key),
        Value::Bool(true) | Value::Null => false,
    }
}

pub(super) fn word(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// An expression of the table; its first line has the grammar.
fn parse(text: &str) -> Type {
    let scalar = |scalar| Type::Scalar(scalar);
    match text {
        "s" => return scalar(Scalar::String),
        "i" => return scalar(Scalar::Integer),
        "n" => return scalar(Scalar::Number),
        "b" => return scalar(Scalar::Boolean),
        "q" => return scalar(Scalar::Quantity),
        "x" => return scalar(Scalar::IntOrString),
        "t" => return scalar(Scalar::Time),
        "B" => return scalar(Scalar::Bytes),
        "?" => return Type::Any,
        _ => {}
    }
    let atomic = text.ends_with('!');
    if let Some(rest) = text.strip_prefix('{') {
        let of = rest.trim_end_matches('!').strip_suffix('}').expect("a map ends with a brace");
        return Type::Map { of: Box::new(parse(of)), atomic };
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (of, traits) = rest.rsplit_once(']').expect("a list ends with a bracket");
        let (kind, strategic) = match traits.split_once('~') {
            Some((kind, key)) => (kind, Some(key.to_owned())),
            None => (traits, None),
        };
        let kind = match kind.strip_prefix('@') {
            Some(keys) => ListKind::Map(keys.split(',').map(str::to_owned).collect()),
            None if kind == "$" => ListKind::Set,
            None => ListKind::Atomic,
        };
        return Type::List(Box::new(List { of: parse(of), kind, strategic }));
    }
    Type::Named { name: text.trim_end_matches('!').into(), atomic }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_name_of_the_table_is_in_it() {
        fn check(of: &Type) {
            match of {
                Type::Named { name, .. } => assert!(TABLE.contains_key(name), "{name}"),
                Type::List(list) => check(&list.of),
                Type::Map { of, .. } => check(of),
                Type::Any | Type::Scalar(_) | Type::Struct(_) => {}
            }
        }
        assert!(TABLE.len() > 300);
        TABLE.values().flat_map(|it| it.fields.values()).for_each(|field| check(&field.of));
    }

    #[test]
    fn values_are_stored_in_one_form() {
        let mut object = json!({
            "metadata": {"name": "a", "labels": {}, "colour": "red"},
            "spec": {"replicas": 0, "paused": false, "selector": {}, "template": {"spec": {"hostNetwork": false, "containers": [
                {"name": "c", "args": [], "env": [{"name": "E", "value": ""}], "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}}}
            ], "volumes": [{"name": "v", "emptyDir": {}}], "nodeSelector": null}}}
        });
        normalize(&Type::builtin("Deployment"), &mut object, "").unwrap();
        assert_eq!(
            object,
            json!({
                "metadata": {"name": "a"},
                "spec": {"replicas": 0, "selector": {}, "template": {"spec": {"containers": [
                    {"name": "c", "env": [{"name": "E"}], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
                ], "volumes": [{"name": "v", "emptyDir": {}}]}}}
            })
        );
        let wrong =
            normalize(&Type::builtin("Deployment"), &mut json!({"spec": {"replicas": "3"}}), "")
                .unwrap_err();
        assert_eq!(
            wrong,
            Mistyped { path: ".spec.replicas".into(), found: "string", expected: "int32" }
        );
    }
}
