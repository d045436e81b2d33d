//! `certificates`: public certificates of ACM, validated by DNS records that platctl makes.

use super::Component;
use super::dns::Zone;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{DomainName, Name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A TLS certificate that ACM issues and renews.
    pub struct Certificate("a certificate") {
        /// The domain name; `*` may stand for its first label.
        pub domain: Spanned<DomainName>,
        /// Further domain names.
        pub alternatives: Vec<Spanned<DomainName>>,
        /// The zone in which ownership of the names is proved.
        pub zone: Spanned<Link<Zone>>,
        /// The kind of its key.
        pub key_algorithm: KeyAlgorithm = "RSA_2048",
    }
}

schema! {
    /// The kind of a certificate's key.
    pub enum KeyAlgorithm {
        /// RSA with 2048 bits.
        Rsa2048 = "RSA_2048",
        /// The elliptic curve P-256.
        EcPrime256v1 = "EC_prime256v1",
        /// The elliptic curve P-384.
        EcSecp384r1 = "EC_secp384r1",
    }
}

impl Certificate {
    /// All its names, the main one first.
    pub fn names(&self) -> impl Iterator<Item = &Spanned<DomainName>> {
        std::iter::once(&self.domain).chain(&self.alternatives)
    }

    /// Whether it proves this name.
    pub fn is_for(&self, name: &DomainName) -> bool {
        self.names().any(|own| own.covers(name))
    }
}

impl Component for Certificate {
    const TYPE: ComponentType = ComponentType::Certificate;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, check: &mut Check<'_>) {
        let zone = &self.zone.name;
        for name in self.names().filter(|name| !name.is_within(zone)) {
            check.report(
                Diagnostic::error(format!("`{name}` is not in zone `{zone}`"))
                    .at(name.span, "cannot be validated there")
                    .also(self.zone.span, "the zone"),
            );
        }
        let names: Vec<_> = self.names().collect();
        for (at, name) in names.iter().enumerate() {
            if let Some(first) = names[..at].iter().find(|it| it.value == name.value) {
                check.report(
                    Diagnostic::error(format!("the certificate has `{name}` twice"))
                        .at(name.span, "named again")
                        .also(first.span, "first named here"),
                );
            }
        }
        if let Some(zone) = check.zone(zone).filter(|zone| zone.private.value) {
            check.report(
                Diagnostic::error("ACM cannot see the records of a private zone")
                    .at(self.zone.span, "is private")
                    .also(zone.private.span, "made private here"),
            );
        }
    }
}
