"""Restores the attributes of log groups that moto drops: class, key and deletion protection."""

import references
from wire import fault, operation

RETENTION_DAYS = [
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
]

IDENTIFIERS_MAX = 50


@operation("logs", "CreateLogGroup")
def create_log_group(call):
    if call.get("kmsKeyId"):
        _check_key(call, call.params["kmsKeyId"])
    answer = call.forward()
    group = _group(call, call.params["logGroupName"])
    group.log_group_class = call.get("logGroupClass", "STANDARD")
    group.deletion_protected = call.get("deletionProtectionEnabled", False)
    return answer


@operation("logs", "DescribeLogGroups")
def describe_log_groups(call):
    """A call may name up to fifty groups: it gets those of them that exist, in one page."""
    named = call.get("logGroupIdentifiers", [])
    if len(named) > IDENTIFIERS_MAX:
        raise fault("InvalidParameterException", f"1 validation error detected: Value '{named}' at 'logGroupIdentifiers' "
                    f"failed to satisfy constraint: Member must have length less than or equal to {IDENTIFIERS_MAX}")
    if named:
        names = sorted({identifier.split(":log-group:")[-1].removesuffix(":*") for identifier in named})
        groups = call.backend("logs").groups
        reply = {"logGroups": [groups[name].to_describe_dict() for name in names if name in groups]}
    else:
        reply = call.proceed()
    for shown in reply["logGroups"]:
        group = call.backend("logs").groups[shown["logGroupName"]]
        shown["logGroupClass"] = getattr(group, "log_group_class", "STANDARD")
        shown["deletionProtectionEnabled"] = getattr(group, "deletion_protected", False)
        shown["logGroupArn"] = group.arn
    if call.get("logGroupClass"):
        reply["logGroups"] = [g for g in reply["logGroups"] if g["logGroupClass"] == call.params["logGroupClass"]]
    return reply


@operation("logs", "PutRetentionPolicy")
def put_retention_policy(call):
    if call.params["retentionInDays"] not in RETENTION_DAYS:
        raise fault("InvalidParameterException", f"1 validation error detected: Value '{call.params['retentionInDays']}' "
                    f"at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: "
                    f"{RETENTION_DAYS}")
    return call.forward()


@operation("logs", "AssociateKmsKey")
def associate_kms_key(call):
    _check_key(call, call.params["kmsKeyId"])
    _group(call).kms_key_id = call.params["kmsKeyId"]
    return {}


@operation("logs", "DisassociateKmsKey")
def disassociate_kms_key(call):
    _group(call).kms_key_id = None
    return {}


@operation("logs", "PutLogGroupDeletionProtection")
def put_log_group_deletion_protection(call):
    _group(call, call.params["logGroupIdentifier"]).deletion_protected = call.params["deletionProtectionEnabled"]
    return {}


@operation("logs", "DeleteLogGroup")
def delete_log_group(call):
    group = call.backend("logs").groups.get(call.params["logGroupName"])
    if group and getattr(group, "deletion_protected", False):
        raise fault("ValidationException", "Log group cannot be deleted because deletion protection is enabled.")
    return call.forward()


def _group(call, name=None):
    name = name or call.get("logGroupName") or call.get("resourceIdentifier", "")
    name = name.split(":log-group:")[-1].removesuffix(":*")
    group = call.backend("logs").groups.get(name)
    if group is None:
        raise fault("ResourceNotFoundException", "The specified log group does not exist.")
    return group


def _check_key(call, arn):
    references.key(call, arn, fault("InvalidParameterException", f"The specified KMS key does not exist or is not "
                                    f"allowed to be used with Arn '{arn}'."))
