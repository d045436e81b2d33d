//! The private Python environment that the server runs in, installed once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::short;
use crate::sandbox::server::{tail, without_passphrases};
use crate::sandbox::{SandboxError, lock};

/// The oldest Python that moto and the extension run on.
pub(in crate::sandbox) const MINIMUM: &str = "3.10";

const REQUIREMENTS: &str = include_str!("requirements.txt");
/// pip downloads about 60 MB: half a minute, or several over a slow line.
pub(super) const INSTALL_LIMIT: Duration = Duration::from_mins(10);
const PROBE_LIMIT: Duration = Duration::from_secs(20);

/// The interpreter of the environment under `root`, which is installed when it is not there.
///
/// It is made in a folder of another name and moved into place when it is complete, under a lock: an interrupted
/// installation leaves nothing that anybody would use, and two commands install once.
pub(in crate::sandbox) async fn ready(
    root: &Path,
    progress: &(dyn Fn(&str) + Send + Sync),
) -> Result<PathBuf, SandboxError> {
    let (folder, python) = (folder(root), interpreter(root));
    if python.exists() {
        return Ok(python);
    }
    let _lock = lock(&root.join("install.lock"), INSTALL_LIMIT).await?;
    if python.exists() {
        return Ok(python);
    }
    let base = find(&candidates()).await?;
    progress("installing the sandbox, once: this takes about a minute");
    let failed = |source| SandboxError::Io { what: "write", path: root.into(), source };
    remove_partial(root);
    // The path of an environment is written into its scripts only, and none of them is used.
    let partial = root.join(format!("{PARTIAL}{}", std::process::id()));
    fs::create_dir_all(&partial).map_err(failed)?;
    install(&base, &partial).await.inspect_err(|_| remove_partial(root))?;
    fs::rename(&partial, &folder).map_err(failed)?;
    Ok(python)
}

/// Where the interpreter of the environment under `root` is, or will be.
pub(in crate::sandbox) fn interpreter(root: &Path) -> PathBuf {
    folder(root).join("venv").join("bin").join("python")
}

fn folder(root: &Path) -> PathBuf {
    root.join(format!("python-{}", short(&Sha256::digest(REQUIREMENTS))))
}

const PARTIAL: &str = "partial-";

async fn install(base: &Path, folder: &Path) -> Result<(), SandboxError> {
    let (venv, list) = (folder.join("venv"), folder.join("requirements.txt"));
    fs::write(&list, REQUIREMENTS).map_err(|source| SandboxError::Io {
        what: "write",
        path: list.clone(),
        source,
    })?;
    let step = |step, command| async move {
        let output = run(command, "installing the sandbox", INSTALL_LIMIT).await?;
        let said = [output.stdout, output.stderr].concat();
        if output.status.success() {
            Ok(())
        } else {
            Err(SandboxError::Install { step, output: tail(&said) })
        }
    };
    let mut make = Command::new(base);
    make.args(["-m", "venv"]).arg(&venv);
    step("python -m venv", make).await?;
    let mut pip = Command::new(venv.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--quiet"])
        .arg("--requirement")
        .arg(&list);
    step("pip install", pip).await
}

/// What installations that were interrupted left behind; the caller holds the lock, so none is at work.
fn remove_partial(root: &Path) {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_string_lossy().starts_with(PARTIAL)) {
        // Of no use, and of no harm but its size.
        let _ = fs::remove_dir_all(entry.path());
    }
}

fn candidates() -> Vec<PathBuf> {
    match std::env::var_os("PLATCTL_PYTHON") {
        Some(chosen) if !chosen.is_empty() => vec![chosen.into()],
        _ => ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"]
            .map(PathBuf::from)
            .into(),
    }
}

/// The first Python that will do, or what is wrong with the best of them.
async fn find(candidates: &[PathBuf]) -> Result<PathBuf, SandboxError> {
    let mut problem = SandboxError::NoPython;
    for python in candidates {
        match probe(python).await {
            Ok(()) => return Ok(python.clone()),
            Err(SandboxError::NoPython) => {}
            Err(better) => {
                if matches!(problem, SandboxError::NoPython | SandboxError::OldPython { .. }) {
                    problem = better;
                }
            }
        }
    }
    Err(problem)
}

async fn probe(python: &Path) -> Result<(), SandboxError> {
    const PROBE: &str = "import importlib.util as u, sys\n\
        print('%d.%d' % sys.version_info[:2], all(u.find_spec(m) for m in ('venv', 'ensurepip')))";
    let mut command = Command::new(python);
    command.args(["-c", PROBE]);
    let output = match run(command, "asking python for its version", PROBE_LIMIT).await {
        Ok(output) if output.status.success() => output,
        // Not there, or a stand-in for a Python that is not installed.
        Ok(_) | Err(SandboxError::Io { .. }) => return Err(SandboxError::NoPython),
        Err(error) => return Err(error),
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let Some((version, complete)) = said.trim().split_once(' ') else {
        return Err(SandboxError::NoPython);
    };
    if parts(version) < parts(MINIMUM) {
        return Err(SandboxError::OldPython { found: version.into() });
    }
    if complete != "True" {
        return Err(SandboxError::NoVenv { python: python.display().to_string() });
    }
    Ok(())
}

fn parts(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

async fn run(
    mut command: Command,
    what: &'static str,
    limit: Duration,
) -> Result<Output, SandboxError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    without_passphrases(&mut command);
    let path = command.as_std().get_program().into();
    match tokio::time::timeout(limit, command.output()).await {
        Ok(output) => output.map_err(|source| SandboxError::Io { what: "run", path, source }),
        Err(_) => Err(SandboxError::Late { what, limit }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A stand-in for a Python that answers the probe with these words.
    fn fake(folder: &Path, name: &str, answer: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\necho '{answer}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[tokio::test]
    async fn the_first_python_that_will_do_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let old = fake(folder.path(), "old", "3.8 True");
        let bare = fake(folder.path(), "bare", "3.12 False");
        let good = fake(folder.path(), "good", "3.10 True");
        let missing = folder.path().join("missing");
        let find = async |list: &[&PathBuf]| {
            find(&list.iter().map(|path| (*path).clone()).collect::<Vec<_>>()).await
        };
        assert_eq!(find(&[&missing, &old, &bare, &good]).await.unwrap(), good);
        assert!(matches!(find(&[&missing]).await, Err(SandboxError::NoPython)));
        let problem = find(&[&missing, &old]).await.unwrap_err();
        assert!(matches!(&problem, SandboxError::OldPython { found } if found == "3.8"));
        let problem = find(&[&old, &bare]).await.unwrap_err();
        assert!(matches!(problem, SandboxError::NoVenv { .. }), "{problem}");
        assert!(problem.hint().unwrap().contains("python3-venv"));
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(parts("3.9") < parts(MINIMUM));
        assert!(parts("3.14") > parts(MINIMUM));
    }
}
