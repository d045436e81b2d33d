//! What the proxy says in a service's name is what the SDK understands, in every protocol.

use std::time::{Duration, Instant};

use aws_sdk_eks::types::{ClusterStatus, VpcConfigRequest};
use platctl::cloud::kube::Resource;
use platctl::cloud::{Aws, aws};
use platctl::fault::{Class, Fault};
use platctl::sandbox::access_key_id;
use serde_json::json;

use crate::support::proxy::{Act, KUBERNETES, Proxy, Request, When};
use crate::support::{REGION, with_sandbox};

/// The sandbox's own pace, where pauses are short.
const FAST: f64 = 3600.0;

async fn connect(proxy: &Proxy, speed: f64) -> Aws {
    let access_key_id = access_key_id("400000000000");
    let endpoint = aws::Endpoint { url: proxy.url.clone(), access_key_id };
    let options =
        aws::Options { region: REGION.into(), sandbox: Some(endpoint), speed, kubeconfig: None };
    Aws::connect(&options).await
}

/// One read of a service of each protocol: how it failed.
async fn faults(aws: &Aws) -> Vec<(&'static str, Fault)> {
    let cx = aws.region(REGION);
    vec![
        ("CBOR", cx.cloudwatch.describe_alarms().send().await.unwrap_err().into()),
        ("EC2", cx.ec2.describe_vpcs().send().await.unwrap_err().into()),
        ("JSON 1.0", cx.dynamodb.list_tables().send().await.unwrap_err().into()),
        ("JSON 1.1", cx.kms.list_keys().send().await.unwrap_err().into()),
        ("JSON, tagging", cx.tagging.get_resources().send().await.unwrap_err().into()),
        ("query", cx.iam.list_roles().send().await.unwrap_err().into()),
        ("query, SNS", cx.sns.list_topics().send().await.unwrap_err().into()),
        ("REST JSON", cx.eks.list_clusters().send().await.unwrap_err().into()),
        ("REST JSON, Lambda", cx.lambda.list_functions().send().await.unwrap_err().into()),
        ("REST XML", cx.route53.list_hosted_zones().send().await.unwrap_err().into()),
        ("S3", cx.s3.get_bucket_policy().bucket("b").send().await.unwrap_err().into()),
    ]
}

#[test]
fn every_service_refuses_in_its_own_words() {
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        let aws = connect(&proxy, FAST).await;
        for (act, class) in [
            (Act::Throttle, Class::Throttled),
            (Act::Fail, Class::Unavailable),
            (Act::FailAfter, Class::Unavailable),
            (Act::Unavailable, Class::Unavailable),
            (Act::Cut(When::Done), Class::Unanswered),
        ] {
            proxy.play(move |_| act);
            for (protocol, fault) in faults(&aws).await {
                assert_eq!(fault.class, class, "{protocol}, {act:?}: {fault:?}");
                let told = fault.code.is_some() && fault.request_id.as_deref() == Some("req-1");
                assert_eq!(told, class != Class::Unanswered, "{protocol}, {act:?}: {fault:?}");
            }
            let log = proxy.log();
            let asked = log.iter().filter(|it| it.status.is_some()).count();
            let reaches = matches!(act, Act::FailAfter | Act::Cut(_));
            assert_eq!(asked, if reaches { log.len() } else { 0 }, "{act:?}");
            assert!(log.iter().all(|it| it.act == act && it.request.effect.is_none()));
        }
    });
}

#[test]
fn the_api_of_a_cluster_refuses_in_its_own_words() {
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        let aws = connect(&proxy, FAST).await;
        let cx = aws.region(REGION);
        let trust = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
            "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"#;
        let role = cx.iam.create_role().role_name("cluster").assume_role_policy_document(trust);
        let role = role.send().await.unwrap().role.unwrap();
        let subnets = cx.ec2.describe_subnets().send().await.unwrap();
        let subnets = subnets.subnets().iter().filter_map(|it| it.subnet_id().map(str::to_owned));
        let network = VpcConfigRequest::builder().set_subnet_ids(Some(subnets.take(2).collect()));
        let create = cx.eks.create_cluster().name("refusing").role_arn(role.arn());
        create.resources_vpc_config(network.build()).send().await.unwrap();
        while cx.describe_cluster("refusing").await.unwrap().unwrap().status()
            != Some(&ClusterStatus::Active)
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let api = cx.cluster("refusing").await.unwrap().unwrap();
        let namespaces = Resource::new("", "v1", "Namespace", "namespaces", false);
        for (act, class) in [
            (Act::Throttle, Class::Throttled),
            (Act::Fail, Class::Unavailable),
            (Act::FailAfter, Class::Unavailable),
            (Act::Unavailable, Class::Unavailable),
            (Act::Cut(When::Unseen), Class::Unanswered),
            (Act::Cut(When::Done), Class::Unanswered),
        ] {
            proxy.play(move |_| act);
            let fault = api.list(&namespaces, None).await.unwrap_err();
            assert_eq!(fault.class, class, "{act:?}: {fault:?}");
            let log = proxy.log();
            let asked: Vec<_> = log.iter().map(|it| it.request.action.as_str()).collect();
            assert_eq!(asked, ["GET namespaces"; 4], "{act:?}: reads are repeated");
            assert_eq!(log[0].request.service, KUBERNETES);
        }
        proxy.play(|_| Act::Throttle);
        let manifest =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "refused"}});
        let refused = api.apply(&namespaces, "", "refused", &manifest, false).await.unwrap_err();
        assert_eq!(refused.class, Class::Throttled);
        assert_eq!(proxy.count("PATCH namespaces"), 1, "an effect is sent once");
        proxy.play(|_| Act::Pass);
        assert!(!api.list(&namespaces, None).await.unwrap().is_empty());
    });
}

/// Effects, which are sent once: the second of each waits until its bucket has filled again, at half its pace.
#[test]
fn a_throttle_slows_the_next_call_in_every_protocol() {
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        proxy.play(|_| Act::Throttle);
        let cx = connect(&proxy, 1.0).await.region(REGION);
        let mut slowed = Vec::new();
        for _ in 0..2 {
            let begun = Instant::now();
            let (cbor, query, json, rest) = tokio::join!(
                timed(begun, cx.cloudwatch.delete_alarms().alarm_names("a").send()),
                timed(begun, cx.iam.delete_role().role_name("a").send()),
                timed(begun, cx.kms.create_key().send()),
                timed(begun, cx.eks.delete_cluster().name("a").send()),
            );
            slowed = vec![("CBOR", cbor), ("query", query), ("JSON", json), ("REST", rest)];
        }
        for (protocol, took) in slowed {
            assert!(took >= Duration::from_millis(350), "{protocol}: {took:?}");
        }
        assert!(proxy.log().iter().all(|entry| entry.status.is_none()));
    });
}

async fn timed<T, E>(begun: Instant, call: impl Future<Output = Result<T, E>>) -> Duration {
    assert!(call.await.is_err());
    begun.elapsed()
}

#[test]
fn what_is_slow_comes_whole() {
    with_sandbox(|server| async move {
        let proxy = Proxy::start(&server.running);
        let aws = connect(&proxy, FAST).await;
        let cx = aws.region(REGION);
        let (late, pause) = (Duration::from_millis(300), Duration::from_millis(1));
        for act in [Act::Delay(late), Act::Drip(pause), Act::Cut(When::Answered)] {
            proxy.play(move |request: &Request| match request.action.as_str() {
                "DescribeVpcs" => act,
                _ => Act::Pass,
            });
            let begun = Instant::now();
            let vpcs = cx.ec2.describe_vpcs().send().await.unwrap();
            assert_eq!(vpcs.vpcs().len(), 1, "{act:?}");
            assert!(begun.elapsed() >= late || !matches!(act, Act::Delay(_) | Act::Drip(_)));
            assert_eq!(proxy.count("DescribeVpcs"), 1);
        }
    });
}
