//! A service, as far as AWS is concerned: its images, its logs, and the role of its pods.

use serde_json::json;

use super::{Compiler, key, pod_identity_trust, registry};
use crate::address::Address;
use crate::blueprint::component::service::Service;
use crate::blueprint::value::Name;

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
            self.add(&Address::of(&component, "repository"), "AWS::ECR::Repository", spec);
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
        let role = Address::of(&component, "role");
        let spec = json!({
            // Identities have names like those of services.
            "RoleName": self.role_name(&format!("service-{name}")),
            "Description": format!("pods of service {name}"),
            "AssumeRolePolicyDocument": pod_identity_trust(),
        });
        self.add(&role, "AWS::IAM::Role", spec);
        self.role_policy(&component, &role, name, statements);
        let account = service.account(name, &self.blueprint.name);
        self.pod_identity(&component, &account, &role);
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

fn component(name: &Name) -> String {
    format!("services.{name}")
}
