//! A repository of container images.

use serde_json::{Value, json};

use super::{Compiler, key};
use crate::address::Address;
use crate::blueprint::component::key::Key;
use crate::blueprint::component::registry::{Registry, TagMutability};
use crate::blueprint::reference::Link;
use crate::blueprint::value::Name;
use crate::source::Spanned;

impl Compiler<'_> {
    pub(super) fn registry(&mut self, name: &Name, registry: &Registry) {
        let spec = json!({
            "RepositoryName": format!("{}/{name}", self.blueprint.stack),
            "ImageScanningConfiguration": {"ScanOnPush": registry.scan},
            "ImageTagMutability": match registry.tags {
                TagMutability::Immutable => "IMMUTABLE",
                TagMutability::Mutable => "MUTABLE",
            },
            "EncryptionConfiguration": encryption(registry.key.as_ref()),
            "LifecyclePolicy": registry.keep.as_ref().map(|count| keep(count.get())),
            "EmptyOnDelete": registry.force_delete,
        });
        self.add(&address(name), "AWS::ECR::Repository", spec);
    }
}

/// How a repository encrypts its images.
pub(super) fn encryption(key: Option<&Spanned<Link<Key>>>) -> Value {
    match key::arn(key) {
        Some(key) => json!({"EncryptionType": "KMS", "KmsKey": key}),
        None => json!({"EncryptionType": "AES256"}),
    }
}

/// The lifecycle policy that keeps the newest images.
pub(super) fn keep(count: u32) -> Value {
    let policy = json!({"rules": [{
        "rulePriority": 1,
        "description": format!("keep the newest {count} images"),
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count},
        "action": {"type": "expire"},
    }]});
    json!({"LifecyclePolicyText": policy.to_string()})
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&format!("registries.{name}"), "repository")
}
