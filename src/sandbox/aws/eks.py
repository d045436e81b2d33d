"""Restores EKS: moto's clusters and node groups are final at once, lose what they were created with, take no update.

The `eks` modules serve the whole service, so moto's own is out of play. They do what the EKS API reference documents:
pending states, one update at a time, references that must exist, idempotency by `clientRequestToken` (`tokens`).
This module has what all of them stand on: the cluster, its faults and its updates.
"""

import uuid

from moto.eks import urls
from moto.eks.responses import EKSResponse

import references
from clock import CLOCK
from wire import fault, now

# moto routes only the operations that it has.
urls.url_paths = {"{0}/.*": EKSResponse.dispatch}

VERSIONS = ["1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35"]
DEFAULT_VERSION = "1.33"


class Kubernetes:
    """Where the clusters' own API answers, if anything serves it; the server is told (`server`)."""

    url = None

    @classmethod
    def endpoint(cls, call, name, identity):
        """A cluster that is made anew under its name is another one, so its identity is part of the endpoint."""
        if cls.url:
            return f"{cls.url}/clusters/{call.account}/{call.region}/{name}/{identity.lower()}"
        return f"https://{identity}.gr7.{call.region}.eks.amazonaws.com"


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


def update(call, cluster, target, kind, params, apply, resource, settle=None):
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


def ready(call):
    cluster = find(call)
    if cluster.doc["status"] != "ACTIVE":
        raise refused(f"Cluster '{cluster.doc['name']}' is not in ACTIVE status")
    return cluster


def idle(call):
    """The cluster, when it can take an update: EKS works on one at a time."""
    cluster = find(call)
    if cluster.doc["status"] != "ACTIVE":
        raise in_use(f"Cluster has an operation in progress: {cluster.doc['status']}")
    return cluster


def ready_for_access(call, any_mode=False):
    cluster = find(call)
    if cluster.doc["status"] not in ("ACTIVE", "UPDATING"):
        raise refused(f"Cluster '{cluster.doc['name']}' is not in ACTIVE status")
    if not any_mode and cluster.doc["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise refused("The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform "
                      "this operation.")
    return cluster


def role(call, arn):
    message = (
        f"Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
    )
    return references.role(call, arn, invalid(message))


def subnets_of(call, ids):
    return references.subnets(call, ids, lambda subnet: invalid(f"The subnet ID '{subnet}' does not exist"))


def launch_template(call):
    wanted = call.get("launchTemplate")
    if not wanted:
        return None
    for template in call.backend("ec2").launch_templates.values():
        if template.id == wanted.get("id") or template.name == wanted.get("name"):
            version = wanted.get("version") or str(template.default_version_number)
            return {"id": template.id, "name": template.name, "version": version}
    raise refused("The specified launch template does not exist.")


def words(names):
    return ", ".join(names)
