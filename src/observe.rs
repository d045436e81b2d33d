//! Stage 3: the observed side. Everything desired or recorded is looked up, grouped by kind and region, in as few calls
//! as the APIs allow; a batch that the service refuses is split until the culprit is alone.

mod observation;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use tokio::time::{Instant, sleep};

use crate::address::{Address, Owner, PhysicalId};
use crate::cloud::Reading;
use crate::fault::{Class, Fault};
use crate::graph::{Existing, Graph, Node};
use crate::kind::{AnyKind, Cloud, Compared, Lookup, Tagging, Token, Wanted, reference};
use crate::kinds;
use crate::state::{Record, State, Status};

pub use observation::Observation;

/// A read that failed: nothing is known of these resources.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {kind} in {region} (for {address}{})", and_more(*.others))]
pub struct ObserveError {
    pub kind: &'static str,
    pub region: String,
    pub address: Address,
    /// How many further resources the same call was to read.
    pub others: usize,
    #[source]
    pub fault: Fault,
}

/// Kinds read at the same time. The rate limits hold anyway; this bounds memory and open connections.
const IN_FLIGHT_MAX: usize = 24;

/// A read that fails fails everything, so one that may pass is repeated, each time with all the client's own attempts: a
/// service that refuses half of its requests is as good as one that does not.
const READS_MAX: usize = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// What has failed this long, without an answer mostly, is told and not repeated.
const REPEATED_WITHIN: Duration = Duration::from_secs(15);

/// What is wanted, and where.
type Asked<'a> = (&'a Address, Wanted<'a>);

/// What is wanted of each kind in each region.
type Groups<'a> = BTreeMap<(&'static str, &'a str), Vec<Asked<'a>>>;

/// An object to look up.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// What it is called in the answer.
    pub address: &'a Address,
    /// The name of its kind; one that nobody knows is never found.
    pub kind: &'a str,
    pub region: &'a str,
    pub wanted: Wanted<'a>,
}

/// Looks up everything that is desired or recorded. Any read that fails fails the whole: a plan from half a picture
/// would create twice what it did not see. What is recorded and not found is looked up again, once reads cannot miss it
/// any more.
pub async fn observe(
    cloud: &dyn Cloud,
    graph: &Graph,
    state: &State,
) -> Result<Observation, ObserveError> {
    let mut asks = Vec::new();
    let mut want = |kind, region, address, lookup: Option<Lookup>, compared| {
        asks.extend(lookup.map(|lookup| {
            let wanted = Wanted { lookup, compared };
            Ask { address, kind, region, wanted }
        }));
    };
    let recorded = RecordedIds::of(state);
    for (address, record) in &state.resources {
        let lookup = lookup_of_record(state, &recorded, address, record);
        // What is not desired any more should be as it was left.
        let compared = match graph.nodes.get(address) {
            Some(node) => Compared::with(&node.spec),
            None => Compared::with_recorded(&record.spec),
        };
        let compared = match record.status {
            Status::Stable => compared.as_left(&record.spec),
            _ => compared,
        };
        want(record.kind.as_str(), record.region.as_str(), address, lookup, compared);
    }
    for (address, existing) in &graph.existing {
        let lookup = Some(Lookup::Id(existing.id.clone()));
        want(&existing.kind, &existing.region, address, lookup, Compared::default());
    }
    for (address, node) in &graph.nodes {
        if !state.resources.contains_key(address) {
            let lookup = lookup_of_node(graph, state, &recorded, address, node);
            want(&node.kind, &node.region, address, lookup, Compared::with(&node.spec));
        }
    }
    let mut observation = look_up(cloud, asks.clone()).await?;
    // What is recorded and not seen may have been made a moment ago, by an apply that was cut off or has just ended.
    asks.retain(|ask| {
        let record = state.resources.get(ask.address);
        record.is_some_and(|record| record.id.is_some()) && !observation.contains(ask.address)
    });
    if !asks.is_empty() {
        sleep(cloud.lag_max()).await;
        observation.merge(look_up(cloud, asks).await?);
    }
    Ok(observation)
}

/// Looks up these objects, all that are of one kind and region together.
pub async fn look_up(cloud: &dyn Cloud, asks: Vec<Ask<'_>>) -> Result<Observation, ObserveError> {
    let mut groups = Groups::new();
    for Ask { address, kind, region, wanted } in asks {
        if let Some(kind) = kinds::find(kind) {
            groups.entry((kind.name(), region)).or_default().push((address, wanted));
        }
    }
    let reading = Reading::default();
    let reads = groups.iter().map(|(of, asked)| read(cloud, &reading, *of, asked));
    let found = stream::iter(reads).buffer_unordered(IN_FLIGHT_MAX);
    let merged = |mut all: Observation, found| {
        all.merge(found);
        std::future::ready(Ok(all))
    };
    found.try_fold(Observation::default(), merged).await
}

/// How to find what is recorded: by its id, or, while its creation is open, by what the creation left.
fn lookup_of_record(
    state: &State,
    recorded: &RecordedIds<'_>,
    address: &Address,
    record: &Record,
) -> Option<Lookup> {
    let Record { kind, region, id, spec, status, .. } = record;
    if let Some(id) = id {
        return Some(Lookup::Id(id.clone()));
    }
    let owner = Owner { stack: state.stack.clone(), address: address.clone() };
    let tokens = match status {
        Status::Creating(token) => vec![token.clone()],
        Status::Made | Status::Stable | Status::Updating | Status::Deleting => Vec::new(),
    };
    let (kind, spec) = (kinds::find(kind)?, spec.open());
    lookup_unknown(owner, kind, &spec, tokens, || recorded.of_kind(kind.name(), region))
}

/// How to find what should be there and is not recorded: it may be ours all the same, if state was lost.
fn lookup_of_node(
    graph: &Graph,
    state: &State,
    recorded: &RecordedIds<'_>,
    address: &Address,
    node: &Node,
) -> Option<Lookup> {
    debug_assert_eq!(graph.stack, state.stack);
    let former = graph.moved.get(address).and_then(|former| state.resources.get(former));
    let same = |former: &&Record| {
        former.kind == node.kind
            && place(&former.kind, &former.region) == place(&node.kind, &node.region)
    };
    if let Some(id) = former.filter(same).and_then(|former| former.id.clone()) {
        return Some(Lookup::Id(id));
    }
    let known = |reference: &reference::Ref| {
        state.resources.get(&reference.address)?.outputs.get(&reference.output).cloned()
    };
    let spec = reference::resolve(&node.spec, &known);
    let Node { kind, region, .. } = node;
    let owner = Owner { stack: state.stack.clone(), address: address.clone() };
    lookup_unknown(owner, kinds::find(kind)?, &spec, Vec::new(), || recorded.of_kind(kind, region))
}

/// By the id that the spec determines, else by the owner tags; `None` where neither exists, which is only so while
/// what the spec refers to does not exist either. `tokens` are those of creations of which nobody knows what
/// came of them.
pub(crate) fn lookup_unknown(
    owner: Owner,
    kind: &dyn AnyKind,
    spec: &serde_json::Value,
    tokens: Vec<Token>,
    recorded: impl FnOnce() -> Arc<BTreeSet<PhysicalId>>,
) -> Option<Lookup> {
    if let Some(id) = kind.natural_id(spec) {
        return Some(Lookup::Id(id));
    }
    match kind.tagging() {
        Tagging::None | Tagging::Labels => None,
        Tagging::List | Tagging::Map => {
            // Both halves of a replacement carry the same owner tags; the recorded one is not the one looked for.
            Some(Lookup::Owner { owner, except: recorded(), tokens })
        }
    }
}

/// The ids that a state records, by kind and region: what is looked for by its owner tags is none of them.
pub(crate) struct RecordedIds<'a>(BTreeMap<(&'a str, &'a str), Arc<BTreeSet<PhysicalId>>>);

impl<'a> RecordedIds<'a> {
    pub(crate) fn of(state: &'a State) -> Self {
        let mut ids: BTreeMap<(&str, &str), BTreeSet<PhysicalId>> = BTreeMap::new();
        for Record { kind, region, id, .. } in state.resources.values() {
            ids.entry((kind, place(kind, region))).or_default().extend(id.clone());
        }
        Self(ids.into_iter().map(|(of, ids)| (of, Arc::new(ids))).collect())
    }

    /// Shared: there is a lookup for each of thousands of resources.
    pub(crate) fn of_kind(&self, kind: &str, region: &str) -> Arc<BTreeSet<PhysicalId>> {
        self.0.get(&(kind, place(kind, region))).cloned().unwrap_or_default()
    }
}

/// The region that tells objects of a kind and one id apart: none for those that live in no region.
pub(crate) fn place<'a>(kind: &str, region: &'a str) -> &'a str {
    kinds::find(kind).map_or(region, |kind| kind.scope().of_object(region))
}

async fn read(
    cloud: &dyn Cloud,
    reading: &Reading,
    (kind, region): (&'static str, &str),
    asked: &[Asked<'_>],
) -> Result<Observation, ObserveError> {
    let any = kinds::find(kind).expect("only known kinds are grouped");
    let mut found = Observation::default();
    let mut batches = vec![asked];
    let (begun, mut failed) = (Instant::now(), 0);
    while let Some(batch) = batches.pop() {
        let wanted: Vec<Wanted<'_>> = batch.iter().map(|(_, wanted)| wanted.clone()).collect();
        match cloud.read(any, region, &wanted, reading).await {
            Ok(answers) => {
                for ((address, _), seen) in batch.iter().zip(answers) {
                    if let Some(seen) = seen {
                        found.insert((*address).clone(), seen);
                    }
                }
            }
            // One bad id spoils a batch for some services: halve it until that one is alone.
            Err(fault)
                if batch.len() > 1 && matches!(fault.class, Class::Invalid | Class::NotFound) =>
            {
                let (left, right) = batch.split_at(batch.len() / 2);
                batches.extend([right, left]);
            }
            Err(fault) if fault.is(Class::NotFound) => {}
            Err(fault)
                if fault.class.passes_with_time()
                    && failed + 1 < READS_MAX
                    && begun.elapsed() < REPEATED_WITHIN =>
            {
                failed += 1;
                tracing::debug!(kind, region, %fault, "read again");
                sleep(PAUSE).await;
                batches.push(batch);
            }
            Err(fault) => {
                let (address, others) = (batch[0].0.clone(), batch.len() - 1);
                return Err(ObserveError { kind, region: region.into(), address, others, fault });
            }
        }
    }
    Ok(found)
}

/// What a graph refers to as there already, and is not.
pub fn missing<'a>(
    graph: &'a Graph,
    observation: &'a Observation,
) -> impl Iterator<Item = (&'a Address, &'a Existing)> {
    graph.existing.iter().filter(|(address, _)| !observation.contains(address))
}

fn and_more(others: usize) -> String {
    if others == 0 { String::new() } else { format!(" and {others} more") }
}
