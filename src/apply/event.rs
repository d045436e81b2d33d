//! What happens during an apply: the only input of every report about it.

use std::time::Duration;

use crate::address::{Address, PhysicalId};
use crate::fault::Fault;
use crate::plan::{Action, Op};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Progress {
    Started {
        address: Address,
        action: Action,
        op: Op,
        expected: Duration,
    },
    /// A try failed in a way that passes with time; it goes on.
    Retrying {
        address: Address,
        op: Op,
        fault: Fault,
    },
    /// The id became known, and is durable.
    Made {
        address: Address,
        id: PhysicalId,
    },
    Finished {
        address: Address,
        action: Action,
        op: Op,
        elapsed: Duration,
    },
    Failed {
        address: Address,
        op: Op,
        fault: Fault,
        elapsed: Duration,
    },
    /// Its turn will not come: something that it needs failed.
    Skipped {
        address: Address,
        needs: Address,
    },
    /// The first interrupt: calls in flight end, nothing new starts.
    Draining {
        in_flight: usize,
    },
}
