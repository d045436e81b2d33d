"""Restores VPC endpoints: pending interfaces, routes of gateways, what is refused, what a change adds and removes.

moto makes every endpoint available at once, keeps deleted ones for ever, and drops what it is told of DNS.
"""

import json

from moto.ec2.models.vpcs import VPCEndPoint

import interfaces
import references
from clock import CLOCK
from wire import fault, operation

KIND = "AWS::EC2::VPCEndpoint"
MISSING = "InvalidVpcEndpointId.NotFound"
# The only services with gateways.
GATEWAYS = ("s3", "dynamodb")

VPCEndPoint.vpc_endpoint_id = property(lambda endpoint: endpoint.id)
VPCEndPoint.ip_address_type = None
VPCEndPoint.dns_options = None


@operation("ec2", "CreateVpcEndpoint")
def create_vpc_endpoint(call):
    """An interface endpoint is `pending` for its typical time; its interfaces occupy subnets and security groups."""
    backend, service = call.backend("ec2"), call.get("ServiceName", "")
    vpc = backend.get_vpc(call.params["VpcId"])
    kind = call.get("VpcEndpointType", "Gateway")
    _check_service(call, service, kind)
    call.set("VpcEndpointType", kind)
    if kind == "Gateway":
        for table in call.get("RouteTableIds", []):
            _check_route(call, table, service)
        endpoint = _made(call)
        endpoint.private_dns_enabled = False
        return call.show({"VpcEndpoint": endpoint})
    subnets = _subnets(call, vpc.id, call.get("SubnetIds", []), [])
    groups = call.get("SecurityGroupIds") or [backend.get_default_security_group(vpc.id).id]
    _check_groups(call, groups, vpc.id)
    private = call.get("PrivateDnsEnabled", True)
    if private:
        _check_private_dns(call, vpc, service)
    # The interfaces are the extension's.
    call.drop("SubnetIds")
    endpoint = _made(call)
    endpoint.private_dns_enabled, endpoint.security_group_ids = private, list(groups)
    endpoint.subnet_ids, endpoint.network_interface_ids = [], []
    endpoint.ip_address_type = call.get("IpAddressType", "ipv4")
    endpoint.dns_options = {"DnsRecordIpType": endpoint.ip_address_type, **call.get("DnsOptions", {})}
    for subnet in subnets:
        _attach(call, endpoint, subnet)
    endpoint.state = "pending"

    def available():
        if endpoint.state == "pending":
            endpoint.state = "available"

    CLOCK.after(CLOCK.typical(KIND, "create"), available)
    return call.show({"VpcEndpoint": endpoint})


@operation("ec2", "ModifyVpcEndpoint")
def modify_vpc_endpoint(call):
    """What is added must not be there yet; what it was told of DNS is kept."""
    endpoint = _endpoint(call, call.params["VpcEndpointId"])
    vpc = call.backend("ec2").get_vpc(endpoint.vpc_id)
    if call.get("PolicyDocument"):
        endpoint.policy_document = call.params["PolicyDocument"]
    if call.get("ResetPolicy"):
        endpoint.policy_document = json.dumps(VPCEndPoint.DEFAULT_POLICY)
    for table in call.get("AddRouteTableIds", []):
        _check_route(call, table, endpoint.service_name)
        _route(call, endpoint, table)
    for table in call.get("RemoveRouteTableIds", []):
        _unroute(call, endpoint, table)
    leaving = call.get("RemoveSubnetIds", [])
    staying = [subnet for subnet in endpoint.subnet_ids or [] if subnet not in leaving]
    for subnet in _subnets(call, vpc.id, call.get("AddSubnetIds", []), staying):
        _attach(call, endpoint, subnet)
    for subnet in leaving:
        _detach(call, endpoint, subnet)
    added = call.get("AddSecurityGroupIds", [])
    _check_groups(call, added, vpc.id)
    kept = [group for group in endpoint.security_group_ids if group not in call.get("RemoveSecurityGroupIds", [])]
    endpoint.security_group_ids = kept + [group for group in added if group not in kept]
    interfaces.regroup(call, endpoint.id, endpoint.security_group_ids)
    if call.get("PrivateDnsEnabled") and not endpoint.private_dns_enabled:
        _check_private_dns(call, vpc, endpoint.service_name)
    endpoint.private_dns_enabled = call.get("PrivateDnsEnabled", endpoint.private_dns_enabled)
    endpoint.ip_address_type = call.get("IpAddressType", endpoint.ip_address_type)
    if call.get("DnsOptions"):
        endpoint.dns_options = {**(endpoint.dns_options or {}), **call.params["DnsOptions"]}
    return {"Return": True}


@operation("ec2", "DeleteVpcEndpoints")
def delete_vpc_endpoints(call):
    """Answers with a success and lists what it refused. Interfaces stay for the typical time of the deletion."""
    refused = []
    for endpoint_id in call.get("VpcEndpointIds", []):
        endpoint = call.backend("ec2").vpc_end_points.get(endpoint_id)
        if endpoint is None:
            item = {"Code": MISSING, "Message": f"The Vpc Endpoint Id '{endpoint_id}' does not exist"}
            refused.append({"ResourceId": endpoint_id, "Error": item})
            continue
        for table in list(endpoint.route_table_ids):
            _unroute(call, endpoint, table)
        if endpoint.vpc_endpoint_type == "Gateway":
            _forget(call, endpoint)
        elif endpoint.state != "deleting":
            endpoint.state = "deleting"
            CLOCK.after(CLOCK.typical(KIND, "delete"), lambda endpoint=endpoint: _forget(call, endpoint))
    return {"Unsuccessful": refused}


def _made(call):
    reply = call.proceed()
    return call.backend("ec2").vpc_end_points[reply["VpcEndpoint"]["VpcEndpointId"]]


def _endpoint(call, endpoint_id):
    endpoint = call.backend("ec2").vpc_end_points.get(endpoint_id)
    if endpoint is None:
        raise fault(MISSING, f"The Vpc Endpoint Id '{endpoint_id}' does not exist")
    return endpoint


def _forget(call, endpoint):
    interfaces.release(call, endpoint.id)
    call.backend("ec2").vpc_end_points.pop(endpoint.id, None)


def _check_service(call, service, kind):
    ours = f"com.amazonaws.{call.region}."
    if not service.startswith((ours, "com.amazonaws.vpce.", "aws.")):
        raise fault("InvalidServiceName", f"The Vpc Endpoint Service '{service}' does not exist")
    if kind == "Gateway" and service.removeprefix(ours) not in GATEWAYS:
        raise fault("InvalidParameter", "Endpoint type (Gateway) does not match available service types ([Interface]).")


def _check_route(call, table_id, service):
    """A route table has one route to a service."""
    call.backend("ec2").get_route_table(table_id)
    for other in call.backend("ec2").vpc_end_points.values():
        if other.service_name == service and table_id in other.route_table_ids:
            raise fault("RouteAlreadyExists", f"route table {table_id} already has a route with "
                        f"destination-prefix-list-id {other.destination_prefix_list_id}")


def _route(call, endpoint, table_id):
    call.backend("ec2").create_route(
        table_id, None, gateway_id=endpoint.id, destination_prefix_list_id=endpoint.destination_prefix_list_id
    )
    endpoint.route_table_ids.append(table_id)


def _unroute(call, endpoint, table_id):
    if table_id in endpoint.route_table_ids:
        endpoint.route_table_ids.remove(table_id)
        if table_id in call.backend("ec2").route_tables:
            call.backend("ec2").delete_route(table_id, endpoint.destination_prefix_list_id)


def _subnets(call, vpc_id, ids, present):
    """An endpoint has one interface in each zone."""
    missing = lambda subnet: fault("InvalidSubnetId.NotFound", f"The subnet ID '{subnet}' does not exist")
    subnets = references.subnets(call, ids, missing)
    zones = [subnet.availability_zone for subnet in (*references.subnets(call, present, missing), *subnets)]
    if len(set(zones)) != len(zones):
        raise fault("DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of "
                    f"{ids[-1]}. VPC endpoint subnets should be in different availability zones supported by the VPC "
                    "endpoint service.")
    for subnet in subnets:
        if subnet.vpc_id != vpc_id:
            raise fault("InvalidParameter", f"The subnet {subnet.id} does not belong to the VPC {vpc_id}.")
    return subnets


def _check_groups(call, ids, vpc_id):
    missing = lambda group: fault("InvalidGroup.NotFound", f"The security group '{group}' does not exist")
    for group in references.security_groups(call, ids, missing):
        if group.vpc_id != vpc_id:
            raise fault("InvalidParameter", f"Security group {group.id} and the VPC {vpc_id} belong to different "
                        "networks.")


def _check_private_dns(call, vpc, service):
    """The names of a service lead to one endpoint, in a VPC that has names at all."""
    if "true" not in str(vpc.enable_dns_support).lower() or "true" not in str(vpc.enable_dns_hostnames).lower():
        raise fault("InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC "
                    f"attributes set to true for {vpc.id}")
    for other in call.backend("ec2").vpc_end_points.values():
        if (other.vpc_id, other.service_name) == (vpc.id, service) and other.private_dns_enabled:
            raise fault("InvalidParameter", "private-dns-enabled cannot be set because there is already a conflicting "
                        f"DNS domain for {service} in the VPC {vpc.id}")


def _attach(call, endpoint, subnet):
    interface = interfaces.attach(call, endpoint.id, subnet, endpoint.security_group_ids,
                                  f"VPC Endpoint Interface {endpoint.id}", kind="vpc_endpoint")
    endpoint.subnet_ids.append(subnet.id)
    endpoint.network_interface_ids.append(interface.id)


def _detach(call, endpoint, subnet_id):
    held, enis = call.table("interfaces").get(endpoint.id, []), call.backend("ec2").enis
    for interface_id in [known for known in held if enis[known].subnet.id == subnet_id]:
        held.remove(interface_id)
        endpoint.network_interface_ids.remove(interface_id)
        enis.pop(interface_id)
    endpoint.subnet_ids = [known for known in endpoint.subnet_ids if known != subnet_id]
