"""Restores what SQS checks and remembers of queues: blocked names, valid attributes, policies that stay what they are."""

import json

import references
from clock import CLOCK
from wire import fault, operation

BLOCKED = 60
# Smallest and largest value.
RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86400),
    "MaximumMessageSize": (1024, 1048576),
    "MessageRetentionPeriod": (60, 1209600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43200),
}
FIFO = ["ContentBasedDeduplication", "DeduplicationScope", "FifoQueue", "FifoThroughputLimit"]
KNOWN = [*RANGES, *FIFO, "KmsMasterKeyId", "Policy", "RedriveAllowPolicy", "RedrivePolicy", "SqsManagedSseEnabled"]


@operation("sqs", "CreateQueue")
def create_queue(call):
    """The name of a deleted queue is blocked for 60 seconds; one with other attributes is taken."""
    name, attributes = call.params["QueueName"], call.get("Attributes", {})
    if name in call.table("sqs.blocked"):
        raise fault("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another "
                    "with the same name.")
    fifo = attributes.get("FifoQueue") == "true"
    if attributes.get("FifoQueue") == "false":
        raise fault("InvalidAttributeName", "Unknown Attribute FifoQueue.")
    if name.endswith(".fifo") != fifo:
        raise fault("InvalidParameterValue", "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                    "underscores, must end with .fifo suffix and be 1 to 80 in length.")
    _check(call, attributes, fifo)
    new = name not in call.backend("sqs").queues
    answer = call.forward()
    if new:
        _keep(call, name, attributes)
    return answer


@operation("sqs", "SetQueueAttributes")
def set_queue_attributes(call):
    """Changes what it is given; moto takes the policy away, and forgets the other one."""
    queue, attributes = _queue(call), call.get("Attributes", {})
    _check(call, attributes, queue.fifo_queue)
    before = queue.policy
    answer = call.forward()
    if "Policy" not in attributes:
        queue.policy = before
    _keep(call, queue.name, attributes)
    return answer


@operation("sqs", "GetQueueAttributes")
def get_queue_attributes(call):
    names = call.get("AttributeNames", [])
    if "RedriveAllowPolicy" in names:
        call.set("AttributeNames", [name for name in names if name != "RedriveAllowPolicy"])
    reply, queue = call.proceed(), _queue(call)
    shown = reply.setdefault("Attributes", {})
    allowed = call.table("sqs.redrive_allow").get(queue.name)
    if allowed and ("All" in names or "RedriveAllowPolicy" in names):
        shown["RedriveAllowPolicy"] = allowed
    for name in ("Policy", "KmsMasterKeyId"):
        if not shown.get(name):
            shown.pop(name, None)
    return reply


@operation("sqs", "DeleteQueue")
def delete_queue(call):
    name = _queue(call).name
    answer = call.forward()
    call.table("sqs.redrive_allow").pop(name, None)
    blocked = call.table("sqs.blocked")
    blocked[name] = True
    CLOCK.after(CLOCK.scaled(BLOCKED), lambda: blocked.pop(name, None))
    return answer


def _queue(call):
    """The queue of a URL, which is told by its last part."""
    name = call.params["QueueUrl"].split("/")[-1]
    queue = call.backend("sqs").queues.get(name)
    if queue is None:
        raise fault("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")
    return queue


def _check(call, attributes, fifo):
    for name, value in attributes.items():
        if name not in KNOWN or (name in FIFO and not fifo):
            raise fault("InvalidAttributeName", f"Unknown Attribute {name}.")
        low, high = RANGES.get(name, (None, None))
        if low is not None and not (value.lstrip("-").isdigit() and low <= int(value) <= high):
            raise fault("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
        if name in ("Policy", "RedriveAllowPolicy", "RedrivePolicy") and value:
            _document(name, value)
    if attributes.get("KmsMasterKeyId"):
        if attributes.get("SqsManagedSseEnabled") == "true":
            raise fault("InvalidAttributeName", "You can use one type of server-side encryption (SSE) at one time. You can "
                        "either enable KMS SSE or SQS SSE.")
        references.key(call, attributes["KmsMasterKeyId"], fault(
            "InvalidParameterValue", f"Unable to find key {attributes['KmsMasterKeyId']}."))


def _document(name, text):
    try:
        if isinstance(json.loads(text), dict):
            return
    except ValueError:
        pass
    raise fault("InvalidAttributeValue", f"Invalid value for the parameter {name}.")


def _keep(call, name, attributes):
    queue = call.backend("sqs").queues[name]
    if "RedriveAllowPolicy" in attributes:
        call.table("sqs.redrive_allow")[name] = attributes["RedriveAllowPolicy"]
    # Only one sort of encryption; either one ends the other.
    if attributes.get("KmsMasterKeyId"):
        queue.sqs_managed_sse_enabled = "false"
    elif attributes.get("SqsManagedSseEnabled") == "true":
        queue.kms_master_key_id = None
