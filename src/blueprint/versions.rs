//! The version matrix: which versions of EKS there are and for how long, and which charts of the platform run on which.
//!
//! It is data, `versions.yaml`, with a source for each row. What the data knows to be wrong is refused with the nearest
//! that is right; what is newer than the data is not judged. Nothing here asks what day it is: the caller says.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, de};

use super::Blueprint;
use super::value::{ExactVersion, KubernetesVersion};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

const DATA: &str = include_str!("versions.yaml");

/// The matrix.
pub fn matrix() -> &'static Matrix {
    static MATRIX: OnceLock<Matrix> = OnceLock::new();
    MATRIX.get_or_init(|| serde_yaml::from_str(DATA).expect("the matrix is tested to parse"))
}

/// Which versions there are, and which go together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The versions of EKS, the oldest first.
    pub kubernetes: Vec<Lifecycle>,
    /// The charts of each component by the chart's name, the oldest first.
    pub components: BTreeMap<String, Vec<Release>>,
}

/// For how long EKS supports a version of Kubernetes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    #[serde(deserialize_with = "parsed")]
    pub version: KubernetesVersion,
    /// The first day without standard support: from here on it costs more.
    #[serde(deserialize_with = "parsed")]
    pub standard: Date,
    /// The first day without any support: EKS makes no such clusters, and upgrades those that there are.
    #[serde(deserialize_with = "parsed")]
    pub extended: Date,
    /// The page that says so.
    pub source: String,
    /// When it was read.
    #[serde(deserialize_with = "parsed")]
    pub read: Date,
}

/// Charts of one series, and what they run on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// How the versions of these charts begin.
    #[serde(deserialize_with = "parsed")]
    pub charts: Series,
    /// The one of them that is taken if nothing is said.
    #[serde(deserialize_with = "parsed")]
    pub version: ExactVersion,
    /// The version of what it installs.
    pub app: String,
    #[serde(deserialize_with = "parsed")]
    pub kubernetes: Supported,
    /// The page that says so.
    pub source: String,
    /// When it was read.
    #[serde(deserialize_with = "parsed")]
    pub read: Date,
}

/// Whether a chart runs on a version of Kubernetes, as far as the matrix knows.
#[derive(Debug)]
pub enum Verdict<'m> {
    Fits(&'m Release),
    /// The matrix does not know one of them.
    Unknown,
    /// It does not.
    Unfit {
        /// What it runs on; `None` if it is older than all that is known.
        supported: Option<Supported>,
        /// The nearest one that does.
        nearest: Option<&'m Release>,
    },
}

impl Matrix {
    /// Whether the chart in this version runs on that version of Kubernetes.
    pub fn judge(
        &self,
        chart: &str,
        version: &ExactVersion,
        kubernetes: KubernetesVersion,
    ) -> Verdict<'_> {
        let releases = self.releases(chart);
        let newer = releases.partition_point(|it| it.charts.begins_before(version));
        let known = releases.iter().position(|it| it.charts.holds(version));
        let row = known.map(|at| &releases[at]);
        match row {
            Some(row) if row.kubernetes.holds(kubernetes) => return Verdict::Fits(row),
            _ if self.is_newer(kubernetes) => return Verdict::Unknown,
            None if newer > 0 => return Verdict::Unknown,
            Some(_) | None => {}
        }
        let at = known.unwrap_or(newer);
        let legal = releases.iter().enumerate().filter(|(_, it)| it.kubernetes.holds(kubernetes));
        // Of two that are equally near, the newer one.
        let nearest = legal.rev().min_by_key(|(other, _)| other.abs_diff(at)).map(|(_, it)| it);
        Verdict::Unfit { supported: row.map(|it| it.kubernetes), nearest }
    }

    /// The newest chart that runs on a version of Kubernetes; the newest of all if the version is not known or newer
    /// than what the matrix knows.
    pub fn newest(&self, chart: &str, kubernetes: Option<KubernetesVersion>) -> Option<&Release> {
        let releases = self.releases(chart);
        let Some(kubernetes) = kubernetes else { return releases.last() };
        let fits = releases.iter().rfind(|it| it.kubernetes.holds(kubernetes));
        fits.or_else(|| releases.last().filter(|_| self.is_newer(kubernetes)))
    }

    /// Whether EKS had no such version when the matrix was written.
    pub fn is_newer(&self, kubernetes: KubernetesVersion) -> bool {
        self.kubernetes.last().is_some_and(|last| kubernetes > last.version)
    }

    fn releases(&self, chart: &str) -> &[Release] {
        self.components.get(chart).map_or(&[], Vec::as_slice)
    }
}

/// What is to be said on a day about the versions of Kubernetes that a blueprint asks for.
pub fn lifecycle(blueprint: &Blueprint, today: Date) -> Vec<Diagnostic> {
    let parts = blueprint.regions.values().map(|part| &part.value);
    let clusters = [blueprint].into_iter().chain(parts).filter_map(|it| it.cluster.as_ref());
    clusters.filter_map(|cluster| matrix().aged(&cluster.version, today)).collect()
}

impl Matrix {
    fn aged(&self, version: &Spanned<KubernetesVersion>, today: Date) -> Option<Diagnostic> {
        let gone = |since: Option<Date>| {
            let problem = Diagnostic::error(format!("EKS has no Kubernetes {version} any more"))
                .at(
                    version.span,
                    match since {
                        Some(since) => format!("out of extended support since {since}"),
                        None => "out of extended support".to_owned(),
                    },
                );
            let nearest = self
                .kubernetes
                .iter()
                .find(|it| it.version > version.value && today < it.extended)
                .map(|it| format!("The nearest is `\"{}\"`, {}.", it.version, it.until(today)));
            let standard = self.kubernetes.iter().find(|it| today < it.standard);
            let standard = standard.map(|it| {
                format!("`\"{}\"` has standard support until {}.", it.version, it.standard)
            });
            nearest.into_iter().chain(standard).fold(problem, Diagnostic::hint)
        };
        let known = self.kubernetes.iter().find(|it| it.version == version.value);
        match known {
            Some(it) if today >= it.extended => Some(gone(Some(it.extended))),
            Some(it) if today >= it.standard => {
                let problem = Diagnostic::warning(format!(
                    "Kubernetes {version} is in extended support, which EKS charges for"
                ))
                .at(version.span, format!("out of standard support since {}", it.standard))
                .hint(format!("It ends altogether on {}.", it.extended));
                let newer = self.kubernetes.iter().find(|it| today < it.standard);
                Some(match newer {
                    Some(newer) => problem.hint(format!(
                        "`\"{}\"` has standard support until {}; EKS upgrades one minor version at a time.",
                        newer.version, newer.standard
                    )),
                    None => problem,
                })
            }
            Some(_) => None,
            None if self.is_newer(version.value) => Some(
                Diagnostic::warning(format!(
                    "Kubernetes {version} is newer than what platctl knows of EKS"
                ))
                .at(version.span, "taken as it is"),
            ),
            None => Some(gone(None)),
        }
    }
}

impl Lifecycle {
    /// Which support it has, and until when.
    fn until(&self, today: Date) -> String {
        if today < self.standard {
            format!("with standard support until {}", self.standard)
        } else {
            format!("with extended support until {}", self.extended)
        }
    }
}

/// The beginning of versions: `1.5` for all of `1.5.0`, `1.5.1`, ….
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Series(Vec<u32>);

impl Series {
    pub fn holds(&self, version: &ExactVersion) -> bool {
        version.numbers().starts_with(&self.0)
    }

    fn begins_before(&self, version: &ExactVersion) -> bool {
        self.0.as_slice() <= version.numbers().as_slice()
    }
}

impl Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl FromStr for Series {
    type Err = NotInTheMatrix;

    fn from_str(text: &str) -> Result<Self, NotInTheMatrix> {
        let parts: Result<Vec<u32>, _> = text.split('.').map(str::parse).collect();
        parts.map(Self).map_err(|_| NotInTheMatrix::new("the beginning of a version", text))
    }
}

/// Minor versions of Kubernetes from the first to the last; without a last one, all that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supported {
    pub first: KubernetesVersion,
    pub last: Option<KubernetesVersion>,
}

impl Supported {
    pub fn holds(&self, version: KubernetesVersion) -> bool {
        self.first <= version && self.last.is_none_or(|last| version <= last)
    }
}

impl Display for Supported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last {
            Some(last) if last == self.first => write!(f, "{last}"),
            Some(last) => write!(f, "{} to {last}", self.first),
            None => write!(f, "{} and later", self.first),
        }
    }
}

impl FromStr for Supported {
    type Err = NotInTheMatrix;

    fn from_str(text: &str) -> Result<Self, NotInTheMatrix> {
        let wrong = || NotInTheMatrix::new("a range of Kubernetes versions", text);
        let version = |text: &str| text.parse::<KubernetesVersion>().map_err(|_| wrong());
        let (first, last) = text.split_once("..").ok_or_else(wrong)?;
        let last = if last.is_empty() { None } else { Some(version(last)?) };
        Ok(Self { first: version(first)?, last })
    }
}

/// A day: `2026-12-02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

impl Date {
    pub const fn new(year: i32, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }
}

impl Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl FromStr for Date {
    type Err = NotInTheMatrix;

    fn from_str(text: &str) -> Result<Self, NotInTheMatrix> {
        let wrong = || NotInTheMatrix::new("a day", text);
        let mut parts = text.splitn(3, '-');
        let mut part = || parts.next().ok_or_else(wrong);
        let (year, month, day) = (part()?, part()?, part()?);
        let year = year.parse().map_err(|_| wrong())?;
        let month = month.parse().ok().filter(|it| (1..=12).contains(it)).ok_or_else(wrong)?;
        let day = day.parse().ok().filter(|it| (1..=31).contains(it)).ok_or_else(wrong)?;
        Ok(Self { year, month, day })
    }
}

/// Why a text of the matrix is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct NotInTheMatrix {
    what: &'static str,
    text: String,
}

impl NotInTheMatrix {
    fn new(what: &'static str, text: &str) -> Self {
        Self { what, text: text.into() }
    }
}

fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;
    use crate::source::{FileId, SourceMap, Span};

    fn kubernetes(minor: u32) -> KubernetesVersion {
        KubernetesVersion { minor }
    }

    fn version(text: &str) -> ExactVersion {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn every_row_is_in_order_and_has_its_source() {
        let Matrix { kubernetes, components } = matrix();
        let sourced = |source: &str, read: Date| {
            assert!(source.starts_with("https://") && !source.contains(' '), "{source}");
            assert!(read >= day("2026-11-26"), "{source}: {read}");
        };
        assert!(kubernetes.is_sorted_by(|a, b| {
            a.version.minor + 1 == b.version.minor && a.standard < b.standard
        }));
        for it in kubernetes {
            assert!(it.standard < it.extended, "{}", it.version);
            sourced(&it.source, it.read);
        }
        for (chart, releases) in components {
            assert!(releases.is_sorted_by(|a, b| a.charts < b.charts), "{chart}");
            for it in releases {
                assert!(it.charts.holds(&it.version), "{chart} {}", it.version);
                let app = it.app.trim_start_matches('v');
                assert!(app.starts_with(|c: char| c.is_ascii_digit()), "{chart} {app}");
                assert!(it.kubernetes.last.is_none_or(|last| it.kubernetes.first <= last));
                sourced(&it.source, it.read);
            }
            for it in kubernetes {
                let newest = matrix().newest(chart, Some(it.version));
                let known = it.version.minor <= 30 || newest.is_some();
                assert!(known, "{chart}: nothing runs on {}", it.version);
            }
        }
    }

    #[test]
    fn the_newest_that_fits_is_taken() {
        let newest = |minor| matrix().newest("karpenter", Some(kubernetes(minor)));
        assert_eq!(newest(33).unwrap().version.as_str(), "1.11.2");
        assert_eq!(newest(36).unwrap().version.as_str(), "1.11.2", "newer than the matrix");
        assert!(newest(20).is_none());
        let autoscaler = matrix().newest("cluster-autoscaler", Some(kubernetes(32))).unwrap();
        assert_eq!(autoscaler.app, "v1.32.3", "the minor version is that of Kubernetes");
        assert!(matrix().newest("karpenter", None).is_some());
        assert!(matrix().newest("nothing", None).is_none());
    }

    #[test]
    fn what_does_not_fit_has_a_nearest_choice() {
        let judge = |chart: &str, text: &str, minor| match matrix().judge(
            chart,
            &version(text),
            kubernetes(minor),
        ) {
            Verdict::Fits(row) => format!("fits {}", row.charts),
            Verdict::Unknown => "unknown".to_owned(),
            Verdict::Unfit { supported, nearest } => format!(
                "{} → {}",
                supported.map_or("too old".to_owned(), |it| it.to_string()),
                nearest.map_or("none", |it| it.version.as_str()),
            ),
        };
        assert_eq!(judge("karpenter", "1.6.1", 33), "fits 1.6");
        assert_eq!(judge("karpenter", "1.3.0", 33), "1.29 to 1.32 → 1.5.1");
        assert_eq!(judge("karpenter", "0.37.0", 33), "too old → 1.5.1");
        assert_eq!(judge("karpenter", "9.0.0", 33), "unknown");
        assert_eq!(judge("karpenter", "1.2.0", 33), "unknown", "between two rows");
        assert_eq!(judge("karpenter", "1.11.0", 36), "unknown", "a Kubernetes of tomorrow");
        assert_eq!(judge("cert-manager", "v1.21.0", 31), "1.33 to 1.36 → v1.19.4");
        assert_eq!(judge("cluster-autoscaler", "9.50.0", 33), "fits 9.50");
        assert_eq!(judge("cluster-autoscaler", "9.50.0", 32), "1.33 → 9.46.6");
        assert_eq!(judge("metrics-server", "3.13.0", 29), "1.31 and later → 3.12.1");
        assert_eq!(judge("karpenter", "1.0.10", 20), "1.29 to 1.31 → none");
    }

    #[test]
    fn versions_of_eks_grow_old() {
        let nowhere: FileId = SourceMap::default().add("nowhere", "");
        let said = |minor, today: &str| {
            let version = Spanned::new(kubernetes(minor), Span::new(nowhere, 0..0));
            let said = matrix().aged(&version, day(today));
            said.map(|it| (it.severity, it.primary.map(|it| it.text), it.hints.join(" ")))
        };
        assert_eq!(said(33, "2026-07-28"), None);
        let (severity, label, hints) = said(33, "2026-07-29").unwrap();
        assert_eq!(severity, Severity::Warning);
        assert_eq!(label.unwrap(), "out of standard support since 2026-07-29");
        assert!(hints.contains("`\"1.34\"` has standard support until 2026-12-02"), "{hints}");
        let (severity, label, hints) = said(31, "2026-11-26").unwrap();
        assert_eq!(severity, Severity::Error);
        assert_eq!(label.unwrap(), "out of extended support since 2026-11-26");
        assert!(hints.contains("The nearest is `\"1.32\"`"), "{hints}");
        assert_eq!(said(20, "2026-01-01").unwrap().0, Severity::Error);
        assert_eq!(said(40, "2026-01-01").unwrap().0, Severity::Warning);
    }

    #[test]
    fn days() {
        assert_eq!(day("2026-12-02").to_string(), "2026-12-02");
        assert!(day("2026-12-02") > day("2026-11-26"));
        for bad in ["", "2026", "2026-13-01", "2026-01-32", "2026-01-01-01", "a-b-c"] {
            assert!(bad.parse::<Date>().is_err(), "{bad}");
        }
    }
}
