//! `platctl completions`

use clap_complete::Shell;

use super::exit::Exit;
use super::ui::Ui;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell that reads the script
    shell: Shell,
}

pub(crate) fn run(ui: &Ui, args: &Args, command: &mut clap::Command) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "platctl", &mut script);
    ui.print(String::from_utf8_lossy(&script));
    Exit::Done
}
