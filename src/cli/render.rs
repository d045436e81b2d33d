//! `platctl render`

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::exit::Exit;
use super::target::{BlueprintArg, Target};
use super::ui::Ui;
use crate::address::Address;
use crate::blueprint;
use crate::graph::Graph;
use crate::graph::compile::Account;
use crate::kind::Ref;
use crate::report::json::FORMAT;
use crate::report::render::argo_cd::{Source, argo_cd};
use crate::report::render::cloudformation::cloudformation;
use crate::report::render::kustomize::{Side, kustomize};
use crate::report::render::manifests::manifests;
use crate::report::render::{Files, is_object};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    blueprint: BlueprintArg,
    /// What to write
    #[arg(long, value_enum)]
    format: Format,
    /// The folder to write to; what an earlier run wrote there and this one does not is removed
    #[arg(long, short, value_name = "FOLDER")]
    out: PathBuf,
    /// Put what is recorded in place of what is known only once it exists
    #[arg(long)]
    recorded: bool,
    /// Where Argo CD finds the files
    #[arg(long, value_name = "URL", default_value = "${repository}", hide_default_value = true)]
    repository: String,
    /// The branch, tag or commit that Argo CD takes
    #[arg(long, value_name = "REVISION", default_value = "HEAD")]
    revision: String,
    /// The folder of the files in that repository
    #[arg(long, value_name = "PATH", default_value = ".", hide_default_value = true)]
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Kubernetes manifests, a file for each object
    Manifests,
    /// A Kustomize base with an overlay for each environment
    Kustomize,
    /// Applications of Argo CD with the manifests that they apply
    ArgoCd,
    /// A CloudFormation template for each region, without what is on the cluster
    Cloudformation,
}

/// `render --json`.
#[derive(Serialize)]
struct RenderedV1<'a> {
    format: u32,
    files: Vec<&'a str>,
}

/// A blueprint in one environment, and what is recorded of it.
struct Stack {
    environment: String,
    graph: Graph,
    outputs: BTreeMap<Address, BTreeMap<String, String>>,
}

pub(crate) async fn run(ui: &Ui, common: &Common, args: &Args) -> Result<Exit, CommandError> {
    let mut stacks = Vec::new();
    for environment in environments(common, args)? {
        let common = Common { env: environment.clone().or(common.env.clone()), ..common.clone() };
        stacks.push(Box::pin(stack(ui, &common, args)).await?);
    }
    let Some(first) = stacks.first() else { return Ok(Exit::Done) };
    let known = |stack: &Stack, reference: &Ref| {
        stack.outputs.get(&reference.address)?.get(&reference.output).cloned()
    };
    let files = match args.format {
        Format::Manifests => manifests(&first.graph, &|it| known(first, it)),
        Format::ArgoCd => {
            let Args { repository, revision, path, .. } = args;
            let (repository, revision, path) = (repository.clone(), revision.clone(), path.clone());
            argo_cd(&first.graph, &|it| known(first, it), &Source { repository, revision, path })
        }
        Format::Cloudformation => cloudformation(&first.graph),
        Format::Kustomize => {
            let known: Vec<_> = stacks.iter().map(|it| move |of: &Ref| known(it, of)).collect();
            let sides: Vec<Side<'_>> = stacks
                .iter()
                .zip(&known)
                .map(|(stack, known)| Side {
                    environment: stack.environment.clone(),
                    graph: &stack.graph,
                    known,
                })
                .collect();
            kustomize(first.graph.stack.as_str(), &sides)
        }
    };
    write(&args.out, &files)?;
    if ui.is_json() {
        let files = files.keys().map(String::as_str).collect();
        ui.document(&RenderedV1 { format: FORMAT, files });
    } else {
        ui.line(format_args!("{} files are written to {}", files.len(), args.out.display()));
    }
    let objects = first.graph.nodes.values().filter(|it| is_object(it)).count();
    if args.format != Format::Cloudformation && objects == 0 {
        ui.remark("The blueprint has nothing on a cluster.");
    }
    Ok(Exit::Done)
}

/// Those that are wanted: an overlay is written for each, anything else for one.
fn environments(common: &Common, args: &Args) -> Result<Vec<Option<String>>, CommandError> {
    if args.format != Format::Kustomize || common.env.is_some() {
        return Ok(vec![None]);
    }
    let validated = blueprint::validate(&args.blueprint.blueprint, &common.sets());
    if validated.blueprints.is_empty() {
        let blueprint::Validated { diagnostics, sources, .. } = validated;
        return Err(CommandError::Blueprint { diagnostics, sources });
    }
    let names = validated.blueprints.iter();
    Ok(names.map(|it| it.environment.as_ref().map(ToString::to_string)).collect())
}

async fn stack(ui: &Ui, common: &Common, args: &Args) -> Result<Stack, CommandError> {
    let target = Target::load(ui, common, &args.blueprint.blueprint)?.render(ui, common).await?;
    let environment = common.env.clone().unwrap_or_else(|| "default".into());
    if !args.recorded {
        let graph = target.graph(&Account::placeholder(&target.blueprint))?;
        return Ok(Stack { environment, graph, outputs: BTreeMap::new() });
    }
    let connection = Connection::open(ui, common, target.region()).await?;
    let state = target.store(&connection).load().await?;
    let graph = target.graph(&connection.account().await?)?;
    let outputs = state.resources.iter();
    let outputs = outputs.map(|(address, record)| (address.clone(), record.outputs.clone()));
    Ok(Stack { environment, graph, outputs: outputs.collect() })
}

/// What was written, for the next run.
const LIST: &str = ".platctl-render";

fn write(folder: &Path, files: &Files) -> Result<(), CommandError> {
    let list = folder.join(LIST);
    let before = fs::read_to_string(&list).unwrap_or_default();
    let occupied = fs::read_dir(folder).is_ok_and(|mut it| it.next().is_some());
    if occupied && !list.exists() {
        let error = CommandError::new(format!("{} has other files", folder.display()));
        return Err(error.hint("Name a folder that is empty, or that `platctl render` wrote."));
    }
    let names: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    let is_below = |name: &str| !name.starts_with('/') && !name.split('/').any(|it| it == "..");
    for stale in before.lines().filter(|it| is_below(it) && !names.contains(it)) {
        // Gone already is as good.
        let _ = fs::remove_file(folder.join(stale));
    }
    for (name, text) in files {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| CommandError::io("write", &path, &error))?;
    }
    let text: String = names.iter().flat_map(|name| [*name, "\n"]).collect();
    fs::write(&list, text).map_err(|error| CommandError::io("write", &list, &error))
}
