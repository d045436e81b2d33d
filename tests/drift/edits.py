"""Edits of a running birthday-api stack that somebody makes by hand, with AWS's own SDK and not with platctl.

Usage: edits.py NAME; the environment says where the API is. Prints nothing on success.
"""

import json
import sys

import boto3

STACK = "birthday-api-prod"


def found(items, address):
    """The one of some EC2 objects that has this address."""
    return next(item for item in items if {"Key": "platctl:address", "Value": address} in item["Tags"])


def security_group_rule():
    ec2 = boto3.client("ec2")
    group = found([group for group in ec2.describe_security_groups()["SecurityGroups"] if group.get("Tags")], "databases.birthdays/security-group")
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "198.51.100.7/32"}]}
    ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[permission])


def tag():
    ec2 = boto3.client("ec2")
    vpc = found([vpc for vpc in ec2.describe_vpcs()["Vpcs"] if "Tags" in vpc], "network/vpc")
    ec2.create_tags(Resources=[vpc["VpcId"]], Tags=[{"Key": "team", "Value": "somebody else"}])


def database_parameter():
    parameter = {"ParameterName": "log_min_duration_statement", "ParameterValue": "5", "ApplyMethod": "immediate"}
    name = f"{STACK}-birthdays-postgres18"
    boto3.client("rds").modify_db_parameter_group(DBParameterGroupName=name, Parameters=[parameter])


def firewall_rule():
    waf = boto3.client("wafv2")
    name = f"{STACK}-edge"
    summary = next(acl for acl in waf.list_web_acls(Scope="REGIONAL")["WebACLs"] if acl["Name"] == name)
    reply = waf.get_web_acl(Name=name, Scope="REGIONAL", Id=summary["Id"])
    acl = reply["WebACL"]
    acl["Rules"][0]["Statement"]["RateBasedStatement"]["Limit"] = 100000
    waf.update_web_acl(Name=name, Scope="REGIONAL", Id=acl["Id"], DefaultAction=acl["DefaultAction"],
                       Rules=acl["Rules"], VisibilityConfig=acl["VisibilityConfig"], LockToken=reply["LockToken"])


def log_retention():
    boto3.client("logs").put_retention_policy(logGroupName=f"/{STACK}/application", retentionInDays=1)


def policy_document():
    iam = boto3.client("iam")
    role, policy = f"{STACK}-birthday-api", "birthday-api"
    document = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    document["Statement"].append({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    iam.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(document))


def deleted_route():
    ec2 = boto3.client("ec2")
    tables = [table for table in ec2.describe_route_tables()["RouteTables"] if table.get("Tags")]
    table = found(tables, "network/route-table/private-b")
    ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")


def deleted_repository():
    boto3.client("ecr").delete_repository(repositoryName=f"{STACK}/birthday-api")


def leftovers():
    """Prints what still carries the stack's tags or names."""
    tagged = boto3.client("resourcegroupstaggingapi").get_resources(
        TagFilters=[{"Key": "platctl:stack", "Values": [STACK]}])["ResourceTagMappingList"]
    left = [mapping["ResourceARN"] for mapping in tagged if not _may_be_there(mapping["ResourceARN"])]
    ec2, iam = boto3.client("ec2"), boto3.client("iam")
    left += [vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]]
    left += [address["AllocationId"] for address in ec2.describe_addresses()["Addresses"]]
    left += [acl["NetworkAclId"] for acl in ec2.describe_network_acls()["NetworkAcls"] if not acl["IsDefault"]]
    groups = ec2.describe_security_groups()["SecurityGroups"]
    left += [group["GroupId"] for group in groups if group["GroupName"] != "default"]
    left += [role["RoleName"] for role in iam.list_roles()["Roles"] if STACK in role["RoleName"]]
    left += [it["Arn"] for it in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    left += boto3.client("eks").list_clusters()["clusters"]
    rds = boto3.client("rds")
    left += [it["DBInstanceIdentifier"] for it in rds.describe_db_instances()["DBInstances"]]
    left += [it["DBSubnetGroupName"] for it in rds.describe_db_subnet_groups()["DBSubnetGroups"]]
    left += [it["DBParameterGroupName"] for it in rds.describe_db_parameter_groups()["DBParameterGroups"]]
    elb = boto3.client("elbv2")
    left += [it["LoadBalancerName"] for it in elb.describe_load_balancers()["LoadBalancers"]]
    left += [it["TargetGroupName"] for it in elb.describe_target_groups()["TargetGroups"]]
    route53 = boto3.client("route53")
    left += [zone["Name"] for zone in route53.list_hosted_zones()["HostedZones"]]
    left += [check["Id"] for check in route53.list_health_checks()["HealthChecks"]]
    left += [it["CertificateArn"] for it in boto3.client("acm").list_certificates()["CertificateSummaryList"]]
    left += [acl["Name"] for acl in boto3.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"]]
    left += [it["logGroupName"] for it in boto3.client("logs").describe_log_groups()["logGroups"]]
    left += [it["repositoryName"] for it in boto3.client("ecr").describe_repositories()["repositories"]]
    aliases = boto3.client("kms").list_aliases()["Aliases"]
    left += [alias["AliasName"] for alias in aliases if STACK in alias["AliasName"]]
    print("\n".join(left))


def _may_be_there(arn):
    """Keys and secrets are not deleted at once but scheduled for it, deleted NAT gateways stay visible for an hour, and
    final snapshots are meant to stay."""
    service = arn.split(":")[2]
    if service == "kms":
        return boto3.client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    if service == "secretsmanager":
        return "DeletedDate" in boto3.client("secretsmanager").describe_secret(SecretId=arn)
    if ":natgateway/" in arn:
        gateways = boto3.client("ec2").describe_nat_gateways(NatGatewayIds=[arn.split("/")[1]])["NatGateways"]
        return all(gateway["State"] == "deleted" for gateway in gateways)
    return ":snapshot:" in arn


globals()[sys.argv[1]]()
