//! Keys that encrypt data, made and wrapped by KMS: whoever may not use the KMS key cannot unwrap them.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use futures::future::BoxFuture;
use zeroize::Zeroizing;

use crate::cloud::{Aws, Cx};
use crate::fault::{Fault, Required as _};

/// A fresh key for data: 256 bits.
#[derive(Debug)]
pub struct DataKey {
    pub plain: SecretBytes,
    /// The same, encrypted by KMS: what may be stored.
    pub wrapped: Vec<u8>,
    /// The ARN of the KMS key that wrapped it.
    pub key: String,
}

/// Bytes that nobody may see: wiped when they are dropped, and no text in logs.
pub struct SecretBytes(pub Zeroizing<Vec<u8>>);

/// What a data key is for. KMS unwraps it for the same words alone, and writes them into CloudTrail.
pub type Context = BTreeMap<String, String>;

/// A service that wraps data keys.
pub trait KeyService: Send + Sync {
    /// Makes a data key. `key` is the id, ARN or alias of a KMS key.
    fn generate<'a>(
        &'a self,
        key: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<DataKey, Fault>>;

    /// Unwraps a data key that the KMS key of this ARN wrapped.
    fn unwrap<'a>(
        &'a self,
        key: &'a str,
        wrapped: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<SecretBytes, Fault>>;
}

impl KeyService for Aws {
    fn generate<'a>(
        &'a self,
        key: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<DataKey, Fault>> {
        Box::pin(async move { generate(&self.of_key(key), key, context).await })
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a str,
        wrapped: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<SecretBytes, Fault>> {
        Box::pin(async move { unwrap(&self.of_key(key), key, wrapped, context).await })
    }
}

impl Aws {
    /// The clients of the region that an ARN names; those of our own region for an id or an alias.
    fn of_key(&self, key: &str) -> Arc<Cx> {
        self.region(region_of(key).unwrap_or_else(|| self.home()))
    }
}

async fn generate(cx: &Cx, key: &str, context: &Context) -> Result<DataKey, Fault> {
    let generate = cx.kms.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
    let named =
        context.iter().fold(generate, |it, (name, value)| it.encryption_context(name, value));
    let made = named.send().await?;
    Ok(DataKey {
        plain: SecretBytes::of(made.plaintext.required("data key")?),
        wrapped: made.ciphertext_blob.required("wrapped data key")?.into_inner(),
        key: made.key_id.required("key id")?,
    })
}

async fn unwrap(
    cx: &Cx,
    key: &str,
    wrapped: &[u8],
    context: &Context,
) -> Result<SecretBytes, Fault> {
    // The key is named, so that a blob that another key has wrapped is refused.
    let decrypt = cx.kms.decrypt().key_id(key).ciphertext_blob(Blob::new(wrapped));
    let named =
        context.iter().fold(decrypt, |it, (name, value)| it.encryption_context(name, value));
    let answer = named.send().await?;
    Ok(SecretBytes::of(answer.plaintext.required("data key")?))
}

/// The fourth part of `arn:aws:kms:eu-west-1:123456789012:key/…`.
fn region_of(key: &str) -> Option<&str> {
    key.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

impl SecretBytes {
    fn of(blob: Blob) -> Self {
        Self(Zeroizing::new(blob.into_inner()))
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SecretBytes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_the_region_of_its_key() {
        assert_eq!(region_of("arn:aws:kms:eu-west-1:123456789012:key/k-1"), Some("eu-west-1"));
        assert_eq!(region_of("alias/platctl"), None);
    }

    #[test]
    fn secrets_have_no_text() {
        let key = DataKey {
            plain: SecretBytes(Zeroizing::new(vec![1, 2, 3])),
            wrapped: vec![9],
            key: "k".into(),
        };
        assert_eq!(format!("{key:?}"), r#"DataKey { plain: SecretBytes, wrapped: [9], key: "k" }"#);
    }
}
