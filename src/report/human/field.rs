//! What changes in one resource: a line per field, or a small diff where the value has lines of its own.

use std::fmt::{self, Display, Formatter};

use anstyle::Style;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::value;
use crate::kind::{Compare, field};
use crate::kinds;
use crate::plan::{Cause, Change, FieldChange, diff};
use crate::report::style::{BAD, GOOD, QUIET, REPLACED, WARNING, painted};
use crate::report::{Detail, View, words};

const INDENT: usize = 6;
/// Lines that stay around what changed in a document.
const CONTEXT_LINES: usize = 2;
/// A diff that is longer shows its beginning; `--json` has it all.
const DIFF_LINES_MAX: usize = 24;

/// All field changes of a resource.
pub(super) fn fields(change: &Change, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    change.fields.iter().try_for_each(|field| one(change, field, view, out))
}

/// The properties that a resource is created with, on a line each. Its tags go without saying.
pub(super) fn properties(spec: &Value, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let members = spec.as_object().into_iter().flatten().filter(|(name, _)| *name != "Tags");
    for (name, value) in members {
        let room = view.width.saturating_sub(INDENT + name.len() + 2).max(ROOM_MIN);
        let text = words::shortened(&value::inline(value), room);
        writeln!(out, "{:INDENT$}{}", "", painted(QUIET, format_args!("{name}: {text}")))?;
    }
    Ok(())
}

/// However narrow the terminal is, a value gets this many columns.
const ROOM_MIN: usize = 24;

fn one(change: &Change, field: &FieldChange, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let compare = kinds::find(&change.kind)
        .and_then(|kind| field::ruling(kind.fields(), &field.path))
        .map_or(Compare::Exact, |row| row.compare);
    let (before, after) = sides(compare, field);
    let deep = |side: &Option<Value>| side.as_ref().is_some_and(value::is_structure);
    let note = Note(field);
    let head = format!("{:INDENT$}{}:", "", field.path);

    let (old, new) = (text_before(compare, before.as_ref()), text_after(after.as_ref()));
    let columns = |text: &str| text.chars().count();
    let whole = columns(&head) + columns(&old) + columns(&new) + 6 + columns(&note.to_string());
    if whole <= view.width && !(deep(&before) && deep(&after)) {
        let arrow = painted(QUIET, "→");
        let (old, new) = (painted(BAD, old), painted(GOOD, new));
        return writeln!(out, "{head} {old} {arrow} {new}  {note:#}");
    }
    writeln!(out, "{head}  {note:#}")?;
    match (before, after) {
        (before, after) if deep(&before) || deep(&after) => document(before, after, view, out),
        _ => {
            let room = view.width.saturating_sub(INDENT + 4).max(ROOM_MIN);
            let (old, new) = value::shortened_pair(&old, &new, room);
            writeln!(out, "{:INDENT$}  {}", "", painted(BAD, format_args!("- {old}")))?;
            writeln!(out, "{:INDENT$}  {}", "", painted(GOOD, format_args!("+ {new}")))
        }
    }
}

fn sides(compare: Compare, field: &FieldChange) -> (Option<Value>, Option<Value>) {
    match (&field.before, &field.after) {
        (Some(before), Some(after)) => {
            let (before, after) = diff::aligned(compare, before, after);
            (Some(before), Some(after))
        }
        (before, after) => (before.clone(), after.clone()),
    }
}

fn text_before(compare: Compare, before: Option<&Value>) -> String {
    match before {
        Some(value) => value::inline(value),
        None if compare == Compare::WriteOnly => "(cannot be read)".into(),
        None => "(none)".into(),
    }
}

fn text_after(after: Option<&Value>) -> String {
    match after {
        Some(value) if value::is_unknown(value) => {
            format!("{} (known after apply)", value::inline(value))
        }
        Some(value) => value::inline(value),
        None => "(none)".into(),
    }
}

/// The lines that go and come, with some context.
fn document(
    before: Option<Value>,
    after: Option<Value>,
    view: View,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let text = |side: Option<Value>| side.as_ref().map(value::lines).unwrap_or_default();
    let (before, after) = (text(before), text(after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut rows: Vec<(ChangeTag, String)> = Vec::new();
    for group in diff.grouped_ops(CONTEXT_LINES) {
        if !rows.is_empty() {
            rows.push((ChangeTag::Equal, "⋮".into()));
        }
        let changes = group.iter().flat_map(|op| diff.iter_changes(op));
        rows.extend(changes.map(|change| (change.tag(), change.value().trim_end().to_owned())));
    }
    let shown = if view.detail < Detail::Full { DIFF_LINES_MAX } else { usize::MAX };
    let left_out = rows.len().saturating_sub(shown);
    let room = view.width.saturating_sub(INDENT + 4).max(ROOM_MIN);
    for (tag, text) in rows.iter().take(shown) {
        let text = words::shortened(text, room);
        let (style, sign) = match tag {
            ChangeTag::Equal => (QUIET, ' '),
            ChangeTag::Delete => (BAD, '-'),
            ChangeTag::Insert => (GOOD, '+'),
        };
        writeln!(out, "{:INDENT$}  {}", "", painted(style, format_args!("{sign} {text}")))?;
    }
    if left_out > 0 {
        let more = format!("… {} more; -v shows all", words::counted(left_out, "line"));
        writeln!(out, "{:INDENT$}  {}", "", painted(QUIET, more))?;
    }
    Ok(())
}

/// Which side moved, and whether that replaces the resource. The alternate form has styles.
struct Note<'a>(&'a FieldChange);

impl Display for Note<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self(field) = self;
        let style = match field.cause {
            Cause::Blueprint | Cause::Reference => QUIET,
            Cause::Drift | Cause::Both => WARNING,
        };
        let style = if out.alternate() { style } else { Style::new() };
        let stress = if out.alternate() { REPLACED } else { Style::new() };
        write!(out, "{}", painted(style, format_args!("({}", words::cause(field.cause))))?;
        if field.replaces {
            write!(out, "{}", painted(stress, ", forces replacement"))?;
        }
        write!(out, "{}", painted(style, ")"))
    }
}
