//! The one test binary.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod blueprint;
