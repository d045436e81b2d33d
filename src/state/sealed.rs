//! Checkpoints and journals as they are stored: encoded, and sealed if they are to be.

use std::sync::Arc;

use crate::address::Stack;
use crate::state::format::Checkpoint;
use crate::state::journal::{self, JournalError};
use crate::state::seal::{Claims, Expected, Part, Place, Seal, SealError};
use crate::state::{State, StoreError};

impl Seal {
    /// A checkpoint as it is stored, with a line break at its end. Each gets a data key of its own, which then seals the
    /// journal that continues it.
    pub(super) async fn encode(
        &self,
        checkpoint: &Checkpoint,
        place: &str,
    ) -> Result<Vec<u8>, StoreError> {
        let State { stack, lineage, serial, .. } = &checkpoint.state;
        let (stack, lineage, serial) = (stack.clone(), lineage.clone(), *serial);
        let wrong = |source| StoreError::Seal { place: place.into(), source };
        self.renew(&stack).await.map_err(wrong)?;
        let piece = Place { stack, part: Part::State, lineage, serial, number: 0 };
        let mut bytes = self.seal(checkpoint.encode(), &piece).map_err(wrong)?;
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    /// The checkpoint in `bytes`; with a serial it is that of the history. `place` is what messages call it.
    pub(super) async fn decode(
        &self,
        bytes: &[u8],
        stack: &Stack,
        serial: Option<u64>,
        place: &str,
    ) -> Result<Checkpoint, StoreError> {
        let expected = Expected { stack, part: Part::State, lineage: None, serial, number: 0 };
        let opened = self.open(bytes, &expected).await;
        let opened = opened.map_err(|source| StoreError::Seal { place: place.into(), source })?;
        Checkpoint::decode(&opened, stack, place)
    }

    /// Replays the text of a journal into a checkpoint. Returns the number of events that were news to it.
    pub(super) async fn replay(
        &self,
        text: &[u8],
        place: &str,
        checkpoint: &mut Checkpoint,
    ) -> Result<usize, StoreError> {
        if self.takes_only_sealed() && !text.is_empty() && !Self::is_sealed(text) {
            // Left from the time before, by a crash between sealing the state and removing its journal: then all of it
            // is in the state. Nothing else in the open counts beside a sealed state.
            let mut replayed = checkpoint.clone();
            journal::replay(text, place, &mut replayed)?;
            let source = SealError::Unsealed;
            let known = replayed == *checkpoint;
            return if known {
                Ok(0)
            } else {
                Err(StoreError::Seal { place: place.into(), source })
            };
        }
        let opened = self.open_lines(text, place, &checkpoint.state).await?;
        Ok(journal::replay(&opened, place, checkpoint)?)
    }

    /// A journal in the open. A last line that was cut off is left out.
    async fn open_lines(
        &self,
        text: &[u8],
        place: &str,
        state: &State,
    ) -> Result<Vec<u8>, StoreError> {
        let mut opened = Vec::with_capacity(text.len());
        // The line that must come next: its number, and of which journal it is.
        let (mut number, mut of): (u64, Option<Claims>) = (0, None);
        for (index, line) in text.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if line.last() != Some(&b'\n') {
                break;
            }
            // An object may hold a line of the next apply behind those of one.
            let claims = Self::claims(line);
            if claims.as_ref().is_some_and(|claims| claims.number == 0) {
                (number, of) = (0, None);
            }
            let expected = Expected {
                stack: &state.stack,
                part: Part::Journal,
                // That the whole is of another history is an error of its own, which tells more.
                lineage: of.as_ref().map(|of| of.lineage.as_str()),
                serial: of.as_ref().map(|of| of.serial),
                number,
            };
            let plain = self.open(line, &expected).await.map_err(|source| {
                let place = format!("line {} of the journal {place}", index + 1);
                StoreError::Seal { place, source }
            })?;
            (number, of) = (number + 1, claims);
            opened.extend(plain);
            if opened.last() != Some(&b'\n') {
                opened.push(b'\n');
            }
        }
        Ok(opened)
    }
}

/// Seals the lines of one journal, in their order.
#[derive(Debug)]
pub(super) struct Lines {
    seal: Arc<Seal>,
    place: Place,
}

impl Lines {
    /// Of the journal that brings `state` to its serial.
    pub(super) fn new(seal: Arc<Seal>, state: &State) -> Self {
        let State { stack, lineage, serial, .. } = state;
        let (stack, lineage) = (stack.clone(), lineage.clone());
        let place = Place { stack, part: Part::Journal, lineage, serial: *serial, number: 0 };
        Self { seal, place }
    }

    /// The next line as it is stored, with its line break.
    pub(super) fn sealed(&mut self, line: Vec<u8>) -> Result<Vec<u8>, JournalError> {
        let sealed = self.seal.seal(line, &self.place);
        let mut sealed = sealed.map_err(|source| JournalError::Seal {
            place: self.place.to_string(),
            source: Arc::new(source),
        })?;
        self.place.number += 1;
        if sealed.last() != Some(&b'\n') {
            sealed.push(b'\n');
        }
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::address::{Address, PhysicalId};
    use crate::state::{Event, Store};

    fn store(root: &std::path::Path) -> Store {
        Store::new(root, &Stack::new("shop")).sealed(Arc::new(Seal::cheap("correct horse")))
    }

    fn made(number: usize) -> Event {
        Event::Made { id: PhysicalId::new(format!("canary-{number}")) }
    }

    /// The journal of an apply that was cut off after three events, line by line, and where it lies.
    async fn cut_off(store: &Store) -> (std::path::PathBuf, Vec<Vec<u8>>) {
        let lock = store.lock("apply").await.unwrap();
        let mut state = store.load().await.unwrap();
        let mut journal = store.begin(&lock, &mut state).await.unwrap();
        for number in 0..3 {
            journal.append(&Address::of("a", &format!("r{number}")), &made(number)).await.unwrap();
        }
        let path = store.folder().unwrap().join("journal.jsonl");
        let text = fs::read(&path).unwrap();
        (path, text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect())
    }

    #[tokio::test]
    async fn a_sealed_journal_is_replayed_and_hides_its_events() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        let (path, lines) = cut_off(&store).await;
        assert_eq!(lines.len(), 4, "a header and three events");
        assert!(!String::from_utf8(lines.concat()).unwrap().contains("canary"));
        assert!(store.is_cut_off().await.unwrap());
        assert_eq!(store.load().await.unwrap().serial, 1);
        let half = lines[3].len() / 2;
        fs::write(&path, [lines[..3].concat(), lines[3][..half].to_vec()].concat()).unwrap();
        assert_eq!(
            store.load().await.unwrap().serial,
            1,
            "a last line that was cut off is dropped"
        );
    }

    #[tokio::test]
    async fn lines_do_not_change_places_go_missing_or_come_from_elsewhere() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        let (path, lines) = cut_off(&store).await;
        let [header, one, two, three] = [0, 1, 2, 3].map(|index| lines[index].as_slice());
        let open = b"{\"address\":\"a/r0\",\"event\":\"gone\"}\n".as_slice();
        for text in [
            [header, two, one, three].concat(),
            [header, one, three].concat(),
            [header, one, one, two].concat(),
            [one, two, three].concat(),
            [header, one, open].concat(),
            [open, one].concat(),
        ] {
            fs::write(&path, &text).unwrap();
            let refused = store.load().await;
            assert!(refused.is_err(), "{}", String::from_utf8_lossy(&text));
        }
        let elsewhere = tempfile::tempdir().unwrap();
        let (_, others) = cut_off(&self::store(elsewhere.path())).await;
        fs::write(&path, [header, others[1].as_slice()].concat()).unwrap();
        let refused = store.load().await;
        assert!(refused.is_err(), "of another history, by the same passphrase: {refused:?}");
    }

    #[tokio::test]
    async fn a_journal_in_the_open_counts_beside_a_sealed_state_only_if_it_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        let open = Store::new(root.path(), &Stack::new("shop"));
        let (path, lines) = cut_off(&open).await;
        let sealed = store(root.path());
        let lock = sealed.lock("apply").await.unwrap();
        let mut state = sealed.load().await.unwrap();
        let journal = sealed.begin(&lock, &mut state).await.unwrap();
        sealed.finish(&lock, &state, journal).await.unwrap();
        fs::write(&path, lines.concat()).unwrap();
        assert_eq!(sealed.load().await.unwrap(), state, "left by a crash, and in the state");
        let lineage = &state.lineage;
        let later = format!("{{\"journal\":1,\"lineage\":\"{lineage}\",\"serial\":9}}\n");
        fs::write(&path, later).unwrap();
        let refused = sealed.load().await.unwrap_err();
        assert!(matches!(refused, StoreError::Seal { source: SealError::Unsealed, .. }));
    }
}
