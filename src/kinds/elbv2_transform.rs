//! Transforms of listener rules: CloudFormation's shape of them, to the wire and back.

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderRewriteConfig, RewriteConfig, RuleTransform, TransformTypeEnum, UrlRewriteConfig,
};
use serde::{Deserialize, Serialize};

/// One transform. `Type` says which of the configurations rules it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Transform {
    #[serde(skip_serializing_if = "Option::is_none")]
    host_header_rewrite_config: Option<Rewrites>,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url_rewrite_config: Option<Rewrites>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Rewrites {
    rewrites: Vec<Rewrite>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Rewrite {
    regex: String,
    replace: String,
}

/// The transforms of a reply.
pub(super) fn from_wire(transforms: &[RuleTransform]) -> Vec<Transform> {
    transforms.iter().map(Transform::from).collect()
}

/// The transforms of a request.
pub(super) fn to_wire(transforms: &[Transform]) -> Vec<RuleTransform> {
    transforms.iter().map(RuleTransform::from).collect()
}

impl From<&RuleTransform> for Transform {
    fn from(transform: &RuleTransform) -> Self {
        let host = transform.host_header_rewrite_config();
        let url = transform.url_rewrite_config();
        Self {
            host_header_rewrite_config: host.map(|config| Rewrites::seen(config.rewrites())),
            r#type: transform.r#type().map_or("", TransformTypeEnum::as_str).into(),
            url_rewrite_config: url.map(|config| Rewrites::seen(config.rewrites())),
        }
    }
}

impl From<&Transform> for RuleTransform {
    fn from(transform: &Transform) -> Self {
        let host = transform.host_header_rewrite_config.as_ref().map(|config| {
            HostHeaderRewriteConfig::builder().set_rewrites(Some(config.sent())).build()
        });
        let url = transform
            .url_rewrite_config
            .as_ref()
            .map(|config| UrlRewriteConfig::builder().set_rewrites(Some(config.sent())).build());
        Self::builder()
            .r#type(transform.r#type.as_str().into())
            .set_host_header_rewrite_config(host)
            .set_url_rewrite_config(url)
            .build()
    }
}

impl Rewrites {
    fn seen(rewrites: &[RewriteConfig]) -> Self {
        let rewrite = |rewrite: &RewriteConfig| Rewrite {
            regex: rewrite.regex().unwrap_or_default().into(),
            replace: rewrite.replace().unwrap_or_default().into(),
        };
        Self { rewrites: rewrites.iter().map(rewrite).collect() }
    }

    fn sent(&self) -> Vec<RewriteConfig> {
        let config = |rewrite: &Rewrite| {
            RewriteConfig::builder().regex(&rewrite.regex).replace(&rewrite.replace).build()
        };
        self.rewrites.iter().map(config).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn transforms_read_back_as_asked() {
        let rewrites = json!({"Rewrites": [{"Regex": "^/api/(.*)$", "Replace": "/$1"}]});
        let asked = json!([
            {"Type": "url-rewrite", "UrlRewriteConfig": rewrites},
            {"Type": "host-header-rewrite", "HostHeaderRewriteConfig": rewrites},
        ]);
        let transforms: Vec<Transform> = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(serde_json::to_value(from_wire(&to_wire(&transforms))).unwrap(), asked);
    }
}
