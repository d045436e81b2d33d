//! `charts`: Helm charts on the cluster. The `helm` program renders them; each object that comes of it is a resource of
//! its own.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{
    ChartName, ChartRepository, ChartVersion, FilePath, Name, Namespace, ObjectName, Values,
};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A Helm chart. Each object that it renders to is planned, compared and deleted by itself.
    pub struct Chart("a chart") {
        /// The repository that has it; with `chart`.
        pub repository: Option<Spanned<ChartRepository>>,
        /// Its name in the repository.
        pub chart: Option<Spanned<ChartName>>,
        /// Its version or a range of versions; the newest if nothing is said. `platctl.lock` keeps which one it is.
        pub version: Option<Spanned<ChartVersion>>,
        /// The folder of a chart, from that of the blueprint on; in place of `repository` and `chart`.
        pub path: Option<Spanned<FilePath>>,
        /// Its namespace; called as the chart is here if nothing is said.
        pub namespace: Option<Spanned<Namespace>>,
        /// Makes the namespace, unless something else of the blueprint does.
        pub create_namespace: bool = "true",
        /// Values in place of the chart's own. `platctl-ref(ADDRESS.OUTPUT)` in a text stands for the output of another resource.
        pub values: Option<Spanned<Values>>,
        /// Files with values, from the folder of the blueprint on; later ones count, and `values` last.
        pub values_files: Vec<Spanned<FilePath>>,
        /// Installs its custom resource definitions.
        pub crds: bool = "true",
        /// Secrets of the chart that hold nothing secret, by their names. All others must be without data.
        pub plain_secrets: Vec<Spanned<ObjectName>>,
    }
}

impl Component for Chart {
    const TYPE: ComponentType = ComponentType::Chart;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_cluster("a chart", at);
        match (&self.path, &self.repository, &self.chart) {
            (Some(_), None, None) => {
                if let Some(version) = &self.version {
                    check.report(
                        Diagnostic::error("a chart in a folder has the version of the folder")
                            .at(version.span, "says another one")
                            .hint("Leave it out."),
                    );
                }
            }
            (Some(path), ..) => {
                let other = self.repository.as_ref().map(|it| it.span);
                let other = other.or_else(|| self.chart.as_ref().map(|it| it.span));
                let problem = Diagnostic::error("a chart is in a folder or in a repository")
                    .at(path.span, "in a folder");
                check.report(match other {
                    Some(span) => problem.also(span, "and in a repository"),
                    None => problem,
                });
            }
            (None, Some(_), Some(_)) => {}
            (None, Some(repository), None) => check.report(
                Diagnostic::error("which chart of the repository is meant?")
                    .at(repository.span, "has many")
                    .hint("Name it: `chart: NAME`."),
            ),
            (None, None, _) => check.report(
                Diagnostic::error("a chart needs `repository` and `chart`, or `path`")
                    .at(at, "says not where it is"),
            ),
        }
        if self.repository.is_some() && self.version.is_none() {
            check.report(
                Diagnostic::warning("the chart may have any version")
                    .at(at, "has no `version`")
                    .hint("`platctl.lock` keeps the one that was found first."),
            );
        }
    }
}
