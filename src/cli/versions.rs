//! `platctl versions`

use time::OffsetDateTime;

use super::exit::Exit;
use super::ui::Ui;
use crate::blueprint::versions::{Date, matrix};
use crate::report::{human, json};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this chart: `karpenter`
    chart: Option<String>,
}

pub(crate) fn run(ui: &Ui, args: &Args) -> Exit {
    let chart = args.chart.as_deref();
    if ui.is_json() {
        ui.document(&json::versions(matrix(), chart));
    } else {
        ui.print(human::versions(matrix(), chart, today()));
    }
    Exit::Done
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
