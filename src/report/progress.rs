//! An apply while it runs: live on a terminal, as plain lines or as JSON lines elsewhere.

mod course;
mod lines;
mod live;
#[cfg(test)]
mod tests;

use crate::apply::Progress;
use crate::report::json;

pub use lines::Lines;
pub use live::Live;

/// Draws what happens during an apply.
pub trait Reporter: Send + Sync {
    fn event(&self, progress: &Progress);

    /// Leaves the place free for the summary. Nothing is drawn after it.
    fn end(&self) {}
}

/// Takes one finished line of a report, without its line break.
pub type Sink = Box<dyn Fn(&str) + Send + Sync>;

/// Says nothing.
pub struct Silent;

impl Reporter for Silent {
    fn event(&self, _: &Progress) {}
}

/// One JSON object per event.
pub struct JsonLines {
    /// How many times faster than AWS the target lives.
    pub speed: f64,
    pub sink: Sink,
}

impl Reporter for JsonLines {
    fn event(&self, progress: &Progress) {
        (self.sink)(&json::line(&json::event(progress, self.speed)));
    }
}
