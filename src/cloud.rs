//! The way to AWS: clients for each region, one table of faults, rate limits, counted calls, owner tags, data keys.
//!
//! **Architecture invariant:** outside this module, `kinds` and `sandbox` nothing names an AWS crate, and only
//! [`aws_fault`] looks at error codes.

pub mod aws;
pub mod aws_fault;
pub mod calls;
pub mod data_key;
pub mod limits;
pub mod objects;
pub mod owned;
pub mod reading;
pub mod tags;

pub use aws::{Aws, Cx};
pub use aws_smithy_types::base64;
pub use calls::{Calls, CallsSince};
pub use limits::Limits;
pub use reading::Reading;
