//! `AWS::RDS::DBSubnetGroup`

use aws_sdk_rds::types::{DbInstance, DbSubnetGroup};
use serde::{Deserialize, Serialize};

use super::rds;
use super::reply::{collect, gone};
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
    #[serde(rename = "DBSubnetGroupDescription")]
    description: String,
    #[serde(rename = "DBSubnetGroupName")]
    name: LowerCase,
    subnet_ids: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
}

#[derive(Debug)]
pub struct Live {
    group: DbSubnetGroup,
    tags: Tags,
}

impl Kind for SubnetGroup {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::RDS::DBSubnetGroup";
    const DOC: &'static str = "The subnets in which a database may stand, in two zones at least. \
        Complete as soon as it is created. \
        Deletion is refused while a database uses it.";
    const FIELDS: &'static [Field] = &[
        Field::updates("DBSubnetGroupDescription", "What the group is for."),
        Field::replaces("DBSubnetGroupName", "The name; RDS keeps it in lower case."),
        Field::updates("SubnetIds", "The subnets, in two availability zones at least.").set(),
        TAGS,
    ];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("DBSubnetGroupName", "The name of the group."),
        Output::with_id("DBSubnetGroupArn", "The ARN of the group."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    /// One list answers all lookups.
    const READ_MAX: usize = usize::MAX;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(live.group.db_subnet_group_name().unwrap_or_default())
    }

    fn spec(live: &Live) -> Spec {
        let subnets = live.group.subnets().iter();
        let mut subnet_ids: Vec<String> =
            subnets.filter_map(|subnet| subnet.subnet_identifier.clone()).collect();
        subnet_ids.sort();
        Spec {
            description: live.group.db_subnet_group_description().unwrap_or_default().into(),
            name: LowerCase::new(live.group.db_subnet_group_name().unwrap_or_default()),
            subnet_ids,
            tags: Some(live.tags.clone()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([
            ("DBSubnetGroupName", live.group.db_subnet_group_name()),
            ("DBSubnetGroupArn", live.group.db_subnet_group_arn()),
        ])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &Live) -> Option<Owner> {
        tags::owner(&live.tags.0)
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&*spec.name))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        // There is no filter, and a name that is not there is a fault. An account has some dozens at most.
        let pages = cx.rds.describe_db_subnet_groups().into_paginator().page_size(100);
        let groups = collect(pages.items().send()).await?;
        let names = rds::names(wanted);
        let wanted = groups
            .into_iter()
            .filter(|group| group.db_subnet_group_name().is_some_and(|name| names.contains(name)));
        let arn = |group: &DbSubnetGroup| group.db_subnet_group_arn.clone();
        let found = tagging::indexed(cx, wanted.collect(), arn).await?.into_iter();
        Ok(found.map(|(group, tags)| Live { group, tags }).collect())
    }

    /// Tags are in no list: a call for each group.
    async fn complete(cx: &Cx, live: Live, compared: Compared<'_>) -> Result<Option<Live>, Fault> {
        let Live { group, tags: indexed } = live;
        let ask = rds::tags_of(cx, group.db_subnet_group_arn());
        let tags = tagging::confirmed(indexed, &compared, ask).await?;
        Ok(tags.map(|tags| Live { group, tags }))
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.rds
            .create_db_subnet_group()
            .db_subnet_group_name(&*spec.name)
            .db_subnet_group_description(&spec.description)
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .set_tags(rds::tag_list(spec.tags.as_ref()))
            .send()
            .await?;
        Ok(PhysicalId::new(&*spec.name))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("DBSubnetGroupDescription") || update.has("SubnetIds") {
            cx.rds
                .modify_db_subnet_group()
                .db_subnet_group_name(id.as_str())
                .db_subnet_group_description(&update.to.description)
                .set_subnet_ids(Some(update.to.subnet_ids.clone()))
                .send()
                .await?;
        }
        if update.has("Tags") {
            let arn = rds::arn(cx, "subgrp", id.as_str()).await?;
            rds::retag(cx, &arn, tags::change_of(&update.from.tags, &update.to.tags)).await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.rds.delete_db_subnet_group().db_subnet_group_name(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let uses = |it: &DbInstance| {
            it.db_subnet_group()
                .is_some_and(|group| group.db_subnet_group_name() == Some(id.as_str()))
        };
        rds::users(cx, uses, "uses the subnet group").await
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::Subnet;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_live_group_is_seen_in_full() {
        let subnet = |id| Subnet::builder().subnet_identifier(id).build();
        let group = DbSubnetGroup::builder()
            .db_subnet_group_name("data")
            .db_subnet_group_description("the data subnets")
            .db_subnet_group_arn("arn:aws:rds:eu-west-1:1:subgrp:data")
            .subnets(subnet("subnet-b"))
            .subnets(subnet("subnet-a"));
        let live = Live { group: group.build(), tags: Tags::default() };
        assert_eq!(
            serde_json::to_value(SubnetGroup::spec(&live)).unwrap(),
            json!({
                "DBSubnetGroupDescription": "the data subnets", "DBSubnetGroupName": "data",
                "SubnetIds": ["subnet-a", "subnet-b"], "Tags": [],
            })
        );
        let arn = &SubnetGroup::outputs(&live)["DBSubnetGroupArn"];
        assert_eq!(arn, "arn:aws:rds:eu-west-1:1:subgrp:data");
    }

    #[test]
    fn the_name_is_the_id_in_lower_case() {
        let spec = json!({
            "DBSubnetGroupName": "Orders", "DBSubnetGroupDescription": "x", "SubnetIds": [],
        });
        let spec: Spec = serde_json::from_value(spec).unwrap();
        assert_eq!(SubnetGroup::natural_id(&spec), Some(PhysicalId::new("orders")));
    }
}
