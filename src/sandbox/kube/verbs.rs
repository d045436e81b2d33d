//! The verbs of the API on one resource of one cluster.

use serde_json::{Value, json};

use super::admission::{Asked, admit};
use super::fields::duplicate;
use super::http::Request;
use super::lifecycle::{self, Deleted, Propagation};
use super::managers::{self, Force, Operation, Writer};
use super::patch;
use super::resources::{Resource, Version};
use super::selector::Selector;
use super::status::{Answer, Cause, Status};
use super::store::{Cluster, Key, at, now, set_at};
use super::types::{normalize, unknown_fields};
use super::write::{Ownership, Run, Strictness, Write, Written, in_version, write};

/// What a request is about.
pub(super) struct Target<'a> {
    pub(super) resource: &'a Resource,
    pub(super) version: &'a Version,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: String,
}

type Outcome = Answer<(u16, Value)>;

pub(super) fn call(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let named = target.name.is_some();
    match (request.method.as_str(), named, target.subresource.as_str()) {
        ("GET", true, "scale") => Ok((200, target.scale_of(&target.live(cluster)?)?)),
        ("GET", true, _) => Ok((200, target.shown(&target.live(cluster)?))),
        ("GET", false, _) => list(cluster, target, request),
        ("POST", false, _) => create(cluster, target, request),
        ("PUT", true, _) => update(cluster, target, request),
        ("PATCH", true, _) => patch(cluster, target, request),
        ("DELETE", true, "") => delete(cluster, target, request),
        ("DELETE", false, "") => delete_collection(cluster, target, request),
        _ => Err(Status::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    }
}

impl Target<'_> {
    fn key(&self, name: &str) -> Key {
        let namespace = if self.resource.namespaced {
            self.namespace.as_deref().unwrap_or_default()
        } else {
            ""
        };
        Key::new(self.resource, namespace, name)
    }

    fn own_key(&self) -> Key {
        self.key(self.name.as_deref().unwrap_or_default())
    }

    fn live(&self, cluster: &Cluster) -> Answer<Value> {
        let key = self.own_key();
        let found = cluster.get(&key).ok_or_else(|| Status::not_found(self.resource, &key.name))?;
        Ok(Value::clone(found))
    }

    /// As the requested version shows it.
    fn shown(&self, object: &Value) -> Value {
        in_version(self.resource, &self.version.name, object)
    }

    fn write(&self, request: &Request, key: Key, operation: Operation) -> Write<'_> {
        let agent = request.header("user-agent").split('/').next().unwrap_or_default();
        let manager =
            Some(request.param("fieldManager")).filter(|it| !it.is_empty()).unwrap_or(agent);
        let name = if manager.is_empty() { "unknown" } else { manager };
        Write {
            resource: self.resource,
            version: self.version,
            key,
            writer: Writer {
                name: name.into(),
                operation,
                api_version: self.resource.api_version(&self.version.name),
                subresource: self.subresource.clone(),
            },
            ownership: if operation == Operation::Apply {
                Ownership::Noted
            } else {
                Ownership::ToNote
            },
            strictness: match request.param("fieldValidation") {
                "Strict" => Strictness::Refuse,
                _ => Strictness::Drop,
            },
            run: if request.param("dryRun") == "All" { Run::Dry } else { Run::Real },
        }
    }

    fn scale_of(&self, object: &Value) -> Answer<Value> {
        let scale = self.version.scale.as_ref().ok_or_else(Status::no_such_path)?;
        let metadata = &object["metadata"];
        let selector = scale.selector.as_ref().map(|path| match at(object, path) {
            Value::String(text) => text.clone(),
            selector => {
                let pairs = selector["matchLabels"].as_object().into_iter().flatten();
                let pairs: Vec<String> = pairs
                    .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
                    .collect();
                pairs.join(",")
            }
        });
        let number = |path: &[String]| at(object, path).as_i64().unwrap_or(0);
        let mut shown = json!({
            "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": { "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"] },
            "spec": { "replicas": number(&scale.spec_replicas) },
            "status": { "replicas": number(&scale.status_replicas) },
        });
        if let Some(selector) = selector.filter(|it| !it.is_empty()) {
            shown["status"]["selector"] = selector.into();
        }
        Ok(shown)
    }

    /// Stores what a request has made of the object, or of a part of it.
    fn store(&self, cluster: &mut Cluster, asked: &Write<'_>, sent: Value) -> Outcome {
        let new = match self.subresource.as_str() {
            "" | "status" => sent,
            "scale" => {
                let scale = self.version.scale.as_ref().ok_or_else(Status::no_such_path)?;
                let mut object = self.shown(&self.live(cluster)?);
                if let Some(version) = sent["metadata"].get("resourceVersion") {
                    object["metadata"]["resourceVersion"] = version.clone();
                }
                set_at(&mut object, &scale.spec_replicas, sent["spec"]["replicas"].clone());
                object
            }
            "finalize" if self.resource.is("", "namespaces") => {
                let mut object = self.live(cluster)?;
                object["spec"]["finalizers"] = sent["spec"]["finalizers"].clone();
                object
            }
            _ => return Err(Status::no_such_path()),
        };
        let Written { object, is_new } = write(cluster, asked, new)?;
        let code = if is_new { 201 } else { 200 };
        if self.subresource == "scale" {
            return Ok((code, self.scale_of(&object)?));
        }
        Ok((code, self.shown(&object)))
    }
}

fn list(cluster: &Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let Target { resource, version, namespace, .. } = target;
    let selector = Selector::parse(request.param("labelSelector"), request.param("fieldSelector"))?;
    let limit: usize = request.param("limit").parse().unwrap_or(0);
    let after = match request.param("continue") {
        "" => None,
        token => Some(parse_continue(cluster, token)?),
    };
    let id = resource.id();
    let scope = namespace.as_deref().filter(|_| resource.namespaced);
    let mut found = cluster
        .list(&id, scope)
        .filter(|(key, _)| {
            after
                .as_ref()
                .is_none_or(|(_, after)| (&key.namespace, &key.name) > (&after.0, &after.1))
        })
        .filter(|(_, object)| selector.matches(object));
    let taken: Vec<_> = found.by_ref().take(if limit == 0 { usize::MAX } else { limit }).collect();
    let rest = found.count();
    let at_version = after.as_ref().map_or(cluster.version(), |(version, _)| *version);
    let mut metadata = json!({ "resourceVersion": at_version.to_string() });
    if let (true, Some((key, _))) = (rest > 0, taken.last()) {
        metadata["continue"] =
            hex::encode(format!("{at_version}\n{}\n{}", key.namespace, key.name)).into();
        // A server that would have to count what matches does not say.
        if selector == Selector::default() {
            metadata["remainingItemCount"] = rest.into();
        }
    }
    let items = taken.into_iter().map(|(_, object)| {
        let mut item = target.shown(object);
        // Lists of built-in kinds say once what they are of.
        if let (false, Some(members)) = (resource.custom, item.as_object_mut()) {
            members.remove("apiVersion");
            members.remove("kind");
        }
        item
    });
    let items: Vec<Value> = items.collect();
    let body = json!({
        "kind": resource.list_kind, "apiVersion": resource.api_version(&version.name), "metadata": metadata, "items": items,
    });
    Ok((200, body))
}

type Place = (String, String);

fn parse_continue(cluster: &Cluster, token: &str) -> Answer<(u64, Place)> {
    let bad = || Status::bad_request("continue key is not valid");
    let text =
        hex::decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
    let mut parts = text.split('\n');
    let version = parts.next().and_then(|it| it.parse().ok()).ok_or_else(bad)?;
    let (Some(namespace), Some(name)) = (parts.next(), parts.next()) else { return Err(bad()) };
    if cluster.since(version).is_none() {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
        return Err(Status::new(410, "Expired", message));
    }
    Ok((version, (namespace.into(), name.into())))
}

fn body(request: &Request) -> Answer<Value> {
    if let Ok(json) = serde_json::from_slice(&request.body) {
        return Ok(json);
    }
    let kind = request.header("content-type");
    if kind.contains("yaml") {
        return serde_yaml::from_slice(&request.body)
            .map_err(|error| Status::bad_request(error.to_string()));
    }
    if kind.contains("protobuf") {
        let message = "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml";
        return Err(Status::new(415, "UnsupportedMediaType", message));
    }
    Err(Status::bad_request("the object provided is unrecognized (must be of type JSON or YAML)"))
}

/// An object of the target's kind, with the name and namespace of the path.
fn object(target: &Target<'_>, request: &Request) -> Answer<Value> {
    let mut object = body(request)?;
    let Target { resource, version, .. } = target;
    let (kind, api_version) = match target.subresource.as_str() {
        "scale" => ("Scale", "autoscaling/v1".to_owned()),
        _ => (resource.kind.as_str(), resource.api_version(&version.name)),
    };
    for (field, expected) in [("apiVersion", api_version.as_str()), ("kind", kind)] {
        match object[field].as_str() {
            Some(found) if found != expected => {
                let message = format!(
                    "the {field} in the data ({found}) does not match the expected {field} ({expected})"
                );
                return Err(Status::bad_request(message));
            }
            // Typed clients leave them out.
            _ => object[field] = expected.into(),
        }
    }
    if object["metadata"].is_null() {
        object["metadata"] = json!({});
    }
    let sent = |field: &str| object["metadata"][field].as_str().filter(|it| !it.is_empty());
    if let (Some(sent), Some(wanted), true) =
        (sent("namespace"), &target.namespace, resource.namespaced)
        && sent != wanted
    {
        let message = if request.method == "POST" {
            "the namespace of the provided object does not match the namespace sent on the request"
                .to_owned()
        } else {
            format!(
                "the namespace of the object ({sent}) does not match the namespace on the request ({wanted})"
            )
        };
        return Err(Status::bad_request(message));
    }
    if let (Some(sent), Some(wanted)) = (sent("name"), &target.name)
        && sent != wanted
    {
        let message = format!(
            "the name of the object ({sent}) does not match the name on the URL ({wanted})"
        );
        return Err(Status::bad_request(message));
    }
    Ok(object)
}

fn create(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let mut new = object(target, request)?;
    let metadata = &new["metadata"];
    let mut name = metadata["name"].as_str().unwrap_or_default().to_owned();
    if let (true, Some(prefix)) = (name.is_empty(), metadata["generateName"].as_str()) {
        // The alphabet that server-made names have: no vowels, so no words.
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let random: [u8; 5] = rand::random();
        let suffix = random.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]));
        name = format!("{prefix}{}", suffix.iter().collect::<String>());
        new["metadata"]["name"] = name.as_str().into();
    }
    if target.resource.namespaced && target.namespace.is_none() {
        return Err(Status::bad_request("an empty namespace may not be set during creation"));
    }
    let key = target.key(&name);
    if cluster.get(&key).is_some() {
        return Err(Status::exists(target.resource, &name));
    }
    let asked = target.write(request, key, Operation::Update);
    target.store(cluster, &asked, new)
}

fn update(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let new = object(target, request)?;
    target.live(cluster)?;
    let asked = target.write(request, target.own_key(), Operation::Update);
    target.store(cluster, &asked, new)
}

fn patch(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let kind = request.header("content-type").split(';').next().unwrap_or_default().trim();
    if kind == "application/apply-patch+yaml" {
        return apply(cluster, target, request);
    }
    if !request.param("force").is_empty() {
        let cause = Cause::forbidden("force", "may not be specified for non-apply patch");
        return Err(invalid_options("PatchOptions", &cause));
    }
    let live = target.live(cluster)?;
    let mut new =
        if target.subresource == "scale" { target.scale_of(&live)? } else { target.shown(&live) };
    let sent = body(request)?;
    match kind {
        "application/json-patch+json" => patch::json_patch(&mut new, &sent)?,
        "application/merge-patch+json" => patch::merge(&mut new, &sent),
        "application/strategic-merge-patch+json" if !target.resource.custom => {
            patch::strategic(&target.version.of, &mut new, &sent);
        }
        _ => {
            let mut accepted = vec![
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/apply-patch+yaml",
            ];
            if !target.resource.custom {
                accepted.insert(2, "application/strategic-merge-patch+json");
            }
            let message = format!(
                "the body of the request was in an unknown format - accepted media types include: {}",
                accepted.join(", ")
            );
            return Err(Status::new(415, "UnsupportedMediaType", message));
        }
    }
    if !target.resource.custom && target.subresource.is_empty() {
        // What a patch has made of an object is judged before its kind is asked.
        normalize(&target.version.of, &mut new.clone(), "").map_err(|wrong| {
            let shown = Value::String(new.to_string());
            let why = format!("{}: expected {}, got {}", wrong.path, wrong.expected, wrong.found);
            let Cause { reason, field, message } = Cause::invalid("patch", &shown, &why);
            Status::new(422, "Invalid", format!(" \"\" is invalid: {field}: {message}"))
                .with_cause(reason, &field, &message)
        })?;
    }
    if sent["metadata"].get("resourceVersion").is_none() && kind != "application/json-patch+json" {
        new["metadata"].as_object_mut().map(|it| it.remove("resourceVersion"));
    }
    let asked = target.write(request, target.own_key(), Operation::Update);
    target.store(cluster, &asked, new)
}

fn invalid_options(kind: &str, cause: &Cause) -> Status {
    let message = format!("{kind}.meta.k8s.io \"\" is invalid: {}: {}", cause.field, cause.message);
    Status::new(422, "Invalid", message).with_cause(cause.reason, &cause.field, &cause.message)
}

/// Server-side apply.
fn apply(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let Target { resource, version, .. } = target;
    if request.param("fieldManager").is_empty() {
        let cause = Cause::required("fieldManager", "is required for apply patch");
        return Err(invalid_options("PatchOptions", &cause));
    }
    let sent = body(request)?;
    let own = resource.api_version(&version.name);
    if sent["apiVersion"].as_str().is_none_or(str::is_empty) && target.subresource != "scale" {
        let message = format!(
            "Incorrect version specified in apply patch. Specified patch version: , expected: {own}"
        );
        return Err(Status::bad_request(message));
    }
    let mut config = object(target, request)?;
    let named = config["metadata"]["managedFields"].as_array().is_some_and(|it| !it.is_empty());
    if named {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    drop_nulls(&mut config);
    let key = target.own_key();
    let live = cluster.get(&key).cloned();
    if live.is_none() && config["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        let message = format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            key.name
        );
        return Err(Status::bad_request(message));
    }
    if live.is_none() && !target.subresource.is_empty() {
        return Err(Status::not_found(resource, &key.name));
    }
    if target.subresource == "scale" {
        let scale = version.scale.as_ref().ok_or_else(Status::no_such_path)?;
        let replicas = config["spec"]["replicas"].clone();
        config = json!({ "metadata": { "name": key.name } });
        set_at(&mut config, &scale.spec_replicas, replicas);
    }
    typed(target, &key, &config)?;
    config["metadata"]["name"] = key.name.as_str().into();
    let mut asked = target.write(request, key, Operation::Apply);
    // The typed configuration has refused what is unknown.
    asked.strictness = Strictness::Drop;
    let force = if request.param("force") == "true" { Force::Yes } else { Force::No };
    let base = live.as_ref().map_or_else(|| json!({ "metadata": {} }), |live| target.shown(live));
    let mut new = managers::apply(&version.of, &base, &config, &asked.writer, force, &now())?;
    if config["metadata"].get("resourceVersion").is_none() {
        new["metadata"].as_object_mut().map(|it| it.remove("resourceVersion"));
    }
    let Written { object, is_new } = write(cluster, &asked, new)?;
    let code = if is_new { 201 } else { 200 };
    let shown = if target.subresource == "scale" {
        target.scale_of(&object)?
    } else {
        target.shown(&object)
    };
    Ok((code, shown))
}

/// Whether a configuration is one of this type at all.
fn typed(target: &Target<'_>, key: &Key, config: &Value) -> Answer<()> {
    let Target { resource, version, .. } = target;
    let failed = |why: String| {
        let place = format!("{}/{}", key.namespace, key.name);
        let kind = format!("{}, Kind={}", resource.api_version(&version.name), resource.kind);
        Status::new(
            500,
            "",
            format!("failed to create typed patch object ({place}; {kind}): {why}"),
        )
    };
    let mut unknown = Vec::new();
    unknown_fields(&version.of, config, "", &mut unknown);
    if let [first, rest @ ..] = unknown.as_slice() {
        let told = format!(".{first}: field not declared in schema");
        return Err(failed(if rest.is_empty() {
            told
        } else {
            let all: Vec<String> =
                unknown.iter().map(|it| format!("  .{it}: field not declared in schema")).collect();
            format!("errors:\n{}", all.join("\n"))
        }));
    }
    if let Some(told) = duplicate(&version.of, config, "") {
        return Err(failed(told));
    }
    if !resource.custom {
        normalize(&version.of, &mut config.clone(), "").map_err(|wrong| {
            let expected = match wrong.expected {
                "int32" | "float64" => "numeric (int or float)",
                "bool" => "boolean",
                other => other,
            };
            failed(format!("{}: expected {expected}, got {}", wrong.path, wrong.found))
        })?;
    }
    Ok(())
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

fn delete(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let live = target.live(cluster)?;
    let Target { resource, version, .. } = target;
    let key = target.own_key();
    let options = if request.body.is_empty() { json!({}) } else { body(request)? };
    let preconditions = &options["preconditions"];
    for (field, shown) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
        let found = &live["metadata"][field];
        if let Some(wanted) = preconditions[field].as_str().filter(|it| *found != *it) {
            let found = found.as_str().unwrap_or_default();
            let why = format!(
                "the {shown} in the precondition ({wanted}) does not match the {shown} in record ({found}). The object might have been {}",
                if field == "uid" { "deleted and then recreated" } else { "modified" }
            );
            return Err(Status::conflict(resource, &key.name, &why));
        }
    }
    let policy = &options["propagationPolicy"];
    if policy.as_str().is_some_and(|it| !["Foreground", "Background", "Orphan"].contains(&it)) {
        let supported = ["Foreground", "Background", "Orphan", "nil"].map(|it| format!("{it:?}"));
        let cause = Cause::unsupported("propagationPolicy", policy, &supported);
        return Err(invalid_options("DeleteOptions", &cause));
    }
    let protected = ["default", "kube-system", "kube-public"];
    if resource.is("", "namespaces") && protected.contains(&key.name.as_str()) {
        return Err(Status::forbidden(resource, &key.name, "this namespace may not be deleted"));
    }
    admit(
        cluster,
        &Asked {
            resource,
            version: &version.name,
            operation: "DELETE",
            subresource: "",
            object: &live,
        },
    )?;
    let propagation = propagation(request, &options);
    let dry = request.param("dryRun") == "All" || options["dryRun"][0] == "All";
    let mut done = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": { "name": key.name, "group": resource.group, "kind": resource.plural, "uid": live["metadata"]["uid"] },
    });
    if resource.group.is_empty() {
        done["details"].as_object_mut().map(|details| details.remove("group"));
    }
    if dry {
        return Ok((200, done));
    }
    match lifecycle::delete(cluster, &key, propagation) {
        Some(Deleted::Gone) => Ok((200, done)),
        Some(Deleted::Pending(object)) => Ok((200, target.shown(&object))),
        None => Err(Status::not_found(resource, &key.name)),
    }
}

fn propagation(request: &Request, options: &Value) -> Propagation {
    let asked =
        options["propagationPolicy"].as_str().unwrap_or_else(|| request.param("propagationPolicy"));
    match asked {
        "Foreground" => Propagation::Foreground,
        "Orphan" => Propagation::Orphan,
        _ if options["orphanDependents"] == json!(true) => Propagation::Orphan,
        _ => Propagation::Background,
    }
}

fn delete_collection(cluster: &mut Cluster, target: &Target<'_>, request: &Request) -> Outcome {
    let (code, listed) = list(cluster, target, request)?;
    let options = if request.body.is_empty() { json!({}) } else { body(request)? };
    if request.param("dryRun") != "All" {
        for item in listed["items"].as_array().into_iter().flatten() {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default();
            let key = Key::new(target.resource, text("namespace"), text("name"));
            lifecycle::delete(cluster, &key, propagation(request, &options));
        }
    }
    Ok((code, listed))
}
