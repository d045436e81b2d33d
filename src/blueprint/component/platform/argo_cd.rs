//! Argo CD, its projects and applications.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Chart, ChartSettings};
use crate::blueprint::Blueprint;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Invalid, schema};
use crate::blueprint::reference::Reference;
use crate::blueprint::value::{DomainName, Name, word};
use crate::chart::ChartUse;
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::source::{Span, Spanned};

const CHART: Chart = Chart {
    component: "argoCd",
    repository: "https://argoproj.github.io/argo-helm",
    name: "argo-cd",
};

/// The project that Argo CD makes itself, in which everything is allowed.
pub(crate) const DEFAULT_PROJECT: &str = "default";
/// The application that holds the others.
pub(crate) const APP_OF_APPS: &str = "apps";

schema! {
    /// Brings what stands in Git to the cluster, and keeps it so.
    pub struct ArgoCd("Argo CD") {
        ..chart: ChartSettings,
        /// Its namespace.
        pub namespace: Spanned<Name> = "argocd",
        /// The host name under which people reach it.
        pub host: Option<Spanned<DomainName>>,
        /// Runs each of its parts more than once.
        pub high_availability: bool = "false",
        /// The repositories that it cannot read without credentials.
        pub repositories: BTreeMap<Name, Spanned<GitRepository>>,
        /// What groups of applications may do.
        pub projects: BTreeMap<Name, Spanned<GitProject>>,
        /// What it brings to the cluster.
        pub applications: BTreeMap<Name, Spanned<GitApplication>>,
        /// A folder of applications, which are brought to the cluster with all that they bring.
        pub app_of_apps: Option<Spanned<AppOfApps>>,
    }
}

word! {
    /// Where a Git repository is.
    pub struct GitUrl("a Git repository", ["https://github.com/acme/shop.git", "git@github.com:acme/shop.git"], |text| {
        let rest = ["https://", "ssh://git@", "git@"].iter().find_map(|it| text.strip_prefix(it));
        let Some(rest) = rest else {
            return Err(Invalid::new("must start with `https://`, `ssh://git@` or `git@`"));
        };
        if rest.contains('@') {
            return Err(Invalid::new("has credentials in it")
                .hint("Put them into a secret, and name that in the `repositories` of `argoCd`."));
        }
        if rest.is_empty() || !rest.contains('/') || !rest.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new("must be a host and a path"));
        }
        Ok(())
    });
}

word! {
    /// A folder of a repository.
    pub struct RepositoryPath("a folder of a repository", ["deploy/overlays/prod", "."], |text| {
        if text.starts_with('/') || text.split('/').any(|part| part == "..") {
            return Err(Invalid::new("must be a path inside the repository"));
        }
        if text.is_empty() || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(Invalid::new("must be printable ASCII characters without spaces"));
        }
        Ok(())
    });
}

schema! {
    /// A repository with credentials.
    pub struct GitRepository("a repository") {
        /// Where it is.
        pub url: Spanned<GitUrl>,
        /// The secret with the credentials: a JSON object with `username` and `password`, or with `sshPrivateKey`.
        pub secret: Spanned<Reference>,
    }
}

schema! {
    /// What applications of a project may do.
    pub struct GitProject("a project") {
        /// What it is for.
        pub description: Option<String>,
        /// The repositories from which they may come; those of its applications if none is named.
        pub repositories: Vec<Spanned<GitUrl>>,
        /// The namespaces into which they may bring something; those of its applications if none is named.
        pub namespaces: Vec<Spanned<Name>>,
        /// Whether they may bring what belongs to no namespace, beside namespaces.
        pub cluster_resources: bool = "false",
    }
}

schema! {
    /// Something in Git that is brought to the cluster.
    pub struct GitApplication("an application") {
        /// The repository.
        pub repository: Spanned<GitUrl>,
        /// The folder in it: manifests, a kustomization or a chart.
        pub path: Spanned<RepositoryPath>,
        /// The branch, tag or commit.
        pub revision: Spanned<String> = "HEAD",
        /// The namespace into which it is brought; that of the blueprint's name if nothing is said.
        pub namespace: Option<Spanned<Name>>,
        /// Its project.
        pub project: Spanned<Name> = "default",
        /// Whether it is brought to the cluster without being asked.
        pub sync: SyncMode = "auto",
        /// Deletes what is gone from Git.
        pub prune: bool = "true",
        /// Undoes what others change on the cluster.
        pub self_heal: bool = "true",
        /// Values, if it is a chart.
        pub values: Option<serde_json::Value>,
    }
}

schema! {
    /// When something is brought to the cluster.
    pub enum SyncMode {
        /// Whenever Git and cluster differ.
        Auto = "auto",
        /// When somebody asks for it.
        Manual = "manual",
    }
}

schema! {
    /// A folder of applications.
    pub struct AppOfApps("an app of apps") {
        /// The repository.
        pub repository: Spanned<GitUrl>,
        /// The folder in it, with manifests of applications.
        pub path: Spanned<RepositoryPath>,
        /// The branch, tag or commit.
        pub revision: Spanned<String> = "HEAD",
    }
}

impl ArgoCd {
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        CHART.check(&self.chart, at, check);
        for repository in self.repositories.values() {
            check.copied_secret(&repository.secret, &self.namespace);
        }
        for application in self.applications.values() {
            self.check_application(application, check);
        }
        if let (Some(all), Some(one)) = (&self.app_of_apps, self.application(APP_OF_APPS)) {
            check.report(
                Diagnostic::error(format!("two applications are called `{APP_OF_APPS}`"))
                    .at(one.span, "called so here")
                    .also(all.span, "always called so"),
            );
        }
        if let Some(project) =
            self.projects.iter().find(|(name, _)| name.as_str() == DEFAULT_PROJECT)
        {
            check.report(
                Diagnostic::error(format!("Argo CD makes the project `{DEFAULT_PROJECT}` itself"))
                    .at(project.1.span, "made again")
                    .hint("Give it another name."),
            );
        }
    }

    fn check_application(&self, application: &GitApplication, check: &mut Check<'_>) {
        let GitApplication { repository, namespace, project, .. } = application;
        if project.as_str() == DEFAULT_PROJECT {
            return;
        }
        let Some(found) = self.projects.get(&project.value) else {
            let names = self.projects.keys().map(Name::as_str);
            let problem = Diagnostic::error(format!("no project is called `{project}`"));
            check.report(match did_you_mean(project.as_str(), names) {
                Some(meant) => problem.at(project.span, format!("did you mean `{meant}`?")),
                None => problem.at(project.span, "not one of the `projects`"),
            });
            return;
        };
        let GitProject { repositories, namespaces, .. } = &found.value;
        if !repositories.is_empty() && !repositories.iter().any(|it| it.value == repository.value) {
            check.report(
                Diagnostic::error(format!("project `{project}` does not allow the repository"))
                    .at(repository.span, "not one of its `repositories`")
                    .also(project.span, "the project"),
            );
        }
        if let Some(namespace) = namespace
            && !namespaces.is_empty()
            && !namespaces.iter().any(|it| it.value == namespace.value)
        {
            check.report(
                Diagnostic::error(format!("project `{project}` does not allow the namespace"))
                    .at(namespace.span, "not one of its `namespaces`")
                    .also(project.span, "the project"),
            );
        }
    }

    fn application(&self, name: &str) -> Option<&Spanned<GitApplication>> {
        self.applications.iter().find(|(it, _)| it.as_str() == name).map(|(_, it)| it)
    }

    /// The applications of a project.
    pub(crate) fn applications_of<'a>(
        &'a self,
        project: &'a Name,
    ) -> impl Iterator<Item = &'a GitApplication> {
        let applications = self.applications.values().map(|it| &it.value);
        applications.filter(move |it| it.project.value == *project)
    }

    pub(super) fn chart(&self, blueprint: &Blueprint, at: Span) -> ChartUse {
        let replicas = if self.high_availability { 2 } else { 1 };
        let mut values = json!({
            "crds": {"install": true, "keep": false},
            "fullnameOverride": "argocd",
            // Nobody has told it yet how people log in.
            "dex": {"enabled": false},
            "redis-ha": {"enabled": self.high_availability},
            "server": {"replicas": replicas},
            "repoServer": {"replicas": replicas},
            "applicationSet": {"replicas": replicas},
        });
        if let Some(host) = &self.host {
            values["global"] = json!({"domain": host.as_str()});
        }
        CHART.used(&self.chart, &self.namespace, values, blueprint, at)
    }
}
