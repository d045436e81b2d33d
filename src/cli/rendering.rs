//! Charts and manifests on their way into a command: the programs that render them, and the lock that says which they are.

use std::path::{Path, PathBuf};

use super::Common;
use super::connection::user_sandbox;
use super::error::{CommandError, Problem};
use super::ui::Ui;
use crate::blueprint::Blueprint;
use crate::chart::helm::{self, Helm};
use crate::chart::lock::{Lock, LockFileError};
use crate::chart::{self, Kit, Rendered, files};
use crate::sandbox;
use crate::source::SourceMap;

/// Renders what a blueprint in a folder wants. What the lock did not have is added to it.
pub(crate) async fn render(
    ui: &Ui,
    common: &Common,
    folder: &Path,
    blueprint: &Blueprint,
    sources: &SourceMap,
) -> Result<Rendered, CommandError> {
    if blueprint.wanted().is_empty() {
        return Ok(Rendered::default());
    }
    let before = Lock::read(folder)?;
    let mut lock = before.clone();
    let rendered = render_as_locked(ui, common, folder, blueprint, sources, &mut lock).await?;
    if lock != before {
        for entry in lock.entries().filter(|it| !before.entries().any(|was| was == *it)) {
            ui.remark(format_args!(
                "chart {} {} is locked in {}: commit it",
                entry.chart,
                entry.version,
                Lock::path(folder).display()
            ));
        }
        lock.write(folder)?;
    }
    ui.warnings(&rendered.remarks, sources);
    Ok(rendered)
}

/// The same with a lock of the caller's, and nothing is written or said.
pub(crate) async fn render_as_locked(
    ui: &Ui,
    common: &Common,
    folder: &Path,
    blueprint: &Blueprint,
    sources: &SourceMap,
    lock: &mut Lock,
) -> Result<Rendered, CommandError> {
    let wanted = blueprint.wanted();
    if wanted.is_empty() {
        return Ok(Rendered::default());
    }
    let kit = kit(ui, common, folder, !wanted.charts.is_empty()).await?;
    chart::render(&wanted, &kit, lock)
        .await
        .map_err(|diagnostics| CommandError::Blueprint { diagnostics, sources: sources.clone() })
}

/// The programs and folders of this machine.
pub(crate) async fn kit(
    ui: &Ui,
    common: &Common,
    folder: &Path,
    needs_helm: bool,
) -> Result<Kit, CommandError> {
    let cache = sandbox::cache()?;
    let program = if needs_helm { find_helm(ui, common).await? } else { None };
    let kubectl = std::env::var_os(files::KUBECTL_VARIABLE).filter(|it| !it.is_empty());
    Ok(Kit {
        helm: program.map(|program| Helm { program, home: cache.join("helm") }),
        kubectl: kubectl.map_or_else(|| "kubectl".into(), PathBuf::from),
        folder: folder.into(),
        archives: cache.join("charts"),
        charts_from: common.charts_from.clone(),
        locked: common.locked,
    })
}

/// The folder that a blueprint is in.
pub(crate) fn folder_of(blueprint: &Path) -> PathBuf {
    let folder = blueprint.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).into()
}

/// The one that is named, that of the sandbox, or one on the path.
async fn find_helm(ui: &Ui, common: &Common) -> Result<Option<PathBuf>, CommandError> {
    if let Some(named) = std::env::var_os(helm::VARIABLE).filter(|it| !it.is_empty()) {
        return Ok(Some(named.into()));
    }
    let sandbox = user_sandbox()?;
    if let Some(installed) = sandbox.helm() {
        return Ok(Some(installed));
    }
    let on_path = on_path("helm");
    if !common.sandbox {
        return Ok(on_path);
    }
    let remarks = ui.clone();
    let progress = move |doing: &str| remarks.remark(format_args!("{doing} ..."));
    match (sandbox.install_helm(&progress).await, on_path) {
        (Ok(installed), _) => Ok(Some(installed)),
        // Not every system has a wheel of it.
        (Err(_), Some(other)) => Ok(Some(other)),
        (Err(error), None) => Err(error.into()),
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

impl From<LockFileError> for CommandError {
    fn from(error: LockFileError) -> Self {
        let problem = Problem::of(&error);
        match error {
            LockFileError::Io { .. } => problem,
            LockFileError::Form { .. } => problem.hint(
                "Bring back the one that was committed, or remove it and run `platctl lock`.",
            ),
            LockFileError::Version { .. } => problem.hint("Use a newer platctl."),
        }
        .into()
    }
}
