//! The lines of a journal as objects in a bucket: whatever waits while one object is being written goes into the next.

use std::sync::Arc;

use futures::future::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::cloud::objects::{If, ObjectCell, Objects};
use crate::state::StoreError;
use crate::state::bucket::{journal_key, surely};
use crate::state::journal::{Durable, JournalError};
use crate::state::lease::Permit;

/// The journal of one holder of the lock, appended to.
#[derive(Debug)]
pub(super) struct Log {
    lines: mpsc::UnboundedSender<Vec<u8>>,
    appended: u64,
    progress: watch::Receiver<Progress>,
    permit: Permit,
    writer: JoinHandle<u64>,
}

#[derive(Debug, Default)]
struct Progress {
    /// How many of the lines are durable.
    durable: u64,
    /// Why no more will be.
    failed: Option<JournalError>,
}

/// Bytes after which an object is full: it is written in a moment, and read in one piece.
const OBJECT_MAX: usize = 1 << 20;

impl Log {
    /// Begins at object `next` of the journal of `fence`.
    pub(super) fn start(objects: Arc<dyn Objects>, fence: u64, next: u64, permit: Permit) -> Self {
        let (lines, waiting) = mpsc::unbounded_channel();
        let (told, progress) = watch::channel(Progress::default());
        let writer = Writer { objects, fence, next, waiting, told, permit: permit.clone() };
        Self { lines, appended: 0, progress, permit, writer: tokio::spawn(writer.run()) }
    }

    pub(super) fn append(&mut self, line: Vec<u8>) -> Durable {
        // A writer that has failed takes no more; the future says so.
        let _ = self.lines.send(line);
        self.appended += 1;
        let (number, mut progress) = (self.appended, self.progress.clone());
        let durable = async move {
            let ended = progress.wait_for(|it| it.durable >= number || it.failed.is_some()).await;
            match ended {
                Ok(progress) if progress.durable >= number => Ok(()),
                Ok(progress) => progress.failed.clone().map_or(Ok(()), Err),
                Err(_) => Err(JournalError::Stopped),
            }
        };
        Durable::once(durable.boxed().shared())
    }

    /// Waits until the journal cannot go on.
    pub(super) fn broken(&self) -> impl Future<Output = JournalError> + Send + use<> {
        let (mut progress, permit) = (self.progress.clone(), self.permit.clone());
        async move {
            let failed = async {
                let failed = progress.wait_for(|it| it.failed.is_some()).await;
                match failed.ok().and_then(|it| it.failed.clone()) {
                    Some(error) => error,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                error = failed => error,
                lost = permit.lost() => lost.into(),
            }
        }
    }

    pub(super) fn permit(&self) -> Permit {
        self.permit.clone()
    }

    /// Writes what waits, and ends. The number of the object that would come next.
    pub(super) async fn close(self) -> Result<u64, JournalError> {
        drop(self.lines);
        let next = self.writer.await.map_err(|_| JournalError::Stopped)?;
        match &self.progress.borrow().failed {
            Some(error) => Err(error.clone()),
            None => Ok(next),
        }
    }
}

struct Writer {
    objects: Arc<dyn Objects>,
    fence: u64,
    next: u64,
    waiting: mpsc::UnboundedReceiver<Vec<u8>>,
    told: watch::Sender<Progress>,
    permit: Permit,
}

impl Writer {
    async fn run(mut self) -> u64 {
        while let Some(first) = self.waiting.recv().await {
            // What is about to be appended in the same moment comes along.
            tokio::task::yield_now().await;
            let (mut bytes, mut lines) = (first, 1);
            while bytes.len() < OBJECT_MAX
                && let Ok(line) = self.waiting.try_recv()
            {
                bytes.extend(line);
                lines += 1;
            }
            if let Err(error) = self.write(bytes).await {
                self.told.send_modify(|progress| progress.failed = Some(error));
                break;
            }
            self.told.send_modify(|progress| progress.durable += lines);
        }
        self.next
    }

    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), JournalError> {
        let key = journal_key(self.fence, self.next);
        let cell = ObjectCell { objects: Arc::clone(&self.objects), key };
        match surely(&cell, bytes, If::Absent).await {
            Ok(Some(_)) => {
                self.next += 1;
                Ok(())
            }
            Ok(None) => Err(self.permit.taken().await.into()),
            Err(StoreError::Cloud { place, fault } | StoreError::Absent { place, fault }) => {
                Err(JournalError::Cloud { place, fault })
            }
            Err(_) => Err(JournalError::Stopped),
        }
    }
}
