//! A certificate, and the records that prove whose its names are.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Compiler, dns, get};
use crate::address::Address;
use crate::blueprint::component::certificate::Certificate;
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn certificate(&mut self, name: &Name, certificate: &Certificate) {
        let address = address(name);
        let names: Vec<&str> = certificate.names().map(|name| name.as_str()).collect();
        let spec = json!({
            "DomainName": names[0],
            "SubjectAlternativeNames": (names.len() > 1).then_some(&names[1..]),
            "ValidationMethod": "DNS",
            "KeyAlgorithm": certificate.key_algorithm.as_str(),
            "Tags": self.name_tag(name),
        });
        self.add(&address, "AWS::CertificateManager::Certificate", spec);
        // A wildcard is proved by the same record as the name that it stands below.
        let mut proved = BTreeSet::new();
        for domain in names {
            let base = domain.strip_prefix("*.").unwrap_or(domain);
            if !proved.insert(base) {
                continue;
            }
            let spec = json!({
                "HostedZoneId": get(&dns::address(&certificate.zone.name), "Id"),
                "Name": get(&address, &format!("ValidationName.{domain}")),
                "Type": "CNAME",
                "TTL": "300",
                "ResourceRecords": [get(&address, &format!("ValidationValue.{domain}"))],
            });
            let record = Address::of(&component(name), &format!("validation/{base}"));
            self.add(&record, "AWS::Route53::RecordSet", spec);
        }
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "certificate")
}

fn component(name: &Name) -> String {
    format!("certificates.{name}")
}
