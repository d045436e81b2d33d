//! `secrets`: secrets of Secrets Manager. Their values are never in a blueprint.

use std::collections::BTreeMap;

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{Arn, Days, Int, Name, OrNone};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A secret, generated or to be filled in by somebody.
    pub struct Secret("a secret") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// Lets Secrets Manager make up the first value; if absent, somebody puts it there.
        pub generate: Option<Generate>,
        /// The key that encrypts it; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// How long a deleted secret can be restored; `none` deletes at once.
        pub recovery: OrNone<Days<7, 30>> = "30d",
        /// Replaces the value regularly.
        pub rotation: Option<Rotation>,
    }
}

schema! {
    /// How the first value is made.
    pub struct Generate("a generated value") {
        /// How many characters.
        pub length: Int<8, 4096> = "32",
        /// Characters that must not occur.
        pub exclude: Option<Spanned<String>>,
        /// Uses letters and digits only.
        pub alphanumeric: bool = "false",
        /// Makes the value a JSON object with the generated text at this key.
        pub json_key: Option<Spanned<String>>,
        /// The other entries of that object, none of them secret.
        pub template: Spanned<BTreeMap<JsonKey, String>> = "{}",
    }
}

crate::blueprint::value::word! {
    /// A key of a JSON object.
    pub struct JsonKey("a key of a JSON object", ["username"], |text| {
        if text.is_empty() {
            return Err(crate::blueprint::decode::Invalid::new("is empty"));
        }
        Ok(())
    });
}

schema! {
    /// Replaces the value regularly.
    pub struct Rotation("a rotation") {
        /// How often.
        pub every: Days<1, 1000>,
        /// The Lambda function that does it.
        pub lambda: Spanned<Arn>,
    }
}

impl Component for Secret {
    const TYPE: ComponentType = ComponentType::Secret;
    type Name = Name;

    fn check(&self, _name: &Name, _at: Span, check: &mut Check<'_>) {
        if let Some(Rotation { every: _, lambda }) = &self.rotation
            && lambda.service() != "lambda"
        {
            check.report(
                Diagnostic::error(format!("`{lambda}` is not a Lambda function"))
                    .at(lambda.span, format!("an ARN of {}", lambda.service())),
            );
        }
        if let Some(Generate { json_key, template, length: _, exclude: _, alphanumeric: _ }) =
            &self.generate
        {
            match json_key {
                None if !template.is_empty() => check.report(
                    Diagnostic::error("the template has no place for the generated text")
                        .at(template.span, "`jsonKey` is missing beside it")
                        .hint("Name the key of the generated text, as in `jsonKey: password`."),
                ),
                Some(key) if template.keys().any(|it| it.as_str() == key.value) => check.report(
                    Diagnostic::error(format!("`{key}` is generated and in the template"))
                        .at(key.span, "to be generated")
                        .also(template.span, "has it too"),
                ),
                None | Some(_) => {}
            }
        }
    }
}
