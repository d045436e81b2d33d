//! Every blueprint of `blueprints/`, in every environment: applied, planned to empty, destroyed, nothing left.

use std::path::{Path, PathBuf};

use platctl::blueprint::{self, Blueprint, Selection};
use platctl::graph::Graph;
use platctl::graph::compile::{Account, compile};

use crate::support::{TestStack, with_sandbox};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("blueprints").join(name)
}

fn load(name: &str, environment: &str) -> Blueprint {
    let selection = Selection { environment: Some(environment), sets: &[] };
    let loaded = blueprint::load(&path(name), selection);
    loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

async fn graph(stack: &TestStack, blueprint: &Blueprint) -> Graph {
    let cx = stack.aws.region(blueprint.region.as_str());
    let account = cx.account().await.unwrap();
    let account = Account { id: account.id.clone(), partition: account.partition.clone() };
    compile(blueprint, &account).unwrap()
}

fn lives(name: &'static str, environment: &'static str) {
    let blueprint = load(name, environment);
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, &blueprint.stack).await;
        let graph = graph(&stack, &blueprint).await;
        stack.apply(&graph).await;
        stack.destroy(&graph).await;
    });
}

#[test]
fn birthday_api_dev() {
    lives("birthday-api.yaml", "dev");
}

#[test]
fn birthday_api_staging() {
    lives("birthday-api.yaml", "staging");
}

#[test]
fn birthday_api_prod() {
    lives("birthday-api.yaml", "prod");
}
