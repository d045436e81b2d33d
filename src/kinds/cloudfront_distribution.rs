//! `AWS::CloudFront::Distribution`

use std::collections::BTreeSet;

use aws_sdk_cloudfront::error::BuildError;
use aws_sdk_cloudfront::types::{
    self, DistributionConfig, DistributionConfigWithTags, DistributionSummary, Tag, TagKeys,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};

use super::cloudfront::incomplete;
use super::cloudfront_config::{Config, UNLISTED, listed};
use super::reply::{collect, gone, present};
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, TagChange, Tags};
use crate::fault::{Class, Fault, Required};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Scope, TAGS,
    Tagging, Token, Typical, Update, outputs,
};

pub struct Distribution;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    distribution_config: Config,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    id: String,
    arn: String,
    status: String,
    domain_name: String,
    config: DistributionConfig,
    source: Source,
    tags: Tags,
}

/// Where a configuration was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// In the list, which does not tell everything.
    List,
    /// From the distribution itself.
    Itself,
}

impl Kind for Distribution {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::CloudFront::Distribution";
    const DOC: &'static str = "A content delivery network in front of one or more origins. \
        It works once it is deployed to all edge locations, minutes after each change; its name is known at once. \
        What the configuration leaves open stays as it is. \
        Deletion disables it first, waits until that is deployed, and then deletes. \
        Nothing blocks its deletion; what it refers to cannot be deleted before it.";
    const FIELDS: &'static [Field] = &[
        Field::updates(
            "DistributionConfig",
            "Origins and cache behaviours, and how viewers reach them. An empty id (`WebACLId: \"\"`) removes one.",
        ),
        Field::updates(
            "DistributionConfig.CustomErrorResponses",
            "What viewers get instead of an origin's errors.",
        )
        .set(),
        Field::updates("DistributionConfig.Origins", "Where it fetches from, by id.").set(),
        Field::updates(
            "DistributionConfig.ViewerCertificate",
            "The certificate for its aliases, in us-east-1.",
        )
        .when_ready(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("Id", "The id of the distribution."),
        Output::with_id("Arn", "The ARN of the distribution."),
        Output::with_id(
            "DomainName",
            "The name that viewers and aliases reach it by: `d1.cloudfront.net`.",
        ),
    ];
    const TAGGING: Tagging = Tagging::List;
    // A deletion is a change, and a moment.
    const TYPICAL: Typical = Typical::seconds(190, 180, 200);
    const SCOPE: Scope = Scope::Account;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.id)
    }

    fn spec(live: &Live) -> Spec {
        Spec { distribution_config: Config::of(&live.config), tags: Some(live.tags.clone()) }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("Id", Some(&live.id)),
            ("Arn", Some(&live.arn)),
            ("DomainName", Some(&live.domain_name)),
        ])
    }

    fn readiness(live: &Live) -> Readiness {
        match live.status.as_str() {
            DEPLOYED => Readiness::Ready,
            status => Readiness::Pending(status.to_owned().into()),
        }
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let owned = tagging::owned_of_the_world(cx, "cloudfront:distribution", wanted).await?;
        let mut ids: BTreeSet<&str> =
            owned.iter().filter_map(|arn| Some(arn.rsplit_once('/')?.1)).collect();
        ids.extend(wanted.iter().filter_map(Lookup::id));
        let found: Vec<Live> = match ids.first() {
            None => Vec::new(),
            Some(id) if ids.len() == 1 => {
                let reply = present(cx.cloudfront.get_distribution().id(*id).send().await)?;
                reply.and_then(|reply| reply.distribution).and_then(itself).into_iter().collect()
            }
            Some(_) => {
                let pages = cx.cloudfront.list_distributions().into_paginator().items().send();
                let all = collect(pages).await?.into_iter();
                let ours = all.filter(|summary| ids.contains(summary.id.as_str()));
                ours.map(in_short).collect::<Result<_, _>>().map_err(incomplete)?
            }
        };
        // Tags are in no list, and the index by tags lags behind: a call for each.
        let tagged: Vec<_> = found.into_iter().map(|live| tagged(cx, live)).collect();
        let lives: Vec<_> = stream::iter(tagged).buffer_unordered(READS_MAX).try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        if live.source == Source::Itself || !UNLISTED.iter().any(|path| compared.has(path)) {
            return Ok(Some(live));
        }
        let reply = present(cx.cloudfront.get_distribution_config().id(&live.id).send().await)?;
        let config = reply.and_then(|reply| reply.distribution_config);
        Ok(config.map(|config| Live { config, source: Source::Itself, ..live }))
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let config = spec.distribution_config.fresh(&token.0).map_err(incomplete)?;
        let tags = spec.tags.as_ref().map(|tags| &tags.0).into_iter().flatten();
        let with_tags = DistributionConfigWithTags::builder()
            .distribution_config(config)
            .tags(tag_set(tags.map(|(key, value)| (key.clone(), value.clone())))?);
        let create = cx.cloudfront.create_distribution_with_tags();
        let create = create.distribution_config_with_tags(with_tags.build());
        let made = create.send().await?.distribution.required("distribution")?;
        Ok(PhysicalId::new(made.id))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.changed.iter().any(|&row| row != TAGS.path) {
            let reply = cx.cloudfront.get_distribution_config().id(id.as_str()).send().await?;
            let now = reply.distribution_config.required("configuration")?;
            let config = update.to.distribution_config.onto(now).map_err(incomplete)?;
            let put = cx.cloudfront.update_distribution().id(id.as_str());
            put.set_if_match(reply.e_tag).distribution_config(config).send().await?;
        }
        if update.has("Tags") {
            retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    /// Makes the one call that is due. While the disabling is on its way, nothing is.
    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let id = id.as_str();
        let Some(reply) = present(cx.cloudfront.get_distribution().id(id).send().await)? else {
            return Ok(());
        };
        let now = reply.distribution.required("distribution")?;
        let config = now.distribution_config.required("configuration")?;
        match due(&now.status, config.enabled) {
            Due::Disable => {
                let mut disabled = config;
                disabled.enabled = false;
                let put = cx.cloudfront.update_distribution().id(id);
                put.set_if_match(reply.e_tag).distribution_config(disabled).send().await?;
                Err(Fault::new(Class::Busy, format!("{id} is being disabled")))
            }
            Due::Patience => Err(Fault::new(Class::Busy, format!("{id} is being disabled"))),
            Due::Delete => {
                let delete = cx.cloudfront.delete_distribution().id(id);
                gone(delete.set_if_match(reply.e_tag).send().await)
            }
        }
    }
}

/// CloudFront's word for what works everywhere.
const DEPLOYED: &str = "Deployed";
/// Distributions that are asked for their tags at once.
const READS_MAX: usize = 8;

/// The next step of a deletion.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Disable,
    Patience,
    Delete,
}

fn due(status: &str, enabled: bool) -> Due {
    match (enabled, status) {
        (true, _) => Due::Disable,
        (false, DEPLOYED) => Due::Delete,
        (false, _) => Due::Patience,
    }
}

fn itself(distribution: types::Distribution) -> Option<Live> {
    Some(Live {
        config: distribution.distribution_config?,
        id: distribution.id,
        arn: distribution.arn,
        status: distribution.status,
        domain_name: distribution.domain_name,
        source: Source::Itself,
        tags: Tags::default(),
    })
}

fn in_short(summary: DistributionSummary) -> Result<Live, BuildError> {
    Ok(Live {
        config: listed(&summary)?,
        id: summary.id,
        arn: summary.arn,
        status: summary.status,
        domain_name: summary.domain_name,
        source: Source::List,
        tags: Tags::default(),
    })
}

/// The distribution with its tags. `None` if it is gone by now.
async fn tagged(cx: &Cx, live: Live) -> Result<Option<Live>, Fault> {
    let reply = cx.cloudfront.list_tags_for_resource().resource(&live.arn).send().await;
    let pairs = present(reply)?.map(|reply| reply.tags.and_then(|tags| tags.items));
    let tags = pairs.map(|pairs| {
        let pairs = pairs.unwrap_or_default().into_iter();
        Tags::read(pairs.map(|tag| (tag.key, tag.value.unwrap_or_default())))
    });
    Ok(tags.map(|tags| Live { tags, ..live }))
}

async fn retag(cx: &Cx, id: &PhysicalId, change: TagChange) -> Result<(), Fault> {
    let arn = cx.account().await?.arn("cloudfront", "", format_args!("distribution/{id}"));
    if !change.set.is_empty() {
        let tags = tag_set(change.set)?;
        cx.cloudfront.tag_resource().resource(&arn).tags(tags).send().await?;
    }
    if !change.remove.is_empty() {
        let keys = TagKeys::builder().set_items(Some(change.remove)).build();
        cx.cloudfront.untag_resource().resource(&arn).tag_keys(keys).send().await?;
    }
    Ok(())
}

fn tag_set(tags: impl IntoIterator<Item = (String, String)>) -> Result<types::Tags, Fault> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<Tag>, BuildError> = tags.into_iter().map(tag).collect();
    Ok(types::Tags::builder().set_items(Some(tags.map_err(incomplete)?)).build())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn live(status: &str) -> Live {
        let spec: Spec = serde_json::from_value(json!({"DistributionConfig": {
            "Enabled": true,
            "Origins": [{"Id": "site", "DomainName": "site.example.com", "CustomOriginConfig": {
                "OriginProtocolPolicy": "https-only",
            }}],
            "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "https-only"},
        }}))
        .unwrap();
        Live {
            id: "E1".into(),
            arn: "arn:aws:cloudfront::1:distribution/E1".into(),
            status: status.into(),
            domain_name: "d1.cloudfront.net".into(),
            config: spec.distribution_config.fresh("t").unwrap(),
            source: Source::Itself,
            tags: Tags::default(),
        }
    }

    #[test]
    fn its_name_is_known_before_it_works() {
        let young = live("InProgress");
        assert_eq!(Distribution::readiness(&young), Readiness::Pending("InProgress".into()));
        assert_eq!(Distribution::outputs(&young)["DomainName"], "d1.cloudfront.net");
        assert_eq!(Distribution::readiness(&live("Deployed")), Readiness::Ready);
    }

    #[test]
    fn a_deletion_disables_waits_and_deletes() {
        assert_eq!(due("Deployed", true), Due::Disable);
        assert_eq!(due("InProgress", true), Due::Disable);
        assert_eq!(due("InProgress", false), Due::Patience);
        assert_eq!(due("Deployed", false), Due::Delete);
    }
}
