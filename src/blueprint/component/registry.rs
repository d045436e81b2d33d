//! `registries`: container repositories of ECR.

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{Int, Name};
use crate::source::{Span, Spanned};

schema! {
    /// A repository of container images.
    pub struct Registry("a registry") {
        /// Looks for known vulnerabilities in every image that is pushed.
        pub scan: bool = "true",
        /// How many images to keep, the newest; all if nothing is said.
        pub keep: Option<Spanned<Int<1, 100_000>>>,
        /// Whether a tag can be moved to another image.
        pub tags: TagMutability = "immutable",
        /// The key that encrypts the images; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// Deletes the repository even if it has images.
        pub force_delete: bool = "false",
    }
}

schema! {
    /// Whether a tag can be moved to another image.
    pub enum TagMutability {
        /// A tag always names the same image.
        Immutable = "immutable",
        /// A tag can be pushed again.
        Mutable = "mutable",
    }
}

impl Component for Registry {
    const TYPE: ComponentType = ComponentType::Registry;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, _check: &mut Check<'_>) {}
}
