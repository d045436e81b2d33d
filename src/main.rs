//! Parses, runs, and gives the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    platctl::cli::run()
}
