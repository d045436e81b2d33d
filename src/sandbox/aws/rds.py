"""Restores RDS instances and read replicas (their groups: `rds_groups`).

Pending states, interfaces in the subnets, refusals of what is in use or missing, the attributes that moto loses, changes
that wait for the maintenance window, promotion of replicas; as the RDS API reference documents them. Aurora, snapshots
and proxies stay as moto has them.
"""

import re
import uuid

from moto.moto_api._internal import mock_random as random
from moto.ec2.utils import random_public_ip
from moto.core.utils import utcnow
from moto.rds import models
from moto.rds.models import DBInstance

import interfaces
import references
import secretsmanager
from clock import CLOCK
from wire import fault, operation

# By engine: the minor version that a major version means, the newest last.
VERSIONS = {
    "mariadb": {"10.6": "10.6.23", "10.11": "10.11.14", "11.4": "11.4.8", "11.8": "11.8.3"},
    "mysql": {"8.0": "8.0.43", "8.4": "8.4.6"},
    "postgres": {"13": "13.22", "14": "14.19", "15": "15.14", "16": "16.10", "17": "17.6", "18": "18.1"},
}
DEFAULT_VERSION = {"mariadb": "11.8.3", "mysql": "8.4.6", "postgres": "17.6"}
# These changes interrupt the database: they wait for the maintenance window unless they are to apply immediately.
DEFERRED = {
    "AllocatedStorage": "allocated_storage",
    "DBInstanceClass": "db_instance_class",
    "DBPortNumber": "port",
    "EngineVersion": "engine_version",
    "Iops": "iops",
    "MultiAZ": "multi_az",
    "StorageThroughput": "storage_throughput",
    "StorageType": "storage_type",
}
# What differs between two looks at an instance that nobody touched, or says nothing about it.
UNSTEADY = {"LatestRestorableTime", "PendingModifiedValues"}


# Instances


@operation("rds", "CreateDBInstance")
def create_db_instance(call):
    """`creating` for its typical time; the endpoint shows when it is `available`."""
    if call.get("DBClusterIdentifier"):
        return call.forward()
    engine = call.params["Engine"]
    if engine in VERSIONS:
        call.set("EngineVersion", _version(engine, call.get("EngineVersion")))
        _check_password(call)
    _check_class(call.params["DBInstanceClass"])
    _check_monitoring(call)
    if call.get("MultiAZ") and call.get("AvailabilityZone"):
        raise combination("Requesting a specific availability zone is not valid for Multi-AZ instances.")
    vpc_id = _check_placement(call, call.get("DBSubnetGroupName"), call.get("VpcSecurityGroupIds", []))
    key = call.get("KmsKeyId")
    if key:
        found = references.key(call, key, _no_key(key))
        call.set("KmsKeyId", found.arn if found else key)
    elif call.get("StorageEncrypted"):
        backend = call.backend("kms")
        key_id = backend.get_key_id_from_alias("alias/aws/rds") or backend._generate_default_keys("alias/aws/rds")
        call.set("KmsKeyId", backend.keys[key_id].arn)
    if not call.get("VpcSecurityGroupIds"):
        call.set("VpcSecurityGroupIds", [call.backend("ec2").get_default_security_group(vpc_id).id])
    _choose_windows(call)
    call.proceed()
    instance = call.backend("rds").databases[call.params["DBInstanceIdentifier"]]
    if getattr(instance, "master_user_secret", None):
        _own_secret(call, instance)
    _complete(call, instance)
    _begin(call, instance, "creating", "create")
    return {"DBInstance": _shown(call, instance)}


@operation("rds", "CreateDBInstanceReadReplica")
def create_read_replica(call):
    backend, name = call.backend("rds"), call.params["DBInstanceIdentifier"]
    source_id = call.get("SourceDBInstanceIdentifier")
    if not source_id:
        raise combination("You must specify the source DB instance.")
    if name in backend.databases:
        raise fault("DBInstanceAlreadyExists", "DB instance already exists")
    source = backend.find_db_from_id(source_id)
    if source.status != "available":
        raise state(f"Database instance {source.resource_id} is not in available state.")
    if not source.backup_retention_period:
        raise state("Automated backups are not enabled for this database instance. To enable automated backups, use "
                    "ModifyDBInstance to set the backup retention period to a non-zero value.")
    _check_class(call.get("DBInstanceClass", source.db_instance_class))
    _check_monitoring(call)
    group = call.get("DBSubnetGroupName") or (source.db_subnet_group.name if subnet_group(source) else None)
    far = source.region != call.region
    if far:
        group = call.get("DBSubnetGroupName")
        if source.storage_encrypted and not call.get("KmsKeyId"):
            raise combination("You must specify a KMS key of this region to copy an encrypted DB instance from another.")
        # moto would look for the group where the source is.
        call.drop("DBSubnetGroupName")
    vpc_id = _check_placement(call, group, call.get("VpcSecurityGroupIds", []))
    call.proceed()
    replica = backend.databases[name]
    if far:
        replica.db_subnet_group_name = group
        key = references.key(call, call.params["KmsKeyId"], _no_key(call.params["KmsKeyId"])) if call.get("KmsKeyId") else None
        replica.kms_key_id = key.arn if key else call.get("KmsKeyId")
    # moto copies the source; what AWS does not take over from it goes back to the defaults.
    for attribute in ("master_user_secret", "monitoring_role_arn", "performance_insights_kms_key_id"):
        vars(replica).pop(attribute, None)
    replica.manage_master_user_password = False
    replica.tags = call.get("Tags", [])
    replica.created = replica.instance_create_time = utcnow()
    replica.deletion_protection = call.get("DeletionProtection", False)
    replica.multi_az = call.get("MultiAZ", False)
    replica.backup_retention_period = call.get("BackupRetentionPeriod", 0)
    replica.copy_tags_to_snapshot = call.get("CopyTagsToSnapshot", False)
    replica.publicly_accessible = call.get("PubliclyAccessible", False)
    replica.enabled_cloudwatch_logs_exports = list(call.get("EnableCloudwatchLogsExports", []))
    replica.enable_iam_database_authentication = call.get("EnableIAMDatabaseAuthentication", False)
    replica.availability_zone = call.get("AvailabilityZone") or f"{call.region}a"
    replica.vpc_security_group_ids = call.get("VpcSecurityGroupIds") or [
        call.backend("ec2").get_default_security_group(vpc_id).id
    ]
    replica.port = call.get("Port", source.port)
    replica.pending_modified_values = {}
    replica.backup_copies = []
    _complete(call, replica)
    replica.status_infos = []

    def replicating():
        replica.status_infos = [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]

    _begin(call, replica, "creating", "create", replicating)
    return {"DBInstance": _shown(call, replica)}


@operation("rds", "DescribeDBInstances")
def describe_db_instances(call):
    reply = call.proceed()
    databases = call.backend("rds").databases
    reply["DBInstances"] = [
        _shown(call, databases[shown["DBInstanceIdentifier"]], shown) for shown in reply.get("DBInstances", [])
    ]
    return reply


@operation("rds", "ModifyDBInstance")
def modify_db_instance(call):
    """`modifying` for its typical time; an interrupting change waits for the maintenance window or for its application."""
    instance = _instance(call)
    if instance.db_cluster_identifier:
        return call.forward()
    if instance.status != "available":
        raise state(f"Database instance {instance.resource_id} is not in available state.")
    if call.get("EngineVersion") and instance.engine in VERSIONS:
        _check_upgrade(call, instance)
    if call.get("DBInstanceClass"):
        _check_class(call.params["DBInstanceClass"])
    _check_monitoring(call, instance)
    if call.get("AllocatedStorage", instance.allocated_storage) < instance.allocated_storage:
        raise combination(f"Invalid storage size for engine name {instance.engine} and storage type "
                          f"{instance.storage_type}: {call.params['AllocatedStorage']}")
    group = subnet_group(instance)
    _check_placement(call, group and group.name, call.get("VpcSecurityGroupIds", []))
    wanted = {
        name: call.params[name]
        for name, attribute in DEFERRED.items()
        if call.get(name) is not None and call.params[name] != getattr(instance, attribute)
    }
    for name in DEFERRED:
        call.drop(name)
    before = _shown(call, instance)
    answer = call.proceed()["DBInstance"]
    if call.get("ManageMasterUserPassword"):
        _own_secret(call, instance)
    _keep(call, instance)
    if call.get("VpcSecurityGroupIds"):
        interfaces.regroup(call, owner(instance), instance.vpc_security_group_ids)
    waiting = {**instance.pending_modified_values, **{_shown_as(name): value for name, value in wanted.items()}}
    instance.pending_modified_values = waiting
    shown = _shown(call, instance, answer)
    applied = dict(waiting) if call.get("ApplyImmediately") else {}
    if applied or any(shown.get(key) != before.get(key) for key in {*shown} - UNSTEADY):

        def apply():
            for name, value in applied.items():
                setattr(instance, DEFERRED.get(name) or "port", value)
                instance.pending_modified_values.pop(name, None)
            if "MultiAZ" in applied:
                _place(call, instance)

        _begin(call, instance, "modifying", "update", apply)
    return {"DBInstance": _shown(call, instance)}


@operation("rds", "RebootDBInstance", "StopDBInstance")
def reboot_db_instance(call):
    instance = _instance(call)
    if instance.status != "available":
        raise state(f"Database instance {instance.resource_id} is not in available state.")
    return call.forward()


@operation("rds", "PromoteReadReplica")
def promote_read_replica(call):
    """Cuts the replica loose from its source, after a `modifying` time."""
    replica = _instance(call)
    if not replica.is_replica:
        raise state(f"DB Instance {replica.resource_id} is not a read replica.")
    if replica.status != "available":
        raise state(f"Database instance {replica.resource_id} is not in available state.")

    def promoted():
        _promote(call, replica)
        replica.backup_retention_period = call.get("BackupRetentionPeriod", 1)
        if call.get("PreferredBackupWindow"):
            replica.preferred_backup_window = call.params["PreferredBackupWindow"]

    _begin(call, replica, "modifying", "update", promoted)
    return {"DBInstance": _shown(call, replica)}


@operation("rds", "DeleteDBInstance")
def delete_db_instance(call):
    """`deleting` for its typical time, then gone with its interfaces; replicas of it become databases of their own."""
    instance, backend = _instance(call), call.backend("rds")
    if instance.db_cluster_identifier:
        return call.forward()
    name, skip, final = instance.resource_id, call.get("SkipFinalSnapshot"), call.get("FinalDBSnapshotIdentifier")
    if instance.status == "deleting":
        raise state(f"Instance {name} is already being deleted.")
    if instance.deletion_protection:
        raise combination("Cannot delete protected DB Instance, please disable deletion protection and try again.")
    if skip and final:
        raise combination("FinalDBSnapshotIdentifier cannot be specified when deleting an instance with "
                          "SkipFinalSnapshot.")
    if not skip and not final and not instance.is_replica:
        raise combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
    if final and final in backend.database_snapshots:
        raise fault("DBSnapshotAlreadyExists", f"Cannot create the snapshot because a snapshot with the identifier "
                    f"{final} already exists.")
    instance.status = "deleting"

    def gone():
        for replica in [_find(call, replica) for replica in list(instance.replicas)]:
            if replica:
                _promote(call, replica)
        if instance.is_replica and instance.source_db_instance_identifier not in backend.databases:
            # It is gone, or in another region, where moto would look for it by its name.
            _promote(call, instance)
        instance.deletion_protection = False
        backend.delete_db_instance(name, final, skip, call.get("DeleteAutomatedBackups", True))
        interfaces.release(call, owner(instance))

    CLOCK.after(CLOCK.typical("AWS::RDS::DBInstance", "delete"), gone)
    return {"DBInstance": _shown(call, instance)}


@operation("rds", "StartDBInstanceAutomatedBackupsReplication")
def start_backup_copies(call):
    """Asked of the region that gets the copies, once for each instance; its source works, and keeps backups."""
    arn = call.params["SourceDBInstanceArn"]
    source = _source_of_copies(call)
    if source.region == call.region:
        raise combination("The source DB instance must be in another region.")
    if not source.backup_retention_period:
        raise state(f"Automated backups are not enabled for DB instance {source.resource_id}.")
    if source.backup_copies:
        raise fault("InvalidDBInstanceAutomatedBackupState", f"The automated backups of {arn} are replicated already.")
    name = "ab-" + random.get_random_string(length=26, lower_case=True)
    source.backup_copies = [{"DBInstanceAutomatedBackupsArn": call.arn("rds", f"auto-backup:{name}")}]
    return {"DBInstanceAutomatedBackup": _copies_shown(call, source, "pending")}


@operation("rds", "StopDBInstanceAutomatedBackupsReplication")
def stop_backup_copies(call):
    """What was copied stays until its retention ends."""
    source = _source_of_copies(call)
    if not any(copies["DBInstanceAutomatedBackupsArn"].split(":")[3] == call.region for copies in source.backup_copies):
        raise state(f"The automated backups of DB instance {source.resource_id} are not replicated to this region.")
    shown = _copies_shown(call, source, "retained")
    source.backup_copies = []
    return {"DBInstanceAutomatedBackup": shown}


def _source_of_copies(call):
    source = _find(call, call.params["SourceDBInstanceArn"])
    if source is None:
        raise fault("DBInstanceNotFound", f"DBInstance {call.params['SourceDBInstanceArn']} not found.")
    if source.status != "available":
        raise state(f"Database instance {source.resource_id} is not in available state.")
    return source


def _copies_shown(call, source, status):
    return {
        "DBInstanceArn": source.db_instance_arn,
        "DBInstanceAutomatedBackupsArn": source.backup_copies[0]["DBInstanceAutomatedBackupsArn"],
        "DBInstanceIdentifier": source.db_instance_identifier,
        "DbiResourceId": source.dbi_resource_id,
        "Region": source.region,
        "Status": status,
        "BackupRetentionPeriod": call.get("BackupRetentionPeriod", 7),
        "KmsKeyId": call.get("KmsKeyId"),
    }


DBInstance.backup_copies = []
DBInstance.pending_modified_values = {}
DBInstance.endpoint = property(
    lambda instance: (
        None
        if instance.status == "creating"
        else {
            "Address": getattr(instance, "endpoint_address", instance.address),
            "Port": instance.port,
            "HostedZoneId": "Z1RLNUO7B9Q6NB",
        }
    )
)


def _windows_problem(maintenance, backup, of_moto=models.valid_preferred_maintenance_window):
    """The windows of backup and maintenance may touch, which moto takes for an overlap."""
    problem = of_moto(maintenance, backup)
    if not problem or "overlap" not in problem:
        return problem
    return None if _apart(_minutes(backup), _minutes(maintenance)) else problem


models.valid_preferred_maintenance_window = _windows_problem


def _minutes(window):
    """The minutes of the day that a window covers, of whatever weekday."""
    start, end = (int(hours) * 60 + int(minutes) for hours, minutes in re.findall(r"(\d\d):(\d\d)", window))
    return {minute % 1440 for minute in range(start, end if end > start else end + 1440)}


def _apart(one, other):
    return not one & other


def _choose_windows(call):
    """AWS chooses the window that the request leaves out, so that it does not overlap with the one that it names."""
    backup, maintenance = call.get("PreferredBackupWindow"), call.get("PreferredMaintenanceWindow")
    for hour in range(24):
        if backup and maintenance:
            return
        chosen = f"{hour:02}:10-{hour:02}:40"
        if maintenance and _apart(_minutes(chosen), _minutes(maintenance)):
            backup = chosen
            call.set("PreferredBackupWindow", backup)
        elif backup and _apart(_minutes(chosen), _minutes(backup)):
            maintenance = f"wed:{hour:02}:10-wed:{hour:02}:40"
            call.set("PreferredMaintenanceWindow", maintenance)
        elif not backup and not maintenance:
            return


def _instance(call):
    name = call.params["DBInstanceIdentifier"].rsplit(":", 1)[-1]
    instance = call.backend("rds").databases.get(name)
    if instance is None:
        raise fault("DBInstanceNotFound", f"DBInstance {name} not found.")
    return instance


def state(message):
    return fault("InvalidDBInstanceState", message)


def combination(message):
    return fault("InvalidParameterCombination", message)


def subnet_group(instance):
    return getattr(instance, "db_subnet_group", None)


def owner(instance):
    return f"rds {instance.dbi_resource_id}"


def _begin(call, instance, status, phase, done=None):
    instance.status = status

    def available():
        if instance.status == status:
            instance.status = "available"
            if done:
                done()

    CLOCK.after(CLOCK.typical("AWS::RDS::DBInstance", phase), available)


def _complete(call, instance):
    """What every new instance has and moto does not give it."""
    instance.dbi_resource_id = "db-" + random.get_random_string(length=26).upper()
    home = uuid.uuid5(uuid.NAMESPACE_DNS, f"{call.account}{call.region}").hex[:12]
    instance.endpoint_address = f"{instance.db_instance_identifier}.{home}.{call.region}.rds.amazonaws.com"
    instance.publicly_accessible = bool(instance.publicly_accessible)
    instance.network_type = call.get("NetworkType", "IPV4")
    instance.monitoring_interval = 0
    instance.performance_insights_enabled = False
    instance.pending_modified_values = {}
    if instance.ca_certificate_identifier == "rds-ca-default":
        instance.ca_certificate_identifier = "rds-ca-rsa2048-g1"
    if instance.option_group_name.startswith("default:") and instance.engine in VERSIONS:
        instance.option_group_name = f"default:{instance.engine}-{family_of(instance.engine_version, instance.engine)}"
    if instance.storage_type == "gp3":
        instance.iops = instance.iops or 3000
        instance.storage_throughput = instance.storage_throughput or 125
    _keep(call, instance)
    _place(call, instance)


def _keep(call, instance):
    """Monitoring and Performance Insights, which moto drops."""
    kept = {
        "MonitoringInterval": "monitoring_interval",
        "MonitoringRoleArn": "monitoring_role_arn",
        "EnablePerformanceInsights": "performance_insights_enabled",
        "PerformanceInsightsKMSKeyId": "performance_insights_kms_key_id",
        "PerformanceInsightsRetentionPeriod": "performance_insights_retention_period",
        "DatabaseInsightsMode": "database_insights_mode",
        "NetworkType": "network_type",
        "CACertificateIdentifier": "ca_certificate_identifier",
        "EnableIAMDatabaseAuthentication": "enable_iam_database_authentication",
        "CopyTagsToSnapshot": "copy_tags_to_snapshot",
    }
    for name, attribute in kept.items():
        if call.get(name) is not None:
            setattr(instance, attribute, call.params[name])
    if not instance.monitoring_interval:
        instance.monitoring_role_arn = None
    if instance.performance_insights_enabled:
        if not getattr(instance, "performance_insights_retention_period", None):
            instance.performance_insights_retention_period = 7
    else:
        instance.performance_insights_retention_period = instance.performance_insights_kms_key_id = None


def _place(call, instance):
    """Zones, and an interface in each: one for a single instance, two for Multi-AZ."""
    group = subnet_group(instance)
    interfaces.release(call, owner(instance))
    instance.secondary_availability_zone = None
    if not group:
        return
    by_zone = {subnet.availability_zone: subnet for subnet in reversed(group._subnets)}
    zones = sorted(by_zone)
    if instance.availability_zone not in by_zone:
        instance.availability_zone = zones[0]
    used = [instance.availability_zone]
    if instance.multi_az and len(zones) > 1:
        instance.secondary_availability_zone = next(zone for zone in zones if zone != instance.availability_zone)
        used.append(instance.secondary_availability_zone)
    for zone in used:
        interface = interfaces.attach(
            call, owner(instance), by_zone[zone], instance.vpc_security_group_ids, "RDSNetworkInterface"
        )
        if instance.publicly_accessible:
            interface.public_ip = random_public_ip()


def _shown(call, instance, shown=None):
    """The instance as the API shows it; `shown` is moto's view, read anew when it is not at hand."""
    if shown is None:
        shown = call.show({"DBInstance": instance}, "ModifyDBInstance")["DBInstance"]
    if instance.db_cluster_identifier:
        return shown
    if not instance.pending_modified_values:
        shown["PendingModifiedValues"] = {}
    if instance.backup_copies:
        shown["DBInstanceAutomatedBackupsReplications"] = list(instance.backup_copies)
    secret = shown.get("MasterUserSecret")
    if secret:
        secret["SecretStatus"] = "creating" if instance.status == "creating" else "active"
    return shown


def _shown_as(name):
    return "Port" if name == "DBPortNumber" else name


def _no_key(key):
    return fault("KMSKeyNotAccessibleFault", f"The specified KMS key [{key}] does not exist, is not enabled or you do "
                 "not have permissions to access it.")


def _find(call, name):
    """The instance of a name, or in another region of an ARN."""
    region = name.split(":")[3] if name.startswith("arn:") else call.region
    return call.backend("rds", region).databases.get(name.rsplit(":", 1)[-1])


def _promote(call, replica):
    source = _find(call, replica.source_db_instance_identifier)
    for name in (replica.db_instance_identifier, replica.db_instance_arn):
        if source and name in source.replicas:
            source.replicas.remove(name)
    replica.is_replica = False
    replica.source_db_instance_identifier = None
    replica.status_infos = []


def _own_secret(call, instance):
    """The managed secret holds the real user name and a password of its own, and rotates every week."""
    secret = instance.master_user_secret.secret
    if not secretsmanager.rules_of(call, secret):
        secretsmanager.renew(call, secret, username=instance.master_username)
        secretsmanager.schedule_rotation(call, secret, {"AutomaticallyAfterDays": 7})


def _version(engine, wanted):
    if not wanted:
        return DEFAULT_VERSION[engine]
    known = VERSIONS[engine]
    if wanted in known:
        return known[wanted]
    if family_of(wanted, engine) not in known:
        raise combination(f"Cannot find version {wanted} for {engine}")
    return wanted


def family_of(version, engine):
    return version.split(".")[0] if engine == "postgres" else ".".join(version.split(".")[:2])


def _check_upgrade(call, instance):
    wanted = _version(instance.engine, call.params["EngineVersion"])
    current = instance.engine_version
    order = lambda version: [int(part) for part in version.split(".")]
    if order(wanted) < order(current):
        raise combination(f"Cannot upgrade {instance.engine} from {current} to {wanted}")
    major = family_of(wanted, instance.engine) != family_of(current, instance.engine)
    if major and not call.get("AllowMajorVersionUpgrade"):
        raise combination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
    call.set("EngineVersion", wanted)


def _check_password(call):
    managed, password = call.get("ManageMasterUserPassword"), call.get("MasterUserPassword")
    if managed and password:
        raise combination("You can't specify MasterUserPassword for an instance with ManageMasterUserPassword enabled.")
    if not managed and not password:
        raise fault("InvalidParameterValue", "The parameter MasterUserPassword must be provided and must not be blank.")
    if not call.get("MasterUsername"):
        raise fault("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")


def _check_class(wanted):
    if not re.fullmatch(r"db\.[a-z][a-z0-9-]*\.[a-z0-9.]+", wanted):
        raise fault("InvalidParameterValue", f"Invalid DB Instance class: {wanted}")


def _check_monitoring(call, instance=None):
    role = call.get("MonitoringRoleArn") or getattr(instance, "monitoring_role_arn", None)
    if call.get("MonitoringInterval") and not role:
        raise combination(
            "A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0."
        )
    if call.get("MonitoringRoleArn"):
        references.role(call, role, fault("InvalidParameterValue", "IAM role ARN value is invalid or does not include "
                                          "the required permissions for: ENHANCED_MONITORING"))


def _check_placement(call, group_name, group_ids):
    """The VPC of the subnet group, when it and the security groups exist and are in one VPC."""
    backend, ec2 = call.backend("rds"), call.backend("ec2")
    if group_name:
        if group_name not in backend.subnet_groups:
            raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{group_name}' not found.")
        vpc_id = backend.subnet_groups[group_name].vpc_id
    else:
        vpc_id = ec2.default_vpc.id
    groups = references.security_groups(
        call,
        group_ids,
        lambda group: fault(
            "InvalidParameterValue", f"Invalid security group , groupId= {group}, groupName=."
        ),
    )
    for group in groups:
        if group.vpc_id != vpc_id:
            raise combination(f"The DB instance and EC2 security group are in different VPCs. The DB instance is in "
                              f"{vpc_id} and the EC2 security group is in {group.vpc_id}")
    return vpc_id
