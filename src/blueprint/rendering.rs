//! What of a blueprint others render before it is compiled: charts and manifests.

use super::Blueprint;
use super::component::chart::Chart;
use super::component::manifest::Manifest;
use super::value::Name;
use crate::chart::{ChartOptions, ChartUse, ManifestSource, ManifestUse, Wanted};
use crate::source::Spanned;

impl Blueprint {
    /// All charts of the blueprint, those of its regions too.
    pub fn charts(&self) -> Vec<ChartUse> {
        self.wanted().charts.into_iter().map(|(chart, _)| chart).collect()
    }

    /// All that is to be rendered for the blueprint. Names of releases are in what they render to, so components that have
    /// moved have their former ones, as in the compiler.
    pub fn wanted(&self) -> Wanted {
        let (former, _) = self.under_former_names();
        let mut wanted = Wanted::default();
        former.part_wanted("", &mut wanted);
        for (name, region) in &former.regions {
            region.value.part_wanted(&format!("regions.{name}."), &mut wanted);
        }
        wanted
    }

    /// Of the blueprint itself, or of its part in a region.
    fn part_wanted(&self, scope: &str, wanted: &mut Wanted) {
        let kubernetes = self.cluster.as_ref().map(|it| it.version.to_string());
        for (name, chart) in &self.charts {
            let options = ChartOptions { kubernetes: kubernetes.clone(), ..options(chart) };
            wanted.charts.push((chart_use(scope, name, chart), options));
        }
        for chart in self.platform.iter().flat_map(|it| it.charts(self)) {
            let component = format!("{scope}{}", chart.component);
            let options =
                ChartOptions { kubernetes: kubernetes.clone(), ..ChartOptions::default() };
            wanted.charts.push((ChartUse { component, ..chart }, options));
        }
        for (name, manifest) in &self.manifests {
            wanted.manifests.extend(manifest_use(scope, name, manifest));
        }
    }
}

impl Chart {
    /// The namespace of its release.
    pub fn namespace<'a>(&'a self, name: &'a Name) -> &'a str {
        self.namespace.as_ref().map_or(name.as_str(), |it| it.as_str())
    }
}

fn chart_use(scope: &str, name: &Name, chart: &Spanned<Chart>) -> ChartUse {
    let Chart { repository, chart: of, version, path, values, .. } = &chart.value;
    ChartUse {
        name: name.to_string(),
        repository: repository.as_ref().map(ToString::to_string),
        // The check of the component sees to it that one of them is there.
        chart: match (of, path) {
            (Some(of), _) => of.to_string(),
            (None, Some(path)) => path.to_string(),
            (None, None) => String::new(),
        },
        version: version.as_ref().map(ToString::to_string),
        namespace: chart.namespace(name).to_owned(),
        values: values.as_ref().map_or_else(|| serde_json::json!({}), |it| it.value.0.clone()),
        component: format!("{scope}charts.{name}"),
        span: Some(chart.span),
    }
}

fn options(chart: &Chart) -> ChartOptions {
    let text =
        |file: &Spanned<super::value::FilePath>| Spanned::new(file.value.to_string(), file.span);
    ChartOptions {
        values_files: chart.values_files.iter().map(text).collect(),
        crds: chart.crds,
        plain_secrets: chart.plain_secrets.iter().map(ToString::to_string).collect(),
        kubernetes: None,
    }
}

fn manifest_use(scope: &str, name: &Name, manifest: &Spanned<Manifest>) -> Option<ManifestUse> {
    let Manifest { path, kustomize, namespace, plain_secrets } = &manifest.value;
    let source = match (path, kustomize) {
        (Some(path), _) => ManifestSource::Path(Spanned::new(path.to_string(), path.span)),
        (None, Some(folder)) => {
            ManifestSource::Kustomize(Spanned::new(folder.to_string(), folder.span))
        }
        (None, None) => return None,
    };
    Some(ManifestUse {
        component: format!("{scope}manifests.{name}"),
        source,
        namespace: namespace.as_ref().map_or_else(|| "default".into(), ToString::to_string),
        plain_secrets: plain_secrets.iter().map(ToString::to_string).collect(),
        span: manifest.span,
    })
}
