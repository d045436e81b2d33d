//! `platctl state rotate`

use super::{Rest, Which, edited};
use crate::cli::Common;
use crate::cli::error::CommandError;
use crate::cli::ui::Ui;
use crate::report::{human, json};
use crate::state::seal::Wrap;

#[derive(Debug, clap::Args)]
pub(crate) struct Rotate {
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    which: Which,
}

/// By what it is sealed from now on; by default as it was.
#[derive(Debug, clap::Args)]
#[group(multiple = false)]
struct By {
    /// Seal by this KMS key: an id, an ARN or an alias
    #[arg(long, value_name = "KEY")]
    kms_key: Option<String>,
    /// Seal by the passphrase in `PLATCTL_STATE_PASSPHRASE`; `PLATCTL_STATE_PASSPHRASE_OLD` opens what it does not
    #[arg(long)]
    passphrase: bool,
    /// Do not seal it any more
    #[arg(long)]
    open: bool,
}

pub(super) async fn run(ui: &Ui, common: &Common, args: &Rotate) -> Result<(), CommandError> {
    let Rotate { by, which } = args;
    let store = which.store(ui, common).await?;
    let wrap = match by {
        By { kms_key: Some(key), .. } => Some(Wrap::Kms(key.clone())),
        By { passphrase: true, .. } => Some(Wrap::Passphrase),
        By { open: true, .. } => Some(Wrap::Open),
        By { kms_key: None, passphrase: false, open: false } => None,
    };
    let work = ("state rotate", Rest::Minded);
    let (wrap, state) = edited(ui, common, &store, work, async |lock, state| {
        Ok(store.rotate(lock, state, wrap).await?)
    })
    .await?;
    if ui.is_json() {
        ui.document(&json::rotated(&wrap, &state));
    } else {
        ui.print(human::rotated(&wrap, &state));
    }
    Ok(())
}
