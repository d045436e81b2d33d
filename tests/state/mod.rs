//! State as its users meet it: sealed, edited, lost and found. The real binary against the sandbox, each stage with an
//! account of its own.

mod canary;
mod commands;
mod recover;
mod sealed;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use platctl::cloud::{Aws, aws};
use platctl::sandbox::access_key_id;
use serde_json::Value;

use crate::support::{REGION, Server, new_account};

const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {public: [10.0.1.0/24, 10.0.2.0/24]}, nat: none}
logs: {app: {retention: 30d}}
resources:
  news: {type: AWS::SNS::Topic, properties: {TopicName: shop-news}}
";

/// A folder with a blueprint, and the environment that leads to the sandbox.
struct Stage {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Ended {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Stage {
    fn new(server: &Server) -> Self {
        let account = new_account();
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home").to_str().unwrap().to_owned();
        let access_key = access_key_id(&account);
        let env = [
            ("HOME", home.as_str()),
            ("COLUMNS", "100"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", server.running.endpoint.as_str()),
            ("AWS_ACCESS_KEY_ID", access_key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { folder, env }.blueprint(BLUEPRINT)
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    fn blueprint(self, text: &str) -> Self {
        fs::write(self.path().join("platctl.yaml"), text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, line: &str) -> Ended {
        let output = Command::new(env!("CARGO_BIN_EXE_platctl"))
            .args(line.split_whitespace())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .env_clear()
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .envs(&self.env)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            exit: output.status.code().expect("no command is ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that must end so; its standard output.
    fn ends(&self, exit: i32, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.exit, exit, "{line}\n{}\n{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    fn succeeds(&self, line: &str) -> String {
        self.ends(0, line)
    }

    /// Runs a command that must fail; what it says.
    fn fails(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!((ended.exit, ended.stdout.as_str()), (1, ""), "{line}\n{}", ended.stderr);
        ended.stderr
    }

    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.succeeds(&format!("{line} --json"))).unwrap()
    }

    /// The addresses that are recorded.
    fn recorded(&self) -> Vec<String> {
        let records = self.json("state list");
        let records = records["resources"].as_array().unwrap().iter();
        records.map(|record| record["address"].as_str().unwrap().to_owned()).collect()
    }

    /// The sandbox, past platctl, in the account of this stage.
    async fn aws(&self, server: &Server) -> Arc<Aws> {
        let endpoint = aws::Endpoint {
            url: server.running.endpoint.clone(),
            access_key_id: self.env["AWS_ACCESS_KEY_ID"].clone(),
        };
        let options = aws::Options {
            region: REGION.into(),
            sandbox: Some(endpoint),
            speed: 1.0,
            kubeconfig: None,
        };
        Arc::new(Aws::connect(&options).await)
    }

    /// Every file below the folder, but for the home: its path and its bytes.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    /// The files of the state, without its lock.
    fn state_files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let folder = self.path().join(".platctl").join("shop");
        let mut files = self.files();
        files.retain(|path, _| path.starts_with(&folder) && !path.ends_with("lock"));
        files
    }
}
