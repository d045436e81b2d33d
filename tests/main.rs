//! The one test binary.

mod blueprint;
