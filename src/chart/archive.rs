//! Where a chart is: in a folder of the blueprint's, in one that stands for all repositories, or as an archive that is
//! fetched once and kept by its digest.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::helm::{self, version_of};
use super::lock::{Entry, FILE, Lock};
use super::{ChartUse, Kit, placed};
use crate::diagnostic::Diagnostic;

/// Names a folder that takes the place of all repositories.
pub const VARIABLE: &str = "PLATCTL_CHARTS";

/// A chart that is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// A folder or an archive.
    pub path: PathBuf,
    /// What is to be locked, if it is of a repository.
    pub entry: Option<Entry>,
}

/// Brings a chart here. What is locked is fetched as it is locked, or not at all.
pub async fn fetch(chart: &ChartUse, kit: &Kit, lock: &Lock) -> Result<Fetched, Diagnostic> {
    let Some(repository) = &chart.repository else {
        let path = kit.folder.join(&chart.chart);
        return if path.join("Chart.yaml").is_file() {
            Ok(Fetched { path, entry: None })
        } else {
            let problem = Diagnostic::error(format!("there is no chart in `{}`", chart.chart));
            Err(placed(problem, chart.span, "no `Chart.yaml` there")
                .hint("Folders are looked for from that of the blueprint on."))
        };
    };
    let locked = lock.entry(chart);
    if let Some(folder) = &kit.charts_from {
        return of_folder(chart, locked, folder, kit.locked);
    }
    let Some(locked) = locked else {
        if kit.locked {
            return Err(not_locked(chart));
        }
        return pull(chart, repository, chart.version.as_deref(), kit).await;
    };
    let kept = kept(kit, &locked.digest);
    if kept.as_deref().is_some_and(|path| digest(path).is_ok_and(|it| it == locked.digest)) {
        let path = kept.unwrap_or_default();
        return Ok(Fetched { path, entry: Some(locked.clone()) });
    }
    let fetched = pull(chart, repository, Some(&locked.version), kit).await?;
    match &fetched.entry {
        Some(entry) if entry.digest != locked.digest => {
            Err(another(chart, locked, &entry.digest, "the repository has another one"))
        }
        _ => Ok(Fetched { path: fetched.path, entry: Some(locked.clone()) }),
    }
}

/// The digest of a file, as the lock writes it.
pub fn digest(path: &Path) -> io::Result<String> {
    Ok(format!("sha256:{}", hex::encode(Sha256::digest(fs::read(path)?))))
}

fn not_locked(chart: &ChartUse) -> Diagnostic {
    let problem = Diagnostic::error(format!("chart `{}` is not in `{FILE}`", chart.name));
    placed(problem, chart.span, "not locked, or as another version")
        .hint("Run `platctl lock` and commit the file, or leave `--locked` out.")
}

fn another(chart: &ChartUse, locked: &Entry, found: &str, label: &str) -> Diagnostic {
    let Entry { version, digest, .. } = locked;
    let name = &chart.name;
    let problem = Diagnostic::error(format!(
        "the archive of chart `{name}` {version} is not the one that `{FILE}` names"
    ));
    placed(problem, chart.span, label).hint(format!("Locked is {digest}, found was {found}.")).hint(
        format!("Find out why it was changed. If that is right: `platctl lock --update {name}`."),
    )
}

/// Where an archive of this digest is kept, if that is one.
fn kept(kit: &Kit, digest: &str) -> Option<PathBuf> {
    let hex = digest.strip_prefix("sha256:")?;
    let is_digest = hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit());
    is_digest.then(|| kit.archives.join(format!("{hex}.tgz")))
}

/// Fetches an archive and keeps it.
async fn pull(
    chart: &ChartUse,
    repository: &str,
    version: Option<&str>,
    kit: &Kit,
) -> Result<Fetched, Diagnostic> {
    let failed = |why: String| {
        let mut lines = why.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        let problem = Diagnostic::error(format!("chart `{}` cannot be fetched", chart.name));
        placed(problem, chart.span, first).hint(
            "Check repository, name and version, and the network; `--charts-from FOLDER` takes charts from a folder.",
        )
    };
    let Some(helm) = &kit.helm else { return Err(helm::missing(chart.span)) };
    fs::create_dir_all(&kit.archives).map_err(|error| failed(error.to_string()))?;
    // In the folder of all archives, so that keeping one is a rename.
    let into = tempfile::tempdir_in(&kit.archives).map_err(|error| failed(error.to_string()))?;
    let pulled = helm.pull(repository, &chart.chart, version, into.path()).await.map_err(failed)?;
    let keep = || -> io::Result<Fetched> {
        let digest = digest(&pulled.path)?;
        let path = kept(kit, &digest).expect("what was just computed is a digest");
        fs::rename(&pulled.path, &path)?;
        let entry = Entry {
            repository: repository.into(),
            chart: chart.chart.clone(),
            wanted: chart.version.clone(),
            version: pulled.version.clone(),
            digest,
        };
        Ok(Fetched { path, entry: Some(entry) })
    };
    keep().map_err(|error| failed(error.to_string()))
}

/// A chart out of a folder that stands for all repositories: an archive as it is locked, or a folder as it is.
fn of_folder(
    chart: &ChartUse,
    locked: Option<&Entry>,
    folder: &Path,
    must_be_locked: bool,
) -> Result<Fetched, Diagnostic> {
    let here = folder.display();
    let failed = |summary: String, label: &str| {
        placed(Diagnostic::error(summary), chart.span, label)
            .hint(format!("`platctl lock --vendor {here}` puts all charts of the blueprint there."))
    };
    let version = locked.map(|it| it.version.as_str()).or(chart.version.as_deref());
    let archives = archives(folder, &chart.chart);
    let fits = |found: &str| version.is_none_or(|it| same_version(it, found));
    let mut fitting = archives.iter().filter(|(found, _)| fits(found));
    if let Some((_, path)) = fitting.next() {
        let found = digest(path).map_err(|error| {
            failed(format!("cannot read {}", path.display()), &error.to_string())
        })?;
        return match locked {
            Some(locked) if locked.digest != found => {
                Err(another(chart, locked, &found, "the folder has another one"))
            }
            None if must_be_locked => Err(not_locked(chart)),
            Some(_) | None => Ok(Fetched { path: path.clone(), entry: None }),
        };
    }
    if let Some(path) = unpacked(folder, &chart.chart) {
        // A folder has no digest that a lock could name.
        if must_be_locked {
            return Err(failed(
                format!("chart `{}` is a folder in {here}, and cannot be locked", chart.name),
                "must be an archive",
            ));
        }
        return Ok(Fetched { path, entry: None });
    }
    let name = &chart.chart;
    Err(match (version, archives.as_slice()) {
        (Some(version), [(other, _), ..]) => failed(
            format!("{here} has no version {version} of chart `{name}`"),
            &format!("there is {other}"),
        ),
        _ => failed(format!("{here} has no chart `{name}`"), "taken from that folder"),
    })
}

/// A leading `v` does not count.
fn same_version(one: &str, other: &str) -> bool {
    one.trim_start_matches('v') == other.trim_start_matches('v')
}

/// The archives of a chart in a folder, by their versions.
fn archives(folder: &Path, chart: &str) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| Some((version_of(&entry.path(), chart)?, entry.path())))
        .collect();
    found.sort();
    found
}

/// The folder of a chart: the one that has its name, or one whose chart has.
fn unpacked(folder: &Path, chart: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named = |path: &Path| {
        let text = fs::read_to_string(path.join("Chart.yaml")).ok()?;
        serde_yaml::from_str::<Named>(&text).ok().map(|it| it.name)
    };
    let same = folder.join(chart);
    if named(&same).is_some_and(|name| name == chart) {
        return Some(same);
    }
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    folders.sort();
    folders.into_iter().find(|path| named(path).is_some_and(|name| name == chart))
}
