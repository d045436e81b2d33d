//! The journal: one JSON line per event, durable before the effect that it announces.
//!
//! The first line names the serial that the state will have once the journal is in it. A last line that was cut off by a crash is dropped: its
//! effect had not started.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::state::{Event, State};

/// An open journal, appended to.
#[derive(Debug)]
pub struct Journal {
    file: File,
}

/// One line: what happened to which resource.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    address: Address,
    #[serde(flatten)]
    event: Event,
}

/// The first line: which apply it is the journal of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    /// Version of the format.
    journal: u32,
    lineage: String,
    serial: u64,
}

const VERSION: u32 = 1;

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot use the journal {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("line {line} of the journal {} cannot be read", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("the journal {} has format {found}; this platctl reads {VERSION}", path.display())]
    Version { path: PathBuf, found: u32 },
    #[error("the journal {} continues another state than the one beside it", path.display())]
    Foreign { path: PathBuf },
}

impl Journal {
    /// Starts a journal that continues `state`. What stood in the file must have been [replayed](replay) and stored.
    pub fn start(path: &Path, state: &State) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { path: path.into(), source };
        let file =
            OpenOptions::new().create(true).write(true).truncate(true).open(path).map_err(io)?;
        let header =
            Header { journal: VERSION, lineage: state.lineage.clone(), serial: state.serial };
        let mut journal = Self { file };
        journal.line(&header).map_err(io)?;
        Ok(journal)
    }

    /// Appends an event; it is durable when this returns.
    pub fn append(&mut self, address: &Address, event: &Event) -> io::Result<()> {
        self.line(&Entry { address: address.clone(), event: event.clone() })
    }

    fn line(&mut self, content: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(content)?;
        line.push(b'\n');
        let end = self.file.stream_position()?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if written.is_err() {
            // A disk that is full for a moment must not leave half a line in the middle.
            self.file.set_len(end)?;
            self.file.seek(io::SeekFrom::Start(end))?;
        }
        written
    }
}

/// Replays the journal at `path` into `state`. Returns the number of events; none if there is no journal.
pub fn replay(path: &Path, state: &mut State) -> Result<usize, JournalError> {
    let io = |source| JournalError::Io { path: path.into(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(io(error)),
    };
    let mut lines = Lines { reader: BufReader::new(file), path, number: 0 };
    let Some(header) = lines.next::<Header>()? else { return Ok(0) };
    if header.journal != VERSION {
        return Err(JournalError::Version { path: path.into(), found: header.journal });
    }
    if header.lineage != state.lineage || header.serial <= state.serial {
        // In the state already: a crash came between storing it and removing the journal, or starting the next one.
        return if header.lineage == state.lineage {
            Ok(0)
        } else {
            Err(JournalError::Foreign { path: path.into() })
        };
    }
    state.serial = header.serial;
    let mut events = 0;
    while let Some(Entry { address, event }) = lines.next()? {
        state.apply(&address, &event);
        events += 1;
    }
    Ok(events)
}

struct Lines<'a> {
    reader: BufReader<File>,
    path: &'a Path,
    number: usize,
}

impl Lines<'_> {
    /// The next whole line; `None` at the end, also if it was cut off.
    fn next<T: for<'de> Deserialize<'de>>(&mut self) -> Result<Option<T>, JournalError> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line);
        read.map_err(|source| JournalError::Io { path: self.path.into(), source })?;
        self.number += 1;
        if line.last() != Some(&b'\n') {
            return Ok(None);
        }
        let parsed = serde_json::from_slice(&line);
        let (path, line) = (self.path, self.number);
        parsed.map(Some).map_err(|source| JournalError::Line { path: path.into(), line, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{PhysicalId, Stack};
    use crate::graph::Needs;
    use crate::kind::{DeletionPolicy, Outputs, Token};
    use crate::state::{Record, Status};

    fn state() -> State {
        State::new(Stack::new("shop"), "lineage".into())
    }

    /// The state of an apply that continues [`state`].
    fn begun_state() -> State {
        State { serial: 1, ..state() }
    }

    fn begun() -> Event {
        let record = Record {
            kind: "AWS::EC2::VPC".into(),
            region: "eu-west-1".into(),
            id: None,
            status: Status::Creating(Token("t".into())),
            spec: serde_json::json!({}),
            intended: None,
            outputs: Outputs::new(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        };
        Event::CreateBegun { record: Box::new(record) }
    }

    #[test]
    fn what_was_written_is_replayed_and_a_line_cut_off_anywhere_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let at = Address::of("network", "vpc");
        let mut journal = Journal::start(&path, &begun_state()).unwrap();
        journal.append(&at, &begun()).unwrap();
        let two_lines = std::fs::read(&path).unwrap().len();
        journal.append(&at, &Event::Made { id: PhysicalId::new("vpc-1") }).unwrap();
        let whole = std::fs::read(&path).unwrap();

        let mut replayed = state();
        assert_eq!(replay(&path, &mut replayed).unwrap(), 2);
        assert_eq!(replayed.resources[&at].id, Some(PhysicalId::new("vpc-1")));

        for length in two_lines..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let mut replayed = state();
            assert_eq!(replay(&path, &mut replayed).unwrap(), 1, "cut at {length}");
            assert_eq!(replayed.resources[&at].id, None);
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_with_its_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        drop(Journal::start(&path, &begun_state()).unwrap());
        let header = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{header}{{\"addr\n")).unwrap();
        let error = replay(&path, &mut state()).unwrap_err();
        assert!(matches!(error, JournalError::Line { line: 2, .. }), "{error:?}");
    }

    #[test]
    fn a_journal_that_is_in_the_state_is_done_with_and_a_foreign_one_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let mut journal = Journal::start(&path, &begun_state()).unwrap();
        journal.append(&Address::of("network", "vpc"), &begun()).unwrap();
        for serial in [1, 2] {
            let mut newer = State { serial, ..state() };
            assert_eq!(replay(&path, &mut newer).unwrap(), 0);
        }
        let mut other = State { lineage: "other".into(), ..state() };
        assert!(matches!(replay(&path, &mut other), Err(JournalError::Foreign { .. })));
    }
}
