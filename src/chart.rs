//! Charts and manifests: what others render, as objects of ours.
//!
//! ```text
//! ChartUse ─ archive ─▶ folder or .tgz ─ helm ─▶ YAML ─ object ─▶ Object ─▶ Rendered ─▶ the compiler
//! ```
//!
//! This is the one stage before the cloud that runs programs: `helm` renders charts, `kubectl` kustomizations. Nothing
//! that it does reaches a cluster. What came of it is data, with which the compiler is pure.

pub mod archive;
pub mod files;
pub mod helm;
pub mod lock;
mod marker;
mod object;
mod scope;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use futures::{StreamExt as _, stream};
use serde_json::Value;

use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use archive::Fetched;
use helm::Helm;
use lock::Lock;
pub use object::{Object, Phase};

/// A chart that is to be rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChartUse {
    /// The component's name, and the release's.
    pub name: String,
    /// `https://…`, `oci://…`; `None` for a local folder.
    pub repository: Option<String>,
    /// Its name in the repository, or the folder, from that of the blueprint on.
    pub chart: String,
    /// A version or a range of versions.
    pub version: Option<String>,
    pub namespace: String,
    pub values: Value,
    /// The path of its component: `charts.istiod`, `platform.istio`.
    pub component: String,
    /// Where the blueprint asks for it.
    pub span: Option<Span>,
}

impl ChartUse {
    /// What its objects are found by in [`Rendered`].
    pub fn key(&self) -> String {
        key(&self.component, &self.name)
    }
}

/// What a chart of the blueprint can say and those of platform components do not.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartOptions {
    /// From the folder of the blueprint on; later ones count.
    pub values_files: Vec<Spanned<String>>,
    /// Whether the definitions in its folder `crds` are wanted.
    pub crds: bool,
    /// Secrets that hold nothing secret.
    pub plain_secrets: BTreeSet<String>,
    /// The version of the cluster: `1.33`. That of `helm` if it is not known.
    pub kubernetes: Option<String>,
}

impl Default for ChartOptions {
    fn default() -> Self {
        Self {
            values_files: Vec::new(),
            crds: true,
            plain_secrets: BTreeSet::new(),
            kubernetes: None,
        }
    }
}

/// Manifests that are to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestUse {
    /// The path of its component: `manifests.quotas`.
    pub component: String,
    pub source: ManifestSource,
    /// Of objects that name none.
    pub namespace: String,
    /// Secrets that hold nothing secret.
    pub plain_secrets: BTreeSet<String>,
    pub span: Span,
}

/// Where manifests are, from the folder of the blueprint on.
#[derive(Clone, Debug, PartialEq)]
pub enum ManifestSource {
    /// A file, or a folder of files.
    Path(Spanned<String>),
    /// The folder of a kustomization.
    Kustomize(Spanned<String>),
}

/// All that a blueprint wants rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    pub charts: Vec<(ChartUse, ChartOptions)>,
    pub manifests: Vec<ManifestUse>,
}

impl Wanted {
    pub fn is_empty(&self) -> bool {
        self.charts.is_empty() && self.manifests.is_empty()
    }
}

/// What charts and manifests gave. Input of the pure compiler; empty where nothing was rendered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// By the path of the component and the name of the release: `charts.istiod/istiod`.
    pub objects: BTreeMap<String, Vec<Object>>,
    /// What was left out, and similar.
    pub remarks: Vec<Diagnostic>,
}

impl Rendered {
    /// The objects of a release of a component; none if it was not rendered.
    pub fn of(&self, component: &str, release: &str) -> &[Object] {
        self.objects.get(&key(component, release)).map_or(&[], Vec::as_slice)
    }
}

fn key(component: &str, release: &str) -> String {
    format!("{component}/{release}")
}

/// What rendering needs of the machine.
#[derive(Clone, Debug)]
pub struct Kit {
    /// How `helm` runs; `None` if there is none.
    pub helm: Option<Helm>,
    /// The program `kubectl`, which is looked for on the path if it is a bare name.
    pub kubectl: PathBuf,
    /// The folder of the blueprint.
    pub folder: PathBuf,
    /// Where archives are kept, by their digests.
    pub archives: PathBuf,
    /// A folder that takes the place of all repositories.
    pub charts_from: Option<PathBuf>,
    /// Whether the lock must have all that is needed.
    pub locked: bool,
}

/// So many programs run at a time.
const AT_ONCE: usize = 4;

/// Renders all that is wanted. What the lock does not have is looked for, and added to it.
pub async fn render(
    wanted: &Wanted,
    kit: &Kit,
    lock: &mut Lock,
) -> Result<Rendered, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let fetched = fetch_all(wanted, kit, lock, &mut problems).await;
    let charts: Vec<Chart<'_>> = wanted
        .charts
        .iter()
        .zip(&fetched)
        .filter_map(|((chart, options), at)| Some(Chart { used: chart, options, at: at.as_ref()? }))
        .collect();
    let mut texts = template_all(&charts, kit, &[], &mut problems).await;
    if !problems.is_empty() {
        return Err(problems);
    }
    // Charts ask what the cluster offers: what the definitions of all charts add to it is known only now.
    let apis = object::apis(texts.iter().map(String::as_str));
    if !apis.is_empty() {
        texts = template_all(&charts, kit, &apis, &mut problems).await;
        if !problems.is_empty() {
            return Err(problems);
        }
    }
    let manifests = files::read_all(&wanted.manifests, kit, &mut problems).await;

    let mut releases: Vec<object::Release<'_>> = Vec::new();
    for (chart, text) in charts.iter().zip(&texts) {
        releases.push(object::Release {
            key: chart.used.key(),
            component: &chart.used.component,
            what: format!("chart `{}`", chart.used.name),
            namespace: &chart.used.namespace,
            plain_secrets: &chart.options.plain_secrets,
            span: chart.used.span,
            hooks: true,
            text,
        });
    }
    for (manifest, text) in wanted.manifests.iter().zip(&manifests) {
        let Some(text) = text else { continue };
        let name = manifest.component.rsplit('.').next().unwrap_or(&manifest.component);
        releases.push(object::Release {
            key: key(&manifest.component, name),
            component: &manifest.component,
            what: format!("`{}`", manifest.component),
            namespace: &manifest.namespace,
            plain_secrets: &manifest.plain_secrets,
            span: Some(manifest.span),
            hooks: false,
            text,
        });
    }
    let rendered = object::objects(&releases, &mut problems);
    if problems.is_empty() { Ok(rendered) } else { Err(problems) }
}

/// A chart that is here.
struct Chart<'a> {
    used: &'a ChartUse,
    options: &'a ChartOptions,
    at: &'a Fetched,
}

/// Where each chart is; `None` for those whose problem was told.
async fn fetch_all(
    wanted: &Wanted,
    kit: &Kit,
    lock: &mut Lock,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Option<Fetched>> {
    let known = &*lock;
    let fetching = wanted.charts.iter().map(|(chart, _)| archive::fetch(chart, kit, known));
    let fetched: Vec<Result<Fetched, Diagnostic>> =
        stream::iter(fetching).buffered(AT_ONCE).collect().await;
    let mut found = Vec::new();
    for one in fetched {
        match one {
            Ok(one) => {
                lock.add(one.entry.clone());
                found.push(Some(one));
            }
            Err(problem) => {
                problems.push(problem);
                found.push(None);
            }
        }
    }
    found
}

/// The text of each chart; of one that does not render none, and its problem is told.
async fn template_all(
    charts: &[Chart<'_>],
    kit: &Kit,
    apis: &[String],
    problems: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let Some(helm) = &kit.helm else {
        if let Some(first) = charts.first() {
            problems.push(helm::missing(first.used.span));
        }
        return Vec::new();
    };
    let rendering =
        charts.iter().map(|it| helm.template(it.used, it.options, &it.at.path, &kit.folder, apis));
    let rendered: Vec<Result<String, Diagnostic>> =
        stream::iter(rendering).buffered(AT_ONCE).collect().await;
    let mut texts = Vec::new();
    for one in rendered {
        match one {
            Ok(text) => texts.push(text),
            Err(problem) => problems.push(problem),
        }
    }
    texts
}

/// A problem at a place, if there is one.
fn placed(problem: Diagnostic, at: Option<Span>, label: impl Into<String>) -> Diagnostic {
    match at {
        Some(at) => problem.at(at, label),
        None => problem.hint(capital(&label.into())),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|it| it.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
