//! A server of the sandbox: a process of its own that outlives the command that started it.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::process::Command;

use super::SandboxError;
use super::control::Control;
use crate::state::seal::{FORMER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE};

/// A server answers in 2 s on a quiet machine; the first import after its installation takes longer.
pub(super) const START_LIMIT: Duration = Duration::from_mins(1);
/// It ends at once; what is left is the last request.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A server that was started.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    /// `http://127.0.0.1:<port>`
    pub(super) endpoint: String,
    pub(super) pid: u32,
    /// Its identity, which tells it from whatever else may have come to use its port.
    instance: String,
    /// The hash of what it was made of.
    pub(super) made_of: String,
}

impl Server {
    pub(super) async fn is_alive(&self) -> bool {
        Control::new(&self.endpoint).is(&self.instance).await
    }

    pub(super) async fn post(&self, path: &str, json: &str) -> Result<(), SandboxError> {
        Control::new(&self.endpoint).post(path, json).await
    }

    /// Asks it to end itself. No process is ever killed by its number: that may be another's by now.
    pub(super) async fn end(&self) -> Result<(), SandboxError> {
        self.post("/platctl/stop", "{}").await?;
        let begun = Instant::now();
        while self.is_alive().await {
            if begun.elapsed() > STOP_LIMIT {
                return Err(SandboxError::Late { what: "ending the sandbox", limit: STOP_LIMIT });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

pub(super) fn new_instance() -> String {
    hex::encode(rand::random::<[u8; 16]>())
}

/// Starts a server in the background and waits until it has written its port to `ready`, and answers there.
pub(super) async fn launch(
    mut command: Command,
    instance: &str,
    ready: &Path,
    log: &Path,
    made_of: String,
) -> Result<Server, SandboxError> {
    let _ = fs::remove_file(ready);
    let failed = |source| SandboxError::Io { what: "write", path: log.into(), source };
    let output = File::create(log).map_err(failed)?;
    let program = Path::new(command.as_std().get_program()).to_owned();
    without_passphrases(&mut command);
    let mut process = command
        .stdin(Stdio::null())
        .stdout(output.try_clone().map_err(failed)?)
        .stderr(output)
        // A group of its own, so that Ctrl-C ends the command only.
        .process_group(0)
        .spawn()
        .map_err(|source| SandboxError::Io { what: "run", path: program.clone(), source })?;

    let begun = Instant::now();
    loop {
        if let Some(Ready { pid, port }) = read_ready(ready) {
            let endpoint = format!("http://127.0.0.1:{port}");
            let server =
                Server { endpoint, pid, instance: instance.into(), made_of: made_of.clone() };
            if server.is_alive().await {
                return Ok(server);
            }
        }
        let status = process.try_wait().map_err(|source| SandboxError::Io {
            what: "watch",
            path: program.clone(),
            source,
        })?;
        if status.is_some() {
            return Err(SandboxError::Died { log: tail(&fs::read(log).unwrap_or_default()) });
        }
        if begun.elapsed() > START_LIMIT {
            // It is our own child, so its number is still its own; a failure means that it has just ended.
            let _ = process.kill().await;
            return Err(SandboxError::Late { what: "starting the sandbox", limit: START_LIMIT });
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What a server tells once it listens.
#[derive(Serialize, Deserialize)]
pub(super) struct Ready {
    pub(super) pid: u32,
    pub(super) port: u16,
}

/// What opens states is nobody else's business, and least that of a server which outlives the command.
pub(super) fn without_passphrases(command: &mut Command) {
    for variable in [PASSPHRASE_VARIABLE, FORMER_PASSPHRASE_VARIABLE] {
        command.env_remove(variable);
    }
}

fn read_ready(path: &Path) -> Option<Ready> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// The last lines of a program's output.
pub(super) fn tail(output: &[u8]) -> String {
    const LINES: usize = 15;
    let text = String::from_utf8_lossy(output);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_the_last_lines() {
        let lines: Vec<_> = (0..40).map(|n| format!("line {n}\n")).collect();
        let tail = tail(lines.join("\n").as_bytes());
        assert!(tail.starts_with("line 25\n") && tail.ends_with("line 39"), "{tail}");
    }
}
