"""Restores what ECR reports for a repository that moto forgets."""

from wire import fault, operation


@operation("ecr", "CreateRepository", "PutImageTagMutability")
def keep_exclusions(call):
    """The tags that are excluded from the mutability of the repository."""
    answer = call.forward()
    filters = call.get("imageTagMutabilityExclusionFilters", [])
    call.table("ecr.exclusions")[call.params["repositoryName"]] = filters
    return answer


@operation("ecr", "PutImageScanningConfiguration")
def put_image_scanning_configuration(call):
    """`false` is the default, which SDKs leave out; moto takes a configuration without it for none."""
    call.set("imageScanningConfiguration", {"scanOnPush": False, **call.get("imageScanningConfiguration", {})})
    return call.forward()


@operation("ecr", "DescribeRepositories")
def describe_repositories(call):
    reply = call.proceed()
    for shown in reply["repositories"]:
        filters = call.table("ecr.exclusions").get(shown["repositoryName"])
        if filters:
            shown["imageTagMutabilityExclusionFilters"] = filters
    return reply


@operation("ecr", "DeleteRepository")
def delete_repository(call):
    answer = call.forward()
    call.table("ecr.exclusions").pop(call.params["repositoryName"], None)
    return answer


@operation("ecr", "PutImage")
def put_image(call):
    """moto fails over a repository that does not exist."""
    name = call.params["repositoryName"]
    if name not in call.backend("ecr").repositories:
        raise fault("RepositoryNotFoundException", f"The repository with name '{name}' does not exist in the registry with "
                    f"id '{call.account}'")
    return call.forward()
