//! The storage class of volumes of EBS.

use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::value::Name;
use crate::source::{Span, Spanned};

schema! {
    /// A storage class of encrypted gp3 volumes.
    pub struct VolumeClass("a storage class") {
        /// Its name.
        pub name: Spanned<Name> = "gp3",
        /// Whether claims that name no class get one of these volumes.
        pub default: bool = "true",
        /// Whether a volume goes with its claim.
        pub reclaim: ReclaimPolicy = "delete",
    }
}

schema! {
    /// What becomes of a volume when its claim is gone.
    pub enum ReclaimPolicy {
        /// It goes too.
        Delete = "delete",
        /// It stays.
        Retain = "retain",
    }
}

impl VolumeClass {
    #[expect(clippy::unused_self, reason = "as all components")]
    pub(super) fn check(&self, at: Span, check: &mut Check<'_>) {
        check.needs_volumes("a storage class", at, "");
    }
}
