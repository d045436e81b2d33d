//! A certificate wherever something uses it, and the records that prove whose its names are.

use std::collections::BTreeSet;
use std::iter;

use serde_json::json;

use super::{Compiler, EDGE_REGION, get};
use crate::address::Address;
use crate::blueprint::component::certificate::Certificate;
use crate::blueprint::reference::Link;
use crate::blueprint::value::Name;
use crate::source::Spanned;

impl Compiler<'_> {
    pub(super) fn certificate(&mut self, name: &Name, certificate: &Certificate) {
        let is_it =
            |link: Option<&Spanned<Link<Certificate>>>| link.is_some_and(|it| it.name == *name);
        let used_by_cdn = self.blueprint.cdn.values().any(|cdn| is_it(cdn.certificate.as_ref()));
        let mut balancers = self.blueprint.load_balancers.values();
        let used_by_balancer = balancers.any(|balancer| is_it(balancer.certificate.as_ref()));
        let edge = self.edge_certificate(name);
        let mut made = Vec::new();
        if used_by_balancer || !used_by_cdn || edge == address(name) {
            made.push((address(name), self.builder.region().to_owned()));
        }
        if used_by_cdn && edge != address(name) {
            made.push((edge, EDGE_REGION.to_owned()));
        }
        let names: Vec<&str> = certificate.names().map(|name| name.as_str()).collect();
        for (address, region) in &made {
            let spec = json!({
                "DomainName": names[0],
                "SubjectAlternativeNames": (names.len() > 1).then_some(&names[1..]),
                "ValidationMethod": "DNS",
                "KeyAlgorithm": certificate.key_algorithm.as_str(),
                "Tags": self.name_tag(name),
            });
            self.add(address, "AWS::CertificateManager::Certificate", spec).region(region);
        }
        // In every region an account's certificates for a name are proved by the same record.
        let Some((address, _)) = made.first() else { return };
        let mut proved = BTreeSet::new();
        for domain in names {
            let base = proof(domain);
            if !proved.insert(base) || self.proved_before(name, base, certificate) {
                continue;
            }
            let spec = json!({
                "HostedZoneId": get(&self.zone_of(&certificate.zone.name), "Id"),
                "Name": get(address, &format!("ValidationName.{domain}")),
                "Type": "CNAME",
                "TTL": "300",
                "ResourceRecords": [get(address, &format!("ValidationValue.{domain}"))],
            });
            let record = Address::of(&component(name), &format!("validation/{base}"));
            self.add(&record, "AWS::Route53::RecordSet", spec);
        }
    }
}

impl Compiler<'_> {
    /// Whether a certificate before this one, of the blueprint or of its parts, is proved by the same record.
    fn proved_before(&self, name: &Name, base: &str, certificate: &Certificate) -> bool {
        let parts = iter::once(self.home).chain(self.home.regions.values().map(|it| &it.value));
        let all =
            parts.flat_map(|part| part.certificates.iter().map(move |(it, one)| (part, it, one)));
        let mut before = all.take_while(|(part, other, _)| {
            !(std::ptr::eq(*part, self.blueprint) && *other == name)
        });
        before.any(|(.., other)| {
            let same_zone = other.zone.name == certificate.zone.name;
            same_zone && other.names().any(|domain| proof(domain.as_str()) == base)
        })
    }

    /// The certificate for CDNs, which take only those of one region.
    pub(super) fn edge_certificate(&self, name: &Name) -> Address {
        if self.builder.region() == EDGE_REGION {
            return address(name);
        }
        Address::of(&component(name), "edge/certificate")
    }
}

/// The name that proves a domain: a wildcard's is the name that it stands below.
fn proof(domain: &str) -> &str {
    domain.strip_prefix("*.").unwrap_or(domain)
}

/// The certificate for load balancers.
pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "certificate")
}

fn component(name: &Name) -> String {
    format!("certificates.{name}")
}
