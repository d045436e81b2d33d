//! A repository of container images.

use serde_json::{Value, json};

use super::{Compiler, get, key};
use crate::address::Address;
use crate::blueprint::component::key::Key;
use crate::blueprint::component::registry::{Registry, TagMutability};
use crate::blueprint::reference::Link;
use crate::blueprint::value::{Image, Name};
use crate::kind::reference::join;
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

impl Compiler<'_> {
    /// An image with its registry's host, or that of one of the blueprint's registries; `None` if it is in none of them.
    pub(super) fn registry_image(&self, image: &Image) -> Option<Value> {
        if let Some(host) = &image.registry {
            return Some(json!(format!("{host}/{}{}", image.repository, image.suffix())));
        }
        let name = self.builder.name_added("registries", &image.repository);
        let mut registries = self.blueprint.registries.keys();
        let registry = address(registries.find(|it| it.as_str() == name)?);
        Some(join([get(&registry, "RepositoryUri"), json!(image.suffix())]))
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
