//! `platctl plan`

use std::path::PathBuf;

use super::Common;
use super::connection::Connection;
use super::error::{CommandError, Problem};
use super::exit::Exit;
use super::saved::SavedPlan;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::address::Address;
use crate::graph::{Existing, Graph};
use crate::judge::judge;
use crate::observe::{self, observe};
use crate::plan::{self, Intent, Origin, Plan};
use crate::report::{Detail, human, json};
use crate::state::State;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// Save the plan for `platctl apply FILE`
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Plan the end of the stack
    #[arg(long)]
    destroy: bool,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let mut target = Target::load(ui, common, &args.blueprint.blueprint)?;
    if !args.destroy {
        target.judge_versions(ui)?;
        target = target.render(ui, common).await?;
    }
    let connection = Connection::open(ui, common, target.region()).await?;
    let state = target.store(&connection).load().await?;
    let intent = if args.destroy { Intent::Destroy } else { Intent::Apply };
    let plan = survey(ui, &target, &connection, &state, intent).await?;
    show(ui, &plan, &connection);
    if !plan.conflicts.is_empty() {
        // The document tells of them too, and there can be only one.
        return if ui.is_json() { Ok(Exit::Failed) } else { Err(plan.conflicts.as_slice().into()) };
    }
    let exit = if plan.is_empty() { Exit::Done } else { Exit::Pending };
    if let Some(path) = &args.out {
        SavedPlan::new(plan, common.sandbox, &target.place).write(path)?;
        let options = if common.sandbox { " --sandbox" } else { "" };
        ui.remark(format_args!(
            "\nSaved; `platctl apply{options} {}` does exactly this.",
            path.display()
        ));
    }
    Ok(exit)
}

/// Looks at the three sides and compares them.
pub(crate) async fn survey(
    ui: &Ui,
    target: &Target,
    connection: &Connection,
    state: &State,
    intent: Intent,
) -> Result<Plan, CommandError> {
    let graph = match intent {
        Intent::Apply => target.graph(&connection.account().await?)?,
        Intent::Destroy => Graph {
            stack: target.stack.clone(),
            nodes: [].into(),
            existing: [].into(),
            moved: [].into(),
        },
    };
    let observation = observe(&*connection.aws, &graph, state).await?;
    let missing: Vec<Problem> = observe::missing(&graph, &observation).map(absent).collect();
    if !missing.is_empty() {
        return Err(missing.into());
    }
    let origin = Origin { intent, region: target.region(), blueprint: &target.blueprint.hash };
    let plan = plan::plan(&graph, state, &observation, origin);
    target.heed(ui, &judge(&*connection.aws, &graph, &plan).await)?;
    Ok(plan)
}

fn absent((address, existing): (&Address, &Existing)) -> Problem {
    let Existing { kind, region, id } = existing;
    Problem::new(format!("{kind} `{id}` does not exist in {region}"))
        .at(address, kind)
        .hint("Correct the id in `existing`, or the credentials and the region with which it is looked up.")
}

/// Prints a plan.
pub(crate) fn show(ui: &Ui, plan: &Plan, connection: &Connection) {
    let calls = connection.aws.calls().snapshot();
    if ui.is_json() {
        ui.document(&json::plan(plan, &calls, ui.detail()));
        return;
    }
    let view = ui.view(connection.speed);
    ui.print(human::plan(plan, view));
    if view.detail == Detail::Full {
        ui.print(human::calls(&calls, view));
    }
}
