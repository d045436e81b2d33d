//! Exit codes: an API, documented in `platctl --help`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done, or no changes.
    Done = 0,
    Failed = 1,
    /// `plan` and `diff`: there is something to do.
    Pending = 2,
    InvalidBlueprint = 3,
    /// The saved plan does not fit the world any more.
    StalePlan = 4,
    LockedState = 5,
    /// `EX_USAGE` of sysexits: clap's own 2 would look like pending changes.
    Usage = 64,
    Interrupted = 130,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The name that errors have in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Pending => "changes-pending",
            Self::InvalidBlueprint => "invalid-blueprint",
            Self::StalePlan => "stale-plan",
            Self::LockedState => "locked-state",
            Self::Usage => "usage",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
