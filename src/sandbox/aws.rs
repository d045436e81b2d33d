//! The AWS side: moto with our extension, as a process of its own that outlives the command that started it.

pub(super) mod control;
pub(super) mod environment;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{Options, Running, SandboxError, unix_seconds, write};
use crate::state::seal::{FORMER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE};

/// The server answers in 2 s on a quiet machine; the first import after its installation takes longer.
pub(super) const START_LIMIT: Duration = Duration::from_mins(1);
/// Somebody else may be starting the same sandbox, and installing it first.
pub(super) const LOCK_LIMIT: Duration = environment::INSTALL_LIMIT.saturating_add(START_LIMIT);
/// It ends at once; what is left is the last request.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(10);

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("aws/", $name)))),*]
    };
}

/// The extension: Python modules of one folder, `server.py` among them.
const EXTENSION: &[(&str, &str)] = files![
    "accounts.py",
    "acm.py",
    "awslambda.py",
    "cbor.py",
    "clock.py",
    "cloudfront.py",
    "cloudtrail.py",
    "cloudwatch.py",
    "config.py",
    "dynamodb.py",
    "ecr.py",
    "eks.py",
    "eks_access.py",
    "eks_addons.py",
    "eks_clusters.py",
    "eks_nodes.py",
    "elasticache.py",
    "elasticache_groups.py",
    "elbv2.py",
    "elbv2_rules.py",
    "endpoints.py",
    "event_sources.py",
    "events.py",
    "flow_logs.py",
    "guardduty.py",
    "iam.py",
    "interfaces.py",
    "kms.py",
    "launch_templates.py",
    "logs.py",
    "memory.py",
    "network.py",
    "rds.py",
    "rds_groups.py",
    "references.py",
    "route53.py",
    "s3.py",
    "secretsmanager.py",
    "security_groups.py",
    "server.py",
    "sns.py",
    "sqs.py",
    "ssm.py",
    "tagging.py",
    "tokens.py",
    "wafv2.py",
    "wire.py",
];

pub(super) fn extension_hash() -> String {
    let mut hasher = Sha256::new();
    for (name, text) in EXTENSION {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(text);
        hasher.update([0]);
    }
    short(&hasher.finalize())
}

/// Writes the extension's files under `root`, and returns their folder.
pub(super) fn write_extension(root: &Path) -> Result<PathBuf, SandboxError> {
    let folder = root.join(format!("extension-{}", extension_hash()));
    for (name, text) in EXTENSION {
        let path = folder.join(name);
        if fs::read(&path).ok().as_deref() != Some(text.as_bytes()) {
            write(&path, text.as_bytes())?;
        }
    }
    Ok(folder)
}

/// What opens states is nobody else's business, and least that of a server which outlives the command.
fn without_passphrases(command: &mut Command) {
    for variable in [PASSPHRASE_VARIABLE, FORMER_PASSPHRASE_VARIABLE] {
        command.env_remove(variable);
    }
}

/// Starts the server in the background and waits until it answers.
pub(super) async fn launch(
    python: &Path,
    extension: &Path,
    folder: &Path,
    options: &Options,
) -> Result<Running, SandboxError> {
    let instance = hex::encode(rand::random::<[u8; 16]>());
    let (settings, ready) = (folder.join("options.json"), folder.join("ready.json"));
    let mut json = options.to_json();
    json["instance"] = instance.as_str().into();
    json["version"] = env!("CARGO_PKG_VERSION").into();
    json["ready"] = ready.to_string_lossy().into();
    write(&settings, json.to_string().as_bytes())?;
    let _ = fs::remove_file(&ready);

    let log = folder.join("server.log");
    let failed = |source| SandboxError::Io { what: "write", path: log.clone(), source };
    let output = File::create(&log).map_err(failed)?;
    let mut command = Command::new(python);
    without_passphrases(&mut command);
    let mut server = command
        // Neither PYTHON* variables nor packages of the user's reach the private environment.
        .args(["-E", "-s"])
        .arg(extension.join("server.py"))
        .arg(&settings)
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        // A group of its own, so that Ctrl-C ends the command only.
        .process_group(0)
        .spawn()
        .map_err(|source| SandboxError::Io { what: "run", path: python.into(), source })?;

    let begun = Instant::now();
    loop {
        if let Some(Ready { pid, port }) = read_ready(&ready) {
            let running = Running {
                endpoint: format!("http://127.0.0.1:{port}"),
                pid,
                speed: options.speed,
                started: unix_seconds(),
                version: env!("CARGO_PKG_VERSION").into(),
                instance: instance.clone(),
                extension: extension_hash(),
            };
            if control::Control::new(&running.endpoint).is(&instance).await {
                return Ok(running);
            }
        }
        let status = server.try_wait().map_err(|source| SandboxError::Io {
            what: "watch",
            path: python.into(),
            source,
        })?;
        if status.is_some() {
            return Err(SandboxError::Died { log: tail(&fs::read(&log).unwrap_or_default()) });
        }
        if begun.elapsed() > START_LIMIT {
            // It is our own child, so its number is still its own; a failure means that it has just ended.
            let _ = server.kill().await;
            return Err(SandboxError::Late { what: "starting the sandbox", limit: START_LIMIT });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Deserialize)]
struct Ready {
    pid: u32,
    port: u16,
}

fn read_ready(path: &Path) -> Option<Ready> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// The last lines of a program's output.
fn tail(output: &[u8]) -> String {
    const LINES: usize = 15;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Enough of a hash to tell two contents apart.
fn short(hash: &[u8]) -> String {
    hex::encode(&hash[..6])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_python_file_is_part_of_the_extension() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/aws");
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| Path::new(name).extension().is_some_and(|kind| kind == "py"))
            .collect();
        found.sort();
        let listed: Vec<_> = EXTENSION.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, found);
    }

    #[test]
    fn a_damaged_extension_is_written_again() {
        let root = tempfile::tempdir().unwrap();
        let folder = write_extension(root.path()).unwrap();
        fs::write(folder.join("server.py"), "damaged").unwrap();
        assert_eq!(write_extension(root.path()).unwrap(), folder);
        let text = fs::read_to_string(folder.join("server.py")).unwrap();
        assert!(text.contains("serve_forever"));
    }

    #[test]
    fn a_tail_is_the_last_lines() {
        let lines: Vec<_> = (0..40).map(|n| format!("line {n}\n")).collect();
        let tail = tail(lines.join("\n").as_bytes());
        assert!(tail.starts_with("line 25\n") && tail.ends_with("line 39"), "{tail}");
    }
}
