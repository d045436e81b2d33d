//! What is recorded, and what kinds there are.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use super::FORMAT;
use crate::address::{Address, PhysicalId};
use crate::kind::{
    AnyKind, Compare, DeletionPolicy, Field, Loss, Need, OnChange, Output, Packed, ReplaceOrder,
    Sent, Tagging,
};
use crate::state::{Record, State, Status};

#[derive(Debug, Serialize)]
struct RecordsV1<'a> {
    format: u32,
    stack: &'a str,
    lineage: &'a str,
    serial: u64,
    resources: Vec<EntryV1<'a>>,
}

#[derive(Debug, Serialize)]
pub(super) struct EntryV1<'a> {
    address: &'a Address,
    kind: &'a str,
    region: &'a str,
    id: Option<&'a PhysicalId>,
    status: &'static str,
}

#[derive(Debug, Serialize)]
struct RecordV1<'a> {
    format: u32,
    address: &'a Address,
    kind: &'a str,
    region: &'a str,
    id: Option<&'a PhysicalId>,
    status: &'static str,
    spec: &'a Packed,
    outputs: &'a BTreeMap<String, String>,
    needs: &'a BTreeMap<Address, Need>,
    deletion: DeletionPolicy,
}

#[derive(Debug, Serialize)]
struct KindsV1 {
    format: u32,
    kinds: Vec<KindV1>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KindV1 {
    name: &'static str,
    doc: &'static str,
    fields: Vec<FieldV1>,
    outputs: Vec<OutputV1>,
    tagging: Tagging,
    replace_order: ReplaceOrder,
    loss: Loss,
    typical_seconds: TypicalV1,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FieldV1 {
    path: &'static str,
    doc: &'static str,
    on_change: OnChange,
    compare: Compare,
    /// Sent after the creation, which has no place for it.
    late: bool,
    /// What a reference in it waits for.
    needs: Need,
}

#[derive(Debug, Serialize)]
struct OutputV1 {
    name: &'static str,
    doc: &'static str,
    known: Need,
}

#[derive(Debug, Serialize)]
struct TypicalV1 {
    create: u64,
    update: u64,
    delete: u64,
}

/// `state list --json`
pub fn records(state: &State) -> impl Serialize + '_ {
    let resources = state.resources.iter().map(entry);
    RecordsV1 {
        format: FORMAT,
        stack: state.stack.as_str(),
        lineage: &state.lineage,
        serial: state.serial,
        resources: resources.collect(),
    }
}

pub(super) fn entry<'a>((address, record): (&'a Address, &'a Record)) -> EntryV1<'a> {
    EntryV1 {
        address,
        kind: &record.kind,
        region: &record.region,
        id: record.id.as_ref(),
        status: status(&record.status),
    }
}

/// `state show --json`
pub fn record<'a>(address: &'a Address, record: &'a Record) -> impl Serialize + 'a {
    RecordV1 {
        format: FORMAT,
        address,
        kind: &record.kind,
        region: &record.region,
        id: record.id.as_ref(),
        status: status(&record.status),
        spec: &record.spec,
        outputs: &record.outputs,
        needs: &record.needs,
        deletion: record.deletion,
    }
}

/// `kinds --json`
pub fn kinds<'a>(kinds: impl IntoIterator<Item = &'a dyn AnyKind>) -> impl Serialize {
    KindsV1 { format: FORMAT, kinds: kinds.into_iter().map(kind_v1).collect() }
}

fn kind_v1(kind: &dyn AnyKind) -> KindV1 {
    let typical = kind.typical(&Value::Null);
    KindV1 {
        name: kind.name(),
        doc: kind.doc(),
        fields: kind.fields().iter().map(field_v1).collect(),
        outputs: kind.outputs().iter().map(output_v1).collect(),
        tagging: kind.tagging(),
        replace_order: kind.replace_order(),
        loss: kind.loss(),
        typical_seconds: TypicalV1 {
            create: typical.create.as_secs(),
            update: typical.update.as_secs(),
            delete: typical.delete.as_secs(),
        },
    }
}

fn field_v1(field: &Field) -> FieldV1 {
    let Field { path, doc, on_change, compare, sent, needs } = *field;
    FieldV1 { path, doc, on_change, compare, late: sent == Sent::Late, needs }
}

fn output_v1(output: &Output) -> OutputV1 {
    let Output { name, doc, known, moved_by: _ } = *output;
    OutputV1 { name, doc, known }
}

fn status(status: &Status) -> &'static str {
    match status {
        Status::Creating(_) => "creating",
        Status::Made => "made",
        Status::Stable => "stable",
        Status::Updating => "updating",
        Status::Deleting => "deleting",
    }
}
