//! Where the state of a stack lives, and in which order its pieces are written.
//!
//! A checkpoint is in the history before it is *the* checkpoint, and the checkpoint is written before the journal whose
//! events are in it goes: between any two writes the state can be read, and nothing of it is missing.

use std::path::Path;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use rand::Rng as _;

use crate::address::Stack;
use crate::cloud::objects::{Cell, Objects};
use crate::fault::Fault;
use crate::state::bucket::Bucket;
use crate::state::folder::Folder;
use crate::state::format::{self, Checkpoint, Written};
use crate::state::journal::{Journal, JournalError};
use crate::state::lease::Watching;
use crate::state::lock::Hold;
use crate::state::seal::{SealError, Wrap};
use crate::state::sealed::Lines;
use crate::state::{Holder, Lock, LockError, Seal, State, holder};

/// Where the state of one stack lives.
#[derive(Clone, Debug)]
pub struct Store {
    place: Place,
    stack: Stack,
    seal: Arc<Seal>,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// A state in the history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub serial: u64,
    /// `None`: by a platctl that did not record it.
    pub written: Option<Written>,
    /// How many resources it knows.
    pub resources: usize,
    /// In bytes, as stored.
    pub size: u64,
}

/// Why state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read or write {}", path.display())]
    Io {
        path: std::path::PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot read or write {place}")]
    Cloud {
        place: String,
        #[source]
        fault: Fault,
    },
    /// The bucket, or the table of the lock, is not there.
    #[error("there is nothing to keep {place} in")]
    Absent {
        place: String,
        #[source]
        fault: Fault,
    },
    /// Others wrote to it each time that it was read.
    #[error("{place} is being written")]
    Moving { place: String },
    #[error("{place} is not a state that platctl can read")]
    Format {
        place: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("{place} has format {found}; this platctl reads up to {}", format::newest())]
    Version { place: String, found: u64 },
    #[error("{place} belongs to the stack `{found}`")]
    OtherStack { place: String, found: Stack },
    /// A lock of another store: a defect of ours.
    #[error("the lock is not one of this store")]
    OtherLock,
    /// The history does not have it: never written, or too old.
    #[error("there is no version {serial} of the state in {place}")]
    NoVersion { place: String, serial: u64 },
    #[error("{place} cannot be opened or sealed")]
    Seal {
        place: String,
        #[source]
        source: SealError,
    },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Versions that the history keeps: some weeks of a stack that is worked on daily.
pub const VERSIONS_MAX: usize = 50;
/// Versions that are read at the same time.
const READS_MAX: usize = 8;

impl Store {
    /// The store of `stack` in a folder of its own below `root` (by default `.platctl`). Makes nothing.
    pub fn new(root: &Path, stack: &Stack) -> Self {
        let place = Place::Folder(Folder::new(root.join(stack.as_str())));
        Self { place, stack: stack.clone(), seal: Arc::new(Seal::none()) }
    }

    /// The store of `stack` in `objects`, which are its own. `lock`: where its lock is, if not among them.
    pub fn in_bucket(
        objects: Arc<dyn Objects>,
        lock: Option<Arc<dyn Cell>>,
        stack: &Stack,
    ) -> Self {
        let seal = Arc::new(Seal::none());
        let place = Place::Bucket(Bucket::new(objects, lock, Arc::clone(&seal)));
        Self { place, stack: stack.clone(), seal }
    }

    /// The same, whose pieces this seal opens and seals.
    #[must_use]
    pub fn sealed(mut self, seal: Arc<Seal>) -> Self {
        if let Place::Bucket(bucket) = &mut self.place {
            bucket.seal = Arc::clone(&seal);
        }
        self.seal = seal;
        self
    }

    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Where the pieces lie, if that is a folder.
    pub fn folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(folder) => Some(folder.path()),
            Place::Bucket(_) => None,
        }
    }

    /// What messages call the place.
    pub fn place(&self) -> String {
        match &self.place {
            Place::Folder(folder) => folder.path().display().to_string(),
            Place::Bucket(bucket) => bucket.place(),
        }
    }

    /// The recorded side, with the journal of an apply that was cut off replayed into it. A stack that has never been
    /// applied has an empty one.
    pub async fn load(&self) -> Result<State, StoreError> {
        match &self.place {
            Place::Folder(folder) => Ok(self.read(folder).await?.state),
            Place::Bucket(bucket) => bucket.load(&self.stack).await,
        }
    }

    /// Takes the stack for a `purpose`, such as `apply`, which whoever comes second is told.
    pub async fn lock(&self, purpose: &str) -> Result<Lock, StoreError> {
        self.lock_watching(purpose, &|_| {}).await
    }

    /// As [`lock`](Self::lock). `watching` is told of a holder that may be dead, which is watched for a while.
    pub async fn lock_watching(
        &self,
        purpose: &str,
        watching: Watching<'_>,
    ) -> Result<Lock, StoreError> {
        let holder = Holder::new(purpose);
        let hold = match &self.place {
            Place::Folder(folder) => Hold::File { _file: folder.lock(&holder)? },
            Place::Bucket(bucket) => {
                Hold::Lease(Box::new(bucket.lock(&self.stack, &holder, watching).await?))
            }
        };
        Ok(Lock::new(holder, hold))
    }

    /// Begins an apply: the state so far becomes the checkpoint, its serial grows, and a new journal continues it.
    pub async fn begin(&self, lock: &Lock, state: &mut State) -> Result<Journal, StoreError> {
        match (&self.place, &lock.hold) {
            (Place::Bucket(bucket), Hold::Lease(held)) => {
                bucket.begin(held, state, written(lock)).await
            }
            (Place::Folder(folder), Hold::File { .. }) => {
                let former = self.read(folder).await?.written;
                self.save(folder, &Checkpoint::alone(state.clone(), former)).await?;
                state.serial += 1;
                let (file, path) = (folder.start_journal()?, folder.journal_path());
                let lines = Lines::new(Arc::clone(&self.seal), state);
                Ok(Journal::in_file(file, path, lines, state, written(lock))?)
            }
            _ => Err(StoreError::OtherLock),
        }
    }

    /// Ends an apply: the state with everything that happened becomes the checkpoint.
    pub async fn finish(
        &self,
        lock: &Lock,
        state: &State,
        journal: Journal,
    ) -> Result<(), StoreError> {
        match (&self.place, &lock.hold) {
            (Place::Bucket(bucket), Hold::Lease(held)) => {
                bucket.finish(held, state, journal, written(lock)).await
            }
            (Place::Folder(folder), Hold::File { .. }) => {
                let written = Some(written(lock));
                self.save(folder, &Checkpoint::alone(state.clone(), written)).await?;
                drop(journal);
                folder.remove_journal()
            }
            _ => Err(StoreError::OtherLock),
        }
    }

    /// Writes a state that no apply made: its serial grows, and the former one is in the history. One that cannot be read
    /// is set aside.
    pub async fn replace(&self, lock: &Lock, state: &mut State) -> Result<(), StoreError> {
        match (&self.place, &lock.hold) {
            (Place::Bucket(bucket), Hold::Lease(held)) => {
                bucket.replace(held, state, written(lock)).await
            }
            (Place::Folder(folder), Hold::File { .. }) => {
                match self.read(folder).await {
                    Ok(former) => {
                        // What a cut-off apply left is part of the former one.
                        self.save(folder, &former).await?;
                        folder.remove_journal()?;
                        state.serial = former.state.serial.max(state.serial) + 1;
                    }
                    Err(error) if error.is_damage() => {
                        folder.set_aside()?;
                        state.serial += 1;
                    }
                    Err(error) => return Err(error),
                }
                let written = Some(written(lock));
                self.save(folder, &Checkpoint::alone(state.clone(), written)).await
            }
            _ => Err(StoreError::OtherLock),
        }
    }

    /// What the history has, newest first.
    pub async fn history(&self) -> Result<Vec<Version>, StoreError> {
        let mut versions = match &self.place {
            Place::Folder(folder) => folder.versions()?,
            Place::Bucket(bucket) => bucket.versions().await?,
        };
        versions.reverse();
        // What is told of a version stands in it, and nothing reads several at once.
        let read = stream::iter(versions).map(|(serial, size)| async move {
            let Checkpoint { state, written, .. } = self.kept(serial).await?;
            Ok(Version { serial, written, resources: state.resources.len(), size })
        });
        read.buffered(READS_MAX).try_collect().await
    }

    /// A state of the history.
    pub async fn version(&self, serial: u64) -> Result<State, StoreError> {
        Ok(self.kept(serial).await?.state)
    }

    /// Takes the lock away from whoever has it; `None`: nobody. One that the operating system keeps goes with its
    /// process, and with nothing else.
    pub async fn unlock(&self) -> Result<Option<Holder>, StoreError> {
        match &self.place {
            Place::Folder(folder) => {
                if folder.path().exists() {
                    drop(folder.lock(&Holder::new("state unlock"))?);
                }
                Ok(None)
            }
            Place::Bucket(bucket) => bucket.unlock().await,
        }
    }

    /// Whether an apply was cut off: its journal tells what the checkpoint does not know. Whoever takes the lock of a bucket
    /// puts the journal into the checkpoint, so this is to be asked before.
    pub async fn is_cut_off(&self) -> Result<bool, StoreError> {
        match &self.place {
            Place::Folder(folder) => Ok(self.read_with_events(folder).await?.1 > 0),
            Place::Bucket(bucket) => bucket.is_cut_off(&self.stack).await,
        }
    }

    /// Seals all that is stored anew, by another key if `wrap` says so: the earlier versions first, so that a repeat
    /// after a crash finishes it. What seals from now on.
    pub async fn rotate(
        &self,
        lock: &Lock,
        state: &mut State,
        wrap: Option<Wrap>,
    ) -> Result<Wrap, StoreError> {
        if let Some(wrap) = wrap {
            self.seal.wrap_with(wrap);
        }
        match &self.place {
            Place::Bucket(bucket) => bucket.reseal(&self.stack).await?,
            Place::Folder(folder) => {
                for (serial, _) in folder.versions()? {
                    let (version, path) = (self.kept(serial).await?, folder.version_path(serial));
                    let bytes = self.seal.encode(&version, &path.display().to_string()).await?;
                    Folder::write(&path, &bytes)?;
                }
            }
        }
        self.replace(lock, state).await?;
        Ok(self.seal.wrap())
    }

    /// Who has the lock; `None`: nobody. One that the operating system keeps cannot be taken away, which is an error that
    /// names who has it.
    pub async fn holder(&self) -> Result<Option<Holder>, StoreError> {
        match &self.place {
            Place::Folder(_) => self.unlock().await,
            Place::Bucket(bucket) => bucket.holder().await,
        }
    }

    /// The state of a stack of which nothing was ever recorded.
    pub fn fresh(&self) -> State {
        fresh(&self.stack)
    }

    async fn kept(&self, serial: u64) -> Result<Checkpoint, StoreError> {
        match &self.place {
            Place::Bucket(bucket) => bucket.version(&self.stack, serial).await,
            Place::Folder(folder) => {
                let path = folder.version_path(serial);
                let bytes = Folder::read(&path)?;
                let place = || folder.path().display().to_string();
                let bytes =
                    bytes.ok_or_else(|| StoreError::NoVersion { place: place(), serial })?;
                let place = path.display().to_string();
                self.seal.decode(&bytes, &self.stack, Some(serial), &place).await
            }
        }
    }

    /// The checkpoint in a folder, with its journal replayed into it.
    async fn read(&self, folder: &Folder) -> Result<Checkpoint, StoreError> {
        Ok(self.read_with_events(folder).await?.0)
    }

    /// The same, and how many events the journal added.
    async fn read_with_events(&self, folder: &Folder) -> Result<(Checkpoint, usize), StoreError> {
        let path = folder.checkpoint_path();
        let mut checkpoint = match Folder::read(&path)? {
            Some(bytes) => {
                let place = path.display().to_string();
                self.seal.decode(&bytes, &self.stack, None, &place).await?
            }
            None => Checkpoint::alone(fresh(&self.stack), None),
        };
        let path = folder.journal_path();
        let events = match Folder::read(&path)? {
            Some(text) => {
                self.seal.replay(&text, &path.display().to_string(), &mut checkpoint).await?
            }
            None => 0,
        };
        Ok((checkpoint, events))
    }

    /// Writes the checkpoint in a folder: into the history first, if it is not there.
    async fn save(&self, folder: &Folder, checkpoint: &Checkpoint) -> Result<(), StoreError> {
        let place = folder.checkpoint_path().display().to_string();
        let bytes = self.seal.encode(checkpoint, &place).await?;
        let serial = checkpoint.state.serial;
        // A stack of which nothing was ever recorded has no past.
        if serial > 0 && !folder.version_path(serial).exists() {
            Folder::write(&folder.version_path(serial), &bytes)?;
        }
        Folder::write(&folder.checkpoint_path(), &bytes)?;
        let versions = folder.versions()?;
        let surplus = versions.len().saturating_sub(VERSIONS_MAX);
        versions[..surplus].iter().try_for_each(|(serial, _)| folder.remove_version(*serial))
    }
}

impl StoreError {
    /// Whether what is stored cannot be read, and would not with any key: it can only be replaced.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Format { .. } => true,
            Self::Journal(error) => {
                matches!(error, JournalError::Line { .. } | JournalError::Foreign { .. })
            }
            Self::Seal { source, .. } => source.is_damage(),
            Self::Io { .. }
            | Self::Cloud { .. }
            | Self::Absent { .. }
            | Self::Moving { .. }
            | Self::Version { .. }
            | Self::OtherStack { .. }
            | Self::OtherLock
            | Self::NoVersion { .. }
            | Self::Lock(_) => false,
        }
    }
}

/// The state of a stack of which nothing was ever recorded.
pub(super) fn fresh(stack: &Stack) -> State {
    State::new(stack.clone(), random())
}

/// What is noted of a state that the holder of `lock` writes now.
fn written(lock: &Lock) -> Written {
    let Holder { who, purpose, .. } = lock.holder();
    Written { time: holder::now(), by: who.clone(), purpose: purpose.clone() }
}

/// 128 bits that nobody else draws.
pub(super) fn random() -> String {
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::{Address, PhysicalId};
    use crate::graph::Needs;
    use crate::kind::{DeletionPolicy, Outputs};
    use crate::state::{Event, Record, Status};

    fn store(root: &Path) -> Store {
        Store::new(root, &Stack::new("shop"))
    }

    fn adopted() -> Event {
        let record = Record {
            kind: "AWS::EC2::VPC".into(),
            region: "eu-west-1".into(),
            id: Some(PhysicalId::new("vpc-1")),
            status: Status::Stable,
            spec: serde_json::json!({}).into(),
            intended: None,
            outputs: Outputs::new(),
            needs: Needs::new(),
            deletion: DeletionPolicy::Delete,
        };
        Event::Adopted { record: Box::new(record) }
    }

    #[tokio::test]
    async fn state_survives_with_and_without_a_finished_apply() {
        let root = tempfile::tempdir().unwrap();
        let (store, at) = (store(root.path()), Address::of("network", "vpc"));
        let lock = store.lock("apply").await.unwrap();
        let mut state = store.load().await.unwrap();
        let mut journal = store.begin(&lock, &mut state).await.unwrap();
        journal.append(&at, &adopted()).await.unwrap();
        state.apply(&at, &adopted());
        assert_eq!(store.load().await.unwrap(), state, "cut off: the journal tells the rest");
        store.finish(&lock, &state, journal).await.unwrap();
        assert_eq!(store.load().await.unwrap(), state);
    }

    #[tokio::test]
    async fn every_serial_is_in_the_history_and_the_oldest_go() {
        let root = tempfile::tempdir().unwrap();
        let (store, at) = (store(root.path()), Address::of("network", "vpc"));
        let lock = store.lock("apply").await.unwrap();
        let mut state = store.load().await.unwrap();
        let journal = store.begin(&lock, &mut state).await.unwrap();
        state.apply(&at, &adopted());
        store.finish(&lock, &state, journal).await.unwrap();
        lock.release().await.unwrap();
        let first = state.clone();

        let lock = store.lock("state rm").await.unwrap();
        state.apply(&at, &Event::Gone);
        store.replace(&lock, &mut state).await.unwrap();
        assert_eq!((state.serial, &store.load().await.unwrap()), (2, &state));
        let told: Vec<_> = store.history().await.unwrap().into_iter().collect();
        let told: Vec<_> = told
            .iter()
            .map(|it| (it.serial, it.resources, it.written.as_ref().unwrap().purpose.as_str()))
            .collect();
        assert_eq!(told, [(2, 0, "state rm"), (1, 1, "apply")]);
        assert_eq!(store.version(1).await.unwrap(), first);
        assert!(matches!(store.version(9).await, Err(StoreError::NoVersion { serial: 9, .. })));

        for _ in 0..VERSIONS_MAX {
            store.replace(&lock, &mut state).await.unwrap();
        }
        let kept = store.history().await.unwrap();
        let kept: Vec<u64> = kept.iter().map(|version| version.serial).collect();
        assert_eq!((kept.len(), kept[0], kept[VERSIONS_MAX - 1]), (VERSIONS_MAX, 52, 3));
    }

    #[tokio::test]
    async fn what_a_cut_off_apply_left_is_kept_when_it_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let (store, at) = (store(root.path()), Address::of("network", "vpc"));
        let lock = store.lock("apply").await.unwrap();
        let mut state = store.load().await.unwrap();
        let mut journal = store.begin(&lock, &mut state).await.unwrap();
        journal.append(&at, &adopted()).await.unwrap();
        drop(journal);
        let left = store.load().await.unwrap();
        let mut other = State::new(Stack::new("shop"), "another".into());
        store.replace(&lock, &mut other).await.unwrap();
        assert_eq!(store.load().await.unwrap(), other);
        assert_eq!(store.version(left.serial).await.unwrap(), left);
    }

    #[tokio::test]
    async fn the_second_one_learns_who_is_first() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        let first = store.lock("apply").await.unwrap();
        for error in [store.lock("destroy").await.unwrap_err(), store.unlock().await.unwrap_err()] {
            assert!(error.to_string().contains(&first.holder().to_string()), "{error}");
        }
        first.release().await.unwrap();
        assert_eq!(store.unlock().await.unwrap(), None);
        store.lock("destroy").await.unwrap();
    }

    #[tokio::test]
    async fn reading_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let store = store(root.path());
        store.load().await.unwrap();
        assert_eq!(store.history().await.unwrap(), []);
        assert_eq!(store.unlock().await.unwrap(), None);
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
