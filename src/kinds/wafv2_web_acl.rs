//! `AWS::WAFv2::WebACL`

use std::collections::{BTreeSet, HashMap};

use aws_sdk_wafv2::operation::get_web_acl::GetWebAclOutput;
use aws_sdk_wafv2::types::{
    ApplicationConfig, AssociationConfig, CaptchaConfig, ChallengeConfig, CustomResponseBody,
    DataProtectionConfig, DefaultAction, OnSourceDDoSProtectionConfig, ResourceType, Scope,
    VisibilityConfig, WebAcl as SdkWebAcl, WebAclSummary,
};
use futures::future::try_join_all;
use futures::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::reply::{gone, present};
use super::wafv2;
use super::wafv2_shape::{Rules, Shaped};
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Class, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct WebAcl;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    application_config: Option<Shaped<ApplicationConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    association_config: Option<Shaped<AssociationConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    captcha_config: Option<Shaped<CaptchaConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    challenge_config: Option<Shaped<ChallengeConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    custom_response_bodies: Option<Shaped<HashMap<String, CustomResponseBody>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    data_protection_config: Option<Shaped<DataProtectionConfig>>,
    default_action: Shaped<DefaultAction>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    name: String,
    #[serde(
        rename = "OnSourceDDoSProtectionConfig",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    on_source_ddos_protection_config: Option<Shaped<OnSourceDDoSProtectionConfig>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules: Option<Shaped<Rules>>,
    scope: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_domains: Option<BTreeSet<String>>,
    visibility_config: Shaped<VisibilityConfig>,
}

#[derive(Debug)]
pub struct Live {
    acl: SdkWebAcl,
    scope: Scope,
    tags: Tags,
}

impl Kind for WebAcl {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::WAFv2::WebACL";
    const DOC: &'static str = "A list of rules that let web requests pass, count or block them. \
        It is there at once; other calls may not see it for some seconds. \
        Rules have CloudFormation's shape. \
        With the scope `CLOUDFRONT` it lives in us-east-1. \
        Deletion is refused while it is associated with a resource.";
    const FIELDS: &'static [Field] = &[
        Field::updates("ApplicationConfig", "What the protected application is."),
        Field::updates("AssociationConfig", "How much of a body is inspected."),
        Field::updates("CaptchaConfig", "How long a solved CAPTCHA counts."),
        Field::updates("ChallengeConfig", "How long a passed challenge counts."),
        Field::updates("CustomResponseBodies", "Bodies that blocking rules answer with, by key."),
        Field::updates("DataProtectionConfig", "What is hidden in logs and samples."),
        Field::updates("DefaultAction", "What happens to requests that no rule stops."),
        Field::updates("Description", "What it is for."),
        Field::replaces("Name", "Its name, unique in the account, region and scope."),
        Field::updates("OnSourceDDoSProtectionConfig", "Protection at the load balancer itself."),
        Field::updates(
            "Rules",
            "The rules, each known by its priority: the order of the list has no meaning.",
        )
        .set(),
        Field::replaces("Scope", "`REGIONAL` or `CLOUDFRONT`."),
        TAGS,
        Field::updates("TokenDomains", "Domains whose tokens are accepted.").set(),
        Field::updates("VisibilityConfig", "Metrics and samples."),
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Arn", "The ARN of the web ACL."),
        Output::with_id("Id", "The id that WAF gave it."),
        Output::with_id("Capacity", "The capacity units that its rules use."),
        Output::with_id("LabelNamespace", "The prefix of the labels that its rules add."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(3, 3, 3);

    fn id(live: &Live) -> PhysicalId {
        wafv2::id(&live.acl.name, live.scope.as_str())
    }

    fn spec(live: &Live) -> Spec {
        let acl = &live.acl;
        Spec {
            application_config: acl.application_config.clone().map(Shaped),
            association_config: acl.association_config.clone().map(Shaped),
            captcha_config: acl.captcha_config.clone().map(Shaped),
            challenge_config: acl.challenge_config.clone().map(Shaped),
            custom_response_bodies: Some(Shaped(
                acl.custom_response_bodies.clone().unwrap_or_default(),
            )),
            data_protection_config: acl.data_protection_config.clone().map(Shaped),
            default_action: Shaped(
                acl.default_action.clone().unwrap_or_else(|| DefaultAction::builder().build()),
            ),
            description: Some(acl.description().unwrap_or_default().into()),
            name: acl.name.clone(),
            on_source_ddos_protection_config: acl
                .on_source_d_do_s_protection_config
                .clone()
                .map(Shaped),
            rules: Some(Shaped(Rules::new(acl.rules().to_vec()))),
            scope: live.scope.to_string(),
            tags: Some(live.tags.clone()),
            token_domains: Some(acl.token_domains().iter().cloned().collect()),
            visibility_config: Shaped(acl.visibility_config.clone().unwrap_or_else(invisible)),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Arn", Some(&live.acl.arn)),
            ("Id", Some(&live.acl.id)),
            ("Capacity", Some(&live.acl.capacity.to_string())),
            ("LabelNamespace", live.acl.label_namespace()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(wafv2::id(&spec.name, &spec.scope))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let ids = wafv2::ids(cx, "webacl", wanted).await?;
        let listed = try_join_all(wafv2::scopes(&ids).into_iter().map(|scope| list(cx, scope)));
        let listed = listed.await?.into_iter().flatten();
        let asked = listed.filter(|(scope, summary)| {
            ids.contains(&wafv2::id(summary.name().unwrap_or_default(), scope.as_str()))
        });
        // The list tells neither rules nor tags: two calls per web ACL, some web ACLs at once.
        let lives = stream::iter(asked).map(|(scope, summary)| live(cx, scope, summary));
        let found: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.waf
            .create_web_acl()
            .name(&spec.name)
            .scope(Scope::from(spec.scope.as_str()))
            .set_application_config(sdk(spec.application_config.as_ref()))
            .set_association_config(sdk(spec.association_config.as_ref()))
            .set_captcha_config(sdk(spec.captcha_config.as_ref()))
            .set_challenge_config(sdk(spec.challenge_config.as_ref()))
            .set_custom_response_bodies(bodies(spec))
            .set_data_protection_config(sdk(spec.data_protection_config.as_ref()))
            .default_action(spec.default_action.0.clone())
            .set_description(description(spec))
            .set_on_source_d_do_s_protection_config(sdk(spec
                .on_source_ddos_protection_config
                .as_ref()))
            .set_rules(spec.rules.as_ref().map(|rules| rules.0.to_vec()))
            .set_tags(wafv2::tag_list(spec.tags.as_ref()))
            .set_token_domains(token_domains(spec))
            .visibility_config(spec.visibility_config.0.clone())
            .send()
            .await?;
        Ok(wafv2::id(&spec.name, &spec.scope))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let Some((scope, summary)) = find(cx, id).await? else {
            return Err(Fault::new(Class::NotFound, format!("there is no web ACL `{id}`")));
        };
        if update.changed.iter().any(|&row| row != TAGS.path) {
            let reply = get(cx, &scope, &summary).await?;
            let (now, to) = (reply.web_acl.required("web ACL")?, update.to);
            // The call replaces everything: what the spec leaves open stays as it is.
            cx.waf
                .update_web_acl()
                .name(now.name)
                .id(now.id)
                .scope(scope)
                .set_lock_token(reply.lock_token)
                .set_application_config(
                    sdk(to.application_config.as_ref()).or(now.application_config),
                )
                .set_association_config(
                    sdk(to.association_config.as_ref()).or(now.association_config),
                )
                .set_captcha_config(sdk(to.captcha_config.as_ref()).or(now.captcha_config))
                .set_challenge_config(sdk(to.challenge_config.as_ref()).or(now.challenge_config))
                .set_custom_response_bodies(match to.custom_response_bodies {
                    Some(_) => bodies(to),
                    None => now.custom_response_bodies,
                })
                .set_data_protection_config(
                    sdk(to.data_protection_config.as_ref()).or(now.data_protection_config),
                )
                .default_action(to.default_action.0.clone())
                .set_description(match to.description {
                    Some(_) => description(to),
                    None => now.description,
                })
                .set_monetization_config(now.monetization_config)
                .set_on_source_d_do_s_protection_config(
                    sdk(to.on_source_ddos_protection_config.as_ref())
                        .or(now.on_source_d_do_s_protection_config),
                )
                .set_rules(to.rules.as_ref().map(|rules| rules.0.to_vec()).or(now.rules))
                .set_token_domains(match to.token_domains {
                    Some(_) => token_domains(to),
                    None => now.token_domains,
                })
                .visibility_config(to.visibility_config.0.clone())
                .send()
                .await?;
        }
        if update.has("Tags") {
            let arn = summary.arn.required("web ACL ARN")?;
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            wafv2::retag(cx, &arn, change).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let Some((scope, summary)) = find(cx, id).await? else { return Ok(()) };
        gone(
            cx.waf
                .delete_web_acl()
                .set_name(summary.name)
                .set_id(summary.id)
                .set_lock_token(summary.lock_token)
                .scope(scope)
                .send()
                .await,
        )
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let Some((scope, summary)) = find(cx, id).await? else { return Ok(Vec::new()) };
        let arn = summary.arn.unwrap_or_default();
        let is = |arn: String, kind| Blocker::stays(arn, kind, "is protected by it");
        if scope == Scope::Cloudfront {
            let ask = cx.cloudfront.list_distributions_by_web_acl_id().web_acl_id(&arn);
            let list = ask.send().await?.distribution_list;
            let list = list.and_then(|list| list.items).unwrap_or_default().into_iter();
            let kind = "AWS::CloudFront::Distribution";
            return Ok(list.map(|it| is(it.id, kind)).collect());
        }
        let asked = PROTECTED.iter().map(|(resource, kind)| {
            let ask = cx.waf.list_resources_for_web_acl().web_acl_arn(&arn);
            let ask = ask.resource_type(resource.clone());
            async move {
                let arns = present(ask.send().await)?.and_then(|reply| reply.resource_arns);
                let arns = arns.unwrap_or_default().into_iter();
                Ok::<_, Fault>(arns.map(|arn| is(arn, kind)).collect::<Vec<_>>())
            }
        });
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }
}

/// What a regional web ACL can protect; a call answers for one sort.
const PROTECTED: &[(ResourceType, &str)] = &[
    (ResourceType::ApplicationLoadBalancer, "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    (ResourceType::ApiGateway, "AWS::ApiGateway::Stage"),
    (ResourceType::Appsync, "AWS::AppSync::GraphQLApi"),
    (ResourceType::CognitioUserPool, "AWS::Cognito::UserPool"),
];

/// Web ACLs that are read at once, with two calls each.
const READS_MAX: usize = 8;

async fn list(cx: &Cx, scope: Scope) -> Result<Vec<(Scope, WebAclSummary)>, Fault> {
    let listed = wafv2::pages(|marker| {
        let ask = cx.waf.list_web_acls().scope(scope.clone()).limit(wafv2::PAGE_MAX);
        let ask = ask.set_next_marker(marker);
        async move {
            let page = ask.send().await?;
            Ok((page.web_acls.unwrap_or_default(), page.next_marker))
        }
    });
    Ok(listed.await?.into_iter().map(|summary| (scope.clone(), summary)).collect())
}

async fn find(cx: &Cx, id: &PhysicalId) -> Result<Option<(Scope, WebAclSummary)>, Fault> {
    let (name, scope) = wafv2::parts(id)?;
    let listed = list(cx, scope).await?;
    Ok(listed.into_iter().find(|(_, summary)| summary.name() == Some(name)))
}

async fn get(cx: &Cx, scope: &Scope, summary: &WebAclSummary) -> Result<GetWebAclOutput, Fault> {
    let ask = cx.waf.get_web_acl().scope(scope.clone()).set_name(summary.name.clone());
    Ok(ask.set_id(summary.id.clone()).send().await?)
}

/// A listed web ACL; `None` if it is gone by now.
async fn live(cx: &Cx, scope: Scope, summary: WebAclSummary) -> Result<Option<Live>, Fault> {
    let arn = summary.arn().unwrap_or_default();
    match futures::try_join!(get(cx, &scope, &summary), wafv2::tags_of(cx, arn)) {
        Err(fault) if fault.is(Class::NotFound) => Ok(None),
        Err(fault) => Err(fault),
        Ok((reply, tags)) => {
            let acl = reply.web_acl.required("web ACL")?;
            Ok(Some(Live { acl, scope, tags }))
        }
    }
}

fn sdk<T: Clone>(shaped: Option<&Shaped<T>>) -> Option<T> {
    shaped.map(|shaped| shaped.0.clone())
}

/// An empty mapping is refused: none is meant.
fn bodies(spec: &Spec) -> Option<HashMap<String, CustomResponseBody>> {
    sdk(spec.custom_response_bodies.as_ref()).filter(|bodies| !bodies.is_empty())
}

/// An empty text is refused: none is meant.
fn description(spec: &Spec) -> Option<String> {
    spec.description.clone().filter(|text| !text.is_empty())
}

/// An empty list is refused: none is meant.
fn token_domains(spec: &Spec) -> Option<Vec<String>> {
    let domains = spec.token_domains.as_ref().filter(|domains| !domains.is_empty());
    domains.map(|domains| domains.iter().cloned().collect())
}

fn invisible() -> VisibilityConfig {
    VisibilityConfig::builder()
        .sampled_requests_enabled(false)
        .cloud_watch_metrics_enabled(false)
        .metric_name("")
        .build()
        .expect("all members are given")
}

#[cfg(test)]
mod tests {
    use aws_sdk_wafv2::types::Rule;
    use serde_json::json;

    use super::*;
    use crate::kind::Compare;

    fn acl() -> aws_sdk_wafv2::types::builders::WebAclBuilder {
        SdkWebAcl::builder().name("shop").id("1a2b").arn("arn:acl").capacity(700)
    }

    #[test]
    fn what_is_asked_for_is_what_is_seen() {
        let asked = json!({
            "AssociationConfig": {
                "RequestBody": {"API_GATEWAY": {"DefaultSizeInspectionLimit": "KB_32"}},
            },
            "CustomResponseBodies": {"slow": {"ContentType": "TEXT_PLAIN", "Content": "slow down"}},
            "DefaultAction": {"Allow": {}}, "Description": "shop", "Name": "shop", "Rules": [],
            "Scope": "REGIONAL", "Tags": [], "TokenDomains": ["example.com"],
            "VisibilityConfig": {
                "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": false, "MetricName": "shop",
            },
        });
        let spec: Spec = serde_json::from_value(asked.clone()).unwrap();
        assert_eq!(WebAcl::natural_id(&spec), Some(PhysicalId::new("shop|REGIONAL")));
        let acl = acl()
            .set_association_config(sdk(spec.association_config.as_ref()))
            .set_custom_response_bodies(bodies(&spec))
            .default_action(spec.default_action.0.clone())
            .set_description(description(&spec))
            .set_token_domains(token_domains(&spec))
            .visibility_config(spec.visibility_config.0.clone())
            .build()
            .unwrap();
        let live = Live { acl, scope: Scope::Regional, tags: Tags::default() };
        assert_eq!(serde_json::to_value(WebAcl::spec(&live)).unwrap(), asked);
        assert_eq!(WebAcl::outputs(&live)["Capacity"], "700");
    }

    #[test]
    fn the_order_in_which_rules_are_told_is_no_difference() {
        let rule = |name: &str, priority: i32| {
            Rule::builder().name(name).priority(priority).visibility_config(invisible()).build()
        };
        let seen = |rules: [Rule; 2]| {
            let acl = acl().set_rules(Some(rules.to_vec())).build().unwrap();
            let live = Live { acl, scope: Scope::Regional, tags: Tags::default() };
            serde_json::to_value(WebAcl::spec(&live)).unwrap()["Rules"].take()
        };
        let (first, second) = (rule("a", 0).unwrap(), rule("b", 1).unwrap());
        assert_eq!(seen([second.clone(), first.clone()]), seen([first, second]));
        let row = WebAcl::FIELDS.iter().find(|field| field.path == "Rules");
        assert_eq!(row.map(|row| row.compare), Some(Compare::Set));
    }

    #[test]
    fn a_bare_web_acl_is_seen_too() {
        let live =
            Live { acl: acl().build().unwrap(), scope: Scope::Cloudfront, tags: Tags::default() };
        assert_eq!(WebAcl::id(&live), PhysicalId::new("shop|CLOUDFRONT"));
        let seen = serde_json::to_value(WebAcl::spec(&live)).unwrap();
        assert_eq!(seen["DefaultAction"], json!({}));
        assert_eq!(seen["Description"], "");
        assert!(!WebAcl::outputs(&live).contains_key("LabelNamespace"));
    }
}
