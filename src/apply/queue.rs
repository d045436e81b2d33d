//! What can start next: the steps whose needs are met, in a line for each service.
//!
//! Services have rates of their own. In one line for all, the calls that wait for the slowest one's rate would take every
//! place, and keep those to other services from starting.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::plan::{Op, Plan, StepId};

/// Effects under way in all; waits do not count. It bounds memory and open connections.
const EFFECTS_MAX: usize = 256;
/// Effects under way in one service of a region: enough to use up the highest of the rates while calls take their time.
const SERVICE_MAX: usize = 24;

/// The steps that can start.
pub(super) struct Queue {
    lines: Vec<Line>,
    /// The line in which a step stands.
    line_of: Vec<usize>,
    effects: usize,
}

#[derive(Default)]
struct Line {
    /// Longest remaining way first; ties in the order of the plan.
    ready: BinaryHeap<(u64, Reverse<StepId>)>,
    effects: usize,
}

/// What only waits, or only records, stands here: there is always room for it.
const FREE: usize = 0;

impl Queue {
    /// An empty queue for the steps of `plan`.
    pub(super) fn new(plan: &Plan) -> Self {
        let mut numbers: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let line_of = plan.steps.iter().map(|step| match step.op {
            Op::Ready | Op::Gone | Op::Forget | Op::Adopt => FREE,
            Op::Create | Op::Late | Op::Update | Op::Delete => {
                let change = &plan.changes[&step.address];
                // All objects of Kubernetes are one service's.
                let service = change.kind.rsplit_once("::").map_or("", |(service, _)| service);
                let next = numbers.len() + 1;
                *numbers.entry((service, change.region.as_str())).or_insert(next)
            }
        });
        let line_of: Vec<usize> = line_of.collect();
        let lines = (0..=numbers.len()).map(|_| Line::default()).collect();
        Self { lines, line_of, effects: 0 }
    }

    /// The needs of a step are met.
    pub(super) fn push(&mut self, plan: &Plan, step: StepId) {
        self.lines[self.line_of[step]].ready.push((plan.steps[step].remaining, Reverse(step)));
    }

    /// The step that has the longest way to go, of those for which there is room.
    pub(super) fn pop(&mut self) -> Option<StepId> {
        let open = |(number, line): (usize, &Line)| {
            let room = self.effects < EFFECTS_MAX && line.effects < SERVICE_MAX;
            let next = line.ready.peek().filter(|_| number == FREE || room)?;
            Some((*next, number))
        };
        let (_, number) = self.lines.iter().enumerate().filter_map(open).max()?;
        self.lines[number].ready.pop().map(|(_, Reverse(step))| step)
    }

    /// The step's effect is under way.
    pub(super) fn began(&mut self, step: StepId) {
        self.effects += 1;
        self.lines[self.line_of[step]].effects += 1;
    }

    /// The step's effect has ended.
    pub(super) fn ended(&mut self, step: StepId) {
        self.effects -= 1;
        self.lines[self.line_of[step]].effects -= 1;
    }

    /// Effects under way.
    pub(super) fn effects(&self) -> usize {
        self.effects
    }
}
