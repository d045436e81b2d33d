//! Live on a terminal: a line per running resource, a bar for the whole, and what is finished scrolls away above.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::task::JoinHandle;

use super::Reporter;
use super::course::{Course, Running};
use super::lines::finished_line;
use crate::apply::Progress;
use crate::diagnostic::Colour;
use crate::plan::Plan;
use crate::report::style::{BAD, ERROR, QUIET, WARNING, glyph, painted};
use crate::report::{View, words};

/// Draws on the terminal behind standard error.
pub struct Live {
    screen: Arc<Mutex<Screen>>,
    ticker: JoinHandle<()>,
}

struct Screen {
    course: Course,
    bars: MultiProgress,
    /// One for each running resource that is shown.
    rows: Vec<ProgressBar>,
    /// `… and 12 more`, the bar, and what is left.
    total: ProgressBar,
    begun: Instant,
    width: usize,
    colour: Colour,
    ended: bool,
}

/// Running resources with a line of their own; the others are counted.
const ROWS_MAX: usize = 14;
/// Often enough that nothing seems to stand still.
const TICK: Duration = Duration::from_millis(100);
const BAR: &str = "{bar:30} {pos}/{len}  {wide_msg}";

impl Live {
    /// Begins to draw. Needs a running tokio runtime.
    pub fn start(plan: Arc<Plan>, view: View, colour: Colour) -> Self {
        let bars = MultiProgress::new();
        let course = Course::new(plan, view.speed);
        let count = u64::try_from(course.total()).unwrap_or(u64::MAX);
        let total = bars.add(ProgressBar::new(count));
        let style = ProgressStyle::with_template(BAR).expect("the template is valid");
        total.set_style(style.progress_chars("━╸─"));
        let (rows, begun) = (Vec::new(), Instant::now());
        let (width, ended) = (view.width, false);
        let screen = Screen { course, bars, rows, total, begun, width, colour, ended };
        let screen = Arc::new(Mutex::new(screen));
        let drawn = Arc::clone(&screen);
        let ticker = tokio::spawn(async move {
            loop {
                tokio::time::sleep(TICK).await;
                lock(&drawn).draw(Instant::now());
            }
        });
        Self { screen, ticker }
    }
}

impl Reporter for Live {
    fn event(&self, progress: &Progress) {
        lock(&self.screen).event(progress, Instant::now());
    }

    fn end(&self) {
        self.ticker.abort();
        let mut screen = lock(&self.screen);
        screen.ended = true;
        // A screen that is gone needs no clearing.
        let _ = screen.bars.clear();
    }
}

impl Screen {
    fn event(&mut self, progress: &Progress, now: Instant) {
        let finished = self.course.event(progress, now);
        if let Some(finished) = finished {
            self.scroll(&finished_line(&finished, self.width));
        }
        if let Progress::Failed { address, op, fault, elapsed } = progress {
            let (doing, took) = (words::doing(*op), words::took(*elapsed));
            let mark = painted(ERROR, "!");
            self.scroll(&format!("{mark} {address} failed {doing} after {took}: {fault}"));
        }
        self.draw(now);
    }

    fn scroll(&self, line: &str) {
        // A screen that is gone shows nothing; the apply goes on.
        let _ = self.bars.println(self.coloured(line));
    }

    fn draw(&mut self, now: Instant) {
        if self.ended {
            return;
        }
        let shown = self.course.longest_running(ROWS_MAX);
        let width = shown.iter().map(|it| self.course.step(it).address.as_str().len()).max();
        let width = width.unwrap_or_default();
        let texts: Vec<String> =
            shown.iter().map(|it| self.coloured(&self.row(it, width, now))).collect();
        while self.rows.len() > texts.len() {
            self.rows.pop().inspect(|row| self.bars.remove(row));
        }
        while self.rows.len() < texts.len() {
            let row = self.bars.insert_before(&self.total, ProgressBar::new_spinner());
            row.set_style(ProgressStyle::with_template("{wide_msg}").expect("it is valid"));
            self.rows.push(row);
        }
        for (row, text) in self.rows.iter().zip(texts) {
            row.set_message(text);
        }
        self.total.set_position(u64::try_from(self.course.finished()).unwrap_or(u64::MAX));
        self.total.set_message(self.coloured(&self.whole(now)));
    }

    /// `~ databases.orders/instance  waiting until it works  1 min 12 s / 10 min`
    fn row(&self, running: &Running, width: usize, now: Instant) -> String {
        let step = self.course.step(running);
        let glyph = glyph(self.course.action(running));
        let elapsed = words::took(now - running.since);
        let expected = painted(QUIET, format!("/ {}", words::about(self.course.expected(running))));
        let (address, doing) = (step.address.as_str(), words::doing(step.op));
        let retrying = running.retrying.as_ref().map(|fault| {
            let by = match fault.blockers.as_slice() {
                [] => String::new(),
                [one] => format!(" by {}", one.id),
                [one, more @ ..] => format!(" by {} and {} more", one.id, more.len()),
            };
            painted(WARNING, format!("  again, it was {}{by}", words::class(fault.class)))
                .to_string()
        });
        let retrying = retrying.unwrap_or_default();
        format!("{glyph} {address:width$}  {doing:23}  {elapsed:>10} {expected}{retrying}")
    }

    /// `1 min 20 s, about 12 min left, 2 failed`
    fn whole(&self, now: Instant) -> String {
        let more = self.course.running().len().saturating_sub(ROWS_MAX);
        let more = (more > 0).then(|| format!("{more} more running"));
        let failed = self.course.failed();
        let failed = (failed > 0).then(|| painted(BAD, format!("{failed} failed")).to_string());
        let draining = self.course.is_draining().then(|| {
            painted(WARNING, "interrupted: calls in flight may end; once more to abort").to_string()
        });
        let left = format!("about {} left", words::about(self.course.left(now)));
        let left = draining.unwrap_or(left);
        let elapsed = Some(words::took(now - self.begun));
        let parts: Vec<String> =
            [elapsed, Some(left), failed, more].into_iter().flatten().collect();
        parts.join(", ")
    }

    fn coloured(&self, text: &str) -> String {
        match self.colour {
            Colour::Always => text.into(),
            Colour::Never => strip_str(text).to_string(),
        }
    }
}

fn lock(screen: &Mutex<Screen>) -> MutexGuard<'_, Screen> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}
