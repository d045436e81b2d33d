//! The journal: one JSON line per event, durable before the effect that it announces.
//!
//! The first line names the serial that the state will have once the journal is in it. A last line that was cut off by a
//! crash is dropped: its effect had not started.

use std::fs::File;
use std::future::Future;
use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::{BoxFuture, FutureExt as _, Shared};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::address::Address;
use crate::fault::Fault;
use crate::state::format::Checkpoint;
use crate::state::lease::Permit;
use crate::state::log::Log;
use crate::state::seal::SealError;
use crate::state::sealed::Lines;
use crate::state::{Event, LockError, State, Written};

/// An open journal, appended to.
#[derive(Debug)]
pub struct Journal {
    lines: Lines,
    sink: Sink,
    /// Of an apply that has appended nothing yet: it goes with the first event.
    header: Vec<u8>,
}

#[derive(Debug)]
enum Sink {
    File {
        file: File,
        path: PathBuf,
        /// The first failure.
        broken: watch::Sender<Option<JournalError>>,
    },
    Log(Log),
}

/// Done when an event, and with it all that were appended before it, is durable.
#[derive(Clone, Debug)]
#[must_use = "no effect starts before its event is durable"]
pub struct Durable(Progress);

#[derive(Clone, Debug)]
enum Progress {
    Ended(Result<(), JournalError>),
    UnderWay(Shared<BoxFuture<'static, Result<(), JournalError>>>),
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
    /// Who began it, when and for what; since version 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    written: Option<Written>,
}

const VERSION: u32 = 2;
/// How the line of a header begins, and no other.
const HEADER: &[u8] = b"{\"journal\":";

/// Why a journal cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot write the journal {}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: Arc<io::Error>,
    },
    #[error("cannot write {place}")]
    Cloud {
        place: String,
        #[source]
        fault: Fault,
    },
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Its writer is gone: the process is ending.
    #[error("the journal has stopped")]
    Stopped,
    #[error("line {line} of the journal {place} cannot be read")]
    Line {
        place: String,
        line: usize,
        #[source]
        source: Arc<serde_json::Error>,
    },
    #[error("the journal {place} has format {found}; this platctl reads up to {VERSION}")]
    Version { place: String, found: u32 },
    #[error("{place} cannot be sealed")]
    Seal {
        place: String,
        #[source]
        source: Arc<SealError>,
    },
    #[error("the journal {place} continues another state than the one beside it")]
    Foreign { place: String },
}

impl Durable {
    /// It is so already.
    pub fn already() -> Self {
        Self(Progress::Ended(Ok(())))
    }

    /// It will be, once this is done.
    pub(super) fn once(ended: Shared<BoxFuture<'static, Result<(), JournalError>>>) -> Self {
        Self(Progress::UnderWay(ended))
    }
}

impl Future for Durable {
    type Output = Result<(), JournalError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            Progress::Ended(ended) => Poll::Ready(ended.clone()),
            Progress::UnderWay(ended) => Pin::new(ended).poll(context),
        }
    }
}

impl Journal {
    /// Starts a journal in an empty file, which continues `state`. `written`: who does so.
    pub(super) fn in_file(
        file: File,
        path: PathBuf,
        mut lines: Lines,
        state: &State,
        written: Written,
    ) -> Result<Self, JournalError> {
        let header = lines.sealed(header(state, Some(written)))?;
        let sink = Sink::File { file, path, broken: watch::Sender::new(None) };
        let mut journal = Self { lines, sink, header: Vec::new() };
        let Durable(written) = journal.write(header);
        match written {
            Progress::Ended(Err(error)) => Err(error),
            Progress::Ended(Ok(())) | Progress::UnderWay(_) => Ok(journal),
        }
    }

    /// As [`in_file`](Self::in_file), in a bucket.
    pub(super) fn in_log(
        log: Log,
        mut lines: Lines,
        state: &State,
        written: Written,
    ) -> Result<Self, JournalError> {
        let header = lines.sealed(header(state, Some(written)))?;
        Ok(Self { lines, sink: Sink::Log(log), header })
    }

    /// Appends an event; it is in the journal's order at once, and durable when the future is done.
    pub fn append(&mut self, address: &Address, event: &Event) -> Durable {
        let entry = line(&Entry { address: address.clone(), event: event.clone() });
        match self.lines.sealed(entry) {
            Ok(line) => {
                let mut lines = std::mem::take(&mut self.header);
                lines.extend(line);
                self.write(lines)
            }
            Err(error) => Durable(Progress::Ended(Err(error))),
        }
    }

    /// Waits until the journal fails, or the lock is lost; for ever if neither happens.
    pub fn broken(&self) -> BoxFuture<'static, JournalError> {
        match &self.sink {
            Sink::Log(log) => log.broken().boxed(),
            Sink::File { broken, .. } => {
                let mut broken = broken.subscribe();
                let failed = async move {
                    let failed = broken.wait_for(Option::is_some).await;
                    match failed.ok().and_then(|it| it.clone()) {
                        Some(error) => error,
                        None => std::future::pending().await,
                    }
                };
                failed.boxed()
            }
        }
    }

    /// Whether effects may start: the lock is held.
    pub fn permit(&self) -> Permit {
        match &self.sink {
            Sink::File { .. } => Permit::default(),
            Sink::Log(log) => log.permit(),
        }
    }

    /// Waits until all of it is durable. The number of the object that would come next, where it has some.
    pub(super) async fn close(self) -> Result<u64, JournalError> {
        match self.sink {
            Sink::File { .. } => Ok(0),
            Sink::Log(log) => log.close().await,
        }
    }

    fn write(&mut self, lines: Vec<u8>) -> Durable {
        match &mut self.sink {
            Sink::Log(log) => log.append(lines),
            Sink::File { file, path, broken } => {
                let written = append(file, &lines).map_err(|source| JournalError::Io {
                    path: path.clone(),
                    source: Arc::new(source),
                });
                if let Err(error) = &written {
                    broken.send_replace(Some(error.clone()));
                }
                Durable(Progress::Ended(written))
            }
        }
    }
}

/// Replays the text of a journal into a checkpoint. Returns the number of events that were news to it.
pub(super) fn replay(
    text: &[u8],
    place: &str,
    checkpoint: &mut Checkpoint,
) -> Result<usize, JournalError> {
    let Checkpoint { state, written, .. } = checkpoint;
    let (mut events, mut news) = (0, false);
    for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.last() != Some(&b'\n') {
            break;
        }
        let unreadable = |source| JournalError::Line {
            place: place.into(),
            line: index + 1,
            source: Arc::new(source),
        };
        if index == 0 || line.starts_with(HEADER) {
            let header: Header = serde_json::from_slice(line).map_err(unreadable)?;
            if header.journal > VERSION {
                return Err(JournalError::Version { place: place.into(), found: header.journal });
            }
            if header.lineage != state.lineage {
                return Err(JournalError::Foreign { place: place.into() });
            }
            // Else it is in the state: a crash came between storing it and removing the journal, or starting the next.
            news = header.serial > state.serial;
            if news {
                (state.serial, *written) = (header.serial, header.written);
            }
        } else if news {
            let Entry { address, event } = serde_json::from_slice(line).map_err(unreadable)?;
            state.apply(&address, &event);
            events += 1;
        }
    }
    Ok(events)
}

fn header(state: &State, written: Option<Written>) -> Vec<u8> {
    let (lineage, serial) = (state.lineage.clone(), state.serial);
    line(&Header { journal: VERSION, lineage, serial, written })
}

fn line(content: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(content).expect("an event always serializes");
    line.push(b'\n');
    line
}

/// Appends a line to a file, durably.
fn append(file: &mut File, line: &[u8]) -> io::Result<()> {
    let end = file.stream_position()?;
    let written = file.write_all(line).and_then(|()| file.sync_data());
    if written.is_err() {
        // A disk that is full for a moment must not leave half a line in the middle.
        file.set_len(end)?;
        file.seek(io::SeekFrom::Start(end))?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{PhysicalId, Stack};
    use crate::graph::Needs;
    use crate::kind::{DeletionPolicy, Outputs, Token};
    use crate::state::{Record, Status};

    fn state(serial: u64) -> State {
        State { serial, ..State::new(Stack::new("shop"), "lineage".into()) }
    }

    fn checkpoint(serial: u64) -> Checkpoint {
        Checkpoint::alone(state(serial), None)
    }

    /// The header of an apply that brings the state to this serial.
    fn begins(serial: u64) -> Vec<u8> {
        header(&state(serial), None)
    }

    fn begun() -> Vec<u8> {
        let record = Record {
            kind: "AWS::EC2::VPC".into(),
            region: "eu-west-1".into(),
            id: None,
            status: Status::Creating(Token("t".into())),
            spec: serde_json::json!({}).into(),
            intended: None,
            outputs: Outputs::new(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        };
        entry(Event::CreateBegun { record: Box::new(record) })
    }

    fn made() -> Vec<u8> {
        entry(Event::Made { id: PhysicalId::new("vpc-1") })
    }

    fn entry(event: Event) -> Vec<u8> {
        line(&Entry { address: Address::of("network", "vpc"), event })
    }

    #[test]
    fn what_was_written_is_replayed_and_a_line_cut_off_anywhere_is_dropped() {
        let at = Address::of("network", "vpc");
        let two_lines = [begins(1), begun()].concat();
        let whole = [two_lines.clone(), made()].concat();
        let mut replayed = checkpoint(0);
        assert_eq!(replay(&whole, "here", &mut replayed).unwrap(), 2);
        assert_eq!(replayed.state.resources[&at].id, Some(PhysicalId::new("vpc-1")));
        for length in two_lines.len()..whole.len() {
            let mut replayed = checkpoint(0);
            let events = replay(&whole[..length], "here", &mut replayed).unwrap();
            assert_eq!(events, 1, "cut at {length}");
            assert_eq!(replayed.state.resources[&at].id, None);
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_with_its_number() {
        let text = [begins(1), b"{\"addr\n".to_vec()].concat();
        let error = replay(&text, "here", &mut checkpoint(0)).unwrap_err();
        assert!(matches!(error, JournalError::Line { line: 2, .. }), "{error:?}");
    }

    #[test]
    fn a_journal_that_is_in_the_state_is_done_with_and_a_foreign_one_refused() {
        let text = [begins(1), begun()].concat();
        for serial in [1, 2] {
            let mut newer = checkpoint(serial);
            assert_eq!(replay(&text, "here", &mut newer).unwrap(), 0);
        }
        let mut other = checkpoint(0);
        other.state.lineage = "other".into();
        assert!(matches!(replay(&text, "here", &mut other), Err(JournalError::Foreign { .. })));
    }

    #[test]
    fn a_journal_may_hold_several_applies() {
        let text = [begins(1), begun(), begins(2), made()].concat();
        for (serial, news) in [(0, 2), (1, 1), (2, 0)] {
            let mut replayed = checkpoint(serial);
            assert_eq!(replay(&text, "here", &mut replayed).unwrap(), news);
            assert_eq!(replayed.state.serial, 2);
        }
    }
}
