//! Reports for machines: versioned structs of their own, so that the planner's types may change. `docs/json.md`
//! documents them with examples.

mod events;
mod explain;
mod listing;
mod plan;
mod rehearsal;
mod state;
mod versions;

use serde::Serialize;

pub use events::{event, summary};
pub use explain::{explain_component, explain_key, explain_language, explain_resource};
pub use listing::{kinds, record, records};
pub use plan::{PlanV1, drift, plan, planned};
pub use rehearsal::rehearsal;
pub use state::{forgotten, history, moved, pushed, recovered, restored, rotated, unlocked};
pub use versions::versions;

/// The version of every document and every event. It grows when a field goes or changes its meaning; new fields may
/// come at any time.
pub const FORMAT: u32 = 1;

/// A document as `--json` prints it.
pub fn document(report: &impl Serialize) -> String {
    serde_json::to_string_pretty(report).expect("a report always serializes")
}

/// An event as `--json` prints it: one line.
pub fn line(report: &impl Serialize) -> String {
    serde_json::to_string(report).expect("a report always serializes")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::address::PhysicalId;
    use crate::apply::{Outcome, Progress};
    use crate::cloud::CallsSince;
    use crate::fault::{Class, Fault};
    use crate::plan::{Action, Op, drift as drifts};
    use crate::report::Detail;
    use crate::report::fixture::{at, everything, nothing, state};

    #[test]
    fn plans_and_drift() {
        let calls: CallsSince = [("ec2".into(), [("DescribeVpcs".into(), 1)].into())].into();
        let everything = everything();
        insta::assert_snapshot!("plan", document(&plan(&everything, &calls, Detail::Normal)));
        let drifted = drifts::drift(&everything);
        insta::assert_snapshot!("drift", document(&drift(&everything, &drifted, &calls)));
        insta::assert_snapshot!("kept", document(&plan(&nothing(), &calls, Detail::Full)));
    }

    #[test]
    fn an_apply_as_lines() {
        let address = at("network/vpc");
        let (action, op) = (Action::Create, Op::Create);
        let fault = Fault::new(Class::Throttled, "slow down");
        let events = [
            Progress::Started {
                address: address.clone(),
                action,
                op,
                expected: Duration::from_secs(3),
            },
            Progress::Retrying { address: address.clone(), op, fault: fault.clone() },
            Progress::Made { address: address.clone(), id: PhysicalId::new("vpc-1") },
            Progress::Finished {
                address: address.clone(),
                action,
                op,
                elapsed: Duration::from_millis(1234),
            },
            Progress::Failed { address: address.clone(), op, fault, elapsed: Duration::ZERO },
            Progress::Skipped { address: address.clone(), needs: at("network/subnet") },
            Progress::Draining { in_flight: 2 },
        ];
        let lines: Vec<String> = events.iter().map(|it| line(&event(it, 300.0))).collect();
        insta::assert_snapshot!("events", lines.join("\n"));
        let outcome =
            Outcome { done: [(at("network/subnet/b"), action)].into(), ..Outcome::default() };
        insta::assert_snapshot!(
            "summary",
            document(&summary(&everything(), &outcome, Duration::from_secs(9)))
        );
    }

    #[test]
    fn what_is_recorded_and_kinds() {
        let state = state();
        insta::assert_snapshot!("records", document(&records(&state)));
        let address = at("logs.api/group");
        insta::assert_snapshot!("record", document(&record(&address, &state.resources[&address])));
        let vpc = crate::kinds::find("AWS::EC2::VPC");
        insta::assert_snapshot!("kinds", document(&kinds(vpc)));
    }
}
