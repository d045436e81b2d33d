//! The lock of a stack whose state lies where no operating system watches over its holder: a lease, which lives as long as
//! its holder renews it.
//!
//! It is one cell that is written under the condition that it is unchanged. It holds a **fence**, a number that grows with
//! every holder, and is never removed, so that the number never falls: what is free has no holder.
//!
//! **Who is alive.** The holder renews the lease every [`RENEWED_EVERY`]. An observer never holds a foreign clock against
//! its own: it watches the cell, and takes it over once it has seen the same content for [`DEAD_AFTER`] by its own
//! monotonic clock. Whether to watch at all it tells by the age of the content by the service's clock, where there is one:
//! what was renewed just now is alive, and the observer gives up at once.
//!
//! **Who may act.** A holder believes in its lease for [`BELIEVED_FOR`] from the moment at which it *sent* the last
//! renewal that succeeded. The observer began to watch after that renewal had its effect, so no takeover comes before
//! `DEAD_AFTER` has passed since then, which is longer. A process that was stopped, or a machine that slept, finds that its
//! belief has expired (by the monotonic clock, or by the wall clock, which goes on while a machine sleeps), renews the
//! lease first, and is refused if somebody took it over. Every effect is preceded by that check, at the last moment before it
//! is sent. What remains are the moments in between, and calls that were sent already: a creation is found by its token and
//! its tags, and what a late holder *writes* is refused by the store itself (see `bucket`).

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::cloud::objects::{Cell, If, Object, Tag};
use crate::fault::Fault;
use crate::state::bucket::{cloud, surely};
use crate::state::store::random;
use crate::state::{Holder, LockError, StoreError};

/// Twice in `BELIEVED_FOR`, so that one renewal may fail.
pub const RENEWED_EVERY: Duration = Duration::from_secs(10);
/// Three renewals did not come. With the wait for it, a dead holder is replaced within a minute.
pub const DEAD_AFTER: Duration = Duration::from_secs(30);
/// Shorter than `DEAD_AFTER` by what a call takes to be sent and two clocks differ in half a minute.
const BELIEVED_FOR: Duration = Duration::from_secs(25);
/// By the service's clock: what is younger is alive.
const ALIVE_MAX: Duration = Duration::from_secs(15);
const LOOKED_EVERY: Duration = Duration::from_secs(2);
/// After a renewal that got no answer.
const RETRIED_AFTER: Duration = Duration::from_secs(2);
/// A lease that could not be renewed for so long is given up, though nobody took it.
const GIVEN_UP_AFTER: Duration = Duration::from_mins(5);

/// What the cell holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LeaseV1 {
    lease: u32,
    /// Grows with every holder.
    fence: u64,
    /// Drawn by the holder: its own.
    nonce: String,
    /// Grows with every renewal.
    renewed: u64,
    /// `None`: nobody has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<Holder>,
    /// The last holder gave it back in order: nothing of it can be under way.
    #[serde(default)]
    in_order: bool,
}

const VERSION: u32 = 1;

/// A lease that this process has. It ends when it is released, or some time after it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) fence: u64,
    /// The fence of the former holder, if that one gave it back in order.
    pub(super) follows_in_order: Option<u64>,
    shared: Arc<Shared>,
    renewal: JoinHandle<()>,
}

/// Whether what holds the lock may go on.
#[derive(Clone, Debug, Default)]
pub struct Permit(Option<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    cell: Arc<dyn Cell>,
    standing: watch::Sender<Standing>,
    /// Asks for a renewal now.
    wanted: Notify,
    /// What this holder wrote last, and its tag.
    written: tokio::sync::Mutex<(LeaseV1, Tag)>,
}

#[derive(Clone, Debug)]
enum Standing {
    /// The last renewal that succeeded was sent at this moment.
    Held(Moment),
    Lost(LockError),
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    monotonic: Instant,
    wall: SystemTime,
}

/// Somebody who may be dead is watched before the lock is taken over.
pub type Watching<'a> = &'a (dyn Fn(&Holder) + Send + Sync);

impl Lease {
    /// Takes the lease, or tells who has it. `floor`: the new fence is above it.
    pub(super) async fn take(
        cell: Arc<dyn Cell>,
        holder: &Holder,
        floor: u64,
        watching: Watching<'_>,
    ) -> Result<Self, StoreError> {
        let mut seen: Option<(Tag, Instant)> = None;
        loop {
            let found = read(&*cell).await?;
            let (former, condition, in_order) = match found {
                None => (0, If::Absent, false),
                Some((LeaseV1 { fence, holder: None, in_order, .. }, Object { tag, .. })) => {
                    (fence, If::Unchanged(tag), in_order)
                }
                Some((LeaseV1 { fence, holder: Some(other), .. }, Object { tag, age, .. })) => {
                    match &seen {
                        Some((known, since)) if *known == tag => {
                            if since.elapsed() < DEAD_AFTER {
                                sleep(LOOKED_EVERY).await;
                                continue;
                            }
                            (fence, If::Unchanged(tag), false)
                        }
                        None if age.is_none_or(|age| age >= ALIVE_MAX) => {
                            watching(&other);
                            seen = Some((tag, Instant::now()));
                            sleep(LOOKED_EVERY).await;
                            continue;
                        }
                        Some(_) | None => {
                            let beat = age.unwrap_or_default().as_secs();
                            let beat = Some(format!("{beat} s ago"));
                            let holder = other.to_string();
                            let place = cell.place().trim_end_matches("/lock").to_owned();
                            return Err(LockError::Held { place, holder, beat }.into());
                        }
                    }
                }
            };
            let lease = LeaseV1 {
                lease: VERSION,
                fence: former.max(floor) + 1,
                nonce: random(),
                renewed: 0,
                holder: Some(holder.clone()),
                in_order: false,
            };
            let moment = Moment::now();
            if let Some(tag) = write(&*cell, &lease, condition).await? {
                return Ok(Self::held(cell, lease, tag, moment, in_order.then_some(former)));
            }
            // Somebody was faster.
            seen = None;
        }
    }

    fn held(
        cell: Arc<dyn Cell>,
        lease: LeaseV1,
        tag: Tag,
        moment: Moment,
        follows_in_order: Option<u64>,
    ) -> Self {
        let fence = lease.fence;
        let shared = Arc::new(Shared {
            cell,
            standing: watch::Sender::new(Standing::Held(moment)),
            wanted: Notify::new(),
            written: tokio::sync::Mutex::new((lease, tag)),
        });
        let renewal = tokio::spawn(renew(Arc::clone(&shared)));
        Self { fence, follows_in_order, shared, renewal }
    }

    pub(super) fn permit(&self) -> Permit {
        Permit(Some(Arc::clone(&self.shared)))
    }

    /// Gives it back, when nothing is under way any more. One that somebody took is not ours to give.
    pub(super) async fn release(self) -> Result<(), StoreError> {
        self.give_back(true).await
    }

    /// Gives it back, whatever is under way.
    pub(super) async fn abandon(self) -> Result<(), StoreError> {
        self.give_back(false).await
    }

    async fn give_back(self, in_order: bool) -> Result<(), StoreError> {
        // A renewal that is under way ends first: its tag is the one that counts.
        let written = self.shared.written.lock().await;
        self.renewal.abort();
        let (lease, tag) = written.clone();
        let free = LeaseV1 { holder: None, in_order, ..lease };
        write(&*self.shared.cell, &free, If::Unchanged(tag)).await?;
        Ok(())
    }

    /// That it is not held any more, and who has it now.
    pub(super) async fn lost(&self) -> LockError {
        self.shared.lost().await
    }

    /// Who has it.
    pub(super) async fn holder(cell: &dyn Cell) -> Result<Option<Holder>, StoreError> {
        Ok(read(cell).await?.and_then(|(lease, _)| lease.holder))
    }

    /// Takes it away from whoever has it.
    pub(super) async fn clear(cell: &dyn Cell) -> Result<Option<Holder>, StoreError> {
        loop {
            let Some((lease, Object { tag, .. })) = read(cell).await? else { return Ok(None) };
            let Some(holder) = lease.holder.clone() else { return Ok(None) };
            let nonce = random();
            let free = LeaseV1 { holder: None, in_order: false, nonce, ..lease };
            if write(cell, &free, If::Unchanged(tag)).await?.is_some() {
                return Ok(Some(holder));
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

impl Permit {
    /// Waits until it is sure that the lock is held, which it is mostly at once, or lost.
    pub async fn held(&self) -> Result<(), LockError> {
        let Some(shared) = &self.0 else { return Ok(()) };
        let mut standing = shared.standing.subscribe();
        loop {
            match &*standing.borrow_and_update() {
                Standing::Lost(error) => return Err(error.clone()),
                Standing::Held(moment) if moment.is_believed() => return Ok(()),
                Standing::Held(_) => shared.wanted.notify_one(),
            }
            if standing.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// That somebody else has it, and who.
    pub(super) async fn taken(&self) -> LockError {
        match &self.0 {
            Some(shared) => shared.lost().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until the lock is lost; for ever if that never happens.
    pub async fn lost(&self) -> LockError {
        let Some(shared) = &self.0 else { return std::future::pending().await };
        let mut standing = shared.standing.subscribe();
        loop {
            if let Standing::Lost(error) = &*standing.borrow_and_update() {
                return error.clone();
            }
            if standing.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Moment {
    fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// A wall clock that was set back or forward costs a renewal, nothing else.
    fn is_believed(&self) -> bool {
        let wall = self.wall.elapsed().is_ok_and(|elapsed| elapsed < BELIEVED_FOR);
        wall && self.monotonic.elapsed() < BELIEVED_FOR
    }
}

/// Renews the lease until it is lost.
async fn renew(shared: Arc<Shared>) {
    let mut pause = RENEWED_EVERY;
    let mut succeeded = Instant::now();
    loop {
        // Whichever comes first: the time, or somebody who must know.
        let _ = timeout(pause, shared.wanted.notified()).await;
        let moment = Moment::now();
        match shared.renewed().await {
            Ok(true) => {
                (pause, succeeded) = (RENEWED_EVERY, moment.monotonic);
                shared.standing.send_replace(Standing::Held(moment));
            }
            Ok(false) => {
                let lost = shared.lost().await;
                shared.standing.send_replace(Standing::Lost(lost));
                return;
            }
            Err(fault)
                if fault.class.passes_with_time() && succeeded.elapsed() < GIVEN_UP_AFTER =>
            {
                tracing::warn!(%fault, "the lock could not be renewed");
                pause = RETRIED_AFTER;
            }
            Err(fault) => {
                let place = shared.cell.place();
                shared.standing.send_replace(Standing::Lost(LockError::Unrenewed { place, fault }));
                return;
            }
        }
    }
}

impl Shared {
    /// Whether it is still ours.
    async fn renewed(&self) -> Result<bool, Fault> {
        let mut written = self.written.lock().await;
        let (lease, tag) = &mut *written;
        let next = LeaseV1 { renewed: lease.renewed + 1, ..lease.clone() };
        let bytes = encode(&next);
        if let Some(new) = self.cell.put(bytes, If::Unchanged(tag.clone())).await? {
            (*lease, *tag) = (next, new);
            return Ok(true);
        }
        // Refused: somebody has it, or an earlier renewal arrived whose answer did not.
        let Some(Object { bytes, tag: now, .. }) = self.cell.get().await? else { return Ok(false) };
        let Ok(found) = serde_json::from_slice::<LeaseV1>(&bytes) else { return Ok(false) };
        let ours = found.nonce == lease.nonce && found.holder.is_some();
        if ours {
            (*lease, *tag) = (found, now);
        }
        Ok(ours)
    }

    async fn lost(&self) -> LockError {
        let place = self.cell.place();
        let found = self.cell.get().await.ok().flatten();
        let found = found.and_then(|it| serde_json::from_slice::<LeaseV1>(&it.bytes).ok());
        LockError::Lost { place, to: found.and_then(|it| it.holder).map(|it| it.to_string()) }
    }
}

fn encode(lease: &LeaseV1) -> Vec<u8> {
    serde_json::to_vec(lease).expect("a lease always serializes")
}

async fn read(cell: &dyn Cell) -> Result<Option<(LeaseV1, Object)>, StoreError> {
    let found = cell.get().await.map_err(|fault| cloud(cell.place(), fault))?;
    let Some(object) = found else { return Ok(None) };
    let lease: LeaseV1 = serde_json::from_slice(&object.bytes)
        .map_err(|source| StoreError::Format { place: cell.place(), source })?;
    if lease.lease != VERSION {
        let (place, found) = (cell.place(), lease.lease.into());
        return Err(StoreError::Version { place, found });
    }
    Ok(Some((lease, object)))
}

async fn write(cell: &dyn Cell, lease: &LeaseV1, condition: If) -> Result<Option<Tag>, StoreError> {
    surely(cell, encode(lease), condition).await
}
