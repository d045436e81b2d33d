//! `platctl destroy`

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::execute::{Consent, Work, execute, locked, present};
use super::exit::Exit;
use super::plan::survey;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::plan::Intent;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let Args { blueprint, consent } = args;
    let target = Target::load(ui, common, &blueprint.blueprint)?;
    consent.can_be_given(ui, "destroy")?;
    let connection = Connection::open(ui, common, target.region()).await?;
    target.place.prepare(common)?;
    let store = target.store(&connection);
    locked(ui, &store, "destroy", async |lock| {
        let state = store.load().await?;
        let plan = survey(ui, &target, &connection, &state, Intent::Destroy).await?;
        present(ui, &plan, &connection);
        // What this command has destroyed before it failed is in no state any more.
        let graph = target.graph(&connection.account().await?);
        let gone = graph.map(|graph| graph.nodes.into_keys().collect()).unwrap_or_default();
        consent.check(&plan, &gone)?;
        if !plan.is_empty() && !consent.yes {
            let stack = &target.stack;
            let typed = ui.ask(format_args!("\nType `{stack}` to destroy it:"))?;
            if typed != stack.as_str() {
                return Err(CommandError::new("not destroyed, nothing was changed"));
            }
        }
        let work = Work { store: &store, lock, state, connection: &connection };
        execute(ui, work, plan).await
    })
    .await
}
