//! Manifests: files of YAML or JSON, and kustomizations, which `kubectl` builds.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::{Kit, ManifestSource, ManifestUse, helm};
use crate::diagnostic::Diagnostic;

/// Names another `kubectl`.
pub const KUBECTL_VARIABLE: &str = "PLATCTL_KUBECTL";

const BUILD_LIMIT: Duration = Duration::from_mins(2);
/// Folders in folders; a link that leads back would have no end.
const DEPTH_MAX: usize = 16;

/// The text of each set of manifests; `None` for one whose problem was told.
pub(super) async fn read_all(
    manifests: &[ManifestUse],
    kit: &Kit,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<String>> {
    let mut texts = Vec::new();
    for manifest in manifests {
        let text = match &manifest.source {
            ManifestSource::Path(path) => read(&kit.folder.join(&path.value)).map_err(|error| {
                Diagnostic::error(format!("cannot read `{}`", path.value))
                    .at(path.span, error.to_string())
                    .hint("Files are looked for from the folder of the blueprint on.")
            }),
            ManifestSource::Kustomize(folder) => {
                kustomize(&kit.kubectl, &kit.folder.join(&folder.value)).await.map_err(|why| {
                    let mut lines = why.lines();
                    let first = lines.next().unwrap_or_default().to_owned();
                    let rest: Vec<&str> = lines.collect();
                    let problem =
                        Diagnostic::error(format!("`{}` cannot be built", folder.value))
                            .at(folder.span, first);
                    let problem =
                        if rest.is_empty() { problem } else { problem.hint(rest.join("\n")) };
                    if why.contains("cannot be run") {
                        problem.hint(format!(
                            "Install `kubectl`, or set {KUBECTL_VARIABLE} to it; or build it elsewhere and name the file by `path`."
                        ))
                    } else {
                        problem
                    }
                })
            }
        };
        texts.push(text.map_err(|problem| problems.push(problem)).ok());
    }
    texts
}

async fn kustomize(kubectl: &Path, folder: &Path) -> Result<String, String> {
    let mut command = Command::new(kubectl);
    command.arg("kustomize").arg(folder);
    helm::run(command, BUILD_LIMIT).await.map_err(|why| why.trim_start_matches("error: ").into())
}

/// A file, or all of a folder as one text.
fn read(path: &Path) -> io::Result<String> {
    if !path.is_dir() {
        return fs::read_to_string(path);
    }
    let mut files = Vec::new();
    collect(path, 0, &mut files)?;
    if files.is_empty() {
        return Err(io::Error::other("no file in it ends in `.yaml`, `.yml` or `.json`"));
    }
    let texts: io::Result<Vec<String>> = files.iter().map(fs::read_to_string).collect();
    Ok(texts?.join("\n---\n"))
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if depth > DEPTH_MAX {
        return Err(io::Error::other("folders lie too deep in each other"));
    }
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries?;
    entries.sort();
    for path in entries {
        let is_manifest =
            path.extension().is_some_and(|it| it == "yaml" || it == "yml" || it == "json");
        if path.is_dir() {
            collect(&path, depth + 1, files)?;
        } else if is_manifest {
            files.push(path);
        }
    }
    Ok(())
}
