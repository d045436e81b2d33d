//! What a destruction leaves to come back to, on the wire: final snapshots and backups, secrets and keys that wait. And
//! that the same blueprint can be applied and destroyed again after it.

use std::collections::BTreeSet;

use platctl::graph::Graph;
use platctl::kind::DeletionPolicy;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, with_sandbox};

fn get(address: &str, output: &str) -> Value {
    json!({"Fn::GetAtt": [address, output]})
}

fn graph(stack: &TestStack, policy: DeletionPolicy) -> Graph {
    let subnet = |cidr: &str, zone: &str| {
        json!({
            "VpcId": get("net/vpc", "VpcId"), "CidrBlock": cidr,
            "AvailabilityZone": format!("{REGION}{zone}"),
        })
    };
    // The names of buckets are shared by all tests.
    let bucket = format!("last-{policy:?}").to_lowercase();
    let subnets = json!([get("net/a", "SubnetId"), get("net/b", "SubnetId")]);
    let resources = [
        ("net/vpc", "AWS::EC2::VPC", json!({"CidrBlock": "10.0.0.0/16"})),
        ("net/a", "AWS::EC2::Subnet", subnet("10.0.1.0/24", "a")),
        ("net/b", "AWS::EC2::Subnet", subnet("10.0.2.0/24", "b")),
        (
            "db/subnets",
            "AWS::RDS::DBSubnetGroup",
            json!({"DBSubnetGroupName": "last", "DBSubnetGroupDescription": "it", "SubnetIds": subnets}),
        ),
        (
            "db/instance",
            "AWS::RDS::DBInstance",
            json!({
                "DBInstanceIdentifier": "last", "Engine": "postgres", "EngineVersion": "17.2",
                "DBInstanceClass": "db.t4g.micro", "AllocatedStorage": "20", "MasterUsername": "last",
                "ManageMasterUserPassword": true, "DBSubnetGroupName": get("db/subnets", "DBSubnetGroupName"),
                "DeletionProtection": true,
            }),
        ),
        (
            "cache/subnets",
            "AWS::ElastiCache::SubnetGroup",
            json!({"CacheSubnetGroupName": "last", "Description": "it", "SubnetIds": subnets}),
        ),
        (
            "cache/group",
            "AWS::ElastiCache::ReplicationGroup",
            json!({
                "ReplicationGroupId": "last", "ReplicationGroupDescription": "it", "Engine": "valkey",
                "EngineVersion": "8.0", "CacheNodeType": "cache.t4g.micro", "NumCacheClusters": 1,
                "CacheSubnetGroupName": get("cache/subnets", "CacheSubnetGroupName"),
            }),
        ),
        (
            "table/table",
            "AWS::DynamoDB::Table",
            json!({
                "TableName": "last", "BillingMode": "PAY_PER_REQUEST", "DeletionProtectionEnabled": true,
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            }),
        ),
        (
            "secret/secret",
            "AWS::SecretsManager::Secret",
            json!({"Name": "last", "GenerateSecretString": {}}),
        ),
        ("key/key", "AWS::KMS::Key", json!({"Description": "it", "PendingWindowInDays": 30})),
        (
            "key/alias",
            "AWS::KMS::Alias",
            json!({"AliasName": "alias/last", "TargetKeyId": get("key/key", "KeyId")}),
        ),
        ("files/bucket", "AWS::S3::Bucket", json!({"BucketName": bucket})),
        ("logs/group", "AWS::Logs::LogGroup", json!({"LogGroupName": "/last"})),
    ];
    let mut builder = stack.builder();
    for (address, kind, spec) in resources {
        builder.add(address.parse().unwrap(), kind, spec).deletion(policy);
    }
    builder.build().unwrap()
}

/// The names of all final snapshots and backups that there are.
async fn left(stack: &TestStack) -> [BTreeSet<String>; 3] {
    let cx = stack.aws.region(REGION);
    let snapshots = cx.rds.describe_db_snapshots().send().await.unwrap();
    let snapshots = snapshots.db_snapshots().iter().filter_map(|it| it.db_snapshot_identifier());
    let caches = cx.elasticache.describe_snapshots().send().await.unwrap();
    let caches = caches.snapshots().iter().filter_map(|it| it.snapshot_name());
    let backups = cx.dynamodb.list_backups().send().await.unwrap();
    let backups = backups.backup_summaries().iter().filter_map(|it| it.backup_name());
    let named = |name: &&str| name.starts_with("last-final-");
    [
        snapshots.filter(named).map(str::to_owned).collect(),
        caches.filter(named).map(str::to_owned).collect(),
        backups.filter(named).map(str::to_owned).collect(),
    ]
}

#[test]
fn what_has_data_leaves_something_to_come_back_to_each_time() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "last").await;
        let graph = graph(&stack, DeletionPolicy::Snapshot);
        let cx = stack.aws.region(REGION);
        let key: platctl::address::Address = "key/key".parse().unwrap();
        let mut keys = BTreeSet::new();
        for round in 1..=2 {
            stack.apply(&graph).await;
            let id = stack.state().resources[&key].id.clone().unwrap();
            keys.insert(id.as_str().to_owned());
            stack.destroy(&graph).await;
            for names in left(&stack).await {
                assert_eq!(names.len(), round, "one for each destruction: {names:?}");
            }
            let secret = cx.secrets.describe_secret().secret_id("last").send().await.unwrap();
            assert!(secret.deleted_date().is_some(), "it waits for its deletion");
        }
        assert_eq!(keys.len(), 2, "a key is never taken up again");
        for key in keys {
            let reply = cx.kms.describe_key().key_id(key).send().await.unwrap();
            let key = reply.key_metadata.unwrap();
            assert!(key.deletion_date().is_some(), "it waits for its deletion: {key:?}");
        }
        // The secret that waits is taken up again by its own stack, and by no other.
        let other = stack.neighbour("other");
        let mut builder = other.builder();
        let spec = json!({"Name": "last", "GenerateSecretString": {}});
        builder.add("secret/secret".parse().unwrap(), "AWS::SecretsManager::Secret", spec);
        let theirs = builder.build().unwrap();
        let plan = other.plan(&theirs, platctl::plan::Intent::Apply).await;
        let outcome = other.run(&plan).await;
        let [failure] = &outcome.failed[..] else { panic!("{outcome:#?}") };
        assert_eq!(failure.fault.class, platctl::fault::Class::Exists);
        let waits = &failure.fault.message;
        assert!(waits.contains("restore") && waits.contains("last"), "the way out: {waits}");
    });
}

/// A throw-away environment leaves nothing.
#[test]
fn what_is_thrown_away_leaves_nothing() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "last").await;
        let graph = graph(&stack, DeletionPolicy::Delete);
        stack.apply(&graph).await;
        stack.destroy(&graph).await;
        assert!(left(&stack).await.iter().all(BTreeSet::is_empty));
        let cx = stack.aws.region(REGION);
        assert!(cx.secrets.describe_secret().secret_id("last").send().await.is_err());
        stack.apply(&graph).await;
        stack.destroy(&graph).await;
    });
}
