"""Restores the rotation of secrets: rules as given, managed secrets without a function, failures that change nothing."""

import json

from moto.moto_api._internal import mock_random as random

from wire import fault, operation

DAY = 86400


@operation("secretsmanager", "CreateSecret")
def create_secret(call):
    secret = _find(call, call.params["Name"])
    if secret and secret.is_deleted():
        raise refused("You can't create this secret because a secret with this name is already scheduled for deletion.")
    return call.forward()


@operation("secretsmanager", "RotateSecret")
def rotate_secret(call):
    secret = _required(call)
    managed, function = secret.owning_service, call.get("RotationLambdaARN")
    if managed and function:
        raise refused("You can't specify a rotation function for a secret that is managed by another service.")
    if function:
        _check_function(call, function)
    if not managed and not (function or secret.rotation_lambda_arn):
        raise refused("No Lambda rotation function ARN is associated with this secret.")
    rules = call.get("RotationRules") or rules_of(call, secret)
    if not rules:
        raise refused("You must specify the rotation rules of the secret.")
    schedule_rotation(call, secret, rules)
    secret.rotation_lambda_arn = function or secret.rotation_lambda_arn
    version = secret.default_version_id
    if managed and call.get("RotateImmediately", True):
        version = renew(call, secret)
    return {"ARN": secret.arn, "Name": secret.name, "VersionId": version}


@operation("secretsmanager", "CancelRotateSecret")
def cancel_rotate_secret(call):
    secret = _required(call)
    secret.rotation_enabled = False
    return {"ARN": secret.arn, "Name": secret.name}


@operation("secretsmanager", "DescribeSecret")
def describe_secret(call):
    reply = call.proceed()
    _show_rotation(call, _find(call, call.params["SecretId"]), reply)
    return reply


@operation("secretsmanager", "ListSecrets")
def list_secrets(call):
    reply = call.proceed()
    for shown in reply["SecretList"]:
        _show_rotation(call, _find(call, shown["ARN"]), shown)
    return reply


@operation("secretsmanager", "DeleteSecret", "UpdateSecret", "PutSecretValue")
def change_secret(call):
    """Whoever owns a managed secret alone changes and deletes it."""
    secret = _find(call, call.params["SecretId"])
    if secret and secret.owning_service:
        raise refused(f"You can't change or delete this secret: it is managed by {secret.owning_service}.")
    return call.forward()


def refused(message):
    return fault("InvalidRequestException", message)


def rules_of(call, secret):
    return call.table("secretsmanager.rules").get(secret.arn)


def schedule_rotation(call, secret, rules):
    call.table("secretsmanager.rules")[secret.arn] = rules
    secret.rotation_requested = secret.rotation_enabled = True
    secret.auto_rotate_after_days = rules.get("AutomaticallyAfterDays", 0)


def renew(call, secret, **changes):
    """Gives a managed secret another password, as the service that owns it does."""
    value = {**json.loads(secret.secret_string), **changes, "password": random.get_random_string(length=28)}
    backend = call.backend("secretsmanager")
    backend.put_secret_value(secret.arn, json.dumps(value), None, str(random.uuid4()), ["AWSCURRENT"])
    return backend.secrets[secret.arn].default_version_id


def _find(call, name):
    backend = call.backend("secretsmanager")
    return backend.secrets[name] if backend._is_valid_identifier(name) else None


def _required(call):
    secret = _find(call, call.params["SecretId"])
    if secret is None:
        raise fault("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    if secret.is_deleted():
        raise refused("You can't perform this operation on the secret because it was marked for deletion.")
    return secret


def _check_function(call, arn):
    try:
        call.backend("lambda").get_function(arn)
    except Exception:  # moto raises several kinds
        raise fault("ResourceNotFoundException", f"Resource not found for ARN '{arn}'.") from None


def _show_rotation(call, secret, shown):
    rules = secret and rules_of(call, secret)
    if rules:
        shown["RotationEnabled"] = secret.rotation_enabled
        shown["RotationRules"] = rules
        if not secret.rotation_lambda_arn:
            shown.pop("RotationLambdaARN", None)
