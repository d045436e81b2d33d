//! `securityGroups`: security groups of their own, for what no component stands for.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Cidr, GroupDescription, Name, Port, Range};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A security group. Nothing passes that no rule lets pass, in either direction.
    pub struct SecurityGroup("a security group") {
        /// What it is for.
        pub description: Option<GroupDescription>,
        /// Who may connect to what has the group.
        pub ingress: Vec<Spanned<Ingress>>,
        /// Where what has the group may connect to.
        pub egress: Vec<Spanned<Egress>>,
    }
}

schema! {
    /// Lets connections in.
    pub struct Ingress("an ingress rule") {
        /// Where they come from.
        pub from: Spanned<Peer>,
        /// The port, or the first and the last of several.
        pub port: Option<Spanned<Range<Port>>>,
        /// What is spoken.
        pub protocol: Spanned<Protocol> = "tcp",
        /// What the rule is for.
        pub description: Option<GroupDescription>,
    }
}

schema! {
    /// Lets connections out.
    pub struct Egress("an egress rule") {
        /// Where they go to.
        pub to: Spanned<Peer>,
        /// The port, or the first and the last of several.
        pub port: Option<Spanned<Range<Port>>>,
        /// What is spoken.
        pub protocol: Spanned<Protocol> = "tcp",
        /// What the rule is for.
        pub description: Option<GroupDescription>,
    }
}

schema! {
    /// What is spoken over a connection.
    pub enum Protocol {
        /// TCP.
        Tcp = "tcp",
        /// UDP.
        Udp = "udp",
        /// ICMP, such as pings.
        Icmp = "icmp",
        /// All protocols on all ports.
        All = "all",
    }
}

/// The other end of a connection: addresses, the cluster, or what has a security group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Range(Cidr),
    Cluster,
    Component(Reference),
}

/// How a peer spells the pods and nodes of the cluster.
const CLUSTER: &str = "cluster";

impl Decode for Peer {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == CLUSTER => Some(Self::Cluster),
            Value::Scalar(scalar) if scalar.text.starts_with(|c: char| c.is_ascii_digit()) => {
                Cidr::decode(node, decoder).map(Self::Range)
            }
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Reference::decode(node, decoder).map(Self::Component)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            <Cidr as Decode>::shape(),
            <Reference as Decode>::shape(),
            Shape::word("`cluster`", &[CLUSTER]),
        ])
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Range(range) => range.fmt(f),
            Self::Cluster => f.write_str(CLUSTER),
            Self::Component(Reference { component, name, access: _ }) => {
                write!(f, "{component}.{name}")
            }
        }
    }
}

/// One rule, whichever its direction.
pub struct Rule<'a> {
    pub peer: &'a Spanned<Peer>,
    pub port: Option<&'a Spanned<Range<Port>>>,
    pub protocol: &'a Spanned<Protocol>,
    pub description: Option<&'a GroupDescription>,
}

impl Rule<'_> {
    /// What tells it from the group's other rules of its direction: `tcp-443-10.0.0.0-16`.
    pub fn key(&self) -> String {
        let ports = self.port.map(|ports| format!("-{}", ports.value)).unwrap_or_default();
        let peer = self.peer.to_string().replace('/', "-");
        format!("{}{ports}-{peer}", self.protocol.value)
    }
}

impl SecurityGroup {
    pub fn ingress(&self) -> impl Iterator<Item = Rule<'_>> {
        self.ingress.iter().map(|rule| Rule {
            peer: &rule.from,
            port: rule.port.as_ref(),
            protocol: &rule.protocol,
            description: rule.description.as_ref(),
        })
    }

    pub fn egress(&self) -> impl Iterator<Item = Rule<'_>> {
        self.egress.iter().map(|rule| Rule {
            peer: &rule.to,
            port: rule.port.as_ref(),
            protocol: &rule.protocol,
            description: rule.description.as_ref(),
        })
    }
}

impl Component for SecurityGroup {
    const TYPE: ComponentType = ComponentType::SecurityGroup;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        check.needs_network("a security group", at);
        check_rules(self.ingress(), check);
        check_rules(self.egress(), check);
    }
}

fn check_rules<'a>(rules: impl Iterator<Item = Rule<'a>>, check: &mut Check<'_>) {
    let mut seen: Vec<(String, Span)> = Vec::new();
    for rule in rules {
        match (rule.protocol.value, rule.port) {
            (Protocol::Tcp | Protocol::Udp, None) => check.report(
                Diagnostic::error(format!("a rule for {} needs a port", rule.protocol.value))
                    .at(rule.peer.span, "`port` is missing")
                    .hint("Write `1..65535` for all of them."),
            ),
            (Protocol::Icmp | Protocol::All, Some(port)) => check.report(
                Diagnostic::error("the rule is for no single port")
                    .at(port.span, "not used")
                    .also(rule.protocol.span, format!("has no ports: {}", rule.protocol.value)),
            ),
            (Protocol::Tcp | Protocol::Udp, Some(_)) | (Protocol::Icmp | Protocol::All, None) => {}
        }
        match &rule.peer.value {
            Peer::Range(_) => {}
            Peer::Cluster => check.needs_cluster("the rule", rule.peer.span),
            Peer::Component(reference) if has_group(reference.component) => {}
            Peer::Component(_) => check.report(
                Diagnostic::error(format!("`{}` has no security group", rule.peer.value))
                    .at(rule.peer.span, "cannot be an end of a connection"),
            ),
        }
        let key = rule.key();
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == key) {
            check.report(
                Diagnostic::error("the security group has this rule twice")
                    .at(rule.peer.span, "again")
                    .also(*first, "first here"),
            );
        }
        seen.push((key, rule.peer.span));
    }
}

/// Whether the components of a type have a security group.
fn has_group(component: ComponentType) -> bool {
    matches!(
        component,
        ComponentType::SecurityGroup | ComponentType::LoadBalancer | ComponentType::Database
    )
}
