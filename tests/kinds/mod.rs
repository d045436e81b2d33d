//! One conformance life cycle per kind, on the wire: create, empty plan, drift of tags and properties seen and healed,
//! update, replacement, deletion from outside, destruction. Each kind's fixture is `<file of the kind>.yaml`.

mod singletons;
mod together;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use platctl::address::Address;
use platctl::graph::Graph;
use platctl::kind::{AnyKind, Compare, DeletionPolicy, Lookup, Observed, Tagging, Update, Wanted};
use platctl::kinds;
use platctl::plan::diff::{Sides, differences};
use platctl::plan::{Action, Cause, Intent, Plan};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::support::{REGION, TestStack, changes, with_sandbox};

/// A kind, what it needs, and how it changes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fixture {
    kind: String,
    /// Where the kind and what it needs stand, if not where the other tests' resources do.
    #[serde(default = "default_region")]
    region: String,
    /// Buckets that are there already, with their policies: `{}` is none.
    #[serde(default)]
    buckets: BTreeMap<String, Map<String, Value>>,
    #[serde(default)]
    given: BTreeMap<Address, Given>,
    /// What of `given` must work before the subject is made, although its spec does not refer to it.
    #[serde(default)]
    after: Vec<Address>,
    spec: Map<String, Value>,
    /// Merged into the spec: must be an update in place.
    #[serde(default)]
    update: Map<String, Value>,
    /// Each one merged into the spec: must be a replacement.
    #[serde(default)]
    replace: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    kind: String,
    spec: Value,
    /// Further resources that must work before it is made.
    #[serde(default)]
    after: Vec<Address>,
}

fn default_region() -> String {
    REGION.into()
}

/// The resource under test.
fn subject() -> Address {
    Address::of("conf", "subject")
}

impl Fixture {
    fn load(file: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/kinds")
            .join(file)
            .with_extension("yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn graph(&self, stack: &TestStack, patch: &Map<String, Value>) -> Graph {
        let mut builder = stack.builder();
        for (address, Given { kind, spec, after }) in &self.given {
            let given = builder.add(address.clone(), kind, spec.clone());
            given.region(&self.region).after_all(after);
        }
        let mut spec = self.spec.clone();
        spec.extend(patch.clone());
        let added = builder.add(subject(), &self.kind, Value::Object(spec));
        added.region(&self.region).after_all(&self.after);
        builder.build().unwrap()
    }

    async fn make_buckets(&self, stack: &TestStack) {
        let s3 = &stack.aws.region(REGION).s3;
        for (name, policy) in &self.buckets {
            let here = BucketLocationConstraint::from(REGION);
            let here = CreateBucketConfiguration::builder().location_constraint(here).build();
            let bucket = s3.create_bucket().bucket(name).create_bucket_configuration(here);
            bucket.send().await.unwrap();
            if !policy.is_empty() {
                let text = serde_json::to_string(policy).unwrap();
                s3.put_bucket_policy().bucket(name).policy(text).send().await.unwrap();
            }
        }
    }
}

fn conform(file: &str) {
    let fixture = Fixture::load(file);
    let kind = kinds::find(&fixture.kind).unwrap();
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "conf").await;
        fixture.make_buckets(&stack).await;
        let base = fixture.graph(&stack, &Map::new());
        stack.apply(&base).await;

        if kind.tagging() != Tagging::None {
            drift_of_a_tag(&stack, kind, &base).await;
        }
        if !fixture.update.is_empty() {
            let updated = fixture.graph(&stack, &fixture.update);
            drift_of_properties(&stack, kind, &base, &updated).await;
            let plan = stack.apply(&updated).await;
            assert_eq!(action(&plan), Action::Update, "{:?}", changes(&plan));
            let back = stack.apply(&base).await;
            assert_eq!(action(&back), Action::Update, "{:?}", changes(&back));
        }
        for patch in &fixture.replace {
            let plan = stack.apply(&fixture.graph(&stack, patch)).await;
            assert!(action(&plan).is_replacement(), "{patch:?}: {:?}", changes(&plan));
            stack.apply(&base).await;
        }
        deletion_from_outside(&stack, kind, &base).await;
        stack.destroy(&base).await;
    });
}

fn action(plan: &Plan) -> Action {
    plan.changes[&subject()].action
}

async fn observed(stack: &TestStack, graph: &Graph) -> Observed {
    stack.observe(graph).await.remove(&subject()).expect("the subject is there")
}

/// A tag that somebody changes by hand is found, exactly, and healed.
async fn drift_of_a_tag(stack: &TestStack, kind: &'static dyn AnyKind, graph: &Graph) {
    let live = observed(stack, graph).await;
    let mut edited = live.spec.clone();
    match kind.tagging() {
        Tagging::Map => edited["Tags"]["team"] = json!("edited"),
        Tagging::List => {
            let tags = edited["Tags"].as_array_mut().unwrap();
            let tag = tags.iter_mut().find(|tag| tag["Key"] == "team").unwrap();
            tag["Value"] = json!("edited");
        }
        Tagging::Labels | Tagging::None => unreachable!("asked for taggable kinds only"),
    }
    let update = Update { from: &live.spec, to: &edited, changed: &["Tags"] };
    from_outside(stack, kind, graph, &live, update).await;
    let plan = stack.plan(graph, Intent::Apply).await;
    let found = changes(&plan);
    assert!(found.len() == 1 && found[0].contains("Tags.team (Drift"), "{found:?}");
    stack.apply(graph).await;
}

/// Properties that somebody changes by hand are found, exactly, and healed.
async fn drift_of_properties(
    stack: &TestStack,
    kind: &'static dyn AnyKind,
    base: &Graph,
    updated: &Graph,
) {
    let live = observed(stack, base).await;
    let state = stack.store.load().await.unwrap();
    let known = |reference: &platctl::kind::Ref| {
        state.resources[&reference.address].outputs.get(&reference.output).cloned()
    };
    let edited = platctl::kind::reference::resolve(&updated.nodes[&subject()].spec, &known);
    let sides = Sides { desired: &edited, observed: &live.spec, recorded: None, record: None };
    let rows: BTreeSet<String> =
        differences(kind.fields(), sides).into_iter().map(|field| field.row).collect();
    // What cannot be read cannot be seen to drift, and what the blueprint does not name is not managed.
    let seen = |path: &&'static str| {
        let field = kind.fields().iter().find(|field| field.path == *path);
        let name = path.split('.').next().unwrap_or_default();
        rows.contains(*path)
            && field.is_some_and(|field| field.compare != Compare::WriteOnly)
            && base.nodes[&subject()].spec.get(name).is_some()
    };
    let changed: Vec<&'static str> =
        kind.fields().iter().map(|field| field.path).filter(seen).collect();
    assert!(!changed.is_empty(), "the fixture's update changes nothing that can be read");
    let update = Update { from: &live.spec, to: &edited, changed: &changed };
    from_outside(stack, kind, base, &live, update).await;

    let plan = stack.plan(base, Intent::Apply).await;
    let touched: Vec<&Address> =
        plan.changes.iter().filter(|(_, change)| change.is_change()).map(|(at, _)| at).collect();
    assert_eq!(touched, [&subject()], "{:?}", changes(&plan));
    let change = &plan.changes[&subject()];
    let found: Vec<&str> = change.rows();
    let expected: BTreeSet<&str> = changed.iter().copied().collect();
    // What only grows is not drift when it has grown.
    let found: BTreeSet<&str> = found.into_iter().collect();
    let grown = |path: &&str| {
        kind.fields().iter().any(|field| field.path == *path && field.compare == Compare::AtLeast)
    };
    let missing: Vec<&str> =
        expected.difference(&found).copied().filter(|path| !grown(path)).collect();
    assert!(
        missing.is_empty() && found.is_subset(&expected),
        "{:?}, missing {missing:?}",
        changes(&plan)
    );
    assert!(change.fields.iter().all(|field| field.cause == Cause::Drift), "{:?}", changes(&plan));
    stack.apply(base).await;
}

async fn deletion_from_outside(stack: &TestStack, kind: &'static dyn AnyKind, graph: &Graph) {
    let live = observed(stack, graph).await;
    let recorded = stack.store.load().await.unwrap().resources[&subject()].spec.open();
    let cx = stack.aws.region(&graph.nodes[&subject()].region);
    patiently(|| kind.delete(&cx, &live.id, &recorded, DeletionPolicy::Delete)).await;
    let wanted = [Wanted::uncompared(Lookup::Id(live.id.clone()))];
    for _ in 0..200 {
        let found = kind.read(&cx, &wanted).await.unwrap();
        if found[0].is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let plan = stack.plan(graph, Intent::Apply).await;
    assert_eq!(action(&plan), Action::Create, "{:?}", changes(&plan));
    stack.apply(graph).await;
}

async fn from_outside(
    stack: &TestStack,
    kind: &'static dyn AnyKind,
    graph: &Graph,
    live: &Observed,
    update: Update<'_, Value>,
) {
    let cx = stack.aws.region(&graph.nodes[&subject()].region);
    patiently(|| kind.update(&cx, &live.id, update)).await;
    let wanted = [Wanted::uncompared(Lookup::Id(live.id.clone()))];
    for _ in 0..200 {
        let found = kind.read(&cx, &wanted).await.unwrap();
        if found[0].as_ref().is_some_and(|seen| seen.readiness == platctl::kind::Readiness::Ready) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the subject does not become ready after an edit from outside");
}

/// Repeats what passes with time, as a person would.
async fn patiently<F: Future<Output = Result<(), platctl::fault::Fault>>>(
    mut effect: impl FnMut() -> F,
) {
    for _ in 0..100 {
        match effect().await {
            Ok(()) => return,
            Err(fault) if fault.class.passes_with_time() => {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
            Err(fault) => panic!("{fault:?}"),
        }
    }
    panic!("it never passed");
}

/// A mail address confirms when a person likes: neither its creation nor the destruction of its topic waits for that.
#[test]
fn what_is_not_confirmed_holds_nobody_up() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "unconfirmed").await;
        let topic = Address::of("alarms", "topic");
        let arn = platctl::kind::Ref::new(&topic, "TopicArn").to_value();
        let mail = json!({
            "TopicArn": arn, "Protocol": "email", "Endpoint": "ops@example.com",
            "FilterPolicy": {"kind": ["alarm"]},
        });
        let mut builder = stack.builder();
        builder.add(topic, "AWS::SNS::Topic", json!({"TopicName": "conf-alarms"}));
        builder.add(Address::of("alarms", "mail"), "AWS::SNS::Subscription", mail);
        let graph = builder.build().unwrap();
        stack.apply(&graph).await;
        stack.destroy(&graph).await;
    });
}

/// A test for each fixture, and the list of them.
macro_rules! kinds {
    ($($file:ident),* $(,)?) => {
        const FIXTURES: &[&str] = &[$(stringify!($file)),*];
        $(
            #[test]
            fn $file() {
                conform(stringify!($file));
            }
        )*
    };
}

include!("list.rs");

/// What costs a call of its own for each object is asked for if somebody compares it.
#[test]
fn reads_ask_for_what_is_compared() {
    with_sandbox(|server| async move {
        let stack = TestStack::new(&server, "reads").await;
        let mut builder = stack.builder();
        let versions = json!({"Status": "Enabled"});
        let rule = json!({"Status": "Enabled", "ExpirationInDays": 1});
        for (role, spec) in [
            ("kept", json!({"BucketName": "reads-kept", "VersioningConfiguration": versions})),
            (
                "short",
                json!({"BucketName": "reads-short", "LifecycleConfiguration": {"Rules": [rule]}}),
            ),
        ] {
            builder.add(Address::of("reads", role), "AWS::S3::Bucket", spec);
        }
        let graph = builder.build().unwrap();
        stack.apply(&graph).await;
        let calls = || stack.aws.calls().snapshot().remove("s3").unwrap();
        let before = calls();
        stack.observe(&graph).await;
        let since = |(action, count): (String, u64)| {
            let new = count - before.get(&action).copied().unwrap_or_default();
            (new > 0).then_some((action, new))
        };
        let expected = [
            ("GetBucketLifecycleConfiguration", 1),
            ("GetBucketTagging", 2),
            ("GetBucketVersioning", 1),
            ("ListBuckets", 1),
        ];
        let made: Vec<(String, u64)> = calls().into_iter().filter_map(since).collect();
        assert_eq!(made, expected.map(|(action, count)| (action.to_owned(), count)));
        stack.destroy(&graph).await;
    });
}

#[test]
fn every_kind_has_a_fixture_and_every_fixture_is_run() {
    let covered: BTreeSet<String> = FIXTURES.iter().map(|file| Fixture::load(file).kind).collect();
    let registered: BTreeSet<String> =
        kinds::KINDS.iter().map(|kind| kind.name().to_owned()).collect();
    assert_eq!(covered, registered);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kinds");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let yaml = files.filter(|path| path.extension().is_some_and(|it| it == "yaml"));
    let names: BTreeSet<String> =
        yaml.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(names, FIXTURES.iter().map(|&file| file.to_owned()).collect());
}
