//! All integration tests, one binary.

mod blueprint;
mod engine;
mod kinds;
mod sandbox;
mod support;
