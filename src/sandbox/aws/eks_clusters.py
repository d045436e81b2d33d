"""Restores EKS clusters, their updates and the tags of everything in them (see `eks`)."""

import base64
import re
import uuid
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.moto_api._internal import mock_random as random

import interfaces
import references
import security_groups
from clock import CLOCK
from eks import (
    DEFAULT_VERSION,
    VERSIONS,
    Cluster,
    Kubernetes,
    clusters,
    find,
    idle,
    in_use,
    invalid,
    missing,
    refused,
    role,
    subnets_of,
    update,
    words,
)
from eks_access import ADMIN_POLICY, add_access_entry, policy_entry
from wire import fault, now, operation, page

LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]


@operation("eks", "CreateCluster")
def create_cluster(call):
    name, vpc = call.params["name"], call.get("resourcesVpcConfig", {})
    version = call.get("version", DEFAULT_VERSION)
    if not re.fullmatch(r"[0-9A-Za-z][A-Za-z0-9\-_]{0,99}", name):
        raise invalid(f"The cluster name '{name}' is not valid.")
    if name in clusters(call):
        raise in_use(f"Cluster already exists with name: {name}")
    if version not in VERSIONS:
        raise invalid(f"unsupported Kubernetes version {version}")
    role(call, call.params["roleArn"])
    subnets = subnets_of(call, vpc.get("subnetIds", []))
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    group_ids = vpc.get("securityGroupIds", [])
    references.security_groups(call, group_ids, lambda group: invalid(f"Invalid security group ID: {group}"))
    for encryption in call.get("encryptionConfig", []):
        key = encryption.get("provider", {}).get("keyArn", "")
        references.key(call, key, invalid(f"The keyArn in encryptionConfig provider is invalid: {key}"))
    mode = call.get("accessConfig", {}).get("authenticationMode", "CONFIG_MAP")
    arn = call.arn("eks", f"cluster/{name}")
    doc = {
        "name": name,
        "arn": arn,
        "createdAt": now(),
        "version": version,
        "roleArn": call.params["roleArn"],
        "resourcesVpcConfig": {
            "subnetIds": [subnet.id for subnet in subnets],
            "securityGroupIds": group_ids,
            "vpcId": subnets[0].vpc_id,
            "endpointPublicAccess": vpc.get("endpointPublicAccess", True),
            "endpointPrivateAccess": vpc.get("endpointPrivateAccess", False),
            "publicAccessCidrs": vpc.get("publicAccessCidrs") or ["0.0.0.0/0"],
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": "172.20.0.0/16",
            "ipFamily": "ipv4",
            "elasticLoadBalancing": {"enabled": False},
            **call.get("kubernetesNetworkConfig", {}),
        },
        "logging": {"clusterLogging": _logging({}, call.get("logging", {}))},
        "status": "CREATING",
        "platformVersion": "eks.9",
        "tags": dict(call.get("tags", {})),
        "encryptionConfig": call.get("encryptionConfig", []),
        "health": {"issues": []},
        "accessConfig": {"authenticationMode": mode},
        "upgradePolicy": {"supportType": call.get("upgradePolicy", {}).get("supportType", "EXTENDED")},
        "zonalShiftConfig": {"enabled": call.get("zonalShiftConfig", {}).get("enabled", False)},
        "deletionProtection": call.get("deletionProtection", False),
        **{key: call.params[key] for key in ("computeConfig", "storageConfig", "remoteNetworkConfig", "outpostConfig")
           if call.get(key)},
    }
    cluster = clusters(call)[name] = Cluster(doc)
    group = _cluster_security_group(call, name, subnets[0].vpc_id)
    for subnet in subnets:
        interfaces.attach(call, arn, subnet, [group.id, *group_ids], f"Amazon EKS {name}")
    if mode != "CONFIG_MAP" and call.get("accessConfig", {}).get("bootstrapClusterCreatorAdminPermissions", True):
        caller = f"arn:aws:iam::{call.account}:user/moto"
        add_access_entry(
            call, cluster, caller, policies={ADMIN_POLICY: policy_entry(ADMIN_POLICY, {"type": "cluster"})}
        )

    def active():
        identity = uuid.uuid4().hex.upper()
        doc["status"] = "ACTIVE"
        doc["endpoint"] = Kubernetes.endpoint(call, name, identity)
        doc["identity"] = {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{identity}"}}
        doc["certificateAuthority"] = {"data": _certificate_authority()}
        doc["resourcesVpcConfig"]["clusterSecurityGroupId"] = group.id

    CLOCK.after(CLOCK.typical("AWS::EKS::Cluster", "create"), active)
    return {"cluster": doc}


@operation("eks", "DescribeCluster")
def describe_cluster(call):
    return {"cluster": find(call).doc}


@operation("eks", "ListClusters")
def list_clusters(call):
    names, token = page(call, sorted(clusters(call)))
    return {"clusters": names, "nextToken": token}


@operation("eks", "DeleteCluster")
def delete_cluster(call):
    cluster = find(call)
    name, doc = cluster.doc["name"], cluster.doc
    if doc["deletionProtection"]:
        raise refused(f"Cluster {name} has deletion protection enabled and cannot be deleted.")
    if cluster.nodegroups:
        raise in_use("Cluster has nodegroups attached")
    if cluster.fargate:
        raise in_use("Cluster has Fargate profiles attached")
    if doc["status"] != "ACTIVE" and doc["status"] != "FAILED":
        raise in_use(f"Cluster has an operation in progress: {doc['status']}")
    doc["status"] = "DELETING"

    def gone():
        clusters(call).pop(name, None)
        interfaces.release(call, doc["arn"])
        _delete_cluster_security_group(call, doc["resourcesVpcConfig"].get("clusterSecurityGroupId"))

    CLOCK.after(CLOCK.typical("AWS::EKS::Cluster", "delete"), gone)
    return {"cluster": doc}


@operation("eks", "UpdateClusterConfig")
def update_cluster_config(call):
    cluster = idle(call)
    doc, vpc = cluster.doc, cluster.doc["resourcesVpcConfig"]
    changes = {}
    if wanted := call.get("resourcesVpcConfig"):
        if "subnetIds" in wanted or "securityGroupIds" in wanted:
            subnets = subnets_of(call, wanted.get("subnetIds") or vpc["subnetIds"])
            if {subnet.vpc_id for subnet in subnets} != {vpc["vpcId"]}:
                raise invalid("Provided subnets belong to a VPC that is not the VPC of the cluster.")
            group_ids = wanted.get("securityGroupIds", vpc["securityGroupIds"])
            references.security_groups(call, group_ids, lambda group: invalid(f"Invalid security group ID: {group}"))
        changed = {key: value for key, value in wanted.items() if not _same(vpc.get(key), value)}
        if not changed:
            raise invalid(f"Cluster is already at the desired configuration with {words(wanted)}.")
        kind = "VpcConfigUpdate" if {"subnetIds", "securityGroupIds"} & set(changed) else "EndpointAccessUpdate"
        changes[kind] = changed, lambda: _update_vpc(call, cluster, changed)
    if wanted := call.get("logging"):
        logging = _logging(doc["logging"]["clusterLogging"], wanted)
        if logging == doc["logging"]["clusterLogging"]:
            raise invalid("No changes needed for the logging config provided")
        changes["LoggingUpdate"] = {"clusterLogging": wanted}, lambda: doc["logging"].update(clusterLogging=logging)
    if wanted := call.get("accessConfig", {}).get("authenticationMode"):
        modes = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
        current = doc["accessConfig"]["authenticationMode"]
        if modes.index(wanted) <= modes.index(current):
            raise invalid(f"Unsupported authentication mode update from {current} to {wanted}")
        changes["AccessConfigUpdate"] = (
            {"authenticationMode": wanted},
            lambda mode=wanted: doc["accessConfig"].update(authenticationMode=mode),
        )
    for member, kind in {
        "upgradePolicy": "UpgradePolicyUpdate",
        "zonalShiftConfig": "ZonalShiftConfigUpdate",
        "deletionProtection": "DeletionProtectionUpdate",
        "computeConfig": "AutoModeUpdate",
        "remoteNetworkConfig": "RemoteNetworkConfigUpdate",
    }.items():
        wanted = call.get(member)
        if wanted is None:
            continue
        if wanted == doc.get(member):
            raise invalid(f"No changes needed for the {member} provided")
        changes[kind] = {member: wanted}, lambda member=member, wanted=wanted: doc.update({member: wanted})
    if len(changes) != 1:
        raise invalid("Only one type of update can be allowed." if changes else "No update was requested.")
    kind, (params, apply) = changes.popitem()
    return {"update": update(call, cluster, doc, kind, params, apply, "AWS::EKS::Cluster")}


@operation("eks", "UpdateClusterVersion")
def update_cluster_version(call):
    cluster = idle(call)
    current, wanted = cluster.doc["version"], call.params["version"]
    if wanted not in VERSIONS:
        raise invalid(f"unsupported Kubernetes version {wanted}")
    if VERSIONS.index(wanted) == VERSIONS.index(current):
        raise invalid(f"Cluster is already at version {wanted}")
    if VERSIONS.index(wanted) != VERSIONS.index(current) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {current} to {wanted}")
    behind = [group for group in cluster.nodegroups.values() if group["version"] != current]
    if behind and not call.get("force"):
        raise refused(f"Nodegroups {words(g['nodegroupName'] for g in behind)} must be updated to match cluster "
                      f"version {current} before updating cluster version.")
    params = {"Version": wanted, "PlatformVersion": cluster.doc["platformVersion"]}
    apply = lambda: cluster.doc.update(version=wanted)
    return {"update": update(call, cluster, cluster.doc, "VersionUpdate", params, apply, "AWS::EKS::Cluster")}


@operation("eks", "DescribeClusterVersions")
def describe_cluster_versions(call):
    wanted = call.get("clusterVersions") or VERSIONS
    versions = [
        {
            "clusterVersion": version,
            "clusterType": "eks",
            "defaultPlatformVersion": "eks.9",
            "defaultVersion": version == DEFAULT_VERSION,
            "status": "standard-support" if version >= "1.31" else "extended-support",
            "versionStatus": "STANDARD_SUPPORT" if version >= "1.31" else "EXTENDED_SUPPORT",
        }
        for version in reversed(VERSIONS)
        if version in wanted
    ]
    return {"clusterVersions": versions}


# Updates


@operation("eks", "DescribeUpdate")
def describe_update(call):
    update = find(call).updates.get(call.params["updateId"])
    if update is None:
        raise missing(f"No update found for ID: {call.params['updateId']}")
    return {"update": update}


@operation("eks", "ListUpdates")
def list_updates(call):
    cluster, owner = find(call), call.get("nodegroupName") or call.get("addonName")
    ids, token = page(call, [key for key, update in cluster.updates.items() if update.owner == owner])
    return {"updateIds": ids, "nextToken": token}


# Tags


@operation("eks", "TagResource")
def tag_resource(call):
    _tagged(call)["tags"].update(call.params["tags"])
    return {}


@operation("eks", "UntagResource")
def untag_resource(call):
    tags = _tagged(call)["tags"]
    for key in call.params["tagKeys"]:
        tags.pop(key, None)
    return {}


@operation("eks", "ListTagsForResource")
def list_tags_for_resource(call):
    return {"tags": _tagged(call)["tags"]}


def _tagged(call):
    arn = call.params["resourceArn"]
    for cluster in clusters(call).values():
        for member, doc in cluster.tagged():
            if doc[member] == arn:
                return doc
    raise fault("NotFoundException", f"The resource {arn} was not found.")


def _logging(current, wanted):
    """EKS shows two lists: the types that are on and those that are off."""
    enabled = {kind for setup in current if setup["enabled"] for kind in setup["types"]}
    for setup in wanted.get("clusterLogging", []):
        types = set(setup.get("types", []))
        enabled = enabled | types if setup.get("enabled") else enabled - types
    lists = ((True, [kind for kind in LOG_TYPES if kind in enabled]),
             (False, [kind for kind in LOG_TYPES if kind not in enabled]))
    return [{"types": types, "enabled": on} for on, types in lists if types]


def _update_vpc(call, cluster, changed):
    doc = cluster.doc
    vpc = doc["resourcesVpcConfig"]
    vpc.update(changed)
    if {"subnetIds", "securityGroupIds"} & set(changed):
        interfaces.release(call, doc["arn"])
        for subnet in subnets_of(call, vpc["subnetIds"]):
            groups = [vpc["clusterSecurityGroupId"], *vpc["securityGroupIds"]]
            interfaces.attach(call, doc["arn"], subnet, groups, f"Amazon EKS {doc['name']}")


def _cluster_security_group(call, name, vpc_id):
    """The group that EKS makes for the cluster and its nodes: all traffic among its members, and out."""
    backend = call.backend("ec2")
    group = backend.create_security_group(
        f"eks-cluster-sg-{name}-{random.randint(10**8, 10**10)}",
        "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any "
        "managed workloads.",
        vpc_id=vpc_id,
        tags={"aws:eks:cluster-name": name, f"kubernetes.io/cluster/{name}": "owned"},
    )
    group.add_tags({"Name": group.name})
    backend.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}])
    return group


def _delete_cluster_security_group(call, group_id):
    """EKS removes its group, unless someone still refers to it: then it stays, as on AWS, and blocks its VPC."""
    backend = call.backend("ec2")
    if backend.get_security_group_from_id(group_id) and not security_groups.users(call, group_id):
        backend.delete_security_group(group_id=group_id)


def _certificate_authority():
    """A self-signed CA, PEM in base64, as kubeconfig files carry it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - timedelta(minutes=5))
        .not_valid_after(now() + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _same(current, wanted):
    if isinstance(wanted, list):
        return sorted(current or []) == sorted(wanted)
    return current == wanted
