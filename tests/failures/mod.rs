//! The real binary against clouds that fail: each failure says what, where, why and what next, soon, and nothing is half
//! recorded.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use platctl::cloud::{Aws, aws};
use platctl::sandbox::access_key_id;

use crate::support::proxy::{Act, Proxy, Request, When};
use crate::support::{REGION, Server, new_account, with_sandbox};

const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {public: [10.0.1.0/24, 10.0.2.0/24]}, nat: none}
keys: {main: {}}
logs: {app: {retention: 30d}}
";

/// No failure takes longer to be told, however the cloud fails; a loaded machine included.
const PATIENCE: Duration = Duration::from_secs(40);

/// A folder with a blueprint, and the environment that leads to a cloud.
struct Stage {
    folder: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

struct Ended {
    exit: i32,
    stdout: String,
    stderr: String,
}

impl Stage {
    /// Without credentials.
    fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("platctl.yaml"), BLUEPRINT).unwrap();
        let home = folder.path().join("home").to_str().unwrap().to_owned();
        let env =
            [("HOME", home.as_str()), ("COLUMNS", "100"), ("AWS_EC2_METADATA_DISABLED", "true")];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self { folder, env }
    }

    /// With the credentials of a fresh account of the sandbox.
    fn at(url: &str) -> Self {
        let account = new_account();
        Self::bare()
            .env("AWS_ENDPOINT_URL", url)
            .env("AWS_ACCESS_KEY_ID", &access_key_id(&account))
            .env("AWS_SECRET_ACCESS_KEY", "secret")
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    fn blueprint(self, text: &str) -> Self {
        fs::write(self.path().join("platctl.yaml"), text).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split_whitespace()).current_dir(self.path()).stdin(Stdio::null());
        command.env_clear().env("SOURCE_DATE_EPOCH", crate::support::TODAY).envs(&self.env);
        command
    }

    fn run(&self, line: &str) -> Ended {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ended {
            exit: output.status.code().expect("no command is ended by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    fn succeeds(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.exit, 0, "{line}\n{}\n{}", ended.stdout, ended.stderr);
        ended.stdout
    }

    /// What is recorded: the files of the state, without the lock, the history and what hides them from git.
    fn recorded(&self) -> BTreeMap<String, Vec<u8>> {
        let Ok(files) = fs::read_dir(self.path().join(".platctl/shop")) else {
            return BTreeMap::new();
        };
        let files = files.map(|file| file.unwrap());
        let files = files.filter(|file| file.file_name() != "lock" && file.path().is_file());
        files
            .map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()))
            .collect()
    }

    /// How many VPCs of the stack are there, whatever is recorded.
    async fn vpcs(&self, server: &Server) -> usize {
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
        let all =
            Aws::connect(&options).await.region(REGION).ec2.describe_vpcs().send().await.unwrap();
        let ours = all.vpcs().iter().filter(|vpc| vpc.cidr_block() == Some("10.0.0.0/16"));
        ours.count()
    }
}

/// `plan` and `apply` fail in the same words, soon, and record nothing. The words.
fn told(stage: &Stage) -> String {
    let [plan, apply] = ["plan", "apply --yes"].map(|command| {
        let begun = Instant::now();
        let Ended { exit, stdout, stderr } = stage.run(command);
        assert_eq!((exit, stdout.as_str()), (1, ""), "{command}: {stderr}");
        assert!(begun.elapsed() < PATIENCE, "{command} took {:?}", begun.elapsed());
        assert!(
            command != "plan" || !stage.path().join(".platctl").exists(),
            "a plan writes nothing"
        );
        stderr
    });
    assert_eq!(plan, apply);
    assert_eq!(stage.recorded(), BTreeMap::new());
    plan
}

/// Snapshots without what differs from run to run.
macro_rules! assert_told {
    ($told:expr, @$expected:literal) => {
        insta::with_settings!({filters => vec![
            (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
            (r"(eu-west-9){2,}", "eu-west-9"),
            (r"after \d+(\.\d+)? s:", "after SOME s:"),
        ]}, {
            insta::assert_snapshot!($told, @$expected);
        })
    };
}

/// What a script answers to one action; all else goes to the sandbox.
fn told_when(
    action: &'static str,
    act: impl Fn(&Request) -> Act + Send + Sync + Clone + 'static,
) -> String {
    let mut words = String::new();
    with_sandbox(|server| {
        let proxy = Proxy::start(&server.running);
        proxy.play(move |request| if request.action == action { act(request) } else { Act::Pass });
        words = told(&Stage::at(&proxy.url));
        async {}
    });
    words
}

#[test]
fn no_credentials() {
    assert_told!(told(&Stage::bare()), @r"
    error: cannot tell the account of the credentials in eu-west-1
     = why: sts GetCallerIdentity: there are no credentials in the environment, in the profile, from a web identity, from the container or from the instance
     = help: Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default must be enabled first. `--sandbox` needs no account.
    ");
}

#[test]
fn a_profile_that_does_not_exist() {
    assert_told!(told(&Stage::bare().env("AWS_PROFILE", "nobody")), @r"
    error: cannot tell the account of the credentials in eu-west-1
     = why: sts GetCallerIdentity: there are no credentials in the environment, in the profile, from a web identity, from the container or from the instance
     = help: AWS_PROFILE is `nobody`: check that the profile exists.
     = help: Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default must be enabled first. `--sandbox` needs no account.
    ");
}

#[test]
fn an_expired_token() {
    let message = "The security token included in the request is expired";
    let told = told_when("GetCallerIdentity", move |_| Act::Refuse(403, "ExpiredToken", message));
    assert_told!(told, @r"
    error: cannot tell the account of the credentials in eu-west-1 at http://127.0.0.1:PORT
     = why: sts GetCallerIdentity: The security token included in the request is expired
     = code: ExpiredToken
     = request: req-1
     = help: Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default must be enabled first. `--sandbox` needs no account.
    ");
}

#[test]
fn an_endpoint_that_is_down() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_told!(told(&Stage::at(&format!("http://{free}"))), @r"
    error: cannot tell the account of the credentials in eu-west-1 at http://127.0.0.1:PORT
     = why: sts GetCallerIdentity: no answer from http://127.0.0.1:PORT: Connection refused (os error 111)
     = help: Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again.
    ");
}

#[test]
fn a_region_that_does_not_exist() {
    // Nobody needs to be asked whether a name with so long a label exists.
    let nowhere = format!("http://sts.{}.amazonaws.com", "eu-west-9".repeat(8));
    let stage = Stage::at(&nowhere).blueprint(&BLUEPRINT.replace("eu-west-1", "eu-west-9"));
    assert_told!(told(&stage), @r"
    warning: `eu-west-9` is not a region platctl knows
     --> platctl.yaml:4:9
      |
    4 | region: eu-west-9
      |         ^^^^^^^^^ did you mean `eu-west-1`?

    error: cannot tell the account of the credentials in eu-west-9 at http://sts.eu-west-9.amazonaws.com
     = why: sts GetCallerIdentity: no answer from http://sts.eu-west-9.amazonaws.com: failed to lookup address information: Name or service not known
     = help: Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again.
    ");
}

#[test]
fn a_region_that_is_not_enabled() {
    let message = "AWS was not able to validate the provided access credentials";
    let told = told_when("DescribeVpcs", move |_| Act::Refuse(401, "AuthFailure", message));
    assert_told!(told, @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: AWS was not able to validate the provided access credentials
     = code: AuthFailure
     = request: req-1
     = help: Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default must be enabled first. `--sandbox` needs no account.
    ");
}

#[test]
fn an_endpoint_that_never_answers() {
    assert_told!(told_when("GetCallerIdentity", |_| Act::Hold(When::Unseen)), @r"
    error: cannot tell the account of the credentials in eu-west-1 at http://127.0.0.1:PORT
     = why: sts GetCallerIdentity: no answer before the deadline
     = help: Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again.
    ");
}

#[test]
fn a_connection_that_is_cut() {
    assert_told!(told_when("DescribeVpcs", |_| Act::Cut(When::Unseen)), @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: no answer from http://127.0.0.1:PORT: connection closed before message completed
     = help: Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again.
    ");
}

#[test]
fn a_reply_that_is_cut_off() {
    assert_told!(told_when("DescribeVpcs", |_| Act::Half), @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: the reply is cut off: end of file before message length reached
     = help: Check the network, the name of the region and AWS_ENDPOINT_URL, then run the command again.
    ");
}

#[test]
fn access_denied_in_xml() {
    let message = "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ann is \
                   not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows it";
    let told =
        told_when("DescribeVpcs", move |_| Act::Refuse(403, "UnauthorizedOperation", message));
    assert_told!(told, @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ec2:DescribeVpcs because no identity-based policy allows it
     = code: UnauthorizedOperation
     = request: req-1
     = help: Give the principal permission for this action, or use another profile (AWS_PROFILE).
    ");
}

#[test]
fn access_denied_in_json() {
    let message = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: logs:DescribeLogGroups";
    let told =
        told_when("DescribeLogGroups", move |_| Act::Refuse(400, "AccessDeniedException", message));
    assert_told!(told, @r"
    error: cannot read AWS::Logs::LogGroup in eu-west-1 (for logs.app/log-group)
     = why: logs DescribeLogGroups: User: arn:aws:iam::123456789012:user/ann is not authorized to perform: logs:DescribeLogGroups
     = code: AccessDeniedException
     = request: req-1
     = help: Give the principal permission for this action, or use another profile (AWS_PROFILE).
    ");
}

#[test]
fn access_denied_in_rest_json() {
    let message = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: eks:DescribeCluster";
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        proxy.play(move |request| match request.action.as_str() {
            "DescribeCluster" => Act::Refuse(403, "AccessDeniedException", message),
            _ => Act::Pass,
        });
        let private = BLUEPRINT.replace("public", "private");
        let cluster = "cluster: {version: \"1.33\"}\n";
        let stage = Stage::at(&proxy.url).blueprint(&format!("{private}{cluster}"));
        assert_told!(told(&stage), @r"
        error: cannot read AWS::EKS::Cluster in eu-west-1 (for cluster/cluster)
         = why: eks DescribeCluster: User: arn:aws:iam::123456789012:user/ann is not authorized to perform: eks:DescribeCluster
         = code: AccessDeniedException
         = request: req-1
         = help: Give the principal permission for this action, or use another profile (AWS_PROFILE).
        ");
    });
}

#[test]
fn a_later_page_that_fails_in_xml() {
    let told = told_when("DescribeVpcs", |request| {
        if request.body.contains("NextToken=") {
            Act::Refuse(500, "InternalError", "An internal error has occurred")
        } else {
            let page = "<DescribeVpcsResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><vpcSet/>\
                        <nextToken>second</nextToken></DescribeVpcsResponse>";
            Act::Answer(200, "text/xml;charset=UTF-8", page)
        }
    });
    assert_told!(told, @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: An internal error has occurred
     = code: InternalError
     = request: req-1
     = help: The service has a problem of its own; run the command again later.
    ");
}

#[test]
fn a_later_page_that_fails_in_json() {
    let told = told_when("DescribeLogGroups", |request| {
        if request.body.contains("nextToken") {
            Act::Refuse(
                503,
                "ServiceUnavailableException",
                "The service cannot complete the request.",
            )
        } else {
            let page = r#"{"logGroups": [], "nextToken": "second"}"#;
            Act::Answer(200, "application/x-amz-json-1.1", page)
        }
    });
    assert_told!(told, @r"
    error: cannot read AWS::Logs::LogGroup in eu-west-1 (for logs.app/log-group)
     = why: logs DescribeLogGroups: The service cannot complete the request.
     = code: ServiceUnavailableException
     = request: req-1
     = help: The service has a problem of its own; run the command again later.
    ");
}

#[test]
fn throttling_that_does_not_end() {
    let told = told_when("DescribeSubnets", |_| {
        Act::Refuse(503, "RequestLimitExceeded", "Request limit exceeded.")
    });
    assert_told!(told, @r"
    error: cannot read AWS::EC2::Subnet in eu-west-1 (for network/subnet/public-a and 1 more)
     = why: ec2 DescribeSubnets: Request limit exceeded.
     = code: RequestLimitExceeded
     = request: req-1
     = help: The account's request rate is used up by others; run the command again later.
    ");
}

#[test]
fn a_reply_that_is_no_xml() {
    let page = "<html><body>Welcome to the airport's network. Please sign in.</body></html>";
    assert_told!(told_when("DescribeVpcs", move |_| Act::Answer(200, "text/html", page)), @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: the reply is not the service's: HTTP status 200, text/html
     = help: Check AWS_ENDPOINT_URL and the proxies on the way; if they are right, this is a defect of platctl: report it with this message.
    ");
}

#[test]
fn a_reply_that_is_no_json() {
    let page = "<html><body>Welcome to the airport's network. Please sign in.</body></html>";
    assert_told!(told_when("DescribeLogGroups", move |_| Act::Answer(200, "text/html", page)), @r"
    error: cannot read AWS::Logs::LogGroup in eu-west-1 (for logs.app/log-group)
     = why: logs DescribeLogGroups: the reply is not the service's: HTTP status 200, text/html
     = help: Check AWS_ENDPOINT_URL and the proxies on the way; if they are right, this is a defect of platctl: report it with this message.
    ");
}

#[test]
fn a_gateway_that_fails() {
    let page = "<html><head><title>502 Bad Gateway</title></head></html>";
    assert_told!(told_when("DescribeVpcs", move |_| Act::Answer(502, "text/html", page)), @r"
    error: cannot read AWS::EC2::VPC in eu-west-1 (for network/vpc)
     = why: ec2 DescribeVpcs: the reply is not the service's: HTTP status 502, text/html
     = help: The service has a problem of its own; run the command again later.
    ");
}

#[test]
fn machines_are_told_the_same() {
    let ended = Stage::bare().run("plan --json");
    assert_eq!((ended.exit, ended.stderr.as_str()), (1, ""));
    assert_told!(ended.stdout, @r#"
    {"format":1,"error":{"exit":1,"name":"failed","problems":[{"message":"cannot tell the account of the credentials in eu-west-1","causes":["sts GetCallerIdentity: there are no credentials in the environment, in the profile, from a web identity, from the container or from the instance"],"hints":["Sign in again (`aws sso login`, `aws configure`) or set AWS_PROFILE; a region that is off by default must be enabled first. `--sandbox` needs no account."]}]}}
    "#);
}

/// A switch that a script reads.
type Switch = Arc<AtomicBool>;

#[test]
fn a_read_that_fails_leaves_what_is_recorded_alone() {
    with_sandbox(|server| async move {
        let broken = Switch::default();
        let fails = Arc::clone(&broken);
        let proxy = Proxy::start(&server.running);
        proxy.play(move |request| match request.action.as_str() {
            "DescribeRouteTables" if fails.load(Relaxed) => {
                Act::Refuse(403, "UnauthorizedOperation", "You are not authorized.")
            }
            _ => Act::Pass,
        });
        let stage = Stage::at(&proxy.url);
        stage.succeeds("apply --yes");
        let recorded = stage.recorded();
        assert!(recorded.contains_key("state.json"));
        broken.store(true, Relaxed);
        for command in ["plan", "diff", "apply --yes", "destroy --yes --allow-delete *"] {
            let ended = stage.run(command);
            assert_eq!((ended.exit, ended.stdout.as_str()), (1, ""), "{command}");
            assert!(ended.stderr.contains("UnauthorizedOperation"), "{command}: {}", ended.stderr);
            assert_eq!(stage.recorded(), recorded, "{command}");
        }
        broken.store(false, Relaxed);
        stage.succeeds("plan");
    });
}

#[test]
fn a_refusal_in_the_middle_of_an_apply() {
    with_sandbox(|server| async move {
        let broken = Switch::new(true.into());
        let fails = Arc::clone(&broken);
        let proxy = Proxy::start(&server.running);
        proxy.play(move |request| {
            let second = request.body.contains("10.0.2.0");
            match request.action.as_str() {
                "CreateSubnet" if second && fails.load(Relaxed) => {
                    let message = "You are not authorized to perform: ec2:CreateSubnet";
                    Act::Refuse(403, "UnauthorizedOperation", message)
                }
                _ => Act::Pass,
            }
        });
        let stage = Stage::at(&proxy.url);
        let ended = stage.run("apply --yes --quiet");
        assert_eq!(ended.exit, 1, "{}", ended.stderr);
        assert_told!(format!("{}{}", ended.stdout, ended.stderr), @r"
        Plan: 21 to create, 0 to update, 0 to replace, 0 to delete, 0 to adopt, 0 kept.
        Typically about 16 s.
        error: creating network/subnet/public-b (AWS::EC2::Subnet) failed
         = why: ec2 CreateSubnet: You are not authorized to perform: ec2:CreateSubnet
         = code: UnauthorizedOperation
         = request: req-1
         = left: nothing, it was not made
         = help: Give the principal permission for this action, or use another profile (AWS_PROFILE).

        not finished: 2 resources because network/subnet/public-b failed
          network/acl-association/public-b  network/route-table-association/public-b

        Failed after SOME s: 18 created, 1 failed, 2 not finished.
        What was done is recorded: the same command goes on from here.
        ");
        let made = stage.succeeds("state list");
        assert!(made.contains("network/vpc"), "{made}");
        broken.store(false, Relaxed);
        goes_on(&stage, &server).await;
        assert_eq!(proxy.count("CreateVpc"), 1);
    });
}

#[test]
fn an_endpoint_that_dies_in_the_middle_of_an_apply() {
    with_sandbox(|server| async move {
        let dead = Switch::default();
        let dies = Arc::clone(&dead);
        let proxy = Proxy::start(&server.running);
        proxy.play(move |request| {
            match request.action.as_str() {
                // It is made, and nobody hears of it.
                "CreateVpc" if request.nth == 1 => {
                    dies.store(true, Relaxed);
                    Act::Cut(When::Done)
                }
                _ if dies.load(Relaxed) => Act::Cut(When::Unseen),
                _ => Act::Pass,
            }
        });
        let stage = Stage::at(&proxy.url);
        let mut apply = stage.command("apply --yes");
        let mut apply = apply.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(apply.stdout.take().unwrap()).lines().map_while(Result::ok);
        let told = lines.find(|line| line.contains("network/vpc creating is tried again"));
        assert!(told.is_some(), "a retry is shown while it lasts");
        // A second interrupt aborts.
        for _ in 0..2 {
            let id = apply.id().to_string();
            assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
            // The first one must be noticed before the second, or they count as one.
            std::thread::park_timeout(Duration::from_millis(300));
        }
        lines.for_each(drop);
        assert_eq!(apply.wait().unwrap().code(), Some(130));
        dead.store(false, Relaxed);
        goes_on(&stage, &server).await;
    });
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        proxy.play(|request| {
            match (request.action.as_str(), request.nth) {
                ("CreateVpc", 1) => Act::Cut(When::Done),
                // The first look was for the plan; then nobody can say for a while what the call came to.
                ("DescribeVpcs", 2..=7) => Act::Cut(When::Unseen),
                _ => Act::Pass,
            }
        });
        let stage = Stage::at(&proxy.url);
        goes_on(&stage, &server).await;
        assert_eq!(proxy.count("CreateVpc"), 1);
    });
}

/// The next apply finishes it, the plan after it is empty, and nothing was made twice.
async fn goes_on(stage: &Stage, server: &Server) {
    stage.succeeds("apply --yes");
    stage.succeeds("plan");
    assert_eq!(stage.vpcs(server).await, 1);
}
