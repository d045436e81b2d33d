"""Restores who may do what in an EKS cluster: access entries with their policies, pod identity associations (see `eks`)."""

import uuid

from moto.moto_api._internal import mock_random as random

import references
from eks import find, in_use, invalid, missing, ready_for_access, role
from wire import now, operation, page

ACCESS_POLICIES = [
    "AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSAutoNodePolicy", "AmazonEKSClusterAdminPolicy",
    "AmazonEKSEditPolicy", "AmazonEKSViewPolicy",
]
ADMIN_POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


# Access entries


@operation("eks", "CreateAccessEntry")
def create_access_entry(call):
    cluster, principal = ready_for_access(call), call.params["principalArn"]
    if principal in cluster.access:
        raise in_use("The specified access entry resource is already in use on this cluster.")
    if ":role/" in principal:
        references.role(call, principal, invalid("The specified principalArn is invalid: invalid principal."))
    entry = add_access_entry(call, cluster, principal, call.get("type", "STANDARD"), call.get("kubernetesGroups", []),
                              call.get("username"), call.get("tags", {}))
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
    held["policies"][arn] = policy_entry(arn, scope)
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
    return {"association": add_pod_identity(call, ready_for_access(call, any_mode=True), call.params)}


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
        role(call, call.params["roleArn"])
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


def _access(call):
    held = find(call).access.get(call.params["principalArn"])
    if held is None:
        raise missing("The specified principalArn could not be found. You can view your available access entries "
                      "with 'list-access-entries'.")
    return held


def _pod(call):
    pod = find(call).pods.get(call.params["associationId"])
    if pod is None:
        raise missing(f"No pod identity association found for associationId: {call.params['associationId']}")
    return pod


def add_access_entry(call, cluster, principal, kind="STANDARD", groups=(), username=None, tags=None, policies=None):
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


def policy_entry(arn, scope):
    return {
        "policyArn": arn,
        "accessScope": {"namespaces": [], **scope},
        "associatedAt": now(),
        "modifiedAt": now(),
    }


def _associated(call, **members):
    return {"clusterName": find(call).doc["name"], "principalArn": call.params["principalArn"], **members}


def add_pod_identity(call, cluster, wanted, owner=None):
    place = wanted["namespace"], wanted["serviceAccount"]
    for pod in cluster.pods.values():
        if (pod["namespace"], pod["serviceAccount"]) == place:
            raise in_use(f"Association already exists: {pod['associationId']}")
    role(call, wanted["roleArn"])
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
