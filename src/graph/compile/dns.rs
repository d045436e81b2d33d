//! A hosted zone, its records and health checks.

use serde_json::{Value, json};

use super::{Compiler, get, load_balancer, vpc_id};
use crate::address::Address;
use crate::blueprint::component::dns::{Alias, HealthCheck, HealthCheckType, Record, Values, Zone};
use crate::blueprint::value::{DomainName, Name};

impl Compiler<'_> {
    pub(super) fn zone(&mut self, domain: &DomainName, zone: &Zone) {
        let vpcs = zone
            .private
            .value
            .then(|| json!([{"VPCId": vpc_id(), "VPCRegion": self.builder.region()}]));
        let spec = json!({
            "Name": absolute(domain.as_str()),
            "HostedZoneConfig": zone.comment.as_ref().map(|it| json!({"Comment": it.value.clone()})),
            "VPCs": vpcs,
        });
        if !self.blueprint.existing.zones.contains_key(domain) {
            self.add(&address(domain), "AWS::Route53::HostedZone", spec);
        }
        for (name, check) in &zone.health_checks {
            let spec = json!({
                "HealthCheckConfig": health_check(check),
                "Tags": self.name_tag(name),
            });
            self.add(&health_check_address(domain, name), "AWS::Route53::HealthCheck", spec);
        }
        for (name, record) in &zone.records {
            let name = name.within(domain);
            let (record_type, target) = match &record.value {
                Record::Alias(alias) => ("A".to_owned(), alias_target(alias)),
                Record::Values(values) => (values.r#type.to_string(), plain(values)),
            };
            let mut spec = json!({
                "HostedZoneId": get(&address(domain), "Id"),
                "Name": absolute(name.as_str()),
                "Type": record_type,
            });
            merge(&mut spec, target);
            if let Some(check) = record.health_check() {
                // Route 53 takes health checks only of records with a routing policy; one weighted record behaves as a
                // simple one, and another one can join it.
                let check = health_check_address(domain, check);
                let weighted = json!({
                    "HealthCheckId": get(&check, "HealthCheckId"),
                    "SetIdentifier": self.blueprint.stack,
                    "Weight": 100,
                });
                merge(&mut spec, weighted);
            }
            let role = format!("record/{}-{record_type}", name.as_str().replace('*', "wildcard"));
            let at = Address::of(&component(domain), &role);
            self.add(&at, "AWS::Route53::RecordSet", spec);
        }
    }
}

fn health_check(check: &HealthCheck) -> Value {
    let http = |kind: &str| json!({"Type": kind, "ResourcePath": check.path.as_str()});
    let mut config = match check.r#type {
        HealthCheckType::Http => http("HTTP"),
        HealthCheckType::Https => http("HTTPS"),
        HealthCheckType::Tcp => json!({"Type": "TCP"}),
    };
    if check.r#type == HealthCheckType::Https {
        merge(&mut config, json!({"EnableSNI": true}));
    }
    let more = json!({
        "FullyQualifiedDomainName": check.host.as_str(),
        "Port": check.port(),
        "RequestInterval": check.interval.seconds(),
        "FailureThreshold": check.failures.get(),
    });
    merge(&mut config, more);
    config
}

fn alias_target(alias: &Alias) -> Value {
    let target = load_balancer::address(&alias.alias.name);
    json!({"AliasTarget": {
        "DNSName": get(&target, "DNSName"),
        "HostedZoneId": get(&target, "CanonicalHostedZoneID"),
        "EvaluateTargetHealth": alias.evaluate_health,
    }})
}

fn plain(values: &Values) -> Value {
    let texts: Vec<&str> = values.values.iter().map(|it| it.value.as_str()).collect();
    json!({"TTL": values.ttl.get().to_string(), "ResourceRecords": texts})
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

/// A name with the root's dot, as Route 53 gives it back.
pub(super) fn absolute(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

pub(super) fn address(domain: &DomainName) -> Address {
    Address::of(&component(domain), "zone")
}

fn health_check_address(domain: &DomainName, name: &Name) -> Address {
    Address::of(&component(domain), &format!("health-check/{name}"))
}

fn component(domain: &DomainName) -> String {
    format!("dns.{domain}")
}
