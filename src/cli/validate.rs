//! `platctl validate`

use serde::Serialize;

use super::Common;
use super::error::CommandError;
use super::exit::Exit;
use super::target::BlueprintArg;
use super::ui::Ui;
use super::versions::today;
use crate::blueprint::versions::lifecycle;
use crate::blueprint::{self, Selection, Validated};
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

pub(crate) fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let path = &args.blueprint.blueprint;
    let environment = common.env.as_deref();
    let loaded = match environment {
        Some(_) => blueprint::load(path, Selection { environment, sets: &common.sets() }).into(),
        None => blueprint::validate(path, &common.sets()),
    };
    let Validated { blueprints, mut diagnostics, sources } = loaded;
    let mut problems = problems(&blueprints);
    problems.extend(blueprints.iter().flat_map(|it| lifecycle(it, today())));
    let invalid = blueprints.is_empty() || problems.iter().any(|it| it.severity == Severity::Error);
    diagnostics.extend(problems);
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
