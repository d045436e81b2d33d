//! What a command is aimed at: a blueprint in an environment, and where its state lives.

use std::path::{Path, PathBuf};

use super::Common;
use super::connection::Connection;
use super::error::CommandError;
use super::keys::Wanted;
use super::place::Place;
use super::rendering::{self, folder_of};
use super::ui::Ui;
use super::versions::today;
use crate::address::{Address, Stack};
use crate::blueprint::versions::lifecycle;
use crate::blueprint::{self, Blueprint, Loaded, Selection};
use crate::chart::Rendered;
use crate::diagnostic::Severity;
use crate::graph::Graph;
use crate::graph::compile::{self, Account, compile};
use crate::kind::Objection;
use crate::source::SourceMap;
use crate::state::Store;
use crate::state::seal::Wrap;

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
    /// Where its state is kept.
    pub(crate) place: Place,
    /// The folder of the blueprint.
    folder: PathBuf,
    /// The objects of charts and manifests, once they are rendered.
    rendered: Rendered,
}

impl Target {
    /// Reads the blueprint; shows its warnings.
    pub(crate) fn load(ui: &Ui, common: &Common, path: &Path) -> Result<Self, CommandError> {
        let selection = Selection { environment: common.env.as_deref(), sets: &common.sets() };
        let Loaded { blueprint, diagnostics, sources } = blueprint::load(path, selection);
        let Some(blueprint) = blueprint else {
            return Err(CommandError::Blueprint { diagnostics, sources });
        };
        ui.warnings(&diagnostics, &sources);
        let stack = Stack::new(&blueprint.stack);
        let place = Place::of(common, blueprint.state.as_ref());
        let (folder, rendered) = (folder_of(path), Rendered::default());
        Ok(Self { blueprint, sources, stack, place, folder, rendered })
    }

    /// Renders charts and manifests, without which they are no part of the graph.
    pub(crate) async fn render(mut self, ui: &Ui, common: &Common) -> Result<Self, CommandError> {
        let Self { blueprint, sources, folder, .. } = &self;
        self.rendered = rendering::render(ui, common, folder, blueprint, sources).await?;
        Ok(self)
    }

    /// Refuses versions of Kubernetes that EKS has no more; shows warnings of those that end.
    pub(crate) fn judge_versions(&self, ui: &Ui) -> Result<(), CommandError> {
        let diagnostics = lifecycle(&self.blueprint, today());
        if diagnostics.iter().any(|it| it.severity == Severity::Error) {
            return Err(CommandError::Blueprint { diagnostics, sources: self.sources.clone() });
        }
        ui.warnings(&diagnostics, &self.sources);
        Ok(())
    }

    /// The desired side.
    pub(crate) fn graph(&self, account: &Account) -> Result<Graph, CommandError> {
        compile(&self.blueprint, account, &self.rendered).map_err(|diagnostics| {
            CommandError::Blueprint { diagnostics, sources: self.sources.clone() }
        })
    }

    /// Refuses what APIs would refuse for sure; shows warnings of the rest.
    pub(crate) fn heed(
        &self,
        ui: &Ui,
        objections: &[(Address, Objection)],
    ) -> Result<(), CommandError> {
        let diagnostics = compile::objections(&self.blueprint, objections);
        if diagnostics.iter().any(|it| it.severity == Severity::Error) {
            return Err(CommandError::Blueprint { diagnostics, sources: self.sources.clone() });
        }
        ui.warnings(&diagnostics, &self.sources);
        Ok(())
    }

    /// What the blueprint says about how its state is sealed.
    pub(crate) fn sealing(&self) -> Wanted {
        let encryption = self.blueprint.state.as_ref().and_then(|it| it.encryption.as_ref());
        encryption.map_or_else(Wanted::default, |it| Wanted {
            wrap: it.kms_key.as_ref().map(|key| Wrap::Kms(key.to_string())),
            required: it.required,
        })
    }

    /// Where its state is.
    pub(crate) fn store(&self, connection: &Connection) -> Store {
        self.place.store(&self.stack, self.sealing(), connection)
    }

    pub(crate) fn region(&self) -> &str {
        self.blueprint.region.as_str()
    }
}
