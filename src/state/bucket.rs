//! State in a bucket, for a team.
//!
//! ```text
//! <prefix>/<stack>/state.json                       the checkpoint
//!                  history/<serial>.json            every checkpoint, by its serial; the newest are kept
//!                  journal/<fence>/<number>         what happened since: the lines of one apply, several to an object
//!                  lock                             the lease, where no table keeps it
//! ```
//!
//! Every write has a condition: an object is new (`If-None-Match: *`), or it is as it was read (`If-Match`). That decides
//! all races, also those with a holder that was taken for dead and is not.
//!
//! **Whoever takes the lock shuts its former holder out** before it looks at the state:
//!
//! 1. The lease gives it a number, its *fence*, above all former ones.
//! 2. It closes the journal that continues the checkpoint, with an empty object under the next number. The journal of a
//!    fence is written by its one holder in the order of the numbers, so that one taken number ends it: the former holder's
//!    next line is refused, and without it none of its effects starts. If the former holder was faster, its line is there,
//!    is read with the others, and the number behind it is closed. Who released the lock in order has closed its journal by
//!    not writing to it any more.
//! 3. It writes the checkpoint again, with all that the journal tells and with its own fence, on the condition that it is
//!    as it was read. From then on the former holder's checkpoint is refused. If it came first, all is read once more.
//!
//! From then on nobody with a lower fence can write anything that is read. The empty objects stay: as long as nobody knows
//! that a former holder is dead, its next number must be taken. A line that it had sent before, and sends again because it
//! slept through the answer, may find its place tidied and stay there: nobody reads that journal any more, and whoever
//! writes the next checkpoint removes it.
//!
//! **Between any two writes the state can be read**, by the checkpoint and the journal of its fence:
//!
//! | cut off after | read is |
//! |---|---|
//! | the lease was taken | what was there |
//! | the former journal was closed | the same: an empty object has no lines |
//! | the checkpoint was written with the new fence | the same: the former journal is in it, the new one has no objects |
//! | some lines of the new journal | the checkpoint and these lines; effects of later lines have not started |
//! | the history got the new serial | the same |
//! | the new checkpoint | all: the journal so far is in it |
//! | some of the journal was deleted | all: the checkpoint says from which number on its journal is news |
//!
//! Whoever reads without the lock reads the checkpoint again after the journal: objects of a journal go only after the
//! checkpoint was written, so an unchanged checkpoint says that none was missed.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use crate::address::Stack;
use crate::cloud::objects::{Cell, If, Listed, Object, ObjectCell, Objects, Tag};
use crate::fault::{Class, Fault, Residue};
use crate::state::format::{Checkpoint, Written};
use crate::state::journal::Journal;
use crate::state::lease::{Lease, Watching};
use crate::state::log::Log;
use crate::state::sealed::Lines;
use crate::state::store::{VERSIONS_MAX, fresh};
use crate::state::{Holder, Seal, State, StoreError};

/// The objects of one stack.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    objects: Arc<dyn Objects>,
    lock: Arc<dyn Cell>,
    pub(super) seal: Arc<Seal>,
}

/// What whoever has the lock knows: nobody else writes.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) lease: Lease,
    stored: Mutex<Stored>,
}

#[derive(Debug)]
struct Stored {
    /// `None`: it cannot be read.
    checkpoint: Option<Checkpoint>,
    /// `None`: it is not there.
    tag: Option<Tag>,
    /// The number of the journal's next object.
    next: u64,
}

/// The state as it was read.
struct Read {
    checkpoint: Checkpoint,
    tag: Option<Tag>,
    /// The next free number of its journal; `None`: it is closed.
    next: Option<u64>,
    /// How many events the journal added.
    events: usize,
}

const STATE: &str = "state.json";
const LOCK: &str = "lock";
/// Objects that are read at the same time.
const READS_MAX: usize = 16;
/// Somebody who writes faster than we read would have to do so as often in a row.
const TRIES_MAX: usize = 20;
/// A holder that is alive and writes one line after the other finds out that it lost the lock when it renews it.
const CLOSING_MAX: Duration = Duration::from_secs(30);
/// What no answer came to is tried again for so long. Longer outages are told.
const WRITE_PATIENCE: Duration = Duration::from_mins(2);
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Bucket {
    /// `lock`: where the lease is, if not beside the state.
    pub(super) fn new(
        objects: Arc<dyn Objects>,
        lock: Option<Arc<dyn Cell>>,
        seal: Arc<Seal>,
    ) -> Self {
        let beside = || ObjectCell { objects: Arc::clone(&objects), key: LOCK.into() };
        let lock = lock.unwrap_or_else(|| Arc::new(beside()));
        Self { objects, lock, seal }
    }

    pub(super) fn place(&self) -> String {
        self.objects.place("")
    }

    pub(super) async fn load(&self, stack: &Stack) -> Result<State, StoreError> {
        Ok(self.read(stack).await?.checkpoint.state)
    }

    /// Takes the lock, and shuts its former holder out.
    pub(super) async fn lock(
        &self,
        stack: &Stack,
        holder: &Holder,
        watching: Watching<'_>,
    ) -> Result<Held, StoreError> {
        // A lock that somebody removed must not begin again at a number that was used.
        let floor = match self.read(stack).await {
            Ok(read) => read.checkpoint.fence,
            Err(error) if error.is_damage() => 0,
            Err(error) => return Err(error),
        };
        let lease = Lease::take(Arc::clone(&self.lock), holder, floor, watching).await?;
        match self.shut_out(stack, &lease).await {
            Ok(stored) => Ok(Held { lease, stored: Mutex::new(stored) }),
            Err(error) => {
                if let Err(other) = lease.abandon().await {
                    tracing::warn!(?other, "the lock was not given back");
                }
                Err(error)
            }
        }
    }

    async fn shut_out(&self, stack: &Stack, lease: &Lease) -> Result<Stored, StoreError> {
        for _ in 0..TRIES_MAX {
            let read = match self.read(stack).await {
                Ok(read) => read,
                Err(error) if error.is_damage() => {
                    // It can still be replaced.
                    let tag = self.get(STATE).await?.map(|it| it.tag);
                    return Ok(Stored { checkpoint: None, tag, next: 0 });
                }
                Err(error) => return Err(error),
            };
            let Read { mut checkpoint, tag, next, events } = read;
            // Somebody may have written with a lock of another place: whose order counts is whose checkpoint it is.
            let in_order = lease.follows_in_order == Some(checkpoint.fence);
            if let (Some(_), Some(next), false) = (&tag, next, in_order)
                && self.close(checkpoint.fence, next).await? > next
            {
                // The former holder wrote more: it is read as well.
                continue;
            }
            if events > 0 || checkpoint.fence == 0 {
                self.remember(&checkpoint).await?;
            }
            (checkpoint.fence, checkpoint.from) = (lease.fence, 0);
            let bytes = self.encode(&checkpoint, STATE).await?;
            if let Some(tag) = self.put(STATE, bytes, condition(tag)).await? {
                return Ok(Stored { checkpoint: Some(checkpoint), tag: Some(tag), next: 0 });
            }
        }
        Err(StoreError::Moving { place: self.place() })
    }

    /// Takes the first free number of a journal, from `next` on, so that its holder cannot go on. That number.
    async fn close(&self, fence: u64, mut next: u64) -> Result<u64, StoreError> {
        let begun = Instant::now();
        while self.put(&journal_key(fence, next), Vec::new(), If::Absent).await?.is_none() {
            if begun.elapsed() >= CLOSING_MAX {
                return Err(StoreError::Moving { place: self.place() });
            }
            next += 1;
        }
        Ok(next)
    }

    pub(super) async fn begin(
        &self,
        held: &Held,
        state: &mut State,
        written: Written,
    ) -> Result<Journal, StoreError> {
        let permit = held.lease.permit();
        permit.held().await?;
        let mut stored = held.stored.lock().await;
        let former = stored.checkpoint.as_ref();
        if former.is_none_or(|it| it.state != *state) {
            let written = former.and_then(|it| it.written.clone());
            self.store(held, &mut stored, state, written).await?;
        }
        state.serial += 1;
        let log = Log::start(Arc::clone(&self.objects), held.lease.fence, stored.next, permit);
        Ok(Journal::in_log(log, Lines::new(Arc::clone(&self.seal), state), state, written)?)
    }

    pub(super) async fn finish(
        &self,
        held: &Held,
        state: &State,
        journal: Journal,
        written: Written,
    ) -> Result<(), StoreError> {
        let mut stored = held.stored.lock().await;
        stored.next = journal.close().await?;
        self.store(held, &mut stored, state, Some(written)).await?;
        drop(stored);
        // Nothing of it counts any more: what stays now goes with the next apply.
        if let Err(error) = self.tidy(held.lease.fence).await {
            tracing::warn!(?error, "what is done with was not removed");
        }
        Ok(())
    }

    pub(super) async fn replace(
        &self,
        held: &Held,
        state: &mut State,
        written: Written,
    ) -> Result<(), StoreError> {
        let mut stored = held.stored.lock().await;
        let former = stored.checkpoint.as_ref().map_or(0, |former| former.state.serial);
        state.serial = former.max(state.serial) + 1;
        if stored.checkpoint.is_none()
            && let Some(unreadable) = self.get(STATE).await?
        {
            let aside = format!("unreadable/{:020}.json", held.lease.fence);
            self.put(&aside, unreadable.bytes, If::Absent).await?;
        }
        self.store(held, &mut stored, state, Some(written)).await?;
        drop(stored);
        if let Err(error) = self.tidy(held.lease.fence).await {
            tracing::warn!(?error, "what is done with was not removed");
        }
        Ok(())
    }

    /// The serials in the history with their sizes, oldest first.
    pub(super) async fn versions(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let listed = self.list("history/").await?;
        let version = |Listed { key, size }: Listed| {
            let serial = key.strip_prefix("history/")?.strip_suffix(".json")?.parse().ok()?;
            Some((serial, size))
        };
        Ok(listed.into_iter().filter_map(version).collect())
    }

    pub(super) async fn version(
        &self,
        stack: &Stack,
        serial: u64,
    ) -> Result<Checkpoint, StoreError> {
        let key = version_key(serial);
        let found = self.get(&key).await?;
        let found = found.ok_or_else(|| StoreError::NoVersion { place: self.place(), serial })?;
        let place = self.objects.place(&key);
        self.seal.decode(&found.bytes, stack, Some(serial), &place).await
    }

    pub(super) async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        Lease::clear(&*self.lock).await
    }

    /// The checkpoint, with its journal replayed into it.
    async fn read(&self, stack: &Stack) -> Result<Read, StoreError> {
        for _ in 0..TRIES_MAX {
            let Some(Object { bytes, tag, .. }) = self.get(STATE).await? else {
                let checkpoint = Checkpoint::alone(fresh(stack), None);
                return Ok(Read { checkpoint, tag: None, next: None, events: 0 });
            };
            let place = self.objects.place(STATE);
            let mut checkpoint = self.seal.decode(&bytes, stack, None, &place).await?;
            let (journal, from) = (journal_folder(checkpoint.fence), checkpoint.from);
            let number = |it: &Listed| it.key.strip_prefix(&journal)?.parse::<u64>().ok();
            let mut listed = self.list(&journal).await?;
            // What stands before is in the checkpoint; some of it may be gone already.
            listed.retain(|it| number(it).is_some_and(|number| number >= from));
            let Some(last) = listed.last() else {
                return Ok(Read { checkpoint, tag: Some(tag), next: Some(from), events: 0 });
            };
            let next = number(last).filter(|_| last.size > 0).map(|number| number + 1);
            // Each is an object of its own, and nothing reads several at once.
            let read = stream::iter(&listed).map(|it| self.get(&it.key)).buffered(READS_MAX);
            let read: Vec<Option<Object>> = read.try_collect().await?;
            let unchanged = self.get(STATE).await?.is_some_and(|now| now.tag == tag);
            if unchanged && let Some(read) = read.into_iter().collect::<Option<Vec<Object>>>() {
                let text: Vec<u8> = read.into_iter().flat_map(|it| it.bytes).collect();
                let place = self.objects.place(&journal);
                let events = self.seal.replay(&text, &place, &mut checkpoint).await?;
                return Ok(Read { checkpoint, tag: Some(tag), next, events });
            }
        }
        Err(StoreError::Moving { place: self.place() })
    }

    /// Makes `state` the checkpoint: in the history first.
    async fn store(
        &self,
        held: &Held,
        stored: &mut Stored,
        state: &State,
        written: Option<Written>,
    ) -> Result<(), StoreError> {
        let (fence, from) = (held.lease.fence, stored.next);
        let checkpoint = Checkpoint { state: state.clone(), written, fence, from };
        self.remember(&checkpoint).await?;
        let bytes = self.encode(&checkpoint, STATE).await?;
        let put = self.put(STATE, bytes, condition(stored.tag.clone())).await?;
        let Some(tag) = put else { return Err(held.lease.lost().await.into()) };
        (stored.checkpoint, stored.tag) = (Some(checkpoint), Some(tag));
        Ok(())
    }

    /// Keeps a version, if the history does not have it.
    async fn remember(&self, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        // A stack of which nothing was ever recorded has no past.
        if checkpoint.state.serial > 0 {
            let key = version_key(checkpoint.state.serial);
            let bytes = self.encode(checkpoint, &key).await?;
            self.put(&key, bytes, If::Absent).await?;
        }
        Ok(())
    }

    async fn encode(&self, checkpoint: &Checkpoint, key: &str) -> Result<Vec<u8>, StoreError> {
        self.seal.encode(checkpoint, &self.objects.place(key)).await
    }

    /// Seals every version of the history anew.
    pub(super) async fn reseal(&self, stack: &Stack) -> Result<(), StoreError> {
        for (serial, _) in self.versions().await? {
            let key = version_key(serial);
            // One that has become too old meanwhile needs no seal.
            let Some(Object { bytes, tag, .. }) = self.get(&key).await? else { continue };
            let place = self.objects.place(&key);
            let version = self.seal.decode(&bytes, stack, Some(serial), &place).await?;
            let bytes = self.encode(&version, &key).await?;
            if self.put(&key, bytes, If::Unchanged(tag)).await?.is_none() {
                return Err(StoreError::Moving { place });
            }
        }
        Ok(())
    }

    /// Whether the journal tells what the checkpoint does not know.
    pub(super) async fn is_cut_off(&self, stack: &Stack) -> Result<bool, StoreError> {
        Ok(self.read(stack).await?.events > 0)
    }

    pub(super) async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Lease::holder(&*self.lock).await
    }

    /// Removes the lines of journals up to that of `fence`, which are all in the checkpoint, and versions that are too old.
    async fn tidy(&self, fence: u64) -> Result<(), StoreError> {
        let end = journal_folder(fence + 1);
        let lines = self.list("journal/").await?.into_iter();
        let lines = lines.filter(|it| it.size > 0 && it.key < end).map(|it| it.key);
        let mut done_with: Vec<String> = lines.collect();
        let versions = self.versions().await?;
        let surplus = versions.len().saturating_sub(VERSIONS_MAX);
        done_with.extend(versions[..surplus].iter().map(|(serial, _)| version_key(*serial)));
        if done_with.is_empty() {
            return Ok(());
        }
        self.objects.delete(&done_with).await.map_err(|fault| cloud(self.place(), fault))
    }

    async fn get(&self, key: &str) -> Result<Option<Object>, StoreError> {
        self.objects.get(key).await.map_err(|fault| cloud(self.objects.place(key), fault))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        self.objects.list(prefix).await.map_err(|fault| cloud(self.objects.place(prefix), fault))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, to: If) -> Result<Option<Tag>, StoreError> {
        let cell = ObjectCell { objects: Arc::clone(&self.objects), key: key.into() };
        surely(&cell, bytes, to).await
    }
}

/// Writes, and finds out what became of it where no answer came. `None`: the condition does not hold. Nobody else may
/// write the same bytes there.
pub(super) async fn surely(
    cell: &dyn Cell,
    bytes: Vec<u8>,
    condition: If,
) -> Result<Option<Tag>, StoreError> {
    let begun = Instant::now();
    let (mut pause, mut in_doubt) = (PAUSE_FIRST, false);
    loop {
        let put = cell.put(bytes.clone(), condition.clone()).await;
        let fault = match put {
            Ok(None) if in_doubt => match cell.get().await {
                Ok(Some(found)) if found.bytes == bytes => return Ok(Some(found.tag)),
                Ok(_) => return Ok(None),
                Err(fault) => fault,
            },
            Ok(put) => return Ok(put),
            Err(fault) => fault,
        };
        if !fault.class.passes_with_time() || begun.elapsed() >= WRITE_PATIENCE {
            return Err(cloud(cell.place(), fault));
        }
        in_doubt |= fault.residue == Residue::Unknown;
        sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

pub(super) fn cloud(place: String, fault: Fault) -> StoreError {
    if fault.is(Class::NotFound) {
        return StoreError::Absent { place, fault };
    }
    StoreError::Cloud { place, fault }
}

fn condition(tag: Option<Tag>) -> If {
    tag.map_or(If::Absent, If::Unchanged)
}

fn version_key(serial: u64) -> String {
    format!("history/{serial:020}.json")
}

fn journal_folder(fence: u64) -> String {
    format!("journal/{fence:020}/")
}

pub(super) fn journal_key(fence: u64, number: u64) -> String {
    format!("{}{number:010}", journal_folder(fence))
}

#[cfg(test)]
mod tests;
