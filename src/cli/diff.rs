//! `platctl diff`

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::exit::Exit;
use super::plan::survey;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::plan::{Intent, drift};
use crate::report::{human, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let target = Target::load(ui, common, &args.blueprint.blueprint)?;
    let target = target.render(ui, common).await?;
    let connection = Connection::open(ui, common, target.region()).await?;
    let state = target.store(&connection).load().await?;
    let plan = survey(ui, &target, &connection, &state, Intent::Apply).await?;
    let drifted = drift::drift(&plan);
    if ui.is_json() {
        ui.document(&json::drift(&plan, &drifted, &connection.aws.calls().snapshot()));
    } else {
        ui.print(human::drift(&plan, &drifted, ui.view(connection.speed)));
    }
    Ok(if drifted.is_empty() { Exit::Done } else { Exit::Pending })
}
