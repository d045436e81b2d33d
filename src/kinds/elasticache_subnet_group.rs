//! `AWS::ElastiCache::SubnetGroup`

use aws_sdk_elasticache::types::{CacheCluster, CacheSubnetGroup};
use serde::{Deserialize, Serialize};

use super::elasticache;
use super::reply::{collect, gone, present};
use super::scalar::LowerCase;
use super::tagging;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault};
use crate::kind::{
    Compared, DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging,
    Token, Typical, Update, outputs,
};

pub struct SubnetGroup;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    cache_subnet_group_name: LowerCase,
    description: String,
    subnet_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    group: CacheSubnetGroup,
    tags: Tags,
}

impl Kind for SubnetGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::ElastiCache::SubnetGroup";
    const DOC: &'static str = "The subnets in which the nodes of a cache may stand. \
        Complete as soon as it is created. \
        A subnet in which a node stands cannot be taken out of it, and its deletion is refused while a cache uses it.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("CacheSubnetGroupName", "The name; ElastiCache keeps it in lower case."),
        Field::updates("Description", "What the group is for."),
        Field::updates("SubnetIds", "The subnets, all of one VPC.").set(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("CacheSubnetGroupName", "The name of the group."),
        Output::with_id("Arn", "The ARN of the group."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.cache_subnet_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let subnets = live.group.subnets().iter();
        let mut subnet_ids: Vec<String> =
            subnets.filter_map(|subnet| subnet.subnet_identifier.clone()).collect();
        subnet_ids.sort();
        Spec {
            cache_subnet_group_name: LowerCase::new(
                live.group.cache_subnet_group_name().unwrap_or_default(),
            ),
            description: live.group.cache_subnet_group_description().unwrap_or_default().into(),
            subnet_ids,
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("CacheSubnetGroupName", live.group.cache_subnet_group_name()),
            ("Arn", live.group.arn()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.cache_subnet_group_name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = elasticache::names(wanted);
        let asked = cx.elasticache.describe_cache_subnet_groups();
        let asked = asked.set_cache_subnet_group_name(elasticache::only(&names)).into_paginator();
        let found = present(collect(asked.items().send()).await)?.unwrap_or_default();
        let wanted = |group: &CacheSubnetGroup| {
            group.cache_subnet_group_name().is_some_and(|name| names.contains(name))
        };
        let groups: Vec<_> = found.into_iter().filter(wanted).collect();
        let found = tagging::indexed(cx, groups, |group| group.arn.clone()).await?.into_iter();
        Ok(found.map(|(group, tags)| Live { group, tags }).collect())
    }

    /// Tags are in no list: a call for each.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, tags: indexed } = live;
        let tags = elasticache::tags(cx, group.arn(), indexed, &compared).await?;
        Ok(tags.map(|tags| Live { group, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.elasticache
            .create_cache_subnet_group()
            .cache_subnet_group_name(&*spec.cache_subnet_group_name)
            .cache_subnet_group_description(&spec.description)
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .set_tags(elasticache::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&*spec.cache_subnet_group_name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("Description") || update.has("SubnetIds") {
            cx.elasticache
                .modify_cache_subnet_group()
                .cache_subnet_group_name(id.as_str())
                .cache_subnet_group_description(&update.to.description)
                .set_subnet_ids(Some(update.to.subnet_ids.clone()))
                .send()
                .await?;
        }
        if update.has("Tags") {
            let arn = elasticache::arn(cx, "subnetgroup", id.as_str()).await?;
            let change = tags::change_of(&update.from.tags, &update.to.tags);
            elasticache::retag(cx, &arn, change).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let ask = cx.elasticache.delete_cache_subnet_group();
        gone(ask.cache_subnet_group_name(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let uses = |it: &CacheCluster| it.cache_subnet_group_name() == Some(id.as_str());
        elasticache::users(cx, uses, "uses the subnet group").await
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticache::types::Subnet;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_group_is_seen_in_full() {
        let subnet = |id| Subnet::builder().subnet_identifier(id).build();
        let group = CacheSubnetGroup::builder()
            .cache_subnet_group_name("data")
            .cache_subnet_group_description("the data subnets")
            .arn("arn:aws:elasticache:eu-west-1:1:subnetgroup:data")
            .subnets(subnet("subnet-b"))
            .subnets(subnet("subnet-a"));
        let live = Live { group: group.build(), tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(SubnetGroup::spec(&live)).unwrap(),
            json!({
                "CacheSubnetGroupName": "data", "Description": "the data subnets",
                "SubnetIds": ["subnet-a", "subnet-b"], "Tags": [],
            })
        );
    }

    #[test]
    fn one_name_is_asked_for_and_several_are_listed() {
        assert_eq!(elasticache::only(&["a"].into()), Some("a".into()));
        assert_eq!(elasticache::only(&["a", "b"].into()), None);
    }
}
