//! What a key means, what a component says, and what becomes of it.

use std::fmt::{self, Display, Formatter};

use anstyle::Style;
use serde_json::Value;

use super::listing::{paragraph, section};
use super::value;
use crate::blueprint::setting::{Origin, Setting};
use crate::blueprint::shape::{Choice, Field, Shape};
use crate::diagnostic::either;
use crate::graph::compile::Wire;
use crate::kind::Need;
use crate::kinds;
use crate::report::explain::{Component, Key, Resource, component_type, language};
use crate::report::reference::{capital, phrase, sentence, summary};
use crate::report::style::{CHANGED, GOOD, QUIET, STRONG, painted};
use crate::report::words::shortened;
use crate::report::{Detail, View};
use crate::source::SourceMap;

/// The keys of a blueprint, each with a line.
pub fn overview(view: View) -> impl Display {
    fmt::from_fn(move |out| {
        let (components, head): (Vec<Field>, Vec<Field>) =
            language().into_iter().partition(|field| component_type(&field.key).is_some());
        writeln!(out, "{}", painted(STRONG, "The head of a blueprint"))?;
        keys(&head, view, out)?;
        writeln!(out, "\n{}", painted(STRONG, "Its components"))?;
        keys(&components, view, out)?;
        writeln!(
            out,
            "\n`platctl explain databases.storage` explains a key, `platctl explain AWS::EC2::VPC` a kind;"
        )?;
        writeln!(
            out,
            "`platctl explain databases.NAME` what the blueprint says of a component and what becomes of it,"
        )?;
        writeln!(out, "`platctl explain databases.NAME/instance` one of its resources.")
    })
}

/// A key of the language with the keys below it.
pub fn key(key: &Key, view: View) -> impl Display {
    fmt::from_fn(move |out| {
        let Key { path, field: Field { key: _, doc, shape, default, required } } = key;
        writeln!(out, "{}\n", painted(STRONG, path))?;
        paragraph("", &sentence(doc), Style::new(), view, out)?;
        writeln!(out)?;
        let mut row =
            |name: &str, text: &str| paragraph(&format!("  {name:8}  "), text, QUIET, view, out);
        row("value", &capital(&phrase(shape)))?;
        if let Some(default) = default {
            row("default", &format!("`{default}`"))?;
        }
        let needed = if *required { "yes" } else { "no" };
        row("required", needed)?;
        if let Shape::Word(word) = shape
            && !word.examples.is_empty()
        {
            row("examples", &either(word.examples))?;
        }
        for shape in parts(shape) {
            match shape {
                Shape::Choice { values, .. } if values.len() > 1 => choices(values, view, out)?,
                Shape::Struct(of) => {
                    let title = if parts(&key.field.shape).len() == 1 {
                        "Keys".into()
                    } else {
                        capital(&sentence(of.doc))
                    };
                    writeln!(out, "\n{}", painted(STRONG, title))?;
                    keys(&of.fields, view, out)?;
                }
                _ => {}
            }
        }
        if let Some(of) = component_type(path)
            && let [usual, rest @ ..] = of.accesses()
        {
            let all = [usual].into_iter().chain(rest).map(|access| format!("{of}.NAME:{access}"));
            let text = format!("Others use one as {}; `:{usual}` may be left out.", either(all));
            writeln!(out)?;
            paragraph("", &text, Style::new(), view, out)?;
        }
        Ok(())
    })
}

/// A component as it was decoded, and its resources.
pub fn component<'a>(of: &'a Component<'a>, view: View) -> impl Display + 'a {
    fmt::from_fn(move |out| {
        writeln!(out, "{} of {}\n", painted(STRONG, of.path), of.stack)?;
        settings(of, view, out)?;
        writeln!(out, "\n{}", painted(STRONG, "Resources"))?;
        let width = of.resources.keys().map(|address| address.as_str().len()).max().unwrap_or(0);
        for (address, node) in &of.resources {
            writeln!(out, "  {address:width$}  {}", painted(QUIET, &node.kind))?;
        }
        of.wires.iter().try_for_each(|it| wire(it, of.sources, out))
    })
}

/// What a line of `uses` makes.
fn wire(wire: &Wire, sources: &SourceMap, out: &mut Formatter<'_>) -> fmt::Result {
    let Wire { used, at, variables, synced, statements, resources } = wire;
    let place = painted(QUIET, sources.locate(*at));
    writeln!(out, "\n{}  {place}", painted(STRONG, format_args!("Uses {used}")))?;
    let secrets = synced.iter().flat_map(|synced| {
        synced.variables.iter().map(move |(variable, key)| (variable, synced, key.as_deref()))
    });
    let secrets: Vec<_> = secrets.collect();
    let names = variables.keys().chain(secrets.iter().map(|(variable, ..)| *variable));
    let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
    for (variable, value) in variables {
        writeln!(out, "  env   {variable:width$}  {}", painted(QUIET, value::inline(value)))?;
    }
    for (variable, synced, key) in secrets {
        let from = match key {
            Some(key) => {
                format!("`{key}` of {}, by the copy {}", value::inline(&synced.arn), synced.name)
            }
            None => format!("{}, by the copy {}", value::inline(&synced.arn), synced.name),
        };
        writeln!(out, "  env   {variable:width$}  {}", painted(QUIET, from))?;
    }
    for statement in statements {
        let Value::Array(actions) = &statement["Action"] else { continue };
        let actions: Vec<&str> = actions.iter().filter_map(Value::as_str).collect();
        writeln!(out, "  may   {}", actions.join(", "))?;
        let resources = match &statement["Resource"] {
            Value::Array(all) => all.iter().collect(),
            one => vec![one],
        };
        for resource in resources {
            writeln!(out, "        on {}", painted(QUIET, value::inline(resource)))?;
        }
    }
    resources.iter().try_for_each(|address| writeln!(out, "  by    {address}"))
}

/// A resource that a component is compiled to.
pub fn resource<'a>(of: &'a Resource<'a>, view: View) -> impl Display + 'a {
    fmt::from_fn(move |out| {
        let Resource { address, node, needed_by, component, account } = of;
        writeln!(out, "{} of {}\n", painted(STRONG, address), component.stack)?;
        let kind = kinds::find(&node.kind);
        paragraph(
            &format!("{}  ", node.kind),
            summary(kind.map_or("", |kind| kind.doc())),
            QUIET,
            view,
            out,
        )?;
        let spec = value::lines(&node.spec);
        section("Spec", spec.lines().map(str::to_owned), out)?;
        section("Needs", node.needs.iter().map(|(to, need)| needed(to, *need)), out)?;
        section("Needed by", needed_by.iter().map(|(by, need)| needed(by, *need)), out)?;
        writeln!(out, "\n{}", painted(STRONG, format_args!("What {} says", component.path)))?;
        settings(component, view, out)?;
        if node.spec.to_string().contains(account) {
            writeln!(out, "\nThe account {account} stands for yours: nobody was asked for it.")?;
        }
        Ok(())
    })
}

fn needed(address: &crate::address::Address, need: Need) -> String {
    match need {
        Need::Id => address.to_string(),
        Need::Ready => format!("{address} (working)"),
    }
}

fn keys(fields: &[Field], view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let width = fields.iter().map(|field| field.key.len()).max().unwrap_or(0);
    for Field { key, doc, shape: _, default, required } in fields {
        let note = match (default, required) {
            (Some(default), _) => format!(" `{default}` by default."),
            (None, true) => " Required.".into(),
            (None, false) => String::new(),
        };
        paragraph(
            &format!("  {key:width$}  "),
            &format!("{}{note}", sentence(doc)),
            QUIET,
            view,
            out,
        )?;
    }
    Ok(())
}

fn choices(values: &[Choice], view: View, out: &mut Formatter<'_>) -> fmt::Result {
    writeln!(out, "\n{}", painted(STRONG, "Words"))?;
    let width = values.iter().map(|it| it.value.len()).max().unwrap_or(0);
    values.iter().try_for_each(|Choice { value, doc }| {
        paragraph(&format!("  {value:width$}  "), &sentence(doc), QUIET, view, out)
    })
}

/// What a shape is made of, through lists and names.
fn parts(shape: &Shape) -> Vec<&Shape> {
    match shape {
        Shape::List(item) => parts(item),
        Shape::Map { key, value } => [parts(key), parts(value)].concat(),
        Shape::Either(shapes) => shapes.iter().flat_map(parts).collect(),
        Shape::Struct(_) | Shape::Choice { .. } => vec![shape],
        Shape::Word(_)
        | Shape::Boolean
        | Shape::Integer { .. }
        | Shape::Overlay { .. }
        | Shape::Any => Vec::new(),
    }
}

/// The widest value that is shown whole; `-v` shows all of each.
const VALUE_WIDTH: usize = 44;

fn settings(of: &Component<'_>, view: View, out: &mut Formatter<'_>) -> fmt::Result {
    let shown = |setting: &Setting| match &setting.text {
        None => "-".to_owned(),
        Some(text) if view.detail == Detail::Full => text.clone(),
        Some(text) => shortened(text, VALUE_WIDTH),
    };
    let rows: Vec<(&Setting, String)> = of.settings.iter().map(|it| (it, shown(it))).collect();
    let path = rows.iter().map(|(setting, _)| setting.path.chars().count()).max().unwrap_or(0);
    let text =
        rows.iter().map(|(_, text)| text.chars().count()).max().unwrap_or(0).min(VALUE_WIDTH);
    for (setting, shown) in rows {
        let origin = origin(&setting.origin, of.sources);
        let style = match setting.origin {
            Origin::Blueprint(_) => Style::new(),
            Origin::Environment(..) | Origin::CommandLine(_) => CHANGED,
            Origin::Default => GOOD,
            Origin::Absent => QUIET,
        };
        writeln!(out, "  {:path$}  {shown:text$}  {}", setting.path, painted(style, origin))?;
    }
    Ok(())
}

fn origin(origin: &Origin, sources: &SourceMap) -> String {
    match origin {
        Origin::Blueprint(span) => sources.locate(*span),
        Origin::Environment(name, span) => {
            format!("environment {name} ({})", sources.locate(*span))
        }
        Origin::CommandLine(span) => sources.file(span.file).name().to_owned(),
        Origin::Default => "default".into(),
        Origin::Absent => "not set".into(),
    }
}
