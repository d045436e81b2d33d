"""What the sandbox's extension restores of ElastiCache, DynamoDB and Parameter Store.

usage, with the Python of the sandbox's environment: python tests/sandbox/test_stores.py [unittest options]
"""

import json
import sys
import unittest

import test_extension
from test_extension import REGION, Case

KINDS = ("AWS::DynamoDB::Table", "AWS::ElastiCache::ReplicationGroup")
test_extension.DURATIONS.update({kind: {"create": 90, "update": 90, "delete": 90} for kind in KINDS})
setUpModule, tearDownModule = test_extension.setUpModule, test_extension.tearDownModule


class ElastiCache(Case):
    def setUp(self):
        super().setUp()
        self.cache = self.client("elasticache")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(VpcId=self.vpc, CidrBlock=f"10.0.{at}.0/24", AvailabilityZone=f"{REGION}{zone}")[
                "Subnet"
            ]["SubnetId"]
            for at, zone in enumerate("ab")
        ]
        self.cache.create_cache_subnet_group(
            CacheSubnetGroupName="Data", CacheSubnetGroupDescription="data", SubnetIds=self.subnets
        )

    def create(self, **params):
        defaults = {
            "ReplicationGroupId": "sessions",
            "ReplicationGroupDescription": "sessions",
            "CacheNodeType": "cache.t4g.small",
            "Engine": "valkey",
            "EngineVersion": "8.0",
            "CacheSubnetGroupName": "data",
            "TransitEncryptionEnabled": False,
        }
        return self.cache.create_replication_group(**{**defaults, **params})["ReplicationGroup"]

    def group(self):
        return self.cache.describe_replication_groups(ReplicationGroupId="sessions")["ReplicationGroups"][0]

    def members(self):
        return self.cache.describe_cache_clusters(ShowCacheNodeInfo=True)["CacheClusters"]

    def modify(self, **params):
        self.cache.modify_replication_group(ReplicationGroupId="sessions", ApplyImmediately=True, **params)
        self.assertEqual(self.group()["Status"], "modifying")
        self.advance(90)

    def test_a_subnet_group_has_subnets_of_one_vpc_and_is_kept_while_it_is_used(self):
        self.refused("InvalidSubnet", self.cache.create_cache_subnet_group, CacheSubnetGroupName="x",
                     CacheSubnetGroupDescription="x", SubnetIds=["subnet-0"])
        self.refused("CacheSubnetGroupNotFoundFault", self.cache.describe_cache_subnet_groups, CacheSubnetGroupName="x")
        self.create()
        self.refused("CacheSubnetGroupInUse", self.cache.delete_cache_subnet_group, CacheSubnetGroupName="data")
        self.refused("SubnetInUse", self.cache.modify_cache_subnet_group, CacheSubnetGroupName="data",
                     SubnetIds=self.subnets[1:])
        self.refused("DependencyViolation", self.ec2.delete_subnet, SubnetId=self.subnets[0])

    def test_a_parameter_group_holds_what_the_user_set_and_is_kept_while_it_is_used(self):
        name = {"CacheParameterGroupName": "tuned"}
        self.cache.create_cache_parameter_group(**name, CacheParameterGroupFamily="valkey8", Description="x")
        values = [{"ParameterName": "timeout", "ParameterValue": "60"}]
        self.cache.modify_cache_parameter_group(**name, ParameterNameValues=values)
        own = self.cache.describe_cache_parameters(**name, Source="user")["Parameters"]
        self.assertEqual([(one["ParameterName"], one["ParameterValue"]) for one in own], [("timeout", "60")])
        wrong = [{"ParameterName": "maxmemory-policy", "ParameterValue": "none"}]
        self.refused("InvalidParameterValue", self.cache.modify_cache_parameter_group, **name, ParameterNameValues=wrong)
        self.create(**name)
        self.refused("InvalidCacheParameterGroupState", self.cache.delete_cache_parameter_group, **name)
        self.refused("InvalidParameterCombination", self.create, ReplicationGroupId="other", Engine="redis",
                     EngineVersion="7.1", **name)
        self.cache.reset_cache_parameter_group(**name, ParameterNameValues=[{"ParameterName": "timeout"}])
        self.assertEqual(self.cache.describe_cache_parameters(**name, Source="user")["Parameters"], [])

    def test_a_replication_group_takes_its_time_and_tells_its_settings_on_its_members(self):
        security = self.ec2.create_security_group(GroupName="cache", Description="x", VpcId=self.vpc)["GroupId"]
        made = self.create(NumCacheClusters=2, SecurityGroupIds=[security], Port=6380, Tags=[{"Key": "a", "Value": "1"}])
        self.assertEqual(made["Status"], "creating")
        self.assertNotIn("NodeGroups", self.group())
        self.refused("InvalidReplicationGroupState", self.cache.list_tags_for_resource, ResourceName=made["ARN"])
        index = self.resourcegroupstaggingapi.get_resources(ResourceARNList=[made["ARN"]])["ResourceTagMappingList"]
        self.assertEqual(index[0]["Tags"], [{"Key": "a", "Value": "1"}])
        self.advance(90)
        group, member = self.group(), self.members()[0]
        self.assertEqual(group["NodeGroups"][0]["PrimaryEndpoint"]["Port"], 6380)
        self.assertEqual(group["MemberClusters"], ["sessions-001", "sessions-002"])
        self.assertEqual(member["EngineVersion"], "8.0.1")
        self.assertEqual(member["CacheSubnetGroupName"], "data")
        self.assertEqual(member["CacheParameterGroup"]["CacheParameterGroupName"], "default.valkey8")
        self.assertEqual(member["CacheNodes"][0]["Endpoint"]["Port"], 6380)
        self.refused("DependencyViolation", self.ec2.delete_security_group, GroupId=security)
        self.refused("ReplicationGroupAlreadyExists", self.create)

    def test_failover_needs_replicas_and_replicas_come_and_go(self):
        self.refused("InvalidParameterCombination", self.create, AutomaticFailoverEnabled=True)
        self.create()
        group = {"ReplicationGroupId": "sessions", "ApplyImmediately": True}
        self.refused("InvalidReplicationGroupState", self.cache.increase_replica_count, **group, NewReplicaCount=2)
        self.advance(90)
        self.refused("InvalidParameterCombination", self.cache.modify_replication_group, **group,
                     AutomaticFailoverEnabled=True)
        self.cache.increase_replica_count(**group, NewReplicaCount=2)
        self.advance(90)
        self.assertEqual(len(self.members()), 3)
        self.modify(AutomaticFailoverEnabled=True, MultiAZEnabled=True)
        self.assertEqual(self.group()["AutomaticFailover"], "enabled")
        self.refused("InvalidParameterCombination", self.cache.decrease_replica_count, **group, NewReplicaCount=0)
        self.refused("NoOperationFault", self.cache.increase_replica_count, **group, NewReplicaCount=2)
        self.cache.decrease_replica_count(**group, NewReplicaCount=1)
        self.advance(90)
        self.assertEqual(len(self.members()), 2)

    def test_shards_come_and_go_online(self):
        self.refused("InvalidParameterValue", self.create, NumNodeGroups=2, ReplicasPerNodeGroup=1)
        self.create(NumNodeGroups=2, ReplicasPerNodeGroup=1, AutomaticFailoverEnabled=True)
        self.advance(90)
        self.assertIn("Address", self.group()["ConfigurationEndpoint"])
        group = {"ReplicationGroupId": "sessions", "ApplyImmediately": True}
        reshard = self.cache.modify_replication_group_shard_configuration
        reshard(**group, NodeGroupCount=3)
        self.advance(90)
        self.assertEqual(len(self.members()), 6)
        self.refused("InvalidParameterCombination", reshard, **group, NodeGroupCount=2)
        reshard(**group, NodeGroupCount=2, NodeGroupsToRetain=["0001", "0003"])
        self.advance(90)
        self.assertEqual([shard["NodeGroupId"] for shard in self.group()["NodeGroups"]], ["0001", "0003"])

    def test_changes_are_pending_and_encryption_goes_by_way_of_preferred(self):
        self.create(Engine="redis", EngineVersion="7.1")
        self.advance(90)
        group = {"ReplicationGroupId": "sessions", "ApplyImmediately": True}
        self.cache.modify_replication_group(**group, Engine="valkey", EngineVersion="8.0", CacheNodeType="cache.m7g.large")
        self.assertEqual(self.members()[0]["PendingModifiedValues"]["EngineVersion"], "8.0.1")
        self.assertEqual(self.members()[0]["EngineVersion"], "7.1.0")
        self.advance(90)
        self.assertEqual(self.group()["Engine"], "valkey")
        self.refused("InvalidParameterCombination", self.cache.modify_replication_group, **group, EngineVersion="7.2")
        self.refused("InvalidParameterValue", self.cache.modify_replication_group, **group, TransitEncryptionEnabled=True)
        self.modify(TransitEncryptionEnabled=True, TransitEncryptionMode="preferred")
        self.modify(TransitEncryptionEnabled=True, TransitEncryptionMode="required")
        self.refused("InvalidParameterValue", self.cache.modify_replication_group, **group, TransitEncryptionEnabled=False)
        self.modify(AuthToken="correct-horse-battery", AuthTokenUpdateStrategy="ROTATE")
        self.assertTrue(self.group()["AuthTokenEnabled"])

    def test_references_and_tokens_are_checked(self):
        self.refused("CacheSubnetGroupNotFoundFault", self.create, CacheSubnetGroupName="none")
        self.refused("CacheParameterGroupNotFound", self.create, CacheParameterGroupName="none")
        self.refused("InvalidParameterValue", self.create, SecurityGroupIds=["sg-0"])
        self.refused("UserGroupNotFound", self.create, UserGroupIds=["none"])
        self.refused("InvalidKMSKeyFault", self.create, KmsKeyId="none")
        self.refused("InvalidParameterCombination", self.create, AuthToken="correct-horse-battery")
        log = {"LogType": "slow-log", "DestinationType": "cloudwatch-logs", "LogFormat": "json",
               "DestinationDetails": {"CloudWatchLogsDetails": {"LogGroup": "/none"}}}
        self.refused("InvalidParameterValue", self.create, LogDeliveryConfigurations=[log])

    def test_a_deletion_takes_its_time_and_leaves_a_snapshot(self):
        self.create()
        group = {"ReplicationGroupId": "sessions"}
        self.refused("InvalidReplicationGroupState", self.cache.delete_replication_group, **group)
        self.advance(90)
        self.cache.delete_replication_group(**group, FinalSnapshotIdentifier="last")
        self.assertEqual(self.group()["Status"], "deleting")
        self.advance(90)
        self.refused("ReplicationGroupNotFoundFault", self.cache.describe_replication_groups, **group)
        snapshot = self.cache.describe_snapshots(SnapshotName="last")["Snapshots"][0]
        self.assertEqual(snapshot["ReplicationGroupId"], "sessions")
        self.cache.delete_cache_subnet_group(CacheSubnetGroupName="data")
        self.ec2.delete_subnet(SubnetId=self.subnets[0])


class DynamoDB(Case):
    def setUp(self):
        super().setUp()
        self.dynamodb = self.client("dynamodb")

    def create(self, **params):
        defaults = {
            "TableName": "carts",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }
        return self.dynamodb.create_table(**{**defaults, **params})["TableDescription"]

    def update(self, **params):
        return self.dynamodb.update_table(TableName="carts", **params)["TableDescription"]

    def table(self):
        return self.dynamodb.describe_table(TableName="carts")["Table"]

    def index(self, name):
        definitions = [{"AttributeName": key, "AttributeType": "S"} for key in ("id", name)]
        new = {"IndexName": name, "KeySchema": [{"AttributeName": name, "KeyType": "HASH"}],
               "Projection": {"ProjectionType": "ALL"}}
        return {"AttributeDefinitions": definitions, "GlobalSecondaryIndexUpdates": [{"Create": new}]}

    def test_a_table_takes_its_time_and_one_change_at_a_time(self):
        self.assertEqual(self.create()["TableStatus"], "CREATING")
        self.refused("ResourceInUseException", self.create)
        self.refused("ResourceInUseException", self.update, TableClass="STANDARD_INFREQUENT_ACCESS")
        self.refused("TableNotFoundException", self.dynamodb.describe_continuous_backups, TableName="carts")
        self.advance(90)
        self.assertEqual(self.table()["TableStatus"], "ACTIVE")
        self.update(TableClass="STANDARD_INFREQUENT_ACCESS")
        self.assertEqual(self.table()["TableStatus"], "UPDATING")
        self.refused("ResourceInUseException", self.dynamodb.delete_table, TableName="carts")
        self.advance(90)
        self.assertEqual(self.table()["TableClassSummary"]["TableClass"], "STANDARD_INFREQUENT_ACCESS")
        self.dynamodb.delete_table(TableName="carts")
        self.assertEqual(self.table()["TableStatus"], "DELETING")
        self.advance(90)
        self.refused("ResourceNotFoundException", self.dynamodb.describe_table, TableName="carts")

    def test_one_index_is_made_or_dropped_at_a_time(self):
        self.create()
        self.advance(90)
        unused = self.index("owner")
        unused["AttributeDefinitions"].append({"AttributeName": "other", "AttributeType": "S"})
        self.refused("ValidationException", self.update, **unused)
        self.update(**self.index("owner"))
        self.advance(40)
        self.assertEqual(self.table()["TableStatus"], "ACTIVE")
        self.assertEqual(self.table()["GlobalSecondaryIndexes"][0]["IndexStatus"], "CREATING")
        self.refused("LimitExceededException", self.update, **self.index("shop"))
        self.advance(60)
        self.assertEqual(self.table()["GlobalSecondaryIndexes"][0]["IndexStatus"], "ACTIVE")
        drop = {"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "owner"}}]}
        self.update(**drop)
        self.assertEqual(self.table()["GlobalSecondaryIndexes"][0]["IndexStatus"], "DELETING")
        self.advance(90)
        self.assertFalse(self.table().get("GlobalSecondaryIndexes"))
        self.assertEqual(len(self.table()["AttributeDefinitions"]), 1)
        self.refused("ResourceNotFoundException", self.update, **drop)

    def test_provisioned_capacity_is_said_and_on_demand_has_none(self):
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 1}
        self.create(BillingMode="PROVISIONED", ProvisionedThroughput=units)
        self.advance(90)
        self.update(BillingMode="PAY_PER_REQUEST")
        self.advance(90)
        self.assertEqual(self.table()["ProvisionedThroughput"]["ReadCapacityUnits"], 0)
        self.refused("ValidationException", self.update, BillingMode="PROVISIONED")
        self.update(BillingMode="PROVISIONED", ProvisionedThroughput=units)

    def test_encryption_and_streams_are_switched(self):
        self.create(SSESpecification={"Enabled": True})
        self.advance(90)
        self.assertEqual(self.table()["SSEDescription"]["SSEType"], "KMS")
        self.update(SSESpecification={"Enabled": False})
        self.advance(90)
        self.assertNotIn("SSEDescription", self.table())
        self.refused("ValidationException", self.update, SSESpecification={"Enabled": True, "KMSMasterKeyId": "none"})
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
        off = {"StreamEnabled": False}
        self.refused("ValidationException", self.update, StreamSpecification=off)
        for wanted in (stream, off, stream):
            self.update(StreamSpecification=wanted)
            self.advance(90)
        self.refused("ValidationException", self.update, StreamSpecification=stream)

    def test_expiry_changes_once_an_hour(self):
        self.create()
        set_expiry = lambda on, attribute="expires": self.dynamodb.update_time_to_live(
            TableName="carts", TimeToLiveSpecification={"Enabled": on, "AttributeName": attribute}
        )
        status = lambda: self.dynamodb.describe_time_to_live(TableName="carts")["TimeToLiveDescription"]
        self.refused("ResourceInUseException", lambda: set_expiry(True))
        self.advance(90)
        set_expiry(True)
        self.assertEqual(status()["TimeToLiveStatus"], "ENABLING")
        self.refused("ValidationException", lambda: set_expiry(True))
        self.refused("ValidationException", lambda: set_expiry(False))
        self.advance(3600)
        self.refused("ValidationException", lambda: set_expiry(False, "other"))
        set_expiry(False)
        self.advance(3600)
        self.assertEqual(status(), {"TimeToLiveStatus": "DISABLED"})

    def test_a_tag_replaces_the_one_with_its_key(self):
        arn = self.create(Tags=[{"Key": "a", "Value": "1"}])["TableArn"]
        self.dynamodb.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}])
        self.assertEqual(self.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"], [{"Key": "a", "Value": "2"}])
        index = self.resourcegroupstaggingapi.get_resources(ResourceARNList=[arn])["ResourceTagMappingList"]
        self.assertEqual(index[0]["Tags"], [{"Key": "a", "Value": "2"}])
        self.dynamodb.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(self.dynamodb.list_tags_of_resource(ResourceArn=arn)["Tags"], [])


class ParameterStore(Case):
    def setUp(self):
        super().setUp()
        self.ssm = self.client("ssm")

    def put(self, name="/shop/url", value="a", **params):
        return self.ssm.put_parameter(Name=name, Value=value, Type="String", **params)

    def test_values_match_their_pattern_and_fit_their_tier(self):
        self.refused("ParameterPatternMismatchException", self.put, AllowedPattern="^b+$")
        self.refused("ValidationException", self.put, value="a" * 5000)
        self.put(value="a" * 5000, Tier="Advanced")
        self.refused("ValidationException", self.put, Tier="Standard", Overwrite=True)

    def test_policies_are_for_advanced_parameters_and_read_back(self):
        policy = {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "20", "Unit": "Days"}}
        self.refused("ValidationException", self.put, Policies=json.dumps([policy]))
        self.put(Tier="Advanced", Policies=json.dumps([policy]))
        shown = lambda: self.ssm.describe_parameters()["Parameters"][0]
        self.assertEqual(json.loads(shown()["Policies"][0]["PolicyText"]), policy)
        self.put(Policies="[{}]", Overwrite=True)
        self.assertEqual(shown()["Policies"], [])

    def test_a_page_holds_fifty_and_named_arns_have_no_pages(self):
        arns = []
        for at in range(60):
            self.put(f"/shop/{at}", Tags=[{"Key": "at", "Value": str(at)}])
            arns.append(f"arn:aws:ssm:{REGION}:{self.account}:parameter/shop/{at}")
        page = self.ssm.describe_parameters(MaxResults=50)
        self.assertEqual(len(page["Parameters"]), 50)
        rest = self.ssm.describe_parameters(MaxResults=50, NextToken=page["NextToken"])
        self.assertEqual(len(rest["Parameters"]), 10)
        found = self.resourcegroupstaggingapi.get_resources(ResourceARNList=arns)
        self.assertEqual(len(found["ResourceTagMappingList"]), 60)
        self.assertFalse(found["PaginationToken"])


if __name__ == "__main__":
    sys.exit(unittest.main())
