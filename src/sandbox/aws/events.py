"""Restores what EventBridge checks of rules, and that their patterns and lists are what AWS makes of them."""

import json

import references
from wire import fault, operation

TARGETS_MAX = 5
STATES = ["ENABLED", "DISABLED", "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"]


@operation("events", "PutRule")
def put_rule(call):
    """Refuses patterns that are none and states that are unknown; tags are those of a new rule only."""
    if call.get("EventPattern"):
        _check_pattern(call.params["EventPattern"])
    if call.get("State", "ENABLED") not in STATES:
        raise validation(f"Value '{call.params['State']}' at 'state' failed to satisfy constraint: {STATES}")
    if call.get("RoleArn"):
        references.role(call, call.params["RoleArn"], validation(f"Provided role '{call.params['RoleArn']}' does not exist."))
    bus = call.backend("events").event_buses.get(call.get("EventBusName", "default").split("/")[-1])
    if bus and call.params["Name"] in bus.rules:
        call.drop("Tags")
    return call.forward()


@operation("events", "PutTargets")
def put_targets(call):
    """A rule has five targets at most; one cannot have several sorts of input."""
    rule = _rule(call)
    targets = call.params["Targets"]
    ids = {target["Id"] for target in rule.targets} | {target["Id"] for target in targets}
    if len(ids) > TARGETS_MAX:
        raise fault("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    for target in targets:
        if sum(member in target for member in ("Input", "InputPath", "InputTransformer")) > 1:
            raise validation(f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}.")
        if target.get("RoleArn"):
            references.role(call, target["RoleArn"], validation(f"Provided role '{target['RoleArn']}' does not exist."))
    return call.forward()


@operation("events", "ListTargetsByRule", "RemoveTargets")
def of_rule(call):
    _rule(call)
    return call.forward()


@operation("events", "DeleteEventBus")
def delete_event_bus(call):
    bus = call.backend("events").event_buses.get(call.params["Name"])
    if bus and bus.rules:
        raise validation(f"Event bus {bus.name} can't be deleted since it has rules.")
    return call.forward()


def validation(message):
    return fault("ValidationException", message)


def _rule(call):
    bus = call.backend("events").event_buses.get(call.get("EventBusName", "default").split("/")[-1])
    if bus is None:
        raise fault("ResourceNotFoundException", f"Event bus {call.params['EventBusName']} does not exist.")
    rule = bus.rules.get(call.params["Rule"])
    if rule is None:
        raise fault("ResourceNotFoundException", f"Rule {call.params['Rule']} does not exist on EventBus {bus.name}.")
    return rule


def _check_pattern(text):
    try:
        pattern = json.loads(text)
    except ValueError:
        pattern = None
    if not isinstance(pattern, dict) or not pattern or not all(isinstance(it, (dict, list)) for it in pattern.values()):
        raise fault("InvalidEventPatternException", "Event pattern is not valid. Reason: it is no object of lists.")
