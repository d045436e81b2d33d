//! `existing`: what others own and the blueprint builds on. It is looked up, never changed and never destroyed.

use std::collections::BTreeMap;

use super::network::Tier;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Arn, CloudId, DomainName, Name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// What others own. Each of them stands in place of a component of the same name.
    pub struct Existing("what exists") {
        /// A VPC with its subnets, in place of `network`.
        pub network: Option<Spanned<ExistingNetwork>>,
        /// A cluster, in place of `cluster`: an EKS cluster by its name, or a context of a kubeconfig file.
        pub cluster: Option<Spanned<ExistingCluster>>,
        /// Hosted zones by their domain names; `dns` may add records to them.
        pub zones: BTreeMap<DomainName, Spanned<CloudId>>,
        /// Certificates of ACM.
        pub certificates: BTreeMap<Name, Spanned<Arn>>,
        /// KMS keys.
        pub keys: BTreeMap<Name, Spanned<Arn>>,
        /// Secrets, by their names in Secrets Manager.
        pub secrets: BTreeMap<Name, Spanned<CloudId>>,
    }
}

schema! {
    /// A VPC that others own.
    pub struct ExistingNetwork("an existing network") {
        /// The id of the VPC.
        pub vpc: Spanned<CloudId>,
        /// The ids of its subnets by their tiers, one in each zone.
        pub subnets: Spanned<BTreeMap<Tier, Spanned<Vec<Spanned<CloudId>>>>>,
    }
}

/// A cluster that others own.
#[derive(Debug, Clone, PartialEq)]
pub enum ExistingCluster {
    /// An EKS cluster of the blueprint's region.
    Eks(CloudId),
    /// A context of the kubeconfig file.
    Context(String),
}

schema! {
    /// A cluster of a kubeconfig file.
    pub struct KubeContext("a context") {
        /// The name of the context.
        pub context: Spanned<String>,
    }
}

impl ExistingCluster {
    /// What it is called, wherever that is.
    pub fn name(&self) -> &str {
        match self {
            Self::Eks(name) => name.as_str(),
            Self::Context(name) => name,
        }
    }
}

impl Decode for ExistingCluster {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if matches!(node.value, Value::Mapping(_)) {
            let KubeContext { context } = KubeContext::decode(node, decoder)?;
            if context.value.is_empty() || context.value.contains('|') {
                decoder.report(
                    Diagnostic::error("that cannot be the name of a context")
                        .at(context.span, "is empty or holds `|`"),
                );
                return None;
            }
            return Some(Self::Context(context.value));
        }
        CloudId::decode(node, decoder).map(Self::Eks)
    }

    fn shape() -> Shape {
        Shape::Either(vec![<CloudId as Decode>::shape(), KubeContext::shape()])
    }
}

impl Default for Existing {
    /// Nothing.
    fn default() -> Self {
        Self {
            network: None,
            cluster: None,
            zones: BTreeMap::new(),
            certificates: BTreeMap::new(),
            keys: BTreeMap::new(),
            secrets: BTreeMap::new(),
        }
    }
}

impl Existing {
    pub(crate) fn check(&self, check: &mut Check<'_>) {
        let blueprint = check.blueprint;
        let mut twice = |what: &str, existing: Option<Span>, own: Option<Span>| {
            if let (Some(existing), Some(own)) = (existing, own) {
                check.report(
                    Diagnostic::error(format!("{what} exists and is to be made"))
                        .at(existing, "said to exist")
                        .also(own, "to be made")
                        .hint("Leave out one of them."),
                );
            }
        };
        let network = self.network.as_ref().map(|it| it.vpc.span);
        twice("the network", network, blueprint.network.as_ref().map(|it| it.span));
        let cluster = self.cluster.as_ref().map(|it| it.span);
        twice("the cluster", cluster, blueprint.cluster.as_ref().map(|it| it.span));
        for (name, arn) in &self.keys {
            let own = blueprint.keys.get(name).map(|it| it.span);
            twice(&format!("key `{name}`"), Some(arn.span), own);
        }
        for (name, arn) in &self.certificates {
            let own = blueprint.certificates.get(name).map(|it| it.span);
            twice(&format!("certificate `{name}`"), Some(arn.span), own);
        }
        for (name, id) in &self.secrets {
            let own = blueprint.secrets.get(name).map(|it| it.span);
            twice(&format!("secret `{name}`"), Some(id.span), own);
        }
        let arns = [("kms", &self.keys, "a KMS key"), ("acm", &self.certificates, "a certificate")];
        for (service, arns, what) in arns {
            for arn in arns.values().filter(|arn| arn.service() != service) {
                check.report(
                    Diagnostic::error(format!("`{arn}` is not {what}"))
                        .at(arn.span, format!("an ARN of {}", arn.service())),
                );
            }
        }
    }
}
