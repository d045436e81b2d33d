//! Compares the three sides of one resource, field by field, as the field table says.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::kind::field::ruling;
use crate::kind::{Compare, Field, OnChange, Packed, Sent, manifest, reference};
use crate::plan::change::{Cause, FieldChange};
use crate::state::{Record, Status};

/// The three sides, always in this order.
#[derive(Clone, Copy, Debug)]
pub struct Sides<'a> {
    /// References that are known are resolved; the others will change.
    pub desired: &'a Value,
    pub observed: &'a Value,
    /// The spec of the record.
    pub recorded: Option<&'a Value>,
    pub record: Option<&'a Record>,
}

/// Everything in which the desired side differs from the observed one. What the desired side does not name is not
/// managed and never differs, except keys that we once owned.
pub fn differences(fields: &'static [Field], sides: Sides<'_>) -> Vec<FieldChange> {
    let mut walk = Walk { fields, sides, found: Vec::new() };
    for (name, desired) in members(sides.desired) {
        let recorded = sides.recorded.and_then(|recorded| recorded.get(name));
        walk.value(name, desired, sides.observed.get(name), recorded);
    }
    // Of a manifest all that counts was observed, and nothing else.
    for (name, observed) in members(sides.observed) {
        let is_manifest =
            || ruling(fields, name).is_some_and(|row| row.compare == Compare::Manifest);
        if sides.desired.get(name).is_none() && is_manifest() {
            walk.manifest(
                name,
                None,
                Some(observed),
                sides.recorded.and_then(|recorded| recorded.get(name)),
            );
        }
    }
    walk.found
}

/// The observed side reduced to what we manage: foreign tags are not in it, so that no update can touch them.
pub fn owned_part(fields: &'static [Field], sides: Sides<'_>) -> Value {
    let mut observed = sides.observed.clone();
    let Some(all) = observed.as_object_mut() else { return observed };
    for field in fields.iter().filter(|field| field.compare == Compare::OwnedKeys) {
        let Some(value) = all.get_mut(field.path) else { continue };
        let mut ours = pairs(sides.desired.get(field.path).unwrap_or(&Value::Null));
        ours.extend(once_owned(sides, field.path));
        keep_keys(value, &ours);
    }
    observed
}

/// Both sides of a difference in forms whose texts differ only where the sides do: policy documents in one form, lists
/// without order in the order of the desired side, and no members that the desired side does not name.
pub fn aligned(compare: Compare, before: &Value, after: &Value) -> (Value, Value) {
    match (compare, before, after) {
        (Compare::Document, ..) => (document(before), document(after)),
        (Compare::Set, Value::Array(befores), Value::Array(afters)) => {
            let mut pairs = pairs_of(befores, afters);
            pairs.sort_by_key(|(partner, _)| partner.unwrap_or(afters.len()));
            (pairs.into_iter().map(|(_, before)| before).collect(), after.clone())
        }
        _ => (named(before, after), after.clone()),
    }
}

/// `before` without the members of objects that `after` does not name.
fn named(before: &Value, after: &Value) -> Value {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => after
            .iter()
            .filter_map(|(name, after)| Some((name.clone(), named(before.get(name)?, after))))
            .collect::<Map<_, _>>()
            .into(),
        (Value::Array(befores), Value::Array(afters)) => {
            pairs_of(befores, afters).into_iter().map(|(_, before)| before).collect()
        }
        _ => before.clone(),
    }
}

/// The items of `befores`, each with the place of the item of `afters` that it is, or is most like, and reduced to the
/// members that this one names.
fn pairs_of(befores: &[Value], afters: &[Value]) -> Vec<(Option<usize>, Value)> {
    let mut left: Vec<usize> = (0..afters.len()).collect();
    let mut partners: Vec<Option<usize>> = vec![None; befores.len()];
    let same: fn(&Value, &Value) -> usize = |before, after| usize::from(covers(after, before));
    for likeness in [same, likeness] {
        for (partner, before) in partners.iter_mut().zip(befores).filter(|(it, _)| it.is_none()) {
            let likest = left.iter().map(|&at| (likeness(before, &afters[at]), at));
            let likest = likest.filter(|(likeness, _)| *likeness > 0);
            // Of equals the first.
            *partner = likest.max_by_key(|(likeness, at)| (*likeness, Reverse(*at))).map(|it| it.1);
            left.retain(|at| Some(*at) != *partner);
        }
    }
    let reduced = partners.into_iter().zip(befores).map(|(partner, before)| {
        (partner, partner.map_or_else(|| before.clone(), |at| named(before, &afters[at])))
    });
    reduced.collect()
}

/// How many members two objects have in common.
fn likeness(before: &Value, after: &Value) -> usize {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else { return 0 };
    after
        .iter()
        .filter(|(name, value)| before.get(*name).is_some_and(|it| covers(value, it)))
        .count()
}

/// `spec` without what the create call cannot carry.
pub fn without_late(fields: &[Field], spec: &Value) -> Value {
    let mut spec = spec.clone();
    for field in fields.iter().filter(|field| field.sent == Sent::Late) {
        remove(&mut spec, field.path);
    }
    spec
}

/// The rows of late fields that `spec` holds.
pub fn late_rows(fields: &'static [Field], spec: &Value) -> Vec<&'static str> {
    let late = fields.iter().filter(|field| field.sent == Sent::Late);
    late.map(|field| field.path).filter(|path| at(spec, path).is_some()).collect()
}

struct Walk<'a> {
    fields: &'static [Field],
    sides: Sides<'a>,
    found: Vec<FieldChange>,
}

impl Walk<'_> {
    fn value(
        &mut self,
        path: &str,
        desired: &Value,
        observed: Option<&Value>,
        recorded: Option<&Value>,
    ) {
        let row = ruling(self.fields, path);
        match row.map_or(Compare::Exact, |row| row.compare) {
            Compare::WriteOnly => {
                // Nothing is known of an object that we did not make: it is taken as it is.
                let same = |recorded| covers(desired, recorded);
                if self.sides.record.is_some() && !recorded.is_some_and(same) {
                    self.differs(path, Some(desired), None, recorded);
                }
            }
            Compare::OwnedKeys => self.owned_keys(path, desired, observed),
            Compare::Manifest => self.manifest(path, Some(desired), observed, recorded),
            Compare::Exact => match (desired, observed) {
                (Value::Object(inner), Some(Value::Object(_))) if !reference::is_open(desired) => {
                    for (name, desired) in inner {
                        let observed = observed.and_then(|value| value.get(name));
                        let recorded = recorded.and_then(|value| value.get(name));
                        self.value(&format!("{path}.{name}"), desired, observed, recorded);
                    }
                }
                _ => self.compare(path, Compare::Exact, desired, observed, recorded),
            },
            compare @ (Compare::Set | Compare::Document | Compare::AtLeast) => {
                self.compare(path, compare, desired, observed, recorded);
            }
        }
    }

    fn compare(
        &mut self,
        path: &str,
        compare: Compare,
        desired: &Value,
        observed: Option<&Value>,
        recorded: Option<&Value>,
    ) {
        if !observed.is_some_and(|observed| same(compare, desired, observed)) {
            self.differs(path, Some(desired), observed, recorded);
        }
    }

    fn manifest(
        &mut self,
        path: &str,
        desired: Option<&Value>,
        observed: Option<&Value>,
        recorded: Option<&Value>,
    ) {
        for found in manifest::differences(path, desired, observed, recorded) {
            self.differs(&found.path, found.desired, found.observed, found.recorded);
        }
    }

    fn owned_keys(&mut self, path: &str, desired: &Value, observed: Option<&Value>) {
        let (wanted, live) = (pairs(desired), pairs(observed.unwrap_or(&Value::Null)));
        let owned = once_owned(self.sides, path);
        for (key, value) in &wanted {
            if live.get(key) != Some(value) {
                let at = format!("{path}.{key}");
                self.differs(&at, Some(value), live.get(key), owned.get(key));
            }
        }
        for (key, recorded) in owned.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
            if let Some(value) = live.get(key) {
                self.differs(&format!("{path}.{key}"), None, Some(value), Some(recorded));
            }
        }
    }

    fn differs(
        &mut self,
        path: &str,
        desired: Option<&Value>,
        observed: Option<&Value>,
        recorded: Option<&Value>,
    ) {
        let row = ruling(self.fields, path);
        let compare = row.map_or(Compare::Exact, |row| row.compare);
        let write_only = compare == Compare::WriteOnly;
        let equal = |left: Option<&Value>, right: Option<&Value>| match (left, right) {
            (Some(left), Some(right)) if compare == Compare::Manifest => {
                manifest::same(path, left, right)
            }
            (Some(left), Some(right)) => same(compare, left, right),
            (left, right) => left.is_none() && right.is_none(),
        };
        let stable = self.sides.record.is_some_and(|record| record.status == Status::Stable);
        let cause = if desired.is_some_and(|desired| !reference::all(desired).is_empty()) {
            Cause::Reference
        } else if !stable || write_only {
            Cause::Blueprint
        } else {
            match (equal(desired, recorded), equal(recorded, observed)) {
                (true, _) => Cause::Drift,
                (false, true) => Cause::Blueprint,
                (false, false) => Cause::Both,
            }
        };
        self.found.push(FieldChange {
            path: path.into(),
            before: observed.cloned(),
            after: desired.cloned(),
            cause,
            row: row.map_or(path, |row| row.path).into(),
            replaces: row.is_some_and(|row| row.on_change == OnChange::Replace),
        });
    }
}

/// Whether `observed` has what `desired` says.
fn same(compare: Compare, desired: &Value, observed: &Value) -> bool {
    match compare {
        Compare::Exact | Compare::OwnedKeys | Compare::WriteOnly | Compare::Manifest => {
            covers(desired, observed)
        }
        Compare::Set => match (desired, observed) {
            (Value::Array(desired), Value::Array(observed)) => same_set(desired, observed),
            _ => covers(desired, observed),
        },
        Compare::Document => document(desired) == document(observed),
        Compare::AtLeast => at_least(desired, observed),
    }
}

/// Equal, where objects may have members that nobody asked for.
fn covers(desired: &Value, observed: &Value) -> bool {
    match (desired, observed) {
        (Value::Object(desired), Value::Object(observed)) => desired
            .iter()
            .all(|(name, value)| observed.get(name).is_some_and(|seen| covers(value, seen))),
        (Value::Array(desired), Value::Array(observed)) => {
            desired.len() == observed.len()
                && desired.iter().zip(observed).all(|(value, seen)| covers(value, seen))
        }
        (Value::Number(desired), Value::Number(observed)) => desired.as_f64() == observed.as_f64(),
        _ => desired == observed,
    }
}

/// Whether a number, or a version inside its major version, is no less than what is desired.
fn at_least(desired: &Value, observed: &Value) -> bool {
    let (Some(desired), Some(observed)) = (parts(desired), parts(observed)) else {
        return desired == observed;
    };
    let is_version = desired.len() > 1 || observed.len() > 1;
    observed >= desired && (!is_version || observed.first() == desired.first())
}

/// The numbers of `18.1`, of `20`, or of 20. Some of CloudFormation's numbers are texts.
fn parts(value: &Value) -> Option<Vec<u64>> {
    match value {
        Value::Number(number) => Some(vec![number.as_u64()?]),
        Value::String(text) => text.split('.').map(|part| part.parse().ok()).collect(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn same_set(desired: &[Value], observed: &[Value]) -> bool {
    let mut left: Vec<&Value> = observed.iter().collect();
    desired.len() == observed.len()
        && desired.iter().all(|value| {
            let found = left.iter().position(|seen| covers(value, seen));
            found.map(|at| left.swap_remove(at)).is_some()
        })
}

/// A policy document in the one form in which equal documents are equal: elements that may be a text or a list are
/// sorted lists, `"*"` as a principal is `{"AWS": "*"}`, account ids are the ARNs of their roots.
fn document(value: &Value) -> Value {
    match value {
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(parsed @ (Value::Object(_) | Value::Array(_))) => document(&parsed),
            _ => value.clone(),
        },
        Value::Object(all) => all
            .iter()
            .map(|(name, member)| (name.clone(), document_member(name, member)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(document).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn document_member(name: &str, value: &Value) -> Value {
    match name {
        "Statement" => list(value, document),
        "Action" | "NotAction" | "Resource" | "NotResource" => sorted(list(value, Value::clone)),
        "Principal" | "NotPrincipal" => match value {
            Value::String(text) => json!({"AWS": [text]}),
            other => each_member(other, |member| sorted(list(member, principal))),
        },
        "Condition" => each_member(value, |operator| {
            each_member(operator, |operand| sorted(list(operand, text_of)))
        }),
        _ => document(value),
    }
}

fn each_member(value: &Value, form: impl Fn(&Value) -> Value) -> Value {
    let Some(all) = value.as_object() else { return value.clone() };
    all.iter().map(|(name, member)| (name.clone(), form(member))).collect::<Map<_, _>>().into()
}

fn list(value: &Value, form: impl Fn(&Value) -> Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(form).collect(),
        single => json!([form(single)]),
    }
}

fn sorted(value: Value) -> Value {
    let Value::Array(mut items) = value else { return value };
    items.sort_by_cached_key(Value::to_string);
    Value::Array(items)
}

/// `arn:aws:iam::123456789012:root` and `123456789012` are the same principal.
fn principal(value: &Value) -> Value {
    let root = |text: &str| {
        let account = text.split("::").nth(1)?.strip_suffix(":root")?;
        (text.starts_with("arn:") && text.contains(":iam::")).then(|| account.to_owned())
    };
    value.as_str().and_then(root).map_or_else(|| value.clone(), Value::String)
}

/// IAM gives booleans and numbers of conditions back as texts.
fn text_of(value: &Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        other => other.clone(),
    }
}

/// Key/value pairs of a list of `Key` and `Value`, or of a mapping.
pub(crate) fn pairs(value: &Value) -> BTreeMap<String, Value> {
    match value {
        Value::Array(items) => {
            let pair = |item: &Value| {
                Some((item.get("Key")?.as_str()?.to_owned(), item.get("Value")?.clone()))
            };
            items.iter().filter_map(pair).collect()
        }
        Value::Object(all) => all.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => BTreeMap::new(),
    }
}

fn keep_keys(value: &mut Value, keys: &BTreeMap<String, Value>) {
    match value {
        Value::Array(items) => items.retain(|item| {
            item.get("Key").and_then(Value::as_str).is_some_and(|key| keys.contains_key(key))
        }),
        Value::Object(all) => all.retain(|key, _| keys.contains_key(key)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keys that were applied, or that an update was under way to apply.
fn once_owned(sides: Sides<'_>, path: &str) -> BTreeMap<String, Value> {
    let intended = sides.record.and_then(|record| record.intended.as_ref()).map(Packed::open);
    let mut owned = intended.as_ref().and_then(|it| it.get(path)).map(pairs).unwrap_or_default();
    owned.extend(sides.recorded.and_then(|it| it.get(path)).map(pairs).unwrap_or_default());
    owned
}

pub(crate) fn at<'a>(spec: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(spec, |value, name| value.get(name))
}

pub(crate) fn remove(spec: &mut Value, path: &str) {
    match path.split_once('.') {
        Some((name, rest)) => {
            if let Some(inner) = spec.get_mut(name) {
                remove(inner, rest);
            }
        }
        None => {
            if let Some(all) = spec.as_object_mut() {
                all.remove(path);
            }
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::TAGS;

    const FIELDS: &[Field] = &[
        Field::updates("Config", "."),
        Field::replaces("Config.Id", "."),
        Field::updates("Names", ".").set(),
        Field::updates("Policy", ".").document(),
        Field::updates("Recipe", ".").write_only(),
        TAGS,
    ];

    fn record(spec: Value) -> Record {
        Record {
            kind: "k".into(),
            region: "r".into(),
            id: None,
            status: Status::Stable,
            spec: spec.into(),
            intended: None,
            outputs: BTreeMap::new(),
            needs: BTreeMap::new(),
            deletion: crate::kind::DeletionPolicy::Delete,
        }
    }

    fn diff(desired: &Value, observed: &Value, recorded: &Value) -> Vec<(String, Cause)> {
        let record = record(recorded.clone());
        let found = differences(
            FIELDS,
            Sides { desired, observed, recorded: Some(recorded), record: Some(&record) },
        );
        found.into_iter().map(|field| (field.path, field.cause)).collect()
    }

    #[test]
    fn a_difference_says_which_side_moved() {
        let value = |n: i32| json!({"Config": {"A": n}});
        let found = |d, o, r| diff(&value(d), &value(o), &value(r));
        assert_eq!(found(1, 1, 1), []);
        assert_eq!(found(2, 1, 1), [("Config.A".into(), Cause::Blueprint)]);
        assert_eq!(found(1, 2, 1), [("Config.A".into(), Cause::Drift)]);
        assert_eq!(found(1, 2, 3), [("Config.A".into(), Cause::Both)]);
        assert_eq!(found(1, 1, 3), [], "both moved to the same");
    }

    #[test]
    fn what_is_not_named_is_not_managed() {
        let observed = json!({"Config": {"A": 1, "B": 2}, "Names": ["x"]});
        assert_eq!(diff(&json!({"Config": {"A": 1}}), &observed, &json!({})), []);
    }

    #[test]
    fn sets_have_no_order_and_lists_of_policies_neither() {
        let policy = |action: Value| json!({"Policy": {"Statement": [{"Action": action, "Effect": "Allow"}]}});
        let one = policy(json!("s3:Get"));
        assert_eq!(
            diff(&json!({"Names": ["a", "b"]}), &json!({"Names": ["b", "a"]}), &json!({})),
            []
        );
        assert_eq!(diff(&one, &policy(json!(["s3:Get"])), &one), []);
        let text = json!({"Policy": policy(json!(["s3:Get"]))["Policy"].to_string()});
        assert_eq!(diff(&one, &text, &one), []);
        let found = diff(&one, &policy(json!("s3:Put")), &one);
        assert_eq!(found, [("Policy".into(), Cause::Drift)]);
    }

    #[test]
    fn foreign_tags_are_left_alone_and_former_ones_removed() {
        let tags = |pairs: &[(&str, &str)]| {
            let list: Vec<Value> =
                pairs.iter().map(|(k, v)| json!({"Key": k, "Value": v})).collect();
            json!({"Tags": list})
        };
        let (desired, recorded) = (tags(&[("a", "1")]), tags(&[("a", "1"), ("b", "1")]));
        let observed = tags(&[("a", "2"), ("b", "1"), ("foreign", "1")]);
        assert_eq!(
            diff(&desired, &observed, &recorded),
            [("Tags.a".into(), Cause::Drift), ("Tags.b".into(), Cause::Blueprint)]
        );
        let record = record(recorded.clone());
        let (recorded, record) = (Some(&recorded), Some(&record));
        let sides = Sides { desired: &desired, observed: &observed, recorded, record };
        assert_eq!(owned_part(FIELDS, sides), tags(&[("a", "2"), ("b", "1")]));
    }

    #[test]
    fn what_cannot_be_read_is_compared_with_what_was_recorded() {
        let desired = json!({"Recipe": {"Length": 32}});
        let recorded = desired.clone();
        assert_eq!(diff(&desired, &json!({}), &recorded), []);
        let found = diff(&json!({"Recipe": {"Length": 48}}), &json!({}), &recorded);
        assert_eq!(found, [("Recipe".into(), Cause::Blueprint)]);
    }

    #[test]
    fn what_only_grows_may_have_grown() {
        let satisfies = |desired: Value, observed: Value| at_least(&desired, &observed);
        assert!(satisfies(json!("18.1"), json!("18.3")) && satisfies(json!("18"), json!("18.3")));
        assert!(!satisfies(json!("18.3"), json!("18.1")) && !satisfies(json!("17"), json!("18.3")));
        assert!(satisfies(json!("50"), json!("60")) && !satisfies(json!("50"), json!("40")));
    }

    #[test]
    fn aligned_sides_differ_only_where_they_differ() {
        let rule = |name: &str, priority: u32| json!({"Name": name, "Priority": priority});
        let live =
            |name: &str, priority: u32| json!({"Name": name, "Priority": priority, "Arn": "x"});
        let before = json!([live("b", 2), live("c", 9), live("a", 1)]);
        let after = json!([rule("a", 1), rule("b", 2), rule("c", 3)]);
        let expected = json!([rule("a", 1), rule("b", 2), rule("c", 9)]);
        assert_eq!(aligned(Compare::Set, &before, &after), (expected, after.clone()));
        let expected = json!([rule("b", 2), rule("c", 9), rule("a", 1)]);
        assert_eq!(aligned(Compare::Exact, &before, &after), (expected, after));
    }

    #[test]
    fn the_row_says_whether_a_difference_replaces() {
        let sides = Sides {
            desired: &json!({"Config": {"Id": 1, "A": 1}}),
            observed: &json!({"Config": {"Id": 2, "A": 2}}),
            recorded: None,
            record: None,
        };
        let found = differences(FIELDS, sides);
        let replaces: Vec<_> =
            found.iter().map(|field| (field.row.as_str(), field.replaces)).collect();
        assert_eq!(replaces, [("Config", false), ("Config.Id", true)]);
    }
}
