//! A hosted zone, its records and health checks.

use serde_json::{Value, json};

use super::{Compiler, cdn, elsewhere, get, load_balancer, vpc_id};
use crate::address::Address;
use crate::blueprint::component::dns::{
    Alias, Answer, Failover, HealthCheck, HealthCheckType, Latency, Record, Values, Weighted, Zone,
};
use crate::blueprint::reference::{ComponentType, FarReference, HOME};
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
            self.record(domain, &name.within(domain), &record.value);
        }
    }

    fn record(&mut self, domain: &DomainName, name: &DomainName, record: &Record) {
        match record {
            Record::One(answer) => {
                // Route 53 takes health checks only of records with a routing policy; one weighted record behaves as a
                // simple one, and another one can join it.
                let policy = answer
                    .health_check()
                    .map(|_| json!({"SetIdentifier": self.blueprint.stack, "Weight": 100}));
                self.answer(
                    domain,
                    name,
                    answer,
                    answer.record_type().as_str(),
                    None,
                    policy.clone(),
                );
                if is_cdn(answer) {
                    self.answer(domain, name, answer, "AAAA", None, policy);
                }
            }
            Record::Failover(Failover { failover }) => {
                let roles = [
                    ("primary", "PRIMARY", &failover.primary),
                    ("secondary", "SECONDARY", &failover.secondary),
                ];
                for (set, role, answer) in roles {
                    self.one_of(domain, name, answer, set, json!({"Failover": role}));
                }
            }
            Record::Weighted(Weighted { weighted }) => {
                for (set, answer) in weighted.iter() {
                    let policy = json!({"Weight": answer.weight.get()});
                    self.one_of(domain, name, &answer.to, set.as_str(), policy);
                }
            }
            Record::Latency(Latency { latency }) => {
                for (region, answer) in latency.iter() {
                    let policy = json!({"Region": region.as_str()});
                    self.one_of(domain, name, answer, region.as_str(), policy);
                }
            }
        }
    }

    /// One of several answers, told apart by `set`.
    fn one_of(
        &mut self,
        domain: &DomainName,
        name: &DomainName,
        answer: &Answer,
        set: &str,
        mut policy: Value,
    ) {
        merge(&mut policy, json!({"SetIdentifier": set}));
        self.answer(domain, name, answer, answer.record_type().as_str(), Some(set), Some(policy));
    }

    fn answer(
        &mut self,
        domain: &DomainName,
        name: &DomainName,
        answer: &Answer,
        record_type: &str,
        set: Option<&str>,
        policy: Option<Value>,
    ) {
        let mut spec = json!({
            "HostedZoneId": get(&address(domain), "Id"),
            "Name": absolute(name.as_str()),
            "Type": record_type,
            "HealthCheckId": answer
                .health_check()
                .map(|check| get(&health_check_address(domain, check), "HealthCheckId")),
        });
        merge(
            &mut spec,
            match answer {
                Answer::Alias(alias) => alias_target(alias),
                Answer::Values(values) => plain(values),
            },
        );
        merge(&mut spec, policy.unwrap_or_default());
        let mut role = format!("record/{}-{record_type}", name.as_str().replace('*', "wildcard"));
        if let Some(set) = set {
            role = format!("{role}/{set}");
        }
        self.add(&Address::of(&component(domain), &role), "AWS::Route53::RecordSet", spec);
    }
}

/// The zone in which the names of all distributions stand: `AliasTarget` in CloudFormation's reference.
const CLOUDFRONT_ZONE: &str = "Z2FDTNDATAQYW2";

fn is_cdn(answer: &Answer) -> bool {
    match answer {
        Answer::Alias(alias) => alias.alias.component == ComponentType::Cdn,
        Answer::Values(_) => false,
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
    let FarReference { component, name, region: _ } = &alias.alias.value;
    let scope = alias.alias.scope();
    if *component == ComponentType::Cdn {
        // Distributions tell nothing of their health.
        return json!({"AliasTarget": {
            "DNSName": get(&elsewhere(&scope, &cdn::address(name)), "DomainName"),
            "HostedZoneId": CLOUDFRONT_ZONE,
            "EvaluateTargetHealth": false,
        }});
    }
    let target = elsewhere(&scope, &load_balancer::address(name));
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

impl Compiler<'_> {
    /// The zone of a name: one that the region knows by itself, or the blueprint's, since Route 53 knows no regions.
    pub(super) fn zone_of(&self, domain: &DomainName) -> Address {
        let own = address(domain);
        if self.blueprint.existing.zones.contains_key(domain) {
            return own;
        }
        elsewhere(&format!("{HOME}."), &own)
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
