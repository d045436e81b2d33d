//! A distribution's configuration in CloudFormation's shape: lists without their lengths, and only what a blueprint names.
//!
//! CloudFront takes and gives whole configurations. What a spec names is laid onto the one that is there, so that what it
//! leaves open stays as it is: for origins found by their ids, for cache behaviours by their path patterns.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    self, Aliases, CacheBehaviors, CustomErrorResponses, DefaultCacheBehavior, DistributionConfig,
    DistributionSummary, GeoRestrictionType, HttpVersion, LoggingConfig, MinimumProtocolVersion,
    PriceClass, SslSupportMethod,
};

use super::cloudfront::{count, lay, some};
use super::cloudfront_behavior::Behavior;
use super::cloudfront_origin::{Origin, OriginGroups};
use super::properties::properties;
use super::scalar::{Long, LowerCase, Number};

properties! {
    Config {
        default_cache_behavior: Behavior,
        enabled: bool,
        origins: Vec<Origin>,
        ;
        aliases: BTreeSet<String>,
        anycast_ip_list_id: String,
        cache_behaviors: Vec<Behavior>,
        comment: String,
        continuous_deployment_policy_id: String,
        custom_error_responses: Vec<ErrorResponse>,
        default_root_object: String,
        http_version: LowerCase,
        #[serde(rename = "IPV6Enabled")]
        ipv6_enabled: bool,
        logging: Logging,
        origin_groups: OriginGroups,
        price_class: String,
        restrictions: Restrictions,
        staging: bool,
        viewer_certificate: ViewerCertificate,
        #[serde(rename = "WebACLId")]
        web_acl_id: String,
    }
}

properties! {
    ErrorResponse {
        error_code: Number,
        ;
        #[serde(rename = "ErrorCachingMinTTL")]
        error_caching_min_ttl: Long,
        response_code: Number,
        response_page_path: String,
    }
}

properties! {
    /// With an empty `Bucket` nothing is logged.
    Logging {
        ;
        bucket: String,
        include_cookies: bool,
        prefix: String,
    }
}

properties! {
    Restrictions {
        geo_restriction: GeoRestriction,
        ;
    }
}

properties! {
    GeoRestriction {
        restriction_type: String,
        ;
        locations: BTreeSet<String>,
    }
}

properties! {
    ViewerCertificate {
        ;
        acm_certificate_arn: String,
        cloud_front_default_certificate: bool,
        iam_certificate_id: String,
        minimum_protocol_version: String,
        ssl_support_method: String,
    }
}

/// What the list tells of a distribution's configuration: everything except for [`UNLISTED`].
pub(super) fn listed(summary: &DistributionSummary) -> Result<DistributionConfig, BuildError> {
    DistributionConfig::builder()
        .caller_reference("")
        .set_aliases(summary.aliases.clone())
        .set_anycast_ip_list_id(Some(summary.anycast_ip_list_id.clone().unwrap_or_default()))
        .set_cache_behaviors(summary.cache_behaviors.clone())
        .comment(&summary.comment)
        .set_custom_error_responses(summary.custom_error_responses.clone())
        .set_default_cache_behavior(summary.default_cache_behavior.clone())
        .enabled(summary.enabled)
        .http_version(summary.http_version.clone())
        .is_ipv6_enabled(summary.is_ipv6_enabled)
        .set_origin_groups(summary.origin_groups.clone())
        .set_origins(summary.origins.clone())
        .price_class(summary.price_class.clone())
        .set_restrictions(summary.restrictions.clone())
        .staging(summary.staging)
        .set_viewer_certificate(summary.viewer_certificate.clone())
        .web_acl_id(&summary.web_acl_id)
        .build()
}

/// What the list does not tell, by the paths that a spec names it with.
pub(super) const UNLISTED: &[&str] = &[
    "DistributionConfig.ContinuousDeploymentPolicyId",
    "DistributionConfig.DefaultRootObject",
    "DistributionConfig.Logging",
];

impl Config {
    pub(super) fn of(config: &DistributionConfig) -> Self {
        let default = config.default_cache_behavior();
        let restriction = config.restrictions().and_then(|it| it.geo_restriction());
        Self {
            default_cache_behavior: default.map_or_else(Behavior::none, Behavior::of_default),
            enabled: config.enabled,
            origins: config.origins().iter().flat_map(|it| &it.items).map(Origin::of).collect(),
            aliases: Some(config.aliases().iter().flat_map(|it| it.items()).cloned().collect()),
            anycast_ip_list_id: config.anycast_ip_list_id.clone(),
            cache_behaviors: Some(
                config
                    .cache_behaviors()
                    .iter()
                    .flat_map(|it| it.items())
                    .map(Behavior::of)
                    .collect(),
            ),
            comment: Some(config.comment.clone()),
            continuous_deployment_policy_id: config.continuous_deployment_policy_id.clone(),
            custom_error_responses: Some(
                config
                    .custom_error_responses()
                    .iter()
                    .flat_map(|it| it.items())
                    .map(ErrorResponse::of)
                    .collect(),
            ),
            default_root_object: config.default_root_object.clone(),
            http_version: config.http_version().map(|it| LowerCase::new(it.as_str())),
            ipv6_enabled: config.is_ipv6_enabled,
            logging: config.logging().map(|it| Logging {
                bucket: Some(if it.enabled { it.bucket.clone() } else { String::new() }),
                include_cookies: Some(it.include_cookies),
                prefix: Some(it.prefix.clone()),
            }),
            origin_groups: Some(OriginGroups::of(config.origin_groups())),
            price_class: config.price_class().map(ToString::to_string),
            restrictions: restriction.map(|it| Restrictions {
                geo_restriction: GeoRestriction {
                    restriction_type: it.restriction_type.to_string(),
                    locations: Some(it.items().iter().cloned().collect()),
                },
            }),
            staging: config.staging,
            viewer_certificate: config.viewer_certificate().map(ViewerCertificate::of),
            web_acl_id: config.web_acl_id.clone(),
        }
    }

    /// The configuration of a distribution that is to be made.
    pub(super) fn fresh(&self, reference: &str) -> Result<DistributionConfig, BuildError> {
        let behavior = DefaultCacheBehavior::builder()
            .target_origin_id(&self.default_cache_behavior.target_origin_id)
            .viewer_protocol_policy(
                self.default_cache_behavior.viewer_protocol_policy.as_str().into(),
            );
        let none = types::Origins::builder().quantity(0).set_items(Some(Vec::new())).build()?;
        let config = DistributionConfig::builder()
            .caller_reference(reference)
            .origins(none)
            .default_cache_behavior(behavior.build()?)
            .comment("")
            .enabled(self.enabled)
            .build()?;
        self.onto(config)
    }

    /// `now`, with everything that the spec names.
    pub(super) fn onto(&self, now: DistributionConfig) -> Result<DistributionConfig, BuildError> {
        let mut config = now;
        if let Some(behavior) = config.default_cache_behavior.take() {
            config.default_cache_behavior =
                Some(self.default_cache_behavior.onto_default(behavior)?);
        }
        config.enabled = self.enabled;
        let before = config.origins.take().map(|it| it.items).unwrap_or_default();
        let origins = self.origins.iter().map(|origin| {
            origin.onto(before.iter().find(|before| before.id == origin.id).cloned())
        });
        let origins: Vec<_> = origins.collect::<Result<_, _>>()?;
        let origins = types::Origins::builder().quantity(count(&origins)).set_items(Some(origins));
        config.origins = Some(origins.build()?);
        if let Some(names) = &self.aliases {
            let all = Aliases::builder().quantity(count(names));
            config.aliases = Some(all.set_items(some(names.iter().cloned().collect())).build()?);
        }
        if let Some(behaviors) = &self.cache_behaviors {
            let before = config.cache_behaviors.take().and_then(|it| it.items).unwrap_or_default();
            let all = behaviors.iter().map(|behavior| {
                let same = |it: &&types::CacheBehavior| {
                    Some(&it.path_pattern) == behavior.path_pattern.as_ref()
                };
                behavior.onto(before.iter().find(same).cloned())
            });
            let all: Vec<_> = all.collect::<Result<_, _>>()?;
            let quantity = count(&all);
            let all = CacheBehaviors::builder().quantity(quantity).set_items(some(all));
            config.cache_behaviors = Some(all.build()?);
        }
        if let Some(responses) = &self.custom_error_responses {
            let all = responses.iter().map(ErrorResponse::to_sdk).collect::<Result<Vec<_>, _>>()?;
            let quantity = count(&all);
            let all = CustomErrorResponses::builder().quantity(quantity).set_items(some(all));
            config.custom_error_responses = Some(all.build()?);
        }
        if let Some(groups) = &self.origin_groups {
            config.origin_groups = Some(groups.to_sdk()?);
        }
        if let Some(Restrictions { geo_restriction }) = &self.restrictions {
            let places = geo_restriction.locations.clone().unwrap_or_default();
            let restriction = types::GeoRestriction::builder()
                .restriction_type(GeoRestrictionType::from(
                    geo_restriction.restriction_type.as_str(),
                ))
                .quantity(count(&places))
                .set_items(some(places.into_iter().collect()));
            let restrictions = types::Restrictions::builder();
            config.restrictions = Some(restrictions.geo_restriction(restriction.build()?).build());
        }
        if let Some(logging) = &self.logging {
            config.logging = Some(logging.to_sdk());
        }
        if let Some(certificate) = &self.viewer_certificate {
            config.viewer_certificate = Some(certificate.to_sdk());
        }
        if let Some(comment) = &self.comment {
            config.comment.clone_from(comment);
        }
        if let Some(version) = &self.http_version {
            config.http_version = Some(HttpVersion::from(&**version));
        }
        if let Some(class) = &self.price_class {
            config.price_class = Some(PriceClass::from(class.as_str()));
        }
        for (named, member) in [
            (&self.anycast_ip_list_id, &mut config.anycast_ip_list_id),
            (&self.continuous_deployment_policy_id, &mut config.continuous_deployment_policy_id),
            (&self.default_root_object, &mut config.default_root_object),
            (&self.web_acl_id, &mut config.web_acl_id),
        ] {
            lay(named.as_ref(), member);
        }
        lay(self.ipv6_enabled.as_ref(), &mut config.is_ipv6_enabled);
        lay(self.staging.as_ref(), &mut config.staging);
        Ok(config)
    }
}

impl ErrorResponse {
    fn of(it: &types::CustomErrorResponse) -> Self {
        Self {
            error_code: Number(it.error_code),
            error_caching_min_ttl: it.error_caching_min_ttl.map(Long),
            response_code: it.response_code().and_then(|code| code.parse().ok()).map(Number),
            response_page_path: it.response_page_path.clone().filter(|path| !path.is_empty()),
        }
    }

    fn to_sdk(&self) -> Result<types::CustomErrorResponse, BuildError> {
        types::CustomErrorResponse::builder()
            .error_code(self.error_code.into())
            .set_error_caching_min_ttl(self.error_caching_min_ttl.map(|seconds| seconds.0))
            .set_response_code(self.response_code.map(|code| code.0.to_string()))
            .set_response_page_path(self.response_page_path.clone())
            .build()
    }
}

impl Logging {
    fn to_sdk(&self) -> LoggingConfig {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        LoggingConfig::builder()
            .enabled(!bucket.is_empty())
            .bucket(bucket)
            .include_cookies(self.include_cookies.unwrap_or_default())
            .prefix(self.prefix.as_deref().unwrap_or_default())
            .build()
    }
}

impl ViewerCertificate {
    fn of(it: &types::ViewerCertificate) -> Self {
        Self {
            acm_certificate_arn: it.acm_certificate_arn.clone(),
            cloud_front_default_certificate: Some(
                it.cloud_front_default_certificate.unwrap_or_default(),
            ),
            iam_certificate_id: it.iam_certificate_id.clone(),
            minimum_protocol_version: it.minimum_protocol_version().map(ToString::to_string),
            ssl_support_method: it.ssl_support_method().map(ToString::to_string),
        }
    }

    fn to_sdk(&self) -> types::ViewerCertificate {
        let version = self.minimum_protocol_version.as_deref();
        types::ViewerCertificate::builder()
            .set_acm_certificate_arn(self.acm_certificate_arn.clone())
            .set_cloud_front_default_certificate(self.cloud_front_default_certificate)
            .set_iam_certificate_id(self.iam_certificate_id.clone())
            .set_minimum_protocol_version(version.map(MinimumProtocolVersion::from))
            .set_ssl_support_method(self.ssl_support_method.as_deref().map(SslSupportMethod::from))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudfront::types::CustomHeaders;
    use serde_json::{Value, json};

    use super::*;

    fn config(value: &Value) -> Config {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn small() -> Value {
        json!({
            "Enabled": true,
            "Origins": [{"Id": "site", "DomainName": "site.example.com", "S3OriginConfig": {}}],
            "DefaultCacheBehavior": {
                "TargetOriginId": "site", "ViewerProtocolPolicy": "https-only", "CachePolicyId": "p-1",
            },
        })
    }

    #[test]
    fn a_small_configuration_says_all_that_an_update_must_say() {
        let sdk = config(&small()).fresh("t").unwrap();
        assert_eq!(sdk.caller_reference, "t");
        let behavior = sdk.default_cache_behavior().unwrap();
        assert_eq!(behavior.allowed_methods().unwrap().quantity, 2);
        assert_eq!(behavior.trusted_signers().map(|it| it.enabled), Some(false));
        assert_eq!(behavior.field_level_encryption_id(), Some(""));
        let origin = &sdk.origins().unwrap().items[0];
        assert_eq!(
            (origin.origin_path(), origin.custom_headers().unwrap().quantity),
            (Some(""), 0)
        );
    }

    #[test]
    fn what_the_spec_leaves_open_stays() {
        let mut now = config(&small()).fresh("t").unwrap();
        let header = types::OriginCustomHeader::builder().header_name("a").header_value("b");
        let headers = CustomHeaders::builder().quantity(1).items(header.build().unwrap());
        let origins = now.origins.as_mut().unwrap();
        origins.items[0].custom_headers = Some(headers.build().unwrap());
        now.default_root_object = Some("index.html".into());
        now.default_cache_behavior.as_mut().unwrap().response_headers_policy_id =
            Some("r-1".into());

        let mut wanted = small();
        wanted["Comment"] = json!("changed");
        wanted["DefaultCacheBehavior"]["CachePolicyId"] = json!("p-2");
        let then = config(&wanted).onto(now).unwrap();
        assert_eq!(
            (then.comment.as_str(), then.default_root_object()),
            ("changed", Some("index.html"))
        );
        let behavior = then.default_cache_behavior().unwrap();
        assert_eq!(behavior.cache_policy_id(), Some("p-2"));
        assert_eq!(behavior.response_headers_policy_id(), Some("r-1"));
        assert_eq!(then.origins().unwrap().items[0].custom_headers().unwrap().quantity, 1);

        wanted["DefaultCacheBehavior"]["ResponseHeadersPolicyId"] = json!("");
        let then = config(&wanted).onto(then).unwrap();
        assert_eq!(then.default_cache_behavior().unwrap().response_headers_policy_id(), None);
    }

    #[test]
    fn a_large_configuration_reads_back() {
        let large = json!({
            "Aliases": ["example.com", "www.example.com"],
            "CacheBehaviors": [{
                "PathPattern": "/api/*", "TargetOriginId": "api", "ViewerProtocolPolicy": "https-only",
                "AllowedMethods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
                "CachedMethods": ["GET", "HEAD"], "CachePolicyId": "none", "Compress": true,
                "FieldLevelEncryptionId": "", "GrpcConfig": {"Enabled": true},
                "FunctionAssociations": [{"EventType": "viewer-request", "FunctionARN": "arn:f"}],
                "LambdaFunctionAssociations": [
                    {"EventType": "origin-request", "LambdaFunctionARN": "arn:l:1", "IncludeBody": false},
                ],
                "OriginRequestPolicyId": "all", "RealtimeLogConfigArn": "",
                "ResponseHeadersPolicyId": "safe", "SmoothStreaming": false,
                "TrustedKeyGroups": ["k-1"], "TrustedSigners": [],
            }],
            "Comment": "shop", "ContinuousDeploymentPolicyId": "c-1",
            "CustomErrorResponses": [{
                "ErrorCode": 404, "ErrorCachingMinTTL": 10, "ResponseCode": 200,
                "ResponsePagePath": "/index.html",
            }],
            "DefaultRootObject": "index.html", "HttpVersion": "http2and3", "IPV6Enabled": true,
            "Logging": {"Bucket": "logs.s3.amazonaws.com", "IncludeCookies": false, "Prefix": "cdn/"},
            "OriginGroups": {"Quantity": 1, "Items": [{
                "Id": "both", "FailoverCriteria": {"StatusCodes": {"Quantity": 1, "Items": [500]}},
                "Members": {"Quantity": 2, "Items": [{"OriginId": "site"}, {"OriginId": "api"}]},
                "SelectionCriteria": "default",
            }]},
            "PriceClass": "PriceClass_100",
            "Restrictions": {
                "GeoRestriction": {"RestrictionType": "whitelist", "Locations": ["DE", "FR"]},
            },
            "Staging": false, "WebACLId": "arn:acl",
            "ViewerCertificate": {
                "AcmCertificateArn": "arn:cert", "CloudFrontDefaultCertificate": false,
                "MinimumProtocolVersion": "TLSv1.2_2021", "SslSupportMethod": "sni-only",
            },
        });
        let mut wanted = small();
        wanted.as_object_mut().unwrap().extend(large.as_object().unwrap().clone());
        wanted["Origins"].as_array_mut().unwrap().push(json!({
            "Id": "api", "DomainName": "api.example.com", "OriginPath": "/v1",
            "ConnectionAttempts": 2, "ConnectionTimeout": 5, "OriginAccessControlId": "",
            "CustomOriginConfig": {
                "HTTPPort": 80, "HTTPSPort": 8443, "OriginKeepaliveTimeout": 5,
                "OriginProtocolPolicy": "https-only", "OriginReadTimeout": 30,
                "OriginSSLProtocols": ["TLSv1.2"],
            },
            "OriginShield": {"Enabled": true, "OriginShieldRegion": "eu-west-1"},
        }));
        let sdk = config(&wanted).fresh("t").unwrap();
        let back = serde_json::to_value(Config::of(&sdk)).unwrap();
        for (name, value) in large.as_object().unwrap() {
            assert_eq!(&back[name], value, "{name}");
        }
        assert_eq!(back["Origins"][1], wanted["Origins"][1]);
    }

    #[test]
    fn an_empty_bucket_ends_the_log() {
        let logging = Logging { bucket: Some(String::new()), include_cookies: None, prefix: None };
        assert!(!logging.to_sdk().enabled);
    }
}
