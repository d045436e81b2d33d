//! A cloud to rehearse against, on this machine, with no account and no cost.
//!
//! AWS is a pinned `moto` server (the real wire protocol) with an extension of ours that moves it towards AWS: see
//! `sandbox/aws/`. It is installed on first use into a private Python environment under the user's cache folder, runs in the
//! background and keeps its data until it is reset or stopped. Beside it runs an API server of our own (`sandbox/kube/`), in
//! which the clusters of its EKS live. Resources take their typical time on AWS divided by the
//! speed, so that waiting, progress and estimates are real.
//!
//! ```text
//! $PLATCTL_CACHE_DIR, else $XDG_CACHE_HOME/platctl, else ~/.cache/platctl
//!   sandbox/python-<hash of the requirements>/venv      the environment, with `helm` once a chart needed it
//!   sandbox/extension-<hash of the files>/              the extension
//!   sandbox/servers/<name>/server.{json,log}            the running servers, and what that of AWS says
//!   sandbox/servers/<name>/kubernetes.log               what that of Kubernetes says
//! ```

mod aws;
mod control;
pub mod kube;
mod server;

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use server::Server;

/// How many times faster than AWS a sandbox is, unless told otherwise: ten minutes take two seconds.
pub const DEFAULT_SPEED: f64 = 300.0;

/// The account whose credentials [`Running::env`] hands out.
pub const DEFAULT_ACCOUNT: &str = "123456789012";

/// A sandbox by its name, whether it runs or not.
#[derive(Debug, Clone)]
pub struct Sandbox {
    name: String,
    root: PathBuf,
}

/// How a sandbox is to behave.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many times faster than AWS things happen.
    pub speed: f64,
    /// How long the phases of a kind typically take on AWS, by `CloudFormation` type; what is missing takes no time.
    pub durations: BTreeMap<String, Typical>,
    /// The platctl that serves Kubernetes beside AWS; without it there is AWS alone.
    pub program: Option<PathBuf>,
}

/// Typical durations on AWS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Typical {
    pub create: Duration,
    pub update: Duration,
    pub delete: Duration,
}

/// A sandbox that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// Where AWS's APIs answer: `http://127.0.0.1:<port>`.
    pub endpoint: String,
    pub pid: u32,
    /// How many times faster than AWS things happen.
    pub speed: f64,
    /// Seconds since the epoch.
    pub started: u64,
    /// The version of platctl that started it.
    pub version: String,
    aws: Server,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    kubernetes: Option<Server>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("`{name}` cannot name a sandbox")]
    Name { name: String },
    #[error("no folder is known for the cache")]
    NoCache,
    #[error("no python 3 was found on this machine")]
    NoPython,
    #[error("python {found} is too old for the sandbox")]
    OldPython { found: String },
    #[error("python at `{python}` lacks the modules `venv` and `ensurepip`")]
    NoVenv { python: String },
    #[error("the sandbox could not be installed: {step} failed\n{output}")]
    Install { step: &'static str, output: String },
    #[error("the sandbox ended while it started\n{log}")]
    Died { log: String },
    #[error("{what} took longer than {} s", limit.as_secs())]
    Late { what: &'static str, limit: Duration },
    #[error("cannot listen at {address}")]
    Listen {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("{address} is not on the loopback interface")]
    NotLoopback { address: SocketAddr },
    #[error("no sandbox `{name}` is running")]
    NotRunning { name: String },
    #[error("the sandbox at {endpoint} does not answer")]
    Silent {
        endpoint: String,
        #[source]
        source: io::Error,
    },
    #[error("the sandbox refused `{request}` with status {status}")]
    Refused { request: String, status: u16 },
    #[error("cannot {what} {}", path.display())]
    Io {
        what: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Sandbox {
    /// The sandbox of this name under the user's cache folder.
    pub fn named(name: &str) -> Result<Self, SandboxError> {
        Self::at(name, &cache()?)
    }

    /// The sandbox of this name under a cache folder of the caller's choice.
    pub fn at(name: &str, cache: &Path) -> Result<Self, SandboxError> {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(valid) {
            return Err(SandboxError::Name { name: name.into() });
        }
        Ok(Self { name: name.into(), root: cache.join("sandbox") })
    }

    /// Makes sure that it runs, and answers: installs what is missing, starts the server, or finds it running.
    ///
    /// `progress` is told, in a few words, what takes long. A server of another version of the extension is replaced, and
    /// its data with it; a server with other options gets the new ones.
    pub async fn start(
        &self,
        options: &Options,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Running, SandboxError> {
        let _lock = lock(&self.folder().join("lock"), aws::LOCK_LIMIT).await?;
        if let Some(running) = self.recorded()? {
            if running.is_alive().await && running.is_made_for(options) {
                return self.configure(running, options).await;
            }
            if running.aws.is_alive().await {
                progress("replacing the sandbox of another version");
            }
            running.end().await?;
        }
        let python = aws::environment::ready(&self.root, progress).await?;
        let extension = aws::write_extension(&self.root)?;
        progress("starting the sandbox");
        let kubernetes = match &options.program {
            Some(program) => {
                Some(kube::process::launch(program, &self.folder(), options.speed).await?)
            }
            None => None,
        };
        let url = kubernetes.as_ref().map(|it| it.endpoint.as_str());
        let aws = aws::launch(&python, &extension, &self.folder(), options, url).await;
        let aws = match aws {
            Ok(aws) => aws,
            Err(error) => {
                // Nobody would ever find the other one again.
                if let Some(kubernetes) = kubernetes {
                    let _ = kubernetes.end().await;
                }
                return Err(error);
            }
        };
        let running = Running {
            endpoint: aws.endpoint.clone(),
            pid: aws.pid,
            speed: options.speed,
            started: unix_seconds(),
            version: env!("CARGO_PKG_VERSION").into(),
            aws,
            kubernetes,
        };
        self.record(&running)?;
        running.introduce(options).await?;
        Ok(running)
    }

    /// The servers, when they are alive; what dead ones have left is ignored.
    pub async fn status(&self) -> Result<Option<Running>, SandboxError> {
        let Some(running) = self.recorded()? else { return Ok(None) };
        Ok(running.is_alive().await.then_some(running))
    }

    fn recorded(&self) -> Result<Option<Running>, SandboxError> {
        let path = self.folder().join(RECORD);
        match fs::read(&path) {
            // Of an unreadable record, or of one of another format, there is nothing to reuse.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SandboxError::Io { what: "read", path, source }),
        }
    }

    /// Forgets all data; the servers go on.
    pub async fn reset(&self) -> Result<(), SandboxError> {
        let running = self.required().await?;
        running.post("/platctl/reset", "{}").await
    }

    /// Ends the servers, and with them their data.
    pub async fn stop(&self) -> Result<(), SandboxError> {
        let _lock = lock(&self.folder().join("lock"), aws::LOCK_LIMIT).await?;
        let running = self.required().await?;
        running.end().await?;
        let path = self.folder().join(RECORD);
        fs::remove_file(&path).map_err(|source| SandboxError::Io { what: "remove", path, source })
    }

    /// The interpreter of the private environment, which has boto3; it is there once a sandbox has been started.
    pub fn python(&self) -> PathBuf {
        aws::environment::interpreter(&self.root)
    }

    /// The program `helm` of the private environment, if it is installed.
    pub fn helm(&self) -> Option<PathBuf> {
        Some(aws::environment::helm(&self.root)).filter(|path| path.exists())
    }

    /// The same, installed if it is not there.
    pub async fn install_helm(
        &self,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<PathBuf, SandboxError> {
        aws::environment::helm_ready(&self.root, progress).await
    }

    async fn required(&self) -> Result<Running, SandboxError> {
        let running = self.status().await?;
        running.ok_or_else(|| SandboxError::NotRunning { name: self.name.clone() })
    }

    async fn configure(
        &self,
        mut running: Running,
        options: &Options,
    ) -> Result<Running, SandboxError> {
        running.aws.post(CONFIGURE, &options.to_json().to_string()).await?;
        running.introduce(options).await?;
        running.speed = options.speed;
        self.record(&running)?;
        Ok(running)
    }

    fn record(&self, running: &Running) -> Result<(), SandboxError> {
        let text = serde_json::to_vec_pretty(running).expect("a running sandbox always serializes");
        write(&self.folder().join(RECORD), &text)
    }

    fn folder(&self) -> PathBuf {
        self.root.join("servers").join(&self.name)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { speed: DEFAULT_SPEED, durations: BTreeMap::new(), program: None }
    }
}

impl Options {
    fn to_json(&self) -> serde_json::Value {
        let durations: BTreeMap<_, _> = self
            .durations
            .iter()
            .map(|(kind, typical)| {
                let Typical { create, update, delete } = typical;
                let phases = serde_json::json!({
                    "create": create.as_secs_f64(),
                    "update": update.as_secs_f64(),
                    "delete": delete.as_secs_f64(),
                });
                (kind, phases)
            })
            .collect();
        serde_json::json!({ "speed": self.speed, "durations": durations })
    }
}

impl Running {
    /// Where Kubernetes answers: the clusters of EKS are below it.
    pub fn kubernetes(&self) -> Option<&str> {
        self.kubernetes.as_ref().map(|server| server.endpoint.as_str())
    }

    fn servers(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.aws).chain(&self.kubernetes)
    }

    /// One alone is no sandbox: they know each other.
    async fn is_alive(&self) -> bool {
        for server in self.servers() {
            if !server.is_alive().await {
                return false;
            }
        }
        true
    }

    /// Whether they are made of what this platctl would start, and are all that is asked for.
    fn is_made_for(&self, options: &Options) -> bool {
        let kubernetes = match (&self.kubernetes, &options.program) {
            (Some(server), _) => server.made_of == kube::process::sources_hash(),
            (None, program) => program.is_none(),
        };
        self.aws.made_of == aws::extension_hash() && kubernetes
    }

    /// Tells the server of Kubernetes, which comes first, where AWS is.
    async fn introduce(&self, options: &Options) -> Result<(), SandboxError> {
        let Some(kubernetes) = &self.kubernetes else { return Ok(()) };
        let json = serde_json::json!({ "speed": options.speed, "aws": self.endpoint });
        kubernetes.post(CONFIGURE, &json.to_string()).await
    }

    async fn post(&self, path: &str, json: &str) -> Result<(), SandboxError> {
        for server in self.servers() {
            server.post(path, json).await?;
        }
        Ok(())
    }

    /// Ends what is still there of it.
    async fn end(&self) -> Result<(), SandboxError> {
        for server in self.servers() {
            if server.is_alive().await {
                server.end().await?;
            }
        }
        Ok(())
    }

    /// The environment that turns any AWS tool to this sandbox, as [`DEFAULT_ACCOUNT`] in this region.
    pub fn env(&self, region: &str) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", access_key_id(DEFAULT_ACCOUNT)),
            ("AWS_DEFAULT_REGION", region.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_ENDPOINT_URL", self.endpoint.clone()),
            ("AWS_REGION", region.into()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".into()),
        ])
    }
}

impl SandboxError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Name { .. } => {
                "Use at most 64 letters, digits, `-` and `_`.".into()
            }
            Self::NoCache => "Set HOME, or PLATCTL_CACHE_DIR to a folder that may be written.".into(),
            Self::NoPython | Self::OldPython { .. } => format!(
                "Install Python {} or newer (Debian, Ubuntu: `apt-get install python3 python3-venv`; macOS: `brew install python`), \
                 or set PLATCTL_PYTHON to one.",
                aws::environment::MINIMUM
            ),
            Self::NoVenv { .. } => {
                "Install them (Debian, Ubuntu: `apt-get install python3-venv`), or set PLATCTL_PYTHON to a Python that has them.".into()
            }
            Self::Install { .. } => {
                "Packages come from the index that pip is configured for: check the network, or set PIP_INDEX_URL or a proxy.".into()
            }
            Self::Died { .. } => "Run the command again; if it fails again, the log above says why.".into(),
            Self::Late { .. } | Self::Silent { .. } => {
                "The machine may be busy: run the command again.".into()
            }
            Self::NotRunning { .. } => "Start it with `platctl sandbox start`.".into(),
            Self::Refused { .. } => "Restart it with `platctl sandbox stop` and `platctl sandbox start`.".into(),
            Self::NotLoopback { .. } => "Listen at `127.0.0.1:0`.".into(),
            Self::Listen { .. } | Self::Io { .. } => return None,
        })
    }
}

/// Is the server of Kubernetes, on the loopback interface, until it is asked to stop; tells its port in `folder`.
pub async fn serve_kubernetes(
    listen: SocketAddr,
    folder: &Path,
    speed: f64,
    instance: &str,
) -> Result<(), SandboxError> {
    let options = kube::Options { speed, instance: instance.into(), ..kube::Options::default() };
    kube::process::run(listen, folder, options).await
}

/// An access key id of this account: the sandbox reads the account from it, as AWS does.
pub fn access_key_id(account: &str) -> String {
    format!("AKIA{account}SAND")
}

const RECORD: &str = "server.json";
/// The control endpoint that takes options.
const CONFIGURE: &str = "/platctl/configure";

/// The folder of all that platctl can make again.
pub fn cache() -> Result<PathBuf, SandboxError> {
    cache_folder(|variable| std::env::var_os(variable).map(PathBuf::from))
}

fn cache_folder(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, SandboxError> {
    let set = |name| variable(name).filter(|path| !path.as_os_str().is_empty());
    set("PLATCTL_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("platctl")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("platctl")))
        .ok_or(SandboxError::NoCache)
}

/// A file lock, held until dropped, or by nobody any more when its holder dies.
async fn lock(path: &Path, limit: Duration) -> Result<File, SandboxError> {
    let failed = |source| SandboxError::Io { what: "lock", path: path.into(), source };
    fs::create_dir_all(path.parent().expect("a lock lies in a folder")).map_err(failed)?;
    let file = File::options().create(true).append(true).open(path).map_err(failed)?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if begun.elapsed() > limit => {
                return Err(SandboxError::Late { what: "another start of the sandbox", limit });
            }
            Err(TryLockError::WouldBlock) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// Writes a file so that nobody ever sees half of it.
fn write(path: &Path, bytes: &[u8]) -> Result<(), SandboxError> {
    let failed = |source| SandboxError::Io { what: "write", path: path.into(), source };
    let folder = path.parent().expect("a file lies in a folder");
    fs::create_dir_all(folder).map_err(failed)?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    fs::write(file.path(), bytes).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_folder_follows_the_environment() {
        let look = |set: &[(&str, &str)]| {
            let set: BTreeMap<_, _> = set.iter().copied().collect();
            cache_folder(|name| set.get(name).map(PathBuf::from)).ok()
        };
        let home = ("HOME", "/home/me");
        assert_eq!(look(&[]), None);
        assert_eq!(look(&[home]), Some("/home/me/.cache/platctl".into()));
        assert_eq!(look(&[home, ("XDG_CACHE_HOME", "/xdg")]), Some("/xdg/platctl".into()));
        assert_eq!(look(&[home, ("XDG_CACHE_HOME", "")]), Some("/home/me/.cache/platctl".into()));
        assert_eq!(look(&[home, ("PLATCTL_CACHE_DIR", "/mine")]), Some("/mine".into()));
    }

    #[test]
    fn a_name_is_never_a_path() {
        for name in ["", "..", "a/b", "a b", &"x".repeat(65)] {
            let error = Sandbox::at(name, Path::new("/cache")).unwrap_err();
            assert!(matches!(error, SandboxError::Name { .. }), "{name}: {error}");
        }
        let sandbox = Sandbox::at("ci-1_a", Path::new("/cache")).unwrap();
        assert_eq!(sandbox.folder(), Path::new("/cache/sandbox/servers/ci-1_a"));
    }

    #[test]
    fn options_are_told_in_seconds() {
        let typical = Typical { create: Duration::from_millis(1500), ..Typical::default() };
        let durations = BTreeMap::from([("AWS::EC2::VPC".to_owned(), typical)]);
        let json = Options { speed: 2.0, durations, program: None }.to_json().to_string();
        assert_eq!(
            json,
            r#"{"durations":{"AWS::EC2::VPC":{"create":1.5,"delete":0.0,"update":0.0}},"speed":2.0}"#
        );
    }

    #[test]
    fn an_access_key_id_has_the_shape_of_aws() {
        let key = access_key_id(DEFAULT_ACCOUNT);
        assert_eq!(key.len(), 20);
        assert!(key.starts_with("AKIA123456789012"));
    }

    #[tokio::test]
    async fn nothing_runs_where_nothing_was_started() {
        let cache = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::at("default", cache.path()).unwrap();
        assert_eq!(sandbox.status().await.unwrap(), None);
        assert!(matches!(sandbox.reset().await, Err(SandboxError::NotRunning { .. })));
        assert!(matches!(sandbox.stop().await, Err(SandboxError::NotRunning { .. })));
    }

    #[tokio::test]
    async fn a_lock_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = lock(&path, Duration::ZERO).await.unwrap();
        let late = lock(&path, Duration::ZERO).await.unwrap_err();
        assert!(matches!(late, SandboxError::Late { .. }), "{late}");
        drop(held);
        lock(&path, Duration::ZERO).await.unwrap();
    }
}
