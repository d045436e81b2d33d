"""What the sandbox's extension restores of CloudWatch, CloudTrail, Config and GuardDuty, checked as `test_extension` does.

usage, with the Python of the sandbox's environment: python tests/sandbox/test_watching.py [unittest options]
"""

import io
import json
import unittest
import urllib.error
import urllib.request
import zipfile

import test_extension as extension
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

REGION = extension.REGION
extension.DURATIONS["AWS::Config::ConfigRule"] = {"create": 90, "update": 90, "delete": 90}
setUpModule, tearDownModule = extension.setUpModule, extension.tearDownModule


class Case(extension.Case):
    def __getattr__(self, service):
        if service in ("cloudwatch", "cloudtrail", "config", "guardduty", "s3", "sns", "awslambda"):
            client = self.client("lambda" if service == "awslambda" else service)
            setattr(self, service, client)
            return client
        return super().__getattr__(service)

    def bucket(self, name, service=None):
        name = f"{name}-{self.account}"
        self.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
        if service:
            here = f"arn:aws:s3:::{name}"
            statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "s3:*", "Resource": [here, f"{here}/*"]}
            self.s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Statement": [statement]}))
        return name


class Cbor(Case):
    def ask(self, operation, **params):
        """A request as the Rust SDK sends it; the status, the headers and the decoded reply."""
        model = self.cloudwatch.meta.service_model.operation_model(operation)
        body = bytearray()
        create_serializer("smithy-rpc-v2-cbor", include_validation=False)._serialize_data_item(body, params, model.input_shape)
        request = urllib.request.Request(
            f"{extension.ENDPOINT}/service/GraniteServiceVersion20100801/operation/{operation}",
            bytes(body),
            {
                "smithy-protocol": "rpc-v2-cbor",
                "Accept": "application/cbor",
                "Content-Type": "application/cbor",
                "Authorization": f"AWS4-HMAC-SHA256 Credential=AKIA{self.account}TEST/20260101/{REGION}/monitoring/"
                "aws4_request, SignedHeaders=host, Signature=x",
            },
            method="POST",
        )
        try:
            reply = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            parser = create_parser("smithy-rpc-v2-cbor")
            stream = parser.get_peekable_stream_from_bytes(reply.read())
            return reply.status, reply.headers, parser.parse_data_item(stream)

    def test_requests_and_replies_are_maps(self):
        alarm = {"AlarmName": "a", "MetricName": "m", "Namespace": "n", "Statistic": "Sum", "Period": 60,
                 "EvaluationPeriods": 1, "Threshold": 0.5, "ComparisonOperator": "GreaterThanThreshold"}
        status, headers, reply = self.ask("PutMetricAlarm", **alarm)
        self.assertEqual((status, headers["smithy-protocol"], reply), (200, "rpc-v2-cbor", {}))
        status, headers, reply = self.ask("DescribeAlarms", AlarmNames=["a"])
        self.assertEqual(headers["Content-Type"], "application/cbor")
        [shown] = reply["MetricAlarms"]
        self.assertEqual({name: shown[name] for name in alarm}, alarm)
        self.assertEqual(shown["StateUpdatedTimestamp"].year, shown["AlarmConfigurationUpdatedTimestamp"].year)
        # What comes in one protocol is there in the others.
        self.assertEqual(self.cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"][0]["Threshold"], 0.5)

    def test_errors_tell_their_code(self):
        status, headers, reply = self.ask("GetDashboard", DashboardName="nope")
        self.assertEqual(status, 404)
        self.assertIn("nope", reply["message"])
        self.assertEqual(headers["x-amzn-query-error"], "ResourceNotFound;Sender")
        self.assertTrue(reply["__type"].split("#")[-1])
        status, headers, _ = self.ask("PutMetricAlarm", AlarmName="a")
        self.assertEqual((status, headers["x-amzn-query-error"]), (400, "ValidationError;Sender"))
        status, _, reply = self.ask("PutMetricStream", Name="a")
        self.assertEqual((status, reply["__type"].split("#")[-1]), (400, "UnknownOperationException"))


class Alarms(Case):
    def alarm(self, name="a", **params):
        given = {"Namespace": "n", "MetricName": "m", "Statistic": "Sum", "Period": 60, "Threshold": 1.0,
                 "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
        given = {key: value for key, value in {**given, **params}.items() if value is not None}
        self.cloudwatch.put_metric_alarm(AlarmName=name, **given)

    def shown(self, name="a"):
        [alarm] = self.cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm

    def test_an_update_replaces_all_but_state_and_tags(self):
        self.alarm(AlarmDescription="d", Statistic=None, ExtendedStatistic="tm90", Tags=[{"Key": "a", "Value": "1"}])
        self.assertEqual((self.shown()["StateValue"], self.shown()["ExtendedStatistic"]), ("INSUFFICIENT_DATA", "tm90"))
        self.cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="r")
        self.alarm(Tags=[{"Key": "a", "Value": "2"}], WarmUpConfiguration={"WarmUpPeriodDurationInMinutes": 5})
        shown = self.shown()
        self.assertEqual((shown["StateValue"], shown.get("AlarmDescription")), ("ALARM", None))
        self.assertEqual(shown["WarmUpConfiguration"], {"WarmUpPeriodDurationInMinutes": 5})
        tags = self.cloudwatch.list_tags_for_resource(ResourceARN=shown["AlarmArn"])["Tags"]
        self.assertEqual(tags, [{"Key": "a", "Value": "1"}])

    def test_a_deleted_alarm_takes_its_tags_along(self):
        self.alarm(Tags=[{"Key": "a", "Value": "1"}])
        self.refused("ResourceNotFound", self.cloudwatch.delete_alarms, AlarmNames=["a", "nope"])
        self.assertEqual(self.cloudwatch.describe_alarms(AlarmNames=["a"])["MetricAlarms"], [])
        self.alarm()
        self.assertEqual(self.cloudwatch.list_tags_for_resource(ResourceARN=self.shown()["AlarmArn"])["Tags"], [])

    def test_what_contradicts_itself_is_refused(self):
        math = [{"Id": "m", "Expression": "1"}, {"Id": "b", "Expression": "ANOMALY_DETECTION_BAND(m)"}]
        refused = lambda **params: self.refused("ValidationError", self.alarm, **params)
        refused(MetricName=None, Statistic=None, Period=None, Namespace=None)
        refused(Metrics=math)
        refused(ExtendedStatistic="p90")
        refused(Threshold=None)
        without = {"MetricName": None, "Statistic": None, "Period": None, "Namespace": None}
        refused(Metrics=math, **without)
        self.alarm(Metrics=math, ThresholdMetricId="b", Threshold=None, **without)
        criteria = {"PromQLCriteria": {"Query": "up"}}
        refused(EvaluationCriteria=criteria, Threshold=None, **without)

    def test_alarms_come_in_pages_and_can_be_silenced(self):
        for name in "abc":
            self.alarm(name)
        page = self.cloudwatch.describe_alarms(MaxRecords=2)
        self.assertEqual([alarm["AlarmName"] for alarm in page["MetricAlarms"]], ["a", "b"])
        page = self.cloudwatch.describe_alarms(MaxRecords=2, NextToken=page["NextToken"])
        self.assertEqual([alarm["AlarmName"] for alarm in page["MetricAlarms"]], ["c"])
        self.cloudwatch.disable_alarm_actions(AlarmNames=["a"])
        self.assertFalse(self.shown()["ActionsEnabled"])

    def test_dashboards_are_of_the_account(self):
        put = self.cloudwatch.put_dashboard
        self.refused("InvalidParameterInput", put, DashboardName="d", DashboardBody="[")
        put(DashboardName="d", DashboardBody='{"widgets": []}', Tags=[{"Key": "a", "Value": "1"}])
        put(DashboardName="d", DashboardBody="{}", Tags=[{"Key": "a", "Value": "2"}])
        elsewhere = self.client("cloudwatch", "us-west-2")
        shown = elsewhere.get_dashboard(DashboardName="d")
        self.assertEqual((shown["DashboardBody"], shown["DashboardArn"]),
                         ("{}", f"arn:aws:cloudwatch::{self.account}:dashboard/d"))
        self.assertEqual([entry["Size"] for entry in elsewhere.list_dashboards()["DashboardEntries"]], [2])
        arn = {"ResourceARN": shown["DashboardArn"]}
        self.assertEqual(elsewhere.list_tags_for_resource(**arn)["Tags"], [{"Key": "a", "Value": "1"}])
        elsewhere.tag_resource(Tags=[{"Key": "b", "Value": "1"}], **arn)
        elsewhere.untag_resource(TagKeys=["a"], **arn)
        self.assertEqual(self.cloudwatch.list_tags_for_resource(**arn)["Tags"], [{"Key": "b", "Value": "1"}])
        elsewhere.delete_dashboards(DashboardNames=["d"])
        self.refused("ResourceNotFound", self.cloudwatch.get_dashboard, DashboardName="d")
        self.refused("ResourceNotFound", self.cloudwatch.delete_dashboards, DashboardNames=["d"])
        self.refused("ResourceNotFoundException", self.cloudwatch.list_tags_for_resource, **arn)


class Trails(Case):
    def trail(self, name="trail", **params):
        return self.cloudtrail.create_trail(Name=name, **params)

    def test_a_name_is_taken_once(self):
        bucket = self.bucket("logs", "cloudtrail.amazonaws.com")
        self.trail(S3BucketName=bucket)
        self.refused("TrailAlreadyExistsException", self.trail, S3BucketName=bucket)
        for number in range(4):
            self.trail(f"trail-{number}", S3BucketName=bucket)
        self.refused("MaximumNumberOfTrailsExceededException", self.trail, name="more", S3BucketName=bucket)
        self.refused("TrailNotFoundException", self.cloudtrail.delete_trail, Name="nope")
        self.refused("TrailNotFoundException", self.cloudtrail.start_logging, Name="nope")

    def test_destinations_are_checked(self):
        self.refused("S3BucketDoesNotExistException", self.trail, S3BucketName="nope")
        bare, bucket = self.bucket("bare"), self.bucket("logs", "cloudtrail.amazonaws.com")
        self.refused("InsufficientS3BucketPolicyException", self.trail, S3BucketName=bare)
        self.refused("KmsKeyNotFoundException", self.trail, S3BucketName=bucket, KmsKeyId="nope")
        group = f"arn:aws:logs:{REGION}:{self.account}:log-group:g:*"
        refused = lambda code, **params: self.refused(code, self.trail, S3BucketName=bucket, **params)
        refused("InvalidCloudWatchLogsRoleArnException", CloudWatchLogsLogGroupArn=group)
        refused("InvalidCloudWatchLogsLogGroupArnException", CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn="r")
        self.logs.create_log_group(logGroupName="g")
        refused("InvalidCloudWatchLogsRoleArnException", CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn="r")
        topic = self.sns.create_topic(Name="t")["TopicArn"]
        key = self.kms.create_key()["KeyMetadata"]
        self.trail(S3BucketName=bucket, CloudWatchLogsLogGroupArn=group, CloudWatchLogsRoleArn=self.role(),
                   SnsTopicName=topic, KmsKeyId=key["KeyId"])
        [shown] = self.cloudtrail.describe_trails(trailNameList=["trail"])["trailList"]
        self.assertEqual((shown["SnsTopicARN"], shown["KmsKeyId"]), (topic, key["Arn"]))
        self.refused("InsufficientS3BucketPolicyException", self.cloudtrail.update_trail, Name="trail", S3BucketName=bare)

    def test_selectors_take_each_others_place(self):
        arn = self.trail(S3BucketName=self.bucket("logs", "cloudtrail.amazonaws.com"))["TrailARN"]
        described = lambda: self.cloudtrail.describe_trails(trailNameList=["trail", "nope"])["trailList"][0]
        get = lambda: self.cloudtrail.get_event_selectors(TrailName="trail")
        self.assertEqual(get()["EventSelectors"][0]["ReadWriteType"], "All")
        self.assertFalse(described()["HasCustomEventSelectors"] or described()["HasInsightSelectors"])
        advanced = [{"Name": "n", "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}]}]
        self.cloudtrail.put_event_selectors(TrailName=arn, AdvancedEventSelectors=advanced)
        self.assertEqual((get().get("EventSelectors"), get()["AdvancedEventSelectors"]), (None, advanced))
        self.cloudtrail.put_event_selectors(TrailName=arn, EventSelectors=[{"ReadWriteType": "ReadOnly"}])
        self.assertEqual((get()["EventSelectors"][0]["IncludeManagementEvents"], get().get("AdvancedEventSelectors")),
                         (True, None))
        self.refused("InvalidEventSelectorsException", self.cloudtrail.put_event_selectors, TrailName=arn)
        self.refused("InsightNotEnabledException", self.cloudtrail.get_insight_selectors, TrailName=arn)
        for kind in ("ApiCallRateInsight", "ApiErrorRateInsight"):
            self.cloudtrail.put_insight_selectors(TrailName=arn, InsightSelectors=[{"InsightType": kind}])
        self.assertEqual(self.cloudtrail.get_insight_selectors(TrailName=arn)["InsightSelectors"],
                         [{"InsightType": "ApiErrorRateInsight", "EventCategories": ["Management"]}])
        self.assertTrue(described()["HasCustomEventSelectors"] and described()["HasInsightSelectors"])

    def test_tags_go_by_key_and_with_the_trail(self):
        bucket = self.bucket("logs", "cloudtrail.amazonaws.com")
        arn = self.trail(S3BucketName=bucket, TagsList=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])["TrailARN"]
        self.cloudtrail.remove_tags(ResourceId=arn, TagsList=[{"Key": "a"}])
        tags = lambda: self.cloudtrail.list_tags(ResourceIdList=[arn])["ResourceTagList"][0]["TagsList"]
        self.assertEqual(tags(), [{"Key": "b", "Value": "1"}])
        self.cloudtrail.start_logging(Name=arn)
        self.assertTrue(self.cloudtrail.get_trail_status(Name=arn)["IsLogging"])
        self.cloudtrail.delete_trail(Name=arn)
        self.refused("ResourceNotFoundException", self.cloudtrail.list_tags, ResourceIdList=[arn])
        self.trail(S3BucketName=bucket)
        self.assertEqual(tags(), [])


class Config(Case):
    def recorder(self, name="default", **params):
        recorder = {"name": name, "roleARN": "arn:aws:iam::1:role/r", **params.pop("recorder", {})}
        self.config.put_configuration_recorder(ConfigurationRecorder=recorder, **params)

    def channel(self, name="default", **params):
        self.config.put_delivery_channel(DeliveryChannel={"name": name, **params})

    def rule(self, name="rule", **params):
        source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
        self.config.put_config_rule(ConfigRule={"ConfigRuleName": name, "Source": source, **params.pop("rule", {})}, **params)

    def test_there_is_one_recorder_and_one_channel(self):
        bucket = self.bucket("logs")
        self.refused("NoAvailableConfigurationRecorderException", self.channel, s3BucketName=bucket)
        mode = {"recordingFrequency": "DAILY"}
        self.recorder(recorder={"recordingMode": mode}, Tags=[{"Key": "a", "Value": "1"}])
        self.recorder(recorder={"recordingMode": mode}, Tags=[{"Key": "a", "Value": "2"}])
        self.refused("MaxNumberOfConfigurationRecordersExceededException", self.recorder, name="other")
        [shown] = self.config.describe_configuration_recorders()["ConfigurationRecorders"]
        self.assertEqual(shown["recordingMode"]["recordingFrequency"], "DAILY")
        arn = shown["arn"]
        self.config.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "1"}])
        tags = lambda: self.config.list_tags_for_resource(ResourceArn=arn)["Tags"]
        self.assertEqual(tags(), [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}])
        start = lambda: self.config.start_configuration_recorder(ConfigurationRecorderName="default")
        self.refused("NoAvailableDeliveryChannelException", start)
        self.refused("NoSuchBucketException", self.channel, s3BucketName="nope")
        self.channel(s3BucketName=bucket)
        self.refused("MaxNumberOfDeliveryChannelsExceededException", self.channel, name="other", s3BucketName=bucket)
        start()
        delete = lambda: self.config.delete_delivery_channel(DeliveryChannelName="default")
        self.refused("LastDeliveryChannelDeleteFailedException", delete)
        self.config.stop_configuration_recorder(ConfigurationRecorderName="default")
        delete()
        self.config.delete_configuration_recorder(ConfigurationRecorderName="default")
        self.refused("ResourceNotFoundException", tags)

    def test_a_rule_needs_a_recorder_and_time_to_go(self):
        self.refused("NoAvailableConfigurationRecorderException", self.rule)
        self.recorder()
        self.rule(Tags=[{"Key": "a", "Value": "1"}])
        self.rule(rule={"Description": "d"}, Tags=[{"Key": "a", "Value": "2"}])
        [shown] = self.config.describe_config_rules(ConfigRuleNames=["rule"])["ConfigRules"]
        self.assertEqual((shown["Description"], shown["EvaluationModes"]), ("d", [{"Mode": "DETECTIVE"}]))
        tags = self.config.list_tags_for_resource(ResourceArn=shown["ConfigRuleArn"])["Tags"]
        self.assertEqual(tags, [{"Key": "a", "Value": "1"}])
        [judged] = self.config.describe_compliance_by_config_rule(ConfigRuleNames=["rule"])["ComplianceByConfigRules"]
        self.assertEqual(judged["Compliance"]["ComplianceType"], "INSUFFICIENT_DATA")
        self.config.delete_config_rule(ConfigRuleName="rule")
        self.refused("ResourceInUseException", self.rule)
        self.refused("ResourceInUseException", self.config.delete_config_rule, ConfigRuleName="rule")
        [shown] = self.config.describe_config_rules()["ConfigRules"]
        self.assertEqual(shown["ConfigRuleState"], "DELETING")
        self.gone("NoSuchConfigRuleException", lambda: self.config.describe_config_rules(ConfigRuleNames=["rule"]))

    def test_a_rule_may_be_a_policy_or_a_function(self):
        self.recorder()
        detail = {"EventSource": "aws.config", "MessageType": "ConfigurationItemChangeNotification"}
        policy = {"PolicyRuntime": "guard-2.x.x", "PolicyText": "rule a { x exists }"}
        source = {"Owner": "CUSTOM_POLICY", "SourceDetails": [detail]}
        self.refused("InvalidParameterValueException", self.rule, rule={"Source": source})
        self.rule(rule={"Source": {**source, "CustomPolicyDetails": policy}})
        [shown] = self.config.describe_config_rules(ConfigRuleNames=["rule"])["ConfigRules"]
        self.assertEqual(shown["Source"]["CustomPolicyDetails"], {**policy, "PolicyText": ""})
        self.assertEqual(self.config.get_custom_rule_policy(ConfigRuleName="rule")["PolicyText"], policy["PolicyText"])
        source = {"Owner": "CUSTOM_LAMBDA", "SourceIdentifier": f"arn:aws:lambda:{REGION}:{self.account}:function:f",
                  "SourceDetails": [detail]}
        refused = lambda: self.refused("InsufficientPermissionsException", self.rule, name="f", rule={"Source": source})
        refused()
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("f.py", "")
        self.awslambda.create_function(FunctionName="f", Role=self.role(), Runtime="python3.13", Handler="f.f",
                                       Code={"ZipFile": archive.getvalue()})
        refused()
        self.awslambda.add_permission(FunctionName="f", StatementId="s", Action="lambda:InvokeFunction",
                                      Principal="config.amazonaws.com")
        self.rule("f", rule={"Source": source})


class Detectors(Case):
    def test_there_is_one(self):
        make = lambda **more: self.guardduty.create_detector(Enable=True, **more)["DetectorId"]
        detector = make(ClientToken="t", Tags={"a": "1"})
        self.assertEqual(make(ClientToken="t", Tags={"a": "1"}), detector)
        with self.assertRaisesRegex(Exception, "BadRequestException.*detector already exists"):
            make()
        self.guardduty.delete_detector(DetectorId=detector)
        with self.assertRaisesRegex(Exception, "BadRequestException.*not owned by the current account"):
            self.guardduty.get_detector(DetectorId=detector)

    def test_features_change_one_by_one(self):
        on = [{"Name": "RUNTIME_MONITORING", "Status": "ENABLED",
               "AdditionalConfiguration": [{"Name": "EKS_ADDON_MANAGEMENT", "Status": "ENABLED"}]}]
        detector = self.guardduty.create_detector(Enable=True, Features=on)["DetectorId"]
        features = lambda: {feature["Name"]: feature
                            for feature in self.guardduty.get_detector(DetectorId=detector)["Features"]}
        self.assertEqual((features()["FLOW_LOGS"]["Status"], features()["S3_DATA_EVENTS"]["Status"]), ("ENABLED",) * 2)
        change = self.guardduty.update_detector
        change(DetectorId=detector, Features=[{"Name": "S3_DATA_EVENTS", "Status": "DISABLED"}])
        self.assertEqual(features()["S3_DATA_EVENTS"]["Status"], "DISABLED")
        [addon] = [it for it in features()["RUNTIME_MONITORING"]["AdditionalConfiguration"]
                   if it["Name"] == "EKS_ADDON_MANAGEMENT"]
        self.assertEqual(addon["Status"], "ENABLED")
        both = [{"Name": "EKS_RUNTIME_MONITORING", "Status": "ENABLED"}]
        self.refused("BadRequestException", change, DetectorId=detector, Features=both)

    def test_tags_come_with_it(self):
        detector = self.guardduty.create_detector(Enable=False, Tags={"a": "1"})["DetectorId"]
        arn = f"arn:aws:guardduty:{REGION}:{self.account}:detector/{detector}"
        self.guardduty.tag_resource(ResourceArn=arn, Tags={"b": "1"})
        self.guardduty.untag_resource(ResourceArn=arn, TagKeys=["a"])
        shown = self.guardduty.get_detector(DetectorId=detector)
        self.assertEqual((shown["Tags"], shown["Status"]), ({"b": "1"}, "DISABLED"))
        self.assertEqual(self.guardduty.list_tags_for_resource(ResourceArn=arn)["Tags"], {"b": "1"})


class Tags(Case):
    def test_resources_are_found_by_tag(self):
        tags = [{"Key": "stack", "Value": "one"}]
        self.cloudtrail.create_trail(Name="trail", S3BucketName=self.bucket("logs", "cloudtrail.amazonaws.com"), TagsList=tags)
        self.config.put_configuration_recorder(
            ConfigurationRecorder={"name": "default", "roleARN": "arn:aws:iam::1:role/r"}, Tags=tags
        )
        source = {"Owner": "AWS", "SourceIdentifier": "S3_BUCKET_VERSIONING_ENABLED"}
        self.config.put_config_rule(ConfigRule={"ConfigRuleName": "rule", "Source": source}, Tags=tags)
        self.guardduty.create_detector(Enable=True, Tags={"stack": "one"})
        self.cloudwatch.put_metric_alarm(
            AlarmName="a", MetricName="m", Namespace="n", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", Tags=tags,
        )
        found = self.resourcegroupstaggingapi.get_resources(TagFilters=[{"Key": "stack", "Values": ["one"]}])
        arns = [mapping["ResourceARN"] for mapping in found["ResourceTagMappingList"]]
        self.assertEqual(sorted(arn.split(":")[2] for arn in arns),
                         ["cloudtrail", "cloudwatch", "config", "config", "guardduty"])
        found = self.resourcegroupstaggingapi.get_resources(ResourceARNList=arns[:1])["ResourceTagMappingList"]
        self.assertEqual([mapping["ResourceARN"] for mapping in found], arns[:1])


if __name__ == "__main__":
    unittest.main()
