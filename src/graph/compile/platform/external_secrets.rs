//! The role and the stores of the External Secrets Operator.

use serde_json::{Value, json};

use super::prometheus;
use crate::address::Address;
use crate::blueprint::component::platform::external_secrets::{ACCOUNT, ExternalSecrets};
use crate::blueprint::reference::Reference;
use crate::blueprint::value::Name;
use crate::graph::compile::{Compiler, get, secret};
use crate::source::Spanned;

const COMPONENT: &str = "platform.externalSecrets";

impl Compiler<'_> {
    pub(super) fn external_secrets(&mut self, secrets: &ExternalSecrets) {
        let span = secrets.store.span;
        let uses: Vec<Spanned<Reference>> =
            self.blueprint.copied_secrets().into_iter().map(|it| Spanned::new(it, span)).collect();
        let mut statements = self.grants(&uses);
        if let Some(own) = self.grafana_secret_grant() {
            statements.push(own);
        }
        if !statements.is_empty() {
            self.platform_role(COMPONENT, &secrets.namespace, ACCOUNT, statements);
        }
        let provider = json!({"provider": {"aws": {
            "service": "SecretsManager",
            "region": self.builder.region(),
        }}});
        let store = secrets.store.as_str();
        if secrets.namespaces.is_empty() {
            let at = Address::of(COMPONENT, &format!("clustersecretstore/{store}"));
            let spec = json!({"metadata": {"name": store}, "spec": provider});
            self.object(&at, "external-secrets.io/v1/ClusterSecretStore", spec);
        }
        for namespace in &secrets.namespaces {
            let at = Address::of(COMPONENT, &format!("secretstore/{namespace}/{store}"));
            let spec = json!({
                "metadata": {"name": store, "namespace": namespace.as_str()}, "spec": provider,
            });
            self.object(&at, "external-secrets.io/v1/SecretStore", spec);
        }
    }

    /// A secret of the cluster that is copied from Secrets Manager: `rest` of the spec says what of it.
    pub(super) fn copy_secret(&mut self, at: &Address, namespace: &Name, name: &str, rest: Value) {
        let platform = self.blueprint.platform.as_ref();
        let Some(secrets) = platform.and_then(|it| it.external_secrets.as_ref()) else { return };
        let mut spec = json!({
            "refreshInterval": "1h",
            "secretStoreRef": {"kind": secrets.store_kind(), "name": secrets.store.as_str()},
        });
        if let (Some(spec), Value::Object(rest)) = (spec.as_object_mut(), rest) {
            spec.extend(rest);
        }
        let spec = json!({
            "metadata": {"name": name, "namespace": namespace.as_str()},
            "spec": spec,
        });
        self.object(at, "external-secrets.io/v1/ExternalSecret", spec);
    }

    /// What allows to read the secret that is made up for Grafana, if one is.
    fn grafana_secret_grant(&self) -> Option<Value> {
        let component = self.blueprint.platform.as_ref()?.prometheus.as_ref()?;
        component.makes_up_password().then(prometheus::password_grant)
    }
}

/// The name by which the operator finds a secret of the blueprint.
pub(super) fn remote_name(secret: &Reference) -> Value {
    get(&secret::address(&secret.name), "Name")
}
