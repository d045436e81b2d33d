//! `AWS::SNS::TopicPolicy`

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::reply::gone;
use super::shared_policy::{self, Live};
use super::{document, sns};
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, ReplaceOrder, Tagging, Token,
    Typical, Update, outputs,
};

pub struct TopicPolicy;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(deserialize_with = "document::deserialize")]
    policy_document: Value,
    topics: BTreeSet<String>,
}

impl Kind for TopicPolicy {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::SNS::TopicPolicy";
    const DOC: &'static str = "Who may use topics: one policy, set on each of them. \
        It stands at once; principals in it must exist, a fresh role may take some seconds. Nothing blocks its deletion, \
        which gives the topics back the policy that SNS makes for them: their own account may use them. \
        A topic has one policy: two resources that name the same topic overwrite each other. \
        The list of topics is what the policy is found by, so another list replaces it: the topics are without it for a \
        moment.";
    const FIELDS: &'static [Field] = &[
        Field::updates("PolicyDocument", "Who may do what with the topics.").document(),
        Field::replaces("Topics", "The ARNs of the topics.").set(),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The ARNs of the topics, with `|` between them.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(2, 2, 2);
    const REPLACE: ReplaceOrder = ReplaceOrder::DeleteFirst;

    fn id(live: &Live) -> PhysicalId {
        shared_policy::id(&live.holders())
    }

    fn spec(live: &Live) -> Spec {
        Spec { policy_document: live.document(), topics: live.holders() }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", Some(Self::id(live).as_str()))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(shared_policy::id(&spec.topics))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        shared_policy::read(wanted, |arn| async move {
            let attributes = sns::topic(cx, &arn).await?;
            let policy = attributes.and_then(|mut all| all.remove("Policy"));
            Ok(policy.map(|text| document::from_text(&text)).filter(|it| !is_default(it)))
        })
        .await
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        let id = shared_policy::id(&spec.topics);
        let policy = document::to_text(&spec.policy_document);
        for (done, arn) in spec.topics.iter().enumerate() {
            let put = sns::set_topic(cx, arn, POLICY, &policy).await;
            put.map_err(|fault| if done > 0 { fault.leaving(&id) } else { fault })?;
        }
        Ok(id)
    }

    async fn update(cx: &Cx, id: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        if update.has("PolicyDocument") {
            let policy = document::to_text(&update.to.policy_document);
            for arn in shared_policy::holders(id) {
                sns::set_topic(cx, &arn, POLICY, &policy).await?;
            }
        }
        Ok(())
    }

    async fn delete(cx: &Cx, id: &PhysicalId, _: &Spec, _: DeletionPolicy) -> Result<(), Fault> {
        for arn in shared_policy::holders(id) {
            let policy = default(&arn).to_string();
            gone(sns::set_topic(cx, &arn, POLICY, &policy).await)?;
        }
        Ok(())
    }
}

/// The name of the attribute.
const POLICY: &str = "Policy";
const DEFAULT_ID: &str = "__default_policy_ID";
const DEFAULT_STATEMENT: &str = "__default_statement_ID";

/// The policy that SNS makes for a fresh topic. A topic cannot be without one.
fn default(arn: &str) -> Value {
    let account = arn.split(':').nth(4).unwrap_or_default();
    let actions = [
        "SNS:GetTopicAttributes",
        "SNS:SetTopicAttributes",
        "SNS:AddPermission",
        "SNS:RemovePermission",
        "SNS:DeleteTopic",
        "SNS:Subscribe",
        "SNS:ListSubscriptionsByTopic",
        "SNS:Publish",
    ];
    json!({
        "Version": "2008-10-17",
        "Id": DEFAULT_ID,
        "Statement": [{
            "Sid": DEFAULT_STATEMENT,
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": actions,
            "Resource": arn,
            "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
        }],
    })
}

/// Whether nobody has set this policy. People like to start from the default one and add statements.
fn is_default(policy: &Value) -> bool {
    let statements = policy["Statement"].as_array();
    policy["Id"] == DEFAULT_ID
        && statements.is_some_and(|all| all.len() == 1 && all[0]["Sid"] == DEFAULT_STATEMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_counts_as_none() {
        let mut policy = default("arn:aws:sns:eu-west-1:123456789012:orders");
        assert!(is_default(&policy));
        let owner = &policy["Statement"][0]["Condition"]["StringEquals"]["AWS:SourceOwner"];
        assert_eq!(owner, "123456789012");
        policy["Statement"].as_array_mut().unwrap().push(json!({"Sid": "ours"}));
        assert!(!is_default(&policy));
    }
}
