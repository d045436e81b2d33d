//! Stage 1: from text to a [`Blueprint`], or to everything that is wrong with it.
//!
//! ```text
//! text ─ parse ─▶ tree ─ environment ─▶ tree ─ decode ─▶ components ─ check ─▶ Blueprint
//! ```
//!
//! Each step reports all that it finds and leaves the next as much as it can, so that one run shows
//! every problem of a file.

mod check;
pub mod component;
mod decode;
mod environment;
mod node;
mod parse;
pub mod reference;
pub mod shape;
pub mod value;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::diagnostic::{Diagnostic, Severity, listed};
use crate::source::{SourceMap, Span, Spanned};
use check::{Check, Declared, Known};
use component::{
    Header, Named, Only, alarm::Alarm, audit::Audit, bucket::Bucket, cache::Cache, cdn::Cdn,
    certificate::Certificate, cluster::Cluster, dashboard::Dashboard, database::Database,
    dns::Zone, firewall::Firewall, identity::Identity, key::Key, load_balancer::LoadBalancer,
    log::LogGroup, network::Network, parameter::Parameter, queue::Queue, registry::Registry,
    secret::Secret, security_group::SecurityGroup, service::Service, table::Table, topic::Topic,
};
use decode::{Decode, Decoder, schema};
use node::{Node, Value};
use shape::Shape;
use value::{DomainName, Name, Region, TagKey};

/// What a person wants, complete: merged, decoded, checked, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Blueprint {
    pub name: Spanned<Name>,
    /// The environment that was chosen; `None` if the blueprint has none.
    pub environment: Option<Name>,
    /// What is provisioned as one: the blueprint in its environment, `<name>-<environment>`.
    pub stack: String,
    pub region: Spanned<Region>,
    /// Tags for every resource that can have some.
    pub tags: BTreeMap<TagKey, Spanned<String>>,
    /// The SHA-256 of the merged text in a canonical form, to which saved plans are bound.
    pub hash: String,
    /// The path of each value that was not written, with the default that it got.
    pub defaults: BTreeMap<String, &'static str>,
    pub network: Option<Spanned<Network>>,
    pub cluster: Option<Spanned<Cluster>>,
    pub databases: BTreeMap<Name, Spanned<Database>>,
    pub caches: BTreeMap<Name, Spanned<Cache>>,
    pub tables: BTreeMap<Name, Spanned<Table>>,
    pub buckets: BTreeMap<Name, Spanned<Bucket>>,
    pub queues: BTreeMap<Name, Spanned<Queue>>,
    pub topics: BTreeMap<Name, Spanned<Topic>>,
    pub load_balancers: BTreeMap<Name, Spanned<LoadBalancer>>,
    pub dns: BTreeMap<DomainName, Spanned<Zone>>,
    pub certificates: BTreeMap<Name, Spanned<Certificate>>,
    pub firewalls: BTreeMap<Name, Spanned<Firewall>>,
    pub registries: BTreeMap<Name, Spanned<Registry>>,
    pub secrets: BTreeMap<Name, Spanned<Secret>>,
    pub parameters: BTreeMap<Name, Spanned<Parameter>>,
    pub keys: BTreeMap<Name, Spanned<Key>>,
    pub logs: BTreeMap<Name, Spanned<LogGroup>>,
    pub identities: BTreeMap<Name, Spanned<Identity>>,
    pub security_groups: BTreeMap<Name, Spanned<SecurityGroup>>,
    pub cdn: BTreeMap<Name, Spanned<Cdn>>,
    pub alarms: BTreeMap<Name, Spanned<Alarm>>,
    pub dashboards: BTreeMap<Name, Spanned<Dashboard>>,
    pub audit: Option<Spanned<Audit>>,
    pub services: BTreeMap<Name, Spanned<Service>>,
}

schema! {
    /// A blueprint: everything that platctl provisions, in one file.
    struct Document("the blueprint") {
        /// The version of the language.
        api_version: Header<ApiVersion>,
        /// What kind of file this is.
        kind: Header<DocumentKind>,
        /// The name of what is built; with the environment it names the stack.
        name: Header<Spanned<Name>>,
        /// The AWS region.
        region: Header<Spanned<Region>>,
        /// Tags for every resource that can have some.
        tags: Header<BTreeMap<TagKey, Spanned<String>>>,
        /// What differs between environments, laid over the rest.
        environments: Environments,
        /// The VPC with its subnets.
        network: Only<Network>,
        /// The EKS cluster.
        cluster: Only<Cluster>,
        /// Relational databases.
        databases: Named<Database>,
        /// Redis and Valkey caches.
        caches: Named<Cache>,
        /// Tables of DynamoDB.
        tables: Named<Table>,
        /// Buckets of S3.
        buckets: Named<Bucket>,
        /// Queues of SQS.
        queues: Named<Queue>,
        /// Topics of SNS.
        topics: Named<Topic>,
        /// Application load balancers.
        load_balancers: Named<LoadBalancer>,
        /// DNS zones by their domain names.
        dns: Named<Zone>,
        /// TLS certificates.
        certificates: Named<Certificate>,
        /// Web application firewalls.
        firewalls: Named<Firewall>,
        /// Container registries.
        registries: Named<Registry>,
        /// Secrets.
        secrets: Named<Secret>,
        /// Plain values in Parameter Store.
        parameters: Named<Parameter>,
        /// Encryption keys.
        keys: Named<Key>,
        /// Log groups.
        logs: Named<LogGroup>,
        /// IAM roles for workloads and AWS services.
        identities: Named<Identity>,
        /// Security groups for what no component stands for.
        security_groups: Named<SecurityGroup>,
        /// CloudFront distributions.
        cdn: Named<Cdn>,
        /// What should make somebody look.
        alarms: Named<Alarm>,
        /// What to look at.
        dashboards: Named<Dashboard>,
        /// The audit of the account.
        audit: Only<Audit>,
        /// Applications on the cluster.
        services: Named<Service>,
    }
}

schema! {
    /// The version of the language.
    enum ApiVersion {
        /// The first.
        V1 = "platctl.dev/v1",
    }
}

schema! {
    /// The kind of a file.
    enum DocumentKind {
        /// A blueprint.
        Blueprint = "Blueprint",
    }
}

/// The environments, which [`environment`] has checked and laid over the rest.
#[derive(Debug, Clone, PartialEq)]
struct Environments;

impl Decode for Environments {
    fn decode(_node: &Node, _decoder: &mut Decoder) -> Option<Self> {
        Some(Self)
    }

    fn shape() -> Shape {
        let name = <Name as Decode>::shape();
        Shape::Map { key: Box::new(name), value: Box::new(Shape::Any) }
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }
}

/// Which of the stacks of a blueprint is wanted, and what is changed for this run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    pub environment: Option<&'a str>,
    /// Paths of keys with YAML values, laid over the environment in this order.
    pub sets: &'a [(String, String)],
}

/// A blueprint, or why there is none.
#[derive(Debug)]
pub struct Loaded {
    /// Absent exactly if a diagnostic is an error.
    pub blueprint: Option<Blueprint>,
    /// In the order of the files.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: SourceMap,
}

/// Reads a blueprint from a file.
pub fn load(path: &Path, selection: Selection<'_>) -> Loaded {
    match contents(path) {
        Ok(bytes) => load_bytes(&path.display().to_string(), &bytes, selection),
        Err(error) => Loaded::new(None, vec![unreadable(path, &error)], SourceMap::default()),
    }
}

/// Reads a blueprint from bytes that messages call by a name.
pub fn load_bytes(name: &str, bytes: &[u8], selection: Selection<'_>) -> Loaded {
    let mut sources = SourceMap::default();
    let mut problems = Vec::new();
    let root = read(name, bytes, &mut sources, &mut problems);
    let blueprint = root.and_then(|root| build(root, selection, &mut sources, &mut problems));
    Loaded::new(blueprint, problems, sources)
}

/// Checks a blueprint in every environment, or by itself if it has none.
///
/// There is no blueprint in the answer, even if all is well: no stack was chosen.
pub fn validate(path: &Path, sets: &[(String, String)]) -> Loaded {
    match contents(path) {
        Ok(bytes) => validate_bytes(&path.display().to_string(), &bytes, sets),
        Err(error) => Loaded::new(None, vec![unreadable(path, &error)], SourceMap::default()),
    }
}

/// As [`validate`], from bytes.
pub fn validate_bytes(name: &str, bytes: &[u8], sets: &[(String, String)]) -> Loaded {
    let mut sources = SourceMap::default();
    let mut problems = Vec::new();
    let Some(root) = read(name, bytes, &mut sources, &mut problems) else {
        return Loaded::new(None, problems, sources);
    };
    let environments: Vec<Option<String>> = match environment::names(&root) {
        names if names.is_empty() => vec![None],
        names => names.into_iter().map(|name| Some(name.to_owned())).collect(),
    };
    let mut found: Vec<(Diagnostic, Vec<&str>)> = Vec::new();
    let base = sources;
    let mut sources = base.clone();
    for name in &environments {
        // Each run adds the same `--set` texts to the same sources, so that places agree.
        sources = base.clone();
        let mut here = Vec::new();
        let selection = Selection { environment: name.as_deref(), sets };
        build(root.clone(), selection, &mut sources, &mut here);
        for problem in here {
            let name = name.as_deref();
            match found.iter_mut().find(|(it, _)| *it == problem) {
                Some((_, names)) => names.extend(name),
                None => found.push((problem, name.into_iter().collect())),
            }
        }
    }
    problems.extend(found.into_iter().map(|(problem, names)| {
        let everywhere = names.is_empty() || names.len() == environments.len();
        if everywhere || names.iter().all(|name| environment::wrote(&root, name, &problem)) {
            return problem;
        }
        let plural = if names.len() == 1 { "environment" } else { "environments" };
        problem.hint(format!("This is so in {plural} {}.", listed(names)))
    }));
    Loaded::new(None, problems, sources)
}

/// The language, as data.
pub fn shape() -> Shape {
    Document::shape()
}

impl Loaded {
    fn new(
        blueprint: Option<Blueprint>,
        mut problems: Vec<Diagnostic>,
        sources: SourceMap,
    ) -> Self {
        Diagnostic::sort(&mut problems);
        let valid = problems.iter().all(|it| it.severity != Severity::Error);
        Self { blueprint: blueprint.filter(|_| valid), diagnostics: problems, sources }
    }

    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|it| it.severity == Severity::Error)
    }
}

impl Blueprint {
    fn check_components(&self, check: &mut Check<'_>) {
        check::single(self.network.as_ref(), check);
        check::single(self.cluster.as_ref(), check);
        check::named(&self.databases, check);
        check::named(&self.caches, check);
        check::named(&self.tables, check);
        check::named(&self.buckets, check);
        check::named(&self.queues, check);
        check::named(&self.topics, check);
        check::named(&self.load_balancers, check);
        check::named(&self.dns, check);
        check::named(&self.certificates, check);
        check::named(&self.firewalls, check);
        check::named(&self.registries, check);
        check::named(&self.secrets, check);
        check::named(&self.parameters, check);
        check::named(&self.keys, check);
        check::named(&self.logs, check);
        check::named(&self.identities, check);
        check::named(&self.security_groups, check);
        check::named(&self.cdn, check);
        check::named(&self.alarms, check);
        check::named(&self.dashboards, check);
        check::single(self.audit.as_ref(), check);
        check::named(&self.services, check);
    }
}

/// The tree of a file, with the problems that it has in every environment.
fn read(
    name: &str,
    bytes: &[u8],
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let file = parse::text(name, bytes, sources, problems)?;
    let before = problems.len();
    let root = parse::document(file, sources, problems);
    match root {
        Some(root) if root.mapping().is_some() => {
            environment::check(&root, problems);
            Some(root)
        }
        Some(Node { value: Value::Null, .. }) | None => {
            if problems.len() == before {
                problems.push(
                    Diagnostic::error("the blueprint is empty")
                        .at(Span::new(file, 0..0), "expected `apiVersion: platctl.dev/v1`")
                        .hint("Run `platctl init` to write one to start from."),
                );
            }
            None
        }
        Some(root) => {
            problems.push(
                Diagnostic::error(format!("expected a mapping, found {}", root.describe()))
                    .at(root.span, "expected `apiVersion: platctl.dev/v1`"),
            );
            None
        }
    }
}

/// From the tree of a file to the blueprint of one stack.
fn build(
    mut root: Node,
    selection: Selection<'_>,
    sources: &mut SourceMap,
    problems: &mut Vec<Diagnostic>,
) -> Option<Blueprint> {
    let Selection { environment, sets } = selection;
    environment::select(&mut root, environment, problems);
    environment::set(&mut root, sets, sources, problems);

    let mut decoder = Decoder::default();
    let document = Document::decode(&root, &mut decoder);
    let Decoder { problems: found, mentions, defaults, .. } = decoder;
    problems.extend(found);
    let document = document?;

    let environment = environment.and_then(|name| name.parse().ok());
    let declared = Declared::of(&root);
    let nowhere = root.span;
    let (blueprint, region_valid) =
        document.into_blueprint(environment, hash(root), defaults, nowhere);
    let region = region_valid.then_some(&blueprint.region.value);
    let known = Known { region, stack: &blueprint.stack };
    problems.extend(check::check(&blueprint, known, &declared, &mentions));
    Some(blueprint)
}

impl Document {
    /// The blueprint, and whether its region is valid. What stands for an invalid name or region
    /// is never seen, since there is no blueprint with errors.
    fn into_blueprint(
        self,
        environment: Option<Name>,
        hash: String,
        defaults: BTreeMap<String, &'static str>,
        nowhere: Span,
    ) -> (Blueprint, bool) {
        let name = self.name.0.unwrap_or_else(|| {
            Spanned::new("unnamed".parse().expect("`unnamed` is a name"), nowhere)
        });
        let region_valid = self.region.0.is_some();
        let region = self.region.0.unwrap_or_else(|| {
            Spanned::new("us-east-1".parse().expect("`us-east-1` is a region"), nowhere)
        });
        let stack = match &environment {
            Some(environment) => format!("{name}-{environment}"),
            None => name.to_string(),
        };
        let blueprint = Blueprint {
            name,
            environment,
            stack,
            region,
            tags: self.tags.0.unwrap_or_default(),
            hash,
            defaults,
            network: self.network.0,
            cluster: self.cluster.0,
            databases: self.databases.0,
            caches: self.caches.0,
            tables: self.tables.0,
            buckets: self.buckets.0,
            queues: self.queues.0,
            topics: self.topics.0,
            load_balancers: self.load_balancers.0,
            dns: self.dns.0,
            certificates: self.certificates.0,
            firewalls: self.firewalls.0,
            registries: self.registries.0,
            secrets: self.secrets.0,
            parameters: self.parameters.0,
            keys: self.keys.0,
            logs: self.logs.0,
            identities: self.identities.0,
            security_groups: self.security_groups.0,
            cdn: self.cdn.0,
            alarms: self.alarms.0,
            dashboards: self.dashboards.0,
            audit: self.audit.0,
            services: self.services.0,
        };
        (blueprint, region_valid)
    }
}

/// The hash of all that counts: what the other environments say does not.
fn hash(mut root: Node) -> String {
    if let Value::Mapping(mapping) = &mut root.value {
        mapping.remove("environments");
    }
    root.hash()
}

/// The bytes of a file, one more than allowed if there are more: not every path is a file that ends.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(parse::BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error) -> Diagnostic {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Diagnostic::error(format!("there is no file `{path}`"))
            .hint("Run `platctl init` to write a blueprint, or name another file."),
        io::ErrorKind::IsADirectory => Diagnostic::error(format!("`{path}` is a directory"))
            .hint(format!("Name a file in it, such as `{path}/platctl.yaml`.")),
        io::ErrorKind::PermissionDenied => {
            Diagnostic::error(format!("no permission to read `{path}`"))
                .hint("Change the permissions of the file, or name another one.")
        }
        _ => Diagnostic::error(format!("cannot read `{path}`: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shape::{Field, Struct};

    /// Only what is required, of everything that has a default.
    const SPARSE: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24, 10.0.13.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24, 10.0.23.0/24]
  endpoints: {sts: {}}
  flowLogs: {}
cluster:
  version: "1.31"
  nodeGroups: {a: {instanceTypes: [m6i.large], size: 1}, b: {instanceTypes: [m6i.large], size: 1, disk: {}}}
  addons: {eks-pod-identity-agent: {}}
databases: {a: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi}}
loadBalancers:
  a:
    scheme: internet-facing
    certificate: a
    targets: {a: {port: 80}}
    routes: [{paths: [/b], redirect: {path: /c}}, {paths: [/d], respond: {}}]
    accessLogs: {}
  b: {certificate: a, targets: {a: {port: 80}}}
caches: {a: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}}
tables:
  a:
    primaryKey: {partition: a, sort: b}
    indexes: {abc: {partition: b}}
    localIndexes: {def: {sort: c}}
buckets: {a: {cors: [{origins: ["*"]}]}}
queues: {a: {deadLetter: {}}}
topics: {a: {subscribers: [{queue: a}, {email: a@example.com}, {https: "https://example.com"}]}}
dns:
  example.com:
    records: {a: {alias: loadBalancer.a}, b: {type: TXT, values: [x]}}
    healthChecks: {a: {host: example.com}}
certificates: {a: {domain: a.example.com, zone: example.com}}
firewalls: {a: {rules: [{ruleSet: common}, {rate: 100}, {countries: [NO]}], logging: {}}, b: {block: [192.0.2.0/24]}}
registries: {a: {}}
secrets: {a: {generate: {}}}
parameters: {a: {value: a}}
keys: {a: {}}
logs: {a: {}}
identities: {a: {serviceAccount: default/a}}
securityGroups: {a: {ingress: [{from: cluster, port: 80}], egress: [{to: 10.0.0.0/8, port: 1..2}]}}
cdn:
  a: {origins: {a: {loadBalancer: a}, b: {domain: b.example.com}}, default: {origin: a, cache: {}},
      errors: {"404": {page: /404.html}}, accessLogs: {}}
alarms: {a: {of: database.a, metric: cpu, above: 80%}}
dashboards: {a: {of: [database.a]}}
audit: {trail: {logs: {}}, config: {}, threats: {}}
services: {a: {image: a}}
"#;

    #[test]
    fn every_default_is_valid() {
        let loaded = load_bytes("sparse", SPARSE.as_bytes(), Selection::default());
        assert_eq!(loaded.diagnostics, []);
        let taken = loaded.blueprint.unwrap().defaults;
        visit(&shape(), &mut |it| {
            for Field { key, default, .. } in &it.fields {
                let of_key = |(path, text): (&String, &&str)| {
                    path.rsplit('.').next() == Some(key) && Some(*text) == *default
                };
                assert!(default.is_none() || taken.iter().any(of_key), "{}.{key}", it.name);
            }
        });
    }

    #[test]
    fn everything_is_documented_and_named_once() {
        visit(&shape(), &mut |it| {
            assert!(it.doc.trim().ends_with('.'), "{}", it.name);
            for (at, field) in it.fields.iter().enumerate() {
                assert!(field.doc.trim().ends_with('.'), "{}.{}", it.name, field.key);
                assert!(it.fields[..at].iter().all(|other| other.key != field.key));
            }
        });
    }

    #[test]
    fn every_section_holds_the_components_of_one_type() {
        let Shape::Struct(document) = shape() else { panic!("a blueprint is a mapping") };
        for component in reference::ComponentType::ALL {
            let section = component.section();
            assert!(document.fields.iter().any(|field| field.key == section), "{section}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_meaning() {
        let hash = |text: &str| {
            let loaded = load_bytes("a", text.as_bytes(), Selection::default());
            loaded.blueprint.expect("a valid blueprint loads").hash
        };
        let reordered = SPARSE
            .replace("logs: {a: {}}\n", "")
            .replace("keys:", "logs:\n  \"a\":  {} # x\nkeys:");
        assert_eq!(hash(SPARSE), hash(&reordered));
        assert_ne!(hash(SPARSE), hash(&SPARSE.replace("logs: {a: {}}", "logs: {b: {}}")));
    }

    fn visit(shape: &Shape, seen: &mut impl FnMut(&Struct)) {
        match shape {
            Shape::Struct(it) => {
                seen(it);
                it.fields.iter().for_each(|field| visit(&field.shape, seen));
            }
            Shape::List(item) => visit(item, seen),
            Shape::Map { key, value } => {
                visit(key, seen);
                visit(value, seen);
            }
            Shape::Either(shapes) => shapes.iter().for_each(|shape| visit(shape, seen)),
            Shape::Word(_)
            | Shape::Choice { .. }
            | Shape::Boolean
            | Shape::Integer { .. }
            | Shape::Any => {}
        }
    }
}
