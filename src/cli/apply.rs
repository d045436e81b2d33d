//! `platctl apply`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::Common;
use super::connection::Connection;
use super::error::{CommandError, Problem};
use super::execute::{Consent, Work, execute, locked, present};
use super::exit::Exit;
use super::keys::Wanted;
use super::plan::survey;
use super::saved::{SavedPlan, stale};
use super::target::{self, Target};
use super::ui::Ui;
use crate::apply::moved;
use crate::graph::{Graph, Node};
use crate::observe::observe;
use crate::plan::{Intent, Plan, Reason};
use crate::report::human;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The blueprint, or a plan that `platctl plan --out FILE` has saved
    #[arg(value_name = "BLUEPRINT | PLANFILE", default_value = target::DEFAULT)]
    path: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    match SavedPlan::read(&args.path)? {
        Some(saved) => from_plan(ui, common, &args.consent, saved).await,
        None => Box::pin(from_blueprint(ui, common, args)).await,
    }
}

async fn from_blueprint(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let Args { path, consent } = args;
    let target = Target::load(ui, common, path)?;
    target.judge_versions(ui)?;
    consent.can_be_given(ui, "apply")?;
    let target = target.render(ui, common).await?;
    let connection = Connection::open(ui, common, target.region()).await?;
    target.place.prepare(common)?;
    let store = target.store(&connection);
    locked(ui, &store, "apply", async |lock| {
        let state = store.load().await?;
        let plan = survey(ui, &target, &connection, &state, Intent::Apply).await?;
        present(ui, &plan, &connection);
        consent.check(&plan, &BTreeSet::new())?;
        if !plan.is_empty() && !consent.yes {
            let answer = ui.ask("\nApply this plan? [y/N]")?;
            if !matches!(answer.to_lowercase().as_str(), "y" | "yes") {
                return Err(CommandError::new("not applied, nothing was changed"));
            }
        }
        let work = Work { store: &store, lock, state, connection: &connection };
        execute(ui, work, plan).await
    })
    .await
}

/// Does exactly what was saved, or refuses: it was printed, so nobody is asked.
async fn from_plan(
    ui: &Ui,
    common: &Common,
    consent: &Consent,
    saved: SavedPlan,
) -> Result<Exit, CommandError> {
    if saved.sandbox != common.sandbox {
        let (made, now) =
            if saved.sandbox { ("the sandbox", "AWS") } else { ("AWS", "the sandbox") };
        let message = format!("the plan was made for {made}, not for {now}");
        let hint = if saved.sandbox { "Add `--sandbox`." } else { "Leave `--sandbox` out." };
        return Err(CommandError::new(message).hint(hint));
    }
    let place = saved.place(common)?;
    let connection = Connection::open(ui, common, &saved.plan.region).await?;
    place.prepare(common)?;
    let store = place.store(&saved.plan.stack, Wanted::default(), &connection);
    locked(ui, &store, "apply", async |lock| {
        let mut state = store.load().await?;
        saved.fits(&mut state)?;
        consent.check(&saved.plan, &BTreeSet::new())?;
        let plan = saved.plan;
        let observation = observe(&*connection.aws, &graph_of(&plan), &state).await?;
        let problems = moved(&plan, &observation).into_iter().map(|address| {
            let message = format!("{address} is not as it was when the plan was made");
            Problem::new(message).at(&address, &plan.changes[&address].kind)
        });
        match problems.collect::<Vec<_>>() {
            problems if problems.is_empty() => {}
            problems => return Err(stale(problems)),
        }
        if ui.is_json() {
            present(ui, &plan, &connection);
        } else {
            // It was read when it was saved; here its size is enough.
            ui.print(human::summary(&plan, ui.view(connection.speed)));
        }
        execute(ui, Work { store: &store, lock, state, connection: &connection }, plan).await
    })
    .await
}

/// What a plan makes or changes, to look at it again. What it keeps is recorded, and looked at as such.
fn graph_of(plan: &Plan) -> Graph {
    let nodes = plan.changes.iter().filter_map(|(address, change)| {
        let node = Node {
            kind: change.kind.clone(),
            region: change.region.clone(),
            spec: change.desired.clone()?,
            deletion: change.deletion,
            needs: change.needs.clone(),
        };
        Some((address.clone(), node))
    });
    let moved = plan.changes.iter().filter_map(|(address, change)| match &change.reason {
        Reason::Moved { to } => Some((to.clone(), address.clone())),
        _ => None,
    });
    let (nodes, moved) = (nodes.collect(), moved.collect());
    // What others own has no part in an apply: what was read of it stands in the plan.
    Graph { stack: plan.stack.clone(), nodes, existing: [].into(), moved }
}
