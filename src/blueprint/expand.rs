//! Variables and repeated components: `$(name)` becomes the value of a variable, and a component with the key `each`
//! becomes one for each of its items.
//!
//! It works on the tree, between the environment and decoding, so that every other part of the language sees only
//! what is meant. Spans stay those of the places where something was written.

use std::collections::BTreeMap;

use super::node::{Entry, Mapping, Node, Plain, Scalar, Value};
use super::parse;
use super::reference::ComponentType;
use super::value::Name;
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::source::Span;

/// The section of the variables.
pub(crate) const VARIABLES: &str = "variables";
/// The key that repeats a component.
pub(crate) const EACH: &str = "each";
/// A stack of more resources than AWS accounts hold is a slip of the keyboard.
const ITEMS_MAX: usize = 5_000;

/// Substitutes and repeats, in place.
pub(crate) fn expand(root: &mut Node, problems: &mut Vec<Diagnostic>) {
    let variables = variables(root, problems);
    let Value::Mapping(mapping) = &mut root.value else { return };
    let scope = Scope { variables: &variables, item: None };
    for Entry { key, value } in &mut mapping.entries {
        match key.value.as_str() {
            // What the environment says stands in the rest by now.
            VARIABLES | "environments" => {}
            "regions" => {
                for section in value.entries_mut().flat_map(|region| region.value.entries_mut()) {
                    expand_value(&section.key.value, &mut section.value, scope, problems);
                }
            }
            _ => expand_value(&key.value, value, scope, problems),
        }
    }
}

/// Whether `--set NAME=…` means a variable: those that the blueprint declares do not need their section's name.
pub(crate) fn declares(root: &Node, name: &str) -> bool {
    root.get(VARIABLES).and_then(|variables| variables.get(name)).is_some()
}

/// What `$(…)` can name at a place.
#[derive(Clone, Copy)]
struct Scope<'a> {
    variables: &'a BTreeMap<String, Node>,
    item: Option<&'a Item>,
}

/// One of those for which a component is repeated.
struct Item {
    key: String,
    value: Node,
}

fn variables(root: &Node, problems: &mut Vec<Diagnostic>) -> BTreeMap<String, Node> {
    let Some(section) = root.get(VARIABLES) else { return BTreeMap::new() };
    let Some(mapping) = section.mapping() else {
        problems.push(
            Diagnostic::error(format!("expected a mapping, found {}", section.describe()))
                .at(section.span, "expected names with their values"),
        );
        return BTreeMap::new();
    };
    for Entry { key, .. } in &mapping.entries {
        if key.value == EACH {
            problems.push(
                Diagnostic::error(format!("no variable can be called `{EACH}`"))
                    .at(key.span, "stands for the item of a repeated component"),
            );
        } else if let Err(invalid) = key.value.parse::<Name>() {
            let problem = Diagnostic::error(format!("`{key}` is not a name"));
            let problem = problem.at(key.span, invalid.reason);
            problems.push(invalid.hint.into_iter().fold(problem, Diagnostic::hint));
        }
    }
    mapping.entries.iter().map(|it| (it.key.value.clone(), it.value.clone())).collect()
}

/// The value of a top-level key: of a section of components those with `each` are repeated.
fn expand_value(key: &str, node: &mut Node, scope: Scope<'_>, problems: &mut Vec<Diagnostic>) {
    if ComponentType::ALL.iter().any(|component| component.section() == key)
        && let Value::Mapping(section) = &mut node.value
    {
        repeat(section, scope, problems);
    } else {
        substitute(node, scope, problems);
    }
}

fn repeat(section: &mut Mapping, scope: Scope<'_>, problems: &mut Vec<Diagnostic>) {
    let mut expanded: Vec<Entry> = Vec::with_capacity(section.entries.len());
    let mut places: BTreeMap<String, Span> = BTreeMap::new();
    for mut entry in std::mem::take(&mut section.entries) {
        let each = match &mut entry.value.value {
            Value::Mapping(component) => component.remove(EACH),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => None,
        };
        let copies = match each {
            None => {
                substitute_entry(&mut entry, scope, problems);
                vec![entry]
            }
            Some(each) => copies(&entry, each, scope, problems),
        };
        for copy in copies {
            if let Some(first) = places.insert(copy.key.value.clone(), copy.key.span) {
                problems.push(
                    Diagnostic::error(format!("two components are called `{}`", copy.key))
                        .at(copy.key.span, "comes to the same name")
                        .also(first, "the other one"),
                );
            } else {
                expanded.push(copy);
            }
        }
    }
    section.entries = expanded;
}

/// A component as often as its `each` says.
fn copies(
    entry: &Entry,
    mut each: Entry,
    scope: Scope<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Vec<Entry> {
    substitute(&mut each.value, scope, problems);
    let Some(items) = items(&each, problems) else { return Vec::new() };
    if items.len() > 1 && !entry.key.value.contains("$(each") {
        problems.push(
            Diagnostic::error("all repetitions would have the same name")
                .at(entry.key.span, "is the same for each of them")
                .also(each.key.span, "repeated here")
                .hint(format!("Let the name hold the item: `{}-$(each)`.", entry.key)),
        );
        return Vec::new();
    }
    let mut copies = Vec::with_capacity(items.len());
    for item in &items {
        let mut copy = entry.clone();
        let before = problems.len();
        substitute_entry(&mut copy, Scope { item: Some(item), ..scope }, problems);
        copies.push(copy);
        if problems.len() > before {
            // What is wrong with one is wrong with all.
            break;
        }
    }
    copies
}

fn items(each: &Entry, problems: &mut Vec<Diagnostic>) -> Option<Vec<Item>> {
    let span = each.value.span;
    let named = |key: String, plain| {
        let value = Value::Scalar(Scalar { text: key.clone(), plain });
        Item { key, value: Node { value, span } }
    };
    let items: Option<Vec<Item>> = match &each.value.value {
        Value::Mapping(mapping) => {
            let item = |it: &Entry| Item { key: it.key.value.clone(), value: it.value.clone() };
            Some(mapping.entries.iter().map(item).collect())
        }
        Value::Sequence(list) => list
            .iter()
            .map(|item| match &item.value {
                Value::Scalar(scalar) => Some(named(scalar.text.clone(), scalar.plain)),
                Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
            })
            .collect(),
        Value::Scalar(scalar) => range(scalar).map(|(first, last)| {
            // Counted before it is made: numbers can be large.
            let many = usize::try_from(last.saturating_sub(first)).unwrap_or(usize::MAX);
            let last = if many > ITEMS_MAX { first + ITEMS_MAX as u64 } else { last };
            (first..=last).map(|number| named(number.to_string(), true)).collect()
        }),
        Value::Null => None,
    };
    let Some(items) = items else {
        problems.push(
            Diagnostic::error(format!("cannot repeat for {}", each.value.describe()))
                .at(span, "expected a number, a range, a list of names or a mapping")
                .hint("Examples are `3`, `1..3`, `[orders, payments]` and `{orders: 10, payments: 20}`."),
        );
        return None;
    };
    if items.len() > ITEMS_MAX {
        problems.push(
            Diagnostic::error(format!("more than {ITEMS_MAX} repetitions"))
                .at(span, "repeats too often"),
        );
        return None;
    }
    Some(items)
}

/// `3` means `1..3`.
fn range(scalar: &Scalar) -> Option<(u64, u64)> {
    if let Plain::Integer(count) = scalar.resolve() {
        return Some((1, u64::try_from(count).ok()?));
    }
    let (first, last) = scalar.text.split_once("..")?;
    Some((first.parse().ok()?, last.parse().ok()?))
}

fn substitute_entry(entry: &mut Entry, scope: Scope<'_>, problems: &mut Vec<Diagnostic>) {
    let Entry { key, value } = entry;
    let name = Node {
        value: Value::Scalar(Scalar { text: key.value.clone(), plain: false }),
        span: key.span,
    };
    if let Some(text) = spliced(&name, &key.value, scope, problems) {
        key.value = text;
    }
    substitute(value, scope, problems);
}

fn substitute(node: &mut Node, scope: Scope<'_>, problems: &mut Vec<Diagnostic>) {
    match &mut node.value {
        Value::Null => {}
        Value::Scalar(_) => substitute_scalar(node, scope, problems),
        Value::Sequence(items) => {
            for item in items {
                substitute(item, scope, problems);
            }
        }
        Value::Mapping(mapping) => {
            for entry in &mut mapping.entries {
                substitute_entry(entry, scope, problems);
            }
        }
    }
}

fn substitute_scalar(node: &mut Node, scope: Scope<'_>, problems: &mut Vec<Diagnostic>) {
    let Value::Scalar(scalar) = &node.value else { return };
    if !scalar.text.contains("$(") {
        return;
    }
    let scalar = scalar.clone();
    // A value that is nothing but a variable takes its type, too: a list, a mapping, a number.
    let whole = scalar.text.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')'));
    if let Some(name) = whole.filter(|name| scalar.plain && !name.contains(['(', ')'])) {
        if let Some(mut value) = lookup(name, node.span, scope, problems) {
            // It stands where the variable is used: that is where a reader looks for it.
            parse::place(&mut value, node.span);
            *node = value;
        }
    } else if let Some(text) = spliced(node, &scalar.text, scope, problems) {
        node.value = Value::Scalar(Scalar { text, plain: scalar.plain });
    }
}

/// A text with the values of its variables; `$$(` stands for `$(`. `None` if there is nothing to do, or no way to do it.
fn spliced(
    node: &Node,
    text: &str,
    scope: Scope<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<String> {
    if !text.contains("$(") {
        return None;
    }
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(found) = text[at..].find("$(") {
        let start = at + found;
        if text[..start].ends_with('$') {
            result.push_str(&text[at..start]);
            result.push('(');
            at = start + "$(".len();
            continue;
        }
        result.push_str(&text[at..start]);
        let name_start = start + "$(".len();
        let Some(length) = text[name_start..].find(')') else {
            problems.push(
                Diagnostic::error("the name of a variable does not end")
                    .at(node.part(start..text.len()), "expected `)`")
                    .hint("Write `$$(` if no variable is meant."),
            );
            return None;
        };
        let span = node.part(start..name_start + length + 1);
        let value = lookup(&text[name_start..name_start + length], span, scope, problems)?;
        let Value::Scalar(scalar) = &value.value else {
            problems.push(
                Diagnostic::error(format!("{} cannot stand inside a text", value.describe()))
                    .at(span, "is not a single value"),
            );
            return None;
        };
        result.push_str(&scalar.text);
        at = name_start + length + 1;
    }
    result.push_str(&text[at..]);
    Some(result)
}

fn lookup(
    name: &str,
    span: Span,
    scope: Scope<'_>,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let (head, path) = name.split_once('.').map_or((name, None), |(head, path)| (head, Some(path)));
    if let (Some(item), EACH) = (scope.item, head) {
        let key = || Node {
            value: Value::Scalar(Scalar { text: item.key.clone(), plain: true }),
            span: item.value.span,
        };
        return match path {
            None | Some("key") => Some(key()),
            Some("value") => Some(item.value.clone()),
            Some(path) => {
                if let Some(path) = path.strip_prefix("value.") {
                    return member(&item.value, path, name, span, problems);
                }
                problems.push(
                    Diagnostic::error(format!("there is no `$({name})`"))
                        .at(span, "an item has a key and a value")
                        .hint("Write `$(each)`, `$(each.value)` or `$(each.value.KEY)`."),
                );
                None
            }
        };
    }
    let Some(value) = scope.variables.get(head) else {
        problems.push(unknown(head, span, scope));
        return None;
    };
    match path {
        Some(path) => member(value, path, name, span, problems),
        None => Some(value.clone()),
    }
}

fn member(
    value: &Node,
    path: &str,
    name: &str,
    span: Span,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let found = path.split('.').try_fold(value, Node::get);
    if found.is_none() {
        problems.push(
            Diagnostic::error(format!("there is no `$({name})`"))
                .at(span, format!("has no `{path}`"))
                .also(value.span, "the value"),
        );
    }
    found.cloned()
}

fn unknown(name: &str, span: Span, scope: Scope<'_>) -> Diagnostic {
    if name == EACH {
        return Diagnostic::error("`$(each)` has no meaning here")
            .at(span, "this component is not repeated")
            .hint("Give the component the key `each`, as in `each: 3`.");
    }
    let problem = Diagnostic::error(format!("there is no variable `{name}`"));
    let known = scope.variables.keys().map(String::as_str);
    match did_you_mean(name, known) {
        Some(meant) => problem.at(span, format!("did you mean `$({meant})`?")),
        None if scope.variables.is_empty() => problem
            .at(span, "the blueprint has no `variables`")
            .hint("Write `$$(` if no variable is meant."),
        None => problem
            .at(span, "not one of the `variables`")
            .hint(format!("The blueprint has {}.", listed(scope.variables.keys()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn expanded(text: &str) -> Result<serde_json::Value, Vec<String>> {
        let (mut sources, mut problems) = (SourceMap::default(), Vec::new());
        let file = parse::text("test", text.as_bytes(), &mut sources, &mut problems).unwrap();
        let mut root = parse::document(file, &sources, &mut problems).unwrap();
        expand(&mut root, &mut problems);
        if problems.is_empty() {
            use crate::blueprint::decode::{Decode, Decoder};
            Ok(serde_json::Value::decode(&root, &mut Decoder::default()).unwrap())
        } else {
            Err(problems.into_iter().map(|it| it.summary).collect())
        }
    }

    #[test]
    fn variables_keep_their_types() {
        let text = "variables: {size: 3, zones: [a, b]}\n\
                    network: {zones: $(zones), count: $(size), name: x-$(size), raw: $$(size)}";
        let network = expanded(text).unwrap()["network"].clone();
        assert_eq!(
            network,
            serde_json::json!({"zones": ["a", "b"], "count": 3, "name": "x-3", "raw": "$(size)"})
        );
    }

    #[test]
    fn components_are_repeated_by_number_range_list_and_mapping() {
        let keys = |each: &str| {
            let text = format!("secrets: {{s-$(each): {{each: {each}, of: $(each)}}}}");
            let all = expanded(&text).unwrap()["secrets"].clone();
            all.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(keys("2"), ["s-1", "s-2"]);
        assert_eq!(keys("4..5"), ["s-4", "s-5"]);
        assert_eq!(keys("[a, b]"), ["s-a", "s-b"]);
        assert_eq!(keys("{a: 1}"), ["s-a"]);
        assert_eq!(keys("[]"), [""; 0]);
        let text = "secrets: {$(each): {each: {a: {n: 7}}, of: $(each.value.n)}}";
        assert_eq!(expanded(text).unwrap()["secrets"]["a"]["of"], 7);
    }

    #[test]
    fn what_cannot_be_expanded_is_told() {
        let problems = |text: &str| expanded(text).unwrap_err().join("; ");
        assert_eq!(problems("name: $(x)"), "there is no variable `x`");
        assert_eq!(problems("name: $(x"), "the name of a variable does not end");
        assert_eq!(problems("name: $(each)"), "`$(each)` has no meaning here");
        let same = "secrets: {s: {each: 2}}";
        assert_eq!(problems(same), "all repetitions would have the same name");
        let many = "secrets: {s-$(each): {each: 99999999999}}";
        assert_eq!(problems(many), "more than 5000 repetitions");
        let twice = "secrets: {s-1: {}, s-$(each): {each: 2}}";
        assert_eq!(problems(twice), "two components are called `s-1`");
        assert_eq!(
            problems("variables: {a: [1]}\nname: x$(a)"),
            "a list cannot stand inside a text"
        );
    }
}
