//! How many calls a plan makes that finds nothing to do: no more than the APIs force. Where a list or a batch getter
//! carries what is compared, that is one call a page; where nothing else tells it, one call for each object.
//!
//! The fleet is `examples/fleet.yaml`. [`run`] prints the same table for a run of the command.

mod run;

use std::path::Path;

use platctl::blueprint::{self, Selection};
use platctl::chart::Rendered;
use platctl::cloud::calls::CallsSince;
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};
use platctl::plan::Intent;

use crate::support::{REGION, TestStack, changes, with_sandbox};

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
    row(
        "ec2",
        "DescribeNetworkAcls",
        |_| 1,
        |_| 3,
        "a list tells its entries and associations, too; they are three kinds, read apart",
    ),
    row(
        "ec2",
        "DescribeRouteTables",
        |_| 1,
        |_| 2,
        "a list tells its associations, too; they are two kinds, read apart",
    ),
    forced("ec2", "DescribeSecurityGroups", |n| pages(n, 200), "a filter takes 200 ids"),
    row(
        "ec2",
        "DescribeSecurityGroupRules",
        |n| pages(n, 200) + pages(n, 200),
        |n| 3 * pages(n, 200),
        "a filter takes 200 ids: of rules, and of groups for their own rules. Rules that come in and that go out are two \
         kinds, read apart",
    ),
    forced("ec2", "DescribeSubnets", |_| 1, "two subnets for all"),
    forced(
        "ec2",
        "DescribeVpcAttribute",
        |_| 2,
        "names of hosts, and resolving them: one call each",
    ),
    forced("ec2", "DescribeVpcs", |_| 1, "one VPC for all"),
    forced("ecr", "DescribeRepositories", |n| pages(n, 1000), "pages of 1000"),
    forced(
        "ecr",
        "GetLifecyclePolicy",
        |n| n,
        "no call tells the policies of several repositories",
    ),
    forced(
        "iam",
        "GetAccountAuthorizationDetails",
        |n| pages(n, 1000),
        "pages of 1000 roles with tags and all policies, asked once for roles and their policies",
    ),
    forced("iam", "ListRoles", |n| pages(n, 1000), "descriptions are only here; pages of 1000"),
    forced("logs", "DescribeLogGroups", |n| pages(n, 50), "a call takes 50 names"),
    forced("secretsmanager", "ListSecrets", |n| pages(n, 100), "pages of 100"),
    forced("sqs", "ListQueues", |n| pages(2 * n, 1000), "pages of 1000"),
    forced(
        "sqs",
        "GetQueueAttributes",
        |n| 2 * n,
        "no call tells the attributes of several queues; asked once for a queue and its policy",
    ),
    forced("ssm", "GetParameters", |n| pages(n, 10), "a call takes 10 names"),
    forced("ssm", "DescribeParameters", |n| pages(n, 50), "a filter takes 50 names"),
    row(
        "tagging",
        "GetResources",
        |n| pages(5 * n, 100),
        |n| 3 * pages(n, 100) + pages(2 * n, 100),
        "a call takes 100 ARNs; repositories, log groups, parameters and queues are read apart",
    ),
];

/// The goal for a stack of about a thousand resources.
const CALLS_PER_RESOURCE_MAX: f64 = 0.35;
/// How much more than forced is made up for by reading each kind on its own.
const BEYOND_FORCED_MAX: f64 = 1.05;

#[test]
fn a_plan_of_a_fleet_calls_what_the_apis_force() {
    with_sandbox(|server| async move {
        let (stack, n) = (TestStack::new(&server, "fleet").await, 25);
        let account = stack.aws.region(REGION).account().await.unwrap().clone();
        let graph = fleet(n, &Account { id: account.id, partition: account.partition });
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
fn thousands_of_resources_take_few_calls() {
    for n in [100, 300, 1000] {
        let sum = |calls: fn(&Row) -> fn(u64) -> u64| -> u64 {
            ROWS.iter().map(|row| calls(row)(n)).sum()
        };
        let (forced, made) = (sum(|row| row.forced), sum(|row| row.made));
        assert!(ratio(made, forced) <= BEYOND_FORCED_MAX, "{made} for {forced}:\n{}", table(n));
        let account = Account { id: "123456789012".into(), partition: "aws".into() };
        let resources = fleet(n, &account).nodes.len() as u64;
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

/// The blueprint, and the variable that says how many services it has.
const FLEET: &str = "examples/fleet.yaml";
const SERVICES: &str = "services";

fn fleet(n: u64, account: &Account) -> Graph {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FLEET);
    let sets = [(SERVICES.to_owned(), n.to_string())];
    let loaded = blueprint::load(&path, Selection { environment: None, sets: &sets });
    let blueprint = loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics));
    compile(&blueprint, account, &Rendered::default()).unwrap()
}
