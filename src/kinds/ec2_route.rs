//! `AWS::EC2::Route`

use aws_sdk_ec2::types;
use serde::{Deserialize, Serialize};

use super::ec2::{self, Cidr};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::{Class, Fault};
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct Route;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    carrier_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    core_network_arn: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_ipv6_cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    destination_prefix_list_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    egress_only_internet_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nat_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    network_interface_id: Option<String>,
    route_table_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    transit_gateway_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_endpoint_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vpc_peering_connection_id: Option<String>,
}

/// A route and the table that it is in.
#[derive(Debug)]
pub struct Live {
    route_table_id: String,
    route: types::Route,
}

impl Kind for Route {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::Route";
    const DOC: &'static str = "Sends what goes to one destination, in the subnets of a route table, to one target. \
        Works at once; it waits until its target works. \
        Nothing blocks its deletion. When its target goes first, it stays, as a blackhole.";
    const FIELDS: &'static [Field] = &[
        Field::updates("CarrierGatewayId", "Target: a carrier gateway, in a Wavelength Zone."),
        Field::updates("CoreNetworkArn", "Target: a Cloud WAN core network.").when_ready(),
        Field::replaces("DestinationCidrBlock", "Destination: an IPv4 range."),
        Field::replaces("DestinationIpv6CidrBlock", "Destination: an IPv6 range."),
        Field::replaces("DestinationPrefixListId", "Destination: a prefix list."),
        Field::updates("EgressOnlyInternetGatewayId", "Target for IPv6: an egress-only gateway."),
        Field::updates("GatewayId", "Target: an internet gateway or a virtual private gateway.")
            .when_ready(),
        Field::updates("InstanceId", "Target: a NAT instance."),
        Field::updates("LocalGatewayId", "Target: a local gateway, on an Outpost."),
        Field::updates("NatGatewayId", "Target: a NAT gateway.").when_ready(),
        Field::updates("NetworkInterfaceId", "Target: a network interface."),
        Field::replaces("RouteTableId", "The route table."),
        Field::updates("TransitGatewayId", "Target: a transit gateway.").when_ready(),
        Field::updates("VpcEndpointId", "Target: a Gateway Load Balancer endpoint.").when_ready(),
        Field::updates("VpcPeeringConnectionId", "Target: a VPC peering connection.").when_ready(),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("CidrBlock", "The destination: a range, or the id of a prefix list.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);

    fn id(live: &Live) -> PhysicalId {
        key(&Self::spec(live)).unwrap_or_else(|| PhysicalId::new(&live.route_table_id))
    }

    fn spec(live: &Live) -> Spec {
        let route = &live.route;
        // The API shows an endpoint as a gateway.
        let (vpc_endpoint_id, gateway_id) = match route.gateway_id() {
            Some(id) if id.starts_with("vpce-") => (Some(id.to_owned()), None),
            id => (None, id.map(str::to_owned)),
        };
        Spec {
            carrier_gateway_id: route.carrier_gateway_id.clone(),
            core_network_arn: route.core_network_arn.clone(),
            destination_cidr_block: Cidr::read(route.destination_cidr_block()),
            destination_ipv6_cidr_block: Cidr::read(route.destination_ipv6_cidr_block()),
            destination_prefix_list_id: route.destination_prefix_list_id.clone(),
            egress_only_internet_gateway_id: route.egress_only_internet_gateway_id.clone(),
            gateway_id,
            instance_id: route.instance_id.clone(),
            local_gateway_id: route.local_gateway_id.clone(),
            nat_gateway_id: route.nat_gateway_id.clone(),
            network_interface_id: route.network_interface_id.clone(),
            route_table_id: live.route_table_id.clone(),
            transit_gateway_id: route.transit_gateway_id.clone(),
            vpc_endpoint_id,
            vpc_peering_connection_id: route.vpc_peering_connection_id.clone(),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("CidrBlock", destination(&Self::spec(live)))])
    }

    /// A blackhole is a route, too: it works again with its target.
    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        key(spec)
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let filter = ec2::key_filter("route-table-id", wanted);
        let tables = ec2::route_tables(cx, vec![filter]).await?;
        let routes = tables.into_iter().flat_map(|table| {
            let route_table_id = table.route_table_id.unwrap_or_default();
            let routes = table.routes.unwrap_or_default().into_iter();
            routes.map(move |route| Live { route_table_id: route_table_id.clone(), route })
        });
        Ok(routes.collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let id = key(spec).ok_or_else(|| {
            Fault::new(Class::Invalid, "a route needs a destination: DestinationCidrBlock, DestinationIpv6CidrBlock or DestinationPrefixListId")
        })?;
        cx.ec2
            .create_route()
            .route_table_id(&spec.route_table_id)
            .set_destination_cidr_block(Cidr::send(spec.destination_cidr_block.as_ref()))
            .set_destination_ipv6_cidr_block(Cidr::send(spec.destination_ipv6_cidr_block.as_ref()))
            .set_destination_prefix_list_id(spec.destination_prefix_list_id.clone())
            .set_carrier_gateway_id(spec.carrier_gateway_id.clone())
            .set_core_network_arn(spec.core_network_arn.clone())
            .set_egress_only_internet_gateway_id(spec.egress_only_internet_gateway_id.clone())
            .set_gateway_id(spec.gateway_id.clone())
            .set_instance_id(spec.instance_id.clone())
            .set_local_gateway_id(spec.local_gateway_id.clone())
            .set_nat_gateway_id(spec.nat_gateway_id.clone())
            .set_network_interface_id(spec.network_interface_id.clone())
            .set_transit_gateway_id(spec.transit_gateway_id.clone())
            .set_vpc_endpoint_id(spec.vpc_endpoint_id.clone())
            .set_vpc_peering_connection_id(spec.vpc_peering_connection_id.clone())
            .send()
            .await?;
        Ok(id)
    }

    /// Whatever differs, the one call gives the route its one target.
    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        cx.ec2
            .replace_route()
            .route_table_id(&to.route_table_id)
            .set_destination_cidr_block(Cidr::send(to.destination_cidr_block.as_ref()))
            .set_destination_ipv6_cidr_block(Cidr::send(to.destination_ipv6_cidr_block.as_ref()))
            .set_destination_prefix_list_id(to.destination_prefix_list_id.clone())
            .set_carrier_gateway_id(to.carrier_gateway_id.clone())
            .set_core_network_arn(to.core_network_arn.clone())
            .set_egress_only_internet_gateway_id(to.egress_only_internet_gateway_id.clone())
            .set_gateway_id(to.gateway_id.clone())
            .set_instance_id(to.instance_id.clone())
            .set_local_gateway_id(to.local_gateway_id.clone())
            .set_nat_gateway_id(to.nat_gateway_id.clone())
            .set_network_interface_id(to.network_interface_id.clone())
            .set_transit_gateway_id(to.transit_gateway_id.clone())
            .set_vpc_endpoint_id(to.vpc_endpoint_id.clone())
            .set_vpc_peering_connection_id(to.vpc_peering_connection_id.clone())
            .send()
            .await?;
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let deletion = cx
            .ec2
            .delete_route()
            .route_table_id(&recorded.route_table_id)
            .set_destination_cidr_block(Cidr::send(recorded.destination_cidr_block.as_ref()))
            .set_destination_ipv6_cidr_block(Cidr::send(
                recorded.destination_ipv6_cidr_block.as_ref(),
            ))
            .set_destination_prefix_list_id(recorded.destination_prefix_list_id.clone());
        ec2::gone(deletion.send().await)
    }
}

fn key(spec: &Spec) -> Option<PhysicalId> {
    Some(PhysicalId::joined([&spec.route_table_id, destination(spec)?]))
}

fn destination(spec: &Spec) -> Option<&str> {
    let range = spec.destination_cidr_block.as_deref();
    let range = range.or(spec.destination_ipv6_cidr_block.as_deref());
    range.or(spec.destination_prefix_list_id.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::RouteState;
    use serde_json::json;

    fn natural_id(spec: serde_json::Value) -> Option<PhysicalId> {
        Route::natural_id(&serde_json::from_value(spec).unwrap())
    }

    #[test]
    fn a_route_is_known_by_its_table_and_destination() {
        let id = |destination| Some(PhysicalId::joined(["rtb-1", destination]));
        assert_eq!(
            natural_id(json!({"RouteTableId": "rtb-1", "DestinationCidrBlock": "10.1.2.3/8"})),
            id("10.0.0.0/8")
        );
        assert_eq!(
            natural_id(json!({"RouteTableId": "rtb-1", "DestinationIpv6CidrBlock": "::/0"})),
            id("::/0")
        );
        assert_eq!(
            natural_id(json!({"RouteTableId": "rtb-1", "DestinationPrefixListId": "pl-1"})),
            id("pl-1")
        );
        assert_eq!(natural_id(json!({"RouteTableId": "rtb-1"})), None);
    }

    #[test]
    fn a_blackhole_is_still_there() {
        let route = types::Route::builder()
            .destination_cidr_block("0.0.0.0/0")
            .nat_gateway_id("nat-1")
            .state(RouteState::Blackhole);
        let live = Live { route_table_id: "rtb-1".into(), route: route.build() };
        assert_eq!(Route::id(&live), PhysicalId::joined(["rtb-1", "0.0.0.0/0"]));
        assert_eq!(Route::readiness(&live), Readiness::Ready);
        assert_eq!(
            serde_json::to_value(Route::spec(&live)).unwrap(),
            json!({
                "RouteTableId": "rtb-1", "DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1",
            })
        );
    }

    #[test]
    fn an_endpoint_is_no_gateway() {
        let route =
            types::Route::builder().destination_cidr_block("0.0.0.0/0").gateway_id("vpce-1");
        let spec = Route::spec(&Live { route_table_id: "rtb-1".into(), route: route.build() });
        assert_eq!((spec.gateway_id, spec.vpc_endpoint_id), (None, Some("vpce-1".into())));
    }
}
