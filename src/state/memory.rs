//! A bucket in memory. What arrives is done at once; the ways of processes to it can be cut, silent, slow or frozen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::address::Stack;
use crate::cloud::objects::{If, Listed, Object, Objects, Tag};
use crate::fault::{Class, Fault};
use crate::state::Store;

/// What is there.
#[derive(Debug, Default)]
pub(super) struct World {
    objects: Mutex<BTreeMap<String, Written>>,
    writes: AtomicUsize,
}

#[derive(Clone, Debug)]
struct Written {
    bytes: Vec<u8>,
    tag: Tag,
    at: Instant,
}

/// The way of one process.
#[derive(Debug)]
pub(super) struct Way {
    world: Arc<World>,
    /// Writes that still arrive; then the process is dead.
    writes_left: AtomicUsize,
    /// Every other write is done, and its answer lost.
    loses_answers: AtomicBool,
    answers: AtomicUsize,
    frozen: watch::Sender<bool>,
    latency: Duration,
}

impl World {
    pub(super) fn keys(&self) -> Vec<String> {
        self.objects.lock().unwrap().keys().cloned().collect()
    }

    pub(super) fn keys_of(&self, prefix: &str) -> Vec<String> {
        self.keys().into_iter().filter(|key| key.starts_with(prefix)).collect()
    }

    pub(super) fn remove(&self, key: &str) {
        self.objects.lock().unwrap().remove(key);
    }

    pub(super) fn set(&self, key: &str, bytes: &[u8]) {
        let written = self.written(bytes.to_vec());
        self.objects.lock().unwrap().insert(key.into(), written);
    }

    fn written(&self, bytes: Vec<u8>) -> Written {
        let number = self.writes.fetch_add(1, Relaxed);
        Written { bytes, tag: Tag(number.to_string()), at: Instant::now() }
    }
}

impl Way {
    pub(super) fn to(world: &Arc<World>) -> Arc<Self> {
        Self::slow(world, Duration::ZERO)
    }

    pub(super) fn slow(world: &Arc<World>, latency: Duration) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            writes_left: usize::MAX.into(),
            loses_answers: false.into(),
            answers: 0.into(),
            frozen: watch::Sender::new(false),
            latency,
        })
    }

    /// The store of `shop` on this way.
    pub(super) fn store(self: &Arc<Self>) -> Store {
        Store::in_bucket(Arc::clone(self) as Arc<dyn Objects>, None, &Stack::new("shop"))
    }

    pub(super) fn dies_after(self: &Arc<Self>, writes: usize) -> Arc<Self> {
        self.writes_left.store(writes, Relaxed);
        Arc::clone(self)
    }

    pub(super) fn loses_answers(self: &Arc<Self>) -> Arc<Self> {
        self.loses_answers.store(true, Relaxed);
        Arc::clone(self)
    }

    /// Nothing of the process arrives until it goes on.
    pub(super) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    async fn travel(&self) {
        sleep(self.latency).await;
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
    }

    fn write(&self) -> Result<(), Fault> {
        let left = self.writes_left.load(Relaxed);
        if left == 0 {
            return Err(Fault::new(Class::Denied, "dead"));
        }
        self.writes_left.store(left - 1, Relaxed);
        Ok(())
    }
}

impl Objects for Way {
    fn place(&self, key: &str) -> String {
        format!("memory://{key}")
    }

    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Object>, Fault>> {
        async move {
            self.travel().await;
            let found = self.world.objects.lock().unwrap().get(key).cloned();
            Ok(found.map(|Written { bytes, tag, at }| Object {
                bytes,
                tag,
                age: Some(at.elapsed()),
            }))
        }
        .boxed()
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        bytes: Vec<u8>,
        condition: If,
    ) -> BoxFuture<'a, Result<Option<Tag>, Fault>> {
        async move {
            self.travel().await;
            self.write()?;
            let mut objects = self.world.objects.lock().unwrap();
            let holds = match (&condition, objects.get(key)) {
                (If::Absent, there) => there.is_none(),
                (If::Unchanged(tag), there) => there.is_some_and(|there| there.tag == *tag),
            };
            let written = holds.then(|| self.world.written(bytes));
            let tag = written.as_ref().map(|written| written.tag.clone());
            objects.extend(written.map(|written| (key.to_owned(), written)));
            if self.loses_answers.load(Relaxed)
                && self.answers.fetch_add(1, Relaxed).is_multiple_of(2)
            {
                return Err(Fault::new(Class::Unanswered, "lost"));
            }
            Ok(tag)
        }
        .boxed()
    }

    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<Listed>, Fault>> {
        async move {
            self.travel().await;
            let objects = self.world.objects.lock().unwrap();
            let listed = objects.iter().filter(|(key, _)| key.starts_with(prefix));
            let listed =
                listed.map(|(key, it)| Listed { key: key.clone(), size: it.bytes.len() as u64 });
            Ok(listed.collect())
        }
        .boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<(), Fault>> {
        async move {
            self.travel().await;
            // One by one: a process may die between them.
            for key in keys {
                self.write()?;
                self.world.remove(key);
            }
            Ok(())
        }
        .boxed()
    }
}
