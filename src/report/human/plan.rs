//! The plan as a tree: components, in them their resources with what is done to each and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::field;
use super::wrap::Paragraph;
use crate::address::Address;
use crate::plan::{Action, Change, Intent, Op, Plan, Summary};
use crate::report::style::{
    ADOPTED, BAD, CHANGED, GOOD, QUIET, REPLACED, STRONG, WARNING, glyph, painted,
};
use crate::report::{Detail, View, words};

/// The whole plan, or one line if there is nothing to do.
pub fn plan(plan: &Plan, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        if plan.is_empty() || view.detail == Detail::Brief {
            return write!(out, "{}", summary(plan, view));
        }
        let intent = match plan.intent {
            Intent::Apply => "Plan for",
            Intent::Destroy => "Plan to destroy",
        };
        let stack = painted(STRONG, &plan.stack);
        writeln!(out, "{intent} {stack} {}\n", painted(QUIET, format_args!("in {}", plan.region)))?;
        tree(&plan.changes, view, out)?;
        write!(out, "{}", summary(plan, view))?;
        losses(plan, view, out)
    })
}

/// What the plan comes to: how many of each, how long it takes.
pub fn summary(plan: &Plan, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        if plan.is_empty() {
            let kept = words::counted(plan.summary().keep, "resource");
            return match plan.intent {
                Intent::Apply => {
                    writeln!(out, "No changes: {} is as the blueprint says ({kept}).", plan.stack)
                }
                Intent::Destroy => {
                    writeln!(out, "Nothing to destroy: nothing is recorded of {}.", plan.stack)
                }
            };
        }
        counts(plan.summary(), out)?;
        estimate(plan, view, out)
    })
}

/// Components with their resources. What is kept is not shown, and an old half only where its new one is not.
pub(super) fn tree(
    changes: &BTreeMap<Address, Change>,
    view: View,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let halves: BTreeSet<&Address> =
        changes.values().filter_map(|it| it.deposed.as_ref()).collect();
    let mut components: BTreeMap<&str, Vec<(&Address, &Change)>> = BTreeMap::new();
    for (address, change) in changes {
        if change.is_change() && !halves.contains(address) {
            components.entry(address.component()).or_default().push((address, change));
        }
    }
    let shown = || components.values().flatten();
    let longest =
        |length: fn(&(&Address, &Change)) -> usize| shown().map(length).max().unwrap_or(0);
    let kind = longest(|(_, change)| change.kind.len());
    let role = longest(|(address, _)| address.role().len());
    let room = view.width.saturating_sub(kind + 6);
    let columns = Columns { role: role.min(ROLE_MAX).min(room), kind };
    for (component, resources) in &components {
        writeln!(out, "{}", painted(STRONG, component))?;
        for (address, change) in resources {
            resource(address, change, columns, view, out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// A longer role pushes its own kind to the right, not everybody's.
const ROLE_MAX: usize = 34;

#[derive(Clone, Copy)]
struct Columns {
    role: usize,
    kind: usize,
}

fn resource(
    address: &Address,
    change: &Change,
    columns: Columns,
    view: View,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let (role, kind) = (address.role(), &change.kind);
    let pad = columns.role.saturating_sub(role.len());
    write!(out, "  {} {role}{:pad$}  {}", glyph(change.action), "", painted(QUIET, kind))?;
    if let Some(why) = why(change) {
        let role = columns.role.max(role.len());
        let beside = 6 + role + columns.kind + 2 + why.chars().count() <= view.width;
        let pad = if beside { columns.kind.saturating_sub(kind.len()) + 2 } else { 6 };
        let line = if beside { "" } else { "\n" };
        write!(out, "{line}{:pad$}{}", "", painted(CHANGED, why))?;
    }
    writeln!(out)?;
    field::fields(change, view, out)?;
    match &change.desired {
        Some(spec) if view.detail == Detail::Full && change.action == Action::Create => {
            field::properties(spec, view, out)
        }
        _ => Ok(()),
    }
}

/// The reason; a replacement also says in which order.
fn why(change: &Change) -> Option<String> {
    let reason = words::reason(change);
    let order = match change.action {
        Action::CreateThenDelete => "replaced, the new one first",
        Action::DeleteThenCreate => "replaced, the old one first",
        Action::Retain => "stays where it is, only its record goes",
        Action::Create | Action::Update | Action::Delete | Action::Adopt | Action::Keep => {
            return reason;
        }
    };
    Some(reason.map_or(order.into(), |reason| format!("{order}: {reason}")))
}

fn counts(summary: Summary, out: &mut Formatter<'_>) -> fmt::Result {
    let Summary { create, update, replace, delete, adopt, retain, keep } = summary;
    let count = |count: usize, style, what| {
        let style = if count == 0 { QUIET } else { style };
        painted(style, format!("{count} {what}"))
    };
    let retained = if retain == 0 {
        String::new()
    } else {
        format!(", {}", count(retain, ADOPTED, "to leave where it is"))
    };
    writeln!(
        out,
        "{} {}, {}, {}, {}, {}{retained}, {}.",
        painted(STRONG, "Plan:"),
        count(create, GOOD, "to create"),
        count(update, CHANGED, "to update"),
        count(replace, REPLACED, "to replace"),
        count(delete, BAD, "to delete"),
        count(adopt, ADOPTED, "to adopt"),
        count(keep, QUIET, "kept"),
    )
}

/// How long it takes, and which resources make it so.
fn estimate(plan: &Plan, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    // Records that are dropped or taken over cost no time, and nobody asks how long.
    if plan.steps.iter().all(|step| matches!(step.op, Op::Forget | Op::Adopt)) {
        return Ok(());
    }
    let on_aws = Duration::from_secs(plan.estimate.seconds);
    let about = words::about(on_aws);
    if view.speed > 1.0 {
        let here = words::about(words::scaled(on_aws, view.speed));
        writeln!(out, "Typically about {about} on AWS, {here} at the speed of this sandbox.")?;
    } else {
        writeln!(out, "Typically about {about}.")?;
    }
    let path = &plan.estimate.critical_path;
    if path.len() < 2 {
        return Ok(());
    }
    let (begin, separator) = ("Critical path: ", " → ");
    Paragraph { begin, separator, style: QUIET, width: view.width }.write(path, out)
}

/// What is lost, and how to agree to it.
fn losses(plan: &Plan, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let losses: BTreeSet<&Address> = plan.losses().collect();
    if losses.is_empty() {
        return Ok(());
    }
    let changes = words::counted(losses.len(), "resource");
    writeln!(out, "\n{}", painted(WARNING, format!("{changes} will lose data:")))?;
    let width = losses.iter().map(|address| address.as_str().len()).max().unwrap_or(0);
    for address in &losses {
        let change = &plan.changes[*address];
        let kind = painted(QUIET, &change.kind);
        writeln!(out, "  {} {address:width$}  {kind}", glyph(change.action))?;
    }
    let options = losses.iter().map(|address| format!("--allow-delete {address}"));
    let (begin, separator) = ("To agree, add ", " ");
    Paragraph { begin, separator, style: STRONG, width: view.width }.write(options, out)
}
