//! `AWS::EC2::SubnetRouteTableAssociation`

use aws_sdk_ec2::types::{Filter, RouteTableAssociation, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};

use super::ec2;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct SubnetRouteTableAssociation;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    route_table_id: String,
    subnet_id: String,
}

impl Kind for SubnetRouteTableAssociation {
    type Spec = Spec;
    type Live = RouteTableAssociation;

    const NAME: &'static str = "AWS::EC2::SubnetRouteTableAssociation";
    const DOC: &'static str = "Gives a subnet its route table. \
        Works within a second or two. \
        Nothing blocks its deletion, after which the subnet follows the VPC's main route table.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("RouteTableId", "The route table."),
        Field::replaces("SubnetId", "The subnet."),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Id", "The id of the association.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 1, 2);
    /// A subnet is associated with one route table.
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &RouteTableAssociation) -> PhysicalId {
        PhysicalId::new(live.subnet_id().unwrap_or_default())
    }

    fn spec(live: &RouteTableAssociation) -> Spec {
        Spec {
            route_table_id: live.route_table_id().unwrap_or_default().into(),
            subnet_id: live.subnet_id().unwrap_or_default().into(),
        }
    }

    fn outputs(live: &RouteTableAssociation) -> Outputs {
        outputs([("Id", live.route_table_association_id())])
    }

    fn readiness(live: &RouteTableAssociation) -> Readiness {
        use RouteTableAssociationStateCode as State;
        let state = live.association_state();
        match state.and_then(|state| state.state()) {
            Some(State::Associated) | None => Readiness::Ready,
            Some(State::Disassociating | State::Disassociated) => Readiness::Deleting,
            Some(State::Failed) => {
                let reason = state.and_then(|state| state.status_message());
                Readiness::Failed(reason.unwrap_or("failed").into())
            }
            Some(_) => Readiness::Pending("associating".into()),
        }
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.subnet_id))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<RouteTableAssociation>, Fault> {
        associations(cx, ec2::key_filter("association.subnet-id", wanted)).await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let association = cx.ec2.associate_route_table().route_table_id(&spec.route_table_id);
        association.subnet_id(&spec.subnet_id).send().await?;
        Ok(PhysicalId::new(&spec.subnet_id))
    }

    async fn update(_: &Cx, _: &PhysicalId, _: Update<'_, Spec>) -> Result<(), Fault> {
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        let there = associations(cx, ec2::filter("association.subnet-id", id.as_str())).await?;
        for association in there.into_iter().filter(|live| Self::id(live) == *id) {
            let association = association.route_table_association_id;
            let end = cx.ec2.disassociate_route_table().set_association_id(association);
            ec2::gone(end.send().await)?;
        }
        Ok(())
    }
}

/// The associations of all route tables that pass `filter` with subnets: not those of gateways, and not the main one.
async fn associations(cx: &Cx, filter: Filter) -> Result<Vec<RouteTableAssociation>, Fault> {
    let tables = ec2::route_tables(cx, vec![filter]).await?;
    let all = tables.into_iter().flat_map(|table| table.associations.unwrap_or_default());
    let gone = RouteTableAssociationStateCode::Disassociated;
    let there = |live: &RouteTableAssociation| {
        let state = live.association_state().and_then(|state| state.state());
        live.subnet_id().is_some() && state != Some(&gone)
    };
    Ok(all.filter(there).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::RouteTableAssociationState;

    fn live(state: RouteTableAssociationStateCode) -> RouteTableAssociation {
        RouteTableAssociation::builder()
            .subnet_id("subnet-1")
            .route_table_id("rtb-1")
            .route_table_association_id("rtbassoc-1")
            .association_state(RouteTableAssociationState::builder().state(state).build())
            .build()
    }

    #[test]
    fn an_association_is_known_by_its_subnet() {
        let live = live(RouteTableAssociationStateCode::Associated);
        let id = SubnetRouteTableAssociation::id(&live);
        assert_eq!(id, PhysicalId::new("subnet-1"));
        let spec = SubnetRouteTableAssociation::spec(&live);
        assert_eq!(SubnetRouteTableAssociation::natural_id(&spec), Some(id));
        assert_eq!(SubnetRouteTableAssociation::outputs(&live)["Id"], "rtbassoc-1");
    }

    #[test]
    fn its_state_is_told() {
        use RouteTableAssociationStateCode as State;
        let readiness = |state| SubnetRouteTableAssociation::readiness(&live(state));
        assert_eq!(readiness(State::Associated), Readiness::Ready);
        assert_eq!(readiness(State::Associating), Readiness::Pending("associating".into()));
        assert_eq!(readiness(State::Disassociating), Readiness::Deleting);
        assert_eq!(readiness(State::Failed), Readiness::Failed("failed".into()));
    }
}
