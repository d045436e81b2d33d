//! With kubectl as the client, where there is one.

use crate::support::api_server::ApiServer;

const MAP: &str = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1"}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_applies_reads_edits_and_deletes() {
    let world = ApiServer::any().await;
    let run = |args: &[&str], input: &str| world.kubectl(args, input);
    let apply = ["apply", "--server-side", "-f", "-"];
    let Some((ok, said)) = run(&apply, MAP) else { return };
    assert!(ok, "{said}");
    assert_eq!(said.trim(), "configmap/settings serverside-applied");
    let said = |args: &[&str], input: &str| {
        let (ok, said) = run(args, input).unwrap();
        assert!(ok, "{args:?}: {said}");
        said.trim().to_owned()
    };
    assert_eq!(said(&["get", "cm", "settings", "-o", "jsonpath={.data.a}"], ""), "1");
    said(&["patch", "configmap", "settings", "--type=merge", "-p", r#"{"data": {"a": "2"}}"#], "");
    said(&["label", "configmap", "settings", "tier=front"], "");
    assert_eq!(
        said(&["get", "configmaps", "-l", "tier=front", "-o", "name"], ""),
        "configmap/settings"
    );
    let (ok, refused) = run(&apply, MAP).unwrap();
    assert!(!ok && refused.contains("conflict with \"kubectl-patch\" using v1"), "{refused}");
    said(&["apply", "--server-side", "--force-conflicts", "-f", "-"], MAP);
    assert_eq!(said(&["get", "cm", "settings", "-o", "jsonpath={.data.a}"], ""), "1");
    assert!(
        said(&["apply", "-f", "-"], &MAP.replace("settings", "classic"))
            .starts_with("configmap/classic created")
    );
    assert!(
        said(&["apply", "-f", "-"], &MAP.replace("settings", "classic"))
            .starts_with("configmap/classic unchanged")
    );
    let deleted = said(&["delete", "cm", "settings", "classic"], "");
    assert!(deleted.contains("configmap \"classic\" deleted"), "{deleted}");
    assert!(said(&["api-resources"], "").contains("deployments"));
}
