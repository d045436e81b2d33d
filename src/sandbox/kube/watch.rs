//! WATCH: changes as they happen, one JSON document a line.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::http::{Body, Reply, Request};
use super::resources::Resource;
use super::selector::Selector;
use super::status::{Answer, Status};
use super::store::Cluster;
use super::write::in_version;

/// A real server ends a watch after 30 to 60 minutes.
const MAX_WATCH: Duration = Duration::from_mins(30);
/// A real server sends a bookmark about every minute.
const BOOKMARK: Duration = Duration::from_mins(1);
/// How many events may wait for a slow client.
const WAITING: usize = 1024;

/// What is watched.
struct Watch {
    resource: Arc<Resource>,
    version: String,
    namespace: Option<String>,
    selector: Selector,
    bookmarks: bool,
}

/// `locked` is what `cluster` holds, whose lock the caller has.
pub(super) fn watch(
    cluster: &Arc<Mutex<Cluster>>,
    locked: &Cluster,
    resource: Arc<Resource>,
    version: &str,
    namespace: Option<String>,
    request: &Request,
) -> Answer<Reply> {
    let selector = Selector::parse(request.param("labelSelector"), request.param("fieldSelector"))?;
    let seconds = request.param("timeoutSeconds").parse().map_or(MAX_WATCH, Duration::from_secs);
    let end = Instant::now() + seconds.min(MAX_WATCH);
    let namespace = namespace.filter(|_| resource.namespaced);
    let bookmarks = request.param("allowWatchBookmarks") == "true";
    let watch = Watch { resource, version: version.into(), namespace, selector, bookmarks };
    let from = request.param("resourceVersion");
    let (sender, receiver) = mpsc::channel(WAITING);
    let (first, seen) = match from.parse::<u64>() {
        Ok(from) if from > 0 => (Vec::new(), from),
        Ok(_) | Err(_) if from.is_empty() || from == "0" => (watch.state(locked), locked.version()),
        Ok(_) | Err(_) => {
            return Err(Status::bad_request(format!("invalid resource version: {from:?}")));
        }
    };
    let changed = locked.subscribe();
    let cluster = Arc::clone(cluster);
    tokio::spawn(async move {
        // Whoever listens no more ends it.
        let _ = watch.run(&cluster, first, seen, changed, end, &sender).await;
    });
    Ok(Reply { status: 200, content_type: "application/json", body: Body::Stream(receiver) })
}

impl Watch {
    async fn run(
        &self,
        cluster: &Mutex<Cluster>,
        first: Vec<Value>,
        mut seen: u64,
        mut changed: tokio::sync::watch::Receiver<u64>,
        end: Instant,
        sender: &mpsc::Sender<Vec<u8>>,
    ) -> Result<(), mpsc::error::SendError<Vec<u8>>> {
        for event in first {
            sender.send(line(&event)).await?;
        }
        let mut bookmark = Instant::now() + BOOKMARK;
        loop {
            let news = {
                let locked = cluster.lock().unwrap_or_else(PoisonError::into_inner);
                self.news(&locked, &mut seen)
            };
            let Some(news) = news else {
                let gone = Status::new(410, "Expired", format!("too old resource version: {seen}"));
                sender.send(line(&json!({ "type": "ERROR", "object": gone.to_json() }))).await?;
                return Ok(());
            };
            for event in news {
                sender.send(line(&event)).await?;
            }
            tokio::select! {
                result = changed.changed() => if result.is_err() { return Ok(()) },
                () = tokio::time::sleep_until(bookmark.min(end)) => {}
                () = sender.closed() => return Ok(()),
            }
            let now = Instant::now();
            if self.bookmarks && now >= bookmark.min(end) {
                sender.send(line(&self.bookmark(seen))).await?;
            }
            if now >= bookmark {
                bookmark = now + BOOKMARK;
            }
            if now >= end {
                return Ok(());
            }
        }
    }

    fn state(&self, cluster: &Cluster) -> Vec<Value> {
        let id = self.resource.id();
        let listed = cluster
            .list(&id, self.namespace.as_deref())
            .filter(|(_, object)| self.selector.matches(object));
        listed.map(|(_, object)| self.event("ADDED", object)).collect()
    }

    /// What has happened since; nothing if that is too long ago.
    fn news(&self, cluster: &Cluster, seen: &mut u64) -> Option<Vec<Value>> {
        let id = self.resource.id();
        let mine = cluster.since(*seen)?.filter(|change| {
            change.key.resource == id
                && self.namespace.as_ref().is_none_or(|it| *it == change.key.namespace)
        });
        let matching = |object: &Option<Arc<Value>>| {
            object.as_ref().is_some_and(|it| self.selector.matches(it))
        };
        let events =
            mine.filter_map(|change| match (matching(&change.old), matching(&change.new)) {
                (false, true) => Some(self.event("ADDED", change.new.as_ref()?)),
                (true, true) => Some(self.event("MODIFIED", change.new.as_ref()?)),
                // What no longer matches is gone for who watches.
                (true, false) => {
                    Some(self.event("DELETED", change.new.as_ref().or(change.old.as_ref())?))
                }
                (false, false) => None,
            });
        let events = events.collect();
        *seen = cluster.version().max(*seen);
        Some(events)
    }

    fn event(&self, kind: &str, object: &Value) -> Value {
        json!({ "type": kind, "object": in_version(&self.resource, &self.version, object) })
    }

    fn bookmark(&self, seen: u64) -> Value {
        json!({ "type": "BOOKMARK", "object": {
            "kind": self.resource.kind, "apiVersion": self.resource.api_version(&self.version),
            "metadata": { "resourceVersion": seen.to_string(), "creationTimestamp": null },
        }})
    }
}

fn line(event: &Value) -> Vec<u8> {
    let mut line = event.to_string().into_bytes();
    line.push(b'\n');
    line
}
