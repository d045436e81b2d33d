//! `manifests`: Kubernetes objects as files have them.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{FilePath, Name, Namespace, ObjectName};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// Kubernetes objects from files. Each is planned, compared and deleted by itself.
    pub struct Manifest("a set of manifests") {
        /// A file, or a folder with files that end in `.yaml`, `.yml` or `.json`; from the folder of the blueprint on.
        pub path: Option<Spanned<FilePath>>,
        /// The folder of a kustomization, in place of `path`; `kubectl` builds it.
        pub kustomize: Option<Spanned<FilePath>>,
        /// The namespace of objects that name none; `default` if nothing is said.
        pub namespace: Option<Spanned<Namespace>>,
        /// Secrets that hold nothing secret, by their names. All others must be without data.
        pub plain_secrets: Vec<Spanned<ObjectName>>,
    }
}

impl Component for Manifest {
    const TYPE: ComponentType = ComponentType::Manifest;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a set of manifests", at);
        match (&self.path, &self.kustomize) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(path), Some(kustomize)) => check.report(
                Diagnostic::error("manifests are files or a kustomization")
                    .at(kustomize.span, "a kustomization")
                    .also(path.span, "files"),
            ),
            (None, None) => check.report(
                Diagnostic::error("a set of manifests needs `path` or `kustomize`")
                    .at(at, "says not where they are"),
            ),
        }
    }
}
