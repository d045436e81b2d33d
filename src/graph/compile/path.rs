//! Network paths: who may connect to what stands in the network.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Compiler, cluster, get};
use crate::address::Address;
use crate::blueprint::component::database::Peer;
use crate::blueprint::reference::{Access, ComponentType};
use crate::blueprint::value::Name;
use crate::source::Spanned;

impl Compiler<'_> {
    /// Who may connect to a component: those whom it names, the cluster if it names nobody, and the pods of what uses
    /// it. All pods have the security group of the cluster, so that one rule is a path for all of them.
    pub(super) fn peers(
        &self,
        component: ComponentType,
        name: &Name,
        from: Option<&[Spanned<Peer>]>,
    ) -> BTreeSet<Peer> {
        let mut peers: BTreeSet<Peer> = match from {
            Some(peers) => peers.iter().map(|peer| peer.value).collect(),
            None => BTreeSet::from([Peer::Cluster]),
        };
        let mut services = self.blueprint.services.values();
        if self.is_used(component, name, Access::Connect)
            || services.any(|service| service.connects_to(component, name))
        {
            peers.insert(Peer::Cluster);
        }
        peers
    }

    /// The rules of a security group that let them.
    pub(super) fn ingress(
        &mut self,
        component: &str,
        group: &Address,
        port: u16,
        peers: &BTreeSet<Peer>,
    ) {
        for peer in peers {
            let source = match peer {
                Peer::Cluster if !self.blueprint.has_cluster() => continue,
                Peer::Cluster => get(&cluster::address(), "ClusterSecurityGroupId"),
            };
            let spec = json!({
                "GroupId": get(group, "GroupId"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                "SourceSecurityGroupId": source,
                "Description": format!("from the {peer}"),
            });
            let at = ingress_from(component, *peer);
            self.add(&at, "AWS::EC2::SecurityGroupIngress", spec);
        }
    }
}

/// The rule that lets a peer in.
pub(super) fn ingress_from(component: &str, peer: Peer) -> Address {
    Address::of(component, &format!("ingress/{peer}"))
}
