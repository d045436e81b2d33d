//! One at a time: whoever changes the state of a stack holds its lock.

use std::fs::File;

use crate::state::{Holder, StoreError};

/// Held until it is released or dropped.
#[derive(Debug)]
pub struct Lock {
    holder: Holder,
    _held: File,
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
}

impl Lock {
    pub(super) fn of_file(holder: Holder, held: File) -> Self {
        Self { holder, _held: held }
    }

    /// Who this lock tells others about.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// Gives it back, so that the next one need not find out that nobody has it.
    #[expect(clippy::unused_async, reason = "a folder answers at once")]
    pub async fn release(self) -> Result<(), StoreError> {
        drop(self);
        Ok(())
    }
}

fn last_sign(beat: Option<&str>) -> String {
    beat.map(|beat| format!(", which last gave a sign of life {beat}")).unwrap_or_default()
}
