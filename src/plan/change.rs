//! What a plan says: changes, their reasons, their fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::address::{Address, PhysicalId};
use crate::graph::Needs;
use crate::kind::{DeletionPolicy, Loss};

/// What will be done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Create,
    Update,
    Delete,
    /// Replace: the new one stands before the old one goes.
    CreateThenDelete,
    /// Replace: the old one goes first.
    DeleteThenCreate,
    /// Take over an object that carries our owner tags and is not recorded.
    Adopt,
    /// Leave what is not wanted any more where it is; only its record goes.
    Retain,
    Keep,
}

impl Action {
    /// The one character that stands for it.
    pub fn glyph(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Delete => '-',
            Self::CreateThenDelete => '±',
            Self::DeleteThenCreate => '∓',
            Self::Adopt => '=',
            Self::Retain => '○',
            Self::Keep => ' ',
        }
    }

    pub fn is_replacement(self) -> bool {
        matches!(self, Self::CreateThenDelete | Self::DeleteThenCreate)
    }

    /// Whether another object stands at the address afterwards, so that references to it change.
    pub fn makes_new(self) -> bool {
        matches!(self, Self::Create | Self::CreateThenDelete | Self::DeleteThenCreate)
    }
}

/// Why an action was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
pub enum Reason {
    /// It is in the blueprint and was never made.
    New,
    /// It was made and is not there any more: somebody deleted it.
    Vanished,
    /// It is not in the blueprint any more.
    Removed,
    /// It is not in the blueprint any more, and not there either: only the record goes.
    RemovedAndGone,
    /// It has another address now; only the record under this one goes.
    Moved { to: Address },
    /// The whole stack is being destroyed.
    Destroy,
    /// Fields differ; they say why.
    Differs,
    /// These fields can only change by replacement.
    Replaces {
        // In a change it stands beside `fields`.
        #[serde(rename = "replacing")]
        fields: Vec<String>,
    },
    /// It will never work as it is.
    Failed { why: String },
    /// An earlier apply was cut off before it worked.
    Unfinished,
    /// It is on its way out; another one is made once it is gone.
    BeingDeleted,
    /// It carries our owner tags, or its name can only be ours, but is not recorded.
    FoundOurs,
    /// The old half of a replacement.
    Replaced,
    /// Nothing differs.
    AsDesired,
}

/// Which side moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The blueprint says something else than what was applied.
    Blueprint,
    /// The world says something else than what was applied.
    Drift,
    /// Both moved.
    Both,
    /// What it refers to will be another object.
    Reference,
}

/// A difference in one field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// `ScalingConfig.MaxSize`
    pub path: String,
    /// As observed; absent where the service tells none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As desired; may hold references that are not known yet. Absent: it will be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    pub cause: Cause,
    /// The row of the field table that rules it.
    pub row: String,
    /// The difference can only be made by replacement.
    pub replaces: bool,
}

/// What will be done to one resource, and everything that is needed to do it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub kind: String,
    pub region: String,
    pub action: Action,
    #[serde(flatten)]
    pub reason: Reason,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Of what is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PhysicalId>,
    /// As it should be, references included. Absent for a deletion, and from what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<Value>,
    /// As it is, where it is there: what an update starts from. Absent from what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<Value>,
    /// As it was applied: what a deletion goes by. Absent from what is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Value>,
    /// Outputs of what is there now: what others may refer to while it stays.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Needs::is_empty")]
    pub needs: Needs,
    /// How the record is deleted that stands there now.
    #[serde(default)]
    pub deletion_now: DeletionPolicy,
    /// How what will stand there is to be deleted one day.
    #[serde(default)]
    pub deletion: DeletionPolicy,
    /// Where the record of the old half of a replacement goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<Address>,
    /// What is lost if the object that is there now is deleted.
    pub loss: Loss,
    /// Of what was observed, to see whether it moved since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl Change {
    /// Whether something is done at all.
    pub fn is_change(&self) -> bool {
        self.action != Action::Keep
    }

    /// Whether data are lost: such a change needs consent that names it.
    pub fn loses_data(&self) -> bool {
        let deletes = match self.action {
            Action::Delete | Action::CreateThenDelete | Action::DeleteThenCreate => true,
            Action::Create | Action::Update | Action::Adopt | Action::Retain | Action::Keep => {
                false
            }
        };
        deletes
            && self.loss == Loss::Data
            && self.id.is_some()
            // Gone without us, or going.
            && !matches!(self.reason, Reason::RemovedAndGone | Reason::BeingDeleted)
    }

    /// Whether it is counted: the old half of a replacement is so with the new one, a former address with the present
    /// one.
    pub fn counts(&self) -> bool {
        !matches!(self.reason, Reason::Replaced | Reason::Moved { .. })
    }

    /// The rows of the field table that an update sends.
    pub fn rows(&self) -> Vec<&str> {
        let mut rows: Vec<&str> = self.fields.iter().map(|field| field.row.as_str()).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// How many of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub adopt: usize,
    pub retain: usize,
    pub keep: usize,
}

impl Summary {
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut summary = Self::default();
        for change in changes {
            if !change.counts() {
                continue;
            }
            *match change.action {
                Action::Create => &mut summary.create,
                Action::Update => &mut summary.update,
                Action::Delete => &mut summary.delete,
                Action::CreateThenDelete | Action::DeleteThenCreate => &mut summary.replace,
                Action::Adopt => &mut summary.adopt,
                Action::Retain => &mut summary.retain,
                Action::Keep => &mut summary.keep,
            } += 1;
        }
        summary
    }

    /// How many things are done.
    pub fn changes(self) -> usize {
        let Self { create, update, replace, delete, adopt, retain, keep: _ } = self;
        create + update + replace + delete + adopt + retain
    }
}
