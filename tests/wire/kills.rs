//! `kill -9` of the real binary while a call is on the wire; then the same command once more, which must do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::{CHANGES, Clean, DEEDS, Deed, User, figures, succeeds};
use crate::support::proxy::{Act, Request, When};
use crate::support::{Server, with_sandbox};

/// Stacks that live at the same time.
const WORKERS: usize = 2;
/// Each is killed once in each of [`DEEDS`].
const LIVES: usize = 21;

/// The call at which a deed is cut off.
#[derive(Clone, Copy, Debug)]
struct Point {
    deed: Deed,
    effect: usize,
    when: When,
}

/// The points of one life: all lives together spread evenly over the calls of each deed.
fn points(clean: &Clean, life: usize) -> [Point; 3] {
    [0, 1, 2].map(|place| Point {
        deed: DEEDS[place],
        effect: 1 + (2 * life + 1) * clean.effects[place] / (2 * LIVES),
        // Each life is killed in all three ways, and each deed as often in each.
        when: [When::Unseen, When::Done, When::Answered][(life + place) % 3],
    })
}

/// Kills the deed at the point and does it again.
fn survives(user: &mut User, point: Point, expected: &[String]) {
    let Point { deed, effect, when } = point;
    user.proxy.play(
        move |request: &Request| {
            if request.effect == Some(effect) { Act::Hold(when) } else { Act::Pass }
        },
    );
    let mut command = user.prepare(deed, CHANGES);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !user.proxy.holds(Duration::from_millis(50)) {
        let ended = child.try_wait().unwrap();
        assert_eq!(ended, None, "it ended before {point:?}");
    }
    // On Unix that is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    user.proxy.settle();
    user.proxy.play(|_| Act::Pass);
    succeeds(user.prepare(deed, CHANGES));
    user.is_done(deed, expected);
}

fn survive(server: &Server, lives: impl Iterator<Item = usize>) {
    let clean = Clean::shared(server);
    let lives: Vec<usize> = lives.collect();
    let begun = Instant::now();
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut user = User::new(server);
        while let Some(&life) = lives.get(next.fetch_add(1, Relaxed)) {
            for (point, expected) in points(clean, life).into_iter().zip(&clean.portraits) {
                let one = AssertUnwindSafe(|| survives(&mut user, point, expected));
                if catch_unwind(one).is_err() {
                    figures(&format!("failed: {point:?}"));
                    failed.lock().unwrap().push(point);
                    // What that left is of no use to others.
                    user = User::new(server);
                    break;
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(work);
        }
    });
    let failed = failed.into_inner().unwrap();
    let (points, seconds) = (3 * lives.len(), begun.elapsed().as_secs_f64());
    figures(&format!(
        "{points} points in {seconds:.0} s; calls of a clean run: {:?}",
        clean.effects
    ));
    assert!(failed.is_empty(), "of {points} points: {failed:#?}");
}

/// A sample: each deed is cut off in each way, from its first calls to its last.
#[test]
fn a_killed_command_is_finished_by_the_next() {
    with_sandbox(|server| async move { survive(&server, (0..LIVES).step_by(4)) });
}

/// `cargo test wire::kills -- --ignored --nocapture`: all points.
#[test]
#[ignore = "takes minutes"]
fn a_command_may_be_killed_anywhere() {
    with_sandbox(|server| async move { survive(&server, 0..LIVES) });
}
