"""Restores GuardDuty's detector: one of a region, its features with their defaults, its tags.

moto accepts a second one, forgets what features there are, and has no tags. This module serves all that a detector has,
filters excepted, which moto keeps.
"""

from moto.guardduty import urls
from moto.guardduty.responses import GuardDutyResponse

from wire import fault, now, operation

# moto routes only the operations that it has.
urls.url_paths = {"{0}/.*": GuardDutyResponse.dispatch}

# What a detector always looks at.
FOUNDATION = ("CLOUD_TRAIL", "DNS_LOGS", "FLOW_LOGS")
# Whether a feature is on in a fresh detector: all are, except for what watches run time.
FEATURES = {
    "S3_DATA_EVENTS": "ENABLED",
    "EKS_AUDIT_LOGS": "ENABLED",
    "EBS_MALWARE_PROTECTION": "ENABLED",
    "RDS_LOGIN_EVENTS": "ENABLED",
    "LAMBDA_NETWORK_LOGS": "ENABLED",
    "EKS_RUNTIME_MONITORING": "DISABLED",
    "RUNTIME_MONITORING": "DISABLED",
}
ADDITIONAL = {
    "EKS_RUNTIME_MONITORING": ("EKS_ADDON_MANAGEMENT",),
    "RUNTIME_MONITORING": ("EKS_ADDON_MANAGEMENT", "ECS_FARGATE_AGENT_MANAGEMENT", "EC2_AGENT_MANAGEMENT"),
}


@operation("guardduty", "CreateDetector")
def create_detector(call):
    backend = call.backend("guardduty")
    if backend.detectors:
        raise invalid("The request is rejected because a detector already exists for the current account.")
    settings = {name: {"status": status, "additional": {}} for name, status in FEATURES.items()}
    _apply(settings, call.get("Features", []))
    identity = backend.create_detector(
        call.params["Enable"], call.get("FindingPublishingFrequency", "SIX_HOURS"), {}, dict(call.get("Tags", {})), []
    )
    backend.detectors[identity].settings = settings
    return {"DetectorId": identity}


@operation("guardduty", "GetDetector")
def get_detector(call):
    detector, at = _find(call), now()
    foundation = [{"Name": name, "Status": "ENABLED", "UpdatedAt": at} for name in FOUNDATION]
    chosen = [
        {
            "Name": name,
            "Status": held["status"],
            "UpdatedAt": at,
            **({"AdditionalConfiguration": [
                {"Name": additional, "Status": held["additional"].get(additional, "DISABLED"), "UpdatedAt": at}
                for additional in ADDITIONAL[name]
            ]} if name in ADDITIONAL else {}),
        }
        for name, held in detector.settings.items()
    ]
    return {
        "CreatedAt": detector.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "UpdatedAt": detector.updated_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "FindingPublishingFrequency": detector.finding_publish_freq,
        "ServiceRole": detector.service_role,
        "Status": "ENABLED" if detector.enabled else "DISABLED",
        "Features": foundation + chosen,
        "Tags": detector.tags,
    }


@operation("guardduty", "UpdateDetector")
def update_detector(call):
    """Changes the features that are named, and only those."""
    detector = _find(call)
    _apply(detector.settings, call.get("Features", []))
    if call.get("Enable") is not None:
        detector.enabled = call.params["Enable"]
    if call.get("FindingPublishingFrequency"):
        detector.finding_publish_freq = call.params["FindingPublishingFrequency"]
    return {}


@operation("guardduty", "DeleteDetector")
def delete_detector(call):
    del call.backend("guardduty").detectors[_find(call).id]
    return {}


@operation("guardduty", "ListTagsForResource", "TagResource", "UntagResource")
def tags_of_detector(call):
    detector = _find(call, call.params["ResourceArn"].split("/")[-1])
    match call.name:
        case "ListTagsForResource":
            return {"Tags": detector.tags}
        case "TagResource":
            detector.tags.update(call.params["Tags"])
        case "UntagResource":
            for key in call.params["TagKeys"]:
                detector.tags.pop(key, None)
    return {}


def invalid(message):
    return fault("BadRequestException", message)


def _find(call, identity=None):
    detector = call.backend("guardduty").detectors.get(identity or call.params["DetectorId"])
    if detector is None:
        raise invalid("The request is rejected because the input detectorId is not owned by the current account.")
    return detector


def _apply(settings, features):
    for feature in features:
        name = feature["Name"]
        if name not in FEATURES:
            raise invalid(f"The request is rejected because the feature {name} is unknown.")
        held = settings[name]
        held["status"] = feature["Status"]
        for additional in feature.get("AdditionalConfiguration", []):
            held["additional"][additional["Name"]] = additional["Status"]
    both = ("EKS_RUNTIME_MONITORING", "RUNTIME_MONITORING")
    if all(settings[name]["status"] == "ENABLED" for name in both):
        raise invalid("The request is rejected because EKS_RUNTIME_MONITORING and RUNTIME_MONITORING exclude each other.")
