"""Restores what SNS keeps of topics and subscriptions that moto drops, and that endpoints outside AWS must confirm."""

import json

import references
from wire import fault, operation

CONFIRMED_BY_PERSONS = {"email", "email-json", "http", "https"}
# What moto's topics have no place for.
KEPT = [
    "ArchivePolicy", "FifoThroughputScope", "SignatureVersion", "TracingConfig",
    *(f"{protocol}{name}" for protocol in ("Application", "Firehose", "HTTP", "Lambda", "SQS")
      for name in ("FailureFeedbackRoleArn", "SuccessFeedbackRoleArn", "SuccessFeedbackSampleRate")),
]
KNOWN = [*KEPT, "ContentBasedDeduplication", "DeliveryPolicy", "DisplayName", "FifoTopic", "KmsMasterKeyId", "Policy"]
FIFO = ["ArchivePolicy", "ContentBasedDeduplication", "FifoThroughputScope", "FifoTopic"]


@operation("sns", "CreateTopic")
def create_topic(call):
    """Answers what is there already, unless it has other attributes or tags."""
    attributes, tags = dict(call.get("Attributes", {})), call.get("Tags", [])
    _check(call, attributes, attributes.get("FifoTopic") == "true")
    arn = call.arn("sns", call.params["Name"])
    known = call.backend("sns").topics.get(arn)
    if known:
        if {tag["Key"]: tag["Value"] for tag in tags} != known._tags and tags:
            raise invalid("Tags Reason: Topic already exists with different tags")
        if any(_shown(call, known).get(name) != value for name, value in attributes.items()):
            raise invalid("Attributes Reason: Topic already exists with different attributes")
        return {"TopicArn": arn}
    call.set("Attributes", {name: value for name, value in attributes.items() if name not in KEPT})
    answer = call.forward()
    kept = {name: value for name, value in attributes.items() if name in KEPT}
    call.table("sns.topics")[arn] = {"TracingConfig": "PassThrough", **kept}
    if call.get("DataProtectionPolicy"):
        call.table("sns.protection")[arn] = call.params["DataProtectionPolicy"]
    return answer


@operation("sns", "SetTopicAttributes")
def set_topic_attributes(call):
    topic, name, value = _topic(call), call.params["AttributeName"], call.get("AttributeValue", "")
    _check(call, {name: value}, topic.fifo_topic)
    if name not in KEPT:
        return call.forward()
    kept = call.table("sns.topics").setdefault(topic.arn, {})
    if value in ("", "{}"):
        kept.pop(name, None)
    else:
        kept[name] = value
    return {}


@operation("sns", "GetTopicAttributes")
def get_topic_attributes(call):
    return {"Attributes": _shown(call, _topic(call), call.proceed()["Attributes"])}


@operation("sns", "DeleteTopic")
def delete_topic(call):
    arn = call.params["TopicArn"]
    if call.table("sns.topics").get(arn, {}).get("ArchivePolicy"):
        raise fault("InvalidState", "You must deactivate the archive policy before you delete the topic.")
    answer = call.forward()
    call.table("sns.topics").pop(arn, None)
    call.table("sns.protection").pop(arn, None)
    return answer


@operation("sns", "GetDataProtectionPolicy")
def get_data_protection_policy(call):
    _topic(call, "ResourceArn")
    return {"DataProtectionPolicy": call.table("sns.protection").get(call.params["ResourceArn"], "")}


@operation("sns", "PutDataProtectionPolicy")
def put_data_protection_policy(call):
    _topic(call, "ResourceArn")
    _document("DataProtectionPolicy", call.params["DataProtectionPolicy"])
    call.table("sns.protection")[call.params["ResourceArn"]] = call.params["DataProtectionPolicy"]
    return {}


@operation("sns", "Subscribe")
def subscribe(call):
    """An e-mail address or a web endpoint must confirm; a repeated request answers what the first one made."""
    topic, protocol, attributes = _topic(call), call.params["Protocol"], call.get("Attributes", {})
    endpoint = call.get("Endpoint", "")
    for name in ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy"):
        if attributes.get(name):
            _document(name, attributes[name])
    if protocol in ("sqs", "lambda") and not endpoint.startswith(f"arn:aws:{protocol}:"):
        raise invalid(f"Endpoint Reason: Please use an ARN of {protocol}")
    known = call.backend("sns")._find_subscription(topic.arn, endpoint, protocol)
    if known and any(str(known.attributes.get(name)).lower() != value.lower() for name, value in attributes.items()):
        raise invalid("Attributes Reason: Subscription already exists with different attributes")
    replay = attributes.get("ReplayPolicy")
    call.set("Attributes", {name: value for name, value in attributes.items() if name != "ReplayPolicy"})
    arn = call.proceed()["SubscriptionArn"]
    subscription = call.backend("sns").subscriptions[arn]
    if replay:
        subscription.attributes["ReplayPolicy"] = replay
    if not known and protocol in CONFIRMED_BY_PERSONS:
        subscription.attributes.update(PendingConfirmation=True, ConfirmationWasAuthenticated=False)
    if _pending(subscription) and call.get("ReturnSubscriptionArn") not in (True, "true"):
        arn = "pending confirmation"
    return {"SubscriptionArn": arn}


@operation("sns", "ListSubscriptions", "ListSubscriptionsByTopic")
def list_subscriptions(call):
    """What is not confirmed has no ARN yet."""
    reply, known = call.proceed(), call.backend("sns").subscriptions
    for shown in reply.get("Subscriptions", []):
        if _pending(known[shown["SubscriptionArn"]]):
            shown["SubscriptionArn"] = "PendingConfirmation"
    return reply


@operation("sns", "SetSubscriptionAttributes")
def set_subscription_attributes(call):
    subscription, name = _subscription(call), call.params["AttributeName"]
    if name in ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy", "ReplayPolicy") and call.get("AttributeValue"):
        _document(name, call.params["AttributeValue"])
    if name == "ReplayPolicy":
        subscription.attributes[name] = call.get("AttributeValue", "")
        return {}
    return call.forward()


@operation("sns", "Unsubscribe")
def unsubscribe(call):
    subscription = _subscription(call)
    if _pending(subscription):
        raise invalid("SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation")
    return call.forward()


def invalid(reason):
    return fault("InvalidParameter", f"Invalid parameter: {reason}")


def _topic(call, member="TopicArn"):
    topic = call.backend("sns").topics.get(call.params[member])
    if topic is None:
        raise fault("NotFound", "Topic does not exist")
    return topic


def _subscription(call):
    subscription = call.backend("sns").subscriptions.get(call.params["SubscriptionArn"])
    if subscription is None:
        raise fault("NotFound", "Subscription does not exist")
    return subscription


def _pending(subscription):
    return subscription.attributes.get("PendingConfirmation") is True


def _check(call, attributes, fifo):
    for name, value in attributes.items():
        if name not in KNOWN or (name in FIFO and not fifo):
            raise invalid("AttributeName")
        if name in ("Policy", "ArchivePolicy", "DeliveryPolicy") and value:
            _document(name, value)
        if name == "KmsMasterKeyId" and value:
            references.key(call, value, fault("KMSNotFound", f"Invalid keyId {value}"))


def _document(name, text):
    try:
        if isinstance(json.loads(text), dict):
            return
    except ValueError:
        pass
    raise invalid(f"{name}: failed to parse JSON")


def _shown(call, topic, attributes=None):
    """The attributes of a topic; those that are empty are not shown, except its name."""
    shown = dict(attributes or {"DisplayName": topic.display_name, "KmsMasterKeyId": topic.kms_master_key_id})
    if attributes is None and topic.fifo_topic:
        shown.update(FifoTopic="true", ContentBasedDeduplication=str(topic.content_based_deduplication).lower())
    shown.update(call.table("sns.topics").get(topic.arn, {}))
    mine = [it for it in call.backend("sns").subscriptions.values() if it.topic_arn == topic.arn]
    pending = sum(map(_pending, mine))
    shown.update(SubscriptionsPending=str(pending), SubscriptionsConfirmed=str(len(mine) - pending))
    return {name: value for name, value in shown.items() if value != "" or name == "DisplayName"}
