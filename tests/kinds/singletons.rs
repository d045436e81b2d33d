//! What an account and region have one of: never taken over, and running whatever happens to what it stands on.

use std::collections::BTreeMap;

use platctl::address::Address;
use platctl::fault::Class;
use platctl::kind::Token;
use platctl::kinds;
use platctl::plan::{Action, Intent, Origin, plan};
use serde_json::{Map, json};

use super::{Fixture, action, subject};
use crate::support::{REGION, TestStack, changes, with_sandbox};

/// Where a region has room for one object only, somebody else's is a conflict, whatever it is called.
#[test]
fn the_only_one_of_a_region_is_not_taken_over() {
    let foreign = [
        ("guardduty_detector", json!({"Enable": false}), json!({"Enable": true})),
        (
            "config_configuration_recorder",
            json!({"Name": "theirs", "RoleARN": "arn:aws:iam::123456789012:role/theirs"}),
            json!({"Name": "ours", "RoleARN": "arn:aws:iam::123456789012:role/ours"}),
        ),
    ];
    for (file, theirs, ours) in foreign {
        let fixture = Fixture::load(file);
        let kind = kinds::find(&fixture.kind).unwrap();
        with_sandbox(|server| async move {
            let stack = TestStack::new(&server, "conf").await;
            let cx = stack.aws.region(REGION);
            let id = kind.create(&cx, &theirs, &Token("theirs".into())).await.unwrap();

            let graph = fixture.graph(&stack, &Map::new());
            let (state, observation) =
                (stack.store.load().await.unwrap(), stack.observe(&graph).await);
            let origin = Origin { intent: Intent::Apply, region: REGION, blueprint: "test" };
            let conflicts = plan(&graph, &state, &observation, origin).conflicts;
            let found: Vec<_> = conflicts.iter().map(|it| (&it.address, &it.id)).collect();
            assert_eq!(found, [(&subject(), &id)]);

            // Made between the plan and its apply, it is refused by the service.
            let fault = kind.create(&cx, &ours, &Token("ours".into())).await.unwrap_err();
            assert!(fault.is(Class::Exists), "{fault:?}");
        });
    }
}

/// The recorder is started behind its channel, again when somebody stops it, and again when it is another one.
#[test]
fn a_recorder_records_whatever_happens_to_it() {
    with_sandbox(|server| async move {
        let mut fixture = Fixture::load("config_delivery_channel");
        fixture.buckets = BTreeMap::from([("conf-recording".into(), Map::new())]);
        fixture.spec["S3BucketName"] = json!("conf-recording");
        let stack = TestStack::new(&server, "conf").await;
        fixture.make_buckets(&stack).await;
        let config = &stack.aws.region(REGION).config;
        let recording = async || {
            let reply = config.describe_configuration_recorder_status().send().await.unwrap();
            let [recorder] = reply.configuration_recorders_status() else { panic!("{reply:?}") };
            recorder.recording.then(|| recorder.name().unwrap().to_owned())
        };
        let graph = fixture.graph(&stack, &Map::new());
        stack.apply(&graph).await;
        assert_eq!(recording().await.as_deref(), Some("default"));

        let stop = config.stop_configuration_recorder().configuration_recorder_name("default");
        stop.send().await.unwrap();
        let plan = stack.apply(&graph).await;
        assert_eq!(plan.changes[&subject()].rows(), ["ConfigurationRecorderName"]);
        assert_eq!(recording().await.as_deref(), Some("default"));

        let recorder = fixture.given.get_mut(&Address::of("given", "recorder")).unwrap();
        recorder.spec["Name"] = json!("renamed");
        let graph = fixture.graph(&stack, &Map::new());
        let plan = stack.apply(&graph).await;
        assert_eq!(action(&plan), Action::Update, "{:?}", changes(&plan));
        assert_eq!(recording().await.as_deref(), Some("renamed"));
        stack.destroy(&graph).await;
    });
}
