"""Restores what EKS runs pods on: managed node groups and Fargate profiles (see `eks`)."""

import uuid

import interfaces
from clock import CLOCK
from eks import VERSIONS, find, in_use, invalid, launch_template, missing, ready, role, subnets_of, update
from eks_access import add_access_entry
from eks_addons import settle_addon
from wire import now, operation, page

# Node groups


@operation("eks", "CreateNodegroup")
def create_nodegroup(call):
    cluster, name = ready(call), call.params["nodegroupName"]
    if name in cluster.nodegroups:
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster.doc['name']}")
    role(call, call.params["nodeRole"])
    subnets = subnets_of(call, call.params["subnets"])
    template = launch_template(call)
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
        add_access_entry(call, cluster, group["nodeRole"], kind="EC2_LINUX", groups=["system:nodes"],
                          username="system:node:{{EC2PrivateDNSName}}")
    _launch_nodes(call, cluster, group)

    def active():
        group["status"] = "ACTIVE"
        for addon in cluster.addons.values():
            if addon["status"] == "DEGRADED":
                settle_addon(cluster, addon)

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
        if (
            entry
            and entry["entry"]["type"] == "EC2_LINUX"
            and all(other["nodeRole"] != role for other in cluster.nodegroups.values())
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

    return {"update": update(call, cluster, group, "ConfigUpdate", params, apply, "AWS::EKS::Nodegroup")}


@operation("eks", "UpdateNodegroupVersion")
def update_nodegroup_version(call):
    cluster, group = find(call), _idle_nodegroup(call)
    template = launch_template(call)
    version = call.get("version", group["version"] if template else cluster.doc["version"])
    if version not in VERSIONS or version > cluster.doc["version"]:
        raise invalid(f"Requested Nodegroup version {version} is invalid for cluster version {cluster.doc['version']}")
    release = call.get("releaseVersion") or _release(version)
    params = {"Version": version, "ReleaseVersion": release}

    def apply():
        group.update(version=version, releaseVersion=release, modifiedAt=now())
        if template:
            group["launchTemplate"] = template

    return {"update": update(call, cluster, group, "VersionUpdate", params, apply, "AWS::EKS::Nodegroup")}


# Fargate profiles


@operation("eks", "CreateFargateProfile")
def create_fargate_profile(call):
    cluster, name = ready(call), call.params["fargateProfileName"]
    if name in cluster.fargate:
        raise in_use("A Fargate Profile already exists with this name in this cluster.")
    if any(profile["status"] != "ACTIVE" for profile in cluster.fargate.values()):
        raise in_use("Another Fargate Profile of this cluster has an operation in progress.")
    if not call.get("selectors"):
        raise invalid("Fargate Profile requires at least one selector.")
    role(call, call.params["podExecutionRoleArn"])
    profile = cluster.fargate[name] = {
        "fargateProfileName": name,
        "fargateProfileArn": call.arn("eks", f"fargateprofile/{cluster.doc['name']}/{name}/{uuid.uuid4()}"),
        "clusterName": cluster.doc["name"],
        "createdAt": now(),
        "podExecutionRoleArn": call.params["podExecutionRoleArn"],
        "subnets": [subnet.id for subnet in subnets_of(call, call.get("subnets", []))],
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


def _fargate_profile(call):
    profile = find(call).fargate.get(call.params["fargateProfileName"])
    if profile is None:
        raise missing(f"No Fargate Profile found with name: {call.params['fargateProfileName']}.")
    return profile


def _launch_nodes(call, cluster, group):
    """An interface for each node, over the subnets in turn, in the cluster's security group."""
    subnets = subnets_of(call, group["subnets"])
    for node in range(group["scalingConfig"]["desiredSize"]):
        groups = [cluster.doc["resourcesVpcConfig"]["clusterSecurityGroupId"]]
        interfaces.attach(call, group["nodegroupArn"], subnets[node % len(subnets)], groups, "node")


def _check_scaling(scaling):
    if not scaling["minSize"] <= scaling["desiredSize"] <= scaling["maxSize"]:
        raise invalid(f"desired capacity {scaling['desiredSize']} must be between min {scaling['minSize']} and max "
                      f"{scaling['maxSize']}")


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
