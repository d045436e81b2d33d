"""Restores the rules of VPC networking that decide in which order things can be made and removed.

Refusals (DependencyViolation and its kin), the pending states of VPCs and NAT gateways, blackhole routes, the default
entries of network ACLs, attributes and filters that moto drops; as the EC2 API reference documents them.
"""

from fnmatch import fnmatchcase

from moto.ec2 import utils
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.models.network_acls import NetworkAcl
from moto.ec2.models.route_tables import Route
from moto.ec2.models.subnets import Subnet

import interfaces
from clock import CLOCK
from wire import fault, operation, tag_map

# Deleted and failed NAT gateways stay visible for about an hour.
NAT_TOMBSTONE = 3600


def dependency(kind, identity):
    return fault("DependencyViolation", f"The {kind} '{identity}' has dependencies and cannot be deleted.")


# Filters


def _any_value(matches):
    """A filter of several values finds what has any of them; moto asks an object with several to have all or no other."""

    def matching(thing, name, values):
        # moto's own questions come with a single value.
        values = [values] if isinstance(values, str) else values
        return any(matches(thing, name, [value]) for value in values)

    return matching


utils.is_filter_matching = _any_value(utils.is_filter_matching)


# VPC


@operation("ec2", "CreateVpc")
def create_vpc(call):
    """A VPC is `pending` for some seconds."""
    reply = call.proceed()
    vpc = call.backend("ec2").vpcs[reply["Vpc"]["VpcId"]]
    vpc.state = reply["Vpc"]["State"] = "pending"
    CLOCK.after(CLOCK.typical("AWS::EC2::VPC", "create"), lambda: setattr(vpc, "state", "available"))
    return reply


@operation("ec2", "DeleteVpc")
def delete_vpc(call):
    """Refused while anything but the VPC's own defaults lives in it; the defaults go with it."""
    backend, vpc_id = call.backend("ec2"), call.params["VpcId"]
    backend.get_vpc(vpc_id)
    occupied = (
        any(gateway.vpc and gateway.vpc.id == vpc_id for gateway in backend.internet_gateways.values())
        or any(not group.is_default for group in backend.groups[vpc_id].values())
        or any(acl.vpc_id == vpc_id and not acl.default for acl in backend.network_acls.values())
        or any(end.vpc_id == vpc_id and end.state != "deleted" for end in backend.vpc_end_points.values())
    )
    if occupied:
        raise dependency("vpc", vpc_id)
    answer = call.forward()
    for acl_id in [acl.id for acl in backend.network_acls.values() if acl.vpc_id == vpc_id]:
        del backend.network_acls[acl_id]
    backend.groups.pop(vpc_id, None)
    return answer


# Subnet

Subnet.enable_dns64 = False


@operation("ec2", "CreateSubnet")
def create_subnet(call):
    zone = call.get("AvailabilityZone")
    zones = [known.name for known in call.backend("ec2").describe_availability_zones()]
    if zone and zone not in zones:
        raise fault("InvalidParameterValue", f"Value ({zone}) for parameter availabilityZone is invalid. Subnets can "
                    f"currently only be created in the following availability zones: {', '.join(zones)}.")
    return call.forward()


@operation("ec2", "ModifySubnetAttribute")
def modify_subnet_attribute(call):
    subnet = call.backend("ec2").get_subnet(call.params["SubnetId"])
    options = subnet.private_dns_name_options_on_launch
    if "EnableDns64" in call.params:
        subnet.enable_dns64 = call.params["EnableDns64"]["Value"]
    if "PrivateDnsHostnameTypeOnLaunch" in call.params:
        options["HostnameType"] = call.params["PrivateDnsHostnameTypeOnLaunch"]
    if "EnableResourceNameDnsAAAARecordOnLaunch" in call.params:
        options["EnableResourceNameDnsAAAARecord"] = call.params["EnableResourceNameDnsAAAARecordOnLaunch"]["Value"]
    return call.forward()


@operation("ec2", "DeleteSubnet")
def delete_subnet(call):
    """Refused while an interface is in it; its associations go with it."""
    backend, subnet_id = call.backend("ec2"), call.params["SubnetId"]
    backend.get_subnet(subnet_id)
    if any(interface.subnet.id == subnet_id for interface in backend.enis.values()):
        raise dependency("subnet", subnet_id)
    answer = call.forward()
    for acl in backend.network_acls.values():
        acl._associations = {key: held for key, held in acl._associations.items() if held.subnet_id != subnet_id}
    for table in backend.route_tables.values():
        table._associations = {key: held for key, held in table._associations.items() if held != subnet_id}
    return answer


# Internet gateway


@operation("ec2", "AttachInternetGateway")
def attach_internet_gateway(call):
    vpc_id = call.params["VpcId"]
    for gateway in call.backend("ec2").internet_gateways.values():
        if gateway.vpc and gateway.vpc.id == vpc_id and gateway.id != call.params["InternetGatewayId"]:
            raise fault("InvalidParameterValue", f"Network {vpc_id} already has an internet gateway attached")
    return call.forward()


@operation("ec2", "DetachInternetGateway")
def detach_internet_gateway(call):
    """Refused while a NAT gateway, a load balancer or anything else in the VPC has a public address."""
    vpc_id = call.params["VpcId"]
    for interface in call.backend("ec2").enis.values():
        if interface.vpc_id == vpc_id and interface.public_ip:
            raise fault("DependencyViolation", f"Network {vpc_id} has some mapped public address(es). Please unmap "
                        "those public address(es) before detaching the gateway.")
    return call.forward()


# Elastic IP address


@operation("ec2", "ReleaseAddress")
def release_address(call):
    address = _address(call, "AllocationId", call.get("AllocationId"))
    if address and address.association_id:
        raise fault("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    return call.forward()


@operation("ec2", "DisassociateAddress")
def disassociate_address(call):
    address = _address(call, "AssociationId", call.get("AssociationId"))
    if address and address.eni and interfaces.managed(call, address.eni.id):
        raise fault("AuthFailure", "You do not have permission to access the specified resource.")
    return call.forward()


def _address(call, member, value):
    attribute = {"AllocationId": "allocation_id", "AssociationId": "association_id"}[member]
    return next((a for a in call.backend("ec2").addresses if value and getattr(a, attribute) == value), None)


@operation("ec2", "DeleteNetworkInterface")
def delete_network_interface(call):
    if interfaces.managed(call, call.params["NetworkInterfaceId"]):
        raise fault("OperationNotPermitted", "You are not allowed to manage this network interface: it belongs to a "
                    "service.")
    return call.forward()


# Instances


@operation("ec2", "TerminateInstances")
def terminate_instances(call):
    """The interface that an instance was started with goes with it: `DeleteOnTermination` is true where nobody says no."""
    answer = call.forward()
    enis = call.backend("ec2").enis
    for interface in list(enis.values()):
        primary = interface.description == "Primary network interface"
        if primary and interface.instance and interface.instance.id in call.params["InstanceIds"]:
            del enis[interface.id]
    return answer


# NAT gateway


@operation("ec2", "CreateNatGateway")
def create_nat_gateway(call):
    """`pending` for its typical time, then `available`; or `failed`, as AWS finds out about a wrong setup only then."""
    backend, public = call.backend("ec2"), call.get("ConnectivityType", "public") == "public"
    subnet, allocation = backend.get_subnet(call.params["SubnetId"]), call.get("AllocationId")
    if public and not allocation:
        raise fault("MissingParameter", "The request must contain the parameter AllocationId")
    failure = None
    if public:
        address = backend.address_by_allocation([allocation])[0]
        if address.association_id:
            failure = "Resource.AlreadyAssociated", f"Elastic IP address [{allocation}] is already associated"
        elif not any(igw.vpc and igw.vpc.id == subnet.vpc_id for igw in backend.internet_gateways.values()):
            failure = "Gateway.NotAttached", f"Network {subnet.vpc_id} has no Internet gateway attached"
    specifications = call.get("TagSpecifications", [])
    gateway = backend.create_nat_gateway(
        subnet.id,
        None if failure or not public else allocation,
        tags=tag_map([tag for spec in specifications for tag in spec.get("Tags", [])]),
        connectivity_type="public" if public else "private",
    )
    gateway.state = "pending"
    interface = gateway._eni
    interface.description = f"Interface for NAT Gateway {gateway.id}"
    interface.status, interface.interface_type, interface.requester_managed = "in-use", "nat_gateway", True
    interface._group_set = []
    call.table("interfaces").setdefault(gateway.id, []).append(interface.id)

    def settled():
        if gateway.state != "pending":
            return
        if failure:
            gateway.state = "failed"
            gateway.failure_code, gateway.failure_message = failure
            _bury(call, gateway)
        else:
            gateway.state = "available"

    CLOCK.after(CLOCK.typical("AWS::EC2::NatGateway", "create"), settled)
    return {"NatGateway": _nat_gateway(gateway), "ClientToken": call.get("ClientToken")}


@operation("ec2", "DescribeNatGateways")
def describe_nat_gateways(call):
    gateways = call.backend("ec2").nat_gateways
    for gateway_id in call.get("NatGatewayIds", []):
        if gateway_id not in gateways:
            raise _no_nat_gateway(gateway_id)
    wanted = call.get("NatGatewayIds") or list(gateways)
    filters = call.get("Filters") or call.get("Filter") or []
    found = [_nat_gateway(gateways[gateway_id]) for gateway_id in wanted]
    return {"NatGateways": [gateway for gateway in found if all(_passes(gateway, f) for f in filters)]}


@operation("ec2", "DeleteNatGateway")
def delete_nat_gateway(call):
    """`deleting` for its typical time, with its address and interface; then `deleted`, and forgotten within the hour."""
    gateway = call.backend("ec2").nat_gateways.get(call.params["NatGatewayId"])
    if gateway is None:
        raise _no_nat_gateway(call.params["NatGatewayId"])
    if gateway.state in ("pending", "available", "failed"):
        gateway.state = "deleting"

        def gone():
            gateway.state = "deleted"
            _bury(call, gateway)

        CLOCK.after(CLOCK.typical("AWS::EC2::NatGateway", "delete"), gone)
    return {"NatGatewayId": gateway.id}


def _no_nat_gateway(gateway_id):
    return fault("NatGatewayNotFound", f"The Nat Gateway {gateway_id} was not found")


def _bury(call, gateway):
    """Gives back the address and the interface, and takes the tombstone away in time."""
    backend = call.backend("ec2")
    for address in backend.addresses:
        if address.eni is gateway._eni:
            backend.disassociate_address(association_id=address.association_id)
    interfaces.release(call, gateway.id)
    CLOCK.after(CLOCK.scaled(NAT_TOMBSTONE), lambda: backend.nat_gateways.pop(gateway.id, None))


def _nat_gateway(gateway):
    address = gateway.address_set[0]
    public = {
        "AllocationId": address.get("allocationId"),
        "AssociationId": address.get("associationId"),
        "PublicIp": address.get("publicIp"),
    }
    return {
        "NatGatewayId": gateway.id,
        "SubnetId": gateway.subnet_id,
        "VpcId": gateway.vpc_id,
        "State": gateway.state,
        "ConnectivityType": gateway.connectivity_type,
        "CreateTime": gateway._created_at,
        "FailureCode": getattr(gateway, "failure_code", None),
        "FailureMessage": getattr(gateway, "failure_message", None),
        "NatGatewayAddresses": [
            {
                **public,
                "NetworkInterfaceId": address["networkInterfaceId"],
                "PrivateIp": address["privateIp"],
                "IsPrimary": True,
                "Status": "succeeded",
            }
        ],
        "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in gateway.get_tags()],
    }


def _passes(gateway, wanted):
    tags = tag_map(gateway["Tags"])
    name = wanted["Name"]
    match name:
        case "nat-gateway-id" | "subnet-id" | "vpc-id" | "state":
            member = {"nat-gateway-id": "NatGatewayId", "subnet-id": "SubnetId", "vpc-id": "VpcId", "state": "State"}
            values = [gateway[member[name]]]
        case "tag-key":
            values = list(tags)
        case _ if name.startswith("tag:"):
            values = [tags[name[4:]]] if name[4:] in tags else []
        case _:
            raise fault("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(fnmatchcase(value, pattern) for value in values for pattern in wanted.get("Values", []))


# Route table


def _state(route):
    """A route whose target is gone is a blackhole."""
    nat, gateway = route.nat_gateway, route.gateway
    lost = (nat and nat.state not in ("pending", "available")) or (gateway and getattr(gateway, "vpc", gateway) is None)
    return "blackhole" if lost else "active"


Route.state = property(_state)


# Network ACL


def _acl_filter_value(known):
    """Filters by `network-acl-id`, which moto knows only of associations."""

    def value(acl, name, method_name=None):
        return acl.id if name == "network-acl-id" else known(acl, name, method_name)

    return value


NetworkAcl.get_filter_value = _acl_filter_value(NetworkAcl.get_filter_value)


@operation("ec2", "CreateRoute", "ReplaceRoute")
def create_route(call):
    backend = call.backend("ec2")
    table = backend.get_route_table(call.params["RouteTableId"])
    nat_id, gateway_id = call.get("NatGatewayId"), call.get("GatewayId", "")
    nat = backend.nat_gateways.get(nat_id)
    if nat_id and (nat is None or nat.state not in ("pending", "available")):
        raise fault("InvalidNatGatewayID.NotFound", f"The natGateway ID '{nat_id}' does not exist")
    if gateway_id.startswith("igw-"):
        gateway = backend.get_internet_gateway(gateway_id)
        if gateway.vpc is None or gateway.vpc.id != table.vpc_id:
            raise fault("InvalidParameterValue", f"route table {table.id} and network gateway {gateway_id} belong to "
                        "different networks")
    return call.forward()


@operation("ec2", "DeleteRoute")
def delete_route(call):
    table = call.backend("ec2").get_route_table(call.params["RouteTableId"])
    destination = call.get("DestinationCidrBlock") or call.get("DestinationIpv6CidrBlock")
    for route in table.routes:
        if route.local and destination in (route.destination_cidr_block, route.destination_ipv6_cidr_block):
            raise fault("InvalidParameterValue", f"cannot remove local route {destination} in route table {table.id}")
    return call.forward()


@operation("ec2", "AssociateRouteTable")
def associate_route_table(call):
    backend, subnet_id = call.backend("ec2"), call.get("SubnetId")
    table = backend.get_route_table(call.params["RouteTableId"])
    if subnet_id:
        subnet = backend.get_subnet(subnet_id)
        if subnet.vpc_id != table.vpc_id:
            raise fault("InvalidParameterValue", f"Route table {table.id} and subnet {subnet_id} belong to different "
                        "networks")
        for other in backend.route_tables.values():
            if other is not table and subnet_id in other._associations.values():
                raise fault("Resource.AlreadyAssociated", f"the specified association for route table {table.id} "
                            "conflicts with an existing association")
    return call.forward()


@operation("ec2", "DeleteRouteTable")
def delete_route_table(call):
    table = call.backend("ec2").get_route_table(call.params["RouteTableId"])
    if table.main_association_id:
        raise dependency("routeTable", table.id)
    return call.forward()


# Network ACL


@operation("ec2", "CreateNetworkAcl")
def create_network_acl(call):
    """A new network ACL denies everything, in two entries of number 32767."""
    reply = call.proceed()
    backend = call.backend("ec2")
    acl = backend.network_acls[reply["NetworkAcl"]["NetworkAclId"]]
    denial = {"Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0", "RuleNumber": 32767}
    for egress in (True, False):
        backend.create_network_acl_entry(acl.id, 32767, "-1", "deny", egress, "0.0.0.0/0", None, None, None, None, None)
    reply["NetworkAcl"]["Entries"] = [{**denial, "Egress": True}, {**denial, "Egress": False}]
    return reply


@operation("ec2", "DeleteNetworkAcl")
def delete_network_acl(call):
    acl = call.backend("ec2").get_network_acl(call.params["NetworkAclId"])
    if acl.default:
        raise fault("InvalidParameterValue", f"cannot delete default network ACL {acl.id}")
    return call.forward()


@operation("ec2", "DescribeNetworkAcls")
def describe_network_acls(call):
    for acl_id in call.get("NetworkAclIds", []):
        call.backend("ec2").get_network_acl(acl_id)
    return call.forward()


@operation("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry")
def create_network_acl_entry(call):
    """Keeps the ICMP type and code."""
    if call.name == "ReplaceNetworkAclEntry":
        _entry(call)
    answer = call.forward()
    icmp = call.get("IcmpTypeCode")
    if icmp:
        entry = _entry(call)
        entry.icmp_type, entry.icmp_code = icmp.get("Type"), icmp.get("Code")
    return answer


@operation("ec2", "DeleteNetworkAclEntry")
def delete_network_acl_entry(call):
    _entry(call)
    return call.forward()


def _entry(call):
    acl = call.backend("ec2").get_network_acl(call.params["NetworkAclId"])
    number, egress = call.params["RuleNumber"], call.params["Egress"]
    for entry in acl.network_acl_entries:
        if int(entry.rule_number) == int(number) and entry.egress == egress:
            return entry
    direction = "egress" if egress else "ingress"
    raise fault("InvalidNetworkAclEntry.NotFound", f"The {direction} entry with rule number {number} does not exist in "
                f"network ACL {acl.id}")


@operation("ec2", "ReplaceNetworkAclAssociation")
def replace_network_acl_association(call):
    backend, association_id = call.backend("ec2"), call.params["AssociationId"]
    wanted = backend.get_network_acl(call.params["NetworkAclId"])
    holder = next((acl for acl in backend.network_acls.values() if association_id in acl._associations), None)
    if holder is None:
        raise fault("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    if holder.vpc_id != wanted.vpc_id:
        raise fault("InvalidParameterValue", f"Network ACL {wanted.id} and subnet "
                    f"{holder._associations[association_id].subnet_id} belong to different networks")
    return call.forward()


# Tags


def _get_tags(resource):
    """The tags of one resource; moto searches all tags of the region for them."""
    tags = resource.ec2_backend.tags.get(resource.id, {})
    return [{"key": key, "value": value, "resource_id": resource.id} for key, value in tags.items()]


TaggedEC2Resource.get_tags = _get_tags
