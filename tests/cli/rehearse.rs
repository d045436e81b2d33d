//! `platctl rehearse`: no cloud, no sandbox, no waiting.

use serde_json::Value;

use super::{BLUEPRINT, Run};

fn rehearsed(line: &str) -> (i32, Value) {
    let ended = Run::with_blueprint().run(&format!("rehearse --json {line}"));
    (ended.exit, ended.json())
}

#[test]
fn a_rehearsal_tells_how_long_what_for_and_how_many_calls() {
    let (exit, told) = rehearsed("");
    assert_eq!((exit, &told["success"]), (0, &true.into()));
    assert!(told["seconds"].as_f64().unwrap() > 15.0, "a VPC takes that long: {told}");
    assert_eq!(told["criticalPath"][0]["address"], "network/vpc");
    assert!(told["apiCalls"]["ec2"]["CreateVpc"] == 1, "{told}");
    assert_eq!(told["again"]["keep"], told["summary"]["create"], "another plan keeps it all");
    let human = Run::with_blueprint().run("rehearse");
    assert!(human.stdout.contains("Another plan would find nothing to do."), "{}", human.all());
    assert!(human.stdout.contains("on AWS, mostly for:"), "{}", human.all());
}

#[test]
fn the_same_seed_is_the_same_rehearsal() {
    let line = "--seed 7 --fault throttle=20% --fault lost=10% --fault fail=10%";
    let (first, other) = (rehearsed(line), rehearsed("--seed 8 --fault throttle=20%"));
    assert_eq!(first, rehearsed(line));
    assert_ne!(first.1["apiCalls"], other.1["apiCalls"]);
    assert!(first.1["retries"].as_object().is_some_and(|retries| !retries.is_empty()), "{first:?}");
}

#[test]
fn a_rehearsal_tells_what_would_fail() {
    let (exit, told) = rehearsed("--fault denied@create:AWS::EC2::Subnet");
    assert_eq!((exit, &told["success"]), (1, &false.into()));
    assert_eq!(told["failed"][0]["address"], "network/subnet/public-a");
    assert_eq!(told["failed"][0]["fault"]["class"], "denied");
    let skipped = told["skipped"].as_object().unwrap();
    assert!(skipped.keys().all(|address| address.starts_with("network/")), "{skipped:?}");
}

#[test]
fn changes_and_ends_are_rehearsed_too() {
    let run = Run::with_blueprint().file("next.yaml", &BLUEPRINT.replace("10.0.", "10.1."));
    let next = run.run("rehearse next.yaml --from platctl.yaml --json").json();
    assert!(next["summary"]["replace"].as_u64().unwrap() > 0, "{next}");
    let end = run.run("rehearse --destroy --json").json();
    assert!(end["summary"]["delete"].as_u64().unwrap() > 0, "{end}");
    assert_eq!((&end["success"], &end["again"]["delete"]), (&true.into(), &0.into()));
    let recorded = run.run("rehearse --recorded --json").json();
    assert_eq!(recorded["summary"]["keep"], 0, "nothing is recorded yet");
    let other = run.file("other.yaml", &BLUEPRINT.replace("name: shop", "name: mall"));
    let refused = other.run("rehearse --from other.yaml");
    assert_eq!(refused.exit, 1);
    assert!(refused.stderr.contains("are two stacks"), "{}", refused.all());
}

#[test]
fn a_fault_that_cannot_be_made_is_a_wrong_command_line() {
    for (fault, why) in [
        ("fire", "`fire` is no trouble that platctl can make"),
        ("lost=200%", "`200%` is no probability"),
        ("lost@make:AWS::EC2::VPC", "`make` is none of read, create, update, delete"),
    ] {
        let ended = Run::with_blueprint().run(&format!("rehearse --fault {fault}"));
        assert_eq!(ended.exit, 64);
        assert!(ended.stderr.contains(why), "{}", ended.all());
    }
}
