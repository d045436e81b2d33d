//! Drift: what was changed outside platctl, and nothing else.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::plan::tree;
use crate::address::Address;
use crate::plan::{Change, Plan, Reason};
use crate::report::style::{CHANGED, GOOD, QUIET, STRONG, painted};
use crate::report::{Detail, View, words};

/// `drifted`, as [`crate::plan::drift::drift`] finds it in `plan`.
pub fn drift(plan: &Plan, drifted: &BTreeMap<Address, Change>, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        if drifted.is_empty() {
            let count = plan.changes.values().filter(|change| change.id.is_some()).count();
            let live = words::counted(count, "live resource");
            writeln!(out, "No drift: {} is as it was applied ({live}).", plan.stack)?;
        } else {
            if view.detail > Detail::Brief {
                let stack = painted(STRONG, &plan.stack);
                let how = painted(QUIET, "(as it is → as it should be)");
                writeln!(out, "Drift in {stack} {how}\n")?;
                tree(drifted, View { detail: Detail::Normal, ..view }, out)?;
            }
            let count = words::counted(drifted.len(), "resource");
            let parts = [
                (
                    "deleted",
                    of(drifted, |it| matches!(it, Reason::Vanished | Reason::RemovedAndGone)),
                ),
                ("unrecorded", of(drifted, |it| matches!(it, Reason::FoundOurs))),
                (
                    "broken",
                    of(drifted, |it| matches!(it, Reason::Failed { .. } | Reason::BeingDeleted)),
                ),
            ];
            let changed = drifted.len() - parts.iter().map(|(_, count)| count).sum::<usize>();
            let parts = [("changed", changed)].into_iter().chain(parts);
            let parts: Vec<String> = parts
                .filter(|(_, count)| *count > 0)
                .map(|(what, count)| format!("{count} {what}"))
                .collect();
            let heal = painted(GOOD, "platctl apply");
            let head = painted(CHANGED, "Drift:");
            writeln!(out, "{head} {count}: {}. `{heal}` heals it.", parts.join(", "))?;
        }
        let pending = plan.summary().changes().saturating_sub(drifted.len());
        if pending > 0 {
            let changes = words::counted(pending, "change");
            writeln!(out, "Besides drift, {changes} pending; see `platctl plan`.")?;
        }
        Ok(())
    })
}

fn of(drifted: &BTreeMap<Address, Change>, is: impl Fn(&Reason) -> bool) -> usize {
    drifted.values().filter(|change| is(&change.reason)).count()
}
