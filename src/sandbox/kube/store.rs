//! The data of one cluster: objects with their history, and what is due later.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::resources::{self, Resource};

/// How many changes a watch may be behind. A real server keeps those of five minutes.
const HISTORY: usize = 10_000;

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// `deployments.apps`
    pub(super) resource: String,
    /// Empty for what is the cluster's.
    pub(super) namespace: String,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) old: Option<Arc<Value>>,
    pub(super) new: Option<Arc<Value>>,
}

/// Something that a controller does later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// A controller has done what the object's spec of this generation asks for.
    Settled { key: Key, uid: String, generation: i64 },
    /// A definition begins to be served.
    Established { key: Key, uid: String },
    /// A namespace, a definition or an owner looks whether what it waits for is gone.
    Finished { key: Key, uid: String },
}

pub(super) struct Cluster {
    version: u64,
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    /// The newest change that has left the history.
    forgotten: u64,
    custom: Vec<Arc<Resource>>,
    due: BTreeMap<(Instant, u64), Due>,
    ordinal: u64,
    changed: watch::Sender<u64>,
    pub(super) speed: f64,
    /// Whether its controllers reach AWS.
    pub(super) is_in_aws: bool,
    /// Addresses of Services are counted up.
    pub(super) addresses: u32,
    pub(super) node_ports: u32,
}

impl Key {
    pub(super) fn new(resource: &Resource, namespace: &str, name: &str) -> Self {
        Self { resource: resource.id(), namespace: namespace.into(), name: name.into() }
    }
}

impl Cluster {
    pub(super) fn new(speed: f64) -> Self {
        Self {
            version: 1,
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            forgotten: 0,
            custom: Vec::new(),
            due: BTreeMap::new(),
            ordinal: 0,
            changed: watch::channel(1).0,
            speed,
            is_in_aws: false,
            addresses: 0,
            node_ports: 0,
        }
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Tells the newest version whenever there is one.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// All of a resource, in the order of namespace and name.
    pub(super) fn list<'c>(
        &'c self,
        resource: &'c str,
        namespace: Option<&'c str>,
    ) -> impl Iterator<Item = (&'c Key, &'c Arc<Value>)> {
        let first = Key {
            resource: resource.into(),
            namespace: namespace.unwrap_or_default().into(),
            name: String::new(),
        };
        let rest = self.objects.range(first..);
        rest.take_while(move |(key, _)| {
            key.resource == resource && namespace.is_none_or(|it| key.namespace == it)
        })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    pub(super) fn put(&mut self, key: &Key, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object["metadata"]["resourceVersion"] = self.version.to_string().into();
        let object = Arc::new(object);
        let old = self.objects.insert(key.clone(), Arc::clone(&object));
        self.note(key, old, Some(Arc::clone(&object)));
        object
    }

    pub(super) fn remove(&mut self, key: &Key) -> Option<Arc<Value>> {
        let old = self.objects.remove(key)?;
        self.version += 1;
        let mut last = Value::clone(&old);
        last["metadata"]["resourceVersion"] = self.version.to_string().into();
        self.note(key, Some(Arc::new(last)), None);
        Some(old)
    }

    fn note(&mut self, key: &Key, old: Option<Arc<Value>>, new: Option<Arc<Value>>) {
        self.history.push_back(Change { version: self.version, key: key.clone(), old, new });
        if self.history.len() > HISTORY {
            self.forgotten = self.history.pop_front().map_or(0, |change| change.version);
        }
        self.changed.send_replace(self.version);
    }

    /// What has happened since a version; nothing if that is too long ago to know.
    pub(super) fn since(&self, version: u64) -> Option<impl Iterator<Item = &Change>> {
        let from = self.history.partition_point(|change| change.version <= version);
        (version >= self.forgotten).then(|| self.history.range(from..))
    }

    /// How long what takes `seconds` in a cluster takes here.
    pub(super) fn after(&mut self, seconds: f64, due: Due) {
        let delay = Duration::from_secs_f64((seconds / self.speed).max(0.0));
        self.ordinal += 1;
        self.due.insert((Instant::now() + delay, self.ordinal), due);
    }

    pub(super) fn next_due(&mut self) -> Option<Due> {
        let first = self.due.first_entry()?;
        (first.key().0 <= Instant::now()).then(|| first.remove())
    }

    /// The resources that are served: built-in and custom.
    pub(super) fn resources(&self) -> Vec<Arc<Resource>> {
        resources::builtins().iter().chain(&self.custom).cloned().collect()
    }

    pub(super) fn resource(&self, group: &str, plural: &str) -> Option<Arc<Resource>> {
        let custom = || self.custom.iter().find(|it| it.is(group, plural));
        resources::builtin(group, plural).or_else(custom).cloned()
    }

    /// The resource of a key.
    pub(super) fn resource_of(&self, key: &Key) -> Option<Arc<Resource>> {
        let (plural, group) = key.resource.split_once('.').unwrap_or((&key.resource, ""));
        self.resource(group, plural)
    }

    pub(super) fn define(&mut self, resource: Resource) {
        self.undefine(&resource.id());
        self.custom.push(Arc::new(resource));
        self.custom.sort_by_key(|it| it.id());
    }

    pub(super) fn undefine(&mut self, id: &str) {
        self.custom.retain(|it| it.id() != id);
    }
}

/// Now, as objects tell the time.
pub(super) fn now() -> String {
    let now =
        time::OffsetDateTime::now_utc().replace_nanosecond(0).expect("zero is a valid nanosecond");
    now.format(&time::format_description::well_known::Rfc3339)
        .expect("a time of today can be written")
}

/// A random UUID.
pub(super) fn uid() -> String {
    let mut bytes: [u8; 16] = rand::random();
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let hex = hex::encode(bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The value at a path of names.
pub(super) fn at<'v>(value: &'v Value, path: &[impl AsRef<str>]) -> &'v Value {
    path.iter().fold(value, |value, name| &value[name.as_ref()])
}

/// Puts a value at a path of names, and makes the objects on the way.
pub(super) fn set_at(value: &mut Value, path: &[impl AsRef<str>], new: Value) {
    let mut place = value;
    for name in path {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name.as_ref()];
    }
    *place = new;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_is_told_from_a_version_on() {
        let mut cluster = Cluster::new(1.0);
        let key = Key { resource: "pods".into(), namespace: "a".into(), name: "b".into() };
        cluster.put(&key, json!({"metadata": {}}));
        let seen = cluster.version();
        cluster.put(&key, json!({"metadata": {}, "spec": {}}));
        cluster.remove(&key);
        let changes: Vec<_> =
            cluster.since(seen).unwrap().map(|it| (it.old.is_some(), it.new.is_some())).collect();
        assert_eq!(changes, [(true, true), (true, false)]);
        for _ in 0..=HISTORY {
            cluster.put(&key, json!({"metadata": {}}));
        }
        assert!(cluster.since(seen).is_none());
        assert!(cluster.since(cluster.version()).is_some());
    }

    #[test]
    fn uids_are_of_version_four() {
        let uid = uid();
        assert_eq!((uid.len(), &uid[14..15]), (36, "4"));
    }
}
