//! A cloud in memory. It knows the registered kinds by their tables alone, refuses what AWS would refuse, and fails
//! where a test's script says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use platctl::address::{Address, Owner, PhysicalId};
use platctl::cloud::{Reading, tags};
use platctl::fault::{Class, Fault};
use platctl::kind::{
    Answer, AnyKind, Cloud, Compare, DeletionPolicy, Lookup, Need, Observed, OnChange, Outputs,
    Readiness, ReplaceOrder, Sent, Token, Update, Wanted, field, reference,
};
use platctl::kinds;
use serde_json::{Map, Value, json};

/// What an object is called: kind, region, id.
pub(crate) type Key = (&'static str, String, PhysicalId);

/// How the cloud behaves when nothing is scripted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nature {
    /// Whether a repeated creation with the same token answers with the same object, as only some services do.
    pub(crate) honours_tokens: bool,
    /// Reads for which an object is pending after it was made or updated.
    pub(crate) pending_reads: u32,
    /// Reads for which an object is still seen, on its way out, after its deletion.
    pub(crate) deleting_reads: u32,
}

impl Default for Nature {
    fn default() -> Self {
        Self { honours_tokens: false, pending_reads: 1, deleting_reads: 1 }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) objects: BTreeMap<Key, Object>,
    /// Every output that was ever given, and whose it was.
    given: BTreeMap<String, Key>,
    tokens: BTreeMap<String, Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) spec: Value,
    pub(crate) readiness: Readiness,
    /// Reads until a pending object is ready, or a deleted one gone.
    reads_left: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Create,
    Update,
    Delete,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// The cloud refuses and does nothing.
    Refuse(Class),
    /// The cloud acts; its answer never comes.
    LoseAnswer,
    /// The cloud acts; its answer takes this long.
    Slow(Duration),
}

/// A call as the cloud saw it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) kind: &'static str,
    /// What it was about; of a creation, what it made.
    pub(crate) ids: Vec<PhysicalId>,
    /// Of a deletion.
    pub(crate) policy: Option<DeletionPolicy>,
    /// The journal's length when the call arrived, and the world before and after it.
    pub(crate) journal_len: u64,
    pub(crate) before: World,
    pub(crate) after: World,
}

pub(crate) struct FakeCloud {
    nature: Nature,
    /// Watched, to know what was durable when a call arrived.
    journal: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    world: World,
    calls: Vec<Call>,
    /// Consumed one by one, each by the next call that it fits.
    script: Vec<(Verb, &'static str, Trouble)>,
}

impl FakeCloud {
    pub(crate) fn new(nature: Nature, journal: PathBuf, world: World) -> Self {
        Self { nature, journal, inner: Mutex::new(Inner { world, ..Inner::default() }) }
    }

    /// The next call of `verb` about `kind` runs into `trouble`.
    pub(crate) fn script(&self, verb: Verb, kind: &'static str, trouble: Trouble) {
        self.lock().script.push((verb, kind, trouble));
    }

    /// What is scripted and has not come to pass will not.
    pub(crate) fn unscript(&self) {
        self.lock().script.clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    pub(crate) fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    pub(crate) fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Changes the world behind platctl's back.
    pub(crate) fn meddle<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut self.lock().world)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    async fn call<T>(
        &self,
        verb: Verb,
        kind: &'static str,
        policy: Option<DeletionPolicy>,
        act: impl FnOnce(&mut World) -> Result<(T, Vec<PhysicalId>), Fault>,
    ) -> Result<T, Fault> {
        // Calls under way at the same time overlap.
        tokio::task::yield_now().await;
        let (answer, trouble) = {
            let mut inner = self.lock();
            let fits = |entry: &(Verb, &str, Trouble)| entry.0 == verb && entry.1 == kind;
            let scripted = inner.script.iter().position(fits);
            let trouble = scripted.map(|at| inner.script.remove(at).2);
            if let Some(Trouble::Refuse(class)) = trouble {
                return Err(Fault::new(class, "the script says no"));
            }
            let before = inner.world.clone();
            let (answer, ids) = match act(&mut inner.world) {
                Ok((answer, ids)) => (Ok(answer), ids),
                Err(fault) => (Err(fault), Vec::new()),
            };
            let journal_len = std::fs::metadata(&self.journal).map_or(0, |file| file.len());
            let after = inner.world.clone();
            inner.calls.push(Call { verb, kind, ids, policy, journal_len, before, after });
            (answer, trouble)
        };
        match trouble {
            Some(Trouble::LoseAnswer) => Err(Fault::new(Class::Unanswered, "the answer was lost")),
            Some(Trouble::Slow(delay)) => {
                tokio::time::sleep(delay).await;
                answer
            }
            Some(Trouble::Refuse(_)) | None => answer,
        }
    }
}

impl Cloud for FakeCloud {
    fn read<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        wanted: &'a [Wanted<'a>],
        _: &'a Reading,
    ) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(self.call(Verb::Read, kind.name(), None, move |world| {
            let lookups = || wanted.iter().map(|wanted| &wanted.lookup);
            let ids = lookups().filter_map(|lookup| match lookup {
                Lookup::Id(id) => Some(id.clone()),
                Lookup::Owner { .. } => None,
            });
            let ids = ids.collect();
            Ok((lookups().map(|lookup| world.read(kind, region, lookup)).collect(), ids))
        }))
    }

    fn create<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        spec: &'a Value,
        token: &'a Token,
    ) -> Answer<'a, PhysicalId> {
        Box::pin(self.call(Verb::Create, kind.name(), None, move |world| {
            let id = world.create(kind, region, spec, token, self.nature)?;
            Ok((id.clone(), vec![id]))
        }))
    }

    fn update<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(self.call(Verb::Update, kind.name(), None, move |world| {
            world.update(kind, region, id, update, self.nature)?;
            Ok(((), vec![id.clone()]))
        }))
    }

    fn delete<'a>(
        &'a self,
        kind: &'static dyn AnyKind,
        region: &'a str,
        id: &'a PhysicalId,
        _recorded: &'a Value,
        policy: DeletionPolicy,
    ) -> Answer<'a, ()> {
        Box::pin(self.call(Verb::Delete, kind.name(), Some(policy), move |world| {
            world.delete(kind, region, id, self.nature)?;
            Ok(((), vec![id.clone()]))
        }))
    }
}

impl World {
    /// The object of that kind that carries the owner tag `address`.
    pub(crate) fn tagged(&mut self, kind: &str, address: &str) -> &mut Object {
        let address: Address = address.parse().unwrap();
        let owned = |object: &Object| owner(&object.spec).is_some_and(|it| it.address == address);
        let mut objects = self.objects.iter_mut();
        let found = objects.find(|(key, object)| key.0 == kind && owned(object));
        found.unwrap_or_else(|| panic!("nothing is tagged {address}")).1
    }

    pub(crate) fn remove(&mut self, kind: &str) -> Key {
        let key = self.objects.keys().find(|key| key.0 == kind).unwrap().clone();
        self.objects.remove(&key);
        key
    }

    fn read(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        lookup: &Lookup,
    ) -> Option<Observed> {
        let wanted = |key: &&Key, object: &Object| {
            key.0 == kind.name()
                && key.1 == region
                && match lookup {
                    Lookup::Id(id) => key.2 == *id,
                    Lookup::Owner { owner: whose, except } => {
                        owner(&object.spec).as_ref() == Some(whose) && !except.contains(&key.2)
                    }
                }
        };
        let key = self.objects.iter().find(|(key, object)| wanted(key, object))?.0.clone();
        let object = self.objects.get_mut(&key)?;
        let seen = Observed {
            id: key.2.clone(),
            owner: owner(&object.spec),
            spec: readable(kind, &object.spec),
            outputs: outputs(kind, &key.2, object.readiness == Readiness::Ready),
            readiness: object.readiness.clone(),
        };
        match (&object.readiness, object.reads_left) {
            (Readiness::Pending(_), 0 | 1) => object.readiness = Readiness::Ready,
            (Readiness::Deleting, 0 | 1) => drop(self.objects.remove(&key)),
            (Readiness::Pending(_) | Readiness::Deleting, _) => object.reads_left -= 1,
            (Readiness::Ready | Readiness::Unconfirmed | Readiness::Failed(_), _) => {}
        }
        Some(seen)
    }

    fn create(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        spec: &Value,
        token: &Token,
        nature: Nature,
    ) -> Result<PhysicalId, Fault> {
        if let Some(key) = self.tokens.get(&token.0).filter(|_| nature.honours_tokens)
            && self.objects.contains_key(key)
        {
            return Ok(key.2.clone());
        }
        for field in kind.fields().iter().filter(|field| field.sent == Sent::Late) {
            if at(spec, field.path).is_some() {
                return Err(invalid(format!("a creation has no place for {}", field.path)));
            }
        }
        self.check(kind, spec)?;
        let noun = kind.name().rsplit("::").next().unwrap_or_default().to_lowercase();
        let number = self.given.values().map(|key| &key.2).collect::<BTreeSet<_>>().len() + 1;
        let id = kind.natural_id(spec);
        let id = id.unwrap_or_else(|| PhysicalId::new(format!("{noun}-{number:04}")));
        let key = (kind.name(), region.to_owned(), id.clone());
        if self.objects.contains_key(&key) {
            return Err(Fault::new(Class::Exists, format!("{id} is there already")));
        }
        self.tokens.insert(token.0.clone(), key.clone());
        let given = outputs(kind, &id, true).into_values();
        self.given.extend(given.map(|value| (value, key.clone())));
        self.objects.insert(key, Object::new(spec.clone(), nature));
        Ok(id)
    }

    fn update(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        id: &PhysicalId,
        update: Update<'_, Value>,
        nature: Nature,
    ) -> Result<(), Fault> {
        self.check(kind, update.to)?;
        if update.changed.is_empty() {
            return Err(invalid("an update without a change"));
        }
        let key = (kind.name(), region.to_owned(), id.clone());
        let gone = || Fault::new(Class::NotFound, format!("there is no {id}"));
        let mut spec = self.objects.get(&key).ok_or_else(gone)?.spec.clone();
        for path in update.changed {
            let row = kind.fields().iter().find(|field| field.path == *path);
            let row = row.ok_or_else(|| invalid(format!("no row {path}")))?;
            if row.on_change == OnChange::Replace {
                return Err(invalid(format!("{path} cannot be changed")));
            }
            let (from, to) = (at(update.from, path), at(update.to, path));
            if row.compare == Compare::OwnedKeys {
                let merged = merged_keys(at(&spec, path), from, to);
                set(&mut spec, path, Some(merged));
            } else {
                set(&mut spec, path, to.cloned());
            }
        }
        self.objects.insert(key, Object::new(spec, nature));
        Ok(())
    }

    fn delete(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        id: &PhysicalId,
        nature: Nature,
    ) -> Result<(), Fault> {
        let key = (kind.name(), region.to_owned(), id.clone());
        for (user, object) in &self.objects {
            for (path, value) in texts(&object.spec) {
                let any = kinds::find(user.0).unwrap();
                let holds = field::ruling(any.fields(), &path)
                    .is_none_or(|row| row.on_change == OnChange::Replace)
                    || kind.replace_order() == ReplaceOrder::CreateFirst;
                if *user != key && self.given.get(value) == Some(&key) && holds {
                    // AWS says *in use*, which passes with time; here the order alone must do.
                    return Err(invalid(format!("{id} is in use by {}", user.2)));
                }
            }
        }
        if nature.deleting_reads == 0 {
            self.objects.remove(&key);
        } else if let Some(object) = self.objects.get_mut(&key) {
            object.readiness = Readiness::Deleting;
            object.reads_left = nature.deleting_reads;
        }
        Ok(())
    }

    /// What a call refers to must be there, and work where the field table says that it needs that.
    fn check(&self, kind: &'static dyn AnyKind, spec: &Value) -> Result<(), Fault> {
        if let Some((path, open)) = reference::all(spec).first() {
            return Err(invalid(format!("{path} is still the reference {open}")));
        }
        for (path, value) in texts(spec) {
            let Some(key) = self.given.get(value) else { continue };
            let row = field::ruling(kind.fields(), &path);
            let ready = row.is_some_and(|row| row.needs == Need::Ready);
            match self.objects.get(key).map(|object| &object.readiness) {
                Some(Readiness::Ready) => {}
                Some(Readiness::Pending(_)) if !ready => {}
                found => return Err(invalid(format!("{path} names {}: {found:?}", key.2))),
            }
        }
        Ok(())
    }
}

impl Object {
    fn new(spec: Value, nature: Nature) -> Self {
        let reads_left = nature.pending_reads;
        let readiness =
            if reads_left == 0 { Readiness::Ready } else { Readiness::Pending("CREATING".into()) };
        Self { spec, readiness, reads_left }
    }

    /// One that has been there all along.
    pub(crate) fn standing(spec: Value) -> Self {
        Self { spec, readiness: Readiness::Ready, reads_left: 0 }
    }
}

/// Every output of the kind's table, its value made of the id.
pub(crate) fn outputs(kind: &dyn AnyKind, id: &PhysicalId, ready: bool) -> Outputs {
    let known = kind.outputs().iter().filter(|output| ready || output.known == Need::Id);
    known.map(|output| (output.name.to_owned(), format!("{id}:{}", output.name))).collect()
}

/// Whose an object with this spec is.
pub(crate) fn owner(spec: &Value) -> Option<Owner> {
    let text = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
    tags::owner(&pairs(spec.get("Tags")).into_iter().filter_map(text).collect())
}

/// What a service gives back of `spec`.
pub(crate) fn readable(kind: &dyn AnyKind, spec: &Value) -> Value {
    let mut spec = spec.clone();
    for field in kind.fields().iter().filter(|field| field.compare == Compare::WriteOnly) {
        set(&mut spec, field.path, None);
    }
    spec
}

/// All texts in `spec` but its tags, each with its path.
pub(crate) fn texts(spec: &Value) -> Vec<(String, &str)> {
    fn walk<'a>(path: &str, value: &'a Value, found: &mut Vec<(String, &'a str)>) {
        match value {
            Value::String(text) => found.push((path.to_owned(), text)),
            Value::Array(items) => items.iter().for_each(|item| walk(path, item, found)),
            Value::Object(members) => {
                for (name, member) in members.iter().filter(|(name, _)| *name != "Tags") {
                    let dot = if path.is_empty() { "" } else { "." };
                    walk(&format!("{path}{dot}{name}"), member, found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut found = Vec::new();
    walk("", spec, &mut found);
    found
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Class::Invalid, message)
}

fn at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(spec, |value, name| value.get(name))
}

fn set(spec: &mut Value, path: &str, to: Option<Value>) {
    let (outer, name) = path.rsplit_once('.').map_or((None, path), |(o, name)| (Some(o), name));
    let inner = outer.into_iter().flat_map(|outer| outer.split('.'));
    let target = inner.fold(spec, |value, name| {
        value.as_object_mut().unwrap().entry(name).or_insert_with(|| Map::new().into())
    });
    let members = target.as_object_mut().unwrap();
    match to {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

fn pairs(value: Option<&Value>) -> BTreeMap<String, Value> {
    match value {
        Some(Value::Array(items)) => {
            let pair = |tag: &Value| (tag["Key"].as_str().unwrap().into(), tag["Value"].clone());
            items.iter().map(pair).collect()
        }
        Some(Value::Object(members)) => members.clone().into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

/// The keys of `live` after a change from `from` to `to`: those that neither names stay.
fn merged_keys(live: Option<&Value>, from: Option<&Value>, to: Option<&Value>) -> Value {
    let mut merged = pairs(live);
    let former = pairs(from);
    merged.retain(|key, _| !former.contains_key(key));
    merged.extend(pairs(to));
    if to.or(live).or(from).is_some_and(Value::is_object) {
        return merged.into_iter().collect::<Map<_, _>>().into();
    }
    merged.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
