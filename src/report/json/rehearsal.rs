//! A rehearsal as a document.

use std::collections::BTreeMap;

use serde::Serialize;

use super::FORMAT;
use super::events::{FailureV1, failure_v1, seconds, skipped_v1};
use crate::address::Address;
use crate::cloud::CallsSince;
use crate::fault::Class;
use crate::plan::{Intent, Summary};
use crate::simulation::rehearsal::Rehearsal;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RehearsalV1<'a> {
    format: u32,
    stack: &'a str,
    intent: Intent,
    seed: u64,
    success: bool,
    summary: Summary,
    /// In the cloud's own time, as are all seconds here.
    seconds: f64,
    /// What the plan estimated.
    estimate: u64,
    critical_path: Vec<LegV1<'a>>,
    api_calls: &'a CallsSince,
    throttled: &'a CallsSince,
    retries: &'a BTreeMap<Class, u64>,
    failed: Vec<FailureV1<'a>>,
    /// Each with the failed resource that it needs; `null`: interrupted.
    skipped: BTreeMap<&'a Address, Option<&'a Address>>,
    /// What another plan would do.
    again: Summary,
}

#[derive(Debug, Serialize)]
struct LegV1<'a> {
    address: &'a Address,
    kind: &'a str,
    seconds: f64,
}

/// What a rehearsal came to.
pub fn rehearsal(rehearsal: &Rehearsal, seed: u64) -> impl Serialize + '_ {
    let Rehearsal { plan, outcome, took, critical, calls, throttles, retries, noticed: _, again } =
        rehearsal;
    let leg = critical.iter().map(|leg| LegV1 {
        address: &leg.address,
        kind: &leg.kind,
        seconds: seconds(leg.took),
    });
    RehearsalV1 {
        format: FORMAT,
        stack: plan.stack.as_str(),
        intent: plan.intent,
        seed,
        success: outcome.is_success(),
        summary: plan.summary(),
        seconds: seconds(*took),
        estimate: plan.estimate.seconds,
        critical_path: leg.collect(),
        api_calls: calls,
        throttled: throttles,
        retries,
        failed: outcome.failed.iter().map(failure_v1).collect(),
        skipped: outcome.skipped.iter().map(skipped_v1).collect(),
        again: *again,
    }
}
