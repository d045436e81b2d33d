"""Restores launch templates: their own tags apart from those of what they launch, pages, ids that must exist."""

from wire import fault, operation, page, tag_list

# moto cuts its lists off without a token for the rest.
ALL = 1_000_000


@operation("ec2", "CreateLaunchTemplate")
def create_launch_template(call):
    """moto puts the template's own tags among those of instances."""
    reply = call.proceed()
    template = call.backend("ec2").launch_templates[reply["LaunchTemplate"]["LaunchTemplateId"]]
    data = template.versions[0].data
    asked = call.params.get("LaunchTemplateData", {}).get("TagSpecifications")
    data.pop("TagSpecifications", None)
    if asked:
        data["TagSpecifications"] = [spec for spec in asked if spec["ResourceType"] != "launch-template"]
    return reply


@operation("ec2", "CreateLaunchTemplateVersion", "DeleteLaunchTemplate", "ModifyLaunchTemplate")
def existing(call):
    _check(call, call.get("LaunchTemplateId"))
    return call.forward()


@operation("ec2", "DescribeLaunchTemplates")
def describe_launch_templates(call):
    """In pages, with the tags that they have now."""
    for template_id in call.get("LaunchTemplateIds", []):
        _check(call, template_id)
    shown = _all(call, "LaunchTemplates")
    for template in shown:
        template["Tags"] = tag_list(call.backend("ec2").tags.get(template["LaunchTemplateId"], {}))
    return _page(call, "LaunchTemplates", shown)


@operation("ec2", "DescribeLaunchTemplateVersions")
def describe_launch_template_versions(call):
    """In pages. A version that is both latest and default comes once."""
    _check(call, call.get("LaunchTemplateId"))
    shown = {}
    for version in _all(call, "LaunchTemplateVersions"):
        shown.setdefault((version["LaunchTemplateId"], version["VersionNumber"]), version)
    return _page(call, "LaunchTemplateVersions", list(shown.values()))


def _check(call, template_id):
    if template_id and template_id not in call.backend("ec2").launch_templates:
        raise fault("InvalidLaunchTemplateId.NotFound", f"The specified launch template, with template ID {template_id}, "
                    "does not exist.")


def _all(call, member):
    asked = call.get("MaxResults")
    call.set("MaxResults", ALL)
    shown = call.proceed()[member]
    call.params["MaxResults"] = asked
    return shown


def _page(call, member, shown):
    items, token = page(call, shown, limit="MaxResults", token="NextToken", size=200)
    return {member: items, **({"NextToken": token} if token else {})}
