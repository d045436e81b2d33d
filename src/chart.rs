//! Charts that are to be rendered.

use serde_json::Value;

use crate::source::Span;

/// A chart that is to be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartUse {
    /// The name of the release.
    pub name: String,
    /// `https://…` or `oci://…`; `None` for a local folder.
    pub repository: Option<String>,
    /// Its name in the repository, or the folder.
    pub chart: String,
    pub version: Option<String>,
    pub namespace: String,
    /// Texts may hold `platctl-ref(<address>.<Output>)` for what is known once other resources are there.
    pub values: Value,
    /// The path of the component: `charts.web`, `platform.karpenter`.
    pub component: String,
    /// What asks for it.
    pub span: Option<Span>,
}
