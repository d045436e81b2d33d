//! The version matrix.

use std::collections::BTreeMap;

use serde::Serialize;

use super::FORMAT;
use crate::blueprint::versions::{Lifecycle, Matrix, Release};

#[derive(Debug, Serialize)]
struct VersionsV1 {
    format: u32,
    kubernetes: Vec<KubernetesV1>,
    charts: BTreeMap<String, Vec<ReleaseV1>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KubernetesV1 {
    version: String,
    /// The first day without it.
    standard_support_until: String,
    extended_support_until: String,
    source: String,
    read: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ReleaseV1 {
    version: String,
    app_version: String,
    kubernetes_from: String,
    /// Absent where its authors name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    kubernetes_to: Option<String>,
    source: String,
    read: String,
}

/// `versions --json`
pub fn versions(matrix: &Matrix, chart: Option<&str>) -> impl Serialize + use<> {
    let Matrix { kubernetes, components } = matrix;
    let wanted = components.iter().filter(|(name, _)| chart.is_none_or(|chart| chart == *name));
    VersionsV1 {
        format: FORMAT,
        kubernetes: kubernetes.iter().map(kubernetes_v1).collect(),
        charts: wanted
            .map(|(name, releases)| (name.clone(), releases.iter().map(release_v1).collect()))
            .collect(),
    }
}

fn kubernetes_v1(lifecycle: &Lifecycle) -> KubernetesV1 {
    let Lifecycle { version, standard, extended, source, read } = lifecycle;
    KubernetesV1 {
        version: version.to_string(),
        standard_support_until: standard.to_string(),
        extended_support_until: extended.to_string(),
        source: source.clone(),
        read: read.to_string(),
    }
}

fn release_v1(release: &Release) -> ReleaseV1 {
    let Release { charts: _, version, app, kubernetes, source, read } = release;
    ReleaseV1 {
        version: version.to_string(),
        app_version: app.clone(),
        kubernetes_from: kubernetes.first.to_string(),
        kubernetes_to: kubernetes.last.map(|it| it.to_string()),
        source: source.clone(),
        read: read.to_string(),
    }
}
