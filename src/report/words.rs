//! Reasons, steps, counts and durations as people say them.

use std::time::Duration;

use crate::fault::Class;
use crate::plan::{Action, Cause, Change, Op, Reason};
use crate::state::Status;

/// Why something is done, where the action alone does not say it.
pub fn reason(change: &Change) -> Option<String> {
    Some(match &change.reason {
        Reason::New | Reason::Destroy | Reason::AsDesired => return None,
        Reason::Vanished => "it was deleted outside platctl".into(),
        Reason::Removed => "it is not in the blueprint any more".into(),
        Reason::RemovedAndGone => "it is gone already, only its record is dropped".into(),
        Reason::Moved { to } => format!("it is at {to} now, nothing is deleted"),
        Reason::Differs => causes(change)?.into(),
        Reason::Replaces { fields } => match fields.as_slice() {
            [one] if one == "kind" || one == "region" => format!("its {one} changed"),
            [one] => format!("`{one}` cannot change in place"),
            fields => format!("{} cannot change in place", listed(fields)),
        },
        Reason::Failed { why } => format!("it failed: {why}"),
        Reason::Unfinished => "an earlier apply was cut off".into(),
        Reason::BeingDeleted => "it is being deleted, another one follows".into(),
        Reason::FoundOurs => "it is ours, but was not recorded".into(),
        Reason::Replaced => "it was left by an earlier replacement".into(),
    })
}

/// Which side moved.
pub fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Blueprint => "blueprint",
        Cause::Drift => "drift",
        Cause::Both => "blueprint and drift",
        Cause::Reference => "reference",
    }
}

/// `1 resource`, `2 resources`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What is going on during a step.
pub fn doing(op: Op) -> &'static str {
    match op {
        Op::Delete => "deleting",
        Op::Gone => "waiting until it is gone",
        Op::Forget => "dropping its record",
        Op::Adopt => "adopting",
        Op::Create => "creating",
        Op::Late => "configuring",
        Op::Update => "updating",
        Op::Ready => "waiting until it works",
    }
}

/// What was to be done by a step that failed: `creating`, and then the resource.
pub fn doing_to(op: Op) -> &'static str {
    match op {
        Op::Gone | Op::Ready => "waiting for",
        Op::Forget => "dropping the record of",
        Op::Delete | Op::Adopt | Op::Create | Op::Late | Op::Update => doing(op),
    }
}

/// Where a recorded resource is in its life.
pub fn status(status: &Status) -> &'static str {
    match status {
        Status::Creating(_) => "creation not finished",
        Status::Made => "made, not seen working yet",
        Status::Stable => "stable",
        Status::Updating => "update not finished",
        Status::Deleting => "deletion not finished",
    }
}

/// Why a call is made again.
pub fn class(class: Class) -> &'static str {
    match class {
        Class::Throttled => "throttled",
        Class::InUse => "still in use",
        Class::Busy => "busy",
        Class::NotYet => "not visible yet",
        Class::Stale => "out of date",
        Class::Unavailable => "unavailable",
        Class::Unanswered => "not answered",
        Class::NotFound => "not found",
        Class::Exists => "there already",
        Class::Quota => "over its quota",
        Class::Denied => "denied",
        Class::Credentials => "without credentials",
        Class::Invalid => "refused",
        Class::Unsupported => "not supported",
        Class::Bug => "not understood",
    }
}

/// What an action has come to.
pub fn done(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Delete => "deleted",
        Action::CreateThenDelete | Action::DeleteThenCreate => "replaced",
        Action::Adopt => "adopted",
        Action::Retain => "left where it was",
        Action::Keep => "kept",
    }
}

/// A size that was measured: `812 B`, `3.4 KiB`, `12 MiB`.
pub fn size(bytes: u64) -> String {
    let units = [(1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        None => format!("{bytes} B"),
        Some((unit, name)) if bytes >= 10 * unit => format!("{} {name}", bytes / unit),
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
    }
}

/// A duration that was measured: `0.3 s`, `12 s`, `1 min 45 s`, `1 h 2 min`.
pub fn took(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        return format!("{:.1} s", duration.as_secs_f64());
    }
    match duration.as_secs() {
        seconds @ ..60 => format!("{seconds} s"),
        seconds @ 60..3600 => with_rest(seconds / 60, "min", seconds % 60, "s"),
        seconds => with_rest(seconds / 3600, "h", seconds % 3600 / 60, "min"),
    }
}

/// A duration that is expected, as exact as an expectation can be: `12 s`, `24 min`, `1 h 5 min`.
pub fn about(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small and positive"
    )]
    let (seconds, minutes) = (seconds as u64, (seconds / 60.0).round() as u64);
    match seconds {
        ..90 => format!("{seconds} s"),
        90..3570 => format!("{minutes} min"),
        _ => with_rest(minutes / 60, "h", minutes % 60, "min"),
    }
}

/// A duration on AWS, as long as it is where time runs at that speed.
pub fn scaled(on_aws: Duration, speed: f64) -> Duration {
    on_aws.div_f64(speed.max(1.0))
}

/// At most `max` characters, the middle left out: ARNs and names differ at their ends.
pub fn shortened(text: &str, max: usize) -> String {
    let length = text.chars().count();
    if length <= max {
        return text.into();
    }
    let kept = max.saturating_sub(1);
    let head: String = text.chars().take(kept.div_ceil(2)).collect();
    let tail: String = text.chars().skip(length - kept / 2).collect();
    format!("{head}…{tail}")
}

/// `` `a`, `b` and `c` ``
pub fn listed(words: &[String]) -> String {
    crate::diagnostic::listed(words)
}

fn causes(change: &Change) -> Option<&'static str> {
    let has = |wanted: &[Cause]| change.fields.iter().any(|field| wanted.contains(&field.cause));
    match (has(&[Cause::Blueprint, Cause::Both]), has(&[Cause::Drift, Cause::Both])) {
        (true, true) => Some("the blueprint changed, and it was changed outside platctl"),
        (true, false) => Some("the blueprint changed"),
        (false, true) => Some("it was changed outside platctl"),
        (false, false) if change.fields.is_empty() => None,
        (false, false) => Some("what it refers to changes"),
    }
}

fn with_rest(whole: u64, unit: &str, rest: u64, smaller: &str) -> String {
    if rest == 0 { format!("{whole} {unit}") } else { format!("{whole} {unit} {rest} {smaller}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_the_unit_that_fits() {
        let sizes = [812, 3_500, 48_211, 12 << 20].map(size);
        assert_eq!(sizes, ["812 B", "3.4 KiB", "47 KiB", "12 MiB"]);
    }

    #[test]
    fn durations_are_as_exact_as_they_deserve() {
        let took = |millis| took(Duration::from_millis(millis));
        assert_eq!(took(320), "0.3 s");
        assert_eq!(took(12_900), "12 s");
        assert_eq!(took(105_000), "1 min 45 s");
        assert_eq!(took(3_720_000), "1 h 2 min");
        let about = |seconds| about(Duration::from_secs(seconds));
        assert_eq!(about(45), "45 s");
        assert_eq!(about(1450), "24 min");
        assert_eq!(about(3900), "1 h 5 min");
        assert_eq!(about(3599), "1 h");
    }
}
