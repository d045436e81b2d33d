//! From components to resources: each file of `compile/` knows what one type of component is made of.
//!
//! Compiling is pure. What it must know of the account is given to it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::address::{Address, Stack};
use crate::blueprint::Blueprint;
use crate::blueprint::component::network::Tier;
use crate::graph::{Added, Builder, Graph, GraphError};
use crate::kind::Ref;

mod alarm;
mod audit;
mod bucket;
mod cache;
mod cdn;
mod certificate;
mod cluster;
mod dashboard;
mod database;
mod delivery;
mod dns;
mod endpoint;
mod firewall;
mod flow_log;
mod grants;
mod identity;
mod key;
mod key_use;
mod load_balancer;
mod log;
mod log_bucket;
mod metric;
mod network;
mod parameter;
mod path;
mod queue;
mod registry;
mod route;
mod secret;
mod security_group;
mod service;
mod table;
#[cfg(test)]
mod tests;
mod topic;

/// What policies must name and no blueprint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// The second part of every ARN: `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// The desired resources of a blueprint.
pub fn compile(blueprint: &Blueprint, account: &Account) -> Result<Graph, Vec<GraphError>> {
    let tags = blueprint.tags.iter().map(|(key, value)| (key.to_string(), value.value.clone()));
    let stack = Stack::new(&blueprint.stack);
    let builder = Builder::new(stack, blueprint.region.as_str(), tags.collect());
    let mut compiler = Compiler { blueprint, account, builder };
    compiler.everything();
    compiler.builder.build()
}

/// Where CloudFront looks for certificates and web ACLs, and where its metrics are, wherever the rest of a stack is.
const EDGE_REGION: &str = "us-east-1";

/// `CreateRole` in the API reference.
const ROLE_NAME_MAX: usize = 64;

struct Compiler<'a> {
    blueprint: &'a Blueprint,
    account: &'a Account,
    builder: Builder,
}

impl Compiler<'_> {
    fn everything(&mut self) {
        let blueprint = self.blueprint;
        if let Some(network) = &blueprint.network {
            self.network(network);
        }
        blueprint.security_groups.iter().for_each(|(name, it)| self.own_security_group(name, it));
        blueprint.keys.iter().for_each(|(name, key)| self.key(name, key));
        blueprint.logs.iter().for_each(|(name, log)| self.log(name, log));
        blueprint.secrets.iter().for_each(|(name, secret)| self.secret(name, secret));
        blueprint.parameters.iter().for_each(|(name, it)| self.parameter(name, it));
        blueprint.queues.iter().for_each(|(name, queue)| self.queue(name, queue));
        blueprint.topics.iter().for_each(|(name, topic)| self.topic(name, topic));
        blueprint.tables.iter().for_each(|(name, table)| self.table(name, table));
        blueprint.buckets.iter().for_each(|(name, bucket)| self.bucket(name, bucket));
        blueprint.registries.iter().for_each(|(name, registry)| self.registry(name, registry));
        blueprint.dns.iter().for_each(|(name, zone)| self.zone(name, zone));
        blueprint.certificates.iter().for_each(|(name, it)| self.certificate(name, it));
        blueprint.firewalls.iter().for_each(|(name, firewall)| self.firewall(name, firewall));
        if let Some(cluster) = &blueprint.cluster {
            self.cluster(cluster);
        }
        blueprint.databases.iter().for_each(|(name, database)| self.database(name, database));
        blueprint.caches.iter().for_each(|(name, cache)| self.cache(name, cache));
        blueprint.load_balancers.iter().for_each(|(name, it)| self.load_balancer(name, it));
        blueprint.alarms.iter().for_each(|(name, alarm)| self.alarm(name, alarm));
        blueprint.dashboards.iter().for_each(|(name, it)| self.dashboard(name, it));
        if let Some(audit) = &blueprint.audit {
            self.audit(audit);
        }
        blueprint.cdn.iter().for_each(|(name, cdn)| self.cdn(name, cdn));
        blueprint.identities.iter().for_each(|(name, identity)| self.identity(name, identity));
        blueprint.services.iter().for_each(|(name, service)| self.service(name, service));
    }

    fn add(&mut self, address: &Address, kind: &str, spec: Value) -> Added<'_> {
        self.builder.add(address.clone(), kind, spec)
    }

    /// A name that no other stack of the account uses: `<stack>-<name>`.
    fn name(&self, name: impl std::fmt::Display) -> String {
        format!("{}-{name}", self.blueprint.stack)
    }

    /// The same, for a service that takes no more than `max` characters: what is cut off is told apart by its hash.
    fn name_within(&self, name: &str, max: usize) -> String {
        let whole = self.name(name);
        if whole.len() <= max {
            return whole;
        }
        let hash = short_hash(&whole);
        let kept = whole[..max - hash.len() - 1].trim_end_matches('-');
        format!("{kept}-{hash}")
    }

    /// The name of an IAM role.
    fn role_name(&self, name: &str) -> String {
        self.name_within(name, ROLE_NAME_MAX)
    }

    /// The tag that consoles show.
    fn name_tag(&self, name: impl std::fmt::Display) -> Value {
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
        let count =
            self.blueprint.network.as_ref().map_or(0, |network| network.subnets_of(tier).len());
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
