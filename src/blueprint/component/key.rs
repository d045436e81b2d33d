//! `keys`: encryption keys of KMS, each with an alias.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{Days, Name, OrNone, RoleArn};
use crate::source::{Span, Spanned};

schema! {
    /// A symmetric key. The services of the components that use it may use it for them.
    pub struct Key("a key") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// How often KMS replaces the key's material; `none` for never.
        pub rotation: OrNone<Days<90, 2560>> = "365d",
        /// How long a deleted key can be restored.
        pub pending_window: Days<7, 30> = "30d",
        /// Who may administer the key beside the account's administrators.
        pub administrators: Vec<Spanned<RoleArn>>,
    }
}

impl Component for Key {
    const TYPE: ComponentType = ComponentType::Key;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, _check: &mut Check<'_>) {}
}
