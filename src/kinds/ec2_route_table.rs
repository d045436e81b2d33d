//! `AWS::EC2::RouteTable`

use aws_sdk_ec2::types::{self, ResourceType};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::ec2;
use super::ec2_blocker;
use crate::address::{Owner, PhysicalId};
use crate::cloud::Cx;
use crate::cloud::tags::{self, Tags};
use crate::fault::{Blocker, Fault, Required};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, TAGS, Tagging, Token, Typical,
    Update, outputs,
};

pub struct RouteTable;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tags: Option<Tags>,
    vpc_id: String,
}

impl Kind for RouteTable {
    type Spec = Spec;
    type Live = types::RouteTable;

    const NAME: &'static str = "AWS::EC2::RouteTable";
    const DOC: &'static str = "Where the traffic of the subnets associated with it goes. \
        Works at once, with a route to everything in the VPC. \
        Deletion is refused while a subnet is associated with it; its routes go with it.";
    const FIELDS: &'static [Field] = &[TAGS, Field::replaces("VpcId", "The VPC.")];
    const OUTPUTS: &'static [Output] = &[
        Output::with_id("RouteTableId", "The id of the route table."),
        Output::with_id("VpcId", "The id of its VPC."),
    ];
    const TAGGING: Tagging = Tagging::List;
    const TYPICAL: Typical = Typical::seconds(2, 1, 2);

    fn id(live: &types::RouteTable) -> PhysicalId {
        PhysicalId::new(live.route_table_id().unwrap_or_default())
    }

    fn spec(live: &types::RouteTable) -> Spec {
        Spec {
            tags: Some(ec2::tags(live.tags())),
            vpc_id: live.vpc_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &types::RouteTable) -> Outputs {
        outputs([("RouteTableId", live.route_table_id()), ("VpcId", live.vpc_id())])
    }

    fn readiness(_: &types::RouteTable) -> Readiness {
        Readiness::Ready
    }

    fn owner(live: &types::RouteTable) -> Option<Owner> {
        tags::owner(&ec2::tags(live.tags()).0)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<types::RouteTable>, Fault> {
        let filters = ec2::filters("route-table-id", wanted).into_iter();
        let found = try_join_all(filters.map(|filters| ec2::route_tables(cx, filters))).await?;
        Ok(found.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, token: &Token) -> Result<PhysicalId, Fault> {
        let tags = ec2::tag_specifications(ResourceType::RouteTable, spec.tags.as_ref());
        let made = cx
            .ec2
            .create_route_table()
            .client_token(&token.0)
            .vpc_id(&spec.vpc_id)
            .set_tag_specifications(tags)
            .send()
            .await?;
        let id = made.route_table.and_then(|table| table.route_table_id);
        Ok(PhysicalId::new(id.required("route table id")?))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        ec2::retag(cx, id, tags::change_of(&update.from.tags, &update.to.tags)).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        ec2::gone(cx.ec2.delete_route_table().route_table_id(id.as_str()).send().await)
    }

    async fn blockers(cx: &Cx, id: &PhysicalId, _: &Spec) -> Result<Vec<Blocker>, Fault> {
        let tables =
            ec2::route_tables(cx, vec![ec2::filter("route-table-id", id.as_str())]).await?;
        let associations = tables.iter().flat_map(types::RouteTable::associations);
        let subnets = associations.filter_map(|association| association.subnet_id());
        ec2_blocker::subnets(cx, subnets, "uses the route table").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_live_table_is_seen_in_full() {
        let live = types::RouteTable::builder().route_table_id("rtb-1").vpc_id("vpc-1").build();
        let spec = serde_json::to_value(RouteTable::spec(&live)).unwrap();
        assert_eq!(spec, json!({"VpcId": "vpc-1", "Tags": []}));
        assert_eq!(RouteTable::outputs(&live).len(), RouteTable::OUTPUTS.len());
    }
}
