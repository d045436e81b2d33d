//! What a line of `uses` makes of a service: variables, secrets, permissions, and paths in the network.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::path::Caller;
use super::{
    Account, Builder, Compiler, bucket, cache, database, function, get, key, log, network_policy,
    path, queue, registry, secret, service, table, topic,
};
use crate::address::{Address, Stack};
use crate::blueprint::Blueprint;
use crate::blueprint::component::function::Function;
use crate::blueprint::component::platform::offer::{Offers, SecretStore};
use crate::blueprint::component::secret::JsonKey;
use crate::blueprint::component::service::Service;
use crate::blueprint::component::variable::{constant, prefix};
use crate::blueprint::reference::{Access, ComponentType, Reference};
use crate::blueprint::value::Name;
use crate::chart::Rendered;
use crate::source::{Span, Spanned};

/// What a line of `uses` makes.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    pub used: Reference,
    pub at: Span,
    /// The variables of the pods' environment by their names: texts, or [references](crate::kind::Ref) to outputs.
    pub variables: BTreeMap<String, Value>,
    /// The secret that is copied into the cluster for it.
    pub synced: Option<Synced>,
    /// What of it IAM allows the pods.
    pub statements: Vec<Value>,
    /// The rules, policies and copies that let the pods have it.
    pub resources: Vec<Address>,
}

/// A secret that is copied into the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Synced {
    /// The name of the copy.
    pub name: String,
    /// A reference to the secret's ARN.
    pub arn: Value,
    /// The variables by their names, each with the key of the secret's JSON; without one it is the whole secret.
    pub variables: BTreeMap<String, Option<String>>,
}

impl Compiler<'_> {
    /// What a line of a function's `uses` makes.
    fn wire_of_function(
        &self,
        name: &Name,
        function: &Function,
        used: &Spanned<Reference>,
    ) -> Wire {
        let free = |variable: &str| !function.env.keys().any(|it| it.as_str() == variable);
        let mut variables = self.variables_of_function(name, used);
        variables.retain(|variable, _| free(variable));
        let statements = self.grants(std::slice::from_ref(used));
        let mut resources = Vec::new();
        if function.connects_to(used.component, &used.name) {
            resources.push(function::ingress(name, used));
            resources.push(function::egress_to(name, used));
        }
        if !statements.is_empty() {
            resources.push(function::policy(name));
        }
        Wire {
            used: used.value.clone(),
            at: used.span,
            variables,
            synced: None,
            statements,
            resources,
        }
    }

    /// What each line of a service's `uses` makes.
    pub(super) fn wires(&self, name: &Name, service: &Service, offers: &Offers) -> Vec<Wire> {
        service.uses.iter().map(|used| self.wire(name, service, used, offers)).collect()
    }

    fn wire(
        &self,
        name: &Name,
        service: &Service,
        used: &Spanned<Reference>,
        offers: &Offers,
    ) -> Wire {
        // What `env` says wins.
        let free = |variable: &String| !service.env.keys().any(|it| it.as_str() == variable);
        let mut variables = self.given_variables(used);
        variables.retain(|variable, _| free(variable));
        let mut synced = offers.secret_store.as_ref().and_then(|_| self.synced(name, used));
        if let Some(synced) = &mut synced {
            synced.variables.retain(|variable, _| free(variable));
        }
        let synced = synced.filter(|synced| !synced.variables.is_empty());
        let statements = self.grants(std::slice::from_ref(used));
        let resources = self.wired_resources(name, used, synced.as_ref(), &statements);
        Wire { used: used.value.clone(), at: used.span, variables, synced, statements, resources }
    }

    /// The variables that a use gives.
    pub(super) fn given_variables(&self, used: &Reference) -> BTreeMap<String, Value> {
        let mut all = BTreeMap::new();
        let Some(prefix) = prefix(used) else { return all };
        let mut add = |end: &str, value: Value| {
            all.insert(format!("{prefix}_{end}"), value);
        };
        let name = &used.name;
        match used.component {
            ComponentType::Bucket => {
                all.insert(prefix.clone(), get(&bucket::address(name), "BucketName"));
            }
            ComponentType::Cache => {
                let Some(cache) = self.blueprint.caches.get(name) else { return all };
                let at = cache::address(name);
                if cache.is_clustered() {
                    add("HOST", get(&at, "ConfigurationEndPoint.Address"));
                } else {
                    add("HOST", get(&at, "PrimaryEndPoint.Address"));
                    if cache.replicas.get() > 0 {
                        add("READER_HOST", get(&at, "ReaderEndPoint.Address"));
                    }
                }
                add("PORT", json!(cache.port().to_string()));
                add("TLS", json!("true"));
                add("SECRET_ARN", get(&cache::auth_token(name), "Id"));
            }
            ComponentType::Database => {
                let Some(database) = self.blueprint.databases.get(name) else { return all };
                let at = database::address(name);
                add("HOST", get(&at, "Endpoint.Address"));
                if database.replicas.get() > 0 {
                    let reader = database::replica_address(name, 1);
                    add("READER_HOST", get(&reader, "Endpoint.Address"));
                }
                add("PORT", json!(database.port().to_string()));
                if let Some(name) = &database.database_name {
                    add("NAME", json!(name.as_str()));
                }
                add("USER", json!(database.username.as_str()));
                if used.access == Some(Access::Secret) {
                    add("SECRET_ARN", get(&at, "MasterUserSecret.SecretArn"));
                }
            }
            // By name, not by reference: functions may call each other.
            ComponentType::Function => add("NAME", json!(self.name(name))),
            ComponentType::Key => add("ARN", get(&key::address(name), "Arn")),
            ComponentType::Log => add("GROUP", get(&log::address(name), "LogGroupName")),
            ComponentType::Parameter => {
                if let Some(parameter) = self.blueprint.parameters.get(name) {
                    let path = parameter.path(&self.blueprint.stack, name);
                    all.insert(prefix.clone(), json!(path));
                }
            }
            ComponentType::Queue => add("URL", get(&queue::address(name), "QueueUrl")),
            ComponentType::Registry => add("URI", get(&registry::address(name), "RepositoryUri")),
            ComponentType::Secret => add("ARN", get(&secret::address(name), "Id")),
            ComponentType::Service => {
                let Some(other) = self.blueprint.services.get(name) else { return all };
                if let Some(port) = &other.port {
                    add("URL", json!(format!("http://{}:{port}", self.host(name, other))));
                }
            }
            ComponentType::Table => {
                all.insert(prefix.clone(), get(&table::address(name), "TableName"));
            }
            ComponentType::Topic => add("ARN", get(&topic::address(name), "TopicArn")),
            // What gives variables has a word for them.
            _ => {}
        }
        all
    }

    /// The name of a service in the cluster's DNS.
    pub(super) fn host(&self, name: &Name, service: &Service) -> String {
        format!("{name}.{}.svc.cluster.local", service.namespace(&self.blueprint.name))
    }

    /// The secret that a use asks for, if it asks for one.
    fn synced(&self, service: &Name, used: &Reference) -> Option<Synced> {
        let name = &used.name;
        let prefix = prefix(used)?;
        let (arn, variables) = match (used.component, used.access) {
            (ComponentType::Cache, _) => {
                let token = BTreeMap::from([(format!("{prefix}_PASSWORD"), None)]);
                (get(&cache::auth_token(name), "Id"), token)
            }
            (ComponentType::Database, Some(Access::Secret)) => {
                // RDS keeps `username` and `password` in it.
                let password = Some("password".to_owned());
                let variables = BTreeMap::from([(format!("{prefix}_PASSWORD"), password)]);
                (get(&database::address(name), "MasterUserSecret.SecretArn"), variables)
            }
            (ComponentType::Secret, Some(Access::Read)) => {
                (get(&secret::address(name), "Id"), self.secret_variables(name, &prefix))
            }
            _ => return None,
        };
        let copy = prefix.to_ascii_lowercase().replace('_', "-");
        Some(Synced { name: format!("{service}-{copy}"), arn, variables })
    }

    /// A secret with known keys gives a variable for each, any other one a variable for all of it.
    fn secret_variables(&self, name: &Name, prefix: &str) -> BTreeMap<String, Option<String>> {
        let generate = self.blueprint.secrets.get(name).and_then(|it| it.generate.as_ref());
        let Some((generate, own)) = generate.and_then(|it| Some((it, it.json_key.as_ref()?)))
        else {
            return BTreeMap::from([(prefix.to_owned(), None)]);
        };
        let keys = generate.template.keys().map(JsonKey::as_str).chain([own.value.as_str()]);
        keys.map(|key| (format!("{prefix}_{}", constant(key)), Some(key.to_owned()))).collect()
    }

    fn wired_resources(
        &self,
        name: &Name,
        used: &Reference,
        synced: Option<&Synced>,
        statements: &[Value],
    ) -> Vec<Address> {
        let mut resources = Vec::new();
        let of = |role: &str| Address::of(&service::component(name), role);
        match used.component {
            ComponentType::Database => {
                resources.push(path::ingress_from(
                    &format!("databases.{}", used.name),
                    &Caller::Cluster,
                ));
                resources.push(network_policy::address(name));
            }
            ComponentType::Cache => {
                resources
                    .push(path::ingress_from(&format!("caches.{}", used.name), &Caller::Cluster));
                resources.push(network_policy::address(name));
            }
            ComponentType::Service => {
                resources.push(network_policy::address(name));
                resources.push(network_policy::address(&used.name));
                if self.blueprint.istio().is_some() {
                    let component = service::component(&used.name);
                    resources.push(Address::of(&component, "authorization-policy"));
                }
            }
            _ => {}
        }
        if !statements.is_empty() {
            resources.push(of("policy"));
        }
        if let Some(synced) = synced {
            resources.push(external_secret(name, synced));
        }
        resources
    }

    /// Copies the secrets that a service uses into its namespace.
    pub(super) fn copies_of_secrets(
        &mut self,
        name: &Name,
        service: &Service,
        wires: &[Wire],
        store: &SecretStore,
    ) {
        // Two lines can ask for one secret.
        let synced = wires.iter().filter_map(|it| it.synced.as_ref());
        let synced: BTreeMap<&str, &Synced> = synced.map(|it| (it.name.as_str(), it)).collect();
        for one in synced.into_values() {
            let data: Vec<Value> = one
                .variables
                .iter()
                .map(|(variable, key)| {
                    json!({"secretKey": variable, "remoteRef": {"key": one.arn, "property": key}})
                })
                .collect();
            let manifest = json!({
                "metadata": self.metadata(&one.name, name, service),
                "spec": {
                    "refreshInterval": "1h",
                    "secretStoreRef": {"kind": store.kind, "name": store.name},
                    "target": {"name": one.name, "creationPolicy": "Owner", "deletionPolicy": "Retain"},
                    "data": data,
                },
            });
            self.object(
                &external_secret(name, one),
                "external-secrets.io/v1/ExternalSecret",
                manifest,
            );
        }
    }
}

fn external_secret(service: &Name, synced: &Synced) -> Address {
    let copy = synced.name.strip_prefix(&format!("{service}-")).unwrap_or(&synced.name);
    Address::of(&service::component(service), &format!("external-secret/{copy}"))
}

/// What each line of the `uses` of the service or function at `path` makes (`services.order`,
/// `regions.dr.services.order`), with the addresses of the whole graph; nothing if it is neither.
pub fn wiring(blueprint: &Blueprint, account: &Account, path: &str) -> Vec<Wire> {
    let (part, scope, inner) = match path.strip_prefix("regions.").and_then(|it| it.split_once('.'))
    {
        Some((region, inner)) => {
            let found = blueprint.regions.iter().find(|(name, _)| name.as_str() == region);
            let Some((_, part)) = found else { return Vec::new() };
            (&part.value, format!("regions.{region}"), inner)
        }
        None => (blueprint, String::new(), path),
    };
    let service = part.services.iter().find(|(name, _)| service::component(name) == inner);
    let function = part.functions.iter().find(|(name, _)| function::component(name) == inner);
    let mut builder =
        Builder::new(Stack::new(&blueprint.stack), part.region.as_str(), BTreeMap::new());
    builder.enter(&scope, part.region.as_str(), BTreeMap::new());
    let rendered = &Rendered::default();
    let compiler = Compiler { blueprint: part, home: blueprint, account, rendered, builder };
    let mut wires = match (service, function) {
        (Some((name, service)), _) => compiler.wires(name, service, &part.offers()),
        (None, Some((name, function))) => {
            let uses = function.uses.iter();
            uses.map(|used| compiler.wire_of_function(name, function, used)).collect()
        }
        (None, None) => return Vec::new(),
    };
    for wire in &mut wires {
        for address in &mut wire.resources {
            *address = compiler.builder.scoped(address);
        }
        let values = wire.variables.values_mut().chain(&mut wire.statements);
        for value in values.chain(wire.synced.iter_mut().map(|it| &mut it.arn)) {
            *value = compiler.builder.relocated(std::mem::take(value));
        }
    }
    wires
}
