"""Restores the life of KMS keys: unusable and immutable while their deletion is pending, gone when the window ends."""

import json

from clock import CLOCK
from wire import fault, operation

DAY = 86400
# A key that awaits its deletion can be looked at and be saved; nothing else.
USES = [
    "CreateAlias", "UpdateAlias", "CreateGrant", "Decrypt", "DisableKey", "DisableKeyRotation", "EnableKey",
    "EnableKeyRotation", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GetPublicKey", "PutKeyPolicy",
    "ScheduleKeyDeletion", "Sign", "TagResource", "UntagResource", "UpdateKeyDescription", "Verify",
]


@operation("kms", *USES)
def use_key(call):
    name = call.get("TargetKeyId") or call.get("KeyId")
    found = name and _find(call, name)
    if found and found.key_state == "PendingDeletion":
        raise fault("KMSInvalidStateException", f"{found.arn} is pending deletion.")
    return call.forward()


@operation("kms", "CreateGrant", "ListGrants", "RevokeGrant")
def find_key(call):
    """moto fails over a key that does not exist."""
    if _find(call, call.params["KeyId"]) is None:
        raise fault("NotFoundException", f"Key '{call.params['KeyId']}' does not exist")
    return call.forward()


@operation("kms", "CreateKey", "PutKeyPolicy")
def check_policy(call):
    if call.get("Policy"):
        try:
            json.loads(call.params["Policy"])
        except ValueError:
            raise fault("MalformedPolicyDocumentException", "The policy is not valid JSON.") from None
    return call.forward()


@operation("kms", "ScheduleKeyDeletion")
def schedule_key_deletion(call):
    """Takes an ARN as well as an id; the key and its aliases are gone when the waiting period is over."""
    found, days = _find(call, call.params["KeyId"]), call.get("PendingWindowInDays", 30)
    if found is None:
        raise fault("NotFoundException", f"Key '{call.params['KeyId']}' does not exist")
    if not 7 <= days <= 30:
        raise fault("ValidationException", "PendingWindowInDays must be between 7 and 30 (inclusive).")
    call.set("KeyId", found.id)
    reply = call.proceed()
    backend = call.backend("kms")

    def gone():
        if backend.keys.get(found.id) is found and found.key_state == "PendingDeletion":
            del backend.keys[found.id]

    CLOCK.after(CLOCK.scaled(days * DAY), gone)
    return {**reply, "KeyId": found.arn, "KeyState": "PendingDeletion", "PendingWindowInDays": days}


@operation("kms", "EnableKeyRotation")
def enable_key_rotation(call):
    """Keeps the period, which moto ignores."""
    days = call.get("RotationPeriodInDays", 365)
    if not 90 <= days <= 2560:
        raise fault("ValidationException", "RotationPeriodInDays must be between 90 and 2560 (inclusive).")
    answer = call.forward()
    _find(call, call.params["KeyId"]).rotation_period = days
    return answer


@operation("kms", "GetKeyRotationStatus")
def get_key_rotation_status(call):
    reply = call.proceed()
    found = _find(call, call.params["KeyId"])
    reply["KeyId"] = found.arn
    if reply.get("KeyRotationEnabled"):
        reply["RotationPeriodInDays"] = getattr(found, "rotation_period", 365)
    else:
        reply.pop("RotationPeriodInDays", None)
    return reply


def _find(call, name):
    backend, name = call.backend("kms"), name.split(":", 5)[-1]
    key_id = backend.get_key_id_from_alias(name) if name.startswith("alias/") else name.removeprefix("key/")
    return backend.keys.get(key_id)
