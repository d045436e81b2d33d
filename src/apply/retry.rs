//! Patience: what passes with time is tried again, with growing pauses, as long as its class deserves and nobody
//! interrupts.

use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::address::Address;
use crate::apply::{Pace, Progress};
use crate::fault::{Class, Fault};
use crate::plan::Op;
use crate::state::Permit;

/// Pauses grow from the first to the longest.
const PAUSE_FIRST: Duration = Duration::from_millis(800);
const PAUSE_MAX: Duration = Duration::from_secs(15);
const GROWTH: f64 = 1.7;
const PAUSE_FLOOR: Duration = Duration::from_millis(40);
/// However fast the sandbox lives, a loaded machine needs some real time.
const PATIENCE_FLOOR: Duration = Duration::from_secs(20);

/// How long a fault is worth waiting for, on AWS.
fn patience(fault: &Fault) -> Duration {
    let minutes = |n: u64| Duration::from_secs(60 * n);
    match fault.class {
        // Another operation on the same cluster or instance: a control-plane update takes ten minutes.
        Class::Busy => minutes(45),
        // Network interfaces of load balancers and clusters go minutes after their owners, those of functions up to 45.
        Class::InUse if !fault.blockers.is_empty() => minutes(50),
        // By whom, nobody tells.
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

/// How one effect is repeated, and who is told.
pub(super) struct Tries<'a> {
    pub(super) address: &'a Address,
    pub(super) op: Op,
    pub(super) pace: Pace,
    /// True: a drain waits for calls, not for what might pass.
    pub(super) stop: watch::Receiver<bool>,
    /// No try is made without it.
    pub(super) permit: Permit,
    pub(super) progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl Tries<'_> {
    /// Repeats `effect`, which must be safe to repeat, until it succeeds, its fault does not pass with time, or it is
    /// stopped.
    pub(super) async fn persist<T, F, Fut>(self, effect: F) -> Result<T, Fault>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        self.persist_while(&|_| true, effect).await
    }

    /// [`persist`](Self::persist), which also ends with a fault that is not `worth` waiting for.
    pub(super) async fn persist_while<T, F, Fut>(
        mut self,
        worth: &(dyn Fn(&Fault) -> bool + Send + Sync),
        mut effect: F,
    ) -> Result<T, Fault>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Fault>>,
    {
        let begun = Instant::now();
        let (mut pause, mut attempt, mut tried) = (PAUSE_FIRST, 0, None);
        loop {
            let not_tried = |why: String| Fault::new(Class::Stale, why);
            tokio::select! {
                biased;
                held = self.permit.held() => if let Err(lost) = held {
                    return Err(tried.unwrap_or_else(|| not_tried(lost.to_string())));
                },
                _ = self.stop.wait_for(|stop| *stop) => {
                    return Err(tried.unwrap_or_else(|| not_tried("stopped before it was tried".into())));
                }
            }
            let fault = match effect().await {
                Ok(done) => return Ok(done),
                Err(fault) => fault,
            };
            let patience = self.pace.scaled(patience(&fault), PATIENCE_FLOOR);
            if !fault.class.passes_with_time() || !worth(&fault) || begun.elapsed() >= patience {
                return Err(fault);
            }
            let (address, op) = (self.address.clone(), self.op);
            (self.progress)(Progress::Retrying { address, op, fault: fault.clone() });
            attempt += 1;
            let jittered = pause.mul_f64(jitter(self.address, self.op, attempt));
            tokio::select! {
                biased;
                _ = self.stop.wait_for(|stop| *stop) => return Err(fault),
                () = sleep(self.pace.scaled(jittered, PAUSE_FLOOR)) => {}
            }
            pause = pause.mul_f64(GROWTH).min(PAUSE_MAX);
            tried = Some(fault);
        }
    }
}

/// The part of a pause that is waited, from 0.7 to 1: full pauses would make many waiters knock at the same time. Not
/// drawn but derived, so that the same apply in the same world takes the same course.
fn jitter(address: &Address, op: Op, attempt: u32) -> f64 {
    let digest = Sha256::digest(format!("{address} {op:?} {attempt}"));
    let drawn = f64::from(u16::from_be_bytes([digest[0], digest[1]])) / f64::from(u16::MAX);
    0.7 + 0.3 * drawn
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::fault::Blocker;

    async fn tries(class: Class, succeed_at: u32) -> (u32, Result<(), Class>) {
        let count = Cell::new(0);
        let effect = || {
            count.set(count.get() + 1);
            let done = count.get() >= succeed_at;
            async move { if done { Ok(()) } else { Err(Fault::new(class, "no")) } }
        };
        let (_stopper, stop) = watch::channel(false);
        let (address, pace) = (Address::of("network", "vpc"), Pace { speed: 1000.0 });
        let (op, permit) = (Op::Create, Permit::default());
        let tries = Tries { address: &address, op, pace, stop, permit, progress: &|_| {} };
        let ended = tries.persist(effect).await;
        (count.get(), ended.map_err(|fault| fault.class))
    }

    #[tokio::test]
    async fn what_passes_is_waited_for_and_what_does_not_is_not() {
        assert_eq!(tries(Class::Busy, 4).await, (4, Ok(())));
        assert_eq!(tries(Class::Denied, 4).await, (1, Err(Class::Denied)));
    }

    #[test]
    fn what_is_known_to_go_by_itself_is_waited_for_longer() {
        let unknown = Fault::new(Class::InUse, "no");
        let interface = Blocker::stays("eni-1", "AWS::EC2::NetworkInterface", "is in the subnet");
        let known = Fault { blockers: vec![interface.passing(true)], ..unknown.clone() };
        assert!(patience(&known) > patience(&unknown));
    }

    #[test]
    fn pauses_differ_and_are_the_same_each_time() {
        let [one, two] = ["vpc", "igw"].map(|role| Address::of("network", role));
        let drawn: Vec<f64> = (1..20).map(|attempt| jitter(&one, Op::Create, attempt)).collect();
        assert!(drawn.iter().all(|it| (0.7..=1.0).contains(it)), "{drawn:?}");
        let spread = drawn.iter().fold(0.0, |most: f64, it| most.max((it - drawn[0]).abs()));
        assert!(spread > 0.1, "{drawn:?}");
        assert!((jitter(&one, Op::Create, 1) - jitter(&two, Op::Create, 1)).abs() > f64::EPSILON);
        assert!((jitter(&one, Op::Create, 1) - drawn[0]).abs() < f64::EPSILON);
    }
}
