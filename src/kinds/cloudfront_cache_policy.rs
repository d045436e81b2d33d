//! `AWS::CloudFront::CachePolicy`

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    self, CachePolicyCookiesConfig, CachePolicyHeadersConfig, CachePolicyQueryStringsConfig,
    CachePolicyType, CookieNames, Headers, ParametersInCacheKeyAndForwardedToOrigin,
    QueryStringNames,
};
use serde::{Deserialize, Serialize};

use super::cloudfront::{count, incomplete, some};
use super::properties::properties;
use super::reply::{gone, present};
use super::scalar::Long;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, Tagging, Token,
    Typical, Update, outputs,
};

pub struct CachePolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cache_policy_config: Config,
}

properties! {
    Config {
        #[serde(rename = "DefaultTTL")]
        default_ttl: Long,
        #[serde(rename = "MaxTTL")]
        max_ttl: Long,
        #[serde(rename = "MinTTL")]
        min_ttl: Long,
        name: String,
        parameters_in_cache_key_and_forwarded_to_origin: Parameters,
        ;
        comment: String,
    }
}

properties! {
    Parameters {
        cookies_config: Cookies,
        enable_accept_encoding_gzip: bool,
        headers_config: HeadersConfig,
        query_strings_config: QueryStrings,
        ;
        enable_accept_encoding_brotli: bool,
    }
}

properties! {
    Cookies {
        cookie_behavior: String,
        ;
        cookies: BTreeSet<String>,
    }
}

properties! {
    HeadersConfig {
        header_behavior: String,
        ;
        headers: BTreeSet<String>,
    }
}

properties! {
    QueryStrings {
        query_string_behavior: String,
        ;
        query_strings: BTreeSet<String>,
    }
}

impl Kind for CachePolicy {
    type Spec = Spec;
    type Live = types::CachePolicy;

    const NAME: &'static str = "AWS::CloudFront::CachePolicy";
    const DOC: &'static str = "What tells cached objects apart, and how long they are kept. \
        It is there at once. It has no tags and is known by its name, so another name is another one. \
        AWS's own policies need no such resource: a distribution names them by their ids. \
        Deletion is refused while a cache behaviour uses it.";
    const FIELDS: &'static [Field] = &[
        Field::updates("CachePolicyConfig", "Seconds to live, and what is part of the cache key."),
        Field::replaces("CachePolicyConfig.Name", "Its name, unique in the account."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The id that cache behaviours refer to.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);
    const SCOPE: Scope = Scope::Account;

    fn id(live: &Self::Live) -> PhysicalId {
        PhysicalId::new(live.cache_policy_config().map_or("", |config| config.name()))
    }

    fn spec(live: &Self::Live) -> Spec {
        Spec { cache_policy_config: Config::of(live.cache_policy_config()) }
    }

    fn outputs(live: &Self::Live) -> Outputs {
        outputs([("Id", Some(&live.id))])
    }

    fn readiness(_: &Self::Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.cache_policy_config.name))
    }

    /// The list has no filter by name and tells everything.
    async fn read(cx: &Cx, _: &[Lookup]) -> Result<Vec<Self::Live>, Fault> {
        let (mut policies, mut marker) = (Vec::new(), None);
        loop {
            let list = cx.cloudfront.list_cache_policies().r#type(CachePolicyType::Custom);
            let page = list.set_marker(marker).send().await?;
            let page = page.cache_policy_list.required("list of cache policies")?;
            let items = page.items.unwrap_or_default().into_iter();
            policies.extend(items.filter_map(|summary| summary.cache_policy));
            marker = page.next_marker.filter(|marker| !marker.is_empty());
            if marker.is_none() {
                return Ok(policies);
            }
        }
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let config = &spec.cache_policy_config;
        let create = cx.cloudfront.create_cache_policy();
        create.cache_policy_config(config.to_sdk().map_err(incomplete)?).send().await?;
        Ok(PhysicalId::new(&config.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some((id, now, tag)) = find(cx, id).await? else {
            return Err(Fault::new(Class::NotFound, format!("there is no cache policy `{id}`")));
        };
        let mut config = update.to.cache_policy_config.to_sdk().map_err(incomplete)?;
        config.comment = config.comment.or(now.comment);
        let put = cx.cloudfront.update_cache_policy().id(id).set_if_match(tag);
        put.cache_policy_config(config).send().await?;
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some((id, _, tag)) = find(cx, id).await? else { return Ok(()) };
        let delete = cx.cloudfront.delete_cache_policy().id(id);
        gone(delete.set_if_match(tag).send().await)
    }
}

/// CloudFront's id of the policy with this name, with its configuration and the tag that guards it.
async fn find(
    cx: &Cx,
    name: &PhysicalId,
) -> Result<Option<(String, types::CachePolicyConfig, Option<String>)>, Fault> {
    let all = CachePolicy::read(cx, &[]).await?;
    let Some(found) = all.into_iter().find(|policy| CachePolicy::id(policy) == *name) else {
        return Ok(None);
    };
    let reply = present(cx.cloudfront.get_cache_policy_config().id(&found.id).send().await)?;
    Ok(reply.and_then(|reply| Some((found.id, reply.cache_policy_config?, reply.e_tag))))
}

impl Config {
    fn of(config: Option<&types::CachePolicyConfig>) -> Self {
        let key = config.and_then(|it| it.parameters_in_cache_key_and_forwarded_to_origin());
        let cookies = key.and_then(|key| key.cookies_config());
        let headers = key.and_then(|key| key.headers_config());
        let strings = key.and_then(|key| key.query_strings_config());
        Self {
            default_ttl: Long(config.and_then(|it| it.default_ttl).unwrap_or_default()),
            max_ttl: Long(config.and_then(|it| it.max_ttl).unwrap_or_default()),
            min_ttl: Long(config.map(|it| it.min_ttl).unwrap_or_default()),
            name: config.map(|it| it.name.clone()).unwrap_or_default(),
            parameters_in_cache_key_and_forwarded_to_origin: Parameters {
                cookies_config: Cookies {
                    cookie_behavior: cookies
                        .map(|it| it.cookie_behavior.to_string())
                        .unwrap_or_default(),
                    cookies: Some(
                        cookies
                            .and_then(|it| it.cookies())
                            .map(|it| it.items().iter().cloned().collect())
                            .unwrap_or_default(),
                    ),
                },
                enable_accept_encoding_gzip: key.is_some_and(|it| it.enable_accept_encoding_gzip),
                headers_config: HeadersConfig {
                    header_behavior: headers
                        .map(|it| it.header_behavior.to_string())
                        .unwrap_or_default(),
                    headers: Some(
                        headers
                            .and_then(|it| it.headers())
                            .map(|it| it.items().iter().cloned().collect())
                            .unwrap_or_default(),
                    ),
                },
                query_strings_config: QueryStrings {
                    query_string_behavior: strings
                        .map(|it| it.query_string_behavior.to_string())
                        .unwrap_or_default(),
                    query_strings: Some(
                        strings
                            .and_then(|it| it.query_strings())
                            .map(|it| it.items().iter().cloned().collect())
                            .unwrap_or_default(),
                    ),
                },
                enable_accept_encoding_brotli: Some(
                    key.and_then(|it| it.enable_accept_encoding_brotli).unwrap_or_default(),
                ),
            },
            comment: Some(config.and_then(|it| it.comment.clone()).unwrap_or_default()),
        }
    }

    fn to_sdk(&self) -> Result<types::CachePolicyConfig, BuildError> {
        types::CachePolicyConfig::builder()
            .default_ttl(self.default_ttl.0)
            .max_ttl(self.max_ttl.0)
            .min_ttl(self.min_ttl.0)
            .name(&self.name)
            .set_comment(self.comment.clone())
            .parameters_in_cache_key_and_forwarded_to_origin(
                self.parameters_in_cache_key_and_forwarded_to_origin.to_sdk()?,
            )
            .build()
    }
}

impl Parameters {
    fn to_sdk(&self) -> Result<ParametersInCacheKeyAndForwardedToOrigin, BuildError> {
        let list = |names: &Option<BTreeSet<String>>| {
            let names = names.clone().unwrap_or_default();
            (count(&names), some(names.into_iter().collect()))
        };
        let mut cookies = CachePolicyCookiesConfig::builder()
            .cookie_behavior(self.cookies_config.cookie_behavior.as_str().into());
        if let (quantity, Some(names)) = list(&self.cookies_config.cookies) {
            let names = CookieNames::builder().quantity(quantity).set_items(Some(names));
            cookies = cookies.cookies(names.build()?);
        }
        let mut headers = CachePolicyHeadersConfig::builder()
            .header_behavior(self.headers_config.header_behavior.as_str().into());
        if let (quantity, Some(names)) = list(&self.headers_config.headers) {
            let names = Headers::builder().quantity(quantity).set_items(Some(names));
            headers = headers.headers(names.build()?);
        }
        let mut strings = CachePolicyQueryStringsConfig::builder()
            .query_string_behavior(self.query_strings_config.query_string_behavior.as_str().into());
        if let (quantity, Some(names)) = list(&self.query_strings_config.query_strings) {
            let names = QueryStringNames::builder().quantity(quantity).set_items(Some(names));
            strings = strings.query_strings(names.build()?);
        }
        ParametersInCacheKeyAndForwardedToOrigin::builder()
            .cookies_config(cookies.build()?)
            .headers_config(headers.build()?)
            .query_strings_config(strings.build()?)
            .enable_accept_encoding_gzip(self.enable_accept_encoding_gzip)
            .set_enable_accept_encoding_brotli(self.enable_accept_encoding_brotli)
            .build()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_reads_back() {
        let config = json!({
            "Comment": "", "DefaultTTL": 86400, "MaxTTL": 31_536_000, "MinTTL": 1, "Name": "assets",
            "ParametersInCacheKeyAndForwardedToOrigin": {
                "CookiesConfig": {"CookieBehavior": "none", "Cookies": []},
                "EnableAcceptEncodingBrotli": true, "EnableAcceptEncodingGzip": true,
                "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["Accept", "Origin"]},
                "QueryStringsConfig": {
                    "QueryStringBehavior": "allExcept", "QueryStrings": ["utm_source"],
                },
            },
        });
        let asked: Config = serde_json::from_value(config.clone()).unwrap();
        let back = Config::of(Some(&asked.to_sdk().unwrap()));
        assert_eq!(serde_json::to_value(back).unwrap(), config);
    }
}
