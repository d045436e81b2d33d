//! What AWS services deliver to queues and topics, and the policies that let them: they act for no principal of the
//! account, so IAM cannot.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{Compiler, get, topic};
use crate::blueprint::component::bucket::Target;
use crate::blueprint::component::key::Key;
use crate::blueprint::component::topic::Subscriber;
use crate::blueprint::reference::{ComponentType, Link, Reference};
use crate::blueprint::value::Name;
use crate::source::Spanned;

/// A service that delivers for something.
#[derive(Clone)]
pub(super) struct Sender {
    service: Service,
    /// The ARN of what it delivers for.
    source: Value,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Service {
    CloudWatch,
    EventBridge,
    S3,
    Sns,
}

impl Service {
    const fn principal(self) -> &'static str {
        match self {
            Self::CloudWatch => "cloudwatch.amazonaws.com",
            Self::EventBridge => "events.amazonaws.com",
            Self::S3 => "s3.amazonaws.com",
            Self::Sns => "sns.amazonaws.com",
        }
    }
}

impl Compiler<'_> {
    /// The topics and buckets that send to a queue.
    pub(super) fn senders_to_queue(&self, name: &Name) -> Vec<Sender> {
        let topics = self.blueprint.topics.iter();
        let topics = topics.filter(|(_, topic)| topic.subscribers.iter().any(|it| sends(it, name)));
        let topics = topics.map(|(topic, _)| Sender {
            service: Service::Sns,
            source: get(&topic::address(topic), "TopicArn"),
        });
        topics.chain(self.buckets_telling(ComponentType::Queue, name)).collect()
    }

    /// The buckets, alarms and rules that publish to a topic.
    pub(super) fn senders_to_topic(&self, name: &Name) -> Vec<Sender> {
        let from = |service: Service| move |source: Value| Sender { service, source };
        let alarms = self.alarms_telling(name).into_iter().map(from(Service::CloudWatch));
        let findings = self.findings_telling(name).into_iter().map(from(Service::EventBridge));
        let buckets = self.buckets_telling(ComponentType::Topic, name);
        buckets.chain(alarms).chain(findings).collect()
    }

    /// The statements that let services deliver, each for nothing but what is to deliver.
    pub(super) fn allow_senders(
        &self,
        senders: &[Sender],
        action: &str,
        resource: &Value,
    ) -> Vec<Value> {
        let mut sources: BTreeMap<Service, Vec<&Value>> = BTreeMap::new();
        for Sender { service, source } in senders {
            sources.entry(*service).or_default().push(source);
        }
        let allow = |(service, sources): (Service, Vec<&Value>)| {
            // The ARN of a bucket does not say whose it is.
            let account = match service {
                Service::S3 => Some(json!({"aws:SourceAccount": self.account.id})),
                Service::CloudWatch | Service::EventBridge | Service::Sns => None,
            };
            json!({
                "Effect": "Allow",
                "Principal": {"Service": service.principal()},
                "Action": action,
                "Resource": resource,
                "Condition": {"ArnLike": {"aws:SourceArn": sources}, "StringEquals": account},
            })
        };
        sources.into_iter().map(allow).collect()
    }

    /// The principals of the services that deliver to what a key encrypts, and so must be able to use the key.
    pub(super) fn senders_with_key(&self, key: &Name) -> BTreeSet<&'static str> {
        let has_key =
            |it: &Option<Spanned<Link<Key>>>| it.as_ref().is_some_and(|it| it.name == *key);
        let queues = self.blueprint.queues.iter().filter(|(_, queue)| has_key(&queue.key));
        let queues = queues.flat_map(|(name, _)| self.senders_to_queue(name));
        let topics = self.blueprint.topics.iter().filter(|(_, topic)| has_key(&topic.key));
        let topics = topics.flat_map(|(name, _)| self.senders_to_topic(name));
        queues.chain(topics).map(|sender| sender.service.principal()).collect()
    }

    /// By name, not by reference: S3 asks the queue or topic whether it may send before the bucket can be told to.
    fn buckets_telling(&self, to: ComponentType, name: &Name) -> impl Iterator<Item = Sender> {
        let tells = move |target: &Target| match target {
            Target::Component(Reference { component, name: told, access: _ }) => {
                *component == to && told == name
            }
            Target::Arn(_) => false,
        };
        let buckets = self.blueprint.buckets.iter();
        let buckets = buckets.filter(move |(_, it)| it.notify.iter().any(|it| tells(&it.to)));
        buckets.map(|(bucket, it)| Sender {
            service: Service::S3,
            source: json!(self.bucket_arn(bucket, it)),
        })
    }
}

/// Whether messages for a subscriber reach a queue, if only those that cannot be delivered.
fn sends(subscriber: &Subscriber, name: &Name) -> bool {
    let subscribes = match subscriber {
        Subscriber::Queue(it) => it.queue.name == *name,
        Subscriber::Function(_) | Subscriber::Email(_) | Subscriber::Https(_) => false,
    };
    subscribes || subscriber.dead_letter().is_some_and(|queue| queue.name == *name)
}

/// The statement that refuses everybody who does not use TLS.
pub(super) fn refuse_plain_text(action: &str, resources: &Value) -> Value {
    json!({
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": resources,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    })
}
