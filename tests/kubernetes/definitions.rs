//! Custom resources whose definition is on the cluster alone: what it would refuse is refused at plan time.

use std::fs;
use std::process::Stdio;

use http::{Method, Request};
use platctl::sandbox::kube::{Handle, Options, Tokens, serve};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::{Server, TODAY, with_sandbox};

/// `SIZE` stands in line 8.
const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: guest
region: eu-west-1
existing: {cluster: {context: theirs}}
resources:
  namespace: {type: v1/Namespace, properties: {metadata: {name: guests}}}
  thing: {type: example.com/v1/Thing, properties: {metadata: {name: a, namespace: guests}, spec: {size: SIZE}}}
";

/// A cluster of others, and a person who may use it.
struct Guest {
    folder: TempDir,
    url: String,
    _cluster: Handle,
}

impl Guest {
    async fn new(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { tokens: Tokens::Any, speed: 1000.0, ..Options::default() };
        let cluster = serve(listener, options).unwrap();
        let url = cluster.cluster("123456789012", "eu-west-1", "theirs", "1");
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "apiVersion": "v1", "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "anything"}}],
            "contexts": [{"name": "theirs", "context": {"cluster": "c", "user": "u"}}],
        });
        fs::write(folder.path().join("kubeconfig"), config.to_string()).unwrap();
        let sandbox = folder.path().join("cache/sandbox/servers/default");
        fs::create_dir_all(&sandbox).unwrap();
        let record = serde_json::to_string(&server.running).unwrap();
        fs::write(sandbox.join("server.json"), record).unwrap();
        Self { folder, url, _cluster: cluster }
    }

    /// What its owners do there.
    async fn owners(&self, path: &str, object: &Value) {
        let client = kube::Client::try_from(kube::Config::new(self.url.parse().unwrap())).unwrap();
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header("content-type", "application/json");
        let body = object.to_string().into_bytes();
        client.request::<Value>(request.body(body).unwrap()).await.unwrap();
    }

    /// Exit code, and all that was said.
    async fn run(&self, line: &str, size: &str) -> (i32, String) {
        let folder = self.folder.path();
        fs::write(folder.join("platctl.yaml"), BLUEPRINT.replace("SIZE", size)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split(' ')).args(["--sandbox", "--kubeconfig", "kubeconfig"]);
        command.current_dir(folder).stdin(Stdio::null()).env_clear();
        command.env("HOME", folder).env("PLATCTL_CACHE_DIR", folder.join("cache"));
        let output = command.env("SOURCE_DATE_EPOCH", TODAY).output().await.unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(said).unwrap())
    }
}

fn definition() -> Value {
    let size = json!({"type": "integer", "minimum": 1});
    let spec = json!({"type": "object", "properties": {"size": size}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things", "singular": "thing", "listKind": "ThingList"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
            }],
        },
    })
}

#[test]
fn what_the_definition_on_the_cluster_refuses_is_told_at_its_line_before_anything_is_done() {
    with_sandbox(|server| async move {
        let guest = Guest::new(&server).await;
        let (exit, said) = guest.run("plan", "3").await;
        assert_eq!(exit, 2, "somebody may still define it: {said}");
        let unknown = "the cluster does not know `example.com/v1/Thing`, and nothing in the blueprint defines it";
        assert!(said.contains(unknown) && said.contains("platctl.yaml:8:"), "{said}");

        let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        guest.owners(definitions, &definition()).await;
        let (exit, said) = guest.run("apply --yes", "0").await;
        assert_eq!(exit, 3, "{said}");
        let wrong = "resources.thing/resource: `spec.size`: 0 is less than the minimum of 1";
        assert!(said.contains(wrong) && said.contains("platctl.yaml:8:"), "{said}");
        let (_, listed) = guest.run("state list", "0").await;
        assert!(!listed.contains("namespace"), "nothing was made: {listed}");

        let (exit, said) = guest.run("apply --yes", "3").await;
        assert_eq!(exit, 0, "{said}");
        let (exit, said) = guest.run("plan -v", "3").await;
        assert_eq!(exit, 0, "{said}");
        assert!(!said.contains("CustomResourceDefinition"), "what is kept is not judged: {said}");
        let (exit, said) = guest.run("plan", "many").await;
        assert_eq!(exit, 3, "{said}");
        assert!(said.contains("\"many\" is not of type \"integer\""), "{said}");
        let (exit, said) = guest.run("destroy --yes", "many").await;
        assert_eq!(exit, 0, "what is wrong with it is of no matter in the end: {said}");
    });
}
