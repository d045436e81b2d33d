"""What the sandbox's extension restores, checked on the wire with boto3: at least one check for each behaviour.

usage, with the Python of the sandbox's environment: python tests/sandbox/test_extension.py [unittest options]

Starts a server of its own on a free port. Every test works in an account of its own, so none sees another's resources.
"""

import base64
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from cryptography import x509

SERVER = pathlib.Path(__file__).parents[2] / "src" / "sandbox" / "aws" / "server.py"
REGION = "eu-central-1"
SPEED = 300
# Seconds on AWS. At this speed each phase takes a fraction of a second: long enough to be seen, short enough to wait for.
DURATIONS = {
    kind: {"create": 90, "update": 90, "delete": 90}
    for kind in (
        "AWS::CertificateManager::Certificate",
        "AWS::EC2::NatGateway",
        "AWS::EC2::VPC",
        "AWS::EKS::Addon",
        "AWS::EKS::Cluster",
        "AWS::EKS::FargateProfile",
        "AWS::EKS::Nodegroup",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::RDS::DBInstance",
    )
}
ACCOUNTS = itertools.count(200000000001)


def setUpModule():
    global PROCESS, ENDPOINT, FOLDER
    FOLDER = tempfile.TemporaryDirectory()
    root = pathlib.Path(FOLDER.name)
    options, ready = root / "options.json", root / "ready.json"
    options.write_text(
        json.dumps(
            {"instance": "test", "version": "test", "speed": SPEED, "durations": DURATIONS, "ready": str(ready)}
        )
    )
    PROCESS = subprocess.Popen([sys.executable, str(SERVER), str(options)])
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert PROCESS.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
    ENDPOINT = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"


def tearDownModule():
    PROCESS.terminate()
    PROCESS.wait()
    FOLDER.cleanup()


class Case(unittest.TestCase):
    def setUp(self):
        self.account = str(next(ACCOUNTS))

    def client(self, service, region=REGION):
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=ENDPOINT,
            aws_access_key_id=f"AKIA{self.account}TEST",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def __getattr__(self, service):
        """`self.ec2` is the client of that service."""
        if service in ("ec2", "eks", "iam", "rds", "elbv2", "route53", "acm", "wafv2", "secretsmanager", "kms", "logs",
                       "ecr", "sts", "resourcegroupstaggingapi"):  # fmt: skip
            client = self.client(service)
            setattr(self, service, client)
            return client
        raise AttributeError(service)

    def refused(self, code, call, **params):
        with self.assertRaises(ClientError) as raised:
            call(**params)
        self.assertEqual(raised.exception.response["Error"]["Code"], code, raised.exception)

    def becomes(self, wanted, look, within=5):
        """Waits until `look()` is `wanted`; returns every different value on the way."""
        seen, deadline = [], time.monotonic() + within
        while True:
            value = look()
            if not seen or seen[-1] != value:
                seen.append(value)
            if value == wanted:
                return seen
            self.assertLess(time.monotonic(), deadline, f"still {value!r}, not {wanted!r}")
            time.sleep(0.02)

    def gone(self, code, look, within=5):
        def state():
            try:
                look()
                return "there"
            except ClientError as error:
                return error.response["Error"]["Code"]

        self.becomes(code, state, within)

    # What many tests stand on

    def vpc(self, cidr="10.0.0.0/16"):
        return self.ec2.create_vpc(CidrBlock=cidr)["Vpc"]["VpcId"]

    def subnets(self, vpc, count=3):
        return [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=REGION + "abc"[n % 3])[
                "Subnet"
            ]["SubnetId"]
            for n in range(count)
        ]

    def group(self, vpc, name="group"):
        return self.ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]

    def role(self, name="role"):
        policy = {"Version": "2012-10-17", "Statement": []}
        return self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"]

    def gateway(self, vpc):
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        return gateway

    def nat(self, subnet, **params):
        params.setdefault("AllocationId", self.ec2.allocate_address(Domain="vpc")["AllocationId"])
        return self.ec2.create_nat_gateway(SubnetId=subnet, **params)["NatGateway"]["NatGatewayId"]

    def nat_state(self, nat):
        return self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"]

    def cluster(self, name="main", wait=True, **params):
        if not hasattr(self, "network"):
            self.network = self.vpc()
            self.places = self.subnets(self.network)
            self.cluster_role = self.role("cluster")
        self.eks.create_cluster(
            name=name,
            roleArn=self.cluster_role,
            resourcesVpcConfig={"subnetIds": self.places, "endpointPrivateAccess": True},
            **params,
        )
        if wait:
            self.becomes("ACTIVE", self.cluster_status)
        return name

    def cluster_status(self, name="main"):
        return self.eks.describe_cluster(name=name)["cluster"]["status"]

    def nodegroup(self, name="nodes", wait=True, **params):
        self.eks.create_nodegroup(
            clusterName="main", nodegroupName=name, subnets=self.places, nodeRole=self.cluster_role, **params
        )
        if wait:
            self.becomes("ACTIVE", lambda: self.nodegroup_status(name))

    def nodegroup_status(self, name="nodes"):
        return self.eks.describe_nodegroup(clusterName="main", nodegroupName=name)["nodegroup"]["status"]


class Server(Case):
    def test_health_names_the_instance(self):
        with urllib.request.urlopen(f"{ENDPOINT}/platctl/health") as reply:
            self.assertEqual(json.load(reply)["instance"], "test")

    def test_an_access_key_selects_its_account(self):
        self.assertEqual(self.sts.get_caller_identity()["Account"], self.account)
        vpc = self.vpc()
        self.account = str(next(ACCOUNTS))
        self.refused("InvalidVpcID.NotFound", self.client("ec2").describe_vpcs, VpcIds=[vpc])

    def test_an_unknown_operation_is_an_error_of_the_service(self):
        self.refused("InvalidAction", self.rds.describe_db_recommendations)
        self.cluster(wait=False)
        self.refused("UnknownOperationException", self.eks.list_insights, clusterName="main")

    def test_a_dry_run_changes_nothing(self):
        before = len(self.ec2.describe_vpcs()["Vpcs"])
        self.refused("DryRunOperation", self.ec2.create_vpc, CidrBlock="10.0.0.0/16", DryRun=True)
        self.assertEqual(len(self.ec2.describe_vpcs()["Vpcs"]), before)


class Network(Case):
    def test_a_vpc_is_pending_first(self):
        vpc = self.vpc()
        states = self.becomes("available", lambda: self.ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["State"])
        self.assertEqual(states, ["pending", "available"])

    def test_a_vpc_goes_last_and_takes_its_defaults_along(self):
        vpc = self.vpc()
        mine = [{"Name": "vpc-id", "Values": [vpc]}]
        gateway = self.gateway(vpc)
        refused = lambda: self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=vpc)  # noqa: E731
        refused()
        self.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        group = self.group(vpc)
        refused()
        self.ec2.delete_security_group(GroupId=group)
        acl = self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        refused()
        self.ec2.delete_network_acl(NetworkAclId=acl)
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        refused()
        self.ec2.delete_route_table(RouteTableId=table)
        [subnet] = self.subnets(vpc, 1)
        refused()
        self.ec2.delete_subnet(SubnetId=subnet)
        self.ec2.delete_vpc(VpcId=vpc)
        self.assertEqual(self.ec2.describe_network_acls(Filters=mine)["NetworkAcls"], [])
        self.assertEqual(self.ec2.describe_security_groups(Filters=mine)["SecurityGroups"], [])
        self.assertEqual(self.ec2.describe_route_tables(Filters=mine)["RouteTables"], [])

    def test_subnets_refuse_what_cannot_be_and_keep_their_dns_attributes(self):
        vpc = self.vpc()
        self.refused("InvalidParameterValue", self.ec2.create_subnet, VpcId=vpc, CidrBlock="10.0.0.0/24",
                     AvailabilityZone="us-east-1a")  # fmt: skip
        [subnet] = self.subnets(vpc, 1)
        self.ec2.modify_subnet_attribute(SubnetId=subnet, PrivateDnsHostnameTypeOnLaunch="resource-name")
        self.ec2.modify_subnet_attribute(SubnetId=subnet, EnableDns64={"Value": True})
        shown = self.ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]
        self.assertEqual(shown["PrivateDnsNameOptionsOnLaunch"]["HostnameType"], "resource-name")
        self.assertTrue(shown["EnableDns64"])

    def test_a_subnet_with_an_interface_stays_and_takes_its_associations_along(self):
        vpc = self.vpc()
        [subnet] = self.subnets(vpc, 1)
        acl = self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        default = self.ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])
        held = next(a for a in default["NetworkAcls"][0]["Associations"] if a["SubnetId"] == subnet)
        self.ec2.replace_network_acl_association(AssociationId=held["NetworkAclAssociationId"], NetworkAclId=acl)
        self.refused("DependencyViolation", self.ec2.delete_network_acl, NetworkAclId=acl)
        self.refused("DependencyViolation", self.ec2.delete_route_table, RouteTableId=table)
        interface = self.ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=subnet)
        self.ec2.delete_network_interface(NetworkInterfaceId=interface)
        self.ec2.delete_subnet(SubnetId=subnet)
        self.ec2.delete_network_acl(NetworkAclId=acl)
        self.ec2.delete_route_table(RouteTableId=table)

    def test_one_internet_gateway_for_a_vpc(self):
        vpc = self.vpc()
        self.gateway(vpc)
        self.refused("InvalidParameterValue", lambda: self.gateway(vpc))

    def test_a_nat_gateway_lives_through_its_states(self):
        vpc = self.vpc()
        [subnet] = self.subnets(vpc, 1)
        gateway = self.gateway(vpc)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        self.refused("MissingParameter", self.ec2.create_nat_gateway, SubnetId=subnet)
        nat = self.nat(subnet, AllocationId=address)
        self.assertEqual(self.becomes("available", lambda: self.nat_state(nat)), ["pending", "available"])
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=address)
        self.refused("DependencyViolation", self.ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=subnet)
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        self.ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
        self.ec2.delete_nat_gateway(NatGatewayId=nat)
        routes = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        self.assertEqual([route["State"] for route in routes], ["active", "blackhole"])
        self.refused("InvalidIPAddress.InUse", self.ec2.release_address, AllocationId=address)
        self.assertEqual(self.becomes("deleted", lambda: self.nat_state(nat)), ["deleting", "deleted"])
        self.ec2.release_address(AllocationId=address)
        self.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        self.ec2.delete_subnet(SubnetId=subnet)
        self.gone("NatGatewayNotFound", lambda: self.nat_state(nat), within=20)

    def test_a_nat_gateway_fails_late(self):
        vpc = self.vpc()
        [subnet] = self.subnets(vpc, 1)
        nat = self.nat(subnet)
        self.becomes("failed", lambda: self.nat_state(nat))
        shown = self.ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]
        self.assertEqual(shown["FailureCode"], "Gateway.NotAttached")

    def test_nat_gateways_are_found_by_tag(self):
        vpc = self.vpc()
        [subnet] = self.subnets(vpc, 1)
        self.gateway(vpc)
        tags = [{"ResourceType": "natgateway", "Tags": [{"Key": "stack", "Value": "one"}]}]
        one = self.nat(subnet, TagSpecifications=tags)
        self.nat(subnet)
        for wanted in ({"Name": "tag:stack", "Values": ["one"]}, {"Name": "tag-key", "Values": ["st*"]}):
            found = self.ec2.describe_nat_gateways(Filters=[wanted])["NatGateways"]
            self.assertEqual([gateway["NatGatewayId"] for gateway in found], [one])

    def test_routes_need_their_targets(self):
        vpc = self.vpc()
        table = self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        detached = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
        self.refused("InvalidNatGatewayID.NotFound", self.ec2.create_route, NatGatewayId="nat-0", **route)
        self.refused("InvalidParameterValue", self.ec2.create_route, GatewayId=detached, **route)
        self.refused("InvalidParameterValue", self.ec2.delete_route, RouteTableId=table,
                     DestinationCidrBlock="10.0.0.0/16")  # fmt: skip

    def test_a_subnet_has_one_route_table(self):
        vpc = self.vpc()
        [subnet] = self.subnets(vpc, 1)
        one, two = (self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in "12")
        self.ec2.associate_route_table(RouteTableId=one, SubnetId=subnet)
        self.refused("Resource.AlreadyAssociated", self.ec2.associate_route_table, RouteTableId=two, SubnetId=subnet)

    def test_a_network_acl_denies_by_default(self):
        vpc = self.vpc()
        acl = self.ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
        entry = {"NetworkAclId": acl, "RuleNumber": 10, "Egress": False}
        self.ec2.create_network_acl_entry(Protocol="1", RuleAction="allow", CidrBlock="0.0.0.0/0",
                                          IcmpTypeCode={"Type": 3, "Code": 4}, **entry)  # fmt: skip
        entries = self.ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
        self.assertEqual(sorted(e["RuleNumber"] for e in entries), [10, 32767, 32767])
        self.assertIn({"Type": 3, "Code": 4}, [e.get("IcmpTypeCode") for e in entries])
        self.ec2.delete_network_acl_entry(**entry)
        self.refused("InvalidNetworkAclEntry.NotFound", self.ec2.delete_network_acl_entry, **entry)
        self.ec2.delete_network_acl(NetworkAclId=acl)
        self.refused("InvalidNetworkAclID.NotFound", self.ec2.describe_network_acls, NetworkAclIds=[acl])

    def test_an_unknown_filter_is_refused(self):
        self.refused("InvalidParameterValue", self.ec2.describe_vpcs, Filters=[{"Name": "nope", "Values": ["1"]}])
        self.refused("InvalidParameterValue", self.ec2.describe_security_groups,
                     Filters=[{"Name": "nope", "Values": ["1"]}])  # fmt: skip


class SecurityGroups(Case):
    def test_the_default_group_lets_its_members_in_and_stays(self):
        vpc = self.vpc()
        mine = [{"Name": "vpc-id", "Values": [vpc]}]
        [default] = self.ec2.describe_security_groups(Filters=mine)["SecurityGroups"]
        pairs = default["IpPermissions"][0]["UserIdGroupPairs"]
        self.assertEqual([pair["GroupId"] for pair in pairs], [default["GroupId"]])
        self.refused("CannotDelete", self.ec2.delete_security_group, GroupId=default["GroupId"])

    def test_a_group_in_use_stays(self):
        vpc = self.vpc()
        one, two = self.group(vpc, "one"), self.group(vpc, "two")
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "UserIdGroupPairs": [{"GroupId": one}]}
        self.ec2.authorize_security_group_ingress(GroupId=two, IpPermissions=[rule])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=one)
        self.ec2.revoke_security_group_ingress(GroupId=two, IpPermissions=[rule])
        [subnet] = self.subnets(vpc, 1)
        interface = self.ec2.create_network_interface(SubnetId=subnet, Groups=[one])["NetworkInterface"]
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=one)
        self.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
        self.ec2.delete_security_group(GroupId=one)

    def test_rules_are_reported_with_tags_and_descriptions(self):
        group, other = self.group(vpc := self.vpc()), self.group(vpc, "other")
        permissions = [
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443,
             "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "inside"}, {"CidrIp": "192.168.0.0/16"}]},
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": other, "Description": "other"}]},
        ]  # fmt: skip
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "stack", "Value": "one"}]}]
        made = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions,
                                                         TagSpecifications=tags)["SecurityGroupRules"]  # fmt: skip
        self.assertEqual(len(made), 3)
        self.assertEqual(made[2]["Description"], "other")
        self.assertEqual(made[2]["ReferencedGroupInfo"]["GroupId"], other)
        shown = self.ec2.describe_security_group_rules(Filters=[{"Name": "tag:stack", "Values": ["one"]}])
        self.assertEqual({rule["SecurityGroupRuleId"] for rule in shown["SecurityGroupRules"]},
                         {rule["SecurityGroupRuleId"] for rule in made})  # fmt: skip
        self.assertEqual(shown["SecurityGroupRules"][0]["Tags"], [{"Key": "stack", "Value": "one"}])

    def test_a_duplicate_rule_is_refused_and_nothing_of_the_call_stays(self):
        group = self.group(self.vpc())
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        again = {**rule, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "again"}]}
        fresh = {**rule, "FromPort": 2, "ToPort": 2}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        self.refused("InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, GroupId=group,
                     IpPermissions=[fresh, again])  # fmt: skip
        shown = self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
        self.assertEqual([permission["FromPort"] for permission in shown], [1])

    def test_a_rule_can_be_replaced_in_place(self):
        group, other = self.group(vpc := self.vpc()), self.group(vpc, "other")
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        made = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])["SecurityGroupRules"][0]
        wanted = {"IpProtocol": "-1", "ReferencedGroupId": other, "Description": "all"}
        change = {"SecurityGroupRuleId": made["SecurityGroupRuleId"], "SecurityGroupRule": wanted}
        self.ec2.modify_security_group_rules(GroupId=group, SecurityGroupRules=[change])
        [shown] = self.ec2.describe_security_group_rules(SecurityGroupRuleIds=[made["SecurityGroupRuleId"]])[
            "SecurityGroupRules"
        ]
        self.assertEqual((shown["IpProtocol"], shown["FromPort"], shown["Description"]), ("-1", -1, "all"))
        self.assertEqual(shown["ReferencedGroupInfo"]["GroupId"], other)


class Eks(Case):
    def test_a_cluster_comes_up_as_on_aws(self):
        self.cluster(wait=False, deletionProtection=True, upgradePolicy={"supportType": "STANDARD"},
                     accessConfig={"authenticationMode": "API"})  # fmt: skip
        self.assertNotIn("endpoint", self.eks.describe_cluster(name="main")["cluster"])
        self.refused("InvalidRequestException", lambda: self.nodegroup())
        self.refused("InvalidRequestException", self.eks.create_addon, clusterName="main", addonName="vpc-cni")
        self.assertEqual(self.becomes("ACTIVE", self.cluster_status), ["CREATING", "ACTIVE"])
        shown = self.eks.describe_cluster(name="main")["cluster"]
        vpc = shown["resourcesVpcConfig"]
        self.assertEqual(vpc["vpcId"], self.network)
        self.assertEqual(vpc["subnetIds"], self.places)
        self.assertEqual((vpc["endpointPublicAccess"], vpc["endpointPrivateAccess"]), (True, True))
        self.assertEqual(shown["accessConfig"]["authenticationMode"], "API")
        self.assertEqual(shown["upgradePolicy"]["supportType"], "STANDARD")
        x509.load_pem_x509_certificate(base64.b64decode(shown["certificateAuthority"]["data"]))
        group = self.ec2.describe_security_groups(GroupIds=[vpc["clusterSecurityGroupId"]])["SecurityGroups"][0]
        self.assertRegex(group["GroupName"], r"^eks-cluster-sg-main-\d+$")
        self.assertEqual(group["IpPermissions"][0]["UserIdGroupPairs"][0]["GroupId"], group["GroupId"])
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.places[0])
        self.refused("InvalidRequestException", self.eks.delete_cluster, name="main")
        self.assertEqual(len(self.eks.list_access_entries(clusterName="main")["accessEntries"]), 1)

    def test_clusters_differ(self):
        self.cluster()
        self.cluster("second")
        self.becomes("ACTIVE", lambda: self.cluster_status("second"))
        one, two = (self.eks.describe_cluster(name=name)["cluster"] for name in ("main", "second"))
        for look in (lambda c: c["endpoint"], lambda c: c["identity"]["oidc"]["issuer"],
                     lambda c: c["certificateAuthority"]["data"]):  # fmt: skip
            self.assertNotEqual(look(one), look(two))

    def test_a_cluster_needs_what_it_refers_to(self):
        self.cluster(wait=False)
        good = {"name": "new", "roleArn": self.cluster_role, "resourcesVpcConfig": {"subnetIds": self.places}}
        for bad in (
            {"roleArn": f"arn:aws:iam::{self.account}:role/missing"},
            {"resourcesVpcConfig": {"subnetIds": ["subnet-1", "subnet-2"]}},
            {"resourcesVpcConfig": {"subnetIds": self.places[:1]}},
            {"resourcesVpcConfig": {"subnetIds": self.places, "securityGroupIds": ["sg-1"]}},
            {"version": "1.99"},
        ):
            self.refused("InvalidParameterException", self.eks.create_cluster, **{**good, **bad})
        self.refused("ResourceInUseException", self.eks.create_cluster, **{**good, "name": "main"})
        self.refused("ResourceNotFoundException", self.eks.list_nodegroups, clusterName="missing")

    def test_a_cluster_is_deleted_after_its_node_groups_and_with_its_own_things(self):
        self.cluster()
        group = self.eks.describe_cluster(name="main")["cluster"]["resourcesVpcConfig"]["clusterSecurityGroupId"]
        self.nodegroup()
        self.refused("ResourceInUseException", self.eks.delete_cluster, name="main")
        self.eks.delete_nodegroup(clusterName="main", nodegroupName="nodes")
        self.assertEqual(self.nodegroup_status(), "DELETING")
        self.gone("ResourceNotFoundException", self.nodegroup_status)
        self.eks.delete_cluster(name="main")
        self.assertEqual(self.cluster_status(), "DELETING")
        self.gone("ResourceNotFoundException", self.cluster_status)
        self.refused("InvalidGroup.NotFound", self.ec2.describe_security_groups, GroupIds=[group])
        for subnet in self.places:
            self.ec2.delete_subnet(SubnetId=subnet)

    def test_one_update_at_a_time(self):
        self.cluster()
        update = self.eks.update_cluster_config(
            name="main", resourcesVpcConfig={"endpointPublicAccess": False}
        )["update"]
        self.assertEqual((update["status"], update["type"]), ("InProgress", "EndpointAccessUpdate"))
        logging = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
        self.refused("ResourceInUseException", self.eks.update_cluster_config, name="main", logging=logging)
        look = lambda: self.eks.describe_update(name="main", updateId=update["id"])["update"]["status"]  # noqa: E731
        self.becomes("Successful", look)
        vpc = self.eks.describe_cluster(name="main")["cluster"]["resourcesVpcConfig"]
        self.assertEqual((vpc["endpointPublicAccess"], vpc["subnetIds"]), (False, self.places))
        self.eks.update_cluster_config(name="main", logging=logging)
        self.becomes("ACTIVE", self.cluster_status)
        shown = self.eks.describe_cluster(name="main")["cluster"]["logging"]["clusterLogging"]
        self.assertEqual([setup["types"] for setup in shown if setup["enabled"]], [["audit"]])
        self.refused("InvalidParameterException", self.eks.update_cluster_config, name="main", logging=logging)
        self.eks.update_cluster_config(name="main", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
        self.becomes("ACTIVE", self.cluster_status)
        self.assertEqual(len(self.eks.list_updates(name="main")["updateIds"]), 3)

    def test_versions_go_up_one_by_one(self):
        self.cluster(version="1.31")
        self.refused("InvalidParameterException", self.eks.update_cluster_version, name="main", version="1.33")
        self.eks.update_cluster_version(name="main", version="1.32")
        self.assertEqual(self.becomes("ACTIVE", self.cluster_status), ["UPDATING", "ACTIVE"])
        self.assertEqual(self.eks.describe_cluster(name="main")["cluster"]["version"], "1.32")

    def test_node_groups_keep_and_update_what_they_are_given(self):
        self.cluster()
        self.nodegroup(updateConfig={"maxUnavailablePercentage": 50}, labels={"a": "1", "b": "2"},
                       scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2}, capacityType="SPOT")  # fmt: skip
        look = lambda: self.eks.describe_nodegroup(clusterName="main", nodegroupName="nodes")["nodegroup"]  # noqa: E731
        self.assertEqual(look()["updateConfig"], {"maxUnavailablePercentage": 50})
        self.eks.update_nodegroup_config(
            clusterName="main", nodegroupName="nodes", labels={"addOrUpdateLabels": {"c": "3"}, "removeLabels": ["a"]},
            scalingConfig={"maxSize": 5}, taints={"addOrUpdateTaints": [{"key": "k", "effect": "NO_SCHEDULE"}]},
        )  # fmt: skip
        self.refused("ResourceInUseException", self.eks.update_nodegroup_version, clusterName="main",
                     nodegroupName="nodes")  # fmt: skip
        self.becomes("ACTIVE", self.nodegroup_status)
        self.assertEqual(look()["labels"], {"b": "2", "c": "3"})
        self.assertEqual(look()["scalingConfig"], {"minSize": 1, "maxSize": 5, "desiredSize": 2})
        self.assertEqual(look()["taints"], [{"key": "k", "effect": "NO_SCHEDULE"}])
        self.refused("ResourceInUseException", lambda: self.nodegroup(wait=False))

    def test_add_ons(self):
        self.cluster()
        look = lambda name: self.eks.describe_addon(clusterName="main", addonName=name)["addon"]  # noqa: E731
        made = self.eks.create_addon(clusterName="main", addonName="vpc-cni", addonVersion="v1.19.0-eksbuild.1",
                                     configurationValues='{"env":{}}', tags={"a": "1"})["addon"]  # fmt: skip
        self.assertEqual(made["status"], "CREATING")
        self.eks.create_addon(clusterName="main", addonName="coredns")
        self.becomes("ACTIVE", lambda: look("vpc-cni")["status"])
        self.becomes("DEGRADED", lambda: look("coredns")["status"])
        self.nodegroup()
        self.assertEqual(look("coredns")["status"], "ACTIVE")
        self.assertEqual(self.eks.list_addons(clusterName="main")["addons"], ["coredns", "vpc-cni"])
        self.refused("ResourceInUseException", self.eks.create_addon, clusterName="main", addonName="vpc-cni")
        self.refused("InvalidParameterException", self.eks.create_addon, clusterName="main", addonName="nope")
        update = self.eks.update_addon(clusterName="main", addonName="vpc-cni", addonVersion="v1.20.1-eksbuild.3")
        self.becomes("ACTIVE", lambda: look("vpc-cni")["status"])
        self.assertEqual(look("vpc-cni")["addonVersion"], "v1.20.1-eksbuild.3")
        shown = self.eks.describe_update(name="main", addonName="vpc-cni", updateId=update["update"]["id"])
        self.assertEqual(shown["update"]["status"], "Successful")
        self.eks.delete_addon(clusterName="main", addonName="vpc-cni")
        self.gone("ResourceNotFoundException", lambda: look("vpc-cni"))
        versions = self.eks.describe_addon_versions(addonName="coredns", kubernetesVersion="1.33")["addons"]
        self.assertEqual(versions[0]["addonVersions"][0]["compatibilities"][0]["clusterVersion"], "1.33")

    def test_access_entries_and_their_policies(self):
        self.cluster(accessConfig={"authenticationMode": "API", "bootstrapClusterCreatorAdminPermissions": False})
        entry = {"clusterName": "main", "principalArn": self.role("reader")}
        policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
        self.eks.create_access_entry(**entry, kubernetesGroups=["readers"], tags={"a": "1"})
        self.refused("ResourceInUseException", self.eks.create_access_entry, **entry)
        self.refused("InvalidParameterException", self.eks.create_access_entry, clusterName="main",
                     principalArn=f"arn:aws:iam::{self.account}:role/missing")  # fmt: skip
        scope = {"type": "namespace", "namespaces": ["one"]}
        self.eks.associate_access_policy(**entry, policyArn=policy, accessScope=scope)
        listed = self.eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
        self.assertEqual([(p["policyArn"], p["accessScope"]) for p in listed], [(policy, scope)])
        self.eks.update_access_entry(**entry, kubernetesGroups=["writers"])
        shown = self.eks.describe_access_entry(**entry)["accessEntry"]
        self.assertEqual((shown["kubernetesGroups"], shown["tags"], shown["type"]), (["writers"], {"a": "1"}, "STANDARD"))
        self.nodegroup()
        node = self.eks.describe_access_entry(clusterName="main", principalArn=self.cluster_role)["accessEntry"]
        self.assertEqual(node["type"], "EC2_LINUX")
        self.eks.disassociate_access_policy(**entry, policyArn=policy)
        self.eks.delete_access_entry(**entry)
        self.refused("ResourceNotFoundException", self.eks.describe_access_entry, **entry)

    def test_pod_identity_associations(self):
        self.cluster()
        wanted = {"clusterName": "main", "namespace": "apps", "serviceAccount": "orders", "roleArn": self.cluster_role}
        made = self.eks.create_pod_identity_association(**wanted, tags={"a": "1"})["association"]
        self.refused("ResourceInUseException", self.eks.create_pod_identity_association, **wanted)
        named = {"clusterName": "main", "associationId": made["associationId"]}
        listed = self.eks.list_pod_identity_associations(clusterName="main", namespace="apps")["associations"]
        self.assertEqual([pod["associationId"] for pod in listed], [made["associationId"]])
        other = self.role("other")
        self.eks.update_pod_identity_association(**named, roleArn=other)
        shown = self.eks.describe_pod_identity_association(**named)["association"]
        self.assertEqual((shown["roleArn"], shown["tags"]), (other, {"a": "1"}))
        self.eks.tag_resource(resourceArn=made["associationArn"], tags={"b": "2"})
        self.eks.untag_resource(resourceArn=made["associationArn"], tagKeys=["a"])
        self.assertEqual(self.eks.list_tags_for_resource(resourceArn=made["associationArn"])["tags"], {"b": "2"})
        self.eks.delete_pod_identity_association(**named)
        self.refused("ResourceNotFoundException", self.eks.describe_pod_identity_association, **named)


if __name__ == "__main__":
    unittest.main()
