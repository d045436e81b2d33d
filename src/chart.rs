//! Charts of Helm: which are to be rendered.

use serde_json::Value;

use crate::source::Span;

/// A chart that is to be rendered.
#[derive(Debug, Clone, PartialEq)]
pub struct ChartUse {
    /// The component's name, and the release's.
    pub name: String,
    /// `https://…` or `oci://…`; `None` for a local folder.
    pub repository: Option<String>,
    /// Its name in the repository, or the folder.
    pub chart: String,
    pub version: Option<String>,
    pub namespace: String,
    pub values: Value,
    /// The path of the component, for addresses: `charts.istiod`, `platform.istio`.
    pub component: String,
    pub span: Option<Span>,
}
