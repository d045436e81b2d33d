//! Objects of Kubernetes: any group, any version, any kind.
//!
//! A kind is named by its `apiVersion/Kind` (`apps/v1/Deployment`). A spec is the manifest without these two and without
//! `status`, and with one more member, `cluster`: the name of an EKS cluster, or `kubeconfig:` and a context. The id is
//! made of cluster, namespace and name, so nothing is to be found out about an object before it is made, and a creation
//! may be repeated.
//!
//! Objects are written by server-side apply, as field manager `platctl`. They are read by one list of a kind, of those
//! with our label; what such a list should hold and does not is asked for by its name, because somebody may have taken the
//! label away, or have an object of that name.
//!
//! The deletion of an object with finalizers waits for their controllers: that of a Service or an Ingress for its load
//! balancer, that of a node pool for its nodes.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::de::Error as _;
use serde_json::{Map, Value, json};

use super::k8s_extras::{extras, removals};
use super::k8s_managed_fields::{of_others, ours};
use super::k8s_objections::Known;
use super::k8s_schema::{self, DEFINITION};
use super::{k8s_readiness, k8s_table};
use crate::address::{Owner, PhysicalId, Stack};
use crate::cloud::Cx;
use crate::cloud::kube::{Api, KUBECONFIG, Propagation, Resource};
use crate::fault::{Blocker, Class, Fault};
use crate::kind::{
    Answer, AnyKind, DeletionPolicy, Field, Kind, Loss, Objection, Observed, Output, ReplaceOrder,
    Scope, Tagging, Token, Typical, Update, Wanted, manifest, outputs, reference,
};

/// The label that tells the stack; what has it is listed.
pub const STACK_LABEL: &str = "platctl.dev/stack";
/// The annotation that tells the address: labels cannot hold a slash.
pub const ADDRESS_ANNOTATION: &str = "platctl.dev/address";
/// The annotation of what is to be retained, as the tag of AWS's resources.
pub const DELETION_ANNOTATION: &str = "platctl.dev/deletion";

/// As many objects are asked for by name at the same time.
const GETS_MAX: usize = 16;
/// From this number on one list of all objects is cheaper.
const MISSING_MAX: usize = 20;

const OUTPUTS: &[Output] = &[
    Output::with_id("Name", "Its name."),
    Output::with_id("Namespace", "Its namespace."),
    Output::with_id("Uid", "Its uid, which no other object ever has."),
    Output::when_ready(
        "LoadBalancerHostname",
        "The name under which the load balancer of a Service or an Ingress is reached.",
    ),
];

/// A kind of Kubernetes objects.
#[derive(Debug)]
pub struct Object {
    /// `apps/v1/Deployment`
    name: &'static str,
    /// Empty for the core.
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    /// `apps/Deployment`
    group_kind: &'static str,
    fields: &'static [Field],
}

/// The kind of that name, if it has the form of one: `v1/Namespace`, `apps/v1/Deployment`.
pub fn find(name: &str) -> Option<&'static dyn AnyKind> {
    static KNOWN: Mutex<BTreeMap<&'static str, &'static Object>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kind) = known.get(name) {
        return Some(*kind);
    }
    let (group, version, kind) = parts(name)?;
    // A process meets as many kinds as blueprints and states name; they stay like those of the registry.
    let leaked = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let group_kind = leaked(format!("{group}/{kind}"));
    let object: &'static Object = Box::leak(Box::new(Object {
        name: leaked(name.into()),
        group: leaked(group.into()),
        version: leaked(version.into()),
        kind: leaked(kind.into()),
        group_kind,
        fields: k8s_table::fields(group_kind),
    }));
    known.insert(object.name, object);
    Some(object)
}

/// Group, version and kind of a kind's name.
pub fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (api_version, kind) = name.rsplit_once('/')?;
    let (group, version) = match api_version.rsplit_once('/') {
        Some(("", _)) => return None,
        Some(named) => named,
        None => ("", api_version),
    };
    let is_version = version.strip_prefix('v').is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_digit())
            && rest.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let is_kind = kind.starts_with(|c: char| c.is_ascii_uppercase())
        && kind.chars().all(|c| c.is_ascii_alphanumeric());
    let is_group =
        group.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c));
    (is_version && is_kind && is_group).then_some((group, version, kind))
}

/// Whether this is a kind of Kubernetes.
pub fn is_object(kind: &str) -> bool {
    parts(kind).is_some()
}

/// Whose an object is, by its label and its annotation.
pub fn owner(live: &Value) -> Option<Owner> {
    let metadata = live.get("metadata")?;
    let stack = Stack::new(metadata["labels"][STACK_LABEL].as_str()?);
    let address = metadata["annotations"][ADDRESS_ANNOTATION].as_str()?.parse().ok()?;
    Some(Owner { stack, address })
}

/// The cluster that an object is on, or that a resource is, by the name that specs of objects give it.
pub fn cluster_of<'a>(kind: &str, id: &'a PhysicalId) -> Option<&'a str> {
    if kind == <super::eks_cluster::Cluster as Kind>::NAME {
        return Some(id.as_str());
    }
    let [cluster, ..] = id.parts::<3>().filter(|_| is_object(kind))?;
    Some(cluster)
}

/// Whether the name of a cluster is that of a context of a kubeconfig file, which is the same one in every region.
pub fn is_context(cluster: &str) -> bool {
    cluster.starts_with(KUBECONFIG)
}

/// `group/Kind` of a kind's name, with an empty group for the core.
pub fn group_kind(name: &str) -> Option<String> {
    parts(name).map(|(group, _, kind)| format!("{group}/{kind}"))
}

/// The plural by which rules of roles and webhooks name a kind of Kubernetes' own groups.
pub fn plural(group_kind: &str) -> Option<&'static str> {
    k8s_table::built_in(group_kind).map(|it| it.plural)
}

/// Whether a kind of Kubernetes' own groups lives in namespaces; `None` for what it does not know.
pub fn is_namespaced(group_kind: &str) -> Option<bool> {
    k8s_table::built_in(group_kind).map(|it| it.namespaced)
}

/// Which object an id means.
struct Named<'a> {
    cluster: &'a str,
    /// Empty where it has none.
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Named<'a> {
    fn of(id: &'a PhysicalId) -> Result<Self, Fault> {
        let parts = id.parts().ok_or_else(|| Fault::bug(format!("`{id}` names no object")))?;
        let [cluster, namespace, name] = parts;
        Ok(Self { cluster, namespace, name })
    }
}

impl Object {
    async fn of_cluster(
        &self,
        api: &Api,
        ids: &BTreeSet<(&str, &str)>,
    ) -> Result<Vec<Value>, Fault> {
        let Some(resource) = self.resource(api).await? else { return Ok(Vec::new()) };
        let mut found = api.list(&resource, Some(STACK_LABEL)).await?;
        let seen: BTreeSet<(&str, &str)> = found.iter().map(place).collect();
        let missing: Vec<(&str, &str)> = ids.difference(&seen).copied().collect();
        if missing.len() > MISSING_MAX {
            return api.list(&resource, None).await;
        }
        let get = |(namespace, name)| api.get(&resource, namespace, name);
        let gets: Vec<_> = missing.into_iter().map(get).collect();
        let more: Vec<Option<Value>> =
            stream::iter(gets).buffer_unordered(GETS_MAX).try_collect().await?;
        found.extend(more.into_iter().flatten());
        Ok(found)
    }

    /// How the API server calls the kind; `None` while it does not know it.
    async fn resource(&self, api: &Api) -> Result<Option<Resource>, Fault> {
        let Self { group, version, kind, .. } = self;
        if let Some(known) = k8s_table::built_in(self.group_kind) {
            return Ok(Some(Resource::new(group, version, kind, known.plural, known.namespaced)));
        }
        api.discover(group, version, kind).await
    }

    /// The same, where it must be known.
    async fn known(&self, api: &Api) -> Result<Resource, Fault> {
        self.resource(api).await?.ok_or_else(|| {
            let name = self.name;
            Fault::new(Class::NotYet, format!("the cluster does not know the kind `{name}`"))
        })
    }

    /// What a cluster knows of the kind.
    async fn known_on(&self, cx: &Cx, cluster: &str) -> Result<Known, Fault> {
        let Some(api) = cx.cluster(cluster).await? else { return Ok(Known::Nothing) };
        let resource = self.resource(&api).await?;
        Known::on(&api, resource).await
    }

    fn observed(&self, cluster: &str, live: &Value, wanted: &Wanted<'_>) -> Observed {
        let (namespace, name) = place(live);
        let compared = wanted.compared.specs();
        let compared: Vec<&Value> = compared.iter().map(AsRef::as_ref).collect();
        // Whoever names no member wants to know what we applied.
        let wants_ours = compared.iter().any(|it| it.as_object().is_some_and(Map::is_empty));
        let mut spec = if wants_ours { applied(live) } else { manifest::named(live, &compared) };
        if !compared.is_empty() && !wants_ours {
            spec = manifest::merged(spec, of_others(live));
        }
        spec["cluster"] = json!(cluster);
        Observed {
            id: PhysicalId::joined([cluster, namespace, name]),
            owner: owner(live),
            spec,
            outputs: outputs([
                ("Name", Some(name)),
                ("Namespace", Some(namespace).filter(|it| !it.is_empty())),
                ("Uid", live["metadata"]["uid"].as_str()),
                ("LoadBalancerHostname", k8s_readiness::load_balancer(live)),
            ]),
            readiness: k8s_readiness::of(self.group_kind, live),
        }
    }

    /// Without what is no part of a manifest, and what the API server drops: of custom resources that is nothing but nulls.
    fn canonical(&self, spec: &Value) -> Value {
        let built_in = k8s_table::built_in(self.group_kind).is_some();
        let mut spec = pruned(spec, "", built_in);
        if let Some(members) = spec.as_object_mut() {
            for member in ["apiVersion", "kind", "status"] {
                members.remove(member);
            }
        }
        spec
    }

    /// The manifest as the API server takes it.
    fn manifest(&self, spec: &Value) -> Value {
        let mut written = spec.clone();
        if let Some(members) = written.as_object_mut() {
            members.remove("cluster");
            let api_version = self.name.rsplit_once('/').map_or("", |(it, _)| it);
            members.insert("apiVersion".into(), json!(api_version));
            members.insert("kind".into(), json!(self.kind));
        }
        // In schemas and in custom resources a number is what it is.
        let group = self.group_kind.split('/').next().unwrap_or_default();
        if group != "apiextensions.k8s.io" && k8s_table::built_in(self.group_kind).is_some() {
            manifest::write_amounts(&mut written);
        }
        written
    }

    async fn apply(
        &self,
        cx: &Cx,
        id: &PhysicalId,
        spec: &Value,
        force: bool,
    ) -> Result<(Value, std::sync::Arc<Api>, Resource), Fault> {
        let named = Named::of(id)?;
        let api = cx.cluster(named.cluster).await?.ok_or_else(|| no_cluster(named.cluster))?;
        let resource = self.known(&api).await?;
        let body = self.manifest(spec);
        let live = api.apply(&resource, named.namespace, named.name, &body, force).await?;
        Ok((live, api, resource))
    }
}

/// Namespace and name.
fn place(live: &Value) -> (&str, &str) {
    let of = |name: &str| live["metadata"][name].as_str().unwrap_or_default();
    (of("namespace"), of("name"))
}

/// The manifest that we applied, as far as that can be told.
fn applied(live: &Value) -> Value {
    let mut manifest = ours(live);
    for name in ["name", "namespace"] {
        if let Some(value) = live["metadata"].get(name) {
            manifest["metadata"][name] = value.clone();
        }
    }
    manifest
}

fn no_cluster(name: &str) -> Fault {
    Fault::new(Class::NotYet, format!("there is no cluster `{name}` whose API answers"))
}

/// Members whose members may be empty texts that mean something.
const TEXTS: &[&str] =
    &["data", "stringData", "labels", "annotations", "matchLabels", "nodeSelector", "parameters"];

fn pruned(value: &Value, of: &str, built_in: bool) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .filter(|(_, value)| !built_in || TEXTS.contains(&of) || value.as_str() != Some(""))
            .map(|(name, value)| (name.clone(), pruned(value, name, built_in)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| pruned(item, "", built_in)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// The text at a path, unless it is a reference that is still open.
fn text<'a>(spec: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(spec, |value, name| value.get(name))?.as_str()
}

impl AnyKind for Object {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        "An object of Kubernetes, written by server-side apply."
    }

    fn fields(&self) -> &'static [Field] {
        self.fields
    }

    fn outputs(&self) -> &'static [Output] {
        OUTPUTS
    }

    fn tagging(&self) -> Tagging {
        Tagging::Labels
    }

    fn replace_order(&self) -> ReplaceOrder {
        ReplaceOrder::DeleteFirst
    }

    fn loss(&self) -> Loss {
        k8s_table::loss(self.group_kind)
    }

    fn scope(&self) -> Scope {
        Scope::Region
    }

    fn normalize(&self, spec: &Value) -> Result<Value, serde_json::Error> {
        let spec = self.canonical(spec);
        let is_there = |path: &[&str]| path.iter().try_fold(&spec, |it, name| it.get(name));
        for path in [&["cluster"][..], &["metadata", "name"]] {
            let value = is_there(path);
            if !value.is_some_and(|it| it.is_string() || reference::is_open(it)) {
                return Err(serde_json::Error::custom(format!("it has no `{}`", path.join("."))));
            }
        }
        Ok(spec)
    }

    fn natural_id(&self, spec: &Value) -> Option<PhysicalId> {
        let cluster = text(spec, &["cluster"])?;
        let name = text(spec, &["metadata", "name"])?;
        let namespace = match spec["metadata"].get("namespace") {
            Some(namespace) => namespace.as_str()?,
            None => "",
        };
        Some(PhysicalId::joined([cluster, namespace, name]))
    }

    fn typical(&self, spec: &Value) -> Typical {
        if self.group_kind == "/Service" && spec["spec"]["type"] == "LoadBalancer" {
            // A network load balancer of its own.
            return Typical::seconds(150, 5, 60);
        }
        k8s_table::typical(self.group_kind)
    }

    fn name_rests(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn read_max(&self) -> usize {
        usize::MAX
    }

    fn properties(&self) -> &'static [&'static str] {
        &[]
    }

    /// Any member may stand in a manifest: its API server judges.
    fn has_property(&self, _: &str) -> bool {
        true
    }

    fn read<'a>(
        &'a self,
        cx: &'a Cx,
        wanted: &'a [Wanted<'a>],
    ) -> Answer<'a, Vec<Option<Observed>>> {
        Box::pin(async move {
            // By cluster, since each has an API of its own.
            let mut clusters: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
            let mut asked = Vec::with_capacity(wanted.len());
            for one in wanted {
                let id = match &one.lookup {
                    crate::kind::Lookup::Id(id) => Some(Named::of(id)?),
                    // What has no id yet is on a cluster that is not there yet.
                    crate::kind::Lookup::Owner { .. } => None,
                };
                if let Some(id) = &id {
                    clusters.entry(id.cluster).or_default().insert((id.namespace, id.name));
                }
                asked.push(id);
            }
            let mut lives: BTreeMap<(&str, String, String), Value> = BTreeMap::new();
            for (cluster, ids) in clusters {
                let Some(api) = cx.cluster(cluster).await? else { continue };
                for live in self.of_cluster(&api, &ids).await? {
                    let (namespace, name) = place(&live);
                    let key = (cluster, namespace.to_owned(), name.to_owned());
                    lives.insert(key, live);
                }
            }
            let answer = |(id, wanted): (&Option<Named<'_>>, &Wanted<'_>)| {
                let id = id.as_ref()?;
                let live = lives.get(&(id.cluster, id.namespace.into(), id.name.into()))?;
                Some(self.observed(id.cluster, live, wanted))
            };
            Ok(asked.iter().zip(wanted).map(answer).collect())
        })
    }

    /// An object of that name that others own keeps what it has: where both want the same field, that is a conflict.
    fn create<'a>(&'a self, cx: &'a Cx, spec: &'a Value, _: &'a Token) -> Answer<'a, PhysicalId> {
        Box::pin(async move {
            let id = self
                .natural_id(spec)
                .ok_or_else(|| Fault::bug(format!("a {} without a name", self.name)))?;
            self.apply(cx, &id, spec, false).await?;
            Ok(id)
        })
    }

    /// Takes over what others changed, and removes what they put beside it.
    fn update<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        update: Update<'a, Value>,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let (live, api, resource) = self.apply(cx, id, update.to, true).await?;
            let theirs = extras(&of_others(&live), update.to, Some(update.from));
            if theirs.is_empty() {
                return Ok(());
            }
            let named = Named::of(id)?;
            let patch = removals(&live, &theirs);
            api.patch(&resource, named.namespace, named.name, &patch).await
        })
    }

    fn delete<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        _: &'a Value,
        _: DeletionPolicy,
    ) -> Answer<'a, ()> {
        Box::pin(async move {
            let named = Named::of(id)?;
            // With the cluster went what was on it.
            let Some(api) = cx.cluster(named.cluster).await? else { return Ok(()) };
            let Some(resource) = self.resource(&api).await? else { return Ok(()) };
            let propagation = if k8s_table::has_pods(self.group_kind) {
                Propagation::Foreground
            } else {
                Propagation::Background
            };
            api.delete(&resource, named.namespace, named.name, propagation).await
        })
    }

    /// Finalizers: their controllers have something to clean up first, or are not there any more.
    fn blockers<'a>(
        &'a self,
        cx: &'a Cx,
        id: &'a PhysicalId,
        _: &'a Value,
    ) -> Answer<'a, Vec<Blocker>> {
        Box::pin(async move {
            let named = Named::of(id)?;
            let Some(api) = cx.cluster(named.cluster).await? else { return Ok(Vec::new()) };
            let Some(resource) = self.resource(&api).await? else { return Ok(Vec::new()) };
            let live = api.get(&resource, named.namespace, named.name).await?;
            let finalizers = live.as_ref().and_then(|it| it["metadata"]["finalizers"].as_array());
            let held = finalizers.into_iter().flatten().filter_map(Value::as_str).map(|name| {
                let why = "holds it until its controller has cleaned up";
                Blocker::stays(name, "finalizer", why)
            });
            Ok(held.collect())
        })
    }

    /// Custom resources against the definitions on their cluster. What is defined beside them was compared before, and may
    /// be newer than what is there.
    fn objections<'a>(
        &'a self,
        cx: &'a Cx,
        specs: &'a [&'a Value],
        beside: &'a [(&'a str, &'a Value)],
    ) -> Answer<'a, Vec<Vec<Objection>>> {
        Box::pin(async move {
            let defines = |(kind, spec): &(&str, &Value)| {
                group_kind(kind).as_deref() == Some(DEFINITION)
                    && k8s_schema::defines(spec, self.group, self.kind)
            };
            let is_built_in = k8s_table::built_in(self.group_kind).is_some();
            if is_built_in || beside.iter().any(defines) {
                return Ok(Vec::new());
            }
            let mut clusters: BTreeMap<&str, Known> = BTreeMap::new();
            let mut found = Vec::with_capacity(specs.len());
            for spec in specs {
                let Some(cluster) = text(spec, &["cluster"]) else {
                    found.push(Vec::new());
                    continue;
                };
                let known = match clusters.entry(cluster) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(place) => place.insert(self.known_on(cx, cluster).await?),
                };
                found.push(known.objections(self.name, spec));
            }
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_named_by_version_and_kind() {
        assert_eq!(parts("v1/Namespace"), Some(("", "v1", "Namespace")));
        assert_eq!(parts("apps/v1/Deployment"), Some(("apps", "v1", "Deployment")));
        let name = "networking.istio.io/v1beta1/Gateway";
        assert_eq!(parts(name), Some(("networking.istio.io", "v1beta1", "Gateway")));
        for other in
            ["AWS::EC2::VPC", "Namespace", "v1/namespace", "apps/Deployment", "a/b/c/D", "/v1/Pod"]
        {
            assert_eq!(parts(other), None, "{other}");
        }
        assert_eq!(find("apps/v1/Deployment").unwrap().name(), "apps/v1/Deployment");
    }

    #[test]
    fn an_id_is_known_once_the_cluster_has_a_name() {
        let kind = find("v1/ConfigMap").unwrap();
        let mut spec = json!({"cluster": "shop", "metadata": {"name": "a", "namespace": "n"}});
        assert_eq!(kind.natural_id(&spec), Some(PhysicalId::joined(["shop", "n", "a"])));
        spec["cluster"] = json!({"Fn::GetAtt": ["cluster/cluster", "Name"]});
        assert_eq!(kind.natural_id(&spec), None);
        let spec = json!({"cluster": "shop", "metadata": {"name": "n"}});
        assert_eq!(kind.natural_id(&spec), Some(PhysicalId::joined(["shop", "", "n"])));
    }

    #[test]
    fn a_manifest_loses_what_is_no_part_of_it() {
        let kind = find("v1/ConfigMap").unwrap();
        let spec = json!({
            "cluster": "shop", "apiVersion": "v1", "kind": "ConfigMap", "status": {},
            "metadata": {"name": "a", "creationTimestamp": null, "generateName": ""},
            "data": {"EMPTY": ""},
        });
        let expected = json!({"cluster": "shop", "metadata": {"name": "a"}, "data": {"EMPTY": ""}});
        assert_eq!(kind.normalize(&spec).unwrap(), expected);
        let nameless = kind.normalize(&json!({"cluster": "shop"})).unwrap_err();
        assert_eq!(nameless.to_string(), "it has no `metadata.name`");
    }
}
