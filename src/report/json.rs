//! Reports for machines: versioned structs of their own, so that the planner's types may change. `docs/json.md`
//! documents them with examples.

mod events;
mod listing;
mod plan;

use serde::Serialize;

pub use events::{event, summary};
pub use listing::{kinds, record, records};
pub use plan::{PlanV1, drift, plan};

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
