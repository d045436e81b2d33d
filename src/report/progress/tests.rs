//! An apply drawn event by event.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;

use super::course::Course;
use super::{JsonLines, Lines, Reporter, Sink};
use crate::address::PhysicalId;
use crate::apply::Progress;
use crate::fault::{Class, Fault};
use crate::plan::{Op, Step};
use crate::report::View;
use crate::report::fixture::{at, everything};

/// Every step of the plan in turn; the updates of roles fail, and nothing comes after them.
fn events() -> Vec<Progress> {
    let plan = everything();
    let mut events = Vec::new();
    let fails = |step: &Step| step.address.role() == "role";
    for step in plan.steps.iter().filter(|step| !fails(step) || step.op == Op::Update) {
        let (address, op, action) = (&step.address, step.op, plan.changes[&step.address].action);
        let (expected, elapsed) = (Duration::from_secs(step.seconds), Duration::from_millis(50));
        let at = || address.clone();
        events.push(Progress::Started { address: at(), action, op, expected });
        if fails(step) {
            let fault = Fault::new(Class::Denied, "not authorized");
            events.push(Progress::Failed { address: at(), op, fault, elapsed });
            continue;
        }
        if op == Op::Create {
            events.push(Progress::Made { address: at(), id: PhysicalId::new("new-id") });
        }
        events.push(Progress::Finished { address: at(), action, op, elapsed });
    }
    events.push(Progress::Draining { in_flight: 1 });
    events
}

fn collector() -> (Arc<Mutex<Vec<String>>>, Sink) {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let sink = Arc::clone(&lines);
    (lines, Box::new(move |line| sink.lock().unwrap().push(strip_str(line).to_string())))
}

#[test]
fn plain_lines() {
    let (lines, sink) = collector();
    let reporter = Lines::new(Arc::new(everything()), View::default(), sink);
    for event in events() {
        reporter.event(&event);
    }
    let text = lines.lock().unwrap().join("\n");
    insta::with_settings!({filters => vec![
        (r"(?m)^\d\d:\d\d:\d\d", "12:03:41"),
        (r"in \d\.\d s", "in 0.0 s"),
    ]}, {
        insta::assert_snapshot!(text);
    });
}

#[test]
fn json_has_a_line_for_each_event() {
    let (lines, sink) = collector();
    let reporter = JsonLines { speed: 300.0, sink };
    for event in events() {
        reporter.event(&event);
    }
    assert_eq!(lines.lock().unwrap().len(), events().len());
}

#[test]
fn what_is_left_is_the_longest_way_less_what_has_run() {
    let plan = Arc::new(everything());
    let mut course = Course::new(Arc::clone(&plan), 10.0);
    let step = plan.steps.iter().max_by_key(|step| step.remaining).unwrap();
    let begun = Instant::now();
    let expected = Duration::from_secs(step.seconds);
    let action = plan.changes[&step.address].action;
    let (address, op) = (step.address.clone(), step.op);
    course.event(&Progress::Started { address, action, op, expected }, begun);
    let whole = Duration::from_secs(step.remaining) / 10;
    assert_eq!(course.left(begun), whole);
    assert_eq!(
        course.left(begun + Duration::from_millis(20)),
        whole.saturating_sub(Duration::from_millis(20))
    );
    let late = begun + Duration::from_hours(1);
    assert_eq!(
        course.left(late),
        whole.saturating_sub(expected / 10),
        "an overdue step leaves what follows it"
    );
}

#[test]
fn everything_that_is_begun_ends_once() {
    let plan = Arc::new(everything());
    let mut course = Course::new(Arc::clone(&plan), 1.0);
    let now = Instant::now();
    let ended: Vec<_> = events().iter().filter_map(|event| course.event(event, now)).collect();
    assert_eq!(course.running().len(), 0);
    assert_eq!((course.finished(), course.failed()), (course.total() - 2, 2));
    // An old half and a former address have lines, but count with the new half and the present address.
    assert_eq!(ended.len(), course.finished() + 2);
    for uncounted in ["network/second@replaced", "keys.former/alias"] {
        assert!(ended.iter().any(|it| it.address == at(uncounted)), "{uncounted}");
    }
}
