//! An apply as JSON lines: one per event, and a summary as the last.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::FORMAT;
use crate::address::{Address, Owner, PhysicalId};
use crate::apply::{Failure, Outcome, Progress, Skipped};
use crate::fault::{Blocker, Fault, Holder, Residue};
use crate::plan::{Action, Op, Plan, Summary};

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "lowercase", rename_all_fields = "camelCase")]
enum EventV1<'a> {
    Started { address: &'a Address, action: Action, op: Op, expected_seconds: f64 },
    Retrying { address: &'a Address, op: Op, fault: FaultV1<'a> },
    Made { address: &'a Address, id: &'a PhysicalId },
    Finished { address: &'a Address, action: Action, op: Op, seconds: f64 },
    Failed { address: &'a Address, op: Op, fault: FaultV1<'a>, seconds: f64 },
    Skipped { address: &'a Address, needs: &'a Address },
    Draining { in_flight: usize },
}

/// A fault without what only recovery needs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FaultV1<'a> {
    class: crate::fault::Class,
    service: Option<&'a str>,
    action: Option<&'a str>,
    code: Option<&'a str>,
    message: &'a str,
    request_id: Option<&'a str>,
    residue: &'a Residue,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blockers: Vec<BlockerV1<'a>>,
    hint: &'static str,
}

#[derive(Debug, Serialize)]
struct BlockerV1<'a> {
    id: &'a str,
    kind: &'a str,
    /// Of a stack of platctl.
    owner: Option<&'a Owner>,
    /// What made it for itself.
    service: Option<&'a str>,
    why: &'a str,
    passes: bool,
}

/// The last line of an apply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SummaryV1<'a> {
    format: u32,
    event: &'static str,
    stack: &'a str,
    success: bool,
    interrupted: bool,
    seconds: f64,
    /// What was done, counted as in the plan.
    done: Summary,
    failed: Vec<FailureV1<'a>>,
    /// Each with the failed resource that it needs; `null`: interrupted.
    skipped: BTreeMap<&'a Address, Option<&'a Address>>,
}

#[derive(Debug, Serialize)]
pub(super) struct FailureV1<'a> {
    address: &'a Address,
    kind: &'a str,
    op: Op,
    id: Option<&'a PhysicalId>,
    fault: FaultV1<'a>,
}

/// One event. `speed` scales what is expected to what will be seen.
pub fn event(progress: &Progress, speed: f64) -> impl Serialize + '_ {
    match progress {
        Progress::Started { address, action, op, expected } => EventV1::Started {
            address,
            action: *action,
            op: *op,
            expected_seconds: seconds(crate::report::words::scaled(*expected, speed)),
        },
        Progress::Retrying { address, op, fault } => {
            EventV1::Retrying { address, op: *op, fault: fault_v1(fault) }
        }
        Progress::Made { address, id } => EventV1::Made { address, id },
        Progress::Finished { address, action, op, elapsed } => {
            EventV1::Finished { address, action: *action, op: *op, seconds: seconds(*elapsed) }
        }
        Progress::Failed { address, op, fault, elapsed } => {
            EventV1::Failed { address, op: *op, fault: fault_v1(fault), seconds: seconds(*elapsed) }
        }
        Progress::Skipped { address, needs } => EventV1::Skipped { address, needs },
        Progress::Draining { in_flight } => EventV1::Draining { in_flight: *in_flight },
    }
}

/// How it ended.
pub fn summary<'a>(plan: &'a Plan, outcome: &'a Outcome, elapsed: Duration) -> impl Serialize + 'a {
    let done = outcome.done.keys().filter_map(|address| plan.changes.get(address));
    SummaryV1 {
        format: FORMAT,
        event: "summary",
        stack: plan.stack.as_str(),
        success: outcome.is_success(),
        interrupted: outcome.interrupted.is_some(),
        seconds: seconds(elapsed),
        done: Summary { keep: plan.summary().keep, ..Summary::of(done) },
        failed: outcome.failed.iter().map(failure_v1).collect(),
        skipped: outcome.skipped.iter().map(skipped_v1).collect(),
    }
}

pub(super) fn failure_v1(failure: &Failure) -> FailureV1<'_> {
    let Failure { address, op, kind, id, fault } = failure;
    FailureV1 { address, kind, op: *op, id: id.as_ref(), fault: fault_v1(fault) }
}

pub(super) fn skipped_v1<'a>(
    (address, why): (&'a Address, &'a Skipped),
) -> (&'a Address, Option<&'a Address>) {
    match why {
        Skipped::Needs(failed) => (address, Some(failed)),
        Skipped::Interrupted => (address, None),
    }
}

fn fault_v1(fault: &Fault) -> FaultV1<'_> {
    let Fault { class, call, code, message, request_id, residue, blockers } = fault;
    FaultV1 {
        class: *class,
        service: call.as_ref().map(|call| call.service.as_str()),
        action: call.as_ref().map(|call| call.action.as_str()),
        code: code.as_deref(),
        message,
        request_id: request_id.as_deref(),
        residue,
        blockers: blockers.iter().map(blocker_v1).collect(),
        hint: class.hint(),
    }
}

fn blocker_v1(blocker: &Blocker) -> BlockerV1<'_> {
    let Blocker { id, kind, holder, why, passes } = blocker;
    let (owner, service) = match holder {
        Holder::Stack(owner) => (Some(owner), None),
        Holder::Service(service) => (None, Some(service.as_str())),
        Holder::Unknown => (None, None),
    };
    BlockerV1 { id, kind, owner, service, why, passes: *passes }
}

/// To the millisecond.
pub(super) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
