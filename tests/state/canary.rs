//! Law 9 from outside: secrets that the real binary is given, or that it passes on, are in no file that it writes and in
//! nothing that it says, however much it is asked to say.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Stage;
use crate::support::{REGION, with_sandbox};

const BLUEPRINT: &str = r#"
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network:
  cidr: 10.0.0.0/16
  zones: 2
  nat: none
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24]
databases:
  orders: {engine: postgres, version: "17", class: db.t4g.micro, storage: 20Gi}
caches:
  sessions: {engine: valkey, version: "8.0", nodeType: cache.t4g.micro}
secrets:
  payment: {description: what the payment provider gave us}
overrides:
  caches.sessions/replication-group:
    AuthToken: "{{resolve:secretsmanager:by-hand:SecretString:token}}"
"#;

/// Everything that was said and written, by where.
struct Heard(BTreeMap<String, Vec<u8>>);

impl Heard {
    /// Runs a command with all logs, and keeps what it says, what it leaves, and the journal while there is one.
    fn run(&mut self, stage: &Stage, line: &str) -> i32 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_platctl"))
            .args(line.split_whitespace())
            .arg("-vvv")
            .current_dir(stage.path())
            .stdin(Stdio::null())
            .stdout(fs::File::create(stage.path().join("stdout")).unwrap())
            .stderr(fs::File::create(stage.path().join("stderr")).unwrap())
            .env_clear()
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .envs(&stage.env)
            .spawn()
            .unwrap();
        let journal = stage.path().join(".platctl/shop/journal.jsonl");
        let mut lines = Vec::new();
        let status = loop {
            if let Ok(now) = fs::read(&journal)
                && now.len() > lines.len()
            {
                lines = now;
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            #[expect(clippy::disallowed_methods, reason = "another process is waited for")]
            std::thread::sleep(Duration::from_millis(10));
        };
        self.0.insert(format!("{line}: journal"), lines);
        for (path, bytes) in stage.files() {
            self.0.insert(format!("{line}: {}", path.display()), bytes);
        }
        status.code().expect("no command is ended by a signal")
    }

    fn has(&self, word: &str) -> Vec<&str> {
        let mut hits = Vec::new();
        for encoded in [word.to_owned(), hex::encode(word), platctl::cloud::base64::encode(word)] {
            let found = self.0.iter().filter(|(_, bytes)| {
                bytes.windows(encoded.len()).any(|window| window == encoded.as_bytes())
            });
            hits.extend(found.map(|(place, _)| place.as_str()));
        }
        hits
    }

    /// None of these was heard anywhere.
    fn know_nothing_of(&self, secrets: &[(&str, String)]) {
        for (what, secret) in secrets {
            assert!(secret.len() >= 8, "{what} is too short to be searched for");
            assert_eq!(self.has(secret), [""; 0], "{what}");
        }
    }
}

#[test]
fn credentials_and_the_values_of_secrets_are_heard_nowhere() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server)
            .blueprint(BLUEPRINT)
            .env("AWS_SECRET_ACCESS_KEY", "canary-secret-access-key")
            .env("AWS_SESSION_TOKEN", "canary-session-token");
        let aws = stage.aws(&server).await;
        let cx = aws.region(REGION);
        let secrets = &cx.secrets;
        let token = "canary-auth-token-0123456789abcdef";
        let value = format!(r#"{{"token": "{token}"}}"#);
        secrets.create_secret().name("by-hand").secret_string(value).send().await.unwrap();

        let mut heard = Heard(BTreeMap::new());
        assert_eq!(heard.run(&stage, "plan --out plan.json"), 2);
        assert_eq!(heard.run(&stage, "apply --yes"), 0, "{}", stage.run("plan").stderr);
        let put = secrets.put_secret_value().secret_id("shop/payment");
        let put = put.secret_string("canary-of-the-payment-provider").send().await;
        put.unwrap();
        for (exit, line) in [
            (0, "plan"),
            (0, "plan --json"),
            (0, "diff"),
            (0, "state list"),
            (0, "state pull"),
            (0, "state show caches.sessions/replication-group"),
            (0, "state history"),
            (0, "state rm secrets caches"),
            (0, "state recover --force"),
            (0, "plan"),
            (0, "apply --yes --json"),
        ] {
            assert_eq!(heard.run(&stage, line), exit, "{line}");
        }
        let mut canaries = vec![
            ("the secret access key", "canary-secret-access-key".to_owned()),
            ("the session token", "canary-session-token".to_owned()),
            ("the token of the cache", token.to_owned()),
            ("a value put into a secret", "canary-of-the-payment-provider".to_owned()),
        ];
        // What the services drew themselves: the database's password, the token that the override has displaced.
        let all = secrets.list_secrets().send().await.unwrap();
        for name in all.secret_list().iter().filter_map(|secret| secret.name()) {
            let value = secrets.get_secret_value().secret_id(name).send().await.unwrap();
            let text = value.secret_string.unwrap_or_default();
            let members: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&text).unwrap_or_default();
            for (key, member) in members {
                let member = member.as_str().unwrap_or_default();
                if ["password", "token"].contains(&key.as_str()) {
                    canaries.push(("a secret that a service drew", member.to_owned()));
                }
            }
        }
        assert!(canaries.len() >= 5, "{} secrets were drawn", canaries.len() - 4);
        // The search itself works: the reference is everywhere.
        assert!(heard.has("{{resolve:secretsmanager:by-hand:SecretString:token}}").len() > 3);
        heard.know_nothing_of(&canaries);

        // A secret in clear is refused, and not repeated.
        let set = "overrides.\"caches.sessions/replication-group\".AuthToken";
        for line in ["plan", "plan --json"] {
            assert_eq!(heard.run(&stage, &format!("{line} --set {set}=canary-in-clear")), 3);
        }
        heard.know_nothing_of(&[("a secret in clear", "canary-in-clear".into())]);
        assert_eq!(heard.run(&stage, "destroy --yes --allow-delete *"), 0);
        heard.know_nothing_of(&canaries);
    });
}

#[test]
fn passphrases_are_heard_nowhere() {
    with_sandbox(|server| async move {
        let stage =
            Stage::new(&server).env("PLATCTL_STATE_PASSPHRASE", "canary-of-the-first-passphrase");
        let mut heard = Heard(BTreeMap::new());
        assert_eq!(heard.run(&stage, "apply --yes"), 0);
        let stage = stage
            .env("PLATCTL_STATE_PASSPHRASE", "canary-of-the-second-passphrase")
            .env("PLATCTL_STATE_PASSPHRASE_OLD", "canary-of-the-first-passphrase");
        assert_eq!(heard.run(&stage, "state rotate"), 0);
        assert_eq!(heard.run(&stage, "state pull --json"), 0);
        let stage = stage
            .env("PLATCTL_STATE_PASSPHRASE", "canary-of-a-wrong-passphrase")
            .without("PLATCTL_STATE_PASSPHRASE_OLD");
        assert_eq!(heard.run(&stage, "plan"), 1);
        assert_eq!(heard.run(&stage, "plan --json"), 1);
        for which in ["first", "second"] {
            let secret = format!("canary-of-the-{which}-passphrase");
            heard.know_nothing_of(&[("a passphrase", secret)]);
        }
        heard.know_nothing_of(&[("a passphrase", "canary-of-a-wrong-passphrase".into())]);
    });
}
