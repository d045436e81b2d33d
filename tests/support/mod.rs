//! What tests share: a sandbox for the whole binary, and stacks in accounts of their own.

pub(crate) mod api_server;
mod pods;
pub(crate) mod proxy;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures::FutureExt as _;
use http::{Method, Request};
use platctl::address::{Address, Stack};
use platctl::apply::{self, Apply, Outcome, Pace, signal};
use platctl::cloud::{Aws, Cx, aws};
use platctl::graph::{Builder, Graph};
use platctl::kind::Cloud;
use platctl::kinds::KINDS;
use platctl::observe::{Observation, observe};
use platctl::plan::{Intent, Origin, Plan, check, plan};
use platctl::sandbox::{Options, Running, Sandbox, Typical, access_key_id};
use platctl::state::{State, Store};
use serde_json::Value;

use api_server::ApiServer;

pub(crate) const REGION: &str = "eu-west-1";
/// The day on which commands run, so that what they say of versions stays: 2025-11-25, in seconds.
pub(crate) const TODAY: &str = "1764028800";
/// An hour of AWS takes a second.
const SPEED: f64 = 3600.0;

/// Runs a test against the sandbox. The server is shared by all tests that run at the same time, and ends with the last.
pub(crate) fn with_sandbox<F: Future<Output = ()>>(test: impl FnOnce(Arc<Server>) -> F) {
    let server = Server::shared();
    runtime().block_on(test(Arc::clone(&server)));
}

pub(crate) struct Server {
    sandbox: Sandbox,
    pub(crate) running: Running,
}

impl Server {
    fn shared() -> Arc<Self> {
        static SERVER: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let server = Arc::new(Self::start());
            *shared = Arc::downgrade(&server);
            server
        })
    }

    fn start() -> Self {
        let sandbox = Sandbox::named(&format!("test-{}", std::process::id())).unwrap();
        let typical = |kind: &&dyn platctl::kind::AnyKind| {
            let platctl::kind::Typical { create, update, delete } = kind.typical(&Value::Null);
            (kind.name().to_owned(), Typical { create, update, delete })
        };
        let options = Options {
            speed: SPEED,
            durations: KINDS.iter().map(typical).collect(),
            program: Some(platctl()),
        };
        let running = runtime().block_on(sandbox.start(&options, &|_| {})).unwrap();
        Self { sandbox, running }
    }

    /// The sandbox's own Python, which has boto3.
    pub(crate) fn python(&self) -> PathBuf {
        self.sandbox.python()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A server that is gone already is as good.
        let _ = runtime().block_on(self.sandbox.stop());
    }
}

/// The platctl that serves Kubernetes.
fn platctl() -> PathBuf {
    env!("CARGO_BIN_EXE_platctl").into()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// An account that nobody else of this binary has.
pub(crate) fn new_account() -> String {
    static ACCOUNTS: AtomicU64 = AtomicU64::new(200_000_000_001);
    ACCOUNTS.fetch_add(1, Ordering::Relaxed).to_string()
}

/// A stack with its own account and its own state.
pub(crate) struct TestStack {
    pub(crate) aws: Arc<Aws>,
    pub(crate) store: Store,
    pub(crate) name: Stack,
    /// How many times faster than AWS everything is waited for.
    pub(crate) speed: f64,
    _folder: tempfile::TempDir,
}

impl TestStack {
    pub(crate) async fn new(server: &Server, name: &str) -> Self {
        Self::with_kubeconfig(server, name, None).await
    }

    pub(crate) async fn with_kubeconfig(
        server: &Server,
        name: &str,
        kubeconfig: Option<PathBuf>,
    ) -> Self {
        let account = new_account();
        let endpoint = aws::Endpoint {
            url: server.running.endpoint.clone(),
            access_key_id: access_key_id(&account),
        };
        let options = aws::Options {
            region: REGION.into(),
            sandbox: Some(endpoint),
            speed: SPEED,
            kubeconfig,
        };
        let folder = tempfile::tempdir().unwrap();
        let name = Stack::new(name);
        Self {
            aws: Arc::new(Aws::connect(&options).await),
            store: Store::new(folder.path(), &name),
            name,
            speed: SPEED,
            _folder: folder,
        }
    }

    /// One that works on somebody else's cluster, too.
    pub(crate) async fn beside(server: &Server, name: &str, cluster: &ApiServer) -> Self {
        let kubeconfig = Some(cluster.kubeconfig());
        let stack = Self::with_kubeconfig(server, name, kubeconfig).await;
        Self { speed: cluster.speed, ..stack }
    }

    /// Another stack in the same account.
    pub(crate) fn neighbour(&self, name: &str) -> Self {
        let (folder, name) = (tempfile::tempdir().unwrap(), Stack::new(name));
        let store = Store::new(folder.path(), &name);
        Self { aws: Arc::clone(&self.aws), store, name, speed: self.speed, _folder: folder }
    }

    /// The account's id.
    pub(crate) async fn account(&self) -> String {
        self.aws.region(REGION).account().await.unwrap().id.clone()
    }

    pub(crate) fn builder(&self) -> Builder {
        Builder::new(self.name.clone(), REGION, BTreeMap::from([("team".into(), "conf".into())]))
    }

    pub(crate) fn empty(&self) -> Graph {
        self.builder().build().unwrap()
    }

    /// What is recorded. A folder answers at once.
    pub(crate) fn state(&self) -> State {
        self.store.load().now_or_never().unwrap().unwrap()
    }

    pub(crate) async fn observe(&self, graph: &Graph) -> Observation {
        observe(&*self.aws, graph, &self.state()).await.unwrap()
    }

    pub(crate) async fn plan(&self, graph: &Graph, intent: Intent) -> Plan {
        let state = self.state();
        let observation = self.observe(graph).await;
        let origin = Origin { intent, region: REGION, blueprint: "test" };
        let plan = plan(graph, &state, &observation, origin);
        assert_eq!(check::check(&plan), [], "the planner made a defective plan");
        assert_eq!(plan.conflicts, []);
        plan
    }

    pub(crate) async fn run(&self, plan: &Plan) -> Outcome {
        let lock = self.store.lock("apply").await.unwrap();
        let mut state = self.state();
        let mut journal = self.store.begin(&lock, &mut state).await.unwrap();
        let (_interrupter, interrupts) = signal::channel();
        let work = Apply {
            cloud: Arc::clone(&self.aws) as Arc<dyn Cloud>,
            plan,
            state: &mut state,
            journal: &mut journal,
            pace: Pace { speed: self.speed },
            progress: &|_| {},
            interrupts,
        };
        let outcome = apply::apply(work).await.unwrap();
        self.store.finish(&lock, &state, journal).await.unwrap();
        outcome
    }

    /// Applies, which must succeed, and plans again, which must find nothing to do.
    pub(crate) async fn apply(&self, graph: &Graph) -> Plan {
        let plan = self.plan(graph, Intent::Apply).await;
        let outcome = self.run(&plan).await;
        assert!(outcome.is_success(), "{:#?}\nskipped: {:?}", outcome.failed, outcome.skipped);
        let again = self.plan(graph, Intent::Apply).await;
        assert_eq!(changes(&again), [""; 0], "the second plan must be empty");
        assert!(again.is_empty());
        plan
    }

    /// Destroys everything, which must leave nothing.
    pub(crate) async fn destroy(&self, graph: &Graph) {
        let plan = self.plan(&self.empty(), Intent::Destroy).await;
        let outcome = self.run(&plan).await;
        assert!(outcome.is_success(), "{:#?}", outcome.failed);
        assert!(self.state().resources.is_empty());
        let observed = self.observe(graph).await;
        assert_eq!(
            observed.addresses().collect::<Vec<_>>(),
            [] as [&Address; 0],
            "left after the destruction"
        );
    }
}

/// The changes of a plan, one line each: `~ network/vpc: Tags.team (drift)`.
pub(crate) fn changes(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().filter(|(_, change)| change.is_change());
    let line = |(address, change): (&Address, &platctl::plan::Change)| {
        let fields = change.fields.iter().map(|field| {
            let (before, after) = (&field.before, &field.after);
            format!("{} ({:?}: {before:?} → {after:?})", field.path, field.cause)
        });
        let fields: Vec<String> = fields.collect();
        format!("{} {address} {:?}: {}", change.action.glyph(), change.reason, fields.join(", "))
    };
    changes.map(line).collect()
}

/// Somebody else's request to the API of a cluster, as a field manager of that name.
pub(crate) async fn kubectl(
    cx: &Cx,
    cluster: &str,
    manager: &str,
    method: Method,
    path: &str,
    patch: Option<Value>,
) -> Value {
    let described = cx.describe_cluster(cluster).await.unwrap().unwrap();
    let token = cx.cluster_token(cluster).await.unwrap();
    let config = kube::Config::new(described.endpoint().unwrap().parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let mut request = request_as(manager, method, path, patch);
    let bearer = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("authorization", bearer);
    client.request(request).await.unwrap()
}

/// A request of a field manager; what it writes is an object or a merge patch.
pub(crate) fn request_as(
    manager: &str,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> Request<Vec<u8>> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let kind = if method == Method::PATCH { "merge-patch+json" } else { "json" };
    let request = Request::builder()
        .method(method)
        .uri(format!("{path}{separator}fieldManager={manager}"))
        .header("content-type", format!("application/{kind}"));
    request.body(body.map(|it| it.to_string()).unwrap_or_default().into_bytes()).unwrap()
}
