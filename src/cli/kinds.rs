//! `platctl kinds`

use super::error::CommandError;
use super::exit::Exit;
use super::ui::Ui;
use crate::diagnostic::did_you_mean;
use crate::kind::AnyKind;
use crate::kinds::KINDS;
use crate::report::{human, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The kind to show: `AWS::EC2::VPC`, or `EC2::VPC`
    kind: Option<String>,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CommandError> {
    match &args.kind {
        None if ui.is_json() => ui.document(&json::kinds(KINDS.iter().copied())),
        None => ui.print(human::kinds(KINDS, ui.view(1.0))),
        Some(name) => show(ui, name)?,
    }
    Ok(Exit::Done)
}

/// One kind in full.
pub(crate) fn show(ui: &Ui, name: &str) -> Result<(), CommandError> {
    let kind = find(name)?;
    if ui.is_json() {
        ui.document(&json::kinds([kind]));
    } else {
        ui.print(human::kind(kind, ui.view(1.0)));
    }
    Ok(())
}

/// The kind of that name, whatever its case, with or without the provider in front.
fn find(name: &str) -> Result<&'static dyn AnyKind, CommandError> {
    let wanted = name.to_lowercase();
    let is_wanted = |kind: &&&dyn AnyKind| {
        let known = kind.name().to_lowercase();
        known == wanted || known.strip_prefix("aws::") == Some(&wanted)
    };
    KINDS.iter().find(is_wanted).copied().ok_or_else(|| {
        let error = CommandError::new(format!("there is no kind `{name}`"));
        match did_you_mean(name, KINDS.iter().map(|kind| kind.name())) {
            Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
            None => error.hint("`platctl kinds` lists them."),
        }
    })
}
