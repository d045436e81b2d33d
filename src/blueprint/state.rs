//! `state`: where it is kept what platctl has made.

use super::check::Check;
use super::decode::schema;
use super::value::{Arn, BucketName, ObjectPrefix, Region, TableName};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;

schema! {
    /// Where it is kept what platctl has made. Without it, in the folder `.platctl`.
    pub struct StateSettings("where state is kept") {
        /// A bucket, so that a team can work on one stack: one at a time, each from where the last one stopped.
        pub s3: Option<Spanned<StateBucket>>,
        /// Where the lock is, if not in the bucket.
        pub lock: Option<Spanned<StateLock>>,
        /// How the state is sealed, wherever it is kept.
        pub encryption: Option<StateEncryption>,
    }
}

schema! {
    /// A bucket for state. It must exist; platctl does not make it.
    pub struct StateBucket("a bucket for state") {
        /// The bucket.
        pub bucket: Spanned<BucketName>,
        /// What the keys of all objects begin with; the name of the stack follows.
        pub prefix: Spanned<ObjectPrefix> = "platctl",
        /// The bucket's region, if it is not the blueprint's.
        pub region: Option<Spanned<Region>>,
        /// The KMS key that encrypts the objects; without it, as the bucket says.
        pub kms_key: Option<Spanned<Arn>>,
    }
}

schema! {
    /// How state is sealed. Without it: by the bucket's KMS key, if one is named, by the passphrase in
    /// `PLATCTL_STATE_PASSPHRASE`, if there is one, and as it is sealed already.
    pub struct StateEncryption("how state is sealed") {
        /// The KMS key that seals it.
        pub kms_key: Option<Spanned<Arn>>,
        /// Whether state that is not sealed is refused. Else it is read, and sealed when it is written next.
        pub required: bool = "false",
    }
}

schema! {
    /// Where the lock is.
    pub struct StateLock("a place for the lock") {
        /// A table of DynamoDB.
        pub dynamodb: Spanned<LockTable>,
    }
}

schema! {
    /// A table for locks, as Terraform wants it: its key is the text `LockID`. It must exist.
    pub struct LockTable("a table for locks") {
        /// The table, in the bucket's region.
        pub table: Spanned<TableName>,
    }
}

impl StateSettings {
    pub(super) fn check(&self, check: &mut Check<'_>) {
        if let (None, Some(lock)) = (&self.s3, &self.lock) {
            check.report(
                Diagnostic::error("a lock of its own is for state in a bucket")
                    .at(lock.span, "the lock of a folder is held by the operating system")
                    .hint("Say in `s3` which bucket holds the state, or leave `lock` out."),
            );
        }
        let of_bucket = self.s3.as_ref().and_then(|s3| s3.kms_key.as_ref());
        let of_seal = self.encryption.as_ref().and_then(|it| it.kms_key.as_ref());
        let keys = of_bucket.into_iter().chain(of_seal);
        for key in keys.filter(|key| key.service() != "kms") {
            check.report(
                Diagnostic::error(format!("`{key}` is not a KMS key"))
                    .at(key.span, format!("an ARN of {}", key.service())),
            );
        }
    }
}
