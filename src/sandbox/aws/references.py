"""Lookups across services: restores that AWS refuses references to what does not exist."""


def role(call, arn, error):
    """The IAM role of this ARN, of this account; `error` is raised when there is none."""
    for candidate in call.backend("iam").roles.values():
        if candidate.arn == arn:
            return candidate
    raise error


def subnets(call, ids, error):
    """The subnets of these ids; `error(id)` makes the fault for a missing one."""
    known = {subnet.id: subnet for zone in call.backend("ec2").subnets.values() for subnet in zone.values()}
    for subnet_id in ids:
        if subnet_id not in known:
            raise error(subnet_id)
    return [known[subnet_id] for subnet_id in ids]


def security_groups(call, ids, error):
    groups = []
    for group_id in ids:
        group = call.backend("ec2").get_security_group_from_id(group_id)
        if group is None:
            raise error(group_id)
        groups.append(group)
    return groups


def key(call, key_id, error):
    """The usable KMS key of this id, ARN or alias, or None for AWS's own (`alias/aws/…`), which always exist."""
    backend, name = call.backend("kms"), key_id.split(":", 5)[-1]
    if name.startswith("alias/aws/"):
        return None
    known = backend.get_key_id_from_alias(name) if name.startswith("alias/") else name.removeprefix("key/")
    if known not in backend.keys or backend.keys[known].key_state != "Enabled":
        raise error
    return backend.keys[known]
