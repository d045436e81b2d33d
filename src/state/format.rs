//! The persisted form of a state. Each version has a struct of its own, and stays readable.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::address::{Address, Stack};
use crate::state::{Record, State, StoreError};

const VERSION: u64 = 2;

/// A state with what is known of its making.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    pub(super) state: State,
    /// `None`: by a platctl that did not record it.
    pub(super) written: Option<Written>,
    /// The number of the lock under which it was written: its journal is the one of that number. 0 where the operating
    /// system keeps the lock.
    pub(super) fence: u64,
    /// The number in that journal from which on it is news: what stands before it is in this state.
    pub(super) from: u64,
}

/// How a version of the state came to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Written {
    /// RFC 3339.
    pub time: String,
    /// `ann@laptop`
    pub by: String,
    /// `apply`, `state mv`
    pub purpose: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StateV1 {
    version: u64,
    stack: Stack,
    lineage: String,
    serial: u64,
    resources: BTreeMap<Address, Record>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StateV2 {
    version: u64,
    stack: Stack,
    lineage: String,
    serial: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
    #[serde(default, skip_serializing_if = "is_zero")]
    fence: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    from: u64,
    resources: BTreeMap<Address, Record>,
}

/// What is read first, to know how to read the rest.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Checkpoint {
    /// One of which no journal in a bucket is the continuation.
    pub(super) fn alone(state: State, written: Option<Written>) -> Self {
        Self { state, written, fence: 0, from: 0 }
    }

    /// As it is stored, with a line break at its end.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { state, written, fence, from } = self.clone();
        let State { stack, lineage, serial, resources } = state;
        let content =
            StateV2 { version: VERSION, stack, lineage, serial, written, fence, from, resources };
        let mut bytes = serde_json::to_vec_pretty(&content).expect("a state always serializes");
        bytes.push(b'\n');
        bytes
    }

    /// `place` is what messages call the place that the bytes are from.
    pub(super) fn decode(bytes: &[u8], stack: &Stack, place: &str) -> Result<Self, StoreError> {
        let format = |source| StoreError::Format { place: place.into(), source };
        let Version { version } = serde_json::from_slice(bytes).map_err(format)?;
        let checkpoint = match version {
            1 => {
                let StateV1 { version: _, stack, lineage, serial, resources } =
                    serde_json::from_slice(bytes).map_err(format)?;
                let state = State { stack, lineage, serial, resources };
                Self::alone(state, None)
            }
            VERSION => {
                let StateV2 { version: _, stack, lineage, serial, written, fence, from, resources } =
                    serde_json::from_slice(bytes).map_err(format)?;
                Self { state: State { stack, lineage, serial, resources }, written, fence, from }
            }
            found => return Err(StoreError::Version { place: place.into(), found }),
        };
        if checkpoint.state.stack != *stack {
            let found = checkpoint.state.stack;
            return Err(StoreError::OtherStack { place: place.into(), found });
        }
        Ok(checkpoint)
    }
}

impl State {
    /// As `state pull` prints it: what is recorded, and nothing of how and where it is kept.
    pub fn to_json(&self) -> String {
        let bytes = Checkpoint::alone(self.clone(), None).encode();
        String::from_utf8(bytes).expect("JSON is UTF-8")
    }

    /// The state of `stack` in what `state pull` printed. `place` is what messages call where that comes from.
    pub fn from_json(bytes: &[u8], stack: &Stack, place: &str) -> Result<Self, StoreError> {
        Ok(Checkpoint::decode(bytes, stack, place)?.state)
    }
}

/// The highest version that is read, for messages.
pub(super) fn newest() -> u64 {
    VERSION
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_version_stays_readable() {
        let first =
            br#"{"version": 1, "stack": "shop", "lineage": "l", "serial": 6, "resources": {}}"#;
        let read = Checkpoint::decode(first, &Stack::new("shop"), "here").unwrap();
        assert_eq!((read.state.serial, read.written.clone(), read.fence), (6, None, 0));
        let again = Checkpoint::decode(&read.encode(), &Stack::new("shop"), "here").unwrap();
        assert_eq!(again, read);
    }

    #[test]
    fn foreign_and_newer_states_are_refused() {
        let stack = Stack::new("shop");
        let state = State::new(stack.clone(), "l".into());
        let bytes = Checkpoint { state, written: None, fence: 3, from: 7 }.encode();
        let text = String::from_utf8(bytes).unwrap();
        let read = |text: &str| Checkpoint::decode(text.as_bytes(), &stack, "here");
        let again = read(&text).unwrap();
        assert_eq!((again.fence, again.from), (3, 7));
        let newer = text.replace("\"version\": 2", "\"version\": 7");
        assert!(matches!(read(&newer), Err(StoreError::Version { found: 7, .. })));
        let other = text.replace("shop", "mall");
        assert!(matches!(read(&other), Err(StoreError::OtherStack { .. })));
        assert!(matches!(read("{"), Err(StoreError::Format { .. })));
    }
}
