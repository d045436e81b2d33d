//! A Kubernetes API on this machine, with many clusters in one server: the other half of the sandbox.
//!
//! A cluster is a prefix of paths, `/clusters/<account>/<region>/<name>/<unique>`, and begins with the first request to it:
//! an API server with its built-in kinds, as far as a client of the API can tell (discovery, all verbs, server-side apply,
//! custom resources, admission, deletion), and controllers that show what they would when their time has passed. There are no
//! nodes and no pods, and webhooks are not called. What Services and Ingresses ask for is made in the sandbox's AWS.
//!
//! ```text
//! process     the server as a process of the sandbox
//! http        requests and replies            write       what every write goes through
//! discovery   what there is                   types       built-in types (types.txt), structural: those of CRDs
//! verbs       the verbs on a resource         fields      sets of fields; managers: who owns them, apply
//! watch       changes as they happen          lifecycle   finalizers, owners, namespaces
//! store       a cluster's data                controllers what happens by itself
//! load_balancers  what happens in AWS: balancer_stacks (for whom), balancer_model (what), balancer_aws (how)
//! ```

mod admission;
mod auth;
mod autoscalers;
mod balancer_aws;
mod balancer_model;
mod balancer_stacks;
mod controllers;
#[expect(
    clippy::collapsible_match,
    clippy::single_match_else,
    reason = "tables of kinds: an arm is a row"
)]
mod defaults;
mod definitions;
mod discovery;
mod fields;
mod http;
mod lifecycle;
mod load_balancers;
mod managers;
mod patch;
pub(super) mod process;
mod quantity;
mod resources;
mod selector;
mod status;
mod store;
mod structural;
mod types;
#[expect(clippy::collapsible_match, reason = "tables of kinds: an arm is a row")]
mod validate;
mod verbs;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch as signal;
use tokio::task::JoinHandle;

use http::{Reply, Request};
use status::{Answer, Status};
use store::Cluster;
use verbs::Target;

/// How often what is due by itself happens where no request comes: watches see it then.
const TICK: Duration = Duration::from_millis(20);

/// How a server is to behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many times faster than a cluster things happen.
    pub speed: f64,
    /// The version of Kubernetes that it says it has: `1.33`.
    pub version: String,
    /// Whether requests need a token of EKS.
    pub tokens: Tokens,
    /// Its identity, which tells it from whatever else may have come to use its port.
    pub instance: String,
}

/// Whose tokens are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens {
    /// Those of EKS, as an EKS cluster does.
    OfEks,
    /// Any, or none: for tests with other clients.
    Any,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            speed: super::DEFAULT_SPEED,
            version: "1.33".into(),
            tokens: Tokens::OfEks,
            instance: String::new(),
        }
    }
}

/// A running server; it ends with its handle.
#[derive(Debug)]
pub struct Handle {
    address: SocketAddr,
    stopped: signal::Receiver<bool>,
    tasks: [JoinHandle<()>; 3],
}

/// Serves on a listener.
pub fn serve(listener: TcpListener, options: Options) -> io::Result<Handle> {
    let address = listener.local_addr()?;
    let (stop, stopped) = signal::channel(false);
    let server = Arc::new(Server {
        speed: Mutex::new(options.speed),
        options,
        clusters: Mutex::default(),
        aws: Mutex::default(),
        stop,
    });
    let ticking = Arc::clone(&server);
    let ticker = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(TICK);
        loop {
            ticks.tick().await;
            ticking.tick();
        }
    });
    let balancing = tokio::spawn(load_balancers::run(Arc::clone(&server)));
    let answering = tokio::spawn(http::serve(listener, move |request| {
        let server = Arc::clone(&server);
        async move { server.answer(&request) }
    }));
    Ok(Handle { address, stopped, tasks: [ticker, balancing, answering] })
}

impl Handle {
    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a cluster.
    pub fn cluster(&self, account: &str, region: &str, name: &str, unique: &str) -> String {
        format!("{}/clusters/{account}/{region}/{name}/{unique}", self.url())
    }

    /// Waits until somebody asks the server to stop.
    pub async fn stopped(&mut self) {
        // A server that is gone has stopped as well.
        let _ = self.stopped.wait_for(|stopped| *stopped).await;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

struct Server {
    options: Options,
    speed: Mutex<f64>,
    clusters: Mutex<BTreeMap<String, Arc<Mutex<Cluster>>>>,
    /// Where AWS answers; until that is told, nothing is made there.
    aws: Mutex<Option<String>>,
    stop: signal::Sender<bool>,
}

impl Server {
    fn answer(&self, request: &Request) -> Reply {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let answered = match path.as_slice() {
            ["platctl", control @ ..] => self.control(request, control),
            ["clusters", account, region, name, unique, rest @ ..] => {
                let prefix = format!("/clusters/{account}/{region}/{name}/{unique}");
                self.of_cluster(request, &prefix, rest)
            }
            _ => Err(Status::no_such_path()),
        };
        answered.unwrap_or_else(|status| Reply::json(status.code, &status.to_json()))
    }

    fn control(&self, request: &Request, path: &[&str]) -> Answer<Reply> {
        #[derive(Deserialize)]
        struct Configure {
            speed: f64,
            /// What is not said stays.
            aws: Option<String>,
        }
        match (request.method.as_str(), path) {
            ("GET", ["health"]) => Ok(Reply::json(
                200,
                &json!({ "instance": self.options.instance, "speed": self.speed(), "pid": std::process::id() }),
            )),
            ("POST", ["reset"]) => {
                self.clusters.lock().unwrap_or_else(PoisonError::into_inner).clear();
                Ok(Reply::json(200, &json!({})))
            }
            ("POST", ["configure"]) => {
                let Configure { speed, aws } = serde_json::from_slice(&request.body)
                    .map_err(|error| Status::bad_request(error.to_string()))?;
                *self.speed.lock().unwrap_or_else(PoisonError::into_inner) = speed;
                if aws.is_some() {
                    *self.aws.lock().unwrap_or_else(PoisonError::into_inner) = aws;
                }
                let is_in_aws = self.aws().is_some();
                for cluster in self.all() {
                    let mut cluster = cluster.lock().unwrap_or_else(PoisonError::into_inner);
                    (cluster.speed, cluster.is_in_aws) = (speed, is_in_aws);
                }
                Ok(Reply::json(200, &json!({})))
            }
            ("POST", ["stop"]) => {
                self.stop.send_replace(true);
                Ok(Reply::json(200, &json!({})))
            }
            _ => Err(Status::no_such_path()),
        }
    }

    fn speed(&self) -> f64 {
        *self.speed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn aws(&self) -> Option<String> {
        self.aws.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn by_path(&self) -> BTreeMap<String, Arc<Mutex<Cluster>>> {
        self.clusters.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn all(&self) -> impl Iterator<Item = Arc<Mutex<Cluster>>> {
        self.by_path().into_values()
    }

    fn tick(&self) {
        for cluster in self.all() {
            controllers::run_due(&mut cluster.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    fn cluster(&self, prefix: &str) -> Arc<Mutex<Cluster>> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clusters.entry(prefix.into()).or_insert_with(|| {
            let mut cluster = Cluster::new(self.speed());
            cluster.is_in_aws = self.aws().is_some();
            controllers::bootstrap(&mut cluster);
            Arc::new(Mutex::new(cluster))
        });
        Arc::clone(known)
    }

    fn of_cluster(&self, request: &Request, prefix: &str, path: &[&str]) -> Answer<Reply> {
        if self.options.tokens == Tokens::OfEks
            && !auth::is_token_of_eks(request.header("authorization"))
        {
            return Err(Status::unauthorized());
        }
        let shared = self.cluster(prefix);
        let mut cluster = shared.lock().unwrap_or_else(PoisonError::into_inner);
        controllers::run_due(&mut cluster);
        let resources = cluster.resources();
        let aggregated = request.header("accept").contains("APIGroupDiscoveryList")
            && request.header("accept").contains("v=v2;");
        let json = |body: Value| Ok(Reply::json(200, &body));
        let found = |body: Option<Value>| {
            body.map(|body| Reply::json(200, &body)).ok_or_else(Status::no_such_path)
        };
        match path {
            ["version"] => json(discovery::version(&self.options.version)),
            ["healthz" | "livez" | "readyz"] => json(json!("ok")),
            ["api"] if aggregated => Ok(discovery::aggregated(&resources, true)),
            ["apis"] if aggregated => Ok(discovery::aggregated(&resources, false)),
            ["api"] => json(discovery::api_versions()),
            ["apis"] => json(discovery::group_list(&resources)),
            ["api", version] => found(discovery::resource_list(&resources, "", version)),
            // Groups that nobody has get no `Status`.
            ["apis", group, ..] if !resources.iter().any(|it| it.group == *group) => {
                Ok(Reply::text(404, "404 page not found\n"))
            }
            ["apis", group] => found(discovery::group(&resources, group)),
            ["apis", group, version] => found(discovery::resource_list(&resources, group, version)),
            ["openapi", "v3"] => json(discovery::openapi_paths(&resources, prefix)),
            ["openapi", "v3", "api", version] => json(discovery::openapi(&resources, "", version)),
            ["openapi", "v3", "apis", group, version] => {
                json(discovery::openapi(&resources, group, version))
            }
            ["api", version, rest @ ..] => {
                object_call(&shared, &mut cluster, request, ("", version), rest)
            }
            ["apis", group, version, rest @ ..] => {
                object_call(&shared, &mut cluster, request, (group, version), rest)
            }
            _ => Err(Status::no_such_path()),
        }
    }
}

/// A call about objects: the path behind group and version.
fn object_call(
    shared: &Arc<Mutex<Cluster>>,
    cluster: &mut Cluster,
    request: &Request,
    (group, version): (&str, &str),
    path: &[&str],
) -> Answer<Reply> {
    let (namespace, rest) = match path {
        // A namespace itself, and its parts.
        ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => (None, path),
        ["namespaces", namespace, rest @ ..] => (Some((*namespace).to_owned()), rest),
        _ => (None, path),
    };
    let (plural, name, subresource) = match rest {
        [plural] => (plural, None, ""),
        [plural, name] => (plural, Some((*name).to_owned()), ""),
        [plural, name, subresource] => (plural, Some((*name).to_owned()), *subresource),
        _ => return Err(Status::no_such_path()),
    };
    let resource = cluster.resource(group, plural).ok_or_else(Status::no_such_path)?;
    let served = resource.version(version).ok_or_else(Status::no_such_path)?;
    let has = match subresource {
        "" => true,
        "status" => served.status,
        "scale" => served.scale.is_some(),
        "finalize" => resource.is("", "namespaces"),
        _ => false,
    };
    let scoped =
        namespace.is_some() == resource.namespaced || (namespace.is_none() && name.is_none());
    if !has || !scoped {
        return Err(Status::no_such_path());
    }
    let watched = matches!(request.param("watch"), "1" | "true");
    if watched && request.method == "GET" && name.is_none() {
        return watch::watch(shared, cluster, Arc::clone(&resource), version, namespace, request);
    }
    let target = Target {
        resource: &resource,
        version: served,
        namespace,
        name,
        subresource: subresource.into(),
    };
    let (code, body) = verbs::call(cluster, &target, request)?;
    let accept = request.header("accept");
    if request.method == "GET" && accept.contains("as=PartialObjectMetadata") {
        return Ok(Reply::json(code, &metadata_only(&body)));
    }
    Ok(Reply::json(code, &body))
}

/// As clients ask for it that only want to know what there is.
fn metadata_only(body: &Value) -> Value {
    let one = |object: &Value| json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] });
    match body["items"].as_array() {
        Some(items) => {
            let items: Vec<Value> = items.iter().map(one).collect();
            json!({ "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": body["metadata"], "items": items })
        }
        None => one(body),
    }
}
