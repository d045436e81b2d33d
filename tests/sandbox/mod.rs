//! The sandbox's life, and its extension on the wire. Installs the Python environment on first use.

// A helper that cannot do its part fails the test that called it.
#![allow(clippy::unwrap_used)]

mod sdk;

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use platctl::cloud::aws::{Aws, Cx, Endpoint, Options as CloudOptions};
use platctl::sandbox::{Options, Running, Sandbox, SandboxError, Typical, access_key_id};

const REGION: &str = "eu-central-1";
const QUIET: &(dyn Fn(&str) + Send + Sync) = &|_| {};

#[tokio::test]
async fn it_starts_is_reused_and_stops() {
    let sandbox = sandbox("life");
    let told = Mutex::new(Vec::new());
    let progress = |words: &str| told.lock().unwrap().push(words.to_owned());
    let first = sandbox.start(&Options::default(), &progress).await.unwrap();
    assert!(told.lock().unwrap().contains(&"starting the sandbox".to_owned()));
    assert!(health(&first).unwrap().contains("\"speed\": 300.0"));

    let typical = Typical { create: Duration::from_mins(1), ..Typical::default() };
    let durations = BTreeMap::from([("AWS::EC2::VPC".to_owned(), typical)]);
    let faster = Options { speed: 1000.0, durations, program: None };
    let again = sandbox.start(&faster, QUIET).await.unwrap();
    assert_eq!((again.pid, &again.endpoint), (first.pid, &first.endpoint), "the same server");
    assert!(health(&first).unwrap().contains("\"speed\": 1000.0"));
    assert_eq!(sandbox.status().await.unwrap(), Some(again));

    sandbox.stop().await.unwrap();
    assert_eq!(sandbox.status().await.unwrap(), None);
    assert!(matches!(sandbox.stop().await, Err(SandboxError::NotRunning { .. })));
}

#[tokio::test]
async fn a_reset_forgets_the_data() {
    let sandbox = sandbox("reset");
    let running = sandbox.start(&Options::default(), QUIET).await.unwrap();
    let cx = cloud(&running).await;
    let keys = async || cx.kms.list_keys().send().await.unwrap().keys().len();
    cx.kms.create_key().send().await.unwrap();
    assert_eq!(keys().await, 1);
    sandbox.reset().await.unwrap();
    assert_eq!(keys().await, 0);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn a_record_of_a_dead_server_is_replaced() {
    let sandbox = sandbox("stale");
    let first = sandbox.start(&Options::default(), QUIET).await.unwrap();
    request(&first, "POST /platctl/stop").unwrap();
    while health(&first).is_ok() {
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

#[tokio::test]
async fn kubernetes_runs_beside_aws_and_ends_with_it() {
    let sandbox = sandbox("kubernetes");
    let program = Some(env!("CARGO_BIN_EXE_platctl").into());
    let options = Options { program, ..Options::default() };
    let first = sandbox.start(&options, QUIET).await.unwrap();
    let url = first.kubernetes().unwrap().to_owned();
    let cluster = format!("{url}/clusters/400000000002/{REGION}/main/1");
    let config = kube::Config::new(cluster.parse().unwrap());
    let client = kube::Client::try_from(config).unwrap();
    let version = client.apiserver_version().await.unwrap();
    assert_eq!(version.major, "1");
    assert_eq!(sandbox.start(&options, QUIET).await.unwrap(), first, "the same servers");
    sandbox.reset().await.unwrap();
    sandbox.stop().await.unwrap();
    assert!(TcpStream::connect(url.strip_prefix("http://").unwrap()).is_err());
}

/// Runs the checks of the extension, which are in Python because they ask about single replies of all its services.
async fn check_extension(script: &str) {
    let sandbox = sandbox(script);
    sandbox.start(&Options::default(), QUIET).await.unwrap();
    sandbox.stop().await.unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox");
    let script = folder.join(script).with_extension("py");
    let output = Command::new(sandbox.python()).arg("-B").arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn the_extension_does_what_it_says() {
    check_extension("test_extension").await;
}

#[tokio::test]
async fn the_extension_does_what_it_says_of_endpoints_and_rules() {
    check_extension("test_endpoints_and_rules").await;
}

#[tokio::test]
async fn the_extension_does_what_it_says_of_messaging() {
    check_extension("test_messaging").await;
}

#[tokio::test]
async fn the_extension_does_what_it_says_of_buckets_and_distributions() {
    check_extension("test_s3_cloudfront").await;
}

#[tokio::test]
async fn the_extension_does_what_it_says_of_stores() {
    check_extension("test_stores").await;
}

#[tokio::test]
async fn the_extension_does_what_it_says_of_what_watches() {
    check_extension("test_watching").await;
}

/// The Python environment is shared with everybody's sandbox; names keep these tests apart.
fn sandbox(test: &str) -> Sandbox {
    Sandbox::named(&format!("test-{test}")).unwrap()
}

/// The clients of platctl itself, in an account that only tests use.
async fn cloud(running: &Running) -> std::sync::Arc<Cx> {
    let endpoint =
        Endpoint { url: running.endpoint.clone(), access_key_id: access_key_id("400000000001") };
    let options = CloudOptions {
        region: REGION.into(),
        sandbox: Some(endpoint),
        speed: running.speed,
        kubeconfig: None,
    };
    Aws::connect(&options).await.region(REGION)
}

fn health(running: &Running) -> io::Result<String> {
    request(running, "GET /platctl/health")
}

fn request(running: &Running, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(running.endpoint.strip_prefix("http://").unwrap())?;
    write!(stream, "{request} HTTP/1.0\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
