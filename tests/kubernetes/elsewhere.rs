//! A cluster that is none of EKS: a context of a kubeconfig file.

use std::fs;

use platctl::blueprint::{self, Selection};
use platctl::graph::compile::{Account, compile};
use platctl::sandbox::kube::{Options, Tokens, serve};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{TestStack, with_sandbox};

const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: guest
region: eu-west-1
existing: {cluster: {context: theirs}}
resources:
  namespace: {type: v1/Namespace, properties: {metadata: {name: guests}}}
  config: {type: v1/ConfigMap, properties: {metadata: {name: a, namespace: guests}, data: {a: b}}}
";

#[test]
fn objects_live_on_a_cluster_of_a_kubeconfig_file() {
    with_sandbox(|server| async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = Options { tokens: Tokens::Any, speed: 1000.0, ..Options::default() };
        let theirs = serve(listener, options).unwrap();
        let url = theirs.cluster("123456789012", "eu-west-1", "theirs", "1");
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kubeconfig.json");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "other",
            "clusters": [{"name": "c", "cluster": {"server": url}}],
            "users": [{"name": "u", "user": {"token": "anything"}}],
            "contexts": [
                {"name": "theirs", "context": {"cluster": "c", "user": "u"}},
                {"name": "other", "context": {"cluster": "nowhere", "user": "u"}},
            ],
        });
        fs::write(&file, config.to_string()).unwrap();
        let stack = TestStack::with_kubeconfig(&server, "guest", Some(file)).await;
        let loaded =
            blueprint::load_bytes("guest.yaml", BLUEPRINT.as_bytes(), Selection::default());
        let blueprint = loaded.blueprint.unwrap();
        let account = Account::placeholder(&blueprint);
        let graph = compile(&blueprint, &account, &crate::charts::rendered(&blueprint)).unwrap();
        let config = &graph.nodes[&"resources.config/resource".parse().unwrap()];
        assert_eq!(config.spec["cluster"], "kubeconfig:theirs");
        stack.apply(&graph).await;
        stack.destroy(&graph).await;
    });
}
