"""Restores what the Resource Groups Tagging API finds: also those taggable resources that moto omits."""

from wire import operation, tag_list


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call):
    types = call.get("ResourceTypeFilters", [])
    # moto knows `kms`, but not `kms:key`.
    call.drop("ResourceTypeFilters")
    reply = call.proceed()
    found = reply["ResourceTagMappingList"] = [
        mapping
        for mapping in reply["ResourceTagMappingList"]
        if _of_type(mapping["ResourceARN"], types)
        # CloudFront has one region for all.
        and (call.region == "us-east-1" or ":cloudfront:" not in mapping["ResourceARN"])
    ]
    if reply.get("PaginationToken"):
        return reply
    wanted = set(call.get("ResourceARNList", []))
    found += [
        {"ResourceARN": arn, "Tags": tag_list(tags)}
        for arn, tags in _omitted(call)
        if tags and _of_type(arn, types) and _tagged(tags, call.get("TagFilters", []))
    ]
    if wanted:
        found = [mapping for mapping in found if mapping["ResourceARN"] in wanted]
    return {"ResourceTagMappingList": found, "PaginationToken": ""}


def _omitted(call):
    """ARN and tags of everything that moto's own search does not look at."""
    ec2 = call.backend("ec2")
    for kind, resources in (
        ("elastic-ip", [address.allocation_id for address in ec2.addresses]),
        ("network-acl", ec2.network_acls),
        (
            "security-group-rule",
            [
                rule.id
                for groups in ec2.groups.values()
                for group in groups.values()
                for rule in (*group.ingress_rules, *group.egress_rules)
            ],
        ),
    ):
        for identity in resources:
            yield call.arn("ec2", f"{kind}/{identity}"), ec2.tags.get(identity, {})
    for cluster in call.table("eks.clusters").values():
        for member, doc in cluster.tagged():
            yield doc[member], doc["tags"]
    ecr = call.backend("ecr")
    for repository in ecr.repositories.values():
        yield repository.arn, ecr.tagger.get_tag_dict_for_resource(repository.arn)
    rds = call.backend("rds")
    for held in (*rds.subnet_groups.values(), *rds.db_parameter_groups.values()):
        yield held.arn, {tag["Key"]: tag["Value"] for tag in held.tags}
    elbv2 = call.backend("elbv2")
    for balancer in elbv2.load_balancers.values():
        for arn in balancer.listeners:
            yield arn, elbv2.tagging_service.get_tag_dict_for_resource(arn)
    wafv2 = call.backend("wafv2")
    for arn in wafv2.wacls:
        yield arn, wafv2.tagging_service.get_tag_dict_for_resource(arn)
    if call.region == "us-east-1":
        route53 = call.backend("route53")
        for zone in route53.zones.values():
            yield f"arn:aws:route53:::hostedzone/{zone.resource_id}", route53.resource_tags.get(zone.resource_id, {})
        for identity in route53.health_checks:
            yield f"arn:aws:route53:::healthcheck/{identity}", route53.resource_tags.get(identity, {})
        iam = call.backend("iam")
        for policy in iam.managed_policies.values():
            if f"::{call.account}:" in policy.arn:
                yield policy.arn, {key: tag["Value"] for key, tag in policy.tags.items()}
        for provider in iam.open_id_providers.values():
            yield provider.arn, {key: tag["Value"] for key, tag in provider.tags.items()}


def _of_type(arn, filters):
    service, resource = arn.split(":")[2], arn.split(":", 5)[-1].split("/")[0].split(":")[0]
    return not filters or any(wanted in (service, f"{service}:{resource}") for wanted in filters)


def _tagged(tags, filters):
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )
