//! State on disk: `<folder>/<stack>/{state.json, journal.jsonl, lock}`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Stack};
use crate::state::journal::{self, Journal, JournalError};
use crate::state::{Lock, LockError, Record, State};

/// Where the state of one stack lives.
#[derive(Clone, Debug)]
pub struct Store {
    folder: PathBuf,
    stack: Stack,
}

/// Why state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read or write {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is not a state that platctl can read", path.display())]
    Format {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    #[error("{} has format {found}; this platctl reads up to {VERSION}", path.display())]
    Version { path: PathBuf, found: u64 },
    #[error("{} belongs to the stack `{found}`", path.display())]
    OtherStack { path: PathBuf, found: Stack },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Lock(#[from] LockError),
}

const VERSION: u64 = 1;
const STATE_FILE: &str = "state.json";
const JOURNAL_FILE: &str = "journal.jsonl";

/// The persisted form of [`State`], version 1. Later versions get a struct of their own; this one stays readable.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StateV1 {
    version: u64,
    stack: Stack,
    lineage: String,
    serial: u64,
    resources: BTreeMap<Address, Record>,
}

/// What is read first, to know how to read the rest.
#[derive(Deserialize)]
struct Version {
    version: u64,
}

impl Store {
    /// The store of `stack` below `root` (by default `.platctl`). Makes nothing.
    pub fn new(root: &Path, stack: &Stack) -> Self {
        Self { folder: root.join(stack.as_str()), stack: stack.clone() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The recorded side, with the journal of an apply that was cut off replayed into it. A stack that has never been
    /// applied has an empty one.
    pub fn load(&self) -> Result<State, StoreError> {
        let path = self.folder.join(STATE_FILE);
        let mut state = match std::fs::read(&path) {
            Ok(bytes) => self.parse(&path, &bytes)?,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                State::new(self.stack.clone(), lineage())
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        journal::replay(&self.folder.join(JOURNAL_FILE), &mut state)?;
        Ok(state)
    }

    /// Takes the stack for an apply.
    pub fn lock(&self) -> Result<Lock, StoreError> {
        self.make_folder()?;
        Ok(Lock::take(&self.folder)?)
    }

    /// Begins an apply: the state so far becomes the checkpoint, its serial grows, and a new journal continues it.
    /// The lock must be held.
    pub fn begin(&self, state: &mut State) -> Result<Journal, StoreError> {
        self.save(state)?;
        state.serial += 1;
        Ok(Journal::start(&self.folder.join(JOURNAL_FILE), state)?)
    }

    /// Ends an apply: the state with everything that happened becomes the checkpoint.
    pub fn finish(&self, state: &State, journal: Journal) -> Result<(), StoreError> {
        self.save(state)?;
        drop(journal);
        let path = self.folder.join(JOURNAL_FILE);
        std::fs::remove_file(&path).map_err(|source| StoreError::Io { path, source })
    }

    /// Writes the state whole or not at all.
    fn save(&self, state: &State) -> Result<(), StoreError> {
        let path = self.folder.join(STATE_FILE);
        let State { stack, lineage, serial, resources } = state.clone();
        let content = StateV1 { version: VERSION, stack, lineage, serial, resources };
        let write = || -> io::Result<()> {
            // Serialized whole: a writer would be called for every token.
            let mut bytes = serde_json::to_vec_pretty(&content)?;
            bytes.push(b'\n');
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            // The rename itself is durable once the folder is.
            std::fs::File::open(&self.folder)?.sync_all()
        };
        self.make_folder()?;
        write().map_err(|source| StoreError::Io { path: path.clone(), source })
    }

    fn make_folder(&self) -> Result<(), StoreError> {
        let made = std::fs::create_dir_all(&self.folder);
        made.map_err(|source| StoreError::Io { path: self.folder.clone(), source })
    }

    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<State, StoreError> {
        let format = |source| StoreError::Format { path: path.into(), source };
        let Version { version } = serde_json::from_slice(bytes).map_err(format)?;
        if version != VERSION {
            return Err(StoreError::Version { path: path.into(), found: version });
        }
        let StateV1 { version: _, stack, lineage, serial, resources } =
            serde_json::from_slice(bytes).map_err(format)?;
        if stack != self.stack {
            return Err(StoreError::OtherStack { path: path.into(), found: stack });
        }
        Ok(State { stack, lineage, serial, resources })
    }
}

fn lineage() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::PhysicalId;
    use crate::graph::Needs;
    use crate::kind::{DeletionPolicy, Outputs};
    use crate::state::{Event, Status};

    fn store(root: &Path) -> Store {
        Store::new(root, &Stack::new("shop"))
    }

    fn adopted() -> Event {
        let record = Record {
            kind: "AWS::EC2::VPC".into(),
            region: "eu-west-1".into(),
            id: Some(PhysicalId::new("vpc-1")),
            status: Status::Stable,
            spec: serde_json::json!({}),
            intended: None,
            outputs: Outputs::new(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        };
        Event::Adopted { record: Box::new(record) }
    }

    #[test]
    fn state_survives_with_and_without_a_finished_apply() {
        let root = tempfile::tempdir().unwrap();
        let (store, at) = (store(root.path()), Address::of("network", "vpc"));
        let mut state = store.load().unwrap();
        let mut journal = store.begin(&mut state).unwrap();
        journal.append(&at, &adopted()).unwrap();
        state.apply(&at, &adopted());
        assert_eq!(store.load().unwrap(), state, "cut off: the journal tells the rest");
        store.finish(&state, journal).unwrap();
        assert_eq!(store.load().unwrap(), state);
    }

    #[test]
    fn foreign_and_newer_states_are_refused() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        store.begin(&mut store.load().unwrap()).unwrap();
        let path = store.folder().join(STATE_FILE);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 7")).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Version { found: 7, .. })));
        std::fs::write(&path, text.replace("shop", "mall")).unwrap();
        assert!(matches!(store.load(), Err(StoreError::OtherStack { .. })));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(store.load(), Err(StoreError::Format { .. })));
    }

    #[test]
    fn reading_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        store(root.path()).load().unwrap();
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
