//! The reference pages of `docs/`, drawn from the tables that platctl itself works by: what it does and what the pages
//! say cannot part. A test compares the pages with these functions.

use std::fmt::{self, Formatter};

use crate::blueprint;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::shape::{Choice, Field as Key, Shape, Struct, Word};
use crate::diagnostic::either;
use crate::kind::{
    AnyKind, Compare, Field, Loss, Need, OnChange, Output, ReplaceOrder, Sent, Tagging,
};
use crate::kinds::KINDS;
use crate::report::words;

/// `docs/kinds.md`: every kind with its properties and outputs.
pub fn kinds() -> String {
    let page = fmt::from_fn(|out| {
        writeln!(out, "# Kinds\n\n{GENERATED}\n\n{ABOUT_KINDS}")?;
        writeln!(out, "| Kind | What it is |\n|---|---|")?;
        for kind in KINDS {
            let (name, anchor) = (kind.name(), kind.name().to_lowercase().replace(':', ""));
            writeln!(out, "| [{name}](#{anchor}) | {} |", cell(summary(kind.doc())))?;
        }
        KINDS.iter().try_for_each(|&each| kind(each, out))
    });
    page.to_string()
}

/// `docs/blueprint.md`: the language, component by component.
pub fn blueprint() -> String {
    let Shape::Struct(document) = blueprint::shape() else {
        unreachable!("a blueprint is a mapping with fixed keys")
    };
    let component = |key: &Key| ComponentType::ALL.iter().find(|it| it.section() == key.key);
    let page = fmt::from_fn(|out| {
        writeln!(out, "# The blueprint\n\n{GENERATED}\n\n{ABOUT_BLUEPRINT}")?;
        writeln!(out, "## The head\n")?;
        for key in document.fields.iter().filter(|key| component(key).is_none()) {
            self::key(key, 0, out)?;
        }
        for key in &document.fields {
            component(key).map_or(Ok(()), |&of| section(key, of, out))?;
        }
        Ok(())
    });
    page.to_string()
}

/// What a row of a field table says besides its meaning, in sentences.
pub(crate) fn notes(field: &Field) -> impl Iterator<Item = &'static str> {
    let compared = match field.compare {
        Compare::Exact => None,
        Compare::Set => Some("Order has no meaning."),
        Compare::Document => Some("Compared as a policy document."),
        Compare::AtLeast => Some("May be higher than asked for."),
        Compare::Manifest => Some("Compared as a manifest."),
        Compare::OwnedKeys => Some("Foreign keys are left alone."),
        Compare::WriteOnly => Some("Cannot be read back."),
    };
    let sent = match field.sent {
        Sent::WithCreate => None,
        Sent::Late => Some("Sent right after the creation."),
    };
    let needs = match field.needs {
        Need::Id => None,
        Need::Ready => Some("Waits until what it refers to works."),
    };
    [compared, sent, needs].into_iter().flatten()
}

const GENERATED: &str =
    "<!-- Generated: `UPDATE_DOCS=1 cargo test docs` writes this page anew. -->";

const ABOUT_KINDS: &str = "\
Every kind of resource that platctl knows, by its CloudFormation type. Properties and outputs have CloudFormation's
names and meaning. `platctl kinds KIND` shows the same in the terminal.

- A change of a property either **updates** the resource in place or **replaces** it by another one.
- A property that is absent is not managed: it is never compared and never changed.
- Durations are typical ones on AWS. They order the work and make estimates; they are no promise.
";

const ABOUT_BLUEPRINT: &str = "\
One file says what is built: a head, and components in sections. Only what is required must be said; everything else has
the default that is named here. Unknown keys, duplicate keys and values of the wrong form are errors, all told at once by
`platctl validate`.

An environment is laid over the rest of the file: mappings are merged key by key, anything else is replaced, and `null`
removes. `--env NAME` chooses one; `--set KEY=VALUE` lays a single value over it for one run.
";

fn kind(kind: &dyn AnyKind, out: &mut Formatter<'_>) -> fmt::Result {
    writeln!(out, "\n## {}\n\n{}\n", kind.name(), kind.doc())?;
    let typical = kind.typical(&serde_json::Value::Null);
    writeln!(
        out,
        "- Typically {} to create, {} to update, {} to delete.",
        words::about(typical.create),
        words::about(typical.update),
        words::about(typical.delete),
    )?;
    writeln!(
        out,
        "- {}",
        match kind.replace_order() {
            ReplaceOrder::CreateFirst =>
                "Replaced the new one first, unless both would have one name.",
            ReplaceOrder::DeleteFirst => "Replaced the old one first.",
        }
    )?;
    writeln!(
        out,
        "- {}",
        match kind.tagging() {
            Tagging::List | Tagging::Map => "Carries the owner tags.",
            Tagging::Labels => "Carries its owner in a label and an annotation.",
            Tagging::None => "Has no tags; its id follows from its properties.",
        }
    )?;
    if kind.loss() == Loss::Data {
        writeln!(out, "- Holds data: to delete or to replace it needs `--allow-delete`.")?;
    }
    writeln!(out, "\n| Property | A change | Meaning |\n|---|---|---|")?;
    for field in kind.fields() {
        let change = match field.on_change {
            OnChange::Update => "updates",
            OnChange::Replace => "replaces",
        };
        let meaning: Vec<&str> = [field.doc].into_iter().chain(notes(field)).collect();
        writeln!(out, "| `{}` | {change} | {} |", field.path, cell(&meaning.join(" ")))?;
    }
    writeln!(out, "\n| Output | Known | Meaning |\n|---|---|---|")?;
    for Output { name, doc, known, moved_by: _ } in kind.outputs() {
        let known = match known {
            Need::Id => "with its id",
            Need::Ready => "once it works",
        };
        writeln!(out, "| `{name}` | {known} | {} |", cell(doc))?;
    }
    Ok(())
}

/// One type of component.
fn section(key: &Key, of: ComponentType, out: &mut Formatter<'_>) -> fmt::Result {
    writeln!(out, "\n## `{}`\n", key.key)?;
    let component = match &key.shape {
        Shape::Map { key: name, value } => {
            writeln!(out, "{} Each by {}.\n", sentence(key.doc), phrase(name))?;
            value
        }
        shape => {
            writeln!(out, "{} At most one.\n", sentence(key.doc))?;
            shape
        }
    };
    if let Shape::Struct(Struct { doc, fields, .. }) = component {
        writeln!(out, "{}\n", sentence(doc))?;
        fields.iter().try_for_each(|field| self::key(field, 0, out))?;
    }
    if let [usual, _, ..] | [usual] = of.accesses() {
        let all = of.accesses().iter().map(|access| format!("{of}.NAME:{access}"));
        writeln!(out, "\nOthers use one as {}; `:{usual}` may be left out.", either(all))?;
    }
    Ok(())
}

/// A key of a mapping, and below it what its value is made of.
fn key(key: &Key, depth: usize, out: &mut Formatter<'_>) -> fmt::Result {
    let Key { key, doc, shape, default, required } = key;
    let required = if *required { ", required" } else { "" };
    let default = default.map(|text| format!("; `{text}` by default")).unwrap_or_default();
    let shown = capital(&phrase(shape));
    writeln!(out, "{}- **`{key}`**{required}: {} {shown}{default}.", indent(depth), sentence(doc))?;
    parts(shape, depth + 1, out)
}

/// What a shape is made of, as a list below it.
fn parts(shape: &Shape, depth: usize, out: &mut Formatter<'_>) -> fmt::Result {
    match shape {
        Shape::Choice { values, .. } if values.len() > 1 => {
            values.iter().try_for_each(|Choice { value, doc }| {
                writeln!(out, "{}- `{value}`: {}", indent(depth), sentence(doc))
            })
        }
        Shape::Struct(of) => of.fields.iter().try_for_each(|field| key(field, depth, out)),
        Shape::List(item) => parts(item, depth, out),
        Shape::Map { key, value } => {
            parts(key, depth, out)?;
            parts(value, depth, out)
        }
        Shape::Either(shapes) => shapes.iter().try_for_each(|shape| match shape {
            Shape::Struct(of) => {
                writeln!(out, "{}- a mapping: {}", indent(depth), sentence(of.doc))?;
                parts(shape, depth + 1, out)
            }
            shape => parts(shape, depth, out),
        }),
        Shape::Word(_)
        | Shape::Choice { .. }
        | Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Overlay { .. }
        | Shape::Any => Ok(()),
    }
}

/// What may stand there, with its article.
pub(crate) fn phrase(shape: &Shape) -> String {
    match shape {
        Shape::Word(Word { what, examples, .. })
            if what.starts_with('`') || examples.is_empty() =>
        {
            what.clone()
        }
        Shape::Word(Word { what, examples, .. }) => format!("{what} such as {}", either(*examples)),
        Shape::Choice { values, .. } => match values.as_slice() {
            [Choice { value, .. }] => format!("always `{value}`"),
            _ => "one of these words".into(),
        },
        Shape::Boolean => "`true` or `false`".into(),
        Shape::Integer { min, max } => format!("a whole number from {min} to {max}"),
        Shape::List(item) => format!("a list, each item {}", phrase(item)),
        Shape::Map { key, value } => {
            format!("a mapping from {} to {}", phrase(key), phrase(value))
        }
        Shape::Struct(_) => "a mapping".into(),
        Shape::Either(shapes) => {
            let mut all: Vec<String> = shapes.iter().map(phrase).collect();
            all.dedup();
            all.join(", or ")
        }
        Shape::Overlay { .. } => "what differs from the rest".into(),
        Shape::Any => "anything".into(),
    }
}

/// The first sentence of a documentation.
pub(crate) fn summary(doc: &str) -> &str {
    doc.split_inclusive(". ").next().unwrap_or_default().trim()
}

/// A doc comment on one line.
pub(crate) fn sentence(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text inside a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

pub(crate) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}
