"""Restores the rules of listeners: transforms, regular expressions, changes of places, rules that must be there."""

from moto.elbv2.models import ELBv2Backend, FakeListenerRule

from wire import fault, operation

FakeListenerRule.transforms = None


def _without_regexes(validate):
    """moto asks every condition for values; those with regular expressions have none."""

    def validated(backend, conditions):
        plain = [condition for condition in conditions if "RegexValues" not in str(condition)]
        validate(backend, plain)

    return validated


ELBv2Backend._validate_conditions = _without_regexes(ELBv2Backend._validate_conditions)


@operation("elbv2", "CreateRule")
def create_rule(call):
    reply = call.proceed()
    rule = _rule(call, reply["Rules"][0]["RuleArn"])
    rule.transforms = call.get("Transforms", [])
    return _shown(call, [rule])


@operation("elbv2", "ModifyRule")
def modify_rule(call):
    """Changes what it names; transforms go with `ResetTransforms` only."""
    rule = _rule(call, call.params["RuleArn"])
    if call.get("Conditions") or call.get("Actions"):
        call.forward()
    rule.transforms = call.get("Transforms") or ([] if call.get("ResetTransforms") else rule.transforms)
    return _shown(call, [rule])


@operation("elbv2", "DescribeRules")
def describe_rules(call):
    reply = call.proceed()
    for shown in reply.get("Rules", []):
        transforms = getattr(_rule(call, shown["RuleArn"]), "transforms", None)
        if transforms:
            shown["Transforms"] = transforms
    return reply


@operation("elbv2", "SetRulePriorities")
def set_rule_priorities(call):
    """The new order as a whole must have no conflicts, so that rules can change places; moto looks at each alone."""
    wanted = {pair["RuleArn"]: int(pair["Priority"]) for pair in call.params["RulePriorities"]}
    rules = {arn: _rule(call, arn) for arn in wanted}
    for rule in rules.values():
        _not_default(rule)
        listener = _listener(call, rule.arn)
        order = [wanted.get(known.arn, known.priority) for known in listener.rules.values()]
        if [str(priority) for priority in order].count(str(wanted[rule.arn])) > 1:
            raise fault("PriorityInUse", "The specified priority is in use.")
    for arn, rule in rules.items():
        rule.priority = wanted[arn]
    return _shown(call, rules.values())


@operation("elbv2", "DeleteRule")
def delete_rule(call):
    _not_default(_rule(call, call.params["RuleArn"]))
    return call.forward()


def _listener(call, rule_arn):
    listener_arn = rule_arn.replace(":listener-rule/", ":listener/").rsplit("/", 1)[0]
    for balancer in call.backend("elbv2").load_balancers.values():
        if listener_arn in balancer.listeners:
            return balancer.listeners[listener_arn]
    return None


def _rule(call, arn):
    listener = _listener(call, arn)
    for rule in listener.rules.values() if listener else ():
        if rule.arn == arn:
            return rule
    raise fault("RuleNotFound", "One or more rules not found")


def _not_default(rule):
    if rule.is_default:
        raise fault("OperationNotPermitted", f"Default rule '{rule.arn}' cannot be deleted or moved")


def _shown(call, rules):
    reply = call.show({"Rules": list(rules)}, "DescribeRules")
    for rule, shown in zip(rules, reply["Rules"]):
        if rule.transforms:
            shown["Transforms"] = rule.transforms
    return reply
