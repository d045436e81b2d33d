//! Plain lines: `12:03:41 + network/vpc created in 2 s (vpc-…)`.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::course::{Course, Finished};
use super::{Reporter, Sink};
use crate::apply::Progress;
use crate::plan::{Op, Plan};
use crate::report::style::{ERROR, QUIET, WARNING, glyph, painted};
use crate::report::{View, words};

/// Plain lines for one plan.
pub struct Lines {
    course: Mutex<Course>,
    sink: Sink,
    clock: fn() -> Duration,
}

/// The start of a step that is expected to take longer gets a line of its own.
const LONG: Duration = Duration::from_secs(20);

impl Lines {
    /// Draws for `plan`.
    pub fn new(plan: Arc<Plan>, view: View, sink: Sink) -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { course: Mutex::new(Course::new(plan, view.speed)), sink, clock }
    }

    fn line(&self, text: impl std::fmt::Display) {
        (self.sink)(&format!("{} {text}", painted(QUIET, time_of_day((self.clock)()))));
    }
}

impl Reporter for Lines {
    fn event(&self, progress: &Progress) {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let told = match progress {
            Progress::Retrying { address, .. } => {
                course.running_at(address).and_then(|it| it.retrying.clone())
            }
            _ => None,
        };
        let finished = course.event(progress, Instant::now());
        match progress {
            Progress::Started { address, action, op, .. } => {
                let expected = course.running_at(address).map(|it| course.expected(it));
                if let Some(expected) = expected.filter(|expected| *expected > LONG) {
                    let (doing, about) = (words::doing(*op), words::about(expected));
                    self.line(format_args!("{} {address} {doing}, about {about}", glyph(*action)));
                }
            }
            Progress::Failed { address, op, fault, elapsed } => {
                let (doing, took) = (words::doing(*op), words::took(*elapsed));
                let mark = painted(ERROR, "!");
                self.line(format_args!("{mark} {address} failed {doing} after {took}: {fault}"));
                for blocker in &fault.blockers {
                    self.line(format_args!("{mark} {address} is in use by {blocker}"));
                }
            }
            Progress::Draining { in_flight } => {
                let calls = words::counted(*in_flight, "call");
                let mark = painted(WARNING, "interrupted:");
                self.line(format_args!(
                    "{mark} {calls} in flight may end, nothing new starts; once more to abort"
                ));
            }
            // Once for each reason: the tries after it say nothing new.
            Progress::Retrying { address, op, fault } => {
                let known = told.as_ref();
                let mark = painted(WARNING, "?");
                if known.is_none_or(|told| told.class != fault.class) {
                    let doing = words::doing(*op);
                    self.line(format_args!("{mark} {address} {doing} is tried again: {fault}"));
                }
                let told = known.map(|told| told.blockers.as_slice()).unwrap_or_default();
                for blocker in fault.blockers.iter().filter(|blocker| !told.contains(blocker)) {
                    let waits = if blocker.passes { ", which is waited for" } else { "" };
                    self.line(format_args!("{mark} {address} is in use by {blocker}{waits}"));
                }
            }
            Progress::Made { .. } | Progress::Finished { .. } | Progress::Skipped { .. } => {}
        }
        if let Some(finished) = finished {
            self.line(finished_line(&finished, usize::MAX));
        }
    }
}

/// `+ network/vpc created in 2 s (vpc-…)`, the id shortened to what is left of `width` columns.
pub(super) fn finished_line(finished: &Finished, width: usize) -> String {
    let Finished { address, action, last, elapsed, id } = finished;
    let what = match last {
        Op::Forget => format!("{address} dropped from the record"),
        _ => format!("{address} {} in {}", words::done(*action), words::took(*elapsed)),
    };
    let room = width.saturating_sub(what.chars().count() + "+  ()".len());
    let id = id.as_ref().filter(|_| room >= ID_MIN).map(|id| {
        painted(QUIET, format!(" ({})", words::shortened(id.as_str(), room))).to_string()
    });
    format!("{} {what}{}", glyph(*action), id.unwrap_or_default())
}

/// Less of an id says nothing.
const ID_MIN: usize = 12;

/// In UTC, as the logs of CI systems are.
fn time_of_day(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs() % (24 * 3600);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_in_utc() {
        assert_eq!(time_of_day(Duration::from_secs(1_700_000_000)), "22:13:20");
    }
}
