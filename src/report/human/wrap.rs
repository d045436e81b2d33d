//! Breaks lines between words.

use std::fmt::{self, Display, Formatter};

use anstream::adapter::strip_str;
use anstyle::Style;

use crate::report::style::painted;

/// A paragraph: `begin`, which may hold styles, then `words` with `separator` between them, later lines as deep as `begin` is long.
pub(super) struct Paragraph<'a> {
    pub begin: &'a str,
    pub separator: &'a str,
    pub style: Style,
    pub width: usize,
}

impl Paragraph<'_> {
    /// Writes it, with a line break at its end.
    pub(super) fn write(
        &self,
        words: impl IntoIterator<Item = impl Display>,
        out: &mut Formatter<'_>,
    ) -> fmt::Result {
        let indent = strip_str(self.begin).to_string().chars().count();
        let separator_width = self.separator.chars().count();
        write!(out, "{}", self.begin)?;
        let mut column = indent;
        for (at, word) in words.into_iter().enumerate() {
            let word = word.to_string();
            let width = word.chars().count();
            if at == 0 {
                column += width;
                write!(out, "{}", painted(self.style, word))?;
            } else if column + separator_width + width <= self.width {
                column += separator_width + width;
                write!(out, "{}", painted(self.style, format_args!("{}{word}", self.separator)))?;
            } else {
                // A comma ends the line, an arrow begins the next one.
                let (end, start) = match self.separator.trim_start() {
                    start if start.len() < self.separator.len() => ("", start),
                    _ => (self.separator.trim_end(), ""),
                };
                column = indent + start.chars().count() + width;
                writeln!(out, "{}", painted(self.style, end))?;
                write!(
                    out,
                    "{:indent$}{}",
                    "",
                    painted(self.style, format_args!("{start}{word}"))
                )?;
            }
        }
        writeln!(out)
    }
}
