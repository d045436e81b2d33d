use std::fmt;
use std::str::FromStr;

use ipnet::Ipv4Net;

use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::bounded::whole_number;
use crate::blueprint::value::{Int, characters, ensure, word};

/// A TCP port.
pub type Port = Int<1, 65535>;

/// A range of IPv4 addresses without host bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cidr(Ipv4Net);

impl Cidr {
    /// All of the internet.
    pub const ANYWHERE: Self = Self(Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0));

    pub fn net(self) -> Ipv4Net {
        self.0
    }

    pub fn prefix(self) -> u8 {
        self.0.prefix_len()
    }

    pub fn contains(self, other: Cidr) -> bool {
        self.0.contains(&other.0)
    }

    /// Two ranges overlap exactly if one contains the other.
    pub fn overlaps(self, other: Cidr) -> bool {
        self.contains(other) || other.contains(self)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Cidr {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.parse::<std::net::Ipv4Addr>().is_ok() {
            return Err(Invalid::new("a prefix length is missing")
                .hint(format!("Write `{text}/32` for this one address.")));
        }
        if text.contains(':') {
            return Err(Invalid::new("only IPv4 ranges are supported"));
        }
        let net: Ipv4Net = text.parse().map_err(|_| Invalid::new("not an IPv4 range"))?;
        if net.to_string() != text {
            return Err(Invalid::new("a number starts with a zero")
                .hint(format!("Write `{net}`: some tools read a leading zero as octal.")));
        }
        if net != net.trunc() {
            return Err(Invalid::new("has bits set beyond its prefix")
                .hint(format!("The range that contains it is `{}`.", net.trunc())));
        }
        Ok(Self(net))
    }
}

impl Word for Cidr {
    fn shape() -> Shape {
        Shape::word("an address range", &["10.0.0.0/16"])
    }

    fn pattern() -> Option<String> {
        let octet = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";
        Some(format!(r"^{octet}(\.{octet}){{3}}/(3[0-2]|[12]?[0-9])$"))
    }
}

word! {
    /// A domain name in lower case without a final dot; `*` may stand for its first label.
    pub struct DomainName(
        "a domain name", ["api.example.com"], check_domain,
        format!(r"(?!.{{254}})(\*|{LABEL})(\.{LABEL})+")
    );
}

impl DomainName {
    /// Whether a certificate for this name, which may have a wildcard, is one for the other.
    pub fn covers(&self, other: &DomainName) -> bool {
        let rest = |name: &DomainName| name.0.split_once('.').map(|(_, rest)| rest.to_owned());
        self == other || (self.is_wildcard() && rest(self) == rest(other))
    }

    /// Whether this is the other name or one below it.
    pub fn is_within(&self, zone: &DomainName) -> bool {
        self.as_str()
            .strip_suffix(zone.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }

    pub fn is_wildcard(&self) -> bool {
        self.as_str().starts_with("*.")
    }
}

fn check_domain(text: &str) -> Result<(), Invalid> {
    if let Some(rest) = text.strip_suffix('.') {
        return Err(Invalid::new("ends with a dot").hint(format!("Write `{rest}`.")));
    }
    ensure(text.len() <= 253, "is longer than 253 characters")?;
    ensure(text.contains('.'), "needs at least two labels")?;
    if text.chars().any(|c| c.is_ascii_uppercase()) {
        let lower = text.to_lowercase();
        return Err(Invalid::new("has upper-case letters").hint(format!("Write `{lower}`.")));
    }
    let labels = text.strip_prefix("*.").unwrap_or(text);
    labels.split('.').try_for_each(check_label)
}

/// What [`check_label`] accepts.
const LABEL: &str = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";

fn check_label(label: &str) -> Result<(), Invalid> {
    ensure(!label.is_empty(), "has an empty label")?;
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    characters(label, 1, 63, allowed, "letters, digits, hyphens and underscores")?;
    ensure(!label.starts_with('-') && !label.ends_with('-'), "a label begins or ends with a hyphen")
}

word! {
    /// The name of a DNS record relative to its zone; `@` is the zone itself.
    pub struct RecordName("a record name", ["@", "api", "*.dev"], |text| match text {
        "@" | "*" => Ok(()),
        _ => text.strip_prefix("*.").unwrap_or(text).split('.').try_for_each(check_label),
    }, format!(r"@|(\*|{LABEL})(\.{LABEL})*"));
}

impl RecordName {
    /// The full name in a zone.
    pub fn within(&self, zone: &DomainName) -> DomainName {
        match self.as_str() {
            "@" => zone.clone(),
            name => DomainName(format!("{name}.{zone}")),
        }
    }
}

word! {
    /// The path of a URL.
    pub struct HttpPath("a path", ["/health"], |text| {
        ensure(text.starts_with('/'), "must start with `/`")?;
        let allowed = |c: char| c.is_ascii_graphic();
        characters(text, 1, 1024, allowed, "printable ASCII characters without spaces")
    }, "/[!-~]{0,1023}");
}

word! {
    /// A pattern for paths of URLs: `*` stands for any characters, `?` for one.
    pub struct PathPattern("a path pattern", ["/api/*", "/login"], |text| {
        ensure(text.starts_with(['/', '*']), "must start with `/` or `*`")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.$/~\"'@:+&*?".contains(c);
        characters(text, 1, 128, allowed, "letters, digits and `_-.$/~\"'@:+&*?`")
    });
}

impl PathPattern {
    /// How exactly it says which paths are meant: whether it names one, and the characters before
    /// its first wildcard.
    pub fn precision(&self) -> (bool, usize) {
        let literal = self.0.find(['*', '?']);
        (literal.is_none(), literal.unwrap_or(self.0.len()))
    }
}

/// Whether a path is another one, or below it.
pub fn is_path_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

word! {
    /// The name of a claim of a token (JWT).
    pub struct ClaimName("the name of a claim", ["role", "scope"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:/".contains(c);
        characters(text, 1, 128, allowed, "letters, digits and `_-.:/`")
    });
}

word! {
    /// The object that is answered for `/`, without a slash at its beginning.
    pub struct RootObject("an object", ["index.html"], |text| {
        if let Some(rest) = text.strip_prefix('/') {
            return Err(Invalid::new("begins with a slash").hint(format!("Write `{rest}`.")));
        }
        let allowed = |c: char| c.is_ascii_graphic();
        characters(text, 1, 255, allowed, "printable ASCII characters without spaces")
    });
}

word! {
    /// The name of an HTTP header, which case does not tell apart.
    pub struct HeaderName("a header", ["authorization", "x-api-key"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        characters(text, 1, 64, allowed, "lower-case letters, digits, `-` and `_`")
    });
}

word! {
    /// A pattern for host names: `*` stands for any characters, `?` for one.
    pub struct HostPattern("a host pattern", ["api.example.com", "*.example.com"], |text| {
        ensure(text.contains('.'), "needs at least two labels")?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.*?".contains(c);
        characters(text, 1, 128, allowed, "lower-case letters, digits, `-`, `.`, `*` and `?`")
    });
}

word! {
    /// The HTTP status codes that count as healthy: codes and ranges, separated by commas.
    pub struct StatusCodes("a list of status codes", ["200", "200-299", "200,204"], |text| {
        let code = |text: &str| whole_number(text).ok().filter(|it| (200..=499).contains(it));
        let valid = text.split(',').all(|part| match part.split_once('-') {
            Some((from, to)) => code(from).zip(code(to)).is_some_and(|(from, to)| from <= to),
            None => code(part).is_some(),
        });
        ensure(valid, "must be codes or ranges between 200 and 499")
    }, "[2-4][0-9][0-9](-[2-4][0-9][0-9])?(,[2-4][0-9][0-9](-[2-4][0-9][0-9])?)*");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    #[test]
    fn address_ranges() {
        assert_round_trip::<Cidr>("10.0.0.0/16");
        assert_eq!("0.0.0.0/0".parse(), Ok(Cidr::ANYWHERE));
        for bad in [
            "",
            "10.0.0.0",
            "10.0.0.0/33",
            "10.0.1.0/16",
            "::/0",
            "10.0.0/8",
            "010.0.0.0/16",
            "10.0.0.0/08",
        ] {
            assert!(bad.parse::<Cidr>().is_err(), "{bad}");
        }
        let cidr = |text: &str| text.parse::<Cidr>().unwrap();
        assert!(cidr("10.0.0.0/16").overlaps(cidr("10.0.1.0/24")));
        assert!(!cidr("10.0.0.0/24").overlaps(cidr("10.0.1.0/24")));
    }

    #[test]
    fn domain_names() {
        let zone: DomainName = "example.com".parse().unwrap();
        let within = |text: &str| text.parse::<DomainName>().unwrap().is_within(&zone);
        assert!(within("example.com") && within("a.b.example.com") && within("*.example.com"));
        assert!(!within("badexample.com") && !within("example.org"));
        for bad in ["", "com", "a..b", "A.com", "-a.com", "a.com.", "a b.com", "a.*.com"] {
            assert!(bad.parse::<DomainName>().is_err(), "{bad}");
        }
        let record: RecordName = "api".parse().unwrap();
        assert_eq!(record.within(&zone).as_str(), "api.example.com");
        assert_eq!("@".parse::<RecordName>().unwrap().within(&zone), zone);
    }

    #[test]
    fn status_codes() {
        for good in ["200", "200-299", "200,202-204"] {
            assert!(good.parse::<StatusCodes>().is_ok(), "{good}");
        }
        for bad in ["", "99", "200-", "299-200", "200;201", "+200", "0200"] {
            assert!(bad.parse::<StatusCodes>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ranges_round_trip(address: u32, prefix in 0u8..=32) {
            let net = Ipv4Net::new(address.into(), prefix).unwrap().trunc();
            prop_assert_eq!(net.to_string().parse(), Ok(Cidr(net)));
        }

        #[test]
        fn nothing_panics(text in ".{0,24}") {
            let _ = text.parse::<Cidr>();
            let _ = text.parse::<DomainName>();
            let _ = text.parse::<RecordName>();
            let _ = text.parse::<HttpPath>();
            let _ = text.parse::<StatusCodes>();
            let _ = text.parse::<PathPattern>().map(|it| it.precision());
            let _ = text.parse::<HostPattern>();
        }
    }
}
