"""Restores the life of Lambda functions: states that pass, one update at a time, references that must exist, and the
settings that moto drops."""

import base64
import io
import json
import re
import zipfile

import references
from clock import CLOCK
from wire import fault, operation

KIND = "AWS::Lambda::Function"
RUNTIMES = re.compile(r"(nodejs|python|java|dotnet|ruby|provided|go)[\w.]*$")
# What moto's functions have no place for.
KEPT = ["DeadLetterConfig", "FileSystemConfigs", "KMSKeyArn", "LoggingConfig", "SnapStart"]
CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}


@operation("awslambda", "CreateFunction")
def create_function(call):
    """A function is `Pending` at first; its code, its runtime and what it refers to are checked."""
    params = call.params
    if params.get("PackageType", "Zip") == "Zip" and not (params.get("Runtime") and params.get("Handler")):
        raise invalid("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
    _check(call, params)
    _check_code(call, params["Code"])
    reply = call.proceed()
    function = _function(call, params["FunctionName"])
    function.state = "Pending"
    call.table("lambda.kept")[function.function_name] = {name: params[name] for name in KEPT if name in params}
    CLOCK.after(CLOCK.typical(KIND, "create"), lambda: setattr(function, "state", "Active"))
    return _shown(call, function, reply)


@operation("awslambda", "UpdateFunctionConfiguration", "UpdateFunctionCode")
def update_function(call):
    """One update at a time, and none of a function that is still being made."""
    function, params = _function(call), call.params
    if function.state == "Pending":
        raise conflict("The operation cannot be performed at this time. The function is currently in the following state: "
                       "Pending")
    if _is_updating(function):
        raise conflict("The operation cannot be performed at this time. An update is in progress for resource: "
                       f"{function.function_arn}")
    _check(call, params)
    if call.name == "UpdateFunctionCode":
        _check_code(call, params)
    reply = call.proceed()
    if params.get("Architectures"):
        function.architectures = params["Architectures"]
    if params.get("TracingConfig"):
        function.tracing_config = params["TracingConfig"]
    if params.get("EphemeralStorage"):
        function.ephemeral_storage = params["EphemeralStorage"]["Size"]
    kept = call.table("lambda.kept").setdefault(function.function_name, {})
    kept.update({name: params[name] for name in KEPT if name in params})
    function.updating = True
    CLOCK.after(CLOCK.typical(KIND, "update"), lambda: setattr(function, "updating", False))
    return _shown(call, function, {**reply, **function.get_configuration()})


@operation("awslambda", "GetFunction")
def get_function(call):
    reply = call.proceed()
    function = _function(call)
    _shown(call, function, reply["Configuration"])
    # moto takes a reservation of 0, which stops a function, for none.
    if function.reserved_concurrency is not None:
        reply["Concurrency"] = {"ReservedConcurrentExecutions": int(function.reserved_concurrency)}
    return reply


@operation("awslambda", "GetFunctionConfiguration")
def get_function_configuration(call):
    return _shown(call, _function(call), call.proceed())


@operation("awslambda", "ListFunctions")
def list_functions(call):
    """The list has no states."""
    reply = call.proceed()
    for shown in reply["Functions"]:
        _shown(call, _function(call, shown["FunctionName"]), shown)
        for name in ("State", "LastUpdateStatus"):
            shown.pop(name, None)
    return reply


@operation("awslambda", "DeleteFunction")
def delete_function(call):
    name = _function(call).function_name
    answer = call.forward()
    call.table("lambda.kept").pop(name, None)
    return answer


@operation("awslambda", "AddPermission")
def add_permission(call):
    """A statement has an id of its own, and all the conditions that it is given."""
    function, params = _function(call), call.params
    name, qualifier = call.params["FunctionName"].split(":function:")[-1], call.get("Qualifier")
    qualifier = qualifier or (name.split(":")[1] if ":" in name else None)
    if any(it["Sid"] == params["StatementId"] for it in function.policy.statements):
        raise conflict(f"The statement id ({params['StatementId']}) provided already exists. Please provide a new statement "
                       "id, or remove the existing statement.")
    principal = params["Principal"]
    if re.fullmatch(r"\d{12}", principal):
        principal = f"arn:aws:iam::{principal}:root"
    who = principal if principal == "*" else {"AWS" if principal.startswith("arn:") else "Service": principal}
    conditions = {}
    for member, (operator, key) in CONDITIONS.items():
        if params.get(member) is not None:
            value = params[member]
            conditions.setdefault(operator, {})[key] = str(value).lower() if isinstance(value, bool) else value
    statement = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": who,
        "Action": params["Action"],
        "Resource": call.arn("lambda", f"function:{function.function_name}") + (f":{qualifier}" if qualifier else ""),
        **({"Condition": conditions} if conditions else {}),
    }
    function.policy.statements.append(statement)
    return {"Statement": json.dumps(statement)}


def invalid(message):
    return fault("InvalidParameterValueException", message)


def conflict(message):
    return fault("ResourceConflictException", message)


def _function(call, name=None):
    return call.backend("lambda").get_function(name or call.params["FunctionName"], call.get("Qualifier"))


def _is_updating(function):
    return getattr(function, "updating", False)


def _shown(call, function, shown):
    """A configuration with what moto leaves out of it."""
    shown.update(call.table("lambda.kept").get(function.function_name, {}))
    apply_on = shown.get("SnapStart", {}).get("ApplyOn", "None")
    shown["SnapStart"] = {"ApplyOn": apply_on, "OptimizationStatus": "Off"}
    shown["State"] = function.state
    shown["TracingConfig"] = function.tracing_config
    shown["LoggingConfig"] = {
        "LogFormat": "Text", "LogGroup": f"/aws/lambda/{function.function_name}", **shown.get("LoggingConfig", {})
    }
    vpc = shown.get("VpcConfig")
    if vpc and vpc.get("SubnetIds"):
        subnets = references.subnets(call, vpc["SubnetIds"], lambda subnet: invalid(f"The subnet ID '{subnet}' does not exist"))
        vpc["VpcId"] = subnets[0].vpc_id
    if function.state == "Pending":
        shown["StateReason"], shown["StateReasonCode"] = "The function is being created.", "Creating"
        shown.pop("LastUpdateStatus", None)
    else:
        shown["LastUpdateStatus"] = "InProgress" if _is_updating(function) else "Successful"
    return shown


def _check(call, params):
    if params.get("Runtime") and not RUNTIMES.match(params["Runtime"]):
        raise invalid(f"Value {params['Runtime']} at 'runtime' failed to satisfy constraint: Member must satisfy enum value "
                      "set or be a valid ARN")
    if params.get("Role"):
        references.role(call, params["Role"], invalid("The role defined for the function cannot be assumed by Lambda."))
    if params.get("KMSKeyArn"):
        references.key(call, params["KMSKeyArn"], invalid("Lambda was unable to configure access to your environment "
                       "variables because the KMS key is invalid for CreateGrant. Please check your KMS key settings."))
    vpc = params.get("VpcConfig") or {}
    references.subnets(call, vpc.get("SubnetIds", []), lambda it: invalid(f"The subnet ID '{it}' does not exist"))
    references.security_groups(
        call, vpc.get("SecurityGroupIds", []), lambda it: invalid(f"The security group '{it}' does not exist")
    )


def _check_code(call, code):
    if code.get("ZipFile"):
        archive = code["ZipFile"]
        archive = archive if isinstance(archive, bytes) else base64.b64decode(archive)
        if not zipfile.is_zipfile(io.BytesIO(archive)):
            raise invalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
    if code.get("S3Bucket"):
        where = "Error occurred while GetObject. S3 Error Code: "
        bucket = call.backend("s3").buckets.get(code["S3Bucket"])
        if bucket is None:
            raise invalid(f"{where}NoSuchBucket. S3 Error Message: The specified bucket does not exist")
        if code["S3Key"] not in bucket.keys:
            raise invalid(f"{where}NoSuchKey. S3 Error Message: The specified key does not exist.")
