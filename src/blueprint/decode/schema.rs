//! `schema!`: a mapping or a choice of the language, declared once.

/// Declares a type of the blueprint language and derives from the one declaration how it is
/// decoded, which keys are known, and how it is described.
///
/// A struct is a mapping. The key of a field is its name in camel case; the literal after `=` is
/// its default, written as in a blueprint; a field without one is required unless its type says
/// otherwise (`Option`, `Vec`, `BTreeMap`). The keys of a first member `..name: Type` are those of
/// that type, after the others. An enum is a choice between words.
macro_rules! schema {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident($what:literal) {
            $(..$flat:ident: $flat_type:ty,)?
            $(
                $(#[doc = $field_doc:literal])*
                $field_vis:vis $field:ident: $type:ty $(= $default:literal)?
            ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name {
            $($(#[doc = $field_doc])* $field_vis $field: $type,)*
            $(pub(crate) $flat: $flat_type,)?
        }

        impl $crate::blueprint::decode::Decode for $name {
            fn decode(
                node: &$crate::blueprint::node::Node,
                decoder: &mut $crate::blueprint::decode::Decoder,
            ) -> Option<Self> {
                use $crate::blueprint::decode::DecodeFields;
                let mut fields = decoder.fields(node, $what)?;
                let value = Self::decode_fields(&mut fields, decoder);
                fields.finish(decoder);
                value
            }

            fn shape() -> $crate::blueprint::shape::Shape {
                use $crate::blueprint::decode::DecodeFields;
                use $crate::blueprint::shape::{Shape, Struct};
                Shape::Struct(Struct {
                    name: stringify!($name),
                    doc: concat!($($doc, "\n"),*),
                    fields: Self::field_shapes(),
                })
            }
        }

        impl $crate::blueprint::decode::DecodeFields for $name {
            fn decode_fields(
                fields: &mut $crate::blueprint::decode::Fields<'_>,
                decoder: &mut $crate::blueprint::decode::Decoder,
            ) -> Option<Self> {
                use $crate::blueprint::decode::{key_of, schema};
                $(
                    let default = schema!(@default $($default)?);
                    let $field = fields.field(key_of(stringify!($field)), default, decoder);
                )*
                $(let $flat = <$flat_type>::decode_fields(fields, decoder);)?
                Some(Self { $($field: $field?,)* $($flat: $flat?)? })
            }

            fn field_shapes() -> Vec<$crate::blueprint::shape::Field> {
                use $crate::blueprint::decode::{Decode, key_of, schema};
                use $crate::blueprint::shape::Field;
                let own = vec![$({
                    let default: Option<&'static str> = schema!(@default $($default)?);
                    Field {
                        key: key_of(stringify!($field)),
                        doc: concat!($($field_doc, "\n"),*),
                        shape: <$type as Decode>::shape(),
                        default,
                        required: default.is_none() && <$type as Decode>::absent().is_none(),
                    }
                }),*];
                $(let own = [own, <$flat_type>::field_shapes()].concat();)?
                own
            }
        }
    };

    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident {
            $($(#[doc = $value_doc:literal])* $variant:ident = $word:literal),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        $vis enum $name {
            $($(#[doc = $value_doc])* $variant),*
        }

        impl $name {
            $vis const ALL: &[Self] = &[$(Self::$variant),*];

            /// As it is written.
            $vis const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::blueprint::decode::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|it| it.as_str() == text).copied();
                found.ok_or_else(|| {
                    let known = Self::ALL.iter().map(|it| it.as_str());
                    let otherwise = "not one of the known values";
                    $crate::blueprint::decode::Invalid::unknown(text, known, otherwise)
                })
            }
        }

        impl $crate::blueprint::decode::Word for $name {
            fn shape() -> $crate::blueprint::shape::Shape {
                $crate::blueprint::shape::Shape::Choice {
                    name: stringify!($name),
                    doc: concat!($($doc, "\n"),*),
                    values: vec![$($crate::blueprint::shape::Choice {
                        value: $word,
                        doc: concat!($($value_doc, "\n"),*),
                    }),*],
                }
            }
        }
    };

    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

pub(crate) use schema;

/// The key of a field: `multi_az` → `multiAz`.
pub(crate) fn key_of(field: &str) -> String {
    let mut words = field.trim_start_matches("r#").split('_');
    let mut key = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        key.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        key.push_str(letters.as_str());
    }
    key
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn keys_are_camel_case() {
        assert_eq!(key_of("multi_az"), "multiAz");
        assert_eq!(key_of("r#type"), "type");
        assert_eq!(key_of("name"), "name");
    }
}
