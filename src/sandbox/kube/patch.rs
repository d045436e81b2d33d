//! The three patches that are no apply: JSON patch, merge patch and strategic merge.

use serde_json::{Map, Value};

use super::status::{Answer, Status};
use super::types::{ListKind, Type};

/// RFC 7396: null removes, objects merge, all else replaces.
pub(super) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            members.remove(key);
        } else {
            merge(members.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// RFC 6902.
pub(super) fn json_patch(target: &mut Value, patch: &Value) -> Answer<()> {
    let operations =
        patch.as_array().ok_or_else(|| Status::bad_request("a JSON patch is a list"))?;
    for operation in operations {
        let text = |name: &str| operation[name].as_str().unwrap_or_default();
        let path = text("path");
        let failed = || {
            let told = "the server rejected our request due to an error in our request";
            Status::new(422, "Invalid", told)
        };
        let value = || operation.get("value").cloned().ok_or_else(failed);
        let done = match text("op") {
            "add" => add(target, path, value()?),
            "remove" => remove(target, path).map(|_| ()),
            "replace" => {
                target.pointer_mut(path).map(|place| value().map(|new| *place = new)).transpose()?
            }
            "move" => remove(target, text("from")).and_then(|moved| add(target, path, moved)),
            "copy" => {
                target.pointer(text("from")).cloned().and_then(|copy| add(target, path, copy))
            }
            "test" => (target.pointer(path) == operation.get("value")).then_some(()),
            _ => None,
        };
        done.ok_or_else(failed)?;
    }
    Ok(())
}

fn add(target: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *target = value;
        return Some(());
    }
    let (parent, last) = path.rsplit_once('/')?;
    match target.pointer_mut(parent)? {
        Value::Object(members) => {
            members.insert(unescaped(last), value);
        }
        Value::Array(items) if last == "-" => items.push(value),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index <= items.len()).then(|| items.insert(index, value))?;
        }
        _ => return None,
    }
    Some(())
}

fn remove(target: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = path.rsplit_once('/')?;
    match target.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&unescaped(last)),
        Value::Array(items) => {
            let index: usize = last.parse().ok()?;
            (index < items.len()).then(|| items.remove(index))
        }
        _ => None,
    }
}

fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Kubernetes' own merge: lists with a merge key merge by it, and directives delete and replace.
pub(super) fn strategic(of: &Type, target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if patch.get("$patch").and_then(Value::as_str) == Some("replace") || !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    if let Some(retained) = patch.get("$retainKeys").and_then(Value::as_array) {
        members.retain(|key, _| retained.iter().any(|it| it == key));
    }
    for (key, value) in patch {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            let gone = value.as_array().cloned().unwrap_or_default();
            if let Some(items) = members.get_mut(list).and_then(Value::as_array_mut) {
                items.retain(|item| !gone.contains(item));
            }
            continue;
        }
        if key.starts_with('$') {
            continue;
        }
        let below = member(of, key);
        match (below, value) {
            (Type::List(list), Value::Array(items)) if list.strategic.is_some() => {
                let merge_key = list.strategic.as_deref().unwrap_or_default();
                let place = members.entry(key.clone()).or_insert_with(|| Value::Array(Vec::new()));
                if !place.is_array() {
                    *place = Value::Array(Vec::new());
                }
                if let Value::Array(live) = place {
                    merge_list(&list.of, merge_key, live, items);
                }
            }
            (below, Value::Object(patch))
                if patch.get("$patch").and_then(Value::as_str) != Some("delete") =>
            {
                let place = members.entry(key.clone()).or_insert(Value::Null);
                strategic(below, place, value);
            }
            (_, Value::Null | Value::Object(_)) => {
                members.remove(key);
            }
            (_, value) => {
                members.insert(key.clone(), value.clone());
            }
        }
    }
}

fn merge_list(of: &Type, key: &str, live: &mut Vec<Value>, patch: &[Value]) {
    if key.is_empty() {
        for item in patch {
            if !live.contains(item) {
                live.push(item.clone());
            }
        }
        return;
    }
    if patch.iter().any(|item| item.get("$patch").and_then(Value::as_str) == Some("replace")) {
        live.clear();
    }
    for item in patch {
        let directive = item.get("$patch").and_then(Value::as_str);
        let at = live.iter().position(|it| it.get(key).is_some() && it.get(key) == item.get(key));
        match (directive, at) {
            (Some("replace"), _) | (Some("delete"), None) => {}
            (Some("delete"), Some(at)) => {
                live.remove(at);
            }
            (_, Some(at)) => strategic(of, &mut live[at], item),
            (_, None) => {
                let mut new = Value::Null;
                strategic(of, &mut new, item);
                live.push(new);
            }
        }
    }
}

static ANY: Type = Type::Any;

fn member<'t>(of: &'t Type, key: &str) -> &'t Type {
    match of {
        Type::Map { of, .. } => of,
        Type::Named { .. } | Type::Struct(_) => {
            of.as_struct().and_then(|it| it.fields.get(key)).map_or(&ANY, |field| &field.of)
        }
        Type::List(list) if list.kind == ListKind::Atomic => &ANY,
        Type::Any | Type::Scalar(_) | Type::List(_) => &ANY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_merge_patch_removes_with_null() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "l": [1]});
        merge(&mut object, &json!({"a": {"b": null, "d": 3}, "l": [2]}));
        assert_eq!(object, json!({"a": {"c": 2, "d": 3}, "l": [2]}));
    }

    #[test]
    fn a_json_patch_does_all_or_fails() {
        let mut object = json!({"a": {"x/y": 1}, "l": [1, 3]});
        let patch = json!([
            {"op": "test", "path": "/a/x~1y", "value": 1},
            {"op": "add", "path": "/l/1", "value": 2},
            {"op": "add", "path": "/l/-", "value": 4},
            {"op": "remove", "path": "/a/x~1y"},
            {"op": "copy", "from": "/l/0", "path": "/a/z"},
            {"op": "replace", "path": "/l/0", "value": 0},
            {"op": "move", "from": "/a/z", "path": "/m"},
        ]);
        json_patch(&mut object, &patch).unwrap();
        assert_eq!(object, json!({"a": {}, "l": [0, 2, 3, 4], "m": 1}));
        for wrong in [
            json!([{"op": "test", "path": "/m", "value": 2}]),
            json!([{"op": "remove", "path": "/x"}]),
            json!({}),
        ] {
            assert!(json_patch(&mut object, &wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_strategic_merge_goes_by_merge_keys() {
        let mut object = json!({"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}],
            "tolerations": [{"key": "k"}]}, "metadata": {"finalizers": ["x"]}});
        let patch = json!({"spec": {
            "containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}, {"name": "b", "$patch": "delete"}, {"name": "c"}],
            "$setElementOrder/containers": [{"name": "a"}, {"name": "c"}],
            "tolerations": [{"key": "other"}]}, "metadata": {"finalizers": ["y"], "$deleteFromPrimitiveList/finalizers": ["x"]}});
        strategic(&Type::builtin("Pod"), &mut object, &patch);
        assert_eq!(
            object,
            json!({"spec": {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                {"name": "c"}], "tolerations": [{"key": "other"}]}, "metadata": {"finalizers": ["y"]}})
        );
    }
}
