"""Restores what the Resource Groups Tagging API finds: also those taggable resources that moto omits."""

import config
from wire import operation, tag_list, tag_map


@operation("resourcegroupstaggingapi", "GetResources")
def get_resources(call):
    types, wanted = call.get("ResourceTypeFilters", []), set(call.get("ResourceARNList", []))
    if wanted:
        # moto ignores the list; with it there are no pages.
        all_of_moto = call.backend("resourcegroupstaggingapi")._get_resources_generator(tag_filters=[])
        known = {mapping["ResourceARN"]: mapping["Tags"] for mapping in all_of_moto}
        known.update((arn, tag_list(tags)) for arn, tags in _omitted(call) if tags)
        found = [{"ResourceARN": arn, "Tags": tags} for arn, tags in known.items() if arn in wanted]
        return {"ResourceTagMappingList": found, "PaginationToken": ""}
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
    found += [
        {"ResourceARN": arn, "Tags": tag_list(tags)}
        for arn, tags in _omitted(call)
        if tags and _of_type(arn, types) and _tagged(tags, call.get("TagFilters", []))
    ]
    return {"ResourceTagMappingList": found, "PaginationToken": ""}


def _omitted(call):
    """ARN and tags of everything that moto's own search does not look at."""
    ec2 = call.backend("ec2")
    for kind, resources in (
        ("elastic-ip", [address.allocation_id for address in ec2.addresses]),
        ("launch-template", ec2.launch_templates),
        ("network-acl", ec2.network_acls),
        ("vpc-endpoint", ec2.vpc_end_points),
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
    cloudtrail = call.backend("cloudtrail")
    for trail in cloudtrail.trails.values():
        yield trail.arn, cloudtrail.tagging_service.get_tag_dict_for_resource(trail.arn)
    for rule in call.backend("config").config_rules.values():
        yield rule.config_rule_arn, rule.tags
    yield from config.recorders(call)
    for detector in call.backend("guardduty").detectors.values():
        yield call.arn("guardduty", f"detector/{detector.id}"), detector.tags
    for mapping in call.backend("lambda")._event_source_mappings.values():
        yield mapping.arn, mapping.tags
    events = call.backend("events")
    for bus in events.event_buses.values():
        for rule in bus.rules.values():
            yield rule.arn, events.tagger.get_tag_dict_for_resource(rule.arn)
    ecr = call.backend("ecr")
    for repository in ecr.repositories.values():
        yield repository.arn, ecr.tagger.get_tag_dict_for_resource(repository.arn)
    rds = call.backend("rds")
    for held in (*rds.subnet_groups.values(), *rds.db_parameter_groups.values()):
        yield held.arn, {tag["Key"]: tag["Value"] for tag in held.tags}
    yield from call.table("elasticache.tags").items()
    elbv2 = call.backend("elbv2")
    for balancer in elbv2.load_balancers.values():
        for arn, listener in balancer.listeners.items():
            for tagged in (arn, *(rule.arn for rule in listener.rules.values())):
                yield tagged, elbv2.tagging_service.get_tag_dict_for_resource(tagged)
    # What protects CloudFront is found in us-east-1.
    for region in (call.region, "global") if call.region == "us-east-1" else (call.region,):
        wafv2 = call.backend("wafv2", region)
        for arn in (*wafv2.wacls, *wafv2.ip_sets):
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
        for profile in iam.instance_profiles.values():
            yield profile.arn, tag_map(profile.tags)


def _of_type(arn, filters):
    service, resource = arn.split(":")[2], arn.split(":", 5)[-1].split("/")[0].split(":")[0]
    return not filters or any(wanted in (service, f"{service}:{resource}") for wanted in filters)


def _tagged(tags, filters):
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )
