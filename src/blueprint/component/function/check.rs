//! What is wrong with a function although each of its values is right.

use super::{Function, QueueTrigger, Tier, Trigger};
use crate::blueprint::check::Check;
use crate::blueprint::component::{Component, variable};
use crate::blueprint::reference::{ComponentType, Reference};
use crate::blueprint::value::{Duration, Name};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

/// `CreateFunction` in the API reference.
const NAME_MAX: usize = 64;
/// Lambda quotas: all variables together, as JSON.
const ENVIRONMENT_MAX: usize = 4_096;
/// What Lambda sets itself, or takes for itself.
const RESERVED_VARIABLES: [&str; 3] = ["AWS_", "LAMBDA_", "_"];
/// `CreateEventSourceMapping` in the API reference: larger batches need a window.
const BATCH_WITHOUT_WINDOW_MAX: u32 = 10;

impl Component for Function {
    const TYPE: ComponentType = ComponentType::Function;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        check.name_length(name.as_str(), at, NAME_MAX, "a Lambda function");
        self.check_code(at, check);
        self.check_environment(check);
        self.check_uses(name, check);
        self.check_network(check);
        self.check_triggers(check);
        self.check_failures(check);
    }
}

impl Function {
    fn check_code(&self, at: Span, check: &mut Check<'_>) {
        let image = self.image.as_ref().map(|it| ("an image", it.span));
        let archive = self.archive.as_ref().map(|it| ("an archive", it.span));
        let source = self.source.as_ref().map(|it| ("a source", it.span));
        let codes: Vec<_> = [image, archive, source].into_iter().flatten().collect();
        match codes[..] {
            [] => {
                check.report(
                    Diagnostic::error("a function needs code")
                        .at(at, "has neither `image` nor `archive` nor `source`"),
                );
                return;
            }
            [_] => {}
            [(first, begin), (second, again), ..] => {
                check.report(
                    Diagnostic::error("a function has one code")
                        .at(again, second)
                        .also(begin, first),
                );
                return;
            }
        }
        if let Some(image) = &self.image {
            self.check_image(image, check);
            return;
        }
        let missing = |key: &str, example: &str| {
            Diagnostic::error(format!("the code needs a `{key}`"))
                .at(at, "nothing says what runs it")
                .hint(format!("Write one, as in `{key}: {example}`."))
        };
        let Some(runtime) = &self.runtime else {
            check.report(missing("runtime", "python3.13"));
            return;
        };
        if self.handler().is_none() {
            check.report(missing("handler", "index.handler"));
        }
        if let Some(source) = &self.source
            && !runtime.runs_source()
        {
            check.report(
                Diagnostic::error(format!("`{runtime}` runs no source"))
                    .at(runtime.span, "only `python` and `nodejs` do")
                    .also(source.span, "the source")
                    .hint("Build it, and name the `archive` or the `image`."),
            );
        }
    }

    fn check_image(&self, image: &Spanned<crate::blueprint::value::Image>, check: &mut Check<'_>) {
        let runtime = self.runtime.as_ref().map(|it| ("runtime", it.span));
        let handler = self.handler.as_ref().map(|it| ("handler", it.span));
        for (key, at) in [runtime, handler].into_iter().flatten() {
            check.report(
                Diagnostic::error(format!("an image has its own {key}"))
                    .at(at, "counts for archives and sources alone")
                    .also(image.span, "the image"),
            );
        }
        let registries = &check.blueprint.registries;
        let is_ours = registries.keys().any(|it| it.as_str() == image.repository);
        if image.registry.is_none() && !is_ours {
            check.report(
                Diagnostic::error(format!("no registry is called `{}`", image.repository))
                    .at(image.span, "Lambda takes images from ECR alone")
                    .hint(
                        "Name one of `registries`, or write the registry's host before the image.",
                    ),
            );
        }
        if image.version.is_none() {
            check.report(
                Diagnostic::warning(format!("image `{}` has no tag", image.value))
                    .at(image.span, "means what was `latest` when the function was made")
                    .hint(format!("Name what was tested, as in `{}:1.0.0`.", image.value)),
            );
        }
    }

    fn check_environment(&self, check: &mut Check<'_>) {
        for (name, value) in &self.env {
            let reserved = RESERVED_VARIABLES.iter().find(|it| name.as_str().starts_with(**it));
            if let Some(begin) = reserved {
                check.report(
                    Diagnostic::error(format!("the variable `{name}` cannot be set"))
                        .at(value.span, format!("names that begin with `{begin}` are Lambda's")),
                );
            }
        }
        for (name, value) in self.env.iter().filter(|(name, _)| name.as_str().len() < 2) {
            check.report(
                Diagnostic::error(format!("the variable `{name}` cannot be set"))
                    .at(value.span, "names have at least two characters at Lambda"),
            );
        }
        let all: usize = self.env.iter().map(|(name, it)| name.as_str().len() + it.len()).sum();
        if let (true, Some(last)) = (all > ENVIRONMENT_MAX, self.env.values().next_back()) {
            check.report(
                Diagnostic::error("the environment is too large")
                    .at(last.span, format!("{all} bytes, of {ENVIRONMENT_MAX} that Lambda takes"))
                    .hint("Keep it in a parameter or a bucket, and name that."),
            );
        }
    }

    fn check_uses(&self, name: &Name, check: &mut Check<'_>) {
        let services = self.uses.iter().filter(|it| it.component == ComponentType::Service);
        for used in services {
            check.report(
                Diagnostic::error(format!("a function cannot call `{used}`"))
                    .at(used.span, "has a name inside the cluster alone")
                    .hint(
                        "Send it messages through a queue, or call it by the load balancer's name.",
                    ),
            );
        }
        check.uses(
            "a function",
            self.uses.iter().filter(|it| it.component != ComponentType::Service),
        );
        let itself =
            |it: &&Spanned<Reference>| it.component == ComponentType::Function && it.name == *name;
        if let Some(used) = self.uses.iter().find(itself) {
            check.report(
                Diagnostic::error(format!("function `{name}` calls itself"))
                    .at(used.span, "could do so without end"),
            );
        }
        variable::check(&self.uses, "the function", check);
    }

    fn check_network(&self, check: &mut Check<'_>) {
        if let Some(tier) = &self.subnets {
            check.needs_network("a function in subnets", tier.span);
            check.tier_has_zones(tier, 1, "the function needs a subnet");
            if tier.value == Tier::Public {
                check.report(
                    Diagnostic::warning("functions in `public` subnets do not reach the internet")
                        .at(tier.span, "they get no public addresses")
                        .hint("Write `private`: its NAT gateways lead there."),
                );
            }
        } else if let Some(used) = self.inside().next() {
            check.needs_network("what the function uses", used.span);
            let private = Spanned::new(Tier::Private, used.span);
            check.tier_has_zones(&private, 1, "the function needs a subnet");
        } else if let Some(egress) = self.egress.first() {
            check.report(
                Diagnostic::error("the function connects to whatever it wants to")
                    .at(egress.span, "says where to, which only the network can keep it to")
                    .hint("Name the `subnets` that it is to run in, or leave this out."),
            );
        }
    }

    fn check_triggers(&self, check: &mut Check<'_>) {
        for (at, trigger) in self.on.iter().enumerate() {
            let same = self.on[..at].iter().find(|it| match (&it.value, &trigger.value) {
                (Trigger::Queue(one), Trigger::Queue(other)) => one.queue.name == other.queue.name,
                (Trigger::Schedule(one), Trigger::Schedule(other)) => {
                    one.schedule.value == other.schedule.value
                }
                (Trigger::Queue(_), Trigger::Schedule(_))
                | (Trigger::Schedule(_), Trigger::Queue(_)) => false,
            });
            if let Some(first) = same {
                check.report(
                    Diagnostic::error("two triggers are the same")
                        .at(trigger.span, "again")
                        .also(first.span, "first here"),
                );
            }
            if let Trigger::Queue(queue) = &trigger.value {
                self.check_queue(queue, check);
            }
        }
    }

    fn check_queue(&self, trigger: &QueueTrigger, check: &mut Check<'_>) {
        let QueueTrigger { queue: link, batch, window, concurrency: _ } = trigger;
        if batch.get() > BATCH_WITHOUT_WINDOW_MAX && window.get() == 0 {
            check.report(
                Diagnostic::error(format!(
                    "batches of more than {BATCH_WITHOUT_WINDOW_MAX} messages need a window"
                ))
                .at(batch.span, "would never be full")
                .hint("Say how long to wait for them, as in `window: 5s`."),
            );
        }
        let Some(queue) = check.blueprint.queues.get(&link.name) else { return };
        if queue.visibility.get() < self.timeout.get() {
            let text = |seconds: u32| Duration::seconds(u64::from(seconds));
            check.report(
                Diagnostic::error(format!("queue `{link}` shows messages again while they are handled"))
                    .at(link.span, format!("hides them for {}", text(queue.visibility.get())))
                    .also(self.timeout.span, format!("a call may take {}", text(self.timeout.get())))
                    .hint("Set `visibility` of the queue to at least that; AWS advises six times as long."),
            );
        }
        if queue.fifo.value && batch.get() > BATCH_WITHOUT_WINDOW_MAX {
            check.report(
                Diagnostic::error(format!(
                    "a FIFO queue gives at most {BATCH_WITHOUT_WINDOW_MAX} messages at once"
                ))
                .at(batch.span, "asks for more")
                .also(queue.fifo.span, "a FIFO queue"),
            );
        }
        if queue.fifo.value && window.get() > 0 {
            check.report(
                Diagnostic::error("a FIFO queue waits for no batch")
                    .at(window.span, "asks it to")
                    .also(queue.fifo.span, "a FIFO queue"),
            );
        }
    }

    fn check_failures(&self, check: &mut Check<'_>) {
        let Some(to) = &self.failures else { return };
        let blueprint = check.blueprint;
        let fifo = match to.component {
            ComponentType::Queue => blueprint.queues.get(&to.name).map(|it| it.fifo),
            ComponentType::Topic => blueprint.topics.get(&to.name).map(|it| it.fifo),
            _ => {
                check.report(
                    Diagnostic::error(format!("`{}.{}` takes no events", to.component, to.name))
                        .at(to.span, "only queues and topics do"),
                );
                None
            }
        };
        if let Some(fifo) = fifo.filter(|fifo| fifo.value) {
            check.report(
                Diagnostic::error("Lambda sends to no FIFO queue or topic")
                    .at(to.span, "is one")
                    .also(fifo.span, "so it is said here"),
            );
        }
    }
}
