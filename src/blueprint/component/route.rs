//! The routes of a load balancer: which requests go where.

use std::collections::BTreeMap;

use super::load_balancer::LoadBalancer;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{DomainName, HostPattern, HttpPath, Int, Name, PathPattern, Port};
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::source::{Span, Spanned};

schema! {
    /// Sends requests somewhere by host and path. Of several routes that match, the one that says most exactly what it
    /// matches rules: its order does not count.
    pub struct Route("a route") {
        /// The paths; every path if nothing is said.
        pub paths: Vec<Spanned<PathPattern>>,
        /// The host names; every host if nothing is said.
        pub hosts: Vec<Spanned<HostPattern>>,
        /// The target, or several with their weights.
        pub to: Option<Spanned<Destination>>,
        /// Sends the client to another URL.
        pub redirect: Option<Spanned<Redirect>>,
        /// Answers without asking a target.
        pub respond: Option<Spanned<Response>>,
    }
}

/// A target, or several that share the requests by their weights.
#[derive(Debug, Clone, PartialEq)]
pub enum Destination {
    One(Name),
    Weighted(BTreeMap<Name, Weight>),
}

/// How many of the requests a target gets, beside the weights of the others.
pub type Weight = Int<0, 999>;

impl Decode for Destination {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Mapping(_) => BTreeMap::decode(node, decoder).map(Self::Weighted),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) => {
                Name::decode(node, decoder).map(Self::One)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![<Name as Decode>::shape(), BTreeMap::<Name, Weight>::shape()])
    }
}

impl Destination {
    /// The targets, each with its weight; one alone has none.
    pub fn targets(&self) -> Vec<(&Name, Option<u32>)> {
        match self {
            Self::One(name) => vec![(name, None)],
            Self::Weighted(weights) => {
                weights.iter().map(|(name, weight)| (name, Some(weight.get()))).collect()
            }
        }
    }
}

schema! {
    /// Sends the client to another URL. What is not said stays as the client asked.
    pub struct Redirect("a redirect") {
        /// The host.
        pub host: Option<DomainName>,
        /// The path; `#{path}` stands for the one asked for, without its first slash.
        pub path: Option<HttpPath>,
        /// The port.
        pub port: Option<Port>,
        /// Lets clients remember it.
        pub permanent: bool = "true",
    }
}

schema! {
    /// A fixed answer.
    pub struct Response("a response") {
        /// The HTTP status.
        pub status: Spanned<Int<200, 599>> = "200",
        /// The text.
        pub body: Option<Spanned<String>>,
        /// What the text is.
        pub r#type: ContentType = "text/plain",
    }
}

schema! {
    /// What the text of a fixed answer is.
    pub enum ContentType {
        /// Plain text.
        Plain = "text/plain",
        /// HTML.
        Html = "text/html",
        /// JSON.
        Json = "application/json",
        /// JavaScript.
        Javascript = "application/javascript",
        /// A style sheet.
        Css = "text/css",
    }
}

/// `CreateRule` takes at most five values in the conditions of a rule.
const VALUES_MAX: usize = 5;
/// `FixedResponseActionConfig` in the API reference.
const BODY_MAX: usize = 1024;

impl Route {
    /// What it matches, one path at a time: each is a rule of its own, since rules of several paths cannot be ordered by
    /// how exact they are.
    pub fn paths(&self) -> Vec<Option<&PathPattern>> {
        if self.paths.is_empty() {
            return vec![None];
        }
        self.paths.iter().map(|path| Some(&path.value)).collect()
    }

    pub(super) fn check(&self, at: Span, balancer: &LoadBalancer, check: &mut Check<'_>) {
        let actions = [self.to.is_some(), self.redirect.is_some(), self.respond.is_some()];
        match actions.into_iter().filter(|it| *it).count() {
            1 => {}
            0 => check.report(
                Diagnostic::error("a route needs a `to`, a `redirect` or a `respond`")
                    .at(at, "leads nowhere"),
            ),
            _ => check.report(
                Diagnostic::error("a route has one of `to`, `redirect` and `respond`")
                    .at(at, "leads to more than one place"),
            ),
        }
        if self.paths.is_empty() && self.hosts.is_empty() {
            check.report(
                Diagnostic::error("a route needs `paths` or `hosts`")
                    .at(at, "matches every request")
                    .hint("Name the target at `default` of the load balancer instead."),
            );
        }
        let values = self.hosts.len() + self.paths.len().min(1);
        if values > VALUES_MAX
            && let Some(last) = self.hosts.last()
        {
            check.report(
                Diagnostic::error(format!(
                    "a route has at most {VALUES_MAX} hosts, with paths one less"
                ))
                .at(last.span, "too many hosts")
                .hint("Write a second route for some of them."),
            );
        }
        if let Some(to) = &self.to {
            check_destination(to, balancer, check);
        }
        if let Some(redirect) = &self.redirect
            && redirect.host.is_none()
            && redirect.path.is_none()
            && redirect.port.is_none()
        {
            check.report(
                Diagnostic::error("the redirect leads to where it came from")
                    .at(redirect.span, "needs a `host`, a `path` or a `port`"),
            );
        }
        if let Some(response) = &self.respond {
            check_response(response, check);
        }
    }
}

/// The targets must be the load balancer's, and some must get requests.
pub(super) fn check_destination(
    destination: &Spanned<Destination>,
    balancer: &LoadBalancer,
    check: &mut Check<'_>,
) {
    let known = || balancer.targets.keys().map(Name::as_str);
    let targets = destination.targets();
    for (name, _) in &targets {
        if !balancer.targets.contains_key(*name) {
            let label = match did_you_mean(name.as_str(), known()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the targets are {}", listed(known())),
            };
            check.report(
                Diagnostic::error(format!("no target is called `{name}`"))
                    .at(destination.span, label),
            );
        }
    }
    if targets.iter().all(|(_, weight)| *weight == Some(0)) {
        check.report(
            Diagnostic::error("no target gets a request")
                .at(destination.span, "needs a target with a weight above 0"),
        );
    }
}

fn check_response(response: &Response, check: &mut Check<'_>) {
    if (300..400).contains(&response.status.get()) {
        check.report(
            Diagnostic::error(format!("status {} cannot be a fixed answer", response.status))
                .at(response.status.span, "means a redirect")
                .hint("Write a `redirect`."),
        );
    }
    if let Some(body) = &response.body
        && body.len() > BODY_MAX
    {
        check.report(
            Diagnostic::error("the body is too long")
                .at(body.span, format!("must have at most {BODY_MAX} bytes")),
        );
    }
}
