//! The commands. Each is a file with its arguments and one function: resolve, check, act, report.
//!
//! **Architecture invariant:** only this module knows exit codes, and only it and `report` write text.

mod apply;
mod completions;
mod connection;
mod destroy;
mod diff;
mod error;
mod execute;
mod exit;
mod explain;
mod init;
mod keys;
mod kinds;
mod kubeconfig;
mod lock;
mod place;
mod plan;
mod rehearse;
mod render;
mod rendering;
mod sandbox;
mod saved;
mod schema;
mod state;
mod target;
mod ui;
mod validate;
mod versions;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{ArgAction, Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use error::CommandError;
use exit::Exit;
use place::Place;
use ui::Ui;

/// One blueprint, one plan: provisions AWS environments from a single declarative file.
#[derive(Debug, Parser)]
#[command(name = "platctl", version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done, or no changes
  1    failed
  2    changes are pending (plan, diff)
  3    the blueprint is invalid
  4    the saved plan is stale
  5    the state is locked by another apply
  64   the command line is wrong
  130  interrupted";

/// What every command understands.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Common {
    /// The environment of the blueprint
    #[arg(
        long,
        short,
        global = true,
        value_name = "NAME",
        env = "PLATCTL_ENV",
        hide_env_values = true
    )]
    env: Option<String>,
    /// Work against a rehearsal cloud on this machine; `PLATCTL_SANDBOX` names one of several
    #[arg(long, global = true)]
    sandbox: bool,
    /// Where state is kept, in place of what the blueprint says (else `.platctl`): a folder, or
    /// `s3://BUCKET/PREFIX`; the sandbox's stands in `sandbox/` below a folder
    #[arg(
        long,
        global = true,
        value_name = "DIR | URL",
        env = "PLATCTL_STATE",
        value_parser = str::parse::<Place>,
        hide_env_values = true
    )]
    state: Option<Place>,
    /// Set a value of the blueprint for this run: `cluster.version=1.34` (repeatable)
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    sets: Vec<(String, String)>,
    /// Refuse charts that `platctl.lock` does not name, and do not change it
    #[arg(long, global = true)]
    locked: bool,
    /// Take charts from a folder of archives or unpacked charts instead of their repositories
    #[arg(
        long,
        global = true,
        value_name = "FOLDER",
        env = "PLATCTL_CHARTS",
        hide_env_values = true
    )]
    charts_from: Option<PathBuf>,
    /// The file that tells of clusters which are not EKS's, in place of `KUBECONFIG`
    #[arg(long, global = true, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Another context of that file than the one that `existing.cluster` names
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// Print JSON for machines, errors too
    #[arg(long, global = true)]
    json: bool,
    /// Say more: properties of what is created, and logs; -vv and -vvv for debugging
    #[arg(long, short, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say only what it came to, and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Whether to use colours; `auto` minds `NO_COLOR` and whether there is a terminal
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: When,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a blueprint to start from
    Init(init::Args),
    /// Check a blueprint, in all its environments
    Validate(validate::Args),
    /// Show what an apply would do; exits 2 if that is anything
    Plan(plan::Args),
    /// Make the world as the blueprint says, or do exactly what a saved plan says
    Apply(apply::Args),
    /// Show what was changed outside platctl; exits 2 if that is anything
    Diff(diff::Args),
    /// Delete everything that platctl made for the stack
    Destroy(destroy::Args),
    /// Try a blueprint in a simulated cloud, at once: how long, what for, how many calls, what would fail
    Rehearse(rehearse::Args),
    /// Find the charts of a blueprint and keep in `platctl.lock` which archives they are
    Lock(lock::Args),
    /// Write what would be applied for other tools: manifests, Kustomize, Argo CD, CloudFormation
    Render(render::Args),
    /// Look at what is recorded, correct it, bring it back
    #[command(subcommand)]
    State(state::Command),
    /// Explain a key of the language, a kind, or what becomes of a component and why
    Explain(explain::Args),
    /// List the kinds of resources, or show one of them
    Kinds(kinds::Args),
    /// Print the JSON Schema of the blueprint, for editors
    Schema,
    /// Show which versions of Kubernetes EKS has, and which charts run on which
    Versions(versions::Args),
    /// Write what `kubectl` needs to reach the blueprint's cluster
    Kubeconfig(kubeconfig::Args),
    /// Print a token for the API of an EKS cluster
    #[command(hide = true)]
    KubeToken(kubeconfig::TokenArgs),
    /// Manage the rehearsal cloud on this machine
    #[command(subcommand)]
    Sandbox(sandbox::Command),
    /// Print a completion script for a shell
    Completions(completions::Args),
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has left needs neither help nor the error.
            let _ = error.print();
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return exit.into();
        }
    };
    let Cli { common, command } = cli;
    let ui = Ui::new(&common);
    ui.log();
    let ended = execute_command(&ui, &common, command);
    let exit = ended.unwrap_or_else(|error| {
        ui.error(&error);
        error.exit()
    });
    ui.finish(exit).into()
}

fn execute_command(ui: &Ui, common: &Common, command: Command) -> Result<Exit, CommandError> {
    match command {
        Command::Init(args) => init::run(ui, &args),
        Command::Validate(args) => block_on(validate::run(ui, common, &args)),
        Command::Plan(args) => block_on(plan::run(ui, common, &args)),
        Command::Apply(args) => block_on(apply::run(ui, common, &args)),
        Command::Diff(args) => block_on(diff::run(ui, common, &args)),
        Command::Destroy(args) => block_on(destroy::run(ui, common, &args)),
        Command::Rehearse(args) => rehearse::run(ui, common, &args),
        Command::Lock(args) => block_on(lock::run(ui, common, &args)),
        Command::Render(args) => block_on(render::run(ui, common, &args)),
        Command::State(command) => block_on(state::run(ui, common, &command)),
        Command::Explain(args) => explain::run(ui, common, &args),
        Command::Kinds(args) => kinds::run(ui, &args),
        Command::Schema => Ok(schema::run(ui)),
        Command::Versions(args) => versions::run(ui, &args),
        Command::Kubeconfig(args) => block_on(kubeconfig::run(ui, common, &args)),
        Command::KubeToken(args) => block_on(kubeconfig::token(ui, common, &args)),
        Command::Sandbox(command) => block_on(sandbox::run(ui, common, &command)),
        Command::Completions(args) => Ok(completions::run(ui, &args, &mut Cli::command())),
    }
}

/// Runs what talks to a cloud.
fn block_on<T>(command: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::new("cannot start").caused_by(&error))?;
    runtime.block_on(command)
}

impl Common {
    /// What the command line sets in the blueprint.
    fn sets(&self) -> Vec<(String, String)> {
        let context =
            self.context.iter().map(|name| ("existing.cluster.context".into(), name.clone()));
        self.sets.iter().cloned().chain(context).collect()
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.into(), value.into())),
        _ => Err("expected KEY=VALUE, such as `cluster.version=1.34`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }
}
