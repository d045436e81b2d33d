//! A cluster that is none of EKS: a context of a kubeconfig file.

use std::fs;

use platctl::blueprint::{self, Selection};
use platctl::graph::compile::{Account, compile};
use serde_json::{Value, json};

use crate::support::api_server::ApiServer;
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
        let theirs = ApiServer::with_controllers().await;
        let mut config: Value =
            serde_json::from_slice(&fs::read(theirs.kubeconfig()).unwrap()).unwrap();
        let its = config["contexts"][0]["context"].clone();
        config["contexts"] = json!([
            {"name": "theirs", "context": its},
            {"name": "other", "context": {"cluster": "nowhere", "user": "nobody"}},
        ]);
        config["current-context"] = json!("other");
        fs::write(theirs.kubeconfig(), config.to_string()).unwrap();
        let stack = TestStack::beside(&server, "guest", &theirs).await;
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
