//! An API server to test against: the stand-in, or a real one with its etcd where `KUBEBUILDER_ASSETS` says that there is one.

use std::any::Any;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use platctl::sandbox::kube::{Options, Tokens, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// What takes ten seconds in a cluster takes a hundredth of one.
const SPEED: f64 = 1000.0;
/// A real server is up in about ten seconds.
const START_LIMIT: Duration = Duration::from_mins(1);
const TOKEN: &str = "tests";

pub(super) struct World {
    pub(super) client: Client,
    folder: TempDir,
    /// It ends with the world.
    _server: Box<dyn Any>,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended by itself is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl World {
    /// What every API server must pass.
    pub(super) async fn any() -> Self {
        match std::env::var_os("KUBEBUILDER_ASSETS") {
            Some(assets) => Self::real(&PathBuf::from(assets)).await,
            None => Self::stand_in().await,
        }
    }

    /// What only the stand-in has: controllers.
    pub(super) async fn stand_in() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { speed: SPEED, tokens: Tokens::Any, ..Options::default() };
        let handle = serve(listener, options).unwrap();
        let url = handle.cluster("123456789012", "eu-west-1", "shop", "1");
        Self::at(&url, Box::new(handle)).await
    }

    async fn real(assets: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let run = |program: &str, args: &[String]| {
            let log = fs::File::create(folder.path().join(format!("{program}.log"))).unwrap();
            let mut command = Command::new(assets.join(program));
            command.args(args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            Process(command.spawn().unwrap())
        };
        let [client, peer, port] = [free_port(), free_port(), free_port()];
        let etcd = format!("http://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let etcd_args = [
            format!("--data-dir={}", file("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
            "--unsafe-no-fsync".into(),
        ];
        let etcd_process = run("etcd", &etcd_args);
        fs::write(file("tokens.csv"), format!("{TOKEN},admin,1,\"system:masters\"\n")).unwrap();
        fs::write(file("accounts.key"), signing_key()).unwrap();
        let api_args = [
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".into(),
            format!("--secure-port={port}"),
            format!("--cert-dir={}", file("certificates")),
            format!("--token-auth-file={}", file("tokens.csv")),
            "--authorization-mode=RBAC".into(),
            "--service-account-issuer=https://localhost".into(),
            format!("--service-account-key-file={}", file("accounts.key")),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            "--disable-admission-plugins=ServiceAccount".into(),
        ];
        let api = run("kube-apiserver", &api_args);
        let world =
            Self::at(&format!("https://127.0.0.1:{port}"), Box::new((api, etcd_process, folder)))
                .await;
        let begun = Instant::now();
        while world
            .namespaced("v1", "ConfigMap", "configmaps", "default")
            .get_opt("none")
            .await
            .is_err()
        {
            assert!(begun.elapsed() < START_LIMIT, "the API server does not start");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        world
    }

    async fn at(url: &str, server: Box<dyn Any>) -> Self {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}],
            "clusters": [{"name": "tests", "cluster": {"server": url, "insecure-skip-tls-verify": true}}],
            "users": [{"name": "tests", "user": {"token": TOKEN}}],
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
        let parsed = Kubeconfig::from_yaml(&config.to_string()).unwrap();
        let config =
            Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
        Self { client: Client::try_from(config).unwrap(), folder, _server: server }
    }

    pub(super) fn namespaced(
        &self,
        version: &str,
        kind: &str,
        plural: &str,
        namespace: &str,
    ) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(version, kind, plural))
    }

    pub(super) fn of_cluster(&self, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource(version, kind, plural))
    }

    /// What kubectl says, with whether it succeeded; nothing where there is no kubectl.
    pub(super) fn kubectl(&self, args: &[&str], input: &str) -> Option<(bool, String)> {
        use std::io::Write as _;
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(self.folder.path().join("kubeconfig"));
        command.arg("--cache-dir").arg(self.folder.path().join("cache"));
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }
}

/// Asks again until something holds.
pub(super) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut ask: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{what} does not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// An object for a typed call.
pub(super) fn object(json: Value) -> DynamicObject {
    serde_json::from_value(json).unwrap()
}

/// As JSON, with all of its metadata.
pub(super) fn json_of(object: &DynamicObject) -> Value {
    serde_json::to_value(object).unwrap()
}

/// Code, reason and message of a refusal.
pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T, kube::Error>) -> (u16, String, String) {
    match result {
        Err(kube::Error::Api(status)) => {
            (status.code, status.reason.clone(), status.message.clone())
        }
        other => panic!("no refusal: {other:?}"),
    }
}

fn resource(version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A key for the tokens of service accounts, in PEM.
fn signing_key() -> String {
    use aws_lc_rs::encoding::AsDer as _;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let text = aws_smithy_types::base64::encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
