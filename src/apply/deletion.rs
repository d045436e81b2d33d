//! A deletion that may be refused because something uses what is to go: who is asked, told and waited for.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use tokio::time::Instant;

use crate::address::PhysicalId;
use crate::apply::retry::Tries;
use crate::fault::{Blocker, Class, Fault};
use crate::kind::{AnyKind, Cloud, DeletionPolicy};

/// The ids of what an apply takes away or changes: it will let go, or was told to a moment ago. What failed is no longer
/// among them.
#[derive(Clone, Default)]
pub(super) struct Leaving(Arc<Mutex<BTreeSet<PhysicalId>>>);

impl Leaving {
    pub(super) fn of(ids: impl IntoIterator<Item = PhysicalId>) -> Self {
        Self(Arc::new(Mutex::new(ids.into_iter().collect())))
    }

    pub(super) fn stays(&self, id: &PhysicalId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    fn has(&self, id: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&PhysicalId::new(id))
    }
}

/// One object that is to be deleted.
pub(super) struct Deletion<'a> {
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) kind: &'static dyn AnyKind,
    pub(super) region: String,
    pub(super) id: &'a PhysicalId,
    /// As last applied.
    pub(super) recorded: Value,
    pub(super) policy: DeletionPolicy,
    pub(super) leaving: Leaving,
    /// What points to it and lets go only after it is gone: it can be waited for in vain alone.
    pub(super) waiting_for_it: Vec<Blocker>,
}

impl Deletion<'_> {
    /// Asks for it until the service accepts. While something is in the way, each refusal says what; it ends at once
    /// where that does not go by itself, and in time where it should and does not.
    pub(super) async fn settle(&self, tries: Tries<'_>) -> Result<(), Fault> {
        let stuck_since: Mutex<Option<Instant>> = Mutex::new(None);
        let worth = |fault: &Fault| {
            let mut since = stuck_since.lock().unwrap_or_else(PoisonError::into_inner);
            if fault.blockers.iter().all(|blocker| blocker.passes) {
                *since = None;
                return true;
            }
            // A list may show what went a moment ago.
            let begun = *since.get_or_insert_with(Instant::now);
            begun.elapsed() < self.cloud.lag_max()
        };
        tries.persist_while(&worth, || self.once()).await
    }

    async fn once(&self) -> Result<(), Fault> {
        let Self { kind, region, id, recorded, .. } = self;
        let deleted = self.cloud.delete(*kind, region, id, recorded, self.policy).await;
        match deleted {
            Err(fault) if fault.is(Class::InUse) => {
                let asked = self.cloud.blockers(*kind, region, id, recorded).await;
                Err(Fault { blockers: self.in_the_way(asked), ..fault })
            }
            deleted => deleted,
        }
    }

    /// What is in the way, as far as kind and plan know.
    fn in_the_way(&self, asked: Result<Vec<Blocker>, Fault>) -> Vec<Blocker> {
        let told = asked.unwrap_or_else(|fault| {
            // The principal may delete and not list: then the refusal has to speak for itself.
            tracing::debug!(%fault, id = %self.id, "cannot tell what is in the way");
            Vec::new()
        });
        if told.is_empty() {
            return self.waiting_for_it.clone();
        }
        let told = told.into_iter().map(|blocker| {
            let waits = self.waiting_for_it.iter().find(|waits| waits.id == blocker.id);
            let passes = blocker.passes || self.leaving.has(&blocker.id);
            waits.cloned().unwrap_or_else(|| blocker.passing(passes))
        });
        told.collect::<BTreeSet<_>>().into_iter().collect()
    }
}
