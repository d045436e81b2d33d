//! `platctl state`

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::exit::Exit;
use super::place::Place;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::address::{Address, Stack};
use crate::diagnostic::did_you_mean;
use crate::report::{human, json};
use crate::state::{State, Store};

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
        Command::List(which) => list(ui, &which.load(ui, common).await?),
        Command::Show { address, which } => show(ui, &which.load(ui, common).await?, address)?,
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
        let error = CommandError::new(format!("nothing is recorded at {address}"));
        let known = state.resources.keys().map(Address::as_str);
        return Err(match did_you_mean(address.as_str(), known) {
            Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
            None => error.hint("`platctl state list` shows what is recorded."),
        });
    };
    if ui.is_json() {
        ui.document(&json::record(address, record));
    } else {
        ui.print(human::record(address, record));
    }
    Ok(())
}

impl Which {
    async fn load(&self, ui: &Ui, common: &Common) -> Result<State, CommandError> {
        Ok(self.store(ui, common).await?.load().await?)
    }

    /// Where the state is. Only a bucket needs a connection.
    async fn store(&self, ui: &Ui, common: &Common) -> Result<Store, CommandError> {
        let (stack, place, region) = if let Some(stack) = &self.stack {
            (Stack::new(stack), Place::of(common, None), None)
        } else {
            let target = Target::load(ui, common, &self.blueprint.blueprint)?;
            let region = target.region().to_owned();
            (target.stack, target.place, Some(region))
        };
        if let Some(store) = place.offline(&stack) {
            return Ok(store);
        }
        let region = place.region().map(str::to_owned).or(region);
        let region = region.or_else(|| std::env::var("AWS_REGION").ok()).ok_or_else(|| {
            let hint = format!("Write it behind the place: `--state '{place}?region=REGION'`.");
            CommandError::new(format!("the region of {place} is not known")).hint(hint)
        })?;
        let connection = Connection::open(ui, common, &region).await?;
        Ok(place.store(&stack, &connection))
    }
}
