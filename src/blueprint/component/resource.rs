//! `resources`: resources of any kind, in CloudFormation's words, for what no component stands for.

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::{KindName, Name, Properties, Region, ResourceAddress};
use crate::source::{Span, Spanned};

schema! {
    /// A resource by its CloudFormation type and properties.
    pub struct Resource("a resource") {
        /// The CloudFormation type.
        pub r#type: Spanned<KindName>,
        /// Its properties, with CloudFormation's names. `{Fn::GetAtt: [ADDRESS, OUTPUT]}` refers to another resource.
        pub properties: Spanned<Properties> = "{}",
        /// The region that it stands in, if it is another than the blueprint's.
        pub region: Option<Spanned<Region>>,
        /// Resources that must work before it is made, though it does not refer to them.
        pub after: Vec<Spanned<ResourceAddress>>,
        /// What its deletion leaves.
        pub on_delete: OnDelete = "delete",
    }
}

schema! {
    /// What the deletion of a resource leaves.
    pub enum OnDelete {
        /// Nothing.
        Delete = "delete",
        /// What the service offers: a final snapshot, a recovery window.
        Snapshot = "snapshot",
        /// The resource itself: only its record goes, and a blueprint that has it again takes it over.
        Retain = "retain",
    }
}

impl Component for Resource {
    const TYPE: ComponentType = ComponentType::Resource;
    type Name = Name;

    // What kinds and properties there are, the graph knows.
    fn check(&self, _name: &Name, _at: Span, _check: &mut Check<'_>) {}
}
