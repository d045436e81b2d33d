//! Patience: what passes with time is tried again, with growing pauses, as long as its class deserves and nobody
//! interrupts.

use std::future::Future;
use std::time::Duration;

use rand::RngExt as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::apply::Pace;
use crate::fault::{Class, Fault};

/// Pauses grow from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(800);
const PAUSE_MAX: Duration = Duration::from_secs(15);
const GROWTH: f64 = 1.7;
const PAUSE_FLOOR: Duration = Duration::from_millis(40);
/// However fast the sandbox lives, a loaded machine needs some real time.
const PATIENCE_FLOOR: Duration = Duration::from_secs(20);

/// How long a fault of this class is worth waiting for, on AWS.
fn patience(class: Class) -> Duration {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    match class {
        // Another operation on the same cluster or instance: a control-plane update takes ten minutes.
        Class::Busy => minutes(45),
        // Network interfaces of load balancers and clusters go minutes after their owners.
        Class::InUse => minutes(15),
        Class::Throttled => minutes(10),
        Class::Unavailable | Class::Unanswered => minutes(5),
        // A fresh role is usable elsewhere after 8 s, typically.
        Class::NotYet => minutes(3),
        Class::Stale => minutes(1),
        Class::NotFound
        | Class::Exists
        | Class::Quota
        | Class::Denied
        | Class::Credentials
        | Class::Invalid
        | Class::Unsupported
        | Class::Bug => Duration::ZERO,
    }
}

/// Repeats `effect`, which must be safe to repeat, until it succeeds, its fault does not pass with time, or `stop`
/// becomes true: a drain waits for calls, not for what might pass.
pub(super) async fn persist<T, F, Fut>(
    pace: Pace,
    stop: watch::Receiver<bool>,
    retrying: &(dyn Fn(&Fault) + Send + Sync),
    effect: F,
) -> Result<T, Fault>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Fault>>,
{
    persist_while(pace, stop, retrying, &|_| true, effect).await
}

/// [`persist`], which also ends with a fault that is not `worth` waiting for.
pub(super) async fn persist_while<T, F, Fut>(
    pace: Pace,
    mut stop: watch::Receiver<bool>,
    retrying: &(dyn Fn(&Fault) + Send + Sync),
    worth: &(dyn Fn(&Fault) -> bool + Send + Sync),
    mut effect: F,
) -> Result<T, Fault>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Fault>>,
{
    let begun = Instant::now();
    let mut pause = PAUSE_FIRST;
    loop {
        let fault = match effect().await {
            Ok(done) => return Ok(done),
            Err(fault) => fault,
        };
        let patience = pace.scaled(patience(fault.class), PATIENCE_FLOOR);
        if !fault.class.passes_with_time() || !worth(&fault) || begun.elapsed() >= patience {
            return Err(fault);
        }
        retrying(&fault);
        // Full pauses would make many waiters knock at the same time.
        let jitter = rand::rng().random_range(0.7..1.0);
        tokio::select! {
            () = sleep(pace.scaled(pause.mul_f64(jitter), PAUSE_FLOOR)) => {}
            _ = stop.wait_for(|stop| *stop) => return Err(fault),
        }
        pause = pause.mul_f64(GROWTH).min(PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    async fn tries(class: Class, succeed_at: u32) -> (u32, Result<(), Class>) {
        let count = Cell::new(0);
        let effect = || {
            count.set(count.get() + 1);
            let done = count.get() >= succeed_at;
            async move { if done { Ok(()) } else { Err(Fault::new(class, "no")) } }
        };
        let (_stopper, stop) = watch::channel(false);
        let ended = persist(Pace { speed: 1000.0 }, stop, &|_| {}, effect).await;
        (count.get(), ended.map_err(|fault| fault.class))
    }

    #[tokio::test]
    async fn what_passes_is_waited_for_and_what_does_not_is_not() {
        assert_eq!(tries(Class::Busy, 4).await, (4, Ok(())));
        assert_eq!(tries(Class::Denied, 4).await, (1, Err(Class::Denied)));
    }
}
