//! Standard output, standard error, and the person behind them.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::{AutoStream, ColorChoice};
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use super::error::CommandError;
use super::exit::Exit;
use super::{Common, When};
use crate::diagnostic::{Colour, Diagnostic};
use crate::report::style::{CHANGED, painted};
use crate::report::{Detail, View, WIDTH_DEFAULT, json};
use crate::source::SourceMap;

/// Where commands write, and how.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    json: bool,
    verbose: u8,
    detail: Detail,
    choice: ColorChoice,
    /// The first failure to write to standard output, other than a reader that has left.
    broken: Arc<Mutex<Option<io::Error>>>,
}

/// Narrower than this, reports are not drawn.
const WIDTH_MIN: usize = 40;

impl Ui {
    pub(crate) fn new(common: &Common) -> Self {
        let choice = match common.color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        };
        let detail = match (common.quiet, common.verbose) {
            (true, _) => Detail::Brief,
            (false, 0) => Detail::Normal,
            (false, _) => Detail::Full,
        };
        Self { json: common.json, verbose: common.verbose, detail, choice, broken: Arc::default() }
    }

    /// Sends logs to standard error: warnings, and more with `-v`. `PLATCTL_LOG` says it exactly.
    pub(crate) fn log(&self) {
        let level = match self.verbose {
            // What the SDK warns of comes again, as an error that says more, or does not matter.
            0 => "error,platctl=warn",
            1 => "warn,platctl=info",
            2 => "info,platctl=debug",
            _ => "debug,platctl=trace",
        };
        let filter = std::env::var("PLATCTL_LOG").unwrap_or_else(|_| level.into());
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(filter))
            .with_writer(io::stderr)
            .with_ansi(self.colour() == Colour::Always)
            .without_time();
        // Fails only if another subscriber is set, as in tests.
        let _ = subscriber.try_init();
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    pub(crate) fn detail(&self) -> Detail {
        self.detail
    }

    /// How reports for people are drawn here.
    pub(crate) fn view(&self, speed: f64) -> View {
        let columns = || {
            let terminal = terminal_size::terminal_size_of(io::stdout())
                .or_else(|| terminal_size::terminal_size_of(io::stderr()));
            terminal.map(|(terminal_size::Width(columns), _)| usize::from(columns))
        };
        let named = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width: usize = named.or_else(columns).unwrap_or(WIDTH_DEFAULT);
        View { width: width.max(WIDTH_MIN), detail: self.detail, speed }
    }

    /// Whether standard error takes colours.
    pub(crate) fn colour(&self) -> Colour {
        let choice = match self.choice {
            ColorChoice::Auto => AutoStream::choice(&io::stderr()),
            choice => choice,
        };
        match choice {
            ColorChoice::Never => Colour::Never,
            ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => Colour::Always,
        }
    }

    /// Whether a live display can be drawn: by a person's terminal that shows all of it.
    pub(crate) fn is_live(&self) -> bool {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        io::stdout().is_terminal() && io::stderr().is_terminal() && !dumb && self.verbose < 2
    }

    /// Whether somebody is there to answer.
    pub(crate) fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal() && !self.json
    }

    /// A report for people, on standard output.
    pub(crate) fn print(&self, report: impl Display) {
        let text = report.to_string();
        let mut out = AutoStream::new(io::stdout(), self.choice);
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        match written {
            // The reader has left, `head` for one; what is under way goes on.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => {
                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                broken.get_or_insert(error);
            }
            Ok(()) => {}
        }
    }

    /// One line on standard output.
    pub(crate) fn line(&self, line: impl Display) {
        self.print(format_args!("{line}\n"));
    }

    /// A free line between two reports for people.
    pub(crate) fn gap(&self) {
        if !self.json && self.detail > Detail::Brief {
            self.print("\n");
        }
    }

    /// A document for machines, on standard output.
    pub(crate) fn document(&self, report: &impl Serialize) {
        self.line(json::document(report));
    }

    /// A remark about what goes on, on standard error.
    pub(crate) fn remark(&self, remark: impl Display) {
        if self.detail > Detail::Brief {
            self.to_stderr(format_args!("{remark}\n"));
        }
    }

    /// Warnings about the blueprint, on standard error.
    pub(crate) fn warnings(&self, diagnostics: &[Diagnostic], sources: &SourceMap) {
        for diagnostic in diagnostics {
            self.remark(format_args!("{}\n", diagnostic.render(sources, self.colour())));
        }
    }

    /// Why the command failed: on standard error, with `--json` on standard output.
    pub(crate) fn error(&self, error: &CommandError) {
        if self.json {
            self.line(json::line(&error.json()));
        } else {
            self.to_stderr(error.human(self.colour()));
        }
    }

    /// Asks, and returns the line that was typed.
    pub(crate) fn ask(&self, question: impl Display) -> Result<String, CommandError> {
        self.to_stderr(format_args!("{} ", painted(CHANGED, question)));
        let mut answer = String::new();
        let read = io::stdin().read_line(&mut answer);
        read.map_err(|error| CommandError::new("cannot read the answer").caused_by(&error))?;
        Ok(answer.trim().to_owned())
    }

    /// The end: a report that could not be written is a failure.
    pub(crate) fn finish(&self, exit: Exit) -> Exit {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner).take();
        match broken {
            None => exit,
            Some(error) => {
                let error = CommandError::new("cannot write to standard output").caused_by(&error);
                self.to_stderr(error.human(self.colour()));
                Exit::Failed
            }
        }
    }

    fn to_stderr(&self, text: impl Display) {
        let mut out = AutoStream::new(io::stderr(), self.choice);
        // Nobody is left to be told that nobody listens.
        let _ = out.write_all(text.to_string().as_bytes());
    }
}
