//! From a plan to its end: consent, journal, progress, summary. What `apply` and `destroy` share.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use super::connection::Connection;
use super::error::{CommandError, Problem};
use super::exit::Exit;
use super::plan::show;
use super::ui::Ui;
use crate::address::Address;
use crate::apply::{self, Apply, Interrupts};
use crate::diagnostic::did_you_mean;
use crate::plan::Plan;
use crate::report::progress::{JsonLines, Lines, Live, Reporter, Silent, Sink};
use crate::report::{Detail, human, json};
use crate::state::{Holder, Lock, State, Store, lease};

/// What a person agrees to before anything is touched.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Let this resource lose its data; '*' for all (repeatable)
    #[arg(long, value_name = "ADDRESS", value_parser = consented)]
    allow_delete: Vec<Consented>,
}

/// What `--allow-delete` names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Consented {
    All,
    One(Address),
}

impl Consent {
    /// Refuses to go on where somebody would have to be asked and nobody is there.
    pub(crate) fn can_be_given(&self, ui: &Ui, command: &str) -> Result<(), CommandError> {
        if self.yes || ui.can_ask() {
            return Ok(());
        }
        let message =
            format!("{command} asks before it changes anything, and nobody can answer here");
        Err(CommandError::new(message).hint("Add `--yes` to go ahead without being asked."))
    }

    /// Refuses what cannot be done, what loses data without having been named, and names that mean nothing. `gone` are
    /// addresses that the plan may have no more of: the same command is run again when it was cut off.
    pub(crate) fn check(&self, plan: &Plan, gone: &BTreeSet<Address>) -> Result<(), CommandError> {
        if !plan.conflicts.is_empty() {
            return Err(plan.conflicts.as_slice().into());
        }
        self.means_something(plan, gone)?;
        let allowed = |address: &Address| {
            self.allow_delete.iter().any(|it| match it {
                Consented::All => true,
                Consented::One(one) => one == address,
            })
        };
        let losses: BTreeSet<&Address> = plan.losses().filter(|it| !allowed(it)).collect();
        let problems = losses.into_iter().map(|address| {
            let kind = &plan.changes[address].kind;
            Problem::new(format!("{address} would lose its data"))
                .at(address, kind)
                .hint(format!("Add `--allow-delete {address}` if that is meant."))
        });
        match problems.collect::<Vec<_>>() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems.into()),
        }
    }
}

impl Consent {
    /// Consent to what is nowhere is a slip of the pen.
    fn means_something(&self, plan: &Plan, gone: &BTreeSet<Address>) -> Result<(), CommandError> {
        let named = self.allow_delete.iter().filter_map(|it| match it {
            Consented::All => None,
            Consented::One(address) => Some(address),
        });
        let known =
            |address: &Address| plan.changes.contains_key(address) || gone.contains(address);
        let unknown = named.filter(|address| !known(address));
        let problems = unknown.map(|address| {
            let losses = plan.losses().map(Address::as_str);
            let all = plan.changes.keys().map(Address::as_str);
            let meant = did_you_mean(address.as_str(), losses)
                .or_else(|| did_you_mean(address.as_str(), all));
            let problem =
                Problem::new(format!("`--allow-delete {address}` names nothing in this plan"));
            problem.hint(match meant {
                Some(meant) => format!("Did you mean `{meant}`?"),
                None => "`platctl state list` shows the addresses; leave out what is gone.".into(),
            })
        });
        match problems.collect::<Vec<_>>() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(problems.into()),
        }
    }
}

/// A stack that is being worked on, its state locked.
pub(crate) struct Work<'a> {
    pub(crate) store: &'a Store,
    pub(crate) lock: &'a Lock,
    pub(crate) state: State,
    pub(crate) connection: &'a Connection,
}

/// Does some work on a stack whose lock is held meanwhile. Whoever has it and may be dead is watched first, which is told.
pub(crate) async fn locked(
    ui: &Ui,
    store: &Store,
    purpose: &str,
    work: impl AsyncFnOnce(&Lock) -> Result<Exit, CommandError>,
) -> Result<Exit, CommandError> {
    let remarks = ui.clone();
    let watching = move |holder: &Holder| {
        remarks.remark(format_args!(
            "{holder} has the lock and gave no sign of life lately: taking it over in {} s unless one comes ...",
            lease::DEAD_AFTER.as_secs()
        ));
    };
    let lock = store.lock_watching(purpose, &watching).await?;
    let ended = work(&lock).await;
    // What went wrong in the work is what counts; without its lock it fails by itself.
    match &ended {
        Ok(_) => lock.release().await?,
        Err(_) => lock.abandon().await,
    }
    ended
}

/// Shows the plan before it is done: in JSON it is the first of the lines.
pub(crate) fn present(ui: &Ui, plan: &Plan, connection: &Connection) {
    if ui.is_json() {
        let calls = connection.aws.calls().snapshot();
        ui.line(json::line(&json::planned(plan, &calls)));
    } else {
        show(ui, plan, connection);
    }
}

/// Does what the plan says, and reports how that ended.
pub(crate) async fn execute(ui: &Ui, work: Work<'_>, plan: Plan) -> Result<Exit, CommandError> {
    let Work { store, lock, mut state, connection } = work;
    if plan.is_empty() && !apply::has_notes(&plan, &state) {
        return Ok(Exit::Done);
    }
    let begun = Instant::now();
    let mut journal = store.begin(lock, &mut state).await?;
    let permit = journal.permit();
    connection.aws.guard(move || {
        let permit = permit.clone();
        Box::pin(async move { permit.held().await.is_ok() })
    });
    apply::note(&plan, &mut state, &mut journal).await?;
    if plan.is_empty() {
        store.finish(lock, &state, journal).await?;
        return Ok(Exit::Done);
    }
    let interrupts = Interrupts::of_process()
        .map_err(|error| CommandError::new("cannot listen for interrupts").caused_by(&error))?;
    let plan = Arc::new(plan);
    ui.gap();
    let reporter = reporter(ui, &plan, connection.speed);
    let progress = |progress| reporter.event(&progress);
    let ended = apply::apply(Apply {
        cloud: connection.aws.clone(),
        plan: &plan,
        state: &mut state,
        journal: &mut journal,
        pace: connection.pace(),
        progress: &progress,
        interrupts,
    })
    .await;
    reporter.end();
    let outcome = ended?;
    store.finish(lock, &state, journal).await?;
    if ui.is_json() {
        ui.line(json::line(&json::summary(&plan, &outcome, begun.elapsed())));
    } else {
        ui.gap();
        ui.print(human::outcome(&plan, &outcome, begun.elapsed(), ui.view(connection.speed)));
    }
    Ok(match (outcome.is_success(), outcome.interrupted.is_some()) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Failed,
    })
}

/// Draws an apply as it runs.
pub(crate) fn reporter(ui: &Ui, plan: &Arc<Plan>, speed: f64) -> Box<dyn Reporter> {
    let view = ui.view(speed);
    let lines = ui.clone();
    let sink: Sink = Box::new(move |line| lines.line(line));
    if ui.is_json() {
        Box::new(JsonLines { speed, sink })
    } else if view.detail == Detail::Brief {
        Box::new(Silent)
    } else if ui.is_live() {
        Box::new(Live::start(Arc::clone(plan), view, ui.colour()))
    } else {
        Box::new(Lines::new(Arc::clone(plan), view, sink))
    }
}

fn consented(text: &str) -> Result<Consented, String> {
    match text {
        "*" => Ok(Consented::All),
        address => match address.parse() {
            Ok(address) => Ok(Consented::One(address)),
            Err(error) => Err(format!("{error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;

    use super::*;
    use crate::diagnostic::Colour;
    use crate::report::fixture::everything;

    fn refused(allowed: &[&str]) -> Option<String> {
        let allow_delete = allowed.iter().map(|text| consented(text).unwrap()).collect();
        let refused =
            Consent { yes: true, allow_delete }.check(&everything(), &BTreeSet::new()).err()?;
        assert_eq!(refused.exit(), Exit::Failed);
        Some(strip_str(&refused.human(Colour::Never).to_string()).to_string())
    }

    #[test]
    fn what_loses_data_must_be_named() {
        insta::assert_snapshot!(refused(&["databases.orders/instance", "network/vpc"]).unwrap(), @r"
        error: databases.main/instance would lose its data
         = kind: AWS::RDS::DBInstance
         = help: Add `--allow-delete databases.main/instance` if that is meant.
        ");
        assert_eq!(refused(&["*"]), None);
        let named = ["databases.main/instance", "databases.orders/instance", "keys.data/key"];
        assert_eq!(refused(&named), None);
    }

    #[test]
    fn consent_to_what_is_nowhere_is_a_slip() {
        insta::assert_snapshot!(refused(&["databases.orders/instanse", "*"]).unwrap(), @r"
        error: `--allow-delete databases.orders/instanse` names nothing in this plan
         = help: Did you mean `databases.orders/instance`?
        ");
        let gone = BTreeSet::from(["databases.former/instance".parse().unwrap()]);
        let allow_delete = vec![Consented::All, consented("databases.former/instance").unwrap()];
        assert!(Consent { yes: true, allow_delete }.check(&everything(), &gone).is_ok());
    }

    #[test]
    fn a_name_that_somebody_else_has_is_refused() {
        let conflict = crate::plan::Conflict {
            address: "databases.main/instance".parse().unwrap(),
            kind: "AWS::RDS::DBInstance".into(),
            id: crate::address::PhysicalId::new("shop"),
            owner: None,
        };
        let plan = Plan { conflicts: vec![conflict.clone(), conflict], ..everything() };
        let consent = Consent { yes: true, allow_delete: vec![Consented::All] };
        let refused =
            consent.check(&plan, &BTreeSet::new()).unwrap_err().human(Colour::Never).to_string();
        let text = strip_str(&refused).to_string();
        assert_eq!(
            text.matches("exists already and belongs to somebody else").count(),
            2,
            "{text}"
        );
    }
}
