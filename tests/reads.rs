//! How many calls a plan makes that finds nothing to do: no more than the APIs force. Where a list or a batch getter
//! carries what is compared, that is one call a page; where nothing else tells it, one call for each object.

use platctl::address::Address;
use platctl::cloud::calls::CallsSince;
use platctl::graph::Graph;
use platctl::plan::Intent;
use serde_json::{Value, json};

use crate::support::{TestStack, changes, with_sandbox};

/// What a plan of a fleet of `n` services has to call.
struct Row {
    service: &'static str,
    action: &'static str,
    /// The fewest calls that tell everything that is compared.
    forced: fn(n: u64) -> u64,
    /// The calls that are made.
    made: fn(n: u64) -> u64,
    why: &'static str,
}

const fn row(
    service: &'static str,
    action: &'static str,
    forced: fn(u64) -> u64,
    made: fn(u64) -> u64,
    why: &'static str,
) -> Row {
    Row { service, action, forced, made, why }
}

/// A row that makes what is forced.
const fn forced(
    service: &'static str,
    action: &'static str,
    calls: fn(u64) -> u64,
    why: &'static str,
) -> Row {
    row(service, action, calls, calls, why)
}

const fn pages(objects: u64, page: u64) -> u64 {
    objects.div_ceil(page)
}

const ROWS: &[Row] = &[
    forced("ec2", "DescribeSecurityGroups", |n| pages(n, 200), "a filter takes 200 ids"),
    row(
        "ec2",
        "DescribeSecurityGroupRules",
        |n| pages(n, 200) + pages(n, 200),
        |n| 3 * pages(n, 200),
        "a filter takes 200 ids: of rules, and of groups for their own rules. Rules that come in and that go out are two \
         kinds, read apart",
    ),
    forced("ec2", "DescribeVpcs", |_| 1, "one VPC for all"),
    forced("ecr", "DescribeRepositories", |n| pages(n, 1000), "pages of 1000"),
    forced(
        "ecr",
        "GetLifecyclePolicy",
        |n| n,
        "no call tells the policies of several repositories",
    ),
    row(
        "iam",
        "GetAccountAuthorizationDetails",
        |n| pages(n, 1000),
        |n| 2 * pages(n, 1000),
        "pages of 1000 roles with tags and all policies; roles and their policies are two kinds, read apart",
    ),
    forced("iam", "ListRoles", |n| pages(n, 1000), "descriptions are only here; pages of 1000"),
    forced("logs", "DescribeLogGroups", |n| pages(n, 50), "a call takes 50 names"),
    row(
        "tagging",
        "GetResources",
        |n| pages(2 * n, 100),
        |n| 2 * pages(n, 100),
        "a call takes 100 ARNs; repositories and log groups, read apart",
    ),
    forced("secretsmanager", "ListSecrets", |n| pages(n, 100), "pages of 100"),
];

/// The fleet's resources for each service: repository, role, its policy, log group, secret, security group, two rules.
const RESOURCES_EACH: u64 = 8;
/// The goal for a stack of about a thousand resources.
const CALLS_PER_RESOURCE_MAX: f64 = 0.35;
/// How much more than forced is made up for by reading each kind on its own.
const BEYOND_FORCED_MAX: f64 = 1.05;

#[test]
fn a_plan_of_a_fleet_calls_what_the_apis_force() {
    with_sandbox(|server| async move {
        let (stack, n) = (TestStack::new(&server, "fleet").await, 25);
        let graph = fleet(&stack, n);
        stack.apply(&graph).await;

        let before = stack.aws.calls().snapshot();
        let plan = stack.plan(&graph, Intent::Apply).await;
        assert_eq!(changes(&plan), [""; 0]);
        let calls = since(&before, &stack.aws.calls().snapshot());
        assert_eq!(calls, expected(n), "{}", table(n));
        stack.destroy(&graph).await;
    });
}

#[test]
fn a_thousand_resources_take_few_calls() {
    for n in [100, 1000] {
        let sum = |calls: fn(&Row) -> fn(u64) -> u64| -> u64 {
            ROWS.iter().map(|row| calls(row)(n)).sum()
        };
        let (forced, made) = (sum(|row| row.forced), sum(|row| row.made));
        assert!(ratio(made, forced) <= BEYOND_FORCED_MAX, "{made} for {forced}:\n{}", table(n));
        let resources = n * RESOURCES_EACH + 1;
        assert!(ratio(made, resources) <= CALLS_PER_RESOURCE_MAX, "{made} for {resources}");
    }
}

fn ratio(a: u64, b: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts of calls are small")]
    let ratio = a as f64 / b as f64;
    ratio
}

fn expected(n: u64) -> CallsSince {
    let mut calls = CallsSince::new();
    for Row { service, action, made, .. } in ROWS {
        calls.entry((*service).into()).or_default().insert((*action).into(), made(n));
    }
    calls
}

fn table(n: u64) -> String {
    let line = |row: &Row| {
        let (forced, made) = ((row.forced)(n), (row.made)(n));
        format!("{:>5} of {forced:>5}  {} {}: {}\n", made, row.service, row.action, row.why)
    };
    ROWS.iter().map(line).collect()
}

/// What was called between two counts.
fn since(before: &CallsSince, after: &CallsSince) -> CallsSince {
    let mut calls = CallsSince::new();
    for (service, actions) in after {
        for (action, count) in actions {
            let earlier = before.get(service).and_then(|actions| actions.get(action));
            let made = count - earlier.copied().unwrap_or_default();
            if made > 0 {
                calls.entry(service.clone()).or_default().insert(action.clone(), made);
            }
        }
    }
    calls
}

fn fleet(stack: &TestStack, n: u64) -> Graph {
    let mut builder = stack.builder();
    let mut add = |at: Address, kind: &str, output: &str, spec: Value| {
        builder.add(at, kind, spec).output(output)
    };
    let vpc = add(
        Address::of("fleet", "vpc"),
        "AWS::EC2::VPC",
        "VpcId",
        json!({"CidrBlock": "10.0.0.0/16"}),
    );
    for index in 0..n {
        let name = format!("fleet/service-{index}");
        let at = |role: &str| Address::of(&format!("services.service-{index}"), role);
        let repository = json!({
            "RepositoryName": name, "ImageTagMutability": "IMMUTABLE",
            "LifecyclePolicy": {"LifecyclePolicyText": {"rules": [{
                "rulePriority": 1, "action": {"type": "expire"},
                "selection":
                    {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 50},
            }]}},
        });
        add(at("repository"), "AWS::ECR::Repository", "Arn", repository);
        let role = json!({
            "RoleName": format!("fleet-service-{index}"), "Description": "pods of a service",
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"Service": "pods.eks.amazonaws.com"},
            }]},
        });
        let role = add(at("role"), "AWS::IAM::Role", "RoleName", role);
        let policy = json!({
            "RoleName": role, "PolicyName": "uses",
            "PolicyDocument": {"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"},
            ]},
        });
        add(at("role-policy"), "AWS::IAM::RolePolicy", "PolicyName", policy);
        let group = json!({"LogGroupName": format!("/{name}"), "RetentionInDays": 30});
        add(at("log-group"), "AWS::Logs::LogGroup", "Arn", group);
        let secret = json!({"Name": name, "GenerateSecretString": {"PasswordLength": 40}});
        add(at("secret"), "AWS::SecretsManager::Secret", "SecretArn", secret);
        let group = json!({
            "VpcId": vpc, "GroupDescription": name,
            "SecurityGroupIngress": [], "SecurityGroupEgress": [],
        });
        let group = add(at("group"), "AWS::EC2::SecurityGroup", "GroupId", group);
        let rule = json!({
            "GroupId": group, "IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080,
            "CidrIp": "10.0.0.0/16",
        });
        add(at("in"), "AWS::EC2::SecurityGroupIngress", "Id", rule.clone());
        add(at("out"), "AWS::EC2::SecurityGroupEgress", "Id", rule);
    }
    builder.build().unwrap()
}
