//! `platctl state history`, `platctl state restore`, `platctl state unlock`

use super::{Rest, Which, edited};
use crate::cli::Common;
use crate::cli::error::CommandError;
use crate::cli::ui::Ui;
use crate::report::{human, json};
use crate::state::State;
use crate::state::edit::Difference;

#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// The version, as `platctl state history` lists it
    serial: u64,
    /// Give up what a cut-off apply has left
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Unlock {
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn history(ui: &Ui, common: &Common, which: &Which) -> Result<(), CommandError> {
    let store = which.store(ui, common).await?;
    let versions = store.history().await?;
    if ui.is_json() {
        ui.document(&json::history(store.stack().as_str(), &versions));
    } else {
        ui.print(human::history(&versions));
    }
    Ok(())
}

pub(super) async fn restore(ui: &Ui, common: &Common, args: &Restore) -> Result<(), CommandError> {
    let Restore { serial, force, which } = args;
    let store = which.store(ui, common).await?;
    let work = ("state restore", if *force { Rest::GivenUp } else { Rest::Minded });
    let (difference, state) = edited(ui, common, &store, work, async |lock, state| {
        let version = store.version(*serial).await?;
        let difference = Difference::between(state, &version);
        // The history goes on: what was there is another version of it.
        let (lineage, serial) = (state.lineage.clone(), state.serial);
        *state = State { lineage, serial, ..version };
        store.replace(lock, state).await?;
        Ok(difference)
    })
    .await?;
    if ui.is_json() {
        ui.document(&json::restored(*serial, &difference, &state));
    } else {
        ui.print(human::restored(*serial, &difference, &state));
    }
    Ok(())
}

pub(super) async fn unlock(ui: &Ui, common: &Common, args: &Unlock) -> Result<(), CommandError> {
    let Unlock { yes, which } = args;
    let store = which.store(ui, common).await?;
    let Some(holder) = store.holder().await? else {
        if ui.is_json() {
            ui.document(&json::unlocked(store.stack().as_str(), None));
        } else {
            ui.line(format_args!("Nobody has the lock of {}.", store.stack()));
        }
        return Ok(());
    };
    if !ui.is_json() {
        ui.line(format_args!("The lock of {} belongs to {holder}.", store.stack()));
    }
    if !yes {
        if !ui.can_ask() {
            let message = "unlock asks before it takes the lock away, and nobody can answer here";
            let hint = "Add `--yes` to go ahead without being asked.";
            return Err(CommandError::new(message).hint(hint));
        }
        let answer =
            ui.ask("\nTake it away? An apply that still lives stops as soon as it notices. [y/N]")?;
        if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
            return Err(CommandError::new("not unlocked, nothing was changed"));
        }
    }
    let taken = store.unlock().await?;
    if ui.is_json() {
        ui.document(&json::unlocked(store.stack().as_str(), taken.as_ref()));
    } else {
        ui.line("Unlocked.");
    }
    Ok(())
}
