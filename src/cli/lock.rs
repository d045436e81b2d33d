//! `platctl lock`

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Common;
use super::error::CommandError;
use super::exit::Exit;
use super::rendering::{folder_of, kit};
use super::target::BlueprintArg;
use super::ui::Ui;
use crate::blueprint::{self, Selection, Validated};
use crate::chart::ChartUse;
use crate::chart::archive;
use crate::chart::lock::{Entry, FILE, Lock};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::report::json::FORMAT;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// Look for this chart anew, by its name in the blueprint; '*' for all (repeatable)
    #[arg(long, value_name = "NAME")]
    update: Vec<String>,
    /// Copy the archives of all charts into a folder, for `--charts-from`
    #[arg(long, value_name = "FOLDER")]
    vendor: Option<PathBuf>,
}

/// `lock --json`.
#[derive(Serialize)]
struct LockedV1<'a> {
    format: u32,
    charts: Vec<&'a Entry>,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    if common.charts_from.is_some() {
        let error = CommandError::new("a folder that stands for all repositories cannot be locked");
        return Err(
            error.hint(format!("Leave out `--charts-from` and unset {}.", archive::VARIABLE))
        );
    }
    let path = &args.blueprint.blueprint;
    let environment = common.env.as_deref();
    let loaded: Validated = match environment {
        Some(_) => blueprint::load(path, Selection { environment, sets: &common.sets() }).into(),
        None => blueprint::validate(path, &common.sets()),
    };
    let Validated { blueprints, diagnostics, sources } = loaded;
    if blueprints.is_empty() {
        return Err(CommandError::Blueprint { diagnostics, sources });
    }
    ui.warnings(&diagnostics, &sources);
    let mut charts: Vec<ChartUse> = Vec::new();
    for chart in blueprints.iter().flat_map(blueprint::Blueprint::charts) {
        let same = |it: &ChartUse| {
            (&it.repository, &it.chart, &it.version)
                == (&chart.repository, &chart.chart, &chart.version)
        };
        if chart.repository.is_some() && !charts.iter().any(same) {
            charts.push(chart);
        }
    }
    let folder = folder_of(path);
    let before = Lock::read(&folder)?;
    let mut lock = before.clone();
    forget(&mut lock, &charts, &args.update)?;
    if environment.is_none() {
        // What no environment has any more.
        lock.retain(|entry| charts.iter().any(|chart| entry.is(chart)));
    }
    let kit = kit(ui, common, &folder, !charts.is_empty()).await?;
    let mut problems: Vec<Diagnostic> = Vec::new();
    for chart in &charts {
        match archive::fetch(chart, &kit, &lock).await {
            Ok(fetched) => {
                if let (Some(into), Some(entry)) = (&args.vendor, &fetched.entry) {
                    copy(&fetched.path, into, entry)?;
                }
                lock.add(fetched.entry);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(CommandError::Blueprint { diagnostics: problems, sources });
    }
    if lock != before {
        if common.locked {
            let error = CommandError::new(format!("{FILE} would change, and `--locked` keeps it"));
            return Err(error.hint("Leave `--locked` out, and commit what comes of it."));
        }
        lock.write(&folder)?;
    }
    tell(ui, &before, &lock);
    Ok(Exit::Done)
}

/// Takes the entries of the charts that are named out of the lock.
fn forget(lock: &mut Lock, charts: &[ChartUse], update: &[String]) -> Result<(), CommandError> {
    if update.iter().any(|name| name == "*") {
        lock.retain(|_| false);
        return Ok(());
    }
    let names: BTreeSet<&str> = charts.iter().map(|it| it.name.as_str()).collect();
    for name in update {
        if !names.contains(name.as_str()) {
            let error = CommandError::new(format!("no chart of a repository is called `{name}`"));
            return Err(match did_you_mean(name, names.iter().copied()) {
                Some(meant) => error.hint(format!("Did you mean `{meant}`?")),
                None => error.hint("Charts are named as in the blueprint."),
            });
        }
        let named: Vec<&ChartUse> = charts.iter().filter(|it| it.name == *name).collect();
        lock.retain(|entry| !named.iter().any(|chart| entry.is(chart)));
    }
    Ok(())
}

fn copy(archive: &Path, into: &Path, entry: &Entry) -> Result<(), CommandError> {
    let to = into.join(format!("{}-{}.tgz", entry.chart, entry.version));
    fs::create_dir_all(into)
        .and_then(|()| fs::copy(archive, &to).map(drop))
        .map_err(|error| CommandError::io("write", &to, &error))
}

fn tell(ui: &Ui, before: &Lock, lock: &Lock) {
    if ui.is_json() {
        ui.document(&LockedV1 { format: FORMAT, charts: lock.entries().collect() });
        return;
    }
    for entry in lock.entries() {
        let was = before.entries().find(|it| {
            (&it.repository, &it.chart, &it.wanted)
                == (&entry.repository, &entry.chart, &entry.wanted)
        });
        let Entry { chart, version, .. } = entry;
        match was {
            Some(was) if was == entry => ui.line(format_args!("  {chart} {version}")),
            Some(was) => ui.line(format_args!("~ {chart} {} → {version}", was.version)),
            None => ui.line(format_args!("+ {chart} {version}")),
        }
    }
    for entry in before.entries() {
        let still = lock.entries().any(|it| {
            (&it.repository, &it.chart, &it.wanted)
                == (&entry.repository, &entry.chart, &entry.wanted)
        });
        if !still {
            ui.line(format_args!("- {} {}", entry.chart, entry.version));
        }
    }
    if lock.entries().next().is_none() {
        ui.line("The blueprint has no charts of repositories.");
    }
}
