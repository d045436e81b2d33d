//! `platctl state`: look at what is recorded, correct it, and bring it back.
//!
//! None of these commands changes anything but the state.

mod edit;
mod exchange;
mod past;
mod recover;
mod rotate;

use std::path::{Path, PathBuf};

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::execute::locked;
use super::exit::Exit;
use super::keys::{self, Wanted};
use super::place::Place;
use super::target::{self, BlueprintArg, Target};
use super::ui::Ui;
use crate::address::{Address, Stack};
use crate::diagnostic::did_you_mean;
use crate::report::{human, json};
use crate::state::{Lock, State, Store};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List every recorded resource
    List(Which),
    /// Show one recorded resource in full
    Show {
        /// The resource: `network/vpc`
        address: Address,
        #[command(flatten)]
        which: Which,
    },
    /// Print the state as JSON, with what a cut-off apply has left
    Pull(Which),
    /// Put a state in the place of the recorded one
    Push(exchange::Push),
    /// Record resources under another address; they stay what they are
    Mv(edit::Mv),
    /// Forget resources without deleting them
    Rm(edit::Rm),
    /// List the earlier versions of the state
    History(Which),
    /// Make an earlier version the current one again
    Restore(past::Restore),
    /// Take the lock away from an apply that does not live any more
    Unlock(past::Unlock),
    /// Rebuild a lost state from the blueprint and what is live
    Recover(recover::Recover),
    /// Seal the state with a new data key, or by another passphrase or KMS key
    Rotate(rotate::Rotate),
}

/// Whose state.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// The stack by its name, without its blueprint
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

pub(crate) async fn run(ui: &Ui, common: &Common, command: &Command) -> Result<Exit, CommandError> {
    match command {
        Command::List(which) => list(ui, &which.store(ui, common).await?.load().await?),
        Command::Show { address, which } => {
            show(ui, &which.store(ui, common).await?.load().await?, address)?;
        }
        Command::Pull(which) => exchange::pull(ui, common, which).await?,
        Command::Push(args) => exchange::push(ui, common, args).await?,
        Command::Mv(args) => edit::mv(ui, common, args).await?,
        Command::Rm(args) => edit::rm(ui, common, args).await?,
        Command::History(which) => past::history(ui, common, which).await?,
        Command::Restore(args) => past::restore(ui, common, args).await?,
        Command::Unlock(args) => past::unlock(ui, common, args).await?,
        Command::Recover(args) => Box::pin(recover::run(ui, common, args)).await?,
        Command::Rotate(args) => rotate::run(ui, common, args).await?,
    }
    Ok(Exit::Done)
}

fn list(ui: &Ui, state: &State) {
    if ui.is_json() {
        ui.document(&json::records(state));
    } else {
        ui.print(human::records(state));
    }
}

fn show(ui: &Ui, state: &State, address: &Address) -> Result<(), CommandError> {
    let Some(record) = state.resources.get(address) else {
        return Err(not_recorded(state, address.as_str()));
    };
    if ui.is_json() {
        ui.document(&json::record(address, record));
    } else {
        ui.print(human::record(address, record));
    }
    Ok(())
}

fn not_recorded(state: &State, named: &str) -> CommandError {
    let error = CommandError::new(format!("nothing is recorded at {named}"));
    let components = state.resources.keys().map(Address::component);
    let known = state.resources.keys().map(Address::as_str).chain(components);
    match did_you_mean(named, known) {
        Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
        None => error.hint("`platctl state list` shows what is recorded."),
    }
}

impl Which {
    async fn store(&self, ui: &Ui, common: &Common) -> Result<Store, CommandError> {
        store(ui, common, &self.blueprint.blueprint, self.stack.as_deref()).await
    }
}

/// Whose state, where the arguments are something else.
#[derive(Debug, clap::Args)]
pub(crate) struct Named {
    /// The blueprint
    #[arg(long, value_name = "FILE", default_value = target::DEFAULT)]
    blueprint: PathBuf,
    /// The stack by its name, without its blueprint
    #[arg(long, value_name = "NAME")]
    stack: Option<String>,
}

impl Named {
    async fn store(&self, ui: &Ui, common: &Common) -> Result<Store, CommandError> {
        store(ui, common, &self.blueprint, self.stack.as_deref()).await
    }
}

/// Where the state is. Only a bucket needs a connection.
pub(crate) async fn store(
    ui: &Ui,
    common: &Common,
    blueprint: &Path,
    stack: Option<&str>,
) -> Result<Store, CommandError> {
    let (stack, place, sealing, region) = if let Some(stack) = stack {
        (Stack::new(stack), Place::of(common, None), Wanted::default(), None)
    } else {
        let target = Target::load(ui, common, blueprint)?;
        let (region, sealing) = (target.region().to_owned(), target.sealing());
        (target.stack, target.place, sealing, Some(region))
    };
    let way = || keys::way(ui, common, region.clone());
    if let Some(store) = place.offline(&stack, sealing.clone(), way) {
        return Ok(store);
    }
    let region = place.region().map(str::to_owned).or(region);
    let region = region.or_else(|| std::env::var("AWS_REGION").ok()).ok_or_else(|| {
        let hint = format!("Write it behind the place: `--state '{place}?region=REGION'`.");
        CommandError::new(format!("the region of {place} is not known")).hint(hint)
    })?;
    let connection = Connection::open(ui, common, &region).await?;
    Ok(place.store(&stack, sealing, &connection))
}

/// What becomes of an apply that was cut off, and of what cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It must be finished first.
    Minded,
    /// It is given up.
    GivenUp,
}

/// Changes a state while its lock is held. `edit` gets the state and says what there is to report.
async fn edited<T>(
    ui: &Ui,
    common: &Common,
    store: &Store,
    (purpose, rest): (&str, Rest),
    edit: impl AsyncFnOnce(&Lock, &mut State) -> Result<T, CommandError>,
) -> Result<(T, State), CommandError> {
    let cut_off = match store.is_cut_off().await {
        Err(error) if rest == Rest::GivenUp && error.is_damage() => false,
        told => told?,
    };
    if store.folder().is_some() {
        Place::of(common, None).prepare(common)?;
    }
    let mut done = None;
    locked(ui, store, purpose, async |lock| {
        let mut state = match store.load().await {
            Err(error) if rest == Rest::GivenUp && error.is_damage() => store.fresh(),
            loaded => loaded?,
        };
        if rest == Rest::Minded && (cut_off || state.is_open()) {
            let error = CommandError::new("an apply was cut off, and what it began is not settled");
            return Err(error.hint("Run `platctl apply` first: it finishes what was begun."));
        }
        let report = edit(lock, &mut state).await?;
        done = Some((report, state));
        Ok(Exit::Done)
    })
    .await?;
    done.ok_or_else(|| CommandError::new("nothing was done"))
}
