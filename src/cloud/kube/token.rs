//! Tokens for EKS: a request to STS for who the caller is, presigned and in base64. The cluster sends it to STS, and
//! believes the answer. The header `x-k8s-aws-id`, which is signed too, says for which cluster it is.
//!
//! Source: "Kubernetes IAM authenticator" (aws-iam-authenticator, its documented format of tokens), and `aws eks
//! get-token`, whose token is the same but for the time.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_types::base64;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::fault::{Class, Fault};

const PREFIX: &str = "k8s-aws-v1.";
const CLUSTER_HEADER: &str = "x-k8s-aws-id";
/// STS takes the request for so long; the cluster takes the token for 15 minutes after its date.
const EXPIRES: Duration = Duration::from_mins(1);
/// A new one is made in good time before that.
const LIFE: Duration = Duration::from_mins(12);

/// The tokens for a cluster, one after the other.
pub(super) struct Tokens {
    credentials: SharedCredentialsProvider,
    region: String,
    url: String,
    cluster: String,
    current: Mutex<Option<(String, Instant)>>,
}

impl Tokens {
    /// `arn` is that of the cluster: its partition decides where STS is.
    pub(super) fn new(
        credentials: SharedCredentialsProvider,
        region: &str,
        arn: &str,
        cluster: &str,
    ) -> Self {
        let suffix = match arn.split(':').nth(1) {
            Some("aws-cn") => "amazonaws.com.cn",
            _ => "amazonaws.com",
        };
        let url =
            format!("https://sts.{region}.{suffix}/?Action=GetCallerIdentity&Version=2011-06-15");
        let (region, cluster) = (region.into(), cluster.into());
        Self { credentials, region, url, cluster, current: Mutex::default() }
    }

    /// A token that is good for some minutes.
    pub(super) async fn current(&self) -> Result<String, Fault> {
        let mut current = self.current.lock().await;
        if let Some((token, made)) = &*current
            && made.elapsed() < LIFE
        {
            return Ok(token.clone());
        }
        let credentials = self
            .credentials
            .provide_credentials()
            .await
            .map_err(|error| Fault::new(Class::Credentials, super::fault::chain(&error)))?;
        let token = self.token(credentials.into(), SystemTime::now())?;
        *current = Some((token.clone(), Instant::now()));
        Ok(token)
    }

    fn token(&self, identity: Identity, now: SystemTime) -> Result<String, Fault> {
        let failed = |error: &dyn std::fmt::Display| Fault::bug(format!("token: {error}"));
        let mut settings = SigningSettings::default();
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(EXPIRES);
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("sts")
            .time(now)
            .settings(settings)
            .build()
            .map_err(|error| failed(&error))?;
        let headers = [(CLUSTER_HEADER, self.cluster.as_str())].into_iter();
        let body = SignableBody::Bytes(&[]);
        let request = SignableRequest::new("GET", &self.url, headers, body);
        let request = request.map_err(|error| failed(&error))?;
        let signed = sign(request, &params.into()).map_err(|error| failed(&error))?;
        let (instructions, _) = signed.into_parts();
        let mut presigned =
            http::Request::builder().uri(&self.url).body(()).map_err(|error| failed(&error))?;
        instructions.apply_to_request_http1x(&mut presigned);
        let url = base64::encode(presigned.uri().to_string());
        Ok(format!("{PREFIX}{}", url.trim_end_matches('=').replace('+', "-").replace('/', "_")))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use aws_credential_types::Credentials;

    use super::*;

    #[test]
    fn a_token_is_what_the_command_line_of_aws_makes() {
        let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "secret", None, None, "test");
        let provider = SharedCredentialsProvider::new(credentials.clone());
        let arn = "arn:aws:eks:eu-west-1:123456789012:cluster/shop";
        let tokens = Tokens::new(provider, "eu-west-1", arn, "shop");
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let token = tokens.token(credentials.into(), now).unwrap();
        let encoded = token.strip_prefix("k8s-aws-v1.").unwrap();
        let mut padded = encoded.replace('-', "+").replace('_', "/");
        while !padded.len().is_multiple_of(4) {
            padded.push('=');
        }
        let url = String::from_utf8(base64::decode(padded).unwrap()).unwrap();
        let (host, query) = url.split_once('?').unwrap();
        assert_eq!(host, "https://sts.eu-west-1.amazonaws.com/");
        let mut parts: Vec<&str> = query.split('&').collect();
        parts.sort_unstable();
        // As botocore's `SigV4QueryAuth` signs it with the same credentials, header and time.
        let expected = [
            "Action=GetCallerIdentity",
            "Version=2011-06-15",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20231114%2Feu-west-1%2Fsts%2Faws4_request",
            "X-Amz-Date=20231114T221320Z",
            "X-Amz-Expires=60",
            "X-Amz-Signature=dd24115bfc3284aa0b6cf79e9f7500757ef15a2532f2886a80592b413a2d4507",
            "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id",
        ];
        assert_eq!(parts, expected);
    }
}
