//! From YAML to objects: what is in a text, in which order it is made, and what cannot be taken.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize as _;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::{Rendered, marker, placed, scope};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// A Kubernetes object that a chart or a file has.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// `v1/Service`, `apps/v1/Deployment`.
    pub kind: String,
    pub name: String,
    /// `None` for what stands in no namespace.
    pub namespace: Option<String>,
    /// What it is called in its component: `deployment/istio-system/istiod`.
    pub role: String,
    /// All of it but `apiVersion`, `kind` and `status`. References stand in place of markers.
    pub manifest: Value,
    pub phase: Phase,
    /// Whether it stays when its chart does not have it any more, as `helm.sh/resource-policy: keep` says.
    pub is_kept: bool,
}

/// When an object is made, compared with the others of its release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before all hooks: definitions and namespaces.
    Definition,
    /// A hook before the rest, with its weight.
    Before(i64),
    /// What is no hook.
    Main,
    /// A hook behind the rest, with its weight.
    After(i64),
}

/// A text with objects, and what is said of them.
pub(super) struct Release<'a> {
    /// Under which they are found.
    pub(super) key: String,
    pub(super) component: &'a str,
    /// For messages: `` chart `istiod` ``.
    pub(super) what: String,
    pub(super) namespace: &'a str,
    pub(super) plain_secrets: &'a BTreeSet<String>,
    pub(super) span: Option<Span>,
    /// Whether annotations of Helm say when objects are made.
    pub(super) hooks: bool,
    pub(super) text: &'a str,
}

/// What definitions add to the API of a cluster: `cert-manager.io/v1`, `cert-manager.io/v1/Certificate`.
pub(super) fn apis<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut apis = BTreeSet::new();
    for document in texts.flat_map(|text| documents(text).unwrap_or_default()) {
        let Some(definition) = Definition::of(&document) else { continue };
        for version in definition.versions {
            apis.insert(format!("{}/{version}", definition.group));
            apis.insert(format!("{}/{version}/{}", definition.group, definition.kind));
        }
    }
    apis.into_iter().collect()
}

/// All objects, or what is wrong with them.
pub(super) fn objects(releases: &[Release<'_>], problems: &mut Vec<Diagnostic>) -> Rendered {
    let mut parsed: Vec<(&Release<'_>, Vec<Value>)> = Vec::new();
    for release in releases {
        match documents(release.text) {
            Ok(documents) => parsed.push((release, documents)),
            Err(error) => problems.push(placed(
                Diagnostic::error(format!("{} is no valid YAML", release.what)),
                release.span,
                error.to_string(),
            )),
        }
    }
    // By group and kind, whether objects stand in namespaces.
    let scopes: BTreeMap<(String, String), bool> = parsed
        .iter()
        .flat_map(|(_, documents)| documents.iter().filter_map(Definition::of))
        .map(|it| ((it.group, it.kind), it.is_namespaced))
        .collect();
    let mut rendered = Rendered::default();
    // Who has an object first, by the region of the release and what the object is called.
    let mut first: BTreeMap<(String, String, Option<String>, String), &str> = BTreeMap::new();
    for (release, documents) in parsed {
        let mut reading =
            Reading { release, scopes: &scopes, problems: &mut *problems, remarks: Vec::new() };
        let mut objects: Vec<Object> =
            documents.into_iter().filter_map(|it| reading.object(it)).collect();
        reading.check_twice(&objects);
        let region = region(release.component);
        objects.retain(|object| {
            let Object { kind, namespace, name, phase, .. } = object;
            let key = (region.to_owned(), kind.clone(), namespace.clone(), name.clone());
            let Some(other) = first.get(&key).copied().filter(|it| *it != release.what) else {
                first.insert(key, &release.what);
                return true;
            };
            // Charts bring the definitions of others along: one of them is enough.
            if *phase != Phase::Definition {
                let summary = format!("{other} and {} both have {kind} `{name}`", release.what);
                reading.problem(summary, "rendered here too", None);
            }
            false
        });
        tell_apart(&mut objects);
        rendered.remarks.append(&mut reading.remarks);
        objects.sort_by(|a, b| (a.phase, &a.role).cmp(&(b.phase, &b.role)));
        rendered.objects.insert(release.key.clone(), objects);
    }
    rendered
}

/// The region whose cluster a component is on; empty for the blueprint's own.
fn region(component: &str) -> &str {
    let in_region = component.strip_prefix("regions.").and_then(|it| it.split_once('.'));
    in_region.map_or("", |(region, _)| region)
}

/// The documents of a text, lists taken apart, empty ones left out.
fn documents(text: &str) -> Result<Vec<Value>, serde_yaml::Error> {
    let mut all = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        take_apart(Value::deserialize(document)?, &mut all);
    }
    Ok(all)
}

fn take_apart(document: Value, all: &mut Vec<Value>) {
    match document {
        Value::Null => {}
        Value::Object(mut members) if is_list(&members) => {
            if let Some(Value::Array(items)) = members.remove("items") {
                for item in items {
                    take_apart(item, all);
                }
            }
        }
        other => all.push(other),
    }
}

/// `v1/List`, `RoleBindingList`: a kind that ends so may be another, but has no `items` then.
fn is_list(members: &Map<String, Value>) -> bool {
    let kind = members.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List"))
        && members.get("items").is_some_and(Value::is_array)
}

/// What a custom resource definition defines.
struct Definition {
    group: String,
    kind: String,
    is_namespaced: bool,
    versions: Vec<String>,
}

impl Definition {
    fn of(document: &Value) -> Option<Self> {
        if document["kind"] != "CustomResourceDefinition" {
            return None;
        }
        let spec = &document["spec"];
        let versions = spec["versions"].as_array()?.iter();
        let served = versions.filter(|it| it["served"] != false);
        Some(Self {
            group: spec["group"].as_str()?.into(),
            kind: spec["names"]["kind"].as_str()?.into(),
            is_namespaced: spec["scope"] != "Cluster",
            versions: served.filter_map(|it| it["name"].as_str().map(str::to_owned)).collect(),
        })
    }
}

const HOOK: &str = "helm.sh/hook";
const WEIGHT: &str = "helm.sh/hook-weight";
const POLICY: &str = "helm.sh/resource-policy";

/// What is known while the objects of a release are read.
struct Reading<'a, 'p> {
    release: &'a Release<'a>,
    scopes: &'a BTreeMap<(String, String), bool>,
    problems: &'p mut Vec<Diagnostic>,
    remarks: Vec<Diagnostic>,
}

impl Reading<'_, '_> {
    fn problem(&mut self, summary: String, label: &str, hint: Option<&str>) {
        let problem = placed(Diagnostic::error(summary), self.release.span, label);
        self.problems.push(hint.into_iter().fold(problem, Diagnostic::hint));
    }

    /// An object; `None` for what is left out, or what is wrong, which is told.
    fn object(&mut self, document: Value) -> Option<Object> {
        let what = self.release.what.clone();
        let Value::Object(mut members) = document else {
            self.problem(format!("{what} has a document that is no object"), "rendered here", None);
            return None;
        };
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (version, kind) = (text(members.remove("apiVersion")), text(members.remove("kind")));
        let (Some(version), Some(kind)) = (version, kind) else {
            let keys: Vec<&str> = members.keys().map(String::as_str).take(4).collect();
            let summary = format!(
                "{what} has an object without `apiVersion` or `kind` (it has `{}`)",
                keys.join("`, `")
            );
            self.problem(summary, "rendered here", None);
            return None;
        };
        members.remove("status");
        if kind == "Job"
            && let Some(spec) = members.get_mut("spec").and_then(Value::as_object_mut)
        {
            // A job that goes by itself would be missing ever after.
            spec.remove("ttlSecondsAfterFinished");
        }
        let metadata = members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(metadata) = metadata else {
            self.problem(
                format!("{what}: `metadata` of a {kind} is no mapping"),
                "rendered here",
                None,
            );
            return None;
        };
        // Of no meaning in a manifest, and some tools write it.
        metadata.remove("creationTimestamp");
        let Some(name) = text(metadata.get("name").cloned()) else {
            let summary = format!("{what} has a {kind} without a name");
            if metadata.contains_key("generateName") {
                let hint = "`generateName` makes another one each time: give it a name, or leave it out by the chart's values.";
                self.problem(summary, "rendered here", Some(hint));
            } else {
                self.problem(summary, "rendered here", None);
            }
            return None;
        };
        let group = version.split_once('/').map_or("", |(group, _)| group).to_owned();
        let own = text(metadata.get("namespace").cloned());
        let namespace = if self.is_namespaced(&group, &kind) {
            Some(own.unwrap_or_else(|| self.release.namespace.to_owned()))
        } else {
            None
        };
        match &namespace {
            Some(namespace) => metadata.insert("namespace".into(), namespace.as_str().into()),
            None => metadata.remove("namespace"),
        };
        let annotations = metadata.get("annotations").cloned().unwrap_or_default();
        let phase = self.phase(&group, &kind, &name, &annotations)?;
        let is_kept = self.release.hooks && annotations[POLICY] == "keep";
        let mut manifest = Value::Object(members);
        if group.is_empty() && kind == "Secret" && !self.may_have_data(&name, &manifest) {
            return None;
        }
        correct_modes(&mut manifest);
        let manifest = match marker::references(manifest) {
            Ok(manifest) => manifest,
            Err(wrong) => {
                let summary = format!("{what}: a marker in {kind} `{name}` cannot be read");
                let hint = "Markers are written `platctl-ref(ADDRESS.OUTPUT)`, such as `platctl-ref(network/vpc.VpcId)`.";
                self.problem(summary, &wrong, Some(hint));
                return None;
            }
        };
        let role = role(self.release.component, &kind, namespace.as_deref(), &name);
        let kind = format!("{version}/{kind}");
        Some(Object { kind, name, namespace, role, manifest, phase, is_kept })
    }

    fn is_namespaced(&self, group: &str, kind: &str) -> bool {
        let defined = self.scopes.get(&(group.to_owned(), kind.to_owned())).copied();
        defined.unwrap_or_else(|| scope::is_namespaced(group, kind))
    }

    /// When the object is made; `None` if never.
    fn phase(&mut self, group: &str, kind: &str, name: &str, annotations: &Value) -> Option<Phase> {
        let comes_first = matches!(
            (group, kind),
            ("apiextensions.k8s.io", "CustomResourceDefinition") | ("", "Namespace")
        );
        let hooks = annotations[HOOK].as_str().filter(|_| self.release.hooks);
        let Some(hooks) = hooks else {
            return Some(if comes_first { Phase::Definition } else { Phase::Main });
        };
        let weight = match &annotations[WEIGHT] {
            Value::String(text) => text.trim().parse().unwrap_or(0),
            other => other.as_i64().unwrap_or(0),
        };
        let events: Vec<&str> = hooks.split(',').map(str::trim).collect();
        let has = |event: &str| events.contains(&event);
        // One that is for several events is made once, when the first of them is.
        if has("pre-install") || (has("pre-upgrade") && !has("post-install")) {
            return Some(if comes_first { Phase::Definition } else { Phase::Before(weight) });
        }
        if has("post-install") || has("post-upgrade") {
            return Some(Phase::After(weight));
        }
        if has("crd-install") {
            return Some(Phase::Definition);
        }
        let is_test = |event: &&str| event.starts_with("test");
        if !events.iter().all(is_test) {
            let summary = format!("{}: hook {kind} `{name}` is left out", self.release.what);
            let label = format!("would run on {}", hooks.replace(',', ", "));
            self.remarks.push(
                placed(Diagnostic::warning(summary), self.release.span, label)
                    .hint("platctl deletes the objects of a chart one by one, and rolls nothing back: such hooks have no place."),
            );
        }
        None
    }

    /// Whether a secret has no data, or data that is not secret.
    fn may_have_data(&mut self, name: &str, manifest: &Value) -> bool {
        let has = |key: &str| manifest[key].as_object().is_some_and(|data| !data.is_empty());
        if !(has("data") || has("stringData")) || self.release.plain_secrets.contains(name) {
            return true;
        }
        let summary = format!(
            "{} would put the data of secret `{name}` into plan and state",
            self.release.what
        );
        let problem = placed(Diagnostic::error(summary), self.release.span, "has it in clear")
            .hint("Most charts take the name of an existing secret by their values; let External Secrets make that.")
            .hint(format!("If nothing in it is secret: `plainSecrets: [{name}]`."));
        self.problems.push(problem);
        false
    }

    fn check_twice(&mut self, objects: &[Object]) {
        let mut seen = BTreeSet::new();
        for object in objects {
            if !seen.insert((&object.kind, &object.namespace, &object.name)) {
                let Object { kind, name, .. } = object;
                let summary = format!("{} has {kind} `{name}` twice", self.release.what);
                self.problem(summary, "rendered here", None);
            }
        }
    }
}

/// Go takes `0644` for a number to the base of eight, as YAML 1.1 does; here it is a text.
fn correct_modes(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                let octal = match &*member {
                    Value::String(text) if key == "mode" || key == "defaultMode" => {
                        text.strip_prefix('0').and_then(|it| i64::from_str_radix(it, 8).ok())
                    }
                    _ => None,
                };
                match octal {
                    Some(mode) => *member = mode.into(),
                    None => correct_modes(member),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(correct_modes),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Addresses hold 256 characters, of which regions may need some.
const ADDRESS_LEN_MAX: usize = 200;

/// `deployment/istio-system/istiod`
fn role(component: &str, kind: &str, namespace: Option<&str>, name: &str) -> String {
    let parts = [Some(kind.to_lowercase()), namespace.map(str::to_owned), Some(name.to_owned())];
    let role = parts.into_iter().flatten().collect::<Vec<_>>().join("/");
    let allowed =
        |c: char| if c.is_ascii_alphanumeric() || "-_./:@+=".contains(c) { c } else { '-' };
    let plain: String = role.chars().map(allowed).collect();
    let max = ADDRESS_LEN_MAX.saturating_sub(component.len());
    if plain == role && plain.len() <= max {
        return plain;
    }
    let hash = hex::encode(&Sha256::digest(&role)[..4]);
    let end = plain.len().min(max.saturating_sub(hash.len() + 1));
    format!("{}-{hash}", &plain[..end])
}

/// Two kinds of different groups may have one word: then the group is part of the role.
fn tell_apart(objects: &mut [Object]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for object in &*objects {
        *count.entry(object.role.clone()).or_default() += 1;
    }
    for object in objects.iter_mut().filter(|it| count[&it.role] > 1) {
        let group = object.kind.rsplit('/').nth(2).unwrap_or("core").to_owned();
        let (word, rest) = object.role.split_once('/').unwrap_or((&object.role, ""));
        object.role = format!("{word}.{group}/{rest}");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> (Vec<Object>, Vec<String>, Vec<String>) {
        let release = Release {
            key: "charts.a/a".into(),
            component: "charts.a",
            what: "chart `a`".into(),
            namespace: "apps",
            plain_secrets: &BTreeSet::from(["open".to_owned()]),
            span: None,
            hooks: true,
            text,
        };
        let mut problems = Vec::new();
        let mut rendered = objects(&[release], &mut problems);
        let told = |all: &[Diagnostic]| all.iter().map(|it| it.summary.clone()).collect();
        let objects = rendered.objects.remove("charts.a/a").unwrap_or_default();
        (objects, told(&problems), told(&rendered.remarks))
    }

    fn hook(name: &str, hook: &str, weight: &str) -> String {
        format!(
            "---\napiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{helm.sh/hook: '{hook}', helm.sh/hook-weight: '{weight}'}}\n"
        )
    }

    #[test]
    fn hooks_have_their_phases() {
        let text = [
            hook("last", "post-install,post-upgrade", "3"),
            hook("second", "pre-install", "10"),
            hook("first", "pre-upgrade, pre-install", "-5"),
            hook("tried", "test", "0"),
            hook("gone", "pre-delete", "0"),
        ]
        .concat();
        let (objects, problems, remarks) = read(&text);
        assert_eq!(problems, [""; 0]);
        let found: Vec<_> = objects.iter().map(|it| (it.name.as_str(), it.phase)).collect();
        let expected = [
            ("first", Phase::Before(-5)),
            ("second", Phase::Before(10)),
            ("last", Phase::After(3)),
        ];
        assert_eq!(found, expected);
        assert_eq!(remarks, ["chart `a`: hook Job `gone` is left out"]);
    }

    #[test]
    fn lists_scopes_and_modes() {
        let text = r"
# nothing but a comment
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {on: 'yes'}}
- {apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: 'system:a', namespace: x}}
---
apiVersion: example.com/v1
kind: Gizmo
metadata: {name: g}
spec: {mode: 0644}
status: {ready: true}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gizmos.example.com}
spec: {group: example.com, scope: Cluster, names: {kind: Gizmo}, versions: [{name: v1, served: true}]}
";
        let (objects, problems, _) = read(text);
        assert_eq!(problems, [""; 0]);
        let roles: Vec<&str> = objects.iter().map(|it| it.role.as_str()).collect();
        let expected = [
            "customresourcedefinition/gizmos.example.com",
            "clusterrole/system:a",
            "configmap/apps/a",
            "gizmo/g",
        ];
        assert_eq!(roles, expected);
        assert_eq!(objects[3].manifest, json!({"metadata": {"name": "g"}, "spec": {"mode": 420}}));
        assert_eq!(
            apis([text].into_iter()),
            ["example.com/v1".to_owned(), "example.com/v1/Gizmo".to_owned()]
        );
    }

    #[test]
    fn what_cannot_be_taken_is_told() {
        let secret = |name: &str| {
            format!(
                "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{a: b}}\n"
            )
        };
        let text = [
            "apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n".to_owned(),
            "---\nkind: Pod\n".to_owned(),
            "---\n[1]\n".to_owned(),
            secret("hidden"),
            secret("open"),
            secret("open"),
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: platctl-ref(x)}\n"
                .to_owned(),
        ]
        .concat();
        let (_, problems, _) = read(&text);
        assert_eq!(
            problems,
            [
                "chart `a` has a Pod without a name",
                "chart `a` has an object without `apiVersion` or `kind` (it has ``)",
                "chart `a` has a document that is no object",
                "chart `a` would put the data of secret `hidden` into plan and state",
                "chart `a`: a marker in ConfigMap `a` cannot be read",
                "chart `a` has v1/Secret `open` twice",
            ]
        );
        assert_eq!(read("a: [").1, ["chart `a` is no valid YAML"]);
    }

    #[test]
    fn long_names_are_cut_and_told_apart() {
        let long = "n".repeat(250);
        let cut = role("charts.a", "ConfigMap", Some("apps"), &long);
        assert!(cut.len() < 200 && cut != role("charts.a", "ConfigMap", Some("apps"), &long[1..]));
        assert!(role("charts.a", "Role", None, "a b").starts_with("role/a-b-"));
    }
}
