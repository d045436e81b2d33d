//! A function, the role that it runs as, and what calls it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::grants::allow;
use super::path::Caller;
use super::{Compiler, cache, database, get, key, path, queue, short_hash, topic, trust};
use crate::address::Address;
use crate::blueprint::component::bucket::Target;
use crate::blueprint::component::function::{
    Architecture, Function, QueueTrigger, ScheduleTrigger, Trigger,
};
use crate::blueprint::component::topic::Subscriber;
use crate::blueprint::reference::{Access, ComponentType, Reference};
use crate::blueprint::value::{Int, Name};
use crate::source::Spanned;

impl Compiler<'_> {
    pub(super) fn function(&mut self, name: &Name, function: &Function) {
        let (component, address) = (component(name), address(name));
        let log_group = Address::of(&component, "log-group");
        let spec = json!({
            "LogGroupName": format!("/{}/functions/{name}", self.blueprint.stack),
            "RetentionInDays": function.log_retention.days,
            "KmsKeyId": key::arn(function.key.as_ref()),
        });
        self.add(&log_group, "AWS::Logs::LogGroup", spec);
        let role = Address::of(&component, "role");
        let spec = json!({
            "RoleName": self.role_name(&format!("function-{name}")),
            "Description": format!("function {name}"),
            "AssumeRolePolicyDocument":
                trust(json!({"Service": "lambda.amazonaws.com"}), &["sts:AssumeRole"]),
        });
        self.add(&role, "AWS::IAM::Role", spec);
        let statements = self.function_statements(function, &log_group);
        self.role_policy(&component, &role, name, statements);
        let network = self.function_network(name, function);
        let image = function.image.is_some();
        let spec = json!({
            "FunctionName": self.name(name),
            "Description": function.description.as_ref().map(|it| it.value.clone()),
            "PackageType": if image { "Image" } else { "Zip" },
            "Code": self.code(function),
            "Runtime": function.runtime.as_ref().map(|it| it.as_str()),
            "Handler": function.handler(),
            "Architectures": [match function.architecture {
                Architecture::X86 => "x86_64",
                Architecture::Arm64 => "arm64",
            }],
            "MemorySize": function.memory.get(),
            "EphemeralStorage": {"Size": function.storage.get()},
            "Timeout": function.timeout.get(),
            "ReservedConcurrentExecutions": function.concurrency.map(Int::get),
            "Environment": {"Variables": self.function_variables(name, function)},
            "KmsKeyArn": key::arn(function.key.as_ref()),
            "DeadLetterConfig": function.failures.as_ref().map(|to| json!({"TargetArn": arn_of(to)})),
            "LoggingConfig": {"LogFormat": "JSON", "LogGroup": get(&log_group, "LogGroupName")},
            "TracingConfig": {"Mode": if function.tracing { "Active" } else { "PassThrough" }},
            "VpcConfig": network,
            "Role": get(&role, "Arn"),
        });
        // Lambda looks at once whether the role may do what the function needs.
        let mut before = vec![policy(name)];
        before.extend(function.inside().map(|used| ingress(name, used)));
        self.add(&address, "AWS::Lambda::Function", spec).after_all(&before);
        for trigger in &function.on {
            match &trigger.value {
                Trigger::Queue(trigger) => self.queue_trigger(name, trigger),
                Trigger::Schedule(trigger) => self.schedule_trigger(name, trigger),
            }
        }
        self.permit_senders(name);
    }

    /// What its role allows: what it uses, what Lambda does for it in its name, and what its triggers take.
    fn function_statements(&self, function: &Function, log_group: &Address) -> Vec<Value> {
        let mut uses = function.uses.clone();
        let of_queue = |trigger: &QueueTrigger| {
            let (component, name) = (ComponentType::Queue, trigger.queue.name.clone());
            let access = Some(Access::Receive);
            Spanned::new(Reference { component, name, access }, trigger.queue.span)
        };
        uses.extend(function.queues().map(of_queue));
        uses.extend(function.failures.clone());
        let mut statements = self.grants(&uses);
        let logs = ["logs:CreateLogStream", "logs:PutLogEvents"];
        statements.push(allow(&logs, get(log_group, "Arn")));
        if function.tracing {
            let traces = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
            statements.push(allow(&traces, json!("*")));
        }
        if function.tier().is_some() {
            // Its interfaces have no names before they are there.
            let interfaces = [
                "ec2:AssignPrivateIpAddresses",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSubnets",
                "ec2:UnassignPrivateIpAddresses",
            ];
            statements.push(allow(&interfaces, json!("*")));
        }
        let decrypt = key::arn(function.key.as_ref()).map(|key| allow(&["kms:Decrypt"], key));
        statements.extend(decrypt.filter(|it| !statements.contains(it)));
        statements
    }

    fn code(&self, function: &Function) -> Value {
        if let Some(image) = &function.image {
            return json!({"ImageUri": self.registry_image(image)});
        }
        if let Some(archive) = &function.archive {
            return json!({
                "S3Bucket": archive.bucket.as_str(),
                "S3Key": archive.key.as_str(),
                "S3ObjectVersion": archive.version.as_ref().map(|it| it.value.clone()),
            });
        }
        json!({"ZipFile": function.source.as_ref().map(|it| it.value.clone())})
    }

    fn function_variables(&self, name: &Name, function: &Function) -> BTreeMap<String, Value> {
        let mut variables = BTreeMap::new();
        for used in &function.uses {
            variables.extend(self.variables_of_function(name, used));
        }
        let own = function.env.iter();
        variables.extend(own.map(|(name, value)| (name.to_string(), json!(value.value))));
        variables
    }

    /// By name, not by reference: functions may call each other.
    pub(super) fn function_arn(&self, name: &Name) -> String {
        self.arn("lambda", self.builder.region(), &format!("function:{}", self.name(name)))
    }

    /// The variables that a function gets by a use. A bucket that tells it of changes waits for it, so it knows that one by
    /// name, not by reference.
    pub(super) fn variables_of_function(
        &self,
        name: &Name,
        used: &Reference,
    ) -> BTreeMap<String, Value> {
        let mut variables = self.given_variables(used);
        if used.component == ComponentType::Bucket
            && let Some(bucket) = self.blueprint.buckets.get(&used.name)
            && bucket.notify.iter().any(|it| tells(&it.to, name))
        {
            for value in variables.values_mut() {
                *value = json!(self.bucket_name(&used.name, bucket));
            }
        }
        variables
    }

    /// The subnets in which it runs and the group that keeps it to where it connects to.
    fn function_network(&mut self, name: &Name, function: &Function) -> Option<Value> {
        let tier = function.tier()?;
        let component = component(name);
        let group = self.security_group(&component, name.as_str(), &format!("function {name}"));
        let group = get(&group, "GroupId");
        let blueprint = self.blueprint;
        // The addresses of AWS's APIs are known to nobody.
        let mut ways = BTreeMap::from([(("0.0.0.0/0".to_owned(), 443), egress(name, "https"))]);
        for reach in &function.egress {
            let (to, port) = (reach.to.to_string(), reach.port.get());
            let at = egress(name, &format!("{}-{port}", to.replace('/', "-")));
            ways.entry((to, port)).or_insert(at);
        }
        for ((to, port), at) in ways {
            let spec = json!({
                "GroupId": group, "IpProtocol": "tcp", "FromPort": port, "ToPort": port, "CidrIp": to,
            });
            self.add(&at, "AWS::EC2::SecurityGroupEgress", spec);
        }
        // Two accesses to one component are one way.
        let inside: BTreeMap<Address, &Reference> =
            function.inside().map(|used| (egress_to(name, used), &used.value)).collect();
        for (at, Reference { component, name, access: _ }) in inside {
            let (to, port) = match component {
                ComponentType::Database => (
                    database::security_group(name),
                    blueprint.databases.get(name).map(|it| it.port()),
                ),
                _ => (cache::security_group(name), blueprint.caches.get(name).map(|it| it.port())),
            };
            let spec = json!({
                "GroupId": group, "IpProtocol": "tcp", "FromPort": port, "ToPort": port,
                "DestinationSecurityGroupId": get(&to, "GroupId"),
            });
            self.add(&at, "AWS::EC2::SecurityGroupEgress", spec);
        }
        Some(json!({"SubnetIds": self.subnet_ids(tier), "SecurityGroupIds": [group]}))
    }

    fn queue_trigger(&mut self, name: &Name, trigger: &QueueTrigger) {
        let QueueTrigger { queue, batch, window, concurrency } = trigger;
        let spec = json!({
            "FunctionName": get(&address(name), "FunctionName"),
            "EventSourceArn": get(&queue::address(&queue.name), "Arn"),
            "BatchSize": batch.get(),
            "MaximumBatchingWindowInSeconds": window.get(),
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": concurrency.map(|it| json!({"MaximumConcurrency": it.get()})),
        });
        let at = at(name, &format!("trigger/queue-{}", queue.name));
        self.add(&at, "AWS::Lambda::EventSourceMapping", spec);
    }

    fn schedule_trigger(&mut self, name: &Name, trigger: &ScheduleTrigger) {
        // Two may differ in nothing but when.
        let hash = short_hash(trigger.schedule.as_str());
        let rule = self.name_within(&format!("{name}-{hash}"), RULE_NAME_MAX);
        let source = self.arn("events", self.builder.region(), &format!("rule/{rule}"));
        let permission = self.permit(
            name,
            &format!("schedule-{hash}"),
            json!({
                "Principal": "events.amazonaws.com", "SourceArn": source,
            }),
        );
        let spec = json!({
            "Name": rule,
            "Description": format!("calls function {name}"),
            "ScheduleExpression": trigger.schedule.as_str(),
            "State": "ENABLED",
            "Targets": [{
                "Id": "function",
                "Arn": get(&address(name), "Arn"),
                "Input": trigger.input.as_ref().map(ToString::to_string),
            }],
        });
        let at = at(name, &format!("trigger/schedule-{hash}"));
        self.add(&at, "AWS::Events::Rule", spec).after(&permission);
    }

    /// Lets the buckets and topics call it that say that they do.
    fn permit_senders(&mut self, name: &Name) {
        let blueprint = self.blueprint;
        for (bucket, it) in &blueprint.buckets {
            if it.notify.iter().any(|it| tells(&it.to, name)) {
                // By name: S3 asks whether it may call before the bucket can be told to. The ARN does not say whose it is.
                let source = self.bucket_arn(bucket, it);
                self.permit(
                    name,
                    &format!("bucket-{bucket}"),
                    json!({
                        "Principal": "s3.amazonaws.com",
                        "SourceArn": source,
                        "SourceAccount": self.account.id,
                    }),
                );
            }
        }
        for (topic, it) in &blueprint.topics {
            let subscribes = |subscriber: &Subscriber| match subscriber {
                Subscriber::Function(it) => it.function.name == *name,
                Subscriber::Queue(_) | Subscriber::Email(_) | Subscriber::Https(_) => false,
            };
            if it.subscribers.iter().any(|it| subscribes(it)) {
                self.permit(
                    name,
                    &format!("topic-{topic}"),
                    json!({
                        "Principal": "sns.amazonaws.com",
                        "SourceArn": get(&topic::address(topic), "TopicArn"),
                    }),
                );
            }
        }
    }

    fn permit(&mut self, name: &Name, role: &str, whom: Value) -> Address {
        let mut spec = json!({
            "FunctionName": get(&address(name), "FunctionName"),
            "Action": "lambda:InvokeFunction",
        });
        if let (Some(spec), Value::Object(whom)) = (spec.as_object_mut(), whom) {
            spec.extend(whom);
        }
        let at = permission(name, role);
        self.add(&at, "AWS::Lambda::Permission", spec);
        at
    }
}

/// `PutRule` in the API reference.
const RULE_NAME_MAX: usize = 64;

/// Whether a bucket tells a function of changes.
fn tells(to: &Target, function: &Name) -> bool {
    match to {
        Target::Component(Reference { component, name, access: _ }) => {
            *component == ComponentType::Function && name == function
        }
        Target::Arn(_) => false,
    }
}

/// The ARN of a queue or a topic.
fn arn_of(reference: &Reference) -> Value {
    match reference.component {
        ComponentType::Queue => get(&queue::address(&reference.name), "Arn"),
        _ => get(&topic::address(&reference.name), "TopicArn"),
    }
}

/// The rule that lets it in where it connects to.
pub(super) fn ingress(name: &Name, used: &Reference) -> Address {
    let component = format!("{}.{}", used.component.section(), used.name);
    path::ingress_from(&component, &Caller::Function(name.clone()))
}

/// The rule that lets it out to there.
pub(super) fn egress_to(name: &Name, used: &Reference) -> Address {
    egress(name, &format!("{}-{}", used.component, used.name))
}

fn egress(name: &Name, to: &str) -> Address {
    at(name, &format!("egress/{to}"))
}

pub(super) fn address(name: &Name) -> Address {
    at(name, "function")
}

pub(super) fn policy(name: &Name) -> Address {
    at(name, "policy")
}

/// The permission for a bucket or a topic to call it, which what calls it must wait for.
pub(super) fn permission(name: &Name, role: &str) -> Address {
    at(name, &format!("permission/{role}"))
}

pub(super) fn security_group(name: &Name) -> Address {
    at(name, "security-group")
}

fn at(name: &Name, role: &str) -> Address {
    Address::of(&component(name), role)
}

pub(super) fn component(name: &Name) -> String {
    format!("functions.{name}")
}
