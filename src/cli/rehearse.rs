//! `platctl rehearse`

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::Common;
use super::error::CommandError;
use super::execute::reporter;
use super::exit::Exit;
use super::state;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::address::Stack;
use crate::apply::{Interrupts, Pace, Progress};
use crate::graph::Graph;
use crate::graph::compile::Account;
use crate::plan::{Intent, Origin, Plan};
use crate::report::{human, json};
use crate::simulation::rehearsal::{Rehearsal, RehearsalError, Scene, rehearse};
use crate::simulation::{self, Climate, Mishap, Simulation, World};
use crate::state::{State, Store};

#[derive(Debug, clap::Args)]
#[command(after_help = FAULTS)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// Rehearse the end of the stack instead of its making
    #[arg(long)]
    destroy: bool,
    /// Begin with what this blueprint makes, instead of with nothing
    #[arg(long, value_name = "BLUEPRINT", conflicts_with = "recorded")]
    from: Option<PathBuf>,
    /// Begin with what is recorded of the stack
    #[arg(long)]
    recorded: bool,
    /// Chance falls as this number says: the same one, the same rehearsal
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// What goes wrong: WORD[=CHANCE%][@[VERB:]KIND] (repeatable)
    #[arg(long = "fault", value_name = "FAULT")]
    mishaps: Vec<Mishap>,
    /// Live, this many times faster than AWS; without it, at once
    #[arg(long, value_parser = speed)]
    speed: Option<f64>,
}

const FAULTS: &str = "\
Faults:
  throttle   refuse for the rate of requests      fail     fail with a 5xx, having acted or not
  cut        cut the connection before the call   lost     act, and lose the answer
  slow       answer 20 s late                     busy     refuse because of another operation
  denied     refuse for lack of permission        quota    refuse because a quota is used up
  invalid    refuse the values                    broken   make what will never work

  --fault throttle=30% --fault lost@create:AWS::RDS::DBInstance --fault 'denied@AWS::IAM::*'";

/// Where a rehearsal begins.
struct Beginning {
    world: World,
    /// What is recorded of it.
    state: Option<State>,
}

pub(crate) fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let target = Target::load(ui, common, &args.blueprint.blueprint)?;
    if !args.destroy {
        target.judge_versions(ui)?;
    }
    // In real time, as all that others do.
    let target = super::block_on(target.render(ui, common))?;
    let former = match &args.from {
        Some(path) => Some(super::block_on(former_graph(ui, common, path, &target))?),
        None => None,
    };
    let graph = graph(&target)?;
    let folder = tempfile::tempdir().map_err(|error| {
        CommandError::new("cannot make a folder for the rehearsal").caused_by(&error)
    })?;
    let store = Store::new(folder.path(), &target.stack);
    // In real time: it may have to be fetched.
    let recorded = if args.recorded {
        Some(super::block_on(load(ui, common, &args.blueprint.blueprint))?)
    } else {
        None
    };
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(args.speed.is_none());
    let runtime =
        runtime.build().map_err(|error| CommandError::new("cannot start").caused_by(&error))?;
    let rehearsed = runtime.block_on(async {
        let beginning = match recorded {
            Some(state) => Beginning { world: World::recorded(&state), state: Some(state) },
            None => begin(args, &target, &graph, former, &store).await?,
        };
        let graph = if args.destroy { nothing(&target.stack) } else { graph };
        play(ui, args, &target, &graph, &store, beginning).await
    })?;
    let view = ui.view(1.0);
    if ui.is_json() {
        ui.document(&json::rehearsal(&rehearsed, args.seed));
    } else {
        ui.print(human::outcome(&rehearsed.plan, &rehearsed.outcome, rehearsed.took, view));
        ui.print(human::rehearsal(&rehearsed, view));
    }
    Ok(if rehearsed.outcome.is_success() { Exit::Done } else { Exit::Failed })
}

async fn load(ui: &Ui, common: &Common, blueprint: &Path) -> Result<State, CommandError> {
    Ok(state::store(ui, common, blueprint, None).await?.load().await?)
}

/// Plays the change itself, with all that may go wrong.
async fn play(
    ui: &Ui,
    args: &Args,
    target: &Target,
    graph: &Graph,
    store: &Store,
    beginning: Beginning,
) -> Result<Rehearsal, CommandError> {
    if let Some(state) = beginning.state {
        let lock = store.lock("rehearse").await?;
        store.replace(&lock, &mut state.clone()).await?;
        lock.release().await?;
    }
    let speed = args.speed.unwrap_or(1.0);
    let climate = Climate { speed, ..Climate::usual(args.seed) };
    let cloud = Simulation::new(climate, beginning.world).host(graph).with(args.mishaps.clone());
    let (intent, region) = (intent(args), target.region());
    let origin = Origin { intent, region, blueprint: &target.blueprint.hash };
    let shown = OnceLock::new();
    let begun = |plan: &Arc<Plan>| {
        if args.speed.is_some() && !ui.is_json() {
            shown.get_or_init(|| reporter(ui, plan, speed));
        }
    };
    let progress = |event: Progress| {
        if let Some(shown) = shown.get() {
            shown.event(&event);
        }
    };
    let interrupts = Interrupts::of_process()
        .map_err(|error| CommandError::new("cannot listen for interrupts").caused_by(&error))?;
    let scene = Scene {
        cloud: Arc::new(cloud),
        store,
        graph,
        origin,
        pace: Pace { speed },
        begun: &begun,
        progress: &progress,
        interrupts,
    };
    let rehearsed = rehearse(scene).await;
    if let Some(shown) = shown.get() {
        shown.end();
    }
    Ok(rehearsed?)
}

/// What is there before the rehearsal: nothing, or what another blueprint (with `--destroy`, this one)
/// makes on a good day.
async fn begin(
    args: &Args,
    target: &Target,
    graph: &Graph,
    former: Option<Graph>,
    store: &Store,
) -> Result<Beginning, CommandError> {
    let former = former.or_else(|| args.destroy.then(|| graph.clone()));
    let Some(former) = former else {
        return Ok(Beginning { world: World::default(), state: None });
    };
    // It does not matter how long that takes.
    let climate = Climate { speed: args.speed.map_or(1.0, |_| SETTING_UP), ..Climate::strict() };
    let speed = climate.speed;
    let cloud = Arc::new(Simulation::new(climate, World::default()).host(&former));
    let (_interrupter, interrupts) = crate::apply::signal::channel();
    let scene = Scene {
        cloud: Arc::clone(&cloud),
        store,
        graph: &former,
        origin: Origin { intent: Intent::Apply, region: target.region(), blueprint: "" },
        pace: Pace { speed },
        begun: &|_| {},
        progress: &|_| {},
        interrupts,
    };
    let made = rehearse(scene).await?;
    if !made.outcome.is_success() {
        let failed = made.outcome.failed.first();
        let error = CommandError::new("what the rehearsal begins with could not be made");
        return Err(match failed {
            Some(failure) => error.hint(format!("{}: {}", failure.address, failure.fault)),
            None => error,
        });
    }
    Ok(Beginning { world: cloud.world(), state: None })
}

/// How fast the beginning is set up where time is real.
const SETTING_UP: f64 = 1e6;

async fn former_graph(
    ui: &Ui,
    common: &Common,
    path: &Path,
    target: &Target,
) -> Result<Graph, CommandError> {
    let former = Target::load(ui, common, path)?.render(ui, common).await?;
    if former.stack != target.stack {
        let (former, now) = (&former.stack, &target.stack);
        let error = CommandError::new(format!("`{former}` and `{now}` are two stacks"));
        return Err(error.hint("A stack is changed by a blueprint of the same name."));
    }
    graph(&former)
}

fn graph(target: &Target) -> Result<Graph, CommandError> {
    target.graph(&Account {
        id: simulation::ACCOUNT.into(),
        ..Account::placeholder(&target.blueprint)
    })
}

fn nothing(stack: &Stack) -> Graph {
    Graph { stack: stack.clone(), nodes: [].into(), existing: [].into(), moved: [].into() }
}

fn intent(args: &Args) -> Intent {
    if args.destroy { Intent::Destroy } else { Intent::Apply }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (1.0..=1e6).contains(&speed) => Ok(speed),
        _ => Err("expected a number from 1 to 1000000".into()),
    }
}

impl From<RehearsalError> for CommandError {
    fn from(error: RehearsalError) -> Self {
        match error {
            RehearsalError::Store(error) => error.into(),
            RehearsalError::Observe(error) => error.into(),
            RehearsalError::Conflicts(plan) => plan.conflicts.as_slice().into(),
            RehearsalError::Journal(error) => {
                Self::new("cannot write the journal of the rehearsal").caused_by(&error)
            }
        }
    }
}
