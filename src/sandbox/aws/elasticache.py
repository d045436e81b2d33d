"""Restores ElastiCache replication groups, of which moto keeps a sketch (their groups: `elasticache_groups`).

Shards and replicas with their member clusters, pending states, modifications, online changes of the counts, interfaces in
the subnets, refusals of what does not go together or is missing, final snapshots; as the ElastiCache API reference
documents them. Cache clusters without a group, users and serverless caches stay as moto has them.
"""

import re
import uuid

import interfaces
import references
from clock import CLOCK
from elasticache_groups import VERSIONS, clusters, family_of, parameter_group, sorted_by_name, subnet_group, tag
from wire import fault, now, operation, page

KIND = "AWS::ElastiCache::ReplicationGroup"
REPLICAS_MAX = 5
# What a modification changes at once, by the name under which it is shown.
SETTINGS = {
    "ReplicationGroupDescription": "Description",
    "SnapshotRetentionLimit": "SnapshotRetentionLimit",
    "SnapshotWindow": "SnapshotWindow",
    "AutoMinorVersionUpgrade": "AutoMinorVersionUpgrade",
    "IpDiscovery": "IpDiscovery",
}


class Group:
    """A replication group: `doc` is what the API shows of it, `member` what it shows of each of its clusters."""

    def __init__(self, name):
        self.id = name
        self.status = "creating"
        self.doc = {}
        self.member = {}
        self.shards = {}
        self.subnet_group = self.parameter_group = None
        self.security_groups = []
        self.pending = {}
        self.member_pending = {}
        self.auth_token = None

    @property
    def owner(self):
        return f"elasticache {self.id}"

    @property
    def sharded(self):
        return self.doc["ClusterEnabled"]

    def members(self):
        return [member for shard in self.shards.values() for member in shard]

    def replicas(self):
        return min(len(shard) for shard in self.shards.values()) - 1


@operation("elasticache", "CreateReplicationGroup")
def create_replication_group(call):
    """`creating` for its typical time; the endpoints show when it is `available`."""
    groups, name = call.table("elasticache.groups"), call.params["ReplicationGroupId"].lower()
    if name in groups:
        raise fault("ReplicationGroupAlreadyExists", f"Replication group {name} already exists.")
    if not re.fullmatch(r"[a-z](-?[a-z0-9])*", name) or len(name) > 40:
        raise value(f"The parameter ReplicationGroupId is not a valid identifier: {name}")
    engine = call.get("Engine", "redis")
    version = _version(engine, call.get("EngineVersion"))
    _check_node(call.get("CacheNodeType", "cache.t3.small"))
    shards = int(call.get("NumNodeGroups") or 1)
    sharded = shards > 1 or call.get("ClusterMode") == "enabled"
    family = family_of(engine, version)
    wanted = call.get("CacheParameterGroupName") or f"default.{family}{'.cluster.on' if sharded else ''}"
    parameters = _parameters(call, wanted, family)
    if sharded and not clusters(call, parameters):
        raise combination("Several node groups need a parameter group with cluster-enabled set to yes.")
    sharded = clusters(call, parameters)
    if call.get("NumCacheClusters") and (call.get("NumNodeGroups") or call.get("ReplicasPerNodeGroup") is not None):
        raise combination("Only one of NumCacheClusters and NumNodeGroups/ReplicasPerNodeGroup may be specified.")
    replicas = call.get("ReplicasPerNodeGroup")
    replicas = int(call.get("NumCacheClusters") or 1) - 1 if replicas is None else int(replicas)
    _check_replicas(replicas)
    failover, multi_zone = call.get("AutomaticFailoverEnabled", False), call.get("MultiAZEnabled", False)
    _check_failover(failover, multi_zone, replicas, sharded)
    encrypted, mode = call.get("TransitEncryptionEnabled", False), call.get("TransitEncryptionMode")
    _check_token(call, encrypted)
    for wanted_users in call.get("UserGroupIds", []):
        raise fault("UserGroupNotFound", f"User group {wanted_users} not found.")
    group = Group(name)
    group.parameter_group = parameters
    _check_topic(call)
    group.subnet_group, group.security_groups = _placement(call)
    key = call.get("KmsKeyId")
    if key:
        found = references.key(call, key, fault("InvalidKMSKeyFault", f"The KMS key {key} does not exist or is disabled."))
        key = found.arn if found else key
    group.doc = {
        "ReplicationGroupId": name,
        "Description": call.params["ReplicationGroupDescription"],
        "ARN": call.arn("elasticache", f"replicationgroup:{name}"),
        "ReplicationGroupCreateTime": now(),
        "AutomaticFailover": "enabled" if failover else "disabled",
        "MultiAZ": "enabled" if multi_zone else "disabled",
        "SnapshotRetentionLimit": int(call.get("SnapshotRetentionLimit", 0)),
        "SnapshotWindow": call.get("SnapshotWindow", "05:00-06:00"),
        "ClusterEnabled": sharded,
        "ClusterMode": call.get("ClusterMode", "enabled" if sharded else "disabled"),
        "CacheNodeType": call.get("CacheNodeType", "cache.t3.small"),
        "AuthTokenEnabled": bool(call.get("AuthToken")),
        "TransitEncryptionEnabled": encrypted,
        **({"TransitEncryptionMode": mode or "required"} if encrypted else {}),
        "AtRestEncryptionEnabled": bool(call.get("AtRestEncryptionEnabled", False)),
        **({"KmsKeyId": key} if key else {}),
        "UserGroupIds": [],
        "LogDeliveryConfigurations": _deliveries(call, []),
        "DataTiering": "enabled" if call.get("DataTieringEnabled") else "disabled",
        "AutoMinorVersionUpgrade": call.get("AutoMinorVersionUpgrade", True),
        "NetworkType": call.get("NetworkType", "ipv4"),
        "IpDiscovery": call.get("IpDiscovery", "ipv4"),
        "Engine": engine,
    }
    group.member = {
        "EngineVersion": version,
        "PreferredMaintenanceWindow": call.get("PreferredMaintenanceWindow", "wed:08:00-wed:09:00").lower(),
        "port": int(call.get("Port", 6379)),
        "topic": call.get("NotificationTopicArn"),
    }
    group.auth_token = call.get("AuthToken")
    groups[name] = group
    for number in range(1, shards + 1):
        group.shards[f"{number:04}"] = []
    _grow(call, group, replicas)
    tag(call, group.doc["ARN"], call.get("Tags"))
    _begin(call, group, "creating", "create")
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "DescribeReplicationGroups")
def describe_replication_groups(call):
    groups = call.table("elasticache.groups")
    found = [_group(call)] if call.get("ReplicationGroupId") else sorted_by_name(groups)
    shown, marker = page(call, [_shown(group) for group in found], "MaxRecords", "Marker")
    return {"ReplicationGroups": shown, **({"Marker": marker} if marker else {})}


@operation("elasticache", "DescribeCacheClusters")
def describe_cache_clusters(call):
    """The members of replication groups are cache clusters, too: only there stand most of their settings."""
    members = {
        member["id"]: _shown_member(call, group, member)
        for group in sorted_by_name(call.table("elasticache.groups"))
        for member in group.members()
    }
    wanted = call.get("CacheClusterId")
    if wanted in members:
        return {"CacheClusters": [members[wanted]]}
    if wanted:
        return call.forward()
    others = call.proceed().get("CacheClusters", [])
    grouped = [] if call.get("ShowCacheClustersNotInReplicationGroups") else list(members.values())
    shown, marker = page(call, grouped + others, "MaxRecords", "Marker")
    return {"CacheClusters": shown, **({"Marker": marker} if marker else {})}


@operation("elasticache", "ModifyReplicationGroup")
def modify_replication_group(call):
    """`modifying` for its typical time; what takes that long is pending meanwhile."""
    group = _available(call)
    if not call.get("ApplyImmediately"):
        raise value("In the sandbox changes have to apply immediately: there is no maintenance window.")
    engine = call.get("Engine", group.doc["Engine"])
    version = group.member["EngineVersion"]
    if (engine, group.doc["Engine"]) not in (("valkey", "redis"), (engine, engine)):
        raise combination(f"An engine cannot be changed from {group.doc['Engine']} to {engine}.")
    if call.get("EngineVersion"):
        version = _version(engine, call.params["EngineVersion"])
        if engine == group.doc["Engine"] and _order(version) < _order(group.member["EngineVersion"]):
            raise combination(f"Cannot downgrade from {group.member['EngineVersion']} to {version}.")
    parameters = call.get("CacheParameterGroupName")
    family = family_of(engine, version)
    if parameters:
        parameters = _parameters(call, parameters, family)
        if clusters(call, parameters) != group.sharded:
            raise combination("The parameter group has another value of cluster-enabled than the replication group.")
    elif family != parameter_group(call, group.parameter_group)["CacheParameterGroupFamily"]:
        if not group.parameter_group.startswith("default."):
            raise combination(f"The parameter group {group.parameter_group} does not fit {engine} {version}.")
        parameters = f"default.{family}{'.cluster.on' if group.sharded else ''}"
    if call.get("CacheNodeType"):
        _check_node(call.params["CacheNodeType"])
    failover = call.get("AutomaticFailoverEnabled", group.doc["AutomaticFailover"] == "enabled")
    multi_zone = call.get("MultiAZEnabled", group.doc["MultiAZ"] == "enabled")
    _check_failover(failover, multi_zone, group.replicas(), group.sharded)
    encryption = _encryption(call, group)
    token = call.get("AuthToken")
    _check_token(call, group.doc["TransitEncryptionEnabled"])
    _check_topic(call)
    for wanted_users in call.get("UserGroupIdsToAdd", []):
        raise fault("UserGroupNotFound", f"User group {wanted_users} not found.")
    security_groups = _placement(call, group)[1] if call.get("SecurityGroupIds") else None
    deliveries = _deliveries(call, group.doc["LogDeliveryConfigurations"])

    for name, shown in SETTINGS.items():
        if call.get(name) is not None:
            group.doc[shown] = call.params[name]
    group.doc["MultiAZ"] = "enabled" if multi_zone else "disabled"
    if call.get("PreferredMaintenanceWindow"):
        group.member["PreferredMaintenanceWindow"] = call.params["PreferredMaintenanceWindow"].lower()
    if call.get("NotificationTopicArn"):
        group.member["topic"] = call.params["NotificationTopicArn"]
    if parameters:
        group.parameter_group = parameters
    if security_groups is not None:
        group.security_groups = security_groups
        interfaces.regroup(call, group.owner, security_groups)

    later, later_member = {}, {}
    if failover != (group.doc["AutomaticFailover"] == "enabled"):
        group.pending["AutomaticFailoverStatus"] = later["AutomaticFailover"] = "enabled" if failover else "disabled"
    if deliveries != group.doc["LogDeliveryConfigurations"]:
        later["LogDeliveryConfigurations"] = deliveries
        kept = {delivery["LogType"] for delivery in deliveries}
        for delivery in group.doc["LogDeliveryConfigurations"]:
            delivery["Status"] = "modifying" if delivery["LogType"] in kept else "disabling"
        group.pending["LogDeliveryConfigurations"] = [
            {key: part for key, part in delivery.items() if key != "Status"} for delivery in deliveries
        ]
    if encryption:
        later.update(encryption)
        group.pending.update({key: part for key, part in encryption.items() if part is not None})
    if call.get("ClusterMode"):
        group.pending["ClusterMode"] = later["ClusterMode"] = call.params["ClusterMode"]
        later["ClusterEnabled"] = call.params["ClusterMode"] == "enabled"
    if call.get("CacheNodeType"):
        group.member_pending["CacheNodeType"] = later["CacheNodeType"] = call.params["CacheNodeType"]
    if version != group.member["EngineVersion"]:
        group.member_pending["EngineVersion"] = later_member["EngineVersion"] = version
    later["Engine"] = engine
    if token:
        group.pending["AuthTokenStatus"] = "ROTATING" if call.get("AuthTokenUpdateStrategy") != "SET" else "SETTING"
        later["AuthTokenEnabled"] = True

    def applied():
        group.doc.update(later)
        for name in [name for name, part in group.doc.items() if part is None]:
            del group.doc[name]
        group.member.update(later_member)
        group.auth_token = token or group.auth_token

    _begin(call, group, "modifying", "update", applied)
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "IncreaseReplicaCount")
def increase_replica_count(call):
    group = _available(call)
    count = int(call.params["NewReplicaCount"])
    _check_replicas(count)
    if count <= group.replicas():
        raise fault("NoOperationFault", f"The replication group has {group.replicas()} replicas in each shard already.")
    _begin(call, group, "modifying", "update", lambda: _grow(call, group, count))
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "DecreaseReplicaCount")
def decrease_replica_count(call):
    group = _available(call)
    count = int(call.params["NewReplicaCount"])
    if count >= group.replicas():
        raise fault("NoOperationFault", f"The replication group has {group.replicas()} replicas in each shard already.")
    if count == 0 and group.doc["AutomaticFailover"] == "enabled" and not group.sharded:
        raise combination("Automatic failover needs a replica: disable it first.")
    if count == 0 and group.doc["MultiAZ"] == "enabled":
        raise combination("Multi-AZ needs a replica in each shard: disable it first.")

    def shrink():
        for shard in group.shards.values():
            del shard[count + 1:]
        _place(call, group)

    _begin(call, group, "modifying", "update", shrink)
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "ModifyReplicationGroupShardConfiguration")
def modify_shard_configuration(call):
    """Online resharding: shards come, or all but those to retain go, after a `modifying` time."""
    group = _available(call)
    count = int(call.params["NodeGroupCount"])
    if not group.sharded:
        raise combination("Online resharding is only for replication groups with cluster mode enabled.")
    if count == len(group.shards):
        raise value(f"The replication group has {count} node groups already.")
    retain = call.get("NodeGroupsToRetain", [])
    removed = call.get("NodeGroupsToRemove", [])
    if count < len(group.shards):
        if bool(retain) == bool(removed):
            raise combination("Either NodeGroupsToRemove or NodeGroupsToRetain is required to remove node groups.")
        kept = set(retain) if retain else set(group.shards) - set(removed)
        if len(kept) != count or not kept <= set(group.shards):
            raise value(f"The node groups that stay are not {count} of the replication group.")
    else:
        fresh = (f"{number:04}" for number in range(1, 1000))
        kept = [name for name in fresh if name not in group.shards][: count - len(group.shards)]
        kept = {*group.shards, *kept}
    replicas = group.replicas()

    def reshard():
        group.shards = {name: group.shards.get(name, []) for name in sorted(kept)}
        _grow(call, group, replicas)

    group.pending["Resharding"] = {"SlotMigration": {"ProgressPercentage": 0.0}}
    _begin(call, group, "modifying", "update", reshard)
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "DeleteReplicationGroup")
def delete_replication_group(call):
    """`deleting` for its typical time, then gone with its interfaces; a final snapshot stays."""
    group, snapshots = _available(call), call.table("elasticache.snapshots")
    final = call.get("FinalSnapshotIdentifier")
    if final and final in snapshots:
        raise fault("SnapshotAlreadyExistsFault", f"Snapshot {final} already exists.")
    group.status = "deleting"

    def gone():
        if final:
            snapshots[final] = {
                "SnapshotName": final,
                "ReplicationGroupId": group.id,
                "ReplicationGroupDescription": group.doc["Description"],
                "SnapshotStatus": "available",
                "SnapshotSource": "manual",
                "Engine": group.doc["Engine"],
                "EngineVersion": group.member["EngineVersion"],
                "NumNodeGroups": len(group.shards),
                "CacheNodeType": group.doc["CacheNodeType"],
                "ARN": call.arn("elasticache", f"snapshot:{final}"),
            }
        interfaces.release(call, group.owner)
        call.table("elasticache.tags").pop(group.doc["ARN"], None)
        call.table("elasticache.groups").pop(group.id, None)

    CLOCK.after(CLOCK.typical(KIND, "delete"), gone)
    return {"ReplicationGroup": _shown(group)}


@operation("elasticache", "DescribeSnapshots")
def describe_snapshots(call):
    own = call.table("elasticache.snapshots")
    if call.get("SnapshotName"):
        return {"Snapshots": [own[call.params["SnapshotName"]]]} if call.params["SnapshotName"] in own else call.forward()
    if call.get("ReplicationGroupId"):
        wanted = call.params["ReplicationGroupId"]
        return {"Snapshots": [snapshot for snapshot in own.values() if snapshot["ReplicationGroupId"] == wanted]}
    return {"Snapshots": [*own.values(), *call.proceed().get("Snapshots", [])]}


def value(message):
    return fault("InvalidParameterValue", message)


def combination(message):
    return fault("InvalidParameterCombination", message)


def _group(call):
    name = call.params["ReplicationGroupId"].lower()
    group = call.table("elasticache.groups").get(name)
    if group is None:
        raise fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    return group


def _available(call):
    group = _group(call)
    if group.status != "available":
        raise fault("InvalidReplicationGroupState", f"Replication group {group.id} is not in available state.")
    return group


def _begin(call, group, status, phase, done=None):
    group.status = status

    def available():
        if group.status == status:
            group.status = "available"
            group.pending, group.member_pending = {}, {}
            if done:
                done()

    CLOCK.after(CLOCK.typical(KIND, phase), available)


def _grow(call, group, replicas):
    """Gives every shard its primary and so many replicas."""
    for name, shard in group.shards.items():
        taken = {member["id"] for member in shard}
        numbers = (f"{number:03}" for number in range(1, 100))
        ids = (f"{group.id}-{name}-{number}" if group.sharded else f"{group.id}-{number}" for number in numbers)
        for identity in ids:
            if len(shard) > replicas:
                break
            if identity not in taken:
                shard.append({"id": identity, "created": now()})
    _place(call, group)


def _place(call, group):
    """An interface for each member, in the subnets by turns."""
    interfaces.release(call, group.owner)
    if group.subnet_group:
        ids = [subnet["SubnetIdentifier"] for subnet in subnet_group(call, group.subnet_group)["Subnets"]]
        subnets = references.subnets(call, ids, lambda subnet: value(f"There is no subnet {subnet}."))
    else:
        ec2 = call.backend("ec2")
        vpc = ec2.default_vpc.id
        subnets = [one for zone in ec2.subnets.values() for one in zone.values() if one.vpc_id == vpc]
    subnets.sort(key=lambda subnet: (subnet.availability_zone, subnet.id))
    for at, member in enumerate(group.members()):
        subnet = subnets[at % len(subnets)]
        member["subnet"], member["zone"] = subnet.id, subnet.availability_zone
        interfaces.attach(call, group.owner, subnet, group.security_groups, f"ElastiCache {member['id']}")


def _placement(call, group=None):
    """The subnet group, if any, and the security groups, when they exist and are in its VPC."""
    ec2 = call.backend("ec2")
    name = group.subnet_group if group else call.get("CacheSubnetGroupName")
    name = subnet_group(call, name)["CacheSubnetGroupName"] if name else None
    vpc = subnet_group(call, name)["VpcId"] if name else ec2.default_vpc.id
    ids = call.get("SecurityGroupIds") or [ec2.get_default_security_group(vpc).id]
    for found in references.security_groups(call, ids, lambda one: value(f"Invalid security group: {one}")):
        if found.vpc_id != vpc:
            raise combination(f"The security group {found.id} is not in the VPC of the subnet group, {vpc}.")
    return name, ids


def _parameters(call, name, family):
    group = parameter_group(call, name)
    if group["CacheParameterGroupFamily"] != family:
        raise combination(f"Expected a parameter group of family {family} but found one of family "
                          f"{group['CacheParameterGroupFamily']}")
    return group["CacheParameterGroupName"]


def _version(engine, wanted):
    known = VERSIONS.get(engine)
    if known is None:
        raise value(f"Engine {engine} has no replication groups.")
    if not wanted:
        return list(known.values())[-1]
    if wanted in known.values():
        return wanted
    if wanted not in known:
        raise combination(f"Cannot find version {wanted} for {engine}")
    return known[wanted]


def _order(version):
    return [int(part) for part in version.split(".")]


def _check_node(wanted):
    if not re.fullmatch(r"cache\.[a-z][a-z0-9]*\.[a-z0-9]+", wanted):
        raise value(f"Invalid cache node type: {wanted}")


def _check_replicas(count):
    if not 0 <= count <= REPLICAS_MAX:
        raise value(f"The number of replicas has to be between 0 and {REPLICAS_MAX}.")


def _check_failover(failover, multi_zone, replicas, sharded):
    if sharded and not failover:
        raise value("A replication group with cluster mode enabled cannot have automatic failover turned off.")
    if failover and not sharded and replicas == 0:
        raise combination("Automatic failover is not supported for a replication group without replicas.")
    if multi_zone and (not failover or replicas == 0):
        raise combination("Multi-AZ needs automatic failover and a replica in each shard.")


def _check_token(call, encrypted):
    token = call.get("AuthToken")
    if token and not encrypted:
        raise combination("AuthToken is only supported when in-transit encryption is enabled.")
    if token and not 16 <= len(token) <= 128:
        raise value("AuthToken has to have 16 to 128 characters.")


def _check_topic(call):
    topic = call.get("NotificationTopicArn")
    if topic and topic not in call.backend("sns").topics:
        raise value(f"The topic {topic} does not exist.")


def _encryption(call, group):
    """In-transit encryption comes and goes by way of the mode `preferred`."""
    on, mode = group.doc["TransitEncryptionEnabled"], group.doc.get("TransitEncryptionMode")
    wanted, wanted_mode = call.get("TransitEncryptionEnabled", on), call.get("TransitEncryptionMode")
    if wanted and not on and wanted_mode != "preferred":
        raise value("In-transit encryption is enabled with the mode preferred first.")
    if wanted and not on and _order(group.member["EngineVersion"]) < [7]:
        raise value("In-transit encryption can be enabled from engine version 7 on.")
    if on and not wanted:
        if mode != "preferred":
            raise value("In-transit encryption can be disabled in the mode preferred only.")
        return {"TransitEncryptionEnabled": False, "TransitEncryptionMode": None}
    if wanted and (not on or wanted_mode not in (None, mode)):
        return {"TransitEncryptionEnabled": True, "TransitEncryptionMode": wanted_mode}
    return None


def _deliveries(call, before):
    """What is delivered after the request, one delivery for each log."""
    by_log = {delivery["LogType"]: {**delivery, "Status": "active"} for delivery in before}
    for wanted in call.get("LogDeliveryConfigurations", []):
        if wanted.get("Enabled") is False:
            by_log.pop(wanted["LogType"], None)
            continue
        details = wanted["DestinationDetails"]
        logs = details.get("CloudWatchLogsDetails", {}).get("LogGroup")
        if wanted["DestinationType"] == "cloudwatch-logs" and logs not in call.backend("logs").groups:
            raise value(f"The log group {logs} does not exist.")
        by_log[wanted["LogType"]] = {
            "LogType": wanted["LogType"],
            "DestinationType": wanted["DestinationType"],
            "DestinationDetails": details,
            "LogFormat": wanted["LogFormat"],
            "Status": "active",
        }
    return [by_log[log] for log in sorted(by_log)]


def _shown(group):
    shown = {**group.doc, "Status": group.status, "PendingModifiedValues": group.pending}
    shown["MemberClusters"] = [member["id"] for member in group.members()]
    port = group.member["port"]
    works = group.status != "creating"
    if group.sharded and works:
        shown["ConfigurationEndpoint"] = {"Address": _host(group, "clustercfg"), "Port": port}
    if not group.sharded and not works:
        return shown
    shown["NodeGroups"] = []
    for name, members in group.shards.items():
        shard = {
            "NodeGroupId": name,
            "Status": group.status,
            "NodeGroupMembers": [
                {
                    "CacheClusterId": member["id"],
                    "CacheNodeId": "0001",
                    "PreferredAvailabilityZone": member["zone"],
                    **(
                        {}
                        if group.sharded
                        else {
                            "CurrentRole": "replica" if at else "primary",
                            "ReadEndpoint": {"Address": _host(group, member["id"]), "Port": port},
                        }
                    ),
                }
                for at, member in enumerate(members)
            ],
        }
        if group.sharded:
            shard["Slots"] = _slots(list(group.shards).index(name), len(group.shards))
        else:
            shard["PrimaryEndpoint"] = {"Address": _host(group, "master"), "Port": port}
            shard["ReaderEndpoint"] = {"Address": _host(group, "replica"), "Port": port}
        shown["NodeGroups"].append(shard)
    return shown


def _shown_member(call, group, member):
    doc, port = group.doc, group.member["port"]
    shared = ("CacheNodeType", "Engine", "SnapshotRetentionLimit", "SnapshotWindow", "AutoMinorVersionUpgrade",
              "TransitEncryptionEnabled", "TransitEncryptionMode", "AtRestEncryptionEnabled", "NetworkType", "IpDiscovery")
    node = {"CacheNodeId": "0001", "CacheNodeStatus": group.status, "CacheNodeCreateTime": member["created"],
            "CustomerAvailabilityZone": member["zone"], "ParameterGroupStatus": "in-sync"}
    if group.status != "creating":
        node["Endpoint"] = {"Address": _host(group, member["id"]), "Port": port}
    topic = group.member["topic"]
    return {
        "CacheClusterId": member["id"],
        "ARN": call.arn("elasticache", f"cluster:{member['id']}"),
        "ReplicationGroupId": group.id,
        "CacheClusterStatus": group.status,
        "CacheClusterCreateTime": member["created"],
        "EngineVersion": group.member["EngineVersion"],
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": member["zone"],
        "PreferredMaintenanceWindow": group.member["PreferredMaintenanceWindow"],
        "PendingModifiedValues": group.member_pending,
        "CacheParameterGroup": {
            "CacheParameterGroupName": group.parameter_group, "ParameterApplyStatus": "in-sync", "CacheNodeIdsToReboot": []
        },
        "SecurityGroups": [{"SecurityGroupId": one, "Status": "active"} for one in group.security_groups],
        "CacheSecurityGroups": [],
        **({"CacheSubnetGroupName": group.subnet_group} if group.subnet_group else {}),
        **({"NotificationConfiguration": {"TopicArn": topic, "TopicStatus": "active"}} if topic else {}),
        **({"CacheNodes": [node]} if call.get("ShowCacheNodeInfo") else {}),
        **{name: doc[name] for name in shared if name in doc},
    }


def _host(group, name):
    home = uuid.uuid5(uuid.NAMESPACE_DNS, group.doc["ARN"]).hex[:6]
    return f"{name}.{group.id}.{home}.cache.amazonaws.com"


def _slots(at, of):
    """The part of the 16384 slots that a shard holds."""
    return f"{16384 * at // of}-{16384 * (at + 1) // of - 1}"
