//! `keys`: encryption keys of KMS, each with an alias.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{Duration, Name, OrNone, RoleArn};
use crate::source::{Span, Spanned};

schema! {
    /// A symmetric key. The services of the components that use it may use it for them.
    pub struct Key("a key") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// How often KMS replaces the key's material, 90 to 2560 days; `none` for never.
        pub rotation: Spanned<OrNone<Duration>> = "365d",
        /// How long a deleted key can be restored, 7 to 30 days.
        pub pending_window: Spanned<Duration> = "30d",
        /// Who may administer the key beside the account's administrators.
        pub administrators: Vec<Spanned<RoleArn>>,
    }
}

impl Component for Key {
    const TYPE: ComponentType = ComponentType::Key;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, check: &mut Check<'_>) {
        if let OrNone::Some(rotation) = self.rotation.value {
            let rotation = Spanned::new(rotation, self.rotation.span);
            check.whole_days(&rotation, 90, 2560, "the rotation of a key");
        }
        check.whole_days(&self.pending_window, 7, 30, "the pending window of a key");
    }
}
