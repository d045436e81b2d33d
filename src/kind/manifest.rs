//! Kubernetes manifests as data: what of a live object counts, and in what two of them differ.
//!
//! A live object holds more than anybody asked for: defaults of the API server, what autoscalers and webhooks put in,
//! bookkeeping of controllers. What counts of it is what a manifest names, and what somebody else's field manager put
//! beside that.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::kind::reference;

/// By what the items of a list are told apart, as the `x-kubernetes-list-map-keys` of the Kubernetes API; of several that
/// fit, the first. The second key of a pair may be missing.
const ITEM_KEYS: &[(&str, Option<&str>)] = &[
    ("name", None),
    ("containerPort", Some("protocol")),
    ("port", Some("protocol")),
    ("mountPath", None),
    ("devicePath", None),
    ("topologyKey", Some("whenUnsatisfiable")),
    ("ip", None),
    ("uid", None),
    ("type", None),
    ("key", Some("effect")),
    ("secretKey", None),
    ("host", None),
];
/// What a missing second key means.
const PROTOCOL: &str = "TCP";
/// Members whose members are amounts (`100m`, `1Gi`), and members that are amounts themselves.
const AMOUNTS: &[&str] = &[
    "limits",
    "requests",
    "hard",
    "capacity",
    "default",
    "defaultRequest",
    "max",
    "min",
    "overhead",
    "maxLimitRequestRatio",
];
const AMOUNT: &[&str] = &["sizeLimit", "averageValue", "divisor", "storage", "cpu", "memory"];
/// A set in which every controller has its own items.
const FINALIZERS: &str = "metadata.finalizers";

/// In what a live object differs: a path, and what is desired and observed there.
#[derive(Debug, PartialEq)]
pub struct Difference<'a> {
    pub path: String,
    pub desired: Option<&'a Value>,
    pub observed: Option<&'a Value>,
    /// What was applied last.
    pub recorded: Option<&'a Value>,
}

/// What one of `manifests` names of a live object.
pub fn named(live: &Value, manifests: &[&Value]) -> Value {
    match live {
        Value::Object(members) => {
            if manifests.iter().any(|it| reference::is_open(it)) {
                return live.clone();
            }
            let named_member = |(name, live): (&String, &Value)| {
                let inner: Vec<&Value> = manifests.iter().filter_map(|it| it.get(name)).collect();
                (!inner.is_empty()).then(|| (name.clone(), named(live, &inner)))
            };
            members.iter().filter_map(named_member).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => {
            let lists: Vec<&[Value]> =
                manifests.iter().filter_map(|it| it.as_array()).map(Vec::as_slice).collect();
            let all = lists.iter().copied().chain([items.as_slice()]);
            if let Some(keys) = item_keys(all) {
                let of = |item: &Value| keys.of(item);
                let named_item = |live: &Value| {
                    let same = |item: &&Value| of(item) == of(live);
                    let inner: Vec<&Value> =
                        lists.iter().filter_map(|list| list.iter().find(same)).collect();
                    (!inner.is_empty()).then(|| named(live, &inner))
                };
                return items.iter().filter_map(named_item).collect();
            }
            let by_place = |(at, live): (usize, &Value)| {
                let fits = lists.iter().filter(|list| list.len() == items.len());
                let inner: Vec<&Value> = fits.filter_map(|list| list.get(at)).collect();
                if inner.is_empty() { live.clone() } else { named(live, &inner) }
            };
            items.iter().enumerate().map(by_place).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => live.clone(),
    }
}

/// Both in one: what stands in either of them, with the values of `left` where they meet.
pub fn merged(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (name, value) in right {
                let both = match left.remove(&name) {
                    Some(mine) => merged(mine, value),
                    None => value,
                };
                left.insert(name, both);
            }
            Value::Object(left)
        }
        (Value::Array(mut left), Value::Array(right)) => {
            let keys = item_keys([left.as_slice(), right.as_slice()]);
            for item in right {
                let same = |mine: &&mut Value| match &keys {
                    Some(keys) => keys.of(mine) == keys.of(&item),
                    None => **mine == item,
                };
                match left.iter_mut().find(same) {
                    Some(mine) => *mine = merged(std::mem::take(mine), item),
                    None => left.push(item),
                }
            }
            Value::Array(left)
        }
        (left, _) => left,
    }
}

/// Everything in which the observed value differs from the desired one below `path`, on both sides.
pub fn differences<'a>(
    path: &str,
    desired: Option<&'a Value>,
    observed: Option<&'a Value>,
    recorded: Option<&'a Value>,
) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    walk(path, [desired, observed, recorded], &mut found);
    found
}

fn walk<'a>(path: &str, sides: [Option<&'a Value>; 3], found: &mut Vec<Difference<'a>>) {
    let [desired, observed, recorded] = sides;
    let differs = match (desired, observed) {
        (Some(Value::Object(wanted)), Some(Value::Object(seen)))
            if !desired.is_some_and(reference::is_open) =>
        {
            let names: BTreeSet<&String> = wanted.keys().chain(seen.keys()).collect();
            for name in names {
                let member = |side: Option<&'a Value>| side.and_then(|it| it.get(name));
                walk(&format!("{path}.{name}"), sides.map(member), found);
            }
            false
        }
        (Some(Value::Array(wanted)), Some(Value::Array(seen))) => {
            if path == FINALIZERS {
                !wanted.iter().all(|it| seen.contains(it))
            } else if let Some(keys) = item_keys([wanted.as_slice(), seen.as_slice()]) {
                let names: BTreeSet<String> =
                    wanted.iter().chain(seen).map(|item| keys.of(item)).collect();
                for name in &names {
                    let item = |side: Option<&'a Value>| {
                        side.and_then(Value::as_array)?.iter().find(|it| keys.of(it) == *name)
                    };
                    walk(&format!("{path}[{name}]"), sides.map(item), found);
                }
                false
            } else if wanted.len() == seen.len() {
                for at in 0..wanted.len() {
                    let item = |side: Option<&'a Value>| side.and_then(|it| it.get(at));
                    walk(&format!("{path}[{at}]"), sides.map(item), found);
                }
                false
            } else {
                true
            }
        }
        (Some(wanted), Some(seen)) => !same(path, wanted, seen),
        (Some(wanted), None) => !is_empty(wanted),
        (None, Some(seen)) => !is_hollow(seen),
        (None, None) => false,
    };
    if differs {
        found.push(Difference { path: path.into(), desired, observed, recorded });
    }
}

/// Whether two values mean the same at that path.
pub fn same(path: &str, left: &Value, right: &Value) -> bool {
    left == right
        || (is_amount(path)
            && matches!((amount(left), amount(right)), (Some(left), Some(right)) if left == right))
}

/// What the API server drops, and what stands for what is not there.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
    }
}

/// Nothing but containers: what is left where all that was in them has gone.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(is_hollow),
        Value::Object(members) => members.values().all(is_hollow),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_amount(path: &str) -> bool {
    let mut names = path.rsplit('.').map(|name| name.split('[').next().unwrap_or(name));
    let own = names.next().unwrap_or_default();
    names_amount(names.next().unwrap_or_default(), own)
}

fn names_amount(parent: &str, own: &str) -> bool {
    // `value` is one in what an autoscaler aims at.
    AMOUNT.contains(&own) || AMOUNTS.contains(&parent) || (parent, own) == ("target", "value")
}

/// Writes amounts that are numbers as texts, as which the API has them: not every server takes a number in an apply.
pub fn write_amounts(manifest: &mut Value) {
    write_amount(manifest, "", "");
}

fn write_amount(value: &mut Value, parent: &str, own: &str) {
    match value {
        Value::Object(members) => {
            members.iter_mut().for_each(|(name, value)| write_amount(value, own, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| write_amount(item, parent, own)),
        Value::Number(number) if names_amount(parent, own) => *value = number.to_string().into(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A quantity of Kubernetes in billionths: `500m`, `1Gi`, `0.5`, `1e3`, 2.
fn amount(value: &Value) -> Option<i128> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let end = text.find(|c: char| !"0123456789.+-".contains(c)).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let billionths: i128 = match suffix {
        "n" => 1,
        "u" => 1_000,
        "m" => 1_000_000,
        "" => 1_000_000_000,
        "k" => 1_000_000_000_000,
        "M" => 1_000_000_000_000_000,
        "G" => 1_000_000_000_000_000_000,
        "T" => 1_000_000_000_000_000_000_000,
        "P" => 1_000_000_000_000_000_000_000_000,
        "E" => 1_000_000_000_000_000_000_000_000_000,
        "Ki" | "Mi" | "Gi" | "Ti" | "Pi" | "Ei" => {
            let power = "KMGTPE".find(&suffix[..1])? + 1;
            1_000_000_000 * 1024_i128.checked_pow(u32::try_from(power).ok()?)?
        }
        _ => {
            let exponent: u32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            1_000_000_000_i128.checked_mul(10_i128.checked_pow(exponent)?)?
        }
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut sum = whole.checked_mul(billionths)?;
    let mut unit = billionths;
    for digit in part.chars() {
        unit /= 10;
        sum = sum.checked_add(unit.checked_mul(i128::from(digit.to_digit(10)?))?)?;
    }
    Some(sum)
}

/// Whether an item of a list is the one that `other` means.
pub fn is_same_item(list: &[Value], item: &Value, other: &Value) -> bool {
    let both = [list, std::slice::from_ref(other)];
    match item_keys(both) {
        Some(keys) => keys.of(item) == keys.of(other),
        None => item == other,
    }
}

/// By what the items of some lists are told apart.
struct ItemKeys(&'static str, Option<&'static str>);

impl ItemKeys {
    fn of(&self, item: &Value) -> String {
        let text = |name: &str| match item.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(value) => value.to_string(),
            None => PROTOCOL.to_owned(),
        };
        match self.1 {
            Some(second) if item.get(second).is_some_and(|it| it != PROTOCOL) => {
                format!("{}/{}", text(self.0), text(second))
            }
            _ => text(self.0),
        }
    }
}

fn item_keys<'a>(lists: impl IntoIterator<Item = &'a [Value]>) -> Option<ItemKeys> {
    let lists: Vec<&[Value]> = lists.into_iter().collect();
    if lists.iter().all(|list| list.is_empty()) {
        return None;
    }
    let tells_apart = |keys: &ItemKeys| {
        lists.iter().all(|list| {
            let mut seen = BTreeSet::new();
            let is_text = |item: &Value| item.get(keys.0).is_some_and(|it| !it.is_object());
            list.iter().all(|item| is_text(item) && seen.insert(keys.of(item)))
        })
    };
    ITEM_KEYS.iter().map(|(first, second)| ItemKeys(first, *second)).find(tells_apart)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(desired: &Value, observed: &Value) -> Vec<String> {
        let found = differences("spec", Some(desired), Some(observed), None);
        found.into_iter().map(|it| it.path).collect()
    }

    #[test]
    fn what_nobody_named_does_not_count() {
        let live = json!({
            "replicas": 3, "strategy": {"type": "RollingUpdate"},
            "containers": [
                {"name": "api", "image": "api:1", "imagePullPolicy": "IfNotPresent", "ports": [
                    {"containerPort": 80, "protocol": "TCP"}, {"containerPort": 81, "protocol": "TCP"}]},
                {"name": "sidecar", "image": "proxy"},
            ],
        });
        let manifest = json!({
            "strategy": {},
            "containers": [{"name": "api", "image": "api:2", "ports": [{"containerPort": 80}]}],
        });
        let expected = json!({
            "strategy": {},
            "containers": [{"name": "api", "image": "api:1", "ports": [{"containerPort": 80}]}],
        });
        assert_eq!(named(&live, &[&manifest]), expected);
    }

    #[test]
    fn items_are_compared_by_their_names_whatever_their_order() {
        let desired = json!({"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]});
        let observed = json!({"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "9"}, {"name": "C", "value": "3"}]});
        assert_eq!(paths(&desired, &observed), ["spec.env[A].value", "spec.env[C]"]);
    }

    #[test]
    fn an_extra_port_is_told_alone() {
        let desired = json!({"ports": [{"name": "http", "port": 80}]});
        let observed =
            json!({"ports": [{"name": "http", "port": 80}, {"port": 81, "protocol": "UDP"}]});
        assert_eq!(paths(&desired, &observed), ["spec.ports[81/UDP]"]);
    }

    #[test]
    fn equal_amounts_are_the_same_in_any_writing() {
        let resources =
            |cpu: Value, memory: Value| json!({"limits": {"cpu": cpu, "memory": memory}});
        let desired = resources(json!(0.5), json!("1024Mi"));
        assert_eq!(paths(&desired, &resources(json!("500m"), json!("1Gi"))), [""; 0]);
        assert_eq!(paths(&desired, &resources(json!("600m"), json!("1Gi"))), ["spec.limits.cpu"]);
        assert_eq!(paths(&json!({"args": ["1000m"]}), &json!({"args": ["1"]})), ["spec.args[0]"]);
        assert_eq!(amount(&json!("1e3")), amount(&json!(1000)));
        assert_eq!(amount(&json!("1.5Gi")), amount(&json!("1536Mi")));
        assert_eq!(amount(&json!("soon")), None);
    }

    #[test]
    fn amounts_are_written_as_texts_and_other_numbers_stay() {
        let mut manifest = json!({"replicas": 2, "containers": [{
            "resources": {"limits": {"cpu": 0.5, "nvidia.com/gpu": 1, "memory": "1Gi"}}, "ports": [{"containerPort": 80}],
        }]});
        let expected = json!({"replicas": 2, "containers": [{
            "resources": {"limits": {"cpu": "0.5", "nvidia.com/gpu": "1", "memory": "1Gi"}}, "ports": [{"containerPort": 80}],
        }]});
        write_amounts(&mut manifest);
        assert_eq!(manifest, expected);
    }

    #[test]
    fn what_the_server_drops_is_no_difference() {
        let desired = json!({"resources": {}, "tty": false, "args": [], "name": ""});
        assert_eq!(paths(&desired, &json!({})), [""; 0]);
        assert_eq!(paths(&json!({"tty": true}), &json!({})), ["spec.tty"]);
    }

    #[test]
    fn both_in_one_has_what_either_has() {
        let ours = json!({"labels": {"app": "a"}, "ports": [{"port": 80}]});
        let theirs =
            json!({"labels": {"team": "t"}, "ports": [{"port": 81}, {"port": 80, "name": "x"}]});
        let expected = json!({"labels": {"app": "a", "team": "t"}, "ports": [{"port": 80, "name": "x"}, {"port": 81}]});
        assert_eq!(merged(ours, theirs), expected);
    }
}
