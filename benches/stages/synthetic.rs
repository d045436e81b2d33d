//! Blueprints of any size, and the three sides that follow from them: as if each had been applied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{LazyLock, Mutex};

use platctl::address::{self, Address, Owner, PhysicalId};
use platctl::blueprint::{self, Blueprint, Selection};
use platctl::chart::Rendered;
use platctl::graph::compile::{Account, compile};
use platctl::graph::{Graph, order};
use platctl::kind::{Observed, Outputs, Readiness, Ref, Tagging, reference};
use platctl::kinds;
use platctl::observe::Observation;
use platctl::state::{Record, State, Status};

pub(crate) const REGION: &str = "eu-west-1";

/// A blueprint with all that follows from it.
pub(crate) struct Stack {
    pub(crate) text: String,
    pub(crate) blueprint: Blueprint,
    pub(crate) graph: Graph,
    /// Nothing is recorded.
    pub(crate) empty: State,
    /// All of the graph is recorded, and there as recorded.
    pub(crate) state: State,
    pub(crate) observation: Observation,
}

/// The stack of about so many resources, made once.
pub(crate) fn stack(resources: usize) -> &'static Stack {
    static MADE: LazyLock<Mutex<BTreeMap<usize, &'static Stack>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap();
    made.entry(resources).or_insert_with(|| Box::leak(Box::new(Stack::of(resources))))
}

pub(crate) fn account() -> Account {
    Account { id: "123456789012".into(), partition: "aws".into() }
}

impl Stack {
    fn of(resources: usize) -> Self {
        let size = |services| graph(&load(&text(services))).nodes.len();
        let (one, two) = (size(1), size(2));
        let services = 1 + resources.saturating_sub(one) / (two - one);
        let text = text(services);
        let blueprint = load(&text);
        let graph = graph(&blueprint);
        let state = recorded(&graph);
        let seen = state.resources.iter().map(|(at, record)| (at.clone(), observed(at, record)));
        let observation = seen.collect();
        let empty = State::new(graph.stack.clone(), "lineage".into());
        Self { text, blueprint, graph, empty, state, observation }
    }
}

/// A network and a cluster for some services, each of them with what services usually have.
fn text(services: usize) -> String {
    let mut text = format!(
        r#"apiVersion: platctl.dev/v1
kind: Blueprint
name: bench
region: {REGION}
tags: {{team: platform}}
network:
  cidr: 10.0.0.0/16
  subnets:
    public: [10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]
    private: [10.0.11.0/24, 10.0.12.0/24, 10.0.13.0/24]
    data: [10.0.21.0/24, 10.0.22.0/24, 10.0.23.0/24]
cluster:
  version: "1.33"
  nodeGroups: {{application: {{instanceTypes: [m6i.large], size: 2..6}}}}
  addons: {{vpc-cni: {{beforeNodes: true}}, eks-pod-identity-agent: {{}}, coredns: {{}}}}
keys: {{data: {{}}}}
"#
    );
    let mut section = |name: &str, component: &dyn Fn(usize) -> String| {
        writeln!(text, "{name}:").unwrap();
        for service in 0..services {
            writeln!(text, "  s{service}: {{{}}}", component(service)).unwrap();
        }
    };
    section("databases", &|_| {
        "engine: postgres, version: \"17\", class: db.m6g.large, storage: 50Gi..500Gi, replicas: 1, \
         backups: 14d, key: data, parameters: {work_mem: 64MB}, rotation: 30d"
            .into()
    });
    section("secrets", &|_| "generate: {length: 48}, key: data".into());
    section("logs", &|_| "retention: 90d, key: data".into());
    section("registries", &|_| "keep: 30".into());
    section("loadBalancers", &|service| {
        format!(
            "protocol: http, targets: {{a{service}: {{port: 8000}}, b: {{port: 8001}}}}, default: b"
        )
    });
    section("identities", &|service| {
        format!(
            "serviceAccount: shop/s{service}, uses: [database.s{service}:connect, secret.s{service}:read, \
             log.s{service}:write, registry.s{service}:pull]"
        )
    });
    text
}

fn load(text: &str) -> Blueprint {
    let loaded = blueprint::load_bytes("bench.yaml", text.as_bytes(), Selection::default());
    loaded.blueprint.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

fn graph(blueprint: &Blueprint) -> Graph {
    compile(blueprint, &account(), &Rendered::default())
        .unwrap_or_else(|errors| panic!("{errors:#?}"))
}

/// As if the graph had been applied.
fn recorded(graph: &Graph) -> State {
    let mut outputs: BTreeMap<Address, Outputs> = BTreeMap::new();
    for node in graph.nodes.values() {
        for (_, Ref { address, output }) in reference::all(&node.spec) {
            let value = format!("{address}.{output}");
            outputs.entry(address).or_default().insert(output, value);
        }
    }
    let known = |of: &Ref| outputs.get(&of.address)?.get(&of.output).cloned();
    let mut state = State::new(graph.stack.clone(), "lineage".into());
    for address in order::topological(graph.nodes.iter().map(|(at, node)| (at, &node.needs))) {
        let node = &graph.nodes[address];
        let kind = kinds::find(&node.kind).unwrap();
        let spec = platctl::plan::resolved(kind, &node.spec, &known);
        let id = kind.natural_id(&spec).unwrap_or_else(|| PhysicalId::new(address.as_str()));
        let record = Record {
            kind: node.kind.clone(),
            region: node.region.clone(),
            id: Some(id),
            status: Status::Stable,
            spec: spec.into(),
            intended: None,
            outputs: outputs.get(address).cloned().unwrap_or_default(),
            needs: node.needs.clone(),
            deletion: node.deletion,
        };
        state.resources.insert(address.clone(), record);
    }
    state
}

/// As if what is recorded were there, unchanged.
fn observed(address: &Address, record: &Record) -> Observed {
    let tagged = kinds::find(&record.kind).unwrap().tagging() != Tagging::None;
    let stack = address::Stack::new("bench");
    Observed {
        id: record.id.clone().unwrap(),
        owner: tagged.then(|| Owner { stack, address: address.clone() }),
        spec: record.spec.open(),
        outputs: record.outputs.clone(),
        readiness: Readiness::Ready,
    }
}
