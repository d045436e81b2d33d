//! A plan in a file: a contract that `apply` keeps to the letter or refuses.

use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Common;
use super::error::{CommandError, Problem};
use super::exit::Exit;
use super::place::Place;
use crate::plan::{Plan, check};
use crate::state::State;

/// The file's content. The plan says what is done; the rest says where it was made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SavedPlan {
    format: u32,
    /// The version of platctl that made it.
    pub(crate) platctl: String,
    /// Made against the sandbox: AWS must never see it, nor the sandbox one that was made against AWS.
    pub(crate) sandbox: bool,
    /// Where the state is kept that it was made from, if that is a bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    pub(crate) plan: Plan,
}

const FORMAT: u32 = 1;
const REMAKE: &str = "Make it again with `platctl plan --out FILE`.";

impl SavedPlan {
    pub(crate) fn new(plan: Plan, sandbox: bool, place: &Place) -> Self {
        let state = match place {
            Place::Bucket(_) => Some(place.to_string()),
            Place::Folder(_) => None,
        };
        Self { format: FORMAT, platctl: env!("CARGO_PKG_VERSION").into(), sandbox, state, plan }
    }

    /// Where the state is kept that it is for.
    pub(crate) fn place(&self, common: &Common) -> Result<Place, CommandError> {
        match (&common.state, &self.state) {
            (None, Some(place)) => place.parse().map_err(CommandError::new),
            _ => Ok(Place::of(common, None)),
        }
    }

    /// Writes it whole or not at all.
    pub(crate) fn write(&self, path: &Path) -> Result<(), CommandError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            Ok(())
        };
        write().map_err(|error| CommandError::io("write", path, &error))
    }

    /// The plan in a file; `None` if the file holds something else, or is not there.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, CommandError> {
        let Ok(bytes) = std::fs::read(path) else { return Ok(None) };
        if !claims_to_be_a_plan(&bytes) {
            return Ok(None);
        }
        let unreadable = |error: &serde_json::Error| {
            let message = format!("{} is not a plan that platctl can read", path.display());
            CommandError::new(message).caused_by(error).hint(REMAKE)
        };
        let saved: Self = match serde_json::from_slice(&bytes) {
            Ok(saved) => saved,
            Err(error) => return Err(unreadable(&error)),
        };
        if saved.format != FORMAT {
            let message = format!(
                "{} has format {}; this platctl reads {FORMAT}",
                path.display(),
                saved.format
            );
            return Err(CommandError::new(message).hint(REMAKE));
        }
        match check::check(&saved.plan) {
            defects if defects.is_empty() => Ok(Some(saved)),
            defects => Err(defects.into()),
        }
    }

    /// Refuses a plan that was made from another state than this. A state that was never written has no past that could
    /// differ: it takes the plan's lineage on.
    pub(crate) fn fits(&self, state: &mut State) -> Result<(), CommandError> {
        let Plan { lineage, serial, .. } = &self.plan;
        if state.serial == 0 && state.resources.is_empty() && *serial == 0 {
            state.lineage.clone_from(lineage);
        }
        if state.lineage != *lineage {
            return Err(stale(vec![Problem::new("the plan was made from another state")]));
        }
        if state.serial != *serial {
            let message = format!(
                "the plan was made from serial {serial} of the state, which is at {} now",
                state.serial
            );
            return Err(stale(vec![Problem::new(message)]));
        }
        Ok(())
    }
}

/// The plan does not fit the world any more.
pub(crate) fn stale(problems: Vec<Problem>) -> CommandError {
    CommandError::from(problems).exiting(Exit::StalePlan).hint(REMAKE)
}

/// A blueprint may be JSON too; a plan begins with its format, also if the rest of it is lost.
fn claims_to_be_a_plan(bytes: &[u8]) -> bool {
    let text = bytes.trim_ascii_start();
    let rest = text.strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    rest.is_some_and(|rest| rest.starts_with(b"\"format\""))
        || serde_json::from_slice::<serde_json::Value>(bytes)
            .is_ok_and(|value| value.get("format").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_told_from_a_blueprint_even_if_it_is_broken() {
        assert!(claims_to_be_a_plan(b" { \"format\": 1, \"pl"));
        assert!(claims_to_be_a_plan(br#"{"plan": {}, "format": 1}"#));
        assert!(!claims_to_be_a_plan(br#"{"apiVersion": "platctl.dev/v1"}"#));
        assert!(!claims_to_be_a_plan(b"apiVersion: platctl.dev/v1"));
    }
}
