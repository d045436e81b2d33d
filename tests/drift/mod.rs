//! Drift of a whole stack, as its users meet it: the real binary against a sandbox of its own, and edits that boto3
//! makes behind its back (`edits.py`).

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use platctl::sandbox::Sandbox;
use serde_json::Value;

/// What somebody edits, and the only changes that `diff` may then name.
const EDITS: &[(&str, &str, &str, &[&str])] = &[
    (
        "security_group_rule",
        "databases.birthdays/security-group",
        "update",
        &["SecurityGroupIngress"],
    ),
    ("tag", "network/vpc", "update", &["Tags.team"]),
    (
        "database_parameter",
        "databases.birthdays/parameter-group",
        "update",
        &["Parameters.log_min_duration_statement"],
    ),
    ("firewall_rule", "firewalls.edge/web-acl", "update", &["Rules"]),
    ("log_retention", "logs.application/log-group", "update", &["RetentionInDays"]),
    ("policy_document", "identities.birthday-api/policy", "update", &["PolicyDocument"]),
    ("deleted_route", "network/route/private-b-nat", "create", &[]),
    ("deleted_repository", "registries.birthday-api/repository", "create", &[]),
];

/// A folder to run in, and the sandbox that `platctl --sandbox` finds.
struct User {
    folder: tempfile::TempDir,
    sandbox: String,
}

impl User {
    fn new() -> Self {
        let sandbox = format!("drift-{}", std::process::id());
        Self { folder: tempfile::tempdir().unwrap(), sandbox }
    }

    /// Runs `platctl` and returns its exit code and standard output.
    fn platctl(&self, line: &str) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_platctl"))
            .args(line.split_whitespace())
            .current_dir(self.folder.path())
            .env("PLATCTL_SANDBOX", &self.sandbox)
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .env("PLATCTL_HELM", crate::charts::helm())
            .env("PLATCTL_CHARTS", crate::charts::folder())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let exit = output.status.code().unwrap();
        let (out, err) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
        assert!(exit == 0 || exit == 2, "{line}: exit {exit}\n{out}\n{err}");
        (exit, out)
    }

    fn on_blueprint(&self, command: &str, options: &str) -> (i32, String) {
        let blueprint = root().join("blueprints/birthday-api.yaml");
        self.platctl(&format!("{command} {} --env prod --sandbox {options}", blueprint.display()))
    }

    /// Runs a function of `edits.py` in the sandbox's own Python.
    fn edit(&self, name: &str) -> String {
        let sandbox = Sandbox::named(&self.sandbox).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let running = runtime.block_on(sandbox.status()).unwrap().expect("the sandbox runs");
        let output = Command::new(sandbox.python())
            .arg(root().join("tests/drift/edits.py"))
            .arg(name)
            .envs(running.env("eu-west-1"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for User {
    fn drop(&mut self) {
        // A sandbox that never started needs no stop.
        let _ = Command::new(env!("CARGO_BIN_EXE_platctl"))
            .args(["sandbox", "stop"])
            .env("PLATCTL_SANDBOX", &self.sandbox)
            .output();
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The changes of a JSON report: address, action, paths of fields.
fn changes(json: &str) -> Vec<(String, String, Vec<String>)> {
    let report: Value = serde_json::from_str(json).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let all = report["changes"].as_array().unwrap().iter().map(|change| {
        let fields = change["fields"].as_array().into_iter().flatten();
        let paths = fields.map(|field| text(&field["path"])).collect();
        (text(&change["address"]), text(&change["action"]), paths)
    });
    all.collect()
}

#[test]
fn every_edit_from_outside_is_named_alone_and_healed_alone() {
    let user = User::new();
    user.on_blueprint("apply", "--yes");
    assert_eq!(user.on_blueprint("plan", "").0, 0, "the second plan is empty");
    assert_eq!(user.on_blueprint("diff", "").0, 0, "nothing has drifted yet");
    for (edit, address, action, fields) in EDITS {
        user.edit(edit);
        let (exit, out) = user.on_blueprint("diff", "--json");
        let fields: Vec<String> = fields.iter().map(|&path| path.to_owned()).collect();
        let expected = vec![((*address).to_owned(), (*action).to_owned(), fields)];
        assert_eq!((exit, changes(&out)), (2, expected), "{edit}");
        user.on_blueprint("apply", "--yes");
        assert_eq!(user.on_blueprint("plan", "").0, 0, "{edit}: healed");
    }
    user.on_blueprint("destroy", "--yes --allow-delete *");
    assert_eq!(user.edit("leftovers").trim(), "", "left after the destruction");
    let (_, listed) = user.platctl("state list --stack birthday-api-prod --sandbox");
    assert!(listed.starts_with("Nothing is recorded"), "{listed}");
}
