//! The real binary with state in a bucket: who works at the same time, who dies in the middle, and who only seemed to.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use platctl::cloud::{Aws, Cx, aws};
use platctl::sandbox::access_key_id;

use crate::support::{REGION, Server, new_account, with_sandbox};

const BLUEPRINT: &str = "\
apiVersion: platctl.dev/v1
kind: Blueprint
name: shop
region: eu-west-1
state: {s3: {bucket: BUCKET, prefix: team/platctl}LOCK}
network: {cidr: 10.0.0.0/16, zones: 2, subnets: {public: [10.0.1.0/24, 10.0.2.0/24]}, nat: none}
keys: {main: {}}
logs: {app: {retention: 30d}}
";
const VPC: &str = "10.0.0.0/16";

/// A takeover is promised within this time of the holder's death.
const TAKEOVER_MAX: Duration = Duration::from_mins(1);

/// A team's account, with a bucket for its state.
struct Team {
    folder: tempfile::TempDir,
    env: Vec<(String, String)>,
    bucket: String,
    cx: Arc<Cx>,
}

struct Ended {
    exit: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A command that is under way.
struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Team {
    async fn new(server: &Server) -> Self {
        let team = Self::without_bucket(server, "").await;
        team.make_bucket().await;
        team
    }

    async fn without_bucket(server: &Server, lock: &str) -> Self {
        let account = new_account();
        let url = server.running.endpoint.clone();
        let access_key_id = access_key_id(&account);
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap().to_owned();
        let env = [
            ("HOME", home.as_str()),
            ("USER", "ann"),
            ("COLUMNS", "100"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_ENDPOINT_URL", &url),
            ("AWS_ACCESS_KEY_ID", &access_key_id),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let bucket = format!("shop-state-{account}");
        let blueprint = BLUEPRINT.replace("BUCKET", &bucket).replace("LOCK", lock);
        fs::write(folder.path().join("platctl.yaml"), blueprint).unwrap();
        let endpoint = aws::Endpoint { url, access_key_id };
        let options = aws::Options {
            region: REGION.into(),
            sandbox: Some(endpoint),
            speed: 1.0,
            kubeconfig: None,
        };
        let cx = Aws::connect(&options).await.region(REGION);
        Self { folder, env, bucket, cx }
    }

    async fn make_bucket(&self) {
        use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
        let place = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::EuWest1)
            .build();
        let create = self.cx.s3.create_bucket().bucket(&self.bucket);
        create.create_bucket_configuration(place).send().await.unwrap();
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platctl"));
        command.args(line.split_whitespace()).current_dir(self.folder.path());
        command
            .env_clear()
            .env("SOURCE_DATE_EPOCH", crate::support::TODAY)
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, line: &str) -> Ended {
        let output = self.command(line).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Ended { exit: output.status.code(), stdout, stderr }
    }

    fn succeeds(&self, line: &str) -> String {
        let Ended { exit, stdout, stderr } = self.run(line);
        assert_eq!(exit, Some(0), "{line}\n{stdout}\n{stderr}");
        stdout
    }

    fn start(&self, line: &str) -> Running {
        let mut command = self.command(line);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout }
    }

    /// An apply that has made something, and has more to make.
    fn in_the_middle(&self) -> Running {
        let mut running = self.start("apply --yes");
        let mut lines = String::new();
        while !lines.contains("network/vpc created") {
            assert_ne!(running.stdout.read_line(&mut lines).unwrap(), 0, "ended too soon: {lines}");
        }
        running
    }

    /// The same command until it gets the lock: how that ended, and after which time it had the lock and a plan.
    fn takes_over(&self, line: &str) -> (Ended, Duration) {
        let begun = Instant::now();
        loop {
            let mut running = self.start(line);
            running.stdout.read_line(&mut String::new()).unwrap();
            let took = begun.elapsed();
            let ended = running.ended();
            if ended.exit != Some(5) {
                return (ended, took);
            }
            assert!(took < TAKEOVER_MAX, "{}", ended.stderr);
            std::thread::park_timeout(Duration::from_secs(2));
        }
    }

    /// The plan is empty, and everything is there once.
    async fn assert_whole(&self) {
        self.succeeds("plan");
        let vpcs = self.cx.ec2.describe_vpcs().send().await.unwrap();
        let ours = vpcs.vpcs().iter().filter(|vpc| vpc.cidr_block() == Some(VPC));
        assert_eq!(ours.count(), 1);
        let subnets = self.cx.ec2.describe_subnets().send().await.unwrap();
        let ours = |cidr: &str| cidr.starts_with("10.0.1.") || cidr.starts_with("10.0.2.");
        let ours = subnets.subnets().iter().filter(|it| it.cidr_block().is_some_and(ours));
        assert_eq!(ours.count(), 2);
        let keys = self.cx.kms.list_keys().send().await.unwrap();
        assert_eq!(keys.keys().len(), 1);
        assert!(!self.folder.path().join(".platctl").exists(), "nothing is kept here");
    }

    /// What is in the checkpoint has gone from the journal.
    async fn assert_tidy(&self) {
        let list = self.cx.s3.list_objects_v2().bucket(&self.bucket);
        let left = list.prefix("team/platctl/shop/journal/").send().await.unwrap();
        let lines: Vec<_> = left.contents().iter().filter(|it| it.size() != Some(0)).collect();
        assert!(lines.is_empty(), "{lines:?}");
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn ended(self) -> Ended {
        let Self { child, mut stdout } = self;
        let mut told = String::new();
        std::io::Read::read_to_string(&mut stdout, &mut told).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        Ended { exit: output.status.code(), stdout: told, stderr }
    }
}

#[test]
fn of_two_one_works_and_the_other_is_told_who() {
    with_sandbox(|server| async move {
        let team = Team::new(&server).await;
        let first = team.in_the_middle();
        let begun = Instant::now();
        let second = team.run("destroy --yes");
        assert_eq!(second.exit, Some(5), "{}{}", second.stdout, second.stderr);
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not wait");
        let told = format!("ann@{}", gethostname());
        assert!(second.stderr.contains(&told), "{}", second.stderr);
        assert!(second.stderr.contains(&format!("process {}", first.child.id())));
        assert!(second.stderr.contains("last sign of life"), "{}", second.stderr);
        assert!(matches!(team.run("plan").exit, Some(0 | 2)), "reading needs no lock");
        let ended = first.ended();
        assert_eq!(ended.exit, Some(0), "{}{}", ended.stdout, ended.stderr);
        team.assert_whole().await;
        team.assert_tidy().await;
        team.succeeds("destroy --yes --allow-delete *");
    });
}

#[test]
fn a_holder_that_was_killed_is_replaced_and_its_work_finished() {
    with_sandbox(|server| async move {
        let team = Team::new(&server).await;
        let dead = team.in_the_middle();
        dead.signal("-KILL");
        assert_eq!(dead.ended().exit, None);
        let (ended, took) = team.takes_over("apply --yes");
        assert_eq!(ended.exit, Some(0), "{}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains("taking it over"), "{}", ended.stderr);
        assert!(took < TAKEOVER_MAX, "{took:?}");
        team.assert_whole().await;
        team.assert_tidy().await;
    });
}

#[test]
fn a_holder_that_only_slept_finds_itself_replaced_and_does_nothing_twice() {
    with_sandbox(|server| async move {
        let team = Team::new(&server).await;
        let asleep = team.in_the_middle();
        asleep.signal("-STOP");
        let (ended, _) = team.takes_over("apply --yes");
        assert_eq!(ended.exit, Some(0), "{}{}", ended.stdout, ended.stderr);
        asleep.signal("-CONT");
        let woken = asleep.ended();
        assert_eq!(woken.exit, Some(1), "{}{}", woken.stdout, woken.stderr);
        assert!(woken.stderr.contains("was lost"), "{}", woken.stderr);
        assert!(woken.stderr.contains("nothing is lost"), "{}", woken.stderr);
        team.assert_whole().await;
        // A line whose answer it slept through it has sent again, to a place that was tidied since. Nobody reads it,
        // and whoever has the lock next removes it.
        team.succeeds("destroy --yes --allow-delete *");
        team.assert_tidy().await;
    });
}

#[test]
fn a_lock_in_a_table_works_as_well() {
    with_sandbox(|server| async move {
        let lock = ", lock: {dynamodb: {table: terraform-locks}}";
        let team = Team::without_bucket(&server, lock).await;
        team.make_bucket().await;
        let told = team.run("apply --yes");
        assert_eq!(told.exit, Some(1));
        assert!(told.stderr.contains("aws dynamodb create-table"), "{}", told.stderr);
        make_table(&team.cx).await;
        let first = team.in_the_middle();
        let second = team.run("apply --yes");
        assert_eq!(second.exit, Some(5), "{}{}", second.stdout, second.stderr);
        assert!(second.stderr.contains(&format!("process {}", first.child.id())));
        let ended = first.ended();
        assert_eq!(ended.exit, Some(0), "{}{}", ended.stdout, ended.stderr);
        team.assert_whole().await;
        team.assert_tidy().await;
    });
}

#[test]
fn a_bucket_that_is_not_there_is_told_with_the_way_to_make_it() {
    with_sandbox(|server| async move {
        let team = Team::without_bucket(&server, "").await;
        for line in ["plan", "apply --yes", "state list"] {
            let ended = team.run(line);
            assert_eq!((ended.exit, ended.stdout.as_str()), (Some(1), ""), "{line}");
            let make = format!("aws s3 mb s3://{}", team.bucket);
            assert!(ended.stderr.contains(&make), "{line}: {}", ended.stderr);
        }
        let vpcs = team.cx.ec2.describe_vpcs().send().await.unwrap();
        assert!(vpcs.vpcs().iter().all(|vpc| vpc.cidr_block() != Some(VPC)), "nothing was made");
    });
}

#[test]
fn a_saved_plan_knows_where_its_state_is() {
    with_sandbox(|server| async move {
        let team = Team::new(&server).await;
        assert_eq!(team.run("plan --out p.json").exit, Some(2));
        team.succeeds("apply p.json");
        let stale = team.run("apply p.json");
        assert_eq!(stale.exit, Some(4), "{}", stale.stderr);
        team.assert_whole().await;
        team.assert_tidy().await;
        let place = format!("s3://{}/team/platctl?region={REGION}", team.bucket);
        let listed = team.succeeds(&format!("state list --stack shop --state {place}"));
        assert!(listed.contains("network/vpc"), "{listed}");
    });
}

async fn make_table(cx: &Cx) {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
    };
    let attribute = AttributeDefinition::builder()
        .attribute_name("LockID")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let key = KeySchemaElement::builder()
        .attribute_name("LockID")
        .key_type(KeyType::Hash)
        .build()
        .unwrap();
    let create = cx.dynamodb.create_table().table_name("terraform-locks");
    let create = create.attribute_definitions(attribute).key_schema(key);
    create.billing_mode(BillingMode::PayPerRequest).send().await.unwrap();
}

fn gethostname() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}
