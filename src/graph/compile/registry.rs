//! A repository of container images.

use serde_json::{Value, json};

use super::{Compiler, key};
use crate::address::Address;
use crate::blueprint::component::registry::{Registry, TagMutability};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn registry(&mut self, name: &Name, registry: &Registry) {
        let encryption = match key::arn(registry.key.as_ref()) {
            Some(key) => json!({"EncryptionType": "KMS", "KmsKey": key}),
            None => json!({"EncryptionType": "AES256"}),
        };
        let spec = json!({
            "RepositoryName": format!("{}/{}", self.blueprint.stack, self.known_as(name)),
            "ImageScanningConfiguration": {"ScanOnPush": registry.scan},
            "ImageTagMutability": match registry.tags {
                TagMutability::Immutable => "IMMUTABLE",
                TagMutability::Mutable => "MUTABLE",
            },
            "EncryptionConfiguration": encryption,
            "LifecyclePolicy": registry.keep.as_ref().map(|keep| json!({
                "LifecyclePolicyText": keep_newest(keep.get()).to_string(),
            })),
            "EmptyOnDelete": registry.force_delete,
        });
        self.add(&address(name), "AWS::ECR::Repository", spec);
    }
}

fn keep_newest(count: u32) -> Value {
    json!({"rules": [{
        "rulePriority": 1,
        "description": format!("keep the newest {count} images"),
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    }]})
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&format!("registries.{name}"), "repository")
}
