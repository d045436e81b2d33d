"""Restores AWS Config: recorders with ARN, mode and tags, channels whose bucket exists, rules that take time to go."""

from clock import CLOCK
from wire import fault, operation, tag_list, tag_map

RULE = "AWS::Config::ConfigRule"


@operation("config", "PutConfigurationRecorder")
def put_configuration_recorder(call):
    """Keeps the mode; takes tags at the creation only."""
    given = call.params["ConfigurationRecorder"]
    name = given["name"]
    if not given.get("roleARN"):
        raise fault("InvalidRoleException", "You have provided a null or empty role ARN.")
    answer = call.forward()
    recorder = _recorders(call).setdefault(name, {"tags": tag_map(call.get("Tags"))})
    recorder["mode"] = {"recordingModeOverrides": [], **given.get("recordingMode", {"recordingFrequency": "CONTINUOUS"})}
    return answer


@operation("config", "DescribeConfigurationRecorders", "DescribeConfigurationRecorderStatus")
def describe_configuration_recorders(call):
    reply = call.proceed()
    for shown in reply.get("ConfigurationRecorders", []):
        shown["arn"] = _arn(call, shown["name"])
        shown["recordingScope"] = "PAID"
        shown["recordingMode"] = _recorders(call)[shown["name"]]["mode"]
    for shown in reply.get("ConfigurationRecordersStatus", []):
        shown["arn"] = _arn(call, shown["name"])
        # moto writes it in capitals.
        shown["lastStatus"] = "Pending" if shown["recording"] else "NotApplicable"
    return reply


@operation("config", "PutDeliveryChannel")
def put_delivery_channel(call):
    bucket = call.params["DeliveryChannel"].get("s3BucketName")
    if bucket and bucket not in call.backend("s3").buckets:
        raise fault("NoSuchBucketException", "Cannot find a S3 bucket with an empty bucket name or the bucket does not "
                    "exist.")
    return call.forward()


@operation("config", "ListTagsForResource", "TagResource", "UntagResource")
def tags_of_recorder(call):
    arn = call.params["ResourceArn"]
    if ":configuration-recorder/" not in arn:
        return call.forward()
    recorder = _recorders(call).get(arn.split(":configuration-recorder/")[1].split("/")[0])
    if recorder is None:
        raise fault("ResourceNotFoundException", f"ResourceArn '{arn}' does not exist")
    match call.name:
        case "ListTagsForResource":
            return {"Tags": tag_list(recorder["tags"])}
        case "TagResource":
            recorder["tags"].update(tag_map(call.params["Tags"]))
        case "UntagResource":
            for key in call.params["TagKeys"]:
                recorder["tags"].pop(key, None)
    return {}


@operation("config", "DeleteConfigurationRecorder")
def delete_configuration_recorder(call):
    answer = call.forward()
    _recorders(call).pop(call.params["ConfigurationRecorderName"], None)
    return answer


@operation("config", "PutConfigRule")
def put_config_rule(call):
    """There must be a recorder; a function must let Config invoke it; an update leaves tags as they are."""
    backend, given = call.backend("config"), call.params["ConfigRule"]
    name, source = given["ConfigRuleName"], given["Source"]
    if not backend.recorders:
        raise fault("NoAvailableConfigurationRecorderException", "Configuration Recorder is not available to put "
                    "config rule.")
    if source["Owner"] == "CUSTOM_LAMBDA":
        _check_function(call, source["SourceIdentifier"])
    before = backend.config_rules.get(name)
    tags = dict(before.tags) if before else tag_map(call.get("Tags"))
    call.set("ConfigRule", _for_moto(given))
    answer = call.forward()
    backend.config_rules[name].tags = tags
    call.table("config.rules")[name] = given
    return answer


@operation("config", "DescribeConfigRules")
def describe_config_rules(call):
    """Shows the rules as they were given; the text of a policy is told by `GetCustomRulePolicy` only."""
    for name in call.get("ConfigRuleNames", []):
        _rule(call, name)
    reply = call.proceed()
    for shown in reply["ConfigRules"]:
        given = call.table("config.rules").get(shown["ConfigRuleName"])
        if given:
            shown.update({key: value for key, value in given.items() if key not in ("Source", "ConfigRuleState")})
            shown["Source"] = {**given["Source"], "SourceDetails": given["Source"].get("SourceDetails", [])}
            shown.setdefault("EvaluationModes", [{"Mode": "DETECTIVE"}])
            policy = shown["Source"].get("CustomPolicyDetails")
            if policy:
                shown["Source"]["CustomPolicyDetails"] = {**policy, "PolicyText": ""}
    return reply


@operation("config", "GetCustomRulePolicy")
def get_custom_rule_policy(call):
    _rule(call, call.params["ConfigRuleName"])
    given = call.table("config.rules").get(call.params["ConfigRuleName"], {"Source": {}})
    return {"PolicyText": given["Source"].get("CustomPolicyDetails", {}).get("PolicyText", "")}


@operation("config", "DescribeComplianceByConfigRule")
def describe_compliance_by_config_rule(call):
    """Nothing is recorded here, so no rule has judged anything yet."""
    names = call.get("ConfigRuleNames") or sorted(call.backend("config").config_rules)
    return {
        "ComplianceByConfigRules": [
            {"ConfigRuleName": _rule(call, name).config_rule_name,
             "Compliance": {"ComplianceType": "INSUFFICIENT_DATA"}}
            for name in names
        ]
    }


@operation("config", "DeleteConfigRule")
def delete_config_rule(call):
    """A rule is `DELETING` until its results are gone, and refuses everything meanwhile."""
    backend, name = call.backend("config"), call.params["ConfigRuleName"]
    rule = _rule(call, name)
    if rule.config_rule_state == "DELETING":
        raise fault("ResourceInUseException", f"The rule {name} is currently being deleted. Please retry after some time")
    rule.config_rule_state = "DELETING"

    def gone():
        if backend.config_rules.get(name) is rule:
            del backend.config_rules[name]
            call.table("config.rules").pop(name, None)

    CLOCK.after(CLOCK.typical(RULE, "delete"), gone)
    return {}


def recorders(call):
    """ARN and tags of the recorder, for what finds resources by their tags."""
    for name, recorder in _recorders(call).items():
        yield _arn(call, name), recorder["tags"]


def invalid(message):
    return fault("InvalidParameterValueException", message)


def _for_moto(given):
    """The rule as moto can keep it: it has no evaluation modes, and a rule that it knows stands for every policy."""
    rule = {key: value for key, value in given.items() if key != "EvaluationModes"}
    source = given["Source"]
    if source["Owner"] != "CUSTOM_POLICY":
        return {**rule, "Source": {key: value for key, value in source.items() if value}}
    if not source.get("CustomPolicyDetails"):
        raise invalid("CustomPolicyDetails should be provided if the owner is CUSTOM_POLICY")
    rule = {key: value for key, value in rule.items() if key not in ("InputParameters", "MaximumExecutionFrequency")}
    return {**rule, "Source": {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}}


def _check_function(call, arn):
    """moto looks for the function, not for the permission."""
    try:
        statements = call.backend("lambda").get_function(arn).policy.statements
    except Exception:  # moto raises several kinds
        statements = []
    allowed = [statement["Principal"].get("Service") for statement in statements if "Service" in statement["Principal"]]
    if "config.amazonaws.com" not in allowed:
        raise fault("InsufficientPermissionsException", f"The AWS Lambda function {arn} cannot be invoked. Check the "
                    "specified function ARN, and check the function's permissions.")


def _recorders(call):
    return call.table("config.recorders")


def _arn(call, name):
    return call.arn("config", f"configuration-recorder/{name}/{call.account[-8:]}")


def _rule(call, name):
    rule = call.backend("config").config_rules.get(name)
    if rule is None:
        raise fault("NoSuchConfigRuleException", f"The ConfigRule '{name}' provided in the request is invalid. Please "
                    "check the configRule name")
    return rule
