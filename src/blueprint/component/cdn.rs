//! `cdn`: CloudFront distributions, which answer close to clients and ask origins for what they do not have.

use std::collections::BTreeMap;

use super::Component;
use super::bucket::Bucket;
use super::certificate::Certificate;
use super::firewall::Firewall;
use super::load_balancer::{LoadBalancer, Scheme};
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{
    CountryCode, Days, DomainName, Duration, HeaderName, HttpPath, Int, Name, PathPattern,
    RootObject, Seconds,
};
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::source::{Span, Spanned};

schema! {
    /// A CloudFront distribution. It speaks HTTPS alone, with TLS 1.2 or later, and sends clients there that ask by HTTP.
    pub struct Cdn("a CDN") {
        /// Where what clients ask for comes from.
        pub origins: Spanned<BTreeMap<Name, Spanned<Origin>>>,
        /// The origin of requests that no behaviour matches, or a behaviour; needed when there are several origins.
        pub default: Option<Spanned<Behaviour>>,
        /// What else is done with some paths. Of several that match, the one that says most exactly which paths it means rules.
        pub behaviours: BTreeMap<PathPattern, Spanned<Behaviour>>,
        /// The domain names that clients ask for; only the one that CloudFront gives if none is named.
        pub aliases: Vec<Spanned<DomainName>>,
        /// The certificate of these names.
        pub certificate: Option<Spanned<Link<Certificate>>>,
        /// The firewall in front of it.
        pub firewall: Option<Spanned<Link<Firewall>>>,
        /// Where it answers from: more places are closer to more clients and cost more.
        pub price_class: PriceClass = "us-eu",
        /// The countries whose clients are answered, or those whose clients are not.
        pub countries: Option<Spanned<Countries>>,
        /// What is answered to a request for `/`.
        pub root: Option<RootObject>,
        /// What is answered instead of an origin's error.
        pub errors: BTreeMap<ErrorStatus, ErrorPage>,
        /// The HTTP versions that clients may speak beside HTTP/1.1.
        pub http: HttpVersions = "http2and3",
        /// Keeps a line about every request in a bucket.
        pub access_logs: Option<CdnLogs>,
    }
}

/// Where what clients ask for comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    Bucket(BucketOrigin),
    Balancer(BalancerOrigin),
    Domain(DomainOrigin),
}

impl Decode for Origin {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.get("bucket").is_some() {
            BucketOrigin::decode(node, decoder).map(Self::Bucket)
        } else if node.get("loadBalancer").is_some() {
            BalancerOrigin::decode(node, decoder).map(Self::Balancer)
        } else if node.get("domain").is_some() {
            DomainOrigin::decode(node, decoder).map(Self::Domain)
        } else {
            decoder.mapping(node, "Write a `bucket`, a `loadBalancer` or a `domain`.")?;
            decoder.report(
                Diagnostic::error("an origin needs a `bucket`, a `loadBalancer` or a `domain`")
                    .at(decoder.owner(node), "is nowhere"),
            );
            None
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![BucketOrigin::shape(), BalancerOrigin::shape(), DomainOrigin::shape()])
    }
}

schema! {
    /// A bucket, which stays private: this CDN alone may read it.
    pub struct BucketOrigin("an origin") {
        /// The bucket.
        pub bucket: Spanned<Link<Bucket>>,
        /// What the names of its objects begin with.
        pub path: Option<HttpPath>,
    }
}

schema! {
    /// A load balancer. It sees the host name that the client asked for.
    pub struct BalancerOrigin("an origin") {
        /// The load balancer.
        pub load_balancer: Spanned<Link<LoadBalancer>>,
        /// What its paths begin with.
        pub path: Option<HttpPath>,
        /// How long to wait for an answer.
        pub timeout: Seconds<1, 120> = "30s",
    }
}

schema! {
    /// Any web server, asked by HTTPS.
    pub struct DomainOrigin("an origin") {
        /// Its host name.
        pub domain: Spanned<DomainName>,
        /// What its paths begin with.
        pub path: Option<HttpPath>,
        /// How long to wait for an answer.
        pub timeout: Seconds<1, 120> = "30s",
    }
}

/// What is done with requests; an origin's name alone stands for one with all defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Behaviour {
    pub origin: Spanned<Name>,
    pub cache: Option<Cache>,
    pub methods: Option<Methods>,
    pub compress: bool,
}

schema! {
    /// What is done with requests.
    struct BehaviourSettings("a behaviour") {
        /// The origin.
        origin: Spanned<Name>,
        /// What is kept of its answers, and for how long: what a bucket holds, and nothing of other origins, if nothing is said.
        cache: Option<Cache>,
        /// The HTTP methods that pass: all where nothing is kept, and those that only read elsewhere, if nothing is said.
        methods: Option<Methods>,
        /// Compresses answers for clients that can read them so.
        compress: bool = "true",
    }
}

impl Decode for Behaviour {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(_) = node.value {
            let origin = Spanned::decode(node, decoder)?;
            return Some(Self { origin, cache: None, methods: None, compress: true });
        }
        let BehaviourSettings { origin, cache, methods, compress } =
            BehaviourSettings::decode(node, decoder)?;
        Some(Self { origin, cache, methods, compress })
    }

    fn shape() -> Shape {
        Shape::Either(vec![<Name as Decode>::shape(), BehaviourSettings::shape()])
    }
}

/// What is kept of an origin's answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Cache {
    Usual(UsualCache),
    Own(Spanned<OwnCache>),
}

impl Decode for Cache {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(_) => UsualCache::decode(node, decoder).map(Self::Usual),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => {
                Spanned::decode(node, decoder).map(Self::Own)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![<UsualCache as Decode>::shape(), OwnCache::shape()])
    }
}

schema! {
    /// A usual way to keep an origin's answers.
    pub enum UsualCache {
        /// By path alone, for as long as the origin says, else for a day: for files.
        Optimized = "optimized",
        /// Not at all: for what differs between clients.
        Disabled = "disabled",
    }
}

schema! {
    /// How long answers are kept, and what tells them apart beside the path.
    pub struct OwnCache("a cache") {
        /// How long, if the origin does not say.
        pub ttl: Spanned<Duration> = "1d",
        /// How long at least, whatever the origin says.
        pub min: Spanned<Duration> = "0s",
        /// How long at most, whatever the origin says; a year, or `ttl` if that is longer, if nothing is said.
        pub max: Option<Spanned<Duration>>,
        /// The query parameters that tell answers apart.
        pub query: Keyed<String> = "none",
        /// The headers that tell answers apart.
        pub headers: Vec<HeaderName>,
        /// The cookies that tell answers apart.
        pub cookies: Keyed<String> = "none",
    }
}

/// Some by name, or all, or none.
#[derive(Debug, Clone, PartialEq)]
pub enum Keyed<T> {
    None,
    All,
    These(Vec<T>),
}

impl<T: Decode> Decode for Keyed<T> {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text == "none" => Some(Self::None),
            Value::Scalar(scalar) if scalar.text == "all" => Some(Self::All),
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Vec::decode(node, decoder).map(Self::These)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![Vec::<T>::shape(), Shape::word("`all` or `none`", &["all", "none"])])
    }
}

schema! {
    /// The HTTP methods that pass.
    pub enum Methods {
        /// Those that only read: GET, HEAD and OPTIONS.
        Read = "read",
        /// All.
        All = "all",
    }
}

schema! {
    /// Where a CDN answers from.
    pub enum PriceClass {
        /// North America, Europe and Israel.
        UsEu = "us-eu",
        /// The same with Africa, the Middle East and most of Asia.
        UsEuAsia = "us-eu-asia",
        /// Everywhere.
        All = "all",
    }
}

schema! {
    /// The countries whose clients are answered, or those whose clients are not.
    pub struct Countries("countries") {
        /// These alone.
        pub only: Vec<CountryCode>,
        /// All but these.
        pub except: Vec<CountryCode>,
    }
}

schema! {
    /// An HTTP status for which another answer can stand.
    pub enum ErrorStatus {
        /// Bad request.
        BadRequest = "400",
        /// Forbidden; also what a bucket answers for what it does not have.
        Forbidden = "403",
        /// Not found.
        NotFound = "404",
        /// Method not allowed.
        MethodNotAllowed = "405",
        /// The URL is too long.
        UriTooLong = "414",
        /// Range not satisfiable.
        RangeNotSatisfiable = "416",
        /// Internal server error.
        InternalServerError = "500",
        /// Not implemented.
        NotImplemented = "501",
        /// Bad gateway.
        BadGateway = "502",
        /// Service unavailable.
        ServiceUnavailable = "503",
        /// Gateway timeout.
        GatewayTimeout = "504",
    }
}

schema! {
    /// What is answered instead of an origin's error.
    pub struct ErrorPage("an error page") {
        /// The path of the page.
        pub page: HttpPath,
        /// The status to answer; the origin's if nothing is said.
        pub status: Option<Int<200, 504>>,
        /// How long the error is kept.
        pub ttl: Seconds<0, 31_536_000> = "10s",
    }
}

schema! {
    /// The HTTP versions that clients may speak beside HTTP/1.1.
    pub enum HttpVersions {
        /// None.
        Http1 = "http1.1",
        /// HTTP/2.
        Http2 = "http2",
        /// HTTP/2 and HTTP/3.
        Http2And3 = "http2and3",
    }
}

schema! {
    /// A line about every request, in a bucket of their own.
    pub struct CdnLogs("access logs") {
        /// How long they are kept.
        pub retention: Days<1, 3_650> = "90d",
        /// Also what the cookies held.
        pub cookies: bool = "false",
    }
}

impl OwnCache {
    /// How long an answer is kept at most.
    pub fn max(&self) -> Duration {
        let usual = Duration::days(365).max(self.ttl.value);
        self.max.as_ref().map_or(usual, |max| max.value)
    }
}

impl Cdn {
    /// What is done with requests that no behaviour matches.
    pub fn default(&self) -> Option<Behaviour> {
        let only = || {
            let (name, origin) = self.origins.iter().next()?;
            let origin = Spanned::new(name.clone(), origin.span);
            Some(Behaviour { origin, cache: None, methods: None, compress: true })
        };
        self.default.as_ref().map(|it| it.value.clone()).or_else(only)
    }

    /// What is kept of the answers to some requests.
    pub fn cache(&self, behaviour: &Behaviour) -> Cache {
        let usual = match self.origins.get(&behaviour.origin.value).map(|origin| &origin.value) {
            Some(Origin::Bucket(_)) => UsualCache::Optimized,
            Some(Origin::Balancer(_) | Origin::Domain(_)) | None => UsualCache::Disabled,
        };
        behaviour.cache.clone().unwrap_or(Cache::Usual(usual))
    }

    /// The methods that pass.
    pub fn methods(&self, behaviour: &Behaviour) -> Methods {
        let bucket = matches!(
            self.origins.get(&behaviour.origin.value).map(|origin| &origin.value),
            Some(Origin::Bucket(_))
        );
        let usual = match self.cache(behaviour) {
            Cache::Usual(UsualCache::Disabled) if bucket => Methods::Read,
            Cache::Usual(UsualCache::Disabled) => Methods::All,
            Cache::Usual(UsualCache::Optimized) | Cache::Own(_) => Methods::Read,
        };
        behaviour.methods.unwrap_or(usual)
    }
}

impl Component for Cdn {
    const TYPE: ComponentType = ComponentType::Cdn;
    type Name = Name;

    fn check(&self, name: &Name, _at: Span, check: &mut Check<'_>) {
        self.check_origins(check);
        self.check_names(name, check);
        for (path, behaviour) in &self.behaviours {
            self.check_behaviour(behaviour, check);
            if path.as_str() == "*" || path.as_str() == "/*" {
                check.report(
                    Diagnostic::error(format!("`{path}` matches every path"))
                        .at(behaviour.span, "leaves nothing to the others")
                        .hint("Set `default` instead."),
                );
            }
        }
        if let Some(default) = &self.default {
            self.check_behaviour(default, check);
        }
        if let Some(countries) = &self.countries
            && countries.only.is_empty() == countries.except.is_empty()
        {
            check.report(
                Diagnostic::error("countries are either `only` or `except` some")
                    .at(countries.span, "needs one of the two lists"),
            );
        }
    }
}

impl Cdn {
    fn check_origins(&self, check: &mut Check<'_>) {
        if self.origins.is_empty() {
            check.report(
                Diagnostic::error("a CDN needs an origin").at(self.origins.span, "no origin"),
            );
        }
        if self.default.is_none() && self.origins.len() > 1 {
            check.report(
                Diagnostic::error("which origin answers when no behaviour matches is not said")
                    .at(self.origins.span, format!("has {} origins", self.origins.len()))
                    .hint(format!("Set `default` to one of {}.", listed(self.origins.keys()))),
            );
        }
        for origin in self.origins.values() {
            match &origin.value {
                Origin::Balancer(balancer) => self.check_balancer(balancer, check),
                Origin::Domain(DomainOrigin { domain, .. }) if domain.is_wildcard() => {
                    check.report(
                        Diagnostic::error(format!("`{domain}` cannot be an origin"))
                            .at(domain.span, "has a wildcard"),
                    );
                }
                Origin::Bucket(_) | Origin::Domain(_) => {}
            }
        }
    }

    /// A load balancer sees the name that the client asked for, and must be able to prove that it bears it.
    fn check_balancer(&self, origin: &BalancerOrigin, check: &mut Check<'_>) {
        let link = &origin.load_balancer;
        let Some(balancer) = check.blueprint.load_balancers.get(&link.name) else { return };
        if balancer.scheme.value == Scheme::Internal {
            check.report(
                Diagnostic::error(format!("CloudFront cannot reach load balancer `{link}`"))
                    .at(link.span, "needs an internet-facing one")
                    .also(balancer.scheme.span, "not reached from the internet"),
            );
        }
        let certificate = balancer.certificate.as_ref();
        let Some(certificate) =
            certificate.and_then(|it| check.blueprint.certificates.get(&it.name))
        else {
            return;
        };
        let unnamed = self.aliases.iter().find(|alias| !certificate.is_for(&alias.value));
        if let Some(alias) = unnamed {
            check.report(
                Diagnostic::error(format!("load balancer `{link}` cannot prove to be `{alias}`"))
                    .at(link.span, "CloudFront would refuse its certificate")
                    .also(certificate.domain.span, "the names of its certificate")
                    .also(alias.span, "what clients ask for")
                    .hint("Add the name to `alternatives` of the certificate."),
            );
        }
    }

    fn check_names(&self, name: &Name, check: &mut Check<'_>) {
        let certificate = self.certificate.as_ref();
        match (certificate, self.aliases.first()) {
            (None, Some(alias)) => check.report(
                Diagnostic::error("a CDN needs a certificate for names of its own")
                    .at(alias.span, "`certificate` is missing")
                    .hint("Name one of `certificates`."),
            ),
            (Some(certificate), None) => check.report(
                Diagnostic::error("a certificate is of no use without names of its own")
                    .at(certificate.span, "not used")
                    .hint("Name the domain names at `aliases`."),
            ),
            (None, None) => {}
            (Some(link), Some(_)) => {
                let certificate = check.blueprint.certificates.get(&link.name);
                for alias in &self.aliases {
                    if let Some(certificate) = certificate.filter(|it| !it.is_for(&alias.value)) {
                        check.report(
                            Diagnostic::error(format!("certificate `{link}` is not for `{alias}`"))
                                .at(alias.span, "not one of its names")
                                .also(certificate.domain.span, "the certificate"),
                        );
                    }
                }
            }
        }
        // CloudFront gives a name to one distribution alone, in the whole world.
        let earlier: Vec<_> = check.blueprint.cdn.range(..name.clone()).collect();
        for alias in &self.aliases {
            let taken = earlier.iter().flat_map(|(_, cdn)| &cdn.aliases);
            if let Some(first) = taken.into_iter().find(|it| it.value == alias.value) {
                check.report(
                    Diagnostic::error(format!("two CDNs are called `{alias}`"))
                        .at(alias.span, "named again")
                        .also(first.span, "first named here"),
                );
            }
        }
    }

    fn check_behaviour(&self, behaviour: &Behaviour, check: &mut Check<'_>) {
        let origin = &behaviour.origin;
        if !self.origins.contains_key(&origin.value) {
            let names = || self.origins.keys().map(Name::as_str);
            let label = match did_you_mean(origin.as_str(), names()) {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("the origins are {}", listed(names())),
            };
            let problem = Diagnostic::error(format!("no origin is called `{origin}`"));
            check.report(problem.at(origin.span, label));
        }
        let found = self.origins.get(&origin.value).map(|it| &it.value);
        if let (Some(Origin::Bucket(bucket)), Some(Methods::All)) = (found, behaviour.methods) {
            check.report(
                Diagnostic::error("a CDN only reads its buckets")
                    .at(origin.span, "lets all methods pass")
                    .also(bucket.bucket.span, "a bucket")
                    .hint("Leave out `methods`, or set it to `read`."),
            );
        }
        if let Some(Cache::Own(cache)) = &behaviour.cache {
            if cache.max().seconds == 0 {
                check.report(
                    Diagnostic::error("nothing is kept")
                        .at(cache.span, "the longest time is 0")
                        .hint("Write `cache: disabled`."),
                );
            }
            let OwnCache { ttl, min, max: _, query: _, headers: _, cookies: _ } = &cache.value;
            if ttl.value < min.value || ttl.value > cache.max() || min.value > cache.max() {
                check.report(
                    Diagnostic::error("the usual time must be between the least and the most")
                        .at(ttl.span, format!("`{ttl}`"))
                        .also(cache.span, format!("between `{min}` and `{}`", cache.max())),
                );
            }
        }
    }
}
