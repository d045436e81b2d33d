//! What happens to every object that is written, whatever the verb: decoding, defaults, validation, admission, ownership.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::admission::{Asked, admit};
use super::autoscalers;
use super::controllers;
use super::defaults;
use super::lifecycle;
use super::managers::{self, Writer};
use super::resources::{Resource, Version};
use super::status::{Answer, Cause, Status};
use super::store::{Cluster, Key, now, uid};
use super::structural;
use super::types::{normalize, unknown_fields};
use super::validate;

/// A write that has been asked for.
pub(super) struct Write<'a> {
    pub(super) resource: &'a Resource,
    /// The version in which the object is sent.
    pub(super) version: &'a Version,
    pub(super) key: Key,
    pub(super) writer: Writer,
    pub(super) ownership: Ownership,
    pub(super) strictness: Strictness,
    pub(super) run: Run,
}

/// Who notes which fields are whose.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ownership {
    /// An apply has done it.
    Noted,
    ToNote,
}

/// What becomes of fields that nobody knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    Drop,
    Refuse,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    Real,
    Dry,
}

/// What came of a write, as it is stored.
pub(super) struct Written {
    pub(super) object: Arc<Value>,
    pub(super) is_new: bool,
}

/// Writes `new` in place of what is there; `new` is in the version of the request.
pub(super) fn write(cluster: &mut Cluster, asked: &Write<'_>, mut new: Value) -> Answer<Written> {
    let Write { resource, version, key, writer, .. } = asked;
    let old = cluster.get(key).cloned();
    identify(asked, old.as_deref(), &mut new)?;
    if old.is_none() {
        may_be_born(cluster, resource, key)?;
    }
    decode(asked, &mut new)?;
    into_storage(resource, version, &mut new);
    keep_other_half(asked, old.as_deref(), &mut new);
    if !resource.custom && asked.writer.subresource != "status" {
        defaults::fill(cluster, resource, old.as_deref(), &mut new);
        // Defaults may leave empty places behind.
        let _ = normalize(&resource.storage().of, &mut new, "");
    }
    check(asked, old.as_deref(), &new)?;
    count_generation(resource, old.as_deref(), &mut new);
    if asked.ownership == Ownership::ToNote {
        let none = json!({});
        managers::update(
            &resource.storage().of,
            old.as_deref().unwrap_or(&none),
            &mut new,
            writer,
            &now(),
        );
    }
    if old.is_none() {
        lifecycle::protect(resource, &mut new);
    }
    let operation = if old.is_some() { "UPDATE" } else { "CREATE" };
    admit(
        cluster,
        &Asked {
            resource,
            version: &version.name,
            operation,
            subresource: &writer.subresource,
            object: &new,
        },
    )?;
    if let Some(old) = &old
        && without_times(old) == without_times(&new)
    {
        return Ok(Written { object: Arc::clone(old), is_new: false });
    }
    let is_new = old.is_none();
    if asked.run == Run::Dry {
        return Ok(Written { object: Arc::new(new), is_new });
    }
    let mut object = cluster.put(key, new);
    if let Some(last) = lifecycle::released(cluster, key) {
        return Ok(Written { object: last, is_new });
    }
    if writer.subresource != "status" {
        controllers::wrote(cluster, resource, key, old.as_deref());
        object = cluster.get(key).cloned().unwrap_or(object);
    }
    Ok(Written { object, is_new })
}

/// Name, namespace and all that belongs to the server.
fn identify(asked: &Write<'_>, old: Option<&Value>, new: &mut Value) -> Answer<()> {
    let Write { resource, version, key, .. } = asked;
    let sent = |field: &str| {
        new["metadata"][field].as_str().filter(|it| !it.is_empty()).map(str::to_owned)
    };
    let (sent_version, sent_uid) = (sent("resourceVersion"), sent("uid"));
    new["apiVersion"] = resource.api_version(&version.name).into();
    new["kind"] = resource.kind.as_str().into();
    let metadata = new["metadata"]
        .as_object_mut()
        .ok_or_else(|| Status::bad_request("an object has metadata"))?;
    metadata.insert("name".into(), key.name.as_str().into());
    if resource.namespaced {
        metadata.insert("namespace".into(), key.namespace.as_str().into());
    } else {
        metadata.remove("namespace");
    }
    let servers = [
        "uid",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generation",
        "selfLink",
    ];
    for field in servers {
        metadata.remove(field);
    }
    let Some(old) = old else {
        if sent_version.is_some() {
            return Err(if asked.ownership == Ownership::Noted {
                Status::conflict(
                    resource,
                    &key.name,
                    "the object does not exist, and a resourceVersion was given",
                )
            } else {
                Status::new(500, "", "resourceVersion should not be set on objects to be created")
            });
        }
        metadata.remove("resourceVersion");
        metadata.insert("uid".into(), uid().into());
        metadata.insert("creationTimestamp".into(), now().into());
        return Ok(());
    };
    if sent_version.is_some_and(|it| old["metadata"]["resourceVersion"] != it.as_str()) {
        return Err(Status::stale(resource, &key.name));
    }
    if let Some(sent) = sent_uid.filter(|it| old["metadata"]["uid"] != it.as_str()) {
        let found = old["metadata"]["uid"].as_str().unwrap_or_default();
        let why = format!(
            "Precondition failed: UID in precondition: {sent}, UID in object meta: {found}"
        );
        return Err(Status::conflict(resource, &key.name, &why));
    }
    for field in servers.into_iter().chain(["resourceVersion"]) {
        if let Some(value) = old["metadata"].get(field) {
            metadata.insert(field.into(), value.clone());
        }
    }
    // What is being deleted gets no new finalizers.
    if !old["metadata"]["deletionTimestamp"].is_null() {
        let before = lifecycle::finalizers(old);
        let added: Vec<String> =
            lifecycle::finalizers(new).into_iter().filter(|it| !before.contains(it)).collect();
        if !added.is_empty() {
            let quoted: Vec<String> = added.iter().map(|it| format!("{it:?}")).collect();
            let why = "no new finalizers can be added if the object is being deleted";
            let why = format!("{why}, found new finalizers []string{{{}}}", quoted.join(", "));
            return Err(Status::invalid(
                resource,
                &key.name,
                &[Cause::forbidden("metadata.finalizers", &why)],
            ));
        }
    }
    Ok(())
}

fn may_be_born(cluster: &Cluster, resource: &Resource, key: &Key) -> Answer<()> {
    if !resource.namespaced {
        return Ok(());
    }
    let namespaces = super::resources::builtin("", "namespaces").expect("namespaces are built in");
    let Some(namespace) = cluster.get(&defaults::namespace_key(&key.namespace)) else {
        return Err(Status::not_found(namespaces, &key.namespace));
    };
    if !namespace["metadata"]["deletionTimestamp"].is_null() {
        let why = format!(
            "unable to create new content in namespace {} because it is being terminated",
            key.namespace
        );
        let cause = format!("namespace {} is being terminated", key.namespace);
        let refused = Status::forbidden(resource, &key.name, &why);
        return Err(refused.with_cause("NamespaceTerminating", "metadata.namespace", &cause));
    }
    Ok(())
}

/// Types and unknown fields; for custom resources the whole schema.
fn decode(asked: &Write<'_>, new: &mut Value) -> Answer<()> {
    let Write { resource, version, key, .. } = asked;
    if asked.strictness == Strictness::Refuse {
        let mut unknown = Vec::new();
        unknown_fields(&version.of, new, "", &mut unknown);
        if !unknown.is_empty() {
            let told: Vec<String> =
                unknown.iter().map(|field| format!("unknown field {field:?}")).collect();
            let told = format!("strict decoding error: {}", told.join(", "));
            let kind = &resource.kind;
            return Err(Status::bad_request(if resource.custom {
                told
            } else {
                format!(
                    "{kind} in version {:?} cannot be handled as a {kind}: {told}",
                    version.name
                )
            }));
        }
    }
    if resource.custom {
        structural::prune(&version.of, new);
        if let Some(schema) = &version.schema {
            structural::default(schema, new);
            let mut causes = Vec::new();
            structural::validate(schema, new, "", &mut causes);
            if !causes.is_empty() {
                return Err(Status::invalid(resource, &key.name, &causes));
            }
        }
        if let Some(metadata) = new.get_mut("metadata") {
            drop_empty(metadata);
        }
        return Ok(());
    }
    normalize(&version.of, new, "").map_err(|wrong| {
        let kind = &resource.kind;
        let message = format!(
            "{kind} in version {:?} cannot be handled as a {kind}: json: cannot unmarshal {} into Go struct field {kind}{} of type {}",
            version.name, wrong.found, wrong.path, wrong.expected
        );
        Status::bad_request(message)
    })
}

fn drop_empty(metadata: &mut Value) {
    if let Some(members) = metadata.as_object_mut() {
        members.retain(|_, value| match value {
            Value::Null => false,
            Value::Object(members) => !members.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        });
    }
}

fn into_storage(resource: &Resource, version: &Version, new: &mut Value) {
    if resource.plural == "horizontalpodautoscalers" && version.name == "v1" && !resource.custom {
        autoscalers::to_v2(new);
    }
    new["apiVersion"] = resource.api_version(&resource.storage().name).into();
}

/// An object as a version shows it.
pub(super) fn in_version(resource: &Resource, version: &str, object: &Value) -> Value {
    let mut shown = object.clone();
    shown["apiVersion"] = resource.api_version(version).into();
    shown["kind"] = resource.kind.as_str().into();
    if resource.plural == "horizontalpodautoscalers" && version == "v1" && !resource.custom {
        autoscalers::to_v1(&mut shown);
    }
    let other = resource.versions.iter().find(|it| it.name == version && !it.storage);
    if let Some(Version { of, schema: Some(schema), .. }) = other {
        structural::prune(of, &mut shown);
        structural::default(schema, &mut shown);
    }
    shown
}

/// Status and the rest are written apart, where a resource has a status of its own.
fn keep_other_half(asked: &Write<'_>, old: Option<&Value>, new: &mut Value) {
    if !asked.version.status {
        return;
    }
    let Some(members) = new.as_object_mut() else { return };
    if asked.writer.subresource == "status" {
        let Some(old) = old.and_then(Value::as_object) else { return };
        let status = members.get("status").cloned();
        let managed = members.get("metadata").and_then(|it| it.get("managedFields")).cloned();
        let metadata = members.remove("metadata");
        members.clone_from(old);
        members.remove("status");
        members.extend(status.map(|status| ("status".to_owned(), status)));
        // Built-in kinds let a writer of the status change labels and annotations, too.
        if let Some(Value::Object(sent)) = metadata {
            let mut kept = old.get("metadata").cloned().unwrap_or_default();
            for field in ["labels", "annotations"].into_iter().filter(|_| !asked.resource.custom) {
                match sent.get(field) {
                    Some(value) => kept[field] = value.clone(),
                    None => {
                        kept.as_object_mut().map(|it| it.remove(field));
                    }
                }
            }
            if let (Ownership::Noted, Some(managed)) = (asked.ownership, managed) {
                kept["managedFields"] = managed;
            }
            members.insert("metadata".into(), kept);
        }
        return;
    }
    members.remove("status");
    if let Some(status) = old.and_then(|old| old.get("status")) {
        members.insert("status".into(), status.clone());
    }
    // What such objects show from the start.
    if !asked.resource.custom {
        let balanced = ["services", "ingresses"].contains(&asked.resource.plural.as_str());
        let first = if balanced { json!({ "loadBalancer": {} }) } else { json!({}) };
        members.entry("status").or_insert(first);
    }
}

fn check(asked: &Write<'_>, old: Option<&Value>, new: &Value) -> Answer<()> {
    let Write { resource, key, .. } = asked;
    let mut causes = validate::object(resource, new);
    if let Some(old) = old {
        causes.extend(validate::update(resource, old, new));
    }
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(resource, &key.name, &causes)) }
}

fn count_generation(resource: &Resource, old: Option<&Value>, new: &mut Value) {
    if !resource.has_generation() {
        return;
    }
    let content = |object: &Value| {
        let rest = object.as_object().cloned().unwrap_or_default();
        rest.into_iter()
            .filter(|(key, _)| !["metadata", "status", "apiVersion"].contains(&key.as_str()))
            .collect::<Map<_, _>>()
    };
    let before = old.and_then(|old| old["metadata"]["generation"].as_i64()).unwrap_or(0);
    let changed = old.is_none_or(|old| content(old) != content(new));
    new["metadata"]["generation"] = (if changed { before + 1 } else { before.max(1) }).into();
}

/// What a write must change to be one: times of managers alone are no change.
fn without_times(object: &Value) -> Value {
    let mut object = object.clone();
    for entry in object["metadata"]["managedFields"].as_array_mut().into_iter().flatten() {
        entry.as_object_mut().map(|it| it.remove("time"));
    }
    object
}
