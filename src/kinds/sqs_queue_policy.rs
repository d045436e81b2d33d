//! `AWS::SQS::QueuePolicy`

use std::collections::BTreeSet;

use aws_sdk_sqs::types::QueueAttributeName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reply::gone;
use super::shared_policy::{self, Live};
use super::{document, sqs};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct QueuePolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
    queues: BTreeSet<String>,
}

impl Kind for QueuePolicy {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SQS::QueuePolicy";
    const DOC: &'static str = "Who may use queues: one policy, set on each of them. \
        It stands at once, though SQS takes up to 60 seconds to apply it everywhere. Nothing blocks its deletion. \
        A queue has one policy: two resources that name the same queue overwrite each other. \
        The list of queues is what the policy is found by, so another list replaces it: the queues are without it for a \
        moment.";
    const FIELDS: &'static [Field] = &[
        Field::updates("PolicyDocument", "Who may do what with the queues.").document(),
        Field::replaces("Queues", "The URLs of the queues.").set(),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The URLs of the queues, with `|` between them.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        shared_policy::id(&live.holders())
    }

    fn spec(live: &Live) -> Spec {
        Spec { policy_document: live.document(), queues: live.holders() }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", Some(Self::id(live).as_str()))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(shared_policy::id(&spec.queues))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        shared_policy::read(wanted, |url| async move {
            let attributes = sqs::attributes(cx, &url).await?;
            let policy = attributes.and_then(|mut all| all.remove("Policy"));
            Ok(policy.filter(|text| !text.is_empty()).map(|text| document::from_text(&text)))
        })
        .await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let id = shared_policy::id(&spec.queues);
        for (done, url) in spec.queues.iter().enumerate() {
            let put = put(cx, url, document::to_text(&spec.policy_document)).await;
            put.map_err(|fault| if done > 0 { fault.leaving(&id) } else { fault })?;
        }
        Ok(id)
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("PolicyDocument") {
            for url in shared_policy::holders(id) {
                put(cx, &url, document::to_text(&update.to.policy_document)).await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        for url in shared_policy::holders(id) {
            gone(put(cx, &url, NO_POLICY.into()).await)?;
        }
        Ok(())
    }
}

/// What takes a policy away.
const NO_POLICY: &str = "";

async fn put(cx: &Cx, url: &str, policy: String) -> Result<(), Fault> {
    let set = cx.sqs.set_queue_attributes().queue_url(url);
    set.attributes(QueueAttributeName::Policy, policy).send().await?;
    Ok(())
}
