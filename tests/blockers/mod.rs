//! On the wire: somebody else makes use of what a stack is made of. Its destruction fails where that is, at once, and
//! names what is in the way and whose it is; once that is gone, the same command ends with nothing left.

mod databases;
mod network;

use std::time::{Duration, Instant};

use platctl::address::Address;
use platctl::fault::{Blocker, Class, Holder};
use platctl::graph::Graph;
use platctl::plan::Intent;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, with_sandbox};

/// Far less than the patience for what is in use, which is 20 seconds in the fastest of sandboxes.
const AT_ONCE: Duration = Duration::from_secs(15);

fn get(address: &str, output: &str) -> Value {
    json!({"Fn::GetAtt": [address, output]})
}

fn graph(stack: &TestStack, resources: &[(&str, &str, Value)]) -> Graph {
    let mut builder = stack.builder();
    for (address, kind, spec) in resources {
        builder.add(address.parse().unwrap(), kind, spec.clone());
    }
    builder.build().unwrap()
}

/// A VPC with two subnets and a way to the internet.
fn network() -> Vec<(&'static str, &'static str, Value)> {
    let subnet = |cidr: &str, zone: &str| {
        json!({
            "VpcId": get("net/vpc", "VpcId"), "CidrBlock": cidr,
            "AvailabilityZone": format!("{REGION}{zone}"),
        })
    };
    let attachment = json!({
        "VpcId": get("net/vpc", "VpcId"),
        "InternetGatewayId": get("net/gateway", "InternetGatewayId"),
    });
    vec![
        ("net/vpc", "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"})),
        ("net/a", "AWS::EC2::Subnet", subnet("10.0.1.0/24", "a")),
        ("net/b", "AWS::EC2::Subnet", subnet("10.0.2.0/24", "b")),
        ("net/gateway", "AWS::EC2::InternetGateway", json!({})),
        ("net/attachment", "AWS::EC2::VPCGatewayAttachment", attachment),
    ]
}

/// A stack that somebody else makes use of.
struct Used {
    stack: TestStack,
    graph: Graph,
}

impl Used {
    async fn new(server: &crate::support::Server, resources: &[(&str, &str, Value)]) -> Self {
        let stack = TestStack::new(server, "used").await;
        let graph = graph(&stack, resources);
        stack.apply(&graph).await;
        Self { stack, graph }
    }

    fn id(&self, address: &str) -> String {
        let address: Address = address.parse().unwrap();
        self.stack.state().resources[&address].id.clone().unwrap().as_str().into()
    }

    fn output(&self, address: &str, output: &str) -> String {
        let address: Address = address.parse().unwrap();
        self.stack.state().resources[&address].outputs[output].clone()
    }

    /// Tries the destruction, which must fail at `address`. What is in its way.
    async fn refused(&self, address: &str) -> Vec<Blocker> {
        let begun = Instant::now();
        let plan = self.stack.plan(&self.stack.empty(), Intent::Destroy).await;
        let outcome = self.stack.run(&plan).await;
        assert!(begun.elapsed() < AT_ONCE, "after {:?}", begun.elapsed());
        let failed = outcome.failed.iter().find(|failure| failure.address.as_str() == address);
        let failure =
            failed.unwrap_or_else(|| panic!("{address} is not among {:#?}", outcome.failed));
        assert_eq!(failure.fault.class, Class::InUse, "{:?}", failure.fault);
        assert!(failure.fault.blockers.iter().any(|it| !it.passes), "{:?}", failure.fault);
        failure.fault.blockers.clone()
    }

    /// The same command, now that nothing is in the way.
    async fn ends(&self) {
        self.stack.destroy(&self.graph).await;
    }
}

/// The blocker with this id.
#[track_caller]
fn named<'a>(blockers: &'a [Blocker], id: &str) -> &'a Blocker {
    let found = blockers.iter().find(|blocker| blocker.id == id);
    found.unwrap_or_else(|| panic!("{id} is not among {blockers:#?}"))
}

#[test]
fn objects_in_a_bucket() {
    with_sandbox(|server| async move {
        let spec = json!({
            "BucketName": "used-bucket", "VersioningConfiguration": {"Status": "Enabled"},
        });
        let used = Used::new(&server, &[("files/bucket", "AWS::S3::Bucket", spec)]).await;
        let cx = used.stack.aws.region(REGION);
        for key in ["a", "a", "b"] {
            cx.s3.put_object().bucket("used-bucket").key(key).send().await.unwrap();
        }
        cx.s3.delete_object().bucket("used-bucket").key("b").send().await.unwrap();
        let blockers = used.refused("files/bucket").await;
        named(&blockers, "4 versions of objects");
        let all = cx.s3.list_object_versions().bucket("used-bucket").send().await.unwrap();
        let versions = all.versions().iter().map(|it| (it.key(), it.version_id()));
        let markers = all.delete_markers().iter().map(|it| (it.key(), it.version_id()));
        for (key, version) in versions.chain(markers) {
            let delete = cx.s3.delete_object().bucket("used-bucket").key(key.unwrap());
            delete.set_version_id(version.map(Into::into)).send().await.unwrap();
        }
        used.ends().await;
    });
}

#[test]
fn images_in_a_repository() {
    with_sandbox(|server| async move {
        let spec = json!({"RepositoryName": "used/api"});
        let used = Used::new(&server, &[("images/api", "AWS::ECR::Repository", spec)]).await;
        let cx = used.stack.aws.region(REGION);
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": "sha256:0"},
            "layers": [],
        });
        let put = cx.ecr.put_image().repository_name("used/api").image_tag("1");
        put.image_manifest(manifest.to_string()).send().await.unwrap();
        let blockers = used.refused("images/api").await;
        named(&blockers, "1 images");
        let image = aws_sdk_ecr::types::ImageIdentifier::builder().image_tag("1").build();
        let delete = cx.ecr.batch_delete_image().repository_name("used/api").image_ids(image);
        delete.send().await.unwrap();
        used.ends().await;
    });
}

#[test]
fn a_record_in_a_zone() {
    use aws_sdk_route53::types::{
        Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
    };
    with_sandbox(|server| async move {
        let spec = json!({"Name": "used.example.com"});
        let used = Used::new(&server, &[("dns/zone", "AWS::Route53::HostedZone", spec)]).await;
        let cx = used.stack.aws.region(REGION);
        let zone = used.id("dns/zone");
        let change = async |action| {
            let record = ResourceRecord::builder().value("192.0.2.1").build().unwrap();
            let set =
                ResourceRecordSet::builder().name("theirs.used.example.com").r#type(RrType::A);
            let set = set.ttl(60).resource_records(record).build().unwrap();
            let change = Change::builder().action(action).resource_record_set(set).build().unwrap();
            let batch = ChangeBatch::builder().changes(change).build().unwrap();
            let send = cx.route53.change_resource_record_sets().hosted_zone_id(&zone);
            send.change_batch(batch).send().await.unwrap();
        };
        change(ChangeAction::Create).await;
        let blockers = used.refused("dns/zone").await;
        assert_eq!(blockers.len(), 1, "its own records do not count: {blockers:#?}");
        named(&blockers, &format!("{zone}|theirs.used.example.com|A"));
        change(ChangeAction::Delete).await;
        used.ends().await;
    });
}

#[test]
fn what_others_gave_a_role() {
    with_sandbox(|server| async move {
        let document = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
        });
        let policy = json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}],
        });
        let resources = [
            (
                "people/role",
                "AWS::IAM::Role",
                json!({"RoleName": "used", "AssumeRolePolicyDocument": document}),
            ),
            (
                "people/policy",
                "AWS::IAM::ManagedPolicy",
                json!({"ManagedPolicyName": "used", "PolicyDocument": policy}),
            ),
        ];
        let used = Used::new(&server, &resources).await;
        let iam = &used.stack.aws.region(REGION).iam;
        let theirs = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        iam.attach_role_policy().role_name("used").policy_arn(theirs).send().await.unwrap();
        iam.create_instance_profile().instance_profile_name("theirs").send().await.unwrap();
        let add = iam.add_role_to_instance_profile().instance_profile_name("theirs");
        add.role_name("used").send().await.unwrap();
        let create = iam.create_role().role_name("theirs");
        create.assume_role_policy_document(document.to_string()).send().await.unwrap();
        let arn = format!("arn:aws:iam::{}:policy/used", used.stack.account().await);
        iam.attach_role_policy().role_name("theirs").policy_arn(&arn).send().await.unwrap();

        let blockers = used.refused("people/role").await;
        assert_eq!(named(&blockers, theirs).kind, "AWS::IAM::ManagedPolicy");
        assert_eq!(named(&blockers, "theirs").kind, "AWS::IAM::InstanceProfile");
        let blockers = used.refused("people/policy").await;
        let blocker = named(&blockers, "theirs");
        assert_eq!((blocker.kind.as_str(), &blocker.holder), ("AWS::IAM::Role", &Holder::Unknown));

        iam.detach_role_policy().role_name("used").policy_arn(theirs).send().await.unwrap();
        let remove = iam.remove_role_from_instance_profile().instance_profile_name("theirs");
        remove.role_name("used").send().await.unwrap();
        iam.detach_role_policy().role_name("theirs").policy_arn(&arn).send().await.unwrap();
        used.ends().await;
    });
}
