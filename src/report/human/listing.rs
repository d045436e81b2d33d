//! What is recorded, and what kinds there are.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use anstyle::Style;

use super::value;
use super::wrap::Paragraph;
use crate::address::Address;
use crate::cloud::CallsSince;
use crate::kind::{AnyKind, Field, Loss, Need, OnChange, Output, Tagging};
use crate::report::reference::notes;
use crate::report::style::{CHANGED, GOOD, QUIET, REPLACED, STRONG, painted};
use crate::report::{View, words};
use crate::state::{Record, State, Status};

/// Every recorded resource on a line.
pub fn records(state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        if state.resources.is_empty() {
            return writeln!(out, "Nothing is recorded of {}.", state.stack);
        }
        let width = |length: fn((&Address, &Record)) -> usize| {
            state.resources.iter().map(length).max().unwrap_or(0)
        };
        let at = width(|(address, _)| address.as_str().len());
        let kind = width(|(_, record)| record.kind.len());
        for (address, record) in &state.resources {
            let shown = painted(QUIET, format!("{:kind$}", record.kind));
            write!(out, "{address:at$}  {shown}  {}", id(record))?;
            if record.status != Status::Stable {
                write!(out, "  {}", painted(CHANGED, words::status(&record.status)))?;
            }
            writeln!(out)?;
        }
        Ok(())
    })
}

/// One recorded resource in full.
pub fn record(address: &Address, record: &Record) -> impl Display {
    fmt::from_fn(move |out| {
        writeln!(out, "{}", painted(STRONG, address))?;
        let rows = [
            ("kind", record.kind.clone()),
            ("id", id(record)),
            ("region", record.region.clone()),
            ("status", words::status(&record.status).into()),
            ("deletion", format!("{:?}", record.deletion).to_lowercase()),
        ];
        for (name, text) in rows {
            writeln!(out, "  {name:9} {text}")?;
        }
        let needs = record.needs.iter().map(|(to, need)| match need {
            Need::Id => to.to_string(),
            Need::Ready => format!("{to} (working)"),
        });
        section("Needs", needs, out)?;
        let outputs = record.outputs.iter().map(|(name, value)| format!("{name}: {value}"));
        section("Outputs", outputs, out)?;
        let spec = value::lines(&record.spec.open());
        section("Spec as applied", spec.lines().map(str::to_owned), out)
    })
}

/// All kinds, each with the first sentence of its documentation.
pub fn kinds(kinds: &[&dyn AnyKind], view: View) -> impl Display {
    fmt::from_fn(move |out| {
        let width = kinds.iter().map(|kind| kind.name().len()).max().unwrap_or(0);
        for kind in kinds {
            let summary = kind.doc().split_inclusive(". ").next().unwrap_or_default().trim();
            let begin = format!("{:width$}  ", kind.name());
            paragraph(&begin, summary, QUIET, view, out)?;
        }
        Ok(())
    })
}

/// What a kind is, its properties and its outputs.
pub fn kind(kind: &dyn AnyKind, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        writeln!(out, "{}\n", painted(STRONG, kind.name()))?;
        paragraph("", kind.doc(), Style::new(), view, out)?;
        writeln!(out, "\n{}", painted(STRONG, "Properties"))?;
        let width = kind.fields().iter().map(|field| field.path.len()).max().unwrap_or(0);
        for field in kind.fields() {
            property(field, width, view, out)?;
        }
        writeln!(out, "\n{}", painted(STRONG, "Outputs"))?;
        let width = kind.outputs().iter().map(|output| output.name.len()).max().unwrap_or(0);
        for Output { name, doc, known, moved_by: _ } in kind.outputs() {
            let when = match known {
                Need::Id => "with its id  ",
                Need::Ready => "once it works",
            };
            paragraph(&format!("  {name:width$}  {when}  "), doc, QUIET, view, out)?;
        }
        writeln!(out)?;
        let typical = kind.typical(&serde_json::Value::Null);
        writeln!(
            out,
            "Typically {} to create, {} to update, {} to delete.",
            words::about(typical.create),
            words::about(typical.update),
            words::about(typical.delete),
        )?;
        if kind.tagging() == Tagging::None {
            writeln!(out, "It has no tags; its id follows from its properties.")?;
        }
        if kind.loss() == Loss::Data {
            writeln!(out, "To delete or to replace it loses data, which needs `--allow-delete`.")?;
        }
        Ok(())
    })
}

/// The requests that were made, by service.
pub fn calls(calls: &CallsSince, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        let total: u64 = calls.values().flat_map(BTreeMap::values).sum();
        writeln!(out, "\n{total} API calls:")?;
        let width = calls.keys().map(String::len).max().unwrap_or(0);
        for (service, actions) in calls {
            let counted = actions.iter().map(|(action, count)| match count {
                1 => action.clone(),
                _ => format!("{count} {action}"),
            });
            let begin = format!("  {service:width$}  ");
            let (begin, separator) = (begin.as_str(), ", ");
            Paragraph { begin, separator, style: QUIET, width: view.width }.write(counted, out)?;
        }
        Ok(())
    })
}

fn property(field: &Field, width: usize, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let Field { path, doc, on_change, .. } = field;
    let change = match on_change {
        OnChange::Update => painted(GOOD, "update ").to_string(),
        OnChange::Replace => painted(REPLACED, "replace").to_string(),
    };
    let words = doc.split_whitespace().chain(notes(field).flat_map(str::split_whitespace));
    let begin = format!("  {path:width$}  {change}  ");
    let paragraph = Paragraph { begin: &begin, separator: " ", style: QUIET, width: view.width };
    paragraph.write(words, out)
}

pub(super) fn paragraph(
    begin: &str,
    text: &str,
    style: Style,
    view: View,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let paragraph = Paragraph { begin, separator: " ", style, width: view.width };
    paragraph.write(text.split_whitespace(), out)
}

pub(super) fn section(
    title: &str,
    lines: impl Iterator<Item = String>,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        writeln!(out, "\n{}", painted(STRONG, title))?;
    }
    lines.try_for_each(|line| writeln!(out, "  {line}"))
}

fn id(record: &Record) -> String {
    record.id.as_ref().map_or_else(|| "(no id yet)".into(), ToString::to_string)
}
