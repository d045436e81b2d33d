"""What the sandbox's extension restores of endpoints, flow logs, launch templates, instance profiles, listener rules and
web ACLs. Run like `test_extension.py`, on which it stands.
"""

import unittest

from test_extension import REGION, Case, setUpModule, tearDownModule  # noqa: F401


class Endpoints(Case):
    def setUp(self):
        super().setUp()
        self.network = self.vpc()
        self.places = self.subnets(self.network)

    def endpoint(self, service="ecr.api", **params):
        params.setdefault("VpcEndpointType", "Interface")
        params.setdefault("PrivateDnsEnabled", False)
        return self.ec2.create_vpc_endpoint(
            VpcId=self.network, ServiceName=f"com.amazonaws.{REGION}.{service}", **params
        )["VpcEndpoint"]["VpcEndpointId"]

    def gateway_endpoint(self, *tables):
        return self.endpoint("s3", VpcEndpointType="Gateway", RouteTableIds=list(tables))

    def table(self):
        return self.ec2.create_route_table(VpcId=self.network)["RouteTable"]["RouteTableId"]

    def look(self, endpoint):
        return self.ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"][0]

    def test_interfaces_are_pending_and_occupy_subnets_until_they_are_gone(self):
        group = self.group(self.network)
        endpoint = self.endpoint(SubnetIds=self.places[:2], SecurityGroupIds=[group])
        states = self.becomes("available", lambda: self.look(endpoint)["State"])
        self.assertEqual(states, ["pending", "available"])
        self.assertEqual(len(self.look(endpoint)["NetworkInterfaceIds"]), 2)
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.places[0])
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=group)
        self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
        self.assertEqual(self.look(endpoint)["State"], "deleting")
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.places[0])
        self.gone("InvalidVpcEndpointId.NotFound", lambda: self.look(endpoint))
        self.ec2.delete_subnet(SubnetId=self.places[0])
        self.ec2.delete_security_group(GroupId=group)

    def test_an_endpoint_is_found_by_filter(self):
        endpoint = self.endpoint(TagSpecifications=[{"ResourceType": "vpc-endpoint", "Tags": [{"Key": "a", "Value": "1"}]}])
        for wanted in ({"Name": "vpc-endpoint-id", "Values": [endpoint, "vpce-0"]}, {"Name": "tag:a", "Values": ["1"]}):
            found = self.ec2.describe_vpc_endpoints(Filters=[wanted])["VpcEndpoints"]
            self.assertEqual([known["VpcEndpointId"] for known in found], [endpoint])

    def test_a_service_must_exist_and_have_a_gateway(self):
        self.refused("InvalidServiceName", self.ec2.create_vpc_endpoint, VpcId=self.network, ServiceName="nothing")
        self.refused("InvalidParameter", self.endpoint, service="ecr.api", VpcEndpointType="Gateway")

    def test_gateways_have_one_route_in_a_table(self):
        one, other = self.table(), self.table()
        endpoint = self.gateway_endpoint(one)
        self.assertEqual(self.look(endpoint)["State"], "available")
        self.assertFalse(self.look(endpoint)["PrivateDnsEnabled"])
        self.refused("RouteAlreadyExists", lambda: self.gateway_endpoint(one))
        self.refused("RouteAlreadyExists", self.ec2.modify_vpc_endpoint, VpcEndpointId=endpoint, AddRouteTableIds=[one])
        self.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[other], RemoveRouteTableIds=[one])
        targets = lambda table: [
            route.get("GatewayId")
            for route in self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        ]
        self.assertIn(endpoint, targets(other))
        self.assertNotIn(endpoint, targets(one))
        self.ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])
        self.assertNotIn(endpoint, targets(other))
        self.assertEqual(self.ec2.describe_vpc_endpoints()["VpcEndpoints"], [])

    def test_what_is_told_of_subnets_and_names_is_kept(self):
        endpoint = self.endpoint(SubnetIds=self.places[:1], IpAddressType="ipv4")
        self.ec2.modify_vpc_endpoint(
            VpcEndpointId=endpoint,
            AddSubnetIds=[self.places[1]],
            RemoveSubnetIds=[self.places[0]],
            IpAddressType="dualstack",
            DnsOptions={"DnsRecordIpType": "dualstack"},
        )
        seen = self.look(endpoint)
        self.assertEqual((seen["SubnetIds"], len(seen["NetworkInterfaceIds"])), ([self.places[1]], 1))
        self.assertEqual((seen["IpAddressType"], seen["DnsOptions"]["DnsRecordIpType"]), ("dualstack", "dualstack"))
        self.ec2.delete_subnet(SubnetId=self.places[0])
        self.refused("DuplicateSubnetsInSameZone", self.ec2.modify_vpc_endpoint, VpcEndpointId=endpoint,
                     AddSubnetIds=[self.places[1]])

    def test_private_names_need_dns_in_the_vpc_and_lead_to_one_endpoint(self):
        self.refused("InvalidParameter", self.endpoint, PrivateDnsEnabled=True)
        self.ec2.modify_vpc_attribute(VpcId=self.network, EnableDnsHostnames={"Value": True})
        endpoint = self.endpoint(PrivateDnsEnabled=True)
        self.refused("InvalidParameter", self.endpoint, PrivateDnsEnabled=True)
        self.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, PrivateDnsEnabled=False)
        self.endpoint(PrivateDnsEnabled=True)

    def test_a_deletion_lists_what_it_refused(self):
        endpoint = self.endpoint()
        refused = self.ec2.delete_vpc_endpoints(VpcEndpointIds=["vpce-0", endpoint])["Unsuccessful"]
        self.assertEqual([item["ResourceId"] for item in refused], ["vpce-0"])
        self.assertEqual(refused[0]["Error"]["Code"], "InvalidVpcEndpointId.NotFound")
        self.refused("InvalidVpcEndpointId.NotFound", self.ec2.modify_vpc_endpoint, VpcEndpointId="vpce-0")


class FlowLogs(Case):
    def flow_log(self, destination, **params):
        return self.ec2.create_flow_logs(
            ResourceIds=[self.vpc()], ResourceType="VPC", TrafficType="ALL", LogDestination=destination, **params
        )

    def test_a_bucket_may_have_a_folder_and_options(self):
        self.client("s3").create_bucket(
            Bucket=f"flow-{self.account}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        arn = f"arn:aws:s3:::flow-{self.account}/vpc"
        made = self.flow_log(arn, LogDestinationType="s3", DestinationOptions={"PerHourPartition": True})
        log = self.ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"][0]
        self.assertEqual(log["LogDestination"], arn)
        self.assertEqual(log["DestinationOptions"]["PerHourPartition"], True)
        self.assertEqual(log["DestinationOptions"]["FileFormat"], "plain-text")

    def test_a_missing_bucket_is_refused_inside_a_success(self):
        made = self.flow_log("arn:aws:s3:::nobody/vpc", LogDestinationType="s3")
        self.assertEqual(made["FlowLogIds"], [])
        self.assertIn("does not exist", made["Unsuccessful"][0]["Error"]["Message"])

    def test_a_log_group_may_be_named_by_its_arn(self):
        self.logs.create_log_group(logGroupName="flow")
        arn = f"arn:aws:logs:{REGION}:{self.account}:log-group:flow"
        made = self.flow_log(arn, DeliverLogsPermissionArn=self.role())
        log = self.ec2.describe_flow_logs(FlowLogIds=made["FlowLogIds"])["FlowLogs"][0]
        self.assertEqual((log["LogGroupName"], log["DeliverLogsStatus"]), ("flow", "SUCCESS"))


class LaunchTemplates(Case):
    def template(self, name="nodes", **data):
        data = {"InstanceType": "m7g.large", **data}
        tags = [{"ResourceType": "launch-template", "Tags": [{"Key": "a", "Value": "1"}]}]
        made = self.ec2.create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData=data, TagSpecifications=tags
        )
        return made["LaunchTemplate"]["LaunchTemplateId"]

    def versions(self, **params):
        return self.ec2.describe_launch_template_versions(**params)["LaunchTemplateVersions"]

    def test_its_own_tags_are_not_those_of_instances(self):
        template = self.template(TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "b", "Value": "1"}]}])
        (version,) = self.versions(LaunchTemplateId=template)
        specs = version["LaunchTemplateData"]["TagSpecifications"]
        self.assertEqual([spec["ResourceType"] for spec in specs], ["volume"])
        self.ec2.create_tags(Resources=[template], Tags=[{"Key": "a", "Value": "2"}])
        (seen,) = self.ec2.describe_launch_templates()["LaunchTemplates"]
        self.assertEqual(seen["Tags"], [{"Key": "a", "Value": "2"}])

    def test_lists_come_in_pages(self):
        for number in range(30):
            self.template(f"nodes-{number}")
        self.assertEqual(len(self.ec2.describe_launch_templates()["LaunchTemplates"]), 30)
        pages = self.ec2.get_paginator("describe_launch_template_versions")
        pages = list(pages.paginate(Versions=["$Latest", "$Default"], PaginationConfig={"PageSize": 20}))
        self.assertEqual([len(page["LaunchTemplateVersions"]) for page in pages], [20, 10])

    def test_latest_and_default_may_part(self):
        template = self.template()
        self.ec2.create_launch_template_version(
            LaunchTemplateId=template, LaunchTemplateData={"InstanceType": "m7g.xlarge"}
        )
        seen = self.versions(Versions=["$Latest", "$Default"])
        self.assertEqual({version["VersionNumber"]: version["DefaultVersion"] for version in seen}, {2: False, 1: True})

    def test_what_is_missing_is_told(self):
        missing = {"LaunchTemplateId": "lt-0"}
        for call, params in (
            (self.ec2.delete_launch_template, missing),
            (self.ec2.describe_launch_template_versions, missing),
            (self.ec2.modify_launch_template, {**missing, "DefaultVersion": "1"}),
            (self.ec2.describe_launch_templates, {"LaunchTemplateIds": ["lt-0"]}),
        ):
            self.refused("InvalidLaunchTemplateId.NotFound", call, **params)


class InstanceProfiles(Case):
    def test_a_role_goes_last(self):
        self.role()
        profile = {"InstanceProfileName": "nodes"}
        self.iam.create_instance_profile(**profile)
        self.refused("NoSuchEntity", self.iam.remove_role_from_instance_profile, **profile, RoleName="role")
        self.iam.add_role_to_instance_profile(**profile, RoleName="role")
        self.refused("DeleteConflict", self.iam.delete_role, RoleName="role")
        self.refused("DeleteConflict", self.iam.delete_instance_profile, **profile)
        self.iam.remove_role_from_instance_profile(**profile, RoleName="role")
        self.iam.delete_instance_profile(**profile)
        self.iam.delete_role(RoleName="role")


class Rules(Case):
    def setUp(self):
        super().setUp()
        vpc = self.vpc()
        balancer = self.elbv2.create_load_balancer(Name="front", Scheme="internal", Subnets=self.subnets(vpc))
        self.actions = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
        listener = self.elbv2.create_listener(
            LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"], Protocol="HTTP", Port=80,
            DefaultActions=self.actions,
        )
        self.listener = listener["Listeners"][0]["ListenerArn"]

    def rule(self, priority, **params):
        params.setdefault("Conditions", [{"Field": "path-pattern", "Values": ["/a"]}])
        return self.elbv2.create_rule(
            ListenerArn=self.listener, Priority=priority, Actions=self.actions, **params
        )["Rules"][0]["RuleArn"]

    def look(self, rule):
        return self.elbv2.describe_rules(RuleArns=[rule])["Rules"][0]

    def test_rules_change_places_in_one_call(self):
        one, two = self.rule(1), self.rule(2)
        move = lambda *pairs: self.elbv2.set_rule_priorities(
            RulePriorities=[{"RuleArn": arn, "Priority": priority} for arn, priority in pairs]
        )
        with self.assertRaises(self.elbv2.exceptions.PriorityInUseException):
            move((one, 2))
        move((one, 2), (two, 1))
        self.assertEqual((self.look(one)["Priority"], self.look(two)["Priority"]), ("2", "1"))

    def test_transforms_and_regular_expressions_are_kept(self):
        transforms = [{"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "a", "Replace": "b"}]}}]
        conditions = [{"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/a"]}}]
        rule = self.rule(1, Transforms=transforms, Conditions=conditions)
        self.assertEqual((self.look(rule)["Transforms"], self.look(rule)["Conditions"]), (transforms, conditions))
        self.elbv2.modify_rule(RuleArn=rule, Actions=self.actions)
        self.assertEqual(self.look(rule)["Transforms"], transforms)
        self.elbv2.modify_rule(RuleArn=rule, ResetTransforms=True)
        self.assertFalse(self.look(rule).get("Transforms"))

    def test_a_rule_must_be_there_and_the_default_one_stays(self):
        rule = self.rule(1)
        (default,) = [
            known for known in self.elbv2.describe_rules(ListenerArn=self.listener)["Rules"] if known["IsDefault"]
        ]
        self.refused("OperationNotPermitted", self.elbv2.delete_rule, RuleArn=default["RuleArn"])
        self.elbv2.delete_rule(RuleArn=rule)
        self.refused("RuleNotFound", self.elbv2.delete_rule, RuleArn=rule)


class WebAcls(Case):
    VISIBLE = {"SampledRequestsEnabled": False, "CloudWatchMetricsEnabled": False, "MetricName": "m"}

    def acl(self, waf, scope, rules=()):
        return waf.create_web_acl(
            Name="acl", Scope=scope, DefaultAction={"Allow": {}}, VisibilityConfig=self.VISIBLE, Rules=list(rules),
            Tags=[{"Key": "a", "Value": "1"}],
        )["Summary"]

    def ip_set(self, waf, scope, version="IPV4", addresses=("192.0.2.0/24",)):
        return waf.create_ip_set(
            Name="set", Scope=scope, IPAddressVersion=version, Addresses=list(addresses), Tags=[{"Key": "a", "Value": "1"}]
        )["Summary"]

    def test_cloudfront_is_in_one_region(self):
        waf = self.client("wafv2", "us-east-1")
        acl, ip_set = self.acl(waf, "CLOUDFRONT"), self.ip_set(waf, "CLOUDFRONT")
        tagging = self.client("resourcegroupstaggingapi", "us-east-1")
        found = tagging.get_resources(ResourceTypeFilters=["wafv2"])["ResourceTagMappingList"]
        self.assertEqual({tagged["ResourceARN"] for tagged in found}, {acl["ARN"], ip_set["ARN"]})
        self.refused("WAFInvalidParameterException", self.wafv2.list_web_acls, Scope="CLOUDFRONT")
        self.refused("WAFInvalidParameterException", self.wafv2.list_ip_sets, Scope="CLOUDFRONT")
        self.refused("WAFInvalidParameterException", self.wafv2.list_logging_configurations, Scope="CLOUDFRONT")

    def test_an_ip_set_is_kept_while_a_rule_refers_to_it(self):
        ip_set = self.ip_set(self.wafv2, "REGIONAL")
        self.refused("WAFDuplicateItemException", lambda: self.ip_set(self.wafv2, "REGIONAL"))
        rule = {
            "Name": "r", "Priority": 0, "Statement": {"IPSetReferenceStatement": {"ARN": ip_set["ARN"]}},
            "Action": {"Block": {}}, "VisibilityConfig": self.VISIBLE,
        }
        acl = self.acl(self.wafv2, "REGIONAL", [rule])
        delete = {"Name": "set", "Scope": "REGIONAL", "Id": ip_set["Id"], "LockToken": ip_set["LockToken"]}
        self.refused("WAFAssociatedItemException", self.wafv2.delete_ip_set, **delete)
        self.wafv2.delete_web_acl(Name="acl", Scope="REGIONAL", Id=acl["Id"], LockToken=acl["LockToken"])
        self.wafv2.delete_ip_set(**delete)

    def test_ipv6_ranges_come_back_in_full(self):
        made = self.ip_set(self.wafv2, "REGIONAL", "IPV6", ["2001:db8::/32"])
        seen = self.wafv2.get_ip_set(Name="set", Scope="REGIONAL", Id=made["Id"])["IPSet"]
        self.assertEqual(seen["Addresses"], ["2001:0db8:0000:0000:0000:0000:0000:0000/32"])

    def test_logs_go_to_one_destination_with_the_right_name(self):
        waf = self.client("wafv2", "us-east-1")
        put = lambda arn, *names: waf.put_logging_configuration(
            LoggingConfiguration={
                "ResourceArn": arn,
                "LogDestinationConfigs": [f"arn:aws:logs:us-east-1:{self.account}:log-group:{name}" for name in names],
            }
        )
        acls = [self.acl(waf, scope)["ARN"] for scope in ("CLOUDFRONT", "REGIONAL")]
        self.refused("WAFNonexistentItemException", lambda: put(acls[0] + "0", "aws-waf-logs-a"))
        self.refused("WAFInvalidParameterException", lambda: put(acls[0], "logs"))
        self.refused("WAFLimitsExceededException", lambda: put(acls[0], "aws-waf-logs-a", "aws-waf-logs-b"))
        for arn, scope in zip(acls, ("CLOUDFRONT", "REGIONAL")):
            put(arn, "aws-waf-logs-a")
            found = waf.list_logging_configurations(Scope=scope)["LoggingConfigurations"]
            self.assertEqual([known["ResourceArn"] for known in found], [arn])


if __name__ == "__main__":
    unittest.main()
