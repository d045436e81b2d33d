//! The AWS side: moto with our extension, as a process of its own that outlives the command that started it.

pub(super) mod environment;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::server::{self, Server};
use super::{Options, SandboxError, write};

/// Somebody else may be starting the same sandbox, and installing it first.
pub(super) const LOCK_LIMIT: Duration =
    environment::INSTALL_LIMIT.saturating_add(server::START_LIMIT);

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
    hash_of(EXTENSION)
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

/// Starts the server in the background and waits until it answers; `kubernetes` is where the clusters of EKS answer.
pub(super) async fn launch(
    python: &Path,
    extension: &Path,
    folder: &Path,
    options: &Options,
    kubernetes: Option<&str>,
) -> Result<Server, SandboxError> {
    let instance = server::new_instance();
    let (settings, ready) = (folder.join("options.json"), folder.join("ready.json"));
    let mut json = options.to_json();
    json["instance"] = instance.as_str().into();
    json["version"] = env!("CARGO_PKG_VERSION").into();
    json["ready"] = ready.to_string_lossy().into();
    json["kubernetes"] = kubernetes.into();
    write(&settings, json.to_string().as_bytes())?;
    let mut command = Command::new(python);
    // Neither PYTHON* variables nor packages of the user's reach the private environment.
    command.args(["-E", "-s"]).arg(extension.join("server.py")).arg(&settings);
    server::launch(command, &instance, &ready, &folder.join("server.log"), extension_hash()).await
}

/// The hash of named texts, enough of it to tell two contents apart.
pub(super) fn hash_of(files: &[(&str, &str)]) -> String {
    let mut hasher = Sha256::new();
    for (name, text) in files {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(text);
        hasher.update([0]);
    }
    short(&hasher.finalize())
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
}
