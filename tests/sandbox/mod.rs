//! The sandbox's life, and its extension on the wire. Installs the Python environment on first use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use platctl::sandbox::{Options, Sandbox, SandboxError, Typical};

const QUIET: &(dyn Fn(&str) + Send + Sync) = &|_| {};

/// The Python environment is shared with everybody's sandbox; names keep these tests apart.
fn sandbox(test: &str) -> Sandbox {
    Sandbox::named(&format!("test-{}-{test}", std::process::id())).unwrap()
}

fn request(method: &str, endpoint: &str, path: &str) -> String {
    let url = format!("{endpoint}{path}");
    let output = Command::new("curl")
        .args(["--silent", "--max-time", "10", "--request", method, &url])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn it_starts_is_reused_and_stops() {
    let sandbox = sandbox("life");
    let told = Mutex::new(Vec::new());
    let progress = |words: &str| told.lock().unwrap().push(words.to_owned());
    let first = sandbox.start(&Options::default(), &progress).await.unwrap();
    assert!(told.lock().unwrap().contains(&"starting the sandbox".to_owned()));
    assert!(request("GET", &first.endpoint, "/platctl/health").contains("\"speed\": 300.0"));

    let typical = Typical { create: Duration::from_secs(60), ..Typical::default() };
    let durations = BTreeMap::from([("AWS::EC2::VPC".to_owned(), typical)]);
    let faster = Options { speed: 1000.0, durations };
    let again = sandbox.start(&faster, QUIET).await.unwrap();
    assert_eq!((again.pid, &again.endpoint), (first.pid, &first.endpoint), "the same server");
    assert!(request("GET", &first.endpoint, "/platctl/health").contains("\"speed\": 1000.0"));
    assert_eq!(sandbox.status().await.unwrap(), Some(again));

    sandbox.stop().await.unwrap();
    assert_eq!(sandbox.status().await.unwrap(), None);
    assert!(matches!(sandbox.stop().await, Err(SandboxError::NotRunning { .. })));
}

#[tokio::test]
async fn a_reset_forgets_the_data() {
    let sandbox = sandbox("reset");
    let running = sandbox.start(&Options::default(), QUIET).await.unwrap();
    let call = |action: &str| {
        let url = format!("{}/", running.endpoint);
        let scope = "AKIA123456789012SAND/20260101/eu-central-1/kms/aws4_request";
        let output = Command::new("curl")
            .args(["--silent", "--max-time", "10", &url, "--data", "{}"])
            .args(["--header", &format!("X-Amz-Target: TrentService.{action}")])
            .args(["--header", "Content-Type: application/x-amz-json-1.1"])
            .args(["--header", &format!("Authorization: AWS4-HMAC-SHA256 Credential={scope}, x")])
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(call("CreateKey").contains("KeyMetadata"));
    assert!(call("ListKeys").contains("KeyArn"));
    sandbox.reset().await.unwrap();
    assert!(!call("ListKeys").contains("KeyArn"));
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_record_of_a_dead_server_is_replaced() {
    let sandbox = sandbox("stale");
    let first = sandbox.start(&Options::default(), QUIET).await.unwrap();
    let stop = request("POST", &first.endpoint, "/platctl/stop");
    assert_eq!(stop, "{}");
    while !request("GET", &first.endpoint, "/platctl/health").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sandbox.status().await.unwrap(), None);
    let second = sandbox.start(&Options::default(), QUIET).await.unwrap();
    assert_ne!(first.pid, second.pid);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn two_starts_at_once_make_one_server() {
    let (one, two) = (sandbox("twice"), sandbox("twice"));
    let options = Options::default();
    let (first, second) = tokio::join!(one.start(&options, QUIET), two.start(&options, QUIET));
    assert_eq!(first.unwrap().pid, second.unwrap().pid);
    one.stop().await.unwrap();
}

/// Runs the checks of the extension, which are in Python because that is where it can be asked anything.
#[tokio::test]
async fn the_extension_does_what_it_says() {
    let sandbox = sandbox("extension");
    sandbox.start(&Options::default(), QUIET).await.unwrap();
    sandbox.stop().await.unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/test_extension.py");
    let output = Command::new(python()).arg(script).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// The interpreter of the installed environment.
fn python() -> PathBuf {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = set("PLATCTL_CACHE_DIR")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("platctl")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/platctl")))
        .unwrap();
    let mut found: Vec<_> = std::fs::read_dir(cache.join("sandbox"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("venv/bin/python"))
        .filter(|python| python.exists())
        .collect();
    found.sort_by_key(|python| std::fs::metadata(python.parent().unwrap()).unwrap().modified().unwrap());
    found.pop().expect("the sandbox has been installed")
}
