//! How Grafana gets the password of its first user.

use serde_json::{Value, json};

use super::{allow, external_secrets};
use crate::address::Address;
use crate::blueprint::component::platform::prometheus::{
    ADMIN, ADMIN_PASSWORD, ADMIN_USER, Grafana, Prometheus,
};
use crate::blueprint::reference::Reference;
use crate::graph::compile::{Compiler, get};

const COMPONENT: &str = "platform.prometheus";

/// The key of the password in a secret that is made up.
const PASSWORD: &str = "password";

impl Compiler<'_> {
    pub(super) fn prometheus(&mut self, prometheus: &Prometheus) {
        let Some(grafana) = &prometheus.grafana else { return };
        if prometheus.makes_up_password() {
            let spec = json!({
                "Name": format!("{}/grafana", self.blueprint.stack),
                "Description": "first user of Grafana",
                "GenerateSecretString": {
                    "PasswordLength": 32,
                    "ExcludePunctuation": true,
                    "GenerateStringKey": PASSWORD,
                    "SecretStringTemplate": "{}",
                },
            });
            self.add(&secret(), "AWS::SecretsManager::Secret", spec);
        }
        let (remote, property) = self.password_of(grafana);
        let copy = json!({
            "target": {"template": {"data": {
                ADMIN_USER: "admin",
                ADMIN_PASSWORD: "{{ .password }}",
            }}},
            "data": [{"secretKey": "password", "remoteRef": {"key": remote, "property": property}}],
        });
        let at = Address::of(
            COMPONENT,
            &format!("externalsecret/{}/{ADMIN}", prometheus.namespace.as_str()),
        );
        self.copy_secret(&at, &prometheus.namespace, ADMIN, copy);
    }

    /// Which secret holds the password, and at which key if it is a JSON object.
    fn password_of(&self, grafana: &Grafana) -> (Value, Option<String>) {
        let Some(named) = &grafana.admin_secret else {
            return (get(&secret(), "Name"), Some(PASSWORD.to_owned()));
        };
        let Reference { name, .. } = &named.value;
        let recipe = self.blueprint.secrets.get(name).and_then(|it| it.generate.as_ref());
        let key = recipe.and_then(|it| it.json_key.as_ref());
        (external_secrets::remote_name(named), key.map(|it| it.value.clone()))
    }
}

/// What allows the operator to read the secret that is made up.
pub(super) fn password_grant() -> Value {
    allow(&["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], get(&secret(), "Id"))
}

fn secret() -> Address {
    Address::of(COMPONENT, "grafana-secret")
}
