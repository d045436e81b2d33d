//! The few styles that reports use, by what they mean.

use std::fmt::{self, Display};

use anstyle::{AnsiColor, Style};

use crate::plan::Action;

pub const STRONG: Style = Style::new().bold();
/// What is there for completeness.
pub const QUIET: Style = Style::new().dimmed();
/// What comes into being, or went well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What goes, or went wrong.
pub const BAD: Style = AnsiColor::Red.on_default();
pub const ERROR: Style = BAD.bold();
/// What deserves a look.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
pub const REPLACED: Style = AnsiColor::Magenta.on_default();
pub const ADOPTED: Style = AnsiColor::Cyan.on_default();

/// The text in that style.
pub fn painted(style: Style, text: impl Display) -> impl Display {
    fmt::from_fn(move |out| write!(out, "{style}{text}{style:#}"))
}

/// The style of an action's glyph.
pub fn of_action(action: Action) -> Style {
    match action {
        Action::Create => GOOD,
        Action::Update => CHANGED,
        Action::Delete => BAD,
        Action::CreateThenDelete | Action::DeleteThenCreate => REPLACED,
        Action::Adopt | Action::Retain => ADOPTED,
        Action::Keep => QUIET,
    }
}

/// The action's glyph in its style.
pub fn glyph(action: Action) -> impl Display {
    painted(of_action(action), action.glyph())
}
