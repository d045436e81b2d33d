//! The way to AWS and Kubernetes: clients for each region, one table of faults, rate limits, counted calls, owner tags, data keys.
//!
//! **Architecture invariant:** outside this module, `kinds` and `sandbox` nothing names an AWS crate
//! or one of Kubernetes, and only [`aws_fault`] and `kube::fault` look at error codes.

pub mod aws;
pub mod aws_fault;
pub mod calls;
pub mod data_key;
pub mod kube;
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
