//! What `explain` tells.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::FORMAT;
use crate::address::Address;
use crate::blueprint::setting::{Origin, Setting};
use crate::blueprint::shape::{Field, Shape};
use crate::graph::Node;
use crate::graph::compile::Wire;
use crate::kind::Need;
use crate::report::explain::{Component, Key, Resource, language};
use crate::report::reference::{phrase, sentence};
use crate::source::{SourceMap, Span};

#[derive(Debug, Serialize)]
struct LanguageV1 {
    format: u32,
    keys: Vec<KeyV1>,
}

#[derive(Debug, Serialize)]
struct DocumentV1 {
    format: u32,
    #[serde(flatten)]
    key: KeyV1,
}

/// A key of the language.
#[derive(Debug, Serialize)]
struct KeyV1 {
    path: String,
    doc: String,
    /// What may stand there, in words.
    value: String,
    required: bool,
    /// As it would be written.
    default: Option<&'static str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    examples: &'static [&'static str],
    /// The keys below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<KeyV1>,
}

#[derive(Debug, Serialize)]
struct ComponentV1<'a> {
    format: u32,
    stack: &'a str,
    component: &'a str,
    settings: Vec<SettingV1<'a>>,
    resources: Vec<EntryV1<'a>>,
    /// What each line of its `uses` makes, if it is a service.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    uses: Vec<WireV1<'a>>,
}

#[derive(Debug, Serialize)]
struct WireV1<'a> {
    uses: String,
    place: PlaceV1<'a>,
    /// The variables that pods get: texts, or references to outputs.
    env: &'a BTreeMap<String, Value>,
    /// The variables that are copied from a secret, each with where it is.
    secrets: BTreeMap<&'a str, SecretV1<'a>>,
    /// What IAM allows the pods.
    statements: &'a [Value],
    /// The addresses of the rules, policies and copies that let them have it.
    by: &'a [Address],
}

#[derive(Debug, Serialize)]
struct SecretV1<'a> {
    arn: &'a Value,
    /// The key of the secret's JSON; all of it if absent.
    key: Option<&'a str>,
    /// The name of the copy in the cluster.
    copy: &'a str,
}

#[derive(Debug, Serialize)]
struct EntryV1<'a> {
    address: &'a Address,
    kind: &'a str,
}

#[derive(Debug, Serialize)]
struct SettingV1<'a> {
    path: &'a str,
    value: Option<&'a Value>,
    origin: OriginV1<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "from")]
enum OriginV1<'a> {
    Blueprint(PlaceV1<'a>),
    Environment {
        environment: &'a str,
        #[serde(flatten)]
        place: PlaceV1<'a>,
    },
    CommandLine,
    Default,
    Absent,
}

#[derive(Debug, Serialize)]
struct PlaceV1<'a> {
    file: &'a str,
    line: u32,
    column: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceV1<'a> {
    format: u32,
    stack: &'a str,
    address: &'a Address,
    kind: &'a str,
    region: &'a str,
    spec: &'a Value,
    needs: &'a BTreeMap<Address, Need>,
    needed_by: &'a BTreeMap<&'a Address, Need>,
    /// What stands for the id of the account.
    account: &'a str,
    component: &'a str,
    settings: Vec<SettingV1<'a>>,
}

/// `explain --json`
pub fn explain_language() -> impl Serialize {
    let keys = language().iter().map(|field| key_v1(&field.key, field, 0)).collect();
    LanguageV1 { format: FORMAT, keys }
}

/// `explain KEY --json`
pub fn explain_key(key: &Key) -> impl Serialize {
    DocumentV1 { format: FORMAT, key: key_v1(&key.path, &key.field, 1) }
}

/// `explain COMPONENT --json`
pub fn explain_component<'a>(of: &'a Component<'a>) -> impl Serialize + 'a {
    ComponentV1 {
        format: FORMAT,
        stack: of.stack,
        component: of.path,
        settings: settings(of),
        resources: of.resources.iter().map(entry).collect(),
        uses: of.wires.iter().map(|wire| wire_v1(wire, of.sources)).collect(),
    }
}

/// `explain ADDRESS --json`
pub fn explain_resource<'a>(of: &'a Resource<'a>) -> impl Serialize + 'a {
    let Resource { address, node, needed_by, component, account } = of;
    ResourceV1 {
        format: FORMAT,
        stack: component.stack,
        address,
        kind: &node.kind,
        region: &node.region,
        spec: &node.spec,
        needs: &node.needs,
        needed_by,
        account,
        component: component.path,
        settings: settings(component),
    }
}

/// A key, with as many levels below it.
fn key_v1(path: &str, field: &Field, levels: usize) -> KeyV1 {
    let Field { key: _, doc, shape, default, required } = field;
    let below = if levels == 0 { Vec::new() } else { shape.keys() };
    let below = below.into_iter().map(|it| key_v1(&format!("{path}.{}", it.key), it, levels - 1));
    KeyV1 {
        path: path.into(),
        doc: sentence(doc),
        value: phrase(shape),
        required: *required,
        default: *default,
        examples: match shape {
            Shape::Word(word) => word.examples,
            _ => &[],
        },
        keys: below.collect(),
    }
}

fn entry<'a>((address, node): (&&'a Address, &&'a Node)) -> EntryV1<'a> {
    EntryV1 { address, kind: &node.kind }
}

fn wire_v1<'a>(wire: &'a Wire, sources: &'a SourceMap) -> WireV1<'a> {
    let Wire { used, at, variables, synced, statements, resources } = wire;
    let secrets = synced.iter().flat_map(|synced| {
        synced.variables.iter().map(move |(variable, key)| {
            let (arn, key, copy) = (&synced.arn, key.as_deref(), synced.name.as_str());
            (variable.as_str(), SecretV1 { arn, key, copy })
        })
    });
    WireV1 {
        uses: used.to_string(),
        place: place(*at, sources),
        env: variables,
        secrets: secrets.collect(),
        statements,
        by: resources,
    }
}

fn settings<'a>(of: &'a Component<'a>) -> Vec<SettingV1<'a>> {
    let setting = |Setting { path, doc: _, text: _, value, origin }: &'a Setting| SettingV1 {
        path,
        value: value.as_ref(),
        origin: origin_v1(origin, of.sources),
    };
    of.settings.iter().map(setting).collect()
}

fn origin_v1<'a>(origin: &'a Origin, sources: &'a SourceMap) -> OriginV1<'a> {
    match origin {
        Origin::Blueprint(span) => OriginV1::Blueprint(place(*span, sources)),
        Origin::Environment(name, span) => {
            let environment = name.as_str();
            OriginV1::Environment { environment, place: place(*span, sources) }
        }
        Origin::CommandLine(_) => OriginV1::CommandLine,
        Origin::Default => OriginV1::Default,
        Origin::Absent => OriginV1::Absent,
    }
}

fn place(span: Span, sources: &SourceMap) -> PlaceV1<'_> {
    let start = sources.start(span);
    PlaceV1 { file: sources.file(span.file).name(), line: start.line, column: start.column }
}
