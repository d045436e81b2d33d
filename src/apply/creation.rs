//! One creation: made once, whatever happens on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::Value;
use tokio::time::sleep;

use crate::address::{Owner, PhysicalId};
use crate::apply::retry::Tries;
use crate::cloud::Reading;
use crate::fault::{Class, Fault, Residue};
use crate::kind::{AnyKind, Cloud, Lookup, Observed, Tagging, Token, Wanted};

/// A creation, and how to find out whether it happened.
pub(super) struct Creation<'a> {
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) kind: &'static dyn AnyKind,
    pub(super) region: &'a str,
    pub(super) owner: Owner,
    /// `None`: nothing that the service could tell identifies it before its id is known.
    pub(super) lookup: Option<Lookup>,
    /// What the create call sends.
    pub(super) first: Value,
    pub(super) token: Token,
}

impl Creation<'_> {
    /// Creates it once, whatever happens on the way. `reopened`: an earlier apply may have done so already.
    pub(super) async fn settle(
        &self,
        reopened: bool,
        tries: Tries<'_>,
    ) -> Result<PhysicalId, Fault> {
        // Set while a call may have made it without our knowing: nothing is created before a look has told.
        let open = AtomicBool::new(reopened);
        tries.persist(|| self.once(&open)).await
    }

    async fn once(&self, open: &AtomicBool) -> Result<PhysicalId, Fault> {
        if open.load(Relaxed)
            && let Some(id) = self.close(open).await?
        {
            return Ok(id);
        }
        let created = self.cloud.create(self.kind, self.region, &self.first, &self.token).await;
        let Err(fault) = created else { return created };
        let found = match fault.class {
            // Perhaps it was made all the same: that is settled by looking, before it is repeated.
            Class::Unanswered | Class::Unavailable | Class::Bug => {
                open.store(true, Relaxed);
                self.close(open).await
            }
            // Ours, if an answer was lost on the way.
            Class::Exists => self.look().await,
            _ => return Err(fault),
        };
        found?.ok_or(fault)
    }

    /// Finds out what an earlier call came to. If that cannot be known, it stays open.
    async fn close(&self, open: &AtomicBool) -> Result<Option<PhysicalId>, Fault> {
        // Whatever the look ran into: the call before it may have made something.
        let unknown = |fault| Fault { residue: Residue::Unknown, ..fault };
        let found = self.look_after_grace().await.map_err(unknown)?;
        open.store(false, Relaxed);
        Ok(found)
    }

    async fn look_after_grace(&self) -> Result<Option<PhysicalId>, Fault> {
        sleep(self.cloud.lag_max()).await;
        self.look().await
    }

    /// The object, if it is there and ours.
    async fn look(&self) -> Result<Option<PhysicalId>, Fault> {
        let Some(lookup) = &self.lookup else { return Ok(None) };
        let wanted = [Wanted::uncompared(lookup.clone())];
        let found = self.cloud.read(self.kind, self.region, &wanted, &Reading::default()).await?;
        let ours = |seen: &Observed| {
            // What has no tags hangs on something that is ours.
            self.kind.tagging() == Tagging::None || seen.owner.as_ref() == Some(&self.owner)
        };
        Ok(found.into_iter().flatten().find(ours).map(|seen| seen.id))
    }
}
