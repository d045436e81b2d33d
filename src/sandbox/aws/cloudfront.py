"""Restores CloudFront: configurations in full, ETags that guard them, deployments that take time, and refusals.

moto keeps a part of a distribution only, and knows no cache policies at all.
"""

import copy

from moto.cloudfront import urls
from moto.cloudfront.models import random_id
from moto.cloudfront.responses import CloudFrontResponse

from clock import CLOCK
from wire import fault, now, operation, tag_list

# moto routes only the operations that it has; the others are web pages with status 404.
urls.url_paths = {"{0}/2020-05-31/(?P<rest>.+)$": CloudFrontResponse.dispatch}

KIND = "AWS::CloudFront::Distribution"
# AWS's own policies, by their documented ids.
MANAGED_CACHE = {
    "658327ea-f89d-4fab-a63d-7e88639e58f6": "Managed-CachingOptimized",
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d": "Managed-CachingOptimizedForUncompressedObjects",
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "Managed-CachingDisabled",
    "08627262-05a9-4f76-9ded-b50ca2e3a84f": "Managed-Elemental-MediaPackage",
    "2e54312d-136d-493c-8eb9-b001f22f67d2": "Managed-Amplify",
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65": "UseOriginCacheControlHeaders",
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe": "UseOriginCacheControlHeaders-QueryStrings",
}
MANAGED_ORIGIN_REQUEST = {
    "216adef6-5c7f-47e4-b989-5492eafa07d3", "b689b0a8-53d0-40ab-baf2-68738e2966ac",
    "59781a5b-3903-41f3-afcb-af62929ccde1", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf",
    "775133bc-15f2-49f9-abea-afb2e0bf67d2", "acba4595-bd28-49b8-b9fe-13317c0390fa",
    "33f36d7e-f396-46d9-90e0-52428a34d9dc", "bf0718e1-ba1e-49d1-88b1-f726733018ae",
}
MANAGED_RESPONSE_HEADERS = {
    "60669652-455b-4ae9-85a4-c4c02393f86c", "67f7725c-6f97-4210-82d7-5512b31e9d03",
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd", "e61eb60c-9c35-4d20-a928-2b84e02af89c",
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63",
}


class Distribution:
    """What moto's other operations want of a distribution (`id`, `arn`, `location`), and its documents."""

    def __init__(self, call, config):
        self.id = random_id()
        self.arn = call.arn("cloudfront", f"distribution/{self.id}", region="")
        self.location = f"https://cloudfront.amazonaws.com/2020-05-31/distribution/{self.id}"
        self.domain_name = f"{random_id(uppercase=False)}.cloudfront.net"
        self.asked = copy.deepcopy(config)
        self.deploy(config, "create")

    def deploy(self, config, phase):
        self.config, self.etag, self.changed = config, random_id(), now()
        self.status = "InProgress"
        version = self.etag

        def deployed():
            if self.etag == version:
                self.status = "Deployed"

        CLOCK.after(CLOCK.typical(KIND, phase), deployed)

    def document(self):
        none = {"Enabled": False, "Quantity": 0}
        return {
            "Id": self.id, "ARN": self.arn, "Status": self.status, "LastModifiedTime": self.changed,
            "InProgressInvalidationBatches": 0, "DomainName": self.domain_name, "ActiveTrustedSigners": none,
            "ActiveTrustedKeyGroups": none, "DistributionConfig": self.config,
        }

    def summary(self):
        untold = ("CallerReference", "DefaultRootObject", "Logging", "ContinuousDeploymentPolicyId")
        told = {name: value for name, value in self.config.items() if name not in untold}
        return {
            "Id": self.id, "ARN": self.arn, "ETag": self.etag, "Status": self.status, "LastModifiedTime": self.changed,
            "DomainName": self.domain_name, **told,
        }


@operation("cloudfront", "CreateDistribution", "CreateDistributionWithTags")
def create_distribution(call):
    """A caller reference makes one distribution."""
    asked = call.get("DistributionConfigWithTags") or {"DistributionConfig": call.get("DistributionConfig")}
    config, distributions = asked["DistributionConfig"], call.backend("cloudfront").distributions
    for held in distributions.values():
        if held.config["CallerReference"] == config["CallerReference"]:
            raise fault("DistributionAlreadyExists", "The caller reference that you are using to create a distribution is "
                        f"associated with another distribution. Already exists: {held.id}")
    _check(call, config, None)
    distribution = Distribution(call, _complete(config))
    distributions[distribution.id] = distribution
    tags = asked.get("Tags", {}).get("Items", [])
    call.backend("cloudfront").tagger.tag_resource(distribution.arn, tags)
    return {"Distribution": distribution.document(), "ETag": distribution.etag, "Location": distribution.location}


@operation("cloudfront", "GetDistribution")
def get_distribution(call):
    distribution = _distribution(call)
    return {"Distribution": distribution.document(), "ETag": distribution.etag}


@operation("cloudfront", "GetDistributionConfig")
def get_distribution_config(call):
    distribution = _distribution(call)
    return {"DistributionConfig": distribution.config, "ETag": distribution.etag}


@operation("cloudfront", "ListDistributions")
def list_distributions(call):
    """Summaries, a page at a time."""
    page = _page(call, list(call.backend("cloudfront").distributions.values()))
    return {"DistributionList": {**page, "Items": [distribution.summary() for distribution in page["Items"]]}}


@operation("cloudfront", "UpdateDistribution")
def update_distribution(call):
    """Replaces the configuration as a whole, if it is still the one that was read; then it is deployed anew."""
    distribution, config = _distribution(call), call.params["DistributionConfig"]
    _check_etag(call, distribution.etag)
    if config["CallerReference"] != distribution.config["CallerReference"]:
        raise fault("IllegalUpdate", "The update contains modifications that are not allowed.")
    _check(call, config, distribution)
    distribution.deploy(_complete(config), "update")
    return {"Distribution": distribution.document(), "ETag": distribution.etag}


@operation("cloudfront", "DeleteDistribution")
def delete_distribution(call):
    """Only what is disabled, everywhere, can be deleted."""
    distribution = _distribution(call)
    _check_etag(call, distribution.etag)
    if distribution.config["Enabled"] or distribution.status != "Deployed":
        raise fault("DistributionNotDisabled", "The distribution you are trying to delete has not been disabled.")
    del call.backend("cloudfront").distributions[distribution.id]
    return {}


@operation("cloudfront", "ListTagsForResource", "TagResource", "UntagResource")
def tags_of_resource(call):
    if all(held.arn != call.params["Resource"] for held in call.backend("cloudfront").distributions.values()):
        raise fault("NoSuchResource", "The specified resource does not exist.")
    if call.name != "ListTagsForResource":
        return call.forward()
    tags = call.backend("cloudfront").tagger.get_tag_dict_for_resource(call.params["Resource"])
    return {"Tags": {"Items": tag_list(tags)}}


@operation("cloudfront", "CreateOriginAccessControl")
def create_origin_access_control(call):
    name = call.params["OriginAccessControlConfig"]["Name"]
    _check_control_name(call, name, None)
    return call.forward()


@operation("cloudfront", "UpdateOriginAccessControl")
def update_origin_access_control(call):
    control = _control(call)
    _check_etag(call, control.etag)
    _check_control_name(call, call.params["OriginAccessControlConfig"]["Name"], control)
    reply = call.proceed()
    control.etag = random_id()
    return {**reply, "ETag": control.etag}


@operation("cloudfront", "GetOriginAccessControlConfig")
def get_origin_access_control_config(call):
    control = _control(call)
    config = {
        "Name": control.name, "Description": control.description, "SigningProtocol": control.signing_protocol,
        "SigningBehavior": control.signing_behavior, "OriginAccessControlOriginType": control.origin_type,
    }
    return {"OriginAccessControlConfig": config, "ETag": control.etag}


@operation("cloudfront", "ListOriginAccessControls")
def list_origin_access_controls(call):
    page = _page(call, list(call.backend("cloudfront").origin_access_controls.values()))
    items = [
        {"Id": control.id, "Name": control.name, "Description": control.description or "",
         "SigningProtocol": control.signing_protocol, "SigningBehavior": control.signing_behavior,
         "OriginAccessControlOriginType": control.origin_type}
        for control in page["Items"]
    ]
    return {"OriginAccessControlList": {**page, "Items": items}}


@operation("cloudfront", "DeleteOriginAccessControl")
def delete_origin_access_control(call):
    control = _control(call)
    _check_etag(call, control.etag)
    for held in call.backend("cloudfront").distributions.values():
        if any(origin.get("OriginAccessControlId") == control.id for origin in held.config["Origins"]["Items"]):
            raise fault("OriginAccessControlInUse", "Cannot delete the origin access control because it's in use by one or "
                        "more distributions.")
    return call.forward()


@operation("cloudfront", "CreateCachePolicy")
def create_cache_policy(call):
    config, policies = call.params["CachePolicyConfig"], _policies(call)
    _check_policy(call, config, None)
    identity = f"{random_id()}-{random_id()}".lower()
    policies[identity] = {"config": config, "etag": random_id(), "changed": now()}
    return _policy_reply(identity, policies[identity])


@operation("cloudfront", "GetCachePolicy", "GetCachePolicyConfig")
def get_cache_policy(call):
    identity = call.params["Id"]
    policy = _policy(call)
    if call.name == "GetCachePolicyConfig":
        return {"CachePolicyConfig": policy["config"], "ETag": policy["etag"]}
    return _policy_reply(identity, policy)


@operation("cloudfront", "ListCachePolicies")
def list_cache_policies(call):
    """AWS's own and the account's, or either."""
    kinds = {"managed": _managed(), "custom": _policies(call)}
    wanted = [call.params["Type"]] if call.get("Type") else list(kinds)
    page = _page(call, [(kind, *entry) for kind in wanted for entry in kinds[kind].items()])
    items = [
        {"Type": kind, "CachePolicy": _policy_reply(identity, policy)["CachePolicy"]}
        for kind, identity, policy in page["Items"]
    ]
    return {"CachePolicyList": {**page, "Items": items}}


@operation("cloudfront", "UpdateCachePolicy")
def update_cache_policy(call):
    policy, config = _policy(call), call.params["CachePolicyConfig"]
    if call.params["Id"] in MANAGED_CACHE:
        raise fault("IllegalUpdate", "The update contains modifications that are not allowed.")
    _check_etag(call, policy["etag"])
    _check_policy(call, config, policy)
    policy.update(config=config, etag=random_id(), changed=now())
    return _policy_reply(call.params["Id"], policy)


@operation("cloudfront", "DeleteCachePolicy")
def delete_cache_policy(call):
    policy, identity = _policy(call), call.params["Id"]
    if identity in MANAGED_CACHE:
        raise fault("IllegalDelete", "You cannot delete a managed policy.")
    _check_etag(call, policy["etag"])
    for held in call.backend("cloudfront").distributions.values():
        if any(behavior.get("CachePolicyId") == identity for behavior in _behaviors(held.config)):
            raise fault("CachePolicyInUse", "Cannot delete the cache policy because it is attached to one or more cache "
                        "behaviors.")
    del _policies(call)[identity]
    return {}


def _distribution(call):
    distribution = call.backend("cloudfront").distributions.get(call.params["Id"])
    if distribution is None:
        raise fault("NoSuchDistribution", "The specified distribution does not exist.")
    return distribution


def _control(call):
    control = call.backend("cloudfront").origin_access_controls.get(call.params["Id"])
    if control is None:
        raise fault("NoSuchOriginAccessControl", "The specified origin access control does not exist.")
    return control


def _policies(call):
    return call.table("cloudfront.policies", "aws")


def _managed():
    return {
        identity: {"config": {"Name": name, "MinTTL": 0}, "etag": "E23ZP02F085DFQ", "changed": now()}
        for identity, name in MANAGED_CACHE.items()
    }


def _policy(call):
    policy = {**_managed(), **_policies(call)}.get(call.params["Id"])
    if policy is None:
        raise fault("NoSuchCachePolicy", "The cache policy does not exist.")
    return policy


def _policy_reply(identity, policy):
    document = {"Id": identity, "LastModifiedTime": policy["changed"], "CachePolicyConfig": policy["config"]}
    return {"CachePolicy": document, "ETag": policy["etag"]}


def _check_etag(call, etag):
    if not call.get("IfMatch"):
        raise fault("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
    if call.params["IfMatch"] != etag:
        raise fault("PreconditionFailed", "The request failed because it didn't meet the preconditions in one or more "
                    "request-header fields.")


def _check_control_name(call, name, itself):
    for held in call.backend("cloudfront").origin_access_controls.values():
        if held is not itself and held.name == name:
            raise fault("OriginAccessControlAlreadyExists", "An origin access control with the specified parameters "
                        "already exists.")


def _check_policy(call, config, itself):
    for held in _policies(call).values():
        if held is not itself and held["config"]["Name"] == config["Name"]:
            raise fault("CachePolicyAlreadyExists", "A cache policy with this name already exists. You must provide a "
                        "unique name.")


def _behaviors(config):
    return [config["DefaultCacheBehavior"], *config.get("CacheBehaviors", {}).get("Items", [])]


def _check(call, config, itself):
    """Refuses what refers to what is not there, and names that another distribution has."""
    backend = call.backend("cloudfront")
    origins = {origin["Id"] for origin in config["Origins"]["Items"]}
    groups = {group["Id"] for group in config.get("OriginGroups", {}).get("Items", [])}
    for behavior in _behaviors(config):
        if behavior["TargetOriginId"] not in origins | groups:
            raise fault("NoSuchOrigin", "One or more of your origins or origin groups do not exist.")
        for member, known, code in (
            ("CachePolicyId", {**_managed(), **_policies(call)}, "NoSuchCachePolicy"),
            ("OriginRequestPolicyId", MANAGED_ORIGIN_REQUEST, "NoSuchOriginRequestPolicy"),
            ("ResponseHeadersPolicyId", MANAGED_RESPONSE_HEADERS, "NoSuchResponseHeadersPolicy"),
        ):
            if behavior.get(member) and behavior[member] not in known:
                raise fault(code, f"The specified {member} does not exist.")
        if not behavior.get("CachePolicyId") and not behavior.get("ForwardedValues"):
            raise fault("InvalidArgument", "The parameter ForwardedValues is required.")
    for origin in config["Origins"]["Items"]:
        control = origin.get("OriginAccessControlId")
        if control and control not in backend.origin_access_controls:
            raise fault("InvalidOriginAccessControl", "The origin access control is not valid.")
        if sum(member in origin for member in ("S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig")) != 1:
            raise fault("InvalidOrigin", "The specified origin has no, or more than one, kind of configuration.")
        if "S3OriginConfig" in origin and "amazonaws.com" not in origin["DomainName"]:
            raise fault("InvalidArgument", "The parameter Origin DomainName does not refer to a valid S3 bucket.")
    names = set(config.get("Aliases", {}).get("Items", []))
    for held in backend.distributions.values():
        if held is not itself and names & set(held.config["Aliases"].get("Items", [])):
            raise fault("CNAMEAlreadyExists", "One or more of the CNAMEs you provided are already associated with a "
                        "different resource.")
    certificate = config.get("ViewerCertificate", {}).get("ACMCertificateArn")
    if certificate:
        issued = call.backend("acm", "us-east-1")._certificates.get(certificate)
        if issued is None or issued.status != "ISSUED":
            raise fault("InvalidViewerCertificate", "The specified SSL certificate doesn't exist, isn't in us-east-1 "
                        "region, isn't valid, or doesn't include a valid certificate chain.")
    acl = config.get("WebACLId")
    if acl and acl not in call.backend("wafv2", "global").wacls:
        raise fault("InvalidWebACLId", "The web ACL does not exist.")


def _complete(config):
    """The configuration with what CloudFront says of everything that was left open."""
    none = {"Quantity": 0}
    untrusted = {"Enabled": False, "Quantity": 0}
    methods = {"Quantity": 2, "Items": ["HEAD", "GET"]}

    def behavior(asked):
        allowed = asked.get("AllowedMethods", methods)
        return {
            "TrustedSigners": untrusted, "TrustedKeyGroups": untrusted, "SmoothStreaming": False, "Compress": False,
            "LambdaFunctionAssociations": none, "FunctionAssociations": none, "FieldLevelEncryptionId": "",
            "GrpcConfig": {"Enabled": False}, **asked, "AllowedMethods": {"CachedMethods": methods, **allowed},
        }

    def origin(asked):
        complete = {
            "OriginPath": "", "CustomHeaders": none, "ConnectionAttempts": 3, "ConnectionTimeout": 10,
            "OriginShield": {"Enabled": False}, "OriginAccessControlId": "", **asked,
        }
        if "CustomOriginConfig" in asked:
            complete["CustomOriginConfig"] = {
                "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]}, "OriginReadTimeout": 30,
                "OriginKeepaliveTimeout": 5, **asked["CustomOriginConfig"],
            }
        return complete

    def each(member, complete):
        held = config.get(member, none)
        return {**held, "Items": [complete(one) for one in held["Items"]]} if held.get("Items") else none

    certificate = {"CloudFrontDefaultCertificate": True, "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1",
                   "CertificateSource": "cloudfront"}
    return {
        "Aliases": none, "DefaultRootObject": "", "OriginGroups": none, "CustomErrorResponses": none, "Comment": "",
        "Logging": {"Enabled": False, "IncludeCookies": False, "Bucket": "", "Prefix": ""},
        "PriceClass": "PriceClass_All", "ViewerCertificate": certificate, "WebACLId": "", "HttpVersion": "http2",
        "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": 0}}, "IsIPV6Enabled": False,
        "ContinuousDeploymentPolicyId": "", "Staging": False,
        **config,
        "Origins": each("Origins", origin), "CacheBehaviors": each("CacheBehaviors", behavior),
        "DefaultCacheBehavior": behavior(config["DefaultCacheBehavior"]),
    }


def _page(call, items):
    """The page that the request asks for: what follows its marker."""
    start, size = int(call.get("Marker") or 0), int(call.get("MaxItems") or 100)
    page, rest = items[start : start + size], items[start + size :]
    return {
        "Marker": call.get("Marker", ""), "MaxItems": size, "IsTruncated": bool(rest), "Quantity": len(page), "Items": page,
        **({"NextMarker": str(start + size)} if rest else {}),
    }
