//! All integration tests, one binary.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod blueprint;
mod blueprints;
mod cli;
mod docs;
mod drift;
mod engine;
mod failures;
mod kinds;
mod laws;
mod reads;
mod sandbox;
mod support;
mod sweeps;
mod wire;
