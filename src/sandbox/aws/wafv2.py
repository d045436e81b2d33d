"""Restores WAF: capacity, associations with resources that exist, the refusal to delete what is in use, logging."""

import ipaddress
import json

from wire import fault, operation

# Web ACL capacity units of the AWS managed rule groups, as their documentation lists them.
MANAGED_GROUPS = {
    "AWSManagedRulesACFPRuleSet": 50,
    "AWSManagedRulesATPRuleSet": 50,
    "AWSManagedRulesAdminProtectionRuleSet": 100,
    "AWSManagedRulesAmazonIpReputationList": 25,
    "AWSManagedRulesAnonymousIpList": 50,
    "AWSManagedRulesBotControlRuleSet": 50,
    "AWSManagedRulesCommonRuleSet": 700,
    "AWSManagedRulesKnownBadInputsRuleSet": 200,
    "AWSManagedRulesLinuxRuleSet": 200,
    "AWSManagedRulesPHPRuleSet": 100,
    "AWSManagedRulesSQLiRuleSet": 200,
    "AWSManagedRulesUnixRuleSet": 100,
    "AWSManagedRulesWindowsRuleSet": 200,
    "AWSManagedRulesWordPressRuleSet": 100,
}
STATEMENTS = {"SqliMatchStatement": 20, "XssMatchStatement": 40, "ByteMatchStatement": 10, "RegexMatchStatement": 3,
              "RegexPatternSetReferenceStatement": 25, "RateBasedStatement": 2}


@operation("wafv2", "CreateWebACL", "UpdateWebACL", "CreateRuleGroup", "CreateIPSet", "CreateRegexPatternSet")
def check_scope(call):
    """What protects CloudFront lives in us-east-1; a duplicate has WAF's own code."""
    _check_region(call)
    names = [known.name for known in _backend(call).ip_sets.values()] if call.name == "CreateIPSet" else []
    if call.get("Name") in names:
        raise fault("WAFDuplicateItemException", "AWS WAF couldn't perform the operation because some resource in your "
                    "request is a duplicate of an existing one.")
    for rule in call.get("Rules", []):
        _check_rule(rule)
    try:
        reply = call.proceed()
    except Exception as error:
        if getattr(error, "error_type", None) == "WafV2DuplicateItem":
            raise fault("WAFDuplicateItemException", error.message) from None
        raise
    if "WebACL" in call.name:
        _find(call, call.params["Name"], reply.get("Summary", {}).get("Id") or call.get("Id")).capacity = sum(
            _units(rule["Statement"]) for rule in call.get("Rules", [])
        )
    return reply


@operation("wafv2", "ListWebACLs", "ListIPSets", "ListRuleGroups", "ListRegexPatternSets")
def list_of_scope(call):
    _check_region(call)
    return call.forward()


@operation("wafv2", "GetIPSet")
def get_ip_set(call):
    """IPv6 ranges come back with all their zeros."""
    reply = call.proceed()
    reply["IPSet"]["Addresses"] = [
        ipaddress.ip_network(address, strict=False).exploded for address in reply["IPSet"]["Addresses"]
    ]
    return reply


@operation("wafv2", "DeleteIPSet")
def delete_ip_set(call):
    """Refused while a rule refers to it."""
    backend = _backend(call)
    for arn, known in backend.ip_sets.items():
        used = any(arn in json.dumps(acl.to_dict()) for acl in backend.wacls.values())
        if used and (known.name, known.ip_set_id) == (call.params["Name"], call.params["Id"]):
            raise _in_use()
    return call.forward()


@operation("wafv2", "PutLoggingConfiguration")
def put_logging_configuration(call):
    """Of a web ACL that exists, to one destination whose name says what it is for."""
    configuration = call.params["LoggingConfiguration"]
    arn, destinations = configuration["ResourceArn"], configuration["LogDestinationConfigs"]
    region = "global" if ":global/" in arn else call.region
    if arn not in call.backend("wafv2", region).wacls:
        raise _missing()
    if len(destinations) != 1:
        raise fault("WAFLimitsExceededException", "AWS WAF couldn't perform the operation because you exceeded your "
                    "resource limit.")
    if not destinations[0].split(":")[-1].split("/")[-1].startswith("aws-waf-logs-"):
        raise fault("WAFInvalidParameterException", "Error reason: The ARN isn't valid. A valid ARN begins with arn: and "
                    "includes other information separated by colons or slashes., field: LOG_DESTINATION, parameter: "
                    f"{destinations[0]}")
    return call.forward()


@operation("wafv2", "ListLoggingConfigurations")
def list_logging_configurations(call):
    """Those of one scope: moto finds none of CloudFront's."""
    _check_region(call)
    part = ":global/" if call.params["Scope"] == "CLOUDFRONT" else ":regional/"
    known = call.backend("wafv2").logging_configurations.values()
    shown = [configuration.to_dict() for configuration in known if part in configuration.arn]
    return {
        "LoggingConfigurations": [
            {member: value for member, value in configuration.items() if value is not None} for configuration in shown
        ]
    }


@operation("wafv2", "DeleteWebACL")
def delete_web_acl(call):
    acl = _find(call, call.params["Name"], call.params["Id"])
    if acl and acl.associated_resources:
        raise _in_use()
    return call.forward()


@operation("wafv2", "AssociateWebACL")
def associate_web_acl(call):
    """A resource has one web ACL: a new one takes the place of the old one. A load balancer must be there and active."""
    arn = call.params["ResourceArn"]
    if ":loadbalancer/" in arn:
        balancer = call.backend("elbv2").load_balancers.get(arn)
        if balancer is None:
            raise _missing()
        if balancer.state != "active":
            raise fault("WAFUnavailableEntityException", "AWS WAF couldn't retrieve the resource that you requested. "
                        "Retry your request.")
    backend = call.backend("wafv2")
    if call.params["WebACLArn"] not in backend.wacls:
        raise _missing()
    for acl in backend.wacls.values():
        acl.associated_resources = [held for held in acl.associated_resources if held != arn]
    return call.forward()


@operation("wafv2", "GetWebACLForResource")
def get_web_acl_for_resource(call):
    return call.proceed()


@operation("wafv2", "ListResourcesForWebACL")
def list_resources_for_web_acl(call):
    acl = call.backend("wafv2").wacls.get(call.params["WebACLArn"])
    if acl is None:
        raise _missing()
    wanted = {"APPLICATION_LOAD_BALANCER": ":loadbalancer/app/", "API_GATEWAY": ":apigateway:", "APPSYNC": ":appsync:",
              "COGNITO_USER_POOL": ":cognito-idp:", "APP_RUNNER_SERVICE": ":apprunner:",
              "VERIFIED_ACCESS_INSTANCE": ":verified-access-instance/", "AMPLIFY": ":amplify:"}
    part = wanted[call.get("ResourceType", "APPLICATION_LOAD_BALANCER")]
    return {"ResourceArns": [arn for arn in acl.associated_resources if part in arn]}


@operation("wafv2", "CheckCapacity")
def check_capacity(call):
    return {"Capacity": sum(_units(rule["Statement"]) for rule in call.get("Rules", []))}


@operation("wafv2", "ListAvailableManagedRuleGroups")
def list_available_managed_rule_groups(call):
    groups = [{"VendorName": "AWS", "Name": name, "VersioningSupported": False} for name in MANAGED_GROUPS]
    return {"ManagedRuleGroups": groups}


def _check_region(call):
    if call.get("Scope") == "CLOUDFRONT" and call.region != "us-east-1":
        raise fault("WAFInvalidParameterException", "Error reason: The scope is not valid., field: SCOPE_VALUE, "
                    "parameter: CLOUDFRONT")


def _backend(call):
    """moto keeps what protects CloudFront in a region of its own."""
    return call.backend("wafv2", "global" if call.get("Scope") == "CLOUDFRONT" else call.region)


def _in_use():
    return fault("WAFAssociatedItemException", "AWS WAF couldn't perform the operation because your resource is being used "
                 "by another resource or it's associated with another resource.")


def _find(call, name, identity):
    for acl in _backend(call).wacls.values():
        if acl.name == name and acl.id == identity:
            return acl
    return None


def _missing():
    return fault("WAFNonexistentItemException", "AWS WAF couldn't perform the operation because your resource doesn't "
                 "exist.")


def _check_rule(rule):
    group = rule["Statement"].get("ManagedRuleGroupStatement")
    if group and group["VendorName"] == "AWS" and group["Name"] not in MANAGED_GROUPS:
        raise fault("WAFNonexistentItemException", f"AWS WAF couldn't find the managed rule group {group['Name']}.")
    if ("OverrideAction" in rule) != bool({"ManagedRuleGroupStatement", "RuleGroupReferenceStatement"}
                                          & set(rule["Statement"])):
        raise fault("WAFInvalidParameterException", "Error reason: You have used none or multiple values for a field "
                    "that requires exactly one value., field: RULE, parameter: Rule")


def _units(statement):
    """The capacity of a statement: that of its own kind and of what it holds."""
    total = 0
    for kind, body in statement.items():
        if kind == "ManagedRuleGroupStatement":
            total += MANAGED_GROUPS.get(body["Name"], 100)
        else:
            total += STATEMENTS.get(kind, 1)
        inner = [body["Statement"]] if body.get("Statement") else []
        inner += [body["ScopeDownStatement"]] if body.get("ScopeDownStatement") else []
        total += sum(_units(held) for held in (*inner, *body.get("Statements", [])))
    return total
