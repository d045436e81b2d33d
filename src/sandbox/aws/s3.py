"""Restores S3's buckets: configurations that read back as they were put, the defaults of new buckets, and refusals.

Each configuration is a part of the bucket that one request puts as a document and another gives back. moto parses some of
them with losses, gives some back under names that strict clients refuse, and knows others not at all.
"""

import json
import re
import threading
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from wire import fault, operation

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
# By the parameter of the query: the operations that put, get and delete the part, and the code of its absence. Without a
# code an absent part is an empty document of that name.
PARTS = {
    "accelerate": ("BucketAccelerateConfiguration", None, "AccelerateConfiguration"),
    "cors": ("BucketCors", "NoSuchCORSConfiguration", None),
    "encryption": ("BucketEncryption", "ServerSideEncryptionConfigurationNotFoundError", None),
    "lifecycle": ("BucketLifecycleConfiguration", "NoSuchLifecycleConfiguration", None),
    "logging": ("BucketLogging", None, "BucketLoggingStatus"),
    "notification": ("BucketNotificationConfiguration", None, "NotificationConfiguration"),
    "object-lock": ("ObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", None),
    "ownershipControls": ("BucketOwnershipControls", "OwnershipControlsNotFoundError", None),
    "publicAccessBlock": ("PublicAccessBlock", "NoSuchPublicAccessBlockConfiguration", None),
    "replication": ("BucketReplication", "ReplicationConfigurationNotFoundError", None),
    "versioning": ("BucketVersioning", None, "VersioningConfiguration"),
    "website": ("BucketWebsite", "NoSuchWebsiteConfiguration", None),
}
PART_OF = {f"{verb}{noun}": part for part, (noun, *_) in PARTS.items() for verb in ("Put", "Get", "Delete")}
PART_OF["DeleteBucketLifecycle"] = "lifecycle"
# moto needs to know of these, too: they change what it does with objects and events.
FORWARDED = {"accelerate", "cors", "encryption", "notification", "object-lock", "ownershipControls", "replication",
             "versioning"}
DEFAULTS = {
    "encryption": "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256"
    "</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
    "</ServerSideEncryptionConfiguration>",
    "publicAccessBlock": "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true"
    "</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>"
    "</PublicAccessBlockConfiguration>",
}
WRITING = threading.Lock()
NAME = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def _one_by_one(write):
    """The condition of a write is decided together with the write: of several writers at the same time one succeeds, and
    the others are refused with 412. moto looks first and writes later."""

    def locked(response):
        with WRITING:
            return write(response)

    return locked


# Objects have no hooks: moto finds their operations by itself.
S3Response.put_object = _one_by_one(S3Response.put_object)


@operation("s3", "CreateBucket")
def create_bucket(call):
    """Names have rules; tags come with the creation; a new bucket is encrypted, private and free of ACLs."""
    name, configuration = call.params["Bucket"], call.get("CreateBucketConfiguration", {})
    if not NAME.fullmatch(name):
        raise fault("InvalidBucketName", "The specified bucket is not valid.")
    owner = s3_backends.bucket_accounts.get(name)
    if owner and owner[1] != call.account:
        raise fault("BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by "
                    "all users of the system. Please select a different name and try again.")
    answer = call.forward()
    if owner:
        return answer
    bucket = _bucket(call)
    if configuration.get("Tags"):
        tags = {tag["Key"]: tag["Value"] for tag in configuration["Tags"]}
        call.backend("s3").put_bucket_tagging(name, tags)
    ownership = call.get("ObjectOwnership", "BucketOwnerEnforced")
    bucket.parts = {
        **{part: _document(text) for part, text in DEFAULTS.items()},
        "ownershipControls": _document(
            f"<OwnershipControls><Rule><ObjectOwnership>{escape(ownership)}</ObjectOwnership></Rule></OwnershipControls>"
        ),
    }
    if bucket.object_lock_enabled:
        bucket.parts["versioning"] = _document(
            "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        )
        bucket.parts["object-lock"] = _document(
            "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
        )
    return answer


@operation("s3", *(name for name in PART_OF if name.startswith("Put")))
def put_part(call):
    """What is put is given back as it is."""
    bucket, part = _bucket(call), PART_OF[call.name]
    _check(call, bucket, part)
    if part in FORWARDED:
        answer = call.forward()
    else:
        answer = 200, {}, ""
    _parts(bucket)[part] = call.body
    if part == "lifecycle":
        bucket.transition_minimum = call.get("TransitionDefaultMinimumObjectSize", "all_storage_classes_128K")
    return answer


@operation("s3", *(name for name in PART_OF if name.startswith("Get")))
def get_part(call):
    bucket, part = _bucket(call), PART_OF[call.name]
    document, (_, code, empty) = _parts(bucket).get(part), PARTS[part]
    if document is None and code:
        raise fault(code, f"The {part} configuration of the bucket does not exist.")
    headers = {"content-type": "application/xml"}
    if part == "lifecycle":
        headers["x-amz-transition-default-minimum-object-size"] = bucket.transition_minimum
    return 200, headers, document or _document(f"<{empty}/>")


@operation("s3", *(name for name in PART_OF if name.startswith("Delete")))
def delete_part(call):
    """A bucket is always encrypted: what is deleted there is the wish for another way."""
    bucket, part = _bucket(call), PART_OF[call.name]
    _parts(bucket).pop(part, None)
    if part == "encryption":
        _parts(bucket)[part] = _document(DEFAULTS[part])
    return call.forward() if part in FORWARDED else (204, {}, "")


@operation("s3", "PutBucketIntelligentTieringConfiguration")
def put_tiering(call):
    """Each is an object of its own; moto takes the request for the creation of the bucket."""
    _tierings(call)[call.params["Id"]] = call.body
    return 200, {}, ""


@operation("s3", "GetBucketIntelligentTieringConfiguration")
def get_tiering(call):
    return 200, {"content-type": "application/xml"}, _tiering(call)


@operation("s3", "DeleteBucketIntelligentTieringConfiguration")
def delete_tiering(call):
    """moto takes the request for the deletion of the bucket."""
    _tiering(call)
    del _tierings(call)[call.params["Id"]]
    return 204, {}, ""


@operation("s3", "ListBucketIntelligentTieringConfigurations")
def list_tierings(call):
    root = ElementTree.Element(f"{{{NAMESPACE}}}ListBucketIntelligentTieringConfigurationsOutput")
    ElementTree.SubElement(root, f"{{{NAMESPACE}}}IsTruncated").text = "false"
    root.extend(ElementTree.fromstring(document) for _, document in sorted(_tierings(call).items()))
    ElementTree.register_namespace("", NAMESPACE)
    return 200, {"content-type": "application/xml"}, HEADER.encode() + ElementTree.tostring(root)


@operation("s3", "PutBucketPolicy")
def put_bucket_policy(call):
    """A policy speaks of its own bucket alone."""
    bucket = _bucket(call)
    try:
        statements = json.loads(call.body)["Statement"]
    except (ValueError, KeyError, TypeError):
        raise fault("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'") from None
    for statement in statements if isinstance(statements, list) else [statements]:
        resources = statement.get("Resource", [])
        for resource in resources if isinstance(resources, list) else [resources]:
            if not re.fullmatch(f"arn:aws[a-z-]*:s3:::{re.escape(bucket.name)}(/.*)?", resource):
                raise fault("MalformedPolicy", "Policy has invalid resource")
    return call.forward()


def _check(call, bucket, part):
    """Refuses what refers to what is not there, or is not ready for it."""
    backend = call.backend("s3")
    if part == "logging":
        target = call.get("BucketLoggingStatus", {}).get("LoggingEnabled", {}).get("TargetBucket")
        held = backend.buckets.get(target)
        if target and (held is None or held.region_name != bucket.region_name):
            raise fault("InvalidTargetBucketForLogging", "The target bucket for logging does not exist")
    if part == "replication":
        for rule in call.params["ReplicationConfiguration"]["Rules"]:
            target = backend.buckets.get(rule["Destination"]["Bucket"].split(":")[-1])
            if target is None or not target.is_versioned:
                raise fault("InvalidRequest", "Destination bucket must have versioning enabled.")
            encrypted = rule.get("SourceSelectionCriteria", {}).get("SseKmsEncryptedObjects", {}).get("Status") == "Enabled"
            if encrypted and not rule["Destination"].get("EncryptionConfiguration", {}).get("ReplicaKmsKeyID"):
                raise fault("InvalidRequest", "ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present.")
            if "Filter" in rule and not {"DeleteMarkerReplication", "Priority"} <= set(rule):
                raise fault("InvalidRequest", "DeleteMarkerReplication and Priority must be specified for this version of "
                            "Cross Region Replication configuration schema.")
    if part == "versioning" and _parts(bucket).get("replication"):
        if call.params["VersioningConfiguration"].get("Status") == "Suspended":
            raise fault("InvalidBucketState", "A replication configuration is present on this bucket, so you cannot change "
                        "the versioning state.")
    if part == "object-lock" and not bucket.object_lock_enabled:
        raise fault("InvalidBucketState", "Object Lock configuration cannot be enabled on existing buckets")
    if part == "notification":
        _check_destinations(call)


def _check_destinations(call):
    """Queues, topics and functions must exist; AWS also tries whether they let the bucket in."""
    configuration = call.get("NotificationConfiguration", {})
    for member, name, service, known in (
        ("QueueConfigurations", "QueueArn", "sqs", lambda backend: [queue.queue_arn for queue in backend.queues.values()]),
        ("TopicConfigurations", "TopicArn", "sns", lambda backend: backend.topics),
    ):
        for entry in configuration.get(member, []):
            arn = entry[name]
            if arn not in known(call.backend(service, arn.split(":")[3])):
                raise fault("InvalidArgument", "Unable to validate the following destination configurations")


def _bucket(call):
    bucket = call.backend("s3").buckets.get(call.params["Bucket"])
    if bucket is None:
        raise fault("NoSuchBucket", "The specified bucket does not exist")
    return bucket


def _parts(bucket):
    if not hasattr(bucket, "parts"):
        bucket.parts = {}
    return bucket.parts


def _tierings(call):
    bucket = _bucket(call)
    if not hasattr(bucket, "tierings"):
        bucket.tierings = {}
    return bucket.tierings


def _tiering(call):
    document = _tierings(call).get(call.params["Id"])
    if document is None:
        raise fault("NoSuchConfiguration", "The specified configuration does not exist.")
    return document


def _document(text):
    """A document as S3 writes it: `text` in its namespace."""
    return (HEADER + re.sub(r"^<(\w+)", rf'<\1 xmlns="{NAMESPACE}"', text)).encode()
