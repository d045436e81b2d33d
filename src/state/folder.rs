//! State on disk: `<folder>/{state.json, journal.jsonl, lock}` and `<folder>/history/<serial>.json`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::state::store::random;
use crate::state::{Holder, LockError, StoreError};

/// The folder of one stack.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    path: PathBuf,
}

const STATE_FILE: &str = "state.json";
const JOURNAL_FILE: &str = "journal.jsonl";
const LOCK_FILE: &str = "lock";
const HISTORY_FOLDER: &str = "history";

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn checkpoint_path(&self) -> PathBuf {
        self.path.join(STATE_FILE)
    }

    pub(super) fn journal_path(&self) -> PathBuf {
        self.path.join(JOURNAL_FILE)
    }

    pub(super) fn version_path(&self, serial: u64) -> PathBuf {
        self.path.join(HISTORY_FOLDER).join(format!("{serial:020}.json"))
    }

    /// The bytes of a file; `None` if it is not there.
    pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Io { path: path.into(), source }),
        }
    }

    /// Writes a file whole or not at all.
    pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
        let folder = path.parent().expect("a file of a stack stands in its folder");
        let write = || -> io::Result<()> {
            fs::create_dir_all(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            // The rename itself is durable once the folder is.
            File::open(folder)?.sync_all()
        };
        write().map_err(|source| StoreError::Io { path: path.into(), source })
    }

    /// An empty journal, in place of one whose events are stored.
    pub(super) fn start_journal(&self) -> Result<File, StoreError> {
        let path = self.journal_path();
        let opened = OpenOptions::new().create(true).write(true).truncate(true).open(&path);
        opened.map_err(|source| StoreError::Io { path, source })
    }

    pub(super) fn remove_journal(&self) -> Result<(), StoreError> {
        remove(&self.journal_path())
    }

    /// Sets aside what cannot be read, under names that nothing else has.
    pub(super) fn set_aside(&self) -> Result<(), StoreError> {
        for path in [self.checkpoint_path(), self.journal_path()] {
            let aside = path.with_extension(format!("unreadable-{}", random()));
            match fs::rename(&path, &aside) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                moved => moved.map_err(|source| StoreError::Io { path, source })?,
            }
        }
        Ok(())
    }

    /// The serials in the history with the sizes of their files, oldest first.
    pub(super) fn versions(&self) -> Result<Vec<(u64, u64)>, StoreError> {
        let path = self.path.join(HISTORY_FOLDER);
        let list = || -> io::Result<Vec<(u64, u64)>> {
            let mut versions = Vec::new();
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                let name = entry.file_name();
                let serial =
                    name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
                if let Some(serial) = serial {
                    versions.push((serial, entry.metadata()?.len()));
                }
            }
            versions.sort_unstable();
            Ok(versions)
        };
        match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            listed => listed.map_err(|source| StoreError::Io { path: path.clone(), source }),
        }
    }

    /// Forgets a version.
    pub(super) fn remove_version(&self, serial: u64) -> Result<(), StoreError> {
        remove(&self.version_path(serial))
    }

    /// Takes the lock for `holder`, or tells who has it. The operating system holds it for a process, so that it never
    /// outlives its holder.
    pub(super) fn lock(&self, holder: &Holder) -> Result<File, StoreError> {
        let path = self.path.join(LOCK_FILE);
        let io = |source| StoreError::Io { path: path.clone(), source };
        fs::create_dir_all(&self.path).map_err(io)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.create(true).read(true).write(true).truncate(false).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(io)?;
                let place = self.path.display().to_string();
                return Err(LockError::Held { place, holder: named(&text), beat: None }.into());
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let text = serde_json::to_string(holder).expect("a holder always serializes");
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        file.write_all(text.as_bytes()).map_err(io)?;
        Ok(file)
    }
}

/// Who has the lock, by the text in its file.
fn named(text: &str) -> String {
    match serde_json::from_str::<Holder>(text) {
        Ok(holder) => holder.to_string(),
        Err(_) if text.is_empty() => "another process".into(),
        Err(_) => text.into(),
    }
}

fn remove(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(|source| StoreError::Io { path: path.into(), source }),
    }
}
