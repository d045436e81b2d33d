"""Restores idempotency tokens: a repeated request with the same token answers what the first one made.

With other parameters under the same token AWS refuses, with the code that the service has for it. moto ignores the tokens
of EC2 and EKS and makes a second object, or an error.
"""

import json

from wire import fault, operation

EC2 = [
    "AllocateAddress", "CreateFlowLogs", "CreateLaunchTemplate", "CreateNatGateway", "CreateNetworkAcl",
    "CreateNetworkInterface", "CreateRouteTable", "CreateVolume", "CreateVpcEndpoint", "RunInstances",
]
EKS = [
    "AssociateEncryptionConfig", "CreateAccessEntry", "CreateAddon", "CreateCluster", "CreateFargateProfile",
    "CreateNodegroup", "CreatePodIdentityAssociation", "UpdateAccessEntry", "UpdateAddon", "UpdateClusterConfig",
    "UpdateClusterVersion", "UpdateNodegroupConfig", "UpdateNodegroupVersion", "UpdatePodIdentityAssociation",
]


def _idempotent(service, operations, member, mismatch):
    """`mismatch` makes the fault for a token that was used with other parameters; None starts afresh then."""

    @operation(service, *operations)
    def hook(call):
        token = call.get(member)
        if not token:
            return call.forward()
        known, key = call.table("tokens"), (service, call.name, token)
        parameters = json.dumps({k: v for k, v in call.params.items() if k != member}, sort_keys=True, default=str)
        if key in known:
            before, reply = known[key]
            if before == parameters:
                return reply
            if mismatch:
                raise mismatch(token)
        reply = call.proceed()
        known[key] = parameters, reply
        return reply


_idempotent(
    "ec2",
    EC2,
    "ClientToken",
    lambda token: fault(
        "IdempotentParameterMismatch", f"The client token you provided, {token}, was used before with other parameters."
    ),
)
_idempotent(
    "eks",
    EKS,
    "clientRequestToken",
    lambda token: fault(
        "InvalidParameterException", f"The client request token {token} was used before with other parameters."
    ),
)
_idempotent("acm", ["RequestCertificate"], "IdempotencyToken", None)
_idempotent("guardduty", ["CreateDetector"], "ClientToken", None)
