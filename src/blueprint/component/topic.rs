//! `topics`: topics of SNS and who subscribes to them.

use super::Component;
use super::function::Function;
use super::key::Key;
use super::queue::Queue;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, Link, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{EmailAddress, HttpsUrl, Name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A topic of SNS, reached over TLS alone.
    pub struct Topic("a topic") {
        /// Keeps the order of messages and takes each once.
        pub fifo: Spanned<bool> = "false",
        /// Takes a message with the same content for the same message.
        pub content_deduplication: Spanned<bool> = "false",
        /// The name that emails and text messages come from.
        pub display_name: Option<Spanned<String>>,
        /// The key that encrypts messages; that of SNS's disks if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// Who gets the messages: `queue.orders`, `function.resize`, or a `queue`, `function`, `email` or `https` with a
        /// filter.
        pub subscribers: Vec<Spanned<Subscriber>>,
    }
}

/// Who gets the messages of a topic.
#[derive(Debug, Clone, PartialEq)]
pub enum Subscriber {
    Queue(QueueSubscriber),
    Function(FunctionSubscriber),
    Email(EmailSubscriber),
    Https(HttpsSubscriber),
}

impl Decode for Subscriber {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        if let Value::Scalar(_) = node.value {
            return decode_plain(node, decoder);
        }
        if node.get("queue").is_some() {
            QueueSubscriber::decode(node, decoder).map(Self::Queue)
        } else if node.get("function").is_some() {
            FunctionSubscriber::decode(node, decoder).map(Self::Function)
        } else if node.get("email").is_some() {
            EmailSubscriber::decode(node, decoder).map(Self::Email)
        } else if node.get("https").is_some() {
            HttpsSubscriber::decode(node, decoder).map(Self::Https)
        } else {
            decoder.mapping(node, "Write a queue, as in `queue.orders`, or an `email`.")?;
            decoder.report(
                Diagnostic::error(
                    "a subscriber needs a `queue`, a `function`, an `email` or an `https`",
                )
                .at(decoder.owner(node), "gets nothing"),
            );
            None
        }
    }

    fn shape() -> Shape {
        let mappings = [
            QueueSubscriber::shape(),
            FunctionSubscriber::shape(),
            EmailSubscriber::shape(),
            HttpsSubscriber::shape(),
        ];
        let plain = Shape::word("a queue or a function", &["queue.orders", "function.resize"]);
        Shape::Either([plain].into_iter().chain(mappings).collect())
    }
}

/// `queue.orders` or `function.resize` without more.
fn decode_plain(node: &Node, decoder: &mut Decoder) -> Option<Subscriber> {
    let reference = Reference::decode(node, decoder)?;
    let (filter, filter_on, dead_letter) = (None, FilterOn::Attributes, None);
    match reference.component {
        ComponentType::Queue => {
            let queue = Spanned::new(Link::to(reference.name), node.span);
            let raw = true;
            Some(Subscriber::Queue(QueueSubscriber { queue, filter, filter_on, raw, dead_letter }))
        }
        ComponentType::Function => {
            let function = Spanned::new(Link::to(reference.name), node.span);
            let subscriber = FunctionSubscriber { function, filter, filter_on, dead_letter };
            Some(Subscriber::Function(subscriber))
        }
        _ => {
            decoder.report(
                Diagnostic::error(format!("`{reference}` cannot subscribe to a topic"))
                    .at(node.span, "only queues, functions, addresses and URLs can"),
            );
            None
        }
    }
}

schema! {
    /// A queue that gets the messages.
    pub struct QueueSubscriber("a subscriber") {
        /// The queue.
        pub queue: Spanned<Link<Queue>>,
        /// Which messages it gets, as SNS writes filter policies; all if nothing is said.
        pub filter: Option<Spanned<serde_json::Value>>,
        /// What the filter looks at.
        pub filter_on: FilterOn = "attributes",
        /// Delivers the message alone, not wrapped in a JSON object.
        pub raw: bool = "true",
        /// The queue for messages that cannot be delivered.
        pub dead_letter: Option<Spanned<Link<Queue>>>,
    }
}

schema! {
    /// A function that is called with the messages.
    pub struct FunctionSubscriber("a subscriber") {
        /// The function.
        pub function: Spanned<Link<Function>>,
        /// Which messages it gets, as SNS writes filter policies; all if nothing is said.
        pub filter: Option<Spanned<serde_json::Value>>,
        /// What the filter looks at.
        pub filter_on: FilterOn = "attributes",
        /// The queue for messages that cannot be delivered.
        pub dead_letter: Option<Spanned<Link<Queue>>>,
    }
}

schema! {
    /// An address that gets the messages once its owner has agreed.
    pub struct EmailSubscriber("a subscriber") {
        /// The address.
        pub email: Spanned<EmailAddress>,
        /// Which messages it gets, as SNS writes filter policies; all if nothing is said.
        pub filter: Option<Spanned<serde_json::Value>>,
        /// What the filter looks at.
        pub filter_on: FilterOn = "attributes",
    }
}

schema! {
    /// A URL that the messages are posted to once it has agreed.
    pub struct HttpsSubscriber("a subscriber") {
        /// The URL.
        pub https: Spanned<HttpsUrl>,
        /// Which messages it gets, as SNS writes filter policies; all if nothing is said.
        pub filter: Option<Spanned<serde_json::Value>>,
        /// What the filter looks at.
        pub filter_on: FilterOn = "attributes",
        /// Delivers the message alone, not wrapped in a JSON object.
        pub raw: bool = "false",
        /// The queue for messages that cannot be delivered.
        pub dead_letter: Option<Spanned<Link<Queue>>>,
    }
}

schema! {
    /// What the filter of a subscription looks at.
    pub enum FilterOn {
        /// The attributes of the message.
        Attributes = "attributes",
        /// The message itself, which must be JSON.
        Body = "body",
    }
}

impl Subscriber {
    /// Which messages it gets; all if nothing is said.
    pub fn filter(&self) -> Option<(&Spanned<serde_json::Value>, FilterOn)> {
        let (filter, on) = match self {
            Self::Queue(QueueSubscriber { filter, filter_on, .. })
            | Self::Function(FunctionSubscriber { filter, filter_on, .. })
            | Self::Email(EmailSubscriber { filter, filter_on, .. })
            | Self::Https(HttpsSubscriber { filter, filter_on, .. }) => (filter, filter_on),
        };
        filter.as_ref().map(|filter| (filter, *on))
    }

    /// The queue for messages that cannot be delivered.
    pub fn dead_letter(&self) -> Option<&Spanned<Link<Queue>>> {
        match self {
            Self::Queue(QueueSubscriber { dead_letter, .. })
            | Self::Function(FunctionSubscriber { dead_letter, .. })
            | Self::Https(HttpsSubscriber { dead_letter, .. }) => dead_letter.as_ref(),
            Self::Email(_) => None,
        }
    }

    /// By what SNS tells subscriptions of a topic apart, and where it stands.
    fn endpoint(&self) -> Spanned<String> {
        match self {
            Self::Queue(it) => Spanned::new(format!("queue.{}", it.queue.value), it.queue.span),
            Self::Function(it) => {
                Spanned::new(format!("function.{}", it.function.value), it.function.span)
            }
            Self::Email(it) => Spanned::new(it.email.to_string(), it.email.span),
            Self::Https(it) => Spanned::new(it.https.to_string(), it.https.span),
        }
    }
}

impl Topic {
    /// The end of its name, which SNS asks for.
    pub fn suffix(&self) -> &'static str {
        if self.fifo.value { ".fifo" } else { "" }
    }
}

/// `CreateTopic` in the API reference.
const NAME_MAX: usize = 256;
/// `CreateTopic` in the API reference.
const DISPLAY_NAME_MAX: usize = 100;

impl Component for Topic {
    const TYPE: ComponentType = ComponentType::Topic;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.name_length(&format!("{name}{}", self.suffix()), at, NAME_MAX, "an SNS topic");
        let deduplication = self.content_deduplication;
        if deduplication.value && !self.fifo.value {
            check.report(
                Diagnostic::error("`contentDeduplication` is for FIFO topics")
                    .at(deduplication.span, "of a standard topic")
                    .hint("Set `fifo: true`, or leave it out."),
            );
        }
        if let Some(display_name) = &self.display_name
            && display_name.chars().count() > DISPLAY_NAME_MAX
        {
            check.report(
                Diagnostic::error("the display name is too long").at(
                    display_name.span,
                    format!("must have at most {DISPLAY_NAME_MAX} characters"),
                ),
            );
        }
        let mut seen: Vec<Spanned<String>> = Vec::new();
        for subscriber in &self.subscribers {
            self.check_subscriber(subscriber, check);
            let endpoint = subscriber.endpoint();
            if let Some(first) = seen.iter().find(|it| it.value == endpoint.value) {
                check.report(
                    Diagnostic::error(format!("`{endpoint}` subscribes twice"))
                        .at(endpoint.span, "subscribes again")
                        .also(first.span, "subscribes here")
                        .hint("SNS keeps one subscription of a topic for each of them."),
                );
            }
            seen.push(endpoint);
        }
    }
}

impl Topic {
    fn check_subscriber(&self, subscriber: &Subscriber, check: &mut Check<'_>) {
        let endpoint = subscriber.endpoint();
        match subscriber {
            Subscriber::Queue(QueueSubscriber { queue, .. }) => {
                let found = check.blueprint.queues.get(&queue.name);
                if let Some(found) = found.filter(|it| it.fifo.value && !self.fifo.value) {
                    check.report(
                        Diagnostic::error("a FIFO queue cannot subscribe to a standard topic")
                            .at(queue.span, format!("`{queue}` is a FIFO queue"))
                            .also(found.fifo.span, "so it is said here")
                            .hint("Set `fifo: true` of the topic, or take a standard queue."),
                    );
                }
            }
            Subscriber::Function(_) | Subscriber::Email(_) | Subscriber::Https(_)
                if self.fifo.value =>
            {
                check.report(
                    Diagnostic::error(format!("`{endpoint}` cannot subscribe to a FIFO topic"))
                        .at(endpoint.span, "only queues can")
                        .also(self.fifo.span, "a FIFO topic"),
                );
            }
            Subscriber::Function(_) | Subscriber::Email(_) | Subscriber::Https(_) => {}
        }
        if let Some((filter, _)) = subscriber.filter()
            && filter.as_object().is_none_or(serde_json::Map::is_empty)
        {
            check.report(
                Diagnostic::error("a filter must say what attributes may be")
                    .at(filter.span, "not a mapping of names to lists of values")
                    .hint("An example is `{type: [order-placed, order-paid]}`."),
            );
        }
        if let Some(dead_letter) = subscriber.dead_letter()
            && let Some(found) = check.blueprint.queues.get(&dead_letter.name)
            && found.fifo.value != self.fifo.value
        {
            check.report(
                Diagnostic::error(
                    "a topic and the dead letters of its subscribers must be of one kind",
                )
                .at(dead_letter.span, format!("`{dead_letter}` is another kind of queue"))
                .also(self.fifo.span, format!("`fifo` is {} here", self.fifo.value)),
            );
        }
    }
}
