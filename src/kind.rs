//! The seam between the engine, which sees data, and the kinds, which see AWS and Kubernetes.
//!
//! The author of a kind writes [`Kind`]: tables, a pure half, and effects without waiting. The engine calls
//! [`AnyKind`], implemented once for all of them, and reaches the world through [`Cloud`].
//!
//! **Architecture invariant:** this module names no AWS or Kubernetes crate.

pub mod field;
pub mod live;
pub mod reference;

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use field::{Compare, Field, Need, OnChange, Output, Sent, TAGS};
pub use live::{Lookup, Observed, Outputs, Readiness, outputs};
pub use reference::Ref;

use crate::address::{Owner, PhysicalId};
use crate::cloud::{Aws, Cx};
use crate::fault::Fault;

/// Which half of a replacement goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplaceOrder {
    /// The new one stands before the old one goes.
    CreateFirst,
    /// The old one goes first: a fixed name, a range or an attachment allows only one at a time.
    DeleteFirst,
}

/// What is lost when a resource is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Loss {
    /// Nothing that another apply does not make again.
    Nothing,
    /// Data, or a key to data: needs consent that names it.
    Data,
}

/// What a deletion leaves to come back to, as CloudFormation's `DeletionPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Delete,
    /// What the service offers: a final snapshot, a recovery window.
    Snapshot,
}

/// How a kind carries tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tagging {
    /// A property `Tags`: a list of `Key` and `Value`. The owner tags are in it.
    List,
    /// A property `Tags`: a mapping. The owner tags are in it.
    Map,
    /// No tags. The kind has a natural key.
    None,
}

/// Typical durations of a kind's operations, in wall-clock time on AWS: weights of the schedule and estimates,
/// never promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Typical {
    pub create: Duration,
    pub update: Duration,
    pub delete: Duration,
}

impl Typical {
    /// Durations in seconds.
    pub const fn seconds(create: u64, update: u64, delete: u64) -> Self {
        let seconds = Duration::from_secs;
        Self { create: seconds(create), update: seconds(update), delete: seconds(delete) }
    }
}

/// The name under which a creation may be repeated without making a second resource. Durable before the first call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(pub String);

/// An update: from what was observed to what is desired.
#[derive(Debug)]
pub struct Update<'a, S> {
    /// As observed when the change was planned; after a late creation, what the create call had sent.
    pub from: &'a S,
    pub to: &'a S,
    /// The paths of the field table's rows that differ.
    pub changed: &'a [&'static str],
}

impl<S> Clone for Update<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}

// Derived, it would ask for copyable specs.
impl<S> Copy for Update<'_, S> {}

impl<S> Update<'_, S> {
    /// Whether the row `path` of the field table differs.
    pub fn has(&self, path: &str) -> bool {
        self.changed.contains(&path)
    }
}

/// What the author of a kind writes: typed, stateless, and without waiting.
///
/// `Spec` has CloudFormation's property names (serde `PascalCase`), `Option` for what may be left unmanaged, and
/// skips `None` when it serializes. The field table has a row for every property.
pub trait Kind: Send + Sync + 'static {
    type Spec: Serialize + DeserializeOwned + Send + Sync;
    type Live: Send + Sync;

    /// The CloudFormation type: `AWS::EC2::VPC`.
    const NAME: &'static str;
    /// What it is, what it waits for, what blocks its deletion. Markdown; the first sentence is the summary.
    const DOC: &'static str;
    const FIELDS: &'static [Field];
    const OUTPUTS: &'static [Output];
    const TAGGING: Tagging;
    const TYPICAL: Typical;
    const REPLACE: ReplaceOrder = ReplaceOrder::CreateFirst;
    const LOSS: Loss = Loss::Nothing;
    /// How many lookups one call of `read` takes; larger sets are split.
    const READ_MAX: usize = 200;

    // Pure: from one API answer to data. Tested with literals, no client.

    fn id(live: &Self::Live) -> PhysicalId;
    /// All properties that the service tells. What it does not tell is `None`.
    fn spec(live: &Self::Live) -> Self::Spec;
    fn outputs(live: &Self::Live) -> Outputs;
    fn readiness(live: &Self::Live) -> Readiness;
    /// Whose it is, from its tags.
    fn owner(_live: &Self::Live) -> Option<Owner> {
        None
    }
    /// The id that a spec determines: a fixed name, or the natural key of what has no tags.
    /// `None` where only the service knows the id, which is then found by the owner tags.
    fn natural_id(_spec: &Self::Spec) -> Option<PhysicalId> {
        None
    }
    /// Durations that depend on the spec: a Multi-AZ instance takes longer.
    fn typical(_spec: &Self::Spec) -> Typical {
        Self::TYPICAL
    }

    // Effects: at most one intent each, no waiting.

    /// Everything that may answer one of `wanted`, in any order, in as few calls as the API allows. What is not there
    /// is left out; what is there but unasked for does no harm.
    fn read(
        cx: &Cx,
        wanted: &[Lookup],
    ) -> impl Future<Output = Result<Vec<Self::Live>, Fault>> + Send;

    /// Asks for the resource and returns its id at once. A repeat with the same token makes no second one where the
    /// API has such tokens.
    fn create(
        cx: &Cx,
        spec: &Self::Spec,
        token: &Token,
    ) -> impl Future<Output = Result<PhysicalId, Fault>> + Send;

    /// Sends what changed. Idempotent: it may be repeated after a crash.
    fn update(
        cx: &Cx,
        id: &PhysicalId,
        update: Update<'_, Self::Spec>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Asks for the deletion. `recorded` is the spec as last applied. A resource that is not there is a success.
    fn delete(
        cx: &Cx,
        id: &PhysicalId,
        recorded: &Self::Spec,
        policy: DeletionPolicy,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// An effect's answer.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// What the engine calls: data in and data out, implemented once for all kinds.
pub trait AnyKind: Send + Sync {
    fn name(&self) -> &'static str;
    fn doc(&self) -> &'static str;
    fn fields(&self) -> &'static [Field];
    fn outputs(&self) -> &'static [Output];
    fn tagging(&self) -> Tagging;
    fn replace_order(&self) -> ReplaceOrder;
    fn loss(&self) -> Loss;
    /// The spec in canonical form: unknown properties and wrong types refused, absent ones left out. References stay.
    fn normalize(&self, spec: &Value) -> Result<Value, serde_json::Error>;
    /// [`Kind::natural_id`] of a spec; `None` too if it depends on an open reference.
    fn natural_id(&self, spec: &Value) -> Option<PhysicalId>;
    fn typical(&self, spec: &Value) -> Typical;
    /// The names of the spec's own properties, as its `Deserialize` tells them: what the field table must cover.
    fn properties(&self) -> &'static [&'static str];
    /// One answer for each lookup, in their order.
    fn read<'a>(&'a self, cx: &'a Cx, wanted: &'a [Lookup]) -> Answer<'a, Vec<Option<Observed>>>;
    fn create<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId>;
    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()>;
    fn delete<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()>;
}

/// The world that effects reach: AWS on the wire, or a simulation of it.
pub trait Cloud: Send + Sync {
    /// One answer for each lookup, in their order.
    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Lookup],
    ) -> Answer<'a, Vec<Option<Observed>>>;
    fn create<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId>;
    fn update<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()>;
    fn delete<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()>;
}

impl Cloud for Aws {
    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Lookup],
    ) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(async move { kind.read(&self.region(region), wanted).await })
    }

    fn create<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId> {
        Box::pin(async move { kind.create(&self.region(region), spec, token).await })
    }

    fn update<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(async move { kind.update(&self.region(region), id, update).await })
    }

    fn delete<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()> {
        Box::pin(async move { kind.delete(&self.region(region), id, recorded, policy).await })
    }
}

impl<K: Kind> AnyKind for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn doc(&self) -> &'static str {
        K::DOC
    }

    fn fields(&self) -> &'static [Field] {
        K::FIELDS
    }

    fn outputs(&self) -> &'static [Output] {
        K::OUTPUTS
    }

    fn tagging(&self) -> Tagging {
        K::TAGGING
    }

    fn replace_order(&self) -> ReplaceOrder {
        K::REPLACE
    }

    fn loss(&self) -> Loss {
        K::LOSS
    }

    fn normalize(&self, spec: &Value) -> Result<Value, serde_json::Error> {
        let (masked, references) = reference::mask(spec);
        let canonical = serde_json::to_value(K::Spec::deserialize(masked)?)?;
        Ok(reference::unmask(canonical, &references))
    }

    fn natural_id(&self, spec: &Value) -> Option<PhysicalId> {
        let (masked, _) = reference::mask(spec);
        let id = K::natural_id(&K::Spec::deserialize(masked).ok()?)?;
        (!reference::is_masked(id.as_str())).then_some(id)
    }

    fn typical(&self, spec: &Value) -> Typical {
        let (masked, _) = reference::mask(spec);
        K::Spec::deserialize(masked).map_or(K::TYPICAL, |spec| K::typical(&spec))
    }

    fn properties(&self) -> &'static [&'static str] {
        properties::of::<K::Spec>()
    }

    fn read<'a>(&'a self, cx: &'a Cx, wanted: &'a [Lookup]) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(wanted.len());
            for page in wanted.chunks(K::READ_MAX) {
                let lives = K::read(cx, page).await?;
                let found = Found::<K>::of(&lives);
                answers.extend(page.iter().map(|lookup| found.answer(lookup).map(observed::<K>)));
            }
            Ok(answers)
        })
    }

    fn create<'a>(
        &'a self,
        cx: &'a Cx,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId> {
        Box::pin(async move { K::create(cx, &decode::<K>(spec)?, token).await })
    }

    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let (from, to) = (decode::<K>(update.from)?, decode::<K>(update.to)?);
            K::update(cx, id, Update { from: &from, to: &to, changed: update.changed }).await
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()> {
        Box::pin(async move { K::delete(cx, id, &decode::<K>(recorded)?, policy).await })
    }
}

fn decode<K: Kind>(spec: &Value) -> Result<K::Spec, Fault> {
    K::Spec::deserialize(spec).map_err(|error| Fault::bug(format!("spec of {}: {error}", K::NAME)))
}

/// What one call has read, by all that a lookup can ask for: a list may hold thousands.
struct Found<'a, K: Kind> {
    by_id: BTreeMap<PhysicalId, &'a K::Live>,
    by_owner: BTreeMap<Owner, Vec<(PhysicalId, &'a K::Live)>>,
}

impl<'a, K: Kind> Found<'a, K> {
    fn of(lives: &'a [K::Live]) -> Self {
        let mut found = Self { by_id: BTreeMap::new(), by_owner: BTreeMap::new() };
        for live in lives {
            let id = K::id(live);
            if let Some(owner) = K::owner(live) {
                found.by_owner.entry(owner).or_default().push((id.clone(), live));
            }
            found.by_id.entry(id).or_insert(live);
        }
        found
    }

    fn answer(&self, lookup: &Lookup) -> Option<&'a K::Live> {
        match lookup {
            Lookup::Id(id) => self.by_id.get(id).copied(),
            Lookup::Owner { owner, except } => {
                let theirs = self.by_owner.get(owner)?;
                theirs.iter().find(|(id, _)| !except.contains(id)).map(|(_, live)| *live)
            }
        }
    }
}

fn observed<K: Kind>(live: &K::Live) -> Observed {
    Observed {
        id: K::id(live),
        owner: K::owner(live),
        spec: serde_json::to_value(K::spec(live)).expect("a Spec always serializes"),
        outputs: K::outputs(live),
        readiness: K::readiness(live),
    }
}

/// Asks a type's `Deserialize` for the names of its fields.
mod properties {
    use serde::de::value::Error;
    use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
    use serde::forward_to_deserialize_any;

    pub(super) fn of<S: DeserializeOwned>() -> &'static [&'static str] {
        let mut names: &'static [&'static str] = &[];
        // Always an error: nothing is there to be deserialized, the names are what we are after.
        let _ = S::deserialize(Ask { names: &mut names });
        names
    }

    struct Ask<'a> {
        names: &'a mut &'static [&'static str],
    }

    impl<'de> Deserializer<'de> for Ask<'_> {
        type Error = Error;

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("only names are asked for"))
        }

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            visitor: V,
        ) -> Result<V::Value, Error> {
            *self.names = fields;
            self.deserialize_any(visitor)
        }

        forward_to_deserialize_any! {
            bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
            unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }
}
