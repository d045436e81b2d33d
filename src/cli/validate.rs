//! `platctl validate`

use serde::Serialize;

use super::Common;
use super::error::CommandError;
use super::exit::Exit;
use super::rendering::{folder_of, render_as_locked};
use super::target::BlueprintArg;
use super::ui::Ui;
use super::versions::today;
use crate::blueprint::versions::lifecycle;
use crate::blueprint::{self, Selection, Validated};
use crate::chart::Rendered;
use crate::chart::lock::Lock;
use crate::diagnostic::{Diagnostic, DiagnosticV1, Severity};
use crate::graph::compile::problems;
use crate::report::json::FORMAT;
use crate::report::style::{GOOD, painted};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
}

/// `validate --json` of a valid blueprint; an invalid one is an error as everywhere.
#[derive(Serialize)]
struct ValidV1 {
    format: u32,
    valid: bool,
    /// Warnings.
    diagnostics: Vec<DiagnosticV1>,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let path = &args.blueprint.blueprint;
    let environment = common.env.as_deref();
    let loaded = match environment {
        Some(_) => blueprint::load(path, Selection { environment, sets: &common.sets() }).into(),
        None => blueprint::validate(path, &common.sets()),
    };
    let Validated { blueprints, mut diagnostics, sources } = loaded;
    let folder = folder_of(path);
    let mut lock = Lock::read(&folder)?;
    let mut rendered = Vec::new();
    let mut found = Vec::new();
    for blueprint in &blueprints {
        match render_as_locked(ui, common, &folder, blueprint, &sources, &mut lock).await {
            Ok(it) => {
                diagnostics.extend(it.remarks.iter().cloned());
                rendered.push(it);
            }
            Err(CommandError::Blueprint { diagnostics, .. }) => {
                found.extend(diagnostics);
                rendered.push(Rendered::default());
            }
            Err(error) => return Err(error),
        }
    }
    found.extend(problems(blueprints.iter().zip(&rendered)));
    found.extend(blueprints.iter().flat_map(|it| lifecycle(it, today())));
    let invalid = blueprints.is_empty() || found.iter().any(|it| it.severity == Severity::Error);
    diagnostics.extend(found);
    Diagnostic::sort(&mut diagnostics);
    if invalid {
        return Err(CommandError::Blueprint { diagnostics, sources });
    }
    if ui.is_json() {
        let diagnostics = diagnostics.iter().map(|one| one.to_json(&sources)).collect();
        ui.document(&ValidV1 { format: FORMAT, valid: true, diagnostics });
    } else {
        ui.warnings(&diagnostics, &sources);
        let environments = match &common.env {
            None => "in all its environments".into(),
            Some(name) => format!("in the environment `{name}`"),
        };
        ui.line(format_args!("{} is {} {environments}", path.display(), painted(GOOD, "valid")));
    }
    Ok(Exit::Done)
}
