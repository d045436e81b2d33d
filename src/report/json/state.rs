//! What became of a state that a command has edited, and where its earlier versions are.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::FORMAT;
use super::listing::{EntryV1, entry};
use crate::address::{Address, Owner, PhysicalId};
use crate::plan::Conflict;
use crate::recover::{Recovered, Stray, Thing};
use crate::state::edit::Difference;
use crate::state::seal::Wrap;
use crate::state::{Holder, State, Version};

/// Whose state, and which version of it is current now.
#[derive(Debug, Serialize)]
struct EditedV1<'a, Edit> {
    format: u32,
    stack: &'a str,
    lineage: &'a str,
    serial: u64,
    #[serde(flatten)]
    edit: Edit,
}

#[derive(Debug, Serialize)]
struct MovedV1<'a> {
    moved: &'a BTreeMap<Address, Address>,
}

#[derive(Debug, Serialize)]
struct ForgottenV1<'a> {
    forgotten: Vec<EntryV1<'a>>,
}

#[derive(Debug, Serialize)]
struct PushedV1 {
    resources: usize,
}

#[derive(Debug, Serialize)]
struct RestoredV1<'a> {
    restored: u64,
    returning: &'a BTreeSet<Address>,
    leaving: &'a BTreeSet<Address>,
    differing: &'a BTreeSet<Address>,
}

#[derive(Debug, Serialize)]
struct RecoveredV1<'a> {
    resources: Vec<EntryV1<'a>>,
    missing: &'a BTreeSet<Address>,
    conflicts: Vec<ConflictV1<'a>>,
    strays: Vec<StrayV1<'a>>,
    unseen: &'a BTreeMap<Address, Vec<String>>,
}

#[derive(Debug, Serialize)]
struct ConflictV1<'a> {
    address: &'a Address,
    kind: &'a str,
    id: &'a PhysicalId,
    owner: Option<&'a Owner>,
}

#[derive(Debug, Serialize)]
struct StrayV1<'a> {
    /// `null` of an object of Kubernetes, which has kind and id.
    arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a PhysicalId>,
    address: &'a Address,
    /// `null`: nowhere.
    recorded: Option<&'a Address>,
}

#[derive(Debug, Serialize)]
struct RotatedV1<'a> {
    sealed: SealedV1<'a>,
}

#[derive(Debug, Serialize)]
#[serde(tag = "by", rename_all = "lowercase")]
enum SealedV1<'a> {
    Nothing,
    Passphrase,
    Kms { key: &'a str },
}

#[derive(Debug, Serialize)]
struct HistoryV1<'a> {
    format: u32,
    stack: &'a str,
    versions: Vec<VersionV1<'a>>,
}

#[derive(Debug, Serialize)]
struct VersionV1<'a> {
    serial: u64,
    time: Option<&'a str>,
    by: Option<&'a str>,
    purpose: Option<&'a str>,
    resources: usize,
    size: u64,
}

#[derive(Debug, Serialize)]
struct UnlockedV1<'a> {
    format: u32,
    stack: &'a str,
    holder: Option<&'a Holder>,
}

/// `state history --json`
pub fn history<'a>(stack: &'a str, versions: &'a [Version]) -> impl Serialize + 'a {
    let versions = versions.iter().map(|version| {
        let written = version.written.as_ref();
        VersionV1 {
            serial: version.serial,
            time: written.map(|it| it.time.as_str()),
            by: written.map(|it| it.by.as_str()),
            purpose: written.map(|it| it.purpose.as_str()),
            resources: version.resources,
            size: version.size,
        }
    });
    HistoryV1 { format: FORMAT, stack, versions: versions.collect() }
}

/// `state unlock --json`
pub fn unlocked<'a>(stack: &'a str, holder: Option<&'a Holder>) -> impl Serialize + 'a {
    UnlockedV1 { format: FORMAT, stack, holder }
}

/// `state mv --json`
pub fn moved<'a>(moved: &'a BTreeMap<Address, Address>, state: &'a State) -> impl Serialize + 'a {
    edited(state, MovedV1 { moved })
}

/// `state rm --json`
pub fn forgotten<'a>(
    before: &'a State,
    forgotten: &'a BTreeSet<Address>,
    state: &'a State,
) -> impl Serialize + 'a {
    let forgotten = forgotten.iter().map(|address| entry((address, &before.resources[address])));
    edited(state, ForgottenV1 { forgotten: forgotten.collect() })
}

/// `state push --json`
pub fn pushed(state: &State) -> impl Serialize + '_ {
    edited(state, PushedV1 { resources: state.resources.len() })
}

/// `state restore --json`
pub fn restored<'a>(
    restored: u64,
    difference: &'a Difference,
    state: &'a State,
) -> impl Serialize + 'a {
    let Difference { returning, leaving, differing } = difference;
    edited(state, RestoredV1 { restored, returning, leaving, differing })
}

/// `state recover --json`
pub fn recovered(recovered: &Recovered) -> impl Serialize + '_ {
    let Recovered { state, missing, conflicts, strays, unseen } = recovered;
    let conflicts = conflicts.iter().map(|conflict| {
        let Conflict { address, kind, id, owner } = conflict;
        ConflictV1 { address, kind, id, owner: owner.as_ref() }
    });
    let strays = strays.iter().map(|stray| {
        let Stray { thing, address, recorded } = stray;
        let (arn, kind, id) = match thing {
            Thing::Arn(arn) => (Some(arn.as_str()), None, None),
            Thing::Object { kind, id } => (None, Some(kind.as_str()), Some(id)),
        };
        StrayV1 { arn, kind, id, address, recorded: recorded.as_ref() }
    });
    let recovered = RecoveredV1 {
        resources: state.resources.iter().map(entry).collect(),
        missing,
        conflicts: conflicts.collect(),
        strays: strays.collect(),
        unseen,
    };
    edited(state, recovered)
}

/// `state rotate --json`
pub fn rotated<'a>(wrap: &'a Wrap, state: &'a State) -> impl Serialize + 'a {
    let sealed = match wrap {
        Wrap::Open => SealedV1::Nothing,
        Wrap::Passphrase => SealedV1::Passphrase,
        Wrap::Kms(key) => SealedV1::Kms { key },
    };
    edited(state, RotatedV1 { sealed })
}

fn edited<Edit>(state: &State, edit: Edit) -> EditedV1<'_, Edit> {
    let State { stack, lineage, serial, resources: _ } = state;
    EditedV1 { format: FORMAT, stack: stack.as_str(), lineage, serial: *serial, edit }
}
