"""What the extension restores of SQS, SNS, EventBridge and Lambda, checked on the wire like the rest (`test_extension.py`).

usage, with the Python of the sandbox's environment: python tests/sandbox/test_messaging.py [unittest options]
"""

import io
import json
import unittest
import zipfile

import test_extension
from test_extension import REGION, Case, setUpModule, tearDownModule  # noqa: F401, unittest looks for them here

PHASES = {"create": 90, "update": 90, "delete": 90}
test_extension.DURATIONS.update({"AWS::Lambda::Function": PHASES, "AWS::Lambda::EventSourceMapping": PHASES})


class Messaging(Case):
    def setUp(self):
        super().setUp()
        for service in ("sqs", "sns", "events", "lambda"):
            setattr(self, service.replace("lambda", "functions"), self.client(service))

    def queue(self, name="queue", **attributes):
        return self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def queue_arn(self, url):
        return self.attributes(url)["QueueArn"]

    def attributes(self, url):
        return self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    def topic(self, name="topic", **attributes):
        return self.sns.create_topic(Name=name, Attributes=attributes)["TopicArn"]

    def function(self, name="api", wait=True, **params):
        if not hasattr(self, "function_role"):
            self.function_role = self.role("function")
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", "pass")
        code = {"ZipFile": archive.getvalue()}
        defaults = {"Role": self.function_role, "Runtime": "python3.13", "Handler": "index.handler", "Code": code}
        made = self.functions.create_function(FunctionName=name, **{**defaults, **params})
        if wait:
            self.becomes("Active", lambda: self.state(name)[0])
        return made

    def state(self, name="api"):
        shown = self.functions.get_function(FunctionName=name)["Configuration"]
        return shown["State"], shown.get("LastUpdateStatus")


class Queues(Messaging):
    def test_the_name_of_a_deleted_queue_is_blocked(self):
        url = self.queue()
        self.sqs.delete_queue(QueueUrl=url)
        self.refused("AWS.SimpleQueueService.QueueDeletedRecently", self.queue)
        self.advance(30)
        self.refused("AWS.SimpleQueueService.QueueDeletedRecently", self.queue)
        self.advance(40)
        self.queue()

    def test_attributes_are_checked(self):
        self.refused("InvalidAttributeValue", self.queue, VisibilityTimeout="50000")
        self.refused("InvalidAttributeName", self.queue, Nothing="1")
        self.refused("InvalidParameterValue", self.queue, name="queue.fifo")
        self.refused("InvalidAttributeName", self.queue, FifoQueue="false")
        self.refused("InvalidAttributeValue", self.queue, Policy="none")
        self.refused("InvalidParameterValue", self.queue, KmsMasterKeyId="nothing")
        missing = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{self.account}:no", "maxReceiveCount": 1})
        self.refused("AWS.SimpleQueueService.NonExistentQueue", self.queue, RedrivePolicy=missing)

    def test_policies_stay_when_other_attributes_change(self):
        statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
        url, policy = self.queue(), json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        allow = json.dumps({"redrivePermission": "denyAll"})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy, "RedriveAllowPolicy": allow})
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
        shown = self.attributes(url)
        self.assertEqual(json.loads(shown["Policy"]), json.loads(policy))
        self.assertEqual(shown["RedriveAllowPolicy"], allow)
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
        self.assertNotIn("Policy", self.attributes(url))

    def test_one_sort_of_encryption_ends_the_other(self):
        url, key = self.queue(SqsManagedSseEnabled="true"), self.kms.create_key()["KeyMetadata"]["KeyId"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})
        self.assertEqual(self.attributes(url)["SqsManagedSseEnabled"], "false")
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes={"SqsManagedSseEnabled": "true", "KmsMasterKeyId": ""})
        self.assertNotIn("KmsMasterKeyId", self.attributes(url))

    def test_tags_of_many_are_found_by_their_arns(self):
        arns = [self.queue_arn(self.queue(f"queue-{n}")) for n in range(60)]
        for n in range(60):
            url = self.sqs.get_queue_url(QueueName=f"queue-{n}")["QueueUrl"]
            self.sqs.tag_queue(QueueUrl=url, Tags={"n": str(n)})
        found = self.resourcegroupstaggingapi.get_resources(ResourceARNList=arns)["ResourceTagMappingList"]
        self.assertEqual(sorted(mapping["ResourceARN"] for mapping in found), sorted(arns))


class Topics(Messaging):
    def test_attributes_come_back(self):
        arn = self.topic(TracingConfig="Active", SignatureVersion="2", SQSFailureFeedbackRoleArn="arn:role")
        look = lambda: self.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        self.assertEqual([look()[name] for name in ("TracingConfig", "SignatureVersion", "SQSFailureFeedbackRoleArn")],
                         ["Active", "2", "arn:role"])
        self.sns.set_topic_attributes(TopicArn=arn, AttributeName="SQSFailureFeedbackRoleArn", AttributeValue="")
        self.assertNotIn("SQSFailureFeedbackRoleArn", look())
        self.refused("InvalidParameter", self.sns.set_topic_attributes, TopicArn=arn, AttributeName="Nothing",
                     AttributeValue="1")
        policy = json.dumps({"Name": "mask"})
        self.sns.put_data_protection_policy(ResourceArn=arn, DataProtectionPolicy=policy)
        self.assertEqual(self.sns.get_data_protection_policy(ResourceArn=arn)["DataProtectionPolicy"], policy)

    def test_a_repeated_creation_answers_unless_it_differs(self):
        arn = self.topic()
        self.assertEqual(self.topic(), arn)
        self.refused("InvalidParameter", self.topic, DisplayName="other")
        self.sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
        self.refused("InvalidParameter", self.sns.create_topic, Name="topic", Tags=[{"Key": "a", "Value": "2"}])

    def test_a_topic_with_an_archive_is_kept(self):
        archive = json.dumps({"MessageRetentionPeriod": "30"})
        arn = self.topic("topic.fifo", FifoTopic="true", ArchivePolicy=archive)
        self.refused("InvalidState", self.sns.delete_topic, TopicArn=arn)
        self.sns.set_topic_attributes(TopicArn=arn, AttributeName="ArchivePolicy", AttributeValue="{}")
        self.sns.delete_topic(TopicArn=arn)

    def test_an_address_must_confirm(self):
        arn = self.topic()
        answer = self.sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@example.com")
        self.assertEqual(answer["SubscriptionArn"], "pending confirmation")
        [shown] = self.sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        self.assertEqual(shown["SubscriptionArn"], "PendingConfirmation")
        known = self.sns.subscribe(
            TopicArn=arn, Protocol="email", Endpoint="ops@example.com", ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        self.refused("InvalidParameter", self.sns.unsubscribe, SubscriptionArn=known)
        shown = self.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        self.assertEqual((shown["SubscriptionsPending"], shown["SubscriptionsConfirmed"]), ("1", "0"))
        self.sns.delete_topic(TopicArn=arn)
        self.refused("NotFound", self.sns.list_subscriptions_by_topic, TopicArn=arn)

    def test_a_queue_receives_at_once(self):
        arn, queue = self.topic(), self.queue_arn(self.queue())
        made = self.sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue)["SubscriptionArn"]
        self.assertTrue(made.startswith(arn))
        self.refused("InvalidParameter", self.sns.subscribe, TopicArn=arn, Protocol="sqs", Endpoint="queue")
        self.refused("InvalidParameter", self.sns.subscribe, TopicArn=arn, Protocol="sqs", Endpoint=queue,
                     Attributes={"RawMessageDelivery": "true"})
        self.refused("NotFound", self.sns.subscribe, TopicArn=f"{arn}-no", Protocol="sqs", Endpoint=queue)


class Rules(Messaging):
    def test_a_rule_is_checked_and_kept_while_it_has_targets(self):
        put = lambda **params: self.events.put_rule(Name="rule", **params)
        self.refused("InvalidEventPatternException", put, EventPattern="{}")
        self.refused("ValidationException", put, ScheduleExpression="rate(1 day)", RoleArn="arn:aws:iam::1:role/no")
        put(EventPattern=json.dumps({"source": ["a"]}), Tags=[{"Key": "a", "Value": "1"}])
        arn = put(EventPattern=json.dumps({"source": ["a"]}), Tags=[{"Key": "a", "Value": "2"}])["RuleArn"]
        self.assertEqual(self.events.list_tags_for_resource(ResourceARN=arn)["Tags"], [{"Key": "a", "Value": "1"}])
        [found] = self.resourcegroupstaggingapi.get_resources(ResourceTypeFilters=["events:rule"])["ResourceTagMappingList"]
        self.assertEqual(found["ResourceARN"], arn)
        target = {"Id": "a", "Arn": self.queue_arn(self.queue())}
        self.refused("ValidationException", self.events.put_targets, Rule="rule",
                     Targets=[{**target, "Input": "{}", "InputPath": "$"}])
        many = [{**target, "Id": str(n)} for n in range(6)]
        self.refused("LimitExceededException", self.events.put_targets, Rule="rule", Targets=many)
        self.events.put_targets(Rule="rule", Targets=[target])
        self.refused("ValidationException", self.events.delete_rule, Name="rule")
        self.events.remove_targets(Rule="rule", Ids=["a"])
        self.events.delete_rule(Name="rule")
        self.refused("ResourceNotFoundException", self.events.list_targets_by_rule, Rule="rule")

    def test_a_bus_with_rules_is_kept(self):
        self.events.create_event_bus(Name="bus")
        self.events.put_rule(Name="rule", EventBusName="bus", EventPattern=json.dumps({"source": ["a"]}))
        self.refused("ValidationException", self.events.delete_event_bus, Name="bus")


class Functions(Messaging):
    def test_a_function_is_pending_and_updated_once_at_a_time(self):
        made = self.function(wait=False)
        self.assertEqual((made["State"], self.state()), ("Pending", ("Pending", None)))
        change = lambda **params: self.functions.update_function_configuration(FunctionName="api", **params)
        self.refused("ResourceConflictException", change, Timeout=5)
        self.becomes("Active", lambda: self.state()[0])
        change(Timeout=5, TracingConfig={"Mode": "Active"}, LoggingConfig={"LogFormat": "JSON"})
        self.refused("ResourceConflictException", change, Timeout=6)
        self.assertEqual(self.becomes(("Active", "Successful"), self.state)[0], ("Active", "InProgress"))
        shown = self.functions.get_function_configuration(FunctionName="api")
        self.assertEqual((shown["Timeout"], shown["TracingConfig"], shown["LoggingConfig"]["LogFormat"]),
                         (5, {"Mode": "Active"}, "JSON"))
        [listed] = self.functions.list_functions()["Functions"]
        self.assertNotIn("State", listed)
        self.refused("ResourceConflictException", self.function, wait=False)

    def test_what_a_function_refers_to_must_exist(self):
        for params in (
            {"Role": f"arn:aws:iam::{self.account}:role/no"},
            {"Runtime": "cobol"},
            {"Code": {"ZipFile": b"none"}},
            {"Code": {"S3Bucket": "none", "S3Key": "none"}},
            {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": []}},
            {"KMSKeyArn": f"arn:aws:kms:{REGION}:{self.account}:key/no"},
        ):
            with self.subTest(**params):
                self.refused("InvalidParameterValueException", self.function, wait=False, **params)

    def test_a_function_may_be_stopped(self):
        self.function()
        self.functions.put_function_concurrency(FunctionName="api", ReservedConcurrentExecutions=0)
        shown = self.functions.get_function(FunctionName="api")["Concurrency"]
        self.assertEqual(shown, {"ReservedConcurrentExecutions": 0})

    def test_a_statement_has_its_conditions_and_an_id_of_its_own(self):
        self.function()
        ask = dict(FunctionName="api", StatementId="one", Action="lambda:InvokeFunction", Principal="210987654321",
                   SourceAccount="210987654321", PrincipalOrgID="o-a1b2c3d4e5", SourceArn="arn:aws:s3:::b")
        self.functions.add_permission(**ask)
        self.refused("ResourceConflictException", self.functions.add_permission, **ask)
        [statement] = json.loads(self.functions.get_policy(FunctionName="api")["Policy"])["Statement"]
        self.assertEqual(statement["Principal"], {"AWS": "arn:aws:iam::210987654321:root"})
        self.assertEqual(statement["Condition"], {
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"},
            "StringEquals": {"AWS:SourceAccount": "210987654321", "aws:PrincipalOrgID": "o-a1b2c3d4e5"},
        })
        self.functions.remove_permission(FunctionName="api", StatementId="one")
        self.refused("ResourceNotFoundException", self.functions.get_policy, FunctionName="api")


class EventSources(Messaging):
    def test_a_mapping_passes_through_its_states(self):
        self.function()
        queue = self.queue_arn(self.queue())
        ask = dict(FunctionName="api", EventSourceArn=queue)
        made = self.functions.create_event_source_mapping(**ask, Tags={"a": "1"})
        mapping = {"UUID": made["UUID"]}
        state = lambda: self.functions.get_event_source_mapping(**mapping)["State"]
        self.assertEqual(made["State"], "Creating")
        self.refused("ResourceConflictException", self.functions.create_event_source_mapping, **ask)
        self.refused("ResourceInUseException", self.functions.delete_event_source_mapping, **mapping)
        self.becomes("Enabled", state)
        [found] = self.resourcegroupstaggingapi.get_resources(
            ResourceTypeFilters=["lambda:event-source-mapping"])["ResourceTagMappingList"]
        self.assertEqual(found["ResourceARN"], made["EventSourceMappingArn"])
        changed = self.functions.update_event_source_mapping(**mapping, Enabled=False)
        self.assertEqual(changed["State"], "Disabling")
        self.becomes("Disabled", state)
        self.assertEqual(self.functions.delete_event_source_mapping(**mapping)["State"], "Deleting")
        self.assertEqual(state(), "Deleting")
        self.gone("ResourceNotFoundException", state)

    def test_a_source_must_be_there_and_fit(self):
        self.function(Timeout=60)
        create = lambda source: self.functions.create_event_source_mapping(FunctionName="api", EventSourceArn=source)
        self.refused("InvalidParameterValueException", create, source=f"arn:aws:sqs:{REGION}:{self.account}:no")
        self.refused("InvalidParameterValueException", create, source=self.queue_arn(self.queue()))
        self.refused("InvalidParameterValueException", create, source=f"arn:aws:kinesis:{REGION}:{self.account}:stream/s")


if __name__ == "__main__":
    unittest.main()
