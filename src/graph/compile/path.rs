//! Network paths: who may connect to what stands in the network.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::json;

use super::{Compiler, cluster, function, get};
use crate::address::Address;
use crate::blueprint::component::database::Peer;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::Name;
use crate::source::Spanned;

/// Who connects to something in the network.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    /// All pods: they have the security group of the cluster, so that one rule is a path for all of them.
    Cluster,
    Function(Name),
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("cluster"),
            Self::Function(name) => write!(f, "function-{name}"),
        }
    }
}

impl Compiler<'_> {
    /// Who may connect to a component: those whom it names, the cluster if it names nobody, and the pods and functions
    /// that use it.
    pub(super) fn connecting(
        &self,
        component: ComponentType,
        name: &Name,
        from: Option<&[Spanned<Peer>]>,
    ) -> BTreeSet<Caller> {
        let named = |peer: &Spanned<Peer>| match peer.value {
            Peer::Cluster => Caller::Cluster,
        };
        let mut callers: BTreeSet<Caller> = match from {
            Some(peers) => peers.iter().map(named).collect(),
            None => BTreeSet::from([Caller::Cluster]),
        };
        let mut services = self.blueprint.services.values();
        if self.pods_log_in(component, name)
            || services.any(|service| service.connects_to(component, name))
        {
            callers.insert(Caller::Cluster);
        }
        let functions = self.blueprint.functions.iter();
        let functions = functions.filter(|(_, function)| function.connects_to(component, name));
        callers.extend(functions.map(|(function, _)| Caller::Function(function.clone())));
        callers
    }

    /// The rules of a security group that let them.
    pub(super) fn ingress(
        &mut self,
        component: &str,
        group: &Address,
        port: u16,
        callers: &BTreeSet<Caller>,
    ) {
        for caller in callers {
            let source = match caller {
                Caller::Cluster if !self.blueprint.has_cluster() => continue,
                Caller::Cluster => get(&cluster::address(), "ClusterSecurityGroupId"),
                Caller::Function(name) => get(&function::security_group(name), "GroupId"),
            };
            let description = match caller {
                Caller::Cluster => "from the cluster".to_owned(),
                Caller::Function(name) => format!("from function {name}"),
            };
            let spec = json!({
                "GroupId": get(group, "GroupId"), "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                "SourceSecurityGroupId": source,
                "Description": description,
            });
            let at = ingress_from(component, caller);
            self.add(&at, "AWS::EC2::SecurityGroupIngress", spec);
        }
    }
}

/// The rule that lets somebody in.
pub(super) fn ingress_from(component: &str, caller: &Caller) -> Address {
    Address::of(component, &format!("ingress/{caller}"))
}
