//! `platctl explain`

use std::path::{Path, PathBuf};

use super::Common;
use super::error::CommandError;
use super::exit::Exit;
use super::rendering::{folder_of, render_as_locked};
use super::ui::Ui;
use super::{kinds, target};
use crate::address::Address;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::{self, Blueprint, Loaded, Selection};
use crate::chart::Rendered;
use crate::chart::lock::Lock;
use crate::diagnostic::{did_you_mean, listed};
use crate::graph::Graph;
use crate::graph::compile::{Account, PLACEHOLDER_ACCOUNT, compile, wiring};
use crate::report::explain::{Component, Key, Resource, UnknownKey, language};
use crate::report::{human, json};
use crate::source::SourceMap;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A key (`databases.storage`), a component (`databases.orders`, `service/order`), an address
    /// (`databases.orders/instance`) or a kind (`AWS::RDS::DBInstance`); all keys if left out
    #[arg(value_name = "WHAT")]
    what: Option<String>,
    /// The blueprint of the component or address [default: platctl.yaml]
    #[arg(value_name = "BLUEPRINT")]
    blueprint: Option<PathBuf>,
}

pub(crate) fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    match (&args.what.as_deref().map(with_dot), &args.blueprint) {
        (None, _) if ui.is_json() => ui.document(&json::explain_language()),
        (None, _) => ui.print(human::overview(ui.view(1.0))),
        (Some(kind), _) if kind.contains("::") => kinds::show(ui, kind)?,
        (Some(what), None) if let Ok(key) = Key::find(&in_section(what)) => show_key(ui, &key),
        (Some(what), blueprint) => {
            let default = Path::new(target::DEFAULT);
            let path = blueprint.as_deref().unwrap_or(default);
            if blueprint.is_none() && !path.exists() {
                return Err(unknown(what, &[]).hint(format!(
                    "To explain what is in a blueprint, name it: `platctl explain {what} BLUEPRINT`."
                )));
            }
            Explained::load(ui, common, path, what)?.show(ui, what)?;
        }
    }
    Ok(Exit::Done)
}

/// A blueprint and what becomes of it.
struct Explained {
    blueprint: Blueprint,
    sources: SourceMap,
    graph: Graph,
}

impl Explained {
    fn load(ui: &Ui, common: &Common, path: &Path, what: &str) -> Result<Self, CommandError> {
        let selection = Selection { environment: common.env.as_deref(), sets: &common.sets() };
        let Loaded { blueprint, diagnostics, sources } = blueprint::load(path, selection);
        let Some(blueprint) = blueprint else {
            return Err(CommandError::Blueprint { diagnostics, sources });
        };
        ui.warnings(&diagnostics, &sources);
        let rendered = if is_rendered(&in_section(what)) {
            let folder = folder_of(path);
            let mut lock = Lock::read(&folder)?;
            let rendering = render_as_locked(ui, common, &folder, &blueprint, &sources, &mut lock);
            match super::block_on(rendering) {
                Ok(rendered) => rendered,
                // What the platform is beside its charts can be explained all the same.
                Err(CommandError::Blueprint { .. }) if !is_rendered_alone(&in_section(what)) => {
                    ui.remark(
                        "what charts and manifests make is left out: they cannot be rendered here",
                    );
                    Rendered::default()
                }
                Err(error) => return Err(error),
            }
        } else {
            Rendered::default()
        };
        match compile(&blueprint, &Account::placeholder(&blueprint), &rendered) {
            Ok(graph) => Ok(Self { blueprint, sources, graph }),
            Err(diagnostics) => Err(CommandError::Blueprint { diagnostics, sources }),
        }
    }

    fn show(&self, ui: &Ui, what: &str) -> Result<(), CommandError> {
        if let Ok(address) = what.parse::<Address>() {
            return self.show_resource(ui, &address);
        }
        let path = in_section(what);
        let is_in = |component: &&String| {
            let rest = path.strip_prefix(component.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let components = self.blueprint.components();
        match components.iter().filter(is_in).max_by_key(|component| component.len()) {
            Some(component) => self.show_component(ui, component, &path[component.len()..]),
            None => match Key::find(&path) {
                Ok(key) => {
                    show_key(ui, &key);
                    Ok(())
                }
                Err(_) => Err(unknown(what, &components)),
            },
        }
    }

    /// A component, or the part of it at a path, which begins with a dot or a bracket.
    fn show_component(&self, ui: &Ui, component: &str, part: &str) -> Result<(), CommandError> {
        let part = part.trim_start_matches('.');
        let mut settings = self.blueprint.settings(component).unwrap_or_default();
        if !part.is_empty() {
            let known: Vec<String> = settings.iter().map(|it| it.path.clone()).collect();
            settings.retain(|it| {
                let rest = it.path.strip_prefix(part);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            });
            if settings.is_empty() {
                let error = CommandError::new(format!("{component} has no `{part}`"));
                return Err(match did_you_mean(part, known.iter().map(String::as_str)) {
                    Some(similar) => error.hint(format!("Did you mean `{component}.{similar}`?")),
                    None => error.hint(format!("`platctl explain {component}` shows all of it.")),
                });
            }
        }
        // A part is about what it says, the whole about what becomes of it.
        let wires = if part.is_empty() {
            wiring(&self.blueprint, &Account::placeholder(&self.blueprint), component)
        } else {
            Vec::new()
        };
        let component =
            Component::new(&self.graph, component, settings, &self.sources).wired(wires);
        if ui.is_json() {
            ui.document(&json::explain_component(&component));
        } else {
            ui.print(human::component(&component, ui.view(1.0)));
        }
        Ok(())
    }

    fn show_resource(&self, ui: &Ui, address: &Address) -> Result<(), CommandError> {
        let path = address.component();
        let settings = self.blueprint.settings(path).unwrap_or_default();
        let component = Component::new(&self.graph, path, settings, &self.sources);
        let Some(resource) = Resource::find(&self.graph, address, component, PLACEHOLDER_ACCOUNT)
        else {
            let error = CommandError::new(format!("there is no resource {address}"));
            let known: Vec<&Address> = self.graph.nodes.keys().collect();
            let siblings: Vec<&&Address> =
                known.iter().filter(|it| it.component() == path).collect();
            return Err(match did_you_mean(address.as_str(), known.iter().map(|it| it.as_str())) {
                Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
                None if siblings.is_empty() => {
                    let components = self.blueprint.components();
                    error.hint(format!("The components are {}.", listed(components)))
                }
                None => error.hint(format!("{path} has {}.", listed(siblings))),
            });
        };
        if ui.is_json() {
            ui.document(&json::explain_resource(&resource));
        } else {
            ui.print(human::resource(&resource, ui.view(1.0)));
        }
        Ok(())
    }
}

/// Whether nothing is left of what a path names if charts and manifests cannot be rendered.
fn is_rendered_alone(path: &str) -> bool {
    ["charts", "manifests"].contains(&section(path))
}

fn section(path: &str) -> &str {
    let in_region = path.strip_prefix("regions.").and_then(|it| it.split_once('.'));
    let path = in_region.map_or(path, |(_, path)| path);
    path.split(['.', '/']).next().unwrap_or_default()
}

/// Whether what a path names comes of charts or manifests; nothing else needs them to be explained.
fn is_rendered(path: &str) -> bool {
    let section = section(path);
    ["charts", "manifests", "namespaces", "platform"].contains(&section)
}

fn show_key(ui: &Ui, key: &Key) {
    if ui.is_json() {
        ui.document(&json::explain_key(key));
    } else {
        ui.print(human::key(key, ui.view(1.0)));
    }
}

/// `database.orders`, as references spell it, is `databases.orders`; so it is in a region, `regions.dr.database.orders`.
fn in_section(path: &str) -> String {
    let in_region = path.strip_prefix("regions.").and_then(|it| it.split_once('.'));
    // Without a further dot it is a key, in which no region is named: `regions.loadBalancers.certificate`.
    if let Some((region, path)) = in_region.filter(|(_, path)| path.contains('.')) {
        return format!("regions.{region}.{}", in_section(path));
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match first.parse::<ComponentType>() {
        Ok(of) if !rest.is_empty() => format!("{}.{rest}", of.section()),
        Ok(of) => of.section().into(),
        Err(_) => path.into(),
    }
}

/// `service/order`, as others spell it, is `service.order`. `cluster/cluster` is an address: there is one cluster only.
fn with_dot(what: &str) -> String {
    match what.split_once('/') {
        Some((of, name)) if of.parse().is_ok_and(|it: ComponentType| !it.is_single()) => {
            format!("{of}.{name}")
        }
        Some(_) | None => what.to_owned(),
    }
}

fn unknown(what: &str, components: &[String]) -> CommandError {
    let error = CommandError::new(format!("there is nothing called `{what}`"));
    let Err(UnknownKey { within, key: _, known }) = Key::find(&in_section(what)) else {
        return error;
    };
    let (begin, all) = match within.as_str() {
        "" => (String::new(), language().into_iter().map(|field| field.key).collect()),
        within => (format!("{within}."), known),
    };
    let paths: Vec<String> = all.iter().map(|key| format!("{begin}{key}")).collect();
    let candidates = components.iter().chain(&paths).map(String::as_str);
    match did_you_mean(&in_section(what), candidates) {
        Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
        None if within.is_empty() || paths.is_empty() => {
            error.hint("`platctl explain` lists the keys of a blueprint.")
        }
        None => error.hint(format!("Keys of {within} are {}.", listed(all))),
    }
}
