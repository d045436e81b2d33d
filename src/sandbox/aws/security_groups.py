"""Restores security groups: the refusals of groups in use, the default group's own rule, rules as AWS reports them."""

from moto.ec2.exceptions import FilterNotImplementedError
from moto.ec2.models.security_groups import SecurityGroup, SecurityGroupRule
from moto.ec2.models.vpcs import VPCBackend

from wire import fault, operation, tag_list


def users(call, group_id):
    """Whether an interface or a rule of another group holds this group."""
    backend = call.backend("ec2")
    if any(group.id == group_id for interface in backend.enis.values() for group in interface.group_set):
        return True
    return any(
        rule.source_group.get("GroupId") == group_id
        for groups in backend.groups.values()
        for group in groups.values()
        if group.id != group_id
        for rule in (*group.ingress_rules, *group.egress_rules)
    )


@operation("ec2", "CreateSecurityGroup")
def create_security_group(call):
    if call.params["GroupName"].startswith("sg-"):
        raise fault("InvalidParameterValue", "Invalid value for parameter GroupName. Group names may not be in the "
                    "format sg-*.")
    if call.get("VpcId"):
        call.backend("ec2").get_vpc(call.params["VpcId"])
    return call.forward()


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call):
    backend = call.backend("ec2")
    group = backend.get_security_group_by_name_or_id(call.get("GroupId") or call.get("GroupName"))
    if group and group.is_default:
        raise fault("CannotDelete", f'the specified group: "{group.id}" name: "default" cannot be deleted by a user')
    if group and users(call, group.id):
        raise fault("DependencyViolation", f"resource {group.id} has a dependent object")
    return call.forward()


@operation("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize_security_group(call):
    """All rules or none are made, and the reply names every one of them, with its tags and description."""
    group = call.backend("ec2").get_security_group_by_name_or_id(call.get("GroupId") or call.get("GroupName"))
    if group is None:
        return call.forward()
    before = list(group.ingress_rules), list(group.egress_rules)
    try:
        call.forward()
    except Exception:
        group.ingress_rules, group.egress_rules = before
        raise
    known = {rule.id for rules in before for rule in rules}
    made = [rule for rule in (*group.ingress_rules, *group.egress_rules) if rule.id not in known]
    return {"Return": True, "SecurityGroupRules": [_rule(call, rule) for rule in made]}


@operation("ec2", "ModifySecurityGroupRules")
def modify_security_group_rules(call):
    """A rule keeps its id and its direction; everything else is replaced."""
    group = call.backend("ec2").get_security_group_from_id(call.params["GroupId"])
    if group is None:
        raise fault("InvalidGroup.NotFound", f"The security group '{call.params['GroupId']}' does not exist")
    for change in call.params["SecurityGroupRules"]:
        rule, wanted = group.get_rule(change["SecurityGroupRuleId"]), change["SecurityGroupRule"]
        if rule is None:
            raise fault("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID "
                        f"'{change['SecurityGroupRuleId']}' does not exist")
        description = {"Description": wanted["Description"]} if wanted.get("Description") else {}
        rule.ip_range, rule.source_group, rule.prefix_list_id = {}, {}, wanted.get("PrefixListId")
        for member, key in (("CidrIpv4", "CidrIp"), ("CidrIpv6", "CidrIpv6")):
            if wanted.get(member):
                rule.ip_range = {key: wanted[member], **description}
        if wanted.get("ReferencedGroupId"):
            rule.source_group = {"GroupId": wanted["ReferencedGroupId"], "UserId": call.account, **description}
        rule.ip_protocol = {"6": "tcp", "17": "udp", "1": "icmp"}.get(wanted["IpProtocol"], wanted["IpProtocol"])
        every = rule.ip_protocol == "-1"
        rule.from_port = None if every else wanted.get("FromPort")
        rule.to_port = None if every else wanted.get("ToPort")
    return {"Return": True}


def _rule(call, rule):
    return {
        "SecurityGroupRuleId": rule.id,
        "GroupId": rule.group_id,
        "GroupOwnerId": call.account,
        "IsEgress": rule.is_egress,
        "IpProtocol": rule.ip_protocol,
        "FromPort": -1 if rule.from_port is None else rule.from_port,
        "ToPort": -1 if rule.to_port is None else rule.to_port,
        "CidrIpv4": rule.cidr_ipv4,
        "CidrIpv6": rule.cidr_ipv6,
        "PrefixListId": rule.prefix_list_id,
        "ReferencedGroupInfo": rule.source_group
        and {"GroupId": rule.source_group.get("GroupId"), "UserId": rule.source_group.get("UserId")}
        or None,
        "Description": rule.description,
        "Tags": tag_list(rule.ec2_backend.tags.get(rule.id, {})),
    }


def _equal(rule, other):
    """Rules are the same whatever their descriptions say."""

    def identity(rule):
        ports = None if rule.ip_protocol == "-1" else (rule.from_port, rule.to_port)
        source = rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id
        return rule.ip_protocol, ports, source

    return identity(rule) == identity(other)


SecurityGroupRule.__eq__ = _equal
SecurityGroupRule.description = property(
    lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description")
)


def _checked(matches_filter):
    """A filter that moto does not know is refused, as AWS does, and does not crash."""

    def matches(resource, key, value):
        try:
            return matches_filter(resource, key, value)
        except KeyError:
            raise FilterNotImplementedError(key, None) from None

    return matches


SecurityGroup.matches_filter = _checked(SecurityGroup.matches_filter)
SecurityGroupRule.matches_filter = _checked(SecurityGroupRule.matches_filter)


def _create_vpc(backend, *args, of_moto=VPCBackend.create_vpc, **kwargs):
    """The default group of a new VPC lets its own members in."""
    vpc = of_moto(backend, *args, **kwargs)
    group = backend.get_default_security_group(vpc.id)
    backend.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
    return vpc


VPCBackend.create_vpc = _create_vpc
