//! The replies of the extension, read by the SDK that platctl itself uses: it is stricter than boto3.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::types::{Filter, NatGatewayState, Tag};
use aws_sdk_eks::types::{
    AddonStatus, ClusterStatus, NodegroupStatus, UpdateStatus, VpcConfigRequest,
};
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};
use platctl::sandbox::{Options, Typical};

use super::{QUIET, REGION, cloud, sandbox};

#[tokio::test]
async fn the_sdk_reads_every_reply_and_every_error() {
    let sandbox = sandbox("sdk");
    let typical = Typical {
        create: Duration::from_secs(30),
        update: Duration::from_secs(30),
        delete: Duration::from_secs(30),
    };
    let kinds = [
        "AWS::EC2::NatGateway",
        "AWS::EKS::Addon",
        "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup",
        "AWS::RDS::DBInstance",
    ];
    let durations: BTreeMap<_, _> = kinds.map(|kind| (kind.to_owned(), typical)).into();
    let running =
        sandbox.start(&Options { speed: 300.0, durations, program: None }, QUIET).await.unwrap();
    let cx = cloud(&running).await;
    assert_eq!(cx.account().await.unwrap().id, "400000000001");

    // EC2
    let vpc = cx.ec2.create_vpc().cidr_block("10.0.0.0/16").send().await.unwrap();
    let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
    let mut subnets = Vec::new();
    for (number, zone) in ["a", "b"].iter().enumerate() {
        let made = cx
            .ec2
            .create_subnet()
            .vpc_id(&vpc)
            .cidr_block(format!("10.0.{number}.0/24"))
            .availability_zone(format!("{REGION}{zone}"))
            .send()
            .await
            .unwrap();
        subnets.push(made.subnet().unwrap().subnet_id().unwrap().to_owned());
    }
    let igw = cx.ec2.create_internet_gateway().send().await.unwrap();
    let igw = igw.internet_gateway().unwrap().internet_gateway_id().unwrap().to_owned();
    cx.ec2.attach_internet_gateway().internet_gateway_id(&igw).vpc_id(&vpc).send().await.unwrap();
    let address = cx.ec2.allocate_address().send().await.unwrap();
    let nat = cx
        .ec2
        .create_nat_gateway()
        .subnet_id(&subnets[0])
        .allocation_id(address.allocation_id().unwrap())
        .client_token("nat")
        .send()
        .await
        .unwrap();
    let nat = nat.nat_gateway().unwrap().nat_gateway_id().unwrap().to_owned();
    cx.ec2
        .create_tags()
        .resources(&nat)
        .tags(Tag::builder().key("stack").value("one").build())
        .send()
        .await
        .unwrap();
    becomes(NatGatewayState::Available, async || {
        let filter = Filter::builder().name("tag:stack").values("one").build();
        let found = cx.ec2.describe_nat_gateways().filter(filter).send().await.unwrap();
        let [gateway] = found.nat_gateways() else { panic!("{found:?}") };
        assert!(gateway.create_time().is_some());
        gateway.state().unwrap().clone()
    })
    .await;
    let error = cx.ec2.delete_subnet().subnet_id(&subnets[0]).send().await.unwrap_err();
    assert_eq!(error.code(), Some("DependencyViolation"));

    // EKS
    let trust = r#"{"Version":"2012-10-17","Statement":[]}"#;
    let role = cx
        .iam
        .create_role()
        .role_name("r")
        .assume_role_policy_document(trust)
        .send()
        .await
        .unwrap();
    let role = role.role().unwrap().arn().to_owned();
    let network = VpcConfigRequest::builder().set_subnet_ids(Some(subnets.clone())).build();
    let create = async || {
        let wanted = cx.eks.create_cluster().name("main").role_arn(&role);
        wanted
            .resources_vpc_config(network.clone())
            .client_request_token("cluster")
            .send()
            .await
            .unwrap()
    };
    let (made, again) = (create().await, create().await);
    let (made, again) = (made.cluster().unwrap(), again.cluster().unwrap());
    assert_eq!(made.status(), Some(&ClusterStatus::Creating));
    assert_eq!(again.arn(), made.arn());
    becomes(ClusterStatus::Active, async || {
        let found = cx.eks.describe_cluster().name("main").send().await.unwrap();
        let cluster = found.cluster().unwrap();
        assert!(cluster.created_at().is_some());
        cluster.status().unwrap().clone()
    })
    .await;
    let made = cx
        .eks
        .create_nodegroup()
        .cluster_name("main")
        .nodegroup_name("nodes")
        .set_subnets(Some(subnets.clone()))
        .node_role(&role)
        .send()
        .await
        .unwrap();
    assert_eq!(made.nodegroup().unwrap().status(), Some(&NodegroupStatus::Creating));
    let made =
        cx.eks.create_addon().cluster_name("main").addon_name("vpc-cni").send().await.unwrap();
    assert_eq!(made.addon().unwrap().status(), Some(&AddonStatus::Creating));
    let update = cx.eks.update_cluster_version().name("main").version("1.34").send().await.unwrap();
    let update = update.update().unwrap().id().unwrap().to_owned();
    becomes(UpdateStatus::Successful, async || {
        let found = cx.eks.describe_update().name("main").update_id(&update).send().await.unwrap();
        found.update().unwrap().status().unwrap().clone()
    })
    .await;
    let association = cx
        .eks
        .create_pod_identity_association()
        .cluster_name("main")
        .namespace("apps")
        .service_account("orders")
        .role_arn(&role)
        .send()
        .await
        .unwrap();
    assert!(association.association().unwrap().association_id().unwrap().starts_with("a-"));
    let error = cx.eks.describe_addon().cluster_name("main").addon_name("nope").send().await;
    assert_eq!(error.unwrap_err().code(), Some("ResourceNotFoundException"));
    let error = cx.eks.delete_cluster().name("main").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceInUseException"));

    // RDS
    cx.rds
        .create_db_subnet_group()
        .db_subnet_group_name("data")
        .db_subnet_group_description("data")
        .set_subnet_ids(Some(subnets.clone()))
        .send()
        .await
        .unwrap();
    cx.rds
        .create_db_instance()
        .db_instance_identifier("main")
        .engine("postgres")
        .db_instance_class("db.t3.micro")
        .allocated_storage(20)
        .master_username("app")
        .manage_master_user_password(true)
        .db_subnet_group_name("data")
        .send()
        .await
        .unwrap();
    becomes("available".to_owned(), async || {
        let found = cx.rds.describe_db_instances().send().await.unwrap();
        let [instance] = found.db_instances() else { panic!("{found:?}") };
        assert!(instance.instance_create_time().is_some());
        instance.db_instance_status().unwrap().to_owned()
    })
    .await;
    let error = cx.rds.delete_db_subnet_group().db_subnet_group_name("data").send().await;
    assert_eq!(error.unwrap_err().code(), Some("InvalidDBSubnetGroupStateFault"));
    let error = cx.rds.describe_db_instances().db_instance_identifier("nope").send().await;
    assert_eq!(error.unwrap_err().code(), Some("DBInstanceNotFound"));

    // Route 53, ACM, WAF
    let zone = async || {
        cx.route53.create_hosted_zone().name("example.com").caller_reference("one").send().await
    };
    let made = zone().await.unwrap();
    let error = zone().await.unwrap_err();
    assert_eq!(error.code(), Some("HostedZoneAlreadyExists"));
    let record = ResourceRecordSet::builder()
        .name("*.example.com")
        .r#type(RrType::A)
        .ttl(60)
        .resource_records(ResourceRecord::builder().value("10.0.0.1").build().unwrap())
        .build()
        .unwrap();
    let change = async |action| {
        let change = Change::builder().action(action).resource_record_set(record.clone());
        let batch = ChangeBatch::builder().changes(change.build().unwrap()).build().unwrap();
        let id = made.hosted_zone().unwrap().id();
        cx.route53.change_resource_record_sets().hosted_zone_id(id).change_batch(batch).send().await
    };
    assert!(change(ChangeAction::Create).await.unwrap().change_info().is_some());
    let error = change(ChangeAction::Create).await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidChangeBatch"));
    let certificate = cx.acm.request_certificate().domain_name("example.com");
    let method = aws_sdk_acm::types::ValidationMethod::Dns;
    let certificate = certificate.validation_method(method).send().await.unwrap();
    let arn = certificate.certificate_arn().unwrap();
    let found = cx.acm.describe_certificate().certificate_arn(arn).send().await.unwrap();
    let status = found.certificate().unwrap().status().unwrap().as_str();
    assert_eq!(status, "PENDING_VALIDATION");
    let error = cx.waf.list_resources_for_web_acl().web_acl_arn("arn:aws:wafv2:x").send().await;
    assert_eq!(error.unwrap_err().code(), Some("WAFNonexistentItemException"));

    sandbox.stop().await.unwrap();
}

async fn becomes<T, F>(wanted: T, look: impl Fn() -> F)
where
    T: PartialEq + std::fmt::Debug,
    F: Future<Output = T>,
{
    let begun = Instant::now();
    loop {
        let seen = look().await;
        if seen == wanted {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "still {seen:?}, not {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
