//! Stage 1: from text to a [`Blueprint`], or to everything that is wrong with it.
//!
//! ```text
//! text ─ parse ─▶ tree ─ environment ─▶ tree ─ decode ─▶ components ─ check ─▶ Blueprint
//! ```
//!
//! Each step reports all that it finds and leaves the next as much as it can, so that one run shows
//! every problem of a file.
//!
//! The file is long because the sections of the language are listed in it: declared, kept and checked.

mod check;
pub mod component;
mod decode;
mod environment;
mod expand;
mod former;
mod node;
mod parse;
pub mod reference;
mod region;
mod rendering;
pub mod setting;
pub mod shape;
pub mod state;
#[cfg(test)]
mod tests;
pub mod value;
pub mod versions;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::diagnostic::{Diagnostic, PROBLEMS_MAX, Severity, listed};
use crate::source::{SourceMap, Span, Spanned};
use check::{Check, Declared, Known};
use component::{
    Header, Named, Only,
    alarm::Alarm,
    audit::Audit,
    bucket::Bucket,
    cache::Cache,
    cdn::Cdn,
    certificate::Certificate,
    chart::Chart,
    cluster::Cluster,
    dashboard::Dashboard,
    database::Database,
    dns::Zone,
    existing::Existing,
    firewall::Firewall,
    function::Function,
    identity::Identity,
    key::Key,
    load_balancer::LoadBalancer,
    log::LogGroup,
    manifest::Manifest,
    network::{Network, Tier},
    parameter::Parameter,
    platform::Platform,
    queue::Queue,
    registry::Registry,
    resource::Resource,
    secret::Secret,
    security_group::SecurityGroup,
    service::Service,
    table::Table,
    topic::Topic,
};
use decode::{Decode, Decoder, schema};
use node::{Node, Value};
use reference::Mention;
use region::{Part, Regions};
use setting::Written;
use shape::Shape;
use state::StateSettings;
use value::{
    DomainName, KubernetesVersion, Name, Place, Properties, Region, ResourceAddress, TagKey,
};

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
    /// Where it is kept what platctl has made, if that is said.
    pub state: Option<StateSettings>,
    /// The SHA-256 of the merged text in a canonical form, to which saved plans are bound.
    pub hash: String,
    /// The path of each value that was not written, with the default that it got.
    pub defaults: BTreeMap<String, &'static str>,
    written: Written,
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
    pub platform: Option<Spanned<Platform>>,
    pub services: BTreeMap<Name, Spanned<Service>>,
    pub functions: BTreeMap<Name, Spanned<Function>>,
    pub charts: BTreeMap<Name, Spanned<Chart>>,
    pub manifests: BTreeMap<Name, Spanned<Manifest>>,
    /// Resources of any kind.
    pub resources: BTreeMap<Name, Spanned<Resource>>,
    /// What others own.
    pub existing: Existing,
    /// Properties of compiled resources that are laid over what components say.
    pub overrides: BTreeMap<ResourceAddress, Spanned<Properties>>,
    /// Where each component or resource stands now that once stood elsewhere.
    pub moved: BTreeMap<Place, Spanned<Place>>,
    /// The parts of the stack in further regions. In these only what a region can have is set.
    pub regions: BTreeMap<Name, Spanned<Blueprint>>,
}

schema! {
    /// A blueprint: everything that platctl provisions, in one file.
    struct Document("the blueprint") {
        ..sections: Sections,
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
        /// Where it is kept what platctl has made.
        state: Option<StateSettings>,
        /// What differs between environments, laid over the rest.
        environments: Environments,
        /// Values that the rest names as `$(name)`.
        variables: Variables,
        /// DNS zones by their domain names.
        dns: Named<Zone>,
        /// Further regions of the stack.
        regions: Regions,
        /// Resources of any kind, in CloudFormation's words.
        resources: Named<Resource>,
        /// Properties of single resources, by address, in place of what components make of them.
        overrides: BTreeMap<ResourceAddress, Spanned<Properties>>,
        /// Where components and resources stand now that had other names once.
        moved: BTreeMap<Place, Spanned<Place>>,
    }
}

schema! {
    /// The components of one region.
    pub(crate) struct Sections("a region") {
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
        /// What runs on the cluster beside the applications.
        platform: Only<Platform>,
        /// Applications on the cluster.
        services: Named<Service>,
        /// Code that runs when something happens, on servers of Lambda.
        functions: Named<Function>,
        /// Helm charts on the cluster.
        charts: Named<Chart>,
        /// Kubernetes objects from files.
        manifests: Named<Manifest>,
        /// What others own: looked up, never changed, never destroyed.
        existing: Option<Existing>,
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
        Shape::Map {
            key: Box::new(name),
            value: Box::new(Shape::Overlay { fixed: &environment::FIXED_KEYS }),
        }
    }

    fn absent() -> Option<Self> {
        Some(Self)
    }
}

/// The variables, which [`expand`] has checked and put where they are named.
#[derive(Debug, Clone, PartialEq)]
struct Variables;

impl Decode for Variables {
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

/// A blueprint in all its environments, or what is wrong with it.
#[derive(Debug)]
pub struct Validated {
    /// One for each environment; none if a diagnostic is an error.
    pub blueprints: Vec<Blueprint>,
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
pub fn validate(path: &Path, sets: &[(String, String)]) -> Validated {
    match contents(path) {
        Ok(bytes) => validate_bytes(&path.display().to_string(), &bytes, sets),
        Err(error) => {
            let (diagnostics, sources) = (vec![unreadable(path, &error)], SourceMap::default());
            Validated { blueprints: Vec::new(), diagnostics, sources }
        }
    }
}

/// As [`validate`], from bytes.
pub fn validate_bytes(name: &str, bytes: &[u8], sets: &[(String, String)]) -> Validated {
    let mut sources = SourceMap::default();
    let mut problems = Vec::new();
    let Some(root) = read(name, bytes, &mut sources, &mut problems) else {
        return Validated { blueprints: Vec::new(), diagnostics: problems, sources };
    };
    let environments: Vec<Option<String>> = match environment::names(&root) {
        names if names.is_empty() => vec![None],
        names => names.into_iter().map(|name| Some(name.to_owned())).collect(),
    };
    let mut found: Vec<(Diagnostic, Vec<&str>)> = Vec::new();
    let base = sources;
    let mut sources = base.clone();
    let mut blueprints = Vec::new();
    for name in &environments {
        // Each run adds the same `--set` texts to the same sources, so that places agree.
        sources = base.clone();
        let mut here = Vec::new();
        let selection = Selection { environment: name.as_deref(), sets };
        blueprints.extend(build(root.clone(), selection, &mut sources, &mut here));
        Diagnostic::sort(&mut here);
        // One more than is told shows that there are more.
        here.truncate(PROBLEMS_MAX + 1);
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
    Diagnostic::sort(&mut problems);
    if has_errors(&problems) {
        blueprints.clear();
    }
    limit(&mut problems);
    Validated { blueprints, diagnostics: problems, sources }
}

/// The language, as data.
pub fn shape() -> Shape {
    Document::shape()
}

impl Validated {
    pub fn has_errors(&self) -> bool {
        has_errors(&self.diagnostics)
    }
}

impl From<Loaded> for Validated {
    fn from(Loaded { blueprint, diagnostics, sources }: Loaded) -> Self {
        Self { blueprints: blueprint.into_iter().collect(), diagnostics, sources }
    }
}

impl Loaded {
    fn new(
        blueprint: Option<Blueprint>,
        mut problems: Vec<Diagnostic>,
        sources: SourceMap,
    ) -> Self {
        Diagnostic::sort(&mut problems);
        let blueprint = blueprint.filter(|_| !has_errors(&problems));
        limit(&mut problems);
        Self { blueprint, diagnostics: problems, sources }
    }

    pub fn has_errors(&self) -> bool {
        has_errors(&self.diagnostics)
    }
}

/// Nobody corrects more at once, and thousands take long to show.
fn limit(problems: &mut Vec<Diagnostic>) {
    if problems.len() > PROBLEMS_MAX {
        problems.truncate(PROBLEMS_MAX);
        let more = Diagnostic::error(format!("there are more problems than these {PROBLEMS_MAX}"));
        problems.push(more.hint("Correct these first."));
    }
}

fn has_errors(problems: &[Diagnostic]) -> bool {
    problems.iter().any(|it| it.severity == Severity::Error)
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
        check::single(self.platform.as_ref(), check);
        check::named(&self.services, check);
        check::named(&self.functions, check);
        check::named(&self.charts, check);
        check::named(&self.manifests, check);
        check::named(&self.resources, check);
        self.existing.check(check);
        if let Some(state) = &self.state {
            state.check(check);
        }
    }

    /// A blueprint of the components of one region.
    fn of(
        identity: Identified,
        sections: Sections,
        written: Written,
        defaults: BTreeMap<String, &'static str>,
    ) -> Self {
        let Identified { name, environment, stack, region, tags } = identity;
        Self {
            name,
            environment,
            stack,
            region,
            tags,
            state: None,
            // All that counts: what the other environments say does not.
            hash: written.root.hash(),
            defaults,
            written,
            network: sections.network.0,
            cluster: sections.cluster.0,
            databases: sections.databases.0,
            load_balancers: sections.load_balancers.0,
            dns: BTreeMap::new(),
            certificates: sections.certificates.0,
            firewalls: sections.firewalls.0,
            registries: sections.registries.0,
            secrets: sections.secrets.0,
            keys: sections.keys.0,
            logs: sections.logs.0,
            identities: sections.identities.0,
            caches: sections.caches.0,
            tables: sections.tables.0,
            buckets: sections.buckets.0,
            queues: sections.queues.0,
            topics: sections.topics.0,
            parameters: sections.parameters.0,
            security_groups: sections.security_groups.0,
            cdn: sections.cdn.0,
            alarms: sections.alarms.0,
            dashboards: sections.dashboards.0,
            audit: sections.audit.0,
            platform: sections.platform.0,
            services: sections.services.0,
            functions: sections.functions.0,
            charts: sections.charts.0,
            manifests: sections.manifests.0,
            resources: BTreeMap::new(),
            existing: sections.existing.unwrap_or_default(),
            overrides: BTreeMap::new(),
            moved: BTreeMap::new(),
            regions: BTreeMap::new(),
        }
    }

    /// How many subnets a tier of the network has, ours or not; `None` without a network.
    pub fn subnets_in(&self, tier: Tier) -> Option<usize> {
        match (&self.network, &self.existing.network) {
            (Some(network), _) => Some(network.subnets_of(tier).len()),
            (None, Some(network)) => Some(network.subnets.get(&tier).map_or(0, |it| it.len())),
            (None, None) => None,
        }
    }

    /// The version of Kubernetes on the cluster, unless it is others'.
    pub fn kubernetes(&self) -> Option<KubernetesVersion> {
        self.cluster.as_ref().map(|cluster| cluster.version.value)
    }

    /// The name of the cluster, ours or not.
    pub fn cluster_name(&self) -> &str {
        self.existing.cluster.as_ref().map_or(&self.stack, |it| it.value.name())
    }

    /// Whether there is a cluster, ours or not.
    pub fn has_cluster(&self) -> bool {
        self.cluster.is_some() || self.existing.cluster.is_some()
    }
}

/// What a blueprint is called and where it stands.
struct Identified {
    name: Spanned<Name>,
    environment: Option<Name>,
    stack: String,
    region: Spanned<Region>,
    tags: BTreeMap<TagKey, Spanned<String>>,
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
    let overlay = environment::overlay(&root, environment).map(|it| it.span);
    environment::select(&mut root, environment, problems);
    environment::set(&mut root, sets, sources, problems);
    let before = problems.len();
    expand::expand(&mut root, problems);
    // A value that was not substituted is of no type; that is not a problem of its own.
    let unexpanded: Vec<Span> =
        problems[before..].iter().filter_map(|it| Some(it.primary.as_ref()?.span)).collect();
    region::complete(&mut root, problems);

    let mut decoder = Decoder::default();
    let document = Document::decode(&root, &mut decoder);
    let Decoder { problems: found, mentions, defaults, .. } = decoder;
    problems.extend(found.into_iter().filter(|problem| {
        let at = problem.primary.as_ref().map(|label| label.span);
        at.is_none_or(|at| !unexpanded.iter().any(|it| it.overlaps(at)))
    }));
    let document = document?;

    let environment = environment.and_then(|name| name.parse().ok());
    let declared = Declared::of(&root);
    root.remove("environments");
    let written = Written { root, environment, overlay };
    let (blueprint, region_valid, parts) = document.into_blueprint(written, defaults);
    let region = region_valid.then_some(&blueprint.region.value);
    let known = Known { region, stack: &blueprint.stack };
    let home = check::Side { blueprint: &blueprint, declared: &declared };
    problems.extend(check::check(home, home, known, &mentions));
    for (name, Found { region_valid, mentions }) in parts {
        let Some(part) = blueprint.regions.get(&name) else { continue };
        let region = region_valid.then_some(&part.region.value);
        let known = Known { region, stack: &part.stack };
        let here = check::Side { blueprint: part, declared: declared.region(name.as_str()) };
        problems.extend(check::check(here, home, known, &mentions));
    }
    Some(blueprint)
}

/// What is known of a part in a further region beside the part itself.
struct Found {
    region_valid: bool,
    mentions: Vec<Mention>,
}

/// Stands for a region that is invalid. It is never seen, since there is no blueprint with errors.
fn any_region(nowhere: Span) -> Spanned<Region> {
    Spanned::new("us-east-1".parse().expect("`us-east-1` is a region"), nowhere)
}

impl Document {
    /// The blueprint, whether its region is valid, and what was found in its parts in further regions.
    fn into_blueprint(
        self,
        written: Written,
        defaults: BTreeMap<String, &'static str>,
    ) -> (Blueprint, bool, BTreeMap<Name, Found>) {
        let nowhere = written.root.span;
        let environment = written.environment.clone();
        // What stands for an invalid name is never seen, since there is no blueprint with errors.
        let name = self.name.0.unwrap_or_else(|| {
            Spanned::new("unnamed".parse().expect("`unnamed` is a name"), nowhere)
        });
        let region_valid = self.region.0.is_some();
        let region = self.region.0.unwrap_or_else(|| any_region(nowhere));
        let stack = match &environment {
            Some(environment) => format!("{name}-{environment}"),
            None => name.to_string(),
        };
        let tags = self.tags.0.unwrap_or_default();
        let identity = Identified { name, environment, stack, region, tags };
        let mut blueprint = Blueprint::of(identity, self.sections, written, defaults);
        blueprint.state = self.state;
        blueprint.dns = self.dns.0;
        blueprint.resources = self.resources.0;
        blueprint.overrides = self.overrides;
        blueprint.moved = self.moved;
        let mut parts = BTreeMap::new();
        for (name, region::Region { part, mentions, span }) in self.regions.0 {
            let (part, region_valid) = blueprint.part(&name, part, nowhere);
            blueprint.regions.insert(name.clone(), Spanned::new(part, span));
            parts.insert(name, Found { region_valid, mentions });
        }
        (blueprint, region_valid, parts)
    }
}

impl Blueprint {
    /// A part of it in a further region, and whether that region is valid. Names that are unique in an account hold the
    /// part's.
    fn part(&self, name: &Name, part: Part, nowhere: Span) -> (Self, bool) {
        let Part { region, tags, sections } = part;
        let region_valid = region.0.is_some();
        let identity = Identified {
            name: self.name.clone(),
            environment: self.environment.clone(),
            stack: format!("{}-{name}", self.stack),
            region: region.0.unwrap_or_else(|| any_region(nowhere)),
            tags: tags.unwrap_or_else(|| self.tags.clone()),
        };
        let regions = self.written.root.get("regions");
        let root = regions.and_then(|it| it.get(name.as_str())).cloned();
        let root = root.unwrap_or(Node { value: Value::Null, span: nowhere });
        let written = Written { root, ..self.written.clone() };
        (Self::of(identity, sections, written, BTreeMap::new()), region_valid)
    }
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
