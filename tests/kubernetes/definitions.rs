//! Custom resources whose definition is on the cluster alone: what it would refuse is refused at plan time.

use std::fs;
use std::process::Stdio;

use http::Request;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::api_server::{ApiServer, CONTEXT};
use crate::support::{Server, TODAY, with_sandbox};

/// `SIZE` stands in line 8.
const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: guest
region: eu-west-1
existing: {cluster: {context: CONTEXT}}
resources:
  namespace: {type: v1/Namespace, properties: {metadata: {name: guests}}}
  thing: {type: example.com/v1/Thing, properties: {metadata: {name: a, namespace: guests}, spec: {size: SIZE}}}
";

/// A cluster of others, and a person who may use it.
struct Guest {
    folder: TempDir,
    theirs: ApiServer,
}

impl Guest {
    async fn new(server: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = folder.path().join("cache/sandbox/servers/default");
        fs::create_dir_all(&sandbox).unwrap();
        let record = serde_json::to_string(&server.running).unwrap();
        fs::write(sandbox.join("server.json"), record).unwrap();
        Self { folder, theirs: ApiServer::any().await }
    }

    /// What its owners do there.
    async fn owners(&self, path: &str, object: &Value) {
        let request = Request::post(path).header("content-type", "application/json");
        self.theirs.ask(request.body(object.to_string().into_bytes()).unwrap()).await.unwrap();
    }

    /// Exit code, and all that was said.
    async fn run(&self, line: &str, size: &str) -> (i32, String) {
        let folder = self.folder.path();
        let text = BLUEPRINT.replace("SIZE", size).replace("CONTEXT", CONTEXT);
        fs::write(folder.join("platctl.yaml"), text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split(' ')).args(["--sandbox", "--kubeconfig"]);
        command.arg(self.theirs.kubeconfig());
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
