//! The registry of kinds, in the order of their names.
//!
//! Adding a kind touches its own file and two adjacent lines here.

use crate::kind::AnyKind;

mod ec2;
pub mod ec2_eip;
pub mod ec2_internet_gateway;
pub mod ec2_nat_gateway;
pub mod ec2_network_acl;
pub mod ec2_network_acl_entry;
pub mod ec2_route;
pub mod ec2_route_table;
mod ec2_rule;
pub mod ec2_security_group;
pub mod ec2_security_group_egress;
pub mod ec2_security_group_ingress;
pub mod ec2_subnet;
pub mod ec2_subnet_network_acl_association;
pub mod ec2_subnet_route_table_association;
pub mod ec2_vpc;
pub mod ec2_vpc_gateway_attachment;

/// All kinds, alphabetical by name; a test keeps them so.
pub static KINDS: &[&dyn AnyKind] = &[
    &ec2_eip::Eip,
    &ec2_internet_gateway::InternetGateway,
    &ec2_nat_gateway::NatGateway,
    &ec2_network_acl::NetworkAcl,
    &ec2_network_acl_entry::NetworkAclEntry,
    &ec2_route::Route,
    &ec2_route_table::RouteTable,
    &ec2_security_group::SecurityGroup,
    &ec2_security_group_egress::SecurityGroupEgress,
    &ec2_security_group_ingress::SecurityGroupIngress,
    &ec2_subnet::Subnet,
    &ec2_subnet_network_acl_association::SubnetNetworkAclAssociation,
    &ec2_subnet_route_table_association::SubnetRouteTableAssociation,
    &ec2_vpc::Vpc,
    &ec2_vpc_gateway_attachment::VpcGatewayAttachment,
];

/// The kind of that name (`AWS::EC2::VPC`).
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    let at = KINDS.binary_search_by(|kind| kind.name().cmp(name)).ok()?;
    Some(KINDS[at])
}
