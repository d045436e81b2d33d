"""Restores what Parameter Store refuses, policies as they are shown, and pages of fifty."""

import json
import re

from wire import fault, operation, page

STANDARD_MAX, ADVANCED_MAX = 4096, 8192


@operation("ssm", "PutParameter")
def put_parameter(call):
    """Values that match their pattern and fit their tier, policies for advanced parameters only, no way back to standard."""
    before, wanted = _parameter(call, call.params["Name"]), call.get("Value", "")
    pattern = call.get("AllowedPattern", before.allowed_pattern if before else None)
    if pattern and not re.search(pattern, wanted):
        raise fault("ParameterPatternMismatchException", f"Parameter value, cannot be validated against allowedPattern: "
                    f"{pattern}")
    tier = call.get("Tier") or (before.tier if before else "Standard")
    if before and before.tier == "Advanced" and tier == "Standard":
        raise fault("ValidationException", "This parameter uses the advanced-parameter tier. You can't downgrade a "
                    "parameter from the advanced-parameter tier to the standard-parameter tier.")
    if len(wanted.encode()) > (ADVANCED_MAX if tier == "Advanced" else STANDARD_MAX):
        raise fault("ValidationException", f"Value is too long for a parameter of the tier {tier}.")
    policies = call.get("Policies")
    if policies is not None:
        try:
            parsed = [policy for policy in json.loads(policies) if policy]
        except ValueError:
            raise fault("InvalidPolicyAttributeException", "The policies are not a JSON list.") from None
        if parsed and tier != "Advanced":
            raise fault("ValidationException", "Parameter policies need a parameter of the tier Advanced.")
        call.set("Policies", json.dumps(parsed))
    if call.get("Tier") is None:
        call.set("Tier", tier)
    return call.forward()


@operation("ssm", "DescribeParameters")
def describe_parameters(call):
    backend = call.backend("ssm")
    found = backend.describe_parameters(call.get("Filters"), call.get("ParameterFilters"))
    shown, token = page(call, found, "MaxResults", "NextToken", 50)
    reply = {"Parameters": [_metadata(call, parameter) for parameter in shown]}
    return {**reply, "NextToken": token} if token else reply


def _metadata(call, parameter):
    name = parameter.name
    policies = json.loads(parameter.policies) if parameter.policies else []
    optional = {
        "Description": parameter.description,
        "AllowedPattern": parameter.allowed_pattern,
        "KeyId": parameter.keyid,
    }
    return {
        "Name": name,
        "ARN": call.arn("ssm", f"parameter/{name.removeprefix('/')}"),
        "Type": parameter.parameter_type,
        "LastModifiedDate": parameter.last_modified_date,
        "LastModifiedUser": f"arn:aws:iam::{call.account}:root",
        "Version": parameter.version,
        "Tier": parameter.tier,
        "DataType": parameter.data_type,
        "Policies": [
            {"PolicyText": json.dumps(policy), "PolicyType": policy["Type"], "PolicyStatus": "Pending"}
            for policy in policies
        ],
        **{key: text for key, text in optional.items() if text},
    }


def _parameter(call, name):
    backend = call.backend("ssm")
    return backend.get_parameter(name) if name in backend._parameters else None
