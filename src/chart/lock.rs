//! `platctl.lock`: which archive each chart of the blueprint is. It stands beside the blueprint, and belongs to what is
//! committed: the same blueprint gives the same objects wherever and whenever it is rendered.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ChartUse;

/// The name of the file.
pub const FILE: &str = "platctl.lock";

const VERSION: u32 = 1;
const HEAD: &str = "\
# Which archives the charts of the blueprint are. `platctl lock` writes it; commit it beside the blueprint.
";

/// The lock of a blueprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// In the order of the file.
    entries: Vec<Entry>,
}

/// A chart of a repository, and the archive that it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub repository: String,
    pub chart: String,
    /// As the blueprint says it; `None` for whichever is the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    pub version: String,
    /// Of the archive: `sha256:` and 64 hexadecimal digits.
    pub digest: String,
}

/// The file, version 1.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LockV1 {
    version: u32,
    charts: Vec<Entry>,
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockFileError {
    #[error("cannot {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is no lock of charts", path.display())]
    Form {
        path: PathBuf,
        #[source]
        source: serde_yaml::Error,
    },
    #[error("{} has version {found}; this platctl reads {VERSION}", path.display())]
    Version { path: PathBuf, found: u32 },
}

impl Lock {
    /// The path of the lock of a blueprint in this folder.
    pub fn path(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// The lock in a folder; an empty one if there is none.
    pub fn read(folder: &Path) -> Result<Self, LockFileError> {
        let path = Self::path(folder);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(LockFileError::Io { what: "read", path, source }),
        };
        match serde_yaml::from_str::<LockV1>(&text) {
            Ok(LockV1 { version: VERSION, charts }) => Ok(Self { entries: charts }),
            Ok(LockV1 { version, .. }) => Err(LockFileError::Version { path, found: version }),
            Err(source) => Err(LockFileError::Form { path, source }),
        }
    }

    /// Writes it whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), LockFileError> {
        let path = Self::path(folder);
        let text = self.to_string();
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(|source| LockFileError::Io { what: "write", path: path.clone(), source })
    }

    /// The archive that a chart is, if that is known.
    pub fn entry(&self, chart: &ChartUse) -> Option<&Entry> {
        self.entries.iter().find(|it| it.is(chart))
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Takes an entry in, in place of that of the same chart.
    pub fn add(&mut self, entry: Option<Entry>) {
        let Some(entry) = entry else { return };
        let same = |it: &Entry| {
            (&it.repository, &it.chart, &it.wanted)
                == (&entry.repository, &entry.chart, &entry.wanted)
        };
        self.entries.retain(|it| !same(it));
        self.entries.push(entry);
        self.entries.sort();
    }

    /// Forgets all but what is kept.
    pub fn retain(&mut self, keep: impl Fn(&Entry) -> bool) {
        self.entries.retain(keep);
    }
}

impl Entry {
    /// Whether it is of this chart, as the blueprint wants it.
    pub fn is(&self, chart: &ChartUse) -> bool {
        chart.repository.as_ref() == Some(&self.repository)
            && chart.chart == self.chart
            && chart.version == self.wanted
    }
}

impl std::fmt::Display for Lock {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lock = LockV1 { version: VERSION, charts: self.entries.clone() };
        let text = serde_yaml::to_string(&lock).map_err(|_| std::fmt::Error)?;
        write!(out, "{HEAD}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(chart: &str, wanted: Option<&str>) -> Entry {
        Entry {
            repository: "https://charts.example.com".into(),
            chart: chart.into(),
            wanted: wanted.map(str::to_owned),
            version: "1.2.3".into(),
            digest: format!("sha256:{}", "0".repeat(64)),
        }
    }

    #[test]
    fn a_lock_survives_being_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), Lock::default());
        let mut lock = Lock::default();
        lock.add(Some(entry("b", Some("~1.2"))));
        lock.add(Some(entry("a", None)));
        lock.add(Some(Entry { version: "1.2.4".into(), ..entry("a", None) }));
        lock.write(folder.path()).unwrap();
        assert_eq!(Lock::read(folder.path()).unwrap(), lock);
        let charts = lock.entries().map(|it| (it.chart.as_str(), it.version.as_str()));
        assert_eq!(charts.collect::<Vec<_>>(), [("a", "1.2.4"), ("b", "1.2.3")]);
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["", "version: 2\ncharts: []\n", "version: 1\n", "charts: [}"] {
            fs::write(Lock::path(folder.path()), text).unwrap();
            assert!(Lock::read(folder.path()).is_err(), "{text}");
        }
    }
}
