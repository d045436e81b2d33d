//! `platctl state mv`, `platctl state rm`

use super::{Named, Rest, Which, edited, not_recorded};
use crate::cli::Common;
use crate::cli::error::{CommandError, Problem};
use crate::cli::ui::Ui;
use crate::report::{human, json};
use crate::state::State;
use crate::state::edit::{self, EditError, Pattern};

#[derive(Debug, clap::Args)]
pub(crate) struct Mv {
    /// An address, or what several begin with: a component (`databases.orders`), a part of one (`network/subnet`)
    from: String,
    /// What takes its place
    to: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Addresses, or what several begin with: a component (`databases.orders`), a part of one (`network/subnet`)
    #[arg(required = true, value_name = "ADDRESS")]
    addresses: Vec<String>,
    #[command(flatten)]
    which: Named,
}

pub(super) async fn mv(ui: &Ui, common: &Common, args: &Mv) -> Result<(), CommandError> {
    let Mv { from, to, which } = args;
    let store = which.store(ui, common).await?;
    let work = ("state mv", Rest::Minded);
    let (moved, state) = edited(ui, common, &store, work, async |lock, state| {
        let moved = edit::rename(state, &Pattern::new(from), to);
        let moved = moved.map_err(|error| refused(state, error))?;
        store.replace(lock, state).await?;
        Ok(moved)
    })
    .await?;
    if ui.is_json() {
        ui.document(&json::moved(&moved, &state));
    } else {
        ui.print(human::moved(&moved, &state));
    }
    Ok(())
}

pub(super) async fn rm(ui: &Ui, common: &Common, args: &Rm) -> Result<(), CommandError> {
    let Rm { addresses, which } = args;
    let store = which.store(ui, common).await?;
    let work = ("state rm", Rest::Minded);
    let ((before, forgotten), state) = edited(ui, common, &store, work, async |lock, state| {
        let before = state.clone();
        let patterns: Vec<Pattern> = addresses.iter().map(Pattern::new).collect();
        let forgotten = edit::forget(state, &patterns);
        let forgotten = forgotten.map_err(|error| refused(&before, error))?;
        store.replace(lock, state).await?;
        Ok((before, forgotten))
    })
    .await?;
    if ui.is_json() {
        ui.document(&json::forgotten(&before, &forgotten, &state));
    } else {
        ui.print(human::forgotten(&before, &forgotten, &state));
    }
    Ok(())
}

fn refused(state: &State, error: EditError) -> CommandError {
    match &error {
        EditError::Nothing { pattern } => not_recorded(state, pattern),
        EditError::Open { .. } => CommandError::from(Problem::of(&error))
            .hint("Run `platctl apply` first: it finishes what was begun."),
        EditError::Taken { .. } => CommandError::from(Problem::of(&error))
            .hint("Choose another address, or forget that one first with `platctl state rm`."),
        EditError::Below { .. } => CommandError::from(Problem::of(&error)).hint("Choose another address."),
        EditError::Address { .. } => CommandError::from(Problem::of(&error))
            .hint("An address is `component/role`; an address becomes an address, a component a component."),
    }
}
