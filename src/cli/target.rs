//! What a command is aimed at: a blueprint in an environment, and where its state lives.

use std::path::{Path, PathBuf};

use super::Common;
use super::error::CommandError;
use super::ui::Ui;
use crate::address::Stack;
use crate::blueprint::{self, Blueprint, Loaded, Selection};
use crate::graph::Graph;
use crate::graph::compile::{Account, compile};
use crate::source::SourceMap;
use crate::state::Store;

/// The positional argument of most commands.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BlueprintArg {
    /// The blueprint
    #[arg(value_name = "BLUEPRINT", default_value = DEFAULT)]
    pub(crate) blueprint: PathBuf,
}

/// The blueprint where none is named.
pub(crate) const DEFAULT: &str = "platctl.yaml";

/// A stack with its blueprint.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) blueprint: Blueprint,
    /// The texts of the blueprint, for what is found wrong later.
    sources: SourceMap,
    pub(crate) stack: Stack,
    pub(crate) store: Store,
}

impl Target {
    /// Reads the blueprint; shows its warnings.
    pub(crate) fn load(ui: &Ui, common: &Common, path: &Path) -> Result<Self, CommandError> {
        let selection = Selection { environment: common.env.as_deref(), sets: &common.sets };
        let Loaded { blueprint, diagnostics, sources } = blueprint::load(path, selection);
        let Some(blueprint) = blueprint else {
            return Err(CommandError::Blueprint { diagnostics, sources });
        };
        ui.warnings(&diagnostics, &sources);
        let stack = Stack::new(&blueprint.stack);
        let store = store(common, &stack);
        Ok(Self { blueprint, sources, stack, store })
    }

    /// The desired side.
    pub(crate) fn graph(&self, account: &Account) -> Result<Graph, CommandError> {
        compile(&self.blueprint, account).map_err(|diagnostics| CommandError::Blueprint {
            diagnostics,
            sources: self.sources.clone(),
        })
    }

    pub(crate) fn region(&self) -> &str {
        self.blueprint.region.as_str()
    }
}

/// The store of a stack. The sandbox's never mixes with the real one.
pub(crate) fn store(common: &Common, stack: &Stack) -> Store {
    Store::new(&state_root(common), stack)
}

/// Where the states of all stacks lie.
pub(crate) fn state_root(common: &Common) -> PathBuf {
    if common.sandbox { sandbox_root(common) } else { common.state.clone() }
}

/// Where the states of the sandbox's stacks lie.
pub(crate) fn sandbox_root(common: &Common) -> PathBuf {
    common.state.join("sandbox")
}

/// Makes the folder of all state, out of git's sight: ids are of no use to others without the lock.
pub(crate) fn make_state_root(common: &Common) -> Result<(), CommandError> {
    let ignore = common.state.join(".gitignore");
    if ignore.exists() {
        return Ok(());
    }
    let failed = |error| CommandError::io("write", &ignore, &error);
    std::fs::create_dir_all(&common.state).map_err(failed)?;
    std::fs::write(&ignore, "*\n").map_err(failed)
}
