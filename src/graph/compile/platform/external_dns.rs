//! The role of `ExternalDNS`.

use serde_json::{Value, json};

use super::allow;
use crate::blueprint::component::platform::external_dns::{ACCOUNT, ExternalDns};
use crate::graph::compile::Compiler;

impl Compiler<'_> {
    pub(super) fn external_dns(&mut self, dns: &ExternalDns) {
        let zones = self.zones_named(&dns.zones);
        let zones: Vec<Value> = zones.iter().map(|zone| self.zone_arn(zone)).collect();
        let statements = vec![
            allow(
                &[
                    "route53:ChangeResourceRecordSets",
                    "route53:ListResourceRecordSets",
                    "route53:ListTagsForResources",
                ],
                json!(zones),
            ),
            allow(&["route53:ListHostedZones"], json!("*")),
        ];
        self.platform_role("platform.externalDns", &dns.namespace, ACCOUNT, statements);
    }
}
