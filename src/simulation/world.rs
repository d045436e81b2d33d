//! What is there: objects of every registered kind, by nothing but their tables, and what the four verbs do to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::dice::Dice;
use super::{Climate, Dependents};
use crate::address::{Address, Owner, PhysicalId};
use crate::cloud::tags;
use crate::fault::{Class, Fault};
use crate::kind::{
    AnyKind, Compare, DeletionPolicy, Field, Lookup, Need, Observed, OnChange, Outputs, Readiness,
    ReplaceOrder, Sent, Tagging, Token, Update, field, reference,
};
use crate::kinds::k8s_object;
use crate::plan::diff;

/// What an object is called: kind, region, id.
pub type Key = (&'static str, String, PhysicalId);

/// Time since the simulation began, in the cloud's own time.
pub type Moment = Duration;

/// All that is there, and what the cloud remembers besides. Cheap to clone: what did not change is shared.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub objects: Arc<BTreeMap<Key, Arc<Object>>>,
    /// Every output that was ever given, and whose it was.
    given: Arc<BTreeMap<String, Key>>,
    /// What was made under which token, and when.
    tokens: Arc<BTreeMap<String, (Key, Moment)>>,
    /// Names that cannot be taken again yet.
    blocked: Arc<BTreeMap<Key, Moment>>,
    /// How many objects were ever made for the same owner, or of the same spec: ids are never given twice, and do not
    /// depend on what else was made before.
    made: Arc<BTreeMap<String, u64>>,
    /// Grows whenever anything changes: two worlds of one history are the same if they have the same number.
    pub version: u64,
    /// When somebody last acted or looked.
    pub now: Moment,
}

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    pub spec: Value,
    /// Why it will never work, if so.
    pub broken: Option<String>,
    /// Outputs that it had before it was simulated; otherwise they are made up.
    pub given: Option<Outputs>,
    /// Grows with every update: part of the outputs that updates move.
    revision: u64,
    /// Reads do not see it before this.
    visible: Moment,
    /// From when on it worked for the first time: what refers to it can be made then.
    worked: Moment,
    /// From when on it works with all that was asked for.
    ready: Moment,
    /// What reads still tell of it, and until when.
    former: Option<(Arc<Object>, Moment)>,
    /// From when on it is gone, once it was deleted.
    gone: Option<Moment>,
}

impl World {
    /// What an object is called here: in no region, if it is the same in all of them.
    pub fn key(kind: &'static dyn AnyKind, region: &str, id: &PhysicalId) -> Key {
        (kind.name(), kind.scope().of_object(region).to_owned(), id.clone())
    }

    /// The object of that kind that carries the owner tag `address`, to be changed from outside.
    pub fn tagged(&mut self, kind: &str, address: &str) -> Option<&mut Object> {
        let address: Address = address.parse().ok()?;
        let owned = |object: &Object| owner(&object.spec).is_some_and(|it| it.address == address);
        let mut objects = Arc::make_mut(&mut self.objects).iter_mut();
        let found = objects.find(|(key, object)| key.0 == kind && owned(object))?.1;
        Some(Arc::make_mut(found))
    }

    /// Takes an object away from outside, and with it what is nothing without it: rules, routes, attachments.
    pub fn vanish(&mut self, key: &Key) {
        if Arc::make_mut(&mut self.objects).remove(key).is_none() {
            return;
        }
        self.version += 1;
        let parts = |(user, object): (&Key, &Arc<Object>)| {
            let kind = crate::kinds::find(user.0)?;
            let holds = |(path, value): (String, &str)| {
                self.given.get(value) == Some(key) && replaces(kind, &path)
            };
            let is_part = matches!(kind.tagging(), Tagging::None | Tagging::Labels)
                && texts(&object.spec).into_iter().any(holds);
            is_part.then(|| user.clone())
        };
        let parts: Vec<Key> = self.objects.iter().filter_map(parts).collect();
        for part in parts {
            self.vanish(&part);
        }
    }

    /// Puts an object there that has been there all along.
    pub fn stand(&mut self, key: Key, object: Object) {
        self.version += 1;
        self.give(&key, &object);
        Arc::make_mut(&mut self.objects).insert(key, Arc::new(object));
    }

    /// What is there and not on its way out.
    pub fn standing(&self) -> impl Iterator<Item = (&Key, &Object)> {
        let there = self.objects.iter().filter(|(_, object)| object.gone.is_none());
        there.map(|(key, object)| (key, &**object))
    }

    pub(super) fn pass(&mut self, now: Moment) {
        self.now = now;
        if self.objects.values().any(|object| object.is_gone(now)) {
            Arc::make_mut(&mut self.objects).retain(|_, object| !object.is_gone(now));
            self.version += 1;
        }
    }

    pub(super) fn read(
        &self,
        kind: &'static dyn AnyKind,
        region: &str,
        lookup: &Lookup,
        star: &BTreeSet<String>,
    ) -> Option<Observed> {
        let place = kind.scope().of_object(region);
        let seen = |key: &Key, object: &Object| {
            key.1 == place
                && object.visible <= self.now
                && match lookup {
                    Lookup::Id(id) => key.2 == *id,
                    Lookup::Owner { owner: whose, except, tokens } => {
                        let ours = owner(&object.spec).as_ref() == Some(whose);
                        let made = |token: &Token| {
                            self.tokens.get(&token.0).is_some_and(|(made, _)| made == key)
                        };
                        (ours || tokens.iter().any(made)) && !except.contains(&key.2)
                    }
                }
        };
        let of_kind = self.objects.range((kind.name(), String::new(), PhysicalId::new(""))..);
        let mut of_kind = of_kind.take_while(|(key, _)| key.0 == kind.name());
        let (key, object) = of_kind.find(|(key, object)| seen(key, object))?;
        let told = match &object.former {
            Some((former, until)) if self.now < *until => former,
            _ => object,
        };
        Some(Observed {
            id: key.2.clone(),
            owner: owner(&told.spec).or_else(|| match lookup {
                Lookup::Owner { owner, .. } => Some(owner.clone()),
                Lookup::Id(_) => None,
            }),
            spec: readable(kind, &told.spec),
            outputs: told.outputs(kind, key, self.now >= told.ready, star),
            readiness: told.readiness(self.now),
        })
    }

    pub(super) fn create(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        spec: &Value,
        token: &Token,
        climate: &Climate,
    ) -> Result<PhysicalId, Fault> {
        if let (Some((key, made)), Some(kept)) = (self.tokens.get(&token.0), climate.tokens)
            && self.now < *made + kept
            && self.objects.contains_key(key)
        {
            return Ok(key.2.clone());
        }
        for field in kind.fields().iter().filter(|field| field.sent == Sent::Late) {
            if diff::at(spec, field.path).is_some() {
                return Err(invalid(format!("a creation has no place for {}", field.path)));
            }
        }
        self.check(kind, spec)?;
        let whose = owner(spec).map_or_else(|| spec.to_string(), |owner| owner.address.to_string());
        let whose = format!("{} {region} {whose}", kind.name());
        let number = self.made.get(&whose).copied().unwrap_or_default() + 1;
        let id = kind.natural_id(spec).unwrap_or_else(|| new_id(kind, &whose, number));
        let key = Self::key(kind, region, &id);
        if self.objects.contains_key(&key) {
            return Err(Fault::new(Class::Exists, format!("{id} is there already")));
        }
        if self.blocked.get(&key).is_some_and(|until| self.now < *until) {
            return Err(Fault::new(Class::Busy, format!("{id} was deleted a moment ago")));
        }
        Arc::make_mut(&mut self.made).insert(whose, number);
        Arc::make_mut(&mut self.tokens).insert(token.0.clone(), (key.clone(), self.now));
        let chance = Chance { dice: climate.dice(), key: &key, number };
        let ready = self.now + chance.about(kind.typical(spec).create, climate);
        let object = Object {
            visible: self.now + chance.lag(climate),
            worked: ready,
            ready,
            ..Object::standing(spec.clone())
        };
        self.stand(key, object);
        Ok(id)
    }

    /// Makes an object that will never work.
    pub(super) fn spoil(&mut self, key: &Key) {
        if let Some(object) = Arc::make_mut(&mut self.objects).get_mut(key) {
            Arc::make_mut(object).broken = Some("the service could not make it work".into());
        }
    }

    pub(super) fn update(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        id: &PhysicalId,
        update: Update<'_, Value>,
        climate: &Climate,
    ) -> Result<(), Fault> {
        self.check(kind, update.to)?;
        if update.changed.is_empty() {
            return Err(invalid("an update without a change"));
        }
        let key = Self::key(kind, region, id);
        let gone = || Fault::new(Class::NotFound, format!("there is no {id}"));
        let now = self.now;
        let found = Arc::make_mut(&mut self.objects).get_mut(&key);
        let found = found.filter(|object| object.visible <= now && object.gone.is_none());
        let object = Arc::make_mut(found.ok_or_else(gone)?);
        let before = Arc::new(Object { former: None, ..object.clone() });
        let (mut spec, mut late) = (object.spec.clone(), true);
        for path in update.changed {
            let row = kind.fields().iter().find(|field| field.path == *path);
            let row = row.ok_or_else(|| invalid(format!("no row {path}")))?;
            if row.on_change == OnChange::Replace {
                return Err(invalid(format!("{path} cannot be changed")));
            }
            late &= row.sent == Sent::Late || row.compare == Compare::OwnedKeys;
            let (from, to) = (diff::at(update.from, path), diff::at(update.to, path));
            if row.path == Field::REST {
                // A manifest is applied as a whole.
                spec = update.to.clone();
            } else if row.compare == Compare::OwnedKeys {
                let merged = merged_keys(diff::at(&spec, path), from, to);
                set(&mut spec, path, Some(merged));
            } else {
                set(&mut spec, path, to.cloned());
            }
        }
        if now < object.ready && !late && super::is_busy(kind) {
            return Err(Fault::new(Class::Busy, format!("{id} is not ready for that yet")));
        }
        object.revision += 1;
        let chance = Chance { dice: climate.dice(), key: &key, number: object.revision };
        if now >= object.ready && !late {
            object.ready = now + chance.about(kind.typical(&spec).update, climate);
        }
        object.former = Some((before, now + chance.lag(climate)));
        object.spec = spec;
        let object = object.clone();
        self.version += 1;
        self.give(&key, &object);
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        kind: &'static dyn AnyKind,
        region: &str,
        id: &PhysicalId,
        _policy: DeletionPolicy,
        climate: &Climate,
    ) -> Result<(), Fault> {
        let key = Self::key(kind, region, id);
        let Some(object) = self.objects.get(&key).filter(|object| object.gone.is_none()) else {
            return Ok(());
        };
        if self.now < object.ready && object.broken.is_none() && super::is_busy(kind) {
            return Err(Fault::new(Class::Busy, format!("{id} is not ready for that yet")));
        }
        for (user, object) in &*self.objects {
            let any = crate::kinds::find(user.0).expect("only known kinds were made");
            for (path, value) in texts(&object.spec) {
                let holds = replaces(any, &path)
                    || kind.replace_order() == ReplaceOrder::CreateFirst
                    || climate.dependents == Dependents::EveryUse;
                if *user != key && self.given.get(value) == Some(&key) && holds {
                    let class = climate.dependents.class();
                    return Err(Fault::new(class, format!("{id} is in use by {}", user.2)));
                }
            }
        }
        let chance = Chance { dice: climate.dice(), key: &key, number: object.revision };
        let (lag, takes) = (chance.lag(climate), kind.typical(&object.spec).delete);
        let (before, now) = (Object { former: None, ..(**object).clone() }, self.now);
        let leaving = Object {
            former: Some((Arc::new(before.clone()), now + lag)),
            gone: Some(now + lag + chance.about(takes, climate)),
            ..before
        };
        if let (false, Some(gone)) = (kind.name_rests().is_zero(), leaving.gone) {
            Arc::make_mut(&mut self.blocked).insert(key.clone(), gone + kind.name_rests());
        }
        self.version += 1;
        let objects = Arc::make_mut(&mut self.objects);
        if leaving.is_gone(now) {
            objects.remove(&key);
        } else {
            objects.insert(key, Arc::new(leaving));
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
            let found = self.objects.get(key).map(|object| match object.readiness(self.now) {
                Readiness::Pending(_) if object.worked <= self.now => Readiness::Ready,
                other => other,
            });
            match found {
                Some(Readiness::Ready) => {}
                Some(Readiness::Pending(_)) if !ready => {}
                found => return Err(invalid(format!("{path} names {}: {found:?}", key.2))),
            }
        }
        Ok(())
    }

    fn give(&mut self, key: &Key, object: &Object) {
        let Some(kind) = crate::kinds::find(key.0) else { return };
        let given = object.outputs(kind, key, true, &BTreeSet::new()).into_values();
        // Ports are everybody's.
        let given = given.filter(|value| value.parse::<u16>().is_err());
        Arc::make_mut(&mut self.given).extend(given.map(|value| (value, key.clone())));
    }
}

impl Object {
    /// One that has been there all along, and works.
    pub fn standing(spec: Value) -> Self {
        Self {
            spec,
            broken: None,
            given: None,
            revision: 0,
            visible: Moment::ZERO,
            worked: Moment::ZERO,
            ready: Moment::ZERO,
            former: None,
            gone: None,
        }
    }

    /// From when on it works, in the simulation's time.
    pub fn ready(&self) -> Moment {
        self.ready
    }

    fn is_gone(&self, now: Moment) -> bool {
        self.gone.is_some_and(|gone| gone <= now)
    }

    fn readiness(&self, now: Moment) -> Readiness {
        match (&self.broken, self.gone) {
            (_, Some(_)) => Readiness::Deleting,
            (Some(why), None) => Readiness::Failed(why.clone()),
            (None, None) if now < self.ready => Readiness::Pending("PENDING".into()),
            (None, None) => Readiness::Ready,
        }
    }

    /// Every output of the kind's table; `star` are the names that a table's `*` stands for.
    fn outputs(
        &self,
        kind: &dyn AnyKind,
        key: &Key,
        ready: bool,
        star: &BTreeSet<String>,
    ) -> Outputs {
        if let Some(given) = &self.given {
            return given.clone();
        }
        let known = kind.outputs().iter().filter(|output| ready || output.known == Need::Id);
        let named = known.flat_map(|output| match output.name.strip_suffix('*') {
            None => vec![(output.name.to_owned(), output)],
            Some(_) => star
                .iter()
                .filter(|name| output.gives(name))
                .map(|name| (name.clone(), output))
                .collect(),
        });
        named
            .map(|(name, output)| {
                let revision = if output.moved_by.is_empty() { 0 } else { self.revision };
                let value = made_up(kind, key, &name, revision);
                (name, value)
            })
            .collect()
    }
}

/// An output's value: of the form that its name promises, and nobody else's.
pub fn made_up(kind: &dyn AnyKind, (_, region, id): &Key, name: &str, revision: u64) -> String {
    let moved = if revision == 0 { String::new() } else { format!("-{revision}") };
    let last = name.rsplit('.').next().unwrap_or(name);
    if last == "Port" {
        return "5432".into();
    }
    if last.ends_with("Arn") || last.ends_with("ARN") {
        let (service, noun) = super::service_and_noun(kind.name());
        return format!("arn:aws:{service}:{region}:{ACCOUNT}:{noun}/{id}/{name}{moved}");
    }
    // Some services keep names in lower case.
    format!("{id}:{}{moved}", name.to_lowercase())
}

/// An id as services give them: `vpc-1f3870be274f6c49b`.
fn new_id(kind: &dyn AnyKind, whose: &str, number: u64) -> PhysicalId {
    let noun = kind.name().rsplit("::").next().unwrap_or_default().to_lowercase();
    let digest = Sha256::digest(format!("{whose} {number}"));
    PhysicalId::new(format!("{noun}-{}", &hex::encode(&digest[..9])[..17]))
}

/// The account in which simulated things stand: AWS's documentation uses it.
pub const ACCOUNT: &str = "123456789012";

/// What chance decides about one call that changes an object.
struct Chance<'a> {
    dice: Dice,
    key: &'a Key,
    number: u64,
}

impl Chance<'_> {
    /// For how long reads miss it.
    fn lag(&self, climate: &Climate) -> Duration {
        climate.lag.mul_f64(self.throw("lag"))
    }

    /// A duration around the typical one.
    fn about(&self, typical: Duration, climate: &Climate) -> Duration {
        let off = (self.throw("duration") * 2.0 - 1.0) * climate.spread;
        typical.mul_f64((1.0 + off).max(0.0))
    }

    fn throw(&self, what: &str) -> f64 {
        let (kind, region, id) = self.key;
        self.dice.throw(&format!("{what} {kind} {region} {id}"), self.number)
    }
}

/// Whose an object with this spec is.
pub fn owner(spec: &Value) -> Option<Owner> {
    if let Some(owner) = k8s_object::owner(spec) {
        return Some(owner);
    }
    let text = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
    tags::owner(&diff::pairs(spec.get("Tags")?).into_iter().filter_map(text).collect())
}

/// What a service gives back of `spec`.
pub fn readable(kind: &dyn AnyKind, spec: &Value) -> Value {
    let mut spec = spec.clone();
    for field in kind.fields().iter().filter(|field| field.compare == Compare::WriteOnly) {
        set(&mut spec, field.path, None);
    }
    spec
}

/// All texts in `spec` but its tags, each with its path.
pub fn texts(spec: &Value) -> Vec<(String, &str)> {
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

/// Whether only a replacement changes what stands at `path`.
fn replaces(kind: &dyn AnyKind, path: &str) -> bool {
    field::ruling(kind.fields(), path).is_none_or(|row| row.on_change == OnChange::Replace)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Class::Invalid, message)
}

fn set(spec: &mut Value, path: &str, to: Option<Value>) {
    let Some(value) = to else { return diff::remove(spec, path) };
    let (outer, name) = path.rsplit_once('.').map_or((None, path), |(o, name)| (Some(o), name));
    let mut target = spec;
    for name in outer.into_iter().flat_map(|outer| outer.split('.')) {
        let Some(members) = target.as_object_mut() else { return };
        target = members.entry(name).or_insert_with(|| Map::new().into());
    }
    if let Some(members) = target.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// The keys of `live` after a change from `from` to `to`: those that neither names stay.
fn merged_keys(live: Option<&Value>, from: Option<&Value>, to: Option<&Value>) -> Value {
    let pairs = |value: Option<&Value>| value.map(diff::pairs).unwrap_or_default();
    let (mut merged, former) = (pairs(live), pairs(from));
    merged.retain(|key, _| !former.contains_key(key));
    merged.extend(pairs(to));
    if to.or(live).or(from).is_some_and(Value::is_object) {
        return merged.into_iter().collect::<Map<_, _>>().into();
    }
    merged.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
