//! From components to resources: each file of `compile/` knows what one type of component is made of.
//!
//! Compiling is pure. What it must know of the account is given to it.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::address::{Address, Stack};
use crate::blueprint::Blueprint;
use crate::blueprint::component::network::Tier;
use crate::blueprint::reference::HOME;
use crate::blueprint::value::Name;
use crate::chart::Rendered;
use crate::diagnostic::{Diagnostic, Severity};
use crate::graph::{Added, Builder, Graph, GraphError};
use crate::kind::{Objection, Ref};
use crate::source::Spanned;

mod alarm;
mod audit;
mod bucket;
mod cache;
mod cdn;
mod certificate;
mod chart;
mod cluster;
mod custom;
mod dashboard;
mod database;
mod delivery;
mod dns;
mod endpoint;
mod existing;
mod exposure;
mod firewall;
mod flow_log;
mod function;
mod grants;
mod identity;
mod key;
mod key_use;
mod load_balancer;
mod log;
mod log_bucket;
mod metric;
mod network;
mod network_policy;
pub(crate) mod objects;
mod parameter;
mod path;
mod platform;
mod problem;
mod queue;
mod registry;
mod replication;
mod resource;
mod route;
mod secret;
mod security_group;
mod service;
mod table;
#[cfg(test)]
mod tests;
mod topic;
mod wiring;
mod workload;

pub use wiring::{Synced, Wire, wiring};

/// What policies must name and no blueprint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// The second part of every ARN: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// Stands for an account where none is asked: no real one has this id.
pub const PLACEHOLDER_ACCOUNT: &str = "000000000000";

impl Account {
    /// Stands for an account where none is known: compiling needs one, what it finds wrong does not depend on it.
    pub fn placeholder(blueprint: &Blueprint) -> Self {
        let partition = blueprint.region.partition().into();
        Self { id: PLACEHOLDER_ACCOUNT.into(), partition }
    }
}

/// The desired resources of a blueprint, or what is wrong with them: mostly with those that it writes in
/// CloudFormation's words.
///
/// Names of resources are made of those of components, policies and other components spell them out, and most of them
/// cannot be changed. So what has moved is compiled under its former name, and only its addresses are others.
///
/// Charts and manifests were rendered before; those that are not in `rendered` have no resources.
pub fn compile(
    blueprint: &Blueprint,
    account: &Account,
    rendered: &Rendered,
) -> Result<Graph, Vec<Diagnostic>> {
    let (home, renamed) = blueprint.under_former_names();
    let home = &*home;
    let stack = Stack::new(&home.stack);
    let mut builder = Builder::new(stack, home.region.as_str(), tags(home));
    builder.rename(renamed);
    builder = part(home, home, account, rendered, builder);
    for (name, region) in &home.regions {
        builder.enter(&format!("regions.{name}"), region.region.as_str(), tags(region));
        builder = part(region, home, account, rendered, builder);
    }
    // What is written in CloudFormation's words means the addresses of today.
    builder.rename(BTreeMap::new());
    builder.enter("", home.region.as_str(), tags(home));
    let mut compiler = Compiler { blueprint: home, home, account, rendered, builder };
    compiler.every(&home.resources, Compiler::resource);
    let mut builder = compiler.builder;
    for (from, to) in &blueprint.moved {
        builder.moved(from.as_str(), to.as_str());
    }
    for (address, properties) in &blueprint.overrides {
        builder.override_properties(&address.address(), &properties.value.value);
    }
    objects::order(&mut builder);
    let wrong = custom::check(&builder);
    builder.errors.extend(wrong);
    let addresses: Vec<String> = builder.addresses().map(ToString::to_string).collect();
    builder.build().map_err(|errors| {
        errors.iter().map(|error| problem::diagnostic(blueprint, error, &addresses)).collect()
    })
}

/// Objections of APIs to resources of a blueprint, as problems at its places.
pub fn objections(blueprint: &Blueprint, found: &[(Address, Objection)]) -> Vec<Diagnostic> {
    let told = found.iter().map(|(address, objection)| {
        let (address, reason) = (address.clone(), objection.reason.clone());
        let told = problem::diagnostic(blueprint, &GraphError::Spec { address, reason }, &[]);
        let severity = if objection.is_sure { Severity::Error } else { Severity::Warning };
        Diagnostic { severity, ..told }
    });
    told.collect()
}

/// What is wrong with the resources of any of these blueprints, each with what was rendered for it; each problem once.
pub fn problems<'a>(
    blueprints: impl IntoIterator<Item = (&'a Blueprint, &'a Rendered)>,
) -> Vec<Diagnostic> {
    let compiled = blueprints.into_iter();
    let compiled = compiled.map(|(it, rendered)| compile(it, &Account::placeholder(it), rendered));
    let mut problems: Vec<Diagnostic> = compiled.filter_map(Result::err).flatten().collect();
    Diagnostic::sort(&mut problems);
    problems
}

fn tags(blueprint: &Blueprint) -> BTreeMap<String, String> {
    blueprint.tags.iter().map(|(key, value)| (key.to_string(), value.value.clone())).collect()
}

/// Adds the resources of the components of a blueprint, or of its part in a further region.
fn part<'a>(
    blueprint: &'a Blueprint,
    home: &'a Blueprint,
    account: &'a Account,
    rendered: &'a Rendered,
    builder: Builder,
) -> Builder {
    let mut compiler = Compiler { blueprint, home, account, rendered, builder };
    compiler.everything();
    compiler.builder
}

/// Where CloudFront looks for certificates and web ACLs, and where its metrics are, wherever the rest of a stack is.
const EDGE_REGION: &str = "us-east-1";

/// `CreateRole` in the API reference.
const ROLE_NAME_MAX: usize = 64;

struct Compiler<'a> {
    /// What is compiled: the blueprint, or its part in a further region.
    blueprint: &'a Blueprint,
    /// The blueprint, of whose parts one may be in hand.
    home: &'a Blueprint,
    account: &'a Account,
    /// The objects of charts and manifests.
    rendered: &'a Rendered,
    builder: Builder,
}

impl Compiler<'_> {
    fn everything(&mut self) {
        let blueprint = self.blueprint;
        self.existing(&blueprint.existing);
        if let Some(network) = &blueprint.network {
            self.network(network);
        }
        self.every(&blueprint.security_groups, Self::own_security_group);
        self.every(&blueprint.keys, Self::key);
        self.every(&blueprint.logs, Self::log);
        self.every(&blueprint.secrets, Self::secret);
        self.every(&blueprint.parameters, Self::parameter);
        self.every(&blueprint.queues, Self::queue);
        self.every(&blueprint.topics, Self::topic);
        self.every(&blueprint.tables, Self::table);
        self.every(&blueprint.buckets, Self::bucket);
        self.every(&blueprint.registries, Self::registry);
        self.every(&blueprint.dns, Self::zone);
        self.every(&blueprint.certificates, Self::certificate);
        self.every(&blueprint.firewalls, Self::firewall);
        if let Some(cluster) = &blueprint.cluster {
            self.cluster(cluster);
        }
        self.every(&blueprint.databases, Self::database);
        self.every(&blueprint.caches, Self::cache);
        self.every(&blueprint.load_balancers, Self::load_balancer);
        self.every(&blueprint.alarms, Self::alarm);
        self.every(&blueprint.dashboards, Self::dashboard);
        if let Some(audit) = &blueprint.audit {
            self.audit(audit);
        }
        self.every(&blueprint.cdn, Self::cdn);
        self.every(&blueprint.identities, Self::identity);
        self.every(&blueprint.services, Self::service);
        self.every(&blueprint.functions, Self::function);
        if let Some(platform) = &blueprint.platform {
            self.platform(platform);
        }
        self.namespaces();
        self.every(&blueprint.services, Self::workload);
        // Last: a namespace that something else makes is not made for them.
        self.charts();
    }

    /// Compiles all components of a type.
    fn every<N, C>(
        &mut self,
        components: &BTreeMap<N, Spanned<C>>,
        compile: impl Fn(&mut Self, &N, &C),
    ) {
        for (name, one) in components {
            compile(self, name, &one.value);
        }
    }

    fn add(&mut self, address: &Address, kind: &str, spec: Value) -> Added<'_> {
        self.builder.add(address.clone(), kind, spec)
    }

    /// What stands in a region that somebody names.
    fn there(&self, region: &Name) -> Option<&Blueprint> {
        if region.as_str() == HOME {
            return Some(self.home);
        }
        self.home.regions.get(region).map(|it| &it.value)
    }

    /// A name that no other stack of the account uses: `<stack>-<name>`.
    fn name(&self, name: impl Display) -> String {
        format!("{}-{name}", self.blueprint.stack)
    }

    /// The same, for a service that takes no more than `max` characters.
    fn name_within(&self, name: &str, max: usize) -> String {
        cut(self.name(name), max)
    }

    /// The name of an IAM role.
    fn role_name(&self, name: &str) -> String {
        self.name_within(name, ROLE_NAME_MAX)
    }

    /// The tag that consoles show.
    fn name_tag(&self, name: impl Display) -> Value {
        json!([{"Key": "Name", "Value": self.name(name)}])
    }

    /// The zones of the network: each with the short name by which addresses call it.
    fn zones(&self) -> Vec<Zone> {
        let region = &self.blueprint.region;
        let network = self.blueprint.network.as_ref();
        let names = network.map(|network| network.zones.names(region)).unwrap_or_default();
        let short = |name: &str| name.strip_prefix(region.as_str()).unwrap_or(name).to_owned();
        names
            .iter()
            .map(|name| Zone { short: short(name.as_str()), name: name.to_string() })
            .collect()
    }

    /// References to the subnets of a tier, in the order of the zones.
    fn subnet_ids(&self, tier: Tier) -> Vec<Value> {
        let count = self.blueprint.subnets_in(tier).unwrap_or(0);
        if self.blueprint.existing.network.is_some() {
            return (1..=count)
                .map(|number| get(&subnet(tier, &number.to_string()), "SubnetId"))
                .collect();
        }
        let zones = self.zones();
        zones.iter().take(count).map(|zone| get(&subnet(tier, &zone.short), "SubnetId")).collect()
    }

    /// A security group without rules of its own: each rule is a resource, so that it can refer to other groups, and
    /// whatever else appears in the group is drift. Without a name of ours a replacement can stand beside the old one.
    fn security_group(&mut self, component: &str, name: &str, description: &str) -> Address {
        self.security_group_at(&Address::of(component, "security-group"), name, description)
    }

    /// The same at an address of the caller's choice.
    fn security_group_at(&mut self, address: &Address, name: &str, description: &str) -> Address {
        let spec = json!({
            "GroupDescription": description,
            "VpcId": vpc_id(),
            "SecurityGroupIngress": [],
            "SecurityGroupEgress": [],
            "Tags": self.name_tag(name),
        });
        self.add(address, "AWS::EC2::SecurityGroup", spec);
        address.clone()
    }

    /// The addresses of the network.
    fn network_range(&self) -> Option<Value> {
        match (&self.blueprint.network, &self.blueprint.existing.network) {
            (Some(network), _) => Some(json!(network.cidr.to_string())),
            (None, Some(_)) => Some(get(&Address::of("network", "vpc"), "CidrBlock")),
            (None, None) => None,
        }
    }

    /// An ARN of this account; the service decides whether it names a region.
    fn arn(&self, service: &str, region: &str, resource: &str) -> String {
        let Account { id, partition } = self.account;
        format!("arn:{partition}:{service}:{region}:{id}:{resource}")
    }

    /// The ARN of a policy that AWS manages.
    fn managed_policy(&self, name: &str) -> String {
        format!("arn:{}:iam::aws:policy/{name}", self.account.partition)
    }
}

/// A name of no more than `max` characters: what is cut off is told apart by its hash.
fn cut(name: String, max: usize) -> String {
    if name.len() <= max {
        return name;
    }
    let hash = short_hash(&name);
    let kept = name[..max - hash.len() - 1].trim_end_matches('-');
    format!("{kept}-{hash}")
}

/// Six hexadecimal digits that tell names apart.
fn short_hash(text: &str) -> String {
    hex::encode(&Sha256::digest(text)[..3])
}

struct Zone {
    /// `a`
    short: String,
    /// `eu-west-1a`
    name: String,
}

/// A reference to an output.
fn get(address: &Address, output: &str) -> Value {
    Ref::new(address, output).to_value()
}

/// The address of what stands in the region of a scope, as it is called there.
fn elsewhere(scope: &str, address: &Address) -> Address {
    Address::of(&format!("{scope}{}", address.component()), address.role())
}

fn vpc_id() -> Value {
    get(&Address::of("network", "vpc"), "VpcId")
}

fn subnet(tier: Tier, zone: &str) -> Address {
    Address::of("network", &format!("subnet/{tier}-{zone}"))
}

/// A trust policy: who may assume a role, and how.
fn trust(principal: Value, actions: &[&str]) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": actions}],
    })
}

/// The trust policy of a role that pods get from EKS Pod Identity.
fn pod_identity_trust() -> Value {
    trust(json!({"Service": "pods.eks.amazonaws.com"}), &["sts:AssumeRole", "sts:TagSession"])
}
