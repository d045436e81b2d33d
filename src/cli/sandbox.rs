//! `platctl sandbox`

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Common;
use super::connection::{start_sandbox, user_sandbox};
use super::error::CommandError;
use super::exit::Exit;
use super::place::sandbox_folder;
use super::ui::Ui;
use crate::report::json::FORMAT;
use crate::report::words;
use crate::sandbox::{Running, serve_kubernetes};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start the sandbox, or give the running one another speed
    Start {
        /// How many times faster than AWS it lives [default: 300]
        #[arg(long, value_parser = speed)]
        speed: Option<f64>,
    },
    /// End the sandbox, and with it its data
    Stop,
    /// Forget all data of the sandbox
    Reset,
    /// Tell whether the sandbox runs, and where
    Status,
    /// Print the environment that turns AWS tools to the sandbox: `eval "$(platctl sandbox env)"`
    Env {
        /// The region that the tools take by default
        #[arg(long, default_value = "eu-west-1")]
        region: String,
    },
    /// Be the server of Kubernetes, until it is asked to stop
    #[command(hide = true)]
    ServeKubernetes {
        /// Where, on the loopback interface
        #[arg(long)]
        listen: SocketAddr,
        /// Where to tell the port
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// How many times faster than a real cluster it lives
        #[arg(long, value_parser = speed)]
        speed: f64,
        /// The identity that it tells
        #[arg(long)]
        instance: String,
    },
}

/// `sandbox start --json` and `sandbox status --json`
#[derive(Serialize)]
struct StatusV1<'a> {
    format: u32,
    running: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    /// Seconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<u64>,
}

pub(crate) async fn run(ui: &Ui, common: &Common, command: &Command) -> Result<Exit, CommandError> {
    match command {
        Command::Start { speed } => {
            let running = start_sandbox(ui, *speed).await?;
            status(ui, Some(&running));
        }
        Command::Stop => {
            let sandbox = user_sandbox()?;
            if sandbox.status().await?.is_some() {
                sandbox.stop().await?;
            }
            forget(common)?;
            status(ui, None);
        }
        Command::Reset => {
            let sandbox = user_sandbox()?;
            sandbox.reset().await?;
            forget(common)?;
            status(ui, sandbox.status().await?.as_ref());
        }
        Command::ServeKubernetes { listen, data, speed, instance } => {
            serve_kubernetes(*listen, data, *speed, instance).await?;
        }
        Command::Status => status(ui, user_sandbox()?.status().await?.as_ref()),
        Command::Env { region } => {
            let running = start_sandbox(ui, None).await?;
            let environment = running.env(region);
            if ui.is_json() {
                ui.document(&environment);
            } else {
                for (name, value) in &environment {
                    ui.line(format_args!("export {name}={value}"));
                }
            }
        }
    }
    Ok(Exit::Done)
}

fn status(ui: &Ui, running: Option<&Running>) {
    if ui.is_json() {
        ui.document(&StatusV1 {
            format: FORMAT,
            running: running.is_some(),
            endpoint: running.map(|it| it.endpoint.as_str()),
            speed: running.map(|it| it.speed),
            pid: running.map(|it| it.pid),
            started: running.map(|it| it.started),
        });
        return;
    }
    match running {
        None => ui.line("The sandbox is not running."),
        Some(Running { endpoint, pid, speed, started, .. }) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let up = words::about(now.saturating_sub(Duration::from_secs(*started)));
            ui.line(format_args!(
                "The sandbox runs at {endpoint}, {speed} times faster than AWS (process {pid}, up {up})."
            ));
        }
    }
}

/// What is recorded here of the sandbox is of no use once its data are gone.
fn forget(common: &Common) -> Result<(), CommandError> {
    let root = sandbox_folder(common);
    let failed = |error: io::Error| CommandError::io("remove", &root, &error);
    let entries = match fs::read_dir(&root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Only folders of stacks: files would belong to a stack on AWS that is called `sandbox`.
        if entry.path().join("state.json").is_file() {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    Ok(())
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (1.0..=100_000.0).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 1 to 100000".into()),
    }
}
