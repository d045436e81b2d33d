"""Restores EKS: moto has clusters and node groups that are final at once, lose what they were created with and take no update.

The whole service is served here, so moto's own EKS is out of play: clusters, node groups, add-ons, access entries with
their policies, pod identity associations, Fargate profiles, updates and tags, as the EKS API reference documents
them: pending states, one update at a time, references that must exist, idempotency by `clientRequestToken` (`tokens`).
"""

import base64
import re
import uuid
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.eks import urls
from moto.eks.responses import EKSResponse
from moto.moto_api._internal import mock_random as random

import interfaces
import references
from clock import CLOCK
from wire import fault, now, operation, page

# moto routes only the operations that it has.
urls.url_paths = {"{0}/.*": EKSResponse.dispatch}

VERSIONS = ["1.29", "1.30", "1.31", "1.32", "1.33", "1.34"]
DEFAULT_VERSION = "1.33"
LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ADDONS = {
    "adot": "v0.117.0-eksbuild.1",
    "amazon-cloudwatch-observability": "v4.4.0-eksbuild.1",
    "aws-ebs-csi-driver": "v1.48.0-eksbuild.1",
    "aws-efs-csi-driver": "v2.1.11-eksbuild.1",
    "aws-guardduty-agent": "v1.11.0-eksbuild.4",
    "aws-mountpoint-s3-csi-driver": "v2.0.0-eksbuild.1",
    "cert-manager": "v1.18.2-eksbuild.2",
    "coredns": "v1.12.3-eksbuild.1",
    "eks-node-monitoring-agent": "v1.4.0-eksbuild.2",
    "eks-pod-identity-agent": "v1.3.8-eksbuild.2",
    "external-dns": "v0.18.0-eksbuild.1",
    "kube-proxy": "v1.33.3-eksbuild.6",
    "kube-state-metrics": "v2.16.0-eksbuild.1",
    "metrics-server": "v0.8.0-eksbuild.2",
    "prometheus-node-exporter": "v1.9.1-eksbuild.2",
    "snapshot-controller": "v8.3.0-eksbuild.1",
    "vpc-cni": "v1.20.1-eksbuild.3",
}
# Their pods run on every node and none is missing while there is no node; the others wait for a node to run on.
DAEMONS = {"aws-guardduty-agent", "eks-node-monitoring-agent", "eks-pod-identity-agent", "kube-proxy",
           "prometheus-node-exporter", "vpc-cni"}
ACCESS_POLICIES = [
    "AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSAutoNodePolicy", "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy", "AmazonEKSViewPolicy",
]  # fmt: skip
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


class Cluster:
    """A cluster and all that lives and dies with it; `doc` and the entries of the tables have the shapes of the API."""

    def __init__(self, doc):
        self.doc = doc
        self.nodegroups = {}
        self.addons = {}
        self.access = {}
        self.pods = {}
        self.fargate = {}
        self.updates = {}

    def tagged(self):
        """Every taggable document of the cluster, with the name of its ARN member."""
        yield "arn", self.doc
        yield from (("nodegroupArn", group) for group in self.nodegroups.values())
        yield from (("addonArn", addon) for addon in self.addons.values())
        yield from (("accessEntryArn", entry["entry"]) for entry in self.access.values())
        yield from (("associationArn", pod) for pod in self.pods.values())
        yield from (("fargateProfileArn", profile) for profile in self.fargate.values())


# Clusters


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
    _role(call, call.params["roleArn"])
    subnets = _subnets(call, vpc.get("subnetIds", []))
    if len({subnet.availability_zone for subnet in subnets}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    group_ids = vpc.get("securityGroupIds", [])
    references.security_groups(call, group_ids, lambda group: invalid(f"Invalid security group ID: {group}"))
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
    }  # fmt: skip
    cluster = clusters(call)[name] = Cluster(doc)
    group = _cluster_security_group(call, name, subnets[0].vpc_id)
    for subnet in subnets:
        interfaces.attach(call, arn, subnet, [group.id, *group_ids], f"Amazon EKS {name}")
    if mode != "CONFIG_MAP" and call.get("accessConfig", {}).get("bootstrapClusterCreatorAdminPermissions", True):
        caller = f"arn:aws:iam::{call.account}:user/moto"
        _add_access_entry(call, cluster, caller, policies={ADMIN_POLICY: _policy(ADMIN_POLICY, {"type": "cluster"})})

    def active():
        identity = uuid.uuid4().hex.upper()
        doc["status"] = "ACTIVE"
        doc["endpoint"] = f"https://{identity}.gr7.{call.region}.eks.amazonaws.com"
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
    cluster = _idle(call)
    doc, vpc = cluster.doc, cluster.doc["resourcesVpcConfig"]
    changes = {}
    if wanted := call.get("resourcesVpcConfig"):
        if "subnetIds" in wanted or "securityGroupIds" in wanted:
            subnets = _subnets(call, wanted.get("subnetIds") or vpc["subnetIds"])
            if {subnet.vpc_id for subnet in subnets} != {vpc["vpcId"]}:
                raise invalid("Provided subnets belong to a VPC that is not the VPC of the cluster.")
            group_ids = wanted.get("securityGroupIds", vpc["securityGroupIds"])
            references.security_groups(call, group_ids, lambda group: invalid(f"Invalid security group ID: {group}"))
        changed = {key: value for key, value in wanted.items() if not _same(vpc.get(key), value)}
        if not changed:
            raise invalid(f"Cluster is already at the desired configuration with {_words(wanted)}.")
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
            lambda: doc["accessConfig"].update(authenticationMode=wanted),
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
    return {"update": _update(call, cluster, doc, kind, params, apply, "AWS::EKS::Cluster")}


@operation("eks", "UpdateClusterVersion")
def update_cluster_version(call):
    cluster = _idle(call)
    current, wanted = cluster.doc["version"], call.params["version"]
    if wanted not in VERSIONS:
        raise invalid(f"unsupported Kubernetes version {wanted}")
    if VERSIONS.index(wanted) == VERSIONS.index(current):
        raise invalid(f"Cluster is already at version {wanted}")
    if VERSIONS.index(wanted) != VERSIONS.index(current) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {current} to {wanted}")
    behind = [group for group in cluster.nodegroups.values() if group["version"] != current]
    if behind and not call.get("force"):
        raise refused(f"Nodegroups {_words(g['nodegroupName'] for g in behind)} must be updated to match cluster "
                      f"version {current} before updating cluster version.")  # fmt: skip
    params = {"Version": wanted, "PlatformVersion": cluster.doc["platformVersion"]}
    apply = lambda: cluster.doc.update(version=wanted)  # noqa: E731
    return {"update": _update(call, cluster, cluster.doc, "VersionUpdate", params, apply, "AWS::EKS::Cluster")}


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


# Node groups


@operation("eks", "CreateNodegroup")
def create_nodegroup(call):
    cluster, name = _ready(call), call.params["nodegroupName"]
    if name in cluster.nodegroups:
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.doc['name']}")
    _role(call, call.params["nodeRole"])
    subnets = _subnets(call, call.params["subnets"])
    template = _launch_template(call)
    if template and (call.get("diskSize") or call.get("remoteAccess")):
        what = "Disk size" if call.get("diskSize") else "Remote access configuration"
        raise invalid(f"{what} cannot be specified with a launch template.")
    version = call.get("version", cluster.doc["version"])
    if version not in VERSIONS or version > cluster.doc["version"]:
        raise invalid(f"Requested Nodegroup version {version} is invalid for cluster version {cluster.doc['version']}")
    scaling = {"minSize": 1, "maxSize": 2, "desiredSize": 2, **call.get("scalingConfig", {})}
    _check_scaling(scaling)
    identity = str(uuid.uuid4())
    group = cluster.nodegroups[name] = {
        "nodegroupName": name,
        "nodegroupArn": call.arn("eks", f"nodegroup/{cluster.doc['name']}/{name}/{identity}"),
        "clusterName": cluster.doc["name"],
        "version": version,
        "releaseVersion": call.get("releaseVersion", _release(version)),
        "createdAt": now(),
        "modifiedAt": now(),
        "status": "CREATING",
        "capacityType": call.get("capacityType", "ON_DEMAND"),
        "scalingConfig": scaling,
        "instanceTypes": call.get("instanceTypes") or ([] if template else ["t3.medium"]),
        "subnets": [subnet.id for subnet in subnets],
        "amiType": call.get("amiType", "AL2023_x86_64_STANDARD"),
        "nodeRole": call.params["nodeRole"],
        "labels": dict(call.get("labels", {})),
        "taints": list(call.get("taints", [])),
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{identity}"}]},
        "health": {"issues": []},
        "updateConfig": call.get("updateConfig") or {"maxUnavailable": 1},
        "nodeRepairConfig": call.get("nodeRepairConfig") or {"enabled": False},
        "tags": dict(call.get("tags", {})),
        **({"launchTemplate": template} if template else {"diskSize": call.get("diskSize", 20)}),
        **({"remoteAccess": call.get("remoteAccess")} if call.get("remoteAccess") else {}),
    }
    if cluster.doc["accessConfig"]["authenticationMode"] != "CONFIG_MAP" and group["nodeRole"] not in cluster.access:
        _add_access_entry(call, cluster, group["nodeRole"], kind="EC2_LINUX", groups=["system:nodes"],
                          username="system:node:{{EC2PrivateDNSName}}")  # fmt: skip
    _launch_nodes(call, cluster, group)

    def active():
        group["status"] = "ACTIVE"
        for addon in cluster.addons.values():
            if addon["status"] == "DEGRADED":
                _settle_addon(cluster, addon)

    CLOCK.after(CLOCK.typical("AWS::EKS::Nodegroup", "create"), active)
    return {"nodegroup": group}


@operation("eks", "DescribeNodegroup")
def describe_nodegroup(call):
    return {"nodegroup": _nodegroup(call)}


@operation("eks", "ListNodegroups")
def list_nodegroups(call):
    names, token = page(call, sorted(find(call).nodegroups))
    return {"nodegroups": names, "nextToken": token}


@operation("eks", "DeleteNodegroup")
def delete_nodegroup(call):
    cluster, group = find(call), _nodegroup(call)
    if group["status"] == "DELETING":
        raise in_use("Nodegroup is already being deleted")
    group["status"] = "DELETING"

    def gone():
        cluster.nodegroups.pop(group["nodegroupName"], None)
        interfaces.release(call, group["nodegroupArn"])
        role = group["nodeRole"]
        entry = cluster.access.get(role)
        if entry and entry["entry"]["type"] == "EC2_LINUX" and all(
            other["nodeRole"] != role for other in cluster.nodegroups.values()
        ):
            del cluster.access[role]

    CLOCK.after(CLOCK.typical("AWS::EKS::Nodegroup", "delete"), gone)
    return {"nodegroup": group}


@operation("eks", "UpdateNodegroupConfig")
def update_nodegroup_config(call):
    cluster, group = find(call), _idle_nodegroup(call)
    labels, taints = call.get("labels", {}), call.get("taints", {})
    wanted = {
        "labels": {
            key: value
            for key, value in {**group["labels"], **labels.get("addOrUpdateLabels", {})}.items()
            if key not in labels.get("removeLabels", [])
        },
        "taints": _taints(group["taints"], taints),
        "scalingConfig": {**group["scalingConfig"], **call.get("scalingConfig", {})},
        "updateConfig": call.get("updateConfig") or group["updateConfig"],
        "nodeRepairConfig": call.get("nodeRepairConfig") or group["nodeRepairConfig"],
    }
    _check_scaling(wanted["scalingConfig"])
    params = {key: value for key, value in wanted.items() if value != group[key]}

    def apply():
        group.update(wanted, modifiedAt=now())
        interfaces.release(call, group["nodegroupArn"])
        _launch_nodes(call, cluster, group)

    return {"update": _update(call, cluster, group, "ConfigUpdate", params, apply, "AWS::EKS::Nodegroup")}


@operation("eks", "UpdateNodegroupVersion")
def update_nodegroup_version(call):
    cluster, group = find(call), _idle_nodegroup(call)
    template = _launch_template(call)
    version = call.get("version", group["version"] if template else cluster.doc["version"])
    if version not in VERSIONS or version > cluster.doc["version"]:
        raise invalid(f"Requested Nodegroup version {version} is invalid for cluster version {cluster.doc['version']}")
    release = call.get("releaseVersion") or _release(version)
    params = {"Version": version, "ReleaseVersion": release}

    def apply():
        group.update(version=version, releaseVersion=release, modifiedAt=now())
        if template:
            group["launchTemplate"] = template

    return {"update": _update(call, cluster, group, "VersionUpdate", params, apply, "AWS::EKS::Nodegroup")}


# Add-ons


@operation("eks", "CreateAddon")
def create_addon(call):
    cluster, name = _ready(call), call.params["addonName"]
    if name not in ADDONS:
        raise invalid(f"Addon {name} specified is not supported")
    if name in cluster.addons:
        raise in_use("Addon already exists.")
    version = _addon_version(call, ADDONS[name])
    if call.get("serviceAccountRoleArn"):
        _role(call, call.params["serviceAccountRoleArn"])
    addon = cluster.addons[name] = {
        "addonName": name,
        "clusterName": cluster.doc["name"],
        "status": "CREATING",
        "addonVersion": version,
        "health": {"issues": []},
        "addonArn": call.arn("eks", f"addon/{cluster.doc['name']}/{name}/{uuid.uuid4()}"),
        "createdAt": now(),
        "modifiedAt": now(),
        "owner": "aws",
        "tags": dict(call.get("tags", {})),
        **{key: call.params[key] for key in ("serviceAccountRoleArn", "configurationValues", "namespaceConfig")
           if call.get(key)},
    }  # fmt: skip
    _own_pod_identities(call, cluster, addon)
    CLOCK.after(CLOCK.typical("AWS::EKS::Addon", "create"), lambda: _settle_addon(cluster, addon))
    return {"addon": addon}


@operation("eks", "DescribeAddon")
def describe_addon(call):
    return {"addon": _addon(call)}


@operation("eks", "ListAddons")
def list_addons(call):
    names, token = page(call, sorted(find(call).addons))
    return {"addons": names, "nextToken": token}


@operation("eks", "UpdateAddon")
def update_addon(call):
    cluster, addon = find(call), _addon(call)
    if addon["status"] in ("CREATING", "UPDATING", "DELETING"):
        raise in_use(f"Addon {addon['addonName']} has an operation in progress: {addon['status']}")
    wanted = {"addonVersion": _addon_version(call, addon["addonVersion"])}
    for key in ("serviceAccountRoleArn", "configurationValues"):
        if key in call.params:
            wanted[key] = call.params[key]
    if wanted.get("serviceAccountRoleArn"):
        _role(call, wanted["serviceAccountRoleArn"])

    def apply():
        addon.update(wanted, modifiedAt=now())
        if "podIdentityAssociations" in call.params:
            _own_pod_identities(call, cluster, addon)

    return {"update": _update(call, cluster, addon, "AddonUpdate", wanted, apply, "AWS::EKS::Addon",
                              lambda: _settle_addon(cluster, addon))}  # fmt: skip


@operation("eks", "DeleteAddon")
def delete_addon(call):
    cluster, addon = find(call), _addon(call)
    if addon["status"] == "DELETING":
        raise in_use("Addon is already being deleted")
    addon["status"] = "DELETING"

    def gone():
        cluster.addons.pop(addon["addonName"], None)
        for key in [key for key, pod in cluster.pods.items() if pod.get("ownerArn") == addon["addonArn"]]:
            del cluster.pods[key]

    CLOCK.after(CLOCK.typical("AWS::EKS::Addon", "delete"), gone)
    return {"addon": addon}


@operation("eks", "DescribeAddonVersions")
def describe_addon_versions(call):
    names = [call.get("addonName")] if call.get("addonName") else sorted(ADDONS)
    versions = [call.get("kubernetesVersion")] if call.get("kubernetesVersion") else VERSIONS
    addons = [
        {
            "addonName": name,
            "type": "networking" if name in ("vpc-cni", "kube-proxy", "coredns") else "observability",
            "owner": "aws",
            "publisher": "eks",
            "addonVersions": [
                {
                    "addonVersion": ADDONS[name],
                    "architecture": ["amd64", "arm64"],
                    "compatibilities": [
                        {"clusterVersion": version, "platformVersions": ["*"], "defaultVersion": True}
                        for version in versions
                    ],
                    "requiresConfiguration": False,
                }
            ],
        }
        for name in names
        if name in ADDONS
    ]
    return {"addons": addons}


# Access entries


@operation("eks", "CreateAccessEntry")
def create_access_entry(call):
    cluster, principal = _ready_for_access(call), call.params["principalArn"]
    if principal in cluster.access:
        raise in_use("The specified access entry resource is already in use on this cluster.")
    if ":role/" in principal:
        references.role(call, principal, invalid("The specified principalArn is invalid: invalid principal."))
    entry = _add_access_entry(call, cluster, principal, call.get("type", "STANDARD"), call.get("kubernetesGroups", []),
                              call.get("username"), call.get("tags", {}))  # fmt: skip
    return {"accessEntry": entry}


@operation("eks", "DescribeAccessEntry")
def describe_access_entry(call):
    return {"accessEntry": _access(call)["entry"]}


@operation("eks", "ListAccessEntries")
def list_access_entries(call):
    policy = call.get("associatedPolicyArn")
    entries = find(call).access
    names = sorted(arn for arn, held in entries.items() if policy is None or policy in held["policies"])
    names, token = page(call, names)
    return {"accessEntries": names, "nextToken": token}


@operation("eks", "UpdateAccessEntry")
def update_access_entry(call):
    entry = _access(call)["entry"]
    if entry["type"] != "STANDARD":
        raise invalid(f"Access entries of type {entry['type']} cannot be updated.")
    for key in ("kubernetesGroups", "username"):
        if call.get(key) is not None:
            entry[key] = call.params[key]
    entry["modifiedAt"] = now()
    return {"accessEntry": entry}


@operation("eks", "DeleteAccessEntry")
def delete_access_entry(call):
    _access(call)
    del find(call).access[call.params["principalArn"]]
    return {}


@operation("eks", "AssociateAccessPolicy")
def associate_access_policy(call):
    held, arn = _access(call), call.params["policyArn"]
    if arn.rsplit("/", 1)[-1] not in ACCESS_POLICIES:
        raise invalid("The specified policyArn is not a valid access policy.")
    if held["entry"]["type"] != "STANDARD":
        raise invalid(f"Access policies cannot be associated with access entries of type {held['entry']['type']}.")
    scope = call.params["accessScope"]
    if scope.get("type") == "namespace" and not scope.get("namespaces"):
        raise invalid("At least one namespace must be specified for the access scope namespace.")
    held["policies"][arn] = _policy(arn, scope)
    return _associated(call, associatedAccessPolicy=held["policies"][arn])


@operation("eks", "ListAssociatedAccessPolicies")
def list_associated_access_policies(call):
    policies, token = page(call, list(_access(call)["policies"].values()))
    return _associated(call, associatedAccessPolicies=policies, nextToken=token)


@operation("eks", "DisassociateAccessPolicy")
def disassociate_access_policy(call):
    if _access(call)["policies"].pop(call.params["policyArn"], None) is None:
        raise missing("No associated access policy found for the specified policyArn.")
    return {}


@operation("eks", "ListAccessPolicies")
def list_access_policies(call):
    return {
        "accessPolicies": [
            {"name": name, "arn": f"arn:aws:eks::aws:cluster-access-policy/{name}"} for name in ACCESS_POLICIES
        ]
    }


# Pod identity associations


@operation("eks", "CreatePodIdentityAssociation")
def create_pod_identity_association(call):
    return {"association": _add_pod_identity(call, _ready_for_access(call, any_mode=True), call.params)}


@operation("eks", "DescribePodIdentityAssociation")
def describe_pod_identity_association(call):
    return {"association": _pod(call)}


@operation("eks", "ListPodIdentityAssociations")
def list_pod_identity_associations(call):
    summary = ("clusterName", "namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")
    found = [
        {key: pod[key] for key in summary if key in pod}
        for pod in find(call).pods.values()
        if all(call.get(key) in (None, pod[key]) for key in ("namespace", "serviceAccount"))
    ]
    found, token = page(call, found)
    return {"associations": found, "nextToken": token}


@operation("eks", "UpdatePodIdentityAssociation")
def update_pod_identity_association(call):
    pod = _pod(call)
    if call.get("roleArn"):
        _role(call, call.params["roleArn"])
    for key in ("roleArn", "targetRoleArn", "disableSessionTags"):
        if call.get(key) is not None:
            pod[key] = call.params[key]
    pod["modifiedAt"] = now()
    return {"association": pod}


@operation("eks", "DeletePodIdentityAssociation")
def delete_pod_identity_association(call):
    pod = _pod(call)
    del find(call).pods[pod["associationId"]]
    return {"association": pod}


# Fargate profiles


@operation("eks", "CreateFargateProfile")
def create_fargate_profile(call):
    cluster, name = _ready(call), call.params["fargateProfileName"]
    if name in cluster.fargate:
        raise in_use("A Fargate Profile already exists with this name in this cluster.")
    if any(profile["status"] != "ACTIVE" for profile in cluster.fargate.values()):
        raise in_use("Another Fargate Profile of this cluster has an operation in progress.")
    if not call.get("selectors"):
        raise invalid("Fargate Profile requires at least one selector.")
    _role(call, call.params["podExecutionRoleArn"])
    profile = cluster.fargate[name] = {
        "fargateProfileName": name,
        "fargateProfileArn": call.arn("eks", f"fargateprofile/{cluster.doc['name']}/{name}/{uuid.uuid4()}"),
        "clusterName": cluster.doc["name"],
        "createdAt": now(),
        "podExecutionRoleArn": call.params["podExecutionRoleArn"],
        "subnets": [subnet.id for subnet in _subnets(call, call.get("subnets", []))],
        "selectors": call.params["selectors"],
        "status": "CREATING",
        "tags": dict(call.get("tags", {})),
        "health": {"issues": []},
    }
    CLOCK.after(CLOCK.typical("AWS::EKS::FargateProfile", "create"), lambda: profile.update(status="ACTIVE"))
    return {"fargateProfile": profile}


@operation("eks", "DescribeFargateProfile")
def describe_fargate_profile(call):
    return {"fargateProfile": _fargate_profile(call)}


@operation("eks", "ListFargateProfiles")
def list_fargate_profiles(call):
    names, token = page(call, sorted(find(call).fargate))
    return {"fargateProfileNames": names, "nextToken": token}


@operation("eks", "DeleteFargateProfile")
def delete_fargate_profile(call):
    cluster, profile = find(call), _fargate_profile(call)
    profile["status"] = "DELETING"
    CLOCK.after(
        CLOCK.typical("AWS::EKS::FargateProfile", "delete"),
        lambda: cluster.fargate.pop(profile["fargateProfileName"], None),
    )
    return {"fargateProfile": profile}


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


# Shared by the operations above


def clusters(call):
    return call.table("eks.clusters")


def find(call):
    """The cluster that the request names; `name` or `clusterName`, as the operation has it."""
    name = call.get("clusterName") or call.get("name")
    if name not in clusters(call):
        raise missing(f"No cluster found for name: {name}.")
    return clusters(call)[name]


def missing(message):
    return fault("ResourceNotFoundException", message)


def in_use(message):
    return fault("ResourceInUseException", message)


def invalid(message):
    return fault("InvalidParameterException", message)


def refused(message):
    return fault("InvalidRequestException", message)


class Update(dict):
    """An update as the API shows it, and whose it is: None for the cluster itself."""

    owner = None


def _update(call, cluster, target, kind, params, apply, resource, settle=None):
    """Begins an update of `target`: UPDATING until the typical time has passed, then `apply` shows."""
    update = Update(
        id=str(uuid.uuid4()),
        status="InProgress",
        type=kind,
        params=[{"type": key[0].upper() + key[1:], "value": str(value)} for key, value in params.items()],
        createdAt=now(),
        errors=[],
    )
    update.owner = target.get("nodegroupName") or target.get("addonName")
    cluster.updates[update["id"]] = update
    target["status"] = "UPDATING"

    def done():
        apply()
        target["status"] = "ACTIVE"
        update["status"] = "Successful"
        if settle:
            settle()

    CLOCK.after(CLOCK.typical(resource, "update"), done)
    return update


def _ready(call):
    cluster = find(call)
    if cluster.doc["status"] != "ACTIVE":
        raise refused(f"Cluster '{cluster.doc['name']}' is not in ACTIVE status")
    return cluster


def _idle(call):
    """The cluster, when it can take an update: EKS works on one at a time."""
    cluster = find(call)
    if cluster.doc["status"] != "ACTIVE":
        raise in_use(f"Cluster has an operation in progress: {cluster.doc['status']}")
    return cluster


def _ready_for_access(call, any_mode=False):
    cluster = find(call)
    if cluster.doc["status"] not in ("ACTIVE", "UPDATING"):
        raise refused(f"Cluster '{cluster.doc['name']}' is not in ACTIVE status")
    if not any_mode and cluster.doc["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise refused("The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform "
                      "this operation.")  # fmt: skip
    return cluster


def _nodegroup(call):
    group = find(call).nodegroups.get(call.params["nodegroupName"])
    if group is None:
        raise missing(f"No node group found for name: {call.params['nodegroupName']}.")
    return group


def _idle_nodegroup(call):
    group = _nodegroup(call)
    if group["status"] != "ACTIVE":
        raise in_use(f"Nodegroup has an operation in progress: {group['status']}")
    return group


def _addon(call):
    addon = find(call).addons.get(call.params["addonName"])
    if addon is None:
        raise missing(f"No addon: {call.params['addonName']} found in cluster: {find(call).doc['name']}")
    return addon


def _access(call):
    held = find(call).access.get(call.params["principalArn"])
    if held is None:
        raise missing("The specified principalArn could not be found. You can view your available access entries "
                      "with 'list-access-entries'.")  # fmt: skip
    return held


def _pod(call):
    pod = find(call).pods.get(call.params["associationId"])
    if pod is None:
        raise missing(f"No pod identity association found for associationId: {call.params['associationId']}")
    return pod


def _fargate_profile(call):
    profile = find(call).fargate.get(call.params["fargateProfileName"])
    if profile is None:
        raise missing(f"No Fargate Profile found with name: {call.params['fargateProfileName']}.")
    return profile


def _tagged(call):
    arn = call.params["resourceArn"]
    for cluster in clusters(call).values():
        for member, doc in cluster.tagged():
            if doc[member] == arn:
                return doc
    raise fault("NotFoundException", f"The resource {arn} was not found.")


def _role(call, arn):
    message = f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
    return references.role(call, arn, invalid(message))


def _subnets(call, ids):
    return references.subnets(call, ids, lambda subnet: invalid(f"The subnet ID '{subnet}' does not exist"))


def _launch_template(call):
    wanted = call.get("launchTemplate")
    if not wanted:
        return None
    for template in call.backend("ec2").launch_templates.values():
        if template.id == wanted.get("id") or template.name == wanted.get("name"):
            version = wanted.get("version") or str(template.default_version_number)
            return {"id": template.id, "name": template.name, "version": version}
    raise refused("The specified launch template does not exist.")


def _logging(current, wanted):
    """EKS shows two lists: the types that are on and those that are off."""
    enabled = {kind for setup in current if setup["enabled"] for kind in setup["types"]}
    for setup in wanted.get("clusterLogging", []):
        types = set(setup.get("types", []))
        enabled = enabled | types if setup.get("enabled") else enabled - types
    lists = ((True, [kind for kind in LOG_TYPES if kind in enabled]),
             (False, [kind for kind in LOG_TYPES if kind not in enabled]))  # fmt: skip
    return [{"types": types, "enabled": on} for on, types in lists if types]


def _update_vpc(call, cluster, changed):
    doc = cluster.doc
    vpc = doc["resourcesVpcConfig"]
    vpc.update(changed)
    if {"subnetIds", "securityGroupIds"} & set(changed):
        interfaces.release(call, doc["arn"])
        for subnet in _subnets(call, vpc["subnetIds"]):
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
    import security_groups

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


def _launch_nodes(call, cluster, group):
    """An interface for each node, over the subnets in turn, in the cluster's security group."""
    subnets = _subnets(call, group["subnets"])
    for node in range(group["scalingConfig"]["desiredSize"]):
        groups = [cluster.doc["resourcesVpcConfig"]["clusterSecurityGroupId"]]
        interfaces.attach(call, group["nodegroupArn"], subnets[node % len(subnets)], groups, "node")


def _check_scaling(scaling):
    if not scaling["minSize"] <= scaling["desiredSize"] <= scaling["maxSize"]:
        raise invalid(f"desired capacity {scaling['desiredSize']} must be between min {scaling['minSize']} and max "
                      f"{scaling['maxSize']}")  # fmt: skip


def _taints(current, changes):
    def identity(taint):
        return taint.get("key"), taint.get("effect")

    wanted = {identity(taint): taint for taint in current}
    wanted.update((identity(taint), taint) for taint in changes.get("addOrUpdateTaints", []))
    for taint in changes.get("removeTaints", []):
        wanted.pop(identity(taint), None)
    return list(wanted.values())


def _release(version):
    return f"{version}.5-20251112"


def _addon_version(call, default):
    version = call.get("addonVersion", default)
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-[a-z]+)?-eksbuild\.\d+", version):
        raise invalid("Addon version specified is not supported")
    return version


def _settle_addon(cluster, addon):
    """ACTIVE when its pods have a node to run on, else DEGRADED until one comes."""
    nodes = any(group["status"] == "ACTIVE" for group in cluster.nodegroups.values()) or cluster.fargate
    if addon["addonName"] in DAEMONS or nodes:
        addon.update(status="ACTIVE", health={"issues": []})
    else:
        issue = {
            "code": "InsufficientNumberOfReplicas",
            "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
        }
        addon.update(status="DEGRADED", health={"issues": [issue]})


def _own_pod_identities(call, cluster, addon):
    """The associations that were asked for with the add-on: they are its own and go with it."""
    for key in [key for key, pod in cluster.pods.items() if pod.get("ownerArn") == addon["addonArn"]]:
        del cluster.pods[key]
    pods = [
        _add_pod_identity(call, cluster, {"namespace": "kube-system", **wanted}, addon["addonArn"])
        for wanted in call.get("podIdentityAssociations", [])
    ]
    addon.pop("podIdentityAssociations", None)
    if pods:
        addon["podIdentityAssociations"] = [pod["associationArn"] for pod in pods]


def _add_access_entry(call, cluster, principal, kind="STANDARD", groups=(), username=None, tags=None, policies=None):
    role = principal.rsplit("/", 1)[-1]
    session = f"arn:aws:sts::{call.account}:assumed-role/{role}/{{{{SessionName}}}}"
    entry = {
        "clusterName": cluster.doc["name"],
        "principalArn": principal,
        "kubernetesGroups": list(groups),
        "accessEntryArn": call.arn(
            "eks", f"access-entry/{cluster.doc['name']}/role/{call.account}/{role}/{uuid.uuid4()}"
        ),
        "createdAt": now(),
        "modifiedAt": now(),
        "tags": dict(tags or {}),
        "username": username or (session if ":role/" in principal else principal),
        "type": kind,
    }
    cluster.access[principal] = {"entry": entry, "policies": policies or {}}
    return entry


def _policy(arn, scope):
    return {
        "policyArn": arn,
        "accessScope": {"namespaces": [], **scope},
        "associatedAt": now(),
        "modifiedAt": now(),
    }


def _associated(call, **members):
    return {"clusterName": find(call).doc["name"], "principalArn": call.params["principalArn"], **members}


def _add_pod_identity(call, cluster, wanted, owner=None):
    place = wanted["namespace"], wanted["serviceAccount"]
    for pod in cluster.pods.values():
        if (pod["namespace"], pod["serviceAccount"]) == place:
            raise in_use(f"Association already exists: {pod['associationId']}")
    _role(call, wanted["roleArn"])
    identity = "a-" + random.get_random_string(length=17, lower_case=True)
    pod = {
        "clusterName": cluster.doc["name"],
        "namespace": place[0],
        "serviceAccount": place[1],
        "roleArn": wanted["roleArn"],
        "associationArn": call.arn("eks", f"podidentityassociation/{cluster.doc['name']}/{identity}"),
        "associationId": identity,
        "tags": dict(wanted.get("tags") or {}),
        "createdAt": now(),
        "modifiedAt": now(),
        "disableSessionTags": wanted.get("disableSessionTags") or False,
        **({"targetRoleArn": wanted["targetRoleArn"]} if wanted.get("targetRoleArn") else {}),
        **({"ownerArn": owner} if owner else {}),
    }
    cluster.pods[identity] = pod
    return pod


def _same(current, wanted):
    if isinstance(wanted, list):
        return sorted(current or []) == sorted(wanted)
    return current == wanted


def _words(names):
    return ", ".join(names)
