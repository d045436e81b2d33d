"""Restores that IAM keeps a managed policy while something refers to it, and that it reads policies that it is given.

And the refusal to take a role out of an instance profile that it is not in.
"""

import json

from wire import fault, operation


@operation("iam", "DeletePolicy")
def delete_policy(call):
    """Refused while attached or with other versions; moto leaves roles behind that can never be deleted."""
    backend, arn = call.backend("iam"), call.params["PolicyArn"]
    holders = [*backend.roles.values(), *backend.users.values(), *backend.groups.values()]
    if any(arn in holder.managed_policies for holder in holders):
        raise fault("DeleteConflict", "Cannot delete a policy attached to entities.")
    policy = backend.managed_policies.get(arn)
    if policy and len(policy.versions) > 1:
        raise fault("DeleteConflict", "This policy has more than one version. Before you delete a policy, you must "
                    "delete the policy's versions. The default version is deleted with the policy.")
    return call.forward()


@operation("iam", "CreateRole")
def create_role(call):
    _check_trust(call.params["AssumeRolePolicyDocument"])
    return call.forward()


@operation("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(call):
    _check_trust(call.params["PolicyDocument"])
    return call.forward()


def _check_trust(document):
    try:
        valid = isinstance(json.loads(document), dict)
    except ValueError:
        valid = False
    if not valid:
        raise fault("MalformedPolicyDocument", "This policy contains invalid Json")


@operation("iam", "RemoveRoleFromInstanceProfile")
def remove_role_from_instance_profile(call):
    """Refused where the role is not in the profile; moto stumbles over it."""
    profile = call.backend("iam").get_instance_profile(call.params["InstanceProfileName"])
    name = call.params["RoleName"]
    if name not in [role.name for role in profile.roles]:
        raise fault("NoSuchEntity", f"The role with name {name} cannot be found in the instance profile {profile.name}.")
    return call.forward()


@operation("iam", "GetAccountAuthorizationDetails")
def get_account_authorization_details(call):
    """Shows the permissions boundary of a role, which moto leaves out here."""
    reply, roles = call.proceed(), {role.name: role for role in call.backend("iam").roles.values()}
    for shown in reply.get("RoleDetailList", []):
        boundary = roles[shown["RoleName"]].permissions_boundary
        if boundary:
            shown["PermissionsBoundary"] = boundary
    return reply


@operation("iam", "AddClientIDToOpenIDConnectProvider")
def add_client_id(call):
    clients = _provider(call).client_id_list
    if call.params["ClientID"] not in clients:
        clients.append(call.params["ClientID"])
    return {}


@operation("iam", "RemoveClientIDFromOpenIDConnectProvider")
def remove_client_id(call):
    clients = _provider(call).client_id_list
    if call.params["ClientID"] in clients:
        clients.remove(call.params["ClientID"])
    return {}


def _provider(call):
    arn = call.params["OpenIDConnectProviderArn"]
    provider = call.backend("iam").open_id_providers.get(arn)
    if provider is None:
        raise fault("NoSuchEntity", f"OpenIDConnect Provider not found for arn {arn}")
    return provider
