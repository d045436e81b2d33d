//! What became of a state that a command has edited, and where its earlier versions are.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use super::listing::section;
use crate::address::Address;
use crate::recover::{Recovered, Stray, Thing};
use crate::report::style::{CHANGED, ERROR, QUIET, STRONG, WARNING, painted};
use crate::report::words::{self, counted};
use crate::state::edit::Difference;
use crate::state::seal::Wrap;
use crate::state::{State, Version};

/// The versions of a state, newest first.
pub fn history(versions: &[Version]) -> impl Display {
    fmt::from_fn(move |out| {
        if versions.is_empty() {
            return writeln!(out, "There are no versions yet: each apply writes one.");
        }
        let rows = versions.iter().map(|version| {
            let written = version.written.as_ref();
            let told = |text: Option<&String>| text.map_or("-", String::as_str).to_owned();
            [
                version.serial.to_string(),
                told(written.map(|it| &it.time)),
                told(written.map(|it| &it.by)),
                told(written.map(|it| &it.purpose)),
                counted(version.resources, "resource"),
                words::size(version.size),
            ]
        });
        table(["SERIAL", "TIME", "WHO", "COMMAND", "RECORDED", "SIZE"], rows.collect(), out)
    })
}

/// What was recorded under another address.
pub fn moved(moved: &BTreeMap<Address, Address>, state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        let width = moved.keys().map(|from| from.as_str().len()).max().unwrap_or(0);
        for (from, to) in moved {
            writeln!(out, "{from:width$}  →  {to}")?;
        }
        let count = counted(moved.len(), "resource");
        writeln!(out, "\nMoved {count} in the state; the next apply moves the tags.")?;
        undo(state, out)
    })
}

/// What is not recorded any more, and was not deleted.
pub fn forgotten(before: &State, forgotten: &BTreeSet<Address>, state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        let width = forgotten.iter().map(|it| it.as_str().len()).max().unwrap_or(0);
        for address in forgotten {
            let record = &before.resources[address];
            let id = record.id.as_ref().map(ToString::to_string).unwrap_or_default();
            let kind = painted(QUIET, &record.kind);
            writeln!(out, "{address:width$}  {kind}  {id}")?;
        }
        writeln!(
            out,
            "\nForgot {}. Nothing was deleted: what is there stays, with its tags, and a plan adopts it as long as the \
             blueprint asks for it.",
            counted(forgotten.len(), "resource")
        )?;
        undo(state, out)
    })
}

/// A state that took the place of another.
pub fn pushed(state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        let State { stack, serial, resources, .. } = state;
        let count = counted(resources.len(), "resource");
        writeln!(out, "The state of {stack} records {count} now, as serial {serial}.")?;
        undo(state, out)
    })
}

/// An earlier version that is the current one again, and what follows.
pub fn restored(serial: u64, difference: &Difference, state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        let Difference { returning, leaving, differing } = difference;
        section("Recorded again", returning.iter().map(ToString::to_string), out)?;
        section("Not recorded any more", leaving.iter().map(ToString::to_string), out)?;
        section("Recorded differently", differing.iter().map(ToString::to_string), out)?;
        if !difference.is_empty() {
            writeln!(out)?;
        }
        writeln!(out, "Serial {serial} is the current state again, as serial {}.", state.serial)?;
        if !returning.is_empty() {
            writeln!(
                out,
                "Of what is recorded again, the next plan creates or drops what is gone by now."
            )?;
        }
        if !leaving.is_empty() {
            writeln!(
                out,
                "What is not recorded any more stays as it is; the next plan adopts what the blueprint asks for."
            )?;
        }
        if !differing.is_empty() {
            writeln!(out, "What is recorded differently is compared with what is live.")?;
        }
        undo(state, out)
    })
}

/// A state that was rebuilt.
pub fn recovered(recovered: &Recovered) -> impl Display {
    fmt::from_fn(move |out| {
        let Recovered { state, missing, conflicts, strays, unseen } = recovered;
        section(
            "Not there; the next plan creates it",
            missing.iter().map(ToString::to_string),
            out,
        )?;
        let told = unseen.iter().map(|(address, paths)| format!("{address}: {}", paths.join(", ")));
        section("Cannot be read; taken to be as the blueprint says", told, out)?;
        for conflict in conflicts {
            writeln!(out, "\n{} {conflict}", painted(ERROR, "conflict:"))?;
        }
        for Stray { thing, address, recorded } in strays {
            let what = painted(WARNING, "not in the blueprint:");
            let follows = match recorded {
                Some(_) => "recorded, the next plan deletes it",
                None => "its ARN does not tell what it is: delete it by hand, or keep it",
            };
            let thing = match thing {
                Thing::Arn(arn) => arn.clone(),
                Thing::Object { kind, id } => format!("{kind} {id}"),
            };
            writeln!(out, "\n{what} {address}\n {} {thing}\n {0} {follows}", painted(QUIET, "="))?;
        }
        if !(missing.is_empty() && unseen.is_empty() && conflicts.is_empty() && strays.is_empty()) {
            writeln!(out)?;
        }
        let count = counted(state.resources.len(), "resource");
        writeln!(out, "Recovered {count} of {}, as serial {}.", state.stack, state.serial)?;
        writeln!(out, "`platctl plan` shows what differs from the blueprint.")
    })
}

/// By what a state is sealed from now on.
pub fn rotated(wrap: &Wrap, state: &State) -> impl Display {
    fmt::from_fn(move |out| {
        let State { stack, serial, .. } = state;
        let by = match wrap {
            Wrap::Open => {
                return writeln!(out, "The state of {stack} is not sealed, as serial {serial}.");
            }
            Wrap::Passphrase => "by the passphrase".into(),
            Wrap::Kms(key) => format!("by the KMS key {key}"),
        };
        writeln!(
            out,
            "The state of {stack} is sealed {by}, with a new data key, as serial {serial}."
        )
    })
}

/// How to take an edit back.
fn undo(state: &State, out: &mut Formatter<'_>) -> fmt::Result {
    let former = state.serial.saturating_sub(1);
    if former == 0 {
        return Ok(());
    }
    let hint = format!("`platctl state restore {former}` takes it back.");
    writeln!(out, "{}", painted(QUIET, hint))
}

fn table<const N: usize>(
    head: [&str; N],
    rows: Vec<[String; N]>,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let mut widths = head.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{}", painted(STRONG, line(&head.map(str::to_owned))))?;
    for (index, row) in rows.iter().enumerate() {
        let style = if index == 0 { CHANGED } else { anstyle::Style::new() };
        writeln!(out, "{}", painted(style, line(row)))?;
    }
    Ok(())
}
