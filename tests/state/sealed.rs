//! Sealed state: nothing of it can be read without the key, and a wrong key touches nothing.

use std::fs;

use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};

use super::Stage;
use crate::support::{REGION, with_sandbox};

/// What no sealed file may hold.
const CONTENT: [&str; 3] = ["AWS::", "vpc-", "10.0.0.0"];

fn is_sealed(stage: &Stage) {
    let files = stage.state_files();
    assert!(files.len() >= 2, "a checkpoint and the history: {:?}", files.keys());
    for (path, bytes) in files {
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("{\"sealed\":"), "{}", path.display());
        for word in CONTENT {
            assert!(!text.contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn by_a_passphrase() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server).env("PLATCTL_STATE_PASSPHRASE", "correct horse battery");
        stage.succeeds("apply --yes");
        is_sealed(&stage);
        stage.succeeds("plan");
        let before = stage.state_files();

        let stage = stage.env("PLATCTL_STATE_PASSPHRASE", "wrong");
        for line in ["plan", "apply --yes", "state list", "state rm logs.app", "state rotate"] {
            let refused = stage.fails(line);
            assert!(refused.contains("the passphrase does not open it"), "{line}: {refused}");
            assert!(refused.contains("PLATCTL_STATE_PASSPHRASE"), "{line}: {refused}");
        }
        let stage = stage.without("PLATCTL_STATE_PASSPHRASE");
        let refused = stage.fails("apply --yes");
        assert!(refused.contains("sealed with a passphrase, and none is given"), "{refused}");
        assert_eq!(stage.state_files(), before, "nothing was touched");

        let stage = stage
            .env("PLATCTL_STATE_PASSPHRASE", "another staple")
            .env("PLATCTL_STATE_PASSPHRASE_OLD", "correct horse battery");
        let told = stage.succeeds("state rotate");
        assert!(told.contains("by the passphrase, with a new data key"), "{told}");
        is_sealed(&stage);
        let stage = stage.without("PLATCTL_STATE_PASSPHRASE_OLD");
        stage.succeeds("plan");
        stage.succeeds("state restore 1");
        stage.succeeds("plan");
        stage.succeeds("destroy --yes --allow-delete *");
        is_sealed(&stage);
    });
}

#[test]
fn what_is_in_the_open_is_sealed_when_it_is_written_next_and_opened_again_on_demand() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        stage.succeeds("apply --yes");
        let text = fs::read_to_string(stage.path().join(".platctl/shop/state.json")).unwrap();
        assert!(text.contains("AWS::EC2::VPC"), "off by default");
        let stage = stage.env("PLATCTL_STATE_PASSPHRASE", "p");
        stage.succeeds("plan");
        stage.succeeds("state rotate");
        is_sealed(&stage);
        stage.succeeds("state rotate --open");
        let stage = stage.without("PLATCTL_STATE_PASSPHRASE");
        stage.succeeds("plan");
        stage.succeeds("destroy --yes --allow-delete *");
    });
}

#[test]
fn by_a_kms_key() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        let aws = stage.aws(&server).await;
        let cx = aws.region(REGION);
        let kms = &cx.kms;
        let made = kms.create_key().send().await.unwrap().key_metadata.unwrap();
        stage.succeeds("apply --yes");
        let rotated = stage.json(&format!("state rotate --kms-key {}", made.key_id));
        assert_eq!(rotated["sealed"]["by"], "kms");
        is_sealed(&stage);
        stage.succeeds("plan");
        // What was sealed by a key stays so, though nobody names it again.
        stage.succeeds("state rm logs.app");
        is_sealed(&stage);
        let before = stage.state_files();

        kms.schedule_key_deletion().key_id(&made.key_id).send().await.unwrap();
        for line in ["plan", "apply --yes", "state pull"] {
            let refused = stage.fails(line);
            assert!(
                refused.contains(&made.key_id) && refused.contains("does not open it"),
                "{refused}"
            );
            assert!(refused.contains("kms Decrypt"), "{refused}");
        }
        assert_eq!(stage.state_files(), before, "nothing was touched");
    });
}

/// Who names a key for the bucket wants the state sealed by it: checkpoint, history and every object of the journal.
#[test]
fn in_a_bucket_by_the_key_of_the_bucket() {
    with_sandbox(|server| async move {
        let stage = Stage::new(&server);
        let aws = stage.aws(&server).await;
        let cx = aws.region(REGION);
        let key = cx.kms.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
        let here = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::EuWest1)
            .build();
        let create = cx.s3.create_bucket().bucket("sealed-state");
        create.create_bucket_configuration(here).send().await.unwrap();
        let place = format!("s3://sealed-state/team?region={REGION}&kmsKey={key}");
        let stage = stage.env("PLATCTL_STATE", &place);
        stage.succeeds("apply --yes");
        stage.succeeds("plan");
        stage.succeeds("state mv resources.news resources.offers");
        stage.succeeds("state rotate");
        stage.succeeds("state restore 1");
        stage.succeeds("plan");
        let listed = cx.s3.list_objects_v2().bucket("sealed-state").send().await.unwrap();
        let mut pieces = 0;
        for object in listed.contents() {
            let name = object.key().unwrap();
            let read = cx.s3.get_object().bucket("sealed-state").key(name).send().await.unwrap();
            let bytes = read.body.collect().await.unwrap().to_vec();
            if name.ends_with("/lock") || bytes.is_empty() {
                continue;
            }
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.lines().all(|line| line.starts_with("{\"sealed\":")), "{name}");
            for word in CONTENT {
                assert!(!text.contains(word), "{name}: {word}");
            }
            pieces += 1;
        }
        assert!(pieces >= 5, "{pieces} pieces");
        assert!(!stage.path().join(".platctl").exists());
        stage.succeeds("destroy --yes --allow-delete *");
    });
}
