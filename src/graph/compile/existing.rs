//! What others own, at the addresses where components of the same names would stand, so that all others find it there.

use super::{Compiler, certificate, cluster, dns, key, secret, subnet};
use crate::address::{Address, PhysicalId};
use crate::blueprint::component::existing::{Existing, ExistingCluster};

impl Compiler<'_> {
    pub(super) fn existing(&mut self, existing: &Existing) {
        if let Some(network) = &existing.network {
            self.exists(&Address::of("network", "vpc"), "AWS::EC2::VPC", network.vpc.as_str());
            for (tier, subnets) in &network.subnets.value {
                for (number, id) in (1..).zip(&subnets.value) {
                    let at = subnet(*tier, &number.to_string());
                    self.exists(&at, "AWS::EC2::Subnet", id.as_str());
                }
            }
        }
        if let Some(ExistingCluster::Eks(name)) = existing.cluster.as_ref().map(|it| &it.value) {
            self.exists(&cluster::address(), "AWS::EKS::Cluster", name.as_str());
        }
        for (domain, id) in &existing.zones {
            self.exists(&dns::address(domain), "AWS::Route53::HostedZone", id.as_str());
        }
        for (name, arn) in &existing.certificates {
            let kind = "AWS::CertificateManager::Certificate";
            self.exists(&certificate::address(name), kind, arn.as_str());
        }
        for (name, arn) in &existing.keys {
            let id = arn.resource().trim_start_matches("key/");
            self.exists(&key::address(name), "AWS::KMS::Key", id);
        }
        for (name, id) in &existing.secrets {
            self.exists(&secret::address(name), "AWS::SecretsManager::Secret", id.as_str());
        }
    }

    fn exists(&mut self, at: &Address, kind: &str, id: &str) {
        self.builder.add_existing(at, kind, PhysicalId::new(id));
    }
}
