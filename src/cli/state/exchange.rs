//! `platctl state pull`, `platctl state push`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::{Rest, Which, edited};
use crate::cli::Common;
use crate::cli::error::CommandError;
use crate::cli::ui::Ui;
use crate::report::{human, json};
use crate::state::State;

#[derive(Debug, clap::Args)]
pub(crate) struct Push {
    /// A state as `platctl state pull` prints it; `-` reads it from standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Also if it is another history or an older state, and give up what a cut-off apply has left
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn pull(ui: &Ui, common: &Common, which: &Which) -> Result<(), CommandError> {
    let state = which.store(ui, common).await?.load().await?;
    ui.print(state.to_json());
    Ok(())
}

pub(super) async fn push(ui: &Ui, common: &Common, args: &Push) -> Result<(), CommandError> {
    let Push { file, force, which } = args;
    let store = which.store(ui, common).await?;
    let pushed = State::from_json(&read(file)?, store.stack(), &named(file))?;
    let work = ("state push", if *force { Rest::GivenUp } else { Rest::Minded });
    let ((), state) = edited(ui, common, &store, work, async |lock, state| {
        if !force {
            fits(state, &pushed)?;
        }
        *state = pushed;
        store.replace(lock, state).await?;
        Ok(())
    })
    .await?;
    if ui.is_json() {
        ui.document(&json::pushed(&state));
    } else {
        ui.print(human::pushed(&state));
    }
    Ok(())
}

/// Refuses what would undo an apply that whoever pushes has not seen.
fn fits(recorded: &State, pushed: &State) -> Result<(), CommandError> {
    const FORCE: &str = "Add `--force` if it is to take its place all the same.";
    if recorded.serial == 0 && recorded.resources.is_empty() {
        return Ok(());
    }
    if recorded.lineage != pushed.lineage {
        let message = "the pushed state has another history than the recorded one";
        return Err(CommandError::new(message).hint(FORCE));
    }
    if pushed.serial < recorded.serial {
        let message = format!(
            "the pushed state is older: it has serial {}, the recorded one {}",
            pushed.serial, recorded.serial
        );
        return Err(CommandError::new(message)
            .hint("Pull again, and make your changes there.")
            .hint(FORCE));
    }
    Ok(())
}

fn read(file: &Path) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut bytes)).map(drop)
    };
    read.map_err(|error| {
        CommandError::new(format!("cannot read {}", named(file))).caused_by(&error)
    })?;
    Ok(bytes)
}

fn named(file: &Path) -> String {
    if file == Path::new("-") { "standard input".into() } else { file.display().to_string() }
}
