//! All integration tests, one binary.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod blockers;
mod blueprint;
mod blueprints;
mod cli;
mod docs;
mod drift;
mod engine;
mod failures;
mod final_snapshots;
mod kinds;
mod kube_api;
mod kubernetes;
mod laws;
mod protection;
mod reads;
mod sandbox;
mod state;
mod support;
mod sweeps;
mod team;
mod wire;
