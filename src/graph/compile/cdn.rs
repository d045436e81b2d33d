//! A CloudFront distribution with what it keeps, and how it asks its origins.

use serde_json::{Value, json};

use super::log_bucket::{LogBucket, Ownership};
use super::{Compiler, bucket, firewall, get, load_balancer, route};
use crate::address::Address;
use crate::blueprint::component::cdn::{
    BalancerOrigin, Behaviour, BucketOrigin, Cache, Cdn, CdnLogs, Countries, DomainOrigin,
    HttpVersions, Keyed, Methods, Origin, OwnCache, PriceClass, UsualCache,
};
use crate::blueprint::component::load_balancer::Protocol;
use crate::blueprint::value::{CountryCode, HeaderName, Int, Name, PathPattern};
use crate::kind::reference::join;

/// Policies that AWS manages, by the ids of *Use managed policies* in CloudFront's guide.
mod managed {
    pub(super) const CACHING_OPTIMIZED: &str = "658327ea-f89d-4fab-a63d-7e88639e58f6";
    pub(super) const CACHING_DISABLED: &str = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad";
    pub(super) const ALL_VIEWER: &str = "216adef6-5c7f-47e4-b989-5492eafa07d3";
    pub(super) const ALL_VIEWER_EXCEPT_HOST_HEADER: &str = "b689b0a8-53d0-40ab-baf2-68738e2966ac";
    pub(super) const SECURITY_HEADERS: &str = "67f7725c-6f97-4210-82d7-5512b31e9d03";
}

/// `CreateOriginAccessControl` in the API reference.
const ACCESS_CONTROL_NAME_MAX: usize = 64;
/// `CreateCachePolicy` in the API reference.
const CACHE_POLICY_NAME_MAX: usize = 128;

impl Compiler<'_> {
    pub(super) fn cdn(&mut self, name: &Name, cdn: &Cdn) {
        let origins: Vec<Value> = cdn
            .origins
            .iter()
            .map(|(origin_name, origin)| self.origin(name, origin_name, &origin.value))
            .collect();
        if cdn.origins.values().any(|it| matches!(it.value, Origin::Bucket(_))) {
            let spec = json!({"OriginAccessControlConfig": {
                "Name": self.name_within(name.as_str(), ACCESS_CONTROL_NAME_MAX),
                "OriginAccessControlOriginType": "s3",
                "SigningBehavior": "always",
                "SigningProtocol": "sigv4",
            }});
            self.add(&access_control(name), "AWS::CloudFront::OriginAccessControl", spec);
        }
        let default = cdn.default().map(|default| self.behaviour(name, cdn, None, &default));
        // The first that matches rules.
        let mut paths: Vec<_> = cdn.behaviours.iter().collect();
        paths.sort_by_key(|(path, _)| std::cmp::Reverse(path.precision()));
        let behaviours: Vec<Value> = paths
            .into_iter()
            .map(|(path, behaviour)| self.behaviour(name, cdn, Some(path), behaviour))
            .collect();
        let errors: Vec<Value> = cdn
            .errors
            .iter()
            .map(|(code, page)| {
                let code: u32 = code.as_str().parse().unwrap_or_default();
                json!({
                    "ErrorCode": code,
                    "ResponsePagePath": page.page.as_str(),
                    "ResponseCode": page.status.map_or(code, Int::get),
                    "ErrorCachingMinTTL": page.ttl.get(),
                })
            })
            .collect();
        let certificate = cdn.certificate.as_ref().map(|it| self.edge_certificate(&it.name));
        let wall = cdn.firewall.as_ref().map(|it| firewall::edge_address(&it.name));
        let logs = cdn.access_logs.as_ref().map(|logs| (logs, self.cdn_logs(name, logs)));
        let aliases: Vec<&str> = cdn.aliases.iter().map(|alias| alias.as_str()).collect();
        let spec = json!({"DistributionConfig": {
            "Enabled": true,
            "Comment": self.name(name),
            "Aliases": aliases,
            "Origins": origins,
            "DefaultCacheBehavior": default,
            "CacheBehaviors": behaviours,
            "CustomErrorResponses": errors,
            "DefaultRootObject": cdn.root.as_ref().map(ToString::to_string),
            "HttpVersion": match cdn.http {
                HttpVersions::Http1 => "http1.1",
                HttpVersions::Http2 => "http2",
                HttpVersions::Http2And3 => "http2and3",
            },
            "IPV6Enabled": true,
            "PriceClass": match cdn.price_class {
                PriceClass::UsEu => "PriceClass_100",
                PriceClass::UsEuAsia => "PriceClass_200",
                PriceClass::All => "PriceClass_All",
            },
            "Restrictions": {"GeoRestriction": restriction(cdn.countries.as_ref().map(|it| &it.value))},
            "ViewerCertificate": match &certificate {
                Some(certificate) => json!({
                    "AcmCertificateArn": get(certificate, "CertificateArn"),
                    "MinimumProtocolVersion": "TLSv1.2_2021",
                    "SslSupportMethod": "sni-only",
                }),
                None => json!({"CloudFrontDefaultCertificate": true}),
            },
            "WebACLId": wall.as_ref().map(|wall| get(wall, "Arn")),
            "Logging": logs.as_ref().map(|(logs, bucket)| json!({
                "Bucket": format!("{}.s3.amazonaws.com", bucket.name),
                "Prefix": format!("{name}/"),
                "IncludeCookies": logs.cookies,
            })),
        }});
        // A distribution takes only certificates that are issued.
        self.add(&address(name), "AWS::CloudFront::Distribution", spec)
            .after_all(&certificate)
            .after_all(logs.as_ref().map(|(_, bucket)| &bucket.policy));
    }

    fn origin(&self, cdn: &Name, name: &Name, origin: &Origin) -> Value {
        let asked = |protocol: &str, timeout: u32| {
            json!({
                "OriginProtocolPolicy": protocol,
                "OriginSSLProtocols": ["TLSv1.2"],
                "OriginReadTimeout": timeout,
            })
        };
        match origin {
            Origin::Bucket(BucketOrigin { bucket: link, path }) => json!({
                "Id": name.as_str(),
                "DomainName": get(&bucket::address(&link.name), "RegionalDomainName"),
                "OriginPath": path.as_ref().map(ToString::to_string),
                "OriginAccessControlId": get(&access_control(cdn), "Id"),
                // Access control has taken the place of identities, and CloudFront wants to read so.
                "S3OriginConfig": {"OriginAccessIdentity": ""},
            }),
            Origin::Balancer(BalancerOrigin { load_balancer: link, path, timeout }) => {
                let balancer = self.blueprint.load_balancers.get(&link.name);
                let protocol = match balancer.map(|balancer| balancer.protocol.value) {
                    Some(Protocol::Http) => "http-only",
                    Some(Protocol::Https) | None => "https-only",
                };
                json!({
                    "Id": name.as_str(),
                    "DomainName": get(&load_balancer::address(&link.name), "DNSName"),
                    "OriginPath": path.as_ref().map(ToString::to_string),
                    "CustomOriginConfig": asked(protocol, timeout.get()),
                })
            }
            Origin::Domain(DomainOrigin { domain, path, timeout }) => json!({
                "Id": name.as_str(),
                "DomainName": domain.as_str(),
                "OriginPath": path.as_ref().map(ToString::to_string),
                "CustomOriginConfig": asked("https-only", timeout.get()),
            }),
        }
    }

    /// What is done with requests for a path, or for all others.
    fn behaviour(
        &mut self,
        name: &Name,
        cdn: &Cdn,
        path: Option<&PathPattern>,
        behaviour: &Behaviour,
    ) -> Value {
        let cache = match cdn.cache(behaviour) {
            Cache::Usual(UsualCache::Optimized) => json!(managed::CACHING_OPTIMIZED),
            Cache::Usual(UsualCache::Disabled) => json!(managed::CACHING_DISABLED),
            Cache::Own(cache) => self.cache_policy(name, path, &cache.value),
        };
        let methods: &[&str] = match cdn.methods(behaviour) {
            Methods::Read => &["GET", "HEAD", "OPTIONS"],
            Methods::All => &["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
        };
        // A load balancer gets the host that was asked for, which its routes and its certificate are about; other
        // servers know only their own name.
        let forwarded = match cdn.origins.get(&behaviour.origin.value).map(|it| &it.value) {
            Some(Origin::Balancer(_)) => Some(managed::ALL_VIEWER),
            Some(Origin::Domain(_)) => Some(managed::ALL_VIEWER_EXCEPT_HOST_HEADER),
            Some(Origin::Bucket(_)) | None => None,
        };
        json!({
            "PathPattern": path.map(PathPattern::as_str),
            "TargetOriginId": behaviour.origin.as_str(),
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": methods,
            "CachedMethods": ["GET", "HEAD"],
            "Compress": behaviour.compress,
            "CachePolicyId": cache,
            "OriginRequestPolicyId": forwarded,
            "ResponseHeadersPolicyId": managed::SECURITY_HEADERS,
        })
    }

    fn cache_policy(&mut self, name: &Name, path: Option<&PathPattern>, cache: &OwnCache) -> Value {
        let role = path.map_or_else(|| "default".to_owned(), |path| route::slug(path.as_str()));
        let policy_name = self.name_within(&format!("{name}-{role}"), CACHE_POLICY_NAME_MAX);
        let mut headers = json!({"HeaderBehavior": "none"});
        if !cache.headers.is_empty() {
            let names: Vec<&str> = cache.headers.iter().map(HeaderName::as_str).collect();
            headers = json!({"HeaderBehavior": "whitelist", "Headers": names});
        }
        let spec = json!({"CachePolicyConfig": {
            "Name": policy_name,
            "DefaultTTL": cache.ttl.seconds,
            "MinTTL": cache.min.seconds,
            "MaxTTL": cache.max().seconds,
            "ParametersInCacheKeyAndForwardedToOrigin": {
                "EnableAcceptEncodingBrotli": true,
                "EnableAcceptEncodingGzip": true,
                "HeadersConfig": headers,
                "CookiesConfig": keyed(&cache.cookies, "CookieBehavior", "Cookies"),
                "QueryStringsConfig": keyed(&cache.query, "QueryStringBehavior", "QueryStrings"),
            },
        }});
        let at = Address::of(&component(name), &format!("cache-policy/{role}"));
        self.add(&at, "AWS::CloudFront::CachePolicy", spec);
        get(&at, "Id")
    }

    /// CloudFront writes by access lists, which it puts on the bucket by itself.
    fn cdn_logs(&mut self, name: &Name, logs: &CdnLogs) -> LogBucket {
        let days = logs.retention.get();
        self.log_bucket_of(
            &component(name),
            &format!("{name}-cdn"),
            days,
            None,
            Ownership::Preferred,
            |_| Vec::new(),
        )
    }
}

fn restriction(countries: Option<&Countries>) -> Value {
    let codes =
        |list: &[CountryCode]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
    match countries {
        None => json!({"RestrictionType": "none"}),
        Some(Countries { only, except }) if only.is_empty() => {
            json!({"RestrictionType": "blacklist", "Locations": codes(except)})
        }
        Some(Countries { only, except: _ }) => {
            json!({"RestrictionType": "whitelist", "Locations": codes(only)})
        }
    }
}

/// What of a request tells answers apart; the last two are the properties of the behaviour and of the names.
fn keyed(which: &Keyed<String>, behaviour: &str, names: &str) -> Value {
    match which {
        Keyed::None => json!({behaviour: "none"}),
        Keyed::All => json!({behaviour: "all"}),
        Keyed::These(these) => json!({behaviour: "whitelist", names: these}),
    }
}

/// What lets the CDNs read a bucket that have it as an origin, each for itself.
impl Compiler<'_> {
    pub(super) fn cdns_reading(&self, name: &Name, objects: &str) -> Option<Value> {
        let reads = |cdn: &Cdn| {
            cdn.origins.values().any(|origin| match &origin.value {
                Origin::Bucket(origin) => origin.bucket.name == *name,
                Origin::Balancer(_) | Origin::Domain(_) => false,
            })
        };
        let reading = self.blueprint.cdn.iter().filter(|(_, cdn)| reads(cdn));
        let beginning = self.arn("cloudfront", "", "distribution/");
        let arns: Vec<Value> =
            reading.map(|(cdn, _)| join([json!(beginning), get(&address(cdn), "Id")])).collect();
        (!arns.is_empty()).then(|| {
            json!({
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": objects,
                "Condition": {"ArnEquals": {"aws:SourceArn": arns}},
            })
        })
    }
}

fn access_control(name: &Name) -> Address {
    Address::of(&component(name), "access-control")
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "distribution")
}

fn component(name: &Name) -> String {
    format!("cdn.{name}")
}
