"""What the sandbox's extension restores of S3 and CloudFront, checked on the wire with boto3.

usage, with the Python of the sandbox's environment: python tests/sandbox/test_s3_cloudfront.py [unittest options]

The server, and what the checks stand on, are those of `test_extension.py`.
"""

import json
import os
import unittest
from concurrent.futures import ThreadPoolExecutor

import test_extension
from test_extension import REGION, setUpModule, tearDownModule  # noqa: F401: unittest calls them


class Case(test_extension.Case):
    def setUp(self):
        super().setUp()
        self.s3 = self.client("s3")

    def bucket(self, name, **params):
        # Names are unique in the world, so also among the accounts of the tests.
        name = f"{name}-{self.account}"
        configuration = {"LocationConstraint": REGION, **params.pop("CreateBucketConfiguration", {})}
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration=configuration, **params)
        return name


class Buckets(Case):
    def test_a_new_bucket_is_private_encrypted_and_tagged(self):
        name = self.bucket("new", CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "b"}]})
        rule = self.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
        self.assertEqual(rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")
        block = self.s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        self.assertEqual(set(block.values()), {True})
        owner = self.s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"][0]["ObjectOwnership"]
        self.assertEqual(owner, "BucketOwnerEnforced")
        self.assertEqual(self.s3.get_bucket_tagging(Bucket=name)["TagSet"], [{"Key": "a", "Value": "b"}])
        found = self.resourcegroupstaggingapi.get_resources(ResourceTypeFilters=["s3"])["ResourceTagMappingList"]
        self.assertEqual([one["ResourceARN"] for one in found], [f"arn:aws:s3:::{name}"])

    def test_a_name_is_taken_in_the_world(self):
        name, place = self.bucket("taken"), {"LocationConstraint": REGION}
        self.refused("BucketAlreadyOwnedByYou", self.s3.create_bucket, Bucket=name, CreateBucketConfiguration=place)
        self.account = "999999999999"
        other = self.client("s3")
        self.refused("BucketAlreadyExists", other.create_bucket, Bucket=name, CreateBucketConfiguration=place)
        self.refused("InvalidBucketName", other.create_bucket, Bucket="Not_A_Name", CreateBucketConfiguration=place)

    def test_the_first_region_answers_for_a_bucket_that_is_there(self):
        first, name = self.client("s3", "us-east-1"), f"first-{self.account}"
        for _ in range(2):
            first.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": [{"Key": "a", "Value": "b"}]})
        self.assertEqual(first.get_bucket_tagging(Bucket=name)["TagSet"], [{"Key": "a", "Value": "b"}])

    def test_writes_have_conditions_of_which_one_writer_at_a_time_meets_one(self):
        name = self.bucket("conditions")
        put = lambda **condition: self.s3.put_object(Bucket=name, Key="a/b", Body=os.urandom(8), **condition)["ETag"]
        self.refused("NoSuchKey", put, IfMatch='"0"')
        first = put(IfNoneMatch="*")
        self.refused("PreconditionFailed", put, IfNoneMatch="*")
        second = put(IfMatch=first)
        self.assertNotEqual(first, second)
        self.refused("PreconditionFailed", put, IfMatch=first)
        self.assertEqual(self.s3.get_object(Bucket=name, Key="a/b")["ETag"], second)
        self.s3.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "a/b"}, {"Key": "gone"}], "Quiet": True})
        self.refused("NoSuchKey", self.s3.get_object, Bucket=name, Key="a/b")

        def race(number):
            try:
                return self.s3.put_object(Bucket=name, Key=f"race/{number // 8}", Body=b"", IfNoneMatch="*")["ETag"]
            except self.s3.exceptions.ClientError as error:
                self.assertEqual(error.response["Error"]["Code"], "PreconditionFailed")

        with ThreadPoolExecutor(8) as pool:
            won = [etag for etag in pool.map(race, range(80)) if etag]
        self.assertEqual(len(won), 10)

    def test_what_a_bucket_lacks_has_a_code_or_is_empty(self):
        name, s3 = self.bucket("bare"), self.s3
        for code, get in (
            ("NoSuchCORSConfiguration", s3.get_bucket_cors),
            ("NoSuchLifecycleConfiguration", s3.get_bucket_lifecycle_configuration),
            ("NoSuchTagSet", s3.get_bucket_tagging),
            ("NoSuchWebsiteConfiguration", s3.get_bucket_website),
            ("ObjectLockConfigurationNotFoundError", s3.get_object_lock_configuration),
            ("ReplicationConfigurationNotFoundError", s3.get_bucket_replication),
        ):
            self.refused(code, get, Bucket=name)
            self.refused("NoSuchBucket", get, Bucket=f"no-{name}")
        for get in (s3.get_bucket_versioning, s3.get_bucket_logging, s3.get_bucket_notification_configuration,
                    s3.get_bucket_accelerate_configuration, s3.list_bucket_intelligent_tiering_configurations):
            reply = get(Bucket=name)
            self.assertEqual(set(reply) - {"ResponseMetadata", "IsTruncated"}, set())

    def test_a_lifecycle_reads_back_in_full(self):
        name = self.bucket("lifecycle")
        rule = {
            "ID": "a", "Status": "Enabled",
            "Filter": {"And": {"Prefix": "p", "ObjectSizeGreaterThan": 1, "Tags": [{"Key": "a", "Value": "b"}]}},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        }
        self.s3.put_bucket_lifecycle_configuration(
            Bucket=name, LifecycleConfiguration={"Rules": [rule]},
            TransitionDefaultMinimumObjectSize="varies_by_storage_class",
        )
        reply = self.s3.get_bucket_lifecycle_configuration(Bucket=name)
        self.assertEqual(reply["Rules"], [rule])
        self.assertEqual(reply["TransitionDefaultMinimumObjectSize"], "varies_by_storage_class")
        self.s3.delete_bucket_lifecycle(Bucket=name)
        self.refused("NoSuchLifecycleConfiguration", self.s3.get_bucket_lifecycle_configuration, Bucket=name)

    def test_a_bucket_is_always_encrypted(self):
        name = self.bucket("encrypted")
        rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]
        self.s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
        encryption = lambda: self.s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        self.assertEqual(encryption(), rules)
        self.s3.delete_bucket_encryption(Bucket=name)
        self.assertEqual(encryption()[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"], "AES256")

    def test_tierings_are_objects_of_their_own(self):
        name, s3 = self.bucket("tiered"), self.s3
        tiering = {"Id": "a", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
        s3.put_bucket_intelligent_tiering_configuration(
            Bucket=name, Id="a", IntelligentTieringConfiguration=tiering
        )
        listed = s3.list_bucket_intelligent_tiering_configurations(Bucket=name)
        self.assertEqual(listed["IntelligentTieringConfigurationList"], [tiering])
        s3.delete_bucket_intelligent_tiering_configuration(Bucket=name, Id="a")
        self.refused("NoSuchConfiguration", s3.delete_bucket_intelligent_tiering_configuration, Bucket=name, Id="a")
        s3.head_bucket(Bucket=name)

    def test_what_is_unknown_changes_no_bucket(self):
        name = self.bucket("safe")
        for delete in (self.s3.delete_bucket_metrics_configuration, self.s3.delete_bucket_analytics_configuration):
            self.refused("InvalidAction", delete, Bucket=name, Id="a")
        self.s3.head_bucket(Bucket=name)

    def test_a_replication_needs_versions_on_both_sides(self):
        name, copies = self.bucket("original"), self.bucket("copies")
        rule = {"ID": "a", "Status": "Enabled", "Priority": 1, "Filter": {"Prefix": "p"},
                "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{copies}"}}
        replication = {"Role": "arn:aws:iam::123456789012:role/a", "Rules": [rule]}
        put = {"Bucket": name, "ReplicationConfiguration": replication}
        enabled = {"Status": "Enabled"}
        self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)
        self.refused("InvalidRequest", self.s3.put_bucket_replication, **put)
        self.s3.put_bucket_versioning(Bucket=copies, VersioningConfiguration=enabled)
        self.s3.put_bucket_replication(**put)
        self.assertEqual(self.s3.get_bucket_replication(Bucket=name)["ReplicationConfiguration"], replication)
        self.refused("InvalidBucketState", self.s3.put_bucket_versioning, Bucket=name,
                     VersioningConfiguration={"Status": "Suspended"})
        # What a key encrypts is encrypted there by a key, too.
        rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": enabled}
        self.refused("InvalidRequest", self.s3.put_bucket_replication, **put)
        rule["Destination"]["EncryptionConfiguration"] = {"ReplicaKmsKeyID": "arn:aws:kms:us-east-1:123456789012:key/a"}
        self.s3.put_bucket_replication(**put)

    def test_notifications_need_their_destinations(self):
        name, queue = self.bucket("loud"), f"arn:aws:sqs:{REGION}:{self.account}:queue"
        rules = [{"Name": "prefix", "Value": "in/"}]
        told = {"Id": "a", "QueueArn": queue, "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}
        put = {"Bucket": name, "NotificationConfiguration": {"QueueConfigurations": [told]}}
        self.refused("InvalidArgument", self.s3.put_bucket_notification_configuration, **put)
        self.client("sqs").create_queue(QueueName="queue")
        self.s3.put_bucket_notification_configuration(**put)
        seen = self.s3.get_bucket_notification_configuration(Bucket=name)["QueueConfigurations"][0]
        self.assertEqual((seen["QueueArn"], seen["Events"]), (queue, ["s3:ObjectCreated:*"]))

    def test_a_lock_is_for_a_buckets_whole_life(self):
        lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 3}}}
        put = self.s3.put_object_lock_configuration
        self.refused("InvalidBucketState", put, Bucket=self.bucket("open"), ObjectLockConfiguration=lock)
        locked = self.bucket("locked", ObjectLockEnabledForBucket=True)
        put(Bucket=locked, ObjectLockConfiguration=lock)
        self.assertEqual(self.s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"], lock)
        self.assertEqual(self.s3.get_bucket_versioning(Bucket=locked)["Status"], "Enabled")

    def test_logs_go_to_a_bucket_that_is_there(self):
        name = self.bucket("logged")
        logging = lambda target: {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": "p/"}}
        put = self.s3.put_bucket_logging
        self.refused("InvalidTargetBucketForLogging", put, Bucket=name, BucketLoggingStatus=logging("nowhere"))
        put(Bucket=name, BucketLoggingStatus=logging(name))
        self.assertEqual(self.s3.get_bucket_logging(Bucket=name)["LoggingEnabled"]["TargetPrefix"], "p/")

    def test_a_policy_speaks_of_its_own_bucket(self):
        name = self.bucket("ruled")
        policy = lambda resource: json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": resource}]})
        self.refused("MalformedPolicy", self.s3.put_bucket_policy, Bucket=name, Policy=policy("arn:aws:s3:::other/*"))
        self.refused("MalformedPolicy", self.s3.put_bucket_policy, Bucket=name, Policy="no policy")
        self.s3.put_bucket_policy(Bucket=name, Policy=policy(f"arn:aws:s3:::{name}/*"))

    def test_a_bucket_with_objects_stays(self):
        name = self.bucket("full")
        self.s3.put_object(Bucket=name, Key="a", Body=b"a")
        self.refused("BucketNotEmpty", self.s3.delete_bucket, Bucket=name)
        self.s3.delete_object(Bucket=name, Key="a")
        self.s3.delete_bucket(Bucket=name)
        self.refused("NoSuchBucket", self.s3.get_bucket_policy, Bucket=name)


class CloudFront(Case):
    def setUp(self):
        super().setUp()
        self.cdn = self.client("cloudfront")

    def config(self, reference="a", **changes):
        policy = "658327ea-f89d-4fab-a63d-7e88639e58f6"
        behavior = {"TargetOriginId": "a", "ViewerProtocolPolicy": "https-only", "CachePolicyId": policy}
        site = {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}
        origin = {"Id": "a", "DomainName": "a.example.com", "CustomOriginConfig": site}
        return {
            "CallerReference": reference, "Comment": "", "Enabled": True, "DefaultCacheBehavior": behavior,
            "Origins": {"Quantity": 1, "Items": [origin]}, **changes,
        }

    def distribution(self, **changes):
        tags = {"Items": [{"Key": "a", "Value": "b"}]}
        asked = {"DistributionConfig": self.config(**changes), "Tags": tags}
        return self.cdn.create_distribution_with_tags(DistributionConfigWithTags=asked)["Distribution"]

    def status(self, distribution):
        return self.cdn.get_distribution(Id=distribution["Id"])["Distribution"]["Status"]

    def update(self, identity, **changes):
        reply = self.cdn.get_distribution_config(Id=identity)
        config = {**reply["DistributionConfig"], **changes}
        return self.cdn.update_distribution(Id=identity, IfMatch=reply["ETag"], DistributionConfig=config)

    def test_a_distribution_is_deployed_disabled_and_deleted(self):
        made = self.distribution()
        self.assertEqual(made["Status"], "InProgress")
        self.assertEqual(made["ARN"], f"arn:aws:cloudfront::{self.account}:distribution/{made['Id']}")
        self.becomes("Deployed", lambda: self.status(made))
        delete = lambda etag: self.refused(
            "DistributionNotDisabled", self.cdn.delete_distribution, Id=made["Id"], IfMatch=etag
        )
        delete(self.cdn.get_distribution(Id=made["Id"])["ETag"])
        etag = self.update(made["Id"], Enabled=False)["ETag"]
        self.assertEqual(self.status(made), "InProgress")
        delete(etag)
        self.becomes("Deployed", lambda: self.status(made))
        self.cdn.delete_distribution(Id=made["Id"], IfMatch=etag)
        self.refused("NoSuchDistribution", self.cdn.get_distribution, Id=made["Id"])

    def test_a_caller_reference_makes_one_distribution(self):
        self.distribution()
        self.refused("DistributionAlreadyExists", self.cdn.create_distribution, DistributionConfig=self.config())

    def test_an_etag_is_good_for_one_change(self):
        made = self.distribution()
        reply = self.cdn.get_distribution_config(Id=made["Id"])
        change = {"Id": made["Id"], "DistributionConfig": {**reply["DistributionConfig"], "Comment": "b"}}
        self.refused("InvalidIfMatchVersion", self.cdn.update_distribution, **change)
        self.cdn.update_distribution(**change, IfMatch=reply["ETag"])
        self.refused("PreconditionFailed", self.cdn.update_distribution, **change, IfMatch=reply["ETag"])

    def test_a_distribution_reads_back_in_full_and_is_listed_in_short(self):
        control = self.control()
        origin = {"Id": "a", "DomainName": "a.s3.eu-central-1.amazonaws.com", "OriginAccessControlId": control,
                  "S3OriginConfig": {"OriginAccessIdentity": ""}}
        behavior = {**self.config()["DefaultCacheBehavior"], "FunctionAssociations": {"Quantity": 1, "Items": [
            {"FunctionARN": "arn:aws:cloudfront::1:function/a", "EventType": "viewer-request"}]}}
        made = self.distribution(Origins={"Quantity": 1, "Items": [origin]}, DefaultCacheBehavior=behavior,
                                 DefaultRootObject="index.html")
        config = made["DistributionConfig"]
        self.assertEqual(config["Origins"]["Items"][0]["OriginAccessControlId"], control)
        functions = config["DefaultCacheBehavior"]["FunctionAssociations"]
        self.assertEqual(functions, behavior["FunctionAssociations"])
        self.assertEqual(config["DefaultCacheBehavior"]["AllowedMethods"]["Items"], ["HEAD", "GET"])
        listed = self.cdn.list_distributions()["DistributionList"]["Items"][0]
        self.assertNotIn("DefaultRootObject", listed)
        self.assertEqual(listed["Origins"], config["Origins"])
        etag = self.cdn.get_origin_access_control(Id=control)["ETag"]
        self.refused("OriginAccessControlInUse", self.cdn.delete_origin_access_control, Id=control, IfMatch=etag)

    def test_a_distribution_needs_what_it_refers_to(self):
        behavior, create = self.config()["DefaultCacheBehavior"], self.cdn.create_distribution
        for code, changes in (
            ("NoSuchOrigin", {"DefaultCacheBehavior": {**behavior, "TargetOriginId": "b"}}),
            ("NoSuchCachePolicy", {"DefaultCacheBehavior": {**behavior, "CachePolicyId": "b"}}),
            ("NoSuchOriginRequestPolicy", {"DefaultCacheBehavior": {**behavior, "OriginRequestPolicyId": "b"}}),
            ("NoSuchResponseHeadersPolicy", {"DefaultCacheBehavior": {**behavior, "ResponseHeadersPolicyId": "b"}}),
            ("InvalidViewerCertificate", {"ViewerCertificate": {"ACMCertificateArn": "arn:b"}}),
            ("InvalidWebACLId", {"WebACLId": "arn:b"}),
        ):
            self.refused(code, create, DistributionConfig=self.config(**changes))
        self.distribution(Aliases={"Quantity": 1, "Items": ["a.example.com"]})
        taken = self.config("b", Aliases={"Quantity": 1, "Items": ["a.example.com"]})
        self.refused("CNAMEAlreadyExists", create, DistributionConfig=taken)

    def test_a_distribution_is_found_by_its_tags_in_one_region(self):
        made = self.distribution()
        found = lambda region: [
            (one["ResourceARN"], one["Tags"])
            for one in self.client("resourcegroupstaggingapi", region).get_resources(
                ResourceTypeFilters=["cloudfront:distribution"], TagFilters=[{"Key": "a", "Values": ["b"]}]
            )["ResourceTagMappingList"]
        ]
        self.assertEqual(found("us-east-1"), [(made["ARN"], [{"Key": "a", "Value": "b"}])])
        self.assertEqual(found(REGION), [])
        self.cdn.tag_resource(Resource=made["ARN"], Tags={"Items": [{"Key": "c", "Value": "d"}]})
        self.cdn.untag_resource(Resource=made["ARN"], TagKeys={"Items": ["a"]})
        tags = self.cdn.list_tags_for_resource(Resource=made["ARN"])["Tags"]["Items"]
        self.assertEqual(tags, [{"Key": "c", "Value": "d"}])
        self.refused("NoSuchResource", self.cdn.list_tags_for_resource, Resource=f"{made['ARN']}X")

    def control(self, name="a"):
        config = {"Name": name, "SigningProtocol": "sigv4", "SigningBehavior": "always",
                  "OriginAccessControlOriginType": "s3"}
        return self.cdn.create_origin_access_control(OriginAccessControlConfig=config)["OriginAccessControl"]["Id"]

    def test_origin_access_controls(self):
        control = self.control()
        reply = self.cdn.get_origin_access_control_config(Id=control)
        config, etag = reply["OriginAccessControlConfig"], reply["ETag"]
        self.refused("OriginAccessControlAlreadyExists", self.cdn.create_origin_access_control,
                     OriginAccessControlConfig=config)
        changed = {**config, "Description": "b"}
        update = {"Id": control, "OriginAccessControlConfig": changed}
        self.cdn.update_origin_access_control(**update, IfMatch=etag)
        self.refused("PreconditionFailed", self.cdn.update_origin_access_control, **update, IfMatch=etag)
        listed = self.cdn.list_origin_access_controls()["OriginAccessControlList"]["Items"]
        self.assertEqual([one["Description"] for one in listed], ["b"])
        etag = self.cdn.get_origin_access_control(Id=control)["ETag"]
        self.cdn.delete_origin_access_control(Id=control, IfMatch=etag)
        self.refused("NoSuchOriginAccessControl", self.cdn.get_origin_access_control, Id=control)

    def test_cache_policies(self):
        none = {"HeadersConfig": {"HeaderBehavior": "none"}, "CookiesConfig": {"CookieBehavior": "none"},
                "QueryStringsConfig": {"QueryStringBehavior": "all"}, "EnableAcceptEncodingGzip": True}
        config = {"Name": "a", "MinTTL": 1, "ParametersInCacheKeyAndForwardedToOrigin": none}
        made = self.cdn.create_cache_policy(CachePolicyConfig=config)
        identity, etag = made["CachePolicy"]["Id"], made["ETag"]
        self.refused("CachePolicyAlreadyExists", self.cdn.create_cache_policy, CachePolicyConfig=config)
        etag = self.cdn.update_cache_policy(
            Id=identity, IfMatch=etag, CachePolicyConfig={**config, "MinTTL": 2})["ETag"]
        listed = self.cdn.list_cache_policies(Type="custom")["CachePolicyList"]["Items"]
        self.assertEqual([one["CachePolicy"]["CachePolicyConfig"]["MinTTL"] for one in listed], [2])
        names = [one["CachePolicy"]["CachePolicyConfig"]["Name"]
                 for one in self.cdn.list_cache_policies(Type="managed")["CachePolicyList"]["Items"]]
        self.assertIn("Managed-CachingOptimized", names)
        behavior = {**self.config()["DefaultCacheBehavior"], "CachePolicyId": identity}
        held = self.distribution(DefaultCacheBehavior=behavior)
        self.refused("CachePolicyInUse", self.cdn.delete_cache_policy, Id=identity, IfMatch=etag)
        self.update(held["Id"], DefaultCacheBehavior=self.config()["DefaultCacheBehavior"])
        self.cdn.delete_cache_policy(Id=identity, IfMatch=etag)
        self.refused("NoSuchCachePolicy", self.cdn.get_cache_policy, Id=identity)

    def test_a_list_has_pages(self):
        made = {self.distribution(reference=str(number))["Id"] for number in range(3)}
        pages = self.cdn.get_paginator("list_distributions").paginate(PaginationConfig={"PageSize": 2})
        found = [one["Id"] for page in pages for one in page["DistributionList"]["Items"]]
        self.assertEqual((len(found), set(found)), (3, made))


if __name__ == "__main__":
    unittest.main()
