"""Restores CloudTrail: names that are taken, destinations that are checked, selectors that replace each other."""

import json

import references
from wire import fault, operation

# Of a region.
TRAILS_MAX = 5
DEFAULT_SELECTOR = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


@operation("cloudtrail", "CreateTrail")
def create_trail(call):
    backend, name = call.backend("cloudtrail"), call.params["Name"]
    if name in backend.trails:
        raise fault("TrailAlreadyExistsException", f"Trail {name} already exists for customer: {call.account}")
    if len(backend.trails) >= TRAILS_MAX:
        raise fault("MaximumNumberOfTrailsExceededException", f"User: {call.account} already has {TRAILS_MAX} trails "
                    f"in {call.region}.")
    _check_destinations(call)
    reply = call.proceed()
    return {**reply, "KmsKeyId": backend.trails[name].kms_key_id}


@operation("cloudtrail", "UpdateTrail")
def update_trail(call):
    trail = _find(call, call.params["Name"])
    call.set("Name", trail.trail_name)
    _check_destinations(call, trail)
    return call.forward()


@operation("cloudtrail", "DescribeTrails")
def describe_trails(call):
    """Those that are asked for by name or ARN, and whether they have selectors of their own."""
    reply = call.proceed()
    wanted = call.get("trailNameList") or []
    if wanted:
        reply["trailList"] = [
            trail for trail in reply["trailList"]
            if trail["TrailARN"] in wanted or (trail["Name"] in wanted and trail["HomeRegion"] == call.region)
        ]
    for shown in reply["trailList"]:
        trail = call.backend("cloudtrail", shown["HomeRegion"]).trails[shown["Name"]]
        shown["HasCustomEventSelectors"] = bool(trail.event_selectors or trail.advanced_event_selectors)
        shown["HasInsightSelectors"] = bool(trail.insight_selectors)
    return reply


@operation("cloudtrail", "StartLogging", "StopLogging", "DeleteTrail")
def use_trail(call):
    """Takes an ARN as well as a name, and refuses a trail that is not there."""
    trail = _find(call, call.params["Name"])
    call.set("Name", trail.trail_name)
    answer = call.forward()
    if call.name == "DeleteTrail":
        call.backend("cloudtrail").tagging_service.delete_all_tags_for_resource(trail.arn)
    return answer


@operation("cloudtrail", "PutEventSelectors")
def put_event_selectors(call):
    """One sort of selectors takes the place of the other."""
    trail = _find(call, call.params["TrailName"])
    basic, advanced = call.get("EventSelectors"), call.get("AdvancedEventSelectors")
    if bool(basic) == bool(advanced):
        raise fault("InvalidEventSelectorsException", "Specify either EventSelectors or AdvancedEventSelectors.")
    trail.event_selectors = [{**DEFAULT_SELECTOR, **selector} for selector in basic or []]
    trail.advanced_event_selectors = advanced or []
    return _selectors(trail)


@operation("cloudtrail", "GetEventSelectors")
def get_event_selectors(call):
    """A trail that was given none has CloudTrail's default."""
    return _selectors(_find(call, call.params["TrailName"]))


@operation("cloudtrail", "PutInsightSelectors")
def put_insight_selectors(call):
    """They replace the former ones; an empty list switches them off."""
    trail = _find(call, call.params["TrailName"])
    trail.insight_selectors = [{"EventCategories": ["Management"], **it} for it in call.params["InsightSelectors"]]
    return {"TrailARN": trail.arn, "InsightSelectors": trail.insight_selectors}


@operation("cloudtrail", "GetInsightSelectors")
def get_insight_selectors(call):
    trail = _find(call, call.params["TrailName"])
    if not trail.insight_selectors:
        raise fault("InsightNotEnabledException", f"Trail {trail.arn} does not have Insights enabled.")
    return {"TrailARN": trail.arn, "InsightSelectors": trail.insight_selectors}


@operation("cloudtrail", "AddTags", "RemoveTags", "ListTags")
def tag_trail(call):
    for arn in call.get("ResourceIdList") or [call.get("ResourceId")]:
        if _known(call, arn) is None:
            raise fault("ResourceNotFoundException", f"The resource {arn} does not exist.")
    if call.name != "RemoveTags":
        return call.forward()
    # A tag is removed by its key; moto compares values, too.
    keys = [tag["Key"] for tag in call.params["TagsList"]]
    call.backend("cloudtrail").tagging_service.untag_resource_using_names(call.params["ResourceId"], keys)
    return {}


def _known(call, name):
    trails = call.backend("cloudtrail").trails
    return trails.get(name) or next((trail for trail in trails.values() if trail.arn == name), None)


def _find(call, name):
    trail = _known(call, name)
    if trail is None:
        raise fault("TrailNotFoundException", f"Unknown trail: {name} for the user: {call.account}")
    return trail


def _selectors(trail):
    basic = trail.event_selectors or ([] if trail.advanced_event_selectors else [DEFAULT_SELECTOR])
    return {"TrailARN": trail.arn, **({"EventSelectors": basic} if basic else {}),
            **({"AdvancedEventSelectors": trail.advanced_event_selectors} if trail.advanced_event_selectors else {})}


def _check_destinations(call, trail=None):
    """CloudTrail tries whether it may write before it takes a bucket, a topic, a key or a log group."""
    bucket = call.get("S3BucketName")
    if bucket:
        _check_bucket(call, bucket)
    topic = call.get("SnsTopicName")
    if topic:
        # moto takes the name only.
        call.set("SnsTopicName", topic.split(":")[-1])
    key = call.get("KmsKeyId")
    if key:
        found = references.key(call, key, fault("KmsKeyNotFoundException", f"KMS key {key} was not found."))
        call.set("KmsKeyId", found.arn if found else key)
    group = call.get("CloudWatchLogsLogGroupArn", trail and trail.cw_log_group_arn)
    role = call.get("CloudWatchLogsRoleArn", trail and trail.cw_role_arn)
    if group and not role:
        raise fault("InvalidCloudWatchLogsRoleArnException", "You must specify a role ARN as well as a log group.")
    if role and not group:
        raise fault("InvalidCloudWatchLogsLogGroupArnException", "You must specify a log group as well as a role ARN.")
    if group:
        name = group.split(":log-group:")[-1].removesuffix(":*")
        if not group.endswith(":*") or name not in call.backend("logs").groups:
            raise fault("InvalidCloudWatchLogsLogGroupArnException", "CloudTrail cannot validate the specified log "
                        "group ARN.")
        references.role(call, role, fault("InvalidCloudWatchLogsRoleArnException", "Access denied. Check the trust "
                                          "relationships for your role."))


def _check_bucket(call, name):
    bucket = call.backend("s3").buckets.get(name)
    if bucket is None:
        raise fault("S3BucketDoesNotExistException", f"S3 bucket {name} does not exist!")
    statements = json.loads(bucket.policy or "{}").get("Statement", [])
    allowed = any(
        statement["Effect"] == "Allow"
        and "cloudtrail.amazonaws.com" in _list(_member(statement.get("Principal"), "Service"))
        and {"s3:PutObject", "s3:*", "*"} & set(_list(statement.get("Action")))
        for statement in _list(statements)
    )
    if not allowed:
        raise fault("InsufficientS3BucketPolicyException", f"Incorrect S3 bucket policy is detected for bucket: {name}")


def _member(value, name):
    return value.get(name) if isinstance(value, dict) else value


def _list(value):
    return value if isinstance(value, list) else [] if value is None else [value]
