//! What is wrong, where, why, and what to do next; and the one way to draw it.

use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use crate::source::{FileId, SourceMap, Span};

/// As many problems of one text are told. Nobody reads more, and to find out what each of tens of thousands might have
/// meant takes minutes.
pub const PROBLEMS_MAX: usize = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The blueprint cannot be used.
    Error,
    /// The blueprint can be used; it probably does not say what its author meant.
    Warning,
}

/// A place and what is to be said about it. The text may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One problem. The summary and the labels are lower-case fragments, the hints are sentences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub summary: String,
    /// The place to blame; absent when there is none, such as in a file that cannot be read.
    pub primary: Option<Label>,
    /// Places that explain, such as the first of two equal keys.
    pub secondary: Vec<Label>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Diagnostic {
    pub fn error(summary: impl Into<String>) -> Self {
        Self::new(Severity::Error, summary.into())
    }

    pub fn warning(summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, summary.into())
    }

    fn new(severity: Severity, summary: String) -> Self {
        Self { severity, summary, primary: None, secondary: Vec::new(), hints: Vec::new() }
    }

    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some(Label { span, text: label.into() });
        self
    }

    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: label.into() });
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Draws the problem as `rustc` would.
    pub fn render<'a>(&'a self, sources: &'a SourceMap, colour: Colour) -> Rendered<'a> {
        Rendered { diagnostic: self, sources, colour }
    }

    /// The form that `--json` prints.
    pub fn to_json(&self, sources: &SourceMap) -> DiagnosticV1 {
        let span = self.primary.as_ref().map(|label| label.span);
        let (start, end) = (span.map(|it| sources.start(it)), span.map(|it| sources.end(it)));
        DiagnosticV1 {
            file: span.map(|it| sources.file(it.file).name().to_owned()),
            line: start.map(|it| it.line),
            column: start.map(|it| it.column),
            end_line: end.map(|it| it.line),
            end_column: end.map(|it| it.column),
            severity: self.severity,
            message: self.summary.clone(),
            label: self.primary.as_ref().map(|it| it.text.clone()),
            hints: self.hints.clone(),
        }
    }

    /// The order in which people read: by file and place, those without a place first; each once.
    pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
        diagnostics.sort_by_key(|it| it.primary.as_ref().map(|label| label.span));
        let mut kept: Vec<Diagnostic> = Vec::with_capacity(diagnostics.len());
        for diagnostic in diagnostics.drain(..) {
            if !kept.contains(&diagnostic) {
                kept.push(diagnostic);
            }
        }
        *diagnostics = kept;
    }
}

/// Whether to draw with ANSI escape codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Never,
    Always,
}

/// A diagnostic as `--json` prints it. Lines and columns count from one, the end is exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticV1 {
    pub file: Option<String>,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub end_line: Option<u32>,
    pub end_column: Option<u32>,
    pub severity: Severity,
    pub message: String,
    /// What is to be said about the place itself.
    pub label: Option<String>,
    pub hints: Vec<String>,
}

/// A diagnostic ready to be displayed; ends without a line break.
pub struct Rendered<'a> {
    diagnostic: &'a Diagnostic,
    sources: &'a SourceMap,
    colour: Colour,
}

impl fmt::Display for Rendered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnostic { severity, summary, primary, secondary, hints } = self.diagnostic;
        let level = match severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = Group::with_title(level.primary_title(summary));
        for snippet in self.snippets(primary.as_ref(), secondary) {
            group = group.element(snippet);
        }
        for hint in hints {
            group = group.element(Level::HELP.message(hint));
        }
        let renderer = match self.colour {
            Colour::Never => Renderer::plain(),
            Colour::Always => Renderer::styled(),
        };
        f.write_str(&renderer.render(&[group]))
    }
}

impl<'a> Rendered<'a> {
    /// One snippet per file, the file of the primary label first.
    fn snippets(
        &self,
        primary: Option<&'a Label>,
        secondary: &'a [Label],
    ) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let labels = primary
            .map(|label| (label, AnnotationKind::Primary))
            .into_iter()
            .chain(secondary.iter().map(|label| (label, AnnotationKind::Context)));
        let mut snippets: Vec<(FileId, Snippet<'a, _>)> = Vec::new();
        for (label, kind) in labels {
            let file = self.sources.file(label.span.file);
            let text = (!label.text.is_empty()).then_some(label.text.as_str());
            let annotation = kind.span(first_line(file.text(), label.span)).label(text);
            let at = snippets.iter().position(|(id, _)| *id == label.span.file);
            let snippet = match at {
                Some(at) => snippets.remove(at).1,
                None => Snippet::source(file.text()).path(file.name()),
            };
            let at = at.unwrap_or(snippets.len());
            snippets.insert(at, (label.span.file, snippet.annotation(annotation)));
        }
        snippets.into_iter().map(|(_, snippet)| snippet).collect()
    }
}

/// The part of a span on its first line: underlining a whole block hides what it says.
fn first_line(text: &str, span: Span) -> std::ops::Range<usize> {
    let start = text.floor_char_boundary(span.start as usize);
    let end = text.floor_char_boundary(span.end as usize).max(start);
    let length = text[start..end].find(['\n', '\r']).unwrap_or(end - start);
    start..start + length
}

/// The candidate that a mistyped word most likely stands for.
///
/// Case, `-` and `_` do not count; otherwise one letter in three may differ.
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let typed = plain(word);
    if typed.starts_with(|first: char| first.is_ascii_digit()) {
        // A number is meant, however near another one is.
        return None;
    }
    let length = typed.chars().count();
    let allowed = length / 3;
    candidates
        .into_iter()
        .map(|candidate| (plain(candidate), candidate))
        // A cheap look first: there may be thousands.
        .filter(|(plain, _)| plain.chars().count().abs_diff(length) <= allowed)
        .map(|(plain, candidate)| (strsim::damerau_levenshtein(&typed, &plain), candidate))
        .filter(|&(distance, _)| distance <= allowed)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `an identity`, `a key`.
pub fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

/// `` `a`, `b` and `c` ``: all words of a list as a sentence has them.
pub fn listed<I: IntoIterator<Item = T>, T: fmt::Display>(words: I) -> String {
    joined(words, "and")
}

/// `` `a`, `b` or `c` ``: any word of a list as a sentence has it.
pub fn either<I: IntoIterator<Item = T>, T: fmt::Display>(words: I) -> String {
    joined(words, "or")
}

fn joined<I: IntoIterator<Item = T>, T: fmt::Display>(words: I, conjunction: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [many @ .., last] => format!("{} {conjunction} {last}", many.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> (SourceMap, Diagnostic) {
        let mut sources = SourceMap::default();
        let file = sources.add("platctl.yaml", "name: a\nregion: x\nname: b\n");
        let set = sources.add("--set region", "region=y");
        let diagnostic = Diagnostic::error("duplicate key `name`")
            .at(Span::new(file, 18..22), "written again here")
            .also(Span::new(file, 0..4), "first written here")
            .also(Span::new(set, 7..8), "set here")
            .hint("Remove one of them.");
        (sources, diagnostic)
    }

    #[test]
    fn what_is_found_in_every_environment_is_told_once() {
        let (_, placed) = sample();
        let other = Diagnostic { summary: "another at the same place".into(), ..placed.clone() };
        let mut all = vec![placed.clone(), other.clone(), placed.clone(), other.clone()];
        Diagnostic::sort(&mut all);
        assert_eq!(all, [placed, other]);
    }

    #[test]
    fn renders_every_file_with_its_labels() {
        let (sources, diagnostic) = sample();
        insta::assert_snapshot!(diagnostic.render(&sources, Colour::Never));
        assert!(diagnostic.render(&sources, Colour::Always).to_string().contains("\u{1b}["));
    }

    #[test]
    fn json_form() {
        let (sources, diagnostic) = sample();
        insta::assert_json_snapshot!(diagnostic.to_json(&sources));
        insta::assert_json_snapshot!(Diagnostic::warning("no file").to_json(&sources));
    }

    #[test]
    fn suggestions() {
        let keys = ["nodeGroups", "network", "nat", "acls"];
        assert_eq!(did_you_mean("node_groups", keys), Some("nodeGroups"));
        assert_eq!(did_you_mean("netwrok", keys), Some("network"));
        assert_eq!(did_you_mean("nta", keys), Some("nat"));
        assert_eq!(did_you_mean("cluster", keys), None);
        assert_eq!(did_you_mean("45s", ["5s"]), None);
        assert_eq!(did_you_mean("eu-west1", ["eu-west-1"]), Some("eu-west-1"));
    }

    #[test]
    fn lists() {
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(either(["a", "b"]), "`a` or `b`");
        assert_eq!(listed(["a"]), "`a`");
    }
}
