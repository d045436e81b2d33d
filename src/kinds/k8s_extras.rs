//! What others put into an object beside what its manifest says, and the patch that takes it away.

use serde_json::{Value, json};

use crate::kind::manifest;

/// A step into a live object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Member(String),
    /// An item that equals this one as far as it goes.
    Item(Value),
}

/// What stands in `theirs`, not in `manifest`, and, if a plan was made, in what it had seen.
pub(super) fn extras(theirs: &Value, manifest: &Value, seen: Option<&Value>) -> Vec<Vec<Step>> {
    let mut found = Vec::new();
    collect_extras(theirs, Some(manifest), seen, &mut Vec::new(), &mut found);
    found
}

fn collect_extras(
    theirs: &Value,
    ours: Option<&Value>,
    seen: Option<&Value>,
    at: &mut Vec<Step>,
    found: &mut Vec<Vec<Step>>,
) {
    let (Some(ours), Some(seen)) = (ours, seen) else {
        if seen.is_some() && ours.is_none() {
            found.push(at.clone());
        }
        return;
    };
    match theirs {
        Value::Object(members) => {
            for (name, value) in members {
                at.push(Step::Member(name.clone()));
                collect_extras(value, ours.get(name), seen.get(name), at, found);
                at.pop();
            }
        }
        Value::Array(items) => {
            for item in items {
                let among = |list: &'_ Value| -> Option<usize> {
                    let list = list.as_array()?;
                    list.iter().position(|it| manifest::is_same_item(list, it, item))
                };
                let ours = among(ours).and_then(|place| ours.get(place));
                let seen = among(seen).and_then(|place| seen.get(place));
                at.push(Step::Item(item.clone()));
                collect_extras(item, ours, seen, at, found);
                at.pop();
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A JSON patch that removes these parts from exactly this state of an object: with another version it is a conflict, after
/// which the whole update is sent again. (A failed `test` would look like an invalid patch.)
pub(super) fn removals(live: &Value, parts: &[Vec<Step>]) -> Value {
    let version = &live["metadata"]["resourceVersion"];
    let mut patch =
        vec![json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version})];
    let mut pointers: Vec<Vec<String>> =
        parts.iter().filter_map(|steps| pointer(live, steps)).collect();
    // From the end, so that no removal moves an item that another one names.
    pointers.sort_by(|left, right| by_place(right, left));
    let escaped = |part: &String| part.replace('~', "~0").replace('/', "~1");
    for pointer in pointers {
        let path: String = pointer.iter().flat_map(|part| ["/".into(), escaped(part)]).collect();
        patch.push(json!({"op": "remove", "path": path}));
    }
    Value::Array(patch)
}

fn by_place(left: &[String], right: &[String]) -> std::cmp::Ordering {
    let number = |part: &String| part.parse::<usize>().ok();
    let each = left.iter().zip(right).map(|(left, right)| match (number(left), number(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => left.cmp(right),
    });
    each.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
        .then_with(|| left.len().cmp(&right.len()))
}

fn pointer(live: &Value, steps: &[Step]) -> Option<Vec<String>> {
    let (mut at, mut path) = (live, Vec::new());
    for step in steps {
        let name = match step {
            Step::Member(name) => name.clone(),
            Step::Item(item) => {
                let items = at.as_array()?;
                items.iter().position(|it| manifest::is_same_item(items, it, item))?.to_string()
            }
        };
        at = match at {
            Value::Array(items) => items.get(name.parse::<usize>().ok()?)?,
            _ => at.get(&name)?,
        };
        path.push(name);
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_added_is_removed_from_its_end() {
        let live = json!({
            "metadata": {"resourceVersion": "7", "labels": {"app": "a", "a/b": "x"}},
            "spec": {"ports": [{"port": 80}, {"port": 81, "protocol": "TCP"}, {"port": 82}]},
        });
        let theirs = json!({
            "metadata": {"labels": {"a/b": "x"}},
            "spec": {"ports": [{"port": 81, "protocol": "TCP"}, {"port": 82}]},
        });
        let manifest =
            json!({"metadata": {"labels": {"app": "a"}}, "spec": {"ports": [{"port": 80}]}});
        let found = extras(&theirs, &manifest, Some(&live));
        let expected = json!([
            {"op": "replace", "path": "/metadata/resourceVersion", "value": "7"},
            {"op": "remove", "path": "/spec/ports/2"},
            {"op": "remove", "path": "/spec/ports/1"},
            {"op": "remove", "path": "/metadata/labels/a~1b"},
        ]);
        assert_eq!(removals(&live, &found), expected);
        let unseen = extras(&theirs, &manifest, Some(&manifest));
        assert_eq!(unseen, Vec::<Vec<Step>>::new(), "the plan did not say it");
    }
}
