//! `buckets`: private buckets of S3, with versions, lifecycle rules and notifications.

use std::collections::BTreeMap;
use std::fmt;

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::{ComponentType, FarLink, Link, Reference};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Arn, BucketName, Days, Int, Name, Seconds};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A bucket of S3: encrypted, private whatever anybody sets on an object, and reached over TLS alone.
    pub struct Bucket("a bucket") {
        /// Its name in S3; `<stack>-<name>-<account>` if nothing is said.
        pub name: Option<Spanned<BucketName>>,
        /// Keeps what was overwritten or deleted as earlier versions.
        pub versioning: Spanned<bool> = "true",
        /// The bucket in another region of the stack into which all that is written here is copied; both keep versions.
        pub replicate_to: Option<Spanned<FarLink<Bucket>>>,
        /// The class that new objects come to.
        pub storage: Storage = "standard",
        /// The key that encrypts objects; one of S3 if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// What happens to objects with time.
        pub lifecycle: Vec<Spanned<LifecycleRule>>,
        /// Which other sites may use it from a browser.
        pub cors: Vec<Spanned<Cors>>,
        /// Who is told of changes.
        pub notify: Vec<Spanned<Notification>>,
        /// Tells EventBridge of every change.
        pub event_bridge: bool = "false",
        /// The bucket that gets a line for each request, in a folder with this one's name.
        pub access_logs: Option<Spanned<Link<Bucket>>>,
    }
}

schema! {
    /// The class that new objects come to.
    pub enum Storage {
        /// For what is used often.
        Standard = "standard",
        /// Moves each object to the cheapest class for how often it is used.
        IntelligentTiering = "intelligent-tiering",
    }
}

schema! {
    /// What happens to some objects with time.
    pub struct LifecycleRule("a lifecycle rule") {
        /// The beginning of their names; all objects if nothing is said.
        pub prefix: Option<Spanned<String>>,
        /// When they are deleted; of a bucket with versions, when they become an earlier version.
        pub expire: Option<Spanned<Days<1, 36_500>>>,
        /// When they move to a cheaper class.
        pub transition: BTreeMap<StorageClass, Spanned<Days<0, 36_500>>>,
        /// When an earlier version is deleted, from when it became one.
        pub noncurrent: Option<Spanned<Days<1, 36_500>>>,
        /// How many of the newest earlier versions to keep in any case.
        pub keep_versions: Option<Spanned<Int<1, 100>>>,
        /// When uploads that were never finished are deleted.
        pub incomplete: Option<Spanned<Days<1, 365>>>,
    }
}

schema! {
    /// A cheaper class of storage, in the order in which objects can move.
    pub enum StorageClass {
        /// For what is used about once a month.
        StandardIa = "standard-ia",
        /// Whatever is cheapest for how often each object is used.
        IntelligentTiering = "intelligent-tiering",
        /// As `standard-ia`, in one zone.
        OnezoneIa = "onezone-ia",
        /// Archived, and there at once.
        GlacierInstant = "glacier-instant",
        /// Archived, and there in minutes or hours.
        Glacier = "glacier",
        /// Archived, and there in half a day.
        DeepArchive = "deep-archive",
    }
}

impl StorageClass {
    /// As S3 writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::StandardIa => "STANDARD_IA",
            Self::IntelligentTiering => "INTELLIGENT_TIERING",
            Self::OnezoneIa => "ONEZONE_IA",
            Self::GlacierInstant => "GLACIER_IR",
            Self::Glacier => "GLACIER",
            Self::DeepArchive => "DEEP_ARCHIVE",
        }
    }

    /// For how many days an object must be older before it can move here, and stay before it can move on.
    const fn days_min(self) -> u32 {
        match self {
            Self::StandardIa | Self::OnezoneIa => 30,
            Self::IntelligentTiering | Self::GlacierInstant | Self::Glacier | Self::DeepArchive => {
                0
            }
        }
    }
}

schema! {
    /// Which other sites may use a bucket from a browser, and how.
    pub struct Cors("a CORS rule") {
        /// The sites, such as `https://shop.example.com`; one `*` in each stands for anything.
        pub origins: Spanned<Vec<Spanned<String>>>,
        /// What they may do.
        pub methods: Spanned<Vec<Spanned<Method>>> = "[GET, HEAD]",
        /// The headers that they may send; `*` for all.
        pub headers: Vec<String>,
        /// The headers of answers that their scripts may read.
        pub expose: Vec<String>,
        /// How long a browser may remember this.
        pub max_age: Seconds<0, 86_400> = "1h",
    }
}

schema! {
    /// A method of HTTP.
    pub enum Method {
        /// Reads.
        Get = "GET",
        /// Reads what is known of an object.
        Head = "HEAD",
        /// Writes.
        Put = "PUT",
        /// Writes, from a form.
        Post = "POST",
        /// Deletes.
        Delete = "DELETE",
    }
}

schema! {
    /// Who is told of some changes.
    pub struct Notification("a notification") {
        /// The changes.
        pub on: Spanned<Vec<Spanned<BucketEvent>>>,
        /// Who is told: a queue, a topic, a function, or the ARN of one, which must admit S3 itself.
        pub to: Spanned<Target>,
        /// The beginning of the objects' names; any if nothing is said.
        pub prefix: Option<Spanned<String>>,
        /// The end of the objects' names; any if nothing is said.
        pub suffix: Option<Spanned<String>>,
    }
}

schema! {
    /// A change of an object.
    pub enum BucketEvent {
        /// It was written.
        Created = "created",
        /// It was deleted, or hidden by a delete marker.
        Removed = "removed",
        /// It is back from an archive.
        Restored = "restored",
        /// Its tags changed.
        Tagged = "tagged",
        /// A lifecycle rule deleted it.
        Expired = "expired",
        /// A lifecycle rule moved it to another class.
        Moved = "moved",
    }
}

impl BucketEvent {
    /// As S3 writes it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Created => "s3:ObjectCreated:*",
            Self::Removed => "s3:ObjectRemoved:*",
            Self::Restored => "s3:ObjectRestore:Completed",
            Self::Tagged => "s3:ObjectTagging:*",
            Self::Expired => "s3:LifecycleExpiration:*",
            Self::Moved => "s3:LifecycleTransition",
        }
    }
}

/// Who is told of changes in a bucket.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    Component(Reference),
    /// Of something that is not in the blueprint.
    Arn(Arn),
}

impl Decode for Target {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Scalar(scalar) if scalar.text.starts_with("arn:") => {
                Arn::decode(node, decoder).map(Self::Arn)
            }
            Value::Null | Value::Scalar(_) | Value::Sequence(_) | Value::Mapping(_) => {
                Reference::decode(node, decoder).map(Self::Component)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![
            Shape::word("a queue, a topic or a function", &["queue.uploads"]),
            Arn::shape(),
        ])
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(Reference { component, name, access: _ }) => {
                write!(f, "{component}.{name}")
            }
            Self::Arn(arn) => arn.fmt(f),
        }
    }
}

impl Component for Bucket {
    const TYPE: ComponentType = ComponentType::Bucket;
    type Name = Name;

    fn check(&self, name: &Name, _at: Span, check: &mut Check<'_>) {
        self.check_name(name, check);
        for rule in &self.lifecycle {
            self.check_rule(rule, check);
        }
        for cors in &self.cors {
            check_cors(cors, check);
        }
        for (at, notification) in self.notify.iter().enumerate() {
            check_notification(notification, &self.notify[..at], check);
        }
        if let Some(logs) = &self.access_logs {
            check_logs(name, logs, check);
        }
        if let Some(to) = &self.replicate_to {
            self.check_replication(to, check);
        }
    }
}

impl Bucket {
    fn check_replication(&self, to: &Spanned<FarLink<Self>>, check: &mut Check<'_>) {
        let Some(there) = check.there(&to.region) else { return };
        if std::ptr::eq(there, check.blueprint) {
            check.report(
                Diagnostic::error("a bucket cannot be replicated into its own region")
                    .at(to.span, "in this region")
                    .hint(
                        "Name a bucket in another one of the stack's regions, as in `assets@dr`.",
                    ),
            );
            return;
        }
        let Some(target) = there.buckets.get(&to.name) else { return };
        for versioning in [self.versioning, target.versioning].iter().filter(|it| !it.value) {
            check.report(
                Diagnostic::error("replication needs versions in both buckets")
                    .at(to.span, "is replicated")
                    .also(versioning.span, "turned off here"),
            );
        }
        match (&self.key, &target.key) {
            // S3 encrypts a copy with a key only if it was encrypted with one, and then must be told which.
            (Some(key), None) => check.report(
                Diagnostic::error(format!("nothing encrypts the copies in `{to}`"))
                    .at(to.span, "has no key")
                    .also(key.span, "the objects have one")
                    .hint(
                        "Give it one of its own region's `keys`: keys do not leave their region.",
                    ),
            ),
            (None, Some(key)) => check.report(
                Diagnostic::warning(format!("the key of `{to}` does not encrypt the copies"))
                    .at(to.span, "copies are encrypted as the objects here are: by S3's own key")
                    .also(key.span, "the key"),
            ),
            (Some(_), Some(_)) | (None, None) => {}
        }
        if check.replicates_back(to) {
            check.report(
                Diagnostic::error("buckets replicate to each other in a circle")
                    .at(to.span, "leads back here")
                    .hint("Replicate one way: each bucket waits for the one that it is copied to."),
            );
        }
    }

    fn check_name(&self, name: &Name, check: &mut Check<'_>) {
        let Some(mine) = &self.name else { return };
        let mut earlier =
            check.blueprint.buckets.range(..name).filter_map(|(_, it)| it.name.as_ref());
        if let Some(first) = earlier.find(|it| it.value == mine.value) {
            check.report(
                Diagnostic::error(format!("two buckets are called `{mine}`"))
                    .at(mine.span, "named again")
                    .also(first.span, "first named here"),
            );
        }
    }

    fn check_rule(&self, rule: &Spanned<LifecycleRule>, check: &mut Check<'_>) {
        let LifecycleRule { prefix: _, expire, transition, noncurrent, keep_versions, incomplete } =
            &rule.value;
        if expire.is_none() && transition.is_empty() && noncurrent.is_none() && incomplete.is_none()
        {
            check.report(
                Diagnostic::error("a lifecycle rule does nothing")
                    .at(rule.span, "has no `expire`, `transition`, `noncurrent` or `incomplete`"),
            );
        }
        check_transitions(transition, expire.as_ref(), check);
        if let (Some(noncurrent), false) = (noncurrent, self.versioning.value) {
            check.report(
                Diagnostic::warning("the bucket has no earlier versions to delete")
                    .at(noncurrent.span, "for earlier versions")
                    .also(self.versioning.span, "turned off here"),
            );
        }
        if let (Some(keep), None) = (keep_versions, noncurrent) {
            check.report(
                Diagnostic::error("`keepVersions` needs `noncurrent`")
                    .at(keep.span, "no earlier version is deleted")
                    .hint("Say after how long the others are deleted, as in `noncurrent: 30d`."),
            );
        }
    }
}

/// Objects move down the classes, each later than the one before, and expire after the last.
fn check_transitions(
    transition: &BTreeMap<StorageClass, Spanned<Days<0, 36_500>>>,
    expire: Option<&Spanned<Days<1, 36_500>>>,
    check: &mut Check<'_>,
) {
    let mut before: Option<(StorageClass, &Spanned<Days<0, 36_500>>)> = None;
    for (class, days) in transition {
        if days.get() < class.days_min() {
            check.report(
                Diagnostic::error(format!("objects move to `{class}` too early"))
                    .at(days.span, format!("must be at least {}d", class.days_min())),
            );
        } else if let Some((earlier, since)) = before {
            let min_stay = class_stay(earlier);
            let min = since.get() + min_stay;
            if days.get() < min {
                check.report(
                    Diagnostic::error(format!("objects move to `{class}` before they can"))
                        .at(days.span, format!("must be at least {min}d"))
                        .also(since.span, format!("when they move to `{earlier}`"))
                        .hint(if days.get() <= since.get() {
                            format!("Objects move from `{earlier}` to `{class}`, not back.")
                        } else {
                            format!("They stay in `{earlier}` for {min_stay} days.")
                        }),
                );
            }
        }
        before = Some((*class, days));
    }
    if let (Some((class, days)), Some(expire)) = (before, expire)
        && expire.get() <= days.get()
    {
        check.report(
            Diagnostic::error(format!("objects expire before they move to `{class}`"))
                .at(expire.span, format!("must be more than {days}"))
                .also(days.span, "when they move"),
        );
    }
}

/// For how many days an object stays in a class before it can move on.
fn class_stay(class: StorageClass) -> u32 {
    class.days_min().max(1)
}

impl Check<'_> {
    /// Whether the way of the copies that go to a bucket comes back to it.
    fn replicates_back(&self, to: &FarLink<Bucket>) -> bool {
        let mut seen = Vec::new();
        let mut next = Some(to);
        while let Some(link) = next {
            if seen.contains(&link) {
                return link == to;
            }
            seen.push(link);
            let bucket = self.there(&link.region).and_then(|it| it.buckets.get(&link.name));
            next = bucket.and_then(|it| it.replicate_to.as_deref());
        }
        false
    }
}

fn check_cors(cors: &Cors, check: &mut Check<'_>) {
    let lists = [
        (cors.origins.span, cors.origins.is_empty()),
        (cors.methods.span, cors.methods.is_empty()),
    ];
    for (span, _) in lists.into_iter().filter(|(_, empty)| *empty) {
        check.report(
            Diagnostic::error("a CORS rule needs origins and methods")
                .at(span, "the list is empty"),
        );
    }
    for origin in cors.origins.iter().filter(|it| it.matches('*').count() > 1) {
        check.report(
            Diagnostic::error(format!("`{origin}` has more than one `*`"))
                .at(origin.span, "only one is allowed"),
        );
    }
}

fn check_notification(
    notification: &Spanned<Notification>,
    earlier: &[Spanned<Notification>],
    check: &mut Check<'_>,
) {
    let Notification { on, to, prefix: _, suffix: _ } = &notification.value;
    if on.is_empty() {
        check.report(
            Diagnostic::error("a notification needs a change").at(on.span, "the list is empty"),
        );
    }
    check_target(to, check);
    // S3 refuses two notifications for one change of one object, whoever is told.
    let twice = earlier.iter().find_map(|it| {
        let event = on.iter().find(|event| it.on.iter().any(|other| other.value == event.value))?;
        overlap(&it.value, notification).then_some((it, event))
    });
    if let Some((first, event)) = twice {
        check.report(
            Diagnostic::error(format!("two notifications tell of `{event}` for the same objects"))
                .at(event.span, "told again")
                .also(first.to.span, "told here")
                .hint("Tell a topic, and let both subscribe to it, or give them prefixes."),
        );
    }
}

/// Whether some name of an object has the prefixes and the suffixes of both.
fn overlap(first: &Notification, second: &Notification) -> bool {
    fn text(it: Option<&Spanned<String>>) -> &str {
        it.map_or("", |it| it.as_str())
    }
    let (one, other) = (text(first.prefix.as_ref()), text(second.prefix.as_ref()));
    let prefixes = one.starts_with(other) || other.starts_with(one);
    let (one, other) = (text(first.suffix.as_ref()), text(second.suffix.as_ref()));
    prefixes && (one.ends_with(other) || other.ends_with(one))
}

fn check_target(to: &Spanned<Target>, check: &mut Check<'_>) {
    let blueprint = check.blueprint;
    let fifo = match &to.value {
        Target::Component(Reference { component: ComponentType::Queue, name, .. }) => {
            blueprint.queues.get(name).map(|queue| queue.fifo)
        }
        Target::Component(Reference { component: ComponentType::Topic, name, .. }) => {
            blueprint.topics.get(name).map(|topic| topic.fifo)
        }
        Target::Component(Reference { component: ComponentType::Function, .. }) => None,
        Target::Arn(arn) if ["sqs", "sns", "lambda"].contains(&arn.service()) => None,
        Target::Component(_) | Target::Arn(_) => {
            check.report(
                Diagnostic::error(format!("S3 cannot tell `{to}` of changes"))
                    .at(to.span, "only queues, topics and functions can be told"),
            );
            None
        }
    };
    if let Some(fifo) = fifo.filter(|fifo| fifo.value) {
        check.report(
            Diagnostic::error("S3 sends to no FIFO queue or topic")
                .at(to.span, "is one")
                .also(fifo.span, "so it is said here"),
        );
    }
}

fn check_logs(name: &Name, logs: &Spanned<Link<Bucket>>, check: &mut Check<'_>) {
    if logs.name == *name {
        check.report(
            Diagnostic::error(format!("bucket `{name}` logs to itself"))
                .at(logs.span, "every line would make another")
                .hint("Log to another bucket."),
        );
        return;
    }
    let Some(target) = check.blueprint.buckets.get(&logs.name) else { return };
    if let Some(key) = &target.key {
        check.report(
            Diagnostic::error(format!("S3 cannot write logs to `{logs}`"))
                .at(logs.span, "a bucket for logs must be encrypted by S3's own key")
                .also(key.span, "has another key"),
        );
    }
    if let Some(further) = &target.access_logs {
        check.report(
            Diagnostic::error(format!("the logs in `{logs}` are logged themselves"))
                .at(logs.span, "logs to it")
                .also(further.span, "which logs too")
                .hint("A bucket for logs has no `accessLogs`."),
        );
    }
}
