//! The server as a process of the sandbox, beside that of AWS.

use std::net::SocketAddr;
use std::path::Path;

use tokio::net::TcpListener;
use tokio::process::Command;

use super::{Options, serve};
use crate::sandbox::server::{self, Ready, Server};
use crate::sandbox::{SandboxError, aws, write};

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!($name))),*]
    };
}

/// What the server is made of: one that was started from other sources is replaced.
const SOURCES: &[(&str, &str)] = files![
    "../kube.rs",
    "admission.rs",
    "auth.rs",
    "autoscalers.rs",
    "balancer_aws.rs",
    "balancer_model.rs",
    "balancer_stacks.rs",
    "controllers.rs",
    "defaults.rs",
    "definitions.rs",
    "discovery.rs",
    "fields.rs",
    "http.rs",
    "lifecycle.rs",
    "load_balancers.rs",
    "managers.rs",
    "patch.rs",
    "process.rs",
    "quantity.rs",
    "resources.rs",
    "selector.rs",
    "status.rs",
    "store.rs",
    "structural.rs",
    "types.rs",
    "types.txt",
    "validate.rs",
    "verbs.rs",
    "watch.rs",
    "write.rs",
];

const READY: &str = "kubernetes-ready.json";

pub(in crate::sandbox) fn sources_hash() -> String {
    aws::hash_of(SOURCES)
}

/// Starts `program`, which is a platctl, as the server.
pub(in crate::sandbox) async fn launch(
    program: &Path,
    folder: &Path,
    speed: f64,
) -> Result<Server, SandboxError> {
    let instance = server::new_instance();
    let mut command = Command::new(program);
    command.args(["sandbox", "serve-kubernetes", "--listen", "127.0.0.1:0"]);
    command
        .args(["--speed", &speed.to_string(), "--instance", &instance])
        .arg("--data")
        .arg(folder);
    let log = folder.join("kubernetes.log");
    server::launch(command, &instance, &folder.join(READY), &log, sources_hash()).await
}

/// Is the server, until it is asked to stop.
pub(in crate::sandbox) async fn run(
    listen: SocketAddr,
    folder: &Path,
    options: Options,
) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Listen { address: listen, source };
    if !listen.ip().is_loopback() {
        return Err(SandboxError::NotLoopback { address: listen });
    }
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let mut server = serve(listener, options).map_err(failed)?;
    let ready = Ready { pid: std::process::id(), port };
    let text = serde_json::to_vec(&ready).expect("two numbers always serialize");
    write(&folder.join(READY), &text)?;
    server.stopped().await;
    // The reply to who asked is on its way.
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_hashed() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sandbox/kube");
        let mut found: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        found.push("../kube.rs".into());
        found.sort();
        let listed: Vec<_> = SOURCES.iter().map(|(name, _)| *name).collect();
        assert_eq!(listed, found);
    }
}
