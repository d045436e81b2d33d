//! What people see, as snapshots without styles, at the widths that terminals have.

use std::fmt::Display;
use std::time::Duration;

use anstream::adapter::strip_str;

use super::*;
use crate::address::PhysicalId;
use crate::apply::{Failure, Interrupt, Outcome, Skipped};
use crate::fault::{Call, Class, Fault, Residue};
use crate::plan::{Action, Op, drift as drifts};
use crate::recover::{Recovered, Stray, Thing};
use crate::report::fixture::{at, destruction, everything, nothing, state};
use crate::report::{Detail, View};
use crate::state::edit::Difference;
use crate::state::seal::Wrap;
use crate::state::{State, Version, Written};

fn plain(report: impl Display) -> String {
    strip_str(&report.to_string()).to_string()
}

fn view(width: usize) -> View {
    View { width, ..View::default() }
}

#[test]
fn everything_at_once() {
    insta::assert_snapshot!("plan_120", plain(plan(&everything(), view(120))));
    insta::assert_snapshot!("plan_80", plain(plan(&everything(), view(80))));
    let full = View { detail: Detail::Full, speed: 300.0, ..view(120) };
    insta::assert_snapshot!("plan_full", plain(plan(&everything(), full)));
    let brief = View { detail: Detail::Brief, ..view(120) };
    insta::assert_snapshot!("plan_brief", plain(plan(&everything(), brief)));
}

#[test]
fn no_line_of_a_report_is_longer_than_the_terminal() {
    for width in [80, 100, 120] {
        let text = plain(plan(&everything(), view(width)));
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > width).collect();
        assert!(long.is_empty(), "{long:#?}");
    }
}

#[test]
fn the_end_of_a_stack_and_nothing_at_all() {
    insta::assert_snapshot!("destroy", plain(plan(&destruction(), view(100))));
    insta::assert_snapshot!(plain(plan(&nothing(), view(100))), @"No changes: shop-prod is as the blueprint says (1 resource).");
}

#[test]
fn drift_alone() {
    let plan = everything();
    insta::assert_snapshot!("drift", plain(drift(&plan, &drifts::drift(&plan), view(100))));
    let plan = nothing();
    let report = plain(drift(&plan, &drifts::drift(&plan), view(100)));
    insta::assert_snapshot!(report, @"No drift: shop-prod is as it was applied (1 live resource).");
}

pub(super) fn failed() -> Outcome {
    let fault = Fault {
        call: Some(Call { service: "rds".into(), action: "DeleteDBInstance".into() }),
        code: Some("InvalidDBInstanceState".into()),
        request_id: Some("8f3c".into()),
        ..Fault::new(Class::Busy, "Instance shop is currently creating a snapshot.")
    };
    let made = Fault::new(Class::Invalid, "no capacity").leaving(&PhysicalId::new("subnet-1"));
    let failure = |address: &str, op, kind: &str, fault| Failure {
        address: at(address),
        op,
        kind: kind.into(),
        id: None,
        fault,
    };
    Outcome {
        done: [
            (at("network/second"), Action::CreateThenDelete),
            (at("network/second@replaced"), Action::Delete),
            (at("logs.api/group"), Action::Update),
        ]
        .into(),
        failed: vec![
            failure("databases.main/instance", Op::Delete, "AWS::RDS::DBInstance", fault),
            failure("network/subnet/b", Op::Ready, "AWS::EC2::Subnet", made),
            failure(
                "keys.data/key",
                Op::Create,
                "AWS::KMS::Key",
                Fault { residue: Residue::None, ..Fault::new(Class::Denied, "not authorized") },
            ),
        ],
        skipped: [
            (at("network/subnet/a"), Skipped::Needs(at("network/subnet/b"))),
            (at("logs.cluster/group"), Skipped::Interrupted),
        ]
        .into(),
        interrupted: None,
    }
}

#[test]
fn ends_of_an_apply() {
    let (plan, took) = (everything(), Duration::from_secs(83));
    insta::assert_snapshot!("outcome_failed", plain(outcome(&plan, &failed(), took, view(100))));
    let interrupted = Outcome { interrupted: Some(Interrupt::Drain), ..Outcome::default() };
    insta::assert_snapshot!(plain(outcome(&plan, &interrupted, took, view(100))));
    let done = [(at("network/third"), Action::Adopt), (at("network/subnet/b"), Action::Create)];
    let done = Outcome { done: done.into(), ..Outcome::default() };
    insta::assert_snapshot!(plain(outcome(&plan, &done, took, view(100))));
}

#[test]
fn what_is_recorded() {
    let state = state();
    insta::assert_snapshot!("records", plain(records(&state)));
    let address = at("identities.app/role");
    let report = record(&address, &state.resources[&address]);
    insta::assert_snapshot!("record", plain(report));
}

#[test]
fn kinds_and_their_fields() {
    let of = |name| crate::kinds::find(name).unwrap();
    insta::assert_snapshot!("kind", plain(kind(of("AWS::KMS::Key"), view(80))));
    let some = [of("AWS::EC2::VPC"), of("AWS::IAM::Role")];
    insta::assert_snapshot!("kinds", plain(kinds(&some, view(80))));
}

#[test]
fn what_became_of_a_state() {
    let before = state();
    let after = State { serial: before.serial + 1, ..before.clone() };
    let versions = [(3, "apply", 41, 48_211), (2, "state mv", 41, 812)].map(
        |(serial, purpose, resources, size)| Version {
            serial,
            written: Some(Written {
                time: "2026-11-25T21:54:11Z".into(),
                by: "ann@laptop".into(),
                purpose: purpose.into(),
            }),
            resources,
            size,
        },
    );
    let first = Version { serial: 1, written: None, resources: 1, size: 3_000_000 };
    let versions: Vec<Version> = versions.into_iter().chain([first]).collect();
    let address = before.resources.keys().next().unwrap().clone();
    let mut told = vec![
        plain(history(&versions)),
        plain(history(&[])),
        plain(moved(&[(address.clone(), at("elsewhere/it"))].into(), &after)),
        plain(forgotten(&before, &[address.clone()].into(), &after)),
        plain(pushed(&after)),
    ];
    let difference = Difference {
        returning: [address.clone()].into(),
        leaving: [at("logs.old/group")].into(),
        differing: [at("network/vpc")].into(),
    };
    told.push(plain(restored(2, &difference, &after)));
    told.push(plain(restored(2, &Difference::default(), &after)));
    let stray = |arn: &str, recorded| Stray {
        thing: Thing::Arn(arn.into()),
        address: at("topics.news/topic"),
        recorded,
    };
    let object = Thing::Object {
        kind: "v1/ConfigMap".into(),
        id: PhysicalId::joined(["shop", "apps", "settings"]),
    };
    let found = Recovered {
        state: after.clone(),
        missing: [at("logs.api/group")].into(),
        conflicts: everything().conflicts,
        strays: vec![
            stray("arn:aws:sns:eu-west-1:123456789012:news", Some(at("topics.news/topic"))),
            stray("arn:aws:robomaker:eu-west-1:123456789012:robot/r", None),
            Stray {
                thing: object,
                address: at("resources.settings/resource"),
                recorded: Some(at("resources.settings/resource")),
            },
        ],
        unseen: [(address, vec!["MasterUserSecret".into()])].into(),
    };
    told.push(plain(recovered(&found)));
    for wrap in [Wrap::Open, Wrap::Passphrase, Wrap::Kms("alias/state".into())] {
        told.push(plain(rotated(&wrap, &after)));
    }
    insta::assert_snapshot!("state", told.join("\n---\n"));
}
