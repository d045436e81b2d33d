//! A queue, its dead letters, and who may send to it.

use serde_json::{Value, json};

use super::{Compiler, delivery, get, key};
use crate::address::Address;
use crate::blueprint::component::queue::{DeadLetter, Queue, dead_letter_name};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn queue(&mut self, name: &Name, queue: &Queue) {
        let dead_letters = queue.dead_letter.as_ref().map(|it| match &it.to {
            Some(to) => address(&to.name),
            None => dead_letter_address(name),
        });
        let redrive = dead_letters.as_ref().zip(queue.dead_letter.as_ref());
        let spec = json!({
            "QueueName": self.queue_name(name.as_str(), queue),
            "FifoQueue": queue.fifo.then_some(true),
            "ContentBasedDeduplication": queue.fifo.then_some(queue.content_deduplication.value),
            "DeduplicationScope": queue.high_throughput.then_some("messageGroup"),
            "FifoThroughputLimit": queue.high_throughput.then_some("perMessageGroupId"),
            "VisibilityTimeout": queue.visibility.get(),
            "MessageRetentionPeriod": queue.retention.get(),
            "DelaySeconds": queue.delay.get(),
            "MaximumMessageSize": queue.max_message_size.get() * 1024,
            "ReceiveMessageWaitTimeSeconds": queue.receive_wait.get(),
            "SqsManagedSseEnabled": queue.key.is_none().then_some(true),
            "KmsMasterKeyId": key::arn(queue.key.as_ref()),
            "RedrivePolicy": redrive.map(|(to, dead_letter)| json!({
                "deadLetterTargetArn": get(to, "Arn"),
                "maxReceiveCount": dead_letter.after.get(),
            })),
            "RedriveAllowPolicy": redrive_allow_policy(&self.dead_letter_sources(name)),
        });
        self.add(&address(name), "AWS::SQS::Queue", spec);
        let senders = self.senders_to_queue(name);
        self.queue_policy(&address(name), policy_address(name), &senders);
        if let Some(dead_letter) = queue.own_dead_letter() {
            self.own_dead_letters(name, queue, dead_letter);
        }
    }

    fn own_dead_letters(&mut self, name: &Name, queue: &Queue, dead_letter: &DeadLetter) {
        let at = dead_letter_address(name);
        let spec = json!({
            "QueueName": self.queue_name(&dead_letter_name(name), queue),
            "FifoQueue": queue.fifo.then_some(true),
            "MessageRetentionPeriod": dead_letter.retention(),
            "MaximumMessageSize": queue.max_message_size.get() * 1024,
            "SqsManagedSseEnabled": queue.key.is_none().then_some(true),
            "KmsMasterKeyId": key::arn(queue.key.as_ref()),
            "RedriveAllowPolicy": redrive_allow_policy(&[self.queue_arn(name, queue)]),
        });
        self.add(&at, "AWS::SQS::Queue", spec);
        let policy = Address::of(&component(name), "dead-letter/policy");
        self.queue_policy(&at, policy, &[]);
    }

    /// Nobody may use the queue without TLS; services may send that act for something which is to send.
    fn queue_policy(&mut self, queue: &Address, at: Address, senders: &[delivery::Sender]) {
        let arn = get(queue, "Arn");
        let mut statements = vec![delivery::refuse_plain_text("sqs:*", &arn)];
        statements.extend(self.allow_senders(senders, "sqs:SendMessage", &arn));
        let spec = json!({
            "Queues": [get(queue, "QueueUrl")],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&at, "AWS::SQS::QueuePolicy", spec);
    }

    /// The queues whose dead letters go to this one. They refer to it: by name it does not refer back.
    fn dead_letter_sources(&self, name: &Name) -> Vec<String> {
        let queues = self.blueprint.queues.iter();
        let sources = queues.filter(|(_, queue)| {
            let to = queue.dead_letter.as_ref().and_then(|it| it.to.as_ref());
            to.is_some_and(|to| to.name == *name)
        });
        sources.map(|(source, queue)| self.queue_arn(source, queue)).collect()
    }

    fn queue_arn(&self, name: &Name, queue: &Queue) -> String {
        let queue_name = self.queue_name(name.as_str(), queue);
        self.arn("sqs", self.builder.region(), &queue_name)
    }

    fn queue_name(&self, name: &str, queue: &Queue) -> String {
        format!("{}{}", self.name(name), queue.suffix())
    }
}

/// Which queues may use a queue for their dead letters; nothing is said of a queue that none uses.
fn redrive_allow_policy(sources: &[String]) -> Option<Value> {
    /// `SetQueueAttributes` in the API reference.
    const SOURCES_MAX: usize = 10;
    match sources.len() {
        0 => None,
        1..=SOURCES_MAX => {
            Some(json!({"redrivePermission": "byQueue", "sourceQueueArns": sources}))
        }
        _ => Some(json!({"redrivePermission": "allowAll"})),
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "queue")
}

/// Where the policy of a queue stands, which what sends to it must wait for.
pub(super) fn policy_address(name: &Name) -> Address {
    Address::of(&component(name), "policy")
}

pub(super) fn dead_letter_address(name: &Name) -> Address {
    Address::of(&component(name), "dead-letter/queue")
}

fn component(name: &Name) -> String {
    format!("queues.{name}")
}
