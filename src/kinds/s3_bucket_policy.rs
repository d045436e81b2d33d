//! `AWS::S3::BucketPolicy`

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document;
use super::reply::{gone, present};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Scope, Tagging,
    Token, Typical, Update, outputs,
};

pub struct BucketPolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    bucket: String,
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
}

#[derive(Debug)]
pub struct Live {
    bucket: String,
    policy: String,
}

impl Kind for BucketPolicy {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::S3::BucketPolicy";
    const DOC: &'static str = "Who may do what with a bucket and its objects: its one policy. \
        Counts at once; principals must exist. It has no tags: it belongs to whom the bucket belongs. \
        Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::replaces("Bucket", "The name of the bucket.").when_ready(),
        Field::updates("PolicyDocument", "The policy.").document(),
    ];
    const OUTPUTS: &'static [Output] = &[Output::with_id("Bucket", "The name of the bucket.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);
    const SCOPE: Scope = Scope::RegionAndName;
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        PhysicalId::new(&live.bucket)
    }

    fn spec(live: &Live) -> Spec {
        Spec { bucket: live.bucket.clone(), policy_document: document::from_text(&live.policy) }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Bucket", Some(&live.bucket))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(PhysicalId::new(&spec.bucket))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let names = wanted.iter().filter_map(Lookup::id);
        // No list tells policies: a call for each bucket.
        let lives = stream::iter(names.map(|bucket| live(cx, bucket)).collect::<Vec<_>>());
        let lives: Vec<_> = lives.buffer_unordered(READS_MAX).try_collect().await?;
        Ok(lives.into_iter().flatten().collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        put(cx, &spec.bucket, &spec.policy_document).await?;
        Ok(PhysicalId::new(&spec.bucket))
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        put(cx, id.as_str(), &update.to.policy_document).await
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        gone(cx.s3.delete_bucket_policy().bucket(id.as_str()).send().await)
    }
}

/// Buckets that are asked at once.
const READS_MAX: usize = 16;

/// The policy of a bucket, if both are there.
async fn live(cx: &Cx, bucket: &str) -> Result<Option<Live>, Fault> {
    let reply = present(cx.s3.get_bucket_policy().bucket(bucket).send().await)?;
    let live = |policy| Live { bucket: bucket.into(), policy };
    Ok(reply.and_then(|reply| reply.policy).map(live))
}

async fn put(cx: &Cx, bucket: &str, policy: &Value) -> Result<(), Fault> {
    let put = cx.s3.put_bucket_policy().bucket(bucket);
    put.policy(document::to_text(policy)).send().await?;
    Ok(())
}
