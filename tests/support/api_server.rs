//! An API server of Kubernetes to test against: the stand-in of the sandbox, or a real one with its etcd where
//! `KUBEBUILDER_ASSETS` says that there is one, and with real controllers where these are beside it.

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

use super::pods;

/// The context of the kubeconfig file.
pub(crate) const CONTEXT: &str = "tests";
/// What takes ten seconds in a cluster takes a hundredth of one.
const SPEED: f64 = 1000.0;
/// Real controllers take their time, which is less where there are no nodes.
const REAL_SPEED: f64 = 10.0;
/// A real server is up in about ten seconds, on a loaded machine in some more.
const START_LIMIT: Duration = Duration::from_mins(2);
const TOKEN: &str = "tests";
const CONTROLLERS: &str = "kube-controller-manager";

pub(crate) struct ApiServer {
    pub(crate) client: Client,
    /// How many times faster than a cluster of AWS it lives.
    pub(crate) speed: f64,
    pub(crate) is_real: bool,
    folder: TempDir,
    /// It ends with this.
    process: Box<dyn Any>,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // What has ended by itself is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the programs of a real API server are, if they are anywhere.
fn assets() -> Option<PathBuf> {
    std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from)
}

impl ApiServer {
    /// What every API server must pass is asked of this one.
    pub(crate) async fn any() -> Self {
        match Self::if_real().await {
            Some(real) => real,
            None => Self::stand_in().await,
        }
    }

    pub(crate) async fn if_real() -> Option<Self> {
        let assets = assets()?;
        Some(Self::real(&assets).await)
    }

    /// A cluster with its controllers: a real one only where these are.
    pub(crate) async fn with_controllers() -> Self {
        match assets().filter(|it| it.join(CONTROLLERS).exists()) {
            Some(assets) => Self::real(&assets).await,
            None => Self::stand_in().await,
        }
    }

    pub(crate) async fn stand_in() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { speed: SPEED, tokens: Tokens::Any, ..Options::default() };
        let handle = serve(listener, options).unwrap();
        let url = handle.cluster("123456789012", "eu-west-1", "shop", "1");
        Self::at(&json!({"server": url}), Box::new(handle)).await
    }

    async fn real(assets: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        let run = |program: &str, args: &[String]| {
            let log = fs::File::create(file(&format!("{program}.log"))).unwrap();
            let mut command = Command::new(assets.join(program));
            command.args(args).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
            Process(command.spawn().unwrap())
        };
        let [client, peer, port] = [free_port(), free_port(), free_port()];
        let etcd = format!("http://127.0.0.1:{client}");
        let peer = format!("http://127.0.0.1:{peer}");
        let mut etcd_args = vec![
            format!("--data-dir={}", file("etcd")),
            format!("--listen-client-urls={etcd}"),
            format!("--advertise-client-urls={etcd}"),
            format!("--listen-peer-urls={peer}"),
            format!("--initial-advertise-peer-urls={peer}"),
            format!("--initial-cluster=default={peer}"),
        ];
        // Nobody will miss the data.
        if knows(&assets.join("etcd"), "--unsafe-no-fsync") {
            etcd_args.push("--unsafe-no-fsync".into());
        }
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
            // As on EKS: to webhooks without kube-proxy.
            "--enable-aggregator-routing=true".into(),
        ];
        let api = run("kube-apiserver", &api_args);
        let begun = Instant::now();
        let starting = || {
            let log = fs::read_to_string(file("kube-apiserver.log")).unwrap_or_default();
            let end: Vec<&str> = log.lines().rev().take(9).collect();
            assert!(begun.elapsed() < START_LIMIT, "the API server does not start: {end:#?}");
            tokio::time::sleep(Duration::from_millis(100))
        };
        // It makes a certificate for itself, and begins to serve behind that.
        let certificate = loop {
            match fs::read(file("certificates/apiserver.crt")) {
                Ok(certificate) if !certificate.is_empty() => break certificate,
                _ => starting().await,
            }
        };
        let cluster = json!({
            "server": format!("https://127.0.0.1:{port}"),
            "certificate-authority-data": aws_smithy_types::base64::encode(certificate),
        });
        let mut server = Self::at(&cluster, Box::new(())).await;
        let default = server.of_cluster("v1", "Namespace", "namespaces");
        while !matches!(default.get_opt("default").await, Ok(Some(_))) {
            starting().await;
        }
        let controllers = assets.join(CONTROLLERS).exists().then(|| {
            let mut args = vec![
                format!("--kubeconfig={}", server.kubeconfig().display()),
                "--leader-elect=false".into(),
                // The nodes of tests have no heart that beats.
                "--controllers=*,-nodelifecycle".into(),
                format!("--service-account-private-key-file={}", file("accounts.key")),
                format!("--cert-dir={}", file("certificates")),
                format!("--secure-port={}", free_port()),
                "--kube-api-qps=500".into(),
                "--kube-api-burst=500".into(),
            ];
            // Up to 1.23 it has a second port, the same for all.
            if knows(&assets.join(CONTROLLERS), "--port int") {
                args.push("--port=0".into());
            }
            run(CONTROLLERS, &args)
        });
        let pods = pods::run(server.client.clone());
        if controllers.is_some() {
            let accounts = server.namespaced("v1", "ServiceAccount", "serviceaccounts", "default");
            while !matches!(accounts.get_opt("default").await, Ok(Some(_))) {
                starting().await;
            }
        }
        server.speed = REAL_SPEED;
        server.is_real = true;
        server.process = Box::new((pods, controllers, api, etcd_process, folder));
        server
    }

    async fn at(cluster: &Value, server: Box<dyn Any>) -> Self {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": CONTEXT,
            "contexts": [{"name": CONTEXT, "context": {"cluster": "tests", "user": "tests"}}],
            "clusters": [{"name": "tests", "cluster": cluster}],
            "users": [{"name": "tests", "user": {"token": TOKEN}}],
        });
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
        let parsed = Kubeconfig::from_yaml(&config.to_string()).unwrap();
        let config =
            Config::from_custom_kubeconfig(parsed, &KubeConfigOptions::default()).await.unwrap();
        Self {
            client: Client::try_from(config).unwrap(),
            speed: SPEED,
            is_real: false,
            folder,
            process: server,
        }
    }

    /// A file with the one context [`CONTEXT`].
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    pub(crate) fn namespaced(
        &self,
        version: &str,
        kind: &str,
        plural: &str,
        namespace: &str,
    ) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), namespace, &resource(version, kind, plural))
    }

    pub(crate) fn of_cluster(&self, version: &str, kind: &str, plural: &str) -> Api<DynamicObject> {
        Api::all_with(self.client.clone(), &resource(version, kind, plural))
    }

    /// A request as it is.
    pub(crate) async fn ask(&self, request: http::Request<Vec<u8>>) -> Result<Value, kube::Error> {
        self.client.request(request).await
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Value, kube::Error> {
        self.ask(http::Request::get(url).body(Vec::new()).unwrap()).await
    }

    /// The second number of its version.
    pub(crate) async fn minor(&self) -> u32 {
        let version = self.client.apiserver_version().await.unwrap();
        version.minor.trim_end_matches('+').parse().unwrap()
    }

    /// A kind, `apiVersion/Kind`, in the version in which the server has it: this one or, where that came later, the newest
    /// that led to it (`v2beta2` for `v2`).
    pub(crate) async fn served(&self, kind: &str) -> String {
        let [group, version, kind] = kind.split('/').collect::<Vec<_>>()[..] else {
            return kind.to_owned();
        };
        let known = self.get(&format!("/apis/{group}")).await.unwrap();
        let versions = known["versions"].as_array().unwrap().iter();
        let mut versions: Vec<&str> = versions
            .filter_map(|it| it["version"].as_str())
            .filter(|it| it.starts_with(version))
            .collect();
        versions.sort_unstable_by_key(|it| (*it != version, std::cmp::Reverse(*it)));
        for version in versions {
            let listed = self.get(&format!("/apis/{group}/{version}")).await.unwrap();
            if listed["resources"].as_array().unwrap().iter().any(|it| it["kind"] == kind) {
                return format!("{group}/{version}/{kind}");
            }
        }
        panic!("the server knows no {group}/{version}/{kind}, nor what led to it");
    }

    /// What kubectl says, with whether it succeeded; nothing where there is no kubectl.
    pub(crate) fn kubectl(&self, args: &[&str], input: &str) -> Option<(bool, String)> {
        use std::io::Write as _;
        let mut command = Command::new("kubectl");
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command.arg("--cache-dir").arg(self.folder.path().join("cache"));
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().ok()?;
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        Some((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }
}

pub(super) fn resource(version: &str, kind: &str, plural: &str) -> ApiResource {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
}

/// Whether a program of that version has such an option.
fn knows(program: &Path, option: &str) -> bool {
    let help = Command::new(program).arg("--help").output().unwrap();
    [help.stdout, help.stderr].iter().any(|it| String::from_utf8_lossy(it).contains(option))
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
