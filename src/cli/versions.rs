//! `platctl versions`

use time::OffsetDateTime;

use super::error::CommandError;
use super::exit::Exit;
use super::ui::Ui;
use crate::blueprint::versions::{Date, matrix};
use crate::diagnostic::{did_you_mean, listed};
use crate::report::{human, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this chart: `karpenter`
    chart: Option<String>,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Result<Exit, CommandError> {
    let chart = args.chart.as_deref();
    let charts = || matrix().components.keys().map(String::as_str);
    if let Some(unknown) = chart.filter(|it| !matrix().components.contains_key(*it)) {
        let error = CommandError::new(format!("nothing is known of a chart `{unknown}`"));
        return Err(match did_you_mean(unknown, charts()) {
            Some(similar) => error.hint(format!("Did you mean `{similar}`?")),
            None => error.hint(format!("Known are {}.", listed(charts()))),
        });
    }
    if ui.is_json() {
        ui.document(&json::versions(matrix(), chart));
    } else {
        ui.print(human::versions(matrix(), chart, today()));
    }
    Ok(Exit::Done)
}

/// The day on which a plan is made. `SOURCE_DATE_EPOCH`, in seconds, stands for it where the same input is to give the
/// same output on another day.
pub(crate) fn today() -> Date {
    let given = std::env::var("SOURCE_DATE_EPOCH").ok();
    let given = given.and_then(|seconds| seconds.trim().parse().ok());
    let given = given.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    let now = given.unwrap_or_else(OffsetDateTime::now_utc);
    Date::new(now.year(), now.month().into(), now.day())
}
