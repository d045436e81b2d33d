//! Structures inside properties, as CloudFormation writes them.

/// A structure of CloudFormation's: names in Pascal case, unknown members refused. What stands before the semicolon is
/// required, what follows may be absent.
macro_rules! properties {
    ($(#[$of_all:meta])* $name:ident {
        $($(#[$of_required:meta])* $required:ident: $type:ty,)*
        ;
        $($(#[$of_optional:meta])* $optional:ident: $maybe:ty,)*
    }) => {
        $(#[$of_all])*
        #[allow(clippy::struct_field_names, reason = "CloudFormation's names")]
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        pub(super) struct $name {
            $($(#[$of_required])* pub(super) $required: $type,)*
            $(
                $(#[$of_optional])*
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub(super) $optional: Option<$maybe>,
            )*
        }
    };
}

pub(super) use properties;
