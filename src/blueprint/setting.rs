//! What a component says, key by key, and where each value comes from: defaults, the blueprint, an environment, `--set`.

use serde_json::Value as Json;

use super::Blueprint;
use super::decode::json;
use super::node::{Mapping, Node, Scalar, Value};
use super::parse;
use super::shape::{Shape, Struct};
use super::value::Name;
use crate::source::Span;

/// A key of a component and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// From the component on: `storage`, `targets.api.health.path`, `rules[0].rate`.
    pub path: String,
    /// What the key means.
    pub doc: &'static str,
    /// As one would write it; `None` if nothing is said and there is no default.
    pub text: Option<String>,
    /// The same as JSON.
    pub value: Option<Json>,
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    Blueprint(Span),
    Environment(Name, Span),
    /// `--set`
    CommandLine(Span),
    Default,
    /// It has no value: nothing is said, and there is no default.
    Absent,
}

/// The text that a blueprint was decoded from, after everything was laid over it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    pub(super) root: Node,
    pub(super) environment: Option<Name>,
    /// The place of what the environment says.
    pub(super) overlay: Option<Span>,
}

impl Blueprint {
    /// The paths of all components, in the order of the language: `network`, `databases.orders`; then those in further
    /// regions: `regions.dr.databases.orders`.
    pub fn components(&self) -> Vec<String> {
        let mut paths = Vec::new();
        for (section, shape) in sections() {
            match (&shape, self.written.root.get(&section)) {
                (Shape::Map { .. }, Some(node)) => {
                    let mut names: Vec<&str> =
                        node.mapping().map(Mapping::keys).into_iter().flatten().collect();
                    names.sort_unstable();
                    paths.extend(names.into_iter().map(|name| format!("{section}.{name}")));
                }
                (_, Some(_)) => paths.push(section),
                (_, None) => {}
            }
        }
        for (name, part) in &self.regions {
            paths.extend(part.components().iter().map(|path| format!("regions.{name}.{path}")));
        }
        paths
    }

    /// Where the component at a path is written.
    pub(crate) fn place_of(&self, component: &str) -> Option<Span> {
        if let Some((region, component)) =
            component.strip_prefix("regions.").and_then(|it| it.split_once('.'))
        {
            let (_, part) = self.regions.iter().find(|(name, _)| name.as_str() == region)?;
            return part.place_of(component);
        }
        let (section, name) = match component.split_once('.') {
            Some((section, name)) => (section, Some(name)),
            None => (component, None),
        };
        let node = self.written.root.get(section)?;
        Some(name.map_or(node, |name| node.get(name).unwrap_or(node)).span)
    }

    /// What the component at a path says; `None` if there is none.
    pub fn settings(&self, component: &str) -> Option<Vec<Setting>> {
        if let Some((region, component)) =
            component.strip_prefix("regions.").and_then(|it| it.split_once('.'))
        {
            let (_, part) = self.regions.iter().find(|(name, _)| name.as_str() == region)?;
            return part.settings(component);
        }
        let (section, name) = match component.split_once('.') {
            Some((section, name)) => (section, Some(name)),
            None => (component, None),
        };
        let (_, shape) = sections().into_iter().find(|(key, _)| key == section)?;
        let node = self.written.root.get(section)?;
        let (shape, node) = match (&shape, name) {
            (Shape::Map { key: _, value }, Some(name)) => (&**value, node.get(name)?),
            (Shape::Map { .. }, None) | (_, Some(_)) => return None,
            (shape, None) => (shape, node),
        };
        let mut walk = Walk { written: &self.written, found: Vec::new() };
        walk.value(shape, node, String::new(), "", Said::Written);
        Some(walk.found)
    }
}

/// The sections of the language that hold components, with their shapes.
fn sections() -> Vec<(String, Shape)> {
    let Shape::Struct(document) = super::shape() else {
        unreachable!("a blueprint is a mapping with fixed keys")
    };
    let is_section =
        |key: &str| super::reference::ComponentType::ALL.iter().any(|it| it.section() == key);
    let fields = document.fields.into_iter().filter(|field| is_section(&field.key));
    fields.map(|field| (field.key, field.shape)).collect()
}

/// Whether a value was written, or is part of a default.
#[derive(Clone, Copy)]
enum Said {
    Written,
    Default,
}

struct Walk<'a> {
    written: &'a Written,
    found: Vec<Setting>,
}

impl Walk<'_> {
    fn value(&mut self, shape: &Shape, node: &Node, path: String, doc: &'static str, said: Said) {
        match (shape, &node.value) {
            (Shape::Struct(of), Value::Mapping(mapping)) => {
                self.fields(of, mapping, node.span, &path, said);
            }
            (Shape::Map { key: _, value }, Value::Mapping(mapping))
                if !mapping.entries.is_empty() =>
            {
                for entry in &mapping.entries {
                    self.value(value, &entry.value, below(&path, &entry.key.value), doc, said);
                }
            }
            (Shape::List(item), Value::Sequence(items))
                if items.iter().any(|it| it.mapping().is_some()) =>
            {
                for (at, each) in items.iter().enumerate() {
                    self.value(item, each, format!("{path}[{at}]"), doc, said);
                }
            }
            (Shape::Either(shapes), _) if let Some(shape) = fitting(shapes, node) => {
                self.value(shape, node, path, doc, said);
            }
            _ => {
                let (text, value) = (Some(flow(node)), Some(json(node)));
                let origin = self.origin(node.span, said);
                self.found.push(Setting { path, doc, text, value, origin });
            }
        }
    }

    fn fields(&mut self, of: &Struct, mapping: &Mapping, span: Span, path: &str, said: Said) {
        for field in &of.fields {
            let path = below(path, &field.key);
            match (mapping.get(&field.key), field.default) {
                (Some(node), _) => self.value(&field.shape, node, path, field.doc, said),
                (None, Some(default)) => {
                    let node = parse::literal(default, span);
                    self.value(&field.shape, &node, path, field.doc, Said::Default);
                }
                (None, None) => self.found.push(Setting {
                    path,
                    doc: field.doc,
                    text: None,
                    value: None,
                    origin: Origin::Absent,
                }),
            }
        }
    }

    fn origin(&self, span: Span, said: Said) -> Origin {
        let Written { root, environment, overlay } = self.written;
        match (said, environment.as_ref().zip(*overlay)) {
            (Said::Default, _) => Origin::Default,
            (Said::Written, _) if span.file != root.span.file => Origin::CommandLine(span),
            (Said::Written, Some((name, overlay)))
                if overlay.range().contains(&span.range().start) =>
            {
                Origin::Environment(name.clone(), span)
            }
            (Said::Written, _) => Origin::Blueprint(span),
        }
    }
}

/// The one of several shapes that a value is of: among mappings the one whose required keys are there.
fn fitting<'a>(shapes: &'a [Shape], node: &Node) -> Option<&'a Shape> {
    shapes.iter().find(|shape| match (shape, &node.value) {
        (Shape::Struct(of), Value::Mapping(mapping)) => {
            of.fields.iter().all(|field| !field.required || mapping.get(&field.key).is_some())
        }
        (Shape::Map { .. }, Value::Mapping(_)) | (Shape::List(_), Value::Sequence(_)) => true,
        _ => false,
    })
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A tree on one line, as YAML.
fn flow(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".to_owned(),
        Value::Scalar(Scalar { text, plain: true }) => text.clone(),
        Value::Scalar(Scalar { text, plain: false }) => Json::from(text.as_str()).to_string(),
        Value::Sequence(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Mapping(Mapping { entries }) => {
            let entries: Vec<String> =
                entries.iter().map(|it| format!("{}: {}", it.key.value, flow(&it.value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::{Selection, load_bytes};
    use super::*;

    const TEXT: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  subnets: {data: [10.0.1.0/24, 10.0.2.0/24], private: [10.0.3.0/24, 10.0.4.0/24]}
  nat: none
  zones: 2
databases:
  orders: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi, logs: [postgresql], from: []}
firewalls:
  edge: {rules: [common, {rate: 100}]}
regions:
  dr:
    region: eu-central-1
    network: {cidr: 10.1.0.0/16, zones: 2, subnets: {data: [10.1.1.0/24, 10.1.2.0/24]}, nat: none}
    keys: {data: {}}
    databases: {orders: {replicaOf: orders@home, key: data, backups: 1d}}
environments:
  dev:
    databases: {orders: {class: db.t4g.small, parameters: {work_mem: 1}}}
    regions: {dr: {databases: {orders: {backups: 2d}}}}
"#;

    fn loaded() -> Blueprint {
        let sets = [("databases.orders.replicas".to_owned(), "0".to_owned())];
        let selection = Selection { environment: Some("dev"), sets: &sets };
        let loaded = load_bytes("a.yaml", TEXT.as_bytes(), selection);
        assert_eq!(loaded.diagnostics, []);
        loaded.blueprint.unwrap()
    }

    #[test]
    fn every_value_knows_where_it_comes_from() {
        let blueprint = loaded();
        let settings = blueprint.settings("databases.orders").unwrap();
        let of = |path: &str| {
            let setting = settings.iter().find(|it| it.path == path).unwrap();
            (setting.text.as_deref(), &setting.origin)
        };
        assert!(matches!(of("engine"), (Some("postgres"), Origin::Blueprint(_))));
        assert!(matches!(of("version"), (Some("\"17\""), Origin::Blueprint(_))));
        assert!(matches!(of("logs"), (Some("[postgresql]"), Origin::Blueprint(_))));
        assert!(
            matches!(of("class"), (Some("db.t4g.small"), Origin::Environment(name, _)) if name.as_str() == "dev")
        );
        assert!(matches!(of("parameters.work_mem"), (Some("1"), Origin::Environment(..))));
        assert!(matches!(of("replicas"), (Some("0"), Origin::CommandLine(_))));
        assert!(matches!(of("multiAz"), (Some("true"), Origin::Default)));
        assert!(matches!(of("port"), (None, Origin::Absent)));
        let rules = blueprint.settings("firewalls.edge").unwrap();
        let paths: Vec<&str> = rules.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "block",
                "allow",
                "default",
                "rules[0]",
                "rules[1].rate",
                "rules[1].per",
                "rules[1].mode",
                "logging"
            ]
        );
    }

    #[test]
    fn what_stands_in_a_region_knows_it_too() {
        let settings = loaded().settings("regions.dr.databases.orders").unwrap();
        let of = |path: &str| {
            let setting = settings.iter().find(|it| it.path == path).unwrap();
            (setting.text.clone().unwrap_or_default(), setting.origin.clone())
        };
        assert!(matches!(of("key"), (key, Origin::Blueprint(_)) if key == "data"));
        assert!(matches!(of("backups"), (backups, Origin::Environment(..)) if backups == "2d"));
        // As the database that it follows.
        assert!(matches!(of("class"), (class, Origin::Environment(..)) if class == "db.t4g.small"));
        assert!(matches!(of("multiAz"), (_, Origin::Default)));
    }

    #[test]
    fn defaults_are_those_that_decoding_took() {
        let blueprint = loaded();
        let mut defaults = BTreeMap::new();
        for component in blueprint.components() {
            for setting in blueprint.settings(&component).unwrap() {
                if setting.origin == Origin::Default {
                    defaults.insert(format!("{component}.{}", setting.path), setting.text.unwrap());
                }
            }
        }
        let taken =
            blueprint.defaults.iter().map(|(path, text)| (path.clone(), (*text).to_owned()));
        assert_eq!(defaults, taken.collect());
    }

    #[test]
    fn what_is_not_there_has_no_settings() {
        let blueprint = loaded();
        let components = [
            "network",
            "databases.orders",
            "firewalls.edge",
            "regions.dr.network",
            "regions.dr.databases.orders",
            "regions.dr.keys.data",
        ];
        assert_eq!(blueprint.components(), components);
        for path in [
            "cluster",
            "databases",
            "databases.payments",
            "network.cidr",
            "name",
            "",
            "regions.dr",
            "regions.dr.databases",
            "regions.dr.databases.payments",
            "regions.us.network",
        ] {
            assert_eq!(blueprint.settings(path), None, "{path}");
        }
    }
}
