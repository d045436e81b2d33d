//! Databases, caches and node groups that others made with what is ours.

use serde_json::{Value, json};

use super::{Used, get, named, network};
use crate::support::{REGION, with_sandbox};

fn subnets() -> Value {
    json!([get("net/a", "SubnetId"), get("net/b", "SubnetId")])
}

#[test]
fn a_database_with_our_groups() {
    with_sandbox(|server| async move {
        let mut resources = network();
        let group = json!({"DBSubnetGroupName": "used", "DBSubnetGroupDescription": "it", "SubnetIds": subnets()});
        resources.push(("data/subnets", "AWS::RDS::DBSubnetGroup", group));
        let group =
            json!({"DBParameterGroupName": "used", "Family": "postgres17", "Description": "it"});
        resources.push(("data/parameters", "AWS::RDS::DBParameterGroup", group));
        let used = Used::new(&server, &resources).await;
        let rds = &used.stack.aws.region(REGION).rds;
        rds.create_db_instance()
            .db_instance_identifier("theirs")
            .db_instance_class("db.t4g.micro")
            .engine("postgres")
            .engine_version("17.2")
            .allocated_storage(20)
            .master_username("theirs")
            .master_user_password("not-a-secret")
            .db_subnet_group_name("used")
            .db_parameter_group_name("used")
            .send()
            .await
            .unwrap();
        for (address, why) in [
            ("data/subnets", "uses the subnet group"),
            ("data/parameters", "uses the parameter group"),
        ] {
            let blockers = used.refused(address).await;
            let blocker = named(&blockers, "theirs");
            assert_eq!(
                (blocker.kind.as_str(), blocker.why.as_str()),
                ("AWS::RDS::DBInstance", why)
            );
        }
        // On its way out it is waited for.
        settled(|| async {
            let delete = rds.delete_db_instance().db_instance_identifier("theirs");
            delete.skip_final_snapshot(true).send().await.is_ok()
        })
        .await;
        used.ends().await;
    });
}

#[test]
fn a_cache_with_our_groups() {
    with_sandbox(|server| async move {
        let mut resources = network();
        let group =
            json!({"CacheSubnetGroupName": "used", "Description": "it", "SubnetIds": subnets()});
        resources.push(("data/subnets", "AWS::ElastiCache::SubnetGroup", group));
        let group = json!({"CacheParameterGroupName": "used", "CacheParameterGroupFamily": "valkey8", "Description": "it"});
        resources.push(("data/parameters", "AWS::ElastiCache::ParameterGroup", group));
        let used = Used::new(&server, &resources).await;
        let cache = &used.stack.aws.region(REGION).elasticache;
        cache
            .create_replication_group()
            .replication_group_id("theirs")
            .replication_group_description("theirs")
            .engine("valkey")
            .engine_version("8.0")
            .cache_node_type("cache.t4g.micro")
            .num_cache_clusters(1)
            .cache_subnet_group_name("used")
            .cache_parameter_group_name("used")
            .send()
            .await
            .unwrap();
        for address in ["data/subnets", "data/parameters"] {
            let blockers = used.refused(address).await;
            assert_eq!(named(&blockers, "theirs").kind, "AWS::ElastiCache::ReplicationGroup");
        }
        settled(|| async {
            let delete = cache.delete_replication_group().replication_group_id("theirs");
            delete.send().await.is_ok()
        })
        .await;
        used.ends().await;
    });
}

#[test]
fn nodes_that_somebody_added_to_a_cluster() {
    with_sandbox(|server| async move {
        let mut resources = network();
        let trust = |service: &str| {
            json!({
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
            })
        };
        let role = |name: &str, service| json!({"RoleName": name, "AssumeRolePolicyDocument": trust(service)});
        resources.push((
            "cluster/role",
            "AWS::IAM::Role",
            role("used-cluster", "eks.amazonaws.com"),
        ));
        resources.push((
            "cluster/nodes",
            "AWS::IAM::Role",
            role("used-nodes", "ec2.amazonaws.com"),
        ));
        let cluster = json!({
            "Name": "used", "RoleArn": get("cluster/role", "Arn"),
            "ResourcesVpcConfig": {"SubnetIds": subnets()},
        });
        resources.push(("cluster/cluster", "AWS::EKS::Cluster", cluster));
        let used = Used::new(&server, &resources).await;
        let eks = &used.stack.aws.region(REGION).eks;
        eks.create_nodegroup()
            .cluster_name("used")
            .nodegroup_name("theirs")
            .node_role(used.output("cluster/nodes", "Arn"))
            .subnets(used.id("net/a"))
            .send()
            .await
            .unwrap();
        let blockers = used.refused("cluster/cluster").await;
        assert_eq!(named(&blockers, "used|theirs").kind, "AWS::EKS::Nodegroup");
        settled(|| async {
            let delete = eks.delete_nodegroup().cluster_name("used").nodegroup_name("theirs");
            delete.send().await.is_ok()
        })
        .await;
        settled(|| async {
            let ask = eks.describe_nodegroup().cluster_name("used").nodegroup_name("theirs");
            ask.send().await.is_err()
        })
        .await;
        used.ends().await;
    });
}

/// Tries until it succeeds: what was made a moment ago is not ready for everything.
async fn settled<F: Future<Output = bool>>(mut attempt: impl FnMut() -> F) {
    for _ in 0..100 {
        if attempt().await {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("it does not settle");
}
