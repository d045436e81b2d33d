//! A CloudFormation template of the AWS part.
//!
//! Specs have CloudFormation's names, so most of it is the spec itself. Where an output of ours is no attribute of
//! CloudFormation, the table below says what stands for it; where nothing does, a parameter stands there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Files, is_object, readme};
use crate::address::Address;
use crate::graph::compile::PLACEHOLDER_ACCOUNT;
use crate::graph::{Graph, Node};
use crate::kind::{DeletionPolicy, Loss, Ref, reference};
use crate::kinds;

const ABOUT: &str = "\
One template for each region. Parameters stand for what is in no template of this region: outputs of what others own, of
other regions, and of what CloudFormation gives no attribute for. Resources that platctl knows under the same type and
with properties of its own are named in `Metadata.platctl` of each resource: what it says there was left out.
";

/// How CloudFormation gives an output that is no attribute of the same name there.
enum Given {
    /// By `Ref`.
    Ref,
    /// As another attribute.
    As(&'static str),
    /// As a text with the name that `Ref` gives.
    Arn(&'static str),
}

/// Outputs that are no attributes, by kind, from the resource schemas of CloudFormation.
const GIVEN: &[(&str, &str, Given)] = &[
    (
        "AWS::CloudFront::Distribution",
        "Arn",
        Given::Arn("cloudfront::${AWS::AccountId}:distribution/"),
    ),
    ("AWS::CloudTrail::Trail", "TrailName", Given::Ref),
    ("AWS::CloudWatch::Alarm", "AlarmName", Given::Ref),
    (
        "AWS::CloudWatch::Dashboard",
        "DashboardArn",
        Given::Arn("cloudwatch::${AWS::AccountId}:dashboard/"),
    ),
    ("AWS::CloudWatch::Dashboard", "DashboardName", Given::Ref),
    ("AWS::Config::ConfigRule", "ConfigRuleName", Given::Ref),
    ("AWS::Config::ConfigurationRecorder", "Name", Given::Ref),
    ("AWS::Config::DeliveryChannel", "Name", Given::Ref),
    ("AWS::DynamoDB::Table", "TableName", Given::Ref),
    ("AWS::EC2::NetworkAcl", "NetworkAclId", Given::As("Id")),
    ("AWS::ECR::Repository", "RepositoryName", Given::Ref),
    ("AWS::EKS::Cluster", "Name", Given::Ref),
    (
        "AWS::ElastiCache::ParameterGroup",
        "Arn",
        Given::Arn("elasticache:${AWS::Region}:${AWS::AccountId}:parametergroup:"),
    ),
    (
        "AWS::ElastiCache::ReplicationGroup",
        "Arn",
        Given::Arn("elasticache:${AWS::Region}:${AWS::AccountId}:replicationgroup:"),
    ),
    (
        "AWS::ElastiCache::SubnetGroup",
        "Arn",
        Given::Arn("elasticache:${AWS::Region}:${AWS::AccountId}:subnetgroup:"),
    ),
    ("AWS::ElastiCache::SubnetGroup", "CacheSubnetGroupName", Given::Ref),
    ("AWS::Events::Rule", "Name", Given::Ref),
    ("AWS::IAM::InstanceProfile", "InstanceProfileName", Given::Ref),
    ("AWS::IAM::Role", "RoleName", Given::Ref),
    ("AWS::KMS::Alias", "AliasName", Given::Ref),
    ("AWS::Lambda::Function", "FunctionName", Given::Ref),
    ("AWS::Logs::LogGroup", "LogGroupName", Given::Ref),
    ("AWS::RDS::DBSubnetGroup", "DBSubnetGroupName", Given::Ref),
    ("AWS::Route53::HostedZone", "HostedZoneId", Given::Ref),
    ("AWS::Route53::RecordSet", "Name", Given::Ref),
    ("AWS::S3::Bucket", "BucketName", Given::Ref),
    ("AWS::SecretsManager::Secret", "SecretArn", Given::Ref),
];

/// Properties that platctl has and CloudFormation does not, by kind.
const LEFT_OUT: &[(&str, &str)] = &[
    ("AWS::Config::ConfigRule", "Tags"),
    ("AWS::Config::ConfigurationRecorder", "Tags"),
    ("AWS::Config::DeliveryChannel", "ConfigurationRecorderName"),
    ("AWS::EC2::LaunchTemplate", "Tags"),
    ("AWS::EC2::SecurityGroupEgress", "Tags"),
    ("AWS::EC2::SecurityGroupIngress", "Tags"),
    ("AWS::IAM::InstanceProfile", "Tags"),
    ("AWS::IAM::ManagedPolicy", "Tags"),
];

/// Properties that CloudFormation calls by another name.
const RENAMED: &[(&str, &str, &str)] = &[
    ("AWS::Route53::HealthCheck", "Tags", "HealthCheckTags"),
    ("AWS::Route53::HostedZone", "Tags", "HostedZoneTags"),
];

/// Kinds of which CloudFormation takes a snapshot before it deletes them.
const WITH_SNAPSHOT: &[&str] = &[
    "AWS::EC2::Volume",
    "AWS::ElastiCache::ReplicationGroup",
    "AWS::RDS::DBCluster",
    "AWS::RDS::DBInstance",
];

/// Templates by their regions.
pub fn cloudformation(graph: &Graph) -> Files {
    let mut files = Files::new();
    let mut unknown = BTreeSet::new();
    let regions: BTreeSet<&str> = graph
        .nodes
        .values()
        .filter(|node| !is_object(node))
        .map(|node| node.region.as_str())
        .collect();
    for region in regions {
        let mut template = Template::of(graph, region);
        let value = template.value();
        let text = serde_json::to_string_pretty(&value).expect("a template always serializes");
        files.insert(format!("{region}.json"), text + "\n");
        unknown.extend(template.parameters.into_keys().map(|it| format!("{region}: {it}")));
    }
    let title = format!("CloudFormation templates of {}", graph.stack);
    let mut text = readme(&title, ABOUT, &BTreeSet::new());
    if !unknown.is_empty() {
        text.push_str("\n## Parameters\n\n");
        for one in &unknown {
            text.extend(["- `", one, "`\n"]);
        }
    }
    files.insert("README.md".into(), text);
    files
}

struct Template<'a> {
    graph: &'a Graph,
    region: &'a str,
    /// Logical ids of this region's resources.
    ids: BTreeMap<&'a Address, String>,
    /// The references that parameters stand for, by the parameters' names.
    parameters: BTreeMap<String, String>,
}

impl<'a> Template<'a> {
    fn of(graph: &'a Graph, region: &'a str) -> Self {
        let mut ids = BTreeMap::new();
        let mut taken = BTreeSet::new();
        for (address, node) in &graph.nodes {
            if is_object(node) || node.region != region {
                continue;
            }
            let plain = logical_id(address.as_str());
            let mut id = plain.clone();
            let mut number = 2;
            while !taken.insert(id.clone()) {
                id = format!("{plain}{number}");
                number += 1;
            }
            ids.insert(address, id);
        }
        Self { graph, region, ids, parameters: BTreeMap::new() }
    }

    fn value(&mut self) -> Value {
        let ids = self.ids.clone();
        let mut resources = Map::new();
        for (address, id) in ids {
            resources.insert(id, self.resource(&self.graph.nodes[address]));
        }
        let mut template = json!({
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": format!("{} in {}, written by platctl render", self.graph.stack, self.region),
            "Resources": resources,
        });
        if !self.parameters.is_empty() {
            let parameters = self.parameters.iter().map(|(name, reference)| {
                (name.clone(), json!({"Type": "String", "Description": reference}))
            });
            template["Parameters"] = Value::Object(parameters.collect());
        }
        template
    }

    fn resource(&mut self, node: &Node) -> Value {
        let mut spec = without_owner_tags(node.spec.clone());
        let mut left_out = Vec::new();
        if let Value::Object(members) = &mut spec {
            for (_, property) in LEFT_OUT.iter().filter(|(kind, _)| *kind == node.kind) {
                if members.remove(*property).is_some() {
                    left_out.push(*property);
                }
            }
            for (_, from, to) in RENAMED.iter().filter(|(kind, ..)| *kind == node.kind) {
                if let Some(value) = members.remove(*from) {
                    members.insert((*to).into(), value);
                }
            }
        }
        restate(&node.kind, &mut spec);
        let mut resource = json!({"Type": node.kind, "Properties": self.translated(&spec)});
        if !left_out.is_empty() {
            resource["Metadata"] = json!({"platctl": {"LeftOut": left_out}});
        }
        let referred: BTreeSet<Address> =
            reference::all(&node.spec).into_iter().map(|(_, it)| it.address).collect();
        let explicit = node.needs.keys().filter(|to| !referred.contains(*to));
        let after: Vec<&String> = explicit.filter_map(|to| self.ids.get(to)).collect();
        if !after.is_empty() {
            resource["DependsOn"] = json!(after);
        }
        if node.deletion == DeletionPolicy::Snapshot && WITH_SNAPSHOT.contains(&node.kind.as_str())
        {
            resource["DeletionPolicy"] = "Snapshot".into();
            resource["UpdateReplacePolicy"] = "Snapshot".into();
        } else if kinds::find(&node.kind).is_some_and(|it| it.loss() == Loss::Data) {
            // Here `--allow-delete` guards it; there nothing else does.
            resource["DeletionPolicy"] = "Retain".into();
            resource["UpdateReplacePolicy"] = "Retain".into();
        } else if node.deletion == DeletionPolicy::Retain {
            resource["DeletionPolicy"] = "Retain".into();
        }
        resource
    }

    /// A value with CloudFormation's references.
    fn translated(&mut self, value: &Value) -> Value {
        if let Some(reference) = reference::of(value) {
            return self.reference(&reference);
        }
        match value {
            Value::String(text) if text.contains(PLACEHOLDER_ACCOUNT) => {
                let text = text.replace("${", "${!");
                json!({"Fn::Sub": text.replace(PLACEHOLDER_ACCOUNT, "${AWS::AccountId}")})
            }
            Value::Array(items) => items.iter().map(|item| self.translated(item)).collect(),
            Value::Object(members) => {
                members.iter().map(|(key, value)| (key.clone(), self.translated(value))).collect()
            }
            other => other.clone(),
        }
    }

    fn reference(&mut self, reference: &Ref) -> Value {
        let Ref { address, output } = reference;
        let (Some(id), Some(node)) =
            (self.ids.get(address).cloned(), self.graph.nodes.get(address))
        else {
            return self.parameter(reference);
        };
        let given = GIVEN.iter().find(|(kind, name, _)| *kind == node.kind && name == output);
        match given {
            Some((_, _, Given::Ref)) => json!({"Ref": id}),
            Some((_, _, Given::As(attribute))) => json!({"Fn::GetAtt": [id, attribute]}),
            Some((_, _, Given::Arn(begin))) => {
                json!({"Fn::Sub": format!("arn:${{AWS::Partition}}:{begin}${{{id}}}")})
            }
            // What a property says, it says everywhere.
            None if node.spec.get(output).is_some() && !is_attribute(output) => {
                let value = node.spec[output].clone();
                self.translated(&value)
            }
            None if output.contains('*') || is_no_attribute(node, output) => {
                self.parameter(reference)
            }
            None => json!({"Fn::GetAtt": [id, output]}),
        }
    }

    fn parameter(&mut self, reference: &Ref) -> Value {
        let name = logical_id(&reference.to_string());
        self.parameters.insert(name.clone(), reference.to_string());
        json!({"Ref": name})
    }
}

/// Says in CloudFormation's way what platctl says in another.
fn restate(kind: &str, spec: &mut Value) {
    match kind {
        // A text with JSON in it.
        "AWS::EKS::Addon" => {
            if let Some(values) = spec.get_mut("ConfigurationValues").filter(|it| it.is_object()) {
                *values = values.to_string().into();
            }
        }
        // A list of what has a name, and not a mapping.
        "AWS::GuardDuty::Detector" => {
            if let Some(features) = spec.get_mut("Features") {
                named(features);
            }
        }
        // The hash of a source follows from it.
        "AWS::Lambda::Function" if spec["Code"].get("ZipFile").is_some() => {
            if let Some(code) = spec["Code"].as_object_mut() {
                code.remove("CodeSha256");
            }
        }
        // Texts in quotes, as in a zone file.
        "AWS::Route53::RecordSet" if spec["Type"] == "TXT" || spec["Type"] == "SPF" => {
            let records = spec.get_mut("ResourceRecords").and_then(Value::as_array_mut);
            for record in records.into_iter().flatten() {
                if let Some(text) = record.as_str().filter(|it| !it.starts_with('"')) {
                    *record = Value::from(text).to_string().into();
                }
            }
        }
        // No replication is not said there.
        "AWS::S3::Bucket" if spec["ReplicationConfiguration"].get("Role").is_none() => {
            if let Some(members) = spec.as_object_mut() {
                members.remove("ReplicationConfiguration");
            }
        }
        // Tags are a mapping there.
        "AWS::SSM::Parameter" => {
            if let Some(tags) = spec.get_mut("Tags") {
                let pairs = tags.as_array().into_iter().flatten().filter_map(|tag| {
                    Some((tag["Key"].as_str()?.to_owned(), tag["Value"].clone()))
                });
                *tags = Value::Object(pairs.collect());
            }
        }
        _ => {}
    }
}

/// `{A: {Status: x}}` as `[{Name: A, Status: x}]`, and so below.
fn named(value: &mut Value) {
    let Value::Object(members) = value else { return };
    let items = std::mem::take(members).into_iter().map(|(name, mut item)| {
        if let Some(more) = item.get_mut("AdditionalConfiguration") {
            named(more);
        }
        if let Value::Object(item) = &mut item {
            item.insert("Name".into(), name.into());
        }
        item
    });
    *value = items.collect();
}

/// Ids and ARNs are attributes even where a property has their name.
fn is_attribute(output: &str) -> bool {
    output.ends_with("Arn") && output != "PrincipalArn" && output != "ResourceArn"
}

/// Outputs that only platctl has: names of records that prove a certificate, and the issuer of a provider of identities.
fn is_no_attribute(node: &Node, output: &str) -> bool {
    let kind = node.kind.as_str();
    (kind == "AWS::CertificateManager::Certificate" && output.starts_with("Validation"))
        || (kind == "AWS::IAM::OIDCProvider" && output == "Issuer")
        || (kind == "AWS::SecretsManager::Secret" && output == "Name")
        || (kind == "AWS::Config::ConfigurationRecorder" && output == "Arn")
}

/// `network/subnet/public-a` → `NetworkSubnetPublicA`
fn logical_id(address: &str) -> String {
    const LENGTH_MAX: usize = 240;
    let words = address.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    let id: String = words.map(crate::report::reference::capital).collect();
    id.chars().take(LENGTH_MAX).collect()
}

/// `platctl:stack`, `platctl:address`
fn is_owner_tag(key: &str) -> bool {
    key.starts_with("platctl:")
}

/// Whoever applies the template, it is not platctl.
fn without_owner_tags(mut spec: Value) -> Value {
    let Some(members) = spec.as_object_mut() else { return spec };
    match members.get_mut("Tags") {
        Some(Value::Array(tags)) => {
            tags.retain(|tag| !tag["Key"].as_str().is_some_and(is_owner_tag));
            if tags.is_empty() {
                members.remove("Tags");
            }
        }
        Some(Value::Object(tags)) => {
            tags.retain(|key, _| !is_owner_tag(key));
            if tags.is_empty() {
                members.remove("Tags");
            }
        }
        _ => {}
    }
    spec
}
