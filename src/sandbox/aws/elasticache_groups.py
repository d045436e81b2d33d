"""Restores ElastiCache subnet groups and parameter groups, of which moto has little, and the tags of all that is kept here.

Refusals of what is in use or missing, and the engines' own parameters, as the ElastiCache API reference documents them.
"""

import re

import references
from wire import fault, operation, page, tag_list, tag_map

# By engine: the patch that a version means, the newest last.
VERSIONS = {
    "redis": {"5.0": "5.0.6", "6.2": "6.2.6", "7.0": "7.0.7", "7.1": "7.1.0"},
    "valkey": {"7.2": "7.2.6", "8.0": "8.0.1", "8.1": "8.1.0"},
}
FAMILIES = {"redis5.0", "redis6.x", "redis7", "valkey7", "valkey8"}
# Parameters of both engines: default, data type, allowed values, and when a change takes effect.
PARAMETERS = {
    "activedefrag": ("no", "string", "yes,no", "immediate"),
    "activerehashing": ("yes", "string", "yes,no", "requires-reboot"),
    "cluster-enabled": ("no", "string", "yes,no", "requires-reboot"),
    "databases": ("16", "integer", "1-1200000", "requires-reboot"),
    "lazyfree-lazy-eviction": ("no", "string", "yes,no", "immediate"),
    "maxmemory-policy": (
        "volatile-lru",
        "string",
        "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction",
        "immediate",
    ),
    "maxmemory-samples": ("3", "integer", "1-", "immediate"),
    "notify-keyspace-events": ("", "string", "", "immediate"),
    "reserved-memory-percent": ("25", "integer", "0-100", "immediate"),
    "slowlog-log-slower-than": ("10000", "integer", "-", "immediate"),
    "slowlog-max-len": ("128", "integer", "0-", "immediate"),
    "tcp-keepalive": ("300", "integer", "0-", "immediate"),
    "timeout": ("0", "integer", "0,20-", "immediate"),
}


# Subnet groups


@operation("elasticache", "CreateCacheSubnetGroup")
def create_cache_subnet_group(call):
    groups, name = call.table("elasticache.subnet_groups"), call.params["CacheSubnetGroupName"].lower()
    if name in groups:
        raise fault("CacheSubnetGroupAlreadyExists", f"Cache subnet group {name} already exists.")
    arn = call.arn("elasticache", f"subnetgroup:{name}")
    groups[name] = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": call.params["CacheSubnetGroupDescription"],
        "ARN": arn,
        "SupportedNetworkTypes": ["ipv4"],
        **_placed(call),
    }
    tag(call, arn, call.get("Tags"))
    return {"CacheSubnetGroup": groups[name]}


@operation("elasticache", "DescribeCacheSubnetGroups")
def describe_cache_subnet_groups(call):
    groups = call.table("elasticache.subnet_groups")
    found = [subnet_group(call, call.params["CacheSubnetGroupName"])] if call.get("CacheSubnetGroupName") else None
    shown, marker = page(call, found or sorted_by_name(groups), "MaxRecords", "Marker")
    return {"CacheSubnetGroups": shown, **({"Marker": marker} if marker else {})}


@operation("elasticache", "ModifyCacheSubnetGroup")
def modify_cache_subnet_group(call):
    group = subnet_group(call, call.params["CacheSubnetGroupName"])
    if call.get("SubnetIds"):
        placed = _placed(call)
        kept = {subnet["SubnetIdentifier"] for subnet in placed["Subnets"]}
        for using in _using(call, "subnet_group", group["CacheSubnetGroupName"]):
            taken = {member["subnet"] for member in using.members()} - kept
            if taken:
                raise fault("SubnetInUse", f"The subnet {min(taken)} is in use by {using.id}.")
        group.update(placed)
    if call.get("CacheSubnetGroupDescription"):
        group["CacheSubnetGroupDescription"] = call.params["CacheSubnetGroupDescription"]
    return {"CacheSubnetGroup": group}


@operation("elasticache", "DeleteCacheSubnetGroup")
def delete_cache_subnet_group(call):
    group = subnet_group(call, call.params["CacheSubnetGroupName"])
    name = group["CacheSubnetGroupName"]
    if _using(call, "subnet_group", name):
        raise fault("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del call.table("elasticache.subnet_groups")[name]
    call.table("elasticache.tags").pop(group["ARN"], None)
    return {}


def subnet_group(call, name):
    group = call.table("elasticache.subnet_groups").get(name.lower())
    if group is None:
        raise fault("CacheSubnetGroupNotFoundFault", f"Cache subnet group {name} does not exist.")
    return group


def _placed(call):
    """The subnets of the request, when they exist and share a VPC."""
    ids = call.params["SubnetIds"]
    subnets = references.subnets(
        call, ids, lambda subnet: fault("InvalidSubnet", f"The following subnet does not exist: {subnet}")
    )
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise fault("InvalidSubnet", f"Subnets in a cache subnet group must belong to the same VPC: {ids}")
    return {
        "VpcId": subnets[0].vpc_id,
        "Subnets": [
            {"SubnetIdentifier": subnet.id, "SubnetAvailabilityZone": {"Name": subnet.availability_zone}}
            for subnet in subnets
        ],
    }


# Parameter groups


@operation("elasticache", "CreateCacheParameterGroup")
def create_cache_parameter_group(call):
    groups, name = call.table("elasticache.parameter_groups"), call.params["CacheParameterGroupName"].lower()
    family = call.params["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise fault("InvalidParameterValue", f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    if name in groups or name.startswith("default."):
        raise fault("CacheParameterGroupAlreadyExists", f"CacheParameterGroup {name} already exists.")
    arn = call.arn("elasticache", f"parametergroup:{name}")
    groups[name] = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": family,
        "Description": call.params["Description"],
        "IsGlobal": False,
        "ARN": arn,
    }
    call.table("elasticache.parameters")[name] = {}
    tag(call, arn, call.get("Tags"))
    return {"CacheParameterGroup": groups[name]}


@operation("elasticache", "DescribeCacheParameterGroups")
def describe_cache_parameter_groups(call):
    groups = call.table("elasticache.parameter_groups")
    found = [parameter_group(call, call.params["CacheParameterGroupName"])] if call.get("CacheParameterGroupName") else None
    shown, marker = page(call, found or sorted_by_name(groups), "MaxRecords", "Marker")
    return {"CacheParameterGroups": shown, **({"Marker": marker} if marker else {})}


@operation("elasticache", "DescribeCacheParameters")
def describe_cache_parameters(call):
    """The engine's defaults and what the user set; `Source` tells them apart."""
    group = parameter_group(call, call.params["CacheParameterGroupName"])
    name = group["CacheParameterGroupName"]
    own = call.table("elasticache.parameters").get(name, {})
    wanted = call.get("Source")
    listed = [
        {
            "ParameterName": parameter,
            "ParameterValue": own.get(parameter, "yes" if _clusters(name, parameter) else default),
            "Source": "user" if parameter in own else "system",
            "DataType": kind,
            "AllowedValues": allowed,
            "IsModifiable": True,
            "ChangeType": effect,
        }
        for parameter, (default, kind, allowed, effect) in PARAMETERS.items()
        if wanted in (None, "user" if parameter in own else "system")
    ]
    shown, marker = page(call, listed, "MaxRecords", "Marker")
    return {"Parameters": shown, **({"Marker": marker} if marker else {})}


@operation("elasticache", "ModifyCacheParameterGroup")
def modify_cache_parameter_group(call):
    group = _own(call)
    name, values = group["CacheParameterGroupName"], call.params["ParameterNameValues"]
    if len(values) > 20:
        raise fault("InvalidParameterValue", "A maximum of 20 parameters may be modified per request.")
    for parameter in values:
        _check_value(parameter["ParameterName"], parameter.get("ParameterValue", ""))
        if parameter["ParameterName"] == "cluster-enabled" and _using(call, "parameter_group", name):
            raise fault("InvalidCacheParameterGroupState", f"Parameter group {name} is in use: cluster-enabled cannot "
                        "be changed.")
    own = call.table("elasticache.parameters")[name]
    own.update({parameter["ParameterName"]: parameter.get("ParameterValue", "") for parameter in values})
    return {"CacheParameterGroupName": name}


@operation("elasticache", "ResetCacheParameterGroup")
def reset_cache_parameter_group(call):
    name = _own(call)["CacheParameterGroupName"]
    own = call.table("elasticache.parameters")[name]
    if call.get("ResetAllParameters"):
        own.clear()
    for parameter in call.get("ParameterNameValues", []):
        own.pop(parameter["ParameterName"], None)
    return {"CacheParameterGroupName": name}


@operation("elasticache", "DeleteCacheParameterGroup")
def delete_cache_parameter_group(call):
    group = _own(call)
    name = group["CacheParameterGroupName"]
    if _using(call, "parameter_group", name):
        raise fault("InvalidCacheParameterGroupState", f"One or more cache clusters are still members of this parameter "
                    f"group {name}, so the group cannot be deleted.")
    del call.table("elasticache.parameter_groups")[name]
    del call.table("elasticache.parameters")[name]
    call.table("elasticache.tags").pop(group["ARN"], None)
    return {}


def parameter_group(call, name):
    """A parameter group; AWS's default groups exist without anybody making them."""
    name = name.lower()
    group = call.table("elasticache.parameter_groups").get(name)
    if group:
        return group
    family = name.removeprefix("default.").removesuffix(".cluster.on")
    if name.startswith("default.") and family in FAMILIES:
        return {
            "CacheParameterGroupName": name,
            "CacheParameterGroupFamily": family,
            "Description": f"Default parameter group for {family}",
            "IsGlobal": False,
            "ARN": call.arn("elasticache", f"parametergroup:{name}"),
        }
    raise fault("CacheParameterGroupNotFound", f"CacheParameterGroup not found: {name}")


def clusters(call, name):
    """Whether the groups with these parameters are clusters of shards."""
    own = call.table("elasticache.parameters").get(name, {})
    return own.get("cluster-enabled", "yes" if _clusters(name, "cluster-enabled") else "no") == "yes"


def family_of(engine, version):
    if engine == "redis" and version.startswith("5."):
        return "redis5.0"
    return "redis6.x" if engine == "redis" and version.startswith("6.") else engine + version.split(".")[0]


def _clusters(group, parameter):
    return parameter == "cluster-enabled" and group.endswith(".cluster.on")


def _own(call):
    group = parameter_group(call, call.params["CacheParameterGroupName"])
    if group["CacheParameterGroupName"].startswith("default."):
        raise fault("InvalidCacheParameterGroupState", "Default parameter groups can be neither changed nor deleted.")
    return group


def _check_value(name, value):
    if name not in PARAMETERS:
        raise fault("InvalidParameterValue", f"Could not find parameter with name: {name}")
    _, kind, allowed, _ = PARAMETERS[name]
    right = re.fullmatch(r"-?\d+", value) if kind == "integer" else not allowed or value in allowed.split(",")
    if not right:
        raise fault("InvalidParameterValue", f"The parameter value {value} is not allowed for {name}: {allowed}.")


def _using(call, kind, name):
    """The replication groups that use the subnet group or parameter group of this name."""
    return [group for group in call.table("elasticache.groups").values() if getattr(group, kind) == name]


def sorted_by_name(groups):
    return [groups[name] for name in sorted(groups)]


# Tags


@operation("elasticache", "ListTagsForResource")
def list_tags_for_resource(call):
    tags = _tags(call)
    return call.forward() if tags is None else {"TagList": tag_list(tags)}


@operation("elasticache", "AddTagsToResource")
def add_tags_to_resource(call):
    tags = _tags(call)
    if tags is None:
        return call.forward()
    tags.update(tag_map(call.params["Tags"]))
    return {"TagList": tag_list(tags)}


@operation("elasticache", "RemoveTagsFromResource")
def remove_tags_from_resource(call):
    tags = _tags(call)
    if tags is None:
        return call.forward()
    for key in call.params["TagKeys"]:
        tags.pop(key, None)
    return {"TagList": tag_list(tags)}


def tag(call, arn, tags):
    call.table("elasticache.tags")[arn] = tag_map(tags)


def _tags(call):
    """The tags of the resource; None for what is moto's. A group that is not available refuses to tell."""
    arn = call.params["ResourceName"]
    kind, name = arn.split(":")[5:7]
    if kind == "replicationgroup":
        group = call.table("elasticache.groups").get(name)
        if group is None:
            raise fault("ReplicationGroupNotFoundFault", f"Replication group {name} not found.")
        if group.status != "available":
            raise fault("InvalidReplicationGroupState", f"Replication group {name} is not in available state.")
    elif kind == "subnetgroup":
        subnet_group(call, name)
    elif kind == "parametergroup":
        parameter_group(call, name)
    else:
        return None
    return call.table("elasticache.tags").setdefault(arn, {})
