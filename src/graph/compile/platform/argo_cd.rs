//! The projects and applications of Argo CD, and the credentials of its repositories.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::external_secrets::remote_name;
use crate::address::Address;
use crate::blueprint::component::platform::argo_cd::{
    APP_OF_APPS, AppOfApps, ArgoCd, DEFAULT_PROJECT, GitApplication, GitProject, GitRepository,
    SyncMode,
};
use crate::blueprint::value::Name;
use crate::graph::compile::Compiler;

const COMPONENT: &str = "platform.argoCd";

/// The cluster on which Argo CD runs, as it calls it.
const THIS_CLUSTER: &str = "https://kubernetes.default.svc";

/// With it an application takes what it brought along when it goes.
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

impl Compiler<'_> {
    pub(super) fn argo_cd(&mut self, argo: &ArgoCd) {
        for (name, repository) in &argo.repositories {
            self.git_repository(argo, name, repository);
        }
        for (name, project) in &argo.projects {
            self.git_project(argo, name, project);
        }
        for (name, application) in &argo.applications {
            self.git_application(argo, name, application);
        }
        if let Some(apps) = &argo.app_of_apps {
            self.app_of_apps(argo, apps);
        }
    }

    /// Argo CD finds credentials by the label of the secret.
    fn git_repository(&mut self, argo: &ArgoCd, name: &Name, repository: &GitRepository) {
        let secret = format!("repository-{name}");
        let copy = json!({
            "target": {"template": {
                "mergePolicy": "Merge",
                "metadata": {"labels": {"argocd.argoproj.io/secret-type": "repository"}},
                "data": {"type": "git", "url": repository.url.as_str()},
            }},
            "dataFrom": [{"extract": {"key": remote_name(&repository.secret)}}],
        });
        let namespace = &argo.namespace;
        let at = Address::of(COMPONENT, &format!("externalsecret/{namespace}/{secret}"));
        self.copy_secret(&at, namespace, &secret, copy);
    }

    fn git_project(&mut self, argo: &ArgoCd, name: &Name, project: &GitProject) {
        let named = project.repositories.iter().map(|it| it.as_str().to_owned());
        let mut repositories: BTreeSet<String> = named.collect();
        if repositories.is_empty() {
            let own = argo.applications_of(name).map(|it| it.repository.as_str().to_owned());
            repositories.extend(own);
        }
        let named = project.namespaces.iter().map(|it| it.as_str().to_owned());
        let mut namespaces: BTreeSet<String> = named.collect();
        if namespaces.is_empty() {
            namespaces.extend(argo.applications_of(name).map(|it| self.namespace_of(it)));
        }
        let destinations: Vec<Value> = namespaces
            .iter()
            .map(|namespace| json!({"server": THIS_CLUSTER, "namespace": namespace}))
            .collect();
        let cluster_resources = if project.cluster_resources {
            json!([{"group": "*", "kind": "*"}])
        } else {
            json!([{"group": "*", "kind": "Namespace"}])
        };
        let spec = json!({
            "metadata": {"name": name.as_str(), "namespace": argo.namespace.as_str()},
            "spec": {
                "description": project.description.clone().unwrap_or_default(),
                "sourceRepos": repositories,
                "destinations": destinations,
                "clusterResourceWhitelist": cluster_resources,
            },
        });
        self.object(&project_at(argo, name), "argoproj.io/v1alpha1/AppProject", spec);
    }

    fn namespace_of(&self, application: &GitApplication) -> String {
        let own = application.namespace.as_ref();
        own.unwrap_or(&self.blueprint.name).to_string()
    }

    fn git_application(&mut self, argo: &ArgoCd, name: &Name, application: &GitApplication) {
        let mut source = json!({
            "repoURL": application.repository.as_str(),
            "path": application.path.as_str(),
            "targetRevision": application.revision.value,
        });
        if let Some(values) = &application.values {
            source["helm"] = json!({"valuesObject": values});
        }
        let mut policy = json!({"syncOptions": ["CreateNamespace=true"]});
        if application.sync == SyncMode::Auto {
            policy["automated"] =
                json!({"prune": application.prune, "selfHeal": application.self_heal});
        }
        let spec = json!({
            "project": application.project.as_str(),
            "source": source,
            "destination": {"server": THIS_CLUSTER, "namespace": self.namespace_of(application)},
            "syncPolicy": policy,
        });
        let project = argo
            .projects
            .contains_key(&application.project.value)
            .then(|| project_at(argo, &application.project));
        self.application_object(argo, name.as_str(), spec, project.as_ref());
    }

    fn app_of_apps(&mut self, argo: &ArgoCd, apps: &AppOfApps) {
        let spec = json!({
            "project": DEFAULT_PROJECT,
            "source": {
                "repoURL": apps.repository.as_str(),
                "path": apps.path.as_str(),
                "targetRevision": apps.revision.value,
            },
            "destination": {"server": THIS_CLUSTER, "namespace": argo.namespace.as_str()},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        });
        self.application_object(argo, APP_OF_APPS, spec, None);
    }

    fn application_object(
        &mut self,
        argo: &ArgoCd,
        name: &str,
        spec: Value,
        project: Option<&Address>,
    ) {
        let namespace = argo.namespace.as_str();
        let object = json!({
            "metadata": {"name": name, "namespace": namespace, "finalizers": [FINALIZER]},
            "spec": spec,
        });
        let at = Address::of(COMPONENT, &format!("application/{namespace}/{name}"));
        let added = self.object(&at, "argoproj.io/v1alpha1/Application", object);
        if let Some(project) = project {
            added.after(project);
        }
    }
}

fn project_at(argo: &ArgoCd, name: &Name) -> Address {
    Address::of(COMPONENT, &format!("appproject/{}/{name}", argo.namespace.as_str()))
}
