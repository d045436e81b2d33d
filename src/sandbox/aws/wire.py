"""The place between the wire and moto where all of the extension hooks in.

A hook is a function of one `Call`, registered for an operation of a service. It sees the request in the shape that AWS
documents and answers with such a shape, or raises `fault(code, message)`: moto's serializers turn both into the reply of
the service's protocol, with the status and the envelope that the service model prescribes. A hook asks moto (and the hooks
registered before it) with `call.proceed()`. An operation that moto lacks is a hook that does not ask.
"""

import functools
import importlib
import json
import logging
import re
from datetime import datetime, timezone

from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from flask import request
from moto.core import responses as moto_responses
from moto.core.exceptions import ServiceException
from moto.core.parse import XFormedDict
from moto.core.responses import ActionContext, ActionResult, BaseResponse
from moto.core.serialize import DefaultAttributePicker, get_serializer_class
from moto.core.utils import camelcase_to_underscores, get_service_model
from moto.ec2.exceptions import FilterNotImplementedError
from moto.backends import get_backend
from moto.s3.responses import S3Response
from werkzeug.exceptions import HTTPException

import memory

RESPONSES = {
    "acm": "AWSCertificateManagerResponse",
    "awslambda": "LambdaResponse",
    "cloudfront": "CloudFrontResponse",
    "cloudtrail": "CloudTrailResponse",
    "cloudwatch": "CloudWatchResponse",
    "config": "ConfigResponse",
    "dynamodb": "DynamoHandler",
    "ec2": "EC2Response",
    "ecr": "ECRResponse",
    "eks": "EKSResponse",
    "elasticache": "ElastiCacheResponse",
    "elbv2": "ELBV2Response",
    "events": "EventsHandler",
    "guardduty": "GuardDutyResponse",
    "iam": "IamResponse",
    "kms": "KmsResponse",
    "logs": "LogsResponse",
    "rds": "RDSResponse",
    "resourcegroupstaggingapi": "ResourceGroupsTaggingAPIResponse",
    "route53": "Route53",
    "s3": "S3Response",
    "secretsmanager": "SecretsManagerResponse",
    "sns": "SNSResponse",
    "sqs": "SQSResponse",
    "ssm": "SimpleSystemManagerResponse",
    "sts": "TokenResponse",
    "wafv2": "WAFV2Response",
}
# The parts of a bucket that moto itself changes, and its objects (`?delete`).
S3_PARTS = {
    "accelerate", "acl", "cors", "delete", "encryption", "inventory", "lifecycle", "logging", "notification", "object-lock",
    "ownershipControls", "policy", "publicAccessBlock", "replication", "tagging", "versioning", "website",
}
GLOBAL = {"cloudfront", "iam", "route53", "s3", "sts"}

_HOOKS = {}


def operation(service, *names):
    """Registers a function as the outermost hook of these operations."""

    def register(hook):
        for name in names:
            _HOOKS.setdefault((service, name), []).append(hook)
        return hook

    return register


def fault(code, message):
    """An error reply of AWS; its status and envelope follow from the service model."""
    return Fault(code, message)


class Fault(ServiceException):
    """An error of the extension; moto looks a plain `ServiceException` up in a service called `core`."""


class Call:
    """One request: who asks what of whom, and the way on to moto."""

    def __init__(self, response, service, name, hooks, moto):
        self.service = service
        self.name = name
        self.account = response.current_account
        self.region = response.region
        self._response = response
        self._hooks = list(hooks)
        self._moto = moto
        if not response.automated_parameter_parsing:
            response.parse_parameters(request)
        params = response.params
        self.params = params.original_dict() if isinstance(params, XFormedDict) else dict(params)

    def get(self, name, default=None):
        value = self.params.get(name)
        return default if value is None else value

    def backend(self, service, region=None):
        """moto's models of a service, of this account and region."""
        region = "aws" if service in GLOBAL else region or self.region
        return get_backend(service)[self.account][region]

    def table(self, name, region=None):
        """What the extension itself remembers of this account and region."""
        return memory.table(self.account, region or self.region, name)

    @property
    def body(self):
        """The request's document as it came."""
        return self._response.body

    def arn(self, service, resource, region=None):
        region = self.region if region is None else region
        return f"arn:aws:{service}:{region}:{self.account}:{resource}"

    def forward(self):
        """The answer of the next hook, or at last of moto, as it comes."""
        if self._hooks:
            return self._hooks.pop()(self)
        if self._moto is None:
            raise unsupported(self.service, self.name)
        return self._moto(self._response)

    def proceed(self):
        """The answer of the next hook, or at last of moto, in the shape that AWS documents."""
        return self._read(self.forward())

    def set(self, name, value):
        """Changes a parameter of what moto will see."""
        self.params[name] = value
        if self._response.automated_parameter_parsing:
            self._response.params[name] = value
        else:
            self._response.body = json.dumps({**json.loads(self._response.body), name: value})

    def drop(self, name):
        """Takes a parameter out of what moto will see; the hook still has it in `params`."""
        if self._response.automated_parameter_parsing:
            self._response.params.pop(name, None)
        else:
            body = json.loads(self._response.body)
            body.pop(name, None)
            self._response.body = json.dumps(body)

    def show(self, result, name=None):
        """moto's models in the shape that AWS documents for the reply of an operation, this one's by default."""
        return self._read(ActionResult(result), name)

    def _read(self, answer, name=None):
        if isinstance(answer, Answer):
            return answer.result
        if isinstance(answer, dict):
            return answer
        response = self._response
        if isinstance(answer, ActionResult):
            status, headers, body = self._serialize(answer, name)
        elif isinstance(answer, str):
            status, headers, body = 200, {}, answer
        else:
            status, headers, body = response._transform_response({}, answer)
        model = get_service_model(response.boto3_service_name)
        parser = create_parser(response.determine_response_protocol(model))
        parsed = parser.parse(
            {
                "body": body if isinstance(body, bytes) else (body or "").encode(),
                "headers": HeadersDict(headers),
                "status_code": int(status),
            },
            model.operation_model(name or self.name).output_shape,
        )
        if int(status) >= 300:
            raise fault(parsed["Error"]["Code"], parsed["Error"]["Message"])
        parsed.pop("ResponseMetadata", None)
        return parsed

    def _serialize(self, answer, name):
        response = self._response
        if name is None:
            return response.serialized(answer)
        model = get_service_model(response.boto3_service_name)
        serializer = get_serializer_class(model.service_name, response.determine_response_protocol(model))
        context = ActionContext(model, model.operation_model(name), serializer, response)
        return answer.execute_result(context)


class Answer(ActionResult):
    """A reply in the documented shape: serialized as it is, without the renaming that moto's models need."""

    def execute_result(self, context):
        serializer = context.serializer_class(
            operation_model=context.operation_model, value_picker=DefaultAttributePicker()
        )
        reply = serializer.serialize(self.result)
        return reply["status_code"], reply["headers"], reply["body"]


def install():
    """Puts every registered hook into its service; call it once, after all modules of the extension are imported."""
    for (service, name), hooks in _HOOKS.items():
        if service == "s3":
            continue
        responses = getattr(importlib.import_module(f"moto.{service}.responses"), RESPONSES[service])
        method = camelcase_to_underscores(name)
        moto = getattr(responses, method, None)
        setattr(responses, method, _hooked(service, name, hooks, moto))
    # moto walks over the thousands of members of a response class on every request.
    moto_responses.method_names_from_class = functools.cache(moto_responses.method_names_from_class)
    BaseResponse.call_action = _guarded(BaseResponse.call_action)
    S3Response._bucket_response = _on_buckets(S3Response._bucket_response)


def unsupported(service, name):
    """AWS's own reply to an operation that it does not know; moto's is a web page with status 404 or 500."""
    protocol = get_service_model(service).protocol
    code = "InvalidAction" if protocol in ("ec2", "query", "rest-xml") else "UnknownOperationException"
    return fault(code, f"The action {name} is not available in the sandbox.")


def now():
    return datetime.now(timezone.utc)


def tag_map(tags):
    """`[{Key, Value}]` as a dictionary."""
    return {tag["Key"]: tag.get("Value", "") for tag in tags or []}


def tag_list(tags):
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def page(call, items, limit="maxResults", token="nextToken", size=100):
    """The page of `items` that the request asks for, and the token of the next one."""
    start = int(call.get(token) or 0)
    size = min(int(call.get(limit) or size), size)
    rest = start + size
    return items[start:rest], str(rest) if rest < len(items) else None


def _hooked(service, name, hooks, moto):
    def method(response):
        call = Call(response, service, name, hooks, moto)
        answer = call.forward()
        return Answer(answer) if isinstance(answer, dict) else answer

    return method


def _on_buckets(bucket_response):
    """S3 on buckets: moto reaches its operations by the parameters of the query, not by a method for each.

    What it does not know it takes for the creation or the deletion of the bucket; here that is a refusal.
    """
    operations = _bucket_operations()

    def hooked(response, request, full_url):
        moto = lambda *_: bucket_response(response, request, full_url)
        parts = [part for part in request.args if any(part == known for _, known, _ in operations)]
        bucket, part = response.parse_bucket_name_from_url(request, full_url), parts[0] if parts else ""
        if not bucket or (request.args and not part):
            return moto()
        name = operations.get((request.method, part, "id" in request.args))
        if ("s3", name) not in _HOOKS:
            if part and request.method != "GET" and part not in S3_PARTS:
                return response.serialized(ActionResult(unsupported("s3", name)))
            return moto()
        response.data["Action"] = name
        response.uri_match = re.match("(?P<Bucket>.*)", bucket)
        try:
            answer = Call(response, "s3", name, _HOOKS["s3", name], moto).forward()
        except ServiceException as error:
            answer = ActionResult(error)
        if isinstance(answer, dict):
            answer = Answer(answer)
        # moto may have given the operation a name of its own.
        response.data["Action"] = name
        return response.serialized(answer) if isinstance(answer, ActionResult) else answer

    return hooked


def _bucket_operations():
    """S3's operations on a bucket by method, by its part (`?lifecycle`), and by whether they name one of several (`&id=`)."""
    model, operations = get_service_model("s3"), {}
    for name in model.operation_names:
        operation_model = model.operation_model(name)
        path, _, part = operation_model.http["requestUri"].partition("?")
        if path == "/{Bucket}":
            members = operation_model.input_shape.members.values()
            one = any(shape.serialization.get("name") == "id" for shape in members)
            key = operation_model.http["method"], part, one
            # Where two have the same request, the one with the shorter name is out of use.
            operations[key] = max(operations.get(key, ""), name, key=len)
    return operations


def _guarded(call_action):
    """Whatever moto does not handle becomes an error reply of the service, and a traceback in the log."""

    def guarded(response):
        try:
            if response.service_name == "ec2" and response.params.get("DryRun"):
                raise fault("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
            return call_action(response)
        except FilterNotImplementedError as exception:
            error = fault("InvalidParameterValue", str(exception).split(" for ")[0] + " is invalid")
        except ServiceException as exception:
            error = exception
        except HTTPException:
            raise
        except NotImplementedError:
            error = unsupported(response.boto3_service_name, response._get_action())
        except Exception as exception:  # the boundary of the service
            error = _missing(response, exception)
            if error:
                return _serialized(response, error)
            logging.exception("%s %s", response.service_name, response._get_action())
            error = fault("InternalFailure", f"{type(exception).__name__}: {exception}")
            status, headers, body = _serialized(response, error)
            return 500, {**headers, "status": "500"}, body
        return _serialized(response, error)

    return guarded


def _missing(response, exception):
    """What AWS says of a name that it does not know, where moto stumbles over it in a dictionary."""
    if not isinstance(exception, KeyError) or not exception.args:
        return None
    if not response.automated_parameter_parsing:
        response.parse_parameters(request)
    model = get_service_model(response.boto3_service_name).operation_model(response._get_action())
    codes = [shape.error_code for shape in model.error_shapes]
    codes = [code for code in codes if "NotFound" in code or "NoSuch" in code or "Nonexistent" in code]
    for member in model.input_shape.members if codes else ():
        if response.params.get(member) == exception.args[0]:
            kind = re.sub(r"(Identifier|Name|Id|Arn|ARN)$", "", member)
            code = next((code for code in codes if re.match(f"{kind}NotFound|NoSuch{kind}", code)), codes[0])
            return fault(code, f"{kind} {exception.args[0]} not found.")
    return None


def _serialized(response, error):
    return response.serialized(ActionResult(error))
