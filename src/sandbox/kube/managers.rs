//! Who manages which fields: server-side apply, and the tracking of all other writes.

use serde_json::{Value, json};

use super::fields::{Comparison, FieldSet, compare, merged, without};
use super::status::Status;
use super::types::Type;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Who writes, and through what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) name: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    /// Empty for the object itself.
    pub(super) subresource: String,
}

/// An entry of `managedFields`.
#[derive(Debug, Clone, PartialEq)]
struct Manager {
    writer: Writer,
    time: String,
    set: FieldSet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Force {
    Yes,
    No,
}

/// Whatever belongs to the server, and to nobody's configuration.
const SERVERS: [&[&str]; 11] = [
    &["apiVersion"],
    &["kind"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
    &["metadata", "generateName"],
];

/// Applies a configuration: what the object becomes, with its `managedFields`; or who else manages what it would change.
pub(super) fn apply(
    of: &Type,
    live: &Value,
    config: &Value,
    writer: &Writer,
    force: Force,
    now: &str,
) -> Result<Value, Status> {
    let mut managers = read(live);
    let mut live = live.clone();
    take_managed_fields(&mut live);
    if managers.is_empty() && live["metadata"]["uid"].is_string() {
        managers.push(before_first_apply(of, &live, writer, now));
    }
    let set = stripped(FieldSet::of(of, config), &writer.subresource);
    let last = managers.iter().position(|it| it.writer == *writer).map(|at| managers.remove(at));
    let mut object = merged(of, Some(&live), config);
    if let Some(last) = &last {
        object = pruned(of, &object, &last.set, &set, &managers);
    }
    let Comparison { added, modified, removed } = compare(of, &live, &object);
    let changed = added.union(&modified);
    let conflicts: Vec<(Writer, FieldSet)> = managers
        .iter()
        .map(|it| (it.writer.clone(), it.set.intersection(&changed)))
        .filter(|(_, set)| !set.is_empty())
        .collect();
    if force == Force::No && !conflicts.is_empty() {
        return Err(refusal(&conflicts));
    }
    for manager in &mut managers {
        manager.set = manager.set.difference(&changed).difference(&removed);
    }
    let time = match &last {
        Some(last) if last.set == set => last.time.clone(),
        _ => now.into(),
    };
    managers.push(Manager { writer: writer.clone(), time, set });
    write(&mut object, managers);
    Ok(object)
}

/// Notes in `new` who manages what, after a write that was no apply.
pub(super) fn update(of: &Type, old: &Value, new: &mut Value, writer: &Writer, now: &str) {
    // Whoever sends the list along may only clear it.
    let cleared = new["metadata"]
        .get("managedFields")
        .is_some_and(|it| it == &json!([{}]) || it == &json!([]));
    let mut managers =
        if cleared && old["metadata"]["uid"].is_string() { Vec::new() } else { read(old) };
    let mut old = old.clone();
    take_managed_fields(&mut old);
    take_managed_fields(new);
    // Nobody's object stays nobody's until it is applied.
    if managers.is_empty() && old["metadata"]["uid"].is_string() {
        return;
    }
    let Comparison { added, modified, removed } = compare(of, &old, new);
    let changed = stripped(added.union(&modified), &writer.subresource);
    for manager in managers.iter_mut().filter(|it| it.writer != *writer) {
        manager.set = manager.set.difference(&changed).difference(&removed);
    }
    if let Some(mine) = managers.iter_mut().find(|it| it.writer == *writer) {
        let set = mine.set.union(&changed).difference(&removed);
        if set != mine.set || !changed.is_empty() {
            mine.set = set;
            mine.time = now.into();
        }
    } else {
        managers.push(Manager { writer: writer.clone(), time: now.into(), set: changed });
    }
    write(new, managers);
}

/// What nobody tracked is an updater's.
fn before_first_apply(of: &Type, live: &Value, writer: &Writer, now: &str) -> Manager {
    let writer = Writer {
        name: "before-first-apply".into(),
        operation: Operation::Update,
        api_version: writer.api_version.clone(),
        subresource: String::new(),
    };
    Manager { writer, time: now.into(), set: stripped(FieldSet::of(of, live), "") }
}

/// Without what the applier named last time, names no more, and nobody else owns.
fn pruned(of: &Type, object: &Value, last: &FieldSet, now: &FieldSet, others: &[Manager]) -> Value {
    let last = last.with_structs(of);
    let gone = |set: &FieldSet| without(of, object, set).unwrap_or_else(|| json!({}));
    let all = FieldSet::of(of, object).with_structs(of);
    let owned = others.iter().fold(now.clone(), |owned, it| owned.union(&it.set)).with_structs(of);
    let left = FieldSet::of(of, &gone(&last)).with_structs(of);
    let left = FieldSet::of(of, &gone(&all.difference(&left.union(&owned)))).with_structs(of);
    gone(&all.difference(&left).intersection(&last))
}

fn stripped(mut set: FieldSet, subresource: &str) -> FieldSet {
    for path in SERVERS {
        set.remove(path);
    }
    match subresource {
        // Controllers write annotations and finalizers along with the status.
        "status" => set.remove(&["spec"]),
        "" => set.remove(&["status"]),
        _ => {}
    }
    set
}

fn refusal(conflicts: &[(Writer, FieldSet)]) -> Status {
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    for (writer, set) in conflicts {
        let mut shown = format!("{:?}", writer.name);
        if !writer.subresource.is_empty() {
            shown = format!("{shown} with subresource {:?}", writer.subresource);
        }
        if writer.operation == Operation::Update {
            shown = format!("{shown} using {}", writer.api_version);
        }
        lines.push((format!("conflicts with {shown}:"), set.paths()));
        for field in set.paths() {
            causes.push(json!({
                "reason": "FieldManagerConflict", "message": format!("conflict with {shown}"), "field": field,
            }));
        }
    }
    let message = if let [one] = causes.as_slice() {
        let told = [&one["message"], &one["field"]].map(|it| it.as_str().unwrap_or_default());
        format!("Apply failed with 1 conflict: {}: {}", told[0], told[1])
    } else {
        lines.sort();
        let lines = lines.iter().flat_map(|(head, paths)| {
            std::iter::once(head.clone()).chain(paths.iter().map(|path| format!("- {path}")))
        });
        format!(
            "Apply failed with {} conflicts: {}",
            causes.len(),
            lines.collect::<Vec<_>>().join("\n")
        )
    };
    Status::apply_conflict(message, causes)
}

fn take_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
}

fn read(object: &Value) -> Vec<Manager> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let managers = entries.filter(|entry| entry.get("manager").is_some()).map(|entry| Manager {
        writer: Writer {
            name: text(entry, "manager"),
            operation: if entry["operation"] == "Apply" {
                Operation::Apply
            } else {
                Operation::Update
            },
            api_version: text(entry, "apiVersion"),
            subresource: text(entry, "subresource"),
        },
        time: text(entry, "time"),
        set: FieldSet::from_json(&entry["fieldsV1"]),
    });
    managers.collect()
}

fn write(object: &mut Value, mut managers: Vec<Manager>) {
    managers.retain(|it| !it.set.is_empty());
    managers.sort_by(|a, b| {
        let key = |it: &Manager| {
            let Writer { name, operation, api_version, subresource } = it.writer.clone();
            (operation, it.time.clone(), name, api_version, subresource)
        };
        key(a).cmp(&key(b))
    });
    let entries: Vec<Value> = managers
        .iter()
        .map(|Manager { writer, time, set }| {
            let operation = match writer.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            };
            let mut entry = json!({
                "manager": writer.name, "operation": operation, "apiVersion": writer.api_version, "time": time,
                "fieldsType": "FieldsV1", "fieldsV1": set.to_json(),
            });
            if !writer.subresource.is_empty() {
                entry["subresource"] = writer.subresource.as_str().into();
            }
            entry
        })
        .collect();
    take_managed_fields(object);
    if !entries.is_empty() {
        object["metadata"]["managedFields"] = entries.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-01-01T00:00:00Z";
    const LATER: &str = "2026-01-01T00:00:09Z";

    fn writer(name: &str, operation: Operation) -> Writer {
        Writer {
            name: name.into(),
            operation,
            api_version: "v1".into(),
            subresource: String::new(),
        }
    }

    fn applied(
        live: &Value,
        config: &Value,
        name: &str,
        force: Force,
        now: &str,
    ) -> Result<Value, Status> {
        apply(
            &Type::builtin("ConfigMap"),
            live,
            config,
            &writer(name, Operation::Apply),
            force,
            now,
        )
    }

    fn live(data: &Value) -> Value {
        json!({"metadata": {"name": "a", "uid": "u"}, "data": data})
    }

    #[test]
    fn an_applier_owns_what_it_names_and_takes_away_what_it_names_no_more() {
        let first = applied(
            &json!({"metadata": {"name": "a"}}),
            &json!({"data": {"x": "1", "y": "2"}}),
            "one",
            Force::No,
            NOW,
        )
        .unwrap();
        let entries = &first["metadata"]["managedFields"];
        assert_eq!(
            *entries,
            json!([{"manager": "one", "operation": "Apply", "apiVersion": "v1", "time": NOW, "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {"f:x": {}, "f:y": {}}}}])
        );
        let same = applied(&first, &json!({"data": {"x": "1", "y": "2"}}), "one", Force::No, LATER)
            .unwrap();
        assert_eq!(same, first, "nothing moves, not even the time");
        let less = applied(&first, &json!({"data": {"x": "1"}}), "one", Force::No, LATER).unwrap();
        assert_eq!(less["data"], json!({"x": "1"}));
        let none =
            applied(&first, &json!({"metadata": {"labels": {"a": "b"}}}), "one", Force::No, LATER)
                .unwrap();
        assert_eq!(none.get("data"), None);
    }

    #[test]
    fn what_two_appliers_name_stays_until_both_let_go() {
        let first = applied(&live(&json!({})), &json!({"data": {"x": "1"}}), "one", Force::No, NOW)
            .unwrap();
        let both = applied(&first, &json!({"data": {"x": "1"}}), "two", Force::No, NOW).unwrap();
        let less =
            applied(&both, &json!({"metadata": {"labels": {"a": "b"}}}), "one", Force::No, NOW)
                .unwrap();
        assert_eq!(less["data"], json!({"x": "1"}));
    }

    #[test]
    fn a_conflict_names_the_manager_and_the_field() {
        let of = Type::builtin("ConfigMap");
        let first = applied(
            &live(&json!({})),
            &json!({"data": {"x": "1", "y": "1"}}),
            "one",
            Force::No,
            NOW,
        )
        .unwrap();
        let refused =
            applied(&first, &json!({"data": {"x": "2"}}), "two", Force::No, NOW).unwrap_err();
        assert_eq!(refused.message, "Apply failed with 1 conflict: conflict with \"one\": .data.x");
        assert_eq!(
            refused.to_json()["details"]["causes"],
            json!([{"reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.x"}])
        );
        let forced = applied(&first, &json!({"data": {"x": "2"}}), "two", Force::Yes, NOW).unwrap();
        assert_eq!(
            forced["metadata"]["managedFields"][0]["fieldsV1"],
            json!({"f:data": {"f:y": {}}})
        );

        let mut edited = first.clone();
        edited["data"] = json!({"x": "9", "y": "9"});
        update(&of, &first, &mut edited, &writer("kubectl-edit", Operation::Update), LATER);
        let refused =
            applied(&edited, &json!({"data": {"x": "1", "y": "1"}}), "one", Force::No, LATER)
                .unwrap_err();
        assert_eq!(
            refused.message,
            "Apply failed with 2 conflicts: conflicts with \"kubectl-edit\" using v1:\n- .data.x\n- .data.y"
        );
    }

    #[test]
    fn who_updates_owns_what_changed_and_what_is_removed_is_nobodys() {
        let of = Type::builtin("ConfigMap");
        let first = applied(
            &json!({"metadata": {"name": "a"}}),
            &json!({"data": {"x": "1", "y": "1"}}),
            "one",
            Force::No,
            NOW,
        )
        .unwrap();
        let mut edited = first.clone();
        edited["data"] = json!({"x": "1", "z": "1"});
        update(&of, &first, &mut edited, &writer("kubectl", Operation::Update), LATER);
        let entries = edited["metadata"]["managedFields"].as_array().unwrap();
        assert_eq!(entries[0]["fieldsV1"], json!({"f:data": {"f:x": {}}}));
        assert_eq!(entries[1]["fieldsV1"], json!({"f:data": {"f:z": {}}}));
        assert_eq!(entries[1]["operation"], "Update");
    }
}
