//! Sets of fields, as `managedFields` has them, and what a typed value has to do with them.
//!
//! The rules are those of structured-merge-diff, the library of Kubernetes' API servers.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::types::{List, ListKind, Members, Type, View};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Element {
    /// `f:name`: a field, or a key of a map.
    Field(String),
    /// `k:{…}`: the element of a list with these keys, as JSON.
    Key(String),
    /// `v:…`: the element of a set, as JSON.
    Value(String),
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<Element>,
    children: BTreeMap<Element, FieldSet>,
}

/// How two values differ.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

impl Element {
    fn of(list: &List, item: &Value) -> Option<Self> {
        let key = list.kind.key(item)?;
        Some(if list.kind == ListKind::Set { Self::Value(key) } else { Self::Key(key) })
    }

    fn text(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => format!("k:{keys}"),
            Self::Value(value) => format!("v:{value}"),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        // Through JSON, so that keys are in our order.
        let json = || serde_json::from_str::<Value>(rest).ok().map(|value| value.to_string());
        match kind {
            "f" => Some(Self::Field(rest.into())),
            "k" => json().map(Self::Key),
            "v" => json().map(Self::Value),
            _ => None,
        }
    }

    /// As it stands in a path that people read: `.spec`, `[name="web"]`, `[="x"]`.
    fn shown(&self) -> String {
        match self {
            Self::Field(name) => format!(".{name}"),
            Self::Value(value) => format!("[={value}]"),
            Self::Key(keys) => {
                let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                let keys: Vec<String> =
                    keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                format!("[{}]", keys.join(","))
            }
        }
    }
}

impl FieldSet {
    /// All that a configuration says.
    pub(super) fn of(of: &Type, value: &Value) -> Self {
        let mut set = Self::default();
        collect(of, value, &mut Vec::new(), &mut set);
        set
    }

    pub(super) fn insert(&mut self, path: &[Element]) {
        if let [parents @ .., last] = path {
            let parent = parents
                .iter()
                .fold(self, |set, step| set.children.entry(step.clone()).or_default());
            parent.members.insert(last.clone());
        }
    }

    /// Forgets a path with all below it.
    pub(super) fn remove(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        let first = Element::Field((*first).into());
        if rest.is_empty() {
            self.members.remove(&first);
            self.children.remove(&first);
        } else if let Some(child) = self.children.get_mut(&first) {
            child.remove(rest);
            if child.is_empty() {
                self.children.remove(&first);
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(super) fn has(&self, element: &Element) -> bool {
        self.members.contains(element)
    }

    pub(super) fn below(&self, element: &Element) -> Option<&Self> {
        self.children.get(element).filter(|child| !child.is_empty())
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.members.extend(other.members.iter().cloned());
        for (step, child) in &other.children {
            let mine = all.children.entry(step.clone()).or_default();
            *mine = mine.union(child);
        }
        all
    }

    pub(super) fn difference(&self, other: &Self) -> Self {
        let members = self.members.difference(&other.members).cloned().collect();
        let children = self.children.iter().map(|(step, child)| {
            let left =
                other.children.get(step).map_or_else(|| child.clone(), |it| child.difference(it));
            (step.clone(), left)
        });
        Self { members, children: children.filter(|(_, child)| !child.is_empty()).collect() }
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let members = self.members.intersection(&other.members).cloned().collect();
        let children = self.children.iter().filter_map(|(step, child)| {
            Some((step.clone(), child.intersection(other.children.get(step)?)))
        });
        Self { members, children: children.filter(|(_, child)| !child.is_empty()).collect() }
    }

    /// With the structs above its members as members, too: who owns all of a struct's fields removes the struct with them.
    pub(super) fn with_structs(&self, of: &Type) -> Self {
        let mut all = Self { members: self.members.clone(), children: BTreeMap::new() };
        for (step, child) in &self.children {
            let below = match (step, of.view(Some(&json!({})))) {
                (Element::Field(name), View::Fields(members)) => {
                    if members.declares(name) {
                        all.members.insert(step.clone());
                    }
                    child.with_structs(members.of(name))
                }
                (_, View::List(list)) => child.with_structs(&list.of),
                _ => child.clone(),
            };
            all.children.insert(step.clone(), below);
        }
        all
    }

    /// Every member, as people read it.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.walk(&mut String::new(), &mut paths);
        paths
    }

    fn walk(&self, prefix: &mut String, paths: &mut Vec<String>) {
        paths.extend(self.members.iter().map(|member| format!("{prefix}{}", member.shown())));
        for (step, child) in &self.children {
            let length = prefix.len();
            let _ = write!(prefix, "{}", step.shown());
            child.walk(prefix, paths);
            prefix.truncate(length);
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = Map::new();
        for member in &self.members {
            json.insert(member.text(), json!({}));
        }
        for (step, child) in self.children.iter().filter(|(_, child)| !child.is_empty()) {
            let mut below = child.to_json();
            if self.members.contains(step) {
                below["."] = json!({});
            }
            json.insert(step.text(), below);
        }
        Value::Object(json)
    }

    pub(super) fn from_json(json: &Value) -> Self {
        let mut set = Self::default();
        for (key, below) in json.as_object().into_iter().flatten() {
            let Some(element) = Element::parse(key) else { continue };
            let child = Self::from_json(below);
            if child.is_empty() || below.get(".").is_some() {
                set.members.insert(element.clone());
            }
            if !child.is_empty() {
                set.children.insert(element, child);
            }
        }
        set
    }
}

fn collect(of: &Type, value: &Value, path: &mut Vec<Element>, set: &mut FieldSet) {
    match (of.view(Some(value)), value) {
        (View::List(list), Value::Array(items)) => {
            for item in items {
                let Some(element) = Element::of(list, item) else { continue };
                path.push(element);
                collect(&list.of, item, path, set);
                set.insert(path);
                path.pop();
            }
        }
        (View::Fields(members), Value::Object(object)) => {
            for (key, member) in object {
                path.push(Element::Field(key.clone()));
                collect(members.of(key), member, path, set);
                let empty = member.is_null() || member.as_object().is_some_and(Map::is_empty);
                if empty || !members.declares(key) {
                    set.insert(path);
                }
                path.pop();
            }
        }
        _ => set.insert(path),
    }
}

/// The first list in which two elements have the same keys, with these keys.
pub(super) fn duplicate(of: &Type, value: &Value, path: &str) -> Option<String> {
    match (of.view(Some(value)), value) {
        (View::List(list), Value::Array(items)) => {
            let mut seen = BTreeSet::new();
            items.iter().find_map(|item| {
                let element = Element::of(list, item)?;
                let shown = element.shown();
                if seen.insert(element) {
                    return duplicate(&list.of, item, &format!("{path}{shown}"));
                }
                Some(format!("{path}: duplicate entries for key {shown}"))
            })
        }
        (View::Fields(members), Value::Object(object)) => object
            .iter()
            .find_map(|(key, member)| duplicate(members.of(key), member, &format!("{path}.{key}"))),
        _ => None,
    }
}

/// How `new` differs from `old`.
pub(super) fn compare(of: &Type, old: &Value, new: &Value) -> Comparison {
    let mut comparison = Comparison::default();
    comparison.visit(of, Some(old), Some(new), &mut Vec::new(), Presence::Real);
    comparison
}

/// Whether the parent of a value is there in the older object.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    Real,
    /// Go's structs are there although the JSON does not show them.
    Implied,
    Absent,
}

/// Structs that Go holds by value: an object that does not show them has them empty.
const HELD_BY_VALUE: [&str; 9] = [
    "metadata",
    "spec",
    "status",
    "template",
    "strategy",
    "updateStrategy",
    "jobTemplate",
    "names",
    "loadBalancer",
];

impl Comparison {
    fn visit(
        &mut self,
        of: &Type,
        old: Option<&Value>,
        new: Option<&Value>,
        path: &mut Vec<Element>,
        presence: Presence,
    ) {
        let empty = |value: Option<&Value>| match value {
            None | Some(Value::Null) => true,
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            Some(_) => false,
        };
        let view = of.view(new.or(old));
        if matches!(view, View::Leaf) || (empty(old) && empty(new)) {
            return self.note(old, new, path);
        }
        match view {
            View::Leaf => {}
            View::List(list) => {
                let items = |value: Option<&'_ Value>| -> Vec<(Element, Value)> {
                    let items = value.and_then(Value::as_array).into_iter().flatten();
                    items.filter_map(|it| Some((Element::of(list, it)?, it.clone()))).collect()
                };
                let (old, new) = (items(old), items(new));
                let find = |all: &[(Element, Value)], wanted: &Element| {
                    all.iter().find(|(element, _)| element == wanted).map(|(_, item)| item.clone())
                };
                let mut elements: Vec<Element> = Vec::new();
                for (element, _) in old.iter().chain(&new) {
                    if !elements.contains(element) {
                        elements.push(element.clone());
                    }
                }
                for element in elements {
                    let (before, after) = (find(&old, &element), find(&new, &element));
                    path.push(element);
                    let below = if before.is_some() { Presence::Real } else { Presence::Absent };
                    self.visit(&list.of, before.as_ref(), after.as_ref(), path, below);
                    path.pop();
                }
            }
            View::Fields(members) => {
                let none = Map::new();
                let object = |value: Option<&'_ Value>| value.and_then(Value::as_object).cloned();
                let (before, after) = (object(old), object(new));
                let (before, after) =
                    (before.as_ref().unwrap_or(&none), after.as_ref().unwrap_or(&none));
                let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
                for key in keys {
                    let by_value = HELD_BY_VALUE.contains(&key.as_str())
                        && matches!(members, Members::Struct(_));
                    let below = match (before.contains_key(key), presence) {
                        (true, _) => Presence::Real,
                        (false, Presence::Real | Presence::Implied) if by_value => {
                            Presence::Implied
                        }
                        (false, _) => Presence::Absent,
                    };
                    path.push(Element::Field(key.clone()));
                    self.visit(members.of(key), before.get(key), after.get(key), path, below);
                    path.pop();
                }
            }
        }
        // What is new with all that is in it is a member itself, beside its leaves.
        let implied = presence == Presence::Implied
            // Go shows a pod's containers even where there are none.
            || matches!(path.last(), Some(Element::Field(name)) if name == "containers");
        if (old.is_none() && !implied) || new.is_none() {
            self.note(old, new, path);
        }
    }

    fn note(&mut self, old: Option<&Value>, new: Option<&Value>, path: &[Element]) {
        match (old, new) {
            (None, _) => self.added.insert(path),
            (_, None) => self.removed.insert(path),
            (Some(old), Some(new)) if old != new => self.modified.insert(path),
            _ => {}
        }
    }
}

/// The value without what the set names; nothing if nothing is left of it.
pub(super) fn without(of: &Type, value: &Value, set: &FieldSet) -> Option<Value> {
    match (of.view(Some(value)), value) {
        (View::List(list), Value::Array(items)) => {
            let left = items.iter().filter_map(|item| {
                let Some(element) = Element::of(list, item) else { return Some(item.clone()) };
                if set.has(&element) {
                    return None;
                }
                match set.below(&element) {
                    Some(below) => without(&list.of, item, below),
                    None => Some(item.clone()),
                }
            });
            let left: Vec<Value> = left.collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        (View::Fields(members), Value::Object(object)) => {
            let left = object.iter().filter_map(|(key, member)| {
                let element = Element::Field(key.clone());
                if set.has(&element) {
                    return None;
                }
                let member = match set.below(&element) {
                    Some(below) => without(members.of(key), member, below)?,
                    None => member.clone(),
                };
                Some((key.clone(), member))
            });
            let left: Map<String, Value> = left.collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        _ => Some(value.clone()),
    }
}

/// `live` with all that the configuration says.
pub(super) fn merged(of: &Type, live: Option<&Value>, config: &Value) -> Value {
    match (of.view(Some(config)), live, config) {
        (View::Fields(members), Some(Value::Object(live)), Value::Object(config)) => {
            let mut all = live.clone();
            for (key, member) in config {
                all.insert(key.clone(), merged(members.of(key), live.get(key), member));
            }
            Value::Object(all)
        }
        (View::List(list), Some(Value::Array(live)), Value::Array(config)) => {
            merged_list(list, live, config)
        }
        _ => config.clone(),
    }
}

/// In the configuration's order; what only the live list has stays where it was among its neighbours.
fn merged_list(list: &List, live: &[Value], config: &[Value]) -> Value {
    let keyed = |items: &[Value]| -> Vec<(Option<Element>, Value)> {
        items.iter().map(|item| (Element::of(list, item), item.clone())).collect()
    };
    let (live, config) = (keyed(live), keyed(config));
    let in_config = |element: &Option<Element>| config.iter().any(|(it, _)| it == element);
    let mut all: Vec<Value> = Vec::new();
    let mut left = live.iter().peekable();
    for (element, item) in &config {
        let shared = live.iter().find(|(it, _)| it == element);
        if shared.is_some() {
            // What stands before its partner in the live list goes before it here.
            while let Some((next, other)) = left.next_if(|(next, _)| next != element) {
                if !in_config(next) {
                    all.push(other.clone());
                }
            }
            left.next();
        }
        all.push(merged(&list.of, shared.map(|(_, item)| item), item));
    }
    all.extend(left.filter(|(it, _)| !in_config(it)).map(|(_, item)| item.clone()));
    Value::Array(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Type {
        Type::builtin("Deployment")
    }

    #[test]
    fn a_configuration_is_a_set_of_its_leaves() {
        let config = json!({
            "metadata": {"labels": {"app": "web"}, "finalizers": ["a/b"]},
            "spec": {
                "replicas": 3,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {"spec": {
                    "containers": [{"name": "nginx", "image": "nginx", "args": ["a"], "ports": [{"containerPort": 80}]}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                }},
            },
        });
        let set = FieldSet::of(&deployment(), &config);
        let expected = json!({
            "f:metadata": {"f:labels": {"f:app": {}}, "f:finalizers": {"v:\"a/b\"": {}}},
            "f:spec": {
                "f:replicas": {},
                "f:selector": {},
                "f:template": {"f:spec": {
                    "f:containers": {"k:{\"name\":\"nginx\"}": {".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                        "f:ports": {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}}}}},
                    "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:emptyDir": {}, "f:name": {}}},
                }},
            },
        });
        assert_eq!(set.to_json(), expected);
        assert_eq!(FieldSet::from_json(&expected), set);
        let paths = set.paths();
        assert!(
            paths.contains(&".spec.template.spec.containers[name=\"nginx\"].image".to_owned()),
            "{paths:?}"
        );
        assert!(paths.contains(&".metadata.finalizers[=\"a/b\"]".to_owned()));
    }

    #[test]
    fn what_is_new_owns_its_containers_as_kubectl_create_shows() {
        let new = json!({
            "metadata": {"labels": {"app": "nginx"}},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "nginx"}},
                "strategy": {"rollingUpdate": {"maxSurge": "25%"}, "type": "RollingUpdate"},
                "template": {"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx", "resources": {}}], "securityContext": {}}}},
        });
        let set = compare(&deployment(), &json!({}), &new).added;
        assert_eq!(
            set.to_json(),
            json!({
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {"f:replicas": {}, "f:selector": {},
                    "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}}, "f:type": {}},
                    "f:template": {"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {
                        "f:containers": {"k:{\"name\":\"nginx\"}": {".": {}, "f:image": {}, "f:name": {}, "f:resources": {}}},
                        "f:securityContext": {}}}},
            })
        );
    }

    #[test]
    fn differences_are_told_by_leaf() {
        let old = json!({"data": {"a": "1", "b": "2"}});
        let new = json!({"data": {"b": "3", "c": "4"}});
        let Comparison { added, modified, removed } =
            compare(&Type::builtin("ConfigMap"), &old, &new);
        assert_eq!(added.paths(), [".data.c"]);
        assert_eq!(modified.paths(), [".data.b"]);
        assert_eq!(removed.paths(), [".data.a"]);
    }

    #[test]
    fn lists_with_keys_merge_in_the_order_of_the_configuration() {
        let pod = |names: &[&str]| {
            let containers: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"spec": {"containers": containers}})
        };
        let names = |value: &Value| -> Vec<String> {
            let containers = value["spec"]["containers"].as_array().unwrap();
            containers.iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
        };
        let all = merged(
            &Type::builtin("Pod"),
            Some(&pod(&["sidecar", "a", "x", "b"])),
            &pod(&["b", "a", "c"]),
        );
        assert_eq!(names(&all), ["sidecar", "x", "b", "a", "c"]);
        let all = merged(&Type::builtin("Pod"), Some(&pod(&["a", "sidecar"])), &pod(&["a", "b"]));
        assert_eq!(names(&all), ["a", "b", "sidecar"]);
    }

    #[test]
    fn removal_takes_what_is_named_and_what_becomes_empty() {
        let object = json!({"metadata": {"labels": {"a": "1"}}, "data": {"a": "1", "b": "2"}});
        let set = FieldSet::from_json(
            &json!({"f:metadata": {"f:labels": {"f:a": {}}}, "f:data": {"f:a": {}}}),
        );
        assert_eq!(
            without(&Type::builtin("ConfigMap"), &object, &set),
            Some(json!({"data": {"b": "2"}}))
        );
    }
}
