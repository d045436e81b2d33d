//! Why a command failed: what, where, why, and what to do next. Each error of the library has one conversion here,
//! which decides exit code and hint.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::address::Address;
use crate::diagnostic::{Colour, Diagnostic, DiagnosticV1};
use crate::fault::{Class, Fault};
use crate::observe::ObserveError;
use crate::plan::Conflict;
use crate::plan::check::PlanDefect;
use crate::report::json::FORMAT;
use crate::report::style::{ERROR, QUIET, STRONG, painted};
use crate::sandbox::SandboxError;
use crate::source::SourceMap;
use crate::state::seal::{FORMER_PASSPHRASE_VARIABLE, PASSPHRASE_VARIABLE};
use crate::state::{JournalError, LockError, SealError, StoreError};

use super::connection::AccountError;
use super::exit::Exit;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The blueprint is invalid; this is all that is wrong with it.
    Blueprint { diagnostics: Vec<Diagnostic>, sources: SourceMap },
    /// Anything else: one problem, mostly.
    Problems { exit: Exit, problems: Vec<Problem> },
}

/// One thing that went wrong.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// A lower-case fragment.
    message: String,
    /// What led to it, the nearest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The service's error code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// Sentences that say what to do next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hints: Vec<String>,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// What `error` says, and what led to it.
    pub(crate) fn of(error: &dyn Error) -> Self {
        let mut problem = Self::new(error.to_string());
        if let Some(source) = error.source() {
            problem.caused_by(source);
        }
        problem
    }

    pub(crate) fn at(mut self, address: &Address, kind: &str) -> Self {
        (self.address, self.kind) = (Some(address.clone()), Some(kind.into()));
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A call failed.
    pub(crate) fn failed(mut self, fault: &Fault) -> Self {
        self.caused_by(fault);
        self.fault(fault)
    }

    fn fault(mut self, fault: &Fault) -> Self {
        (self.code, self.request_id) = (fault.code.clone(), fault.request_id.clone());
        self.hints.push(fault.class.hint().into());
        self
    }

    fn caused_by(&mut self, error: &dyn Error) {
        self.causes.push(error.to_string());
        if let Some(source) = error.source() {
            self.caused_by(source);
        }
    }
}

impl CommandError {
    /// A failure with one problem.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Problem::new(message).into()
    }

    /// Reading or writing a file failed.
    pub(crate) fn io(what: &str, path: &Path, source: &io::Error) -> Self {
        Self::new(format!("cannot {what} {}", path.display())).caused_by(source)
    }

    pub(crate) fn exiting(self, exit: Exit) -> Self {
        match self {
            Self::Problems { exit: _, problems } => Self::Problems { exit, problems },
            invalid @ Self::Blueprint { .. } => invalid,
        }
    }

    pub(crate) fn caused_by(mut self, error: &dyn Error) -> Self {
        if let Self::Problems { problems, .. } = &mut self {
            for problem in problems {
                problem.caused_by(error);
            }
        }
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Self::Problems { problems, .. } = &mut self
            && let Some(last) = problems.last_mut()
        {
            last.hints.push(hint.into());
        }
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Blueprint { .. } => Exit::InvalidBlueprint,
            Self::Problems { exit, .. } => *exit,
        }
    }

    /// As standard error shows it, with a line break at its end.
    pub(crate) fn human(&self, colour: Colour) -> impl Display {
        fmt::from_fn(move |out| match self {
            Self::Blueprint { diagnostics, sources } => diagnostics
                .iter()
                .try_for_each(|one| writeln!(out, "{}\n", one.render(sources, colour))),
            Self::Problems { exit: _, problems } => {
                problems.iter().try_for_each(|problem| write!(out, "{}", human(problem)))
            }
        })
    }

    /// As `--json` prints it.
    pub(crate) fn json(&self) -> impl Serialize {
        let exit = self.exit();
        let (diagnostics, problems) = match self {
            Self::Blueprint { diagnostics, sources } => {
                (diagnostics.iter().map(|one| one.to_json(sources)).collect(), &[][..])
            }
            Self::Problems { exit: _, problems } => (Vec::new(), problems.as_slice()),
        };
        let error = ErrorV1 { exit: exit.code(), name: exit.name(), diagnostics, problems };
        DocumentV1 { format: FORMAT, error }
    }
}

#[derive(Serialize)]
struct DocumentV1<'a> {
    format: u32,
    error: ErrorV1<'a>,
}

#[derive(Serialize)]
struct ErrorV1<'a> {
    exit: u8,
    name: &'static str,
    /// Of the blueprint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<DiagnosticV1>,
    #[serde(skip_serializing_if = "<[Problem]>::is_empty")]
    problems: &'a [Problem],
}

fn human(problem: &Problem) -> impl Display {
    fmt::from_fn(move |out| {
        let Problem { message, causes, address, kind, code, request_id, hints } = problem;
        writeln!(out, "{}{}", painted(ERROR, "error"), painted(STRONG, format!(": {message}")))?;
        let mut row = |name: &str, text: &dyn Display| {
            writeln!(out, " {} {name}: {text}", painted(QUIET, "="))
        };
        causes.iter().try_for_each(|cause| row("why", cause))?;
        let shown = address.as_ref().filter(|at| !message.contains(at.as_str()));
        shown.map_or(Ok(()), |address| row("where", address))?;
        let shown = kind.as_ref().filter(|kind| !message.contains(kind.as_str()));
        shown.map_or(Ok(()), |kind| row("kind", kind))?;
        code.as_ref().map_or(Ok(()), |code| row("code", code))?;
        request_id.as_ref().map_or(Ok(()), |request| row("request", request))?;
        hints.iter().try_for_each(|hint| row("help", hint))
    })
}

impl From<Problem> for CommandError {
    fn from(problem: Problem) -> Self {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for CommandError {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems { exit: Exit::Failed, problems }
    }
}

impl From<AccountError> for CommandError {
    fn from(error: AccountError) -> Self {
        let problem = Problem::of(&error);
        let problem = match &error.profile {
            Some(profile) if error.fault.is(Class::Credentials) => {
                problem.hint(format!("AWS_PROFILE is `{profile}`: check that the profile exists."))
            }
            _ => problem,
        };
        problem.fault(&error.fault).into()
    }
}

impl From<ObserveError> for CommandError {
    fn from(error: ObserveError) -> Self {
        Problem::of(&error).at(&error.address, error.kind).fault(&error.fault).into()
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let problem = Problem::of(&error);
        match error {
            StoreError::Lock(error) => error.into(),
            StoreError::Cloud { fault, .. } => problem.fault(&fault).into(),
            StoreError::Absent { place, .. } => {
                make_hint(&place).into_iter().fold(problem, Problem::hint).into()
            }
            StoreError::Moving { .. } => problem.hint("Run the command again.").into(),
            StoreError::Version { .. } => problem.hint("Use a newer platctl.").into(),
            StoreError::OtherStack { .. } => {
                problem.hint("Name another folder with `--state`.").into()
            }
            StoreError::Format { .. } => problem
                .hint(
                    "Restore it from a backup, or record anew what is live: `platctl state recover --force`.",
                )
                .into(),
            StoreError::NoVersion { .. } => {
                problem.hint("`platctl state history` lists the versions that are kept.").into()
            }
            StoreError::Journal(error) => error.into(),
            StoreError::Seal { source, .. } => hinted(problem, &source).into(),
            StoreError::Io { .. } | StoreError::OtherLock => problem.into(),
        }
    }
}

impl From<JournalError> for CommandError {
    fn from(error: JournalError) -> Self {
        let problem = Problem::of(&error);
        match error {
            JournalError::Io { .. } => problem.hint(
                "Nothing more was done; what was done before is recorded. Make room, and run the command again.",
            ),
            JournalError::Lock(error) => return error.into(),
            JournalError::Cloud { fault, .. } => problem.fault(&fault).hint(NOTHING_LOST),
            JournalError::Version { .. } => problem.hint("Use a newer platctl."),
            JournalError::Seal { source, .. } => hinted(problem, &source),
            JournalError::Line { .. } | JournalError::Foreign { .. } | JournalError::Stopped => {
                problem
            }
        }
        .into()
    }
}

impl From<LockError> for CommandError {
    fn from(error: LockError) -> Self {
        let problem = Problem::of(&error);
        match error {
            LockError::Held { beat, .. } => {
                let hint = match beat {
                    None => "Wait until it has ended; the lock goes with its process.",
                    Some(_) => {
                        "Wait until it has ended; should it have died, its lock is taken over once it has given no sign \
                         of life for half a minute."
                    }
                };
                Self::from(problem.hint(hint)).exiting(Exit::LockedState)
            }
            LockError::Lost { .. } => problem.hint(NOTHING_LOST).into(),
            LockError::Unrenewed { fault, .. } => problem.fault(&fault).hint(NOTHING_LOST).into(),
        }
    }
}

const NOTHING_LOST: &str = "Nothing more was begun, and nothing is lost: what was begun is recorded, and the next run goes \
                            on from there.";

/// How to make what is to keep the state.
fn make_hint(place: &str) -> Option<String> {
    if let Some(rest) = place.strip_prefix("s3://") {
        let bucket = rest.split('/').next()?;
        return Some(format!(
            "If it is not there yet, make it: `aws s3 mb s3://{bucket} --region REGION`, with the region of the state."
        ));
    }
    let table = place.strip_prefix("dynamodb://")?.split('/').next()?;
    Some(format!(
        "If it is not there yet, make it: `aws dynamodb create-table --table-name {table} --billing-mode PAY_PER_REQUEST \
         --attribute-definitions AttributeName=LockID,AttributeType=S --key-schema AttributeName=LockID,KeyType=HASH`."
    ))
}

/// What to do about a piece that cannot be opened or sealed.
fn hinted(problem: Problem, error: &SealError) -> Problem {
    match error {
        SealError::NoPassphrase => problem.hint(format!(
            "Set {PASSPHRASE_VARIABLE} to the passphrase of this state."
        )),
        SealError::WrongPassphrase => problem.hint(format!(
            "Set {PASSPHRASE_VARIABLE} to the passphrase that it was sealed with, or {FORMER_PASSPHRASE_VARIABLE}, \
             if that was another one."
        )),
        SealError::Unwrap { fault, .. } | SealError::Generate { fault, .. } => {
            problem.fault(fault).hint(
                "Who works on the stack needs `kms:Decrypt` and `kms:GenerateDataKey` for this key.",
            )
        }
        SealError::Unsealed => problem.hint(
            "Put the sealed one back. If this one is meant, `platctl state push --force` takes a state in the open.",
        ),
        SealError::Damaged | SealError::Misplaced { .. } | SealError::Format(_) => problem.hint(
            "Restore the file from a backup, or record anew what is live: `platctl state recover --force`.",
        ),
        SealError::Version { .. } => problem.hint("Use a newer platctl."),
        SealError::Costly
        | SealError::Exhausted
        | SealError::Cipher
        | SealError::NoService { .. } => problem,
    }
}

impl From<SandboxError> for CommandError {
    fn from(error: SandboxError) -> Self {
        let problem = Problem::of(&error);
        match error.hint() {
            Some(hint) => problem.hint(hint).into(),
            None => problem.into(),
        }
    }
}

impl From<Vec<PlanDefect>> for CommandError {
    fn from(defects: Vec<PlanDefect>) -> Self {
        let problems: Vec<Problem> = defects.iter().map(|defect| Problem::of(defect)).collect();
        Self::from(problems).hint("Make it again with `platctl plan --out FILE`.")
    }
}

/// One problem for each name that somebody else has.
impl From<&[Conflict]> for CommandError {
    fn from(conflicts: &[Conflict]) -> Self {
        let problem = |conflict: &Conflict| {
            let hint = "Choose another name in the blueprint, or remove the object that has it.";
            Problem::of(conflict).at(&conflict.address, &conflict.kind).hint(hint)
        };
        conflicts.iter().map(problem).collect::<Vec<_>>().into()
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::fault::Call;
    use crate::report::json;

    #[test]
    fn a_fault_says_what_where_why_and_what_next() {
        let error = ObserveError {
            kind: "AWS::EC2::VPC",
            region: "eu-west-1".into(),
            address: Address::of("network", "vpc"),
            others: 2,
            fault: Fault {
                call: Some(Call { service: "ec2".into(), action: "DescribeVpcs".into() }),
                code: Some("UnauthorizedOperation".into()),
                request_id: Some("8f3c".into()),
                ..Fault::new(Class::Denied, "You are not authorized to perform this operation.")
            },
        };
        let error = CommandError::from(error);
        insta::assert_snapshot!(strip_str(&error.human(Colour::Never).to_string()), @r"
        error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc and 2 more)
         = why: ec2 DescribeVpcs: You are not authorized to perform this operation.
         = code: UnauthorizedOperation
         = request: 8f3c
         = help: Give the principal permission for this action, or use another profile (AWS_PROFILE).
        ");
        insta::assert_snapshot!(json::document(&error.json()));
    }

    #[tokio::test]
    async fn a_held_lock_has_its_own_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let store = crate::state::Store::new(folder.path(), &crate::address::Stack::new("shop"));
        let _first = store.lock("apply").await.unwrap();
        let second = store.lock("destroy").await.unwrap_err();
        assert_eq!(CommandError::from(second).exit(), Exit::LockedState);
    }
}
