//! The recorded side: what platctl knows to have made. State is a checkpoint; the journal is what happened since.
//!
//! **Architecture invariant:** [`next`] holds every transition of a record. Recovery is nothing but replay through it.

mod bucket;
pub mod edit;
mod folder;
mod format;
mod holder;
pub mod journal;
pub mod lease;
pub mod lock;
mod log;
#[cfg(test)]
mod memory;
pub mod seal;
mod sealed;
pub mod store;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::address::{Address, PhysicalId, Stack};
use crate::fault::{Fault, Residue};
use crate::graph::Needs;
use crate::kind::{DeletionPolicy, Outputs, Packed, Token};

pub use format::Written;
pub use holder::Holder;
pub use journal::{Durable, Journal, JournalError};
pub use lease::Permit;
pub use lock::{Lock, LockError};
pub use seal::{Seal, SealError};
pub use store::{Store, StoreError, Version};

/// The recorded side of a stack, with the journal already replayed into it.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    pub stack: Stack,
    /// Identifies this history of the stack: random, made once.
    pub lineage: String,
    /// Grows by one with every apply.
    pub serial: u64,
    pub resources: BTreeMap<Address, Record>,
}

/// What is recorded of a resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    pub kind: String,
    pub region: String,
    /// `None` only while a creation is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PhysicalId>,
    pub status: Status,
    /// As applied, without open references. Specs hold references to secrets, never their bytes, so all of it may
    /// be recorded, also what the API never gives back.
    pub spec: Packed,
    /// What an open update wants; `None` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended: Option<Packed>,
    #[serde(default, skip_serializing_if = "Outputs::is_empty")]
    pub outputs: Outputs,
    #[serde(default, skip_serializing_if = "Needs::is_empty")]
    pub needs: Needs,
    #[serde(default)]
    pub deletion: DeletionPolicy,
}

/// Where a resource is in its life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Creation was begun under this token; whether something was made is not known.
    Creating(Token),
    /// It has an id; it may not work yet, and late fields may be missing.
    Made,
    /// It worked when last seen by an apply.
    Stable,
    /// An update was begun.
    Updating,
    /// A deletion was begun.
    Deleting,
}

/// What happened to a resource: an entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// A creation is about to be asked for.
    CreateBegun { record: Box<Record> },
    /// The record goes on under another address: the half of a replacement that will be deleted.
    Deposed { to: Address },
    /// The creation was answered: this is the id.
    Made { id: PhysicalId },
    /// An existing object is taken over.
    Adopted { record: Box<Record> },
    /// An update is about to be asked for.
    UpdateBegun { intended: Value, needs: Needs, deletion: DeletionPolicy },
    /// Nothing is done to it, but what it needs, or what its deletion leaves, is said differently.
    Noted { needs: Needs, deletion: DeletionPolicy },
    /// It works, with everything that was wanted.
    Settled { outputs: Outputs },
    /// A deletion is about to be asked for.
    DeleteBegun,
    /// It is gone.
    Gone,
    /// The effect that was begun failed.
    Failed { fault: Fault },
}

/// The one transition function: total, pure, and all that recovery needs.
///
/// An event that makes no sense for a record leaves it as it is: a journal is written by us alone, and a state that
/// cannot be read is worse than one that is looked at again by the next plan.
pub fn next(record: Option<Record>, event: &Event) -> Option<Record> {
    match (record, event) {
        (_, Event::CreateBegun { record } | Event::Adopted { record }) => Some((**record).clone()),
        // Its own record moves; `State::apply` puts it under the other address.
        (_, Event::Deposed { .. } | Event::Gone) | (None, _) => None,
        (Some(record), Event::Made { id }) => {
            Some(Record { id: Some(id.clone()), status: Status::Made, ..record })
        }
        (Some(record), Event::UpdateBegun { intended, needs, deletion }) => Some(Record {
            status: Status::Updating,
            intended: Some(intended.into()),
            needs: needs.clone(),
            deletion: *deletion,
            ..record
        }),
        (Some(record), Event::Noted { needs, deletion }) => {
            Some(Record { needs: needs.clone(), deletion: *deletion, ..record })
        }
        (Some(mut record), Event::Settled { outputs }) => {
            let spec = record.intended.take().unwrap_or(record.spec);
            Some(Record { status: Status::Stable, outputs: outputs.clone(), spec, ..record })
        }
        (Some(record), Event::DeleteBegun) => Some(Record { status: Status::Deleting, ..record }),
        (Some(record), Event::Failed { fault }) => match (&record.status, &fault.residue) {
            (Status::Creating(_), Residue::None) => None,
            (Status::Creating(_), Residue::Present(id)) => {
                Some(Record { id: Some(id.clone()), status: Status::Made, ..record })
            }
            (Status::Creating(_), Residue::Unknown)
            | (Status::Made | Status::Stable | Status::Updating | Status::Deleting, _) => {
                Some(record)
            }
        },
    }
}

impl State {
    /// A stack of which nothing is recorded yet.
    pub fn new(stack: Stack, lineage: String) -> Self {
        Self { stack, lineage, serial: 0, resources: BTreeMap::new() }
    }

    /// One event of the resource at `address`.
    pub fn apply(&mut self, address: &Address, event: &Event) {
        let record = self.resources.remove(address);
        if let (Event::Deposed { to }, Some(record)) = (event, &record) {
            self.resources.insert(to.clone(), record.clone());
        }
        if let Some(record) = next(record, event) {
            self.resources.insert(address.clone(), record);
        }
    }

    /// Whether anything is begun and not ended.
    pub fn is_settled(&self) -> bool {
        self.resources.values().all(|record| record.status == Status::Stable)
    }

    /// Whether a creation was begun of which nobody knows what became of it.
    pub fn is_open(&self) -> bool {
        self.resources.values().any(|record| matches!(record.status, Status::Creating(_)))
    }

    /// The token for creating the resource at `address`: the one of an open creation with the same inputs, so that a
    /// repeat makes no second resource; else a new one, which no other apply of this stack has used.
    pub fn token(&self, address: &Address, inputs: &Value) -> Token {
        if let Some(Record { status: Status::Creating(token), spec, .. }) =
            self.resources.get(address)
            && spec.open() == *inputs
        {
            return token.clone();
        }
        let text = format!("{}\n{}\n{address}\n{inputs}", self.lineage, self.serial);
        // 128 bits are plenty, and every API takes 32 characters.
        Token(hex::encode(&Sha256::digest(text)[..16]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    fn record(status: Status, id: Option<&str>) -> Record {
        Record {
            kind: "AWS::EC2::VPC".into(),
            region: "eu-west-1".into(),
            id: id.map(PhysicalId::new),
            status,
            spec: serde_json::json!({"CidrBlock": "10.0.0.0/16"}).into(),
            intended: None,
            outputs: Outputs::new(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        }
    }

    fn failed(residue: Residue) -> Event {
        Event::Failed { fault: Fault { residue, ..Fault::new(Class::Unavailable, "no") } }
    }

    #[test]
    fn an_unanswered_creation_stays_open_and_a_refused_one_leaves_nothing() {
        let open = record(Status::Creating(Token("t".into())), None);
        assert_eq!(next(Some(open.clone()), &failed(Residue::Unknown)), Some(open.clone()));
        assert_eq!(next(Some(open.clone()), &failed(Residue::None)), None);
        let half = next(Some(open), &failed(Residue::Present(PhysicalId::new("vpc-1")))).unwrap();
        assert_eq!((half.status, half.id), (Status::Made, Some(PhysicalId::new("vpc-1"))));
    }

    #[test]
    fn an_update_counts_only_once_it_is_settled() {
        let intended = serde_json::json!({"CidrBlock": "10.1.0.0/16"});
        let stable = record(Status::Stable, Some("vpc-1"));
        let begun = Event::UpdateBegun {
            intended: intended.clone(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        };
        let updating = next(Some(stable.clone()), &begun).unwrap();
        assert_eq!(updating.spec, stable.spec);
        let settled = next(Some(updating), &Event::Settled { outputs: Outputs::new() }).unwrap();
        assert_eq!((settled.spec, settled.status), (intended.into(), Status::Stable));
    }

    #[test]
    fn a_deposed_record_goes_on_under_its_other_address() {
        let mut state = State::new(Stack::new("shop"), "l".into());
        let (here, there) = (Address::of("a", "cert"), Address::of("a", "cert@replaced"));
        state.resources.insert(here.clone(), record(Status::Stable, Some("arn:1")));
        state.apply(&here, &Event::Deposed { to: there.clone() });
        assert_eq!(state.resources.keys().collect::<Vec<_>>(), [&there]);
    }

    #[test]
    fn a_token_is_kept_for_a_repeat_and_new_for_new_inputs_or_another_apply() {
        let mut state = State::new(Stack::new("shop"), "l".into());
        let (at, inputs) = (Address::of("a", "vpc"), serde_json::json!({"A": 1}));
        let first = state.token(&at, &inputs);
        let open =
            Record { spec: (&inputs).into(), ..record(Status::Creating(first.clone()), None) };
        state.apply(&at, &Event::CreateBegun { record: Box::new(open) });
        state.serial += 1;
        assert_eq!(state.token(&at, &inputs), first);
        assert_ne!(state.token(&at, &serde_json::json!({"A": 2})), first);
        state.apply(&at, &Event::Gone);
        assert_ne!(state.token(&at, &inputs), first);
    }
}
