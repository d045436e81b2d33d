//! Reports for people.

mod drift;
mod explain;
mod field;
mod listing;
mod outcome;
mod plan;
mod rehearsal;
mod state;
mod value;
mod versions;
mod wrap;
#[cfg(test)]
mod tests;

pub use drift::drift;
pub use explain::{component, key, overview, resource};
pub use listing::{calls, kind, kinds, record, records};
pub use outcome::outcome;
pub use plan::{plan, summary};
pub use rehearsal::rehearsal;
pub use state::{forgotten, history, moved, pushed, recovered, restored, rotated};
pub use versions::versions;
