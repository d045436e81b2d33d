//! A service, as far as AWS is concerned: its images, its logs, and the role of its pods.

use serde_json::{Value, json};

use super::identity::web_identity_trust;
use super::{Compiler, get, key, pod_identity_trust, registry};
use crate::address::Address;
use crate::blueprint::component::identity::Via;
use crate::blueprint::component::service::Service;
use crate::blueprint::value::Name;
use crate::kind::reference::join;

impl Compiler<'_> {
    pub(super) fn service(&mut self, name: &Name, service: &Service) {
        let component = component(name);
        if self.owns_repository(name, service) {
            let spec = json!({
                "RepositoryName": format!("{}/{}", self.blueprint.stack, service.image.repository),
                "ImageScanningConfiguration": {"ScanOnPush": true},
                "ImageTagMutability": "IMMUTABLE",
                "EncryptionConfiguration": registry::encryption(service.key.as_ref()),
                "LifecyclePolicy": registry::keep(service.keep.get()),
            });
            self.add(&repository(name), "AWS::ECR::Repository", spec);
        }
        let spec = json!({
            "LogGroupName": format!("/{}/services/{name}", self.blueprint.stack),
            "RetentionInDays": service.log_retention.days,
            "KmsKeyId": key::arn(service.key.as_ref()),
        });
        self.add(&Address::of(&component, "log-group"), "AWS::Logs::LogGroup", spec);

        let statements = self.grants(&service.uses);
        if statements.is_empty() {
            return;
        }
        let role = role(name);
        let account = service.account(name, &self.blueprint.name);
        let spec = json!({
            // Identities have names like those of services.
            "RoleName": self.role_name(&format!("service-{name}")),
            "Description": format!("pods of service {name}"),
            "AssumeRolePolicyDocument": match service.identity.value {
                Via::PodIdentity => pod_identity_trust(),
                Via::Irsa => web_identity_trust(&account, None),
            },
        });
        self.add(&role, "AWS::IAM::Role", spec);
        self.role_policy(&component, &role, name, statements);
        match service.identity.value {
            Via::PodIdentity => self.pod_identity(&component, &account, &role),
            // The annotation of the service account names the role.
            Via::Irsa => {}
        }
    }

    /// Its image with its registry: that of the repository that is made for it, or of one of the blueprint's.
    pub(super) fn image(&self, service: &Service) -> Value {
        let image = &service.image;
        if let Some(known) = self.registry_image(image) {
            return known;
        }
        // The first of several services with one image has the repository for all.
        let first = self.blueprint.services.iter().find(|(_, other)| {
            other.image.registry.is_none() && other.image.repository == image.repository
        });
        let Some((owner, _)) = first else { return Value::Null };
        join([get(&repository(owner), "RepositoryUri"), json!(image.suffix())])
    }

    /// An image of another registry has its repository there, one of the blueprint's registries is one, and the first of
    /// several services with one image has the repository for all.
    fn owns_repository(&self, name: &Name, service: &Service) -> bool {
        let image = &service.image;
        let registry = self.builder.name_added("registries", &image.repository);
        let mut registries = self.blueprint.registries.keys();
        let mut earlier = self.blueprint.services.range(..name).map(|(_, other)| &other.image);
        image.registry.is_none()
            && !registries.any(|it| it.as_str() == registry)
            && !earlier.any(|it| it.registry.is_none() && it.repository == image.repository)
    }
}

/// The labels by which its pods are found. They cannot be changed, so there is no more in them than the name.
pub(super) fn selector(name: &Name) -> Value {
    json!({"app.kubernetes.io/name": name.as_str()})
}

pub(super) fn role(name: &Name) -> Address {
    Address::of(&component(name), "role")
}

fn repository(name: &Name) -> Address {
    Address::of(&component(name), "repository")
}

pub(super) fn component(name: &Name) -> String {
    format!("services.{name}")
}
