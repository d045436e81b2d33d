//! `platctl state recover`

use std::collections::BTreeSet;

use super::{Rest, edited};
use crate::cli::Common;
use crate::cli::connection::Connection;
use crate::cli::error::{CommandError, Problem};
use crate::cli::target::{BlueprintArg, Target};
use crate::cli::ui::Ui;
use crate::cloud::owned::owned;
use crate::graph::Graph;
use crate::kinds::{k8s_object, k8s_owned};
use crate::recover::{Recovered, clusters, recover, recover_objects};
use crate::report::{human, json};
use crate::state::State;

#[derive(Debug, clap::Args)]
pub(crate) struct Recover {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// Give up what is recorded, and what a cut-off apply has left
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(ui: &Ui, common: &Common, args: &Recover) -> Result<(), CommandError> {
    let Recover { blueprint, force } = args;
    let target = Target::load(ui, common, &blueprint.blueprint)?.render(ui, common).await?;
    let connection = Connection::open(ui, common, target.region()).await?;
    let graph = target.graph(&connection.account().await?)?;
    let region = target.region().to_owned();
    let store = target.store(&connection);
    let work = ("state recover", if *force { Rest::GivenUp } else { Rest::Minded });
    let (found, state) = edited(ui, common, &store, work, async |lock, state| {
        let State { resources, serial, .. } = &*state;
        if !resources.is_empty() && !force {
            let message = format!("{} resources are recorded, as serial {serial}", resources.len());
            return Err(CommandError::new(message)
                .hint("Nothing is lost: `platctl plan` compares them with what is live.")
                .hint("Add `--force` to give them up and record anew what is found."));
        }
        let regions = graph.nodes.values().map(|node| node.region.clone());
        let regions: BTreeSet<String> = regions.chain([region.clone()]).collect();
        let owned = owned(&connection.aws, &graph.stack, regions).await.map_err(|fault| {
            Problem::new("cannot ask which objects carry the tags of the stack").failed(&fault)
        })?;
        let mut found = recover(&*connection.aws, &graph, state.clone(), &owned, &region).await?;
        let objects = objects(ui, &connection, &graph, &found).await?;
        recover_objects(&*connection.aws, &mut found, &objects).await?;
        *state = found.state.clone();
        store.replace(lock, state).await?;
        Ok(found)
    })
    .await?;
    let found = Recovered { state, ..found };
    if ui.is_json() {
        ui.document(&json::recovered(&found));
    } else {
        ui.print(human::recovered(&found));
    }
    Ok(())
}

/// What carries the stack's label on its clusters. One of which nothing is known but that it is there need not let us in.
async fn objects(
    ui: &Ui,
    connection: &Connection,
    graph: &Graph,
    found: &Recovered,
) -> Result<BTreeSet<k8s_owned::OwnedObject>, CommandError> {
    let mut objects = BTreeSet::new();
    for (region, cluster) in clusters(graph, found) {
        let cx = connection.aws.region(&region);
        match k8s_owned::owned(&cx, &cluster, &graph.stack).await {
            Ok(owned) => objects.extend(owned),
            Err(fault) => {
                let what =
                    format!("cannot ask which objects of cluster `{cluster}` are of the stack");
                if graph.nodes.values().any(|node| k8s_object::is_object(&node.kind)) {
                    return Err(Problem::new(what).failed(&fault).into());
                }
                ui.remark(format_args!("{what}: {fault}"));
            }
        }
    }
    Ok(objects)
}
