//! The way to Kubernetes: an API for each cluster, its requests counted and held back like those to AWS.
//!
//! A cluster is named as in specs: an EKS cluster of the region by its name, anything else as `kubeconfig:` and a context.
//! EKS tells where the API of a cluster is and who signed its certificate. Whoever calls it shows a token, which is a
//! presigned request for who the caller is ([`token`]).

mod discovery;
mod fault;
mod token;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_eks::types::{Cluster, ClusterStatus};
use aws_smithy_types::base64;
use http::{Method, Request, header};
use kube::client::ClientBuilder;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::aws::{ATTEMPTS_MAX, Cx, Gate, PAUSE_FIRST};
use super::{Calls, Limits};
use crate::fault::{Call, Class, Fault, found};
use token::Tokens;

/// Begins the name of a cluster that a kubeconfig file tells of.
pub const KUBECONFIG: &str = "kubeconfig:";
/// Who applies what we apply.
const FIELD_MANAGER: &str = "platctl";
/// Objects in one page of a list, as `kubectl` asks for them.
const PAGE: &str = "500";
/// A list without pages.
const WHOLE: &str = "0";
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Webhooks may take 10 seconds each.
const CALL_MAX: Duration = Duration::from_mins(1);
/// A read that has failed this long is told, and not repeated here.
const REPEATED_WITHIN: Duration = Duration::from_secs(15);
/// How objects are asked for without anything but their metadata.
const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
const JSON: &str = "application/json";
/// What Kubernetes calls itself in counts and limits.
const SERVICE: &str = "kubernetes";

/// The clusters of a region, and what their APIs share.
#[derive(Debug)]
pub(super) struct Clusters {
    pub(super) access: Access,
    pub(super) limits: Limits,
    pub(super) credentials: Option<SharedCredentialsProvider>,
    known: Mutex<BTreeMap<String, Arc<Api>>>,
}

/// What APIs need beside AWS's clients.
#[derive(Clone, Debug, Default)]
pub(super) struct Access {
    pub(super) calls: Calls,
    pub(super) gate: Gate,
    /// In place of `KUBECONFIG` and `~/.kube/config`.
    pub(super) kubeconfig: Option<PathBuf>,
}

impl Clusters {
    pub(super) fn new(
        access: Access,
        limits: Limits,
        credentials: Option<SharedCredentialsProvider>,
    ) -> Self {
        Self { access, limits, credentials, known: Mutex::default() }
    }

    fn get(&self, name: &str) -> Option<Arc<Api>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn put(&self, name: &str, api: Api) -> Arc<Api> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(name.into()).or_insert_with(|| Arc::new(api)))
    }

    fn forget(&self, name: &str) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Cx {
    /// The API of a cluster; `None` if there is no such cluster, or none whose API answers yet or any more.
    pub async fn cluster(&self, name: &str) -> Result<Option<Arc<Api>>, Fault> {
        if let Some(api) = self.clusters.get(name) {
            return Ok(Some(api));
        }
        if let Some(context) = name.strip_prefix(KUBECONFIG) {
            let api = self.of_kubeconfig(context).await?;
            return Ok(Some(self.clusters.put(name, api)));
        }
        let Some(cluster) = self.describe_cluster(name).await? else { return Ok(None) };
        let works = matches!(
            cluster.status(),
            Some(ClusterStatus::Active | ClusterStatus::Updating | ClusterStatus::Pending)
        );
        let Some(endpoint) = cluster.endpoint().filter(|_| works) else { return Ok(None) };
        let authority = cluster.certificate_authority().and_then(|it| it.data());
        let mut config = Config::new(uri(endpoint)?);
        config.root_cert = authority.map(certificates).transpose()?;
        let tokens = self.clusters.credentials.clone().map(|credentials| {
            Tokens::new(credentials, &self.region, cluster.arn().unwrap_or_default(), name)
        });
        let api = self.api(config, tokens)?;
        Ok(Some(self.clusters.put(name, api)))
    }

    /// A token that the API of an EKS cluster of the region takes for who we are.
    pub async fn cluster_token(&self, name: &str) -> Result<String, Fault> {
        let credentials = self.clusters.credentials.clone();
        let credentials = credentials
            .ok_or_else(|| Fault::new(Class::Credentials, "there are no credentials"))?;
        let partition = &self.account().await?.partition;
        let arn = format!("arn:{partition}:eks:{}::cluster/{name}", self.region);
        Tokens::new(credentials, &self.region, &arn, name).current().await
    }

    /// A cluster of that name may be another one from now on.
    pub fn forget_cluster(&self, name: &str) {
        self.clusters.forget(name);
    }

    /// What EKS tells of a cluster; within a reading asked once.
    pub async fn describe_cluster(&self, name: &str) -> Result<Option<Cluster>, Fault> {
        self.once("DescribeCluster", name, async {
            let asked = Box::pin(self.eks.describe_cluster().name(name).send());
            let reply = found(asked.await)?;
            Ok(reply.and_then(|reply| reply.cluster))
        })
        .await
    }

    async fn of_kubeconfig(&self, context: &str) -> Result<Api, Fault> {
        let unreadable = |error: kube::config::KubeconfigError| {
            let why = fault::chain(&error);
            Fault::new(Class::Credentials, format!("context `{context}` of kubeconfig: {why}"))
        };
        let file = match &self.clusters.access.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let options = KubeConfigOptions { context: Some(context.into()), ..Default::default() };
        let config = Config::from_custom_kubeconfig(file.map_err(unreadable)?, &options);
        self.api(config.await.map_err(unreadable)?, None)
    }

    fn api(&self, mut config: Config, tokens: Option<Tokens>) -> Result<Api, Fault> {
        config.connect_timeout = Some(CONNECT_MAX);
        config.read_timeout = Some(CALL_MAX);
        // It would repeat effects too, and the engine would not know.
        config.default_retry = false;
        let endpoint = config.cluster_url.to_string();
        let client = ClientBuilder::try_from(config)
            .map_err(|error| Fault::bug(format!("client of {endpoint}: {}", fault::chain(&error))))?
            .build();
        let Clusters { access, limits, .. } = &*self.clusters;
        Ok(Api {
            client,
            endpoint,
            tokens,
            calls: access.calls.clone(),
            gate: access.gate.clone(),
            limits: limits.clone(),
            resources: Mutex::default(),
        })
    }
}

fn uri(endpoint: &str) -> Result<http::Uri, Fault> {
    endpoint.parse().map_err(|_| Fault::bug(format!("`{endpoint}` is no address of a cluster")))
}

/// The certificates of a bundle in PEM, which EKS gives in base64.
fn certificates(data: &str) -> Result<Vec<Vec<u8>>, Fault> {
    let wrong = || Fault::bug("the cluster's certificate authority is no certificate");
    let text =
        String::from_utf8(base64::decode(data).map_err(|_| wrong())?).map_err(|_| wrong())?;
    let blocks = text.split("-----BEGIN CERTIFICATE-----").skip(1);
    let decoded = blocks.map(|block| {
        let body = block.split("-----END CERTIFICATE-----").next().unwrap_or_default();
        base64::decode(body.split_whitespace().collect::<String>()).map_err(|_| wrong())
    });
    let certificates: Vec<Vec<u8>> = decoded.collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(wrong()) } else { Ok(certificates) }
}

/// A kind as URLs name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Empty for the core.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub namespaced: bool,
}

impl Resource {
    pub fn new(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Self {
        let (group, version) = (group.into(), version.into());
        Self { group, version, kind: kind.into(), plural: plural.into(), namespaced }
    }

    fn base(&self) -> String {
        base(&self.group, &self.version)
    }

    fn all(&self) -> String {
        format!("{}/{}", self.base(), self.plural)
    }

    /// The path of an object.
    pub fn one(&self, namespace: &str, name: &str) -> String {
        if self.namespaced && !namespace.is_empty() {
            format!("{}/namespaces/{namespace}/{}/{name}", self.base(), self.plural)
        } else {
            format!("{}/{name}", self.all())
        }
    }
}

fn base(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// What becomes of what an object owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// It goes after the object.
    Background,
    /// It goes before the object.
    Foreground,
}

/// A group, empty for the core, and one of its versions.
type GroupVersion = (String, String);

/// The API of a cluster.
pub struct Api {
    client: Client,
    endpoint: String,
    /// `None` where the client itself knows how to sign in.
    tokens: Option<Tokens>,
    calls: Calls,
    gate: Gate,
    limits: Limits,
    /// What the server said that it knows, by group, version and kind.
    resources: Mutex<BTreeMap<GroupVersion, Arc<Vec<Resource>>>>,
}

impl std::fmt::Debug for Api {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Api").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Api {
    /// How the server calls a kind; `None` if it does not know it. What it does not know it may know in a moment, so that
    /// is asked again.
    pub async fn discover(
        &self,
        group: &str,
        version: &str,
        kind: &str,
    ) -> Result<Option<Resource>, Fault> {
        let key = (group.to_owned(), version.to_owned());
        let find = |all: &[Resource]| all.iter().find(|it| it.kind == kind).cloned();
        let known =
            self.resources.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(resource) = known.and_then(|all| find(&all)) {
            return Ok(Some(resource));
        }
        let url = base(group, version);
        let reply = found(self.read("ListResources", &url).await)?;
        let listed = reply.as_ref().and_then(|reply| reply["resources"].as_array());
        let resources = listed.into_iter().flatten().filter_map(|it| {
            let plural = it["name"].as_str().filter(|name| !name.contains('/'))?;
            let namespaced = it["namespaced"].as_bool()?;
            Some(Resource::new(group, version, it["kind"].as_str()?, plural, namespaced))
        });
        let all: Arc<Vec<Resource>> = Arc::new(resources.collect());
        let found = find(&all);
        self.resources.lock().unwrap_or_else(PoisonError::into_inner).insert(key, all);
        Ok(found)
    }

    /// The metadata of all objects of a kind that have a label of this value (`key=value`).
    pub async fn list_metadata(&self, of: &Resource, label: &str) -> Result<Vec<Value>, Fault> {
        self.list_as(of, Some(label), METADATA).await
    }

    /// All objects of a kind in all namespaces: those that have the label, whatever its value, or all.
    pub async fn list(&self, of: &Resource, label: Option<&str>) -> Result<Vec<Value>, Fault> {
        self.list_as(of, label, JSON).await
    }

    /// Where the server has forgotten the state of which the former pages told, all are asked for once more, in one piece.
    async fn list_as(
        &self,
        of: &Resource,
        label: Option<&str>,
        accept: &str,
    ) -> Result<Vec<Value>, Fault> {
        let (mut items, mut more, mut limit) = (Vec::new(), String::new(), PAGE);
        loop {
            let mut url = format!("{}?limit={limit}", of.all());
            for (key, value) in [("labelSelector", label.unwrap_or_default()), ("continue", &more)]
            {
                if !value.is_empty() {
                    url.extend(["&", key, "=", &encoded(value)]);
                }
            }
            let action = format!("List{}", of.kind);
            let answer = match self.read_as(&action, &url, accept).await {
                Err(fault) if fault.is(Class::Stale) && limit != WHOLE && !more.is_empty() => {
                    items.clear();
                    more.clear();
                    limit = WHOLE;
                    continue;
                }
                answer => answer,
            };
            // A kind that vanished, with its definition, has no objects.
            let Some(mut page) = found(answer)? else { return Ok(Vec::new()) };
            page["metadata"]["continue"].as_str().unwrap_or_default().clone_into(&mut more);
            if let Value::Array(found) = page["items"].take() {
                items.extend(found);
            }
            if more.is_empty() {
                return Ok(items);
            }
        }
    }

    pub async fn get(
        &self,
        of: &Resource,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Value>, Fault> {
        let action = format!("Get{}", of.kind);
        found(self.read(&action, &of.one(namespace, name)).await)
    }

    /// Server-side apply of a whole manifest. With `force` fields of other managers are taken over.
    pub async fn apply(
        &self,
        of: &Resource,
        namespace: &str,
        name: &str,
        manifest: &Value,
        force: bool,
    ) -> Result<Value, Fault> {
        let url = format!(
            "{}?fieldManager={FIELD_MANAGER}&force={force}&fieldValidation=Strict",
            of.one(namespace, name)
        );
        // JSON is YAML.
        let kind = "application/apply-patch+yaml";
        let action = format!("Apply{}", of.kind);
        let applied = self.write(&action, Method::PATCH, &url, kind, manifest).await;
        applied.map_err(|fault| match fault.class {
            // Its namespace, or its kind, is not there yet.
            Class::NotFound => Fault { class: Class::NotYet, ..fault },
            _ => fault,
        })
    }

    /// A JSON patch.
    pub async fn patch(
        &self,
        of: &Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<(), Fault> {
        let url = format!("{}?fieldManager={FIELD_MANAGER}", of.one(namespace, name));
        let kind = "application/json-patch+json";
        let action = format!("Patch{}", of.kind);
        self.write(&action, Method::PATCH, &url, kind, patch).await.map(drop)
    }

    /// Asks for the deletion; finalizers may take their time. What is not there is a success.
    pub async fn delete(
        &self,
        of: &Resource,
        namespace: &str,
        name: &str,
        propagation: Propagation,
    ) -> Result<(), Fault> {
        let policy = match propagation {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
        };
        let options = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy,
        });
        let action = format!("Delete{}", of.kind);
        let kind = "application/json";
        let url = of.one(namespace, name);
        found(self.write(&action, Method::DELETE, &url, kind, &options).await).map(drop)
    }

    /// A read as JSON.
    async fn read(&self, action: &str, url: &str) -> Result<Value, Fault> {
        self.read_as(action, url, JSON).await
    }

    /// A read in another form. It is tried as often as one of AWS.
    async fn read_as(&self, action: &str, url: &str, accept: &str) -> Result<Value, Fault> {
        let call = Call { service: SERVICE.into(), action: action.into() };
        let (begun, mut pause) = (Instant::now(), self.limits.scaled(PAUSE_FIRST));
        let mut left = ATTEMPTS_MAX;
        loop {
            left -= 1;
            let request = Request::get(url).header(header::ACCEPT, accept);
            match self.send(&call, request, Vec::new()).await {
                Err(fault) if left > 0 && may_pass(&fault) && begun.elapsed() < REPEATED_WITHIN => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                answer => return answer,
            }
        }
    }

    /// An effect, which is sent once: repeating it is the engine's decision.
    async fn write(
        &self,
        action: &str,
        method: Method,
        url: &str,
        content: &str,
        body: &Value,
    ) -> Result<Value, Fault> {
        let call = Call { service: SERVICE.into(), action: action.into() };
        let request = Request::builder().method(method).uri(url);
        let request = request.header(header::ACCEPT, JSON).header(header::CONTENT_TYPE, content);
        self.send(&call, request, body.to_string().into_bytes()).await
    }

    async fn send(
        &self,
        call: &Call,
        mut request: http::request::Builder,
        body: Vec<u8>,
    ) -> Result<Value, Fault> {
        self.limits.admit(call).await;
        if !self.gate.lets_through(call).await {
            return Err(fault::not_sent(call.clone()));
        }
        if let Some(tokens) = &self.tokens {
            let token = tokens
                .current()
                .await
                .map_err(|fault| Fault { call: Some(call.clone()), ..fault })?;
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request =
            request.body(body).map_err(|error| Fault::bug(format!("request {call}: {error}")))?;
        self.calls.count(call);
        tracing::trace!(%call, url = %request.uri(), "request");
        let answer = tokio::time::timeout(CALL_MAX, self.client.request::<Value>(request)).await;
        let fault = match answer {
            Ok(Ok(reply)) => return Ok(reply),
            Ok(Err(error)) => fault::of(call.clone(), &error, &self.endpoint),
            Err(_) => fault::no_answer(call.clone(), &self.endpoint),
        };
        if fault.is(Class::Throttled) {
            self.limits.throttled(call);
        }
        Err(fault)
    }
}

/// Whether the same read may be answered in a moment.
fn may_pass(fault: &Fault) -> bool {
    matches!(fault.class, Class::Throttled | Class::Unavailable | Class::Unanswered)
}

/// Percent-encoded, for a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// An API that gives these answers, one after the other: status and body. It tells what it was asked for.
    async fn api(answers: Vec<(u16, Value)>) -> (Api, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = tokio::spawn(async move {
            let mut asked = Vec::new();
            for (status, body) in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap();
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                asked.push(text.split_whitespace().nth(1).unwrap_or_default().to_owned());
                let body = body.to_string();
                let head = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}",
                    body.len()
                );
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.unwrap();
            }
            asked
        });
        let config = Config::new(uri(&endpoint).unwrap());
        let api = Api {
            client: ClientBuilder::try_from(config).unwrap().build(),
            endpoint,
            tokens: None,
            calls: Calls::default(),
            gate: Gate::default(),
            limits: Limits::new(1.0),
            resources: Mutex::default(),
        };
        (api, served)
    }

    /// A list that ends early would look as if somebody had deleted the rest.
    #[tokio::test]
    async fn a_list_whose_pages_have_expired_is_read_anew_in_one_piece() {
        let item = |name: &str| json!({"metadata": {"name": name}});
        let expired = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {"continue": "c2"}, "status": "Failure", "code": 410,
            "reason": "Expired", "message": "The provided continue parameter is too old",
        });
        let (api, served) = api(vec![
            (200, json!({"metadata": {"continue": "c1"}, "items": [item("a")]})),
            (410, expired),
            (200, json!({"metadata": {}, "items": [item("a"), item("b")]})),
        ])
        .await;
        let maps = Resource::new("", "v1", "ConfigMap", "configmaps", true);
        assert_eq!(api.list(&maps, None).await.unwrap(), [item("a"), item("b")]);
        let asked = [
            "/api/v1/configmaps?limit=500",
            "/api/v1/configmaps?limit=500&continue=c1",
            "/api/v1/configmaps?limit=0",
        ];
        assert_eq!(served.await.unwrap(), asked);
    }

    #[test]
    fn urls_name_group_namespace_and_object() {
        let pods = Resource::new("", "v1", "Pod", "pods", true);
        assert_eq!(pods.all(), "/api/v1/pods");
        assert_eq!(pods.one("shop", "a"), "/api/v1/namespaces/shop/pods/a");
        let issuers =
            Resource::new("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers", false);
        assert_eq!(issuers.one("", "a"), "/apis/cert-manager.io/v1/clusterissuers/a");
        assert_eq!(encoded("platctl.dev/stack"), "platctl.dev%2Fstack");
    }

    #[test]
    fn a_bundle_holds_several_certificates() {
        let pem = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";
        let data = base64::encode(format!("{pem}{pem}"));
        assert_eq!(certificates(&data).unwrap(), [vec![1, 2, 3], vec![1, 2, 3]]);
        assert!(certificates("AQID").is_err());
    }
}
