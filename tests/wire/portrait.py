"""What is in an account, whoever made it: every kind of object that the birthday service is made of, in a form in which
two accounts with the same things look the same.

Reads an account's id from each line of its input and prints one line for it: a JSON list of what is there. Ids become the
address in the object's owner tags, or the kind of id where it has none; times, addresses and secrets that the service draws
become their names. What AWS puts into every account is left out, as is what is deleted and only shown for a while.
Clusters are shown with all the objects in them, and who owns which of their fields.
"""

import json
import re
import sys
from datetime import datetime
from urllib.request import urlopen

import boto3

# Drawn by the service, or counted by it: they say nothing of what is there.
DRAWN = {
    "AssociationId", "AttachTime", "CallerReference", "ChangeToken", "ClientToken", "DomainValidationOptions", "ETag",
    "FingerPrint", "IpOwnerId", "LatestVersionNumber", "LockToken", "MacAddress", "NetworkBorderGroup", "PrivateDnsName",
    "PrivateIp", "PrivateIpAddress", "PrivateIpAddresses", "PublicIp", "ResponseMetadata", "SecurityGroupRuleId", "Serial",
    "SecretVersionsToStages", "VersionId", "VersionIdsToStages", "certificateAuthority", "endpoint",
    "modifiedAt", "resourceVersion", "updateToken", "AvailableIpAddressCount", "IdentityToken", "PreviousToken",
    "associationId", "storedBytes", "ResourceRecordSetCount", "generation", "platformVersion",
    # Of Kubernetes.
    "clusterIP", "clusterIPs", "nodePort", "observedGeneration", "uid",
}
# The default VPC is in every account, with all that AWS puts into it.
FOREIGN = ("AWSServiceRole", "aws/", "default")
# What services draw, and what stands for it.
PATTERNS = [(re.compile(pattern), word) for pattern, word in [
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\b(acl|aclassoc|eipalloc|eipassoc|eni|eni-attach|igw|lt|nat|rtb|rtbassoc|sg|sgr|subnet|vpc|vpc-cidr-assoc|i)"
     r"-[0-9a-f]{8,}\b", r"\1-ID"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(:secret:[^\s\"]+)-[A-Za-z0-9]{6}\b", r"\1-DRAWN"),
    (r"(?<![0-9a-zA-Z])([0-9a-f]{12,}|[0-9A-F]{12,})\b", "HEX"),
    (r"\bdb-[A-Z0-9]{20,}", "db-ID"),
    (r"\bAROA[A-Z0-9]{12,}", "ROLE-ID"),
    (r"\bZ[A-Z0-9]{10,}\b", "ZONE"),
    (r"/hostedzone/[A-Z0-9]+", "/hostedzone/ZONE"),
    (r"/a-[a-z0-9]{17}\b", "/a-ID"),
    (r"(eks-cluster-sg-[a-z-]+|-public)-\d+\b", r"\1-DRAWN"),
    (r"(listener-rule/\S+)/\d+", r"\1/RULE"),
    (r"\.[a-z]{10}(\.acm-validations)", r".DRAWN\1"),
]]
# The ids that others refer to: the addresses of their objects stand for them.
OWN = {
    "Address": "AllocationId", "Certificate": "CertificateArn", "InternetGateway": "InternetGatewayId", "Key": "KeyId",
    "LaunchTemplate": "LaunchTemplateId", "NatGateway": "NatGatewayId", "NetworkAcl": "NetworkAclId",
    "RouteTable": "RouteTableId", "SecurityGroup": "GroupId", "Subnet": "SubnetId", "Vpc": "VpcId",
}


class Account:
    def __init__(self, account):
        self.account = account
        self.clients = {}
        self.names = {}

    def client(self, service):
        if service not in self.clients:
            key = {"aws_access_key_id": f"AKIA{self.account}SAND", "aws_secret_access_key": "sandbox"}
            self.clients[service] = SESSION.client(service, **key)
        return self.clients[service]

    def pages(self, service, operation, key, **parameters):
        client = self.client(service)
        if not client.can_paginate(operation):
            return getattr(client, operation)(**parameters)[key]
        pages = client.get_paginator(operation).paginate(**parameters)
        return [item for page in pages for item in page[key]]

    def everything(self):
        for part in (self.ec2, self.iam, self.eks, self.rds, self.elb, self.route53, self.others):
            yield from part()

    def ec2(self):
        vpcs = [vpc for vpc in self.pages("ec2", "describe_vpcs", "Vpcs") if not vpc["IsDefault"]]
        ours = {vpc["VpcId"] for vpc in vpcs}
        for vpc in vpcs:
            for attribute in ("enableDnsSupport", "enableDnsHostnames"):
                reply = self.client("ec2").describe_vpc_attribute(VpcId=vpc["VpcId"], Attribute=attribute)
                vpc[attribute] = reply[attribute[0].upper() + attribute[1:]]["Value"]
            yield "Vpc", vpc
        for operation, key in [
            ("describe_subnets", "Subnets"), ("describe_route_tables", "RouteTables"),
            ("describe_security_groups", "SecurityGroups"), ("describe_network_acls", "NetworkAcls"),
        ]:
            for item in self.pages("ec2", operation, key):
                if item["VpcId"] in ours:
                    yield key.removesuffix("s"), item
        for interface in self.pages("ec2", "describe_network_interfaces", "NetworkInterfaces"):
            if interface["VpcId"] in ours:
                # Services make them, and place them as they like.
                yield "NetworkInterface", {it: interface[it] for it in ("Description", "InterfaceType", "Status")}
        for gateway in self.pages("ec2", "describe_internet_gateways", "InternetGateways"):
            if gateway.get("Tags") or any(it["VpcId"] in ours for it in gateway["Attachments"]):
                yield "InternetGateway", gateway
        for gateway in self.pages("ec2", "describe_nat_gateways", "NatGateways"):
            if gateway["State"] != "deleted":
                yield "NatGateway", gateway
        for address in self.client("ec2").describe_addresses()["Addresses"]:
            yield "Address", address
        for template in self.pages("ec2", "describe_launch_templates", "LaunchTemplates"):
            versions = self.pages(
                "ec2", "describe_launch_template_versions", "LaunchTemplateVersions",
                LaunchTemplateId=template["LaunchTemplateId"],
            )
            yield "LaunchTemplate", {**template, "Versions": versions}
        for operation, key in [("describe_vpc_endpoints", "VpcEndpoints"), ("describe_flow_logs", "FlowLogs")]:
            for item in self.pages("ec2", operation, key):
                yield key.removesuffix("s"), item

    def iam(self):
        iam = self.client("iam")
        for role in self.pages("iam", "list_roles", "Roles"):
            name = role["RoleName"]
            if name.startswith(FOREIGN):
                continue
            policies = {it: iam.get_role_policy(RoleName=name, PolicyName=it)["PolicyDocument"]
                        for it in self.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)}
            attached = self.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name)
            tags = iam.list_role_tags(RoleName=name)["Tags"]
            yield "Role", {**role, "Policies": policies, "Attached": attached, "Tags": tags}
        for policy in self.pages("iam", "list_policies", "Policies", Scope="Local"):
            yield "Policy", policy
        for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            yield "OIDCProvider", iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
        for profile in self.pages("iam", "list_instance_profiles", "InstanceProfiles"):
            yield "InstanceProfile", profile

    def eks(self):
        eks = self.client("eks")
        for name in self.pages("eks", "list_clusters", "clusters"):
            cluster = eks.describe_cluster(name=name)["cluster"]
            yield "Cluster", cluster
            if cluster["status"] != "DELETING":
                yield from self.objects(cluster["endpoint"])
            for item in self.pages("eks", "list_nodegroups", "nodegroups", clusterName=name):
                yield "Nodegroup", eks.describe_nodegroup(clusterName=name, nodegroupName=item)["nodegroup"]
            for item in self.pages("eks", "list_addons", "addons", clusterName=name):
                yield "Addon", eks.describe_addon(clusterName=name, addonName=item)["addon"]
            for item in self.pages("eks", "list_access_entries", "accessEntries", clusterName=name):
                entry = eks.describe_access_entry(clusterName=name, principalArn=item)["accessEntry"]
                policies = self.pages("eks", "list_associated_access_policies", "associatedAccessPolicies",
                                      clusterName=name, principalArn=item)
                yield "AccessEntry", {**entry, "policies": policies}
            for item in self.pages("eks", "list_pod_identity_associations", "associations", clusterName=name):
                yield "PodIdentity", eks.describe_pod_identity_association(
                    clusterName=name, associationId=item["associationId"])["association"]

    def objects(self, endpoint):
        def ask(path):
            with urlopen(f"{endpoint}{path}", timeout=30) as reply:
                return json.load(reply)

        groups = ["/api/v1"]
        groups += [f"/apis/{it['preferredVersion']['groupVersion']}" for it in ask("/apis")["groups"]]
        for group in groups:
            for resource in ask(group)["resources"]:
                if "/" in resource["name"] or "list" not in resource["verbs"]:
                    continue
                for item in ask(f"{group}/{resource['name']}")["items"]:
                    yield resource["kind"], item

    def rds(self):
        for instance in self.pages("rds", "describe_db_instances", "DBInstances"):
            yield "DBInstance", instance
        for group in self.pages("rds", "describe_db_subnet_groups", "DBSubnetGroups"):
            yield "DBSubnetGroup", group
        for group in self.pages("rds", "describe_db_parameter_groups", "DBParameterGroups"):
            if group["DBParameterGroupName"].startswith(FOREIGN):
                continue
            parameters = self.pages("rds", "describe_db_parameters", "Parameters", Source="user",
                                    DBParameterGroupName=group["DBParameterGroupName"])
            tags = self.client("rds").list_tags_for_resource(ResourceName=group["DBParameterGroupArn"])["TagList"]
            yield "DBParameterGroup", {**group, "Parameters": parameters, "Tags": tags}
        for snapshot in self.pages("rds", "describe_db_snapshots", "DBSnapshots", SnapshotType="manual"):
            yield "DBSnapshot", snapshot

    def elb(self):
        elb = self.client("elbv2")

        def with_tags(kind, arn, item):
            tags = elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]
            return kind, {**item, "Tags": tags}

        for balancer in self.pages("elbv2", "describe_load_balancers", "LoadBalancers"):
            arn = balancer["LoadBalancerArn"]
            attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
            acl = self.client("wafv2").get_web_acl_for_resource(ResourceArn=arn).get("WebACL", {}).get("Name")
            yield with_tags("LoadBalancer", arn, {**balancer, "Attributes": attributes, "WebACL": acl})
            for listener in self.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
                arn = listener["ListenerArn"]
                rules = elb.describe_rules(ListenerArn=arn)["Rules"]
                yield with_tags("Listener", arn, {**listener, "Rules": rules})
        for group in self.pages("elbv2", "describe_target_groups", "TargetGroups"):
            arn = group["TargetGroupArn"]
            attributes = elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
            yield with_tags("TargetGroup", arn, {**group, "Attributes": attributes})

    def route53(self):
        route53 = self.client("route53")
        for zone in self.pages("route53", "list_hosted_zones", "HostedZones"):
            tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zone["Id"].split("/")[-1])
            records = self.pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone["Id"])
            records = [record for record in records if record["Type"] not in ("NS", "SOA")]
            yield "HostedZone", {**zone, "Records": records, "Tags": tags["ResourceTagSet"]["Tags"]}
        for check in self.pages("route53", "list_health_checks", "HealthChecks"):
            yield "HealthCheck", check

    def others(self):
        acm = self.client("acm")
        for summary in self.pages("acm", "list_certificates", "CertificateSummaryList"):
            arn = summary["CertificateArn"]
            certificate = acm.describe_certificate(CertificateArn=arn)["Certificate"]
            yield "Certificate", {**certificate, "Tags": acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]}
        waf = self.client("wafv2")
        for summary in waf.list_web_acls(Scope="REGIONAL")["WebACLs"]:
            acl = waf.get_web_acl(Name=summary["Name"], Scope="REGIONAL", Id=summary["Id"])["WebACL"]
            tags = waf.list_tags_for_resource(ResourceARN=acl["ARN"])["TagInfoForResource"]["TagList"]
            yield "WebACL", {**acl, "Tags": tags}
        logs = self.client("logs")
        for group in self.pages("logs", "describe_log_groups", "logGroups"):
            tags = logs.list_tags_log_group(logGroupName=group["logGroupName"])["tags"]
            yield "LogGroup", {**group, "Tags": tags}
        ecr = self.client("ecr")
        for repository in self.pages("ecr", "describe_repositories", "repositories"):
            try:
                lifecycle = ecr.get_lifecycle_policy(repositoryName=repository["repositoryName"])["lifecyclePolicyText"]
            except ecr.exceptions.LifecyclePolicyNotFoundException:
                lifecycle = None
            tags = ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]
            yield "Repository", {**repository, "Lifecycle": lifecycle, "Tags": tags}
        kms = self.client("kms")
        for key in self.pages("kms", "list_keys", "Keys"):
            metadata = kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
            if metadata["KeyManager"] != "CUSTOMER" or metadata["KeyState"] == "PendingDeletion":
                continue
            policy = kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]
            rotates = kms.get_key_rotation_status(KeyId=key["KeyId"])["KeyRotationEnabled"]
            tags = kms.list_resource_tags(KeyId=key["KeyId"])["Tags"]
            tags = [{"Key": tag["TagKey"], "Value": tag["TagValue"]} for tag in tags]
            yield "Key", {**metadata, "Policy": json.loads(policy), "Rotates": rotates, "Tags": tags}
        for alias in self.pages("kms", "list_aliases", "Aliases"):
            if not alias["AliasName"].startswith("alias/aws/"):
                yield "Alias", alias
        for secret in self.pages("secretsmanager", "list_secrets", "SecretList"):
            if "DeletedDate" not in secret:
                yield "Secret", secret

    def portrait(self):
        things = list(self.everything())
        self.names = {}
        for kind, thing in things:
            self.learn(kind, thing)
        return sorted(f"{kind} {json.dumps(self.plain(thing), sort_keys=True)}" for kind, thing in things)

    def learn(self, kind, thing):
        """The address of an object for its own id."""
        tags = thing.get("Tags") or thing.get("TagSet") or []
        tags = tags if isinstance(tags, dict) else {tag["Key"]: tag["Value"] for tag in tags}
        if kind in OWN and "platctl:address" in tags:
            self.names[thing[OWN[kind]]] = f"<{tags['platctl:address']}>"

    def plain(self, thing):
        if isinstance(thing, dict):
            return {key: self.plain(value) for key, value in thing.items() if key not in DRAWN}
        if isinstance(thing, list):
            return sorted((self.plain(it) for it in thing), key=lambda it: json.dumps(it, sort_keys=True))
        if isinstance(thing, datetime):
            return "TIME"
        if isinstance(thing, (int, float)) and thing > 1e9:
            return "TIME"
        if not isinstance(thing, str):
            return thing
        for known, name in self.names.items():
            thing = thing.replace(known, name)
        thing = thing.replace(self.account, "ACCOUNT")
        for pattern, word in PATTERNS:
            thing = pattern.sub(word, thing)
        return thing


def main():
    accounts = {}
    for line in sys.stdin:
        account = line.strip()
        portrait = accounts.setdefault(account, Account(account)).portrait()
        print(json.dumps(portrait), flush=True)


SESSION = boto3.Session(region_name="eu-west-1")
if __name__ == "__main__":
    main()
