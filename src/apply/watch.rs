//! One loop watches everything that is pending: batched by kind and region, often enough to notice within two seconds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use crate::address::PhysicalId;
use crate::apply::Pace;
use crate::cloud::Reading;
use crate::fault::{Class, Fault, Residue};
use crate::kind::{AnyKind, Cloud, Lookup, Observed, Readiness, Wanted};

/// What is waited for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Goal {
    /// It is visible, and these outputs are known.
    Seen {
        provides: BTreeSet<String>,
    },
    Ready,
    Gone,
}

/// The end at which wishes are made.
#[derive(Clone)]
pub(super) struct Watch {
    wishes: mpsc::UnboundedSender<Wish>,
    pace: Pace,
}

struct Wish {
    kind: &'static dyn AnyKind,
    region: String,
    id: PhysicalId,
    goal: Goal,
    since: Instant,
    deadline: Instant,
    answer: oneshot::Sender<Result<Option<Observed>, Fault>>,
    /// Takes the faults of looks that are repeated.
    passing: mpsc::UnboundedSender<Fault>,
}

/// A fresh wish is looked at soon, and then less and less often.
const GAP_FIRST: Duration = Duration::from_millis(250);
/// Readiness is noticed within this time.
const GAP_MAX: Duration = Duration::from_secs(2);
const GAP_FLOOR: Duration = Duration::from_millis(50);
/// The gap is this part of the youngest wish's age.
const GAP_SHARE: f64 = 0.15;
/// Reads after a creation may miss it for seconds; what is still not there then was never made, or is gone again.
const VISIBLE_MAX: Duration = Duration::from_secs(90);
/// Typical durations are no promises: a multiple of them, and some minutes, is.
const PATIENCE_FACTOR: u32 = 4;
const PATIENCE_MIN: Duration = Duration::from_mins(15);
/// However fast the sandbox lives, a loaded machine needs some real time.
const PATIENCE_FLOOR: Duration = Duration::from_secs(45);

/// The two ends: one to wish, one to run until nobody can wish any more.
pub(super) fn watch(cloud: Arc<dyn Cloud>, pace: Pace) -> (Watch, impl Future<Output = ()>) {
    let (wishes, inbox) = mpsc::unbounded_channel();
    let watcher = Watcher { cloud, pace, groups: BTreeMap::new() };
    (Watch { wishes, pace }, watcher.run(inbox))
}

impl Watch {
    /// Waits for `goal`. `typical` is how long that usually takes, on AWS. `retrying` is told of looks that failed and are
    /// repeated. The observed object, unless it is gone.
    pub(super) async fn until(
        &self,
        kind: &'static dyn AnyKind,
        region: &str,
        id: &PhysicalId,
        goal: Goal,
        typical: Duration,
        retrying: &(dyn Fn(Fault) + Send + Sync),
    ) -> Result<Option<Observed>, Fault> {
        let (answer, mut answered) = oneshot::channel();
        let (passing, mut passed) = mpsc::unbounded_channel();
        let since = Instant::now();
        let patience = (typical * PATIENCE_FACTOR).max(PATIENCE_MIN);
        let deadline = since + self.pace.scaled(patience, PATIENCE_FLOOR);
        let (region, id) = (region.to_owned(), id.clone());
        let wish = Wish { kind, region, id, goal, since, deadline, answer, passing };
        let stopped = || Fault::bug("the watch has stopped");
        self.wishes.send(wish).map_err(|_| stopped())?;
        loop {
            tokio::select! {
                ended = &mut answered => return ended.map_err(|_| stopped())?,
                Some(fault) = passed.recv() => retrying(fault),
            }
        }
    }
}

type Group = (&'static str, String);
type Read = (Group, Vec<Wish>, Result<Vec<Option<Observed>>, Fault>);

struct Watcher {
    cloud: Arc<dyn Cloud>,
    pace: Pace,
    /// What waits for the next look, and when that is.
    groups: BTreeMap<Group, (Instant, Vec<Wish>)>,
}

impl Watcher {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Wish>) {
        let mut reads: FuturesUnordered<BoxFuture<'_, Read>> = FuturesUnordered::new();
        loop {
            let due = self.groups.values().map(|(at, _)| *at).min();
            tokio::select! {
                biased;
                wish = inbox.recv() => match wish {
                    Some(wish) => self.add(wish),
                    None => return,
                },
                Some((_, wishes, answers)) = reads.next() => self.deliver(wishes, answers),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    for (group, wishes) in self.due() {
                        reads.push(Box::pin(look(Arc::clone(&self.cloud), group, wishes)));
                    }
                }
            }
        }
    }

    fn add(&mut self, wish: Wish) {
        let at = Instant::now() + self.gap(&wish);
        let key = (wish.kind.name(), wish.region.clone());
        let (next, wishes) = self.groups.entry(key).or_insert_with(|| (at, Vec::new()));
        *next = at.min(*next);
        wishes.push(wish);
    }

    fn gap(&self, wish: &Wish) -> Duration {
        let age = wish.since.elapsed().mul_f64(self.pace.speed.max(1.0));
        let gap = age.mul_f64(GAP_SHARE).clamp(GAP_FIRST, GAP_MAX);
        self.pace.scaled(gap, GAP_FLOOR)
    }

    fn due(&mut self) -> Vec<(Group, Vec<Wish>)> {
        let now = Instant::now();
        let due: Vec<Group> = self
            .groups
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(key, _)| key.clone())
            .collect();
        due.into_iter()
            .filter_map(|key| {
                let (_, wishes) = self.groups.remove(&key)?;
                Some((key, wishes))
            })
            .collect()
    }

    fn deliver(&mut self, wishes: Vec<Wish>, answers: Result<Vec<Option<Observed>>, Fault>) {
        let now = Instant::now();
        let each: Vec<Result<Option<Observed>, Fault>> = match answers {
            Ok(answers) => answers.into_iter().map(Ok).collect(),
            Err(fault) => wishes.iter().map(|_| Err(fault.clone())).collect(),
        };
        for (wish, answer) in wishes.into_iter().zip(each) {
            if wish.answer.is_closed() {
                continue;
            }
            match self.judge(&wish, answer, now) {
                // Nobody listens any more: an interrupted wait.
                Some(verdict) => drop(wish.answer.send(verdict)),
                None => self.add(wish),
            }
        }
    }

    /// The end of the wish, or `None`: look again.
    fn judge(
        &self,
        wish: &Wish,
        answer: Result<Option<Observed>, Fault>,
        now: Instant,
    ) -> Option<Result<Option<Observed>, Fault>> {
        let observed = match answer {
            Err(fault) if fault.class.passes_with_time() && now < wish.deadline => {
                // Nobody listens any more: an interrupted wait.
                let _ = wish.passing.send(fault);
                return None;
            }
            Err(fault) => return Some(Err(fault)),
            Ok(observed) => observed,
        };
        let Some(observed) = observed else {
            let invisible = wish.since + self.pace.scaled(VISIBLE_MAX, PATIENCE_FLOOR);
            return match wish.goal {
                Goal::Gone => Some(Ok(None)),
                Goal::Seen { .. } | Goal::Ready if now < invisible => None,
                Goal::Seen { .. } | Goal::Ready => {
                    let message =
                        format!("{} is not there, though its creation was answered", wish.id);
                    Some(Err(Fault::new(Class::NotFound, message)))
                }
            };
        };
        let state = match (&wish.goal, &observed.readiness) {
            (_, Readiness::Failed(why)) if wish.goal != Goal::Gone => {
                return Some(Err(Fault::new(Class::Invalid, why)));
            }
            (Goal::Seen { provides }, _)
                if provides.iter().all(|name| observed.outputs.contains_key(name)) =>
            {
                return Some(Ok(Some(observed)));
            }
            (Goal::Ready, Readiness::Ready | Readiness::Unconfirmed) => {
                return Some(Ok(Some(observed)));
            }
            (Goal::Gone, Readiness::Unconfirmed) => return Some(Ok(None)),
            (_, Readiness::Unconfirmed) => "unconfirmed".into(),
            (_, Readiness::Pending(state)) => state.to_string(),
            (_, Readiness::Deleting) => "being deleted".into(),
            (_, Readiness::Ready) => "there".into(),
            (_, Readiness::Failed(why)) => why.clone(),
        };
        (now >= wish.deadline).then(|| {
            let waited = wish.since.elapsed().as_secs();
            let message = format!("still {state} after {waited} s");
            Err(Fault { residue: Residue::Unknown, ..Fault::new(Class::Busy, message) })
        })
    }
}

async fn look(cloud: Arc<dyn Cloud>, group: Group, wishes: Vec<Wish>) -> Read {
    let wanted = |wish: &Wish| Wanted::uncompared(Lookup::Id(wish.id.clone()));
    let wanted: Vec<Wanted<'_>> = wishes.iter().map(wanted).collect();
    let answers = cloud.read(wishes[0].kind, &group.1, &wanted, &Reading::default()).await;
    tracing::trace!(kind = group.0, ?wanted, ?answers, "looked");
    (group, wishes, answers)
}
