//! Corrections by hand: each is a version of its own, and can be taken back.

use std::fs;

use serde_json::json;

use super::{BLUEPRINT, Stage};
use crate::support::with_sandbox;

#[test]
fn a_resource_moves_to_another_address_and_stays_what_it_is() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let before = stage.json("state show resources.news/resource");
        let moved = stage.json("state mv resources.news resources.offers");
        assert_eq!(moved["moved"], json!({"resources.news/resource": "resources.offers/resource"}));
        let stage = stage.blueprint(&BLUEPRINT.replace("  news:", "  offers:"));
        let after = stage.json("state show resources.offers/resource");
        assert_eq!(after["id"], before["id"]);
        stage.ends(2, "plan");
        let applied = stage.succeeds("apply --yes --json");
        let summary: serde_json::Value =
            serde_json::from_str(applied.lines().last().unwrap()).unwrap();
        assert_eq!(summary["done"]["update"], 1, "{summary}");
        assert_eq!(summary["done"]["create"], 0, "{summary}");
        stage.succeeds("plan");

        let refused = stage.fails("state mv resources.offers/resource logs.app/log-group");
        assert!(refused.contains("something is recorded at logs.app/log-group"), "{refused}");
        let unknown = stage.fails("state mv resources.offer resources.news");
        assert!(unknown.contains("Did you mean `resources.offers`?"), "{unknown}");
        stage.succeeds("destroy --yes --allow-delete *");
    });
}

#[test]
fn what_is_forgotten_stays_and_is_adopted_again() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let all = stage.recorded();
        let told = stage.succeeds("state rm resources.news logs");
        assert!(told.contains("Nothing was deleted"), "{told}");
        assert_eq!(stage.recorded().len(), all.len() - 2);
        let plan = stage.ends(2, "plan --json");
        let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
        assert_eq!(plan["summary"]["create"], 0, "{}", plan["summary"]);
        assert_eq!(plan["summary"]["adopt"], 2, "{}", plan["summary"]);

        let versions = stage.json("state history")["versions"].clone();
        let serials: Vec<u64> =
            versions.as_array().unwrap().iter().map(|it| it["serial"].as_u64().unwrap()).collect();
        assert_eq!(serials, [2, 1]);
        assert_eq!(versions[0]["purpose"], "state rm");
        assert_eq!(versions[1]["purpose"], "apply");
        assert_eq!(versions[1]["resources"], all.len());
        let restored = stage.json("state restore 1");
        assert_eq!((&restored["serial"], &restored["restored"]), (&json!(3), &json!(1)));
        assert_eq!(restored["returning"], json!(["logs.app/log-group", "resources.news/resource"]));
        assert_eq!(stage.recorded(), all);
        stage.succeeds("plan");
        let unknown = stage.fails("state restore 77");
        assert!(unknown.contains("state history"), "{unknown}");
        stage.succeeds("destroy --yes --allow-delete *");
    });
}

#[test]
fn a_state_is_pulled_and_pushed_unless_it_would_undo_something() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let pulled = stage.succeeds("state pull");
        let file = |name: &str, text: &str| fs::write(stage.path().join(name), text).unwrap();
        file("same.json", &pulled);
        let mut state: serde_json::Value = serde_json::from_str(&pulled).unwrap();
        state["resources"].as_object_mut().unwrap().remove("logs.app/log-group");
        file("less.json", &state.to_string());
        let pushed = stage.json("state push less.json");
        assert_eq!(pushed["serial"], 2);
        assert!(!stage.recorded().contains(&"logs.app/log-group".to_owned()));

        let older = stage.fails("state push same.json");
        assert!(older.contains("it has serial 1, the recorded one 2"), "{older}");
        state["serial"] = json!(9);
        state["lineage"] = json!("another");
        file("other.json", &state.to_string());
        let foreign = stage.fails("state push other.json");
        assert!(foreign.contains("another history"), "{foreign}");
        state["stack"] = json!("mall");
        file("mall.json", &state.to_string());
        assert!(stage.fails("state push mall.json --force").contains("belongs to the stack"));
        file("broken.json", "{\"version\": 1");
        stage.fails("state push broken.json");

        stage.succeeds("state push same.json --force");
        let again: serde_json::Value = serde_json::from_str(&stage.succeeds("state pull")).unwrap();
        assert_eq!(again["serial"], 3);
        stage.succeeds("plan");
        let versions = stage.json("state history")["versions"].as_array().unwrap().len();
        assert_eq!(versions, 3);
        stage.succeeds("destroy --yes --allow-delete *");
    });
}

/// What a cut-off apply has left is finished first: its records may not know yet what was made.
#[test]
fn a_cut_off_apply_is_finished_before_anything_is_corrected() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let mut state: serde_json::Value =
            serde_json::from_str(&stage.succeeds("state pull")).unwrap();
        let journal = [
            json!({"journal": 1, "lineage": state["lineage"], "serial": 2}),
            json!({"address": "logs.app/log-group", "event": "deleteBegun"}),
        ];
        let text = journal.map(|line| line.to_string() + "\n").concat();
        fs::write(stage.path().join(".platctl/shop/journal.jsonl"), text).unwrap();
        state["serial"] = json!(5);
        fs::write(stage.path().join("new.json"), state.to_string()).unwrap();
        let before = stage.state_files();
        for line in [
            "state mv resources.news resources.offers",
            "state rm logs.app",
            "state push new.json",
            "state restore 1",
            "state recover",
            "state rotate",
        ] {
            let refused = stage.fails(line);
            assert!(refused.contains("an apply was cut off"), "{line}: {refused}");
        }
        assert_eq!(stage.state_files(), before);
        stage.succeeds("apply --yes");
        stage.succeeds("state rm logs.app");
    });
}

#[test]
fn nobody_has_the_lock() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        let told = stage.succeeds("state unlock --yes");
        assert!(told.contains("Nobody"), "{told}");
        assert_eq!(stage.json("state unlock --yes")["holder"], json!(null));
        assert!(!stage.path().join(".platctl").exists());
    });
}
