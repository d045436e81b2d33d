"""Restores RDS subnet groups and parameter groups: refusals of what is in use or missing, the engine's own parameters."""

import re

from moto.rds.models import DBParameterGroup

import references
from rds import VERSIONS, combination, owner, subnet_group
from wire import fault, operation

# Parameters of a PostgreSQL server: default, data type, and whether a change waits for a restart (`static`).
PARAMETERS = {
    "autovacuum": ("1", "boolean", "dynamic"),
    "autovacuum_max_workers": ("GREATEST({DBInstanceClassMemory/64371566592},3)", "integer", "static"),
    "autovacuum_naptime": ("15", "integer", "dynamic"),
    "checkpoint_timeout": ("300", "integer", "dynamic"),
    "client_encoding": (None, "string", "dynamic"),
    "deadlock_timeout": (None, "integer", "dynamic"),
    "default_statistics_target": (None, "integer", "dynamic"),
    "effective_cache_size": ("{DBInstanceClassMemory/16384}", "integer", "dynamic"),
    "hot_standby_feedback": (None, "boolean", "dynamic"),
    "huge_pages": ("on", "string", "static"),
    "idle_in_transaction_session_timeout": ("86400000", "integer", "dynamic"),
    "lock_timeout": (None, "integer", "dynamic"),
    "log_connections": (None, "boolean", "dynamic"),
    "log_disconnections": (None, "boolean", "dynamic"),
    "log_lock_waits": (None, "boolean", "dynamic"),
    "log_min_duration_statement": (None, "integer", "dynamic"),
    "log_statement": (None, "string", "dynamic"),
    "log_temp_files": (None, "integer", "dynamic"),
    "maintenance_work_mem": ("GREATEST({DBInstanceClassMemory*1024/63963136},65536)", "integer", "dynamic"),
    "max_connections": ("LEAST({DBInstanceClassMemory/9531392},5000)", "integer", "static"),
    "max_locks_per_transaction": ("64", "integer", "static"),
    "max_prepared_transactions": ("0", "integer", "static"),
    "max_replication_slots": ("20", "integer", "static"),
    "max_wal_senders": ("20", "integer", "static"),
    "max_wal_size": ("2048", "integer", "dynamic"),
    "max_worker_processes": ("GREATEST(${DBInstanceVCPU*2},8)", "integer", "static"),
    "password_encryption": ("scram-sha-256", "string", "dynamic"),
    "pg_stat_statements.track": (None, "string", "dynamic"),
    "random_page_cost": (None, "float", "dynamic"),
    "rds.force_ssl": ("1", "boolean", "dynamic"),
    "rds.logical_replication": ("0", "boolean", "static"),
    "shared_buffers": ("{DBInstanceClassMemory/32768}", "integer", "static"),
    "shared_preload_libraries": ("pg_stat_statements", "list", "static"),
    "statement_timeout": (None, "integer", "dynamic"),
    "tcp_keepalives_idle": (None, "integer", "dynamic"),
    "temp_buffers": (None, "integer", "dynamic"),
    "timezone": ("UTC", "string", "dynamic"),
    "track_activity_query_size": ("4096", "integer", "static"),
    "wal_buffers": (None, "integer", "static"),
    "work_mem": (None, "integer", "dynamic"),
}


# Subnet groups


@operation("rds", "CreateDBSubnetGroup")
def create_db_subnet_group(call):
    backend, name = call.backend("rds"), call.params["DBSubnetGroupName"]
    if name.lower() in backend.subnet_groups:
        raise fault("DBSubnetGroupAlreadyExists", f"The DB subnet group '{name.lower()}' already exists.")
    _covering(call)
    call.set("DBSubnetGroupName", name.lower())
    return call.forward()


@operation("rds", "ModifyDBSubnetGroup")
def modify_db_subnet_group(call):
    """moto removes the group."""
    group, subnets = _group(call), _covering(call)
    kept = {subnet.id for subnet in subnets}
    for instance in call.backend("rds").databases.values():
        if subnet_group(instance) is group:
            held = call.table("interfaces").get(owner(instance), [])
            for interface in (call.backend("ec2").enis[identity] for identity in held):
                if interface.subnet_id not in kept:
                    raise fault("SubnetAlreadyInUse", f"The specified subnet {interface.subnet_id} is in use by "
                                f"instance {instance.resource_id}.")
    group.subnets = subnets
    group.vpc_id = subnets[0].vpc_id
    if call.get("DBSubnetGroupDescription"):
        group.description = call.params["DBSubnetGroupDescription"]
    return call.show({"DBSubnetGroup": group})


@operation("rds", "DeleteDBSubnetGroup")
def delete_db_subnet_group(call):
    group = _group(call)
    for instance in call.backend("rds").databases.values():
        if subnet_group(instance) is group:
            raise fault("InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{group.name}' because at "
                        f"least one database instance: {instance.resource_id} is still using it.")
    return call.forward()


def _group(call):
    name = call.params["DBSubnetGroupName"]
    group = call.backend("rds").subnet_groups.get(name)
    if group is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' not found.")
    return group


def _covering(call):
    """The subnets of the request, when they exist, share a VPC and lie in two zones at least."""
    ids = call.params["SubnetIds"]
    subnets = references.subnets(
        call, ids, lambda subnet: fault("InvalidSubnet", f"Some input subnets in :[{subnet}] are invalid.")
    )
    if len({subnet.vpc_id for subnet in subnets}) > 1:
        raise fault("InvalidSubnet", f"The DB Subnet Group has subnets of several VPCs: {ids}")
    zones = len({subnet.availability_zone for subnet in subnets})
    if zones < 2:
        raise fault("DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) "
                    f"coverage requirement. Current AZ coverage: {zones}. Add subnets to cover at least 2 AZs.")
    return subnets


# Parameter groups


@operation("rds", "CreateDBParameterGroup")
def create_db_parameter_group(call):
    family = call.params["DBParameterGroupFamily"]
    engine = re.match(r"[a-z]+", family)[0] if re.match(r"[a-z]+", family) else family
    if engine in VERSIONS and family.removeprefix(engine) not in VERSIONS[engine]:
        raise fault("InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family")
    return call.forward()


@operation("rds", "DescribeDBParameterGroups")
def describe_db_parameter_groups(call):
    if call.get("DBParameterGroupName"):
        _parameters(call)
    return call.forward()


@operation("rds", "DeleteDBParameterGroup")
def delete_db_parameter_group(call):
    group = _parameters(call)
    if group.name.startswith("default."):
        raise fault("InvalidDBParameterGroupState", f"The parameter group {group.name} is a default parameter group.")
    if any(instance.db_parameter_group_name == group.name for instance in call.backend("rds").databases.values()):
        raise fault("InvalidDBParameterGroupState", "One or more database instances are still members of this "
                    f"parameter group {group.name}, so the group cannot be deleted")
    return call.forward()


@operation("rds", "ModifyDBParameterGroup")
def modify_db_parameter_group(call):
    group = _parameters(call)
    if group.name.startswith("default."):
        raise fault("InvalidDBParameterGroupState", f"The parameter group {group.name} is a default parameter group.")
    known = _engine_parameters(group.family)
    for parameter in call.params["Parameters"]:
        name = parameter["ParameterName"]
        if not re.fullmatch(r"[a-z][a-z0-9_.]*", name):
            raise fault("InvalidParameterValue", f"Could not find parameter with name: {name}")
        if known.get(name, {}).get("ApplyType") == "static" and parameter.get("ApplyMethod") == "immediate":
            raise combination("cannot use immediate apply method for static parameter")
    for parameter in call.params["Parameters"]:
        group.parameters[parameter["ParameterName"]] = {
            "DataType": "string",
            "ApplyType": "dynamic",
            **known.get(parameter["ParameterName"], {}),
            **parameter,
            "Source": "user",
            "IsModifiable": True,
        }
    return {"DBParameterGroupName": group.name}


@operation("rds", "ResetDBParameterGroup")
def reset_db_parameter_group(call):
    group = _parameters(call)
    if call.get("ResetAllParameters", not call.get("Parameters")):
        group.parameters.clear()
    for parameter in call.get("Parameters", []):
        group.parameters.pop(parameter["ParameterName"], None)
    return {"DBParameterGroupName": group.name}


@operation("rds", "DescribeDBParameters")
def describe_db_parameters(call):
    """The engine's defaults and what the user set; `Source` tells them apart."""
    group = _parameters(call)
    shown = {**_engine_parameters(group.family), **group.parameters}
    wanted = call.get("Source")
    return {"Parameters": [shown[name] for name in sorted(shown) if wanted in (None, shown[name]["Source"])]}


@operation("rds", "DescribeEngineDefaultParameters")
def describe_engine_default_parameters(call):
    family = call.params["DBParameterGroupFamily"]
    parameters = list(_engine_parameters(family).values())
    return {"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": parameters}}


@operation("rds", "DescribeDBEngineVersions")
def describe_db_engine_versions(call):
    engine, version = call.get("Engine"), call.get("EngineVersion")
    return {
        "DBEngineVersions": [
            {
                "Engine": name,
                "EngineVersion": minor,
                "MajorEngineVersion": major,
                "DBParameterGroupFamily": f"{name}{major}",
                "Status": "available",
                "ExportableLogTypes": ["postgresql", "upgrade"] if name == "postgres" else ["error", "slowquery"],
            }
            for name, versions in VERSIONS.items()
            for major, minor in versions.items()
            if engine in (None, name) and version in (None, minor, major)
        ]
    }


def _parameters(call):
    """The parameter group of the request; AWS's default groups exist without anybody making them."""
    groups, name = call.backend("rds").db_parameter_groups, call.params["DBParameterGroupName"].lower()
    if name not in groups and name.startswith("default."):
        family = name.removeprefix("default.")
        engine = re.match(r"[a-z]+", family)[0]
        if family.removeprefix(engine) in VERSIONS.get(engine, {}):
            groups[name] = DBParameterGroup(
                call.backend("rds"), name, f"Default parameter group for {family}", family, []
            )
    if name not in groups:
        raise fault("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
    return groups[name]


def _engine_parameters(family):
    if not family.startswith("postgres"):
        return {}
    return {
        name: {
            "ParameterName": name,
            "ParameterValue": value,
            "DataType": kind,
            "ApplyType": apply,
            "ApplyMethod": "pending-reboot",
            "Source": "engine-default" if value is None else "system",
            "IsModifiable": True,
        }
        for name, (value, kind, apply) in PARAMETERS.items()
    }
