//! Who works on a stack, for whoever comes second.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A process that works on a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Holder {
    /// `ann@laptop`
    pub who: String,
    pub pid: u32,
    /// What it does: `apply`, `state mv`.
    pub purpose: String,
    /// When it began, by its own clock (RFC 3339): to be read, never to be compared.
    pub since: String,
}

impl Holder {
    /// This process, from now on.
    pub fn new(purpose: &str) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
        let user = user.unwrap_or_else(|| "somebody".into());
        let host = gethostname::gethostname();
        Self {
            who: format!("{user}@{}", host.to_string_lossy()),
            pid: std::process::id(),
            purpose: purpose.into(),
            since: now(),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { who, pid, purpose, since } = self;
        write!(out, "{who} (process {pid}, {purpose}, since {since})")
    }
}

/// The time, to the second (RFC 3339).
pub(super) fn now() -> String {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0);
    now.ok().and_then(|now| now.format(&Rfc3339).ok()).unwrap_or_default()
}
