//! A topic, who may publish to it, and its subscriptions.

use serde_json::json;

use super::{Compiler, delivery, function, get, key, queue, short_hash};
use crate::address::Address;
use crate::blueprint::component::topic::{
    EmailSubscriber, FilterOn, FunctionSubscriber, HttpsSubscriber, QueueSubscriber, Subscriber,
    Topic,
};
use crate::blueprint::value::Name;

impl Compiler<'_> {
    pub(super) fn topic(&mut self, name: &Name, topic: &Topic) {
        let spec = json!({
            "TopicName": format!("{}{}", self.name(name), topic.suffix()),
            "FifoTopic": topic.fifo.then_some(true),
            "ContentBasedDeduplication": topic.fifo.then_some(topic.content_deduplication.value),
            "DisplayName": topic.display_name.as_ref().map(|it| it.value.clone()),
            "KmsMasterKeyId": key::arn(topic.key.as_ref()),
        });
        self.add(&address(name), "AWS::SNS::Topic", spec);
        self.topic_policy(name);
        for subscriber in &topic.subscribers {
            self.subscription(name, subscriber);
        }
    }

    /// Nobody may publish without TLS; services may publish that act for something which is to publish. Principals of
    /// the account need nothing here: IAM decides about them.
    fn topic_policy(&mut self, name: &Name) {
        let arn = get(&address(name), "TopicArn");
        let mut statements = vec![delivery::refuse_plain_text("sns:Publish", &arn)];
        statements.extend(self.allow_senders(&self.senders_to_topic(name), "sns:Publish", &arn));
        let spec = json!({
            "Topics": [arn],
            "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
        });
        self.add(&policy_address(name), "AWS::SNS::TopicPolicy", spec);
    }

    fn subscription(&mut self, topic: &Name, subscriber: &Subscriber) {
        // The address of a subscription is made of its endpoint, which is what SNS tells it apart by.
        let (role, protocol, endpoint, raw, policy) = match subscriber {
            Subscriber::Function(FunctionSubscriber { function, .. }) => {
                let (to, name) = (function::address(&function.name), &function.name);
                let permission = function::permission(name, &format!("topic-{topic}"));
                (format!("function-{name}"), "lambda", get(&to, "Arn"), None, Some(permission))
            }
            Subscriber::Queue(QueueSubscriber { queue, raw, .. }) => {
                let (to, name) = (queue::address(&queue.name), &queue.name);
                let policy = Some(queue::policy_address(name));
                (format!("queue-{name}"), "sqs", get(&to, "Arn"), Some(*raw), policy)
            }
            Subscriber::Email(EmailSubscriber { email, .. }) => {
                let role = format!("email-{}", short_hash(email.as_str()));
                (role, "email", json!(email.as_str()), None, None)
            }
            Subscriber::Https(HttpsSubscriber { https, raw, .. }) => {
                let role = format!("https-{}", short_hash(https.as_str()));
                (role, "https", json!(https.as_str()), Some(*raw), None)
            }
        };
        let dead_letter = subscriber.dead_letter().map(|it| &it.name);
        let filter = subscriber.filter();
        let spec = json!({
            "TopicArn": get(&address(topic), "TopicArn"),
            "Protocol": protocol,
            "Endpoint": endpoint,
            "RawMessageDelivery": raw,
            "FilterPolicy": filter.map(|(filter, _)| filter.value.clone()),
            "FilterPolicyScope": filter.map(|(_, on)| match on {
                FilterOn::Attributes => "MessageAttributes",
                FilterOn::Body => "MessageBody",
            }),
            "RedrivePolicy": dead_letter.map(|queue| json!({
                "deadLetterTargetArn": get(&queue::address(queue), "Arn"),
            })),
        });
        let at = Address::of(&component(topic), &format!("subscription/{role}"));
        // A message that arrives before the queue admits it would be lost.
        self.add(&at, "AWS::SNS::Subscription", spec)
            .after_all(&policy)
            .after_all(&dead_letter.map(queue::policy_address));
    }
}

pub(super) fn address(name: &Name) -> Address {
    Address::of(&component(name), "topic")
}

/// Where the policy of a topic stands, which what publishes to it must wait for.
pub(super) fn policy_address(name: &Name) -> Address {
    Address::of(&component(name), "policy")
}

fn component(name: &Name) -> String {
    format!("topics.{name}")
}
