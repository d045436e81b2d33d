//! `functions`: code that runs when something happens, on servers of Lambda.

mod check;

use std::collections::BTreeMap;

use super::key::Key;
use super::network::Tier;
use super::queue::Queue;
use super::service::Reach;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::Node;
use crate::blueprint::reference::{ComponentType, Link, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{
    BucketName, Handler, Image, Int, Mib, Name, ObjectKey, Retention, Runtime, Schedule, Seconds,
    VariableName,
};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

schema! {
    /// Code that runs when something happens, on servers of Lambda: an `image`, an `archive` or a `source`. What calls it
    /// stands `on` it, or where it happens: `notify` of a bucket, `subscribers` of a topic.
    pub struct Function("a function") {
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// Its image: one of the `registries`, or one of ECR with its registry's host. It must be there before the function
        /// is made.
        pub image: Option<Spanned<Image>>,
        /// The archive of its code in a bucket, which must be there before the function is made.
        pub archive: Option<Spanned<Archive>>,
        /// The code itself: a file of Python or JavaScript.
        pub source: Option<Spanned<String>>,
        /// What runs the code: `java21`, `python3.13`. An image brings its own.
        pub runtime: Option<Spanned<Runtime>>,
        /// What is called in the code; `index.handler` of a `source`.
        pub handler: Option<Spanned<Handler>>,
        /// The processors that it is built for.
        pub architecture: Architecture = "x86_64",
        /// Its memory; its share of processors grows with it.
        pub memory: Mib<128, 10_240> = "256Mi",
        /// How much it may write to `/tmp`.
        pub storage: Mib<512, 10_240> = "512Mi",
        /// How long a call may take.
        pub timeout: Spanned<Seconds<1, 900>> = "30s",
        /// How many calls may run at once, kept free for it; what the account has left if nothing is said.
        pub concurrency: Option<Int<0, 100_000>>,
        /// Plain configuration, as environment variables. What stands here wins over what `uses` gives.
        pub env: BTreeMap<VariableName, Spanned<String>>,
        /// The components that it uses, and how: `queue.orders:send`. Each is permissions, variables in its environment, and
        /// a path in the network if it takes one. Secrets it reads itself, by the ARN that it gets.
        pub uses: Vec<Spanned<Reference>>,
        /// What calls it: the messages of a `queue`, or a `schedule`.
        pub on: Vec<Spanned<Trigger>>,
        /// The queue or topic that gets the events on which it failed again and again, other than those of queues, which
        /// have their dead letters.
        pub failures: Option<Spanned<Reference>>,
        /// The tier in whose subnets it runs; outside of the network if nothing is said and it uses nothing inside, otherwise
        /// `private`.
        pub subnets: Option<Spanned<Tier>>,
        /// Where it connects to from inside the network, besides what it uses and all of HTTPS.
        pub egress: Vec<Spanned<Reach>>,
        /// Tells X-Ray of its calls.
        pub tracing: bool = "true",
        /// How long its logs are kept.
        pub log_retention: Retention = "30d",
        /// The key that encrypts its environment and its logs; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
    }
}

schema! {
    /// An archive of code: a ZIP file, or a JAR.
    pub struct Archive("an archive") {
        /// The bucket, which is none of this blueprint's: it would be empty when the function is made.
        pub bucket: Spanned<BucketName>,
        /// The object. Another one for each release, or another `version`, is what deploys it.
        pub key: Spanned<ObjectKey>,
        /// The version of the object.
        pub version: Option<Spanned<String>>,
    }
}

schema! {
    /// Processors.
    pub enum Architecture {
        /// Those of Intel and AMD.
        X86 = "x86_64",
        /// Graviton: cheaper.
        Arm64 = "arm64",
    }
}

/// What calls a function.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    Queue(QueueTrigger),
    Schedule(ScheduleTrigger),
}

impl Decode for Trigger {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if node.get("queue").is_some() {
            QueueTrigger::decode(node, decoder).map(Self::Queue)
        } else if node.get("schedule").is_some() {
            ScheduleTrigger::decode(node, decoder).map(Self::Schedule)
        } else {
            decoder.mapping(node, "Write `{queue: orders}` or `{schedule: rate(1 hour)}`.")?;
            decoder.report(
                Diagnostic::error("a trigger needs a `queue` or a `schedule`")
                    .at(decoder.owner(node), "calls never")
                    .hint(
                        "Buckets call functions by `notify`, and topics by `subscribers`, of their own.",
                    ),
            );
            None
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![QueueTrigger::shape(), ScheduleTrigger::shape()])
    }
}

schema! {
    /// The messages of a queue, in batches. It may report those that it could not handle: only they come again.
    pub struct QueueTrigger("a trigger") {
        /// The queue. It hides messages for at least as long as a call may take.
        pub queue: Spanned<Link<Queue>>,
        /// How many messages a call gets at most.
        pub batch: Spanned<Int<1, 10_000>> = "10",
        /// How long to wait for a full batch.
        pub window: Spanned<Seconds<0, 300>> = "0s",
        /// How many calls the queue makes at once; as many as it takes if nothing is said.
        pub concurrency: Option<Int<2, 1_000>>,
    }
}

schema! {
    /// A call again and again.
    pub struct ScheduleTrigger("a trigger") {
        /// When, in UTC: `rate(5 minutes)`, `cron(0 2 * * ? *)`.
        pub schedule: Spanned<Schedule>,
        /// The event that it gets; one that tells of the schedule if nothing is said.
        pub input: Option<serde_json::Value>,
    }
}

impl Function {
    /// The tier in whose subnets it runs; `None` if it runs outside of the network.
    pub fn tier(&self) -> Option<Tier> {
        match &self.subnets {
            Some(tier) => Some(tier.value),
            None => self.inside().next().map(|_| Tier::Private),
        }
    }

    /// The uses of what stands in the network.
    pub fn inside(&self) -> impl Iterator<Item = &Spanned<Reference>> {
        let in_network = [ComponentType::Database, ComponentType::Cache];
        self.uses.iter().filter(move |it| in_network.contains(&it.component))
    }

    /// Whether it connects to a component of the network.
    pub fn connects_to(&self, component: ComponentType, name: &Name) -> bool {
        self.inside().any(|it| it.component == component && it.name == *name)
    }

    /// What is called in the code; nothing of an image.
    pub fn handler(&self) -> Option<&str> {
        let of_source = self.source.as_ref().map(|_| "index.handler");
        self.handler.as_ref().map(|it| it.as_str()).or(of_source)
    }

    /// The queues whose messages call it.
    pub fn queues(&self) -> impl Iterator<Item = &QueueTrigger> {
        self.on.iter().filter_map(|trigger| match &trigger.value {
            Trigger::Queue(trigger) => Some(trigger),
            Trigger::Schedule(_) => None,
        })
    }
}
