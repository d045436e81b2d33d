//! A secret value that a property takes: in a spec only the reference to it, as CloudFormation writes its dynamic
//! references, `{{resolve:secretsmanager:shop/cache:SecretString:token}}`. The value is fetched inside the effect that
//! sends it, and nothing else ever sees it.
//!
//! Compared is the reference. A value that changes in the secret is not noticed; naming another secret, key, stage or
//! version is.

use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::cloud::Cx;
use crate::fault::{Class, Fault};
use crate::kind::reference;

/// `{{resolve:secretsmanager:<id>:SecretString:<key>:<stage>:<version>}}`: the id is a name or an ARN; key, stage and
/// version may be left out. Without a key the whole value is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(super) struct SecretReference(String);

/// A fetched value on its way into a call. Nothing can show it.
pub(super) struct Resolved(String);

/// The parts of a reference.
#[derive(Debug, PartialEq, Eq)]
struct Parts<'a> {
    id: &'a str,
    key: Option<&'a str>,
    stage: Option<&'a str>,
    version: Option<&'a str>,
}

const SHAPE: &str = "expected a reference to a secret, \
     `{{resolve:secretsmanager:<name or ARN>:SecretString:<json key>}}`: a value in clear may not stand in a blueprint";

impl SecretReference {
    /// The value that it stands for now.
    pub(super) async fn resolve(&self, cx: &Cx) -> Result<Resolved, Fault> {
        let parts = parts(&self.0).ok_or_else(|| Fault::new(Class::Invalid, SHAPE))?;
        let reply = cx
            .secrets
            .get_secret_value()
            .secret_id(parts.id)
            .set_version_stage(parts.stage.map(Into::into))
            .set_version_id(parts.version.map(Into::into))
            .send()
            .await?;
        let text = reply.secret_string().unwrap_or_default();
        picked(text, &parts).map_err(|wrong| Fault::new(Class::Invalid, wrong))
    }
}

impl<'de> Deserialize<'de> for SecretReference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What was written instead is not repeated: it may be the secret.
        let text = String::deserialize(deserializer).map_err(|_| D::Error::custom(SHAPE))?;
        if reference::is_masked(&text) || parts(&text).is_some() {
            Ok(Self(text))
        } else {
            Err(D::Error::custom(SHAPE))
        }
    }
}

impl Resolved {
    pub(super) fn reveal(&self) -> String {
        self.0.clone()
    }
}

impl fmt::Debug for Resolved {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Resolved(..)")
    }
}

fn parts(text: &str) -> Option<Parts<'_>> {
    let inner = text.strip_prefix("{{resolve:secretsmanager:")?.strip_suffix("}}")?;
    // The id of an ARN has colons of its own, and none of what follows it has.
    let (id, rest) = inner.split_once(":SecretString").unwrap_or((inner, ""));
    let colons = if id.starts_with("arn:") { 6 } else { 0 };
    let mut rest = match rest.strip_prefix(':') {
        Some(rest) => rest.split(':'),
        None if rest.is_empty() => "".split(':'),
        None => return None,
    };
    let mut next = || rest.next().filter(|part| !part.is_empty());
    let parts = Parts { id, key: next(), stage: next(), version: next() };
    let whole = !id.is_empty() && id.matches(':').count() == colons && rest.next().is_none();
    whole.then_some(parts)
}

/// The part of a secret's text that a reference means.
fn picked(text: &str, parts: &Parts<'_>) -> Result<Resolved, String> {
    let Some(key) = parts.key else { return Ok(Resolved(text.into())) };
    // The error of the parser would quote the secret.
    let value: Value = serde_json::from_str(text)
        .map_err(|_| format!("the value of secret `{}` is not JSON", parts.id))?;
    match value.get(key) {
        Some(Value::String(value)) => Ok(Resolved(value.clone())),
        Some(Value::Number(value)) => Ok(Resolved(value.to_string())),
        _ => Err(format!("the value of secret `{}` has no text under key `{key}`", parts.id)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn a_reference_names_a_secret_and_a_part_of_it() {
        let none = Parts { id: "shop/cache", key: None, stage: None, version: None };
        assert_eq!(parts("{{resolve:secretsmanager:shop/cache}}"), Some(none));
        let arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:cache-a1b2c3";
        let text = format!("{{{{resolve:secretsmanager:{arn}:SecretString:token::v-1}}}}");
        let full = Parts { id: arn, key: Some("token"), stage: None, version: Some("v-1") };
        assert_eq!(parts(&text), Some(full));
        let staged =
            parts("{{resolve:secretsmanager:shop/cache:SecretString:token:AWSPREVIOUS}}").unwrap();
        assert_eq!((staged.key, staged.stage), (Some("token"), Some("AWSPREVIOUS")));
    }

    #[test]
    fn a_value_in_clear_is_refused_and_not_repeated() {
        for text in [
            "correct horse battery",
            "{{resolve:ssm:cache}}",
            "{{resolve:secretsmanager:}}",
            "{{resolve:secretsmanager:a:SecretBinary:b}}",
            "{{resolve:secretsmanager:a:SecretString:b:c:d:e}}",
        ] {
            let error = from_value::<SecretReference>(json!(text)).unwrap_err().to_string();
            assert!(error.contains("expected a reference") && !error.contains(text), "{error}");
        }
        let error = from_value::<SecretReference>(json!({"a": "horse"})).unwrap_err().to_string();
        assert!(!error.contains("horse"), "{error}");
        assert!(from_value::<SecretReference>(json!("\u{0}0")).is_ok(), "still open");
    }

    #[test]
    fn the_value_is_the_text_or_a_member_of_it_and_never_shown() {
        let of = |key| Parts { id: "cache", key, stage: None, version: None };
        assert_eq!(picked("plain", &of(None)).unwrap().reveal(), "plain");
        let text = r#"{"token": "horse", "port": 6379, "deep": {}}"#;
        assert_eq!(picked(text, &of(Some("token"))).unwrap().reveal(), "horse");
        assert_eq!(picked(text, &of(Some("port"))).unwrap().reveal(), "6379");
        assert_eq!(
            picked(text, &of(Some("deep"))).unwrap_err(),
            "the value of secret `cache` has no text under key `deep`"
        );
        assert!(!picked("horse", &of(Some("a"))).unwrap_err().contains("horse"));
        assert_eq!(format!("{:?}", picked(text, &of(Some("token"))).unwrap()), "Resolved(..)");
    }
}
