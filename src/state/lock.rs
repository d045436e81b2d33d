//! One at a time: whoever changes the state of a stack holds its lock.

use std::fs::File;

use crate::fault::Fault;
use crate::state::bucket::Held;
use crate::state::{Holder, StoreError};

/// Held until it is released. One in a folder goes with its process, one in a bucket some time after it is dropped.
#[derive(Debug)]
pub struct Lock {
    holder: Holder,
    pub(super) hold: Hold,
}

#[derive(Debug)]
pub(super) enum Hold {
    File { _file: File },
    Lease(Box<Held>),
}

/// Why the lock was not taken, or is not held any more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else works on the stack.
    #[error("the state in {place} is in use by {holder}{}", last_sign(.beat.as_deref()))]
    Held {
        place: String,
        holder: String,
        /// When the holder last gave a sign of life, where it gives some: `4 s ago`.
        beat: Option<String>,
    },
    /// This process gave no sign of life for too long, or somebody took the lock away.
    #[error("the lock {place} was lost{}", taken(.to.as_deref()))]
    Lost {
        place: String,
        /// Who has it now.
        to: Option<String>,
    },
    #[error("the lock {place} could not be renewed")]
    Unrenewed {
        place: String,
        #[source]
        fault: Fault,
    },
}

impl Lock {
    pub(super) fn new(holder: Holder, hold: Hold) -> Self {
        Self { holder, hold }
    }

    /// Who this lock tells others about.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Gives it back, so that the next one need not find out that nobody has it. Nothing may be under way any more.
    pub async fn release(self) -> Result<(), StoreError> {
        match self.hold {
            Hold::File { .. } => Ok(()),
            Hold::Lease(held) => held.lease.release().await,
        }
    }

    /// Gives it back after something went wrong, whatever may be under way. Should that fail, others find out by themselves
    /// that nobody has it.
    pub async fn abandon(self) {
        if let Hold::Lease(held) = self.hold
            && let Err(error) = held.lease.abandon().await
        {
            tracing::warn!(?error, "the lock was not given back");
        }
    }

    /// Waits until somebody else has it; for ever if that never happens.
    pub async fn lost(&self) -> LockError {
        match &self.hold {
            Hold::File { .. } => std::future::pending().await,
            Hold::Lease(held) => held.lease.permit().lost().await,
        }
    }
}

fn last_sign(beat: Option<&str>) -> String {
    beat.map(|beat| format!(", last sign of life {beat}")).unwrap_or_default()
}

fn taken(to: Option<&str>) -> String {
    to.map(|to| format!(": {to} has it now")).unwrap_or_default()
}
