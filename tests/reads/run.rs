//! The table of a run of the command: fleets of two sizes, applied in a sandbox and planned again.
//!
//! ```sh
//! cargo test -- --ignored --nocapture reads::run
//! ```
//!
//! It takes minutes, most of them for the sandbox to make thousands of resources, and runs on Linux only, which tells
//! the largest size of a process below `/proc`.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use platctl::cloud::calls::CallsSince;
use serde::Deserialize;
use tempfile::TempDir;

use super::{FLEET, ROWS, Row, SERVICES, forced, ratio};

const SIZES: [u64; 2] = [100, 300];
/// An hour of AWS takes a second.
const SPEED: &str = "3600";
const MEMORY_MAX_MIB: u64 = 150;
const APPLIES_MAX: usize = 5;
/// How often the size of a process is looked at.
const GLANCE: Duration = Duration::from_millis(2);
/// What the command asks before it plans.
const IDENTITY: Row = forced("sts", "GetCallerIdentity", |_| 1, "whose credentials these are");

#[test]
#[ignore = "takes minutes"]
#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn prints_the_table() {
    for services in SIZES {
        let run = Run::of(services);
        run.ends(&["sandbox", "start", "--speed", SPEED]);
        run.apply();
        let planned = run.plan();
        println!("{}", table(services, &planned));
        // Without optimization the executable alone takes as much.
        let size = if cfg!(debug_assertions) { planned.data } else { planned.memory };
        assert!(size < MEMORY_MAX_MIB, "{size} MiB");
    }
}

/// A fleet in a sandbox and a folder of its own.
struct Run {
    folder: TempDir,
    services: u64,
}

/// What a plan came to that found nothing to do.
struct Planned {
    calls: CallsSince,
    resources: u64,
    seconds: f64,
    /// The largest resident size, in MiB.
    memory: u64,
    /// Of it what is no page of a file, such as those of the executable.
    data: u64,
}

/// What `plan --json` prints, as far as it counts here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    api_calls: CallsSince,
    changes: Vec<serde::de::IgnoredAny>,
}

impl Run {
    fn of(services: u64) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), services }
    }

    fn start(&self, arguments: &[&str], out: &Path) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null());
        if arguments.contains(&"--sandbox") {
            command.arg(FLEET).arg("--set").arg(format!("{SERVICES}={}", self.services));
        }
        command.env("SOURCE_DATE_EPOCH", crate::support::TODAY);
        command.env("PLATCTL_STATE", self.folder.path().join("state"));
        command.env("PLATCTL_SANDBOX", format!("reads-{}", std::process::id()));
        // Not a pipe, which somebody would have to empty.
        command.stdout(File::create(out).unwrap()).spawn().unwrap()
    }

    fn ends(&self, arguments: &[&str]) {
        let out = self.folder.path().join("out");
        let ended = self.start(arguments, &out).wait().unwrap();
        assert!(ended.success(), "{arguments:?}: {}", fs::read_to_string(out).unwrap());
    }

    /// Applies until nothing is left: a sandbox on a busy machine may leave calls without an answer.
    fn apply(&self) {
        let out = self.folder.path().join("out");
        let mut tries = 0..APPLIES_MAX;
        let applied = tries.any(|_| {
            self.start(&["apply", "--sandbox", "--yes", "--quiet"], &out).wait().unwrap().success()
        });
        assert!(applied, "{}", fs::read_to_string(out).unwrap());
    }

    #[expect(clippy::disallowed_methods, reason = "it looks at a process from outside")]
    fn plan(&self) -> Planned {
        let out = self.folder.path().join("plan.json");
        let begun = Instant::now();
        let mut child = self.start(&["plan", "--sandbox", "--json", "--verbose"], &out);
        let status = format!("/proc/{}/status", child.id());
        let (mut memory, mut data) = (0, 0);
        let ended = loop {
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
            let status = fs::read_to_string(&status).unwrap();
            memory = memory.max(mib(&status, "VmHWM:"));
            data = data.max(mib(&status, "RssAnon:"));
            std::thread::sleep(GLANCE);
        };
        let seconds = begun.elapsed().as_secs_f64();
        assert!(ended.success(), "something is left to do: {ended}");
        let Document { api_calls: calls, changes } =
            serde_json::from_str(&fs::read_to_string(out).unwrap()).unwrap();
        Planned { calls, resources: changes.len() as u64, seconds, memory, data }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.ends(&["sandbox", "stop"]);
    }
}

/// A size of a process, in MiB. One that has just ended has none.
fn mib(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib: Option<u64> = line.and_then(|size| size.trim().strip_suffix(" kB")?.parse().ok());
    kib.unwrap_or_default() / 1024
}

/// What was called, beside what the APIs force; 0 is what no row expects.
fn table(services: u64, planned: &Planned) -> String {
    let Planned { calls, resources, seconds, memory, data } = planned;
    let mut text = format!("{services} services, {resources} resources\n");
    let mut line = |made: u64, forced: u64, of: &str| {
        writeln!(text, "{made:>6} calls of {forced:>5} forced  {of}").unwrap();
    };
    let (mut made, mut floor) = (0, 0);
    for (service, actions) in calls {
        for (action, &count) in actions {
            let of = |row: &&Row| row.service == service && row.action == action;
            let row = ROWS.iter().chain([&IDENTITY]).find(of);
            let least = row.map_or(0, |row| (row.forced)(services));
            line(count, least, &format!("{service} {action}"));
            (made, floor) = (made + count, floor + least);
        }
    }
    line(made, floor, "in all");
    let (beyond, each) = (ratio(made, floor), ratio(made, *resources));
    writeln!(text, "{beyond:.3} of what is forced, {each:.3} a resource").unwrap();
    writeln!(text, "{seconds:.1} s, {memory} MiB, of which {data} MiB are data").unwrap();
    text
}
