//! How components name each other: `database.orders:connect`, or a plain name where only one type
//! can be meant.

mod far;

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use super::component::Component;
use super::decode::{Decode, Decoder, Invalid, Word, schema};
use super::node::{Node, Value};
use super::shape::Shape;
use super::value::{NAME_PATTERN, Name};
use crate::diagnostic::{Diagnostic, listed, with_article};
use crate::source::Span;
pub use far::{FarLink, FarReference};

schema! {
    /// The types of components, as a reference spells them.
    pub enum ComponentType {
        /// The VPC with its subnets.
        Network = "network",
        /// The EKS cluster.
        Cluster = "cluster",
        /// A relational database.
        Database = "database",
        /// A Redis or Valkey cache.
        Cache = "cache",
        /// A table of DynamoDB.
        Table = "table",
        /// A bucket of S3.
        Bucket = "bucket",
        /// A queue of SQS.
        Queue = "queue",
        /// A topic of SNS.
        Topic = "topic",
        /// An application load balancer.
        LoadBalancer = "loadBalancer",
        /// A DNS zone.
        Zone = "zone",
        /// A TLS certificate.
        Certificate = "certificate",
        /// A web application firewall.
        Firewall = "firewall",
        /// A container registry.
        Registry = "registry",
        /// A secret.
        Secret = "secret",
        /// A plain value in Parameter Store.
        Parameter = "parameter",
        /// An encryption key.
        Key = "key",
        /// A log group.
        Log = "log",
        /// An IAM role.
        Identity = "identity",
        /// A resource of any kind.
        Resource = "resource",
        /// A security group of its own.
        SecurityGroup = "securityGroup",
        /// A CloudFront distribution.
        Cdn = "cdn",
        /// An alarm of CloudWatch.
        Alarm = "alarm",
        /// A dashboard of CloudWatch.
        Dashboard = "dashboard",
        /// The audit of the account.
        Audit = "audit",
        /// What runs on the cluster beside the applications.
        Platform = "platform",
        /// An application on the cluster.
        Service = "service",
        /// Code that runs on servers of Lambda.
        Function = "function",
        /// A Helm chart.
        Chart = "chart",
        /// Kubernetes objects from files.
        Manifest = "manifest",
    }
}

/// What the language knows of a type of component.
struct Traits {
    section: &'static str,
    noun: &'static str,
    /// What the components of the type are called by, which decides how others refer to them.
    called_by: CalledBy,
    accesses: &'static [Access],
    /// How the variables are called that a use gives; `None` if it gives none.
    variable: Option<&'static str>,
}

enum CalledBy {
    /// By nothing: there is at most one.
    Only,
    /// By a [`Name`], so that a [`Reference`] can name them.
    Name,
    /// By a domain name.
    Domain,
    /// By names that nobody refers to.
    Nobody,
}

const fn only(section: &'static str) -> Traits {
    let called_by = CalledBy::Only;
    Traits { section, noun: section, called_by, accesses: &[], variable: None }
}

const fn many(section: &'static str, noun: &'static str) -> Traits {
    Traits { section, noun, called_by: CalledBy::Name, accesses: &[], variable: None }
}

const fn used(
    section: &'static str,
    noun: &'static str,
    accesses: &'static [Access],
    variable: &'static str,
) -> Traits {
    Traits { accesses, variable: Some(variable), ..many(section, noun) }
}

impl ComponentType {
    const fn traits(self) -> Traits {
        use Access::{
            Connect, Decrypt, Encrypt, Invoke, Publish, Pull, Push, Read, Receive, Secret, Send,
            Subscribe, Write,
        };
        match self {
            Self::Network => only("network"),
            Self::Cluster => only("cluster"),
            Self::Database => used("databases", "database", &[Connect, Secret], "DB"),
            Self::Cache => used("caches", "cache", &[Connect], "CACHE"),
            Self::Table => used("tables", "table", &[Read, Write], "TABLE"),
            Self::Bucket => used("buckets", "bucket", &[Read, Write], "BUCKET"),
            Self::Queue => used("queues", "queue", &[Send, Receive], "QUEUE"),
            Self::Topic => used("topics", "topic", &[Publish, Subscribe], "TOPIC"),
            Self::LoadBalancer => many("loadBalancers", "load balancer"),
            Self::Zone => Traits { called_by: CalledBy::Domain, ..many("dns", "DNS zone") },
            Self::Certificate => many("certificates", "certificate"),
            Self::Firewall => many("firewalls", "firewall"),
            Self::Registry => used("registries", "registry", &[Pull, Push], "REGISTRY"),
            Self::Secret => used("secrets", "secret", &[Read, Write], "SECRET"),
            Self::Parameter => used("parameters", "parameter", &[Read], "PARAMETER"),
            Self::Key => used("keys", "key", &[Decrypt, Encrypt], "KEY"),
            Self::Log => used("logs", "log group", &[Write, Read], "LOG"),
            Self::Identity => many("identities", "identity"),
            Self::SecurityGroup => many("securityGroups", "security group"),
            Self::Cdn => many("cdn", "CDN"),
            Self::Alarm => many("alarms", "alarm"),
            Self::Dashboard => many("dashboards", "dashboard"),
            Self::Audit => only("audit"),
            Self::Platform => only("platform"),
            // `ORDER_URL`: the rest is no part of a name.
            Self::Service => used("services", "service", &[], ""),
            Self::Function => used("functions", "function", &[Invoke], "FUNCTION"),
            Self::Chart => Traits { called_by: CalledBy::Nobody, ..many("charts", "chart") },
            Self::Manifest => {
                let noun = "set of manifests";
                Traits { called_by: CalledBy::Nobody, ..many("manifests", noun) }
            }
            Self::Resource => {
                Traits { called_by: CalledBy::Nobody, ..many("resources", "resource") }
            }
        }
    }

    /// The key of the blueprint that holds the components of this type.
    pub const fn section(self) -> &'static str {
        self.traits().section
    }

    /// As a sentence has it: `load balancer`.
    pub const fn noun(self) -> &'static str {
        self.traits().noun
    }

    /// What a user of such a component may ask for; the first is meant when nothing is said.
    pub const fn accesses(self) -> &'static [Access] {
        self.traits().accesses
    }

    /// The word by which the environment variables are called that a use of it gives: `DB`. `None` if it gives none.
    pub(super) const fn variable(self) -> Option<&'static str> {
        self.traits().variable
    }

    /// Whether there is at most one of them, at the section itself.
    pub const fn is_single(self) -> bool {
        matches!(self.traits().called_by, CalledBy::Only)
    }

    /// The key of `existing` that holds those that others own.
    pub const fn existing(self) -> Option<&'static str> {
        match self {
            Self::Network => Some("network"),
            Self::Cluster => Some("cluster"),
            Self::Zone => Some("zones"),
            Self::Certificate => Some("certificates"),
            Self::Key => Some("keys"),
            Self::Secret => Some("secrets"),
            _ => None,
        }
    }

    /// The types that a [`Reference`] can name, in alphabetical order.
    fn referable() -> Vec<Self> {
        let named = |it: &Self| matches!(it.traits().called_by, CalledBy::Name);
        let mut types: Vec<Self> = Self::ALL.iter().copied().filter(named).collect();
        types.sort_by_key(|it| it.as_str());
        types
    }
}

schema! {
    /// What a reference asks for.
    pub enum Access {
        /// A network path, and what it takes to log in: permission to do so with IAM, or to read the token of a cache.
        Connect = "connect",
        /// To read the credentials that AWS keeps for it.
        Secret = "secret",
        /// To read what it holds.
        Read = "read",
        /// To write to it.
        Write = "write",
        /// To send messages.
        Send = "send",
        /// To receive messages and take them from the queue.
        Receive = "receive",
        /// To publish messages.
        Publish = "publish",
        /// To subscribe to its messages.
        Subscribe = "subscribe",
        /// To pull images.
        Pull = "pull",
        /// To push and pull images.
        Push = "push",
        /// To call it.
        Invoke = "invoke",
        /// To decrypt with it.
        Decrypt = "decrypt",
        /// To encrypt and decrypt with it.
        Encrypt = "encrypt",
    }
}

/// A component and what is asked of it: `type.name` or `type.name:access`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub component: ComponentType,
    pub name: Name,
    /// As written, or the first access that the type offers; `None` if it offers none.
    pub access: Option<Access>,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.component, self.name)?;
        self.access.map_or(Ok(()), |access| write!(f, ":{access}"))
    }
}

impl FromStr for Reference {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (path, access) = match text.split_once(':') {
            Some((path, access)) => (path, Some(access)),
            None => (text, None),
        };
        let Some((component, name)) = path.split_once('.') else {
            return Err(Invalid::new("must be a type and a name with a dot between")
                .hint(format!("Types are {}.", listed(ComponentType::referable()))));
        };
        let component = component_type(component)?;
        if let Some((here, _)) = name.split_once('@') {
            return Err(Invalid::new("stands in another region").hint(format!(
                "Only what stands in the same region can be named here, as in `{component}.{here}`."
            )));
        }
        let name = name.parse()?;
        let access = match access {
            Some(access) => Some(access_of(component, access)?),
            None => component.accesses().first().copied(),
        };
        Ok(Self { component, name, access })
    }
}

fn component_type(text: &str) -> Result<ComponentType, Invalid> {
    let known = ComponentType::referable();
    if let Some(found) = known.iter().find(|it| it.as_str() == text) {
        return Ok(*found);
    }
    let types = format!("Types are {}.", listed(&known));
    if let Some(plural) = known.iter().find(|it| it.section() == text) {
        return Err(Invalid::new(format!("did you mean `{plural}`?")).hint(types));
    }
    let otherwise = format!("`{text}` is not a type of component");
    Err(Invalid::unknown(text, known.iter().map(|it| it.as_str()), &otherwise).hint(types))
}

fn access_of(component: ComponentType, text: &str) -> Result<Access, Invalid> {
    let offered = component.accesses();
    if let Some(found) = offered.iter().find(|it| it.as_str() == text) {
        return Ok(*found);
    }
    let noun = with_article(component.noun());
    if offered.is_empty() {
        return Err(Invalid::new(format!("{noun} has no kinds of access"))
            .hint(format!("Leave out `:{text}`.")));
    }
    let otherwise = format!("{noun} does not offer `{text}`");
    Err(Invalid::unknown(text, offered.iter().map(|it| it.as_str()), &otherwise)
        .hint(format!("It offers {}.", listed(offered))))
}

impl Decode for Reference {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        let Parsed(reference) = decoder.word(node)?;
        let start = reference.component.as_str().len() + 1;
        let span = node.part(start..start + reference.name.as_str().len());
        decoder.mention(reference.component, reference.name.as_str(), span);
        let name = decoder.known_as(reference.component, reference.name);
        Some(Self { name, ..reference })
    }

    fn shape() -> Shape {
        <Parsed as Decode>::shape()
    }
}

/// A reference before it is recorded as a [`Mention`].
struct Parsed(Reference);

impl FromStr for Parsed {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Word for Parsed {
    fn shape() -> Shape {
        Shape::word("a reference", &["database.orders", "secret.api:read"])
    }

    fn pattern() -> Option<String> {
        let name = NAME_PATTERN;
        let of_type = |it: ComponentType| match it.accesses() {
            [] => format!("{it}\\.{name}"),
            accesses => {
                let accesses: Vec<&str> = accesses.iter().map(|access| access.as_str()).collect();
                format!("{it}\\.{name}(:({}))?", accesses.join("|"))
            }
        };
        let types: Vec<String> = ComponentType::referable().into_iter().map(of_type).collect();
        Some(format!("^({})$", types.join("|")))
    }
}

/// The plain name of a component whose type the place decides.
pub struct Link<C: Component> {
    pub name: C::Name,
    component: PhantomData<fn() -> C>,
}

impl<C: Component> Link<C> {
    pub(crate) fn to(name: C::Name) -> Self {
        Self { name, component: PhantomData }
    }
}

impl<C: Component> Decode for Link<C> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(scalar) = &node.value {
            // Written as in `uses`, which is understandable and wrong.
            let typed = scalar.text.split_once('.').filter(|(component, _)| {
                *component == C::TYPE.as_str() || *component == C::TYPE.section()
            });
            if let Some((component, name)) = typed {
                let what = with_article(C::TYPE.noun());
                decoder.report(
                    Diagnostic::error(format!("expected the name of {what}, found a reference"))
                        .at(node.part(0..component.len() + 1), "only the name is needed here")
                        .hint(format!("Write `{name}`.")),
                );
                return None;
            }
        }
        if let Some(problem) = names_another_region::<C>(node) {
            decoder.report(problem);
            return None;
        }
        let name: C::Name = decoder.word(node)?;
        decoder.mention(C::TYPE, &name.to_string(), node.span);
        Some(Self::to(decoder.known_as(C::TYPE, name)))
    }

    fn shape() -> Shape {
        let what = format!("the name of {}", with_article(C::TYPE.noun()));
        Shape::word(what, &[]).parsed_as::<C::Name>()
    }
}

/// What is said of a name with a region where it can have none.
fn names_another_region<C: Component>(node: &Node) -> Option<Diagnostic> {
    let Value::Scalar(scalar) = &node.value else { return None };
    let (name, _) =
        scalar.text.split_once('@').filter(|(name, _)| name.parse::<C::Name>().is_ok())?;
    let noun = with_article(C::TYPE.noun());
    let problem = Diagnostic::error(format!("expected the name of {noun} without a region"))
        .at(node.part(name.len()..scalar.text.len()), "not needed here");
    Some(problem.hint(match C::TYPE {
        ComponentType::Zone => format!("Write `{name}`: a zone is the same in every region."),
        _ => format!("Write `{name}` for the one in this region; no other one can be used here."),
    }))
}

impl<C: Component> Clone for Link<C> {
    fn clone(&self) -> Self {
        Self::to(self.name.clone())
    }
}

impl<C: Component> PartialEq for Link<C> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<C: Component> fmt::Debug for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", C::TYPE, self.name)
    }
}

impl<C: Component> fmt::Display for Link<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

/// The blueprint's own region, as [`FarLink`] spells it.
pub(crate) const HOME: &str = "home";

/// Where a component is looked for that somebody names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where the name stands.
    Here,
    /// In the blueprint's own region.
    Home,
    /// In a further region.
    Region(String),
}

impl Place {
    fn of(region: &Name) -> Self {
        if region.as_str() == HOME { Self::Home } else { Self::Region(region.to_string()) }
    }
}

/// That a component is named somewhere, to be resolved once all names are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) place: Place,
    pub(crate) component: ComponentType,
    pub(crate) name: String,
    pub(crate) span: Span,
}

impl Decoder {
    pub(crate) fn mention(&mut self, component: ComponentType, name: &str, span: Span) {
        let place = Place::Here;
        self.mentions.push(Mention { place, component, name: name.to_owned(), span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;

    #[test]
    fn references() {
        assert_round_trip::<Reference>("database.orders:secret");
        let parse = |text: &str| text.parse::<Reference>();
        assert_eq!(parse("database.orders").unwrap().access, Some(Access::Connect));
        assert_eq!(parse("loadBalancer.public").unwrap().access, None);
        let reason = |text: &str| parse(text).unwrap_err().reason;
        assert_eq!(reason("databases.orders"), "did you mean `database`?");
        assert_eq!(reason("secrt.api"), "did you mean `secret`?");
        assert_eq!(reason("secret.api:raed"), "did you mean `read`?");
        assert_eq!(reason("certificate.api:read"), "a certificate has no kinds of access");
        for bad in ["", ".", "a", "secret.", "secret.A", "secret.a:", "secret.a:read:write"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
