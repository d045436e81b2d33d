"""Restores CloudWatch: alarms with all that they were given, dashboards that are the same in all regions."""

import json

from wire import fault, now, operation, page, tag_list, tag_map

# Exactly one of these says what an alarm watches.
WATCHED = ("MetricName", "Metrics", "EvaluationCriteria")
# Given with `Metrics`, these are refused: each metric has its own.
OF_ONE_METRIC = ("Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
LISTS = ("OKActions", "AlarmActions", "InsufficientDataActions", "Dimensions", "Metrics")
# What of an alarm nobody gives.
STATE = ("AlarmArn", "AlarmConfigurationUpdatedTimestamp", "StateValue", "StateReason", "StateReasonData",
         "StateUpdatedTimestamp")


@operation("cloudwatch", "PutMetricAlarm")
def put_metric_alarm(call):
    """An alarm begins without data; an update leaves its state as it is and ignores tags."""
    given = dict(call.params)
    _check_alarm(given)
    backend, name = call.backend("cloudwatch"), given["AlarmName"]
    before = backend.alarms.get(name)
    if before:
        call.drop("Tags")
    # moto knows percentiles only.
    call.drop("ExtendedStatistic")
    answer = call.forward()
    alarm = backend.alarms[name]
    if before:
        for member in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
            setattr(alarm, member, getattr(before, member))
    else:
        alarm.state_value = "OK" if "EvaluationCriteria" in given else "INSUFFICIENT_DATA"
    given.pop("Tags", None)
    _settings(call)[name] = given
    return answer


@operation("cloudwatch", "DescribeAlarms")
def describe_alarms(call):
    """Every setting as it was given, where moto loses some; pages; metric alarms only, if nothing else is asked for."""
    reply = call.proceed()
    types = call.get("AlarmTypes", ["MetricAlarm"])
    alarms = [_shown(call, alarm) for alarm in reply["MetricAlarms"]] if "MetricAlarm" in types else []
    reply["MetricAlarms"], token = page(call, alarms, "MaxRecords", "NextToken")
    if "CompositeAlarm" not in types:
        reply["CompositeAlarms"] = []
    if token:
        reply["NextToken"] = token
    return reply


@operation("cloudwatch", "DeleteAlarms")
def delete_alarms(call):
    """What is there is deleted with its tags, also when another name is refused."""
    backend, names = call.backend("cloudwatch"), call.params["AlarmNames"]
    missing = [name for name in names if name not in backend.alarms]
    for name in names:
        alarm = backend.alarms.pop(name, None)
        _settings(call).pop(name, None)
        if alarm:
            backend.tagger.delete_all_tags_for_resource(alarm.alarm_arn)
    if missing:
        raise fault("ResourceNotFound", f"Alarm {missing[0]} does not exist")
    return {}


@operation("cloudwatch", "EnableAlarmActions", "DisableAlarmActions")
def switch_alarm_actions(call):
    for name in call.params["AlarmNames"]:
        if name in _settings(call):
            _settings(call)[name]["ActionsEnabled"] = call.name == "EnableAlarmActions"
    return {}


@operation("cloudwatch", "PutDashboard")
def put_dashboard(call):
    """Dashboards belong to the account, not to a region; tags are taken at the creation only."""
    name, body = call.params["DashboardName"], call.params["DashboardBody"]
    try:
        valid = isinstance(json.loads(body), dict)
    except ValueError:
        valid = False
    if not valid:
        raise fault("InvalidParameterInput", "The field DashboardBody must be a valid JSON object")
    before = _dashboards(call).get(name)
    tags = before["tags"] if before else tag_map(call.get("Tags"))
    _dashboards(call)[name] = {"body": body, "changed": now(), "tags": tags}
    return {"DashboardValidationMessages": []}


@operation("cloudwatch", "GetDashboard")
def get_dashboard(call):
    name = call.params["DashboardName"]
    if name not in _dashboards(call):
        raise fault("ResourceNotFound", f"Dashboard {name} does not exist")
    return {"DashboardArn": _dashboard_arn(call, name), "DashboardBody": _dashboards(call)[name]["body"],
            "DashboardName": name}


@operation("cloudwatch", "ListDashboards")
def list_dashboards(call):
    entries = [
        {"DashboardName": name, "DashboardArn": _dashboard_arn(call, name), "LastModified": dashboard["changed"],
         "Size": len(dashboard["body"])}
        for name, dashboard in sorted(_dashboards(call).items())
        if name.startswith(call.get("DashboardNamePrefix", ""))
    ]
    entries, token = page(call, entries, token="NextToken", size=1000)
    return {"DashboardEntries": entries, **({"NextToken": token} if token else {})}


@operation("cloudwatch", "DeleteDashboards")
def delete_dashboards(call):
    missing = [name for name in call.params["DashboardNames"] if _dashboards(call).pop(name, None) is None]
    if missing:
        raise fault("ResourceNotFound", f"Dashboard {missing[0]} does not exist")
    return {}


@operation("cloudwatch", "ListTagsForResource", "TagResource", "UntagResource")
def tags_of_dashboard(call):
    if ":dashboard/" not in call.params["ResourceARN"]:
        return call.forward()
    dashboard = _dashboards(call).get(call.params["ResourceARN"].split(":dashboard/")[1])
    if dashboard is None:
        raise fault("ResourceNotFoundException", "Unknown")
    match call.name:
        case "ListTagsForResource":
            return {"Tags": tag_list(dashboard["tags"])}
        case "TagResource":
            dashboard["tags"].update(tag_map(call.params["Tags"]))
        case "UntagResource":
            for key in call.params["TagKeys"]:
                dashboard["tags"].pop(key, None)
    return {}


def _settings(call):
    return call.table("cloudwatch.alarms")


def _shown(call, alarm):
    given = _settings(call).get(alarm["AlarmName"])
    if given is None:
        return alarm
    shown = {name: alarm[name] for name in STATE if name in alarm}
    shown.update({"ActionsEnabled": True, **{name: [] for name in LISTS}, **given})
    shown["Metrics"] = [{"ReturnData": True, **query} for query in shown["Metrics"]]
    return shown


def _dashboards(call):
    return call.table("cloudwatch.dashboards", "aws")


def _dashboard_arn(call, name):
    return call.arn("cloudwatch", f"dashboard/{name}", region="")


def _check_alarm(given):
    watched = [name for name in WATCHED if given.get(name)]
    if len(watched) != 1:
        raise invalid("Exactly one of MetricName, Metrics and EvaluationCriteria must be specified")
    if watched != ["MetricName"] and any(given.get(name) for name in OF_ONE_METRIC):
        raise invalid(f"{', '.join(OF_ONE_METRIC)} must not be set with {watched[0]}")
    if watched == ["MetricName"] and bool(given.get("Statistic")) == bool(given.get("ExtendedStatistic")):
        raise invalid("Either Statistic or ExtendedStatistic must be specified")
    if watched == ["Metrics"]:
        band, ids = given.get("ThresholdMetricId"), [query["Id"] for query in given["Metrics"]]
        if band and band not in ids:
            raise invalid(f"ThresholdMetricId {band} is not the id of a metric")
        returned = [query["Id"] for query in given["Metrics"] if query.get("ReturnData", True) and query["Id"] != band]
        if len(returned) != 1:
            raise invalid("Exactly one element of the metrics list should return data")
    if ("Threshold" in given) == ("ThresholdMetricId" in given) and watched != ["EvaluationCriteria"]:
        raise invalid("Either Threshold or ThresholdMetricId must be specified")
    if watched == ["EvaluationCriteria"] and not given.get("EvaluationInterval"):
        raise invalid("EvaluationInterval is required with EvaluationCriteria")


def invalid(message):
    return fault("ValidationError", message)
