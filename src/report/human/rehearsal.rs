//! What a rehearsal came to: how long, what for, how many calls, and what would fail.

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use super::listing::calls;
use crate::report::style::{CHANGED, GOOD, QUIET, STRONG, painted};
use crate::report::{Detail, View, words};
use crate::simulation::rehearsal::{Leg, Rehearsal};

/// Legs shorter than this are not worth a line.
const LEG_MIN: Duration = Duration::from_secs(1);

/// What follows the outcome of a rehearsal.
pub fn rehearsal(rehearsal: &Rehearsal, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        time(rehearsal, out)?;
        rates(rehearsal, out)?;
        if view.detail == Detail::Full {
            write!(out, "{}", calls(&rehearsal.calls, view))?;
        }
        writeln!(out)?;
        again(rehearsal, out)
    })
}

fn time(rehearsal: &Rehearsal, out: &mut Formatter<'_>) -> fmt::Result {
    let Rehearsal { took, critical, .. } = rehearsal;
    writeln!(out, "\n{} {} on AWS, mostly for:", painted(STRONG, "Takes"), words::took(*took))?;
    let worth = |leg: &&Leg| leg.took >= LEG_MIN;
    let width =
        critical.iter().filter(worth).map(|leg| leg.address.as_str().len()).max().unwrap_or(0);
    for Leg { address, kind, took } in critical.iter().filter(worth) {
        let (time, kind) = (words::took(*took), painted(QUIET, kind));
        writeln!(out, "  {address:width$}  {time:>14}  {kind}")?;
    }
    Ok(())
}

fn rates(rehearsal: &Rehearsal, out: &mut Formatter<'_>) -> fmt::Result {
    let Rehearsal { calls, throttles, retries, .. } = rehearsal;
    let count = |calls: &crate::cloud::CallsSince| -> u64 {
        calls.values().flat_map(|actions| actions.values()).sum()
    };
    let (all, refused) = (count(calls), count(throttles));
    let services =
        calls.iter().map(|(service, actions)| (actions.values().sum::<u64>(), service.as_str()));
    let mut services: Vec<(u64, &str)> = services.collect();
    services.sort_unstable_by_key(|(calls, service)| (std::cmp::Reverse(*calls), *service));
    let services: Vec<String> =
        services.into_iter().map(|(calls, service)| format!("{service} {calls}")).collect();
    writeln!(out, "\n{all} API calls: {}.", services.join(", "))?;
    if refused > 0 {
        writeln!(out, "{}", painted(CHANGED, format!("{refused} of them were throttled.")))?;
    }
    if !retries.is_empty() {
        let why = retries.iter().map(|(class, count)| format!("{count} {}", words::class(*class)));
        writeln!(out, "Tried again: {}.", why.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn again(rehearsal: &Rehearsal, out: &mut Formatter<'_>) -> fmt::Result {
    let changes = rehearsal.again.changes();
    if changes == 0 {
        writeln!(out, "{}", painted(GOOD, "Another plan would find nothing to do."))
    } else {
        let changes = words::counted(changes, "change");
        writeln!(out, "{}", painted(CHANGED, format!("Another plan would find {changes}.")))
    }
}
