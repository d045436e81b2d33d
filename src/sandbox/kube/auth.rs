//! Who may ask: the token of EKS, a presigned request to STS.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::http::decode;

const PREFIX: &str = "k8s-aws-v1.";
/// A token of EKS is good for 15 minutes.
const MAX_EXPIRES_SECONDS: u64 = 900;
/// Clocks are never quite the same.
const SKEW_SECONDS: u64 = 60;

/// Whether EKS would take this `Authorization` header. Only the signature cannot be judged here. Without one a request is
/// taken, other than by EKS: `kubectl` sends no credentials where there is no TLS.
pub(super) fn is_token_of_eks(authorization: &str) -> bool {
    authorization.is_empty() || is_token_at(authorization, SystemTime::now())
}

fn is_token_at(authorization: &str, now: SystemTime) -> bool {
    let token = authorization.strip_prefix("Bearer ").and_then(|it| it.trim().strip_prefix(PREFIX));
    let url = token.and_then(base64_url).and_then(|bytes| String::from_utf8(bytes).ok());
    url.is_some_and(|url| is_presigned(&url, now).unwrap_or(false))
}

fn is_presigned(url: &str, now: SystemTime) -> Option<bool> {
    let (scheme, rest) = url.split_once("://")?;
    let (place, query) = rest.split_once('?')?;
    let host = place.split('/').next()?;
    let local = host.starts_with("127.0.0.1:") || host.starts_with("localhost:");
    // The host of STS, or that of the sandbox, to which AWS clients are turned.
    if !local && (scheme != "https" || !host.starts_with("sts.")) {
        return Some(false);
    }
    let param = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| decode(value, true))
    };
    let signed = param("X-Amz-SignedHeaders")?;
    let names_cluster = signed.split(';').any(|header| header == "x-k8s-aws-id");
    let expires: u64 = param("X-Amz-Expires")?.parse().ok()?;
    let begun = seconds(&param("X-Amz-Date")?)?;
    let now = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
    // Authenticators give 15 minutes whatever the URL says: it is signed for one minute.
    let alive = now + SKEW_SECONDS >= begun && now <= begun + MAX_EXPIRES_SECONDS;
    Some(
        param("Action")? == "GetCallerIdentity"
            && names_cluster
            && expires <= MAX_EXPIRES_SECONDS
            && alive
            && param("X-Amz-Signature").is_some_and(|it| !it.is_empty()),
    )
}

/// `20260102T030405Z` in seconds since the epoch.
fn seconds(text: &str) -> Option<u64> {
    let part = |from: usize, to: usize| text.get(from..to);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(9, 11)?,
        part(11, 13)?,
        part(13, 15)?
    );
    u64::try_from(OffsetDateTime::parse(&iso, &Rfc3339).ok()?.unix_timestamp()).ok()
}

/// The URL's alphabet, without padding.
fn base64_url(text: &str) -> Option<Vec<u8>> {
    let mut standard = text.trim_end_matches('=').replace('-', "+").replace('_', "/");
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    aws_smithy_types::base64::decode(standard).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn token(url: &str) -> String {
        let encoded = aws_smithy_types::base64::encode(url).replace('+', "-").replace('/', "_");
        format!("Bearer {PREFIX}{}", encoded.trim_end_matches('='))
    }

    #[test]
    fn a_token_is_a_presigned_call_that_names_a_cluster() {
        // 2026-01-02T03:04:05Z
        const BEGUN: u64 = 1_767_323_045;
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let url = |host: &str, headers: &str, expires: &str| {
            format!(
                "{host}/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x\
                 &X-Amz-Date=20260102T030405Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders={headers}&X-Amz-Signature=ab"
            )
        };
        let sts = "https://sts.eu-west-1.amazonaws.com";
        let good = token(&url(sts, "host%3Bx-k8s-aws-id", "60"));
        assert!(is_token_at(&good, at(BEGUN + 5)));
        assert!(is_token_at(&good, at(BEGUN + 899)));
        assert!(!is_token_at(&good, at(BEGUN + 901)), "expired");
        assert!(!is_token_at(&good, at(BEGUN - 100)), "not yet");
        assert!(is_token_at(
            &token(&url("http://127.0.0.1:4566", "host%3Bx-k8s-aws-id", "60")),
            at(BEGUN)
        ));
        for bad in [
            url(sts, "host", "60"),
            url(sts, "host%3Bx-k8s-aws-id", "3600"),
            url("https://evil.example.com", "host%3Bx-k8s-aws-id", "60"),
        ] {
            assert!(!is_token_at(&token(&bad), at(BEGUN)), "{bad}");
        }
        for bad in ["", "Bearer", "Bearer abc", "Bearer k8s-aws-v1.!!"] {
            assert!(!is_token_at(bad, at(BEGUN)), "{bad}");
        }
    }
}
