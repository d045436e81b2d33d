//! The seam between the engine, which sees data, and the kinds, which see AWS and Kubernetes.
//!
//! The author of a kind writes [`Kind`]: tables, a pure half, and effects without waiting. The engine calls
//! [`AnyKind`], implemented once for all of them, and reaches the world through [`Cloud`].
//!
//! **Architecture invariant:** this module names no AWS or Kubernetes crate.

mod answer;
pub mod field;
pub mod live;
pub mod manifest;
mod packed;
mod properties;
pub mod reference;
mod scope;

use std::future::Future;
use std::time::Duration;

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

pub use field::{Compare, Field, Need, OnChange, Output, Sent, TAGS};
pub use live::{Compared, Lookup, Observed, Outputs, Readiness, Wanted, outputs};
pub use packed::Packed;
pub use reference::Ref;
pub use scope::Scope;

use crate::address::{Owner, PhysicalId};
use crate::cloud::{Aws, Cx, Reading};
use crate::fault::{Blocker, Fault};

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
    /// The thing itself: nothing but its record goes. What is *replaced* goes all the same, as with `Snapshot`.
    Retain,
}

/// How a kind carries tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tagging {
    /// A property `Tags`: a list of `Key` and `Value`. The owner tags are in it.
    List,
    /// A property `Tags`: a mapping. The owner tags are in it.
    Map,
    /// Labels and annotations of an object of Kubernetes, which has a natural key too. The owner is among them.
    Labels,
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

/// Why an API would refuse what is about to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    pub reason: String,
    /// Whether it can only go wrong. What is not sure, something that is under way may still make right.
    pub is_sure: bool,
}

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
    const SCOPE: Scope = Scope::Region;
    /// For how long after a deletion the name cannot be taken again.
    const NAME_RESTS: Duration = Duration::ZERO;
    /// How many lookups one call of `read` takes; larger sets are split. `usize::MAX` where one list answers them all.
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
    /// The id that a spec determines: a fixed name, or the natural key of what has no tags. Where a region has room for
    /// one object only, a word that stands for whichever it is ([`Kind::answers_to`]), so that a foreign one is seen
    /// before it is in the way.
    /// `None` where only the service knows the id, which is then found by the owner tags.
    fn natural_id(_spec: &Self::Spec) -> Option<PhysicalId> {
        None
    }
    /// Whether it is the object of that id, recorded or natural.
    fn answers_to(live: &Self::Live, id: &PhysicalId) -> bool {
        Self::id(live) == *id
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

    /// Adds to one object that `read` has found, and that was asked for, what costs a call for each object: of these
    /// properties the `compared` ones, and what `owner` and `readiness` need. The others stay `None`. An object that is
    /// gone by now is `None` itself. Where lists or batches tell everything, there is nothing to add.
    fn complete(
        _cx: &Cx,
        live: Self::Live,
        _compared: Compared<'_>,
    ) -> impl Future<Output = Result<Option<Self::Live>, Fault>> + Send {
        std::future::ready(Ok(Some(live)))
    }

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

    /// What stands in the way of a deletion that was refused as in use: asked only then, and never of what the
    /// service takes along by itself. Nothing where that cannot be told.
    fn blockers(
        _cx: &Cx,
        _id: &PhysicalId,
        _recorded: &Self::Spec,
    ) -> impl Future<Output = Result<Vec<Blocker>, Fault>> + Send {
        std::future::ready(Ok(Vec::new()))
    }
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
    fn scope(&self) -> Scope;
    /// The spec in canonical form: unknown properties and wrong types refused, absent ones left out. References stay.
    fn normalize(&self, spec: &Value) -> Result<Value, serde_json::Error>;
    /// [`Kind::natural_id`] of a spec; `None` too if it depends on an open reference.
    fn natural_id(&self, spec: &Value) -> Option<PhysicalId>;
    fn typical(&self, spec: &Value) -> Typical;
    /// [`Kind::NAME_RESTS`].
    fn name_rests(&self) -> Duration;
    /// How many lookups one call of `read` takes: [`Kind::READ_MAX`].
    fn read_max(&self) -> usize;
    /// The names of the spec's own properties, as its `Deserialize` tells them: what the field table must cover.
    fn properties(&self) -> &'static [&'static str];
    /// Whether a spec may have this property.
    fn has_property(&self, name: &str) -> bool {
        let is_tags = name == "Tags" && matches!(self.tagging(), Tagging::List | Tagging::Map);
        is_tags || self.properties().contains(&name)
    }
    /// One answer for each object that is wanted, in their order.
    fn read<'a>(
        &'a self,
        cx: &'a Cx,
        wanted: &'a [Wanted<'a>],
    ) -> Answer<'a, Vec<Option<Observed>>>;
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
    fn blockers<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        recorded: &'a Value,
    ) -> Answer<'a, Vec<Blocker>>;
    /// What the API would refuse of these specs, as far as looking tells: one list for each, or none at all. `beside` is all
    /// that is wanted together with them, by kind.
    fn objections<'a>(
        &'a self,
        _cx: &'a Cx,
        _specs: &'a [&'a Value],
        _beside: &'a [(&'a str, &'a Value)],
    ) -> Answer<'a, Vec<Vec<Objection>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

/// The world that effects reach: AWS on the wire, or a simulation of it.
pub trait Cloud: Send + Sync {
    /// For how long reads may miss what was written: absence is proof only after it.
    fn lag_max(&self) -> Duration;
    /// One answer for each object that is wanted, in their order. What several kinds want is asked once `within` a
    /// reading.
    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Wanted<'a>],
        within: &'a Reading,
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
    /// What stands in the way of a deletion that was refused as in use.
    fn blockers<'a>(
        &'a self,
        _kind: &'static dyn AnyKind,
        _region: &'a str,
        _id: &'a PhysicalId,
        _recorded: &'a Value,
    ) -> Answer<'a, Vec<Blocker>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
    /// What would be refused of these specs, as far as looking tells: one list for each, or none at all.
    fn objections<'a>(
        &'a self,
        _kind: &'static dyn AnyKind,
        _region: &'a str,
        _specs: &'a [&'a Value],
        _beside: &'a [(&'a str, &'a Value)],
    ) -> Answer<'a, Vec<Vec<Objection>>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

impl Cloud for Aws {
    fn lag_max(&self) -> Duration {
        Aws::lag_max(self)
    }

    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Wanted<'a>],
        within: &'a Reading,
    ) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(async move { kind.read(&self.region(region).within(within), wanted).await })
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

    fn blockers<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        recorded: &'a Value,
    ) -> Answer<'a, Vec<Blocker>> {
        Box::pin(async move { kind.blockers(&self.region(region), id, recorded).await })
    }

    fn objections<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        specs: &'a [&'a Value],
        beside: &'a [(&'a str, &'a Value)],
    ) -> Answer<'a, Vec<Vec<Objection>>> {
        Box::pin(async move { kind.objections(&self.region(region), specs, beside).await })
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

    fn scope(&self) -> Scope {
        K::SCOPE
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

    fn name_rests(&self) -> Duration {
        K::NAME_RESTS
    }

    fn read_max(&self) -> usize {
        K::READ_MAX
    }

    fn properties(&self) -> &'static [&'static str] {
        properties::of::<K::Spec>()
    }

    fn read<'a>(
        &'a self,
        cx: &'a Cx,
        wanted: &'a [Wanted<'a>],
    ) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(wanted.len());
            for page in wanted.chunks(K::READ_MAX) {
                answers.extend(answer::answer::<K>(cx, page).await?);
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

    fn blockers<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        recorded: &'a Value,
    ) -> Answer<'a, Vec<Blocker>> {
        Box::pin(async move { K::blockers(cx, id, &decode::<K>(recorded)?).await })
    }
}

fn decode<K: Kind>(spec: &Value) -> Result<K::Spec, Fault> {
    K::Spec::deserialize(spec).map_err(|error| Fault::bug(format!("spec of {}: {error}", K::NAME)))
}
