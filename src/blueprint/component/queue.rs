//! `queues`: queues of SQS, each with its dead letters.

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{Duration, Int, Kib, Name, Seconds};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A queue of SQS: encrypted, and reached over TLS alone.
    pub struct Queue("a queue") {
        /// Keeps the order of messages and takes each once.
        pub fifo: Spanned<bool> = "false",
        /// How long a received message is hidden from other receivers.
        pub visibility: Seconds<0, 43_200> = "30s",
        /// How long a message is kept.
        pub retention: Spanned<QueueRetention> = "4d",
        /// How long a new message is hidden.
        pub delay: Seconds<0, 900> = "0s",
        /// The largest message.
        pub max_message_size: Kib<1, 1024> = "256Ki",
        /// How long a receiver waits for a message; `0s` answers at once, for the price of a request.
        pub receive_wait: Seconds<0, 20> = "20s",
        /// Takes a message with the same content for the same message.
        pub content_deduplication: Spanned<bool> = "false",
        /// Orders messages within their groups alone, for many more messages in a second.
        pub high_throughput: Spanned<bool> = "false",
        /// The key that encrypts messages; one of SQS if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// Where messages go that nobody could handle.
        pub dead_letter: Option<Spanned<DeadLetter>>,
    }
}

/// How long a queue keeps messages: one minute to 14 days.
pub type QueueRetention = Seconds<60, 1_209_600>;

schema! {
    /// Where messages go that nobody could handle: a queue of its own, or another one.
    pub struct DeadLetter("a dead letter queue") {
        /// After how many times that a message was received.
        pub after: Int<1, 1000> = "3",
        /// How long the queue of its own keeps them; 14 days if nothing is said.
        pub retention: Option<Spanned<QueueRetention>>,
        /// The queue that takes them instead of one of its own.
        pub to: Option<Spanned<Link<Queue>>>,
    }
}

impl DeadLetter {
    /// How long the queue of its own keeps messages, in seconds: as long as SQS can if nothing is said.
    pub fn retention(&self) -> u32 {
        const RETENTION_MAX: u32 = 14 * 86_400;
        self.retention.map_or(RETENTION_MAX, |it| it.get())
    }
}

/// `CreateQueue` in the API reference, the suffix of FIFO queues included.
const NAME_MAX: usize = 80;

impl Queue {
    /// The end of its name, which SQS asks for.
    pub fn suffix(&self) -> &'static str {
        if self.fifo.value { ".fifo" } else { "" }
    }

    /// Its dead letter queue, if that is its own.
    pub fn own_dead_letter(&self) -> Option<&DeadLetter> {
        self.dead_letter.as_ref().map(|it| &it.value).filter(|it| it.to.is_none())
    }
}

/// What the name of the dead letter queue of a queue is: `orders-dead-letter`.
pub fn dead_letter_name(name: &Name) -> String {
    format!("{name}-dead-letter")
}

impl Component for Queue {
    const TYPE: ComponentType = ComponentType::Queue;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        let longest = match self.own_dead_letter() {
            Some(_) => dead_letter_name(name),
            None => name.to_string(),
        };
        check.name_length(&format!("{longest}{}", self.suffix()), at, NAME_MAX, "an SQS queue");
        check_name(name, at, check);
        self.check_fifo(check);
        if let Some(dead_letter) = &self.dead_letter {
            self.check_dead_letter(name, dead_letter, check);
        }
    }
}

impl Queue {
    fn check_fifo(&self, check: &mut Check<'_>) {
        let only_fifo = [
            ("contentDeduplication", self.content_deduplication),
            ("highThroughput", self.high_throughput),
        ];
        for (key, value) in only_fifo {
            if value.value && !self.fifo.value {
                check.report(
                    Diagnostic::error(format!("`{key}` is for FIFO queues"))
                        .at(value.span, "of a standard queue")
                        .hint("Set `fifo: true`, or leave it out."),
                );
            }
        }
    }

    fn check_dead_letter(
        &self,
        name: &Name,
        dead_letter: &Spanned<DeadLetter>,
        check: &mut Check<'_>,
    ) {
        let Some(to) = &dead_letter.to else {
            let at = dead_letter.retention.map_or(dead_letter.span, |it| it.span);
            self.check_retention(dead_letter.retention(), at, check);
            return;
        };
        if let Some(retention) = dead_letter.retention {
            check.report(
                Diagnostic::error(format!("the retention of `{to}` is its own"))
                    .at(retention.span, "says how long a queue of its own keeps messages")
                    .also(to.span, "sends them to another queue")
                    .hint(format!("Set `retention` of `{to}`.")),
            );
        }
        if to.name == *name {
            check.report(
                Diagnostic::error(format!("queue `{name}` sends its dead letters to itself"))
                    .at(to.span, "must be another queue"),
            );
            return;
        }
        let Some(target) = check.blueprint.queues.get(&to.name) else { return };
        if target.fifo.value != self.fifo.value {
            let kind = |fifo: bool| if fifo { "a FIFO queue" } else { "a standard queue" };
            check.report(
                Diagnostic::error("a queue and its dead letter queue must be of one kind")
                    .at(to.span, format!("`{to}` is {}", kind(target.fifo.value)))
                    .also(self.fifo.span, format!("this is {}", kind(self.fifo.value))),
            );
        }
        self.check_retention(target.retention.get(), to.span, check);
    }

    /// The age of a message counts from when it was first sent.
    fn check_retention(&self, dead_letter: u32, at: Span, check: &mut Check<'_>) {
        if dead_letter < self.retention.get() {
            let kept = |seconds: u32| Duration::seconds(u64::from(seconds));
            check.report(
                Diagnostic::warning(
                    "dead letters are kept for less time than the queue's messages",
                )
                .at(at, format!("kept for {}", kept(dead_letter)))
                .also(self.retention.span, format!("kept for {}", kept(self.retention.get())))
                .hint("A message that waited long may be gone before anybody looks at it."),
            );
        }
    }
}

/// `orders-dead-letter` may be a queue, or what `orders` calls its own; not both.
fn check_name(name: &Name, at: Span, check: &mut Check<'_>) {
    let owner = check.blueprint.queues.iter().find(|(owner, queue)| {
        queue.own_dead_letter().is_some() && dead_letter_name(owner) == name.as_str()
    });
    if let Some((owner, queue)) = owner {
        check.report(
            Diagnostic::error(format!("two queues are called `{name}`"))
                .at(at, "this one")
                .also(queue.span, format!("and the dead letter queue of `{owner}`"))
                .hint(format!("Write `deadLetter: {{to: {name}}}` if this is to be it.")),
        );
    }
}
