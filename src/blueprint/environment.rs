//! What is laid over a blueprint: one of its environments, then the values of `--set`.

use super::expand;
use super::node::{Entry, Mapping, Node, Value};
use super::parse;
use super::value::Name;
use crate::diagnostic::{Diagnostic, PROBLEMS_MAX, did_you_mean, either, listed};
use crate::source::{FileId, SourceMap, Span, Spanned};

/// The keys that make a blueprint what it is; no environment can change them.
pub(crate) const FIXED_KEYS: [&str; 4] = ["apiVersion", "kind", "name", "environments"];

/// The names of a blueprint's environments, in the order of the file.
pub(crate) fn names(root: &Node) -> Vec<&str> {
    let environments = root.get("environments").and_then(Node::mapping);
    environments.map(|it| it.keys().collect()).unwrap_or_default()
}

/// Reports environments that are not what they should be, whether they are used or not.
pub(crate) fn check(root: &Node, problems: &mut Vec<Diagnostic>) {
    let Some(environments) = root.get("environments") else { return };
    let Some(mapping) = environments.mapping() else {
        problems.push(
            Diagnostic::error(format!("expected a mapping, found {}", environments.describe()))
                .at(environments.span, "expected names with what differs there"),
        );
        return;
    };
    for Entry { key, value } in &mapping.entries {
        if let Err(invalid) = key.value.parse::<Name>() {
            let problem = Diagnostic::error(format!("`{key}` is not a name"));
            let problem = problem.at(key.span, invalid.reason);
            problems.push(invalid.hint.into_iter().fold(problem, Diagnostic::hint));
        }
        match &value.value {
            Value::Mapping(overlay) => {
                let fixed = overlay.entries.iter().map(|entry| &entry.key);
                for fixed in fixed.filter(|it| FIXED_KEYS.contains(&it.value.as_str())) {
                    problems.push(
                        Diagnostic::error(format!("an environment cannot change `{fixed}`"))
                            .at(fixed.span, "the same in every environment"),
                    );
                }
            }
            Value::Null => problems.push(
                Diagnostic::error(format!("environment `{key}` has no value"))
                    .at(key.span, "expected what differs there")
                    .hint("Write `{}` if nothing does."),
            ),
            Value::Scalar(_) | Value::Sequence(_) => problems.push(
                Diagnostic::error(format!("expected a mapping, found {}", value.describe()))
                    .at(value.span, "expected what differs in this environment"),
            ),
        }
    }
}

/// What an environment says.
pub(crate) fn overlay<'n>(root: &'n Node, name: Option<&str>) -> Option<&'n Node> {
    root.get("environments")?.get(name?)
}

/// Whether a problem is in the text of an environment, which then needs not be named.
pub(crate) fn wrote(root: &Node, name: &str, problem: &Diagnostic) -> bool {
    let overlay = overlay(root, Some(name)).map(|it| it.span);
    overlay.zip(problem.primary.as_ref()).is_some_and(|(overlay, label)| {
        overlay.file == label.span.file && overlay.range().contains(&label.span.range().start)
    })
}

/// Lays an environment over the blueprint.
///
/// Mappings are merged key by key, anything else is replaced, and `null` removes.
pub(crate) fn select(root: &mut Node, wanted: Option<&str>, problems: &mut Vec<Diagnostic>) {
    let environments = root.get("environments").and_then(Node::mapping);
    let entry = wanted.and_then(|name| environments?.entry(name));
    match (wanted, entry.cloned()) {
        (Some(_), Some(entry)) => {
            if let (Value::Mapping(base), Value::Mapping(mut overlay)) =
                (&mut root.value, entry.value.value)
            {
                overlay.entries.retain(|it| !FIXED_KEYS.contains(&it.key.value.as_str()));
                merge(base, overlay, problems);
            }
        }
        (Some(name), None) => problems.push(unknown(root, name)),
        (None, _) => {
            let names = names(root);
            if !names.is_empty() {
                let key = root.mapping().and_then(|it| it.entry("environments"));
                let problem = Diagnostic::error("an environment must be chosen")
                    .hint(format!("Choose {} with `--env`.", either(&names)));
                problems.push(match key {
                    Some(entry) => problem.at(entry.key.span, "the blueprint differs by them"),
                    None => problem,
                });
            }
        }
    }
}

fn unknown(root: &Node, name: &str) -> Diagnostic {
    let problem = Diagnostic::error(format!("the blueprint has no environment `{name}`"));
    let names = names(root);
    let Some(entry) = root.mapping().and_then(|it| it.entry("environments")) else {
        return problem.hint("Leave out `--env`, or add it under `environments`.");
    };
    match did_you_mean(name, names.iter().copied()) {
        Some(meant) => {
            let span = entry.value.mapping().and_then(|it| it.entry(meant)).map(|it| it.key.span);
            problem.at(span.unwrap_or(entry.key.span), format!("did you mean `{meant}`?"))
        }
        None => problem
            .at(entry.key.span, "not one of these")
            .hint(format!("Its environments are {}.", listed(&names))),
    }
}

/// Lays the values of `--set` over the blueprint, each a path of keys and YAML text.
pub(crate) fn set(
    root: &mut Node,
    sets: &[(String, String)],
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) {
    for (path, yaml) in sets {
        let text = format!("{path}={yaml}");
        let file = sources.add(format!("--set {path}"), text.clone());
        let Some(mut keys) = keys(path, file, problems) else { continue };
        let from = path.len() + 1;
        let value = match parse::part(file, &text, from, problems) {
            Some(value) => value,
            None if problems.iter().any(|it| is_in(it, file)) => continue,
            None => Node { value: Value::Null, span: Span::new(file, from..text.len()) },
        };
        // `--set size=3` means the variable `size`, if there is one.
        if let [only] = keys.as_slice()
            && expand::declares(root, &only.value)
        {
            keys.insert(0, Spanned::new(expand::VARIABLES.to_owned(), only.span));
        }
        let overlay = keys.into_iter().rev().fold(value, |value, key| {
            let span = key.span.to(value.span);
            let mapping = Mapping { entries: vec![Entry { key, value }] };
            Node { value: Value::Mapping(mapping), span }
        });
        if let (Value::Mapping(base), Value::Mapping(overlay)) = (&mut root.value, overlay.value) {
            merge(base, overlay, problems);
        }
    }
}

fn is_in(problem: &Diagnostic, file: FileId) -> bool {
    problem.primary.as_ref().is_some_and(|label| label.span.file == file)
}

/// The keys of `a.b."c.d"`, in which quotes keep a dot.
fn keys(path: &str, file: FileId, problems: &mut Vec<Diagnostic>) -> Option<Vec<Spanned<String>>> {
    let mut keys = Vec::new();
    let mut at = 0;
    loop {
        let rest = &path[at..];
        let (start, length, next) = if let Some(quoted) = rest.strip_prefix('"') {
            let length = quoted.find('"').unwrap_or(quoted.len());
            (at + 1, length, at + length + 2)
        } else {
            let length = rest.find('.').unwrap_or(rest.len());
            (at, length, at + length)
        };
        let span = Span::new(file, start..start + length);
        let separated = next == path.len() || path[next.min(path.len())..].starts_with('.');
        if length == 0 || !separated {
            problems.push(
                Diagnostic::error(format!("`{path}` is not a path of keys"))
                    .at(span, "expected a key")
                    .hint("Join keys by dots and quote one that has a dot: `dns.\"example.com\".comment`."),
            );
            return None;
        }
        keys.push(Spanned::new(path[start..start + length].to_owned(), span));
        if next == path.len() {
            return Some(keys);
        }
        at = next + 1;
    }
}

/// Lays one mapping over another: mappings are merged, anything else is replaced, `null` removes.
pub(crate) fn merge(base: &mut Mapping, overlay: Mapping, problems: &mut Vec<Diagnostic>) {
    for Entry { key, value } in overlay.entries {
        match value.value {
            Value::Null => {
                if base.remove(&key.value).is_none() && problems.len() <= PROBLEMS_MAX {
                    problems.push(nothing_to_remove(base, &key));
                }
            }
            Value::Mapping(overlay) => {
                let at = base.entries.iter().position(|it| it.key.value == key.value);
                let index = at.unwrap_or_else(|| {
                    let value = Node { value: Value::Null, span: value.span };
                    base.entries.push(Entry { key: key.clone(), value });
                    base.entries.len() - 1
                });
                let entry = &mut base.entries[index];
                if entry.value.mapping().is_none() {
                    let mapping = Value::Mapping(Mapping::default());
                    *entry = Entry { key, value: Node { value: mapping, span: value.span } };
                }
                if let Value::Mapping(base) = &mut entry.value.value {
                    merge(base, overlay, problems);
                }
            }
            Value::Scalar(_) | Value::Sequence(_) => {
                let entry = Entry { key, value };
                match base.entries.iter_mut().find(|it| it.key.value == entry.key.value) {
                    Some(replaced) => *replaced = entry,
                    None => base.entries.push(entry),
                }
            }
        }
    }
}

fn nothing_to_remove(base: &Mapping, key: &Spanned<String>) -> Diagnostic {
    let problem = Diagnostic::error(format!("there is no `{key}` to remove"));
    match did_you_mean(&key.value, base.keys()) {
        Some(meant) => problem.at(key.span, format!("did you mean `{meant}`?")),
        None => problem.at(key.span, "`null` removes what the base has"),
    }
}
