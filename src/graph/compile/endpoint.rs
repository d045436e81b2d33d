//! The ways from the network to services of AWS that do not leave it.

use serde_json::{Value, json};

use super::{Compiler, get, vpc_id};
use crate::address::Address;
use crate::blueprint::component::network::{EndpointType, Network, Tier, VpcEndpoint};
use crate::blueprint::value::EndpointService;

impl Compiler<'_> {
    pub(super) fn endpoints(&mut self, network: &Network) {
        let by_address = |(service, endpoint): (&EndpointService, &VpcEndpoint)| {
            endpoint.endpoint_type(service) == EndpointType::Interface
        };
        let mut endpoints = network.endpoints.0.iter().map(|(service, it)| (service, &it.value));
        let group = endpoints.any(by_address).then(|| self.endpoint_group(network));
        for (service, endpoint) in &network.endpoints.0 {
            let mut spec = json!({
                "VpcId": vpc_id(),
                "ServiceName": format!("com.amazonaws.{}.{service}", self.builder.region()),
                "PolicyDocument": endpoint.policy,
                "Tags": self.name_tag(service),
            });
            match (endpoint.endpoint_type(service), &group) {
                (EndpointType::Interface, Some(group)) => {
                    spec["VpcEndpointType"] = json!("Interface");
                    spec["SubnetIds"] = json!(self.subnet_ids(endpoint.subnets.value));
                    spec["SecurityGroupIds"] = json!([get(group, "GroupId")]);
                    // The service's usual name then leads here, from everywhere in the network.
                    spec["PrivateDnsEnabled"] = json!(true);
                }
                (EndpointType::Interface, None) | (EndpointType::Gateway, _) => {
                    spec["VpcEndpointType"] = json!("Gateway");
                    spec["RouteTableIds"] = json!(self.inner_route_tables(network));
                }
            }
            self.add(&address(service), "AWS::EC2::VPCEndpoint", spec);
        }
    }

    /// Everything in the network may ask; what it may do, IAM and the endpoint's policy decide.
    fn endpoint_group(&mut self, network: &Network) -> Address {
        let group = self.security_group_at(
            &Address::of("network", "endpoint-security-group"),
            "endpoints",
            "endpoints of AWS services",
        );
        let spec = json!({
            "GroupId": get(&group, "GroupId"), "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
            "CidrIp": network.cidr.to_string(),
        });
        let at = Address::of("network", "endpoint-ingress/443");
        self.add(&at, "AWS::EC2::SecurityGroupIngress", spec);
        group
    }

    /// The route tables of the tiers that are not reached from the internet.
    fn inner_route_tables(&self, network: &Network) -> Vec<Value> {
        let mut tables: Vec<Address> = self
            .zones()
            .iter()
            .take(network.subnets_of(Tier::Private).len())
            .map(|zone| Address::of("network", &format!("route-table/private-{}", zone.short)))
            .collect();
        if network.subnets.contains_key(&Tier::Data) {
            tables.push(Address::of("network", "route-table/data"));
        }
        tables.iter().map(|table| get(table, "RouteTableId")).collect()
    }
}

/// All endpoints of a network.
pub(super) fn addresses(network: &Network) -> impl Iterator<Item = Address> {
    network.endpoints.0.keys().map(address)
}

fn address(service: &EndpointService) -> Address {
    Address::of("network", &format!("endpoint/{service}"))
}
