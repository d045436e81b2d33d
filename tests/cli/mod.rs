//! The real binary, in what needs no cloud.

mod explain;
mod rehearse;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own to run in, without anything of this machine's environment.
struct Run {
    folder: TempDir,
}

const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {public: [10.0.1.0/24, 10.0.2.0/24]}, nat: none}
";

impl Run {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn with_blueprint() -> Self {
        Self::new().file("platctl.yaml", BLUEPRINT)
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.path().join(name), text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        command
            .env_clear()
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .env("HOME", self.path())
            .env("COLUMNS", "100");
        // Were a call made in spite of all, it would end here.
        command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
        command
    }

    fn run(&self, line: &str) -> Ended {
        Ended::of(&self.command(line).output().unwrap())
    }
}

/// How a command ended.
#[derive(Debug)]
struct Ended {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Ended {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let exit = output.status.code().expect("no command is ended by a signal");
        Self { exit, stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap()
    }

    /// Exit code and both outputs, as one text.
    fn all(&self) -> String {
        let Self { exit, stdout, stderr } = self;
        format!("exit {exit}\n--- stdout\n{stdout}--- stderr\n{stderr}")
    }
}

/// Every command, for sweeps.
const COMMANDS: [&str; 34] = [
    "",
    "init",
    "validate",
    "plan",
    "apply",
    "diff",
    "destroy",
    "rehearse",
    "lock",
    "render",
    "state",
    "state list",
    "state show",
    "state pull",
    "state push",
    "state mv",
    "state rm",
    "state history",
    "state restore",
    "state unlock",
    "state recover",
    "state rotate",
    "explain",
    "kinds",
    "schema",
    "versions",
    "kubeconfig",
    "sandbox",
    "sandbox start",
    "sandbox stop",
    "sandbox reset",
    "sandbox status",
    "sandbox env",
    "completions",
];

#[test]
fn every_command_has_help() {
    let run = Run::new();
    let helps = COMMANDS.map(|command| {
        let ended = run.run(&format!("{command} --help"));
        assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{command}");
        let (about, rest) = ended.stdout.split_once("\n\nUsage: ").unwrap();
        let usage = rest.lines().next().unwrap();
        format!("{usage}\n    {about}\n")
    });
    insta::assert_snapshot!(helps.concat());
    insta::assert_snapshot!("help", run.run("--help").stdout);
    insta::assert_snapshot!("help_apply", run.run("apply --help").stdout);
}

#[test]
fn versions_of_kubernetes_are_refused_once_they_have_ended() {
    let text = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, zones: 2, nat: none, subnets: {private: [10.0.1.0/24, 10.0.2.0/24]}}
cluster: {version: "1.33"}
"#;
    let run = Run::new().file("platctl.yaml", text);
    let on = |day: &str| {
        Ended::of(&run.command("validate").env("SOURCE_DATE_EPOCH", day).output().unwrap())
    };
    let (before, charged, gone) = (on("1785283199"), on("1785283200"), on("1816819200"));
    assert_eq!((before.exit, before.stderr.as_str()), (0, ""));
    assert_eq!((charged.exit, gone.exit), (0, 3));
    insta::assert_snapshot!("version_in_extended_support", charged.stderr);
    insta::assert_snapshot!("version_out_of_support", gone.stderr);
}

#[test]
fn the_version_matrix_is_shown() {
    let run = Run::new();
    insta::assert_snapshot!("versions_karpenter", run.run("versions karpenter").stdout);
    let all = run.run("versions --json").json();
    assert!(all["charts"]["cert-manager"][0]["source"].as_str().unwrap().starts_with("https://"));
    assert!(run.run("versions").stdout.contains("standard support until 2026-07-29"));
    let unknown = run.run("versions karpentr");
    assert_eq!(unknown.exit, 1);
    assert!(unknown.stderr.contains("Did you mean `karpenter`?"), "{}", unknown.stderr);
}

#[test]
fn a_wrong_command_line_is_no_pending_change() {
    let run = Run::with_blueprint();
    for line in [
        "",
        "plann",
        "plan --wat",
        "plan --quiet --verbose",
        "plan --set novalue",
        "state show",
        "state show nowhere",
        "state mv a/b",
        "state rm",
        "state push",
        "state restore",
        "state restore latest",
        "state rotate --open --passphrase",
        "apply --allow-delete nowhere",
        "completions tcsh",
        "sandbox start --speed 0",
        "render",
        "render --format yaml --out x",
        "lock --update",
    ] {
        let ended = run.run(line);
        assert_eq!((ended.exit, ended.stdout.as_str()), (64, ""), "{line}: {}", ended.stderr);
    }
}

#[test]
fn a_blueprint_that_is_not_there() {
    insta::assert_snapshot!(Run::new().run("plan").all(), @r"
    exit 3
    --- stdout
    --- stderr
    error: there is no file `platctl.yaml`
     |
     = help: Run `platctl init` to write a blueprint, or name another file.
    ");
}

#[test]
fn an_invalid_blueprint_touches_nothing() {
    let text = BLUEPRINT.replace("zones: 2", "zonen: 2").replace("eu-west-1", "eu-west-11");
    let run = Run::new().file("platctl.yaml", &text);
    for command in ["validate", "plan", "apply --yes", "diff", "destroy --yes", "state list"] {
        let ended = run.run(command);
        assert_eq!((ended.exit, ended.stdout.as_str()), (3, ""), "{command}");
        assert!(ended.stderr.contains("zonen"), "{command}: {}", ended.stderr);
    }
    let error = run.run("validate --json").json()["error"].clone();
    assert_eq!((&error["exit"], &error["name"]), (&3.into(), &"invalid-blueprint".into()));
    let diagnostics = error["diagnostics"].as_array().unwrap();
    assert!(diagnostics.len() >= 2, "{diagnostics:?}");
    assert_eq!(diagnostics[0]["line"], 4);
    assert_eq!(fs::read_dir(run.path()).unwrap().count(), 1, "nothing else was written");
}

#[test]
fn a_valid_blueprint() {
    let run = Run::with_blueprint();
    let ended = run.run("validate");
    assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""), "{}", ended.all());
    assert_eq!(ended.stdout, "platctl.yaml is valid in all its environments\n");
    assert_eq!(run.run("validate --json").json()["valid"], true);
    assert_eq!(run.run("validate --set network.zones=x").exit, 3);
}

#[test]
fn init_writes_a_valid_blueprint_once() {
    let run = Run::new();
    assert_eq!(run.run("init --name shop --region eu-central-1").exit, 0);
    let text = fs::read_to_string(run.path().join("platctl.yaml")).unwrap();
    assert!(text.contains("name: shop") && text.contains("region: eu-central-1"), "{text}");
    assert_eq!(run.run("validate").exit, 0);
    let again = run.run("init");
    assert_eq!(again.exit, 1);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(run.path().join("platctl.yaml")).unwrap(), text);
    assert_eq!(run.run("init other.yaml --name Shop").exit, 1);
}

#[test]
fn nobody_is_asked_where_nobody_can_answer() {
    let run = Run::with_blueprint();
    for command in ["apply", "destroy", "apply --json"] {
        let ended = run.run(command);
        assert_eq!(ended.exit, 1, "{command}");
        let text = format!("{}{}", ended.stdout, ended.stderr);
        assert!(text.contains("nobody can answer here") && text.contains("--yes"), "{text}");
        assert!(!run.path().join(".platctl").exists(), "nothing was touched");
    }
}

#[test]
fn a_broken_plan_is_no_blueprint() {
    let run = Run::new()
        .file("cut.json", "{\n  \"format\": 1,\n  \"platctl\": \"0")
        .file("new.json", r#"{"format": 7, "platctl": "9", "sandbox": false, "plan": {}}"#);
    for file in ["cut.json", "new.json"] {
        let ended = run.run(&format!("apply {file} --yes"));
        assert_eq!(ended.exit, 1, "{}", ended.all());
        assert!(ended.stderr.contains("platctl can read"), "{}", ended.stderr);
        assert!(ended.stderr.contains("platctl plan --out FILE"), "{}", ended.stderr);
    }
    assert_eq!(fs::read_dir(run.path()).unwrap().count(), 2, "nothing was written");
}

/// A saved plan without changes.
fn saved(sandbox: bool, serial: u64) -> String {
    format!(
        r#"{{"format": 1, "platctl": "0.1.0", "sandbox": {sandbox}, "plan": {{
        "format": 1, "stack": "shop", "region": "eu-west-1", "intent": "apply", "blueprint": "b",
        "lineage": "l", "serial": {serial}, "changes": {{}}, "steps": [],
        "estimate": {{"seconds": 0, "criticalPath": []}}}}}}"#
    )
}

#[test]
fn a_saved_plan_is_for_the_state_that_it_was_made_from() {
    let run = Run::new().file("p.json", &saved(false, 3)).file("s.json", &saved(true, 0));
    let ended = run.run("apply p.json");
    assert_eq!(ended.exit, 4, "{}", ended.all());
    assert!(ended.stderr.contains("made from another state"), "{}", ended.stderr);
    let error = run.run("apply p.json --json").json()["error"].clone();
    assert_eq!((&error["exit"], &error["name"]), (&4.into(), &"stale-plan".into()));
    let ended = run.run("apply s.json");
    assert_eq!(ended.exit, 1);
    assert!(ended.stderr.contains("made for the sandbox, not for AWS"), "{}", ended.stderr);
}

#[test]
fn a_locked_state_names_who_has_it() {
    let run = Run::with_blueprint();
    let folder = run.path().join(".platctl/shop");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lock"), "process 4711").unwrap();
    let lock = fs::File::open(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    for command in ["apply --yes", "destroy --yes"] {
        let ended = run.run(command);
        assert_eq!(ended.exit, 5, "{}", ended.all());
        assert!(ended.stderr.contains("in use by process 4711"), "{}", ended.stderr);
    }
    assert_eq!(run.run("state list").exit, 0, "reading needs no lock");
}

#[test]
fn nothing_is_recorded_yet() {
    let run = Run::with_blueprint();
    let ended = run.run("state list");
    assert_eq!((ended.exit, ended.stdout.as_str()), (0, "Nothing is recorded of shop.\n"));
    let json = run.run("state list --stack mall --json").json();
    assert_eq!((&json["stack"], &json["serial"]), (&"mall".into(), &0.into()));
    insta::assert_snapshot!(run.run("state show network/vpc").all(), @r"
    exit 1
    --- stdout
    --- stderr
    error: nothing is recorded at network/vpc
     = help: `platctl state list` shows what is recorded.
    ");
}

#[test]
fn kinds_are_found_by_any_case_and_without_their_provider() {
    let run = Run::new();
    let all = run.run("kinds");
    assert!(all.stdout.contains("AWS::EC2::VPC"), "{}", all.stdout);
    let of = |name: &str| run.run(&format!("kinds {name}")).stdout;
    assert_eq!(of("AWS::EC2::VPC"), of("ec2::vpc"));
    assert!(of("ec2::vpc").contains("CidrBlock"));
    let kinds = run.run("kinds --json").json();
    let kinds = kinds["kinds"].as_array().unwrap();
    for kind in kinds {
        let name = kind["name"].as_str().unwrap();
        assert_eq!(run.run(&format!("kinds {name} --json")).json()["kinds"][0], *kind);
    }
    let ended = run.run("kinds AWS::EC2::VPD");
    assert_eq!(ended.exit, 1);
    assert!(ended.stderr.contains("Did you mean `AWS::EC2::VPC`?"), "{}", ended.stderr);
}

#[test]
fn shells_complete() {
    let run = Run::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = run.run(&format!("completions {shell}"));
        assert_eq!(ended.exit, 0, "{shell}");
        assert!(ended.stdout.contains("allow-delete"), "{shell}");
    }
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let run = Run::new();
    let mut child =
        run.command("kinds --json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = Ended::of(&child.wait_with_output().unwrap());
    assert_eq!((ended.exit, ended.stderr.as_str()), (0, ""));
}

#[test]
fn colours_come_only_when_asked_for() {
    let run = Run::new();
    let coloured = |line: &str| run.run(line).stdout.contains('\u{1b}');
    assert!(!coloured("kinds"));
    assert!(coloured("kinds --color always"));
    assert!(!coloured("kinds --color never"));
    let mut command = run.command("kinds --color auto");
    command.env("NO_COLOR", "1");
    assert!(!Ended::of(&command.output().unwrap()).stdout.contains('\u{1b}'));
}

#[test]
fn a_full_disk_is_an_error() {
    let run = Run::new();
    let mut command = run.command("kinds");
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else { return };
    let ended = Ended::of(&command.stdout(full).output().unwrap());
    assert_eq!(ended.exit, 1);
    assert!(ended.stderr.contains("cannot write to standard output"), "{}", ended.stderr);
}
