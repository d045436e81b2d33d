//! What is wrong with a graph, told at the places of the blueprint that made it so.

use crate::blueprint::Blueprint;
use crate::diagnostic::{Diagnostic, did_you_mean, listed};
use crate::graph::GraphError;
use crate::kind::AnyKind;
use crate::kinds;
use crate::source::Span;

/// A problem as people are told it. `addresses` are those of the graph, for suggestions.
pub(super) fn diagnostic(
    blueprint: &Blueprint,
    error: &GraphError,
    addresses: &[String],
) -> Diagnostic {
    let problem = Diagnostic::error(error.to_string());
    match error {
        GraphError::UnknownKind { address, kind } => {
            let names = kinds::KINDS.iter().map(|kind| kind.name());
            let kind_place = component_place(blueprint, address.component(), |it| it.r#type.span);
            let problem = match did_you_mean(kind, names) {
                Some(meant) => label(problem, kind_place, format!("did you mean `{meant}`?")),
                None => label(problem, kind_place, "not a kind that platctl has"),
            };
            problem.hint("`platctl kinds` lists all of them.")
        }
        GraphError::NoSuchProperty { address, kind, property } => {
            let at = place(blueprint, address.as_str(), property);
            let known = kinds::find(kind).map_or(&[][..], AnyKind::properties);
            match did_you_mean(property, known.iter().copied()) {
                Some(meant) => label(problem, at, format!("did you mean `{meant}`?")),
                None => label(problem, at, "not a property of this kind")
                    .hint(format!("`platctl kinds {kind}` lists its properties.")),
            }
        }
        GraphError::Spec { address, .. } => {
            label(problem, place(blueprint, address.as_str(), ""), "does not fit its kind")
        }
        GraphError::NoSuchResource { address, path: _, to }
            if let Some(at) = after_place(blueprint, address.component(), to.as_str()) =>
        {
            suggest(problem, Some(at), to.as_str(), addresses)
        }
        GraphError::NoSuchResource { address, path, to } => {
            let property = path.split(['.', '[']).next().unwrap_or_default();
            let at = place(blueprint, address.as_str(), property);
            suggest(problem, at, to.as_str(), addresses)
        }
        GraphError::NoSuchOutput { address, path, reference, kind } => {
            let property = path.split(['.', '[']).next().unwrap_or_default();
            let at = place(blueprint, address.as_str(), property);
            let outputs = kinds::find(kind).map_or(&[][..], AnyKind::outputs);
            let wanted = reference.rsplit_once('.').map_or(reference.as_str(), |(_, it)| it);
            match did_you_mean(wanted, outputs.iter().map(|output| output.name)) {
                Some(meant) => label(problem, at, format!("did you mean `{meant}`?")),
                None => label(problem, at, "refers to what is not there")
                    .hint(format!("Its outputs are {}.", listed(outputs.iter().map(|it| it.name)))),
            }
        }
        GraphError::NothingToOverride { address } => {
            let overrides = blueprint.overrides.iter();
            let mut places = overrides.filter(|(at, _)| at.as_str() == address.as_str());
            let at = places.next().map(|(_, properties)| properties.span);
            suggest(problem, at, address.as_str(), addresses)
        }
        GraphError::NothingMoved { to } => {
            let at = blueprint.moved.values().find(|it| it.as_str() == to).map(|it| it.span);
            let components = addresses.iter().filter_map(|it| it.split('/').next());
            let names: Vec<String> = components.map(str::to_owned).collect();
            suggest(problem, at, to, &names)
        }
        GraphError::StillThere { from } => {
            let moved = blueprint.moved.iter().find(|(at, _)| at.as_str() == from);
            label(problem, moved.map(|(_, to)| to.span), "cannot be moved here")
                .hint("Leave out the entry of `moved`, or take the component of the former name out of the blueprint.")
        }
        GraphError::Twice { address } => {
            label(problem, place(blueprint, address.as_str(), ""), "the address is taken")
        }
        GraphError::Cycle(addresses) => {
            let mut places = addresses.iter().map(|at| place(blueprint, at.as_str(), ""));
            label(problem, places.find_map(|it| it), "is part of it")
        }
    }
}

fn label(problem: Diagnostic, at: Option<Span>, text: impl Into<String>) -> Diagnostic {
    match at {
        Some(at) => problem.at(at, text),
        None => problem.hint(
            "No part of the blueprint asks for this by itself: please report it as a defect of platctl.",
        ),
    }
}

fn suggest(problem: Diagnostic, at: Option<Span>, text: &str, known: &[String]) -> Diagnostic {
    match did_you_mean(text, known.iter().map(String::as_str)) {
        Some(meant) => label(problem, at, format!("did you mean `{meant}`?")),
        None => label(problem, at, "not in the graph")
            .hint("`platctl plan` shows all addresses; `platctl explain` those of one component."),
    }
}

/// Where a property of a resource was written, as far as a person wrote it by its name.
fn place(blueprint: &Blueprint, address: &str, property: &str) -> Option<Span> {
    let overrides = blueprint.overrides.iter().find(|(at, _)| at.as_str() == address);
    let property_place =
        overrides.map(|(_, it)| it.places.get(property).copied().unwrap_or(it.span));
    property_place.or_else(|| {
        let component = address.split('/').next()?;
        component_place(blueprint, component, |resource| {
            let properties = &resource.properties;
            properties.places.get(property).copied().unwrap_or(properties.span)
        })
    })
}

/// Where a resource says that it comes after another one.
fn after_place(blueprint: &Blueprint, component: &str, to: &str) -> Option<Span> {
    let name = component.strip_prefix("resources.")?;
    let (_, resource) = blueprint.resources.iter().find(|(it, _)| it.as_str() == name)?;
    resource.after.iter().find(|it| it.as_str() == to).map(|it| it.span)
}

fn component_place(
    blueprint: &Blueprint,
    component: &str,
    place: impl Fn(&crate::blueprint::component::resource::Resource) -> Span,
) -> Option<Span> {
    let Some(name) = component.strip_prefix("resources.") else {
        return blueprint.place_of(component);
    };
    let found = blueprint.resources.iter().find(|(it, _)| it.as_str() == name);
    found.map(|(_, resource)| place(resource))
}
