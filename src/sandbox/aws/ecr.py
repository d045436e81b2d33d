"""Restores what ECR reports for a repository that moto forgets."""

from wire import operation


@operation("ecr", "CreateRepository", "PutImageTagMutability")
def keep_exclusions(call):
    """The tags that are excluded from the mutability of the repository."""
    answer = call.forward()
    filters = call.get("imageTagMutabilityExclusionFilters", [])
    call.table("ecr.exclusions")[call.params["repositoryName"]] = filters
    return answer


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
