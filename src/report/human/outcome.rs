//! How an apply ended: what was done, what failed and why, what was not tried.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::wrap::Paragraph;
use crate::address::Address;
use crate::apply::{Failure, Outcome, Skipped};
use crate::fault::Residue;
use crate::plan::{Action, Change, Op, Plan};
use crate::report::style::{BAD, ERROR, GOOD, QUIET, STRONG, WARNING, painted};
use crate::report::{View, words};

/// The whole end of an apply.
pub fn outcome(plan: &Plan, outcome: &Outcome, elapsed: Duration, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        for failure in &outcome.failed {
            failed(failure, view, out)?;
        }
        not_tried(&outcome.skipped, view, out)?;
        closing(plan, outcome, elapsed, out)
    })
}

fn failed(failure: &Failure, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let Failure { address, op, kind, id, fault } = failure;
    let head = painted(ERROR, "error:");
    let id = id.as_ref().map(|id| format!(" {id}")).unwrap_or_default();
    let what = painted(QUIET, format!("({kind}{id})"));
    writeln!(out, "{head} {} {} {what} failed", words::doing_to(*op), painted(STRONG, address))?;
    let mut row = |name: &str, text: &str| {
        let begin = format!(" {} {name}: ", painted(QUIET, "="));
        let style = anstyle::Style::new();
        let paragraph = Paragraph { begin: &begin, separator: " ", style, width: view.width };
        paragraph.write(text.split_whitespace(), out)
    };
    row("why", &fault.to_string())?;
    for blocker in fault.blockers.iter().take(BLOCKERS_MAX) {
        row("by", &blocker.to_string())?;
    }
    if let Some(more) = fault.blockers.len().checked_sub(BLOCKERS_MAX).filter(|more| *more > 0) {
        row("by", &format!("{more} more"))?;
    }
    if let Some(code) = &fault.code {
        row("code", code)?;
    }
    if let Some(request) = &fault.request_id {
        row("request", request)?;
    }
    row("left", &left(*op, &fault.residue))?;
    row("help", fault.class.hint())?;
    writeln!(out)
}

/// More of them say nothing more; `--json` tells all.
const BLOCKERS_MAX: usize = 12;

/// What the failure left, and what becomes of it.
fn left(op: Op, residue: &Residue) -> String {
    match (op, residue) {
        (Op::Create, Residue::None) => "nothing, it was not made".into(),
        (_, Residue::None) => "everything as it was before this step".into(),
        (_, Residue::Unknown) => "not known, no answer came; the next apply looks first".into(),
        (_, Residue::Present(id)) => {
            format!("`{id}` is there and recorded; the next apply goes on with it")
        }
    }
}

fn not_tried(
    skipped: &BTreeMap<Address, Skipped>,
    view: View,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let mut causes: BTreeMap<Option<&Address>, Vec<&Address>> = BTreeMap::new();
    for (address, why) in skipped {
        let cause = match why {
            Skipped::Needs(failed) => Some(failed),
            Skipped::Interrupted => None,
        };
        causes.entry(cause).or_default().push(address);
    }
    for (cause, addresses) in causes {
        let why = match cause {
            Some(failed) => format!("because {failed} failed"),
            None => "because of the interrupt".into(),
        };
        let count = words::counted(addresses.len(), "resource");
        writeln!(out, "{} {count} {why}", painted(WARNING, "not finished:"))?;
        let paragraph = Paragraph { begin: "  ", separator: "  ", style: QUIET, width: view.width };
        paragraph.write(addresses, out)?;
        writeln!(out)?;
    }
    Ok(())
}

fn closing(
    plan: &Plan,
    outcome: &Outcome,
    elapsed: Duration,
    out: &mut Formatter<'_>,
) -> fmt::Result {
    let took = words::took(elapsed);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (address, action) in &outcome.done {
        if plan.changes.get(address).is_none_or(Change::counts) {
            *counts.entry(words::done(*action)).or_default() += 1;
        }
    }
    let order = [
        Action::Create,
        Action::Update,
        Action::CreateThenDelete,
        Action::Delete,
        Action::Adopt,
        Action::Retain,
    ];
    let done = order.into_iter().filter_map(|action| {
        let word = words::done(action);
        counts.get(word).map(|count| painted(GOOD, format!("{count} {word}")).to_string())
    });
    let failed = outcome.failed.len();
    let failed = (failed > 0).then(|| painted(BAD, format!("{failed} failed")).to_string());
    let rest = outcome.skipped.len();
    let rest = (rest > 0).then(|| format!("{rest} not finished"));
    let parts: Vec<String> = done.chain(failed).chain(rest).collect();
    let parts = if parts.is_empty() { "nothing was done".into() } else { parts.join(", ") };
    let head = match (outcome.is_success(), outcome.interrupted.is_some()) {
        (true, _) => painted(GOOD.bold(), "Done"),
        (false, true) => painted(WARNING, "Interrupted"),
        (false, false) => painted(ERROR, "Failed"),
    };
    writeln!(out, "{head} after {took}: {parts}.")?;
    if !outcome.is_success() {
        writeln!(out, "What was done is recorded: the same command goes on from here.")?;
    }
    Ok(())
}
