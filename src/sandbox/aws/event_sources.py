"""Restores the life of Lambda's event source mappings: states that pass, one for each source, and sources that fit."""

from awslambda import conflict, invalid
from clock import CLOCK
from wire import fault, operation

KIND = "AWS::Lambda::EventSourceMapping"


@operation("awslambda", "CreateEventSourceMapping")
def create_event_source_mapping(call):
    params = call.params
    source, service = params.get("EventSourceArn", ""), params.get("EventSourceArn", "::").split(":")[2]
    function = call.backend("lambda").get_function(params["FunctionName"], None)
    for mapping in call.backend("lambda")._event_source_mappings.values():
        if mapping.event_source_arn == source and mapping.function_arn == function.function_arn:
            raise conflict(f'An event source mapping with {service} arn ("{source}") and function '
                           f'("{function.function_name}") already exists. Please update or delete the existing mapping with '
                           f"UUID {mapping.uuid}")
    if service == "sqs":
        queue = call.backend("sqs").queues.get(source.split(":")[-1])
        if queue is None:
            raise invalid("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS "
                          "Error Message: The specified queue does not exist.")
        if int(queue.visibility_timeout) < int(function.timeout):
            raise invalid(f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than Function timeout: "
                          f"{function.timeout} seconds")
    elif not params.get("StartingPosition"):
        raise invalid("1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member "
                      "must not be null.")
    reply = call.proceed()
    _passes(call, reply["UUID"], "Creating", "create")
    return _shown(call, reply)


@operation("awslambda", "UpdateEventSourceMapping")
def update_event_source_mapping(call):
    mapping = _settled(call, "update")
    state = "Updating"
    if call.get("Enabled") is not None and call.params["Enabled"] != mapping.enabled:
        state = "Enabling" if call.params["Enabled"] else "Disabling"
    reply = call.proceed()
    _passes(call, mapping.uuid, state, "update")
    return _shown(call, reply)


@operation("awslambda", "DeleteEventSourceMapping")
def delete_event_source_mapping(call):
    mapping, backend, states = _settled(call, "delete"), call.backend("lambda"), call.table("lambda.mappings")
    states[mapping.uuid] = "Deleting"

    def gone():
        backend.delete_event_source_mapping(mapping.uuid)
        states.pop(mapping.uuid, None)

    CLOCK.after(CLOCK.typical(KIND, "delete"), gone)
    return _shown(call, call.show(mapping.get_configuration()))


@operation("awslambda", "GetEventSourceMapping")
def get_event_source_mapping(call):
    _mapping(call)
    return _shown(call, call.proceed())


@operation("awslambda", "ListEventSourceMappings")
def list_event_source_mappings(call):
    reply = call.proceed()
    for shown in reply["EventSourceMappings"]:
        _shown(call, shown)
    return reply


def _mapping(call):
    mapping = call.backend("lambda").get_event_source_mapping(call.params["UUID"])
    if mapping is None:
        raise fault("ResourceNotFoundException", "The resource you requested does not exist.")
    return mapping


def _settled(call, verb):
    """A mapping that is on its way to another state can neither be changed nor deleted."""
    mapping = _mapping(call)
    if mapping.uuid in call.table("lambda.mappings"):
        raise fault("ResourceInUseException", f"Cannot {verb} the event source mapping because it is in use.")
    return mapping


def _passes(call, uuid, state, phase):
    states = call.table("lambda.mappings")
    states[uuid] = state
    CLOCK.after(CLOCK.typical(KIND, phase), lambda: states.pop(uuid, None))


def _shown(call, shown):
    shown["State"] = call.table("lambda.mappings").get(shown["UUID"], shown["State"])
    return shown
