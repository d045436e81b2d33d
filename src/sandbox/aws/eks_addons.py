"""Restores EKS add-ons (see `eks`)."""

import re
import uuid

from clock import CLOCK
from eks import VERSIONS, find, in_use, invalid, missing, ready, role, update
from eks_access import add_pod_identity
from wire import now, operation, page

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
DAEMONS = {
    "aws-guardduty-agent",
    "eks-node-monitoring-agent",
    "eks-pod-identity-agent",
    "kube-proxy",
    "prometheus-node-exporter",
    "vpc-cni",
}


@operation("eks", "CreateAddon")
def create_addon(call):
    cluster, name = ready(call), call.params["addonName"]
    if name not in ADDONS:
        raise invalid(f"Addon {name} specified is not supported")
    if name in cluster.addons:
        raise in_use("Addon already exists.")
    version = _addon_version(call, ADDONS[name])
    if call.get("serviceAccountRoleArn"):
        role(call, call.params["serviceAccountRoleArn"])
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
    }
    _own_pod_identities(call, cluster, addon)
    CLOCK.after(CLOCK.typical("AWS::EKS::Addon", "create"), lambda: settle_addon(cluster, addon))
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
        role(call, wanted["serviceAccountRoleArn"])

    def apply():
        addon.update(wanted, modifiedAt=now())
        if "podIdentityAssociations" in call.params:
            _own_pod_identities(call, cluster, addon)

    return {"update": update(call, cluster, addon, "AddonUpdate", wanted, apply, "AWS::EKS::Addon",
                              lambda: settle_addon(cluster, addon))}


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


def _addon(call):
    addon = find(call).addons.get(call.params["addonName"])
    if addon is None:
        raise missing(f"No addon: {call.params['addonName']} found in cluster: {find(call).doc['name']}")
    return addon


def _addon_version(call, default):
    version = call.get("addonVersion", default)
    if not re.fullmatch(r"v\d+\.\d+\.\d+(-[a-z]+)?-eksbuild\.\d+", version):
        raise invalid("Addon version specified is not supported")
    return version


def settle_addon(cluster, addon):
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
        add_pod_identity(call, cluster, {"namespace": "kube-system", **wanted}, addon["addonArn"])
        for wanted in call.get("podIdentityAssociations", [])
    ]
    addon.pop("podIdentityAssociations", None)
    if pods:
        addon["podIdentityAssociations"] = [pod["associationArn"] for pod in pods]
