//! A secret of Secrets Manager and its rotation.

use serde_json::{Value, json};

use super::{Compiler, get, key};
use crate::address::Address;
use crate::blueprint::component::secret::{Generate, Secret};
use crate::blueprint::value::Name;
use crate::kind::DeletionPolicy;

impl Compiler<'_> {
    pub(super) fn secret(&mut self, name: &Name, secret: &Secret) {
        let address = address(name);
        let spec = json!({
            "Name": format!("{}/{name}", self.blueprint.stack),
            "Description": secret.description.as_ref().map(|it| it.value.clone()),
            "KmsKeyId": key::arn(secret.key.as_ref()),
            "GenerateSecretString": secret.generate.as_ref().map(recipe),
        });
        let policy = match secret.recovery.as_option() {
            Some(_) => DeletionPolicy::Snapshot,
            None => DeletionPolicy::Delete,
        };
        self.add(&address, "AWS::SecretsManager::Secret", spec).deletion(policy);
        if let Some(rotation) = &secret.rotation {
            let spec = json!({
                "SecretId": get(&address, "Id"),
                "RotationLambdaARN": rotation.lambda.as_str(),
                "RotationRules": {"AutomaticallyAfterDays": rotation.every.get()},
            });
            let address = Address::of(&component(name), "rotation");
            self.add(&address, "AWS::SecretsManager::RotationSchedule", spec);
        }
    }
}

/// How Secrets Manager makes the first value up.
fn recipe(generate: &Generate) -> Value {
    let template = || -> serde_json::Map<String, Value> {
        let members = generate.template.iter();
        members.map(|(key, value)| (key.as_str().to_owned(), json!(value))).collect()
    };
    json!({
        "PasswordLength": generate.length.get(),
        "ExcludeCharacters": generate.exclude.as_ref().map(|it| it.value.clone()),
        "ExcludePunctuation": generate.alphanumeric.then_some(true),
        "GenerateStringKey": generate.json_key.as_ref().map(|it| it.value.clone()),
        "SecretStringTemplate": generate.json_key.as_ref().map(|_| Value::Object(template()).to_string()),
    })
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "secret")
}

fn component(name: &Name) -> String {
    format!("secrets.{name}")
}
