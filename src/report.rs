//! Stage 6: draws plans, drift, progress and outcomes; it never computes them.
//!
//! What people read is a [`Display`](std::fmt::Display) with ANSI styles in it; whoever writes it strips them where
//! they do not belong. What machines read is a versioned struct of its own, see `docs/json.md`.

pub mod explain;
#[cfg(test)]
pub(crate) mod fixture;
pub mod human;
pub mod json;
pub mod progress;
pub mod reference;
pub mod render;
pub mod schema;
pub mod style;
pub mod words;

/// How a report for people is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Columns of the terminal.
    pub width: usize,
    pub detail: Detail,
    /// How many times faster than AWS the target lives: 1 for AWS itself.
    pub speed: f64,
}

/// How much a report says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The summary alone.
    Brief,
    Normal,
    /// Also the properties of what is created, and the calls that were made.
    Full,
}

/// The width where no terminal tells one.
pub const WIDTH_DEFAULT: usize = 100;

impl Default for View {
    fn default() -> Self {
        Self { width: WIDTH_DEFAULT, detail: Detail::Normal, speed: 1.0 }
    }
}
