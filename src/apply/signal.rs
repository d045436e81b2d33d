//! Interrupts: the first drains, the second aborts.

use tokio::sync::watch;

/// How hard the user wants it to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Interrupt {
    #[default]
    None,
    /// Finish the calls in flight, journal them, start nothing new.
    Drain,
    /// Stop now. The journal knows what was begun.
    Abort,
}

/// Tells an apply of interrupts.
#[derive(Clone, Debug)]
pub struct Interrupts(watch::Receiver<Interrupt>);

/// Interrupts an apply.
#[derive(Debug)]
pub struct Interrupter(watch::Sender<Interrupt>);

/// A pair of both ends. Interrupts stay in force when the interrupter is dropped.
pub fn channel() -> (Interrupter, Interrupts) {
    let (sender, receiver) = watch::channel(Interrupt::None);
    (Interrupter(sender), Interrupts(receiver))
}

impl Interrupter {
    /// One interrupt more.
    pub fn interrupt(&self) {
        self.0.send_modify(|level| {
            *level = match level {
                Interrupt::None => Interrupt::Drain,
                Interrupt::Drain | Interrupt::Abort => Interrupt::Abort,
            }
        });
    }
}

impl Interrupts {
    /// Interrupts by Ctrl-C (and SIGTERM, as CI systems send it) of this process.
    pub fn of_process() -> std::io::Result<Self> {
        let (interrupter, interrupts) = channel();
        let mut terminate =
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    pressed = tokio::signal::ctrl_c() => if pressed.is_err() { break },
                    received = terminate.recv() => if received.is_none() { break },
                }
                interrupter.interrupt();
            }
        });
        Ok(interrupts)
    }

    pub fn level(&self) -> Interrupt {
        *self.0.borrow()
    }

    /// Waits until the level is above `level`; for ever if that never happens.
    pub async fn above(&mut self, level: Interrupt) -> Interrupt {
        match self.0.wait_for(|now| *now > level).await {
            Ok(now) => *now,
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_drains_and_the_second_aborts() {
        let (interrupter, mut interrupts) = channel();
        assert_eq!(interrupts.level(), Interrupt::None);
        interrupter.interrupt();
        assert_eq!(interrupts.above(Interrupt::None).await, Interrupt::Drain);
        interrupter.interrupt();
        interrupter.interrupt();
        assert_eq!(interrupts.above(Interrupt::Drain).await, Interrupt::Abort);
    }
}
