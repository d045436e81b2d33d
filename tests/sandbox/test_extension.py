"""What the sandbox's extension restores, checked on the wire with boto3: at least one check for each behaviour.

usage, with the Python of the sandbox's environment: python tests/sandbox/test_extension.py [unittest options]

One file, because it is one script that anybody can run. Starts a server of its own on a free port. Every test works in
an account of its own, so none sees another's resources.
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
# As slow as AWS: nothing changes unless a test lets time pass.
SPEED = 1
DURATIONS = {
    kind: {"create": 90, "update": 90, "delete": 90}
    for kind in (
        "AWS::CertificateManager::Certificate",
        "AWS::CloudFront::Distribution",
        "AWS::EC2::NatGateway",
        "AWS::EC2::VPC",
        "AWS::EC2::VPCEndpoint",
        "AWS::EKS::Addon",
        "AWS::EKS::Cluster",
        "AWS::EKS::FargateProfile",
        "AWS::EKS::Nodegroup",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::RDS::DBInstance",
    )
}
# One for all: it keeps the service models, which take long to read.
SESSION = boto3.Session()
ACCOUNTS = itertools.count(200000000001)


def setUpModule():
    global PROCESS, ENDPOINT, FOLDER
    FOLDER = tempfile.TemporaryDirectory()
    root = pathlib.Path(FOLDER.name)
    options, ready = root / "options.json", root / "ready.json"
    options.write_text(
        json.dumps({"instance": "test", "version": "test", "speed": SPEED, "durations": DURATIONS, "ready": str(ready),
                    "kubernetes": "http://127.0.0.1:6443"})
    )
    log = root / "server.log"
    with log.open("w") as stderr:
        PROCESS = subprocess.Popen([sys.executable, "-B", str(SERVER), str(options)], stderr=stderr)
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert PROCESS.poll() is None and time.monotonic() < deadline, "the server did not start"
        time.sleep(0.05)
    ENDPOINT = f"http://127.0.0.1:{json.loads(ready.read_text())['port']}"


def tearDownModule():
    PROCESS.terminate()
    PROCESS.wait()
    log = (pathlib.Path(FOLDER.name) / "server.log").read_text()
    FOLDER.cleanup()
    # Whatever goes wrong inside is a defect, also where a test does not look.
    assert "Traceback" not in log, log


def control(action, parameters):
    request = urllib.request.Request(f"{ENDPOINT}/platctl/{action}", json.dumps(parameters).encode(), method="POST")
    urllib.request.urlopen(request).close()


class Case(unittest.TestCase):
    def setUp(self):
        self.account = str(next(ACCOUNTS))

    def client(self, service, region=REGION):
        return SESSION.client(
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
                       "ecr", "sts", "resourcegroupstaggingapi"):
            client = self.client(service)
            setattr(self, service, client)
            return client
        raise AttributeError(service)

    def refused(self, code, call, **params):
        with self.assertRaises(ClientError) as raised:
            call(**params)
        self.assertEqual(raised.exception.response["Error"]["Code"], code, raised.exception)

    def advance(self, seconds):
        control("advance", {"seconds": seconds})

    def becomes(self, wanted, look):
        """Lets time pass until `look()` is `wanted`; returns every different value on the way."""
        seen = []
        for _ in range(30):
            value = look()
            if not seen or seen[-1] != value:
                seen.append(value)
            if value == wanted:
                return seen
            self.advance(10)
        self.fail(f"still {value!r}, not {wanted!r}")

    def gone(self, code, look):
        def state():
            try:
                look()
                return "there"
            except ClientError as error:
                return error.response["Error"]["Code"]

        self.becomes(code, state)

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

    def test_a_missing_thing_is_never_a_crash(self):
        key, grant = "00000000-0000-0000-0000-000000000000", "0" * 64
        for code, call, params in (
            ("DBClusterNotFoundFault", self.rds.modify_db_cluster, {"DBClusterIdentifier": "x"}),
            ("DBProxyNotFoundFault", self.rds.delete_db_proxy, {"DBProxyName": "x"}),
            ("DBInstanceNotFound", self.rds.modify_db_instance, {"DBInstanceIdentifier": "x"}),
            ("InvalidAction", self.route53.list_traffic_policies, {}),
            ("NatGatewayNotFound", self.ec2.delete_nat_gateway, {"NatGatewayId": "nat-1"}),
            ("NotFoundException", self.kms.revoke_grant, {"KeyId": key, "GrantId": grant}),
            ("RepositoryNotFoundException", self.ecr.put_image, {"repositoryName": "xx", "imageManifest": "{}"}),
            ("ResourceNotFoundException", self.eks.delete_nodegroup, {"clusterName": "x", "nodegroupName": "x"}),
            ("ResourceNotFoundException", self.logs.get_query_results, {"queryId": "x"}),
        ):
            self.refused(code, call, **params)

    def test_a_reset_forgets_everything(self):
        self.cluster(wait=False)
        control("reset", {})
        self.assertEqual(self.eks.list_clusters()["clusters"], [])
        self.refused("InvalidVpcID.NotFound", self.ec2.describe_vpcs, VpcIds=[self.network])
        self.advance(100)
        self.assertEqual(self.eks.list_clusters()["clusters"], [], "what was under way is forgotten, too")

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
        refused = lambda: self.refused("DependencyViolation", self.ec2.delete_vpc, VpcId=vpc)
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
                     AvailabilityZone="us-east-1a")
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
        self.advance(3600)
        self.gone("NatGatewayNotFound", lambda: self.nat_state(nat))

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
                     DestinationCidrBlock="10.0.0.0/16")

    def test_the_interface_of_an_instance_goes_with_it(self):
        [subnet] = self.subnets(self.vpc(), 1)
        run = {"ImageId": "ami-12345678", "InstanceType": "t3.micro", "SubnetId": subnet}
        instance = self.ec2.run_instances(MinCount=1, MaxCount=1, **run)["Instances"][0]["InstanceId"]
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=subnet)
        self.ec2.terminate_instances(InstanceIds=[instance])
        self.ec2.delete_subnet(SubnetId=subnet)

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
                                          IcmpTypeCode={"Type": 3, "Code": 4}, **entry)
        entries = self.ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
        self.assertEqual(sorted(e["RuleNumber"] for e in entries), [10, 32767, 32767])
        self.assertIn({"Type": 3, "Code": 4}, [e.get("IcmpTypeCode") for e in entries])
        self.ec2.delete_network_acl_entry(**entry)
        self.refused("InvalidNetworkAclEntry.NotFound", self.ec2.delete_network_acl_entry, **entry)
        self.ec2.delete_network_acl(NetworkAclId=acl)
        self.refused("InvalidNetworkAclID.NotFound", self.ec2.describe_network_acls, NetworkAclIds=[acl])

    def test_a_filter_finds_what_has_any_of_its_values(self):
        vpc = self.vpc()
        one, two, three, _ = subnets = self.subnets(vpc, 4)
        tables = [self.ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
        for at, subnet in enumerate(subnets):
            self.ec2.associate_route_table(RouteTableId=tables[at // 2], SubnetId=subnet)
        for values, expected in (([one, two, three], tables), ([one, three], tables), ([two], tables[:1])):
            mine = [{"Name": "association.subnet-id", "Values": values}]
            found = self.ec2.describe_route_tables(Filters=mine)["RouteTables"]
            self.assertEqual({table["RouteTableId"] for table in found}, set(expected))

    def test_an_unknown_filter_is_refused(self):
        self.refused("InvalidParameterValue", self.ec2.describe_vpcs, Filters=[{"Name": "nope", "Values": ["1"]}])
        self.refused("InvalidParameterValue", self.ec2.describe_security_groups,
                     Filters=[{"Name": "nope", "Values": ["1"]}])


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
        ]
        tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "stack", "Value": "one"}]}]
        made = self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions,
                                                         TagSpecifications=tags)["SecurityGroupRules"]
        self.assertEqual(len(made), 3)
        self.assertEqual(made[2]["Description"], "other")
        self.assertEqual(made[2]["ReferencedGroupInfo"]["GroupId"], other)
        shown = self.ec2.describe_security_group_rules(Filters=[{"Name": "tag:stack", "Values": ["one"]}])
        self.assertEqual({rule["SecurityGroupRuleId"] for rule in shown["SecurityGroupRules"]},
                         {rule["SecurityGroupRuleId"] for rule in made})
        self.assertEqual(shown["SecurityGroupRules"][0]["Tags"], [{"Key": "stack", "Value": "one"}])

    def test_a_duplicate_rule_is_refused_and_nothing_of_the_call_stays(self):
        group = self.group(self.vpc())
        rule = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        again = {**rule, "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "again"}]}
        fresh = {**rule, "FromPort": 2, "ToPort": 2}
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        self.refused("InvalidPermission.Duplicate", self.ec2.authorize_security_group_ingress, GroupId=group,
                     IpPermissions=[fresh, again])
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
                     accessConfig={"authenticationMode": "API"})
        self.assertNotIn("endpoint", self.eks.describe_cluster(name="main")["cluster"])
        self.refused("InvalidRequestException", lambda: self.nodegroup())
        self.refused("InvalidRequestException", self.eks.create_addon, clusterName="main", addonName="vpc-cni")
        self.assertEqual(self.becomes("ACTIVE", self.cluster_status), ["CREATING", "ACTIVE"])
        shown = self.eks.describe_cluster(name="main")["cluster"]
        vpc = shown["resourcesVpcConfig"]
        self.assertEqual(vpc["vpcId"], self.network)
        self.assertEqual(vpc["subnetIds"], self.places)
        self.assertEqual((vpc["endpointPublicAccess"], vpc["endpointPrivateAccess"]), (True, True))
        self.assertRegex(shown["endpoint"], rf"^http://127\.0\.0\.1:6443/clusters/\d{{12}}/{REGION}/main/[0-9a-f]{{32}}$")
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
                     lambda c: c["certificateAuthority"]["data"]):
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
            {"encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "alias/missing"}}]},
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
        update = self.eks.update_cluster_config(name="main", resourcesVpcConfig={"endpointPublicAccess": False})[
            "update"
        ]
        self.assertEqual((update["status"], update["type"]), ("InProgress", "EndpointAccessUpdate"))
        logging = {"clusterLogging": [{"types": ["audit"], "enabled": True}]}
        self.refused("ResourceInUseException", self.eks.update_cluster_config, name="main", logging=logging)
        look = lambda: self.eks.describe_update(name="main", updateId=update["id"])["update"]["status"]
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
                       scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2}, capacityType="SPOT")
        look = lambda: self.eks.describe_nodegroup(clusterName="main", nodegroupName="nodes")["nodegroup"]
        self.assertEqual(look()["updateConfig"], {"maxUnavailablePercentage": 50})
        self.eks.update_nodegroup_config(
            clusterName="main", nodegroupName="nodes", labels={"addOrUpdateLabels": {"c": "3"}, "removeLabels": ["a"]},
            scalingConfig={"maxSize": 5}, taints={"addOrUpdateTaints": [{"key": "k", "effect": "NO_SCHEDULE"}]},
        )
        self.refused("ResourceInUseException", self.eks.update_nodegroup_version, clusterName="main",
                     nodegroupName="nodes")
        self.becomes("ACTIVE", self.nodegroup_status)
        self.assertEqual(look()["labels"], {"b": "2", "c": "3"})
        self.assertEqual(look()["scalingConfig"], {"minSize": 1, "maxSize": 5, "desiredSize": 2})
        self.assertEqual(look()["taints"], [{"key": "k", "effect": "NO_SCHEDULE"}])
        self.refused("ResourceInUseException", lambda: self.nodegroup(wait=False))

    def test_add_ons(self):
        self.cluster()
        look = lambda name: self.eks.describe_addon(clusterName="main", addonName=name)["addon"]
        made = self.eks.create_addon(clusterName="main", addonName="vpc-cni", addonVersion="v1.19.0-eksbuild.1",
                                     configurationValues='{"env":{}}', tags={"a": "1"})["addon"]
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
                     principalArn=f"arn:aws:iam::{self.account}:role/missing")
        scope = {"type": "namespace", "namespaces": ["one"]}
        self.eks.associate_access_policy(**entry, policyArn=policy, accessScope=scope)
        listed = self.eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
        self.assertEqual([(p["policyArn"], p["accessScope"]) for p in listed], [(policy, scope)])
        self.eks.update_access_entry(**entry, kubernetesGroups=["writers"])
        shown = self.eks.describe_access_entry(**entry)["accessEntry"]
        self.assertEqual(
            (shown["kubernetesGroups"], shown["tags"], shown["type"]), (["writers"], {"a": "1"}, "STANDARD")
        )
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


class Rds(Case):
    def place(self):
        if not hasattr(self, "network"):
            self.network = self.vpc()
            self.places = self.subnets(self.network)
            self.rds.create_db_subnet_group(
                DBSubnetGroupName="Data", DBSubnetGroupDescription="data", SubnetIds=self.places
            )

    def database(self, name="main", wait=True, **params):
        self.place()
        wanted = {"Engine": "postgres", "EngineVersion": "16", "DBInstanceClass": "db.t3.medium", "AllocatedStorage": 20,
                  "MasterUsername": "app", "ManageMasterUserPassword": True, "DBSubnetGroupName": "data"}
        self.rds.create_db_instance(DBInstanceIdentifier=name, **{**wanted, **params})
        if wait:
            self.becomes("available", lambda: self.status(name))

    def look(self, name="main"):
        return self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]

    def status(self, name="main"):
        return self.look(name)["DBInstanceStatus"]

    def remove(self, name="main"):
        self.rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)

    def test_an_instance_comes_up_and_shows_what_it_was_given(self):
        self.place()
        group, role = self.group(self.network), self.role("monitoring")
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.database(
            wait=False, MultiAZ=True, StorageType="gp3", StorageEncrypted=True, KmsKeyId=key, Port=5433,
            VpcSecurityGroupIds=[group], CopyTagsToSnapshot=True, MonitoringInterval=60, MonitoringRoleArn=role,
            EnablePerformanceInsights=True, EnableCloudwatchLogsExports=["postgresql"], DeletionProtection=True,
            EnableIAMDatabaseAuthentication=True, BackupRetentionPeriod=7, MaxAllocatedStorage=100,
        )
        self.assertEqual(self.status(), "creating")
        self.assertNotIn("Endpoint", self.look())
        self.assertEqual(self.look()["MasterUserSecret"]["SecretStatus"], "creating")
        self.becomes("available", self.status)
        shown = self.look()
        for member, value in {
            "EngineVersion": "16.10", "MultiAZ": True, "KmsKeyId": key, "CopyTagsToSnapshot": True,
            "MonitoringInterval": 60, "MonitoringRoleArn": role, "PerformanceInsightsEnabled": True,
            "PerformanceInsightsRetentionPeriod": 7, "EnabledCloudwatchLogsExports": ["postgresql"],
            "DeletionProtection": True, "IAMDatabaseAuthenticationEnabled": True, "BackupRetentionPeriod": 7,
            "MaxAllocatedStorage": 100, "StorageThroughput": 125, "Iops": 3000, "PendingModifiedValues": {},
            "CACertificateIdentifier": "rds-ca-rsa2048-g1", "NetworkType": "IPV4", "PubliclyAccessible": False,
        }.items():
            self.assertEqual(shown.get(member), value, member)
        self.assertEqual(shown["Endpoint"]["Port"], 5433)
        self.assertEqual(shown["DBParameterGroups"][0]["DBParameterGroupName"], "default.postgres16")
        self.assertNotEqual(shown["SecondaryAvailabilityZone"], shown["AvailabilityZone"])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        zones = {place["AvailabilityZone"]: place["SubnetId"] for place in self.ec2.describe_subnets(
            SubnetIds=self.places)["Subnets"]}
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=zones[shown["AvailabilityZone"]])
        self.refused("InvalidParameterCombination", self.remove)

    def test_an_instance_needs_what_it_refers_to(self):
        self.database(wait=False)
        for code, bad in (
            ("DBInstanceAlreadyExists", {}),
            ("DBSubnetGroupNotFoundFault", {"DBSubnetGroupName": "missing"}),
            ("InvalidParameterValue", {"VpcSecurityGroupIds": ["sg-1"]}),
            ("InvalidParameterCombination", {"VpcSecurityGroupIds": [self.group(self.vpc("10.9.0.0/16"))]}),
            ("InvalidParameterCombination", {"EngineVersion": "9.6"}),
            ("InvalidParameterValue", {"DBInstanceClass": "huge"}),
            ("InvalidParameterValue", {"ManageMasterUserPassword": False}),
            ("InvalidParameterCombination", {"MasterUserPassword": "secret-password"}),
            ("InvalidParameterCombination", {"MonitoringInterval": 60}),
            ("KMSKeyNotAccessibleFault", {"StorageEncrypted": True, "KmsKeyId": "00000000-0000-0000-0000-000000000000"}),
            ("DBParameterGroupNotFound", {"DBParameterGroupName": "missing"}),
        ):
            name = "main" if code == "DBInstanceAlreadyExists" else "new"
            self.refused(code, lambda name=name, bad=bad: self.database(name, wait=False, **bad))
        self.assertEqual(len(self.rds.describe_db_instances()["DBInstances"]), 1)

    def test_the_managed_secret_is_real_and_goes_with_the_instance(self):
        self.database()
        arn = self.look()["MasterUserSecret"]["SecretArn"]
        value = json.loads(self.secretsmanager.get_secret_value(SecretId=arn)["SecretString"])
        self.assertEqual(value["username"], "app")
        shown = self.secretsmanager.describe_secret(SecretId=arn)
        self.assertEqual((shown["OwningService"], shown["RotationEnabled"]), ("rds", True))
        self.assertEqual(shown["RotationRules"], {"AutomaticallyAfterDays": 7})
        self.secretsmanager.rotate_secret(SecretId=arn, RotationRules={"ScheduleExpression": "rate(30 days)"})
        again = json.loads(self.secretsmanager.get_secret_value(SecretId=arn)["SecretString"])
        self.assertNotEqual(again["password"], value["password"])
        shown = self.secretsmanager.describe_secret(SecretId=arn)
        self.assertEqual(shown["RotationRules"], {"ScheduleExpression": "rate(30 days)"})
        self.refused("InvalidRequestException", self.secretsmanager.delete_secret, SecretId=arn)
        self.remove()
        self.gone("DBInstanceNotFound", self.status)
        self.refused("ResourceNotFoundException", self.secretsmanager.describe_secret, SecretId=arn)

    def test_changes_take_time_or_wait_for_the_window(self):
        self.database()
        change = lambda **params: self.rds.modify_db_instance(DBInstanceIdentifier="main", **params)
        change(DBInstanceClass="db.t3.large")
        self.assertEqual((self.status(), self.look()["DBInstanceClass"]), ("available", "db.t3.medium"))
        self.assertEqual(self.look()["PendingModifiedValues"], {"DBInstanceClass": "db.t3.large"})
        change(DBPortNumber=5444, MultiAZ=True, ApplyImmediately=True)
        self.refused("InvalidDBInstanceState", change, BackupRetentionPeriod=3)
        self.assertEqual(self.becomes("available", self.status), ["modifying", "available"])
        shown = self.look()
        self.assertEqual(
            (shown["DBInstanceClass"], shown["Endpoint"]["Port"], shown["MultiAZ"]), ("db.t3.large", 5444, True)
        )
        self.assertEqual(shown["PendingModifiedValues"], {})
        change(EnablePerformanceInsights=True, BackupRetentionPeriod=3, CloudwatchLogsExportConfiguration={
            "EnableLogTypes": ["upgrade"]}, ApplyImmediately=True)
        self.becomes("available", self.status)
        shown = self.look()
        self.assertEqual((shown["PerformanceInsightsEnabled"], shown["BackupRetentionPeriod"],
                          shown["EnabledCloudwatchLogsExports"]), (True, 3, ["upgrade"]))
        self.refused("InvalidParameterCombination", change, AllocatedStorage=10)
        self.refused("InvalidParameterCombination", change, EngineVersion="17.6")
        change(EngineVersion="17", AllowMajorVersionUpgrade=True, ApplyImmediately=True)
        self.becomes("available", self.status)
        self.assertEqual(self.look()["EngineVersion"], "17.6")

    def test_windows_may_touch_and_are_chosen_apart(self):
        windows = {"PreferredBackupWindow": "03:00-04:00", "PreferredMaintenanceWindow": "sun:04:00-sun:05:00"}
        self.database("both", wait=False, **windows)
        self.refused("InvalidParameterValue", lambda: self.database(
            "overlap", wait=False, **{**windows, "PreferredBackupWindow": "03:30-04:30"}))
        self.database("one", wait=False, PreferredBackupWindow="06:00-07:00")
        self.assertNotIn(":06:", self.look("one")["PreferredMaintenanceWindow"])

    def test_an_instance_goes_away_slowly(self):
        self.database()
        self.refused("InvalidParameterCombination", self.rds.delete_db_instance, DBInstanceIdentifier="main")
        self.refused("InvalidDBSubnetGroupStateFault", self.rds.delete_db_subnet_group, DBSubnetGroupName="data")
        self.remove()
        self.assertEqual(self.status(), "deleting")
        self.refused("InvalidDBInstanceState", self.remove)
        self.gone("DBInstanceNotFound", self.status)
        self.rds.delete_db_subnet_group(DBSubnetGroupName="data")
        for place in self.places:
            self.ec2.delete_subnet(SubnetId=place)

    def test_a_read_replica_is_its_own_instance(self):
        self.database(BackupRetentionPeriod=0, DeletionProtection=True)
        make = lambda **params: self.rds.create_db_instance_read_replica(
            DBInstanceIdentifier="copy", SourceDBInstanceIdentifier="main", **params
        )
        self.refused("InvalidDBInstanceState", make)
        self.rds.modify_db_instance(DBInstanceIdentifier="main", BackupRetentionPeriod=1, ApplyImmediately=True)
        self.becomes("available", self.status)
        make(DBInstanceClass="db.t3.large", Tags=[{"Key": "a", "Value": "1"}])
        self.refused("DBInstanceAlreadyExists", make)
        self.assertEqual(self.status("copy"), "creating")
        self.becomes("available", lambda: self.status("copy"))
        copy, main = self.look("copy"), self.look()
        self.assertEqual(copy["ReadReplicaSourceDBInstanceIdentifier"], "main")
        self.assertEqual(main["ReadReplicaDBInstanceIdentifiers"], ["copy"])
        self.assertEqual((copy["DBInstanceClass"], copy["TagList"], copy["DeletionProtection"]),
                         ("db.t3.large", [{"Key": "a", "Value": "1"}], False))
        self.assertNotEqual(copy["DbiResourceId"], main["DbiResourceId"])
        self.assertNotIn("MasterUserSecret", copy)
        self.rds.promote_read_replica(DBInstanceIdentifier="copy")
        self.assertEqual(self.becomes("available", lambda: self.status("copy")), ["modifying", "available"])
        self.assertNotIn("ReadReplicaSourceDBInstanceIdentifier", self.look("copy"))
        self.assertEqual(self.look()["ReadReplicaDBInstanceIdentifiers"], [])
        self.remove("copy")
        self.gone("DBInstanceNotFound", lambda: self.status("copy"))
        self.assertIn("MasterUserSecret", self.look())

    def test_copies_of_backups_are_started_and_stopped_where_they_are_kept(self):
        far = self.client("rds", "eu-west-2")
        self.database(BackupRetentionPeriod=0)
        arn = {"SourceDBInstanceArn": self.look()["DBInstanceArn"]}
        start, stop = far.start_db_instance_automated_backups_replication, far.stop_db_instance_automated_backups_replication
        self.refused("InvalidDBInstanceState", start, **arn)
        self.rds.modify_db_instance(DBInstanceIdentifier="main", BackupRetentionPeriod=1, ApplyImmediately=True)
        self.refused("InvalidDBInstanceState", start, **arn)
        self.becomes("available", self.status)
        self.refused("InvalidParameterCombination", self.rds.start_db_instance_automated_backups_replication, **arn)
        self.refused("InvalidDBInstanceState", stop, **arn)
        copies = start(**arn)["DBInstanceAutomatedBackup"]["DBInstanceAutomatedBackupsArn"]
        self.assertEqual(copies.split(":")[3], "eu-west-2")
        self.assertEqual(self.look()["DBInstanceAutomatedBackupsReplications"], [{"DBInstanceAutomatedBackupsArn": copies}])
        self.refused("InvalidDBInstanceAutomatedBackupState", start, **arn)
        stop(**arn)
        self.assertEqual(self.look().get("DBInstanceAutomatedBackupsReplications", []), [])
        self.refused("DBInstanceNotFound", stop, SourceDBInstanceArn=arn["SourceDBInstanceArn"] + "-other")

    def test_subnet_groups(self):
        self.place()
        make = lambda **params: self.rds.create_db_subnet_group(
            **{"DBSubnetGroupName": "new", "DBSubnetGroupDescription": "d", "SubnetIds": self.places, **params}
        )
        self.refused("DBSubnetGroupAlreadyExists", make, DBSubnetGroupName="DATA")
        self.refused("InvalidSubnet", make, SubnetIds=["subnet-1", "subnet-2"])
        self.refused("DBSubnetGroupDoesNotCoverEnoughAZs", make, SubnetIds=self.places[:1])
        self.rds.modify_db_subnet_group(DBSubnetGroupName="data", DBSubnetGroupDescription="new",
                                        SubnetIds=self.places[:2])
        shown = self.rds.describe_db_subnet_groups(DBSubnetGroupName="data")["DBSubnetGroups"][0]
        self.assertEqual(shown["DBSubnetGroupDescription"], "new")
        self.assertEqual({s["SubnetIdentifier"] for s in shown["Subnets"]}, set(self.places[:2]))
        self.refused("DBSubnetGroupNotFoundFault", self.rds.describe_db_subnet_groups, DBSubnetGroupName="missing")

    def test_parameter_groups(self):
        group = {"DBParameterGroupName": "tuned"}
        make = lambda family: self.rds.create_db_parameter_group(
            DBParameterGroupFamily=family, Description="d", **group
        )
        self.refused("InvalidParameterValue", lambda: make("postgres99"))
        make("postgres16")
        change = lambda method: self.rds.modify_db_parameter_group(Parameters=[
            {"ParameterName": "max_connections", "ParameterValue": "200", "ApplyMethod": method}], **group)
        self.refused("InvalidParameterCombination", lambda: change("immediate"))
        change("pending-reboot")
        mine = self.rds.describe_db_parameters(Source="user", **group)["Parameters"]
        self.assertEqual([(p["ParameterName"], p["ParameterValue"], p["ApplyType"]) for p in mine],
                         [("max_connections", "200", "static")])
        everything = self.rds.describe_db_parameters(**group)["Parameters"]
        self.assertIn("shared_buffers", [p["ParameterName"] for p in everything])
        self.database(DBParameterGroupName="tuned")
        self.refused("InvalidDBParameterGroupState", self.rds.delete_db_parameter_group, **group)
        self.rds.reset_db_parameter_group(Parameters=[{"ParameterName": "max_connections",
                                                       "ApplyMethod": "pending-reboot"}], **group)
        self.assertEqual(self.rds.describe_db_parameters(Source="user", **group)["Parameters"], [])
        self.remove()
        self.gone("DBInstanceNotFound", self.status)
        self.rds.delete_db_parameter_group(**group)
        self.refused("DBParameterGroupNotFound", self.rds.describe_db_parameter_groups, **group)
        default = self.rds.describe_db_parameter_groups(DBParameterGroupName="default.postgres17")
        self.assertEqual(default["DBParameterGroups"][0]["DBParameterGroupFamily"], "postgres17")


class LoadBalancers(Case):
    def balancer(self, wait=True, **params):
        if not hasattr(self, "network"):
            self.network = self.vpc()
            self.places = self.subnets(self.network)
            self.igw = self.gateway(self.network)
            self.sg = self.group(self.network)
        wanted = {"Name": "front", "Subnets": self.places, "SecurityGroups": [self.sg]}
        arn = self.elbv2.create_load_balancer(**{**wanted, **params})["LoadBalancers"][0]["LoadBalancerArn"]
        if wait:
            self.becomes("active", lambda: self.look(arn)["State"]["Code"])
        return arn

    def look(self, arn):
        return self.elbv2.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]

    def targets(self, **params):
        wanted = {"Name": "app", "Protocol": "HTTP", "Port": 80, "VpcId": self.network, "TargetType": "ip"}
        return self.elbv2.create_target_group(**{**wanted, **params})["TargetGroups"][0]["TargetGroupArn"]

    def listener(self, balancer, targets, **params):
        wanted = {"LoadBalancerArn": balancer, "Protocol": "HTTP", "Port": 80,
                  "DefaultActions": [{"Type": "forward", "TargetGroupArn": targets}]}
        return self.elbv2.create_listener(**{**wanted, **params})["Listeners"][0]

    def test_a_load_balancer_occupies_its_network(self):
        arn = self.balancer(wait=False)
        self.assertEqual(self.becomes("active", lambda: self.look(arn)["State"]["Code"]), ["provisioning", "active"])
        self.assertEqual(self.look(arn)["CanonicalHostedZoneId"], "Z215JYRZR1TBD5")
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.places[0])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=self.sg)
        detach = lambda: self.ec2.detach_internet_gateway(InternetGatewayId=self.igw, VpcId=self.network)
        self.refused("DependencyViolation", detach)
        other = self.group(self.network, "other")
        self.elbv2.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[other])
        self.ec2.delete_security_group(GroupId=self.sg)
        self.elbv2.set_subnets(LoadBalancerArn=arn, Subnets=self.places[:2])
        self.ec2.delete_subnet(SubnetId=self.places[2])
        attributes = self.elbv2.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]
        self.assertIn({"Key": "idle_timeout.timeout_seconds", "Value": "60"}, attributes)
        protect = lambda on: self.elbv2.modify_load_balancer_attributes(
            LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": on}]
        )
        protect("true")
        self.refused("OperationNotPermitted", self.elbv2.delete_load_balancer, LoadBalancerArn=arn)
        protect("false")
        self.elbv2.delete_load_balancer(LoadBalancerArn=arn)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.places[0])
        self.advance(100)
        self.ec2.delete_subnet(SubnetId=self.places[0])
        detach()

    def test_a_load_balancer_needs_what_it_refers_to(self):
        arn = self.balancer(wait=False)
        self.assertEqual(self.balancer(wait=False), arn, "the same settings again")
        for code, bad in (
            ("DuplicateLoadBalancerName", {"Scheme": "internal"}),
            ("SubnetNotFound", {"Name": "new", "Subnets": ["subnet-1", "subnet-2"]}),
            ("ValidationError", {"Name": "new", "Subnets": self.places[:1]}),
            ("InvalidSecurityGroup", {"Name": "new", "SecurityGroups": ["sg-1"]}),
        ):
            self.refused(code, lambda bad=bad: self.balancer(wait=False, **bad))
        closed = self.vpc("10.0.0.0/16")
        places = self.subnets(closed)
        self.refused("InvalidSubnet", lambda: self.balancer(
            wait=False, Name="new", Subnets=places, SecurityGroups=[self.group(closed)]))

    def test_listeners_and_target_groups(self):
        balancer = self.balancer(wait=False)
        targets = self.targets()
        self.assertEqual(self.targets(), targets, "the same settings again")
        self.refused("DuplicateTargetGroupName", lambda: self.targets(Port=81))
        self.refused("ValidationError", lambda: self.targets(Name="new", VpcId="vpc-1"))
        listener = self.listener(balancer, targets)
        self.assertNotIn("SslPolicy", listener)
        again = self.listener(balancer, targets)
        self.assertEqual(again["ListenerArn"], listener["ListenerArn"], "the same settings again")
        redirect = [{"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "StatusCode": "HTTP_301"}}]
        self.refused("DuplicateListener", lambda: self.listener(balancer, targets, DefaultActions=redirect))
        self.refused("TargetGroupNotFound", lambda: self.listener(balancer, targets[:-1] + "x", Port=81))
        self.refused("ResourceInUse", self.elbv2.delete_target_group, TargetGroupArn=targets)
        missing = f"arn:aws:acm:{REGION}:{self.account}:certificate/missing"
        for code, bad in (("ValidationError", []), ("CertificateNotFound", [{"CertificateArn": missing}])):
            self.refused(code, lambda bad=bad: self.listener(balancer, targets, Port=443, Protocol="HTTPS",
                                                             Certificates=bad))
        self.elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
        self.elbv2.delete_target_group(TargetGroupArn=targets)

    def test_web_acls(self):
        visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
        managed = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesSQLiRuleSet"}}
        rate = {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP"}}
        rules = [
            {"Name": "sqli", "Priority": 0, "Statement": managed, "OverrideAction": {"None": {}},
             "VisibilityConfig": visibility},
            {"Name": "rate", "Priority": 1, "Statement": rate, "Action": {"Block": {}}, "VisibilityConfig": visibility},
        ]
        wanted = {"Name": "guard", "Scope": "REGIONAL", "DefaultAction": {"Allow": {}}, "VisibilityConfig": visibility,
                  "Rules": rules}
        made = self.wafv2.create_web_acl(**wanted)["Summary"]
        named = {"Name": "guard", "Scope": "REGIONAL", "Id": made["Id"]}
        self.refused("WAFDuplicateItemException", self.wafv2.create_web_acl, **wanted)
        self.refused("WAFInvalidParameterException", self.wafv2.create_web_acl, **{**wanted, "Scope": "CLOUDFRONT"})
        shown = self.wafv2.get_web_acl(**named)["WebACL"]
        self.assertEqual((shown["Capacity"], shown["Rules"]), (202, rules))
        balancer = self.balancer(wait=False)
        pair = {"WebACLArn": made["ARN"], "ResourceArn": balancer}
        self.refused("WAFUnavailableEntityException", self.wafv2.associate_web_acl, **pair)
        self.becomes("active", lambda: self.look(balancer)["State"]["Code"])
        self.refused("WAFNonexistentItemException", self.wafv2.associate_web_acl, WebACLArn=made["ARN"],
                     ResourceArn=balancer[:-1] + "x")
        self.wafv2.associate_web_acl(**pair)
        self.assertEqual(self.wafv2.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["Name"], "guard")
        self.assertEqual(self.wafv2.list_resources_for_web_acl(WebACLArn=made["ARN"])["ResourceArns"], [balancer])
        token = self.wafv2.get_web_acl(**named)["LockToken"]
        self.refused("WAFAssociatedItemException", self.wafv2.delete_web_acl, **named, LockToken=token)
        self.elbv2.delete_load_balancer(LoadBalancerArn=balancer)
        self.assertNotIn("WebACL", self.wafv2.get_web_acl_for_resource(ResourceArn=balancer))
        self.wafv2.delete_web_acl(**named, LockToken=token)


class Names(Case):
    def zone(self, name="example.com", reference="one"):
        return self.route53.create_hosted_zone(Name=name, CallerReference=reference)["HostedZone"]["Id"]

    def change(self, zone, *changes):
        batch = [{"Action": action, "ResourceRecordSet": record} for action, record in changes]
        self.route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})

    def records(self, zone):
        return self.route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]

    def certificate(self, **params):
        return self.acm.request_certificate(**{"DomainName": "example.com", "ValidationMethod": "DNS", **params})[
            "CertificateArn"
        ]

    def look(self, arn):
        return self.acm.describe_certificate(CertificateArn=arn)["Certificate"]

    def wanted_records(self, arn):
        def known():
            return all("ResourceRecord" in option for option in self.look(arn)["DomainValidationOptions"])

        self.becomes(True, known)
        return {
            option["ResourceRecord"]["Name"]: option["ResourceRecord"]
            for option in self.look(arn)["DomainValidationOptions"]
        }

    def test_a_caller_reference_makes_one_object(self):
        self.zone()
        self.refused("HostedZoneAlreadyExists", self.zone, name="other.com")
        check = {"Type": "HTTPS", "FullyQualifiedDomainName": "example.com", "Port": 443}
        make = lambda **more: self.route53.create_health_check(
            CallerReference="one", HealthCheckConfig={**check, **more}
        )["HealthCheck"]["Id"]
        self.assertEqual(make(), make())
        self.refused("HealthCheckAlreadyExists", make, Port=444)

    def test_a_batch_applies_as_a_whole_or_not_at_all(self):
        zone = self.zone()
        good = {"Name": "a.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.0.0.1"}]}
        foreign = {**good, "Name": "a.example.org"}
        self.refused("InvalidChangeBatch", lambda: self.change(zone, ("CREATE", good), ("CREATE", foreign)))
        self.assertEqual(len(self.records(zone)), 2)
        self.change(zone, ("CREATE", good))
        self.refused("InvalidChangeBatch", lambda: self.change(zone, ("CREATE", good)))
        self.refused("InvalidChangeBatch", lambda: self.change(zone, ("DELETE", {**good, "TTL": 61})))
        cname = {**good, "Type": "CNAME", "ResourceRecords": [{"Value": "b.example.com"}]}
        self.refused("InvalidChangeBatch", lambda: self.change(zone, ("CREATE", cname)))
        self.refused("HostedZoneNotEmpty", self.route53.delete_hosted_zone, Id=zone)
        self.change(zone, ("DELETE", good), ("CREATE", cname))
        self.change(zone, ("DELETE", cname))
        self.refused("InvalidChangeBatch", lambda: self.change(zone, ("DELETE", cname)))
        self.route53.delete_hosted_zone(Id=zone)

    def test_aliases_and_wildcards_read_back(self):
        zone = self.zone()
        target = {"HostedZoneId": "Z215JYRZR1TBD5", "DNSName": "lb.elb.amazonaws.com.", "EvaluateTargetHealth": True}
        self.change(zone, ("UPSERT", {"Name": "*.Example.com", "Type": "A", "AliasTarget": target}))
        [shown] = [record for record in self.records(zone) if record["Type"] == "A"]
        self.assertEqual(shown, {"Name": "\\052.example.com.", "Type": "A", "AliasTarget": target})

    def test_a_certificate_is_issued_when_its_records_stand(self):
        arn = self.certificate(
            SubjectAlternativeNames=["*.example.com", "www.example.com"],
            Options={"CertificateTransparencyLoggingPreference": "DISABLED"},
            KeyAlgorithm="EC_prime256v1",
        )
        records = self.wanted_records(arn)
        self.assertEqual(len(records), 2, "a wildcard shares the record of its domain")
        self.advance(100)
        self.assertEqual(self.look(arn)["Status"], "PENDING_VALIDATION")
        zone = self.zone()
        changes = [
            ("UPSERT", {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": record["Value"]}]})
            for name, record in records.items()
        ]
        self.change(zone, *changes[:1])
        self.advance(100)
        self.assertEqual(self.look(arn)["Status"], "PENDING_VALIDATION")
        self.change(zone, *changes[1:])
        self.assertEqual(self.look(arn)["Status"], "PENDING_VALIDATION")
        self.becomes("ISSUED", lambda: self.look(arn)["Status"])
        shown = self.look(arn)
        self.assertEqual(shown["SubjectAlternativeNames"], ["example.com", "*.example.com", "www.example.com"])
        self.assertEqual(shown["KeyAlgorithm"], "EC_prime256v1")
        self.assertEqual(shown["Options"]["CertificateTransparencyLoggingPreference"], "DISABLED")
        self.assertEqual(self.acm.list_certificates()["CertificateSummaryList"][0]["Status"], "ISSUED")
        second = self.certificate(DomainName="www.example.com")
        self.becomes("ISSUED", lambda: self.look(second)["Status"])

    def test_a_certificate_in_use_stays(self):
        arn = self.certificate()
        listeners = LoadBalancers()
        listeners.account = self.account
        balancer = listeners.balancer(wait=False)
        targets = listeners.targets()
        tls = {"Port": 443, "Protocol": "HTTPS", "Certificates": [{"CertificateArn": arn}]}
        self.refused("UnsupportedCertificate", lambda: listeners.listener(balancer, targets, **tls))
        zone = self.zone()
        for name, record in self.wanted_records(arn).items():
            self.change(zone, ("UPSERT", {"Name": name, "Type": "CNAME", "TTL": 60,
                                          "ResourceRecords": [{"Value": record["Value"]}]}))
        self.becomes("ISSUED", lambda: self.look(arn)["Status"])
        listener = listeners.listener(balancer, targets, **tls)
        self.assertEqual(self.look(arn)["InUseBy"], [balancer])
        self.refused("ResourceInUseException", self.acm.delete_certificate, CertificateArn=arn)
        self.elbv2.delete_listener(ListenerArn=listener["ListenerArn"])
        self.acm.delete_certificate(CertificateArn=arn)
        self.refused("ResourceNotFoundException", self.look, arn=arn)


class Keys(Case):
    def test_a_key_that_awaits_its_deletion_cannot_be_used(self):
        key = self.kms.create_key()["KeyMetadata"]
        self.kms.create_alias(AliasName="alias/app", TargetKeyId=key["KeyId"])
        self.kms.encrypt(KeyId="alias/app", Plaintext=b"x")
        self.assertEqual(self.kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)["KeyId"], key["Arn"])
        for call, more in ((self.kms.encrypt, {"Plaintext": b"x"}), (self.kms.enable_key_rotation, {}),
                           (self.kms.schedule_key_deletion, {})):
            self.refused("KMSInvalidStateException", call, KeyId=key["KeyId"], **more)
        self.kms.cancel_key_deletion(KeyId=key["KeyId"])
        self.assertEqual(self.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"]["KeyState"], "Disabled")
        self.kms.enable_key(KeyId=key["KeyId"])
        self.kms.encrypt(KeyId="alias/app", Plaintext=b"x")
        missing = "00000000-0000-0000-0000-000000000000"
        self.refused("NotFoundException", self.kms.schedule_key_deletion, KeyId=missing)

    def test_the_rotation_period_reads_back(self):
        key = self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.assertFalse(self.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"])
        self.kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
        self.assertEqual(self.kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"], 180)
        self.refused("MalformedPolicyDocumentException", self.kms.create_key, Policy="nonsense")

    def test_secrets_rotate_with_a_function_only(self):
        secret = self.secretsmanager.create_secret(Name="s", SecretString="{}")["ARN"]
        rules = {"AutomaticallyAfterDays": 30}
        rotate = self.secretsmanager.rotate_secret
        self.refused("InvalidRequestException", rotate, SecretId=secret, RotationRules=rules)
        missing = f"arn:aws:lambda:{REGION}:{self.account}:function:missing"
        self.refused(
            "ResourceNotFoundException", rotate, SecretId=secret, RotationLambdaARN=missing, RotationRules=rules
        )
        self.assertFalse(self.secretsmanager.describe_secret(SecretId=secret).get("RotationEnabled"))
        self.secretsmanager.delete_secret(SecretId=secret)
        self.refused("InvalidRequestException", self.secretsmanager.create_secret, Name="s", SecretString="{}")

    def test_log_groups_keep_class_and_key(self):
        key = self.kms.create_key()["KeyMetadata"]["Arn"]
        self.logs.create_log_group(logGroupName="app", logGroupClass="INFREQUENT_ACCESS")
        self.refused("ResourceAlreadyExistsException", self.logs.create_log_group, logGroupName="app")
        self.logs.associate_kms_key(logGroupName="app", kmsKeyId=key)
        look = lambda: self.logs.describe_log_groups(logGroupNamePrefix="app")["logGroups"][0]
        self.assertEqual((look()["logGroupClass"], look()["kmsKeyId"]), ("INFREQUENT_ACCESS", key))
        self.logs.disassociate_kms_key(logGroupName="app")
        self.assertNotIn("kmsKeyId", look())
        self.refused(
            "InvalidParameterException", self.logs.put_retention_policy, logGroupName="app", retentionInDays=31
        )
        self.refused("ResourceNotFoundException", self.logs.associate_kms_key, logGroupName="missing", kmsKeyId=key)

    def test_log_groups_that_are_named_come_in_one_page(self):
        for index in range(60):
            self.logs.create_log_group(logGroupName=f"many/{index}")
        named = [f"many/{index}" for index in range(49)]
        page = self.logs.describe_log_groups(logGroupIdentifiers=[*named, "none"])
        self.assertEqual(sorted(group["logGroupName"] for group in page["logGroups"]), sorted(named))
        self.assertNotIn("nextToken", page)
        self.refused("InvalidParameterException", self.logs.describe_log_groups, logGroupIdentifiers=["x"] * 51)

    def test_a_repository_with_images_stays(self):
        self.ecr.create_repository(repositoryName="app", imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                                   imageTagMutabilityExclusionFilters=[{"filterType": "WILDCARD", "filter": "dev-*"}])
        shown = self.ecr.describe_repositories(repositoryNames=["app"])["repositories"][0]
        self.assertEqual(shown["imageTagMutabilityExclusionFilters"], [{"filterType": "WILDCARD", "filter": "dev-*"}])
        manifest = {"schemaVersion": 2, "config": {"digest": "sha256:" + "0" * 64, "size": 1}, "layers": [],
                    "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}
        self.ecr.put_image(repositoryName="app", imageManifest=json.dumps(manifest), imageTag="v1")
        self.refused("RepositoryNotEmptyException", self.ecr.delete_repository, repositoryName="app")
        self.ecr.delete_repository(repositoryName="app", force=True)

    def test_a_policy_in_use_stays(self):
        document = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})
        arn = self.iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
        self.role()
        self.iam.attach_role_policy(RoleName="role", PolicyArn=arn)
        self.iam.attach_role_policy(RoleName="role", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSClusterPolicy")
        self.refused("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="role")
        self.iam.detach_role_policy(RoleName="role", PolicyArn=arn)
        self.iam.create_policy_version(PolicyArn=arn, PolicyDocument=document, SetAsDefault=True)
        self.refused("DeleteConflict", self.iam.delete_policy, PolicyArn=arn)
        self.iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
        self.iam.delete_policy(PolicyArn=arn)
        self.iam.create_policy(PolicyName="limit", PolicyDocument=document)
        limit = f"arn:aws:iam::{self.account}:policy/limit"
        self.iam.put_role_permissions_boundary(RoleName="role", PermissionsBoundary=limit)
        [shown] = self.iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
        self.assertEqual(shown["PermissionsBoundary"]["PermissionsBoundaryArn"], limit)
        provider = self.iam.create_open_id_connect_provider(Url="https://example.com", ClientIDList=["one"],
                                                            ThumbprintList=["0" * 40])["OpenIDConnectProviderArn"]
        self.iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="two")
        self.iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=provider, ClientID="one")
        shown = self.iam.get_open_id_connect_provider(OpenIDConnectProviderArn=provider)
        self.assertEqual(shown["ClientIDList"], ["two"])
        self.refused("MalformedPolicyDocument", self.iam.create_role, RoleName="r", AssumeRolePolicyDocument="nonsense")

    def test_a_repository_is_no_longer_scanned_when_nothing_is_said(self):
        self.ecr.create_repository(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})
        self.ecr.put_image_scanning_configuration(repositoryName="app", imageScanningConfiguration={})
        shown = self.ecr.describe_repositories(repositoryNames=["app"])["repositories"][0]
        self.assertEqual(shown["imageScanningConfiguration"], {"scanOnPush": False})


class Tokens(Case):
    def test_ec2_answers_the_same_object(self):
        vpc = self.vpc()
        make = lambda **more: self.ec2.create_route_table(VpcId=vpc, ClientToken="t", **more)
        one, two = make(), make()
        self.assertEqual(one["RouteTable"]["RouteTableId"], two["RouteTable"]["RouteTableId"])
        tags = [{"ResourceType": "route-table", "Tags": [{"Key": "a", "Value": "1"}]}]
        self.refused("IdempotentParameterMismatch", make, TagSpecifications=tags)
        [subnet] = self.subnets(vpc, 1)
        self.gateway(vpc)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        nats = {self.nat(subnet, AllocationId=address, ClientToken="n") for _ in "12"}
        self.assertEqual(len(nats), 1)
        self.becomes("available", lambda: self.nat_state(nats.pop()) if nats else "available")

    def test_eks_answers_the_same_object(self):
        self.cluster(clientRequestToken="t", wait=False)
        self.cluster(clientRequestToken="t")
        self.refused("InvalidParameterException", self.cluster, name="other", clientRequestToken="t")
        self.refused("ResourceInUseException", self.cluster, clientRequestToken="u")

    def test_acm_answers_the_same_certificate(self):
        make = lambda name, **more: self.acm.request_certificate(
            DomainName=name, ValidationMethod="DNS", IdempotencyToken="t", **more
        )["CertificateArn"]
        tags = [{"Key": "a", "Value": "1"}]
        self.assertEqual(make("a.com", Tags=tags), make("a.com", Tags=tags))
        self.assertNotEqual(make("a.com", Tags=tags), make("b.com"))


class Tags(Case):
    def test_resources_are_found_by_tag(self):
        tags = [{"Key": "stack", "Value": "one"}]
        self.cluster(tags={"stack": "one"})
        self.eks.create_addon(clusterName="main", addonName="vpc-cni", tags={"stack": "one"})
        self.ec2.allocate_address(Domain="vpc", TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}])
        self.ecr.create_repository(repositoryName="app", tags=tags)
        self.rds.create_db_parameter_group(DBParameterGroupName="g", DBParameterGroupFamily="postgres16", Description="d",
                                           Tags=tags)
        search = lambda **more: [
            mapping["ResourceARN"].split(":", 5)[2] + ":" + mapping["ResourceARN"].split(":", 5)[5].split("/")[0]
            for mapping in self.resourcegroupstaggingapi.get_resources(
                TagFilters=[{"Key": "stack", "Values": ["one"]}], **more
            )["ResourceTagMappingList"]
        ]
        self.assertEqual(sorted(search()), ["ec2:elastic-ip", "ecr:repository", "eks:addon", "eks:cluster", "rds:pg:g"])
        self.assertEqual(sorted(search(ResourceTypeFilters=["eks"])), ["eks:addon", "eks:cluster"])
        self.assertEqual(search(ResourceTypeFilters=["eks:cluster"]), ["eks:cluster"])
        self.kms.create_key(Tags=[{"TagKey": "stack", "TagValue": "one"}])
        self.assertEqual(search(ResourceTypeFilters=["kms:key"]), ["kms:key"])
        self.assertEqual(search(ResourceTypeFilters=["kms:alias"]), [])

    def test_resources_that_are_named_come_in_one_page(self):
        arn = lambda index: f"arn:aws:logs:{REGION}:{self.account}:log-group:/named-{index}"
        for index in range(120):
            self.logs.create_log_group(logGroupName=f"/named-{index}", tags={"index": str(index)})
        self.ecr.create_repository(repositoryName="named", tags=[{"Key": "a", "Value": "1"}])
        repository = self.ecr.describe_repositories()["repositories"][0]["repositoryArn"]
        asked = [*map(arn, range(99)), repository]
        reply = self.resourcegroupstaggingapi.get_resources(ResourceARNList=asked)
        found = {mapping["ResourceARN"]: mapping["Tags"] for mapping in reply["ResourceTagMappingList"]}
        self.assertEqual(set(found), set(asked))
        self.assertEqual(found[arn(7)], [{"Key": "index", "Value": "7"}])
        self.assertFalse(reply["PaginationToken"])


if __name__ == "__main__":
    unittest.main()
