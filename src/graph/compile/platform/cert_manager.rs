//! The role and the issuers of cert-manager.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{allow, allow_when};
use crate::address::Address;
use crate::blueprint::component::platform::cert_manager::{ACCOUNT, CertManager, Issuer};
use crate::blueprint::value::{DomainName, Name};
use crate::graph::compile::Compiler;

const COMPONENT: &str = "platform.certManager";

impl Compiler<'_> {
    pub(super) fn cert_manager(&mut self, manager: &CertManager) {
        if manager.issuers.is_empty() {
            return;
        }
        let issuers = manager.issuers.values();
        let zones: BTreeSet<DomainName> =
            issuers.flat_map(|issuer| self.public_zones_named(&issuer.zones)).collect();
        let zones: Vec<Value> = zones.iter().map(|zone| self.zone_arn(zone)).collect();
        let change = format!("arn:{}:route53:::change/*", self.account.partition);
        let statements = vec![
            // Proofs are texts.
            allow_when(
                &["route53:ChangeResourceRecordSets"],
                json!(zones),
                json!({"ForAllValues:StringEquals": {"route53:ChangeResourceRecordSetsRecordTypes": ["TXT"]}}),
            ),
            allow(&["route53:ListResourceRecordSets"], json!(zones)),
            allow(&["route53:GetChange"], json!(change)),
        ];
        self.platform_role(COMPONENT, &manager.namespace, ACCOUNT, statements);
        for (name, issuer) in &manager.issuers {
            self.issuer(name, issuer);
        }
    }

    /// One solver for each zone: with the zone's id it looks for none.
    fn issuer(&mut self, name: &Name, issuer: &Issuer) {
        let region = self.builder.region().to_owned();
        let zones = self.public_zones_named(&issuer.zones);
        let solvers: Vec<Value> = zones
            .iter()
            .map(|zone| {
                json!({
                    "selector": {"dnsZones": [zone.as_str()]},
                    "dns01": {"route53": {"region": region, "hostedZoneID": self.zone_id(zone)}},
                })
            })
            .collect();
        let spec = json!({
            "metadata": {"name": name.as_str()},
            "spec": {"acme": {
                "email": issuer.email.as_str(),
                "server": issuer.server.url(),
                "privateKeySecretRef": {"name": format!("{name}-account")},
                "solvers": solvers,
            }},
        });
        let at = Address::of(COMPONENT, &format!("clusterissuer/{name}"));
        self.object(&at, "cert-manager.io/v1/ClusterIssuer", spec);
    }
}
