//! The real binary on a whole stack, over a wire that is not what it should be: throttled, failing, losing answers, and
//! with the binary killed in the middle. What is there in the end is compared with an undisturbed run.

mod faults;
mod kills;
mod protocols;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use platctl::sandbox::DEFAULT_ACCOUNT;
use serde_json::Value;

use crate::charts;
use crate::support::proxy::{Act, Entry, Proxy};
use crate::support::{Server, new_account};

/// What a person does to the stack, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Apply,
    Update,
    Destroy,
}

const DEEDS: [Deed; 3] = [Deed::Apply, Deed::Update, Deed::Destroy];

/// What the update changes in the blueprint: every sort of change, in most services.
const CHANGES: &[(&str, &str)] = &[
    (
        "public: [203.0.113.0/24, 198.51.100.0/24]}\n      logging: [api, audit]\n      logRetention: 7d",
        "public: [203.0.113.0/24]}\n      logging: [api]\n      logRetention: 30d",
    ),
    ("size: 1..3, capacity: spot", "size: 1..4, capacity: spot"),
    ("labels: {tier: application}", "labels: {tier: front}"),
    ("    coredns: {}\n", ""),
    (
        "    developers: {identity: developers, policy: AmazonEKSViewPolicy, namespaces: [birthdays]}\n",
        "",
    ),
    ("  developers: {trust: [account]}\n", ""),
    ("class: db.t4g.micro", "class: db.t4g.small"),
    ("log_min_duration_statement: \"500\"", "log_min_duration_statement: \"250\""),
    // A replacement, with what refers to it.
    ("api: {domain: api.dev.birthdays.example.com", "api: {domain: www.dev.birthdays.example.com"),
    ("      - sql-injection\n", ""),
    ("health: {path: /health, interval: 15s", "health: {path: /ready, interval: 15s"),
    (
        "{birthday-api: {keep: 5, tags: mutable, forceDelete: true}}",
        "{birthday-api: {keep: 7, tags: mutable, forceDelete: true}, web: {keep: 3, forceDelete: true}}",
    ),
    // On the cluster: an object of each sort of change.
    ("the birthday service and what it needs", "all that celebrates"),
    ("path: charts/birthday-api", "path: charts/api"),
    ("  metricsServer: {}\n", ""),
];
/// And the tags of everything.
const TAGS: (&str, &str) = ("team: birthdays", "team: platform");

/// A person with a blueprint, and a sandbox that is an account of the shared server behind a proxy.
struct User {
    folder: tempfile::TempDir,
    proxy: Proxy,
    account: String,
    painter: Painter,
}

impl User {
    fn new(server: &Server) -> Self {
        let account = new_account();
        let proxy = Proxy::of_account(&server.running, &account);
        let folder = tempfile::tempdir().unwrap();
        // The record of a sandbox that runs, which is the proxy.
        let mut record = serde_json::to_value(&server.running).unwrap();
        record["endpoint"] = Value::from(proxy.url.as_str());
        let sandbox = folder.path().join("cache/sandbox/servers/default");
        fs::create_dir_all(&sandbox).unwrap();
        fs::write(sandbox.join("server.json"), record.to_string()).unwrap();
        Self { folder, proxy, account, painter: Painter::start(server) }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split_whitespace()).args(["--env", "dev", "--sandbox"]);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        let home = self.folder.path();
        command
            .env_clear()
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .env("HOME", home)
            .env("PLATCTL_CACHE_DIR", home.join("cache"))
            .env("PLATCTL_HELM", charts::helm())
            .env("PLATCTL_CHARTS", charts::folder());
        command
    }

    /// The command of a deed, with its blueprint in place.
    fn prepare(&self, deed: Deed, changes: &[(&str, &str)]) -> Command {
        let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("blueprints/birthday-api.yaml");
        let mut text = fs::read_to_string(text).unwrap();
        for (from, to) in changes.iter().filter(|_| deed != Deed::Apply) {
            assert_eq!(text.matches(from).count(), 1, "{from}");
            text = text.replace(from, to);
        }
        fs::write(self.folder.path().join("platctl.yaml"), text).unwrap();
        self.command(match deed {
            Deed::Apply | Deed::Update => "apply --yes --allow-delete * --quiet",
            Deed::Destroy => "destroy --yes --allow-delete * --quiet",
        })
    }

    /// Nothing is left to do after the deed, and what is there is what an undisturbed run makes.
    fn is_done(&mut self, deed: Deed, expected: &[String]) {
        self.proxy.play(|_| Act::Pass);
        if deed != Deed::Destroy {
            let (exit, said) = run(self.command("plan"));
            assert_eq!(exit, 0, "the plan after it is not empty:\n{said}");
        }
        let listed = run(self.command("state list --json")).1;
        let listed: Value = serde_json::from_str(&listed).unwrap();
        let records = listed["resources"].as_array().unwrap();
        let unsettled = records.iter().filter(|record| record["status"] != "stable").count();
        assert_eq!(unsettled, 0, "{listed:#}");
        assert_eq!(records.is_empty(), deed == Deed::Destroy);
        let (mut more, mut fewer) = (self.painter.paint(&self.account), expected.to_vec());
        more.retain(|thing| match fewer.iter().position(|it| it == thing) {
            Some(at) => {
                fewer.remove(at);
                false
            }
            None => true,
        });
        assert!(
            more.is_empty() && fewer.is_empty(),
            "not as an undisturbed run leaves it:\nthere: {more:#?}\nnot there: {fewer:#?}"
        );
    }
}

/// Runs to the end: exit code and all that was said.
fn run(mut command: Command) -> (i32, String) {
    let output = command.output().unwrap();
    let exit = output.status.code().expect("no command is ended by a signal");
    let said = [output.stdout, output.stderr].concat();
    (exit, String::from_utf8(said).unwrap())
}

fn succeeds(command: Command) {
    let (exit, said) = run(command);
    assert_eq!(exit, 0, "{said}");
}

/// For those who ask with `--nocapture`.
#[expect(clippy::print_stdout, reason = "tests capture it")]
fn figures(line: &str) {
    println!("{line}");
}

/// An undisturbed run.
struct Clean {
    /// What is there after each of [`DEEDS`].
    portraits: [Vec<String>; 3],
    /// How many calls that change something each of them makes.
    effects: [usize; 3],
}

impl Clean {
    fn run(server: &Server, changes: &[(&str, &str)]) -> Self {
        let mut user = User::new(server);
        let (mut portraits, mut effects) = ([const { Vec::new() }; 3], [0; 3]);
        for (place, deed) in DEEDS.into_iter().enumerate() {
            user.proxy.play(|_| Act::Pass);
            succeeds(user.prepare(deed, changes));
            let log = user.proxy.log();
            let changes_something = |entry: &&Entry| entry.request.effect.is_some();
            // Refusals of what is busy come as they like.
            let worked = |entry: &&Entry| entry.status.is_some_and(|status| status < 400);
            effects[place] = log.iter().filter(changes_something).filter(worked).count();
            portraits[place] = user.painter.paint(&user.account);
        }
        assert!(portraits[0].len() > 50, "{:#?}", portraits[0]);
        assert_ne!(portraits[0], portraits[1]);
        assert_eq!(portraits[2], [""; 0], "left after the destruction");
        Self { portraits, effects }
    }

    /// Of [`CHANGES`], run once for all tests.
    fn shared(server: &Server) -> &'static Self {
        static CLEAN: OnceLock<Clean> = OnceLock::new();
        CLEAN.get_or_init(|| Self::run(server, CHANGES))
    }
}

/// Tells what is in an account: `portrait.py`, with AWS's own SDK, and not by way of a proxy.
struct Painter {
    python: Child,
    accounts: ChildStdin,
    portraits: BufReader<ChildStdout>,
}

impl Painter {
    fn start(server: &Server) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/portrait.py");
        let mut python = Command::new(server.python())
            .arg(script)
            .envs(server.running.env("eu-west-1"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let accounts = python.stdin.take().unwrap();
        let portraits = BufReader::new(python.stdout.take().unwrap());
        Self { python, accounts, portraits }
    }

    fn paint(&mut self, account: &str) -> Vec<String> {
        assert_ne!(account, DEFAULT_ACCOUNT);
        writeln!(self.accounts, "{account}").unwrap();
        let mut line = String::new();
        self.portraits.read_line(&mut line).unwrap();
        serde_json::from_str(&line).expect("the painter says on standard error why it ended")
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.python.kill();
        let _ = self.python.wait();
    }
}
