//! platctl reads one blueprint and reconciles it against the AWS and Kubernetes APIs.
//!
//! ```text
//! blueprint.yaml ─▶ blueprint ─▶ graph ─▶ observe ─▶ plan ─▶ apply ─▶ report
//!    text         parse, check   compile   bulk reads   pure    journaled   human · json
//!                                (desired) (observed)          (recorded = state + journal)
//! ```
//!
//! **Architecture invariant:** a module imports only what stands above it in this list; a test keeps it so.

// Words
pub mod address;
pub mod fault;
pub mod source;
pub mod diagnostic;
// The seam to the cloud
pub mod cloud;
pub mod kind;
pub mod kinds;
// The stages
pub mod chart;
pub mod blueprint;
pub mod graph;
pub mod state;
pub mod observe;
pub mod plan;
pub mod judge;
pub mod apply;
pub mod recover;
// A cloud in memory, for rehearsals and tests
pub mod simulation;
// What is told of all that
pub mod report;
// A cloud to rehearse against
pub mod sandbox;
// The commands
pub mod cli;
