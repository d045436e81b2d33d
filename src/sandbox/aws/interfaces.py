"""Restores the network interfaces that AWS puts into a customer's subnets for managed services.

They are what makes EC2 refuse to delete a subnet or a security group that is in use: every refusal of that sort follows
from them, and none has to know about EKS, RDS or load balancers.
"""

from moto.ec2.utils import random_private_ip


def attach(call, owner, subnet, group_ids, description, kind="interface"):
    """An interface in `subnet`, held by `owner` until `release(owner)`."""
    backend = call.backend("ec2")
    interface = backend.create_network_interface(
        subnet, random_private_ip(subnet.cidr_block), group_ids=list(group_ids), description=description
    )
    interface.status = "in-use"
    interface.requester_managed = True
    interface.interface_type = kind
    call.table("interfaces").setdefault(owner, []).append(interface.id)
    return interface


def release(call, owner):
    """Removes what `attach` made for this owner."""
    backend = call.backend("ec2")
    for interface_id in call.table("interfaces").pop(owner, []):
        backend.enis.pop(interface_id, None)


def regroup(call, owner, group_ids):
    """Gives the interfaces of this owner other security groups."""
    backend = call.backend("ec2")
    for interface_id in call.table("interfaces").get(owner, []):
        backend.enis[interface_id]._group_set = [backend.get_security_group_from_id(group_id) for group_id in group_ids]


def managed(call, interface_id):
    """Whether a service holds this interface, so that nobody else may delete it."""
    return any(interface_id in ids for ids in call.table("interfaces").values())
