//! The version matrix.

use std::fmt::{self, Display, Formatter};

use crate::blueprint::versions::{Date, Lifecycle, Matrix, Release};
use crate::report::style::{BAD, CHANGED, GOOD, QUIET, STRONG, painted};

/// What runs with what, and for how long EKS has it on a day; of all charts or of one.
pub fn versions<'a>(
    matrix: &'a Matrix,
    chart: Option<&'a str>,
    today: Date,
) -> impl Display + use<'a> {
    fmt::from_fn(move |out| {
        let Matrix { kubernetes, components } = matrix;
        if chart.is_none() {
            writeln!(out, "{}", painted(STRONG, "Kubernetes on EKS"))?;
            for version in kubernetes {
                lifecycle(version, today, out)?;
            }
        }
        for (name, releases) in components {
            if chart.is_some_and(|chart| chart != name) {
                continue;
            }
            if chart.is_none() {
                writeln!(out)?;
            }
            writeln!(out, "{}", painted(STRONG, name))?;
            for one in releases {
                release(one, out)?;
            }
        }
        Ok(())
    })
}

fn lifecycle(version: &Lifecycle, today: Date, out: &mut Formatter<'_>) -> fmt::Result {
    let Lifecycle { version, standard, extended, source, read: _ } = version;
    let (style, support) = if today >= *extended {
        (BAD, format!("gone since {extended}"))
    } else if today >= *standard {
        (CHANGED, format!("extended support until {extended}"))
    } else {
        (GOOD, format!("standard support until {standard}"))
    };
    let support = painted(style, format!("{support:33}"));
    writeln!(out, "  {:12} {support} {}", version.to_string(), painted(QUIET, source))
}

fn release(release: &Release, out: &mut Formatter<'_>) -> fmt::Result {
    let Release { charts: _, version, app, kubernetes, source, read: _ } = release;
    let runs_on = format!("Kubernetes {kubernetes}");
    writeln!(out, "  {version:12} {app:9} {runs_on:23} {}", painted(QUIET, source))
}
