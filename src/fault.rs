//! What went wrong in one effect, and what it left behind.

mod blocker;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::address::PhysicalId;

pub use blocker::{Blocker, Holder};

/// A failed effect. Made at the edge (`cloud::aws_fault`), where its class is decided once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{}{message}", .call.as_ref().map(|call| format!("{call}: ")).unwrap_or_default())]
pub struct Fault {
    pub class: Class,
    /// The call that failed; `None` if no call was made.
    pub call: Option<Call>,
    /// The service's error code, where it sent one.
    pub code: Option<String>,
    /// The service's message, or ours.
    pub message: String,
    /// For AWS support.
    pub request_id: Option<String>,
    pub residue: Residue,
    /// Of a deletion that was refused as in use: by what, as far as its kind can tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blockers: Vec<Blocker>,
}

/// One operation of one service: `ec2 CreateVpc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Call {
    pub service: String,
    pub action: String,
}

impl fmt::Display for Call {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.service, self.action)
    }
}

/// What a failed effect leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Residue {
    /// Nothing: the service refused before it acted.
    None,
    /// Perhaps something: no answer came. Settled by looking.
    Unknown,
    /// A half-made resource with this id.
    Present(PhysicalId),
}

/// What a fault means for the engine: whether waiting, repeating or looking helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Too many requests. Waiting helps.
    Throttled,
    /// The thing named is not there.
    NotFound,
    /// Something of that name is there already.
    Exists,
    /// Something alive still refers to it, or depends on it. Waiting may help.
    InUse,
    /// It, or what it refers to, is in the middle of another operation. Waiting helps.
    Busy,
    /// What it refers to is not visible to the service yet (IAM, mostly). Waiting helps.
    NotYet,
    /// Changed since it was read (optimistic locks). Reading again helps.
    Stale,
    /// A quota is used up.
    Quota,
    /// The principal may not.
    Denied,
    /// There are no credentials, or they are expired or invalid.
    Credentials,
    /// The service refuses the values.
    Invalid,
    /// The service failed (5xx). Waiting helps.
    Unavailable,
    /// No answer: time-out, cut connection, no route. The effect may have happened.
    Unanswered,
    /// The endpoint does not know the operation.
    Unsupported,
    /// A reply that the protocol does not allow, or a defect of platctl.
    Bug,
}

impl Class {
    /// Whether the same call may succeed later without anything else being done.
    pub fn passes_with_time(self) -> bool {
        match self {
            Self::Throttled
            | Self::InUse
            | Self::Busy
            | Self::NotYet
            | Self::Stale
            | Self::Unavailable
            | Self::Unanswered => true,
            Self::NotFound
            | Self::Exists
            | Self::Quota
            | Self::Denied
            | Self::Credentials
            | Self::Invalid
            | Self::Unsupported
            | Self::Bug => false,
        }
    }

    /// What a failed call of this class leaves.
    pub fn residue(self) -> Residue {
        match self {
            Self::Unanswered | Self::Unavailable | Self::Bug => Residue::Unknown,
            Self::Throttled
            | Self::NotFound
            | Self::Exists
            | Self::InUse
            | Self::Busy
            | Self::NotYet
            | Self::Stale
            | Self::Quota
            | Self::Denied
            | Self::Credentials
            | Self::Invalid
            | Self::Unsupported => Residue::None,
        }
    }

    /// What the reader of the error should do next.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Throttled => {
                "The account's request rate is used up by others; run the command again later."
            }
            Self::NotFound => {
                "It may have been deleted meanwhile; see what `platctl plan` says now."
            }
            Self::Exists => {
                "Choose another name in the blueprint, or remove the object that has it."
            }
            Self::InUse => "Remove what still uses it, then run the command again.",
            Self::Busy => {
                "Another operation on it is under way; run the command again when it has ended."
            }
            Self::NotYet => {
                "What it refers to is not visible everywhere yet; run the command again in some minutes."
            }
            Self::Stale => "Somebody else changed it at the same time; run the command again.",
            Self::Quota => {
                "Ask for a higher quota in the Service Quotas console, or remove what is not needed."
            }
            Self::Denied => {
                "Give the principal permission for this action, or use another profile (AWS_PROFILE)."
            }
            Self::Credentials => {
                "Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default \
                 must be enabled first. `--sandbox` needs no account."
            }
            Self::Invalid => {
                "Change what the message names in the blueprint, then run the command again."
            }
            Self::Unavailable => {
                "The service has a problem of its own; run the command again later."
            }
            Self::Unanswered => {
                "Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again."
            }
            Self::Unsupported => "This endpoint does not offer the operation; use another one.",
            Self::Bug => {
                "Check AWS_ENDPOINT_URL and the proxies on the way; if they are right, this is a defect of platctl: \
                 report it with this message."
            }
        }
    }
}

impl Fault {
    /// A fault of our own making, before or after a call.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        let message = message.into();
        let (residue, blockers) = (class.residue(), Vec::new());
        Self { class, call: None, code: None, message, request_id: None, residue, blockers }
    }

    /// A reply without what the protocol promises (an id, mostly), or a defect of ours.
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Class::Bug, message)
    }

    /// The effect failed after the resource had been made.
    #[must_use]
    pub fn leaving(mut self, id: &PhysicalId) -> Self {
        self.residue = Residue::Present(id.clone());
        self
    }

    pub fn is(&self, class: Class) -> bool {
        self.class == class
    }
}

/// What a reply must hold: `reply.vpc_id.required("vpc id")?`.
pub trait Required<T> {
    /// The value, or a [`Class::Bug`] that names what was missing.
    fn required(self, what: &str) -> Result<T, Fault>;
}

impl<T> Required<T> for Option<T> {
    fn required(self, what: &str) -> Result<T, Fault> {
        self.ok_or_else(|| Fault::bug(format!("the reply holds no {what}")))
    }
}

/// The answer of a read: what is not there is no failure.
pub fn found<T, E: Into<Fault>>(answer: Result<T, E>) -> Result<Option<T>, Fault> {
    match answer.map_err(Into::into) {
        Ok(answer) => Ok(Some(answer)),
        Err(fault) if fault.is(Class::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}
