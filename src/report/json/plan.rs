//! Plans and drift.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::FORMAT;
use crate::address::{Address, PhysicalId};
use crate::cloud::CallsSince;
use crate::plan::{
    Action, Cause, Change, Conflict, Estimate, FieldChange, Intent, Plan, Reason, Summary,
};
use crate::report::{Detail, words};

/// `plan --json` and `diff --json`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanV1<'a> {
    format: u32,
    stack: &'a str,
    region: &'a str,
    intent: Intent,
    changes: Vec<ChangeV1<'a>>,
    summary: Summary,
    /// On AWS, however fast the target lives.
    estimate: &'a Estimate,
    conflicts: &'a [Conflict],
    /// Requests made so far, by service and action.
    api_calls: &'a CallsSince,
}

#[derive(Debug, Serialize)]
struct PlannedV1<'a> {
    event: &'static str,
    plan: PlanV1<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ChangeV1<'a> {
    address: &'a Address,
    component: &'a str,
    kind: &'a str,
    region: &'a str,
    action: Action,
    reason: &'static str,
    /// The reason in words; absent where the action says it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Of what is there now.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a PhysicalId>,
    fields: Vec<FieldV1<'a>>,
    loses_data: bool,
}

#[derive(Debug, Serialize)]
struct FieldV1<'a> {
    path: &'a str,
    /// `null`: absent, or cannot be read.
    before: Option<&'a Value>,
    /// `null`: will be removed. Unknown values are `{"Fn::GetAtt": [address, output]}`.
    after: Option<&'a Value>,
    cause: Cause,
    replaces: bool,
}

/// The plan; what is kept is in it only in full detail.
pub fn plan<'a>(plan: &'a Plan, api_calls: &'a CallsSince, detail: Detail) -> PlanV1<'a> {
    // The old half of a replacement is told with its new one.
    let halves: BTreeSet<&Address> =
        plan.changes.values().filter_map(|it| it.deposed.as_ref()).collect();
    let told = plan.changes.iter().filter(|(address, change)| {
        !halves.contains(address) && (change.is_change() || detail == Detail::Full)
    });
    PlanV1 {
        format: FORMAT,
        stack: plan.stack.as_str(),
        region: &plan.region,
        intent: plan.intent,
        changes: told.map(|(address, change)| change_v1(address, change)).collect(),
        summary: plan.summary(),
        estimate: &plan.estimate,
        conflicts: &plan.conflicts,
        api_calls,
    }
}

/// The plan as the first line of an apply.
pub fn planned<'a>(plan: &'a Plan, api_calls: &'a CallsSince) -> impl Serialize + 'a {
    PlannedV1 { event: "plan", plan: self::plan(plan, api_calls, Detail::Normal) }
}

/// Drift alone: as a plan whose changes and summary are those that heal it.
pub fn drift<'a>(
    plan: &'a Plan,
    drifted: &'a BTreeMap<Address, Change>,
    api_calls: &'a CallsSince,
) -> PlanV1<'a> {
    let keep = plan.changes.len().saturating_sub(drifted.len());
    PlanV1 {
        changes: drifted.iter().map(|(address, change)| change_v1(address, change)).collect(),
        summary: Summary { keep, ..Summary::of(drifted.values()) },
        ..self::plan(plan, api_calls, Detail::Brief)
    }
}

fn change_v1<'a>(address: &'a Address, change: &'a Change) -> ChangeV1<'a> {
    ChangeV1 {
        address,
        component: address.component(),
        kind: &change.kind,
        region: &change.region,
        action: change.action,
        reason: name(&change.reason),
        message: words::reason(change),
        id: change.id.as_ref(),
        fields: change.fields.iter().map(field_v1).collect(),
        loses_data: change.loses_data(),
    }
}

fn field_v1(field: &FieldChange) -> FieldV1<'_> {
    let FieldChange { path, before, after, cause, row: _, replaces } = field;
    let (before, after) = (before.as_ref(), after.as_ref());
    FieldV1 { path, before, after, cause: *cause, replaces: *replaces }
}

/// The names that `docs/json.md` promises.
fn name(reason: &Reason) -> &'static str {
    match reason {
        Reason::New => "new",
        Reason::Vanished => "vanished",
        Reason::Removed => "removed",
        Reason::RemovedAndGone => "removed-and-gone",
        Reason::Moved { .. } => "moved",
        Reason::Destroy => "destroy",
        Reason::Differs => "differs",
        Reason::Replaces { .. } => "replaces",
        Reason::Failed { .. } => "failed",
        Reason::Unfinished => "unfinished",
        Reason::BeingDeleted => "being-deleted",
        Reason::FoundOurs => "found-ours",
        Reason::Replaced => "replaced",
        Reason::AsDesired => "as-desired",
    }
}
