//! The code of a Lambda function: where it is, or what it is.

use aws_sdk_lambda::types::FunctionCode;
use aws_smithy_types::{Blob, base64};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::zip;
use crate::fault::{Class, Fault};

/// As CloudFormation writes it, and the hash by which deployed code is compared.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Code {
    #[serde(rename = "CodeSha256", skip_serializing_if = "Option::is_none")]
    pub(super) sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image_uri: Option<String>,
    #[serde(rename = "S3Bucket", skip_serializing_if = "Option::is_none")]
    pub(super) s3_bucket: Option<String>,
    #[serde(rename = "S3Key", skip_serializing_if = "Option::is_none")]
    pub(super) s3_key: Option<String>,
    #[serde(rename = "S3ObjectVersion", skip_serializing_if = "Option::is_none")]
    pub(super) s3_object_version: Option<String>,
    #[serde(rename = "SourceKMSKeyArn", skip_serializing_if = "Option::is_none")]
    pub(super) source_kms_key_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) zip_file: Option<String>,
}

impl Code {
    /// Adds the hash of inline code, which only we can know before it is deployed.
    pub(super) fn hash(&mut self, runtime: Option<&str>) {
        // An open reference is no code yet.
        let known = self.zip_file.as_ref().is_some_and(|text| !text.contains('\0'));
        if let (true, Ok(Some(archive))) = (known, self.archive(runtime)) {
            self.sha256 = Some(base64::encode(Sha256::digest(archive)));
        }
    }

    /// Inline code in a zip archive, as the file in which CloudFormation puts it; `None` without inline code.
    pub(super) fn archive(&self, runtime: Option<&str>) -> Result<Option<Vec<u8>>, Fault> {
        let Some(text) = &self.zip_file else { return Ok(None) };
        let runtime = runtime.unwrap_or_default();
        let file = [("nodejs", "index.js"), ("python", "index.py")]
            .into_iter()
            .find_map(|(language, file)| runtime.starts_with(language).then_some(file));
        let refused = |message: &str| Fault::new(Class::Invalid, message);
        let file = file.ok_or_else(|| {
            refused("`ZipFile` holds code for a `Runtime` of Node.js or Python; name an object in S3 instead")
        })?;
        let archive = zip::of_one_file(file, text.as_bytes());
        archive.map(Some).ok_or_else(|| refused("the code is too long for a zip archive"))
    }

    /// As the create call takes it.
    pub(super) fn wire(&self, runtime: Option<&str>) -> Result<FunctionCode, Fault> {
        Ok(FunctionCode::builder()
            .set_image_uri(self.image_uri.clone())
            .set_s3_bucket(self.s3_bucket.clone())
            .set_s3_key(self.s3_key.clone())
            .set_s3_object_version(self.s3_object_version.clone())
            .set_source_kms_key_arn(self.source_kms_key_arn.clone())
            .set_zip_file(self.archive(runtime)?.map(Blob::new))
            .build())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(value: serde_json::Value) -> Code {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn inline_code_is_known_by_its_hash() {
        let mut inline = code(json!({"ZipFile": "pass"}));
        inline.hash(Some("python3.13"));
        let python = inline.sha256.clone().unwrap();
        assert_eq!(python.len(), 44, "256 bits in base64");
        inline.hash(Some("python3.14"));
        assert_eq!(inline.sha256.as_ref(), Some(&python), "it depends on the language only");
        inline.hash(Some("nodejs22.x"));
        assert_ne!(inline.sha256.as_ref(), Some(&python));
    }

    #[test]
    fn other_code_has_the_hash_that_it_is_given() {
        let mut stored = code(json!({"S3Bucket": "b", "S3Key": "k", "CodeSha256": "given"}));
        stored.hash(Some("python3.13"));
        assert_eq!(stored.sha256.as_deref(), Some("given"));
        let mut open = code(json!({"ZipFile": "\0open"}));
        open.hash(Some("python3.13"));
        assert_eq!(open.sha256, None);
        let compiled = code(json!({"ZipFile": "main"})).archive(Some("provided.al2023"));
        assert_eq!(compiled.unwrap_err().class, Class::Invalid);
    }
}
